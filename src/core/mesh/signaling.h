/* mesh/signaling.h: a client of one signaling service: who is there, and what they tell each other.
 *
 * Layer: floor 1, mesh (base, codec, crypto). A machine without I/O beside the swarm that owns it: it dials the
 * service, proves a key made for this service alone, keeps the topics it was given joined under the names of the
 * day, and passes signals, sealed. docs/spec/signaling.md. What the service says is not trusted: it can keep peers apart,
 * and can do nothing else. Live peer links do not need it: when it goes, they stay.
 * Invariants: nothing leaves before the welcome; a signal is told only when it opened under its topic's secret for
 * just this pair of names. Memory: DX_SIGNALING_PEERS_MAX names a topic and day. Ownership: topics' secrets are copied
 * and wiped; views handed out are borrowed for the call. */
#ifndef DX_MESH_SIGNALING_H
#define DX_MESH_SIGNALING_H

#include "mesh/signaling_message.h"

/* X(symbol, name, allowed successors) */
/* clang-format off */
#define DX_SIGNALING_STATES(X) \
    X(AWAY,     "waiting to dial", 1u << DX_SIGNALING_DIALLED)                                 \
    X(DIALLED,  "dialled",         1u << DX_SIGNALING_UP | 1u << DX_SIGNALING_AWAY)            \
    X(UP,       "connected",       1u << DX_SIGNALING_PROVING | 1u << DX_SIGNALING_AWAY)       /* HELLO awaited */ \
    X(PROVING,  "proving",         1u << DX_SIGNALING_READY | 1u << DX_SIGNALING_AWAY)         /* WELCOME awaited */ \
    X(READY,    "ready",           1u << DX_SIGNALING_AWAY)
/* clang-format on */

typedef enum dx_signaling_state {
#define DX_SIGNALING_STATE_ROW(symbol, name, successors) DX_SIGNALING_##symbol,
    DX_SIGNALING_STATES(DX_SIGNALING_STATE_ROW)
#undef DX_SIGNALING_STATE_ROW
        DX_SIGNALING_STATE_COUNT
} dx_signaling_state;

typedef struct dx_signaling dx_signaling;

/* Another peer of a topic, as this service names it today. */
typedef struct dx_signaling_place {
    uint64_t topic; /* the caller's number */
    uint8_t tag[DX_SIGNALING_NAME_SIZE], own[DX_SIGNALING_NAME_SIZE], peer[DX_SIGNALING_NAME_SIZE];
} dx_signaling_place;

typedef struct dx_signaling_port {
    void *ctx;
    uint64_t (*open)(void *ctx, dx_bytes url); /* the number of a new link */
    void (*send)(void *ctx, uint64_t link, dx_bytes frame);
    void (*close)(void *ctx, uint64_t link, int reason);
    /* What came of it. Errors (of the host) fail the step. None may call back into this client but on_present and
     * on_signal, with dx_signaling_send. */
    int (*on_present)(void *ctx, dx_signaling *from, const dx_signaling_place *place);
    int (*on_signal)(void *ctx, dx_signaling *from, const dx_signaling_place *place,
                     const dx_signaling_signal *signal);
    void (*on_left)(void *ctx, dx_signaling *from, const dx_signaling_place *place);
} dx_signaling_port;

/* For people, and for tests. */
typedef struct dx_signaling_counts {
    uint64_t connected;  /* welcomes */
    uint64_t lost;       /* connections that ended, or never were */
    uint64_t refused;    /* what the service would not do */
    uint64_t strange;    /* messages that fit nothing that was asked */
    uint64_t unreadable; /* bodies that did not open: not by a peer of the topic, or not for us */
    uint64_t sent, received;
} dx_signaling_counts;

/* url: "ws://…" or "wss://…" (DX_E_INVALID). DX_E_NO_MEMORY. */
DX_MUST_USE int dx_signaling_create(const dx_alloc *alloc, const dx_random *random, const dx_tracer *tracer,
                                    const dx_signaling_port *port, dx_bytes url,
                                    const uint8_t device_seed[static DX_KEY_SIZE], dx_signaling **out);
/* Its link is closed; nobody is told. */
void dx_signaling_destroy(dx_signaling *signaling);
/* Joined from the next tick on. DX_E_EXISTS, DX_E_NO_MEMORY. */
DX_MUST_USE int dx_signaling_add_topic(dx_signaling *signaling, uint64_t number,
                                       const uint8_t secret[static DX_KEY_SIZE]);
void dx_signaling_remove_topic(dx_signaling *signaling, uint64_t number); /* no on_left */
bool dx_signaling_has_topic(const dx_signaling *signaling, uint64_t number);
bool dx_signaling_has_topics(const dx_signaling *signaling); /* any */
/* Tells it to one peer. DX_E_STATE while the service is away, DX_E_NOT_FOUND when the place is of no present topic
 * and day; the buffer's errors. */
DX_MUST_USE int dx_signaling_send(dx_signaling *signaling, const dx_signaling_place *place,
                                  const dx_signaling_signal *signal);

/* Events of the seam: whether the link is this service's is asked first. */
bool dx_signaling_has_link(const dx_signaling *signaling, uint64_t link);
void dx_signaling_up(dx_signaling *signaling, uint64_t now_ms);
/* DX_E_NO_MEMORY, or what the port's calls returned. */
DX_MUST_USE int dx_signaling_receive(dx_signaling *signaling, dx_bytes frame, uint64_t now_ms);
void dx_signaling_down(dx_signaling *signaling, int reason, uint64_t now_ms);
/* Dials, joins, renews, pings, gives up; lowers *deadline_ms. Nothing is dialled before hold_ms. */
void dx_signaling_tick(dx_signaling *signaling, uint64_t now_ms, uint64_t wall_ms, uint64_t hold_ms,
                       uint64_t *deadline_ms);

/* How it stands, for people. */
dx_bytes dx_signaling_url(const dx_signaling *signaling);
dx_signaling_state dx_signaling_state_of(const dx_signaling *signaling);
const char *dx_signaling_state_name(dx_signaling_state state);
int dx_signaling_last_error(const dx_signaling *signaling, uint64_t *since_ms); /* DX_OK: never one */
const dx_signaling_counts *dx_signaling_counts_of(const dx_signaling *signaling);
/* One item, a list of ICE servers as WELCOME had it; empty bytes before the first one. */
dx_bytes dx_signaling_ice(const dx_signaling *signaling);

#endif
