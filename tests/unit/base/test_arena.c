/* tests/unit/base/test_arena.c: blocks are aligned and apart, a steady state allocates nothing, limits hold.
 */
#include "test.h"

#include "base/arena.h"
#include "base/limits.h"

static void test_blocks_are_aligned_and_apart(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_arena arena;
    dx_arena_init(&arena, &alloc.port, 1 << 20);
    uint8_t *blocks[500];
    for (size_t i = 0; i < 500; i++) {
        blocks[i] = dx_arena_take(&arena, i);
        assert_non_null(blocks[i]);
        assert_int_equal((uintptr_t)blocks[i] % _Alignof(max_align_t), 0);
        memset(blocks[i], (int)i, i);
    }
    for (size_t i = 0; i < 500; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_int_equal(blocks[i][j], (uint8_t)i);
        }
    }
    assert_true(alloc.calls < 6);
    dx_arena_deinit(&arena);
    assert_int_equal(alloc.live_bytes, 0);
    assert_int_equal(arena.held_size, 0);
}

static void test_steady_state_allocates_nothing(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_arena arena;
    dx_arena_init(&arena, &alloc.port, 1 << 20);
    dx_arena_reset(&arena);
    uint64_t calls = 0;
    for (int round = 0; round < 10; round++) {
        for (int i = 0; i < 100; i++) {
            assert_non_null(dx_arena_take(&arena, 1000));
        }
        dx_arena_reset(&arena);
        assert_true(round < 2 || alloc.calls == calls);
        calls = alloc.calls;
    }
    assert_int_equal(alloc.live_bytes, arena.held_size);
    dx_arena_deinit(&arena);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_a_large_step_is_given_back(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_arena arena;
    dx_arena_init(&arena, &alloc.port, 8u << 20);
    assert_non_null(dx_arena_take(&arena, DX_ARENA_KEPT_SIZE_MAX + 1));
    dx_arena_reset(&arena);
    assert_int_equal(alloc.live_bytes, 0);
    assert_non_null(dx_arena_take(&arena, 10));
    dx_arena_deinit(&arena);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_maximum(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_arena arena;
    dx_arena_init(&arena, &alloc.port, 100000);
    assert_null(dx_arena_take(&arena, SIZE_MAX));
    assert_null(dx_arena_take(&arena, 100000)); /* the chunk's header needs its place too */
    size_t taken = 0;
    while (dx_arena_take(&arena, 1000) != NULL) {
        taken += 1000;
    }
    assert_true(taken > 90000 && arena.held_size <= 100000);
    dx_arena_reset(&arena);
    assert_non_null(dx_arena_take(&arena, 1000));
    dx_arena_deinit(&arena);
    dx_arena_init(&arena, &alloc.port, 8); /* not even a header fits */
    assert_null(dx_arena_take(&arena, 1));
    dx_arena_deinit(&arena);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_no_memory(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_arena arena;
    dx_arena_init(&arena, &alloc.port, 1 << 20);
    alloc.fail_at = 1;
    assert_null(dx_arena_take(&arena, 10));
    assert_non_null(dx_arena_take(&arena, 10)); /* the arena is none the worse */
    alloc.fail_at = alloc.calls + 1;
    assert_null(dx_arena_copy(&arena, dx_bytes_of(&alloc, 1 << 19)).data);
    dx_arena_deinit(&arena);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_copy(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_arena arena;
    dx_arena_init(&arena, &alloc.port, 1 << 20);
    char text[] = "words";
    dx_bytes copy = dx_arena_copy(&arena, dx_bytes_text(text));
    text[0] = 's';
    assert_true(dx_bytes_equal(copy, dx_bytes_text("words")));
    dx_bytes nothing = dx_arena_copy(&arena, dx_bytes_of(NULL, 0));
    assert_true(nothing.size == 0 && nothing.data != NULL);
    dx_arena_deinit(&arena);
    assert_int_equal(alloc.live_bytes, 0);
}

DX_TEST_MAIN(DX_TEST(test_blocks_are_aligned_and_apart), DX_TEST(test_steady_state_allocates_nothing),
             DX_TEST(test_a_large_step_is_given_back), DX_TEST(test_maximum), DX_TEST(test_no_memory),
             DX_TEST(test_copy))
