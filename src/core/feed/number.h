/* feed/number.h: numbers as they stand in hashed, signed and stored bytes: 8 bytes, little endian.
 *
 * Layer: floor 1, private to feed. Pure. */
#ifndef DX_FEED_NUMBER_H
#define DX_FEED_NUMBER_H

#include <stddef.h>
#include <stdint.h>

static inline void put_u64(uint8_t out[static 8], uint64_t value) {
    for (size_t i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

static inline uint64_t get_u64(const uint8_t in[static 8]) {
    uint64_t value = 0;
    for (size_t i = 0; i < 8; i++) {
        value |= (uint64_t)in[i] << (8 * i);
    }
    return value;
}

#endif
