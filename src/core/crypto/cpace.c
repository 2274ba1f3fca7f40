/* crypto/cpace.c: CPACE-RISTR255-SHA512 over libsodium's ristretto255 and SHA-512.
 *
 * Layer: floor 1, crypto. Names (PRS, CI, sid, DSI, lv_cat, ISK) are those of draft-irtf-cfrg-cpace.
 * Every string is hashed as it is laid out, piece by piece, so no copy of the password is ever made. */
#include "crypto/cpace.h"

#include <string.h>

_Static_assert(crypto_core_ristretto255_BYTES == DX_CPACE_SHARE_SIZE, "share size");
_Static_assert(crypto_core_ristretto255_HASHBYTES == crypto_hash_sha512_BYTES,
               "the map takes a whole SHA-512");
_Static_assert(crypto_hash_sha512_BYTES == DX_CPACE_ISK_SIZE, "ISK size");

static const char dsi[] = "CPaceRistretto255";
static const char dsi_isk[] = "CPaceRistretto255_ISK";

/* Bytes that prepend_len puts before a string of this size: LEB128, seven bits a byte. */
static size_t length_size(size_t size) {
    size_t count = 1;
    while (size >>= 7) {
        count++;
    }
    return count;
}

/* One part of lv_cat: its length in LEB128, then the part. */
static void add_length(crypto_hash_sha512_state *hash, size_t size) {
    do {
        uint8_t byte = (uint8_t)(size & 0x7f);
        size >>= 7;
        if (size > 0) {
            byte |= 0x80;
        }
        crypto_hash_sha512_update(hash, &byte, 1);
    } while (size > 0);
}

static void add_part(crypto_hash_sha512_state *hash, dx_bytes part) {
    add_length(hash, part.size);
    crypto_hash_sha512_update(hash, part.data, part.size);
}

/* The password fills SHA-512's first block together with the DSI and zeros, so that hashing it costs the same
 * time whatever follows. */
static void add_zero_padding(crypto_hash_sha512_state *hash, size_t password_size) {
    enum { BLOCK_SIZE = 128 };
    static const uint8_t zeros[BLOCK_SIZE];
    size_t dsi_size = sizeof dsi - 1;
    size_t taken = 1 + length_size(password_size) + password_size + length_size(dsi_size) + dsi_size;
    add_part(hash, dx_bytes_of(zeros, taken < BLOCK_SIZE ? BLOCK_SIZE - taken : 0));
}

/* calculate_generator: map(SHA-512(lv_cat(DSI, PRS, zeros, CI, sid))). */
static void derive_generator(dx_bytes password, dx_bytes channel_identifier, dx_bytes sid,
                             uint8_t generator[static DX_CPACE_SHARE_SIZE]) {
    crypto_hash_sha512_state hash;
    uint8_t digest[crypto_hash_sha512_BYTES];
    crypto_hash_sha512_init(&hash);
    add_part(&hash, dx_bytes_text(dsi));
    add_part(&hash, password);
    add_zero_padding(&hash, password.size);
    add_part(&hash, channel_identifier);
    add_part(&hash, sid);
    crypto_hash_sha512_final(&hash, digest);
    crypto_core_ristretto255_from_hash(generator, digest);
    dx_wipe(&hash, sizeof hash);
    dx_wipe(digest, sizeof digest);
}

int dx_cpace_init(dx_cpace *cpace, bool initiator, dx_bytes password, dx_bytes channel_identifier,
                  dx_bytes sid, const uint8_t scalar_seed[static 64]) {
    uint8_t generator[DX_CPACE_SHARE_SIZE];
    memset(cpace, 0, sizeof *cpace);
    if (sid.size > DX_CPACE_SID_MAX) {
        return DX_E_INVALID;
    }
    cpace->initiator = initiator;
    cpace->sid_size = sid.size;
    if (sid.size > 0) {
        memcpy(cpace->sid, sid.data, sid.size);
    }
    derive_generator(password, channel_identifier, sid, generator);
    crypto_core_ristretto255_scalar_reduce(cpace->scalar, scalar_seed);
    int failed = crypto_scalarmult_ristretto255(cpace->share, cpace->scalar, generator);
    dx_wipe(generator, sizeof generator);
    return failed ? DX_E_INVALID : DX_OK;
}

int dx_cpace_finish(dx_cpace *cpace, const uint8_t remote_share[static DX_CPACE_SHARE_SIZE],
                    dx_bytes ad_initiator, dx_bytes ad_responder, uint8_t isk[static DX_CPACE_ISK_SIZE]) {
    crypto_hash_sha512_state hash;
    uint8_t shared[DX_CPACE_SHARE_SIZE];
    memset(isk, 0, DX_CPACE_ISK_SIZE);
    if (cpace->finished) {
        return DX_E_STATE;
    }
    cpace->finished = true;
    /* scalar_mult_vfy: libsodium refuses encodings that are not canonical and the neutral element. */
    int failed = crypto_scalarmult_ristretto255(shared, cpace->scalar, remote_share);
    dx_wipe(cpace->scalar, sizeof cpace->scalar);
    if (failed) {
        return DX_E_SIGNATURE;
    }
    crypto_hash_sha512_init(&hash);
    add_part(&hash, dx_bytes_text(dsi_isk));
    add_part(&hash, dx_bytes_of(cpace->sid, cpace->sid_size));
    add_part(&hash, dx_bytes_of(shared, sizeof shared));
    add_part(&hash, dx_bytes_of(cpace->initiator ? cpace->share : remote_share, DX_CPACE_SHARE_SIZE));
    add_part(&hash, ad_initiator);
    add_part(&hash, dx_bytes_of(cpace->initiator ? remote_share : cpace->share, DX_CPACE_SHARE_SIZE));
    add_part(&hash, ad_responder);
    crypto_hash_sha512_final(&hash, isk);
    dx_wipe(&hash, sizeof hash);
    dx_wipe(shared, sizeof shared);
    return DX_OK;
}

void dx_cpace_confirm(const uint8_t isk[static DX_CPACE_ISK_SIZE], bool by_initiator, dx_bytes transcript,
                      uint8_t out[static DX_CPACE_CONFIRM_SIZE]) {
    uint8_t role = by_initiator ? 1 : 2;
    dx_hash_state hash;
    dx_hash_begin(&hash, DX_HASH_CPACE_CONFIRM, dx_bytes_of(isk, DX_CPACE_ISK_SIZE));
    dx_hash_add(&hash, &role, 1);
    dx_hash_add(&hash, transcript.data, transcript.size);
    dx_hash_end(&hash, out);
}

void dx_cpace_deinit(dx_cpace *cpace) {
    dx_wipe(cpace, sizeof *cpace);
}
