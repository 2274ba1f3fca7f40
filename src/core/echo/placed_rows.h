/* echo/placed_rows.h: rows that changed, as their table has them now: who changes one again need not have it read.
 *
 * Layer: floor 1, echo, used by entity_row.c alone. A row that is read from its table by key costs a seek through SQLite's pages,
 * most of it waiting for memory, where two looks here are enough. Only small rows are kept, two places for each of many sets of
 * keys; what was placed last stays. It may lose any row at any time, and must never have another one than the table: who
 * writes the table tells it in the same step, and who fails there, or undoes it, clears it.
 *
 * Ownership: rows are copied in; a row that is found is the caller's until the next call. Grows with what is put, to
 * DX_PLACED_ROW_SIZE bytes for each of the most rows. No memory: it stays as it is. */
#ifndef DX_ECHO_PLACED_ROWS_H
#define DX_ECHO_PLACED_ROWS_H

#include "echo/entity_row.h"

enum { DX_PLACED_ROW_SIZE = 128 };

typedef struct dx_placed_rows dx_placed_rows;

dx_placed_rows *dx_placed_rows_create(const dx_alloc *alloc); /* NULL: no memory */
void dx_placed_rows_destroy(dx_placed_rows *placed);          /* NULL is nothing */
void dx_placed_rows_clear(dx_placed_rows *placed);
/* Copies the row, if it is small enough; whatever was known of its key is not any more. most: a power of two, at least 2. */
void dx_placed_rows_put(dx_placed_rows *placed, const dx_entity_row *row, size_t most);
void dx_placed_rows_remove(dx_placed_rows *placed, int64_t key);
/* False: the table knows. */
bool dx_placed_rows_find(const dx_placed_rows *placed, int64_t key, dx_entity_row *out);

#endif
