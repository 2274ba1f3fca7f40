/* tests/unit/store/test_store.c: opening, transactions, statements and the token of the vault file. */
#include "store/store.h"

#include "test.h"

#include <unistd.h>

#define VAULT "test_store.vault"

typedef struct fixture {
    test_alloc alloc;
    test_random random;
    dx_store_config config;
    char message[DX_STORE_MESSAGE_SIZE];
} fixture;

static void fixture_init(fixture *self) {
    test_alloc_init(&self->alloc);
    test_random_init(&self->random, 7);
    self->config = (dx_store_config){.alloc = &self->alloc.port,
                                     .random = &self->random.port,
                                     .path = VAULT,
                                     .page_key = {1, 2, 3},
                                     .create = true,
                                     .message = self->message,
                                     .message_size = sizeof self->message};
    unlink(VAULT);
    unlink(VAULT "-wal");
}

static void fixture_deinit(fixture *self) {
    assert_int_equal(self->alloc.live_bytes, 0);
    unlink(VAULT);
    unlink(VAULT "-wal");
}

static void test_create_write_reopen(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    dx_store *store;
    assert_int_equal(dx_store_open(&f.config, &store), DX_OK);
    assert_false(dx_store_is_clone(store));
    assert_int_equal(dx_store_begin(store), DX_OK);
    sqlite3_stmt *insert = dx_store_query(store, "INSERT INTO vault VALUES(?1, ?2)");
    dx_bind_text(insert, 1, dx_bytes_text("name"));
    dx_bind_bytes(insert, 2, dx_bytes_text("Alice"));
    assert_int_equal(dx_step_done(store, insert), DX_OK);
    assert_int_equal(dx_store_commit(store), DX_OK);
    memcpy(f.config.expected_token, dx_store_token(store), DX_STORE_TOKEN_SIZE);
    f.config.has_expected_token = true;
    f.config.same_file = true;
    dx_store_close(store);

    f.config.create = false;
    assert_int_equal(dx_store_open(&f.config, &store), DX_OK);
    assert_false(dx_store_is_clone(store));
    assert_int_equal(dx_store_begin(store), DX_OK);
    sqlite3_stmt *select = dx_store_query(store, "SELECT value FROM vault WHERE key='name'");
    assert_true(dx_step(store, select));
    assert_true(dx_bytes_equal(dx_column_bytes(select, 0), dx_bytes_text("Alice")));
    assert_int_equal(dx_store_commit(store), DX_OK);
    dx_store_close(store);
    fixture_deinit(&f);
}

static void test_missing_and_wrong_key(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    dx_store *store;
    f.config.create = false;
    assert_int_equal(dx_store_open(&f.config, &store), DX_E_NOT_FOUND);
    f.config.create = true;
    assert_int_equal(dx_store_open(&f.config, &store), DX_OK);
    dx_store_close(store);
    f.config.page_key[0] ^= 1;
    assert_int_equal(dx_store_open(&f.config, &store), DX_E_CORRUPT);
    assert_non_null(strstr(f.message, "key"));
    assert_non_null(strstr(f.message, "damaged"));
    f.config.page_key[0] ^= 1;
    assert_int_equal(dx_store_open(&f.config, &store), DX_OK);
    dx_store_close(store);
    fixture_deinit(&f);
}

DX_TEST_MAIN(DX_TEST(test_create_write_reopen), DX_TEST(test_missing_and_wrong_key))
