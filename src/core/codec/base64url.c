/* codec/base64url.c: base64url without padding (RFC 4648 §5), strict.
 *
 * Layer: floor 1, codec. One text per run of bytes: padding, foreign characters and non-zero bits after the
 * last whole byte are refused (RFC 4648 §3.5). Not constant time: the one secret that passes through it is an
 * invitation's topic, on its way to people and programs that hold the whole link. */
#include <dxos/codec.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void dx_base64url_encode(dx_bytes bytes, dx_buf *out) {
    size_t whole = bytes.size / 3, left = bytes.size % 3;
    uint8_t *room = dx_buf_extend(out, whole * 4 + (left == 0 ? 0 : left + 1));
    if (room == NULL) {
        return;
    }
    uint32_t bits = 0;
    int held = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        bits = bits << 8 | bytes.data[i];
        for (held += 8; held >= 6; held -= 6) {
            *room++ = (uint8_t)alphabet[bits >> (held - 6) & 63];
        }
    }
    if (held > 0) {
        *room = (uint8_t)alphabet[bits << (6 - held) & 63];
    }
}

static int digit_of(uint8_t c) {
    if (c >= 'A' && c <= 'Z') {
        return c - 'A';
    }
    if (c >= 'a' && c <= 'z') {
        return c - 'a' + 26;
    }
    if (c >= '0' && c <= '9') {
        return c - '0' + 52;
    }
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

int dx_base64url_decode(dx_bytes text, dx_buf *out) {
    size_t before = out->size;
    uint32_t bits = 0;
    int held = 0;
    for (size_t i = 0; i < text.size; i++) {
        int digit = digit_of(text.data[i]);
        if (digit < 0) {
            out->size = before;
            return DX_E_INVALID;
        }
        bits = bits << 6 | (uint32_t)digit;
        held += 6;
        if (held >= 8) {
            held -= 8;
            dx_buf_append_byte(out, (uint8_t)(bits >> held));
        }
    }
    /* Six bits left over are a character that belongs to no byte; two or four must be zero. */
    if (held == 6 || (bits & ((1U << held) - 1)) != 0) {
        out->size = before;
        return DX_E_INVALID;
    }
    return dx_buf_error(out);
}
