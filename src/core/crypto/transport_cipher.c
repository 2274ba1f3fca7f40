/* crypto/transport_cipher.c: ChaCha20-Poly1305 for messages on their way. See transport_cipher.h; nothing else is
 * defined here. */
#include "crypto/transport_cipher.h"

#include <sodium.h>

_Static_assert(crypto_aead_chacha20poly1305_ietf_KEYBYTES == DX_KEY_SIZE, "key size");
_Static_assert(crypto_aead_chacha20poly1305_ietf_ABYTES == DX_NOISE_TAG_SIZE, "tag size");
_Static_assert(crypto_aead_chacha20poly1305_ietf_NPUBBYTES == DX_TRANSPORT_NONCE_SIZE, "nonce size");

void dx_transport_encrypt(const uint8_t key[static DX_KEY_SIZE],
                          const uint8_t nonce[static DX_TRANSPORT_NONCE_SIZE], dx_bytes ad, dx_bytes text,
                          uint8_t *out) {
    crypto_aead_chacha20poly1305_ietf_encrypt(out, NULL, text.data, text.size, ad.data, ad.size, NULL, nonce,
                                              key);
}

bool dx_transport_decrypt(const uint8_t key[static DX_KEY_SIZE],
                          const uint8_t nonce[static DX_TRANSPORT_NONCE_SIZE], dx_bytes ad, dx_bytes sealed,
                          uint8_t *out) {
    return crypto_aead_chacha20poly1305_ietf_decrypt(out, NULL, NULL, sealed.data, sealed.size, ad.data,
                                                     ad.size, nonce, key) == 0;
}
