/* What was compressed comes back; what is no frame, or one of another size, is refused; no memory is told as that. */
#include "test.h"

#include "codec/compression.h"

static dx_buf repeated(test_alloc *alloc, const char *word, size_t times) {
    dx_buf out;
    dx_buf_init(&out, &alloc->port, SIZE_MAX);
    for (size_t i = 0; i < times; i++) {
        dx_buf_append(&out, word, strlen(word));
    }
    return out;
}

static void test_back_and_forth(void **state) {
    (void)state;
    static const size_t times[] = {0, 1, 7, 3000, 200000};
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        test_alloc alloc;
        test_alloc_init(&alloc);
        dx_buf bytes = repeated(&alloc, "word ", times[i]), frame = repeated(&alloc, "before", 1), back;
        dx_buf_init(&back, &alloc.port, SIZE_MAX);
        assert_int_equal(dx_compress(&alloc.port, dx_buf_view(&bytes), &frame), DX_OK);
        assert_true(frame.size < 200);
        dx_bytes alone = dx_bytes_of(frame.data + 6, frame.size - 6);
        assert_int_equal(dx_decompress(&alloc.port, alone, bytes.size, &back), DX_OK);
        assert_true(dx_bytes_equal(dx_buf_view(&back), dx_buf_view(&bytes)));
        assert_int_equal(dx_decompress(&alloc.port, alone, bytes.size + 1, &back), DX_E_MALFORMED);
        assert_int_equal(
            dx_decompress(&alloc.port, dx_bytes_of(alone.data, alone.size - 1), bytes.size, &back),
            DX_E_MALFORMED);
        assert_int_equal(back.size, bytes.size);
        dx_buf_deinit(&bytes);
        dx_buf_deinit(&frame);
        dx_buf_deinit(&back);
        assert_int_equal(alloc.live_bytes, 0);
    }
}

static void test_limits(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    dx_buf bytes = repeated(&alloc, "word ", 3000), frame = repeated(&alloc, "", 0), back, small;
    int error = DX_E_NO_MEMORY;
    for (uint64_t fail = 1; error != DX_OK; fail++) {
        dx_buf_deinit(&frame);
        frame = repeated(&alloc, "", 0);
        alloc.fail_at = alloc.calls + fail;
        error = dx_compress(&alloc.port, dx_buf_view(&bytes), &frame);
        alloc.fail_at = 0;
        assert_true(error == DX_OK || (error == DX_E_NO_MEMORY && frame.size == 0));
    }
    dx_buf_init(&back, &alloc.port, SIZE_MAX);
    error = DX_E_NO_MEMORY;
    for (uint64_t fail = 1; error != DX_OK; fail++) {
        dx_buf_deinit(&back);
        alloc.fail_at = alloc.calls + fail;
        error = dx_decompress(&alloc.port, dx_buf_view(&frame), bytes.size, &back);
        alloc.fail_at = 0;
        assert_true(error == DX_OK || (error == DX_E_NO_MEMORY && back.size == 0));
    }
    dx_buf_init(&small, &alloc.port, bytes.size - 1);
    assert_int_equal(dx_decompress(&alloc.port, dx_buf_view(&frame), bytes.size, &small), DX_E_LIMIT);
    assert_int_equal(small.size, 0);
    dx_buf_deinit(&bytes);
    dx_buf_deinit(&frame);
    dx_buf_deinit(&back);
    dx_buf_deinit(&small);
    assert_int_equal(alloc.live_bytes, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_back_and_forth),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
