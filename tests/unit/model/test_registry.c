/* test_registry.c: models by name, and the order of stamps (model/stamp.c). */
#include "model/registry.h"
#include "test.h"

static void test_find(void **state) {
    (void)state;
    dx_model poll = dx_object_model;
    poll.name = "example/poll/1";
    poll.kind = DX_MODEL_ORDERED;
    const dx_model *const models[] = {&poll};
    const dx_model_registry registry = {models, 1};
    assert_ptr_equal(dx_model_find(NULL, dx_bytes_text("dx/object/1")), &dx_object_model);
    assert_ptr_equal(dx_model_find(&registry, dx_bytes_text("dx/object/1")), &dx_object_model);
    assert_ptr_equal(dx_model_find(&registry, dx_bytes_text("example/poll/1")), &poll);
    assert_null(dx_model_find(NULL, dx_bytes_text("example/poll/1")));
    assert_null(dx_model_find(&registry, dx_bytes_text("example/poll/")));
    assert_null(dx_model_find(&registry, dx_bytes_text("")));
}

static void test_stamps(void **state) {
    (void)state;
    dx_stamp a = {.counter = 256, .feed = {1}}, b = {.counter = 255, .feed = {2}};
    assert_true(dx_stamp_compare(&a, &b) > 0);
    assert_true(dx_stamp_compare(&b, &a) < 0);
    b.counter = 256;
    assert_true(dx_stamp_compare(&a, &b) < 0);
    b.feed[0] = 1;
    assert_int_equal(dx_stamp_compare(&a, &b), 0);
    b.feed[DX_FEED_PREFIX_SIZE - 1] = 1;
    assert_true(dx_stamp_compare(&a, &b) < 0);
}

DX_TEST_MAIN(DX_TEST(test_find), DX_TEST(test_stamps))
