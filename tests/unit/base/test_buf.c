/* tests/unit/base/test_buf.c: the owned buffer: growth, its maximum, sticky errors; and the allocator's
 * verbs. */
#include "expect_assert.h"
#include "test.h"

static void test_alloc_verbs(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    uint8_t *block = dx_alloc_take_zeroed(&alloc.port, 100);
    assert_non_null(block);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(block[i], 0);
    }
    assert_int_equal(alloc.live_bytes, 100);
    dx_alloc_free(&alloc.port, block, 100);
    dx_alloc_free(&alloc.port, NULL, 0);
    assert_null(dx_alloc_take(&alloc.port, 0));
    assert_int_equal(alloc.live_bytes, 0);
    alloc.fail_at = alloc.calls + 1;
    assert_null(dx_alloc_take(&alloc.port, 1));
    alloc.fail_at = alloc.calls + 1;
    assert_null(dx_alloc_take_zeroed(&alloc.port, 1));
}

/* What a block held when it went back; the allocator sees it last. */
static bool was_wiped;

static void *resize_and_look(void *ctx, void *old, size_t old_size, size_t new_size) {
    for (size_t i = 0; old != NULL && i < old_size; i++) {
        was_wiped = was_wiped && ((const uint8_t *)old)[i] == 0;
    }
    return test_alloc_resize(ctx, old, old_size, new_size);
}

static void test_nothing_is_left(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    alloc.port.resize = resize_and_look;
    was_wiped = true;
    uint8_t *block = dx_alloc_take(&alloc.port, 10);
    memset(block, 7, 10);
    block = dx_alloc_grow(&alloc.port, block, 10, 20);
    assert_int_equal(block[9], 7);
    memset(block, 7, 20);
    alloc.fail_at = alloc.calls + 1;
    assert_null(dx_alloc_grow(&alloc.port, block, 20, 40));
    assert_int_equal(block[19], 7); /* it stays as it is */
    dx_alloc_free(&alloc.port, block, 20);
    dx_buf buf;
    dx_buf_init(&buf, &alloc.port, 1000);
    for (int i = 0; i < 30; i++) {
        dx_buf_append(&buf, "a PIN, say", 10);
    }
    dx_buf_consume(&buf, 100);
    for (size_t i = buf.size; i < 300; i++) {
        assert_int_equal(buf.data[i], 0);
    }
    dx_buf_clear(&buf);
    for (size_t i = 0; i < 300; i++) {
        assert_int_equal(buf.data[i], 0);
    }
    dx_buf_append(&buf, "a PIN, say", 10);
    dx_buf_deinit(&buf);
    assert_true(was_wiped);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_growth(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_buf buf;
    dx_buf_init(&buf, &alloc.port, 100000);
    for (unsigned i = 0; i < 50000; i++) {
        dx_buf_append_byte(&buf, (uint8_t)(i * 7));
    }
    dx_buf_append(&buf, "end", 3);
    dx_buf_append(&buf, NULL, 0);
    assert_int_equal(dx_buf_error(&buf), DX_OK);
    assert_int_equal(dx_buf_view(&buf).size, 50003);
    for (unsigned i = 0; i < 50000; i++) {
        assert_int_equal(buf.data[i], (uint8_t)(i * 7));
    }
    assert_memory_equal(buf.data + 50000, "end", 3);
    assert_true(alloc.calls < 20); /* doubling, not one call per append */

    size_t capacity = buf.capacity;
    dx_buf_clear(&buf);
    assert_int_equal(buf.size, 0);
    assert_int_equal(buf.capacity, capacity);
    dx_buf_deinit(&buf);
    assert_int_equal(alloc.live_bytes, 0);
    dx_buf_append(&buf, "again", 5); /* a buffer given back is an empty buffer */
    assert_int_equal(buf.size, 5);
    dx_buf_deinit(&buf);
    dx_buf_deinit(&buf);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_maximum_is_sticky(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_buf buf;
    dx_buf_init(&buf, &alloc.port, 10);
    dx_buf_append(&buf, "0123456789", 10);
    assert_int_equal(buf.capacity, 10);
    assert_int_equal(dx_buf_error(&buf), DX_OK);
    dx_buf_append_byte(&buf, 'x');
    assert_int_equal(dx_buf_error(&buf), DX_E_LIMIT);
    assert_int_equal(buf.size, 10);
    dx_buf_consume(&buf, 5); /* room again, but the error stays */
    dx_buf_append_byte(&buf, 'x');
    assert_null(dx_buf_extend(&buf, 1));
    assert_int_equal(buf.size, 5);
    dx_buf_clear(&buf);
    assert_non_null(dx_buf_extend(&buf, 10));
    assert_null(dx_buf_extend(&buf, SIZE_MAX));
    assert_int_equal(dx_buf_error(&buf), DX_E_LIMIT);
    dx_buf_deinit(&buf);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_no_memory_is_sticky(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_buf buf;
    dx_buf_init(&buf, &alloc.port, 1000);
    dx_buf_append(&buf, "kept", 4);
    alloc.fail_at = alloc.calls + 1;
    assert_null(dx_buf_extend(&buf, 500));
    assert_int_equal(dx_buf_error(&buf), DX_E_NO_MEMORY);
    dx_buf_append(&buf, "lost", 4);
    assert_memory_equal(dx_buf_view(&buf).data, "kept", 4);
    assert_int_equal(buf.size, 4);
    dx_buf_deinit(&buf);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_consume(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_buf buf;
    dx_buf_init(&buf, &alloc.port, 100);
    dx_buf_consume(&buf, 0);
    dx_buf_append(&buf, "abcdef", 6);
    dx_buf_consume(&buf, 2);
    assert_true(dx_bytes_equal(dx_buf_view(&buf), dx_bytes_text("cdef")));
    dx_buf_consume(&buf, 4);
    assert_int_equal(buf.size, 0);
    EXPECT_ASSERT(dx_buf_consume(&buf, 1));
    dx_buf_deinit(&buf);
    assert_int_equal(alloc.live_bytes, 0);
}

DX_TEST_MAIN(DX_TEST(test_alloc_verbs), DX_TEST(test_nothing_is_left), DX_TEST(test_growth),
             DX_TEST(test_maximum_is_sticky), DX_TEST(test_no_memory_is_sticky), DX_TEST(test_consume))
