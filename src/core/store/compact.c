/* store/compact.c: gives back the room that nothing takes any more: all pages are written anew, one behind another, in one
 * transaction, and the file is cut off behind them.
 *
 * Layer: floor 1, store. docs/decisions/0041. SQLite's VACUUM: what it writes goes through the log like any commit, so a crash at
 * any point leaves the vault as it was or as it is then. Its copy is held in memory, so how large a vault may be is bounded. */
#include "base/limits.h"
#include "store/store_state.h"

static int read_figure(dx_store *store, const char *sql, uint64_t *out) {
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    result = result == SQLITE_OK ? sqlite3_step(statement) : result;
    *out = result == SQLITE_ROW ? (uint64_t)sqlite3_column_int64(statement, 0) : 0;
    (void)sqlite3_finalize(statement);
    return result;
}

/* Told to the caller alone: no statement to come is to find it. */
static int fail(dx_store *store, int result) {
    (void)dx_store_fail(store, result);
    return dx_store_error(store);
}

int dx_store_read_room(dx_store *store, dx_store_room *out) {
    uint64_t pages = 0, unused = 0;
    int result = read_figure(store, "PRAGMA page_count", &pages);
    result = result == SQLITE_ROW ? read_figure(store, "PRAGMA freelist_count", &unused) : result;
    *out =
        (dx_store_room){.used_bytes = (pages - unused) * DX_PAGE_SIZE, .unused_bytes = unused * DX_PAGE_SIZE};
    return result == SQLITE_ROW ? DX_OK : fail(store, result);
}

static bool is_sparse(dx_store *store) {
    dx_store_room room;
    return dx_store_read_room(store, &room) == DX_OK && room.unused_bytes >= DX_STORE_UNUSED_SIZE_MIN &&
           room.unused_bytes > room.used_bytes && room.used_bytes <= DX_STORE_COMPACT_SIZE_IDLE;
}

/* VACUUM is one statement with another database beside the vault's, in memory. */
static int write_anew(dx_store *store) {
    dx_store_reset_statements(store);
    store->steps_left = UINT64_MAX;
    sqlite3_limit(store->db, SQLITE_LIMIT_ATTACHED, 1);
    int result = sqlite3_exec(store->db, "VACUUM", NULL, NULL, NULL);
    sqlite3_limit(store->db, SQLITE_LIMIT_ATTACHED, 0);
    store->steps_left = store->budget;
    return result;
}

int dx_store_compact(dx_store *store) {
    dx_store_room room;
    if (store->in_transaction || store->poisoned || store->read_only) {
        return DX_E_STATE;
    }
    int error = dx_store_read_room(store, &room);
    if (error == DX_OK && room.used_bytes > DX_STORE_COMPACT_SIZE_MAX) {
        error = DX_E_LIMIT;
    }
    error =
        error == DX_OK ? dx_store_checkpoint(store) : error; /* what is written then has the log to itself */
    if (error != DX_OK) {
        return error;
    }
    int result = write_anew(store);
    store->log_size = dx_page_vfs_log_size(store->vfs);
    store->scrubs = true; /* the log is as long as the vault, and what went is in older frames */
    if (result != SQLITE_OK) {
        int kind = result & 0xff;
        store->poisoned =
            kind != SQLITE_FULL && kind != SQLITE_NOMEM; /* it may have been the commit that failed */
        return fail(store, result);
    }
    return dx_store_empty_log(store);
}

int dx_store_compact_sparse(dx_store *store) {
    store->dropped = false;
    return is_sparse(store) ? dx_store_compact(store) : DX_OK;
}

void dx_store_ask_compact(dx_store *store) {
    store->compaction = (dx_store_compaction){.asked = true};
}

const dx_store_compaction *dx_store_compaction_of(const dx_store *store) {
    return &store->compaction;
}

int dx_store_run_compaction(dx_store *store) {
    dx_store_compaction *run = &store->compaction;
    store->dropped = false;
    run->asked = false;
    run->error = dx_store_read_room(store, &run->before);
    run->error = run->error == DX_OK ? dx_store_compact(store) : run->error;
    if (run->error == DX_OK) {
        run->error = dx_store_read_room(store, &run->after);
    }
    return run->error;
}
