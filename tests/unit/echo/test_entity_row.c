/* tests/unit/echo/test_entity_row.c: rows through their one door: what was written is read, counts of the living follow,
 * and what did not change is not written. */
#include "echo/entity_row.h"
#include "peer.h"

static int64_t living(peer *self) {
    int64_t objects, links;
    peer_begin(self);
    assert_int_equal(dx_types_save(&self->context, self->space), DX_OK);
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

DX_TEST_MAIN(DX_TEST(test_one_row), DX_TEST(test_no_change), DX_TEST(test_drop))
