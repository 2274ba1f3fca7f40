/* tests/unit/echo/test_change_log.c: what is remembered of changes, and found again in the vault (echo/change_log.c). */
#include "echo/change_log.h"

#include "peer.h"

static void assert_at(const dx_change_log *log, uint64_t number, int64_t key, bool created) {
    dx_logged_change change = dx_change_log_at(log, number);
    assert_int_equal(change.key, key);
    assert_int_equal(change.created, created);
}

static void add(dx_change_log *log, peer *alice, int64_t key, size_t count) {
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(dx_change_log_add(log, key + (int64_t)i, i == 0), DX_OK);
    }
    assert_int_equal(dx_change_log_end_step(log, &alice->context), DX_OK);
}

static int64_t rows_in_vault(peer *alice) {
    sqlite3_stmt *select = dx_store_query(alice->context.store, "SELECT count(*) FROM changed");
    int64_t count = dx_step(alice->context.store, select) ? dx_column_int(select, 0) : -1;
    dx_step_reset(select);
    return count;
}

static void begin(peer *alice, dx_change_log *log) {
    peer_init(alice, 1, "Alice");
    dx_change_log_init(log, alice->context.alloc);
    peer_begin(alice);
    assert_int_equal(dx_change_log_load(log, &alice->context, false), DX_OK);
}

static void end(peer *alice, dx_change_log *log) {
    peer_commit(alice);
    dx_change_log_deinit(log);
    peer_deinit(alice);
}

/* Who opens the vault next goes on with it; a copy does not. */
static void test_next_opening(void **state) {
    (void)state;
    peer alice;
    dx_change_log log, next, copy;
    begin(&alice, &log);
    dx_position before = dx_change_log_position(&log, alice.context.random);
    add(&log, &alice, INT64_MAX - 4, 3);
    dx_position between = dx_change_log_position(&log, alice.context.random);
    add(&log, &alice, 7, 2);
    dx_change_log_init(&next, alice.context.alloc);
    assert_int_equal(dx_change_log_load(&next, &alice.context, false), DX_OK);
    assert_true(dx_change_log_knows(&next, &before));
    assert_true(dx_change_log_knows(&next, &between));
    assert_int_equal(next.number, 5);
    assert_at(&next, 0, INT64_MAX - 4, true);
    assert_at(&next, 2, INT64_MAX - 2, false);
    assert_at(&next, 4, 8, false);
    add(&next, &alice, 100, 1);
    dx_change_log_deinit(&next);
    dx_change_log_init(&copy, alice.context.alloc);
    assert_int_equal(dx_change_log_load(&copy, &alice.context, true), DX_OK);
    assert_false(dx_change_log_knows(&copy, &between));
    assert_int_equal(rows_in_vault(&alice), 0); /* nor does who opens the copy next */
    dx_change_log_deinit(&copy);
    end(&alice, &log);
}

/* As many as are remembered, over many steps, and no more rows in the vault. */
static void test_oldest_go(void **state) {
    (void)state;
    peer alice;
    dx_change_log log, next;
    begin(&alice, &log);
    dx_position first = dx_change_log_position(&log, alice.context.random);
    for (int64_t step = 0; step < 300; step++) {
        (void)dx_change_log_position(&log, alice.context.random);
        add(&log, &alice, 1000 * (step + 1), 100);
    }
    assert_false(dx_change_log_knows(&log, &first));
    assert_true(rows_in_vault(&alice) < 2 + (DX_CHANGE_LOG_MAX + DX_CHANGES_MAX + 1024) / 100);
    dx_change_log_init(&next, alice.context.alloc);
    assert_int_equal(dx_change_log_load(&next, &alice.context, false), DX_OK);
    assert_int_equal(next.number, log.number);
    assert_int_equal(next.first, log.first);
    for (uint64_t number = log.first; number < log.number; number++) {
        dx_logged_change change = dx_change_log_at(&log, number);
        assert_at(&next, number, change.key, change.created);
    }
    dx_change_log_deinit(&next);
    end(&alice, &log);
}

/* What is not told one by one makes all positions old, in the vault too. */
static void test_skipped(void **state) {
    (void)state;
    peer alice;
    dx_change_log log, next;
    begin(&alice, &log);
    add(&log, &alice, 1, 2);
    dx_position before = dx_change_log_position(&log, alice.context.random);
    dx_change_log_skip(&log);
    assert_int_equal(dx_change_log_end_step(&log, &alice.context), DX_OK);
    assert_false(dx_change_log_knows(&log, &before));
    dx_position after = dx_change_log_position(&log, alice.context.random);
    add(&log, &alice, 5, 1);
    dx_change_log_init(&next, alice.context.alloc);
    assert_int_equal(dx_change_log_load(&next, &alice.context, false), DX_OK);
    assert_false(dx_change_log_knows(&next, &before));
    assert_true(dx_change_log_knows(&next, &after));
    assert_at(&next, after.number, 5, true);
    dx_change_log_deinit(&next);
    end(&alice, &log);
}

/* Where nobody asks for a position nothing is kept; from the next question on it is. */
static void test_nobody_asks(void **state) {
    (void)state;
    peer alice;
    dx_change_log log;
    begin(&alice, &log);
    dx_position first = dx_change_log_position(&log, alice.context.random);
    for (size_t step = 0; step < 1 + DX_CHANGE_LOG_MAX / DX_CHANGES_MAX; step++) {
        add(&log, &alice, 1, DX_CHANGES_MAX);
    }
    assert_int_equal(rows_in_vault(&alice), 0);
    assert_null(log.ring);
    assert_false(dx_change_log_knows(&log, &first));
    add(&log, &alice, 1, 3);
    dx_position again = dx_change_log_position(&log, alice.context.random);
    assert_true(again.life != first.life);
    add(&log, &alice, 9, 1);
    assert_true(dx_change_log_knows(&log, &again));
    assert_at(&log, again.number, 9, true);
    end(&alice, &log);
}

/* Rows that nobody wrote so. */
static void test_damage(void **state) {
    (void)state;
    static const char *const damage[] = {"UPDATE changed SET entities = x'00' WHERE number = -1",
                                         "UPDATE changed SET entities = x'00' WHERE number = 0",
                                         "UPDATE changed SET number = 9 WHERE number = 2"};
    for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++) {
        peer alice;
        dx_change_log log, next;
        begin(&alice, &log);
        add(&log, &alice, 1, 2);
        add(&log, &alice, 3, 2);
        assert_int_equal(dx_step_done(alice.context.store, dx_store_query(alice.context.store, damage[i])),
                         DX_OK);
        dx_change_log_init(&next, alice.context.alloc);
        assert_int_equal(dx_change_log_load(&next, &alice.context, false), DX_E_CORRUPT);
        dx_change_log_deinit(&next);
        end(&alice, &log);
    }
}

static bool next_knows(peer *alice, const dx_position *position) {
    dx_change_log next;
    dx_change_log_init(&next, alice->context.alloc);
    assert_int_equal(dx_change_log_load(&next, &alice->context, false), DX_OK);
    bool knows = dx_change_log_knows(&next, position);
    dx_change_log_deinit(&next);
    return knows;
}

/* A program that knows other models shows other things, and no change says so: positions of the one before are no good. */
static void test_other_models(void **state) {
    (void)state;
    peer alice;
    dx_change_log log, other;
    dx_model own = dx_counter_model;
    const dx_model *const models[] = {&own};
    const dx_model_registry registry = {.models = models, .count = 1};
    own.name = "test/own/1";
    begin(&alice, &log);
    add(&log, &alice, 7, 2);
    dx_position before = dx_change_log_position(&log, alice.context.random);
    assert_true(next_knows(&alice, &before));
    alice.context.models = &registry;
    assert_false(next_knows(&alice, &before));
    dx_change_log_init(&other, alice.context.alloc);
    assert_int_equal(dx_change_log_load(&other, &alice.context, false), DX_OK);
    dx_position after = dx_change_log_position(&other, alice.context.random);
    add(&other, &alice, 11, 1);
    dx_change_log_deinit(&other);
    assert_true(next_knows(&alice, &after)); /* to the next one of its kind it is */
    alice.context.models = NULL;
    assert_false(next_knows(&alice, &after));
    end(&alice, &log);
}

DX_TEST_MAIN(DX_TEST(test_next_opening), DX_TEST(test_oldest_go), DX_TEST(test_skipped),
             DX_TEST(test_nobody_asks), DX_TEST(test_damage), DX_TEST(test_other_models))
