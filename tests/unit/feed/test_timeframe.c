/* tests/unit/feed/test_timeframe.c: feed/timeframe.c against a plain array indexed by feed. */
#include "test.h"

#include "base/limits.h"
#include "feed/timeframe.h"

enum { FEEDS = 300, RAISES = 2000 };

static void test_absent_is_zero(void **state) {
    (void)state;
    test_alloc memory;
    test_alloc_init(&memory);
    dx_timeframe timeframe;
    dx_timeframe_init(&timeframe, &memory.port);
    assert_int_equal(dx_timeframe_get(&timeframe, 1), 0);
    assert_int_equal(dx_timeframe_raise(&timeframe, 7, 0), DX_OK);
    assert_int_equal(timeframe.count, 0);
    dx_timeframe_deinit(&timeframe);
    assert_int_equal(memory.live_bytes, 0);
}

static void test_raise_keeps_the_largest_in_order(void **state) {
    (void)state;
    test_alloc memory;
    test_alloc_init(&memory);
    test_random random;
    test_random_init(&random, 1);
    uint64_t expected[FEEDS + 1] = {0};
    dx_timeframe timeframe;
    dx_timeframe_init(&timeframe, &memory.port);
    for (int i = 0; i < RAISES; i++) {
        int64_t feed = 1 + (int64_t)(test_random_next(&random) % FEEDS);
        uint64_t length = test_random_next(&random) % 1000;
        assert_int_equal(dx_timeframe_raise(&timeframe, feed, length), DX_OK);
        if (expected[feed] < length) {
            expected[feed] = length;
        }
    }
    for (int64_t feed = 1; feed <= FEEDS; feed++) {
        assert_int_equal(dx_timeframe_get(&timeframe, feed), expected[feed]);
    }
    for (size_t i = 1; i < timeframe.count; i++) {
        assert_true(timeframe.entries[i - 1].feed < timeframe.entries[i].feed);
    }
    dx_timeframe_deinit(&timeframe);
    assert_int_equal(memory.live_bytes, 0);
}

static void test_save_and_restore(void **state) {
    (void)state;
    test_alloc memory;
    test_alloc_init(&memory);
    dx_timeframe timeframe, copy;
    dx_timeframe_init(&timeframe, &memory.port);
    dx_timeframe_init(&copy, &memory.port);
    dx_buf saved, again;
    dx_buf_init(&saved, &memory.port, 1 << 20);
    dx_buf_init(&again, &memory.port, 1 << 20);
    assert_int_equal(dx_timeframe_save(&timeframe, &saved), DX_OK);
    assert_int_equal(saved.size, 0);
    assert_int_equal(dx_timeframe_restore(&copy, dx_buf_view(&saved)), DX_OK);
    assert_int_equal(dx_timeframe_raise(&timeframe, 3, 5), DX_OK);
    assert_int_equal(dx_timeframe_raise(&timeframe, DX_FEED_LOCAL_MAX, DX_FEED_LENGTH_MAX), DX_OK);
    assert_int_equal(dx_timeframe_save(&timeframe, &saved), DX_OK);
    static const uint8_t expected[] = {3,    0,    0, 0, 0, 0, 0, 0, 5,    0,    0,    0,    0, 0, 0, 0,
                                       0xff, 0x7f, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0x7f, 0, 0, 0, 0};
    assert_int_equal(saved.size, sizeof expected);
    assert_memory_equal(saved.data, expected, sizeof expected);
    assert_int_equal(dx_timeframe_raise(&copy, 9, 9), DX_OK);
    assert_int_equal(dx_timeframe_restore(&copy, dx_buf_view(&saved)), DX_OK);
    assert_int_equal(copy.count, 2);
    assert_int_equal(dx_timeframe_save(&copy, &again), DX_OK);
    assert_true(dx_bytes_equal(dx_buf_view(&saved), dx_buf_view(&again)));
    dx_buf_deinit(&saved);
    dx_buf_deinit(&again);
    dx_timeframe_deinit(&timeframe);
    dx_timeframe_deinit(&copy);
    assert_int_equal(memory.live_bytes, 0);
}

static void test_restore_refuses_damage(void **state) {
    (void)state;
    test_alloc memory;
    test_alloc_init(&memory);
    static const uint8_t bad[][32] = {
        {[8] = 1, [16] = 1, [24] = 1},                       /* feed 0 */
        {[0] = 2, [8] = 1, [16] = 2, [24] = 1},              /* twice the same */
        {[0] = 2, [8] = 1, [16] = 1, [24] = 1},              /* descending */
        {[0] = 1, [8] = 1, [16] = 0, [17] = 0x80, [24] = 1}, /* feed above the largest */
        {[0] = 1, [16] = 2, [24] = 1},                       /* length 0 */
        {[0] = 1, [8] = 1, [16] = 2, [27] = 0x80},           /* length above the largest */
    };
    dx_timeframe timeframe;
    dx_timeframe_init(&timeframe, &memory.port);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(dx_timeframe_restore(&timeframe, dx_bytes_of(bad[i], 32)), DX_E_CORRUPT);
        assert_int_equal(timeframe.count, 0);
    }
    static const uint8_t good[32] = {[0] = 1, [8] = 1, [16] = 2, [24] = 1};
    assert_int_equal(dx_timeframe_restore(&timeframe, dx_bytes_of(good, 32)), DX_OK);
    assert_int_equal(dx_timeframe_restore(&timeframe, dx_bytes_of(good, 31)), DX_E_CORRUPT);
    dx_timeframe_deinit(&timeframe);
}

static void test_memory_runs_out(void **state) {
    (void)state;
    test_alloc memory;
    test_alloc_init(&memory);
    memory.fail_at = 2;
    dx_timeframe timeframe;
    dx_timeframe_init(&timeframe, &memory.port);
    int64_t feed = 1;
    int error = DX_OK;
    while (!(error = dx_timeframe_raise(&timeframe, feed, 1))) {
        feed++;
    }
    assert_int_equal(error, DX_E_NO_MEMORY);
    assert_int_equal(timeframe.count, (uint64_t)feed - 1);
    uint8_t saved[1024] = {0};
    for (size_t i = 0; i < 64; i++) {
        saved[i * 16] = (uint8_t)(i + 1);
        saved[i * 16 + 8] = 1;
    }
    memory.fail_at = memory.calls + 1;
    assert_int_equal(dx_timeframe_restore(&timeframe, dx_bytes_of(saved, sizeof saved)), DX_E_NO_MEMORY);
    assert_int_equal(timeframe.count, 0);
    dx_timeframe_deinit(&timeframe);
    assert_int_equal(memory.live_bytes, 0);
}

DX_TEST_MAIN(DX_TEST(test_absent_is_zero), DX_TEST(test_raise_keeps_the_largest_in_order),
             DX_TEST(test_save_and_restore), DX_TEST(test_restore_refuses_damage),
             DX_TEST(test_memory_runs_out))
