/* sim/stand_in_agree.c: stands in for X25519 in the simulator, never in the product.
 *
 * Layer: simulator; takes the place of src/core/crypto/agree.c in the program `sim`, as stand_in_sign.c does
 * for signatures. What it keeps: both sides arrive at the same secret; who has neither secret key does not; a
 * key of zeros is refused, as every key of low order is. What it does not keep: that a point is a point, and
 * secrecy from whoever reads stand_in_key.h. */
#include "stand_in_key.h"

#include <string.h>

/* What tools/tidy looks for where it must not be. */
extern const char dx_stand_in_agree[];
const char dx_stand_in_agree[] = "stand-in for key agreement";

enum { USE = 'a' };

void dx_agree_public(const uint8_t secret[static DX_KEY_SIZE], uint8_t public_key[static DX_KEY_SIZE]) {
    memcpy(public_key, secret, DX_KEY_SIZE);
    dx_stand_in_public(USE, public_key);
}

int dx_agree(const uint8_t secret[static DX_KEY_SIZE], const uint8_t public_key[static DX_KEY_SIZE],
             uint8_t out[static DX_KEY_SIZE]) {
    uint8_t secrets[2 * DX_KEY_SIZE];
    if (sodium_is_zero(public_key, DX_KEY_SIZE)) {
        return DX_E_SIGNATURE;
    }
    memcpy(secrets, public_key, DX_KEY_SIZE);
    dx_stand_in_secret(USE, secrets);
    if (memcmp(secret, secrets, DX_KEY_SIZE) < 0) { /* in one order on both sides */
        memmove(secrets + DX_KEY_SIZE, secrets, DX_KEY_SIZE);
        memcpy(secrets, secret, DX_KEY_SIZE);
    } else {
        memcpy(secrets + DX_KEY_SIZE, secret, DX_KEY_SIZE);
    }
    (void)crypto_generichash(out, DX_KEY_SIZE, secrets, sizeof secrets, NULL, 0);
    return DX_OK;
}
