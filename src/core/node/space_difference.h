/* node/space_difference.h: what of a whole space is otherwise at one point than at another.
 *
 * Layer: floor 1, node, private to this room. docs/spec/history.md. Nothing is kept for it: the blocks between the points
 * are gone through from the later one back, and each entity is told at its latest change between them. So memory is one
 * block's list of entities, however much changed; work is proportional to what changed between the points, and to the
 * changes of each such entity. */
#ifndef DX_NODE_SPACE_DIFFERENCE_H
#define DX_NODE_SPACE_DIFFERENCE_H

#include "node/state.h"

/* An entity at a point, or (NULL) now; one that was not made by then shows nothing. The caller inits and deinits view. */
typedef struct dx_glimpse {
    bool there, deleted;
    int64_t parent;
    dx_buf view; /* one map, or null */
} dx_glimpse;

DX_MUST_USE int dx_glimpse_take(dx_node *node, dx_space *space, int64_t key, const dx_stamp *point,
                                dx_glimpse *out);

/* Rows in the order of latest changes, the newest first, then the count; in bounded steps. to: NULL, as it is when it is
 * asked; blocks that come meanwhile are not told. DX_PENDING. */
DX_MUST_USE int dx_node_diff_space(dx_node *node, dx_request *request, dx_space *space, const dx_stamp *from,
                                   const dx_stamp *to);

#endif
