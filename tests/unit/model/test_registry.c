/* test_registry.c: models by name, and the order of stamps (model/stamp.c). */
#include "model/registry.h"
#include "test.h"

static const dx_model *find(const dx_model_registry *registry, const char *name) {
    return dx_model_find(registry, dx_bytes_text(name));
}

static void test_built_in(void **state) {
    (void)state;
    assert_ptr_equal(find(NULL, "dx/object/1"), &dx_object_model);
    assert_null(find(NULL, "dx/object/2"));
    assert_null(find(NULL, "dx/object/"));
    assert_null(find(NULL, ""));
}

static void test_added(void **state) {
    (void)state;
    dx_model_registry registry = {0};
    dx_model poll = dx_object_model;
    poll.name = "example/poll/1";
    poll.kind = DX_MODEL_ORDERED;
    assert_int_equal(dx_model_registry_add(&registry, &poll), DX_OK);
    assert_ptr_equal(find(&registry, "example/poll/1"), &poll);
    assert_ptr_equal(find(&registry, "dx/object/1"), &dx_object_model);
    assert_null(find(NULL, "example/poll/1"));
    assert_int_equal(dx_model_registry_add(&registry, &poll), DX_E_EXISTS);
    assert_int_equal(dx_model_registry_add(&registry, &dx_object_model), DX_E_EXISTS);
}

static void expect_refused(dx_model model, int error) {
    dx_model_registry registry = {0};
    assert_int_equal(dx_model_registry_add(&registry, &model), error);
    assert_int_equal(registry.count, 0);
}

static void test_refused(void **state) {
    (void)state;
    char name[DX_MODEL_NAME_SIZE_MAX + 2];
    memset(name, 'x', sizeof name);
    name[sizeof name - 1] = '\0';
    const char *const names[] = {NULL, "", "a b", "a\n", "\xc3\xa4", name};
    dx_model model = dx_object_model;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        model.name = names[i];
        expect_refused(model, DX_E_INVALID);
    }
    model.name = "x/1";
    model.version = DX_MODEL_VERSION + 1;
    expect_refused(model, DX_E_VERSION);
    model.version = DX_MODEL_VERSION;
    model.kind = (dx_model_kind)7;
    expect_refused(model, DX_E_INVALID);
    model.kind = DX_MODEL_MERGE;
    model.view = NULL;
    expect_refused(model, DX_E_INVALID);
}

static void test_full(void **state) {
    (void)state;
    static dx_model models[DX_MODELS_MAX + 1];
    static char names[DX_MODELS_MAX + 1][16];
    dx_model_registry registry = {0};
    for (size_t i = 0; i <= DX_MODELS_MAX; i++) {
        snprintf(names[i], sizeof names[i], "m/%zu", i);
        models[i] = dx_object_model;
        models[i].name = names[i];
        assert_int_equal(dx_model_registry_add(&registry, &models[i]),
                         i < DX_MODELS_MAX ? DX_OK : DX_E_LIMIT);
    }
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

DX_TEST_MAIN(DX_TEST(test_built_in), DX_TEST(test_added), DX_TEST(test_refused), DX_TEST(test_full),
             DX_TEST(test_stamps))
