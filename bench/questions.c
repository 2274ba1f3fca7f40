/* bench/questions.c: questions that indexes answer: a synthetic space of 100,000 objects, and the graph of packages.
 *
 *   questions.index         an index on a property made over all objects, per object
 *   questions.ids           type and property, 10 of 100 match: the ids of all
 *   questions.ids.raw       the same by SQLite alone: keys of a plain table by its index, in memory, row by row
 *   questions.hop           the same, and one hop along links from each: the ids reached
 *   questions.page          a page of 100 ids of it
 *   questions.range         a range of values with 10 of 100, ids; .rows with their rows
 *   questions.order         the 20 greatest of the tenth that matches
 *   questions.three_out     of every 500th package what three hops along depends reach: each alone
 *   questions.text_index    a text index made over all packages, per package
 *   questions.text_N        full text over the packages' texts: the 20 best of N thousand matches with snippets; .raw: by
 *                           FTS5 alone
 *   questions.three_in      all that depends on libc6 over three hops
 * ops are queries. Each is asked in one piece, as often as the line says. Layer: measuring programs; looks inside the
 * core. */
#include <stdio.h>
#include <string.h>

#include "bench.h"
#include "echo/full_text.h"
#include "echo/index.h"
#include "echo/mutation.h"
#include "echo/neighbours.h"
#include "echo/query.h"
#include "replica.h"

enum { OBJECTS = 100000, PER_TRANSACTION = 10000, WALKS = 128, ROUNDS = 5 };

typedef struct asking {
    bench_replica vault;
    uint64_t rows, matches;
    sqlite3 *raw; /* FTS5 by itself, over the same texts */
} asking;

static int note(void *ctx, const dx_query_row *row) {
    asking *it = ctx;
    it->rows += row->key != 0;
    return DX_OK;
}

static void ask(asking *it, dx_bytes item) {
    char message[DX_QUERY_MESSAGE_SIZE] = "";
    dx_query *query;
    bool more = true;
    bench_replica_begin(&it->vault);
    bench_must(dx_query_create(&it->vault.context, it->vault.space, item, message, sizeof message, &query),
               message);
    while (more) {
        bench_must(dx_query_run(query, SIZE_MAX, note, it, &more), "asking");
    }
    dx_query_destroy(query);
    bench_replica_commit(&it->vault);
}

static dx_buf item_of(const char *json) {
    char message[96] = "";
    dx_buf item;
    dx_writer writer;
    dx_buf_init(&item, dx_host_alloc(), DX_QUERY_SIZE_MAX);
    dx_writer_init(&writer, &item);
    bench_must(dx_json_parse(dx_bytes_text(json), &writer, message, sizeof message), message);
    return item;
}

/* The median of a few rounds of `times` questions. The first of all is told by itself: it reads what the others may find in
 * memory, and prepares statements. */
static void measure(asking *it, const char *name, const char *json, uint64_t times) {
    bench_clock rounds[ROUNDS], first;
    dx_buf item = item_of(json);
    dx_neighbours_forget(it->vault.space->neighbours);
    bench_start(&first);
    ask(it, dx_buf_view(&item));
    bench_stop(&first);
    for (int round = 0; round < ROUNDS; round++) {
        it->rows = 0;
        bench_start(&rounds[round]);
        for (uint64_t i = 0; i < times; i++) {
            ask(it, dx_buf_view(&item));
        }
        bench_stop(&rounds[round]);
        for (int k = round; k > 0 && rounds[k].cpu_s < rounds[k - 1].cpu_s; k--) {
            bench_clock held = rounds[k];
            rounds[k] = rounds[k - 1];
            rounds[k - 1] = held;
        }
    }
    bench_line_begin(name);
    bench_line_work(times, 0, &rounds[ROUNDS / 2]);
    bench_line_count("rows", it->rows / times);
    bench_line_number("first_cpu_ms", first.cpu_s * 1e3);
    bench_line_count("neighbours_bytes", dx_neighbours_size(it->vault.space->neighbours));
    if (it->matches > 0) {
        bench_line_count("matches", it->matches);
    }
    bench_line_end();
    dx_buf_deinit(&item);
}

/* --- The synthetic space -------------------------------------------------------------------------- */

static void fill(asking *it, int64_t *keys) {
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
            dx_buf item = item_of(json);
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

static void make_index(asking *it, const char *type, const char *path, const char *name, uint64_t objects) {
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
    if (name != NULL) {
        bench_line_begin(name);
        bench_line_work(objects, 0, &clock);
        bench_line_end();
    }
}

static void ask_raw_ids(void) {
    enum { TIMES = 100 };
    bench_clock clock;
    sqlite3 *raw = NULL;
    sqlite3_stmt *select = NULL;
    int64_t sum = 0;
    char fill[512];
    snprintf(
        fill, sizeof fill,
        "CREATE TABLE property(ix INTEGER NOT NULL, value BLOB NOT NULL, key INTEGER NOT NULL, PRIMARY "
        "KEY(ix, value, key)) WITHOUT ROWID; WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM "
        "n WHERE i < %d) INSERT INTO property SELECT 1, CAST('c' || (i * 7919 %% 10) AS BLOB), i FROM n;",
        OBJECTS - 1);
    if (sqlite3_open(":memory:", &raw) != SQLITE_OK ||
        sqlite3_exec(raw, fill, NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(raw, "SELECT key FROM property WHERE ix = 1 AND value = x'6333' ORDER BY key", -1,
                           &select, NULL) != SQLITE_OK) {
        bench_fail("raw ids: %s", sqlite3_errmsg(raw));
    }
    bench_start(&clock);
    for (int i = 0; i < TIMES; i++) {
        while (sqlite3_step(select) == SQLITE_ROW) {
            sum += sqlite3_column_int64(select, 0) != 0;
        }
        (void)sqlite3_reset(select);
    }
    bench_stop(&clock);
    (void)sqlite3_finalize(select);
    (void)sqlite3_close(raw);
    bench_line_begin("questions.ids.raw");
    bench_line_work(TIMES, 0, &clock);
    bench_line_count("rows", (uint64_t)sum / TIMES);
    bench_line_end();
}

static void ask_synthetic(const bench_input *input) {
    static int64_t keys[OBJECTS];
    asking it = {.rows = 0};
    bench_replica_create(&it.vault, input, "questions");
    bench_replica_create_space(&it.vault, "items");
    fill(&it, keys);
    make_index(&it, "item", "color", "questions.index", OBJECTS);
    make_index(&it, "item", "size", NULL, OBJECTS);
    measure(&it, "questions.ids", "{\"type\":\"item\",\"where\":{\"color\":\"c3\"},\"ids\":true}", 200);
    ask_raw_ids();
    measure(&it, "questions.hop",
            "{\"type\":\"item\",\"where\":{\"color\":\"c3\"},\"follow\":[{\"out\":\"knows\"}],\"ids\":true}",
            20);
    measure(&it, "questions.page",
            "{\"type\":\"item\",\"where\":{\"color\":\"c3\"},\"ids\":true,\"limit\":100}", 5000);
    measure(&it, "questions.range",
            "{\"type\":\"item\",\"where\":{\"size\":{\"ge\":50000,\"lt\":60000}},\"ids\":true}", 100);
    measure(&it, "questions.rows", "{\"type\":\"item\",\"where\":{\"size\":{\"ge\":50000,\"lt\":60000}}}",
            20);
    measure(&it, "questions.order",
            "{\"type\":\"item\",\"where\":{\"color\":\"c3\"},\"order\":{\"path\":\"size\",\"descending\":"
            "true},\"limit\":20}",
            20);
    bench_replica_remove(&it.vault);
}

/* --- The packages --------------------------------------------------------------------------------- */

static void import(asking *it, const bench_input *input, int64_t *keys) {
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

static void walk_out(asking *it, const bench_input *input, const int64_t *keys) {
    static double samples_ms[WALKS];
    bench_clock total = {0};
    it->rows = 0;
    for (size_t i = 0; i < WALKS; i++) {
        char json[256], id_text[DX_ID_TEXT_MAX];
        uint8_t id[DX_ID_SIZE];
        bench_clock clock;
        bench_must(dx_key_to_id(it->vault.space, keys[i * 500 % input->package_count], id), "an id");
        dx_id_print(id, id_text);
        snprintf(json, sizeof json,
                 "{\"id\":\"%s\",\"follow\":[{\"out\":\"depends\",\"repeat\":3}],\"ids\":true}", id_text);
        dx_buf item = item_of(json);
        ask(it, dx_buf_view(&item));
        bench_start(&clock);
        ask(it, dx_buf_view(&item));
        bench_stop(&clock);
        samples_ms[i] = clock.wall_s * 1e3;
        total.cpu_s += clock.cpu_s;
        total.wall_s += clock.wall_s;
        dx_buf_deinit(&item);
    }
    bench_line_begin("questions.three_out");
    bench_line_work(WALKS, 0, &total);
    bench_line_count("rows", it->rows / 2 / WALKS);
    bench_line_latency("walk", samples_ms, WALKS);
    bench_line_end();
}

/* The 20 best with snippets; `matches` of them. */
static void ask_text(asking *it, const char *name, const char *word) {
    char json[160], message[DX_QUERY_MESSAGE_SIZE] = "";
    snprintf(json, sizeof json, "{\"type\":\"package\",\"text\":\"%s\",\"count\":true}", word);
    dx_buf item = item_of(json);
    dx_query *query;
    bool more = true;
    bench_replica_begin(&it->vault);
    bench_must(dx_query_create(&it->vault.context, it->vault.space, dx_buf_view(&item), message,
                               sizeof message, &query),
               message);
    while (more) {
        bench_must(dx_query_run(query, SIZE_MAX, note, it, &more), "counting");
    }
    it->matches = (uint64_t)dx_query_count(query);
    dx_query_destroy(query);
    bench_replica_commit(&it->vault);
    dx_buf_deinit(&item);
    snprintf(json, sizeof json, "{\"type\":\"package\",\"text\":\"%s\",\"snippet\":true,\"limit\":20}", word);
    measure(it, name, json, 20);
    it->matches = 0;
}

/* The same words in FTS5 by itself, unencrypted and in memory, ranked by its bm25, with its snippets. */
static void fill_raw(asking *it, const bench_input *input) {
    sqlite3_stmt *insert = NULL;
    dx_buf words;
    dx_buf_init(&words, dx_host_alloc(), 1 << 20);
    if (sqlite3_open(":memory:", &it->raw) != SQLITE_OK ||
        sqlite3_exec(it->raw,
                     "CREATE VIRTUAL TABLE text USING fts5(words, tokenize='unicode61 remove_diacritics 2')",
                     NULL, NULL, NULL) != SQLITE_OK ||
        sqlite3_prepare_v2(it->raw, "INSERT INTO text(words) VALUES(?1)", -1, &insert, NULL) != SQLITE_OK) {
        bench_fail("raw FTS5: %s", sqlite3_errmsg(it->raw));
    }
    (void)sqlite3_exec(it->raw, "BEGIN", NULL, NULL, NULL);
    for (size_t i = 0; i < input->package_count; i++) {
        dx_buf_clear(&words);
        dx_full_text_gather(input->packages[i].cbor, &words);
        (void)sqlite3_bind_text(insert, 1, (const char *)words.data, (int)words.size, SQLITE_STATIC);
        (void)sqlite3_step(insert);
        (void)sqlite3_reset(insert);
    }
    (void)sqlite3_exec(it->raw, "COMMIT", NULL, NULL, NULL);
    (void)sqlite3_finalize(insert);
    dx_buf_deinit(&words);
}

static void ask_raw(asking *it, const char *name, const char *word) {
    enum { TIMES = 20 };
    bench_clock clock;
    sqlite3_stmt *select = NULL;
    uint64_t rows = 0;
    if (sqlite3_prepare_v2(it->raw,
                           "SELECT rowid, snippet(text, 0, '[', ']', '', 16) FROM text WHERE text MATCH ?1 "
                           "ORDER BY rank LIMIT 20",
                           -1, &select, NULL) != SQLITE_OK) {
        bench_fail("raw FTS5: %s", sqlite3_errmsg(it->raw));
    }
    bench_start(&clock);
    for (int i = 0; i < TIMES; i++) {
        (void)sqlite3_bind_text(select, 1, word, -1, SQLITE_STATIC);
        while (sqlite3_step(select) == SQLITE_ROW) {
            rows++;
        }
        (void)sqlite3_reset(select);
    }
    bench_stop(&clock);
    (void)sqlite3_finalize(select);
    char line[64];
    snprintf(line, sizeof line, "%s.raw", name);
    bench_line_begin(line);
    bench_line_work(TIMES, 0, &clock);
    bench_line_count("rows", rows / TIMES);
    bench_line_end();
}

static void ask_packages(const bench_input *input) {
    asking it = {.rows = 0};
    int64_t *keys = dx_alloc_take(dx_host_alloc(), input->package_count * sizeof *keys);
    if (keys == NULL) {
        bench_fail("no memory for the keys");
    }
    bench_replica_create(&it.vault, input, "packages");
    bench_replica_create_space(&it.vault, "packages");
    import(&it, input, keys);
    make_index(&it, "package", "name", NULL, input->package_count);
    walk_out(&it, input, keys);
    measure(&it, "questions.three_in",
            "{\"type\":\"package\",\"where\":{\"name\":\"libc6\"},\"follow\":[{\"in\":\"depends\",\"repeat\":"
            "3}],\"ids\":true}",
            10);
    make_index(&it, "package", "", "questions.text_index", input->package_count);
    static const char *const words[][2] = {{"questions.text_few", "emacs"},
                                           {"questions.text_4k", "science"},
                                           {"questions.text_14k", "library"},
                                           {"questions.text_26k", "for"},
                                           {"questions.text_most", "debian"}};
    fill_raw(&it, input);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        ask_text(&it, words[i][0], words[i][1]);
        ask_raw(&it, words[i][0], words[i][1]);
    }
    (void)sqlite3_close(it.raw);
    dx_alloc_free(dx_host_alloc(), keys, input->package_count * sizeof *keys);
    bench_replica_remove(&it.vault);
}

void bench_questions(const bench_input *input) {
    ask_synthetic(input);
    ask_packages(input);
}
