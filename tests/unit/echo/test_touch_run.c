/* tests/unit/echo/test_touch_run.c: packed runs of touches hold what was put into them, beside a plain list, whatever is merged,
 * removed or asked meanwhile; they stay few; what is damaged is said; no memory. */
#include <stdlib.h>

#include "echo/touch.h"
#include "peer.h"

enum { TOUCHES_MAX = 60000 };

typedef struct fixture {
    peer alice;
    dx_touch_row *all; /* ascending, each once */
    size_t count;
    uint64_t state;
} fixture;

static void init(fixture *f) {
    *f = (fixture){.state = 7};
    f->all = calloc(TOUCHES_MAX, sizeof *f->all);
    peer_init(&f->alice, 1, "Alice");
    peer_create_space(&f->alice, "Garden");
    peer_settle(&f->alice);
}

static void deinit(fixture *f) {
    peer_deinit(&f->alice);
    free(f->all);
}

static uint64_t draw(fixture *f, uint64_t below) {
    f->state = f->state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (f->state >> 33) % below;
}

static int compare(const void *a, const void *b) {
    return dx_touch_row_compare(a, b);
}

static size_t sort_once(dx_touch_row *rows, size_t count) {
    size_t kept = 0;
    if (count > 0) { /* of nothing, rows is NULL */
        qsort(rows, count, sizeof *rows, compare);
    }
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || compare(&rows[kept - 1], &rows[i]) != 0) {
            rows[kept++] = rows[i];
        }
    }
    return kept;
}

/* Of few entities, so that some have many; of several feeds, known or not. */
static dx_touch_row draw_touch(fixture *f, uint64_t entities) {
    uint64_t at = draw(f, entities);
    int64_t seq = (int64_t)draw(f, 3000);
    return (dx_touch_row){.entity = (int64_t)((1 + at % 3) << 48 | (at / 3) << 16 | at % 5),
                          .counter = seq + (int64_t)draw(f, 4),
                          .block = (int64_t)(1 + draw(f, 4)) << 32 | seq,
                          .section = (int64_t)draw(f, 100)};
}

static void put(fixture *f, size_t count, uint64_t entities) {
    dx_touch_row *rows = calloc(count, sizeof *rows);
    for (size_t i = 0; i < count; i++) {
        rows[i] = draw_touch(f, entities);
    }
    count = sort_once(rows, count);
    peer_begin(&f->alice);
    assert_int_equal(dx_touch_put(&f->alice.context, f->alice.space, rows, count), DX_OK);
    peer_commit(&f->alice);
    assert_true(f->count + count <= TOUCHES_MAX);
    memcpy(f->all + f->count, rows, count * sizeof *rows);
    f->count = sort_once(f->all, f->count + count);
    free(rows);
}

typedef struct list {
    dx_touch_row *rows;
    size_t count;
} list;

static int take(void *ctx, const dx_touch_row *touch) {
    list *into = ctx;
    if ((into->count & (into->count - 1)) == 0) { /* one by one the sanitizers copy all of it each time */
        into->rows = realloc(into->rows, (into->count == 0 ? 1 : 2 * into->count) * sizeof *into->rows);
    }
    into->rows[into->count++] = *touch;
    return DX_OK;
}

static void assert_list(fixture *f, list *found, int64_t first, int64_t last, int64_t counter) {
    found->count = sort_once(found->rows, found->count);
    size_t at = 0;
    for (size_t i = 0; i < f->count; i++) {
        const dx_touch_row *touch = &f->all[i];
        if (touch->entity >= first && touch->entity <= last && touch->counter >= counter) {
            assert_true(at < found->count);
            assert_memory_equal(&found->rows[at++], touch, sizeof *touch);
        }
    }
    assert_int_equal(at, found->count);
    free(found->rows);
    *found = (list){NULL, 0};
}

/* Whole entities, parts of them, ranges, and pieces in either direction until there are no more. */
static void check(fixture *f, uint64_t entities) {
    dx_context *context = &f->alice.context;
    dx_space *space = f->alice.space;
    list found = {NULL, 0};
    for (int round = 0; round < 20; round++) {
        dx_touch_row a = draw_touch(f, entities), b = draw_touch(f, entities);
        int64_t first = a.entity < b.entity ? a.entity : b.entity,
                last = a.entity < b.entity ? b.entity : a.entity;
        peer_begin(&f->alice);
        assert_int_equal(dx_touch_all(context, space, a.entity, a.counter, take, &found), DX_OK);
        assert_list(f, &found, a.entity, a.entity, a.counter);
        assert_int_equal(dx_touch_range(context, space, first, last, take, &found), DX_OK);
        assert_list(f, &found, first, last, INT64_MIN);
        for (int up = 0; up < 2; up++) {
            int64_t low = INT64_MIN, high = INT64_MAX, complete = 0;
            for (bool more = true; more;) {
                list piece = {NULL, 0};
                assert_int_equal(dx_touch_runs_some(context, space->local, a.entity, low, high, up, 3,
                                                    &complete, take, &piece),
                                 DX_OK);
                for (size_t i = 0; i < piece.count; i++) {
                    if (up ? piece.rows[i].counter <= complete : piece.rows[i].counter >= complete) {
                        take(&found, &piece.rows[i]);
                    }
                }
                free(piece.rows);
                more = complete != (up ? high : low);
                low = up && more ? complete + 1 : low;
                high = !up && more ? complete - 1 : high;
            }
            assert_list(f, &found, a.entity, a.entity, INT64_MIN);
        }
        peer_commit(&f->alice);
    }
}

static int64_t ask(fixture *f, const char *sql) {
    peer_begin(&f->alice);
    sqlite3_stmt *select = dx_store_query_dynamic(f->alice.context.store, sql);
    int64_t answer = dx_step(f->alice.context.store, select) ? dx_column_int(select, 0) : -1;
    dx_store_discard(select);
    peer_commit(&f->alice);
    return answer;
}

static bool is_odd(void *ctx, const dx_touch_row *touch) {
    (void)ctx;
    return (touch->block & 1) != 0;
}

static void remove_odd(fixture *f, int64_t entity) {
    size_t kept = 0;
    peer_begin(&f->alice);
    assert_int_equal(dx_touch_remove(&f->alice.context, f->alice.space, entity, is_odd, NULL), DX_OK);
    peer_commit(&f->alice);
    for (size_t i = 0; i < f->count; i++) {
        if (f->all[i].entity != entity || !is_odd(NULL, &f->all[i])) {
            f->all[kept++] = f->all[i];
        }
    }
    f->count = kept;
}

static void test_beside_a_list(void **state) {
    (void)state;
    fixture f;
    init(&f);
    for (int round = 0; round < 150; round++) {
        uint64_t entities = round % 3 == 0 ? 4 : 4000;
        put(&f, 1 + draw(&f, 500), entities);
        if (round % 10 == 3) {
            remove_odd(&f, draw_touch(&f, 4).entity);
        }
        if (round % 15 == 7) {
            check(&f, entities);
        }
    }
    check(&f, 4);
    assert_true(ask(&f, "SELECT count(*) FROM touch_run") < 40);
    assert_true(ask(&f, "SELECT max(level) FROM touch_run") >= 2);
    peer_reopen(&f.alice);
    check(&f, 4000);
    deinit(&f);
}

/* However many are put, little is merged at a time, and what is merged leaves. */
static void test_few_bytes(void **state) {
    (void)state;
    enum { ROUNDS = 40, EACH = 1000 };
    fixture f;
    init(&f);
    for (int64_t round = 0; round < ROUNDS; round++) {
        dx_touch_row rows[EACH];
        for (int64_t i = 0; i < EACH; i++) { /* as changes of every hundredth object come */
            rows[i] = (dx_touch_row){.entity = (int64_t)1 << 48 | (i * 100 / 64) << 16 | (i * 100 % 64),
                                     .counter = round * 10 + (int64_t)draw(&f, 10),
                                     .section = (int64_t)draw(&f, 100)};
            rows[i].block = (int64_t)2 << 32 | (rows[i].counter + 5);
        }
        peer_begin(&f.alice);
        assert_int_equal(dx_touch_put(&f.alice.context, f.alice.space, rows, EACH), DX_OK);
        peer_commit(&f.alice);
    }
    int64_t bytes =
        ask(&f, "SELECT sum(length(rest) + 30) FROM touch JOIN touch_run ON run = id AND stage = 1");
    assert_true(bytes < (int64_t)ROUNDS * EACH * 9);
    assert_true(ask(&f, "SELECT count(*) FROM touch_run") <= 24);
    int64_t packs = ask(&f, "SELECT count(*) FROM touch");
    peer_begin(&f.alice);
    size_t budget = 10;
    assert_int_equal(dx_touch_runs_drop(&f.alice.context, f.alice.space->local, &budget), DX_OK);
    assert_int_equal(budget, 0);
    peer_commit(&f.alice);
    assert_int_equal(ask(&f, "SELECT count(*) FROM touch"), packs - 10);
    peer_begin(&f.alice);
    budget = SIZE_MAX / 2;
    assert_int_equal(dx_touch_runs_drop(&f.alice.context, f.alice.space->local, &budget), DX_OK);
    peer_commit(&f.alice);
    assert_int_equal(ask(&f, "SELECT count(*) FROM touch_run"), 0);
    deinit(&f);
}

/* One by one in the order of stamps, in both directions, over more than one piece. */
static void test_find(void **state) {
    (void)state;
    enum { COUNT = 1500 };
    fixture f;
    init(&f);
    int64_t feed = f.alice.space->own_data, key = dx_entity_key(feed, 0, 0);
    for (int64_t begin = 0; begin < 3; begin++) {
        dx_touch_row rows[COUNT / 3];
        for (int64_t i = 0; i < COUNT / 3; i++) {
            int64_t counter = 1 + 3 * i + begin;
            rows[i] = (dx_touch_row){.entity = key, .counter = counter, .block = feed << 32 | counter};
        }
        peer_begin(&f.alice);
        assert_int_equal(dx_touch_put(&f.alice.context, f.alice.space, rows, COUNT / 3), DX_OK);
        assert_int_equal(dx_touch_put(&f.alice.context, f.alice.space, rows, COUNT / 3), DX_OK); /* twice */
        peer_commit(&f.alice);
    }
    peer_begin(&f.alice);
    for (int up = 0; up < 2; up++) {
        dx_stamp at = {.counter = up ? 0 : INT64_MAX};
        dx_touch touch;
        bool found;
        for (int64_t i = 0; i < COUNT; i++) {
            assert_int_equal(dx_touch_find(&f.alice.context, f.alice.space, key, up, &at, &touch, &found),
                             DX_OK);
            assert_true(found);
            assert_int_equal(touch.counter, up ? 1 + i : COUNT - i);
            assert_int_equal(at.counter, touch.counter);
        }
        assert_int_equal(dx_touch_find(&f.alice.context, f.alice.space, key, up, &at, &touch, &found), DX_OK);
        assert_false(found);
    }
    peer_commit(&f.alice);
    deinit(&f);
}

/* Byte by byte; as packs were written before; and in a form that is not known. */
static void test_forms(void **state) {
    (void)state;
    static const char *const forms[] = {
        "UPDATE touch SET form = form",
        "UPDATE touch SET form = 0, rest = x'0102000001A10202020102'", /* all five parts of each */
        "UPDATE touch SET form = 2"};
    static const dx_touch_row rows[] = {{10, 5, (int64_t)1 << 32 | 5, 0},
                                        {11, 6, (int64_t)1 << 32 | 6, 1},
                                        {300, 7, (int64_t)2 << 32 | 6, 2}};
    fixture f;
    init(&f);
    dx_context *context = &f.alice.context;
    peer_begin(&f.alice);
    assert_int_equal(dx_touch_put(context, f.alice.space, rows, 3), DX_OK);
    peer_commit(&f.alice);
    assert_int_equal(ask(&f, "SELECT count(*) FROM touch WHERE rest = x'030201C20402020102' AND form = 1"),
                     1);
    for (size_t i = 0; i < 3; i++) {
        list found = {NULL, 0};
        peer_begin(&f.alice);
        assert_int_equal(dx_step_done(context->store, dx_store_query(context->store, forms[i])), DX_OK);
        int error = dx_touch_range(context, f.alice.space, 10, 300, take, &found);
        assert_int_equal(error, i < 2 ? DX_OK : DX_E_CORRUPT);
        assert_int_equal(found.count, i < 2 ? 3 : 0);
        assert_true(i == 2 || memcmp(found.rows, rows, sizeof rows) == 0);
        free(found.rows);
        peer_commit(&f.alice);
    }
    deinit(&f);
}

static void test_damaged(void **state) {
    (void)state;
    fixture f;
    init(&f);
    put(&f, 50, 10);
    dx_touch_row any = f.all[0];
    peer_begin(&f.alice);
    sqlite3_stmt *damage =
        dx_store_query(f.alice.context.store, "UPDATE touch SET rest = x'ffffffffffffffffffffff01'");
    assert_int_equal(dx_step_done(f.alice.context.store, damage), DX_OK);
    list found = {NULL, 0};
    assert_int_equal(dx_touch_all(&f.alice.context, f.alice.space, any.entity, 0, take, &found),
                     DX_E_CORRUPT);
    free(found.rows);
    dx_store_rollback(f.alice.context.store);
    deinit(&f);
}

/* Every allocation fails once: nothing is half there, and the same succeeds afterwards. */
static void test_no_memory(void **state) {
    (void)state;
    fixture f;
    init(&f);
    for (int i = 0; i < 7; i++) {
        put(&f, 20, 10);
    }
    dx_touch_row rows[2] = {{.entity = 1, .block = (int64_t)1 << 32},
                            {.entity = 2, .block = (int64_t)1 << 32}};
    for (uint64_t fail_at = 1, done = 0; !done; fail_at++) {
        list found = {NULL, 0};
        peer_begin(&f.alice);
        f.alice.alloc.calls = 0;
        f.alice.alloc.fail_at = fail_at;
        int error = dx_touch_put(&f.alice.context, f.alice.space, rows, 2);
        error = error == DX_OK ? dx_touch_all(&f.alice.context, f.alice.space, 1, 0, take, &found) : error;
        done = f.alice.alloc.calls < fail_at;
        f.alice.alloc.fail_at = 0;
        assert_int_equal(error, done ? DX_OK : DX_E_NO_MEMORY);
        assert_int_equal(found.count, done ? 1 : 0);
        free(found.rows);
        dx_store_rollback(f.alice.context.store);
    }
    deinit(&f);
}

DX_TEST_MAIN(DX_TEST(test_beside_a_list), DX_TEST(test_few_bytes), DX_TEST(test_find), DX_TEST(test_forms),
             DX_TEST(test_damaged), DX_TEST(test_no_memory))
