/* codec/bignum.h: whole numbers of a few thousand bits, for decimal.c only.
 *
 * Layer: floor 1, codec, private. Fixed size on the stack. Invariant: words[count - 1] is not 0; zero has
 * count 0. Every caller's numbers are bounded by the exponent range of a double; going past the capacity is
 * our bug and asserted. */
#ifndef DX_CODEC_BIGNUM_H
#define DX_CODEC_BIGNUM_H

#include <dxos/base.h>

/* The largest number met is 10^1146 (DIGITS_MAX digits and one more behind POINT_MIN, decimal.c): 3,807 bits,
 * and 64 for shifts. */
enum { DX_BIGNUM_WORDS = 128 };

typedef struct dx_bignum {
    size_t count;
    uint32_t words[DX_BIGNUM_WORDS]; /* least significant first */
} dx_bignum;

void dx_bignum_set(dx_bignum *number, uint64_t value);
/* number = number * factor + addend */
void dx_bignum_multiply(dx_bignum *number, uint32_t factor, uint32_t addend);
void dx_bignum_multiply_power_of_ten(dx_bignum *number, int power);
void dx_bignum_shift_left(dx_bignum *number, int bits);
/* number -= other, which is not larger. */
void dx_bignum_subtract(dx_bignum *number, const dx_bignum *other);
int dx_bignum_compare(const dx_bignum *a, const dx_bignum *b);
/* Compares a + b with c without building the sum. */
int dx_bignum_compare_sum(const dx_bignum *a, const dx_bignum *b, const dx_bignum *c);
/* Number of bits up to the highest that is set; 0 for zero. */
int dx_bignum_bits(const dx_bignum *number);

#endif
