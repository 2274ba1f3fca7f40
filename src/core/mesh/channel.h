/* mesh/channel.h: what makes a link secret: a Noise session over a reliable ordered stream of bytes (TCP, a
 * data channel, a simulated link), in frames and messages.
 *
 * Layer: floor 1, mesh (base, codec, crypto). A machine without I/O: bytes that arrived go in, bytes to send
 * are appended to the caller's buffer, events come out one at a time. docs/spec/channel.md has the wire
 * format. Invariants: a stranger who does not know a topic's secret gets no answer, learns nothing, costs no
 * key agreement and less than 2 KiB. Nothing is delivered that did not authenticate, in order, once. The
 * first violation closes the channel for good. Memory: at most one message (DX_CHANNEL_MESSAGE_MAX) and one
 * frame, taken as they arrive. Ownership: the struct is the caller's; events borrow from it until its next
 * call. */
#ifndef DX_MESH_CHANNEL_H
#define DX_MESH_CHANNEL_H

#include "base/limits.h"
#include "crypto/noise.h"

/* X(symbol, name, allowed successors) */
/* clang-format off */
#define DX_CHANNEL_STATES(X) \
    X(LISTENING, "listening", 1u << DX_CHANNEL_GREETED | 1u << DX_CHANNEL_CLOSED)  /* responder: no preface yet */ \
    X(GREETED,   "greeted",   1u << DX_CHANNEL_ANSWERED | 1u << DX_CHANNEL_CLOSED) /* topic found, message 1 awaited */ \
    X(ANSWERED,  "answered",  1u << DX_CHANNEL_OPEN | 1u << DX_CHANNEL_CLOSED)     /* message 2 sent, 3 awaited */ \
    X(CALLING,   "calling",   1u << DX_CHANNEL_OPEN | 1u << DX_CHANNEL_CLOSED)     /* initiator: message 2 awaited */ \
    X(OPEN,      "open",      1u << DX_CHANNEL_CLOSED)                             /* messages both ways */ \
    X(CLOSED,    "closed",    0u)                                                  /* swallows what still comes */
/* clang-format on */

typedef enum dx_channel_state {
#define DX_CHANNEL_ROW(symbol, name, successors) DX_CHANNEL_##symbol,
    DX_CHANNEL_STATES(DX_CHANNEL_ROW)
#undef DX_CHANNEL_ROW
        DX_CHANNEL_STATE_COUNT
} dx_channel_state;

/* First bytes of a keyed hash: shorter than any handshake message, long enough not to be guessed. */
enum { DX_CHANNEL_REFUSAL_SIZE = 16 };

/* What two sides must share to meet, and what this side brings. Borrowed for the call. */
typedef struct dx_channel_topic {
    uint64_t number;              /* the caller's own name for it */
    const uint8_t *secret;        /* DX_KEY_SIZE bytes: keys the preface's tag and the psk */
    const uint8_t *static_secret; /* DX_KEY_SIZE bytes: this side's X25519 key */
    const uint8_t *static_public; /* its public half, or NULL: computed for each handshake */
    dx_bytes prologue; /* both sides alike, at most DX_CHANNEL_PROLOGUE_MAX: fingerprints, H(link) */
    dx_bytes payload;  /* sent in this side's last handshake message, at most DX_CHANNEL_PAYLOAD_MAX */
    const uint8_t *expected_static; /* NULL, or the only static key this side accepts of the other */
    bool is_bound; /* a peer link: the prologue says what its transport showed at both ends */
} dx_channel_topic;

/* The topics a responder answers for: the index-th, false past the last. */
typedef struct dx_channel_topics {
    void *ctx;
    bool (*at)(void *ctx, size_t index, dx_channel_topic *out);
} dx_channel_topics;

typedef struct dx_channel {
    dx_channel_state state;
    bool initiator;
    bool delivered; /* the message in `message` was handed out */
    bool has_expected_static;
    bool is_bound;
    uint8_t binding_refusal
        [DX_CHANNEL_REFUSAL_SIZE]; /* is_bound: how this call is told that the prologues differ */
    uint64_t topic;                /* number of the topic, once known */
    uint64_t deadline_ms;
    uint64_t sent_bytes; /* under the present key */
    uint64_t rekey_bytes;
    const dx_random *random;
    dx_channel_topics topics;
    uint8_t expected_static[DX_KEY_SIZE];
    dx_noise noise;
    dx_noise_cipher sending, receiving;
    dx_buf pending;        /* the beginning of a frame whose rest has not arrived */
    dx_buf message;        /* the message that is being put together */
    dx_buf own_payload;    /* until it is sent */
    dx_buf remote_payload; /* what the other side's handshake carried */
} dx_channel;

typedef enum dx_channel_event_kind {
    DX_CHANNEL_EVENT_NONE,    /* everything given was taken */
    DX_CHANNEL_EVENT_READY,   /* the handshake is complete */
    DX_CHANNEL_EVENT_MESSAGE, /* message */
    DX_CHANNEL_EVENT_CLOSED   /* reason, by_peer; the last event */
} dx_channel_event_kind;

typedef struct dx_channel_event {
    dx_channel_event_kind kind;
    dx_bytes message;
    int reason;   /* DX_OK for a plain goodbye, or a DX_E_ code */
    bool by_peer; /* the peer said so; otherwise it is our own finding */
} dx_channel_event;

/* Initiator: appends the preface and the first handshake message. DX_E_INVALID for a prologue or payload that
 * is too long, or the buffers' errors. dx_channel_deinit is due in any case. */
DX_MUST_USE int dx_channel_call(dx_channel *channel, const dx_alloc *alloc, const dx_random *random,
                                const dx_channel_topic *topic, uint64_t now_ms, dx_buf *out);
/* Responder. topics.at is asked when the preface is complete. */
void dx_channel_listen(dx_channel *channel, const dx_alloc *alloc, const dx_random *random,
                       const dx_channel_topics *topics, uint64_t now_ms);
void dx_channel_deinit(dx_channel *channel); /* wipes the keys */

/* Takes bytes from the front of *bytes until something happened or none are left; call it again while the
 * event is not NONE. What must be answered is appended to out (handshake messages, a goodbye). What the peer
 * did wrong is a CLOSED event, never an error: MALFORMED, SIGNATURE, FLOOD (too long for this state),
 * PROTOCOL, UNAUTHORIZED (a stranger: nothing was sent), CHANNEL_BINDING (of a bound topic: the two ends do not see
 * the same transport; either end finds it, or is told), UNSUPPORTED (version), TIMEOUT.
 * DX_E_NO_MEMORY or out's error: the channel is closed and the step should fail. */
DX_MUST_USE int dx_channel_receive(dx_channel *channel, dx_bytes *bytes, uint64_t now_ms, dx_buf *out,
                                   dx_channel_event *event);
/* Appends one message, as frames. DX_E_STATE unless OPEN, DX_E_LIMIT above DX_CHANNEL_MESSAGE_MAX, out's
 * error; nothing was sent then. message may not lie inside out. */
DX_MUST_USE int dx_channel_send(dx_channel *channel, dx_bytes message, dx_buf *out);
/* A frame that says nothing but that this side is alive. Errors as send. */
DX_MUST_USE int dx_channel_ping(dx_channel *channel, dx_buf *out);
/* Steps to a new key for what this side sends. It happens by itself every DX_CHANNEL_REKEY_MAX bytes. Errors
 * as send. */
DX_MUST_USE int dx_channel_rekey(dx_channel *channel, dx_buf *out);
/* Says goodbye (when OPEN) and closes; no event follows. reason: DX_OK or a DX_E_ code, which the peer is
 * told. */
void dx_channel_close(dx_channel *channel, int reason, dx_buf *out);
/* Bytes of memory taken for what arrived in part, or kept for what may come; let go of what is only kept. */
size_t dx_channel_held(const dx_channel *channel);
void dx_channel_trim(dx_channel *channel);
/* DX_NO_DEADLINE when none runs. */
uint64_t dx_channel_deadline(const dx_channel *channel);
/* CLOSED with DX_E_TIMEOUT when the handshake's deadline has passed, otherwise NONE. */
void dx_channel_tick(dx_channel *channel, uint64_t now_ms, dx_channel_event *event);

/* Valid once READY, until deinit. */
const uint8_t *
dx_channel_handshake_hash(const dx_channel *channel); /* DX_NOISE_HASH_SIZE, equal on both sides */
const uint8_t *dx_channel_remote_static(const dx_channel *channel); /* DX_KEY_SIZE */
dx_bytes dx_channel_remote_payload(const dx_channel *channel);
const char *dx_channel_state_name(dx_channel_state state);

#endif
