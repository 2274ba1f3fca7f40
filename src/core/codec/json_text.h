/* codec/json_text.h: the members that stand for what JSON lacks, known to parser and printer alike.
 *
 * Layer: floor 1, codec, private to this room. */
#ifndef DX_CODEC_JSON_TEXT_H
#define DX_CODEC_JSON_TEXT_H

#include <dxos/codec.h>

#define DX_JSON_REF    "@ref"
#define DX_JSON_BYTES  "@bytes"
#define DX_JSON_TIME   "@time"
#define DX_JSON_MAP    "@map"
#define DX_JSON_DOUBLE "@double"

/* Begins a reference that is not of an object id's size, and ends a strong one; no id does either. */
enum { DX_JSON_OTHER_REFERENCE = '~', DX_JSON_STRONG_REFERENCE = '!' };

static inline bool is_special_member(dx_bytes name) {
    return dx_bytes_equal(name, dx_bytes_text(DX_JSON_REF)) ||
           dx_bytes_equal(name, dx_bytes_text(DX_JSON_BYTES)) ||
           dx_bytes_equal(name, dx_bytes_text(DX_JSON_TIME)) ||
           dx_bytes_equal(name, dx_bytes_text(DX_JSON_MAP)) ||
           dx_bytes_equal(name, dx_bytes_text(DX_JSON_DOUBLE));
}

/* Whether the name is a special member's with any number of @ in front of it. In an object of one member each
 * of these loses one @ when it is read and gains one when it is printed. */
static inline bool is_escaped_member(dx_bytes name) {
    while (name.size > 1 && name.data[0] == '@' && name.data[1] == '@') {
        name = dx_bytes_of(name.data + 1, name.size - 1);
    }
    return is_special_member(name);
}

#endif
