/* text/lib0.h: the numbers, strings and values that Yjs's formats are made of (docs/spec/text.md, Primitives).
 *
 * Layer: floor 1, text. A reader is a cursor over borrowed bytes: after the first violation every read gives zero or empty and
 * error is DX_E_MALFORMED (DX_E_LIMIT: nested too deep). Numbers are at most 2^53-1 whatever they count; longer forms than
 * needed are read, the shortest is written. Writers append to a dx_buf, whose error is sticky.
 * A value (`any`) is what JavaScript's values are on the wire; inside of the engine it is the same bytes, but that its strings
 * may hold halves of pairs (wtf8.h), which come from JSON only. */
#ifndef DX_TEXT_LIB0_H
#define DX_TEXT_LIB0_H

#include <dxos/base.h>

#define DX_LIB0_UINT_MAX UINT64_C(0x1fffffffffffff)
enum { DX_LIB0_UINT_SIZE_MAX = 8, DX_LIB0_INT_SIZE_MAX = 9 };

/* First bytes of values. */
enum {
    DX_ANY_BYTES = 116,
    DX_ANY_ARRAY = 117,
    DX_ANY_OBJECT = 118,
    DX_ANY_STRING = 119,
    DX_ANY_TRUE = 120,
    DX_ANY_FALSE = 121,
    DX_ANY_BIGINT = 122,
    DX_ANY_FLOAT64 = 123,
    DX_ANY_FLOAT32 = 124,
    DX_ANY_INTEGER = 125,
    DX_ANY_NULL = 126,
    DX_ANY_UNDEFINED = 127
};

/* --- Reading --------------------------------------------------------------------------------- */

typedef struct dx_lib0_reader {
    const uint8_t *at, *end;
    int error;
} dx_lib0_reader;

static inline dx_lib0_reader dx_lib0_reader_of(dx_bytes input) {
    return (dx_lib0_reader){.at = input.data, .end = input.size == 0 ? input.data : input.data + input.size};
}

void dx_lib0_fail(dx_lib0_reader *reader, int error); /* the first error stays; nothing is left to read */
uint64_t dx_lib0_read_long_uint(dx_lib0_reader *reader);

static inline size_t dx_lib0_left(const dx_lib0_reader *reader) {
    return (size_t)(reader->end - reader->at);
}

static inline uint8_t dx_lib0_read_byte(dx_lib0_reader *reader) {
    if (reader->at == reader->end) {
        dx_lib0_fail(reader, DX_E_MALFORMED);
        return 0;
    }
    return *reader->at++;
}

static inline uint64_t dx_lib0_read_uint(dx_lib0_reader *reader) {
    return reader->at != reader->end && *reader->at < 0x80 ? *reader->at++ : dx_lib0_read_long_uint(reader);
}

uint64_t dx_lib0_read_long_int(dx_lib0_reader *reader, bool *negative);

/* The magnitude; minus zero exists. */
static inline uint64_t dx_lib0_read_int(dx_lib0_reader *reader, bool *negative) {
    if (reader->at != reader->end && *reader->at < 0x80) {
        uint8_t byte = *reader->at++;
        *negative = (byte & 0x40) != 0;
        return byte & 0x3f;
    }
    return dx_lib0_read_long_int(reader, negative);
}

dx_bytes dx_lib0_read_bytes(dx_lib0_reader *reader); /* their length before them */
dx_bytes dx_lib0_read_string(dx_lib0_reader *reader,
                             uint64_t *units);     /* likewise, UTF-8; units may be NULL */
dx_bytes dx_lib0_read_any(dx_lib0_reader *reader); /* one whole value, checked */
/* One value of the engine, which is well formed but for halves of pairs in its strings. */
dx_bytes dx_lib0_take_any(dx_lib0_reader *reader);

/* --- Writing --------------------------------------------------------------------------------- */

/* Room for DX_LIB0_UINT_SIZE_MAX; returns the bytes taken. value <= DX_LIB0_UINT_MAX. */
static inline size_t dx_lib0_put_uint(uint8_t *out, uint64_t value) {
    size_t size = 0;
    while (value >= 0x80) {
        out[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    out[size++] = (uint8_t)value;
    return size;
}

void dx_lib0_write_uint(dx_buf *out, uint64_t value);
void dx_lib0_write_int(dx_buf *out, uint64_t magnitude, bool negative);
void dx_lib0_write_bytes(dx_buf *out, dx_bytes value); /* length before them */
void dx_lib0_write_string(dx_buf *out, dx_bytes wtf8); /* likewise; lone halves become U+FFFD */
void dx_lib0_write_any(dx_buf *out, dx_bytes any);     /* a value of the engine as the wire has it */
void dx_lib0_write_number(dx_buf *out,
                          double value); /* a value: the shortest form, as JavaScript writes its numbers */

/* --- Values and JSON ------------------------------------------------------------------------- */

/* Appends the value that JSON.parse makes of the text: members in JavaScript's order (array indices first, ascending; the last of
 * equal names wins at the place of the first), numbers beyond the doubles infinite. DX_E_INVALID: not JSON (as RFC 8259, UTF-8);
 * DX_E_LIMIT: nested deeper than DX_TEXT_NESTING_MAX, or the buffer's maximum; DX_E_NO_MEMORY. Then out is as it was. */
int dx_any_from_json(dx_bytes json, dx_buf *out);
/* Appends what JSON.stringify prints of a well-formed value: members in their order; undefined as null, and no member with it; bytes as an
 * object of their indices; NaN and infinities null; a bigint by its digits. The error is the buffer's. */
void dx_any_to_json(dx_bytes any, dx_buf *out);

#endif
