/* halo/invitation.h: the interactive invitation: link, PIN by CPace, admission. Two machines without I/O, one per side.
 *
 * Layer: floor 1, halo. RELIABILITY.md §4.1–4.2, docs/spec/invitation.md. They run over an encrypted channel (mesh/channel.h) whose handshake was
 * keyed by the link; every message is one canonical item. States are a table with allowed successors; every non-terminal state has a
 * deadline; every ending has a name (dx_invitation_outcome) and a sentence with the next step.
 * The link fixes the host's key and the method; the PIN is never in it. Three failed confirmations per invitation, counted durably before
 * verification (the caller commits before the answer leaves: the step's shape guarantees it). */
#ifndef DX_HALO_INVITATION_H
#define DX_HALO_INVITATION_H

#include "crypto/cpace.h"
#include "halo/control.h"

enum {
    DX_INVITATION_ID_SIZE = 16,
    DX_PIN_SIZE = 6,                 /* digits; the grammar is exact: ^[0-9]{6}$ */
    DX_INVITATION_FAILURES_MAX = 3,
    DX_INVITATION_ADDRESSES_MAX = 8,
    DX_ADDRESS_SIZE_MAX = 256,
    DX_INVITATION_URL_MAX = 2048
};

/* What the link says. Text: dxos://join#<base64url of [1, kind, id, topic, host key, expires, [address…], checksum 4]> */
typedef struct dx_invitation_link {
    uint64_t kind; /* 0: space, interactive, PIN */
    uint8_t id[DX_INVITATION_ID_SIZE];
    uint8_t topic_secret[DX_KEY_SIZE]; /* keys the channel's preface and psk */
    uint8_t host_key[DX_KEY_SIZE];     /* the X25519 static key the host must show; made for this invitation alone */
    uint64_t expires_ms;               /* wall clock, 0 never */
    size_t address_count;
    char addresses[DX_INVITATION_ADDRESSES_MAX][DX_ADDRESS_SIZE_MAX];
} dx_invitation_link;

DX_MUST_USE int dx_invitation_link_encode(const dx_invitation_link *link, dx_buf *url);
DX_MUST_USE int dx_invitation_link_decode(dx_bytes url, dx_invitation_link *out); /* DX_E_LINK */
/* Prologue of the invitation's channel: H(LINK, url). */
void dx_invitation_link_hash(dx_bytes url, uint8_t out[static DX_HASH_SIZE]);

/* X(symbol, name, deadline_ms (0: terminal), sentence) */
#define DX_HOST_STATES(X) \
    X(ADVERTISING, "advertising", 600000, "waiting for a guest") \
    X(CONNECTED, "connected", 20000, "a guest is at the door") \
    X(PIN_WAIT, "pin-wait", 180000, "the guest is typing the PIN") \
    X(ADMITTING, "admitting", 20000, "the PIN was right; the guest is asking to be admitted") \
    X(ADMITTED, "admitted", 60000, "admitted; the guest is fetching the space") \
    X(SUCCESS, "success", 0, "the guest has joined") \
    X(CANCELLED, "cancelled", 0, "the invitation was cancelled") \
    X(EXPIRED, "expired", 0, "the invitation ran out; share again for a new one") \
    X(LOCKED, "locked", 0, "three wrong PINs; share again for a new one") \
    X(EXHAUSTED, "exhausted", 0, "the invitation was used") \
    X(FAILED_STORAGE, "failed-storage", 0, "the disk failed; nothing was admitted")

#define DX_GUEST_STATES(X) \
    X(PARSED, "parsed", 20000, "the link is well formed") \
    X(CONNECTING, "connecting", 60000, "looking for the host") \
    X(HANDSHAKE, "handshake", 20000, "making the connection secret") \
    X(PIN_REQUIRED, "pin-required", 180000, "enter the PIN the host shows") \
    X(PROVING, "proving", 20000, "proving the PIN") \
    X(REQUESTED, "requested", 20000, "asking to be admitted") \
    X(JOINING, "joining", 60000, "admitted; fetching the space") \
    X(READY, "ready", 0, "joined") \
    X(FAILED, "failed", 0, "not joined; the error says why")

#endif
