/* crypto/sign.c: Ed25519 signatures with a context (RFC 8032).
 *
 * Layer: floor 1, crypto.
 * This file defines dx_sign_key_from_seed, dx_sign and dx_sign_verify and nothing else, so that the simulator
 * can put a stand-in beside it: an object file that defines the same three symbols, linked before the static
 * library, keeps this member of the archive out (the linker takes a member only for symbols still missing;
 * defining fewer than the three would make it a duplicate-symbol error, so a half stand-in cannot link). The
 * stand-in is a keyed hash under the public key: anyone can forge it, so it lives in the simulator only. */
#include "crypto/keys.h"

#include <string.h>

_Static_assert(crypto_sign_SECRETKEYBYTES == sizeof((dx_sign_key *)0)->expanded, "libsodium's layout");

void dx_sign_key_from_seed(dx_sign_key *key, const uint8_t seed[static DX_KEY_SIZE]) {
    crypto_sign_seed_keypair(key->public_key, key->expanded, seed);
}

/* Ed25519 reads its message twice, so context ‖ 0x00 ‖ message is gathered once, on the stack.
 * Returns the size, or 0 when it exceeds DX_SIGNED_MAX. */
static size_t gather_signed(const char *context, dx_bytes message, uint8_t out[static DX_SIGNED_MAX]) {
    size_t context_size = strlen(context) + 1; /* its terminator is the 0x00 */
    if (context_size > DX_SIGNED_MAX || message.size > DX_SIGNED_MAX - context_size) {
        return 0;
    }
    memcpy(out, context, context_size);
    if (message.size > 0) {
        memcpy(out + context_size, message.data, message.size);
    }
    return context_size + message.size;
}

void dx_sign(const dx_sign_key *key, const char *context, dx_bytes message,
             uint8_t out[static DX_SIGNATURE_SIZE]) {
    uint8_t text[DX_SIGNED_MAX];
    size_t size = gather_signed(context, message, text);
    DX_ASSERT(size > 0);
    crypto_sign_detached(out, NULL, text, size, key->expanded);
}

int dx_sign_verify(const uint8_t public_key[static DX_KEY_SIZE], const char *context, dx_bytes message,
                   const uint8_t signature[static DX_SIGNATURE_SIZE]) {
    uint8_t text[DX_SIGNED_MAX];
    size_t size = gather_signed(context, message, text);
    if (size == 0 || crypto_sign_verify_detached(signature, text, size, public_key) != 0) {
        return DX_E_SIGNATURE;
    }
    return DX_OK;
}
