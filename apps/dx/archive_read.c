/* dx/archive_read.c: archives, read and held to their form. See archive.h.
 *
 * Whoever made the file may have meant harm: sizes are bounded before anything is read by them, names are compared and
 * never used as paths, and everything the manifest says was counted. */
#include "archive.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CHUNK_SIZE = 64 * 1024,
    /* Lines of an export unpack to ten or thirty times their size; only what is made for it to hundreds. */
    UNPACKED_TIMES_MAX = 250,
    UNPACKED_FREE = 256 << 20, /* below it nobody asks */
    END_ZEROS_MAX = 1 << 20    /* tar fills its last record up */
};

/* --- Headers -------------------------------------------------------------------------------------------- */

/* Octal digits up to a NUL or space. False: something else, or too large. */
static bool read_octal(const uint8_t *field, size_t size, uint64_t *out) {
    size_t at = 0;
    *out = 0;
    for (; at < size && field[at] >= '0' && field[at] <= '7'; at++) {
        if (*out >> 60 != 0) {
            return false;
        }
        *out = *out << 3 | (uint64_t)(field[at] - '0');
    }
    bool some = at > 0;
    for (; at < size; at++) {
        if (field[at] != 0 && field[at] != ' ') {
            return false;
        }
    }
    return some;
}

static bool is_zero(const uint8_t *data, size_t size) {
    for (size_t i = 0; i < size; i++) {
        if (data[i] != 0) {
            return false;
        }
    }
    return true;
}

static bool has_sum(const uint8_t *block) {
    uint64_t told, sum = 0;
    for (size_t i = 0; i < DX_ARCHIVE_BLOCK; i++) {
        sum += i >= 148 && i < 156 ? ' ' : block[i];
    }
    return read_octal(block + 148, 8, &told) && told == sum;
}

/* Digits without a sign, at most nine of them. */
static bool read_number(const char **at, uint64_t *out) {
    const char *begin = *at;
    *out = 0;
    for (; **at >= '0' && **at <= '9' && *at - begin < 9; ++*at) {
        *out = *out * 10 + (uint64_t)(**at - '0');
    }
    return *at > begin && *out > 0;
}

/* "FOLDER/PART.jsonl" exactly as a writer names it, or the manifest. */
static bool read_name(const char *name, uint64_t *folder, uint64_t *part) {
    char again[64];
    const char *at = name;
    *folder = *part = 0;
    if (strcmp(name, "manifest.json") == 0) {
        return true;
    }
    if (!read_number(&at, folder) || *at++ != '/' || !read_number(&at, part)) {
        return false;
    }
    snprintf(again, sizeof again, "%" PRIu64 "/%06" PRIu64 ".jsonl", *folder, *part);
    return strcmp(again, name) == 0;
}

int dx_archive_header_read(const uint8_t block[static DX_ARCHIVE_BLOCK], uint64_t *size, uint64_t *folder,
                           uint64_t *part) {
    char name[101];
    if (is_zero(block, DX_ARCHIVE_BLOCK)) {
        return DX_E_NOT_FOUND;
    }
    memcpy(name, block, 100);
    name[100] = 0;
    bool sound = has_sum(block) && memcmp(block + 257, "ustar", 5) == 0 && block[156] == '0' &&
                 block[345] == 0 && read_octal(block + 124, 12, size) && read_name(name, folder, part) &&
                 *size > 0;
    return sound ? DX_OK : DX_E_MALFORMED;
}

/* --- Checking --------------------------------------------------------------------------------------------- */

typedef struct dx_checking {
    dx_archive *archive;
    dx_archive_read read;
    void *ctx;
    uint64_t offset;
    size_t capacity;
    crypto_generichash_state hash;
    dx_archive_space *space; /* being read; NULL: none yet */
    uint8_t chunk[CHUNK_SIZE];
} dx_checking;

static int refuse(dx_checking *self, int error, const char *why) {
    snprintf(self->archive->why, sizeof self->archive->why, "%s", why);
    return error;
}

/* Exactly so many bytes, at most a chunk. */
static int take(dx_checking *self, size_t size) {
    size_t got = 0;
    int error = self->read(self->ctx, self->chunk, size, &got);
    self->offset += got;
    if (error == DX_E_LIMIT) {
        return refuse(self, error, "it unpacks to far more than lines ever do");
    }
    if (error == DX_E_MALFORMED) {
        return refuse(self, error, "its compressed data are damaged or cut short");
    }
    return error == DX_OK && got < size ? refuse(self, DX_E_MALFORMED, "it is cut short") : error;
}

static int take_padding(dx_checking *self, uint64_t size) {
    size_t padding = (size_t)((DX_ARCHIVE_BLOCK - size % DX_ARCHIVE_BLOCK) % DX_ARCHIVE_BLOCK);
    int error = padding == 0 ? DX_OK : take(self, padding);
    return error == DX_OK && !is_zero(self->chunk, padding)
               ? refuse(self, DX_E_MALFORMED, "something stands between its files")
               : error;
}

static void end_space(dx_checking *self) {
    if (self->space != NULL && self->space->parts > 0) {
        crypto_generichash_final(&self->hash, self->space->hash, DX_ARCHIVE_HASH_SIZE);
    }
}

/* The spaces up to this folder's: those passed over are empty. */
static int begin_space(dx_checking *self, uint64_t folder) {
    dx_archive *archive = self->archive;
    if (folder > DX_ARCHIVE_SPACES_MAX) {
        return refuse(self, DX_E_LIMIT, "it holds more spaces than an archive may");
    }
    while (self->capacity < folder) {
        size_t capacity = self->capacity == 0 ? 16 : 2 * self->capacity;
        dx_archive_space *spaces = realloc(archive->spaces, capacity * sizeof *spaces);
        if (spaces == NULL) {
            return DX_E_NO_MEMORY;
        }
        archive->spaces = spaces;
        self->capacity = capacity;
    }
    for (; archive->count < folder; archive->count++) {
        archive->spaces[archive->count] = (dx_archive_space){.parts = 0};
        crypto_generichash(archive->spaces[archive->count].hash, DX_ARCHIVE_HASH_SIZE, NULL, 0, NULL, 0);
    }
    return DX_OK;
}

static int take_part(dx_checking *self, uint64_t size, uint64_t folder, uint64_t part) {
    dx_archive *archive = self->archive;
    if (size > DX_ARCHIVE_PART_SIZE_MAX) {
        return refuse(self, DX_E_LIMIT, "one of its files is larger than a part may be");
    }
    if (folder > archive->count && part == 1) {
        end_space(self);
        int error = begin_space(self, folder);
        if (error != DX_OK) {
            return error;
        }
        self->space = &archive->spaces[folder - 1];
        self->space->begin = self->offset - DX_ARCHIVE_BLOCK;
        crypto_generichash_init(&self->hash, NULL, 0, DX_ARCHIVE_HASH_SIZE);
    } else if (archive->count == 0 || folder != archive->count || part != self->space->parts + 1) {
        return refuse(self, DX_E_MALFORMED, "its files are not in order");
    }
    self->space->parts = part;
    self->space->bytes += size;
    uint8_t last = 0;
    for (uint64_t left = size; left > 0;) {
        size_t piece = left < CHUNK_SIZE ? (size_t)left : CHUNK_SIZE;
        int error = take(self, piece);
        if (error != DX_OK) {
            return error;
        }
        crypto_generichash_update(&self->hash, self->chunk, piece);
        for (size_t i = 0; i < piece; i++) {
            self->space->lines += self->chunk[i] == '\n';
        }
        last = self->chunk[piece - 1];
        left -= piece;
    }
    return last == '\n' ? take_padding(self, size)
                        : refuse(self, DX_E_MALFORMED, "a part ends within a line");
}

/* --- The manifest -------------------------------------------------------------------------------------------- */

static bool copy_text(dx_bytes item, char *out, size_t size) {
    dx_bytes text = dx_item_text(item);
    if (text.data == NULL || text.size >= size || memchr(text.data, 0, text.size) != NULL) {
        return false;
    }
    memcpy(out, text.data, text.size);
    out[text.size] = 0;
    return true;
}

/* What the manifest says of a space is what was counted. */
static bool agrees(dx_archive_space *space, dx_bytes told) {
    char hash[2 * DX_ARCHIVE_HASH_SIZE + 1], found[2 * DX_ARCHIVE_HASH_SIZE + 1];
    uint8_t id[DX_SPACE_TEXT_MAX / 2];
    dx_hex_encode(dx_bytes_of(space->hash, sizeof space->hash), found);
    return copy_text(dx_item_get(told, "space"), space->space, sizeof space->space) &&
           dx_hex_decode(space->space, strlen(space->space), id, sizeof id) == DX_OK &&
           copy_text(dx_item_get(told, "name"), space->name, sizeof space->name) &&
           copy_text(dx_item_get(told, "hash"), hash, sizeof hash) && strcmp(hash, found) == 0 &&
           dx_item_int(dx_item_get(told, "parts"), -1) == (int64_t)space->parts &&
           dx_item_int(dx_item_get(told, "lines"), -1) == (int64_t)space->lines &&
           dx_item_int(dx_item_get(told, "bytes"), -1) == (int64_t)space->bytes;
}

static int check_manifest(dx_checking *self, dx_bytes item) {
    dx_bytes spaces = dx_item_get(item, "spaces");
    dx_reader reader;
    if (dx_item_kind(item) != DX_KIND_MAP ||
        !dx_bytes_equal(dx_item_text(dx_item_get(item, "dxos")), dx_bytes_text("archive"))) {
        return refuse(self, DX_E_MALFORMED, "its manifest is none of an archive");
    }
    if (dx_item_int(dx_item_get(item, "version"), -1) != DX_ARCHIVE_VERSION) {
        return refuse(self, DX_E_VERSION, "it is of a version that this program does not know");
    }
    dx_reader_init(&reader, spaces);
    size_t count = spaces.size > 0 && dx_item_kind(spaces) == DX_KIND_ARRAY ? dx_read_array(&reader) : 0;
    if (count < self->archive->count || dx_item_kind(spaces) != DX_KIND_ARRAY) {
        return refuse(self, DX_E_MALFORMED, "its manifest does not name all that is in it");
    }
    int error = begin_space(self, count); /* the last ones may be empty */
    for (size_t i = 0; error == DX_OK && i < count; i++) {
        if (!agrees(&self->archive->spaces[i], dx_read_item(&reader))) {
            error = refuse(self, DX_E_MALFORMED, "its content is not what its manifest says: it is damaged");
        }
    }
    return error;
}

static int parse_manifest(dx_checking *self, dx_bytes json) {
    dx_buf item;
    dx_writer writer;
    dx_buf_init(&item, dx_host_alloc(), 2 * DX_ARCHIVE_MANIFEST_SIZE_MAX);
    dx_writer_init(&writer, &item);
    int error = dx_json_parse(json, &writer, NULL, 0);
    error = error == DX_OK            ? check_manifest(self, dx_buf_view(&item))
            : error == DX_E_NO_MEMORY ? error
                                      : refuse(self, DX_E_MALFORMED, "its manifest is no JSON");
    dx_buf_deinit(&item);
    return error;
}

static int take_manifest(dx_checking *self, uint64_t size) {
    dx_buf json;
    int error = DX_OK;
    if (size > DX_ARCHIVE_MANIFEST_SIZE_MAX) {
        return refuse(self, DX_E_LIMIT, "its manifest is larger than one may be");
    }
    end_space(self);
    dx_buf_init(&json, dx_host_alloc(), DX_ARCHIVE_MANIFEST_SIZE_MAX);
    for (uint64_t left = size; error == DX_OK && left > 0;) {
        size_t piece = left < CHUNK_SIZE ? (size_t)left : CHUNK_SIZE;
        error = take(self, piece);
        if (error == DX_OK) {
            dx_buf_append(&json, self->chunk, piece);
            error = dx_buf_error(&json);
        }
        left -= piece;
    }
    error = error == DX_OK ? take_padding(self, size) : error;
    error = error == DX_OK ? parse_manifest(self, dx_buf_view(&json)) : error;
    dx_buf_deinit(&json);
    return error;
}

/* Two blocks of zeros, and zeros up to the end. */
static int take_end(dx_checking *self) {
    uint64_t zeros = 0;
    int error = take(self, 2 * DX_ARCHIVE_BLOCK);
    bool sound = error == DX_OK && is_zero(self->chunk, 2 * DX_ARCHIVE_BLOCK);
    for (size_t got = 1; error == DX_OK && sound && got > 0 && zeros <= END_ZEROS_MAX; zeros += got) {
        error = self->read(self->ctx, self->chunk, CHUNK_SIZE, &got);
        sound = is_zero(self->chunk, got);
    }
    if (error == DX_E_MALFORMED || (error == DX_OK && (!sound || zeros > END_ZEROS_MAX))) {
        return refuse(self, DX_E_MALFORMED, "something stands behind its end");
    }
    return error;
}

static int check(dx_checking *self) {
    for (;;) {
        uint64_t size = 0, folder = 0, part = 0;
        int error = take(self, DX_ARCHIVE_BLOCK);
        if (error != DX_OK) {
            return error;
        }
        error = dx_archive_header_read(self->chunk, &size, &folder, &part);
        if (error != DX_OK) {
            return refuse(self, DX_E_MALFORMED,
                          error == DX_E_NOT_FOUND ? "it has no manifest: it is cut short"
                          : self->offset == DX_ARCHIVE_BLOCK
                              ? "it is no archive of spaces"
                              : "it holds something that is no part of an archive, or is damaged");
        }
        if (folder == 0) {
            error = take_manifest(self, size);
            return error == DX_OK ? take_end(self) : error;
        }
        error = take_part(self, size, folder, part);
        if (error != DX_OK) {
            return error;
        }
    }
}

int dx_archive_check(dx_archive *archive, dx_archive_read read, void *ctx) {
    dx_checking *self = calloc(1, sizeof *self);
    *archive = (dx_archive){0};
    if (self == NULL) {
        return DX_E_NO_MEMORY;
    }
    self->archive = archive;
    self->read = read;
    self->ctx = ctx;
    int error = check(self);
    free(self);
    return error;
}

void dx_archive_deinit(dx_archive *archive) {
    free(archive->spaces);
    *archive = (dx_archive){0};
}

/* --- Files ---------------------------------------------------------------------------------------------------- */

int dx_archive_open(dx_archive_file *file, const char *path) {
    *file = (dx_archive_file){0};
    return dx_lines_open_file(path, &file->file, &file->size);
}

int dx_archive_file_read(void *ctx, uint8_t *out, size_t size, size_t *got) {
    dx_archive_file *self = ctx;
    int taken = gzread(self->file, out, (unsigned)size), damage = Z_OK;
    *got = taken > 0 ? (size_t)taken : 0;
    self->offset += *got;
    gzerror(self->file, &damage);
    if (taken < 0 || (damage != Z_OK && damage != Z_STREAM_END)) {
        return DX_E_MALFORMED;
    }
    z_off_t packed = gzoffset(self->file);
    if (self->on_progress != NULL) {
        self->on_progress(self->ctx, packed > 0 ? (uint64_t)packed : 0, self->size);
    }
    bool bomb =
        self->offset > UNPACKED_FREE && self->size > 0 && self->offset / UNPACKED_TIMES_MAX > self->size;
    return bomb ? DX_E_LIMIT : DX_OK;
}

void dx_archive_close(dx_archive_file *file) {
    if (file->file != NULL) {
        gzclose(file->file);
    }
    *file = (dx_archive_file){0};
}
