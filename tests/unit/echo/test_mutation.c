/* tests/unit/echo/test_mutation.c: local transactions: what they write, what they refuse, and that a refusal
 * changes nothing.
 * Of echo/mutation.c, echo/mutation_create.c and echo/mutation_edit.c. */
#include "peer.h"

typedef struct fixture {
    peer alice;
    dx_transaction *transaction;
} fixture;

static void fixture_init(fixture *f) {
    peer_init(&f->alice, 1, "Alice");
    peer_create_space(&f->alice, "Garden");
}

static void fixture_deinit(fixture *f) {
    peer_deinit(&f->alice);
}

static void begin(fixture *f) {
    peer_begin(&f->alice);
    assert_int_equal(dx_transaction_begin(&f->alice.context, f->alice.space, &f->transaction), DX_OK);
}

static void commit(fixture *f) {
    assert_int_equal(dx_transaction_commit(f->transaction), DX_OK);
    peer_commit(&f->alice);
}

static int add(fixture *f, const char *type, const char *json, int64_t *key) {
    dx_buf data;
    peer_item(&f->alice, json, &data);
    int error = dx_transaction_add_object(f->transaction, dx_bytes_text(type), 0, dx_buf_view(&data), key);
    dx_buf_deinit(&data);
    return error;
}

static int set(fixture *f, int64_t key, const char *path, const char *json) {
    dx_buf value;
    peer_item(&f->alice, json, &value);
    int error = dx_transaction_set(f->transaction, key, dx_bytes_text(path), dx_buf_view(&value));
    dx_buf_deinit(&value);
    return error;
}

static int unset(fixture *f, int64_t key, const char *path) {
    return dx_transaction_unset(f->transaction, key, dx_bytes_text(path));
}

static uint64_t data_length(fixture *f) {
    return dx_space_feed(f->alice.space, f->alice.space->own_data)->length;
}

static void test_object_and_link(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    begin(&f);
    int64_t tree, leaf, link;
    assert_int_equal(add(&f, "tree",
                         "{\"name\": \"oak\", \"age\": 200, \"rings\": [1, 2], \"at\": {\"x\": 1, \"y\": 2}}",
                         &tree),
                     DX_OK);
    assert_int_equal(
        dx_transaction_add_object(f.transaction, dx_bytes_text(""), tree, (dx_bytes){NULL, 0}, &leaf), DX_OK);
    assert_int_equal(dx_transaction_add_link(f.transaction, dx_bytes_text("grows"), leaf, tree,
                                             (dx_bytes){NULL, 0}, &link),
                     DX_OK);
    commit(&f);
    assert_shows(&f.alice, tree, "{\"at\":{\"x\":1,\"y\":2},\"age\":200,\"name\":\"oak\",\"rings\":[1,2]}");
    assert_shows(&f.alice, leaf, "{}");
    assert_shows(&f.alice, link, "{}");
    peer_begin(&f.alice);
    dx_entity entity;
    assert_int_equal(dx_entity_read(&f.alice.context, f.alice.space, leaf, &entity), DX_OK);
    assert_int_equal(entity.kind, DX_ENTITY_OBJECT);
    assert_int_equal(entity.parent, tree);
    assert_int_equal(entity.type.size, 0);
    assert_int_equal(dx_entity_read(&f.alice.context, f.alice.space, link, &entity), DX_OK);
    assert_int_equal(entity.kind, DX_ENTITY_LINK);
    assert_int_equal(entity.source, leaf);
    assert_int_equal(entity.target, tree);
    assert_true(dx_bytes_equal(entity.type, dx_bytes_text("grows")));
    int64_t objects, links;
    assert_int_equal(dx_space_count(&f.alice.context, f.alice.space, &objects, &links), DX_OK);
    assert_int_equal(objects, 2);
    assert_int_equal(links, 1);
    peer_commit(&f.alice);
    fixture_deinit(&f);
}

static void test_one_block_per_transaction(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    uint64_t before = data_length(&f);
    begin(&f);
    int64_t key;
    assert_int_equal(add(&f, "t", "{\"a\": 1}", &key), DX_OK);
    assert_int_equal(add(&f, "t", "{\"a\": 2}", &key), DX_OK);
    commit(&f);
    assert_int_equal(data_length(&f), before + 1);
    begin(&f); /* an empty one writes nothing */
    commit(&f);
    begin(&f); /* nor does what comes to nothing */
    assert_int_equal(dx_transaction_delete(f.transaction, key), DX_OK);
    assert_int_equal(dx_transaction_restore(f.transaction, key), DX_OK);
    assert_int_equal(dx_transaction_restore(f.transaction, key), DX_OK);
    commit(&f);
    begin(&f);
    assert_int_equal(add(&f, "t", "{}", &key), DX_OK);
    dx_transaction_abort(f.transaction);
    peer_commit(&f.alice);
    assert_int_equal(data_length(&f), before + 1);
    fixture_deinit(&f);
}

static void test_changes_in_order(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    int64_t key = peer_add(&f.alice, "t", "{\"keep\": true}");
    uint64_t before = data_length(&f);
    begin(&f);
    assert_int_equal(set(&f, key, "a.b", "1"), DX_OK);
    assert_int_equal(set(&f, key, "a", "{\"c\": 2}"), DX_OK); /* overwrites a.b */
    assert_int_equal(set(&f, key, "x", "1"), DX_OK);
    assert_int_equal(set(&f, key, "x", "2"), DX_OK);
    commit(&f);
    assert_int_equal(data_length(&f), before + 1);
    assert_shows(&f.alice, key, "{\"a\":{\"c\":2},\"x\":2,\"keep\":true}");
    begin(&f); /* what one operation cannot say goes on in a second block, and applies with it */
    assert_int_equal(set(&f, key, "a", "{\"d\": 3}"), DX_OK);
    assert_int_equal(set(&f, key, "a.e", "4"), DX_OK);
    assert_int_equal(unset(&f, key, "a.d"), DX_OK);
    assert_int_equal(unset(&f, key, "x"), DX_OK);
    commit(&f);
    assert_int_equal(data_length(&f), before + 3);
    assert_shows(&f.alice, key, "{\"a\":{\"e\":4},\"keep\":true}");
    begin(&f); /* sets after creation data, and on what the same transaction made without data */
    int64_t made, bare;
    assert_int_equal(add(&f, "t", "{\"a\": 1, \"b\": 1}", &made), DX_OK);
    assert_int_equal(
        dx_transaction_add_object(f.transaction, dx_bytes_text("t"), 0, (dx_bytes){NULL, 0}, &bare), DX_OK);
    assert_int_equal(set(&f, bare, "q", "1"), DX_OK);
    assert_int_equal(set(&f, made, "a", "2"), DX_OK);
    assert_int_equal(set(&f, bare, "r", "2"), DX_OK);
    assert_int_equal(dx_transaction_delete(f.transaction, made), DX_OK);
    commit(&f);
    assert_int_equal(data_length(&f), before + 5);
    assert_shows(&f.alice, made, "{\"a\":2,\"b\":1} deleted");
    assert_shows(&f.alice, bare, "{\"q\":1,\"r\":2}");
    assert_int_equal(f.alice.space->refused, 0);
    fixture_deinit(&f);
}

static void test_life(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    int64_t objects, links, key = peer_add(&f.alice, "t", "{\"a\": 1}");
    peer_change_life(&f.alice, key, true);
    assert_shows(&f.alice, key, "{\"a\":1} deleted");
    begin(&f);
    assert_int_equal(set(&f, key, "a", "2"), DX_E_STATE);
    assert_int_equal(unset(&f, key, "a"), DX_E_STATE);
    assert_int_equal(dx_space_count(&f.alice.context, f.alice.space, &objects, &links), DX_OK);
    assert_int_equal(objects, 0);
    assert_int_equal(dx_transaction_restore(f.transaction, key), DX_OK);
    assert_int_equal(set(&f, key, "a", "2"), DX_OK);
    commit(&f);
    assert_shows(&f.alice, key, "{\"a\":2}");
    peer_reopen(&f.alice);
    peer_begin(&f.alice);
    assert_int_equal(dx_space_count(&f.alice.context, f.alice.space, &objects, &links), DX_OK);
    assert_int_equal(objects, 1);
    peer_commit(&f.alice);
    fixture_deinit(&f);
}

static void test_refusals_change_nothing(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    int64_t key = peer_add(&f.alice, "t", "{\"a\": 1}"), made;
    uint64_t before = data_length(&f);
    const dx_bytes none = {NULL, 0}, garbage = dx_bytes_text("\xff"), array = dx_bytes_text("\x80");
    uint8_t name[DX_TYPE_SIZE_MAX + 1];
    memset(name, 'n', sizeof name);
    begin(&f);
    dx_transaction *t = f.transaction;
    assert_int_equal(dx_transaction_add_object(t, dx_bytes_of(name, sizeof name), 0, none, &made),
                     DX_E_INVALID);
    assert_int_equal(dx_transaction_add_object(t, dx_bytes_text("\xc3"), 0, none, &made), DX_E_INVALID);
    assert_int_equal(dx_transaction_add_object(t, none, key + 1, none, &made), DX_E_NOT_FOUND);
    assert_int_equal(dx_transaction_add_object(t, none, INT64_MAX, none, &made), DX_E_NOT_FOUND);
    assert_int_equal(dx_transaction_add_object(t, none, -1, none, &made), DX_E_NOT_FOUND);
    assert_int_equal(dx_transaction_add_object(t, none, 0, garbage, &made), DX_E_INVALID);
    assert_int_equal(dx_transaction_add_object(t, none, 0, array, &made), DX_E_INVALID);
    assert_int_equal(dx_transaction_add_link(t, none, 0, key, none, &made), DX_E_NOT_FOUND);
    assert_int_equal(dx_transaction_add_link(t, none, key, 0, none, &made), DX_E_NOT_FOUND);
    assert_int_equal(dx_transaction_add_link(t, none, key, key + 1, none, &made), DX_E_NOT_FOUND);
    assert_int_equal(dx_transaction_set(t, key, dx_bytes_text("a"), none), DX_E_INVALID);
    assert_int_equal(dx_transaction_set(t, key, dx_bytes_text("a"), garbage), DX_E_INVALID);
    assert_int_equal(set(&f, key, "", "1"), DX_E_INVALID);
    assert_int_equal(set(&f, key, "a..b", "1"), DX_E_INVALID);
    assert_int_equal(set(&f, key + 1, "a", "1"), DX_E_NOT_FOUND);
    assert_int_equal(set(&f, 0, "a", "1"), DX_E_NOT_FOUND);
    assert_int_equal(set(&f, -5, "a", "1"), DX_E_NOT_FOUND);
    assert_int_equal(unset(&f, key, "."), DX_E_INVALID);
    assert_int_equal(dx_transaction_delete(t, key + 1), DX_E_NOT_FOUND);
    assert_int_equal(dx_transaction_restore(t, 0), DX_E_NOT_FOUND);
    commit(&f);
    assert_int_equal(data_length(&f), before);
    assert_shows(&f.alice, key, "{\"a\":1}");
    fixture_deinit(&f);
}

/* More than a block holds: several blocks, one transaction. */
static void test_large_transaction(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    uint64_t before = data_length(&f);
    enum { COUNT = 3000, VALUE_SIZE = 1000 };
    static int64_t keys[COUNT];
    char json[VALUE_SIZE + 64];
    begin(&f);
    for (int i = 0; i < COUNT; i++) {
        snprintf(json, sizeof json, "{\"n\": %d, \"text\": \"%0*d\"}", i, VALUE_SIZE, i);
        assert_int_equal(add(&f, "t", json, &keys[i]), DX_OK);
        int64_t link;
        assert_int_equal(dx_transaction_add_link(f.transaction, dx_bytes_text("next"),
                                                 keys[i == 0 ? 0 : i - 1], keys[i], (dx_bytes){NULL, 0},
                                                 &link),
                         DX_OK);
    }
    commit(&f);
    assert_true(data_length(&f) > before + 1);
    assert_int_equal(f.alice.space->refused, 0);
    peer_begin(&f.alice);
    int64_t objects, links;
    assert_int_equal(dx_space_count(&f.alice.context, f.alice.space, &objects, &links), DX_OK);
    assert_int_equal(objects, COUNT);
    assert_int_equal(links, COUNT);
    peer_commit(&f.alice);
    fixture_deinit(&f);
}

static void test_too_large(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    uint64_t before = data_length(&f);
    static char json[(2 << 20) + 64];
    int64_t key;
    begin(&f);
    snprintf(json, sizeof json, "{\"text\": \"%0*d\"}", 2 << 20, 0);
    int error = add(&f, "t", json, &key);
    assert_true(error == DX_E_LIMIT || error == DX_E_INVALID);
    snprintf(json, sizeof json, "{\"text\": \"%0*d\"}", 900000, 0);
    error = DX_OK;
    for (int i = 0; i < 64 && error == DX_OK; i++) {
        error = add(&f, "t", json, &key);
    }
    assert_int_equal(error, DX_E_LIMIT);
    dx_transaction_abort(f.transaction);
    peer_commit(&f.alice);
    assert_int_equal(data_length(&f), before);
    fixture_deinit(&f);
}

/* This device stops adding long before others would refuse; taking away goes on. */
static void test_full_object(void **state) {
    (void)state;
    fixture f;
    int64_t key;
    fixture_init(&f);
    begin(&f);
    assert_int_equal(add(&f, "t", "{}", &key), DX_OK);
    commit(&f);
    char *json = malloc(1000003), path[8];
    assert_non_null(json);
    snprintf(json, 1000003, "\"%01000000d\"", 0);
    int error = DX_OK, count = 0;
    begin(&f);
    for (; error == DX_OK && count < 64; count += error == DX_OK) {
        snprintf(path, sizeof path, "k%d", count);
        error = set(&f, key, path, json);
        if (error == DX_OK && count % 5 == 4) { /* known from the row as well as from the transaction */
            commit(&f);
            begin(&f);
        }
    }
    assert_int_equal(error, DX_E_LIMIT);
    assert_int_equal(count, 16);
    assert_int_equal(set(&f, key, "small", "1"), DX_OK);
    assert_int_equal(unset(&f, key, "k3"), DX_OK);
    commit(&f);
    begin(&f);
    assert_int_equal(set(&f, key, "k3", json), DX_OK);
    commit(&f);
    assert_int_equal(f.alice.space->refused, 0);
    free(json);
    fixture_deinit(&f);
}

static void test_many_changed(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f);
    enum { COUNT = 300 };
    int64_t keys[COUNT];
    begin(&f);
    for (int i = 0; i < COUNT; i++) {
        assert_int_equal(add(&f, "t", "{\"a\": 0}", &keys[i]), DX_OK);
    }
    commit(&f);
    begin(&f);
    for (int i = COUNT - 1; i >= 0; i--) {
        char json[16];
        snprintf(json, sizeof json, "%d", i);
        assert_int_equal(set(&f, keys[i * 7 % COUNT], "a", json), DX_OK);
        assert_int_equal(set(&f, keys[i * 7 % COUNT], "b", json), DX_OK);
    }
    commit(&f);
    assert_int_equal(f.alice.space->refused, 0);
    assert_shows(&f.alice, keys[21], "{\"a\":3,\"b\":3}");
    fixture_deinit(&f);
}

DX_TEST_MAIN(DX_TEST(test_object_and_link), DX_TEST(test_one_block_per_transaction),
             DX_TEST(test_changes_in_order), DX_TEST(test_life), DX_TEST(test_refusals_change_nothing),
             DX_TEST(test_large_transaction), DX_TEST(test_too_large), DX_TEST(test_full_object),
             DX_TEST(test_many_changed))
