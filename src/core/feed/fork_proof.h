/* feed/fork_proof.h: what verify.c uses to prove a fork it has come upon.
 *
 * Layer: floor 1, private to feed. */
#ifndef DX_FEED_FORK_PROOF_H
#define DX_FEED_FORK_PROOF_H

#include "feed/branch.h"
#include "feed/fork.h"

/* Two signed heads of which the longer's branch, known up to it, does not have the shorter's root (branch is
 * not read when the lengths are equal): makes the proof of the kind "heads" and takes it. Errors of
 * dx_fork_take, or of reading the branch. */
DX_MUST_USE int dx_fork_take_heads(dx_feed *feed, dx_store *store, dx_branch *branch, const dx_head *longer,
                                   const dx_head *shorter);
/* A leaf and the tiles from it to a length, as in an exact proof. */
DX_MUST_USE int dx_fork_branch_path(dx_branch *branch, uint64_t at, uint64_t to,
                                    uint8_t path[static DX_FORK_PATH_SIZE_MAX], size_t *path_size);

#endif
