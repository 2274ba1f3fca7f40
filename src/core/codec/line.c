/* codec/line.c: see line.h. Ranges after Unicode's Default_Ignorable_Code_Point, Bidi_Control, Cc, Zl and Zp, and the
 * letters that are blank. */
#include "codec/line.h"

#include "codec/cbor.h"

static const struct {
    uint32_t first, last;
} refused[] = {
    {0x0000, 0x001f}, {0x007f, 0x009f}, {0x00ad, 0x00ad},   {0x034f, 0x034f},   {0x061c, 0x061c},
    {0x115f, 0x1160}, {0x17b4, 0x17b5}, {0x180b, 0x180f},   {0x200b, 0x200b},   {0x200e, 0x200f},
    {0x2028, 0x202e}, {0x2060, 0x206f}, {0x2800, 0x2800},   {0x3164, 0x3164},   {0xfeff, 0xfeff},
    {0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

static bool is_refused(uint32_t point) {
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (point >= refused[i].first && point <= refused[i].last) {
            return true;
        }
    }
    return false;
}

bool dx_line_check(dx_bytes text) {
    if (!dx_utf8_check(text.data, text.size)) {
        return false;
    }
    for (size_t at = 0; at < text.size;) {
        uint8_t lead = text.data[at];
        size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        uint32_t point = size == 1 ? lead : lead & (0x7fu >> size);
        for (size_t i = 1; i < size; i++) {
            point = point << 6 | (text.data[at + i] & 0x3fu);
        }
        if (is_refused(point)) {
            return false;
        }
        at += size;
    }
    return true;
}
