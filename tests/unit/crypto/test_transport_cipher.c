/* test_transport_cipher.c: the cipher of channels is the published one. */
#include "crypto/transport_cipher.h"
#include "test.h"

static const char message[] =
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for "
    "the future, sunscreen would be it.";

enum { MESSAGE_SIZE = sizeof message - 1, SEALED_SIZE = MESSAGE_SIZE + DX_NOISE_TAG_SIZE };

static uint8_t key[DX_KEY_SIZE];
static const uint8_t nonce[DX_TRANSPORT_NONCE_SIZE] = {7,    0,    0,    0,    0x40, 0x41,
                                                       0x42, 0x43, 0x44, 0x45, 0x46, 0x47};
static const uint8_t beside[] = {0x50, 0x51, 0x52, 0x53, 0xc0, 0xc1, 0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7};

static void seal(uint8_t sealed[static SEALED_SIZE]) {
    for (size_t i = 0; i < sizeof key; i++) {
        key[i] = (uint8_t)(0x80 + i);
    }
    dx_transport_encrypt(key, nonce, dx_bytes_of(beside, sizeof beside), dx_bytes_text(message), sealed);
}

/* RFC 8439 §2.8.2. */
static void test_the_published_example(void **state) {
    (void)state;
    static const uint8_t begins[] = {0xd3, 0x1a, 0x8d, 0x34, 0x64, 0x8e, 0x60, 0xdb,
                                     0x7b, 0x86, 0xaf, 0xbc, 0x53, 0xef, 0x7e, 0xc2};
    static const uint8_t tag[] = {0x1a, 0xe1, 0x0b, 0x59, 0x4f, 0x09, 0xe2, 0x6a,
                                  0x7e, 0x90, 0x2e, 0xcb, 0xd0, 0x60, 0x06, 0x91};
    uint8_t sealed[SEALED_SIZE], shown[MESSAGE_SIZE];
    seal(sealed);
    assert_memory_equal(sealed, begins, sizeof begins);
    assert_memory_equal(sealed + MESSAGE_SIZE, tag, sizeof tag);
    assert_true(dx_transport_decrypt(key, nonce, dx_bytes_of(beside, sizeof beside),
                                     dx_bytes_of(sealed, sizeof sealed), shown));
    assert_memory_equal(shown, message, MESSAGE_SIZE);
}

static void test_what_was_changed_does_not_open(void **state) {
    (void)state;
    uint8_t sealed[SEALED_SIZE], shown[MESSAGE_SIZE];
    seal(sealed);
    dx_bytes ad = dx_bytes_of(beside, sizeof beside);
    for (size_t i = 0; i < sizeof sealed; i++) {
        sealed[i] ^= 4;
        assert_false(dx_transport_decrypt(key, nonce, ad, dx_bytes_of(sealed, sizeof sealed), shown));
        sealed[i] ^= 4;
    }
    assert_false(dx_transport_decrypt(key, nonce, dx_bytes_of(beside, sizeof beside - 1),
                                      dx_bytes_of(sealed, sizeof sealed), shown));
    assert_false(dx_transport_decrypt(key, nonce, ad, dx_bytes_of(sealed, sizeof sealed - 1), shown));
}

DX_TEST_MAIN(DX_TEST(test_the_published_example), DX_TEST(test_what_was_changed_does_not_open))
