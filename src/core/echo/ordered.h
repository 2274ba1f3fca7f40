/* echo/ordered.h: objects whose model wants its operations in the order of their stamps.
 *
 * Layer: floor 1, echo, private to this room. Table step holds every operation of such an object, and here and there
 * the state after it (a checkpoint); the object's row holds the state after all of them. One that comes behind all
 * others is applied to that. One that comes late goes to its place, and the state is made again from the nearest
 * checkpoint before it: so much is read and applied as lies between that and the end. Of the latest operations every
 * DX_STEPS_APART-th has a checkpoint, DX_CHECKPOINTS_KEPT of them: what is later than that by more begins at the
 * beginning. Memory: one state and one operation.
 *
 * Which operations have checkpoints is this vault's own matter; the state is a function of the set of operations. One
 * that the model refuses when its turn comes is passed over, and tried again when the turn is another. */
#ifndef DX_ECHO_ORDERED_H
#define DX_ECHO_ORDERED_H

#include "echo/provenance.h"

enum { DX_STEPS_APART = 64, DX_CHECKPOINTS_KEPT = 16 };

/* Keeps one more operation. The state before it is `saved` (size 0: none yet); the state after it is appended to out,
 * nothing while no operation counts. *refusal: it came behind all others, and the model does not take it. */
DX_MUST_USE int dx_ordered_operate(dx_context *context, int64_t key, const dx_model *model,
                                   const dx_provenance *provenance, dx_bytes saved, const dx_stamp *stamp,
                                   dx_bytes operation, dx_buf *out, int *refusal);
/* Keeps an operation that came while the model was not known. The next dx_ordered_operate must be told that its state
 * is to be made from the beginning: dx_ordered_make. */
DX_MUST_USE int dx_ordered_keep(dx_context *context, int64_t key, const dx_stamp *stamp, dx_bytes operation);
/* The state after all operations kept, made from the nearest checkpoint before a stamp; appended to out. */
DX_MUST_USE int dx_ordered_make(dx_context *context, int64_t key, const dx_model *model,
                                const dx_provenance *provenance, const dx_stamp *before, dx_buf *out);
/* Of an object that goes, its provenance, too. */
DX_MUST_USE int dx_ordered_forget(dx_context *context, int64_t key);

#endif
