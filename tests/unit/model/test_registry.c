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

static void assert_refused(const dx_model *const *models, size_t count, size_t expected, const char *words) {
    const dx_model_registry registry = {models, count};
    size_t which;
    const char *refused = dx_model_registry_refuse(&registry, &which);
    assert_non_null(refused);
    assert_non_null(strstr(refused, words));
    assert_int_equal(which, expected);
}

static void test_what_cannot_be_registered(void **state) {
    (void)state;
    dx_model well = dx_object_model, other = dx_object_model;
    const dx_model *models[DX_MODELS_MAX + 1] = {&well, &other};
    size_t which;
    well.name = "example/poll/1";
    other.name = "example/poll/2";
    const dx_model_registry registry = {models, 2};
    assert_null(dx_model_registry_refuse(&registry, &which));
    other.name = "example/poll/1";
    assert_refused(models, 2, 1, "name");
    other.name = "dx/list/1";
    assert_refused(models, 2, 1, "another model");
    other.name = "";
    assert_refused(models, 2, 1, "form");
    other.name = "two words";
    assert_refused(models, 2, 1, "form");
    other.name = "example/poll/2";
    other.version = 0;
    assert_refused(models, 2, 1, "version");
    other.version = DX_MODEL_VERSION;
    other.save = NULL;
    assert_refused(models, 2, 1, "missing");
    models[1] = NULL;
    assert_refused(models, 2, 1, "version");
    assert_refused(models, DX_MODELS_MAX + 1, 0, "too many");
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

DX_TEST_MAIN(DX_TEST(test_find), DX_TEST(test_what_cannot_be_registered), DX_TEST(test_stamps))
