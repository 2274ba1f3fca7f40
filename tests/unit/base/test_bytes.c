/* tests/unit/base/test_bytes.c: borrowed bytes and hexadecimal. */
#include "test.h"

static void test_equal_and_compare(void **state) {
    (void)state;
    dx_bytes none = dx_bytes_of(NULL, 0), a = dx_bytes_text("a"), ab = dx_bytes_text("ab"),
             b = dx_bytes_text("b");
    assert_int_equal(ab.size, 2);
    assert_true(dx_bytes_equal(none, dx_bytes_text("")));
    assert_true(dx_bytes_equal(ab, dx_bytes_of("abc", 2)));
    assert_false(dx_bytes_equal(a, ab));
    assert_false(dx_bytes_equal(a, b));
    assert_int_equal(dx_bytes_compare(none, dx_bytes_text("")), 0);
    assert_int_equal(dx_bytes_compare(ab, ab), 0);
    assert_true(dx_bytes_compare(none, a) < 0 && dx_bytes_compare(a, none) > 0);
    assert_true(dx_bytes_compare(a, ab) < 0 && dx_bytes_compare(ab, a) > 0);
    assert_true(dx_bytes_compare(ab, b) < 0 && dx_bytes_compare(b, ab) > 0);
    assert_true(dx_bytes_compare(dx_bytes_of("\x80", 1), a) > 0); /* bytes are unsigned */
}

static void test_hex(void **state) {
    (void)state;
    uint8_t bytes[256], back[256];
    char text[513];
    for (int i = 0; i < 256; i++) {
        bytes[i] = (uint8_t)i;
    }
    dx_hex_encode(dx_bytes_of(bytes, 256), text);
    assert_int_equal(strlen(text), 512);
    assert_memory_equal(text, "000102", 6);
    assert_memory_equal(text + 506, "fdfeff", 6);
    assert_int_equal(dx_hex_decode(text, 512, back, 256), DX_OK);
    assert_memory_equal(back, bytes, 256);
    assert_int_equal(dx_hex_decode("ABcd", 4, back, 2), DX_OK);
    assert_memory_equal(back, "\xab\xcd", 2);
    dx_hex_encode(dx_bytes_of(NULL, 0), text);
    assert_string_equal(text, "");
    assert_int_equal(dx_hex_decode("", 0, back, 0), DX_OK);
}

static void test_hex_refuses(void **state) {
    (void)state;
    uint8_t out[4];
    static const char *const texts[] = {"0", "000", "00000", "0g", "g0", "0:", "0/", "0@", "0`", " 0", "0x"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(dx_hex_decode(texts[i], strlen(texts[i]), out, 1), DX_E_INVALID);
    }
    assert_int_equal(dx_hex_decode("0000", 4, out, 1), DX_E_INVALID);
    assert_int_equal(dx_hex_decode("00", 2, out, 2), DX_E_INVALID);
}

DX_TEST_MAIN(DX_TEST(test_equal_and_compare), DX_TEST(test_hex), DX_TEST(test_hex_refuses))
