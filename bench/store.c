/* bench/store.c: what page encryption and the store's own calls cost, beside plain SQLite with the same
 * statements on the same disk in the same run.
 *
 *   store.seal, store.unseal    pages of 4096 bytes, one after another
 *   plain.*, store.*            the same work without and with us:
 *     rows      rows of three integers and 120 bytes in commits of 10,000, ascending key
 *     updates   rows of that table in random order, 100 to a commit
 *     commits   one row in a commit of its own
 *   store.open                  a vault that was closed
 *   store.reopen                the same after the process was killed with a full log beside it */
#include "bench.h"

#include "store/page_seal.h"
#include "store/store.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    ROW_COUNT = 310000,
    ROWS_PER_COMMIT = 10000,
    UPDATE_COUNT = 50000,
    UPDATES_PER_COMMIT = 100,
    COMMIT_COUNT = 500,
    OPEN_COUNT = 50,
    REOPEN_COUNT = 10,
    PAGE_COUNT = 1000,
    BLOB_SIZE = 120,
    PATH_SIZE = 4096
};

#define CREATE "CREATE TABLE bench(id INTEGER PRIMARY KEY, a INTEGER, b INTEGER, c INTEGER, data BLOB)"
#define INSERT "INSERT INTO bench VALUES(?1, ?2, ?3, ?4, ?5)"
#define UPDATE "UPDATE bench SET b=?1, data=?2 WHERE id=?3"

static void fill_random(void *ctx, uint8_t *out, size_t size) {
    (void)ctx;
    randombytes_buf(out, size);
}

static const dx_random system_random = {NULL, fill_random};

static void path_in(const bench_input *input, const char *name, char path[static PATH_SIZE]) {
    int size = snprintf(path, PATH_SIZE, "%s/%s", input->directory, name);
    if (size < 0 || size >= PATH_SIZE) {
        bench_fail("the folder's name is too long");
    }
}

/* --- Pages ------------------------------------------------------------------------------------ */

typedef struct page_bench {
    uint8_t key[DX_PAGE_KEY_SIZE];
    uint8_t nonce[DX_PAGE_NONCE_SIZE];
    uint8_t plain[DX_PAGE_SIZE];
    uint8_t sealed[DX_PAGE_SIZE];
    uint8_t work[DX_PAGE_SIZE];
} page_bench;

static void seal_pages(void *ctx) {
    page_bench *bench = ctx;
    for (int i = 0; i < PAGE_COUNT; i++) {
        memcpy(bench->work, bench->plain, DX_PAGE_SIZE);
        dx_unit_seal(bench->key, DX_UNIT_PAGE, 2, bench->nonce, bench->work);
    }
}

static void open_pages(void *ctx) {
    page_bench *bench = ctx;
    for (int i = 0; i < PAGE_COUNT; i++) {
        memcpy(bench->work, bench->sealed, DX_PAGE_SIZE);
        if (!dx_unit_open(bench->key, DX_UNIT_PAGE, 2, bench->work)) {
            bench_fail("a page does not open");
        }
    }
}

static void measure_pages(void) {
    static page_bench bench;
    randombytes_buf(bench.key, sizeof bench.key);
    memcpy(bench.sealed, bench.plain, DX_PAGE_SIZE);
    dx_unit_seal(bench.key, DX_UNIT_PAGE, 2, bench.nonce, bench.sealed);
    uint64_t bytes = (uint64_t)PAGE_COUNT * DX_PAGE_SIZE;
    bench_rounds("store.seal", PAGE_COUNT, bytes, seal_pages, &bench);
    bench_rounds("store.unseal", PAGE_COUNT, bytes, open_pages, &bench);
}

/* --- The same statements, with and without us -------------------------------------------------- */

/* One of the two databases; store NULL: plain SQLite. */
typedef struct subject {
    const char *name;
    dx_store *store;
    sqlite3 *plain;
    sqlite3_stmt *insert, *update, *begin, *commit; /* plain only */
    uint8_t data[BLOB_SIZE];
} subject;

static void plain_run(subject *self, const char *sql) {
    if (sqlite3_exec(self->plain, sql, NULL, NULL, NULL) != SQLITE_OK) {
        bench_fail("%s: %s", sql, sqlite3_errmsg(self->plain));
    }
}

static sqlite3_stmt *plain_prepare(subject *self, const char *sql) {
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v3(self->plain, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) != SQLITE_OK) {
        bench_fail("%s: %s", sql, sqlite3_errmsg(self->plain));
    }
    return statement;
}

static void plain_step(sqlite3_stmt *statement) {
    if (sqlite3_step(statement) != SQLITE_DONE || sqlite3_reset(statement) != SQLITE_OK) {
        bench_fail("a statement failed");
    }
}

static void subject_begin(subject *self) {
    if (self->store == NULL) {
        plain_step(self->begin);
    } else {
        bench_must(dx_store_begin(self->store), "begin");
    }
}

static void subject_commit(subject *self) {
    if (self->store == NULL) {
        plain_step(self->commit);
    } else {
        bench_must(dx_store_commit(self->store), "commit");
    }
}

static void subject_insert(subject *self, int64_t id) {
    if (self->store == NULL) {
        sqlite3_bind_int64(self->insert, 1, id);
        sqlite3_bind_int64(self->insert, 2, id * 7);
        sqlite3_bind_int64(self->insert, 3, id % 100);
        sqlite3_bind_int64(self->insert, 4, id / 3);
        sqlite3_bind_blob(self->insert, 5, self->data, BLOB_SIZE, SQLITE_STATIC);
        plain_step(self->insert);
        return;
    }
    sqlite3_stmt *statement = dx_store_query(self->store, INSERT);
    dx_bind_int(statement, 1, id);
    dx_bind_int(statement, 2, id * 7);
    dx_bind_int(statement, 3, id % 100);
    dx_bind_int(statement, 4, id / 3);
    dx_bind_bytes(statement, 5, dx_bytes_of(self->data, BLOB_SIZE));
    bench_must(dx_step_done(self->store, statement), "insert");
}

static void subject_update(subject *self, int64_t id) {
    if (self->store == NULL) {
        sqlite3_bind_int64(self->update, 1, id + 1);
        sqlite3_bind_blob(self->update, 2, self->data, BLOB_SIZE, SQLITE_STATIC);
        sqlite3_bind_int64(self->update, 3, id);
        plain_step(self->update);
        return;
    }
    sqlite3_stmt *statement = dx_store_query(self->store, UPDATE);
    dx_bind_int(statement, 1, id + 1);
    dx_bind_bytes(statement, 2, dx_bytes_of(self->data, BLOB_SIZE));
    dx_bind_int(statement, 3, id);
    bench_must(dx_step_done(self->store, statement), "update");
}

static void begin_line(const subject *self, const char *what) {
    char name[32];
    snprintf(name, sizeof name, "%s.%s", self->name, what);
    bench_line_begin(name);
}

static void measure_rows(subject *self) {
    bench_clock clock;
    bench_start(&clock);
    for (int64_t row = 0; row < ROW_COUNT; row++) {
        if (row % ROWS_PER_COMMIT == 0) {
            subject_begin(self);
        }
        subject_insert(self, row + 1);
        if (row % ROWS_PER_COMMIT == ROWS_PER_COMMIT - 1) {
            subject_commit(self);
        }
    }
    bench_stop(&clock);
    begin_line(self, "rows");
    bench_line_work(ROW_COUNT, (uint64_t)ROW_COUNT * BLOB_SIZE, &clock);
    bench_line_end();
}

static void measure_updates(subject *self) {
    bench_clock clock;
    uint64_t place = 1;
    bench_start(&clock);
    for (int i = 0; i < UPDATE_COUNT; i++) {
        if (i % UPDATES_PER_COMMIT == 0) {
            subject_begin(self);
        }
        place = place * 6364136223846793005u + 1442695040888963407u;
        subject_update(self, (int64_t)((place >> 33) % ROW_COUNT) + 1);
        if (i % UPDATES_PER_COMMIT == UPDATES_PER_COMMIT - 1) {
            subject_commit(self);
        }
    }
    bench_stop(&clock);
    begin_line(self, "updates");
    bench_line_work(UPDATE_COUNT, 0, &clock);
    bench_line_end();
}

static void measure_commits(subject *self) {
    static double samples_ms[COMMIT_COUNT];
    bench_clock whole, clock;
    bench_start(&whole);
    for (int i = 0; i < COMMIT_COUNT; i++) {
        bench_start(&clock);
        subject_begin(self);
        subject_insert(self, ROW_COUNT + i + 1);
        subject_commit(self);
        bench_stop(&clock);
        samples_ms[i] = clock.wall_s * 1000;
    }
    bench_stop(&whole);
    begin_line(self, "commits");
    bench_line_work(COMMIT_COUNT, 0, &whole);
    bench_line_latency("commit", samples_ms, COMMIT_COUNT);
    bench_line_end();
}

static void measure_plain(const bench_input *input) {
    char path[PATH_SIZE];
    subject self = {.name = "plain"};
    path_in(input, "store-plain.sqlite", path);
    if (sqlite3_open(path, &self.plain) != SQLITE_OK) {
        bench_fail("%s: %s", path, sqlite3_errmsg(self.plain));
    }
    plain_run(&self, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                     "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16384; PRAGMA wal_autocheckpoint=3000;"
                     "PRAGMA secure_delete=OFF;" CREATE);
    self.insert = plain_prepare(&self, INSERT);
    self.update = plain_prepare(&self, UPDATE);
    self.begin = plain_prepare(&self, "BEGIN IMMEDIATE");
    self.commit = plain_prepare(&self, "COMMIT");
    measure_rows(&self);
    measure_updates(&self);
    measure_commits(&self);
    sqlite3_finalize(self.insert);
    sqlite3_finalize(self.update);
    sqlite3_finalize(self.begin);
    sqlite3_finalize(self.commit);
    sqlite3_close(self.plain);
}

/* --- Opening ---------------------------------------------------------------------------------- */

static void copy_file(const char *from, const char *to) {
    static char buffer[1 << 16];
    FILE *source = fopen(from, "rb");
    FILE *target = fopen(to, "wb");
    if (source == NULL || target == NULL) {
        bench_fail("%s cannot be copied", from);
    }
    size_t size;
    while ((size = fread(buffer, 1, sizeof buffer, source)) > 0) {
        if (fwrite(buffer, 1, size, target) != size) {
            bench_fail("%s cannot be written", to);
        }
    }
    /* What a killed process leaves was synced: opening must not pay for it here either. */
    if (fflush(target) != 0 || fsync(fileno(target)) != 0 || fclose(source) != 0 || fclose(target) != 0) {
        bench_fail("%s cannot be closed", to);
    }
}

/* As a killed process leaves them: both files in the midst of things. */
static void copy_vault(const char *from, const char *to) {
    char from_log[PATH_SIZE + 8], to_log[PATH_SIZE + 8];
    snprintf(from_log, sizeof from_log, "%s-wal", from);
    snprintf(to_log, sizeof to_log, "%s-wal", to);
    copy_file(from, to);
    copy_file(from_log, to_log);
}

static void measure_opens(dx_store_config config) {
    static double samples_ms[OPEN_COUNT];
    bench_clock whole, clock;
    bench_start(&whole);
    for (int i = 0; i < OPEN_COUNT; i++) {
        dx_store *store;
        bench_start(&clock);
        bench_must(dx_store_open(&config, &store), "open");
        bench_stop(&clock);
        samples_ms[i] = clock.wall_s * 1000;
        dx_store_close(store);
    }
    bench_stop(&whole);
    bench_line_begin("store.open");
    bench_line_work(OPEN_COUNT, 0, &whole);
    bench_line_latency("open", samples_ms, OPEN_COUNT);
    bench_line_end();
}

static void measure_reopens(subject *self, dx_store_config config, const char *copy) {
    enum { LOG_SIZE = 11 * 1000 * 1000 };
    static double samples_ms[REOPEN_COUNT];
    bench_must(dx_store_checkpoint(self->store), "checkpoint");
    for (int64_t row = ROW_COUNT; dx_store_wal_bytes(self->store) < LOG_SIZE; row -= ROWS_PER_COMMIT) {
        subject_begin(self);
        for (int64_t i = 0; i < ROWS_PER_COMMIT / 2; i++) {
            subject_update(self, row - i);
        }
        subject_commit(self);
    }
    const char *path = config.path;
    config.path = copy;
    uint64_t log_size = (uint64_t)dx_store_wal_bytes(self->store);
    for (int i = 0; i < REOPEN_COUNT; i++) {
        dx_store *store;
        bench_clock clock;
        copy_vault(path, copy);
        bench_start(&clock);
        bench_must(dx_store_open(&config, &store), "open");
        bench_stop(&clock);
        samples_ms[i] = clock.wall_s * 1000;
        dx_store_close(store);
    }
    bench_line_begin("store.reopen");
    bench_line_count("log_bytes", log_size);
    bench_line_latency("open", samples_ms, REOPEN_COUNT);
    bench_line_end();
}

static void measure_store(const bench_input *input) {
    char path[PATH_SIZE], copy[PATH_SIZE];
    subject self = {.name = "store"};
    path_in(input, "store.vault", path);
    path_in(input, "store-copy.vault", copy);
    dx_store_config config = {
        .alloc = dx_host_alloc(), .random = &system_random, .path = path, .page_key = {1}, .create = true};
    bench_must(dx_store_open(&config, &self.store), "open");
    bench_must(dx_store_begin(self.store), "begin");
    sqlite3_stmt *create = dx_store_query_dynamic(self.store, CREATE);
    bench_must(dx_step_done(self.store, create), CREATE);
    dx_store_discard(create);
    bench_must(dx_store_commit(self.store), "commit");
    measure_rows(&self);
    measure_updates(&self);
    measure_commits(&self);
    measure_reopens(&self, config, copy);
    dx_store_close(self.store);
    measure_opens(config);
}

void bench_store(const bench_input *input) {
    measure_pages();
    measure_plain(input);
    measure_store(input);
}
