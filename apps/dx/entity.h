/* dx/entity.h: printing objects and links whose kind is known only when they come.
 *
 * Layer: apps. With --json the keys of a row stand in one order; on a terminal objects and links share a
 * table: a link's data column shows where it leads. */
#ifndef DX_APP_ENTITY_H
#define DX_APP_ENTITY_H

#include "output.h"

typedef struct dx_entity_table {
    dx_output *output;
    dx_table table;
    bool is_stream; /* rows come one by one: nothing is held back */
    bool begun, links;
    bool changes; /* or rows of several spaces: one table for objects and links */
} dx_entity_table;

void dx_entity_table_begin(dx_entity_table *table, dx_output *output);
void dx_entity_table_row(dx_entity_table *table, dx_bytes row);
void dx_entity_table_end(dx_entity_table *table);
/* One row as a line of JSON, keys in order. */
void dx_entity_print_json(dx_output *output, dx_bytes row);
/* The same without an end, appended. */
void dx_entity_write_json(dx_bytes row, dx_buf *out);

#endif
