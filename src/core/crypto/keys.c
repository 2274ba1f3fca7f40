/* crypto/keys.c: XChaCha20-Poly1305, the same stream under a synthetic nonce, sealed boxes and derived keys over libsodium.
 *
 * Layer: floor 1, crypto. Signatures and X25519 have files of their own (sign.c, agree.c).
 * Everything secret that is held here for a while is wiped before the function returns. */
#include "crypto/keys.h"

#include <string.h>

_Static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == DX_KEY_SIZE, "key size");
_Static_assert(crypto_aead_xchacha20poly1305_ietf_NPUBBYTES == DX_AEAD_NONCE_SIZE, "nonce size");
_Static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == DX_AEAD_TAG_SIZE, "tag size");
_Static_assert(DX_SEAL_OVERHEAD == DX_KEY_SIZE + DX_AEAD_TAG_SIZE, "seal overhead");

void dx_wipe(void *secret, size_t size) {
    sodium_memzero(secret, size);
}

bool dx_secret_equal(const void *a, const void *b, size_t size) {
    return sodium_memcmp(a, b, size) == 0;
}

void dx_aead_seal(const uint8_t key[static DX_KEY_SIZE], const uint8_t nonce[static DX_AEAD_NONCE_SIZE],
                  dx_bytes ad, dx_bytes text, uint8_t *out) {
    crypto_aead_xchacha20poly1305_ietf_encrypt(out, NULL, text.data, text.size, ad.data, ad.size, NULL, nonce,
                                               key);
}

int dx_aead_open(const uint8_t key[static DX_KEY_SIZE], const uint8_t nonce[static DX_AEAD_NONCE_SIZE],
                 dx_bytes ad, dx_bytes sealed, uint8_t *out) {
    if (sealed.size < DX_AEAD_TAG_SIZE) {
        return DX_E_SIGNATURE;
    }
    int failed = crypto_aead_xchacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed.data, sealed.size,
                                                            ad.data, ad.size, nonce, key);
    return failed ? DX_E_SIGNATURE : DX_OK;
}

static void make_siv(const uint8_t key[static DX_KEY_SIZE], dx_hash_domain domain, dx_bytes ad, dx_bytes text,
                     uint8_t out[static DX_SIV_SIZE]) {
    uint8_t digest[DX_HASH_SIZE];
    dx_hash_state hash;
    dx_hash_begin(&hash, domain, dx_bytes_of(key, DX_KEY_SIZE));
    dx_hash_add(&hash, ad.data, ad.size);
    dx_hash_add(&hash, text.data, text.size);
    dx_hash_end(&hash, digest);
    memcpy(out, digest, DX_SIV_SIZE);
}

static void xor_stream(const uint8_t key[static DX_KEY_SIZE], const uint8_t siv[static DX_SIV_SIZE],
                       dx_bytes in, uint8_t *out) {
    uint8_t nonce[crypto_stream_xchacha20_NONCEBYTES] = {0};
    memcpy(nonce, siv, DX_SIV_SIZE);
    if (in.size != 0) {
        crypto_stream_xchacha20_xor(out, in.data, in.size, nonce, key);
    }
}

void dx_siv_seal(const uint8_t key[static DX_KEY_SIZE], dx_hash_domain domain, dx_bytes ad, dx_bytes text,
                 uint8_t *out) {
    make_siv(key, domain, ad, text, out);
    xor_stream(key, out, text, out + DX_SIV_SIZE);
}

int dx_siv_open(const uint8_t key[static DX_KEY_SIZE], dx_hash_domain domain, dx_bytes ad, dx_bytes sealed,
                uint8_t *out) {
    if (sealed.size < DX_SIV_SIZE) {
        return DX_E_SIGNATURE;
    }
    uint8_t siv[DX_SIV_SIZE];
    dx_bytes text = dx_bytes_of(out, sealed.size - DX_SIV_SIZE);
    xor_stream(key, sealed.data, dx_bytes_of(sealed.data + DX_SIV_SIZE, text.size), out);
    make_siv(key, domain, ad, text, siv);
    if (dx_secret_equal(siv, sealed.data, sizeof siv)) {
        return DX_OK;
    }
    if (text.size != 0) {
        memset(out, 0, text.size);
    }
    return DX_E_SIGNATURE;
}

void dx_key_commitment(const uint8_t key[static DX_KEY_SIZE], uint8_t out[static DX_HASH_SIZE]) {
    dx_hash(DX_HASH_COMMIT, dx_bytes_of(key, DX_KEY_SIZE), out);
}

/* Both public keys enter the key, so a box opens only for the recipient it was made for. The nonce is zero
 * because every key serves one box. */
static const uint8_t seal_nonce[DX_AEAD_NONCE_SIZE];

static void derive_seal_key(const uint8_t shared[static DX_KEY_SIZE],
                            const uint8_t ephemeral_public[static DX_KEY_SIZE],
                            const uint8_t public_key[static DX_KEY_SIZE], uint8_t key[static DX_KEY_SIZE]) {
    dx_hash_state hash;
    dx_hash_begin(&hash, DX_HASH_SEAL, dx_bytes_of(shared, DX_KEY_SIZE));
    dx_hash_add(&hash, ephemeral_public, DX_KEY_SIZE);
    dx_hash_add(&hash, public_key, DX_KEY_SIZE);
    dx_hash_end(&hash, key);
}

int dx_seal(const uint8_t public_key[static DX_KEY_SIZE], const uint8_t ephemeral_seed[static DX_KEY_SIZE],
            dx_bytes text, uint8_t *out) {
    uint8_t shared[DX_KEY_SIZE], key[DX_KEY_SIZE];
    int error = dx_agree(ephemeral_seed, public_key, shared);
    if (error == DX_OK) {
        dx_agree_public(ephemeral_seed, out);
        derive_seal_key(shared, out, public_key, key);
        dx_aead_seal(key, seal_nonce, dx_bytes_of(NULL, 0), text, out + DX_KEY_SIZE);
        dx_wipe(key, sizeof key);
    }
    dx_wipe(shared, sizeof shared);
    return error;
}

int dx_seal_open(const uint8_t secret[static DX_KEY_SIZE], dx_bytes sealed, uint8_t *out) {
    uint8_t shared[DX_KEY_SIZE], public_key[DX_KEY_SIZE], key[DX_KEY_SIZE];
    if (sealed.size < DX_SEAL_OVERHEAD) {
        return DX_E_SIGNATURE;
    }
    int error = dx_agree(secret, sealed.data, shared);
    if (error == DX_OK) {
        dx_agree_public(secret, public_key);
        derive_seal_key(shared, sealed.data, public_key, key);
        error = dx_aead_open(key, seal_nonce, dx_bytes_of(NULL, 0),
                             dx_bytes_of(sealed.data + DX_KEY_SIZE, sealed.size - DX_KEY_SIZE), out);
        dx_wipe(key, sizeof key);
    }
    dx_wipe(shared, sizeof shared);
    return error;
}

void dx_subkey(const uint8_t key[static DX_KEY_SIZE], const char *label, uint8_t out[static DX_KEY_SIZE]) {
    dx_hash_keyed(DX_HASH_SUBKEY, dx_bytes_of(key, DX_KEY_SIZE), dx_bytes_text(label), out);
}
