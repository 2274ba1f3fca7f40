/* sim/stand_in_transport.c: stands in for the cipher of channels in the simulator, never in the product.
 *
 * Layer: simulator; takes the place of src/core/crypto/transport_cipher.c in the program `sim`, as
 * stand_in_sign.c does for signatures. What it keeps: a message shows nothing of its text, and one that was
 * changed, cut, said again, or is another's, does not open. What it does not keep: that nobody could forge one
 * who set his mind to it; the simulator's net loses and breaks, and its liar speaks through channels of its own.
 * How: stand_in_text.h. */
#include "crypto/transport_cipher.h"

#include "stand_in_text.h"

#include <sodium.h>

/* What tools/tidy looks for where it must not be. */
extern const char dx_stand_in_transport[];
const char dx_stand_in_transport[] = "stand-in for the cipher of channels";

_Static_assert(sizeof(uint8_t[DX_STAND_IN_TAG]) == DX_NOISE_TAG_SIZE, "a message's tag");

static dx_stand_in_seed begin(const uint8_t *key, const uint8_t *nonce, dx_bytes ad) {
    enum { HASH = crypto_shorthash_siphashx24_BYTES };
    uint8_t text[DX_TRANSPORT_NONCE_SIZE + DX_KEY_SIZE + HASH] = {0};
    memcpy(text, nonce, DX_TRANSPORT_NONCE_SIZE);
    memcpy(text + DX_TRANSPORT_NONCE_SIZE, key, DX_KEY_SIZE);
    if (ad.size > 0) { /* in the handshake alone */
        crypto_shorthash_siphashx24(text + DX_TRANSPORT_NONCE_SIZE + DX_KEY_SIZE, ad.data, ad.size, key);
    }
    return dx_stand_in_begin(text, sizeof text);
}

void dx_transport_encrypt(const uint8_t key[static DX_KEY_SIZE],
                          const uint8_t nonce[static DX_TRANSPORT_NONCE_SIZE], dx_bytes ad, dx_bytes text,
                          uint8_t *out) {
    dx_stand_in_seed from = begin(key, nonce, ad);
    dx_stand_in_turn(&from, text.data, out, text.size, true, out + text.size);
}

bool dx_transport_decrypt(const uint8_t key[static DX_KEY_SIZE],
                          const uint8_t nonce[static DX_TRANSPORT_NONCE_SIZE], dx_bytes ad, dx_bytes sealed,
                          uint8_t *out) {
    dx_stand_in_seed from = begin(key, nonce, ad);
    uint8_t wanted[DX_STAND_IN_TAG];
    size_t size = sealed.size - DX_NOISE_TAG_SIZE;
    dx_stand_in_turn(&from, sealed.data, out, size, false, wanted);
    return memcmp(wanted, sealed.data + size, sizeof wanted) == 0;
}
