/* tests/unit/store/test_compact.c: what goes leaves room, and the room is given back (store/compact.c): when it is asked for, and by
 * upkeep once idle, but never for little. Crashes and faults at each of its calls: test_crash.c, test_faults.c. */
#include "vault_model.h"

#include <sodium.h>

static dx_store_room room_of(dx_store *store) {
    dx_store_room room;
    assert_int_equal(dx_store_read_room(store, &room), DX_OK);
    return room;
}

static void change(dx_store *store, const char *sql) {
    assert_int_equal(dx_store_begin(store), DX_OK);
    assert_int_equal(model_run(store, sql), DX_OK);
    assert_int_equal(dx_store_commit(store), DX_OK);
}

static void waste(dx_store *store, int rows) {
    char sql[200];
    snprintf(sql, sizeof sql,
             "INSERT INTO waste WITH n(k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < %d)"
             " SELECT k, randomblob(9000) FROM n",
             rows);
    change(store, "CREATE TABLE waste(key INTEGER PRIMARY KEY, content BLOB NOT NULL)");
    change(store, sql);
    change(store, "DROP TABLE waste");
}

typedef struct fixture {
    sim_disk *disk;
    vault_model model;
    dx_store *store;
} fixture;

static void fixture_init(fixture *f) {
    assert_true(sodium_init() >= 0);
    f->disk = sim_disk_create(7, &(sim_disk_config){0});
    model_init(&f->model, 7, sim_disk_vfs(f->disk));
    assert_int_equal(model_open(&f->model, &f->store), DX_OK);
    assert_int_equal(model_create(&f->model, f->store), DX_OK);
    assert_int_equal(model_commit(&f->model, f->store, 20), DX_OK);
}

/* What is there is what was there, also after opening again. */
static void fixture_deinit(fixture *f) {
    model_expect(&f->model, f->store, f->model.commits, f->model.beginning);
    assert_int_equal(dx_store_check(f->store), DX_OK);
    dx_store_close(f->store);
    assert_int_equal(model_open(&f->model, &f->store), DX_OK);
    model_expect(&f->model, f->store, f->model.commits, f->model.beginning);
    dx_store_close(f->store);
    sim_disk_destroy(f->disk);
    assert_int_equal(f->model.alloc.live_bytes, 0);
}

static void test_asked_for(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    waste(f.store, 40);
    dx_store_room before = room_of(f.store);
    assert_true(before.unused_bytes > 40 * 9000);
    assert_false(dx_store_compaction_of(f.store)->asked);
    dx_store_ask_compact(f.store);
    assert_true(dx_store_has_upkeep(f.store, false));
    dx_store_upkeep(f.store, false);
    const dx_store_compaction *done = dx_store_compaction_of(f.store);
    assert_true(!done->asked && done->error == DX_OK);
    assert_int_equal(done->before.unused_bytes, before.unused_bytes);
    assert_int_equal(done->after.unused_bytes, 0);
    assert_true(done->after.used_bytes <= before.used_bytes);
    assert_int_equal(dx_store_wal_bytes(f.store), 0); /* nor do its frames hold what went */
    assert_false(dx_store_has_upkeep(f.store, true));
    assert_int_equal(model_commit(&f.model, f.store, 5), DX_OK);
    fixture_deinit(&f);
}

static void test_by_itself(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    waste(f.store, 40); /* little */
    dx_store_note_dropped(f.store);
    while (dx_store_has_upkeep(f.store, true)) {
        dx_store_upkeep(f.store, true);
    }
    assert_true(room_of(f.store).unused_bytes > 0);
    waste(f.store, 1100);
    while (dx_store_has_upkeep(f.store, false)) {
        dx_store_upkeep(f.store, false);
    }
    dx_store_note_dropped(f.store);
    assert_false(dx_store_has_upkeep(f.store, false)); /* somebody may wait */
    assert_true(room_of(f.store).unused_bytes > 8 << 20);
    while (dx_store_has_upkeep(f.store, true)) {
        dx_store_upkeep(f.store, true);
    }
    assert_int_equal(room_of(f.store).unused_bytes, 0);
    fixture_deinit(&f);
}

static void test_not_in_a_transaction(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    assert_int_equal(dx_store_begin(f.store), DX_OK);
    assert_int_equal(dx_store_compact(f.store), DX_E_STATE);
    assert_int_equal(dx_store_commit(f.store), DX_OK);
    assert_int_equal(dx_store_compact(f.store), DX_OK);
    fixture_deinit(&f);
}

DX_TEST_MAIN(DX_TEST(test_asked_for), DX_TEST(test_by_itself), DX_TEST(test_not_in_a_transaction))
