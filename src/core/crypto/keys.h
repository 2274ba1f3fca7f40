/* crypto/keys.h: signatures, key agreement, authenticated encryption and sealing.
 *
 * Layer: floor 1, crypto. Every seed and nonce comes from the random port or from a keyed hash; libsodium's
 * own random and _keypair functions are never called (the purity check proves it). Ownership: fixed-size
 * arrays of the caller. Secrets are wiped by whoever holds them: dx_wipe. */
#ifndef DX_CRYPTO_KEYS_H
#define DX_CRYPTO_KEYS_H

#include "crypto/hash.h"

enum {
    DX_KEY_SIZE = 32,        /* public keys, seeds, symmetric keys */
    DX_SIGNATURE_SIZE = 64,  /* Ed25519, RFC 8032 */
    DX_AEAD_NONCE_SIZE = 24, /* XChaCha20-Poly1305 */
    DX_AEAD_TAG_SIZE = 16,
    DX_SIV_SIZE = 16,
    DX_SEAL_OVERHEAD = 48, /* ephemeral public key and tag */
    DX_SIGNED_MAX = 4096 /* longest context ‖ 0x00 ‖ message: it is gathered on the stack, and what we sign is
                          * hashes, heads and credentials of some 2 KiB; anything longer signs its hash */
};

void dx_wipe(void *secret, size_t size);
/* Constant time. */
bool dx_secret_equal(const void *a, const void *b, size_t size);

/* A signing key is stored as its 32-byte seed; this is the form held in memory while it is used: seed ‖
 * public key, the layout libsodium signs with (it saves one base-point multiplication per signature). */
typedef struct dx_sign_key {
    uint8_t public_key[DX_KEY_SIZE];
    uint8_t expanded[64];
} dx_sign_key;

void dx_sign_key_from_seed(dx_sign_key *key, const uint8_t seed[static DX_KEY_SIZE]);
/* Signs context ‖ 0x00 ‖ message; context is a short constant text that names the use ("dxos head/1").
 * Ed25519 (RFC 8032) over the concatenation, which is at most DX_SIGNED_MAX bytes (asserted). */
void dx_sign(const dx_sign_key *key, const char *context, dx_bytes message,
             uint8_t out[static DX_SIGNATURE_SIZE]);
DX_MUST_USE int dx_sign_verify(const uint8_t public_key[static DX_KEY_SIZE], const char *context,
                               dx_bytes message,
                               const uint8_t signature[static DX_SIGNATURE_SIZE]); /* DX_OK or DX_E_SIGNATURE;
                                                                    * a longer message never holds */

/* X25519 (RFC 7748). agree refuses an all-zero result (DX_E_SIGNATURE). */
void dx_agree_public(const uint8_t secret[static DX_KEY_SIZE], uint8_t public_key[static DX_KEY_SIZE]);
DX_MUST_USE int dx_agree(const uint8_t secret[static DX_KEY_SIZE],
                         const uint8_t public_key[static DX_KEY_SIZE], uint8_t out[static DX_KEY_SIZE]);

/* XChaCha20-Poly1305; out has room for text.size + TAG (seal) or sealed.size - TAG (open). In place allowed;
 * an open that fails leaves zeros in out. */
void dx_aead_seal(const uint8_t key[static DX_KEY_SIZE], const uint8_t nonce[static DX_AEAD_NONCE_SIZE],
                  dx_bytes ad, dx_bytes text, uint8_t *out);
DX_MUST_USE int dx_aead_open(const uint8_t key[static DX_KEY_SIZE],
                             const uint8_t nonce[static DX_AEAD_NONCE_SIZE], dx_bytes ad, dx_bytes sealed,
                             uint8_t *out); /* DX_OK or DX_E_SIGNATURE */
/* Deterministic: siv ‖ XChaCha20(key, nonce = siv and 8 zero bytes, text), siv being the first 16 bytes of H(domain keyed
 * by key, ad ‖ text), so it is nonce and tag at once (docs/decisions/0032). The same text gives the same bytes, and that is
 * all two of them tell. ad has one size in each domain. out has room for text.size + SIV (seal) or sealed.size − SIV (open) and
 * does not overlap the input; an open that fails leaves zeros in it. */
void dx_siv_seal(const uint8_t key[static DX_KEY_SIZE], dx_hash_domain domain, dx_bytes ad, dx_bytes text,
                 uint8_t *out);
DX_MUST_USE int dx_siv_open(const uint8_t key[static DX_KEY_SIZE], dx_hash_domain domain, dx_bytes ad,
                            dx_bytes sealed, uint8_t *out); /* DX_OK or DX_E_SIGNATURE */
/* What a key-epoch credential holds so that the key is committed to: H(COMMIT, key). */
void dx_key_commitment(const uint8_t key[static DX_KEY_SIZE], uint8_t out[static DX_HASH_SIZE]);

/* Anonymous sealed box to an X25519 public key: ephemeral ‖ AEAD; ephemeral_seed is 32 fresh random bytes,
 * never used twice. The key is H(SEAL keyed by the agreed secret, ephemeral ‖ public key), so it is new each
 * time and the nonce is zero. out has room for text.size + DX_SEAL_OVERHEAD (seal) or sealed.size -
 * DX_SEAL_OVERHEAD (open) and does not overlap the input. Both give DX_E_SIGNATURE: seal when public_key is
 * of low order, open when it does not authenticate or is too short. */
DX_MUST_USE int dx_seal(const uint8_t public_key[static DX_KEY_SIZE],
                        const uint8_t ephemeral_seed[static DX_KEY_SIZE], dx_bytes text, uint8_t *out);
DX_MUST_USE int dx_seal_open(const uint8_t secret[static DX_KEY_SIZE], dx_bytes sealed, uint8_t *out);

/* Derives a named subkey: H(SUBKEY keyed by key, label). */
void dx_subkey(const uint8_t key[static DX_KEY_SIZE], const char *label, uint8_t out[static DX_KEY_SIZE]);

#endif
