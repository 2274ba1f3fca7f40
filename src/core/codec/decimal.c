/* codec/decimal.c: exact conversion between doubles and decimal text.
 *
 * Layer: floor 1, codec. Reading divides whole numbers until 55 bits and a sticky remainder are known, then
 * rounds once. Writing is the free-format algorithm of Steele and White ("How to print floating-point numbers
 * accurately", PLDI 1990) with the bounds included when the mantissa is even, since reading rounds ties to
 * even. */
#include "codec/decimal.h"
#include "codec/bignum.h"

#include <float.h>
#include <string.h>

enum {
    MANTISSA_BITS = 52,
    EXPONENT_MASK = 0x7ff,
    BIAS = 1023,
    EXPONENT_MIN = -1022, /* of normal numbers */
    /* The midpoint between two doubles has at most 767 significant digits; digits after that only matter by
     * not all being zero, and are replaced by a single 1. */
    DIGITS_MAX = 800,
    /* 10^310 is above every double and 10^-345 below half of the smallest, whatever digits follow. */
    POINT_MAX = 310,
    POINT_MIN = -345,
    EXPONENT_CAP = 1000000 /* an exponent's own digits are read up to here; far beyond the two bounds above */
};

/* A decimal number: digits × 10^exponent. */
typedef struct decimal {
    bool negative;
    uint8_t digits[DIGITS_MAX + 1];
    int count; /* no leading zeros; 0 for zero */
    int exponent;
} decimal;

/* --- Reading --------------------------------------------------------------------------------- */

static int read_exponent(dx_bytes number, size_t at) {
    bool negative = at < number.size && number.data[at] == '-';
    if (at < number.size && (number.data[at] == '-' || number.data[at] == '+')) {
        at++;
    }
    int value = 0;
    for (; at < number.size && value < EXPONENT_CAP; at++) {
        value = value * 10 + (number.data[at] - '0');
    }
    return negative ? -value : value;
}

static void split_decimal(dx_bytes number, decimal *out) {
    size_t at = 0;
    bool after_point = false, dropped = false;
    *out = (decimal){.negative = number.data[0] == '-'};
    if (out->negative) {
        at++;
    }
    for (; at < number.size && number.data[at] != 'e' && number.data[at] != 'E'; at++) {
        if (number.data[at] == '.') {
            after_point = true;
            continue;
        }
        uint8_t digit = (uint8_t)(number.data[at] - '0');
        bool kept = out->count < DIGITS_MAX;
        if (kept && (out->count > 0 || digit != 0)) {
            out->digits[out->count++] = digit;
        }
        dropped |= !kept && digit != 0;
        out->exponent += (kept ? 0 : 1) - (after_point ? 1 : 0);
    }
    if (dropped) {
        out->digits[out->count++] = 1;
        out->exponent--;
    }
    if (at < number.size) {
        out->exponent += read_exponent(number, at + 1);
    }
}

/* Bits of the double nearest to quotient × 2^(exponent - 54), where 2^54 <= quotient < 2^55 and more says
 * that a bit of less weight follows. May come out as infinity. */
static uint64_t round_quotient(uint64_t quotient, bool more, int exponent) {
    bool normal = exponent >= EXPONENT_MIN;
    int surplus = normal ? 2 : 2 + EXPONENT_MIN - exponent;
    if (surplus > 55) {
        return 0; /* below half of the smallest */
    }
    uint64_t kept = quotient >> surplus;
    uint64_t rest = quotient & ((UINT64_C(1) << surplus) - 1);
    uint64_t half = UINT64_C(1) << (surplus - 1);
    if (rest > half || (rest == half && (more || kept % 2 != 0))) {
        kept++; /* a carry out of the mantissa raises the exponent below, as it should */
    }
    if (!normal) {
        return kept;
    }
    return ((uint64_t)(exponent + BIAS) << MANTISSA_BITS) + (kept - (UINT64_C(1) << MANTISSA_BITS));
}

/* Bits of the double nearest to dividend / divisor, both above zero; both are used up. */
static uint64_t divide_and_round(dx_bignum *dividend, dx_bignum *divisor) {
    int exponent = dx_bignum_bits(dividend) - dx_bignum_bits(divisor);
    dx_bignum_shift_left(exponent < 0 ? dividend : divisor, exponent < 0 ? -exponent : exponent);
    if (dx_bignum_compare(dividend, divisor) < 0) {
        dx_bignum_shift_left(dividend, 1);
        exponent--;
    }
    uint64_t quotient = 0; /* now 1 <= dividend / divisor < 2, and its first 55 bits follow one by one */
    for (int bit = 0; bit < 55; bit++) {
        quotient <<= 1;
        if (dx_bignum_compare(dividend, divisor) >= 0) {
            dx_bignum_subtract(dividend, divisor);
            quotient |= 1;
        }
        dx_bignum_shift_left(dividend, 1);
    }
    return round_quotient(quotient, dividend->count != 0, exponent);
}

/* Both operands are exact doubles and the one operation rounds correctly, so the result does (Clinger, PLDI
 * 1990). */
static bool read_small(const decimal *number, double *value) {
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                    1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    enum { DIGITS_EXACT = 15, POWER_EXACT = 22 };
    if (FLT_EVAL_METHOD != 0 || number->count > DIGITS_EXACT || number->exponent > POWER_EXACT ||
        number->exponent < -POWER_EXACT) {
        return false;
    }
    int64_t whole = 0;
    for (int i = 0; i < number->count; i++) {
        whole = whole * 10 + number->digits[i];
    }
    *value = number->exponent < 0 ? (double)whole / powers[-number->exponent]
                                  : (double)whole * powers[number->exponent];
    return true;
}

bool dx_decimal_read(dx_bytes number, double *value) {
    decimal parts;
    split_decimal(number, &parts);
    int point = parts.count + parts.exponent; /* value < 10^point */
    uint64_t bits = 0;
    if (read_small(&parts, value)) {
        memcpy(&bits, value, sizeof bits);
    } else if (parts.count != 0 && point > POINT_MAX) {
        return false;
    } else if (parts.count != 0 && point >= POINT_MIN) {
        dx_bignum dividend, divisor;
        dx_bignum_set(&dividend, 0);
        dx_bignum_set(&divisor, 1);
        for (int i = 0; i < parts.count; i++) {
            dx_bignum_multiply(&dividend, 10, parts.digits[i]);
        }
        dx_bignum_multiply_power_of_ten(parts.exponent < 0 ? &divisor : &dividend,
                                        parts.exponent < 0 ? -parts.exponent : parts.exponent);
        bits = divide_and_round(&dividend, &divisor);
    }
    if (bits >> MANTISSA_BITS >= EXPONENT_MASK) {
        return false;
    }
    bits |= (uint64_t)parts.negative << 63;
    memcpy(value, &bits, sizeof bits);
    return true;
}

/* --- Writing --------------------------------------------------------------------------------- */

/* value = remainder / scale, and every number closer than below / scale or above / scale reads back as value.
 */
typedef struct interval {
    dx_bignum remainder, scale, below, above;
    bool bounds_included;
} interval;

static void set_interval(uint64_t bits, interval *out) {
    uint64_t mantissa = bits & ((UINT64_C(1) << MANTISSA_BITS) - 1);
    int exponent = (int)(bits >> MANTISSA_BITS & EXPONENT_MASK);
    /* At a power of two the neighbour below is only half as far away. */
    int uneven = mantissa == 0 && exponent > 1 ? 1 : 0;
    if (exponent == 0) {
        exponent = 1;
    } else {
        mantissa |= UINT64_C(1) << MANTISSA_BITS;
    }
    exponent -= BIAS + MANTISSA_BITS;
    int up = exponent > 0 ? exponent : 0;
    dx_bignum_set(&out->remainder, mantissa);
    dx_bignum_shift_left(&out->remainder, up + 1 + uneven);
    dx_bignum_set(&out->scale, 1);
    dx_bignum_shift_left(&out->scale, up - exponent + 1 + uneven);
    dx_bignum_set(&out->below, 1);
    dx_bignum_shift_left(&out->below, up);
    dx_bignum_set(&out->above, 1);
    dx_bignum_shift_left(&out->above, up + uneven);
    out->bounds_included = mantissa % 2 == 0;
}

static bool reaches_scale(const interval *it) {
    int order = dx_bignum_compare_sum(&it->remainder, &it->above, &it->scale);
    return it->bounds_included ? order >= 0 : order > 0;
}

static void times_ten(interval *it) {
    dx_bignum_multiply(&it->remainder, 10, 0);
    dx_bignum_multiply(&it->below, 10, 0);
    dx_bignum_multiply(&it->above, 10, 0);
}

/* Scales so that the first digit is the next one taken; returns point with value = 0.d1d2… × 10^point. */
static int place_point(interval *it) {
    int bits = dx_bignum_bits(&it->remainder) - dx_bignum_bits(&it->scale);
    int point =
        bits * 30103 / 100000; /* log10(2); the scale is a power of two here, so this is never too high */
    if (point >= 0) {
        dx_bignum_multiply_power_of_ten(&it->scale, point);
    } else {
        dx_bignum_multiply_power_of_ten(&it->remainder, -point);
        dx_bignum_multiply_power_of_ten(&it->below, -point);
        dx_bignum_multiply_power_of_ten(&it->above, -point);
    }
    while (reaches_scale(it)) {
        dx_bignum_multiply(&it->scale, 10, 0);
        point++;
    }
    times_ten(it);
    return point;
}

/* Takes digits until the rest no longer matters; returns their number. */
static int take_digits(interval *it, char digits[static 20]) {
    for (int count = 0;; times_ten(it)) {
        int digit = 0;
        while (dx_bignum_compare(&it->remainder, &it->scale) >= 0) {
            dx_bignum_subtract(&it->remainder, &it->scale);
            digit++;
        }
        int order = dx_bignum_compare(&it->remainder, &it->below);
        bool low = it->bounds_included ? order <= 0 : order < 0;
        bool high = reaches_scale(it);
        if (low && high) { /* the nearer of the two, the even one in the middle */
            order = dx_bignum_compare_sum(&it->remainder, &it->remainder, &it->scale);
            high = order > 0 || (order == 0 && digit % 2 != 0);
        }
        digits[count++] = (char)('0' + digit + (high ? 1 : 0));
        if (low || high) {
            return count;
        }
    }
}

/* Lays out digits with the point after `point` of them, as ECMAScript does (ECMA-262 Number::toString), but
 * that a whole number keeps ".0". */
static size_t lay_out(const char *digits, int count, int point, char *out) {
    char *at = out;
    if (point > 21 || point < -5) {
        *at++ = digits[0];
        if (count > 1) {
            *at++ = '.';
            memcpy(at, digits + 1, (size_t)count - 1);
            at += count - 1;
        }
        int exponent = point - 1;
        *at++ = 'e';
        *at++ = exponent < 0 ? '-' : '+';
        exponent = exponent < 0 ? -exponent : exponent;
        if (exponent >= 100) {
            *at++ = (char)('0' + exponent / 100);
        }
        if (exponent >= 10) {
            *at++ = (char)('0' + exponent / 10 % 10);
        }
        *at++ = (char)('0' + exponent % 10);
        return (size_t)(at - out);
    }
    int whole = point < 0 ? 0 : point < count ? point : count; /* digits before the point */
    memcpy(at, digits, (size_t)whole);
    at += whole;
    for (int zeros = point > 0 ? point - whole : 1; zeros > 0; zeros--) {
        *at++ = '0';
    }
    *at++ = '.';
    for (int zeros = point < 0 ? -point : whole == count ? 1 : 0; zeros > 0; zeros--) {
        *at++ = '0';
    }
    memcpy(at, digits + whole, (size_t)(count - whole));
    at += count - whole;
    return (size_t)(at - out);
}

size_t dx_decimal_write(double value, char *out) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    char *at = out;
    if (bits >> 63 != 0) {
        *at++ = '-';
        bits &= ~(UINT64_C(1) << 63);
    }
    if (bits == 0) {
        memcpy(at, "0.0", 3);
        return (size_t)(at - out) + 3;
    }
    DX_ASSERT(bits >> MANTISSA_BITS != EXPONENT_MASK);
    interval it;
    char digits[20];
    set_interval(bits, &it);
    int point = place_point(&it);
    int count = take_digits(&it, digits);
    return (size_t)(at - out) + lay_out(digits, count, point, at);
}
