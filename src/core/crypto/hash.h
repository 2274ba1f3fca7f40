/* crypto/hash.h: the one hash of the house, BLAKE2b-256, always with a domain.
 *
 * Layer: floor 1, crypto (base and libsodium below). Domain separation is BLAKE2b's own: the 16-byte
 * personalisation field holds the domain's name padded with zeros (RFC 7693 §2.5 and libsodium's
 * generichash salt_personal), so no two uses can collide however their inputs are laid out. */
#ifndef DX_CRYPTO_HASH_H
#define DX_CRYPTO_HASH_H

#include <dxos/base.h>
#include <sodium.h>

enum { DX_HASH_SIZE = 32 };

/* X(symbol, name of at most 16 characters). One row per use, append only; docs/spec/hashes.md explains each.
 */
#define DX_HASH_DOMAINS(X)                                                                                   \
    X(SPACE_ID, "dx space id")                                                                               \
    X(FEED_ID, "dx feed id")                                                                                 \
    X(SECTION, "dx section")                                                                                 \
    X(LEAF, "dx leaf")                                                                                       \
    X(NODE, "dx node")                                                                                       \
    X(ROOT, "dx root")                                                                                       \
    X(CREDENTIAL, "dx credential")                                                                           \
    X(NONCE, "dx section nonce")                                                                             \
    X(COMMIT, "dx key commit")                                                                               \
    X(DISCOVERY, "dx discovery")                                                                             \
    X(TOPIC_TAG, "dx topic tag")                                                                             \
    X(LINK, "dx link")                                                                                       \
    X(SYNC_DIGEST, "dx sync digest")                                                                         \
    X(STATE_DIGEST, "dx state digest")                                                                       \
    X(SUBKEY, "dx subkey")                                                                                   \
    X(SEAL, "dx seal")                                                                                       \
    X(CPACE_CONFIRM, "dx cpace confirm")                                                                     \
    X(CONTROL_DIGEST, "dx control")                                                                          \
    X(SIGNALING_TAG, "dx signal tag")                                                                        \
    X(SIGNALING_KEY, "dx signal key")                                                                        \
    X(CHANNEL_BINDING, "dx binding")                                                                         \
    X(APP_REQUEST, "dx app request")                                                                         \
    X(CUT, "dx cut")                                                                                         \
    X(CHUNK, "dx chunk")                                                                                     \
    X(SNAPSHOT, "dx snapshot")                                                                               \
    X(PURGED, "dx purged")                                                                                   \
    X(MATCH, "dx match")                                                                                     \
    X(TEXT_CLIENT, "dx text client")

typedef enum dx_hash_domain {
#define DX_HASH_ROW(symbol, name) DX_HASH_##symbol,
    DX_HASH_DOMAINS(DX_HASH_ROW)
#undef DX_HASH_ROW
        DX_HASH_DOMAIN_COUNT
} dx_hash_domain;

typedef struct dx_hash_state {
    crypto_generichash_blake2b_state state;
} dx_hash_state;

/* One-shot: out = BLAKE2b-256(person = domain, a). */
void dx_hash(dx_hash_domain domain, dx_bytes input, uint8_t out[static DX_HASH_SIZE]);
/* Keyed (key of at most 64 bytes): a MAC or a PRF. */
void dx_hash_keyed(dx_hash_domain domain, dx_bytes key, dx_bytes input, uint8_t out[static DX_HASH_SIZE]);
/* Streaming; key may be empty. A state that began with a key holds a secret until dx_hash_end, which wipes
 * it. */
void dx_hash_begin(dx_hash_state *hash, dx_hash_domain domain, dx_bytes key);
void dx_hash_add(dx_hash_state *hash, const void *data, size_t size);
void dx_hash_add_u64(dx_hash_state *hash, uint64_t value); /* little endian, 8 bytes */
void dx_hash_end(dx_hash_state *hash, uint8_t out[static DX_HASH_SIZE]);

#endif
