/* test_sign.c: Ed25519 with a context, against RFC 8032 §7.1. */
#include "crypto/keys.h"
#include "test.h"

static void from_hex(const char *text, uint8_t *out, size_t size) {
    assert_int_equal(dx_hex_decode(text, strlen(text), out, size), DX_OK);
}

static void test_rfc8032_public_keys(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
         "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"},
        {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
         "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"},
        {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
         "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025"},
    };
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        uint8_t seed[DX_KEY_SIZE], public_key[DX_KEY_SIZE];
        dx_sign_key key;
        from_hex(pairs[i][0], seed, sizeof seed);
        from_hex(pairs[i][1], public_key, sizeof public_key);
        dx_sign_key_from_seed(&key, seed);
        assert_memory_equal(key.public_key, public_key, DX_KEY_SIZE);
    }
}

/* "TEST 1024", 1023 bytes. */
static const char rfc8032_message[] =
    "08b8b2b733424243760fe426a4b54908632110a66c2f6591eabd3345e3e4eb98fa6e264bf09efe12ee50f8f54e9f77b1"
    "e355f6c50544e23fb1433ddf73be84d879de7c0046dc4996d9e773f4bc9efe5738829adb26c81b37c93a1b270b20329d"
    "658675fc6ea534e0810a4432826bf58c941efb65d57a338bbd2e26640f89ffbc1a858efcb8550ee3a5e1998bd177e93a"
    "7363c344fe6b199ee5d02e82d522c4feba15452f80288a821a579116ec6dad2b3b310da903401aa62100ab5d1a36553e"
    "06203b33890cc9b832f79ef80560ccb9a39ce767967ed628c6ad573cb116dbefefd75499da96bd68a8a97b928a8bbc10"
    "3b6621fcde2beca1231d206be6cd9ec7aff6f6c94fcd7204ed3455c68c83f4a41da4af2b74ef5c53f1d8ac70bdcb7ed1"
    "85ce81bd84359d44254d95629e9855a94a7c1958d1f8ada5d0532ed8a5aa3fb2d17ba70eb6248e594e1a2297acbbb39d"
    "502f1a8c6eb6f1ce22b3de1a1f40cc24554119a831a9aad6079cad88425de6bde1a9187ebb6092cf67bf2b13fd65f270"
    "88d78b7e883c8759d2c4f5c65adb7553878ad575f9fad878e80a0c9ba63bcbcc2732e69485bbc9c90bfbd62481d9089b"
    "eccf80cfe2df16a2cf65bd92dd597b0707e0917af48bbb75fed413d238f5555a7a569d80c3414a8d0859dc65a46128ba"
    "b27af87a71314f318c782b23ebfe808b82b0ce26401d2e22f04d83d1255dc51addd3b75a2b1ae0784504df543af8969b"
    "e3ea7082ff7fc9888c144da2af58429ec96031dbcad3dad9af0dcbaaaf268cb8fcffead94f3c7ca495e056a9b47acdb7"
    "51fb73e666c6c655ade8297297d07ad1ba5e43f1bca32301651339e22904cc8c42f58c30c04aafdb038dda0847dd988d"
    "cda6f3bfd15c4b4c4525004aa06eeff8ca61783aacec57fb3d1f92b0fe2fd1a85f6724517b65e614ad6808d6f6ee34df"
    "f7310fdc82aebfd904b01e1dc54b2927094b2db68d6f903b68401adebf5a7e08d78ff4ef5d63653a65040cf9bfd4aca7"
    "984a74d37145986780fc0b16ac451649de6188a7dbdf191f64b5fc5e2ab47b57f7f7276cd419c17a3ca8e1b939ae49e4"
    "88acba6b965610b5480109c8b17b80e1b7b750dfc7598d5d5011fd2dcc5600a32ef5b52a1ecc820e308aa342721aac09"
    "43bf6686b64b2579376504ccc493d97e6aed3fb0f9cd71a43dd497f01f17c0e2cb3797aa2a2f256656168e6c496afc5f"
    "b93246f6b1116398a346f1a641f3b041e989f7914f90cc2c7fff357876e506b50d334ba77c225bc307ba537152f3f161"
    "0e4eafe595f6d9d90d11faa933a15ef1369546868a7f3a45a96768d40fd9d03412c091c6315cf4fde7cb68606937380d"
    "b2eaaa707b4c4185c32eddcdd306705e4dc1ffc872eeee475a64dfac86aba41c0618983f8741c5ef68d3a101e8a3b8ca"
    "c60c905c15fc910840b94c00a0b9d0";

/* What is signed is context ‖ 0x00 ‖ message, so a published vector fits when its message holds a zero byte:
 * what stands before the first one is the context. */
static void test_rfc8032_signature(void **state) {
    (void)state;
    uint8_t seed[DX_KEY_SIZE], whole[1023], expected[DX_SIGNATURE_SIZE], signature[DX_SIGNATURE_SIZE];
    dx_sign_key key;
    from_hex("f5e5767cf153319517630f226876b86c8160cc583bc013744c6bf255f5cc0ee5", seed, sizeof seed);
    from_hex(rfc8032_message, whole, sizeof whole);
    from_hex("0aab4c900501b3e24d7cdf4663326a3a87df5e4843b2cbdb67cbf6e460fec350"
             "aa5371b1508f9f4528ecea23c436d94b5e8fcd4f681e30a6ac00a9704a188a03",
             expected, sizeof expected);
    size_t context_size = strlen((const char *)whole);
    assert_in_range(context_size, 1, sizeof whole - 2);
    dx_bytes message = dx_bytes_of(whole + context_size + 1, sizeof whole - context_size - 1);
    dx_sign_key_from_seed(&key, seed);
    dx_sign(&key, (const char *)whole, message, signature);
    assert_memory_equal(signature, expected, DX_SIGNATURE_SIZE);
    assert_int_equal(dx_sign_verify(key.public_key, (const char *)whole, message, signature), DX_OK);
}

static void test_every_part_is_bound(void **state) {
    (void)state;
    uint8_t signature[DX_SIGNATURE_SIZE], message[40] = {1, 2, 3}, seed[DX_KEY_SIZE] = {7};
    dx_bytes view = dx_bytes_of(message, sizeof message);
    dx_sign_key key;
    dx_sign_key_from_seed(&key, seed);
    dx_sign(&key, "dxos test/1", view, signature);
    assert_int_equal(dx_sign_verify(key.public_key, "dxos test/1", view, signature), DX_OK);
    assert_int_equal(dx_sign_verify(key.public_key, "dxos test/2", view, signature), DX_E_SIGNATURE);
    assert_int_equal(dx_sign_verify(key.public_key, "", view, signature), DX_E_SIGNATURE);
    assert_int_equal(dx_sign_verify(key.public_key, "dxos test/1", dx_bytes_of(message, 39), signature),
                     DX_E_SIGNATURE);
    for (size_t i = 0; i < sizeof message; i++) {
        message[i] ^= 1;
        assert_int_equal(dx_sign_verify(key.public_key, "dxos test/1", view, signature), DX_E_SIGNATURE);
        message[i] ^= 1;
    }
    for (size_t i = 0; i < sizeof signature; i++) {
        signature[i] ^= 0x10;
        assert_int_equal(dx_sign_verify(key.public_key, "dxos test/1", view, signature), DX_E_SIGNATURE);
        signature[i] ^= 0x10;
    }
    for (size_t i = 0; i < DX_KEY_SIZE; i++) {
        key.public_key[i] ^= 0x20;
        assert_int_equal(dx_sign_verify(key.public_key, "dxos test/1", view, signature), DX_E_SIGNATURE);
        key.public_key[i] ^= 0x20;
    }
}

static void test_context_cannot_flow_into_the_message(void **state) {
    (void)state;
    uint8_t signature[DX_SIGNATURE_SIZE], seed[DX_KEY_SIZE] = {9};
    dx_sign_key key;
    dx_sign_key_from_seed(&key, seed);
    dx_sign(&key, "ab", dx_bytes_text("cd"), signature);
    assert_int_equal(dx_sign_verify(key.public_key, "abc", dx_bytes_text("d"), signature), DX_E_SIGNATURE);
    assert_int_equal(dx_sign_verify(key.public_key, "a", dx_bytes_text("bcd"), signature), DX_E_SIGNATURE);
}

/* A key of small order would verify many messages under one signature; S + L would be a second signature. */
static void test_weak_keys_and_second_forms_are_refused(void **state) {
    (void)state;
    static const uint8_t order[32] = {0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58,       0xd6,
                                      0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14, [31] = 0x10};
    uint8_t signature[DX_SIGNATURE_SIZE] = {1}, weak[DX_KEY_SIZE] = {1}, seed[DX_KEY_SIZE] = {3};
    assert_int_equal(dx_sign_verify(weak, "x", dx_bytes_text("y"), signature), DX_E_SIGNATURE);
    dx_sign_key key;
    dx_sign_key_from_seed(&key, seed);
    dx_sign(&key, "x", dx_bytes_text("y"), signature);
    unsigned carry = 0;
    for (size_t i = 0; i < 32; i++) {
        carry += (unsigned)signature[32 + i] + order[i];
        signature[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    assert_int_equal(carry, 0);
    assert_int_equal(dx_sign_verify(key.public_key, "x", dx_bytes_text("y"), signature), DX_E_SIGNATURE);
}

static void test_longest_message(void **state) {
    (void)state;
    static uint8_t message[DX_SIGNED_MAX];
    uint8_t signature[DX_SIGNATURE_SIZE], seed[DX_KEY_SIZE] = {4};
    dx_sign_key key;
    dx_sign_key_from_seed(&key, seed);
    dx_bytes longest = dx_bytes_of(message, DX_SIGNED_MAX - sizeof "x");
    dx_sign(&key, "x", longest, signature);
    assert_int_equal(dx_sign_verify(key.public_key, "x", longest, signature), DX_OK);
    assert_int_equal(dx_sign_verify(key.public_key, "x", dx_bytes_of(message, longest.size + 1), signature),
                     DX_E_SIGNATURE);
    assert_int_equal(dx_sign_verify(key.public_key, "x", dx_bytes_of(message, SIZE_MAX), signature),
                     DX_E_SIGNATURE);
}

DX_TEST_MAIN(DX_TEST(test_rfc8032_public_keys), DX_TEST(test_rfc8032_signature),
             DX_TEST(test_every_part_is_bound), DX_TEST(test_context_cannot_flow_into_the_message),
             DX_TEST(test_weak_keys_and_second_forms_are_refused), DX_TEST(test_longest_message))
