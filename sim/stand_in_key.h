/* sim/stand_in_key.h: how a stand-in makes a public key from a secret, and the secret from the public key.
 *
 * Layer: simulator, its stand-ins only. A permutation of 32 bytes: four Feistel rounds of SipHash-2-4 under a
 * key that stands here and nowhere else. Who holds a public key and does not call this file cannot tell the
 * secret; a stand-in can, so it needs no table of who drew which key, and no state. */
#ifndef DX_SIM_STAND_IN_KEY_H
#define DX_SIM_STAND_IN_KEY_H

#include "crypto/keys.h"

#include <sodium.h>

enum { DX_STAND_IN_HALF = DX_KEY_SIZE / 2, DX_STAND_IN_ROUNDS = 4 };

_Static_assert(DX_STAND_IN_HALF == crypto_shorthash_siphashx24_BYTES, "SipHash-2-4 with 128 bits of output");
_Static_assert(sizeof(uint8_t[DX_STAND_IN_HALF]) == crypto_shorthash_siphashx24_KEYBYTES, "and of key");

/* One round: a half is masked with a hash of the other, in turns. */
static inline void dx_stand_in_round(char use, unsigned round, uint8_t key[static DX_KEY_SIZE]) {
    const uint8_t secret[DX_STAND_IN_HALF] = {'d', 'x', 'o', 's', ' ', 's',          't',  'a',
                                              'n', 'd', ' ', 'i', 'n', (uint8_t)use, '\0', (uint8_t)round};
    uint8_t *left = key + (round % 2 != 0 ? DX_STAND_IN_HALF : 0);
    uint8_t *right = key + (round % 2 != 0 ? 0 : DX_STAND_IN_HALF);
    uint8_t mask[DX_STAND_IN_HALF];
    crypto_shorthash_siphashx24(mask, left, DX_STAND_IN_HALF, secret);
    for (size_t i = 0; i < DX_STAND_IN_HALF; i++) {
        right[i] ^= mask[i];
    }
}

/* The public half of a secret key, in place; use keeps keys for signing and for agreeing apart. */
static inline void dx_stand_in_public(char use, uint8_t key[static DX_KEY_SIZE]) {
    for (unsigned round = 0; round < DX_STAND_IN_ROUNDS; round++) {
        dx_stand_in_round(use, round, key);
    }
}

/* And back. */
static inline void dx_stand_in_secret(char use, uint8_t key[static DX_KEY_SIZE]) {
    for (unsigned round = DX_STAND_IN_ROUNDS; round-- > 0;) {
        dx_stand_in_round(use, round, key);
    }
}

#endif
