/* tests/unit/echo/test_epoch_holes.c: epochs and sections that are not here. A vault that lacks some below a cut says nothing of
 * the state there and drops nothing; what it builds on takes holes, and what was kept for them, along. Of echo/cut.c,
 * echo/compact.c, echo/vector.c, echo/late.c, feed/begin.c and feed/hole.c together. */
#include "echo/base.h"
#include "echo/vector.h"
#include "epochs.h"
#include "hollow.h"

enum { OBJECTS = 3 };

/* Alice and Bob write, Carol hears of it without what is said. */
typedef struct world {
    peer alice, bob, carol;
    hollow holes;
    int64_t keys[OBJECTS];
    dx_cut cut; /* holds what Carol has holes in */
    dx_snapshot_made made;
} world;

static void write_some(world *w) {
    peer_set(&w->alice, w->keys[0], "name", "\"elm\"");
    peer_set(&w->bob, peer_key(&w->bob, &w->alice, w->keys[1]), "size", "3");
    peer_change_life(&w->alice, w->keys[2], true);
    peer_pull(&w->alice, &w->bob, 9);
    peer_pull(&w->bob, &w->alice, 9);
}

static void world_init(world *w) {
    peer_init(&w->alice, 1, "Alice");
    peer_init(&w->bob, 2, "Bob");
    peer_init(&w->carol, 3, "Carol");
    peer_create_space(&w->alice, "Garden");
    peer_admit(&w->alice, &w->bob, DX_ROLE_EDITOR);
    peer_admit(&w->alice, &w->carol, DX_ROLE_READER);
    for (size_t i = 0; i < OBJECTS; i++) {
        w->keys[i] = peer_add(&w->alice, "tree", "{\"name\":\"oak\"}");
    }
    peer_pull(&w->alice, &w->bob, 9);
    peer_pull(&w->bob, &w->alice, 9);
    peer_pull(&w->carol, &w->alice, 9);
    hollow_begin(&w->holes, &w->alice);
    write_some(w);
    peer_set(&w->alice, w->keys[1], "age",
             "1"); /* she names what Bob wrote here, and not again beyond the cut */
    peer_pull(&w->bob, &w->alice, 9);
    epoch_cut(&w->alice, &w->cut);
    w->made = epoch_make(&w->alice, &w->cut, SIZE_MAX);
    hollow_pull(&w->holes, &w->carol, &w->alice);
}

static void world_deinit(world *w) {
    dx_cut_deinit(&w->cut);
    hollow_deinit(&w->holes);
    peer_deinit(&w->alice);
    peer_deinit(&w->bob);
    peer_deinit(&w->carol);
}

static dx_cut_standing standing_of(peer *self, const dx_cut *cut) {
    dx_cut_standing standing;
    uint64_t missing;
    peer_begin(self);
    assert_int_equal(dx_cut_stand(&self->context, self->space, cut, &standing, &missing), DX_OK);
    peer_commit(self);
    return standing;
}

static void fill(world *w, size_t first, size_t count) {
    size_t numbers[HOLLOW_SECTIONS_MAX];
    for (size_t i = 0; i < count; i++) {
        numbers[i] = first + i;
    }
    peer_begin(&w->carol);
    hollow_fill(&w->holes, &w->carol, numbers, count);
    peer_commit(&w->carol);
}

static int64_t count_of(peer *self, const char *sql) {
    peer_begin(self);
    sqlite3_stmt *select = dx_store_query_dynamic(self->context.store, sql);
    assert_true(dx_step(self->context.store, select));
    int64_t count = dx_column_int(select, 0);
    dx_store_discard(select);
    peer_commit(self);
    return count;
}

/* What a hole below a cut leaves undone, until it is filled. */
static void test_nothing_is_said_of_a_state_with_holes(void **state) {
    (void)state;
    world w;
    dx_cut now;
    dx_snapshot *snapshot;
    world_init(&w);
    peer *carol = &w.carol;
    const dx_snapshot_plan plan = {.number = EPOCH_NUMBER, .key_epoch = 0, .cut = &w.cut};
    for (size_t filled = 0; filled < w.holes.count; filled++) {
        assert_int_equal(standing_of(carol, &w.cut), DX_CUT_UNSETTLED);
        peer_begin(carol);
        dx_cut_init(&now, &carol->alloc.port);
        assert_int_equal(dx_cut_now(&carol->context, carol->space, &now), DX_E_STATE);
        assert_int_equal(dx_snapshot_begin(&carol->context, carol->space, &plan, &snapshot), DX_E_STATE);
        assert_int_equal(dx_compact_begin(&carol->context, carol->space, EPOCH_NUMBER, &w.cut), DX_E_STATE);
        dx_cut_deinit(&now);
        peer_commit(carol);
        fill(&w, filled, 1);
    }
    assert_int_equal(standing_of(carol, &w.cut), DX_CUT_WITHIN);
    dx_snapshot_made same = epoch_make(carol, &w.cut, 2);
    assert_memory_equal(same.root, w.made.root, DX_HASH_SIZE);
    world_deinit(&w);
}

/* Holes beyond the cut are no matter for it; sections that come after the blocks below went change what they would have. */
static void test_sections_come_after_the_base(void **state) {
    (void)state;
    world w;
    world_init(&w);
    fill(&w, 0, w.holes.count);
    size_t below = w.holes.count;
    for (int round = 0; round < 3; round++) {
        write_some(&w);
        peer_change_life(&w.alice, w.keys[2], false);
    }
    hollow_pull(&w.holes, &w.carol, &w.alice);
    assert_true(w.holes.count > below + 6);
    assert_int_equal(standing_of(&w.carol, &w.cut), DX_CUT_WITHIN);
    epoch_compact(&w.carol, &w.cut, 3);
    assert_true(count_of(&w.carol, "SELECT sum(sections) FROM hole_count") > 0);
    for (size_t i = w.holes.count; i-- > below;) { /* the last first */
        fill(&w, i, 1);
        if (i % 3 == 0) {
            peer_reopen(&w.carol);
        }
    }
    assert_int_equal(count_of(&w.carol, "SELECT count(*) FROM hole"), 0);
    assert_same_data(&w.alice, &w.carol);
    dx_snapshot_made same = epoch_make(&w.carol, &w.cut, 2);
    assert_memory_equal(same.root, w.made.root, DX_HASH_SIZE);
    world_deinit(&w);
}

/* One that has holes takes the state in their place: they are gone, and nobody is asked for them. */
static void test_a_load_fills_what_lies_below(void **state) {
    (void)state;
    world w;
    world_init(&w);
    size_t below = w.holes.count;
    write_some(&w);
    hollow_pull(&w.holes, &w.carol, &w.alice);
    epoch_fetch_begin(&w.carol, &w.alice, &w.cut, &w.made);
    for (uint64_t i = 0; i < w.made.chunks; i++) {
        epoch_fetch_chunk(&w.carol, &w.alice, &w.made, i);
    }
    peer_begin(&w.carol);
    for (bool more = true; w.carol.space->base->stage != DX_EPOCH_SWEEPING;) {
        assert_int_equal(dx_epoch_run(&w.carol.context, w.carol.space, 1, &more), DX_OK);
    }
    for (size_t i = 0; i < w.carol.space->feed_count; i++) { /* before they are swept up */
        const dx_feed *feed = &w.carol.space->feeds[i];
        dx_holes holes;
        int error = dx_hole_next(feed, w.carol.context.store, 0, &holes);
        assert_true(error == DX_E_NOT_FOUND || (error == DX_OK && holes.seq >= feed->begins));
    }
    peer_commit(&w.carol);
    epoch_go_on(&w.carol, 1);
    assert_int_equal(count_of(&w.carol, "SELECT count(*) FROM hole"), w.holes.count - below);
    assert_int_equal(count_of(&w.carol, "SELECT sum(sections) FROM hole_count"), w.holes.count - below);
    fill(&w, below, w.holes.count - below);
    assert_same_data(&w.alice, &w.carol);
    world_deinit(&w);
}

/* Sections nobody has to look for: what they are is another room's matter (purged, out of a scope). */
static void excuse_all(peer *self) {
    peer_begin(self);
    for (size_t i = 0; i < self->space->feed_count; i++) {
        const dx_feed *feed = &self->space->feeds[i];
        dx_holes holes;
        for (uint64_t from = 0; dx_hole_next(feed, self->context.store, from, &holes) == DX_OK;
             from = holes.seq + 1) {
            holes.excused = holes.sections;
            assert_int_equal(dx_hole_note(feed, self->context.store, &holes), DX_OK);
        }
    }
    peer_commit(self);
}

/* Excused ones do not keep history; they, and the vectors kept for them, go with their blocks. */
static void test_excused_holes_go_with_their_blocks(void **state) {
    (void)state;
    world w;
    dx_cut cut;
    world_init(&w);
    for (int i = 0; i < 40; i++) {
        write_some(&w);
        peer_change_life(&w.alice, w.keys[2], false);
    }
    hollow_pull(&w.holes, &w.carol, &w.alice);
    assert_int_equal(standing_of(&w.carol, &w.cut), DX_CUT_UNSETTLED);
    excuse_all(&w.carol);
    assert_int_equal(standing_of(&w.carol, &w.cut), DX_CUT_WITHIN);
    assert_true(count_of(&w.carol, "SELECT count(*) FROM vector") > 0);
    assert_true(count_of(&w.carol, "SELECT sum(excused) FROM hole_count") > 20);
    epoch_cut(&w.carol, &cut);
    char *before = peer_state(&w.carol), *after;
    epoch_compact(&w.carol, &cut, 2);
    assert_int_equal(count_of(&w.carol, "SELECT count(*) FROM hole"), 0);
    assert_int_equal(count_of(&w.carol, "SELECT sum(sections) + sum(excused) FROM hole_count"), 0);
    assert_int_equal(count_of(&w.carol,
                              "SELECT count(*) FROM vector JOIN feed ON feed.id = vector.feed WHERE "
                              "vector.length < feed.begins"),
                     0);
    after = peer_state(&w.carol);
    assert_string_equal(before, after);
    free(before);
    free(after);
    dx_cut_deinit(&cut);
    world_deinit(&w);
}

/* A section that goes, while a snapshot or a base is being made: what was made so far is of another state. */
static void test_a_section_that_goes_begins_it_again(void **state) {
    (void)state;
    world w;
    dx_snapshot *snapshot;
    dx_late late;
    bool more;
    world_init(&w);
    peer *alice = &w.alice;
    const dx_snapshot_plan plan = {.number = EPOCH_NUMBER, .key_epoch = 0, .cut = &w.cut};
    const dx_section_change change = {.index = 0};
    dx_feed *feed = dx_space_feed(alice->space, dx_entity_key_feed(w.keys[0]));
    uint64_t last = dx_cut_length(&w.cut, feed) - 3; /* what was set of the first tree */
    peer_begin(alice);
    assert_int_equal(dx_snapshot_begin(&alice->context, alice->space, &plan, &snapshot), DX_OK);
    assert_int_equal(dx_snapshot_run(snapshot, 4, &more), DX_OK);
    assert_true(more);
    assert_int_equal(dx_compact_begin(&alice->context, alice->space, EPOCH_NUMBER, &w.cut), DX_OK);
    while (alice->space->base->at == 0) {
        assert_int_equal(dx_epoch_run(&alice->context, alice->space, 1, &more), DX_OK);
    }
    int64_t generation = alice->space->base->goal_generation;
    int error = dx_late_begin(&late, &alice->context, alice->space);
    assert_int_equal(error, DX_OK);
    error = dx_late_change(&late, feed, last, &change, 1);
    assert_int_equal(dx_late_finish(&late, error), DX_OK);
    assert_int_equal(dx_snapshot_run(snapshot, 4, &more), DX_E_STATE);
    dx_snapshot_destroy(snapshot);
    assert_int_equal(alice->space->base->at, 0);
    assert_true(alice->space->base->goal_generation > generation);
    peer_commit(alice);
    assert_shows(alice, w.keys[0], "{\"name\":\"oak\"}");
    world_deinit(&w);
}

DX_TEST_MAIN(DX_TEST(test_nothing_is_said_of_a_state_with_holes), DX_TEST(test_sections_come_after_the_base),
             DX_TEST(test_a_load_fills_what_lies_below), DX_TEST(test_excused_holes_go_with_their_blocks),
             DX_TEST(test_a_section_that_goes_begins_it_again))
