/* tests/unit/codec/test_cbor_vectors.c: RFC 8949 appendix A, as far as the profile reaches.
 *
 * Each vector is read by the checker, read by hand, and written again; the ones outside of the profile
 * (bignums, other tags, undefined, simple values, indefinite lengths, wider encodings of a number) must be
 * refused. Source of the vectors: RFC 8949 appendix A, table 6. */
#include "cbor_copy.h"
#include "test.h"

#include <math.h>

static const struct {
    const char *hex;
    int64_t value;
} integers[] = {
    {"00", 0},
    {"01", 1},
    {"0a", 10},
    {"17", 23},
    {"1818", 24},
    {"1819", 25},
    {"1864", 100},
    {"1903e8", 1000},
    {"1a000f4240", 1000000},
    {"1b000000e8d4a51000", 1000000000000},
    {"20", -1},
    {"29", -10},
    {"3863", -100},
    {"3903e7", -1000},
    {"1b7fffffffffffffff", INT64_MAX}, /* the profile's own bounds, beside the RFC's */
    {"3b7fffffffffffffff", INT64_MIN},
};

static const struct {
    const char *hex;
    double value;
} doubles[] = {
    {"f90000", 0.0},
    {"f98000", -0.0},
    {"f93c00", 1.0},
    {"fb3ff199999999999a", 1.1},
    {"f93e00", 1.5},
    {"f97bff", 65504.0},
    {"fa47c35000", 100000.0},
    {"fa7f7fffff", 3.4028234663852886e+38},
    {"fb7e37e43c8800759c", 1.0e+300},
    {"f90001", 5.960464477539063e-8},
    {"f90400", 0.00006103515625},
    {"f9c400", -4.0},
    {"fbc010666666666666", -4.1},
    {"f97c00", INFINITY},
    {"f97e00", NAN},
    {"f9fc00", -INFINITY},
};

static const struct {
    const char *hex;
    const char *text;
} texts[] = {
    {"60", ""},
    {"6161", "a"},
    {"6449455446", "IETF"},
    {"62225c", "\"\\"},
    {"62c3bc", "\xc3\xbc"},
    {"63e6b0b4", "\xe6\xb0\xb4"},
    {"64f0908591", "\xf0\x90\x85\x91"},
};

static const char *const containers[] = {
    "40",
    "4401020304",
    "80",
    "83010203",
    "8301820203820405",
    "98190102030405060708090a0b0c0d0e0f101112131415161718181819",
    "a0",
    "a201020304",
    "a26161016162820203",
    "826161a161626163",
    "a56161614161626142616361436164614461656145",
    "c074323031332d30332d32315432303a30343a30305a",
    "f4",
    "f5",
    "f6",
};

static const char *const refused[] = {
    "1bffffffffffffffff",
    "c249010000000000000000",
    "3bffffffffffffffff",
    "c349010000000000000000",
    "fa7f800000",
    "fa7fc00000",
    "faff800000",
    "fb7ff0000000000000",
    "fb7ff8000000000000",
    "fbfff0000000000000",
    "f7",
    "f0",
    "f8ff",
    "c11a514b67b0",
    "c1fb41d452d9ec200000",
    "d74401020304",
    "d818456449455446",
    "d82076687474703a2f2f7777772e6578616d706c652e636f6d",
    "5f42010243030405ff",
    "7f657374726561646d696e67ff",
    "9fff",
    "9f018202039f0405ffff",
    "83018202039f0405ff",
    "bf61610161629f0203ffff",
    "bf6346756ef563416d7421ff",
};

static dx_bytes unhex(const char *hex, uint8_t out[static 64]) {
    size_t size = strlen(hex) / 2;
    assert_int_equal(dx_hex_decode(hex, 2 * size, out, size), DX_OK);
    return dx_bytes_of(out, size);
}

static void assert_written(dx_buf *out, dx_writer *writer, dx_bytes wanted) {
    assert_int_equal(dx_writer_finish(writer), DX_OK);
    assert_true(dx_bytes_equal(dx_buf_view(out), wanted));
    assert_int_equal(dx_item_check(wanted), DX_OK);
}

static void test_integers(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof integers / sizeof *integers; i++) {
        uint8_t room[64];
        dx_bytes item = unhex(integers[i].hex, room);
        dx_buf out;
        dx_writer writer;
        dx_buf_init(&out, &alloc.port, 64);
        dx_writer_init(&writer, &out);
        dx_write_int(&writer, integers[i].value);
        assert_written(&out, &writer, item);
        dx_reader reader;
        dx_reader_init(&reader, item);
        assert_true(dx_read_int(&reader) == integers[i].value);
        assert_int_equal(dx_reader_finish(&reader), DX_OK);
        dx_buf_deinit(&out);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_doubles(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof doubles / sizeof *doubles; i++) {
        uint8_t room[64];
        dx_bytes item = unhex(doubles[i].hex, room);
        dx_buf out;
        dx_writer writer;
        dx_buf_init(&out, &alloc.port, 64);
        dx_writer_init(&writer, &out);
        dx_write_double(&writer, doubles[i].value);
        assert_written(&out, &writer, item);
        dx_reader reader;
        dx_reader_init(&reader, item);
        double value = dx_read_double(&reader);
        if (isnan(doubles[i].value)) {
            assert_true(isnan(value));
        } else {
            assert_memory_equal(&value, &doubles[i].value, sizeof value);
        }
        assert_int_equal(dx_reader_finish(&reader), DX_OK);
        dx_buf_deinit(&out);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_texts(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint8_t room[64];
        dx_bytes item = unhex(texts[i].hex, room);
        dx_buf out;
        dx_writer writer;
        dx_buf_init(&out, &alloc.port, 64);
        dx_writer_init(&writer, &out);
        dx_write_text(&writer, texts[i].text);
        assert_written(&out, &writer, item);
        dx_reader reader;
        dx_reader_init(&reader, item);
        assert_true(dx_bytes_equal(dx_read_text(&reader), dx_bytes_text(texts[i].text)));
        assert_int_equal(dx_reader_finish(&reader), DX_OK);
        dx_buf_deinit(&out);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_containers(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof containers / sizeof *containers; i++) {
        uint8_t room[64];
        dx_bytes item = unhex(containers[i], room);
        dx_buf out;
        dx_buf_init(&out, &alloc.port, 64);
        assert_int_equal(dx_item_check(item), DX_OK);
        assert_true(copy_whole(item, &out));
        assert_true(dx_bytes_equal(dx_buf_view(&out), item));
        dx_buf_deinit(&out);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_outside_the_profile(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        uint8_t room[64];
        dx_bytes item = unhex(refused[i], room);
        assert_int_equal(dx_item_check(item), DX_E_MALFORMED);
        dx_reader reader;
        dx_reader_init(&reader, item);
        assert_int_equal(dx_read_item(&reader).size, 0);
        assert_int_equal(dx_reader_finish(&reader), DX_E_MALFORMED);
    }
}

DX_TEST_MAIN(DX_TEST(test_integers), DX_TEST(test_doubles), DX_TEST(test_texts), DX_TEST(test_containers),
             DX_TEST(test_outside_the_profile))
