/* tests/unit/store/test_temp_file.c: SQLite's temporary files in memory. */
#include "store/temp_file.h"

#include "base/limits.h"
#include "test.h"

static void test_reads_what_was_written(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_temp_file file;
    dx_temp_file_open(&file, &alloc.port);
    const sqlite3_io_methods *methods = file.base.pMethods;
    uint8_t out[16];
    sqlite3_int64 size = -1;

    assert_int_equal(methods->xRead(&file.base, out, 4, 0), SQLITE_IOERR_SHORT_READ);
    assert_memory_equal(out, "\0\0\0\0", 4);
    assert_int_equal(methods->xWrite(&file.base, "hello", 5, 3), SQLITE_OK);
    assert_int_equal(methods->xWrite(&file.base, "J", 1, 3), SQLITE_OK);
    assert_int_equal(methods->xFileSize(&file.base, &size), SQLITE_OK);
    assert_int_equal(size, 8);
    assert_int_equal(methods->xRead(&file.base, out, 8, 0), SQLITE_OK);
    assert_memory_equal(out, "\0\0\0Jello", 8);
    assert_int_equal(methods->xRead(&file.base, out, 4, 6), SQLITE_IOERR_SHORT_READ);
    assert_memory_equal(out, "lo\0\0", 4);
    assert_int_equal(methods->xTruncate(&file.base, 4), SQLITE_OK);
    assert_int_equal(methods->xTruncate(&file.base, 100), SQLITE_OK);
    assert_int_equal(methods->xFileSize(&file.base, &size), SQLITE_OK);
    assert_int_equal(size, 4);
    assert_int_equal(methods->xSync(&file.base, SQLITE_SYNC_NORMAL), SQLITE_OK);
    int reserved = 1;
    assert_int_equal(methods->xLock(&file.base, SQLITE_LOCK_SHARED), SQLITE_OK);
    assert_int_equal(methods->xCheckReservedLock(&file.base, &reserved), SQLITE_OK);
    assert_int_equal(reserved, 0);
    assert_int_equal(methods->xUnlock(&file.base, SQLITE_LOCK_NONE), SQLITE_OK);
    assert_int_equal(methods->xFileControl(&file.base, SQLITE_FCNTL_SIZE_HINT, &size), SQLITE_NOTFOUND);
    assert_true(methods->xSectorSize(&file.base) > 0);
    assert_int_equal(methods->xDeviceCharacteristics(&file.base), SQLITE_IOCAP_POWERSAFE_OVERWRITE);
    assert_int_equal(methods->xClose(&file.base), SQLITE_OK);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_is_bounded_and_survives_want_of_memory(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_temp_file file;
    dx_temp_file_open(&file, &alloc.port);
    const sqlite3_io_methods *methods = file.base.pMethods;
    uint8_t out[5];

    assert_int_equal(methods->xWrite(&file.base, "hello", 5, 0), SQLITE_OK);
    assert_int_equal(methods->xWrite(&file.base, "x", 1, DX_STORE_TEMP_SIZE_MAX), SQLITE_FULL);
    assert_int_equal(methods->xWrite(&file.base, "x", 1, -1), SQLITE_FULL);
    alloc.calls = 0;
    alloc.fail_at = 1;
    assert_int_equal(methods->xWrite(&file.base, "x", 1, 1000000), SQLITE_IOERR_NOMEM);
    alloc.fail_at = 0;
    assert_int_equal(methods->xRead(&file.base, out, 5, 0), SQLITE_OK);
    assert_memory_equal(out, "hello", 5);
    assert_int_equal(methods->xWrite(&file.base, "x", 1, 1000000), SQLITE_OK);
    assert_int_equal(methods->xClose(&file.base), SQLITE_OK);
    assert_int_equal(alloc.live_bytes, 0);
}

DX_TEST_MAIN(DX_TEST(test_reads_what_was_written), DX_TEST(test_is_bounded_and_survives_want_of_memory))
