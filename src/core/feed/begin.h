/* feed/begin.h: where a feed begins here: blocks below are dropped, or were never here.
 *
 * Layer: floor 1, feed. What a state stands for instead (echo/epoch.h) is the caller's. Of blocks [0, begins) are kept:
 * the nodes that are peaks at `begins`, each in a row of its own last leaf without a body, so that every root, proof and
 * run from there on is as it was; and the version vector that the feed had declared there.
 * All calls happen inside an open store transaction; data feeds only. */
#ifndef DX_FEED_BEGIN_H
#define DX_FEED_BEGIN_H

#include "feed/feed.h"

/* From now on the feed begins at a length, begins <= length <= applied. Its blocks go with dx_feed_sweep. */
DX_MUST_USE int dx_feed_begin_at(dx_feed *feed, dx_store *store, uint64_t length, const dx_timeframe *vector);
/* The feed is, and begins, at least where mmr is, without the blocks below: what was applied of it lies at or beyond it
 * afterwards. Where it has another root there, or is shorter, all that was here of it gives way: its entities are the
 * caller's. DX_E_STATE: that would be an own feed; or it begins later. */
DX_MUST_USE int dx_feed_jump(dx_feed *feed, dx_store *store, const dx_mmr *mmr, const dx_timeframe *vector);
/* Whether it is so long here, and has this root there. */
DX_MUST_USE int dx_feed_has_root(const dx_feed *feed, dx_store *store, uint64_t length,
                                 const uint8_t root[static DX_ROOT_PREFIX_SIZE], bool *has);
/* The version vector at begins; empty where that is 0. out: initialised by the caller. */
DX_MUST_USE int dx_feed_vector(const dx_feed *feed, dx_store *store, dx_timeframe *out);
/* The mountain range at a length, begins <= length <= feed->length. */
DX_MUST_USE int dx_feed_mmr_at(const dx_feed *feed, dx_store *store, uint64_t length, dx_mmr *out);
/* Removes at most *budget rows below begins, other branches that part there included, and takes them from the budget;
 * none left of it: there may be more. */
DX_MUST_USE int dx_feed_sweep(const dx_feed *feed, dx_store *store, size_t *budget);

#endif
