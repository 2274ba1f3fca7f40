/* node/watch_merge.h: the rows of ordered watches of several spaces as those of one.
 *
 * Layer: floor 1, node, private to this room. docs/spec/query.md, "Watching in order". Each space has a window of its own
 * (echo/subscription.h) that tells its first rows; what decides their order is the same bytes in every space, so they are kept
 * here in one order, and the watcher is told the places there. What lies among the first rows of all lies among the first of
 * its space, so that is all that has to be known.
 *
 * Invariant: what the watcher was told, carried out in order, is the first `told` of what is kept; after
 * dx_watch_merge_settle, but for its budget, as many as are asked for. */
#ifndef DX_NODE_WATCH_MERGE_H
#define DX_NODE_WATCH_MERGE_H

#include "echo/subscription.h"
#include "node/state.h"

enum {
    /* Rows kept for one watch, of all its spaces: each is put into its place among them. */
    DX_WATCH_MERGED_MAX = 1 << 16,
    DX_WATCH_MERGED_SIZE_MAX = 16 << 20 /* bytes of what decides their order */
};

typedef struct dx_watch_merge dx_watch_merge;

/* limit: as many rows are shown, SIZE_MAX: all. */
DX_MUST_USE int dx_watch_merge_create(dx_node *node, dx_request *request, size_t limit, dx_watch_merge **out);
void dx_watch_merge_destroy(dx_watch_merge *merge);
/* A row that the window of a space told. The words "listed" and "refresh" are not passed on: the caller judges when all are
 * listed. DX_E_LIMIT: there are too many. */
DX_MUST_USE int dx_watch_merge_take(dx_watch_merge *merge, dx_space *space, const dx_subscription *window,
                                    dx_bytes row);
/* The space's rows are no more. */
DX_MUST_USE int dx_watch_merge_drop(dx_watch_merge *merge, int64_t space);
/* Tells what goes because others came, and at most `budget` of what comes because others went. */
DX_MUST_USE int dx_watch_merge_settle(dx_watch_merge *merge, size_t budget);
/* Whether there is more to settle. */
bool dx_watch_merge_has_more(const dx_watch_merge *merge);

#endif
