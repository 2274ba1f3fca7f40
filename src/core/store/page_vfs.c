/* store/page_vfs.c: one instance of the encrypting VFS. See page_vfs.h; its files are in page_file.c. */
#include "store/page_file.h"
#include "store/temp_file.h"

#include <string.h>

static struct dx_page_vfs *instance_of(sqlite3_vfs *base) {
    return base->pAppData;
}

/* --- SQLite's methods ------------------------------------------------------------------------- */

static int open_unit_file(struct dx_page_vfs *vfs, const char *path, dx_page_file *file, int flags,
                          int *out_flags) {
    bool is_log = (flags & SQLITE_OPEN_WAL) != 0;
    if ((is_log ? vfs->log : vfs->database) != NULL) {
        return SQLITE_CANTOPEN;
    }
    sqlite3_file *below = dx_page_file_below(file);
    memset(below, 0, (size_t)vfs->below->szOsFile);
    int result = vfs->below->xOpen(vfs->below, path, below, flags, out_flags);
    if (result != SQLITE_OK) {
        if (below->pMethods != NULL) {
            below->pMethods->xClose(below);
        }
        return result;
    }
    dx_page_file_init(file, vfs, is_log ? DX_UNIT_FRAME : DX_UNIT_PAGE);
    *(is_log ? &vfs->log : &vfs->database) = file;
    return SQLITE_OK;
}

static int vfs_open(sqlite3_vfs *base, const char *path, sqlite3_file *file, int flags, int *out_flags) {
    enum {
        TEMPORARY =
            SQLITE_OPEN_SUBJOURNAL | SQLITE_OPEN_TEMP_DB | SQLITE_OPEN_TRANSIENT_DB | SQLITE_OPEN_TEMP_JOURNAL
    };
    struct dx_page_vfs *vfs = instance_of(base);
    file->pMethods = NULL;
    if (flags & TEMPORARY) {
        dx_temp_file_open((dx_temp_file *)file, vfs->alloc);
        if (out_flags != NULL) {
            *out_flags = flags;
        }
        return SQLITE_OK;
    }
    if (path == NULL || (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) == 0) {
        return SQLITE_CANTOPEN;
    }
    return open_unit_file(vfs, path, (dx_page_file *)file, flags, out_flags);
}

static int vfs_delete(sqlite3_vfs *base, const char *path, int sync_directory) {
    struct dx_page_vfs *vfs = instance_of(base);
    return vfs->below->xDelete(vfs->below, path, sync_directory);
}

static bool is_journal(const char *path) {
    static const char ending[] = "-journal";
    size_t size = strlen(path);
    return size >= sizeof ending - 1 && strcmp(path + size - (sizeof ending - 1), ending) == 0;
}

/* A file that looks like a rollback journal is not ours, and SQLite must not play it back. */
static int vfs_access(sqlite3_vfs *base, const char *path, int flags, int *out) {
    struct dx_page_vfs *vfs = instance_of(base);
    if (is_journal(path)) {
        *out = 0;
        return SQLITE_OK;
    }
    return vfs->below->xAccess(vfs->below, path, flags, out);
}

static int vfs_full_pathname(sqlite3_vfs *base, const char *path, int size, char *out) {
    struct dx_page_vfs *vfs = instance_of(base);
    return vfs->below->xFullPathname(vfs->below, path, size, out);
}

static int vfs_randomness(sqlite3_vfs *base, int size, char *out) {
    struct dx_page_vfs *vfs = instance_of(base);
    vfs->random->fill(vfs->random->ctx, (uint8_t *)out, (size_t)size);
    return size;
}

static int vfs_sleep(sqlite3_vfs *base, int microseconds) {
    struct dx_page_vfs *vfs = instance_of(base);
    return vfs->below->xSleep(vfs->below, microseconds);
}

static int vfs_current_time(sqlite3_vfs *base, double *julian_days) {
    struct dx_page_vfs *vfs = instance_of(base);
    return vfs->below->xCurrentTime(vfs->below, julian_days);
}

static int vfs_last_error(sqlite3_vfs *base, int size, char *out) {
    struct dx_page_vfs *vfs = instance_of(base);
    return vfs->below->xGetLastError != NULL ? vfs->below->xGetLastError(vfs->below, size, out) : 0;
}

/* --- Life ------------------------------------------------------------------------------------- */

/* Unique among live instances: the address of this one. */
static void write_name(struct dx_page_vfs *vfs) {
    uintptr_t address = (uintptr_t)vfs;
    uint8_t bytes[sizeof address];
    memcpy(bytes, &address, sizeof address);
    memcpy(vfs->name, "dx-vault-", 9);
    dx_hex_encode(dx_bytes_of(bytes, sizeof bytes), vfs->name + 9);
}

static void fill_methods(struct dx_page_vfs *vfs) {
    size_t handle_size = dx_page_file_handle_size(vfs->below);
    vfs->base = (sqlite3_vfs){
        .iVersion = 1,
        .szOsFile = (int)(handle_size > sizeof(dx_temp_file) ? handle_size : sizeof(dx_temp_file)),
        .mxPathname = vfs->below->mxPathname,
        .zName = vfs->name,
        .pAppData = vfs,
        .xOpen = vfs_open,
        .xDelete = vfs_delete,
        .xAccess = vfs_access,
        .xFullPathname = vfs_full_pathname,
        .xRandomness = vfs_randomness,
        .xSleep = vfs_sleep,
        .xCurrentTime = vfs_current_time,
        .xGetLastError = vfs_last_error,
    };
}

int dx_page_vfs_create(const dx_alloc *alloc, const dx_random *random, const char *below,
                       const uint8_t key[static DX_PAGE_KEY_SIZE], dx_page_vfs **out) {
    *out = NULL;
    sqlite3_vfs *below_vfs = sqlite3_vfs_find(below);
    if (below_vfs == NULL) {
        return DX_E_INVALID;
    }
    struct dx_page_vfs *vfs = dx_alloc_take_zeroed(alloc, sizeof *vfs);
    if (vfs == NULL) {
        return DX_E_NO_MEMORY;
    }
    vfs->alloc = alloc;
    vfs->random = random;
    vfs->below = below_vfs;
    memcpy(vfs->key, key, DX_PAGE_KEY_SIZE);
    write_name(vfs);
    fill_methods(vfs);
    vfs->runs = dx_alloc_take(alloc, (size_t)2 * DX_RUN_UNITS * DX_FRAME_SIZE);
    if (vfs->runs == NULL || sqlite3_vfs_register(&vfs->base, 0) != SQLITE_OK) {
        dx_page_vfs_destroy(vfs);
        return DX_E_NO_MEMORY;
    }
    *out = vfs;
    return DX_OK;
}

void dx_page_vfs_destroy(dx_page_vfs *vfs) {
    if (vfs == NULL) {
        return;
    }
    DX_ASSERT(vfs->database == NULL && vfs->log == NULL);
    sqlite3_vfs_unregister(&vfs->base);
    const dx_alloc *alloc = vfs->alloc;
    if (vfs->runs != NULL) { /* what they hold was sealed in place when it was written: nothing to wipe */
        (void)alloc->resize(alloc->ctx, vfs->runs, (size_t)2 * DX_RUN_UNITS * DX_FRAME_SIZE, 0);
    }
    dx_alloc_free(alloc, vfs, sizeof *vfs); /* the key goes with it, wiped */
}

const char *dx_page_vfs_name(const dx_page_vfs *vfs) {
    return vfs->name;
}

int dx_page_vfs_exists(dx_page_vfs *vfs, const char *path, bool *exists) {
    int out = 0;
    int result = vfs->below->xAccess(vfs->below, path, SQLITE_ACCESS_EXISTS, &out);
    *exists = out != 0;
    return result;
}

int dx_page_vfs_settle(dx_page_vfs *vfs) {
    return vfs->log != NULL ? dx_log_settle(vfs->log) : SQLITE_OK;
}

int dx_page_vfs_grow_log(dx_page_vfs *vfs, size_t size_bytes) {
    return vfs->log != NULL ? dx_log_grow(vfs->log, size_bytes) : SQLITE_OK;
}

int dx_page_vfs_begin_checkpoint(dx_page_vfs *vfs) {
    return dx_page_file_begin_copies(vfs);
}

void dx_page_vfs_end_checkpoint(dx_page_vfs *vfs) {
    dx_page_file_end_copies(vfs);
}

bool dx_page_vfs_is_unwritten(dx_page_vfs *vfs) {
    if (vfs->database == NULL) {
        return true;
    }
    sqlite3_file *below = dx_page_file_below(vfs->database);
    sqlite3_int64 size = 0;
    return below->pMethods->xFileSize(below, &size) == SQLITE_OK && size == 0;
}

int64_t dx_page_vfs_log_size(dx_page_vfs *vfs) {
    sqlite3_int64 size = 0;
    if (vfs->log == NULL || vfs->log->base.pMethods->xFileSize(&vfs->log->base, &size) != SQLITE_OK) {
        return 0;
    }
    return size;
}

uint64_t dx_page_vfs_pages(dx_page_vfs *vfs) {
    sqlite3_file *below = dx_page_file_below(vfs->database);
    sqlite3_int64 size = 0;
    if (below->pMethods->xFileSize(below, &size) != SQLITE_OK || size < 0) {
        return 0;
    }
    return ((uint64_t)size + DX_PAGE_SIZE - 1) / DX_PAGE_SIZE;
}

int dx_page_vfs_check_page(dx_page_vfs *vfs, uint64_t number, bool *intact) {
    return dx_page_file_look(vfs->database, number, intact);
}

int dx_page_vfs_check_log(dx_page_vfs *vfs, uint64_t frames, uint64_t *damaged) {
    *damaged = 0;
    for (uint64_t number = 1; vfs->log != NULL && number <= frames; number++) {
        bool intact = false;
        int result = dx_page_file_look(vfs->log, number, &intact);
        if (result != SQLITE_OK) {
            return result;
        }
        if (!intact) {
            *damaged = number;
            return SQLITE_OK;
        }
    }
    return SQLITE_OK;
}

int dx_page_vfs_log_has(dx_page_vfs *vfs, uint64_t frames, uint64_t page, bool *has) {
    *has = false;
    for (uint64_t number = 1; vfs->log != NULL && number <= frames && !*has; number++) {
        bool intact = false;
        int result = dx_page_file_look(vfs->log, number, &intact);
        if (result != SQLITE_OK) {
            return result;
        }
        const uint8_t *frame = vfs->unit; /* it begins with the page's number, big endian */
        uint64_t held =
            (uint64_t)frame[0] << 24 | (uint64_t)frame[1] << 16 | (uint64_t)frame[2] << 8 | frame[3];
        *has = intact && held == page;
    }
    return SQLITE_OK;
}

dx_page_counts dx_page_vfs_counts(const dx_page_vfs *vfs) {
    return vfs->counts;
}

dx_page_damage dx_page_vfs_damage(const dx_page_vfs *vfs) {
    return vfs->damage;
}
