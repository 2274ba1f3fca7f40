/* text/checkpoint.c: see checkpoint.h. Reading a text without a document. */
#include "text/checkpoint.h"

#include "codec/compression.h"
#include "text/wtf8.h"

#include <dxos/text.h>

enum { PACKED_MIN = 64 }; /* fewer bytes are not worth a try */

int dx_text_pack(const dx_alloc *alloc, dx_bytes bytes, dx_buf *out) {
    dx_buf packed;
    dx_buf_init(&packed, alloc, SIZE_MAX);
    int error = bytes.size < PACKED_MIN ? DX_OK : dx_compress(alloc, bytes, &packed);
    bool smaller = packed.size != 0 && packed.size < bytes.size;
    if (error == DX_OK) {
        dx_lib0_write_uint(out, (uint64_t)bytes.size << 1 | smaller);
        if (smaller) {
            dx_lib0_write_bytes(out, dx_buf_view(&packed));
        } else {
            dx_buf_append(out, bytes.data, bytes.size);
        }
        error = dx_buf_error(out);
    }
    dx_buf_deinit(&packed);
    return error;
}

static dx_bytes read_bytes_of(dx_lib0_reader *reader, uint64_t size) {
    if (size > dx_lib0_left(reader)) {
        dx_lib0_fail(reader, DX_E_MALFORMED);
        size = 0;
    }
    dx_bytes bytes = dx_bytes_of(reader->at, (size_t)size);
    reader->at += size;
    return bytes;
}

static dx_text_packed read_packed(dx_lib0_reader *reader) {
    uint64_t head = dx_lib0_read_uint(reader);
    dx_text_packed packed = {.size = head >> 1, .compressed = (head & 1) != 0};
    packed.bytes = packed.compressed ? dx_lib0_read_bytes(reader) : read_bytes_of(reader, packed.size);
    return packed;
}

int dx_text_unpack(const dx_alloc *alloc, const dx_text_packed *packed, dx_buf *out) {
    if (!packed->compressed) {
        dx_buf_append(out, packed->bytes.data, packed->bytes.size);
        return dx_buf_error(out);
    }
    int error = packed->size > SIZE_MAX ? DX_E_MALFORMED
                                        : dx_decompress(alloc, packed->bytes, (size_t)packed->size, out);
    return error == DX_E_MALFORMED ? DX_E_CORRUPT : error;
}

bool dx_text_checkpoint_next_root(dx_lib0_reader *roots, dx_text_checkpoint_root *out) {
    if (dx_lib0_left(roots) == 0) {
        return false;
    }
    out->name = dx_lib0_read_string(roots, NULL);
    uint64_t head = dx_lib0_read_uint(roots);
    out->size = head >> 1;
    out->plain = (head & 1) != 0;
    return roots->error == DX_OK;
}

static bool check_roots(const dx_text_checkpoint *parts) {
    dx_text_checkpoint_root root;
    uint64_t left = parts->text.size;
    dx_lib0_reader reader = dx_lib0_reader_of(parts->roots);
    while (dx_text_checkpoint_next_root(&reader, &root)) {
        if (root.size > left) {
            return false;
        }
        left -= root.size;
    }
    return reader.error == DX_OK;
}

int dx_text_checkpoint_parse(dx_bytes bytes, dx_text_checkpoint *out) {
    dx_lib0_reader reader = dx_lib0_reader_of(bytes);
    uint8_t form = dx_lib0_read_byte(&reader);
    *out = (dx_text_checkpoint){.own = form == DX_TEXT_CHECKPOINT_OWN};
    if (out->own) {
        out->roots = dx_lib0_read_bytes(&reader);
        out->text = read_packed(&reader);
        out->contents = read_packed(&reader);
        out->skeleton = dx_lib0_read_bytes(&reader);
    } else {
        out->update = read_packed(&reader);
    }
    bool known = out->own || form == DX_TEXT_CHECKPOINT_UPDATE;
    return known && reader.error == DX_OK && dx_lib0_left(&reader) == 0 && check_roots(out) ? DX_OK
                                                                                            : DX_E_CORRUPT;
}

int dx_text_checkpoint_read(const dx_alloc *alloc, const dx_text_checkpoint *parts, uint64_t from,
                            const dx_text_checkpoint_root *root, dx_buf *utf8) {
    bool alone = root->size == parts->text.size;
    size_t begun = utf8->size;
    uint64_t units;
    dx_buf all;
    dx_buf_init(&all, alloc, SIZE_MAX);
    int error = dx_text_unpack(alloc, &parts->text, alone ? utf8 : &all);
    if (error == DX_OK && !alone) {
        dx_buf_append(utf8, all.data + from, (size_t)root->size);
        error = dx_buf_error(utf8);
    }
    if (error == DX_OK && !dx_utf8_units(dx_bytes_of(utf8->data + begun, utf8->size - begun), &units)) {
        error = DX_E_CORRUPT;
    }
    if (error != DX_OK) {
        utf8->size = begun;
    }
    dx_buf_deinit(&all);
    return error;
}

int dx_text_checkpoint_text(const dx_alloc *alloc, dx_bytes checkpoint, const char *name, dx_buf *utf8,
                            bool *plain) {
    dx_text_checkpoint parts;
    dx_text_checkpoint_root root;
    if (alloc == NULL || name == NULL || utf8 == NULL || plain == NULL) {
        return DX_E_INVALID;
    }
    int error = dx_text_checkpoint_parse(checkpoint, &parts);
    uint64_t from = 0;
    *plain = parts.own;
    dx_lib0_reader roots = dx_lib0_reader_of(parts.roots);
    while (error == DX_OK && dx_text_checkpoint_next_root(&roots, &root)) {
        if (dx_bytes_equal(root.name, dx_bytes_text(name))) {
            *plain = root.plain;
            return dx_text_checkpoint_read(alloc, &parts, from, &root, utf8);
        }
        from += root.size;
    }
    return error;
}
