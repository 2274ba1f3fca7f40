/* tests/unit/echo/test_key_set.c: lists, sets and tables of keys against plain arrays. */
#include "echo/key_set.h"
#include "test.h"

enum { KEYS = 2000 };

static void test_sort(void **state) {
    (void)state;
    test_alloc alloc;
    test_random random;
    dx_buf list;
    test_alloc_init(&alloc);
    test_random_init(&random, 3);
    dx_buf_init(&list, &alloc.port, KEYS * sizeof(int64_t));
    dx_key_list_sort(&list); /* empty */
    for (size_t count = 1; count <= KEYS; count = count * 3 / 2 + 1) {
        for (uint64_t range = 1; range <= 100000; range *= 100) { /* few, some, no repetitions */
            uint8_t seen[100000] = {0};
            size_t distinct = 0;
            dx_buf_clear(&list);
            for (size_t i = 0; i < count; i++) {
                int64_t key = (int64_t)(test_random_next(&random) % range);
                distinct += !seen[key];
                seen[key] = 1;
                dx_key_list_add(&list, key);
            }
            assert_int_equal(dx_key_list_count(&list), count);
            for (int again = 0; again < 2; again++) {
                dx_key_list_sort(&list);
                assert_int_equal(dx_key_list_count(&list), distinct);
                for (size_t i = 0; i < distinct; i++) {
                    assert_true(seen[dx_key_list_at(&list, i)]);
                    assert_true(i == 0 || dx_key_list_at(&list, i - 1) < dx_key_list_at(&list, i));
                }
            }
        }
    }
    dx_buf_clear(&list);
    for (int i = 0; i <= KEYS; i++) {
        dx_key_list_add(&list, i);
    }
    assert_int_equal(dx_buf_error(&list), DX_E_LIMIT);
    dx_buf_deinit(&list);
    assert_int_equal(alloc.live_bytes, 0);
}

/* Additions and removals at random, and after each a look at a key that is there or not. */
static void test_table(void **state) {
    (void)state;
    enum { RANGE = 300 };
    test_alloc alloc;
    test_random random;
    dx_key_table table;
    uint32_t values[RANGE];
    bool there[RANGE] = {false};
    size_t count = 0;
    test_alloc_init(&alloc);
    test_random_init(&random, 5);
    dx_key_table_init(&table, &alloc.port, &random.port, KEYS);
    assert_null(dx_key_table_find(&table, 1));
    assert_false(dx_key_table_remove(&table, 1));
    for (int i = 0; i < 50000; i++) {
        size_t which = (size_t)(test_random_next(&random) % RANGE);
        int64_t key = (int64_t)(which + 1) << 20;
        if (test_random_next(&random) % 5 < 3) {
            assert_int_equal(dx_key_table_add(&table, key, (uint32_t)i), there[which] ? DX_E_EXISTS : DX_OK);
            values[which] = there[which] ? values[which] : (uint32_t)i;
            count += !there[which];
            there[which] = true;
        } else {
            assert_int_equal(dx_key_table_remove(&table, key), there[which]);
            count -= there[which];
            there[which] = false;
        }
        assert_int_equal(table.count, count);
        which = (size_t)(test_random_next(&random) % RANGE);
        const dx_key_slot *slot = dx_key_table_find(&table, (int64_t)(which + 1) << 20);
        assert_int_equal(slot != NULL, there[which]);
        assert_true(slot == NULL || slot->value == values[which]);
    }
    dx_key_table_clear(&table);
    assert_int_equal(alloc.live_bytes, 0);
    assert_int_equal(dx_key_table_add(&table, 7, 1), DX_OK);
    dx_key_table_deinit(&table);
    assert_int_equal(alloc.live_bytes, 0);
}

/* A set beside an array: keys in runs, as blocks and sections make them, and far from each other. */
static void test_set(void **state) {
    (void)state;
    enum { RANGE = 2000 };
    test_alloc alloc;
    test_random random;
    dx_key_set set;
    bool there[RANGE] = {false};
    size_t count = 0;
    test_alloc_init(&alloc);
    test_random_init(&random, 5);
    dx_key_set_init(&set, &alloc.port, &random.port, RANGE / 2);
    assert_false(dx_key_set_has(&set, 1));
    for (size_t i = 0; i < 40000 && count < RANGE / 2; i++) {
        size_t which = (size_t)(test_random_next(&random) % RANGE);
        /* 20 sections of 10 blocks of 10 feeds */
        int64_t key =
            (int64_t)(which / 200 + 1) << 48 | (int64_t)(which / 20 % 10) << 16 | (int64_t)(which % 20);
        assert_int_equal(dx_key_set_has(&set, key), there[which]);
        assert_int_equal(dx_key_set_add(&set, key), there[which] ? DX_E_EXISTS : DX_OK);
        count += !there[which];
        there[which] = true;
        assert_int_equal(set.count, count);
    }
    for (size_t i = 0; i < RANGE; i++) {
        int64_t key = (int64_t)(i / 200 + 1) << 48 | (int64_t)(i / 20 % 10) << 16 | (int64_t)(i % 20);
        assert_int_equal(dx_key_set_has(&set, key), there[i]);
    }
    assert_int_equal(dx_key_set_add(&set, 12345), DX_E_LIMIT);
    dx_key_set_clear(&set);
    assert_int_equal(alloc.live_bytes, 0);
    alloc.fail_at = alloc.calls + 1;
    assert_int_equal(dx_key_set_add(&set, 7), DX_E_NO_MEMORY);
    assert_int_equal(dx_key_set_add(&set, 7), DX_OK);
    dx_key_set_deinit(&set);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_limits(void **state) {
    (void)state;
    test_alloc alloc;
    test_random random;
    dx_key_table table;
    test_alloc_init(&alloc);
    test_random_init(&random, 5);
    dx_key_table_init(&table, &alloc.port, &random.port, 100);
    for (int64_t key = 1; key <= 100; key++) {
        assert_int_equal(dx_key_table_add(&table, key, 0), DX_OK);
    }
    assert_int_equal(dx_key_table_add(&table, 50, 0), DX_E_EXISTS);
    assert_int_equal(dx_key_table_add(&table, 101, 0), DX_E_LIMIT);
    dx_key_table_deinit(&table);
    alloc.fail_at = alloc.calls + 1;
    assert_int_equal(dx_key_table_add(&table, 1, 0), DX_E_NO_MEMORY);
    assert_null(dx_key_table_find(&table, 1));
    assert_int_equal(alloc.live_bytes, 0);
}

DX_TEST_MAIN(DX_TEST(test_sort), DX_TEST(test_set), DX_TEST(test_table), DX_TEST(test_limits))
