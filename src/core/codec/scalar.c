/* codec/scalar.c: floating point widths and UTF-8, the two places where canonical form is more than a length.
 *
 * Layer: floor 1, codec. Works on bits, so that no compiler flag or platform rounding can change a byte. */
#include "codec/cbor.h"
#include <string.h>

enum { F64_MANTISSA_BITS = 52, F64_EXPONENT_MASK = 0x7ff, F64_BIAS = 1023 };
#define F64_MANTISSA_MASK ((UINT64_C(1) << F64_MANTISSA_BITS) - 1)

bool dx_float_is_nan(uint64_t bits) {
    return (bits >> F64_MANTISSA_BITS & F64_EXPONENT_MASK) == F64_EXPONENT_MASK &&
           (bits & F64_MANTISSA_MASK) != 0;
}

bool dx_float_narrow(uint64_t bits, float_format to, uint64_t *narrow) {
    int exponent = (int)(bits >> F64_MANTISSA_BITS & F64_EXPONENT_MASK);
    uint64_t mantissa = bits & F64_MANTISSA_MASK;
    uint64_t sign = bits >> 63 << (to.exponent_bits + to.mantissa_bits);
    uint64_t exponent_mask = (UINT64_C(1) << to.exponent_bits) - 1;
    int bias = (int)(exponent_mask >> 1);
    if (exponent == 0 || exponent == F64_EXPONENT_MASK) {
        /* Zero and infinity; a subnormal double is below every narrower number, a NaN has its own rule. */
        *narrow = sign | (exponent == 0 ? 0 : exponent_mask << to.mantissa_bits);
        return mantissa == 0;
    }
    int power = exponent - F64_BIAS;
    int dropped = F64_MANTISSA_BITS - to.mantissa_bits;
    if (power > bias || power < 1 - bias - to.mantissa_bits) {
        return false;
    }
    if (power >= 1 - bias) {
        *narrow = sign | (uint64_t)(power + bias) << to.mantissa_bits | mantissa >> dropped;
    } else {
        dropped += 1 - bias - power; /* subnormal there: the leading one becomes explicit */
        mantissa |= UINT64_C(1) << F64_MANTISSA_BITS;
        *narrow = sign | mantissa >> dropped;
    }
    return (mantissa & ((UINT64_C(1) << dropped) - 1)) == 0;
}

uint64_t dx_float_widen(uint64_t narrow, float_format from) {
    uint64_t exponent_mask = (UINT64_C(1) << from.exponent_bits) - 1;
    uint64_t mantissa = narrow & ((UINT64_C(1) << from.mantissa_bits) - 1);
    int exponent = (int)(narrow >> from.mantissa_bits & exponent_mask);
    uint64_t sign = narrow >> (from.exponent_bits + from.mantissa_bits) << 63;
    int bias = (int)(exponent_mask >> 1);
    int added = F64_MANTISSA_BITS - from.mantissa_bits;
    if (exponent == (int)exponent_mask) {
        return sign | (uint64_t)F64_EXPONENT_MASK << F64_MANTISSA_BITS | mantissa << added;
    }
    if (exponent == 0) {
        if (mantissa == 0) {
            return sign;
        }
        exponent = 1;
        while (mantissa >> from.mantissa_bits == 0) { /* normalise: a double has room for the exponent */
            mantissa <<= 1;
            exponent--;
        }
        mantissa &= (UINT64_C(1) << from.mantissa_bits) - 1;
    }
    return sign | (uint64_t)(exponent - bias + F64_BIAS) << F64_MANTISSA_BITS | mantissa << added;
}

/* Size of the well-formed sequence at text that begins with a byte above 0x7f, 0 when there is none
 * (Unicode 15 table 3-7; RFC 3629 §4). */
static size_t sequence_size(const uint8_t *text, size_t left) {
    uint8_t first = text[0];
    size_t size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || left < size) {
        return 0;
    }
    /* The second byte's range is what excludes overlong forms, surrogates and numbers beyond U+10FFFF. */
    uint8_t low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
    uint8_t high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
    if (text[1] < low || text[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < size; i++) {
        if (text[i] >> 6 != 2) {
            return 0;
        }
    }
    return size;
}

/* How many bytes at text are ASCII for sure: taken thirty-two, then eight at a time. */
static size_t ascii_size(const uint8_t *text, size_t size) {
    uint64_t words[4];
    size_t at = 0;
    for (; size - at >= sizeof words; at += sizeof words) {
        memcpy(words, text + at, sizeof words);
        if (((words[0] | words[1] | words[2] | words[3]) & UINT64_C(0x8080808080808080)) != 0) {
            break;
        }
    }
    for (; size - at >= sizeof words[0]; at += sizeof words[0]) {
        memcpy(words, text + at, sizeof words[0]);
        if ((words[0] & UINT64_C(0x8080808080808080)) != 0) {
            break;
        }
    }
    return at;
}

bool dx_utf8_check(const uint8_t *text, size_t size) {
    size_t i = 0;
    while (i < size) {
        i += ascii_size(text + i, size - i);
        while (i < size && text[i] < 0x80) {
            i++;
        }
        if (i < size) {
            size_t step = sequence_size(text + i, size - i);
            if (step == 0) {
                return false;
            }
            i += step;
        }
    }
    return true;
}
