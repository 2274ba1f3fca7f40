/* dx/output.h: how answers are printed: tables on a terminal, TSV in a pipe, NDJSON with --json, ids alone
 * with
 * --quiet. Data goes to stdout, words to stderr.
 *
 * Layer: apps. Columns are told in one list per kind of thing; --json prints exactly these keys, in this
 * order. */
#ifndef DX_APP_OUTPUT_H
#define DX_APP_OUTPUT_H

#include <dxos/codec.h>

typedef struct dx_output {
    bool json, quiet;
    bool table; /* stdout is a terminal */
    bool words; /* stderr is a terminal */
    bool colour, error_colour;
    bool closed; /* nobody reads stdout any more, or it cannot be written: nothing more is printed */
    int failure; /* errno, of the second of these */
} dx_output;

/* Looks at stdout and stderr; json and quiet are kept. */
void dx_output_init(dx_output *output);

typedef enum dx_cell {
    DX_CELL_TEXT,
    DX_CELL_HEX,   /* an id of hexadecimal digits: 8 of them on a terminal */
    DX_CELL_PLACE, /* NUMBER-PLACE-FEED or COUNTER-FEED: 8 digits of the feed on a terminal */
    DX_CELL_NUMBER,
    DX_CELL_VALUE,  /* any value, as JSON */
    DX_CELL_DETAIL, /* as VALUE; left out of --json and TSV: for people only */
    DX_CELL_MARK    /* as VALUE, for people and in --json, where it stands; left out of TSV */
} dx_cell;

typedef struct dx_column {
    const char *key;
    dx_cell cell;
} dx_column;

/* As many as a statement of SQL may give, and the end. */
enum { DX_COLUMNS_MAX = 288 + 1, DX_TABLE_ROWS_HELD = 200 };

/* Rows are held back until their widths are known: the first DX_TABLE_ROWS_HELD decide, later ones follow. */
typedef struct dx_table {
    dx_output *output;
    const dx_column *columns; /* ends with key NULL */
    size_t count;
    bool record; /* a single thing: on a terminal one line per key */
    dx_buf held; /* rows, encoded */
    size_t held_count, printed;
    size_t widths[DX_COLUMNS_MAX];
    bool laid_out;
} dx_table;

void dx_table_begin(dx_table *table, dx_output *output, const dx_column *columns);
void dx_table_row(dx_table *table,
                  dx_bytes row);      /* one encoded map, or an array in the order of the columns */
void dx_table_flush(dx_table *table); /* prints what is held */
void dx_table_end(dx_table *table);   /* the same, and frees */
/* One thing, printed as a whole. */
void dx_output_record(dx_output *output, const dx_column *columns, dx_bytes row);
/* The same of a map that was built here; frees the builder. */
void dx_output_map(dx_output *output, const dx_column *columns, dx_map_builder *map);
/* Writes words that may quote a path or the command line, which need not be UTF-8; the item always is. */
void dx_output_write_words(dx_writer *writer, const char *words);
/* One encoded item as a line of JSON. */
void dx_output_json(dx_output *output, dx_bytes item);
/* The keys a map has, of these (ends with NULL) and in this order, as a line of JSON. */
void dx_output_json_keys(dx_output *output, dx_bytes map, const char *const *keys);
/* The same without an end, appended. */
void dx_output_write_keys(dx_bytes map, const char *const *keys, dx_buf *out);
/* A line of JSON as it is. */
void dx_output_line(dx_output *output, dx_bytes line);
/* The same inside an object of one key. */
void dx_output_json_named(dx_output *output, const char *name, dx_bytes map, const char *const *keys);
/* A line for people, on stderr, not with --quiet. Made safe for a terminal. */
void dx_output_words(const dx_output *output, const char *format, ...) DX_PRINTF(2, 3);
/* Pushes out what was printed; notices a closed pipe. */
void dx_output_flush(dx_output *output);

#endif
