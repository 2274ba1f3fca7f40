/* codec/reference.c: the text of an object's id, NUMBER-PLACE-FEED.
 *
 * Layer: floor 1, codec. The text is for people and scripts: short numbers first, so that a prefix already
 * tells objects of one feed apart. Each id has one text: decimal without leading zeros, lower case
 * hexadecimal. */
#include <dxos/codec.h>
#include <string.h>

enum { FEED_SIZE = 16, NUMBER_SIZE = 4, PLACE_SIZE = 2 };

static size_t print_decimal(uint64_t value, char *out) {
    char reversed[20];
    size_t size = 0;
    do {
        reversed[size++] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    for (size_t i = 0; i < size; i++) {
        out[i] = reversed[size - 1 - i];
    }
    return size;
}

static uint64_t big_endian(const uint8_t *bytes, size_t size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

bool dx_reference_is_strong(dx_bytes reference) {
    return reference.size == DX_STRONG_REFERENCE_SIZE &&
           reference.data[DX_REFERENCE_SIZE] == DX_REFERENCE_STRONG;
}

dx_bytes dx_reference_id(dx_bytes reference) {
    bool known = reference.size == DX_REFERENCE_SIZE || dx_reference_is_strong(reference);
    return known ? dx_bytes_of(reference.data, DX_REFERENCE_SIZE) : dx_bytes_of(NULL, 0);
}

void dx_reference_print(const uint8_t *id, char *out) {
    out += print_decimal(big_endian(id + FEED_SIZE, NUMBER_SIZE), out);
    *out++ = '-';
    out += print_decimal(big_endian(id + FEED_SIZE + NUMBER_SIZE, PLACE_SIZE), out);
    *out++ = '-';
    dx_hex_encode(dx_bytes_of(id, FEED_SIZE), out);
}

/* Reads a decimal that fits size bytes and the dash after it, into those bytes; moves *at past both. */
static bool parse_decimal(dx_bytes text, size_t *at, uint8_t *out, size_t size) {
    size_t start = *at;
    uint64_t value = 0;
    while (*at < text.size && text.data[*at] >= '0' && text.data[*at] <= '9') {
        value = value * 10 + (uint64_t)(text.data[(*at)++] - '0');
        if (value >> (8 * size) != 0) {
            return false;
        }
    }
    size_t digits = *at - start;
    if (digits == 0 || (digits > 1 && text.data[start] == '0') || *at == text.size ||
        text.data[(*at)++] != '-') {
        return false;
    }
    for (size_t i = size; i > 0; i--) {
        out[i - 1] = (uint8_t)value;
        value >>= 8;
    }
    return true;
}

int dx_reference_parse(dx_bytes text, uint8_t *id) {
    size_t at = 0;
    if (!parse_decimal(text, &at, id + FEED_SIZE, NUMBER_SIZE) ||
        !parse_decimal(text, &at, id + FEED_SIZE + NUMBER_SIZE, PLACE_SIZE)) {
        return DX_E_INVALID;
    }
    for (size_t i = at; i < text.size; i++) {
        if (text.data[i] >= 'A' && text.data[i] <= 'F') {
            return DX_E_INVALID;
        }
    }
    return dx_hex_decode((const char *)text.data + at, text.size - at, id, FEED_SIZE);
}
