/* base/bytes.c: borrowed runs of bytes, and their hexadecimal form.
 *
 * Layer: floor 1, base. Nothing here allocates or owns. */
#include <dxos/base.h>
#include <string.h>

dx_bytes dx_bytes_of(const void *data, size_t size) {
    return (dx_bytes){data, size};
}

dx_bytes dx_bytes_text(const char *text) {
    return (dx_bytes){(const uint8_t *)text, strlen(text)};
}

bool dx_bytes_equal(dx_bytes a, dx_bytes b) {
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

int dx_bytes_compare(dx_bytes a, dx_bytes b) {
    size_t shared = a.size < b.size ? a.size : b.size;
    int order = shared == 0 ? 0 : memcmp(a.data, b.data, shared);
    if (order != 0) {
        return order;
    }
    return (a.size > b.size) - (a.size < b.size);
}

void dx_hex_encode(dx_bytes bytes, char *out) {
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < bytes.size; i++) {
        out[2 * i] = digits[bytes.data[i] >> 4];
        out[2 * i + 1] = digits[bytes.data[i] & 15];
    }
    out[2 * bytes.size] = '\0';
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

int dx_hex_decode(const char *text, size_t text_size, uint8_t *out, size_t size) {
    if (text_size / 2 != size || text_size % 2 != 0) {
        return DX_E_INVALID;
    }
    for (size_t i = 0; i < size; i++) {
        int high = hex_digit(text[2 * i]);
        int low = hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return DX_E_INVALID;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return DX_OK;
}
