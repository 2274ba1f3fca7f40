/* sim/stand_in_sign.c: stands in for Ed25519 in the simulator, never in the product.
 *
 * Layer: simulator; takes the place of src/core/crypto/sign.c in the program `sim` (sim-real has the real
 * one): an object with the same symbols, linked before the library, keeps that member of the archive out.
 * tools/tidy proves that the library and the command hold nothing of it.
 * What it keeps: a signature is made by the seed alone; it holds for one key, one context and one message,
 * and is always the same; who knows only the public key makes none that holds, nor does a key that nobody
 * drew. So forgery, exchanged keys, changed messages and other contexts fail here as they do there.
 * How: the seed is read out of the public key (stand_in_key.h), and the keyed hash made again.
 * What it does not keep: secrecy from whoever reads this file; Ed25519's own rules (points that are none,
 * keys of low order, signatures whose scalar is not reduced), which tests/unit/crypto/test_sign.c has, and
 * seeds run by sim-real. */
#include "stand_in_key.h"

#include <string.h>

/* What tools/tidy looks for where it must not be. */
extern const char dx_stand_in_sign[];
const char dx_stand_in_sign[] = "stand-in for signatures";

enum { USE = 's' };

static void mark(const uint8_t seed[static DX_KEY_SIZE], const char *context, dx_bytes message,
                 uint8_t out[static DX_SIGNATURE_SIZE]) {
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, seed, DX_KEY_SIZE, DX_SIGNATURE_SIZE);
    (void)crypto_generichash_update(&state, (const uint8_t *)context, strlen(context) + 1);
    (void)crypto_generichash_update(&state, message.data, message.size);
    (void)crypto_generichash_final(&state, out, DX_SIGNATURE_SIZE);
}

void dx_sign_key_from_seed(dx_sign_key *key, const uint8_t seed[static DX_KEY_SIZE]) {
    memcpy(key->public_key, seed, DX_KEY_SIZE);
    dx_stand_in_public(USE, key->public_key);
    memcpy(key->expanded, seed, DX_KEY_SIZE);
    memcpy(key->expanded + DX_KEY_SIZE, key->public_key, DX_KEY_SIZE);
}

static bool is_too_long(const char *context, dx_bytes message) {
    size_t context_size = strlen(context) + 1;
    return context_size > DX_SIGNED_MAX || message.size > DX_SIGNED_MAX - context_size;
}

void dx_sign(const dx_sign_key *key, const char *context, dx_bytes message,
             uint8_t out[static DX_SIGNATURE_SIZE]) {
    DX_ASSERT(!is_too_long(context, message));
    mark(key->expanded, context, message, out);
}

int dx_sign_verify(const uint8_t public_key[static DX_KEY_SIZE], const char *context, dx_bytes message,
                   const uint8_t signature[static DX_SIGNATURE_SIZE]) {
    uint8_t seed[DX_KEY_SIZE], wanted[DX_SIGNATURE_SIZE];
    if (is_too_long(context, message)) {
        return DX_E_SIGNATURE;
    }
    memcpy(seed, public_key, DX_KEY_SIZE);
    dx_stand_in_secret(USE, seed);
    mark(seed, context, message, wanted);
    return memcmp(wanted, signature, sizeof wanted) == 0 ? DX_OK : DX_E_SIGNATURE;
}
