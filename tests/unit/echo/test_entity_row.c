/* tests/unit/echo/test_entity_row.c: rows through their one door: what was written is read, counts of the living follow,
 * and what did not change is not written. Rows follow their blocks: what a crash takes of them is made again. */
#include "base/limits.h"
#include "echo/entity_row.h"
#include "echo/row_log.h"
#include "echo/unwritten.h"
#include "peer.h"

static int64_t living(peer *self) {
    int64_t objects, links;
    peer_begin(self);
    assert_int_equal(dx_space_count(&self->context, self->space, &objects, &links), DX_OK);
    peer_commit(self);
    return objects;
}

static dx_entity_row read_row(peer *self, int64_t key) {
    dx_entity_row row;
    assert_int_equal(dx_entity_row_read(&self->context, self->space, key, &row), DX_OK);
    return row;
}

static void test_one_row(void **state) {
    (void)state;
    peer alice;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    int64_t key = peer_add(&alice, "tree", "{\"age\":3}"), absent = key + 1;
    assert_int_equal(living(&alice), 1);
    peer_begin(&alice);
    dx_entity_row row, before, after;
    assert_int_equal(dx_entity_row_find(&alice.context, alice.space, key), DX_OK);
    assert_int_equal(dx_entity_row_find(&alice.context, alice.space, absent), DX_E_NOT_FOUND);
    assert_int_equal(dx_entity_row_read(&alice.context, alice.space, absent, &row), DX_E_NOT_FOUND);
    before = after = read_row(&alice, key);
    assert_int_equal(before.key, key);
    assert_true(before.type > 0 && before.model > 0 && before.state.size > 0);
    assert_false(before.deleted || before.has_life);
    assert_true(before.parent == 0 && before.source == 0 && before.target == 0);

    after.deleted = after.has_life = true; /* its life alone */
    after.life_counter = 7;
    after.life_feed = dx_entity_key_feed(key);
    assert_int_equal(dx_entity_row_write(&alice.context, alice.space, &before, &after), DX_OK);
    row = read_row(&alice, key);
    assert_true(row.deleted && row.has_life && row.life_counter == 7 && row.life_feed == after.life_feed);
    assert_true(row.state.size > 0);
    peer_commit(&alice);
    assert_int_equal(living(&alice), 0);

    peer_begin(&alice); /* its state alone, and both at once */
    uint8_t bytes[] = {1, 2, 3};
    before = after = read_row(&alice, key);
    after.state = dx_bytes_of(bytes, sizeof bytes);
    assert_int_equal(dx_entity_row_write(&alice.context, alice.space, &before, &after), DX_OK);
    before = after = read_row(&alice, key);
    assert_true(dx_bytes_equal(before.state, dx_bytes_of(bytes, sizeof bytes)) && before.deleted);
    after.state = dx_bytes_of(bytes, 1);
    after.deleted = false;
    after.life_counter = 8;
    assert_int_equal(dx_entity_row_write(&alice.context, alice.space, &before, &after), DX_OK);
    row = read_row(&alice, key);
    assert_true(!row.deleted && row.life_counter == 8 && row.state.size == 1);
    peer_commit(&alice);
    assert_int_equal(living(&alice), 1);

    peer_begin(&alice); /* gone, and there again */
    before = after = read_row(&alice, key);
    after.state = dx_bytes_of(bytes, 2);
    assert_int_equal(dx_entity_row_write(&alice.context, alice.space, &before, NULL), DX_OK);
    assert_int_equal(dx_entity_row_find(&alice.context, alice.space, key), DX_E_NOT_FOUND);
    assert_int_equal(dx_entity_row_write(&alice.context, alice.space, NULL, &after), DX_OK);
    row = read_row(&alice, key);
    assert_true(row.life_counter == 8 && row.state.size == 2 && row.type == after.type);
    peer_commit(&alice);
    assert_int_equal(living(&alice), 1);
    peer_deinit(&alice);
}

/* The same row again is no change: nothing is written, nothing counted. */
static void test_no_change(void **state) {
    (void)state;
    peer alice;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    int64_t key = peer_add(&alice, "tree", "{\"age\":3}");
    peer_begin(&alice);
    dx_entity_row row = read_row(&alice, key);
    sqlite3 *database = sqlite3_db_handle(dx_store_query(alice.context.store, "SELECT 1"));
    int before = sqlite3_total_changes(database);
    assert_int_equal(dx_entity_row_write(&alice.context, alice.space, &row, &row), DX_OK);
    assert_int_equal(sqlite3_total_changes(database), before);
    peer_commit(&alice);
    peer_deinit(&alice);
}

/* A forgotten space's rows go feed by feed, as many as the budget says. */
static void test_drop(void **state) {
    (void)state;
    enum { COUNT = 5 };
    peer alice;
    int64_t keys[COUNT];
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    for (size_t i = 0; i < COUNT; i++) {
        keys[i] = peer_add(&alice, "tree", "{}");
    }
    peer_begin(&alice);
    size_t budget = 3, all = 100;
    assert_int_equal(dx_entity_rows_write(&alice.context, alice.space), DX_OK);
    int64_t feed = dx_entity_key_feed(keys[0]);
    assert_int_equal(dx_entity_rows_drop(&alice.context, feed, &budget), DX_OK);
    assert_int_equal(budget, 0);
    assert_int_equal(dx_entity_row_find(&alice.context, alice.space, keys[COUNT - 1]), DX_OK);
    assert_int_equal(dx_entity_rows_drop(&alice.context, feed, &all), DX_OK);
    assert_true(all <= 97 && all > 90); /* the space's own objects stand in the same feed */
    assert_int_equal(dx_entity_row_find(&alice.context, alice.space, keys[COUNT - 1]), DX_E_NOT_FOUND);
    dx_store_rollback(alice.context.store);
    peer_deinit(&alice);
}

/* --- Rows that follow their blocks ------------------------------------------------------------------------ */

enum { TREES = 12 };

/* A garden with everything that a row can hold, none of it in its table but what was settled on the way. */
static void plant(peer *alice, bool settles) {
    int64_t trees[TREES];
    peer_init(alice, 1, "Alice");
    peer_create_space(alice, "Garden");
    for (size_t i = 0; i < TREES; i++) {
        trees[i] = peer_add(alice, i % 2 == 0 ? "tree" : "bush", "{\"age\":3}");
    }
    if (settles) {
        peer_settle(alice);
    }
    for (size_t i = 0; i < TREES; i++) {
        peer_set(alice, trees[i], i % 3 == 0 ? "age" : "name", "7");
    }
    peer_link(alice, "beside", trees[0], trees[1]);
    peer_change_life(alice, trees[2], true);
    peer_change_life(alice, trees[3], true);
    peer_change_life(alice, trees[3], false);
    peer_set(alice, trees[4], "age", NULL);
    peer_add(alice, "flower", "{}");
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

static const char *const counts[] = {"SELECT count(*) FROM touch",    "SELECT sum(live) FROM type",
                                     "SELECT count(*) FROM entity",   "SELECT count(*) FROM refused",
                                     "SELECT sum(applied) FROM feed", "SELECT sum(reached) FROM feed"};

typedef struct remembered {
    char *state;
    int64_t counts[sizeof counts / sizeof counts[0]];
} remembered;

static remembered remember(peer *self) {
    remembered out = {.state = peer_state(self)};
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        out.counts[i] = count_of(self, counts[i]);
    }
    return out;
}

static void assert_remembered(peer *self, const remembered *expected) {
    remembered now = remember(self);
    assert_string_equal(now.state, expected->state);
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        if (now.counts[i] != expected->counts[i]) {
            fail_msg("%s: %lld, not %lld", counts[i], (long long)now.counts[i],
                     (long long)expected->counts[i]);
        }
    }
    free(now.state);
}

static void log_rows(peer *self) {
    peer_begin(self);
    assert_int_equal(dx_entity_rows_log(&self->context, self->space), DX_OK);
    assert_int_equal(dx_entity_rows_changes(self->space), 0);
    peer_commit(self);
}

static int64_t logged(peer *self) {
    return count_of(self, "SELECT count(*) FROM row_log");
}

/* What a row can become while the log has it: changed, gone, there again, gone before its table had it. */
static void tend(peer *alice, bool logs) {
    int64_t keys[4], gone = 0;
    dx_entity_row rows[4];
    for (size_t i = 0; i < 4; i++) {
        keys[i] = peer_add(alice, "weed", "{\"n\":1}");
    }
    for (size_t round = 0; round < 5; round++) {
        if (logs) {
            log_rows(alice);
        }
        peer_set(alice, keys[round % 4], "n", "2");
        if (round == 1) { /* as a branch that is taken back does (withdraw.h) */
            peer_begin(alice);
            rows[3] = read_row(alice, keys[3]);
            assert_int_equal(dx_entity_row_write(&alice->context, alice->space, &rows[3], NULL), DX_OK);
            peer_commit(alice);
            gone = keys[3];
        }
        if (round == 2) {
            peer_begin(alice);
            assert_int_equal(dx_entity_row_find(&alice->context, alice->space, gone), DX_E_NOT_FOUND);
            rows[3] = read_row(alice, keys[2]);
            rows[3].key = gone;
            assert_int_equal(dx_entity_row_write(&alice->context, alice->space, NULL, &rows[3]), DX_OK);
            peer_commit(alice);
        }
    }
    if (logs) {
        log_rows(alice);
    }
}

/* The log is as good as tables: after it nothing is made again, and what it has reaches them as it would have. */
static void test_log(void **state) {
    (void)state;
    for (int settles = 0; settles < 2; settles++) {
        peer alice;
        plant(&alice, settles);
        tend(&alice, false);
        assert_int_equal(logged(&alice), 0);
        char *expected = peer_state(&alice);
        int64_t objects = living(&alice);
        peer_deinit(&alice);
        plant(&alice, settles);
        tend(&alice, true);
        assert_true(logged(&alice) >= 5);
        int64_t applied = count_of(&alice, "SELECT sum(applied) FROM feed");
        assert_int_equal(applied, count_of(&alice, "SELECT sum(reached) FROM feed"));
        for (int i = 0; i < 2; i++) {
            peer_reopen(&alice);
            assert_int_equal(dx_entity_rows_changes(alice.space), 0);
            assert_true(dx_entity_rows_held(alice.space) > 4 && dx_entity_rows_wait(alice.space));
            assert_int_equal(living(&alice), objects);
        }
        char *now = peer_state(&alice); /* settles */
        assert_string_equal(now, expected);
        free(now);
        assert_int_equal(logged(&alice), 0);
        peer_reopen(&alice);
        assert_false(dx_entity_rows_wait(alice.space));
        now = peer_state(&alice);
        assert_string_equal(now, expected);
        free(now);
        assert_int_equal(living(&alice), objects);
        free(expected);
        peer_deinit(&alice);
    }
}

/* A small set is logged and written by itself, and what is changed on goes on from what the log has. */
static void test_small_set(void **state) {
    (void)state;
    enum { TREES_MANY = 20, CHANGES = 60 };
    char *states[2] = {NULL, NULL};
    for (size_t run = 0; run < 2; run++) {
        peer alice;
        int64_t keys[TREES_MANY];
        bool logs = false, writes = false;
        peer_init(&alice, 1, "Alice");
        alice.context.rows_max = run == 0 ? 0 : 16;
        peer_create_space(&alice, "Garden");
        for (size_t i = 0; i < TREES_MANY; i++) {
            keys[i] = peer_add(&alice, "tree", "{\"age\":3}");
        }
        for (size_t i = 0; i < CHANGES; i++) {
            char age[] = {(char)('0' + i % 10), 0};
            peer_set(&alice, keys[i * 7 % TREES_MANY], "age", age);
            logs = logs || logged(&alice) != 0;
            writes = writes || (logs && logged(&alice) == 0);
            if (run == 1 && i % 13 == 12) {
                peer_reopen(&alice);
            }
        }
        assert_true(run == 0 ? !logs : logs && writes);
        states[run] = peer_state(&alice);
        peer_deinit(&alice);
    }
    assert_string_equal(states[0], states[1]);
    free(states[0]);
    free(states[1]);
}

/* What is damaged is told as that, and never taken for rows. */
static void test_damaged_log(void **state) {
    (void)state;
    static const char *const damages[] = {"UPDATE row_log SET rows = substr(rows, 1, length(rows) - 1)",
                                          "UPDATE row_log SET key = key + 1",
                                          "UPDATE row_log SET rows = CAST(x'00' || rows AS BLOB)",
                                          "DELETE FROM entity WHERE key IN (SELECT max(key) FROM entity)"};
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        peer alice;
        plant(&alice, true);
        int64_t key = count_of(&alice, "SELECT max(key) FROM entity");
        peer_set(&alice, key, "name", "8");
        log_rows(&alice);
        peer_begin(&alice);
        sqlite3_stmt *damage = dx_store_query_dynamic(alice.context.store, damages[i]);
        assert_int_equal(dx_step_done(alice.context.store, damage), DX_OK);
        dx_store_discard(damage);
        peer_commit(&alice);
        int64_t local = alice.space->local;
        dx_space_destroy(&alice.context, alice.space);
        peer_begin(&alice);
        int error = dx_space_load(&alice.context, local, &alice.space);
        error = error == DX_OK ? dx_entity_rows_write(&alice.context, alice.space) : error;
        assert_int_equal(error, DX_E_CORRUPT);
        dx_store_rollback(alice.context.store);
        peer_deinit(&alice);
    }
}

/* What an opening found in the log is packed until somebody asks for it; what is counted knows it as it is. */
static void test_packed(void **state) {
    (void)state;
    peer alice;
    plant(&alice, true);
    tend(&alice, true);
    int64_t objects = living(&alice), key = count_of(&alice, "SELECT max(key) FROM entity"), parent;
    char *expected = peer_state(&alice);
    peer_deinit(&alice);
    plant(&alice, true);
    tend(&alice, true);
    sim_disk_crash(alice.disk);
    peer_reopen(&alice);
    const dx_unwritten *set = alice.space->unwritten;
    size_t packed = set->packed_left, count = dx_unwritten_count(set);
    assert_true(packed >= 4 && set->row_count == 0 && dx_entity_rows_wait(alice.space));
    assert_int_equal(living(&alice), objects);
    int64_t weed = 0;
    for (size_t i = 0; i < set->places.capacity && weed == 0; i++) {
        weed = set->places.slots[i].key;
    }
    peer_begin(&alice);
    assert_int_equal(dx_entity_row_hold(&alice.context, alice.space, weed), DX_OK);
    assert_int_equal(dx_entity_row_parent(&alice.context, alice.space, weed, &parent), DX_OK);
    assert_int_not_equal(dx_entity_row_find(&alice.context, alice.space, key), DX_E_CORRUPT);
    assert_true(set->packed_left < packed && dx_unwritten_count(set) == count);
    assert_int_equal(set->changes, 0);
    peer_commit(&alice);
    assert_int_equal(living(&alice), objects);
    char *shown = peer_state(&alice);
    assert_string_equal(shown, expected);
    free(shown);
    free(expected);
    peer_deinit(&alice);
}

/* And is gone from the disk when it is asked for: that is told. */
static void test_packed_and_gone(void **state) {
    (void)state;
    for (int all = 0; all < 2; all++) {
        peer alice;
        plant(&alice, true);
        tend(&alice, true);
        sim_disk_crash(alice.disk);
        peer_reopen(&alice);
        const dx_unwritten *set = alice.space->unwritten;
        int64_t key = 0;
        dx_entity_row row;
        for (size_t i = 0; i < set->places.capacity && key == 0; i++) {
            key = set->places.slots[i].key;
        }
        peer_begin(&alice);
        sqlite3_stmt *damage = dx_store_query_dynamic(alice.context.store, "DELETE FROM row_log");
        assert_int_equal(dx_step_done(alice.context.store, damage), DX_OK);
        dx_store_discard(damage);
        int error = all ? dx_entity_rows_write(&alice.context, alice.space)
                        : dx_entity_row_read(&alice.context, alice.space, key, &row);
        assert_int_equal(error, DX_E_CORRUPT);
        dx_store_rollback(alice.context.store);
        peer_deinit(&alice);
    }
}

/* What is in no table is made again by an opening, as often as it takes. */
static void test_replay(void **state) {
    (void)state;
    for (int settles = 0; settles < 2; settles++) {
        peer alice;
        plant(&alice, settles);
        int64_t there = count_of(&alice, "SELECT count(*) FROM entity WHERE state IS NOT NULL");
        assert_true(settles ? there >= TREES : there < TREES);
        assert_true(dx_entity_rows_wait(alice.space));
        assert_int_equal(living(&alice), TREES - 1 + 1); /* one is deleted, the flower is more */
        assert_true(dx_entity_rows_wait(alice.space));   /* counting does not need them written */
        remembered expected = remember(&alice);
        peer_deinit(&alice);
        plant(&alice, settles);
        for (int i = 0; i < 3; i++) {
            peer_reopen(&alice);
        }
        assert_true(dx_entity_rows_wait(alice.space));
        assert_remembered(&alice, &expected);
        assert_false(dx_entity_rows_wait(alice.space));
        peer_reopen(&alice);
        assert_false(dx_entity_rows_wait(alice.space)); /* a clean close leaves nothing to do */
        assert_remembered(&alice, &expected);
        free(expected.state);
        peer_deinit(&alice);
    }
}

/* Power fails at every call that changes the disk, while rows are written or the log is copied into the vault. */
static void test_crash_at_every_write(void **state) {
    (void)state;
    peer alice;
    enum { WRITES, COPIES, LOGS, WRITES_LOGGED, WAYS };
    for (int way = WRITES; way < WAYS; way++) {
        bool done = false;
        uint64_t at = 0;
        plant(&alice, true);
        if (way >= LOGS) {
            log_rows(&alice);
        }
        remembered expected = remember(&alice);
        peer_deinit(&alice);
        while (!done) {
            at++;
            plant(&alice, true);
            if (way == COPIES) {
                peer_settle(&alice);
            } else if (way == WRITES_LOGGED) {
                log_rows(&alice);
            }
            sim_disk_plan(alice.disk, &(sim_disk_fault){.calls = SIM_DISK_CHANGES, .at = at, .sticky = true});
            int error = way == COPIES ? dx_store_checkpoint(alice.context.store)
                                      : dx_store_begin(alice.context.store);
            if (error == DX_OK && way != COPIES) {
                error = way == LOGS ? dx_entity_rows_log(&alice.context, alice.space)
                                    : dx_entity_rows_write(&alice.context, alice.space);
                error = error == DX_OK ? dx_store_commit(alice.context.store) : error;
            }
            done = error == DX_OK;
            sim_disk_crash(alice.disk);
            sim_disk_heal(alice.disk);
            peer_reopen(&alice);
            assert_remembered(&alice, &expected);
            peer_deinit(&alice);
        }
        assert_true(at > 2);
        free(expected.state);
    }
}

/* What a crash took is made again, and written; *opened: the space was loaded. */
static int make_again(peer *self, int64_t local, bool *opened) {
    *opened = false;
    int error = dx_store_open(&self->config, &self->context.store);
    if (error != DX_OK) {
        return error;
    }
    error = dx_store_begin(self->context.store);
    if (error == DX_OK) {
        error = dx_identity_load(self->context.store, &self->alloc.port, &self->identity);
    }
    if (error == DX_OK) {
        error = dx_space_load(&self->context, local, &self->space);
        *opened = error == DX_OK;
    }
    if (error == DX_OK) {
        error = dx_entity_rows_write(&self->context, self->space);
    }
    return error == DX_OK ? dx_store_commit(self->context.store) : error;
}

static void forget(peer *self) {
    dx_space_destroy(&self->context, self->space);
    self->space = NULL;
    dx_identity_deinit(&self->identity);
    dx_store_close(self->context.store);
    self->context.store = NULL;
}

/* Power fails again, at every call that changes the disk while an opening makes again what the first failure took. */
static void test_crash_at_every_write_of_the_way_back(void **state) {
    (void)state;
    peer alice;
    plant(&alice, true);
    remembered expected = remember(&alice);
    int64_t local = alice.space->local;
    peer_deinit(&alice);
    size_t cut_short = 0;
    bool done = false;
    for (uint64_t at = 1; !done; at++) {
        bool opened;
        plant(&alice, true);
        assert_true(dx_entity_rows_wait(alice.space));
        sim_disk_crash(alice.disk);
        forget(&alice);
        sim_disk_plan(alice.disk, &(sim_disk_fault){.calls = SIM_DISK_CHANGES, .at = at, .sticky = true});
        done = make_again(&alice, local, &opened) == DX_OK;
        cut_short += opened && !done;
        sim_disk_crash(alice.disk);
        forget(&alice);
        sim_disk_heal(alice.disk);
        assert_int_equal(make_again(&alice, local, &opened), DX_OK);
        assert_remembered(&alice, &expected);
        peer_deinit(&alice);
    }
    assert_true(cut_short > 0); /* while rows were being written */
    free(expected.state);
}

/* Some rows that the log has, and as many changes that it has not. */
static void plant_logged(peer *alice) {
    plant(alice, true);
    int64_t weed = peer_add(alice, "weed", "{\"n\":1}");
    log_rows(alice);
    peer_set(alice, weed, "n", "2");
    (void)peer_add(alice, "weed", "{\"n\":3}");
}

/* A process that is killed while it makes again what an earlier death took, again and again, each time a little later: what
 * the log has, what came since, and what of both reached its tables, always make the same. */
static void test_crash_again_and_again(void **state) {
    (void)state;
    peer alice;
    plant_logged(&alice);
    remembered expected = remember(&alice);
    int64_t local = alice.space->local;
    peer_deinit(&alice);
    plant_logged(&alice);
    assert_true(logged(&alice) != 0 && dx_entity_rows_changes(alice.space) != 0);
    sim_disk_crash(alice.disk);
    forget(&alice);
    bool done = false, opened;
    size_t cut_short = 0;
    for (uint64_t at = 1; !done; at++) {
        sim_disk_plan(alice.disk, &(sim_disk_fault){.calls = SIM_DISK_CHANGES, .at = at, .sticky = true});
        done = make_again(&alice, local, &opened) == DX_OK;
        cut_short += opened && !done;
        sim_disk_crash(alice.disk);
        forget(&alice);
        sim_disk_heal(alice.disk);
    }
    assert_true(cut_short > 0);
    assert_int_equal(make_again(&alice, local, &opened), DX_OK);
    assert_remembered(&alice, &expected);
    peer_deinit(&alice);
    free(expected.state);
}

/* Few rows that change again and again: their log does not grow without end. */
static void test_bound_of_the_log(void **state) {
    (void)state;
    enum { FEW = 4, CHANGES = 400, ROWS_MAX = 64 };
    peer alice;
    int64_t keys[FEW];
    size_t most = 0, placed = 0;
    peer_init(&alice, 1, "Alice");
    alice.context.rows_max = ROWS_MAX;
    peer_create_space(&alice, "Garden");
    for (size_t i = 0; i < FEW; i++) {
        keys[i] = peer_add(&alice, "tree", "{\"age\":3}");
    }
    peer_settle(&alice);
    for (size_t i = 0; i < CHANGES; i++) {
        char age[] = {(char)('0' + i % 10), 0};
        size_t before = alice.space->unwritten->in_log;
        peer_set(&alice, keys[i % FEW], "age", age);
        size_t now = alice.space->unwritten->in_log;
        most = now > most ? now : most;
        placed += before != 0 && now == 0;
    }
    assert_in_range(most, FEW, ROWS_MAX + ROWS_MAX / DX_UNWRITTEN_PARTS);
    assert_true(placed > 0);
    peer_deinit(&alice);
}

/* However much is written, so much stands in memory and no more. */
static void test_bound(void **state) {
    (void)state;
    enum { BATCH = 3000, BATCHES = 7 };
    peer alice;
    bool wrote = false;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    for (size_t batch = 0; batch < BATCHES; batch++) {
        dx_transaction *transaction;
        int64_t key;
        size_t before = alice.space->unwritten->row_count;
        peer_begin(&alice);
        assert_int_equal(dx_transaction_begin(&alice.context, alice.space, &transaction), DX_OK);
        for (size_t i = 0; i < BATCH; i++) {
            assert_int_equal(dx_transaction_add_object(transaction, dx_bytes_text("tree"), 0,
                                                       dx_bytes_text("\xa1\x61\x61\x01"), &key),
                             DX_OK);
        }
        assert_int_equal(dx_transaction_commit(transaction), DX_OK);
        peer_commit(&alice);
        assert_true(alice.space->unwritten->row_count < DX_UNWRITTEN_ROWS_MAX);
        wrote = wrote || alice.space->unwritten->row_count < before;
    }
    assert_true(wrote);
    assert_int_equal(living(&alice), BATCH * BATCHES);
    peer_deinit(&alice);
}

/* What a crash would have to read from a table again fills the bound sooner than what it would find at hand. */
static void test_bound_of_reads(void **state) {
    (void)state;
    enum { MANY = 12, ROWS = 64, BOUND = ROWS / DX_UNWRITTEN_PARTS };
    size_t until_logged[2] = {0, 0};
    for (size_t among = 1; among <= MANY; among += MANY - 1) {
        peer alice;
        int64_t keys[MANY];
        peer_init(&alice, 1, "Alice");
        alice.context.rows_max = ROWS;
        peer_create_space(&alice, "Garden");
        for (size_t i = 0; i < MANY; i++) {
            keys[i] = peer_add(&alice, "tree", "{\"age\":3}");
        }
        peer_begin(&alice);
        assert_int_equal(dx_entity_rows_write(&alice.context, alice.space), DX_OK);
        peer_commit(&alice);
        for (size_t i = 0; logged(&alice) == 0; i++) {
            char age[] = {(char)('0' + i % 10), 0};
            peer_set(&alice, keys[i % among], "age", age);
            until_logged[among != 1]++;
        }
        peer_deinit(&alice);
    }
    assert_int_equal(until_logged[0], BOUND - DX_UNWRITTEN_READ_CHANGES);
    assert_int_equal(until_logged[1], (BOUND + DX_UNWRITTEN_READ_CHANGES) / (1 + DX_UNWRITTEN_READ_CHANGES));
}

/* On a full disk the tables show what is in none of them, in every transaction anew, and nothing of it is kept. */
static void test_full_disk(void **state) {
    (void)state;
    peer alice;
    plant(&alice, true);
    remembered expected = remember(&alice);
    peer_deinit(&alice);
    plant(&alice, true);
    dx_entity_row row;
    alice.config.read_when_full = true;
    sim_disk_plan(alice.disk,
                  &(sim_disk_fault){.calls = 1u << SIM_DISK_WRITE, .at = 1, .sticky = true, .full = true});
    sim_disk_crash(alice.disk);
    peer_reopen(&alice);
    assert_true(dx_store_is_read_only(alice.context.store));
    for (int i = 0; i < 2; i++) {
        int64_t objects, links;
        peer_begin(&alice);
        assert_int_equal(dx_space_count(&alice.context, alice.space, &objects, &links), DX_OK);
        assert_int_equal(dx_space_count(&alice.context, alice.space, &objects, &links), DX_OK);
        assert_int_equal(objects, TREES);
        assert_int_equal(links, 1);
        sqlite3_stmt *write = dx_store_query(alice.context.store, "DELETE FROM entity");
        assert_int_equal(dx_step_done(alice.context.store, write), DX_E_NO_SPACE); /* nobody else writes */
        dx_store_rollback(alice.context.store);
    }
    char *shown = peer_state(&alice);
    assert_string_equal(shown, expected.state);
    free(shown);
    assert_true(dx_entity_rows_wait(alice.space));
    sim_disk_heal(alice.disk);
    assert_int_equal(dx_store_renew(alice.context.store), DX_OK);
    assert_remembered(&alice, &expected);
    peer_begin(&alice);
    assert_int_equal(dx_entity_row_read(&alice.context, alice.space, 1, &row), DX_E_NOT_FOUND);
    peer_commit(&alice);
    free(expected.state);
    peer_deinit(&alice);
}

DX_TEST_MAIN(DX_TEST(test_one_row), DX_TEST(test_no_change), DX_TEST(test_drop), DX_TEST(test_replay),
             DX_TEST(test_crash_at_every_write), DX_TEST(test_crash_at_every_write_of_the_way_back),
             DX_TEST(test_crash_again_and_again), DX_TEST(test_bound), DX_TEST(test_bound_of_reads),
             DX_TEST(test_bound_of_the_log), DX_TEST(test_full_disk), DX_TEST(test_log), DX_TEST(test_packed),
             DX_TEST(test_packed_and_gone), DX_TEST(test_small_set), DX_TEST(test_damaged_log))
