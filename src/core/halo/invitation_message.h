/* halo/invitation_message.h: what host and guest of an invitation say to each other.
 *
 * Layer: floor 1, halo, private to this room. Every message is one canonical array that begins with its kind;
 * its shape is one row of the table. Reader and writer follow the same table (docs/spec/invitation.md).
 * Ownership: a decoded message points into its bytes. */
#ifndef DX_HALO_INVITATION_MESSAGE_H
#define DX_HALO_INVITATION_MESSAGE_H

#include "halo/invitation.h"

enum { DX_INVITATION_VERSION = 1, DX_ANY_SIZE = -1 };

/* X(symbol, kind, has a number, size of its bytes (0: none), has a signature) */
/* clang-format off */
#define DX_INVITATION_MESSAGES(X) \
    X(ERROR,      0, true,  0,                      false) /* either: [0, code, attempts left]; ends the attempt, or (E_PIN) the try */ \
    X(HELLO,      1, true,  DX_INVITATION_ID_SIZE,  false) /* guest: [1, version, invitation id] */ \
    X(READY,      2, true,  0,                      false) /* host: [2, attempts left] */ \
    X(SHARE,      3, true,  DX_CPACE_SHARE_SIZE,    false) /* guest: [3, number of this try on this link, Ya] */ \
    X(ANSWER,     4, false, DX_CPACE_SHARE_SIZE,    false) /* host: [4, Yb] */ \
    X(PROOF,      5, false, DX_CPACE_CONFIRM_SIZE,  false) /* guest: [5, MAC] */ \
    X(HOST_PROOF, 6, false, DX_CPACE_CONFIRM_SIZE,  false) /* host: [6, MAC] */ \
    X(REQUEST,    7, false, DX_ANY_SIZE,            true)  /* guest: [7, DEVICE credential, signature by the device] */ \
    X(WELCOME,    8, false, DX_ANY_SIZE,            false) /* host: [8, welcome] */ \
    X(DONE,       9, false, 0,                      false) /* guest: [9] */
/* clang-format on */

typedef enum dx_invitation_message_kind {
#define DX_MESSAGE_ROW(symbol, kind, number, size, signature) DX_MESSAGE_##symbol = (kind),
    DX_INVITATION_MESSAGES(DX_MESSAGE_ROW)
#undef DX_MESSAGE_ROW
} dx_invitation_message_kind;

typedef struct dx_invitation_message {
    dx_invitation_message_kind kind;
    int error;       /* ERROR */
    uint64_t number; /* version, attempts left, number of the try */
    dx_bytes bytes;
    dx_bytes signature; /* DX_SIGNATURE_SIZE */
} dx_invitation_message;

/* DX_OK or DX_E_MALFORMED. An error code this version does not know reads as DX_E_PROTOCOL. */
DX_MUST_USE int dx_invitation_message_decode(dx_bytes bytes, dx_invitation_message *out);
/* Appends it. Buffer errors. */
DX_MUST_USE int dx_invitation_message_encode(const dx_invitation_message *message, dx_buf *out);

/* CPace's channel identifier: which invitation, which two keys, which kind, which try. */
enum { DX_INVITATION_CHANNEL_SIZE = DX_INVITATION_ID_SIZE + 2 * DX_KEY_SIZE + 2 };
void dx_invitation_channel(const uint8_t id[static DX_INVITATION_ID_SIZE],
                           const uint8_t host_key[static DX_KEY_SIZE],
                           const uint8_t guest_key[static DX_KEY_SIZE], uint64_t attempt,
                           uint8_t out[static DX_INVITATION_CHANNEL_SIZE]);
/* What the guest's device signs ("dxos join/1") to show that the device is his and present: handshake hash ‖
 * invitation id. */
enum { DX_INVITATION_PRESENCE_SIZE = DX_NOISE_HASH_SIZE + DX_INVITATION_ID_SIZE };
extern const char dx_invitation_presence_context[];
void dx_invitation_presence(const uint8_t handshake_hash[static DX_NOISE_HASH_SIZE],
                            const uint8_t id[static DX_INVITATION_ID_SIZE],
                            uint8_t out[static DX_INVITATION_PRESENCE_SIZE]);

#endif
