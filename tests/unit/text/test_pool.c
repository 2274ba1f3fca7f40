/* Blocks and records: what was reserved is there, what came back is used again, what was never touched can be given back. */
#include "test.h"

#include "text/pool.h"

static void test_classes(void **state) {
    (void)state;
    for (size_t size = 1; size <= DX_TEXT_BLOCK_MAX; size++) {
        size_t whole = dx_text_pool_size(size);
        assert_true(whole >= size && whole < size + 64 && whole % 16 == 0);
        assert_int_equal(dx_text_pool_size(whole), whole);
    }
}

/* Blocks of random sizes, all different memory, taken without asking the allocator. */
static void test_blocks(void **state) {
    (void)state;
    enum { BLOCKS = 400 };
    test_alloc alloc;
    test_random random;
    dx_text_pool pool;
    test_alloc_init(&alloc);
    test_random_init(&random, 1);
    dx_text_pool_init(&pool, &alloc.port);
    for (int round = 0; round < 20; round++) {
        size_t sizes[BLOCKS], sum = 0;
        uint8_t *blocks[BLOCKS];
        for (int i = 0; i < BLOCKS; i++) {
            sizes[i] = 1 + test_random_next(&random) % DX_TEXT_BLOCK_MAX;
            sum += dx_text_pool_size(sizes[i]);
        }
        assert_int_equal(dx_text_pool_reserve(&pool, sum), DX_OK);
        uint64_t calls = alloc.calls;
        for (int i = 0; i < BLOCKS; i++) {
            blocks[i] = dx_text_pool_take(&pool, sizes[i]);
            assert_int_equal((uintptr_t)blocks[i] % 16, 0);
            memset(blocks[i], i & 0xff, sizes[i]);
        }
        assert_int_equal(alloc.calls, calls);
        for (int i = 0; i < BLOCKS; i++) {
            for (size_t k = 0; k < sizes[i]; k++) {
                assert_int_equal(blocks[i][k], i & 0xff);
            }
            dx_text_pool_free(&pool, blocks[i], sizes[i]);
        }
        assert_ptr_equal(dx_text_pool_reuse(&pool, sizes[BLOCKS - 1]), blocks[BLOCKS - 1]);
        dx_text_pool_free(&pool, blocks[BLOCKS - 1], sizes[BLOCKS - 1]);
    }
    size_t before = alloc.live_bytes;
    assert_int_equal(dx_text_pool_reserve(&pool, 100000), DX_OK);
    assert_true(dx_text_pool_room(&pool) >= 100000);
    dx_text_pool_trim(&pool);
    assert_int_equal(alloc.live_bytes <= before, 1);
    dx_text_pool_deinit(&pool);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_records(void **state) {
    (void)state;
    enum { RECORDS = 300, SIZE = 24 };
    test_alloc alloc;
    dx_text_slab slab;
    test_alloc_init(&alloc);
    dx_text_slab_init(&slab, &alloc.port, SIZE);
    assert_int_equal(dx_text_slab_reserve(&slab, RECORDS), DX_OK);
    uint64_t calls = alloc.calls;
    for (uint32_t i = 1; i <= RECORDS; i++) {
        assert_int_equal(dx_text_slab_take(&slab), i);
        memset(dx_text_slab_at(&slab, i), 0x55, SIZE);
    }
    assert_int_equal(alloc.calls, calls);
    dx_text_slab_free(&slab, 17);
    assert_int_equal(dx_text_slab_take(&slab), 17);
    static const uint8_t zeroes[SIZE];
    assert_memory_equal(dx_text_slab_at(&slab, 17), zeroes, SIZE);
    dx_text_slab_clear(&slab);
    assert_true(dx_text_slab_room(&slab) >= RECORDS);
    assert_int_equal(dx_text_slab_take(&slab), 1);
    assert_true(dx_text_slab_memory(&slab) >= RECORDS * SIZE);
    assert_int_equal(dx_text_slab_reserve(&slab, UINT32_MAX), DX_E_LIMIT);
    dx_text_slab_deinit(&slab);
    assert_int_equal(alloc.live_bytes, 0);
}

/* Each request fails in turn; what was there is there afterwards. */
static void test_no_memory(void **state) {
    (void)state;
    for (uint64_t fail = 1; fail <= 8; fail++) {
        test_alloc alloc;
        dx_text_pool pool;
        dx_text_slab slab;
        test_alloc_init(&alloc);
        dx_text_pool_init(&pool, &alloc.port);
        dx_text_slab_init(&slab, &alloc.port, 8);
        assert_int_equal(dx_text_pool_reserve(&pool, 64), DX_OK);
        assert_int_equal(dx_text_slab_reserve(&slab, 1), DX_OK);
        size_t live = alloc.live_bytes;
        alloc.fail_at = alloc.calls + fail;
        int error = dx_text_pool_reserve(&pool, 60000);
        assert_true(error == DX_OK || error == DX_E_NO_MEMORY);
        assert_true(error == DX_OK || alloc.live_bytes == live);
        alloc.fail_at = alloc.calls + fail;
        error = dx_text_slab_reserve(&slab, 400);
        assert_int_equal(error, fail <= 7 ? DX_E_NO_MEMORY : DX_OK);
        assert_int_equal(dx_text_slab_take(&slab), 1);
        assert_non_null(dx_text_pool_take(&pool, 64));
        dx_text_pool_deinit(&pool);
        dx_text_slab_deinit(&slab);
        assert_int_equal(alloc.live_bytes, 0);
    }
}

DX_TEST_MAIN(DX_TEST(test_classes), DX_TEST(test_blocks), DX_TEST(test_records), DX_TEST(test_no_memory))
