/* tests/unit/echo/test_adjacency.c: packs of links and heads beside a plain list, however these came and went; what a walk tells
 * from any place; what an older vault had, taken over; what goes with a forgotten feed; what is damaged is said.
 *
 * Names echo/adjacency.c and echo/adjacency_write.c. */
#include "echo/adjacency.h"

#include <stdlib.h>

#include "peer.h"
#include "store/schema.h"

enum { ROWS_MAX = 6000, OBJECTS = 40, TYPES = 3 };

/* Rows as entity_row.c would tell them: they stand in no table of entities here. */
typedef struct fixture {
    peer alice;
    dx_entity_row rows[ROWS_MAX];
    size_t count;
    uint64_t made, state;
} fixture;

static void init(fixture *f) {
    f->state = 5;
    f->count = 0;
    peer_init(&f->alice, 1, "Alice");
    peer_create_space(&f->alice, "Garden");
    peer_settle(&f->alice);
    peer_begin(&f->alice);
    sqlite3_stmt *clear = dx_store_query(f->alice.context.store, "DELETE FROM adjacency");
    assert_int_equal(dx_step_done(f->alice.context.store, clear), DX_OK);
}

static void deinit(fixture *f) {
    peer_commit(&f->alice);
    peer_deinit(&f->alice);
}

static uint64_t draw(fixture *f, uint64_t below) {
    f->state = f->state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (f->state >> 33) % below;
}

static void take(fixture *f, const dx_entity_row *before, const dx_entity_row *after) {
    assert_int_equal(dx_adjacency_take(&f->alice.context, f->alice.space, before, after), DX_OK);
}

static void write_all(fixture *f) {
    assert_int_equal(dx_adjacency_write(&f->alice.context, f->alice.space), DX_OK);
}

/* Objects of two feeds near each other, at the ends of what there can be, and one that very many links have. */
static int64_t draw_object(fixture *f) {
    int64_t feed = draw(f, 3) == 0 ? 32767 : 3;
    return draw(f, 4) == 0 ? dx_entity_key(3, 9, 9)
                           : dx_entity_key(feed, draw(f, 2) * 0x7fffffff, draw(f, OBJECTS));
}

static void add_row(fixture *f, bool link) {
    assert_true(f->count < ROWS_MAX);
    dx_entity_row row = {.key = dx_entity_key(draw(f, 2) == 0 ? 4 : 32767, f->made++, draw(f, 3)),
                         .kind = link ? DX_ENTITY_LINK : DX_ENTITY_OBJECT,
                         .type = 1 + (int64_t)draw(f, TYPES),
                         .deleted = draw(f, 8) == 0};
    if (link) {
        row.source = draw_object(f);
        row.target = draw(f, 20) == 0 ? 0 : draw_object(f);
    }
    take(f, NULL, &row);
    f->rows[f->count++] = row;
}

static void change_row(fixture *f) {
    dx_entity_row *row = &f->rows[draw(f, f->count)], before = *row;
    if (draw(f, 3) == 0) {
        row->deleted = !row->deleted;
        take(f, &before, row);
    } else {
        take(f, &before, NULL);
        *row = f->rows[--f->count];
    }
}

static int compare(const void *a, const void *b) {
    return dx_adjacent_compare(a, b);
}

/* What a side holds, by the plain list. */
static size_t expected(const fixture *f, dx_adjacency_side side, dx_adjacent *out) {
    size_t count = 0;
    for (size_t i = 0; i < f->count; i++) {
        const dx_entity_row *row = &f->rows[i];
        bool heads = side == DX_ADJACENCY_HEADS, outwards = side == DX_ADJACENCY_OUT;
        int64_t from = outwards ? row->source : row->target, to = outwards ? row->target : row->source;
        if (heads && row->kind == DX_ENTITY_OBJECT) {
            out[count++] =
                (dx_adjacent){.object = row->key, .value = dx_adjacent_head(row->type, row->deleted)};
        } else if (!heads && from != 0) {
            out[count++] = (dx_adjacent){from, row->type, to, row->key, row->deleted};
        }
    }
    qsort(out, count, sizeof *out, compare);
    return count;
}

/* All of it in order, and from places that ascend. */
static void compare_walks(fixture *f) {
    static dx_adjacent all[ROWS_MAX];
    for (int side = 0; side < DX_ADJACENCY_SIDES; side++) {
        size_t count = expected(f, (dx_adjacency_side)side, all), at = 0;
        dx_adjacency_walk walk;
        const dx_adjacent first = {.object = 0};
        dx_adjacency_walk_begin(&walk, &f->alice.context, (dx_adjacency_side)side);
        for (bool is = dx_adjacency_walk_seek(&walk, &first); is; is = dx_adjacency_walk_next(&walk)) {
            assert_true(at < count);
            assert_memory_equal(&walk.entry, &all[at], sizeof *all);
            at++;
        }
        assert_int_equal(at, count);
        assert_int_equal(dx_adjacency_walk_end(&walk), DX_OK);
        dx_adjacency_walk_begin(&walk, &f->alice.context, (dx_adjacency_side)side);
        for (at = draw(f, 4); at < count; at += 1 + draw(f, draw(f, 2) == 0 ? 3 : 400)) {
            dx_adjacent to = all[at];
            size_t expects = at;
            if (draw(f, 2) == 0) { /* just behind an entry */
                to.link++;
                expects++;
            }
            bool is = dx_adjacency_walk_seek(&walk, &to);
            assert_int_equal(is, expects < count);
            if (is) {
                assert_memory_equal(&walk.entry, &all[expects], sizeof *all);
            }
            at = expects;
        }
        assert_int_equal(dx_adjacency_walk_end(&walk), DX_OK);
    }
}

static int64_t number(fixture *f, const char *sql) {
    dx_store *store = f->alice.context.store;
    sqlite3_stmt *row = dx_store_query(store, sql);
    int64_t value = dx_step(store, row) ? dx_column_int(row, 0) : -1;
    dx_step_reset(row);
    return value;
}

static void test_beside_a_list(void **state) {
    (void)state;
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    init(f);
    for (int round = 0; round < 60; round++) {
        bool grows = round < 25 || (round > 35 && round < 45);
        for (uint64_t many = draw(f, 3) == 0 ? 1 + draw(f, 3) : draw(f, 300); many > 0; many--) {
            if (f->count == 0 || draw(f, 10) < (grows ? 9 : 2)) {
                if (f->count < ROWS_MAX) {
                    add_row(f, draw(f, 3) != 0);
                }
            } else {
                change_row(f);
            }
        }
        write_all(f);
        compare_walks(f);
    }
    while (f->count > 0) {
        dx_entity_row before = f->rows[--f->count];
        take(f, &before, NULL);
    }
    write_all(f);
    assert_int_equal(number(f, "SELECT count(*) FROM adjacency"), 0);
    deinit(f);
    free(f);
}

/* Gone and made anew in one go, both ways: the last one holds. */
static void test_the_last_change_holds(void **state) {
    (void)state;
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    init(f);
    add_row(f, true);
    write_all(f);
    dx_entity_row was = f->rows[0], *is = &f->rows[0];
    take(f, &was, NULL);
    is->deleted = !was.deleted;
    take(f, NULL, is);
    write_all(f);
    compare_walks(f);
    take(f, NULL, &was);
    take(f, &was, NULL);
    write_all(f);
    f->count = 0;
    compare_walks(f);
    deinit(f);
    free(f);
}

/* Where entries come in their order, packs are full; thrown in, half full at least. A pack that shrinks takes the next one in. */
static void test_packs_are_full(void **state) {
    (void)state;
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    init(f);
    for (uint64_t i = 0; i < 4000; i++) {
        dx_entity_row row = {.key = dx_entity_key(3, i, 0), .kind = DX_ENTITY_OBJECT, .type = 1};
        take(f, NULL, &row);
        if (i % 7 == 0) {
            write_all(f);
        }
    }
    write_all(f);
    int64_t packs = number(f, "SELECT count(*) FROM adjacency");
    assert_true(number(f, "SELECT sum(length(rest)) FROM adjacency") >
                packs * DX_ADJACENCY_REST_MAX * 9 / 10);
    for (uint64_t i = 0; i < 4000; i++) {
        dx_entity_row row = {
            .key = dx_entity_key(3, i * 1601 % 4000, 1), .kind = DX_ENTITY_OBJECT, .type = 1};
        take(f, NULL, &row);
        write_all(f);
    }
    packs = number(f, "SELECT count(*) FROM adjacency");
    assert_true(number(f, "SELECT sum(length(rest)) FROM adjacency") > packs * DX_ADJACENCY_REST_MAX / 2);
    for (uint64_t i = 0; i < 4000; i++) {
        dx_entity_row row = {.key = dx_entity_key(3, i, 1), .kind = DX_ENTITY_OBJECT, .type = 1};
        take(f, &row, NULL);
        row.key = dx_entity_key(3, i, 0);
        if (i % 50 != 0) {
            take(f, &row, NULL);
        }
        write_all(f);
    }
    assert_in_range(number(f, "SELECT count(*) FROM adjacency"), 1, 4);
    deinit(f);
    free(f);
}

/* More at once than are gathered. */
static void test_very_many_at_once(void **state) {
    (void)state;
    enum { MANY = 40000 };
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    init(f);
    for (uint64_t i = 0; i < MANY; i++) {
        dx_entity_row row = {.key = dx_entity_key(3, i * 7919 % MANY, 0),
                             .kind = DX_ENTITY_OBJECT,
                             .type = 1 + (int64_t)i % 2};
        take(f, NULL, &row);
    }
    write_all(f);
    dx_adjacency_walk walk;
    const dx_adjacent first = {.object = 0};
    uint64_t at = 0;
    dx_adjacency_walk_begin(&walk, &f->alice.context, DX_ADJACENCY_HEADS);
    for (bool is = dx_adjacency_walk_seek(&walk, &first); is; is = dx_adjacency_walk_next(&walk)) {
        assert_int_equal(walk.entry.object, dx_entity_key(3, at++, 0));
    }
    assert_int_equal(dx_adjacency_walk_end(&walk), DX_OK);
    assert_int_equal(at, MANY);
    deinit(f);
    free(f);
}

/* Those of one feed, by pieces, and none of another's. */
static void test_a_feed_is_dropped(void **state) {
    (void)state;
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    init(f);
    for (int i = 0; i < 600; i++) {
        add_row(f, i % 3 != 0);
    }
    write_all(f);
    size_t budget = 0;
    for (int pieces = 0; budget == 0; pieces++) {
        assert_true(pieces < 600);
        budget = 2;
        assert_int_equal(dx_adjacency_drop(&f->alice.context, 32767, &budget), DX_OK);
    }
    assert_int_equal(number(f, "SELECT count(*) FROM adjacency WHERE object >> 48 = 32767"), 0);
    static dx_adjacent all[ROWS_MAX];
    for (int side = 0; side < DX_ADJACENCY_SIDES; side++) {
        size_t count = expected(f, (dx_adjacency_side)side, all), at = 0;
        dx_adjacency_walk walk;
        const dx_adjacent first = {.object = 0};
        dx_adjacency_walk_begin(&walk, &f->alice.context, (dx_adjacency_side)side);
        for (bool is = dx_adjacency_walk_seek(&walk, &first); is; is = dx_adjacency_walk_next(&walk)) {
            assert_memory_equal(&walk.entry, &all[at++], sizeof *all);
        }
        assert_int_equal(dx_adjacency_walk_end(&walk), DX_OK);
        assert_true(at < count && dx_entity_key_feed(all[at].object) == 32767);
    }
    deinit(f);
    free(f);
}

/* Whatever bytes stand in a pack: entries that ascend, or that it is damaged. */
static void test_damage(void **state) {
    (void)state;
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    init(f);
    for (int round = 0; round < 30000; round++) {
        uint8_t bytes[24];
        size_t size = draw(f, sizeof bytes + 1);
        for (size_t i = 0; i < size; i++) {
            bytes[i] = draw(f, 3) == 0 ? (uint8_t)draw(f, 256) : (uint8_t)draw(f, 32);
        }
        dx_adjacent entry = {.object = 1, .type = 1};
        const uint8_t *at = bytes;
        while (at != bytes + size) {
            dx_adjacent before = entry;
            const uint8_t *from = at;
            if (!dx_adjacent_read(&at, bytes + size, &entry)) {
                break;
            }
            assert_true(at > from && at <= bytes + size);
            assert_true(dx_adjacent_compare(&before, &entry) < 0 && entry.value >= 0 && entry.object > 0);
        }
    }
    add_row(f, false);
    add_row(f, false);
    write_all(f);
    sqlite3_stmt *spoil = dx_store_query(f->alice.context.store, "UPDATE adjacency SET rest = x'20'");
    assert_int_equal(dx_step_done(f->alice.context.store, spoil), DX_OK);
    dx_adjacency_walk walk;
    const dx_adjacent first = {.object = 0};
    dx_adjacency_walk_begin(&walk, &f->alice.context, DX_ADJACENCY_HEADS);
    for (bool is = dx_adjacency_walk_seek(&walk, &first); is; is = dx_adjacency_walk_next(&walk)) {
    }
    assert_int_equal(dx_adjacency_walk_end(&walk), DX_E_CORRUPT);
    dx_entity_row row = f->rows[0];
    take(f, &row, NULL);
    assert_int_equal(dx_adjacency_write(&f->alice.context, f->alice.space), DX_E_CORRUPT);
    deinit(f);
    free(f);
}

/* Differences of every size. */
static void test_entries_come_back(void **state) {
    (void)state;
    static const int64_t numbers[] = {
        0, 1, 2, 63, 64, 127, 128, 16384, INT64_C(1) << 40, INT64_MAX - 1, INT64_MAX};
    enum { COUNT = sizeof numbers / sizeof numbers[0] };
    for (size_t i = 0; i < COUNT * COUNT * COUNT; i++) {
        dx_adjacent before = {numbers[i % COUNT], numbers[i / COUNT % COUNT], numbers[i / COUNT / COUNT], 7,
                              0};
        for (size_t k = 0; k < COUNT; k++) {
            dx_adjacent entry = {numbers[k], numbers[(i + k) % COUNT], numbers[(i + 2 * k) % COUNT],
                                 numbers[(3 * i + k) % COUNT], numbers[(i + 5) % COUNT]};
            uint8_t bytes[DX_ADJACENT_SIZE_MAX];
            const uint8_t *at = bytes;
            dx_adjacent got = before;
            if (dx_adjacent_compare(&before, &entry) < 0) {
                size_t size = dx_adjacent_write(&before, &entry, bytes);
                assert_true(size <= sizeof bytes);
                assert_true(dx_adjacent_read(&at, bytes + size, &got));
                assert_ptr_equal(at, bytes + size);
                assert_memory_equal(&got, &entry, sizeof got);
            }
        }
    }
}

static void remove_entity(peer *self, int64_t key) {
    dx_transaction *transaction;
    peer_begin(self);
    assert_int_equal(dx_transaction_begin(&self->context, self->space, &transaction), DX_OK);
    assert_int_equal(dx_transaction_delete(transaction, key), DX_OK);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(self);
}

static size_t gather(fixture *f, dx_adjacent *out) {
    size_t count = 0;
    for (int side = 0; side < DX_ADJACENCY_SIDES; side++) {
        const dx_adjacent first = {.object = 0};
        dx_adjacency_walk walk;
        dx_adjacency_walk_begin(&walk, &f->alice.context, (dx_adjacency_side)side);
        for (bool is = dx_adjacency_walk_seek(&walk, &first); is; is = dx_adjacency_walk_next(&walk)) {
            assert_true(count < ROWS_MAX);
            out[count++] = walk.entry;
        }
        assert_int_equal(dx_adjacency_walk_end(&walk), DX_OK);
    }
    return count;
}

static void run_sql(fixture *f, const char *sql) {
    sqlite3_stmt *any = dx_store_query(f->alice.context.store, "SELECT 1");
    (void)dx_step(f->alice.context.store, any);
    dx_step_reset(any);
    assert_int_equal(sqlite3_exec(sqlite3_db_handle(any), sql, NULL, NULL, NULL), SQLITE_OK);
}

/* What stood in indexes of the table of entities becomes packs of one entry each, which say the same and grow together. */
static void test_an_older_vault(void **state) {
    (void)state;
    static dx_adjacent before[ROWS_MAX], after[ROWS_MAX];
    fixture *f = calloc(1, sizeof *f);
    const char *step = NULL;
    int64_t keys[60];
    enum { COUNT = sizeof keys / sizeof keys[0] };
    assert_non_null(f);
    f->state = 9;
    peer_init(&f->alice, 1, "Alice");
    peer_create_space(&f->alice, "Garden");
    for (size_t i = 0; i < COUNT; i++) {
        keys[i] = peer_add(&f->alice, i % 3 == 0 ? "bed" : "plant", "{\"n\":1}");
    }
    for (size_t i = 0; i < 200; i++) {
        int64_t link =
            peer_link(&f->alice, i % 2 == 0 ? "grows" : "likes", keys[draw(f, COUNT)], keys[draw(f, COUNT)]);
        if (i % 9 == 0) {
            remove_entity(&f->alice, link);
        }
    }
    remove_entity(&f->alice, keys[7]);
    peer_settle(&f->alice);
    peer_begin(&f->alice);
    size_t count = gather(f, before);
    assert_true(count > 2 * 200 + COUNT - 1);
    run_sql(f,
            "CREATE INDEX link_by_source ON entity(source, type, target, deleted) WHERE source IS NOT NULL;"
            "CREATE INDEX link_by_target ON entity(target, type, source, deleted) WHERE target IS NOT NULL;"
            "CREATE INDEX object_head ON entity(key, type, deleted) WHERE kind = 0;"
            "DROP TABLE adjacency");
    for (int i = 0; i < dx_store_schema_version; i++) {
        step = strstr(dx_store_schema[i], "CREATE TABLE adjacency") != NULL ? dx_store_schema[i] : step;
    }
    assert_non_null(step);
    run_sql(f, step);
    assert_int_equal(number(f, "SELECT count(*) FROM adjacency"), count);
    assert_int_equal(gather(f, after), count);
    assert_memory_equal(before, after, count * sizeof *before);
    peer_commit(&f->alice);
    peer_reopen(&f->alice);
    for (size_t i = 0; i < COUNT; i++) {
        peer_link(&f->alice, "likes", keys[i], keys[(i + 1) % COUNT]);
    }
    peer_settle(&f->alice);
    peer_begin(&f->alice);
    assert_int_equal(gather(f, after), count + 2 * COUNT);
    assert_in_range(number(f, "SELECT count(*) FROM adjacency WHERE side < 2"), 1, 60);
    deinit(f);
    free(f);
}

DX_TEST_MAIN(DX_TEST(test_an_older_vault), DX_TEST(test_beside_a_list), DX_TEST(test_the_last_change_holds),
             DX_TEST(test_packs_are_full), DX_TEST(test_very_many_at_once), DX_TEST(test_a_feed_is_dropped),
             DX_TEST(test_damage), DX_TEST(test_entries_come_back))
