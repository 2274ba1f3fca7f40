/* tests/unit/halo/test_control_rows.c: a control state loaded from its rows (halo/control_rows.c) is the one
 * that was stored. */
#include "halo/control_state.h"
#include "vault.h"
#include "world.h"

typedef struct fixture {
    test_alloc alloc;
    test_random random;
    vault vault;
    dx_identity alice, bob;
    uint8_t space_id[DX_HASH_SIZE];
    dx_control *control;
    dx_buf out;
    int64_t seq;
} fixture;

/* Takes and stores, as the pipeline does. */
static void take(fixture *f, dx_bytes credential, int64_t feed, int wanted) {
    const dx_credential_place place = {.space = 5, .feed = feed, .seq = f->seq++, .position = 0};
    assert_int_equal(dx_control_take(f->control, credential, feed), wanted);
    assert_int_equal(dx_control_store(f->vault.store, &place, credential), DX_OK);
    assert_int_equal(dx_control_store(f->vault.store, &place, credential), DX_OK); /* idempotent */
}

static void begin(fixture *f) {
    memset(f, 0, sizeof *f);
    test_alloc_init(&f->alloc);
    test_random_init(&f->random, 3);
    vault_init(&f->vault, &f->alloc, &f->random);
    assert_int_equal(dx_store_begin(f->vault.store), DX_OK);
    dx_buf_init(&f->out, &f->alloc.port, 1 << 16);
    person_init(&f->alice, &f->alloc.port, 'A');
    person_init(&f->bob, &f->alloc.port, 'B');
    uint8_t nonce[DX_KEY_SIZE] = {1};
    assert_int_equal(dx_space_credential_issue(&f->alice.identity_key, nonce, &f->out, f->space_id), DX_OK);
    assert_int_equal(dx_control_create(&f->alloc.port, f->space_id, &f->control), DX_OK);
    take(f, dx_buf_view(&f->out), 1, DX_OK);
    take(f, dx_buf_view(&f->alice.device_credential), 1, DX_OK);
    take(f, dx_buf_view(&f->bob.device_credential), 2, DX_E_STATE); /* stays waiting */
    /* One that is refused, and one of an unknown type. */
    saying said = {.type = DX_CREDENTIAL_MEMBER,
                   .issuer = f->bob.identity,
                   .subject = f->alice.identity,
                   .space = f->space_id,
                   .signer = &f->bob.identity_key,
                   .number = DX_ROLE_ADMIN};
    dx_buf_clear(&f->out);
    say(&said, &f->out);
    take(f, dx_buf_view(&f->out), 2, DX_E_UNAUTHORIZED);
    said.type = 77;
    dx_buf_clear(&f->out);
    say(&said, &f->out);
    take(f, dx_buf_view(&f->out), 2, DX_OK);
}

static void end(fixture *f) {
    dx_control_destroy(f->control);
    person_deinit(&f->alice);
    person_deinit(&f->bob);
    dx_buf_deinit(&f->out);
    dx_store_rollback(f->vault.store);
    vault_deinit(&f->vault);
    assert_int_equal(f->alloc.live_bytes, 0);
}

static void test_round_trip(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    assert_int_equal(dx_store_commit(f.vault.store), DX_OK);
    vault_reopen(&f.vault);
    assert_int_equal(dx_store_begin(f.vault.store), DX_OK);
    dx_control *loaded;
    uint8_t wanted[DX_HASH_SIZE], digest[DX_HASH_SIZE];
    assert_int_equal(dx_control_load(f.vault.store, &f.alloc.port, 5, f.space_id, &loaded), DX_OK);
    dx_control_digest(f.control, wanted);
    dx_control_digest(loaded, digest);
    assert_memory_equal(digest, wanted, DX_HASH_SIZE);
    assert_int_equal(dx_control_waiting_count(loaded), 1);
    assert_int_equal(dx_control_refused_count(loaded), 1);
    assert_int_equal(loaded->unknown, 1);
    assert_int_equal(dx_control_role(loaded, f.alice.identity), DX_ROLE_OWNER);
    /* It goes on where the other stood: the source of what waits is known. */
    assert_int_equal(loaded->sources.count, 2);
    const dx_control_source *row = dx_sorted_at(&loaded->sources, 1);
    assert_int_equal(row->source, 2);
    assert_int_equal(row->total, 3);
    assert_int_equal(row->waiting, 1);
    dx_control_destroy(loaded);
    /* Another space's rows are not this one's. */
    assert_int_equal(dx_control_load(f.vault.store, &f.alloc.port, 6, f.space_id, &loaded), DX_OK);
    assert_int_equal(dx_control_member_count(loaded), 0);
    dx_control_destroy(loaded);
    end(&f);
}

static void test_damaged_rows(void **state) {
    (void)state;
    static const char *const breaks[] = {
        "UPDATE credential SET bytes = zeroblob(10) WHERE seq = 0",
        "UPDATE credential SET bytes = substr(bytes, 1, length(bytes) - 1)",
        "UPDATE credential SET bytes = (SELECT bytes FROM credential WHERE seq = 0)",
    };
    for (size_t i = 0; i < sizeof breaks / sizeof breaks[0]; i++) {
        fixture f;
        begin(&f);
        vault_execute(&f.vault, breaks[i]);
        dx_control *loaded;
        assert_int_equal(dx_control_load(f.vault.store, &f.alloc.port, 5, f.space_id, &loaded), DX_E_CORRUPT);
        assert_null(loaded);
        end(&f);
    }
}

static void test_not_a_credential(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    const dx_credential_place place = {.space = 5};
    assert_int_equal(dx_control_store(f.vault.store, &place, dx_bytes_text("nothing")), DX_E_MALFORMED);
    end(&f);
}

static void test_no_memory(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    bool failed = true;
    for (uint64_t fail_at = 1; failed; fail_at++) {
        test_alloc alloc;
        test_alloc_init(&alloc);
        alloc.fail_at = fail_at;
        dx_control *loaded;
        int error = dx_control_load(f.vault.store, &alloc.port, 5, f.space_id, &loaded);
        failed = alloc.calls >= fail_at;
        assert_int_equal(error, failed ? DX_E_NO_MEMORY : DX_OK);
        dx_control_destroy(loaded);
        assert_int_equal(alloc.live_bytes, 0);
    }
    end(&f);
}

/* A disk that fails while the rows are read gives its error, not half a state. */
static void test_unreadable(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    vault_execute(&f.vault, "DROP TABLE credential");
    dx_control *loaded;
    assert_int_not_equal(dx_control_load(f.vault.store, &f.alloc.port, 5, f.space_id, &loaded), DX_OK);
    assert_null(loaded);
    end(&f);
}

DX_TEST_MAIN(DX_TEST(test_round_trip), DX_TEST(test_damaged_rows), DX_TEST(test_not_a_credential),
             DX_TEST(test_no_memory), DX_TEST(test_unreadable))
