/* feed/feed_state.h: what feed.c, verify.c and fork.c share about a feed and its rows.
 *
 * Layer: floor 1, private to feed. */
#ifndef DX_FEED_STATE_H
#define DX_FEED_STATE_H

#include "feed/branch.h"
#include "feed/feed.h"

/* Columns head and target: length (8) ‖ root ‖ signature; target is followed by the proof that leads from
 * feed.length to it. */
enum { DX_HEAD_STORED_SIZE = 8 + DX_HASH_SIZE + DX_SIGNATURE_SIZE };

/* The key its block is stored under: trunk << 32 | seq, or of a limb's own blocks rows << 32 | seq. */
int64_t dx_feed_block_key(const dx_feed *feed, uint64_t seq);
/* Decodes a block and holds it to what only its feed knows: the class, and that it does not name its own
 * feed. DX_E_MALFORMED. */
DX_MUST_USE int dx_feed_check_block(const dx_feed *feed, dx_bytes bytes, dx_block *out);
DX_MUST_USE int dx_feed_store_block(const dx_feed *feed, dx_store *store, uint64_t seq, dx_bytes nodes,
                                    dx_bytes body);
/* Puts each peak of a branch whose blocks are not here into the row of its last leaf, as reading looks for it, under this
 * number. */
DX_MUST_USE int dx_feed_store_peaks(dx_store *store, int64_t rows, const dx_mmr *mmr);
/* Writes what receiving, signing and retiring change. target_proof: from length to the feed's target, of no
 * meaning when that is none; NULL leaves the stored target as it is. */
DX_MUST_USE int dx_feed_save(const dx_feed *feed, dx_store *store, const dx_bytes *target_proof);
/* The feed's rows below a length <= its own. */
dx_branch dx_feed_rows(const dx_feed *feed, dx_store *store, uint64_t length);
/* A head and the proof that leads to it, as columns hold them; size 0 is none. False: damaged. */
bool dx_feed_take_head(dx_bytes value, uint64_t from, dx_head *head);
/* All that is known of the feed's branch: its rows and, when there is a target, its stored proof (copied to
 * proof). */
DX_MUST_USE int dx_feed_branch(const dx_feed *feed, dx_store *store,
                               uint8_t proof[static DX_MMR_PROOF_SIZE_MAX], dx_branch *out);

#endif
