/* store/temp_file.h: a temporary file of SQLite's, in memory.
 *
 * Layer: floor 1, store. temp_store=MEMORY keeps sorts and temporary tables in memory; what is left is the
 * statement journal, which SQLite moves to a file at 64 KiB: plain pages, that must not reach the disk.
 * Invariants: never larger than DX_STORE_TEMP_SIZE_MAX (then SQLITE_FULL).
 * Ownership: SQLite gives the memory of the handle; the bytes are the file's until xClose. */
#ifndef DX_STORE_TEMP_FILE_H
#define DX_STORE_TEMP_FILE_H

#include <dxos/base.h>
#include <sqlite3.h>

typedef struct dx_temp_file {
    sqlite3_file base;
    dx_buf bytes;
} dx_temp_file;

/* Makes the handle an empty open file. */
void dx_temp_file_open(dx_temp_file *file, const dx_alloc *alloc);

#endif
