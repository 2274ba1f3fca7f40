/* tests/unit/echo/test_epoch_forks.c: a state is loaded where something of another branch of a feed stands. Of
 * echo/load_rows.c, of dx_feed_jump (feed/begin.c), dx_limb_set_aside (feed/limb.c), and of what yields (echo/floor.c).
 *
 * Dave's vault was set back: he has two lives. Alice and Bob have seen the first, and Alice's epoch names it. Vera has seen
 * the second: less of it than the epoch names of the first, so that no root tells (short); as much and more, which waits
 * for something else (waiting); and all of it in effect, with her own work upon it (built on). Nobody tells her of the
 * fork. She loads the state, and shows afterwards what Olga does, who has all history and never saw the second life. */
#include "epochs.h"

#include "echo/epoch_word.h"

typedef struct world {
    peer alice, bob, dave, other, olga, vera;
    int64_t early; /* Alice's, whom all know */
    dx_cut cut;
    dx_snapshot_made made;
} world;

static void close_peer(peer *self) {
    dx_space_destroy(&self->context, self->space);
    dx_identity_deinit(&self->identity);
    dx_store_close(self->context.store);
    self->space = NULL;
}

/* Dave's vault as this disk has it. */
static void clone_peer(peer *clone, const peer *of, sim_disk *image) {
    peer_init(clone, 177, "clone");
    close_peer(clone);
    sim_disk_restore(clone->disk, image);
    memcpy(clone->config.page_key, of->config.page_key, sizeof clone->config.page_key);
    peer_open(clone);
    assert_int_equal(dx_space_load(&clone->context, 1, &clone->space), DX_OK);
    peer_commit(clone);
}

static void world_init(world *w, dx_role role) {
    memset(w, 0, sizeof *w);
    peer_init(&w->alice, 1, "Alice");
    peer_init(&w->bob, 2, "Bob");
    peer_init(&w->dave, 3, "Dave");
    peer_init(&w->olga, 4, "Olga");
    peer_init(&w->vera, 5, "Vera");
    peer_create_space(&w->alice, "Garden");
    peer_admit(&w->alice, &w->bob, DX_ROLE_EDITOR);
    peer_admit(&w->alice, &w->dave, DX_ROLE_EDITOR);
    peer_admit(&w->alice, &w->olga, DX_ROLE_READER);
    peer_admit(&w->alice, &w->vera, role);
    w->early = peer_add(&w->alice, "tree", "{\"name\": \"oak\"}");
    peer *const all[] = {&w->alice, &w->bob, &w->dave, &w->olga, &w->vera};
    for (size_t i = 0; i < 2 * 5; i++) {
        for (size_t j = 0; j < 5; j++) {
            if (i % 5 != j) {
                peer_pull(all[j], all[i % 5], PEER_RUN_MAX);
            }
        }
    }
    sim_disk *image = sim_disk_copy(w->dave.disk, 5);
    clone_peer(&w->other, &w->dave, image);
    sim_disk_destroy(image);
}

static void world_deinit(world *w) {
    dx_cut_deinit(&w->cut);
    peer *const all[] = {&w->alice, &w->bob, &w->dave, &w->other, &w->olga, &w->vera};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        peer_deinit(all[i]);
    }
}

/* What Dave did in one life: things of his own, some gone again, and changes of what was there. */
static void live(world *w, peer *dave, const char *life, int blocks) {
    char json[64];
    int64_t last = 0;
    for (int i = 0; i < blocks; i++) {
        snprintf(json, sizeof json, "{\"life\": \"%s\", \"i\": %d}", life, i);
        if (i % 3 == 2) {
            peer_set(dave, peer_key(dave, &w->alice, w->early), "life", json);
        } else if (i % 4 == 3) {
            peer_change_life(dave, last, true);
        } else {
            last = peer_add(dave, "bush", json);
        }
    }
}

/* Dave's first life, the epoch that names it, and beside it what Bob adds, who has seen none of that. *beyond: his. */
static void make_epoch(world *w, int blocks, int64_t *beyond) {
    *beyond = peer_add(&w->bob, "bench", "{\"wood\": true}");
    live(w, &w->dave, "first", blocks);
    peer_pull(&w->alice, &w->dave, PEER_RUN_MAX);
    epoch_cut(&w->alice, &w->cut);
    w->made = epoch_make(&w->alice, &w->cut, 7);
    dx_epoch_draft draft = {
        .cut = w->cut.places, .cut_count = w->cut.count, .size_bytes = w->made.size, .key_epoch = 0};
    uint8_t id[DX_HASH_SIZE];
    memcpy(draft.root, w->made.root, sizeof draft.root);
    peer_begin(&w->alice);
    assert_int_equal(dx_epoch_say(&w->alice.context, w->alice.space, &draft, id), DX_OK);
    peer_commit(&w->alice);
    epoch_pull_rights(&w->bob, &w->alice);
    peer_begin(&w->bob);
    assert_int_equal(dx_epoch_say_right(&w->bob.context, w->bob.space, id), DX_OK);
    peer_commit(&w->bob);
}

/* From one vault one author's blocks of data alone. */
static void pull_data(peer *to, peer *from, const peer *author, uint64_t blocks) {
    peer_begin(to);
    peer_begin(from);
    dx_feed *source = NULL;
    for (size_t i = 0; i < from->space->feed_count; i++) {
        dx_feed *feed = &from->space->feeds[i];
        bool his = memcmp(feed->identity.device, author->identity.device, DX_KEY_SIZE) == 0;
        source = his && feed->identity.feed_class == DX_FEED_DATA ? feed : source;
    }
    assert_non_null(source);
    assert_int_equal(peer_carry(to, from, source, source->length < blocks ? source->length : blocks), DX_OK);
    peer_run(to);
    peer_commit(from);
    peer_commit(to);
}

static void load(world *w, size_t budget, bool crashes) {
    epoch_pull_rights(&w->vera, &w->bob);
    epoch_fetch_begin(&w->vera, &w->alice, &w->cut, &w->made);
    for (uint64_t i = 0; i < w->made.chunks; i++) {
        epoch_fetch_chunk(&w->vera, &w->alice, &w->made, i);
    }
    bool more = true;
    for (int steps = 0; more; steps++) {
        assert_true(steps < 10000);
        peer_begin(&w->vera);
        peer_run(&w->vera);
        assert_int_equal(dx_epoch_run(&w->vera.context, w->vera.space, budget, &more), DX_OK);
        peer_commit(&w->vera);
        dx_epoch_status status;
        dx_epoch_status_of(w->vera.space, &status);
        if (crashes && status.stage != DX_EPOCH_FETCHING) { /* looking at it would begin anew */
            peer_reopen(&w->vera);
        }
    }
}

static dx_feed *daves(world *w) {
    return dx_space_feed_by_id(w->vera.space, dx_space_feed(w->dave.space, w->dave.space->own_data)->id);
}

/* All that is left of history goes to both, Vera's own too; then they show the same, and snapshots of both are. */
static void assert_exact(world *w) {
    dx_cut end;
    peer_pull(&w->alice, &w->bob, PEER_RUN_MAX);
    peer_pull(&w->olga, &w->alice, PEER_RUN_MAX);
    peer_pull(&w->olga, &w->vera, PEER_RUN_MAX);
    pull_data(&w->vera, &w->bob, &w->bob, PEER_RUN_MAX);
    pull_data(&w->vera, &w->alice, &w->alice, PEER_RUN_MAX);
    assert_same_data(&w->olga, &w->vera);
    epoch_cut(&w->olga, &end);
    dx_snapshot_made his = epoch_make(&w->olga, &end, 9), hers = epoch_make(&w->vera, &end, 9);
    assert_memory_equal(his.root, hers.root, DX_HASH_SIZE);
    dx_cut_deinit(&end);
    /* Nothing is left of the second life's rows, and Dave's feed goes on from the epoch. */
    live(w, &w->dave, "first again", 4);
    peer_pull(&w->olga, &w->dave, PEER_RUN_MAX);
    pull_data(&w->vera, &w->dave, &w->dave, PEER_RUN_MAX);
    assert_same_data(&w->olga, &w->vera);
    peer_reopen(&w->vera);
    assert_same_data(&w->olga, &w->vera);
}

/* What she saw of the second life is shorter than the epoch; and it did something to what lies beyond it. */
static void run_short(size_t budget, bool crashes) {
    world w;
    int64_t beyond;
    world_init(&w, DX_ROLE_READER);
    make_epoch(&w, 9, &beyond);
    live(&w, &w.other, "second", 3);
    peer_pull(&w.other, &w.bob, PEER_RUN_MAX);
    peer_set(&w.other, peer_key(&w.other, &w.bob, beyond), "wood", "\"second\"");
    epoch_pull_rights(&w.vera, &w.bob);
    pull_data(&w.vera, &w.bob, &w.bob, PEER_RUN_MAX);
    pull_data(&w.vera, &w.other, &w.dave, PEER_RUN_MAX);
    uint64_t length = dx_cut_length(&w.cut, daves(&w));
    assert_true(daves(&w)->applied == daves(&w)->length && daves(&w)->length < length);
    load(&w, budget, crashes);
    assert_int_equal(daves(&w)->begins, length);
    assert_exact(&w);
    world_deinit(&w);
}

static void test_shorter_than_the_epoch(void **state) {
    (void)state;
    run_short(SIZE_MAX, false);
    run_short(1, false);
    run_short(2, true);
}

/* It is as long, and waits for what Bob wrote. */
static void run_waiting(size_t budget, bool crashes) {
    world w;
    int64_t beyond;
    world_init(&w, DX_ROLE_READER);
    make_epoch(&w, 4, &beyond);
    live(&w, &w.other, "second", 1);
    peer_pull(&w.other, &w.bob, PEER_RUN_MAX);
    live(&w, &w.other, "second", 7);
    epoch_pull_rights(&w.vera, &w.bob);
    pull_data(&w.vera, &w.other, &w.dave, PEER_RUN_MAX);
    uint64_t length = dx_cut_length(&w.cut, daves(&w));
    assert_true(daves(&w)->applied < length && daves(&w)->length > length);
    load(&w, budget, crashes);
    assert_int_equal(daves(&w)->begins, length);
    assert_int_equal(daves(&w)->length, length);
    assert_exact(&w);
    world_deinit(&w);
}

static void test_longer_and_waiting(void **state) {
    (void)state;
    run_waiting(SIZE_MAX, false);
    run_waiting(1, false);
    run_waiting(2, true);
}

/* It is longer and in effect. She writes herself, before she saw of it what lies beyond the epoch, and after: her feeds
 * are renewed, what rests on what is not hidden from nobody waits there as it does here. */
static void run_built_on(dx_role role, size_t budget, bool crashes) {
    world w;
    int64_t beyond, hers = 0;
    world_init(&w, role);
    make_epoch(&w, 4, &beyond);
    live(&w, &w.other, "second", 9);
    uint64_t length = dx_cut_length(&w.cut, daves(&w));
    pull_data(&w.vera, &w.other, &w.dave, length);
    if (role >= DX_ROLE_EDITOR) {
        hers = peer_add(&w.vera, "fence", "{\"before\": true}");
    }
    pull_data(&w.vera, &w.other, &w.dave, PEER_RUN_MAX);
    if (role >= DX_ROLE_EDITOR) {
        peer_set(&w.vera, hers, "after", "true");
        peer_set(&w.vera, peer_key(&w.vera, &w.alice, w.early), "after", "true");
    }
    assert_true(daves(&w)->applied > length);
    int64_t own = w.vera.space->own_data;
    load(&w, budget, crashes);
    assert_int_equal(daves(&w)->begins, length);
    assert_int_equal(daves(&w)->length, length);
    assert_true((w.vera.space->own_data != own) == (role >= DX_ROLE_EDITOR));
    if (role >= DX_ROLE_EDITOR) {
        peer_add(&w.vera, "fence", "{\"again\": true}");
    }
    assert_exact(&w);
    world_deinit(&w);
}

static void test_longer_and_in_effect(void **state) {
    (void)state;
    run_built_on(DX_ROLE_READER, SIZE_MAX, false);
    run_built_on(DX_ROLE_READER, 1, true);
    run_built_on(DX_ROLE_EDITOR, SIZE_MAX, false);
    run_built_on(DX_ROLE_EDITOR, 2, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shorter_than_the_epoch),
        cmocka_unit_test(test_longer_and_waiting),
        cmocka_unit_test(test_longer_and_in_effect),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
