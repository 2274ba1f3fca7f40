/* store/check.c: looking over everything a vault holds, for people who ask: `dx doctor`.
 *
 * Layer: floor 1, store. First every unit of both files: what does not authenticate is named by its number,
 * and what was never written to since it was damaged is found before it is needed. Then, when all of them are
 * well, what they say: SQLite's own check of tables and indexes. In slices, so that a large vault can be
 * looked over while it is at work. Reads only. */
#include "base/limits.h"
#include "store/store_state.h"

#include <string.h>

/* --- Units ------------------------------------------------------------------------------------ */

static void note_damaged(dx_store_checking *checking, uint64_t page) {
    if (checking->damaged < DX_STORE_DAMAGED_NAMED) {
        checking->named[checking->damaged] = page;
    }
    checking->damaged++;
}

/* The log up to the last commit; what stands behind it was left there and is never read. */
static int check_log(dx_store *store) {
    uint64_t damaged = 0;
    int result = dx_page_vfs_check_log(store->vfs, (uint64_t)store->log_frames, &damaged);
    if (result != SQLITE_OK) {
        return dx_store_fail(store, result);
    }
    if (damaged != 0) {
        char text[DX_STORE_MESSAGE_SIZE];
        sqlite3_snprintf(sizeof text, text, "frame %lld of the vault's log is damaged",
                         (sqlite3_int64)damaged);
        dx_store_tell(store, text);
        return DX_E_CORRUPT;
    }
    return DX_OK;
}

/* A page whose newer content is in the log does not count: it is written over by the next checkpoint. */
static int check_pages(dx_store *store, dx_store_checking *checking) {
    uint64_t end = checking->page + DX_STORE_CHECK_PAGES;
    for (; checking->page < end && checking->page <= checking->pages; checking->page++) {
        bool intact = false;
        bool superseded = false;
        int result = dx_page_vfs_check_page(store->vfs, checking->page, &intact);
        if (result == SQLITE_OK && !intact) {
            result =
                dx_page_vfs_log_has(store->vfs, (uint64_t)store->log_frames, checking->page, &superseded);
        }
        if (result != SQLITE_OK) {
            return dx_store_fail(store, result);
        }
        if (!intact && !superseded) {
            note_damaged(checking, checking->page);
        }
    }
    return DX_OK;
}

/* "pages 3, 9 and 12 more of 2345 …" */
static int name_damaged(dx_store *store, const dx_store_checking *checking) {
    char list[160] = "";
    uint64_t named = checking->damaged < DX_STORE_DAMAGED_NAMED ? checking->damaged : DX_STORE_DAMAGED_NAMED;
    for (uint64_t i = 0; i < named; i++) {
        size_t used = strlen(list);
        sqlite3_snprintf((int)(sizeof list - used), list + used, "%s%lld", i == 0 ? "" : ", ",
                         (sqlite3_int64)checking->named[i]);
    }
    if (checking->damaged > named) {
        size_t used = strlen(list);
        sqlite3_snprintf((int)(sizeof list - used), list + used, " and %lld more",
                         (sqlite3_int64)(checking->damaged - named));
    }
    char text[DX_STORE_MESSAGE_SIZE];
    sqlite3_snprintf(sizeof text, text, "%s %s of the %lld pages of the vault file %s damaged",
                     checking->damaged == 1 ? "page" : "pages", list, (sqlite3_int64)checking->pages,
                     checking->damaged == 1 ? "is" : "are");
    dx_store_tell(store, text);
    return DX_E_CORRUPT;
}

/* --- What they say ---------------------------------------------------------------------------- */

/* One row of one of SQLite's check pragmas: "ok", or what it found first. */
static int check_structure(dx_store *store, const char *sql, const char *table) {
    sqlite3_stmt *statement = NULL;
    uint64_t steps_left = store->steps_left;
    store->steps_left = UINT64_MAX;
    int result = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    result = result == SQLITE_OK ? sqlite3_step(statement) : result;
    int error = result == SQLITE_ROW ? DX_OK : dx_store_fail(store, result);
    const char *answer = result == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    if (error == DX_OK && answer == NULL) {
        error = dx_store_fail(store, SQLITE_NOMEM);
    } else if (error == DX_OK && strcmp(answer, "ok") != 0) {
        char text[DX_STORE_MESSAGE_SIZE];
        sqlite3_snprintf(sizeof text, text, "%s%s%s%s", table != NULL ? "table " : "",
                         table != NULL ? table : "", table != NULL ? ": " : "", answer);
        dx_store_tell(store, text);
        error = DX_E_CORRUPT;
    }
    (void)sqlite3_finalize(statement);
    store->steps_left = steps_left;
    return error;
}

static int check_whole(dx_store *store) {
    return check_structure(store, "PRAGMA integrity_check(1)", NULL);
}

/* The next table by its row in the schema; *more false past the last. */
static int check_next_table(dx_store *store, dx_store_checking *checking, bool *more) {
    char name[128] = "sqlite_schema";
    char sql[192];
    if (checking->table > 0) {
        sqlite3_stmt *select =
            dx_store_query(store, "SELECT rowid, name FROM sqlite_schema WHERE type='table' "
                                  "AND rowid>=?1 ORDER BY rowid LIMIT 1");
        dx_bind_int(select, 1, checking->table);
        *more = dx_step(store, select);
        if (*more) {
            dx_bytes text = dx_column_bytes(select, 1);
            checking->table = dx_column_int(select, 0);
            sqlite3_snprintf(sizeof name, name, "%.*s", (int)text.size, (const char *)text.data);
        }
        dx_step_reset(select);
        int error = dx_store_error(store);
        if (error != DX_OK || !*more) {
            return error;
        }
    }
    checking->table++;
    *more = true;
    sqlite3_snprintf(sizeof sql, sql, "PRAGMA integrity_check(%Q)", name);
    return check_structure(store, sql, name);
}

/* --- Slices ----------------------------------------------------------------------------------- */

int dx_store_check_slice(dx_store *store, dx_store_checking *checking, bool *more) {
    *more = true;
    if (checking->page == 0) {
        checking->page = 1;
        checking->pages = dx_page_vfs_pages(store->vfs);
        return check_log(store);
    }
    if (checking->page <= checking->pages) {
        int error = check_pages(store, checking);
        bool last = checking->page > checking->pages;
        return error == DX_OK && last && checking->damaged > 0 ? name_damaged(store, checking) : error;
    }
    if (checking->pages <= DX_STORE_CHECK_WHOLE_PAGES) {
        *more = false;
        return check_whole(store);
    }
    return check_next_table(store, checking, more);
}

int dx_store_check(dx_store *store) {
    if (store->in_transaction || store->poisoned) {
        return DX_E_STATE;
    }
    dx_store_checking checking = {.page = 0};
    bool more = true;
    int error = DX_OK;
    while (error == DX_OK && more && checking.page <= checking.pages) {
        error = dx_store_check_slice(store, &checking, &more);
    }
    return error == DX_OK ? check_whole(store) : error;
}
