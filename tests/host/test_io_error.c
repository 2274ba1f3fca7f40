/* A disk that fails: the n-th reading or writing call of a program's life gives EIO, once or from then on, for
 * every n it has. What it had acknowledged before is there afterwards, what it says is an error with its
 * reason, and nothing it reads is wrong. SQLite's unix VFS takes replacements of its system calls by name;
 * failing syncs and every call of the core's own are the simulator's matter. */
#include "scene.h"

#include <sqlite3.h>
#include <sys/types.h>

#include "host.h"

enum { CALLS_MAX = 400 };

typedef enum fault_kind { FAULT_READ, FAULT_WRITE } fault_kind;

static struct {
    fault_kind kind;
    int at; /* which call fails, counted from 1; 0: none */
    bool sticky;
    int calls;
} fault;

static bool fails(fault_kind kind) {
    if (fault.at == 0 || fault.kind != kind) {
        return false;
    }
    fault.calls++;
    bool now = fault.sticky ? fault.calls >= fault.at : fault.calls == fault.at;
    errno = now ? EIO : errno;
    return now;
}

static ssize_t read_or_fail(int fd, void *out, size_t size) {
    return fails(FAULT_READ) ? -1 : read(fd, out, size);
}

static ssize_t read_at_or_fail(int fd, void *out, size_t size, off_t at) {
    return fails(FAULT_READ) ? -1 : pread(fd, out, size, at);
}

static ssize_t write_or_fail(int fd, const void *data, size_t size) {
    return fails(FAULT_WRITE) ? -1 : write(fd, data, size);
}

static ssize_t write_at_or_fail(int fd, const void *data, size_t size, off_t at) {
    return fails(FAULT_WRITE) ? -1 : pwrite(fd, data, size, at);
}

static void replace_calls(void) {
    const struct {
        const char *name;
        sqlite3_syscall_ptr call;
    } calls[] = {{"read", (sqlite3_syscall_ptr)read_or_fail},
                 {"pread", (sqlite3_syscall_ptr)read_at_or_fail},
                 {"pread64", (sqlite3_syscall_ptr)read_at_or_fail},
                 {"write", (sqlite3_syscall_ptr)write_or_fail},
                 {"pwrite", (sqlite3_syscall_ptr)write_at_or_fail},
                 {"pwrite64", (sqlite3_syscall_ptr)write_at_or_fail}};
    dx_host_once(); /* puts its own there first */
    sqlite3_vfs *vfs = sqlite3_vfs_find("unix");
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        (void)vfs->xSetSystemCall(vfs, calls[i].name, calls[i].call);
    }
}

/* --- A life on such a disk --------------------------------------------------------------------------------- */

static bool acknowledged[CALLS_MAX * 4];
static int asked; /* objects 0 … asked - 1 were asked for */

static void mark_rows(void *ctx, bool last, dx_bytes body) {
    dx_bytes rows = dx_item_get(body, "rows");
    dx_reader reader;
    (void)last;
    dx_reader_init(&reader, rows);
    for (size_t left = rows.size == 0 ? 0 : dx_read_array(&reader); left > 0; left--) {
        int64_t n = dx_item_int(dx_item_get(dx_item_get(dx_read_item(&reader), "data"), "n"), -1);
        assert_in_range(n, 0, asked - 1);
        ((bool *)ctx)[n] = true;
    }
}

static bool has_all(const bool *there) {
    for (int n = 0; n < asked; n++) {
        if (acknowledged[n] && !there[n]) {
            return false;
        }
    }
    return true;
}

static void expect_disk_error(int code) {
    if (code != DX_OK && code != DX_E_STORE && code != DX_E_NO_SPACE && code != DX_E_CORRUPT) {
        fail_msg("%s", dx_error_name(code));
    }
}

static void live(const char *vault) {
    bool there[CALLS_MAX * 4] = {false};
    char json[160], message[DX_HOST_MESSAGE_MAX] = "";
    dx_client_options options = {.vault = vault, .never_agent = true};
    dx_client *client = NULL;
    int code = dx_client_open(&options, &client, message);
    expect_disk_error(code);
    if (code != DX_OK) {
        assert_true(message[0] != 0);
        return;
    }
    code = scene_ask_code(client, "{\"do\": \"object.ls\", \"space\": \"s\", \"type\": \"t\"}", mark_rows,
                          there);
    expect_disk_error(code);
    assert_true(code != DX_OK || has_all(there));
    snprintf(json, sizeof json,
             "{\"do\": \"object.add\", \"space\": \"s\", \"type\": \"t\", \"data\": {\"n\": %d}}", asked++);
    code = scene_ask_code(client, json, NULL, NULL);
    expect_disk_error(code);
    acknowledged[asked - 1] = code == DX_OK;
    expect_disk_error(scene_ask_code(client, "{\"do\": \"vault.check\"}", NULL, NULL));
    dx_client_close(client);
}

static void expect_sound(const char *vault) {
    bool there[CALLS_MAX * 4] = {false};
    dx_client *client = scene_open(vault, false, true);
    assert_int_equal(scene_ask_code(client, "{\"do\": \"object.ls\", \"space\": \"s\", \"type\": \"t\"}",
                                    mark_rows, there),
                     DX_OK);
    assert_true(has_all(there));
    assert_int_equal(scene_ask_code(client, "{\"do\": \"vault.check\"}", NULL, NULL), DX_OK);
    dx_client_close(client);
}

/* Every call of such a life fails in its turn; ends with the first life that has fewer. */
static void fail_each(fault_kind kind, bool sticky) {
    const char *vault = scene_path("v");
    int at = 1;
    scene_vault(vault);
    memset(acknowledged, 0, sizeof acknowledged);
    asked = 0;
    for (; at < CALLS_MAX; at++) {
        fault.kind = kind;
        fault.sticky = sticky;
        fault.calls = 0;
        fault.at = at;
        live(vault);
        int calls = fault.calls;
        fault.at = 0;
        if (at % 5 == 0 || calls < at) {
            expect_sound(vault);
        }
        if (calls < at) {
            break;
        }
    }
    printf("# %s fail%s: %d lives\n", kind == FAULT_READ ? "reads" : "writes", sticky ? " for good" : " once",
           at);
    assert_in_range(at, 5, CALLS_MAX - 1);
}

static void test_reads_fail_once(void **state) {
    (void)state;
    fail_each(FAULT_READ, false);
}

static void test_reads_fail_for_good(void **state) {
    (void)state;
    fail_each(FAULT_READ, true);
}

static void test_writes_fail_once(void **state) {
    (void)state;
    fail_each(FAULT_WRITE, false);
}

static void test_writes_fail_for_good(void **state) {
    (void)state;
    fail_each(FAULT_WRITE, true);
}

int main(void) {
    scene_root = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : scene_root; /* each life opens a vault: syncs */
    replace_calls();
    const struct CMUnitTest tests[] = {SCENE_TEST(test_reads_fail_once), SCENE_TEST(test_reads_fail_for_good),
                                       SCENE_TEST(test_writes_fail_once),
                                       SCENE_TEST(test_writes_fail_for_good)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
