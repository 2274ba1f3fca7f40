/* echo/order.c: values as bytes whose order is the order of the values.
 *
 * Layer: floor 1, echo. Contract in order.h. A number is its double as eight bytes, sign and magnitude turned so that
 * they ascend, without zeros at the end; an integer that no double holds is the next lower one and, behind it, how much
 * is missing. */
#include "echo/order.h"

#include <math.h>
#include <string.h>

static void put(dx_buf *out, dx_order_class order_class, dx_bytes content) {
    dx_buf_append_byte(out, (uint8_t)order_class);
    dx_buf_append(out, content.data, content.size);
}

static void put_big_endian(uint64_t value, uint8_t bytes[static 8]) {
    for (int i = 0; i < 8; i++) {
        bytes[i] = (uint8_t)(value >> (56 - 8 * i));
    }
}

static void put_number(dx_buf *out, double value, uint64_t rest) {
    uint8_t bytes[10];
    uint64_t bits;
    size_t size = 8;
    value = value == 0 ? 0 : value; /* one zero, without a sign */
    memcpy(&bits, &value, sizeof bits);
    put_big_endian(bits >> 63 != 0 ? ~bits : bits | UINT64_C(1) << 63, bytes);
    if (rest != 0) {
        bytes[8] = (uint8_t)(rest >> 8);
        bytes[9] = (uint8_t)rest;
        size = 10;
    }
    while (size > 0 && bytes[size - 1] == 0) {
        size--;
    }
    put(out, DX_ORDER_NUMBER, dx_bytes_of(bytes, size));
}

/* The greatest double that is not above the integer, and the distance to it, below 2^11. */
static void put_integer(dx_buf *out, int64_t value) {
    uint64_t magnitude = value < 0 ? (uint64_t)0 - (uint64_t)value : (uint64_t)value, step = 1;
    while (magnitude / step >> 53 != 0) {
        step *= 2;
    }
    uint64_t rest = magnitude % step;
    if (value < 0 && rest != 0) {
        rest = step - rest;
        magnitude += rest;
    } else {
        magnitude -= rest;
    }
    put_number(out, value < 0 ? -(double)magnitude : (double)magnitude, rest);
}

static void put_time(dx_buf *out, dx_reader *reader) {
    uint8_t bytes[8];
    put_big_endian((uint64_t)dx_read_timestamp(reader) ^ UINT64_C(1) << 63, bytes);
    put(out, DX_ORDER_TIME, dx_bytes_of(bytes, sizeof bytes));
}

void dx_order_write(dx_bytes item, dx_buf *out) {
    dx_reader reader, inside;
    double number;
    uint8_t truth;
    dx_reader_init(&reader, item);
    switch (dx_reader_peek(&reader)) {
    case DX_KIND_NULL:
        put(out, DX_ORDER_NULL, dx_bytes_of(NULL, 0));
        return;
    case DX_KIND_BOOL:
        truth = dx_read_bool(&reader);
        put(out, DX_ORDER_BOOL, dx_bytes_of(&truth, 1));
        return;
    case DX_KIND_INT:
        put_integer(out, dx_read_int(&reader));
        return;
    case DX_KIND_DOUBLE:
        number = dx_read_double(&reader);
        if (isnan(number)) {
            put(out, DX_ORDER_NAN, dx_bytes_of(NULL, 0));
        } else {
            put_number(out, number, 0);
        }
        return;
    case DX_KIND_TEXT:
        put(out, DX_ORDER_TEXT, dx_read_text(&reader));
        return;
    case DX_KIND_BYTES:
        put(out, DX_ORDER_BYTES, dx_read_bytes(&reader));
        return;
    case DX_KIND_TAG:
        inside = reader;
        if (dx_read_tag(&inside) == DX_TAG_TIMESTAMP) {
            put_time(out, &reader);
        } else {
            put(out, DX_ORDER_REFERENCE, dx_read_bytes(&inside));
        }
        return;
    case DX_KIND_ARRAY:
        put(out, DX_ORDER_ARRAY, item);
        return;
    case DX_KIND_MAP:
    case DX_KIND_NONE:
        break;
    }
    put(out, DX_ORDER_MAP, item);
}

static uint64_t get_big_endian(dx_bytes bytes) {
    uint64_t value = 0;
    for (size_t i = 0; i < 8; i++) {
        value = value << 8 | (i < bytes.size ? bytes.data[i] : 0);
    }
    return value;
}

static void read_number(dx_bytes content, dx_writer *out) {
    static const double least = -9223372036854775808.0, beyond = 9223372036854775808.0;
    uint64_t bits = get_big_endian(content);
    int64_t rest = (content.size > 8 ? content.data[8] << 8 : 0) | (content.size > 9 ? content.data[9] : 0);
    double value;
    bits = bits >> 63 != 0 ? bits ^ UINT64_C(1) << 63 : ~bits;
    memcpy(&value, &bits, sizeof value);
    if (value >= least && value < beyond && (double)(int64_t)value == value) {
        dx_write_int(out, (int64_t)value + rest);
    } else {
        dx_write_double(out, value);
    }
}

void dx_order_read(dx_bytes form, dx_writer *out) {
    dx_bytes content = dx_bytes_of(form.data + 1, form.size - 1);
    switch (form.data[0]) {
    case DX_ORDER_NULL:
        dx_write_null(out);
        break;
    case DX_ORDER_BOOL:
        dx_write_bool(out, content.data[0] != 0);
        break;
    case DX_ORDER_NAN:
        dx_write_double(out, NAN);
        break;
    case DX_ORDER_NUMBER:
        read_number(content, out);
        break;
    case DX_ORDER_TIME:
        dx_write_timestamp(out, (int64_t)(get_big_endian(content) ^ UINT64_C(1) << 63));
        break;
    case DX_ORDER_TEXT:
        dx_write_text_bytes(out, content);
        break;
    case DX_ORDER_REFERENCE:
        dx_write_tag(out, DX_TAG_REFERENCE);
        dx_write_bytes(out, content);
        break;
    case DX_ORDER_BYTES:
        dx_write_bytes(out, content);
        break;
    default: /* ARRAY, MAP */
        dx_write_item(out, content);
    }
}

/* A zero byte is written as 00 ff, the end as 00 00: so what begins another stands before it. */
void dx_order_write_part(dx_bytes form, bool descending, dx_buf *out) {
    enum { PRESENT = 1, MISSING = 2 };
    static const uint8_t end[2] = {0, 0};
    dx_buf_append_byte(out, form.size == 0 ? MISSING : PRESENT);
    if (form.size == 0) {
        return;
    }
    size_t begin = out->size;
    for (size_t i = 0; i < form.size; i++) {
        dx_buf_append_byte(out, form.data[i]);
        if (form.data[i] == 0) {
            dx_buf_append_byte(out, 0xff);
        }
    }
    dx_buf_append(out, end, sizeof end);
    for (size_t i = begin; descending && i < out->size; i++) {
        out->data[i] = (uint8_t)~out->data[i];
    }
}
