/* mesh/peer_signal.c: what is read of a transport's description, and what is refused. */
#include "mesh/peer_signal.h"

#include <dxos/codec.h>

#include "base/limits.h"
#include "test.h"

#define DIGEST                                                                                               \
    "00:01:02:03:04:05:06:07:08:09:0a:0B:0c:0d:0e:0f:10:11:12:13:14:15:16:17:18:19:1a:1b:1c:1d:1e:FF"

static int read_map(const char *first, const char *first_value, const char *second, const char *second_value,
                    dx_peer_signal *out) {
    test_alloc alloc;
    dx_buf item;
    dx_map_builder map;
    dx_writer writer;
    test_alloc_init(&alloc);
    dx_buf_init(&item, &alloc.port, 4 * DX_SIGNAL_SIZE_MAX);
    dx_writer_init(&writer, &item);
    dx_map_builder_init(&map, &alloc.port, 4 * DX_SIGNAL_SIZE_MAX);
    dx_write_text(dx_map_builder_key(&map, first), first_value);
    if (second != NULL) {
        dx_write_text(dx_map_builder_key(&map, second), second_value);
    }
    dx_map_builder_finish(&map, &writer);
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    int error = dx_peer_signal_read(dx_buf_view(&item), out);
    out->text = dx_bytes_of(NULL, 0); /* it points into the item */
    dx_buf_deinit(&item);
    assert_int_equal(alloc.live_bytes, 0);
    return error;
}

static int describe(const char *sdp, dx_peer_signal *out) {
    return read_map("type", "offer", "sdp", sdp, out);
}

static void test_a_description(void **state) {
    dx_peer_signal out;
    (void)state;
    assert_int_equal(
        describe("v=0\r\na=setup:actpass\r\na=fingerprint:sha-256 " DIGEST "\r\na=mid:0\r\n", &out), DX_OK);
    assert_int_equal(out.kind, DX_PEER_SIGNAL_OFFER);
    for (size_t i = 0; i < 31; i++) {
        assert_int_equal(out.fingerprint[i], i);
    }
    assert_int_equal(out.fingerprint[31], 0xff);
    assert_int_equal(describe("a=fingerprint:SHA-256 " DIGEST, &out), DX_OK); /* no end of line, other case */
    assert_int_equal(read_map("type", "answer", "sdp", "a=fingerprint:sha-256 " DIGEST "\n", &out), DX_OK);
    assert_int_equal(out.kind, DX_PEER_SIGNAL_ANSWER);
    assert_int_equal(read_map("candidate", "", NULL, NULL, &out), DX_OK);
    assert_int_equal(out.kind, DX_PEER_SIGNAL_CANDIDATE);
}

static void test_one_fingerprint_and_no_other(void **state) {
    dx_peer_signal out;
    (void)state;
    assert_int_equal(describe("v=0\r\n", &out), DX_E_MALFORMED);
    assert_int_equal(describe("", &out), DX_E_MALFORMED);
    assert_int_equal(
        describe("a=fingerprint:sha-256 " DIGEST "\r\na=fingerprint:sha-256 " DIGEST "\r\n", &out),
        DX_E_MALFORMED);
    assert_int_equal(describe("a=fingerprint:sha-256 " DIGEST "\r\na=fingerprint:sha-1 00:01\r\n", &out),
                     DX_E_MALFORMED);
    assert_int_equal(describe("a=fingerprint:sha-256 " DIGEST ":00\r\n", &out), DX_E_MALFORMED);
    /* what is no line of its own here may be one to a browser */
    assert_int_equal(
        describe("a=x:y\ra=fingerprint:sha-256 " DIGEST "\r\na=fingerprint:sha-256 " DIGEST "\r\n", &out),
        DX_E_MALFORMED);
    assert_int_equal(
        describe("a=fingerprint:sha-256 " DIGEST "\r\na=Fingerprint:sha-256 " DIGEST "\r\n", &out),
        DX_E_MALFORMED);
    assert_int_equal(describe("a=fingerprint:sha-256 " DIGEST "\r\n a= fingerprint:sha-1 00\r\n", &out),
                     DX_E_MALFORMED);
    assert_int_equal(describe("a=fingerprint:sha-256 00:01\r\n", &out), DX_E_MALFORMED);
    assert_int_equal(describe("a=fingerprint:sha-256\r\n", &out), DX_E_MALFORMED);
    char digest[] = "a=fingerprint:sha-256 " DIGEST;
    digest[sizeof digest - 4] = '-';
    assert_int_equal(describe(digest, &out), DX_E_MALFORMED);
    digest[sizeof digest - 4] = ':';
    digest[sizeof digest - 2] = 'g';
    assert_int_equal(describe(digest, &out), DX_E_MALFORMED);
}

static void test_other_maps(void **state) {
    static const uint8_t array[] = {0x80},
                         number[] = {0xa1, 0x69, 'c', 'a', 'n', 'd', 'i', 'd', 'a', 't', 'e', 0x01};
    static char large[DX_SIGNAL_SIZE_MAX];
    dx_peer_signal out;
    (void)state;
    assert_int_equal(read_map("candidate", "x", "sdp", "y", &out), DX_E_MALFORMED);
    assert_int_equal(read_map("type", "rollback", "sdp", "a=fingerprint:sha-256 " DIGEST, &out),
                     DX_E_MALFORMED);
    assert_int_equal(read_map("type", "offer", NULL, NULL, &out), DX_E_MALFORMED);
    assert_int_equal(dx_peer_signal_read(dx_bytes_of(array, 1), &out), DX_E_MALFORMED);
    assert_int_equal(dx_peer_signal_read(dx_bytes_of(number, sizeof number), &out), DX_E_MALFORMED);
    assert_int_equal(dx_peer_signal_read(dx_bytes_of(NULL, 0), &out), DX_E_MALFORMED);
    memset(large, 'x', sizeof large - 1);
    assert_int_equal(read_map("candidate", large, NULL, NULL, &out), DX_E_MALFORMED);
}

DX_TEST_MAIN(DX_TEST(test_a_description), DX_TEST(test_one_fingerprint_and_no_other),
             DX_TEST(test_other_maps))
