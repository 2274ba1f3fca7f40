/* echo/sql_column.c: what columns a table has, and what a value is in SQL.
 *
 * Layer: floor 1, echo. See sql_state.h. A column of a property holds values of one class, others are NULL in it, so that
 * a comparison in SQL and one of a question (echo/order.h) say the same and the question may stand for it. Where they do
 * not agree for certain nothing is handed on: SQLite compares what it is given in any case. */
#include <string.h>

#include "codec/cbor.h"
#include "codec/timestamp.h"
#include "echo/index.h"
#include "echo/sql_state.h"
#include "model/object_path.h"

/* --- Columns ------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    dx_sql_shown shown;
    const char *holds;
} fixed[] = {{"id", DX_SQL_ID, "an id"},
             {"type", DX_SQL_TYPE, "a text"},
             {"parent", DX_SQL_PARENT, "an id"},
             {"source", DX_SQL_SOURCE, "an id"},
             {"target", DX_SQL_TARGET, "an id"},
             {"deleted", DX_SQL_DELETED, "0 or 1"},
             {"data", DX_SQL_DATA, "JSON"},
             {"model", DX_SQL_MODEL, "a text"},
             {"size", DX_SQL_SIZE, "a number"},
             {"made", DX_SQL_MADE, "a time"},
             {"author", DX_SQL_AUTHOR, "an identity"},
             {"text", DX_SQL_TEXT, "words to match with"},
             {"rank", DX_SQL_RANK, "a number"},
             {"snippet", DX_SQL_SNIPPET, "a text"}};

enum { FIXED = sizeof fixed / sizeof fixed[0] };

static const char *const class_names[] = {
    [DX_SQL_ANY] = "anything",    [DX_SQL_NUMBER] = "a number", [DX_SQL_TEXTS] = "a text",
    [DX_SQL_TRUTH] = "0 or 1",    [DX_SQL_TIME] = "a time",     [DX_SQL_BYTES] = "bytes",
    [DX_SQL_REFERENCE] = "an id", [DX_SQL_WHOLE] = "JSON",
};

const char *dx_sql_class_name(const dx_sql_column *column) {
    for (size_t i = 0; i < FIXED; i++) {
        if (fixed[i].shown == column->shown) {
            return fixed[i].holds;
        }
    }
    return class_names[column->holds];
}

/* Columns of SELECT *, those that are hidden, of each kind of table. */
static bool is_of(dx_sql_kind kind, dx_sql_shown shown, bool *hidden) {
    bool link = kind == DX_SQL_LINKS || kind == DX_SQL_ALL_LINKS,
         all = kind == DX_SQL_ALL_OBJECTS || kind == DX_SQL_ALL_LINKS;
    *hidden = false;
    switch ((int)shown) {
    case DX_SQL_ID:
        return true;
    case DX_SQL_TYPE:
        return kind != DX_SQL_OF_TYPE;
    case DX_SQL_PARENT:
        return !link;
    case DX_SQL_SOURCE:
    case DX_SQL_TARGET:
        return link;
    case DX_SQL_DELETED:
        return all;
    case DX_SQL_DATA:
        *hidden = kind == DX_SQL_OF_TYPE;
        return true;
    case DX_SQL_TEXT:
    case DX_SQL_RANK:
    case DX_SQL_SNIPPET:
        *hidden = true;
        return !all;
    default:
        *hidden = true;
        return shown != DX_SQL_PROPERTY;
    }
}

static dx_sql_column *find_column(dx_sql_columns *columns, const char *name) {
    for (size_t i = 0; i < columns->count; i++) {
        if (sqlite3_stricmp(columns->items[i].name, name) == 0) {
            return &columns->items[i];
        }
    }
    return NULL;
}

static int add_column(dx_sql_columns *columns, dx_sql_column column) {
    if (columns->count < DX_SQL_COLUMNS_MAX && find_column(columns, column.name) == NULL) {
        columns->items[columns->count++] = column;
    }
    return DX_OK;
}

/* prefix and text, ended by a zero; NULL: no memory. */
static const char *keep(dx_sql *sql, const char *prefix, dx_bytes text) {
    size_t head = strlen(prefix);
    char *copy = dx_arena_take(&sql->names, head + text.size + 1);
    if (copy != NULL) {
        memcpy(copy, prefix, head);
        memcpy(copy + head, text.data, text.size);
        copy[head + text.size] = '\0';
    }
    return copy;
}

/* A column of the name, or where another has it "data.NAME". */
static int add_property(dx_sql *sql, dx_sql_columns *columns, dx_bytes name, dx_bytes path,
                        dx_sql_class holds) {
    if (name.size == 0 || name.size > DX_OBJECT_PATH_SIZE_MAX || dx_object_path_check(path) == 0 ||
        memchr(name.data, 0, name.size) != NULL || memchr(path.data, 0, path.size) != NULL) {
        return DX_OK;
    }
    dx_sql_column column = {
        .name = keep(sql, "", name), .shown = DX_SQL_PROPERTY, .path = keep(sql, "", path), .holds = holds};
    if (column.name != NULL && find_column(columns, column.name) != NULL) {
        column.name = keep(sql, "data.", name);
    }
    if (column.name == NULL || column.path == NULL) {
        return DX_E_NO_MEMORY;
    }
    return add_column(columns, column);
}

static dx_sql_column *column_at(dx_sql_columns *columns, dx_bytes path) {
    for (size_t i = 0; i < columns->count; i++) {
        const char *other = columns->items[i].path;
        if (other != NULL && dx_bytes_equal(dx_bytes_text(other), path)) {
            return &columns->items[i];
        }
    }
    return NULL;
}

/* --- Columns by definitions --------------------------------------------------------------------------- */

static dx_sql_class class_named(dx_bytes name) {
    static const struct {
        const char *name;
        dx_sql_class holds;
    } names[] = {{"integer", DX_SQL_NUMBER},      {"number", DX_SQL_NUMBER}, {"string", DX_SQL_TEXTS},
                 {"boolean", DX_SQL_TRUTH},       {"time", DX_SQL_TIME},     {"bytes", DX_SQL_BYTES},
                 {"reference", DX_SQL_REFERENCE}, {"array", DX_SQL_WHOLE},   {"object", DX_SQL_WHOLE}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (dx_bytes_equal(name, dx_bytes_text(names[i].name))) {
            return names[i].holds;
        }
    }
    return DX_SQL_ANY;
}

/* The one class that all of a property's types are of; null is none. */
static dx_sql_class class_of(dx_bytes definition) {
    dx_bytes type = dx_item_get(definition, "type");
    if (type.size == 0 || dx_item_kind(type) == DX_KIND_TEXT) {
        /* A text in the form of a time may stand there as a time as well. */
        bool time =
            dx_bytes_equal(dx_item_text(dx_item_get(definition, "format")), dx_bytes_text("date-time"));
        return time ? DX_SQL_ANY : class_named(dx_item_text(type));
    }
    dx_reader reader;
    dx_reader_init(&reader, type);
    dx_sql_class found = DX_SQL_ANY;
    bool some = false;
    size_t count = dx_reader_peek(&reader) == DX_KIND_ARRAY ? dx_read_array(&reader) : 0;
    for (; count > 0; count--) {
        dx_bytes name = dx_read_text(&reader);
        if (dx_bytes_equal(name, dx_bytes_text("null"))) {
            continue;
        }
        found = !some || found == class_named(name) ? class_named(name) : DX_SQL_ANY;
        some = true;
    }
    return found;
}

/* The key as a path of one part. */
static int escape(dx_bytes key, dx_buf *out) {
    dx_buf_clear(out);
    for (size_t i = 0; i < key.size; i++) {
        if (key.data[i] == '.' || key.data[i] == '\\') {
            dx_buf_append_byte(out, '\\');
        }
        dx_buf_append_byte(out, key.data[i]);
    }
    return dx_buf_error(out);
}

static int add_defined(dx_sql *sql, dx_sql_columns *columns, dx_bytes definition, dx_buf *path) {
    dx_bytes properties = dx_item_get(definition, "properties");
    dx_reader reader;
    dx_reader_init(&reader, properties);
    int error = DX_OK;
    size_t count = properties.size > 0 && dx_reader_peek(&reader) == DX_KIND_MAP ? dx_read_map(&reader) : 0;
    for (; count > 0 && error == DX_OK; count--) {
        dx_bytes key = dx_read_text(&reader), property = dx_read_item(&reader);
        dx_sql_class holds = class_of(property);
        error = escape(key, path);
        dx_sql_column *column = error == DX_OK ? column_at(columns, dx_buf_view(path)) : NULL;
        if (error == DX_OK && column == NULL) {
            error = add_property(sql, columns, key, dx_buf_view(path), holds);
        } else if (column != NULL && column->holds != holds) {
            column->holds = DX_SQL_ANY; /* versions differ */
        }
    }
    return error;
}

static int add_definitions(dx_sql *sql, dx_sql_columns *columns, dx_bytes type) {
    const dx_schemas *schemas;
    size_t first;
    int error = dx_schemas_read(sql->context, sql->space, &schemas);
    size_t count = error == DX_OK ? dx_schemas_of_type(schemas, type, &first) : 0;
    dx_buf path;
    dx_buf_init(&path, sql->context->alloc, 2 * DX_SCHEMA_SIZE_MAX);
    for (size_t i = 0; i < count && error == DX_OK; i++) {
        error = add_defined(sql, columns, schemas->items[first + i].definition, &path);
    }
    dx_buf_deinit(&path);
    return error;
}

/* What an index is on is a column too, of whatever is there. */
static int add_indexes(dx_sql *sql, dx_sql_columns *columns, dx_bytes name) {
    dx_type *type;
    int error = dx_type_find(sql->context, sql->space, DX_TYPE_OBJECT, name, &type);
    int64_t id = error == DX_OK ? type->id : 0;
    error = error == DX_OK ? dx_indexes_load(sql->context, sql->space) : error;
    const dx_indexes *indexes = sql->space->indexes;
    for (size_t i = 0; error == DX_OK && i < indexes->count; i++) {
        const dx_index *index = &indexes->items[i];
        if (index->type != id || index->path.size == 0) {
            continue;
        }
        dx_sql_column *column = column_at(columns, index->path);
        if (column == NULL) {
            error = add_property(sql, columns, index->path, index->path, DX_SQL_ANY);
            column = column_at(columns, index->path);
        }
        if (column != NULL) {
            column->indexed = index->ready;
        }
    }
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

static void add_tables_columns(dx_sql_columns *columns) {
    static const char *const names[] = {"name", "column", "holds", "path", "indexed", "hidden"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        (void)add_column(columns, (dx_sql_column){.name = names[i], .shown = (dx_sql_shown)i});
    }
}

int dx_sql_columns_of(dx_sql *sql, const dx_sql_table *table, dx_sql_columns *out) {
    int error = DX_OK;
    bool hidden;
    out->count = 0;
    if (table->kind == DX_SQL_TABLES) {
        add_tables_columns(out);
        return DX_OK;
    }
    for (size_t i = 0; i < FIXED; i++) { /* what is always there */
        if (is_of(table->kind, fixed[i].shown, &hidden) && !hidden) {
            error = add_column(out, (dx_sql_column){.name = fixed[i].name, .shown = fixed[i].shown});
        }
    }
    if (table->kind == DX_SQL_OF_TYPE) {
        error = add_definitions(sql, out, dx_bytes_text(table->name));
        error = error == DX_OK ? add_indexes(sql, out, dx_bytes_text(table->name)) : error;
    }
    for (size_t i = 0; i < FIXED && error == DX_OK; i++) { /* a property of that name comes first */
        if (!is_of(table->kind, fixed[i].shown, &hidden) || !hidden) {
            continue;
        }
        const char *name = find_column(out, fixed[i].name) == NULL
                               ? fixed[i].name
                               : keep(sql, "_", dx_bytes_text(fixed[i].name));
        error = name == NULL
                    ? DX_E_NO_MEMORY
                    : add_column(out, (dx_sql_column){.name = name, .shown = fixed[i].shown, .hidden = true});
    }
    return error;
}

/* --- Values out ------------------------------------------------------------------------------------- */

static void give_text(sqlite3_context *result, dx_bytes text) {
    if (text.size > DX_SQL_VALUE_MAX) {
        sqlite3_result_null(result);
        return;
    }
    sqlite3_result_text(result, text.size == 0 ? "" : (const char *)text.data, (int)text.size,
                        SQLITE_TRANSIENT);
}

static void give_json(sqlite3_context *result, dx_bytes item, dx_buf *scratch) {
    dx_buf_clear(scratch);
    int error = dx_json_print(item, scratch);
    if (error == DX_E_NO_MEMORY) {
        sqlite3_result_error_nomem(result);
    } else if (error == DX_OK) {
        give_text(result, dx_buf_view(scratch));
    } else {
        sqlite3_result_null(result);
    }
}

static void give_tagged(sqlite3_context *result, dx_sql_class holds, dx_bytes item, dx_buf *scratch) {
    dx_reader reader;
    dx_reader_init(&reader, item);
    if (dx_read_tag(&reader) == DX_TAG_TIMESTAMP) {
        if (holds == DX_SQL_ANY || holds == DX_SQL_TIME) {
            give_text(result, dx_read_text(&reader));
        }
        return;
    }
    dx_bytes id = dx_read_bytes(&reader);
    if (holds != DX_SQL_ANY && holds != DX_SQL_REFERENCE) {
        return;
    }
    if (dx_reference_id(id).size > 0) {
        char text[DX_REFERENCE_TEXT_MAX];
        dx_reference_print(id.data, text);
        give_text(result, dx_bytes_text(text));
    } else {
        give_json(result, item, scratch);
    }
}

void dx_sql_result(sqlite3_context *result, dx_sql_class holds, dx_bytes item, dx_buf *scratch) {
    dx_reader reader;
    bool any = holds == DX_SQL_ANY;
    dx_reader_init(&reader, item);
    switch (dx_reader_peek(&reader)) {
    case DX_KIND_INT:
        if (any || holds == DX_SQL_NUMBER) {
            sqlite3_result_int64(result, dx_read_int(&reader));
        }
        return;
    case DX_KIND_DOUBLE:
        if (any || holds == DX_SQL_NUMBER) {
            sqlite3_result_double(result, dx_read_double(&reader));
        }
        return;
    case DX_KIND_BOOL:
        if (any || holds == DX_SQL_TRUTH) {
            sqlite3_result_int64(result, dx_read_bool(&reader));
        }
        return;
    case DX_KIND_TEXT:
        if (any || holds == DX_SQL_TEXTS) {
            give_text(result, dx_read_text(&reader));
        }
        return;
    case DX_KIND_BYTES:
        if (any || holds == DX_SQL_BYTES) {
            dx_bytes bytes = dx_read_bytes(&reader);
            if (bytes.size <= DX_SQL_VALUE_MAX) {
                sqlite3_result_blob(result, bytes.size == 0 ? (const void *)"" : bytes.data, (int)bytes.size,
                                    SQLITE_TRANSIENT);
            }
        }
        return;
    case DX_KIND_TAG:
        give_tagged(result, holds, item, scratch);
        return;
    case DX_KIND_ARRAY:
    case DX_KIND_MAP:
        if (any || holds == DX_SQL_WHOLE) {
            give_json(result, item, scratch);
        }
        return;
    case DX_KIND_NULL:
    case DX_KIND_NONE:
        return; /* a result is NULL until it is said */
    }
}

/* --- Values in --------------------------------------------------------------------------------------- */

/* Both that show as this id. */
static void write_references(const uint8_t id[static DX_REFERENCE_SIZE], dx_writer *out) {
    uint8_t bytes[DX_STRONG_REFERENCE_SIZE];
    memcpy(bytes, id, DX_REFERENCE_SIZE);
    bytes[DX_REFERENCE_SIZE] = DX_REFERENCE_STRONG;
    dx_write_tag(out, DX_TAG_REFERENCE);
    dx_write_bytes(out, dx_bytes_of(bytes, DX_REFERENCE_SIZE));
    dx_write_tag(out, DX_TAG_REFERENCE);
    dx_write_bytes(out, dx_bytes_of(bytes, sizeof bytes));
}

static dx_bytes value_text(sqlite3_value *value) {
    const unsigned char *text = sqlite3_value_text(value);
    return dx_bytes_of(text, text == NULL ? 0 : (size_t)sqlite3_value_bytes(value));
}

/* What shows as this text in a column of anything: the text, a time, a reference. JSON, which arrays and maps show as, is
 * not looked for. */
static bool write_texts(dx_bytes text, dx_writer *out) {
    uint8_t id[DX_REFERENCE_SIZE];
    bool time = dx_timestamp_is_canonical(text), reference = dx_reference_parse(text, id) == DX_OK;
    if (text.size > 0 && (text.data[0] == '[' || text.data[0] == '{')) {
        return false;
    }
    dx_write_array(out, 1u + time + 2u * reference);
    dx_write_text_bytes(out, text);
    if (time) {
        dx_write_tag(out, DX_TAG_TIMESTAMP);
        dx_write_text_bytes(out, text);
    }
    if (reference) {
        write_references(id, out);
    }
    return true;
}

static bool write_number(sqlite3_value *value, dx_writer *out) {
    if (sqlite3_value_type(value) == SQLITE_INTEGER) {
        dx_write_int(out, sqlite3_value_int64(value));
    } else {
        dx_write_double(out, sqlite3_value_double(value));
    }
    return true;
}

/* In a column of anything a truth shows as 0 or 1 too. */
static bool write_numbers(sqlite3_value *value, dx_writer *out) {
    double number = sqlite3_value_double(value);
    bool truth = number == 0 || number == 1;
    dx_write_array(out, 1u + truth);
    (void)write_number(value, out);
    if (truth) {
        dx_write_bool(out, number == 1);
    }
    return true;
}

bool dx_sql_comparand(dx_sql_class holds, bool equals, sqlite3_value *value, dx_writer *out) {
    int type = sqlite3_value_type(value);
    bool number = type == SQLITE_INTEGER || type == SQLITE_FLOAT;
    uint8_t id[DX_REFERENCE_SIZE];
    dx_bytes text = type == SQLITE_TEXT ? value_text(value) : dx_bytes_of(NULL, 0);
    if (type == SQLITE_TEXT &&
        (text.size > DX_SQL_PATTERN_MAX * 64 || !dx_utf8_check(text.data, text.size))) {
        return false;
    }
    switch (holds) {
    case DX_SQL_NUMBER:
        return number && write_number(value, out);
    case DX_SQL_TEXTS:
        if (type == SQLITE_TEXT) {
            dx_write_text_bytes(out, text);
        }
        return type == SQLITE_TEXT;
    case DX_SQL_TRUTH:
        if (equals && number && (sqlite3_value_double(value) == 0 || sqlite3_value_double(value) == 1)) {
            dx_write_bool(out, sqlite3_value_double(value) == 1);
            return true;
        }
        return false;
    case DX_SQL_REFERENCE:
        if (equals && type == SQLITE_TEXT && dx_reference_parse(text, id) == DX_OK) {
            dx_write_array(out, 2);
            write_references(id, out);
            return true;
        }
        return false;
    case DX_SQL_TIME:
        if (equals && type == SQLITE_TEXT && dx_timestamp_is_canonical(text)) {
            dx_write_tag(out, DX_TAG_TIMESTAMP);
            dx_write_text_bytes(out, text);
            return true;
        }
        return false;
    case DX_SQL_ANY:
        return equals && (number ? write_numbers(value, out) : type == SQLITE_TEXT && write_texts(text, out));
    case DX_SQL_BYTES:
    case DX_SQL_WHOLE:
        break;
    }
    return false;
}

/* --- Parameters --------------------------------------------------------------------------------------- */

static int bind_text(dx_sql *sql, int index, dx_bytes text) {
    return sqlite3_bind_text64(sql->statement, index, text.size == 0 ? "" : (const char *)text.data,
                               text.size, SQLITE_TRANSIENT, SQLITE_UTF8);
}

static int bind_json(dx_sql *sql, int index, dx_bytes item) {
    dx_buf json;
    dx_buf_init(&json, sql->context->alloc, DX_SQL_VALUE_MAX);
    int error = dx_json_print(item, &json);
    int result = error == DX_OK            ? bind_text(sql, index, dx_buf_view(&json))
                 : error == DX_E_NO_MEMORY ? SQLITE_NOMEM
                                           : SQLITE_TOOBIG;
    dx_buf_deinit(&json);
    return result;
}

static int bind_tagged(dx_sql *sql, int index, dx_bytes item) {
    dx_reader reader;
    char text[DX_REFERENCE_TEXT_MAX];
    dx_reader_init(&reader, item);
    if (dx_read_tag(&reader) == DX_TAG_TIMESTAMP) {
        return bind_text(sql, index, dx_read_text(&reader));
    }
    dx_bytes id = dx_read_bytes(&reader);
    if (dx_reference_id(id).size == 0) {
        return bind_json(sql, index, item);
    }
    dx_reference_print(id.data, text);
    return bind_text(sql, index, dx_bytes_text(text));
}

int dx_sql_bind(dx_sql *sql, int index, dx_bytes item) {
    dx_reader reader;
    dx_bytes bytes;
    dx_reader_init(&reader, item);
    switch (dx_reader_peek(&reader)) {
    case DX_KIND_INT:
        return sqlite3_bind_int64(sql->statement, index, dx_read_int(&reader));
    case DX_KIND_DOUBLE:
        return sqlite3_bind_double(sql->statement, index, dx_read_double(&reader));
    case DX_KIND_BOOL:
        return sqlite3_bind_int64(sql->statement, index, dx_read_bool(&reader));
    case DX_KIND_TEXT:
        return bind_text(sql, index, dx_read_text(&reader));
    case DX_KIND_BYTES:
        bytes = dx_read_bytes(&reader);
        return sqlite3_bind_blob64(sql->statement, index, bytes.size == 0 ? (const void *)"" : bytes.data,
                                   bytes.size, SQLITE_TRANSIENT);
    case DX_KIND_TAG:
        return bind_tagged(sql, index, item);
    case DX_KIND_ARRAY:
    case DX_KIND_MAP:
        return bind_json(sql, index, item);
    case DX_KIND_NULL:
    case DX_KIND_NONE:
        break;
    }
    return sqlite3_bind_null(sql->statement, index);
}
