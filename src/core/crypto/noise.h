/* crypto/noise.h: the Noise XX handshake (The Noise Protocol Framework, revision 34), with and without psk0.
 *
 * Layer: floor 1, crypto. Suite 25519_ChaChaPoly_BLAKE2b. One pattern only: XX, optionally as XXpsk0.
 * A machine without I/O: bytes in, bytes out. A message that is not the pattern's next one, or does not
 * authenticate, makes the handshake fail for good. After three messages it splits into two cipher states.
 * Ownership: the structs are the caller's and hold secrets; the _deinit calls wipe them. */
#ifndef DX_CRYPTO_NOISE_H
#define DX_CRYPTO_NOISE_H

#include "crypto/keys.h"

enum {
    DX_NOISE_HASH_SIZE = 64,      /* BLAKE2b-512, as the suite's name says */
    DX_NOISE_MESSAGE_MAX = 65535, /* §3 */
    DX_NOISE_TAG_SIZE = 16,
    DX_NOISE_MESSAGES = 3 /* of the handshake */
};

/* One direction of an encrypted stream: §5.1 CipherState. */
typedef struct dx_noise_cipher {
    uint8_t key[DX_KEY_SIZE];
    uint64_t nonce;
    bool keyed; /* false only inside a handshake: text passes in clear */
} dx_noise_cipher;

typedef struct dx_noise {
    uint8_t hash[DX_NOISE_HASH_SIZE]; /* h: the handshake hash once complete */
    uint8_t chaining[DX_NOISE_HASH_SIZE];
    dx_noise_cipher cipher;
    uint8_t static_secret[DX_KEY_SIZE], static_public[DX_KEY_SIZE];
    uint8_t ephemeral_secret[DX_KEY_SIZE], ephemeral_public[DX_KEY_SIZE];
    uint8_t remote_static[DX_KEY_SIZE], remote_ephemeral[DX_KEY_SIZE];
    uint8_t psk[DX_KEY_SIZE];
    bool initiator, with_psk, failed, split;
    int step; /* messages processed: 0..DX_NOISE_MESSAGES */
} dx_noise;

/* psk may be NULL (plain XX). static_public may be NULL, then it is computed, which costs a tenth of the
 * handshake. ephemeral_seed: 32 fresh random bytes, used as the ephemeral secret. Both sides must name the
 * same prologue, or the first message that authenticates fails. */
void dx_noise_init(dx_noise *noise, bool initiator, dx_bytes prologue,
                   const uint8_t static_secret[static DX_KEY_SIZE], const uint8_t *static_public,
                   const uint8_t ephemeral_seed[static DX_KEY_SIZE], const uint8_t *psk);
void dx_noise_deinit(dx_noise *noise);
/* Whether it is this side's turn to write; false when complete or failed. */
bool dx_noise_writes(const dx_noise *noise);
/* Whether all three messages went through: hash and remote_static hold. */
bool dx_noise_complete(const dx_noise *noise);
/* What the next handshake message adds to its payload. */
size_t dx_noise_overhead(const dx_noise *noise);

/* Appends the next handshake message with this payload. DX_E_STATE out of turn or after a failure, DX_E_LIMIT
 * above DX_NOISE_MESSAGE_MAX, the buffer's error when it is full; all of these change nothing. DX_E_SIGNATURE
 * when the remote's ephemeral key was of low order: failed for good. */
DX_MUST_USE int dx_noise_write(dx_noise *noise, dx_bytes payload, dx_buf *out);
/* Reads the next handshake message, which is not inside *payload, and appends its payload. DX_E_STATE out of
 * turn or after a failure, the buffer's error when payload is full: nothing changes. DX_E_MALFORMED too short
 * or too long, DX_E_SIGNATURE when it does not authenticate: failed for good, payload as it was. */
DX_MUST_USE int dx_noise_read(dx_noise *noise, dx_bytes message, dx_buf *payload);
/* Once, after completion: the two directions. Wipes the handshake's secrets but keeps hash and remote_static.
 */
void dx_noise_split(dx_noise *noise, dx_noise_cipher *sending, dx_noise_cipher *receiving);

/* Transport messages; ad is usually empty; in place allowed (out == text.data, out == sealed.data).
 * encrypt writes text.size + DX_NOISE_TAG_SIZE bytes, decrypt that much less. DX_E_LIMIT when the 2^64-1
 * nonces are used up. decrypt: DX_E_MALFORMED too short, DX_E_SIGNATURE not authentic (out is zeroed); a
 * receiver closes then. */
DX_MUST_USE int dx_noise_encrypt(dx_noise_cipher *cipher, dx_bytes ad, dx_bytes text, uint8_t *out);
DX_MUST_USE int dx_noise_decrypt(dx_noise_cipher *cipher, dx_bytes ad, dx_bytes sealed, uint8_t *out);
/* §4.2 and §11.3: a one-way step to a new key. Both sides take it at the same point of the stream; the nonce
 * goes on. */
void dx_noise_rekey(dx_noise_cipher *cipher);
void dx_noise_cipher_deinit(dx_noise_cipher *cipher);

#endif
