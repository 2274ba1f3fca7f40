/* node/dropping.h: letting go of history below an epoch: when it may go, and why it does not.
 *
 * Layer: floor 1, node, private to this room, beside epochs.h. docs/spec/epoch.md. It goes by itself below a confirmed epoch that
 * was checked here, that all other devices acknowledged which may write, once the retention window is over; by hand sooner. */
#ifndef DX_NODE_DROPPING_H
#define DX_NODE_DROPPING_H

#include "node/epochs.h"

/* Who wants history to go: nobody in particular, or a person, who may not want to wait, and may be content with the word of
 * fewer devices than all. */
typedef struct dx_dropping {
    bool by_hand, now;
    uint64_t copies; /* 0: as the vault is configured */
} dx_dropping;

/* Lets go of what lies below the current epoch, if it may. *why: what is still missing, NULL: nothing; *wait_ms: how long the
 * window still lasts. */
DX_MUST_USE int dx_node_try_dropping(dx_node *node, dx_space *space, const dx_dropping *how, const char **why,
                                     uint64_t *wait_ms);
/* Snapshots of epochs before the current one are served no more. */
DX_MUST_USE int dx_node_forget_older_states(dx_node *node, dx_space *space);

/* --- epochs.c --- */
/* Notes what was found of an epoch, and since when it is seen confirmed. */
DX_MUST_USE int dx_node_save_verdict(dx_node *node, dx_space *space, const uint8_t id[static DX_HASH_SIZE],
                                     dx_epoch_verdict verdict, uint64_t since_ms);
/* Whether this vault builds on it: to make its snapshot again would only say what was taken over. */
bool dx_node_builds_on(dx_space *space, const dx_epoch *epoch);

#endif
