/* store/statement.c: the statement cache, and the small words rooms speak SQL with. See store.h. */
#include "base/limits.h"
#include "store/store_state.h"

#include <string.h>

enum { CAPACITY_FIRST = 128 };

/* --- The cache -------------------------------------------------------------------------------- */

/* The place of this address, or the free one where it would stand. */
static dx_store_statement *find_place(dx_store_statement *places, size_t capacity, const char *sql) {
    size_t at = (size_t)(((uint64_t)(uintptr_t)sql * 0x9e3779b97f4a7c15u) >> 32) & (capacity - 1);
    while (places[at].sql != NULL && places[at].sql != sql) {
        at = (at + 1) & (capacity - 1);
    }
    return &places[at];
}

/* Keeps a quarter of the places free. */
static int grow_cache(dx_store *store) {
    if (store->statement_count + 1 <= store->statement_capacity / 4 * 3) {
        return DX_OK;
    }
    if (store->statement_count >= DX_STORE_STATEMENTS_MAX) {
        return DX_E_LIMIT;
    }
    size_t capacity = store->statement_capacity == 0 ? CAPACITY_FIRST : store->statement_capacity * 2;
    dx_store_statement *places = dx_alloc_take_zeroed(store->alloc, capacity * sizeof *places);
    if (places == NULL) {
        return DX_E_NO_MEMORY;
    }
    for (size_t i = 0; i < store->statement_capacity; i++) {
        const dx_store_statement *old = &store->statements[i];
        if (old->sql != NULL) {
            *find_place(places, capacity, old->sql) = *old;
        }
    }
    dx_alloc_free(store->alloc, store->statements, store->statement_capacity * sizeof *places);
    store->statements = places;
    store->statement_capacity = capacity;
    return DX_OK;
}

static sqlite3_stmt *prepare(dx_store *store, const char *sql, unsigned int flags) {
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v3(store->db, sql, -1, flags, &statement, NULL);
    if (result != SQLITE_OK) {
        (void)dx_store_fail(store, result);
    }
    return statement;
}

static sqlite3_stmt *prepare_cached(dx_store *store, const char *sql) {
    int error = grow_cache(store);
    if (error != DX_OK) {
        (void)dx_store_fail_with(store, error, "the statement cache cannot grow");
        return NULL;
    }
    sqlite3_stmt *statement = prepare(store, sql, SQLITE_PREPARE_PERSISTENT);
    if (statement != NULL) {
        *find_place(store->statements, store->statement_capacity, sql) = (dx_store_statement){sql, statement};
        store->statement_count++;
    }
    return statement;
}

/* Whether a statement may run now; if not, the reason sticks. */
static bool may_run(dx_store *store) {
    if (store->doom != DX_OK) {
        store->error = store->error != DX_OK ? store->error : store->doom;
        return false;
    }
    if (!store->in_transaction) {
        (void)dx_store_fail_with(store, DX_E_STATE, "a statement outside a transaction");
        return false;
    }
    return store->error == DX_OK;
}

sqlite3_stmt *dx_store_query(dx_store *store, const char *literal_sql) {
    if (!may_run(store)) {
        return NULL;
    }
    store->steps_left = store->budget;
    if (store->statement_capacity > 0) {
        sqlite3_stmt *statement =
            find_place(store->statements, store->statement_capacity, literal_sql)->statement;
        if (statement != NULL) {
            sqlite3_reset(statement);
            sqlite3_clear_bindings(statement);
            return statement;
        }
    }
    return prepare_cached(store, literal_sql);
}

sqlite3_stmt *dx_store_query_dynamic(dx_store *store, const char *sql) {
    if (!may_run(store)) {
        return NULL;
    }
    store->steps_left = store->budget;
    store->open_unknown = true;
    return prepare(store, sql, 0);
}

void dx_store_discard(sqlite3_stmt *statement) {
    (void)sqlite3_finalize(statement);
}

/* Only cached ones are remembered: any other may be finalized before the commit, so all are looked at then. */
static void note_open(dx_store *store, sqlite3_stmt *statement) {
    for (size_t i = store->open_count; i > 0; i--) {
        if (store->open[i - 1] == statement) {
            return;
        }
    }
    if (!store->open_unknown && store->open_count < DX_STORE_OPEN_MAX) {
        store->open[store->open_count++] = statement;
    } else {
        store->open_unknown = true;
    }
}

/* A step reads with a few statements out of a hundred: looking at all of them cost as much as an empty
 * commit. */
void dx_store_reset_statements(dx_store *store) {
    for (size_t i = 0; i < store->open_count; i++) {
        sqlite3_reset(store->open[i]);
    }
    sqlite3_stmt *statement = store->open_unknown ? sqlite3_next_stmt(store->db, NULL) : NULL;
    for (; statement != NULL; statement = sqlite3_next_stmt(store->db, statement)) {
        if (sqlite3_stmt_busy(statement)) {
            sqlite3_reset(statement);
        }
    }
    store->open_count = 0;
    store->open_unknown = false;
}

void dx_store_finalize_statements(dx_store *store) {
    for (size_t i = 0; i < store->statement_capacity; i++) {
        (void)sqlite3_finalize(store->statements[i].statement);
    }
    dx_alloc_free(store->alloc, store->statements, store->statement_capacity * sizeof *store->statements);
    store->statements = NULL;
    store->statement_capacity = 0;
    store->statement_count = 0;
}

/* --- Binding ---------------------------------------------------------------------------------- */

/* Binding fails only for a wrong index, a statement in the middle of its rows, or a value beyond SQLite's one
 * gigabyte, which no buffer of ours holds: bugs, all of them. */
static void expect_bound(int result) {
    DX_ASSERT(result == SQLITE_OK);
}

void dx_bind_int(sqlite3_stmt *statement, int index, int64_t value) {
    if (statement != NULL) {
        expect_bound(sqlite3_bind_int64(statement, index, value));
    }
}

void dx_bind_bytes(sqlite3_stmt *statement, int index, dx_bytes value) {
    if (statement == NULL) {
        return;
    }
    const void *data = value.size > 0 ? (const void *)value.data : ""; /* SQLite takes no address for NULL */
    expect_bound(sqlite3_bind_blob64(statement, index, data, value.size, SQLITE_STATIC));
}

void dx_bind_text(sqlite3_stmt *statement, int index, dx_bytes utf8) {
    if (statement != NULL) {
        const char *text = (const char *)utf8.data;
        expect_bound(sqlite3_bind_text64(statement, index, text, utf8.size, SQLITE_STATIC, SQLITE_UTF8));
    }
}

/* --- Stepping --------------------------------------------------------------------------------- */

bool dx_step(dx_store *store, sqlite3_stmt *statement) {
    if (statement == NULL || !may_run(store) || (!store->begun && dx_store_begin_now(store) != DX_OK)) {
        return false;
    }
    int result = sqlite3_step(statement);
    if (result == SQLITE_ROW) {
        note_open(store, statement);
        return true;
    }
    if (result != SQLITE_DONE) {
        (void)dx_store_fail(store, result);
    }
    sqlite3_reset(statement);
    return false;
}

int dx_step_done(dx_store *store, sqlite3_stmt *statement) {
    bool row = dx_step(store, statement);
    DX_ASSERT(!row);
    return dx_store_error(store);
}

void dx_step_reset(sqlite3_stmt *statement) {
    if (statement != NULL) {
        sqlite3_reset(statement);
    }
}

int64_t dx_column_int(sqlite3_stmt *statement, int index) {
    return statement != NULL ? sqlite3_column_int64(statement, index) : 0;
}

dx_bytes dx_column_bytes(sqlite3_stmt *statement, int index) {
    if (statement == NULL) {
        return (dx_bytes){NULL, 0};
    }
    const void *data = sqlite3_column_blob(statement, index);
    int size = sqlite3_column_bytes(statement, index);
    return dx_bytes_of(data, size > 0 && data != NULL ? (size_t)size : 0);
}

bool dx_column_is_null(sqlite3_stmt *statement, int index) {
    return statement == NULL || sqlite3_column_type(statement, index) == SQLITE_NULL;
}

int64_t dx_store_last_rowid(const dx_store *store) {
    return sqlite3_last_insert_rowid(store->db);
}

int64_t dx_store_changes(const dx_store *store) {
    return sqlite3_changes64(store->db);
}

int dx_store_error(dx_store *store) {
    int error = store->error;
    store->error = DX_OK;
    return error;
}
