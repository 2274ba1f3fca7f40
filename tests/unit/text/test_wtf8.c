/* tests/unit/text/test_wtf8.c: units of UTF-16 in UTF-8, slices that cut pairs, halves. */
#include "fixtures.h"

#include "text/wtf8.h"

static dx_bytes text(const char *characters) {
    return dx_bytes_text(characters);
}

static void test_units(void **state) {
    (void)state;
    static const struct {
        const char *text;
        uint64_t units;
    } rows[] = {{"", 0},
                {"abc", 3},
                {"twelve bytes", 12},
                {"\303\274", 1},
                {"\345\234\250x", 2},
                {"\360\237\230\200", 2},
                {"seventeen bytes \303\274 and more", 26},
                {"\364\217\277\277", 2}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t units;
        assert_true(dx_utf8_units(text(rows[i].text), &units));
        assert_int_equal(units, rows[i].units);
        assert_int_equal(dx_wtf8_units(text(rows[i].text)), rows[i].units);
    }
}

static void test_what_is_not_utf8(void **state) {
    (void)state;
    static const char *const rows[] = {"\200",
                                       "\300\200",
                                       "\301\277",
                                       "\303",
                                       "\340\237\277",
                                       "\355\240\200",
                                       "\355\277\277",
                                       "\360\217\277\277",
                                       "\364\220\200\200",
                                       "\365\200\200\200",
                                       "\377",
                                       "abcdefgh\345\234",
                                       "\345\234x",
                                       "\360\237\230x"};
    uint64_t units;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_false(dx_utf8_units(text(rows[i]), &units));
    }
}

static void test_offset(void **state) {
    (void)state;
    dx_bytes mixed = text("0123456789\303\274\360\237\230\200z");
    static const struct {
        uint64_t index;
        size_t offset;
        bool inside;
    } rows[] = {{0, 0, false},   {8, 8, false},  {9, 9, false},   {10, 10, false},
                {11, 12, false}, {12, 12, true}, {13, 16, false}, {14, 17, false}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool inside;
        assert_int_equal(dx_wtf8_offset(mixed, rows[i].index, &inside), rows[i].offset);
        assert_int_equal(inside, rows[i].inside);
    }
}

static void test_slices(void **state) {
    (void)state;
    static const struct {
        uint64_t from, to;
        const char *wanted;
    } rows[] = {{0, 1, "a"},
                {1, 3, "\360\237\230\200"},
                {0, 2, "a\355\240\275"},
                {2, 4, "\355\270\200b"},
                {2, 3, "\355\270\200"},
                {1, 2, "\355\240\275"},
                {4, 4, ""},
                {0, 4, "a\360\237\230\200b"}};
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dx_buf out = buffer(&alloc);
        dx_wtf8_slice(text("a\360\237\230\200b"), rows[i].from, rows[i].to, &out);
        assert_bytes_equal(dx_buf_view(&out), text(rows[i].wanted));
        dx_buf_deinit(&out);
    }
}

static void test_halves(void **state) {
    (void)state;
    static const struct {
        const char *wtf8, *utf8;
        bool half;
    } rows[] = {{"", "", false},
                {"plain", "plain", false},
                {"\355\237\277", "\355\237\277", false}, /* U+D7FF */
                {"\355\240\275", "\357\277\275", true},
                {"a\355\270\200b", "a\357\277\275b", true},
                {"a\355\240\275\355\270\200b", "a\360\237\230\200b", true},
                {"\355\270\200\355\240\275", "\357\277\275\357\277\275", true},
                {"\355\240\275\355\240\275\355\270\200", "\357\277\275\360\237\230\200", true},
                {"\355\237\277\355\240\275x\355", "\355\237\277\357\277\275x\355", true}};
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dx_buf out = buffer(&alloc);
        dx_wtf8_to_utf8(text(rows[i].wtf8), &out);
        assert_bytes_equal(dx_buf_view(&out), text(rows[i].utf8));
        assert_int_equal(dx_wtf8_has_half(text(rows[i].wtf8)), rows[i].half);
        dx_buf_deinit(&out);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

/* Every slice of every text, put together again, is the text. */
static void test_slices_join(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_bytes whole = text("x\360\237\230\200\360\220\200\200\364\217\277\277\303\274y");
    uint64_t units = dx_wtf8_units(whole);
    for (uint64_t cut = 0; cut <= units; cut++) {
        dx_buf halves = buffer(&alloc), joined = buffer(&alloc);
        dx_wtf8_slice(whole, 0, cut, &halves);
        dx_wtf8_slice(whole, cut, units, &halves);
        assert_int_equal(dx_wtf8_units(dx_buf_view(&halves)), units);
        dx_wtf8_to_utf8(dx_buf_view(&halves), &joined);
        assert_bytes_equal(dx_buf_view(&joined), whole);
        dx_buf_deinit(&halves);
        dx_buf_deinit(&joined);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

DX_TEST_MAIN(DX_TEST(test_units), DX_TEST(test_what_is_not_utf8), DX_TEST(test_offset), DX_TEST(test_slices),
             DX_TEST(test_halves), DX_TEST(test_slices_join))
