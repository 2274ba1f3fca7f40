/* tests/unit/store/test_page_seal.c: pages and frames sealed one by one. */
#include "store/page_cipher.h"
#include "store/page_seal.h"

#include "test.h"

#include <sodium.h>

static const uint8_t key[DX_PAGE_KEY_SIZE] = {7, 7, 7};
static const uint8_t nonce[DX_PAGE_NONCE_SIZE] = {1, 2, 3};

static void fill_unit(dx_unit_kind kind, uint8_t *unit) {
    size_t text_size = dx_unit_size(kind) - DX_PAGE_RESERVED_SIZE;
    memset(unit, 0, dx_unit_size(kind));
    for (size_t i = 0; i < text_size; i++) {
        unit[i] = (uint8_t)(i * 31 + 5);
    }
}

static void test_units_open_in_their_place_only(void **state) {
    (void)state;
    static const dx_unit_kind kinds[] = {DX_UNIT_PAGE, DX_UNIT_FRAME};
    for (size_t k = 0; k < 2; k++) {
        uint8_t plain[DX_FRAME_SIZE], sealed[DX_FRAME_SIZE], unit[DX_FRAME_SIZE];
        size_t size = dx_unit_size(kinds[k]);
        fill_unit(kinds[k], plain);
        memcpy(sealed, plain, size);
        dx_unit_seal(key, kinds[k], 9, nonce, sealed);
        assert_memory_not_equal(sealed, plain, 64);
        assert_memory_equal(sealed + size - DX_PAGE_RESERVED_SIZE, nonce,
                            k == 0 ? DX_PAGE_NONCE_SIZE : DX_FRAME_RANDOM_SIZE + DX_FRAME_GROUP_SIZE);

        memcpy(unit, sealed, size);
        assert_true(dx_unit_open(key, kinds[k], 9, unit));
        assert_memory_equal(unit, plain, size);

        static const uint8_t zeros[DX_FRAME_SIZE];
        memcpy(unit, sealed, size);
        assert_false(dx_unit_open(key, kinds[k], 10, unit));
        assert_memory_equal(unit, zeros, size);
        uint8_t other_key[DX_PAGE_KEY_SIZE] = {7, 7, 8};
        memcpy(unit, sealed, size);
        assert_false(dx_unit_open(other_key, kinds[k], 9, unit));
        memset(unit, 0, size); /* a page never written is not a page of zeros */
        assert_false(dx_unit_open(key, kinds[k], 9, unit));
    }
    uint8_t page[DX_FRAME_SIZE];
    fill_unit(DX_UNIT_PAGE, page);
    dx_unit_seal(key, DX_UNIT_PAGE, 9, nonce, page);
    assert_false(dx_unit_open(key, DX_UNIT_FRAME, 9, page));
}

/* A frame's text is its header and its page: neither page number nor checksum can be read. */
static void test_frame_headers_are_sealed(void **state) {
    (void)state;
    uint8_t frame[DX_FRAME_SIZE], header[DX_FRAME_HEADER_SIZE];
    fill_unit(DX_UNIT_FRAME, frame);
    memcpy(header, frame, sizeof header);
    dx_unit_seal(key, DX_UNIT_FRAME, 1, nonce, frame);
    for (size_t at = 0; at + 4 <= sizeof header; at += 4) {
        assert_memory_not_equal(frame + at, header + at, 4);
    }
}

static void test_the_first_page_names_the_format(void **state) {
    (void)state;
    uint8_t page[DX_PAGE_SIZE], plain[DX_PAGE_SIZE];
    dx_page_write_empty(plain);
    memcpy(page, plain, sizeof page);
    assert_memory_equal(page, "SQLite format 3", 16);
    assert_false(dx_page_is_named(page));
    dx_unit_seal(key, DX_UNIT_PAGE, 1, nonce, page);
    assert_true(dx_page_is_named(page));
    assert_memory_equal(page, "DXOS vault/1", 12);
    assert_true(dx_unit_open(key, DX_UNIT_PAGE, 1, page));
    assert_memory_equal(page, plain, sizeof page);
    dx_unit_seal(key, DX_UNIT_PAGE, 1, nonce, page);
    page[3] ^= 1;
    assert_false(dx_unit_open(key, DX_UNIT_PAGE, 1, page));
}

static void test_groups_are_written_and_read(void **state) {
    (void)state;
    uint8_t frame[DX_FRAME_SIZE], own_nonce[DX_PAGE_NONCE_SIZE];
    memcpy(own_nonce, nonce, sizeof own_nonce);
    fill_unit(DX_UNIT_FRAME, frame);
    dx_frame_write_group(own_nonce, 0x01020304);
    dx_unit_seal(key, DX_UNIT_FRAME, 5, own_nonce, frame);
    assert_int_equal(dx_frame_group(frame), 0x01020304);
    assert_true(dx_unit_open(key, DX_UNIT_FRAME, 5, frame));
}

/* The page in a frame is one of the database, and belongs to this frame. */
static void test_the_page_in_a_frame_is_a_page(void **state) {
    (void)state;
    enum { PAGE = 0x05240a };
    uint8_t frame[DX_FRAME_SIZE], other[DX_FRAME_SIZE], plain[DX_FRAME_SIZE], page[DX_PAGE_SIZE];
    static const uint8_t other_nonce[DX_PAGE_NONCE_SIZE] = {4};
    uint64_t number;
    fill_unit(DX_UNIT_FRAME, plain);
    memcpy(plain, (uint8_t[]){0, 5, 0x24, 10}, 4);
    memcpy(frame, plain, sizeof frame);
    memcpy(other, plain, sizeof other);
    dx_unit_seal(key, DX_UNIT_FRAME, 5, nonce, frame);
    dx_unit_seal(key, DX_UNIT_FRAME, 5, other_nonce, other);
    assert_true(dx_frame_page(key, 5, frame, &number));
    assert_int_equal(number, PAGE);
    assert_false(dx_frame_page(key, 6, frame, &number));
    memcpy(page, frame + DX_FRAME_HEADER_SIZE, sizeof page);
    assert_true(dx_unit_open(key, DX_UNIT_PAGE, PAGE, page));
    assert_memory_equal(page, plain + DX_FRAME_HEADER_SIZE, sizeof page);
    memcpy(other, frame, DX_FRAME_HEADER_SIZE); /* another writing's header before the same text */
    assert_false(dx_frame_page(key, 5, other, &number));
    assert_false(dx_unit_open(key, DX_UNIT_FRAME, 5, other));
}

/* The format stays what it is: the header of a frame by libsodium's words alone. */
static void test_headers_are_covered_as_written(void **state) {
    (void)state;
    uint8_t frame[DX_FRAME_SIZE], plain[DX_FRAME_SIZE], marked[52], mark[16], covered[40], mask[24];
    static const uint8_t place[16] = {'d', 'x', 'v', 'a', 'u', 'l', 't', 'w', 5};
    static const uint8_t words[2][16] = {"dxvault mark", "dxvault mask"};
    fill_unit(DX_UNIT_FRAME, plain);
    memcpy(frame, plain, sizeof frame);
    dx_unit_seal(key, DX_UNIT_FRAME, 5, nonce, frame);
    memcpy(marked, place, 16);
    memcpy(marked + 16, nonce, 12);
    memcpy(marked + 28, plain, 24);
    crypto_generichash_blake2b_salt_personal(mark, sizeof mark, marked, sizeof marked, key, sizeof key, NULL,
                                             words[0]);
    memcpy(covered, place, 16);
    memcpy(covered + 16, nonce, 12);
    memcpy(covered + 28, mark, 12);
    crypto_generichash_blake2b_salt_personal(mask, sizeof mask, covered, sizeof covered, key, sizeof key,
                                             NULL, words[1]);
    assert_memory_equal(frame + DX_FRAME_SIZE - DX_PAGE_RESERVED_SIZE, covered + 16, DX_PAGE_NONCE_SIZE);
    for (size_t i = 0; i < sizeof mask; i++) {
        assert_int_equal(frame[i], plain[i] ^ mask[i]);
    }
}

/* The format stays what it is: a page sealed by another implementation of XChaCha20-Poly1305 (libsodium's
 * combined form, with the place written out by hand) opens here. */
static void test_the_format_is_as_written(void **state) {
    (void)state;
    uint8_t place[16] = {'d', 'x', 'v', 'a', 'u', 'l', 't', 'p', 0x2a, 1};
    uint8_t text[DX_PAGE_SIZE - DX_PAGE_RESERVED_SIZE], joined[sizeof text + DX_PAGE_TAG_SIZE],
        page[DX_PAGE_SIZE];
    memset(text, 'x', sizeof text);
    crypto_aead_xchacha20poly1305_ietf_encrypt(joined, NULL, text, sizeof text, place, sizeof place, NULL,
                                               nonce, key);
    memcpy(page, joined, sizeof text);
    memcpy(page + sizeof text, nonce, DX_PAGE_NONCE_SIZE);
    memcpy(page + sizeof text + DX_PAGE_NONCE_SIZE, joined + sizeof text, DX_PAGE_TAG_SIZE);
    assert_true(dx_unit_open(key, DX_UNIT_PAGE, 0x12a, page));
    assert_memory_equal(page, text, sizeof text);
}

/* What was sealed as one before decision 0036 is told from all else: a log of such frames is not taken for what a crash left. */
static void test_old_frames_are_known(void **state) {
    (void)state;
    uint8_t frame[DX_FRAME_SIZE] = {0}, again[DX_FRAME_SIZE];
    dx_unit_seal(key, DX_UNIT_FRAME, 1, nonce, frame);
    memcpy(again, frame, sizeof frame);
    assert_false(dx_frame_is_old(key, 1, again));
    const size_t text_size = DX_FRAME_SIZE - DX_PAGE_RESERVED_SIZE;
    uint8_t place[DX_PAGE_PLACE_SIZE] = {'d', 'x', 'v', 'a', 'u', 'l', 't', DX_UNIT_FRAME, 1};
    memset(frame, 5, text_size);
    memcpy(frame + text_size, nonce, sizeof nonce);
    dx_page_encrypt(key, nonce, place, frame, text_size, frame + text_size + DX_PAGE_NONCE_SIZE);
    memcpy(again, frame, sizeof frame);
    assert_true(dx_frame_is_old(key, 1, again));
    memcpy(again, frame, sizeof frame);
    assert_false(dx_frame_is_old(key, 2, again));
    assert_false(dx_unit_open(key, DX_UNIT_FRAME, 1, frame));
}

DX_TEST_MAIN(DX_TEST(test_old_frames_are_known), DX_TEST(test_units_open_in_their_place_only),
             DX_TEST(test_frame_headers_are_sealed), DX_TEST(test_the_first_page_names_the_format),
             DX_TEST(test_groups_are_written_and_read), DX_TEST(test_the_page_in_a_frame_is_a_page),
             DX_TEST(test_headers_are_covered_as_written), DX_TEST(test_the_format_is_as_written))
