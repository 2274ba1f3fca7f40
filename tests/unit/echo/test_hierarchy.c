/* tests/unit/echo/test_hierarchy.c: the visible tree is what a naive reading of the rules gives, whatever order the
 * moves came in; all sets of four moves of three objects in all orders, and random ones of many; and deep trees.
 *
 * Names echo/parents.c too. */
#include "echo/hierarchy.h"
#include "echo/placed_rows.h"

#include "echo/entity_row.h"
#include "echo/parents.h"
#include "peer.h"

enum { OBJECTS_MAX = 16, MOVES_MAX = 40 };

typedef struct fixture {
    peer alice;
    int64_t keys[OBJECTS_MAX];
    size_t count;
} fixture;

/* Objects without a parent, made by the given number of blocks. */
static void fixture_init(fixture *f, size_t count) {
    peer_init(&f->alice, 1, "Alice");
    peer_create_space(&f->alice, "Garden");
    f->count = count;
    for (size_t i = 0; i < count; i++) {
        f->keys[i] = peer_add(&f->alice, "t", "{}");
    }
    peer_begin(&f->alice);
}

static void fixture_deinit(fixture *f) {
    dx_store_rollback(f->alice.context.store);
    peer_deinit(&f->alice);
}

/* --- The rules, read naively ------------------------------------------------------------------- */

/* child and parent are numbers of objects, in the order of their ids; -1: to the top. */
typedef struct move {
    int child, parent;
    uint64_t counter; /* above that of any creation; of one object each its own */
} move;

/* The latest move of the child that is older than this; -1: its creation is left, -2: not even that. */
static int older(const move *moves, size_t count, int child, int than) {
    int found = -1;
    if (than == -1) {
        return -2;
    }
    for (size_t i = 0; i < count; i++) {
        if (moves[i].child == child && (than == -3 || moves[i].counter < moves[than].counter) &&
            (found < 0 || moves[i].counter > moves[found].counter)) {
            found = (int)i;
        }
    }
    return found;
}

/* Whether the object is on a circle; *latest: by whose move it was closed last. */
static bool on_circle(const move *moves, const int *stands, const int *parents, size_t objects, int from,
                      int *latest) {
    int at = from;
    uint64_t best = 0;
    for (size_t steps = 0; steps <= objects; steps++) {
        uint64_t counter = stands[at] < 0 ? 0 : moves[stands[at]].counter;
        if (steps == 0 || counter > best || (counter == best && at > *latest)) {
            best = counter;
            *latest = at;
        }
        at = parents[at];
        if (at < 0 || at == from) {
            break;
        }
    }
    return at == from;
}

static void work_out(const move *moves, size_t count, size_t objects, int *parents) {
    int stands[OBJECTS_MAX];
    for (size_t i = 0; i < objects; i++) {
        stands[i] = older(moves, count, (int)i, -3);
        parents[i] = stands[i] < 0 ? -1 : moves[stands[i]].parent;
    }
    for (size_t i = 0; i < objects;) {
        int latest = 0;
        if (!on_circle(moves, stands, parents, objects, (int)i, &latest)) {
            i++;
            continue;
        }
        stands[latest] = older(moves, count, latest, stands[latest]);
        parents[latest] = stands[latest] < 0 ? -1 : moves[stands[latest]].parent;
        i = 0;
    }
}

/* --- What the room makes of them ----------------------------------------------------------------- */

static dx_stamp stamp_of(const move *one) {
    dx_stamp stamp = {.counter = 1000 + one->counter};
    return stamp;
}

static void apply(fixture *f, const move *one) {
    dx_stamp stamp = stamp_of(one);
    assert_int_equal(dx_hierarchy_move(&f->alice.context, f->alice.space, f->keys[one->child], &stamp, 0,
                                       one->parent < 0 ? 0 : f->keys[one->parent]),
                     DX_OK);
}

static int64_t parent_of(fixture *f, int64_t key) {
    int64_t parent;
    assert_int_equal(dx_entity_row_parent(&f->alice.context, f->alice.space, key, &parent), DX_OK);
    return parent;
}

static bool agrees(fixture *f, const int *parents) {
    for (size_t i = 0; i < f->count; i++) {
        if (parent_of(f, f->keys[i]) != (parents[i] < 0 ? 0 : f->keys[parents[i]])) {
            return false;
        }
    }
    return true;
}

static void start_over(fixture *f) {
    dx_store *store = f->alice.context.store;
    assert_int_equal(dx_entity_rows_write(&f->alice.context, f->alice.space), DX_OK);
    assert_int_equal(dx_step_done(store, dx_store_query(store, "DELETE FROM move")), DX_OK);
    assert_int_equal(dx_step_done(store, dx_store_query(store, "DELETE FROM yielded")), DX_OK);
    assert_int_equal(
        dx_step_done(store,
                     dx_store_query(store, "UPDATE entity SET parent = NULL WHERE parent IS NOT NULL")),
        DX_OK);
    dx_placed_rows_clear(f->alice.space->placed); /* it was not told of these */
}

static void tell(const move *moves, const size_t *order, size_t count) {
    for (size_t i = 0; i < count; i++) {
        print_message("  %d under %d, stamp %d\n", moves[order[i]].child, moves[order[i]].parent,
                      (int)moves[order[i]].counter);
    }
}

static void try_order(fixture *f, const move *moves, const size_t *order, size_t count, const int *parents) {
    start_over(f);
    for (size_t i = 0; i < count; i++) {
        apply(f, &moves[order[i]]);
    }
    if (!agrees(f, parents)) {
        tell(moves, order, count);
        fail_msg("in this order the tree is another one");
    }
}

/* --- Exhaustively ---------------------------------------------------------------------------------- */

enum { FEW_OBJECTS = 3, FEW_MOVES = 4, WAYS = FEW_OBJECTS * FEW_OBJECTS };

static void try_all_orders(fixture *f, const move *moves, const int *parents) {
    for (size_t code = 0; code < 24; code++) {
        size_t left[FEW_MOVES] = {0, 1, 2, 3}, order[FEW_MOVES], rest = code;
        for (size_t i = 0; i < FEW_MOVES; i++) {
            size_t pick = rest % (FEW_MOVES - i);
            rest /= FEW_MOVES - i;
            order[i] = left[pick];
            memmove(&left[pick], &left[pick + 1], (FEW_MOVES - i - pick - 1) * sizeof *left);
        }
        try_order(f, moves, order, FEW_MOVES, parents);
    }
}

/* An object and where it goes: one of the two others, or the top. The first move is of the first object: the
 * other sets are these with other names. */
static void test_all_sets_of_four_moves(void **state) {
    (void)state;
    fixture f;
    size_t sets = 0, circles = 0;
    fixture_init(&f, FEW_OBJECTS);
    for (size_t code = 0; code < FEW_OBJECTS * WAYS * WAYS * WAYS; code++) {
        move moves[FEW_MOVES];
        int parents[OBJECTS_MAX];
        size_t rest = code * FEW_OBJECTS;
        for (size_t i = 0; i < FEW_MOVES; i++) {
            size_t way = i == 0 ? code % FEW_OBJECTS : rest % WAYS;
            rest = i == 0 ? code / FEW_OBJECTS : rest / WAYS;
            int child = (int)(way / FEW_OBJECTS), to = (int)(way % FEW_OBJECTS);
            moves[i] = (move){.child = child, .parent = to == child ? -1 : to, .counter = i + 1};
        }
        work_out(moves, FEW_MOVES, FEW_OBJECTS, parents);
        try_all_orders(&f, moves, parents);
        sqlite3_stmt *any = dx_store_query(f.alice.context.store, "SELECT 1 FROM yielded LIMIT 1");
        circles += dx_step(f.alice.context.store, any);
        dx_step_reset(any);
        sets++;
    }
    assert_int_equal(sets, 3 * 9 * 9 * 9);
    assert_true(circles > sets / 10);
    fixture_deinit(&f);
}

/* --- At random --------------------------------------------------------------------------------------- */

static size_t choose(fixture *f, size_t count) {
    uint8_t bytes[2];
    f->alice.random.port.fill(f->alice.random.port.ctx, bytes, sizeof bytes);
    return (size_t)(bytes[0] << 8 | bytes[1]) % count;
}

static size_t make_moves(fixture *f, move *moves) {
    size_t count = 2 + choose(f, MOVES_MAX - 1), objects = 2 + choose(f, f->count - 1);
    for (size_t i = 0; i < count; i++) {
        moves[i] = (move){.child = (int)choose(f, objects),
                          .parent = (int)choose(f, objects + 1) - 1, /* under itself, too */
                          .counter = 1 + i / 3};
        for (size_t before = 0; before < i; before++) {
            if (moves[before].child == moves[i].child && moves[before].counter == moves[i].counter) {
                moves[i].counter = MOVES_MAX + i; /* one block moves an object once */
            }
        }
    }
    return count;
}

static void shuffle(fixture *f, size_t *order, size_t count) {
    for (size_t i = 0; i < count; i++) {
        size_t other = choose(f, i + 1);
        order[i] = order[other];
        order[other] = i;
    }
}

static void test_random_moves_in_random_orders(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f, OBJECTS_MAX);
    for (size_t round = 0; round < 300; round++) {
        move moves[MOVES_MAX];
        size_t order[MOVES_MAX], count = make_moves(&f, moves);
        int parents[OBJECTS_MAX];
        work_out(moves, count, f.count, parents);
        for (size_t i = 0; i < 3; i++) {
            shuffle(&f, order, count);
            try_order(&f, moves, order, count, parents);
        }
        for (size_t i = 0; i < count; i++) { /* and again is nothing */
            apply(&f, &moves[i]);
        }
        assert_true(agrees(&f, parents));
    }
    fixture_deinit(&f);
}

/* The tree is right after each single move, not only at the end. */
static void test_every_step_on_the_way(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f, OBJECTS_MAX);
    for (size_t round = 0; round < 60; round++) {
        move moves[MOVES_MAX], so_far[MOVES_MAX];
        size_t order[MOVES_MAX], count = make_moves(&f, moves);
        int parents[OBJECTS_MAX];
        shuffle(&f, order, count);
        start_over(&f);
        for (size_t i = 0; i < count; i++) {
            so_far[i] = moves[order[i]];
            apply(&f, &so_far[i]);
            work_out(so_far, i + 1, f.count, parents);
            assert_true(agrees(&f, parents));
        }
    }
    fixture_deinit(&f);
}

/* Taking an object out of the tree gives what there is without any of its moves; what was put under it hangs
 * nowhere that counts. */
static void test_what_is_left_when_one_goes(void **state) {
    (void)state;
    fixture f;
    fixture_init(&f, OBJECTS_MAX);
    for (size_t round = 0; round < 200; round++) {
        move moves[MOVES_MAX], left[MOVES_MAX];
        size_t order[MOVES_MAX], count = make_moves(&f, moves), left_count = 0;
        int parents[OBJECTS_MAX], goes = moves[choose(&f, count)].child;
        shuffle(&f, order, count);
        start_over(&f);
        for (size_t i = 0; i < count; i++) {
            apply(&f, &moves[order[i]]);
            if (moves[i].child != goes) {
                left[left_count++] = moves[i];
            }
        }
        assert_int_equal(dx_hierarchy_removed(&f.alice.context, f.alice.space, f.keys[(size_t)goes]), DX_OK);
        work_out(left, left_count, f.count, parents);
        for (size_t i = 0; i < f.count; i++) {
            int64_t expected = parents[i] < 0 ? 0 : f.keys[parents[i]];
            assert_true((int)i == goes || parent_of(&f, f.keys[i]) == expected);
        }
    }
    fixture_deinit(&f);
}

/* --- As people meet it ---------------------------------------------------------------------------- */

static void move_as(peer *self, int64_t key, int64_t parent, int expected) {
    dx_transaction *transaction;
    peer_begin(self);
    assert_int_equal(dx_transaction_begin(&self->context, self->space, &transaction), DX_OK);
    assert_int_equal(dx_transaction_move(transaction, key, parent), expected);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(self);
}

static int64_t parent_at(peer *self, int64_t key) {
    dx_entity entity;
    peer_begin(self);
    assert_int_equal(dx_entity_read(&self->context, self->space, key, &entity), DX_OK);
    peer_commit(self);
    return entity.parent;
}

static void test_two_move_each_under_the_other(void **state) {
    (void)state;
    peer alice, bob;
    peer_init(&alice, 1, "Alice");
    peer_init(&bob, 2, "Bob");
    peer_create_space(&alice, "Garden");
    peer_admit(&alice, &bob, DX_ROLE_EDITOR);
    int64_t a = peer_add(&alice, "t", "{}"), b = peer_add(&alice, "t", "{}");
    peer_pull(&bob, &alice, 9);
    int64_t bobs_a = peer_key(&bob, &alice, a), bobs_b = peer_key(&bob, &alice, b);
    move_as(&alice, a, b, DX_OK);
    move_as(&bob, bobs_b, bobs_a, DX_OK);
    assert_int_equal(parent_at(&alice, a), b);
    assert_int_equal(parent_at(&bob, bobs_b), bobs_a);
    peer_pull(&bob, &alice, 9);
    peer_pull(&alice, &bob, 9);
    assert_same_state(&alice, &bob);
    /* Of the two one holds; the other object is at the top, as it was made. */
    int64_t a_in = parent_at(&alice, a), b_in = parent_at(&alice, b);
    assert_true((a_in == b) != (b_in == a) && (a_in == 0) != (b_in == 0));
    move_as(&alice, a, a, DX_E_CONFLICT);
    move_as(&alice, a_in == b ? b : a, a_in == b ? a : b, DX_E_CONFLICT);
    /* Whoever moves the one that holds elsewhere brings the other move back. */
    int64_t c = peer_add(&alice, "t", "{}");
    move_as(&alice, a_in == b ? a : b, c, DX_OK);
    assert_int_equal(parent_at(&alice, a_in == b ? b : a), a_in == b ? a : b);
    peer_pull(&bob, &alice, 9);
    assert_same_state(&alice, &bob);
    /* What somebody moves stands there afterwards, also when that would bring back an older move which closes a
     * circle with it: x under y yielded to y under x; y goes under w, which stands under x. */
    int64_t x = peer_add(&alice, "t", "{}"), y = peer_add(&alice, "t", "{}"), w = peer_add(&alice, "t", "{}");
    move_as(&alice, w, x, DX_OK);
    peer_pull(&bob, &alice, 9);
    int64_t bobs_x = peer_key(&bob, &alice, x), bobs_y = peer_key(&bob, &alice, y);
    move_as(&alice, y, x, DX_OK);
    for (int i = 0; i < 3; i++) {
        peer_add(&bob, "t", "{}"); /* so that his move is the later one */
    }
    move_as(&bob, bobs_x, bobs_y, DX_OK);
    peer_pull(&alice, &bob, 9);
    assert_int_equal(parent_at(&alice, x), 0);
    assert_int_equal(parent_at(&alice, y), x);
    move_as(&alice, y, w, DX_OK);
    assert_int_equal(parent_at(&alice, y), w);
    assert_int_equal(parent_at(&alice, x), 0);
    peer_pull(&bob, &alice, 9);
    assert_same_state(&alice, &bob);
    peer_reopen(&bob);
    assert_same_state(&alice, &bob);
    peer_deinit(&alice);
    peer_deinit(&bob);
}

static void test_moves_in_one_transaction(void **state) {
    (void)state;
    peer alice;
    dx_transaction *transaction;
    int64_t made, child, link;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    int64_t old = peer_add(&alice, "t", "{}");
    peer_begin(&alice);
    const dx_bytes none = {NULL, 0}, type = dx_bytes_text("t");
    assert_int_equal(dx_transaction_begin(&alice.context, alice.space, &transaction), DX_OK);
    assert_int_equal(dx_transaction_add_object(transaction, type, 0, none, &made), DX_OK);
    assert_int_equal(dx_transaction_add_object(transaction, type, made, none, &child), DX_OK);
    assert_int_equal(dx_transaction_add_link(transaction, type, made, child, none, &link), DX_OK);
    assert_int_equal(dx_transaction_move(transaction, link, old), DX_E_INVALID);
    assert_int_equal(dx_transaction_move(transaction, old, child), DX_OK); /* under what is made here */
    assert_int_equal(dx_transaction_move(transaction, child, old), DX_OK); /* one of the two has to yield */
    assert_int_equal(dx_transaction_move(transaction, made, INT64_C(7) << 48), DX_E_NOT_FOUND);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(&alice);
    /* Both at one stamp, the creation's and the move's: that of the object later in the block has come last. */
    assert_true((parent_at(&alice, child) == 0) != (parent_at(&alice, old) == 0));
    assert_int_equal(alice.space->refused, 0);
    peer_begin(&alice);
    assert_int_equal(dx_transaction_begin(&alice.context, alice.space, &transaction), DX_OK);
    assert_int_equal(dx_transaction_move(transaction, link, old), DX_E_INVALID);
    assert_int_equal(dx_transaction_delete(transaction, old), DX_OK);
    assert_int_equal(dx_transaction_move(transaction, old, 0), DX_E_STATE);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(&alice);
    peer_deinit(&alice);
}

/* How often a statement ran whose text begins so. */
static int runs_of(peer *self, const char *sql) {
    int runs = 0;
    sqlite3 *database = sqlite3_db_handle(dx_store_query(self->context.store, "SELECT 1"));
    for (sqlite3_stmt *each = sqlite3_next_stmt(database, NULL); each != NULL;
         each = sqlite3_next_stmt(database, each)) {
        if (strncmp(sqlite3_sql(each), sql, strlen(sql)) == 0) {
            runs += sqlite3_stmt_status(each, SQLITE_STMTSTATUS_RUN, 0);
        }
    }
    return runs;
}

/* Many moves at the bottom of a deep tree: each row on the way up is read about once for all. */
static void test_deep(void **state) {
    (void)state;
    enum { DEPTH = 3000, MOVES = 100 };
    static int64_t keys[DEPTH];
    peer alice;
    dx_transaction *transaction;
    peer_init(&alice, 1, "Alice");
    peer_create_space(&alice, "Garden");
    const dx_bytes none = {NULL, 0}, type = dx_bytes_text("t");
    peer_begin(&alice);
    assert_int_equal(dx_transaction_begin(&alice.context, alice.space, &transaction), DX_OK);
    for (size_t i = 0; i < DEPTH; i++) {
        assert_int_equal(
            dx_transaction_add_object(transaction, type, i == 0 ? 0 : keys[i - 1], none, &keys[i]), DX_OK);
    }
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(&alice);
    peer_begin(&alice);
    assert_int_equal(dx_entity_rows_settle(&alice.context, alice.space), DX_OK);
    assert_int_equal(dx_transaction_begin(&alice.context, alice.space, &transaction), DX_OK);
    for (size_t i = 0; i < MOVES; i++) {
        assert_int_equal(
            dx_transaction_move(transaction, keys[DEPTH - 1 - i], keys[DEPTH - 2 * MOVES - i % 2]), DX_OK);
    }
    int before = runs_of(&alice, "SELECT parent FROM entity");
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    assert_true(runs_of(&alice, "SELECT parent FROM entity") - before < 4 * DEPTH);
    assert_null(alice.space->parents);
    peer_commit(&alice);
    assert_int_equal(parent_at(&alice, keys[DEPTH - 1]), keys[DEPTH - 2 * MOVES]);
    peer_deinit(&alice);
}

/* What is remembered, against an array: nothing wrong is told, and what was put is, as far as there is room. */
static void test_parents(void **state) {
    (void)state;
    test_alloc alloc;
    test_random random;
    test_alloc_init(&alloc);
    test_random_init(&random, 3);
    enum { KEYS = 120000 };
    static int64_t parents[KEYS];
    dx_parents *self = dx_parents_create(&alloc.port, &random.port);
    int64_t parent = 0;
    size_t known = 0;
    assert_false(dx_parents_find(NULL, 1, &parent));
    dx_parents_put(NULL, 1, 2);
    for (size_t i = 0; i < 3 * KEYS; i++) {
        size_t at = (size_t)(test_random_next(&random) % KEYS);
        parents[at] = (int64_t)i;
        dx_parents_put(self, (int64_t)at + 1, (int64_t)i);
    }
    for (size_t i = 0; i < KEYS; i++) {
        bool is = dx_parents_find(self, (int64_t)i + 1, &parent);
        assert_true(!is || parent == parents[i]);
        known += is;
    }
    assert_int_equal(known, DX_PARENTS_PLACES / 4 * 3);
    dx_parents_destroy(self, &alloc.port);
    assert_int_equal(alloc.live_bytes, 0);
    alloc.fail_at = alloc.calls + 1;
    assert_null(dx_parents_create(&alloc.port, &random.port));
}

DX_TEST_MAIN(DX_TEST(test_all_sets_of_four_moves), DX_TEST(test_deep), DX_TEST(test_parents),
             DX_TEST(test_random_moves_in_random_orders), DX_TEST(test_every_step_on_the_way),
             DX_TEST(test_what_is_left_when_one_goes), DX_TEST(test_two_move_each_under_the_other),
             DX_TEST(test_moves_in_one_transaction))
