/* tests/unit/store/test_store.c: store/store.c, store/statement.c and store/schema.c: opening, transactions,
 * errors, statements and the token of the vault file. */
#include "base/limits.h"
#include "store/page_vfs.h"
#include "store/schema.h"
#include "store/store_state.h"
#include "vault_model.h"

#include <sodium.h>

enum { SEED = 51 };

typedef struct fixture {
    vault_model model;
    sim_disk *disk;
    dx_store *store;
} fixture;

static void fixture_open(fixture *self) {
    int error = model_open(&self->model, &self->store);
    if (error != DX_OK) {
        fail_msg("%s: %s", dx_error_name(error), self->model.message);
    }
}

static void fixture_init(fixture *self) {
    assert_true(sodium_init() >= 0);
    self->disk = sim_disk_create(SEED, &(sim_disk_config){0});
    model_init(&self->model, SEED, sim_disk_vfs(self->disk));
    fixture_open(self);
    assert_int_equal(model_create(&self->model, self->store), DX_OK);
}

static void fixture_reopen(fixture *self) {
    dx_store_close(self->store);
    fixture_open(self);
}

static void fixture_deinit(fixture *self) {
    dx_store_close(self->store);
    assert_int_equal(self->model.alloc.live_bytes, 0);
    sim_disk_destroy(self->disk);
}

/* One statement in a transaction of its own. */
static int commit_sql(dx_store *store, const char *sql) {
    int error = dx_store_begin(store);
    if (error != DX_OK) {
        return error;
    }
    error = model_run(store, sql);
    int committed = dx_store_commit(store);
    return error != DX_OK ? error : committed;
}

static int64_t read_int(dx_store *store, const char *sql) {
    sqlite3_stmt *statement = dx_store_query_dynamic(store, sql);
    int64_t value = dx_step(store, statement) ? dx_column_int(statement, 0) : -1;
    dx_store_discard(statement);
    assert_int_equal(dx_store_error(store), DX_OK);
    return value;
}

/* --- Opening ---------------------------------------------------------------------------------- */

static void expect_refused(fixture *f, int expected, const char *says) {
    dx_store *store;
    assert_int_equal(model_open(&f->model, &store), expected);
    assert_null(store);
    if (strstr(f->model.message, says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", f->model.message, says);
    }
}

static void test_refusals_at_opening(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    expect_refused(&f, DX_E_BUSY, "another process");
    f.model.config.path = "elsewhere";
    f.model.config.create = false;
    expect_refused(&f, DX_E_NOT_FOUND, "no vault");
    f.model.config.path = "file:vault?mode=ro";
    expect_refused(&f, DX_E_INVALID, "file:");
    f.model.config.path = MODEL_PATH;
    f.model.config.vfs = "no such vfs";
    expect_refused(&f, DX_E_INVALID, "");
    fixture_deinit(&f);
}

static void test_newer_and_foreign_databases_are_left_alone(void **state) {
    (void)state;
    static const struct {
        const char *sql;
        int error;
        const char *says;
    } rows[] = {{"PRAGMA user_version=99", DX_E_VERSION, "newer"},
                {"PRAGMA user_version=0", DX_E_CORRUPT, "not a vault"},
                {"PRAGMA application_id=7", DX_E_CORRUPT, "not a vault"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fixture f;
        fixture_init(&f);
        assert_int_equal(commit_sql(f.store, rows[i].sql), DX_OK);
        sim_disk *copy = sim_disk_copy(f.disk, 1); /* with its log, as after a kill */
        dx_store_close(f.store);
        sim_disk_restore(f.disk, copy);
        expect_refused(&f, rows[i].error, rows[i].says);
        assert_true(dx_bytes_equal(sim_disk_file(f.disk, MODEL_PATH), sim_disk_file(copy, MODEL_PATH)));
        assert_true(dx_bytes_equal(sim_disk_file(f.disk, MODEL_LOG), sim_disk_file(copy, MODEL_LOG)));
        assert_int_equal(f.model.alloc.live_bytes, 0);
        sim_disk_destroy(copy);
        sim_disk_destroy(f.disk);
    }
}

static const char read_kept[] =
    "SELECT count(*) FROM address WHERE space = 7 AND address = 'tcp:192.0.2.1:7000'"
    " AND who = x'' AND standing = 1 AND told_ms = 5";

/* Addresses of a vault from before anybody knew who told them. */
static void test_older_addresses_are_kept(void **state) {
    (void)state;
    enum { BEFORE = 9 }; /* steps taken */
    sqlite3 *db;
    sqlite3_stmt *select;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    for (int step = 0; step < dx_store_schema_version; step++) {
        if (step == BEFORE) {
            assert_int_equal(
                sqlite3_exec(db, "INSERT INTO address VALUES(7, 'tcp:192.0.2.1:7000', 5)", NULL, NULL, NULL),
                SQLITE_OK);
        }
        assert_int_equal(sqlite3_exec(db, dx_store_schema[step], NULL, NULL, NULL), SQLITE_OK);
    }
    assert_int_equal(sqlite3_prepare_v2(db, read_kept, -1, &select, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(select), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(select, 0), 1);
    sqlite3_finalize(select);
    sqlite3_close(db);
}

/* A scope of a vault from before scopes had questions. */
static void test_older_scopes_are_kept(void **state) {
    (void)state;
    sqlite3 *db;
    sqlite3_stmt *select;
    bool kept = false;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    for (int step = 0; step < dx_store_schema_version; step++) {
        if (strstr(dx_store_schema[step], "ADD COLUMN told_by") != NULL) {
            kept = sqlite3_exec(db, "INSERT INTO space_scope VALUES(7, x'82816362656400', 1)", NULL, NULL,
                                NULL) == SQLITE_OK;
        }
        assert_int_equal(sqlite3_exec(db, dx_store_schema[step], NULL, NULL, NULL), SQLITE_OK);
    }
    assert_true(kept);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT count(*) FROM space_scope WHERE space = 7 AND resets = 1"
                                        " AND told_by = x'' AND told_ms = 0",
                                        -1, &select, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(select), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(select, 0), 1);
    sqlite3_finalize(select);
    sqlite3_close(db);
}

static void test_schema_is_at_its_version(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    assert_int_equal(dx_store_begin(f.store), DX_OK);
    assert_int_equal(read_int(f.store, "PRAGMA user_version"), dx_store_schema_version);
    assert_int_equal(read_int(f.store, "PRAGMA application_id"), DX_STORE_APPLICATION_ID);
    assert_int_equal(read_int(f.store, "PRAGMA page_size"), 4096);
    assert_int_equal(read_int(f.store, "SELECT count(*) FROM vault WHERE key='token'"), 1);
    dx_store_rollback(f.store);
    fixture_deinit(&f);
}

/* --- The token -------------------------------------------------------------------------------- */

static void mirror(fixture *f) {
    memcpy(f->model.config.expected_token, dx_store_token(f->store), DX_STORE_TOKEN_SIZE);
    f->model.config.has_expected_token = true;
    f->model.config.same_file = true;
}

/* A vault that finds no room for its token is read, and written once there is room; a clone stays one. */
static void test_a_full_disk_is_read(void **state) {
    (void)state;
    for (int clone = 0; clone < 2; clone++) {
        fixture f;
        fixture_init(&f);
        mirror(&f);
        assert_int_equal(model_commit(&f.model, f.store, 10), DX_OK);
        sim_disk *copy = sim_disk_copy(f.disk, 1); /* with its log */
        dx_store_close(f.store);
        sim_disk_restore(f.disk, copy);
        sim_disk_destroy(copy);
        f.model.config.same_file = clone == 0;
        sim_disk_plan(
            f.disk, &(sim_disk_fault){.calls = 1u << SIM_DISK_WRITE, .at = 1, .full = true, .sticky = true});
        assert_int_equal(model_open(&f.model, &f.store), DX_E_NO_SPACE);
        f.model.config.read_when_full = true;
        fixture_open(&f);
        assert_true(dx_store_is_read_only(f.store));
        assert_null(dx_store_token(f.store));
        assert_int_equal(dx_store_is_clone(f.store), clone);
        for (int i = 0; i < 5; i++) {
            model_expect(&f.model, f.store, 1, 1);
            assert_int_equal(commit_sql(f.store, "INSERT INTO model VALUES(7000, x'07')"), DX_E_NO_SPACE);
            assert_non_null(strstr(dx_store_message(f.store), "reading only"));
            assert_int_equal(dx_store_checkpoint(f.store), DX_E_STATE);
            assert_int_equal(dx_store_renew(f.store), DX_E_NO_SPACE);
            assert_false(dx_store_poisoned(f.store));
        }
        fixture_reopen(&f);
        sim_disk_heal(f.disk);
        assert_int_equal(dx_store_renew(f.store), DX_OK);
        assert_false(dx_store_is_read_only(f.store));
        assert_int_equal(dx_store_is_clone(f.store), clone);
        mirror(&f);
        assert_int_equal(model_commit(&f.model, f.store, 10), DX_OK);
        fixture_reopen(&f);
        assert_false(dx_store_is_clone(f.store));
        model_expect(&f.model, f.store, 2, 2);
        assert_int_equal(dx_store_check(f.store), DX_OK);
        fixture_deinit(&f);
    }
}

static void test_renewing_on_a_failing_disk_poisons(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    mirror(&f);
    dx_store_close(f.store);
    f.model.config.read_when_full = true;
    sim_disk_plan(f.disk,
                  &(sim_disk_fault){.calls = 1u << SIM_DISK_WRITE, .at = 1, .full = true, .sticky = true});
    fixture_open(&f);
    sim_disk_plan(f.disk, &(sim_disk_fault){.calls = 1u << SIM_DISK_SYNC, .at = 1, .sticky = true});
    assert_int_equal(dx_store_renew(f.store), DX_E_STORE);
    assert_true(dx_store_poisoned(f.store));
    sim_disk_heal(f.disk);
    fixture_reopen(&f);
    assert_false(dx_store_is_clone(f.store));
    model_expect(&f.model, f.store, 0, 0);
    fixture_deinit(&f);
}

static void test_clones_are_noticed(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    assert_false(dx_store_is_clone(f.store)); /* just created */
    mirror(&f);
    fixture_reopen(&f);
    assert_false(dx_store_is_clone(f.store));
    fixture_reopen(&f); /* this opening's token was not mirrored: the host died in between */
    assert_false(dx_store_is_clone(f.store));
    mirror(&f);
    f.model.config.same_file = false; /* copied with the mirror */
    fixture_reopen(&f);
    assert_true(dx_store_is_clone(f.store));
    mirror(&f);
    f.model.config.has_expected_token = false; /* copied without */
    fixture_reopen(&f);
    assert_true(dx_store_is_clone(f.store));
    mirror(&f);
    dx_store_close(f.store);

    sim_disk *backup = sim_disk_copy(f.disk, 1);
    for (int i = 0; i < 2; i++) {
        fixture_open(&f);
        assert_false(dx_store_is_clone(f.store));
        mirror(&f);
        dx_store_close(f.store);
    }
    sim_disk_restore(f.disk, backup);
    fixture_open(&f);
    assert_true(dx_store_is_clone(f.store));
    sim_disk_destroy(backup);
    fixture_deinit(&f);
}

/* --- Transactions and their errors ------------------------------------------------------------- */

static void test_rollback_leaves_nothing(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    assert_int_equal(dx_store_begin(f.store), DX_OK);
    assert_int_equal(model_run(f.store, "INSERT INTO model VALUES(500, x'00')"), DX_OK);
    dx_store_rollback(f.store);
    dx_store_rollback(f.store);
    assert_int_equal(dx_store_begin(f.store), DX_OK);
    assert_int_equal(read_int(f.store, "SELECT count(*) FROM model WHERE key=500"), 0);
    assert_int_equal(dx_store_commit(f.store), DX_OK);
    fixture_deinit(&f);
}

static void test_constraints_are_answers(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    assert_int_equal(dx_store_begin(f.store), DX_OK);
    for (int i = 0; i < 2; i++) {
        sqlite3_stmt *insert = dx_store_query(f.store, "INSERT INTO model VALUES(1, x'01')");
        assert_int_equal(dx_step_done(f.store, insert), i == 0 ? DX_OK : DX_E_EXISTS);
        assert_int_equal(dx_store_changes(f.store), i == 0 ? 1 : 0);
        assert_int_equal(dx_store_last_rowid(f.store), 1);
    }
    sqlite3_stmt *insert = dx_store_query(f.store, "INSERT INTO model VALUES(2, NULL)");
    assert_int_equal(dx_step_done(f.store, insert), DX_E_CONFLICT);
    assert_int_equal(dx_store_commit(f.store), DX_OK);
    assert_int_equal(dx_store_begin(f.store), DX_OK);
    assert_int_equal(read_int(f.store, "SELECT count(*) FROM model WHERE key>=0"), 1);
    dx_store_rollback(f.store);
    fixture_deinit(&f);
}

static void test_errors_stick_until_read(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    assert_null(dx_store_query(f.store, "SELECT 1"));
    assert_int_equal(dx_store_error(f.store), DX_E_STATE);
    assert_int_equal(dx_store_error(f.store), DX_OK);

    assert_int_equal(dx_store_begin(f.store), DX_OK);
    sqlite3_stmt *insert = dx_store_query(f.store, "INSERT INTO model VALUES(-1, 5)");
    assert_false(
        dx_step(f.store, insert)); /* it exists: nobody looks, and nothing happens until somebody does */
    assert_null(dx_store_query(f.store, "INSERT INTO model VALUES(3, 5)"));
    assert_int_equal(dx_store_commit(f.store), DX_E_EXISTS);

    assert_int_equal(dx_store_begin(f.store), DX_OK);
    assert_null(dx_store_query_dynamic(f.store, "SELECT nonsense FROM nowhere"));
    assert_non_null(strstr(dx_store_message(f.store), "nowhere"));
    assert_int_equal(dx_store_error(f.store), DX_E_STORE);
    assert_int_equal(dx_store_commit(f.store), DX_E_STORE); /* a statement that means nothing spoils it */
    assert_false(dx_store_poisoned(f.store));
    fixture_deinit(&f);
}

#define FOREVER "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n) "

static void test_statements_have_a_budget(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    f.store->budget = 100000;
    assert_int_equal(dx_store_begin(f.store), DX_OK);
    assert_int_equal(model_run(f.store, FOREVER "SELECT count(*) FROM n"), DX_E_LIMIT);
    assert_int_equal(model_run(f.store, "INSERT INTO model VALUES(4, x'04')"), DX_OK);
    assert_int_equal(dx_store_commit(f.store), DX_OK);

    assert_int_equal(dx_store_begin(f.store), DX_OK);
    assert_int_equal(model_run(f.store, "INSERT INTO model VALUES(5, x'05')"), DX_OK);
    assert_int_equal(model_run(f.store, FOREVER "INSERT INTO model SELECT i+10, x'00' FROM n"), DX_E_LIMIT);
    assert_int_equal(model_run(f.store, "INSERT INTO model VALUES(6, x'06')"), DX_E_LIMIT); /* spoiled */
    assert_int_equal(dx_store_commit(f.store), DX_E_LIMIT);

    f.store->budget = DX_STORE_STEPS_MAX;
    assert_int_equal(dx_store_begin(f.store), DX_OK);
    assert_int_equal(read_int(f.store, "SELECT group_concat(key) FROM model WHERE key>=0"), 4);
    dx_store_rollback(f.store);
    fixture_deinit(&f);
}

/* The disk fails under a transaction too large for the cache: it is undone, and the store goes on. */
static void test_a_failed_write_spoils_the_transaction(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    assert_int_equal(commit_sql(f.store, "PRAGMA cache_size=10"), DX_OK);
    assert_int_equal(dx_store_begin(f.store), DX_OK);
    sim_disk_plan(f.disk, &(sim_disk_fault){.calls = 1u << SIM_DISK_WRITE, .at = 1, .full = true});
    const char *many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<2000) "
                       "INSERT INTO model SELECT i+1000, zeroblob(1000) FROM n";
    assert_int_equal(model_run(f.store, many), DX_E_NO_SPACE);
    assert_int_equal(model_run(f.store, "INSERT INTO model VALUES(7, x'07')"), DX_E_NO_SPACE);
    assert_int_equal(dx_store_commit(f.store), DX_E_NO_SPACE);
    assert_false(dx_store_poisoned(f.store));
    assert_int_equal(commit_sql(f.store, many), DX_OK);
    assert_int_equal(dx_store_begin(f.store), DX_OK);
    assert_int_equal(read_int(f.store, "SELECT count(*) FROM model WHERE key>=0"), 2000);
    assert_int_equal(dx_store_commit(f.store), DX_OK);
    assert_int_equal(dx_store_check(f.store), DX_OK);
    fixture_deinit(&f);
}

static void test_a_failed_commit_poisons(void **state) {
    (void)state;
    static const sim_disk_fault faults[] = {{.calls = 1u << SIM_DISK_SYNC, .at = 1},
                                            {.calls = 1u << SIM_DISK_WRITE, .at = 1},
                                            {.calls = 1u << SIM_DISK_WRITE, .at = 1, .full = true}};
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        fixture f;
        fixture_init(&f);
        sim_disk_plan(f.disk, &faults[i]);
        assert_int_equal(model_commit(&f.model, f.store, 5), faults[i].full ? DX_E_NO_SPACE : DX_E_STORE);
        assert_true(dx_store_poisoned(f.store));
        assert_true(dx_store_message(f.store)[0] != '\0');
        assert_int_equal(dx_store_begin(f.store), DX_E_STORE);
        assert_int_equal(dx_store_checkpoint(f.store), DX_E_STATE);
        assert_int_equal(dx_store_check(f.store), DX_E_STATE);
        sim_disk *before = sim_disk_copy(f.disk, 1);
        dx_store_close(f.store); /* leaves both files to the next opening */
        assert_true(dx_bytes_equal(sim_disk_file(f.disk, MODEL_LOG), sim_disk_file(before, MODEL_LOG)));
        sim_disk_destroy(before);
        fixture_open(&f);
        model_expect(&f.model, f.store, 0, 1);
        fixture_deinit(&f);
    }
}

static void test_full_disk_and_room_again(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    sim_disk_configure(f.disk, &(sim_disk_config){.quota_size = 120 * 1024});
    int error = DX_OK;
    for (int i = 0; i < 100 && error == DX_OK; i++) {
        error = model_commit(&f.model, f.store, 10);
    }
    assert_int_equal(error, DX_E_NO_SPACE);
    sim_disk_heal(f.disk);
    fixture_reopen(&f);
    model_expect(&f.model, f.store, f.model.commits, f.model.beginning);
    model_adopt(&f.model, f.store);
    assert_int_equal(model_commit(&f.model, f.store, 10), DX_OK);
    fixture_deinit(&f);
}

/* --- Statements ------------------------------------------------------------------------------- */

static void test_statements_are_cached_by_address(void **state) {
    (void)state;
    enum { COUNT = 500 };
    static char texts[COUNT][32];
    fixture f;
    fixture_init(&f);
    assert_int_equal(dx_store_begin(f.store), DX_OK);
    static sqlite3_stmt *statements[COUNT];
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < COUNT; i++) {
            snprintf(texts[i], sizeof texts[i], "SELECT %d+?1", i);
            sqlite3_stmt *statement = dx_store_query(f.store, texts[i]);
            assert_true(round == 0 || statement == statements[i]);
            statements[i] = statement;
            assert_true(dx_step(f.store, statement));
            assert_true(dx_column_is_null(statement, 0));  /* bindings of the last time are gone */
            statement = dx_store_query(f.store, texts[i]); /* in the midst of its rows: begins anew */
            dx_bind_int(statement, 1, 1000);
            assert_true(dx_step(f.store, statement));
            assert_int_equal(dx_column_int(statement, 0), 1000 + i);
            assert_false(dx_step(f.store, statement));
        }
    }
    assert_int_equal(dx_store_commit(f.store), DX_OK);
    fixture_deinit(&f);
}

static void test_values_go_in_and_out(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    assert_int_equal(dx_store_begin(f.store), DX_OK);
    sqlite3_stmt *statement =
        dx_store_query(f.store, "SELECT ?1, ?2, ?3, ?4, ?5, typeof(?2), typeof(?3), typeof(?4), typeof(?5)");
    dx_bind_int(statement, 1, INT64_MIN);
    dx_bind_bytes(statement, 2, dx_bytes_of("\0\1\2", 3));
    dx_bind_bytes(statement, 3, (dx_bytes){NULL, 0});
    dx_bind_text(statement, 4, (dx_bytes){NULL, 0});
    dx_bind_text(statement, 5, dx_bytes_text("grüß"));
    assert_true(dx_step(f.store, statement));
    assert_true(dx_column_int(statement, 0) == INT64_MIN);
    assert_true(dx_bytes_equal(dx_column_bytes(statement, 1), dx_bytes_of("\0\1\2", 3)));
    assert_int_equal(dx_column_bytes(statement, 2).size, 0);
    assert_false(dx_column_is_null(statement, 2));
    assert_true(dx_column_is_null(statement, 3));
    assert_true(dx_bytes_equal(dx_column_bytes(statement, 4), dx_bytes_text("grüß")));
    static const char *const types[] = {"blob", "blob", "null", "text"};
    for (int i = 0; i < 4; i++) {
        assert_true(dx_bytes_equal(dx_column_bytes(statement, 5 + i), dx_bytes_text(types[i])));
    }
    dx_store_rollback(f.store);
    fixture_deinit(&f);
}

static void test_no_statement_is_a_statement_that_does_nothing(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    dx_bind_int(NULL, 1, 1);
    dx_bind_bytes(NULL, 1, dx_bytes_text("x"));
    dx_bind_text(NULL, 1, dx_bytes_text("x"));
    dx_step_reset(NULL);
    dx_store_discard(NULL);
    assert_false(dx_step(f.store, NULL));
    assert_int_equal(dx_column_int(NULL, 0), 0);
    assert_null(dx_column_bytes(NULL, 0).data);
    assert_true(dx_column_is_null(NULL, 0));
    fixture_deinit(&f);
}

/* A statement that fails half way through many rows is undone from its journal, which stays in memory. */
static void test_large_statement_journals_stay_in_memory(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    assert_int_equal(
        commit_sql(f.store, "CREATE TABLE wide(id INTEGER PRIMARY KEY, place INTEGER UNIQUE, pad BLOB)"),
        DX_OK);
    assert_int_equal(commit_sql(f.store,
                                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<2000) "
                                "INSERT INTO wide SELECT i, i, randomblob(500) FROM n"),
                     DX_OK);
    uint64_t opens = sim_disk_counters(f.disk)->calls[SIM_DISK_OPEN];
    assert_int_equal(dx_store_begin(f.store), DX_OK);
    int64_t before = read_int(f.store, "SELECT sum(place*id) FROM wide");
    assert_int_equal(
        model_run(f.store,
                  "UPDATE wide SET pad=zeroblob(500), place=place+(CASE id WHEN 1990 THEN 1 ELSE 0 END)"),
        DX_E_EXISTS);
    assert_int_equal(read_int(f.store, "SELECT sum(place*id) FROM wide"), before);
    assert_int_equal(read_int(f.store, "SELECT count(*) FROM wide WHERE pad=zeroblob(500)"), 0);
    assert_int_equal(dx_store_commit(f.store), DX_OK);
    assert_int_equal(sim_disk_counters(f.disk)->calls[SIM_DISK_OPEN], opens);
    assert_int_equal(dx_store_check(f.store), DX_OK);
    fixture_deinit(&f);
}

/* --- The log's size --------------------------------------------------------------------------- */

#define FILL_200_PAGES                                                                                       \
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<200) "                             \
    "INSERT OR REPLACE INTO model SELECT i+1000, randomblob(3900) FROM n"

static void test_the_log_is_bounded(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    int64_t largest = 0;
    for (int i = 0; i < 40; i++) {
        assert_int_equal(commit_sql(f.store, FILL_200_PAGES), DX_OK);
        largest = dx_store_wal_bytes(f.store) > largest ? dx_store_wal_bytes(f.store) : largest;
    }
    assert_in_range(largest, (uint64_t)DX_STORE_LOG_FRAMES * DX_FRAME_SIZE, DX_STORE_LOG_KEPT_SIZE);

    /* One large transaction may exceed the bound; what it took is given back. */
    assert_int_equal(dx_store_begin(f.store), DX_OK);
    assert_int_equal(model_run(f.store,
                               "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<6000) "
                               "INSERT INTO model SELECT i+5000, zeroblob(3900) FROM n"),
                     DX_OK);
    assert_int_equal(dx_store_commit(f.store), DX_OK);
    assert_true(dx_store_wal_bytes(f.store) > DX_STORE_LOG_KEPT_SIZE);
    assert_int_equal(commit_sql(f.store, FILL_200_PAGES), DX_OK);
    assert_true(dx_store_wal_bytes(f.store) <= DX_STORE_LOG_KEPT_SIZE);
    fixture_deinit(&f);
}

/* Commits stand while the vault file cannot take them; when the log has grown too far, beginning fails
 * instead. */
static void test_a_log_that_cannot_be_emptied(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    sim_disk_plan(f.disk, &(sim_disk_fault){.calls = 1u << SIM_DISK_TRUNCATE, .at = 1, .sticky = true});
    int error = DX_OK;
    int commits = 0;
    while (error == DX_OK && commits < 100) {
        error =
            commit_sql(f.store, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<1500) "
                                "INSERT OR REPLACE INTO model SELECT i+1000, randomblob(3900) FROM n");
        commits += error == DX_OK;
    }
    assert_int_equal(error, DX_E_STORE);
    assert_in_range(commits, 5, 20);
    assert_false(dx_store_poisoned(f.store));
    assert_int_equal(dx_store_checkpoint(f.store), DX_E_STORE);
    sim_disk_heal(f.disk);
    assert_int_equal(dx_store_checkpoint(f.store), DX_OK);
    assert_int_equal(model_commit(&f.model, f.store, 5), DX_OK);
    fixture_deinit(&f);
}

static void expect_all_commits(fixture *f) {
    int commit = -1;
    uint64_t digest = 0;
    assert_int_equal(model_read(f->store, &commit, &digest), DX_OK);
    assert_int_equal(commit, f->model.commits);
    assert_int_equal(digest, f->model.digests[commit]);
}

static uint64_t syncs_of(const fixture *f) {
    return sim_disk_counters(f->disk)->calls[SIM_DISK_SYNC];
}

/* What is made ahead is overwritten: the log's file keeps its size, and each commit syncs once. */
static void test_the_log_has_place_for_small_commits(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    /* How much of the log's file is left after the vault was made depends on how much it is made of. */
    for (int i = 0; i < 64 && !dx_store_has_upkeep(f.store, false); i++) {
        assert_int_equal(model_commit(&f.model, f.store, 1), DX_OK);
    }
    int64_t before = dx_store_wal_bytes(f.store);
    assert_true(dx_store_has_upkeep(f.store, false));
    dx_store_upkeep(f.store, false);
    assert_int_equal(dx_store_wal_bytes(f.store), before + DX_STORE_LOG_AHEAD_SIZE);
    assert_false(dx_store_has_upkeep(f.store, false));
    uint64_t syncs = syncs_of(&f);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(model_commit(&f.model, f.store, 1), DX_OK);
    }
    assert_int_equal(dx_store_wal_bytes(f.store), before + DX_STORE_LOG_AHEAD_SIZE);
    assert_int_equal(syncs_of(&f) - syncs, 5);

    /* Zeros are where the log ends, for who recovers it. */
    sim_disk_crash(f.disk);
    fixture_reopen(&f);
    expect_all_commits(&f);
    while (!dx_store_has_upkeep(f.store, false)) {
        assert_int_equal(model_commit(&f.model, f.store, 1), DX_OK);
    }
    assert_int_equal(commit_sql(f.store, FILL_200_PAGES), DX_OK); /* takes longer than its file's growing */
    assert_false(dx_store_has_upkeep(f.store, false));
    fixture_deinit(&f);
}

static void test_a_log_is_emptied_while_nobody_waits(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    for (int i = 0; dx_store_log_frames(f.store) < DX_STORE_LOG_FRAMES_IDLE; i++) {
        assert_false(dx_store_has_upkeep(f.store, true) && i > 0);
        assert_int_equal(commit_sql(f.store, FILL_200_PAGES), DX_OK);
    }
    assert_false(dx_store_has_upkeep(f.store, false));
    dx_store_upkeep(f.store, false);
    assert_true(dx_store_log_frames(f.store) >= DX_STORE_LOG_FRAMES_IDLE);
    dx_store_upkeep(f.store, true);
    assert_int_equal(dx_store_log_frames(f.store), 0);
    while (dx_store_log_frames(f.store) < DX_STORE_LOG_FRAMES_TIDY) {
        assert_false(dx_store_has_upkeep(f.store, false));
        assert_int_equal(commit_sql(f.store, FILL_200_PAGES), DX_OK);
    }
    dx_store_upkeep(f.store, false);
    assert_int_equal(dx_store_log_frames(f.store), 0);
    assert_false(dx_store_has_upkeep(f.store, true));
    fixture_deinit(&f);
}

/* A disk that takes nothing now: no commit is lost by it, and it is not asked again and again. */
static void test_upkeep_that_fails(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    assert_int_equal(model_commit(&f.model, f.store, 1), DX_OK);
    sim_disk_plan(f.disk, &(sim_disk_fault){.calls = 1u << SIM_DISK_WRITE, .at = 2, .sticky = true});
    dx_store_upkeep(f.store, false);
    assert_false(dx_store_has_upkeep(f.store, false));
    sim_disk_heal(f.disk);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(model_commit(&f.model, f.store, 1), DX_OK);
    }
    sim_disk_plan(f.disk, &(sim_disk_fault){.calls = 1u << SIM_DISK_SYNC, .at = 1, .sticky = true});
    dx_store_upkeep(f.store, false);
    assert_false(dx_store_has_upkeep(f.store, false));
    sim_disk_heal(f.disk);
    sim_disk_crash(f.disk);
    fixture_reopen(&f);
    expect_all_commits(&f);
    fixture_deinit(&f);
}

/* --- Checking --------------------------------------------------------------------------------- */

/* Every page authentic, and yet wrong: an index taken out of the schema behind the store's back. */
static void make_inconsistent(fixture *f) {
    dx_page_vfs *vfs;
    sqlite3 *db = NULL;
    assert_int_equal(dx_page_vfs_create(&f->model.alloc.port, &f->model.random.port, sim_disk_vfs(f->disk),
                                        f->model.config.page_key, &vfs),
                     DX_OK);
    assert_int_equal(sqlite3_open_v2(MODEL_PATH, &db, SQLITE_OPEN_READWRITE, dx_page_vfs_name(vfs)),
                     SQLITE_OK);
    const char *sql = "PRAGMA locking_mode=EXCLUSIVE; CREATE INDEX lost ON model(content);"
                      "PRAGMA writable_schema=ON; DELETE FROM sqlite_schema WHERE name='lost'";
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    dx_page_vfs_destroy(vfs);
}

static void test_check_finds_contradictions(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    assert_int_equal(model_commit(&f.model, f.store, 30), DX_OK);
    assert_int_equal(dx_store_check(f.store), DX_OK);
    dx_store_close(f.store);
    make_inconsistent(&f);
    fixture_open(&f);
    assert_int_equal(dx_store_check(f.store), DX_E_CORRUPT);
    assert_non_null(strstr(dx_store_message(f.store), "never used"));
    model_expect(&f.model, f.store, 1, 1);
    fixture_deinit(&f);
}

/* --- Tracing ---------------------------------------------------------------------------------- */

typedef struct trace {
    dx_tracer port;
    char last[DX_STORE_MESSAGE_SIZE];
    int lines;
} trace;

static void take_line(void *ctx, const char *room, const char *text) {
    trace *self = ctx;
    assert_string_equal(room, "store");
    snprintf(self->last, sizeof self->last, "%s", text);
    self->lines++;
}

static void test_failures_are_traced(void **state) {
    (void)state;
    trace traced = {.port = {.line = take_line}};
    traced.port.ctx = &traced;
    fixture f;
    fixture_init(&f);
    f.model.config.tracer = &traced.port;
    fixture_reopen(&f);
    assert_int_equal(traced.lines, 0);
    assert_null(dx_store_query(f.store, "SELECT 1"));
    assert_int_equal(traced.lines, 1);
    assert_string_equal(traced.last, dx_store_message(f.store));
    fixture_deinit(&f);
}

DX_TEST_MAIN(DX_TEST(test_refusals_at_opening), DX_TEST(test_newer_and_foreign_databases_are_left_alone),
             DX_TEST(test_older_addresses_are_kept), DX_TEST(test_older_scopes_are_kept),
             DX_TEST(test_schema_is_at_its_version), DX_TEST(test_clones_are_noticed),
             DX_TEST(test_a_full_disk_is_read), DX_TEST(test_renewing_on_a_failing_disk_poisons),
             DX_TEST(test_rollback_leaves_nothing), DX_TEST(test_constraints_are_answers),
             DX_TEST(test_errors_stick_until_read), DX_TEST(test_statements_have_a_budget),
             DX_TEST(test_a_failed_write_spoils_the_transaction), DX_TEST(test_a_failed_commit_poisons),
             DX_TEST(test_full_disk_and_room_again), DX_TEST(test_statements_are_cached_by_address),
             DX_TEST(test_values_go_in_and_out), DX_TEST(test_no_statement_is_a_statement_that_does_nothing),
             DX_TEST(test_large_statement_journals_stay_in_memory), DX_TEST(test_the_log_is_bounded),
             DX_TEST(test_a_log_that_cannot_be_emptied), DX_TEST(test_the_log_has_place_for_small_commits),
             DX_TEST(test_a_log_is_emptied_while_nobody_waits), DX_TEST(test_upkeep_that_fails),
             DX_TEST(test_check_finds_contradictions), DX_TEST(test_failures_are_traced))
