/* echo/touch.c: which sections are about an entity, and applying them again. See touch.h.
 *
 * Layer: floor 1, echo. */
#include "echo/touch.h"

#include <string.h>

/* --- Rows -------------------------------------------------------------------------------------- */

/* Whether a stands behind b on the way up, or down. */
static bool is_behind(bool up, const uint8_t a[static DX_FEED_PREFIX_SIZE],
                      const uint8_t b[static DX_FEED_PREFIX_SIZE]) {
    int order = memcmp(a, b, DX_FEED_PREFIX_SIZE);
    return up ? order > 0 : order < 0;
}

/* Of the touches with this counter, the nearest one whose feed's name is behind *at's. */
static int find_among(dx_context *context, dx_space *space, int64_t key, int64_t counter, bool up,
                      dx_stamp *at, dx_touch *out, bool *found) {
    dx_stamp best = {.counter = (uint64_t)counter};
    sqlite3_stmt *select = dx_store_query(
        context->store, "SELECT counter, block, section FROM touch WHERE entity = ?1 AND counter = ?2");
    dx_bind_int(select, 1, key);
    dx_bind_int(select, 2, counter);
    *found = false;
    while (dx_step(context->store, select)) {
        int64_t block = dx_column_int(select, 1);
        const dx_feed *feed = dx_space_feed(space, block >> 32);
        if (feed == NULL || !is_behind(up, feed->id, at->feed) ||
            (*found && !is_behind(up, best.feed, feed->id))) {
            continue;
        }
        memcpy(best.feed, feed->id, sizeof best.feed);
        *out = (dx_touch){.counter = counter, .block = block, .section = dx_column_int(select, 2)};
        *found = true;
    }
    *at = *found ? best : *at;
    return dx_store_error(context->store);
}

/* The nearest counter behind this one. *there: there is one. */
static int find_counter(dx_context *context, int64_t key, bool up, int64_t *counter, bool *there) {
    sqlite3_stmt *select = dx_store_query(
        context->store, up ? "SELECT min(counter) FROM touch WHERE entity = ?1 AND counter > ?2"
                           : "SELECT max(counter) FROM touch WHERE entity = ?1 AND counter < ?2");
    dx_bind_int(select, 1, key);
    dx_bind_int(select, 2, *counter);
    *there = dx_step(context->store, select) && !dx_column_is_null(select, 0);
    *counter = *there ? dx_column_int(select, 0) : 0;
    dx_step_reset(select);
    return dx_store_error(context->store);
}

int dx_touch_find(dx_context *context, dx_space *space, int64_t key, bool up, dx_stamp *at, dx_touch *out,
                  bool *found) {
    int64_t counter = at->counter > INT64_MAX ? INT64_MAX : (int64_t)at->counter;
    int error = find_among(context, space, key, counter, up, at, out, found);
    for (bool there = true; error == DX_OK && !*found && there;) {
        error = find_counter(context, key, up, &counter, &there);
        if (error == DX_OK && there) {
            memset(at->feed, up ? 0 : 0xff, sizeof at->feed);
            error = find_among(context, space, key, counter, up, at, out, found);
        }
    }
    return error;
}

bool dx_touch_is_in_effect(const dx_feed *feed, uint64_t seq) {
    return feed != NULL && (seq < feed->applied || seq < feed->kept);
}

/* --- Sections ---------------------------------------------------------------------------------- */

/* Opens a section into space->plain. *there: it is whole and its key is here, as it was when it was applied. */
static int open_section(dx_space *space, const dx_feed *feed, uint64_t seq, uint64_t index,
                        const uint8_t key[static DX_KEY_SIZE], dx_bytes sealed, bool hole, bool *there) {
    int error = DX_E_NOT_FOUND;
    if (!hole) {
        dx_buf_clear(&space->plain);
        error = dx_section_open(key, feed->id, seq, index, sealed, &space->plain);
    }
    *there = error == DX_OK;
    return error == DX_E_SIGNATURE || error == DX_E_MALFORMED || error == DX_E_NOT_FOUND ? DX_OK : error;
}

int dx_touch_open(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq, uint64_t index,
                  const dx_block *block, bool *there) {
    uint8_t key[DX_KEY_SIZE];
    dx_bytes section = {NULL, 0};
    bool hole = true;
    dx_reader cursor;
    dx_reader_init(&cursor, block->sections);
    *there = false;
    int error = dx_space_key(context, space, block->header.key_epoch, key);
    for (uint64_t i = 0; i <= index && i < block->section_count && error == DX_OK; i++) {
        error = dx_block_section(&cursor, &section, &hole);
    }
    if (error == DX_OK && index < block->section_count) {
        error = open_section(space, feed, seq, index, key, section, hole, there);
    }
    dx_wipe(key, sizeof key);
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

int dx_touch_each(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq,
                  const dx_block *block,
                  int (*on_section)(void *ctx, uint64_t index, const dx_section *section), void *ctx) {
    uint8_t key[DX_KEY_SIZE];
    dx_reader cursor;
    dx_reader_init(&cursor, block->sections);
    int error = dx_space_key(context, space, block->header.key_epoch, key);
    if (error == DX_E_NOT_FOUND) {
        return DX_OK;
    }
    for (uint64_t index = 0; index < block->section_count && error == DX_OK; index++) {
        dx_bytes sealed;
        dx_section section;
        bool hole, there = false;
        error = dx_block_section(&cursor, &sealed, &hole);
        error = error == DX_OK ? open_section(space, feed, seq, index, key, sealed, hole, &there) : error;
        if (error == DX_OK && there &&
            dx_section_decode(dx_buf_view(&space->plain), feed->id, &section) == DX_OK) {
            error = on_section(ctx, index, &section);
        }
    }
    dx_wipe(key, sizeof key);
    return error;
}

int dx_touch_counter(dx_context *context, dx_space *space, int64_t key, const dx_feed *feed, uint64_t seq,
                     const dx_section *section, uint64_t *counter) {
    if (section->creates) {
        dx_entity_row row;
        int error = dx_entity_row_read(context, space, key, &row);
        *counter = error == DX_OK ? (uint64_t)row.created : 0;
        return error;
    }
    int settled = dx_entity_rows_settle(context, space);
    if (settled != DX_OK) {
        return settled;
    }
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT counter FROM touch WHERE entity = ?1 AND block = ?2 LIMIT 1");
    dx_bind_int(select, 1, key);
    dx_bind_int(select, 2, feed->local << 32 | (int64_t)seq);
    if (!dx_step(context->store, select)) {
        int error = dx_store_error(context->store);
        return error != DX_OK ? error : DX_E_NOT_FOUND;
    }
    *counter = (uint64_t)dx_column_int(select, 0);
    dx_step_reset(select);
    return DX_OK;
}

int64_t dx_touch_place(dx_space *space, const dx_feed *feed, uint64_t seq, const dx_place *place) {
    const dx_feed *maker = place->form == DX_PLACE_FEED ? dx_space_feed_by_prefix(space, place->feed) : feed;
    return place->form == DX_PLACE_NONE || maker == NULL ? 0
           : place->form == DX_PLACE_BLOCK               ? dx_entity_key(feed->local, seq, place->index)
                                           : dx_entity_key(maker->local, place->seq, place->index);
}

int64_t dx_touch_entity(dx_space *space, const dx_feed *feed, uint64_t seq, uint64_t index,
                        const dx_section *section) {
    return section->creates ? dx_entity_key(feed->local, seq, index)
                            : dx_touch_place(space, feed, seq, &section->subject);
}

int dx_touch_take_again(dx_context *context, dx_space *space, dx_feed *feed, uint64_t seq, uint64_t index,
                        uint64_t counter, dx_aside *aside) {
    dx_reduction reduction = {.context = context,
                              .space = space,
                              .feed = feed,
                              .seq = seq,
                              .stamp = {.counter = counter},
                              .aside = aside};
    dx_block block;
    bool there;
    int refusal;
    memcpy(reduction.stamp.feed, feed->id, sizeof reduction.stamp.feed);
    int error = dx_pipeline_block(context, space, feed, seq, &block);
    error = error != DX_OK ? error : dx_touch_open(context, space, feed, seq, index, &block, &there);
    return error != DX_OK || !there
               ? error
               : dx_reduce_section(&reduction, index, dx_buf_view(&space->plain), &refusal);
}
