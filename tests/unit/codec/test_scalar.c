/* tests/unit/codec/test_scalar.c: floating point widths against the compiler's conversions, UTF-8 against its
 * definition. */
#include "test.h"

#include "codec/cbor.h"

static uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* The value of a half, from its definition (IEEE 754-2019 §3.4). */
static double half_value(unsigned bits) {
    int exponent = (int)(bits >> 10 & 31);
    double mantissa = (double)(bits & 1023);
    double value = exponent == 0 ? mantissa : mantissa + 1024;
    for (int power = (exponent == 0 ? 1 : exponent) - 25; power != 0; power += power < 0 ? 1 : -1) {
        value = power < 0 ? value / 2 : value * 2;
    }
    return bits >> 15 != 0 ? -value : value;
}

static void test_every_half(void **state) {
    (void)state;
    for (unsigned bits = 0; bits < 0x10000; bits++) {
        uint64_t wide = dx_float_widen(bits, format_f16), narrow = 0;
        if ((bits >> 10 & 31) == 31) {
            assert_int_equal(dx_float_is_nan(wide), (bits & 1023) != 0);
        } else {
            assert_true(wide == bits_of(half_value(bits)));
        }
        assert_int_equal(dx_float_narrow(wide, format_f16, &narrow), !dx_float_is_nan(wide));
        assert_true(dx_float_is_nan(wide) || narrow == bits);
    }
}

static void assert_narrows_as_the_compiler_does(uint64_t bits) {
    double value;
    float single;
    uint32_t single_bits;
    uint64_t narrow = 0;
    memcpy(&value, &bits, sizeof value);
    if (dx_float_is_nan(bits)) {
        assert_false(dx_float_narrow(bits, format_f32, &narrow));
        return;
    }
    single = (float)value;
    memcpy(&single_bits, &single, sizeof single_bits);
    bool exact = (double)single == value;
    assert_int_equal(dx_float_narrow(bits, format_f32, &narrow), exact);
    if (exact) {
        assert_true(narrow == single_bits);
        assert_true(dx_float_widen(narrow, format_f32) == bits);
    }
}

static void test_singles(void **state) {
    (void)state;
    test_random random;
    test_random_init(&random, 754);
    for (int i = 0; i < 500000; i++) {
        uint64_t bits = test_random_next(&random);
        assert_narrows_as_the_compiler_does(bits);
        uint64_t near_single = (bits & ~(UINT64_C(0x7ff) << 52)) | (UINT64_C(1023) - 160 + bits % 300) << 52;
        assert_narrows_as_the_compiler_does(near_single);
        assert_narrows_as_the_compiler_does(near_single & ~((UINT64_C(1) << (29 + bits % 24)) - 1));
        assert_narrows_as_the_compiler_does(dx_float_widen((uint32_t)bits & 0xff7fffff, format_f32));
    }
    for (uint64_t exponent = 0; exponent < 2048; exponent++) {
        assert_narrows_as_the_compiler_does(exponent << 52);
        assert_narrows_as_the_compiler_does(exponent << 52 | 1);
        assert_narrows_as_the_compiler_does(exponent << 52 | UINT64_C(0xfffffffffffff));
    }
}

/* One character written by the definition of UTF-8 (RFC 3629 §3). */
static size_t encode(uint32_t c, uint8_t out[static 4]) {
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | c >> 6), out[1] = (uint8_t)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xe0 | c >> 12), out[1] = (uint8_t)(0x80 | (c >> 6 & 63)),
        out[2] = (uint8_t)(0x80 | (c & 63));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | c >> 18), out[1] = (uint8_t)(0x80 | (c >> 12 & 63));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 63)), out[3] = (uint8_t)(0x80 | (c & 63));
    return 4;
}

static void test_every_character(void **state) {
    (void)state;
    for (uint32_t c = 0; c < 0x120000; c++) {
        uint8_t text[16] = "12345678";
        bool character = c < 0xd800 || (c > 0xdfff && c < 0x110000);
        size_t size =
            encode(c, text + c % 9); /* before, in and behind the eight that are looked at together */
        assert_int_equal(dx_utf8_check(text, c % 9 + size), character);
        assert_false(size > 1 && dx_utf8_check(text, c % 9 + size - 1));
    }
}

/* Of all sequences of up to three bytes exactly the encodings of characters are accepted. */
static void test_every_short_sequence(void **state) {
    (void)state;
    size_t accepted = 0;
    for (uint32_t i = 0; i < 0x1000000; i++) {
        uint8_t text[3] = {(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        accepted += dx_utf8_check(text, 3);
    }
    size_t one = 0x80, two = 0x800 - 0x80, three = 0x10000 - 0x800 - 0x800;
    assert_int_equal(accepted, one * one * one + 2 * one * two + three);
    assert_true(dx_utf8_check(NULL, 0));
}

DX_TEST_MAIN(DX_TEST(test_every_half), DX_TEST(test_singles), DX_TEST(test_every_character),
             DX_TEST(test_every_short_sequence))
