/* echo/cut_scan.c: entities at a cut. See cut_scan.h.
 *
 * Layer: floor 1, echo. */
#include "echo/cut_scan.h"

#include <string.h>

#include "echo/base.h"
#include "echo/cut_state.h"
#include "echo/hidden.h"
#include "echo/key_set.h"
#include "echo/purge.h"
#include "echo/remake.h"
#include "echo/section.h"
#include "echo/snapshot_item.h"
#include "feed/begin.h"

enum { PAGE_ENTITIES = 256 }; /* whose touches are read at once */

/* --- Feeds --------------------------------------------------------------------------------------- */

static int add_feed(dx_cut_scan *scan, const dx_feed *feed, uint64_t length) {
    dx_cut_feed *feeds = dx_alloc_grow(scan->context->alloc, scan->feeds, scan->count * sizeof *feeds,
                                       (scan->count + 1) * sizeof *feeds);
    if (feeds == NULL) {
        return DX_E_NO_MEMORY;
    }
    size_t at = scan->count++;
    scan->feeds = feeds;
    for (; at > 0 && memcmp(feed->id, dx_space_feed(scan->space, feeds[at - 1].local)->id, DX_HASH_SIZE) < 0;
         at--) {
        feeds[at] = feeds[at - 1];
    }
    feeds[at] = (dx_cut_feed){.local = feed->local, .length = length, .rows = feed->rows};
    dx_timeframe_init(&feeds[at].vector, scan->context->alloc);
    return DX_OK;
}

size_t dx_cut_scan_feed(const dx_cut_scan *scan, const dx_feed *feed) {
    size_t low = 0, high = scan->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const dx_feed *other = dx_space_feed(scan->space, scan->feeds[middle].local);
        int order = memcmp(other->id, feed->id, DX_HASH_SIZE);
        if (order == 0) {
            return middle;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return scan->count;
}

int dx_cut_scan_create(dx_context *context, dx_space *space, const dx_cut *cut, dx_cut_scan **out) {
    dx_cut_standing standing;
    uint64_t missing;
    *out = NULL;
    int error = dx_cut_stand(context, space, cut, &standing, &missing);
    if (error != DX_OK || standing != DX_CUT_WITHIN) {
        return error != DX_OK ? error : DX_E_STATE;
    }
    dx_cut_scan *scan = dx_alloc_take_zeroed(context->alloc, sizeof *scan);
    if (scan == NULL) {
        return DX_E_NO_MEMORY;
    }
    scan->context = context;
    scan->space = space;
    scan->taken = space->taken;
    dx_cut_init(&scan->cut, context->alloc);
    dx_buf_init(&scan->state, context->alloc, DX_STATE_SIZE_MAX);
    dx_buf_init(&scan->touched, context->alloc, SIZE_MAX);
    error = dx_cut_copy(cut, &scan->cut);
    for (size_t i = 0; i < cut->count && error == DX_OK; i++) {
        error = add_feed(scan, dx_space_feed_by_prefix(space, cut->places[i].feed), cut->places[i].length);
    }
    if (error != DX_OK) {
        dx_cut_scan_destroy(scan);
        return error;
    }
    *out = scan;
    return DX_OK;
}

void dx_cut_scan_destroy(dx_cut_scan *scan) {
    if (scan == NULL) {
        return;
    }
    const dx_alloc *alloc = scan->context->alloc;
    for (size_t i = 0; i < scan->count; i++) {
        dx_timeframe_deinit(&scan->feeds[i].vector);
    }
    dx_alloc_free(alloc, scan->feeds, scan->count * sizeof *scan->feeds);
    dx_cut_deinit(&scan->cut);
    dx_buf_deinit(&scan->state);
    dx_buf_deinit(&scan->touched);
    dx_alloc_free(alloc, scan, sizeof *scan);
}

/* Whether all below the cut is still in effect, and the base below it. */
static bool holds(dx_cut_scan *scan) {
    if (scan->taken != scan->space->taken) {
        return false;
    }
    for (size_t i = 0; i < scan->count; i++) {
        const dx_cut_feed *one = &scan->feeds[i];
        const dx_feed *feed = dx_space_feed(scan->space, one->local);
        if (feed->applied < one->length || feed->kept != 0 || feed->begins > one->length ||
            (feed->rows != one->rows && one->length > feed->parts)) {
            return false;
        }
    }
    return true;
}

/* --- What feeds had declared --------------------------------------------------------------------- */

/* Keeps what the format has of a vector: other data feeds. */
static int take_vector(dx_cut_scan *scan, dx_cut_feed *one, const dx_timeframe *from) {
    int error = DX_OK;
    one->vector.count = 0;
    for (size_t i = 0; i < from->count && error == DX_OK; i++) {
        const dx_feed *named = dx_space_feed(scan->space, from->entries[i].feed);
        if (named != NULL && named->local != one->local && named->identity.feed_class == DX_FEED_DATA) {
            error = dx_timeframe_raise(&one->vector, named->local, from->entries[i].length);
        }
    }
    one->is_walked = true;
    return error;
}

/* From where the feed begins, block by block. */
static int walk_feed(dx_cut_scan *scan, dx_cut_feed *one, size_t *budget) {
    const dx_feed *feed = dx_space_feed(scan->space, one->local);
    int error = DX_OK;
    if (one->length == 0 || feed->applied == one->length) {
        return take_vector(scan, one, &feed->timeframe);
    }
    if (one->walked < feed->begins || one->walked == 0) {
        error = dx_feed_vector(feed, scan->context->store, &one->vector);
        one->walked = feed->begins;
    }
    error = error == DX_OK ? dx_pipeline_walk(scan->context, scan->space, feed, one->length, &one->walked,
                                              &one->vector, budget)
                           : error;
    if (error != DX_OK || one->walked < one->length) {
        return error;
    }
    dx_timeframe all = one->vector;
    dx_timeframe_init(&one->vector, scan->context->alloc);
    error = take_vector(scan, one, &all);
    dx_timeframe_deinit(&all);
    return error;
}

/* What a feed names lies below the cut, or has no effect. */
static int check_closed(const dx_cut_scan *scan) {
    for (size_t i = 0; i < scan->count; i++) {
        for (size_t j = 0; j < scan->feeds[i].vector.count; j++) {
            const dx_timeframe_entry *entry = &scan->feeds[i].vector.entries[j];
            const dx_feed *named = dx_space_feed(scan->space, entry->feed);
            uint64_t limit = dx_feed_limit(named);
            if (entry->length <= limit && entry->length > dx_cut_length(&scan->cut, named)) {
                return DX_E_INVALID;
            }
        }
    }
    return DX_OK;
}

int dx_cut_scan_walk(dx_cut_scan *scan, size_t *budget) {
    int error = holds(scan) ? DX_OK : DX_E_STATE;
    bool all = true;
    for (size_t i = 0; i < scan->count && error == DX_OK && !scan->walked && *budget != 0; i++) {
        if (!scan->feeds[i].is_walked) {
            error = walk_feed(scan, &scan->feeds[i], budget);
        }
    }
    for (size_t i = 0; i < scan->count; i++) {
        all = all && scan->feeds[i].is_walked;
    }
    if (error == DX_OK && all && !scan->walked) {
        error = check_closed(scan);
        scan->walked = error == DX_OK;
    }
    return error;
}

/* --- Entities -------------------------------------------------------------------------------------- */

int dx_cut_scan_seek(dx_cut_scan *scan, int64_t key, bool behind) {
    const dx_feed *feed = dx_space_feed(scan->space, dx_entity_key_feed(key));
    size_t at = feed == NULL ? scan->count : dx_cut_scan_feed(scan, feed);
    if (at == scan->count) {
        return DX_E_NOT_FOUND;
    }
    scan->at = at;
    scan->key = behind ? key : key - 1;
    scan->ended = false;
    return DX_OK;
}

static int take_touch(void *ctx, const dx_touch_row *touch) {
    dx_cut_scan *scan = ctx;
    const dx_feed *feed = dx_space_feed(scan->space, touch->block >> 32);
    if (feed != NULL && ((uint64_t)touch->block & UINT32_MAX) >= dx_cut_length(&scan->cut, feed)) {
        dx_key_list_add(&scan->touched, touch->entity);
    }
    return dx_buf_error(&scan->touched);
}

/* Whether a block beyond the cut is about the entity. It is asked for pages of entities. */
static int is_touched(dx_cut_scan *scan, int64_t key, bool *touched) {
    dx_store *store = scan->context->store;
    int error = DX_OK;
    if (key < scan->page_first || key > scan->page_last) {
        sqlite3_stmt *select =
            dx_store_query(store, "SELECT key FROM entity WHERE key >= ?1 ORDER BY key LIMIT 1 OFFSET ?2");
        dx_bind_int(select, 1, key);
        dx_bind_int(select, 2, PAGE_ENTITIES);
        scan->page_first = key;
        scan->page_last = dx_step(store, select) ? dx_column_int(select, 0) : INT64_MAX;
        dx_step_reset(select);
        dx_buf_clear(&scan->touched);
        error = dx_store_error(store);
        error = error == DX_OK
                    ? dx_touch_range(scan->context, scan->space, key, scan->page_last, take_touch, scan)
                    : error;
        dx_key_list_sort(&scan->touched);
    }
    *touched = error == DX_OK && dx_key_list_has(&scan->touched, key);
    return error;
}

/* Whether its model's state is no part of a snapshot. */
static int is_listed(dx_cut_scan *scan, const dx_entity_row *row, bool *listed) {
    dx_type *model;
    int error = dx_type_read(scan->context, scan->space, row->model < 0 ? -row->model : row->model, &model);
    *listed = error == DX_OK && !dx_snapshot_keeps_state(dx_bytes_of(model->name, model->size));
    return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
}

static int give_out(dx_cut_scan *scan, const dx_entity_row *row,
                    int (*on_entity)(void *ctx, const dx_cut_entity *entity, bool *enough), void *ctx,
                    bool *enough) {
    const dx_scope scope = {.below = &scan->cut};
    dx_aside aside = {.state = &scan->state, .lists = true};
    dx_cut_entity entity = {.row = row};
    bool touched = false;
    if (dx_purge_has(scan->space, row->key)) { /* and not carried out yet */
        return DX_OK;
    }
    int error = is_listed(scan, row, &entity.listed);
    if (error == DX_OK && scan->outside) {
        error = is_touched(scan, row->key, &touched);
    }
    if (error == DX_OK && !touched) {
        error = dx_hidden_is_beyond(scan->context, scan->space, row->key, &scan->cut, &touched);
    }
    entity.changed = touched || (entity.listed && row->model > 0);
    if (error == DX_OK && entity.changed) {
        dx_buf_clear(aside.state);
        error = dx_remake(scan->context, scan->space, row->key, &scope, &aside);
        error = error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
        entity.row = &aside.row;
    }
    if (error == DX_OK && !entity.listed && entity.row->model < 0) {
        error = DX_E_UNSUPPORTED;
    }
    return error == DX_OK ? on_entity(ctx, &entity, enough) : error;
}

/* Up to the budget of the feed under way; the next one when it has no more. */
static int run_feed(dx_cut_scan *scan, size_t *budget,
                    int (*on_entity)(void *ctx, const dx_cut_entity *entity, bool *enough), void *ctx,
                    bool *enough) {
    dx_store *store = scan->context->store;
    const dx_cut_feed *one = &scan->feeds[scan->at];
    int64_t last =
        one->length == 0 ? 0 : dx_entity_key(one->local, one->length - 1, DX_BLOCK_SECTIONS_MAX - 1);
    sqlite3_stmt *rows = dx_store_query(store, "SELECT " DX_ENTITY_COLUMNS
                                               ", entity.deleted_counter, entity.deleted_feed FROM entity"
                                               " WHERE key > ?1 AND key <= ?2 ORDER BY key");
    dx_bind_int(rows, 1, scan->key != 0 ? scan->key : dx_entity_key(one->local, 0, 0) - 1);
    dx_bind_int(rows, 2, last);
    int error = DX_OK;
    bool ended = false;
    while (error == DX_OK && *budget > 0 && !*enough && !ended) {
        ended = !dx_step(store, rows);
        if (ended) {
            error = dx_store_error(store);
            break;
        }
        dx_entity_row row = dx_entity_row_of(rows, 0);
        row.has_life = !dx_column_is_null(rows, DX_ENTITY_COLUMN_COUNT);
        row.life_counter = dx_column_int(rows, DX_ENTITY_COLUMN_COUNT);
        row.life_feed = dx_column_int(rows, DX_ENTITY_COLUMN_COUNT + 1);
        error = give_out(scan, &row, on_entity, ctx, enough);
        scan->key = error == DX_OK ? row.key : scan->key;
        --*budget;
    }
    dx_step_reset(rows);
    if (ended && error == DX_OK) {
        scan->at++;
        scan->key = 0;
        scan->ended = scan->at == scan->count;
    }
    return error;
}

int dx_cut_scan_run(dx_cut_scan *scan, size_t *budget,
                    int (*on_entity)(void *ctx, const dx_cut_entity *entity, bool *enough), void *ctx) {
    bool enough = false;
    int error = holds(scan) ? dx_entity_rows_settle(scan->context, scan->space) : DX_E_STATE;
    scan->outside = false;
    for (size_t i = 0; i < scan->space->feed_count; i++) {
        const dx_feed *feed = &scan->space->feeds[i];
        scan->outside = scan->outside || (feed->identity.feed_class == DX_FEED_DATA &&
                                          feed->applied > dx_cut_length(&scan->cut, feed));
    }
    scan->page_first = scan->page_last = 0; /* more may have come */
    scan->ended = scan->at == scan->count;
    while (error == DX_OK && !scan->ended && *budget > 0 && !enough) {
        error = run_feed(scan, budget, on_entity, ctx, &enough);
    }
    return error;
}
