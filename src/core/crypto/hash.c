/* crypto/hash.c: domain-separated BLAKE2b-256 over libsodium's generichash.
 *
 * Layer: floor 1, crypto. Pure: no state besides the caller's.
 * libsodium's calls used here fail only on sizes out of range; those sizes are constants or asserted. */
#include "crypto/hash.h"

#include <string.h>

/* The personalisation field: names of at most 16 characters, the rest zeros. The 17th byte is the terminator
 * C wants and BLAKE2b never sees; the static assertion below holds the names to 16. */
static const char hash_persons[DX_HASH_DOMAIN_COUNT][crypto_generichash_blake2b_PERSONALBYTES + 1] = {
#define PERSON_ROW(symbol, name) [DX_HASH_##symbol] = name,
    DX_HASH_DOMAINS(PERSON_ROW)
#undef PERSON_ROW
};

#define LENGTH_ROW(symbol, name)                                                                             \
    _Static_assert(sizeof(name) - 1 <= crypto_generichash_blake2b_PERSONALBYTES, "domain name too long");
DX_HASH_DOMAINS(LENGTH_ROW)
#undef LENGTH_ROW

static const uint8_t *person_of(dx_hash_domain domain) {
    DX_ASSERT(domain < DX_HASH_DOMAIN_COUNT);
    return (const uint8_t *)hash_persons[domain];
}

void dx_hash(dx_hash_domain domain, dx_bytes input, uint8_t out[static DX_HASH_SIZE]) {
    dx_hash_keyed(domain, dx_bytes_of(NULL, 0), input, out);
}

void dx_hash_keyed(dx_hash_domain domain, dx_bytes key, dx_bytes input, uint8_t out[static DX_HASH_SIZE]) {
    DX_ASSERT(key.size <= crypto_generichash_blake2b_KEYBYTES_MAX);
    int failed = crypto_generichash_blake2b_salt_personal(out, DX_HASH_SIZE, input.data, input.size, key.data,
                                                          key.size, NULL, person_of(domain));
    DX_ASSERT(!failed);
}

void dx_hash_begin(dx_hash_state *hash, dx_hash_domain domain, dx_bytes key) {
    DX_ASSERT(key.size <= crypto_generichash_blake2b_KEYBYTES_MAX);
    int failed = crypto_generichash_blake2b_init_salt_personal(&hash->state, key.data, key.size, DX_HASH_SIZE,
                                                               NULL, person_of(domain));
    DX_ASSERT(!failed);
}

void dx_hash_add(dx_hash_state *hash, const void *data, size_t size) {
    crypto_generichash_blake2b_update(&hash->state, data, size);
}

void dx_hash_add_u64(dx_hash_state *hash, uint64_t value) {
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
    dx_hash_add(hash, bytes, sizeof bytes);
}

void dx_hash_end(dx_hash_state *hash, uint8_t out[static DX_HASH_SIZE]) {
    int failed = crypto_generichash_blake2b_final(&hash->state, out, DX_HASH_SIZE);
    DX_ASSERT(!failed);
    sodium_memzero(hash, sizeof *hash);
}
