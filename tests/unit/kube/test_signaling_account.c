/* kube/signaling_account.c: what is held, what is metered, and who counts as one. */
#include "kube/signaling_account.h"

#include "test.h"

static const dx_account_quota quota = {.connections = 2,
                                       .joins = 2,
                                       .messages_per_s = 2,
                                       .messages_max = 3,
                                       .bytes_per_s = 100,
                                       .bytes_max = 1000};

static void test_buckets_fill_with_time(void **state) {
    test_alloc alloc;
    dx_accounts accounts;
    (void)state;
    test_alloc_init(&alloc);
    dx_accounts_init(&accounts, &alloc.port, &quota, 7);
    dx_account *one = dx_account_hold(&accounts, dx_bytes_text("one"), 1000);
    for (int i = 0; i < 3; i++) {
        assert_true(dx_account_pay(one, &quota, 10, 1000));
    }
    assert_false(dx_account_pay(one, &quota, 10, 1000));
    assert_false(dx_account_pay(one, &quota, 10, 1499));
    assert_true(dx_account_pay(one, &quota, 10, 1500));
    assert_false(dx_account_pay(one, &quota, 10, 1500));
    assert_true(dx_account_pay(one, &quota, 900, 60000)); /* full again, not fuller */
    assert_false(dx_account_pay(one, &quota, 900, 60000));
    assert_true(dx_account_pay(one, &quota, 100, 60000));
    assert_false(dx_account_pay(one, &quota, 10, 5)); /* a clock that goes back fills nothing */
    dx_account_release(one);
    dx_accounts_deinit(&accounts);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_accounts_go_when_nobody_holds_them(void **state) {
    test_alloc alloc;
    dx_accounts accounts;
    char name[16];
    (void)state;
    test_alloc_init(&alloc);
    dx_accounts_init(&accounts, &alloc.port, &quota, 7);
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "peer %d", i);
        dx_account *one = dx_account_hold(&accounts, dx_bytes_text(name), 0);
        assert_ptr_equal(dx_account_hold(&accounts, dx_bytes_text(name), 0), one);
        dx_account_release(one);
        assert_true(dx_account_pay(one, &quota, 10, 0));
        if (i % 2 == 0) {
            dx_account_release(one);
        }
    }
    dx_accounts_sweep(&accounts, 1); /* buckets are not full yet: coming back would fill them */
    assert_int_equal(accounts.count, 500);
    dx_accounts_sweep(&accounts, 60000);
    assert_int_equal(accounts.count, 250);
    alloc.fail_at = alloc.calls + 1;
    assert_null(dx_account_hold(&accounts, dx_bytes_text("late"), 0));
    dx_accounts_deinit(&accounts);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_a_table_lives_without_room_to_grow(void **state) {
    test_alloc alloc;
    dx_accounts accounts;
    char name[16];
    (void)state;
    test_alloc_init(&alloc);
    dx_accounts_init(&accounts, &alloc.port, &quota, 7);
    alloc.fail_at = 1;
    assert_null(dx_account_hold(&accounts, dx_bytes_text("first"), 0));
    for (int i = 0; i < 64; i++) {
        snprintf(name, sizeof name, "%d", i);
        assert_non_null(dx_account_hold(&accounts, dx_bytes_text(name), 0));
    }
    alloc.fail_at = alloc.calls + 1; /* rows grow longer instead */
    assert_non_null(dx_account_hold(&accounts, dx_bytes_text("64"), 0));
    assert_non_null(dx_account_hold(&accounts, dx_bytes_text("65"), 0));
    assert_true(accounts.row_count > 64);
    dx_accounts_deinit(&accounts);
    assert_int_equal(alloc.live_bytes, 0);
}

static bool are_one(const char *a, const char *b) {
    uint8_t rooms[2][DX_ACCOUNT_NETWORK_SIZE];
    return dx_bytes_equal(dx_account_network(a, rooms[0]), dx_account_network(b, rooms[1]));
}

static void test_an_ipv6_network_is_one(void **state) {
    (void)state;
    assert_true(are_one("192.0.2.7", "192.0.2.7") && !are_one("192.0.2.7", "192.0.2.8"));
    assert_false(are_one("::ffff:192.0.2.7", "::ffff:192.0.2.8"));
    assert_true(are_one("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"));
    assert_true(are_one("2001:db8::1", "2001:db8:0:0:1::"));
    assert_true(are_one("::1", "::2") && are_one("fe80::10:0:1", "fe80::1"));
    assert_false(are_one("2001:db8:1:10::", "2001:db8:1:1::"));
    assert_false(are_one("2001:db8:1::", "2001:db8::"));
    /* zeros before the cut, written out or not */
    assert_true(are_one("2001::5:1:2:3:4", "2001:0:0:5::1"));
    assert_false(are_one("2001::5:1:2:3:4", "2001::6:1:2:3:4"));
    assert_false(are_one("2001::5:1:2:3:4", "2001::1"));
    assert_false(are_one("10.0.0.7", "3a31:302e:302e:302e::")); /* its figures as bytes */
    assert_true(are_one("", ""));
}

DX_TEST_MAIN(DX_TEST(test_buckets_fill_with_time), DX_TEST(test_accounts_go_when_nobody_holds_them),
             DX_TEST(test_a_table_lives_without_room_to_grow), DX_TEST(test_an_ipv6_network_is_one))
