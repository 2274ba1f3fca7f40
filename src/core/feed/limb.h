/* feed/limb.h: the other branches of a forked feed: kept beside the one in force, and put in its place.
 *
 * Layer: floor 1, feed (over fork.h). Table limb. A forked feed's trunk is the branch that came first; every
 * other branch is a limb that holds its own blocks from the place where it parts, and shares the trunk's
 * below. Nothing is copied or moved: a limb's blocks stand under a number of their own, above all feeds'.
 * Where a limb in force left the trunk below the feed's beginning, so that nothing of the trunk is left, it
 * becomes the trunk of those that part later. One
 * branch is in force, and the feed's row and dx_feed speak of it; the others have a row each in table limb.
 * What a branch lost, it keeps (quarantine), until the space is forgotten.
 * A view is a dx_feed that speaks of such a branch: read, proven, received into and served by the calls of
 * feed.h. It owns nothing and need not be deinited; it dies with any change of the feed.
 * A goal says what a limb is fetched for; it has none once it is whole.
 * All calls happen inside an open transaction. */
#ifndef DX_FEED_LIMB_H
#define DX_FEED_LIMB_H

#include "feed/feed.h"

/* What others have named of a feed: its root at a length. */
typedef struct dx_limb_goal {
    uint64_t length; /* 0: none */
    uint8_t root[DX_ROOT_PREFIX_SIZE];
} dx_limb_goal;

/* A new, empty limb that parts where branches may (dx_feed_common). DX_E_STATE when the feed is not forked, or not here up to
 * there; DX_E_LIMIT at DX_FEED_LIMBS_MAX, store errors. Where the branch in force left the trunk below the feed's beginning,
 * it is the trunk from now on. */
DX_MUST_USE int dx_limb_make(dx_feed *feed, dx_store *store, const dx_limb_goal *goal, dx_feed *view);
/* The numbers of the branches that are not in force, ascending. */
DX_MUST_USE int dx_limb_list(const dx_feed *feed, dx_store *store, int64_t rows[static DX_FEED_LIMBS_MAX],
                             size_t *count);
/* DX_E_NOT_FOUND, DX_E_CORRUPT. */
DX_MUST_USE int dx_limb_view(const dx_feed *feed, dx_store *store, int64_t rows, dx_feed *view);
/* The limb that is fetched for this goal; DX_E_NOT_FOUND. */
DX_MUST_USE int dx_limb_for(const dx_feed *feed, dx_store *store, const dx_limb_goal *goal, dx_feed *view);
/* It is whole. */
DX_MUST_USE int dx_limb_finish(const dx_feed *view, dx_store *store);
/* What was fetched for it was not it: its blocks go too. */
DX_MUST_USE int dx_limb_drop(const dx_feed *view, dx_store *store);
/* Removes at most *budget blocks of branches that part below where the feed begins: nothing here can prove them any
 * more, and no call knows them. Zero budget left: there may be others. */
DX_MUST_USE int dx_limb_sweep(const dx_feed *feed, dx_store *store, size_t *budget);
/* A branch on which the root at goal->length begins with goal->root: the one in force (view is then a copy of
 * the feed) or a limb. DX_E_NOT_FOUND. */
DX_MUST_USE int dx_limb_find(const dx_feed *feed, dx_store *store, const dx_limb_goal *goal, dx_feed *view);
/* Puts a limb in force and what was in force beside it; the floor is 0 then. Nothing beyond what
 * they share may be applied: DX_E_STATE then, or for an own feed. */
DX_MUST_USE int dx_limb_enforce(dx_feed *feed, dx_store *store, int64_t rows);
/* What is in force becomes a branch beside it from its first block on, and the feed is empty, its blocks to stand under a
 * number of their own; for a caller who has another branch to put there, of which he knows the end alone. What is applied
 * is his to set. DX_E_STATE: an own feed. */
DX_MUST_USE int dx_limb_set_aside(dx_feed *feed, dx_store *store);

#endif
