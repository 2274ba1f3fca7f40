/* tests/unit/text/test_text_snapshot.c: snapshots compared with one another and with updates. */
#include "fixtures.h"

#include <dxos/text_protocol.h>

static void test_equal(void **state) {
    (void)state;
    static const struct {
        const char *a, *b;
        dx_text_form form;
        int error;
        bool equal;
    } rows[] = {{"0000", "0000", DX_TEXT_V1, DX_OK, true},
                {"0106010202010612", "0106010202010612", DX_TEXT_V1, DX_OK, true},
                {"0106010202010612", "0106010201010612", DX_TEXT_V1, DX_OK, false},
                {"0106010202010612", "0106010202010611", DX_TEXT_V1, DX_OK, false},
                {"0106010202010612",
                 "010602020103010"
                 "10612",
                 DX_TEXT_V1, DX_OK, true}, /* ranges that touch */
                {"00020105"
                 "0700",
                 "00010105", DX_TEXT_V1, DX_OK, true}, /* clock 0 is nothing */
                {"0106010201010612", "0106010201010612", DX_TEXT_V2, DX_OK, true},
                {"00", "0000", DX_TEXT_V1, DX_E_MALFORMED, false},
                {"000000", "0000", DX_TEXT_V1, DX_E_MALFORMED, false},
                {"0000", "00", DX_TEXT_V1, DX_E_MALFORMED, false},
                {"0000", "0000", (dx_text_form)3, DX_E_INVALID, false}};
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool equal = false;
        dx_buf a = from_hex(&alloc, rows[i].a), b = from_hex(&alloc, rows[i].b);
        assert_int_equal(
            dx_text_snapshots_equal(&alloc.port, rows[i].form, dx_buf_view(&a), dx_buf_view(&b), &equal),
            rows[i].error);
        assert_int_equal(equal, rows[i].equal);
        dx_buf_deinit(&a);
        dx_buf_deinit(&b);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_contains(void **state) {
    (void)state;
    static const struct {
        const char *snapshot, *update;
        int error;
        bool contains;
    } rows[] = {{"0000", "0000", DX_OK, true},
                {"00010103", "01010100040101740361626300", DX_OK, true},
                {"00010102", "01010100040101740361626300", DX_OK, false},
                {"01010100030101"
                 "03",
                 "000101010101", DX_OK, true},
                {"01010100030101"
                 "03",
                 "000101010103", DX_OK, false},
                {"00010103", "010101000401", DX_E_MALFORMED, false},
                {"01", "0000", DX_E_MALFORMED, false}};
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool contains = false;
        dx_buf snapshot = from_hex(&alloc, rows[i].snapshot), update = from_hex(&alloc, rows[i].update);
        assert_int_equal(dx_text_snapshot_contains(&alloc.port, DX_TEXT_V1, dx_buf_view(&snapshot),
                                                   dx_buf_view(&update), &contains),
                         rows[i].error);
        assert_int_equal(contains, rows[i].contains);
        dx_buf_deinit(&snapshot);
        dx_buf_deinit(&update);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_no_memory(void **state) {
    (void)state;
    int error = DX_E_NO_MEMORY;
    for (uint64_t fail_at = 1; error == DX_E_NO_MEMORY; fail_at++) {
        test_alloc alloc, inputs;
        test_alloc_init(&alloc);
        test_alloc_init(&inputs);
        bool yes = false;
        dx_buf snapshot = from_hex(&inputs, "0106010202010612"), update = from_hex(&inputs, "000106010201");
        alloc.fail_at = fail_at;
        error = dx_text_snapshot_contains(&alloc.port, DX_TEXT_V1, dx_buf_view(&snapshot),
                                          dx_buf_view(&update), &yes);
        error = error == DX_OK ? dx_text_snapshots_equal(&alloc.port, DX_TEXT_V1, dx_buf_view(&snapshot),
                                                         dx_buf_view(&snapshot), &yes)
                               : error;
        assert_true(error == DX_E_NO_MEMORY || (error == DX_OK && yes && fail_at > 5));
        dx_buf_deinit(&snapshot);
        dx_buf_deinit(&update);
        assert_int_equal(alloc.live_bytes, 0);
    }
}

static void test_fixtures(void **state) {
    (void)state;
    fixtures file;
    if (!fixtures_open(&file, "generated/positions-sync.json")) {
        skip();
    }
    dx_bytes all = dx_buf_view(&file.item);
    dx_buf before = hex_of(&file.alloc, dx_item_get(all, "docBefore")),
           after = hex_of(&file.alloc, dx_item_get(all, "docAfter"));
    dx_buf snapshot = hex_of(&file.alloc, dx_item_get(all, "snapshotV1"));
    bool contains = false;
    assert_int_equal(dx_text_snapshot_contains(&file.alloc.port, DX_TEXT_V1, dx_buf_view(&snapshot),
                                               dx_buf_view(&before), &contains),
                     DX_OK);
    assert_true(contains);
    assert_int_equal(dx_text_snapshot_contains(&file.alloc.port, DX_TEXT_V1, dx_buf_view(&snapshot),
                                               dx_buf_view(&after), &contains),
                     DX_OK);
    assert_false(contains);
    dx_buf_deinit(&before);
    dx_buf_deinit(&after);
    dx_buf_deinit(&snapshot);
    fixtures_close(&file);
}

DX_TEST_MAIN(DX_TEST(test_equal), DX_TEST(test_contains), DX_TEST(test_no_memory), DX_TEST(test_fixtures))
