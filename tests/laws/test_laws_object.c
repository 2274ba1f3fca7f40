/* tests/laws/test_laws_object.c: the built-in models keep the laws, and the suite sees models that do not.
 *
 * The broken models wrap the object model and break one law each: a suite that cannot fail proves nothing. */
#include "object_generator.h"
#include "test.h"

static const dx_model_generator generator = {.write = generate_object_operation};

static int run(const dx_model *model, size_t rounds, dx_model_report *report) {
    test_alloc alloc;
    test_alloc_init(&alloc);
    int error = dx_model_laws_run(model, &generator, &alloc.port, 1, rounds, report);
    if (error == DX_OK) {
        assert_int_equal(alloc.live_bytes, 0);
    }
    return error;
}

static void test_object_model(void **state) {
    (void)state;
    dx_model_report report;
    if (run(&dx_object_model, 200, &report) != DX_OK) {
        fail_msg("law %s, seed %llu: %s", report.law, (unsigned long long)report.seed, report.what);
    }
    assert_true(report.applied > 20000);
    assert_true(report.refused > 500);
}

static void expect_broken(const dx_model *model, const char *law) {
    dx_model_report report;
    assert_int_equal(run(model, 50, &report), DX_E_CONFLICT);
    assert_string_equal(report.law, law);
}

/* Arrival decides: every operation gets a later stamp than the one before. */
static int apply_by_arrival(void *state, dx_bytes operation, const dx_stamp *stamp) {
    dx_buf saved;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_buf_init(&saved, &alloc.port, 1 << 20);
    assert_int_equal(dx_object_model.save(state, &saved), DX_OK);
    dx_stamp later = *stamp;
    later.counter = 1000 + saved.size;
    dx_buf_deinit(&saved);
    return dx_object_model.apply(state, operation, &later);
}

/* Leaves something behind when it refuses. */
static int apply_and_leave(void *state, dx_bytes operation, const dx_stamp *stamp) {
    static const uint8_t mark[] = {0x82, 0xa1, 0x61, 'm', 0x01, 0x80};
    int error = dx_object_model.apply(state, operation, stamp);
    if (error == DX_E_MALFORMED) {
        (void)dx_object_model.apply(state, dx_bytes_of(mark, sizeof mark), stamp);
    }
    return error;
}

/* Takes saved bytes with something behind them. */
static int restore_carelessly(void *state, dx_bytes saved) {
    int error = dx_object_model.restore(state, saved);
    return error == DX_E_CORRUPT && saved.size > 0
               ? dx_object_model.restore(state, dx_bytes_of(saved.data, saved.size - 1))
               : error;
}

static int view_wrongly(const void *state, dx_writer *out) {
    (void)state;
    dx_write_null(out);
    dx_write_null(out);
    return DX_OK;
}

static void forget_to_destroy(const dx_alloc *alloc, void *state) {
    (void)alloc;
    (void)state;
}

static int apply_as_malformed(void *state, dx_bytes operation, const dx_stamp *stamp) {
    int error = dx_object_model.apply(state, operation, stamp);
    return error == DX_E_NO_MEMORY ? DX_E_MALFORMED : error;
}

static void test_broken_models_are_seen(void **state) {
    (void)state;
    dx_model model = dx_object_model;
    model.apply = apply_by_arrival;
    expect_broken(&model, "order");
    model.apply = apply_and_leave;
    expect_broken(&model, "refusal");
    model.apply = apply_as_malformed;
    expect_broken(&model, "memory");
    model = dx_object_model;
    model.restore = restore_carelessly;
    expect_broken(&model, "canonical");
    model = dx_object_model;
    model.view = view_wrongly;
    expect_broken(&model, "view");
}

/* An allocator whose leaks go with it. */
static uint8_t heap[64 << 20];
static size_t heap_used;

static void *resize_in_heap(void *ctx, void *old, size_t old_size, size_t new_size) {
    (void)ctx;
    size_t size = (new_size + 15) / 16 * 16;
    if (new_size == 0 || size > sizeof heap - heap_used) {
        return NULL;
    }
    uint8_t *block = heap + heap_used;
    heap_used += size;
    if (old != NULL) {
        memcpy(block, old, old_size < new_size ? old_size : new_size);
    }
    return block;
}

static void test_leaks_are_seen(void **state) {
    (void)state;
    dx_model model = dx_object_model;
    model.destroy = forget_to_destroy;
    const dx_alloc alloc = {NULL, resize_in_heap};
    dx_model_report report;
    assert_int_equal(dx_model_laws_run(&model, &generator, &alloc, 1, 1, &report), DX_E_CONFLICT);
    assert_string_equal(report.law, "memory");
    assert_non_null(strstr(report.what, "given back"));
}

DX_TEST_MAIN(DX_TEST(test_object_model), DX_TEST(test_broken_models_are_seen), DX_TEST(test_leaks_are_seen))
