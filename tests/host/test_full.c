/* A full disk: a limit on the size of files stands in for it (setrlimit(2): a write beyond it fails as one on a
 * full disk does, and it can be lifted again), so that no test needs a file system of its own. What was
 * acknowledged is read while the disk is full, nothing is written before the clone guard knows the vault again,
 * and once there is room everything goes on. tests/cli/test_hostile.sh does the same on a small tmpfs. */
#include "scene.h"

#include <sys/resource.h>

#include "host.h"

static void limit_files(pid_t pid, rlim_t size) {
    struct rlimit limit;
    assert_int_equal(prlimit(pid, RLIMIT_FSIZE, NULL, &limit), 0);
    limit.rlim_cur = size < limit.rlim_max ? size : limit.rlim_max;
    assert_int_equal(prlimit(pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

static void count_rows(void *ctx, bool last, dx_bytes body) {
    dx_bytes rows = dx_item_get(body, "rows");
    dx_reader reader;
    (void)last;
    dx_reader_init(&reader, rows);
    *(size_t *)ctx += rows.size == 0 ? 0 : dx_read_array(&reader);
}

static size_t count_objects(dx_client *client) {
    size_t count = 0;
    dx_buf reply;
    assert_int_equal(
        scene_ask(client, "{\"do\": \"object.ls\", \"space\": \"s\"}", count_rows, &count, &reply), DX_OK);
    assert_int_equal(scene_reply_code(&reply), DX_OK);
    dx_buf_deinit(&reply);
    return count;
}

/* What comes of it; if nothing, the answer says what, why, what to do. */
static int try_asking(dx_client *client, const char *json) {
    dx_buf reply;
    assert_int_equal(scene_ask(client, json, NULL, NULL, &reply), DX_OK);
    int code = scene_reply_code(&reply);
    if (code != DX_OK) {
        dx_bytes error = dx_item_get(dx_buf_view(&reply), "error");
        dx_bytes message = dx_item_text(dx_item_get(error, "message")),
                 remedy = dx_item_text(dx_item_get(error, "try"));
        assert_non_null(memmem(message.data, message.size, "full", 4));
        assert_non_null(memmem(remedy.data, remedy.size, "make room", 9));
    }
    dx_buf_deinit(&reply);
    return code;
}

static int try_adding(dx_client *client) {
    static char json[40000];
    if (json[0] == 0) {
        int size =
            snprintf(json, sizeof json, "{\"do\": \"object.add\", \"space\": \"s\", \"data\": {\"text\": \"");
        memset(json + size, 'x', sizeof json - (size_t)size);
        snprintf(json + sizeof json - 8, 8, "\"}}");
    }
    return try_asking(client, json);
}

static bool vault_says(dx_client *client, const char *what) {
    dx_buf reply;
    assert_int_equal(scene_ask(client, "{\"do\": \"status\"}", NULL, NULL, &reply), DX_OK);
    bool said = dx_item_bool(dx_item_get(dx_item_get(dx_buf_view(&reply), "vault"), what), false);
    dx_buf_deinit(&reply);
    return said;
}

/* What would need room sooner or later says so at once. */
static void expect_refused_up_front(dx_client *client) {
    static const char *const commands[] = {
        "{\"do\": \"space.share\", \"space\": \"s\"}",
        "{\"do\": \"space.join\", \"url\": \"dxos://join#x\"}",
        "{\"do\": \"peer.connect\", \"space\": \"s\", \"address\": \"tcp:127.0.0.1:1\"}",
        "{\"do\": \"space.create\", \"name\": \"t\"}",
    };
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        assert_int_equal(try_asking(client, commands[i]), DX_E_NO_SPACE);
    }
}

/* Events that were tried and undone. */
static uint64_t count_failed(dx_client *client) {
    dx_buf reply;
    assert_int_equal(scene_ask(client, "{\"do\": \"status\"}", NULL, NULL, &reply), DX_OK);
    dx_bytes counts = dx_item_get(dx_buf_view(&reply), "counts");
    int64_t failed = dx_item_int(dx_item_get(counts, "undone"), -1);
    dx_buf_deinit(&reply);
    assert_true(failed >= 0);
    return (uint64_t)failed;
}

static void expect_well(dx_client *client) {
    assert_false(vault_says(client, "read_only"));
    assert_false(vault_says(client, "clone"));
    scene_do(client, "{\"do\": \"vault.check\"}", NULL, NULL, 0);
}

/* --- Agents ---------------------------------------------------------------------------------------------- */

static size_t add_until_full(dx_client *client) {
    size_t added = 0;
    int code = DX_OK;
    for (int i = 0; i < 1000 && code == DX_OK; i++) {
        code = try_adding(client);
        added += code == DX_OK;
    }
    assert_int_equal(code, DX_E_NO_SPACE);
    return added;
}

static void test_an_agent_meets_a_full_disk(void **state) {
    (void)state;
    const char *vault = scene_path("v");
    scene_vault(vault);
    scene_agent agent = scene_agent_begin(vault);
    dx_client *client = scene_open(vault, false, false);
    size_t added = 0;
    for (int round = 0; round < 3; round++) {
        limit_files(agent.pid, (rlim_t)(1 << 20) * (rlim_t)(round + 1));
        added += add_until_full(client);
        assert_int_equal(count_objects(client), added);
        limit_files(agent.pid, 0); /* not even its token finds room any more */
        while (!vault_says(client, "read_only")) {
            added += try_adding(client) == DX_OK; /* what was written so far leaves room in the log */
        }
        assert_int_equal(try_adding(client), DX_E_NO_SPACE);
        uint64_t failed = count_failed(client);
        expect_refused_up_front(client);
        assert_int_equal(count_failed(client), failed);
        assert_int_equal(count_objects(client), added);
        limit_files(agent.pid, RLIM_INFINITY);
        double end_ms = scene_now_ms() + SCENE_WAIT_MS;
        while (try_adding(client) != DX_OK) {
            assert_true(scene_now_ms() < end_ms);
            usleep(50000);
        }
        added++;
        expect_well(client);
        assert_int_equal(count_objects(client), added);
    }
    assert_true(added > 20);
    dx_client_close(client);
    assert_int_equal(scene_agent_end(&agent, SIGTERM), 0);
}

/* --- Programs that hold the vault themselves --------------------------------------------------------------- */

/* The vault of a killed program, its last commits in the log. */
static size_t leave_a_log(const char *vault) {
    scene_agent agent = scene_agent_begin(vault);
    dx_client *client = scene_open(vault, false, false);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(try_adding(client), DX_OK);
    }
    size_t count = count_objects(client);
    dx_client_close(client);
    assert_int_equal(scene_agent_end(&agent, SIGKILL), -1);
    return count;
}

static void read_while_full(const char *vault, size_t count) {
    char message[DX_HOST_MESSAGE_MAX];
    dx_client_options options = {.vault = vault, .never_agent = true};
    dx_client *client = NULL;
    fflush(NULL);
    limit_files(0, 0);
    int error = dx_client_open(&options, &client, message);
    size_t there = error == DX_OK ? count_objects(client) : 0;
    int code = error == DX_OK ? try_adding(client) : DX_OK;
    dx_client_close(client);
    limit_files(0, RLIM_INFINITY);
    assert_int_equal(error, DX_OK);
    assert_non_null(strstr(message, "reading only"));
    assert_int_equal(there, count);
    assert_int_equal(code, DX_E_NO_SPACE);
}

static void test_a_vault_is_read_while_the_disk_is_full(void **state) {
    (void)state;
    const char *vault = scene_path("v");
    scene_vault(vault);
    size_t count = leave_a_log(vault);
    for (int round = 0; round < 3; round++) {
        read_while_full(vault, count);
    }
    dx_client *client = scene_open(vault, false, true);
    expect_well(client);
    assert_int_equal(try_adding(client), DX_OK);
    count = count_objects(client);
    dx_client_close(client);
    read_while_full(vault, count); /* without a log */
}

/* A copy read on a full disk is still found to be one when it may be written. */
static void test_a_copy_stays_a_copy(void **state) {
    (void)state;
    char command[512];
    const char *vault = scene_path("v"), *copy = scene_path("copy");
    scene_vault(vault);
    snprintf(command, sizeof command, "cp -r '%s' '%s'", vault, copy);
    assert_int_equal(system(command), 0);
    read_while_full(copy, 0);
    dx_client *client = scene_open(copy, false, true);
    assert_true(vault_says(client, "clone"));
    dx_client_close(client);
    client = scene_open(vault, false, true);
    assert_false(vault_says(client, "clone"));
    dx_client_close(client);
}

static void test_no_vault_is_made_on_a_full_disk(void **state) {
    (void)state;
    char message[DX_HOST_MESSAGE_MAX];
    dx_client_options options = {.vault = scene_path("v"), .never_agent = true, .create = true};
    dx_client *client = NULL;
    limit_files(0, 0);
    int error = dx_client_open(&options, &client, message);
    limit_files(0, RLIM_INFINITY);
    assert_int_equal(error, DX_E_NO_SPACE);
    assert_null(client);
    assert_true(message[0] != 0);
    scene_vault(scene_path("v"));
}

DX_TEST_MAIN(SCENE_TEST(test_an_agent_meets_a_full_disk),
             SCENE_TEST(test_a_vault_is_read_while_the_disk_is_full), SCENE_TEST(test_a_copy_stays_a_copy),
             SCENE_TEST(test_no_vault_is_made_on_a_full_disk))
