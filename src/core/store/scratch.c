/* store/scratch.c: a connection to nothing. See scratch.h. */
#include "store/scratch.h"

#include "base/limits.h"
#include "store/store_state.h"

static int set_limits(sqlite3 *db) {
    static const struct {
        int limit, value;
    } limits[] = {
        {SQLITE_LIMIT_ATTACHED, 0},
        {SQLITE_LIMIT_LENGTH, DX_SQL_VALUE_MAX},
        {SQLITE_LIMIT_SQL_LENGTH, DX_SQL_SIZE_MAX},
        {SQLITE_LIMIT_COLUMN, DX_SQL_COLUMNS_MAX + 32},
        {SQLITE_LIMIT_EXPR_DEPTH, DX_SQL_DEPTH_MAX},
        {SQLITE_LIMIT_COMPOUND_SELECT, DX_SQL_DEPTH_MAX},
        {SQLITE_LIMIT_FUNCTION_ARG, 64},
        {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, DX_SQL_PATTERN_MAX},
        {SQLITE_LIMIT_VARIABLE_NUMBER, DX_SQL_VALUES_MAX},
        {SQLITE_LIMIT_VDBE_OP, DX_SQL_PROGRAM_MAX},
        {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
        {SQLITE_LIMIT_WORKER_THREADS, 0},
    };
    static const struct {
        int option, value;
    } options[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0},
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
    };
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        (void)sqlite3_limit(db, limits[i].limit, limits[i].value);
    }
    int result = sqlite3_exec(db, "PRAGMA temp_store=MEMORY", NULL, NULL, NULL);
    for (size_t i = 0; i < sizeof options / sizeof options[0] && result == SQLITE_OK; i++) {
        result = sqlite3_db_config(db, options[i].option, options[i].value, NULL);
    }
    return result;
}

int dx_scratch_open(dx_store *store, sqlite3 **out) {
    const int flags =
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    int result = sqlite3_open_v2(":memory:", out, flags, dx_page_vfs_name(store->vfs));
    if (result == SQLITE_OK) {
        result = set_limits(*out);
    }
    if (result != SQLITE_OK) {
        dx_scratch_close(*out);
        *out = NULL;
        return (result & 0xff) == SQLITE_NOMEM ? DX_E_NO_MEMORY : DX_E_STORE;
    }
    return DX_OK;
}

void dx_scratch_close(sqlite3 *scratch) {
    int result = sqlite3_close(scratch);
    DX_ASSERT(result == SQLITE_OK); /* a statement was not finalized */
}

int64_t dx_scratch_clock_ms(const dx_store *store) {
    double days = 0;
    sqlite3_vfs *vfs = sqlite3_vfs_find(dx_page_vfs_name(store->vfs));
    if (vfs == NULL || vfs->xCurrentTime(vfs, &days) != SQLITE_OK || !(days > 0) || days > 1e8) {
        return 0;
    }
    return (int64_t)(days * 86400000.0);
}
