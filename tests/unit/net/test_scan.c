/* tests/unit/net/test_scan.c: words and numbers out of a line. */
#include "net/scan.h"
#include "test.h"

static void test_until_cuts_once(void **state) {
    (void)state;
    dx_bytes rest = dx_bytes_text("a,,b");
    assert_true(dx_bytes_equal(dx_scan_until(&rest, ','), dx_bytes_text("a")));
    assert_true(dx_bytes_equal(dx_scan_until(&rest, ','), dx_bytes_text("")));
    assert_true(dx_bytes_equal(dx_scan_until(&rest, ','), dx_bytes_text("b")));
    assert_int_equal(rest.size, 0);
    assert_int_equal(dx_scan_until(&rest, ',').size, 0);
    rest = (dx_bytes){0};
    assert_int_equal(dx_scan_until(&rest, ',').size, 0);
}

static void test_words(void **state) {
    (void)state;
    dx_bytes rest = dx_bytes_text("  one two   three ");
    assert_true(dx_bytes_equal(dx_scan_word(&rest), dx_bytes_text("one")));
    assert_true(dx_bytes_equal(dx_scan_word(&rest), dx_bytes_text("two")));
    assert_true(dx_bytes_equal(dx_scan_word(&rest), dx_bytes_text("three")));
    assert_int_equal(dx_scan_word(&rest).size, 0);
    assert_true(dx_bytes_equal(dx_scan_trim_end(dx_bytes_text("x y \r\n")), dx_bytes_text("x y")));
    assert_int_equal(dx_scan_trim_end(dx_bytes_text(" \r\n")).size, 0);
}

static void test_decimals(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t max;
        bool good;
        uint64_t value;
    } rows[] = {
        {"0", 0, true, 0},
        {"007", 9, true, 7},
        {"9", 9, true, 9},
        {"10", 9, false, 0},
        {"1", 0, false, 0},
        {"65535", 65535, true, 65535},
        {"65536", 65535, false, 0},
        {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, false, 0},
        {"99999999999999999999", UINT64_MAX, false, 0},
        {"000000000000000000001", UINT64_MAX, false, 0}, /* longer than any number */
        {"", 9, false, 0},
        {"-1", 9, false, 0},
        {"1 ", 9, false, 0},
        {"0x1", 99, false, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint64_t value = 0;
        assert_int_equal(dx_scan_decimal(dx_bytes_text(rows[i].text), rows[i].max, &value), rows[i].good);
        assert_int_equal(value, rows[i].value);
    }
    char digits[DX_SCAN_DECIMAL_MAX];
    assert_int_equal(dx_scan_print_decimal(0, digits), 1);
    assert_int_equal(dx_scan_print_decimal(UINT64_MAX, digits), 20);
    assert_memory_equal(digits, "18446744073709551615", 20);
}

static void test_words_compared(void **state) {
    (void)state;
    assert_true(dx_scan_is(dx_bytes_text("UDP"), "udp"));
    assert_true(dx_scan_is(dx_bytes_text("udp"), "UDP"));
    assert_false(dx_scan_is(dx_bytes_text("udp "), "udp"));
    assert_false(dx_scan_is(dx_bytes_text("tdp"), "udp"));
    dx_bytes text = dx_bytes_text("a=b");
    assert_false(dx_scan_prefix(&text, "A="));
    assert_false(dx_scan_prefix(&text, "a=bc"));
    assert_true(dx_scan_prefix(&text, "a="));
    assert_true(dx_bytes_equal(text, dx_bytes_text("b")));
    assert_true(dx_scan_is_ice_text(dx_bytes_text("aZ09+/"), 6, 6));
    assert_false(dx_scan_is_ice_text(dx_bytes_text("aZ09+/"), 7, 9));
    assert_false(dx_scan_is_ice_text(dx_bytes_text("aZ09+/"), 1, 5));
    assert_false(dx_scan_is_ice_text(dx_bytes_text("a-b"), 1, 9));
    assert_false(dx_scan_is_ice_text(dx_bytes_text("a=b"), 1, 9));
}

DX_TEST_MAIN(DX_TEST(test_until_cuts_once), DX_TEST(test_words), DX_TEST(test_decimals),
             DX_TEST(test_words_compared))
