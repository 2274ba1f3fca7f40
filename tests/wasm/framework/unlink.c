/* tests/wasm/framework/unlink.c: tests that keep a vault in a file remove it by its name; here the file is on
 * the disk of src/wasm/disk.c. Tests are compiled with -Dunlink=unlink_from_disk, as wasi-libc's unlink knows
 * no files at all. */
#include "wasm/imports.h"

#include <string.h>

int unlink_from_disk(const char *path);

int unlink_from_disk(const char *path) {
    return disk_delete(path, strlen(path)) < 0 ? -1 : 0;
}
