/* test_object_path.c: the grammar of paths. */
#include "model/object_path.h"
#include "test.h"

static size_t parts_of(const char *path) {
    return dx_object_path_check(dx_bytes_text(path));
}

static void test_grammar(void **state) {
    (void)state;
    assert_int_equal(parts_of("a"), 1);
    assert_int_equal(parts_of("a.b.c"), 3);
    assert_int_equal(parts_of("a\\.b"), 1);
    assert_int_equal(parts_of("a\\\\.b"), 2);
    assert_int_equal(parts_of("\xc3\xa4.\xe2\x82\xac \xf0\x9f\x98\x80"), 2);
    static const char *const wrong[] = {"",     ".",      ".a",    "a.",   "a..b",     "\\",
                                        "a\\",  "a\\b",   "a\n",   "\x7f", "\xc2\x80", "\xc2\x9f",
                                        "a.\\", "\x01.a", "a\\..", "a.b.", "\t"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(parts_of(wrong[i]), 0);
    }
    assert_int_equal(parts_of("\xc2\xa0"), 1); /* the first character after the controls */
}

static void test_limits(void **state) {
    (void)state;
    char path[DX_OBJECT_PATH_SIZE_MAX + 2];
    memset(path, 'x', sizeof path);
    assert_int_equal(dx_object_path_check(dx_bytes_of(path, DX_OBJECT_PATH_SIZE_MAX)), 1);
    assert_int_equal(dx_object_path_check(dx_bytes_of(path, DX_OBJECT_PATH_SIZE_MAX + 1)), 0);
    for (size_t i = 1; i < sizeof path; i += 2) {
        path[i] = '.';
    }
    assert_int_equal(dx_object_path_check(dx_bytes_of(path, 2 * DX_OBJECT_DEPTH_MAX - 1)),
                     DX_OBJECT_DEPTH_MAX);
    assert_int_equal(dx_object_path_check(dx_bytes_of(path, 2 * DX_OBJECT_DEPTH_MAX + 1)), 0);
}

static void test_parts(void **state) {
    (void)state;
    static const char *const parts[] = {"a", "b\\.c", "\\\\", "d"};
    dx_bytes path = dx_bytes_text("a.b\\.c.\\\\.d"), part;
    size_t at = 0, count = 0;
    while (dx_object_path_next(path, &at, &part)) {
        assert_true(dx_bytes_equal(part, dx_bytes_text(parts[count++])));
    }
    assert_int_equal(count, 4);
    assert_true(dx_object_path_is_plain(dx_bytes_text("a b")));
    assert_false(dx_object_path_is_plain(dx_bytes_text("a.b")));
    assert_false(dx_object_path_is_plain(dx_bytes_text("a\\\\")));
}

static void test_keys(void **state) {
    (void)state;
    assert_true(dx_object_key_check(dx_bytes_text("a.b\\c d")));
    assert_false(dx_object_key_check(dx_bytes_text("")));
    assert_false(dx_object_key_check(dx_bytes_text("a\x1f")));
    assert_false(dx_object_key_check(dx_bytes_text("\xc2\x85")));
    uint8_t part[16], key[16];
    dx_bytes from = dx_bytes_text(".a\\.");
    assert_int_equal(dx_object_key_escape(from, NULL), 7);
    assert_int_equal(dx_object_key_escape(from, part), 7);
    assert_memory_equal(part, "\\.a\\\\\\.", 7);
    assert_int_equal(dx_object_part_unescape(dx_bytes_of(part, 7), key), 4);
    assert_memory_equal(key, from.data, 4);
}

/* The order of what parts stand for, which is not the order of their texts: "\." is one character. */
static void test_order(void **state) {
    (void)state;
    static const char *const ascending[] = {"\\.", "\\\\", "a", "b", "a\\.", "ab", "b\\\\", "aaa"};
    size_t count = sizeof ascending / sizeof ascending[0];
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            int order = dx_object_part_compare(dx_bytes_text(ascending[i]), dx_bytes_text(ascending[j]));
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
    }
}

DX_TEST_MAIN(DX_TEST(test_grammar), DX_TEST(test_limits), DX_TEST(test_parts), DX_TEST(test_keys),
             DX_TEST(test_order))
