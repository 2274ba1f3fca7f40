/* feed/branch.h: the tree nodes of one branch of a feed, wherever they are: stored rows, a run in memory, and
 * the proof that ties their end to a signed head.
 *
 * Layer: floor 1, private to feed (over mmr and store). A tile of the proof may reach over the end of what is
 * held; nodes that span the two are joined here, so that a partial replica proves exactly what a full one
 * does. Borrows everything. */
#ifndef DX_FEED_BRANCH_H
#define DX_FEED_BRANCH_H

#include "feed/mmr.h"
#include "store/store.h"

typedef struct dx_branch {
    dx_store *store;
    int64_t trunk, rows;
    uint64_t parts;       /* nodes of leaves [0, parts) are in rows under `trunk`, */
    uint64_t begins;      /* below it only the peaks there are kept; nodes are DX_E_GONE */
    uint64_t stored;      /* those of [parts, stored) under `rows` */
    const uint8_t *nodes; /* of leaves [stored, end), rows laid end to end */
    uint64_t end;
    dx_bytes proof; /* the tiles of [end, covered) */
    uint64_t covered;
} dx_branch;

/* A dx_mmr_read; ctx is a dx_branch. DX_E_NOT_FOUND for a node that is not known, DX_E_GONE for one that is not kept, DX_E_CORRUPT for a damaged
 * row, store errors. */
int dx_branch_read(void *ctx, unsigned level, uint64_t index, uint8_t out[static DX_HASH_SIZE]);
/* The root at a length <= end, or at covered. */
DX_MUST_USE int dx_branch_root(dx_branch *branch, uint64_t length, uint8_t out[static DX_HASH_SIZE]);

#endif
