/* bench/feed.c: what a feed costs: the packages sealed as sections, 15 KB of them a block, appended, verified
 * and stored.
 *
 *   feed.hash      BLAKE2b-256 over each block's bytes, one hash a block: the floor of verification
 *   feed.sections  the same, one hash a section: the floor of what can be purged section by section
 *   feed.seal      sections sealed, blocks encoded
 *   feed.verify    blocks decoded, leaves, tree, root against the head; nothing stored
 *   feed.rows      the same rows inserted into a vault without any checking, committed each megabyte: the floor of storing
 *   feed.receive   dx_feed_receive in runs of a megabyte, each committed: verified, stored, durable
 *   feed.append    dx_feed_append, signed and committed each megabyte
 *
 * Layer: measuring programs; looks inside the core, since nothing public speaks of feeds. */
#include "bench.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "feed/feed.h"

enum { BLOCK_SIZE = 15 * 1024, RUN_SIZE = 1 << 20, SECTIONS_MAX = 4096 };

typedef struct feed_run {
    const bench_input *input;
    uint8_t key[DX_KEY_SIZE];
    dx_feed_identity identity;
    dx_sign_key sign_key;
    uint8_t id[DX_HASH_SIZE];
    dx_buf header, items, block;
    dx_bytes *blocks;
    size_t block_count, section_count;
    uint64_t bytes;
    dx_mmr mmr;
    uint8_t *nodes;
    dx_head head;
    char path[4096];
} feed_run;

static void fill_random(void *ctx, uint8_t *out, size_t size) {
    (void)ctx;
    randombytes_buf(out, size);
}

static const dx_random bench_random = {NULL, fill_random};

/* --- Blocks ---------------------------------------------------------------------------------- */

/* Seals packages from `package` on into the next block; returns the first that did not fit any more. */
static size_t seal_block(feed_run *it, size_t package, uint64_t seq) {
    size_t index = 0;
    dx_buf_clear(&it->items);
    dx_buf_clear(&it->block);
    while (package < it->input->package_count && it->items.size < BLOCK_SIZE && index < SECTIONS_MAX) {
        dx_bytes plain = it->input->packages[package++].cbor;
        bench_must(dx_section_seal(it->key, it->id, seq, index++, plain, &it->items), "sealing");
    }
    bench_must(dx_block_encode(dx_buf_view(&it->header), dx_buf_view(&it->items), index, &it->block),
               "encoding a block");
    return package;
}

static void seal_all(void *ctx) {
    feed_run *it = ctx;
    uint64_t seq = 0;
    for (size_t package = 0; package < it->input->package_count;) {
        package = seal_block(it, package, seq++);
    }
}

static void keep_blocks(feed_run *it) {
    it->blocks = malloc(it->input->package_count * sizeof *it->blocks);
    for (size_t package = 0; package < it->input->package_count && it->blocks;) {
        package = seal_block(it, package, it->block_count);
        uint8_t *copy = malloc(it->block.size);
        if (!copy) {
            bench_fail("no memory for the blocks");
        }
        memcpy(copy, it->block.data, it->block.size);
        it->blocks[it->block_count++] = dx_bytes_of(copy, it->block.size);
        it->bytes += it->block.size;
    }
    it->nodes = malloc(2 * it->block_count * DX_HASH_SIZE);
    if (!it->blocks || !it->nodes) {
        bench_fail("no memory for the blocks");
    }
}

static void add_leaf(feed_run *it, dx_mmr *mmr) {
    dx_block block;
    uint8_t leaf[DX_HASH_SIZE];
    bench_must(dx_block_decode(it->blocks[mmr->length], &block), "reading a block");
    dx_block_leaf(&block, it->id, mmr->length, leaf);
    (void)dx_mmr_append(mmr, leaf, it->nodes + dx_mmr_node_count(mmr->length) * DX_HASH_SIZE);
}

static void verify_all(void *ctx) {
    feed_run *it = ctx;
    it->mmr.length = 0;
    while (it->mmr.length < it->block_count) {
        add_leaf(it, &it->mmr);
    }
    uint8_t root[DX_HASH_SIZE];
    dx_mmr_root(&it->mmr, root);
    if (memcmp(root, it->head.root, DX_HASH_SIZE) != 0) {
        bench_fail("the root is another");
    }
    bench_must(dx_head_verify(&it->head, it->identity.space_id, it->id, it->identity.key),
               "verifying the head");
}

static void hash_blocks(void *ctx) {
    const feed_run *it = ctx;
    uint8_t digest[DX_HASH_SIZE];
    for (size_t i = 0; i < it->block_count; i++) {
        dx_hash(DX_HASH_SECTION, it->blocks[i], digest);
    }
}

static void hash_sections(void *ctx) {
    const feed_run *it = ctx;
    uint8_t digest[DX_HASH_SIZE];
    for (size_t i = 0; i < it->block_count; i++) {
        dx_block block;
        dx_reader cursor;
        bench_must(dx_block_decode(it->blocks[i], &block), "reading a block");
        dx_reader_init(&cursor, block.sections);
        for (size_t k = 0; k < block.section_count; k++) {
            dx_bytes section;
            bool purged;
            bench_must(dx_block_section(&cursor, &section, &purged), "reading a section");
            dx_hash(DX_HASH_SECTION, section, digest);
        }
    }
}

/* --- Vaults ---------------------------------------------------------------------------------- */

static dx_store *open_vault(feed_run *it) {
    int size = snprintf(it->path, sizeof it->path, "%s/feed.vault", it->input->directory);
    if (size < 0 || (size_t)size >= sizeof it->path) {
        bench_fail("the folder's name is too long");
    }
    unlink(it->path);
    dx_store_config config = {
        .alloc = dx_host_alloc(), .random = &bench_random, .path = it->path, .create = true};
    dx_store *store;
    bench_must(dx_store_open(&config, &store), "opening a vault");
    bench_must(dx_store_begin(store), "beginning");
    return store;
}

static void commit(dx_store *store) {
    bench_must(dx_store_commit(store), "committing");
    bench_must(dx_store_begin(store), "beginning");
}

static void close_vault(feed_run *it, dx_store *store) {
    bench_must(dx_store_commit(store), "committing");
    dx_store_close(store);
    unlink(it->path);
}

/* Where the run that begins here ends: about a megabyte later. */
static uint64_t end_of_run(const feed_run *it, uint64_t from) {
    size_t size = 0;
    for (; from < it->block_count && size < RUN_SIZE; from++) {
        size += it->blocks[from].size;
    }
    return from;
}

static void store_rows(void *ctx) {
    feed_run *it = ctx;
    dx_store *store = open_vault(it);
    for (uint64_t seq = 0; seq < it->block_count;) {
        for (uint64_t end = end_of_run(it, seq); seq < end; seq++) {
            uint64_t first = dx_mmr_node_count(seq), last = dx_mmr_node_count(seq + 1);
            sqlite3_stmt *insert =
                dx_store_query(store, "INSERT INTO block(key, nodes, body) VALUES(?1, ?2, ?3)");
            dx_bind_int(insert, 1, (int64_t)(1ull << 32 | seq));
            dx_bind_bytes(
                insert, 2,
                dx_bytes_of(it->nodes + first * DX_HASH_SIZE, (size_t)(last - first) * DX_HASH_SIZE));
            dx_bind_bytes(insert, 3, it->blocks[seq]);
            bench_must(dx_step_done(store, insert), "inserting");
        }
        commit(store);
    }
    close_vault(it, store);
}

static int read_node(void *ctx, unsigned level, uint64_t index, uint8_t out[static DX_HASH_SIZE]) {
    const feed_run *it = ctx;
    uint64_t row = dx_mmr_node_count(((index + 1) << level) - 1);
    memcpy(out, it->nodes + (row + level) * DX_HASH_SIZE, DX_HASH_SIZE);
    return DX_OK;
}

static void receive_all(void *ctx) {
    feed_run *it = ctx;
    dx_store *store = open_vault(it);
    dx_feed feed;
    bench_must(dx_feed_create(store, dx_host_alloc(), 1, &it->identity, false, &feed), "registering a feed");
    while (feed.length < it->block_count) {
        uint64_t end = end_of_run(it, feed.length);
        uint8_t proof[DX_MMR_PROOF_SIZE_MAX];
        bench_must(dx_mmr_prove(read_node, it, end, it->block_count, proof), "proving");
        dx_bytes tiles = dx_bytes_of(proof, dx_mmr_proof_size(end, it->block_count));
        bench_must(dx_feed_receive(&feed, store, &it->head, feed.length, it->blocks + feed.length,
                                   (size_t)(end - feed.length), tiles),
                   "receiving");
        commit(store);
    }
    dx_feed_deinit(&feed);
    close_vault(it, store);
}

static void append_all(void *ctx) {
    feed_run *it = ctx;
    dx_store *store = open_vault(it);
    dx_feed feed;
    bench_must(dx_feed_create(store, dx_host_alloc(), 1, &it->identity, true, &feed), "registering a feed");
    while (feed.length < it->block_count) {
        for (uint64_t end = end_of_run(it, feed.length); feed.length < end;) {
            bench_must(dx_feed_append(&feed, store, it->blocks[feed.length]), "appending");
        }
        bench_must(dx_feed_sign(&feed, store, &it->sign_key), "signing");
        commit(store);
    }
    dx_feed_deinit(&feed);
    close_vault(it, store);
}

/* --- The measurement ------------------------------------------------------------------------- */

static void prepare(feed_run *it) {
    static const uint8_t seed[DX_KEY_SIZE] = {1};
    dx_sign_key_from_seed(&it->sign_key, seed);
    memcpy(it->identity.key, it->sign_key.public_key, DX_KEY_SIZE);
    it->identity.feed_class = DX_FEED_DATA;
    dx_feed_id(&it->identity, it->id);
    dx_buf_init(&it->header, dx_host_alloc(), 1024);
    dx_buf_init(&it->items, dx_host_alloc(), DX_BLOCK_SIZE_MAX);
    dx_buf_init(&it->block, dx_host_alloc(), 2 * DX_BLOCK_SIZE_MAX);
    bench_must(dx_block_header_encode(DX_FEED_DATA, 0, 1, 0, NULL, 0, NULL, 0, &it->header),
               "encoding a header");
    keep_blocks(it);
    while (it->mmr.length < it->block_count) {
        add_leaf(it, &it->mmr);
    }
    it->head.length = it->block_count;
    dx_mmr_root(&it->mmr, it->head.root);
    dx_head_sign(&it->head, &it->sign_key, it->identity.space_id, it->id);
}

void bench_feed(const bench_input *input) {
    static feed_run it;
    it = (feed_run){.input = input};
    prepare(&it);
    bench_rounds("feed.hash", it.block_count, it.bytes, hash_blocks, &it);
    bench_rounds("feed.sections", it.block_count, it.bytes, hash_sections, &it);
    bench_rounds("feed.seal", it.block_count, it.bytes, seal_all, &it);
    bench_rounds("feed.verify", it.block_count, it.bytes, verify_all, &it);
    bench_rounds("feed.rows", it.block_count, it.bytes, store_rows, &it);
    bench_rounds("feed.receive", it.block_count, it.bytes, receive_all, &it);
    bench_rounds("feed.append", it.block_count, it.bytes, append_all, &it);
    for (size_t i = 0; i < it.block_count; i++) {
        free((void *)(uintptr_t)it.blocks[i].data);
    }
    free(it.blocks);
    free(it.nodes);
    dx_buf_deinit(&it.header);
    dx_buf_deinit(&it.items);
    dx_buf_deinit(&it.block);
}
