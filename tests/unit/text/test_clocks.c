/* tests/unit/text/test_clocks.c: state vectors in any order, and what is refused. */
#include "fixtures.h"

#include "text/clocks.h"

static void test_set_and_get(void **state) {
    (void)state;
    test_alloc alloc;
    dx_text_clocks clocks;
    test_alloc_init(&alloc);
    dx_text_clocks_init(&clocks, &alloc.port);
    assert_int_equal(dx_text_clocks_get(&clocks, 7), 0);
    static const uint64_t clients[] = {5, UINT64_C(0x1fffffffffffff), 1, 7, 3, 7};
    for (size_t i = 0; i < sizeof clients / sizeof clients[0]; i++) {
        assert_int_equal(dx_text_clocks_set(&clocks, clients[i], 10 + i), DX_OK);
    }
    assert_int_equal(clocks.count, 5);
    assert_int_equal(dx_text_clocks_get(&clocks, 7), 15);
    assert_int_equal(dx_text_clocks_get(&clocks, 3), 14);
    assert_int_equal(dx_text_clocks_get(&clocks, 4), 0);
    assert_int_equal(clocks.entries[0].client, UINT64_C(0x1fffffffffffff));
    assert_int_equal(clocks.entries[4].client, 1);
    dx_text_clocks_clear(&clocks);
    assert_int_equal(dx_text_clocks_get(&clocks, 7), 0);
    dx_text_clocks_deinit(&clocks);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_bytes(void **state) {
    (void)state;
    static const struct {
        const char *hex;
        int error;
        const char *written;
    } rows[] = {{"", DX_OK, "00"},
                {"00", DX_OK, "00"},
                {"0209050102", DX_OK, "0209050102"},
                {"03010209050403", DX_OK, "03090504030102"}, /* any order is read */
                {"0201020103", DX_E_MALFORMED, NULL},
                {"01", DX_E_MALFORMED, NULL},
                {"0101", DX_E_MALFORMED, NULL},
                {"ffffffff07", DX_E_MALFORMED, NULL},
                {"0000", DX_E_MALFORMED, NULL}};
    test_alloc alloc;
    dx_text_clocks clocks;
    test_alloc_init(&alloc);
    alloc.limit_bytes = 4096;
    dx_text_clocks_init(&clocks, &alloc.port);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dx_buf bytes = from_hex(&alloc, rows[i].hex), out = buffer(&alloc);
        assert_int_equal(dx_text_clocks_decode(&clocks, dx_buf_view(&bytes)), rows[i].error);
        if (rows[i].error == DX_OK) {
            dx_text_clocks_write(&clocks, &out);
            assert_hex_equal(&alloc, dx_buf_view(&out), rows[i].written);
        }
        dx_buf_deinit(&bytes);
        dx_buf_deinit(&out);
    }
    dx_text_clocks_deinit(&clocks);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_no_memory(void **state) {
    (void)state;
    test_alloc alloc;
    dx_text_clocks clocks;
    test_alloc_init(&alloc);
    dx_text_clocks_init(&clocks, &alloc.port);
    for (uint64_t i = 0; i < 4; i++) {
        assert_int_equal(dx_text_clocks_set(&clocks, i, 1), DX_OK);
    }
    alloc.fail_at = alloc.calls + 1;
    assert_int_equal(dx_text_clocks_set(&clocks, 9, 1), DX_E_NO_MEMORY);
    assert_int_equal(clocks.count, 4);
    assert_int_equal(dx_text_clocks_get(&clocks, 9), 0);
    dx_text_clocks_deinit(&clocks);
    assert_int_equal(alloc.live_bytes, 0);
}

DX_TEST_MAIN(DX_TEST(test_set_and_get), DX_TEST(test_bytes), DX_TEST(test_no_memory))
