/* store/temp_file.c: a temporary file of SQLite's, in memory. See temp_file.h. */
#include "store/temp_file.h"

#include "base/limits.h"

#include <string.h>

static int temp_close(sqlite3_file *base) {
    dx_buf_deinit(&((dx_temp_file *)base)->bytes);
    return SQLITE_OK;
}

static int temp_read(sqlite3_file *base, void *out, int size, sqlite3_int64 offset) {
    const dx_buf *bytes = &((dx_temp_file *)base)->bytes;
    size_t at = (size_t)offset;
    size_t wanted = (size_t)size;
    size_t there = at < bytes->size ? bytes->size - at : 0;
    size_t taken = there < wanted ? there : wanted;
    if (taken > 0) {
        memcpy(out, bytes->data + at, taken);
    }
    memset((uint8_t *)out + taken, 0, wanted - taken);
    return taken == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int temp_write(sqlite3_file *base, const void *data, int size, sqlite3_int64 offset) {
    dx_buf *bytes = &((dx_temp_file *)base)->bytes;
    if (offset < 0 || offset > (sqlite3_int64)bytes->max - size) {
        return SQLITE_FULL;
    }
    size_t at = (size_t)offset;
    size_t end = at + (size_t)size;
    if (end > bytes->size) {
        size_t old_size = bytes->size;
        uint8_t *added = dx_buf_extend(bytes, end - old_size);
        if (added == NULL) {
            bytes->error = DX_OK; /* what is there stays usable: SQLite may roll back by it */
            return SQLITE_IOERR_NOMEM;
        }
        memset(added, 0, end - old_size);
    }
    memcpy(bytes->data + at, data, (size_t)size);
    return SQLITE_OK;
}

static int temp_truncate(sqlite3_file *base, sqlite3_int64 size) {
    dx_buf *bytes = &((dx_temp_file *)base)->bytes;
    if ((size_t)size < bytes->size) {
        bytes->size = (size_t)size;
    }
    return SQLITE_OK;
}

static int temp_sync(sqlite3_file *base, int flags) {
    (void)base;
    (void)flags;
    return SQLITE_OK;
}

static int temp_file_size(sqlite3_file *base, sqlite3_int64 *size) {
    *size = (sqlite3_int64)((dx_temp_file *)base)->bytes.size;
    return SQLITE_OK;
}

static int temp_lock(sqlite3_file *base, int level) {
    (void)base;
    (void)level;
    return SQLITE_OK;
}

static int temp_check_reserved_lock(sqlite3_file *base, int *reserved) {
    (void)base;
    *reserved = 0;
    return SQLITE_OK;
}

static int temp_file_control(sqlite3_file *base, int operation, void *argument) {
    (void)base;
    (void)operation;
    (void)argument;
    return SQLITE_NOTFOUND;
}

static int temp_sector_size(sqlite3_file *base) {
    (void)base;
    return 512;
}

static int temp_device_characteristics(sqlite3_file *base) {
    (void)base;
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

static const sqlite3_io_methods temp_methods = {
    .iVersion = 1,
    .xClose = temp_close,
    .xRead = temp_read,
    .xWrite = temp_write,
    .xTruncate = temp_truncate,
    .xSync = temp_sync,
    .xFileSize = temp_file_size,
    .xLock = temp_lock,
    .xUnlock = temp_lock,
    .xCheckReservedLock = temp_check_reserved_lock,
    .xFileControl = temp_file_control,
    .xSectorSize = temp_sector_size,
    .xDeviceCharacteristics = temp_device_characteristics,
};

void dx_temp_file_open(dx_temp_file *file, const dx_alloc *alloc) {
    file->base.pMethods = &temp_methods;
    dx_buf_init(&file->bytes, alloc, DX_STORE_TEMP_SIZE_MAX);
}
