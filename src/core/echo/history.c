/* echo/history.c: an entity as it was, what changed it, and its way back. See history.h.
 *
 * Layer: floor 1, echo. */
#include "echo/history.h"

#include <string.h>

#include "codec/canonical.h"
#include "echo/base.h"
#include "echo/entity_row.h"
#include "echo/hierarchy.h"
#include "echo/remake.h"
#include "model/object_difference.h"
#include "model/object_inverse.h"

/* --- Points ----------------------------------------------------------------------------------- */

void dx_point_print(const dx_stamp *point, char out[static DX_POINT_TEXT_MAX]) {
    sqlite3_snprintf(DX_POINT_TEXT_MAX, out, "%llu-", (sqlite3_uint64)point->counter);
    dx_hex_encode(dx_bytes_of(point->feed, sizeof point->feed), out + strlen(out));
}

/* Digits from *at on; false when there are none, or too many. */
static bool take_number(dx_bytes text, size_t *at, uint64_t *out) {
    size_t begin = *at;
    *out = 0;
    for (; *at < text.size && text.data[*at] >= '0' && text.data[*at] <= '9'; ++*at) {
        if (*out > (INT64_MAX - 9) / 10) {
            return false;
        }
        *out = 10 * *out + (text.data[*at] - (uint64_t)'0');
    }
    return *at != begin;
}

int dx_point_parse(dx_bytes text, dx_stamp *out) {
    size_t at = 0;
    memset(out->feed, 0xff, sizeof out->feed);
    if (!take_number(text, &at, &out->counter)) {
        return DX_E_INVALID;
    }
    if (at == text.size) {
        return DX_OK;
    }
    size_t digits = text.size - at - 1;
    if (text.data[at] != '-' || digits == 0 || digits > 2 * sizeof out->feed) {
        return DX_E_INVALID;
    }
    char hex[2 * DX_FEED_PREFIX_SIZE];
    memset(hex, 'f', sizeof hex);
    memcpy(hex, text.data + at + 1, digits);
    return dx_hex_decode(hex, sizeof hex, out->feed, sizeof out->feed);
}

dx_stamp dx_point_before(const dx_stamp *point) {
    dx_stamp before = *point;
    for (size_t i = sizeof before.feed; i-- > 0;) {
        if (before.feed[i]-- != 0) {
            return before;
        }
    }
    before.counter -= before.counter != 0;
    return before;
}

dx_stamp dx_point_after(const dx_stamp *point) {
    dx_stamp after = *point;
    for (size_t i = sizeof after.feed; i-- > 0;) {
        if (++after.feed[i] != 0) {
            return after;
        }
    }
    after.counter += after.counter < INT64_MAX;
    return after;
}

/* --- Versions --------------------------------------------------------------------------------- */

static void set_stamp(dx_stamp *stamp, int64_t counter, const dx_feed *feed) {
    stamp->counter = (uint64_t)counter;
    memcpy(stamp->feed, feed->id, sizeof stamp->feed);
}

typedef struct version_walk {
    const dx_stamp *before;
    size_t left;
    int (*on_version)(void *ctx, const dx_version *version);
    void *ctx;
    bool more;
} version_walk;

/* Tells one, if it is asked for and there to be told. */
static int tell_version(dx_context *context, dx_space *space, dx_feed *feed, uint64_t seq, uint64_t index,
                        int64_t counter, version_walk *walk) {
    dx_version version = {.feed = feed, .seq = seq};
    dx_block block;
    bool there;
    if (feed == NULL || !dx_touch_is_in_effect(feed, seq)) {
        return DX_OK;
    }
    set_stamp(&version.stamp, counter, feed);
    if (walk->before != NULL && dx_stamp_compare(&version.stamp, walk->before) >= 0) {
        return DX_OK;
    }
    if (walk->left == 0) {
        walk->more = true;
        return DX_OK;
    }
    int error = dx_pipeline_block(context, space, feed, seq, &block);
    error = error != DX_OK ? error : dx_touch_open(context, space, feed, seq, index, &block, &there);
    if (error != DX_OK || !there ||
        dx_section_decode(dx_buf_view(&space->plain), feed->id, &version.section) != DX_OK) {
        return error;
    }
    version.parent = dx_touch_place(space, feed, seq, &version.section.moved_to);
    version.wall_ms = block.header.wall_ms;
    walk->left--;
    return walk->on_version(walk->ctx, &version);
}

int dx_history_versions(dx_context *context, dx_space *space, int64_t key, const dx_stamp *before,
                        size_t limit, int (*on_version)(void *ctx, const dx_version *version), void *ctx,
                        bool *more) {
    version_walk walk = {.before = before, .left = limit, .on_version = on_version, .ctx = ctx};
    dx_touch touch;
    dx_entity_row row;
    dx_stamp at = {.counter = INT64_MAX};
    memset(at.feed, 0xff, sizeof at.feed);
    int error = dx_entity_rows_settle(context, space);
    error = error == DX_OK ? dx_entity_row_read(context, space, key, &row) : error;
    if (before != NULL) {
        at = *before;
    }
    for (bool found = true; error == DX_OK && found && !walk.more;) {
        error = dx_touch_find(context, space, key, false, &at, &touch, &found);
        if (error == DX_OK && found) {
            error = tell_version(context, space, dx_space_feed(space, touch.block >> 32),
                                 (uint64_t)touch.block & UINT32_MAX, (uint64_t)touch.section, touch.counter,
                                 &walk);
        }
    }
    if (error == DX_OK && !walk.more && !dx_base_has(space, key)) {
        error = tell_version(context, space, dx_space_feed(space, dx_entity_key_feed(key)),
                             dx_entity_key_seq(key), dx_entity_key_index(key), row.created, &walk);
    }
    *more = walk.more;
    return error;
}

bool dx_history_is_cut(dx_space *space, int64_t key) {
    return dx_base_has(space, key);
}

int dx_history_latest(dx_context *context, dx_space *space, int64_t key, const dx_stamp *point,
                      dx_stamp *out) {
    dx_touch touch;
    dx_entity_row row;
    dx_stamp at = dx_point_after(point);
    int error = dx_entity_rows_settle(context, space);
    for (bool found = true; error == DX_OK && found;) {
        error = dx_touch_find(context, space, key, false, &at, &touch, &found);
        const dx_feed *feed = error == DX_OK && found ? dx_space_feed(space, touch.block >> 32) : NULL;
        if (feed != NULL && dx_touch_is_in_effect(feed, (uint64_t)touch.block & UINT32_MAX)) {
            *out = at;
            return DX_OK;
        }
    }
    const dx_feed *maker = dx_space_feed(space, dx_entity_key_feed(key));
    error = error == DX_OK ? dx_entity_row_read(context, space, key, &row) : error;
    if (error == DX_OK && maker != NULL) {
        set_stamp(out, row.created, maker);
    }
    return error == DX_OK && (maker == NULL || dx_stamp_compare(out, point) > 0) ? DX_E_NOT_FOUND : error;
}

/* --- States ----------------------------------------------------------------------------------- */

int dx_history_entity(dx_context *context, dx_space *space, int64_t key, const dx_stamp *point, dx_buf *state,
                      dx_entity *out) {
    const dx_scope scope = {.point = point};
    dx_aside aside = {.state = state};
    dx_buf_clear(state);
    int error = dx_entity_rows_settle(context, space);
    error = error == DX_OK ? dx_remake(context, space, key, &scope, &aside) : error;
    return error == DX_OK ? dx_entity_row_show(context, space, &aside.row, out) : error;
}

/* --- The way back ----------------------------------------------------------------------------- */

/* An entity at a point, or now, as a value of its own. */
typedef struct sight {
    bool there, deleted;
    int64_t parent;
    const dx_model *model; /* NULL: not known */
    uint64_t created;
    dx_buf saved, view; /* the view: one map, or null */
} sight;

static void look_init(sight *at, dx_context *context) {
    *at = (sight){.there = false};
    dx_buf_init(&at->saved, context->alloc, DX_STATE_SIZE_MAX);
    dx_buf_init(&at->view, context->alloc, DX_STATE_SIZE_MAX);
}

static void look_deinit(sight *at) {
    dx_buf_deinit(&at->saved);
    dx_buf_deinit(&at->view);
}

/* point: NULL for now. */
static int look(sight *at, dx_context *context, dx_space *space, int64_t key, const dx_stamp *point) {
    dx_entity entity;
    dx_buf state;
    dx_buf_init(&state, context->alloc, DX_STATE_SIZE_MAX);
    int error = point == NULL ? dx_entity_read(context, space, key, &entity)
                              : dx_history_entity(context, space, key, point, &state, &entity);
    if (error == DX_OK) {
        dx_writer writer;
        at->there = true;
        at->deleted = entity.deleted;
        at->parent = entity.parent;
        at->model = entity.model;
        at->created = entity.created;
        dx_buf_append(&at->saved, entity.state.data, entity.state.size);
        dx_writer_init(&writer, &at->view);
        error = dx_entity_view(context, space, &entity, &writer);
        error = error == DX_OK ? dx_writer_finish(&writer) : error;
        error = error == DX_OK ? dx_buf_error(&at->saved) : error;
    }
    dx_buf_deinit(&state);
    return error;
}

/* What is written of an entity in its transaction. */
typedef struct writing_back {
    dx_transaction *transaction;
    int64_t key;
} writing_back;

static int set_path(void *ctx, dx_bytes path, dx_bytes value) {
    const writing_back *self = ctx;
    return value.size == 0 ? dx_transaction_unset(self->transaction, self->key, path)
                           : dx_transaction_set(self->transaction, self->key, path, value);
}

static int edit_path(void *ctx, dx_bytes path, uint32_t kind, dx_bytes element, dx_bytes payload) {
    const writing_back *self = ctx;
    return dx_transaction_edit(self->transaction, self->key, path, kind, element, payload);
}

/* --- To a point ---------------------------------------------------------------------------------- */

/* The values are what stands now and what shall. */
static int bring_path(void *ctx, dx_bytes path, const dx_bytes *values) {
    bool maps = values[0].size != 0 && values[1].size != 0 && dx_item_kind(values[0]) == DX_KIND_MAP &&
                dx_item_kind(values[1]) == DX_KIND_MAP;
    return maps ? DX_GO_BELOW : set_path(ctx, path, values[1]);
}

int dx_history_bring_back(dx_transaction *transaction, dx_context *context, dx_space *space, int64_t key,
                          const dx_stamp *point) {
    sight then, now;
    look_init(&then, context);
    look_init(&now, context);
    int error = look(&then, context, space, key, point);
    error = error == DX_OK ? look(&now, context, space, key, NULL) : error;
    if (error == DX_OK && now.model != &dx_object_model) {
        error = DX_E_UNSUPPORTED;
    }
    if (error == DX_OK && now.deleted) {
        error = dx_transaction_restore(transaction, key); /* only what is not deleted can be set */
    }
    if (error == DX_OK) {
        writing_back writing = {.transaction = transaction, .key = key};
        const dx_bytes views[] = {dx_buf_view(&now.view), dx_buf_view(&then.view)};
        error = dx_views_walk(context->alloc, views, 2, bring_path, &writing);
    }
    if (error == DX_OK && then.parent != now.parent) {
        error = dx_transaction_move(transaction, key, then.parent);
        error = error == DX_E_CONFLICT ? DX_OK : error; /* what it stood under stands under it now */
    }
    if (error == DX_OK && then.deleted) {
        error = dx_transaction_delete(transaction, key);
    }
    look_deinit(&then);
    look_deinit(&now);
    return error;
}

/* --- Without a transaction ------------------------------------------------------------------------ */

/* A transaction taken back of one entity: as it was without it, with it, and is. */
typedef struct taking_back {
    dx_transaction *transaction;
    dx_context *context;
    dx_space *space;
    int64_t key;
    const dx_authorship *own;
    sight before, after, now;
    bool *kept;
} taking_back;

/* Whether this is another's word, and later than the transaction. */
static bool is_anothers(const taking_back *self, const dx_stamp *stamp) {
    dx_bytes feeds = self->own->feeds;
    for (size_t at = 0; at < feeds.size; at += sizeof stamp->feed) {
        if (memcmp(stamp->feed, feeds.data + at, sizeof stamp->feed) == 0) {
            return false;
        }
    }
    return dx_stamp_compare(stamp, &self->own->first) > 0;
}

/* Of whether it lives: who said so last. */
static int read_life(const taking_back *self, bool *anothers) {
    dx_entity_row row;
    int error = dx_entity_row_read(self->context, self->space, self->key, &row);
    *anothers = false;
    if (error == DX_OK && row.has_life) {
        dx_stamp stamp;
        const dx_feed *feed = dx_space_feed(self->space, row.life_feed);
        if (feed == NULL) {
            return DX_E_CORRUPT;
        }
        set_stamp(&stamp, row.life_counter, feed);
        *anothers = is_anothers(self, &stamp);
    }
    return error;
}

static int take_move(void *ctx, const dx_move *move) {
    *(dx_stamp *)ctx = move->stamp; /* they ascend */
    return DX_OK;
}

static int invert_move(const taking_back *self) {
    dx_stamp latest = {.counter = 0};
    int error = dx_hierarchy_moves(self->context, self->key, take_move, &latest);
    if (error != DX_OK) {
        return error;
    }
    if (self->now.parent != self->after.parent || (latest.counter != 0 && is_anothers(self, &latest))) {
        *self->kept = *self->kept || self->now.parent != self->before.parent;
        return DX_OK;
    }
    error = dx_transaction_move(self->transaction, self->key, self->before.parent);
    *self->kept = *self->kept || error == DX_E_CONFLICT; /* it would stand below itself */
    return error == DX_E_CONFLICT ? DX_OK : error;
}

static int invert_object(const taking_back *self, const dx_stamp *created) {
    const sight *before = &self->before, *after = &self->after, *now = &self->now;
    writing_back writing = {.transaction = self->transaction, .key = self->key};
    const dx_feed *writer = dx_space_feed(self->space, self->space->own_data);
    if (writer == NULL) {
        return DX_E_CORRUPT;
    }
    const dx_object_inverse inverse = {
        .alloc = self->context->alloc,
        .created = *created,
        .before = {dx_buf_view(&before->saved), dx_buf_view(&before->view)},
        .after = {dx_buf_view(&after->saved), dx_buf_view(&after->view)},
        .now = {dx_buf_view(&now->saved), dx_buf_view(&now->view)},
        .first = self->own->first,
        .last = self->own->last,
        .authors = self->own->feeds,
        .writer = writer->id,
        .set = set_path,
        .edit = edit_path,
        .ctx = &writing,
    };
    return dx_object_invert(&inverse, self->kept);
}

/* Of another model: what it says is the way back. */
static int invert_state(const taking_back *self) {
    const sight *sights[] = {&self->before, &self->after, &self->now};
    const dx_alloc *alloc = self->context->alloc;
    const dx_model *model = self->now.model;
    void *states[3] = {NULL};
    dx_buf operation;
    dx_provenance provenance;
    int error =
        dx_provenance_find(self->context, self->space, self->key, self->now.created, model, &provenance);
    dx_buf_init(&operation, alloc, DX_BLOCK_SIZE_MAX);
    for (size_t i = 0; i < 3 && error == DX_OK; i++) {
        states[i] = model->create(alloc, &provenance.created);
        error = states[i] == NULL            ? DX_E_NO_MEMORY
                : sights[i]->saved.size == 0 ? DX_OK
                                             : model->restore(states[i], dx_buf_view(&sights[i]->saved));
    }
    if (error == DX_OK) {
        const dx_stamp first = dx_provenance_stamp(&provenance, &self->own->first),
                       last = dx_provenance_stamp(&provenance, &self->own->last);
        error = model->invert(states[0], states[1], states[2], &first, &last, &operation, self->kept);
    }
    if (error == DX_OK && operation.size != 0) {
        error = dx_transaction_operate(self->transaction, self->key, dx_buf_view(&operation));
    }
    for (size_t i = 0; i < 3; i++) {
        if (states[i] != NULL) {
            model->destroy(alloc, states[i]);
        }
    }
    dx_buf_deinit(&operation);
    return error;
}

static int invert_content(const taking_back *self) {
    const dx_model *model = self->now.model;
    const dx_feed *maker = dx_space_feed(self->space, dx_entity_key_feed(self->key));
    dx_stamp created;
    if (dx_bytes_equal(dx_buf_view(&self->before.saved), dx_buf_view(&self->after.saved))) {
        return DX_OK;
    }
    /* A model is told of one author by one feed: what he did by another he does not write with any more is kept. */
    const dx_feed *writer = dx_space_feed(self->space, self->space->own_data);
    bool is_writers =
        writer != NULL && memcmp(writer->id, self->own->first.feed, sizeof self->own->first.feed) == 0;
    if (model != &dx_object_model && (model == NULL || model->invert == NULL || !is_writers)) {
        *self->kept = true;
        return DX_OK;
    }
    DX_ASSERT(maker != NULL);
    set_stamp(&created, (int64_t)self->now.created, maker);
    return model == &dx_object_model ? invert_object(self, &created) : invert_state(self);
}

/* Back to whether it lived before, where what the transaction made of that holds; what it holds is changed while it
 * lives. */
static int take_back(const taking_back *self) {
    bool was_deleted = !self->before.there || self->before.deleted, anothers;
    int error = read_life(self, &anothers);
    bool changes = was_deleted != self->after.deleted;
    bool holds = changes && self->now.deleted == self->after.deleted && !anothers;
    if (error == DX_OK && changes && !holds) {
        *self->kept = *self->kept || self->now.deleted != was_deleted;
    }
    if (error == DX_OK && holds && !was_deleted) {
        error = dx_transaction_restore(self->transaction, self->key);
    }
    bool lives = !self->now.deleted || (holds && !was_deleted);
    /* What it held before it was made is nothing; what a deleted one holds cannot be changed and is not seen. */
    if (error == DX_OK && lives && self->before.there) {
        error = self->before.parent != self->after.parent ? invert_move(self) : DX_OK;
        error = error == DX_OK ? invert_content(self) : error;
    }
    if (error == DX_OK && holds && was_deleted) {
        error = dx_transaction_delete(self->transaction, self->key);
    }
    return error;
}

int dx_history_invert(dx_transaction *transaction, dx_context *context, dx_space *space, int64_t key,
                      const dx_authorship *own, bool *kept) {
    taking_back self = {
        .transaction = transaction, .context = context, .space = space, .key = key, .own = own, .kept = kept};
    dx_stamp earlier = dx_point_before(&own->first);
    look_init(&self.before, context);
    look_init(&self.after, context);
    look_init(&self.now, context);
    int error = look(&self.before, context, space, key, &earlier);
    error = error == DX_OK || error == DX_E_NOT_FOUND ? look(&self.after, context, space, key, &own->last)
                                                      : error;
    error = error == DX_OK ? look(&self.now, context, space, key, NULL) : error;
    error = error == DX_OK ? take_back(&self) : error;
    look_deinit(&self.before);
    look_deinit(&self.after);
    look_deinit(&self.now);
    return error;
}
