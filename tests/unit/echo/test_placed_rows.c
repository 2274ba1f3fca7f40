/* tests/unit/echo/test_placed_rows.c: rows that are known without their table: whole or not at all, the last one that was put,
 * no more than may be; and against the tables themselves, whatever becomes of rows. */
#include "echo/entity_row.h"
#include "echo/placed_rows.h"
#include "peer.h"

enum { MOST = 64 };

typedef struct fixture {
    test_alloc alloc;
    dx_placed_rows *placed;
} fixture;

static void init(fixture *f) {
    test_alloc_init(&f->alloc);
    f->placed = dx_placed_rows_create(&f->alloc.port);
    assert_non_null(f->placed);
}

static void deinit(fixture *f) {
    dx_placed_rows_destroy(f->placed);
    assert_int_equal(f->alloc.live_bytes, 0);
}

static void assert_same(const dx_entity_row *a, const dx_entity_row *b) {
    assert_true(a->key == b->key && a->kind == b->kind && a->type == b->type && a->model == b->model);
    assert_true(a->created == b->created && a->parent == b->parent && a->source == b->source &&
                a->target == b->target);
    assert_true(a->deleted == b->deleted && a->has_life == b->has_life);
    assert_true(a->life_counter == b->life_counter && a->life_feed == b->life_feed);
    assert_true(dx_bytes_equal(a->state, b->state));
}

static bool is_known(const fixture *f, int64_t key) {
    dx_entity_row row;
    return dx_placed_rows_find(f->placed, key, &row);
}

/* Every combination of what a row may have. */
static void test_whole(void **state) {
    (void)state;
    fixture f;
    init(&f);
    assert_false(is_known(&f, 1));
    dx_placed_rows_remove(f.placed, 1);
    for (int64_t has = 0; has < 64; has++) {
        dx_entity_row row = {
            .key = has + 1, .kind = has & 1, .type = 7 + has, .model = has % 2 == 0 ? 3 : -3};
        row.created = INT64_MAX - has;
        row.parent = (has & 1) != 0 ? INT64_MAX - 1 : 0;
        row.source = (has & 2) != 0 ? 5 : 0;
        row.target = (has & 4) != 0 ? 6 : 0;
        row.deleted = (has & 8) != 0;
        row.has_life = (has & 16) != 0;
        row.life_counter = row.has_life ? INT64_MAX : 0;
        row.life_feed = row.has_life ? 9 : 0;
        row.state = (has & 32) != 0 ? dx_bytes_text("what the model saved") : dx_bytes_of(NULL, 0);
        dx_entity_row out;
        dx_placed_rows_put(f.placed, &row, MOST);
        assert_true(dx_placed_rows_find(f.placed, row.key, &out));
        assert_same(&row, &out);
    }
    deinit(&f);
}

/* What does not fit is not known, and what was known of it before neither. */
static void test_too_large(void **state) {
    (void)state;
    static const uint8_t bytes[DX_PLACED_ROW_SIZE];
    fixture f;
    init(&f);
    dx_entity_row row = {.key = 3, .type = 1, .model = 1, .state = dx_bytes_of(bytes, 8)};
    size_t largest = 0;
    for (size_t size = 0; size <= sizeof bytes; size++) {
        row.state.size = 8;
        dx_placed_rows_put(f.placed, &row, MOST);
        assert_true(is_known(&f, 3));
        row.state.size = size;
        dx_placed_rows_put(f.placed, &row, MOST);
        assert_true(is_known(&f, 3) == (size <= 101));
        largest = is_known(&f, 3) ? size : largest;
    }
    assert_int_equal(largest, 101);
    row.state.size = 8;
    const dx_entity_row good = row;
    int64_t *const numbers[] = {&row.kind, &row.type, &row.model};
    for (size_t i = 0; i < 3; i++) {
        row = good;
        dx_placed_rows_put(f.placed, &row, MOST);
        assert_true(is_known(&f, 3));
        *numbers[i] = (int64_t)INT32_MAX + 1;
        dx_placed_rows_put(f.placed, &row, MOST);
        assert_false(is_known(&f, 3));
    }
    deinit(&f);
}

/* Rows put, put again and removed at random: what is known is what was put last. */
static void test_last_put(void **state) {
    (void)state;
    enum { KEYS = 300, STEPS = 20000 };
    int64_t created[KEYS + 1] = {0}; /* of the row put last; 0: removed or never there */
    fixture f;
    test_random random;
    size_t known = 0;
    init(&f);
    test_random_init(&random, 3);
    for (int64_t step = 1; step <= STEPS; step++) {
        int64_t key = 1 + (int64_t)(test_random_next(&random) % KEYS);
        dx_entity_row row = {.key = key, .type = 1, .model = 1, .created = step}, out;
        if (test_random_next(&random) % 4 == 0) {
            dx_placed_rows_remove(f.placed, key);
            created[key] = 0;
            assert_false(is_known(&f, key));
        } else {
            dx_placed_rows_put(f.placed, &row, MOST);
            created[key] = step;
            assert_true(is_known(&f, key));
        }
        key = 1 + (int64_t)(test_random_next(&random) % KEYS);
        if (dx_placed_rows_find(f.placed, key, &out)) {
            assert_int_equal(out.created, created[key]);
            assert_true(created[key] != 0);
        }
    }
    for (int64_t key = 1; key <= KEYS; key++) {
        known += is_known(&f, key);
    }
    assert_true(known > MOST / 2 && known <= MOST);
    assert_true(f.alloc.live_bytes <= (MOST + 2) * DX_PLACED_ROW_SIZE);
    dx_placed_rows_clear(f.placed);
    for (int64_t key = 1; key <= KEYS; key++) {
        assert_false(is_known(&f, key));
    }
    deinit(&f);
}

static void test_no_memory(void **state) {
    (void)state;
    fixture f;
    init(&f);
    f.alloc.fail_at = f.alloc.calls + 1;
    dx_entity_row row = {.key = 3, .type = 1, .model = 1};
    dx_placed_rows_put(f.placed, &row, MOST);
    assert_false(is_known(&f, 3));
    f.alloc.fail_at = 0;
    dx_placed_rows_put(f.placed, &row, MOST);
    assert_true(is_known(&f, 3));
    deinit(&f);
}

/* --- Beside the tables -------------------------------------------------------------------------------------- */

/* What is known of the key is what its table has; whether anything is. */
static bool check_row(peer *self, int64_t key) {
    dx_entity_row known, read;
    bool knows = dx_placed_rows_find(self->space->placed, key, &known);
    if (knows) {
        dx_placed_rows *placed = self->space->placed;
        self->space->placed =
            dx_placed_rows_create(self->context.alloc); /* knows nothing: the table is asked */
        assert_int_equal(dx_entity_row_read(&self->context, self->space, key, &read), DX_OK);
        assert_same(&known, &read);
        dx_placed_rows_destroy(self->space->placed);
        self->space->placed = placed;
    }
    return knows;
}

static void test_as_tables(void **state) {
    (void)state;
    enum { OBJECTS = 40, ROUNDS = 12 };
    peer alice;
    int64_t keys[OBJECTS];
    test_random random;
    size_t known = 0;
    test_random_init(&random, 8);
    peer_init(&alice, 1, "Alice");
    alice.context.rows_max = 16;
    peer_create_space(&alice, "Garden");
    for (size_t i = 0; i < OBJECTS; i++) {
        keys[i] = i % 5 == 4 ? peer_link(&alice, "beside", keys[i - 1], keys[i - 2])
                             : peer_add(&alice, "tree", "{\"age\":3}");
    }
    for (size_t round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < OBJECTS; i++) {
            size_t at = test_random_next(&random) % OBJECTS;
            char age[] = {(char)('0' + i % 10), 0};
            if (test_random_next(&random) % 6 == 0) {
                peer_change_life(&alice, keys[at], true);
                peer_change_life(&alice, keys[at], false);
            } else {
                peer_set(&alice, keys[at], "age", age);
            }
        }
        peer_begin(&alice); /* as a branch that is taken back does (withdraw.h) */
        dx_entity_row row;
        assert_int_equal(dx_entity_row_read(&alice.context, alice.space, keys[round], &row), DX_OK);
        assert_int_equal(dx_entity_row_write(&alice.context, alice.space, &row, NULL), DX_OK);
        assert_int_equal(dx_entity_rows_write(&alice.context, alice.space), DX_OK);
        assert_int_equal(dx_entity_row_read(&alice.context, alice.space, keys[round], &row), DX_E_NOT_FOUND);
        for (size_t i = 0; i < OBJECTS; i++) {
            known += check_row(&alice, keys[i]);
        }
        peer_rollback(&alice); /* opened anew: knows nothing any more */
        for (size_t i = 0; i < OBJECTS; i++) {
            peer_begin(&alice);
            assert_int_equal(dx_entity_row_find(&alice.context, alice.space, keys[i]), DX_OK);
            peer_commit(&alice);
        }
    }
    assert_true(known > ROUNDS * OBJECTS / 4);
    peer_deinit(&alice);
}

DX_TEST_MAIN(DX_TEST(test_whole), DX_TEST(test_too_large), DX_TEST(test_last_put), DX_TEST(test_no_memory),
             DX_TEST(test_as_tables))
