/* echo/hierarchy.h: which object stands under which: every move is kept, the tree that shows is computed.
 *
 * Layer: floor 1, echo, private to this room. Rules in docs/spec/entities.md, "Hierarchy". The creation is an
 * object's first move. The tree is a pure function of the set of moves: each object stands by its latest; in
 * each circle the latest move (of two of one block, that of the object with the greater id) yields to that
 * object's next older one, until no circle is left; whoever has none left stands at the top. Circles have no object in common, so the order in which they are undone does not
 * matter.
 *
 * Incremental: a move that yielded stands in table yielded, and moves that yielded in circles with an object
 * in common share a knot there. A new move concerns the object itself and one knot: that of the first object
 * at or above it, in the tree as it was, whose latest move does not show. Those begin again by their latest
 * moves; nothing else is looked at but the ways up from them. Why that suffices: a circle that goes through an
 * object leads, upwards from it, to one whose move yielded there or elsewhere since, and all on the way are
 * members. So a move costs the depth of its place, and in a knot that for each of the moves that yielded. */
#ifndef DX_ECHO_HIERARCHY_H
#define DX_ECHO_HIERARCHY_H

#include "echo/space.h"

/* Keeps a move of an object whose row is here, and writes every row whose parent is another one now; those are
 * noted as changed. parent 0: to the top. Again is nothing. */
DX_MUST_USE int dx_hierarchy_move(dx_context *context, dx_space *space, int64_t key, const dx_stamp *stamp,
                                  uint64_t seq, int64_t parent);
/* The object's row was made with a parent: it may close a circle with what was put under it before. */
DX_MUST_USE int dx_hierarchy_created(dx_context *context, dx_space *space, int64_t key);
/* A move in a block of its stamp's feed. */
typedef struct dx_move {
    dx_stamp stamp;
    uint64_t seq;   /* of the block; 0 where a snapshot brought the move, which is below the base then */
    int64_t parent; /* 0: to the top */
} dx_move;

/* Keeps a move and looks at nothing: before dx_hierarchy_restored. Again is nothing. */
DX_MUST_USE int dx_hierarchy_keep(dx_context *context, int64_t key, const dx_stamp *stamp, uint64_t seq,
                                  int64_t parent);
/* The object's row was made again, beside moves that were kept: finds its place. */
DX_MUST_USE int dx_hierarchy_restored(dx_context *context, dx_space *space, int64_t key);
/* The object's moves as they are kept, ascending by stamp, its creation among them; none of one that was never moved. The
 * callback asks nothing of this file; its error ends the walk and is returned. */
DX_MUST_USE int dx_hierarchy_moves(dx_context *context, int64_t key,
                                   int (*on_move)(void *ctx, const dx_move *move), void *ctx);
/* Whether the object's latest move yielded: it shows elsewhere than that says. */
DX_MUST_USE int dx_hierarchy_has_yielded(dx_context *context, int64_t key, bool *yielded);
/* Forgets all moves, where others take their place before the next call of this room. */
DX_MUST_USE int dx_hierarchy_forget(dx_context *context, int64_t key);
/* Before the object's row goes: forgets its moves, but for those below the base; what yielded to them comes back. */
DX_MUST_USE int dx_hierarchy_removed(dx_context *context, dx_space *space, int64_t key);
/* Whether the one shows at or below the other. */
DX_MUST_USE int dx_hierarchy_is_below(dx_context *context, dx_space *space, int64_t key, int64_t ancestor,
                                      bool *below);
/* The first object at or above this one that does not stand by its latest move, and where it shows. 0: none. */
DX_MUST_USE int dx_hierarchy_yielded_above(dx_context *context, dx_space *space, int64_t key,
                                           int64_t *yielded, int64_t *parent);

#endif
