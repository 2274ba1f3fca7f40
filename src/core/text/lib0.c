/* text/lib0.c: numbers, strings, values.
 *
 * Layer: floor 1, text. Values are walked with a stack of counts, so that no depth of theirs is a depth of ours. */
#include "text/lib0.h"
#include "base/limits.h"
#include "text/wtf8.h"

#include <string.h>

enum {
    UINT_READ_MAX = 10
}; /* bytes of a number in a longer form than needed, as writers with fixed sizes have it */

void dx_lib0_fail(dx_lib0_reader *reader, int error) {
    if (reader->error == DX_OK) {
        reader->error = error;
    }
    reader->at = reader->end;
}

/* The groups of seven bits that follow a first byte of `shift` bits; `more`: there are some. */
static uint64_t read_groups(dx_lib0_reader *reader, uint64_t value, unsigned shift, bool more) {
    for (int i = 1; more; i++, shift += 7) {
        if (reader->at == reader->end || i == UINT_READ_MAX) {
            dx_lib0_fail(reader, DX_E_MALFORMED);
            return 0;
        }
        uint64_t byte = *reader->at++, bits = byte & 0x7f;
        if (bits != 0 && (shift > 52 || bits << shift > DX_LIB0_UINT_MAX)) {
            dx_lib0_fail(reader, DX_E_MALFORMED);
            return 0;
        }
        value |= bits == 0 ? 0 : bits << shift;
        more = byte >= 0x80;
    }
    return value;
}

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
/* Random client ids are five bytes and stand in every struct: where eight bytes are there, their groups are put together all at
 * once. */
static bool read_word(dx_lib0_reader *reader, uint64_t *value) {
    uint64_t word;
    if (dx_lib0_left(reader) < sizeof word) {
        return false;
    }
    memcpy(&word, reader->at, sizeof word);
    uint64_t stops = ~word & UINT64_C(0x0080808080808080); /* seven bytes hold no more than 2^49 */
    if (stops == 0) {
        return false;
    }
    word &= stops ^ (stops - 1); /* up to the first stop */
    word &= UINT64_C(0x007f7f7f7f7f7f7f);
    word = (word & UINT64_C(0x007f007f007f007f)) | (word & UINT64_C(0x00007f007f007f00)) >> 1;
    word = (word & UINT64_C(0x00003fff00003fff)) | (word & UINT64_C(0x3fff00003fff0000)) >> 2;
    *value = (word & UINT64_C(0x0fffffff)) | (word & UINT64_C(0x0fffffff00000000)) >> 4;
    reader->at += (__builtin_ctzll(stops) >> 3) + 1;
    return true;
}
#else
static bool read_word(dx_lib0_reader *reader, uint64_t *value) {
    (void)reader, (void)value;
    return false;
}
#endif

uint64_t dx_lib0_read_long_uint(dx_lib0_reader *reader) {
    uint64_t value;
    if (read_word(reader, &value)) {
        return value;
    }
    uint8_t first = dx_lib0_read_byte(reader);
    return read_groups(reader, first & 0x7f, 7, first >= 0x80);
}

uint64_t dx_lib0_read_long_int(dx_lib0_reader *reader, bool *negative) {
    uint8_t first = dx_lib0_read_byte(reader);
    uint64_t magnitude = first < 0x80 ? first & 0x3f : read_groups(reader, first & 0x3f, 6, true);
    *negative = (first & 0x40) != 0 && reader->error == DX_OK;
    return magnitude;
}

dx_bytes dx_lib0_read_bytes(dx_lib0_reader *reader) {
    uint64_t size = dx_lib0_read_uint(reader);
    if (size > dx_lib0_left(reader)) {
        dx_lib0_fail(reader, DX_E_MALFORMED);
        return dx_bytes_of(NULL, 0);
    }
    dx_bytes bytes = {reader->at, (size_t)size};
    reader->at += size;
    return bytes;
}

dx_bytes dx_lib0_read_string(dx_lib0_reader *reader, uint64_t *units) {
    dx_bytes text = dx_lib0_read_bytes(reader);
    uint64_t count = 0;
    if (!dx_utf8_units(text, &count)) {
        dx_lib0_fail(reader, DX_E_MALFORMED);
        text = dx_bytes_of(NULL, 0);
        count = 0;
    }
    if (units != NULL) {
        *units = count;
    }
    return text;
}

/* --- Values ---------------------------------------------------------------------------------- */

static void skip(dx_lib0_reader *reader, size_t size) {
    if (size > dx_lib0_left(reader)) {
        dx_lib0_fail(reader, DX_E_MALFORMED);
    } else {
        reader->at += size;
    }
}

static void read_characters(dx_lib0_reader *reader, bool checked) {
    dx_bytes text = dx_lib0_read_bytes(reader);
    uint64_t units;
    if (checked && !dx_utf8_units(text, &units)) {
        dx_lib0_fail(reader, DX_E_MALFORMED);
    }
}

/* Moves past a value's first byte and, if it is no array or object, all of it. Of those the count of members is given. */
static uint64_t read_any_head(dx_lib0_reader *reader, bool checked, uint8_t *tag) {
    bool negative;
    *tag = dx_lib0_read_byte(reader);
    switch (*tag) {
    case DX_ANY_UNDEFINED:
    case DX_ANY_NULL:
    case DX_ANY_TRUE:
    case DX_ANY_FALSE:
        return 0;
    case DX_ANY_INTEGER:
        (void)dx_lib0_read_int(reader, &negative);
        return 0;
    case DX_ANY_FLOAT32:
        skip(reader, sizeof(float));
        return 0;
    case DX_ANY_FLOAT64:
    case DX_ANY_BIGINT:
        skip(reader, sizeof(double));
        return 0;
    case DX_ANY_STRING:
        read_characters(reader, checked);
        return 0;
    case DX_ANY_BYTES:
        (void)dx_lib0_read_bytes(reader);
        return 0;
    case DX_ANY_ARRAY:
    case DX_ANY_OBJECT:
        return dx_lib0_read_uint(reader);
    default:
        dx_lib0_fail(reader, DX_E_MALFORMED);
        return 0;
    }
}

static dx_bytes read_any(dx_lib0_reader *reader, bool checked) {
    struct {
        uint64_t left;
        bool object;
    } open[DX_TEXT_NESTING_MAX];
    const uint8_t *start = reader->at;
    size_t depth = 0;
    do {
        uint8_t tag;
        if (depth > 0) {
            open[depth - 1].left--;
            if (open[depth - 1].object) {
                read_characters(reader, checked);
            }
        }
        uint64_t members = read_any_head(reader, checked, &tag);
        if (members > 0) {
            if (depth == DX_TEXT_NESTING_MAX) {
                dx_lib0_fail(reader, DX_E_LIMIT);
            } else {
                open[depth].left = members;
                open[depth++].object = tag == DX_ANY_OBJECT;
            }
        }
        while (depth > 0 && open[depth - 1].left == 0) {
            depth--;
        }
    } while (depth > 0 && reader->error == DX_OK);
    return reader->error != DX_OK ? dx_bytes_of(NULL, 0) : dx_bytes_of(start, (size_t)(reader->at - start));
}

dx_bytes dx_lib0_read_any(dx_lib0_reader *reader) {
    return read_any(reader, true);
}

dx_bytes dx_lib0_take_any(dx_lib0_reader *reader) {
    return read_any(reader, false);
}

/* --- Writing --------------------------------------------------------------------------------- */

void dx_lib0_write_uint(dx_buf *out, uint64_t value) {
    uint8_t bytes[DX_LIB0_UINT_SIZE_MAX + 2];
    dx_buf_append(out, bytes, dx_lib0_put_uint(bytes, value));
}

void dx_lib0_write_int(dx_buf *out, uint64_t magnitude, bool negative) {
    uint8_t bytes[DX_LIB0_INT_SIZE_MAX + 2];
    size_t size = 0;
    bytes[size++] = (uint8_t)((magnitude > 0x3f ? 0x80 : 0) | (negative ? 0x40 : 0) | (magnitude & 0x3f));
    if (magnitude > 0x3f) {
        size += dx_lib0_put_uint(bytes + size, magnitude >> 6);
    }
    dx_buf_append(out, bytes, size);
}

void dx_lib0_write_bytes(dx_buf *out, dx_bytes value) {
    dx_lib0_write_uint(out, value.size);
    dx_buf_append(out, value.data, value.size);
}

/* Puts the length of what was appended since `start` before it. */
static void prefix_length(dx_buf *out, size_t start) {
    uint8_t head[DX_LIB0_UINT_SIZE_MAX + 2];
    size_t written = out->size - start, size = dx_lib0_put_uint(head, written);
    if (dx_buf_extend(out, size) != NULL) {
        memmove(out->data + start + size, out->data + start, written);
        memcpy(out->data + start, head, size);
    }
}

void dx_lib0_write_string(dx_buf *out, dx_bytes wtf8) {
    if (!dx_wtf8_has_half(wtf8)) {
        dx_lib0_write_bytes(out, wtf8);
        return;
    }
    size_t start = out->size;
    dx_wtf8_to_utf8(wtf8, out);
    if (dx_buf_error(out) == DX_OK) {
        prefix_length(out, start);
    }
}

void dx_lib0_write_any(dx_buf *out, dx_bytes any) {
    if (!dx_wtf8_has_half(any)) {
        dx_buf_append(out, any.data, any.size);
        return;
    }
    struct {
        uint64_t left;
        bool object;
    } open[DX_TEXT_NESTING_MAX];
    dx_lib0_reader reader = dx_lib0_reader_of(any);
    size_t depth = 0;
    do {
        uint64_t members = 0;
        if (depth > 0) {
            open[depth - 1].left--;
            if (open[depth - 1].object) {
                dx_lib0_write_string(out, dx_lib0_read_bytes(&reader));
            }
        }
        const uint8_t *start = reader.at;
        uint8_t tag = dx_lib0_left(&reader) > 0 ? *reader.at : DX_ANY_UNDEFINED;
        if (tag == DX_ANY_STRING) {
            reader.at++;
            dx_buf_append_byte(out, tag);
            dx_lib0_write_string(out, dx_lib0_read_bytes(&reader));
        } else {
            members = read_any_head(&reader, false, &tag);
            dx_buf_append(out, start, (size_t)(reader.at - start));
        }
        if (members > 0) {
            DX_ASSERT(depth < DX_TEXT_NESTING_MAX);
            open[depth].left = members;
            open[depth++].object = tag == DX_ANY_OBJECT;
        }
        while (depth > 0 && open[depth - 1].left == 0) {
            depth--;
        }
    } while (depth > 0 && reader.error == DX_OK);
}

static void append_big_endian(dx_buf *out, uint64_t bits, int size) {
    uint8_t bytes[sizeof bits];
    for (int i = size; i > 0; i--) {
        bytes[i - 1] = (uint8_t)bits;
        bits >>= 8;
    }
    dx_buf_append(out, bytes, (size_t)size);
}

void dx_lib0_write_number(dx_buf *out, double value) {
    enum { INTEGER_MAX = INT32_MAX };
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    if (value >= -INTEGER_MAX && value <= INTEGER_MAX && (double)(int32_t)value == value) {
        dx_buf_append_byte(out, DX_ANY_INTEGER);
        dx_lib0_write_int(out, (uint64_t)(value < 0 ? -value : value), bits >> 63 != 0);
        return;
    }
    /* A double beyond the floats is no float, and C leaves open what its conversion gives. */
    bool infinite = (bits << 1 >> 53) == 0x7ff && bits << 12 == 0;
    bool within = value >= -3.4028234663852886e38 && value <= 3.4028234663852886e38;
    if (infinite || (within && (double)(float)value == value)) {
        float narrow = infinite ? 0 : (float)value;
        uint32_t narrow_bits = (uint32_t)(bits >> 63) << 31 | UINT32_C(0x7f800000);
        if (!infinite) {
            memcpy(&narrow_bits, &narrow, sizeof narrow_bits);
        }
        dx_buf_append_byte(out, DX_ANY_FLOAT32);
        append_big_endian(out, narrow_bits, sizeof narrow_bits);
        return;
    }
    dx_buf_append_byte(out, DX_ANY_FLOAT64);
    append_big_endian(out, bits, sizeof bits);
}
