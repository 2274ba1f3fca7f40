/* tests/unit/halo/test_keyring.c: keys and the identity survive a restart; damage is told from absence. */
#include "vault.h"
#include "world.h"

typedef struct fixture {
    test_alloc alloc;
    test_random random;
    vault vault;
} fixture;

static void begin(fixture *f) {
    memset(f, 0, sizeof *f);
    test_alloc_init(&f->alloc);
    test_random_init(&f->random, 3);
    vault_init(&f->vault, &f->alloc, &f->random);
    assert_int_equal(dx_store_begin(f->vault.store), DX_OK);
}

static void end(fixture *f) {
    dx_store_rollback(f->vault.store);
    vault_deinit(&f->vault);
    assert_int_equal(f->alloc.live_bytes, 0);
}

static void restart(fixture *f) {
    assert_int_equal(dx_store_commit(f->vault.store), DX_OK);
    vault_reopen(&f->vault);
    assert_int_equal(dx_store_begin(f->vault.store), DX_OK);
}

static void test_keys(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    dx_sign_key made, again;
    uint8_t agreement[DX_KEY_SIZE], secret[DX_KEY_SIZE], derived[DX_KEY_SIZE];
    assert_int_equal(dx_keyring_create(f.vault.store, &f.random.port, "feed", &made), DX_OK);
    assert_int_equal(dx_keyring_create_agreement(f.vault.store, &f.random.port, "noise", agreement), DX_OK);
    restart(&f);
    assert_int_equal(dx_keyring_sign_key(f.vault.store, made.public_key, &again), DX_OK);
    assert_memory_equal(&made, &again, sizeof made);
    assert_int_equal(dx_keyring_secret(f.vault.store, agreement, secret), DX_OK);
    dx_agree_public(secret, derived);
    assert_memory_equal(derived, agreement, DX_KEY_SIZE);
    static const uint8_t nobody[DX_KEY_SIZE] = {1};
    assert_int_equal(dx_keyring_sign_key(f.vault.store, nobody, &again), DX_E_NOT_FOUND);
    assert_int_equal(dx_keyring_secret(f.vault.store, nobody, secret), DX_E_NOT_FOUND);
    assert_int_equal(dx_keyring_remove(f.vault.store, agreement), DX_OK);
    assert_int_equal(dx_keyring_remove(f.vault.store, agreement), DX_OK);
    assert_int_equal(dx_keyring_secret(f.vault.store, agreement, secret), DX_E_NOT_FOUND);
    end(&f);
}

/* A random port that repeats itself must not overwrite a key. */
static void test_same_seed_twice(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    dx_sign_key key;
    test_random stuck;
    test_random_init(&stuck, 9);
    assert_int_equal(dx_keyring_create(f.vault.store, &stuck.port, "feed", &key), DX_OK);
    test_random_init(&stuck, 9);
    assert_int_equal(dx_keyring_create(f.vault.store, &stuck.port, "feed", &key), DX_E_EXISTS);
    static const dx_sign_key wiped;
    assert_memory_equal(&key, &wiped, sizeof key);
    end(&f);
}

static void test_damaged_key(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    dx_sign_key key;
    uint8_t agreement[DX_KEY_SIZE], secret[DX_KEY_SIZE];
    assert_int_equal(dx_keyring_create(f.vault.store, &f.random.port, "feed", &key), DX_OK);
    assert_int_equal(dx_keyring_create_agreement(f.vault.store, &f.random.port, "noise", agreement), DX_OK);
    vault_execute(&f.vault, "UPDATE key SET seed = zeroblob(32)");
    assert_int_equal(dx_keyring_sign_key(f.vault.store, key.public_key, &key), DX_E_CORRUPT);
    assert_int_equal(dx_keyring_secret(f.vault.store, agreement, secret), DX_E_CORRUPT);
    vault_execute(&f.vault, "UPDATE key SET seed = zeroblob(31)");
    assert_int_equal(dx_keyring_secret(f.vault.store, agreement, secret), DX_E_CORRUPT);
    end(&f);
}

static void test_identity(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    dx_identity made, again;
    assert_int_equal(dx_identity_load(f.vault.store, &f.alloc.port, &again), DX_OK);
    assert_false(again.present);
    dx_identity_deinit(&again);
    assert_int_equal(
        dx_identity_create(f.vault.store, &f.alloc.port, &f.random.port, dx_bytes_text("Älice"), &made),
        DX_OK);
    assert_true(made.present);
    dx_credential credential;
    const uint8_t *noise;
    assert_int_equal(dx_credential_decode(dx_buf_view(&made.device_credential), &credential), DX_OK);
    assert_int_equal(dx_device_credential_check(&credential, &noise), DX_OK);
    assert_memory_equal(credential.issuer, made.identity, DX_KEY_SIZE);
    assert_memory_equal(credential.subject, made.device, DX_KEY_SIZE);
    assert_memory_equal(noise, made.noise, DX_KEY_SIZE);
    assert_int_equal(
        dx_identity_create(f.vault.store, &f.alloc.port, &f.random.port, dx_bytes_text("Bob"), &again),
        DX_E_EXISTS);
    restart(&f);
    assert_int_equal(dx_identity_load(f.vault.store, &f.alloc.port, &again), DX_OK);
    assert_true(again.present);
    assert_string_equal(again.name, "Älice");
    assert_memory_equal(again.identity, made.identity, DX_KEY_SIZE);
    assert_memory_equal(again.device, made.device, DX_KEY_SIZE);
    assert_memory_equal(again.noise, made.noise, DX_KEY_SIZE);
    assert_memory_equal(&again.identity_key, &made.identity_key, sizeof made.identity_key);
    assert_memory_equal(&again.device_key, &made.device_key, sizeof made.device_key);
    assert_memory_equal(again.noise_secret, made.noise_secret, DX_KEY_SIZE);
    assert_true(dx_bytes_equal(dx_buf_view(&again.device_credential), dx_buf_view(&made.device_credential)));
    dx_identity_deinit(&again);
    dx_identity_deinit(&made);
    end(&f);
}

static void test_names(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    char longest[DX_IDENTITY_NAME_SIZE + 1];
    memset(longest, 'x', sizeof longest);
    const dx_bytes bad[] = {dx_bytes_of(NULL, 0),
                            dx_bytes_text("tab\there"),
                            dx_bytes_text("line\n"),
                            dx_bytes_of("nul\0", 4),
                            dx_bytes_text("\x7f"),
                            dx_bytes_text("\xff\xfe"),
                            dx_bytes_of(longest, DX_IDENTITY_NAME_SIZE)};
    dx_identity made;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(dx_identity_create(f.vault.store, &f.alloc.port, &f.random.port, bad[i], &made),
                         DX_E_INVALID);
        assert_false(made.present);
        dx_store_rollback(f.vault.store);
        assert_int_equal(dx_store_begin(f.vault.store), DX_OK);
    }
    dx_bytes name = dx_bytes_of(longest, DX_IDENTITY_NAME_SIZE - 1);
    assert_int_equal(dx_identity_create(f.vault.store, &f.alloc.port, &f.random.port, name, &made), DX_OK);
    assert_int_equal(strlen(made.name), DX_IDENTITY_NAME_SIZE - 1);
    dx_identity_deinit(&made);
    end(&f);
}

/* Whatever is wrong with the stored identity, it is damage, never "no identity". */
static void test_damaged_identity(void **state) {
    (void)state;
    static const char *const breaks[] = {
        "UPDATE vault SET value = zeroblob(3) WHERE key = 'identity'",
        "UPDATE vault SET value = substr(value, 1, length(value) - 1) WHERE key = 'identity'",
        "UPDATE vault SET value = CAST(substr(value, 1, 5) || zeroblob(10) || substr(value, 16) AS BLOB) "
        "WHERE key = "
        "'identity'",
        "DELETE FROM key WHERE kind = 'identity'",
        "DELETE FROM key WHERE kind = 'device'",
        "DELETE FROM key WHERE kind = 'noise'",
        "UPDATE key SET seed = zeroblob(32) WHERE kind = 'noise'",
    };
    for (size_t i = 0; i < sizeof breaks / sizeof breaks[0]; i++) {
        fixture f;
        begin(&f);
        dx_identity made;
        assert_int_equal(
            dx_identity_create(f.vault.store, &f.alloc.port, &f.random.port, dx_bytes_text("Alice"), &made),
            DX_OK);
        dx_identity_deinit(&made);
        vault_execute(&f.vault, breaks[i]);
        if (dx_identity_load(f.vault.store, &f.alloc.port, &made) != DX_E_CORRUPT) {
            fail_msg("%s", breaks[i]);
        }
        end(&f);
    }
}

static void test_no_memory(void **state) {
    (void)state;
    bool failed = true;
    for (uint64_t fail_at = 1; failed; fail_at++) {
        fixture f;
        begin(&f);
        test_alloc alloc;
        test_alloc_init(&alloc);
        alloc.fail_at = fail_at;
        dx_identity made;
        int error =
            dx_identity_create(f.vault.store, &alloc.port, &f.random.port, dx_bytes_text("Alice"), &made);
        if (error == DX_OK) {
            dx_identity_deinit(&made);
            error = dx_identity_load(f.vault.store, &alloc.port, &made);
            dx_identity_deinit(&made);
        }
        failed = alloc.calls >= fail_at;
        assert_int_equal(error, failed ? DX_E_NO_MEMORY : DX_OK);
        assert_int_equal(alloc.live_bytes, 0);
        end(&f);
    }
}

DX_TEST_MAIN(DX_TEST(test_keys), DX_TEST(test_same_seed_twice), DX_TEST(test_damaged_key),
             DX_TEST(test_identity), DX_TEST(test_names), DX_TEST(test_damaged_identity),
             DX_TEST(test_no_memory))
