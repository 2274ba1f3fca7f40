/* tests/unit/codec/test_base64url.c: the vectors of RFC 4648 §10 in the URL alphabet, every byte, and what is
 * refused. */
#include "test.h"

#include <dxos/codec.h>

static test_alloc alloc;

static void assert_pair(dx_bytes bytes, const char *text) {
    dx_buf out;
    test_alloc_init(&alloc);
    dx_buf_init(&out, &alloc.port, 10000);
    dx_base64url_encode(bytes, &out);
    assert_true(dx_bytes_equal(dx_buf_view(&out), dx_bytes_text(text)));
    dx_buf_clear(&out);
    assert_int_equal(dx_base64url_decode(dx_bytes_text(text), &out), DX_OK);
    assert_true(dx_bytes_equal(dx_buf_view(&out), bytes));
    dx_buf_deinit(&out);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_vectors(void **state) {
    (void)state;
    assert_pair(dx_bytes_text(""), "");
    assert_pair(dx_bytes_text("f"), "Zg");
    assert_pair(dx_bytes_text("fo"), "Zm8");
    assert_pair(dx_bytes_text("foo"), "Zm9v");
    assert_pair(dx_bytes_text("foob"), "Zm9vYg");
    assert_pair(dx_bytes_text("fooba"), "Zm9vYmE");
    assert_pair(dx_bytes_text("foobar"), "Zm9vYmFy");
    assert_pair(dx_bytes_of("\xfb\xff\xbf", 3), "-_-_");
}

/* One text per value: among all texts of two, three and four characters exactly the encodings are accepted.
 */
static void test_one_text_per_value(void **state) {
    (void)state;
    dx_buf out, again;
    test_alloc_init(&alloc);
    dx_buf_init(&out, &alloc.port, 100);
    dx_buf_init(&again, &alloc.port, 100);
    int accepted[4] = {0};
    for (unsigned first = 0; first < 256; first++) {
        for (unsigned second = 0; second < 256; second++) {
            uint8_t text[3] = {(uint8_t)first, (uint8_t)second, 'Q'};
            for (size_t size = 2; size <= 3; size++) {
                dx_buf_clear(&out);
                dx_buf_clear(&again);
                if (dx_base64url_decode(dx_bytes_of(text, size), &out) == DX_OK) {
                    dx_base64url_encode(dx_buf_view(&out), &again);
                    assert_true(dx_bytes_equal(dx_buf_view(&again), dx_bytes_of(text, size)));
                    accepted[size]++;
                } else {
                    assert_int_equal(out.size, 0);
                }
            }
        }
    }
    assert_int_equal(accepted[2], 256);
    assert_int_equal(accepted[3], 64 * 64);
    dx_buf_deinit(&out);
    dx_buf_deinit(&again);
}

static void test_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"A",    "AAAAA", "Zg==",   "Zg=", "Zh",      "Zm9",
                                        "Zm8 ", "+/+/",  "Zm9v\n", "Z",   "\xc3\xbc"};
    dx_buf out;
    test_alloc_init(&alloc);
    dx_buf_init(&out, &alloc.port, 100);
    dx_buf_append(&out, "kept", 4);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_int_equal(dx_base64url_decode(dx_bytes_text(texts[i]), &out), DX_E_INVALID);
        assert_int_equal(out.size, 4);
    }
    dx_buf_deinit(&out);
    dx_buf_init(&out, &alloc.port, 2);
    assert_int_equal(dx_base64url_decode(dx_bytes_text("AAAA"), &out), DX_E_LIMIT);
    dx_buf_clear(&out);
    dx_base64url_encode(dx_bytes_of("aa", 2), &out);
    assert_int_equal(dx_buf_error(&out), DX_E_LIMIT);
    dx_buf_deinit(&out);
    assert_int_equal(alloc.live_bytes, 0);
}

DX_TEST_MAIN(DX_TEST(test_vectors), DX_TEST(test_one_text_per_value), DX_TEST(test_refused))
