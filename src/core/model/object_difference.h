/* model/object_difference.h: views of objects side by side.
 *
 * Layer: floor 1, model. A view is one map, or null where nothing can be shown. They are walked together in the order of
 * keys, so what a path holds in each costs no search. */
#ifndef DX_MODEL_OBJECT_DIFFERENCE_H
#define DX_MODEL_OBJECT_DIFFERENCE_H

#include <dxos/codec.h>

enum {
    DX_VIEWS_MAX = 3,
    DX_GO_BELOW = 1 /* what a callback answers: members of the maps that stand here are told one by one */
};

/* What stands at a path in each of the views; size 0: nothing. DX_OK: on to the next path. An error ends the walk. */
typedef int dx_on_path(void *ctx, dx_bytes path, const dx_bytes *values);

/* Calls back for every path at which not all of the views (at most DX_VIEWS_MAX) hold the same, from the top down.
 * DX_E_UNSUPPORTED: a key that is no part of a path; DX_E_NO_MEMORY. */
DX_MUST_USE int dx_views_walk(const dx_alloc *alloc, const dx_bytes *views, size_t count, dx_on_path *on_path,
                              void *ctx);

#endif
