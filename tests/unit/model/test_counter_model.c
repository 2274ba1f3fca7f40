/* tests/unit/model/test_counter_model.c: model/counter_model.c: what several add at once adds up. */
#include <dxos/model.h>

#include "test.h"

static int ask(void *state, test_alloc *alloc, uint8_t who, int64_t amount, dx_buf *operation) {
    dx_buf request;
    dx_writer writer;
    uint8_t feed[DX_FEED_PREFIX_SIZE];
    memset(feed, who, sizeof feed);
    dx_buf_init(&request, &alloc->port, 64);
    dx_buf_init(operation, &alloc->port, 64);
    dx_writer_init(&writer, &request);
    dx_write_int(&writer, amount);
    int error = dx_counter_model.prepare(state, feed, dx_buf_view(&request), operation);
    dx_buf_deinit(&request);
    return error;
}

static void apply(void *state, uint8_t who, uint64_t counter, const dx_buf *operation) {
    dx_stamp stamp = {.counter = counter};
    memset(stamp.feed, who, sizeof stamp.feed);
    assert_int_equal(dx_counter_model.apply(state, dx_buf_view(operation), &stamp), DX_OK);
}

static int64_t value_of(void *state, test_alloc *alloc) {
    dx_buf item;
    dx_writer writer;
    dx_buf_init(&item, &alloc->port, 64);
    dx_writer_init(&writer, &item);
    assert_int_equal(dx_counter_model.view(state, &writer), DX_OK);
    int64_t value = dx_item_int(dx_buf_view(&item), -99);
    dx_buf_deinit(&item);
    return value;
}

static void test_two_add_at_once(void **state) {
    (void)state;
    test_alloc alloc;
    dx_buf first, second, third;
    const dx_stamp created = {.counter = 1};
    test_alloc_init(&alloc);
    void *alice = dx_counter_model.create(&alloc.port, &created);
    void *bob = dx_counter_model.create(&alloc.port, &created);
    assert_int_equal(ask(alice, &alloc, 1, 5, &first), DX_OK);
    apply(alice, 1, 2, &first);
    assert_int_equal(ask(alice, &alloc, 1, -2, &second), DX_OK);
    apply(alice, 1, 3, &second);
    assert_int_equal(ask(bob, &alloc, 2, 10, &third), DX_OK);
    apply(bob, 2, 2, &third);
    assert_int_equal(value_of(alice, &alloc), 3);
    assert_int_equal(value_of(bob, &alloc), 10);
    apply(alice, 2, 2, &third);
    apply(bob, 1, 3, &second); /* the later total says it all */
    assert_int_equal(value_of(bob, &alloc), 13);
    apply(bob, 1, 2, &first);
    apply(bob, 1, 3, &second);
    assert_int_equal(value_of(alice, &alloc), 13);
    assert_int_equal(value_of(bob, &alloc), 13);
    dx_buf_deinit(&first);
    dx_buf_deinit(&second);
    dx_buf_deinit(&third);
    dx_counter_model.destroy(&alloc.port, alice);
    dx_counter_model.destroy(&alloc.port, bob);
    assert_int_equal(alloc.live_bytes, 0);
}

/* A total does not run over; the sum of several does, in two's complement, everywhere alike. */
static void test_ends_of_the_range(void **state) {
    (void)state;
    test_alloc alloc;
    dx_buf operation;
    const dx_stamp created = {.counter = 1};
    test_alloc_init(&alloc);
    void *counter = dx_counter_model.create(&alloc.port, &created);
    assert_int_equal(ask(counter, &alloc, 1, INT64_MAX, &operation), DX_OK);
    apply(counter, 1, 2, &operation);
    apply(counter, 2, 2, &operation);
    assert_int_equal(value_of(counter, &alloc), -2);
    dx_buf_deinit(&operation);
    assert_int_equal(ask(counter, &alloc, 1, 1, &operation), DX_E_INVALID);
    dx_buf_deinit(&operation);
    assert_int_equal(ask(counter, &alloc, 1, INT64_MIN, &operation), DX_OK);
    apply(counter, 1, 3, &operation);
    assert_int_equal(value_of(counter, &alloc), INT64_MAX - 1);
    dx_buf_deinit(&operation);
    assert_int_equal(ask(counter, &alloc, 1, INT64_MIN, &operation), DX_E_INVALID);
    dx_buf_deinit(&operation);
    dx_counter_model.destroy(&alloc.port, counter);
    assert_int_equal(alloc.live_bytes, 0);
}

DX_TEST_MAIN(DX_TEST(test_two_add_at_once), DX_TEST(test_ends_of_the_range))
