/* echo/load_check.c: a state that was loaded is looked at. See load_check.h.
 *
 * Layer: floor 1, echo. */
#include "echo/load_check.h"

#include <string.h>

#include "base/limits.h"
#include "echo/entity.h"
#include "echo/purge.h"
#include "echo/saved_state.h"
#include "model/registry.h"

void dx_load_check_init(dx_load_check *check, dx_context *context, const dx_control *control,
                        const dx_cut *cut, const uint64_t *sums) {
    *check = (dx_load_check){.context = context, .control = control, .cut = cut, .sums = sums};
    dx_key_set_init(&check->keys, context->alloc, context->random, SIZE_MAX);
    dx_key_set_init(&check->wanted, context->alloc, context->random, SIZE_MAX);
    dx_buf_init(&check->saved, context->alloc, DX_STATE_SIZE_MAX);
}

void dx_load_check_deinit(dx_load_check *check) {
    dx_key_set_deinit(&check->keys);
    dx_key_set_deinit(&check->wanted);
    dx_buf_deinit(&check->saved);
}

/* --- Packing ------------------------------------------------------------------------------------- */

/* All pieces but the last are as large as a chunk may be. */
int dx_load_check_chunk(dx_chunk_kind kind, size_t size, size_t sealed_size) {
    bool sealed = sealed_size == 1 + size + DX_SECTION_OVERHEAD;
    bool cut = kind != DX_CHUNK_PIECE || size == DX_SNAPSHOT_CHUNK_SIZE;
    return sealed && cut && size <= DX_SNAPSHOT_CHUNK_SIZE ? DX_OK : DX_E_MALFORMED;
}

/* As dx_packer_add would put it, by sizes alone: an item stands in the chunk under way if it fits, and in one of its own, or
 * several, if it does not. */
int dx_load_check_item(dx_load_check *check, dx_bytes item, const dx_load_place *place) {
    bool fits = check->filled != 0 && check->filled + item.size <= DX_SNAPSHOT_CHUNK_SIZE;
    bool whole = item.size <= DX_SNAPSHOT_CHUNK_SIZE;
    if (place->begins == fits || place->whole != whole) {
        return DX_E_MALFORMED;
    }
    check->filled = !whole || place->last ? 0 : item.size + (fits ? check->filled : 0);
    return DX_OK;
}

/* --- Entities ------------------------------------------------------------------------------------ */

static int64_t key_of(const dx_snapshot_place *place) {
    return dx_entity_key((int64_t)place->feed + 1, place->seq, place->index);
}

/* An entity that this one names: it came, or is to come, or was purged. */
static int want(dx_load_check *check, const dx_snapshot_place *place) {
    if (place->none || dx_key_set_has(&check->keys, key_of(place)) ||
        dx_purge_has_place(check->control, check->cut->places[place->feed].feed, place->seq, place->index)) {
        return DX_OK;
    }
    int error = dx_key_set_add(&check->wanted, key_of(place));
    return error == DX_E_EXISTS ? DX_OK : error;
}

/* A stamp of this feed that lies below the cut, and not before the entity was made. */
static bool is_below(const dx_load_check *check, const dx_snapshot_entity *in, uint64_t counter,
                     uint64_t feed) {
    return counter >= in->created && counter <= check->sums[feed];
}

/* The creation is the first. */
static int check_moves(dx_load_check *check, const dx_snapshot_entity *in) {
    dx_reader moves;
    int error = DX_OK;
    dx_reader_init(&moves, in->moves);
    for (size_t i = 0; i < in->move_count && error == DX_OK; i++) {
        dx_snapshot_move move;
        error = dx_snapshot_move_read(&moves, &move);
        bool first = i == 0 && move.counter == in->created && move.feed == in->place.feed;
        bool sound = error == DX_OK && is_below(check, in, move.counter, move.feed) && (i != 0 || first);
        error = error == DX_OK && !sound ? DX_E_MALFORMED : error;
        error = error == DX_OK ? want(check, &move.parent) : error;
    }
    return error;
}

/* Feeds of operations stand by their prefixes. */
static int check_operations(const dx_load_check *check, const dx_snapshot_entity *in) {
    dx_reader list;
    int error = DX_OK;
    dx_reader_init(&list, in->content);
    for (size_t count = dx_read_array(&list); count > 0 && error == DX_OK; count--) {
        uint8_t prefix[DX_PREFIX_SIZE];
        size_t at = 0;
        (void)dx_read_array(&list);
        uint64_t counter = dx_read_uint(&list);
        dx_read_bytes_exact(&list, prefix, sizeof prefix);
        (void)dx_read_item(&list);
        while (at < check->cut->count && memcmp(check->cut->places[at].feed, prefix, sizeof prefix) != 0) {
            at++;
        }
        bool sound = at < check->cut->count && is_below(check, in, counter, at);
        error = list.error != DX_OK || !sound ? DX_E_MALFORMED : DX_OK;
    }
    return error;
}

/* What its model would have saved. */
static int check_state(dx_load_check *check, const dx_snapshot_entity *in) {
    dx_bytes name = in->model.size == 0 ? dx_bytes_text(dx_object_model.name) : in->model;
    const dx_model *model = dx_model_find(check->context->models, name);
    const dx_stamp created = {.counter = in->created};
    dx_bytes canonical;
    if (model != NULL && model->canonical != NULL) {
        int error = dx_saved_state_canonical(check->context, model, in->content, &check->saved, &canonical);
        bool sound = error == DX_OK && dx_bytes_equal(canonical, in->content);
        return error == DX_E_NO_MEMORY ? error : sound ? DX_OK : DX_E_MALFORMED;
    }
    void *state = model == NULL ? NULL : model->create(check->context->alloc, &created);
    if (state == NULL) {
        return model == NULL ? DX_E_CORRUPT : DX_E_NO_MEMORY;
    }
    dx_buf_clear(&check->saved);
    int error = model->restore(state, in->content);
    error = error == DX_OK ? model->save(state, &check->saved) : error;
    model->destroy(check->context->alloc, state);
    bool same = error == DX_OK && dx_bytes_equal(dx_buf_view(&check->saved), in->content);
    return error == DX_E_NO_MEMORY ? error : same ? DX_OK : DX_E_MALFORMED;
}

static int check_content(dx_load_check *check, const dx_snapshot_entity *in) {
    if (in->content.size > DX_STATE_SIZE_MAX) {
        return DX_E_MALFORMED;
    }
    switch (in->form) {
    case DX_CONTENT_STATE:
        return check_state(check, in);
    case DX_CONTENT_OPERATIONS:
        return check_operations(check, in);
    case DX_CONTENT_NONE:
        break;
    }
    return DX_OK;
}

int dx_load_check_entity(dx_load_check *check, const dx_snapshot_entity *in) {
    bool link = in->kind == DX_ENTITY_LINK;
    bool sound = in->created > in->place.seq && in->created <= check->sums[in->place.feed] &&
                 (!in->has_life || is_below(check, in, in->life_counter, in->life_feed)) &&
                 link == !in->source.none && link == !in->target.none;
    int error = sound ? dx_key_set_add(&check->keys, key_of(&in->place)) : DX_E_MALFORMED;
    error = error == DX_E_EXISTS ? DX_E_MALFORMED : error;
    error = error == DX_OK ? want(check, &in->parent) : error;
    error = error == DX_OK ? want(check, &in->source) : error;
    error = error == DX_OK ? want(check, &in->target) : error;
    error = error == DX_OK ? check_moves(check, in) : error;
    return error == DX_OK ? check_content(check, in) : error;
}

int dx_load_check_end(const dx_load_check *check) {
    return dx_key_set_holds(&check->keys, &check->wanted) ? DX_OK : DX_E_MALFORMED;
}
