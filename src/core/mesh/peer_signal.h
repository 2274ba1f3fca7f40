/* mesh/peer_signal.h: what the transport of a peer link here tells the one there, as far as the node reads it.
 *
 * Layer: floor 1, mesh (base, codec, crypto). One canonical map: {"sdp": text, "type": "offer" | "answer"} or {"candidate": text}
 * (decision 0021). Of a description (SDP, RFC 8866) only one line is read: the fingerprint of the certificate that
 * its transport will show (RFC 8122 §5), which the channel is bound to. Ownership: views into the item. */
#ifndef DX_MESH_PEER_SIGNAL_H
#define DX_MESH_PEER_SIGNAL_H

#include "crypto/hash.h"

typedef enum dx_peer_signal_kind {
    DX_PEER_SIGNAL_OFFER,
    DX_PEER_SIGNAL_ANSWER,
    DX_PEER_SIGNAL_CANDIDATE
} dx_peer_signal_kind;

typedef struct dx_peer_signal {
    dx_peer_signal_kind kind;
    dx_bytes text;                     /* the description, or the candidate (empty: no more come) */
    uint8_t fingerprint[DX_HASH_SIZE]; /* SHA-256; of a description */
} dx_peer_signal;

/* DX_E_MALFORMED: not such a map, longer than DX_SIGNAL_SIZE_MAX, or a description without exactly one fingerprint,
 * that one SHA-256: another one beside it would be a second way in. */
DX_MUST_USE int dx_peer_signal_read(dx_bytes item, dx_peer_signal *out);

#endif
