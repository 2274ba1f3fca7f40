/* halo/keyring.c: seeds as rows, and the vault's one identity.
 *
 * Layer: floor 1, halo. Contract in halo/keyring.h. The identity is one value of the vault table:
 *   "identity" → [1, identity key, device key, noise key, name, device credential]
 * the device's name another, "device-name", and the three seeds stand in the key table. */
#include "halo/keyring.h"

#include <string.h>

#include "halo/credential.h"

enum { IDENTITY_VERSION = 1, IDENTITY_FIELDS = 6, IDENTITY_SIZE_MAX = DX_CREDENTIAL_SIZE_MAX + 512 };

/* --- Keys ------------------------------------------------------------------------------------- */

static int store_seed(dx_store *store, const uint8_t public_key[static DX_KEY_SIZE], const char *kind,
                      const uint8_t seed[static DX_KEY_SIZE]) {
    sqlite3_stmt *insert = dx_store_query(store, "INSERT INTO key(public, kind, seed) VALUES(?1, ?2, ?3)");
    dx_bind_bytes(insert, 1, dx_bytes_of(public_key, DX_KEY_SIZE));
    dx_bind_text(insert, 2, dx_bytes_text(kind));
    dx_bind_bytes(insert, 3, dx_bytes_of(seed, DX_KEY_SIZE));
    return dx_step_done(store, insert);
}

int dx_keyring_create(dx_store *store, const dx_random *random, const char *kind, dx_sign_key *out) {
    uint8_t seed[DX_KEY_SIZE];
    random->fill(random->ctx, seed, sizeof seed);
    dx_sign_key_from_seed(out, seed);
    int error = store_seed(store, out->public_key, kind, seed);
    dx_wipe(seed, sizeof seed);
    if (error != DX_OK) {
        dx_wipe(out, sizeof *out);
    }
    return error;
}

int dx_keyring_create_agreement(dx_store *store, const dx_random *random, const char *kind,
                                uint8_t public_key[static DX_KEY_SIZE]) {
    uint8_t secret[DX_KEY_SIZE];
    random->fill(random->ctx, secret, sizeof secret);
    dx_agree_public(secret, public_key);
    int error = store_seed(store, public_key, kind, secret);
    dx_wipe(secret, sizeof secret);
    return error;
}

static int read_seed(dx_store *store, const uint8_t public_key[static DX_KEY_SIZE],
                     uint8_t seed[static DX_KEY_SIZE]) {
    sqlite3_stmt *select = dx_store_query(store, "SELECT seed FROM key WHERE public = ?1");
    dx_bind_bytes(select, 1, dx_bytes_of(public_key, DX_KEY_SIZE));
    if (!dx_step(store, select)) {
        int error = dx_store_error(store);
        return error != DX_OK ? error : DX_E_NOT_FOUND;
    }
    dx_bytes found = dx_column_bytes(select, 0);
    int error = found.size == DX_KEY_SIZE ? DX_OK : DX_E_CORRUPT;
    if (error == DX_OK) {
        memcpy(seed, found.data, DX_KEY_SIZE);
    }
    dx_step_reset(select);
    return error;
}

int dx_keyring_sign_key(dx_store *store, const uint8_t public_key[static DX_KEY_SIZE], dx_sign_key *out) {
    uint8_t seed[DX_KEY_SIZE];
    int error = read_seed(store, public_key, seed);
    if (error != DX_OK) {
        return error;
    }
    dx_sign_key key; /* apart from out, which the caller's public key may be part of */
    dx_sign_key_from_seed(&key, seed);
    dx_wipe(seed, sizeof seed);
    error = memcmp(key.public_key, public_key, DX_KEY_SIZE) == 0 ? DX_OK : DX_E_CORRUPT;
    if (error == DX_OK) {
        *out = key;
    }
    dx_wipe(&key, sizeof key);
    return error;
}

int dx_keyring_secret(dx_store *store, const uint8_t public_key[static DX_KEY_SIZE],
                      uint8_t secret[static DX_KEY_SIZE]) {
    uint8_t derived[DX_KEY_SIZE];
    int error = read_seed(store, public_key, secret);
    if (error != DX_OK) {
        return error;
    }
    dx_agree_public(secret, derived);
    if (memcmp(derived, public_key, DX_KEY_SIZE) != 0) {
        dx_wipe(secret, DX_KEY_SIZE);
        return DX_E_CORRUPT;
    }
    return DX_OK;
}

int dx_keyring_remove(dx_store *store, const uint8_t public_key[static DX_KEY_SIZE]) {
    sqlite3_stmt *remove = dx_store_query(store, "DELETE FROM key WHERE public = ?1");
    dx_bind_bytes(remove, 1, dx_bytes_of(public_key, DX_KEY_SIZE));
    return dx_step_done(store, remove);
}

/* --- The identity ----------------------------------------------------------------------------- */

bool dx_identity_name_check(dx_bytes name) {
    if (name.size == 0 || name.size >= DX_IDENTITY_NAME_SIZE) {
        return false;
    }
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] < 0x20 || name.data[i] == 0x7f) {
            return false;
        }
    }
    return true;
}

static int write_identity(const dx_identity *identity, dx_bytes name, dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, IDENTITY_FIELDS);
    dx_write_uint(&writer, IDENTITY_VERSION);
    dx_write_bytes(&writer, dx_bytes_of(identity->identity, DX_KEY_SIZE));
    dx_write_bytes(&writer, dx_bytes_of(identity->device, DX_KEY_SIZE));
    dx_write_bytes(&writer, dx_bytes_of(identity->noise, DX_KEY_SIZE));
    dx_write_text_bytes(&writer, name);
    dx_write_bytes(&writer, dx_buf_view(&identity->device_credential));
    return dx_writer_finish(&writer);
}

/* A value of the vault, whatever it was before. */
static int store_value(dx_store *store, const char *key, dx_bytes value) {
    sqlite3_stmt *insert = dx_store_query(store, "INSERT OR REPLACE INTO vault(key, value) VALUES(?1, ?2)");
    dx_bind_text(insert, 1, dx_bytes_text(key));
    dx_bind_bytes(insert, 2, value);
    return dx_step_done(store, insert);
}

/* DX_OK when there is no identity yet. */
static int expect_none(dx_store *store) {
    sqlite3_stmt *select = dx_store_query(store, "SELECT 1 FROM vault WHERE key = 'identity'");
    if (dx_step(store, select)) {
        dx_step_reset(select);
        return DX_E_EXISTS;
    }
    return dx_store_error(store);
}

static int make_keys(dx_store *store, const dx_random *random, dx_identity *out) {
    int error = dx_keyring_create(store, random, "identity", &out->identity_key);
    if (error == DX_OK) {
        error = dx_keyring_create(store, random, "device", &out->device_key);
    }
    if (error == DX_OK) {
        error = dx_keyring_create_agreement(store, random, "noise", out->noise);
    }
    if (error == DX_OK) {
        error = dx_keyring_secret(store, out->noise, out->noise_secret);
    }
    memcpy(out->identity, out->identity_key.public_key, DX_KEY_SIZE);
    memcpy(out->device, out->device_key.public_key, DX_KEY_SIZE);
    return error;
}

int dx_identity_create(dx_store *store, const dx_alloc *alloc, const dx_random *random, dx_bytes name,
                       dx_identity *out) {
    memset(out, 0, sizeof *out);
    dx_buf_init(&out->device_credential, alloc, DX_CREDENTIAL_SIZE_MAX);
    if (!dx_identity_name_check(name)) {
        return DX_E_INVALID;
    }
    dx_buf value;
    dx_buf_init(&value, alloc, IDENTITY_SIZE_MAX);
    int error = expect_none(store);
    if (error == DX_OK) {
        error = make_keys(store, random, out);
    }
    if (error == DX_OK) {
        error = dx_device_credential_issue(&out->identity_key, &out->device_key, out->noise,
                                           &out->device_credential);
    }
    if (error == DX_OK) {
        error = write_identity(out, name, &value);
    }
    if (error == DX_OK) {
        error = store_value(store, "identity", dx_buf_view(&value));
    }
    dx_buf_deinit(&value);
    if (error != DX_OK) {
        dx_identity_deinit(out);
        return error;
    }
    memcpy(out->name, name.data, name.size);
    out->present = true;
    return DX_OK;
}

static void set_name(char out[static DX_IDENTITY_NAME_SIZE], dx_bytes name) {
    memcpy(out, name.data, name.size);
    out[name.size] = '\0';
}

int dx_identity_rename(dx_store *store, const dx_alloc *alloc, dx_bytes name, dx_identity *identity) {
    if (!dx_identity_name_check(name)) {
        return DX_E_INVALID;
    }
    dx_buf value;
    dx_buf_init(&value, alloc, IDENTITY_SIZE_MAX);
    int error = write_identity(identity, name, &value);
    if (error == DX_OK) {
        error = store_value(store, "identity", dx_buf_view(&value));
    }
    dx_buf_deinit(&value);
    if (error == DX_OK) {
        set_name(identity->name, name);
    }
    return error;
}

int dx_identity_rename_device(dx_store *store, dx_bytes name, dx_identity *identity) {
    if (!dx_identity_name_check(name)) {
        return DX_E_INVALID;
    }
    int error = store_value(store, "device-name", name);
    if (error == DX_OK) {
        set_name(identity->device_name, name);
    }
    return error;
}

static int load_device_name(dx_store *store, dx_identity *out) {
    sqlite3_stmt *select = dx_store_query(store, "SELECT value FROM vault WHERE key = 'device-name'");
    if (!dx_step(store, select)) {
        return dx_store_error(store);
    }
    dx_bytes name = dx_column_bytes(select, 0);
    int error = dx_identity_name_check(name) ? DX_OK : DX_E_CORRUPT;
    if (error == DX_OK) {
        set_name(out->device_name, name);
    }
    dx_step_reset(select);
    return error;
}

/* The stored value into out; the credential's bytes into *credential. */
static int read_identity(dx_bytes value, dx_identity *out, dx_bytes *credential) {
    dx_reader in;
    dx_reader_init(&in, value);
    if (dx_read_array(&in) != IDENTITY_FIELDS) {
        dx_reader_fail(&in);
    }
    if (dx_read_uint(&in) != IDENTITY_VERSION) {
        dx_reader_fail(&in);
    }
    dx_read_bytes_exact(&in, out->identity, DX_KEY_SIZE);
    dx_read_bytes_exact(&in, out->device, DX_KEY_SIZE);
    dx_read_bytes_exact(&in, out->noise, DX_KEY_SIZE);
    dx_bytes name = dx_read_text(&in);
    *credential = dx_read_bytes(&in);
    if (dx_reader_finish(&in) != DX_OK || !dx_identity_name_check(name)) {
        return DX_E_CORRUPT;
    }
    memcpy(out->name, name.data, name.size);
    return DX_OK;
}

/* The credential must be the one that ties these three keys together. */
static int check_identity(const dx_identity *identity) {
    dx_credential credential;
    const uint8_t *noise;
    if (dx_credential_decode(dx_buf_view(&identity->device_credential), &credential) != DX_OK ||
        dx_device_credential_check(&credential, &noise) != DX_OK ||
        memcmp(credential.issuer, identity->identity, DX_KEY_SIZE) != 0 ||
        memcmp(credential.subject, identity->device, DX_KEY_SIZE) != 0 ||
        memcmp(noise, identity->noise, DX_KEY_SIZE) != 0) {
        return DX_E_CORRUPT;
    }
    return DX_OK;
}

static int load_keys(dx_store *store, dx_identity *out) {
    int error = dx_keyring_sign_key(store, out->identity, &out->identity_key);
    if (error == DX_OK) {
        error = dx_keyring_sign_key(store, out->device, &out->device_key);
    }
    if (error == DX_OK) {
        error = dx_keyring_secret(store, out->noise, out->noise_secret);
    }
    /* An identity without its keys is damage, not absence. */
    return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
}

int dx_identity_load(dx_store *store, const dx_alloc *alloc, dx_identity *out) {
    memset(out, 0, sizeof *out);
    dx_buf_init(&out->device_credential, alloc, DX_CREDENTIAL_SIZE_MAX);
    sqlite3_stmt *select = dx_store_query(store, "SELECT value FROM vault WHERE key = 'identity'");
    if (!dx_step(store, select)) {
        return dx_store_error(store);
    }
    dx_bytes credential;
    int error = read_identity(dx_column_bytes(select, 0), out, &credential);
    if (error == DX_OK) {
        dx_buf_append(&out->device_credential, credential.data, credential.size);
        error = dx_buf_error(&out->device_credential) == DX_E_LIMIT ? DX_E_CORRUPT
                                                                    : dx_buf_error(&out->device_credential);
    }
    dx_step_reset(select);
    if (error == DX_OK) {
        error = check_identity(out);
    }
    if (error == DX_OK) {
        error = load_keys(store, out);
    }
    if (error == DX_OK) {
        error = load_device_name(store, out);
    }
    if (error != DX_OK) {
        dx_identity_deinit(out);
        return error;
    }
    out->present = true;
    return DX_OK;
}

void dx_identity_deinit(dx_identity *identity) {
    dx_buf_deinit(&identity->device_credential);
    dx_wipe(identity, sizeof *identity);
}
