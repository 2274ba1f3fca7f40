/* dxos/signaling.h: the signaling service, as the host of a kube runs it: presence and addressed messages for peers who cannot
 * dial each other.
 *
 * Layer: public, floor 1 (src/core/kube). A machine without sockets: connections and messages go in, messages and closings come
 * out by a port. docs/spec/signaling.md is the protocol. Nothing is kept on a disk: after a restart clients join anew.
 * Ownership: the service owns everything; views handed to the port are borrowed. */
#ifndef DXOS_SIGNALING_H
#define DXOS_SIGNALING_H

#include <dxos/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct dx_signaling_service dx_signaling_service;

/* How connections are reached. Not called from within itself. */
typedef struct dx_service_port {
    void *ctx;
    void (*send)(void *ctx, uint64_t socket, dx_bytes frame);
    /* The service has forgotten it already; a close call for it may come or not. */
    void (*close)(void *ctx, uint64_t socket, int reason);
    size_t (*waiting)(void *ctx, uint64_t socket); /* bytes that have not left; NULL: the host bounds them */
} dx_service_port;

/* A kube of one's own on a small machine: some 60 MB when all of it is used. */
typedef struct dx_service_limits dx_service_limits;
extern DX_API const dx_service_limits dx_service_limits_usual;

/* For /metrics and tests; gauges first, then what only grows. */
#define DX_SERVICE_COUNTS(X)                                                                                 \
    X(connections, "connections that stand")                                                                 \
    X(strangers, "of them without a proof yet")                                                              \
    X(topics, "topics with anybody in them")                                                                 \
    X(joins, "presences, those in grace included")                                                           \
    X(connections_total, "connections ever")                                                                 \
    X(crowded_total, "connections refused for want of room")                                                 \
    X(proven_total, "proofs that held")                                                                      \
    X(strangers_total, "connections ended without a proof")                                                  \
    X(joins_total, "presences announced")                                                                    \
    X(resumed_total, "presences that came back on another connection")                                       \
    X(expired_total, "presences that ran out")                                                               \
    X(messages_total, "messages delivered")                                                                  \
    X(bytes_total, "bytes of their bodies")                                                                  \
    X(absent_total, "messages to peers that are not there")                                                  \
    X(refused_total, "requests refused by a quota or a rule")                                                \
    X(malformed_total, "connections ended for what they said")                                               \
    X(flooded_total, "connections ended for saying too much")                                                \
    X(silent_total, "connections ended for saying nothing")

typedef struct dx_service_counts {
#define DX_SERVICE_COUNT_ROW(name, words) uint64_t name;
    DX_SERVICE_COUNTS(DX_SERVICE_COUNT_ROW)
#undef DX_SERVICE_COUNT_ROW
} dx_service_counts;

/* ice: an encoded list of ICE servers as WELCOME has it (copied), size 0: none. limits is borrowed for the
 * service's life. DX_E_NO_MEMORY, DX_E_MALFORMED (ice). */
DX_API DX_MUST_USE int dx_signaling_service_create(const dx_alloc *alloc, const dx_random *random,
                                                   const dx_service_port *port,
                                                   const dx_service_limits *limits, dx_bytes ice,
                                                   dx_signaling_service **out);
DX_API void dx_signaling_service_destroy(dx_signaling_service *service); /* says nothing to anybody */

/* A connection; socket: the host's number, never used twice. peer: its network address in figures, without a port.
 * DX_E_LIMIT (no room, for it or at all), DX_E_NO_MEMORY: the host closes it. */
DX_API DX_MUST_USE int dx_signaling_service_open(dx_signaling_service *service, uint64_t socket,
                                                 const char *peer, uint64_t now_ms);
/* One frame. What it did wrong ends in the port's close. */
DX_API void dx_signaling_service_receive(dx_signaling_service *service, uint64_t socket, dx_bytes frame,
                                         uint64_t now_ms);
/* The client ended it in order: it leaves all its topics now. */
DX_API void dx_signaling_service_leave(dx_signaling_service *service, uint64_t socket, uint64_t now_ms);
/* It broke: for a while the client may come back as if nothing had been. */
DX_API void dx_signaling_service_close(dx_signaling_service *service, uint64_t socket, uint64_t now_ms);
/* Ends what ran out; returns when to call again. */
DX_API uint64_t dx_signaling_service_tick(dx_signaling_service *service, uint64_t now_ms);
DX_API const dx_service_counts *dx_signaling_service_counts(const dx_signaling_service *service);

#ifdef __cplusplus
}
#endif
#endif
