/* bench/reading.c: files that may be packed. */
#include "reading.h"

#include <stdio.h>
#include <string.h>

/* gzip's own program unpacks; the path goes in as its standard input, so no shell sees it. */
bool reading_file(const char *path, dx_buf *out) {
    size_t length = strlen(path);
    bool packed = length > 3 && strcmp(path + length - 3, ".gz") == 0;
    FILE *file = NULL;
    if (!packed) {
        file = fopen(path, "rb");
    } else if (freopen(path, "rb", stdin) != NULL) {
        file = popen("gzip -dc", "r");
    }
    if (file == NULL) {
        return false;
    }
    char part[1 << 16];
    size_t size;
    while ((size = fread(part, 1, sizeof part, file)) > 0) {
        dx_buf_append(out, part, size);
    }
    bool whole = ferror(file) == 0;
    whole = (packed ? pclose(file) : fclose(file)) == 0 && whole;
    return whole && dx_buf_error(out) == DX_OK;
}
