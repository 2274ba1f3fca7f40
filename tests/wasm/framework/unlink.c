/* tests/wasm/framework/unlink.c: tests that keep a vault in a file remove it by its name; here the file is on
 * the disk of src/wasm/disk.c. Takes the place of wasi-libc's unlink, which knows no files at all. */
#include "wasm/imports.h"

#include <string.h>
#include <unistd.h>

int unlink(const char *path) {
    return disk_delete(path, strlen(path)) < 0 ? -1 : 0;
}
