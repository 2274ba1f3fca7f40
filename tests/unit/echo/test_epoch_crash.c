/* tests/unit/echo/test_epoch_crash.c: power fails at every call that changes the disk, while a base becomes another one:
 * by compaction, by a newcomer's load, and by the load of one who was away; and fails again while that goes on. And every
 * allocation fails once. Each time the vault opens, shows the state it had (a compaction changes none), goes on by itself, and
 * is in the end what it is without a failure, to the number of rows in every table concerned. Of echo/compact.c, echo/load.c,
 * echo/base.c, feed/begin.c. */
#include "echo/base.h"
#include "epochs.h"

enum { CHUNKS_MAX = 4, TREES = 5, TROUBLES_MAX = 4000 };

typedef enum act { COMPACT, COMPACT_AGAIN, NEWCOMER, LAGGARD, ACT_COUNT } act;

static const char *const tables[] = {"block",          "touch",  "base_row", "snapshot",
                                     "snapshot_chunk", "entity", "move",     "undo",
                                     "vector",         "hole",   "base"};

/* What is to be done to one vault, everything else it takes for that, and how it ends. */
typedef struct scene {
    act what;
    peer alice, bob, fresh;
    peer *self;
    int64_t local; /* of self's space */
    uint64_t goal;
    dx_cut cut;
    dx_snapshot_made made;
    dx_buf manifest, chunks[CHUNKS_MAX];
    sim_disk *image;            /* of self, before it begins */
    uint8_t root[DX_HASH_SIZE]; /* of the snapshot at the cut, as this vault makes it */
    size_t budget;
    char *before, *after;
    int64_t rows[sizeof tables / sizeof tables[0]];
} scene;

/* --- Setting it up -------------------------------------------------------------------------------- */

static void move(peer *self, int64_t key, int64_t parent) {
    dx_transaction *transaction;
    peer_begin(self);
    assert_int_equal(dx_transaction_begin(&self->context, self->space, &transaction), DX_OK);
    assert_int_equal(dx_transaction_move(transaction, key, parent), DX_OK);
    assert_int_equal(dx_transaction_commit(transaction), DX_OK);
    peer_commit(self);
}

static void fetch_all(scene *s, peer *from) {
    dx_buf_init(&s->manifest, &s->alice.alloc.port, 1 << 20);
    peer_begin(from);
    assert_int_equal(dx_snapshot_manifest(&from->context, from->space, s->made.root, &s->manifest), DX_OK);
    assert_in_range(s->made.chunks, 2, CHUNKS_MAX);
    for (uint64_t i = 0; i < s->made.chunks; i++) {
        dx_buf_init(&s->chunks[i], &s->alice.alloc.port, 1 << 20);
        assert_int_equal(dx_snapshot_chunk(&from->context, from->space, s->made.root, i, &s->chunks[i]),
                         DX_OK);
    }
    peer_commit(from);
}

/* Bob was away since the middle of it, and wrote: on what Alice changed meanwhile, too. */
static void plant(scene *s) {
    int64_t trees[TREES];
    peer *alice = &s->alice, *bob = &s->bob;
    peer_init(alice, 1, "Alice");
    peer_init(bob, 2, "Bob");
    peer_init(&s->fresh, 3, "Fresh");
    peer_create_space(alice, "Garden");
    peer_admit(alice, bob, DX_ROLE_EDITOR);
    for (size_t i = 0; i < TREES; i++) {
        trees[i] = peer_add(alice, "tree", "{\"name\":\"oak\"}");
    }
    peer_pull(alice, bob, PEER_RUN_MAX);
    peer_pull(bob, alice, PEER_RUN_MAX);
    int64_t here = peer_key(bob, alice, trees[0]);
    peer_set(bob, here, "size", "2");
    move(bob, here, peer_key(bob, alice, trees[1]));
    peer_pull(alice, bob, PEER_RUN_MAX);
    peer_link(alice, "near", trees[1], trees[2]);
    move(alice, trees[1], trees[2]);
    peer_set(alice, trees[0], "name", "\"elm\"");
    peer_change_life(alice, trees[3], true);
    peer_admit(alice, &s->fresh, DX_ROLE_READER);
    epoch_cut(alice, &s->cut);
    s->made = epoch_make(alice, &s->cut, SIZE_MAX);
    /* Beyond the cut, on both sides. */
    peer_set(alice, trees[0], "name", "\"ash\"");
    move(alice, trees[2], 0);
    peer_set(bob, here, "name", "\"yew\"");
    move(bob, peer_key(bob, alice, trees[2]), here);
    peer_add(bob, "tree", "{\"name\":\"fir\"}");
    fetch_all(s, alice);
    epoch_pull_rights(&s->fresh, alice);
}

static void forget(peer *self) {
    dx_space_destroy(&self->context, self->space);
    self->space = NULL;
    dx_identity_deinit(&self->identity);
    dx_store_close(self->context.store);
    self->context.store = NULL;
}

static void open_again(scene *s) {
    peer *self = s->self;
    peer_open(self);
    assert_int_equal(dx_space_load(&self->context, s->local, &self->space), DX_OK);
    peer_commit(self);
}

/* From the beginning. */
static void rewind_to(scene *s, const sim_disk *image) {
    forget(s->self);
    sim_disk_heal(s->self->disk);
    sim_disk_restore(s->self->disk, image);
    open_again(s);
}

/* --- Doing it --------------------------------------------------------------------------------------- */

static bool is_done(const scene *s) {
    dx_epoch_status status;
    dx_epoch_status_of(s->self->space, &status);
    return status.stage == DX_EPOCH_IDLE && status.base == s->goal;
}

static int begin(scene *s) {
    const dx_snapshot_plan plan = {.number = s->goal, .key_epoch = 0, .cut = &s->cut};
    return s->what == COMPACT || s->what == COMPACT_AGAIN
               ? dx_compact_begin(&s->self->context, s->self->space, s->goal, &s->cut)
               : dx_load_begin(&s->self->context, s->self->space, &plan, s->made.root,
                               dx_buf_view(&s->manifest));
}

/* One transaction of whatever comes next. */
static int go_on(scene *s) {
    peer *self = s->self;
    dx_epoch_status status;
    uint64_t index;
    bool more;
    dx_epoch_status_of(self->space, &status);
    int error = dx_store_begin(self->context.store);
    if (error != DX_OK) {
        return error;
    }
    if (status.stage == DX_EPOCH_IDLE) {
        error = begin(s);
    } else if (status.stage == DX_EPOCH_FETCHING &&
               dx_load_missing(&self->context, self->space, 0, &index) == DX_OK) {
        assert_true(index < s->made.chunks);
        error = dx_load_chunk(&self->context, self->space, index, dx_buf_view(&s->chunks[index]));
    } else {
        error = dx_epoch_run(&self->context, self->space, s->budget, &more);
    }
    error = error == DX_OK ? dx_space_sign_heads(&self->context, self->space) : error;
    return error == DX_OK ? dx_store_commit(self->context.store) : error;
}

static int do_it(scene *s) {
    int error = DX_OK;
    for (int steps = 0; error == DX_OK && !is_done(s); steps++) {
        assert_true(steps < 2000);
        error = go_on(s);
    }
    return error;
}

static int64_t count_rows(peer *self, const char *table) {
    char sql[64];
    snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", table);
    peer_begin(self);
    sqlite3_stmt *select = dx_store_query_dynamic(self->context.store, sql);
    assert_true(dx_step(self->context.store, select));
    int64_t count = dx_column_int(select, 0);
    dx_store_discard(select);
    peer_commit(self);
    return count;
}

/* The state at the new base, made again: what stands there for the blocks that are gone. */
static void make_root(scene *s, uint8_t root[static DX_HASH_SIZE]) {
    const dx_snapshot_plan plan = {.number = EPOCH_NUMBER, .key_epoch = 0, .cut = &s->cut};
    dx_snapshot *snapshot;
    dx_snapshot_made made;
    bool more;
    peer_begin(s->self);
    assert_int_equal(dx_snapshot_begin(&s->self->context, s->self->space, &plan, &snapshot), DX_OK);
    assert_int_equal(dx_snapshot_run(snapshot, SIZE_MAX, &more), DX_OK);
    assert_false(more);
    assert_int_equal(dx_snapshot_finish(snapshot, false, &made), DX_OK);
    memcpy(root, made.root, sizeof made.root);
    dx_snapshot_destroy(snapshot);
    peer_commit(s->self);
}

static void assert_ended(scene *s) {
    uint8_t root[DX_HASH_SIZE];
    peer_settle(s->self);
    make_root(s, root);
    assert_memory_equal(root, s->root, sizeof root);
    char *state = peer_state(s->self);
    assert_string_equal(state, s->after);
    free(state);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        int64_t count = count_rows(s->self, tables[i]);
        if (count != s->rows[i]) {
            fail_msg("%s: %lld rows, not %lld", tables[i], (long long)count, (long long)s->rows[i]);
        }
    }
}

/* What stands after it was begun, whenever it ended: a vault that is whole, and shows what it is. */
static void assert_sound(scene *s) {
    peer *self = s->self;
    assert_int_equal(dx_store_check(self->context.store), DX_OK);
    dx_epoch_status status;
    dx_epoch_status_of(self->space, &status);
    bool rows_change = status.stage == DX_EPOCH_UNPACKING || s->what == NEWCOMER;
    if (!rows_change) {
        char *state = peer_state(self);
        assert_string_equal(state, status.base == s->goal ? s->after : s->before);
        free(state);
    }
}

static void scene_init(scene *s, act what, size_t budget) {
    memset(s, 0, sizeof *s);
    s->what = what;
    s->budget = budget;
    s->goal = what == COMPACT_AGAIN ? 2 : 1;
    plant(s);
    s->self = what == LAGGARD ? &s->bob : what == NEWCOMER ? &s->fresh : &s->alice;
    if (what == COMPACT_AGAIN) {
        epoch_compact(&s->alice, &s->cut, SIZE_MAX);
        dx_cut_deinit(&s->cut);
        epoch_cut(&s->alice, &s->cut);
        peer_pull(&s->alice, &s->bob, PEER_RUN_MAX);
    }
    peer_settle(s->self);
    if (what == COMPACT || what == COMPACT_AGAIN) {
        make_root(s, s->root);
    } else {
        memcpy(s->root, s->made.root, sizeof s->root);
    }
    s->before = peer_state(s->self);
    s->local = s->self->space->local;
    forget(s->self);
    s->image = sim_disk_copy(s->self->disk, 7);
    open_again(s);
    assert_int_equal(do_it(s), DX_OK);
    peer_settle(s->self);
    s->after = peer_state(s->self);
    if (what == COMPACT || what == COMPACT_AGAIN) {
        assert_string_equal(s->before, s->after);
    }
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        s->rows[i] = count_rows(s->self, tables[i]);
    }
}

static void scene_deinit(scene *s) {
    sim_disk_destroy(s->image);
    free(s->before);
    free(s->after);
    dx_buf_deinit(&s->manifest);
    for (size_t i = 0; i < CHUNKS_MAX; i++) {
        if (s->chunks[i].alloc != NULL) {
            dx_buf_deinit(&s->chunks[i]);
        }
    }
    dx_cut_deinit(&s->cut);
    peer_deinit(&s->alice);
    peer_deinit(&s->bob);
    peer_deinit(&s->fresh);
}

/* --- Power ------------------------------------------------------------------------------------------- */

/* *reached: the disk was changed so often. What is not durable by then is lost. */
static void fail_power(scene *s, uint64_t at, bool *reached) {
    uint64_t faults = sim_disk_counters(s->self->disk)->faults;
    sim_disk_plan(s->self->disk, &(sim_disk_fault){.calls = SIM_DISK_CHANGES, .at = at, .sticky = true});
    int error = do_it(s);
    *reached = sim_disk_counters(s->self->disk)->faults > faults;
    assert_true(*reached || error == DX_OK);
    sim_disk_crash(s->self->disk);
    forget(s->self);
    sim_disk_heal(s->self->disk);
    open_again(s);
}

static void cut_power(act what) {
    scene s;
    bool reached = true, again;
    uint64_t at = 1;
    scene_init(&s, what, 1);
    for (; reached; at++) {
        assert_true(at < TROUBLES_MAX);
        rewind_to(&s, s.image);
        fail_power(&s, at, &reached);
        assert_sound(&s);
        if (at % 3 == 0) { /* and while it goes on */
            fail_power(&s, 1 + at * 5 % 31, &again);
            assert_sound(&s);
        }
        assert_int_equal(do_it(&s), DX_OK);
        assert_ended(&s);
    }
    print_message("# power fails at %d places\n", (int)at - 2);
    assert_true(at > 10);
    scene_deinit(&s);
}

static void test_power_fails_while_compacting(void **state) {
    (void)state;
    cut_power(COMPACT);
}

static void test_power_fails_while_compacting_again(void **state) {
    (void)state;
    cut_power(COMPACT_AGAIN);
}

static void test_power_fails_while_a_newcomer_loads(void **state) {
    (void)state;
    cut_power(NEWCOMER);
}

static void test_power_fails_while_a_laggard_loads(void **state) {
    (void)state;
    cut_power(LAGGARD);
}

/* --- Memory ------------------------------------------------------------------------------------------ */

/* A step that had no memory is undone, what it left in memory is forgotten, and it is done again. */
static void test_every_allocation_fails_once(void **state) {
    (void)state;
    for (act what = COMPACT; what < ACT_COUNT; what++) {
        scene s;
        bool reached = true;
        uint64_t at = 1;
        scene_init(&s, what, SIZE_MAX);
        for (; reached; at++) {
            rewind_to(&s, s.image);
            s.self->alloc.calls = 0;
            s.self->alloc.fail_at = at;
            int error = do_it(&s);
            reached = s.self->alloc.calls >= at;
            s.self->alloc.fail_at = 0;
            assert_true(error == DX_OK || error == DX_E_NO_MEMORY);
            if (error != DX_OK) {
                peer_rollback(s.self);
                assert_sound(&s);
                assert_int_equal(do_it(&s), DX_OK);
            }
            assert_ended(&s);
        }
        print_message("# %d allocations\n", (int)at - 2);
        scene_deinit(&s);
    }
}

DX_TEST_MAIN(DX_TEST(test_power_fails_while_compacting), DX_TEST(test_power_fails_while_compacting_again),
             DX_TEST(test_power_fails_while_a_newcomer_loads),
             DX_TEST(test_power_fails_while_a_laggard_loads), DX_TEST(test_every_allocation_fails_once))
