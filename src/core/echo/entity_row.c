/* echo/entity_row.c: the one door to table `entity`. See entity_row.h.
 *
 * Layer: floor 1, echo. */
#include "echo/entity_row.h"

#include "base/limits.h"
#include "echo/adjacency.h"
#include "echo/base.h"
#include "echo/index.h"
#include "echo/parents.h"
#include "echo/placed_rows.h"
#include "echo/query.h"
#include "echo/referrer.h"
#include "echo/row_log.h"
#include "echo/schema_table.h"
#include "echo/section.h"
#include "echo/space_state.h"
#include "echo/touch.h"
#include "echo/unwritten.h"

/* --- Life ------------------------------------------------------------------------------------ */

dx_unwritten *dx_entity_rows_create(dx_context *context) {
    dx_unwritten *rows = dx_alloc_take(context->alloc, sizeof *rows);
    if (rows != NULL) {
        dx_unwritten_init(rows, context->alloc, context->random);
    }
    return rows;
}

void dx_entity_rows_destroy(const dx_alloc *alloc, dx_unwritten *rows) {
    if (rows != NULL) {
        dx_unwritten_deinit(rows);
        dx_alloc_free(alloc, rows, sizeof *rows);
    }
}

static size_t rows_max(const dx_context *context) {
    return context->rows_max != 0 ? context->rows_max : DX_UNWRITTEN_ROWS_MAX;
}

/* So many changes are in no log: a small set has logs, too. */
static size_t changes_max(size_t rows) {
    return rows / DX_UNWRITTEN_PARTS < DX_UNWRITTEN_CHANGES_MAX ? rows / DX_UNWRITTEN_PARTS
                                                                : DX_UNWRITTEN_CHANGES_MAX;
}

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

/* Of a statement that selects DX_ENTITY_COLUMNS, deleted_counter, deleted_feed. */
static dx_entity_row row_with_life(sqlite3_stmt *select) {
    dx_entity_row row = dx_entity_row_of(select, 0);
    row.has_life = !dx_column_is_null(select, DX_ENTITY_COLUMN_COUNT);
    row.life_counter = dx_column_int(select, DX_ENTITY_COLUMN_COUNT);
    row.life_feed = dx_column_int(select, DX_ENTITY_COLUMN_COUNT + 1);
    return row;
}

/* The row in memory. *row NULL: the table knows. */
static int look(dx_context *context, dx_space *space, int64_t key, const dx_unwritten_row **row) {
    int error = dx_row_log_unpack(context, space->local, space->unwritten, key);
    *row = error == DX_OK ? dx_unwritten_find(space->unwritten, key) : NULL;
    return error;
}

int dx_entity_row_read(dx_context *context, dx_space *space, int64_t key, dx_entity_row *out) {
    const dx_unwritten_row *row;
    int failed = look(context, space, key, &row);
    if (failed != DX_OK || row != NULL) {
        *out = row != NULL ? row->after : (dx_entity_row){.key = key};
        return failed != DX_OK ? failed : row->is ? DX_OK : DX_E_NOT_FOUND;
    }
    if (dx_placed_rows_find(space->placed, key, out)) {
        return DX_OK;
    }
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT " DX_ENTITY_COLUMNS
                                       ", deleted_counter, deleted_feed FROM entity WHERE key = ?1");
    dx_bind_int(select, 1, key);
    if (!dx_step(context->store, select)) {
        int error = dx_store_error(context->store);
        return error != DX_OK ? error : DX_E_NOT_FOUND;
    }
    *out = row_with_life(select);
    return DX_OK;
}

int dx_entity_row_hold(dx_context *context, dx_space *space, int64_t key) {
    dx_unwritten *rows = space->unwritten;
    const dx_unwritten_row *held;
    dx_entity_row row;
    int error = look(context, space, key, &held);
    if (error != DX_OK || held != NULL || dx_unwritten_count(rows) >= rows_max(context) ||
        dx_space_feed(space, dx_entity_key_feed(key)) == NULL) {
        return error;
    }
    error = dx_entity_row_read(context, space, key, &row);
    return error == DX_OK ? dx_unwritten_hold(rows, &row) : error == DX_E_NOT_FOUND ? DX_OK : error;
}

int dx_entity_row_find(dx_context *context, dx_space *space, int64_t key) {
    const dx_unwritten_row *row;
    int failed = look(context, space, key, &row);
    if (failed != DX_OK || row != NULL) {
        return failed != DX_OK ? failed : row->is ? DX_OK : DX_E_NOT_FOUND;
    }
    sqlite3_stmt *select = dx_store_query(context->store, "SELECT 1 FROM entity WHERE key = ?1");
    dx_bind_int(select, 1, key);
    bool exists = dx_step(context->store, select);
    dx_step_reset(select);
    int error = dx_store_error(context->store);
    return error != DX_OK ? error : exists ? DX_OK : DX_E_NOT_FOUND;
}

static int read_parent(dx_context *context, dx_space *space, int64_t key, int64_t *parent) {
    const dx_unwritten_row *row;
    int error = look(context, space, key, &row);
    if (error != DX_OK || row != NULL) {
        *parent = row != NULL && row->is ? row->after.parent : 0;
        return error;
    }
    sqlite3_stmt *select = dx_store_query(context->store, "SELECT parent FROM entity WHERE key = ?1");
    dx_bind_int(select, 1, key);
    *parent = dx_step(context->store, select) ? dx_column_int(select, 0) : 0;
    dx_step_reset(select);
    return dx_store_error(context->store);
}

int dx_entity_row_parent(dx_context *context, dx_space *space, int64_t key, int64_t *parent) {
    if (dx_parents_find(space->parents, key, parent)) {
        return DX_OK;
    }
    int error = read_parent(context, space, key, parent);
    if (error == DX_OK) {
        dx_parents_put(space->parents, key, *parent);
    }
    return error;
}

int dx_entity_row_has_child(dx_context *context, dx_space *space, int64_t key, bool *has) {
    *has = dx_key_table_find(&space->unwritten->parents, key) != NULL;
    if (*has) {
        return DX_OK;
    }
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
    int error = count_live(context, space, before, after);
    if (error == DX_OK) {
        error = dx_referrers_take(context, before, after);
    }
    if (error == DX_OK) {
        error = dx_adjacency_take(context, space, before, after);
    }
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

static bool is_same_row(const dx_entity_row *a, const dx_entity_row *b) {
    return has_same_state(a, b) && has_same_life(a, b) && a->parent == b->parent;
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

static bool is_same_entity(const dx_entity_row *a, const dx_entity_row *b) {
    return a->kind == b->kind && a->type == b->type && a->created == b->created && a->source == b->source &&
           a->target == b->target;
}

/* One row from how its table has it to how it shall be, with what is derived from it. */
static int write_row(dx_context *context, dx_space *space, const dx_entity_row *before,
                     const dx_entity_row *after) {
    if (before != NULL && after != NULL && !is_same_entity(before, after)) {
        int error = write_row(context, space, before, NULL);
        return error == DX_OK ? write_row(context, space, NULL, after) : error;
    }
    if ((before == NULL && after == NULL) ||
        (before != NULL && after != NULL && is_same_row(before, after))) {
        return DX_OK;
    }
    int error = before == NULL ? DX_OK : dx_base_keep(context, space, before);
    error = error == DX_OK ? write_derived(context, space, before, after) : error;
    if (error != DX_OK) {
        return error;
    }
    return before == NULL  ? insert_row(context->store, after)
           : after == NULL ? delete_row(context->store, before)
                           : update_row(context->store, before, after);
}

/* Whether the row is of a type whose name begins with "dx.", and refers to another strongly. */
static int note_row(dx_context *context, dx_space *space, const dx_entity_row *row) {
    dx_type *type;
    int error = dx_type_read(context, space, row->type, &type);
    if (error == DX_OK && dx_type_is_hidden(dx_bytes_of(type->name, type->size))) {
        space->unwritten->has_house = true;
    }
    space->unwritten->has_strong = space->unwritten->has_strong || dx_referrers_has_strong(row->state);
    return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
}

int dx_entity_row_write(dx_context *context, dx_space *space, const dx_entity_row *before,
                        const dx_entity_row *after) {
    DX_ASSERT(before != NULL || after != NULL);
    DX_ASSERT(before == NULL || after == NULL || before->key == after->key);
    if (before != NULL && after != NULL && is_same_row(before, after)) {
        return DX_OK;
    }
    dx_schemas_note(space, (after != NULL ? after : before)->type);
    dx_parents_put(space->parents, (after != NULL ? after : before)->key, after != NULL ? after->parent : 0);
    int error = note_row(context, space, after != NULL ? after : before);
    error = error == DX_OK ? dx_row_log_unpack(context, space->local, space->unwritten,
                                               (after != NULL ? after : before)->key)
                           : error;
    return error == DX_OK ? dx_unwritten_put(space->unwritten, before, after) : error;
}

int dx_entity_row_touch(dx_context *context, dx_space *space, int64_t key, uint64_t counter,
                        const dx_feed *feed, uint64_t seq, uint64_t section) {
    (void)context;
    const dx_touch_row touch = {.entity = key,
                                .counter = (int64_t)counter,
                                .block = feed->local << 32 | (int64_t)seq,
                                .section = (int64_t)section};
    return dx_unwritten_touch(space->unwritten, &touch);
}

/* --- Reaching the tables --------------------------------------------------------------------- */

bool dx_entity_rows_wait(const dx_space *space) {
    for (size_t i = 0; i < space->feed_count; i++) {
        if (space->feeds[i].unsaved) {
            return true;
        }
    }
    return dx_unwritten_count(space->unwritten) != 0 || space->unwritten->touch_count != 0;
}

size_t dx_entity_rows_changes(const dx_space *space) {
    return space->unwritten->changes + DX_UNWRITTEN_READ_CHANGES * space->unwritten->reads;
}

size_t dx_entity_rows_held(const dx_space *space) {
    return dx_unwritten_count(space->unwritten);
}

/* By which number it counts, if it is there: objects of the house's own do not. */
static int count_row(dx_context *context, dx_space *space, bool there, const dx_entity_row *row, int64_t by,
                     int64_t *objects, int64_t *links) {
    dx_type *type;
    if (!there || row->deleted) {
        return DX_OK;
    }
    int error = dx_type_read(context, space, row->type, &type);
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
    }
    if (row->kind == DX_ENTITY_LINK) {
        *links += by;
    } else if (!dx_type_is_hidden(dx_bytes_of(type->name, type->size))) {
        *objects += by;
    }
    return DX_OK;
}

int dx_entity_rows_count(dx_context *context, dx_space *space, int64_t *objects, int64_t *links) {
    const dx_unwritten *rows = space->unwritten;
    bool shown =
        dx_store_is_read_only(context->store) && rows->drafted == dx_store_transaction(context->store);
    int error = DX_OK;
    if (!shown) {
        *objects += rows->packed_objects;
        *links += rows->packed_links;
    }
    for (size_t i = 0; i < rows->row_count && error == DX_OK && !shown; i++) {
        const dx_unwritten_row *row = dx_unwritten_at(rows, i);
        error = count_row(context, space, row->was, &row->before, -1, objects, links);
        if (error == DX_OK) {
            error = count_row(context, space, row->is, &row->after, 1, objects, links);
        }
    }
    return error;
}

/* A row of the log: what its table has is read when it is written over. */
static int read_before(dx_context *context, dx_space *space, dx_unwritten_row *row) {
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT " DX_ENTITY_COLUMNS
                                       ", deleted_counter, deleted_feed FROM entity WHERE key = ?1 LIMIT 1");
    dx_bind_int(select, 1, row->key);
    bool there = dx_step(context->store, select);
    int error = there ? DX_OK : dx_store_error(context->store);
    if (there) {
        dx_entity_row before = row_with_life(select);
        error = dx_unwritten_set_before(space->unwritten, row, &before);
    }
    dx_step_reset(select);
    return error == DX_OK && !there ? DX_E_CORRUPT : error;
}

/* So many of the rows that changed are known without their tables: twice the set, as a power of two. */
static size_t placed_max(const dx_context *context) {
    size_t most = 2;
    while (most <= rows_max(context)) {
        most *= 2;
    }
    return most;
}

/* What the table has of the row now. Rows just made are not kept: most never change, and pages of theirs are the last. */
static void note_placed(dx_context *context, dx_space *space, const dx_unwritten_row *row) {
    if (!row->is) {
        dx_placed_rows_remove(space->placed, row->key);
    } else if (row->was) {
        dx_placed_rows_put(space->placed, &row->after, placed_max(context));
    }
}

/* keeps: as in write_all. */
static int write_rows(dx_context *context, dx_space *space, const dx_buf *keys, bool keeps) {
    int error = DX_OK;
    for (size_t i = 0; i < dx_key_list_count(keys) && error == DX_OK; i++) {
        dx_unwritten_row *row = dx_unwritten_find(space->unwritten, dx_key_list_at(keys, i));
        error = row->unread ? read_before(context, space, row) : DX_OK;
        if (error != DX_OK) {
            return error;
        }
        error = write_row(context, space, row->was ? &row->before : NULL, row->is ? &row->after : NULL);
        if (error == DX_OK && keeps) {
            note_placed(context, space, row);
        }
    }
    error = error == DX_OK ? dx_adjacency_write(context, space) : error;
    return error == DX_OK ? dx_types_save(context, space) : error;
}

int dx_entity_rows_write_touches(dx_context *context, dx_space *space) {
    dx_unwritten *rows = space->unwritten;
    dx_unwritten_sort_touches(rows);
    int error = dx_touch_put(context, space, rows->touches, rows->touch_count);
    rows->touch_count = error == DX_OK ? 0 : rows->touch_count;
    return error;
}

/* What the tables hold from now on is what these blocks make. */
static int save_feeds(dx_context *context, dx_space *space) {
    int error = DX_OK;
    for (size_t i = 0; i < space->feed_count && error == DX_OK; i++) {
        dx_feed *feed = &space->feeds[i];
        error = feed->unsaved ? dx_feed_save_applied(feed, context->store) : DX_OK;
    }
    return error;
}

/* keeps: otherwise they are only shown, and all of it is still to be written. */
static int write_all(dx_context *context, dx_space *space, bool keeps) {
    dx_buf keys;
    dx_buf_init(&keys, context->alloc, SIZE_MAX);
    int error = dx_row_log_unpack_all(context, space->local, space->unwritten);
    error = error == DX_OK ? dx_unwritten_order(space->unwritten, &keys) : error;
    if (error == DX_OK) {
        error = write_rows(context, space, &keys, keeps);
    }
    if (error == DX_OK) {
        error = dx_touch_put(context, space, space->unwritten->touches, space->unwritten->touch_count);
    }
#if !defined(DX_PLANT) || DX_PLANT != 42
    if (error == DX_OK && keeps) {
        error = save_feeds(context, space);
    }
#endif
#if !defined(DX_PLANT) || DX_PLANT != 63
    if (error == DX_OK && keeps && space->unwritten->pieces != 0) {
        error = dx_row_log_drop(context, space->local);
    }
#endif
    if (error == DX_OK && keeps) {
        dx_unwritten_clear(space->unwritten);
    } else if (keeps) {
        dx_placed_rows_clear(space->placed); /* the transaction will be undone */
    }
    dx_buf_deinit(&keys);
    return error;
}

int dx_entity_rows_log(dx_context *context, dx_space *space) {
    int error = dx_entity_rows_write_touches(context, space);
    error = error == DX_OK ? dx_row_log_append(context, space->local, space->unwritten) : error;
    error = error == DX_OK ? save_feeds(context, space) : error;
    if (error == DX_OK) {
        space->unwritten->changes = space->unwritten->reads = 0;
    }
    return error;
}

typedef struct loading {
    dx_context *context;
    dx_space *space;
} loading;

static int weigh_row(void *ctx, const dx_unwritten_row *row, dx_unwritten_packed *packed) {
    const loading *it = ctx;
    const dx_entity_row *before = &row->before, *after = &row->after;
    bool same_type = row->was && row->is && before->type == after->type;
    int64_t objects = 0, links = 0;
    int error = row->is ? note_row(it->context, it->space, after) : DX_OK;
    error = error == DX_OK && row->was && !same_type ? note_row(it->context, it->space, before) : error;
    if (error == DX_OK && !(same_type && before->kind == after->kind && before->deleted == after->deleted)) {
        error = count_row(it->context, it->space, row->was, before, -1, &objects, &links);
        error =
            error == DX_OK ? count_row(it->context, it->space, row->is, after, 1, &objects, &links) : error;
    }
    packed->objects = (int8_t)objects;
    packed->links = (int8_t)links;
    return error;
}

int dx_entity_rows_load(dx_context *context, dx_space *space) {
#if defined(DX_PLANT) && DX_PLANT == 62
    return DX_OK;
#endif
    loading it = {context, space};
    return dx_row_log_read(context, space->local, space->unwritten, weigh_row, &it);
}

int dx_entity_rows_write(dx_context *context, dx_space *space) {
    return dx_entity_rows_wait(space) ? write_all(context, space, true) : DX_OK;
}

int dx_entity_rows_bound(dx_context *context, dx_space *space) {
    const dx_unwritten *rows = space->unwritten;
    size_t most = rows_max(context);
    bool many = rows->hurries || dx_unwritten_count(rows) >= most ||
                rows->made >= most / DX_UNWRITTEN_PARTS || dx_unwritten_size(rows) >= DX_UNWRITTEN_SIZE_MAX;
    if (space->replays || (!many && dx_entity_rows_changes(space) < changes_max(most))) {
        return DX_OK;
    }
    many = many ||
           4 * rows->made >=
               3 * rows->changes || /* most are neighbours: their pages cost less than a log of them */
           rows->in_log + rows->changes >
               most + most / DX_UNWRITTEN_PARTS; /* few, that change again and again */
    return many ? dx_entity_rows_write(context, space) : dx_entity_rows_log(context, space);
}

int dx_entity_rows_settle(dx_context *context, dx_space *space) {
    dx_unwritten *rows = space->unwritten;
#if defined(DX_PLANT) && DX_PLANT == 43
    return DX_OK;
#endif
    if (!dx_store_is_read_only(context->store)) {
        return dx_entity_rows_write(context, space);
    }
    uint64_t transaction = dx_store_transaction(context->store);
    if ((dx_unwritten_count(rows) == 0 && rows->touch_count == 0) || rows->drafted == transaction) {
        return DX_OK;
    }
    int error = dx_store_begin_draft(context->store);
    if (error == DX_OK) {
        error = write_all(context, space, false);
    }
    if (error == DX_OK) {
        error = dx_store_end_draft(context->store);
    }
    rows->drafted = error == DX_OK ? transaction : 0;
    return error;
}

void dx_entity_rows_hurry(dx_space *space) {
    space->unwritten->hurries = true;
}

int dx_entity_rows_settle_house(dx_context *context, dx_space *space) {
    return space->unwritten->has_house ? dx_entity_rows_settle(context, space) : DX_OK;
}

int dx_entity_rows_settle_strong(dx_context *context, dx_space *space) {
    return space->unwritten->has_strong ? dx_entity_rows_settle(context, space) : DX_OK;
}

/* --- Dropping -------------------------------------------------------------------------------- */

/* What the next `count` rows of the feed are in the index of references for. */
static int drop_references(dx_context *context, int64_t feed, size_t count) {
    sqlite3_stmt *rows = dx_store_query(
        context->store, "SELECT key, state FROM (SELECT key, state FROM entity WHERE key BETWEEN ?1 AND ?2 "
                        "LIMIT ?3) WHERE instr(state, x'd827')");
    int error = DX_OK;
    dx_bind_int(rows, 1, dx_entity_key(feed, 0, 0));
    dx_bind_int(rows, 2, dx_entity_key(feed, DX_PLACE_SEQ_MAX, DX_BLOCK_SECTIONS_MAX - 1));
    dx_bind_int(rows, 3, (int64_t)count);
    while (error == DX_OK && dx_step(context->store, rows)) {
        dx_entity_row row = {.key = dx_column_int(rows, 0), .state = dx_column_bytes(rows, 1)};
        error = dx_referrers_take(context, &row, NULL);
    }
    dx_step_reset(rows);
    return error != DX_OK ? error : dx_store_error(context->store);
}

int dx_entity_rows_drop(dx_context *context, int64_t feed, size_t *budget) {
    dx_store *store = context->store;
    int error = dx_adjacency_drop(context, feed, budget);
    error = error == DX_OK ? drop_references(context, feed, *budget) : error;
    if (error != DX_OK) {
        return error;
    }
    sqlite3_stmt *remove =
        dx_store_query(store, "DELETE FROM entity WHERE key IN "
                              "(SELECT key FROM entity WHERE key BETWEEN ?1 AND ?2 LIMIT ?3)");
    dx_bind_int(remove, 1, dx_entity_key(feed, 0, 0));
    dx_bind_int(remove, 2, dx_entity_key(feed, DX_PLACE_SEQ_MAX, DX_BLOCK_SECTIONS_MAX - 1));
    dx_bind_int(remove, 3, (int64_t)*budget);
    error = dx_step_done(store, remove);
    if (error == DX_OK) {
        *budget -= (size_t)dx_store_changes(store);
    }
    return error;
}
