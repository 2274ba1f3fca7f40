/* tests/unit/halo/world.h: people with keys, and what they say, for the tests of this room. */
#ifndef DX_TESTS_HALO_WORLD_H
#define DX_TESTS_HALO_WORLD_H

#include "test.h"

#include "halo/control_state.h"

/* A person with one device, without a store. The byte makes the keys. */
static inline void person_init(dx_identity *person, const dx_alloc *alloc, uint8_t byte) {
    uint8_t seed[DX_KEY_SIZE];
    memset(person, 0, sizeof *person);
    memset(seed, byte, sizeof seed);
    seed[0] = 'i';
    dx_sign_key_from_seed(&person->identity_key, seed);
    seed[0] = 'd';
    dx_sign_key_from_seed(&person->device_key, seed);
    seed[0] = 'n';
    memcpy(person->noise_secret, seed, sizeof seed);
    dx_agree_public(person->noise_secret, person->noise);
    memcpy(person->identity, person->identity_key.public_key, DX_KEY_SIZE);
    memcpy(person->device, person->device_key.public_key, DX_KEY_SIZE);
    dx_buf_init(&person->device_credential, alloc, DX_CREDENTIAL_SIZE_MAX);
    assert_int_equal(dx_device_credential_issue(&person->identity_key, &person->device_key, person->noise,
                                                &person->device_credential),
                     DX_OK);
    person->present = true;
}

static inline void person_deinit(dx_identity *person) {
    dx_buf_deinit(&person->device_credential);
    memset(person, 0, sizeof *person);
}

static inline void credential_id(dx_bytes bytes, uint8_t id[DX_HASH_SIZE]) {
    dx_credential credential;
    assert_int_equal(dx_credential_decode(bytes, &credential), DX_OK);
    memcpy(id, credential.id, DX_HASH_SIZE);
}

/* A statement with every part free, signed. */
typedef struct saying {
    uint64_t type;
    const uint8_t *issuer, *subject, *space;
    const dx_sign_key *signer;
    uint64_t number;                             /* claim 1 */
    dx_bytes value;                              /* claim 2, size 0: none */
    dx_bytes claims;                             /* the whole map instead, size 0: as above */
    dx_bytes parents[DX_CREDENTIAL_PARENTS_MAX]; /* credentials */
    size_t parent_count;
} saying;

static inline void say(const saying *said, dx_buf *out) {
    uint8_t parents[DX_CREDENTIAL_PARENTS_MAX][DX_HASH_SIZE];
    dx_buf claims;
    dx_buf_init(&claims, out->alloc, 256);
    dx_writer writer;
    dx_writer_init(&writer, &claims);
    dx_write_map(&writer, said->value.size ? 2 : 1);
    dx_write_uint(&writer, 1);
    dx_write_uint(&writer, said->number);
    if (said->value.size) {
        dx_write_uint(&writer, 2);
        dx_write_bytes(&writer, said->value);
    }
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    for (size_t i = 0; i < said->parent_count; i++) {
        credential_id(said->parents[i], parents[i]);
    }
    dx_statement statement = {.type = said->type,
                              .issuer = said->issuer,
                              .subject = said->subject,
                              .space = said->space,
                              .claims = said->claims.size ? said->claims : dx_buf_view(&claims),
                              .parents = (const uint8_t(*)[DX_HASH_SIZE])parents,
                              .parent_count = said->parent_count};
    assert_int_equal(dx_credential_issue(&statement, said->signer, out), DX_OK);
    dx_buf_deinit(&claims);
}

#endif
