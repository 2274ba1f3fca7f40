/* bench/questions.c: questions that indexes answer, over a space of 100,000 objects.
 *
 *   questions.index         an index on a property made over all objects, per object
 *   questions.ids           type and property, 10 of 100 match: the ids of all
 *   questions.hop           the same, and one hop along links from each: the ids reached
 *   questions.page          a page of 100 ids of it
 *   questions.range         a range of values with 10 of 100, ids; .rows with their rows
 *   questions.order         the 20 greatest of the tenth that matches
 *   .raw                    the same asked of plain SQLite: the plainest tables and indexes for it, unencrypted, in memory
 * What a line says stands in asking.h. Layer: measuring programs; looks inside the core. */
#include <stdio.h>

#include "asking.h"
#include "echo/mutation.h"

enum { OBJECTS = 100000, PER_TRANSACTION = 10000 };

static void fill(bench_asking *it, int64_t *keys) {
    dx_transaction *transaction = NULL;
    for (size_t i = 0; i < 2 * OBJECTS; i++) {
        if (i % PER_TRANSACTION == 0) {
            bench_replica_begin(&it->vault);
            bench_must(dx_transaction_begin(&it->vault.context, it->vault.space, &transaction),
                       "a transaction");
        }
        if (i < OBJECTS) {
            char json[160];
            snprintf(json, sizeof json,
                     "{\"name\":\"item %zu\",\"color\":\"c%zu\",\"size\":%zu,\"text\":\"some words of it\"}",
                     i, i * 7919 % 10, i * 104729 % OBJECTS);
            dx_buf item = bench_item(json);
            bench_must(dx_transaction_add_object(transaction, dx_bytes_text("item"), 0, dx_buf_view(&item),
                                                 &keys[i]),
                       "adding");
            dx_buf_deinit(&item);
        } else {
            int64_t link;
            size_t at = i - OBJECTS;
            bench_must(dx_transaction_add_link(transaction, dx_bytes_text("knows"), keys[at],
                                               keys[at * 31337 % OBJECTS], dx_bytes_of(NULL, 0), &link),
                       "linking");
        }
        if ((i + 1) % PER_TRANSACTION == 0) {
            bench_must(dx_transaction_commit(transaction), "writing");
            bench_replica_commit(&it->vault);
        }
    }
}

static sqlite3 *fill_raw(void) {
    char sql[1024];
    snprintf(sql, sizeof sql,
             "CREATE TABLE object(key INTEGER PRIMARY KEY, color TEXT, size INTEGER, rest TEXT);"
             "CREATE INDEX by_color ON object(color); CREATE INDEX by_size ON object(size);"
             "CREATE TABLE link(source INTEGER, target INTEGER, PRIMARY KEY(source, target)) WITHOUT ROWID;"
             "WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
             " INSERT INTO object SELECT i + 1, 'c' || (i * 7919 %% 10), i * 104729 %% %d, 'item ' || i || ' "
             "some words of it' FROM n;"
             "INSERT INTO link SELECT key, 1 + (key - 1) * 31337 %% %d FROM object;",
             OBJECTS - 1, OBJECTS, OBJECTS);
    return bench_raw(sql);
}

static void ask(bench_asking *it, sqlite3 *raw, const char *name, const char *json, const char *sql,
                size_t times) {
    char line[64];
    snprintf(line, sizeof line, "questions.%s", name);
    bench_measure(it, line, json, times);
    snprintf(line, sizeof line, "questions.%s.raw", name);
    bench_measure_raw(line, bench_raw_statement(raw, sql), times);
}

void bench_questions(const bench_input *input) {
    static int64_t keys[OBJECTS];
    bench_asking it = {.rows = 0};
    bench_replica_create(&it.vault, input, "questions");
    bench_replica_create_space(&it.vault, "items");
    fill(&it, keys);
    bench_clock made = bench_make_index(&it, "item", "color");
    bench_line_begin("questions.index");
    bench_line_work(OBJECTS, 0, &made);
    bench_line_end();
    (void)bench_make_index(&it, "item", "size");
    sqlite3 *raw = fill_raw();
    ask(&it, raw, "ids", "{\"type\":\"item\",\"where\":{\"color\":\"c3\"},\"ids\":true}",
        "SELECT key FROM object INDEXED BY by_color WHERE color = 'c3' ORDER BY key", 200);
    ask(&it, raw, "hop",
        "{\"type\":\"item\",\"where\":{\"color\":\"c3\"},\"follow\":[{\"out\":\"knows\"}],\"ids\":true}",
        "SELECT DISTINCT target FROM object INDEXED BY by_color JOIN link ON source = key WHERE color = 'c3'",
        100);
    ask(&it, raw, "page", "{\"type\":\"item\",\"where\":{\"color\":\"c3\"},\"ids\":true,\"limit\":100}",
        "SELECT key FROM object INDEXED BY by_color WHERE color = 'c3' ORDER BY key LIMIT 100", 1000);
    ask(&it, raw, "range",
        "{\"type\":\"item\",\"where\":{\"size\":{\"ge\":50000,\"lt\":60000}},\"ids\":true}",
        "SELECT key FROM object INDEXED BY by_size WHERE size >= 50000 AND size < 60000", 100);
    ask(&it, raw, "rows", "{\"type\":\"item\",\"where\":{\"size\":{\"ge\":50000,\"lt\":60000}}}",
        "SELECT key, color, size, rest FROM object INDEXED BY by_size WHERE size >= 50000 AND size < 60000",
        20);
    ask(&it, raw, "order",
        "{\"type\":\"item\",\"where\":{\"color\":\"c3\"},\"order\":{\"path\":\"size\",\"descending\":"
        "true},\"limit\":20}",
        "SELECT key, color, size, rest FROM object INDEXED BY by_size WHERE color = 'c3' ORDER BY size DESC "
        "LIMIT 20",
        100);
    (void)sqlite3_close(raw);
    bench_replica_remove(&it.vault);
}
