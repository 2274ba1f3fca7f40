/* tests/unit/echo/test_failures.c: every allocation and every call to the disk fails once, in every act of
 * this room: what was before stands, and the same act succeeds afterwards. */
#include "echo/name.h"
#include "halo/welcome.h"
#include "peer.h"

/* Two replicas with something to do; how much it takes is found by trying. */
typedef struct fixture {
    peer alice, bob;
    int64_t key;
    dx_buf welcome;
    peer carol; /* invited, not joined */
} fixture;

static void fixture_init(fixture *f) {
    const uint8_t invitation[16] = {7};
    peer_init(&f->alice, 1, "Alice");
    peer_init(&f->bob, 2, "Bob");
    peer_init(&f->carol, 3, "Carol");
    peer_create_space(&f->alice, "Garden");
    peer_admit(&f->alice, &f->bob, DX_ROLE_EDITOR);
    f->key = peer_add(&f->alice, "t", "{\"a\": 1}");
    peer_pull(&f->bob, &f->alice, 9);
    peer_set(&f->bob, peer_key(&f->bob, &f->alice, f->key), "b", "2");
    peer_change_life(&f->bob, peer_key(&f->bob, &f->alice, f->key), true);
    peer_add(&f->bob, "other", "{\"c\": {\"d\": [1, 2]}}");
    dx_buf_init(&f->welcome, &f->alice.alloc.port, DX_WELCOME_SIZE_MAX);
    peer_begin(&f->alice);
    assert_int_equal(dx_space_admit(&f->alice.context, f->alice.space,
                                    dx_buf_view(&f->carol.identity.device_credential), DX_ROLE_EDITOR,
                                    invitation, &f->welcome),
                     DX_OK);
    peer_commit(&f->alice);
}

static void fixture_deinit(fixture *f) {
    dx_buf_deinit(&f->welcome);
    peer_deinit(&f->alice);
    peer_deinit(&f->bob);
    peer_deinit(&f->carol);
}

/* An act of one peer inside an open transaction. */
typedef int (*act)(fixture *f, peer *self);

static int act_create(fixture *f, peer *self) {
    (void)f;
    return dx_space_create(&self->context, dx_bytes_text("Park"), &self->space);
}

static int act_join(fixture *f, peer *self) {
    return dx_space_join(&self->context, dx_buf_view(&f->welcome), &self->space);
}

static int act_admit(fixture *f, peer *self) {
    const uint8_t invitation[16] = {9};
    dx_buf welcome;
    dx_buf_init(&welcome, self->context.alloc, DX_WELCOME_SIZE_MAX);
    int error = dx_space_admit(&self->context, self->space, dx_buf_view(&f->carol.identity.device_credential),
                               DX_ROLE_ADMIN, invitation, &welcome);
    dx_buf_deinit(&welcome);
    return error;
}

static int act_write(fixture *f, peer *self) {
    dx_transaction *transaction;
    int64_t made, link;
    int error = dx_transaction_begin(&self->context, self->space, &transaction);
    if (error != DX_OK) {
        return error;
    }
    error = dx_transaction_add_object(transaction, dx_bytes_text("n\xc3\xa4w"), f->key,
                                      dx_bytes_text("\xa1\x61\x61\x01"), &made);
    error = error ? error
                  : dx_transaction_add_link(transaction, dx_bytes_text("l"), made, f->key,
                                            (dx_bytes){NULL, 0}, &link);
    error = error ? error
                  : dx_transaction_set(transaction, f->key, dx_bytes_text("x"),
                                       dx_bytes_text("\xa1\x61\x62\x01"));
    error =
        error ? error : dx_transaction_set(transaction, f->key, dx_bytes_text("x.c"), dx_bytes_text("\x02"));
    error = error ? error : dx_transaction_delete(transaction, made);
    if (error != DX_OK) {
        dx_transaction_abort(transaction);
        return error;
    }
    return dx_transaction_commit(transaction);
}

static int act_receive(fixture *f, peer *self) {
    int error = dx_store_begin(f->bob.context.store);
    for (size_t i = 0; i < f->bob.space->feed_count && error == DX_OK; i++) {
        dx_feed *feed = &f->bob.space->feeds[i];
        if (feed->own) {
            error = peer_carry(self, &f->bob, feed, feed->length);
        }
        bool more = true;
        while (error == DX_OK && more) {
            error = dx_pipeline_run(&self->context, self->space, 2, &more);
        }
    }
    dx_store_rollback(f->bob.context.store);
    return error;
}

static int act_renew(fixture *f, peer *self) {
    (void)f;
    return dx_space_renew_feeds(&self->context, self->space);
}

static int act_load(fixture *f, peer *self) {
    (void)f;
    dx_space *space;
    int error = dx_space_load(&self->context, self->space->local, &space);
    char name[32];
    if (error == DX_OK) {
        error = dx_space_name(&self->context, space, name, sizeof name);
        dx_space_destroy(&self->context, space);
    }
    return error;
}

static int perform(fixture *f, peer *self, act what) {
    int error = what(f, self);
    if (error == DX_OK && self->space != NULL) {
        error = dx_space_sign_heads(&self->context, self->space);
    }
    return error;
}

/* What a failed step does: undo, forget, load again. */
static void recover(peer *self, int64_t local) {
    dx_store_rollback(self->context.store);
    dx_space_destroy(&self->context, self->space);
    self->space = NULL;
    if (local != 0) {
        peer_begin(self);
        assert_int_equal(dx_space_load(&self->context, local, &self->space), DX_OK);
        peer_commit(self);
    }
}

static void expect_unchanged(peer *self, const char *before) {
    if (self->space != NULL) {
        char *now = peer_state(self);
        assert_string_equal(now, before);
        free(now);
    }
}

static void fail_every_allocation(act what, peer *(*who)(fixture *f)) {
    fixture f;
    fixture_init(&f);
    peer *self = who(&f);
    int64_t local = self->space != NULL ? self->space->local : 0;
    char *before = self->space != NULL ? peer_state(self) : calloc(1, 1);
    uint64_t failed = 0;
    for (uint64_t at = 1;; at++) {
        peer_begin(self);
        self->alloc.calls = 0;
        self->alloc.fail_at = at;
        int error = perform(&f, self, what);
        bool reached = self->alloc.calls >= at;
        self->alloc.fail_at = 0;
        if (!reached) {
            print_message("# %llu allocations\n", (unsigned long long)at - 1);
            assert_int_equal(error, DX_OK);
            peer_commit(self);
            break;
        }
        /* Some do without: a smaller chunk, a name not shown. */
        assert_true(error == DX_E_NO_MEMORY || error == DX_OK);
        failed += error != DX_OK;
        recover(self, local);
        expect_unchanged(self, before);
    }
    assert_true(failed > 0);
    free(before);
    fixture_deinit(&f);
}

static void fail_every_disk_call(act what, peer *(*who)(fixture *f)) {
    fixture f;
    fixture_init(&f);
    peer *self = who(&f);
    int64_t local = self->space != NULL ? self->space->local : 0;
    char *before = self->space != NULL ? peer_state(self) : calloc(1, 1);
    for (uint64_t at = 1;; at++) {
        /* Nothing cached: rows are read from the disk. */
        peer_reopen(self);
        peer_begin(self);
        sim_disk_fault fault = {.calls = SIM_DISK_ALL_CALLS, .at = at};
        uint64_t faults = sim_disk_counters(self->disk)->faults;
        sim_disk_plan(self->disk, &fault);
        int error = perform(&f, self, what);
        bool reached = sim_disk_counters(self->disk)->faults > faults;
        sim_disk_heal(self->disk);
        if (!reached) {
            print_message("# %llu disk calls\n", (unsigned long long)at - 1);
            assert_int_equal(error, DX_OK);
            peer_commit(self);
            break;
        }
        assert_true(error == DX_OK || dx_error_class_of(error) == DX_CLASS_HOST || error == DX_E_CORRUPT);
        dx_store_rollback(self->context.store);
        dx_space_destroy(&self->context, self->space);
        self->space = NULL;
        dx_identity_deinit(&self->identity);
        dx_store_close(self->context.store);
        peer_open(self);
        if (local != 0) {
            assert_int_equal(dx_space_load(&self->context, local, &self->space), DX_OK);
        }
        peer_commit(self);
        expect_unchanged(self, before);
    }
    free(before);
    fixture_deinit(&f);
}

static peer *alice_of(fixture *f) {
    return &f->alice;
}

static peer *carol_of(fixture *f) {
    return &f->carol;
}

#define TESTS_OF(name, who)                                                                                  \
    static void test_##name##_allocations(void **state) {                                                    \
        (void)state;                                                                                         \
        fail_every_allocation(act_##name, who##_of);                                                         \
    }                                                                                                        \
    static void test_##name##_disk(void **state) {                                                           \
        (void)state;                                                                                         \
        fail_every_disk_call(act_##name, who##_of);                                                          \
    }

TESTS_OF(create, carol)
TESTS_OF(join, carol)
TESTS_OF(admit, alice)
TESTS_OF(write, alice)
TESTS_OF(receive, alice)
TESTS_OF(renew, alice)
TESTS_OF(load, alice)

#define BOTH(name) DX_TEST(test_##name##_allocations), DX_TEST(test_##name##_disk)

DX_TEST_MAIN(BOTH(create), BOTH(join), BOTH(admit), BOTH(write), BOTH(receive), BOTH(renew), BOTH(load))
