/* tests/cli/killer.c: put before a program (LD_PRELOAD), it kills it at its DX_KILL_AT-th write to disk, as kill -9 would.
 *
 * Writes are calls of write (but to terminals and pipes of the standard streams), pwrite, fsync, fdatasync, ftruncate and unlink; the one that
 * is counted out does not happen any more. */
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static void count(void) {
    static long left;
    static int begun;
    if (!begun) {
        const char *at = getenv("DX_KILL_AT");
        begun = 1;
        left = at == NULL ? 0 : atol(at);
    }
    if (left > 0 && --left == 0) {
        (void)kill(getpid(), SIGKILL);
    }
}

/* POSIX gives dlsym's answer as an object's address. */
#define REAL(type, name)                                                                                     \
    static type real;                                                                                        \
    if (real == NULL) {                                                                                      \
        *(void **)(void *)&real = dlsym(RTLD_NEXT, name);                                                    \
    }

typedef ssize_t (*write_call)(int, const void *, size_t);
typedef ssize_t (*pwrite_call)(int, const void *, size_t, off_t);
typedef int (*sync_call)(int);
typedef ssize_t (*pwrite64_call)(int, const void *, size_t, off64_t);
typedef int (*truncate_call)(int, off_t);
typedef int (*truncate64_call)(int, off64_t);
typedef int (*unlink_call)(const char *);

ssize_t write(int file, const void *bytes, size_t size) {
    REAL(write_call, "write")
    if (file > STDERR_FILENO) {
        count();
    }
    return real(file, bytes, size);
}

ssize_t pwrite(int file, const void *bytes, size_t size, off_t at) {
    REAL(pwrite_call, "pwrite")
    count();
    return real(file, bytes, size, at);
}

ssize_t pwrite64(int file, const void *bytes, size_t size, off64_t at) {
    REAL(pwrite64_call, "pwrite64")
    count();
    return real(file, bytes, size, at);
}

int fsync(int file) {
    REAL(sync_call, "fsync")
    count();
    return real(file);
}

int fdatasync(int file) {
    REAL(sync_call, "fdatasync")
    count();
    return real(file);
}

int ftruncate(int file, off_t size) {
    REAL(truncate_call, "ftruncate")
    count();
    return real(file, size);
}

int ftruncate64(int file, off64_t size) {
    REAL(truncate64_call, "ftruncate64")
    count();
    return real(file, size);
}

int unlink(const char *path) {
    REAL(unlink_call, "unlink")
    count();
    return real(path);
}
