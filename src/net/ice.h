/* net/ice.h: an ICE agent (RFC 8445, trickle RFC 8838, consent RFC 7675): finds a path for datagrams between two
 * peers behind whatever stands between them, and says when it is lost. docs/spec/ice.md has what is done, what
 * is not, and every deviation.
 *
 * Layer: floor 2, net. A machine without sockets or clock: the host numbers its sockets, hands in the datagrams
 * that arrived and the time, and takes out what is to be done.
 *
 *     dx_ice_create, dx_ice_add_local for each address, dx_ice_end_local
 *     dx_ice_set_remote, dx_ice_add_remote …      as signaling brings them, in any order with the above
 *     datagram arrived: dx_ice_receive            deadline passed: dx_ice_tick
 *     after every call above: while (dx_ice_next(ice, &output)) …, then wait until dx_ice_deadline
 *
 * One component, so one path: the selected pair. Full agent, regular nomination; roles settle by themselves.
 * Invariants: a datagram without valid integrity changes nothing, is not answered and costs no memory. Everything
 * is bounded by the constants below; memory is taken once, in dx_ice_create (31 kB), so no later call can
 * run out of it. now_ms never goes back. Ownership: the agent is opaque; what an output borrows is valid until the
 * next call with this agent, dx_ice_next included. */
#ifndef DX_NET_ICE_H
#define DX_NET_ICE_H

#include "net/candidate.h"

enum {
    /* Addresses of this machine at a time: cable, radio, a tunnel or two, each in both families. */
    DX_ICE_LOCALS_MAX = 8,
    /* STUN servers asked from each address: the kube's in both families, and one more of each. */
    DX_ICE_SERVERS_MAX = 4,
    /* Addresses of the other side, told or seen; a new one takes the place of one that leads nowhere. */
    DX_ICE_REMOTES_MAX = 32,
    /* Pairs of the two (RFC 8445 §6.1.2.5 recommends this bound); the least promising are left out. */
    DX_ICE_PAIRS_MAX = 100,
    /* A datagram the agent sends: a check with the longest name of the other side has 348 bytes. */
    DX_ICE_DATAGRAM_MAX = 384,
    DX_ICE_UFRAG_SIZE = 8,     /* of ours: 48 bits, so that agents on one socket do not collide */
    DX_ICE_PASSWORD_SIZE = 24, /* of ours: 144 bits; RFC 8445 §5.3 asks for 128 */
    /* Time between two checks that are not answers (Ta): ours unless the other side wants it slower; one that says
     * nothing has 50 (RFC 8445 §14.2). 5 is the least anybody may. */
    DX_ICE_PACING_MS = 20,
    DX_ICE_PACING_MIN_MS = 5,
    DX_ICE_PACING_DEFAULT_MS = 50,
    /* From the other side's credentials to giving up without a path: what signaling, trickling and seven lost
     * packets may take. */
    DX_ICE_GIVE_UP_MS = 20000,
    /* Consent (RFC 7675 §5.1): asked every 5 s, give or take a fifth; 30 s without an answer end it. */
    DX_ICE_CONSENT_MS = 5000,
    DX_ICE_CONSENT_LOST_MS = 30000,
};

/* X(symbol, name, allowed successors) */
/* clang-format off */
#define DX_ICE_STATES(X) \
    X(WAITING,   "waiting",   1u << DX_ICE_CHECKING | 1u << DX_ICE_CONNECTED | 1u << DX_ICE_FAILED)  /* for the other side's credentials */ \
    X(CHECKING,  "checking",  1u << DX_ICE_WAITING | 1u << DX_ICE_CONNECTED | 1u << DX_ICE_FAILED)   /* looking for a path */ \
    X(CONNECTED, "connected", 1u << DX_ICE_WAITING | 1u << DX_ICE_CHECKING | 1u << DX_ICE_FAILED) /* a pair is selected */ \
    X(FAILED,    "failed",    1u << DX_ICE_WAITING | 1u << DX_ICE_CHECKING)   /* quiet; a restart begins anew */

/* Why it failed. X(symbol, sentence for people) */
#define DX_ICE_REASONS(X) \
    X(NO_LOCAL,     "this device has no network address to connect from") \
    X(NO_REMOTE,    "the other side told no address that could be reached, and was not heard from") \
    X(NO_PAIR,      "the two sides have no kind of address in common") \
    X(NO_ANSWER,    "nothing came back on any path; a firewall or NAT on one of the sides lets no UDP through") \
    X(ONE_WAY,      "the other side was heard but did not hear this one") \
    X(REFUSED,      "the other side refused every path; it may have forgotten this connection") \
    X(NOT_CHOSEN,   "a path was found, but the other side never chose one") \
    X(CONSENT_LOST, "the path that was in use fell silent for 30 seconds")
/* clang-format on */

typedef enum dx_ice_state {
#define DX_ICE_STATE_ROW(symbol, name, successors) DX_ICE_##symbol,
    DX_ICE_STATES(DX_ICE_STATE_ROW)
#undef DX_ICE_STATE_ROW
        DX_ICE_STATE_COUNT
} dx_ice_state;

typedef enum dx_ice_reason {
#define DX_ICE_REASON_ROW(symbol, sentence) DX_ICE_##symbol,
    DX_ICE_REASONS(DX_ICE_REASON_ROW)
#undef DX_ICE_REASON_ROW
        DX_ICE_REASON_COUNT
} dx_ice_reason;

typedef struct dx_ice dx_ice;

typedef struct dx_ice_options {
    const dx_alloc *alloc; /* both borrowed for the agent's life */
    const dx_random *random;
    bool controlling;    /* the offerer (RFC 8445 §6.1.1); a conflict is settled between the agents */
    size_t server_count; /* at most DX_ICE_SERVERS_MAX */
    dx_net_address servers[DX_ICE_SERVERS_MAX]; /* STUN, asked for server-reflexive candidates */
    uint32_t pacing_ms;  /* 0: DX_ICE_PACING_MS; put it into the description (dx_sdp.pacing_ms) */
    uint32_t give_up_ms; /* 0: DX_ICE_GIVE_UP_MS */
} dx_ice_options;

/* What the other side's description says of ICE; borrowed for the call. */
typedef struct dx_ice_remote {
    dx_bytes ufrag, password;
    bool lite;          /* it only answers: this side takes control */
    uint32_t pacing_ms; /* 0: it said nothing */
    bool answer;        /* to this side's own offer: never a restart of theirs */
} dx_ice_remote;

/* One pair: which socket, which address of the other side, and how it does. */
typedef struct dx_ice_pair {
    uint32_t socket;
    dx_net_address local;  /* what the socket is bound to */
    dx_net_address mapped; /* as the other side sees it; none: not known */
    dx_net_address remote;
    dx_candidate_type local_type; /* HOST, or what the mapped address makes of it */
    dx_candidate_type remote_type;
    uint64_t priority;
    const char *state; /* "frozen", "waiting", "checking", "works", "failed" */
    bool selected;
    uint32_t rtt_ms; /* smoothed (RFC 6298); of the first answer until there are more; 0: none came */
    uint32_t checks_sent, answers_received, checks_received;
    uint64_t heard_ms; /* last answer, as a time; 0: none */
} dx_ice_pair;

typedef enum dx_ice_output_kind {
    DX_ICE_OUTPUT_DATAGRAM,  /* send bytes from socket to to */
    DX_ICE_OUTPUT_CANDIDATE, /* tell the other side: line; size 0: no more come (end-of-candidates) */
    DX_ICE_OUTPUT_SELECTED,  /* send data over pair from now on; may come again with another one */
    DX_ICE_OUTPUT_FAILED,    /* reason; nothing follows until a restart */
} dx_ice_output_kind;

typedef struct dx_ice_output {
    dx_ice_output_kind kind;
    uint32_t socket; /* DATAGRAM */
    dx_net_address to;
    dx_bytes bytes;
    dx_bytes line;        /* CANDIDATE: the attribute's value, "candidate:…" */
    dx_ice_pair pair;     /* SELECTED */
    dx_ice_reason reason; /* FAILED */
} dx_ice_output;

/* DX_E_INVALID: options of another form than above; DX_E_NO_MEMORY. */
DX_MUST_USE int dx_ice_create(const dx_ice_options *options, dx_ice **out);
void dx_ice_destroy(dx_ice *ice); /* wipes the passwords; NULL is fine */

/* --- This side --------------------------------------------------------------------------------------- */

/* Of the present generation: they change with every restart. Terminated, of the sizes above. */
const char *dx_ice_ufrag(const dx_ice *ice);
const char *dx_ice_password(const dx_ice *ice);
/* An address of this machine and the number of the socket bound to it, which is the caller's to choose; several
 * agents may name the same socket. At any time. DX_E_INVALID: not usable (bind to each address, not to "any"),
 * DX_E_EXISTS: a socket of this number is there, DX_E_LIMIT. */
DX_MUST_USE int dx_ice_add_local(dx_ice *ice, uint64_t now_ms, uint32_t socket,
                                 const dx_net_address *address);
/* The socket or its address went away: its pairs end at once. If the selected one was among them another working
 * one takes its place, else the search goes on and a restart is due. An unknown number: nothing happens. */
void dx_ice_remove_local(dx_ice *ice, uint64_t now_ms, uint32_t socket);
/* One more STUN server, whose name was looked up meanwhile: it is asked from every address. Before
 * dx_ice_end_local, so that the other side waits for it. DX_E_INVALID, DX_E_EXISTS, DX_E_LIMIT. */
DX_MUST_USE int dx_ice_add_server(dx_ice *ice, uint64_t now_ms, const dx_net_address *server);
/* Every address is known for now: end-of-candidates follows when the STUN servers have answered or been given up.
 * One added later is told all the same. */
void dx_ice_end_local(dx_ice *ice, uint64_t now_ms);

/* --- The other side ---------------------------------------------------------------------------------- */

/* Its credentials. The first begin the checks; the same again change nothing. Others in an offer are the other side's
 * restart, and restart this side too unless dx_ice_restart did so since the last ones: answer with dx_ice_ufrag read
 * afterwards. Others in an answer (it came late, to an offer before the last) take the place of the last, and the
 * search begins again with them; this side stays as it is. DX_E_INVALID: not of RFC 8839 §5.4's form. */
DX_MUST_USE int dx_ice_set_remote(dx_ice *ice, uint64_t now_ms, const dx_ice_remote *remote);
/* A candidate line, or size 0: no more come. Before the credentials it is kept for them. One with an extension
 * "ufrag" of another generation is passed over. DX_OK also for one to skip or known; DX_E_MALFORMED; DX_E_LIMIT:
 * left out. None of these is a reason to give up. */
DX_MUST_USE int dx_ice_add_remote(dx_ice *ice, uint64_t now_ms, dx_bytes line);
DX_MUST_USE int dx_ice_add_remote_candidate(dx_ice *ice, uint64_t now_ms, const dx_candidate *candidate);

/* New credentials, all candidates told again, a new search: after a change of network, or a failure. The selected
 * pair stays in use, under its old credentials, until the new search has chosen: DTLS and SCTP notice nothing.
 * If it finds none, and the old pair still has consent, nothing is lost. When both
 * begin one at once, each takes the other's offer for the answer. An offer that got lost is sent again as it was. */
void dx_ice_restart(dx_ice *ice, uint64_t now_ms);

/* --- Datagrams and time ------------------------------------------------------------------------------- */

/* Is the datagram this agent's? A STUN request: by the name it is addressed to; a STUN answer: by its transaction;
 * anything else (DTLS): the sender is known and was heard. Agents on one socket are asked in turn, or found by
 * dx_stun_addressee and the sender's address in a table of the host's. */
bool dx_ice_wants(const dx_ice *ice, uint32_t socket, const dx_net_address *from, dx_bytes datagram);
/* A STUN datagram that arrived (dx_stun_is); all else is ignored here and belongs to DTLS. */
void dx_ice_receive(dx_ice *ice, uint64_t now_ms, uint32_t socket, const dx_net_address *from,
                    dx_bytes datagram);
/* Does what is due. Early is harmless. */
void dx_ice_tick(dx_ice *ice, uint64_t now_ms);
/* When the next tick is due; DX_NO_DEADLINE: not before something else happens. */
uint64_t dx_ice_deadline(const dx_ice *ice);
/* false: nothing is to be done. Take all after every call: at most 16 datagrams wait, older ones are lost like
 * any on a network. */
bool dx_ice_next(dx_ice *ice, dx_ice_output *out);

/* --- Looking -------------------------------------------------------------------------------------------- */

/* Where data may go now: the selected pair, before that the best that works (RFC 8445 §12.1): DTLS need not wait
 * for the nomination. false: nowhere yet; hold a few datagrams. */
bool dx_ice_path(const dx_ice *ice, uint32_t *socket, dx_net_address *to);
dx_ice_state dx_ice_state_of(const dx_ice *ice);
bool dx_ice_is_controlling(const dx_ice *ice);
bool dx_ice_selected(const dx_ice *ice, dx_ice_pair *out);
/* The index-th pair, best first within a generation; false past the last. */
bool dx_ice_pair_at(const dx_ice *ice, size_t index, dx_ice_pair *out);
/* What the search came to, for people: of the present one, after a failure of the one that failed. */
typedef struct dx_ice_tally {
    dx_ice_reason
        reason; /* what giving up now would be called; CONSENT_LOST also before the other side is known */
    size_t locals, reflexives,
        remotes;                  /* addresses here, more of them that STUN servers saw, the other side's */
    size_t pairs, checked, heard; /* heard: the other side's checks came, or its answers */
    size_t servers, answered;     /* STUN servers; those that answered some address */
} dx_ice_tally;
void dx_ice_tally_of(const dx_ice *ice, dx_ice_tally *out);
const char *dx_ice_state_name(dx_ice_state state);
const char *dx_ice_reason_text(dx_ice_reason reason);

#endif
