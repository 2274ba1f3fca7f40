/* test_cpace.c: CPace against the draft's figures (cfrg/draft-irtf-cfrg-cpace, testvectors.json,
 * G_Coffee25519 and G_Coffee25519_points: the ristretto255 suite under the group's former name). */
#include "crypto/cpace.h"
#include "test.h"

static void from_hex(const char *text, uint8_t *out, size_t size) {
    assert_int_equal(dx_hex_decode(text, strlen(text), out, size), DX_OK);
}

typedef struct run {
    dx_cpace initiator, responder;
    uint8_t isk_initiator[DX_CPACE_ISK_SIZE], isk_responder[DX_CPACE_ISK_SIZE];
} run;

static void run_init(run *self, const char *password_initiator, const char *password_responder,
                     const char *ci, const char *sid_responder) {
    uint8_t seed[64];
    memset(seed, 0x11, sizeof seed);
    assert_int_equal(dx_cpace_init(&self->initiator, true, dx_bytes_text(password_initiator),
                                   dx_bytes_text("ci"), dx_bytes_text("sid"), seed),
                     DX_OK);
    memset(seed, 0x22, sizeof seed);
    assert_int_equal(dx_cpace_init(&self->responder, false, dx_bytes_text(password_responder),
                                   dx_bytes_text(ci), dx_bytes_text(sid_responder), seed),
                     DX_OK);
}

static void run_finish(run *self, const char *ad_responder) {
    assert_int_equal(dx_cpace_finish(&self->initiator, self->responder.share, dx_bytes_text("A"),
                                     dx_bytes_text("B"), self->isk_initiator),
                     DX_OK);
    assert_int_equal(dx_cpace_finish(&self->responder, self->initiator.share, dx_bytes_text("A"),
                                     dx_bytes_text(ad_responder), self->isk_responder),
                     DX_OK);
}

static void test_draft_figures(void **state) {
    (void)state;
    uint8_t ci[24], sid[16], seed[64] = {0}, expected[64], isk[64];
    dx_cpace initiator, responder;
    from_hex("0B415F696E69746961746F720B425F726573706F6E646572", ci, sizeof ci);
    from_hex("7E4B4791D6A8EF019B936C79FB7F2C57", sid, sizeof sid);
    /* The draft gives the scalars themselves; they are below the group's order, so reducing keeps them. */
    from_hex("DA3D23700A9E5699258AEF94DC060DFDA5EBB61F02A5EA77FAD53F4FF0976D08", seed, 32);
    assert_int_equal(dx_cpace_init(&initiator, true, dx_bytes_text("Password"), dx_bytes_of(ci, sizeof ci),
                                   dx_bytes_of(sid, sizeof sid), seed),
                     DX_OK);
    from_hex("D2316B454718C35362D83D69DF6320F38578ED5984651435E2949762D900B80D", seed, 32);
    assert_int_equal(dx_cpace_init(&responder, false, dx_bytes_text("Password"), dx_bytes_of(ci, sizeof ci),
                                   dx_bytes_of(sid, sizeof sid), seed),
                     DX_OK);
    from_hex("D6BAC480F2C386C394EFC7C47ADB9925DCD2630B64F240C50F8D0EEC482B9157", expected, 32);
    assert_memory_equal(initiator.share, expected, 32);
    from_hex("3EA7E0B19560D7C0B0F5734F63B955286DFA8232B5EBE63324E2D9E7433F7258", expected, 32);
    assert_memory_equal(responder.share, expected, 32);
    from_hex("B69EFFBF61B51D56401C0F65601ABE428DE8206FEAAF0E32198896DCAE7B35CD"
             "2B38950A39DFD5D4A79164614C2984F7DAA460B588C1E80C3FA2068AF7900447",
             expected, 64);
    assert_int_equal(
        dx_cpace_finish(&initiator, responder.share, dx_bytes_text("ADa"), dx_bytes_text("ADb"), isk), DX_OK);
    assert_memory_equal(isk, expected, 64);
    assert_int_equal(
        dx_cpace_finish(&responder, initiator.share, dx_bytes_text("ADa"), dx_bytes_text("ADb"), isk), DX_OK);
    assert_memory_equal(isk, expected, 64);
}

static void test_invalid_points(void **state) {
    (void)state;
    static const char *const points[] = {
        "2B3C6B8C4F3800E7AEF6864025B4ED79BD599117E427C41BD47D93D654B4A51C", /* Invalid Y1 */
        "0000000000000000000000000000000000000000000000000000000000000000", /* Invalid Y2 */
        "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF7F",
    };
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        run self;
        uint8_t point[32], zeros[64] = {0};
        from_hex(points[i], point, 32);
        run_init(&self, "123456", "123456", "ci", "sid");
        assert_int_equal(dx_cpace_finish(&self.initiator, point, dx_bytes_of(NULL, 0), dx_bytes_of(NULL, 0),
                                         self.isk_initiator),
                         DX_E_SIGNATURE);
        assert_memory_equal(self.isk_initiator, zeros, 64);
        assert_memory_equal(self.initiator.scalar, zeros, 32);
    }
}

/* generator_string at both sides of its edges: a password longer than the block leaves no padding, and
 * lengths of 128 and more take two bytes. Against a plain writing of the draft's formula. */
static size_t write_part(uint8_t *out, const uint8_t *part, size_t size) {
    size_t at = 0;
    if (size >= 128) {
        out[at++] = (uint8_t)(0x80 | (size & 0x7f));
        out[at++] = (uint8_t)(size >> 7);
    } else {
        out[at++] = (uint8_t)size;
    }
    memcpy(out + at, part, size);
    return at + size;
}

static void test_every_password_length(void **state) {
    (void)state;
    static uint8_t password[300], zeros[128];
    memset(password, 'p', sizeof password);
    for (size_t size = 0; size <= sizeof password; size++) {
        uint8_t text[1024], digest[64], generator[32], share[32], scalar[32] = {5}, seed[64] = {5};
        size_t used = 1 + (size < 128 ? 1u : 2u) + size + 1 + 17, at = 0;
        dx_cpace cpace;
        at += write_part(text + at, (const uint8_t *)"CPaceRistretto255", 17);
        at += write_part(text + at, password, size);
        at += write_part(text + at, zeros, used < 128 ? 128 - used : 0);
        at += write_part(text + at, password, 200);
        at += write_part(text + at, password, 64);
        crypto_hash_sha512(digest, text, at);
        crypto_core_ristretto255_from_hash(generator, digest);
        assert_int_equal(crypto_scalarmult_ristretto255(share, scalar, generator), 0);
        assert_int_equal(dx_cpace_init(&cpace, true, dx_bytes_of(password, size), dx_bytes_of(password, 200),
                                       dx_bytes_of(password, 64), seed),
                         DX_OK);
        assert_memory_equal(cpace.share, share, 32);
    }
}

static void expect_agreement(run *self, bool agree) {
    uint8_t mac[4][DX_CPACE_CONFIRM_SIZE];
    dx_cpace_confirm(self->isk_initiator, true, dx_bytes_text("t"), mac[0]);
    dx_cpace_confirm(self->isk_responder, true, dx_bytes_text("t"), mac[1]);
    dx_cpace_confirm(self->isk_initiator, false, dx_bytes_text("t"), mac[2]);
    dx_cpace_confirm(self->isk_responder, false, dx_bytes_text("t"), mac[3]);
    assert_int_equal(dx_secret_equal(self->isk_initiator, self->isk_responder, 64), agree);
    assert_int_equal(dx_secret_equal(mac[0], mac[1], 32), agree);
    assert_int_equal(dx_secret_equal(mac[2], mac[3], 32), agree);
    assert_false(dx_secret_equal(mac[0], mac[2], 32)); /* cannot be sent back to its author */
    dx_cpace_confirm(self->isk_responder, true, dx_bytes_text("u"), mac[1]);
    assert_false(dx_secret_equal(mac[0], mac[1], 32));
}

static void test_agreement_needs_everything_alike(void **state) {
    (void)state;
    run self;
    run_init(&self, "123456", "123456", "ci", "sid");
    run_finish(&self, "B");
    expect_agreement(&self, true);
    run_init(&self, "123456", "123457", "ci", "sid");
    run_finish(&self, "B");
    expect_agreement(&self, false);
    run_init(&self, "123456", "", "ci", "sid");
    run_finish(&self, "B");
    expect_agreement(&self, false);
    run_init(&self, "123456", "123456", "cj", "sid");
    run_finish(&self, "B");
    expect_agreement(&self, false);
    run_init(&self, "123456", "123456", "ci", "sie");
    run_finish(&self, "B");
    expect_agreement(&self, false);
    run_init(&self, "123456", "123456", "ci", "sid");
    run_finish(&self, "C");
    expect_agreement(&self, false);
}

static void test_one_run_one_guess(void **state) {
    (void)state;
    run self;
    uint8_t zeros[64] = {0};
    run_init(&self, "123456", "123456", "ci", "sid");
    run_finish(&self, "B");
    assert_int_equal(dx_cpace_finish(&self.initiator, self.responder.share, dx_bytes_text("A"),
                                     dx_bytes_text("B"), self.isk_initiator),
                     DX_E_STATE);
    assert_memory_equal(self.isk_initiator, zeros, 64);
    assert_memory_equal(self.initiator.scalar, zeros, 32);
}

static void test_bad_arguments(void **state) {
    (void)state;
    dx_cpace cpace;
    uint8_t seed[64] = {0}, sid[DX_CPACE_SID_MAX + 1] = {0}, zeros[sizeof cpace] = {0};
    assert_int_equal(
        dx_cpace_init(&cpace, true, dx_bytes_text("p"), dx_bytes_of(NULL, 0), dx_bytes_of(NULL, 0), seed),
        DX_E_INVALID); /* a zero scalar */
    seed[0] = 1;
    assert_int_equal(dx_cpace_init(&cpace, true, dx_bytes_text("p"), dx_bytes_of(NULL, 0),
                                   dx_bytes_of(sid, sizeof sid), seed),
                     DX_E_INVALID);
    assert_int_equal(
        dx_cpace_init(&cpace, true, dx_bytes_text("p"), dx_bytes_of(NULL, 0), dx_bytes_of(sid, 64), seed),
        DX_OK);
    dx_cpace_deinit(&cpace);
    assert_memory_equal(&cpace, zeros, sizeof cpace);
}

DX_TEST_MAIN(DX_TEST(test_draft_figures), DX_TEST(test_invalid_points), DX_TEST(test_every_password_length),
             DX_TEST(test_agreement_needs_everything_alike), DX_TEST(test_one_run_one_guess),
             DX_TEST(test_bad_arguments))
