/* echo/late.h: sections that come, or go, after their block was applied.
 *
 * Layer: floor 1, echo, private to this room. docs/spec/ordering.md, "Holes". A block is applied with the sections that
 * are here; the state is a function of the sections here and of the blocks in effect. What comes late has the stamp of
 * its block and is judged by what its block had seen, as on a replica that had it at once: whether the block may say it,
 * sections before it considered, is decided again for the whole block, and every entity of which another section counts
 * now is made again from its creation and its touches (withdraw.h). So the order in which holes are filled is nothing.
 *
 * A dx_late gathers what concerns entities over many blocks, each of which is then made again once. All of it happens in
 * one transaction: dx_late_finish leaves the rows those of the sections here. */
#ifndef DX_ECHO_LATE_H
#define DX_ECHO_LATE_H

#include "echo/pipeline.h"
#include "feed/hole.h"

typedef struct dx_late {
    dx_context *context;
    dx_space *space;
    dx_buf made;    /* entities whose creation came: key, counter of the stamp */
    dx_buf again;   /* keys of entities of which other sections count now */
    dx_buf lost;    /* keys of those of which a section counts no more */
    dx_buf touches; /* those that count now and did not, as dx_late_touch (late.c) */
    uint64_t changed;
    bool took; /* sections that counted are gone */
} dx_late;

/* Rows at rest first: between begin and finish nothing else is written. */
DX_MUST_USE int dx_late_begin(dx_late *late, dx_context *context, dx_space *space);
/* Changes sections of a stored block, of a branch in force or not, ascending by index: fills its holes, or makes some
 * (feed/hole.h, whose errors these are). */
DX_MUST_USE int dx_late_change(dx_late *late, const dx_feed *feed, uint64_t seq,
                               const dx_section_change *changes, size_t count);
/* Makes the entities concerned, unless an error came before; frees what was gathered. */
DX_MUST_USE int dx_late_finish(dx_late *late, int error);

#endif
