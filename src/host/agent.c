/* host/agent.c: the agent: a process that holds a vault, serves programs on its socket and peers on TCP. See
 * dxos/host.h.
 *
 * Layer: floor 3, host. `start` returns only once the agent listens: the child reports over a pipe. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

static void on_signal(uv_signal_t *signal, int number) {
    (void)number;
    dx_driver *driver = signal->data;
    driver->stopping = true;
    uv_stop(&driver->loop);
}

static void watch_signals(dx_driver *driver) {
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        uv_signal_init(&driver->loop, &driver->signals[i]);
        driver->signals[i].data = driver;
        uv_signal_start(&driver->signals[i], on_signal, numbers[i]);
    }
}

static void tell_ready(const dx_driver *driver, const dx_agent_options *options) {
    const char *addresses[8];
    for (size_t i = 0; i < driver->address_count; i++) {
        addresses[i] = driver->addresses[i];
    }
    if (options->on_ready != NULL) {
        options->on_ready(options->ctx, addresses, driver->address_count);
    }
}

int dx_agent_run(const dx_agent_options *options, char *message) {
    dx_vault_folder folder;
    message[0] = 0;
    dx_host_once();
    signal(SIGPIPE, SIG_IGN);
    int error = dx_vault_folder_find(options->vault, options->profile, &folder);
    dx_driver *driver = error == DX_OK ? calloc(1, sizeof *driver) : NULL;
    if (driver == NULL) {
        error = error == DX_OK ? DX_E_NO_MEMORY : error;
        snprintf(message, DX_HOST_MESSAGE_MAX, "%s",
                 error == DX_E_INVALID ? "that cannot be the name of a vault or profile"
                                       : dx_error_text(error));
        return error;
    }
    driver->trace = options->trace;
    driver->trace_ctx = options->ctx;
    error = dx_driver_open(driver, &folder, false, message);
    if (error == DX_OK) {
        watch_signals(driver);
        error = dx_tcp_listen(driver, options->listen, message);
    }
    if (error == DX_OK) {
        error = dx_vault_socket_listen(driver, message);
    }
    if (error == DX_OK) {
        dx_vault_holder_note(&folder);
        tell_ready(driver, options);
        while (!driver->stopping && driver->failure == DX_OK) {
            uv_run(&driver->loop, UV_RUN_DEFAULT);
        }
        error = driver->failure;
        if (error != DX_OK) {
            snprintf(message, DX_HOST_MESSAGE_MAX, "the agent stopped: %s", dx_error_text(error));
        }
        unlink(folder.pid);
    }
    dx_driver_close(driver);
    free(driver);
    return error;
}

/* --- Starting in the background ----------------------------------------------------------------------- */

/* What the child tells through the pipe: one line, "0 PID" or "CODE MESSAGE". */
static int report_pipe = -1;

static void report(int error, const char *text) {
    char line[DX_HOST_MESSAGE_MAX + 32];
    int size = snprintf(line, sizeof line, "%d %s\n", error, text);
    if (report_pipe >= 0 && write(report_pipe, line, (size_t)size) != size) {
        _exit(1);
    }
    if (report_pipe >= 0) {
        close(report_pipe);
    }
    report_pipe = -1;
}

static void on_child_ready(void *ctx, const char *const *addresses, size_t count) {
    char pid[32];
    (void)ctx;
    (void)addresses;
    (void)count;
    snprintf(pid, sizeof pid, "%ld", (long)getpid());
    report(DX_OK, pid);
}

/* What came to this program through exec is what is not marked to be closed by one; libuv marks all its own.
 */
static void close_inherited(void) {
    DIR *list = opendir("/proc/self/fd");
    for (struct dirent *entry; list != NULL && (entry = readdir(list)) != NULL;) {
        int fd = atoi(entry->d_name);
        int flags = fd > STDERR_FILENO ? fcntl(fd, F_GETFD) : -1;
        if (flags >= 0 && (flags & FD_CLOEXEC) == 0) {
            close(fd);
        }
    }
    if (list != NULL) {
        closedir(list);
    }
}

/* Nothing of who started it is kept: no terminal, no folder (its disk could not be unmounted), no open file
 * (whoever waits for the other end of a pipe would wait for the agent). */
static void let_go(const dx_vault_folder *folder) {
    int null = open("/dev/null", O_RDWR);
    int log = dx_file_make_folder(folder->log, false) == DX_OK
                  ? open(folder->log, O_WRONLY | O_CREAT | O_APPEND, 0600)
                  : -1;
    dup2(null, 0);
    dup2(null, 1);
    dup2(log >= 0 ? log : null, 2);
    close_inherited();
    if (chdir("/") != 0) {
        report(DX_E_IO, "the root folder cannot be entered");
        _exit(1);
    }
}

/* Second child: its own session, output to the log. */
static void become_agent(const dx_agent_options *options, const dx_vault_folder *folder) {
    char message[DX_HOST_MESSAGE_MAX];
    setsid();
    if (fork() != 0) {
        _exit(0);
    }
    let_go(folder);
    dx_agent_options child = *options;
    child.vault = folder->path; /* a relative one means nothing any more */
    child.on_ready = on_child_ready;
    int error = dx_agent_run(&child, message);
    if (error != DX_OK) {
        report(error, message);
        fprintf(stderr, "%s\n", message);
    }
    _exit(error == DX_OK ? 0 : 1);
}

static int read_report(int fd, int *pid, char *message) {
    char line[DX_HOST_MESSAGE_MAX + 32] = {0};
    size_t size = 0;
    for (ssize_t got; size < sizeof line - 1 && (got = read(fd, line + size, sizeof line - 1 - size)) != 0;) {
        if (got < 0 && errno != EINTR) {
            break;
        }
        size += got > 0 ? (size_t)got : 0;
    }
    line[strcspn(line, "\n")] = 0;
    char *text = NULL;
    long error = strtol(line, &text, 10);
    if (size == 0 || text == line) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "the agent ended before it listened; its log tells more");
        return DX_E_IO;
    }
    if (error != DX_OK) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "%s", text[0] == ' ' ? text + 1 : text);
        return (int)error;
    }
    *pid = atoi(text);
    return DX_OK;
}

int dx_agent_start(const dx_agent_options *options, int *pid, char *message) {
    dx_vault_folder folder;
    int ends[2];
    message[0] = 0;
    dx_host_once();
    int error = dx_vault_folder_find(options->vault, options->profile, &folder);
    if (error != DX_OK || pipe2(ends, O_CLOEXEC) != 0) {
        return error != DX_OK ? error : DX_E_IO;
    }
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        report_pipe = ends[1];
        become_agent(options, &folder);
    }
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return DX_E_IO;
    }
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
    error = read_report(ends[0], pid, message);
    close(ends[0]);
    return error;
}

int dx_agent_stop(const char *vault, const char *profile, int64_t timeout_ms, char *message) {
    static const uint8_t stop[] = {0xa1, 0x62, 'd', 'o', 0x6a, 'a', 'g', 'e',
                                   'n',  't',  '.', 's', 't',  'o', 'p'}; /* {"do": "agent.stop"} */
    dx_client_options options = {.vault = vault, .profile = profile};
    dx_client *client = NULL;
    int pid = 0;
    message[0] = 0;
    if (dx_agent_pid(vault, profile, &pid) != DX_OK) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "no agent runs for this vault");
        return DX_E_NOT_FOUND;
    }
    int error = dx_client_open(&options, &client, message);
    if (error == DX_OK && !dx_client_has_agent(client)) {
        snprintf(message, DX_HOST_MESSAGE_MAX, "no agent runs for this vault");
        error = DX_E_NOT_FOUND;
    }
    if (error == DX_OK) {
        dx_buf reply;
        dx_buf_init(&reply, dx_host_alloc(), 4096);
        error = dx_client_call(client, dx_bytes_of(stop, sizeof stop), NULL, NULL, timeout_ms, &reply);
        error = error == DX_E_IO ? DX_OK : error; /* gone before it could say so */
        dx_buf_deinit(&reply);
    }
    dx_client_close(client);
    for (int64_t waited = 0; error == DX_OK && dx_process_lives(pid); waited += 10) {
        if (timeout_ms >= 0 && waited > timeout_ms) {
            snprintf(message, DX_HOST_MESSAGE_MAX, "process %d did not stop in time", pid);
            return DX_E_TIMEOUT;
        }
        usleep(10000);
    }
    return error;
}
