/* bench/graph.c: walks over the graph of packages and what they depend on.
 *
 *   graph.three_out   of every 500th package all that three hops along depends reach: each alone, a time each, after one that is
 *                     not measured
 *   graph.three_in    all that depends on libc6 over three hops
 *   graph.hop_in      all that depends on libc6 directly, counted
 *   graph.path        shortest paths between packages chosen without choice: each alone, a time each
 *   .raw              the same over plain SQLite, links both ways in trees of their own, unencrypted, in memory: one statement,
 *                     and of paths a search from the beginning, a statement for each package on the way
 * What a line says stands in asking.h. Layer: measuring programs; looks inside the core. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "asking.h"
#include "echo/mutation.h"

enum { PER_TRANSACTION = 10000, WALKS = 128, PATHS = 300 };

static void import(bench_asking *it, const bench_input *input, int64_t *keys) {
    dx_transaction *transaction = NULL;
    size_t count = input->package_count + input->edge_count;
    for (size_t i = 0; i < count; i++) {
        if (i % PER_TRANSACTION == 0) {
            bench_replica_begin(&it->vault);
            bench_must(dx_transaction_begin(&it->vault.context, it->vault.space, &transaction),
                       "a transaction");
        }
        if (i < input->package_count) {
            bench_must(dx_transaction_add_object(transaction, dx_bytes_text("package"), 0,
                                                 input->packages[i].cbor, &keys[i]),
                       "adding");
        } else {
            const bench_edge *edge = &input->edges[i - input->package_count];
            int64_t link;
            bench_must(dx_transaction_add_link(transaction, dx_bytes_text("depends"), keys[edge->source],
                                               keys[edge->target], dx_bytes_of(NULL, 0), &link),
                       "linking");
        }
        if ((i + 1) % PER_TRANSACTION == 0 || i + 1 == count) {
            bench_must(dx_transaction_commit(transaction), "writing");
            bench_replica_commit(&it->vault);
        }
    }
}

static sqlite3 *fill_raw(const bench_input *input) {
    sqlite3 *raw = bench_raw(
        "CREATE TABLE link(source INTEGER, target INTEGER, PRIMARY KEY(source, target)) WITHOUT ROWID;"
        "CREATE INDEX by_target ON link(target, source); BEGIN");
    sqlite3_stmt *insert = bench_raw_statement(raw, "INSERT OR IGNORE INTO link VALUES(?1, ?2)");
    for (size_t i = 0; i < input->edge_count; i++) {
        (void)sqlite3_bind_int64(insert, 1, 1 + (sqlite3_int64)input->edges[i].source);
        (void)sqlite3_bind_int64(insert, 2, 1 + (sqlite3_int64)input->edges[i].target);
        (void)sqlite3_step(insert);
        (void)sqlite3_reset(insert);
    }
    (void)sqlite3_finalize(insert);
    (void)sqlite3_exec(raw, "COMMIT", NULL, NULL, NULL);
    return raw;
}

static uint64_t run_raw(sqlite3_stmt *statement) {
    uint64_t rows = 0;
    for (; sqlite3_step(statement) == SQLITE_ROW; rows++) {
    }
    (void)sqlite3_reset(statement);
    return rows;
}

/* The place of the package that most others depend on. */
static size_t most_needed(const bench_input *input) {
    uint32_t *counts = dx_alloc_take_zeroed(dx_host_alloc(), input->package_count * sizeof *counts);
    size_t best = 0;
    if (counts == NULL) {
        bench_fail("no memory for counts");
    }
    for (size_t i = 0; i < input->edge_count; i++) {
        uint32_t target = input->edges[i].target;
        counts[target]++;
        best = counts[target] > counts[best] ? target : best;
    }
    dx_alloc_free(dx_host_alloc(), counts, input->package_count * sizeof *counts);
    return best;
}

#define THREE_HOPS(from, to)                                                                                 \
    "WITH RECURSIVE reached(node, hop) AS (SELECT ?1, 0 UNION SELECT " to                                    \
    ", hop + 1 FROM reached JOIN link ON " from                                                              \
    " = node WHERE hop < 3) SELECT DISTINCT node FROM reached WHERE hop > 0"

static void walk_out(bench_asking *it, const bench_input *input, const int64_t *keys, sqlite3 *raw) {
    static double cpu_ms[WALKS], raw_ms[WALKS];
    uint64_t raw_rows = 0, rows = 0;
    sqlite3_stmt *three = bench_raw_statement(raw, THREE_HOPS("source", "target"));
    for (size_t i = 0; i < WALKS; i++) {
        char json[256], id[DX_ID_TEXT_MAX];
        size_t package = i * 500 % input->package_count;
        bench_print_id(it, keys[package], id);
        snprintf(json, sizeof json,
                 "{\"id\":\"%s\",\"follow\":[{\"out\":\"depends\",\"repeat\":3}],\"ids\":true}", id);
        dx_buf item = bench_item(json);
        bench_ask(it, dx_buf_view(&item));
        it->rows = 0;
        double begun_ms = bench_cpu_ms();
        bench_ask(it, dx_buf_view(&item));
        cpu_ms[i] = bench_cpu_ms() - begun_ms;
        rows += it->rows;
        dx_buf_deinit(&item);
        (void)sqlite3_bind_int64(three, 1, 1 + (sqlite3_int64)package);
        begun_ms = bench_cpu_ms();
        raw_rows += run_raw(three);
        raw_ms[i] = bench_cpu_ms() - begun_ms;
    }
    (void)sqlite3_finalize(three);
    bench_say("graph.three_out", cpu_ms, WALKS, rows / WALKS);
    bench_say("graph.three_out.raw", raw_ms, WALKS, raw_rows / WALKS);
}

static void walk_in(bench_asking *it, sqlite3 *raw, const bench_input *input) {
    static const char *const questions[][2] = {
        {"graph.three_in",
         "{\"type\":\"package\",\"where\":{\"name\":\"libc6\"},\"follow\":[{\"in\":\"depends\","
         "\"repeat\":3}],\"ids\":true}"},
        {"graph.hop_in",
         "{\"type\":\"package\",\"where\":{\"name\":\"libc6\"},\"follow\":[{\"in\":\"depends\"}],"
         "\"count\":true}"}};
    static const char *const statements[][2] = {
        {"graph.three_in.raw", THREE_HOPS("target", "source")},
        {"graph.hop_in.raw", "SELECT count(DISTINCT source) FROM link WHERE target = ?1"}};
    for (size_t i = 0; i < 2; i++) {
        sqlite3_stmt *statement = bench_raw_statement(raw, statements[i][1]);
        bench_measure(it, questions[i][0], questions[i][1], 40);
        (void)sqlite3_bind_int64(statement, 1, 1 + (sqlite3_int64)most_needed(input));
        bench_measure_raw(statements[i][0], statement, 20);
    }
}

/* The number of packages on a shortest path, 0: there is none. */
static size_t search_raw(sqlite3_stmt *links, uint32_t *queue, uint32_t *hops, size_t nodes, size_t from,
                         size_t to) {
    size_t count = 1;
    memset(hops, 0, nodes * sizeof *hops);
    queue[0] = (uint32_t)from;
    hops[from] = 1;
    for (size_t at = 0; at < count && hops[to] == 0; at++) {
        (void)sqlite3_bind_int64(links, 1, 1 + (sqlite3_int64)queue[at]);
        while (sqlite3_step(links) == SQLITE_ROW) {
            size_t next = (size_t)sqlite3_column_int64(links, 0) - 1;
            if (hops[next] == 0) {
                hops[next] = hops[queue[at]] + 1;
                queue[count++] = (uint32_t)next;
            }
        }
        (void)sqlite3_reset(links);
    }
    return hops[to];
}

static void search_paths(bench_asking *it, const bench_input *input, const int64_t *keys, sqlite3 *raw) {
    static double cpu_ms[PATHS], raw_ms[PATHS];
    size_t nodes = input->package_count;
    uint32_t *queue = calloc(2 * nodes, sizeof *queue);
    uint64_t rows = 0, raw_rows = 0;
    sqlite3_stmt *links = bench_raw_statement(raw, "SELECT target FROM link WHERE source = ?1");
    if (queue == NULL) {
        bench_fail("no memory for a search");
    }
    for (size_t i = 0; i < PATHS; i++) {
        char json[256], from[DX_ID_TEXT_MAX], to[DX_ID_TEXT_MAX];
        size_t first = i * 7919 % nodes, last = input->edges[i * 104729 % input->edge_count].target;
        bench_print_id(it, keys[first], from);
        bench_print_id(it, keys[last], to);
        snprintf(json, sizeof json, "{\"id\":\"%s\",\"path\":{\"to\":{\"id\":\"%s\"},\"out\":\"depends\"}}",
                 from, to);
        dx_buf item = bench_item(json);
        it->rows = 0;
        double begun_ms = bench_cpu_ms();
        bench_ask(it, dx_buf_view(&item));
        cpu_ms[i] = bench_cpu_ms() - begun_ms;
        dx_buf_deinit(&item);
        begun_ms = bench_cpu_ms();
        size_t length = search_raw(links, queue, queue + nodes, nodes, first, last);
        raw_ms[i] = bench_cpu_ms() - begun_ms;
        if (it->rows != length) {
            bench_fail("a path of %zu packages, where %zu were expected", (size_t)it->rows, length);
        }
        rows += it->rows;
        raw_rows += length;
    }
    (void)sqlite3_finalize(links);
    free(queue);
    bench_say("graph.path", cpu_ms, PATHS, rows);
    bench_say("graph.path.raw", raw_ms, PATHS, raw_rows);
}

void bench_graph(const bench_input *input) {
    bench_asking it = {.rows = 0};
    int64_t *keys = calloc(input->package_count, sizeof *keys);
    if (keys == NULL) {
        bench_fail("no memory for the keys");
    }
    bench_replica_create(&it.vault, input, "graph");
    bench_replica_create_space(&it.vault, "packages");
    import(&it, input, keys);
    (void)bench_make_index(&it, "package", "name");
    sqlite3 *raw = fill_raw(input);
    walk_in(&it, raw, input);
    walk_out(&it, input, keys, raw);
    search_paths(&it, input, keys, raw);
    (void)sqlite3_close(raw);
    free(keys);
    bench_replica_remove(&it.vault);
}
