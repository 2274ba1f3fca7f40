/* dx/lines.c: see lines.h. */
#include "archive.h"

#include <dxos/host.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* All that can be read only once in a file that exists only in memory. */
static int keep_all(int from, int *out) {
    char chunk[64 * 1024];
    int fd = memfd_create("dx import", MFD_CLOEXEC);
    for (ssize_t got; fd >= 0 && (got = read(from, chunk, sizeof chunk)) != 0;) {
        if (got < 0 || write(fd, chunk, (size_t)got) != got) {
            close(fd);
            return DX_E_IO;
        }
    }
    if (fd < 0 || lseek(fd, 0, SEEK_SET) != 0) {
        return DX_E_IO;
    }
    *out = fd;
    return DX_OK;
}

/* A file, or what a pipe in its place brought (import SPACE <(command) is one). */
static int open_path(const char *path, int *out) {
    struct stat info;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? DX_E_NOT_FOUND : DX_E_IO;
    }
    *out = fd;
    if (fstat(fd, &info) != 0 || !S_ISFIFO(info.st_mode)) {
        return DX_OK;
    }
    int error = keep_all(fd, out);
    close(fd);
    return error;
}

int dx_lines_open_file(const char *path, gzFile *file, uint64_t *size) {
    struct stat info;
    int fd = -1;
    int error = strcmp(path, "-") == 0 ? keep_all(STDIN_FILENO, &fd) : open_path(path, &fd);
    if (error != DX_OK) {
        return error;
    }
    if (fstat(fd, &info) != 0 || S_ISDIR(info.st_mode)) {
        close(fd);
        errno = EISDIR;
        return DX_E_IO;
    }
    *size = (uint64_t)info.st_size;
    *file = gzdopen(fd, "rb");
    if (*file == NULL) {
        close(fd);
        return DX_E_NO_MEMORY;
    }
    gzbuffer(*file, 256 * 1024);
    return DX_OK;
}

static void init(dx_lines *lines) {
    lines->file = NULL;
    lines->size = lines->number = 0;
    lines->at = lines->filled = 0;
    lines->too_long = lines->is_part = false;
    dx_buf_init(&lines->line, dx_host_alloc(), DX_LINE_SIZE_MAX + 1);
}

int dx_lines_open(dx_lines *lines, const char *path) {
    init(lines);
    return dx_lines_open_file(path, &lines->file, &lines->size);
}

int dx_lines_attach(dx_lines *lines, gzFile file, uint64_t size, uint64_t begin, uint64_t parts) {
    init(lines);
    lines->file = file;
    lines->size = size;
    lines->is_part = true;
    lines->begin = begin;
    lines->parts = parts;
    return dx_lines_rewind(lines);
}

static int read_file(dx_lines *lines, size_t size) {
    int got = gzread(lines->file, lines->chunk, (unsigned)size), damage = Z_OK;
    lines->at = 0;
    lines->filled = got > 0 ? (size_t)got : 0;
    gzerror(lines->file, &damage);
    return got < 0 || (damage != Z_OK && damage != Z_STREAM_END) ? DX_E_MALFORMED : DX_OK;
}

/* To the lines of the next part, behind the padding of the last one. */
static int begin_part(dx_lines *lines) {
    uint8_t block[DX_ARCHIVE_BLOCK];
    uint64_t folder, part,
        padding = (DX_ARCHIVE_BLOCK - lines->part_size % DX_ARCHIVE_BLOCK) % DX_ARCHIVE_BLOCK;
    if (gzseek(lines->file, (z_off_t)padding, SEEK_CUR) < 0 ||
        gzread(lines->file, block, sizeof block) != (int)sizeof block ||
        dx_archive_header_read(block, &lines->part_size, &folder, &part) != DX_OK) {
        return DX_E_MALFORMED;
    }
    lines->parts_left--;
    lines->part_left = lines->part_size;
    return DX_OK;
}

static int fill(dx_lines *lines) {
    if (!lines->is_part) {
        return read_file(lines, sizeof lines->chunk);
    }
    int error = DX_OK;
    if (lines->part_left == 0 && lines->parts_left > 0) {
        error = begin_part(lines);
    }
    uint64_t size = lines->part_left < sizeof lines->chunk ? lines->part_left : sizeof lines->chunk;
    error = error == DX_OK ? read_file(lines, (size_t)size) : error;
    if (error == DX_OK && lines->filled < size) {
        return DX_E_MALFORMED;
    }
    lines->part_left -= error == DX_OK ? size : 0;
    return error;
}

/* Takes bytes into the line; beyond the maximum they are dropped, the line is only marked. */
static void take(dx_lines *lines, size_t size) {
    if (lines->line.size + size > DX_LINE_SIZE_MAX) {
        lines->too_long = true;
    } else {
        dx_buf_append(&lines->line, lines->chunk + lines->at, size);
    }
    lines->at += size;
}

int dx_lines_next(dx_lines *lines, dx_bytes *line) {
    bool some = false;
    dx_buf_clear(&lines->line);
    lines->too_long = false;
    for (;;) {
        if (lines->at == lines->filled) {
            int error = fill(lines);
            if (error != DX_OK) {
                return error;
            }
            if (lines->filled == 0) {
                break;
            }
        }
        some = true;
        const char *from = lines->chunk + lines->at, *end = memchr(from, '\n', lines->filled - lines->at);
        take(lines, end == NULL ? lines->filled - lines->at : (size_t)(end - from));
        if (end != NULL) {
            lines->at++;
            break;
        }
    }
    if (!some) {
        return DX_E_NOT_FOUND;
    }
    lines->number++;
    *line = dx_buf_view(&lines->line);
    if (line->size > 0 && line->data[line->size - 1] == '\r') {
        line->size--;
    }
    return dx_buf_error(&lines->line);
}

int dx_lines_rewind(dx_lines *lines) {
    lines->at = lines->filled = 0;
    lines->number = 0;
    if (lines->is_part) {
        lines->part_left = lines->part_size = 0;
        lines->parts_left = lines->parts;
        return gzseek(lines->file, (z_off_t)lines->begin, SEEK_SET) >= 0 ? DX_OK : DX_E_IO;
    }
    return gzrewind(lines->file) == 0 ? DX_OK : DX_E_IO;
}

uint64_t dx_lines_offset(const dx_lines *lines) {
    z_off_t offset = gzoffset(lines->file);
    return offset > 0 ? (uint64_t)offset : 0;
}

void dx_lines_close(dx_lines *lines) {
    if (lines->file != NULL && !lines->is_part) {
        gzclose(lines->file);
    }
    dx_buf_deinit(&lines->line);
    lines->file = NULL;
}
