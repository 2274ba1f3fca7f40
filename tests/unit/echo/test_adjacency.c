/* tests/unit/echo/test_adjacency.c: packs of links and heads beside a plain list, however these came and went; what a walk tells
 * from any place; what an older vault had, taken over; what goes with a forgotten feed; what is damaged is said.
 *
 * Names echo/adjacency.c and echo/adjacency_write.c; the form of one pack has test_adjacency_pack.c. */
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

/* How many links of one object, and of one type, stand from some entry on. */
static void count_some(fixture *f, dx_adjacency_side side, const dx_adjacent *all, size_t count) {
    for (int i = 0; i < 20 && count > 0; i++) {
        size_t from = draw(f, count), end = from, most = draw(f, 3) == 0 ? 1 + draw(f, 30) : SIZE_MAX;
        int64_t type = draw(f, 2) == 0 ? 0 : all[from].type;
        while (end < count && all[end].object == all[from].object && (type == 0 || all[end].type == type)) {
            end++;
        }
        dx_adjacency_walk walk;
        dx_adjacency_walk_begin(&walk, &f->alice.context, side);
        assert_true(dx_adjacency_walk_seek(&walk, &all[from]));
        assert_int_equal(dx_adjacency_walk_count(&walk, type, most), end - from < most ? end - from : most);
        assert_int_equal(dx_adjacency_walk_end(&walk), DX_OK);
    }
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
            dx_adjacent entry = dx_adjacency_walk_entry(&walk);
            assert_true(at < count);
            assert_memory_equal(&entry, &all[at], sizeof entry);
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
                dx_adjacent entry = dx_adjacency_walk_entry(&walk);
                assert_memory_equal(&entry, &all[expects], sizeof entry);
            }
            at = expects;
        }
        assert_int_equal(dx_adjacency_walk_end(&walk), DX_OK);
        count_some(f, (dx_adjacency_side)side, all, count);
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

static int64_t packs_of(fixture *f) {
    return number(f, "SELECT count(*) FROM adjacency");
}

/* Where entries come in their order, packs are full; thrown in, half full at least. A pack that shrinks takes the next one in. */
static void test_packs_are_full(void **state) {
    (void)state;
    enum { MANY = 4000 };
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    init(f);
    for (uint64_t i = 0; i < MANY; i++) {
        dx_entity_row row = {.key = dx_entity_key(3, i, 0), .kind = DX_ENTITY_OBJECT, .type = 1};
        take(f, NULL, &row);
        if (i % 7 == 0) {
            write_all(f);
        }
    }
    write_all(f);
    assert_int_equal(packs_of(f), (MANY + DX_ADJACENCY_COUNT_MAX - 1) / DX_ADJACENCY_COUNT_MAX);
    for (uint64_t i = 0; i < MANY; i++) {
        dx_entity_row row = {
            .key = dx_entity_key(3, i * 1601 % MANY, 1), .kind = DX_ENTITY_OBJECT, .type = 1};
        take(f, NULL, &row);
        write_all(f);
    }
    assert_true(packs_of(f) <=
                2 * MANY / (8 * DX_ADJACENCY_COLUMNS_MAX / 24 / 2 - 10)); /* 24 bits of key each */
    for (uint64_t i = 0; i < MANY; i++) {
        dx_entity_row row = {.key = dx_entity_key(3, i, 1), .kind = DX_ENTITY_OBJECT, .type = 1};
        take(f, &row, NULL);
        row.key = dx_entity_key(3, i, 0);
        if (i % 50 != 0) {
            take(f, &row, NULL);
        }
        write_all(f);
    }
    assert_in_range(packs_of(f), 1, 2);
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
        assert_int_equal(dx_adjacency_walk_field(&walk, DX_ADJACENT_OBJECT), dx_entity_key(3, at++, 0));
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
            dx_adjacent entry = dx_adjacency_walk_entry(&walk);
            assert_memory_equal(&entry, &all[at++], sizeof entry);
        }
        assert_int_equal(dx_adjacency_walk_end(&walk), DX_OK);
        assert_true(at < count && dx_entity_key_feed(all[at].object) == 32767);
    }
    deinit(f);
    free(f);
}

static void spoil(fixture *f, const char *sql) {
    sqlite3_stmt *change = dx_store_query(f->alice.context.store, sql);
    assert_int_equal(dx_step_done(f->alice.context.store, change), DX_OK);
}

/* A pack that is damaged, or stands in the row of another, is said by walks and by who would change it; never passed over. */
static void test_damage(void **state) {
    (void)state;
    static const char *const damages[] = {
        "UPDATE adjacency SET pack = x'20' WHERE side = 2",
        "UPDATE adjacency SET pack = substr(pack, 1, length(pack) - 1) WHERE side = 2",
        "UPDATE adjacency SET pack = CAST(substr(pack,1,9) || x'ff' || substr(pack,11) AS BLOB)",
        "UPDATE adjacency SET object = object + 1 WHERE side = 2",
        "UPDATE adjacency SET value = value + 1 WHERE side = 2",
    };
    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        fixture *f = calloc(1, sizeof *f);
        assert_non_null(f);
        init(f);
        for (int k = 0; k < 5; k++) {
            dx_entity_row row = {
                .key = dx_entity_key(4, f->made++, 0), .kind = DX_ENTITY_OBJECT, .type = 1 + k % 2};
            take(f, NULL, &row);
            f->rows[f->count++] = row;
        }
        write_all(f);
        spoil(f, damages[i]);
        dx_adjacency_walk walk;
        const dx_adjacent first = {.object = 0};
        dx_adjacency_walk_begin(&walk, &f->alice.context, DX_ADJACENCY_HEADS);
        assert_false(dx_adjacency_walk_seek(&walk, &first));
        assert_int_equal(dx_adjacency_walk_end(&walk), DX_E_CORRUPT);
        dx_entity_row row = f->rows[2];
        take(f, &row, NULL);
        assert_int_equal(dx_adjacency_write(&f->alice.context, f->alice.space), DX_E_CORRUPT);
        deinit(f);
        free(f);
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
            out[count++] = dx_adjacency_walk_entry(&walk);
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
    int steps = 0;
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
        if (strstr(dx_store_schema[i], "TABLE adjacency") != NULL) {
            run_sql(f, dx_store_schema[i]);
            steps++;
        }
    }
    assert_int_equal(steps, 2);
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

static size_t write_varint(uint64_t value, uint8_t *out) {
    size_t size = 0;
    for (; value >= 0x80; value >>= 7) {
        out[size++] = (uint8_t)(value | 0x80);
    }
    out[size++] = (uint8_t)value;
    return size;
}

/* What stood behind the first entry in packs of before, by the words of adjacency_pack.c. */
static size_t write_before(const dx_adjacent *before, const dx_adjacent *entry, uint8_t *out) {
    const int64_t from[] = {before->object, before->type, before->other, before->link};
    const int64_t to[] = {entry->object, entry->type, entry->other, entry->link};
    size_t size = 1;
    out[0] = 0;
    for (int i = 0; i < 4; i++) {
        int64_t by = to[i] - from[i];
        uint64_t folded = i == 0 ? (uint64_t)by : by < 0 ? ~((uint64_t)by << 1) : (uint64_t)by << 1;
        out[0] |= (uint8_t)((by != 0) << i);
        size += by != 0 ? write_varint(folded, out + size) : 0;
    }
    if (entry->value != before->value) {
        out[0] |= 16;
        size += write_varint((uint64_t)entry->value, out + size);
    }
    return size;
}

static void put_before(fixture *f, dx_adjacency_side side, const dx_adjacent *first, dx_bytes rest) {
    const int64_t columns[] = {side, first->object, first->type, first->other, first->link, first->value};
    sqlite3_stmt *insert =
        dx_store_query(f->alice.context.store, "INSERT INTO adjacency VALUES(?1,?2,?3,?4,?5,?6,?7)");
    for (int i = 0; i < 6; i++) {
        dx_bind_int(insert, i + 1, columns[i]);
    }
    dx_bind_bytes(insert, 7, rest);
    assert_int_equal(dx_step_done(f->alice.context.store, insert), DX_OK);
}

/* Packs as the program before wrote them say the same, and become others as they change. */
static void test_packs_of_before(void **state) {
    (void)state;
    static dx_adjacent all[ROWS_MAX];
    fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    init(f);
    for (int i = 0; i < 3000; i++) {
        add_row(f, i % 3 != 0);
    }
    write_all(f);
    spoil(f, "DELETE FROM adjacency");
    for (int side = 0; side < DX_ADJACENCY_SIDES; side++) {
        uint8_t rest[DX_ADJACENCY_OLD_MAX], one[64];
        size_t count = expected(f, (dx_adjacency_side)side, all), first = 0, size = 0;
        for (size_t i = 1; i <= count; i++) {
            size_t more = i < count ? write_before(&all[i - 1], &all[i], one) : 0;
            if (i == count || size + more > sizeof rest || (all[i].object ^ all[first].object) >> 48 != 0) {
                put_before(f, (dx_adjacency_side)side, &all[first], dx_bytes_of(rest, size));
                first = i;
                size = 0;
            } else {
                memcpy(rest + size, one, more);
                size += more;
            }
        }
    }
    int64_t packs = packs_of(f);
    compare_walks(f);
    assert_int_equal(packs_of(f), packs);
    for (int round = 0; round < 12; round++) {
        for (int i = 0; i < 100; i++) {
            change_row(f);
            add_row(f, draw(f, 3) != 0);
        }
        write_all(f);
        compare_walks(f);
    }
    assert_true(number(f, "SELECT count(*) FROM adjacency WHERE substr(pack, 1, 1) = x'80'") > packs / 4);
    spoil(f, "DELETE FROM adjacency");
    /* It stands where it began: an entry that does not ascend, one that is another in nothing, one that is cut. */
    static const uint8_t damaged[][3] = {{1, 0, 0}, {0, 0, 0}, {4, 3, 2}, {1, 0x80, 0x80}};
    for (size_t i = 0; i < sizeof damaged / sizeof damaged[0]; i++) {
        dx_adjacent first = {5, 1, 7, 9, 0}, to = {.object = 0};
        put_before(f, DX_ADJACENCY_OUT, &first, dx_bytes_of(damaged[i], sizeof damaged[i]));
        dx_adjacency_walk walk;
        dx_adjacency_walk_begin(&walk, &f->alice.context, DX_ADJACENCY_OUT);
        assert_false(dx_adjacency_walk_seek(&walk, &to));
        assert_int_equal(dx_adjacency_walk_end(&walk), DX_E_CORRUPT);
        spoil(f, "DELETE FROM adjacency");
    }
    deinit(f);
    free(f);
}

DX_TEST_MAIN(DX_TEST(test_an_older_vault), DX_TEST(test_packs_of_before), DX_TEST(test_beside_a_list),
             DX_TEST(test_the_last_change_holds), DX_TEST(test_packs_are_full),
             DX_TEST(test_very_many_at_once), DX_TEST(test_a_feed_is_dropped), DX_TEST(test_damage))
