/* echo/epoch_word.h: what this vault says of epochs, in its own control feed.
 *
 * Layer: floor 1, echo, over halo/control_epoch.h. Whether it is true is the caller's to know: he made the snapshot
 * (snapshot.h). docs/spec/control.md, Epochs. */
#ifndef DX_ECHO_EPOCH_WORD_H
#define DX_ECHO_EPOCH_WORD_H

#include "echo/space.h"
#include "halo/control_epoch.h"

/* The epoch after the current one. DX_E_DENIED: no right to; DX_E_INVALID: its cut does not hold what the current one's
 * does; DX_E_STATE: this vault has no control feed it may write. id: the new EPOCH's. */
DX_MUST_USE int dx_epoch_say(dx_context *context, dx_space *space, const dx_epoch_draft *draft,
                             uint8_t id[static DX_HASH_SIZE]);
/* That an epoch is right. Said once: DX_E_EXISTS. DX_E_DENIED, DX_E_NOT_FOUND, DX_E_STATE. */
DX_MUST_USE int dx_epoch_say_right(dx_context *context, dx_space *space,
                                   const uint8_t id[static DX_HASH_SIZE]);

#endif
