/* echo/sql.h: a statement of SQL about a space, which reads and changes nothing.
 *
 * Layer: floor 1, echo. docs/spec/sql.md. The statement runs on a connection of its own that holds nothing
 * (store/scratch.h); its tables are modules (sql_table.c) whose rows come from questions (query.h) about one space. So it
 * sees what questions see, uses the indexes they use, and no table of the vault is in its reach, whatever it says; what is
 * not SELECT, and functions that are not listed, are refused besides (sql_guard.c).
 *
 * Work is bounded: dx_sql_run ends after so many rows and goes on in the next call, in which the space may have changed;
 * what lies between one row and the next cannot be divided, and ends with DX_E_LIMIT where it is too much. Between two
 * calls nothing is open in the store. Ownership: a dx_sql belongs to its space and is destroyed before it. */
#ifndef DX_ECHO_SQL_H
#define DX_ECHO_SQL_H

#include "echo/query.h"

enum {
    DX_SQL_MESSAGE_SIZE = 240,
    DX_SQL_ENOUGH = 1 /* of a callback: the rest in the next call */
};

typedef struct dx_sql dx_sql;

/* One statement, and the values of its parameters: an array for ?1 and on, a map for :names, size 0: none. patience_ms: how
 * long one piece may take by the disk's clock. DX_E_INVALID, DX_E_LIMIT: message says what is wrong with it, in one
 * sentence. */
DX_MUST_USE int dx_sql_create(dx_context *context, dx_space *space, dx_bytes statement, dx_bytes values,
                              int64_t patience_ms, char message[static DX_SQL_MESSAGE_SIZE], dx_sql **out);
void dx_sql_destroy(dx_sql *sql);
size_t dx_sql_column_count(const dx_sql *sql);
/* As UTF-8; dies with the statement. */
const char *dx_sql_column_name(const dx_sql *sql, size_t index);
/* Calls back for at most `rows` rows; *more when it should be called again. The callback takes the row by
 * dx_sql_write_row and may say DX_SQL_ENOUGH; its error ends the call and is returned. Errors as above, and the store's. */
DX_MUST_USE int dx_sql_run(dx_sql *sql, size_t rows, int (*on_row)(void *ctx, dx_sql *sql), void *ctx,
                           bool *more);
/* Writes the row at hand as an array: null, numbers, texts, bytes. */
DX_MUST_USE int dx_sql_write_row(dx_sql *sql, dx_writer *out);
/* After an error of dx_sql_run. */
const char *dx_sql_message(const dx_sql *sql);

#endif
