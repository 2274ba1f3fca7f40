/* tests/unit/halo/cheap_crypto.c: stand-ins for signatures and CPace, for tests that run a hundred thousand
 * invitations.
 *
 * Anyone can forge these; they keep the one property the machines rest on: who does not know the key (the
 * PIN) makes something else. Each file of the library is replaced whole, so its object stays out of the
 * program. */
#include "crypto/cpace.h"

#include <string.h>

/* --- crypto/sign.c: a keyed hash under the public key ----------------------------------------- */

void dx_sign_key_from_seed(dx_sign_key *key, const uint8_t seed[static DX_KEY_SIZE]) {
    dx_hash(DX_HASH_SUBKEY, dx_bytes_of(seed, DX_KEY_SIZE), key->public_key);
    memcpy(key->expanded, seed, DX_KEY_SIZE);
    memcpy(key->expanded + DX_KEY_SIZE, key->public_key, DX_KEY_SIZE);
}

static void mark(const uint8_t *public_key, const char *context, dx_bytes message, uint8_t *out) {
    dx_hash_state hash;
    dx_hash_begin(&hash, DX_HASH_SUBKEY, dx_bytes_of(public_key, DX_KEY_SIZE));
    dx_hash_add(&hash, context, strlen(context));
    dx_hash_add(&hash, message.data, message.size);
    dx_hash_end(&hash, out);
    memcpy(out + DX_HASH_SIZE, out, DX_HASH_SIZE);
}

void dx_sign(const dx_sign_key *key, const char *context, dx_bytes message,
             uint8_t out[static DX_SIGNATURE_SIZE]) {
    mark(key->public_key, context, message, out);
}

int dx_sign_verify(const uint8_t public_key[static DX_KEY_SIZE], const char *context, dx_bytes message,
                   const uint8_t signature[static DX_SIGNATURE_SIZE]) {
    uint8_t wanted[DX_SIGNATURE_SIZE];
    mark(public_key, context, message, wanted);
    return memcmp(wanted, signature, sizeof wanted) == 0 ? DX_OK : DX_E_SIGNATURE;
}

/* --- crypto/cpace.c: a hash over password and shares ------------------------------------------ */

int dx_cpace_init(dx_cpace *cpace, bool initiator, dx_bytes password, dx_bytes channel_identifier,
                  dx_bytes sid, const uint8_t scalar_seed[static 64]) {
    dx_hash_state hash;
    memset(cpace, 0, sizeof *cpace);
    cpace->initiator = initiator;
    dx_hash_begin(&hash, DX_HASH_SUBKEY, dx_bytes_of(NULL, 0));
    dx_hash_add(&hash, password.data, password.size);
    dx_hash_add(&hash, channel_identifier.data, channel_identifier.size);
    dx_hash_add(&hash, sid.data, sid.size);
    dx_hash_end(&hash, cpace->scalar);
    dx_hash(DX_HASH_SUBKEY, dx_bytes_of(scalar_seed, 64), cpace->share);
    return DX_OK;
}

int dx_cpace_finish(dx_cpace *cpace, const uint8_t remote_share[static DX_CPACE_SHARE_SIZE],
                    dx_bytes ad_initiator, dx_bytes ad_responder, uint8_t isk[static DX_CPACE_ISK_SIZE]) {
    static const uint8_t neutral[DX_CPACE_SHARE_SIZE] = {0};
    dx_hash_state hash;
    (void)ad_initiator;
    (void)ad_responder;
    memset(isk, 0, DX_CPACE_ISK_SIZE);
    if (memcmp(remote_share, neutral, sizeof neutral) == 0) {
        return DX_E_SIGNATURE;
    }
    dx_hash_begin(&hash, DX_HASH_SUBKEY, dx_bytes_of(cpace->scalar, sizeof cpace->scalar));
    dx_hash_add(&hash, cpace->initiator ? cpace->share : remote_share, DX_CPACE_SHARE_SIZE);
    dx_hash_add(&hash, cpace->initiator ? remote_share : cpace->share, DX_CPACE_SHARE_SIZE);
    dx_hash_end(&hash, isk);
    return DX_OK;
}

void dx_cpace_confirm(const uint8_t isk[static DX_CPACE_ISK_SIZE], bool by_initiator, dx_bytes transcript,
                      uint8_t out[static DX_CPACE_CONFIRM_SIZE]) {
    dx_hash_state hash;
    uint8_t role = by_initiator ? 1 : 2;
    dx_hash_begin(&hash, DX_HASH_CPACE_CONFIRM, dx_bytes_of(isk, DX_CPACE_ISK_SIZE));
    dx_hash_add(&hash, &role, 1);
    dx_hash_add(&hash, transcript.data, transcript.size);
    dx_hash_end(&hash, out);
}

void dx_cpace_deinit(dx_cpace *cpace) {
    dx_wipe(cpace, sizeof *cpace);
}
