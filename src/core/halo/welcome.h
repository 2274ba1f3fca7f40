/* halo/welcome.h: what an admitted guest gets to begin with: the proof of his admission from the genesis on,
 * his keys, addresses.
 *
 * Layer: floor 1, halo. Format in docs/spec/invitation.md:
 *
 *   welcome = [1, space id 32, admission id 32, [credential bstr…], [address text…]]
 * The credentials are closed under parents and stand behind their parents: the genesis, the admission and all
 * between, the guest's DEVICE credential, and the key epochs with the guest's grants, newest first as far as
 * they fit. Nothing in it is believed: the guest judges every credential from the genesis whose hash is the
 * space id. Ownership: a decoded welcome points into its bytes. */
#ifndef DX_HALO_WELCOME_H
#define DX_HALO_WELCOME_H

#include "halo/control.h"

enum {
    /* One Noise message (65,535) with room for its frame. A chain of four admissions takes 4 KiB, an epoch
     * with its grant 0.9 KiB; what does not fit comes with the control feeds. */
    DX_WELCOME_SIZE_MAX = 60 * 1024,
    DX_WELCOME_ADDRESSES_MAX = 8,
    DX_ADDRESS_SIZE_MAX = 256 /* with the terminator C wants: 255 characters */
};

typedef struct dx_welcome {
    uint8_t space_id[DX_HASH_SIZE];
    uint8_t admission[DX_HASH_SIZE];
    size_t credential_count, address_count;
    dx_bytes credentials, addresses; /* the encoded items, walked below */
} dx_welcome;

/* Gathers the welcome of a device whose identity is a member. DX_E_NOT_FOUND when the device is not known or
 * was not granted the newest key epoch; DX_E_INVALID: an address; DX_E_LIMIT when even the admission does not
 * fit; buffer errors. */
DX_MUST_USE int dx_welcome_encode(const dx_control *control, const uint8_t device[static DX_KEY_SIZE],
                                  const dx_bytes *addresses, size_t address_count, dx_buf *out);
/* Form only. DX_OK or DX_E_MALFORMED. */
DX_MUST_USE int dx_welcome_decode(dx_bytes bytes, dx_welcome *out);
/* Walks credentials or addresses: cursor begins as a dx_reader over welcome.credentials or .addresses. */
dx_bytes dx_welcome_credential(dx_reader *cursor);
dx_bytes dx_welcome_address(dx_reader *cursor);
/* Judges it from the genesis for this guest: every credential verifies and is in effect, the admission is the
 * guest's, his device is known, and the newest key epoch it tells of opens for him. DX_E_VERIFY otherwise. On
 * DX_OK *out (may be NULL) is the control state it makes, for the caller to destroy. */
DX_MUST_USE int dx_welcome_verify(const dx_welcome *welcome, const dx_alloc *alloc, const dx_identity *guest,
                                  dx_control **out);
/* An address peers may dial: 1 to 255 printable ASCII characters without a space. That of a signaling service is
 * ws://HOST:PORT/.well-known/dx/signal (wss://): who is told an address asks at no other path of anybody's server. */
bool dx_address_check(dx_bytes address);

#endif
