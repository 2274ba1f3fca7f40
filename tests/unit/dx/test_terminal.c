/* tests/unit/dx/test_terminal.c: text made safe for a terminal, and cut to its width. */
#include <dxos/host.h>
#include <locale.h>

#include "terminal.h"
#include "test.h"

static void expect(const char *text, size_t size, size_t columns, const char *wanted, size_t width) {
    dx_buf out;
    dx_buf_init(&out, dx_host_alloc(), 4096);
    assert_non_null(setlocale(LC_CTYPE, "C.UTF-8"));
    assert_int_equal(dx_terminal_text(dx_bytes_of(text, size), columns, &out), width);
    dx_buf_append(&out, "", 1);
    assert_string_equal((const char *)out.data, wanted);
    dx_buf_deinit(&out);
}

#define EXPECT(text, columns, wanted, width) expect(text, sizeof text - 1, columns, wanted, width)

static void test_safe(void **state) {
    (void)state;
    EXPECT("plain", SIZE_MAX, "plain", 5);
    EXPECT("a\033[2Jb", SIZE_MAX, "a·[2Jb", 6);
    EXPECT("a\nb\tc\0d\177", SIZE_MAX, "a·b·c·d·", 8);
    EXPECT("\302\233x", SIZE_MAX, "·x", 2);          /* C1: another escape */
    EXPECT("\342\200\256abc", SIZE_MAX, "·abc", 4);  /* turns text around */
    EXPECT("\xff\xfe\xc0\x80", SIZE_MAX, "····", 4); /* no UTF-8 */
    EXPECT("\xe2\x82", SIZE_MAX, "··", 2);           /* cut short */
    EXPECT("", SIZE_MAX, "", 0);
}

static void test_utf8(void **state) {
    (void)state;
    static const char text[] = "a\033\n\xff\xc3\xa4\xed\xa0\x80\xc3";
    dx_buf out;
    dx_buf_init(&out, dx_host_alloc(), 4096);
    dx_terminal_utf8(dx_bytes_of(text, sizeof text - 1), &out);
    dx_buf_append(&out, "", 1);
    assert_string_equal((const char *)out.data,
                        "a\033\n\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");
    dx_buf_deinit(&out);
}

static void test_widths(void **state) {
    (void)state;
    EXPECT("äöü", SIZE_MAX, "äöü", 3);
    EXPECT("日本", SIZE_MAX, "日本", 4);
    EXPECT("e\xcc\x81", SIZE_MAX, "e\xcc\x81", 1); /* an accent takes no room */
}

static void test_cut(void **state) {
    (void)state;
    EXPECT("plain", 0, "", 0);
    EXPECT("abcdef", 6, "abcdef", 6);
    EXPECT("abcdef", 5, "abcd…", 5);
    EXPECT("abcdef", 1, "…", 1);
    EXPECT("日本語", 6, "日本語", 6);
    EXPECT("日本語", 5, "日本…", 5);
    EXPECT("日本語", 4, "日…", 3); /* half a character cannot be shown */
}

/* --- Wrapping ---------------------------------------------------------------------------------- */

static void expect_wrapped(const char *text, size_t columns, const char *wanted) {
    char *got = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&got, &size);
    dx_terminal_wrap(text, columns, out);
    fclose(out);
    assert_string_equal(got, wanted);
    free(got);
}

static void test_wrapping(void **state) {
    (void)state;
    expect_wrapped("a line as it is\nand\n\nanother\n", SIZE_MAX, "a line as it is\nand\n\nanother\n");
    expect_wrapped("one two three four\n", 40, "one two three four\n");
    expect_wrapped("one two three four\n", 9, "one two\nthree\nfour\n");
    expect_wrapped("  key  one two three four\n", 15, "  key  one two\n       three\n       four\n");
    expect_wrapped("\033[1mkey\033[0m  one two\n", 8, "\033[1mkey\033[0m  one\n     two\n");
    expect_wrapped("größe  ein zwei\n", 11, "größe  ein\n       zwei\n");
    expect_wrapped("averyveryverylongword indeed\n", 10, "averyveryverylongword indeed\n");
    expect_wrapped("", 10, "");
    /* A line broken for a wide terminal goes on in the next; a table's lines do not. */
    const char *wide =
        "0123456789 123456789 123456789 123456789 123456789 123456789 123456789 123456789\nand on\n";
    expect_wrapped(
        wide, 60,
        "0123456789 123456789 123456789 123456789 123456789 123456789\n123456789 123456789 and on\n");
    expect_wrapped("short\nlines\n  stay\n", 60, "short\nlines\n  stay\n");
}

DX_TEST_MAIN(DX_TEST(test_wrapping), DX_TEST(test_safe), DX_TEST(test_utf8), DX_TEST(test_widths),
             DX_TEST(test_cut))
