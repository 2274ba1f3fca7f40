/* tests/unit/codec/test_json_format.c: C values in the holes of a JSON text (codec/json_format.c): each kind of
 * hole, texts that look like syntax, what is refused, and every allocation failing once. */
#include "test.h"

#include <dxos/codec.h>
#include <float.h>

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

/* The item's JSON; of an error its number. */
static const char *says(int error, dx_buf *item) {
    static char text[512];
    dx_buf json;
    dx_buf_init(&json, &alloc.port, MAX);
    if (error != DX_OK) {
        assert_int_equal(item->size, 0);
        snprintf(text, sizeof text, "%s", dx_error_name(error));
    } else {
        assert_int_equal(dx_item_check(dx_buf_view(item)), DX_OK);
        assert_int_equal(dx_json_print(dx_buf_view(item), &json), DX_OK);
        snprintf(text, sizeof text, "%.*s", (int)json.size, (const char *)json.data);
    }
    dx_buf_deinit(&json);
    dx_buf_deinit(item);
    return text;
}

#define FORMAT(...)                                                                                          \
    (dx_buf_init(&item, &alloc.port, MAX), dx_writer_init(&writer, &item),                                   \
     says(dx_json_format(&writer, __VA_ARGS__), &item))

static void test_holes(void **state) {
    const char *volatile none = NULL; /* the compiler is not to see through it */
    (void)state;
    dx_buf item;
    dx_writer writer;
    assert_string_equal(FORMAT("{}"), "{}");
    assert_string_equal(FORMAT("{\"t\": %s, \"n\": %d}", "tea", 3), "{\"n\":3,\"t\":\"tea\"}");
    assert_string_equal(
        FORMAT("[%ld, %lld, %u, %lu, %llu, %zu]", -1L, (long long)INT64_MIN, 7u, 8ul, 9ull, (size_t)10),
        "[-1,-9223372036854775808,7,8,9,10]");
    assert_string_equal(FORMAT("[%i, %u]", INT32_MIN, UINT32_MAX), "[-2147483648,4294967295]");
    assert_string_equal(FORMAT("[%g, %f, %g]", 0.1, 2.0, DBL_MAX), "[0.1,2.0,1.7976931348623157e+308]");
    assert_string_equal(FORMAT("{\"of 100 %%\": %s}", none), "{\"of 100 %\":null}");
    assert_string_equal(FORMAT("{%s: {\"@ref\": %s}}", "key", "1-2-000102030405060708090a0b0c0d0e0f"),
                        "{\"key\":{\"@ref\":\"1-2-000102030405060708090a0b0c0d0e0f\"}}");
}

static void test_a_text_is_never_syntax(void **state) {
    (void)state;
    dx_buf item;
    dx_writer writer;
    assert_string_equal(FORMAT("[%s]", "\", \"x"), "[\"\\\", \\\"x\"]");
    assert_string_equal(FORMAT("{\"a\": %s}", "\\\n\x01 %s }"), "{\"a\":\"\\\\\\n\\u0001 %s }\"}");
    /* Not even the object that stands for what JSON lacks. */
    assert_string_equal(FORMAT("[%s]", "{\"@bytes\": \"AA\"}"), "[\"{\\\"@bytes\\\": \\\"AA\\\"}\"]");
}

/* The compiler would say so first. */
static int format_unchecked(dx_writer *writer, char *message, const char *json, ...) {
    va_list values;
    va_start(values, json);
    int error = dx_json_format_list(writer, message, 96, json, values);
    va_end(values);
    return error;
}

static void assert_refused(const char *json, const char *text, const char *words) {
    dx_buf item;
    dx_writer writer;
    char message[96] = "";
    dx_buf_init(&item, &alloc.port, MAX);
    dx_writer_init(&writer, &item);
    assert_int_equal(format_unchecked(&writer, message, json, text), DX_E_INVALID);
    assert_non_null(strstr(message, words));
    assert_int_equal(item.size, 0);
    dx_buf_deinit(&item);
}

static void test_what_is_refused(void **state) {
    (void)state;
    dx_buf item;
    dx_writer writer;
    static const char *const holes[] = {"[%",   "[%5s]", "[%.3s]",  "[%ls]", "[%x]",  "[%c]", "[%p]",
                                        "[%n]", "[%l",   "[%lllu]", "[%zd]", "[%-d]", "[%lg]"};
    for (size_t i = 0; i < sizeof holes / sizeof holes[0]; i++) {
        assert_refused(holes[i], "x", "a hole is none of");
    }
    assert_refused("[%s]", "\xff", "a value is no UTF-8");
    assert_refused("[%s", "x", "");
    assert_refused("{\"a\": 1, %s: 2}", "a", "");
    assert_string_equal(FORMAT("[%llu]", (unsigned long long)INT64_MAX + 1), "E_INVALID");
}

/* No memory is an error, never half an item. */
static void test_memory_fails(void **state) {
    (void)state;
    dx_buf item;
    dx_writer writer;
    bool failed = true;
    for (uint64_t n = 1; failed; n++) {
        dx_buf_init(&item, &alloc.port, MAX);
        dx_writer_init(&writer, &item);
        alloc.fail_at = alloc.calls + n;
        int error = dx_json_format(&writer, "{\"a\": %s, \"b\": [%d, %g]}", "text", 1, 0.5);
        failed = error != DX_OK;
        assert_true(error == DX_OK || error == DX_E_NO_MEMORY);
        alloc.fail_at = 0;
        dx_buf_deinit(&item);
        assert_true(n < 100);
    }
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, reset, nothing_lives)
DX_TEST_MAIN(CASE(test_holes), CASE(test_a_text_is_never_syntax), CASE(test_what_is_refused),
             CASE(test_memory_fails))
