/* tests/unit/codec/test_bignum.c: the arithmetic below decimal.c, against 128-bit numbers and by its own
 * laws. */
#include "expect_assert.h"
#include "test.h"

#include "codec/bignum.h"

__extension__ typedef unsigned __int128 wide;

static wide value_of(const dx_bignum *number) {
    wide value = 0;
    assert_true(number->count <= 4);
    for (size_t i = number->count; i > 0; i--) {
        value = value << 32 | number->words[i - 1];
    }
    assert_true(number->count == 0 || number->words[number->count - 1] != 0);
    return value;
}

static void test_small_numbers(void **state) {
    (void)state;
    test_random random;
    test_random_init(&random, 5);
    for (int i = 0; i < 20000; i++) {
        uint64_t x = test_random_next(&random) >> test_random_next(&random) % 64;
        uint64_t y = test_random_next(&random) >> test_random_next(&random) % 64;
        uint32_t factor = (uint32_t)test_random_next(&random) | 1,
                 addend = (uint32_t)test_random_next(&random);
        dx_bignum a, b, c;
        dx_bignum_set(&a, x);
        dx_bignum_set(&b, y);
        assert_true(value_of(&a) == x);
        assert_int_equal(dx_bignum_compare(&a, &b), (x > y) - (x < y));
        c = a;
        dx_bignum_multiply(&c, factor, addend);
        assert_true(value_of(&c) == (wide)x * factor + addend);
        assert_int_equal(dx_bignum_compare_sum(&a, &b, &c),
                         ((wide)x + y > value_of(&c)) - ((wide)x + y < value_of(&c)));
        dx_bignum_subtract(&c, &a);
        assert_true(value_of(&c) == (wide)x * factor + addend - x);
        int shift = (int)(y % 64);
        dx_bignum_shift_left(&a, shift);
        assert_true(value_of(&a) == (wide)x << shift);
        assert_int_equal(dx_bignum_bits(&a), x == 0 ? 0 : 64 - __builtin_clzll(x) + shift);
    }
}

static void test_large_numbers(void **state) {
    (void)state;
    dx_bignum five, ten;
    dx_bignum_set(&five, 1);
    for (int i = 0; i < 1145; i++) { /* 10^n = 5^n · 2^n, to the largest power the header speaks of */
        dx_bignum_multiply(&five, 5, 0);
    }
    dx_bignum_shift_left(&five, 1145);
    dx_bignum_set(&ten, 1);
    dx_bignum_multiply_power_of_ten(&ten, 1145);
    assert_int_equal(dx_bignum_compare(&five, &ten), 0);
    assert_int_equal(dx_bignum_bits(&ten), 3804);
    dx_bignum_subtract(&ten, &five);
    assert_int_equal(ten.count, 0);
    dx_bignum_shift_left(&ten, 100);
    assert_int_equal(ten.count, 0);
    dx_bignum_set(&ten, UINT64_MAX); /* a carry through every word */
    dx_bignum_set(&five, 1);
    dx_bignum sum;
    dx_bignum_set(&sum, 1);
    dx_bignum_shift_left(&sum, 64);
    assert_int_equal(dx_bignum_compare_sum(&ten, &five, &sum), 0);
}

static void test_misuse(void **state) {
    (void)state;
    dx_bignum a, b;
    dx_bignum_set(&a, 1);
    dx_bignum_set(&b, 2);
    EXPECT_ASSERT(dx_bignum_subtract(&a, &b));
    dx_bignum_set(&a, 1);
    EXPECT_ASSERT(dx_bignum_shift_left(&a, 32 * DX_BIGNUM_WORDS));
    dx_bignum_set(&a, 1);
    dx_bignum_shift_left(&a, 32 * DX_BIGNUM_WORDS - 1);
    EXPECT_ASSERT(dx_bignum_multiply(&a, 2, 0));
}

DX_TEST_MAIN(DX_TEST(test_small_numbers), DX_TEST(test_large_numbers), DX_TEST(test_misuse))
