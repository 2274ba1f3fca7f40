/* halo/credential.c: credentials read, checked, written.
 *
 * Layer: floor 1, halo. Contract in halo/credential.h, bytes in docs/spec/credential.md.
 * Invariant: what decodes has exactly one encoding, so an id names one statement; the signature is outside of
 * the id, because a signer may sign one statement twice. */
#include "halo/credential.h"

#include <string.h>

static const char credential_context[] = "dxos credential/1";
static const char epoch_context[] = "dxos epoch/1";
static const char device_context[] = "dxos device/1";

enum {
    CREDENTIAL_VERSION = 1,
    /* Keys of the payload. */
    KEY_VERSION = 0,
    KEY_TYPE,
    KEY_ISSUER,
    KEY_SIGNER,
    KEY_SUBJECT,
    KEY_CLAIMS,
    KEY_PARENTS,
    KEY_SPACE,
    /* Claims of a DEVICE. */
    CLAIM_NOISE = 1,
    CLAIM_CONSENT = 2,
    /* Claim of a SPACE. */
    CLAIM_NONCE = 1
};

/* --- Names ------------------------------------------------------------------------------------ */

static const struct {
    dx_role role;
    const char *name;
} role_names[] = {{DX_ROLE_PULL, "pull"},
                  {DX_ROLE_READER, "reader"},
                  {DX_ROLE_EDITOR, "editor"},
                  {DX_ROLE_ADMIN, "admin"},
                  {DX_ROLE_OWNER, "owner"}};

enum { ROLE_COUNT = sizeof role_names / sizeof role_names[0] };

const char *dx_role_name(dx_role role) {
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        if (role_names[i].role == role) {
            return role_names[i].name;
        }
    }
    return "none";
}

dx_role dx_role_from_name(dx_bytes name) {
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        if (dx_bytes_equal(name, dx_bytes_text(role_names[i].name))) {
            return role_names[i].role;
        }
    }
    return DX_ROLE_NONE;
}

dx_role dx_role_from_number(uint64_t number) {
    for (size_t i = 0; i < ROLE_COUNT; i++) {
        if ((uint64_t)role_names[i].role == number) {
            return role_names[i].role;
        }
    }
    return DX_ROLE_NONE;
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* The next item must be this number: a key, or a value there is no choice about. */
static void expect_uint(dx_reader *in, uint64_t number) {
    if (dx_read_uint(in) != number) {
        dx_reader_fail(in);
    }
}

/* A map whose keys are integers; the values are whatever the type says. */
static dx_bytes read_claims(dx_reader *in) {
    dx_reader walk = *in;
    dx_bytes claims = dx_read_item(in);
    for (size_t count = dx_read_map(&walk); count > 0 && walk.error == DX_OK; count--) {
        dx_read_int(&walk);
        dx_read_item(&walk);
    }
    if (walk.error != DX_OK) {
        dx_reader_fail(in);
    }
    return claims;
}

static void read_parents(dx_reader *in, dx_credential *out) {
    size_t count = dx_read_array(in);
    if (count > DX_CREDENTIAL_PARENTS_MAX) {
        dx_reader_fail(in);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        dx_read_bytes_exact(in, out->parents[i], DX_HASH_SIZE);
        if (i > 0 && memcmp(out->parents[i - 1], out->parents[i], DX_HASH_SIZE) >= 0) {
            dx_reader_fail(in);
        }
    }
    out->parent_count = count;
}

static int read_payload(dx_bytes payload, dx_credential *out) {
    dx_reader in;
    dx_reader_init(&in, payload);
    size_t pairs = dx_read_map(&in);
    if (pairs != KEY_SPACE && pairs != KEY_SPACE + 1) {
        dx_reader_fail(&in);
    }
    expect_uint(&in, KEY_VERSION);
    expect_uint(&in, CREDENTIAL_VERSION);
    expect_uint(&in, KEY_TYPE);
    out->type = dx_read_uint(&in);
    expect_uint(&in, KEY_ISSUER);
    dx_read_bytes_exact(&in, out->issuer, DX_KEY_SIZE);
    expect_uint(&in, KEY_SIGNER);
    dx_read_bytes_exact(&in, out->signer, DX_KEY_SIZE);
    expect_uint(&in, KEY_SUBJECT);
    dx_read_bytes_exact(&in, out->subject, DX_KEY_SIZE);
    expect_uint(&in, KEY_CLAIMS);
    out->claims = read_claims(&in);
    expect_uint(&in, KEY_PARENTS);
    read_parents(&in, out);
    out->has_space = pairs == KEY_SPACE + 1;
    if (out->has_space) {
        expect_uint(&in, KEY_SPACE);
        dx_read_bytes_exact(&in, out->space, DX_HASH_SIZE);
    }
    return dx_reader_finish(&in);
}

static size_t size_max(uint64_t type) {
    return type == DX_CREDENTIAL_EPOCH ? DX_EPOCH_SIZE_MAX : DX_CREDENTIAL_SIZE_MAX;
}

int dx_credential_decode(dx_bytes bytes, dx_credential *out) {
    memset(out, 0, sizeof *out);
    if (bytes.size > DX_EPOCH_SIZE_MAX) {
        return DX_E_MALFORMED;
    }
    dx_reader in;
    dx_reader_init(&in, bytes);
    if (dx_read_array(&in) != 2) {
        dx_reader_fail(&in);
    }
    out->bytes = bytes;
    out->payload = dx_read_bytes(&in);
    dx_read_bytes_exact(&in, out->signature, DX_SIGNATURE_SIZE);
    if (dx_reader_finish(&in) != DX_OK || read_payload(out->payload, out) != DX_OK ||
        bytes.size > size_max(out->type)) {
        return DX_E_MALFORMED;
    }
    dx_hash(DX_HASH_CREDENTIAL, out->payload, out->id);
    return DX_OK;
}

int dx_credential_verify(const dx_credential *credential) {
    if (credential->type == DX_CREDENTIAL_EPOCH) {
        return dx_sign_verify(credential->signer, epoch_context, dx_bytes_of(credential->id, DX_HASH_SIZE),
                              credential->signature);
    }
    return dx_sign_verify(credential->signer, credential_context, credential->payload, credential->signature);
}

dx_bytes dx_credential_claim(const dx_credential *credential, uint64_t key) {
    dx_reader in;
    dx_reader_init(&in, credential->claims);
    for (size_t count = dx_read_map(&in); count > 0; count--) {
        int64_t found = dx_read_int(&in);
        dx_bytes value = dx_read_item(&in);
        if (in.error == DX_OK && found >= 0 && (uint64_t)found == key) {
            return value;
        }
    }
    return dx_bytes_of(NULL, 0);
}

/* --- Writing ---------------------------------------------------------------------------------- */

/* Copies the parents in ascending order, each once; false when there are more than a credential may have. */
static bool sort_parents(const dx_statement *statement, uint8_t out[DX_CREDENTIAL_PARENTS_MAX][DX_HASH_SIZE],
                         size_t *count) {
    *count = 0;
    for (size_t i = 0; i < statement->parent_count; i++) {
        size_t at = 0;
        while (at < *count && memcmp(out[at], statement->parents[i], DX_HASH_SIZE) < 0) {
            at++;
        }
        if (at < *count && memcmp(out[at], statement->parents[i], DX_HASH_SIZE) == 0) {
            continue;
        }
        if (*count == DX_CREDENTIAL_PARENTS_MAX) {
            return false;
        }
        memmove(out[at + 1], out[at], (*count - at) * DX_HASH_SIZE);
        memcpy(out[at], statement->parents[i], DX_HASH_SIZE);
        ++*count;
    }
    return true;
}

static int write_payload(const dx_statement *statement, const uint8_t signer[static DX_KEY_SIZE],
                         dx_buf *out) {
    uint8_t parents[DX_CREDENTIAL_PARENTS_MAX][DX_HASH_SIZE];
    size_t count;
    if (!sort_parents(statement, parents, &count)) {
        return DX_E_LIMIT;
    }
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_map(&writer, statement->space ? KEY_SPACE + 1 : KEY_SPACE);
    dx_write_uint(&writer, KEY_VERSION);
    dx_write_uint(&writer, CREDENTIAL_VERSION);
    dx_write_uint(&writer, KEY_TYPE);
    dx_write_uint(&writer, statement->type);
    dx_write_uint(&writer, KEY_ISSUER);
    dx_write_bytes(&writer, dx_bytes_of(statement->issuer, DX_KEY_SIZE));
    dx_write_uint(&writer, KEY_SIGNER);
    dx_write_bytes(&writer, dx_bytes_of(signer, DX_KEY_SIZE));
    dx_write_uint(&writer, KEY_SUBJECT);
    dx_write_bytes(&writer, dx_bytes_of(statement->subject, DX_KEY_SIZE));
    dx_write_uint(&writer, KEY_CLAIMS);
    dx_write_item(&writer, statement->claims);
    dx_write_uint(&writer, KEY_PARENTS);
    dx_write_array(&writer, count);
    for (size_t i = 0; i < count; i++) {
        dx_write_bytes(&writer, dx_bytes_of(parents[i], DX_HASH_SIZE));
    }
    if (statement->space) {
        dx_write_uint(&writer, KEY_SPACE);
        dx_write_bytes(&writer, dx_bytes_of(statement->space, DX_HASH_SIZE));
    }
    return dx_writer_finish(&writer);
}

/* What is longer than a signature takes is signed by its hash. */
static void sign(uint64_t type, dx_bytes payload, const dx_sign_key *signer,
                 uint8_t signature[static DX_SIGNATURE_SIZE]) {
    uint8_t id[DX_HASH_SIZE];
    if (type == DX_CREDENTIAL_EPOCH) {
        dx_hash(DX_HASH_CREDENTIAL, payload, id);
        dx_sign(signer, epoch_context, dx_bytes_of(id, sizeof id), signature);
    } else {
        dx_sign(signer, credential_context, payload, signature);
    }
}

/* Signs a written payload and appends [payload, signature]. */
static int sign_payload(uint64_t type, dx_bytes payload, const dx_sign_key *signer, dx_buf *out) {
    uint8_t signature[DX_SIGNATURE_SIZE];
    size_t start = out->size;
    sign(type, payload, signer, signature);
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, 2);
    dx_write_bytes(&writer, payload);
    dx_write_bytes(&writer, dx_bytes_of(signature, sizeof signature));
    int error = dx_writer_finish(&writer);
    if (error == DX_OK && out->size - start > size_max(type)) {
        out->size = start;
        error = DX_E_LIMIT;
    }
    return error;
}

int dx_credential_issue(const dx_statement *statement, const dx_sign_key *signer, dx_buf *out) {
    dx_reader claims;
    dx_reader_init(&claims, statement->claims);
    read_claims(&claims);
    if (dx_reader_finish(&claims) != DX_OK) {
        return DX_E_INVALID;
    }
    dx_buf payload;
    dx_buf_init(&payload, out->alloc, size_max(statement->type));
    int error = write_payload(statement, signer->public_key, &payload);
    if (error == DX_OK) {
        error = sign_payload(statement->type, dx_buf_view(&payload), signer, out);
    }
    dx_buf_deinit(&payload);
    return error;
}

/* What a device key signs to say that it speaks for this identity. */
static dx_bytes write_consent(const uint8_t identity[static DX_KEY_SIZE],
                              const uint8_t device[static DX_KEY_SIZE],
                              const uint8_t noise[static DX_KEY_SIZE], uint8_t out[static 3 * DX_KEY_SIZE]) {
    memcpy(out, identity, DX_KEY_SIZE);
    memcpy(out + DX_KEY_SIZE, device, DX_KEY_SIZE);
    memcpy(out + 2 * DX_KEY_SIZE, noise, DX_KEY_SIZE);
    return dx_bytes_of(out, 3 * DX_KEY_SIZE);
}

int dx_device_credential_issue(const dx_sign_key *identity, const dx_sign_key *device,
                               const uint8_t noise[static DX_KEY_SIZE], dx_buf *out) {
    uint8_t text[3 * DX_KEY_SIZE], consent[DX_SIGNATURE_SIZE];
    dx_sign(device, device_context, write_consent(identity->public_key, device->public_key, noise, text),
            consent);
    dx_buf claims;
    dx_buf_init(&claims, out->alloc, DX_CREDENTIAL_SIZE_MAX);
    dx_writer writer;
    dx_writer_init(&writer, &claims);
    dx_write_map(&writer, 2);
    dx_write_uint(&writer, CLAIM_NOISE);
    dx_write_bytes(&writer, dx_bytes_of(noise, DX_KEY_SIZE));
    dx_write_uint(&writer, CLAIM_CONSENT);
    dx_write_bytes(&writer, dx_bytes_of(consent, sizeof consent));
    int error = dx_writer_finish(&writer);
    if (error == DX_OK) {
        dx_statement statement = {.type = DX_CREDENTIAL_DEVICE,
                                  .issuer = identity->public_key,
                                  .subject = device->public_key,
                                  .claims = dx_buf_view(&claims)};
        error = dx_credential_issue(&statement, identity, out);
    }
    dx_buf_deinit(&claims);
    return error;
}

int dx_device_credential_check(const dx_credential *credential, const uint8_t **noise) {
    dx_reader in;
    dx_reader_init(&in, credential->claims);
    if (dx_read_map(&in) != 2) {
        dx_reader_fail(&in);
    }
    expect_uint(&in, CLAIM_NOISE);
    dx_bytes key = dx_read_bytes(&in);
    expect_uint(&in, CLAIM_CONSENT);
    dx_bytes consent = dx_read_bytes(&in);
    if (dx_reader_finish(&in) != DX_OK || key.size != DX_KEY_SIZE || consent.size != DX_SIGNATURE_SIZE ||
        credential->type != DX_CREDENTIAL_DEVICE || credential->parent_count != 0 || credential->has_space) {
        return DX_E_MALFORMED;
    }
    if (memcmp(credential->signer, credential->issuer, DX_KEY_SIZE) != 0 ||
        memcmp(credential->subject, credential->issuer, DX_KEY_SIZE) == 0) {
        return DX_E_UNAUTHORIZED;
    }
    uint8_t text[3 * DX_KEY_SIZE];
    int error = dx_credential_verify(credential);
    if (error == DX_OK) {
        error = dx_sign_verify(credential->subject, device_context,
                               write_consent(credential->issuer, credential->subject, key.data, text),
                               consent.data);
    }
    if (noise) {
        *noise = key.data;
    }
    return error;
}

int dx_space_credential_issue(const dx_sign_key *owner, const uint8_t nonce[static DX_KEY_SIZE], dx_buf *out,
                              uint8_t space_id[static DX_HASH_SIZE]) {
    dx_buf claims, bytes;
    dx_buf_init(&claims, out->alloc, DX_CREDENTIAL_SIZE_MAX);
    dx_buf_init(&bytes, out->alloc, DX_CREDENTIAL_SIZE_MAX);
    dx_writer writer;
    dx_writer_init(&writer, &claims);
    dx_write_map(&writer, 1);
    dx_write_uint(&writer, CLAIM_NONCE);
    dx_write_bytes(&writer, dx_bytes_of(nonce, DX_KEY_SIZE));
    int error = dx_writer_finish(&writer);
    if (error == DX_OK) {
        dx_statement statement = {.type = DX_CREDENTIAL_SPACE,
                                  .issuer = owner->public_key,
                                  .subject = owner->public_key,
                                  .claims = dx_buf_view(&claims)};
        error = dx_credential_issue(&statement, owner, &bytes);
    }
    if (error == DX_OK) {
        dx_credential credential;
        error = dx_credential_decode(dx_buf_view(&bytes), &credential);
        DX_ASSERT(error == DX_OK);
        dx_hash(DX_HASH_SPACE_ID, credential.payload, space_id);
        dx_buf_append(out, bytes.data, bytes.size);
        error = dx_buf_error(out);
    }
    dx_buf_deinit(&bytes);
    dx_buf_deinit(&claims);
    return error;
}
