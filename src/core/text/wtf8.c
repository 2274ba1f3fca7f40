/* text/wtf8.c: UTF-16 units of UTF-8 and back.
 *
 * Layer: floor 1, text. Units are counted without decoding: every byte that begins a code point is one, and one more when four
 * bytes make it. Eight bytes at a time where they are ASCII. */
#include "text/wtf8.h"

#include <string.h>

#define HIGH_BITS UINT64_C(0x8080808080808080)

enum { CONTINUATION_MIN = 0x80, LEAD_MIN = 0xc0, LEAD_4 = 0xf0, HALF_LEAD = 0xed, HALF_SIZE = 3 };

static uint64_t load(const uint8_t *at) {
    uint64_t word;
    memcpy(&word, at, sizeof word);
    return word;
}

/* Bytes below 0x80 at the beginning, by words. */
static size_t ascii_run(const uint8_t *text, size_t size) {
    size_t i = 0;
    while (size - i >= sizeof(uint64_t) && (load(text + i) & HIGH_BITS) == 0) {
        i += sizeof(uint64_t);
    }
    while (i < size && text[i] < CONTINUATION_MIN) {
        i++;
    }
    return i;
}

static bool continues(const uint8_t *text, size_t from, size_t to) {
    for (size_t i = from; i < to; i++) {
        if ((text[i] & 0xc0) != CONTINUATION_MIN) {
            return false;
        }
    }
    return true;
}

/* Size of the sequence beyond ASCII that begins there (RFC 3629 §4), 0: it is none. */
static size_t sequence_size(const uint8_t *text, size_t left) {
    uint8_t lead = text[0];
    size_t size = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < LEAD_4 ? 3 : lead < 0xf5 ? 4 : 0;
    if (size == 0 || size > left || !continues(text, 1, size)) {
        return 0;
    }
    uint8_t second = text[1];
    bool wrong = (lead == 0xe0 && second < 0xa0) || (lead == HALF_LEAD && second >= 0xa0) ||
                 (lead == LEAD_4 && second < 0x90) || (lead == 0xf4 && second >= 0x90);
    return wrong ? 0 : size;
}

bool dx_utf8_units(dx_bytes text, uint64_t *units) {
    uint64_t count = 0;
    for (size_t i = 0; i < text.size;) {
        size_t run = ascii_run(text.data + i, text.size - i);
        count += run;
        i += run;
        if (i < text.size) {
            size_t size = sequence_size(text.data + i, text.size - i);
            if (size == 0) {
                return false;
            }
            count += size == 4 ? 2 : 1;
            i += size;
        }
    }
    *units = count;
    return true;
}

static unsigned units_of_byte(uint8_t byte) {
    return (byte < CONTINUATION_MIN || byte >= LEAD_MIN ? 1u : 0u) + (byte >= LEAD_4 ? 1u : 0u);
}

uint64_t dx_wtf8_units(dx_bytes text) {
    uint64_t units = 0;
    for (size_t i = 0; i < text.size; i++) {
        units += units_of_byte(text.data[i]);
    }
    return units;
}

static size_t size_of_lead(uint8_t lead) {
    return lead < CONTINUATION_MIN ? 1 : lead < 0xe0 ? 2 : lead < LEAD_4 ? 3 : 4;
}

size_t dx_wtf8_prefix(dx_bytes text, uint64_t units) {
    size_t i = 0;
    while (units != 0 && i < text.size) {
        if (units >= sizeof(uint64_t) && text.size - i >= sizeof(uint64_t) &&
            (load(text.data + i) & HIGH_BITS) == 0) {
            i += sizeof(uint64_t);
            units -= sizeof(uint64_t);
            continue;
        }
        unsigned taken = text.data[i] >= LEAD_4 ? 2 : 1;
        if (taken > units) {
            break;
        }
        i += size_of_lead(text.data[i]);
        units -= taken;
    }
    return units == 0 ? i : text.size + 1;
}

size_t dx_wtf8_offset(dx_bytes text, uint64_t index, bool *inside) {
    size_t i = 0;
    *inside = false;
    while (index > 0 && i < text.size) {
        if (index >= sizeof(uint64_t) && text.size - i >= sizeof(uint64_t) &&
            (load(text.data + i) & HIGH_BITS) == 0) {
            i += sizeof(uint64_t);
            index -= sizeof(uint64_t);
            continue;
        }
        uint8_t lead = text.data[i];
        if (lead >= LEAD_4 && index == 1) {
            *inside = true;
            return i;
        }
        index -= lead >= LEAD_4 ? 2 : 1;
        i += size_of_lead(lead);
    }
    return i;
}

static bool is_half(const uint8_t *text, size_t left) {
    return left >= HALF_SIZE && text[0] == HALF_LEAD && text[1] >= 0xa0;
}

static bool is_first_half(const uint8_t *text, size_t left) {
    return is_half(text, left) && text[1] < 0xb0;
}

static bool is_second_half(const uint8_t *text, size_t left) {
    return is_half(text, left) && text[1] >= 0xb0;
}

bool dx_wtf8_has_half(dx_bytes text) {
    const uint8_t *at = text.data, *end = text.size == 0 ? at : at + text.size;
    while (at != end && (at = memchr(at, HALF_LEAD, (size_t)(end - at))) != NULL) {
        if (is_half(at, (size_t)(end - at))) {
            return true;
        }
        at++;
    }
    return false;
}

static void append_half(dx_buf *out, uint32_t unit) {
    uint8_t half[HALF_SIZE] = {HALF_LEAD, (uint8_t)(0x80 | (unit >> 6 & 0x3f)),
                               (uint8_t)(0x80 | (unit & 0x3f))};
    dx_buf_append(out, half, sizeof half);
}

/* The four bytes' code point less 2^16: its two halves are its two times ten bits. */
static uint32_t pair_bits(const uint8_t *text) {
    uint32_t point = (uint32_t)(text[0] & 7) << 18 | (uint32_t)(text[1] & 0x3f) << 12 |
                     (uint32_t)(text[2] & 0x3f) << 6 | (uint32_t)(text[3] & 0x3f);
    return point - 0x10000;
}

void dx_wtf8_slice(dx_bytes text, uint64_t from, uint64_t to, dx_buf *out) {
    bool inside;
    if (from >= to) {
        return;
    }
    size_t begin = dx_wtf8_offset(text, from, &inside);
    dx_bytes tail = dx_bytes_of(text.data + begin, text.size - begin);
    uint64_t units = to - from;
    if (inside) {
        append_half(out, 0xdc00 | (pair_bits(tail.data) & 0x3ff));
        tail = dx_bytes_of(tail.data + 4, tail.size - 4);
        units--;
    }
    size_t size = dx_wtf8_offset(tail, units, &inside);
    dx_buf_append(out, tail.data, size);
    if (inside) {
        append_half(out, 0xd800 | pair_bits(tail.data + size) >> 10);
    }
}

/* The four bytes of two halves of a pair. */
static void append_pair(dx_buf *out, const uint8_t *halves) {
    uint32_t high = (uint32_t)(halves[1] & 0x0f) << 6 | (uint32_t)(halves[2] & 0x3f);
    uint32_t low = (uint32_t)(halves[4] & 0x0f) << 6 | (uint32_t)(halves[5] & 0x3f);
    uint32_t point = 0x10000 + (high << 10 | low);
    uint8_t pair[4] = {(uint8_t)(LEAD_4 | point >> 18), (uint8_t)(0x80 | (point >> 12 & 0x3f)),
                       (uint8_t)(0x80 | (point >> 6 & 0x3f)), (uint8_t)(0x80 | (point & 0x3f))};
    dx_buf_append(out, pair, sizeof pair);
}

void dx_wtf8_to_utf8(dx_bytes text, dx_buf *out) {
    static const uint8_t replacement[] = {0xef, 0xbf, 0xbd};
    size_t done = 0, i = 0;
    while (i < text.size) {
        size_t left = text.size - i;
        const uint8_t *lead = memchr(text.data + i, HALF_LEAD, left);
        if (lead == NULL) {
            break;
        }
        i = (size_t)(lead - text.data);
        left = text.size - i;
        if (!is_half(lead, left)) {
            i++;
            continue;
        }
        dx_buf_append(out, text.data + done, i - done);
        if (is_first_half(lead, left) && is_second_half(lead + HALF_SIZE, left - HALF_SIZE)) {
            append_pair(out, lead);
            i += HALF_SIZE;
        } else {
            dx_buf_append(out, replacement, sizeof replacement);
        }
        i += HALF_SIZE;
        done = i;
    }
    if (done < text.size) {
        dx_buf_append(out, text.data + done, text.size - done);
    }
}
