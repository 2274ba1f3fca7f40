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

static void expect_outcome(const dx_model *first, const dx_model *second, int error) {
    const dx_model *const models[] = {first, second};
    const dx_model_registry registry = {models, second == NULL ? 1 : 2};
    assert_int_equal(dx_model_registry_check(&registry), error);
}

static void test_check(void **state) {
    (void)state;
    char name[DX_MODEL_NAME_SIZE_MAX + 2];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    dx_model model = dx_object_model, other = dx_object_model;
    model.name = name + 1;
    other.name = "a/1";
    expect_outcome(&model, NULL, DX_OK);
    expect_outcome(&model, &other, DX_OK);
    expect_outcome(&other, &other, DX_E_EXISTS);
    expect_outcome(&other, &dx_object_model, DX_E_EXISTS);
    const char *const names[] = {NULL, "", "a b", "a\n", "\xc3\xa4", name};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        model.name = names[i];
        expect_outcome(&other, &model, DX_E_INVALID);
    }
    model.name = "x/1";
    model.version = DX_MODEL_VERSION + 1;
    expect_outcome(&model, NULL, DX_E_VERSION);
    model.version = DX_MODEL_VERSION;
    model.kind = (dx_model_kind)7;
    expect_outcome(&model, NULL, DX_E_INVALID);
    model.kind = DX_MODEL_MERGE;
    model.view = NULL;
    expect_outcome(&model, NULL, DX_E_INVALID);
    const dx_model_registry many = {NULL, DX_MODELS_MAX + 1};
    assert_int_equal(dx_model_registry_check(&many), DX_E_LIMIT);
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

DX_TEST_MAIN(DX_TEST(test_find), DX_TEST(test_check), DX_TEST(test_stamps))
