/* What was coded is read again; models that learn make it small; damaged bytes end. */
#include "fixtures.h"

#include "text/range_coder.h"

enum { COUNT = 4000 };

typedef struct model_set {
    dx_range_bit bit, symbol[32];
    dx_range_number number;
} model_set;

/* The same walk for both directions: values are made by chance, and looked at when they were read. */
static void walk(dx_range_coder *coder, uint64_t seed, bool reads) {
    test_random random;
    model_set models;
    test_random_init(&random, seed);
    dx_range_model_init(&models, sizeof models);
    for (int i = 0; i < COUNT; i++) {
        uint64_t chance = test_random_next(&random);
        unsigned bit = chance % 50 == 0, symbol = (unsigned)(chance >> 8) % 32;
        uint32_t number = (uint32_t)(chance >> 16) >> (chance >> 56) % 32;
        number = number == UINT32_MAX ? UINT32_MAX - 1 : number;
        uint64_t plain = chance >> 11;
        assert_int_equal(dx_range_code(coder, &models.bit, reads ? 0 : bit), bit);
        assert_int_equal(dx_range_code_symbol(coder, models.symbol, 5, reads ? 0 : symbol), symbol);
        assert_int_equal(dx_range_code_number(coder, &models.number, reads ? 0 : number), number);
        assert_true(dx_range_code_plain(coder, 53, reads ? 0 : plain) == plain);
    }
}

static void test_both_directions(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed < 20; seed++) {
        test_alloc alloc;
        dx_range_coder coder;
        test_alloc_init(&alloc);
        dx_buf bytes = buffer(&alloc);
        dx_range_write(&coder, &bytes);
        walk(&coder, seed, false);
        dx_range_finish(&coder);
        dx_range_read(&coder, dx_buf_view(&bytes));
        walk(&coder, seed, true);
        assert_false(coder.over);
        assert_true(coder.at == coder.end);
        dx_buf_deinit(&bytes);
    }
}

static void test_largest_numbers(void **state) {
    (void)state;
    static const uint32_t numbers[] = {0, 1, 2, 3, 4, 6, 7, 1u << 31, (1u << 31) - 1, UINT32_MAX - 1};
    test_alloc alloc;
    dx_range_coder coder;
    dx_range_number model;
    test_alloc_init(&alloc);
    dx_buf bytes = buffer(&alloc);
    for (int reads = 0; reads < 2; reads++) {
        dx_range_model_init(&model, sizeof model);
        if (reads) {
            dx_range_read(&coder, dx_buf_view(&bytes));
        } else {
            dx_range_write(&coder, &bytes);
        }
        for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
            assert_true(dx_range_code_number(&coder, &model, reads ? 0 : numbers[i]) == numbers[i]);
        }
        dx_range_finish(&coder);
    }
    dx_buf_deinit(&bytes);
}

/* 4,000 bits of which one in fifty is set hold 566 bits. */
static void test_learns(void **state) {
    (void)state;
    test_alloc alloc;
    dx_range_coder coder;
    dx_range_bit model;
    test_random random;
    test_alloc_init(&alloc);
    test_random_init(&random, 3);
    dx_range_model_init(&model, sizeof model);
    dx_buf bytes = buffer(&alloc);
    dx_range_write(&coder, &bytes);
    for (int i = 0; i < COUNT; i++) {
        (void)dx_range_code(&coder, &model, test_random_next(&random) % 50 == 0);
    }
    dx_range_finish(&coder);
    assert_true(bytes.size < 90);
    dx_buf_deinit(&bytes);
}

static void test_ends(void **state) {
    (void)state;
    static const uint8_t few[] = {1, 2, 3, 4, 5};
    dx_range_coder coder;
    dx_range_bit model;
    dx_range_model_init(&model, sizeof model);
    dx_range_read(&coder, dx_bytes_of(few, 3));
    assert_true(coder.over);
    dx_range_read(&coder, dx_bytes_of(few, sizeof few));
    assert_false(coder.over);
    for (int i = 0; i < COUNT; i++) {
        (void)dx_range_code_plain(&coder, 8, 0);
    }
    assert_true(coder.over);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_both_directions),
        cmocka_unit_test(test_largest_numbers),
        cmocka_unit_test(test_learns),
        cmocka_unit_test(test_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
