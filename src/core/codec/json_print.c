/* codec/json_print.c: canonical CBOR to JSON text.
 *
 * Layer: floor 1, codec. The item is checked whole first, so that the walk meets only what the profile knows
 * and recursion is bounded by the codec's nesting. Nothing is printed that dx_json_parse would not read back
 * to the same bytes. */
#include "codec/cbor.h"
#include "codec/decimal.h"
#include "codec/json_text.h"

#include <string.h>

static void print_text(dx_buf *out, const char *text) {
    dx_buf_append(out, text, strlen(text));
}

static void print_int(dx_buf *out, int64_t value) {
    char digits[20];
    size_t at = sizeof digits;
    uint64_t magnitude = value < 0 ? ~(uint64_t)value + 1 : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + magnitude % 10);
        magnitude /= 10;
    } while (magnitude != 0);
    if (value < 0) {
        digits[--at] = '-';
    }
    dx_buf_append(out, digits + at, sizeof digits - at);
}

static void print_double(dx_buf *out, double value) {
    char text[DX_DECIMAL_TEXT_MAX];
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    if ((bits >> 52 & 0x7ff) == 0x7ff) {
        print_text(out, value > 0   ? "{\"" DX_JSON_DOUBLE "\":\"Infinity\"}"
                        : value < 0 ? "{\"" DX_JSON_DOUBLE "\":\"-Infinity\"}"
                                    : "{\"" DX_JSON_DOUBLE "\":\"NaN\"}");
    } else {
        dx_buf_append(out, text, dx_decimal_write(value, text));
    }
}

/* What a terminal acts on: below U+0020, U+007F, and U+0080 to U+009F, whose second byte is the code point. JSON
 * asks for the first only; the others are escaped so that a name cannot drive the terminal it is printed on. */
static size_t control_size(const uint8_t *text, size_t left) {
    if (text[0] < 0x20 || text[0] == 0x7f) {
        return 1;
    }
    return text[0] == 0xc2 && left > 1 && text[1] < 0xa0 ? 2 : 0;
}

/* One character that cannot stand in a string as it is: the two-letter form where JSON has one. */
static void print_escape(dx_buf *out, uint8_t c) {
    static const char letters[] = "\"\\bfnrt", meanings[] = "\"\\\b\f\n\r\t";
    const char *meaning = c == 0 ? NULL : strchr(meanings, c);
    dx_buf_append_byte(out, '\\');
    if (meaning != NULL) {
        dx_buf_append_byte(out, (uint8_t)letters[meaning - meanings]);
        return;
    }
    char hex[3];
    dx_hex_encode(dx_bytes_of(&c, 1), hex);
    print_text(out, "u00");
    dx_buf_append(out, hex, 2);
}

/* A JSON string; escaped puts one @ more in front. */
static void print_string(dx_buf *out, dx_bytes text, bool escaped) {
    size_t done = 0;
    print_text(out, escaped ? "\"@" : "\"");
    for (size_t i = 0; i < text.size; i++) {
        uint8_t c = text.data[i];
        size_t control = control_size(text.data + i, text.size - i);
        if (control > 0 || c == '"' || c == '\\') {
            dx_buf_append(out, text.data + done, i - done);
            i += control == 2;
            print_escape(out, text.data[i]);
            done = i + 1;
        }
    }
    dx_buf_append(out, text.data + done, text.size - done);
    dx_buf_append_byte(out, '"');
}

static void print_reference(dx_buf *out, dx_bytes id) {
    print_text(out, "{\"" DX_JSON_REF "\":\"");
    if (dx_reference_id(id).data != NULL) {
        char text[DX_REFERENCE_TEXT_MAX];
        dx_reference_print(id.data, text);
        print_text(out, text);
        if (dx_reference_is_strong(id)) {
            dx_buf_append_byte(out, DX_JSON_STRONG_REFERENCE);
        }
    } else {
        dx_buf_append_byte(out, DX_JSON_OTHER_REFERENCE);
        dx_base64url_encode(id, out);
    }
    print_text(out, "\"}");
}

static void print_timestamp(dx_buf *out, dx_bytes text) {
    print_text(out, "{\"" DX_JSON_TIME "\":");
    print_string(out, text, false);
    dx_buf_append_byte(out, '}');
}

static void print_value(dx_reader *reader, dx_buf *out);

/* Integers sort before texts, so the first key tells whether JSON can hold the map as an object. */
static void print_map(dx_reader *reader, dx_buf *out) {
    size_t count = dx_read_map(reader);
    bool pairs = count > 0 && dx_reader_peek(reader) == DX_KIND_INT;
    print_text(out, pairs ? "{\"" DX_JSON_MAP "\":[" : "{");
    for (size_t i = 0; i < count; i++) {
        print_text(out, i > 0 ? "," : "");
        if (pairs) {
            dx_buf_append_byte(out, '[');
            print_value(reader, out);
            dx_buf_append_byte(out, ',');
            print_value(reader, out);
            dx_buf_append_byte(out, ']');
        } else {
            dx_bytes name = dx_read_text(reader);
            print_string(out, name, count == 1 && is_escaped_member(name));
            dx_buf_append_byte(out, ':');
            print_value(reader, out);
        }
    }
    print_text(out, pairs ? "]}" : "}");
}

static void print_array(dx_reader *reader, dx_buf *out) {
    size_t count = dx_read_array(reader);
    dx_buf_append_byte(out, '[');
    for (size_t i = 0; i < count; i++) {
        print_text(out, i > 0 ? "," : "");
        print_value(reader, out);
    }
    dx_buf_append_byte(out, ']');
}

static void print_value(dx_reader *reader, dx_buf *out) {
    switch (dx_reader_peek(reader)) {
    case DX_KIND_INT:
        print_int(out, dx_read_int(reader));
        break;
    case DX_KIND_BYTES:
        print_text(out, "{\"" DX_JSON_BYTES "\":\"");
        dx_base64url_encode(dx_read_bytes(reader), out);
        print_text(out, "\"}");
        break;
    case DX_KIND_TEXT:
        print_string(out, dx_read_text(reader), false);
        break;
    case DX_KIND_ARRAY:
        print_array(reader, out);
        break;
    case DX_KIND_MAP:
        print_map(reader, out);
        break;
    case DX_KIND_TAG:
        if (dx_read_tag(reader) == DX_TAG_TIMESTAMP) {
            print_timestamp(out, dx_read_text(reader));
        } else {
            print_reference(out, dx_read_bytes(reader));
        }
        break;
    case DX_KIND_BOOL:
        print_text(out, dx_read_bool(reader) ? "true" : "false");
        break;
    case DX_KIND_NULL:
        dx_read_null(reader);
        print_text(out, "null");
        break;
    case DX_KIND_DOUBLE:
        print_double(out, dx_read_double(reader));
        break;
    case DX_KIND_NONE:
        break;
    }
}

int dx_json_print(dx_bytes item, dx_buf *out) {
    if (dx_item_check(item) != DX_OK) {
        return DX_E_MALFORMED;
    }
    dx_reader reader;
    dx_reader_init(&reader, item);
    print_value(&reader, out);
    return dx_buf_error(out);
}
