/* dx/lines.h: a file as lines, plain or gzipped, that can be read more than once.
 *
 * Layer: apps (zlib). What cannot be read twice (stdin, a pipe) is kept in memory (never on disk, where it
 * would lie unencrypted) as it came, compressed or not. */
#ifndef DX_APP_LINES_H
#define DX_APP_LINES_H

#include <stdio.h>
#include <zlib.h>

#include <dxos/base.h>

enum {
    DX_LINE_SIZE_MAX = 8 << 20 /* a value as large as a block, each of its letters escaped */
};

typedef struct dx_lines {
    gzFile file;
    uint64_t size;   /* bytes of the file as it lies there, for progress; 0: not known */
    uint64_t number; /* of the line last read, from 1 */
    dx_buf line;
    bool too_long; /* the line last read was cut: it was longer than DX_LINE_SIZE_MAX */
    /* Of a space in an archive (archive.h), whose file is borrowed. */
    bool is_part;
    uint64_t begin, parts;
    uint64_t parts_left, part_size, part_left;
    char chunk[64 * 1024];
    size_t at, filled;
} dx_lines;

/* A file that can be read more than once, whatever the path is of, and its size as it lies there. "-" is stdin.
 * DX_E_NOT_FOUND, DX_E_IO (errno tells), DX_E_NO_MEMORY. */
DX_MUST_USE int dx_lines_open_file(const char *path, gzFile *file, uint64_t *size);
/* The lines of `parts` parts that begin at `begin` of an archive that was checked. The file is borrowed. DX_E_IO. */
DX_MUST_USE int dx_lines_attach(dx_lines *lines, gzFile file, uint64_t size, uint64_t begin, uint64_t parts);
/* path "-" is stdin. DX_E_NOT_FOUND, DX_E_IO (errno tells), DX_E_NO_MEMORY. */
DX_MUST_USE int dx_lines_open(dx_lines *lines, const char *path);
/* The next line without its end; borrowed until the next call. DX_E_NOT_FOUND: that was all; DX_E_MALFORMED:
 * the compressed data is damaged or cut short. */
DX_MUST_USE int dx_lines_next(dx_lines *lines, dx_bytes *line);
/* From the beginning again. */
DX_MUST_USE int dx_lines_rewind(dx_lines *lines);
/* Bytes of the file that were read so far. */
uint64_t dx_lines_offset(const dx_lines *lines);
void dx_lines_close(dx_lines *lines);

#endif
