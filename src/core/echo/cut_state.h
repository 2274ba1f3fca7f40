/* echo/cut_state.h: what the files about epochs share about cuts.
 *
 * Layer: floor 1, echo, private to this room. */
#ifndef DX_ECHO_CUT_STATE_H
#define DX_ECHO_CUT_STATE_H

#include "echo/cut.h"

/* Room for so many places, zeroed; what was there is gone. */
DX_MUST_USE int dx_cut_reserve(dx_cut *cut, size_t count);
DX_MUST_USE int dx_cut_copy(const dx_cut *from, dx_cut *out);
/* The data feeds of a space at a length each, those at 0 left out. */
DX_MUST_USE int dx_cut_gather(dx_context *context, dx_space *space,
                              uint64_t (*length_of)(const dx_feed *feed), dx_cut *out);

#endif
