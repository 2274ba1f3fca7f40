/* test_stand_in.c: what the simulator's stand-ins for cryptography keep, so that what a hostile peer tries
 * fails there too. The programs of this file are linked with sim/stand_in_*.c before the library. */
#include "crypto/keys.h"
#include "test.h"

static dx_sign_key key_of(uint8_t number) {
    uint8_t seed[DX_KEY_SIZE] = {number};
    dx_sign_key key;
    dx_sign_key_from_seed(&key, seed);
    return key;
}

static bool holds(const uint8_t *public_key, const char *context, const char *message,
                  const uint8_t *signature) {
    return dx_sign_verify(public_key, context, dx_bytes_text(message), signature) == DX_OK;
}

static void test_a_signature_holds_for_what_was_signed_alone(void **state) {
    (void)state;
    uint8_t signature[DX_SIGNATURE_SIZE], again[DX_SIGNATURE_SIZE];
    dx_sign_key key = key_of(1), other = key_of(2);
    dx_sign(&key, "use", dx_bytes_text("text"), signature);
    dx_sign(&key, "use", dx_bytes_text("text"), again);
    assert_memory_equal(signature, again, sizeof signature);
    assert_true(holds(key.public_key, "use", "text", signature));
    assert_false(holds(key.public_key, "use", "texu", signature));
    assert_false(holds(key.public_key, "usetext", "", signature));
    assert_false(holds(key.public_key, "us", "etext", signature));
    assert_false(holds(other.public_key, "use", "text", signature));
    for (size_t i = 0; i < sizeof signature; i++) {
        signature[i] ^= 1;
        assert_false(holds(key.public_key, "use", "text", signature));
        signature[i] ^= 1;
    }
}

/* Who has only the public key signs with whatever he has: it must not hold. */
static void test_the_public_key_signs_nothing(void **state) {
    (void)state;
    uint8_t signature[DX_SIGNATURE_SIZE];
    dx_sign_key key = key_of(1), forger;
    dx_sign_key_from_seed(&forger, key.public_key);
    assert_memory_not_equal(forger.public_key, key.public_key, DX_KEY_SIZE);
    dx_sign(&forger, "use", dx_bytes_text("text"), signature);
    assert_false(holds(key.public_key, "use", "text", signature));
    memcpy(forger.expanded, key.public_key, DX_KEY_SIZE);
    dx_sign(&forger, "use", dx_bytes_text("text"), signature);
    assert_false(holds(key.public_key, "use", "text", signature));
}

static void test_a_key_nobody_drew_holds_for_nothing(void **state) {
    (void)state;
    uint8_t signature[DX_SIGNATURE_SIZE] = {0}, nobody[DX_KEY_SIZE] = {0};
    assert_false(holds(nobody, "use", "text", signature));
    dx_sign_key key = key_of(1);
    dx_sign(&key, "use", dx_bytes_text("text"), signature);
    assert_false(holds(nobody, "use", "text", signature));
}

/* As sign.c has it: longer than its stack, nothing holds. */
static void test_what_is_too_long_does_not_hold(void **state) {
    (void)state;
    static uint8_t message[DX_SIGNED_MAX];
    uint8_t signature[DX_SIGNATURE_SIZE];
    dx_sign_key key = key_of(1);
    size_t longest = DX_SIGNED_MAX - sizeof "use";
    dx_sign(&key, "use", dx_bytes_of(message, longest), signature);
    assert_int_equal(dx_sign_verify(key.public_key, "use", dx_bytes_of(message, longest), signature), DX_OK);
    assert_int_equal(dx_sign_verify(key.public_key, "use", dx_bytes_of(message, longest + 1), signature),
                     DX_E_SIGNATURE);
}

DX_TEST_MAIN(DX_TEST(test_a_signature_holds_for_what_was_signed_alone),
             DX_TEST(test_the_public_key_signs_nothing), DX_TEST(test_a_key_nobody_drew_holds_for_nothing),
             DX_TEST(test_what_is_too_long_does_not_hold))
