/* dx/archive_write.c: archives, written. See archive.h. */
#include "archive.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void fail(dx_archive_writer *writer, int error) {
    if (writer->error == DX_OK) {
        writer->error = error;
        writer->number = errno;
    }
}

static void put(dx_archive_writer *writer, const void *data, size_t size) {
    if (writer->error == DX_OK && size > 0 && gzwrite(writer->file, data, (unsigned)size) != (int)size) {
        fail(writer, DX_E_IO);
    }
}

/* One file of the tar (POSIX.1-1988 "ustar"), with no owner and no time: the same space gives the same bytes. */
static void put_file(dx_archive_writer *writer, const char *name, dx_bytes content) {
    static const uint8_t zeros[DX_ARCHIVE_BLOCK];
    char block[DX_ARCHIVE_BLOCK];
    unsigned sum = 0;
    memset(block, 0, sizeof block);
    snprintf(block, 100, "%s", name);
    memcpy(block + 100, "0000600", 7); /* mode */
    memcpy(block + 108, "0000000", 7); /* owner */
    memcpy(block + 116, "0000000", 7); /* group */
    snprintf(block + 124, 12, "%011" PRIo64, (uint64_t)content.size);
    memcpy(block + 136, "00000000000", 11); /* time */
    memset(block + 148, ' ', 8);
    block[156] = '0';
    memcpy(block + 257, "ustar", 6);
    memcpy(block + 263, "00", 2);
    for (size_t i = 0; i < sizeof block; i++) {
        sum += (uint8_t)block[i];
    }
    snprintf(block + 148, 8, "%06o", sum);
    put(writer, block, sizeof block);
    put(writer, content.data, content.size);
    put(writer, zeros, (DX_ARCHIVE_BLOCK - content.size % DX_ARCHIVE_BLOCK) % DX_ARCHIVE_BLOCK);
}

/* --- Opening -------------------------------------------------------------------------------------------- */

static bool ends_with_gz(const char *path) {
    size_t size = strlen(path);
    return size > 3 && (strcmp(path + size - 3, ".gz") == 0 || strcmp(path + size - 4, ".tgz") == 0);
}

static int open_file(dx_archive_writer *writer, const char *path, bool replace) {
    size_t size = strlen(path) + sizeof ".unfinished";
    if (!replace && access(path, F_OK) == 0) {
        return DX_E_EXISTS;
    }
    writer->path = strdup(path);
    writer->unfinished = malloc(size);
    if (writer->path == NULL || writer->unfinished == NULL) {
        return DX_E_NO_MEMORY;
    }
    snprintf(writer->unfinished, size, "%s.unfinished", path);
    unlink(writer->unfinished); /* of one that was killed; never written through a link somebody laid there */
    int fd = open(writer->unfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return DX_E_IO;
    }
    writer->file = gzdopen(fd, ends_with_gz(path) ? "wb6" : "wbT");
    if (writer->file == NULL) {
        close(fd);
        return DX_E_NO_MEMORY;
    }
    return DX_OK;
}

int dx_archive_create(dx_archive_writer *writer, const char *path, bool replace) {
    *writer = (dx_archive_writer){0};
    dx_buf_init(&writer->part, dx_host_alloc(), DX_ARCHIVE_PART_SIZE_MAX);
    writer->spaces = calloc(DX_ARCHIVE_SPACES_MAX, sizeof *writer->spaces);
    writer->hash = malloc(crypto_generichash_statebytes());
    int error = writer->spaces == NULL || writer->hash == NULL ? DX_E_NO_MEMORY : DX_OK;
    if (error == DX_OK && strcmp(path, "-") == 0) {
        int fd = dup(STDOUT_FILENO);
        writer->file = fd < 0 ? NULL : gzdopen(fd, "wbT");
        error = writer->file == NULL ? DX_E_IO : DX_OK;
    } else if (error == DX_OK) {
        error = open_file(writer, path, replace);
    }
    if (error != DX_OK) {
        int number = errno;
        writer->error = error;
        writer->number = number;
        return dx_archive_finish(writer, false);
    }
    return error;
}

/* --- Spaces ----------------------------------------------------------------------------------------------- */

static dx_archive_space *current(dx_archive_writer *writer) {
    return &writer->spaces[writer->count - 1];
}

void dx_archive_begin_space(dx_archive_writer *writer, const char *space, dx_bytes name) {
    if (writer->count == DX_ARCHIVE_SPACES_MAX || name.size > DX_ARCHIVE_NAME_SIZE_MAX) {
        fail(writer, DX_E_LIMIT);
        return;
    }
    dx_archive_space *self = &writer->spaces[writer->count++];
    snprintf(self->space, sizeof self->space, "%s", space);
    snprintf(self->name, sizeof self->name, "%.*s", (int)name.size,
             name.size == 0 ? "" : (const char *)name.data);
    crypto_generichash_init(writer->hash, NULL, 0, DX_ARCHIVE_HASH_SIZE);
}

static void end_part(dx_archive_writer *writer) {
    char name[64];
    if (writer->part.size == 0) {
        return;
    }
    snprintf(name, sizeof name, "%zu/%06" PRIu64 ".jsonl", writer->count, ++current(writer)->parts);
    put_file(writer, name, dx_buf_view(&writer->part));
    dx_buf_clear(&writer->part);
}

void dx_archive_add_line(dx_archive_writer *writer, dx_bytes line) {
    if (writer->error != DX_OK) {
        return;
    }
    if (line.size > DX_LINE_SIZE_MAX) {
        fail(writer, DX_E_LIMIT);
        return;
    }
    dx_buf_append(&writer->part, line.data, line.size);
    dx_buf_append(&writer->part, "\n", 1);
    if (dx_buf_error(&writer->part) != DX_OK) {
        fail(writer, dx_buf_error(&writer->part));
        return;
    }
    crypto_generichash_update(writer->hash, writer->part.data + writer->part.size - line.size - 1,
                              line.size + 1);
    current(writer)->lines++;
    current(writer)->bytes += line.size + 1;
    if (writer->part.size >= DX_ARCHIVE_PART_SIZE) {
        end_part(writer);
    }
}

void dx_archive_end_space(dx_archive_writer *writer) {
    if (writer->error == DX_OK) {
        end_part(writer);
        crypto_generichash_final(writer->hash, current(writer)->hash, DX_ARCHIVE_HASH_SIZE);
    }
}

/* --- The end ----------------------------------------------------------------------------------------------- */

static int write_space(const dx_archive_space *space, dx_writer *out) {
    char hash[2 * DX_ARCHIVE_HASH_SIZE + 1];
    dx_hex_encode(dx_bytes_of(space->hash, sizeof space->hash), hash);
    return dx_json_format(out,
                          "{\"space\": %s, \"name\": %s, \"parts\": %llu, \"lines\": %llu, \"bytes\": %llu, "
                          "\"hash\": %s}",
                          space->space, space->name, (unsigned long long)space->parts,
                          (unsigned long long)space->lines, (unsigned long long)space->bytes, hash);
}

static int write_manifest(const dx_archive_writer *writer, dx_buf *json) {
    dx_map_builder map;
    dx_buf item;
    dx_writer out;
    int error = DX_OK;
    dx_map_builder_init(&map, dx_host_alloc(), DX_ARCHIVE_MANIFEST_SIZE_MAX);
    dx_write_text(dx_map_builder_key(&map, "dxos"), "archive");
    dx_write_uint(dx_map_builder_key(&map, "version"), DX_ARCHIVE_VERSION);
    dx_writer *spaces = dx_map_builder_key(&map, "spaces");
    dx_write_array(spaces, writer->count);
    dx_buf_init(&item, dx_host_alloc(), DX_ARCHIVE_MANIFEST_SIZE_MAX);
    for (size_t i = 0; i < writer->count; i++) {
        dx_buf_clear(&item);
        dx_writer_init(&out, &item);
        int written = write_space(&writer->spaces[i], &out);
        error = error == DX_OK ? written : error;
        if (written == DX_OK) {
            dx_write_item(spaces, dx_buf_view(&item));
        } else {
            dx_write_null(spaces);
        }
    }
    dx_buf_clear(&item);
    dx_writer_init(&out, &item);
    dx_map_builder_finish(&map, &out);
    error = error == DX_OK ? dx_writer_finish(&out) : error;
    error = error == DX_OK ? dx_json_print(dx_buf_view(&item), json) : error;
    dx_buf_append(json, "\n", 1);
    dx_buf_deinit(&item);
    return error == DX_OK ? dx_buf_error(json) : error;
}

static void put_end(dx_archive_writer *writer) {
    static const uint8_t zeros[2 * DX_ARCHIVE_BLOCK];
    dx_buf json;
    dx_buf_init(&json, dx_host_alloc(), DX_ARCHIVE_MANIFEST_SIZE_MAX);
    int error = write_manifest(writer, &json);
    if (error != DX_OK) {
        fail(writer, error);
    }
    put_file(writer, "manifest.json", dx_buf_view(&json));
    put(writer, zeros, sizeof zeros);
    dx_buf_deinit(&json);
}

/* What is under the name afterwards is whole, also after a power cut. */
static void give_name(dx_archive_writer *writer) {
    int fd = open(writer->unfinished, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0 || rename(writer->unfinished, writer->path) != 0) {
        fail(writer, DX_E_IO);
    }
    if (fd >= 0) {
        close(fd);
    }
}

int dx_archive_finish(dx_archive_writer *writer, bool keep) {
    if (keep && writer->error == DX_OK) {
        put_end(writer);
    }
    if (writer->file != NULL && gzclose(writer->file) != Z_OK) {
        fail(writer, DX_E_IO);
    }
    if (keep && writer->error == DX_OK && writer->path != NULL) {
        give_name(writer);
    }
    if (writer->unfinished != NULL && (!keep || writer->error != DX_OK)) {
        unlink(writer->unfinished);
    }
    dx_buf_deinit(&writer->part);
    free(writer->spaces);
    free(writer->hash);
    free(writer->path);
    free(writer->unfinished);
    errno = writer->number;
    return writer->error;
}
