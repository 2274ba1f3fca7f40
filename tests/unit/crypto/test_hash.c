/* test_hash.c: BLAKE2b-256 with domains, against figures made by another implementation (CPython's hashlib:
 * blake2b(data, digest_size=32, key=…, person=…)). */
#include "crypto/hash.h"
#include "test.h"

static void expect_hex(const uint8_t *actual, size_t size, const char *expected) {
    char text[2 * 64 + 1];
    dx_hex_encode(dx_bytes_of(actual, size), text);
    assert_string_equal(text, expected);
}

static void test_hash_figures(void **state) {
    (void)state;
    uint8_t out[DX_HASH_SIZE], counting[200];
    for (size_t i = 0; i < sizeof counting; i++) {
        counting[i] = (uint8_t)i;
    }
    dx_hash(DX_HASH_LEAF, dx_bytes_text("abc"), out);
    expect_hex(out, sizeof out, "7915dfa00c6b735429f72be53c659749af0ea8a3b35cd41e1738bd7bbad1a8b3");
    dx_hash_keyed(DX_HASH_TOPIC_TAG, dx_bytes_of(counting, 32), dx_bytes_of(counting, sizeof counting), out);
    expect_hex(out, sizeof out, "9c7497f030cc59f1c66052c0c640ea9ffbba6ac3439ad2d18ae76224f2d53e8a");
    dx_hash(DX_HASH_NONCE, dx_bytes_of(NULL, 0), out); /* a name of all 16 characters, no input */
    expect_hex(out, sizeof out, "7e4d5778008c4496ffe0eaa4694249e74487599c7261af5d621116e9d1fa706b");
}

static void test_streaming_equals_one_shot(void **state) {
    (void)state;
    uint8_t data[1000], whole[DX_HASH_SIZE], parts[DX_HASH_SIZE];
    memset(data, 0x5a, sizeof data);
    for (size_t cut = 0; cut <= sizeof data; cut += 37) {
        dx_hash_state hash;
        dx_hash_keyed(DX_HASH_NODE, dx_bytes_of(data, 64), dx_bytes_of(data, sizeof data), whole);
        dx_hash_begin(&hash, DX_HASH_NODE, dx_bytes_of(data, 64));
        dx_hash_add(&hash, data, cut);
        dx_hash_add(&hash, NULL, 0);
        dx_hash_add(&hash, data + cut, sizeof data - cut);
        dx_hash_end(&hash, parts);
        assert_memory_equal(whole, parts, DX_HASH_SIZE);
    }
}

static void test_numbers_are_little_endian(void **state) {
    (void)state;
    uint8_t direct[DX_HASH_SIZE], number[DX_HASH_SIZE];
    dx_hash_state hash;
    dx_hash_begin(&hash, DX_HASH_ROOT, dx_bytes_of(NULL, 0));
    dx_hash_add_u64(&hash, 0x0102030405060708u);
    dx_hash_end(&hash, number);
    dx_hash(DX_HASH_ROOT, dx_bytes_of("\x08\x07\x06\x05\x04\x03\x02\x01", 8), direct);
    assert_memory_equal(direct, number, DX_HASH_SIZE);
}

static void test_keyed_state_is_wiped(void **state) {
    (void)state;
    uint8_t out[DX_HASH_SIZE], zeros[sizeof(dx_hash_state)] = {0};
    dx_hash_state hash;
    dx_hash_begin(&hash, DX_HASH_ROOT, dx_bytes_text("a secret"));
    dx_hash_end(&hash, out);
    assert_memory_equal(&hash, zeros, sizeof zeros);
}

/* Names must differ, as texts and in what they do; the empty input and a key must separate too. */
static void test_domains_are_separate(void **state) {
    (void)state;
    static const char *const names[] = {
#define NAME_ROW(symbol, name) name,
        DX_HASH_DOMAINS(NAME_ROW)
#undef NAME_ROW
    };
    uint8_t out[DX_HASH_DOMAIN_COUNT][DX_HASH_SIZE], keyed[DX_HASH_SIZE];
    for (size_t i = 0; i < DX_HASH_DOMAIN_COUNT; i++) {
        assert_in_range(strlen(names[i]), 1, 16);
        dx_hash((dx_hash_domain)i, dx_bytes_text("x"), out[i]);
        dx_hash_keyed((dx_hash_domain)i, dx_bytes_of("\0", 1), dx_bytes_text("x"), keyed);
        assert_memory_not_equal(out[i], keyed, DX_HASH_SIZE);
        for (size_t j = 0; j < i; j++) {
            assert_string_not_equal(names[i], names[j]);
            assert_memory_not_equal(out[i], out[j], DX_HASH_SIZE);
        }
    }
}

DX_TEST_MAIN(DX_TEST(test_hash_figures), DX_TEST(test_streaming_equals_one_shot),
             DX_TEST(test_numbers_are_little_endian), DX_TEST(test_keyed_state_is_wiped),
             DX_TEST(test_domains_are_separate))
