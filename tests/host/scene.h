/* tests/host/scene.h: what tests of the host share: a folder of their own, vaults in it, agents as child
 * processes (they can be killed and asked how they ended), commands written as JSON.
 *
 * Layer: test programs; the OS, the public headers, and host.h where a test looks inside. */
#ifndef DX_TESTS_HOST_SCENE_H
#define DX_TESTS_HOST_SCENE_H

#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <dxos/codec.h>
#include <dxos/host.h>

enum { SCENE_WAIT_MS = 20000 };

static const char *scene_root = "/tmp";
static char scene_folder[64];

/* --- The folder ------------------------------------------------------------------------------------------
 */

static inline const char *scene_path(const char *name) {
    static char paths[64][192];
    static size_t turn;
    char *path = paths[turn++ % 64];
    snprintf(path, sizeof paths[0], "%s/%s", scene_folder, name);
    return path;
}

static inline int scene_begin(void **state) {
    (void)state;
    snprintf(scene_folder, sizeof scene_folder, "%s/dx-test.XXXXXX", scene_root);
    assert_non_null(mkdtemp(scene_folder));
    setenv("XDG_STATE_HOME", scene_path("state"), 1);
    setenv("XDG_RUNTIME_DIR", scene_path("run"), 1);
    setenv("XDG_DATA_HOME", scene_path("data"), 1);
    setenv("HOME", scene_folder, 1);
    return 0;
}

static inline int scene_remove_one(const char *path, const struct stat *info, int flag, struct FTW *at) {
    (void)info;
    (void)flag;
    (void)at;
    return remove(path);
}

static inline int scene_end(void **state) {
    (void)state;
    return nftw(scene_folder, scene_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#define SCENE_TEST(function) cmocka_unit_test_setup_teardown(function, scene_begin, scene_end)

static inline double scene_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

/* --- Clients -----------------------------------------------------------------------------------------------
 */

static inline dx_client *scene_open(const char *vault, bool create, bool never_agent) {
    char message[DX_HOST_MESSAGE_MAX] = "";
    dx_client *client = NULL;
    dx_client_options options = {.vault = vault, .create = create, .never_agent = never_agent};
    if (dx_client_open(&options, &client, message) != DX_OK) {
        fail_msg("%s: %s", vault, message);
    }
    return client;
}

/* The error of opening; its sentence in message. */
static inline int scene_open_error(const char *vault, char message[static DX_HOST_MESSAGE_MAX]) {
    dx_client *client = NULL;
    dx_client_options options = {.vault = vault, .never_agent = true};
    message[0] = 0;
    int error = dx_client_open(&options, &client, message);
    dx_client_close(client);
    return error;
}

static inline dx_buf scene_command(const char *json) {
    char message[160];
    dx_buf command;
    dx_writer writer;
    dx_buf_init(&command, dx_host_alloc(), 4 << 20);
    dx_writer_init(&writer, &command);
    if (dx_json_parse(dx_bytes_text(json), &writer, message, sizeof message) != DX_OK) {
        fail_msg("%s: %s", json, message);
    }
    return command;
}

/* Asks and waits. The reply is the caller's to deinit. */
static inline int scene_ask(dx_client *client, const char *json, dx_on_answer on_answer, void *ctx,
                            dx_buf *reply) {
    dx_buf command = scene_command(json);
    dx_buf_init(reply, dx_host_alloc(), 8 << 20);
    int error = dx_client_call(client, dx_buf_view(&command), on_answer, ctx, SCENE_WAIT_MS, reply);
    dx_buf_deinit(&command);
    return error;
}

static inline int scene_reply_code(const dx_buf *reply) {
    return (int)dx_item_int(dx_item_get(dx_item_get(dx_buf_view(reply), "error"), "code"), 0);
}

/* DX_OK, or the error that was told, which then has a message and says what to do; or how the asking itself failed. */
static inline int scene_ask_code(dx_client *client, const char *json, dx_on_answer on_answer, void *ctx) {
    dx_buf reply;
    int error = scene_ask(client, json, on_answer, ctx, &reply);
    int code = error != DX_OK ? error : scene_reply_code(&reply);
    if (error == DX_OK && code != DX_OK) {
        dx_bytes said = dx_item_get(dx_buf_view(&reply), "error");
        assert_true(dx_item_text(dx_item_get(said, "message")).size > 0);
        assert_true(dx_item_text(dx_item_get(said, "try")).size > 0);
    }
    dx_buf_deinit(&reply);
    return code;
}

/* Must succeed; a text field of the reply into out (NULL: not wanted). */
static inline void scene_do(dx_client *client, const char *json, const char *field, char *out, size_t size) {
    dx_buf reply;
    int error = scene_ask(client, json, NULL, NULL, &reply);
    if (error != DX_OK || scene_reply_code(&reply) != 0) {
        fail_msg("%s: %s", json, dx_error_name(error != DX_OK ? error : scene_reply_code(&reply)));
    }
    if (field != NULL) {
        dx_bytes text = dx_item_text(dx_item_get(dx_buf_view(&reply), field));
        snprintf(out, size, "%.*s", (int)text.size, text.size == 0 ? "" : (const char *)text.data);
    }
    dx_buf_deinit(&reply);
}

/* A vault with an identity and a space "s". */
static inline void scene_vault(const char *vault) {
    dx_client *client = scene_open(vault, true, true);
    scene_do(client, "{\"do\": \"halo.create\", \"name\": \"Alice\"}", NULL, NULL, 0);
    scene_do(client, "{\"do\": \"space.create\", \"name\": \"s\"}", NULL, NULL, 0);
    dx_client_close(client);
}

static inline void scene_add(dx_client *client, int n, char id[static 64]) {
    char json[160];
    snprintf(json, sizeof json,
             "{\"do\": \"object.add\", \"space\": \"s\", \"type\": \"t\", \"data\": {\"n\": %d}}", n);
    scene_do(client, json, "id", id, 64);
}

/* --- Agents
 * -------------------------------------------------------------------------------------------------- */

typedef struct scene_agent {
    pid_t pid;
    char address[64]; /* "tcp:127.0.0.1:PORT" */
} scene_agent;

static inline void scene_tell_address(void *ctx, const char *const *addresses, size_t count) {
    char line[64] = "";
    snprintf(line, sizeof line, "%s", count > 0 ? addresses[0] : "");
    if (write(*(int *)ctx, line, sizeof line) != (ssize_t)sizeof line) {
        _exit(3);
    }
}

/* The agent as a child of this process; what it tells once it listens can be read from *told. */
static inline pid_t scene_agent_fork(const char *vault, int *told) {
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* a test that fails leaves nothing running */
        char message[DX_HOST_MESSAGE_MAX];
        dx_agent_options options = {.vault = vault, .on_ready = scene_tell_address, .ctx = &ends[1]};
        close(ends[0]);
        int error = dx_agent_run(&options, message);
        if (error != DX_OK) {
            fprintf(stderr, "%s\n", message);
        }
        _exit(error == DX_OK ? 0 : 2);
    }
    close(ends[1]);
    *told = ends[0];
    return pid;
}

/* Returns once it listens. */
static inline scene_agent scene_agent_begin(const char *vault) {
    scene_agent agent = {.pid = -1};
    int told = -1;
    agent.pid = scene_agent_fork(vault, &told);
    ssize_t got = read(told, agent.address, sizeof agent.address);
    close(told);
    assert_int_equal(got, sizeof agent.address);
    return agent;
}

/* How it ended; killed ones are -1. */
static inline int scene_agent_end(const scene_agent *agent, int signal_number) {
    int status = 0;
    kill(agent->pid, signal_number);
    assert_int_equal(waitpid(agent->pid, &status, 0), agent->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* --- Invitations ---------------------------------------------------------------------------------------- */

typedef struct scene_invitation {
    char join[2400]; /* the guest's command */
    bool made;
} scene_invitation;

static inline void scene_take_invitation(void *ctx, bool last, dx_bytes body) {
    scene_invitation *to = ctx;
    dx_bytes url = dx_item_text(dx_item_get(body, "url")), pin = dx_item_text(dx_item_get(body, "pin"));
    if (!last && url.size > 0) {
        snprintf(to->join, sizeof to->join, "{\"do\": \"space.join\", \"url\": \"%.*s\", \"pin\": \"%.*s\"}",
                 (int)url.size, (const char *)url.data, (int)pin.size, (const char *)pin.data);
        to->made = true;
    }
}

/* Shares the space "s"; the request goes on. invited outlives the client's next calls. */
static inline void scene_invite(dx_client *client, scene_invitation *invited) {
    *invited = (scene_invitation){.made = false};
    dx_buf command = scene_command("{\"do\": \"space.share\", \"space\": \"s\"}");
    assert_int_equal(
        dx_client_send(client, dx_buf_view(&command), NULL, scene_take_invitation, invited, NULL), DX_OK);
    dx_buf_deinit(&command);
    while (!invited->made) {
        assert_int_equal(dx_client_wait(client, SCENE_WAIT_MS), DX_OK);
    }
}

/* AddressSanitizer keeps freed memory back, so how a process grows says nothing under it. */
static inline bool scene_is_sanitized(void) {
#if defined(__SANITIZE_ADDRESS__)
    return true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    return true;
#else
    return false;
#endif
#else
    return false;
#endif
}

/* Resident memory of a process in KiB (proc(5)). */
static inline long scene_resident_kib(pid_t pid) {
    char path[64], line[128];
    long kib = -1;
    snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    while (kib < 0 && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "VmRSS: %ld", &kib) != 1) {
            kib = -1;
        }
    }
    fclose(file);
    return kib;
}

#endif
