/* echo/touch.c: which sections are about an entity, and applying them again. See touch.h.
 *
 * Layer: floor 1, echo. */
#include "echo/touch.h"

#include <string.h>

/* --- Rows -------------------------------------------------------------------------------------- */

static int take_row(dx_context *context, sqlite3_stmt *select, int64_t key, dx_touch *at, bool *found) {
    dx_bind_int(select, 1, key);
    dx_bind_int(select, 2, at->counter);
    dx_bind_int(select, 3, at->block);
    dx_bind_int(select, 4, at->section);
    *found = dx_step(context->store, select);
    if (*found) {
        *at = (dx_touch){.counter = dx_column_int(select, 0),
                         .block = dx_column_int(select, 1),
                         .section = dx_column_int(select, 2)};
        dx_step_reset(select);
        return DX_OK;
    }
    return dx_store_error(context->store);
}

int dx_touch_next(dx_context *context, int64_t key, dx_touch *at, bool *found) {
    sqlite3_stmt *select = dx_store_query(
        context->store, "SELECT counter, block, section FROM touch WHERE entity = ?1 AND (counter, block, "
                        "section) > (?2, ?3, ?4) ORDER BY counter, block, section LIMIT 1");
    return take_row(context, select, key, at, found);
}

int dx_touch_previous(dx_context *context, int64_t key, dx_touch *at, bool *found) {
    sqlite3_stmt *select = dx_store_query(
        context->store, "SELECT counter, block, section FROM touch WHERE entity = ?1 AND (counter, block, "
                        "section) < (?2, ?3, ?4) ORDER BY counter DESC, block DESC, section DESC LIMIT 1");
    return take_row(context, select, key, at, found);
}

bool dx_touch_is_in_effect(const dx_feed *feed, uint64_t seq) {
    return feed != NULL && (seq < feed->applied || seq < feed->kept);
}

/* --- Sections ---------------------------------------------------------------------------------- */

int dx_touch_open(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq, uint64_t index,
                  const dx_block *block, bool *there) {
    uint8_t key[DX_KEY_SIZE];
    dx_bytes section = {NULL, 0};
    bool purged = true;
    dx_reader cursor;
    dx_reader_init(&cursor, block->sections);
    int error = dx_space_key(context, space, block->header.key_epoch, key);
    for (uint64_t i = 0; i <= index && i < block->section_count && error == DX_OK; i++) {
        error = dx_block_section(&cursor, &section, &purged);
    }
    if (error == DX_OK && index < block->section_count && !purged) {
        dx_buf_clear(&space->plain);
        error = dx_section_open(key, feed->id, seq, index, section, &space->plain);
        *there = error == DX_OK;
    } else {
        *there = false;
    }
    dx_wipe(key, sizeof key);
    return error == DX_E_SIGNATURE || error == DX_E_MALFORMED || error == DX_E_NOT_FOUND ? DX_OK : error;
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
