/* sync/limb.c against a peer that has the keys of a member: which branches are asked for, what answers are taken, and
 * what of it is kept. The feed is Bob's, forked where Alice's blocks of it end; his stolen vault holds more. */
#include "base/limits.h"
#include "feed/begin.h"
#include "feed/hole.h"
#include "feed/limb.h"
#include "rogue.h"

typedef struct scene {
    street road, hideout;
    vault *alice, *bob;
    rogue eve;
    const dx_feed *branch; /* in the stolen vault, three blocks beyond the cut */
    uint64_t cut;
} scene;

enum { BEYOND = 4 };

static scene s;

static dx_feed *alices(void) {
    return dx_space_feed_by_id(rogue_space_of(s.alice), s.branch->id);
}

/* Two heads of one length, both signed. */
static void say_fork(void) {
    dx_sign_key key;
    dx_head heads[] = {{.length = s.cut + 1, .root = {2}}, {.length = s.cut + 1, .root = {1}}};
    dx_buf proof;
    rogue_begin_reading(&s.eve);
    assert_int_equal(dx_keyring_sign_key(s.bob->node->store, s.branch->identity.key, &key), DX_OK);
    rogue_end_reading(&s.eve);
    for (size_t i = 0; i < 2; i++) {
        dx_head_sign(&heads[i], &key, s.eve.space_id, s.branch->id);
    }
    const dx_fork_proof parts = {.longer = heads[0], .shorter = heads[1], .length = s.cut + 1};
    dx_buf_init(&proof, &s.eve.alloc.port, DX_FORK_SIZE_MAX);
    assert_int_equal(dx_fork_write(&parts, &proof), DX_OK);
    dx_sync_fork_write(s.branch->id, dx_buf_view(&proof), &s.eve.message);
    dx_buf_deinit(&proof);
    rogue_say(&s.eve);
}

static void begin(void) {
    memset(&s, 0, sizeof s);
    street_init(&s.road);
    street_init(&s.hideout);
    s.alice = street_move_in(&s.road, "alice");
    vault *bob = street_move_in(&s.road, "bob");
    vault_ask(s.alice, "{'do': 'halo.create', 'name': 'Alice'}");
    vault_ask(bob, "{'do': 'halo.create', 'name': 'Bob'}");
    vault_ask(s.alice, "{'do': 'space.create', 'name': 'Book'}");
    street_join(s.alice, bob, "Book");
    vault_ask(bob, "{'do': 'object.add', 'space': 'Book', 'type': 'page'}");
    street_pass(&s.road, 60000);
    bob->listens = false;
    vault_leave(bob);
    s.bob = street_move_in_with(&s.hideout, "bob", bob);
    s.cut = dx_space_feed(rogue_space_of(s.bob), rogue_space_of(s.bob)->own_data)->length;
    for (int i = 0; i < BEYOND; i++) {
        vault_ask(s.bob, "{'do': 'object.add', 'space': 'Book', 'type': 'page'}");
    }
    rogue_init(&s.eve, s.alice, s.bob, s.bob);
    s.branch = rogue_own_feed(&s.eve, DX_FEED_DATA);
    assert_int_equal(s.branch->length, s.cut + BEYOND);
    rogue_meet(&s.eve);
    say_fork();
    assert_true(alices()->frozen);
    assert_int_equal(alices()->cut, s.cut);
    assert_int_equal(alices()->length, s.cut);
}

static void end(void) {
    rogue_deinit(&s.eve);
    street_deinit(&s.road);
    street_deinit(&s.hideout);
}

static dx_limb_goal goal_at(uint64_t length) {
    dx_limb_goal goal = {.length = length};
    uint8_t root[DX_HASH_SIZE];
    rogue_begin_reading(&s.eve);
    assert_int_equal(dx_feed_root(s.branch, s.bob->node->store, length, root), DX_OK);
    rogue_end_reading(&s.eve);
    memcpy(goal.root, root, sizeof goal.root);
    return goal;
}

/* As if a member had named it. */
static void want(const dx_limb_goal *goal) {
    dx_space *space = rogue_space_of(s.alice);
    space->wanted[0] = (dx_wanted_branch){.feed = alices()->local, .goal = *goal};
    space->wanted_count = 1;
    vault_event(s.alice, (dx_event){.kind = DX_EVENT_CLOCK});
    rogue_pass(&s.eve, 1);
}

static void assert_asked(size_t times, uint64_t from, const dx_limb_goal *goal) {
    uint8_t id[DX_HASH_SIZE];
    uint64_t asked;
    dx_limb_goal said;
    assert_false(s.eve.closed);
    assert_int_equal(s.eve.heard[DX_SYNC_BRANCH], times);
    assert_int_equal(dx_sync_branch_read(dx_buf_view(&s.eve.last[DX_SYNC_BRANCH]), id, &asked, &said), DX_OK);
    assert_memory_equal(id, s.branch->id, sizeof id);
    assert_int_equal(asked, from);
    assert_int_equal(said.length, goal->length);
    assert_memory_equal(said.root, goal->root, sizeof said.root);
}

/* LIMB of blocks [from, end) under this head, said to begin elsewhere; hollow: with the hashes of their sections alone. */
static void say_limb_of(dx_head head, uint64_t from, uint64_t end, uint64_t said_from, bool hollow) {
    uint8_t proof[DX_MMR_PROOF_SIZE_MAX];
    dx_store *store = s.bob->node->store;
    rogue_begin_reading(&s.eve);
    assert_int_equal(dx_feed_prove(s.branch, store, end, head.length, proof), DX_OK);
    dx_sync_limb_begin(s.branch->id, said_from, &head, (size_t)(end - from), &s.eve.message);
    for (uint64_t seq = from; seq < end; seq++) {
        dx_bytes block;
        dx_buf body;
        dx_buf_init(&body, &s.eve.alloc.port, DX_BLOCK_SIZE_MAX);
        assert_int_equal(dx_feed_read(s.branch, store, seq, &block), DX_OK);
        if (hollow) {
            rogue_write_hollow(block, &body);
        }
        dx_sync_block_write(hollow ? dx_buf_view(&body) : block, &s.eve.message);
        dx_buf_deinit(&body);
    }
    dx_sync_data_end(dx_bytes_of(proof, dx_mmr_proof_size(end, head.length)), &s.eve.message);
    rogue_end_reading(&s.eve);
    rogue_say(&s.eve);
}

static void say_limb_under(dx_head head, uint64_t from, uint64_t end, uint64_t said_from) {
    say_limb_of(head, from, end, said_from, false);
}

/* Likewise under the branch's own head, with something flipped in its signature. */
static void say_limb(uint64_t from, uint64_t end, uint64_t said_from, uint8_t flip) {
    dx_head head = *dx_feed_cover(s.branch, end);
    head.signature[0] ^= flip;
    say_limb_under(head, from, end, said_from);
}

static size_t count_limbs(void) {
    int64_t rows[DX_FEED_LIMBS_MAX];
    size_t count;
    assert_int_equal(dx_store_begin(s.alice->node->store), DX_OK);
    assert_int_equal(dx_limb_list(alices(), s.alice->node->store, rows, &count), DX_OK);
    dx_store_rollback(s.alice->node->store);
    return count;
}

static int find(const dx_limb_goal *goal) {
    dx_feed view;
    assert_int_equal(dx_store_begin(s.alice->node->store), DX_OK);
    int error = dx_limb_find(alices(), s.alice->node->store, goal, &view);
    dx_store_rollback(s.alice->node->store);
    return error;
}

/* In two runs; then it is kept, and served to whoever asks. */
static void test_fetched_in_runs(void **state) {
    (void)state;
    begin();
    dx_limb_goal goal = goal_at(s.cut + BEYOND);
    want(&goal);
    assert_asked(1, s.cut, &goal);
    say_limb(s.cut, s.cut + 1, s.cut, 0);
    assert_asked(2, s.cut + 1, &goal);
    assert_int_equal(find(&goal), DX_E_NOT_FOUND);
    say_limb(s.cut + 1, s.cut + BEYOND, s.cut + 1, 0);
    assert_false(s.eve.closed);
    assert_int_equal(find(&goal), DX_OK);
    assert_int_equal(count_limbs(), 1);
    assert_int_equal(rogue_space_of(s.alice)->wanted_count, 0); /* nobody did name it */
    dx_sync_branch_write(s.branch->id, s.cut, &goal, &s.eve.message);
    rogue_say(&s.eve);
    assert_int_equal(s.eve.heard[DX_SYNC_LIMB], 1);
    goal.root[0] ^= 1;
    dx_sync_branch_write(s.branch->id, s.cut, &goal, &s.eve.message);
    rogue_say(&s.eve);
    assert_int_equal(s.eve.heard[DX_SYNC_LACK], 1);
    assert_false(s.eve.closed);
    end();
}

static uint64_t count_holes(void) {
    uint64_t sections, excused;
    assert_int_equal(dx_store_begin(s.alice->node->store), DX_OK);
    assert_int_equal(dx_hole_count(alices(), s.alice->node->store, &sections, &excused), DX_OK);
    dx_store_rollback(s.alice->node->store);
    return sections;
}

/* The first section of the branch's block. */
static void write_section(uint64_t seq) {
    const dx_sync_place place = {.seq = seq};
    dx_bytes bytes, section;
    dx_block block;
    dx_reader cursor;
    bool hole;
    rogue_begin_reading(&s.eve);
    assert_int_equal(dx_feed_read(s.branch, s.bob->node->store, seq, &bytes), DX_OK);
    assert_int_equal(dx_block_decode(bytes, &block), DX_OK);
    dx_reader_init(&cursor, block.sections);
    assert_int_equal(dx_block_section(&cursor, &section, &hole), DX_OK);
    dx_sync_section_write(&place, section, &s.eve.message);
    rogue_end_reading(&s.eve);
}

static void assert_sections(size_t times, size_t expected) {
    uint8_t id[DX_HASH_SIZE];
    size_t answered, sections;
    dx_reader reader;
    assert_int_equal(s.eve.heard[DX_SYNC_SECTIONS], times);
    assert_int_equal(
        dx_sync_sections_read(dx_buf_view(&s.eve.last[DX_SYNC_SECTIONS]), id, &answered, &sections, &reader),
        DX_OK);
    assert_int_equal(sections, expected);
}

/* A branch beside the one in force came without its sections: they are asked for as that branch's, and given as that
 * branch's. */
static void test_holes_of_a_branch(void **state) {
    (void)state;
    dx_sync_place places[DX_SYNC_PLACES_MAX];
    uint8_t id[DX_HASH_SIZE];
    size_t count;
    dx_limb_goal asked;
    begin();
    dx_limb_goal goal = goal_at(s.cut + BEYOND);
    want(&goal);
    say_limb_of(*dx_feed_cover(s.branch, s.cut + BEYOND), s.cut, s.cut + BEYOND, s.cut, true);
    assert_int_equal(find(&goal), DX_OK);
    assert_int_equal(count_holes(), BEYOND);
    assert_int_equal(s.eve.heard[DX_SYNC_HOLES], 1);
    assert_int_equal(dx_sync_holes_read(dx_buf_view(&s.eve.last[DX_SYNC_HOLES]), id, &asked, places, &count),
                     DX_OK);
    assert_memory_equal(id, s.branch->id, sizeof id);
    assert_int_equal(count, BEYOND);
    assert_int_equal(asked.length, goal.length);
    assert_memory_equal(asked.root, goal.root, sizeof goal.root);
    dx_sync_sections_begin(s.branch->id, count, count, &s.eve.message);
    for (size_t i = 0; i < count; i++) {
        write_section(places[i].seq);
    }
    rogue_say(&s.eve);
    assert_false(s.eve.closed);
    assert_int_equal(count_holes(), 0);
    dx_sync_holes_write(s.branch->id, goal.root, places, count, &s.eve.message);
    rogue_say(&s.eve);
    assert_sections(1, BEYOND);
    goal.root[0] ^= 1;
    dx_sync_holes_write(s.branch->id, goal.root, places, count, &s.eve.message);
    rogue_say(&s.eve);
    assert_sections(2, 0);
    end();
}

/* Time passes, and now and then she says that she is there. */
static void pass(uint64_t ms) {
    for (; ms > 0; ms -= ms < 10000 ? ms : 10000) {
        dx_sync_ping_write(true, &s.eve.message);
        rogue_say(&s.eve);
        rogue_pass(&s.eve, ms < 10000 ? ms : 10000);
    }
}

/* What ends elsewhere, begins elsewhere, is not signed, or never comes: nothing of it is kept, and that peer is not
 * asked again for a minute. */
static void test_false_answers(void **state) {
    (void)state;
    for (int way = 0; way < 5; way++) {
        begin();
        dx_limb_goal goal = goal_at(s.cut + BEYOND);
        goal.root[0] ^= way == 0;
        want(&goal);
        assert_asked(1, s.cut, &goal);
        if (way < 3) {
            say_limb(s.cut, s.cut + BEYOND, s.cut + (way == 1), way == 2);
        } else if (way == 3) {
            dx_sync_lack_write(s.branch->id, &s.eve.message);
            rogue_say(&s.eve);
        } else {
            rogue_pass(&s.eve, DX_SYNC_STALL_MS + 1);
        }
        assert_asked(1, s.cut, &goal);
        assert_int_equal(count_limbs(), 0);
        pass(DX_SYNC_LACK_MS / 2);
        assert_asked(1, s.cut, &goal);
        pass(DX_SYNC_LACK_MS);
        assert_true(s.eve.heard[DX_SYNC_BRANCH] >= 2);
        assert_asked(s.eve.heard[DX_SYNC_BRANCH], s.cut, &goal);
        end();
    }
}

/* A head of the branch at a length at which it was never signed. */
static dx_head head_at(uint64_t length) {
    dx_sign_key key;
    dx_head head = {.length = length};
    rogue_begin_reading(&s.eve);
    assert_int_equal(dx_feed_root(s.branch, s.bob->node->store, length, head.root), DX_OK);
    assert_int_equal(dx_keyring_sign_key(s.bob->node->store, s.branch->identity.key, &key), DX_OK);
    rogue_end_reading(&s.eve);
    dx_head_sign(&head, &key, s.eve.space_id, s.branch->id);
    return head;
}

/* What is here of the limb is damaged, and the next run cannot be held against it: that is not the peer's
 * fault. The limb stays, and she may be asked again. */
static void test_damage_is_ours(void **state) {
    (void)state;
    begin();
    dx_limb_goal goal = goal_at(s.cut + BEYOND);
    want(&goal);
    assert_asked(1, s.cut, &goal);
    say_limb_under(head_at(s.cut + 3), s.cut, s.cut + 2, s.cut);
    assert_asked(2, s.cut + 2, &goal);
    dx_store *store = s.alice->node->store;
    assert_int_equal(dx_store_begin(store), DX_OK);
    sqlite3_stmt *damage = dx_store_query_dynamic(store, "UPDATE block SET nodes = x''");
    assert_int_equal(dx_step_done(store, damage), DX_OK);
    dx_store_discard(damage);
    assert_int_equal(dx_store_commit(store), DX_OK);
    say_limb(s.cut + 2, s.cut + BEYOND, s.cut + 2, 0);
    assert_int_equal(count_limbs(), 1);
    assert_true(s.eve.closed);
    assert_int_equal(s.eve.reason, DX_E_CORRUPT);
    end();
}

/* An answer that nobody asked for ends the link; one that comes late does not. */
static void test_unasked(void **state) {
    (void)state;
    begin();
    dx_limb_goal goal = goal_at(s.cut + BEYOND);
    want(&goal);
    assert_asked(1, s.cut, &goal);
    rogue_pass(&s.eve, DX_SYNC_STALL_MS + 1);
    say_limb(s.cut, s.cut + BEYOND, s.cut, 0);
    assert_false(s.eve.closed);
    assert_int_equal(count_limbs(), 0);
    say_limb(s.cut, s.cut + BEYOND, s.cut, 0);
    assert_true(s.eve.closed);
    assert_int_equal(s.eve.reason, DX_E_PROTOCOL);
    end();
}

/* Who asks for blocks of it that are not here any more hears where they begin, so that the state is looked for. */
static void test_asked_for_what_is_gone(void **state) {
    (void)state;
    uint8_t id[DX_HASH_SIZE];
    uint64_t begins;
    begin();
    dx_limb_goal goal = goal_at(s.cut);
    dx_store *store = s.alice->node->store;
    dx_timeframe none;
    dx_timeframe_init(&none, &s.eve.alloc.port);
    assert_true(s.cut > 1);
    assert_int_equal(dx_store_begin(store), DX_OK);
    assert_int_equal(dx_feed_begin_at(alices(), store, s.cut - 1, &none), DX_OK);
    assert_int_equal(dx_store_commit(store), DX_OK);
    dx_timeframe_deinit(&none);
    dx_sync_branch_write(s.branch->id, 0, &goal, &s.eve.message);
    rogue_say(&s.eve);
    assert_false(s.eve.closed);
    assert_int_equal(s.eve.heard[DX_SYNC_GONE], 1);
    assert_int_equal(dx_sync_gone_read(dx_buf_view(&s.eve.last[DX_SYNC_GONE]), id, &begins), DX_OK);
    assert_int_equal(begins, s.cut - 1);
    assert_int_equal(s.eve.heard[DX_SYNC_LACK], 1);
    end();
}

DX_TEST_MAIN(DX_TEST(test_fetched_in_runs), DX_TEST(test_holes_of_a_branch), DX_TEST(test_false_answers),
             DX_TEST(test_unasked), DX_TEST(test_damage_is_ours), DX_TEST(test_asked_for_what_is_gone))
