/* host/ports.c: the ports a node is given on an operating system: memory, randomness; and what is set once
 * for the process.
 *
 * Layer: floor 3, host. */
#include <errno.h>
#include <signal.h>
#include <sodium.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "host.h"

static void *resize(void *ctx, void *old, size_t old_size, size_t new_size) {
    (void)ctx;
    (void)old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, new_size);
}

const dx_alloc *dx_host_alloc(void) {
    static const dx_alloc alloc = {NULL, resize};
    return &alloc;
}

static void fill(void *ctx, uint8_t *out, size_t size) {
    (void)ctx;
    randombytes_buf(out, size);
}

const dx_random dx_host_random = {NULL, fill};

void dx_buf_empty(dx_buf *buf) {
    if (buf->capacity > DX_BUFFER_KEPT_MAX) {
        size_t max = buf->max;
        dx_buf_deinit(buf);
        dx_buf_init(buf, dx_host_alloc(), max);
    }
    dx_buf_clear(buf);
}

/* In place of the core's, which cannot print. */
void dx_assert_failed(const char *expression, const char *file, int line) {
    fprintf(stderr, "dx: a bug at %s:%d: %s does not hold; the vault is as after a power cut\n", file, line,
            expression);
    abort();
}

/* Keys live in this process: no core file may hold them, no other process of the person may read them. */
static void hide_memory(void) {
    const struct rlimit none = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &none);
    (void)prctl(PR_SET_DUMPABLE, 0);
}

/* A quota and a limit on the size of files are full disks too; SQLite knows one errno for them. */
static ssize_t tell_full(ssize_t written) {
    if (written < 0 && (errno == EDQUOT || errno == EFBIG)) {
        errno = ENOSPC;
    }
    return written;
}

static ssize_t write_file(int fd, const void *data, size_t size) {
    return tell_full(write(fd, data, size));
}

static ssize_t write_file_at(int fd, const void *data, size_t size, off_t at) {
    return tell_full(pwrite(fd, data, size, at));
}

/* SQLite's unix VFS takes replacements of its system calls by name; which of these it uses was chosen when it
 * was built. */
static void replace_writes(void) {
    const struct {
        const char *name;
        sqlite3_syscall_ptr call;
    } calls[] = {{"write", (sqlite3_syscall_ptr)write_file},
                 {"pwrite", (sqlite3_syscall_ptr)write_file_at},
                 {"pwrite64", (sqlite3_syscall_ptr)write_file_at}};
    sqlite3_vfs *vfs = sqlite3_vfs_find("unix");
    for (size_t i = 0; vfs != NULL && i < sizeof calls / sizeof calls[0]; i++) {
        (void)vfs->xSetSystemCall(vfs, calls[i].name, calls[i].call);
    }
    signal(SIGXFSZ, SIG_IGN); /* the limit is told by the write that meets it */
}

void dx_host_once(void) {
    static bool done;
    if (done) {
        return;
    }
    done = true;
    int started = sodium_init();
    DX_ASSERT(started >= 0);
    (void)sqlite3_config(SQLITE_CONFIG_SINGLETHREAD);
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS,
                         1); /* bounds what a statement of SQL takes (echo/sql_guard.c) */
    replace_writes();
    hide_memory();
}
