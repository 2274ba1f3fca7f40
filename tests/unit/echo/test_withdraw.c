/* tests/unit/echo/test_withdraw.c: a feed that was written twice: what was applied beyond the cut is taken
 * back, and what is left is what a replica has that never applied it. */
#include "peer.h"

typedef struct fixture {
    peer alice, bob, carol;
    sim_disk *image; /* of Bob's vault before he went on */
    dx_head other;   /* of the branch that the copy wrote */
    uint64_t fork;   /* where the branches part */
} fixture;

static dx_feed *bobs_feed(fixture *f, peer *self) {
    return dx_space_feed_by_id(self->space, dx_space_feed(f->bob.space, f->bob.space->own_data)->id);
}

/* The copy writes something else at the same place, and signs it. */
static void write_other_branch(fixture *f) {
    sim_disk *now = sim_disk_copy(f->bob.disk, 6);
    dx_space_destroy(&f->bob.context, f->bob.space);
    dx_identity_deinit(&f->bob.identity);
    dx_store_close(f->bob.context.store);
    sim_disk_restore(f->bob.disk, f->image);
    peer_open(&f->bob);
    assert_int_equal(dx_space_load(&f->bob.context, 1, &f->bob.space), DX_OK);
    peer_commit(&f->bob);
    peer_add(&f->bob, "t", "{\"branch\": 2}");
    peer_add(&f->bob, "t", "{\"branch\": 2}");
    f->other = dx_space_feed(f->bob.space, f->bob.space->own_data)->head;
    dx_space_destroy(&f->bob.context, f->bob.space);
    dx_identity_deinit(&f->bob.identity);
    dx_store_close(f->bob.context.store);
    sim_disk_restore(f->bob.disk, now);
    sim_disk_destroy(now);
    peer_open(&f->bob);
    assert_int_equal(dx_space_load(&f->bob.context, 1, &f->bob.space), DX_OK);
    peer_commit(&f->bob);
}

static void fixture_init(fixture *f) {
    peer_init(&f->alice, 1, "Alice");
    peer_init(&f->bob, 2, "Bob");
    peer_init(&f->carol, 3, "Carol");
    peer_create_space(&f->alice, "Garden");
    peer_admit(&f->alice, &f->bob, DX_ROLE_EDITOR);
    peer_admit(&f->alice, &f->carol, DX_ROLE_READER);
    peer_pull(&f->alice, &f->carol, 9);
    peer_add(&f->bob, "t", "{\"before\": true}");
    f->image = sim_disk_copy(f->bob.disk, 5);
    f->fork = dx_space_feed(f->bob.space, f->bob.space->own_data)->length;
    peer_add(&f->bob, "t", "{\"branch\": 1}");
    peer_pull(&f->alice, &f->bob, 9);
    peer_add(&f->bob, "t", "{\"branch\": 1}");
    write_other_branch(f);
}

static void fixture_deinit(fixture *f) {
    sim_disk_destroy(f->image);
    peer_deinit(&f->alice);
    peer_deinit(&f->bob);
    peer_deinit(&f->carol);
}

static void test_beyond_the_cut_is_taken_back(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    /* Alice applies Bob's first branch, changes what he made there, and refers to it. */
    int64_t made = dx_entity_key(bobs_feed(&f, &f.alice)->local, f.fork, 0);
    assert_shows(&f.alice, made, "{\"branch\":1}");
    peer_set(&f.alice, made, "mine", "1");
    int64_t kept = peer_add(&f.alice, "t", "{\"kept\": true}");
    int64_t link = peer_link(&f.alice, "l", kept, made);
    peer_pull(&f.alice, &f.bob, 9);
    /* She learns of the other branch. */
    peer_begin(&f.alice);
    assert_int_equal(dx_feed_hear(bobs_feed(&f, &f.alice), f.alice.context.store, &f.other), DX_E_FORK);
    uint64_t cut = bobs_feed(&f, &f.alice)->cut;
    assert_true(bobs_feed(&f, &f.alice)->applied > cut);
    f.alice.changes.overflow = false;
    peer_run(&f.alice);
    assert_true(f.alice.changes.overflow);
    assert_int_equal(bobs_feed(&f, &f.alice)->applied, cut);
    peer_commit(&f.alice);
    /* What she made herself is there; what she did to what is hidden is hidden with it. */
    assert_shows(&f.alice, kept, "{\"kept\":true}");
    assert_shows(&f.alice, link, "{}");
    int64_t objects, links;
    peer_begin(&f.alice);
    dx_entity entity;
    assert_int_equal(dx_space_count(&f.alice.context, f.alice.space, &objects, &links), DX_OK);
    assert_int_equal(links, 1);
    uint64_t hidden = f.fork;
    for (; hidden < bobs_feed(&f, &f.alice)->length; hidden++) {
        int error = dx_entity_read(&f.alice.context, f.alice.space,
                                   dx_entity_key(bobs_feed(&f, &f.alice)->local, hidden, 0), &entity);
        assert_int_equal(error, hidden < cut ? DX_OK : DX_E_NOT_FOUND);
    }
    assert_int_equal(objects, 2 + (int64_t)(cut - f.fork));
    uint64_t refused = f.alice.space->refused;
    peer_run(&f.alice); /* nothing more to do */
    assert_int_equal(f.alice.space->refused, refused);
    peer_commit(&f.alice);
    peer_reopen(&f.alice);
    peer_add(&f.alice, "t", "{}"); /* and she goes on */
    fixture_deinit(&f);
}

/* A replica that knew of the fork before it applied anything of it has the same. */
static void test_same_as_never_applied(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    peer_pull(&f.alice, &f.bob, 9);
    peer_begin(&f.alice);
    assert_int_equal(dx_feed_hear(bobs_feed(&f, &f.alice), f.alice.context.store, &f.other), DX_E_FORK);
    peer_run(&f.alice);
    peer_commit(&f.alice);
    uint64_t cut = bobs_feed(&f, &f.alice)->cut;
    peer_begin(&f.carol);
    peer_begin(&f.alice);
    for (int class = DX_FEED_CONTROL; class <= DX_FEED_DATA; class ++) {
        for (size_t i = 0; i < f.alice.space->feed_count; i++) {
            dx_feed *feed = &f.alice.space->feeds[i];
            uint64_t end = feed->length < cut || feed != bobs_feed(&f, &f.alice) ? feed->length : cut;
            if ((int)feed->identity.feed_class == class) {
                assert_int_equal(peer_carry(&f.carol, &f.alice, feed, end), DX_OK);
                peer_run(&f.carol);
            }
        }
    }
    peer_commit(&f.alice);
    peer_commit(&f.carol);
    assert_same_state(&f.alice, &f.carol);
    fixture_deinit(&f);
}

DX_TEST_MAIN(DX_TEST(test_beyond_the_cut_is_taken_back), DX_TEST(test_same_as_never_applied))
