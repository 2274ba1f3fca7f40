/* echo/load_state.h: a load under way, for the files about the base.
 *
 * Layer: floor 1, echo, private to this room. */
#ifndef DX_ECHO_LOAD_STATE_H
#define DX_ECHO_LOAD_STATE_H

#include "echo/epoch.h"

typedef struct dx_load dx_load;

void dx_load_destroy(dx_load *load); /* NULL is nothing */
/* Makes rows of what can be made of rows now; at the end the base is the new one. */
DX_MUST_USE int dx_load_run(dx_context *context, dx_space *space, size_t *budget, bool *more);
/* Finds the feeds of which something here contradicts the cut that is to be loaded: it is taken back, with what rests on
 * it, and not applied any more (dx_feed.yields, floor.c). */
DX_MUST_USE int dx_load_find_yielding(dx_context *context, dx_space *space, const dx_cut *cut);
/* A number that no generation of base rows has had. */
int64_t dx_base_next_generation(const dx_space *space);
/* The space's base is the goal from now on: every feed of the cut begins there. Sweeping follows. */
DX_MUST_USE int dx_base_switch(dx_context *context, dx_space *space);

#endif
