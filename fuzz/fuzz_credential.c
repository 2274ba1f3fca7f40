/* fuzz_credential.c: any bytes as a credential, as a payload in one, and as a welcome.
 *
 * Checks: what decodes has that one encoding and lies within the input; nothing that is not signed verifies,
 * and a welcome of chance proves nothing. */
#include "fuzz.h"

#include "halo/control_state.h"
#include "halo/welcome.h"

static bool within(dx_bytes part, dx_bytes whole) {
    return part.size == 0 || (part.data >= whole.data && part.data + part.size <= whole.data + whole.size);
}

/* Says the same again: the payload must come out as it is. */
static void check_encoding(const dx_credential *credential) {
    dx_sign_key key;
    dx_buf again;
    dx_credential second;
    dx_statement statement = {.type = credential->type,
                              .issuer = credential->issuer,
                              .subject = credential->subject,
                              .space = credential->has_space ? credential->space : NULL,
                              .claims = credential->claims,
                              .parents = credential->parents,
                              .parent_count = credential->parent_count};
    memset(&key, 0, sizeof key);
    memcpy(key.public_key, credential->signer, DX_KEY_SIZE);
    dx_buf_init(&again, &fuzz_alloc, DX_EPOCH_SIZE_MAX);
    FUZZ_CHECK(dx_credential_issue(&statement, &key, &again) == DX_OK);
    FUZZ_CHECK(dx_credential_decode(dx_buf_view(&again), &second) == DX_OK);
    FUZZ_CHECK(dx_bytes_equal(second.payload, credential->payload));
    FUZZ_CHECK(memcmp(second.id, credential->id, DX_HASH_SIZE) == 0);
    dx_buf_deinit(&again);
}

static void try_credential(dx_bytes bytes) {
    dx_credential credential;
    const uint8_t *noise;
    uint64_t number;
    if (dx_credential_decode(bytes, &credential) != DX_OK) {
        return;
    }
    FUZZ_CHECK(within(credential.payload, bytes) && within(credential.claims, bytes));
    FUZZ_CHECK(credential.parent_count <= DX_CREDENTIAL_PARENTS_MAX);
    check_encoding(&credential);
    (void)dx_credential_claim(&credential, 1);
    if (dx_control_check_form(&credential, &number) == DX_OK && credential.type == DX_CREDENTIAL_DEVICE) {
        (void)(dx_device_credential_check(&credential, &noise) == DX_OK);
    }
}

static void try_welcome(dx_bytes bytes) {
    dx_welcome welcome;
    dx_identity nobody;
    if (dx_welcome_decode(bytes, &welcome) != DX_OK) {
        return;
    }
    FUZZ_CHECK(within(welcome.credentials, bytes) && within(welcome.addresses, bytes));
    dx_reader cursor;
    dx_reader_init(&cursor, welcome.credentials);
    for (size_t i = 0; i < welcome.credential_count; i++) {
        FUZZ_CHECK(within(dx_welcome_credential(&cursor), bytes));
    }
    FUZZ_CHECK(dx_reader_finish(&cursor) == DX_OK);
    memset(&nobody, 0, sizeof nobody);
    FUZZ_CHECK(dx_welcome_verify(&welcome, &fuzz_alloc, &nobody, NULL) == DX_E_VERIFY);
}

/* The input as the payload of a credential, so that the frame need not be found by chance. */
static void try_payload(dx_bytes payload) {
    static const uint8_t signature[DX_SIGNATURE_SIZE];
    dx_buf bytes;
    dx_writer writer;
    dx_buf_init(&bytes, &fuzz_alloc, payload.size + 128);
    dx_writer_init(&writer, &bytes);
    dx_write_array(&writer, 2);
    dx_write_bytes(&writer, payload);
    dx_write_bytes(&writer, dx_bytes_of(signature, sizeof signature));
    FUZZ_CHECK(dx_writer_finish(&writer) == DX_OK);
    try_credential(dx_buf_view(&bytes));
    dx_buf_deinit(&bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    dx_bytes bytes = dx_bytes_of(data, size);
    try_credential(bytes);
    try_payload(bytes);
    try_welcome(bytes);
    return 0;
}
