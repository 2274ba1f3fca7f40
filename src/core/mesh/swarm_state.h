/* mesh/swarm_state.h: what a swarm is made of. Private to the room: swarm.c (links, topics, addresses) and encounter.c
 * (peers that signaling services name, and the attempts to reach them). */
#ifndef DX_MESH_SWARM_STATE_H
#define DX_MESH_SWARM_STATE_H

#include "base/limits.h"
#include "mesh/signaling.h"
#include "mesh/swarm.h"

typedef struct dx_dialling dx_dialling;
typedef struct dx_meeting dx_meeting;
typedef struct dx_swarm_topic dx_swarm_topic;
typedef struct dx_encounter dx_encounter;

/* An address that is dialled for a topic. */
struct dx_dialling {
    dx_dialling *next;
    char address[256];
    uint64_t link;             /* in use for it, when has_link */
    uint8_t peer[DX_KEY_SIZE]; /* the static key that answered there last, when has_peer */
    uint64_t next_ms;          /* not before */
    uint64_t since_ms;
    unsigned failures;
    int last_error;
    char why[DX_LINK_WHY_MAX]; /* the last link ended so, in words; "": none are known */
    bool has_link, has_peer, connected, removed;
};

struct dx_swarm_topic {
    dx_swarm_topic *next;
    dx_topic topic;
    uint8_t own_static[DX_KEY_SIZE]; /* the public half of topic.static_secret */
    dx_buf payload;
    dx_dialling *diallings;
};

/* A link and its channel. */
struct dx_meeting {
    dx_meeting *next;
    dx_swarm_link link;
    dx_channel channel;
    dx_dialling *dialling;   /* NULL: accepted */
    dx_encounter *encounter; /* of a peer link, which it may outlive: then NULL */
    uint64_t begun_ms;       /* dialled or accepted */
    uint64_t ready_ms;
    uint64_t source; /* hash of where it was accepted from */
    size_t kin;      /* accepted links from there that nobody vouched for, itself included */
    size_t held;     /* as counted in the swarm's */
    bool channelled; /* the link is up and its channel begun */
    bool ready, closed, vouched;
};

enum { DX_OFFER, DX_ANSWER, DX_DESCRIPTIONS, DX_SESSIONS_PAST = 8 };

/* A peer of a topic as a service names it today, and the attempt to reach it. */
struct dx_encounter {
    dx_encounter *next;
    dx_swarm *swarm;
    dx_dialling dialling;  /* as of an address: link, back-off, who answered */
    dx_signaling *service; /* NULL: it was removed */
    dx_signaling_place place;
    bool present;
    bool offers; /* own name is the smaller one: we offer, he answers */
    bool has_session, described[DX_DESCRIPTIONS];
    uint8_t session[DX_SIGNALING_NAME_SIZE];
    uint8_t past[DX_SESSIONS_PAST][DX_SIGNALING_NAME_SIZE];
    size_t past_next;
    uint64_t own_sequence, seen; /* seen: a bit for each number of the other side's */
    uint8_t fingerprints[DX_DESCRIPTIONS][DX_HASH_SIZE];
    uint8_t prologue[(1 + DX_DESCRIPTIONS) * DX_HASH_SIZE]; /* of the channel, once both are known */
    dx_buf waiting; /* candidates that came before what they belong to, one item after another */
};

/* A signaling service. */
typedef struct dx_swarm_service dx_swarm_service;
struct dx_swarm_service {
    dx_swarm_service *next;
    dx_signaling *machine;
    bool kept; /* the person named it: every topic is joined; otherwise those whose addresses name it */
};

struct dx_swarm {
    const dx_alloc *alloc;
    const dx_random *random;
    const dx_tracer *tracer;
    dx_swarm_port port;
    dx_swarm_topic *topics;
    dx_meeting *meetings;
    dx_swarm_service *services;
    dx_encounter *encounters;
    uint8_t device_seed[DX_KEY_SIZE];
    bool has_device_seed;
    uint64_t now_ms, wall_ms;
    uint64_t hold_ms; /* nothing is dialled before */
    size_t held;      /* memory of all links */
    dx_buf out;       /* ciphertext on its way to the port */
    int depth;        /* calls on the stack: nothing is freed below the outermost */
};

/* --- swarm.c --- */
dx_swarm_topic *dx_swarm_find_topic(dx_swarm *swarm, uint64_t number);
dx_meeting *dx_swarm_find_meeting(dx_swarm *swarm, uint64_t link);
/* NULL: no memory. */
dx_meeting *dx_swarm_make_meeting(dx_swarm *swarm, uint64_t link, dx_bytes address, bool initiator);
void dx_swarm_close_meeting(dx_swarm *swarm, dx_meeting *meeting, int reason);
/* Of an address or a peer, for people; state: in a word, when it is neither here nor on its way. */
void dx_swarm_tell_way(const dx_swarm *swarm, const dx_swarm_topic *topic, const dx_dialling *dialling,
                       const char *state, dx_swarm_way *out);
/* Whether one more link may be accepted, at the cost of another where places are short. */
bool dx_swarm_make_place(dx_swarm *swarm);
size_t dx_swarm_count_links(const dx_swarm *swarm, bool dialled);
/* Whether the peer that answered there before is here already, by whichever link. */
bool dx_swarm_is_met(const dx_swarm *swarm, const dx_swarm_topic *topic, const dx_dialling *dialling);
void dx_swarm_describe_topic(const dx_swarm_topic *topic, dx_channel_topic *out);
DX_MUST_USE int dx_swarm_flush(dx_swarm *swarm, dx_meeting *meeting);

/* --- encounter.c --- */
bool dx_is_service_address(dx_bytes address);
/* The topic is looked for at this service. DX_E_LIMIT, DX_E_INVALID, DX_E_NO_MEMORY. */
DX_MUST_USE int dx_encounter_join(dx_swarm *swarm, const dx_swarm_topic *topic, dx_bytes url);
void dx_encounter_part(dx_swarm *swarm, uint64_t topic, dx_bytes url);
/* A topic comes: it joins where all do; goes: its encounters too. */
DX_MUST_USE int dx_encounter_add_topic(dx_swarm *swarm, const dx_swarm_topic *topic);
void dx_encounter_remove_topic(dx_swarm *swarm, uint64_t topic);
/* The events of the seam, when the link is a service's or a peer link: *taken. */
DX_MUST_USE int dx_encounter_up(dx_swarm *swarm, uint64_t link, dx_bytes address, bool *taken);
DX_MUST_USE int dx_encounter_signal(dx_swarm *swarm, uint64_t link, dx_bytes body);
void dx_encounter_down(dx_swarm *swarm, uint64_t link, int reason, bool *taken);
DX_MUST_USE int dx_encounter_tick(dx_swarm *swarm, uint64_t *deadline_ms);
/* Forgets whom nobody names any more. */
void dx_encounter_sweep(dx_swarm *swarm);
void dx_encounter_free_all(dx_swarm *swarm);

#endif
