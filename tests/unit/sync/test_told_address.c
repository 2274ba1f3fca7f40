/* tests/unit/sync/test_told_address.c: sync/told_address.c: a peer makes us dial no name, nothing that is
 * nobody's, and our own machine only when it is his too. */
#include "sync/told_address.h"
#include "test.h"

static bool told(const char *address, const char *link) {
    return dx_told_address_check(dx_bytes_text(address), dx_bytes_text(link));
}

static void test_figures_are_dialled(void **state) {
    (void)state;
    static const char *const good[] = {"tcp:192.0.2.7:7000",
                                       "tcp:10.0.0.1:1",
                                       "tcp:192.168.1.20:65535",
                                       "tcp:[2001:db8::7]:7000",
                                       "tcp:[fd00:1:2:3:4:5:6:7]:7000",
                                       "tcp:[2001:DB8:0:0:0:0:0:1]:7000",
                                       "tcp:[1::]:7000",
                                       "tcp:[::ffff:192.0.2.7]:7000",
                                       "mem:alice"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_true(told(good[i], "tcp:198.51.100.1:5000"));
    }
}

static void test_names_and_nonsense_are_not(void **state) {
    (void)state;
    static const char *const bad[] = {
        "tcp:",
        "tcp:example.org:80",
        "tcp:localhost:80",
        "tcp:192.0.2.7",
        "tcp:192.0.2.7:",
        "tcp:192.0.2.7:0",
        "tcp:192.0.2.7:65536",
        "tcp:192.0.2.7:123456",
        "tcp:192.0.2.7:8o",
        "tcp:192.0.2:80",
        "tcp:192.0.2.7.1:80",
        "tcp:192.0.2.256:80",
        "tcp:192.0.2.07:80",
        "tcp:0x7f.1:80",
        "tcp:2130706433:80",
        "tcp:127.1:80",
        "tcp:1.2.3.4.:80",
        "tcp:.1.2.3:80",
        "tcp:2001:db8::7:7000",
        "tcp:[2001:db8::7:7000",
        "tcp:[2001:db8::7]7000",
        "tcp:[]:80",
        "tcp:[:]:80",
        "tcp:[1:2:3:4:5:6:7]:80",
        "tcp:[1:2:3:4:5:6:7:8:9]:80",
        "tcp:[1::2::3]:80",
        "tcp:[1:2:3:4:5:6:7:8::]:80",
        "tcp:[12345::]:80",
        "tcp:[1:]:80",
        "tcp:[:1]:80",
        "tcp:[fd00::1%eth0]:80",
        "tcp:[name]:80",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (told(bad[i], "tcp:127.0.0.1:5000")) {
            fail_msg("%s", bad[i]);
        }
    }
}

static void test_what_is_nobodys_is_not(void **state) {
    (void)state;
    static const char *const bad[] = {"tcp:0.0.0.0:80",
                                      "tcp:0.1.2.3:80",
                                      "tcp:169.254.169.254:80",
                                      "tcp:224.0.0.1:80",
                                      "tcp:255.255.255.255:80",
                                      "tcp:[::]:80",
                                      "tcp:[fe80::1]:80",
                                      "tcp:[febf::1]:80",
                                      "tcp:[ff02::1]:80",
                                      "tcp:[::ffff:169.254.169.254]:80",
                                      "tcp:[::ffff:a9fe:a9fe]:80",
                                      "tcp:[::7f00:1]:80"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_false(told(bad[i], "tcp:127.0.0.1:5000"));
    }
}

static void test_the_loopback_is_for_those_upon_it(void **state) {
    (void)state;
    static const char *const loopback[] = {"tcp:127.0.0.1:80", "tcp:127.255.0.1:80", "tcp:[::1]:80",
                                           "tcp:[0:0:0:0:0:0:0:1]:80", "tcp:[::ffff:127.0.0.1]:80"};
    for (size_t i = 0; i < sizeof loopback / sizeof loopback[0]; i++) {
        assert_true(told(loopback[i], "tcp:127.0.0.1:5000"));
        assert_true(told(loopback[i], "tcp:[::1]:5000"));
        assert_true(told(loopback[i], "tcp:[::ffff:127.0.0.1]:5000"));
        assert_true(told(loopback[i], "tcp:localhost:5000"));
        assert_false(told(loopback[i], "tcp:192.0.2.7:5000"));
        assert_false(told(loopback[i], "tcp:localhost.example.org:5000"));
        assert_false(told(loopback[i], "mem:alice"));
        assert_false(told(loopback[i], ""));
    }
}

DX_TEST_MAIN(DX_TEST(test_figures_are_dialled), DX_TEST(test_names_and_nonsense_are_not),
             DX_TEST(test_what_is_nobodys_is_not), DX_TEST(test_the_loopback_is_for_those_upon_it))
