/* echo/compact.c: from one base to the next, and what is under way of a space. See epoch.h.
 *
 * Layer: floor 1, echo. Prepared is what must outlast the blocks: entities as they are at the cut, where something beyond
 * it is about them. Then the base is switched in one transaction, and what lies below it is swept up. */
#include <string.h>

#include "echo/base.h"
#include "echo/cut_state.h"
#include "echo/load_state.h"
#include "echo/section.h"
#include "echo/touch.h"
#include "echo/trace.h"
#include "feed/begin.h"

enum { THOUSAND = 1000, ESTIMATE_BLOCKS = 32 };

/* --- Status -------------------------------------------------------------------------------------- */

void dx_epoch_status_of(const dx_space *space, dx_epoch_status *out) {
    const dx_base *base = space->base;
    *out = (dx_epoch_status){.base = base->number, .horizon = base->horizon, .stage = base->stage};
    if (base->stage == DX_EPOCH_IDLE) {
        return;
    }
    out->number = base->goal;
    out->done = base->stage == DX_EPOCH_UNPACKING ? (uint64_t)base->at : base->done;
    out->total = base->total;
    if (base->stage == DX_EPOCH_PREPARING || base->stage == DX_EPOCH_SWEEPING) {
        out->total = THOUSAND;
    } else {
        memcpy(out->root, base->root, sizeof out->root);
    }
}

static uint64_t begins_of(const dx_feed *feed) {
    return feed->begins;
}

int dx_epoch_base(dx_context *context, dx_space *space, dx_cut *out) {
    return dx_cut_gather(context, space, begins_of, out);
}

int64_t dx_base_next_generation(const dx_space *space) {
    const dx_base *base = space->base;
    return (base->generation > base->goal_generation ? base->generation : base->goal_generation) + 1;
}

/* --- Preparing ------------------------------------------------------------------------------------- */

int dx_compact_begin(dx_context *context, dx_space *space, uint64_t number, const dx_cut *cut) {
    dx_base *base = space->base;
    dx_cut_standing standing;
    uint64_t missing;
    bool advances = false;
    int error = dx_cut_stand(context, space, cut, &standing, &missing);
    for (size_t i = 0; i < space->feed_count; i++) {
        advances = advances || dx_cut_length(cut, &space->feeds[i]) > space->feeds[i].begins;
    }
    if (error != DX_OK || standing != DX_CUT_WITHIN || base->stage != DX_EPOCH_IDLE || !advances) {
        return error != DX_OK ? error : DX_E_STATE;
    }
    error = dx_cut_copy(cut, &base->cut);
    if (error != DX_OK) {
        return error;
    }
    base->goal_generation = dx_base_next_generation(space);
    base->stage = DX_EPOCH_PREPARING;
    base->goal = number;
    base->at = 0;
    base->done = 0;
    return dx_base_save(context, space);
}

static int keep_entity(void *ctx, const dx_cut_entity *entity, bool *enough) {
    dx_cut_scan *scan = ctx;
    (void)enough;
    return entity->changed ? dx_base_put(scan->context, scan->space->base->goal_generation, entity->row)
                           : DX_OK;
}

static void drop_scan(dx_base *base) {
    dx_cut_scan_destroy(base->scan);
    base->scan = NULL;
}

/* The next base is prepared anew: what was written for it says what was. */
int dx_base_prepare_again(dx_context *context, dx_space *space) {
    dx_base *base = space->base;
    if (base->stage != DX_EPOCH_PREPARING) {
        return DX_OK;
    }
    drop_scan(base);
    base->goal_generation++;
    base->at = 0;
    base->done = 0;
    return dx_base_save(context, space);
}

/* What was prepared is swept up again, the base stays. */
static int give_up(dx_context *context, dx_space *space) {
    dx_base *base = space->base;
    dx_echo_trace(context, "compaction up to epoch %llu was given up", (unsigned long long)base->goal);
    drop_scan(base);
    base->stage = DX_EPOCH_SWEEPING;
    base->goal = base->number;
    base->at = 0;
    base->sweep = 0;
    base->thinning = (dx_touch_thinning){.run = 0};
    return dx_base_save(context, space);
}

int dx_base_switch(dx_context *context, dx_space *space) {
    dx_base *base = space->base;
    base->number = base->goal;
    base->generation = base->goal_generation;
    base->stage = DX_EPOCH_SWEEPING;
    base->at = 0;
    base->sweep = 0;
    base->thinning = (dx_touch_thinning){.run = 0};
    base->done = 0;
    dx_touch_batch_destroy(space);
    dx_load_destroy(base->load);
    base->load = NULL;
    drop_scan(base);
    space->change++;
    space->forks_settled = false;
    space->names_digested = false;
    int error = dx_base_find_horizon(context, space);
    dx_echo_trace(context, "this vault builds on epoch %llu", (unsigned long long)base->number);
    return error == DX_OK ? dx_base_save(context, space) : error;
}

/* Feeds begin at the cut. */
static int switch_feeds(dx_context *context, dx_space *space) {
    const dx_cut_scan *scan = space->base->scan;
    int error = DX_OK;
    for (size_t i = 0; i < scan->count && error == DX_OK; i++) {
        dx_cut_feed *one = &scan->feeds[i];
        error = dx_timeframe_raise(&one->vector, one->local, one->length);
        error = error == DX_OK ? dx_feed_begin_at(dx_space_feed(space, one->local), context->store,
                                                  one->length, &one->vector)
                               : error;
    }
    return error == DX_OK ? dx_base_switch(context, space) : error;
}

static int go_on_preparing(dx_context *context, dx_space *space, size_t *budget) {
    dx_base *base = space->base;
    int error = dx_entity_rows_write(context, space);
    if (error == DX_OK && base->scan == NULL) {
        error = dx_cut_scan_create(context, space, &base->cut, &base->scan);
        error = error == DX_OK && base->at != 0 ? dx_cut_scan_seek(base->scan, base->at, true) : error;
    }
    if (error != DX_OK) {
        return error;
    }
    DX_ASSERT(base->scan != NULL);
    error = dx_cut_scan_walk(base->scan, budget);
    if (error != DX_OK || !base->scan->walked) {
        return error;
    }
    error = dx_cut_scan_run(base->scan, budget, keep_entity, base->scan);
    base->at = error == DX_OK && base->scan->key != 0 ? base->scan->key : base->at;
    base->done = base->scan->count == 0 ? 0 : THOUSAND * base->scan->at / base->scan->count;
    if (error == DX_OK && base->scan->ended) {
        return switch_feeds(context, space);
    }
    return error == DX_OK ? dx_base_save(context, space) : error;
}

static int prepare(dx_context *context, dx_space *space, size_t *budget) {
    int error = go_on_preparing(context, space, budget);
    bool gives_up = error == DX_E_STATE || error == DX_E_INVALID || error == DX_E_UNSUPPORTED;
    return gives_up ? give_up(context, space) : error;
}

/* --- Sweeping ------------------------------------------------------------------------------------ */

static int count_removed(dx_context *context, sqlite3_stmt *remove, size_t *budget) {
    int error = dx_step_done(context->store, remove);
    if (error == DX_OK) {
        size_t removed = (size_t)dx_store_changes(context->store);
        *budget -= removed < *budget ? removed : *budget;
    }
    return error;
}

static bool is_gone(void *ctx, const dx_touch_row *touch) {
    const dx_feed *feed = dx_space_feed(ctx, touch->block >> 32);
    return feed != NULL && ((uint64_t)touch->block & UINT32_MAX) < feed->begins;
}

/* Touches by blocks that are gone. */
static int sweep_touches(dx_context *context, dx_space *space, size_t *budget, bool *done) {
    return dx_touch_runs_thin(context, space->local, &space->base->thinning, is_gone, space, budget, done);
}

static int sweep_blocks(dx_context *context, dx_space *space, size_t *budget, bool *done) {
    int error = DX_OK;
    for (size_t i = 0; i < space->feed_count && error == DX_OK && *budget != 0; i++) {
        const dx_feed *feed = &space->feeds[i];
        error = feed->begins == 0 ? DX_OK : dx_feed_sweep(feed, context->store, budget);
    }
    *done = *budget != 0;
    return error;
}

/* Rows of other generations, and what this device would have to know of blocks that are gone to undo them. */
static int sweep_rows(dx_context *context, dx_space *space, size_t *budget, bool *done) {
    int error = DX_OK;
    for (size_t i = 0; i < space->feed_count && error == DX_OK && *budget != 0; i++) {
        const dx_feed *feed = &space->feeds[i];
        if (feed->identity.feed_class != DX_FEED_DATA) {
            continue;
        }
        sqlite3_stmt *remove = dx_store_query(
            context->store,
            "DELETE FROM base_row WHERE (entity, generation) IN (SELECT entity, generation FROM base_row"
            " WHERE entity BETWEEN ?1 AND ?2 AND generation <> ?3 LIMIT ?4)");
        dx_bind_int(remove, 1, dx_entity_key(feed->local, 0, 0));
        dx_bind_int(remove, 2, dx_entity_key(feed->local, DX_PLACE_SEQ_MAX, DX_BLOCK_SECTIONS_MAX - 1));
        dx_bind_int(remove, 3, space->base->generation);
        dx_bind_int(remove, 4, (int64_t)*budget);
        error = count_removed(context, remove, budget);
        if (error == DX_OK && feed->begins != 0) { /* of feeds with holes alone, each some blocks apart */
            remove = dx_store_query(context->store, "DELETE FROM vector WHERE feed = ?1 AND length < ?2");
            dx_bind_int(remove, 1, feed->local);
            dx_bind_int(remove, 2, (int64_t)feed->begins);
            error = count_removed(context, remove, budget);
        }
        if (error == DX_OK && *budget != 0 && feed->begins != 0) {
            remove = dx_store_query(context->store, "DELETE FROM undo WHERE block BETWEEN ?1 AND ?2");
            dx_bind_int(remove, 1, feed->local << 32);
            dx_bind_int(remove, 2, feed->local << 32 | (int64_t)(feed->begins - 1));
            error = count_removed(context, remove, budget);
        }
    }
    *done = *budget != 0;
    return error;
}

/* Snapshots of which nothing can be made any more. */
static int sweep_snapshots(dx_context *context, dx_space *space, size_t *budget, bool *done) {
    sqlite3_stmt *remove = dx_store_query(
        context->store,
        "DELETE FROM snapshot_chunk WHERE (snapshot, number) IN (SELECT c.snapshot, c.number FROM"
        " snapshot AS s JOIN snapshot_chunk AS c ON c.snapshot = s.id WHERE s.space = ?1 AND"
        " s.number < ?2 LIMIT ?3)");
    dx_bind_int(remove, 1, space->local);
    dx_bind_int(remove, 2, (int64_t)space->base->number);
    dx_bind_int(remove, 3, (int64_t)*budget);
    int error = count_removed(context, remove, budget);
    if (error == DX_OK && *budget != 0) {
        remove = dx_store_query(context->store, "DELETE FROM snapshot WHERE space = ?1 AND number < ?2");
        dx_bind_int(remove, 1, space->local);
        dx_bind_int(remove, 2, (int64_t)space->base->number);
        error = dx_step_done(context->store, remove);
    }
    *done = *budget != 0;
    return error;
}

static int sweep(dx_context *context, dx_space *space, size_t *budget) {
    static int (*const sweeps[])(dx_context *, dx_space *, size_t *, bool *) = {sweep_touches, sweep_blocks,
                                                                                sweep_rows, sweep_snapshots};
    dx_base *base = space->base;
    size_t count = sizeof sweeps / sizeof sweeps[0];
    int error = DX_OK;
    while (error == DX_OK && *budget != 0 && base->sweep < count) {
        bool done = false;
        error = sweeps[base->sweep](context, space, budget, &done);
        base->sweep += done;
    }
    base->done = THOUSAND * base->sweep / count;
    if (error == DX_OK && base->sweep == count) {
        base->stage = DX_EPOCH_IDLE;
        dx_cut_deinit(&base->cut);
        dx_store_note_dropped(context->store);
    }
    return error == DX_OK ? dx_base_save(context, space) : error;
}

/* --- Going on ------------------------------------------------------------------------------------ */

int dx_epoch_run(dx_context *context, dx_space *space, size_t budget, bool *more) {
    int error = DX_OK;
    *more = true;
    switch (space->base->stage) {
    case DX_EPOCH_IDLE:
        break;
    case DX_EPOCH_FETCHING:
    case DX_EPOCH_UNPACKING:
        return dx_load_run(context, space, &budget, more);
    case DX_EPOCH_PREPARING:
        error = prepare(context, space, &budget);
        break;
    case DX_EPOCH_SWEEPING:
        error = sweep(context, space, &budget);
    }
    *more = error == DX_OK && space->base->stage != DX_EPOCH_IDLE;
    return error;
}

/* --- Estimating ---------------------------------------------------------------------------------- */

/* From a few blocks, evenly spread. */
static int estimate_feed(dx_context *context, const dx_feed *feed, uint64_t end, uint64_t *bytes) {
    uint64_t count = end - feed->begins, step = count / ESTIMATE_BLOCKS + 1, seen = 0, size = 0;
    int error = DX_OK;
    for (uint64_t seq = feed->begins; seq < end && error == DX_OK; seq += step, seen++) {
        dx_bytes block;
        error = dx_feed_read(feed, context->store, seq, &block);
        size += block.size;
    }
    *bytes += seen == 0 ? 0 : size * count / seen;
    return error;
}

int dx_compact_estimate(dx_context *context, dx_space *space, const dx_cut *cut, uint64_t *bytes) {
    int error = DX_OK;
    *bytes = 0;
    for (size_t i = 0; i < space->feed_count && error == DX_OK; i++) {
        const dx_feed *feed = &space->feeds[i];
        uint64_t end = dx_cut_length(cut, feed);
        end = end < feed->applied ? end : feed->applied;
        error = end > feed->begins ? estimate_feed(context, feed, end, bytes) : DX_OK;
    }
    return error;
}
