/* tests/unit/text/test_update.c: difference, state vector, ranges and the other form of an update, without a document. */
#include "fixtures.h"

#include <dxos/text.h>

typedef int operation(test_alloc *alloc, dx_bytes update, dx_bytes argument, dx_buf *out);

static int diff(test_alloc *alloc, dx_bytes update, dx_bytes argument, dx_buf *out) {
    return dx_text_diff_update(&alloc->port, DX_TEXT_V1, update, argument, out);
}

static int state_vector(test_alloc *alloc, dx_bytes update, dx_bytes argument, dx_buf *out) {
    (void)argument;
    return dx_text_update_state_vector(&alloc->port, DX_TEXT_V1, update, out);
}

static void check(test_alloc *alloc, operation *run, const char *update, const char *argument, int error,
                  const char *wanted) {
    dx_buf bytes = from_hex(alloc, update), other = from_hex(alloc, argument), out = buffer(alloc);
    assert_int_equal(run(alloc, dx_buf_view(&bytes), dx_buf_view(&other), &out), error);
    assert_hex_equal(alloc, dx_buf_view(&out), wanted);
    dx_buf_deinit(&bytes);
    dx_buf_deinit(&other);
    dx_buf_deinit(&out);
}

static void test_diff(void **state) {
    (void)state;
    static const struct {
        const char *update, *state_vector;
        int error;
        const char *wanted;
    } rows[] = {
        {"01010100040101740361626300", "", DX_OK, "01010100040101740361626300"},
        {"01010100040101740361626300", "00", DX_OK, "01010100040101740361626300"},
        {"01010100040101740361626300", "010101", DX_OK,
         "01010101840100026263"
         "00"},
        {"01010100040101740361626300", "010103", DX_OK, "0000"},
        {"0101010004010174036162630101010001", "010109", DX_OK,
         "000101010001"}, /* deletes stay, all of them */
        {"01030100000a"
         "0a02"
         "0005"
         "00",
         "01010a", DX_OK, "0101010c000500"}, /* never a skip first */
        {"01030100000a"
         "0a02"
         "0005"
         "00",
         "010103", DX_OK,
         "01030103000"
         "7"
         "0a02000500"},
        {"01010100040101740361626300", "01", DX_E_MALFORMED, ""},
        {"01010100040101740361626300", "0201010101", DX_E_MALFORMED, ""}, /* a client twice */
        {"01010100040101", "00", DX_E_MALFORMED, ""},
    };
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check(&alloc, diff, rows[i].update, rows[i].state_vector, rows[i].error, rows[i].wanted);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_state_vector(void **state) {
    (void)state;
    static const struct {
        const char *update;
        int error;
        const char *wanted;
    } rows[] = {{"0000", DX_OK, "00"},
                {"01010100040101740361626300", DX_OK, "010103"},
                {"01010101000300", DX_OK, "00"}, /* does not begin at 0 */
                {"010301000003"
                 "0a01"
                 "0005"
                 "00",
                 DX_OK, "010103"}, /* up to the first skip */
                {"0201020000020101000001"
                 "00",
                 DX_OK, "0202020101"},
                {"01010100", DX_E_MALFORMED, ""}};
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        check(&alloc, state_vector, rows[i].update, "", rows[i].error, rows[i].wanted);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_ranges(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_text_range ranges[1];
    size_t count;
    dx_buf update = from_hex(&alloc, "0203020100020a0700010101040003"
                                     "00");
    assert_int_equal(dx_text_update_ranges(&alloc.port, DX_TEXT_V1, dx_buf_view(&update), ranges, 1, &count),
                     DX_OK);
    assert_int_equal(count, 2);
    assert_int_equal(ranges[0].client, 2);
    assert_int_equal(ranges[0].from, 1);
    assert_int_equal(ranges[0].to, 11);
    assert_int_equal(
        dx_text_update_ranges(&alloc.port, (dx_text_form)0, dx_buf_view(&update), ranges, 1, &count),
        DX_E_INVALID);
    dx_buf_deinit(&update);
    assert_int_equal(alloc.live_bytes, 0);
}

/* A key's bit behind an origin says nothing without a document: it goes, as in Yjs. */
static void test_convert(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_buf update = from_hex(&alloc, "01010101a8010001"
                                     "7d01"
                                     "00"),
           out = buffer(&alloc);
    assert_int_equal(dx_text_convert_update(&alloc.port, DX_TEXT_V1, DX_TEXT_V1, dx_buf_view(&update), &out),
                     DX_OK);
    assert_hex_equal(&alloc, dx_buf_view(&out),
                     "0101010188010001"
                     "7d01"
                     "00");
    assert_int_equal(
        dx_text_convert_update(&alloc.port, DX_TEXT_V1, (dx_text_form)7, dx_buf_view(&update), &out),
        DX_E_INVALID);
    dx_buf_deinit(&update);
    dx_buf_deinit(&out);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_no_memory(void **state) {
    (void)state;
    bool failed = true;
    for (uint64_t fail_at = 1; failed; fail_at++) {
        test_alloc alloc, inputs;
        test_alloc_init(&alloc);
        test_alloc_init(&inputs);
        dx_buf update = from_hex(&inputs, "0101010006010174016206"
                                          "227265645c75"
                                          "00");
        dx_buf_deinit(&update);
        update = from_hex(&inputs, "010101000601017401620522726564220101010001");
        dx_buf vector = from_hex(&inputs, "0202010101"), out = buffer(&alloc);
        alloc.fail_at = fail_at;
        int error =
            dx_text_diff_update(&alloc.port, DX_TEXT_V1, dx_buf_view(&update), dx_buf_view(&vector), &out);
        if (error == DX_OK) {
            error = dx_text_convert_update(&alloc.port, DX_TEXT_V1, DX_TEXT_V2, dx_buf_view(&update), &out);
        }
        if (error == DX_OK) {
            error = dx_text_update_state_vector(&alloc.port, DX_TEXT_V1, dx_buf_view(&update), &out);
        }
        failed = error == DX_E_NO_MEMORY;
        assert_true(failed || error == DX_OK);
        assert_true(failed || fail_at > 10);
        dx_buf_deinit(&update);
        dx_buf_deinit(&vector);
        dx_buf_deinit(&out);
        assert_int_equal(alloc.live_bytes, 0);
        assert_int_equal(inputs.live_bytes, 0);
    }
}

/* Differences, state vectors and ranges that Yjs made of merged updates. */
static void test_fixtures(void **state) {
    (void)state;
    fixtures file;
    if (!fixtures_open(&file, "generated/update-algebra.json")) {
        skip();
    }
    dx_bytes row, one;
    size_t diffs = 0;
    for (dx_reader at = elements_of(dx_item_get(dx_buf_view(&file.item), "rows")); next_element(&at, &row);) {
        char *merged = text_of(dx_item_get(row, "merged")), *vector = text_of(dx_item_get(row, "svOfMerged"));
        check(&file.alloc, state_vector, merged, "", DX_OK, vector);
        for (dx_reader each = elements_of(dx_item_get(row, "diffs")); next_element(&each, &one); diffs++) {
            char *from = text_of(dx_item_get(one, "sv")), *wanted = text_of(dx_item_get(one, "diff"));
            check(&file.alloc, diff, merged, from, DX_OK, wanted);
            free(from);
            free(wanted);
        }
        dx_buf update = from_hex(&file.alloc, merged);
        dx_text_range range;
        size_t count;
        assert_int_equal(
            dx_text_update_ranges(&file.alloc.port, DX_TEXT_V1, dx_buf_view(&update), &range, 1, &count),
            DX_OK);
        dx_bytes meta = dx_item_get(row, "meta"), from, to;
        dx_reader froms = elements_of(dx_item_get(meta, "from")), tos = elements_of(dx_item_get(meta, "to"));
        assert_int_equal(count, next_element(&froms, &from) && next_element(&tos, &to) ? 1 : 0);
        if (count == 1) {
            assert_int_equal(range.client, dx_item_int(element_at(from, 0), -1));
            assert_int_equal(range.from, dx_item_int(element_at(from, 1), -1));
            assert_int_equal(range.to, dx_item_int(element_at(to, 1), -1));
        }
        dx_buf_deinit(&update);
        free(merged);
        free(vector);
    }
    assert_true(diffs > 20);
    fixtures_close(&file);
}

DX_TEST_MAIN(DX_TEST(test_diff), DX_TEST(test_state_vector), DX_TEST(test_ranges), DX_TEST(test_convert),
             DX_TEST(test_no_memory), DX_TEST(test_fixtures))
