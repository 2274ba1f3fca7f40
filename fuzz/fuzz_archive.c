/* fuzz_archive.c: any bytes as an archive of spaces. Checks: what is accepted is what was counted: parts lie inside of the
 * input, and reading them by what was found gives as many lines. Mode 1 mends the header's sum, so that the search gets
 * behind it. */
#include "archive.h"
#include "fuzz.h"

typedef struct file {
    const uint8_t *data;
    size_t size, at;
} file;

static int read_file(void *ctx, uint8_t *out, size_t size, size_t *got) {
    file *self = ctx;
    *got = size < self->size - self->at ? size : self->size - self->at;
    memcpy(out, self->data + self->at, *got);
    self->at += *got;
    return DX_OK;
}

static void mend(uint8_t *block) {
    unsigned sum = 8 * ' ';
    for (size_t i = 0; i < DX_ARCHIVE_BLOCK; i++) {
        sum += i >= 148 && i < 156 ? 0u : block[i];
    }
    for (int i = 5; i >= 0; i--, sum >>= 3) {
        block[148 + i] = (uint8_t)('0' + (sum & 7));
    }
    block[154] = block[155] = 0;
}

static void mend_all(uint8_t *data, size_t size) {
    for (size_t at = 0; at + DX_ARCHIVE_BLOCK <= size;) {
        uint64_t part_size = 0, folder, part;
        mend(data + at);
        if (dx_archive_header_read(data + at, &part_size, &folder, &part) != DX_OK || part_size > size) {
            return;
        }
        at += DX_ARCHIVE_BLOCK +
              (size_t)((part_size + DX_ARCHIVE_BLOCK - 1) / DX_ARCHIVE_BLOCK * DX_ARCHIVE_BLOCK);
    }
}

static void check_space(const dx_archive_space *space, const uint8_t *data, size_t size) {
    uint64_t at = space->begin, lines = 0, bytes = 0;
    for (uint64_t i = 0; i < space->parts; i++) {
        uint64_t part_size = 0, folder, part;
        FUZZ_CHECK(at + DX_ARCHIVE_BLOCK <= size);
        FUZZ_CHECK(dx_archive_header_read(data + at, &part_size, &folder, &part) == DX_OK);
        FUZZ_CHECK(part == i + 1 && at + DX_ARCHIVE_BLOCK + part_size <= size);
        at += DX_ARCHIVE_BLOCK;
        for (uint64_t k = 0; k < part_size; k++) {
            lines += data[at + k] == '\n';
        }
        bytes += part_size;
        at += (part_size + DX_ARCHIVE_BLOCK - 1) / DX_ARCHIVE_BLOCK * DX_ARCHIVE_BLOCK;
    }
    FUZZ_CHECK(lines == space->lines && bytes == space->bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    dx_archive archive;
    uint8_t *copy;
    if (size == 0) {
        return 0;
    }
    copy = malloc(size);
    FUZZ_CHECK(copy != NULL);
    memcpy(copy, data + 1, size - 1);
    if ((data[0] & 1) != 0) {
        mend_all(copy, size - 1);
    }
    file input = {.data = copy, .size = size - 1};
    int error = dx_archive_check(&archive, read_file, &input);
    FUZZ_CHECK(error == DX_OK || archive.why[0] != 0 || error == DX_E_NO_MEMORY);
    for (size_t i = 0; error == DX_OK && i < archive.count; i++) {
        check_space(&archive.spaces[i], copy, size - 1);
    }
    dx_archive_deinit(&archive);
    free(copy);
    return 0;
}
