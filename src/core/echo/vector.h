/* echo/vector.h: the version vectors of blocks: what each had seen, and its stamp.
 *
 * Layer: floor 1, echo, private to this room. docs/spec/ordering.md. A block's vector is what its feed's blocks up to
 * itself have declared; a feed carries that of its last applied block. For a block in the past it is made again, from
 * the nearest that was kept (table vector: of feeds with holes, at the beginnings of transactions some blocks apart). */
#ifndef DX_ECHO_VECTOR_H
#define DX_ECHO_VECTOR_H

#include "echo/space.h"

/* Raises a feed's vector by one of its blocks: what it declared to have seen, and itself. */
DX_MUST_USE int dx_vector_raise(dx_space *space, const dx_feed *feed, uint64_t seq, const dx_block *block,
                                dx_timeframe *vector);
/* The sum of the vector's data feeds, and the feed. */
dx_stamp dx_vector_stamp(dx_space *space, const dx_feed *feed, const dx_timeframe *vector);
/* Whether the block's transaction is skipped wherever it arrives: it names a feed of the wrong class. */
bool dx_vector_is_never_applied(dx_space *space, const dx_feed *feed, const dx_block *block);
/* Goes over the transaction that begins at block `begin`, as far as it lies below `end`, and raises the vector. *next:
 * the block behind it; begin when it is not whole below end: then nothing was raised. */
DX_MUST_USE int dx_vector_walk(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t begin,
                               uint64_t end, dx_timeframe *vector, uint64_t *next);

/* Keeps the vector that a transaction begins with, unless one is kept shortly before. */
DX_MUST_USE int dx_vector_keep(dx_context *context, const dx_feed *feed, uint64_t begin,
                               const dx_timeframe *vector);
/* The blocks from `length` on are others now, or gone. */
DX_MUST_USE int dx_vector_forget(dx_context *context, const dx_feed *feed, uint64_t length);
/* The vector of a block in effect, into an initialised timeframe. *applied false: its transaction was skipped. */
DX_MUST_USE int dx_vector_at(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq,
                             dx_timeframe *out, bool *applied);

#endif
