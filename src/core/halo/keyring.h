/* halo/keyring.h: the secrets of this vault, in the encrypted store, never elsewhere.
 *
 * Layer: floor 1, halo. Table key(public BLOB PRIMARY KEY, kind TEXT, seed BLOB). Seeds come from the random
 * port. Passphrase wrapping comes with the HALO issue; until then the page encryption of the vault file is
 * the only lock. Calls are made inside an open store transaction. Ownership: keys are copied out; who holds a
 * copy wipes it. */
#ifndef DX_HALO_KEYRING_H
#define DX_HALO_KEYRING_H

#include "crypto/keys.h"
#include "store/store.h"

/* Bytes of an identity's name with C's terminator: long enough for a person, short enough for a list. */
enum { DX_IDENTITY_NAME_SIZE = 128 };

/* Makes a signing key, stores its seed under its public key, returns it. kind names its use ("device"). */
DX_MUST_USE int dx_keyring_create(dx_store *store, const dx_random *random, const char *kind,
                                  dx_sign_key *out);
/* An X25519 secret likewise; public_key receives its name. */
DX_MUST_USE int dx_keyring_create_agreement(dx_store *store, const dx_random *random, const char *kind,
                                            uint8_t public_key[static DX_KEY_SIZE]);
/* DX_E_NOT_FOUND, store errors; DX_E_CORRUPT when the seed does not give this public key. */
DX_MUST_USE int dx_keyring_sign_key(dx_store *store, const uint8_t public_key[static DX_KEY_SIZE],
                                    dx_sign_key *out);
DX_MUST_USE int dx_keyring_secret(dx_store *store, const uint8_t public_key[static DX_KEY_SIZE],
                                  uint8_t secret[static DX_KEY_SIZE]);
/* Forgets a key that has served its purpose (a forgotten invitation's). No error when it is not there. */
DX_MUST_USE int dx_keyring_remove(dx_store *store, const uint8_t public_key[static DX_KEY_SIZE]);

/* The one identity of a vault and its present device, loaded at open. */
typedef struct dx_identity {
    bool present;
    uint8_t identity[DX_KEY_SIZE], device[DX_KEY_SIZE], noise[DX_KEY_SIZE]; /* public */
    dx_sign_key identity_key, device_key;
    uint8_t noise_secret[DX_KEY_SIZE];
    char name[DX_IDENTITY_NAME_SIZE];
    char device_name[DX_IDENTITY_NAME_SIZE]; /* empty: none was given; it stays in the vault */
    dx_buf device_credential;                /* identity → device, encoded */
} dx_identity;

/* Whether this may be a name: 1 to 127 bytes without control characters. */
bool dx_identity_name_check(dx_bytes name);
/* name: 1 to 127 bytes of UTF-8 without control characters (DX_E_INVALID). DX_E_EXISTS when the vault has one
 * already. On error *out holds nothing. */
DX_MUST_USE int dx_identity_create(dx_store *store, const dx_alloc *alloc, const dx_random *random,
                                   dx_bytes name, dx_identity *out);
/* Another name for the person, and one for this device. DX_E_INVALID: not of that form, nothing changed. */
DX_MUST_USE int dx_identity_rename(dx_store *store, const dx_alloc *alloc, dx_bytes name,
                                   dx_identity *identity);
DX_MUST_USE int dx_identity_rename_device(dx_store *store, dx_bytes name, dx_identity *identity);
/* present = false when there is none; DX_E_CORRUPT when its parts do not fit together. */
DX_MUST_USE int dx_identity_load(dx_store *store, const dx_alloc *alloc, dx_identity *out);
void dx_identity_deinit(dx_identity *identity); /* wipes */

#endif
