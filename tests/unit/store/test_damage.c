/* tests/unit/store/test_damage.c: what is damaged, foreign or under another key is refused and left as it is;
 * what is read is never wrong; nothing of the content can be read in the files. */
#include "store/page_seal.h"
#include "vault_model.h"

#include <sodium.h>

enum { SEED = 31, VAULT_SIZE = 256 * 1024 };

static const char marker[] = "Alice keeps the key under the third flower pot";

static void add_marked_rows(dx_store *store, int rows) {
    assert_int_equal(dx_store_begin(store), DX_OK);
    assert_int_equal(model_run(store, "CREATE TABLE IF NOT EXISTS marked(id INTEGER PRIMARY KEY, text TEXT)"),
                     DX_OK);
    for (int i = 0; i < rows; i++) {
        sqlite3_stmt *statement = dx_store_query(store, "INSERT INTO marked(text) VALUES(?1)");
        dx_bind_text(statement, 1, dx_bytes_text(marker));
        assert_int_equal(dx_step_done(store, statement), DX_OK);
    }
    assert_int_equal(dx_store_commit(store), DX_OK);
}

/* Several commits; closed when with_log is false, otherwise left as a crash of the process leaves it. */
static sim_disk *make_vault(vault_model *model, int commits, bool with_log) {
    assert_true(sodium_init() >= 0);
    sim_disk *disk = sim_disk_create(SEED, &(sim_disk_config){0});
    model_init(model, SEED, sim_disk_vfs(disk));
    model->row_max_size = 5000;
    dx_store *store;
    assert_int_equal(model_open(model, &store), DX_OK);
    assert_int_equal(model_create(model, store), DX_OK);
    add_marked_rows(store, 2500);
    assert_int_equal(dx_store_checkpoint(store), DX_OK);
    for (int i = 0; i < commits; i++) {
        assert_int_equal(model_commit(model, store, 15), DX_OK);
    }
    sim_disk *copy = sim_disk_copy(disk, SEED);
    dx_store_close(store);
    if (with_log) {
        sim_disk_destroy(disk);
        disk = copy;
        model->config.vfs = sim_disk_vfs(disk);
    } else {
        sim_disk_destroy(copy);
    }
    return disk;
}

static bool contains(dx_bytes haystack, const char *text, size_t size) {
    for (size_t i = 0; i + size <= haystack.size; i++) {
        if (haystack.data[i] == (uint8_t)text[0] && memcmp(haystack.data + i, text, size) == 0) {
            return true;
        }
    }
    return false;
}

static void expect_unreadable(const sim_disk *disk, const char *name) {
    static const char *const traces[] = {marker,         "third flower",  "marked",
                                         "CREATE TABLE", "SQLite format", "token"};
    dx_bytes file = sim_disk_file(disk, name);
    assert_true(file.size > 10 * DX_PAGE_SIZE);
    for (size_t i = 0; i < sizeof traces / sizeof traces[0]; i++) {
        assert_false(contains(file, traces[i], strlen(traces[i])));
    }
}

static void test_no_plain_text_in_the_files(void **state) {
    (void)state;
    vault_model model;
    sim_disk *disk = make_vault(&model, 3, true);
    dx_store *store;
    expect_unreadable(disk, MODEL_PATH);
    expect_unreadable(disk, MODEL_LOG);
    assert_int_equal(model_open(&model, &store), DX_OK);
    add_marked_rows(store, 3000);
    expect_unreadable(disk, MODEL_LOG);
    assert_int_equal(dx_store_begin(store), DX_OK);
    sqlite3_stmt *statement = dx_store_query(store, "SELECT text FROM marked WHERE id=3000");
    assert_true(dx_step(store, statement));
    assert_true(dx_bytes_equal(dx_column_bytes(statement, 0), dx_bytes_text(marker)));
    dx_store_rollback(store);
    dx_store_close(store);
    expect_unreadable(disk, MODEL_PATH);
    assert_null(sim_disk_file(disk, MODEL_LOG).data);
    sim_disk_destroy(disk);
}

/* The same content written twice never gives the same bytes. */
static void test_every_write_has_its_own_nonce(void **state) {
    (void)state;
    vault_model model;
    sim_disk *disk = make_vault(&model, 40, true);
    dx_bytes log = sim_disk_file(disk, MODEL_LOG);
    size_t frames = (log.size - 32) / DX_FRAME_SIZE;
    assert_true(frames > 100);
    for (size_t i = 0; i < frames; i++) {
        const uint8_t *nonce = log.data + 32 + (i + 1) * DX_FRAME_SIZE - DX_PAGE_RESERVED_SIZE;
        for (size_t k = i + 1; k < frames; k++) {
            const uint8_t *other = log.data + 32 + (k + 1) * DX_FRAME_SIZE - DX_PAGE_RESERVED_SIZE;
            assert_memory_not_equal(nonce, other, DX_PAGE_NONCE_SIZE);
        }
    }
    sim_disk_destroy(disk);
}

/* Opens and reads everything. The error of either. */
static int read_vault(vault_model *model, int *commit, uint64_t *digest) {
    dx_store *store;
    int error = model_open(model, &store);
    if (error != DX_OK) {
        assert_true(model->message[0] != '\0');
        return error;
    }
    error = model_read(store, commit, digest);
    dx_store_close(store);
    return error;
}

/* One flipped byte: refused with both files as they were, or read as some commit left it, none before
 * `oldest`. */
static void flip_and_read(vault_model *model, const sim_disk *vault, const char *name, uint64_t offset,
                          int oldest, int *refused) {
    sim_disk *disk = sim_disk_copy(vault, offset);
    sim_disk_flip(disk, name, offset, (uint8_t)(1u << (offset % 8)));
    vault_model run;
    model_copy(&run, model, sim_disk_vfs(disk));
    sim_disk *before = sim_disk_copy(disk, 0);
    dx_store *store;
    int error = model_open(&run, &store);
    if (error != DX_OK) {
        assert_int_equal(error, DX_E_CORRUPT);
        assert_true(dx_bytes_equal(sim_disk_file(disk, MODEL_PATH), sim_disk_file(before, MODEL_PATH)));
        assert_true(dx_bytes_equal(sim_disk_file(disk, MODEL_LOG), sim_disk_file(before, MODEL_LOG)));
        ++*refused;
    } else {
        int commit = -1;
        uint64_t digest = 0;
        error = model_read(store, &commit, &digest);
        if (error == DX_OK) {
            assert_in_range(commit, oldest, model->commits);
            assert_int_equal(digest, model->digests[commit]);
            error = dx_store_check(store); /* also what this reading did not need */
        }
        if (error != DX_OK) {
            assert_int_equal(error, DX_E_CORRUPT);
            ++*refused;
        }
        dx_store_close(store);
    }
    assert_int_equal(run.alloc.live_bytes, 0);
    sim_disk_destroy(before);
    sim_disk_destroy(disk);
}

static void test_flipped_bytes_of_the_vault(void **state) {
    (void)state;
    vault_model model;
    sim_disk *disk = make_vault(&model, 12, false);
    uint64_t size = sim_disk_file(disk, MODEL_PATH).size;
    assert_true(size >= VAULT_SIZE);
    int refused = 0, flips = 0;
    for (uint64_t at = 0; at < size; at += at < 200 ? 1 : MODEL_SANITIZED ? 2411 : 241, flips++) {
        flip_and_read(&model, disk, MODEL_PATH, at, model.commits, &refused);
    }
    print_message("# %d of %d flips refused\n", refused, flips);
    assert_true(refused > flips * 9 / 10); /* the rest hit pages that are free */
    sim_disk_destroy(disk);
}

/* Damage to the last commit cannot be told from a commit that never came to its end: that one may be missing.
 */
static void test_flipped_bytes_of_the_log(void **state) {
    (void)state;
    vault_model model;
    sim_disk *disk = make_vault(&model, 5, true);
    uint64_t size = sim_disk_file(disk, MODEL_LOG).size;
    int refused = 0, flips = 0;
    for (uint64_t at = 0; at < size; at += at < 100 ? 1 : MODEL_SANITIZED ? 3071 : 307, flips++) {
        flip_and_read(&model, disk, MODEL_LOG, at, model.commits - 1, &refused);
    }
    print_message("# %d of %d flips refused\n", refused, flips);
    assert_true(refused > flips / 2);
    sim_disk_destroy(disk);
}

/* Every byte of a 256 KiB vault and of a log, at the level that decides. */
static void test_every_flipped_byte_breaks_its_unit(void **state) {
    (void)state;
    vault_model model;
    sim_disk *disk = make_vault(&model, 12, true);
    const struct {
        const char *name;
        dx_unit_kind kind;
        size_t start;
        size_t units;
    } files[] = {{MODEL_PATH, DX_UNIT_PAGE, 0, MODEL_SANITIZED ? 2 : 24},
                 {MODEL_LOG, DX_UNIT_FRAME, 32, MODEL_SANITIZED ? 2 : 24}};
    for (size_t f = 0; f < 2; f++) {
        dx_bytes file = sim_disk_file(disk, files[f].name);
        size_t unit_size = dx_unit_size(files[f].kind);
        assert_true(file.size >= files[f].start + files[f].units * unit_size);
        for (size_t number = 1; number <= files[f].units; number++) {
            const uint8_t *sealed = file.data + files[f].start + (number - 1) * unit_size;
            uint8_t unit[DX_FRAME_SIZE];
            memcpy(unit, sealed, unit_size);
            assert_true(dx_unit_open(model.config.page_key, files[f].kind, number, unit));
            for (size_t at = 0; at < unit_size; at++) {
                memcpy(unit, sealed, unit_size);
                unit[at] ^= (uint8_t)(1u << (at % 8));
                assert_false(dx_unit_open(model.config.page_key, files[f].kind, number, unit));
            }
        }
    }
    sim_disk_destroy(disk);
}

static void expect_refused(vault_model *model, sim_disk *disk, int expected, const char *says) {
    sim_disk *before = sim_disk_copy(disk, 0);
    dx_store *store;
    model->config.vfs = sim_disk_vfs(disk);
    assert_int_equal(model_open(model, &store), expected);
    if (strstr(model->message, says) == NULL) {
        fail_msg("\"%s\" does not say \"%s\"", model->message, says);
    }
    assert_true(dx_bytes_equal(sim_disk_file(disk, MODEL_PATH), sim_disk_file(before, MODEL_PATH)));
    assert_true(dx_bytes_equal(sim_disk_file(disk, MODEL_LOG), sim_disk_file(before, MODEL_LOG)));
    sim_disk_destroy(before);
}

static void test_foreign_and_mixed_files_are_refused(void **state) {
    (void)state;
    vault_model model;
    sim_disk *vault = make_vault(&model, 4, true);
    dx_bytes file = sim_disk_file(vault, MODEL_PATH);
    uint8_t *bytes = malloc(file.size);
    assert_non_null(bytes);
    memcpy(bytes, file.data, file.size);

    sim_disk *disk = sim_disk_copy(vault, 1);
    model.config.page_key[0] ^= 1;
    expect_refused(&model, disk, DX_E_CORRUPT, "key");
    model.config.page_key[0] ^= 1;

    sim_disk_remove(disk, MODEL_LOG);
    sim_disk_put(disk, MODEL_PATH, dx_bytes_text("a letter, not a vault"));
    expect_refused(&model, disk, DX_E_CORRUPT, "not a vault");

    /* Two pages exchanged: each authentic, neither in its place. */
    memcpy(bytes + DX_PAGE_SIZE, file.data + 2 * DX_PAGE_SIZE, DX_PAGE_SIZE);
    memcpy(bytes + 2 * DX_PAGE_SIZE, file.data + DX_PAGE_SIZE, DX_PAGE_SIZE);
    sim_disk_put(disk, MODEL_PATH, dx_bytes_of(bytes, file.size));
    expect_refused(&model, disk, DX_E_CORRUPT, "page 2");

    /* A page that was never written, where there must be one. */
    memset(bytes + DX_PAGE_SIZE, 0, DX_PAGE_SIZE);
    sim_disk_put(disk, MODEL_PATH, dx_bytes_of(bytes, file.size));
    expect_refused(&model, disk, DX_E_CORRUPT, "page 2");

    /* The end is missing. */
    sim_disk_put(disk, MODEL_PATH, dx_bytes_of(file.data, 3 * DX_PAGE_SIZE + 100));
    expect_refused(&model, disk, DX_E_CORRUPT, "");

    /* Emptied, though a vault was opened here before; with the same request but no such knowledge, a new one.
     */
    sim_disk_put(disk, MODEL_PATH, dx_bytes_of(bytes, 0));
    model.config.has_expected_token = true;
    expect_refused(&model, disk, DX_E_CORRUPT, "opened here before");
    model.config.has_expected_token = false;
    model.config.create = false;
    expect_refused(&model, disk, DX_E_NOT_FOUND, "no vault");
    free(bytes);
    sim_disk_destroy(disk);
    sim_disk_destroy(vault);
}

/* Reads that return a flipped bit now and then: it is noticed, read again, and harms nothing. */
static void test_flips_on_the_way_are_read_again(void **state) {
    (void)state;
    vault_model model;
    sim_disk *vault = make_vault(&model, 5, true);
    int opened = 0;
    for (uint64_t seed = 0; seed < 100; seed++) {
        sim_disk *disk = sim_disk_copy(vault, seed);
        sim_disk_configure(disk, &(sim_disk_config){.read_flip_chance = 2000});
        model.config.vfs = sim_disk_vfs(disk);
        int commit = -1;
        uint64_t digest = 0;
        int error = read_vault(&model, &commit, &digest);
        if (error == DX_OK) {
            assert_int_equal(commit, model.commits);
            assert_int_equal(digest, model.digests[commit]);
            opened++;
        } else {
            assert_int_equal(error, DX_E_CORRUPT);
        }
        sim_disk_destroy(disk);
    }
    assert_true(opened > 50);
    sim_disk_destroy(vault);
}

/* A write to the log that went to another sector is found when what it hit, or missed, is read. (In the vault
 * file itself the page it missed stays there in its older form, and authentic: docs/spec/vault-file.md,
 * "Limits".) */
static void test_misdirected_writes_to_the_log_are_found(void **state) {
    (void)state;
    vault_model model;
    sim_disk *vault = make_vault(&model, 2, false);
    int refused = 0;
    for (uint64_t seed = 0; seed < 60; seed++) {
        sim_disk *disk = sim_disk_copy(vault, seed);
        vault_model run;
        model_copy(&run, &model, sim_disk_vfs(disk));
        dx_store *store;
        sim_disk_configure(disk, &(sim_disk_config){.misdirect_chance = 30000});
        int error = model_open(&run, &store);
        for (int i = 0; i < 12 && error == DX_OK; i++) {
            error = model_commit(&run, store, 4);
        }
        sim_disk_heal(disk);
        dx_store_close(store);
        int commit = -1;
        uint64_t digest = 0;
        error = error == DX_OK ? read_vault(&run, &commit, &digest) : error;
        if (error == DX_OK) {
            assert_in_range(commit, 0, run.beginning);
            assert_int_equal(digest, run.digests[commit]);
        } else {
            assert_int_equal(error, DX_E_CORRUPT);
            refused++;
        }
        sim_disk_destroy(disk);
    }
    assert_true(refused > 5);
    sim_disk_destroy(vault);
}

DX_TEST_MAIN(DX_TEST(test_no_plain_text_in_the_files), DX_TEST(test_every_write_has_its_own_nonce),
             DX_TEST(test_flipped_bytes_of_the_vault), DX_TEST(test_flipped_bytes_of_the_log),
             DX_TEST(test_every_flipped_byte_breaks_its_unit),
             DX_TEST(test_foreign_and_mixed_files_are_refused), DX_TEST(test_flips_on_the_way_are_read_again),
             DX_TEST(test_misdirected_writes_to_the_log_are_found))
