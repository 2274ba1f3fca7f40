/* tests/unit/echo/test_index.c: indexes on properties: kept with the rows, built in pieces, made by themselves.
 *
 * What questions answer by them is in test_query.c, which names echo/query_plan.c and echo/query_sort.c too. */
#include "echo/index.h"
#include "echo/index_entry.h"
#include "echo/query.h"
#include "peer.h"
#include "test_item.h"

enum { MANY = 1500 };

static void add_index(peer *self, const char *path, int expected) {
    peer_begin(self);
    assert_int_equal(
        dx_index_add(&self->context, self->space, DX_TYPE_OBJECT, dx_bytes_text("t"), dx_bytes_text(path)),
        expected);
    peer_commit(self);
}

/* One piece of building; how many are left. */
static bool build(peer *self, size_t budget) {
    bool more;
    peer_begin(self);
    assert_int_equal(dx_indexes_build(&self->context, self->space, budget, &more), DX_OK);
    peer_commit(self);
    return more;
}

static int64_t entries(peer *self) {
    const uint8_t low = 0, high = 0xff; /* before and behind all forms */
    int64_t count = 0, some = 0, id = 0;
    bool more = true;
    peer_settle(self);
    peer_begin(self);
    while (more) {
        sqlite3_stmt *row = dx_store_query(self->context.store,
                                           "SELECT id FROM property_index WHERE id > ?1 ORDER BY id LIMIT 1");
        dx_bind_int(row, 1, id);
        more = dx_step(self->context.store, row);
        id = more ? dx_column_int(row, 0) : id;
        dx_step_reset(row);
        assert_int_equal(
            dx_entry_count(&self->context, id, dx_bytes_of(&low, 1), dx_bytes_of(&high, 1), INT64_MAX, &some),
            DX_OK);
        count += more ? some : 0;
    }
    peer_commit(self);
    return count;
}

static bool is_ready(peer *self, const char *path) {
    dx_type *type;
    peer_begin(self);
    assert_int_equal(dx_indexes_load(&self->context, self->space), DX_OK);
    assert_int_equal(dx_type_find(&self->context, self->space, DX_TYPE_OBJECT, dx_bytes_text("t"), &type),
                     DX_OK);
    bool ready = dx_index_find(self->space, type->id, dx_bytes_text(path)) != NULL;
    peer_commit(self);
    return ready;
}

static void test_built_in_pieces(void **state) {
    (void)state;
    peer alice;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    int64_t first = peer_add(&alice, "t", "{\"n\":1}"), second = peer_add(&alice, "t", "{\"n\":2}");
    peer_add(&alice, "t", "{\"m\":2}");
    peer_add(&alice, "other", "{\"n\":2}");
    int64_t last = peer_add(&alice, "t", "{\"n\":\"x\"}");
    peer_settle(&alice); /* else their rows bring their entries with them */
    add_index(&alice, "n", DX_OK);
    add_index(&alice, "n", DX_E_EXISTS);
    add_index(&alice, "n..m", DX_E_INVALID);
    assert_true(build(&alice, 2));
    assert_int_equal(entries(&alice), 2);
    assert_false(is_ready(&alice, "n"));
    peer_set(&alice, first, "n", "3"); /* on either side of the watermark */
    peer_set(&alice, last, "n", "4");
    peer_change_life(&alice, second, true);
    assert_int_equal(entries(&alice), 2);
    while (build(&alice, 2)) {
    }
    assert_true(is_ready(&alice, "n"));
    assert_int_equal(entries(&alice), 2);
    peer_change_life(&alice, second, false);
    assert_int_equal(entries(&alice), 3);
    peer_add(&alice, "t", "{\"n\":9}");
    assert_int_equal(entries(&alice), 4);
    peer_begin(&alice);
    assert_int_equal(
        dx_index_remove(&alice.context, alice.space, DX_TYPE_OBJECT, dx_bytes_text("t"), dx_bytes_text("n")),
        DX_OK);
    assert_int_equal(
        dx_index_remove(&alice.context, alice.space, DX_TYPE_OBJECT, dx_bytes_text("t"), dx_bytes_text("n")),
        DX_E_NOT_FOUND);
    peer_commit(&alice);
    assert_false(is_ready(&alice, "n"));
    while (build(&alice, 1)) {
    }
    assert_int_equal(entries(&alice), 0);
    peer_deinit(&alice);
}

static int pass(void *ctx, const dx_query_row *row) {
    (void)ctx;
    (void)row;
    return DX_OK;
}

static dx_query_plan ask(peer *self, const char *json) {
    char message[DX_QUERY_MESSAGE_SIZE];
    dx_query *query;
    dx_query_plan plan;
    bool more = true;
    peer_begin(self);
    assert_int_equal(
        dx_query_create(&self->context, self->space, test_item(json), message, sizeof message, &query),
        DX_OK);
    while (more) {
        assert_int_equal(dx_query_run(query, 700, pass, NULL, &more), DX_OK);
    }
    dx_query_explain(query, &plan);
    dx_query_destroy(query);
    peer_commit(self);
    return plan;
}

/* Questions that read much and find little make their index; one that finds all it reads does not. */
static void test_made_by_itself(void **state) {
    (void)state;
    peer alice;
    dx_transaction *transaction;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    peer_begin(&alice);
    assert_int_equal(dx_transaction_begin(&alice.context, alice.space, &transaction), DX_OK);
    for (int i = 0; i < MANY; i++) {
        int64_t key;
        assert_int_equal(dx_transaction_add_object(
                             transaction, dx_bytes_text("t"), 0,
                             test_item(i % 100 == 0 ? "{\"n\":1,\"all\":1}" : "{\"n\":2,\"all\":1}"), &key),
                         DX_OK);
    }
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(&alice);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(ask(&alice, "{\"type\":\"t\",\"where\":{\"all\":1}}").begins, "type");
    }
    for (int i = 0; i < DX_INDEX_WISHED; i++) {
        dx_query_plan plan = ask(&alice, "{\"type\":\"t\",\"where\":{\"n\":1}}");
        assert_string_equal(plan.begins, "type");
        assert_int_equal(plan.rows_read, MANY);
        assert_int_equal(plan.advice_path.size, 1);
    }
    while (build(&alice, 1000)) {
    }
    dx_query_plan plan = ask(&alice, "{\"type\":\"t\",\"where\":{\"n\":1}}");
    assert_string_equal(plan.begins, "index");
    assert_true(plan.automatic);
    assert_int_equal(plan.rows_read, MANY / 100);
    assert_int_equal(plan.advice_path.size, 0);
    assert_int_equal(ask(&alice, "{\"type\":\"t\",\"where\":{\"n\":1},\"count\":true}").rows_read, 0);
    assert_false(is_ready(&alice, "all"));
    add_index(&alice, "n", DX_OK); /* what was made by itself can be declared */
    assert_false(ask(&alice, "{\"type\":\"t\",\"where\":{\"n\":1}}").automatic);
    peer_deinit(&alice);
}

static void test_limits(void **state) {
    (void)state;
    peer alice;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    for (int i = 0; i < DX_INDEXES_MAX; i++) {
        char path[16];
        snprintf(path, sizeof path, "p%d", i);
        add_index(&alice, path, DX_OK);
    }
    add_index(&alice, "one more", DX_E_LIMIT);
    peer_deinit(&alice);
}

DX_TEST_MAIN(DX_TEST(test_built_in_pieces), DX_TEST(test_made_by_itself), DX_TEST(test_limits))
