/* node/invite.h: invitations at work: the machines of halo/invitation.h joined to links, commands and the
 * space.
 *
 * Layer: floor 1, node. Hosts' counters and states live in table invitation and are loaded again; guests live
 * as long as their join request. */
#ifndef DX_NODE_INVITE_H
#define DX_NODE_INVITE_H

#include "node/state.h"

/* Puts the invitations of this vault back to work: the open ones, and those that ended and still say how. */
DX_MUST_USE int dx_invite_load(dx_node *node);
void dx_invite_unload(dx_node *node);
/* After a commit: what the machines asked to be saved is durable; lowers the deadline when one goes on. */
void dx_invite_committed(dx_node *node, uint64_t *deadline_ms);
/* Ends what this vault hosts for a space that goes. */
DX_MUST_USE int dx_invite_cancel_space(dx_node *node, int64_t space);
/* Ends what an app offered or began to join and its grant does not hold any more. */
DX_MUST_USE int dx_invite_recheck_app(dx_node *node, const dx_app *app);
/* Deadlines and ends. */
DX_MUST_USE int dx_invite_settle(dx_node *node, uint64_t *deadline_ms);

#endif
