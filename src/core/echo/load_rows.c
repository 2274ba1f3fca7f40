/* echo/load_rows.c: rows made of what was loaded. See load_rows.h.
 *
 * Layer: floor 1, echo. A row of the snapshot is what the entity was at the new base; what this vault has beyond the cut is
 * applied to it again. */
#include "echo/load_rows.h"

#include <string.h>

#include "echo/base.h"
#include "echo/cut_state.h"
#include "echo/hidden.h"
#include "echo/hierarchy.h"
#include "echo/key_set.h"
#include "echo/ordered.h"
#include "echo/space_state.h"
#include "echo/touch.h"
#include "echo/withdraw.h"

/* Entities that one step removes, so that it ends; about what it places. */
enum { REMOVED_MAX = 1024 };

void dx_load_rows_init(dx_load_rows *rows, dx_context *context, dx_space *space) {
    *rows = (dx_load_rows){.context = context, .space = space};
    dx_buf_init(&rows->touched, context->alloc, SIZE_MAX);
    dx_buf_init(&rows->strays, context->alloc, SIZE_MAX);
}

void dx_load_rows_deinit(dx_load_rows *rows) {
    dx_buf_deinit(&rows->touched);
    dx_buf_deinit(&rows->strays);
}

int64_t dx_load_rows_key(const dx_load_rows *rows, const dx_snapshot_place *place) {
    return place->none ? 0 : dx_entity_key(rows->feeds[place->feed].local, place->seq, place->index);
}

/* --- What is to be made again ---------------------------------------------------------------------- */

static int take_touch(void *ctx, const dx_touch_row *touch) {
    dx_load_rows *rows = ctx;
    const dx_feed *maker = dx_space_feed(rows->space, dx_entity_key_feed(touch->entity));
    const dx_feed *feed = dx_space_feed(rows->space, touch->block >> 32);
    if (maker == NULL || feed == NULL) {
        return DX_OK;
    }
    const dx_cut *cut = &rows->space->base->cut;
    if (((uint64_t)touch->block & UINT32_MAX) >= dx_cut_length(cut, feed)) {
        dx_key_list_add(&rows->touched, touch->entity);
    } else if (dx_entity_key_seq(touch->entity) >= dx_cut_length(cut, maker)) {
        dx_key_list_add(&rows->strays, touch->entity);
    }
    return dx_buf_error(&rows->touched) != DX_OK ? dx_buf_error(&rows->touched) : dx_buf_error(&rows->strays);
}

/* Which entities blocks beyond the cut are about: what a vault wrote while it was away. None come while rows are made. */
static int gather(dx_load_rows *rows) {
    dx_buf_clear(&rows->touched);
    dx_buf_clear(&rows->strays);
    rows->cleared = 0;
    int error = dx_touch_range(rows->context, rows->space, 0, INT64_MAX, take_touch, rows);
    dx_key_list_sort(&rows->touched);
    dx_key_list_sort(&rows->strays);
    return error;
}

static bool is_by_what_goes(void *ctx, const dx_touch_row *touch) {
    dx_space *space = ctx;
    const dx_feed *feed = dx_space_feed(space, touch->block >> 32);
    return feed != NULL && ((uint64_t)touch->block & UINT32_MAX) < dx_cut_length(&space->base->cut, feed);
}

static int clear_strays(dx_load_rows *rows, size_t *budget) {
    int error = DX_OK;
    size_t count = dx_key_list_count(&rows->strays);
    for (; error == DX_OK && rows->cleared < count && *budget != 0; rows->cleared++, --*budget) {
        int64_t key = dx_key_list_at(&rows->strays, rows->cleared);
        error = dx_touch_remove(rows->context, rows->space, key, is_by_what_goes, rows->space);
        error = error == DX_OK ? dx_withdraw_make_again(rows->context, rows->space, key) : error;
    }
    return error == DX_OK && count != 0 ? dx_entity_rows_write(rows->context, rows->space) : error;
}

/* --- What was here before -------------------------------------------------------------------------- */

/* The next entity of a feed below the cut, behind this key. */
static int find_old(dx_load_rows *rows, int64_t after) {
    const dx_dependency *place = &rows->space->base->cut.places[rows->old_feed];
    sqlite3_stmt *select = dx_store_query(
        rows->context->store, "SELECT key FROM entity WHERE key > ?1 AND key <= ?2 ORDER BY key LIMIT 1");
    dx_bind_int(select, 1, after);
    dx_bind_int(
        select, 2,
        dx_entity_key(rows->feeds[rows->old_feed].local, place->length - 1, DX_BLOCK_SECTIONS_MAX - 1));
    rows->old = dx_step(rows->context->store, select) ? dx_column_int(select, 0) : 0;
    dx_step_reset(select);
    return dx_store_error(rows->context->store);
}

static int find_first_old(dx_load_rows *rows) {
    return find_old(rows, dx_entity_key(rows->feeds[rows->old_feed].local, 0, 0) - 1);
}

/* Where it was left. */
static int find_place(dx_load_rows *rows) {
    int64_t last = rows->space->base->last;
    size_t count = rows->space->base->cut.count;
    rows->last_feed = rows->old_feed = 0;
    for (size_t i = 0; i < count && last != 0; i++) {
        if (rows->feeds[i].local == dx_entity_key_feed(last)) {
            rows->last_feed = rows->old_feed = i;
            return find_old(rows, last);
        }
    }
    return last != 0 ? DX_E_CORRUPT : count != 0 ? find_first_old(rows) : DX_OK;
}

static int remove_old(dx_load_rows *rows, int64_t key) {
    dx_context *context = rows->context;
    dx_entity_row before;
    int error = dx_hierarchy_removed(context, rows->space, key);
    error = error == DX_OK ? dx_hierarchy_forget(context, key) : error;
    error = error == DX_OK ? dx_ordered_forget(context, key) : error;
    error = error == DX_OK ? dx_entity_row_read(context, rows->space, key, &before) : error;
    return error == DX_OK ? dx_entity_row_write(context, rows->space, &before, NULL) : error;
}

/* All that stand before this place go. *there: one stands at it, and goes too. */
static int pass_old(dx_load_rows *rows, size_t feed, int64_t key, bool *there, bool *enough) {
    int error = DX_OK;
    *there = false;
    while (error == DX_OK && (rows->old_feed < feed || (rows->old != 0 && rows->old <= key))) {
        int64_t old = rows->old;
        if (old == 0) {
            rows->old_feed++;
            error = rows->old_feed < rows->space->base->cut.count ? find_first_old(rows) : DX_OK;
            continue;
        }
        *there = rows->old_feed == feed && old == key;
        *enough = !*there && rows->removed == REMOVED_MAX;
        if (*enough) {
            return DX_OK;
        }
        rows->removed += !*there;
        error = remove_old(rows, old);
        error = error == DX_OK ? find_old(rows, old) : error;
    }
    return error;
}

/* --- Entities --------------------------------------------------------------------------------------- */

/* The row as the snapshot has it; *parent: of the latest move. */
static int row_of(dx_load_rows *rows, const dx_snapshot_entity *in, dx_entity_row *row, bool *known) {
    dx_context *context = rows->context;
    dx_space *space = rows->space;
    dx_bytes model = in->model.size == 0 ? dx_bytes_text(dx_object_model.name) : in->model;
    dx_type *type;
    *row = (dx_entity_row){.key = dx_load_rows_key(rows, &in->place),
                           .kind = (int64_t)in->kind,
                           .created = (int64_t)in->created,
                           .parent = dx_load_rows_key(rows, &in->parent),
                           .source = dx_load_rows_key(rows, &in->source),
                           .target = dx_load_rows_key(rows, &in->target),
                           .has_life = in->has_life,
                           .deleted = in->deleted,
                           .life_counter = (int64_t)in->life_counter,
                           .life_feed = in->has_life ? rows->feeds[in->life_feed].local : 0,
                           .state = in->content};
    int error = dx_type_intern(context, space, DX_TYPE_MODEL, model, &type);
    if (error != DX_OK) {
        return error;
    }
    bool listed = !dx_snapshot_keeps_state(in->model);
    *known = listed && type->model != NULL;
    row->model = listed ? -type->id : type->id;
    error = dx_type_intern(context, space, in->kind == DX_ENTITY_LINK ? DX_TYPE_LINK : DX_TYPE_OBJECT,
                           in->type, &type);
    row->type = error == DX_OK ? type->id : 0;
    return error;
}

/* Keeps its moves; the row's parent is the latest one's then. */
static int keep_moves(dx_load_rows *rows, const dx_snapshot_entity *in, dx_entity_row *row) {
    dx_reader moves;
    int error = DX_OK;
    dx_reader_init(&moves, in->moves);
    for (size_t i = 0; i < in->move_count && error == DX_OK; i++) {
        dx_snapshot_move move;
        error = dx_snapshot_move_read(&moves, &move);
        const dx_feed *feed =
            error == DX_OK ? dx_space_feed(rows->space, rows->feeds[move.feed].local) : NULL;
        dx_stamp stamp = {.counter = move.counter};
        if (feed != NULL) {
            memcpy(stamp.feed, feed->id, sizeof stamp.feed);
            row->parent = dx_load_rows_key(rows, &move.parent);
            error = dx_hierarchy_keep(rows->context, row->key, &stamp, 0, row->parent);
        }
    }
    rows->any_moves = rows->any_moves || in->move_count != 0;
    return error;
}

/* What blocks beyond the cut did to it, once more. */
static int take_again(dx_load_rows *rows, int64_t key) {
    dx_space *space = rows->space;
    dx_touch touch;
    bool found = true;
    int error = DX_OK;
    for (dx_stamp at = {.counter = 0}; error == DX_OK && found;) {
        error = dx_touch_find(rows->context, space, key, true, &at, &touch, &found);
        dx_feed *feed = error == DX_OK && found ? dx_space_feed(space, touch.block >> 32) : NULL;
        uint64_t seq = (uint64_t)touch.block & UINT32_MAX;
        if (dx_touch_is_in_effect(feed, seq) && seq >= dx_cut_length(&space->base->cut, feed)) {
            error = dx_touch_take_again(rows->context, space, feed, seq, (uint64_t)touch.section,
                                        (uint64_t)touch.counter, NULL);
        }
    }
    return error;
}

static int place_entity(dx_load_rows *rows, const dx_snapshot_entity *in) {
    dx_context *context = rows->context;
    dx_space *space = rows->space;
    dx_entity_row row;
    bool known;
    int error = row_of(rows, in, &row, &known);
    bool touched = error == DX_OK && dx_key_list_has(&rows->touched, row.key), hides = false;
    error = error == DX_OK ? dx_hidden_has(context, space, row.key, &hides) : error;
    touched = touched || hides;
    error = error == DX_OK ? keep_moves(rows, in, &row) : error;
    if (error == DX_OK && (touched || known)) {
        error = dx_base_put(context, space->base->goal_generation, &row);
    }
    if (error == DX_OK && !known && !touched &&
        (!rows->any_moves || (row.parent == 0 && in->move_count == 0))) {
        error = dx_provenance_keep_listed(context, space, &row);
        return error == DX_OK ? dx_entity_row_write(context, space, NULL, &row)
                              : error; /* nothing to work out */
    }
    error = error == DX_OK ? dx_reduce_place(context, space, &row) : error;
    error = error == DX_OK && touched ? take_again(rows, row.key) : error;
    return error == DX_OK && hides ? dx_hidden_take(context, space, row.key, NULL, NULL) : error;
}

int dx_load_rows_place(dx_load_rows *rows, const dx_snapshot_entity *in, bool *enough) {
    dx_base *base = rows->space->base;
    int64_t key = dx_load_rows_key(rows, &in->place);
    size_t feed = (size_t)in->place.feed; /* below the number of them */
    bool there;
    *enough = false;
    if (feed < rows->last_feed || (feed == rows->last_feed && key <= base->last)) {
        return DX_OK;
    }
    int error = pass_old(rows, feed, key, &there, enough);
    if (error != DX_OK || *enough) {
        return error;
    }
    error = place_entity(rows, in);
    base->last = key;
    rows->last_feed = feed;
    return error;
}

int dx_load_rows_end(dx_load_rows *rows, bool *enough) {
    bool there;
    *enough = false;
    return pass_old(rows, rows->space->base->cut.count, 0, &there, enough);
}

/* --- A step ----------------------------------------------------------------------------------------- */

static int has_any_moves(dx_load_rows *rows) {
    sqlite3_stmt *select = dx_store_query(rows->context->store, "SELECT 1 FROM move LIMIT 1");
    rows->any_moves = dx_step(rows->context->store, select);
    dx_step_reset(select);
    return dx_store_error(rows->context->store);
}

int dx_load_rows_begin(dx_load_rows *rows, const dx_load_feed *feeds, size_t *budget, bool *cleared) {
    int error = DX_OK;
    rows->feeds = feeds;
    rows->removed = 0;
    if (!rows->ready) {
        error = has_any_moves(rows);
        error = error == DX_OK ? gather(rows) : error;
        error = error == DX_OK ? find_place(rows) : error;
        rows->ready = error == DX_OK;
    }
    error = error == DX_OK ? clear_strays(rows, budget) : error;
    *cleared = rows->cleared == dx_key_list_count(&rows->strays);
    return error;
}
