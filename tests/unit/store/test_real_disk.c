/* tests/unit/store/test_real_disk.c: the vault on the operating system's own files, by SQLite's own VFS. */
#include "vault_model.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SEED = 61 };

#define REAL_PATH "test_real_disk.vault"

/* On the system's own VFS: the files appear, exclude a second opener, and the log goes when the vault is
 * closed. */
static void test_on_a_real_disk(void **state) {
    (void)state;
    vault_model model;
    model_init(&model, SEED, NULL);
    model.config.path = REAL_PATH;
    unlink(REAL_PATH);
    unlink(REAL_PATH "-wal");
    dx_store *store, *second;
    assert_int_equal(model_open(&model, &store), DX_OK);
    assert_int_equal(model_create(&model, store), DX_OK);
    assert_int_equal(model_commit(&model, store, 10), DX_OK);
    assert_int_equal(model_open(&model, &second), DX_E_BUSY);
    assert_non_null(strstr(model.message, "another process"));
    assert_int_equal(access(REAL_PATH "-wal", F_OK), 0);
    dx_store_close(store);
    assert_int_not_equal(access(REAL_PATH "-wal", F_OK), 0);
    assert_int_not_equal(access(REAL_PATH "-journal", F_OK), 0);
    assert_int_equal(model_open(&model, &store), DX_OK);
    model_expect(&model, store, 1, 1);
    dx_store_close(store);
    assert_int_equal(model.alloc.live_bytes, 0);
    unlink(REAL_PATH);
}

/* Large runs of frames and pages: SQLite's VFS cuts what is longer than it takes. */
static void test_large_transactions(void **state) {
    (void)state;
    vault_model model;
    model_init(&model, SEED, NULL);
    model.config.path = REAL_PATH;
    model.row_max_size = MODEL_BLOB_MAX;
    unlink(REAL_PATH);
    unlink(REAL_PATH "-wal");
    dx_store *store;
    assert_int_equal(model_open(&model, &store), DX_OK);
    assert_int_equal(model_create(&model, store), DX_OK);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(model_commit(&model, store, 200), DX_OK);
        assert_int_equal(dx_store_checkpoint(store), DX_OK);
    }
    assert_int_equal(dx_store_check(store), DX_OK);
    dx_store_close(store);
    assert_int_equal(model_open(&model, &store), DX_OK);
    model_expect(&model, store, 5, 5);
    dx_store_close(store);
    assert_int_equal(model.alloc.live_bytes, 0);
    unlink(REAL_PATH);
}

enum { KILLS = 12, COMMITS_MAX = MODEL_COMMITS_MAX - 100 };

/* Commits, tells each acknowledged one and is killed from outside; on a fast disk it runs out of commits
 * first and waits for it. */
static void commit_until_killed(vault_model *model, int acknowledgements) {
    dx_store *store;
    if (model_open(model, &store) != DX_OK) {
        _exit(1);
    }
    for (int i = 0; model->commits < COMMITS_MAX && model_commit(model, store, 5) == DX_OK; i++) {
        int commits = model->commits;
        if (write(acknowledgements, &commits, sizeof commits) != sizeof commits ||
            (i % 7 == 6 && dx_store_checkpoint(store) != DX_OK)) {
            _exit(1);
        }
    }
    if (model->commits < COMMITS_MAX) {
        _exit(1); /* a commit failed */
    }
    for (;;) {
        pause();
    }
}

/* Until the pipe ends: the last commit the child told of. */
static int last_acknowledged(int acknowledgements, int before, useconds_t wait_us, pid_t child) {
    int commits = before, told;
    usleep(wait_us);
    kill(child, SIGKILL);
    while (read(acknowledgements, &told, sizeof told) == sizeof told) {
        commits = told;
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status)); /* it did not end by itself */
    return commits;
}

/* The child's commits, done again on the model alone: the same workload leads to the same states. */
static void follow(vault_model *model, int commits) {
    while (model->commits < commits) {
        model_commit_without_store(model, 5);
    }
}

static void test_kill_at_any_moment(void **state) {
    (void)state;
    vault_model model;
    model_init(&model, SEED, NULL);
    model.config.path = REAL_PATH;
    unlink(REAL_PATH);
    unlink(REAL_PATH "-wal");
    dx_store *store;
    assert_int_equal(model_open(&model, &store), DX_OK);
    assert_int_equal(model_create(&model, store), DX_OK);
    dx_store_close(store);
    int survived = 0;
    for (int i = 0; i < KILLS && model.commits < COMMITS_MAX; i++) {
        int ends[2];
        test_random_init(&model.random, SEED + (uint64_t)i); /* no nonce of the killed child's again */
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            close(ends[0]);
            commit_until_killed(&model, ends[1]);
        }
        close(ends[1]);
        int acknowledged = last_acknowledged(ends[0], model.commits, (useconds_t)(10000 + i * 7000), child);
        close(ends[0]);
        survived += acknowledged - model.commits;
        follow(&model, acknowledged);
        vault_model one_more = model; /* the commit under way may be there */
        model_commit_without_store(&one_more, 5);
        assert_int_equal(model_open(&model, &store), DX_OK);
        model_expect(&one_more, store, acknowledged, acknowledged + 1);
        int commit = 0;
        uint64_t digest = 0;
        assert_int_equal(model_read(store, &commit, &digest), DX_OK);
        follow(&model, commit);
        dx_store_close(store);
    }
    assert_true(survived > 0);
    print_message("# %d commits acknowledged before a kill, all there\n", survived);
    assert_int_equal(model.alloc.live_bytes, 0);
    unlink(REAL_PATH);
}

DX_TEST_MAIN(DX_TEST(test_on_a_real_disk), DX_TEST(test_large_transactions), DX_TEST(test_kill_at_any_moment))
