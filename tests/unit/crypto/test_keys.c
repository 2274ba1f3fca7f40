/* test_keys.c: X25519 (crypto/agree.c) against RFC 7748, XChaCha20-Poly1305 against
 * draft-irtf-cfrg-xchacha-03, sealed boxes and derived keys. */
#include "crypto/keys.h"
#include "test.h"

static void from_hex(const char *text, uint8_t *out, size_t size) {
    assert_int_equal(dx_hex_decode(text, strlen(text), out, size), DX_OK);
}

/* RFC 7748 §5.2 */
static void test_rfc7748_scalar_multiplication(void **state) {
    (void)state;
    static const char *const rows[][3] = {
        {"a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
         "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
         "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552"},
        {"4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
         "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
         "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t scalar[32], point[32], expected[32], out[32];
        from_hex(rows[i][0], scalar, 32);
        from_hex(rows[i][1], point, 32);
        from_hex(rows[i][2], expected, 32);
        assert_int_equal(dx_agree(scalar, point, out), DX_OK);
        assert_memory_equal(out, expected, 32);
    }
}

/* RFC 7748 §6.1 */
static void test_rfc7748_agreement(void **state) {
    (void)state;
    uint8_t alice[32], bob[32], alice_public[32], bob_public[32], expected[32], out[32];
    from_hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a", alice, 32);
    from_hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb", bob, 32);
    dx_agree_public(alice, alice_public);
    dx_agree_public(bob, bob_public);
    from_hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a", expected, 32);
    assert_memory_equal(alice_public, expected, 32);
    from_hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f", expected, 32);
    assert_memory_equal(bob_public, expected, 32);
    from_hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742", expected, 32);
    assert_int_equal(dx_agree(alice, bob_public, out), DX_OK);
    assert_memory_equal(out, expected, 32);
    assert_int_equal(dx_agree(bob, alice_public, out), DX_OK);
    assert_memory_equal(out, expected, 32);
}

static void test_low_order_points_are_refused(void **state) {
    (void)state;
    uint8_t secret[32] = {1}, out[32], box[DX_SEAL_OVERHEAD];
    static const char *const points[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    };
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        uint8_t point[32];
        from_hex(points[i], point, 32);
        assert_int_equal(dx_agree(secret, point, out), DX_E_SIGNATURE);
        assert_int_equal(dx_seal(point, secret, dx_bytes_of(NULL, 0), box), DX_E_SIGNATURE);
        memset(box, 0, sizeof box);
        memcpy(box, point, 32);
        assert_int_equal(dx_seal_open(secret, dx_bytes_of(box, sizeof box), out), DX_E_SIGNATURE);
    }
}

/* draft-irtf-cfrg-xchacha-03 §A.3.1 */
static void test_xchacha_figures(void **state) {
    (void)state;
    static const char text[] =
        "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for "
        "the future, sunscreen would be it.";
    enum { TEXT_SIZE = sizeof text - 1, SEALED_SIZE = TEXT_SIZE + DX_AEAD_TAG_SIZE };
    uint8_t key[32], nonce[24], ad[12], expected[SEALED_SIZE], sealed[SEALED_SIZE];
    from_hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f", key, 32);
    from_hex("404142434445464748494a4b4c4d4e4f5051525354555657", nonce, 24);
    from_hex("50515253c0c1c2c3c4c5c6c7", ad, 12);
    from_hex(
        "bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb731c7f1b0b4aa6440bf3a82f4eda7e39"
        "ae64c6708c54c216cb96b72e1213b4522f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9"
        "21f9664c97637da9768812f615c68b13b52ec0875924c1c7987947deafd8780acf49",
        expected, sizeof expected);
    dx_aead_seal(key, nonce, dx_bytes_of(ad, 12), dx_bytes_text(text), sealed);
    assert_memory_equal(sealed, expected, sizeof expected);
    assert_int_equal(dx_aead_open(key, nonce, dx_bytes_of(ad, 12), dx_bytes_of(sealed, SEALED_SIZE), sealed),
                     DX_OK);
    assert_memory_equal(sealed, text, TEXT_SIZE);
}

static void test_aead_in_place_and_tamper(void **state) {
    (void)state;
    enum { SIZE = 70, SEALED = SIZE + DX_AEAD_TAG_SIZE };
    uint8_t key[32] = {1}, nonce[24] = {2}, ad[3] = {3}, box[SEALED], copy[SEALED], out[SIZE],
            zeros[SIZE] = {0};
    memset(box, 0x77, SIZE);
    dx_aead_seal(key, nonce, dx_bytes_of(ad, 3), dx_bytes_of(box, SIZE), box);
    for (size_t i = 0; i < SEALED; i++) {
        memcpy(copy, box, SEALED);
        copy[i] ^= 0x80;
        memset(out, 0xff, SIZE);
        assert_int_equal(dx_aead_open(key, nonce, dx_bytes_of(ad, 3), dx_bytes_of(copy, SEALED), out),
                         DX_E_SIGNATURE);
        assert_memory_equal(out, zeros, SIZE);
    }
    for (size_t size = 0; size < SEALED; size++) {
        assert_int_equal(dx_aead_open(key, nonce, dx_bytes_of(ad, 3), dx_bytes_of(box, size), out),
                         DX_E_SIGNATURE);
    }
    assert_int_equal(dx_aead_open(key, nonce, dx_bytes_of(ad, 2), dx_bytes_of(box, SEALED), out),
                     DX_E_SIGNATURE);
    nonce[23] ^= 1;
    assert_int_equal(dx_aead_open(key, nonce, dx_bytes_of(ad, 3), dx_bytes_of(box, SEALED), out),
                     DX_E_SIGNATURE);
    nonce[23] ^= 1;
    key[31] ^= 1;
    assert_int_equal(dx_aead_open(key, nonce, dx_bytes_of(ad, 3), dx_bytes_of(box, SEALED), out),
                     DX_E_SIGNATURE);
    key[31] ^= 1;
    assert_int_equal(dx_aead_open(key, nonce, dx_bytes_of(ad, 3), dx_bytes_of(box, SEALED), box), DX_OK);
    assert_int_equal(box[0], 0x77);
    assert_int_equal(box[SIZE - 1], 0x77);
}

/* The stream is draft-irtf-cfrg-xchacha-03's, under the hash of the text. */
static void test_siv(void **state) {
    (void)state;
    enum { SIZE = 70, SEALED = SIZE + DX_SIV_SIZE };
    uint8_t key[32] = {1}, other_key[32] = {2}, ad[3] = {3}, text[SIZE], box[SEALED], again[SEALED],
            out[SIZE], zeros[SIZE] = {0}, hash[DX_HASH_SIZE], nonce[24] = {0};
    dx_bytes place = dx_bytes_of(ad, sizeof ad);
    memset(text, 0x77, SIZE);
    dx_siv_seal(key, DX_HASH_NONCE, place, dx_bytes_of(text, SIZE), box);
    dx_siv_seal(key, DX_HASH_NONCE, place, dx_bytes_of(text, SIZE), again);
    assert_memory_equal(box, again, SEALED);
    uint8_t bound[sizeof ad + SIZE];
    memcpy(bound, ad, sizeof ad);
    memcpy(bound + sizeof ad, text, SIZE);
    dx_hash_keyed(DX_HASH_NONCE, dx_bytes_of(key, 32), dx_bytes_of(bound, sizeof bound), hash);
    assert_memory_equal(box, hash, DX_SIV_SIZE);
    memcpy(nonce, box, DX_SIV_SIZE);
    crypto_stream_xchacha20_xor(out, text, SIZE, nonce, key);
    assert_memory_equal(box + DX_SIV_SIZE, out, SIZE);

    assert_int_equal(dx_siv_open(key, DX_HASH_NONCE, place, dx_bytes_of(box, SEALED), out), DX_OK);
    assert_memory_equal(out, text, SIZE);
    for (size_t i = 0; i < SEALED; i++) {
        memcpy(again, box, SEALED);
        again[i] ^= 0x80;
        memset(out, 0xff, SIZE);
        assert_int_equal(dx_siv_open(key, DX_HASH_NONCE, place, dx_bytes_of(again, SEALED), out),
                         DX_E_SIGNATURE);
        assert_memory_equal(out, zeros, SIZE);
    }
    for (size_t size = 0; size < SEALED; size++) {
        assert_int_equal(dx_siv_open(key, DX_HASH_NONCE, place, dx_bytes_of(box, size), out), DX_E_SIGNATURE);
    }
    assert_int_equal(dx_siv_open(other_key, DX_HASH_NONCE, place, dx_bytes_of(box, SEALED), out),
                     DX_E_SIGNATURE);
    assert_int_equal(dx_siv_open(key, DX_HASH_SEAL, place, dx_bytes_of(box, SEALED), out), DX_E_SIGNATURE);
    ad[2] ^= 1;
    assert_int_equal(dx_siv_open(key, DX_HASH_NONCE, place, dx_bytes_of(box, SEALED), out), DX_E_SIGNATURE);
    ad[2] ^= 1;
    text[0] ^= 1; /* another text at the place: another nonce */
    dx_siv_seal(key, DX_HASH_NONCE, place, dx_bytes_of(text, SIZE), again);
    assert_memory_not_equal(box, again, DX_SIV_SIZE);
    dx_siv_seal(key, DX_HASH_NONCE, place, dx_bytes_of(NULL, 0), again);
    assert_int_equal(dx_siv_open(key, DX_HASH_NONCE, place, dx_bytes_of(again, DX_SIV_SIZE), out), DX_OK);
    again[0] ^= 1;
    assert_int_equal(dx_siv_open(key, DX_HASH_NONCE, place, dx_bytes_of(again, DX_SIV_SIZE), out),
                     DX_E_SIGNATURE);
}

static void test_seal_and_open(void **state) {
    (void)state;
    enum { SIZE = 33, SEALED = SIZE + DX_SEAL_OVERHEAD };
    uint8_t secret[32] = {5}, other[32] = {5, 1}, ephemeral[32] = {7}, public_key[32], text[SIZE],
            box[SEALED], out[SIZE];
    memset(text, 0x3c, SIZE);
    dx_agree_public(secret, public_key);
    assert_int_equal(dx_seal(public_key, ephemeral, dx_bytes_of(text, SIZE), box), DX_OK);
    assert_int_equal(dx_seal_open(secret, dx_bytes_of(box, SEALED), out), DX_OK);
    assert_memory_equal(out, text, SIZE);
    assert_int_equal(dx_seal_open(other, dx_bytes_of(box, SEALED), out), DX_E_SIGNATURE);
    for (size_t size = 0; size < SEALED; size++) {
        assert_int_equal(dx_seal_open(secret, dx_bytes_of(box, size), out), DX_E_SIGNATURE);
    }
    for (size_t i = 0; i < SEALED; i++) {
        box[i] ^= 0x80;
        assert_int_equal(dx_seal_open(secret, dx_bytes_of(box, SEALED), out), DX_E_SIGNATURE);
        box[i] ^= 0x80;
    }
    assert_int_equal(dx_seal(public_key, ephemeral, dx_bytes_of(NULL, 0), box), DX_OK);
    assert_int_equal(dx_seal_open(secret, dx_bytes_of(box, DX_SEAL_OVERHEAD), out), DX_OK);
}

/* The box as docs/spec/session-crypto.md writes it, put together from the primitives. */
static void test_seal_is_what_the_specification_says(void **state) {
    (void)state;
    uint8_t secret[32] = {5}, ephemeral[32] = {7}, public_key[32], box[5 + DX_SEAL_OVERHEAD];
    uint8_t shared[32], both[64], key[32], nonce[24] = {0}, expected[5 + DX_AEAD_TAG_SIZE];
    dx_agree_public(secret, public_key);
    assert_int_equal(dx_seal(public_key, ephemeral, dx_bytes_text("hello"), box), DX_OK);
    assert_int_equal(crypto_scalarmult(shared, ephemeral, public_key), 0);
    dx_agree_public(ephemeral, both);
    memcpy(both + 32, public_key, 32);
    dx_hash_keyed(DX_HASH_SEAL, dx_bytes_of(shared, 32), dx_bytes_of(both, 64), key);
    dx_aead_seal(key, nonce, dx_bytes_of(NULL, 0), dx_bytes_text("hello"), expected);
    assert_memory_equal(box, both, 32);
    assert_memory_equal(box + 32, expected, sizeof expected);
}

static void test_derived_keys(void **state) {
    (void)state;
    uint8_t key[32] = {0}, other[32] = {1}, a[32], b[32], expected[32];
    /* hashlib.blake2b(b"hello", digest_size=32, key=bytes(32), person=b"dx subkey") */
    from_hex("14d2673d3d11b8082ae330130fcf780b10c6bcc8b93b7b6b305d6d5f4799a4f2", expected, 32);
    dx_subkey(key, "hello", a);
    assert_memory_equal(a, expected, 32);
    dx_subkey(key, "hello!", b);
    assert_memory_not_equal(a, b, 32);
    dx_subkey(other, "hello", b);
    assert_memory_not_equal(a, b, 32);
    dx_key_commitment(key, a);
    dx_key_commitment(other, b);
    assert_memory_not_equal(a, b, 32);
    dx_hash(DX_HASH_COMMIT, dx_bytes_of(key, 32), expected);
    assert_memory_equal(a, expected, 32);
}

static void test_secret_equal_and_wipe(void **state) {
    (void)state;
    uint8_t a[32] = {1}, b[32] = {1}, zeros[32] = {0};
    assert_true(dx_secret_equal(a, b, 32));
    for (size_t i = 0; i < 32; i++) {
        b[i] ^= 1;
        assert_false(dx_secret_equal(a, b, 32));
        b[i] ^= 1;
    }
    assert_true(dx_secret_equal(a, zeros, 0));
    dx_wipe(a, sizeof a);
    assert_memory_equal(a, zeros, 32);
}

DX_TEST_MAIN(DX_TEST(test_rfc7748_scalar_multiplication), DX_TEST(test_rfc7748_agreement),
             DX_TEST(test_low_order_points_are_refused), DX_TEST(test_xchacha_figures),
             DX_TEST(test_aead_in_place_and_tamper), DX_TEST(test_siv), DX_TEST(test_seal_and_open),
             DX_TEST(test_seal_is_what_the_specification_says), DX_TEST(test_derived_keys),
             DX_TEST(test_secret_equal_and_wipe))
