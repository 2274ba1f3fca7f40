/* crypto/transport_cipher.h: the cipher under a Noise message or a channel's frame.
 *
 * Layer: floor 1, crypto. ChaCha20-Poly1305 (RFC 8439) with the tag behind the text. A file of its own, and
 * with nothing else in it, so that the simulator can put a cheap stand-in before it (docs/SIMULATION.md);
 * noise.h says which nonces there are. Borrows everything. */
#ifndef DX_CRYPTO_TRANSPORT_CIPHER_H
#define DX_CRYPTO_TRANSPORT_CIPHER_H

#include "crypto/noise.h"

enum { DX_TRANSPORT_NONCE_SIZE = 12 };

/* out: text.size + DX_NOISE_TAG_SIZE bytes; text may stand at its beginning. A nonce serves one text of a key. */
void dx_transport_encrypt(const uint8_t key[static DX_KEY_SIZE],
                          const uint8_t nonce[static DX_TRANSPORT_NONCE_SIZE], dx_bytes ad, dx_bytes text,
                          uint8_t *out);
/* sealed: at least DX_NOISE_TAG_SIZE bytes; out: what is left of it without the tag, may be where sealed is. False
 * when key, nonce, ad, text or tag is another; what then stands in out is not to be used. */
DX_MUST_USE bool dx_transport_decrypt(const uint8_t key[static DX_KEY_SIZE],
                                      const uint8_t nonce[static DX_TRANSPORT_NONCE_SIZE], dx_bytes ad,
                                      dx_bytes sealed, uint8_t *out);

#endif
