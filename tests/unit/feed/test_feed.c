/* tests/unit/feed/test_feed.c: feed/feed.c and feed/branch.c: own feeds, rows, reloading, damage, proofs from
 * rows. */
#include "writer.h"

typedef struct own_feed {
    test_vault vault;
    test_writer writer; /* the same blocks, for comparison */
    dx_feed feed;
} own_feed;

static void own_init(own_feed *self) {
    vault_init(&self->vault, "test_feed");
    writer_init(&self->writer, DX_FEED_DATA, 1);
    assert_int_equal(dx_feed_create(self->vault.store, &self->vault.alloc.port, 1, &self->writer.identity,
                                    true, &self->feed),
                     DX_OK);
}

static void own_append(own_feed *self, uint64_t length) {
    uint64_t seq = self->writer.mmr.length;
    writer_append(&self->writer, length, "own");
    for (; seq < length; seq++) {
        dx_bytes block = dx_bytes_of(self->writer.blocks[seq], self->writer.sizes[seq]);
        assert_int_equal(dx_feed_append(&self->feed, self->vault.store, block), DX_OK);
    }
}

static void own_deinit(own_feed *self) {
    dx_feed_deinit(&self->feed);
    vault_deinit(&self->vault);
}

static void test_append_sign_reload(void **state) {
    (void)state;
    own_feed f;
    own_init(&f);
    assert_int_equal(f.feed.local, 1);
    feed_reload(&f.vault, &f.feed);
    assert_int_equal(dx_feed_sign(&f.feed, f.vault.store, &f.writer.key), DX_OK);
    assert_int_equal(f.feed.head.length, 0);
    uint64_t lengths[] = {1, 2, 5, 64, 100};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        own_append(&f, lengths[i]);
        assert_true(f.feed.unsigned_tail);
        assert_null(dx_feed_cover(&f.feed, lengths[i]));
        assert_int_equal(dx_feed_sign(&f.feed, f.vault.store, &f.writer.key), DX_OK);
        assert_false(f.feed.unsigned_tail);
        dx_head expected = writer_head(&f.writer, lengths[i]);
        assert_memory_equal(&f.feed.head, &expected, sizeof expected);
        assert_int_equal(
            dx_head_verify(&f.feed.head, f.writer.identity.space_id, f.feed.id, f.writer.identity.key),
            DX_OK);
        vault_commit(&f.vault);
        feed_reload(&f.vault, &f.feed);
    }
    assert_holds(&f.feed, &f.vault, &f.writer, 100);
    dx_bytes block;
    uint8_t root[DX_HASH_SIZE];
    assert_int_equal(dx_feed_read(&f.feed, f.vault.store, 100, &block), DX_E_NOT_FOUND);
    assert_int_equal(block.size, 0);
    assert_int_equal(dx_feed_root(&f.feed, f.vault.store, 101, root), DX_E_NOT_FOUND);
    own_deinit(&f);
}

static void test_what_cannot_be_appended(void **state) {
    (void)state;
    own_feed f;
    own_init(&f);
    dx_feed *feed = &f.feed;
    uint8_t control[WRITER_BLOCK_SIZE_MAX], data[WRITER_BLOCK_SIZE_MAX];
    size_t control_size = make_block(DX_FEED_CONTROL, "x", control),
           data_size = make_block(DX_FEED_DATA, "x", data);
    assert_int_equal(dx_feed_append(feed, f.vault.store, dx_bytes_of(control, control_size)), DX_E_MALFORMED);
    assert_int_equal(dx_feed_append(feed, f.vault.store, dx_bytes_of(data, data_size - 1)), DX_E_MALFORMED);
    feed->frozen = true;
    assert_int_equal(dx_feed_append(feed, f.vault.store, dx_bytes_of(data, data_size)), DX_E_STATE);
    feed->frozen = false;
    feed->own = false;
    assert_int_equal(dx_feed_append(feed, f.vault.store, dx_bytes_of(data, data_size)), DX_E_STATE);
    feed->own = true;
    feed->length = DX_FEED_LENGTH_MAX;
    assert_int_equal(dx_feed_append(feed, f.vault.store, dx_bytes_of(data, data_size)), DX_E_LIMIT);
    feed->length = 0;
    dx_dependency itself = {.length = 1};
    memcpy(itself.feed, feed->id, DX_PREFIX_SIZE);
    for (int list = 0; list < 2; list++) {
        dx_buf header, block;
        dx_buf_init(&header, &f.vault.alloc.port, 256);
        dx_buf_init(&block, &f.vault.alloc.port, 256);
        assert_int_equal(
            dx_block_header_encode(DX_FEED_DATA, 0, 0, 0, &itself, list == 0, &itself, list == 1, &header),
            DX_OK);
        assert_int_equal(dx_block_encode(dx_buf_view(&header), dx_bytes_of(NULL, 0), 0, &block), DX_OK);
        assert_int_equal(dx_feed_append(feed, f.vault.store, dx_buf_view(&block)), DX_E_MALFORMED);
        dx_buf_deinit(&header);
        dx_buf_deinit(&block);
    }
    assert_int_equal(feed->length, 0);
    assert_int_equal(vault_count(&f.vault, "SELECT count(*) FROM block"), 0);
    own_deinit(&f);
}

static void test_rollback_leaves_the_rows(void **state) {
    (void)state;
    own_feed f;
    own_init(&f);
    own_append(&f, 3);
    assert_int_equal(dx_feed_sign(&f.feed, f.vault.store, &f.writer.key), DX_OK);
    vault_commit(&f.vault);
    test_writer kept = f.writer;
    own_append(&f, 9);
    assert_int_equal(dx_feed_sign(&f.feed, f.vault.store, &f.writer.key), DX_OK);
    dx_store_rollback(f.vault.store);
    assert_int_equal(dx_store_begin(f.vault.store), DX_OK);
    dx_feed_deinit(&f.feed);
    assert_int_equal(dx_feed_load(f.vault.store, &f.vault.alloc.port, kept.identity.space_id, 1, &f.feed),
                     DX_OK);
    assert_holds(&f.feed, &f.vault, &kept, 3);
    own_deinit(&f);
}

/* A transaction that forgot to sign must not pass for a sound feed. */
static void test_unsigned_rows_are_found_at_load(void **state) {
    (void)state;
    own_feed f;
    own_init(&f);
    own_append(&f, 2);
    dx_feed again;
    assert_int_equal(dx_feed_load(f.vault.store, &f.vault.alloc.port, f.writer.identity.space_id, 1, &again),
                     DX_E_CORRUPT);
    own_deinit(&f);
}

static void test_retired_feed_is_received(void **state) {
    (void)state;
    own_feed f;
    own_init(&f);
    own_append(&f, 4);
    assert_int_equal(dx_feed_retire(&f.feed, f.vault.store), DX_E_STATE);
    assert_int_equal(dx_feed_sign(&f.feed, f.vault.store, &f.writer.key), DX_OK);
    test_writer other_life = f.writer;
    writer_append(&other_life, 9, "own");
    dx_head longer = writer_head(&other_life, 9);
    assert_int_equal(receive(&f.feed, f.vault.store, &other_life, 4, 9, 9), DX_E_STATE);
    assert_int_equal(dx_feed_hear(&f.feed, f.vault.store, &f.feed.head), DX_OK);
    assert_int_equal(dx_feed_hear(&f.feed, f.vault.store, &longer), DX_E_CONFLICT);
    assert_int_equal(dx_feed_retire(&f.feed, f.vault.store), DX_OK);
    assert_int_equal(dx_feed_retire(&f.feed, f.vault.store), DX_E_STATE);
    feed_reload(&f.vault, &f.feed);
    assert_false(f.feed.own);
    assert_int_equal(
        dx_feed_append(&f.feed, f.vault.store, dx_bytes_of(f.writer.blocks[0], f.writer.sizes[0])),
        DX_E_STATE);
    assert_int_equal(dx_feed_hear(&f.feed, f.vault.store, &longer), DX_OK);
    assert_int_equal(receive(&f.feed, f.vault.store, &other_life, 4, 9, 9), DX_OK);
    assert_holds(&f.feed, &f.vault, &other_life, 9);
    own_deinit(&f);
}

/* The device writes elsewhere what it has not signed here. */
static void test_own_tail_contradicted(void **state) {
    (void)state;
    own_feed f;
    own_init(&f);
    own_append(&f, 4);
    assert_int_equal(dx_feed_sign(&f.feed, f.vault.store, &f.writer.key), DX_OK);
    test_writer other_life = f.writer;
    writer_append(&other_life, 6, "elsewhere");
    own_append(&f, 6);
    dx_head head = writer_head(&other_life, 6);
    assert_int_equal(dx_feed_hear(&f.feed, f.vault.store, &head), DX_E_CONFLICT);
    assert_false(f.feed.frozen);
    assert_int_equal(dx_feed_sign(&f.feed, f.vault.store, &f.writer.key), DX_OK);
    assert_int_equal(dx_feed_hear(&f.feed, f.vault.store, &head), DX_E_FORK);
    assert_true(f.feed.frozen);
    assert_int_equal(f.feed.cut, 5);
    feed_reload(&f.vault, &f.feed);
    own_deinit(&f);
}

static void test_registration(void **state) {
    (void)state;
    own_feed f;
    own_init(&f);
    dx_feed again;
    assert_int_equal(dx_feed_create(f.vault.store, &f.vault.alloc.port, 1, &f.writer.identity, false, &again),
                     DX_E_EXISTS);
    dx_feed_deinit(&again);
    test_writer other;
    writer_init(&other, DX_FEED_CONTROL, 2);
    assert_int_equal(dx_feed_create(f.vault.store, &f.vault.alloc.port, 1, &other.identity, false, &again),
                     DX_OK);
    assert_int_equal(again.local, 2);
    feed_reload(&f.vault, &again);
    dx_feed_deinit(&again);
    /* Another feed whose id begins with the same 16 bytes cannot be made; a row that claims to be one can. */
    vault_run(&f.vault, "UPDATE feed SET feed_id=x'00' WHERE id=1");
    assert_int_equal(dx_feed_create(f.vault.store, &f.vault.alloc.port, 1, &f.writer.identity, false, &again),
                     DX_E_EXISTS);
    dx_feed_deinit(&again);
    vault_run(&f.vault, "UPDATE feed SET id=32767 WHERE id=2");
    writer_init(&other, DX_FEED_DATA, 3);
    assert_int_equal(dx_feed_create(f.vault.store, &f.vault.alloc.port, 1, &other.identity, false, &again),
                     DX_E_LIMIT);
    dx_feed_deinit(&again);
    assert_int_equal(dx_feed_load(f.vault.store, &f.vault.alloc.port, other.identity.space_id, 77, &again),
                     DX_E_NOT_FOUND);
    own_deinit(&f);
}

typedef struct seen {
    int64_t locals[256];
    size_t count;
    size_t stop_at;
} seen;

static int see(void *ctx, int64_t local) {
    seen *self = ctx;
    self->locals[self->count++] = local;
    return self->count == self->stop_at ? DX_E_LIMIT : DX_OK;
}

static void test_each_feed_of_a_space(void **state) {
    (void)state;
    test_vault vault;
    vault_init(&vault, "test_feed");
    for (int i = 0; i < 200; i++) {
        test_writer writer;
        writer_init(&writer, DX_FEED_DATA, (uint8_t)i);
        dx_feed feed;
        assert_int_equal(
            dx_feed_create(vault.store, &vault.alloc.port, 1 + i % 3 / 2, &writer.identity, false, &feed),
            DX_OK);
        dx_feed_deinit(&feed);
    }
    seen all = {.count = 0};
    assert_int_equal(dx_feed_each(vault.store, 2, see, &all), DX_OK);
    assert_int_equal(all.count, 66);
    for (size_t i = 0; i < all.count; i++) {
        assert_int_equal(all.locals[i], 3 + 3 * i);
    }
    all = (seen){.stop_at = 70};
    assert_int_equal(dx_feed_each(vault.store, 1, see, &all), DX_E_LIMIT);
    assert_int_equal(all.count, 70);
    all = (seen){.count = 0};
    assert_int_equal(dx_feed_each(vault.store, 9, see, &all), DX_OK);
    assert_int_equal(all.count, 0);
    vault_deinit(&vault);
}

static void test_applied_and_timeframe(void **state) {
    (void)state;
    own_feed f;
    own_init(&f);
    own_append(&f, 4);
    assert_int_equal(dx_feed_sign(&f.feed, f.vault.store, &f.writer.key), DX_OK);
    f.feed.applied = 3;
    assert_int_equal(dx_timeframe_raise(&f.feed.timeframe, 1, 3), DX_OK);
    assert_int_equal(dx_timeframe_raise(&f.feed.timeframe, 8, 70000), DX_OK);
    assert_int_equal(dx_feed_save_applied(&f.feed, f.vault.store), DX_OK);
    feed_reload(&f.vault, &f.feed);
    assert_int_equal(f.feed.applied, 3);
    assert_int_equal(dx_timeframe_get(&f.feed.timeframe, 8), 70000);
    assert_int_equal(f.feed.timeframe.count, 2);
    own_deinit(&f);
}

/* Every column that contradicts another, the space or the blocks is found when the feed is loaded. */
static void test_damaged_rows(void **state) {
    (void)state;
    static const char *const damages[] = {
        "UPDATE feed SET feed_id=zeroblob(32)",
        "UPDATE feed SET feed_id=x'00'",
        "UPDATE feed SET device=zeroblob(32)",
        "UPDATE feed SET device=x''",
        "UPDATE feed SET key=zeroblob(32)",
        "UPDATE feed SET key=zeroblob(31)",
        "UPDATE feed SET class=0",
        "UPDATE feed SET class=2",
        "UPDATE feed SET length=-1",
        "UPDATE feed SET length=2147483648",
        "UPDATE feed SET length=9",
        "UPDATE feed SET length=11",
        "UPDATE feed SET applied=11",
        "UPDATE feed SET applied=-1",
        "UPDATE feed SET peaks=zeroblob(64)",
        "UPDATE feed SET peaks=substr(peaks, 1, 63)",
        "UPDATE feed SET head=x''",
        "UPDATE feed SET head=substr(head, 1, 103)",
        "UPDATE feed SET head=CAST(head || x'00' AS BLOB)",
        "UPDATE feed SET head=CAST(x'0b' || substr(head, 2) AS BLOB)",
        "UPDATE feed SET head=CAST(x'09' || substr(head, 2) AS BLOB)",
        "UPDATE feed SET head=zeroblob(104)",
        "UPDATE feed SET target=head",
        "UPDATE feed SET target=x'00'",
        "UPDATE feed SET timeframe=x'00'",
        "UPDATE feed SET cut=-1",
        "UPDATE feed SET cut=2147483647",
        "DELETE FROM block WHERE key=(1 << 32) + 9",
        "INSERT INTO block VALUES((1 << 32) + 10, x'', x'')",
    };
    own_feed f;
    own_init(&f);
    own_append(&f, 10);
    assert_int_equal(dx_feed_sign(&f.feed, f.vault.store, &f.writer.key), DX_OK);
    vault_commit(&f.vault);
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        vault_run(&f.vault, damages[i]);
        dx_feed again;
        int error = dx_feed_load(f.vault.store, &f.vault.alloc.port, f.writer.identity.space_id, 1, &again);
        if (error != DX_E_CORRUPT) {
            print_message("%s\n", damages[i]);
        }
        assert_int_equal(error, DX_E_CORRUPT);
        dx_store_rollback(f.vault.store);
        assert_int_equal(dx_store_begin(f.vault.store), DX_OK);
    }
    uint8_t other_space[DX_HASH_SIZE] = {1};
    dx_feed again;
    assert_int_equal(dx_feed_load(f.vault.store, &f.vault.alloc.port, other_space, 1, &again), DX_E_CORRUPT);
    uint8_t root[DX_HASH_SIZE];
    vault_run(&f.vault, "DELETE FROM block WHERE key=(1 << 32) + 3");
    dx_bytes block;
    assert_int_equal(dx_feed_read(&f.feed, f.vault.store, 3, &block), DX_E_CORRUPT);
    assert_int_equal(dx_feed_root(&f.feed, f.vault.store, 4, root), DX_E_CORRUPT);
    vault_run(&f.vault, "UPDATE block SET nodes=substr(nodes, 1, 63) WHERE key=(1 << 32) + 7");
    assert_int_equal(dx_feed_root(&f.feed, f.vault.store, 8, root), DX_E_CORRUPT);
    own_deinit(&f);
}

static void test_prove_from_rows(void **state) {
    (void)state;
    own_feed f;
    own_init(&f);
    own_append(&f, 37);
    assert_int_equal(dx_feed_sign(&f.feed, f.vault.store, &f.writer.key), DX_OK);
    for (uint64_t from = 0; from <= 37; from++) {
        uint8_t proof[DX_MMR_PROOF_SIZE_MAX], expected[DX_MMR_PROOF_SIZE_MAX];
        assert_int_equal(dx_feed_prove(&f.feed, f.vault.store, from, 37, proof), DX_OK);
        assert_int_equal(dx_mmr_prove(writer_read, &f.writer, from, 37, expected), DX_OK);
        assert_memory_equal(proof, expected, dx_mmr_proof_size(from, 37));
    }
    uint8_t proof[DX_MMR_PROOF_SIZE_MAX];
    assert_int_equal(dx_feed_prove(&f.feed, f.vault.store, 5, 4, proof), DX_E_NOT_FOUND);
    assert_int_equal(dx_feed_prove(&f.feed, f.vault.store, 5, 38, proof), DX_E_NOT_FOUND);
    assert_int_equal(dx_feed_prove(&f.feed, f.vault.store, 38, 38, proof), DX_E_NOT_FOUND);
    own_deinit(&f);
}

static void test_memory_runs_out(void **state) {
    (void)state;
    own_feed f;
    own_init(&f);
    assert_int_equal(dx_timeframe_raise(&f.feed.timeframe, 1, 1), DX_OK);
    f.vault.alloc.fail_at = f.vault.alloc.calls + 1;
    assert_int_equal(dx_feed_save_applied(&f.feed, f.vault.store), DX_E_NO_MEMORY);
    f.vault.alloc.fail_at = 0;
    assert_int_equal(dx_feed_save_applied(&f.feed, f.vault.store), DX_OK);
    dx_feed again;
    f.vault.alloc.fail_at = f.vault.alloc.calls + 1;
    f.vault.alloc.sticky = true;
    assert_int_equal(dx_feed_load(f.vault.store, &f.vault.alloc.port, f.writer.identity.space_id, 1, &again),
                     DX_E_NO_MEMORY);
    f.vault.alloc.fail_at = 0;
    own_deinit(&f);
}

DX_TEST_MAIN(DX_TEST(test_append_sign_reload), DX_TEST(test_what_cannot_be_appended),
             DX_TEST(test_rollback_leaves_the_rows), DX_TEST(test_unsigned_rows_are_found_at_load),
             DX_TEST(test_retired_feed_is_received), DX_TEST(test_own_tail_contradicted),
             DX_TEST(test_registration), DX_TEST(test_each_feed_of_a_space),
             DX_TEST(test_applied_and_timeframe), DX_TEST(test_damaged_rows), DX_TEST(test_prove_from_rows),
             DX_TEST(test_memory_runs_out))
