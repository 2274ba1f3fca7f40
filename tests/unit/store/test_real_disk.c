/* tests/unit/store/test_real_disk.c: the vault on the operating system's own files, by SQLite's own VFS. */
#include "vault_model.h"

#include <unistd.h>

enum { SEED = 61 };

#define REAL_PATH "test_real_disk.vault"

/* On the system's own VFS: the files appear, exclude a second opener, and the log goes when the vault is
 * closed. */
static void test_on_a_real_disk(void **state) {
    (void)state;
    vault_model model;
    model_init(&model, SEED, NULL);
    model.config.path = REAL_PATH;
    unlink(REAL_PATH);
    unlink(REAL_PATH "-wal");
    dx_store *store, *second;
    assert_int_equal(model_open(&model, &store), DX_OK);
    assert_int_equal(model_create(&model, store), DX_OK);
    assert_int_equal(model_commit(&model, store, 10), DX_OK);
    assert_int_equal(model_open(&model, &second), DX_E_BUSY);
    assert_non_null(strstr(model.message, "another process"));
    assert_int_equal(access(REAL_PATH "-wal", F_OK), 0);
    dx_store_close(store);
    assert_int_not_equal(access(REAL_PATH "-wal", F_OK), 0);
    assert_int_not_equal(access(REAL_PATH "-journal", F_OK), 0);
    assert_int_equal(model_open(&model, &store), DX_OK);
    model_expect(&model, store, 1, 1);
    dx_store_close(store);
    assert_int_equal(model.alloc.live_bytes, 0);
    unlink(REAL_PATH);
}

/* Large runs of frames and pages: SQLite's VFS cuts what is longer than it takes. */
static void test_large_transactions(void **state) {
    (void)state;
    vault_model model;
    model_init(&model, SEED, NULL);
    model.config.path = REAL_PATH;
    model.row_max_size = MODEL_BLOB_MAX;
    unlink(REAL_PATH);
    unlink(REAL_PATH "-wal");
    dx_store *store;
    assert_int_equal(model_open(&model, &store), DX_OK);
    assert_int_equal(model_create(&model, store), DX_OK);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(model_commit(&model, store, 200), DX_OK);
        assert_int_equal(dx_store_checkpoint(store), DX_OK);
    }
    assert_int_equal(dx_store_check(store), DX_OK);
    dx_store_close(store);
    assert_int_equal(model_open(&model, &store), DX_OK);
    model_expect(&model, store, 5, 5);
    dx_store_close(store);
    assert_int_equal(model.alloc.live_bytes, 0);
    unlink(REAL_PATH);
}

DX_TEST_MAIN(DX_TEST(test_on_a_real_disk), DX_TEST(test_large_transactions))
