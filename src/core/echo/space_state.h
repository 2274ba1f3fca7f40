/* echo/space_state.h: what the files of echo do with a space and no one else may.
 *
 * Layer: floor 1, echo, private to this room. */
#ifndef DX_ECHO_SPACE_STATE_H
#define DX_ECHO_SPACE_STATE_H

#include "echo/space.h"

/* An empty space in memory, without row, control state or feeds. */
DX_MUST_USE int dx_space_allocate(dx_context *context, int64_t local, const uint8_t id[static DX_HASH_SIZE],
                                  dx_space **out);
/* Room for one more feed in memory. */
DX_MUST_USE int dx_space_reserve_feed(dx_space *space);
/* Registers a feed, own or not, without asking for its admission. DX_E_LIMIT, DX_E_EXISTS. */
DX_MUST_USE int dx_space_make_feed(dx_context *context, dx_space *space, const dx_feed_identity *identity,
                                   bool own, dx_feed **out);
DX_MUST_USE int dx_space_store_key(dx_context *context, dx_space *space, uint64_t epoch,
                                   const uint8_t key[static DX_KEY_SIZE]);
/* Opens the keys granted to this device that are not here yet, and notes the newest epoch. Tries at most
 * space->tries_left grants; when more are here space->keys_left is set, to call it again in the next step. */
DX_MUST_USE int dx_space_take_keys(dx_context *context, dx_space *space);
/* Gives back scratch memory that an unusually large block or state took. */
void dx_space_trim(dx_space *space);
/* How far a feed may be applied: what is here, below its limit. */
uint64_t dx_feed_usable(const dx_feed *feed);
/* Sets space->blocked. */
void dx_space_count_blocked(dx_space *space);

#endif
