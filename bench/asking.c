/* bench/asking.c: questions to a vault, and what one of them costs. See asking.h.
 *
 * Layer: measuring programs; looks inside the core. */
#define _GNU_SOURCE /* clock_gettime */
#include "asking.h"

#include <time.h>

#include "echo/index.h"
#include "echo/query.h"

enum { PER_TRANSACTION = 10000 };

double bench_cpu_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int note(void *ctx, const dx_query_row *row) {
    bench_asking *it = ctx;
    it->rows += row->key != 0;
    return DX_OK;
}

static uint64_t run(bench_asking *it, dx_bytes item) {
    char message[DX_QUERY_MESSAGE_SIZE] = "";
    dx_query *query;
    bool more = true;
    bench_replica_begin(&it->vault);
    bench_must(dx_query_create(&it->vault.context, it->vault.space, item, message, sizeof message, &query),
               message);
    while (more) {
        bench_must(dx_query_run(query, SIZE_MAX, note, it, &more), "asking");
    }
    uint64_t count = (uint64_t)dx_query_count(query);
    dx_query_destroy(query);
    bench_replica_commit(&it->vault);
    return count;
}

void bench_ask(bench_asking *it, dx_bytes item) {
    (void)run(it, item);
}

dx_buf bench_item(const char *json) {
    char message[96] = "";
    dx_buf item;
    dx_writer writer;
    dx_buf_init(&item, dx_host_alloc(), DX_QUERY_SIZE_MAX);
    dx_writer_init(&writer, &item);
    bench_must(dx_json_parse(dx_bytes_text(json), &writer, message, sizeof message), message);
    return item;
}

uint64_t bench_count(bench_asking *it, const char *json) {
    dx_buf item = bench_item(json);
    uint64_t count = run(it, dx_buf_view(&item));
    dx_buf_deinit(&item);
    return count;
}

void bench_print_id(const bench_asking *it, int64_t key, char out[static DX_ID_TEXT_MAX]) {
    uint8_t id[DX_ID_SIZE];
    bench_must(dx_key_to_id(it->vault.space, key, id), "an id");
    dx_id_print(id, out);
}

void bench_reopen(bench_asking *it) {
    bench_replica_close(&it->vault);
    bench_replica_open(&it->vault);
}

void bench_say(const char *name, double *cpu_ms, size_t times, uint64_t rows) {
    bench_line_begin(name);
    bench_line_count("times", times);
    bench_line_count("rows", rows);
    bench_line_latency("cpu", cpu_ms, times);
    bench_line_end();
}

void bench_measure(bench_asking *it, const char *name, const char *json, size_t times) {
    static double cpu_ms[BENCH_QUESTIONS_MAX];
    dx_buf item = bench_item(json);
    bench_reopen(it);
    double first_ms = bench_cpu_ms();
    it->rows = 0;
    bench_ask(it, dx_buf_view(&item));
    first_ms = bench_cpu_ms() - first_ms;
    for (size_t i = 0; i < times; i++) {
        double begun_ms = bench_cpu_ms();
        bench_ask(it, dx_buf_view(&item));
        cpu_ms[i] = bench_cpu_ms() - begun_ms;
    }
    bench_line_begin(name);
    bench_line_count("times", times);
    bench_line_count("rows", it->rows / (times + 1));
    bench_line_number("first_ms", first_ms);
    bench_line_latency("cpu", cpu_ms, times);
    bench_line_number("per_cpu_s", 1e3 / bench_rank(cpu_ms, times, 50));
    bench_line_end();
    dx_buf_deinit(&item);
}

void bench_measure_raw(const char *name, sqlite3_stmt *statement, size_t times) {
    static double cpu_ms[BENCH_QUESTIONS_MAX];
    uint64_t rows = 0;
    for (size_t i = 0; i <= times; i++) {
        double begun_ms = bench_cpu_ms();
        for (rows = 0; sqlite3_step(statement) == SQLITE_ROW;) {
            rows += sqlite3_column_int64(statement, 0) != 0;
        }
        (void)sqlite3_reset(statement);
        cpu_ms[i == 0 ? 0 : i - 1] = bench_cpu_ms() - begun_ms;
    }
    (void)sqlite3_finalize(statement);
    bench_line_begin(name);
    bench_line_count("times", times);
    bench_line_count("rows", rows);
    bench_line_latency("cpu", cpu_ms, times);
    bench_line_number("per_cpu_s", 1e3 / bench_rank(cpu_ms, times, 50));
    bench_line_end();
}

sqlite3 *bench_raw(const char *sql) {
    sqlite3 *raw = NULL;
    if (sqlite3_open(":memory:", &raw) != SQLITE_OK ||
        sqlite3_exec(raw, sql, NULL, NULL, NULL) != SQLITE_OK) {
        bench_fail("plain SQLite: %s", sqlite3_errmsg(raw));
    }
    return raw;
}

sqlite3_stmt *bench_raw_statement(sqlite3 *raw, const char *sql) {
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(raw, sql, -1, &statement, NULL) != SQLITE_OK) {
        bench_fail("plain SQLite: %s", sqlite3_errmsg(raw));
    }
    return statement;
}

bench_clock bench_make_index(bench_asking *it, const char *type, const char *path) {
    bench_clock clock;
    bool more = true;
    bench_start(&clock);
    bench_replica_begin(&it->vault);
    bench_must(dx_index_add(&it->vault.context, it->vault.space, DX_TYPE_OBJECT, dx_bytes_text(type),
                            dx_bytes_text(path)),
               "an index");
    while (more) {
        bench_must(dx_indexes_build(&it->vault.context, it->vault.space, PER_TRANSACTION, &more), "building");
    }
    bench_replica_commit(&it->vault);
    bench_stop(&clock);
    return clock;
}
