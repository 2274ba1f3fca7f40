/* tests/unit/codec/test_reference.c: an id has one text, and a text one id. */
#include "test.h"

#include <dxos/codec.h>

static const char feed[] = "000102030405060708090a0b0c0d0e0f";

static void test_both_ways(void **state) {
    (void)state;
    static const struct {
        const char *tail; /* number and place, in hexadecimal */
        const char *text;
    } rows[] = {{"000000000000", "0-0-"}, {"000000070102", "7-258-"}, {"ffffffffffff", "4294967295-65535-"}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint8_t id[DX_REFERENCE_SIZE], back[DX_REFERENCE_SIZE];
        char hex[64], text[DX_REFERENCE_TEXT_MAX], wanted[64];
        snprintf(hex, sizeof hex, "%s%s", feed, rows[i].tail);
        snprintf(wanted, sizeof wanted, "%s%s", rows[i].text, feed);
        assert_int_equal(dx_hex_decode(hex, 2 * DX_REFERENCE_SIZE, id, sizeof id), DX_OK);
        dx_reference_print(id, text);
        assert_string_equal(text, wanted);
        assert_int_equal(dx_reference_parse(dx_bytes_text(text), back), DX_OK);
        assert_memory_equal(back, id, sizeof id);
    }
}

static void test_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"",
                                        "-",
                                        "0",
                                        "0-",
                                        "0-0",
                                        "0-0-",
                                        "--",
                                        "-0-000102030405060708090a0b0c0d0e0f",
                                        "0--000102030405060708090a0b0c0d0e0f",
                                        "00-0-000102030405060708090a0b0c0d0e0f",
                                        "0-00-000102030405060708090a0b0c0d0e0f",
                                        "4294967296-0-000102030405060708090a0b0c0d0e0f",
                                        "0-65536-000102030405060708090a0b0c0d0e0f",
                                        "99999999999999999999999-0-000102030405060708090a0b0c0d0e0f",
                                        "0-0-000102030405060708090a0b0c0d0e0F",
                                        "0-0-000102030405060708090a0b0c0d0e0",
                                        "0-0-000102030405060708090a0b0c0d0e0f0",
                                        "0-0-000102030405060708090a0b0c0d0e0g",
                                        "+1-0-000102030405060708090a0b0c0d0e0f",
                                        " 1-0-000102030405060708090a0b0c0d0e0f",
                                        "1 -0-000102030405060708090a0b0c0d0e0f"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint8_t id[DX_REFERENCE_SIZE];
        assert_int_equal(dx_reference_parse(dx_bytes_text(texts[i]), id), DX_E_INVALID);
    }
}

DX_TEST_MAIN(DX_TEST(test_both_ways), DX_TEST(test_refused))
