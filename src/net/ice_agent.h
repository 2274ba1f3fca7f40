/* net/ice_agent.h: the inside of an ICE agent, shared by its files and nobody else.
 *
 * Layer: floor 2, net. ice.c is the door (both sides' candidates, outputs, time), ice_gather.c asks STUN servers,
 * ice_list.c keeps the check list, ice_check.c sends checks and chooses, ice_answer.c hears requests and answers.
 * Invariants: a pair names a base and a target that are in use; the selected pair is in use. Pairs and targets are of
 * the present generation or of the one before (its number less one): after a restart what was heard lives on under the
 * previous credentials until a pair of the present generation is selected. Ownership: one block holds everything. */
#ifndef DX_NET_ICE_AGENT_H
#define DX_NET_ICE_AGENT_H

#include "net/ice.h"
#include "net/stun.h"

enum {
    ICE_REMOTE_TEXT_MAX = 257, /* of the other side's ufrag and password, with terminator */
    ICE_REFLEXIVES_MAX = 16,   /* server-reflexive candidates: each address seen by two servers differently */
    ICE_DATAGRAMS_MAX = 16,    /* waiting to be taken; one call makes a handful */
    ICE_NO_PAIR = -1,

    /* A transaction (RFC 8489 §6.2.1): sent seven times, at 0, 0.5, 1.5, 3.5, 5.5, 7.5 and 9.5 s, given up at 13.5. The
     * waits double up to two seconds and no further: DX_ICE_GIVE_UP_MS is all the time there is, and on a path that
     * loses a fifth each way three questions in 3.5 s are too few. */
    ICE_RTO_MS = 500,
    ICE_RTO_MAX_MS = 2000,
    ICE_SENDS_MAX = 7,

    /* How long a working pair waits for a better one that is still being checked, or still to be told. */
    ICE_NOMINATE_WAIT_MS = 300,
    /* A consent check without an answer is followed by the next after so long; then so many make the pair doubtful.
     */
    ICE_CONSENT_AGAIN_MS = 1000,
    ICE_DOUBT_MISSES = 3,
    /* A controlling side that still marks its checks does so every 2.5 s (libwebrtc); one that stopped for so long
     * has changed its mind, and another nomination of it counts even for a worse pair. */
    ICE_NOMINATION_STALE_MS = 3000,
    /* The generation before is still heard for so long after the new one has been chosen. */
    ICE_PREVIOUS_KEPT_MS = 30000,
};

typedef enum ice_pair_state {
    ICE_FROZEN,
    ICE_PENDING,
    ICE_IN_PROGRESS,
    ICE_SUCCEEDED,
    ICE_BROKEN
} ice_pair_state;

/* What a check is for, beside its question. */
typedef enum ice_purpose {
    ICE_FIND,     /* does the pair work */
    ICE_NOMINATE, /* and take it (USE-CANDIDATE) */
    ICE_CONSENT,  /* does it still */
} ice_purpose;

typedef struct ice_transaction {
    bool active;       /* an answer is awaited */
    bool has_previous; /* one that was replaced may still be answered */
    uint8_t id[DX_STUN_TRANSACTION_SIZE];
    uint8_t previous[DX_STUN_TRANSACTION_SIZE];
    ice_purpose purpose;
    dx_stun_role role; /* as told in it */
    unsigned sends;
    uint32_t rto_ms;
    uint64_t begun_ms, sent_ms, due_ms; /* first and last sent; to be sent again or given up */
} ice_transaction;

/* An address of this machine: the base of what other sides see of it. */
typedef struct ice_base {
    bool used, told;
    uint32_t socket;
    uint32_t number; /* for foundations: equal for equal hosts, from 1 */
    uint32_t preference;
    dx_net_address address;
    struct {
        bool done, answered;
        ice_transaction transaction;
    } gather[DX_ICE_SERVERS_MAX];
} ice_base;

/* How a STUN server sees a base. */
typedef struct ice_reflexive {
    bool used, told;
    uint8_t base, server;
    dx_net_address address;
} ice_reflexive;

/* A remote candidate. */
typedef struct ice_target {
    bool used;
    uint32_t generation;
    dx_candidate_type type;
    uint32_t priority;
    uint64_t heard_ms;
    dx_net_address address;
    char foundation[DX_CANDIDATE_FOUNDATION_MAX];
} ice_target;

typedef struct ice_pairing {
    bool used;
    bool nominated_by_peer; /* controlled: USE-CANDIDATE came */
    uint8_t base, target;
    uint32_t generation;
    ice_pair_state state;
    uint64_t priority;
    uint32_t triggered; /* place in the triggered-check queue, 0: not in it */
    ice_purpose wanted; /* of the next check: FIND or NOMINATE */
    ice_transaction check;
    dx_net_address mapped;
    uint32_t rtt_ms, checks_sent, answers_received, checks_received;
    uint64_t heard_ms, nominated_ms; /* last answer; last USE-CANDIDATE */
} ice_pairing;

typedef struct ice_credentials {
    char ufrag[DX_ICE_UFRAG_SIZE + 1];
    char password[DX_ICE_PASSWORD_SIZE + 1];
    bool has_remote;
    char remote_ufrag[ICE_REMOTE_TEXT_MAX];
    char remote_password[ICE_REMOTE_TEXT_MAX];
} ice_credentials;

typedef struct ice_datagram {
    uint32_t socket;
    dx_net_address to;
    size_t size;
    uint8_t bytes[DX_ICE_DATAGRAM_MAX];
} ice_datagram;

struct dx_ice {
    const dx_alloc *alloc;
    const dx_random *random;
    uint64_t now_ms;
    bool controlling, remote_lite;
    uint64_t tie_breaker;
    uint32_t own_pacing_ms, pacing_ms, give_up_after_ms;
    size_t server_count;
    dx_net_address servers[DX_ICE_SERVERS_MAX];

    uint32_t generation;
    ice_credentials present, previous; /* previous: ufrag "" when there is none */
    uint64_t previous_until_ms;        /* DX_NO_DEADLINE while its pair is in use */

    ice_base bases[DX_ICE_LOCALS_MAX];
    ice_reflexive reflexives[ICE_REFLEXIVES_MAX];
    ice_target targets[DX_ICE_REMOTES_MAX];
    ice_pairing pairs[DX_ICE_PAIRS_MAX];
    uint32_t base_numbers, target_numbers; /* given out so far */
    uint32_t triggered_count;
    bool local_ended, end_told, remote_ended;

    int selected; /* ICE_NO_PAIR, or a pair */
    bool selected_untold, failed_untold, failed;
    bool searching; /* ordinary checks go on: nothing is chosen yet, or what was is doubtful */
    bool repairing; /* what was chosen is gone or doubtful: any pair that works is taken */
    bool refused;   /* an answer said no */
    bool gather_turn;
    dx_ice_reason reason;
    dx_ice_tally tally; /* when it failed */
    unsigned consent_misses;
    uint64_t slot_ms;        /* the next transaction may begin */
    uint64_t give_up_ms;     /* DX_NO_DEADLINE: nothing is looked for */
    uint64_t first_valid_ms; /* DX_NO_DEADLINE: none yet */
    uint64_t consent_due_ms;

    size_t datagram_first, datagram_count;
    ice_datagram datagrams[ICE_DATAGRAMS_MAX];
    char line[DX_CANDIDATE_TEXT_MAX];
};

/* --- ice.c ------------------------------------------------------------------------------------------- */

void dx_ice_send(dx_ice *ice, uint32_t socket, const dx_net_address *to, dx_bytes bytes);
void dx_ice_fail(dx_ice *ice, dx_ice_reason reason);
/* When a transaction that was sent so often by now is due again, or given up. */
uint64_t dx_ice_due_after(const dx_ice *ice, uint32_t rto_ms, unsigned sends);
/* Uniformly low <= n < high. */
uint64_t dx_ice_random_between(dx_ice *ice, uint64_t low, uint64_t high);

/* --- ice_gather.c -------------------------------------------------------------------------------------- */

void dx_ice_gather_reset(dx_ice *ice, ice_base *base); /* asks all servers that can be asked, again */
void dx_ice_gather_add(dx_ice *ice, size_t server);    /* the same of one that is new */
bool dx_ice_gather_begin(dx_ice *ice);                 /* sends one first request; false: none is left */
void dx_ice_gather_again(dx_ice *ice);                 /* what is due */
bool dx_ice_gather_done(const dx_ice *ice);
uint64_t dx_ice_gather_due(const dx_ice *ice); /* of again, not of begin */
bool dx_ice_gather_waits(const dx_ice *ice);   /* begin would send one */
/* Whether the transaction is one of these; and takes its answer. */
bool dx_ice_gather_knows(const dx_ice *ice, uint32_t socket, const uint8_t *transaction);
bool dx_ice_gather_receive(dx_ice *ice, uint32_t socket, const dx_net_address *from,
                           const dx_stun_message *message);

/* --- ice_list.c ------------------------------------------------------------------------------------------ */

int dx_ice_find_base(const dx_ice *ice, uint32_t socket); /* ICE_NO_PAIR: none */
ice_target *dx_ice_find_target(dx_ice *ice, uint32_t generation, const dx_net_address *address);
/* A place for a new one, taken from one that leads nowhere when all are used. NULL: every one is of use. */
ice_target *dx_ice_take_target(dx_ice *ice);
/* The pair, made when it is not there; NULL: no room. */
ice_pairing *dx_ice_take_pair(dx_ice *ice, const ice_base *base, const ice_target *target);
void dx_ice_pair_base(dx_ice *ice, const ice_base *base);       /* with all targets it can reach */
void dx_ice_pair_target(dx_ice *ice, const ice_target *target); /* with all bases */
void dx_ice_drop_pair(dx_ice *ice, ice_pairing *pair);
void dx_ice_weigh_pairs(dx_ice *ice); /* priorities anew: a role or a candidate changed */
void dx_ice_drop_previous(dx_ice *ice);
/* A new generation begins: of the pairs there are, those heard become the previous one's, the rest goes. */
void dx_ice_turn_generation(dx_ice *ice);
ice_pairing *dx_ice_selected_pair(const dx_ice *ice); /* NULL: none */
/* Of the present generation: the best that works, or NULL; its next check, or NULL. */
ice_pairing *dx_ice_best_valid(const dx_ice *ice);
ice_pairing *dx_ice_next_check(const dx_ice *ice);
void dx_ice_thaw(dx_ice *ice, const ice_pairing *like); /* frozen pairs of its foundation */
dx_candidate_type dx_ice_local_type(const dx_ice *ice, const ice_pairing *pair);

/* --- ice_check.c ----------------------------------------------------------------------------------------- */

void dx_ice_trigger(dx_ice *ice, ice_pairing *pair, ice_purpose wanted);
void dx_ice_begin_search(dx_ice *ice);
void dx_ice_recheck(dx_ice *ice); /* every pair but the selected one once more, any will do */
void dx_ice_select(dx_ice *ice, ice_pairing *pair);
void dx_ice_consider_nominated(dx_ice *ice, ice_pairing *pair); /* controlled: the other side wants it */
void dx_ice_run(dx_ice *ice);                                   /* everything that is due */
uint64_t dx_ice_check_due(const dx_ice *ice);
/* An answer came: the pair works. */
void dx_ice_answered(dx_ice *ice, ice_pairing *pair, const dx_stun_message *message, bool latest);
/* This side plays the other role from now on. */
void dx_ice_switch_role(dx_ice *ice);

/* --- ice_answer.c ---------------------------------------------------------------------------------------- */

/* The transaction of a check from this socket: its pair, or NULL; latest: not one that was replaced. */
ice_pairing *dx_ice_find_asked(const dx_ice *ice, uint32_t socket, const uint8_t *transaction, bool *latest);
/* The credentials of ours that a USERNAME is addressed to, or NULL. */
const ice_credentials *dx_ice_addressed(const dx_ice *ice, dx_bytes username);
void dx_ice_hear(dx_ice *ice, uint32_t socket, const dx_net_address *from, dx_bytes datagram);

#endif
