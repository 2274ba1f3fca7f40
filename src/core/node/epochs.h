/* node/epochs.h: when this vault makes epochs, checks those of others, and lets go of what lies below them.
 *
 * Layer: floor 1, node, over echo/snapshot.h, echo/epoch.h and halo/control_epoch.h. docs/spec/epoch.md. What is made
 * of a space is a function of its blocks; *when* is this vault's own matter, and the only thing wall clocks decide here:
 *   making    by hand; and where the configuration says so an admin's device, when the blocks since the last epoch outweigh
 *             its state; the owner's first devices at once, others later, so that not all of them make one
 *   checking  whoever has applied a cut makes its snapshot again, and says so when it is right (EPOCH_ACK). When it is
 *             not, that is said loudly and the epoch is not built on
 *   letting go of blocks below a confirmed epoch that was checked here, that all other devices acknowledged which may
 *             write, and that was confirmed for as long as the retention window says
 * All in bounded pieces; what is under way is lost with memory and begun again. Table epoch_seen keeps what was found. */
#ifndef DX_NODE_EPOCHS_H
#define DX_NODE_EPOCHS_H

#include "echo/epoch.h"
#include "halo/control_epoch.h"
#include "node/state.h"

/* Stored, never renumbered. */
typedef enum dx_epoch_verdict {
    DX_EPOCH_UNSEEN = 0,
    DX_EPOCH_RIGHT = 1,    /* made here, or made again and equal */
    DX_EPOCH_MISMATCH = 2, /* made again, and it is another state */
    DX_EPOCH_LOADED = 3    /* taken over from others: what this vault builds on */
} dx_epoch_verdict;

const char *dx_epoch_verdict_name(dx_epoch_verdict verdict);

/* A piece of whatever is due, of all spaces. */
DX_MUST_USE int dx_node_run_epochs(dx_node *node, bool *again, uint64_t *deadline_ms);
/* What is under way of a space ends: it leaves memory. local 0: of all. */
void dx_node_drop_epochs(dx_node *node, int64_t local);

/* An epoch is to be made now. DX_E_DENIED, DX_E_STATE with words. */
DX_MUST_USE int dx_node_ask_epoch(dx_node *node, dx_space *space);
/* How far it is, *made: the newest one by this device, once nothing is under way any more. DX_E_…: it failed, with words. */
DX_MUST_USE int dx_node_epoch_asked(dx_node *node, dx_space *space, bool *done, dx_epoch *made);
/* Lets go of history now. now: the retention window is not waited for; copies: as many other devices must have said that the
 * epoch is right, 0: as the vault is configured. DX_E_STATE: why not, with words. */
DX_MUST_USE int dx_node_compact(dx_node *node, dx_space *space, bool now, uint64_t copies);
/* Why history does not go by itself now, NULL: there is none to go, or it goes; *wait_ms: for how long the window still lasts,
 * when that is all. */
DX_MUST_USE int dx_node_why_history(dx_node *node, dx_space *space, const char **why, uint64_t *wait_ms);

/* Whether this vault makes none by itself in the space, which is its own matter. */
DX_MUST_USE int dx_node_epochs_by_hand(dx_node *node, const dx_space *space, bool *by_hand);
DX_MUST_USE int dx_node_set_epochs_by_hand(dx_node *node, const dx_space *space, bool by_hand);
/* The vault forgets the space: what was found of its epochs goes, and what is under way of them. */
DX_MUST_USE int dx_node_forget_epochs(dx_node *node, int64_t local);
/* What this vault found of an epoch. since_ms: by the wall clock, when it was seen confirmed, 0: not yet. */
DX_MUST_USE int dx_node_epoch_verdict(dx_node *node, dx_space *space, const uint8_t id[static DX_HASH_SIZE],
                                      dx_epoch_verdict *verdict, uint64_t *since_ms);

#endif
