/* bench/rows.c: what an entity's row costs: objects made and changed in small commits, as issue 4 asks it.
 *
 *   rows.create       OBJECTS objects, COMMIT_OPS a commit
 *   rows.update       one field of objects drawn from all of them, UPDATES times; rows.update.hot: from HOT of them
 *   rows.open         the vault with all that behind it; rows.open.crash: after a process died without closing it, with CRASH_CHANGES
 *                     behind it; rows.open.crash.full: with as many as the set of rows and its log take, FULL_CHANGES
 *   rows.replicate    objects made and each changed once, with the whole history, at the receiver
 *   rows.reconnect    two replicas of OBJECTS_SHARED objects changed OFFLINE times each while apart: what both take from each
 *                     other, until rows are written; the digests are equal
 *   million.create    ten times as many, in a process that may take MEMORY_MAX more than it had; then OBJECTS of them changed;
 *   million.memory    opened and counted: what it took (the program's second bench, "million")
 *   rows.create, rows.update (UPDATES_SHORT times), rows.update.hot alone, for profilers: the program's bench "writes"
 *   rows.plain.create, rows.plain.update: the same rows in plain SQLite, settings of the vault, nothing signed or sealed
 *
 * The input is drawn from a fixed seed. Blocks are signed and sealed, pages encrypted. Layer: measuring programs; looks
 * inside the core. */
#define _GNU_SOURCE /* fork, sysconf */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "echo/digest.h"
#include "echo/entity_row.h"
#include "replica.h"

enum {
    COMMIT_OPS = 100,
    OBJECTS = 100000,
    MILLION = 1000000,
    UPDATES = 1000000,
    UPDATES_SHORT = 300000,
    HOT = 1000,
    HOT_UPDATES = 300000,
    REPLICATED = 100000,
    OBJECTS_SHARED = 10000,
    OFFLINE = 10000,
    MEMORY_MAX = 64 * 1024 * 1024,
    OPENINGS = 9,
    CRASH_CHANGES = 8100,
    FULL_CHANGES = 38900,
    DATA_SIZE_MAX = 128
};

/* --- Input ----------------------------------------------------------------------------------- */

static uint64_t draw(uint64_t *state) {
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* {"done", "name", "count", "label"}: some 60 bytes. */
static dx_bytes write_object(uint64_t *random, dx_buf *out) {
    char name[24], label[16];
    dx_writer writer;
    snprintf(name, sizeof name, "item %014llx", (unsigned long long)(draw(random) >> 8));
    snprintf(label, sizeof label, "label %llu", (unsigned long long)(draw(random) % 1000));
    dx_buf_clear(out);
    dx_writer_init(&writer, out);
    dx_write_map(&writer, 4);
    dx_write_text(&writer, "done");
    dx_write_bool(&writer, draw(random) % 2 == 0);
    dx_write_text(&writer, "name");
    dx_write_text(&writer, name);
    dx_write_text(&writer, "count");
    dx_write_uint(&writer, draw(random) % 100000);
    dx_write_text(&writer, "label");
    dx_write_text(&writer, label);
    bench_must(dx_writer_finish(&writer), "an object");
    return dx_buf_view(out);
}

static dx_bytes write_count(uint64_t *random, dx_buf *out) {
    dx_writer writer;
    dx_buf_clear(out);
    dx_writer_init(&writer, out);
    dx_write_uint(&writer, draw(random) % 100000);
    bench_must(dx_writer_finish(&writer), "a number");
    return dx_buf_view(out);
}

/* --- Writing --------------------------------------------------------------------------------- */

static void create(bench_replica *it, size_t count, int64_t *keys) {
    uint64_t random = 1;
    dx_buf data;
    dx_transaction *transaction = NULL;
    dx_buf_init(&data, dx_host_alloc(), DATA_SIZE_MAX);
    for (size_t i = 0; i < count; i++) {
        if (i % COMMIT_OPS == 0) {
            bench_replica_begin(it);
            bench_must(dx_transaction_begin(&it->context, it->space, &transaction), "a transaction");
        }
        bench_must(dx_transaction_add_object(transaction, dx_bytes_text("item"), 0,
                                             write_object(&random, &data), &keys[i]),
                   "adding an object");
        if ((i + 1) % COMMIT_OPS == 0 || i + 1 == count) {
            bench_must(dx_transaction_commit(transaction), "writing");
            bench_replica_commit(it);
        }
    }
    dx_buf_deinit(&data);
}

/* Of the first `among` objects; every one in turn when there are as many changes as objects. */
static void update(bench_replica *it, size_t count, const int64_t *keys, size_t among, uint64_t seed) {
    uint64_t random = seed;
    dx_buf data;
    dx_transaction *transaction = NULL;
    dx_buf_init(&data, dx_host_alloc(), DATA_SIZE_MAX);
    for (size_t i = 0; i < count; i++) {
        if (i % COMMIT_OPS == 0) {
            bench_replica_begin(it);
            bench_must(dx_transaction_begin(&it->context, it->space, &transaction), "a transaction");
        }
        int64_t key = keys[count == among ? i : draw(&random) % among];
        bench_must(dx_transaction_set(transaction, key, dx_bytes_text("count"), write_count(&random, &data)),
                   "setting");
        if ((i + 1) % COMMIT_OPS == 0 || i + 1 == count) {
            bench_must(dx_transaction_commit(transaction), "writing");
            bench_replica_commit(it);
        }
    }
    dx_buf_deinit(&data);
}

static uint64_t file_size(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

static void say(const char *name, uint64_t ops, const bench_clock *clock) {
    bench_line_begin(name);
    bench_line_work(ops, 0, clock);
    bench_line_end();
}

static int64_t *take_keys(size_t count) {
    int64_t *keys = malloc(count * sizeof *keys);
    if (keys == NULL) {
        bench_fail("no memory for the keys");
    }
    return keys;
}

/* --- Opening --------------------------------------------------------------------------------- */

static uint64_t resident_bytes(void) {
    unsigned long long pages = 0, resident = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%llu %llu", &pages, &resident) != 2) {
        bench_fail("/proc/self/statm cannot be read");
    }
    fclose(file);
    return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* One opening and the first answer: how many objects there are. *grown_bytes: what it added to this process. */
static bench_clock open_once(bench_replica *it, uint64_t *grown_bytes) {
    bench_clock clock;
    int64_t objects, links;
    uint64_t before = resident_bytes();
    bench_start(&clock);
    bench_replica_open(it);
    bench_replica_begin(it);
    bench_must(dx_space_count(&it->context, it->space, &objects, &links), "counting");
    bench_replica_commit(it);
    bench_stop(&clock);
    uint64_t after = resident_bytes();
    *grown_bytes = after > before ? after - before : 0;
    if (objects != OBJECTS) {
        bench_fail("%lld objects are there after opening", (long long)objects);
    }
    return clock;
}

static void copy_file(const char *from, const char *to) {
    char command[9000];
    int size = snprintf(command, sizeof command, "cp '%s' '%s'", from, to);
    if (size < 0 || (size_t)size >= sizeof command || system(command) != 0) {
        bench_fail("copying %s", from);
    }
}

/* Each opening in a process of its own, so that the figure of memory is one opening's. */
static void measure_open(const char *name, const char *path) {
    double samples_ms[OPENINGS], cpu_ms[OPENINGS];
    uint64_t grown_bytes = 0;
    for (size_t i = 0; i < OPENINGS; i++) {
        int ends[2];
        struct {
            double wall_ms, cpu_ms;
            uint64_t grown_bytes;
        } said;
        if (pipe(ends) != 0) {
            bench_fail("no pipe");
        }
        pid_t child = fork();
        if (child == 0) {
            bench_replica it;
            char log[5000], copy[5000], copied_log[5000];
            memset(&it, 0, sizeof it);
            snprintf(copy, sizeof copy, "%s-copy", path);
            snprintf(log, sizeof log, "%s-wal", path);
            snprintf(copied_log, sizeof copied_log, "%s-wal", copy);
            copy_file(path, copy);
            unlink(copied_log);
            if (access(log, F_OK) == 0) {
                copy_file(log, copied_log);
            }
            snprintf(it.path, sizeof it.path, "%.4000s", copy);
            bench_clock clock = open_once(&it, &said.grown_bytes);
            said.wall_ms = clock.wall_s * 1e3;
            said.cpu_ms = clock.cpu_s * 1e3;
            bool told = write(ends[1], &said, sizeof said) == (ssize_t)sizeof said;
            bench_replica_remove(&it);
            _exit(told ? 0 : 1);
        }
        int status = 1;
        bool heard = child > 0 && read(ends[0], &said, sizeof said) == (ssize_t)sizeof said;
        if (!heard || waitpid(child, &status, 0) != child || status != 0) {
            bench_fail("opening in another process");
        }
        close(ends[0]);
        close(ends[1]);
        samples_ms[i] = said.wall_ms;
        cpu_ms[i] = said.cpu_ms;
        grown_bytes = said.grown_bytes > grown_bytes ? said.grown_bytes : grown_bytes;
    }
    bench_line_begin(name);
    bench_line_latency("open", samples_ms, OPENINGS);
    bench_line_latency("cpu", cpu_ms, OPENINGS);
    bench_line_count("grown_bytes", grown_bytes);
    bench_line_end();
}

/* Another process changes objects and dies without closing. */
static void die_updating(bench_replica *it, size_t changes, const int64_t *keys) {
    pid_t child = fork();
    if (child == 0) {
        bench_replica_open(it);
        update(it, changes, keys, OBJECTS, 9);
        _exit(0);
    }
    int status = 1;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        bench_fail("updating in another process");
    }
}

/* --- Plain SQLite ---------------------------------------------------------------------------- */

static void execute(sqlite3 *database, const char *sql) {
    if (sqlite3_exec(database, sql, NULL, NULL, NULL) != SQLITE_OK) {
        bench_fail("%s: %s", sql, sqlite3_errmsg(database));
    }
}

static void step(sqlite3_stmt *statement) {
    if (sqlite3_step(statement) != SQLITE_DONE || sqlite3_reset(statement) != SQLITE_OK) {
        bench_fail("a row could not be written");
    }
}

static void measure_plain(const bench_input *input) {
    char path[4096];
    sqlite3 *database = NULL;
    sqlite3_stmt *insert = NULL, *change = NULL;
    uint64_t random = 1;
    bench_clock clock;
    dx_buf data;
    dx_buf_init(&data, dx_host_alloc(), DATA_SIZE_MAX);
    snprintf(path, sizeof path, "%.4000s/rows.sqlite", input->directory);
    if (sqlite3_open(path, &database) != SQLITE_OK) {
        bench_fail("%s: %s", path, sqlite3_errmsg(database));
    }
    execute(database, "PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                      "PRAGMA temp_store=MEMORY; PRAGMA cache_size=-16384; PRAGMA wal_autocheckpoint=4096;"
                      "CREATE TABLE object(key INTEGER PRIMARY KEY, type INTEGER NOT NULL, state BLOB);"
                      "CREATE INDEX object_by_type ON object(type)");
    if (sqlite3_prepare_v2(database, "INSERT INTO object VALUES(?, 1, ?)", -1, &insert, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(database, "UPDATE object SET state = ?2 WHERE key = ?1", -1, &change, NULL) !=
            SQLITE_OK) {
        bench_fail("%s", sqlite3_errmsg(database));
    }
    for (int round = 0; round < 2; round++) {
        bench_start(&clock);
        for (size_t i = 0; i < OBJECTS; i++) {
            sqlite3_stmt *statement = round == 0 ? insert : change;
            dx_bytes object = write_object(&random, &data);
            if (i % COMMIT_OPS == 0) {
                execute(database, "BEGIN");
            }
            sqlite3_bind_int64(statement, 1, round == 0 ? (int64_t)i : (int64_t)(draw(&random) % OBJECTS));
            sqlite3_bind_blob(statement, 2, object.data, (int)object.size, SQLITE_STATIC);
            step(statement);
            if ((i + 1) % COMMIT_OPS == 0) {
                execute(database, "COMMIT");
            }
        }
        bench_stop(&clock);
        say(round == 0 ? "rows.plain.create" : "rows.plain.update", OBJECTS, &clock);
    }
    sqlite3_finalize(insert);
    sqlite3_finalize(change);
    sqlite3_close(database);
    unlink(path);
    dx_buf_deinit(&data);
}

/* --- All of it ------------------------------------------------------------------------------- */

/* A line of /proc/self/status, in bytes. */
static uint64_t status_bytes(const char *name) {
    char line[256];
    unsigned long long kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, name, strlen(name)) == 0 &&
            sscanf(line + strlen(name), ": %llu", &kilobytes) == 1) {
            break;
        }
    }
    if (file == NULL || kilobytes == 0) {
        bench_fail("/proc/self/status cannot be read");
    }
    fclose(file);
    return kilobytes * 1024;
}

/* The peak is that of now on. */
static void forget_peak(void) {
    FILE *file = fopen("/proc/self/clear_refs", "w");
    if (file == NULL || fputs("5", file) < 0 || fclose(file) != 0) {
        bench_fail("/proc/self/clear_refs cannot be written");
    }
}

static void make_million(const bench_input *input, int64_t *keys) {
    bench_replica it;
    bench_clock clock;
    int64_t objects, links;
    rlim_t data = (rlim_t)status_bytes("VmData") + MEMORY_MAX;
    struct rlimit limit = {.rlim_cur = data, .rlim_max = data};
    uint64_t before = status_bytes("VmRSS");
    forget_peak();
    if (setrlimit(RLIMIT_DATA, &limit) != 0) {
        bench_fail("no limit on memory");
    }
    bench_replica_create(&it, input, "million");
    bench_replica_create_space(&it, "items");
    bench_start(&clock);
    create(&it, MILLION, keys);
    bench_stop(&clock);
    say("million.create", MILLION, &clock);
    update(&it, OBJECTS, keys, MILLION, 5);
    bench_replica_close(&it);
    bench_replica_open(&it);
    bench_replica_begin(&it);
    bench_must(dx_space_count(&it.context, it.space, &objects, &links), "counting");
    bench_replica_commit(&it);
    if (objects != MILLION) {
        bench_fail("%lld objects are there", (long long)objects);
    }
    bench_line_begin("million.memory");
    bench_line_count("peak_bytes", status_bytes("VmHWM") - before);
    bench_line_end();
    bench_replica_remove(&it);
}

static void read_digest(bench_replica *it, uint8_t out[static DX_HASH_SIZE]) {
    dx_digest_cursor *cursor;
    int64_t objects;
    bool more = true;
    bench_replica_begin(it);
    bench_must(dx_digest_begin(&it->context, it->space, &cursor), "a digest");
    while (more) {
        bench_must(dx_digest_run(cursor, SIZE_MAX, &more), "a digest");
    }
    dx_digest_end(cursor, out, &objects);
    bench_replica_commit(it);
}

static void write_rows(bench_replica *it, bench_clock *total) {
    bench_clock clock;
    bench_start(&clock);
    bench_replica_begin(it);
    bench_must(dx_entity_rows_write(&it->context, it->space), "writing rows");
    bench_replica_commit(it);
    bench_stop(&clock);
    total->cpu_s += clock.cpu_s;
    total->wall_s += clock.wall_s;
}

/* Both change the same objects; no network, one after the other. */
static void measure_reconnection(const bench_input *input) {
    bench_replica alice, bob;
    bench_clock ignored = {0}, clock = {0};
    uint8_t id[DX_ID_SIZE], digests[2][DX_HASH_SIZE];
    int64_t *keys = take_keys(OBJECTS_SHARED), *same = take_keys(OBJECTS_SHARED);
    bench_replica_create(&alice, input, "alice");
    bench_replica_create_space(&alice, "items");
    create(&alice, OBJECTS_SHARED, keys);
    bench_replica_create(&bob, input, "bob");
    bench_replica_admit(&alice, &bob);
    bench_replicate(&bob, &alice, &ignored);
    for (size_t i = 0; i < OBJECTS_SHARED; i++) {
        bench_must(dx_key_to_id(alice.space, keys[i], id), "an id");
        bench_must(dx_id_to_key(bob.space, id, &same[i]), "a key");
    }
    update(&alice, OFFLINE, keys, OBJECTS_SHARED - 1, 6);
    update(&bob, OFFLINE, same, OBJECTS_SHARED - 1, 7);
    uint64_t bytes = bench_replicate(&bob, &alice, &clock) + bench_replicate(&alice, &bob, &clock);
    write_rows(&alice, &clock);
    write_rows(&bob, &clock);
    read_digest(&alice, digests[0]);
    read_digest(&bob, digests[1]);
    if (memcmp(digests[0], digests[1], DX_HASH_SIZE) != 0) {
        bench_fail("the replicas differ");
    }
    bench_line_begin("rows.reconnect");
    bench_line_work(2 * (uint64_t)OFFLINE, bytes, &clock);
    bench_line_end();
    bench_replica_remove(&alice);
    bench_replica_remove(&bob);
    free(keys);
    free(same);
}

static void measure_replication(const bench_input *input) {
    bench_replica alice, bob;
    bench_clock clock = {0};
    int64_t *keys = take_keys(REPLICATED);
    bench_replica_create(&alice, input, "sender");
    bench_replica_create_space(&alice, "items");
    create(&alice, REPLICATED, keys);
    update(&alice, REPLICATED, keys, REPLICATED, 3);
    bench_replica_create(&bob, input, "receiver");
    bench_replica_admit(&alice, &bob);
    uint64_t bytes = bench_replicate(&bob, &alice, &clock);
    bench_line_begin("rows.replicate");
    bench_line_work(2 * (uint64_t)REPLICATED, bytes, &clock);
    bench_line_end();
    bench_replica_remove(&alice);
    bench_replica_remove(&bob);
    free(keys);
}

static void measure_creation(const bench_input *input, bench_replica *it, int64_t *keys) {
    bench_clock clock;
    bench_replica_create(it, input, "rows");
    bench_replica_create_space(it, "items");
    bench_start(&clock);
    create(it, OBJECTS, keys);
    bench_stop(&clock);
    say("rows.create", OBJECTS, &clock);
}

/* The vault is closed before and after. */
static void measure_updates(bench_replica *it, const int64_t *keys, size_t count) {
    bench_clock clock;
    uint64_t before = file_size(it->path);
    bench_replica_open(it);
    bench_start(&clock);
    update(it, count, keys, OBJECTS, 2);
    bench_stop(&clock);
    bench_replica_close(it);
    bench_line_begin("rows.update");
    bench_line_work(count, 0, &clock);
    bench_line_number("bytes_per_update", (double)(file_size(it->path) - before) / (double)count);
    bench_line_end();
}

static void measure_hot_updates(bench_replica *it, const int64_t *keys) {
    bench_clock clock;
    bench_start(&clock);
    update(it, HOT_UPDATES, keys, HOT, 4);
    bench_stop(&clock);
    say("rows.update.hot", HOT_UPDATES, &clock);
}

/* What a profiler is set on: only the writing. */
void bench_writes(const bench_input *input) {
    bench_replica it;
    int64_t *keys = take_keys(OBJECTS);
    measure_creation(input, &it, keys);
    bench_replica_close(&it);
    measure_updates(&it, keys, UPDATES_SHORT);
    bench_replica_open(&it);
    measure_hot_updates(&it, keys);
    bench_replica_remove(&it);
    free(keys);
}

void bench_rows(const bench_input *input) {
    bench_replica it;
    int64_t *keys = take_keys(OBJECTS);
    measure_plain(input);
    measure_creation(input, &it, keys);
    bench_replica_close(&it);
    measure_updates(&it, keys, UPDATES);
    measure_open("rows.open", it.path);
    die_updating(&it, CRASH_CHANGES, keys);
    measure_open("rows.open.crash", it.path);
    bench_replica_open(&it);
    bench_replica_close(&it);
    die_updating(&it, FULL_CHANGES, keys);
    measure_open("rows.open.crash.full", it.path);
    bench_replica_open(&it);
    measure_hot_updates(&it, keys);
    bench_replica_remove(&it);
    free(keys);
    measure_replication(input);
    measure_reconnection(input);
}

/* In a process of its own that measured nothing before: memory given back would be taken again unseen. */
void bench_million(const bench_input *input) {
    int64_t *keys = take_keys(MILLION);
    memset(keys, 0, MILLION * sizeof *keys); /* its pages are not the vault's */
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        make_million(input, keys);
        fflush(NULL);
        _exit(0);
    }
    int status = 1;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
        bench_fail("a million objects in little memory");
    }
    free(keys);
}
