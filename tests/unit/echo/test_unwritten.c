/* tests/unit/echo/test_unwritten.c: the set of rows that are not in their tables: as they were, as they shall be, in what
 * order, how large; and no memory. */
#include "echo/unwritten.h"
#include "test.h"

typedef struct fixture {
    test_alloc alloc;
    test_random random;
    dx_unwritten set;
} fixture;

static void init(fixture *f) {
    test_alloc_init(&f->alloc);
    test_random_init(&f->random, 1);
    dx_unwritten_init(&f->set, &f->alloc.port, &f->random.port);
}

static void deinit(fixture *f) {
    dx_unwritten_deinit(&f->set);
    assert_int_equal(f->alloc.live_bytes, 0);
}

static dx_entity_row row_of(int64_t key, const char *state) {
    return (dx_entity_row){.key = key, .type = 1, .model = 2, .state = dx_bytes_text(state)};
}

static void put(fixture *f, const dx_entity_row *before, const dx_entity_row *after) {
    assert_int_equal(dx_unwritten_put(&f->set, before, after), DX_OK);
}

static void assert_state(const dx_entity_row *row, const char *text) {
    assert_true(dx_bytes_equal(row->state, dx_bytes_text(text)));
}

static void test_before_and_after(void **state) {
    (void)state;
    fixture f;
    init(&f);
    dx_entity_row first = row_of(7, "first"), second = row_of(7, "the second one"), third = row_of(7, "3rd");
    assert_null(dx_unwritten_find(&f.set, 7));
    put(&f, &first, &second);
    put(&f, &second, &third); /* what the table has is still the first */
    const dx_unwritten_row *row = dx_unwritten_find(&f.set, 7);
    assert_true(row->was && row->is && f.set.made == 0);
    assert_state(&row->before, "first");
    assert_state(&row->after, "3rd");
    dx_entity_row same = row->after; /* its state lies in the set */
    same.deleted = true;
    put(&f, &row->after, &same);
    row = dx_unwritten_find(&f.set, 7);
    assert_true(row->after.deleted);
    assert_state(&row->after, "3rd");
    put(&f, &row->after, NULL);
    row = dx_unwritten_find(&f.set, 7);
    assert_true(row->was && !row->is);
    dx_entity_row fresh = row_of(8, "");
    fresh.parent = 5;
    put(&f, NULL, &fresh);
    put(&f, &fresh, NULL);
    row = dx_unwritten_find(&f.set, 8);
    assert_true(!row->was && !row->is && f.set.made == 1);
    assert_non_null(dx_key_table_find(&f.set.parents, 5));
    assert_int_equal(f.set.changes, 6);
    assert_true(dx_unwritten_size(&f.set) >= 2 * sizeof *row);
    dx_unwritten_clear(&f.set);
    assert_null(dx_unwritten_find(&f.set, 7));
    assert_null(dx_key_table_find(&f.set.parents, 5));
    assert_int_equal(f.set.row_count + f.set.changes + f.set.made + f.set.states.held_size, 0);
    deinit(&f);
}

/* As many as fill several chunks, some of them growing: each is where it was. */
static void test_many(void **state) {
    (void)state;
    enum { COUNT = 3 * DX_UNWRITTEN_CHUNK_ROWS + 7 };
    static const char text[] = "a state that grows and grows and grows beyond what it took at first";
    fixture f;
    init(&f);
    for (size_t round = 1; round < 4; round++) {
        for (int64_t key = 1; key <= COUNT; key++) {
            dx_entity_row row = row_of(key, "");
            row.state = dx_bytes_of((const uint8_t *)text, (size_t)key * round % sizeof text);
            put(&f, NULL, &row);
        }
    }
    assert_int_equal(f.set.row_count, COUNT);
    assert_int_equal(f.set.made, COUNT);
    for (int64_t key = 1; key <= COUNT; key++) {
        const dx_unwritten_row *row = dx_unwritten_find(&f.set, key);
        assert_ptr_equal(row, dx_unwritten_at(&f.set, (size_t)key - 1));
        assert_int_equal(row->after.state.size, (size_t)key * 3 % sizeof text);
        assert_true(row->after.state.size == 0 ||
                    memcmp(row->after.state.data, text, row->after.state.size) == 0);
    }
    deinit(&f);
}

static bool is_in_order(const dx_touch_row *a, const dx_touch_row *b) {
    return a->entity != b->entity     ? a->entity < b->entity
           : a->counter != b->counter ? a->counter < b->counter
           : a->block != b->block     ? a->block < b->block
                                      : a->section <= b->section;
}

static void test_order(void **state) {
    (void)state;
    enum { COUNT = 500 };
    fixture f;
    dx_buf keys;
    init(&f);
    dx_buf_init(&keys, &f.alloc.port, SIZE_MAX);
    for (int64_t i = 0; i < COUNT; i++) {
        dx_entity_row row = row_of(1 + i * 7919 % COUNT, "x");
        dx_touch_row touch = {
            .entity = i * 31 % 7, .counter = i * 17 % 5, .block = i * 13 % 3, .section = i % 2};
        put(&f, NULL, &row);
        assert_int_equal(dx_unwritten_touch(&f.set, &touch), DX_OK);
    }
    assert_int_equal(dx_unwritten_order(&f.set, &keys), DX_OK);
    assert_int_equal(dx_key_list_count(&keys), COUNT);
    for (size_t i = 1; i < COUNT; i++) {
        assert_true(dx_key_list_at(&keys, i - 1) < dx_key_list_at(&keys, i));
        assert_true(is_in_order(&f.set.touches[i - 1], &f.set.touches[i]));
    }
    dx_buf_deinit(&keys);
    deinit(&f);
}

/* Every allocation fails once: what was there stays, and the same put succeeds afterwards. */
static void test_no_memory(void **state) {
    (void)state;
    for (uint64_t fail_at = 1, done = 0; !done; fail_at++) {
        fixture f;
        init(&f);
        dx_entity_row before = row_of(3, "before"), after = row_of(3, "after that");
        dx_touch_row touch = {.entity = 3};
        after.parent = 2;
        f.alloc.fail_at = fail_at;
        int error = dx_unwritten_put(&f.set, &before, &after);
        error = error == DX_OK ? dx_unwritten_touch(&f.set, &touch) : error;
        done = f.alloc.calls < fail_at;
        f.alloc.fail_at = 0;
        assert_int_equal(error, done ? DX_OK : DX_E_NO_MEMORY);
        put(&f, &before, &after);
        assert_state(&dx_unwritten_find(&f.set, 3)->before, "before");
        assert_state(&dx_unwritten_find(&f.set, 3)->after, "after that");
        deinit(&f);
    }
}

/* Of the changes, those whose rows an opening after a crash would have to read: the first change of each that has a table's row. */
static void test_reads(void **state) {
    (void)state;
    fixture f;
    init(&f);
    dx_entity_row first = row_of(7, "first"), second = row_of(7, "second"), other = row_of(8, "other"),
                  made = row_of(9, "made");
    assert_int_equal(dx_unwritten_hold(&f.set, &first), DX_OK);
    assert_true(f.set.reads == 0 && f.set.changes == 0);
    put(&f, &first, &second);
    put(&f, &second, &first);
    assert_true(f.set.reads == 1 && f.set.changes == 2);
    put(&f, NULL, &made);
    put(&f, &made, &made);
    assert_int_equal(f.set.reads, 1);
    put(&f, &other, NULL);
    assert_int_equal(f.set.reads, 2);
    dx_unwritten_row logged = {.key = 10, .was = true, .is = true, .logged = true};
    dx_unwritten_packed packed = {.was = true};
    logged.before.key = logged.after.key = 10;
    assert_int_equal(dx_unwritten_pack(&f.set, 10, &packed, 0), DX_OK);
    assert_int_equal(dx_unwritten_load(&f.set, &logged), DX_OK);
    dx_entity_row changed = row_of(10, "changed");
    put(&f, &logged.after, &changed);
    assert_true(f.set.reads == 2 && f.set.changes == 6);
    deinit(&f);
}

/* Packed: counted and summed, but not found until they are loaded; of one key the last. */
static void test_packed(void **state) {
    (void)state;
    enum { KEYS = 200 };
    fixture f;
    init(&f);
    for (int64_t key = 1; key <= KEYS; key++) {
        dx_unwritten_packed packed = {.piece = 1, .offset = (uint32_t)key, .was = key % 2 == 0, .objects = 1};
        assert_int_equal(dx_unwritten_pack(&f.set, key, &packed, key == 5 ? 77 : 0), DX_OK);
    }
    dx_unwritten_packed later = {.piece = 2, .offset = 9, .was = true, .objects = -1, .links = 1};
    assert_int_equal(dx_unwritten_pack(&f.set, 4, &later, 0), DX_OK);
    assert_true(dx_unwritten_count(&f.set) == KEYS && f.set.row_count == 0);
    assert_true(f.set.packed_objects == KEYS - 2 && f.set.packed_links == 1);
    assert_int_equal(f.set.made, KEYS / 2);
    assert_non_null(dx_key_table_find(&f.set.parents, 77));
    assert_null(dx_unwritten_find(&f.set, 4));
    assert_int_equal(dx_unwritten_find_packed(&f.set, 4)->piece, 2);
    dx_unwritten_row row = {.key = 4, .was = true, .is = true, .logged = true};
    assert_int_equal(dx_unwritten_load(&f.set, &row), DX_OK);
    assert_null(dx_unwritten_find_packed(&f.set, 4));
    assert_true(dx_unwritten_find(&f.set, 4)->unread && dx_unwritten_count(&f.set) == KEYS);
    assert_true(f.set.packed_objects == KEYS - 1 && f.set.packed_links == 0 && f.set.made == KEYS / 2);
    assert_non_null(dx_unwritten_find_packed(&f.set, 3));
    assert_null(dx_unwritten_find_packed(&f.set, KEYS + 1));
    dx_unwritten_clear(&f.set);
    assert_int_equal(dx_unwritten_count(&f.set) + (size_t)f.set.packed_objects, 0);
    deinit(&f);
}

DX_TEST_MAIN(DX_TEST(test_before_and_after), DX_TEST(test_packed), DX_TEST(test_reads), DX_TEST(test_many),
             DX_TEST(test_order), DX_TEST(test_no_memory))
