/* codec/cbor.h: what the writer and the reader of CBOR share: major types, floating point widths, UTF-8.
 *
 * Layer: floor 1, codec, private to this room. Pure functions; nothing here allocates. */
#ifndef DX_CODEC_CBOR_H
#define DX_CODEC_CBOR_H

#include <dxos/codec.h>

/* RFC 8949 §3.1: the three high bits of an item's first byte. */
enum { MAJOR_UINT, MAJOR_NEGATIVE, MAJOR_BYTES, MAJOR_TEXT, MAJOR_ARRAY, MAJOR_MAP, MAJOR_TAG, MAJOR_SIMPLE };

/* RFC 8949 §3: the five low bits: the argument itself, or how many bytes of it follow (1, 2, 4, 8). */
enum { INFO_1_BYTE = 24, INFO_2_BYTES, INFO_4_BYTES, INFO_8_BYTES, INFO_DIRECT_MAX = 23 };

/* Whole first bytes of major type 7 (RFC 8949 §3.3). */
enum { BYTE_FALSE = 0xf4, BYTE_TRUE, BYTE_NULL, BYTE_F16 = 0xf9, BYTE_F32, BYTE_F64 };

enum { HEAD_SIZE_MAX = 9 };

/* The only NaN of the profile, as f16. */
enum { F16_NAN = 0x7e00 };

/* An IEEE 754 binary format by the widths of its fields. */
typedef struct float_format {
    int exponent_bits;
    int mantissa_bits;
} float_format;

static const float_format format_f16 = {5, 10};
static const float_format format_f32 = {8, 23};

/* Converts the bits of a double to the narrower format when that keeps the value (NaN: never). */
bool dx_float_narrow(uint64_t bits, float_format to, uint64_t *narrow);
/* The bits of the double equal to a number of the narrower format; NaN stays NaN. */
uint64_t dx_float_widen(uint64_t narrow, float_format from);
bool dx_float_is_nan(uint64_t bits);

/* Whether the bytes are UTF-8 (RFC 3629): shortest form, no surrogates, at most U+10FFFF. */
bool dx_utf8_check(const uint8_t *text, size_t size);

/* Writes the shortest head to out, which has room for HEAD_SIZE_MAX; returns its size. */
static inline size_t put_head(uint8_t *out, int major, uint64_t argument) {
    uint8_t high = (uint8_t)(major << 5);
    if (argument <= INFO_DIRECT_MAX) {
        out[0] = (uint8_t)(high | argument);
        return 1;
    }
    int width = argument <= UINT8_MAX ? 1 : argument <= UINT16_MAX ? 2 : argument <= UINT32_MAX ? 4 : 8;
    int info = width == 1   ? INFO_1_BYTE
               : width == 2 ? INFO_2_BYTES
               : width == 4 ? INFO_4_BYTES
                            : INFO_8_BYTES;
    out[0] = (uint8_t)(high | info);
    for (int i = width; i > 0; i--) {
        out[i] = (uint8_t)argument;
        argument >>= 8;
    }
    return (size_t)width + 1;
}

/* Reads the head at *at and moves past it; false when it is cut off, not the shortest, or of indefinite
 * length (RFC 8949 §4.2.1). Not for major type 7, whose argument is no number. */
static inline bool read_head(const uint8_t **at, const uint8_t *end, uint64_t *argument) {
    const uint8_t *p = *at;
    if (p == end) {
        return false;
    }
    int info = *p++ & 31;
    if (info <= INFO_DIRECT_MAX) {
        *argument = (uint64_t)info;
        *at = p;
        return true;
    }
    if (info > INFO_8_BYTES) {
        return false;
    }
    size_t width = (size_t)1 << (info - INFO_1_BYTE);
    if ((size_t)(end - p) < width) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++) {
        value = value << 8 | p[i];
    }
    /* Below this the next shorter head would have done. */
    uint64_t least = info == INFO_1_BYTE ? INFO_DIRECT_MAX + 1 : UINT64_C(1) << (width * 4);
    if (value < least) {
        return false;
    }
    *argument = value;
    *at = p + width;
    return true;
}

/* The kind of the item that begins with this byte; NONE when no item of the profile does. */
static inline dx_kind kind_of_byte(uint8_t first) {
    static const uint8_t kinds[] = {DX_KIND_INT,   DX_KIND_INT, DX_KIND_BYTES, DX_KIND_TEXT,
                                    DX_KIND_ARRAY, DX_KIND_MAP, DX_KIND_TAG};
    if (first >> 5 != MAJOR_SIMPLE) {
        return (dx_kind)kinds[first >> 5];
    }
    switch (first) {
    case BYTE_FALSE:
    case BYTE_TRUE:
        return DX_KIND_BOOL;
    case BYTE_NULL:
        return DX_KIND_NULL;
    case BYTE_F16:
    case BYTE_F32:
    case BYTE_F64:
        return DX_KIND_DOUBLE;
    default:
        return DX_KIND_NONE;
    }
}

/* The kind a tag of the profile wraps; NONE for a tag that is not of the profile. */
static inline dx_kind kind_of_tag(uint64_t tag) {
    return tag == DX_TAG_TIMESTAMP ? DX_KIND_TEXT : tag == DX_TAG_REFERENCE ? DX_KIND_BYTES : DX_KIND_NONE;
}

/* Whether an item of this kind may stand where the innermost open frame (NULL: none) and the pending tag put
 * it. */
static inline bool kind_may_stand(const dx_codec_frame *frame, uint64_t tag, dx_kind kind) {
    if (tag != DX_TAG_NONE) {
        return kind == kind_of_tag(tag);
    }
    bool is_key = frame != NULL && frame->map && frame->left % 2 == 0;
    return !is_key || kind == DX_KIND_TEXT || kind == DX_KIND_INT;
}

#endif
