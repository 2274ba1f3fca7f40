/* tests/unit/feed/test_later_beginning.c: feed/limb.c where a forked feed begins later than at its first block (feed/begin.c): what parts
 * from there on is fetched, found, put in force and served, whichever trunk the branch in force came from. */
#include "feed/limb.h"

#include "feed/begin.h"
#include "writer.h"

enum { ALL = 1000 };

/* A feed that was written three times: all share 50 blocks, the second and the third 75. */
typedef struct world {
    test_writer first, second, third;
    test_vault vault;
    dx_feed feed;
} world;

static dx_limb_goal goal_at(test_writer *life, uint64_t length) {
    dx_limb_goal goal = {.length = length};
    uint8_t root[DX_HASH_SIZE];
    writer_root(life, length, root);
    memcpy(goal.root, root, sizeof goal.root);
    return goal;
}

static int find(world *w, test_writer *life, uint64_t length, dx_feed *view) {
    dx_limb_goal goal = goal_at(life, length);
    return dx_limb_find(&w->feed, w->vault.store, &goal, view);
}

/* As sync brings it: what others named, in two runs. */
static void bring(world *w, test_writer *life, uint64_t length) {
    dx_limb_goal goal = goal_at(life, length);
    dx_feed view;
    assert_int_equal(find(w, life, length, &view), DX_E_NOT_FOUND);
    assert_int_equal(dx_limb_make(&w->feed, w->vault.store, &goal, &view), DX_OK);
    uint64_t begin = view.length, half = begin + (length - begin) / 2;
    assert_int_equal(begin, dx_feed_common(&w->feed));
    assert_int_equal(receive(&view, w->vault.store, life, begin, half, 90), DX_OK);
    assert_int_equal(dx_limb_for(&w->feed, w->vault.store, &goal, &view), DX_OK);
    assert_int_equal(view.length, half);
    assert_int_equal(receive(&view, w->vault.store, life, half, length, 90), DX_OK);
    assert_int_equal(dx_limb_finish(&view, w->vault.store), DX_OK);
    assert_int_equal(find(w, life, length, &view), DX_OK);
}

/* Blocks from where the feed begins to this length are the life's, in this view or in force, and so are all roots. */
static void assert_reads(world *w, const dx_feed *view, test_writer *life, uint64_t length) {
    for (uint64_t at = view->begins; at <= length; at++) {
        uint8_t root[DX_HASH_SIZE], expected[DX_HASH_SIZE];
        dx_bytes block;
        assert_int_equal(dx_feed_root(view, w->vault.store, at, root), DX_OK);
        writer_root(life, at, expected);
        assert_memory_equal(root, expected, sizeof root);
        if (at < length) {
            assert_int_equal(dx_feed_read(view, w->vault.store, at, &block), DX_OK);
            assert_true(dx_bytes_equal(block, dx_bytes_of(life->blocks[at], life->sizes[at])));
        }
    }
}

/* The branch that has this root is put in force, and applied up to there. */
static void enforce(world *w, test_writer *life, uint64_t length) {
    dx_feed view;
    assert_int_equal(find(w, life, length, &view), DX_OK);
    w->feed.applied = w->feed.kept = 0;
    assert_int_equal(dx_limb_enforce(&w->feed, w->vault.store, view.rows), DX_OK);
    w->feed.applied = length;
    assert_int_equal(dx_feed_save_applied(&w->feed, w->vault.store), DX_OK);
    feed_reload(&w->vault, &w->feed);
    assert_reads(w, &w->feed, life, length);
}

static void begin_unswept(world *w, uint64_t length) {
    dx_timeframe none;
    dx_timeframe_init(&none, &w->vault.alloc.port);
    assert_int_equal(dx_feed_begin_at(&w->feed, w->vault.store, length, &none), DX_OK);
    dx_timeframe_deinit(&none);
}

static void begin_at(world *w, uint64_t length) {
    size_t budget = ALL;
    begin_unswept(w, length);
    assert_int_equal(dx_feed_sweep(&w->feed, w->vault.store, &budget), DX_OK);
    assert_true(budget > 0);
    feed_reload(&w->vault, &w->feed);
}

static size_t count_limbs(world *w) {
    int64_t rows[DX_FEED_LIMBS_MAX];
    size_t count;
    assert_int_equal(dx_limb_list(&w->feed, w->vault.store, rows, &count), DX_OK);
    return count;
}

static void writers_init(world *w) {
    writer_init(&w->first, DX_FEED_DATA, 1);
    writer_append(&w->first, 50, "shared");
    w->second = w->first;
    writer_append(&w->first, 90, "first");
    writer_append(&w->second, 75, "second");
    w->third = w->second;
    writer_append(&w->second, 90, "second");
    writer_append(&w->third, 90, "third");
    vault_init(&w->vault, "test_later_beginning");
}

/* The second life is in force, and the first one, the trunk, beside it. */
static void world_init(world *w) {
    writers_init(w);
    feed_follow(&w->vault, &w->first, &w->feed);
    assert_int_equal(receive(&w->feed, w->vault.store, &w->first, 0, 60, 60), DX_OK);
    assert_int_equal(receive(&w->feed, w->vault.store, &w->second, 45, 55, 90), DX_E_FORK);
    bring(w, &w->second, 72);
    enforce(w, &w->second, 72);
}

static void world_deinit(world *w) {
    dx_feed_deinit(&w->feed);
    vault_deinit(&w->vault);
}

/* What lies below goes, the trunk with it; then others name the same branch further on, and another one. */
static void test_parts_beyond_the_beginning(void **state) {
    (void)state;
    static world w;
    dx_feed view;
    world_init(&w);
    begin_at(&w, 70);
    assert_int_equal(count_limbs(&w), 0);
    assert_int_equal(find(&w, &w.first, 60, &view), DX_E_NOT_FOUND);
    bring(&w, &w.second, 88);
    assert_int_equal(count_limbs(&w), 1);
    feed_reload(&w.vault, &w.feed);
    assert_int_equal(find(&w, &w.second, 88, &view), DX_OK);
    assert_reads(&w, &view, &w.second, 88);
    enforce(&w, &w.second, 88);
    assert_int_equal(count_limbs(&w), 1); /* what was in force goes on being kept */
    bring(&w, &w.third, 80);
    enforce(&w, &w.third, 80);
    assert_int_equal(find(&w, &w.second, 88, &view), DX_OK);
    assert_reads(&w, &view, &w.second, 88);
    world_deinit(&w);
}

/* The beginning moves on while a branch is on its way: it is asked for from there, and nothing of it but what parts beyond
 * is left. */
static void test_beginning_moves_on(void **state) {
    (void)state;
    static world w;
    dx_feed view;
    world_init(&w);
    begin_at(&w, 70);
    bring(&w, &w.third, 80);
    dx_limb_goal goal = goal_at(&w.third, 88);
    assert_int_equal(dx_limb_make(&w.feed, w.vault.store, &goal, &view), DX_OK);
    assert_int_equal(receive(&view, w.vault.store, &w.third, 70, 77, 90), DX_OK);
    enforce(&w, &w.third, 80);
    begin_at(&w, 78);
    assert_int_equal(count_limbs(&w), 0);
    assert_int_equal(dx_limb_for(&w.feed, w.vault.store, &goal, &view), DX_E_NOT_FOUND);
    bring(&w, &w.third, 88);
    enforce(&w, &w.third, 88);
    size_t budget = ALL;
    assert_int_equal(dx_feed_sweep(&w.feed, w.vault.store, &budget), DX_OK);
    assert_int_equal(vault_count(&w.vault, "SELECT count(*) FROM limb"), 1);
    assert_int_equal(vault_count(&w.vault, "SELECT count(DISTINCT key >> 32) FROM block"), 2);
    assert_reads(&w, &w.feed, &w.third, 88);
    world_deinit(&w);
}

static void assert_swept(world *w, size_t limbs) {
    size_t budget = ALL;
    assert_int_equal(dx_feed_sweep(&w->feed, w->vault.store, &budget), DX_OK);
    assert_int_equal(count_limbs(w), limbs);
    assert_int_equal(vault_count(&w->vault, "SELECT count(*) FROM limb"), limbs);
}

/* One that was asked for before, and is not swept yet, is not taken for the one that is asked for now. */
static void test_not_swept_yet(void **state) {
    (void)state;
    static world w;
    dx_feed view;
    world_init(&w);
    dx_limb_goal goal = goal_at(&w.second, 88);
    assert_int_equal(dx_limb_make(&w.feed, w.vault.store, &goal, &view), DX_OK);
    begin_unswept(&w, 70);
    assert_int_equal(dx_limb_for(&w.feed, w.vault.store, &goal, &view), DX_E_NOT_FOUND);
    bring(&w, &w.second, 88);
    assert_swept(&w, 1);
    assert_int_equal(find(&w, &w.second, 88, &view), DX_OK);
    assert_reads(&w, &view, &w.second, 88);
    world_deinit(&w);
}

/* One that left the trunk of before above the beginning does not become one that leaves the trunk of now. */
static void test_left_another_trunk(void **state) {
    (void)state;
    static world w;
    dx_feed view;
    writers_init(&w);
    feed_follow(&w.vault, &w.second, &w.feed);
    assert_int_equal(receive(&w.feed, w.vault.store, &w.second, 0, 90, 90), DX_OK);
    assert_int_equal(receive(&w.feed, w.vault.store, &w.third, 70, 80, 90), DX_E_FORK);
    bring(&w, &w.third, 88);
    assert_int_equal(receive(&w.feed, w.vault.store, &w.first, 45, 55, 90), DX_E_FORK);
    assert_int_equal(find(&w, &w.third, 88, &view), DX_OK);
    bring(&w, &w.first, 72);
    enforce(&w, &w.first, 72);
    begin_unswept(&w, 70);
    bring(&w, &w.first, 88);
    assert_int_equal(count_limbs(&w), 1);
    assert_swept(&w, 1);
    enforce(&w, &w.first, 88);
    world_deinit(&w);
}

/* The row says that the branches share what is no number. */
static void test_damaged_trunk(void **state) {
    (void)state;
    static world w;
    world_init(&w);
    int64_t local = w.feed.local;
    vault_run(&w.vault, "UPDATE feed SET trunk = -1");
    dx_feed_deinit(&w.feed);
    assert_int_equal(
        dx_feed_load(w.vault.store, &w.vault.alloc.port, w.first.identity.space_id, local, &w.feed),
        DX_E_CORRUPT);
    vault_deinit(&w.vault);
}

DX_TEST_MAIN(DX_TEST(test_parts_beyond_the_beginning), DX_TEST(test_beginning_moves_on),
             DX_TEST(test_not_swept_yet), DX_TEST(test_left_another_trunk), DX_TEST(test_damaged_trunk))
