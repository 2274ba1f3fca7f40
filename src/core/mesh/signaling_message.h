/* mesh/signaling_message.h: what a signaling service and its clients say to each other, as bytes.
 *
 * Layer: floor 1, mesh (base, codec, crypto). docs/spec/signaling.md is the format: one canonical array a frame. Shared by the
 * client (mesh/signaling.h) and the service (kube/signaling_service.h). Also what the service must not read: topics'
 * names of a day, and bodies sealed between peers. Ownership: decoded views point into the frame. */
#ifndef DX_MESH_SIGNALING_MESSAGE_H
#define DX_MESH_SIGNALING_MESSAGE_H

#include <dxos/codec.h>

#include "base/limits.h"
#include "crypto/keys.h"

enum {
    DX_SIGNALING_VERSION = 1,
    DX_SIGNALING_NONCE_SIZE = 32,
    DX_SIGNALING_NAME_SIZE = 16, /* of a topic for a day, of a peer in it, of an attempt */
};

/* X(symbol, number, name, items of the array) */
/* clang-format off */
#define DX_SIGNALING_KINDS(X) \
    X(HELLO,    1, "hello",    4)  /* service: version, nonce, limits */ \
    X(PROVE,    2, "prove",    4)  /* client: key, signature, the service's name */ \
    X(WELCOME,  3, "welcome",  2)  /* service: ICE servers */ \
    X(JOIN,     4, "join",     4)  /* client: topic, own name, milliseconds to live */ \
    X(LEAVE,    5, "leave",    2)  /* client: topic */ \
    X(PRESENT,  6, "present",  3)  /* service: topic, peer */ \
    X(LEFT,     7, "left",     3)  /* service: topic, peer */ \
    X(SEND,     8, "send",     4)  /* client: topic, peer, body */ \
    X(MESSAGE,  9, "message",  4)  /* service: topic, peer, body */ \
    X(REFUSED, 10, "refused",  5)  /* service: code, kind of what was refused, its topic, its peer */ \
    X(PING,    11, "ping",     1)  /* either */ \
    X(PONG,    12, "pong",     1)  /* either */
/* clang-format on */

typedef enum dx_signaling_kind {
#define DX_SIGNALING_ROW(symbol, number, name, items) DX_SIGNALING_##symbol = (number),
    DX_SIGNALING_KINDS(DX_SIGNALING_ROW)
#undef DX_SIGNALING_ROW
        DX_SIGNALING_KIND_END
} dx_signaling_kind;

/* What the service allows one connection, told in HELLO. */
typedef struct dx_signaling_limits {
    uint64_t body_max;   /* bytes of a sealed body */
    uint64_t topics_max; /* joined at once */
    uint64_t ttl_max_ms; /* longer ones are cut */
    uint64_t per_second; /* messages, in the long run */
    uint64_t silence_ms; /* after which a connection that says nothing at all is ended */
} dx_signaling_limits;

/* Only the fields of its kind count. */
typedef struct dx_signaling_message {
    dx_signaling_kind kind;
    uint64_t version;
    uint8_t nonce[DX_SIGNALING_NONCE_SIZE];
    dx_signaling_limits limits;
    uint8_t key[DX_KEY_SIZE], signature[DX_SIGNATURE_SIZE];
    dx_bytes name; /* printable ASCII */
    dx_bytes ice;  /* one item: [[url, user, password], …] */
    uint8_t topic[DX_SIGNALING_NAME_SIZE], peer[DX_SIGNALING_NAME_SIZE];
    uint64_t ttl_ms;
    int code;                  /* an error's number */
    dx_signaling_kind refused; /* zeros for topic and peer where it had none */
    dx_bytes body;
} dx_signaling_message;

const char *dx_signaling_kind_name(dx_signaling_kind kind);
/* Appends one frame, or the buffer's error. */
DX_MUST_USE int dx_signaling_encode(const dx_signaling_message *message, dx_buf *out);
/* DX_E_MALFORMED; DX_E_UNSUPPORTED for a HELLO of another version. */
DX_MUST_USE int dx_signaling_decode(dx_bytes frame, dx_signaling_message *out);
/* Whether the item is a list of ICE servers as WELCOME has it. */
DX_MUST_USE int dx_signaling_check_ice(dx_bytes item);

/* --- What a device shows to a service ---------------------------------------------------------------- */

/* The service's name is its address without "ws://", "wss://". DX_E_INVALID for what is no such address: at most
 * DX_SIGNALING_TEXT_MAX printable ASCII characters without space. */
DX_MUST_USE int dx_signaling_service_name(dx_bytes url, dx_bytes *out);
/* The key this device shows to this service alone. */
void dx_signaling_key(const uint8_t device_seed[static DX_KEY_SIZE], dx_bytes name, dx_sign_key *out);
void dx_signaling_prove(const dx_sign_key *key, dx_bytes name,
                        const uint8_t nonce[static DX_SIGNALING_NONCE_SIZE],
                        uint8_t signature[static DX_SIGNATURE_SIZE]);
/* Of a PROVE: DX_OK or DX_E_SIGNATURE. */
DX_MUST_USE int dx_signaling_check(const dx_signaling_message *prove,
                                   const uint8_t nonce[static DX_SIGNALING_NONCE_SIZE]);

/* --- What the service does not see ---------------------------------------------------------------------- */

/* The name of a topic on a day (days since 1970 UTC). */
void dx_signaling_tag(const uint8_t secret[static DX_KEY_SIZE], uint64_t day,
                      uint8_t out[static DX_SIGNALING_NAME_SIZE]);

/* One signal on its way between two peers. */
typedef struct dx_signaling_signal {
    uint8_t session[DX_SIGNALING_NAME_SIZE]; /* of the attempt: the offerer's choice */
    uint64_t sequence;                       /* below DX_SIGNALING_SEQUENCE_MAX, of each side, from 0 */
    dx_bytes signal;                         /* at most DX_SIGNAL_SIZE_MAX */
} dx_signaling_signal;

/* Who says it to whom, where. */
typedef struct dx_signaling_route {
    uint8_t tag[DX_SIGNALING_NAME_SIZE], from[DX_SIGNALING_NAME_SIZE], to[DX_SIGNALING_NAME_SIZE];
} dx_signaling_route;

/* Appends the body. The buffer's error, DX_E_LIMIT. */
DX_MUST_USE int dx_signaling_seal(const uint8_t secret[static DX_KEY_SIZE], const dx_random *random,
                                  const dx_signaling_route *route, const dx_signaling_signal *signal,
                                  dx_buf *out);
/* Opens a body into text, which is cleared before; out points into it. DX_E_SIGNATURE (not of this topic, or not by
 * this one to that one), DX_E_MALFORMED, DX_E_NO_MEMORY. */
DX_MUST_USE int dx_signaling_open(const uint8_t secret[static DX_KEY_SIZE], const dx_signaling_route *route,
                                  dx_bytes body, dx_buf *text, dx_signaling_signal *out);

#endif
