/* tests/unit/feed/test_head.c: feed/head.c: what a head's signature binds, and its one encoding. */
#include "test.h"

#include "feed/head.h"

static void make_identity(dx_feed_identity *out, dx_sign_key *key) {
    uint8_t seed[DX_KEY_SIZE] = {7};
    dx_sign_key_from_seed(key, seed);
    memset(out, 0, sizeof *out);
    memset(out->space_id, 1, sizeof out->space_id);
    memset(out->device, 2, sizeof out->device);
    memcpy(out->key, key->public_key, DX_KEY_SIZE);
    out->feed_class = DX_FEED_DATA;
}

static void test_feed_id_binds_all_parts(void **state) {
    (void)state;
    dx_feed_identity identity, other;
    dx_sign_key key;
    uint8_t id[DX_HASH_SIZE], other_id[DX_HASH_SIZE];
    make_identity(&identity, &key);
    dx_feed_id(&identity, id);
    for (int part = 0; part < 4; part++) {
        other = identity;
        other.space_id[31] ^= part == 0;
        other.device[31] ^= part == 1;
        other.key[31] ^= part == 2;
        other.feed_class = part == 3 ? DX_FEED_CONTROL : DX_FEED_DATA;
        dx_feed_id(&other, other_id);
        assert_memory_not_equal(id, other_id, DX_HASH_SIZE);
    }
    dx_feed_id(&identity, other_id);
    assert_memory_equal(id, other_id, DX_HASH_SIZE);
}

static void test_signature_binds_all_parts(void **state) {
    (void)state;
    dx_feed_identity identity;
    dx_sign_key key;
    uint8_t id[DX_HASH_SIZE];
    make_identity(&identity, &key);
    dx_feed_id(&identity, id);
    dx_head head = {.length = 300, .root = {3}};
    dx_head_sign(&head, &key, identity.space_id, id);
    assert_int_equal(dx_head_verify(&head, identity.space_id, id, identity.key), DX_OK);
    for (int part = 0; part < 5; part++) {
        dx_head changed = head;
        uint8_t space[DX_HASH_SIZE], feed[DX_HASH_SIZE];
        memcpy(space, identity.space_id, DX_HASH_SIZE);
        memcpy(feed, id, DX_HASH_SIZE);
        space[0] ^= part == 0;
        feed[0] ^= part == 1;
        changed.length += part == 2;
        changed.root[0] ^= part == 3;
        changed.signature[0] ^= part == 4;
        assert_int_equal(dx_head_verify(&changed, space, feed, identity.key), DX_E_SIGNATURE);
    }
    for (size_t i = 0; i < 2; i++) {
        dx_head out_of_range = {.length = i ? (uint64_t)DX_FEED_LENGTH_MAX + 1 : 0};
        assert_int_equal(dx_head_verify(&out_of_range, identity.space_id, id, identity.key), DX_E_SIGNATURE);
    }
}

static void test_encoding(void **state) {
    (void)state;
    test_alloc memory;
    test_alloc_init(&memory);
    dx_buf bytes;
    dx_buf_init(&bytes, &memory.port, 1024);
    dx_head head = {.length = DX_FEED_LENGTH_MAX, .root = {3}, .signature = {4}}, again;
    dx_writer writer;
    dx_writer_init(&writer, &bytes);
    dx_head_write(&head, &writer);
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    assert_int_equal(bytes.size, DX_HEAD_SIZE_MAX);
    dx_reader reader;
    dx_reader_init(&reader, dx_buf_view(&bytes));
    dx_head_read(&reader, &again);
    assert_int_equal(dx_reader_finish(&reader), DX_OK);
    assert_memory_equal(&head, &again, sizeof head);
    for (size_t size = 0; size < bytes.size; size++) {
        dx_reader_init(&reader, dx_bytes_of(bytes.data, size));
        dx_head_read(&reader, &again);
        assert_int_equal(dx_reader_finish(&reader), DX_E_MALFORMED);
        assert_int_equal(again.length, 0);
    }
    dx_buf_deinit(&bytes);
}

static int read_error(const uint8_t *bytes, size_t size) {
    dx_head head;
    dx_reader reader;
    dx_reader_init(&reader, dx_bytes_of(bytes, size));
    dx_head_read(&reader, &head);
    return dx_reader_finish(&reader);
}

static void test_bad_heads(void **state) {
    (void)state;
    uint8_t bytes[102] = {0x83, 1, 0x58, 32, [36] = 0x58, [37] = 64};
    assert_int_equal(read_error(bytes, sizeof bytes), DX_OK);
    bytes[1] = 0; /* no head covers nothing */
    assert_int_equal(read_error(bytes, sizeof bytes), DX_E_MALFORMED);
    bytes[1] = 0x20; /* nor less */
    assert_int_equal(read_error(bytes, sizeof bytes), DX_E_MALFORMED);
    bytes[1] = 1;
    bytes[0] = 0x84;
    assert_int_equal(read_error(bytes, sizeof bytes), DX_E_MALFORMED);
    static const uint8_t too_long[] = {0x83, 0x1a, 0x80, 0, 0, 0, 0x58, 32};
    uint8_t large[106] = {0};
    memcpy(large, too_long, sizeof too_long);
    large[40] = 0x58, large[41] = 64;
    assert_int_equal(read_error(large, sizeof large), DX_E_MALFORMED);
    large[2] = 0x7f;
    assert_int_equal(read_error(large, sizeof large), DX_OK);
}

DX_TEST_MAIN(DX_TEST(test_feed_id_binds_all_parts), DX_TEST(test_signature_binds_all_parts),
             DX_TEST(test_encoding), DX_TEST(test_bad_heads))
