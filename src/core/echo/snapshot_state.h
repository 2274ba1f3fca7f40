/* echo/snapshot_state.h: snapshots as rows, for those that make, load and serve them.
 *
 * Layer: floor 1, echo, private to this room. */
#ifndef DX_ECHO_SNAPSHOT_STATE_H
#define DX_ECHO_SNAPSHOT_STATE_H

#include "echo/snapshot.h"

/* Stored, never renumbered. */
typedef enum dx_snapshot_standing {
    DX_SNAPSHOT_PARTIAL = 0, /* it is being loaded */
    DX_SNAPSHOT_WHOLE = 1,   /* all its chunks can be made or are here */
    DX_SNAPSHOT_REFUSED = 2  /* it is no state: nothing of it is here, and nothing will be */
} dx_snapshot_standing;

DX_MUST_USE int dx_snapshot_add(dx_context *context, dx_space *space, const dx_snapshot_plan *plan,
                                const uint8_t root[static DX_HASH_SIZE], dx_snapshot_standing standing,
                                int64_t *id);
/* entity 0: what it begins with is not known yet; sealed: its bytes, size 0: they are made, or to come. */
DX_MUST_USE int dx_snapshot_add_chunk(dx_context *context, int64_t id, uint64_t index, dx_bytes hash,
                                      int64_t entity, int64_t piece, dx_bytes sealed);
/* DX_E_NOT_FOUND, of those that were refused too. */
DX_MUST_USE int dx_snapshot_find(dx_context *context, dx_space *space,
                                 const uint8_t root[static DX_HASH_SIZE], int64_t *id);

#endif
