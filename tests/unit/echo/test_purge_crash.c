/* tests/unit/echo/test_purge_crash.c: power fails at every call that changes the disk while something is purged: by who says
 * so, and by who hears of it; and fails again while that goes on. Every allocation fails once. Each time the vault opens,
 * goes on by itself, and is in the end what it is without a failure: nothing opens, no page says it, and the log is nothing.
 * Of echo/purge.c, store/store.c (the log is emptied), store/page_file.c. */
#include "halo/control_purge.h"
#include "purged.h"
#include "store/store_state.h"

/* Touches: more than are taken out in one go, where power fails. */
enum { MANY_TOUCHES = 40, FEW_TOUCHES = 2, TROUBLES_MAX = 4000 };

static const char secret[] = "forget-me-not-please";
static const char *const tables[] = {"entity", "touch",        "block",       "hole",   "purged",
                                     "move",   "purged_place", "purges_done", "row_log"};

typedef enum act { SAYS, HEARS, ACT_COUNT } act;

/* One vault something is done to, and how that ends. */
typedef struct scene {
    act what;
    peer alice, bob;
    peer *self;
    int64_t local; /* of self's space */
    uint8_t id[DX_ID_SIZE];
    sim_disk *image; /* of self, before it begins */
    size_t budget;
    char *before, *after;
    int64_t rows[sizeof tables / sizeof tables[0]];
} scene;

/* --- Setting it up -------------------------------------------------------------------------------- */

static void plant(scene *s, int touches) {
    char json[128];
    peer_init(&s->alice, 1, "Alice");
    peer_init(&s->bob, 2, "Bob");
    peer_create_space(&s->alice, "Garden");
    peer_admit(&s->alice, &s->bob, DX_ROLE_EDITOR);
    snprintf(json, sizeof json, "{\"text\": \"%s\"}", secret);
    int64_t oak = peer_add(&s->alice, "tree", json);
    int64_t elm = peer_add(&s->alice, "tree", "{\"text\": \"stays\"}");
    peer_link(&s->alice, "near", elm, oak);
    peer_pull(&s->bob, &s->alice, PEER_RUN_MAX);
    for (int i = 0; i < touches; i++) {
        snprintf(json, sizeof json, "\"%s, and %d\"", secret, i);
        peer_set(&s->bob, peer_key(&s->bob, &s->alice, oak), i % 3 == 0 ? "text" : "more", json);
    }
    peer_pull(&s->alice, &s->bob, PEER_RUN_MAX);
    assert_int_equal(dx_key_to_id(s->alice.space, oak, s->id), DX_OK);
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

static void rewind_to_the_beginning(scene *s) {
    forget(s->self);
    sim_disk_heal(s->self->disk);
    sim_disk_restore(s->self->disk, s->image);
    open_again(s);
}

/* --- Doing it --------------------------------------------------------------------------------------- */

/* The credential comes, when it is not here; *more: it was that, or there was something to take out. */
static int do_some(scene *s, bool *more) {
    peer *self = s->self;
    size_t budget = s->budget;
    *more = true;
    if (dx_control_is_purged(self->space->control, s->id)) {
        return dx_pipeline_run(&self->context, self->space, budget, more);
    }
    if (s->what == SAYS) {
        return dx_space_purge(&self->context, self->space, s->id);
    }
    peer_begin(&s->alice);
    dx_feed *source = dx_space_feed(s->alice.space, s->alice.space->own_control);
    int error = peer_carry(self, &s->alice, source, source->length);
    peer_commit(&s->alice);
    return error == DX_OK ? dx_pipeline_run(&self->context, self->space, budget, more) : error;
}

static int do_it(scene *s) {
    bool more = true;
    int error = DX_OK;
    dx_store *store = s->self->context.store;
    for (int steps = 0; error == DX_OK && more; steps++) {
        assert_true(steps < 1000);
        error = dx_store_begin(store);
        error = error == DX_OK ? do_some(s, &more) : error;
        error = error == DX_OK ? dx_space_sign_heads(&s->self->context, s->self->space) : error;
        error = error == DX_OK ? dx_store_commit(store) : error;
    }
    while (error == DX_OK && dx_store_has_upkeep(store, false)) {
        dx_store_upkeep(store, false);
    }
    return error;
}

/* The file as it lies on the disk says it. */
static bool any_page_says_it(peer *self) {
    sqlite3_int64 size = 0;
    bool says = false;
    peer_begin(self);
    sqlite3 *db = sqlite3_db_handle(dx_store_query(self->context.store, "SELECT 1"));
    peer_commit(self);
    dx_store_reset_statements(self->context.store);
    unsigned char *image = sqlite3_serialize(db, "main", &size, 0);
    assert_non_null(image);
    for (sqlite3_int64 i = 0; !says && i + (sqlite3_int64)sizeof secret - 1 <= size; i++) {
        says = memcmp(image + i, secret, sizeof secret - 1) == 0;
    }
    sqlite3_free(image);
    return says;
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

/* After whatever happened on the way. */
static void assert_ended(scene *s) {
    peer *self = s->self;
    assert_int_equal(dx_store_wal_bytes(self->context.store), 0);
    char *state = peer_state(self);
    assert_string_equal(state, s->after);
    free(state);
    peer_begin(self);
    assert_nothing_opens(self);
    peer_commit(self);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        int64_t count = count_rows(self, tables[i]);
        if (count != s->rows[i]) {
            fail_msg("%s: %lld rows, not %lld", tables[i], (long long)count, (long long)s->rows[i]);
        }
    }
    assert_int_equal(dx_store_check(self->context.store), DX_OK);
    assert_false(any_page_says_it(self));
}

/* The vault is whole, and shows it as it was, or not at all. */
static void assert_sound(scene *s) {
    assert_int_equal(dx_store_check(s->self->context.store), DX_OK);
    bool is_purged = dx_control_is_purged(s->self->space->control, s->id);
    char *state = peer_state(s->self);
    if (!is_purged) {
        assert_string_equal(state, s->before);
    }
    free(state);
}

static void scene_init(scene *s, act what, int touches, size_t budget) {
    memset(s, 0, sizeof *s);
    s->what = what;
    s->budget = budget;
    plant(s, touches);
    s->self = what == SAYS ? &s->alice : &s->bob;
    peer_settle(s->self);
    s->before = peer_state(s->self);
    s->local = s->self->space->local;
    if (what == HEARS) {
        peer_begin(&s->alice);
        assert_int_equal(dx_space_purge(&s->alice.context, s->alice.space, s->id), DX_OK);
        peer_commit(&s->alice);
    }
    forget(s->self);
    s->image = sim_disk_copy(s->self->disk, 7);
    open_again(s);
    assert_true(any_page_says_it(s->self));
    assert_int_equal(do_it(s), DX_OK);
    s->after = peer_state(s->self);
    assert_string_not_equal(s->before, s->after);
    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
        s->rows[i] = count_rows(s->self, tables[i]);
    }
    rewind_to_the_beginning(s);
    assert_int_equal(do_it(s), DX_OK);
    assert_ended(s);
}

static void scene_deinit(scene *s) {
    sim_disk_destroy(s->image);
    free(s->before);
    free(s->after);
    peer_deinit(&s->alice);
    peer_deinit(&s->bob);
}

/* --- Power ------------------------------------------------------------------------------------------- */

/* *reached: the disk was changed so often. Of what is not durable by then some is lost, some is kept. */
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
    scene_init(&s, what, MANY_TOUCHES, 8);
    for (; reached; at++) {
        assert_true(at < TROUBLES_MAX);
        rewind_to_the_beginning(&s);
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

static void test_power_fails_with_who_says_so(void **state) {
    (void)state;
    cut_power(SAYS);
}

static void test_power_fails_with_who_hears_of_it(void **state) {
    (void)state;
    cut_power(HEARS);
}

/* --- Memory ------------------------------------------------------------------------------------------ */

/* A step that had no memory is undone, what it left in memory is forgotten, and it is done again. */
static void test_every_allocation_fails_once(void **state) {
    (void)state;
    for (act what = SAYS; what < ACT_COUNT; what++) {
        scene s;
        bool reached = true;
        uint64_t at = 1;
        scene_init(&s, what, FEW_TOUCHES, SIZE_MAX);
        for (; reached; at++) {
            rewind_to_the_beginning(&s);
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

DX_TEST_MAIN(DX_TEST(test_power_fails_with_who_says_so), DX_TEST(test_power_fails_with_who_hears_of_it),
             DX_TEST(test_every_allocation_fails_once))
