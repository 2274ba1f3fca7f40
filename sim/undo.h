/* sim/undo.h: people who take back what they did, and take that back again.
 *
 * Layer: simulator; looks inside the core for whose device a peer is. One world in UNDO_RARITY (fault.c) has them. A session
 * is one peer's: by a script of E (an edit), U (undo) and R (redo) it changes one to three things that everybody changes,
 * with pauses in which others do, and looks at them before and after each. It writes values of its own, "u17", that
 * nobody else writes, and ends by itself when its vault loses power, is asked to write something else, or refuses.
 *
 * What must hold: when nobody else wrote to a thing since the look before an edit, undoing it shows what showed then, and
 * redoing what showed after it; whatever others wrote, what shows of theirs just before an undo or redo shows after it. */
#ifndef DX_SIM_UNDO_H
#define DX_SIM_UNDO_H

#include "workload.h"

/* Begins a session of the peer, if there is anything to change. */
void sim_undo_operate(sim_world *world, sim_peer *peer, size_t space);

#endif
