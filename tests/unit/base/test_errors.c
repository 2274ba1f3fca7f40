/* tests/unit/base/test_errors.c: the error table has a name, a sentence and a class for every code. */
#include "test.h"

static void test_every_row(void **state) {
    (void)state;
    static const struct {
        int code;
        const char *name;
        dx_error_class class;
    } rows[] = {
#define DX_ERROR_ROW(symbol, number, class, sentence) {number, #symbol, DX_CLASS_##class},
        DX_ERROR_MAP(DX_ERROR_ROW)
#undef DX_ERROR_ROW
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *text = dx_error_text(rows[i].code);
        assert_string_equal(dx_error_name(rows[i].code), rows[i].name);
        assert_int_equal(dx_error_class_of(rows[i].code), rows[i].class);
        assert_true(strlen(text) > 3 && text[strlen(text) - 1] != '.');
        for (size_t j = 0; j < i; j++) { /* a sentence tells one error from another */
            assert_string_not_equal(text, dx_error_text(rows[j].code));
        }
    }
    assert_string_equal(dx_error_name(DX_E_NOT_FOUND), "E_NOT_FOUND");
    assert_int_equal(dx_error_class_of(DX_OK), DX_CLASS_OK);
    assert_int_equal(dx_error_class_of(DX_E_FORK), DX_CLASS_PEER);
}

static void test_unknown_codes(void **state) {
    (void)state;
    assert_string_equal(dx_error_name(1), "E_UNKNOWN");
    assert_string_equal(dx_error_name(-9999), "E_UNKNOWN");
    assert_string_equal(dx_error_text(-9999), "an error this program does not know");
    assert_int_equal(dx_error_class_of(-9999), DX_CLASS_HOST);
}

DX_TEST_MAIN(DX_TEST(test_every_row), DX_TEST(test_unknown_codes))
