/* store/store.c: opening, transactions and closing of the vault file. See store.h. */
#include "store/store.h"

#include "base/limits.h"
#include "store/page_file.h"
#include "store/schema.h"
#include "store/store_state.h"

#include <string.h>

/* SQLite's steps between two looks at the budget. */
enum { STEPS_PER_LOOK = 1000 };

/* --- Failures --------------------------------------------------------------------------------- */

/* SQLite's result as one of ours. */
static int error_of(int sqlite_result) {
    switch (sqlite_result) {
    case SQLITE_IOERR_NOMEM:
        return DX_E_NO_MEMORY;
    case SQLITE_IOERR_DATA:
    case SQLITE_IOERR_CORRUPTFS:
        return DX_E_CORRUPT;
    case SQLITE_CONSTRAINT_UNIQUE:
    case SQLITE_CONSTRAINT_PRIMARYKEY:
    case SQLITE_CONSTRAINT_ROWID:
        return DX_E_EXISTS;
    default:
        break;
    }
    switch (sqlite_result & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return DX_OK;
    case SQLITE_NOMEM:
        return DX_E_NO_MEMORY;
    case SQLITE_FULL:
        return DX_E_NO_SPACE;
    case SQLITE_BUSY:
        return DX_E_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return DX_E_CORRUPT;
    case SQLITE_CONSTRAINT:
        return DX_E_CONFLICT;
    case SQLITE_INTERRUPT:
    case SQLITE_TOOBIG:
        return DX_E_LIMIT;
    default:
        return DX_E_STORE;
    }
}

void dx_store_tell(dx_store *store, const char *text) {
    sqlite3_snprintf(DX_STORE_MESSAGE_SIZE, store->message, "%s", text);
    if (store->tracer != NULL && store->tracer->line != NULL) {
        store->tracer->line(store->tracer->ctx, "store", store->message);
    }
}

/* What did not authenticate, and what that may mean. */
static void describe_damage(const dx_page_vfs *vfs, char text[static DX_STORE_MESSAGE_SIZE]) {
    dx_page_damage damage = dx_page_vfs_damage(vfs);
    sqlite3_int64 number = (sqlite3_int64)damage.number;
    switch (damage.kind) {
    case DX_DAMAGE_FOREIGN:
        sqlite3_snprintf(DX_STORE_MESSAGE_SIZE, text,
                         "the file is not a vault, or its beginning is damaged; it is left as it is");
        break;
    case DX_DAMAGE_PAGE:
        sqlite3_snprintf(DX_STORE_MESSAGE_SIZE, text,
                         number == 1
                             ? "the key is not this vault's, or the vault file is damaged at its first page; "
                               "it is left as it is"
                             : "page %lld of the vault file is damaged",
                         number);
        break;
    case DX_DAMAGE_FRAME:
        sqlite3_snprintf(DX_STORE_MESSAGE_SIZE, text,
                         "frame %lld of the vault's log is damaged; vault file and log are left as they are",
                         number);
        break;
    case DX_DAMAGE_LOG_HEADER:
        sqlite3_snprintf(
            DX_STORE_MESSAGE_SIZE, text,
            "the beginning of the vault's log is damaged; vault file and log are left as they are");
        break;
    case DX_DAMAGE_LOG_OLD:
        sqlite3_snprintf(
            DX_STORE_MESSAGE_SIZE, text,
            "an older program died with changes in the vault's log; open the vault once with that "
            "program and end it in order; vault file and log are left as they are");
        break;
    case DX_DAMAGE_NONE:
        sqlite3_snprintf(DX_STORE_MESSAGE_SIZE, text, "the vault's content contradicts itself");
        break;
    }
}

static void describe_failure(dx_store *store, int sqlite_result, int error) {
    char text[DX_STORE_MESSAGE_SIZE];
    if (error == DX_E_CORRUPT) {
        describe_damage(store->vfs, text);
    } else if (error == DX_E_BUSY) {
        sqlite3_snprintf(sizeof text, text, "another process holds the vault");
    } else {
        sqlite3_snprintf(sizeof text, text, "%s (%s, SQLite %d)", dx_error_text(error),
                         store->db != NULL ? sqlite3_errmsg(store->db) : sqlite3_errstr(sqlite_result),
                         sqlite_result);
    }
    dx_store_tell(store, text);
}

/* Constraints, and statements that ran too long, are answers; what fails below them spoils the transaction.
 * So does whatever made SQLite roll it back by itself. */
static void note_error(dx_store *store, int error) {
    store->error = store->error != DX_OK ? store->error : error;
    bool is_answer =
        error == DX_E_EXISTS || error == DX_E_CONFLICT || error == DX_E_LIMIT || error == DX_E_STATE;
    bool undone = store->begun && sqlite3_get_autocommit(store->db);
    if (store->in_transaction && store->doom == DX_OK && (!is_answer || undone)) {
        store->doom = error;
    }
}

int dx_store_fail(dx_store *store, int sqlite_result) {
    if (store->read_only && (sqlite_result & 0xff) == SQLITE_READONLY) {
        return dx_store_fail_with(store, DX_E_NO_SPACE,
                                  "the vault's disk is full; the vault is open for reading only");
    }
    int error = error_of(sqlite_result);
    describe_failure(store, sqlite_result, error);
    note_error(store, error);
    return error;
}

int dx_store_fail_with(dx_store *store, int error, const char *message) {
    dx_store_tell(store, message);
    note_error(store, error);
    return error;
}

/* --- The connection ---------------------------------------------------------------------------- */

static int run(dx_store *store, const char *sql) {
    return sqlite3_exec(store->db, sql, NULL, NULL, NULL);
}

/* Steps a statement without rows; its result. */
static int step_once(sqlite3_stmt *statement) {
    int result = sqlite3_step(statement);
    (void)sqlite3_reset(statement);
    return result == SQLITE_DONE ? SQLITE_OK : result;
}

static int on_progress(void *ctx) {
    dx_store *store = ctx;
    if (store->steps_left < STEPS_PER_LOOK) {
        return 1;
    }
    store->steps_left -= STEPS_PER_LOOK;
    return 0;
}

static int on_commit(void *ctx, sqlite3 *db, const char *schema, int log_frames) {
    (void)db;
    (void)schema;
    dx_store *store = ctx;
    store->last_frames = log_frames > store->log_frames ? log_frames - store->log_frames : log_frames;
    store->log_frames = log_frames;
    int64_t size = (int64_t)dx_page_file_offset(DX_UNIT_FRAME, (uint64_t)log_frames + 1);
    store->log_size = store->log_size > size ? store->log_size : size;
    store->upkeep_failed = false;
    return SQLITE_OK;
}

static int checkpoint(dx_store *store) {
    int frames = 0;
    int copied = 0;
    dx_store_reset_statements(store);
    int result = dx_page_vfs_begin_checkpoint(store->vfs);
    if (result == SQLITE_OK) {
        result = sqlite3_wal_checkpoint_v2(store->db, "main", SQLITE_CHECKPOINT_PASSIVE, &frames, &copied);
        dx_page_vfs_end_checkpoint(store->vfs);
    }
    if (result != SQLITE_OK) {
        int error = error_of(result);
        describe_failure(store, result, error);
        return error;
    }
    if (copied == frames) {
        store->log_frames = 0; /* the next commit begins the log anew, and cuts off what it has too much */
        store->log_size = store->log_size < DX_STORE_LOG_KEPT_SIZE ? store->log_size : DX_STORE_LOG_KEPT_SIZE;
    }
    return DX_OK;
}

void dx_store_scrub(dx_store *store) {
    store->scrubs = store->dropped = true;
}

void dx_store_note_dropped(dx_store *store) {
    store->dropped = true;
}

int dx_store_empty_log(dx_store *store) {
    dx_store_reset_statements(store);
    int result = sqlite3_wal_checkpoint_v2(store->db, "main", SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (result != SQLITE_OK) {
        int error = error_of(result);
        describe_failure(store, result, error);
        return error;
    }
    store->scrubs = false;
    store->log_frames = 0;
    store->log_size = 0;
    return DX_OK;
}

int dx_store_checkpoint(dx_store *store) {
    if (store->in_transaction || store->poisoned || store->read_only) {
        return DX_E_STATE;
    }
    return checkpoint(store);
}

/* --- Between transactions --------------------------------------------------------------------- */

/* Little of the log's file is left, and commits are small: a large one takes longer than its file's growing,
 * and there would be no end of growing ahead of it. */
static bool needs_place(const dx_store *store) {
    int64_t used = (int64_t)dx_page_file_offset(DX_UNIT_FRAME, (uint64_t)store->log_frames + 1);
    int64_t full = (int64_t)dx_page_file_offset(DX_UNIT_FRAME, DX_STORE_LOG_FRAMES + 1);
    return store->log_frames > 0 && store->log_size < full &&
           store->log_size - used < DX_STORE_LOG_AHEAD_SIZE / 2 &&
           store->last_frames < DX_STORE_LOG_AHEAD_SIZE / DX_FRAME_SIZE;
}

static bool is_long(const dx_store *store, bool idle) {
    return store->log_frames >= (idle ? DX_STORE_LOG_FRAMES_IDLE : DX_STORE_LOG_FRAMES_TIDY);
}

bool dx_store_has_upkeep(const dx_store *store, bool idle) {
    bool can = !store->poisoned && !store->read_only && !store->upkeep_failed;
    bool asked = store->compaction.asked || store->scrubs;
    return can && (asked || is_long(store, idle) || needs_place(store) || (idle && store->dropped));
}

static int grow_log(dx_store *store) {
    int result = dx_page_vfs_grow_log(store->vfs, DX_STORE_LOG_AHEAD_SIZE);
    store->log_size = dx_page_vfs_log_size(store->vfs);
    return result == SQLITE_OK ? DX_OK : error_of(result);
}

void dx_store_upkeep(dx_store *store, bool idle) {
    DX_ASSERT(!store->in_transaction);
    if (dx_store_has_upkeep(store, idle)) {
        int error = store->compaction.asked ? dx_store_run_compaction(store)
                    : store->scrubs         ? dx_store_empty_log(store)
                    : needs_place(store)    ? grow_log(store)
                    : is_long(store, idle)  ? checkpoint(store)
                                            : dx_store_compact_sparse(store);
        store->upkeep_failed = error != DX_OK;
    }
}

/* --- Transactions ----------------------------------------------------------------------------- */

int dx_store_begin(dx_store *store) {
    DX_ASSERT(!store->in_transaction);
    if (store->poisoned) {
        return DX_E_STORE;
    }
    store->error = DX_OK;
    store->doom = DX_OK;
    store->message[0] = 0; /* of an earlier failure */
    if (store->log_frames > DX_STORE_LOG_FRAMES_MAX && !store->read_only) {
        int error = checkpoint(store);
        if (error != DX_OK) {
            return error;
        }
    }
    store->steps_left = store->budget;
    store->in_transaction = true;
    store->begun = false;
    store->transactions++;
    return DX_OK;
}

int dx_store_begin_now(dx_store *store) {
    int result = step_once(store->read_only ? store->begin_reading : store->begin);
    store->begun = result == SQLITE_OK;
    return store->begun ? DX_OK : dx_store_fail(store, result);
}

void dx_store_rollback(dx_store *store) {
    if (!store->in_transaction) {
        return;
    }
    dx_store_reset_statements(store);
    if (!sqlite3_get_autocommit(store->db) && step_once(store->rollback) != SQLITE_OK &&
        !sqlite3_get_autocommit(store->db)) {
        store->poisoned = true;
    }
    if (store->drafts && run(store, "PRAGMA query_only=ON") != SQLITE_OK) {
        store->poisoned = true;
    }
    store->in_transaction = store->begun = store->drafts = false;
    store->error = DX_OK;
    store->doom = DX_OK;
}

uint64_t dx_store_transaction(const dx_store *store) {
    return store->transactions;
}

/* The page cache takes it all: it spills nothing, and what is rolled back was never in the log. */
int dx_store_begin_draft(dx_store *store) {
    DX_ASSERT(store->in_transaction && store->read_only);
    store->drafts = true;
    int result = run(store, "PRAGMA cache_spill=OFF");
    result = result == SQLITE_OK ? run(store, "PRAGMA query_only=OFF") : result;
    return result == SQLITE_OK ? DX_OK : dx_store_fail(store, result);
}

int dx_store_end_draft(dx_store *store) {
    int result = run(store, "PRAGMA query_only=ON");
    return result == SQLITE_OK ? DX_OK : dx_store_fail(store, result);
}

int dx_store_commit(dx_store *store) {
    DX_ASSERT(store->in_transaction);
    int error = store->doom != DX_OK ? store->doom : store->error;
    if (error != DX_OK) {
        dx_store_rollback(store);
        return error;
    }
    if (store->drafts) {
        dx_store_rollback(store);
        return store->poisoned ? DX_E_STORE : DX_OK;
    }
    dx_store_reset_statements(store);
    store->steps_left = store->budget;
    int result = store->begun ? step_once(store->commit) : SQLITE_OK;
    if (result != SQLITE_OK) {
        error = error_of(result);
        describe_failure(store, result, error);
        dx_store_rollback(store);
        store->poisoned = true;
        return error;
    }
    store->in_transaction = store->begun = false;
    if (store->log_frames >= DX_STORE_LOG_FRAMES && !store->read_only) {
        (void)checkpoint(store); /* what failed is tried again after the next commit; the commit stands */
    }
    return DX_OK;
}

/* --- Opening ---------------------------------------------------------------------------------- */

static int configure(dx_store *store) {
    static const struct {
        int option;
        int value;
    } options[] = {
        {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1}, /* until the vault is known to be sound */
        {SQLITE_DBCONFIG_DEFENSIVE, 1},
        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},
        {SQLITE_DBCONFIG_DQS_DDL, 0},
        {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        {SQLITE_DBCONFIG_ENABLE_FKEY, 0},
    };
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        int result = sqlite3_db_config(store->db, options[i].option, options[i].value, NULL);
        if (result != SQLITE_OK) {
            return dx_store_fail(store, result);
        }
    }
    sqlite3_limit(store->db, SQLITE_LIMIT_ATTACHED, 0);
    sqlite3_progress_handler(store->db, STEPS_PER_LOOK, on_progress, store);
    sqlite3_wal_hook(store->db, on_commit, store);
    /* The lock first: with it held SQLite keeps the log's index on its heap and asks for no shared memory. */
    int result = run(store, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0;"
                            "PRAGMA cell_size_check=ON; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;");
#if defined(DX_PLANT) && DX_PLANT == 1
    result = run(store, "PRAGMA synchronous=NORMAL");
#endif
    return result == SQLITE_OK ? DX_OK : dx_store_fail(store, result);
}

/* The pragmas that take a figure. */
static int configure_sizes(dx_store *store) {
    char sql[128];
    sqlite3_snprintf(sizeof sql, sql, "PRAGMA cache_size=-%d; PRAGMA journal_size_limit=%d;",
                     DX_STORE_CACHE_SIZE / 1024, DX_STORE_LOG_KEPT_SIZE);
    int result = run(store, sql);
    return result == SQLITE_OK ? DX_OK : dx_store_fail(store, result);
}

static int prepare_transactions(dx_store *store) {
    const struct {
        const char *sql;
        sqlite3_stmt **statement;
    } rows[] = {{"BEGIN IMMEDIATE", &store->begin},
                {"BEGIN", &store->begin_reading},
                {"COMMIT", &store->commit},
                {"ROLLBACK", &store->rollback}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int result = sqlite3_prepare_v3(store->db, rows[i].sql, -1, SQLITE_PREPARE_PERSISTENT,
                                        rows[i].statement, NULL);
        if (result != SQLITE_OK) {
            return dx_store_fail(store, result);
        }
    }
    return DX_OK;
}

/* The first column of the first row; the SQL always has one. */
static int read_number(dx_store *store, const char *sql, int64_t *out) {
    sqlite3_stmt *statement = NULL;
    int result = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL);
    if (result == SQLITE_OK) {
        result = sqlite3_step(statement);
        *out = result == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : 0;
    }
    (void)sqlite3_finalize(statement);
    return result == SQLITE_ROW ? DX_OK : dx_store_fail(store, result);
}

static int open_database(dx_store *store, const dx_store_config *config) {
    if (strncmp(config->path, "file:", 5) == 0) {
        return dx_store_fail_with(store, DX_E_INVALID,
                                  "the vault's path begins with \"file:\"; write ./file: instead");
    }
    int error = dx_page_vfs_create(store->alloc, store->random, config->vfs, config->page_key, &store->vfs);
    if (error != DX_OK) {
        return dx_store_fail_with(store, error, dx_error_text(error));
    }
    bool exists = false;
    int result = dx_page_vfs_exists(store->vfs, config->path, &exists);
    if (result != SQLITE_OK) {
        return dx_store_fail(store, result);
    }
    if (!exists && !config->create && config->has_expected_token) { /* SQLite takes no bytes for no file */
        return dx_store_fail_with(
            store, DX_E_CORRUPT, "the vault file is missing or empty, though a vault was opened here before");
    }
    if (!exists && !config->create) {
        return dx_store_fail_with(store, DX_E_NOT_FOUND, "there is no vault at this path");
    }
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE |
                (config->create ? SQLITE_OPEN_CREATE : 0);
    result = sqlite3_open_v2(config->path, &store->db, flags, dx_page_vfs_name(store->vfs));
    if (result != SQLITE_OK) {
        return dx_store_fail(store, result);
    }
    if (sqlite3_db_readonly(store->db, "main") == 1) {
        return dx_store_fail_with(store, DX_E_STORE, "the vault file may not be written");
    }
    return DX_OK;
}

/* Reads who made the file and how far. *version 0: nothing is in it yet. */
static int identify(dx_store *store, const dx_store_config *config, int64_t *version) {
    int64_t application_id = 0;
    int64_t tables = 0;
    int error = read_number(store, "PRAGMA application_id", &application_id);
    if (error == DX_OK) {
        error = read_number(store, "PRAGMA user_version", version);
    }
    if (error == DX_OK) {
        error = read_number(store, "SELECT count(*) FROM sqlite_schema", &tables);
    }
    if (error != DX_OK) {
        return error;
    }
    bool empty = application_id == 0 && *version == 0 && tables == 0;
    if (empty && config->has_expected_token) {
        return dx_store_fail_with(store, DX_E_CORRUPT,
                                  "the vault file is empty, though a vault was opened here before");
    }
    if (empty) {
        return config->create ? DX_OK : dx_store_fail_with(store, DX_E_NOT_FOUND, "the vault file is empty");
    }
    if (application_id != DX_STORE_APPLICATION_ID || *version < 1) {
        return dx_store_fail_with(store, DX_E_CORRUPT, "the database in the file is not a vault");
    }
    if (*version > dx_store_schema_version) {
        return dx_store_fail_with(store, DX_E_VERSION,
                                  "the vault was made by a newer version of this program");
    }
    return DX_OK;
}

static int migrate(dx_store *store, int64_t version) {
    if (version == dx_store_schema_version) {
        return DX_OK;
    }
    if (dx_store_begin_now(store) != DX_OK) {
        return dx_store_error(store);
    }
    int result = SQLITE_OK;
    for (int64_t step = version; step < dx_store_schema_version && result == SQLITE_OK; step++) {
        result = run(store, dx_store_schema[step]);
    }
    if (result == SQLITE_OK) {
        char sql[96];
        sqlite3_snprintf(sizeof sql, sql, "PRAGMA application_id=%d; PRAGMA user_version=%d;",
                         DX_STORE_APPLICATION_ID, dx_store_schema_version);
        result = run(store, sql);
    }
    return result == SQLITE_OK ? DX_OK : dx_store_fail(store, result);
}

/* --- The token -------------------------------------------------------------------------------- */

/* False when there is none, or it is not of a token's size. */
static bool read_token(dx_store *store, const char *key, uint8_t token[static DX_STORE_TOKEN_SIZE]) {
    sqlite3_stmt *statement = dx_store_query(store, "SELECT value FROM vault WHERE key=?1");
    dx_bind_text(statement, 1, dx_bytes_text(key));
    bool found = dx_step(store, statement);
    if (found) {
        dx_bytes value = dx_column_bytes(statement, 0);
        found = value.size == DX_STORE_TOKEN_SIZE;
        if (found) {
            memcpy(token, value.data, DX_STORE_TOKEN_SIZE);
        }
    }
    dx_step_reset(statement);
    return found;
}

static void write_token(dx_store *store, const char *key, const uint8_t token[static DX_STORE_TOKEN_SIZE]) {
    sqlite3_stmt *statement =
        dx_store_query(store, "INSERT OR REPLACE INTO vault(key, value) VALUES(?1, ?2)");
    dx_bind_text(statement, 1, dx_bytes_text(key));
    dx_bind_bytes(statement, 2, dx_bytes_of(token, DX_STORE_TOKEN_SIZE));
    (void)dx_step(store, statement);
}

/* Whether the vault may be a copy, by what the host expects of it. */
static int compare_token(dx_store *store, const dx_store_config *config) {
    uint8_t last[DX_STORE_TOKEN_SIZE];
    uint8_t before[DX_STORE_TOKEN_SIZE];
    const uint8_t *expected = config->expected_token;
    bool has_last = read_token(store, "token", last);
    bool has_before = read_token(store, "token before", before);
    store->knows_expected =
        config->has_expected_token && ((has_last && memcmp(last, expected, sizeof last) == 0) ||
                                       (has_before && memcmp(before, expected, sizeof before) == 0));
    memcpy(store->expected, expected, sizeof store->expected);
    store->is_clone = has_last && !(store->knows_expected && config->same_file);
    return dx_store_error(store);
}

/* The token before is kept: the host may have died between the commit and the mirroring, and nothing was
 * written to an own feed in between. */
static int renew_token(dx_store *store) {
    uint8_t last[DX_STORE_TOKEN_SIZE];
    bool has_last = read_token(store, "token", last);
    store->random->fill(store->random->ctx, store->token, sizeof store->token);
    write_token(store, "token", store->token);
    if (has_last) {
        write_token(store, "token before", store->knows_expected ? store->expected : last);
    }
    return dx_store_error(store);
}

/* One transaction: what is missing of the schema, and the token of this opening. */
static int begin_session(dx_store *store, const dx_store_config *config, int64_t version) {
    int error = dx_store_begin(store);
    if (error != DX_OK) {
        return error;
    }
    error = migrate(store, version);
    if (error == DX_OK) {
        error = compare_token(store, config);
    }
    if (error == DX_OK) {
        error = renew_token(store);
    }
    if (error != DX_OK) {
        dx_store_rollback(store);
        return error;
    }
    return dx_store_commit(store);
}

/* Before the first commit of this opening. */
static int settle(dx_store *store) {
    int result = store->settled ? SQLITE_OK : dx_page_vfs_settle(store->vfs);
    store->settled = result == SQLITE_OK;
    return result == SQLITE_OK ? DX_OK : dx_store_fail(store, result);
}

static int forbid_writing(dx_store *store, bool forbid) {
    int result = run(store, forbid ? "PRAGMA query_only=ON" : "PRAGMA query_only=OFF");
    if (result == SQLITE_OK) {
        store->read_only = forbid;
    }
    return result == SQLITE_OK ? DX_OK : dx_store_fail(store, result);
}

/* The token stays as it is. What is missing of the schema cannot be made: then nothing can be read either. */
static int begin_reading(dx_store *store, const dx_store_config *config, int64_t version) {
    if (version != dx_store_schema_version) {
        return dx_store_fail_with(store, DX_E_NO_SPACE,
                                  "the disk is full; the vault needs some room to open");
    }
    int error = forbid_writing(store, true);
    if (error == DX_OK) {
        error = dx_store_begin(store);
    }
    if (error != DX_OK) {
        return error;
    }
    error = compare_token(store, config);
    if (error != DX_OK) {
        dx_store_rollback(store);
        return error;
    }
    return dx_store_commit(store);
}

/* A commit that finds no room was not written to its end: SQLite undoes it, and nothing is in doubt. */
int dx_store_renew(dx_store *store) {
    DX_ASSERT(!store->in_transaction && store->read_only);
    int error = store->poisoned ? DX_E_STORE : settle(store);
    if (error == DX_OK) {
        error = forbid_writing(store, false);
    }
    if (error == DX_OK) {
        error = dx_store_begin(store);
    }
    if (error == DX_OK) {
        error = renew_token(store);
        int committed = error == DX_OK ? dx_store_commit(store) : DX_OK;
        dx_store_rollback(store);
        error = error != DX_OK ? error : committed;
    }
    if (error == DX_OK) {
        (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
        return DX_OK;
    }
    store->read_only = true;
    store->poisoned =
        error != DX_E_NO_SPACE || !sqlite3_get_autocommit(store->db) || forbid_writing(store, true) != DX_OK;
    return error;
}

static int open_steps(dx_store *store, const dx_store_config *config, bool read_only) {
    int64_t version = 0;
    int error = open_database(store, config);
    if (error == DX_OK) {
        error = configure(store);
    }
    if (error == DX_OK) {
        error = configure_sizes(store);
    }
    if (error == DX_OK) {
        error = prepare_transactions(store);
    }
    if (error == DX_OK) {
        error = identify(store, config, &version);
    }
    if (error == DX_OK && !read_only) {
        error = settle(store);
        store->log_size = dx_page_vfs_log_size(store->vfs);
    }
    if (error == DX_OK) {
        error = read_only ? begin_reading(store, config, version) : begin_session(store, config, version);
    }
    if (error == DX_OK && !read_only && dx_page_vfs_is_unwritten(store->vfs)) {
        error = checkpoint(store); /* from now on an empty vault file is a damaged one */
    }
    return error;
}

static void tell(const dx_store_config *config, const char *text) {
    if (config->message != NULL) {
        sqlite3_snprintf((int)config->message_size, config->message, "%s", text);
    }
}

static int open_once(const dx_store_config *config, bool read_only, dx_store **out) {
    dx_store *store = dx_alloc_take_zeroed(config->alloc, sizeof *store);
    if (store == NULL) {
        tell(config, dx_error_text(DX_E_NO_MEMORY));
        return DX_E_NO_MEMORY;
    }
    store->alloc = config->alloc;
    store->random = config->random;
    store->tracer = config->tracer;
    store->budget = UINT64_MAX; /* a migration takes as long as the vault is large */
    store->steps_left = store->budget;
    int error = open_steps(store, config, read_only);
    if (error == DX_OK) {
        store->budget = DX_STORE_STEPS_MAX;
        (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, read_only, NULL);
        *out = store;
        return DX_OK;
    }
    tell(config, store->message);
    store->poisoned = true;
    dx_store_close(store);
    return error;
}

int dx_store_open(const dx_store_config *config, dx_store **out) {
    *out = NULL;
    tell(config, "");
    int error = config->is_full ? DX_E_NO_SPACE : open_once(config, false, out);
    return error == DX_E_NO_SPACE && config->read_when_full ? open_once(config, true, out) : error;
}

void dx_store_close(dx_store *store) {
    if (store == NULL) {
        return;
    }
    if (store->db != NULL) {
        dx_store_rollback(store);
        if (!store->poisoned && !store->read_only && store->log_frames > 0) {
            (void)checkpoint(store); /* SQLite's own, of the closing, does again what failed */
        }
        dx_store_finalize_statements(store);
        (void)sqlite3_finalize(store->begin);
        (void)sqlite3_finalize(store->begin_reading);
        (void)sqlite3_finalize(store->commit);
        (void)sqlite3_finalize(store->rollback);
        (void)sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
                                store->poisoned || store->read_only, NULL);
        int result = sqlite3_close(store->db);
        DX_ASSERT(result == SQLITE_OK); /* a dynamic statement was not discarded */
    }
    dx_page_vfs_destroy(store->vfs);
    dx_alloc_free(store->alloc, store, sizeof *store);
}

/* --- Questions -------------------------------------------------------------------------------- */

const uint8_t *dx_store_token(const dx_store *store) {
    return store->read_only ? NULL : store->token;
}

bool dx_store_is_read_only(const dx_store *store) {
    return store->read_only;
}

bool dx_store_is_clone(const dx_store *store) {
    return store->is_clone;
}

bool dx_store_poisoned(const dx_store *store) {
    return store->poisoned;
}

const char *dx_store_message(const dx_store *store) {
    return store->message;
}

int dx_store_log_frames(const dx_store *store) {
    return store->log_frames;
}

void dx_store_counts(const dx_store *store, uint64_t *syncs, uint64_t *pages) {
    dx_page_counts counts = dx_page_vfs_counts(store->vfs);
    *syncs = counts.syncs;
    *pages = counts.pages_written;
}

int64_t dx_store_wal_bytes(const dx_store *store) {
    return dx_page_vfs_log_size(store->vfs);
}
