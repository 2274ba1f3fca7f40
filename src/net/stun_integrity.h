/* net/stun_integrity.h: the keyed hash below MESSAGE-INTEGRITY, the one thing STUN asks of libcrypto.
 *
 * Layer: floor 2, net. A file of its own so that the simulator, which also runs where there is no libcrypto, can put
 * another in its place (sim/stand_in_integrity.c). No state, no allocation but libcrypto's for the length of a call. */
#ifndef DX_NET_STUN_INTEGRITY_H
#define DX_NET_STUN_INTEGRITY_H

#include "net/stun.h"

/* HMAC-SHA1 (RFC 8489 §14.5). Zeros when libcrypto is out of memory: like a message lost on the way. */
void dx_stun_integrity(dx_bytes key, dx_bytes message, uint8_t out[static DX_STUN_INTEGRITY_SIZE]);

#endif
