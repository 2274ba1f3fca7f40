/* codec/cbor_read.c: reads canonical CBOR, and refuses everything else.
 *
 * Layer: floor 1, codec. Contract in dxos/codec.h. Two ways in, one set of rules: the reader's own functions
 * for messages read field by field, and scan_item for an item taken whole. Law (tests/unit/codec): whatever
 * is accepted is byte for byte what the writer would have written. */
#include "codec/canonical.h"
#include "codec/cbor.h"
#include "codec/timestamp.h"
#include <string.h>

/* --- Heads ----------------------------------------------------------------------------------- */

/* Reads a double (first byte included) in the shortest of its three widths; false when it is cut off or not.
 */
static bool read_float(const uint8_t **at, const uint8_t *end, double *value) {
    const uint8_t *p = *at;
    uint8_t first = *p++;
    size_t width = (size_t)2 << (first - BYTE_F16);
    if ((size_t)(end - p) < width) {
        return false;
    }
    uint64_t bits = 0, narrow;
    for (size_t i = 0; i < width; i++) {
        bits = bits << 8 | p[i];
    }
    if (first == BYTE_F16) {
        bool is_canonical_nan = bits == F16_NAN;
        bits = dx_float_widen(bits, format_f16);
        if (dx_float_is_nan(bits) && !is_canonical_nan) {
            return false;
        }
    } else {
        if (first == BYTE_F32) {
            bits = dx_float_widen(bits, format_f32);
        }
        if (dx_float_is_nan(bits) ||
            dx_float_narrow(bits, first == BYTE_F32 ? format_f16 : format_f32, &narrow)) {
            return false;
        }
    }
    memcpy(value, &bits, sizeof bits);
    *at = p + width;
    return true;
}

/* Whether the text of a string may stand behind this tag. */
static inline bool text_is_sound(uint64_t tag, const uint8_t *text, size_t size) {
    return tag == DX_TAG_TIMESTAMP ? dx_timestamp_is_canonical(dx_bytes_of(text, size))
                                   : dx_utf8_check(text, size);
}

/* --- Whole items ----------------------------------------------------------------------------- */

/* Checks one head (and a string's content) at *at against the place it stands in and moves past both.
 * A container's number of items goes to *items, a tag to *tag (DX_TAG_NONE when it is none). */
static inline bool scan_head(const uint8_t **at, const uint8_t *end, const dx_codec_frame *frame,
                             uint64_t *tag, uint64_t *items) {
    if (*at == end) {
        return false;
    }
    uint8_t first = **at;
    dx_kind kind = kind_of_byte(first);
    if (kind == DX_KIND_NONE || !kind_may_stand(frame, *tag, kind)) {
        return false;
    }
    uint64_t around = *tag;
    *tag = DX_TAG_NONE;
    *items = 0;
    if (first >> 5 == MAJOR_SIMPLE) {
        double ignored;
        if (kind == DX_KIND_DOUBLE) {
            return read_float(at, end, &ignored);
        }
        (*at)++;
        return true;
    }
    uint64_t argument;
    if (!read_head(at, end, &argument)) {
        return false;
    }
    size_t left = (size_t)(end - *at);
    switch (first >> 5) {
    case MAJOR_BYTES:
    case MAJOR_TEXT:
        if (argument > left || (kind == DX_KIND_TEXT && !text_is_sound(around, *at, (size_t)argument))) {
            return false;
        }
        *at += argument;
        return true;
    case MAJOR_ARRAY:
        *items = argument;
        return argument <= left;
    case MAJOR_MAP:
        *items = argument * 2;
        return argument <= left / 2;
    case MAJOR_TAG:
        *tag = argument;
        return kind_of_tag(argument) != DX_KIND_NONE;
    default:
        return argument <= INT64_MAX;
    }
}

/* The end of the canonical item at begin, which stands behind this tag; NULL when there is none. */
static const uint8_t *scan_item(const uint8_t *begin, const uint8_t *end, uint64_t tag) {
    dx_codec_frame frames[DX_CODEC_DEPTH_MAX];
    int depth = 0;
    uint64_t items;
    const uint8_t *at = begin;
    for (;;) {
        const uint8_t *start = at;
        dx_codec_frame *frame = depth == 0 ? NULL : &frames[depth - 1];
        bool is_map = at != end && *at >> 5 == MAJOR_MAP;
        bool is_container = is_map || (at != end && *at >> 5 == MAJOR_ARRAY);
        if (!scan_head(&at, end, frame, &tag, &items)) {
            return NULL;
        }
        if (tag != DX_TAG_NONE) {
            continue;
        }
        if (is_container && depth == DX_CODEC_DEPTH_MAX) {
            return NULL;
        }
        if (items != 0) {
            frames[depth++] = (dx_codec_frame){.left = (size_t)items, .map = is_map};
            continue;
        }
        if (frame != NULL && frame->map && frame->left % 2 == 0) {
            dx_bytes key = dx_bytes_of(start, (size_t)(at - start));
            if (frame->key_size != 0 &&
                dx_key_compare(dx_bytes_of(begin + frame->key, frame->key_size), key) >= 0) {
                return NULL;
            }
            frame->key = (size_t)(start - begin);
            frame->key_size = key.size;
        }
        while (depth > 0 && --frames[depth - 1].left == 0) {
            depth--;
        }
        if (depth == 0) {
            return at;
        }
    }
}

int dx_item_check(dx_bytes item) {
    return item.size != 0 && scan_item(item.data, item.data + item.size, DX_TAG_NONE) == item.data + item.size
               ? DX_OK
               : DX_E_MALFORMED;
}

/* --- Reader ---------------------------------------------------------------------------------- */

void dx_reader_init(dx_reader *reader, dx_bytes input) {
    reader->begin = input.data;
    reader->at = input.data;
    reader->end = input.size == 0 ? input.data : input.data + input.size;
    reader->error = DX_OK;
    reader->depth = 0;
    reader->tag = DX_TAG_NONE;
}

void dx_reader_fail(dx_reader *reader) {
    reader->error = DX_E_MALFORMED;
}

dx_kind dx_reader_peek(const dx_reader *reader) {
    return reader->error != DX_OK || reader->at == reader->end ? DX_KIND_NONE : kind_of_byte(*reader->at);
}

/* Whether an item of this kind is next and may stand here; fails the reader otherwise. */
static inline bool begin_item(dx_reader *reader, dx_kind kind) {
    const dx_codec_frame *frame = reader->depth == 0 ? NULL : &reader->frames[reader->depth - 1];
    if (kind != DX_KIND_NONE && dx_reader_peek(reader) == kind && kind_may_stand(frame, reader->tag, kind)) {
        reader->tag = DX_TAG_NONE;
        return true;
    }
    dx_reader_fail(reader);
    return false;
}

static bool end_key(dx_reader *reader, dx_codec_frame *frame, const uint8_t *start) {
    dx_bytes key = dx_bytes_of(start, (size_t)(reader->at - start));
    if (frame->key_size != 0 &&
        dx_key_compare(dx_bytes_of(reader->begin + frame->key, frame->key_size), key) >= 0) {
        dx_reader_fail(reader);
        return false;
    }
    frame->key = (size_t)(start - reader->begin);
    frame->key_size = key.size;
    return true;
}

/* The item that began at start and ends at the cursor is complete; false when it was a key out of order. */
static inline bool end_item(dx_reader *reader, const uint8_t *start) {
    while (reader->depth > 0) {
        dx_codec_frame *frame = &reader->frames[reader->depth - 1];
        if (frame->map && frame->left % 2 == 0 && !end_key(reader, frame, start)) {
            return false;
        }
        if (--frame->left != 0) {
            break;
        }
        reader->depth--;
    }
    return true;
}

/* Head of the next item, which must be of this kind; start receives where it began. */
static inline bool take_head(dx_reader *reader, dx_kind kind, const uint8_t **start, uint64_t *argument) {
    if (!begin_item(reader, kind)) {
        return false;
    }
    *start = reader->at;
    if (!read_head(&reader->at, reader->end, argument)) {
        dx_reader_fail(reader);
        return false;
    }
    return true;
}

int64_t dx_read_int(dx_reader *reader) {
    const uint8_t *start;
    uint64_t argument;
    if (!take_head(reader, DX_KIND_INT, &start, &argument)) {
        return 0;
    }
    if (argument > INT64_MAX) {
        dx_reader_fail(reader);
        return 0;
    }
    if (!end_item(reader, start)) {
        return 0;
    }
    return *start >> 5 == MAJOR_NEGATIVE ? -1 - (int64_t)argument : (int64_t)argument;
}

uint64_t dx_read_uint(dx_reader *reader) {
    return dx_read_uint_max(reader, INT64_MAX);
}

uint64_t dx_read_uint_max(dx_reader *reader, uint64_t max) {
    int64_t value = dx_read_int(reader);
    if (value < 0 || (uint64_t)value > max) {
        dx_reader_fail(reader);
        return 0;
    }
    return (uint64_t)value;
}

static dx_bytes take_string(dx_reader *reader, dx_kind kind) {
    const dx_bytes none = {NULL, 0};
    const uint8_t *start;
    uint64_t size, tag = reader->tag;
    if (!take_head(reader, kind, &start, &size)) {
        return none;
    }
    const uint8_t *content = reader->at;
    if (size > (size_t)(reader->end - content) ||
        (kind == DX_KIND_TEXT && !text_is_sound(tag, content, (size_t)size))) {
        dx_reader_fail(reader);
        return none;
    }
    reader->at += size;
    return end_item(reader, start) ? dx_bytes_of(content, (size_t)size) : none;
}

dx_bytes dx_read_bytes(dx_reader *reader) {
    return take_string(reader, DX_KIND_BYTES);
}

void dx_read_bytes_exact(dx_reader *reader, uint8_t *out, size_t size) {
    dx_bytes value = dx_read_bytes(reader);
    if (reader->error == DX_OK && value.size != size) {
        dx_reader_fail(reader);
    }
    if (size == 0) {
        return;
    }
    if (reader->error == DX_OK) {
        memcpy(out, value.data, size);
    } else {
        memset(out, 0, size);
    }
}

dx_bytes dx_read_text(dx_reader *reader) {
    return take_string(reader, DX_KIND_TEXT);
}

bool dx_read_bool(dx_reader *reader) {
    if (!begin_item(reader, DX_KIND_BOOL)) {
        return false;
    }
    const uint8_t *start = reader->at++;
    return end_item(reader, start) && *start == BYTE_TRUE;
}

void dx_read_null(dx_reader *reader) {
    if (begin_item(reader, DX_KIND_NULL)) {
        const uint8_t *start = reader->at++;
        (void)end_item(reader, start);
    }
}

double dx_read_double(dx_reader *reader) {
    double value = 0;
    if (!begin_item(reader, DX_KIND_DOUBLE)) {
        return 0;
    }
    const uint8_t *start = reader->at;
    if (!read_float(&reader->at, reader->end, &value)) {
        dx_reader_fail(reader);
        return 0;
    }
    return end_item(reader, start) ? value : 0;
}

static size_t open_container(dx_reader *reader, dx_kind kind, size_t items_per_entry) {
    const uint8_t *start;
    uint64_t count;
    if (!take_head(reader, kind, &start, &count)) {
        return 0;
    }
    if (count > (size_t)(reader->end - reader->at) / items_per_entry || reader->depth == DX_CODEC_DEPTH_MAX) {
        dx_reader_fail(reader);
        return 0;
    }
    if (count == 0) {
        (void)end_item(reader, start);
        return 0;
    }
    reader->frames[reader->depth++] =
        (dx_codec_frame){.left = (size_t)count * items_per_entry, .map = kind == DX_KIND_MAP};
    return (size_t)count;
}

size_t dx_read_array(dx_reader *reader) {
    return open_container(reader, DX_KIND_ARRAY, 1);
}

size_t dx_read_map(dx_reader *reader) {
    return open_container(reader, DX_KIND_MAP, 2);
}

uint64_t dx_read_tag(dx_reader *reader) {
    const uint8_t *start;
    uint64_t tag;
    if (!take_head(reader, DX_KIND_TAG, &start, &tag)) {
        return DX_TAG_NONE;
    }
    if (kind_of_tag(tag) == DX_KIND_NONE) {
        dx_reader_fail(reader);
        return DX_TAG_NONE;
    }
    reader->tag = tag;
    return tag;
}

dx_bytes dx_read_item(dx_reader *reader) {
    const dx_bytes none = {NULL, 0};
    uint64_t tag = reader->tag;
    if (!begin_item(reader, dx_reader_peek(reader))) {
        return none;
    }
    const uint8_t *start = reader->at;
    const uint8_t *next = scan_item(start, reader->end, tag);
    if (next == NULL) {
        dx_reader_fail(reader);
        return none;
    }
    reader->at = next;
    return end_item(reader, start) ? dx_bytes_of(start, (size_t)(next - start)) : none;
}

int dx_reader_finish(dx_reader *reader) {
    if (reader->at != reader->end || reader->depth != 0 || reader->tag != DX_TAG_NONE) {
        dx_reader_fail(reader);
    }
    return reader->error;
}
