/* text/column.h: the run-length columns of updates v2 (docs/spec/text.md, Columns).
 *
 * Layer: floor 1, text. Decoded in place: a reader holds the run it is in, a writer the run it will write. */
#ifndef DX_TEXT_COLUMN_H
#define DX_TEXT_COLUMN_H

#include "text/lib0.h"

/* One reader for three kinds of columns; which, the calls say. */
typedef struct dx_column_reader {
    dx_lib0_reader bytes;
    uint64_t left; /* of the run */
    uint64_t value;
    int64_t difference;
} dx_column_reader;

void dx_column_open(dx_column_reader *column, dx_bytes bytes);
/* Runs of one value. */
uint64_t dx_column_read_uint(dx_column_reader *column);
/* Runs of one difference; a value below 0 or beyond 2^53-1 is malformed. */
uint64_t dx_column_read_difference(dx_column_reader *column);
/* Runs of bytes; the last one never ends. */
uint8_t dx_column_read_byte(dx_column_reader *column);

typedef struct dx_column_writer {
    dx_buf bytes;
    uint64_t count;
    uint64_t value;
    int64_t difference;
} dx_column_writer;

void dx_column_init(dx_column_writer *column, const dx_alloc *alloc);
void dx_column_deinit(dx_column_writer *column);
void dx_column_begin(dx_column_writer *column); /* empty again, memory stays */
void dx_column_write_uint(dx_column_writer *column, uint64_t value);
void dx_column_write_difference(dx_column_writer *column, uint64_t value);
void dx_column_write_byte(dx_column_writer *column, uint8_t value);
/* Writes the run that is open. A column of bytes has none: its last run is without end. */
void dx_column_end_uint(dx_column_writer *column);
void dx_column_end_difference(dx_column_writer *column);

#endif
