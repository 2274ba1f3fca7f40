/* echo/cut.h: a cut of a space: for each data feed how much of it lies below.
 *
 * Layer: floor 1, echo. docs/spec/epoch.md. Encoded, a cut is one canonical item, [[feed 16, length, root 16]…],
 * ascending by feed, lengths above 0: the form in which blocks name what they saw (feed/block.h), and in which a
 * credential EPOCH carries it. A feed that is not in it has length 0. Only a cut that is closed below makes a state:
 * what a block below it names lies below it. What was applied of the feeds of a vault is such a cut.
 *
 * Ownership: a dx_cut owns its places. */
#ifndef DX_ECHO_CUT_H
#define DX_ECHO_CUT_H

#include "echo/space.h"

typedef struct dx_cut {
    dx_dependency *places; /* ascending by feed */
    size_t count;
    const dx_alloc *alloc;
} dx_cut;

void dx_cut_init(dx_cut *cut, const dx_alloc *alloc);
void dx_cut_deinit(dx_cut *cut);
/* What is applied here now. DX_E_STATE: forks are not settled, or something is being taken back or loaded. */
DX_MUST_USE int dx_cut_now(dx_context *context, dx_space *space, dx_cut *out);
/* DX_E_MALFORMED, DX_E_NO_MEMORY. */
DX_MUST_USE int dx_cut_decode(dx_bytes item, dx_cut *out);
void dx_cut_encode(const dx_cut *cut, dx_writer *out);
/* How much of a feed lies below it. */
uint64_t dx_cut_length(const dx_cut *cut, const dx_feed *feed);
/* Whether in every feed as much lies below it as below the other one, or more. Lengths alone are compared. */
bool dx_cut_dominates(const dx_cut *cut, const dx_cut *other);

typedef enum dx_cut_standing {
    DX_CUT_WITHIN,   /* all below it is in effect here, and its state can be made: the base lies below it */
    DX_CUT_AHEAD,    /* something below it is not in effect here yet */
    DX_CUT_BELOW,    /* this vault builds on a base that does not lie below it */
    DX_CUT_OTHER,    /* it names another content of a feed than is in force here */
    DX_CUT_UNSETTLED /* forks, withdrawals or a load are under way, or sections are still to come: ask again */
} dx_cut_standing;

/* How it lies to what is here. With AHEAD, *missing counts the blocks below it that are not in effect here. */
DX_MUST_USE int dx_cut_stand(dx_context *context, dx_space *space, const dx_cut *cut,
                             dx_cut_standing *standing, uint64_t *missing);
/* Whether sections below it are not here that may still come. Where nothing was purged, such a cut is UNSETTLED. */
DX_MUST_USE int dx_cut_find_holes(dx_context *context, dx_space *space, const dx_cut *cut, bool *has);

#endif
