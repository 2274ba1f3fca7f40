/* sync/told_address.h: which of the addresses that peers tell are dialled.
 *
 * Layer: floor 1, sync (base). A member says where others may be found, and everyone who hears it dials
 * there: without a rule that is a way to make other people's machines connect to places of one's choice. So a
 * peer's word is taken for figures only (no name is ever looked up for a peer), never for places that are
 * nobody's (unspecified, link-local with the metadata services of clouds, multicast, reserved), and for the
 * loopback only from one who came over the loopback. What a person types (links, peer.connect, --listen) is
 * not asked here. docs/decisions/0015. No state. */
#ifndef DX_SYNC_TOLD_ADDRESS_H
#define DX_SYNC_TOLD_ADDRESS_H

#include <dxos/base.h>

/* address: as told, of the form dx_address_check wants; link: where the peer was dialled or accepted from.
 * Other addresses that are not "tcp:" are the driver's own and pass, but for those of meeting places. */
bool dx_told_address_check(dx_bytes address, dx_bytes link);
/* A signaling service, or a peer link that came about by one: nobody is told of them, nor to be found there. */
bool dx_is_meeting_place(dx_bytes address);

#endif
