/* tests/unit/codec/test_json.c: JSON and canonical CBOR say the same (codec/json_parse.c,
 * codec/json_print.c).
 *
 * Exact texts in both directions, what is refused and where, nesting, and every allocation failing once.
 * Numbers are compared with the C library in test_decimal.c. */
#include "test.h"

#include <dxos/codec.h>

enum { MAX = 1 << 20 };

static test_alloc alloc;

static int reset(void **state) {
    (void)state;
    test_alloc_init(&alloc);
    return 0;
}

static int nothing_lives(void **state) {
    (void)state;
    return alloc.live_bytes == 0 ? 0 : -1;
}

/* Parses the text into out (fresh); returns the error. */
static int parse(dx_bytes json, dx_buf *out, char message[static 96]) {
    dx_writer writer;
    dx_buf_init(out, &alloc.port, MAX);
    dx_writer_init(&writer, out);
    message[0] = '\0';
    int error = dx_json_parse(json, &writer, message, 96);
    if (error == DX_OK) {
        assert_int_equal(dx_writer_finish(&writer), DX_OK);
        assert_int_equal(dx_item_check(dx_buf_view(out)), DX_OK);
    } else {
        assert_int_equal(out->size, 0);
    }
    return error;
}

static void assert_parses(const char *json, const char *hex) {
    dx_buf out;
    char message[96], found[512];
    int error = parse(dx_bytes_text(json), &out, message);
    assert_string_equal(message, "");
    assert_int_equal(error, DX_OK);
    dx_hex_encode(dx_buf_view(&out), found);
    assert_string_equal(found, hex);
    dx_buf_deinit(&out);
}

static void assert_prints(const char *hex, const char *json) {
    uint8_t item[256];
    dx_buf out;
    size_t size = strlen(hex) / 2;
    assert_int_equal(dx_hex_decode(hex, 2 * size, item, size), DX_OK);
    dx_buf_init(&out, &alloc.port, MAX);
    assert_int_equal(dx_json_print(dx_bytes_of(item, size), &out), DX_OK);
    dx_buf_append_byte(&out, 0);
    assert_string_equal((const char *)out.data, json);
    dx_buf_deinit(&out);
}

static void assert_both(const char *json, const char *hex) {
    assert_parses(json, hex);
    assert_prints(hex, json);
}

static void assert_refused(const char *json, int wanted, const char *wanted_message) {
    dx_buf out;
    char message[96];
    int error = parse(dx_bytes_text(json), &out, message);
    assert_string_equal(message, wanted_message);
    assert_int_equal(error, wanted);
    dx_buf_deinit(&out);
}

static void test_plain_values(void **state) {
    (void)state;
    assert_both("null", "f6");
    assert_both("{\"@double\":\"NaN\"}", "f97e00");
    assert_both("[{\"@double\":\"Infinity\"},{\"@double\":\"-Infinity\"}]", "82f97c00f9fc00");
    assert_both("{\"@@double\":\"NaN\"}", "a16740646f75626c65634e614e");
    assert_both("true", "f5");
    assert_both("false", "f4");
    assert_both("0", "00");
    assert_both("-1", "20");
    assert_both("9223372036854775807", "1b7fffffffffffffff");
    assert_both("-9223372036854775808", "3b7fffffffffffffff");
    assert_both("1.0", "f93c00");
    assert_both("-0.0", "f98000");
    assert_both("0.1", "fb3fb999999999999a");
    assert_both("1e+300", "fb7e37e43c8800759c");
    assert_both("\"\"", "60");
    assert_both("\"IETF\"", "6449455446");
    assert_both("[]", "80");
    assert_both("[1,[2,3],[4,5]]", "8301820203820405");
    assert_both("{}", "a0");
    assert_both("{\"a\":1,\"b\":[2,3]}", "a26161016162820203");
}

static void test_one_value_has_many_texts(void **state) {
    (void)state;
    assert_parses(" \t\r\n{ \"b\" : [ 2 , 3 ] , \"a\" : 1 } \n", "a26161016162820203");
    assert_parses("-0", "00");
    assert_parses("1e0", "f93c00");
    assert_parses("10E-1", "f93c00");
    assert_parses("9223372036854775808", "fa5f000000");
    assert_parses("-9223372036854775809", "fadf000000");
    assert_parses("100000000000000000000000", "fb44b52d02c7e14af6");
    assert_parses("1e-400", "f90000");
    assert_parses("0e999999999999999999999", "f90000");
}

static void test_strings(void **state) {
    (void)state;
    assert_both("\"\\\"\\\\\\b\\f\\n\\r\\t\\u0000\\u001f\"", "69225c080c0a0d09001f");
    assert_parses("\"\\/\\u0041\\u00fc\\u6c34\"", "672f41c3bce6b0b4");
    assert_parses("\"\\ud800\\udd51\"", "64f0908591");
    assert_parses("\"\\uD800\\uDD51\"", "64f0908591");
    assert_both("\"\xf0\x90\x85\x91\\u007f\"", "65f09085917f");
    /* What a terminal acts on is escaped, its neighbours are not. */
    assert_both("\"\\u0080\\u009b\xc2\xa0~\xc3\x80\"", "69c280c29bc2a07ec380");
    assert_refused("\"\\ud800\"", DX_E_INVALID, "a lone surrogate is not a character, at byte 1");
    assert_refused("\"\\udc00\\ud800\"", DX_E_INVALID, "a lone surrogate is not a character, at byte 1");
    assert_refused("\"a\\ud800\\n\"", DX_E_INVALID, "a lone surrogate is not a character, at byte 2");
    assert_refused("\"\\ud800\\u0041\"", DX_E_INVALID, "a lone surrogate is not a character, at byte 1");
    assert_refused("\"\\x\"", DX_E_INVALID, "this escape is not one of JSON's, at byte 1");
    assert_refused("\"\\u12g4\"", DX_E_INVALID, "this escape is not one of JSON's, at byte 1");
    assert_refused("\"\\u12", DX_E_INVALID, "this escape is not one of JSON's, at byte 1");
    assert_refused("\"\\", DX_E_INVALID, "this escape is not one of JSON's, at byte 1");
    assert_refused("\"a\nb\"", DX_E_INVALID, "a control character must be escaped, at byte 2");
    assert_refused("\"abc", DX_E_INVALID, "the string has no end, at byte 4");
    assert_refused("\"\xc3\"", DX_E_INVALID, "the string is not UTF-8 somewhere after this, at byte 1");
    assert_refused("\"\xed\xa0\x80\"", DX_E_INVALID,
                   "the string is not UTF-8 somewhere after this, at byte 1");
}

static void test_members_are_sorted(void **state) {
    (void)state;
    assert_parses("{\"aa\":1,\"b\":2,\"a\":3}", "a361610361620262616101"); /* shorter keys first */
    dx_buf json, out;
    char message[96];
    dx_buf_init(&json, &alloc.port, MAX);
    for (unsigned i = 0; i < 2000; i++) { /* every name once, in an order that is neither up nor down */
        char name[32];
        int size = snprintf(name, sizeof name, "%c\"%u\":%u", i == 0 ? '{' : ',', i * 7919 % 2000, i);
        dx_buf_append(&json, name, (size_t)size);
    }
    dx_buf_append_byte(&json, '}');
    assert_int_equal(parse(dx_buf_view(&json), &out, message), DX_OK);
    dx_reader reader;
    dx_reader_init(&reader, dx_buf_view(&out));
    assert_int_equal(dx_read_map(&reader), 2000);
    dx_buf_deinit(&out);

    json.size--;
    dx_buf_append(&json, ",\"77\":0}", 8);
    assert_int_equal(parse(dx_buf_view(&json), &out, message), DX_E_INVALID);
    assert_non_null(strstr(message, "this member occurs twice in its object, at byte "));
    assert_int_equal(strtoul(strrchr(message, ' '), NULL, 10), json.size - 7);
    dx_buf_deinit(&out);
    dx_buf_deinit(&json);
}

static void test_special_objects(void **state) {
    (void)state;
    assert_both("{\"@bytes\":\"\"}", "40");
    assert_both("{\"@bytes\":\"AQIDBA\"}", "4401020304");
    assert_both("{\"@ref\":\"7-258-000102030405060708090a0b0c0d0e0f\"}",
                "d82756000102030405060708090a0b0c0d0e0f000000070102");
    assert_both("{\"@ref\":\"7-258-000102030405060708090a0b0c0d0e0f!\"}",
                "d82757000102030405060708090a0b0c0d0e0f00000007010201");
    assert_both("{\"@ref\":\"~AAECAwQFBgcICQoLDA0ODwAAAAcBAgI\"}", /* 23 bytes, the last is another */
                "d82757000102030405060708090a0b0c0d0e0f00000007010202");
    assert_both("{\"@ref\":\"~AQI\"}", "d827420102");
    assert_both("{\"@time\":\"1970-01-01T00:00:00Z\"}", "c074313937302d30312d30315430303a30303a30305a");
    assert_both("{\"@time\":\"1969-12-31T23:59:59.999999Z\"}",
                "c0781b313936392d31322d33315432333a35393a35392e3939393939395a");
    assert_both("{\"@time\":\"2024-02-29T12:34:56.789Z\"}",
                "c07818323032342d30322d32395431323a33343a35362e3738395a");
    assert_parses("{\"@time\":\"2024-02-29T14:34:56.789000+02:00\"}",
                  "c07818323032342d30322d32395431323a33343a35362e3738395a");
    assert_both("{\"@map\":[[1,\"a\"],[-1,\"b\"],[\"c\",{\"@map\":[[0,[]]]}]]}", "a30161612061626163a10080");
}

static void test_special_objects_mean_themselves_when_escaped(void **state) {
    (void)state;
    assert_both("{\"@@ref\":5}", "a1644072656605");
    assert_both("{\"@@@ref\":5}", "a165404072656605");
    assert_both("{\"a\":1,\"@ref\":\"x\"}", "a261610164407265666178");
    assert_both("{\"@type\":1}", "a165407479706501");
    assert_both("{\"@@@@@@@@@@@@@@@@@@@@@@@bytes\":0}",
                "a1781b40404040404040404040404040404040404040404040627974657300");
}

static void test_special_objects_refused(void **state) {
    (void)state;
    assert_refused("[{\"@bytes\":5}]", DX_E_INVALID, "@ref, @bytes and @double take a string, at byte 1");
    assert_refused("{\"@bytes\":\"A\"}", DX_E_INVALID, "@bytes is not base64url without padding, at byte 0");
    assert_refused("{\"@bytes\":\"AQ==\"}", DX_E_INVALID,
                   "@bytes is not base64url without padding, at byte 0");
    assert_refused("{\"@ref\":\"7-0\"}", DX_E_INVALID,
                   "@ref holds no whole id (NUMBER-PLACE-FEED, with ! at the end when strong), at byte 0");
    assert_refused("{\"@ref\":\"~*\"}", DX_E_INVALID,
                   "@ref holds no whole id (NUMBER-PLACE-FEED, with ! at the end when strong), at byte 0");
    assert_refused("{\"@time\":\"2023-02-29T00:00:00Z\"}", DX_E_INVALID,
                   "@time is not an RFC 3339 time with at most six decimals, at byte 0");
    assert_refused("{\"@double\":\"1.5\"}", DX_E_INVALID,
                   "@double is none of NaN, Infinity and -Infinity, at byte 0");
    assert_refused("{\"@double\":1.5}", DX_E_INVALID, "@ref, @bytes and @double take a string, at byte 0");
    assert_refused("{\"@time\":0}", DX_E_INVALID,
                   "@time is not an RFC 3339 time with at most six decimals, at byte 0");
    assert_refused("{\"@time\":\"9999-12-31T23:59:59-00:01\"}", DX_E_INVALID,
                   "@time is not an RFC 3339 time with at most six decimals, at byte 0");
    assert_refused("{\"@time\":null}", DX_E_INVALID,
                   "@time is not an RFC 3339 time with at most six decimals, at byte 0");
    assert_refused("{\"@map\":[[1]]}", DX_E_INVALID,
                   "@map is not an array of pairs with text or integer keys, at byte 0");
    assert_refused("{\"@map\":[[null,1]]}", DX_E_INVALID,
                   "@map is not an array of pairs with text or integer keys, at byte 0");
    assert_refused("{\"@map\":3}", DX_E_INVALID,
                   "@map is not an array of pairs with text or integer keys, at byte 0");
    assert_refused("{\"@map\":[[1,2],[1,3]]}", DX_E_INVALID,
                   "this member occurs twice in its object, at byte 0");
}

static void test_wrong_texts(void **state) {
    (void)state;
    assert_refused("", DX_E_INVALID, "a value must begin here, at byte 0");
    assert_refused("  ", DX_E_INVALID, "a value must begin here, at byte 2");
    assert_refused("nul", DX_E_INVALID, "a value must begin here, at byte 0");
    assert_refused("'a'", DX_E_INVALID, "a value must begin here, at byte 0");
    assert_refused("1 2", DX_E_INVALID, "something follows the value, at byte 2");
    assert_refused("[1", DX_E_INVALID, "a comma or ] must follow, at byte 2");
    assert_refused("[1,]", DX_E_INVALID, "a value must begin here, at byte 3");
    assert_refused("[,]", DX_E_INVALID, "a value must begin here, at byte 1");
    assert_refused("{\"a\":1", DX_E_INVALID, "a comma or } must follow, at byte 6");
    assert_refused("{\"a\":1,}", DX_E_INVALID, "a string must begin here, at byte 7");
    assert_refused("{\"a\" 1}", DX_E_INVALID, "a colon must follow the member's name, at byte 5");
    assert_refused("{a:1}", DX_E_INVALID, "a string must begin here, at byte 1");
    assert_refused("{\"a\":1,\"a\":2}", DX_E_INVALID, "this member occurs twice in its object, at byte 7");
    assert_refused("-", DX_E_INVALID, "a digit must follow the minus, at byte 1");
    assert_refused("01", DX_E_INVALID, "something follows the value, at byte 1");
    assert_refused("1.", DX_E_INVALID, "a digit must follow the decimal point, at byte 2");
    assert_refused("1e+", DX_E_INVALID, "the exponent has no digits, at byte 3");
    assert_refused("+1", DX_E_INVALID, "a value must begin here, at byte 0");
    assert_refused("1e309", DX_E_INVALID, "this number is beyond the range of a double, at byte 0");
    assert_refused("[-1e99999999999]", DX_E_INVALID,
                   "this number is beyond the range of a double, at byte 1");
    assert_refused("NaN", DX_E_INVALID, "a value must begin here, at byte 0");
}

static void test_digits_are_bounded(void **state) {
    (void)state;
    static char text[2060];
    memset(text, '7', sizeof text - 1);
    text[1] = '.';
    assert_refused(text, DX_E_LIMIT, "this number has too many digits, at byte 0");
    text[2048] = '\0';
    assert_parses(text, "fb401f1c71c71c71c7");
}

static void test_zero_byte_is_no_end(void **state) {
    (void)state;
    dx_buf out;
    char message[96];
    assert_int_equal(parse(dx_bytes_of("1\0", 2), &out, message), DX_E_INVALID);
    assert_string_equal(message, "something follows the value, at byte 1");
    dx_buf_deinit(&out);
}

/* depth containers, one in the other, the innermost empty. */
static int parse_nested(const char *opening, const char *innermost, const char *closing, int depth) {
    dx_buf json, out;
    char message[96];
    dx_buf_init(&json, &alloc.port, MAX);
    for (int i = 0; i < depth; i++) {
        dx_buf_append(&json, opening, strlen(opening));
    }
    dx_buf_append(&json, innermost, strlen(innermost));
    for (int i = 0; i < depth; i++) {
        dx_buf_append(&json, closing, strlen(closing));
    }
    int error = parse(dx_buf_view(&json), &out, message);
    if (error == DX_OK) {
        dx_buf again;
        dx_buf_init(&again, &alloc.port, MAX);
        assert_int_equal(dx_json_print(dx_buf_view(&out), &again), DX_OK);
        assert_true(dx_bytes_equal(dx_buf_view(&again), dx_buf_view(&json)));
        dx_buf_deinit(&again);
    }
    dx_buf_deinit(&out);
    dx_buf_deinit(&json);
    return error;
}

static void test_nesting(void **state) {
    (void)state;
    assert_int_equal(parse_nested("[", "", "]", DX_CODEC_DEPTH_MAX), DX_OK);
    assert_int_equal(parse_nested("[", "", "]", DX_CODEC_DEPTH_MAX + 1), DX_E_LIMIT);
    assert_int_equal(parse_nested("{\"a\":", "1", "}", DX_CODEC_DEPTH_MAX), DX_OK);
    assert_int_equal(parse_nested("{\"a\":", "1", "}", DX_CODEC_DEPTH_MAX + 1), DX_E_LIMIT);
    assert_int_equal(parse_nested("{\"@map\":[[1,", "{\"@ref\":\"~\"}", "]]}", DX_CODEC_DEPTH_MAX), DX_OK);
    assert_int_equal(parse_nested("{\"@map\":[[1,", "2", "]]}", DX_CODEC_DEPTH_MAX + 1), DX_E_LIMIT);
    assert_int_equal(parse_nested("[", "", "]", 100000), DX_E_LIMIT);
}

static void test_print_refuses_what_is_no_item(void **state) {
    (void)state;
    dx_buf out;
    dx_buf_init(&out, &alloc.port, MAX);
    assert_int_equal(dx_json_print(dx_bytes_of("", 0), &out), DX_E_MALFORMED);
    assert_int_equal(dx_json_print(dx_bytes_of("\xf7", 1), &out), DX_E_MALFORMED);
    assert_int_equal(dx_json_print(dx_bytes_of("\x01\x01", 2), &out), DX_E_MALFORMED);
    assert_int_equal(out.size, 0);
    dx_buf_deinit(&out);
    dx_buf_init(&out, &alloc.port, 3);
    assert_int_equal(dx_json_print(dx_bytes_of("\xf5", 1), &out), DX_E_LIMIT);
    dx_buf_deinit(&out);
}

static void test_the_writer_limit_holds(void **state) {
    (void)state;
    dx_buf out;
    dx_writer writer;
    dx_buf_init(&out, &alloc.port, 8);
    dx_writer_init(&writer, &out);
    char message[96];
    assert_int_equal(dx_json_parse(dx_bytes_text("\"123456789\""), &writer, message, sizeof message),
                     DX_E_LIMIT);
    assert_string_equal(message, "a limit would be exceeded, at byte 11");
    dx_buf_deinit(&out);
    /* Alone it fits, behind what is written already it does not. */
    dx_buf_init(&out, &alloc.port, 8);
    dx_writer_init(&writer, &out);
    dx_write_text(&writer, "1234");
    memset(message, 'x', sizeof message);
    assert_int_equal(dx_json_parse(dx_bytes_text("\"123456\""), &writer, message, sizeof message),
                     DX_E_LIMIT);
    assert_string_equal(message, "a limit would be exceeded, at byte 8");
    assert_int_equal(out.size, 5);
    dx_buf_deinit(&out);
}

static void test_message_is_optional_and_bounded(void **state) {
    (void)state;
    dx_buf out;
    dx_writer writer;
    dx_buf_init(&out, &alloc.port, 64);
    dx_writer_init(&writer, &out);
    char message[8];
    memset(message, 'x', sizeof message);
    assert_int_equal(dx_json_parse(dx_bytes_text("?"), &writer, NULL, 0), DX_E_INVALID);
    assert_int_equal(dx_json_parse(dx_bytes_text("?"), &writer, message, sizeof message), DX_E_INVALID);
    assert_string_equal(message, "a value");
    dx_buf_deinit(&out);
}

/* Whatever allocation fails, the parse says so and leaves nothing behind. */
static void test_every_allocation_fails_once(void **state) {
    (void)state;
    static const char json[] =
        "{\"b\":{\"@bytes\":\"AQID\"},\"a\":[{\"@ref\":\"~AA\"},{\"@time\":\"2024-01-01T00:00:00Z\"},"
        "{\"@map\":[[2,0],[1,{\"@@ref\":0}]]},1.5,\"text that takes more than the first sixty-four bytes "
        "of a buffer, so that it has to grow\"]}";
    for (uint64_t n = 1;; n++) {
        dx_buf out, again;
        char message[96];
        test_alloc_init(&alloc);
        alloc.fail_at = n;
        int error = parse(dx_bytes_text(json), &out, message);
        if (error == DX_OK) {
            dx_buf_init(&again, &alloc.port, MAX);
            error = dx_json_print(dx_buf_view(&out), &again);
            dx_buf_deinit(&again);
        }
        dx_buf_deinit(&out);
        assert_int_equal(alloc.live_bytes, 0);
        if (error == DX_OK) {
            assert_true(alloc.calls < n);
            assert_true(n > 8);
            break;
        }
        assert_int_equal(error, DX_E_NO_MEMORY);
    }
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, reset, nothing_lives)
DX_TEST_MAIN(CASE(test_plain_values), CASE(test_one_value_has_many_texts), CASE(test_strings),
             CASE(test_members_are_sorted), CASE(test_special_objects),
             CASE(test_special_objects_mean_themselves_when_escaped), CASE(test_special_objects_refused),
             CASE(test_wrong_texts), CASE(test_digits_are_bounded), CASE(test_zero_byte_is_no_end),
             CASE(test_nesting), CASE(test_print_refuses_what_is_no_item), CASE(test_the_writer_limit_holds),
             CASE(test_message_is_optional_and_bounded), CASE(test_every_allocation_fails_once))
