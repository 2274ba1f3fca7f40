/* tests/unit/store/test_crash.c: power fails before every call that changes the disk, in several ways each;
 * every acknowledged commit is there afterwards, and the vault always opens. */
#include "vault_model.h"

#include <sodium.h>

/* Ways each crash turns out; DX_CRASH_VARIANTS=1000 for a long run by hand. */
static int variants(void) {
    const char *asked = getenv("DX_CRASH_VARIANTS");
    return asked != NULL ? atoi(asked) : MODEL_SANITIZED ? 1 : 3;
}

typedef struct crasher {
    vault_model *model;
    uint64_t seed;
    int acknowledged_floor; /* -1 until the vault was created */
    int points;
    int states;
    int variants;
} crasher;

static void crash_and_check(crasher *self, sim_disk *disk, bool crash_again);

/* A crash during the recovery from a crash: a few of its calls, one variant each. */
static void crash_while_reopening(void *ctx, const sim_disk *disk, sim_disk_call call) {
    (void)call;
    crasher *self = ctx;
    self->points++;
    sim_disk *copy = sim_disk_copy(disk, self->seed++);
    sim_disk_crash(copy);
    crash_and_check(self, copy, false);
    sim_disk_destroy(copy);
}

static void crash_and_check(crasher *self, sim_disk *disk, bool crash_again) {
    vault_model *model = self->model;
    vault_model reopened;
    model_init(&reopened, self->seed, sim_disk_vfs(disk));
    reopened.row_max_size = model->row_max_size;
    memcpy(reopened.digests, model->digests, sizeof reopened.digests);
    dx_store *store;
    crasher inner = {.model = model, .seed = self->seed, .acknowledged_floor = self->acknowledged_floor};
    if (crash_again) {
        sim_disk_watch(disk, crash_while_reopening, &inner);
    }
    int error = model_open(&reopened, &store);
    if (error != DX_OK) {
        fail_msg("reopening failed: %s: %s (point %d)", dx_error_name(error), reopened.message, self->points);
    }
    model_expect(&reopened, store, self->acknowledged_floor < 0 ? -1 : model->commits, model->beginning);
    dx_store_close(store);
    assert_int_equal(reopened.alloc.live_bytes, 0);
    self->seed = inner.seed;
    self->states += 1 + inner.states;
}

static void crash_here(void *ctx, const sim_disk *disk, sim_disk_call call) {
    (void)call;
    crasher *self = ctx;
    self->points++;
    for (int variant = 0; variant < self->variants; variant++) {
        sim_disk *copy = sim_disk_copy(disk, self->seed++);
        sim_disk_crash(copy);
        crash_and_check(self, copy, self->points % 50 == 0);
        sim_disk_destroy(copy);
    }
}

typedef struct workload {
    uint64_t seed;
    int commits;
    uint32_t changes;
    uint32_t row_max_size;
    int checkpoint_every;
    int scrub_every;   /* the log is cut off to nothing; 0: never */
    int compact_every; /* the file is made smaller; 0: never */
    uint32_t sector_size;
    const char *before; /* SQL run in a transaction first, or NULL */
} workload;

static uint64_t unused_bytes(dx_store *store) {
    dx_store_room room;
    assert_int_equal(dx_store_read_room(store, &room), DX_OK);
    return room.unused_bytes;
}

/* Something large comes and goes, and its room with it. */
static void waste_and_compact(dx_store *store) {
    static const char *const steps[] = {
        "CREATE TABLE waste(key INTEGER PRIMARY KEY, content BLOB NOT NULL)",
        "INSERT INTO waste SELECT key, randomblob(9000) FROM model WHERE key < 12", "DROP TABLE waste"};
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_int_equal(dx_store_begin(store), DX_OK);
        assert_int_equal(model_run(store, steps[i]), DX_OK);
        assert_int_equal(dx_store_commit(store), DX_OK);
    }
    assert_true(unused_bytes(store) > 0);
    assert_int_equal(dx_store_compact(store), DX_OK);
    assert_int_equal(unused_bytes(store), 0);
}

static void run_workload(const workload *work) {
    assert_true(sodium_init() >= 0);
    sim_disk *disk = sim_disk_create(work->seed, &(sim_disk_config){.sector_size = work->sector_size});
    vault_model model;
    model_init(&model, work->seed, sim_disk_vfs(disk));
    model.row_max_size = work->row_max_size;
    crasher self = {
        .model = &model, .seed = work->seed * 1000, .acknowledged_floor = -1, .variants = variants()};
    model.commits = model.beginning = -1;
    model.digests[0] = model_digest(&model);
    sim_disk_watch(disk, crash_here, &self);
    dx_store *store;
    assert_int_equal(model_open(&model, &store), DX_OK);
    assert_int_equal(model_create(&model, store), DX_OK);
    self.acknowledged_floor = 0;
    for (int i = 1; i <= work->commits; i++) {
        if (work->before != NULL) {
            assert_int_equal(dx_store_begin(store), DX_OK);
            assert_int_equal(model_run(store, work->before), DX_OK);
            dx_store_rollback(store);
        }
        assert_int_equal(model_commit(&model, store, work->changes), DX_OK);
        if (i % work->checkpoint_every == 0) {
            assert_int_equal(dx_store_checkpoint(store), DX_OK);
        }
        if (work->scrub_every != 0 && i % work->scrub_every == 0) {
            dx_store_scrub(store);
            assert_true(dx_store_has_upkeep(store, false));
        }
        dx_store_upkeep(store, false);
        if (work->compact_every != 0 && i % work->compact_every == 0) {
            waste_and_compact(store);
        }
    }
    dx_store_close(store);
    assert_true(self.points > 2 * work->commits);
    print_message("# %d crash points, %d states reopened\n", self.points, self.states);
    sim_disk_destroy(disk);
    assert_int_equal(model.alloc.live_bytes, 0);
}

static void test_small_commits(void **state) {
    (void)state;
    run_workload(&(workload){.seed = 11,
                             .commits = 120,
                             .changes = 2,
                             .row_max_size = 600,
                             .checkpoint_every = 25,
                             .sector_size = 512});
}

static void test_small_commits_on_large_sectors(void **state) {
    (void)state;
    run_workload(&(workload){.seed = 12,
                             .commits = 60,
                             .changes = 3,
                             .row_max_size = 3000,
                             .checkpoint_every = 9,
                             .sector_size = 4096});
}

/* The page cache is too small for a transaction: frames are written before the commit, some of them twice. */
static void test_spilling_commits(void **state) {
    (void)state;
    run_workload(&(workload){.seed = 13,
                             .commits = 6,
                             .changes = 60,
                             .row_max_size = 9000,
                             .checkpoint_every = 2,
                             .sector_size = 512,
                             .before = "PRAGMA cache_size=10"});
}

/* A log that power cuts to a first part of what it was is not played back over what came after that part. */
static void test_logs_cut_off(void **state) {
    (void)state;
    run_workload(&(workload){.seed = 14,
                             .commits = 40,
                             .changes = 3,
                             .row_max_size = 600,
                             .checkpoint_every = 17,
                             .scrub_every = 4,
                             .sector_size = 512});
}

/* Power fails at every call of a compaction: the vault is as it was, or as it is then. */
static void test_compactions(void **state) {
    (void)state;
    run_workload(&(workload){.seed = 15,
                             .commits = 12,
                             .changes = 12,
                             .row_max_size = 3000,
                             .checkpoint_every = 5,
                             .compact_every = 3,
                             .sector_size = 512});
}

DX_TEST_MAIN(DX_TEST(test_small_commits), DX_TEST(test_small_commits_on_large_sectors),
             DX_TEST(test_spilling_commits), DX_TEST(test_logs_cut_off), DX_TEST(test_compactions))
