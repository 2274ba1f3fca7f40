/* crypto/noise.c: Noise XX and XXpsk0 over X25519, ChaCha20-Poly1305 and BLAKE2b-512.
 *
 * Layer: floor 1, crypto. Section numbers are those of The Noise Protocol Framework, revision 34.
 * The pattern is a table of tokens; writing and reading walk the same row, so the two cannot drift apart.
 * Sizes of all three messages are known before the first byte, so a full buffer changes nothing. */
#include "crypto/noise.h"

#include "crypto/transport_cipher.h"

#include <string.h>

_Static_assert(crypto_generichash_blake2b_BYTES_MAX == DX_NOISE_HASH_SIZE, "BLAKE2b-512");

static const dx_bytes nothing = {NULL, 0};

/* --- BLAKE2b-512, HMAC and HKDF (§4.3, RFC 2104) ------------------------------------------------- */

static void hash_two(dx_bytes a, dx_bytes b, uint8_t out[static DX_NOISE_HASH_SIZE]) {
    crypto_generichash_blake2b_state state;
    crypto_generichash_blake2b_init(&state, NULL, 0, DX_NOISE_HASH_SIZE);
    crypto_generichash_blake2b_update(&state, a.data, a.size);
    crypto_generichash_blake2b_update(&state, b.data, b.size);
    crypto_generichash_blake2b_final(&state, out, DX_NOISE_HASH_SIZE);
    dx_wipe(&state, sizeof state);
}

/* HMAC over a ‖ b; neither overlaps out. */
static void hmac(const uint8_t key[static DX_NOISE_HASH_SIZE], dx_bytes a, dx_bytes b,
                 uint8_t out[static DX_NOISE_HASH_SIZE]) {
    enum { BLOCK_SIZE = 128 };
    uint8_t block[BLOCK_SIZE], inner[DX_NOISE_HASH_SIZE];
    crypto_generichash_blake2b_state state;
    memset(block, 0x36, sizeof block);
    for (size_t i = 0; i < DX_NOISE_HASH_SIZE; i++) {
        block[i] ^= key[i];
    }
    crypto_generichash_blake2b_init(&state, NULL, 0, DX_NOISE_HASH_SIZE);
    crypto_generichash_blake2b_update(&state, block, sizeof block);
    crypto_generichash_blake2b_update(&state, a.data, a.size);
    crypto_generichash_blake2b_update(&state, b.data, b.size);
    crypto_generichash_blake2b_final(&state, inner, sizeof inner);
    for (size_t i = 0; i < sizeof block; i++) {
        block[i] ^= 0x36 ^ 0x5c;
    }
    hash_two(dx_bytes_of(block, sizeof block), dx_bytes_of(inner, sizeof inner), out);
    dx_wipe(&state, sizeof state);
    dx_wipe(block, sizeof block);
    dx_wipe(inner, sizeof inner);
}

/* count (2 or 3) outputs; the caller wipes them. */
static void hkdf(const uint8_t chaining[static DX_NOISE_HASH_SIZE], dx_bytes input, size_t count,
                 uint8_t out[][DX_NOISE_HASH_SIZE]) {
    uint8_t extracted[DX_NOISE_HASH_SIZE];
    hmac(chaining, input, nothing, extracted);
    for (size_t i = 0; i < count; i++) {
        uint8_t counter = (uint8_t)(i + 1);
        dx_bytes previous = i == 0 ? nothing : dx_bytes_of(out[i - 1], DX_NOISE_HASH_SIZE);
        hmac(extracted, previous, dx_bytes_of(&counter, 1), out[i]);
    }
    dx_wipe(extracted, sizeof extracted);
}

/* --- CipherState (§5.1) -------------------------------------------------------------------------- */

/* ChaChaPoly's nonce: 32 zero bits, then the counter, little endian (§12.3). */
static void write_nonce(uint64_t counter, uint8_t nonce[static DX_TRANSPORT_NONCE_SIZE]) {
    memset(nonce, 0, 4);
    for (size_t i = 0; i < 8; i++) {
        nonce[4 + i] = (uint8_t)(counter >> (8 * i));
    }
}

static void set_key(dx_noise_cipher *cipher, const uint8_t key[static DX_KEY_SIZE]) {
    memcpy(cipher->key, key, DX_KEY_SIZE);
    cipher->nonce = 0;
    cipher->keyed = true;
}

int dx_noise_encrypt(dx_noise_cipher *cipher, dx_bytes ad, dx_bytes text, uint8_t *out) {
    uint8_t nonce[DX_TRANSPORT_NONCE_SIZE];
    DX_ASSERT(cipher->keyed);
    if (cipher->nonce == UINT64_MAX) { /* reserved for rekeying */
        return DX_E_LIMIT;
    }
    write_nonce(cipher->nonce++, nonce);
    dx_transport_encrypt(cipher->key, nonce, ad, text, out);
    return DX_OK;
}

int dx_noise_decrypt(dx_noise_cipher *cipher, dx_bytes ad, dx_bytes sealed, uint8_t *out) {
    uint8_t nonce[DX_TRANSPORT_NONCE_SIZE];
    DX_ASSERT(cipher->keyed);
    if (sealed.size < DX_NOISE_TAG_SIZE) {
        return DX_E_MALFORMED;
    }
    if (cipher->nonce == UINT64_MAX) {
        return DX_E_LIMIT;
    }
    write_nonce(cipher->nonce, nonce);
    if (!dx_transport_decrypt(cipher->key, nonce, ad, sealed, out)) {
        return DX_E_SIGNATURE;
    }
    cipher->nonce++;
    return DX_OK;
}

void dx_noise_rekey(dx_noise_cipher *cipher) {
    static const uint8_t zeros[DX_KEY_SIZE];
    uint8_t nonce[DX_TRANSPORT_NONCE_SIZE], sealed[DX_KEY_SIZE + DX_NOISE_TAG_SIZE];
    DX_ASSERT(cipher->keyed);
    write_nonce(UINT64_MAX, nonce);
    dx_transport_encrypt(cipher->key, nonce, nothing, dx_bytes_of(zeros, sizeof zeros), sealed);
    memcpy(cipher->key, sealed, DX_KEY_SIZE);
    dx_wipe(sealed, sizeof sealed);
}

void dx_noise_cipher_deinit(dx_noise_cipher *cipher) {
    dx_wipe(cipher, sizeof *cipher);
}

/* --- SymmetricState (§5.2) ----------------------------------------------------------------------- */

static void mix_hash(dx_noise *noise, const uint8_t *data, size_t size) {
    hash_two(dx_bytes_of(noise->hash, DX_NOISE_HASH_SIZE), dx_bytes_of(data, size), noise->hash);
}

static void mix_key(dx_noise *noise, const uint8_t input[static DX_KEY_SIZE]) {
    uint8_t out[2][DX_NOISE_HASH_SIZE];
    hkdf(noise->chaining, dx_bytes_of(input, DX_KEY_SIZE), 2, out);
    memcpy(noise->chaining, out[0], DX_NOISE_HASH_SIZE);
    set_key(&noise->cipher, out[1]); /* the first 32 of 64 bytes */
    dx_wipe(out, sizeof out);
}

static void mix_key_and_hash(dx_noise *noise, const uint8_t input[static DX_KEY_SIZE]) {
    uint8_t out[3][DX_NOISE_HASH_SIZE];
    hkdf(noise->chaining, dx_bytes_of(input, DX_KEY_SIZE), 3, out);
    memcpy(noise->chaining, out[0], DX_NOISE_HASH_SIZE);
    mix_hash(noise, out[1], DX_NOISE_HASH_SIZE);
    set_key(&noise->cipher, out[2]);
    dx_wipe(out, sizeof out);
}

/* Both move *at behind what they wrote or read. A handshake never comes near the nonce's end. */
static void encrypt_and_hash(dx_noise *noise, dx_bytes text, uint8_t **at) {
    size_t size = text.size;
    if (noise->cipher.keyed) {
        int error = dx_noise_encrypt(&noise->cipher, dx_bytes_of(noise->hash, DX_NOISE_HASH_SIZE), text, *at);
        DX_ASSERT(error == DX_OK);
        size += DX_NOISE_TAG_SIZE;
    } else if (size > 0) {
        memcpy(*at, text.data, size);
    }
    mix_hash(noise, *at, size);
    *at += size;
}

static int decrypt_and_hash(dx_noise *noise, const uint8_t **at, size_t text_size, uint8_t *out) {
    size_t size = text_size;
    if (noise->cipher.keyed) {
        size += DX_NOISE_TAG_SIZE;
        int error = dx_noise_decrypt(&noise->cipher, dx_bytes_of(noise->hash, DX_NOISE_HASH_SIZE),
                                     dx_bytes_of(*at, size), out);
        if (error != DX_OK) {
            return error;
        }
    } else if (size > 0) {
        memcpy(out, *at, size);
    }
    mix_hash(noise, *at, size);
    *at += size;
    return DX_OK;
}

/* --- HandshakeState (§5.3) with psk0 (§9) -------------------------------------------------------- */

enum token { END, PSK, E, S, EE, ES, SE };

/* XX: → e   ← e, ee, s, es   → s, se.   PSK is skipped in plain XX. */
static const enum token pattern[DX_NOISE_MESSAGES][5] = {{PSK, E, END}, {E, EE, S, ES, END}, {S, SE, END}};

void dx_noise_init(dx_noise *noise, bool initiator, dx_bytes prologue,
                   const uint8_t static_secret[static DX_KEY_SIZE], const uint8_t *static_public,
                   const uint8_t ephemeral_seed[static DX_KEY_SIZE], const uint8_t *psk) {
    const char *name = psk ? "Noise_XXpsk0_25519_ChaChaPoly_BLAKE2b" : "Noise_XX_25519_ChaChaPoly_BLAKE2b";
    memset(noise, 0, sizeof *noise);
    noise->initiator = initiator;
    memcpy(noise->hash, name, strlen(name)); /* shorter than the hash: padded with zeros */
    memcpy(noise->chaining, noise->hash, DX_NOISE_HASH_SIZE);
    memcpy(noise->static_secret, static_secret, DX_KEY_SIZE);
    memcpy(noise->ephemeral_secret, ephemeral_seed, DX_KEY_SIZE);
    if (static_public) {
        memcpy(noise->static_public, static_public, DX_KEY_SIZE);
    } else {
        dx_agree_public(noise->static_secret, noise->static_public);
    }
    dx_agree_public(noise->ephemeral_secret, noise->ephemeral_public);
    if (psk) {
        noise->with_psk = true;
        memcpy(noise->psk, psk, DX_KEY_SIZE);
    }
    mix_hash(noise, prologue.data, prologue.size);
}

void dx_noise_deinit(dx_noise *noise) {
    dx_wipe(noise, sizeof *noise);
}

bool dx_noise_complete(const dx_noise *noise) {
    return !noise->failed && noise->step == DX_NOISE_MESSAGES;
}

/* The initiator writes messages 0 and 2. */
static bool in_progress(const dx_noise *noise) {
    return !noise->failed && noise->step < DX_NOISE_MESSAGES;
}

bool dx_noise_writes(const dx_noise *noise) {
    return in_progress(noise) && noise->initiator == (noise->step % 2 == 0);
}

static bool reads(const dx_noise *noise) {
    return in_progress(noise) && !dx_noise_writes(noise);
}

size_t dx_noise_overhead(const dx_noise *noise) {
    enum { SEALED_KEY = DX_KEY_SIZE + DX_NOISE_TAG_SIZE };
    switch (noise->step) {
    case 0:
        return DX_KEY_SIZE + (noise->with_psk ? DX_NOISE_TAG_SIZE : 0);
    case 1:
        return DX_KEY_SIZE + SEALED_KEY + DX_NOISE_TAG_SIZE;
    case 2:
        return SEALED_KEY + DX_NOISE_TAG_SIZE;
    default:
        return 0;
    }
}

/* The letters name the initiator's key first: es is its ephemeral with the responder's static. */
static int mix_agreement(dx_noise *noise, enum token token) {
    bool own_static = token != EE && (token == SE) == noise->initiator;
    bool remote_static = token != EE && !own_static;
    uint8_t shared[DX_KEY_SIZE];
    int error = dx_agree(own_static ? noise->static_secret : noise->ephemeral_secret,
                         remote_static ? noise->remote_static : noise->remote_ephemeral, shared);
    if (error == DX_OK) {
        mix_key(noise, shared);
    }
    dx_wipe(shared, sizeof shared);
    return error;
}

/* With a psk the ephemeral key also enters the chaining key (§9.2), so no two messages share a cipher key. */
static void mix_ephemeral(dx_noise *noise, const uint8_t public_key[static DX_KEY_SIZE]) {
    mix_hash(noise, public_key, DX_KEY_SIZE);
    if (noise->with_psk) {
        mix_key(noise, public_key);
    }
}

static int write_token(dx_noise *noise, enum token token, uint8_t **at) {
    switch (token) {
    case PSK:
        if (noise->with_psk) {
            mix_key_and_hash(noise, noise->psk);
        }
        return DX_OK;
    case E:
        memcpy(*at, noise->ephemeral_public, DX_KEY_SIZE);
        *at += DX_KEY_SIZE;
        mix_ephemeral(noise, noise->ephemeral_public);
        return DX_OK;
    case S:
        encrypt_and_hash(noise, dx_bytes_of(noise->static_public, DX_KEY_SIZE), at);
        return DX_OK;
    case EE:
    case ES:
    case SE:
        return mix_agreement(noise, token);
    case END:
        break;
    }
    return DX_OK;
}

static int read_token(dx_noise *noise, enum token token, const uint8_t **at) {
    switch (token) {
    case E:
        memcpy(noise->remote_ephemeral, *at, DX_KEY_SIZE);
        *at += DX_KEY_SIZE;
        mix_ephemeral(noise, noise->remote_ephemeral);
        return DX_OK;
    case S:
        return decrypt_and_hash(noise, at, DX_KEY_SIZE, noise->remote_static);
    case PSK:
    case EE:
    case ES:
    case SE:
        return write_token(noise, token, NULL); /* both sides mix alike */
    case END:
        break;
    }
    return DX_OK;
}

int dx_noise_write(dx_noise *noise, dx_bytes payload, dx_buf *out) {
    if (!dx_noise_writes(noise)) {
        return DX_E_STATE;
    }
    size_t overhead = dx_noise_overhead(noise);
    if (payload.size > DX_NOISE_MESSAGE_MAX - overhead) {
        return DX_E_LIMIT;
    }
    uint8_t *at = dx_buf_extend(out, overhead + payload.size);
    if (!at) {
        return dx_buf_error(out);
    }
    int error = DX_OK;
    for (const enum token *token = pattern[noise->step]; *token != END && error == DX_OK; token++) {
        error = write_token(noise, *token, &at);
    }
    if (error != DX_OK) {
        out->size -= overhead + payload.size;
        noise->failed = true;
        return error;
    }
    encrypt_and_hash(noise, payload, &at);
    noise->step++;
    return DX_OK;
}

int dx_noise_read(dx_noise *noise, dx_bytes message, dx_buf *payload) {
    if (!reads(noise)) {
        return DX_E_STATE;
    }
    size_t overhead = dx_noise_overhead(noise);
    if (message.size < overhead || message.size > DX_NOISE_MESSAGE_MAX) {
        noise->failed = true;
        return DX_E_MALFORMED;
    }
    size_t payload_size = message.size - overhead;
    uint8_t *out = payload_size > 0 ? dx_buf_extend(payload, payload_size) : NULL;
    if (dx_buf_error(payload) != DX_OK) {
        return dx_buf_error(payload);
    }
    const uint8_t *at = message.data;
    int error = DX_OK;
    for (const enum token *token = pattern[noise->step]; *token != END && error == DX_OK; token++) {
        error = read_token(noise, *token, &at);
    }
    if (error == DX_OK) {
        error = decrypt_and_hash(noise, &at, payload_size, out);
    }
    if (error != DX_OK) {
        payload->size -= payload_size;
        noise->failed = true;
        return error;
    }
    noise->step++;
    return DX_OK;
}

void dx_noise_split(dx_noise *noise, dx_noise_cipher *sending, dx_noise_cipher *receiving) {
    uint8_t out[2][DX_NOISE_HASH_SIZE];
    DX_ASSERT(dx_noise_complete(noise) && !noise->split);
    hkdf(noise->chaining, nothing, 2, out);
    set_key(sending, out[noise->initiator ? 0 : 1]);
    set_key(receiving, out[noise->initiator ? 1 : 0]);
    dx_wipe(out, sizeof out);
    dx_wipe(noise->chaining, sizeof noise->chaining);
    dx_wipe(&noise->cipher, sizeof noise->cipher);
    dx_wipe(noise->static_secret, sizeof noise->static_secret);
    dx_wipe(noise->ephemeral_secret, sizeof noise->ephemeral_secret);
    dx_wipe(noise->psk, sizeof noise->psk);
    noise->split = true;
}
