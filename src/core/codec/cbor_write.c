/* codec/cbor_write.c: writes canonical CBOR, and nothing else.
 *
 * Layer: floor 1, codec. Contract in dxos/codec.h. Invariant: at any time the open frames say how many items
 * are missing, so a finished writer has written complete items only, and every map's keys ascend. */
#include "codec/canonical.h"
#include "codec/cbor.h"
#include "codec/timestamp.h"
#include <string.h>

void dx_writer_init(dx_writer *writer, dx_buf *out) {
    writer->out = out;
    writer->error = DX_OK;
    writer->depth = 0;
    writer->tag = DX_TAG_NONE;
}

static void fail(dx_writer *writer, int error) {
    if (writer->error == DX_OK) {
        writer->error = error;
    }
}

static dx_codec_frame *innermost(dx_writer *writer) {
    return writer->depth == 0 ? NULL : &writer->frames[writer->depth - 1];
}

/* size bytes at the end of the buffer for an item of this kind; NULL when it may not be written. */
static uint8_t *begin_item(dx_writer *writer, dx_kind kind, size_t size) {
    if (writer->error != DX_OK) {
        return NULL;
    }
    if (!kind_may_stand(innermost(writer), writer->tag, kind)) {
        fail(writer, DX_E_STATE);
        return NULL;
    }
    uint8_t *room = dx_buf_extend(writer->out, size);
    if (room == NULL) {
        fail(writer, dx_buf_error(writer->out));
    }
    return room;
}

/* The key that ends the buffer must be above the one before it. */
static void end_key(dx_writer *writer, dx_codec_frame *frame, size_t size) {
    const uint8_t *data = writer->out->data;
    size_t start = writer->out->size - size;
    if (frame->key_size != 0 && dx_key_compare(dx_bytes_of(data + frame->key, frame->key_size),
                                               dx_bytes_of(data + start, size)) >= 0) {
        fail(writer, DX_E_STATE);
    }
    frame->key = start;
    frame->key_size = size;
}

/* The item that ends the buffer with these many bytes (a closing container: any) is complete, and with it
 * every container whose last item it was. */
static void end_item(dx_writer *writer, size_t size) {
    writer->tag = DX_TAG_NONE;
    while (writer->depth > 0) {
        dx_codec_frame *frame = &writer->frames[writer->depth - 1];
        if (frame->map && frame->left % 2 == 0) {
            end_key(writer, frame, size);
        }
        if (--frame->left != 0) {
            return;
        }
        writer->depth--;
    }
}

/* An item that is a head alone. */
static void write_head_item(dx_writer *writer, dx_kind kind, int major, uint64_t argument) {
    uint8_t head[HEAD_SIZE_MAX];
    size_t size = put_head(head, major, argument);
    uint8_t *room = begin_item(writer, kind, size);
    if (room != NULL) {
        memcpy(room, head, size);
        end_item(writer, size);
    }
}

void dx_write_uint(dx_writer *writer, uint64_t value) {
    if (value > INT64_MAX) {
        fail(writer, DX_E_INVALID);
        return;
    }
    write_head_item(writer, DX_KIND_INT, MAJOR_UINT, value);
}

void dx_write_int(dx_writer *writer, int64_t value) {
    if (value >= 0) {
        write_head_item(writer, DX_KIND_INT, MAJOR_UINT, (uint64_t)value);
    } else {
        write_head_item(writer, DX_KIND_INT, MAJOR_NEGATIVE, ~(uint64_t)value); /* -1 - value */
    }
}

/* Head of a string and room for its content, which is returned; whole receives the size of both. */
static uint8_t *begin_string(dx_writer *writer, dx_kind kind, size_t size, size_t *whole) {
    uint8_t head[HEAD_SIZE_MAX];
    size_t head_size = put_head(head, kind == DX_KIND_TEXT ? MAJOR_TEXT : MAJOR_BYTES, size);
    if (size > SIZE_MAX - HEAD_SIZE_MAX) {
        fail(writer, DX_E_LIMIT);
        return NULL;
    }
    *whole = head_size + size;
    uint8_t *room = begin_item(writer, kind, *whole);
    if (room == NULL) {
        return NULL;
    }
    memcpy(room, head, head_size);
    return room + head_size;
}

static void write_string(dx_writer *writer, dx_kind kind, dx_bytes value) {
    size_t whole;
    uint8_t *content = begin_string(writer, kind, value.size, &whole);
    if (content == NULL) {
        return;
    }
    if (value.size != 0) {
        memcpy(content, value.data, value.size);
    }
    end_item(writer, whole);
}

void dx_write_bytes(dx_writer *writer, dx_bytes value) {
    write_string(writer, DX_KIND_BYTES, value);
}

/* Byte strings are never map keys, so nothing looks at the content before the caller has written it. */
uint8_t *dx_write_bytes_room(dx_writer *writer, size_t size) {
    size_t whole;
    uint8_t *content = begin_string(writer, DX_KIND_BYTES, size, &whole);
    if (content != NULL) {
        end_item(writer, whole);
    }
    return content;
}

/* A text behind the tag of times is one. */
static bool text_may_stand(const dx_writer *writer, dx_bytes text) {
    return writer->tag != DX_TAG_TIMESTAMP || dx_timestamp_is_canonical(text);
}

void dx_write_text(dx_writer *writer, const char *value) {
    dx_write_text_bytes(writer, dx_bytes_text(value));
}

void dx_write_text_bytes(dx_writer *writer, dx_bytes utf8) {
    if (!dx_utf8_check(utf8.data, utf8.size) || !text_may_stand(writer, utf8)) {
        fail(writer, DX_E_INVALID);
        return;
    }
    write_string(writer, DX_KIND_TEXT, utf8);
}

static void write_byte(dx_writer *writer, dx_kind kind, uint8_t byte) {
    uint8_t *room = begin_item(writer, kind, 1);
    if (room != NULL) {
        *room = byte;
        end_item(writer, 1);
    }
}

void dx_write_bool(dx_writer *writer, bool value) {
    write_byte(writer, DX_KIND_BOOL, value ? BYTE_TRUE : BYTE_FALSE);
}

void dx_write_null(dx_writer *writer) {
    write_byte(writer, DX_KIND_NULL, BYTE_NULL);
}

void dx_write_double(dx_writer *writer, double value) {
    uint64_t bits, narrow;
    memcpy(&bits, &value, sizeof bits);
    uint8_t first = BYTE_F64;
    size_t width = 8;
    if (dx_float_is_nan(bits)) {
        first = BYTE_F16, width = 2, bits = F16_NAN;
    } else if (dx_float_narrow(bits, format_f16, &narrow)) {
        first = BYTE_F16, width = 2, bits = narrow;
    } else if (dx_float_narrow(bits, format_f32, &narrow)) {
        first = BYTE_F32, width = 4, bits = narrow;
    }
    uint8_t *room = begin_item(writer, DX_KIND_DOUBLE, width + 1);
    if (room == NULL) {
        return;
    }
    room[0] = first;
    for (size_t i = width; i > 0; i--) {
        room[i] = (uint8_t)bits;
        bits >>= 8;
    }
    end_item(writer, width + 1);
}

/* A container of this many items (a map counts keys and values). */
static void write_container(dx_writer *writer, bool map, size_t count, size_t items) {
    if (writer->depth == DX_CODEC_DEPTH_MAX) {
        fail(writer, DX_E_LIMIT);
        return;
    }
    uint8_t head[HEAD_SIZE_MAX];
    size_t size = put_head(head, map ? MAJOR_MAP : MAJOR_ARRAY, count);
    uint8_t *room = begin_item(writer, map ? DX_KIND_MAP : DX_KIND_ARRAY, size);
    if (room == NULL) {
        return;
    }
    memcpy(room, head, size);
    if (items == 0) {
        end_item(writer, size);
    } else {
        writer->frames[writer->depth++] = (dx_codec_frame){.left = items, .map = map};
    }
}

void dx_write_array(dx_writer *writer, size_t count) {
    write_container(writer, false, count, count);
}

void dx_write_map(dx_writer *writer, size_t count) {
    if (count > SIZE_MAX / 2) {
        fail(writer, DX_E_LIMIT);
        return;
    }
    write_container(writer, true, count, count * 2);
}

void dx_write_tag(dx_writer *writer, uint64_t tag) {
    uint8_t head[HEAD_SIZE_MAX];
    size_t size = put_head(head, MAJOR_TAG, tag);
    if (kind_of_tag(tag) == DX_KIND_NONE) {
        fail(writer, DX_E_STATE);
        return;
    }
    uint8_t *room = begin_item(writer, DX_KIND_TAG, size);
    if (room != NULL) {
        memcpy(room, head, size);
        writer->tag = tag;
    }
}

void dx_write_item(dx_writer *writer, dx_bytes item) {
    dx_kind kind = dx_item_kind(item);
    if (kind == DX_KIND_NONE || (kind == DX_KIND_TEXT && !text_may_stand(writer, dx_item_text(item)))) {
        fail(writer, DX_E_STATE);
        return;
    }
    uint8_t *room = begin_item(writer, kind, item.size);
    if (room != NULL) {
        memcpy(room, item.data, item.size);
        end_item(writer, item.size);
    }
}

int dx_writer_finish(dx_writer *writer) {
    int error = dx_buf_error(writer->out) != DX_OK ? dx_buf_error(writer->out) : writer->error;
    DX_ASSERT(error != DX_E_STATE);
    DX_ASSERT(error != DX_OK || (writer->depth == 0 && writer->tag == DX_TAG_NONE));
    return error;
}

int dx_key_compare(dx_bytes encoded_a, dx_bytes encoded_b) {
    return dx_bytes_compare(encoded_a, encoded_b);
}
