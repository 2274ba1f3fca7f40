/* tests/unit/net/test_address.c: net addresses: literals there and back, what is refused, order and classes. */
#include "net/address.h"
#include "test.h"

static dx_net_address parsed(const char *text) {
    dx_net_address address;
    assert_int_equal(dx_net_host_parse(dx_bytes_text(text), 0, &address), DX_OK);
    return address;
}

static void test_hosts_print_as_rfc_5952(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"0.0.0.0", "0.0.0.0"},
        {"192.0.2.1", "192.0.2.1"},
        {"255.255.255.255", "255.255.255.255"},
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"2001:DB8::1", "2001:db8::1"},
        {"2001:0db8:0000:0000:0000:0000:0002:0001", "2001:db8::2:1"},
        {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"}, /* one zero group stays */
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},          /* the longer run */
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},    /* the first of equals */
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
        {"::ffff:192.0.2.1", "192.0.2.1"}, /* what a dual-stack socket says */
        {"::ffff:c000:201", "192.0.2.1"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dx_net_address address = parsed(rows[i][0]);
        char text[DX_NET_HOST_TEXT_MAX];
        assert_int_equal(dx_net_host_print(&address, text), strlen(rows[i][1]));
        assert_string_equal(text, rows[i][1]);
        dx_net_address again = parsed(text);
        assert_true(dx_net_address_equal(&address, &again));
    }
}

static void test_bad_hosts_are_refused(void **state) {
    (void)state;
    static const char *const rows[] = {
        "",
        "1",
        "1.2.3",
        "1.2.3.4.5",
        "1.2.3.256",
        "01.2.3.4",
        "1.2.3.4 ",
        "1..3.4",
        "1.2.3.",
        "a.b.c.d",
        "::1%eth0",
        "[::1]",
        ":",
        ":::",
        "1:2",
        "1::2::3",
        "12345::",
        "1:2:3:4:5:6:7:8:9",
        "1:2:3:4:5:6:7:8::",
        "::g",
        "1.2.3.4::",
        "1:2:3:4:5:6:7:1.2.3.4",
        "::1.2.3.4.",
        "1:2:3:4:5:6:7:",
        ":1:2:3:4:5:6:7",
        "localhost",
        "-1.2.3.4",
        "1:2:3:4::5:6:7:8", /* "::" for nothing */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dx_net_address address = {.family = DX_NET_IPV4, .port = 9};
        assert_int_equal(dx_net_host_parse(dx_bytes_text(rows[i]), 1, &address), DX_E_INVALID);
        assert_int_equal(address.family, DX_NET_NONE);
        assert_int_equal(address.port, 0);
    }
}

static void test_addresses_with_ports(void **state) {
    (void)state;
    static const char *const good[] = {"192.0.2.1:80", "[2001:db8::1]:65535", "0.0.0.0:0", "[::]:1"};
    static const char *const bad[] = {"192.0.2.1",
                                      "192.0.2.1:",
                                      "192.0.2.1:65536",
                                      "192.0.2.1:080",
                                      "2001:db8::1:80",
                                      "[2001:db8::1]",
                                      "[::1]80",
                                      "[::1]:",
                                      "[192.0.2.1]:80",
                                      ":80",
                                      "[]:80",
                                      "192.0.2.1:80x",
                                      "[::1",
                                      "[",
                                      ""};
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        dx_net_address address;
        char text[DX_NET_ADDRESS_TEXT_MAX];
        assert_int_equal(dx_net_address_parse(dx_bytes_text(good[i]), &address), DX_OK);
        assert_int_equal(dx_net_address_print(&address, text), strlen(good[i]));
        assert_string_equal(text, good[i]);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        dx_net_address address;
        assert_int_equal(dx_net_address_parse(dx_bytes_text(bad[i]), &address), DX_E_INVALID);
        assert_int_equal(address.family, DX_NET_NONE);
    }
    char text[DX_NET_ADDRESS_TEXT_MAX];
    assert_int_equal(dx_net_address_print(&(dx_net_address){0}, text), 0);
    assert_string_equal(text, "");
}

static void test_order_and_equality(void **state) {
    (void)state;
    static const char *const ordered[] = {"10.0.0.1:1", "10.0.0.1:2", "10.0.0.2:1",
                                          "[::1]:1",    "[::1]:9",    "[::2]:0"};
    for (size_t i = 0; i < sizeof ordered / sizeof *ordered; i++) {
        for (size_t j = 0; j < sizeof ordered / sizeof *ordered; j++) {
            dx_net_address a, b;
            assert_int_equal(dx_net_address_parse(dx_bytes_text(ordered[i]), &a), DX_OK);
            assert_int_equal(dx_net_address_parse(dx_bytes_text(ordered[j]), &b), DX_OK);
            int order = dx_net_address_compare(&a, &b);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
            assert_int_equal(dx_net_address_equal(&a, &b), i == j);
        }
    }
    dx_net_address here = parsed("10.0.0.1"), other_port = here, none = {0};
    other_port.port = 7;
    assert_true(dx_net_host_equal(&here, &other_port));
    assert_false(dx_net_host_equal(&here, &none));
}

static void test_classes(void **state) {
    (void)state;
    static const struct {
        const char *text;
        dx_net_class class;
    } rows[] = {
        {"0.0.0.0", DX_NET_UNUSABLE},
        {"0.1.2.3", DX_NET_UNUSABLE},
        {"240.0.0.1", DX_NET_UNUSABLE},
        {"255.255.255.255", DX_NET_UNUSABLE},
        {"::", DX_NET_UNUSABLE},
        {"224.0.0.1", DX_NET_MULTICAST},
        {"239.255.255.255", DX_NET_MULTICAST},
        {"ff02::1", DX_NET_MULTICAST},
        {"127.0.0.1", DX_NET_LOOPBACK},
        {"127.255.0.1", DX_NET_LOOPBACK},
        {"::1", DX_NET_LOOPBACK},
        {"169.254.1.1", DX_NET_LINK_LOCAL},
        {"fe80::1", DX_NET_LINK_LOCAL},
        {"febf::1", DX_NET_LINK_LOCAL},
        {"fec0::1", DX_NET_PRIVATE},
        {"10.1.2.3", DX_NET_PRIVATE},
        {"172.16.0.1", DX_NET_PRIVATE},
        {"172.31.255.255", DX_NET_PRIVATE},
        {"172.15.0.1", DX_NET_GLOBAL},
        {"172.32.0.1", DX_NET_GLOBAL},
        {"192.168.0.1", DX_NET_PRIVATE},
        {"192.169.0.1", DX_NET_GLOBAL},
        {"100.64.0.1", DX_NET_PRIVATE},
        {"100.127.255.255", DX_NET_PRIVATE},
        {"100.63.0.1", DX_NET_GLOBAL},
        {"100.128.0.1", DX_NET_GLOBAL},
        {"fc00::1", DX_NET_PRIVATE},
        {"fdff::1", DX_NET_PRIVATE},
        {"fe00::1", DX_NET_GLOBAL},
        {"2001:db8::1", DX_NET_GLOBAL},
        {"198.51.100.7", DX_NET_GLOBAL},
        {"169.253.1.1", DX_NET_GLOBAL},
        {"::2", DX_NET_GLOBAL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dx_net_address address = parsed(rows[i].text);
        assert_int_equal(dx_net_classify(&address), rows[i].class);
        bool sendable = rows[i].class != DX_NET_UNUSABLE && rows[i].class != DX_NET_MULTICAST;
        assert_false(dx_net_address_usable(&address)); /* no port */
        address.port = 5000;
        assert_int_equal(dx_net_address_usable(&address), sendable);
    }
    assert_int_equal(dx_net_classify(&(dx_net_address){0}), DX_NET_UNUSABLE);
    assert_string_equal(dx_net_class_name(DX_NET_LINK_LOCAL), "link-local");
    assert_string_equal(dx_net_class_name(DX_NET_CLASS_COUNT), "unknown");
}

DX_TEST_MAIN(DX_TEST(test_hosts_print_as_rfc_5952), DX_TEST(test_bad_hosts_are_refused),
             DX_TEST(test_addresses_with_ports), DX_TEST(test_order_and_equality), DX_TEST(test_classes))
