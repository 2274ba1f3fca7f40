/* echo/row_log.h: rows on the disk that are not in their tables yet.
 *
 * Layer: floor 1, echo, used by entity_row.c alone. What the set of a space (unwritten.h) has gathered is appended to a log in
 * pieces, in the order in which it changed and not of keys, so it costs as much as it is long. The tables with the log over
 * them are what the blocks up to feed.applied make: an opening after a crash reads the log back into the set, and makes only
 * those changes again that came since its last piece. It keeps of a row only where it stands, until somebody asks for it, or
 * all go to their tables. Once rows are in their tables the log goes, in the same transaction.
 *
 *   row_log(key, rows)   key: number of the space << 32 | number of the piece, from 0. rows: one row after another,
 *     [key, was, is], was = null (the table has none) | [kind, type, deleted] of the table's row,
 *     is = null (it shall have none) | [kind, type, model, created, parent, deleted, life, source, target, state],
 *     life = null | [counter, feed]; keys 0 and state empty: none; encoding.md's form
 *
 * Ownership: nothing is kept. */
#ifndef DX_ECHO_ROW_LOG_H
#define DX_ECHO_ROW_LOG_H

#include "echo/unwritten.h"

/* Appends the set's rows that the log has not as they shall be. */
DX_MUST_USE int dx_row_log_append(dx_context *context, int64_t space, dx_unwritten *set);
/* A row as a piece has it. */
DX_MUST_USE int dx_row_log_write(const dx_unwritten_row *row, dx_buf *out);
/* What a row that was read makes of what the tables count: objects and links of *packed, which are 0. */
typedef int dx_row_log_weigh(void *ctx, const dx_unwritten_row *row, dx_unwritten_packed *packed);
/* Into the set, which is empty, packed: of rows that stand there more than once the last. DX_E_CORRUPT. */
DX_MUST_USE int dx_row_log_read(dx_context *context, int64_t space, dx_unwritten *set,
                                dx_row_log_weigh *weigh, void *ctx);
/* The row of the key, if it is packed; all that are. DX_E_CORRUPT. */
DX_MUST_USE int dx_row_log_unpack(dx_context *context, int64_t space, dx_unwritten *set, int64_t key);
DX_MUST_USE int dx_row_log_unpack_all(dx_context *context, int64_t space, dx_unwritten *set);
/* The same for the bytes of a piece: DX_E_MALFORMED. */
DX_MUST_USE int dx_row_log_pack(dx_unwritten *set, uint32_t piece, dx_bytes rows, dx_row_log_weigh *weigh,
                                void *ctx);
DX_MUST_USE int dx_row_log_unpack_row(dx_unwritten *set, const dx_unwritten_packed *packed, dx_bytes rows);
DX_MUST_USE int dx_row_log_unpack_piece(dx_unwritten *set, uint32_t piece, dx_bytes rows);
DX_MUST_USE int dx_row_log_drop(dx_context *context, int64_t space);

#endif
