/* tests/unit/text/test_column.c: runs of values, differences and bytes, as lib0 writes them. */
#include "fixtures.h"

#include "text/column.h"

enum { VALUES_MAX = 12 };

typedef struct row {
    uint64_t values[VALUES_MAX];
    size_t count;
    const char *hex;
} row;

typedef void write_value(dx_column_writer *column, uint64_t value);
typedef uint64_t read_value(dx_column_reader *column);

static void write_byte(dx_column_writer *column, uint64_t value) {
    dx_column_write_byte(column, (uint8_t)value);
}

static uint64_t read_byte(dx_column_reader *column) {
    return dx_column_read_byte(column);
}

static void end_byte(dx_column_writer *column) {
    (void)column;
}

static void check(const row *rows, size_t count, write_value *write, void (*end)(dx_column_writer *),
                  read_value *read) {
    test_alloc alloc;
    dx_column_writer writer;
    test_alloc_init(&alloc);
    dx_column_init(&writer, &alloc.port);
    for (size_t i = 0; i < count; i++) {
        dx_column_reader reader;
        dx_column_begin(&writer);
        for (size_t k = 0; k < rows[i].count; k++) {
            write(&writer, rows[i].values[k]);
        }
        end(&writer);
        assert_hex_equal(&alloc, dx_buf_view(&writer.bytes), rows[i].hex);
        dx_column_open(&reader, dx_buf_view(&writer.bytes));
        for (size_t k = 0; k < rows[i].count; k++) {
            assert_int_equal(read(&reader), rows[i].values[k]);
        }
        assert_int_equal(reader.bytes.error, DX_OK);
        assert_int_equal(dx_lib0_left(&reader.bytes), 0);
    }
    dx_column_deinit(&writer);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_uint(void **state) {
    (void)state;
    static const row rows[] = {
        {{0}, 0, ""},
        {{0}, 1, "00"},
        {{0, 0}, 2, "4000"},
        {{1, 2, 3, 3, 3}, 5, "01024301"},
        {{5, 5, 0, 0, 0, 7}, 6, "4500400107"},
        {{UINT64_C(0x1fffffffffffff), UINT64_C(0x1fffffffffffff)}, 2, "ffffffffffffff1f00"}};
    check(rows, sizeof rows / sizeof rows[0], dx_column_write_uint, dx_column_end_uint, dx_column_read_uint);
}

static void test_difference(void **state) {
    (void)state;
    static const row rows[] = {{{0}, 0, ""},
                               {{0}, 1, "00"},
                               {{0, 0, 0}, 3, "0101"},
                               {{1, 2, 3, 2}, 4, "030142"},
                               {{10, 5, 0}, 3, "144900"},
                               {{7, 7, 8, 9}, 4, "0e000300"},
                               {{UINT64_C(0xfffffffffffff)}, 1, "beffffffffffff1f"}};
    check(rows, sizeof rows / sizeof rows[0], dx_column_write_difference, dx_column_end_difference,
          dx_column_read_difference);
}

static void test_bytes(void **state) {
    (void)state;
    static const row rows[] = {
        {{0}, 0, ""}, {{4}, 1, "04"}, {{4, 4, 4}, 3, "04"}, {{4, 4, 4, 0x84, 4}, 5, "0402840004"}};
    check(rows, sizeof rows / sizeof rows[0], write_byte, end_byte, read_byte);
}

static int error_of(const char *hex, read_value *read, size_t reads) {
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_buf bytes = from_hex(&alloc, hex);
    dx_column_reader reader;
    dx_column_open(&reader, dx_buf_view(&bytes));
    while (reads-- > 0) {
        (void)read(&reader);
    }
    int error = reader.bytes.error;
    dx_buf_deinit(&bytes);
    return error;
}

static void test_beyond_the_end(void **state) {
    (void)state;
    assert_int_equal(error_of("01", dx_column_read_uint, 1), DX_OK);
    assert_int_equal(error_of("01", dx_column_read_uint, 2), DX_E_MALFORMED);
    assert_int_equal(error_of("41", dx_column_read_uint, 1), DX_E_MALFORMED); /* a run without its count */
    assert_int_equal(error_of("03", dx_column_read_difference, 1), DX_E_MALFORMED);
    assert_int_equal(error_of("42", dx_column_read_difference, 1), DX_E_MALFORMED); /* below zero */
    assert_int_equal(error_of("beffffffffffff1fbeffffffffffff1f02", dx_column_read_difference, 2), DX_OK);
    assert_int_equal(error_of("beffffffffffff1fbeffffffffffff1f04", dx_column_read_difference, 3),
                     DX_E_MALFORMED); /* beyond 2^53 */
    assert_int_equal(error_of("", read_byte, 1), DX_E_MALFORMED);
    assert_int_equal(error_of("04", read_byte, 1000), DX_OK); /* the last run has no end */
}

/* A difference that would not fit a number of lib0 cannot be written. */
static void test_too_large_a_difference(void **state) {
    (void)state;
    test_alloc alloc;
    dx_column_writer writer;
    test_alloc_init(&alloc);
    dx_column_init(&writer, &alloc.port);
    dx_column_write_difference(&writer, DX_LIB0_UINT_MAX);
    dx_column_end_difference(&writer);
    assert_int_equal(writer.bytes.error, DX_E_LIMIT);
    dx_column_deinit(&writer);
}

DX_TEST_MAIN(DX_TEST(test_uint), DX_TEST(test_difference), DX_TEST(test_bytes), DX_TEST(test_beyond_the_end),
             DX_TEST(test_too_large_a_difference))
