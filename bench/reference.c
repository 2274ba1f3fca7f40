/* bench/reference.c: what this machine does without us, in the same run: the measure of every other line.
 *
 *   reference.hash      BLAKE2b-256 over every object's bytes, one hash each
 *   reference.fsync     4 KiB appended to a file and made durable, one at a time
 *   reference.sqlite    as many rows in plain SQLite as the graph has objects and links, 1,000 in a transaction
 *   reference.commit    one row in a transaction of its own
 *
 * SQLite runs as the vault does: WAL, synchronous=FULL, exclusive locking, a WAL of at most 16 MB. */
#include "bench.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    HASH_SIZE = 32,
    FSYNC_COUNT = 100,
    FSYNC_SIZE = 4096,
    ROWS_PER_COMMIT = 1000,
    COMMIT_COUNT = 500,
    LOG_ROWS = 4000 /* of 4 KiB: they fill a log to its full size */
};

struct bench_plain {
    const bench_input *input;
    sqlite3 *database;
    sqlite3_stmt *object;
    size_t commits;
};

static void hash_all(void *ctx) {
    const bench_input *input = ctx;
    uint8_t digest[HASH_SIZE];
    for (size_t i = 0; i < input->package_count; i++) {
        dx_bytes bytes = input->packages[i].cbor;
        crypto_generichash(digest, sizeof digest, bytes.data, bytes.size, NULL, 0);
    }
}

static void path_in(const bench_input *input, const char *name, char path[static 4096]) {
    int size = snprintf(path, 4096, "%s/%s", input->directory, name);
    if (size < 0 || size >= 4096) {
        bench_fail("the folder's name is too long");
    }
}

static void measure_fsync(const bench_input *input) {
    static uint8_t page[FSYNC_SIZE];
    double samples_ms[FSYNC_COUNT];
    char path[4096];
    bench_clock clock;
    path_in(input, "fsync", path);
    int file = open(path, O_CREAT | O_WRONLY | O_APPEND, 0600);
    for (int i = 0; i < FSYNC_COUNT; i++) {
        bench_start(&clock);
        if (file < 0 || write(file, page, sizeof page) != sizeof page || fdatasync(file) != 0) {
            bench_fail("%s: %s", path, strerror(errno));
        }
        bench_stop(&clock);
        samples_ms[i] = clock.wall_s * 1000;
    }
    close(file);
    bench_line_begin("reference.fsync");
    bench_line_count("ops", FSYNC_COUNT);
    bench_line_latency("fsync", samples_ms, FSYNC_COUNT);
    bench_line_end();
}

/* --- SQLite ---------------------------------------------------------------------------------- */

static void execute(sqlite3 *database, const char *sql) {
    if (sqlite3_exec(database, sql, NULL, NULL, NULL) != SQLITE_OK) {
        bench_fail("%s: %s", sql, sqlite3_errmsg(database));
    }
}

static sqlite3 *open_database(const bench_input *input, const char *name) {
    char path[4096];
    sqlite3 *database = NULL;
    path_in(input, name, path);
    if (sqlite3_open(path, &database) != SQLITE_OK) {
        bench_fail("%s: %s", path, sqlite3_errmsg(database));
    }
    execute(database, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                      "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16384; PRAGMA wal_autocheckpoint=4096;"
                      "CREATE TABLE object (id INTEGER PRIMARY KEY, type TEXT, data BLOB);"
                      "CREATE TABLE link (id INTEGER PRIMARY KEY, source INTEGER, target INTEGER);"
                      "CREATE INDEX link_source ON link (source); CREATE INDEX link_target ON link (target)");
    return database;
}

static sqlite3_stmt *prepare(sqlite3 *database, const char *sql) {
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(database, sql, -1, &statement, NULL) != SQLITE_OK) {
        bench_fail("%s: %s", sql, sqlite3_errmsg(database));
    }
    return statement;
}

static void insert_object(sqlite3_stmt *statement, dx_bytes data) {
    sqlite3_bind_text(statement, 1, "package", -1, SQLITE_STATIC);
    sqlite3_bind_blob(statement, 2, data.data, (int)data.size, SQLITE_STATIC);
    if (sqlite3_step(statement) != SQLITE_DONE || sqlite3_reset(statement) != SQLITE_OK) {
        bench_fail("a row could not be inserted");
    }
}

static void insert_link(sqlite3_stmt *statement, bench_edge edge) {
    sqlite3_bind_int64(statement, 1, edge.source + 1);
    sqlite3_bind_int64(statement, 2, edge.target + 1);
    if (sqlite3_step(statement) != SQLITE_DONE || sqlite3_reset(statement) != SQLITE_OK) {
        bench_fail("a row could not be inserted");
    }
}

static void measure_rows(const bench_input *input, sqlite3 *database, sqlite3_stmt *object) {
    sqlite3_stmt *link = prepare(database, "INSERT INTO link (source, target) VALUES (?, ?)");
    size_t rows = input->package_count + input->edge_count;
    bench_clock clock;
    bench_start(&clock);
    for (size_t row = 0; row < rows; row++) {
        if (row % ROWS_PER_COMMIT == 0) {
            execute(database, row == 0 ? "BEGIN" : "COMMIT; BEGIN");
        }
        if (row < input->package_count) {
            insert_object(object, input->packages[row].cbor);
        } else {
            insert_link(link, input->edges[row - input->package_count]);
        }
    }
    execute(database, "COMMIT");
    bench_stop(&clock);
    sqlite3_finalize(link);
    bench_line_begin("reference.sqlite");
    bench_line_work(rows, input->cbor_bytes, &clock);
    bench_line_end();
}

/* The next commit begins the log anew, in the place it has. */
static void fill_log(sqlite3 *database, sqlite3_stmt *object) {
    static const uint8_t page[4096];
    execute(database, "BEGIN");
    for (size_t i = 0; i < LOG_ROWS; i++) {
        insert_object(object, dx_bytes_of(page, sizeof page));
    }
    execute(database, "COMMIT; PRAGMA wal_checkpoint(RESTART)");
}

bench_plain *bench_plain_open(const bench_input *input, const char *name) {
    bench_plain *plain = calloc(1, sizeof *plain);
    if (plain == NULL) {
        bench_fail("no memory");
    }
    plain->input = input;
    plain->database = open_database(input, name);
    plain->object = prepare(plain->database, "INSERT INTO object (type, data) VALUES (?, ?)");
    fill_log(plain->database, plain->object);
    return plain;
}

double bench_plain_commit(bench_plain *plain) {
    const bench_input *input = plain->input;
    bench_clock clock;
    bench_start(&clock);
    insert_object(plain->object, input->packages[plain->commits++ % input->package_count].cbor);
    bench_stop(&clock);
    return clock.wall_s * 1000;
}

void bench_plain_close(bench_plain *plain) {
    sqlite3_finalize(plain->object);
    sqlite3_close(plain->database);
    free(plain);
}

static void measure_commits(const bench_input *input) {
    static double samples_ms[COMMIT_COUNT];
    bench_plain *plain = bench_plain_open(input, "commits.sqlite");
    bench_clock whole;
    bench_start(&whole);
    for (size_t i = 0; i < COMMIT_COUNT; i++) {
        samples_ms[i] = bench_plain_commit(plain);
    }
    bench_stop(&whole);
    bench_plain_close(plain);
    bench_line_begin("reference.commit");
    bench_line_work(COMMIT_COUNT, 0, &whole);
    bench_line_latency("commit", samples_ms, COMMIT_COUNT);
    bench_line_end();
}

void bench_reference(const bench_input *input) {
    bench_rounds("reference.hash", input->package_count, input->cbor_bytes, hash_all,
                 (void *)(uintptr_t)input);
    measure_fsync(input);
    sqlite3 *database = open_database(input, "plain.sqlite");
    sqlite3_stmt *object = prepare(database, "INSERT INTO object (type, data) VALUES (?, ?)");
    measure_rows(input, database, object);
    sqlite3_finalize(object);
    sqlite3_close(database);
    measure_commits(input);
}
