/* feed/fork.h: a feed that was written twice: found, proven to anyone, and cut at the same place by all.
 *
 * Layer: floor 1, feed. Format in docs/spec/feed.md, what stands of a forked feed in docs/spec/forks.md:
 *   proof = [1, longer head, shorter head, length, peaks: bstr, longer path: bstr, shorter path: bstr]
 * The heads stand in order of (length, root), larger first. Two kinds:
 *   exact  length < shorter.length. From the same peaks at `length` two different leaves, each followed by
 *          the tiles of its path, lead to the two heads: the branches part exactly there. cut = length.
 *   heads  length = shorter.length. The longer's peaks at `length` lead to it (its path: tiles only) and do
 *          not give the shorter's root; of equally long heads the roots differ and there are no nodes. They
 *          part somewhere below: cut = length - 1.
 * Anyone who knows the feed's identity verifies a proof; it is O(log length), at most DX_FORK_SIZE_MAX. The
 * cut of a feed is the smallest of the proofs known, a semilattice: the order of learning does not matter.
 * Only the proof that gave the cut is kept, so an author who signs many branches fills nobody's disk.
 * Callers raise the cut to floors (what other identities named), and put another branch in force where a
 * floor is on that one (limb.h).
 *
 * How two holders of different branches make an exact proof: each tells (length, root). Where these
 * contradict, one runs dx_fork_search: it asks the other for roots (dx_feed_root) at 15 lengths a round until
 * the last equal length is known (8 rounds at the most), then for its head and path there (dx_fork_path), and
 * joins them to its own (dx_fork_join). A liar gains nothing: what he said does not verify.
 * All calls that take a store happen inside an open transaction. */
#ifndef DX_FEED_FORK_H
#define DX_FEED_FORK_H

#include "feed/feed.h"

enum {
    DX_FORK_PATH_SIZE_MAX = DX_HASH_SIZE + DX_MMR_PROOF_SIZE_MAX,
    DX_FORK_SIZE_MAX =
        2 + 2 * DX_HEAD_SIZE_MAX + 5 + 3 * 3 + DX_MMR_PEAKS_MAX * DX_HASH_SIZE + 2 * DX_FORK_PATH_SIZE_MAX,
    DX_FORK_PROBES_MAX = 15
};

typedef struct dx_fork_proof {
    dx_head longer, shorter;
    uint64_t length;
    dx_bytes peaks, longer_path, shorter_path; /* borrowed */
} dx_fork_proof;

/* Form only: sizes are those the lengths ask for, heads in order. DX_OK or DX_E_MALFORMED. */
DX_MUST_USE int dx_fork_read(dx_bytes bytes, dx_fork_proof *out);
/* The buffer's errors. Appends. */
DX_MUST_USE int dx_fork_write(const dx_fork_proof *proof, dx_buf *out);
/* Whether it proves that the owner of this feed's key signed two histories. DX_OK or DX_E_SIGNATURE. */
DX_MUST_USE int dx_fork_verify(const dx_fork_proof *proof, const dx_feed_identity *identity);
/* Blocks [0, cut) are on both branches, as far as this proof shows. */
uint64_t dx_fork_cut(const dx_fork_proof *proof);

/* Reads, verifies and applies a proof. DX_OK: the cut is lower now; DX_E_EXISTS: it holds and tells nothing
 * new; DX_E_MALFORMED, DX_E_SIGNATURE, store errors. Blocks already applied beyond the cut are the caller's
 * to withdraw (applied > cut). */
DX_MUST_USE int dx_fork_take(dx_feed *feed, dx_store *store, dx_bytes proof);
/* The proof that gave the present cut; bytes die with the next store call. DX_E_NOT_FOUND when no fork is
 * known. */
DX_MUST_USE int dx_fork_get(const dx_feed *feed, dx_store *store, dx_bytes *proof);

/* --- Finding the place ----------------------------------------------------------------------------- */

/* Roots agree at `equal`; nothing is known to agree at or beyond `open`. Done when open = equal + 1. */
typedef struct dx_fork_search {
    uint64_t equal, open;
} dx_fork_search;

/* Over all lengths that both have: from where either's blocks begin (0: both have all) to shared, the smaller length, from <=
 * shared. When it ends with equal = shared, there was no fork; with equal below `from`, they part where one of
 * them has nothing any more. */
void dx_fork_search_begin(dx_fork_search *search, uint64_t from, uint64_t shared);
/* Lengths to ask the other for; their number, 0 when done. */
size_t dx_fork_search_probes(const dx_fork_search *search, uint64_t lengths[static DX_FORK_PROBES_MAX]);
/* The other's roots at those lengths, DX_ROOT_PREFIX_SIZE bytes each. DX_E_MALFORMED for another size, store
 * errors. */
DX_MUST_USE int dx_fork_search_narrow(dx_fork_search *search, const dx_feed *feed, dx_store *store,
                                      dx_bytes roots);

/* This side of an exact proof: a head that covers block `at` and the path from that block to it.
 * DX_E_NOT_FOUND when the block is not here or not signed yet. */
DX_MUST_USE int dx_fork_path(const dx_feed *feed, dx_store *store, uint64_t at, dx_head *head,
                             uint8_t path[static DX_FORK_PATH_SIZE_MAX], size_t *path_size);
/* Joins the other's head and path to this side's and takes the proof: errors of dx_fork_take, or
 * DX_E_NOT_FOUND as above. */
DX_MUST_USE int dx_fork_join(dx_feed *feed, dx_store *store, uint64_t at, const dx_head *theirs,
                             dx_bytes their_path);

#endif
