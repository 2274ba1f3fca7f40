/* tests/unit/echo/test_floor.c: what others have built on a forked feed stands, and the same of it at every
 * replica, in whatever order blocks, branches and proofs came; against a reference that knows everything.
 * Of the worlds of floor_world.h. */
#include "floor_world.h"

/* --- The reference ----------------------------------------------------------------------------------- */

static uint64_t common(const world *w, int a, int b) {
    return a == b ? UINT64_MAX : a == 2 || b == 2 ? w->parts_low : w->parts;
}

/* Namers by seniority: the owner, then the smaller id of the admission, since both were admitted by her. */
static void order_namers(world *w, int order[NAMERS]) {
    const dx_control *control = w->olga.space->control;
    const dx_member *bob = dx_control_member_of(control, w->namers[1].identity.identity);
    const dx_member *carol = dx_control_member_of(control, w->namers[2].identity.identity);
    bool bob_first = memcmp(bob->admission, carol->admission, DX_HASH_SIZE) < 0;
    order[0] = 0;
    order[1] = bob_first ? 1 : 2;
    order[2] = bob_first ? 2 : 1;
}

static void expect(world *w, int *branch, uint64_t *length) {
    int order[NAMERS];
    order_namers(w, order);
    *branch = 0;
    *length = w->parts_low;
    for (size_t i = 0; i < w->epoch_count; i++) {
        const said_epoch *said = &w->epochs[i];
        bool extends = *length == w->parts_low || common(w, *branch, said->branch) >= *length;
        if (said->confirmed && said->length > *length && extends) {
            *branch = said->branch;
            *length = said->length;
        }
    }
    for (int i = 0; i < NAMERS; i++) {
        const namer_seen *seen = &w->seen[order[i]];
        bool extends = *length == w->parts_low || common(w, *branch, seen->branch) >= *length;
        bool counts = order[i] != 1 || !w->bob_forked;
        if (counts && seen->length > *length && extends) {
            *branch = seen->branch;
            *length = seen->length;
        }
    }
}

/* --- An order of arrival ------------------------------------------------------------------------------- */

static void assert_expected(world *w) {
    int branch;
    uint64_t length;
    uint8_t root[DX_HASH_SIZE], expected[DX_HASH_SIZE];
    dx_feed *feed = daves_feed(w, &w->olga), *source;
    expect(w, &branch, &length);
    source = daves_feed(w, &w->daves[branch]);
    assert_int_equal(feed->cut, w->parts_low);
    assert_int_equal(dx_feed_limit(feed), length);
    assert_int_equal(feed->applied, length);
    assert_int_equal(feed->kept, 0);
    peer_begin(&w->olga);
    peer_begin(&w->daves[branch]);
    assert_int_equal(dx_feed_root(feed, w->olga.context.store, length, root), DX_OK);
    assert_int_equal(dx_feed_root(source, w->daves[branch].context.store, length, expected), DX_OK);
    peer_commit(&w->olga);
    peer_commit(&w->daves[branch]);
    assert_memory_equal(root, expected, sizeof root);
    assert_int_equal(w->olga.space->blocked, 0);
    assert_int_equal(w->olga.space->wanted_count, 0);
}

/* Nothing was put in the place of what somebody saw: what was done to an object of a branch that does not stand
 * is not done to the one that stands there now. */
static void assert_nobody_misled(world *w) {
    for (uint64_t seq = dx_feed_parting(daves_feed(w, &w->olga));
         seq < dx_feed_limit(daves_feed(w, &w->olga)); seq++) {
        int branch, namer;
        uint64_t length;
        char shown[1024];
        dx_entity entity;
        expect(w, &branch, &length);
        peer_begin(&w->olga);
        int error = dx_entity_read(&w->olga.context, w->olga.space, dave_entity(w, &w->olga, seq), &entity);
        peer_commit(&w->olga);
        if (error != DX_OK) {
            continue; /* a change of what was there before */
        }
        peer_show(&w->olga, dave_entity(w, &w->olga, seq), shown, sizeof shown);
        const char *seen = strstr(shown, "\"seen\":");
        if (seen != NULL && sscanf(seen, "\"seen\":%d", &namer) == 1) {
            assert_true(common(w, branch, w->seen[namer].branch) > seq);
        }
    }
}

/* Counts are what counting gives. */
static void assert_counts(world *w) {
    peer *olga = &w->olga;
    int64_t objects, links, counted = 0;
    peer_begin(olga);
    assert_int_equal(dx_entity_rows_settle(&olga->context, olga->space), DX_OK);
    assert_int_equal(dx_space_count(&olga->context, olga->space, &objects, &links), DX_OK);
    sqlite3_stmt *select =
        dx_store_query(olga->context.store, "SELECT count(*) FROM entity JOIN type ON type.id = entity.type "
                                            "WHERE entity.kind = 0 AND deleted = 0 AND type.name = 't'");
    counted = dx_step(olga->context.store, select) ? dx_column_int(select, 0) : -1;
    dx_step_reset(select);
    peer_commit(olga);
    assert_int_equal(objects, counted);
}

enum { FIRST = 15, WORLDS = 10, ORDERS = 6 };

static void try_every_order(uint64_t first, bool with_epochs) {
    int floors = 0, contradictions = 0, settled = 0;
    for (uint64_t seed = first; seed < first + WORLDS; seed++) {
        world w;
        world_init(&w, seed, with_epochs);
        live_through(&w, true, false);
        assert_expected(&w);
        assert_counts(&w);
        char *reference = peer_state(&w.olga);
        floors += dx_feed_limit(daves_feed(&w, &w.olga)) > w.parts_low;
        settled += dx_feed_parting(daves_feed(&w, &w.olga)) > w.parts_low;
        contradictions += w.seen[0].length > w.parts_low && w.seen[1].length > w.parts_low &&
                          w.seen[0].branch != w.seen[1].branch;
        for (int order = 0; order < ORDERS; order++) {
            restart(&w);
            live_through(&w, false, order % 2 == 1);
            assert_expected(&w);
            assert_counts(&w);
            assert_nobody_misled(&w);
            char *here = peer_state(&w.olga);
            assert_string_equal(here, reference);
            free(here);
        }
        free(reference);
        world_deinit(&w);
    }
    assert_true(floors > WORLDS / 3);
    assert_true(contradictions > 0);
    assert_true(with_epochs ? settled > WORLDS / 3 : settled == 0);
}

static void test_every_order_gives_the_same(void **state) {
    (void)state;
    try_every_order(FIRST, false);
}

/* Among these worlds is one, too, in which a lower proof comes last, when all that others named stands already. */
static void test_epochs_go_before_seniority(void **state) {
    (void)state;
    try_every_order(220, true);
}

/* --- Control feeds ----------------------------------------------------------------------------------- */

/* Bob may write since a moment ago, and his vault is set back: in each life he admits another data feed, in the
 * same block of his control feed. Alice, perhaps, has seen the first and wrote after; Carol, perhaps, the second. */
static void control_world_init(world *w, uint64_t seed, bool built_on, bool contradicted) {
    static const uint8_t promotion[16] = {9};
    memset(w, 0, sizeof *w);
    w->self = &w->olga;
    w->random = seed * 31 + 7;
    peer *alice = &w->namers[0], *carol = &w->namers[1], bob;
    peer_init(alice, seed * 10 + 1, "Alice");
    peer_init(carol, seed * 10 + 2, "Carol");
    peer_init(&w->namers[2], seed * 10 + 3, "Nobody");
    peer_init(&bob, seed * 10 + 4, "Bob");
    peer_init(&w->olga, seed * 10 + 5, "Olga");
    peer_create_space(alice, "Garden");
    peer_admit(alice, &bob, DX_ROLE_READER);
    peer_admit(alice, &w->olga, DX_ROLE_READER);
    if (contradicted) {
        peer_admit(alice, carol, DX_ROLE_EDITOR);
    }
    dx_buf welcome;
    dx_buf_init(&welcome, &alice->alloc.port, DX_BLOCK_SIZE_MAX);
    peer_begin(alice);
    assert_int_equal(dx_space_admit(&alice->context, alice->space,
                                    dx_buf_view(&bob.identity.device_credential), DX_ROLE_EDITOR, promotion,
                                    &welcome),
                     DX_OK);
    peer_commit(alice);
    dx_buf_deinit(&welcome);
    peer_pull(alice, &bob, 9);
    peer_pull(&bob, alice, 9);
    if (contradicted) {
        peer_pull(alice, carol, 9);
        peer_pull(carol, alice, 9);
    }
    peer_pull(&w->olga, alice, 9);
    assert_int_equal(bob.space->own_data, 0);
    const dx_feed *control = dx_space_feed(bob.space, bob.space->own_control);
    memcpy(w->dave_id, control->id, sizeof w->dave_id);
    w->parts_low = w->parts = control->length;
    sim_disk *image = sim_disk_copy(bob.disk, 5);
    for (int life = 0; life < BRANCHES; life++) {
        clone_peer(&w->daves[life], &bob, image, life);
        peer_add(&w->daves[life], "t", "{\"mine\": true}");
        peer_add(&w->daves[life], "t", "{\"mine\": true}");
    }
    if (built_on) {
        peer_pull(alice, &w->daves[0], 9);
    }
    peer_add(alice, "t", "{\"hers\": true}");
    if (contradicted) {
        peer_add(carol, "t", "{\"before\": true}");
        w->seen[1].length = dx_space_feed(carol->space, carol->space->own_data)->length;
        peer_pull(carol, &w->daves[1], 9);
        peer_add(carol, "t", "{\"on\": \"what is expelled\"}");
        peer_add(carol, "t", "{\"after\": true}");
        add_carrier(w, carol, dx_space_feed(carol->space, carol->space->own_data));
        add_carrier(w, carol, dx_space_feed(carol->space, carol->space->own_control));
    }
    prove(w, &w->daves[0], &w->daves[1], w->dave_id, w->parts);
    for (int life = 0; life < 2; life++) {
        const dx_space *space = w->daves[life].space;
        add_carrier(w, &w->daves[life], dx_space_feed(w->daves[life].space, space->own_control));
        add_carrier(w, &w->daves[life], dx_space_feed(w->daves[life].space, space->own_data));
    }
    add_carrier(w, alice, dx_space_feed(alice->space, alice->space->own_data));
    add_carrier(w, alice, dx_space_feed(alice->space, alice->space->own_control));
    w->start = sim_disk_copy(w->olga.disk, 8);
    sim_disk_destroy(image);
    peer_deinit(&bob);
}

/* Whether the data feed of this life of Bob's has any effect. */
static bool shows_life(world *w, int life) {
    const dx_space *space = w->daves[life].space;
    const uint8_t *id = dx_space_feed(w->daves[life].space, space->own_data)->id;
    const dx_feed *feed = dx_space_feed_by_id(w->olga.space, id);
    bool admitted = dx_control_find_feed(w->olga.space->control, id) != NULL;
    assert_true(feed == NULL || feed->own || (feed->applied > 0) == admitted);
    return admitted;
}

/* What only blocks beyond the limit of a control feed carry is out of force at everybody, with all that rests on
 * it; what others built on stands. */
static void test_control_feed_is_cut(void **state) {
    (void)state;
    for (int built_on = 0; built_on < 2; built_on++) {
        world w;
        char *reference = NULL;
        uint8_t digest[DX_HASH_SIZE], expected[DX_HASH_SIZE];
        control_world_init(&w, 50 + (uint64_t)built_on, built_on != 0, false);
        for (int order = 0; order < 12; order++) {
            restart(&w);
            live_through(&w, order == 0, order % 2 == 1);
            const dx_feed *control = daves_feed(&w, &w.olga);
            assert_int_equal(control->cut, w.parts);
            assert_int_equal(dx_feed_limit(control), w.parts + (uint64_t)built_on);
            assert_int_equal(control->applied, dx_feed_limit(control));
            assert_int_equal(shows_life(&w, 0), built_on);
            assert_false(shows_life(&w, 1));
            assert_counts(&w);
            char *here = peer_state(&w.olga);
            dx_control_digest(w.olga.space->control, digest);
            if (reference == NULL) {
                reference = here;
                memcpy(expected, digest, sizeof expected);
                continue;
            }
            assert_string_equal(here, reference);
            assert_memory_equal(digest, expected, sizeof digest);
            free(here);
        }
        free(reference);
        world_deinit(&w);
    }
}

/* Carol built on the life that is passed over, for Alice is her senior. What rests on what only that life admits is
 * nowhere in effect, whatever came first; what she wrote before is. */
static void test_what_rests_on_the_expelled(void **state) {
    (void)state;
    world w;
    char *reference = NULL;
    control_world_init(&w, 70, true, true);
    const uint8_t *carols = dx_space_feed(w.namers[1].space, w.namers[1].space->own_data)->id;
    for (int order = 0; order < 16; order++) {
        restart(&w);
        live_through(&w, order == 0, order % 2 == 1);
        assert_true(shows_life(&w, 0));
        assert_false(shows_life(&w, 1));
        assert_counts(&w);
        const dx_feed *feed = dx_space_feed_by_id(w.olga.space, carols);
        assert_int_equal(feed->length, w.seen[1].length + 2);
        assert_int_equal(feed->applied, w.seen[1].length);
        assert_int_equal(feed->kept, 0);
        char *here = peer_state(&w.olga);
        if (reference == NULL) {
            reference = here;
            continue;
        }
        assert_string_equal(here, reference);
        free(here);
    }
    free(reference);
    world_deinit(&w);
}

/* Carol herself learns of it late: her feed is not shortened but given up, and she goes on in a new one. */
static void test_own_blocks_rest_on_the_expelled(void **state) {
    (void)state;
    world w;
    uint8_t before[DX_HASH_SIZE];
    control_world_init(&w, 80, true, true);
    peer *carol = &w.namers[1];
    memcpy(before, dx_space_feed(carol->space, carol->space->own_data)->id, sizeof before);
    w.self = carol;
    live_through(&w, false, true);
    const dx_feed *feed = dx_space_feed_by_id(carol->space, before);
    assert_false(feed->own);
    assert_int_equal(feed->length, w.seen[1].length + 2);
    assert_int_equal(feed->applied, w.seen[1].length);
    assert_int_equal(feed->kept, 0);
    peer_add(carol, "t", "{\"again\": true}");
    peer_reopen(carol);
    const dx_feed *fresh = dx_space_feed(carol->space, carol->space->own_data);
    assert_memory_not_equal(fresh->id, before, sizeof before);
    assert_int_equal(fresh->applied, fresh->length);
    char *hers = peer_state(carol);
    w.self = &w.olga;
    for (int round = 0; round < 2; round++) {
        live_through(&w, false, true);
        peer_pull(&w.olga, carol, 9);
    }
    char *here = peer_state(&w.olga);
    assert_string_equal(here, hers);
    free(here);
    free(hers);
    world_deinit(&w);
}

/* The author of the fork learns of it: what he issued stands in his new feed. */
static void test_vouched_for_again(void **state) {
    (void)state;
    world w;
    uint8_t before[DX_HASH_SIZE];
    control_world_init(&w, 60, false, false);
    peer *bob = &w.daves[0];
    peer_begin(bob);
    const dx_feed *data = dx_space_feed(bob->space, bob->space->own_data);
    memcpy(before, data->id, sizeof before);
    assert_int_equal(dx_fork_take(dx_space_feed(bob->space, bob->space->own_control), bob->context.store,
                                  dx_buf_view(&w.proofs[0].bytes)),
                     DX_OK);
    assert_int_equal(dx_space_renew_feeds(&bob->context, bob->space), DX_OK);
    assert_int_equal(dx_space_vouch_again(&bob->context, bob->space), DX_OK);
    peer_run(bob);
    assert_non_null(dx_control_find_feed(bob->space->control, before));
    data = dx_space_feed_by_id(bob->space, before);
    assert_int_equal(data->applied, data->length);
    peer_commit(bob);
    peer_reopen(bob);
    assert_non_null(dx_control_find_feed(bob->space->control, before));
    peer_add(bob, "t", "{}");
    world_deinit(&w);
}

DX_TEST_MAIN(DX_TEST(test_every_order_gives_the_same), DX_TEST(test_epochs_go_before_seniority),
             DX_TEST(test_control_feed_is_cut), DX_TEST(test_what_rests_on_the_expelled),
             DX_TEST(test_own_blocks_rest_on_the_expelled), DX_TEST(test_vouched_for_again))
