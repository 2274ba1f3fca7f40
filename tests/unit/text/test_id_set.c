/* tests/unit/text/test_id_set.c: ranges of ids in any order: joined, asked, taken away, written and read. */
#include "fixtures.h"

#include "text/id_set.h"

static void add(dx_id_set *set, uint64_t client, uint64_t clock, uint64_t length) {
    assert_int_equal(dx_id_set_add(set, client, clock, length), DX_OK);
}

static void test_in_order_is_settled(void **state) {
    (void)state;
    test_alloc alloc;
    dx_id_set set;
    test_alloc_init(&alloc);
    dx_id_set_init(&set, &alloc.port);
    add(&set, 9, 0, 2);
    add(&set, 9, 2, 3); /* touches */
    add(&set, 9, 3, 1); /* lies within */
    add(&set, 9, 7, 1);
    add(&set, 4, 0, 1);
    assert_true(set.settled);
    assert_int_equal(set.count, 3);
    assert_int_equal(set.ranges[0].length, 5);
    dx_id_set_deinit(&set);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_settle(void **state) {
    (void)state;
    test_alloc alloc;
    dx_id_set set;
    test_alloc_init(&alloc);
    dx_id_set_init(&set, &alloc.port);
    add(&set, 4, 10, 5);
    add(&set, 9, 7, 1);
    add(&set, 4, 0, 2);
    add(&set, 9, 0, 7);
    add(&set, 4, 12, 9);
    assert_false(set.settled);
    dx_id_set_settle(&set);
    assert_int_equal(set.count, 3);
    assert_int_equal(set.ranges[0].client, 9);
    assert_int_equal(set.ranges[0].length, 8);
    assert_int_equal(set.ranges[1].client, 4);
    assert_int_equal(set.ranges[1].clock, 0);
    assert_int_equal(set.ranges[2].clock, 10);
    assert_int_equal(set.ranges[2].length, 11);
    dx_id_set_clear(&set);
    assert_true(set.settled);
    assert_int_equal(set.count, 0);
    dx_id_set_deinit(&set);
}

/* Against a plain field of bits, with ranges in random order. */
static void test_against_bits(void **state) {
    (void)state;
    enum { CLIENTS = 3, CLOCKS = 60 };
    test_alloc alloc;
    test_random random;
    test_alloc_init(&alloc);
    for (uint64_t seed = 1; seed <= 300; seed++) {
        bool bits[2][CLIENTS][CLOCKS] = {{{false}}};
        dx_id_set sets[2], left;
        test_random_init(&random, seed);
        for (size_t s = 0; s < 2; s++) {
            dx_id_set_init(&sets[s], &alloc.port);
            for (uint64_t ranges = test_random_next(&random) % 12; ranges > 0; ranges--) {
                uint64_t client = test_random_next(&random) % CLIENTS,
                         clock = test_random_next(&random) % (CLOCKS - 8);
                uint64_t length = 1 + test_random_next(&random) % 7;
                add(&sets[s], client, clock, length);
                memset(&bits[s][client][clock], true, length);
            }
            dx_id_set_settle(&sets[s]);
        }
        dx_id_set_init(&left, &alloc.port);
        assert_int_equal(dx_id_set_subtract(&sets[0], &sets[1], &left), DX_OK);
        bool covered = true, equal = true;
        for (uint64_t client = 0; client < CLIENTS; client++) {
            for (uint64_t clock = 0; clock < CLOCKS; clock++) {
                bool first = bits[0][client][clock], second = bits[1][client][clock];
                assert_int_equal(dx_id_set_contains(&sets[0], client, clock), first);
                assert_int_equal(dx_id_set_contains(&left, client, clock), first && !second);
                covered &= first || !second;
                equal &= first == second;
            }
        }
        assert_int_equal(dx_id_set_covers(&sets[0], &sets[1]), covered);
        assert_int_equal(dx_id_set_equal(&sets[0], &sets[1]), equal);
        assert_int_equal(dx_id_set_union(&left, &sets[1]), DX_OK);
        assert_int_equal(dx_id_set_union(&sets[0], &sets[1]), DX_OK);
        dx_id_set_settle(&left);
        dx_id_set_settle(&sets[0]);
        assert_true(dx_id_set_equal(&left, &sets[0]));
        for (size_t i = 1; i < left.count; i++) { /* ranges that touch are one */
            assert_true(left.ranges[i].client != left.ranges[i - 1].client ||
                        left.ranges[i].clock > left.ranges[i - 1].clock + left.ranges[i - 1].length);
        }
        dx_id_set_deinit(&sets[0]);
        dx_id_set_deinit(&sets[1]);
        dx_id_set_deinit(&left);
    }
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_bytes(void **state) {
    (void)state;
    test_alloc alloc;
    dx_id_set set;
    test_alloc_init(&alloc);
    dx_id_set_init(&set, &alloc.port);
    add(&set, 4, 2, 5);
    add(&set, 9, 4, 1);
    add(&set, 9, 0, 2);
    dx_id_set_settle(&set);
    for (dx_text_form form = DX_TEXT_V1; form <= DX_TEXT_V2; form++) {
        dx_id_set again;
        dx_buf out = buffer(&alloc);
        dx_id_set_write(&set, form, &out);
        assert_hex_equal(&alloc, dx_buf_view(&out),
                         form == DX_TEXT_V1 ? "0209020002040104010205" : "0209020001020004010204");
        dx_lib0_reader reader = dx_lib0_reader_of(dx_buf_view(&out));
        dx_id_set_init(&again, &alloc.port);
        assert_int_equal(dx_id_set_read(&again, form, &reader), DX_OK);
        dx_id_set_settle(&again);
        assert_true(dx_id_set_equal(&again, &set));
        dx_id_set_deinit(&again);
        dx_buf_deinit(&out);
    }
    dx_id_set_deinit(&set);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_bytes_refused(void **state) {
    (void)state;
    static const struct {
        const char *hex;
        int error;
        size_t ranges;
    } rows[] = {{"", DX_E_MALFORMED, 0},
                {"01", DX_E_MALFORMED, 0},
                {"ffffffff0f", DX_E_MALFORMED, 0},
                {"0101ffffffff0f0001", DX_E_MALFORMED, 1},
                {"01010105ffffffffffffff0f", DX_E_MALFORMED, 0}, /* beyond 2^53 */
                {"0101020500"
                 "0601",
                 DX_OK, 1}}; /* a range of no length says nothing */
    test_alloc alloc;
    test_alloc_init(&alloc);
    alloc.limit_bytes = 4096;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dx_id_set set;
        dx_buf bytes = from_hex(&alloc, rows[i].hex);
        dx_lib0_reader reader = dx_lib0_reader_of(dx_buf_view(&bytes));
        dx_id_set_init(&set, &alloc.port);
        assert_int_equal(dx_id_set_read(&set, DX_TEXT_V1, &reader), rows[i].error);
        assert_int_equal(set.count, rows[i].ranges);
        dx_id_set_deinit(&set);
        dx_buf_deinit(&bytes);
    }
}

static void test_reserved_cannot_fail(void **state) {
    (void)state;
    test_alloc alloc;
    dx_id_set set;
    test_alloc_init(&alloc);
    dx_id_set_init(&set, &alloc.port);
    alloc.fail_at = 1;
    assert_int_equal(dx_id_set_reserve(&set, 20), DX_E_NO_MEMORY);
    assert_int_equal(dx_id_set_reserve(&set, 20), DX_OK);
    alloc.fail_at = alloc.calls + 1;
    alloc.sticky = true;
    for (uint64_t i = 0; i < 20; i++) {
        add(&set, i, 5 * (20 - i), 2);
    }
    dx_id_set_settle(&set);
    assert_int_equal(set.count, 20);
    assert_int_equal(dx_id_set_reserve(&set, SIZE_MAX), DX_E_NO_MEMORY);
    dx_id_set_deinit(&set);
    assert_int_equal(alloc.live_bytes, 0);
}

DX_TEST_MAIN(DX_TEST(test_in_order_is_settled), DX_TEST(test_settle), DX_TEST(test_against_bits),
             DX_TEST(test_bytes), DX_TEST(test_bytes_refused), DX_TEST(test_reserved_cannot_fail))
