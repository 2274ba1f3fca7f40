/* echo/floor.h: what others have named of a forked feed stands: which branch is in force, and how far.
 *
 * Layer: floor 1, echo, private to this room (over feed/limb.h and halo/control.h). docs/spec/forks.md has
 * the rules.
 *   A floor of feed F is a (length, root) beyond F's cut that a block of another identity's admitted feed
 *   names, as long as that block lies below the cut of its own feed. It counts where the branch it names is
 *   here.
 *   Floors are gone through by the seniority of who named them (owner, depth from the genesis, id of the
 *   admission; then the feed's id), and of one feed from the longest down; the first decides the branch, each
 *   later one that extends what was decided raises the floor, and the others are passed over.
 * Of a data feed, what confirmed epochs name (halo/control_epoch.h) goes before all of them, the current epoch first: no
 * proof cuts below it, and up to there every id means what stands on that branch, whatever its author saw.
 * So the branch and the floor are a function of the blocks, the proofs and the control state, whatever came
 * first. Nothing is looked at while no feed is forked.
 *   A data feed whose admission fell with a control feed's fork is expelled: nothing of it is in effect, nor of any
 * other feed from the block on that builds on it; whether it was applied before or not.
 * Bounded: one call looks through so many blocks and takes back so many; a crash between two calls is made
 * good by the next one, which begins with what is stored. */
#ifndef DX_ECHO_FLOOR_H
#define DX_ECHO_FLOOR_H

#include "echo/space.h"

/* Brings every forked feed to the branch and floor that its floors ask for: takes back what was applied of
 * another branch or beyond. *unsettled: there is more to do now. Sets space->wanted. */
DX_MUST_USE int dx_floor_settle(dx_context *context, dx_space *space, size_t *budget, bool *unsettled);

typedef enum dx_named_standing {
    DX_NAMED_IN_FORCE, /* on the branch in force, below its limit */
    DX_NAMED_HIDDEN,   /* beyond it or on another branch: kept or not, it has no effect */
    DX_NAMED_UNKNOWN   /* the branch is not here, or floors are not settled */
} dx_named_standing;

/* What it is that block seq of source names of a forked feed beyond its cut. */
DX_MUST_USE int dx_floor_judge(dx_context *context, dx_space *space, const dx_feed *forked,
                               const dx_feed *source, uint64_t seq, const dx_dependency *named,
                               dx_named_standing *standing);
/* Whether what this block of source says of the feed may decide what stands of it: then it is a floor. */
bool dx_floor_counts(const dx_space *space, const dx_feed *forked, const dx_feed *source, uint64_t seq);
/* This branch is named and not here: it is looked for, as long as there is room. */
void dx_floor_want(dx_space *space, const dx_feed *forked, const dx_limb_goal *goal);
/* Whether floors are to be settled anew: something they follow from is another one now. */
bool dx_floor_is_due(const dx_space *space);
/* Tells every feed how far confirmed epochs cut it (dx_feed.agreed). Cheap while nothing is new. */
void dx_floor_agree(dx_space *space);
/* What the feed named of others is not known any more: its blocks are others now. */
DX_MUST_USE int dx_floor_forget(dx_context *context, const dx_feed *source);
/* Whether the author of block seq of source saw, beyond the cut, the branch that is in force. */
DX_MUST_USE int dx_floor_saw(dx_context *context, dx_space *space, const dx_feed *forked,
                             const dx_feed *source, uint64_t seq, bool *saw);

#endif
