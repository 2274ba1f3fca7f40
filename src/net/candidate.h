/* net/candidate.h: ICE candidates as text (RFC 8839 §5.1), their priorities and foundations (RFC 8445 §5.1).
 *
 * Layer: floor 2, net. Plain values, nothing allocated. A line is the value of the attribute,
 * "candidate:1 1 udp 2130706431 192.0.2.1 5000 typ host"; readers also take "a=" in front and a line end. */
#ifndef DX_NET_CANDIDATE_H
#define DX_NET_CANDIDATE_H

#include "net/address.h"

enum {
    DX_CANDIDATE_FOUNDATION_MAX = 33, /* 1 to 32 characters (RFC 8839 §5.1) and the terminator */
    /* A line read: the longest name of a host and every extension a browser writes fit four times over. */
    DX_CANDIDATE_LINE_MAX = 1024,
    /* A line written by us, with its terminator: two addresses, four numbers, the fixed words, a ufrag. */
    DX_CANDIDATE_TEXT_MAX = 448,
    DX_CANDIDATE_UFRAG_MAX = 257, /* 4 to 256 characters and the terminator */
};

/* X(symbol, word, type preference): RFC 8445 §5.1.2.2 recommends these figures. */
/* clang-format off */
#define DX_CANDIDATE_TYPES(X) \
    X(HOST,             "host",  126) \
    X(SERVER_REFLEXIVE, "srflx", 100) \
    X(PEER_REFLEXIVE,   "prflx", 110) \
    X(RELAYED,          "relay", 0)
/* clang-format on */

typedef enum dx_candidate_type {
#define DX_CANDIDATE_TYPE_ROW(symbol, word, preference) DX_CANDIDATE_##symbol,
    DX_CANDIDATE_TYPES(DX_CANDIDATE_TYPE_ROW)
#undef DX_CANDIDATE_TYPE_ROW
        DX_CANDIDATE_TYPE_COUNT
} dx_candidate_type;

/* Why a well-formed candidate is none for us. */
typedef enum dx_candidate_skip {
    DX_CANDIDATE_USABLE,
    DX_CANDIDATE_HIDDEN,    /* a name under .local: the browser hides its address; its checks will show it */
    DX_CANDIDATE_NAMED,     /* another name, which we do not look up */
    DX_CANDIDATE_TRANSPORT, /* not UDP */
    DX_CANDIDATE_COMPONENT, /* not component 1 */
    DX_CANDIDATE_NOWHERE,   /* an address or port nothing can be sent to, or a type nobody knows */
} dx_candidate_skip;

typedef struct dx_candidate {
    dx_candidate_skip skip;
    dx_candidate_type type;
    uint32_t priority;
    char foundation[DX_CANDIDATE_FOUNDATION_MAX];
    dx_net_address address; /* none when hidden or named */
    dx_net_address related; /* raddr and rport, none: absent; never sent to */
    char ufrag
        [DX_CANDIDATE_UFRAG_MAX]; /* the extension Chromium writes: which generation it is of; "": absent */
} dx_candidate;

/* DX_OK also for one to skip; DX_E_MALFORMED, DX_E_LIMIT (longer than DX_CANDIDATE_LINE_MAX). */
DX_MUST_USE int dx_candidate_parse(dx_bytes line, dx_candidate *out);
/* The line without "a=", terminated; its length. Always component 1, UDP, an address that is one. */
size_t dx_candidate_print(const dx_candidate *candidate, char out[static DX_CANDIDATE_TEXT_MAX]);
/* Foundation is made of these alone, equal exactly when type, base and server are (RFC 8445 §5.1.1.3): numbers
 * the agent gives to addresses of its own and to STUN servers, 0 for none. */
void dx_candidate_foundation(dx_candidate_type type, uint32_t base, uint32_t server,
                             char out[static DX_CANDIDATE_FOUNDATION_MAX]);
/* RFC 8445 §5.1.2.1, component 1. local_preference up to 65535. */
uint32_t dx_candidate_priority(dx_candidate_type type, uint32_t local_preference);
/* RFC 8445 §6.1.2.3: of the controlling and the controlled agent's candidates. */
uint64_t dx_candidate_pair_priority(uint32_t controlling, uint32_t controlled);
const char *dx_candidate_type_word(dx_candidate_type type);

#endif
