/* test_stand_in.c: what the simulator's stand-ins for cryptography keep, so that what a hostile peer tries
 * fails there too. The programs of this file are linked with sim/stand_in_*.c before the library. */
#include "crypto/keys.h"
#include "crypto/transport_cipher.h"
#include "store/page_cipher.h"
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

static void test_both_agree_and_nobody_else(void **state) {
    (void)state;
    uint8_t alice[DX_KEY_SIZE] = {1}, bob[DX_KEY_SIZE] = {2}, eve[DX_KEY_SIZE] = {3},
            zeros[DX_KEY_SIZE] = {0};
    uint8_t alice_public[DX_KEY_SIZE], bob_public[DX_KEY_SIZE], a[DX_KEY_SIZE], b[DX_KEY_SIZE],
        e[DX_KEY_SIZE];
    dx_agree_public(alice, alice_public);
    dx_agree_public(bob, bob_public);
    assert_int_equal(dx_agree(alice, bob_public, a), DX_OK);
    assert_int_equal(dx_agree(bob, alice_public, b), DX_OK);
    assert_memory_equal(a, b, sizeof a);
    assert_int_equal(dx_agree(eve, bob_public, e), DX_OK);
    assert_memory_not_equal(a, e, sizeof a);
    assert_int_equal(dx_agree(alice_public, bob_public, e), DX_OK); /* a public key is no secret */
    assert_memory_not_equal(a, e, sizeof a);
    assert_int_equal(dx_agree(alice, zeros, e), DX_E_SIGNATURE);
}

/* As of a torn or stale write: some 512-byte parts of a page are those of an earlier version of it. */
static void test_a_torn_page_does_not_open(void **state) {
    (void)state;
    enum { PART = 512 };
    static uint8_t old[DX_PAGE_SIZE], fresh[DX_PAGE_SIZE], torn[DX_PAGE_SIZE];
    const uint8_t key[DX_PAGE_KEY_SIZE] = {1}, nonces[2][DX_PAGE_NONCE_SIZE] = {{1}, {2}};
    dx_unit_seal(key, DX_UNIT_PAGE, 7, nonces[0], old);
    dx_unit_seal(key, DX_UNIT_PAGE, 7, nonces[1], fresh);
    for (unsigned mask = 1; mask < 255; mask++) {
        for (unsigned part = 0; part < DX_PAGE_SIZE / PART; part++) {
            const uint8_t *from = mask & 1u << part ? old : fresh;
            memcpy(torn + (size_t)part * PART, from + (size_t)part * PART, PART);
        }
        assert_false(dx_unit_open(key, DX_UNIT_PAGE, 7, torn));
    }
    assert_true(dx_unit_open(key, DX_UNIT_PAGE, 7, old));
    assert_true(dx_unit_open(key, DX_UNIT_PAGE, 7, fresh));
}

static void test_a_page_opens_as_itself_alone(void **state) {
    (void)state;
    static uint8_t page[DX_PAGE_SIZE], sealed[DX_PAGE_SIZE], empty[DX_PAGE_SIZE];
    const uint8_t key[DX_PAGE_KEY_SIZE] = {1}, other[DX_PAGE_KEY_SIZE] = {2}, nonce[DX_PAGE_NONCE_SIZE] = {3};
    memcpy(page, "open sesame, open", 17);
    memcpy(sealed, page, sizeof page);
    dx_unit_seal(key, DX_UNIT_PAGE, 7, nonce, sealed);
    assert_memory_not_equal(sealed + 5, "sesame", 6);
    assert_memory_not_equal(sealed + 100, page + 100, DX_PAGE_SIZE - 200);
    memcpy(page, sealed, sizeof page);
    assert_false(dx_unit_open(other, DX_UNIT_PAGE, 7, page));
    memcpy(page, sealed, sizeof page);
    assert_false(dx_unit_open(key, DX_UNIT_PAGE, 8, page));
    for (size_t i = 0; i < sizeof sealed; i++) {
        memcpy(page, sealed, sizeof page);
        page[i] ^= 0x10;
        assert_false(dx_unit_open(key, DX_UNIT_PAGE, 7, page));
    }
    assert_false(dx_unit_open(key, DX_UNIT_PAGE, 7, empty));
    assert_true(dx_unit_open(key, DX_UNIT_PAGE, 7, sealed));
    assert_memory_equal(sealed, "open sesame, open", 17);
}

/* Sizes that are no multiple of a word or of the sums' lanes. */
static void test_every_size_comes_back(void **state) {
    (void)state;
    const uint8_t key[DX_PAGE_KEY_SIZE] = {1}, nonce[DX_PAGE_NONCE_SIZE] = {2},
                  place[DX_PAGE_PLACE_SIZE] = {3};
    for (size_t size = 0; size < 70; size++) {
        uint8_t text[70], flipped[70], tag[DX_PAGE_TAG_SIZE];
        memset(text, 0x5a, sizeof text);
        dx_page_encrypt(key, nonce, place, text, size, tag);
        for (size_t i = 0; i < size; i++) {
            memcpy(flipped, text, sizeof text);
            flipped[i] ^= 1;
            assert_false(dx_page_decrypt(key, nonce, place, flipped, size, tag));
        }
        assert_true(dx_page_decrypt(key, nonce, place, text, size, tag));
        for (size_t i = 0; i < sizeof text; i++) {
            assert_int_equal(text[i], 0x5a);
        }
    }
}

/* Of a frame every bit counts, and so do its key, its number and what the handshake heard before. */
static void test_a_frame_opens_as_itself_alone(void **state) {
    (void)state;
    const uint8_t key[DX_KEY_SIZE] = {1}, other_key[DX_KEY_SIZE] = {0};
    const uint8_t nonce[DX_TRANSPORT_NONCE_SIZE] = {2}, other_nonce[DX_TRANSPORT_NONCE_SIZE] = {3};
    dx_bytes none = {NULL, 0}, text = dx_bytes_text("open sesame, as long as it may be, and then some more");
    dx_bytes heard = dx_bytes_text("heard"), misheard = dx_bytes_text("haerd");
    uint8_t sealed[100], shown[100], again[100];
    size_t size = text.size + DX_NOISE_TAG_SIZE;
    dx_transport_encrypt(key, nonce, heard, text, sealed);
    dx_bytes frame = dx_bytes_of(sealed, size);
    assert_memory_not_equal(sealed, text.data, text.size);
    assert_true(dx_transport_decrypt(key, nonce, heard, frame, shown));
    assert_memory_equal(shown, text.data, text.size);
    assert_false(dx_transport_decrypt(other_key, nonce, heard, frame, shown));
    assert_false(dx_transport_decrypt(key, other_nonce, heard, frame, shown));
    assert_false(dx_transport_decrypt(key, nonce, misheard, frame, shown));
    assert_false(dx_transport_decrypt(key, nonce, none, frame, shown));
    assert_false(dx_transport_decrypt(key, nonce, heard, dx_bytes_of(sealed, size - 1), shown));
    for (size_t i = 0; i < size; i++) {
        memcpy(again, sealed, size);
        again[i] ^= 0x80;
        assert_false(dx_transport_decrypt(key, nonce, heard, dx_bytes_of(again, size), shown));
    }
    memcpy(again, text.data, text.size); /* in place, as the channel does it */
    dx_transport_encrypt(key, nonce, heard, dx_bytes_of(again, text.size), again);
    assert_memory_equal(again, sealed, size);
    assert_true(dx_transport_decrypt(key, nonce, heard, dx_bytes_of(again, size), again));
    assert_memory_equal(again, text.data, text.size);
}

DX_TEST_MAIN(DX_TEST(test_a_signature_holds_for_what_was_signed_alone),
             DX_TEST(test_the_public_key_signs_nothing), DX_TEST(test_a_key_nobody_drew_holds_for_nothing),
             DX_TEST(test_what_is_too_long_does_not_hold), DX_TEST(test_both_agree_and_nobody_else),
             DX_TEST(test_a_torn_page_does_not_open), DX_TEST(test_a_page_opens_as_itself_alone),
             DX_TEST(test_every_size_comes_back), DX_TEST(test_a_frame_opens_as_itself_alone))
