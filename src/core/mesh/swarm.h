/* mesh/swarm.h: who talks to whom: links, topics, addresses, dialling.
 *
 * Layer: floor 1, mesh (base, codec, crypto, halo). A topic is something two peers can
 * share a secret about: a space, an invitation. Every link carries one channel (mesh/channel.h) that was
 * opened for one topic; after the handshake its messages go to the topic's handler. The swarm dials known
 * addresses of a topic with back-off, closes links that do not authenticate in time, lets a newer link
 * between the same two devices on one topic supersede an older one (ties of simultaneous dials by device key:
 * both sides keep the same one), and keeps for every address when it last worked and why it last failed.
 * Bounds: DX_LINKS_MAX links, DX_SPACE_ADDRESSES_MAX addresses per topic; a stranger costs one meeting until
 * its handshake's deadline. When places for accepted links are short, one gives way that nobody vouched for; when
 * all links together hold more than DX_LINKS_HELD_MAX, the one that holds most, those nobody vouched for first.
 * Ownership: handlers borrow messages for the call. Sending never blocks: what the host has not taken
 * (LINK_WRITABLE) is counted and shown as `outstanding`; the peer's credit bounds it (sync), and a peer for which it
 * passes DX_LINK_OUTSTANDING_MAX all the same is closed. */
#ifndef DX_MESH_SWARM_H
#define DX_MESH_SWARM_H

#include "halo/keyring.h"
#include "mesh/channel.h"
#include "mesh/signaling.h"

typedef struct dx_swarm dx_swarm;

/* What became of links, for people who ask; outlives the swarm. */
typedef struct dx_swarm_counts {
    uint64_t ready;    /* handshakes completed */
    uint64_t failed;   /* links that ended before that: nobody there, strangers, timeouts */
    uint64_t refused;  /* links closed for what the peer did (errors of class peer) */
    uint64_t crowded;  /* links closed because places or memory were short, newcomers among them */
    uint64_t replayed; /* signals that came before, or of attempts that are over */
    uint64_t strange;  /* signals that fit no peer that was named, or not their time */
} dx_swarm_counts;

/* Where links meet the host: the node's outbox. */
typedef struct dx_swarm_port {
    void *ctx;
    uint64_t *next_link; /* number of the next link to open, odd; outlives the swarm, so that no number comes
                            twice */
    void (*open)(void *ctx, uint64_t link, dx_bytes address);
    void (*send)(void *ctx, uint64_t link, dx_bytes bytes);
    void (*close)(void *ctx, uint64_t link, int reason);
    void (*signal)(void *ctx, uint64_t link, dx_bytes body); /* what a link says beside its bytes */
    dx_swarm_counts *counts;
} dx_swarm_port;

/* What a handler knows of an authenticated channel. */
typedef struct dx_swarm_link {
    uint64_t link, topic;
    bool initiator;
    uint8_t handshake_hash[DX_NOISE_HASH_SIZE];
    uint8_t remote_static[DX_KEY_SIZE];
    /* What the other side's handshake carried (space topics: its device credential). */
    dx_bytes remote_payload;
    char address[256];  /* dialled or accepted from, for people */
    size_t outstanding; /* bytes given to the host and not yet taken */
} dx_swarm_link;

typedef struct dx_topic_handler {
    void *ctx;
    /* The channel is ready. An error closes the link with it, except DX_E_NO_MEMORY, DX_E_STORE,
     * DX_E_NO_SPACE and DX_E_IO, which fail the step. */
    int (*on_open)(void *ctx, const dx_swarm_link *link);
    int (*on_message)(void *ctx, const dx_swarm_link *link, dx_bytes message);
    int (*on_writable)(void *ctx, const dx_swarm_link *link);
    void (*on_close)(void *ctx, const dx_swarm_link *link, int reason);
} dx_topic_handler;

typedef struct dx_topic {
    uint64_t number;                    /* chosen by the caller, unique */
    uint8_t secret[DX_KEY_SIZE];        /* preface tag and psk */
    uint8_t prologue[DX_HASH_SIZE];     /* bound into the handshake (zeros for spaces, the link's hash for
                                           invitations) */
    uint8_t static_secret[DX_KEY_SIZE]; /* this side's Noise key for the topic */
    dx_bytes payload;                   /* this side's handshake payload; copied */
    bool expect_static;                 /* the initiator closes unless the responder shows expected_static */
    uint8_t expected_static[DX_KEY_SIZE];
    dx_topic_handler handler;
} dx_topic;

DX_MUST_USE int dx_swarm_create(const dx_alloc *alloc, const dx_random *random, const dx_tracer *tracer,
                                const dx_swarm_port *port, dx_swarm **out);
void dx_swarm_destroy(dx_swarm *swarm);
DX_MUST_USE int dx_swarm_add_topic(dx_swarm *swarm, const dx_topic *topic);
void dx_swarm_remove_topic(dx_swarm *swarm, uint64_t topic); /* closes its links */

/* Keeps dialling this address for the topic with back-off (0.2 s doubling to 60 s, jitter from the random
 * port) until connected, for ever or until removed; a peer that is here already by another link is not
 * dialled. Beyond DX_SPACE_ADDRESSES_MAX the one that failed most often gives way. DX_E_NOT_FOUND (topic),
 * DX_E_INVALID, DX_E_LIMIT (none of the others ever failed), DX_E_NO_MEMORY. */
DX_MUST_USE int dx_swarm_add_address(dx_swarm *swarm, uint64_t topic, dx_bytes address);
/* Its place is free at once: a link that stands goes on, one that is only being dialled ends. */
void dx_swarm_remove_address(dx_swarm *swarm, uint64_t topic, dx_bytes address);
/* An address "ws://…" or "wss://…" is a signaling service (mesh/signaling.h): the topic is looked for there, and its
 * peers are met by peer links (docs/spec/swarm.md). It takes no place of an address; at most DX_SIGNALING_SERVICES_MAX.
 * A service that is added here is for all topics, those to come too, and stays until removed. DX_E_INVALID,
 * DX_E_LIMIT, DX_E_NO_MEMORY. */
DX_MUST_USE int dx_swarm_add_service(dx_swarm *swarm, dx_bytes url);
void dx_swarm_remove_service(dx_swarm *swarm, dx_bytes url); /* for all topics; links that stand go on */
typedef struct dx_swarm_service_state {
    dx_bytes url;
    const char *state;
    int last_error;
    uint64_t since_ms;
    bool kept;    /* added; otherwise an address of some topic names it */
    size_t peers; /* it says that they are there */
    dx_signaling_counts counts;
} dx_swarm_service_state;
bool dx_swarm_service_at(const dx_swarm *swarm, size_t index, dx_swarm_service_state *out);
/* What keys for services are derived from; without it they are new ones each time. Before any service is added. */
void dx_swarm_set_device(dx_swarm *swarm, const uint8_t seed[static DX_KEY_SIZE]);
/* The wall's clock, by which topics are named at services; before a tick. */
void dx_swarm_set_wall(dx_swarm *swarm, uint64_t wall_ms);
/* Nothing is dialled before this time: for a node whose disk or memory just failed it. */
void dx_swarm_hold(dx_swarm *swarm, uint64_t until_ms);
/* A way to peers of a topic, and how it stands. */
typedef struct dx_swarm_way {
    char address[256];
    const char *state;
    int last_error; /* DX_OK: it led to somebody since, or was not tried */
    /* Which step failed, and why, in printable ASCII; "": the error says all there is. Borrowed until the next call. */
    const char *why;
    uint64_t since_ms;
} dx_swarm_way;
/* The addresses of a topic; index runs until false. */
bool dx_swarm_address_state(dx_swarm *swarm, uint64_t topic, size_t index, dx_swarm_way *out);
/* Likewise services where the topic is looked for, and the peers they name. */
bool dx_swarm_meeting_state(dx_swarm *swarm, uint64_t topic, size_t index, dx_swarm_way *out);

DX_MUST_USE int dx_swarm_send(dx_swarm *swarm, uint64_t link,
                              dx_bytes message); /* DX_E_NOT_FOUND when the link is gone */
/* Whether more may be given to the host for this link now; if not, some that waits must leave first. */
bool dx_swarm_has_room(const dx_swarm *swarm, uint64_t link);
/* The link's peer is known as one who may be here (or not any more): it does not give way to strangers. */
void dx_swarm_vouch(dx_swarm *swarm, uint64_t link, bool vouched);
void dx_swarm_close(dx_swarm *swarm, uint64_t link, int reason); /* tells the peer the reason, then closes */
size_t dx_swarm_link_count(const dx_swarm *swarm, uint64_t topic); /* authenticated ones */

/* Events of the seam, inside the step. */
DX_MUST_USE int dx_swarm_link_up(dx_swarm *swarm, uint64_t link, dx_bytes address, uint64_t now_ms);
DX_MUST_USE int dx_swarm_link_data(dx_swarm *swarm, uint64_t link, dx_bytes bytes, uint64_t now_ms);
DX_MUST_USE int dx_swarm_link_writable(dx_swarm *swarm, uint64_t link, size_t size, uint64_t now_ms);
/* What a link said beside its bytes. */
DX_MUST_USE int dx_swarm_signal(dx_swarm *swarm, uint64_t link, dx_bytes body, uint64_t now_ms);
/* why: the host's words, kept for people; may be empty. */
void dx_swarm_link_down(dx_swarm *swarm, uint64_t link, int reason, dx_bytes why, uint64_t now_ms);
/* Dials and times out; lowers *deadline_ms to the next time it must be called. DX_E_NO_MEMORY. */
DX_MUST_USE int dx_swarm_tick(dx_swarm *swarm, uint64_t now_ms, uint64_t *deadline_ms);
/* Closes everything (a failed step drops all volatile state); topics and addresses are added anew by the
 * node. */
void dx_swarm_drop_links(dx_swarm *swarm, int reason);

#endif
