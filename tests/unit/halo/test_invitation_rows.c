/* tests/unit/halo/test_invitation_rows.c: invitations made, kept and ended in the vault. */
#include "vault.h"

#include "halo/invitation.h"

typedef struct fixture {
    test_alloc alloc;
    test_random random;
    vault vault;
    dx_invitation_terms terms;
} fixture;

enum { WALL_MS = 1000000 };

static void begin(fixture *f) {
    memset(f, 0, sizeof *f);
    test_alloc_init(&f->alloc);
    test_random_init(&f->random, 3);
    vault_init(&f->vault, &f->alloc, &f->random);
    assert_int_equal(dx_store_begin(f->vault.store), DX_OK);
    f->terms = (dx_invitation_terms){.request = {7, 7}, .space = 4, .role = DX_ROLE_EDITOR};
}

static void end(fixture *f) {
    dx_store_rollback(f->vault.store);
    vault_deinit(&f->vault);
    assert_int_equal(f->alloc.live_bytes, 0);
}

static int create(fixture *f, dx_invitation *out) {
    return dx_invitation_create(f->vault.store, &f->alloc.port, &f->random.port, &f->terms, WALL_MS, out);
}

static int64_t count_keys(fixture *f) {
    sqlite3_stmt *select = dx_store_query(f->vault.store, "SELECT count(*) FROM key");
    assert_true(dx_step(f->vault.store, select));
    int64_t count = dx_column_int(select, 0);
    dx_step_reset(select);
    return count;
}

static void test_create_and_load(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    const dx_bytes address = dx_bytes_text("tcp:127.0.0.1:7000");
    f.terms.addresses = &address;
    f.terms.address_count = 1;
    dx_invitation made, again;
    dx_invitation_link link;
    uint8_t secret[DX_KEY_SIZE];
    assert_int_equal(create(&f, &made), DX_OK);
    assert_int_equal(made.uses_max, 1);
    assert_int_equal(made.request[1], 7);
    assert_int_equal(made.expires_ms, WALL_MS + DX_INVITATION_LIFE_MS);
    assert_int_equal(dx_pin_check(dx_bytes_text(made.pin)), DX_OK);
    assert_int_equal(dx_store_commit(f.vault.store), DX_OK);
    vault_reopen(&f.vault);
    assert_int_equal(dx_store_begin(f.vault.store), DX_OK);
    assert_int_equal(dx_invitation_load(f.vault.store, made.id, &again), DX_OK);
    assert_memory_equal(&again, &made, sizeof made);
    assert_int_equal(dx_keyring_secret(f.vault.store, made.host_key, secret), DX_OK);
    assert_int_equal(dx_invitation_link_decode(&f.alloc.port, dx_bytes_text(made.url), &link), DX_OK);
    assert_memory_equal(link.id, made.id, sizeof made.id);
    assert_memory_equal(link.topic_secret, made.topic_secret, DX_KEY_SIZE);
    assert_memory_equal(link.host_key, made.host_key, DX_KEY_SIZE);
    assert_int_equal(link.expires_ms, made.expires_ms);
    assert_string_equal(link.addresses[0], "tcp:127.0.0.1:7000");
    /* The PIN is nowhere in the link. */
    assert_null(strstr(made.url, made.pin));
    static const uint8_t nobody[DX_INVITATION_ID_SIZE] = {9};
    assert_int_equal(dx_invitation_load(f.vault.store, nobody, &again), DX_E_NOT_FOUND);
    end(&f);
}

static void test_terms(void **state) {
    (void)state;
    const dx_bytes good = dx_bytes_text("tcp:a:1"), bad = dx_bytes_text("tcp: a");
    const dx_bytes many[] = {good, good, good, good, good, good, good, good, good};
    uint8_t filling[DX_ADDRESS_SIZE_MAX - 1];
    memset(filling, 'a', sizeof filling);
    const dx_bytes full = dx_bytes_of(filling, sizeof filling);
    const dx_bytes long_ones[] = {full, full, full, full, full, full, full, full};
    const struct {
        dx_invitation_terms terms;
        int wanted;
    } rows[] = {
        {{.role = DX_ROLE_PULL}, DX_OK},
        {{.role = DX_ROLE_ADMIN, .life_ms = DX_INVITATION_LIFE_MAX_MS, .uses_max = DX_INVITATION_USES_MAX},
         DX_OK},
        {{.role = DX_ROLE_EDITOR, .pin = dx_bytes_text("000001")}, DX_OK},
        {{.role = DX_ROLE_OWNER}, DX_E_INVALID},
        {{.role = DX_ROLE_NONE}, DX_E_INVALID},
        {{.role = (dx_role)25}, DX_E_INVALID},
        {{.role = DX_ROLE_EDITOR, .life_ms = DX_INVITATION_LIFE_MAX_MS + 1}, DX_E_INVALID},
        {{.role = DX_ROLE_EDITOR, .uses_max = DX_INVITATION_USES_MAX + 1}, DX_E_INVALID},
        {{.role = DX_ROLE_EDITOR, .pin = dx_bytes_text("00001")}, DX_E_INVALID},
        {{.role = DX_ROLE_EDITOR, .addresses = &bad, .address_count = 1}, DX_E_INVALID},
        {{.role = DX_ROLE_EDITOR, .addresses = many, .address_count = 9}, DX_E_INVALID},
        {{.role = DX_ROLE_EDITOR, .addresses = many, .address_count = 8}, DX_OK},
        {{.role = DX_ROLE_EDITOR, .addresses = long_ones, .address_count = 8}, DX_E_LIMIT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        fixture f;
        dx_invitation made;
        begin(&f);
        f.terms = rows[i].terms;
        if (create(&f, &made) != rows[i].wanted) {
            fail_msg("row %zu", i);
        }
        /* Refused, it leaves no secret behind. */
        assert_int_equal(count_keys(&f), rows[i].wanted == DX_OK);
        end(&f);
    }
}

static void test_given_pin(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    f.terms.pin = dx_bytes_text("314159");
    dx_invitation made;
    assert_int_equal(create(&f, &made), DX_OK);
    assert_string_equal(made.pin, "314159");
    end(&f);
}

/* An ended invitation keeps its key, to say by it how it ended, and not its PIN; forgotten, it keeps nothing.
 */
static void test_ended(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    dx_invitation made, again;
    uint8_t secret[DX_KEY_SIZE];
    assert_int_equal(create(&f, &made), DX_OK);
    made.failures = 2;
    made.uses = 1;
    assert_int_equal(dx_invitation_save(f.vault.store, &made), DX_OK);
    assert_int_equal(dx_invitation_load(f.vault.store, made.id, &again), DX_OK);
    assert_memory_equal(&again, &made, sizeof made);
    made.state = DX_HOST_LOCKED;
    assert_int_equal(dx_invitation_save(f.vault.store, &made), DX_OK);
    assert_int_equal(dx_invitation_load(f.vault.store, made.id, &again), DX_OK);
    assert_int_equal(again.state, DX_HOST_LOCKED);
    assert_string_equal(again.pin, "");
    assert_int_equal(dx_keyring_secret(f.vault.store, made.host_key, secret), DX_OK);
    assert_int_equal(dx_invitation_forget(f.vault.store, &again), DX_OK);
    assert_int_equal(dx_invitation_load(f.vault.store, made.id, &again), DX_E_NOT_FOUND);
    assert_int_equal(dx_keyring_secret(f.vault.store, made.host_key, secret), DX_E_NOT_FOUND);
    end(&f);
}

typedef struct seen {
    dx_store *store;
    uint8_t ids[8][DX_INVITATION_ID_SIZE];
    size_t count, stop_at;
} seen;

static int forget(void *ctx, const uint8_t *id) {
    seen *self = ctx;
    dx_invitation invitation;
    self->count++;
    int error = dx_invitation_load(self->store, id, &invitation);
    return error == DX_OK ? dx_invitation_forget(self->store, &invitation) : error;
}

static int see(void *ctx, const uint8_t *id) {
    seen *self = ctx;
    dx_invitation invitation;
    memcpy(self->ids[self->count++], id, DX_INVITATION_ID_SIZE);
    if (self->count == self->stop_at) {
        return DX_E_CANCELLED;
    }
    return dx_invitation_load(self->store, id, &invitation); /* the callback may use the store */
}

static void test_each(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    seen all = {.store = f.vault.store};
    assert_int_equal(dx_invitation_each(f.vault.store, see, &all), DX_OK);
    assert_int_equal(all.count, 0);
    dx_invitation made;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(create(&f, &made), DX_OK);
    }
    made.state = DX_HOST_CANCELLED;
    assert_int_equal(dx_invitation_save(f.vault.store, &made), DX_OK);
    assert_int_equal(dx_invitation_each(f.vault.store, see, &all), DX_OK);
    assert_int_equal(all.count, 5); /* open and ended */
    for (size_t i = 0; i + 1 < all.count; i++) {
        assert_true(memcmp(all.ids[i], all.ids[i + 1], DX_INVITATION_ID_SIZE) < 0);
    }
    all.count = 0;
    all.stop_at = 2;
    assert_int_equal(dx_invitation_each(f.vault.store, see, &all), DX_E_CANCELLED);
    assert_int_equal(all.count, 2);
    all.count = all.stop_at = 0;
    assert_int_equal(dx_invitation_each(f.vault.store, forget, &all), DX_OK);
    assert_int_equal(all.count, 5);
    assert_int_equal(dx_invitation_each(f.vault.store, see, &all), DX_OK);
    assert_int_equal(all.count, 5); /* there is none any more */
    end(&f);
}

static void test_damaged(void **state) {
    (void)state;
    static const char *const breaks[] = {
        "UPDATE invitation SET topic = zeroblob(31)",
        "UPDATE invitation SET host_key = zeroblob(0)",
        "UPDATE invitation SET request = zeroblob(15)",
        "UPDATE invitation SET role = 7",
        "UPDATE invitation SET role = -40",
        "UPDATE invitation SET state = 3",
        "UPDATE invitation SET state = 99",
        "UPDATE invitation SET pin = '12345'",
        "UPDATE invitation SET pin = '1234567'",
        "UPDATE invitation SET failures = -1",
        "UPDATE invitation SET uses = -1",
        "UPDATE invitation SET expires_ms = -1",
        "UPDATE invitation SET multi = -1",
        "UPDATE invitation SET url = replace(hex(zeroblob(1100)), '00', 'ab')",
    };
    for (size_t i = 0; i < sizeof breaks / sizeof breaks[0]; i++) {
        fixture f;
        begin(&f);
        dx_invitation made, again;
        assert_int_equal(create(&f, &made), DX_OK);
        vault_execute(&f.vault, breaks[i]);
        if (dx_invitation_load(f.vault.store, made.id, &again) != DX_E_CORRUPT) {
            fail_msg("%s", breaks[i]);
        }
        end(&f);
    }
    fixture f;
    begin(&f);
    dx_invitation made;
    seen all = {.store = f.vault.store};
    assert_int_equal(create(&f, &made), DX_OK);
    vault_execute(&f.vault, "UPDATE invitation SET id = zeroblob(5)");
    assert_int_equal(dx_invitation_each(f.vault.store, see, &all), DX_E_CORRUPT);
    vault_execute(&f.vault, "DROP TABLE invitation");
    assert_int_not_equal(dx_invitation_each(f.vault.store, see, &all), DX_OK);
    assert_int_not_equal(dx_invitation_load(f.vault.store, made.id, &made), DX_OK);
    end(&f);
}

static void test_no_memory(void **state) {
    (void)state;
    bool failed = true;
    for (uint64_t fail_at = 1; failed; fail_at++) {
        fixture f;
        begin(&f);
        test_alloc alloc;
        dx_invitation made;
        test_alloc_init(&alloc);
        alloc.fail_at = fail_at;
        int error =
            dx_invitation_create(f.vault.store, &alloc.port, &f.random.port, &f.terms, WALL_MS, &made);
        failed = alloc.calls >= fail_at;
        assert_int_equal(error, failed ? DX_E_NO_MEMORY : DX_OK);
        assert_int_equal(alloc.live_bytes, 0);
        end(&f);
    }
}

DX_TEST_MAIN(DX_TEST(test_create_and_load), DX_TEST(test_terms), DX_TEST(test_given_pin), DX_TEST(test_ended),
             DX_TEST(test_each), DX_TEST(test_damaged), DX_TEST(test_no_memory))
