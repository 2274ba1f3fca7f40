/* echo/sql_guard.c: what a statement may do, and when it has done enough.
 *
 * Layer: floor 1, echo. See sql_state.h. Three bounds on one piece of work: steps of SQLite's machine, with what our
 * tables do counted as steps; the disk's clock; memory, by SQLite's own limit, which is set while the statement runs and at
 * no other time, as it counts for the whole process. Nothing can interrupt a single call of a function, so those whose cost
 * is not that of reading a value once are replaced. */
#include <string.h>

#include "echo/sql_state.h"
#include "store/scratch.h"

enum {
    STEPS_PER_LOOK = 64,
    UNBOUNDED = 4 << 20 /* a statement that never had more did not fail for its own bound */
};

/* --- What it may -------------------------------------------------------------------------------- */

/* Functions that read their arguments and nothing else. Not here: what writes, loads, tells of the program or of chance, makes
 * large values from nothing, and json_patch, which compares each key with each. */
static const char *const functions[] = {
    "abs",
    "avg",
    "ceil",
    "ceiling",
    "char",
    "coalesce",
    "count",
    "cume_dist",
    "current_date",
    "current_time",
    "current_timestamp",
    "date",
    "datetime",
    "dense_rank",
    "exp",
    "first_value",
    "floor",
    "format",
    "glob",
    "group_concat",
    "hex",
    "ifnull",
    "iif",
    "instr",
    "json",
    "json_array",
    "json_array_length",
    "json_each",
    "json_extract",
    "json_group_array",
    "json_group_object",
    "json_object",
    "json_quote",
    "json_tree",
    "json_type",
    "json_valid",
    "julianday",
    "lag",
    "last_value",
    "lead",
    "length",
    "like",
    "likely",
    "ln",
    "log",
    "log10",
    "log2",
    "lower",
    "ltrim",
    "match",
    "max",
    "min",
    "mod",
    "nth_value",
    "ntile",
    "nullif",
    "percent_rank",
    "pi",
    "pow",
    "power",
    "printf",
    "quote",
    "rank",
    "replace",
    "round",
    "row_number",
    "rtrim",
    "sign",
    "sqrt",
    "strftime",
    "substr",
    "substring",
    "sum",
    "time",
    "total",
    "trim",
    "trunc",
    "typeof",
    "unicode",
    "unixepoch",
    "unlikely",
    "upper",
    "->",
    "->>",
};

const char dx_sql_only_reads[] = "a statement here only reads: SELECT, VALUES or WITH";

static bool is_function(const char *name) {
    for (size_t i = 0; i < sizeof functions / sizeof functions[0]; i++) {
        if (sqlite3_stricmp(name, functions[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_table(const dx_sql *sql, const char *name) {
    for (size_t i = 0; i < sql->table_count; i++) {
        if (sqlite3_stricmp(name, sql->tables[i].name) == 0) {
            return true;
        }
    }
    return sqlite3_stricmp(name, "json_each") == 0 || sqlite3_stricmp(name, "json_tree") == 0;
}

/* Names of SQLite's own. */
static bool is_kept(const char *name) {
    return sqlite3_strnicmp(name, "sqlite_", 7) == 0 || sqlite3_strnicmp(name, "pragma_", 7) == 0;
}

static int refuse(dx_sql *sql, const char *what, const char *name) {
    if (sql->refused == NULL) {
        sql->refused = what;
        sqlite3_snprintf(sizeof sql->message, sql->message, "%s%s%s", what, name == NULL ? "" : " ",
                         name == NULL ? "" : name);
    }
    return SQLITE_DENY;
}

static int judge(void *ctx, int action, const char *first, const char *second, const char *database,
                 const char *trigger) {
    dx_sql *sql = ctx;
    (void)database;
    (void)trigger;
    if (sql->declares) {
        return SQLITE_OK;
    }
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_RECURSIVE:
        return SQLITE_OK;
    case SQLITE_READ: /* without a column also of what WITH has named */
        return is_table(sql, first) || (second[0] == '\0' && !is_kept(first))
                   ? SQLITE_OK
                   : refuse(sql, "there is no table", first);
    case SQLITE_FUNCTION:
        return is_function(second) ? SQLITE_OK : refuse(sql, "a statement here has no function", second);
    default:
        return refuse(sql, dx_sql_only_reads, NULL);
    }
}

/* --- Functions that could take long ------------------------------------------------------------- */

static dx_bytes text_of(sqlite3_value *value) {
    const unsigned char *text = sqlite3_value_text(value);
    return dx_bytes_of(text, text == NULL ? 0 : (size_t)sqlite3_value_bytes(value));
}

/* Where the needle stands next, SIZE_MAX: nowhere. */
static size_t find(dx_bytes in, size_t from, dx_bytes needle) {
    for (size_t at = from; needle.size <= in.size && at <= in.size - needle.size; at++) {
        const uint8_t *next = memchr(in.data + at, needle.data[0], in.size - needle.size - at + 1);
        if (next == NULL) {
            break;
        }
        at = (size_t)(next - in.data);
        if (memcmp(next, needle.data, needle.size) == 0) {
            return at;
        }
    }
    return SIZE_MAX;
}

static bool is_short(sqlite3_context *result, dx_bytes needle) {
    if (needle.size > DX_SQL_PATTERN_MAX) {
        sqlite3_result_error(result, "instr and replace look for at most 128 bytes", -1);
    }
    return needle.size <= DX_SQL_PATTERN_MAX;
}

static bool is_any_null(int count, sqlite3_value **values) {
    for (int i = 0; i < count; i++) {
        if (sqlite3_value_type(values[i]) == SQLITE_NULL) {
            return true;
        }
    }
    return false;
}

/* instr(X, Y): in characters of texts, in bytes of two blobs; from 1 on, 0: nowhere. */
static void sql_instr(sqlite3_context *result, int count, sqlite3_value **values) {
    if (is_any_null(count, values)) {
        return;
    }
    bool blobs = sqlite3_value_type(values[0]) == SQLITE_BLOB && sqlite3_value_type(values[1]) == SQLITE_BLOB;
    dx_bytes in = text_of(values[0]), needle = text_of(values[1]);
    if (!is_short(result, needle)) {
        return;
    }
    size_t at = needle.size == 0 ? 0 : find(in, 0, needle);
    sqlite3_int64 place = at == SIZE_MAX ? 0 : 1;
    for (size_t i = 0; at != SIZE_MAX && i < at; i++) {
        place += blobs || (in.data[i] & 0xc0) != 0x80;
    }
    sqlite3_result_int64(result, place);
}

/* replace(X, Y, Z): each Y in X becomes Z. */
static void sql_replace(sqlite3_context *result, int count, sqlite3_value **values) {
    if (is_any_null(count, values)) {
        return;
    }
    const dx_sql *sql = sqlite3_user_data(result);
    dx_bytes in = text_of(values[0]), needle = text_of(values[1]), with = text_of(values[2]);
    if (!is_short(result, needle)) {
        return;
    }
    dx_buf out;
    size_t at = 0, next;
    dx_buf_init(&out, sql->context->alloc, DX_SQL_VALUE_MAX);
    while (needle.size > 0 && dx_buf_error(&out) == DX_OK && (next = find(in, at, needle)) != SIZE_MAX) {
        dx_buf_append(&out, in.data + at, next - at);
        dx_buf_append(&out, with.data, with.size);
        at = next + needle.size;
    }
    dx_buf_append(&out, in.data + at, in.size - at);
    if (dx_buf_error(&out) == DX_E_NO_MEMORY) {
        sqlite3_result_error_nomem(result);
    } else if (dx_buf_error(&out) != DX_OK) {
        sqlite3_result_error_toobig(result);
    } else {
        sqlite3_result_text(result, out.size == 0 ? "" : (const char *)out.data, (int)out.size,
                            SQLITE_TRANSIENT);
    }
    dx_buf_deinit(&out);
}

static void sql_trim(sqlite3_context *result, int count, sqlite3_value **values) {
    (void)count;
    (void)values;
    sqlite3_result_error(result, "trim takes one value here", -1);
}

static int replace_functions(dx_sql *sql) {
    static const struct {
        const char *name;
        int arguments;
        void (*call)(sqlite3_context *result, int count, sqlite3_value **values);
    } replaced[] = {{"instr", 2, sql_instr},
                    {"replace", 3, sql_replace},
                    {"trim", 2, sql_trim},
                    {"ltrim", 2, sql_trim},
                    {"rtrim", 2, sql_trim}};
    int result = SQLITE_OK;
    for (size_t i = 0; i < sizeof replaced / sizeof replaced[0] && result == SQLITE_OK; i++) {
        result = sqlite3_create_function_v2(sql->db, replaced[i].name, replaced[i].arguments,
                                            SQLITE_UTF8 | SQLITE_DETERMINISTIC, sql, replaced[i].call, NULL,
                                            NULL, NULL);
    }
    return result;
}

/* --- How much ------------------------------------------------------------------------------------ */

bool dx_sql_spend(dx_sql *sql, int64_t steps) {
    sql->steps_left -= steps;
    if (sql->steps_left < 0 ||
        (sql->deadline_ms != 0 && dx_scratch_clock_ms(sql->context->store) > sql->deadline_ms)) {
        sql->ran_out = true;
    }
    return !sql->ran_out;
}

static int look(void *ctx) {
    return dx_sql_spend(ctx, STEPS_PER_LOOK) ? 0 : 1;
}

int dx_sql_guard(dx_sql *sql) {
    /* Tables that SQLite brings, made before anything is judged: they say what columns they have in the words of DDL. */
    int result =
        sqlite3_exec(sql->db, "SELECT 1 FROM json_each('0'), json_tree('0') LIMIT 0", NULL, NULL, NULL);
    result = result == SQLITE_OK ? replace_functions(sql) : result;
    if (result == SQLITE_OK) {
        result = sqlite3_set_authorizer(sql->db, judge, sql);
    }
    sqlite3_progress_handler(sql->db, STEPS_PER_LOOK, look, sql);
    return result == SQLITE_OK ? DX_OK : DX_E_NO_MEMORY;
}

void dx_sql_begin(dx_sql *sql, int64_t memory) {
    int64_t now_ms = dx_scratch_clock_ms(sql->context->store);
    sql->deadline_ms = now_ms == 0 ? 0 : now_ms + sql->patience_ms;
    sql->steps_left = sql->steps = sql->patience_ms * DX_SQL_STEPS_PER_MS;
    sql->ran_out = false;
    sql->memory_max = memory;
    sql->at_work = true;
    (void)sqlite3_memory_highwater(1);
    dx_sql_resume(sql);
}

void dx_sql_end(dx_sql *sql) {
    dx_sql_pause(sql);
    sql->at_work = false;
}

void dx_sql_pause(dx_sql *sql) {
    if (sql->at_work) {
        (void)sqlite3_hard_heap_limit64(sql->memory_prior);
        sql->memory_paused = sqlite3_memory_used();
    }
}

void dx_sql_resume(dx_sql *sql) {
    if (sql->at_work) {
        sql->memory_begin += sqlite3_memory_used() - sql->memory_paused;
        sql->memory_begin = sql->memory_begin < 0 ? 0 : sql->memory_begin;
        sql->memory_prior = sqlite3_hard_heap_limit64(sql->memory_begin + sql->memory_max);
    }
}

/* --- Why it ended --------------------------------------------------------------------------------- */

static int tell(dx_sql *sql, int error, const char *sentence) {
    sqlite3_snprintf(sizeof sql->message, sql->message, "%s", sentence);
    return error;
}

int dx_sql_explain(dx_sql *sql, int result) {
    if (sql->error != DX_OK) {
        return sql->error;
    }
    if (sql->refused != NULL) {
        return DX_E_INVALID;
    }
    if (sql->ran_out) {
        return tell(sql, DX_E_LIMIT, "the statement works too long for its next row");
    }
    switch (result & 0xff) {
    case SQLITE_NOMEM:
        return sqlite3_memory_highwater(0) - sql->memory_begin > UNBOUNDED
                   ? tell(sql, DX_E_LIMIT, "the statement takes too much memory to sort, group or compile")
                   : DX_E_NO_MEMORY;
    case SQLITE_TOOBIG:
        return tell(sql, DX_E_LIMIT, "the statement, or a value of it, is too large");
    default:
        sqlite3_snprintf(sizeof sql->message, sql->message, "%s", sqlite3_errmsg(sql->db));
        return DX_E_INVALID;
    }
}
