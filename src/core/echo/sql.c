/* echo/sql.c: a statement's life: its tables, its text, its values, its rows.
 *
 * Layer: floor 1, echo. Contract in sql.h. Tables are there by being asked for (modules without xCreate), so nothing is ever
 * made on the connection: one for each kind of thing, one for each type of objects whose name stands for one type alone
 * where SQL does not tell capitals from small letters. */
#include "echo/sql.h"

#include <string.h>

#include "codec/cbor.h"
#include "echo/sql_state.h"
#include "store/scratch.h"

enum {
    NAMES_SIZE_MAX = 16 << 20,
    /* A call ends behind the row that reached one of these: other work of the node has its turn. */
    STEPS_PER_CALL = 1000 * 1000,
    CALL_MS = 20
};

static int tell(dx_sql *sql, int error, const char *sentence) {
    sqlite3_snprintf(sizeof sql->message, sql->message, "%s", sentence);
    return error;
}

/* --- Tables --------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    dx_sql_kind kind;
} own_tables[] = {{"objects", DX_SQL_OBJECTS},
                  {"links", DX_SQL_LINKS},
                  {"all_objects", DX_SQL_ALL_OBJECTS},
                  {"all_links", DX_SQL_ALL_LINKS},
                  {"tables", DX_SQL_TABLES}};

enum { OWN_TABLES = sizeof own_tables / sizeof own_tables[0] };

static int add_table(dx_sql *sql, const char *name, dx_sql_kind kind) {
    dx_sql_table *table = &sql->tables[sql->table_count++];
    *table = (dx_sql_table){.sql = sql, .kind = kind, .name = name};
    int result = sqlite3_create_module_v2(
        sql->db, name, kind == DX_SQL_TABLES ? &dx_sql_tables_module : &dx_sql_rows_module, table, NULL);
    return result == SQLITE_OK ? DX_OK : DX_E_NO_MEMORY;
}

/* A name that is no one's already, and that SQLite keeps for nothing of its own. */
static bool is_free(const char *name) {
    static const char *const taken[] = {"json_each", "json_tree"};
    for (size_t i = 0; i < OWN_TABLES; i++) {
        if (sqlite3_stricmp(name, own_tables[i].name) == 0) {
            return false;
        }
    }
    return sqlite3_strnicmp(name, "sqlite_", 7) != 0 && sqlite3_strnicmp(name, "pragma_", 7) != 0 &&
           sqlite3_stricmp(name, taken[0]) != 0 && sqlite3_stricmp(name, taken[1]) != 0;
}

static int add_types(dx_sql *sql) {
    dx_store *store = sql->context->store;
    sqlite3_stmt *rows = dx_store_query(store, "SELECT min(name) FROM type WHERE space = ?1 AND kind = ?2 "
                                               "AND name <> '' GROUP BY name COLLATE NOCASE"
                                               " HAVING count(*) = 1 ORDER BY name COLLATE NOCASE LIMIT ?3");
    int error = DX_OK;
    dx_bind_int(rows, 1, sql->space->local);
    dx_bind_int(rows, 2, DX_TYPE_OBJECT);
    dx_bind_int(rows, 3, DX_SQL_TYPES_MAX);
    while (error == DX_OK && dx_step(store, rows)) {
        dx_bytes name = dx_column_bytes(rows, 0);
        char *copy = dx_arena_take(&sql->names, name.size + 1);
        if (copy == NULL) {
            error = DX_E_NO_MEMORY;
            break;
        }
        memcpy(copy, name.data, name.size);
        copy[name.size] = '\0';
        if (memchr(name.data, 0, name.size) == NULL && is_free(copy)) {
            error = add_table(sql, copy, DX_SQL_OF_TYPE);
        }
    }
    dx_step_reset(rows);
    int failed = dx_store_error(store);
    return error != DX_OK ? error : failed;
}

static int add_tables(dx_sql *sql) {
    int error = DX_OK;
    sql->tables = dx_alloc_take_zeroed(sql->context->alloc, DX_SQL_TABLES_MAX * sizeof *sql->tables);
    if (sql->tables == NULL) {
        return DX_E_NO_MEMORY;
    }
    for (size_t i = 0; i < OWN_TABLES && error == DX_OK; i++) {
        error = add_table(sql, own_tables[i].name, own_tables[i].kind);
    }
    return error == DX_OK ? add_types(sql) : error;
}

/* --- The statement --------------------------------------------------------------------------------- */

static int compile(dx_sql *sql, dx_bytes text) {
    const char *rest = NULL;
    sqlite3_stmt *other = NULL;
    if (text.size > DX_SQL_SIZE_MAX || memchr(text.data, 0, text.size) != NULL) {
        return tell(sql, DX_E_INVALID, "a statement is a text of at most 64 KiB");
    }
    dx_sql_begin(sql, DX_SQL_COMPILED_MAX);
    int result = sqlite3_prepare_v2(sql->db, (const char *)text.data, (int)text.size, &sql->statement, &rest);
    size_t read = rest == NULL ? 0 : (size_t)(rest - (const char *)text.data);
    if (result == SQLITE_OK && read < text.size) {
        result = sqlite3_prepare_v2(sql->db, rest, (int)(text.size - read), &other, NULL);
    }
    bool several = other != NULL;
    (void)sqlite3_finalize(other);
    dx_sql_end(sql);
    if (several) {
        return tell(sql, DX_E_INVALID, "one statement at a time");
    }
    if (result != SQLITE_OK) {
        return dx_sql_explain(sql, result);
    }
    if (sql->statement == NULL) {
        return tell(sql, DX_E_INVALID, "there is no statement");
    }
    return sqlite3_column_count(sql->statement) > 0 ? DX_OK : tell(sql, DX_E_INVALID, dx_sql_only_reads);
}

/* Values of an array by their places, of a map by their names. Those of neither are NULL. */
static int bind_values(dx_sql *sql, dx_bytes values) {
    int count = sqlite3_bind_parameter_count(sql->statement), result = SQLITE_OK;
    dx_kind kind = values.size == 0 ? DX_KIND_ARRAY : dx_item_kind(values);
    dx_reader reader;
    dx_reader_init(&reader, values);
    if (kind != DX_KIND_ARRAY && kind != DX_KIND_MAP) {
        return tell(sql, DX_E_INVALID, "values are an array, or a map by the names of parameters");
    }
    size_t given = values.size > 0 && kind == DX_KIND_ARRAY ? dx_read_array(&reader) : 0;
    if (given > (size_t)count) {
        return tell(sql, DX_E_INVALID, "there are more values than parameters");
    }
    for (int i = 1; i <= count && result == SQLITE_OK; i++) {
        const char *name = sqlite3_bind_parameter_name(sql->statement, i);
        dx_bytes value = kind == DX_KIND_MAP  ? dx_item_get(values, name == NULL ? "" : name + 1)
                         : (size_t)i <= given ? dx_read_item(&reader)
                                              : dx_bytes_of(NULL, 0);
        result = dx_sql_bind(sql, i, value);
    }
    return result == SQLITE_OK ? DX_OK : dx_sql_explain(sql, result);
}

int dx_sql_create(dx_context *context, dx_space *space, dx_bytes statement, dx_bytes values,
                  int64_t patience_ms, char message[static DX_SQL_MESSAGE_SIZE], dx_sql **out) {
    dx_sql *sql = dx_alloc_take_zeroed(context->alloc, sizeof *sql);
    *out = NULL;
    message[0] = '\0';
    if (sql == NULL) {
        return DX_E_NO_MEMORY;
    }
    sql->context = context;
    sql->space = space;
    sql->patience_ms = patience_ms;
    dx_arena_init(&sql->names, context->alloc, NAMES_SIZE_MAX);
    int error = dx_scratch_open(context->store, &sql->db);
    error = error == DX_OK ? add_tables(sql) : error;
    error = error == DX_OK ? dx_sql_guard(sql) : error;
    error = error == DX_OK ? compile(sql, statement) : error;
    error = error == DX_OK ? bind_values(sql, values) : error;
    if (error != DX_OK) {
        sqlite3_snprintf(DX_SQL_MESSAGE_SIZE, message, "%s", sql->message);
        dx_sql_destroy(sql);
        return error;
    }
    sql->column_count = (size_t)sqlite3_column_count(sql->statement);
    *out = sql;
    return DX_OK;
}

void dx_sql_destroy(dx_sql *sql) {
    if (sql == NULL) {
        return;
    }
    const dx_alloc *alloc = sql->context->alloc;
    (void)sqlite3_finalize(sql->statement);
    dx_scratch_close(sql->db);
    dx_arena_deinit(&sql->names);
    dx_alloc_free(alloc, sql->tables, sql->tables == NULL ? 0 : DX_SQL_TABLES_MAX * sizeof *sql->tables);
    dx_alloc_free(alloc, sql, sizeof *sql);
}

/* --- Rows ----------------------------------------------------------------------------------------- */

size_t dx_sql_column_count(const dx_sql *sql) {
    return sql->column_count;
}

const char *dx_sql_column_name(const dx_sql *sql, size_t index) {
    const char *name = sqlite3_column_name(sql->statement, (int)index);
    return name == NULL ? "" : name;
}

const char *dx_sql_message(const dx_sql *sql) {
    return sql->message;
}

int dx_sql_run(dx_sql *sql, size_t rows, int (*on_row)(void *ctx, dx_sql *sql), void *ctx, bool *more) {
    int error = DX_OK, result = SQLITE_ROW;
    int64_t steps = 0, end_ms = dx_scratch_clock_ms(sql->context->store) + CALL_MS;
    bool enough = rows == 0;
    while (!enough && error == DX_OK && result == SQLITE_ROW) {
        dx_sql_begin(sql, DX_SQL_MEMORY_MAX);
        result = sqlite3_step(sql->statement);
        dx_sql_end(sql);
        error = result == SQLITE_ROW ? on_row(ctx, sql) : DX_OK;
        steps += sql->steps - sql->steps_left;
        enough = --rows == 0 || error == DX_SQL_ENOUGH || steps > STEPS_PER_CALL ||
                 dx_scratch_clock_ms(sql->context->store) > end_ms;
    }
    if (result != SQLITE_ROW && result != SQLITE_DONE) {
        error = dx_sql_explain(sql, result);
    }
    error = error == DX_SQL_ENOUGH ? DX_OK : error;
    *more = error == DX_OK && result == SQLITE_ROW;
    return error;
}

static void write_value(sqlite3_stmt *row, int index, dx_writer *out) {
    dx_bytes text;
    switch (sqlite3_column_type(row, index)) {
    case SQLITE_INTEGER:
        dx_write_int(out, sqlite3_column_int64(row, index));
        break;
    case SQLITE_FLOAT:
        dx_write_double(out, sqlite3_column_double(row, index));
        break;
    case SQLITE_TEXT: /* SQL can make a text of any bytes */
        text = dx_column_bytes(row, index);
        if (dx_utf8_check(text.data, text.size)) {
            dx_write_text_bytes(out, text);
        } else {
            dx_write_bytes(out, text);
        }
        break;
    case SQLITE_BLOB:
        dx_write_bytes(out, dx_column_bytes(row, index));
        break;
    default:
        dx_write_null(out);
        break;
    }
}

int dx_sql_write_row(dx_sql *sql, dx_writer *out) {
    dx_write_array(out, sql->column_count);
    for (size_t i = 0; i < sql->column_count; i++) {
        write_value(sql->statement, (int)i, out);
    }
    return DX_OK;
}
