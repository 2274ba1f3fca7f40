/* tests/unit/store/test_check.c: looking over a vault in slices, while it is at work: store/check.c. */
#include "base/limits.h"
#include "store/page_vfs.h"
#include "vault_model.h"

#include <sodium.h>

enum { SEED = 5 };

typedef struct fixture {
    sim_disk *disk;
    vault_model model;
    dx_store *store;
} fixture;

static int begin(void **state) {
    fixture *f = calloc(1, sizeof *f);
    assert_true(sodium_init() >= 0);
    f->disk = sim_disk_create(SEED, &(sim_disk_config){0});
    model_init(&f->model, SEED, sim_disk_vfs(f->disk));
    assert_int_equal(model_open(&f->model, &f->store), DX_OK);
    assert_int_equal(model_create(&f->model, f->store), DX_OK);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(model_commit(&f->model, f->store, 15), DX_OK);
    }
    *state = f;
    return 0;
}

static int end(void **state) {
    fixture *f = *state;
    dx_store_close(f->store);
    assert_int_equal(f->model.alloc.live_bytes, 0);
    sim_disk_destroy(f->disk);
    free(f);
    return 0;
}

/* All slices, each in a transaction of its own, with a commit between them when asked. */
static int look(fixture *f, bool at_work, dx_store_checking *checking) {
    bool more = true;
    int error = DX_OK;
    while (error == DX_OK && more) {
        assert_int_equal(dx_store_begin(f->store), DX_OK);
        error = dx_store_check_slice(f->store, checking, &more);
        assert_int_equal(dx_store_commit(f->store), DX_OK); /* what was found spoils no transaction */
        if (at_work) {
            assert_int_equal(model_commit(&f->model, f->store, 15), DX_OK);
        }
    }
    return error;
}

static void test_a_sound_vault(void **state) {
    fixture *f = *state;
    for (int round = 0; round < 3; round++) {
        dx_store_checking checking = {.page = 0};
        assert_int_equal(look(f, round > 0, &checking), DX_OK);
        assert_int_equal(checking.damaged, 0);
        assert_true(checking.page > checking.pages);
        assert_int_equal(dx_store_checkpoint(f->store), DX_OK);
    }
    dx_store_checking checking = {.page = 0};
    assert_int_equal(look(f, true, &checking), DX_OK);
    assert_true(checking.pages > 5);
}

/* As a vault too large to be looked over at once. */
static void test_table_by_table(void **state) {
    fixture *f = *state;
    dx_store_checking checking = {.page = DX_STORE_CHECK_WHOLE_PAGES + 2,
                                  .pages = DX_STORE_CHECK_WHOLE_PAGES + 1};
    int slices = 0;
    bool more = true;
    assert_int_equal(dx_store_begin(f->store), DX_OK);
    for (; more; slices++) {
        assert_int_equal(dx_store_check_slice(f->store, &checking, &more), DX_OK);
    }
    assert_true(slices > 5); /* the schema, each table, the end */
    assert_int_equal(dx_store_commit(f->store), DX_OK);
}

/* Every page authentic, and yet wrong: an index that lacks what its table has, made behind the store's back. */
static void make_inconsistent(fixture *f) {
    dx_page_vfs *vfs;
    sqlite3 *db = NULL;
    assert_int_equal(dx_page_vfs_create(&f->model.alloc.port, &f->model.random.port, sim_disk_vfs(f->disk),
                                        f->model.config.page_key, &vfs),
                     DX_OK);
    assert_int_equal(sqlite3_open_v2(MODEL_PATH, &db, SQLITE_OPEN_READWRITE, dx_page_vfs_name(vfs)),
                     SQLITE_OK);
    const char *sql =
        "PRAGMA locking_mode=EXCLUSIVE; CREATE INDEX partial ON model(content) WHERE key < 3;"
        "PRAGMA writable_schema=ON;"
        "UPDATE sqlite_schema SET sql='CREATE INDEX partial ON model(content)' WHERE name='partial'";
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    dx_page_vfs_destroy(vfs);
}

static void test_contradictions_name_their_table(void **state) {
    fixture *f = *state;
    dx_store_checking checking = {.page = DX_STORE_CHECK_WHOLE_PAGES + 2,
                                  .pages = DX_STORE_CHECK_WHOLE_PAGES + 1};
    bool more = true;
    int error = DX_OK;
    dx_store_close(f->store);
    make_inconsistent(f);
    assert_int_equal(model_open(&f->model, &f->store), DX_OK);
    assert_int_equal(dx_store_begin(f->store), DX_OK);
    while (error == DX_OK && more) {
        error = dx_store_check_slice(f->store, &checking, &more);
    }
    assert_int_equal(error, DX_E_CORRUPT);
    assert_non_null(strstr(dx_store_message(f->store), "table model: "));
    assert_int_equal(dx_store_commit(f->store), DX_OK);
}

static void flip_pages(fixture *f, uint64_t first, uint64_t count) {
    for (uint64_t page = first; page < first + count; page++) {
        sim_disk_flip(f->disk, MODEL_PATH, (page - 1) * DX_PAGE_SIZE + 1000, 4);
    }
}

static void test_damaged_pages_are_named(void **state) {
    fixture *f = *state;
    assert_int_equal(dx_store_checkpoint(f->store), DX_OK);
    flip_pages(f, 7, 1);
    dx_store_checking checking = {.page = 0};
    assert_int_equal(look(f, false, &checking), DX_E_CORRUPT);
    assert_non_null(strstr(dx_store_message(f->store), "page 7 of the "));
    flip_pages(f, 8, DX_STORE_DAMAGED_NAMED + 2);
    checking = (dx_store_checking){.page = 0};
    assert_int_equal(look(f, false, &checking), DX_E_CORRUPT);
    assert_int_equal(checking.damaged, DX_STORE_DAMAGED_NAMED + 3);
    assert_non_null(
        strstr(dx_store_message(f->store), "pages 7, 8, 9, 10, 11, 12, 13, 14 and 3 more of the "));
    assert_int_equal(dx_store_check(f->store), DX_E_CORRUPT);
}

/* What the log has newer is written over by the next checkpoint. */
static void test_a_superseded_page_is_no_damage(void **state) {
    fixture *f = *state;
    assert_int_equal(dx_store_checkpoint(f->store), DX_OK);
    assert_int_equal(dx_store_begin(f->store), DX_OK);
    assert_int_equal(model_run(f->store, "UPDATE model SET content=zeroblob(length(content))"), DX_OK);
    assert_int_equal(dx_store_commit(f->store), DX_OK);
    uint64_t pages = sim_disk_file(f->disk, MODEL_PATH).size / DX_PAGE_SIZE, superseded = 0;
    for (uint64_t page = 2; page <= pages; page++) {
        flip_pages(f, page, 1);
        dx_store_checking checking = {.page = 0};
        superseded += look(f, false, &checking) == DX_OK;
        flip_pages(f, page, 1);
    }
    assert_in_range(superseded, 1, pages - 2);
    flip_pages(f, 2, pages - 1);
    assert_int_equal(dx_store_checkpoint(f->store), DX_OK);
    dx_store_checking checking = {.page = 0};
    assert_int_equal(look(f, false, &checking), DX_E_CORRUPT);
    assert_int_equal(checking.damaged, pages - 1 - superseded);
}

static void test_a_damaged_frame_is_named(void **state) {
    fixture *f = *state;
    sim_disk_flip(f->disk, MODEL_LOG, 32 + 4 * DX_FRAME_SIZE + 100, 1);
    dx_store_checking checking = {.page = 0};
    assert_int_equal(look(f, false, &checking), DX_E_CORRUPT);
    assert_non_null(strstr(dx_store_message(f->store), "frame 5 of the vault's log"));
}

static void test_a_disk_that_fails(void **state) {
    fixture *f = *state;
    assert_int_equal(dx_store_checkpoint(f->store), DX_OK);
    sim_disk_plan(f->disk, &(sim_disk_fault){.calls = 1u << SIM_DISK_READ, .at = 1, .sticky = true});
    dx_store_checking checking = {.page = 0};
    bool more = true;
    assert_int_equal(dx_store_begin(f->store), DX_OK);
    int error = DX_OK;
    while (error == DX_OK && more) {
        error = dx_store_check_slice(f->store, &checking, &more);
    }
    assert_int_equal(error, DX_E_STORE);
    dx_store_rollback(f->store);
    sim_disk_heal(f->disk);
    checking = (dx_store_checking){.page = 0};
    assert_int_equal(look(f, false, &checking), DX_OK);
}

#define CHECK_TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

DX_TEST_MAIN(CHECK_TEST(test_a_sound_vault), CHECK_TEST(test_table_by_table),
             CHECK_TEST(test_contradictions_name_their_table), CHECK_TEST(test_damaged_pages_are_named),
             CHECK_TEST(test_a_superseded_page_is_no_damage), CHECK_TEST(test_a_damaged_frame_is_named),
             CHECK_TEST(test_a_disk_that_fails))
