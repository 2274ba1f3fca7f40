/* net/scan.c: words and numbers out of a line of text, and numbers into one.
 *
 * Layer: floor 2, net. Nothing here allocates or owns. */
#include "net/scan.h"

#include <string.h>

dx_bytes dx_scan_until(dx_bytes *rest, char separator) {
    const uint8_t *at = rest->size == 0 ? NULL : memchr(rest->data, separator, rest->size);
    dx_bytes part = {rest->data, at ? (size_t)(at - rest->data) : rest->size};
    size_t used = at ? part.size + 1 : part.size;
    *rest = rest->size == 0 ? *rest : (dx_bytes){rest->data + used, rest->size - used};
    return part;
}

dx_bytes dx_scan_word(dx_bytes *rest) {
    dx_bytes word = {0};
    while (rest->size > 0 && word.size == 0) {
        word = dx_scan_until(rest, ' ');
    }
    return word;
}

dx_bytes dx_scan_trim_end(dx_bytes text) {
    while (text.size > 0 && memchr(" \r\n", text.data[text.size - 1], 3)) {
        text.size--;
    }
    return text;
}

bool dx_scan_decimal(dx_bytes text, uint64_t max, uint64_t *out) {
    uint64_t value = 0;
    if (text.size == 0 || text.size > DX_SCAN_DECIMAL_MAX) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        unsigned digit = (unsigned)text.data[i] - '0';
        if (digit > 9 || value > (max - digit) / 10 || digit > max) {
            return false;
        }
        value = value * 10 + digit;
    }
    *out = value;
    return true;
}

static uint8_t lower(uint8_t c) {
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

bool dx_scan_is(dx_bytes text, const char *word) {
    if (text.size != strlen(word)) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (lower(text.data[i]) != lower((uint8_t)word[i])) {
            return false;
        }
    }
    return true;
}

bool dx_scan_prefix(dx_bytes *text, const char *prefix) {
    size_t size = strlen(prefix);
    if (text->size < size || memcmp(text->data, prefix, size) != 0) {
        return false;
    }
    *text = (dx_bytes){text->data + size, text->size - size};
    return true;
}

bool dx_scan_is_ice_text(dx_bytes text, size_t min_size, size_t max_size) {
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = lower(text.data[i]);
        if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '+' && c != '/') {
            return false;
        }
    }
    return text.size >= min_size && text.size <= max_size;
}

size_t dx_scan_print_decimal(uint64_t value, char *out) {
    char digits[DX_SCAN_DECIMAL_MAX];
    size_t count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    for (size_t i = 0; i < count; i++) {
        out[i] = digits[count - 1 - i];
    }
    return count;
}
