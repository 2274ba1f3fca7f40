/* codec/bignum.c: schoolbook arithmetic on at most DX_BIGNUM_WORDS words.
 *
 * Layer: floor 1, codec. Contract in codec/bignum.h. */
#include "codec/bignum.h"
#include <string.h>

static void append_word(dx_bignum *number, uint32_t word) {
    DX_ASSERT(number->count < DX_BIGNUM_WORDS);
    number->words[number->count++] = word;
}

static void trim(dx_bignum *number) {
    while (number->count > 0 && number->words[number->count - 1] == 0) {
        number->count--;
    }
}

void dx_bignum_set(dx_bignum *number, uint64_t value) {
    number->words[0] = (uint32_t)value;
    number->words[1] = (uint32_t)(value >> 32);
    number->count = 2;
    trim(number);
}

void dx_bignum_multiply(dx_bignum *number, uint32_t factor, uint32_t addend) {
    uint64_t carry = addend;
    for (size_t i = 0; i < number->count; i++) {
        carry += (uint64_t)number->words[i] * factor;
        number->words[i] = (uint32_t)carry;
        carry >>= 32;
    }
    if (carry != 0) {
        append_word(number, (uint32_t)carry);
    }
}

void dx_bignum_multiply_power_of_ten(dx_bignum *number, int power) {
    enum { STEP = 9, TEN_TO_STEP = 1000000000 };
    for (; power >= STEP; power -= STEP) {
        dx_bignum_multiply(number, TEN_TO_STEP, 0);
    }
    for (; power > 0; power--) {
        dx_bignum_multiply(number, 10, 0);
    }
}

void dx_bignum_shift_left(dx_bignum *number, int bits) {
    size_t whole = (size_t)bits / 32;
    if (number->count == 0) {
        return;
    }
    dx_bignum_multiply(number, (uint32_t)1 << bits % 32, 0);
    DX_ASSERT(whole <= DX_BIGNUM_WORDS - number->count);
    memmove(number->words + whole, number->words, number->count * sizeof *number->words);
    memset(number->words, 0, whole * sizeof *number->words);
    number->count += whole;
}

void dx_bignum_subtract(dx_bignum *number, const dx_bignum *other) {
    uint64_t borrow = 0;
    for (size_t i = 0; i < number->count; i++) {
        uint64_t taken = borrow + (i < other->count ? other->words[i] : 0);
        borrow = number->words[i] < taken;
        number->words[i] = (uint32_t)(number->words[i] - taken);
    }
    DX_ASSERT(borrow == 0);
    trim(number);
}

int dx_bignum_compare(const dx_bignum *a, const dx_bignum *b) {
    if (a->count != b->count) {
        return a->count < b->count ? -1 : 1;
    }
    for (size_t i = a->count; i > 0; i--) {
        if (a->words[i - 1] != b->words[i - 1]) {
            return a->words[i - 1] < b->words[i - 1] ? -1 : 1;
        }
    }
    return 0;
}

int dx_bignum_compare_sum(const dx_bignum *a, const dx_bignum *b, const dx_bignum *c) {
    dx_bignum sum = *a;
    uint64_t carry = 0;
    for (size_t i = 0; i < b->count || carry != 0; i++) {
        if (i == sum.count) {
            append_word(&sum, 0);
        }
        carry += (uint64_t)sum.words[i] + (i < b->count ? b->words[i] : 0);
        sum.words[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return dx_bignum_compare(&sum, c);
}

int dx_bignum_bits(const dx_bignum *number) {
    if (number->count == 0) {
        return 0;
    }
    int bits = (int)(number->count - 1) * 32;
    for (uint32_t top = number->words[number->count - 1]; top != 0; top >>= 1) {
        bits++;
    }
    return bits;
}
