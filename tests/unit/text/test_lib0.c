/* tests/unit/text/test_lib0.c: numbers, strings and values as lib0 writes them. */
#include "fixtures.h"

#include "base/limits.h"
#include "text/lib0.h"

static void test_uint(void **state) {
    (void)state;
    static const struct {
        uint64_t value;
        const char *hex;
    } rows[] = {{0, "00"},
                {127, "7f"},
                {128, "8001"},
                {16384, "808001"},
                {UINT32_MAX, "ffffffff0f"},
                {DX_LIB0_UINT_MAX, "ffffffffffffff0f"}};
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dx_buf out = buffer(&alloc);
        dx_lib0_write_uint(&out, rows[i].value);
        assert_hex_equal(&alloc, dx_buf_view(&out), rows[i].hex);
        dx_lib0_reader reader = dx_lib0_reader_of(dx_buf_view(&out));
        assert_int_equal(dx_lib0_read_uint(&reader), rows[i].value);
        assert_int_equal(reader.error, DX_OK);
        assert_int_equal(dx_lib0_left(&reader), 0);
        dx_buf_deinit(&out);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_uint_long_and_wrong(void **state) {
    (void)state;
    static const struct {
        const char *hex;
        int error;
        uint64_t value;
    } rows[] = {{"8000", DX_OK, 0},
                {"81808080808000", DX_OK, 1},
                {"80808080808080808000", DX_OK, 0},
                {"8080808080808080808000", DX_E_MALFORMED, 0}, /* longer than any writer's */
                {"80", DX_E_MALFORMED, 0},
                {"", DX_E_MALFORMED, 0},
                {"8080808080808010", DX_E_MALFORMED, 0}, /* 2^53 */
                {"ffffffffffffffffff01", DX_E_MALFORMED, 0}};
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dx_buf bytes = from_hex(&alloc, rows[i].hex);
        dx_lib0_reader reader = dx_lib0_reader_of(dx_buf_view(&bytes));
        assert_int_equal(dx_lib0_read_uint(&reader), rows[i].value);
        assert_int_equal(reader.error, rows[i].error);
        dx_buf_deinit(&bytes);
    }
}

static void test_int(void **state) {
    (void)state;
    static const struct {
        uint64_t magnitude;
        bool negative;
        const char *hex;
    } rows[] = {{0, false, "00"},
                {0, true, "40"},
                {63, false, "3f"},
                {64, false, "8001"},
                {64, true, "c001"},
                {INT32_MAX, true, "ffffffff0f"},
                {DX_LIB0_UINT_MAX, false, "bfffffffffffff1f"}};
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool negative;
        dx_buf out = buffer(&alloc);
        dx_lib0_write_int(&out, rows[i].magnitude, rows[i].negative);
        assert_hex_equal(&alloc, dx_buf_view(&out), rows[i].hex);
        dx_lib0_reader reader = dx_lib0_reader_of(dx_buf_view(&out));
        assert_int_equal(dx_lib0_read_int(&reader, &negative), rows[i].magnitude);
        assert_int_equal(negative, rows[i].negative);
        assert_int_equal(reader.error, DX_OK);
        dx_buf_deinit(&out);
    }
}

static void test_string(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_buf out = buffer(&alloc);
    char large[300];
    memset(large, 'x', sizeof large);
    memcpy(large + 140, "\355\240\275", 3); /* a lone half goes out as U+FFFD */
    dx_lib0_write_string(&out, dx_bytes_of(large, sizeof large));
    assert_int_equal(out.size, 302);
    assert_memory_equal(out.data, "\254\002x", 3);
    assert_memory_equal(out.data + 142, "\357\277\275", 3);
    dx_lib0_reader reader = dx_lib0_reader_of(dx_buf_view(&out));
    uint64_t units;
    assert_int_equal(dx_lib0_read_string(&reader, &units).size, 300);
    assert_int_equal(units, 298);
    dx_buf_deinit(&out);

    static const char *const wrong[] = {"02ff61", "03eda0bd", "0461"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        dx_buf bytes = from_hex(&alloc, wrong[i]);
        reader = dx_lib0_reader_of(dx_buf_view(&bytes));
        assert_int_equal(dx_lib0_read_string(&reader, NULL).size, 0);
        assert_int_equal(reader.error, DX_E_MALFORMED);
        dx_buf_deinit(&bytes);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

static int read_any(test_alloc *alloc, const char *hex) {
    dx_buf bytes = from_hex(alloc, hex);
    dx_lib0_reader reader = dx_lib0_reader_of(dx_buf_view(&bytes));
    dx_bytes any = dx_lib0_read_any(&reader);
    int error = reader.error;
    assert_true(error != DX_OK || any.size == bytes.size);
    dx_buf_deinit(&bytes);
    return error;
}

static void test_any(void **state) {
    (void)state;
    static const char *const right[] = {"7f",
                                        "7e",
                                        "7d40",
                                        "7c3f000000",
                                        "7b3ff199999999999a",
                                        "7a0000001cbe991a14",
                                        "79",
                                        "78",
                                        "770161",
                                        "7600",
                                        "760201617d01016276010163750178",
                                        "7500",
                                        "75037d017701787e",
                                        "74020102"};
    static const char *const wrong[] = {
        "",      "73",     "80",   "7d",     "7c3f0000",       "7b3ff199999999",     "7a00",
        "7702",  "7701ff", "7601", "76017f", "75ffffffff0f7e", "76ffffffffffffff0f", "740201",
        "75027e"};
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        assert_int_equal(read_any(&alloc, right[i]), DX_OK);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(read_any(&alloc, wrong[i]), DX_E_MALFORMED);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_nesting(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t depth = DX_TEXT_NESTING_MAX; depth <= DX_TEXT_NESTING_MAX + 1; depth++) {
        dx_buf bytes = buffer(&alloc);
        for (size_t i = 0; i < depth; i++) {
            dx_buf_append(&bytes, "\165\001", 2);
        }
        dx_buf_append_byte(&bytes, DX_ANY_NULL);
        dx_lib0_reader reader = dx_lib0_reader_of(dx_buf_view(&bytes));
        (void)dx_lib0_read_any(&reader);
        assert_int_equal(reader.error, depth > DX_TEXT_NESTING_MAX ? DX_E_LIMIT : DX_OK);
        dx_buf_deinit(&bytes);
    }
}

static void test_any_with_halves(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    /* {"<half>": ["<half>x", {"a": 1}]} */
    dx_buf any = from_hex(&alloc, "760103eda0bd75027704eda0bd78760101617d01"), out = buffer(&alloc);
    dx_lib0_write_any(&out, dx_buf_view(&any));
    assert_hex_equal(&alloc, dx_buf_view(&out), "760103efbfbd75027704efbfbd78760101617d01");
    dx_buf_deinit(&any);
    dx_buf_deinit(&out);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_number(void **state) {
    (void)state;
    static const struct {
        double value;
        const char *hex;
    } rows[] = {{0, "7d00"},
                {-0.0, "7d40"},
                {-1, "7d41"},
                {2147483647.0, "7dbfffffff0f"},
                {-2147483647.0, "7dffffffff0f"},
                {2147483648.0, "7c4f000000"},
                {-2147483648.0, "7ccf000000"},
                {0.5, "7c3f000000"},
                {1.1, "7b3ff199999999999a"},
                {1e300, "7b7e37e43c8800759c"},
                {3.4028234663852886e38, "7c7f7fffff"},
                {3.4028235e38, "7b47efffffe54daff8"}};
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dx_buf out = buffer(&alloc);
        dx_lib0_write_number(&out, rows[i].value);
        assert_hex_equal(&alloc, dx_buf_view(&out), rows[i].hex);
        dx_buf_deinit(&out);
    }
    static const struct {
        uint64_t bits;
        const char *hex;
    } odd[] = {{UINT64_C(0x7ff0000000000000), "7c7f800000"},
               {UINT64_C(0xfff0000000000000), "7cff800000"},
               {UINT64_C(0x7ff8000000000000), "7b7ff8000000000000"}};
    for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
        double value;
        dx_buf out = buffer(&alloc);
        memcpy(&value, &odd[i].bits, sizeof value);
        dx_lib0_write_number(&out, value);
        assert_hex_equal(&alloc, dx_buf_view(&out), odd[i].hex);
        dx_buf_deinit(&out);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

/* What lib0 wrote is read and written the same. */
static void test_fixtures(void **state) {
    (void)state;
    fixtures all;
    if (!fixtures_open(&all, "generated/lib0.json")) {
        skip();
    }
    static const char *const names[] = {"varUint", "varString", "any"};
    size_t rows = 0;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        dx_bytes row;
        for (dx_reader at = elements_of(dx_item_get(dx_buf_view(&all.item), names[i]));
             next_element(&at, &row); rows++) {
            dx_buf bytes = hex_of(&all.alloc, element_at(row, 1)), out = buffer(&all.alloc);
            dx_lib0_reader reader = dx_lib0_reader_of(dx_buf_view(&bytes));
            if (i == 0) {
                dx_lib0_write_uint(&out, dx_lib0_read_uint(&reader));
            } else if (i == 1) {
                dx_lib0_write_string(&out, dx_lib0_read_string(&reader, NULL));
            } else {
                dx_lib0_write_any(&out, dx_lib0_read_any(&reader));
            }
            assert_int_equal(reader.error, DX_OK);
            assert_bytes_equal(dx_buf_view(&out), dx_buf_view(&bytes));
            dx_buf_deinit(&bytes);
            dx_buf_deinit(&out);
        }
    }
    assert_true(rows > 40);
    fixtures_close(&all);
}

DX_TEST_MAIN(DX_TEST(test_uint), DX_TEST(test_uint_long_and_wrong), DX_TEST(test_int), DX_TEST(test_string),
             DX_TEST(test_any), DX_TEST(test_nesting), DX_TEST(test_any_with_halves), DX_TEST(test_number),
             DX_TEST(test_fixtures))
