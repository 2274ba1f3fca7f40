/* tests/unit/codec/test_decimal.c: our exact decimal conversion against the C library's.
 *
 * glibc's strtod and printf round correctly, so every disagreement is our mistake. Random bit patterns,
 * random short decimals, powers of two and ten with their neighbours, subnormals, and decimals that stand
 * exactly on or just beside the midpoint of two doubles. */
#include "test.h"

#include "codec/decimal.h"
#include <math.h>

enum { RANDOM_COUNT = 60000, TEXT_SIZE = 1200, DIGITS_SIZE = 64 };

static double of_bits(uint64_t bits) {
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint64_t bits_of(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void assert_reads(const char *text) {
    double value = 0, wanted = strtod(text, NULL);
    bool finite = dx_decimal_read(dx_bytes_text(text), &value);
    if (finite != (bool)isfinite(wanted) || (finite && bits_of(value) != bits_of(wanted))) {
        fail_msg("%s reads as %.17g, the library says %.17g", text, value, wanted);
    }
}

/* The significant digits of a printed number: without the zeros that only place the point. Returns how many.
 */
static int significant_digits(const char *text, char digits[static DIGITS_SIZE]) {
    int count = 0;
    for (const char *c = text; *c != '\0' && *c != 'e'; c++) {
        if (*c >= '0' && *c <= '9' && (count > 0 || *c != '0')) {
            digits[count++] = *c;
        }
    }
    while (count > 0 && digits[count - 1] == '0') {
        count--;
    }
    digits[count] = '\0';
    return count;
}

/* The printed text must read back equal; no text with a digit less would; among those as long it is the
 * nearest. */
static void assert_writes(double value) {
    char text[DX_DECIMAL_TEXT_MAX + 1], other[DIGITS_SIZE], digits[DIGITS_SIZE], other_digits[DIGITS_SIZE];
    text[dx_decimal_write(value, text)] = '\0';
    if (bits_of(strtod(text, NULL)) != bits_of(value)) {
        fail_msg("%.17g printed as %s", value, text);
    }
    assert_non_null(strpbrk(text, ".e"));
    int count = significant_digits(text, digits);
    if (value == 0) {
        return;
    }
    snprintf(other, sizeof other, "%.*e", count - 1, value);
    int other_count = significant_digits(other, other_digits);
    if (strtod(other, NULL) == value && (other_count != count || strcmp(digits, other_digits) != 0)) {
        fail_msg("%.17g printed as %s, but %s is nearer", value, text, other);
    }
    /* One digit less: the two neighbours of the value's exact digits. */
    snprintf(other, sizeof other, "%.40e", value < 0 ? -value : value);
    int exponent = atoi(strchr(other, 'e') + 1);
    significant_digits(other, other_digits);
    other_digits[count - 1] = '\0';
    unsigned long long below = strtoull(other_digits, NULL, 10);
    for (unsigned long long shorter = below; count > 1 && shorter <= below + 1; shorter++) {
        snprintf(other, sizeof other, "%s%llue%d", value < 0 ? "-" : "", shorter, exponent - (count - 2));
        if (strtod(other, NULL) == value) {
            fail_msg("%.17g printed as %s, but %s would do", value, text, other);
        }
    }
}

static void assert_value(double value) {
    char text[64];
    if (!isfinite(value)) {
        return;
    }
    assert_writes(value);
    snprintf(text, sizeof text, "%.17g", value);
    assert_reads(text);
}

static void test_layout(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *text;
    } rows[] = {
        {0.0, "0.0"},
        {-0.0, "-0.0"},
        {1, "1.0"},
        {-1.5, "-1.5"},
        {100, "100.0"},
        {0.001, "0.001"},
        {1e-6, "0.000001"},
        {1e-7, "1e-7"},
        {1.25e-7, "1.25e-7"},
        {123456.75, "123456.75"},
        {5e-324, "5e-324"},
        {1e20, "100000000000000000000.0"},
        {1e21, "1e+21"},
        {1.5e21, "1.5e+21"},
        {1e100, "1e+100"},
        {1.7976931348623157e308, "1.7976931348623157e+308"},
        {9007199254740992, "9007199254740992.0"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[DX_DECIMAL_TEXT_MAX + 1];
        text[dx_decimal_write(rows[i].value, text)] = '\0';
        assert_string_equal(text, rows[i].text);
    }
}

static void test_random_doubles(void **state) {
    (void)state;
    test_random random;
    test_random_init(&random, 1);
    for (int i = 0; i < RANDOM_COUNT; i++) {
        assert_value(of_bits(test_random_next(&random)));
        assert_value(
            of_bits(test_random_next(&random) >> 12 >> test_random_next(&random) % 52)); /* subnormal */
    }
}

static void test_random_decimals(void **state) {
    (void)state;
    test_random random;
    test_random_init(&random, 2);
    for (int i = 0; i < RANDOM_COUNT; i++) {
        char text[64];
        int digits = (int)(test_random_next(&random) % 19) + 1;
        unsigned long long whole = test_random_next(&random) % 10000000000000000000u;
        int exponent = (int)(test_random_next(&random) % 700) - 350;
        snprintf(text, sizeof text, "%s%.*llu.%llue%d", i % 2 == 0 ? "" : "-", 1, whole % 1000,
                 whole >> digits, exponent);
        assert_reads(text);
        snprintf(text, sizeof text, "%llue%d", whole >> (3 * digits), exponent % 25);
        assert_reads(text);
    }
}

static void test_powers(void **state) {
    (void)state;
    for (int power = -1074; power < 1024; power++) {
        double value = ldexp(1, power);
        assert_value(value);
        assert_value(of_bits(bits_of(value) - 1));
        assert_value(of_bits(bits_of(value) + 1));
    }
    for (int power = -330; power < 320; power++) {
        char text[16];
        snprintf(text, sizeof text, "1e%d", power);
        assert_reads(text);
        double value = strtod(text, NULL);
        assert_value(value);
        assert_value(of_bits(bits_of(value) + 1));
    }
}

/* The number half way to the next double, which an x87 long double holds, written out exactly; and a hair
 * beside it. */
static void assert_midpoint(uint64_t bits) {
    double low = of_bits(bits), high = of_bits(bits + 1);
    char text[TEXT_SIZE + 8];
    long double middle = ((long double)low + (long double)high) / 2;
    if (!isfinite(high) || sizeof(long double) == sizeof(double)) {
        return;
    }
    int size = snprintf(text, TEXT_SIZE, "%.1100Lf", middle);
    if (size >= TEXT_SIZE) {
        size = snprintf(text, TEXT_SIZE, "%.1100Le", middle);
        assert_true(size < TEXT_SIZE);
        assert_reads(text);
        return;
    }
    assert_reads(text); /* a tie: to even */
    text[size] = '1', text[size + 1] = '\0';
    assert_reads(text); /* a hair above */
    text[size - 1] = '\0';
    for (int i = size - 2; i >= 0; i--) { /* a hair below: the last non-zero digit less one, then nines */
        if (text[i] > '0' && text[i] <= '9') {
            text[i]--;
            break;
        }
        if (text[i] == '0') {
            text[i] = '9';
        }
    }
    assert_reads(text);
}

static void test_midpoints(void **state) {
    (void)state;
    test_random random;
    test_random_init(&random, 3);
    for (int i = 0; i < 1500; i++) {
        uint64_t exponent = 1023 - 60 + test_random_next(&random) % 120;
        assert_midpoint(exponent << 52 | test_random_next(&random) >> 12);
        assert_midpoint(test_random_next(&random) >> 12 >> i % 52);
    }
    assert_midpoint(0);
    assert_midpoint(UINT64_C(0x000fffffffffffff)); /* largest subnormal, smallest normal */
}

static void test_edges(void **state) {
    (void)state;
    static const char *const texts[] = {"0",
                                        "-0",
                                        "0.0",
                                        "-0.0e5",
                                        "0e999999999",
                                        "1e308",
                                        "1.7976931348623157e308",
                                        "1.7976931348623158e308",
                                        "1.7976931348623159e308",
                                        "1.797693134862315807e308",
                                        "1.797693134862315808e308",
                                        "1e309",
                                        "1e310",
                                        "1e311",
                                        "-1e400",
                                        "1e99999999999",
                                        "1e-99999999999",
                                        "4.9406564584124654e-324",
                                        "2.4703282292062328e-324",
                                        "2.4703282292062327e-324",
                                        "2e-324",
                                        "3e-324",
                                        "1e-345",
                                        "1e-400",
                                        "2.2250738585072011e-308",
                                        "2.2250738585072014e-308",
                                        "9007199254740993",
                                        "9007199254740992.5",
                                        "9007199254740993.0000000000000000000000001",
                                        "123456789012345678901234567890",
                                        "1e22",
                                        "1e23",
                                        "8.5e22",
                                        "0.1e-22",
                                        "1e-22",
                                        "1e-23",
                                        "1E5",
                                        "1E+5",
                                        "1e-05"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_reads(texts[i]);
    }
    static char text[2100];
    for (int zeros = 0; zeros < 2000; zeros += 37) { /* digits far beyond those kept still decide a tie */
        int size = snprintf(text, sizeof text, "9007199254740993.%0*d", zeros + 1, 0);
        assert_reads(text);
        text[size - 1] = '1';
        assert_reads(text);
    }
    memset(text, '9', 2000);
    memcpy(text + 2000, "e-1900", 7);
    assert_reads(text);
}

DX_TEST_MAIN(DX_TEST(test_layout), DX_TEST(test_random_doubles), DX_TEST(test_random_decimals),
             DX_TEST(test_powers), DX_TEST(test_midpoints), DX_TEST(test_edges))
