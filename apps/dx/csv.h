/* dx/csv.h: rows of objects and links as comma-separated values (RFC 4180, lines end in LF).
 *
 * Layer: apps. The columns are what the rows have: they are looked at once before they are printed. Each key of the data is a column; what is no text, number or boolean is its JSON; null is empty, and the empty
 * text is "". */
#ifndef DX_APP_CSV_H
#define DX_APP_CSV_H

#include "invocation.h"
#include "names.h"

enum { DX_CSV_COLUMNS_MAX = 1024 };

typedef struct dx_csv {
    dx_output *output;
    dx_names keys;  /* of data, to their columns */
    dx_buf heading; /* the names of these columns, each encoded */
    bool has_parent, has_ends, has_deleted;
    int error; /* sticky: DX_E_LIMIT for too many columns, DX_E_NO_MEMORY */
    dx_buf line;
} dx_csv;

void dx_csv_init(dx_csv *csv, dx_output *output, uint64_t key);
void dx_csv_deinit(dx_csv *csv);
/* First every row is looked at, then the heading is printed, then every row: what a row has gained meanwhile is left out. */
void dx_csv_look(dx_csv *csv, dx_bytes row);
void dx_csv_print_heading(dx_csv *csv);
void dx_csv_print(dx_csv *csv, dx_bytes row);
/* A row that is an array, as it is: no heading is printed and nothing is looked at. */
void dx_csv_print_row(dx_csv *csv, dx_bytes row);

/* The answer to a question about the space that is the first argument (an encoded map, or size 0), which is asked twice. Told; an
 * exit code. */
int dx_query_csv(dx_invocation *run, dx_bytes question);

#endif
