/* host/background.c: a process that goes on in the background: the agent, the kube. See host.h.
 *
 * Layer: floor 3, host. The caller returns only once the child is ready: it reports over a pipe. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host.h"

/* What the child tells through the pipe: one line, "0 TEXT" or "CODE MESSAGE". */
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

void dx_background_ready(const char *text) {
    report(DX_OK, text);
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
 * (whoever waits for the other end of a pipe would wait for the child). */
static void let_go(const char *log_path) {
    int null = open("/dev/null", O_RDWR);
    int log = dx_file_make_folder(log_path, false) == DX_OK
                  ? open(log_path, O_WRONLY | O_CREAT | O_APPEND, 0600)
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
static void become_background(const char *log_path, dx_on_background run, void *ctx) {
    char message[DX_HOST_MESSAGE_MAX] = "";
    setsid();
    if (fork() != 0) {
        _exit(0);
    }
    let_go(log_path);
    int error = run(ctx, message);
    if (error != DX_OK) {
        report(error, message);
        fprintf(stderr, "%s\n", message);
    }
    _exit(error == DX_OK ? 0 : 1);
}

static int read_report(int fd, char *text) {
    char line[DX_HOST_MESSAGE_MAX + 32] = {0};
    size_t size = 0;
    for (ssize_t got; size < sizeof line - 1 && (got = read(fd, line + size, sizeof line - 1 - size)) != 0;) {
        if (got < 0 && errno != EINTR) {
            break;
        }
        size += got > 0 ? (size_t)got : 0;
    }
    line[strcspn(line, "\n")] = 0;
    char *rest = NULL;
    long error = strtol(line, &rest, 10);
    if (size == 0 || rest == line) {
        text[0] = 0;
        return DX_E_IO;
    }
    snprintf(text, DX_HOST_MESSAGE_MAX, "%s", rest[0] == ' ' ? rest + 1 : rest);
    return (int)error;
}

int dx_background_start(const char *log_path, dx_on_background run, void *ctx, char *text) {
    int ends[2];
    text[0] = 0;
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return DX_E_IO;
    }
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        close(ends[0]);
        report_pipe = ends[1];
        become_background(log_path, run, ctx);
    }
    close(ends[1]);
    if (child < 0) {
        close(ends[0]);
        return DX_E_IO;
    }
    while (waitpid(child, NULL, 0) < 0 && errno == EINTR) {
    }
    int error = read_report(ends[0], text);
    close(ends[0]);
    return error;
}
