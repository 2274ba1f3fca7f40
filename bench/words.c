/* bench/words.c: full text over the texts of all packages.
 *
 *   words.index   a text index made over all packages, per package
 *   words.N       the 20 best of N matches, with snippets
 *   words.N.raw   the same texts in FTS5 by itself, unencrypted and in memory, ranked by its bm25, with its snippets
 * What a line says stands in asking.h. Layer: measuring programs; looks inside the core. */
#include <stdio.h>

#include "asking.h"
#include "echo/full_text.h"
#include "echo/mutation.h"

enum { PER_TRANSACTION = 10000 };

static void import(bench_asking *it, const bench_input *input) {
    dx_transaction *transaction = NULL;
    for (size_t i = 0; i < input->package_count; i++) {
        int64_t key;
        if (i % PER_TRANSACTION == 0) {
            bench_replica_begin(&it->vault);
            bench_must(dx_transaction_begin(&it->vault.context, it->vault.space, &transaction),
                       "a transaction");
        }
        bench_must(dx_transaction_add_object(transaction, dx_bytes_text("package"), 0,
                                             input->packages[i].cbor, &key),
                   "adding");
        if ((i + 1) % PER_TRANSACTION == 0 || i + 1 == input->package_count) {
            bench_must(dx_transaction_commit(transaction), "writing");
            bench_replica_commit(&it->vault);
        }
    }
}

static sqlite3 *fill_raw(const bench_input *input) {
    sqlite3 *raw = bench_raw(
        "CREATE VIRTUAL TABLE text USING fts5(words, tokenize='unicode61 remove_diacritics 2'); BEGIN");
    sqlite3_stmt *insert = bench_raw_statement(raw, "INSERT INTO text(words) VALUES(?1)");
    dx_buf words;
    dx_buf_init(&words, dx_host_alloc(), 1 << 20);
    for (size_t i = 0; i < input->package_count; i++) {
        dx_buf_clear(&words);
        dx_full_text_gather(input->packages[i].cbor, &words);
        (void)sqlite3_bind_text(insert, 1, (const char *)words.data, (int)words.size, SQLITE_STATIC);
        (void)sqlite3_step(insert);
        (void)sqlite3_reset(insert);
    }
    (void)sqlite3_finalize(insert);
    (void)sqlite3_exec(raw, "COMMIT", NULL, NULL, NULL);
    dx_buf_deinit(&words);
    return raw;
}

static void ask(bench_asking *it, sqlite3 *raw, const char *word) {
    char json[160], line[64];
    snprintf(json, sizeof json, "{\"type\":\"package\",\"text\":\"%s\",\"count\":true}", word);
    unsigned long long matches = bench_count(it, json);
    snprintf(json, sizeof json, "{\"type\":\"package\",\"text\":\"%s\",\"snippet\":true,\"limit\":20}", word);
    snprintf(line, sizeof line, "words.%llu", matches);
    bench_measure(it, line, json, 60);
    sqlite3_stmt *select =
        bench_raw_statement(raw, "SELECT rowid, snippet(text, 0, '[', ']', '', 16) FROM text WHERE text "
                                 "MATCH ?1 ORDER BY rank LIMIT 20");
    (void)sqlite3_bind_text(select, 1, word, -1, SQLITE_STATIC);
    snprintf(line, sizeof line, "words.%llu.raw", matches);
    bench_measure_raw(line, select, 20);
}

void bench_words(const bench_input *input) {
    static const char *const words[] = {"emacs", "science", "library", "for", "debian"};
    bench_asking it = {.rows = 0};
    bench_replica_create(&it.vault, input, "words");
    bench_replica_create_space(&it.vault, "packages");
    import(&it, input);
    bench_clock made = bench_make_index(&it, "package", "");
    bench_line_begin("words.index");
    bench_line_work(input->package_count, 0, &made);
    bench_line_end();
    sqlite3 *raw = fill_raw(input);
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        ask(&it, raw, words[i]);
    }
    (void)sqlite3_close(raw);
    bench_replica_remove(&it.vault);
}
