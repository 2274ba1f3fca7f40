/* crypto/agree.c: X25519 (RFC 7748). See keys.h.
 *
 * Layer: floor 1, crypto. This file defines dx_agree_public and dx_agree and nothing else, so that the
 * simulator can put a stand-in before it, as for sign.c. */
#include "crypto/keys.h"

void dx_agree_public(const uint8_t secret[static DX_KEY_SIZE], uint8_t public_key[static DX_KEY_SIZE]) {
    int failed = crypto_scalarmult_curve25519_base(public_key, secret);
    DX_ASSERT(!failed);
}

int dx_agree(const uint8_t secret[static DX_KEY_SIZE], const uint8_t public_key[static DX_KEY_SIZE],
             uint8_t out[static DX_KEY_SIZE]) {
    /* libsodium refuses points of low order and an all-zero result (RFC 7748 §6.1). */
    return crypto_scalarmult_curve25519(out, secret, public_key) == 0 ? DX_OK : DX_E_SIGNATURE;
}
