/* net/stun.h: STUN messages (RFC 8489) as ICE uses them (RFC 8445 §7), over UDP.
 *
 * Layer: floor 2, net. Bytes to a struct and back; no state, no clock, no allocation (libcrypto's HMAC takes
 * what it needs for the length of a call). Ownership: a decoded message borrows from the datagram; a writer
 * is a fixed buffer of the caller's. A datagram is one of three things and nothing in between: well formed,
 * or DX_E_MALFORMED, or not STUN at all (dx_stun_is). */
#ifndef DX_NET_STUN_H
#define DX_NET_STUN_H

#include "net/address.h"

enum {
    DX_STUN_HEADER_SIZE = 20,
    DX_STUN_TRANSACTION_SIZE = 12,
    DX_STUN_INTEGRITY_SIZE = 20, /* HMAC-SHA1 */
    /* The largest message read or written: what passes everywhere unfragmented (RFC 8489 §6.1 for an unknown
     * path: 1280 bytes of IPv6 less the headers). A check with names of full length has 800. */
    DX_STUN_SIZE_MAX = 1232,
    /* Attributes of one message: browsers send seven or eight; more is nobody's check. */
    DX_STUN_ATTRIBUTES_MAX = 24,
    /* Unknown attributes told in one 420 answer. */
    DX_STUN_UNKNOWN_MAX = 8,
    /* USERNAME: two names of 256 and the colon (RFC 8839 §5.4), which RFC 8489's 508 would cut. */
    DX_STUN_USERNAME_MAX = 513,
};

typedef enum dx_stun_class {
    DX_STUN_REQUEST,
    DX_STUN_INDICATION,
    DX_STUN_SUCCESS,
    DX_STUN_ERROR,
} dx_stun_class;

enum { DX_STUN_BINDING = 0x001 };

/* RFC 8489 §14.8, RFC 8445 §7.2.5.1 */
enum {
    DX_STUN_BAD_REQUEST = 400,
    DX_STUN_UNAUTHENTICATED = 401,
    DX_STUN_UNKNOWN_ATTRIBUTE = 420,
    DX_STUN_ROLE_CONFLICT = 487,
};

typedef enum dx_stun_role { DX_STUN_NO_ROLE, DX_STUN_CONTROLLING, DX_STUN_CONTROLLED } dx_stun_role;

/* Of an attribute that stands twice the first counts (RFC 8489 §14); what follows MESSAGE-INTEGRITY, but
 * FINGERPRINT, is ignored (§14.5). */
typedef struct dx_stun_message {
    dx_stun_class class;
    uint16_t method;
    uint8_t transaction[DX_STUN_TRANSACTION_SIZE];
    dx_bytes datagram;    /* all of it */
    size_t integrity_at;  /* offset of MESSAGE-INTEGRITY, 0: there is none */
    bool has_fingerprint; /* and it was right, otherwise the message is malformed */
    bool has_username;
    dx_bytes username;     /* at most DX_STUN_USERNAME_MAX */
    dx_net_address mapped; /* XOR-MAPPED-ADDRESS, in answers also MAPPED-ADDRESS; family none: neither */
    bool has_priority;
    uint32_t priority;  /* PRIORITY */
    bool use_candidate; /* USE-CANDIDATE */
    dx_stun_role role;  /* ICE-CONTROLLING or ICE-CONTROLLED; the first of them */
    uint64_t tie_breaker;
    int error_code; /* ERROR-CODE: 300..699, 0: none */
    /* Types below 0x8000 that nobody here knows: a request that has any is answered with 420. At most
     * DX_STUN_UNKNOWN_MAX are listed. */
    size_t unknown_count;
    uint16_t unknown[DX_STUN_UNKNOWN_MAX];
} dx_stun_message;

/* Whether it can only be STUN: the first two bits, the magic cookie and a length that fits exactly. Use it to
 * tell STUN from DTLS (20..63), TURN channels (64..79) and RTP on one socket (RFC 7983). */
bool dx_stun_is(dx_bytes datagram);
/* DX_OK or DX_E_MALFORMED. Checks the form and FINGERPRINT where there is one; integrity is the next call's. */
DX_MUST_USE int dx_stun_decode(dx_bytes datagram, dx_stun_message *out);
/* MESSAGE-INTEGRITY under the key (short-term credentials: the password itself), in constant time.
 * DX_E_SIGNATURE: absent or wrong. */
DX_MUST_USE int dx_stun_verify(const dx_stun_message *message, dx_bytes key);
/* The part of a well-formed Binding request's USERNAME before the colon: whom a datagram on a shared socket
 * is for, before anything is believed. Size 0: anything else. */
dx_bytes dx_stun_addressee(dx_bytes datagram);

/* --- Writing -------------------------------------------------------------------------------------- */

/* A call of order or a value too long is a bug here, not an input: asserted. */
typedef struct dx_stun_writer {
    size_t size;
    uint8_t bytes[DX_STUN_SIZE_MAX];
} dx_stun_writer;

void dx_stun_begin(dx_stun_writer *writer, dx_stun_class class, uint16_t method,
                   const uint8_t transaction[static DX_STUN_TRANSACTION_SIZE]);
/* USERNAME "first:second"; both together at most DX_STUN_USERNAME_MAX - 1. */
void dx_stun_add_username(dx_stun_writer *writer, dx_bytes first, dx_bytes second);
void dx_stun_add_mapped(dx_stun_writer *writer, const dx_net_address *address); /* XOR-MAPPED-ADDRESS */
void dx_stun_add_priority(dx_stun_writer *writer, uint32_t priority);
void dx_stun_add_use_candidate(dx_stun_writer *writer);
void dx_stun_add_role(dx_stun_writer *writer, dx_stun_role role, uint64_t tie_breaker);
void dx_stun_add_error(dx_stun_writer *writer, int code); /* ERROR-CODE with its usual phrase */
void dx_stun_add_unknown(dx_stun_writer *writer, const uint16_t *types, size_t count);
/* MESSAGE-INTEGRITY; nothing but the fingerprint may follow. */
void dx_stun_add_integrity(dx_stun_writer *writer, dx_bytes key);
void dx_stun_add_fingerprint(dx_stun_writer *writer); /* last */
dx_bytes dx_stun_written(const dx_stun_writer *writer);

/* A STUN server, in full: answers a Binding request that carries no credentials with its sender's address (or
 * 420), and keeps nothing. false: not such a request, nothing was written. For a kube's STUN port and any
 * peer's socket. An answer has at most 52 bytes for a request of 20: no lever worth pulling. */
bool dx_stun_respond(dx_bytes datagram, const dx_net_address *from, dx_stun_writer *answer);

#endif
