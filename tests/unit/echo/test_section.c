/* tests/unit/echo/test_section.c: the plaintext of a section: one encoding for each meaning, and nothing
 * else. */
#include "echo/section.h"

#include "test.h"

static const uint8_t own[DX_PREFIX_SIZE] = {0};

/* AQEB… is the feed prefix of sixteen bytes 1, AAAA… that of sixteen zeros: the own feed. */
#define OTHER "{\"@bytes\": \"AQEBAQEBAQEBAQEBAQEBAQ\"}"
#define OWN   "{\"@bytes\": \"AAAAAAAAAAAAAAAAAAAAAA\"}"

static void encode_json(test_alloc *alloc, const char *json, dx_buf *out) {
    char message[128];
    dx_writer writer;
    dx_buf_init(out, &alloc->port, 1 << 20);
    dx_writer_init(&writer, out);
    int error = dx_json_parse(dx_bytes_text(json), &writer, message, sizeof message);
    if (error != DX_OK) {
        fail_msg("%s: %s", json, message);
    }
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
}

static void test_accepted(void **state) {
    (void)state;
    static const char *const accepted[] = {
        "[null, [[0, 0, null, null, null, null, null]]]",
        "[null, [[0, 0, \"t\", \"m\", [7], null, null], [1, [{}, []]], [2]]]",
        "[null, [[0, 1, \"t\", null, null, [0], [1, 2]]]]",
        "[null, [[0, 1, null, null, null, [3, 4, " OTHER "], [65534]], [3]]]",
        "[[0, 0], [[1, 5]]]",
        "[[2147483647, 65534, " OTHER "], [[1, {\"a\": 1}], [3]]]",
        "[[1, 1], [[2]]]",
        "[[1, 1], [[4, null]]]",
        "[[1, 1], [[1, 5], [2], [4, [3, 4]]]]",
        "[[1, 1], [[3], [4, [3, 4, " OTHER "]]]]",
        "[[1, 1, " OTHER "], [[4, [65534]]]]",
    };
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof accepted / sizeof accepted[0]; i++) {
        dx_buf bytes, again;
        dx_section section;
        encode_json(&alloc, accepted[i], &bytes);
        dx_buf_init(&again, &alloc.port, 1 << 20);
        if (dx_section_decode(dx_buf_view(&bytes), own, &section) != DX_OK) {
            fail_msg("refused: %s", accepted[i]);
        }
        assert_int_equal(dx_section_encode(&section, &again), DX_OK);
        assert_true(dx_bytes_equal(dx_buf_view(&bytes), dx_buf_view(&again)));
        dx_buf_deinit(&bytes);
        dx_buf_deinit(&again);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_refused(void **state) {
    (void)state;
    static const char *const refused[] = {
        "1",
        "[]",
        "[null, []]",                                       /* nothing happens */
        "[null, [[2]]]",                                    /* a change of nothing */
        "[[0, 0], [[0, 0, null, null, null, null, null]]]", /* made elsewhere */
        "[[0], [[2]]]",                                     /* a place of this block as subject */
        "[[0, 0, " OWN "], [[2]]]",                         /* the own feed spelt out */
        "[[0, 0, {\"@bytes\": \"AQ\"}], [[2]]]",            /* no prefix */
        "[[2147483648, 0], [[2]]]",                         /* beyond a feed's length */
        "[[0, 65535], [[2]]]",                              /* beyond a block's sections */
        "[[-1, 0], [[2]]]",
        "[[0, 0], [[2], [3]]]",       /* both */
        "[[0, 0], [[2], [1, 0]]]",    /* out of order */
        "[[0, 0], [[1, 0], [1, 0]]]", /* twice */
        "[[0, 0], [[1]]]",
        "[[0, 0], [[1, 0, 0]]]",
        "[[0, 0], [[4]]]",
        "[[0, 0], [[5]]]",
        "[[0, 0], [[4, 0]]]",
        "[[0, 0], [[4, null, null]]]",
        "[[0, 0], [[4, null], [2]]]",       /* out of order */
        "[[0, 0], [[4, null], [4, null]]]", /* twice */
        "[[0, 0], [[4, [1, 2, " OWN "]]]]",
        "[null, [[0, 0, null, null, null, null, null], [4, null]]]", /* what is created has a parent */
        "[[0, 0], [[3, 0]]]",
        "[[0, 0], [[2]], 0]",
        "[null, [[0, 0, \"\", null, null, null, null]]]", /* a second way to say no type */
        "[null, [[0, 0, null, \"\", null, null, null]]]",
        "[null, [[0, 0, null, \"dx/object/1\", null, null, null]]]", /* a second way to say the model */
        "[null, [[0, 2, null, null, null, null, null]]]",
        "[null, [[0, 0, null, null, null, [0], [0]]]]",  /* an object with ends */
        "[null, [[0, 1, null, null, null, [0], null]]]", /* a link with one end */
        "[null, [[0, 1, null, null, [0], [0], [0]]]]",   /* a link with a parent */
        "[null, [[0, 0, null, null, [], null, null]]]",
        "[null, [[0, 0, null, null, null, null]]]",
        "[null, [[0, 0, 1, null, null, null, null]]]",
        "[null, [[1, 0], [0, 0, null, null, null, null, null]]]",
        "[null, [[0, 0, null, null, null, null, null], [0, 0, null, null, null, null, null]]]",
    };
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        dx_buf bytes;
        dx_section section;
        encode_json(&alloc, refused[i], &bytes);
        if (dx_section_decode(dx_buf_view(&bytes), own, &section) != DX_E_MALFORMED) {
            fail_msg("accepted: %s", refused[i]);
        }
        dx_buf_deinit(&bytes);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_long_names(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    uint8_t name[DX_TYPE_SIZE_MAX + 1];
    memset(name, 'n', sizeof name);
    for (size_t size = DX_TYPE_SIZE_MAX; size <= sizeof name; size++) {
        dx_section section = {.creates = true, .type = {name, size}}, back;
        dx_buf bytes;
        dx_buf_init(&bytes, &alloc.port, 1 << 20);
        assert_int_equal(dx_section_encode(&section, &bytes), DX_OK);
        assert_int_equal(dx_section_decode(dx_buf_view(&bytes), own, &back),
                         size <= DX_TYPE_SIZE_MAX ? DX_OK : DX_E_MALFORMED);
        dx_buf_deinit(&bytes);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_every_cut_is_refused(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_buf bytes;
    encode_json(&alloc,
                "[null, [[0, 1, \"t\", \"m\", null, [0], [3, 4, " OTHER "]], [1, [{\"a\": 1}, []]], [2]]]",
                &bytes);
    for (size_t size = 0; size < bytes.size; size++) {
        dx_section section;
        assert_int_equal(dx_section_decode(dx_bytes_of(bytes.data, size), own, &section), DX_E_MALFORMED);
    }
    dx_buf_deinit(&bytes);
}

static void test_order_of_places(void **state) {
    (void)state;
    dx_place ascending[] = {
        {.form = DX_PLACE_OWN, .seq = 1, .index = 9},
        {.form = DX_PLACE_OWN, .seq = 2, .index = 0},
        {.form = DX_PLACE_OWN, .seq = 2, .index = 1},
        {.form = DX_PLACE_FEED, .seq = 5, .index = 5, .feed = {1}},
        {.form = DX_PLACE_FEED, .seq = 0, .index = 0, .feed = {2}},
        {.form = DX_PLACE_FEED, .seq = 0, .index = 1, .feed = {2}},
    };
    for (int i = 0; i < 6; i++) {
        for (int j = 0; j < 6; j++) {
            int order = dx_place_compare(&ascending[i], &ascending[j]);
            assert_true(i < j ? order < 0 : i > j ? order > 0 : order == 0);
        }
    }
}

DX_TEST_MAIN(DX_TEST(test_accepted), DX_TEST(test_refused), DX_TEST(test_long_names),
             DX_TEST(test_every_cut_is_refused), DX_TEST(test_order_of_places))
