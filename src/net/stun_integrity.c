/* net/stun_integrity.c: see stun_integrity.h.
 *
 * Layer: floor 2, net. */
#include "net/stun_integrity.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

void dx_stun_integrity(dx_bytes key, dx_bytes message, uint8_t out[static DX_STUN_INTEGRITY_SIZE]) {
    unsigned size = 0;
    DX_ASSERT(key.size <= INT32_MAX);
    if (!HMAC(EVP_sha1(), key.data, (int)key.size, message.data, message.size, out, &size) ||
        size != DX_STUN_INTEGRITY_SIZE) {
        memset(out, 0, DX_STUN_INTEGRITY_SIZE);
    }
}
