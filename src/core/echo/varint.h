/* echo/varint.h: numbers in as few bytes as they need: 7 bits a byte, lowest first, the high bit set on all but the last.
 *
 * Layer: floor 1, echo, private to this room: what packs of keys, links and touches are written in. In the header, for each of
 * a pack's entries comes by here. */
#ifndef DX_ECHO_VARINT_H
#define DX_ECHO_VARINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DX_VARINT_SIZE_MAX = 10 };

/* So many bytes, at most DX_VARINT_SIZE_MAX. */
static inline size_t dx_varint_write(uint64_t value, uint8_t *out) {
    size_t size = 0;
    for (; value >= 0x80; value >>= 7) {
        out[size++] = (uint8_t)(value | 0x80);
    }
    out[size++] = (uint8_t)value;
    return size;
}

/* False: it does not end before the end, or 64 bits do not hold it; *at is where it was given up. */
static inline bool dx_varint_read(const uint8_t **at, const uint8_t *end, uint64_t *value) {
    *value = 0;
    for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
        uint8_t byte = *(*at)++;
        *value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return shift < 63 || byte <= 1;
        }
    }
    return false;
}

#endif
