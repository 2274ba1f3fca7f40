/* bench/echo.c: what a space costs: the packages as objects and their dependencies as links.
 *
 *   echo.import     written by one device: transactions of TRANSACTION_OPS, each committed
 *   echo.replicate  the blocks it made, received, verified, applied and committed by another device, a megabyte at a time
 *   echo.rows       the rows it holds then, inserted as they are into the same tables: the floor of both
 *   echo.update     one property set, one commit: each alone
 *
 * Pages are encrypted in all of them. Layer: measuring programs; looks inside the core, since nothing public speaks of
 * blocks. */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

#include "query.h"
#include "replica.h"

enum { TRANSACTION_OPS = 10000, UPDATES = 2000 };

typedef struct replica {
    bench_replica vault;
    const bench_input *input;
    int64_t *keys; /* of the packages */
} replica;

/* --- Import ---------------------------------------------------------------------------------- */

static void import(replica *it) {
    const bench_input *input = it->input;
    const dx_bytes none = {NULL, 0}, package = dx_bytes_text("package"), depends = dx_bytes_text("depends");
    size_t count = input->package_count + input->edge_count;
    dx_transaction *transaction = NULL;
    it->keys = malloc(input->package_count * sizeof *it->keys);
    if (it->keys == NULL) {
        bench_fail("no memory for the keys");
    }
    for (size_t i = 0; i < count; i++) {
        if (i % TRANSACTION_OPS == 0) {
            bench_replica_begin(&it->vault);
            bench_must(dx_transaction_begin(&it->vault.context, it->vault.space, &transaction),
                       "a transaction");
        }
        if (i < input->package_count) {
            bench_must(
                dx_transaction_add_object(transaction, package, 0, input->packages[i].cbor, &it->keys[i]),
                "adding an object");
        } else {
            const bench_edge *edge = &input->edges[i - input->package_count];
            int64_t key;
            bench_must(dx_transaction_add_link(transaction, depends, it->keys[edge->source],
                                               it->keys[edge->target], none, &key),
                       "adding a link");
        }
        if ((i + 1) % TRANSACTION_OPS == 0 || i + 1 == count) {
            bench_must(dx_transaction_commit(transaction), "writing");
            bench_replica_commit(&it->vault);
        }
    }
}

/* --- The floor ------------------------------------------------------------------------------- */

/* The same rows once more, without blocks, models or any checking. */
static void insert_rows(bench_replica *to, bench_replica *from, bench_clock *total) {
    enum { ROWS_PER_COMMIT = TRANSACTION_OPS };
    int64_t after = 0;
    for (bool more = true; more;) {
        bench_clock clock;
        bench_replica_begin(from);
        bench_replica_begin(to);
        bench_start(&clock);
        sqlite3_stmt *select =
            dx_store_query(from->context.store, "SELECT * FROM entity WHERE key > ?1 ORDER BY key LIMIT ?2");
        dx_bind_int(select, 1, after);
        dx_bind_int(select, 2, ROWS_PER_COMMIT);
        more = false;
        while (dx_step(from->context.store, select)) {
            more = true;
            after = dx_column_int(select, 0);
            sqlite3_stmt *insert = dx_store_query(
                to->context.store,
                "INSERT INTO entity VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)");
            for (int column = 0; column < 11; column++) {
                if (!dx_column_is_null(select, column)) {
                    dx_bind_int(insert, column + 1, dx_column_int(select, column));
                }
            }
            if (!dx_column_is_null(select, 11)) {
                dx_bind_bytes(insert, 12, dx_column_bytes(select, 11));
            }
            bench_must(dx_step_done(to->context.store, insert), "inserting");
        }
        bench_replica_commit(to);
        bench_stop(&clock);
        total->cpu_s += clock.cpu_s;
        total->wall_s += clock.wall_s;
        bench_replica_commit(from);
    }
}

/* --- One update ------------------------------------------------------------------------------ */

static void update(replica *it) {
    static double samples_ms[UPDATES];
    bench_clock total = {0};
    for (size_t i = 0; i < UPDATES; i++) {
        uint8_t value[] = {0x19, (uint8_t)(1 + i / 256), (uint8_t)i};
        size_t package = i * 7919 % it->input->package_count;
        bench_clock clock;
        bench_start(&clock);
        dx_transaction *transaction;
        bench_replica_begin(&it->vault);
        bench_must(dx_transaction_begin(&it->vault.context, it->vault.space, &transaction), "a transaction");
        bench_must(dx_transaction_set(transaction, it->keys[package], dx_bytes_text("installedSize"),
                                      dx_bytes_of(value, sizeof value)),
                   "setting");
        bench_must(dx_transaction_commit(transaction), "writing");
        bench_replica_commit(&it->vault);
        bench_stop(&clock);
        samples_ms[i] = clock.wall_s * 1e3;
        total.cpu_s += clock.cpu_s;
        total.wall_s += clock.wall_s;
    }
    bench_line_begin("echo.update");
    bench_line_work(UPDATES, 0, &total);
    bench_line_latency("update", samples_ms, UPDATES);
    bench_line_end();
}

static void say(const char *name, uint64_t ops, uint64_t bytes, const bench_clock *clock) {
    bench_line_begin(name);
    bench_line_work(ops, bytes, clock);
    bench_line_end();
}

void bench_echo(const bench_input *input) {
    uint64_t ops = input->package_count + input->edge_count;
    replica alice = {.input = input};
    bench_replica bob, raw;
    bench_clock clock;
    bench_replica_create(&alice.vault, input, "alice");
    bench_replica_create_space(&alice.vault, "packages");
    bench_start(&clock);
    import(&alice);
    bench_stop(&clock);
    say("echo.import", ops, input->cbor_bytes, &clock);
    bench_replica_create(&bob, input, "bob");
    bench_replica_admit(&alice.vault, &bob);
    clock = (bench_clock){0};
    uint64_t bytes = bench_replicate(&bob, &alice.vault, &clock);
    say("echo.replicate", ops, bytes, &clock);
    bench_replica_remove(&bob);
    bench_replica_create(&raw, input, "raw");
    clock = (bench_clock){0};
    insert_rows(&raw, &alice.vault, &clock);
    say("echo.rows", ops, 0, &clock);
    bench_replica_remove(&raw);
    update(&alice);
    bench_query(input, &alice.vault.context, alice.vault.space, alice.keys);
    bench_replica_remove(&alice.vault);
    free(alice.keys);
}
