/* tests/unit/dx/test_source.c: files as lines and records: plain, compressed, damaged, read twice. */
#include <dxos/host.h>
#include <unistd.h>
#include <zlib.h>

#include "source.h"
#include "test.h"

static char path[64];
static dx_source *source;

static void write_file(const void *bytes, size_t size, bool compressed) {
    snprintf(path, sizeof path, "/tmp/dx-test-source.XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    if (compressed) {
        gzFile file = gzdopen(fd, "wb");
        assert_int_equal(gzwrite(file, bytes, (unsigned)size), (int)size);
        assert_int_equal(gzclose(file), Z_OK);
        return;
    }
    assert_int_equal(write(fd, bytes, size), (ssize_t)size);
    close(fd);
}

static int setup(void **state) {
    (void)state;
    source = calloc(1, sizeof *source);
    return source == NULL ? -1 : 0;
}

static int teardown(void **state) {
    (void)state;
    dx_source_close(source);
    free(source);
    unlink(path);
    return 0;
}

/* Reads all records of the open source: how many are good, and how many refused. */
static int read_all(size_t *good, size_t *refused) {
    dx_record record;
    int error = DX_OK;
    *good = *refused = 0;
    while (error == DX_OK || error == DX_E_INVALID) {
        error = dx_source_next(source, &record);
        *good += error == DX_OK;
        *refused += error == DX_E_INVALID;
    }
    return error;
}

static void expect_records(const char *text, bool compressed, const dx_mapping *mapping, size_t wanted,
                           size_t wanted_refused) {
    size_t good, refused;
    write_file(text, strlen(text), compressed);
    assert_int_equal(dx_source_open(source, path, mapping), DX_OK);
    for (int round = 0; round < 2; round++) {
        assert_int_equal(read_all(&good, &refused), DX_E_NOT_FOUND);
        assert_int_equal(good, wanted);
        assert_int_equal(refused, wanted_refused);
        assert_int_equal(dx_source_rewind(source), DX_OK);
    }
}

static const dx_mapping foreign = {.foreign = true};
static const char lines[] = "\n{\"a\":1}\r\n  \n{\"b\":\n[]\n{\"c\":3}";

static void test_lines(void **state) {
    (void)state;
    expect_records(lines, false, &foreign, 2, 2);
}

static void test_compressed_lines(void **state) {
    (void)state;
    expect_records(lines, true, &foreign, 2, 2);
}

static void test_stanzas(void **state) {
    (void)state;
    expect_records(
        "\n\nPackage: a\n\n\n\nPackage: b\nStatus: deinstall ok config-files\n\nVersion: 1\n\nPackage: c",
        false, &(dx_mapping){0}, 2, 1);
    assert_true(source->dpkg);
    assert_string_equal(source->mapping.key, "name");
    assert_string_equal(source->mapping.links[0], "depends");
}

static void test_nothing(void **state) {
    (void)state;
    expect_records("", false, &foreign, 0, 0);
}

static void test_line_numbers(void **state) {
    (void)state;
    dx_record record;
    write_file(lines, sizeof lines - 1, false);
    assert_int_equal(dx_source_open(source, path, &foreign), DX_OK);
    assert_int_equal(dx_source_next(source, &record), DX_OK);
    assert_int_equal(source->number, 2);
    assert_int_equal(dx_source_next(source, &record), DX_E_INVALID);
    assert_int_equal(source->number, 4);
    assert_non_null(strstr(source->why, "byte"));
}

/* The line is cut, told, and what follows is read. */
static void test_line_too_long(void **state) {
    (void)state;
    dx_record record;
    size_t size = DX_LINE_SIZE_MAX + 100000;
    char *text = malloc(size + 16);
    assert_non_null(text);
    memset(text, 'x', size);
    memcpy(text + size, "\n{\"a\":1}\n", 9);
    write_file(text, size + 9, false);
    free(text);
    assert_int_equal(dx_source_open(source, path, &foreign), DX_OK);
    assert_int_equal(dx_source_next(source, &record), DX_E_INVALID);
    assert_non_null(strstr(source->why, "longer"));
    assert_int_equal(dx_source_next(source, &record), DX_OK);
    assert_int_equal(dx_source_next(source, &record), DX_E_NOT_FOUND);
}

/* A short file shows its damage at once, a long one when the place is reached. */
static void expect_damaged(void) {
    size_t good, refused;
    int error = dx_source_open(source, path, &foreign);
    assert_int_equal(error == DX_OK ? read_all(&good, &refused) : error, DX_E_MALFORMED);
}

static void test_damaged(void **state) {
    (void)state;
    uint8_t bytes[4096];
    char text[20000];
    for (size_t i = 0; i < sizeof text; i += 10) {
        memcpy(text + i, "{\"n\": 17}\n", 10);
    }
    write_file(text, sizeof text, true);
    FILE *file = fopen(path, "rb");
    size_t size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    unlink(path);
    write_file(bytes, size - 20, false); /* cut short */
    expect_damaged();
    dx_source_close(source);
    unlink(path);
    bytes[size - 6] ^= 1; /* the checksum no longer holds */
    write_file(bytes, size, false);
    expect_damaged();
}

static void test_missing(void **state) {
    (void)state;
    snprintf(path, sizeof path, "/tmp/dx-test-source-none");
    assert_int_equal(dx_source_open(source, path, &foreign), DX_E_NOT_FOUND);
    dx_source_close(source);
    assert_int_equal(dx_source_open(source, "/tmp", &foreign), DX_E_IO);
}

#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
DX_TEST_MAIN(CASE(test_lines), CASE(test_compressed_lines), CASE(test_stanzas), CASE(test_nothing),
             CASE(test_line_numbers), CASE(test_line_too_long), CASE(test_damaged), CASE(test_missing))
