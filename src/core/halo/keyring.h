/* halo/keyring.h: the secrets of this vault, in the encrypted store, never elsewhere.
 *
 * Layer: floor 1, halo. Table key(public BLOB PRIMARY KEY, kind TEXT, seed BLOB). Seeds come from the random
 * port. Passphrase wrapping comes with the HALO issue; until then the page encryption of the vault file is
 * the only lock. */
#ifndef DX_HALO_KEYRING_H
#define DX_HALO_KEYRING_H

#include "crypto/keys.h"
#include "store/store.h"

/* Makes a signing key, stores its seed under its public key, returns it. */
DX_MUST_USE int dx_keyring_create(dx_store *store, const dx_random *random, const char *kind,
                                  dx_sign_key *out);
/* An X25519 secret likewise; public_key receives its name. */
DX_MUST_USE int dx_keyring_create_agreement(dx_store *store, const dx_random *random, const char *kind,
                                            uint8_t public_key[static DX_KEY_SIZE]);
DX_MUST_USE int dx_keyring_sign_key(dx_store *store, const uint8_t public_key[static DX_KEY_SIZE],
                                    dx_sign_key *out); /* DX_E_NOT_FOUND */
DX_MUST_USE int dx_keyring_secret(dx_store *store, const uint8_t public_key[static DX_KEY_SIZE],
                                  uint8_t secret[static DX_KEY_SIZE]);

/* The one identity of a vault and its present device, loaded at open. */
typedef struct dx_identity {
    bool present;
    uint8_t identity[DX_KEY_SIZE], device[DX_KEY_SIZE], noise[DX_KEY_SIZE]; /* public */
    dx_sign_key identity_key, device_key;
    uint8_t noise_secret[DX_KEY_SIZE];
    char name[128];
    dx_buf device_credential; /* identity → device, encoded */
} dx_identity;

/* DX_E_EXISTS when the vault has one already. */
DX_MUST_USE int dx_identity_create(dx_store *store, const dx_alloc *alloc, const dx_random *random,
                                   dx_bytes name, dx_identity *out);
DX_MUST_USE int dx_identity_load(dx_store *store, const dx_alloc *alloc,
                                 dx_identity *out); /* present = false when there is none */
void dx_identity_deinit(dx_identity *identity);     /* wipes */

#endif
