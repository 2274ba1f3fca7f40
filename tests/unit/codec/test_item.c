/* tests/unit/codec/test_item.c: looking into an encoded item, and into bytes that are none. */
#include "test.h"

#include <dxos/codec.h>

static const uint8_t map[] = {0xa5, 0x05, 0x80,                                   /* 5: [] */
                              0x61, 'a',  0x18, 100,                              /* "a": 100 */
                              0x61, 'b',  0x63, 'x',  'y',  'z',                  /* "b": "xyz" */
                              0x62, 'a',  'a',  0xa1, 0x61, 'a',  0xf5,           /* "aa": {"a": true} */
                              0x64, 'i',  'd',  'e',  'a',  0xd8, 39,   0x41, 7}; /* "idea": 39(h'07') */

static dx_bytes whole(void) {
    return dx_bytes_of(map, sizeof map);
}

static void test_get(void **state) {
    (void)state;
    assert_int_equal(dx_item_check(whole()), DX_OK);
    assert_int_equal(dx_item_int(dx_item_get(whole(), "a"), 7), 100);
    assert_true(dx_bytes_equal(dx_item_text(dx_item_get(whole(), "b")), dx_bytes_text("xyz")));
    dx_bytes inner = dx_item_get(whole(), "aa");
    assert_int_equal(inner.size, 4);
    assert_true(dx_item_bool(dx_item_get(inner, "a"), false));
    assert_int_equal(dx_item_get(whole(), "idea").size, 4);
    static const char *const absent[] = {"", "c", "x", "aaa", "xyz", "\x05"};
    for (size_t i = 0; i < sizeof absent / sizeof *absent; i++) {
        dx_bytes found = dx_item_get(whole(), absent[i]);
        assert_true(found.size == 0 && found.data == NULL);
    }
    assert_int_equal(dx_item_get(dx_bytes_of("\x82\x61\x61", 3), "a").size, 0);
    assert_int_equal(dx_item_get(dx_bytes_of(NULL, 0), "a").size, 0);
}

/* Cut off anywhere, nothing beyond the end is read (a sanitizer sees to it) and nothing false is found. */
static void test_cut_off_maps(void **state) {
    (void)state;
    for (size_t size = 0; size < sizeof map; size++) {
        uint8_t *exact = malloc(size == 0 ? 1 : size);
        assert_non_null(exact);
        memcpy(exact, map, size);
        assert_int_equal(dx_item_get(dx_bytes_of(exact, size), "idea").size, 0);
        assert_int_equal(dx_item_get(dx_bytes_of(exact, size), "none").size, 0);
        free(exact);
    }
    assert_int_equal(dx_item_get(dx_bytes_of("\xbb\xff\xff\xff\xff\xff\xff\xff\xff\x00", 10), "a").size, 0);
    assert_int_equal(dx_item_get(dx_bytes_of("\xa1\x9b\xff\xff\xff\xff\xff\xff\xff\xff", 10), "a").size, 0);
    assert_int_equal(dx_item_get(dx_bytes_of("\xa1\xff\x00", 3), "a").size, 0);
}

static void test_values_and_fallbacks(void **state) {
    (void)state;
    dx_bytes text = dx_bytes_of("\x61\x61", 2), bytes = dx_bytes_of("\x41\x61", 2),
             none = dx_bytes_of(NULL, 0);
    assert_int_equal(dx_item_text(text).size, 1);
    assert_null(dx_item_text(bytes).data);
    assert_int_equal(dx_item_bytes(bytes).size, 1);
    assert_null(dx_item_bytes(text).data);
    assert_null(dx_item_bytes(none).data);
    assert_non_null(dx_item_text(dx_bytes_of("\x60", 1)).data); /* the empty text is a text */
    assert_null(dx_item_text(dx_bytes_of("\x62\x61", 2)).data); /* cut off */
    assert_true(dx_item_int(dx_bytes_of("\x3b\x7f\xff\xff\xff\xff\xff\xff\xff", 9), 0) == INT64_MIN);
    assert_true(dx_item_int(dx_bytes_of("\x1b\x80\0\0\0\0\0\0\0", 9), 5) == 5);
    assert_true(dx_item_int(text, 5) == 5 && dx_item_int(none, 5) == 5);
    assert_true(dx_item_bool(dx_bytes_of("\xf5", 1), false));
    assert_false(dx_item_bool(dx_bytes_of("\xf4", 1), true));
    assert_true(dx_item_bool(text, true) && dx_item_bool(none, true));
}

static void test_kinds(void **state) {
    (void)state;
    static const struct {
        uint8_t first;
        dx_kind kind;
    } rows[] = {{0x00, DX_KIND_INT},    {0x3b, DX_KIND_INT},  {0x40, DX_KIND_BYTES},  {0x78, DX_KIND_TEXT},
                {0x80, DX_KIND_ARRAY},  {0xb9, DX_KIND_MAP},  {0xc1, DX_KIND_TAG},    {0xf4, DX_KIND_BOOL},
                {0xf5, DX_KIND_BOOL},   {0xf6, DX_KIND_NULL}, {0xf9, DX_KIND_DOUBLE}, {0xfa, DX_KIND_DOUBLE},
                {0xfb, DX_KIND_DOUBLE}, {0xf7, DX_KIND_NONE}, {0xe0, DX_KIND_NONE},   {0xff, DX_KIND_NONE}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(dx_item_kind(dx_bytes_of(&rows[i].first, 1)), rows[i].kind);
    }
    assert_int_equal(dx_item_kind(dx_bytes_of(NULL, 0)), DX_KIND_NONE);
}

DX_TEST_MAIN(DX_TEST(test_get), DX_TEST(test_cut_off_maps), DX_TEST(test_values_and_fallbacks),
             DX_TEST(test_kinds))
