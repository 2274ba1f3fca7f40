/* bench/replica.c: see replica.h. Layer: measuring programs. */
#include "replica.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "echo/entity_row.h"
#include "halo/welcome.h"

enum { RUN_SIZE = 1 << 20, RUN_BLOCKS_MAX = 256 };

static void fill_random(void *ctx, uint8_t *out, size_t size) {
    (void)ctx;
    randombytes_buf(out, size);
}

static const dx_random bench_random = {NULL, fill_random};

/* --- Life ------------------------------------------------------------------------------------ */

void bench_replica_begin(bench_replica *it) {
    bench_must(dx_store_begin(it->context.store), "beginning");
}

void bench_replica_commit(bench_replica *it) {
    if (it->space != NULL) {
        bench_must(dx_space_sign_heads(&it->context, it->space), "signing");
    }
    bench_must(dx_store_commit(it->context.store), "committing");
}

static void open_store(bench_replica *it, bool create) {
    it->context = (dx_context){.alloc = dx_host_alloc(), .random = &bench_random, .identity = &it->identity};
    dx_store_config config = {
        .alloc = dx_host_alloc(), .random = &bench_random, .path = it->path, .create = create};
    bench_must(dx_store_open(&config, &it->context.store), "opening a vault");
}

void bench_replica_create(bench_replica *it, const bench_input *input, const char *name) {
    memset(it, 0, sizeof *it);
    int size = snprintf(it->path, sizeof it->path, "%s/%s.vault", input->directory, name);
    if (size < 0 || (size_t)size >= sizeof it->path) {
        bench_fail("the folder's name is too long");
    }
    unlink(it->path);
    open_store(it, true);
    bench_replica_begin(it);
    bench_must(dx_identity_create(it->context.store, dx_host_alloc(), &bench_random, dx_bytes_text(name),
                                  &it->identity),
               "an identity");
    bench_replica_commit(it);
}

void bench_replica_create_space(bench_replica *it, const char *name) {
    bench_replica_begin(it);
    bench_must(dx_space_create(&it->context, dx_bytes_text(name), &it->space), "a space");
    bench_replica_commit(it);
}

static int load_space(void *ctx, int64_t local) {
    bench_replica *it = ctx;
    return dx_space_load(&it->context, local, &it->space);
}

void bench_replica_open(bench_replica *it) {
    open_store(it, false);
    bench_replica_begin(it);
    bench_must(dx_identity_load(it->context.store, dx_host_alloc(), &it->identity), "the identity");
    bench_must(dx_space_each(&it->context, load_space, it), "loading the space");
    bench_replica_commit(it);
}

/* As a node closes: rows that follow their blocks have done so. */
void bench_replica_close(bench_replica *it) {
    bench_replica_begin(it);
    if (it->space != NULL) {
        bench_must(dx_entity_rows_write(&it->context, it->space), "writing rows");
    }
    bench_replica_commit(it);
    dx_space_destroy(&it->context, it->space);
    it->space = NULL;
    dx_identity_deinit(&it->identity);
    dx_store_close(it->context.store);
}

void bench_replica_remove(bench_replica *it) {
    bench_replica_close(it);
    unlink(it->path);
}

/* --- Replication ----------------------------------------------------------------------------- */

/* Copies of blocks [from, …) of a feed, up to RUN_SIZE; returns where the run ends. */
static uint64_t copy_run(bench_replica *source, const dx_feed *feed, uint64_t from, dx_buf *bytes,
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

static void receive_feed(bench_replica *to, bench_replica *from, const dx_feed *feed, dx_buf *bytes,
                         bench_clock *total, uint64_t *size) {
    dx_bytes blocks[RUN_BLOCKS_MAX];
    uint8_t proof[DX_MMR_PROOF_SIZE_MAX];
    const dx_feed *known = dx_space_feed_by_prefix(to->space, feed->id);
    for (uint64_t at = known == NULL ? 0 : known->length; at < feed->length;) {
        bench_replica_begin(from);
        uint64_t end = copy_run(from, feed, at, bytes, blocks);
        bench_must(dx_feed_prove(feed, from->context.store, end, feed->head.length, proof), "proving");
        bench_replica_commit(from);
        bench_clock clock;
        bench_start(&clock);
        bench_replica_begin(to);
        dx_feed *target;
        bool more = true;
        bench_must(dx_space_add_feed(&to->context, to->space, &feed->identity, &target), "adding a feed");
        bench_must(dx_feed_receive(target, to->context.store, &feed->head, at, blocks, (size_t)(end - at),
                                   dx_bytes_of(proof, dx_mmr_proof_size(end, feed->head.length))),
                   "receiving");
        while (more) {
            bench_must(dx_pipeline_run(&to->context, to->space, SIZE_MAX, &more), "applying");
        }
        bench_replica_commit(to);
        bench_stop(&clock);
        total->cpu_s += clock.cpu_s;
        total->wall_s += clock.wall_s;
        *size += bytes->size;
        at = end;
    }
}

void bench_replica_admit(bench_replica *host, bench_replica *guest) {
    const uint8_t invitation[16] = {1};
    dx_buf welcome;
    dx_buf_init(&welcome, dx_host_alloc(), DX_WELCOME_SIZE_MAX);
    bench_replica_begin(host);
    bench_must(dx_space_admit(&host->context, host->space, dx_buf_view(&guest->identity.device_credential),
                              DX_ROLE_EDITOR, invitation, &welcome),
               "admitting");
    bench_replica_commit(host);
    bench_replica_begin(guest);
    bench_must(dx_space_join(&guest->context, dx_buf_view(&welcome), &guest->space), "joining");
    bench_replica_commit(guest);
    dx_buf_deinit(&welcome);
}

uint64_t bench_replicate(bench_replica *to, bench_replica *from, bench_clock *total) {
    dx_buf bytes;
    uint64_t size = 0;
    dx_buf_init(&bytes, dx_host_alloc(), 4 * RUN_SIZE);
    for (int class = DX_FEED_CONTROL; class <= DX_FEED_DATA; class ++) {
        for (size_t i = 0; i < from->space->feed_count; i++) {
            const dx_feed *feed = &from->space->feeds[i];
            if (feed->own && (int)feed->identity.feed_class == class) {
                receive_feed(to, from, feed, &bytes, total, &size);
            }
        }
    }
    dx_buf_deinit(&bytes);
    if (to->space->blocked != 0 || to->space->refused != 0) {
        bench_fail("the replica did not take everything");
    }
    return size;
}
