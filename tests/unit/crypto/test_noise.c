/* test_noise.c: Noise XX against published figures, XXpsk0 against a second, naive writing of the same
 * sections, and what must fail. */
#include "crypto/noise.h"
#include "test.h"

enum { MESSAGE_ROOM = 70000 };

static void from_hex(const char *text, uint8_t *out, size_t size) {
    assert_int_equal(dx_hex_decode(text, strlen(text), out, size), DX_OK);
}

static void expect_hex(dx_bytes actual, const char *expected) {
    static char text[2 * 1024 + 1];
    assert_in_range(actual.size, 0, 1024);
    dx_hex_encode(actual, text);
    assert_string_equal(text, expected);
}

/* Two sides and a buffer for each direction of work. */
typedef struct pair {
    test_alloc alloc;
    dx_noise initiator, responder;
    dx_buf wire, payload;
} pair;

static void pair_init(pair *self, const uint8_t *psk_initiator, const uint8_t *psk_responder, uint8_t seed) {
    uint8_t keys[4][32];
    for (uint8_t i = 0; i < 4; i++) {
        memset(keys[i], (uint8_t)(seed + i * 16), 32);
    }
    test_alloc_init(&self->alloc);
    dx_buf_init(&self->wire, &self->alloc.port, MESSAGE_ROOM);
    dx_buf_init(&self->payload, &self->alloc.port, MESSAGE_ROOM);
    dx_noise_init(&self->initiator, true, dx_bytes_text("prologue"), keys[0], NULL, keys[1], psk_initiator);
    dx_noise_init(&self->responder, false, dx_bytes_text("prologue"), keys[2], NULL, keys[3], psk_responder);
}

static void pair_deinit(pair *self) {
    dx_buf_deinit(&self->wire);
    dx_buf_deinit(&self->payload);
    dx_noise_deinit(&self->initiator);
    dx_noise_deinit(&self->responder);
    assert_int_equal(self->alloc.live_bytes, 0);
}

static dx_noise *writer_of(pair *self, int step) {
    return step % 2 == 0 ? &self->initiator : &self->responder;
}

static dx_noise *reader_of(pair *self, int step) {
    return step % 2 == 0 ? &self->responder : &self->initiator;
}

/* Writes the next message into self->wire. */
static void pair_write(pair *self, int step, dx_bytes payload) {
    dx_buf_clear(&self->wire);
    assert_true(dx_noise_writes(writer_of(self, step)));
    assert_false(dx_noise_writes(reader_of(self, step)));
    size_t overhead = dx_noise_overhead(writer_of(self, step));
    assert_int_equal(dx_noise_write(writer_of(self, step), payload, &self->wire), DX_OK);
    assert_int_equal(self->wire.size, overhead + payload.size);
}

/* Writes and reads messages until before step. */
static void pair_advance(pair *self, int step) {
    for (int i = 0; i < step; i++) {
        pair_write(self, i, dx_bytes_text("hello"));
        dx_buf_clear(&self->payload);
        assert_int_equal(dx_noise_read(reader_of(self, i), dx_buf_view(&self->wire), &self->payload), DX_OK);
        assert_true(dx_bytes_equal(dx_buf_view(&self->payload), dx_bytes_text("hello")));
    }
}

/* Noise_XX_25519_ChaChaPoly_BLAKE2b of the cacophony vectors (haskell-cryptography/cacophony, as kept in
 * mcginty/snow tests/vectors/cacophony.txt). */
static const struct {
    const char *payload, *ciphertext;
} cacophony[] = {
    {"4c756477696720766f6e204d69736573",
     "ca35def5ae56cec33dc2036731ab14896bc4c75dbb07a61f879f8e3afa4c79444c756477696720766f6e204d69736573"},
    {"4d757272617920526f746862617264", "95ebc60d2b1fa672c1f46a8aa265ef51bfe38e7ccb39ec5be34069f1448088430505b"
                                       "6745ce64a5f33f0e8e3b83f11ce8802bca507"
                                       "f4f2d8b564dbe277e1966116e132faa2dfd70b8b077b9f94b913df5056ae1319469b8"
                                       "24a98d54bbaa82c325595587064f978c4b6d1"
                                       "04f7596e6f"},
    {"462e20412e20486179656b", "99579e1c1ee15e422a57ddd6b16d37087b17558e8369c18991b4b2ca3a824abf904cdcf5458b5"
                               "431a75af034ca9e9b982de039eaaf"
                               "156775e2d580cd4e5ebae89c3f8cb2594b556d8a8169"},
    {"4361726c204d656e676572", "fc56eea290b3f3a21aac0c70cd5787b5ee99be37d2f4d751329b55"},
    {"4a65616e2d426170746973746520536179",
     "bb31c9da10d5639a4cdb88a12f5c61de41bbc7df09bf75d94f8184fe4157f5c68f"},
    {"457567656e2042f6686d20766f6e2042617765726b",
     "f6199cadb152fb27f82be0a0891ec76a33598ae92a46cab2fb5a8ed5bf48b7f267f8370af7"},
};

static void test_cacophony_xx(void **state) {
    (void)state;
    pair self;
    uint8_t keys[4][32], payload[64], out[128];
    from_hex("e61ef9919cde45dd5f82166404bd08e38bceb5dfdfded0a34c8df7ed542214d1", keys[0], 32);
    from_hex("893e28b9dc6ca8d611ab664754b8ceb7bac5117349a4439a6b0569da977c464a", keys[1], 32);
    from_hex("4a3acbfdb163dec651dfa3194dece676d437029c62a408b4c5ea9114246e4893", keys[2], 32);
    from_hex("bbdb4cdbd309f1a1f2e1456967fe288cadd6f712d65dc7b7793d5e63da6b375b", keys[3], 32);
    pair_init(&self, NULL, NULL, 0);
    dx_noise_init(&self.initiator, true, dx_bytes_text("John Galt"), keys[0], NULL, keys[1], NULL);
    dx_noise_init(&self.responder, false, dx_bytes_text("John Galt"), keys[2], NULL, keys[3], NULL);
    for (int step = 0; step < DX_NOISE_MESSAGES; step++) {
        size_t size = strlen(cacophony[step].payload) / 2;
        from_hex(cacophony[step].payload, payload, size);
        pair_write(&self, step, dx_bytes_of(payload, size));
        expect_hex(dx_buf_view(&self.wire), cacophony[step].ciphertext);
        dx_buf_clear(&self.payload);
        assert_int_equal(dx_noise_read(reader_of(&self, step), dx_buf_view(&self.wire), &self.payload),
                         DX_OK);
        expect_hex(dx_buf_view(&self.payload), cacophony[step].payload);
    }
    assert_true(dx_noise_complete(&self.initiator));
    assert_true(dx_noise_complete(&self.responder));
    static const char hash[] = "8cf47d7b3cb5804c0109d48e8bcdbee2cbb65687d8ea2c92994ca361fb86151a"
                               "d93627b98936cbb32de56e8abb21def3925011ac3e35db9cbeea73ab9a4392c2";
    dx_noise_cipher sending[2], receiving[2];
    dx_noise_split(&self.initiator, &sending[0], &receiving[0]);
    dx_noise_split(&self.responder, &sending[1], &receiving[1]);
    expect_hex(dx_bytes_of(self.initiator.hash, DX_NOISE_HASH_SIZE), hash);
    expect_hex(dx_bytes_of(self.responder.hash, DX_NOISE_HASH_SIZE), hash);
    assert_memory_equal(self.initiator.remote_static, self.responder.static_public, 32);
    assert_memory_equal(self.responder.remote_static, self.initiator.static_public, 32);
    for (size_t i = 3; i < sizeof cacophony / sizeof cacophony[0]; i++) { /* the responder speaks next */
        size_t size = strlen(cacophony[i].payload) / 2;
        from_hex(cacophony[i].payload, payload, size);
        assert_int_equal(
            dx_noise_encrypt(&sending[i % 2], dx_bytes_of(NULL, 0), dx_bytes_of(payload, size), out), DX_OK);
        expect_hex(dx_bytes_of(out, size + DX_NOISE_TAG_SIZE), cacophony[i].ciphertext);
        assert_int_equal(dx_noise_decrypt(&receiving[1 - i % 2], dx_bytes_of(NULL, 0),
                                          dx_bytes_of(out, size + DX_NOISE_TAG_SIZE), out),
                         DX_OK);
        assert_memory_equal(out, payload, size);
    }
    pair_deinit(&self);
}

/* --- A second writing of the handshake ----------------------------------------------------------
 * Straight-line, both sides at once, from one concatenation to the next: no state machine, no token table, no
 * streaming hash, nothing shared with noise.c but libsodium. */

typedef struct naive {
    uint8_t h[64], ck[64], k[32], keys[2][32];
    uint64_t n;
    uint8_t messages[3][512];
    size_t sizes[3];
} naive;

static void naive_hash(const uint8_t *data, size_t size, uint8_t *out) {
    assert_int_equal(crypto_generichash(out, 64, data, size, NULL, 0), 0);
}

static void naive_hmac(const uint8_t *key, const uint8_t *data, size_t size, uint8_t *out) {
    uint8_t inner[128 + 256], outer[128 + 64];
    for (int i = 0; i < 128; i++) {
        inner[i] = (uint8_t)((i < 64 ? key[i] : 0) ^ 0x36);
        outer[i] = (uint8_t)((i < 64 ? key[i] : 0) ^ 0x5c);
    }
    if (size > 0) {
        memcpy(inner + 128, data, size);
    }
    naive_hash(inner, 128 + size, outer + 128);
    naive_hash(outer, sizeof outer, out);
}

static void naive_hkdf(naive *self, const uint8_t *ikm, size_t size, uint8_t out[3][64]) {
    uint8_t temp[64], block[65];
    naive_hmac(self->ck, ikm, size, temp);
    naive_hmac(temp, (const uint8_t *)"\x01", 1, out[0]);
    memcpy(block, out[0], 64);
    block[64] = 2;
    naive_hmac(temp, block, 65, out[1]);
    memcpy(block, out[1], 64);
    block[64] = 3;
    naive_hmac(temp, block, 65, out[2]);
}

static void naive_mix_hash(naive *self, const uint8_t *data, size_t size) {
    uint8_t both[64 + 512];
    memcpy(both, self->h, 64);
    memcpy(both + 64, data, size);
    naive_hash(both, 64 + size, self->h);
}

static void naive_mix_key(naive *self, const uint8_t *ikm) {
    uint8_t out[3][64];
    naive_hkdf(self, ikm, 32, out);
    memcpy(self->ck, out[0], 64);
    memcpy(self->k, out[1], 32);
    self->n = 0;
}

static void naive_mix_dh(naive *self, const uint8_t *secret, const uint8_t *other_secret) {
    uint8_t public_key[32], shared[32];
    crypto_scalarmult_base(public_key, other_secret);
    assert_int_equal(crypto_scalarmult(shared, secret, public_key), 0);
    naive_mix_key(self, shared);
}

static void naive_seal(naive *self, int message, const uint8_t *text, size_t size) {
    uint8_t nonce[12] = {0}, *out = self->messages[message] + self->sizes[message];
    unsigned long long sealed_size;
    nonce[4] = (uint8_t)self->n++;
    crypto_aead_chacha20poly1305_ietf_encrypt(out, &sealed_size, text, size, self->h, 64, NULL, nonce,
                                              self->k);
    naive_mix_hash(self, out, sealed_size);
    self->sizes[message] += sealed_size;
}

static void naive_ephemeral(naive *self, int message, const uint8_t *secret) {
    uint8_t *out = self->messages[message] + self->sizes[message];
    crypto_scalarmult_base(out, secret);
    self->sizes[message] += 32;
    naive_mix_hash(self, out, 32);
    naive_mix_key(self, out);
}

static void naive_run(naive *self, const char *prologue, uint8_t keys[4][32], const uint8_t *psk,
                      const char *payloads[3]) {
    uint8_t *si = keys[0], *ei = keys[1], *sr = keys[2], *er = keys[3], out[3][64], public_key[32];
    memset(self, 0, sizeof *self);
    memcpy(self->h, "Noise_XXpsk0_25519_ChaChaPoly_BLAKE2b", 37);
    memcpy(self->ck, self->h, 64);
    naive_mix_hash(self, (const uint8_t *)prologue, strlen(prologue));
    naive_hkdf(self, psk, 32, out);
    memcpy(self->ck, out[0], 64);
    naive_mix_hash(self, out[1], 64);
    memcpy(self->k, out[2], 32);
    naive_ephemeral(self, 0, ei);
    naive_seal(self, 0, (const uint8_t *)payloads[0], strlen(payloads[0]));
    naive_ephemeral(self, 1, er);
    naive_mix_dh(self, ei, er);
    crypto_scalarmult_base(public_key, sr);
    naive_seal(self, 1, public_key, 32);
    naive_mix_dh(self, ei, sr);
    naive_seal(self, 1, (const uint8_t *)payloads[1], strlen(payloads[1]));
    crypto_scalarmult_base(public_key, si);
    naive_seal(self, 2, public_key, 32);
    naive_mix_dh(self, si, er);
    naive_seal(self, 2, (const uint8_t *)payloads[2], strlen(payloads[2]));
    naive_hkdf(self, NULL, 0, out);
    memcpy(self->keys[0], out[0], 32);
    memcpy(self->keys[1], out[1], 32);
}

static void test_psk0_equals_the_naive_writing(void **state) {
    (void)state;
    test_random random;
    test_random_init(&random, 7);
    for (int round = 0; round < 20; round++) {
        static naive expected;
        const char *payloads[3] = {round % 2 ? "" : "one", "the second", round % 3 ? "" : "third"};
        uint8_t keys[4][32], psk[32];
        pair self;
        test_random_fill(&random, keys[0], sizeof keys);
        test_random_fill(&random, psk, sizeof psk);
        naive_run(&expected, "prologue", keys, psk, payloads);
        pair_init(&self, NULL, NULL, 0);
        dx_noise_init(&self.initiator, true, dx_bytes_text("prologue"), keys[0], NULL, keys[1], psk);
        dx_noise_init(&self.responder, false, dx_bytes_text("prologue"), keys[2], NULL, keys[3], psk);
        for (int step = 0; step < DX_NOISE_MESSAGES; step++) {
            pair_write(&self, step, dx_bytes_text(payloads[step]));
            assert_true(dx_bytes_equal(dx_buf_view(&self.wire),
                                       dx_bytes_of(expected.messages[step], expected.sizes[step])));
            dx_buf_clear(&self.payload);
            assert_int_equal(dx_noise_read(reader_of(&self, step), dx_buf_view(&self.wire), &self.payload),
                             DX_OK);
            assert_true(dx_bytes_equal(dx_buf_view(&self.payload), dx_bytes_text(payloads[step])));
        }
        dx_noise_cipher sending[2], receiving[2];
        dx_noise_split(&self.initiator, &sending[0], &receiving[0]);
        dx_noise_split(&self.responder, &sending[1], &receiving[1]);
        assert_memory_equal(self.initiator.hash, expected.h, 64);
        assert_memory_equal(self.responder.hash, expected.h, 64);
        for (int side = 0; side < 2; side++) {
            assert_memory_equal(sending[side].key, expected.keys[side], 32);
            assert_memory_equal(receiving[1 - side].key, expected.keys[side], 32);
        }
        pair_deinit(&self);
    }
}

/* --- What must fail ------------------------------------------------------------------------------ */

static const uint8_t psk_a[32] = {1}, psk_b[32] = {2};

/* After a failure nothing moves again, and the payload buffer is as it was. */
static void expect_dead(pair *self, dx_noise *noise) {
    size_t size = self->payload.size, wire_size = self->wire.size;
    assert_false(dx_noise_writes(noise));
    assert_false(dx_noise_complete(noise));
    assert_int_equal(dx_noise_write(noise, dx_bytes_of(NULL, 0), &self->wire), DX_E_STATE);
    assert_int_equal(dx_noise_read(noise, dx_buf_view(&self->wire), &self->payload), DX_E_STATE);
    assert_int_equal(self->payload.size, size);
    assert_int_equal(self->wire.size, wire_size);
}

static void test_wrong_psk_or_prologue_fails_at_the_first_message(void **state) {
    (void)state;
    pair self;
    for (int variant = 0; variant < 3; variant++) {
        pair_init(&self, psk_a, variant == 0 ? psk_b : variant == 1 ? NULL : psk_a, 3);
        if (variant == 2) {
            uint8_t key[32] = {9};
            dx_noise_init(&self.responder, false, dx_bytes_text("other"), key, NULL, key, psk_a);
        }
        pair_write(&self, 0, dx_bytes_text("hello"));
        int error = dx_noise_read(&self.responder, dx_buf_view(&self.wire), &self.payload);
        if (variant ==
            1) { /* a responder without psk takes it for plain XX, and is refused in the next message */
            assert_int_equal(error, DX_OK);
            dx_buf_clear(&self.wire);
            assert_int_equal(dx_noise_write(&self.responder, dx_bytes_of(NULL, 0), &self.wire), DX_OK);
            assert_int_equal(dx_noise_read(&self.initiator, dx_buf_view(&self.wire), &self.payload),
                             DX_E_SIGNATURE);
            expect_dead(&self, &self.initiator);
        } else {
            assert_int_equal(error, DX_E_SIGNATURE);
            assert_int_equal(self.payload.size, 0);
            expect_dead(&self, &self.responder);
        }
        pair_deinit(&self);
    }
}

static void test_any_flipped_bit_fails(void **state) {
    (void)state;
    for (int step = 0; step < DX_NOISE_MESSAGES; step++) {
        size_t size = 1;
        for (size_t at = 0; at < size; at++) {
            pair self;
            pair_init(&self, psk_a, psk_a, 3);
            pair_advance(&self, step);
            pair_write(&self, step, dx_bytes_text("hello"));
            size = self.wire.size;
            self.wire.data[at] ^= (uint8_t)(1 << (at % 8));
            dx_buf_clear(&self.payload);
            assert_int_equal(dx_noise_read(reader_of(&self, step), dx_buf_view(&self.wire), &self.payload),
                             DX_E_SIGNATURE);
            assert_int_equal(self.payload.size, 0);
            expect_dead(&self, reader_of(&self, step));
            pair_deinit(&self);
        }
    }
}

static void test_any_other_length_fails(void **state) {
    (void)state;
    for (int step = 0; step < DX_NOISE_MESSAGES; step++) {
        size_t full = 1;
        for (size_t size = 0; size <= full + 1; size++) {
            pair self;
            pair_init(&self, psk_a, psk_a, 3);
            pair_advance(&self, step);
            size_t overhead = dx_noise_overhead(reader_of(&self, step));
            pair_write(&self, step, dx_bytes_text("hello"));
            full = self.wire.size;
            dx_buf_append_byte(&self.wire, 0);
            dx_buf_clear(&self.payload);
            int expected = size < overhead ? DX_E_MALFORMED : size == full ? DX_OK : DX_E_SIGNATURE;
            assert_int_equal(
                dx_noise_read(reader_of(&self, step), dx_bytes_of(self.wire.data, size), &self.payload),
                expected);
            if (expected != DX_OK) {
                assert_int_equal(self.payload.size, 0);
                expect_dead(&self, reader_of(&self, step));
            }
            pair_deinit(&self);
        }
    }
}

static void test_out_of_turn_changes_nothing(void **state) {
    (void)state;
    pair self;
    pair_init(&self, NULL, NULL, 3);
    for (int step = 0; step < DX_NOISE_MESSAGES; step++) {
        dx_buf_clear(&self.payload);
        assert_int_equal(dx_noise_write(reader_of(&self, step), dx_bytes_of(NULL, 0), &self.payload),
                         DX_E_STATE);
        assert_int_equal(dx_noise_read(writer_of(&self, step), dx_bytes_text("x"), &self.payload),
                         DX_E_STATE);
        assert_int_equal(self.payload.size, 0);
        pair_write(&self, step, dx_bytes_of(NULL, 0));
        assert_int_equal(dx_noise_read(reader_of(&self, step), dx_buf_view(&self.wire), &self.payload),
                         DX_OK);
    }
    assert_true(dx_noise_complete(&self.initiator) && dx_noise_complete(&self.responder));
    assert_int_equal(dx_noise_overhead(&self.initiator), 0);
    assert_int_equal(dx_noise_write(&self.initiator, dx_bytes_of(NULL, 0), &self.payload), DX_E_STATE);
    assert_int_equal(dx_noise_write(&self.responder, dx_bytes_of(NULL, 0), &self.payload), DX_E_STATE);
    assert_int_equal(dx_noise_read(&self.responder, dx_bytes_text("x"), &self.payload), DX_E_STATE);
    pair_deinit(&self);
}

static void test_low_order_ephemeral_is_refused(void **state) {
    (void)state;
    pair self;
    uint8_t zeros[32] = {0};
    pair_init(&self, NULL, NULL, 3);
    assert_int_equal(dx_noise_read(&self.responder, dx_bytes_of(zeros, 32), &self.payload), DX_OK);
    assert_int_equal(dx_noise_write(&self.responder, dx_bytes_text("x"), &self.wire), DX_E_SIGNATURE);
    assert_int_equal(self.wire.size, 0);
    expect_dead(&self, &self.responder);
    pair_deinit(&self);
    uint8_t message[96] = {0};
    pair_init(&self, NULL, NULL, 3);
    pair_write(&self, 0, dx_bytes_of(NULL, 0));
    assert_int_equal(dx_noise_read(&self.initiator, dx_bytes_of(message, 96), &self.payload), DX_E_SIGNATURE);
    expect_dead(&self, &self.initiator);
    pair_deinit(&self);
}

static void test_limits_change_nothing(void **state) {
    (void)state;
    pair self;
    static uint8_t large[DX_NOISE_MESSAGE_MAX + 1];
    pair_init(&self, NULL, NULL, 3);
    size_t most = DX_NOISE_MESSAGE_MAX - dx_noise_overhead(&self.initiator);
    assert_int_equal(dx_noise_write(&self.initiator, dx_bytes_of(large, most + 1), &self.wire), DX_E_LIMIT);
    self.wire.max = 40;
    assert_int_equal(dx_noise_write(&self.initiator, dx_bytes_of(large, most), &self.wire), DX_E_LIMIT);
    self.wire.max = MESSAGE_ROOM;
    pair_write(&self, 0, dx_bytes_of(large, most));
    self.payload.max = 10;
    assert_int_equal(dx_noise_read(&self.responder, dx_buf_view(&self.wire), &self.payload), DX_E_LIMIT);
    dx_buf_clear(&self.payload);
    self.payload.max = MESSAGE_ROOM;
    assert_int_equal(dx_noise_read(&self.responder, dx_buf_view(&self.wire), &self.payload), DX_OK);
    assert_int_equal(self.payload.size, most);
    pair_deinit(&self);
    pair_init(&self, NULL, NULL, 3);
    assert_int_equal(dx_noise_read(&self.responder, dx_bytes_of(large, sizeof large), &self.payload),
                     DX_E_MALFORMED);
    expect_dead(&self, &self.responder);
    pair_deinit(&self);
}

static void test_no_memory_changes_nothing(void **state) {
    (void)state;
    for (int step = 0; step < DX_NOISE_MESSAGES; step++) {
        pair self;
        pair_init(&self, psk_a, psk_a, 3);
        pair_advance(&self, step);
        dx_buf_deinit(&self.wire);
        dx_buf_deinit(&self.payload);
        dx_buf_init(&self.wire, &self.alloc.port, MESSAGE_ROOM);
        dx_buf_init(&self.payload, &self.alloc.port, MESSAGE_ROOM);
        self.alloc.fail_at = self.alloc.calls + 1;
        assert_int_equal(dx_noise_write(writer_of(&self, step), dx_bytes_text("hello"), &self.wire),
                         DX_E_NO_MEMORY);
        pair_write(&self, step, dx_bytes_text("hello"));
        self.alloc.fail_at = self.alloc.calls + 1;
        assert_int_equal(dx_noise_read(reader_of(&self, step), dx_buf_view(&self.wire), &self.payload),
                         DX_E_NO_MEMORY);
        dx_buf_clear(&self.payload);
        assert_int_equal(dx_noise_read(reader_of(&self, step), dx_buf_view(&self.wire), &self.payload),
                         DX_OK);
        pair_deinit(&self);
    }
}

/* --- Transport ----------------------------------------------------------------------------------- */

static void make_ciphers(dx_noise_cipher sending[2], dx_noise_cipher receiving[2]) {
    pair self;
    pair_init(&self, psk_a, psk_a, 3);
    pair_advance(&self, DX_NOISE_MESSAGES);
    dx_noise_split(&self.initiator, &sending[0], &receiving[0]);
    dx_noise_split(&self.responder, &sending[1], &receiving[1]);
    pair_deinit(&self);
}

static int send_number(dx_noise_cipher *sending, uint8_t number, uint8_t out[17]) {
    return dx_noise_encrypt(sending, dx_bytes_of(NULL, 0), dx_bytes_of(&number, 1), out);
}

static int receive_number(dx_noise_cipher *receiving, const uint8_t sealed[17], uint8_t *number) {
    return dx_noise_decrypt(receiving, dx_bytes_of(NULL, 0), dx_bytes_of(sealed, 17), number);
}

static void test_transport_order(void **state) {
    (void)state;
    dx_noise_cipher sending[2], receiving[2];
    uint8_t sealed[3][17], number = 0;
    make_ciphers(sending, receiving);
    for (uint8_t i = 0; i < 3; i++) {
        assert_int_equal(send_number(&sending[0], i, sealed[i]), DX_OK);
    }
    assert_int_equal(receive_number(&receiving[1], sealed[1], &number), DX_E_SIGNATURE); /* early */
    assert_int_equal(receive_number(&receiving[1], sealed[0], &number), DX_OK);
    assert_int_equal(receive_number(&receiving[1], sealed[0], &number), DX_E_SIGNATURE); /* again */
    assert_int_equal(receive_number(&receiving[0], sealed[1], &number), DX_E_SIGNATURE); /* reflected */
    assert_int_equal(receive_number(&receiving[1], sealed[1], &number), DX_OK);
    assert_int_equal(number, 1);
    assert_int_equal(
        dx_noise_decrypt(&receiving[1], dx_bytes_text("ad"), dx_bytes_of(sealed[2], 17), &number),
        DX_E_SIGNATURE);
    assert_int_equal(receive_number(&receiving[1], sealed[2], &number), DX_OK);
    for (size_t size = 0; size < DX_NOISE_TAG_SIZE; size++) {
        assert_int_equal(
            dx_noise_decrypt(&receiving[1], dx_bytes_of(NULL, 0), dx_bytes_of(sealed[0], size), &number),
            DX_E_MALFORMED);
    }
}

static void test_rekey(void **state) {
    (void)state;
    dx_noise_cipher sending[2], receiving[2], before;
    uint8_t sealed[17], number = 0, zeros[32] = {0}, nonce[12], expected[48];
    make_ciphers(sending, receiving);
    assert_int_equal(send_number(&sending[0], 1, sealed), DX_OK);
    assert_int_equal(receive_number(&receiving[1], sealed, &number), DX_OK);
    before = sending[0];
    dx_noise_rekey(&sending[0]);
    memset(nonce, 0, 4);
    memset(nonce + 4, 0xff, 8);
    crypto_aead_chacha20poly1305_ietf_encrypt(expected, NULL, zeros, 32, NULL, 0, NULL, nonce, before.key);
    assert_memory_equal(sending[0].key, expected, 32);
    assert_int_equal(sending[0].nonce, before.nonce);
    assert_int_equal(send_number(&sending[0], 2, sealed), DX_OK);
    assert_int_equal(receive_number(&receiving[1], sealed, &number), DX_E_SIGNATURE);
    dx_noise_rekey(&receiving[1]);
    assert_int_equal(receive_number(&receiving[1], sealed, &number), DX_OK);
    assert_int_equal(number, 2);
}

static void test_nonces_end(void **state) {
    (void)state;
    dx_noise_cipher sending[2], receiving[2];
    uint8_t sealed[17], number = 0;
    make_ciphers(sending, receiving);
    sending[0].nonce = receiving[1].nonce = UINT64_MAX - 1;
    assert_int_equal(send_number(&sending[0], 1, sealed), DX_OK);
    assert_int_equal(receive_number(&receiving[1], sealed, &number), DX_OK);
    assert_int_equal(send_number(&sending[0], 1, sealed), DX_E_LIMIT);
    assert_int_equal(receive_number(&receiving[1], sealed, &number), DX_E_LIMIT);
}

static void test_secrets_are_wiped(void **state) {
    (void)state;
    pair self;
    uint8_t zeros[sizeof(dx_noise)] = {0};
    dx_noise_cipher sending, receiving;
    pair_init(&self, psk_a, psk_a, 3);
    pair_advance(&self, DX_NOISE_MESSAGES);
    dx_noise_split(&self.initiator, &sending, &receiving);
    assert_memory_equal(self.initiator.chaining, zeros, DX_NOISE_HASH_SIZE);
    assert_memory_equal(&self.initiator.cipher, zeros, sizeof self.initiator.cipher);
    assert_memory_equal(self.initiator.static_secret, zeros, DX_KEY_SIZE);
    assert_memory_equal(self.initiator.ephemeral_secret, zeros, DX_KEY_SIZE);
    assert_memory_equal(self.initiator.psk, zeros, DX_KEY_SIZE);
    assert_memory_equal(self.initiator.hash, self.responder.hash, DX_NOISE_HASH_SIZE);
    dx_noise_cipher_deinit(&sending);
    assert_memory_equal(&sending, zeros, sizeof sending);
    dx_noise_deinit(&self.initiator);
    assert_memory_equal(&self.initiator, zeros, sizeof self.initiator);
    pair_deinit(&self);
}

DX_TEST_MAIN(DX_TEST(test_cacophony_xx), DX_TEST(test_psk0_equals_the_naive_writing),
             DX_TEST(test_wrong_psk_or_prologue_fails_at_the_first_message),
             DX_TEST(test_any_flipped_bit_fails), DX_TEST(test_any_other_length_fails),
             DX_TEST(test_out_of_turn_changes_nothing), DX_TEST(test_low_order_ephemeral_is_refused),
             DX_TEST(test_limits_change_nothing), DX_TEST(test_no_memory_changes_nothing),
             DX_TEST(test_transport_order), DX_TEST(test_rekey), DX_TEST(test_nonces_end),
             DX_TEST(test_secrets_are_wiped))
