/* crypto/noise.h: the Noise XX handshake (Noise Protocol Framework, revision 34), with and without psk0.
 *
 * Layer: floor 1, crypto. Suite 25519_ChaChaPoly_BLAKE2b. One pattern only: XX, optionally as XXpsk0.
 * A machine without I/O: bytes in, bytes out. Message order is the pattern's; any violation makes the
 * handshake fail for good. After three messages it splits into two cipher states.
 * Ownership: the struct is the caller's; dx_noise_deinit wipes it. */
#ifndef DX_CRYPTO_NOISE_H
#define DX_CRYPTO_NOISE_H

#include "crypto/keys.h"

enum {
    DX_NOISE_HASH_SIZE = 64,      /* BLAKE2b-512, as the suite's name says */
    DX_NOISE_MESSAGE_MAX = 65535, /* §3 */
    DX_NOISE_TAG_SIZE = 16
};

typedef struct dx_noise_cipher {
    uint8_t key[DX_KEY_SIZE];
    uint64_t nonce;
    bool keyed;
} dx_noise_cipher;

typedef struct dx_noise {
    uint8_t hash[DX_NOISE_HASH_SIZE]; /* h: the handshake hash once complete */
    uint8_t chaining[DX_NOISE_HASH_SIZE];
    dx_noise_cipher cipher;
    uint8_t static_secret[DX_KEY_SIZE], static_public[DX_KEY_SIZE];
    uint8_t ephemeral_secret[DX_KEY_SIZE], ephemeral_public[DX_KEY_SIZE];
    uint8_t remote_static[DX_KEY_SIZE], remote_ephemeral[DX_KEY_SIZE];
    uint8_t psk[DX_KEY_SIZE];
    bool initiator, with_psk, failed, complete;
    int step; /* messages processed: 0..3 */
} dx_noise;

/* psk may be NULL (plain XX). ephemeral_seed: 32 fresh random bytes, used as the ephemeral secret. */
void dx_noise_init(dx_noise *noise, bool initiator, dx_bytes prologue,
                   const uint8_t static_secret[static DX_KEY_SIZE],
                   const uint8_t ephemeral_seed[static DX_KEY_SIZE], const uint8_t *psk);
void dx_noise_deinit(dx_noise *noise);
/* Whether it is this side's turn to write. */
bool dx_noise_writes(const dx_noise *noise);
/* Appends the next handshake message with this payload. DX_E_STATE out of turn. */
DX_MUST_USE int dx_noise_write(dx_noise *noise, dx_bytes payload, dx_buf *out);
/* Reads the next handshake message, appends its payload. DX_E_STATE out of turn, DX_E_MALFORMED too short,
 * DX_E_SIGNATURE when it does not authenticate. */
DX_MUST_USE int dx_noise_read(dx_noise *noise, dx_bytes message, dx_buf *payload);
/* After completion: the two directions. Wipes the handshake's secrets but keeps hash and remote_static. */
void dx_noise_split(dx_noise *noise, dx_noise_cipher *sending, dx_noise_cipher *receiving);

/* Transport messages. ad is usually empty. encrypt appends text.size + 16 bytes; DX_E_LIMIT when the nonce is
 * used up. */
DX_MUST_USE int dx_noise_encrypt(dx_noise_cipher *cipher, dx_bytes ad, dx_bytes text, dx_buf *out);
DX_MUST_USE int dx_noise_decrypt(dx_noise_cipher *cipher, dx_bytes ad, dx_bytes sealed, dx_buf *out);
/* Rekey (§4.2). Both sides call it at the same point of the stream. */
void dx_noise_rekey(dx_noise_cipher *cipher);

#endif
