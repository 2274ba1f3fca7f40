/* sim/stand_in_integrity.c: stands in for the keyed hash of STUN messages in the simulator, never in the product.
 *
 * Layer: simulator; takes the place of src/net/stun_integrity.c in the program `sim`, and in wasm, where there is no
 * libcrypto, in `sim-real` too: no trace holds a datagram, so traces are the same. What it keeps: who does not have the
 * key makes none that holds, and a message that was changed does not hold. How: SipHash under the key's hash. */
#include "net/stun_integrity.h"

#include <string.h>

#include <sodium.h>

/* What tools/tidy looks for where it must not be. */
extern const char dx_stand_in_integrity[];
const char dx_stand_in_integrity[] = "stand-in for the keyed hash of STUN";

void dx_stun_integrity(dx_bytes key, dx_bytes message, uint8_t out[static DX_STUN_INTEGRITY_SIZE]) {
    static const uint8_t base[crypto_shorthash_siphashx24_KEYBYTES] = "integrity";
    uint8_t hashed[crypto_shorthash_siphashx24_BYTES];
    _Static_assert(sizeof hashed == crypto_shorthash_siphashx24_KEYBYTES, "one is the other's key");
    crypto_shorthash_siphashx24(hashed, key.data, key.size, base);
    memset(out, 0, DX_STUN_INTEGRITY_SIZE);
    crypto_shorthash_siphashx24(out, message.data, message.size, hashed);
}
