/* tests/unit/echo/test_order.c: forms of values stand in the order of the values, and read back as them. */
#include "echo/order.h"
#include "test_item.h"

static dx_bytes form_of(const char *json) {
    static uint8_t pool[1 << 16];
    static size_t used;
    test_alloc alloc;
    dx_buf form;
    test_alloc_init(&alloc);
    dx_buf_init(&form, &alloc.port, 1 << 12);
    dx_order_write(test_item(json), &form);
    assert_int_equal(dx_buf_error(&form), DX_OK);
    assert_true(used + form.size <= sizeof pool);
    memcpy(pool + used, form.data, form.size);
    dx_bytes copy = dx_bytes_of(pool + used, form.size);
    used += form.size;
    dx_buf_deinit(&form);
    return copy;
}

/* Each is less than the next. */
static const char *const ascending[] = {"null",
                                        "false",
                                        "true",
                                        "-1e300",
                                        "-9223372036854775808",
                                        "-9223372036854775807",
                                        "-9007199254740993",
                                        "-9007199254740992",
                                        "-2.5",
                                        "-2",
                                        "-1e-300",
                                        "0",
                                        "5e-324",
                                        "0.5",
                                        "1",
                                        "1.5",
                                        "2",
                                        "255",
                                        "256",
                                        "65536",
                                        "9007199254740992",
                                        "9007199254740993",
                                        "9007199254740994",
                                        "9223372036854774784",
                                        "9223372036854774785",
                                        "9223372036854775806",
                                        "9223372036854775807",
                                        "9223372036854775808.0",
                                        "1e300",
                                        "{\"@time\":\"0001-01-01T00:00:00Z\"}",
                                        "{\"@time\":\"1969-12-31T23:59:59.9Z\"}",
                                        "{\"@time\":\"1970-01-01T00:00:00Z\"}",
                                        "{\"@time\":\"1970-01-01T00:00:00.5Z\"}",
                                        "{\"@time\":\"1970-01-01T00:00:01Z\"}",
                                        "\"\"",
                                        "\"\\u0000\"",
                                        "\"a\"",
                                        "\"a\\u0000\"",
                                        "\"aa\"",
                                        "\"b\"",
                                        "\"ä\"",
                                        "{\"@bytes\":\"\"}",
                                        "{\"@bytes\":\"AA\"}",
                                        "{\"@ref\":\"~AA\"}",
                                        "[]",
                                        "[1]",
                                        "{}",
                                        "{\"a\":1}"};

enum { ASCENDING = sizeof ascending / sizeof ascending[0] };

static void test_forms_ascend(void **state) {
    (void)state;
    for (size_t i = 0; i < ASCENDING; i++) {
        for (size_t k = 0; k < ASCENDING; k++) {
            int order = dx_bytes_compare(form_of(ascending[i]), form_of(ascending[k]));
            if ((order < 0) != (i < k) || (order > 0) != (i > k)) {
                fail_msg("%s and %s", ascending[i], ascending[k]);
            }
        }
    }
}

static void test_equal_numbers(void **state) {
    (void)state;
    static const char *const pairs[][2] = {{"2", "2.0"},
                                           {"0", "-0.0"},
                                           {"9007199254740992", "9007199254740992.0"},
                                           {"-9223372036854775808", "-9223372036854775808.0"}};
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        assert_true(dx_bytes_equal(form_of(pairs[i][0]), form_of(pairs[i][1])));
    }
}

/* A form is read back as a value of the same form. */
static void test_forms_read_back(void **state) {
    (void)state;
    for (size_t i = 0; i < ASCENDING; i++) {
        test_alloc alloc;
        dx_buf item, form;
        dx_writer writer;
        test_alloc_init(&alloc);
        dx_buf_init(&item, &alloc.port, 1 << 12);
        dx_buf_init(&form, &alloc.port, 1 << 12);
        dx_writer_init(&writer, &item);
        dx_order_read(form_of(ascending[i]), &writer);
        assert_int_equal(dx_writer_finish(&writer), DX_OK);
        dx_order_write(dx_buf_view(&item), &form);
        if (!dx_bytes_equal(dx_buf_view(&form), form_of(ascending[i]))) {
            fail_msg("%s", ascending[i]);
        }
        dx_buf_deinit(&item);
        dx_buf_deinit(&form);
    }
}

static int compare_parts(const char *a, const char *b, bool descending) {
    test_alloc alloc;
    dx_buf left, right;
    test_alloc_init(&alloc);
    dx_buf_init(&left, &alloc.port, 1 << 12);
    dx_buf_init(&right, &alloc.port, 1 << 12);
    dx_order_write_part(a == NULL ? dx_bytes_of(NULL, 0) : form_of(a), descending, &left);
    dx_order_write_part(b == NULL ? dx_bytes_of(NULL, 0) : form_of(b), descending, &right);
    dx_buf_append_byte(&left, 0x7f); /* what stands behind decides nothing */
    dx_buf_append_byte(&right, 0x80);
    int order = dx_bytes_compare(dx_buf_view(&left), dx_buf_view(&right));
    dx_buf_deinit(&left);
    dx_buf_deinit(&right);
    return order;
}

static void test_parts(void **state) {
    (void)state;
    for (size_t i = 0; i + 1 < ASCENDING; i++) {
        if (compare_parts(ascending[i], ascending[i + 1], false) >= 0 ||
            compare_parts(ascending[i], ascending[i + 1], true) <= 0) {
            fail_msg("%s and %s", ascending[i], ascending[i + 1]);
        }
        assert_true(compare_parts(ascending[i], NULL, false) < 0);
        assert_true(compare_parts(ascending[i], NULL, true) < 0);
    }
}

DX_TEST_MAIN(DX_TEST(test_forms_ascend), DX_TEST(test_equal_numbers), DX_TEST(test_forms_read_back),
             DX_TEST(test_parts))
