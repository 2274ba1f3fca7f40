/* kube/signaling_service.h: where peers who cannot dial each other find each other: presence and addressed messages.
 *
 * Layer: floor 1, kube (base, codec, crypto, mesh). A machine without sockets: connections and messages go in, messages
 * and closings come out by a port. docs/spec/signaling.md is the protocol. It knows random names and keys made for it
 * alone; what peers say is sealed. Nothing is kept on a disk: after a restart clients join anew.
 * Invariants: nobody is served before its proof, and who does not prove itself in time goes; messages of one sender
 * arrive in the order sent; every quota's refusal is told and counted. Memory: some 200 bytes a connection, 150 a join, all
 * bounded by dx_service_limits. Its functions stand in dxos/signaling.h, for the hosts that run it. */
#ifndef DX_KUBE_SIGNALING_SERVICE_H
#define DX_KUBE_SIGNALING_SERVICE_H

#include <dxos/signaling.h>

#include "kube/signaling_account.h"
#include "mesh/signaling_message.h"

struct dx_service_limits {
    size_t connections, joins; /* of all */
    size_t peers_of_topic;
    dx_account_quota of_key, of_network;
};

#endif
