/* text/column.c: runs of values, of differences, of bytes.
 *
 * Layer: floor 1, text. A run's count hides in the sign of the value (minus zero included) or in the lowest bit of the difference. */
#include "text/column.h"

/* --- Reading --------------------------------------------------------------------------------- */

void dx_column_open(dx_column_reader *column, dx_bytes bytes) {
    *column = (dx_column_reader){.bytes = dx_lib0_reader_of(bytes)};
}

uint64_t dx_column_read_uint(dx_column_reader *column) {
    if (column->left == 0) {
        bool run;
        column->value = dx_lib0_read_int(&column->bytes, &run);
        column->left = run ? dx_lib0_read_uint(&column->bytes) + 2 : 1;
    }
    column->left--;
    return column->value;
}

uint64_t dx_column_read_difference(dx_column_reader *column) {
    if (column->left == 0) {
        bool negative;
        uint64_t magnitude = dx_lib0_read_int(&column->bytes, &negative);
        int64_t twice = negative ? -(int64_t)magnitude : (int64_t)magnitude;
        bool run = magnitude % 2 != 0;
        column->difference = (twice - (run ? 1 : 0)) / 2;
        column->left = run ? dx_lib0_read_uint(&column->bytes) + 2 : 1;
    }
    column->left--;
    int64_t value = (int64_t)column->value + column->difference;
    if (value < 0 || value > (int64_t)DX_LIB0_UINT_MAX) {
        dx_lib0_fail(&column->bytes, DX_E_MALFORMED);
        value = 0;
    }
    column->value = (uint64_t)value;
    return column->value;
}

uint8_t dx_column_read_byte(dx_column_reader *column) {
    if (column->left == 0) {
        column->value = dx_lib0_read_byte(&column->bytes);
        column->left = dx_lib0_left(&column->bytes) > 0 ? dx_lib0_read_uint(&column->bytes) + 1 : UINT64_MAX;
    }
    column->left -= column->left != UINT64_MAX;
    return (uint8_t)column->value;
}

/* --- Writing --------------------------------------------------------------------------------- */

void dx_column_init(dx_column_writer *column, const dx_alloc *alloc) {
    *column = (dx_column_writer){.count = 0};
    dx_buf_init(&column->bytes, alloc, SIZE_MAX);
}

void dx_column_deinit(dx_column_writer *column) {
    dx_buf_deinit(&column->bytes);
}

void dx_column_begin(dx_column_writer *column) {
    column->bytes.size = 0;
    column->bytes.error = DX_OK;
    column->count = 0;
    column->value = 0;
    column->difference = 0;
}

void dx_column_end_uint(dx_column_writer *column) {
    if (column->count > 0) {
        dx_lib0_write_int(&column->bytes, column->value, column->count > 1);
        if (column->count > 1) {
            dx_lib0_write_uint(&column->bytes, column->count - 2);
        }
        column->count = 0;
    }
}

void dx_column_write_uint(dx_column_writer *column, uint64_t value) {
    if (column->value == value) {
        column->count++;
        return;
    }
    dx_column_end_uint(column);
    column->value = value;
    column->count = 1;
}

void dx_column_end_difference(dx_column_writer *column) {
    if (column->count > 0) {
        bool run = column->count > 1;
        int64_t twice = 2 * column->difference + (run ? 1 : 0);
        uint64_t magnitude = (uint64_t)(twice < 0 ? -twice : twice);
        if (magnitude > DX_LIB0_UINT_MAX && column->bytes.error == DX_OK) {
            column->bytes.error = DX_E_LIMIT; /* nobody could read it */
        }
        dx_lib0_write_int(&column->bytes, magnitude, twice < 0);
        if (run) {
            dx_lib0_write_uint(&column->bytes, column->count - 2);
        }
        column->count = 0;
    }
}

void dx_column_write_difference(dx_column_writer *column, uint64_t value) {
    int64_t difference = (int64_t)value - (int64_t)column->value;
    column->value = value;
    if (difference == column->difference) {
        column->count++;
        return;
    }
    dx_column_end_difference(column);
    column->difference = difference;
    column->count = 1;
}

void dx_column_write_byte(dx_column_writer *column, uint8_t value) {
    if (column->count > 0 && column->value == value) {
        column->count++;
        return;
    }
    if (column->count > 0) {
        dx_lib0_write_uint(&column->bytes, column->count - 1);
    }
    dx_buf_append_byte(&column->bytes, value);
    column->value = value;
    column->count = 1;
}
