/* dx/archive.h: one file that holds whole spaces: a tar of lines with a manifest at its end (docs/spec/archive.md).
 *
 * Layer: apps (zlib, libsodium's hash). Written and read as a stream, plain or gzipped, in memory that does not grow
 * with it. Nothing of it is ever unpacked to disk, and nothing is believed before all of it was read once:
 * dx_archive_check. */
#ifndef DX_APP_ARCHIVE_H
#define DX_APP_ARCHIVE_H

#include <dxos/client.h>

#include "lines.h"

enum {
    DX_ARCHIVE_BLOCK = 512,
    DX_ARCHIVE_HASH_SIZE = 32,
    DX_ARCHIVE_PART_SIZE = 1 << 20, /* a part ends with the line that reaches it */
    DX_ARCHIVE_PART_SIZE_MAX = DX_ARCHIVE_PART_SIZE + DX_LINE_SIZE_MAX + 1,
    DX_ARCHIVE_SPACES_MAX = 4096, /* more than a vault is made for */
    DX_ARCHIVE_MANIFEST_SIZE_MAX = 4 << 20,
    DX_ARCHIVE_NAME_SIZE_MAX = 256, /* of a space */
    DX_ARCHIVE_VERSION = 1
};

typedef struct dx_archive_space {
    char space[DX_SPACE_TEXT_MAX]; /* its id where it was exported */
    char name[DX_ARCHIVE_NAME_SIZE_MAX + 1];
    uint64_t begin; /* where its first part begins in the tar */
    uint64_t parts, lines, bytes;
    uint8_t hash[DX_ARCHIVE_HASH_SIZE]; /* BLAKE2b-256 of its lines */
} dx_archive_space;

/* What is in an archive. */
typedef struct dx_archive {
    dx_archive_space *spaces;
    size_t count;
    char why[160]; /* after DX_E_MALFORMED, DX_E_VERSION, DX_E_LIMIT: what is wrong with it, one sentence */
} dx_archive;

/* --- Reading ------------------------------------------------------------------------------------------ */

/* Up to size bytes into out; less only at the end. DX_E_MALFORMED: cannot be unpacked. */
typedef int (*dx_archive_read)(void *ctx, uint8_t *out, size_t size, size_t *got);

/* Reads all of it and holds it to its form and its manifest. DX_E_MALFORMED, DX_E_VERSION, DX_E_LIMIT, DX_E_NO_MEMORY, or
 * an error of read. dx_archive_deinit is due in any case. */
DX_MUST_USE int dx_archive_check(dx_archive *archive, dx_archive_read read, void *ctx);
void dx_archive_deinit(dx_archive *archive);

/* An archive as a file, which stays open: "-" is stdin. */
typedef struct dx_archive_file {
    gzFile file;
    uint64_t size, offset; /* of the file as it lies there; of what was unpacked of it */
    void (*on_progress)(void *ctx, uint64_t done, uint64_t total); /* may be NULL */
    void *ctx;
} dx_archive_file;

/* DX_E_NOT_FOUND, DX_E_IO (errno tells), DX_E_NO_MEMORY. */
DX_MUST_USE int dx_archive_open(dx_archive_file *file, const char *path);
/* A dx_archive_read; ctx is a dx_archive_file. DX_E_LIMIT: it unpacks to far more than lines ever do. */
int dx_archive_file_read(void *ctx, uint8_t *out, size_t size, size_t *got);
void dx_archive_close(dx_archive_file *file);

/* The size of the part a header begins, its folder (1 …) and number (1 …); both 0 for the manifest. DX_E_MALFORMED: no
 * header of an archive; DX_E_NOT_FOUND: a block of zeros. */
DX_MUST_USE int dx_archive_header_read(const uint8_t block[static DX_ARCHIVE_BLOCK], uint64_t *size,
                                       uint64_t *folder, uint64_t *part);

/* --- Writing -------------------------------------------------------------------------------------------- */

typedef struct dx_archive_writer {
    gzFile file;
    char *path, *unfinished; /* NULL: stdout */
    dx_archive_space *spaces;
    size_t count;
    dx_buf part;
    void *hash;        /* of the space being written */
    int error, number; /* sticky; errno beside DX_E_IO */
} dx_archive_writer;

/* Readable by its owner alone, compressed when the name ends with gz; under its name only once it is whole. path "-" is
 * stdout. DX_E_EXISTS unless replace; DX_E_IO (errno tells), DX_E_NO_MEMORY. */
DX_MUST_USE int dx_archive_create(dx_archive_writer *writer, const char *path, bool replace);
/* Sticky errors: dx_archive_finish tells. */
void dx_archive_begin_space(dx_archive_writer *writer, const char *space, dx_bytes name);
void dx_archive_add_line(dx_archive_writer *writer, dx_bytes line); /* without its end */
void dx_archive_end_space(dx_archive_writer *writer);
/* Writes the manifest, makes it durable and gives it its name; frees. keep false: gives it up. */
DX_MUST_USE int dx_archive_finish(dx_archive_writer *writer, bool keep);

#endif
