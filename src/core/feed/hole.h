/* feed/hole.h: sections of stored blocks of which only the hash is here: counted, found, put in, taken out.
 *
 * Layer: floor 1, feed. docs/spec/block.md, "Holes". A block of a data feed may be stored with holes: its leaf is the
 * same, so the feed goes on. Table hole has a row for each such block, by the key it is stored under. What a hole means
 * (withheld, purged, out of a scope) and what comes of filling one is not decided here; `excused` and `outside` are the
 * caller's words for how many of them nobody has to look for: anybody, or this vault as long as its scope is what it is.
 * The others are missing. All calls happen inside an open transaction; memory is not concerned. */
#ifndef DX_FEED_HOLE_H
#define DX_FEED_HOLE_H

#include "feed/feed.h"

/* A block with holes. */
typedef struct dx_holes {
    uint64_t seq;
    uint64_t sections, excused, outside; /* excused + outside <= sections */
    int64_t
        word; /* who alone says that those are outside, a number of the caller's; 0: nobody else has to be asked */
} dx_holes;

/* One section at its place in a block. */
typedef struct dx_section_change {
    uint64_t index;
    dx_bytes sealed; /* data NULL: its hash shall stand for it */
} dx_section_change;

/* Of a block that was just stored with `sections` holes, or of which another number is outside now. */
DX_MUST_USE int dx_hole_note(const dx_feed *feed, dx_store *store, const dx_holes *holes);
/* So many of a block's holes are excused. Which ones are outside is not kept: where others were missing and more are
 * excused than before, none is outside any more. */
DX_MUST_USE int dx_hole_excuse(const dx_feed *feed, dx_store *store, uint64_t seq, uint64_t excused);
/* The first block in [from, length) that has holes, of those that are here (feed->begins). DX_E_NOT_FOUND. */
DX_MUST_USE int dx_hole_next(const dx_feed *feed, dx_store *store, uint64_t from, dx_holes *out);
/* The same of those of which some are missing. */
DX_MUST_USE int dx_hole_missing(const dx_feed *feed, dx_store *store, uint64_t from, dx_holes *out);
/* The same of those of which somebody else than `who` alone says that some are outside. */
DX_MUST_USE int dx_hole_doubted(const dx_feed *feed, dx_store *store, uint64_t from, int64_t who,
                                dx_holes *out);
/* Of all blocks of the feed, on branches that are not in force too. */
DX_MUST_USE int dx_hole_count(const dx_feed *feed, dx_store *store, uint64_t *sections, uint64_t *excused);
DX_MUST_USE int dx_hole_count_outside(const dx_feed *feed, dx_store *store, uint64_t *outside);
/* What was outside is missing: of so many blocks of the feed, taken from the budget. None is left when some of it is. */
DX_MUST_USE int dx_hole_reset_outside(const dx_feed *feed, dx_store *store, size_t *budget);
/* Makes the changes, ascending by index, to a stored block and writes it, its holes following. A section that comes must
 * have the hash that stands there (DX_E_SIGNATURE: nothing is changed), where one stands already it is passed over; one
 * that goes and is too short to be opened stays (its hash would be longer, and the block too large). Which of a block's
 * holes are outside is not kept: where others were missing, and one was filled, all of them are missing again. *changed:
 * how many took effect. DX_E_NOT_FOUND: no such block or section. */
DX_MUST_USE int dx_hole_change(const dx_feed *feed, dx_store *store, uint64_t seq,
                               const dx_section_change *changes, size_t count, size_t *changed);
/* Before blocks [first, last] of these keys, all stored under one number, are deleted. */
DX_MUST_USE int dx_hole_forget(dx_store *store, int64_t first, int64_t last);

#endif
