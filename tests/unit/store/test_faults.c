/* tests/unit/store/test_faults.c: each call to the disk fails, once or from then on, in several ways; each of
 * our allocations and of SQLite's too. The error is a clean one, nothing acknowledged is lost, and once the
 * fault is gone the vault opens and goes on. */
#include "vault_model.h"

#include <sodium.h>

enum { COMMITS = MODEL_SANITIZED ? 4 : 9, CHECKPOINT_EVERY = MODEL_SANITIZED ? 2 : 4, SEED = 21 };

/* What a run begins with: nothing, or a vault with its table, closed. */
static sim_disk *make_template(vault_model *model, bool empty) {
    assert_true(sodium_init() >= 0);
    sim_disk *disk = sim_disk_create(SEED, &(sim_disk_config){0});
    model_init(model, SEED, sim_disk_vfs(disk));
    if (empty) {
        model->commits = model->beginning = -1;
        return disk;
    }
    dx_store *store;
    assert_int_equal(model_open(model, &store), DX_OK);
    assert_int_equal(model_create(model, store), DX_OK);
    assert_int_equal(model_commit(model, store, 20), DX_OK);
    dx_store_close(store);
    return disk;
}

/* Runs until the first error or the end. Returns the error; the store is closed. */
static int run_until_error(vault_model *model) {
    dx_store *store;
    int error = model_open(model, &store);
    if (error != DX_OK) {
        assert_null(store);
        assert_true(model->message[0] != '\0');
        return error;
    }
    if (model->commits < 0) {
        error = model_create(model, store);
    }
    for (int i = 1; i <= COMMITS && error == DX_OK; i++) {
        error = model_commit(model, store, 3);
        if (error == DX_OK && i % CHECKPOINT_EVERY == 0) {
            error = dx_store_checkpoint(store);
        }
        if (i == CHECKPOINT_EVERY + 1) {
            dx_store_ask_compact(store);
        }
        dx_store_upkeep(store, false);
    }
    dx_store_close(store);
    return error;
}

/* Power fails while the vault is opened after a fault; what the fault left must not have been built upon. */
static void crash_while_reopening(void *ctx, const sim_disk *disk, sim_disk_call call) {
    enum { VARIANTS = MODEL_SANITIZED ? 2 : 6 };
    (void)call;
    const vault_model *model = ctx;
    for (uint64_t variant = 0; variant < VARIANTS; variant++) {
        sim_disk *copy = sim_disk_copy(disk, SEED + variant + sim_disk_counters(disk)->bytes_written);
        sim_disk_crash(copy);
        vault_model run;
        model_copy(&run, model, sim_disk_vfs(copy));
        dx_store *store;
        int error = model_open(&run, &store);
        if (error != DX_OK) {
            fail_msg("reopening failed: %s: %s", dx_error_name(error), run.message);
        }
        model_expect(&run, store, model->commits, model->beginning);
        dx_store_close(store);
        sim_disk_destroy(copy);
    }
}

/* The fault is gone: the vault opens, holds what was acknowledged, goes on, and survives crashes after all.
 */
static void recover(vault_model *model, sim_disk *disk, bool also_crash) {
    enum { ROUNDS = 3 };
    dx_store *store;
    for (int round = 0; round < ROUNDS; round++) {
        sim_disk_watch(disk, round == 0 && also_crash ? crash_while_reopening : NULL, model);
        int error = model_open(model, &store);
        sim_disk_watch(disk, NULL, NULL);
        if (error != DX_OK) {
            fail_msg("reopening failed: %s: %s", dx_error_name(error), model->message);
        }
        model_expect(model, store, model->commits, model->beginning);
        model_adopt(model, store);
        if (model->commits < 0) {
            assert_int_equal(model_create(model, store), DX_OK);
        }
        assert_int_equal(model_commit(model, store, 3), DX_OK);
        if (round == 1) {
            assert_int_equal(dx_store_checkpoint(store), DX_OK);
            assert_int_equal(model_commit(model, store, 3), DX_OK);
        }
        if (round < ROUNDS - 1) {
            sim_disk_crash(disk);
        }
        dx_store_close(store);
    }
    assert_int_equal(model->alloc.live_bytes, 0);
}

/* Calls of these kinds in a run without faults. */
static uint64_t count_calls(const sim_disk *template, const vault_model *model, uint32_t mask) {
    sim_disk *disk = sim_disk_copy(template, SEED);
    vault_model run;
    model_copy(&run, model, sim_disk_vfs(disk));
    uint64_t count = 0;
    assert_int_equal(run_until_error(&run), DX_OK);
    for (int call = 0; call < SIM_DISK_CALL_COUNT; call++) {
        count += (mask >> call & 1) * sim_disk_counters(disk)->calls[call];
    }
    sim_disk_destroy(disk);
    return count;
}

static void fail_each_call_from(sim_disk_fault fault, bool forgets, bool empty) {
    vault_model model;
    sim_disk *template = make_template(&model, empty);
    uint64_t count = count_calls(template, &model, fault.calls);
    assert_true(count > 0);
    int failed_runs = 0;
    for (uint64_t at = 1; at <= count; at++) {
        sim_disk *disk = sim_disk_copy(template, SEED + at);
        sim_disk_configure(disk, &(sim_disk_config){.failed_sync_forgets = forgets});
        vault_model run;
        model_copy(&run, &model, sim_disk_vfs(disk));
        fault.at = at;
        sim_disk_plan(disk, &fault);
        failed_runs += run_until_error(&run) != DX_OK;
        assert_true(sim_disk_counters(disk)->faults > 0);
        sim_disk_heal(disk);
        recover(&run, disk, forgets);
        sim_disk_destroy(disk);
    }
    assert_true(failed_runs > 0);
    print_message("# %d of %d faults reached the caller\n", failed_runs, (int)count);
    sim_disk_destroy(template);
}

static void fail_each_call(sim_disk_fault fault, bool forgets) {
    fail_each_call_from(fault, forgets, false);
    fail_each_call_from(fault, forgets, true);
}

static void test_each_call_fails_once(void **state) {
    (void)state;
    fail_each_call((sim_disk_fault){.calls = SIM_DISK_ALL_CALLS}, false);
}

static void test_each_call_fails_for_good(void **state) {
    (void)state;
    fail_each_call((sim_disk_fault){.calls = SIM_DISK_ALL_CALLS, .sticky = true}, false);
}

static void test_disk_full_at_each_write(void **state) {
    (void)state;
    uint32_t mask = 1u << SIM_DISK_WRITE;
    fail_each_call((sim_disk_fault){.calls = mask, .full = true}, false);
    fail_each_call((sim_disk_fault){.calls = mask, .full = true, .half = true, .sticky = true}, false);
}

static void test_half_a_write(void **state) {
    (void)state;
    fail_each_call((sim_disk_fault){.calls = 1u << SIM_DISK_WRITE, .half = true}, false);
}

static void test_failed_sync_forgets(void **state) {
    (void)state;
    fail_each_call((sim_disk_fault){.calls = 1u << SIM_DISK_SYNC}, true);
    fail_each_call((sim_disk_fault){.calls = 1u << SIM_DISK_SYNC, .sticky = true}, true);
}

/* --- Memory ----------------------------------------------------------------------------------- */

static void test_each_allocation_of_ours_fails(void **state) {
    (void)state;
    vault_model model;
    sim_disk *template = make_template(&model, false);
    for (int sticky = 0; sticky < 2; sticky++) {
        int failed_runs = 0;
        for (uint64_t at = 1;; at++) {
            sim_disk *disk = sim_disk_copy(template, SEED + at);
            vault_model run;
            model_copy(&run, &model, sim_disk_vfs(disk));
            run.alloc.calls = 0;
            run.alloc.fail_at = at;
            run.alloc.sticky = sticky != 0;
            int error = run_until_error(&run);
            bool reached = run.alloc.calls >= at;
            run.alloc.fail_at = 0;
            assert_int_equal(run.alloc.live_bytes, 0);
            assert_int_equal(error, reached ? DX_E_NO_MEMORY : DX_OK);
            recover(&run, disk, false);
            sim_disk_destroy(disk);
            if (!reached) {
                break;
            }
            failed_runs++;
        }
        assert_true(failed_runs >= 4); /* store, VFS, runs, statement cache */
    }
    sim_disk_destroy(template);
}

/* SQLite's allocator, wrapped: the fail_at-th request gets nothing, and all later ones when sticky. */
static sqlite3_mem_methods system_memory;
static uint64_t memory_calls, memory_fail_at;
static bool memory_sticky;

static bool memory_fails(void) {
    memory_calls++;
    return memory_fail_at != 0 &&
           (memory_calls == memory_fail_at || (memory_sticky && memory_calls > memory_fail_at));
}

static void *failing_malloc(int size) {
    return memory_fails() ? NULL : system_memory.xMalloc(size);
}

static void *failing_realloc(void *block, int size) {
    return memory_fails() ? NULL : system_memory.xRealloc(block, size);
}

static void test_allocations_of_sqlite_fail(void **state) {
    (void)state;
    vault_model model;
    sim_disk *template = make_template(&model, false);
    for (int sticky = 0; sticky < 2; sticky++) {
        int failed_runs = 0;
        /* Every one while opening, where most differ; then a growing stride. */
        for (uint64_t at = 1;; at += 1 + at / (MODEL_SANITIZED ? 40 : 400) * 17) {
            sim_disk *disk = sim_disk_copy(template, SEED + at);
            vault_model run;
            model_copy(&run, &model, sim_disk_vfs(disk));
            memory_calls = 0;
            memory_sticky = sticky != 0;
            memory_fail_at = at;
            int error = run_until_error(&run);
            bool reached = memory_calls >= at;
            memory_fail_at = 0;
            if (error != DX_OK) {
                assert_int_equal(error, DX_E_NO_MEMORY);
                failed_runs++;
            }
            recover(&run, disk, false);
            sim_disk_destroy(disk);
            if (!reached) {
                break;
            }
        }
        assert_true(failed_runs > 40);
        print_message("# %d refused requests reached the caller\n", failed_runs);
    }
    sim_disk_destroy(template);
}

static int wrap_memory(void **state) {
    (void)state;
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &system_memory) != SQLITE_OK) {
        return -1;
    }
    sqlite3_mem_methods wrapped = system_memory;
    wrapped.xMalloc = failing_malloc;
    wrapped.xRealloc = failing_realloc;
    return sqlite3_config(SQLITE_CONFIG_MALLOC, &wrapped) == SQLITE_OK ? 0 : -1;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        DX_TEST(test_each_call_fails_once),       DX_TEST(test_each_call_fails_for_good),
        DX_TEST(test_disk_full_at_each_write),    DX_TEST(test_half_a_write),
        DX_TEST(test_failed_sync_forgets),        DX_TEST(test_each_allocation_of_ours_fails),
        DX_TEST(test_allocations_of_sqlite_fail),
    };
    return cmocka_run_group_tests(tests, wrap_memory, NULL);
}
