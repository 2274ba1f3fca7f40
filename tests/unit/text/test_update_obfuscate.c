/* tests/unit/text/test_update_obfuscate.c: the structure stays, the content goes. */
#include "fixtures.h"

#include <dxos/text.h>

static void test_kinds_of_content(void **state) {
    (void)state;
    static const struct {
        const char *update, *wanted;
    } rows[] = {{"0000", "0000"},
                {"010101000401017404f09f9880"
                 "0101010001",
                 "01010100040101740278780101010001"},
                {"0101010005010174077b2261223a317d00", "0101010005010174027b7d00"},
                {"0101010003010174"
                 "02ff01"
                 "00",
                 "0101010003010174"
                 "020000"
                 "00"},
                {"01010100020101740201310278"
                 "7900",
                 NULL}, /* x y is no JSON */
                {"010101000201017402"
                 "0131"
                 "0132"
                 "00",
                 "010101000201017402"
                 "0130"
                 "0130"
                 "00"},
                {"01010100080101740"
                 "27d01770161"
                 "00",
                 "01010100080101740"
                 "27d007d00"
                 "00"},
                {"0101010028010174036b6579"
                 "017d01"
                 "00",
                 "0101010028010174026b30"
                 "017d00"
                 "00"},
                {"010101000701017403"
                 "0170"
                 "00",
                 "010101000701017403"
                 "026530"
                 "00"},
                {"010101000701017401"
                 "00",
                 "010101000701017401"
                 "00"},
                {"010101000901017401677600"
                 "00",
                 "0101010009010174"
                 "026430"
                 "7600"
                 "00"},
                /* equal keys and values stay equal, null stays null */
                {"010301000601017401620474727565"
                 "460100"
                 "0162"
                 "04"
                 "6e756c6c"
                 "0601017401690"
                 "474727565"
                 "00",
                 NULL}};
    test_alloc alloc;
    test_alloc_init(&alloc);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dx_buf update = from_hex(&alloc, rows[i].update), out = buffer(&alloc);
        int error = dx_text_obfuscate_update(&alloc.port, DX_TEXT_V1, dx_buf_view(&update), &out);
        if (rows[i].wanted != NULL) {
            assert_int_equal(error, DX_OK);
            assert_hex_equal(&alloc, dx_buf_view(&out), rows[i].wanted);
        } else if (i == 4) {
            assert_int_equal(error, DX_E_MALFORMED);
            assert_int_equal(out.size, 0);
        } else {
            /* value true is 0, key b is 1; key i is 2 */
            assert_int_equal(error, DX_OK);
            assert_hex_equal(&alloc, dx_buf_view(&out),
                             "0103010006010174"
                             "026631"
                             "0130"
                             "460100"
                             "026631"
                             "046e756c6c"
                             "06010174"
                             "026632"
                             "0130"
                             "00");
        }
        dx_buf_deinit(&update);
        dx_buf_deinit(&out);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_errors(void **state) {
    (void)state;
    test_alloc alloc;
    test_alloc_init(&alloc);
    int error = dx_text_obfuscate_update(&alloc.port, (dx_text_form)0, dx_bytes_of("\0\0", 2), NULL);
    assert_int_equal(error, DX_E_INVALID);
    error = DX_E_NO_MEMORY;
    for (uint64_t fail_at = 1; error == DX_E_NO_MEMORY; fail_at++) {
        test_alloc_init(&alloc);
        test_alloc inputs;
        test_alloc_init(&inputs);
        dx_buf update = from_hex(&inputs, "010301000601017401620474727565280101740161027d017d022801017401620"
                                          "17d0300"),
               out = buffer(&alloc);
        alloc.fail_at = fail_at;
        error = dx_text_obfuscate_update(&alloc.port, DX_TEXT_V1, dx_buf_view(&update), &out);
        assert_true(error == DX_OK || (error == DX_E_NO_MEMORY && out.size == 0));
        assert_true(error == DX_E_NO_MEMORY || fail_at > 4);
        dx_buf_deinit(&update);
        dx_buf_deinit(&out);
        assert_int_equal(alloc.live_bytes, 0);
    }
}

DX_TEST_MAIN(DX_TEST(test_kinds_of_content), DX_TEST(test_errors))
