/* codec/json_format.c: JSON with holes for C values, as printf's formats have them.
 *
 * Layer: floor 1, codec. A value fills its hole as a whole JSON value, quoted and escaped, so no text can become
 * syntax. Holes are those of printf, so that compilers check the arguments; what a hole would do to the looks of
 * a value (width, precision, flags) means nothing here and is refused. */
#include <dxos/codec.h>

typedef enum dx_hole { DX_HOLE_NONE, DX_HOLE_TEXT, DX_HOLE_INT, DX_HOLE_UINT, DX_HOLE_DOUBLE } dx_hole;

typedef enum dx_hole_size { DX_HOLE_PLAIN, DX_HOLE_LONG, DX_HOLE_LONG_LONG, DX_HOLE_SIZE } dx_hole_size;

static dx_hole hole_of(char letter) {
    switch (letter) {
    case 's':
        return DX_HOLE_TEXT;
    case 'd':
    case 'i':
        return DX_HOLE_INT;
    case 'u':
        return DX_HOLE_UINT;
    case 'f':
    case 'g':
        return DX_HOLE_DOUBLE;
    default:
        return DX_HOLE_NONE;
    }
}

/* Reads a hole behind its percent sign and moves *at past it. */
static dx_hole read_hole(const char **at, dx_hole_size *size) {
    *size = DX_HOLE_PLAIN;
    if (**at == 'z') {
        *size = DX_HOLE_SIZE;
        ++*at;
    } else if (**at == 'l') {
        *size = (*at)[1] == 'l' ? DX_HOLE_LONG_LONG : DX_HOLE_LONG;
        *at += *size == DX_HOLE_LONG_LONG ? 2 : 1;
    }
    dx_hole hole = hole_of(**at);
    bool number = hole == DX_HOLE_INT || hole == DX_HOLE_UINT;
    if (hole == DX_HOLE_NONE || (*size != DX_HOLE_PLAIN && !number) ||
        (*size == DX_HOLE_SIZE && hole == DX_HOLE_INT)) {
        return DX_HOLE_NONE;
    }
    ++*at;
    return hole;
}

static int64_t next_int(dx_hole_size size, va_list *values) {
    return size == DX_HOLE_LONG_LONG ? va_arg(*values, long long)
           : size == DX_HOLE_LONG    ? va_arg(*values, long)
                                     : va_arg(*values, int);
}

static uint64_t next_uint(dx_hole_size size, va_list *values) {
    return size == DX_HOLE_SIZE        ? va_arg(*values, size_t)
           : size == DX_HOLE_LONG_LONG ? va_arg(*values, unsigned long long)
           : size == DX_HOLE_LONG      ? va_arg(*values, unsigned long)
                                       : va_arg(*values, unsigned);
}

static void write_value(dx_writer *writer, dx_hole hole, dx_hole_size size, va_list *values) {
    const char *text;
    switch (hole) {
    case DX_HOLE_INT:
        dx_write_int(writer, next_int(size, values));
        return;
    case DX_HOLE_UINT:
        dx_write_uint(writer, next_uint(size, values));
        return;
    case DX_HOLE_DOUBLE:
        dx_write_double(writer, va_arg(*values, double));
        return;
    case DX_HOLE_TEXT:
    case DX_HOLE_NONE:
        text = va_arg(*values, const char *);
        if (text == NULL) {
            dx_write_null(writer);
        } else {
            dx_write_text(writer, text);
        }
        return;
    }
}

/* The value's JSON; DX_E_INVALID when it has none. */
static int fill_hole(dx_hole hole, dx_hole_size size, va_list *values, dx_buf *out) {
    dx_buf item;
    dx_writer writer;
    dx_buf_init(&item, out->alloc, out->max);
    dx_writer_init(&writer, &item);
    write_value(&writer, hole, size, values);
    int error = dx_writer_finish(&writer);
    error = error == DX_OK ? dx_json_print(dx_buf_view(&item), out) : error;
    dx_buf_deinit(&item);
    return error;
}

static int refuse(char *message, size_t message_size, const char *why) {
    for (size_t i = 0; message != NULL && i < message_size; i++) {
        message[i] = why[i];
        if (why[i] == 0) {
            break;
        }
    }
    return DX_E_INVALID;
}

/* The text with its holes filled. */
static int fill(const char *json, va_list *values, dx_buf *out, char *message, size_t message_size) {
    for (const char *at = json; *at != 0;) {
        if (*at != '%' || at[1] == '%') {
            dx_buf_append_byte(out, (uint8_t)*at);
            at += *at == '%' ? 2 : 1;
            continue;
        }
        dx_hole_size size;
        at++;
        dx_hole hole = read_hole(&at, &size);
        if (hole == DX_HOLE_NONE) {
            return refuse(message, message_size, "a hole is none of %s %d %u %ld %lu %lld %llu %zu %g %%");
        }
        int error = fill_hole(hole, size, values, out);
        if (error == DX_E_INVALID) {
            return refuse(message, message_size, "a value is no UTF-8, or a number beyond 63 bits");
        }
        if (error != DX_OK) {
            return error;
        }
    }
    return dx_buf_error(out);
}

int dx_json_format_list(dx_writer *out, char *message, size_t message_size, const char *json,
                        va_list values) {
    dx_buf text;
    va_list copy;
    dx_buf_init(&text, out->out->alloc, out->out->max);
    va_copy(copy, values);
    int error = fill(json, &copy, &text, message, message_size);
    va_end(copy);
    error = error == DX_OK ? dx_json_parse(dx_buf_view(&text), out, message, message_size) : error;
    dx_buf_deinit(&text);
    return error;
}

int dx_json_format(dx_writer *out, const char *json, ...) {
    va_list values;
    va_start(values, json);
    int error = dx_json_format_list(out, NULL, 0, json, values);
    va_end(values);
    return error;
}
