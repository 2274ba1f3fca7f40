/* echo/purge.c: what must really go. See purge.h.
 *
 * Layer: floor 1, echo. Table purged has the ids whose work is done, so that a crash goes on where it was; table purges_done
 * for which set of PURGEs all was done, the log begun anew included. */
#include "echo/purge.h"
#include "echo/hidden.h"

#include <string.h>

#include "echo/base.h"
#include "echo/entity_row.h"
#include "echo/full_text.h"
#include "echo/hierarchy.h"
#include "echo/key_set.h"
#include "echo/late.h"
#include "echo/ordered.h"
#include "echo/own_feed.h"
#include "echo/section.h"
#include "echo/space_scope.h"
#include "echo/space_state.h"
#include "echo/touch.h"
#include "echo/trace.h"
#include "halo/control_purge.h"

enum {
    TOUCHES_AT_ONCE = 32,
    /* Places that a purge names, in as many PURGEs as that takes: what newcomers need not look for. */
    PLACES_TOLD_MAX = 2048
};

/* --- Which ----------------------------------------------------------------------------------------- */

static void write_id(const uint8_t prefix[static DX_PREFIX_SIZE], uint64_t seq, uint64_t index,
                     uint8_t out[static DX_ID_SIZE]) {
    memcpy(out, prefix, DX_PREFIX_SIZE);
    for (int i = 0; i < 4; i++) {
        out[DX_PREFIX_SIZE + i] = (uint8_t)(seq >> (24 - 8 * i));
    }
    out[DX_PREFIX_SIZE + 4] = (uint8_t)(index >> 8);
    out[DX_PREFIX_SIZE + 5] = (uint8_t)index;
}

bool dx_purge_covers(const dx_space *space, const dx_feed *feed, uint64_t seq, uint64_t index,
                     dx_bytes plaintext, uint8_t id[static DX_ID_SIZE]) {
    dx_section section;
    if (dx_control_purge_count(space->control) == 0 ||
        dx_section_decode(plaintext, feed->id, &section) != DX_OK) {
        return false;
    }
    if (section.creates) {
        write_id(feed->id, seq, index, id);
    } else {
        const dx_place *subject = &section.subject;
        write_id(subject->form == DX_PLACE_FEED ? subject->feed : feed->id, subject->seq, subject->index, id);
    }
    return dx_control_is_purged(space->control, id);
}

bool dx_purge_has(dx_space *space, int64_t key) {
    uint8_t id[DX_ID_SIZE];
    return dx_control_purge_count(space->control) != 0 && dx_key_to_id(space, key, id) == DX_OK &&
           dx_control_is_purged(space->control, id);
}

bool dx_purge_has_place(const dx_control *control, const uint8_t prefix[static DX_PREFIX_SIZE], uint64_t seq,
                        uint64_t index) {
    uint8_t id[DX_ID_SIZE];
    write_id(prefix, seq, index, id);
    return dx_control_purge_count(control) != 0 && dx_control_is_purged(control, id);
}

/* --- The row ----------------------------------------------------------------------------------------- */

static int remove_base_rows(dx_context *context, int64_t key) {
    sqlite3_stmt *remove = dx_store_query(context->store, "DELETE FROM base_row WHERE entity = ?1");
    dx_bind_int(remove, 1, key);
    int error = dx_step_done(context->store, remove);
    return error == DX_OK ? dx_hidden_forget(context, key) : error;
}

/* What it is and was goes; what yielded to where it stood comes back. */
static int remove_row(dx_context *context, dx_space *space, int64_t key) {
    dx_entity_row row;
    int error = dx_entity_rows_write(context, space);
    error = error == DX_OK ? dx_entity_row_find(context, space, key) : error;
    bool there = error == DX_OK;
    if (there) {
        error = dx_hierarchy_removed(context, space, key);
        error = error == DX_OK ? dx_entity_row_read(context, space, key, &row) : error;
        error = error == DX_OK ? dx_entity_row_write(context, space, &row, NULL) : error;
        error = error == DX_OK ? dx_entity_rows_write(context, space) : error;
        space->names_digested = false;
        space->purging.scrubs = true;
        if (context->changes != NULL) {
            context->changes->overflow = true; /* subscribers ask anew */
        }
    }
    error = error == DX_E_NOT_FOUND ? DX_OK : error;
    error = error == DX_OK ? dx_hierarchy_forget(context, key) : error;
    error = error == DX_OK ? dx_ordered_forget(context, key) : error;
    error = error == DX_OK ? remove_base_rows(context, key) : error; /* also what going just kept of it */
    return error == DX_OK ? dx_space_sought_done(context, space, key) : error;
}

/* --- Taking out ------------------------------------------------------------------------------------- */

static int is_done(dx_context *context, const dx_space *space, const uint8_t *id, bool *done) {
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT 1 FROM purged WHERE space = ?1 AND id = ?2");
    dx_bind_int(select, 1, space->local);
    dx_bind_bytes(select, 2, dx_bytes_of(id, DX_ID_SIZE));
    *done = dx_step(context->store, select);
    dx_step_reset(select);
    return dx_store_error(context->store);
}

static int set_done(dx_context *context, const dx_space *space, const uint8_t *id) {
    sqlite3_stmt *insert =
        dx_store_query(context->store, "INSERT OR IGNORE INTO purged(space, id) VALUES(?1, ?2)");
    dx_bind_int(insert, 1, space->local);
    dx_bind_bytes(insert, 2, dx_bytes_of(id, DX_ID_SIZE));
    return dx_step_done(context->store, insert);
}

/* The first touches in the order of stamps. */
static int read_touches(dx_context *context, dx_space *space, int64_t key,
                        dx_touch touches[static TOUCHES_AT_ONCE], size_t *count) {
    dx_stamp at = {.counter = 0};
    bool found = true;
    int error = DX_OK;
    for (*count = 0; error == DX_OK && found && *count < TOUCHES_AT_ONCE;) {
        error = dx_touch_find(context, space, key, true, &at, &touches[*count], &found);
        *count += error == DX_OK && found;
    }
    return error;
}

/* One section goes, whether it could be opened or not. */
static int take_out(dx_late *late, const uint8_t *id, int64_t local, uint64_t seq, uint64_t index) {
    const dx_section_change change = {.index = index, .sealed = {NULL, 0}};
    const dx_feed *feed = dx_space_feed(late->space, local);
    if (feed == NULL || seq < feed->begins || seq >= feed->length) {
        return DX_OK;
    }
    int error = dx_late_change(late, feed, seq, &change, 1);
    if (error == DX_OK) {
        error = dx_purge_note(late->context, late->space, feed, seq, index, id);
    }
    error = error == DX_OK ? dx_purge_excuse(late->context, late->space, feed, seq) : error;
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

typedef struct taken {
    const dx_touch *touches;
    size_t count;
} taken;

static bool is_taken(void *ctx, const dx_touch_row *touch) {
    const taken *self = ctx;
    for (size_t i = 0; i < self->count; i++) {
        if (self->touches[i].block == touch->block && self->touches[i].section == touch->section) {
            return true;
        }
    }
    return false;
}

/* What made it, then what changed it. *ended: nothing is left. */
static int take_some(dx_context *context, dx_space *space, const uint8_t *id, int64_t key, size_t *budget,
                     bool *ended) {
    dx_touch touches[TOUCHES_AT_ONCE];
    size_t count = 0;
    dx_late late;
    int error = dx_late_begin(&late, context, space);
    if (error == DX_OK) {
        error =
            take_out(&late, id, dx_entity_key_feed(key), dx_entity_key_seq(key), dx_entity_key_index(key));
    }
    error = error == DX_OK ? read_touches(context, space, key, touches, &count) : error;
    for (size_t i = 0; i < count && error == DX_OK; i++) {
        error = take_out(&late, id, touches[i].block >> 32, (uint64_t)touches[i].block & UINT32_MAX,
                         (uint64_t)touches[i].section);
    }
    taken all = {.touches = touches, .count = count};
    if (error == DX_OK && count != 0) {
        error = dx_touch_remove(context, space, key, is_taken, &all);
    }
    *ended = count < TOUCHES_AT_ONCE;
    *budget -= *budget < count + 1 ? *budget : count + 1;
    return dx_late_finish(&late, error);
}

/* Stored replies that show it: who asks again hears that it is gone. */
static int forget_replies(dx_context *context, const uint8_t *id) {
    static const uint8_t gone[] = {0xa1, 0x66, 'p', 'u', 'r', 'g', 'e', 'd', 0xf5};
    char text[DX_ID_TEXT_MAX];
    dx_id_print(id, text);
    sqlite3_stmt *update = dx_store_query(
        context->store, "UPDATE reply SET body = ?1 WHERE instr(body, ?2) > 0 OR instr(body, ?3) > 0");
    dx_bind_bytes(update, 1, dx_bytes_of(gone, sizeof gone));
    dx_bind_bytes(update, 2, dx_bytes_text(text));
    dx_bind_bytes(update, 3, dx_bytes_of(id, DX_ID_SIZE));
    return dx_step_done(context->store, update);
}

static int purge(dx_context *context, dx_space *space, const uint8_t *id, size_t *budget, bool *unsettled) {
    int64_t key;
    bool ended = true;
    int error = dx_id_to_key(space, id, &key);
    if (error == DX_OK) {
        error = remove_row(context, space, key);
        error = error == DX_OK ? take_some(context, space, id, key, budget, &ended) : error;
    }
    if (error != DX_OK && error != DX_E_NOT_FOUND) {
        return error;
    }
    *unsettled = *unsettled || !ended;
    error = ended ? forget_replies(context, id) : DX_OK;
    error = error == DX_OK && ended ? dx_full_text_scrub(context, space) : error;
    error = error == DX_OK && ended ? set_done(context, space, id) : error;
    if (error == DX_OK && ended) {
        space->change++;
        dx_echo_trace(context, "purged an entity of space %lld", (long long)space->local);
    }
    return error;
}

/* --- Carrying out ------------------------------------------------------------------------------------- */

static int load_done(dx_context *context, dx_space *space) {
    sqlite3_stmt *select = dx_store_query(context->store, "SELECT version FROM purges_done WHERE space = ?1");
    dx_bind_int(select, 1, space->local);
    space->purging.done = dx_step(context->store, select) ? (uint64_t)dx_column_int(select, 0) : 0;
    space->purging.loaded = true;
    dx_step_reset(select);
    if (space->purging.done != 0) { /* a crash may have come before the log was cut off */
        dx_store_scrub(context->store);
    }
    return dx_store_error(context->store);
}

static int save_done(dx_context *context, dx_space *space, uint64_t version) {
    sqlite3_stmt *insert =
        dx_store_query(context->store, "INSERT OR REPLACE INTO purges_done(space, version) VALUES(?1, ?2)");
    dx_bind_int(insert, 1, space->local);
    dx_bind_int(insert, 2, (int64_t)version);
    space->purging.done = version;
    return dx_step_done(context->store, insert);
}

/* While a state is being loaded blocks are left alone; what shows goes all the same. */
static int hide(dx_context *context, dx_space *space, uint64_t version) {
    int error = DX_OK;
    for (size_t i = 0; i < dx_control_purge_count(space->control) && error == DX_OK; i++) {
        int64_t key;
        error = dx_id_to_key(space, dx_control_purge(space->control, i), &key);
        error = error == DX_OK ? remove_row(context, space, key) : error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    space->purging.hidden = version;
    return error;
}

static int purge_all(dx_context *context, dx_space *space, size_t *budget, bool *left) {
    int error = dx_purge_take_places(context, space);
    for (size_t i = 0; i < dx_control_purge_count(space->control) && error == DX_OK; i++) {
        bool done;
        const uint8_t *id = dx_control_purge(space->control, i);
        error = is_done(context, space, id, &done);
        if (error == DX_OK && !done && *budget == 0) {
            *left = true;
        } else if (error == DX_OK && !done) {
            error = purge(context, space, id, budget, left);
        }
    }
    return error;
}

int dx_purge_settle(dx_context *context, dx_space *space, size_t *budget, bool *unsettled) {
    uint64_t version = dx_control_purge_version(space->control);
    dx_purging *purging = &space->purging;
    bool left = false;
    int error = purging->loaded ? DX_OK : load_done(context, space);
    if (error != DX_OK || (version == 0 && purging->done == 0)) {
        return error;
    }
    if (dx_base_rests(space)) {
        return purging->done == version || purging->hidden == version ? DX_OK : hide(context, space, version);
    }
    if (purging->done != version) {
        error = purge_all(context, space, budget, &left);
        error = error == DX_OK && !left ? save_done(context, space, version) : error;
    }
    if (error == DX_OK && !left) {
        error = dx_purge_look(context, space, budget, unsettled);
    }
    if (error == DX_OK && purging->scrubs && !left) {
        dx_store_scrub(context->store);
        purging->scrubs = false;
    }
    *unsettled = *unsettled || left;
    return error;
}

/* --- Saying so ---------------------------------------------------------------------------------------- */

typedef struct gathering {
    dx_space *space;
    dx_buf places; /* dx_purge_place each */
} gathering;

static int compare_places(const dx_purge_place *one, const dx_purge_place *other) {
    int order = memcmp(one->feed, other->feed, sizeof one->feed);
    order = order != 0 ? order : (one->seq > other->seq) - (one->seq < other->seq);
    return order != 0 ? order : (one->index > other->index) - (one->index < other->index);
}

/* In order, each once. */
static int add_place(gathering *self, int64_t local, uint64_t seq, uint64_t index) {
    const dx_feed *feed = dx_space_feed(self->space, local);
    dx_purge_place place = {.seq = seq, .index = index};
    size_t count = self->places.size / sizeof place, at = count;
    if (feed == NULL || count >= PLACES_TOLD_MAX) {
        return DX_OK;
    }
    memcpy(place.feed, feed->id, sizeof place.feed);
    dx_buf_append(&self->places, &place, sizeof place);
    int error = dx_buf_error(&self->places);
    dx_purge_place *places = (dx_purge_place *)(void *)self->places.data;
    while (error == DX_OK && at > 0 && compare_places(&places[at - 1], &place) >= 0) {
        at--;
    }
    if (error == DX_OK && at < count && compare_places(&places[at], &place) == 0) {
        self->places.size = count * sizeof place;
    } else if (error == DX_OK) {
        memmove(&places[at + 1], &places[at], (count - at) * sizeof place);
        places[at] = place;
    }
    return error;
}

static int gather_touch(void *ctx, const dx_touch_row *touch) {
    return add_place(ctx, touch->block >> 32, (uint64_t)touch->block & UINT32_MAX, (uint64_t)touch->section);
}

/* What it was made and changed by. */
static int gather_places(dx_context *context, dx_space *space, const uint8_t *id, gathering *self) {
    int64_t key;
    int error = dx_id_to_key(space, id, &key);
    error = error == DX_OK ? dx_entity_rows_write(context, space) : error;
    if (error == DX_OK) {
        error = add_place(self, dx_entity_key_feed(key), dx_entity_key_seq(key), dx_entity_key_index(key));
    }
    error = error == DX_OK ? dx_touch_all(context, space, key, 0, gather_touch, self) : error;
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

static int say(dx_context *context, dx_space *space, const uint8_t *id, const gathering *known) {
    const dx_purge_place *places = (const dx_purge_place *)(const void *)known->places.data;
    size_t count = known->places.size / sizeof *places, said = 0, fitting = 0;
    dx_credential_list list;
    dx_buf credential;
    dx_list_begin(context, &list);
    dx_buf_init(&credential, context->alloc, DX_CREDENTIAL_SIZE_MAX);
    int error = DX_OK;
    do {
        error =
            dx_control_issue_purge(space->control, context->identity, id, count == 0 ? NULL : places + said,
                                   count - said, &fitting, &credential);
        error = error == DX_OK ? dx_list_issue(space, &list, &credential) : error;
        said += fitting;
    } while (error == DX_OK && said < count);
    error = error == DX_OK ? dx_list_write(context, space, &list) : error;
    dx_buf_deinit(&credential);
    dx_list_end(&list);
    return error;
}

int dx_space_purge(dx_context *context, dx_space *space, const uint8_t id[static DX_ID_SIZE]) {
    size_t budget = DX_STEP_BLOCKS_MAX;
    bool unsettled = false;
    gathering known = {.space = space};
    dx_buf_init(&known.places, context->alloc, PLACES_TOLD_MAX * sizeof(dx_purge_place));
    int error = gather_places(context, space, id, &known);
    error = error == DX_OK ? say(context, space, id, &known) : error;
    error = error == DX_OK ? dx_purge_settle(context, space, &budget, &unsettled) : error;
    space->busy = space->busy || unsettled;
    dx_buf_deinit(&known.places);
    return error;
}
