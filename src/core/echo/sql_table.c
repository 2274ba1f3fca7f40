/* echo/sql_table.c: the tables of a statement: rows that questions find, and the list of tables.
 *
 * Layer: floor 1, echo. See sql_state.h. A cursor asks one question (query.h) made of the comparisons SQLite offers, and
 * holds some of its rows at a time, so that nothing stays open in the store and cursors may stand beside each other in
 * any number. Every comparison that is handed on is one the question answers with at least the rows that SQLite would
 * keep, and SQLite looks again (no "omit"): a plan changes how long it takes, never what comes. */
#include <string.h>

#include "codec/cbor.h"
#include "echo/pipeline.h"
#include "echo/query_state.h"
#include "echo/sql_state.h"

enum {
    EXAMINED_FIRST = 8, /* at once: a cursor inside another one's loop often ends after a row */
    EXAMINED_MAX = 256,
    STATE_KEPT_MAX = 16 * 1024, /* of a row that is held; a larger one is read when it is asked for */
    /* Steps of SQLite's machine that work of ours counts as, by the time it takes. */
    STEPS_PER_QUESTION = 100,
    STEPS_PER_EXAMINED = 20,
    BYTES_PER_STEP = 16
};

typedef struct sql_row {
    int64_t key, type_id, model_id, parent, source, target;
    uint64_t created;
    const dx_model *model;
    dx_entity_kind kind;
    bool deleted, has_state;
    size_t state, state_size, snippet, snippet_size; /* in the cursor's bytes */
} sql_row;

typedef struct sql_cursor {
    sqlite3_vtab_cursor base;
    dx_query *query; /* NULL: it finds nothing */
    bool more;
    size_t budget, at;
    int64_t given; /* rows before this one */
    dx_buf rows, bytes, scratch;
    int64_t block; /* feed << 32 | seq whose time is known */
    uint64_t wall_ms;
    size_t table; /* of the list of tables */
    dx_sql_columns *columns;
} sql_cursor;

static dx_sql_tab *tab_of(sql_cursor *self) {
    return (dx_sql_tab *)(void *)self->base.pVtab;
}

/* What the vault itself could not do ends the statement and is told by dx_sql_run. */
static int end_for(dx_sql *sql, int error) {
    if (error == DX_OK) {
        return SQLITE_OK;
    }
    sql->error = sql->error == DX_OK ? error : sql->error;
    return SQLITE_ERROR;
}

/* --- The table ------------------------------------------------------------------------------------- */

static int count_rows(dx_sql_tab *self) {
    dx_sql *sql = self->sql;
    int64_t objects = 0, links = 0;
    int error = dx_space_count(sql->context, sql->space, &objects, &links);
    bool link = self->table->kind == DX_SQL_LINKS || self->table->kind == DX_SQL_ALL_LINKS;
    self->rows = link ? links : objects;
    if (error == DX_OK && self->table->kind == DX_SQL_OF_TYPE) {
        dx_type *type;
        error =
            dx_type_find(sql->context, sql->space, DX_TYPE_OBJECT, dx_bytes_text(self->table->name), &type);
        if (error != DX_OK) {
            return error == DX_E_NOT_FOUND ? DX_OK : error;
        }
        sqlite3_stmt *row = dx_store_query(sql->context->store, "SELECT live FROM type WHERE id = ?1");
        dx_bind_int(row, 1, type->id);
        self->rows = dx_step(sql->context->store, row) ? dx_column_int(row, 0) : 0;
        dx_step_reset(row);
        error = dx_store_error(sql->context->store);
    }
    return error;
}

static void quote(const char *name, dx_buf *out) {
    dx_buf_append_byte(out, '"');
    for (; *name != '\0'; name++) {
        if (*name == '"') {
            dx_buf_append_byte(out, '"');
        }
        dx_buf_append_byte(out, (uint8_t)*name);
    }
    dx_buf_append_byte(out, '"');
}

static void append(dx_buf *out, const char *text) {
    dx_buf_append(out, text, strlen(text));
}

/* Columns have no type of SQL's, so that nothing is changed into another before it is compared. */
static int declare(const dx_sql_tab *self) {
    dx_buf text;
    dx_buf_init(&text, self->sql->context->alloc, 1 << 20);
    append(&text, "CREATE TABLE x(");
    for (size_t i = 0; i < self->columns.count; i++) {
        append(&text, i == 0 ? "" : ", ");
        quote(self->columns.items[i].name, &text);
        append(&text, self->columns.items[i].hidden ? " HIDDEN" : "");
    }
    append(&text, ")");
    dx_buf_append_byte(&text, 0);
    self->sql->declares = true;
    int result = dx_buf_error(&text) != DX_OK ? SQLITE_NOMEM
                                              : sqlite3_declare_vtab(self->sql->db, (const char *)text.data);
    self->sql->declares = false;
    dx_buf_deinit(&text);
    return result;
}

static int connect_table(sqlite3 *db, void *ctx, int count, const char *const *words, sqlite3_vtab **out,
                         char **message) {
    const dx_sql_table *table = ctx;
    dx_sql *sql = table->sql;
    (void)db;
    (void)count;
    (void)words;
    (void)message;
    dx_sql_tab *self = dx_alloc_take_zeroed(sql->context->alloc, sizeof *self);
    if (self == NULL) {
        return end_for(sql, DX_E_NO_MEMORY);
    }
    self->table = table;
    self->sql = sql;
    dx_sql_pause(sql);
    int error = dx_sql_columns_of(sql, table, &self->columns);
    error = error == DX_OK && table->kind != DX_SQL_TABLES ? count_rows(self) : error;
    dx_sql_resume(sql);
    int result = error == DX_OK ? declare(self) : end_for(sql, error);
    if (result != SQLITE_OK) {
        dx_alloc_free(sql->context->alloc, self, sizeof *self);
        return result;
    }
    *out = &self->base;
    return SQLITE_OK;
}

static int disconnect_table(sqlite3_vtab *base) {
    dx_sql_tab *self = (dx_sql_tab *)(void *)base;
    dx_alloc_free(self->sql->context->alloc, self, sizeof *self);
    return SQLITE_OK;
}

/* --- Rows ----------------------------------------------------------------------------------------- */

static const sql_row *row_at(const sql_cursor *self) {
    return (const sql_row *)(const void *)self->rows.data + self->at;
}

static int take_row(void *ctx, const dx_query_row *found) {
    sql_cursor *self = ctx;
    const dx_entity *entity = found->entity;
    sql_row row = {.key = entity->key,
                   .kind = entity->kind,
                   .type_id = entity->type_id,
                   .model_id = entity->model_id,
                   .model = entity->model,
                   .created = entity->created,
                   .deleted = entity->deleted,
                   .parent = entity->parent,
                   .source = entity->source,
                   .target = entity->target,
                   .state = self->bytes.size,
                   .state_size = entity->state.size,
                   .has_state = entity->state.size <= STATE_KEPT_MAX};
    if (tab_of(self)->table->kind != DX_SQL_OF_TYPE && dx_type_is_hidden(entity->type)) {
        return DX_OK; /* the house's own stand in tables of their own alone */
    }
    if (row.has_state) {
        dx_buf_append(&self->bytes, entity->state.data, entity->state.size);
    }
    row.snippet = self->bytes.size;
    row.snippet_size = found->snippet.size;
    dx_buf_append(&self->bytes, found->snippet.data, found->snippet.size);
    dx_buf_append(&self->rows, &row, sizeof row);
    return dx_buf_error(&self->bytes) != DX_OK ? dx_buf_error(&self->bytes) : dx_buf_error(&self->rows);
}

/* The next rows, at least one if there is any. */
static int fill(sql_cursor *self) {
    dx_sql *sql = tab_of(self)->sql;
    int error = DX_OK;
    self->at = 0;
    dx_buf_clear(&self->rows);
    dx_buf_clear(&self->bytes);
    while (error == DX_OK && self->rows.size == 0 && self->more) {
        error = dx_query_run(self->query, self->budget, take_row, self, &self->more);
        if (!dx_sql_spend(sql, (int64_t)self->budget * STEPS_PER_EXAMINED)) {
            return SQLITE_INTERRUPT;
        }
        self->budget = self->budget < EXAMINED_MAX ? 2 * self->budget : EXAMINED_MAX;
    }
    if (error == DX_E_LIMIT) {
        sql->ran_out = true;
        return SQLITE_INTERRUPT;
    }
    return end_for(sql, error);
}

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **out) {
    const dx_sql_tab *tab = (dx_sql_tab *)(void *)base;
    const dx_alloc *alloc = tab->sql->context->alloc;
    sql_cursor *self = dx_alloc_take_zeroed(alloc, sizeof *self);
    if (self == NULL) {
        return end_for(tab->sql, DX_E_NO_MEMORY);
    }
    dx_buf_init(&self->rows, alloc, 2 * EXAMINED_MAX * sizeof(sql_row));
    dx_buf_init(&self->bytes, alloc, SIZE_MAX / 2);
    dx_buf_init(&self->scratch, alloc, SIZE_MAX / 2);
    *out = &self->base;
    return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *base) {
    sql_cursor *self = (sql_cursor *)(void *)base;
    const dx_alloc *alloc = tab_of(self)->sql->context->alloc;
    dx_query_destroy(self->query);
    dx_buf_deinit(&self->rows);
    dx_buf_deinit(&self->bytes);
    dx_buf_deinit(&self->scratch);
    dx_alloc_free(alloc, self->columns, self->columns == NULL ? 0 : sizeof *self->columns);
    dx_alloc_free(alloc, self, sizeof *self);
    return SQLITE_OK;
}

/* A question that cannot be asked like this, in its own words. */
static int refuse(sql_cursor *self, const char *message) {
    sqlite3_free(self->base.pVtab->zErrMsg);
    self->base.pVtab->zErrMsg = sqlite3_mprintf("%s", message);
    return SQLITE_ERROR;
}

static int ask(sql_cursor *self, const char *plan, sqlite3_value **values) {
    dx_sql *sql = tab_of(self)->sql;
    char message[DX_QUERY_MESSAGE_SIZE] = "";
    bool nothing = false;
    dx_buf item;
    dx_buf_init(&item, sql->context->alloc, 4 * DX_QUERY_SIZE_MAX);
    int error = dx_sql_question(tab_of(self), plan, values, &item, &nothing);
    if (error == DX_OK && !nothing) {
        error = dx_query_create(sql->context, sql->space, dx_buf_view(&item), message, sizeof message,
                                &self->query);
    }
    dx_buf_deinit(&item);
    self->more = error == DX_OK && self->query != NULL;
    if (!dx_sql_spend(sql, STEPS_PER_QUESTION)) {
        return SQLITE_INTERRUPT;
    }
    return error == DX_E_INVALID ? refuse(self, message) : end_for(sql, error);
}

static int filter(sqlite3_vtab_cursor *base, int number, const char *plan, int count,
                  sqlite3_value **values) {
    sql_cursor *self = (sql_cursor *)(void *)base;
    dx_sql *sql = tab_of(self)->sql;
    (void)number;
    (void)count;
    dx_query_destroy(self->query);
    self->query = NULL;
    self->given = 0;
    self->budget = EXAMINED_FIRST;
    dx_sql_pause(sql);
    int result = ask(self, plan, values);
    result = result == SQLITE_OK ? fill(self) : result;
    dx_sql_resume(sql);
    return result;
}

static int next(sqlite3_vtab_cursor *base) {
    sql_cursor *self = (sql_cursor *)(void *)base;
    dx_sql *sql = tab_of(self)->sql;
    int result = SQLITE_OK;
    self->given++;
    if (++self->at == self->rows.size / sizeof(sql_row) && self->more) {
        dx_sql_pause(sql);
        result = fill(self);
        dx_sql_resume(sql);
    }
    return result;
}

static int is_end(sqlite3_vtab_cursor *base) {
    const sql_cursor *self = (sql_cursor *)(void *)base;
    return self->at == self->rows.size / sizeof(sql_row);
}

/* Of use to SQLite alone, which tells rows of one table apart by it. */
static int row_number(sqlite3_vtab_cursor *base, sqlite3_int64 *out) {
    *out = row_at((sql_cursor *)(void *)base)->key;
    return SQLITE_OK;
}

/* --- Columns -------------------------------------------------------------------------------------- */

/* The row as an entity; DX_E_NOT_FOUND: it went while the statement was at work. */
static int entity_of(const sql_cursor *self, dx_entity *out) {
    dx_sql *sql = tab_of((sql_cursor *)(uintptr_t)self)->sql;
    const sql_row *row = row_at(self);
    if (!row->has_state) {
        return dx_entity_read(sql->context, sql->space, row->key, out);
    }
    *out = (dx_entity){.key = row->key,
                       .kind = row->kind,
                       .type_id = row->type_id,
                       .model_id = row->model_id,
                       .model = row->model,
                       .created = row->created,
                       .deleted = row->deleted,
                       .parent = row->parent,
                       .source = row->source,
                       .target = row->target,
                       .state = dx_bytes_of(self->bytes.data + row->state, row->state_size)};
    return DX_OK;
}

static int give_id(sql_cursor *self, sqlite3_context *result, int64_t key) {
    uint8_t id[DX_ID_SIZE];
    char text[DX_ID_TEXT_MAX];
    int error = key == 0 ? DX_E_NOT_FOUND : dx_key_to_id(tab_of(self)->sql->space, key, id);
    if (error == DX_OK) {
        dx_id_print(id, text);
        sqlite3_result_text(result, text, -1, SQLITE_TRANSIENT);
    }
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

static int give_name(sql_cursor *self, sqlite3_context *result, int64_t id) {
    dx_sql *sql = tab_of(self)->sql;
    dx_type *type;
    int error = dx_type_read(sql->context, sql->space, id, &type);
    if (error == DX_OK && type->size > 0) {
        sqlite3_result_text(result, (const char *)type->name, (int)type->size, SQLITE_TRANSIENT);
    }
    return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
}

/* Where it was made: of many rows of one block it is looked up once. */
static int give_made(sql_cursor *self, sqlite3_context *result) {
    dx_sql *sql = tab_of(self)->sql;
    int64_t key = row_at(self)->key, place = key >> 16;
    const uint64_t year_10000_ms = UINT64_C(253402300800000);
    if (self->block != place) {
        dx_block block;
        const dx_feed *feed = dx_space_feed(sql->space, dx_entity_key_feed(key));
        int error = feed == NULL
                        ? DX_E_NOT_FOUND
                        : dx_pipeline_block(sql->context, sql->space, feed, dx_entity_key_seq(key), &block);
        if (error != DX_OK) {
            return error == DX_E_NOT_FOUND ? DX_OK : error; /* history that is not here */
        }
        self->block = place;
        self->wall_ms = block.header.wall_ms;
        if (!dx_sql_spend(sql, (int64_t)block.sections.size / BYTES_PER_STEP)) {
            return DX_E_LIMIT;
        }
    }
    if (self->wall_ms < year_10000_ms) {
        dx_writer writer;
        dx_buf_clear(&self->scratch);
        dx_writer_init(&writer, &self->scratch);
        dx_write_timestamp(&writer, (int64_t)self->wall_ms * 1000);
        if (dx_writer_finish(&writer) == DX_OK) {
            dx_sql_result(result, DX_SQL_TIME, dx_buf_view(&self->scratch), &self->scratch);
        }
    }
    return DX_OK;
}

static int give_author(sql_cursor *self, sqlite3_context *result) {
    const dx_sql *sql = tab_of(self)->sql;
    char hex[2 * DX_KEY_SIZE + 1];
    const dx_feed *feed = dx_space_feed(sql->space, dx_entity_key_feed(row_at(self)->key));
    const dx_admitted_feed *admitted =
        feed == NULL ? NULL : dx_control_find_feed(sql->space->control, feed->id);
    if (admitted != NULL) {
        dx_hex_encode(dx_bytes_of(admitted->owner, DX_KEY_SIZE), hex);
        sqlite3_result_text(result, hex, -1, SQLITE_TRANSIENT);
    }
    return DX_OK;
}

static int give_data(sql_cursor *self, sqlite3_context *result) {
    dx_sql *sql = tab_of(self)->sql;
    dx_entity entity;
    dx_writer writer;
    dx_buf view;
    dx_buf_init(&view, sql->context->alloc, DX_SQL_VALUE_MAX);
    dx_writer_init(&writer, &view);
    int error = entity_of(self, &entity);
    error = error == DX_OK ? dx_entity_view(sql->context, sql->space, &entity, &writer) : error;
    error = error == DX_OK ? dx_writer_finish(&writer) : error;
    if (error == DX_OK) {
        bool more = dx_sql_spend(sql, (int64_t)view.size / BYTES_PER_STEP);
        error = more ? DX_OK : DX_E_CANCELLED;
        dx_bytes item = dx_buf_view(&view);
        dx_sql_result(result, DX_SQL_WHOLE, item, &self->scratch);
    }
    dx_buf_deinit(&view);
    return error == DX_E_LIMIT ? DX_OK : error; /* too large for a value: NULL, "size" says how large */
}

static int give_property(sql_cursor *self, sqlite3_context *result, const dx_sql_column *column) {
    dx_entity entity;
    dx_bytes item = {NULL, 0};
    int error = entity_of(self, &entity);
    error = error == DX_OK ? dx_query_look(self->query, &entity, dx_bytes_text(column->path), &item) : error;
    if (error == DX_OK && item.size > 0) {
        dx_sql_result(result, column->holds, item, &self->scratch);
    }
    return error;
}

/* Pieces of texts, by turns outside and inside of a match, which brackets tell. */
static int give_snippet(sql_cursor *self, sqlite3_context *result) {
    const sql_row *row = row_at(self);
    dx_reader reader;
    dx_reader_init(&reader, dx_bytes_of(self->bytes.data + row->snippet, row->snippet_size));
    size_t count = row->snippet_size > 0 ? dx_read_array(&reader) : 0;
    dx_buf_clear(&self->scratch);
    for (size_t i = 0; i < count; i++) {
        dx_bytes text = dx_read_text(&reader);
        append(&self->scratch, i % 2 == 1 ? "[" : "");
        dx_buf_append(&self->scratch, text.data, text.size);
        append(&self->scratch, i % 2 == 1 ? "]" : "");
    }
    if (count > 0 && dx_buf_error(&self->scratch) == DX_OK) {
        sqlite3_result_text(result, (const char *)self->scratch.data, (int)self->scratch.size,
                            SQLITE_TRANSIENT);
    }
    return dx_buf_error(&self->scratch);
}

static int give(sql_cursor *self, sqlite3_context *result, const dx_sql_column *column) {
    const sql_row *row = row_at(self);
    switch (column->shown) {
    case DX_SQL_ID:
        return give_id(self, result, row->key);
    case DX_SQL_TYPE:
        return give_name(self, result, row->type_id);
    case DX_SQL_PARENT:
        return give_id(self, result, row->parent);
    case DX_SQL_SOURCE:
        return give_id(self, result, row->source);
    case DX_SQL_TARGET:
        return give_id(self, result, row->target);
    case DX_SQL_DELETED:
        sqlite3_result_int(result, row->deleted);
        return DX_OK;
    case DX_SQL_DATA:
        return give_data(self, result);
    case DX_SQL_MODEL:
        return give_name(self, result, row->model_id);
    case DX_SQL_SIZE:
        sqlite3_result_int64(result, (sqlite3_int64)row->state_size);
        return DX_OK;
    case DX_SQL_MADE:
        return give_made(self, result);
    case DX_SQL_AUTHOR:
        return give_author(self, result);
    case DX_SQL_RANK:
        if (row->snippet_size > 0) {
            sqlite3_result_int64(result, self->given + 1);
        }
        return DX_OK;
    case DX_SQL_SNIPPET:
        return give_snippet(self, result);
    case DX_SQL_PROPERTY:
        return give_property(self, result, column);
    case DX_SQL_TEXT:
        break;
    }
    return DX_OK;
}

static int column(sqlite3_vtab_cursor *base, sqlite3_context *result, int index) {
    sql_cursor *self = (sql_cursor *)(void *)base;
    const dx_sql_tab *tab = tab_of(self);
    dx_sql_pause(tab->sql);
    int error = index < 0 ? DX_OK : give(self, result, &tab->columns.items[index]);
    dx_sql_resume(tab->sql);
    if (error == DX_E_NOT_FOUND) {
        return SQLITE_OK;
    }
    if (error == DX_E_LIMIT || error == DX_E_CANCELLED) {
        return SQLITE_INTERRUPT;
    }
    return end_for(tab->sql, error);
}

const sqlite3_module dx_sql_rows_module = {
    .iVersion = 1,
    .xConnect = connect_table, /* without xCreate: a table that is there unasked, and in no schema */
    .xBestIndex = dx_sql_choose,
    .xDisconnect = disconnect_table,
    .xDestroy = disconnect_table,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = filter,
    .xNext = next,
    .xEof = is_end,
    .xColumn = column,
    .xRowid = row_number,
};

/* --- The list of tables ---------------------------------------------------------------------------- */

/* The columns of the table at hand, and on to one that has some. */
static int look_at_table(sql_cursor *self) {
    dx_sql *sql = tab_of(self)->sql;
    int error = DX_OK;
    self->at = 0;
    dx_sql_pause(sql);
    if (self->table < sql->table_count) {
        error = dx_sql_columns_of(sql, &sql->tables[self->table], self->columns);
    }
    bool more = dx_sql_spend(sql, STEPS_PER_QUESTION);
    dx_sql_resume(sql);
    return more ? end_for(sql, error) : SQLITE_INTERRUPT;
}

static int list_begin(sqlite3_vtab_cursor *base, int number, const char *plan, int count,
                      sqlite3_value **values) {
    sql_cursor *self = (sql_cursor *)(void *)base;
    dx_sql *sql = tab_of(self)->sql;
    (void)number;
    (void)plan;
    (void)count;
    (void)values;
    if (self->columns == NULL) {
        self->columns = dx_alloc_take_zeroed(sql->context->alloc, sizeof *self->columns);
    }
    self->table = 0;
    return self->columns == NULL ? end_for(sql, DX_E_NO_MEMORY) : look_at_table(self);
}

static int list_next(sqlite3_vtab_cursor *base) {
    sql_cursor *self = (sql_cursor *)(void *)base;
    if (++self->at < self->columns->count) {
        return SQLITE_OK;
    }
    self->table++;
    return look_at_table(self);
}

static int list_is_end(sqlite3_vtab_cursor *base) {
    sql_cursor *self = (sql_cursor *)(void *)base;
    return self->table >= tab_of(self)->sql->table_count;
}

static int list_column(sqlite3_vtab_cursor *base, sqlite3_context *result, int index) {
    sql_cursor *self = (sql_cursor *)(void *)base;
    const dx_sql_column *column = &self->columns->items[self->at];
    const dx_sql_table *table = &tab_of(self)->sql->tables[self->table];
    const char *const texts[] = {table->name, column->name,
                                 table->kind == DX_SQL_TABLES ? "a text" : dx_sql_class_name(column),
                                 column->path};
    if (index >= 0 && index < 4) {
        sqlite3_result_text(result, texts[index], -1, SQLITE_TRANSIENT);
    } else {
        sqlite3_result_int(result, index == 4 ? column->indexed : column->hidden);
    }
    return SQLITE_OK;
}

static int list_row_number(sqlite3_vtab_cursor *base, sqlite3_int64 *out) {
    const sql_cursor *self = (sql_cursor *)(void *)base;
    *out = (sqlite3_int64)(self->table * DX_SQL_COLUMNS_MAX + self->at);
    return SQLITE_OK;
}

const sqlite3_module dx_sql_tables_module = {
    .iVersion = 1,
    .xConnect = connect_table,
    .xBestIndex = dx_sql_choose,
    .xDisconnect = disconnect_table,
    .xDestroy = disconnect_table,
    .xOpen = open_cursor,
    .xClose = close_cursor,
    .xFilter = list_begin,
    .xNext = list_next,
    .xEof = list_is_end,
    .xColumn = list_column,
    .xRowid = list_row_number,
};
