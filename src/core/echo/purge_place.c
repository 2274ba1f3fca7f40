/* echo/purge_place.c: where sections about purged entities stood. See purge.h.
 *
 * Layer: floor 1, echo. Table purged_place. A hole at one of these places is excused; how many of a block's are is made anew
 * from the table whenever it may be another number. */
#include <string.h>

#include "echo/purge.h"
#include "feed/limb.h"
#include "halo/control_purge.h"

static int put_place(dx_context *context, const dx_space *space, const dx_purge_place *place,
                     const uint8_t *id) {
    sqlite3_stmt *insert = dx_store_query(
        context->store,
        "INSERT OR IGNORE INTO purged_place(space, feed, seq, section, id) VALUES(?1, ?2, ?3, ?4, ?5)");
    dx_bind_int(insert, 1, space->local);
    dx_bind_bytes(insert, 2, dx_bytes_of(place->feed, sizeof place->feed));
    dx_bind_int(insert, 3, (int64_t)place->seq);
    dx_bind_int(insert, 4, (int64_t)place->index);
    dx_bind_bytes(insert, 5, dx_bytes_of(id, DX_ID_SIZE));
    return dx_step_done(context->store, insert);
}

int dx_purge_at(dx_context *context, const dx_space *space, const dx_feed *feed, uint64_t seq, uint64_t index,
                bool *is, uint8_t id[static DX_ID_SIZE]) {
    sqlite3_stmt *select = dx_store_query(
        context->store,
        "SELECT id FROM purged_place WHERE space = ?1 AND feed = ?2 AND seq = ?3 AND section = ?4");
    dx_bind_int(select, 1, space->local);
    dx_bind_bytes(select, 2, dx_bytes_of(feed->id, DX_PREFIX_SIZE));
    dx_bind_int(select, 3, (int64_t)seq);
    dx_bind_int(select, 4, (int64_t)index);
    *is = dx_step(context->store, select);
    dx_bytes of = *is ? dx_column_bytes(select, 0) : (dx_bytes){NULL, 0};
    memset(id, 0, DX_ID_SIZE);
    if (of.size == DX_ID_SIZE) {
        memcpy(id, of.data, DX_ID_SIZE);
    }
    dx_step_reset(select);
    return dx_store_error(context->store);
}

int dx_purge_excuse(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq) {
    dx_holes holes;
    dx_block block;
    dx_reader cursor;
    uint64_t excused = 0;
    int error = dx_hole_next(feed, context->store, seq, &holes);
    if (error != DX_OK || holes.seq != seq) {
        return error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    error = dx_pipeline_block(context, space, feed, seq, &block);
    dx_reader_init(&cursor, error == DX_OK ? block.sections : (dx_bytes){NULL, 0});
    for (size_t i = 0; error == DX_OK && i < block.section_count; i++) {
        dx_bytes section;
        bool hole, is = false;
        uint8_t id[DX_ID_SIZE];
        error = dx_block_section(&cursor, &section, &hole);
        error = error == DX_OK && hole ? dx_purge_at(context, space, feed, seq, i, &is, id) : error;
        excused += is;
    }
    return error == DX_OK ? dx_hole_excuse(feed, context->store, seq, excused) : error;
}

int dx_purge_note(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq, uint64_t index,
                  const uint8_t id[static DX_ID_SIZE]) {
    dx_purge_place place = {.seq = seq, .index = index};
    memcpy(place.feed, feed->id, sizeof place.feed);
    space->purging.scrubs = true;
    return put_place(context, space, &place, id);
}

/* --- From credentials ------------------------------------------------------------------------------------ */

typedef struct taking_places {
    dx_context *context;
    dx_space *space;
} taking_places;

/* A hole that is here already is excused now, on whatever branch. */
static int excuse_here(dx_context *context, dx_space *space, const uint8_t *prefix, uint64_t seq) {
    const dx_feed *feed = dx_space_feed_by_prefix(space, prefix);
    int64_t rows[DX_FEED_LIMBS_MAX];
    size_t count = 0;
    int error = DX_OK;
    if (feed == NULL || feed->identity.feed_class != DX_FEED_DATA) {
        return DX_OK;
    }
    if (seq < feed->length && seq >= feed->begins) {
        error = dx_purge_excuse(context, space, feed, seq);
    }
    error = error == DX_OK && feed->frozen ? dx_limb_list(feed, context->store, rows, &count) : error;
    for (size_t i = 0; i < count && error == DX_OK; i++) {
        dx_feed view;
        error = dx_limb_view(feed, context->store, rows[i], &view);
        if (error == DX_OK && seq < view.length && seq >= view.parts && seq >= view.begins) {
            error = dx_purge_excuse(context, space, &view, seq);
        }
        error = error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    return error;
}

static int take_place(void *ctx, const uint8_t *id, const dx_purge_place *place) {
    const taking_places *self = ctx;
    int error = put_place(self->context, self->space, place, id);
    return error == DX_OK && dx_store_changes(self->context->store) != 0
               ? excuse_here(self->context, self->space, place->feed, place->seq)
               : error;
}

/* --- What is purged no more: its credential was on a branch that gave way ------------------------------------ */

/* One place after the other: their holes are looked for again. */
static int give_back_places(dx_context *context, dx_space *space, const uint8_t *id) {
    dx_store *store = context->store;
    int error = DX_OK;
    for (bool found = true; found && error == DX_OK;) {
        uint8_t prefix[DX_PREFIX_SIZE] = {0};
        sqlite3_stmt *select = dx_store_query(
            store, "SELECT feed, seq, section FROM purged_place WHERE space = ?1 AND id = ?2 LIMIT 1");
        dx_bind_int(select, 1, space->local);
        dx_bind_bytes(select, 2, dx_bytes_of(id, DX_ID_SIZE));
        found = dx_step(store, select);
        dx_bytes feed = dx_column_bytes(select, 0);
        int64_t seq = dx_column_int(select, 1), section = dx_column_int(select, 2);
        if (feed.size == sizeof prefix) {
            memcpy(prefix, feed.data, sizeof prefix);
        }
        dx_step_reset(select);
        error = dx_store_error(store);
        if (error != DX_OK || !found) {
            break;
        }
        sqlite3_stmt *remove = dx_store_query(
            store, "DELETE FROM purged_place WHERE space = ?1 AND feed = ?2 AND seq = ?3 AND section = ?4");
        dx_bind_int(remove, 1, space->local);
        dx_bind_bytes(remove, 2, dx_bytes_of(prefix, sizeof prefix));
        dx_bind_int(remove, 3, seq);
        dx_bind_int(remove, 4, section);
        error = dx_step_done(store, remove);
        error = error == DX_OK ? excuse_here(context, space, prefix, (uint64_t)seq) : error;
    }
    return error;
}

static int forget_done(dx_context *context, const dx_space *space, const uint8_t *id) {
    sqlite3_stmt *remove = dx_store_query(context->store, "DELETE FROM purged WHERE space = ?1 AND id = ?2");
    dx_bind_int(remove, 1, space->local);
    dx_bind_bytes(remove, 2, dx_bytes_of(id, DX_ID_SIZE));
    return dx_step_done(context->store, remove);
}

static int give_back(dx_context *context, dx_space *space) {
    uint8_t id[DX_ID_SIZE] = {0};
    int error = DX_OK;
    for (bool found = true; found && error == DX_OK;) {
        sqlite3_stmt *select = dx_store_query(
            context->store, "SELECT id FROM purged WHERE space = ?1 AND id > ?2 ORDER BY id LIMIT 1");
        dx_bind_int(select, 1, space->local);
        dx_bind_bytes(select, 2, dx_bytes_of(id, sizeof id));
        found = dx_step(context->store, select);
        dx_bytes next = dx_column_bytes(select, 0);
        if (found && next.size == sizeof id) {
            memcpy(id, next.data, sizeof id);
        }
        dx_step_reset(select);
        error = dx_store_error(context->store);
        if (error == DX_OK && found && !dx_control_is_purged(space->control, id)) {
            error = give_back_places(context, space, id);
            error = error == DX_OK ? forget_done(context, space, id) : error;
        }
    }
    return error;
}

int dx_purge_take_places(dx_context *context, dx_space *space) {
    taking_places self = {context, space};
    int error = give_back(context, space);
    return error == DX_OK ? dx_control_purge_places(space->control, take_place, &self) : error;
}
