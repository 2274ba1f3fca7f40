/* tests/unit/echo/test_edits.c: arrays, sets and counters edited in local transactions, by the numbers people see.
 * Names model/object_editor.c, model/object_list.c, model/object_shown.c and model/object_element.c too. */
#include "codec/canonical.h"
#include "peer.h"
#include "test_item.h"

typedef struct fixture {
    peer alice;
    dx_transaction *transaction;
    int64_t key;
} fixture;

static void begin(fixture *f) {
    peer_begin(&f->alice);
    assert_int_equal(dx_transaction_begin(&f->alice.context, f->alice.space, &f->transaction), DX_OK);
}

static void commit(fixture *f) {
    assert_int_equal(dx_transaction_commit(f->transaction), DX_OK);
    peer_commit(&f->alice);
}

static void add(fixture *f, const char *json) {
    assert_int_equal(
        dx_transaction_add_object(f->transaction, dx_bytes_text("t"), 0, test_item(json), &f->key), DX_OK);
}

/* A space with one object, in a transaction that has just begun. */
static void fixture_init(fixture *f, const char *json) {
    peer_init(&f->alice, 1, "Alice");
    peer_create_space(&f->alice, "Garden");
    begin(f);
    add(f, json);
    commit(f);
    begin(f);
}

static void fixture_deinit(fixture *f) {
    peer_deinit(&f->alice);
}

static int insert(fixture *f, const char *path, size_t at, const char *json) {
    return dx_transaction_insert(f->transaction, f->key, dx_bytes_text(path), at, test_item(json));
}

static int take(fixture *f, const char *path, size_t at) {
    return dx_transaction_remove(f->transaction, f->key, dx_bytes_text(path), at);
}

static int replace(fixture *f, const char *path, size_t at, const char *json) {
    return dx_transaction_replace(f->transaction, f->key, dx_bytes_text(path), at, test_item(json));
}

static int move(fixture *f, const char *path, size_t from, size_t to) {
    return dx_transaction_reorder(f->transaction, f->key, dx_bytes_text(path), from, to);
}

static int include(fixture *f, const char *path, const char *json, bool in) {
    return dx_transaction_include(f->transaction, f->key, dx_bytes_text(path), test_item(json), in);
}

static int increment(fixture *f, const char *path, int64_t by) {
    return dx_transaction_increment(f->transaction, f->key, dx_bytes_text(path), by);
}

static int set(fixture *f, const char *path, const char *json) {
    return dx_transaction_set(f->transaction, f->key, dx_bytes_text(path), test_item(json));
}

static void test_arrays(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f, "{\"l\": [1, 2, 3]}");
    assert_int_equal(insert(&f, "l", DX_AT_END, "4"), DX_OK);
    assert_int_equal(insert(&f, "l", 0, "0"), DX_OK);
    assert_int_equal(move(&f, "l", 4, 1), DX_OK);
    assert_int_equal(take(&f, "l", 2), DX_OK);
    assert_int_equal(replace(&f, "l", 3, "\"three\""), DX_OK);
    commit(&f);
    assert_shows(&f.alice, f.key, "{\"l\":[0,4,2,\"three\"]}");
    begin(&f);
    assert_int_equal(move(&f, "l", 0, 3), DX_OK);
    assert_int_equal(move(&f, "l", 3, 2), DX_OK);
    assert_int_equal(take(&f, "l", 0), DX_OK);
    assert_int_equal(insert(&f, "n.deep", DX_AT_END, "[{}]"), DX_OK);
    assert_int_equal(move(&f, "n.deep", 0, 0), DX_OK);
    commit(&f);
    assert_shows(&f.alice, f.key, "{\"l\":[2,0,\"three\"],\"n\":{\"deep\":[[{}]]}}");
    fixture_deinit(&f);
}

static void test_sets_and_counters(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f, "{\"s\": [\"b\"], \"n\": 5}");
    assert_int_equal(include(&f, "s", "\"a\"", true), DX_OK);
    assert_int_equal(include(&f, "s", "\"b\"", true), DX_OK);
    assert_int_equal(include(&f, "s", "{\"x\": 1}", true), DX_OK);
    assert_int_equal(increment(&f, "n", 2), DX_OK);
    assert_int_equal(increment(&f, "n", -10), DX_OK);
    assert_int_equal(increment(&f, "m", 3), DX_OK);
    commit(&f);
    assert_shows(&f.alice, f.key, "{\"m\":3,\"n\":-3,\"s\":[\"b\",\"a\",{\"x\":1}]}");
    begin(&f);
    assert_int_equal(include(&f, "s", "\"b\"", false), DX_OK);
    assert_int_equal(include(&f, "s", "\"a\"", false), DX_OK);
    assert_int_equal(increment(&f, "n", 1), DX_OK);
    assert_int_equal(insert(&f, "s", 0, "\"b\""), DX_OK); /* what was taken out shows again, once */
    assert_int_equal(set(&f, "m", "10"), DX_OK);
    assert_int_equal(increment(&f, "m", 1), DX_OK);
    commit(&f);
    assert_shows(&f.alice, f.key, "{\"m\":11,\"n\":-2,\"s\":[\"b\",{\"x\":1}]}");
    fixture_deinit(&f);
}

/* What is written and edited in one transaction takes the blocks it needs, and shows as if done one by one. */
static void test_one_transaction(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f, "{}");
    add(&f, "{\"l\": [1], \"n\": 1}");
    assert_int_equal(insert(&f, "l", DX_AT_END, "2"), DX_OK);
    assert_int_equal(increment(&f, "n", 1), DX_OK);
    assert_int_equal(set(&f, "l", "[7, 8]"), DX_OK);
    assert_int_equal(take(&f, "l", 0), DX_OK);
    assert_int_equal(insert(&f, "l", DX_AT_END, "9"), DX_OK);
    assert_int_equal(set(&f, "n", "5"), DX_OK);
    assert_int_equal(increment(&f, "n", 1), DX_OK);
    assert_int_equal(dx_transaction_unset(f.transaction, f.key, dx_bytes_text("o")), DX_OK);
    assert_int_equal(insert(&f, "o", 0, "1"), DX_OK);
    assert_int_equal(set(&f, "o.p", "1"), DX_OK); /* a map takes the array's place */
    assert_int_equal(insert(&f, "o", 0, "1"), DX_E_CONFLICT);
    assert_int_equal(dx_transaction_unset(f.transaction, f.key, dx_bytes_text("o.p")), DX_OK);
    assert_int_equal(insert(&f, "o", 1, "2"), DX_OK);
    commit(&f);
    assert_shows(&f.alice, f.key, "{\"l\":[8,9],\"n\":6,\"o\":[1,2]}");
    fixture_deinit(&f);
}

static void test_refusals_change_nothing(void **state) {
    (void)state;
    fixture f;
    dx_buf large;
    fixture_init(&f, "{\"l\": [1], \"n\": 9223372036854775807, \"t\": \"x\", \"m\": {\"a\": 1}}");
    assert_int_equal(insert(&f, "l", 2, "1"), DX_E_NOT_FOUND);
    assert_int_equal(take(&f, "l", 1), DX_E_NOT_FOUND);
    assert_int_equal(replace(&f, "l", 1, "1"), DX_E_NOT_FOUND);
    assert_int_equal(move(&f, "l", 1, 0), DX_E_NOT_FOUND);
    assert_int_equal(move(&f, "l", 0, 1), DX_E_NOT_FOUND);
    assert_int_equal(increment(&f, "n", 1), DX_E_LIMIT);
    assert_int_equal(increment(&f, "l", 1), DX_E_CONFLICT);
    assert_int_equal(increment(&f, "t", 1), DX_E_CONFLICT);
    assert_int_equal(increment(&f, "m", 1), DX_E_CONFLICT);
    assert_int_equal(insert(&f, "n", 0, "1"), DX_E_CONFLICT);
    assert_int_equal(insert(&f, "m", 0, "1"), DX_E_CONFLICT);
    assert_int_equal(include(&f, "t", "1", true), DX_E_CONFLICT);
    assert_int_equal(insert(&f, "a..b", 0, "1"), DX_E_INVALID);
    assert_int_equal(
        dx_transaction_insert(f.transaction, f.key, dx_bytes_text("l"), 0, dx_bytes_text("\x18")),
        DX_E_INVALID);
    assert_int_equal(dx_transaction_insert(f.transaction, f.key + 1, dx_bytes_text("l"), 0, test_item("1")),
                     DX_E_NOT_FOUND);
    dx_buf_init(&large, &f.alice.alloc.port, 4096);
    dx_writer writer;
    dx_writer_init(&writer, &large);
    memset(dx_write_bytes_room(&writer, DX_OBJECT_KEY_SIZE_MAX), 1, DX_OBJECT_KEY_SIZE_MAX);
    assert_int_equal(
        dx_transaction_include(f.transaction, f.key, dx_bytes_text("l"), dx_buf_view(&large), true),
        DX_E_LIMIT);
    dx_buf_deinit(&large);
    assert_int_equal(dx_transaction_delete(f.transaction, f.key), DX_OK);
    assert_int_equal(insert(&f, "l", 0, "1"), DX_E_STATE);
    assert_int_equal(dx_transaction_restore(f.transaction, f.key), DX_OK);
    commit(&f);
    assert_shows(&f.alice, f.key, "{\"l\":[1],\"m\":{\"a\":1},\"n\":9223372036854775807,\"t\":\"x\"}");
    fixture_deinit(&f);
}

/* A plain array beside it, edited at random over many transactions, always shows the same. */
static void test_like_a_plain_array(void **state) {
    (void)state;
    enum { STEPS = 3000, ITEMS_MAX = 200 };
    fixture f;
    test_random random;
    int plain[ITEMS_MAX + 1], count = 2;
    char json[ITEMS_MAX * 6 + 16], value[16];
    fixture_init(&f, "{\"l\": [0, 1]}");
    test_random_init(&random, 77);
    plain[0] = 0;
    plain[1] = 1;
    for (int step = 2; step < STEPS; step++) {
        uint8_t draw[4];
        random.port.fill(random.port.ctx, draw, sizeof draw);
        int at = count == 0 ? 0 : draw[1] % count, to = count == 0 ? 0 : draw[2] % count, held;
        snprintf(value, sizeof value, "%d", step);
        switch (count == 0 ? 0 : count == ITEMS_MAX ? 3 : draw[0] % 6) {
        case 0:
        case 1:
            at = draw[1] % (count + 1);
            assert_int_equal(insert(&f, "l", (size_t)at, value), DX_OK);
            memmove(plain + at + 1, plain + at, (size_t)(count++ - at) * sizeof *plain);
            plain[at] = step;
            break;
        case 2:
            assert_int_equal(replace(&f, "l", (size_t)at, value), DX_OK);
            plain[at] = step;
            break;
        case 3:
            assert_int_equal(take(&f, "l", (size_t)at), DX_OK);
            memmove(plain + at, plain + at + 1, (size_t)(--count - at) * sizeof *plain);
            break;
        default:
            assert_int_equal(move(&f, "l", (size_t)at, (size_t)to), DX_OK);
            held = plain[at];
            memmove(plain + at, plain + at + 1, (size_t)(count - 1 - at) * sizeof *plain);
            memmove(plain + to + 1, plain + to, (size_t)(count - 1 - to) * sizeof *plain);
            plain[to] = held;
            break;
        }
        if (draw[3] % 16 == 0 || step == STEPS - 1) {
            commit(&f);
            size_t size = (size_t)snprintf(json, sizeof json, "{\"l\":[");
            for (int i = 0; i < count; i++) {
                size += (size_t)snprintf(json + size, sizeof json - size, i == 0 ? "%d" : ",%d", plain[i]);
            }
            snprintf(json + size, sizeof json - size, "]}");
            assert_shows(&f.alice, f.key, json);
            begin(&f);
        }
    }
    commit(&f);
    fixture_deinit(&f);
}

/* Ten thousand at one spot in one transaction: some blocks, and no minutes. */
static void test_many_items(void **state) {
    (void)state;
    enum { MANY = 10000 };
    fixture f;
    dx_buf saved;
    fixture_init(&f, "{\"l\": [true]}");
    dx_bytes value = test_item("12345");
    for (size_t i = 0; i < MANY; i++) {
        assert_int_equal(dx_transaction_insert(f.transaction, f.key, dx_bytes_text("l"),
                                               i % 2 == 0 ? DX_AT_END : 1, value),
                         DX_OK);
    }
    commit(&f);
    begin(&f);
    for (size_t i = 0; i < MANY / 2; i++) {
        assert_int_equal(take(&f, "l", 1 + i), DX_OK);
    }
    assert_int_equal(take(&f, "l", MANY / 2 + 1), DX_E_NOT_FOUND);
    commit(&f);
    peer_begin(&f.alice);
    dx_entity entity;
    dx_buf_init(&saved, &f.alice.alloc.port, 16 << 20);
    assert_int_equal(dx_entity_read(&f.alice.context, f.alice.space, f.key, &entity), DX_OK);
    dx_writer writer;
    dx_writer_init(&writer, &saved);
    assert_int_equal(dx_entity_view(&f.alice.context, f.alice.space, &entity, &writer), DX_OK);
    dx_reader reader;
    dx_reader_init(&reader, dx_item_get(dx_buf_view(&saved), "l"));
    assert_int_equal(dx_read_array(&reader), MANY / 2 + 1);
    dx_buf_deinit(&saved);
    peer_commit(&f.alice);
    fixture_deinit(&f);
}

DX_TEST_MAIN(DX_TEST(test_arrays), DX_TEST(test_sets_and_counters), DX_TEST(test_one_transaction),
             DX_TEST(test_refusals_change_nothing), DX_TEST(test_like_a_plain_array),
             DX_TEST(test_many_items))
