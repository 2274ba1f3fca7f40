/* echo/base.c: rows of the base, and what is stored about it. See base.h.
 *
 * Layer: floor 1, echo. */
#include "echo/base.h"

#include <string.h>

#include "echo/cut_state.h"
#include "echo/hierarchy.h"
#include "echo/load_state.h"
#include "echo/pipeline.h"
#include "echo/vector.h"
#include "feed/begin.h"

/* --- Life -------------------------------------------------------------------------------------- */

int dx_base_create(dx_context *context, dx_space *space) {
    space->base = dx_alloc_take_zeroed(context->alloc, sizeof *space->base);
    if (space->base == NULL) {
        return DX_E_NO_MEMORY;
    }
    dx_cut_init(&space->base->cut, context->alloc);
    return DX_OK;
}

void dx_base_destroy(const dx_alloc *alloc, dx_base *base) {
    if (base != NULL) {
        dx_cut_scan_destroy(base->scan);
        dx_load_destroy(base->load);
        dx_cut_deinit(&base->cut);
        dx_alloc_free(alloc, base, sizeof *base);
    }
}

static int take_row(dx_base *base, sqlite3_stmt *row) {
    dx_bytes root = dx_column_bytes(row, 6);
    base->number = (uint64_t)dx_column_int(row, 0);
    base->generation = dx_column_int(row, 1);
    int64_t stage = dx_column_int(row, 2);
    base->goal = (uint64_t)dx_column_int(row, 3);
    base->goal_generation = dx_column_int(row, 4);
    base->key_epoch = (uint64_t)dx_column_int(row, 5);
    base->at = dx_column_int(row, 8);
    base->last = dx_column_int(row, 9);
    if (stage < DX_EPOCH_IDLE || stage > DX_EPOCH_SWEEPING || root.size != sizeof base->root) {
        return DX_E_CORRUPT;
    }
    memcpy(base->root, root.data, root.size);
    base->stage = (dx_epoch_stage)stage;
    int error = dx_cut_decode(dx_column_bytes(row, 7), &base->cut);
    return error == DX_E_MALFORMED ? DX_E_CORRUPT : error;
}

int dx_base_load(dx_context *context, dx_space *space) {
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT number, generation, stage, goal, goal_generation, key_epoch,"
                                       " root, cut, at, last FROM base WHERE space = ?1");
    dx_bind_int(select, 1, space->local);
    if (!dx_step(context->store, select)) {
        return dx_store_error(context->store);
    }
    int error = take_row(space->base, select);
    dx_step_reset(select);
    if (error == DX_OK && space->base->stage == DX_EPOCH_FETCHING) {
        error = dx_load_find_yielding(context, space, &space->base->cut);
    }
    return error == DX_OK ? dx_base_find_horizon(context, space) : error;
}

int dx_base_save(dx_context *context, dx_space *space) {
    const dx_base *base = space->base;
    dx_buf cut;
    dx_writer writer;
    dx_buf_init(&cut, context->alloc, SIZE_MAX);
    dx_writer_init(&writer, &cut);
    dx_cut_encode(&base->cut, &writer);
    int error = dx_writer_finish(&writer);
    if (error == DX_OK) {
        sqlite3_stmt *insert = dx_store_query(
            context->store,
            "INSERT OR REPLACE INTO base(space, number, generation, stage, goal, goal_generation,"
            " key_epoch, root, cut, at, last) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)");
        dx_bind_int(insert, 1, space->local);
        dx_bind_int(insert, 2, (int64_t)base->number);
        dx_bind_int(insert, 3, base->generation);
        dx_bind_int(insert, 4, (int64_t)base->stage);
        dx_bind_int(insert, 5, (int64_t)base->goal);
        dx_bind_int(insert, 6, base->goal_generation);
        dx_bind_int(insert, 7, (int64_t)base->key_epoch);
        dx_bind_bytes(insert, 8, dx_bytes_of(base->root, sizeof base->root));
        dx_bind_bytes(insert, 9, dx_buf_view(&cut));
        dx_bind_int(insert, 10, base->at);
        dx_bind_int(insert, 11, base->last);
        error = dx_step_done(context->store, insert);
    }
    dx_buf_deinit(&cut);
    return error;
}

int dx_base_find_horizon(dx_context *context, dx_space *space) {
    dx_stamp *horizon = &space->base->horizon;
    int error = DX_OK;
    *horizon = (dx_stamp){.counter = 0};
    for (size_t i = 0; i < space->feed_count && error == DX_OK; i++) {
        const dx_feed *feed = &space->feeds[i];
        dx_timeframe vector;
        if (feed->begins == 0) {
            continue;
        }
        dx_timeframe_init(&vector, context->alloc);
        error = dx_feed_vector(feed, context->store, &vector);
        dx_stamp last = dx_vector_stamp(space, feed, &vector);
        *horizon = dx_stamp_compare(&last, horizon) > 0 ? last : *horizon;
        dx_timeframe_deinit(&vector);
    }
    return error;
}

bool dx_base_rests(const dx_space *space) {
    const dx_base *base = space->base;
    return base->stage == DX_EPOCH_UNPACKING || (base->stage == DX_EPOCH_FETCHING && base->at != 0);
}

/* --- Rows -------------------------------------------------------------------------------------- */

bool dx_base_has(dx_space *space, int64_t key) {
    const dx_feed *feed = dx_space_feed(space, dx_entity_key_feed(key));
    return feed != NULL && dx_entity_key_seq(key) < feed->begins;
}

/* Whether the next base's preparation has been there, and the entity was made below it. */
static bool is_prepared(dx_space *space, int64_t key) {
    const dx_base *base = space->base;
    const dx_feed *feed = dx_space_feed(space, dx_entity_key_feed(key));
    const dx_feed *last = base->at == 0 ? NULL : dx_space_feed(space, dx_entity_key_feed(base->at));
    if (base->stage != DX_EPOCH_PREPARING || feed == NULL || last == NULL ||
        dx_entity_key_seq(key) >= dx_cut_length(&base->cut, feed)) {
        return false;
    }
    int order = memcmp(feed->id, last->id, DX_HASH_SIZE);
    return order < 0 || (order == 0 && key <= base->at);
}

static int put(dx_context *context, sqlite3_stmt *insert, int64_t generation, const dx_entity_row *row) {
    dx_bind_int(insert, 1, row->key);
    dx_bind_int(insert, 2, generation);
    dx_bind_int(insert, 3, row->kind);
    dx_bind_int(insert, 4, row->type);
    dx_bind_int(insert, 5, row->model);
    dx_bind_int(insert, 6, row->created);
    dx_bind_int(insert, 7, row->parent);
    dx_bind_int(insert, 8, row->deleted);
    if (row->has_life) {
        dx_bind_int(insert, 9, row->life_counter);
        dx_bind_int(insert, 10, row->life_feed);
    }
    dx_bind_int(insert, 11, row->source);
    dx_bind_int(insert, 12, row->target);
    if (row->state.size != 0) {
        dx_bind_bytes(insert, 13, row->state);
    }
    return dx_step_done(context->store, insert);
}

#define BASE_ROW_COLUMNS                                                                                     \
    "base_row(entity, generation, kind, type, model, created, parent, deleted, deleted_counter,"             \
    " deleted_feed, source, target, state)"                                                                  \
    " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)"

int dx_base_put(dx_context *context, int64_t generation, const dx_entity_row *row) {
    return put(context, dx_store_query(context->store, "INSERT OR REPLACE INTO " BASE_ROW_COLUMNS),
               generation, row);
}

int dx_base_keep(dx_context *context, dx_space *space, const dx_entity_row *before) {
    int error = DX_OK;
    if (dx_base_has(space, before->key)) {
        error = put(context, dx_store_query(context->store, "INSERT OR IGNORE INTO " BASE_ROW_COLUMNS),
                    space->base->generation, before);
    }
    if (error == DX_OK && is_prepared(space, before->key)) {
        error = put(context, dx_store_query(context->store, "INSERT OR IGNORE INTO " BASE_ROW_COLUMNS),
                    space->base->goal_generation, before);
    }
    return error;
}

static int read_kept(dx_context *context, dx_space *space, int64_t key, dx_entity_row *out) {
    sqlite3_stmt *select = dx_store_query(
        context->store, "SELECT entity, kind, type, model, created, parent, deleted, source, target, state,"
                        " deleted_counter, deleted_feed FROM base_row WHERE entity = ?1 AND generation = ?2");
    dx_bind_int(select, 1, key);
    dx_bind_int(select, 2, space->base->generation);
    if (!dx_step(context->store, select)) {
        int error = dx_store_error(context->store);
        return error != DX_OK ? error : DX_E_NOT_FOUND;
    }
    *out = dx_entity_row_of(select, 0);
    out->has_life = !dx_column_is_null(select, DX_ENTITY_COLUMN_COUNT);
    out->life_counter = dx_column_int(select, DX_ENTITY_COLUMN_COUNT);
    out->life_feed = dx_column_int(select, DX_ENTITY_COLUMN_COUNT + 1);
    return DX_OK;
}

typedef struct last_move {
    dx_space *space;
    int64_t *parent;
} last_move;

static int take_move(void *ctx, const dx_move *move) {
    const last_move *last = ctx;
    const dx_feed *feed = dx_space_feed_by_prefix(last->space, move->stamp.feed);
    if (feed != NULL && move->seq < feed->begins) {
        *last->parent = move->parent;
    }
    return DX_OK;
}

int dx_base_read(dx_context *context, dx_space *space, int64_t key, dx_buf *state, dx_entity_row *out) {
    last_move last = {.space = space, .parent = &out->parent};
    int error = read_kept(context, space, key, out);
    error = error == DX_E_NOT_FOUND ? dx_entity_row_read(context, space, key, out) : error;
    if (error != DX_OK) {
        return error;
    }
    dx_buf_clear(state);
    dx_buf_append(state, out->state.data, out->state.size);
    out->state = dx_buf_view(state);
    error = dx_buf_error(state);
    return error != DX_OK ? error : dx_hierarchy_moves(context, key, take_move, &last);
}
