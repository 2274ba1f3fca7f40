/* echo/saved_state.h: saved states as all replicas have them.
 *
 * Layer: floor 1, echo. A row holds what came of its operations in the order in which they came here; some models keep the newest of
 * them beside (dx_model, canonical). Whatever is hashed, compared or given to others is asked for here first. */
#ifndef DX_ECHO_SAVED_STATE_H
#define DX_ECHO_SAVED_STATE_H

#include "echo/space.h"

/* *out: the canonical form of saved bytes of that model; the bytes themselves, or a view of `room`, which is cleared. model NULL: it
 * is not known here, and what is kept is canonical already. DX_E_CORRUPT: they are no state's. */
DX_MUST_USE int dx_saved_state_canonical(const dx_context *context, const dx_model *model, dx_bytes saved,
                                         dx_buf *room, dx_bytes *out);

#endif
