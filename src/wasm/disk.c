/* wasm/disk.c: the disk of the wasm module: a SQLite VFS over nine imported functions.
 *
 * Layer: floor 3' (wasm). The page that loads the module decides what a file is: an OPFS access handle in the
 * browser, memory or a real file under node. All calls are synchronous. SQLite finds this VFS as its default
 * one. Invariants: one module is the only user of its files, so locks are granted at once; there is no shared
 * memory, so WAL works with locking_mode=EXCLUSIVE only (as the store opens it). Offsets travel as doubles,
 * exact up to 2^53. Imports return a value >= 0, or DISK_FAILED or DISK_FULL. Ownership: SQLite owns the file
 * objects; a handle lives from disk_open to disk_close. */
#include "wasm/imports.h"

#include <sqlite3.h>
#include <string.h>

enum { PATH_MAX_BYTES = 512, SECTOR_BYTES = 4096 };

typedef struct disk_file {
    sqlite3_file base;
    int handle;
    bool delete_on_close;
    char path[PATH_MAX_BYTES];
} disk_file;

static int close_file(sqlite3_file *file) {
    disk_file *self = (disk_file *)file;
    disk_close(self->handle);
    if (self->delete_on_close) {
        (void)disk_delete(self->path, strlen(self->path));
    }
    return SQLITE_OK;
}

/* A short read is filled with zeros: SQLite demands it, and tells it from an error. */
static int read_file(sqlite3_file *file, void *out, int size, sqlite3_int64 offset) {
    int got = disk_read(((disk_file *)file)->handle, out, (size_t)size, (double)offset);
    if (got < 0 || got > size) {
        return SQLITE_IOERR_READ;
    }
    if (got < size) {
        memset((char *)out + got, 0, (size_t)(size - got));
        return SQLITE_IOERR_SHORT_READ;
    }
    return SQLITE_OK;
}

static int write_file(sqlite3_file *file, const void *data, int size, sqlite3_int64 offset) {
    int result = disk_write(((disk_file *)file)->handle, data, (size_t)size, (double)offset);
    return result == DISK_FULL ? SQLITE_FULL : result < 0 ? SQLITE_IOERR_WRITE : SQLITE_OK;
}

static int truncate_file(sqlite3_file *file, sqlite3_int64 size) {
    return disk_truncate(((disk_file *)file)->handle, (double)size) < 0 ? SQLITE_IOERR_TRUNCATE : SQLITE_OK;
}

static int sync_file(sqlite3_file *file, int flags) {
    (void)flags;
    return disk_sync(((disk_file *)file)->handle) < 0 ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int size_of_file(sqlite3_file *file, sqlite3_int64 *out) {
    double size = disk_size(((disk_file *)file)->handle);
    *out = size < 0 ? 0 : (sqlite3_int64)size;
    return size < 0 ? SQLITE_IOERR_FSTAT : SQLITE_OK;
}

static int grant_lock(sqlite3_file *file, int level) {
    (void)file;
    (void)level;
    return SQLITE_OK;
}

static int nobody_reserves(sqlite3_file *file, int *out) {
    (void)file;
    *out = 0;
    return SQLITE_OK;
}

static int file_control(sqlite3_file *file, int operation, void *argument) {
    (void)file;
    (void)operation;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int sector_size(sqlite3_file *file) {
    (void)file;
    return SECTOR_BYTES;
}

/* Nothing is promised about torn or reordered writes. */
static int device_characteristics(sqlite3_file *file) {
    (void)file;
    return 0;
}

static const sqlite3_io_methods file_methods = {
    .iVersion = 1,
    .xClose = close_file,
    .xRead = read_file,
    .xWrite = write_file,
    .xTruncate = truncate_file,
    .xSync = sync_file,
    .xFileSize = size_of_file,
    .xLock = grant_lock,
    .xUnlock = grant_lock,
    .xCheckReservedLock = nobody_reserves,
    .xFileControl = file_control,
    .xSectorSize = sector_size,
    .xDeviceCharacteristics = device_characteristics,
};

static int open_file(sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *flags_out) {
    (void)vfs;
    disk_file *self = (disk_file *)file;
    memset(self, 0, sizeof *self);
    /* A file without a name is a temporary one; temp_store is memory, so SQLite never asks for one here. */
    if (path == NULL || strlen(path) >= sizeof self->path) {
        return SQLITE_CANTOPEN;
    }
    memcpy(self->path, path, strlen(path) + 1);
    self->delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
    self->handle = disk_open(path, strlen(path), (flags & SQLITE_OPEN_CREATE) != 0);
    if (self->handle < 0) {
        return SQLITE_CANTOPEN;
    }
    self->base.pMethods = &file_methods;
    if (flags_out) {
        *flags_out = flags;
    }
    return SQLITE_OK;
}

static int delete_path(sqlite3_vfs *vfs, const char *path, int sync_directory) {
    (void)vfs;
    (void)sync_directory;
    return disk_delete(path, strlen(path)) < 0 ? SQLITE_IOERR_DELETE : SQLITE_OK;
}

static int path_access(sqlite3_vfs *vfs, const char *path, int flags, int *out) {
    (void)vfs;
    (void)flags;
    int there = disk_exists(path, strlen(path));
    *out = there > 0;
    return there < 0 ? SQLITE_IOERR_ACCESS : SQLITE_OK;
}

static int full_pathname(sqlite3_vfs *vfs, const char *path, int size, char *out) {
    (void)vfs;
    if (strlen(path) >= (size_t)size) {
        return SQLITE_CANTOPEN;
    }
    memcpy(out, path, strlen(path) + 1);
    return SQLITE_OK;
}

static int fill_random(sqlite3_vfs *vfs, int size, char *out) {
    (void)vfs;
    random_fill(out, (size_t)size);
    return size;
}

static int do_not_sleep(sqlite3_vfs *vfs, int microseconds) {
    (void)vfs;
    return microseconds;
}

/* The node reads no clock; SQLite's date functions stand at 1970-01-01 (Julian day 2440587.5, in
 * milliseconds). */
static int stand_still(sqlite3_vfs *vfs, sqlite3_int64 *out) {
    (void)vfs;
    *out = (sqlite3_int64)210866760000000;
    return SQLITE_OK;
}

static int last_error(sqlite3_vfs *vfs, int size, char *out) {
    (void)vfs;
    (void)size;
    (void)out;
    return 0;
}

static sqlite3_vfs disk_vfs = {
    .iVersion = 2,
    .szOsFile = sizeof(disk_file),
    .mxPathname = PATH_MAX_BYTES - 1,
    .zName = "wasm",
    .xOpen = open_file,
    .xDelete = delete_path,
    .xAccess = path_access,
    .xFullPathname = full_pathname,
    .xRandomness = fill_random,
    .xSleep = do_not_sleep,
    .xGetLastError = last_error,
    .xCurrentTimeInt64 = stand_still,
};

/* SQLITE_OS_OTHER leaves these two to us (sqlite3.h). */
int sqlite3_os_init(void) {
    return sqlite3_vfs_register(&disk_vfs, 1);
}

int sqlite3_os_end(void) {
    return SQLITE_OK;
}
