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

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "echo/mutation.h"
#include "echo/pipeline.h"
#include "halo/welcome.h"
#include "query.h"

enum { TRANSACTION_OPS = 10000, RUN_SIZE = 1 << 20, RUN_BLOCKS_MAX = 256, UPDATES = 2000 };

static void fill_random(void *ctx, uint8_t *out, size_t size) {
    (void)ctx;
    randombytes_buf(out, size);
}

static const dx_random bench_random = {NULL, fill_random};

/* A vault of one person, and the space in it. */
typedef struct replica {
    const bench_input *input;
    char path[4096];
    dx_identity identity;
    dx_context context;
    dx_space *space;
    int64_t *keys; /* of the packages */
} replica;

static void begin(replica *it) {
    bench_must(dx_store_begin(it->context.store), "beginning");
}

static void commit(replica *it) {
    if (it->space != NULL) {
        bench_must(dx_space_sign_heads(&it->context, it->space), "signing");
    }
    bench_must(dx_store_commit(it->context.store), "committing");
}

static void open_replica(replica *it, const bench_input *input, const char *name) {
    memset(it, 0, sizeof *it);
    it->input = input;
    int size = snprintf(it->path, sizeof it->path, "%s/%s.vault", input->directory, name);
    if (size < 0 || (size_t)size >= sizeof it->path) {
        bench_fail("the folder's name is too long");
    }
    unlink(it->path);
    it->context = (dx_context){.alloc = dx_host_alloc(), .random = &bench_random, .identity = &it->identity};
    dx_store_config config = {
        .alloc = dx_host_alloc(), .random = &bench_random, .path = it->path, .create = true};
    bench_must(dx_store_open(&config, &it->context.store), "opening a vault");
    begin(it);
    bench_must(dx_identity_create(it->context.store, dx_host_alloc(), &bench_random, dx_bytes_text(name),
                                  &it->identity),
               "an identity");
    commit(it);
}

static void close_replica(replica *it) {
    dx_space_destroy(&it->context, it->space);
    dx_identity_deinit(&it->identity);
    dx_store_close(it->context.store);
    free(it->keys);
    unlink(it->path);
}

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
            begin(it);
            bench_must(dx_transaction_begin(&it->context, it->space, &transaction), "a transaction");
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
            commit(it);
        }
    }
}

/* --- Replication ----------------------------------------------------------------------------- */

/* Copies of blocks [from, …) of a feed, up to RUN_SIZE; returns where the run ends. */
static uint64_t copy_run(replica *source, const dx_feed *feed, uint64_t from, dx_buf *bytes,
                         dx_bytes *blocks) {
    size_t starts[RUN_BLOCKS_MAX + 1], count = 0;
    dx_buf_clear(bytes);
    while (from + count < feed->length && count < RUN_BLOCKS_MAX && bytes->size < RUN_SIZE) {
        dx_bytes block;
        bench_must(dx_feed_read(feed, source->context.store, from + count, &block), "reading a block");
        starts[count++] = bytes->size;
        dx_buf_append(bytes, block.data, block.size);
    }
    starts[count] = bytes->size;
    for (size_t i = 0; i < count; i++) {
        blocks[i] = dx_bytes_of(bytes->data + starts[i], starts[i + 1] - starts[i]);
    }
    return from + count;
}

static void receive_feed(replica *to, replica *from, const dx_feed *feed, dx_buf *bytes, bench_clock *total,
                         uint64_t *size) {
    dx_bytes blocks[RUN_BLOCKS_MAX];
    uint8_t proof[DX_MMR_PROOF_SIZE_MAX];
    for (uint64_t at = 0; at < feed->length;) {
        begin(from);
        uint64_t end = copy_run(from, feed, at, bytes, blocks);
        bench_must(dx_feed_prove(feed, from->context.store, end, feed->head.length, proof), "proving");
        commit(from);
        bench_clock clock;
        bench_start(&clock);
        begin(to);
        dx_feed *target;
        bool more = true;
        bench_must(dx_space_add_feed(&to->context, to->space, &feed->identity, &target), "adding a feed");
        bench_must(dx_feed_receive(target, to->context.store, &feed->head, at, blocks, (size_t)(end - at),
                                   dx_bytes_of(proof, dx_mmr_proof_size(end, feed->head.length))),
                   "receiving");
        while (more) {
            bench_must(dx_pipeline_run(&to->context, to->space, SIZE_MAX, &more), "applying");
        }
        commit(to);
        bench_stop(&clock);
        total->cpu_s += clock.cpu_s;
        total->wall_s += clock.wall_s;
        *size += bytes->size;
        at = end;
    }
}

static void admit(replica *host, replica *guest) {
    const uint8_t invitation[16] = {1};
    dx_buf welcome;
    dx_buf_init(&welcome, dx_host_alloc(), DX_WELCOME_SIZE_MAX);
    begin(host);
    bench_must(dx_space_admit(&host->context, host->space, dx_buf_view(&guest->identity.device_credential),
                              DX_ROLE_EDITOR, invitation, &welcome),
               "admitting");
    commit(host);
    begin(guest);
    bench_must(dx_space_join(&guest->context, dx_buf_view(&welcome), &guest->space), "joining");
    commit(guest);
    dx_buf_deinit(&welcome);
}

static void replicate(replica *to, replica *from, bench_clock *total, uint64_t *size) {
    dx_buf bytes;
    dx_buf_init(&bytes, dx_host_alloc(), 4 * RUN_SIZE);
    for (int class = DX_FEED_CONTROL; class <= DX_FEED_DATA; class ++) {
        for (size_t i = 0; i < from->space->feed_count; i++) {
            const dx_feed *feed = &from->space->feeds[i];
            if (feed->own && (int)feed->identity.feed_class == class) {
                receive_feed(to, from, feed, &bytes, total, size);
            }
        }
    }
    dx_buf_deinit(&bytes);
}

/* --- The floor ------------------------------------------------------------------------------- */

/* The same rows once more, without blocks, models or any checking. */
static void insert_rows(replica *to, replica *from, bench_clock *total) {
    enum { ROWS_PER_COMMIT = TRANSACTION_OPS };
    int64_t after = 0;
    for (bool more = true; more;) {
        bench_clock clock;
        begin(from);
        begin(to);
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
        commit(to);
        bench_stop(&clock);
        total->cpu_s += clock.cpu_s;
        total->wall_s += clock.wall_s;
        commit(from);
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
        begin(it);
        bench_must(dx_transaction_begin(&it->context, it->space, &transaction), "a transaction");
        bench_must(dx_transaction_set(transaction, it->keys[package], dx_bytes_text("installedSize"),
                                      dx_bytes_of(value, sizeof value)),
                   "setting");
        bench_must(dx_transaction_commit(transaction), "writing");
        commit(it);
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
    uint64_t ops = input->package_count + input->edge_count, bytes = 0;
    replica alice, bob, raw;
    bench_clock clock;
    open_replica(&alice, input, "alice");
    begin(&alice);
    bench_must(dx_space_create(&alice.context, dx_bytes_text("packages"), &alice.space), "a space");
    commit(&alice);
    bench_start(&clock);
    import(&alice);
    bench_stop(&clock);
    say("echo.import", ops, input->cbor_bytes, &clock);
    open_replica(&bob, input, "bob");
    admit(&alice, &bob);
    clock = (bench_clock){0};
    replicate(&bob, &alice, &clock, &bytes);
    if (bob.space->blocked != 0 || bob.space->refused != 0) {
        bench_fail("the replica did not take everything");
    }
    say("echo.replicate", ops, bytes, &clock);
    close_replica(&bob);
    open_replica(&raw, input, "raw");
    clock = (bench_clock){0};
    insert_rows(&raw, &alice, &clock);
    say("echo.rows", ops, 0, &clock);
    close_replica(&raw);
    update(&alice);
    bench_query(input, &alice.context, alice.space, alice.keys);
    close_replica(&alice);
}
