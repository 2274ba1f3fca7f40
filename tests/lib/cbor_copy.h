/* tests/lib/cbor_copy.h: reads an item of any kind by hand and writes it again; shared by tests and fuzz
 * targets.
 *
 * With a reader that accepts canonical form only and a writer that writes it only, the copy equals the
 * original. A failed reader makes the copy end early: check the reader before the writer. */
#ifndef DX_TESTS_LIB_CBOR_COPY_H
#define DX_TESTS_LIB_CBOR_COPY_H

#include <dxos/codec.h>

static inline void copy_item(dx_reader *reader, dx_writer *writer) {
    size_t count;
    switch (dx_reader_peek(reader)) {
    case DX_KIND_INT:
        dx_write_int(writer, dx_read_int(reader));
        break;
    case DX_KIND_BYTES:
        dx_write_bytes(writer, dx_read_bytes(reader));
        break;
    case DX_KIND_TEXT:
        dx_write_text_bytes(writer, dx_read_text(reader));
        break;
    case DX_KIND_ARRAY:
        count = dx_read_array(reader);
        dx_write_array(writer, count);
        for (size_t i = 0; i < count && reader->error == DX_OK; i++) {
            copy_item(reader, writer);
        }
        break;
    case DX_KIND_MAP:
        count = dx_read_map(reader);
        dx_write_map(writer, count);
        for (size_t i = 0; i < 2 * count && reader->error == DX_OK; i++) {
            copy_item(reader, writer);
        }
        break;
    case DX_KIND_TAG: {
        uint64_t tag = dx_read_tag(reader);
        if (reader->error == DX_OK) {
            dx_write_tag(writer, tag);
            copy_item(reader, writer);
        }
        break;
    }
    case DX_KIND_BOOL:
        dx_write_bool(writer, dx_read_bool(reader));
        break;
    case DX_KIND_NULL:
        dx_read_null(reader);
        dx_write_null(writer);
        break;
    case DX_KIND_DOUBLE:
        dx_write_double(writer, dx_read_double(reader));
        break;
    case DX_KIND_NONE:
        dx_reader_fail(reader);
        break;
    }
}

/* Whether the bytes are one item read by hand to its end; its copy is appended to out then. */
static inline bool copy_whole(dx_bytes item, dx_buf *out) {
    dx_reader reader;
    dx_writer writer;
    dx_reader_init(&reader, item);
    dx_writer_init(&writer, out);
    copy_item(&reader, &writer);
    return dx_reader_finish(&reader) == DX_OK && dx_writer_finish(&writer) == DX_OK;
}

#endif
