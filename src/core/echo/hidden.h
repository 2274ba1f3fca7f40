/* echo/hidden.h: operations that have no effect and hold places for those that have.
 *
 * Layer: floor 1, echo, private to this room (over echo/floor.h). docs/spec/ordering.md, Hidden blocks. Blocks of a forked feed that a
 * floor names and that are not in force are *hidden*: on another branch, or beyond the limit. What their sections ask of an entity
 * whose model can hide operations (dx_model.hide) is part of its state. Which they are follows from the blocks, branches and control
 * state as floors do, and is found when floors are settled, and branches that are not here are wanted; table hidden keeps them, so that entities can be made again:
 *
 *   hidden(entity, rows, seq, section, feed, operation, mark)     rows: the number of the branch (feed/limb.h)
 *
 * Where a feed begins beyond its cut, its branches are not here any more, and its hidden operations stay what they were. */
#ifndef DX_ECHO_HIDDEN_H
#define DX_ECHO_HIDDEN_H

#include "echo/cut.h"
#include "echo/reduce.h"

/* Whether the space has any, when it was opened. */
DX_MUST_USE int dx_hidden_load(dx_context *context, dx_space *space);
/* Floors are settled: finds what is hidden anew, if it may be something else than before, and makes the entities again that it is
 * about. Takes what it looked through from the budget, all of it at once. */
DX_MUST_USE int dx_hidden_settle(dx_context *context, dx_space *space, size_t *budget);
/* Adds what is hidden of an entity to its state, in its row or, with aside, there. below: what blocks below the cut name; NULL: all.
 * An entity that is not there, or of a model that hides nothing, stays as it is. */
DX_MUST_USE int dx_hidden_take(dx_context *context, dx_space *space, int64_t key, const dx_cut *below,
                               dx_aside *aside);
/* Whether an entity has any. */
DX_MUST_USE int dx_hidden_has(dx_context *context, dx_space *space, int64_t key, bool *has);
/* Whether something is hidden of it that no block below the cut names. */
DX_MUST_USE int dx_hidden_is_beyond(dx_context *context, dx_space *space, int64_t key, const dx_cut *cut,
                                    bool *beyond);
/* The entity was purged: nothing of it stays. */
DX_MUST_USE int dx_hidden_forget(dx_context *context, int64_t key);

#endif
