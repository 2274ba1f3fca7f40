/* echo/order.h: values as bytes whose order is the order of the values.
 *
 * Layer: floor 1, echo. docs/spec/query.md, Values. What queries compare, sort and look up in indexes is this form and
 * nothing else, so an index and a look at the row cannot answer differently. The first byte is the class (DX_ORDER_…):
 * classes stand one after another, and only values of one class are greater or less than each other. Two values are
 * equal exactly when their bytes are. Numbers are compared exactly, whether they came as integers or as doubles. */
#ifndef DX_ECHO_ORDER_H
#define DX_ECHO_ORDER_H

#include <dxos/codec.h>

typedef enum dx_order_class {
    DX_ORDER_NULL = 0x10,
    DX_ORDER_BOOL = 0x20,
    DX_ORDER_NAN = 0x2f, /* beside the numbers: neither greater nor less than one */
    DX_ORDER_NUMBER = 0x30,
    DX_ORDER_TIME = 0x40,
    DX_ORDER_TEXT = 0x50,
    DX_ORDER_BYTES = 0x60,
    DX_ORDER_REFERENCE = 0x70,
    DX_ORDER_ARRAY = 0x80, /* whole: equal or not, in the order of their bytes */
    DX_ORDER_MAP = 0x90
} dx_order_class;

enum {
    /* Bytes of a value that an index keeps: whole for all that people order by; a longer value is found by them and
     * then looked at in its row. Four such entries fit into a quarter of a page, above which SQLite would put each on a
     * page of its own. */
    DX_ORDER_INDEXED_MAX = 128
};

/* Appends the value's form; item is canonical. Nothing on an error of the buffer. */
void dx_order_write(dx_bytes item, dx_buf *out);
/* Writes the value a form stands for: of equal numbers the integer where there is one. */
void dx_order_read(dx_bytes form, dx_writer *out);
/* Appends a form as one part of a longer key: escaped and ended, so that parts stand one behind another and the first
 * difference decides; descending turns it round. Of size 0: what is missing, which is last either way. */
void dx_order_write_part(dx_bytes form, bool descending, dx_buf *out);

#endif
