/* tests/unit/feed/writer.h: what the tests of feeds share: a vault in a file of its own, and a writer that
 * keeps a feed's blocks in memory, so that forks, old heads and tampered runs are easily made.
 *
 * Layer: tests. A writer is a plain value: copying it makes a clone that may go on differently. */
#ifndef DX_TESTS_FEED_WRITER_H
#define DX_TESTS_FEED_WRITER_H

#include <unistd.h>

#include "feed/feed.h"
#include "feed/fork.h"
#include "test.h"

enum { WRITER_BLOCKS_MAX = 300, WRITER_BLOCK_SIZE_MAX = 256 };

typedef struct test_writer {
    dx_feed_identity identity;
    dx_sign_key key;
    uint8_t id[DX_HASH_SIZE];
    dx_mmr mmr;
    size_t sizes[WRITER_BLOCKS_MAX];
    uint8_t blocks[WRITER_BLOCKS_MAX][WRITER_BLOCK_SIZE_MAX];
    uint8_t nodes[2 * WRITER_BLOCKS_MAX][DX_HASH_SIZE];
} test_writer;

static inline void writer_init(test_writer *self, dx_feed_class feed_class, uint8_t name) {
    memset(self, 0, sizeof *self);
    uint8_t seed[DX_KEY_SIZE] = {name};
    dx_sign_key_from_seed(&self->key, seed);
    memset(self->identity.space_id, 0x5a, DX_HASH_SIZE);
    memset(self->identity.device, name, DX_KEY_SIZE);
    memcpy(self->identity.key, self->key.public_key, DX_KEY_SIZE);
    self->identity.feed_class = feed_class;
    dx_feed_id(&self->identity, self->id);
}

/* A block with one section, the text in clear; returns its size. */
static inline size_t make_block(dx_feed_class feed_class, const char *text,
                                uint8_t out[WRITER_BLOCK_SIZE_MAX]) {
    test_alloc memory;
    test_alloc_init(&memory);
    dx_buf header, items, block;
    dx_buf_init(&header, &memory.port, 256);
    dx_buf_init(&items, &memory.port, 256);
    dx_buf_init(&block, &memory.port, WRITER_BLOCK_SIZE_MAX);
    dx_writer item;
    dx_writer_init(&item, &items);
    dx_write_bytes(&item, dx_bytes_text(text));
    assert_int_equal(dx_writer_finish(&item), DX_OK);
    assert_int_equal(dx_block_header_encode(feed_class, 0, 0, 0, NULL, 0, NULL, 0, &header), DX_OK);
    assert_int_equal(dx_block_encode(dx_buf_view(&header), dx_buf_view(&items), 1, &block), DX_OK);
    size_t size = block.size;
    memcpy(out, block.data, size);
    dx_buf_deinit(&header);
    dx_buf_deinit(&items);
    dx_buf_deinit(&block);
    return size;
}

static inline void writer_append_bytes(test_writer *self, dx_bytes bytes) {
    uint64_t seq = self->mmr.length;
    assert_true(seq < WRITER_BLOCKS_MAX && bytes.size <= WRITER_BLOCK_SIZE_MAX);
    memcpy(self->blocks[seq], bytes.data, bytes.size);
    self->sizes[seq] = bytes.size;
    dx_block block;
    uint8_t leaf[DX_HASH_SIZE];
    assert_int_equal(dx_block_decode(bytes, &block), DX_OK);
    dx_block_leaf(&block, self->id, seq, leaf);
    (void)dx_mmr_append(&self->mmr, leaf, self->nodes[dx_mmr_node_count(seq)]);
}

/* Blocks up to a length; what they say depends on branch and number. */
static inline void writer_append(test_writer *self, uint64_t length, const char *branch) {
    while (self->mmr.length < length) {
        char text[64];
        snprintf(text, sizeof text, "%s %d", branch, (int)self->mmr.length);
        uint8_t block[WRITER_BLOCK_SIZE_MAX];
        size_t size = make_block(self->identity.feed_class, text, block);
        writer_append_bytes(self, dx_bytes_of(block, size));
    }
}

static inline int writer_read(void *ctx, unsigned level, uint64_t index, uint8_t out[static DX_HASH_SIZE]) {
    test_writer *self = ctx;
    uint64_t last = ((index + 1) << level) - 1;
    assert_true(last < self->mmr.length);
    memcpy(out, self->nodes[dx_mmr_node_count(last) + level], DX_HASH_SIZE);
    return DX_OK;
}

static inline void writer_root(test_writer *self, uint64_t length, uint8_t out[DX_HASH_SIZE]) {
    dx_mmr mmr;
    assert_int_equal(dx_mmr_load(&mmr, writer_read, self, length), DX_OK);
    dx_mmr_root(&mmr, out);
}

static inline dx_head writer_head(test_writer *self, uint64_t length) {
    dx_head head = {.length = length};
    writer_root(self, length, head.root);
    dx_head_sign(&head, &self->key, self->identity.space_id, self->id);
    return head;
}

/* A run as it stands on the wire. */
typedef struct test_run {
    dx_head head;
    uint64_t from;
    size_t count;
    dx_bytes blocks[WRITER_BLOCKS_MAX];
    uint8_t proof[DX_MMR_PROOF_SIZE_MAX];
    size_t proof_size;
} test_run;

static inline test_run writer_run(test_writer *self, uint64_t from, uint64_t end, uint64_t head_length) {
    test_run run = {.head = writer_head(self, head_length), .from = from, .count = (size_t)(end - from)};
    for (uint64_t seq = from; seq < end; seq++) {
        run.blocks[seq - from] = dx_bytes_of(self->blocks[seq], self->sizes[seq]);
    }
    assert_int_equal(dx_mmr_prove(writer_read, self, end, head_length, run.proof), DX_OK);
    run.proof_size = dx_mmr_proof_size(end, head_length);
    return run;
}

static inline int receive_run(dx_feed *feed, dx_store *store, const test_run *run) {
    return dx_feed_receive(feed, store, &run->head, run->from, run->blocks, run->count,
                           dx_bytes_of(run->proof, run->proof_size));
}

/* from … end of a writer's branch, under its head at head_length. */
static inline int receive(dx_feed *feed, dx_store *store, test_writer *from_writer, uint64_t from,
                          uint64_t end, uint64_t head_length) {
    test_run run = writer_run(from_writer, from, end, head_length);
    return receive_run(feed, store, &run);
}

/* --- A vault ------------------------------------------------------------------------------------------ */

typedef struct test_vault {
    test_alloc alloc;
    test_random random;
    char path[64], log_path[80];
    dx_store *store;
} test_vault;

/* Opens with a transaction begun. */
static inline void vault_open(test_vault *self) {
    dx_store_config config = {.alloc = &self->alloc.port,
                              .random = &self->random.port,
                              .path = self->path,
                              .page_key = {1},
                              .create = true};
    assert_int_equal(dx_store_open(&config, &self->store), DX_OK);
    assert_int_equal(dx_store_begin(self->store), DX_OK);
}

static inline void vault_init(test_vault *self, const char *name) {
    test_alloc_init(&self->alloc);
    test_random_init(&self->random, 9);
    snprintf(self->path, sizeof self->path, "%s.vault", name);
    snprintf(self->log_path, sizeof self->log_path, "%s-wal", self->path);
    unlink(self->path);
    unlink(self->log_path);
    vault_open(self);
}

static inline void vault_commit(test_vault *self) {
    assert_int_equal(dx_store_commit(self->store), DX_OK);
    assert_int_equal(dx_store_begin(self->store), DX_OK);
}

static inline void vault_deinit(test_vault *self) {
    dx_store_rollback(self->store);
    dx_store_close(self->store);
    assert_int_equal(self->alloc.live_bytes, 0);
    unlink(self->path);
    unlink(self->log_path);
}

static inline int64_t vault_count(test_vault *self, const char *sql) {
    sqlite3_stmt *select = dx_store_query_dynamic(self->store, sql);
    assert_true(dx_step(self->store, select));
    int64_t count = dx_column_int(select, 0);
    dx_store_discard(select);
    return count;
}

static inline void vault_run(test_vault *self, const char *sql) {
    sqlite3_stmt *statement = dx_store_query_dynamic(self->store, sql);
    assert_int_equal(dx_step_done(self->store, statement), DX_OK);
    dx_store_discard(statement);
}

static inline void feed_follow(test_vault *vault, const test_writer *writer, dx_feed *feed) {
    assert_int_equal(dx_feed_create(vault->store, &vault->alloc.port, 1, &writer->identity, false, feed),
                     DX_OK);
}

/* What is in the rows is what was in memory. */
static inline void feed_reload(test_vault *vault, dx_feed *feed) {
    dx_feed before = *feed;
    dx_feed_deinit(feed);
    assert_int_equal(
        dx_feed_load(vault->store, &vault->alloc.port, before.identity.space_id, before.local, feed), DX_OK);
    assert_int_equal(feed->space, before.space);
    assert_int_equal(feed->own, before.own);
    assert_int_equal(feed->frozen, before.frozen);
    assert_true(feed->cut == before.cut);
    assert_int_equal(feed->length, before.length);
    assert_int_equal(feed->applied, before.applied);
    assert_memory_equal(feed->id, before.id, DX_HASH_SIZE);
    assert_memory_equal(&feed->head, &before.head, sizeof feed->head);
    assert_memory_equal(&feed->target, &before.target, sizeof feed->target);
    uint8_t root[DX_HASH_SIZE], root_before[DX_HASH_SIZE];
    dx_mmr_root(&feed->mmr, root);
    dx_mmr_root(&before.mmr, root_before);
    assert_memory_equal(root, root_before, DX_HASH_SIZE);
}

/* The feed holds exactly this much of the writer's branch, and says so in every way it can be asked. */
static inline void assert_holds(dx_feed *feed, test_vault *vault, test_writer *writer, uint64_t length) {
    assert_int_equal(feed->length, length);
    char sql[96];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM block WHERE key >> 32 = %d", (int)feed->rows);
    assert_int_equal(vault_count(vault, sql), length - feed->parts);
    for (uint64_t seq = 0; seq < length; seq++) {
        dx_bytes block;
        assert_int_equal(dx_feed_read(feed, vault->store, seq, &block), DX_OK);
        assert_true(dx_bytes_equal(block, dx_bytes_of(writer->blocks[seq], writer->sizes[seq])));
    }
    for (uint64_t at = 0; at <= length; at += length > 40 ? 7 : 1) {
        uint8_t root[DX_HASH_SIZE], expected[DX_HASH_SIZE];
        assert_int_equal(dx_feed_root(feed, vault->store, at, root), DX_OK);
        writer_root(writer, at, expected);
        assert_memory_equal(root, expected, DX_HASH_SIZE);
    }
}

#endif
