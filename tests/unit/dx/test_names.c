/* tests/unit/dx/test_names.c: the map from names to numbers that an import resolves with. */
#include "names.h"
#include "test.h"

static void test_first_number_stays(void **state) {
    (void)state;
    dx_names names;
    uint32_t number = 7;
    dx_names_init(&names, 42);
    assert_int_equal(dx_names_find(&names, dx_bytes_text("a")), DX_NAMES_NONE);
    assert_int_equal(dx_names_add(&names, dx_bytes_text("a"), &number), DX_OK);
    number = 8;
    assert_int_equal(dx_names_add(&names, dx_bytes_text("a"), &number), DX_OK);
    assert_int_equal(number, 7);
    assert_int_equal(dx_names_find(&names, dx_bytes_text("a")), 7);
    assert_int_equal(dx_names_find(&names, dx_bytes_text("A")), DX_NAMES_NONE);
    number = 9;
    assert_int_equal(dx_names_add(&names, dx_bytes_text(""), &number), DX_OK);
    assert_int_equal(dx_names_find(&names, dx_bytes_text("")), 9);
    dx_names_deinit(&names);
}

/* Names that differ only in zero bytes or in their length are different. */
static void test_bytes_count(void **state) {
    (void)state;
    dx_names names;
    dx_names_init(&names, 1);
    for (uint32_t size = 0; size < 40; size++) {
        static const uint8_t zeros[40];
        uint32_t number = size;
        assert_int_equal(dx_names_add(&names, dx_bytes_of(zeros, size), &number), DX_OK);
        assert_int_equal(number, size);
    }
    dx_names_deinit(&names);
}

static void test_many_under_several_keys(void **state) {
    (void)state;
    for (uint64_t key = 0; key < 3; key++) {
        dx_names names;
        char name[32];
        dx_names_init(&names, key * UINT64_C(0x123456789abcdef1));
        for (uint32_t i = 0; i < 50000; i++) {
            uint32_t number = i;
            snprintf(name, sizeof name, "package-%u", (unsigned)i);
            assert_int_equal(dx_names_add(&names, dx_bytes_text(name), &number), DX_OK);
            assert_int_equal(number, i);
        }
        for (uint32_t i = 0; i < 60000; i++) {
            snprintf(name, sizeof name, "package-%u", (unsigned)i);
            assert_int_equal(dx_names_find(&names, dx_bytes_text(name)), i < 50000 ? i : DX_NAMES_NONE);
        }
        dx_names_deinit(&names);
    }
}

DX_TEST_MAIN(DX_TEST(test_first_number_stays), DX_TEST(test_bytes_count),
             DX_TEST(test_many_under_several_keys))
