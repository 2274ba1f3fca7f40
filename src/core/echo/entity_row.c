/* echo/entity_row.c: the one door to table `entity`. See entity_row.h.
 *
 * Layer: floor 1, echo. */
#include "echo/entity_row.h"

#include "echo/index.h"
#include "echo/schema_table.h"
#include "echo/section.h"

/* --- Reading --------------------------------------------------------------------------------- */

dx_entity_row dx_entity_row_of(sqlite3_stmt *row, int column) {
    return (dx_entity_row){.key = dx_column_int(row, column),
                           .kind = dx_column_int(row, column + 1),
                           .type = dx_column_int(row, column + 2),
                           .model = dx_column_int(row, column + 3),
                           .created = dx_column_int(row, column + 4),
                           .parent = dx_column_int(row, column + 5),
                           .deleted = dx_column_int(row, column + 6) != 0,
                           .source = dx_column_int(row, column + 7),
                           .target = dx_column_int(row, column + 8),
                           .state = dx_column_bytes(row, column + 9)};
}

int dx_entity_row_read(dx_context *context, dx_space *space, int64_t key, dx_entity_row *out) {
    (void)space;
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT " DX_ENTITY_COLUMNS
                                       ", deleted_counter, deleted_feed FROM entity WHERE key = ?1");
    dx_bind_int(select, 1, key);
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

int dx_entity_row_find(dx_context *context, dx_space *space, int64_t key) {
    (void)space;
    sqlite3_stmt *select = dx_store_query(context->store, "SELECT 1 FROM entity WHERE key = ?1");
    dx_bind_int(select, 1, key);
    bool exists = dx_step(context->store, select);
    dx_step_reset(select);
    int error = dx_store_error(context->store);
    return error != DX_OK ? error : exists ? DX_OK : DX_E_NOT_FOUND;
}

int dx_entity_row_parent(dx_context *context, dx_space *space, int64_t key, int64_t *parent) {
    (void)space;
    sqlite3_stmt *select = dx_store_query(context->store, "SELECT parent FROM entity WHERE key = ?1");
    dx_bind_int(select, 1, key);
    *parent = dx_step(context->store, select) ? dx_column_int(select, 0) : 0;
    dx_step_reset(select);
    return dx_store_error(context->store);
}

int dx_entity_row_has_child(dx_context *context, dx_space *space, int64_t key, bool *has) {
    (void)space;
    sqlite3_stmt *select = dx_store_query(
        context->store, "SELECT 1 FROM entity INDEXED BY entity_by_parent WHERE parent = ?1 LIMIT 1");
    dx_bind_int(select, 1, key);
    *has = dx_step(context->store, select);
    dx_step_reset(select);
    return dx_store_error(context->store);
}

/* --- What is derived ------------------------------------------------------------------------- */

static int count_live(dx_context *context, dx_space *space, const dx_entity_row *before,
                      const dx_entity_row *after) {
    int change = (after != NULL && !after->deleted) - (before != NULL && !before->deleted);
    if (change == 0) {
        return DX_OK;
    }
    dx_type *type;
    int error = dx_type_read(context, space, (after != NULL ? after : before)->type, &type);
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
    }
#if defined(DX_PLANT) && DX_PLANT == 19
    change = before != NULL && after != NULL && change > 0 ? 0 : change;
#endif
    type->live_change += change;
    if (dx_bytes_equal(dx_bytes_of(type->name, type->size), dx_bytes_text(DX_SCHEMA_TYPE))) {
        space->schemas.fresh = false; /* the first of all had no number yet that dx_schemas_note could know */
    }
    return DX_OK;
}

/* Every table whose rows follow from entities' rows. */
static int write_derived(dx_context *context, dx_space *space, const dx_entity_row *before,
                         const dx_entity_row *after) {
    dx_schemas_note(space, (after != NULL ? after : before)->type);
    int error = count_live(context, space, before, after);
    return error == DX_OK ? dx_index_take(context, space, before, after) : error;
}

/* --- Writing --------------------------------------------------------------------------------- */

static void bind_key(sqlite3_stmt *statement, int index, int64_t key) {
    if (key != 0) {
        dx_bind_int(statement, index, key);
    }
}

static void bind_life(sqlite3_stmt *statement, int index, const dx_entity_row *row) {
    dx_bind_int(statement, index, row->deleted);
    if (row->has_life) {
        dx_bind_int(statement, index + 1, row->life_counter);
        dx_bind_int(statement, index + 2, row->life_feed);
    }
}

static void bind_state(sqlite3_stmt *statement, int index, const dx_entity_row *row) {
    if (row->state.size != 0) {
        dx_bind_bytes(statement, index, row->state);
    }
}

static int insert_row(dx_store *store, const dx_entity_row *row) {
    sqlite3_stmt *insert = dx_store_query(
        store,
        "INSERT INTO entity(key, kind, type, model, created, parent, deleted, deleted_counter, "
        "deleted_feed, source, target, state) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)");
    dx_bind_int(insert, 1, row->key);
    dx_bind_int(insert, 2, row->kind);
    dx_bind_int(insert, 3, row->type);
    dx_bind_int(insert, 4, row->model);
    dx_bind_int(insert, 5, row->created);
    bind_key(insert, 6, row->parent);
    bind_life(insert, 7, row);
    bind_key(insert, 10, row->source);
    bind_key(insert, 11, row->target);
    bind_state(insert, 12, row);
    return dx_step_done(store, insert);
}

static int update_state(dx_store *store, const dx_entity_row *row) {
    sqlite3_stmt *update = dx_store_query(store, "UPDATE entity SET model = ?2, state = ?3 WHERE key = ?1");
    dx_bind_int(update, 1, row->key);
    dx_bind_int(update, 2, row->model);
    bind_state(update, 3, row);
    return dx_step_done(store, update);
}

static int update_life(dx_store *store, const dx_entity_row *row) {
    sqlite3_stmt *update = dx_store_query(
        store, "UPDATE entity SET deleted = ?2, deleted_counter = ?3, deleted_feed = ?4 WHERE key = ?1");
    dx_bind_int(update, 1, row->key);
    bind_life(update, 2, row);
    return dx_step_done(store, update);
}

static int update_parent(dx_store *store, const dx_entity_row *row) {
    sqlite3_stmt *update = dx_store_query(store, "UPDATE entity SET parent = ?2 WHERE key = ?1");
    dx_bind_int(update, 1, row->key);
    bind_key(update, 2, row->parent);
    return dx_step_done(store, update);
}

static bool has_same_state(const dx_entity_row *a, const dx_entity_row *b) {
    return a->model == b->model && dx_bytes_equal(a->state, b->state);
}

static bool has_same_life(const dx_entity_row *a, const dx_entity_row *b) {
    return a->deleted == b->deleted && a->has_life == b->has_life && a->life_counter == b->life_counter &&
           a->life_feed == b->life_feed;
}

/* What shows whether an entity lives stands in indexes, its state in none: only what changed is written. */
static int update_row(dx_store *store, const dx_entity_row *before, const dx_entity_row *after) {
    int error = has_same_state(before, after) ? DX_OK : update_state(store, after);
    error = error != DX_OK || has_same_life(before, after) ? error : update_life(store, after);
    return error != DX_OK || before->parent == after->parent ? error : update_parent(store, after);
}

static int delete_row(dx_store *store, const dx_entity_row *row) {
    sqlite3_stmt *remove = dx_store_query(store, "DELETE FROM entity WHERE key = ?1");
    dx_bind_int(remove, 1, row->key);
    return dx_step_done(store, remove);
}

int dx_entity_row_write(dx_context *context, dx_space *space, const dx_entity_row *before,
                        const dx_entity_row *after) {
    DX_ASSERT(before != NULL || after != NULL);
    DX_ASSERT(before == NULL || after == NULL || before->key == after->key);
    if (before != NULL && after != NULL && has_same_state(before, after) && has_same_life(before, after) &&
        before->parent == after->parent) {
        return DX_OK;
    }
    int error = write_derived(context, space, before, after);
    if (error != DX_OK) {
        return error;
    }
    return before == NULL  ? insert_row(context->store, after)
           : after == NULL ? delete_row(context->store, before)
                           : update_row(context->store, before, after);
}

/* --- Dropping -------------------------------------------------------------------------------- */

int dx_entity_rows_drop(dx_context *context, int64_t feed, size_t *budget) {
    dx_store *store = context->store;
    sqlite3_stmt *remove =
        dx_store_query(store, "DELETE FROM entity WHERE key IN "
                              "(SELECT key FROM entity WHERE key BETWEEN ?1 AND ?2 LIMIT ?3)");
    dx_bind_int(remove, 1, dx_entity_key(feed, 0, 0));
    dx_bind_int(remove, 2, dx_entity_key(feed, DX_PLACE_SEQ_MAX, DX_BLOCK_SECTIONS_MAX - 1));
    dx_bind_int(remove, 3, (int64_t)*budget);
    int error = dx_step_done(store, remove);
    if (error == DX_OK) {
        *budget -= (size_t)dx_store_changes(store);
    }
    return error;
}
