/* tests/unit/echo/test_index_entry.c: packed entries of indexes hold what was put into them, beside a plain list, however they
 * came and went; walked in both directions from any place; never more rows than entries; what is damaged is said. */
#include <stdlib.h>

#include "echo/index_entry.h"
#include "peer.h"

enum { ENTRIES_MAX = 8192, INDEX = 7, VALUES = 4 };

typedef struct entry {
    uint8_t value; /* of forms of one byte, or, 0, of none */
    int64_t key;
} entry;

typedef struct fixture {
    peer alice;
    entry all[ENTRIES_MAX]; /* ascending, each once */
    size_t count;
    uint64_t state;
} fixture;

static void init(fixture *f) {
    f->state = 11;
    f->count = 0;
    peer_init(&f->alice, 1, "Alice");
    peer_create_space(&f->alice, "Garden");
    peer_settle(&f->alice);
    peer_begin(&f->alice);
}

static void deinit(fixture *f) {
    peer_commit(&f->alice);
    peer_deinit(&f->alice);
}

static uint64_t draw(fixture *f, uint64_t below) {
    f->state = f->state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (f->state >> 33) % below;
}

static int compare(const entry *a, const entry *b) {
    return a->value != b->value ? a->value - b->value : a->key < b->key ? -1 : a->key > b->key;
}

/* Where it stands, or would. */
static size_t place_of(const fixture *f, const entry *of) {
    size_t at = 0;
    while (at < f->count && compare(&f->all[at], of) < 0) {
        at++;
    }
    return at;
}

static void change(fixture *f, entry it, bool comes) {
    size_t at = place_of(f, &it);
    bool is = at < f->count && compare(&f->all[at], &it) == 0;
    dx_bytes form = dx_bytes_of(&it.value, 1);
    assert_int_equal(comes ? dx_entry_add(&f->alice.context, INDEX, form, it.key)
                           : dx_entry_remove(&f->alice.context, INDEX, form, it.key),
                     DX_OK);
    if (comes && !is) {
        assert_true(f->count < ENTRIES_MAX);
        memmove(f->all + at + 1, f->all + at, (f->count++ - at) * sizeof it);
        f->all[at] = it;
    } else if (!comes && is) {
        memmove(f->all + at, f->all + at + 1, (--f->count - at) * sizeof it);
    }
}

/* Keys of two feeds, near each other and far apart, up to the largest there can be. */
static entry draw_entry(fixture *f, uint64_t spread) {
    int64_t key = 1 + (int64_t)draw(f, spread);
    key += draw(f, 5) == 0 ? INT64_MAX - (int64_t)spread - 1 : 0;
    return (entry){(uint8_t)(1 + draw(f, VALUES)), key};
}

static int64_t rows(fixture *f) {
    sqlite3_stmt *row = dx_store_query(f->alice.context.store, "SELECT count(*) FROM property");
    int64_t count = dx_step(f->alice.context.store, row) ? dx_column_int(row, 0) : -1;
    dx_step_reset(row);
    return count;
}

static void check_walk(fixture *f, bool descending, entry edge, uint8_t bound) {
    dx_entry_walk walk;
    size_t at = place_of(f, &edge);
    bool is = at < f->count && compare(&f->all[at], &edge) == 0;
    dx_entry_walk_begin(&walk, &f->alice.context,
                        &(dx_entry_span){.index = INDEX,
                                         .descending = descending,
                                         .edge = dx_bytes_of(&edge.value, 1),
                                         .key = edge.key,
                                         .bound = dx_bytes_of(&bound, 1)});
    at += is && !descending;
    while (dx_entry_walk_next(&walk)) {
        at -= descending; /* beyond the first it wraps, and is no place */
        assert_true(at < f->count);
        assert_int_equal(walk.key, f->all[at].key);
        assert_int_equal(dx_entry_walk_value(&walk).data[0], f->all[at].value);
        at += !descending;
    }
    assert_int_equal(dx_entry_walk_end(&walk), DX_OK);
    if (descending) {
        assert_true(at == 0 || f->all[at - 1].value < bound || edge.value < bound);
    } else {
        assert_true(at >= f->count || f->all[at].value >= bound);
    }
}

static void check(fixture *f) {
    assert_true(rows(f) <= (int64_t)f->count);
    for (int round = 0; round < 12; round++) {
        entry edge = {(uint8_t)draw(f, VALUES + 3), 0};
        uint8_t bound = (uint8_t)draw(f, VALUES + 3);
        if (f->count > 0 && draw(f, 3) > 0) {
            edge = f->all[draw(f, f->count)];
            edge.key += draw(f, 2) == 0 && edge.key < INT64_MAX;
        }
        check_walk(f, draw(f, 2) == 0, edge, bound);
        int64_t expected = 0, most = 1 + (int64_t)draw(f, 3000), counted;
        for (size_t i = 0; i < f->count; i++) {
            expected += f->all[i].value >= edge.value && f->all[i].value < bound;
        }
        assert_int_equal(dx_entry_count(&f->alice.context, INDEX, dx_bytes_of(&edge.value, 1),
                                        dx_bytes_of(&bound, 1), most, &counted),
                         DX_OK);
        assert_int_equal(counted, expected < most ? expected : most);
    }
}

/* Many side by side, and few far apart; growing, turning over and going. */
static void test_beside_a_list(void **state) {
    static fixture f;
    static const uint64_t spreads[] = {3000, INT64_C(1) << 40};
    (void)state;
    for (size_t s = 0; s < 2; s++) {
        init(&f);
        for (int coming = 9; coming > 0; coming -= 4) {
            for (int i = 0; i < 3000; i++) {
                entry it =
                    f.count > 0 && draw(&f, 2) == 0 ? f.all[draw(&f, f.count)] : draw_entry(&f, spreads[s]);
                change(&f, it, (int)draw(&f, 10) < coming);
                if (i % 500 == 0) {
                    check(&f);
                }
            }
            check(&f);
        }
        while (f.count > 0) {
            change(&f, f.all[draw(&f, f.count)], false);
        }
        assert_int_equal(rows(&f), 0);
        check(&f);
        deinit(&f);
    }
}

/* Ascending keys fill one pack after another; the same in the other direction is at worst a row each. */
static void test_packs_are_full(void **state) {
    static fixture f;
    (void)state;
    init(&f);
    for (int64_t i = 0; i < 4 * DX_ENTRY_KEYS_MAX; i++) {
        change(&f, (entry){1, 100 + i * 127}, true);
    }
    assert_int_equal(rows(&f), 4);
    for (int64_t i = 600; i > 0; i--) {
        change(&f, (entry){2, i}, true);
    }
    assert_true(rows(&f) <= 604);
    check(&f);
    deinit(&f);
}

static void test_damage_is_said(void **state) {
    static const struct {
        int64_t key;
        const char *rest;
        size_t size;
    } damaged[] = {{0, "", 0},
                   {-1, "", 0},
                   {1, "\x00", 1},
                   {1, "\x80", 1},
                   {1, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 10},
                   {INT64_MAX - 1, "\x02", 1}};
    static fixture f;
    (void)state;
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        uint8_t value = 1, bound = 2;
        init(&f);
        sqlite3_stmt *insert = dx_store_query(
            f.alice.context.store, "INSERT INTO property(ix, value, key, rest) VALUES(?1, x'01', ?2, ?3)");
        dx_bind_int(insert, 1, INDEX);
        dx_bind_int(insert, 2, damaged[i].key);
        dx_bind_bytes(insert, 3, dx_bytes_of(damaged[i].rest, damaged[i].size));
        assert_int_equal(dx_step_done(f.alice.context.store, insert), DX_OK);
        assert_int_equal(dx_entry_add(&f.alice.context, INDEX, dx_bytes_of(&value, 1), INT64_MAX),
                         DX_E_CORRUPT);
        dx_entry_walk walk;
        dx_entry_walk_begin(&walk, &f.alice.context,
                            &(dx_entry_span){.index = INDEX,
                                             .descending = true,
                                             .edge = dx_bytes_of(&bound, 1),
                                             .bound = dx_bytes_of(&value, 1)});
        assert_false(dx_entry_walk_next(&walk));
        assert_int_equal(dx_entry_walk_end(&walk), DX_E_CORRUPT);
        deinit(&f);
    }
}

DX_TEST_MAIN(DX_TEST(test_beside_a_list), DX_TEST(test_packs_are_full), DX_TEST(test_damage_is_said))
