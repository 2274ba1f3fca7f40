/* tests/unit/codec/test_cbor_read.c: what the reader refuses, whole and by hand, and that a refusal sticks.
 *
 * What it accepts is compared with published vectors in test_cbor_vectors.c and by law in test_cbor_laws.c.
 */
#include "cbor_copy.h"
#include "test.h"

static dx_bytes unhex(const char *hex) {
    static uint8_t room[128];
    size_t size = strlen(hex) / 2;
    assert_true(size <= sizeof room);
    assert_int_equal(dx_hex_decode(hex, 2 * size, room, size), DX_OK);
    return dx_bytes_of(room, size);
}

static void assert_refused(const char *hex) {
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_buf copy;
    dx_buf_init(&copy, &alloc.port, 1000);
    if (dx_item_check(unhex(hex)) != DX_E_MALFORMED) {
        fail_msg("%s was taken for an item", hex);
    }
    if (copy_whole(unhex(hex), &copy)) {
        fail_msg("%s was read by hand", hex);
    }
    dx_buf_deinit(&copy);
}

static void test_refused_items(void **state) {
    (void)state;
    static const char *const rows[] = {
        "", /* nothing is no item */
        /* heads that are cut off, not the shortest, reserved */
        "18",
        "19",
        "1900",
        "1a000000",
        "1b00000000000000",
        "1817",
        "1800",
        "1900ff",
        "1a0000ffff",
        "1b00000000ffffffff",
        "3817",
        "3900ff",
        "5800",
        "580161",
        "7800",
        "9800",
        "9801f6",
        "b800",
        "d80100",
        "1c",
        "1d",
        "1e",
        "1f",
        "3f",
        "5f",
        "7f",
        "9f",
        "bf",
        "ff",
        "fc",
        "fd",
        "fe",
        /* beyond int64 */
        "1b8000000000000000",
        "3b8000000000000000",
        "3bffffffffffffffff",
        /* strings longer than what is there */
        "41",
        "61",
        "5affffffff",
        "5bffffffffffffffff",
        "7bffffffffffffffff",
        "4261",
        /* text that is not UTF-8: stray, cut off, overlong, surrogate, too large */
        "6180",
        "61ff",
        "61c3",
        "62c328",
        "62c080",
        "62c1bf",
        "63e08080",
        "63e09fbf",
        "63eda080",
        "63edbfbf",
        "64f0808080",
        "64f08fbfbf",
        "64f4908080",
        "64f5808080",
        "64f88080",
        "63e28228",
        "62e282",
        /* arrays and maps that miss items */
        "81",
        "8201",
        "a1",
        "a101",
        "a10101ff",
        "9affffffff",
        "9bffffffffffffffff",
        "bbffffffffffffffff",
        "bb7fffffffffffffff",
        "bb8000000000000000",
        /* keys: out of order, twice, of another kind */
        "a2616200616100",
        "a2616100616100",
        "a26261610061620000",
        "a20100000000",
        "a2200000f6",
        "a2616100010000",
        "a18001",
        "a1a001",
        "a1f500",
        "a1f600",
        "a1f93c0000",
        "a1410000",
        "a1c10001",
        /* doubles not in the shortest form, other NaNs, cut off */
        "f97e01",
        "f9fe00",
        "f97c01",
        "fa3fc00000",
        "fa00000000",
        "fa7f800000",
        "fa7fc00000",
        "fb3ff8000000000000",
        "fb0000000000000000",
        "fb7ff0000000000000",
        "fb7ff8000000000000",
        "fb47efffffe0000000",
        "f900",
        "fa000000",
        "fb00000000000000",
        /* tags: unknown, over the wrong kind, over nothing, over a tag */
        "c000",
        "c100",
        "c200",
        "c0",
        "c0f6",
        "c0f93c00",
        "c06161",
        "c0c100",
        "c080",
        /* times: empty, with an offset, needless decimals, a day that is none */
        "c060",
        "c07819313937302d30312d30315430303a30303a30302b30303a3030",
        "c07818313937302d30312d30315430303a30303a30302e3030305a",
        "c074323032332d30322d32395430303a30303a30305a",
        "d827",
        "d82700",
        "d8276161",
        "d827d82740",
        "d82780",
        "d9002740",
        "d8ff00",
        /* simple values outside of the profile */
        "e0",
        "f0",
        "f3",
        "f7",
        "f8",
        "f818",
        "f8ff",
        "f814",
        /* more than one item */
        "0000",
        "f6f6",
        "4000",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_refused(rows[i]);
    }
}

static void test_nesting(void **state) {
    (void)state;
    static const uint8_t openings[] = {0x81, 0xa1};
    for (int kind = 0; kind < 2; kind++) {
        test_alloc alloc;
        test_alloc_init(&alloc);
        for (int depth = DX_CODEC_DEPTH_MAX; depth <= DX_CODEC_DEPTH_MAX + 1; depth++) {
            dx_buf item, copy;
            dx_buf_init(&item, &alloc.port, 1000);
            dx_buf_init(&copy, &alloc.port, 1000);
            for (int i = 0; i < depth; i++) {
                dx_buf_append_byte(&item, openings[kind]);
                dx_buf_append(&item, "\0", (size_t)kind); /* the key */
            }
            dx_buf_append_byte(&item, 0);
            bool allowed = depth == DX_CODEC_DEPTH_MAX;
            assert_int_equal(dx_item_check(dx_buf_view(&item)), allowed ? DX_OK : DX_E_MALFORMED);
            assert_int_equal(copy_whole(dx_buf_view(&item), &copy), allowed);
            item.data[item.size - 1] = 0x80; /* an empty array counts as deep as a full one */
            assert_int_equal(dx_item_check(dx_buf_view(&item)), DX_E_MALFORMED);
            dx_buf_clear(&copy);
            assert_false(copy_whole(dx_buf_view(&item), &copy));
            dx_buf_deinit(&item);
            dx_buf_deinit(&copy);
        }
        assert_int_equal(alloc.live_bytes, 0);
    }
}

/* A million opening brackets cost nothing: they are refused at the limit. */
static void test_deep_garbage(void **state) {
    (void)state;
    enum { SIZE = 1000000 };
    uint8_t *garbage = malloc(SIZE);
    assert_non_null(garbage);
    static const uint8_t openings[] = {0x81, 0xa1, 0xc1, 0x9a};
    for (size_t i = 0; i < sizeof openings; i++) {
        memset(garbage, openings[i], SIZE);
        assert_int_equal(dx_item_check(dx_bytes_of(garbage, SIZE)), DX_E_MALFORMED);
        assert_int_equal(dx_item_get(dx_bytes_of(garbage, SIZE), "key").size, 0);
    }
    free(garbage);
}

/* An item inside a message starts counting its own nesting, so a value accepted once is accepted wherever it
 * is put. */
static void test_nesting_of_an_item_is_its_own(void **state) {
    (void)state;
    uint8_t message[2 + DX_CODEC_DEPTH_MAX];
    memset(message, 0x81, sizeof message);
    message[sizeof message - 1] = 0x80;
    assert_int_equal(dx_item_check(dx_bytes_of(message, sizeof message)), DX_E_MALFORMED);
    dx_reader reader;
    dx_reader_init(&reader, dx_bytes_of(message, sizeof message));
    assert_int_equal(dx_read_array(&reader), 1);
    assert_int_equal(dx_read_array(&reader), 1);
    assert_int_equal(dx_read_item(&reader).size, DX_CODEC_DEPTH_MAX);
    assert_int_equal(dx_reader_finish(&reader), DX_OK);
}

static void test_every_read_of_the_wrong_kind(void **state) {
    (void)state;
    static const char *const items[] = {
        "",   "00", "40",     "60", "80", "a0", "c074313937302d30312d30315430303a30303a30305a",
        "f5", "f6", "f93c00", "ff"};
    for (size_t i = 0; i < sizeof items / sizeof *items; i++) {
        dx_bytes item = unhex(items[i]);
        dx_reader reader;
        dx_reader_init(&reader, item);
        dx_kind kind = dx_reader_peek(&reader);
        for (int wanted = DX_KIND_INT; wanted <= DX_KIND_DOUBLE; wanted++) {
            dx_reader_init(&reader, item);
            switch ((dx_kind)wanted) {
            case DX_KIND_INT:
                assert_int_equal(dx_read_int(&reader), 0);
                break;
            case DX_KIND_BYTES:
                assert_int_equal(dx_read_bytes(&reader).size, 0);
                break;
            case DX_KIND_TEXT:
                assert_int_equal(dx_read_text(&reader).size, 0);
                break;
            case DX_KIND_ARRAY:
                assert_int_equal(dx_read_array(&reader), 0);
                break;
            case DX_KIND_MAP:
                assert_int_equal(dx_read_map(&reader), 0);
                break;
            case DX_KIND_TAG:
                assert_int_equal(dx_read_tag(&reader), kind == DX_KIND_TAG ? DX_TAG_TIMESTAMP : DX_TAG_NONE);
                break;
            case DX_KIND_BOOL:
                assert_int_equal(dx_read_bool(&reader), kind == DX_KIND_BOOL);
                break;
            case DX_KIND_NULL:
                dx_read_null(&reader);
                break;
            case DX_KIND_DOUBLE:
                assert_true(dx_read_double(&reader) == (kind == DX_KIND_DOUBLE ? 1.0 : 0.0));
                break;
            case DX_KIND_NONE:
                break;
            }
            assert_int_equal(reader.error, (int)kind == wanted ? DX_OK : DX_E_MALFORMED);
        }
    }
}

static void test_ranges_and_sizes(void **state) {
    (void)state;
    dx_reader reader;
    uint8_t out[4] = {1, 2, 3, 4};
    dx_reader_init(&reader, unhex("20"));
    assert_true(dx_read_uint(&reader) == 0);
    assert_int_equal(dx_reader_finish(&reader), DX_E_MALFORMED);
    dx_reader_init(&reader, unhex("0a0a"));
    assert_true(dx_read_uint_max(&reader, 10) == 10);
    assert_true(dx_read_uint_max(&reader, 9) == 0);
    assert_int_equal(dx_reader_finish(&reader), DX_E_MALFORMED);
    dx_reader_init(&reader, unhex("430a0b0c"));
    dx_read_bytes_exact(&reader, out, 4);
    assert_memory_equal(out, "\0\0\0\0", 4);
    assert_int_equal(dx_reader_finish(&reader), DX_E_MALFORMED);
    dx_reader_init(&reader, unhex("430a0b0c"));
    dx_read_bytes_exact(&reader, out, 3);
    assert_memory_equal(out, "\x0a\x0b\x0c", 3);
    assert_int_equal(dx_reader_finish(&reader), DX_OK);
    dx_reader_init(&reader, unhex("40"));
    dx_read_bytes_exact(&reader, NULL, 0);
    assert_int_equal(dx_reader_finish(&reader), DX_OK);
}

static void test_failure_sticks(void **state) {
    (void)state;
    dx_reader reader;
    dx_reader_init(&reader, unhex("0102"));
    assert_int_equal(dx_read_int(&reader), 1);
    dx_reader_fail(&reader);
    assert_int_equal(dx_reader_peek(&reader), DX_KIND_NONE);
    assert_int_equal(dx_read_int(&reader), 0);
    assert_int_equal(dx_read_item(&reader).size, 0);
    assert_int_equal(dx_reader_finish(&reader), DX_E_MALFORMED);
}

static void test_finish_wants_the_end(void **state) {
    (void)state;
    dx_reader reader;
    dx_reader_init(&reader, unhex("00"));
    assert_int_equal(dx_reader_finish(&reader), DX_E_MALFORMED); /* nothing was read */
    dx_reader_init(&reader, unhex("d8274101"));
    assert_int_equal(dx_read_tag(&reader), DX_TAG_REFERENCE);
    assert_int_equal(dx_reader_finish(&reader), DX_E_MALFORMED); /* of what? */
    dx_reader_init(&reader, unhex("d8274101"));
    assert_int_equal(dx_read_tag(&reader), DX_TAG_REFERENCE);
    assert_int_equal(dx_read_bytes(&reader).size, 1);
    assert_int_equal(dx_reader_finish(&reader), DX_OK);
    dx_reader_init(&reader, unhex("a10001"));
    assert_int_equal(dx_read_map(&reader), 1);
    assert_int_equal(dx_read_int(&reader), 0);
    assert_int_equal(dx_reader_finish(&reader), DX_E_MALFORMED); /* the value is left */
    dx_reader_init(&reader, dx_bytes_of(NULL, 0));
    assert_int_equal(dx_reader_peek(&reader), DX_KIND_NONE);
    assert_int_equal(dx_reader_finish(&reader), DX_OK); /* a sequence of no items */
}

/* A time is held to its one text by each way of reading it. */
static void test_times(void **state) {
    (void)state;
    dx_reader reader;
    const char *good = "c07818313937302d30312d30315430303a30303a30302e3530305a",
               *bad = "c076313937302d30312d30315430303a30303a30302e355a";
    dx_reader_init(&reader, unhex(good));
    assert_true(dx_read_timestamp(&reader) == 500000);
    assert_int_equal(dx_reader_finish(&reader), DX_OK);
    dx_reader_init(&reader, unhex(bad));
    assert_true(dx_read_timestamp(&reader) == 0);
    assert_int_equal(dx_reader_finish(&reader), DX_E_MALFORMED);
    dx_reader_init(&reader, unhex("d8274101")); /* a reference */
    (void)dx_read_timestamp(&reader);
    assert_int_equal(dx_reader_finish(&reader), DX_E_MALFORMED);
    for (int i = 0; i < 2; i++) {
        dx_reader_init(&reader, unhex(i == 0 ? good : bad));
        assert_int_equal(dx_read_tag(&reader), DX_TAG_TIMESTAMP);
        (void)dx_read_item(&reader);
        assert_int_equal(dx_reader_finish(&reader), i == 0 ? DX_OK : DX_E_MALFORMED);
    }
}

/* A decoder that loops over keys cannot be made to accept a second encoding. */
static void test_keys_by_hand(void **state) {
    (void)state;
    dx_reader reader;
    dx_reader_init(&reader, unhex("a2020001f6"));
    assert_int_equal(dx_read_map(&reader), 2);
    assert_int_equal(dx_read_int(&reader), 2);
    assert_int_equal(dx_read_int(&reader), 0);
    assert_int_equal(dx_read_int(&reader), 0);
    assert_int_equal(reader.error, DX_E_MALFORMED);
    dx_reader_init(&reader, unhex("a2616200616100"));
    assert_int_equal(dx_read_map(&reader), 2);
    (void)dx_read_text(&reader);
    (void)dx_read_int(&reader);
    assert_int_equal(dx_read_text(&reader).size, 0);
    assert_int_equal(reader.error, DX_E_MALFORMED);
    dx_reader_init(&reader, unhex("a2616200616100"));
    assert_int_equal(dx_read_map(&reader), 2);
    (void)dx_read_item(&reader);
    (void)dx_read_item(&reader);
    assert_int_equal(dx_read_item(&reader).size, 0);
    assert_int_equal(reader.error, DX_E_MALFORMED);
}

DX_TEST_MAIN(DX_TEST(test_times), DX_TEST(test_refused_items), DX_TEST(test_nesting),
             DX_TEST(test_deep_garbage), DX_TEST(test_nesting_of_an_item_is_its_own),
             DX_TEST(test_every_read_of_the_wrong_kind), DX_TEST(test_ranges_and_sizes),
             DX_TEST(test_failure_sticks), DX_TEST(test_finish_wants_the_end), DX_TEST(test_keys_by_hand))
