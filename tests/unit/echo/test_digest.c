/* tests/unit/echo/test_digest.c: the digest is equal exactly when the state is. */
#include "echo/digest.h"

#include "peer.h"

typedef struct digest {
    uint8_t bytes[DX_HASH_SIZE];
    int64_t objects;
} digest;

static digest digest_of(peer *self, size_t budget) {
    digest out;
    dx_digest_cursor *cursor;
    bool more = true;
    peer_begin(self);
    assert_int_equal(dx_digest_begin(&self->context, self->space, &cursor), DX_OK);
    while (more) {
        assert_int_equal(dx_digest_run(cursor, budget, &more), DX_OK);
        peer_commit(self);
        peer_begin(self);
    }
    dx_digest_end(cursor, out.bytes, &out.objects);
    peer_commit(self);
    return out;
}

static void assert_digest(digest a, digest b, bool equal) {
    assert_int_equal(memcmp(a.bytes, b.bytes, DX_HASH_SIZE) == 0, equal);
}

static void test_budget_does_not_matter(void **state) {
    (void)state;
    peer alice;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    int64_t first = 0;
    for (int i = 0; i < 20; i++) {
        first = peer_add(&alice, "tree", "{\"name\":\"oak\"}");
    }
    peer_link(&alice, "near", first, first);
    digest whole = digest_of(&alice, SIZE_MAX);
    assert_int_equal(whole.objects, 20);
    for (size_t budget = 1; budget < 30; budget += 4) {
        digest part = digest_of(&alice, budget);
        assert_digest(whole, part, true);
        assert_int_equal(part.objects, 20);
    }
    peer_deinit(&alice);
}

/* Everything that can be seen, and what decides about later blocks, is in it. */
static void test_every_change_counts(void **state) {
    (void)state;
    peer alice;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    digest before = digest_of(&alice, 100), after;
    int64_t tree = peer_add(&alice, "tree", "{\"name\":\"oak\"}");
    assert_digest(before, after = digest_of(&alice, 100), false);
    before = after;
    peer_set(&alice, tree, "name", "\"elm\"");
    assert_digest(before, after = digest_of(&alice, 100), false);
    before = after;
    peer_set(&alice, tree, "name", "\"elm\""); /* the same to see, by a later stamp */
    assert_digest(before, after = digest_of(&alice, 100), false);
    before = after;
    int64_t link = peer_link(&alice, "near", tree, tree);
    assert_digest(before, after = digest_of(&alice, 100), false);
    before = after;
    peer_change_life(&alice, link, true);
    assert_digest(before, after = digest_of(&alice, 100), false);
    before = after;
    peer_change_life(&alice, link, false);
    assert_digest(before, after = digest_of(&alice, 100), false);
    before = after;
    peer_change_life(&alice, tree, true);
    assert_int_equal(before.objects, 1);
    assert_digest(before, after = digest_of(&alice, 100), false);
    assert_int_equal(after.objects, 0);
    peer_reopen(&alice);
    assert_digest(after, digest_of(&alice, 100), true);
    peer_deinit(&alice);
}

static void test_replicas_agree(void **state) {
    (void)state;
    peer alice, bob;
    peer_init(&alice, 1, "Alice");
    peer_init(&bob, 2, "Bob");
    peer_create_space(&alice, "Garden");
    int64_t tree = peer_add(&alice, "tree", "{\"name\":\"oak\"}");
    peer_admit(&alice, &bob, DX_ROLE_EDITOR);
    peer_pull(&bob, &alice, 3);
    /* apart: both write to the same and to other things, Bob with names that Alice numbers otherwise */
    int64_t tree_of_bob = peer_key(&bob, &alice, tree);
    peer_add(&bob, "stone", "{\"weight\":3}");
    peer_set(&bob, tree_of_bob, "name", "\"elm\"");
    peer_link(&bob, "under", tree_of_bob, peer_add(&bob, "grass", "{}"));
    peer_change_life(&bob, tree_of_bob, true);
    peer_add(&alice, "bird", "{}");
    peer_set(&alice, tree, "name", "\"ash\"");
    assert_digest(digest_of(&alice, 100), digest_of(&bob, 100), false);
    peer_pull(&alice, &bob, 1);
    assert_digest(digest_of(&alice, 100), digest_of(&bob, 100), false);
    peer_pull(&bob, &alice, 2);
    assert_same_state(&alice, &bob);
    assert_digest(digest_of(&alice, 100), digest_of(&bob, 3), true);
    assert_int_equal(digest_of(&alice, 100).objects, digest_of(&bob, 100).objects);
    peer_deinit(&alice);
    peer_deinit(&bob);
}

/* A change in the middle: what comes out is of the end, not a mixture. */
static void test_begins_anew(void **state) {
    (void)state;
    peer alice;
    dx_digest_cursor *cursor;
    digest late;
    bool more;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    int64_t first = peer_add(&alice, "tree", "{\"n\":1}");
    peer_add(&alice, "tree", "{\"n\":2}");
    peer_begin(&alice);
    assert_int_equal(dx_digest_begin(&alice.context, alice.space, &cursor), DX_OK);
    assert_int_equal(dx_digest_run(cursor, 2, &more), DX_OK);
    assert_true(more);
    peer_commit(&alice);
    peer_set(&alice, first, "n", "9");
    peer_begin(&alice);
    assert_int_equal(dx_digest_run(cursor, 1000, &more), DX_OK);
    assert_false(more);
    dx_digest_end(cursor, late.bytes, &late.objects);
    peer_commit(&alice);
    assert_digest(late, digest_of(&alice, 1000), true);
    assert_int_equal(late.objects, 2);
    peer_deinit(&alice);
}

static void test_memory(void **state) {
    (void)state;
    peer alice;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    peer_add(&alice, "tree", "{\"n\":1}");
    digest wanted = digest_of(&alice, 100);
    bool done = false;
    for (uint64_t fail_at = 1; !done; fail_at++) {
        dx_digest_cursor *cursor;
        digest got = {{0}, 0};
        bool more = true;
        peer_begin(&alice);
        alice.alloc.calls = 0;
        alice.alloc.fail_at = fail_at;
        int error = dx_digest_begin(&alice.context, alice.space, &cursor);
        if (error == DX_OK) {
            error = dx_digest_run(cursor, 100, &more);
            dx_digest_end(cursor, got.bytes, &got.objects);
        }
        done = alice.alloc.calls < fail_at;
        alice.alloc.fail_at = 0;
        assert_int_equal(error, done ? DX_OK : DX_E_NO_MEMORY);
        if (done) {
            assert_digest(wanted, got, true);
        }
        peer_commit(&alice);
    }
    peer_deinit(&alice);
}

DX_TEST_MAIN(DX_TEST(test_budget_does_not_matter), DX_TEST(test_every_change_counts),
             DX_TEST(test_replicas_agree), DX_TEST(test_begins_anew), DX_TEST(test_memory))
