/* tests/unit/halo/test_credential.c: one statement has one encoding; anything else is refused, whoever signed
 * it. */
#include "test.h"

#include "halo/credential.h"

typedef struct fixture {
    test_alloc alloc;
    dx_buf out;
    dx_sign_key alice, phone, bob;
    uint8_t noise[DX_KEY_SIZE], space[DX_HASH_SIZE];
} fixture;

static void key_of(dx_sign_key *key, uint8_t byte) {
    uint8_t seed[DX_KEY_SIZE];
    memset(seed, byte, sizeof seed);
    dx_sign_key_from_seed(key, seed);
}

static void begin(fixture *f) {
    test_alloc_init(&f->alloc);
    dx_buf_init(&f->out, &f->alloc.port, 1 << 16);
    key_of(&f->alice, 'a');
    key_of(&f->phone, 'p');
    key_of(&f->bob, 'b');
    memset(f->noise, 'n', sizeof f->noise);
    memset(f->space, 's', sizeof f->space);
}

static void end(fixture *f) {
    dx_buf_deinit(&f->out);
    assert_int_equal(f->alloc.live_bytes, 0);
}

static const uint8_t empty_map[] = {0xa0};

static dx_statement statement_of(const fixture *f) {
    return (dx_statement){.type = 99,
                          .issuer = f->alice.public_key,
                          .subject = f->bob.public_key,
                          .space = f->space,
                          .claims = dx_bytes_of(empty_map, sizeof empty_map)};
}

static void test_round_trip(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    uint8_t parents[3][DX_HASH_SIZE];
    memset(parents[0], 3, DX_HASH_SIZE);
    memset(parents[1], 1, DX_HASH_SIZE);
    memset(parents[2], 3, DX_HASH_SIZE);                                 /* said twice, written once */
    static const uint8_t claims[] = {0xa2, 0x01, 0x05, 0x20, 0x61, 'x'}; /* {1: 5, -1: "x"} */
    dx_statement statement = statement_of(&f);
    statement.claims = dx_bytes_of(claims, sizeof claims);
    statement.parents = (const uint8_t(*)[DX_HASH_SIZE])parents;
    statement.parent_count = 3;
    assert_int_equal(dx_credential_issue(&statement, &f.phone, &f.out), DX_OK);

    dx_credential credential;
    assert_int_equal(dx_credential_decode(dx_buf_view(&f.out), &credential), DX_OK);
    assert_int_equal(dx_credential_verify(&credential), DX_OK);
    assert_int_equal(credential.type, 99);
    assert_memory_equal(credential.issuer, f.alice.public_key, DX_KEY_SIZE);
    assert_memory_equal(credential.signer, f.phone.public_key, DX_KEY_SIZE);
    assert_memory_equal(credential.subject, f.bob.public_key, DX_KEY_SIZE);
    assert_true(credential.has_space);
    assert_memory_equal(credential.space, f.space, DX_HASH_SIZE);
    assert_int_equal(credential.parent_count, 2);
    assert_int_equal(credential.parents[0][0], 1);
    assert_int_equal(credential.parents[1][0], 3);
    assert_int_equal(dx_item_int(dx_credential_claim(&credential, 1), 0), 5);
    assert_int_equal(dx_credential_claim(&credential, 2).size, 0);

    uint8_t id[DX_HASH_SIZE];
    dx_hash(DX_HASH_CREDENTIAL, credential.payload, id);
    assert_memory_equal(credential.id, id, DX_HASH_SIZE);
    end(&f);
}

/* The bytes of docs/spec/credential.md, written by hand. */
static void test_layout(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    dx_statement statement = statement_of(&f);
    assert_int_equal(dx_credential_issue(&statement, &f.alice, &f.out), DX_OK);
    uint8_t payload[256];
    size_t at = 0;
    payload[at++] = 0xa8; /* eight pairs */
    static const uint8_t head[] = {0x00, 0x01, 0x01, 0x18, 99};
    memcpy(payload + at, head, sizeof head);
    at += sizeof head;
    const uint8_t *keys[] = {f.alice.public_key, f.alice.public_key, f.bob.public_key};
    for (uint8_t i = 0; i < 3; i++) {
        payload[at++] = (uint8_t)(2 + i);
        payload[at++] = 0x58;
        payload[at++] = 32;
        memcpy(payload + at, keys[i], 32);
        at += 32;
    }
    static const uint8_t tail[] = {0x05, 0xa0, 0x06, 0x80, 0x07, 0x58, 32};
    memcpy(payload + at, tail, sizeof tail);
    at += sizeof tail;
    memcpy(payload + at, f.space, 32);
    at += 32;
    assert_int_equal(f.out.size, 1 + 2 + at + 2 + 64);
    assert_int_equal(f.out.data[0], 0x82);
    assert_int_equal(f.out.data[1], 0x58);
    assert_int_equal(f.out.data[2], at);
    assert_memory_equal(f.out.data + 3, payload, at);
    assert_int_equal(f.out.data[3 + at], 0x58);
    assert_int_equal(f.out.data[4 + at], 64);
    uint8_t signature[DX_SIGNATURE_SIZE];
    dx_sign(&f.alice, "dxos credential/1", dx_bytes_of(payload, at), signature);
    assert_memory_equal(f.out.data + 5 + at, signature, 64);
    end(&f);
}

/* Every single changed byte is noticed: by the form, or by the signature. */
static void test_every_byte_counts(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    dx_statement statement = statement_of(&f);
    assert_int_equal(dx_credential_issue(&statement, &f.alice, &f.out), DX_OK);
    for (size_t i = 0; i < f.out.size; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            f.out.data[i] ^= (uint8_t)(1u << bit);
            dx_credential credential;
            if (dx_credential_decode(dx_buf_view(&f.out), &credential) == DX_OK) {
                assert_int_equal(dx_credential_verify(&credential), DX_E_SIGNATURE);
            }
            f.out.data[i] ^= (uint8_t)(1u << bit);
        }
    }
    end(&f);
}

static void test_every_prefix_is_malformed(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    dx_statement statement = statement_of(&f);
    assert_int_equal(dx_credential_issue(&statement, &f.alice, &f.out), DX_OK);
    dx_credential credential;
    for (size_t size = 0; size < f.out.size; size++) {
        assert_int_equal(dx_credential_decode(dx_bytes_of(f.out.data, size), &credential), DX_E_MALFORMED);
    }
    dx_buf_append_byte(&f.out, 0);
    assert_int_equal(dx_credential_decode(dx_buf_view(&f.out), &credential), DX_E_MALFORMED);
    end(&f);
}

/* A credential with this payload, signed by whoever: only the form is asked here. */
static int decode_payload(fixture *f, dx_bytes payload) {
    uint8_t signature[DX_SIGNATURE_SIZE] = {0};
    dx_buf_clear(&f->out);
    dx_writer writer;
    dx_writer_init(&writer, &f->out);
    dx_write_array(&writer, 2);
    dx_write_bytes(&writer, payload);
    dx_write_bytes(&writer, dx_bytes_of(signature, sizeof signature));
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    dx_credential credential;
    return dx_credential_decode(dx_buf_view(&f->out), &credential);
}

typedef struct shape {
    const char *why;
    uint64_t version, key_of_type;
    const char *claims; /* hex of the item */
    size_t parents;
    bool descending, equal_parents, with_space, extra;
    int wanted;
} shape;

static dx_bytes write_shape(dx_buf *out, const shape *form) {
    uint8_t hash[DX_HASH_SIZE] = {0};
    uint8_t claims[64];
    size_t claims_size = strlen(form->claims) / 2;
    assert_int_equal(dx_hex_decode(form->claims, 2 * claims_size, claims, claims_size), DX_OK);
    dx_buf_clear(out);
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_map(&writer, 7u + form->with_space + form->extra);
    dx_write_uint(&writer, 0);
    dx_write_uint(&writer, form->version);
    dx_write_uint(&writer, form->key_of_type);
    dx_write_uint(&writer, 3);
    for (uint64_t key = 2; key < 5; key++) {
        dx_write_uint(&writer, key);
        dx_write_bytes(&writer, dx_bytes_of(hash, sizeof hash));
    }
    dx_write_uint(&writer, 5);
    dx_write_item(&writer, dx_bytes_of(claims, claims_size));
    dx_write_uint(&writer, 6);
    dx_write_array(&writer, form->parents);
    for (size_t i = 0; i < form->parents; i++) {
        uint8_t parent[DX_HASH_SIZE] = {0};
        parent[0] = (uint8_t)(form->equal_parents ? 1 : form->descending ? 100 - i : i);
        dx_write_bytes(&writer, dx_bytes_of(parent, sizeof parent));
    }
    if (form->with_space) {
        dx_write_uint(&writer, 7);
        dx_write_bytes(&writer, dx_bytes_of(hash, sizeof hash));
    }
    if (form->extra) {
        dx_write_uint(&writer, 8);
        dx_write_null(&writer);
    }
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    return dx_buf_view(out);
}

static void test_forms(void **state) {
    (void)state;
    static const shape shapes[] = {
        {"plain", 1, 1, "a0", 0, false, false, true, false, DX_OK},
        {"without a space", 1, 1, "a0", 2, false, false, false, false, DX_OK},
        {"sixteen parents", 1, 1, "a0", 16, false, false, true, false, DX_OK},
        {"seventeen parents", 1, 1, "a0", 17, false, false, true, false, DX_E_MALFORMED},
        {"descending parents", 1, 1, "a0", 2, true, false, true, false, DX_E_MALFORMED},
        {"a parent twice", 1, 1, "a0", 2, false, true, true, false, DX_E_MALFORMED},
        {"version 0", 0, 1, "a0", 0, false, false, true, false, DX_E_MALFORMED},
        {"version 2", 2, 1, "a0", 0, false, false, true, false, DX_E_MALFORMED},
        {"a ninth key", 1, 1, "a0", 0, false, false, true, true, DX_E_MALFORMED},
        {"key 8 for 7", 1, 1, "a0", 0, false, false, false, true, DX_E_MALFORMED},
        {"claims are no map", 1, 1, "80", 0, false, false, true, false, DX_E_MALFORMED},
        {"claims with a text key", 1, 1, "a1616100", 0, false, false, true, false, DX_E_MALFORMED},
        {"claims with an integer key", 1, 1, "a10a00", 0, false, false, true, false, DX_OK},
    };
    fixture f;
    begin(&f);
    dx_buf payload;
    dx_buf_init(&payload, &f.alloc.port, 4096);
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        if (decode_payload(&f, write_shape(&payload, &shapes[i])) != shapes[i].wanted) {
            fail_msg("%s", shapes[i].why);
        }
    }
    dx_buf_deinit(&payload);
    end(&f);
}

static void test_size_limit(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    dx_buf claims;
    dx_buf_init(&claims, &f.alloc.port, 4096);
    static const uint8_t filling[4096] = {0};
    size_t accepted = 0;
    for (size_t size = 2500; size < 3100; size++) {
        dx_writer writer;
        dx_buf_clear(&claims);
        dx_writer_init(&writer, &claims);
        dx_write_map(&writer, 1);
        dx_write_uint(&writer, 1);
        dx_write_bytes(&writer, dx_bytes_of(filling, size));
        assert_int_equal(dx_writer_finish(&writer), DX_OK);
        dx_statement statement = statement_of(&f);
        statement.claims = dx_buf_view(&claims);
        dx_buf_clear(&f.out);
        int error = dx_credential_issue(&statement, &f.alice, &f.out);
        if (error != DX_OK) {
            assert_int_equal(error, DX_E_LIMIT);
            assert_int_equal(f.out.size, 0);
            break;
        }
        accepted = f.out.size;
    }
    assert_int_equal(accepted, DX_CREDENTIAL_SIZE_MAX);
    /* A longer one, made elsewhere, does not decode. */
    dx_credential credential;
    dx_buf_clear(&f.out);
    dx_writer writer;
    dx_writer_init(&writer, &f.out);
    dx_write_array(&writer, 2);
    dx_write_bytes(&writer, dx_bytes_of(filling, 3100));
    dx_write_bytes(&writer, dx_bytes_of(filling, 64));
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    assert_int_equal(dx_credential_decode(dx_buf_view(&f.out), &credential), DX_E_MALFORMED);
    dx_buf_deinit(&claims);
    end(&f);
}

static void test_issue_refuses(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    static const uint8_t array[] = {0x80}, text_key[] = {0xa1, 0x61, 'a', 0x00};
    dx_statement statement = statement_of(&f);
    statement.claims = dx_bytes_of(array, sizeof array);
    assert_int_equal(dx_credential_issue(&statement, &f.alice, &f.out), DX_E_INVALID);
    statement.claims = dx_bytes_of(text_key, sizeof text_key);
    assert_int_equal(dx_credential_issue(&statement, &f.alice, &f.out), DX_E_INVALID);
    statement.claims = dx_bytes_of(NULL, 0);
    assert_int_equal(dx_credential_issue(&statement, &f.alice, &f.out), DX_E_INVALID);
    uint8_t parents[17][DX_HASH_SIZE] = {{0}};
    for (uint8_t i = 0; i < 17; i++) {
        parents[i][5] = i;
    }
    statement = statement_of(&f);
    statement.parents = (const uint8_t(*)[DX_HASH_SIZE])parents;
    statement.parent_count = 17;
    assert_int_equal(dx_credential_issue(&statement, &f.alice, &f.out), DX_E_LIMIT);
    assert_int_equal(f.out.size, 0);
    end(&f);
}

static void decode(const fixture *f, dx_credential *out) {
    assert_int_equal(dx_credential_decode(dx_buf_view(&f->out), out), DX_OK);
}

static void test_device(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    dx_credential credential;
    const uint8_t *noise;
    assert_int_equal(dx_device_credential_issue(&f.alice, &f.phone, f.noise, &f.out), DX_OK);
    decode(&f, &credential);
    assert_int_equal(dx_device_credential_check(&credential, &noise), DX_OK);
    assert_memory_equal(noise, f.noise, DX_KEY_SIZE);
    assert_memory_equal(credential.subject, f.phone.public_key, DX_KEY_SIZE);
    assert_false(credential.has_space);

    /* Bob claims Alice's phone: her phone did not agree. */
    dx_bytes consent_by_phone = credential.claims;
    dx_statement claim = {.type = DX_CREDENTIAL_DEVICE,
                          .issuer = f.bob.public_key,
                          .subject = f.phone.public_key,
                          .claims = consent_by_phone};
    dx_buf stolen;
    dx_buf_init(&stolen, &f.alloc.port, 4096);
    assert_int_equal(dx_credential_issue(&claim, &f.bob, &stolen), DX_OK);
    dx_credential theft;
    assert_int_equal(dx_credential_decode(dx_buf_view(&stolen), &theft), DX_OK);
    assert_int_equal(dx_device_credential_check(&theft, NULL), DX_E_SIGNATURE);

    /* Signed by another key than the identity: not in this version. */
    dx_buf_clear(&stolen);
    claim.issuer = f.alice.public_key;
    assert_int_equal(dx_credential_issue(&claim, &f.bob, &stolen), DX_OK);
    assert_int_equal(dx_credential_decode(dx_buf_view(&stolen), &theft), DX_OK);
    assert_int_equal(dx_device_credential_check(&theft, NULL), DX_E_UNAUTHORIZED);

    /* The identity key is not a device. */
    dx_buf_clear(&stolen);
    assert_int_equal(dx_device_credential_issue(&f.alice, &f.alice, f.noise, &stolen), DX_OK);
    assert_int_equal(dx_credential_decode(dx_buf_view(&stolen), &theft), DX_OK);
    assert_int_equal(dx_device_credential_check(&theft, NULL), DX_E_UNAUTHORIZED);

    /* Bound to a space, or with other claims: another form. */
    claim.space = f.space;
    dx_buf_clear(&stolen);
    assert_int_equal(dx_credential_issue(&claim, &f.alice, &stolen), DX_OK);
    assert_int_equal(dx_credential_decode(dx_buf_view(&stolen), &theft), DX_OK);
    assert_int_equal(dx_device_credential_check(&theft, NULL), DX_E_MALFORMED);
    claim.space = NULL;
    claim.claims = dx_bytes_of(empty_map, sizeof empty_map);
    dx_buf_clear(&stolen);
    assert_int_equal(dx_credential_issue(&claim, &f.alice, &stolen), DX_OK);
    assert_int_equal(dx_credential_decode(dx_buf_view(&stolen), &theft), DX_OK);
    assert_int_equal(dx_device_credential_check(&theft, NULL), DX_E_MALFORMED);
    dx_buf_deinit(&stolen);
    end(&f);
}

static void test_space(void **state) {
    (void)state;
    fixture f;
    begin(&f);
    uint8_t nonce[DX_KEY_SIZE] = {7}, space_id[DX_HASH_SIZE], wanted[DX_HASH_SIZE];
    assert_int_equal(dx_space_credential_issue(&f.alice, nonce, &f.out, space_id), DX_OK);
    dx_credential credential;
    decode(&f, &credential);
    assert_int_equal(dx_credential_verify(&credential), DX_OK);
    assert_int_equal(credential.type, DX_CREDENTIAL_SPACE);
    assert_memory_equal(dx_item_bytes(dx_credential_claim(&credential, 1)).data, nonce, DX_KEY_SIZE);
    dx_hash(DX_HASH_SPACE_ID, credential.payload, wanted);
    assert_memory_equal(space_id, wanted, DX_HASH_SIZE);
    end(&f);
}

static void test_names(void **state) {
    (void)state;
    static const dx_role roles[] = {DX_ROLE_PULL, DX_ROLE_READER, DX_ROLE_EDITOR, DX_ROLE_ADMIN,
                                    DX_ROLE_OWNER};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(dx_role_from_name(dx_bytes_text(dx_role_name(roles[i]))), roles[i]);
        assert_int_equal(dx_role_from_number((uint64_t)roles[i]), roles[i]);
    }
    assert_string_equal(dx_role_name(DX_ROLE_NONE), "none");
    assert_int_equal(dx_role_from_name(dx_bytes_text("none")), DX_ROLE_NONE);
    assert_int_equal(dx_role_from_name(dx_bytes_text("Owner")), DX_ROLE_NONE);
    assert_int_equal(dx_role_from_number(0), DX_ROLE_NONE);
    assert_int_equal(dx_role_from_number(41), DX_ROLE_NONE);
    assert_int_equal(dx_role_from_number(UINT64_C(1) << 32 | 40), DX_ROLE_NONE);
}

/* Every allocation fails once: an error, no leak, nothing half-written counted as done. */
static void test_no_memory(void **state) {
    (void)state;
    for (uint64_t fail_at = 1;; fail_at++) {
        fixture f;
        begin(&f);
        f.alloc.fail_at = fail_at;
        uint8_t space_id[DX_HASH_SIZE];
        int device = dx_device_credential_issue(&f.alice, &f.phone, f.noise, &f.out);
        int space = dx_space_credential_issue(&f.alice, f.noise, &f.out, space_id);
        bool failed = f.alloc.calls >= fail_at;
        assert_int_equal(failed, device != DX_OK || space != DX_OK);
        assert_true(device == DX_OK || device == DX_E_NO_MEMORY);
        assert_true(space == DX_OK || space == DX_E_NO_MEMORY);
        end(&f);
        if (!failed) {
            break;
        }
    }
}

DX_TEST_MAIN(DX_TEST(test_round_trip), DX_TEST(test_layout), DX_TEST(test_every_byte_counts),
             DX_TEST(test_every_prefix_is_malformed), DX_TEST(test_forms), DX_TEST(test_size_limit),
             DX_TEST(test_issue_refuses), DX_TEST(test_device), DX_TEST(test_space), DX_TEST(test_names),
             DX_TEST(test_no_memory))
