/* tests/unit/net/test_candidate.c: candidate lines as browsers and others write them, what is skipped and what is
 * refused, and the arithmetic of RFC 8445. */
#include "net/candidate.h"
#include "test.h"

static dx_candidate parsed(const char *line) {
    dx_candidate candidate;
    assert_int_equal(dx_candidate_parse(dx_bytes_text(line), &candidate), DX_OK);
    return candidate;
}

static void check_address(const dx_net_address *address, const char *expected) {
    char text[DX_NET_ADDRESS_TEXT_MAX];
    (void)dx_net_address_print(address, text);
    assert_string_equal(text, expected);
}

static void test_lines_as_others_write_them(void **state) {
    (void)state;
    static const struct {
        const char *line;
        dx_candidate_type type;
        uint32_t priority;
        const char *foundation, *address, *related, *ufrag;
    } rows[] = {
        /* Chromium, host and server-reflexive */
        {"candidate:842163049 1 udp 2113937151 192.168.1.23 57890 typ host generation 0 ufrag 8hhY "
         "network-cost 999",
         DX_CANDIDATE_HOST, 2113937151, "842163049", "192.168.1.23:57890", "", "8hhY"},
        {"candidate:842163049 1 udp 1677729535 203.0.113.7 57890 typ srflx raddr 192.168.1.23 rport 57890 "
         "generation 0 ufrag "
         "8hhY network-cost 999",
         DX_CANDIDATE_SERVER_REFLEXIVE, 1677729535, "842163049", "203.0.113.7:57890", "192.168.1.23:57890",
         "8hhY"},
        /* Chromium hides the related address too */
        {"a=candidate:1 1 udp 1677729535 203.0.113.7 57890 typ srflx raddr 0.0.0.0 rport 0\r\n",
         DX_CANDIDATE_SERVER_REFLEXIVE, 1677729535, "1", "203.0.113.7:57890", "0.0.0.0:0", ""},
        /* libdatachannel */
        {"a=candidate:1 1 UDP 2114977791 10.0.0.5 42000 typ host", DX_CANDIDATE_HOST, 2114977791, "1",
         "10.0.0.5:42000", "", ""},
        {"candidate:2 1 UDP 2116026367 fd00::5 42000 typ host", DX_CANDIDATE_HOST, 2116026367, "2",
         "[fd00::5]:42000", "", ""},
        /* Firefox, and a relay behind a hidden related address */
        {"candidate:0 1 UDP 2122252543 172.17.0.2 34567 typ host", DX_CANDIDATE_HOST, 2122252543, "0",
         "172.17.0.2:34567", "", ""},
        {"candidate:a+/9 1 udp 41885439 198.51.100.3 50000 typ relay raddr abc.local rport 9",
         DX_CANDIDATE_RELAYED, 41885439, "a+/9", "198.51.100.3:50000", "", ""},
        {"candidate:7 1 udp 1 192.0.2.1 1 typ prflx raddr :: rport 9", DX_CANDIDATE_PEER_REFLEXIVE, 1, "7",
         "192.0.2.1:1", "[::]:9", ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dx_candidate candidate = parsed(rows[i].line);
        assert_int_equal(candidate.skip, DX_CANDIDATE_USABLE);
        assert_int_equal(candidate.type, rows[i].type);
        assert_int_equal(candidate.priority, rows[i].priority);
        assert_string_equal(candidate.foundation, rows[i].foundation);
        assert_string_equal(candidate.ufrag, rows[i].ufrag);
        check_address(&candidate.address, rows[i].address);
        check_address(&candidate.related, rows[i].related);
    }
}

static void test_lines_to_skip(void **state) {
    (void)state;
    static const struct {
        const char *line;
        dx_candidate_skip skip;
    } rows[] = {
        {"candidate:1 1 udp 2113937151 4f5a-9c.local 57890 typ host", DX_CANDIDATE_HIDDEN},
        {"candidate:1 1 udp 2113937151 X.LOCAL 57890 typ host", DX_CANDIDATE_HIDDEN},
        {"candidate:1 1 udp 2113937151 peer.example.org 57890 typ host", DX_CANDIDATE_NAMED},
        {"candidate:1 1 udp 2113937151 .local 57890 typ host", DX_CANDIDATE_NAMED},
        {"candidate:1 1 tcp 1518280447 192.0.2.1 9 typ host tcptype active", DX_CANDIDATE_TRANSPORT},
        {"candidate:1 1 ssltcp 1518280447 192.0.2.1 443 typ host", DX_CANDIDATE_TRANSPORT},
        {"candidate:1 2 udp 2113937150 192.0.2.1 57891 typ host", DX_CANDIDATE_COMPONENT},
        {"candidate:1 1 udp 2113937151 0.0.0.0 57890 typ host", DX_CANDIDATE_NOWHERE},
        {"candidate:1 1 udp 2113937151 255.255.255.255 57890 typ host", DX_CANDIDATE_NOWHERE},
        {"candidate:1 1 udp 2113937151 224.0.0.1 57890 typ host", DX_CANDIDATE_NOWHERE},
        {"candidate:1 1 udp 2113937151 ff02::1 57890 typ host", DX_CANDIDATE_NOWHERE},
        {"candidate:1 1 udp 2113937151 192.0.2.1 0 typ host", DX_CANDIDATE_NOWHERE},
        {"candidate:1 1 udp 2113937151 192.0.2.1 57890 typ future", DX_CANDIDATE_NOWHERE},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(parsed(rows[i].line).skip, rows[i].skip);
    }
}

static void test_lines_refused(void **state) {
    (void)state;
    static const char *const rows[] = {
        "",
        "candidate:",
        "candidate",
        "candidate:1",
        "candidate:1 1 udp 1 192.0.2.1 1",
        "candidate:1 1 udp 1 192.0.2.1 1 host",
        "candidate:1 1 udp 1 192.0.2.1 1 typ",
        "candidate:1 0 udp 1 192.0.2.1 1 typ host",
        "candidate:1 257 udp 1 192.0.2.1 1 typ host",
        "candidate:1 x udp 1 192.0.2.1 1 typ host",
        "candidate:1 1 udp 4294967296 192.0.2.1 1 typ host",
        "candidate:1 1 udp -1 192.0.2.1 1 typ host",
        "candidate:1 1 udp 1 192.0.2.1 65536 typ host",
        "candidate:1 1 udp 1 192.0.2.1 x typ host",
        "candidate:1 1 udp 1 a$b 1 typ host",
        "candidate:1 1 udp 1 fe80::1%eth0 1 typ host",
        "candidate:1_2 1 udp 1 192.0.2.1 1 typ host",
        "candidate: 1 udp 1 192.0.2.1 1 typ host",
        "candidate:123456789012345678901234567890123 1 udp 1 192.0.2.1 1 typ host",
        "candidate:1 1 udp 1 192.0.2.1 1 typ srflx raddr 10.0.0.1 rport",
        "candidate:1 1 udp 1 192.0.2.1 1 typ srflx raddr 10.0.0.1 rport 65536",
        "A=candidate:1 1 udp 1 192.0.2.1 1 typ host",
        "b=candidate:1 1 udp 1 192.0.2.1 1 typ host",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        dx_candidate candidate;
        assert_int_equal(dx_candidate_parse(dx_bytes_text(rows[i]), &candidate), DX_E_MALFORMED);
    }
    static char line[DX_CANDIDATE_LINE_MAX + 2];
    dx_candidate candidate;
    int size = snprintf(line, sizeof line, "candidate:1 1 udp 1 192.0.2.1 1 typ host x ");
    memset(line + size, 'y', sizeof line - 1 - (size_t)size);
    assert_int_equal(dx_candidate_parse(dx_bytes_of(line, DX_CANDIDATE_LINE_MAX), &candidate), DX_OK);
    assert_int_equal(dx_candidate_parse(dx_bytes_of(line, DX_CANDIDATE_LINE_MAX + 1), &candidate),
                     DX_E_LIMIT);
}

static void test_an_overlong_ufrag_is_passed_over(void **state) {
    (void)state;
    char line[DX_CANDIDATE_LINE_MAX];
    for (size_t size = 256; size <= 257; size++) {
        int at = snprintf(line, sizeof line, "candidate:1 1 udp 1 192.0.2.1 1 typ host ufrag ");
        memset(line + at, 'u', size);
        line[(size_t)at + size] = '\0';
        assert_int_equal(strlen(parsed(line).ufrag), size == 256 ? 256 : 0);
    }
}

static void test_what_is_printed_is_read(void **state) {
    (void)state;
    static const char *const lines[] = {
        "candidate:h1 1 udp 2130706431 192.0.2.1 5000 typ host",
        "candidate:s1x2 1 udp 1694498815 203.0.113.7 5000 typ srflx raddr 10.0.0.1 rport 5000",
        "candidate:r9 1 udp 16777215 2001:db8::1 5000 typ relay raddr 2001:db8::2 rport 1 ufrag abcd",
        "candidate:p3 1 udp 1862270975 198.51.100.1 1 typ prflx raddr 0.0.0.0 rport 9",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        dx_candidate candidate = parsed(lines[i]);
        char text[DX_CANDIDATE_TEXT_MAX];
        assert_int_equal(dx_candidate_print(&candidate, text), strlen(lines[i]));
        assert_string_equal(text, lines[i]);
    }
    dx_candidate secretive = parsed(lines[1]);
    char text[DX_CANDIDATE_TEXT_MAX];
    secretive.related = (dx_net_address){0};
    (void)dx_candidate_print(&secretive, text);
    assert_string_equal(text,
                        "candidate:s1x2 1 udp 1694498815 203.0.113.7 5000 typ srflx raddr 0.0.0.0 rport 9");
    dx_candidate longest = parsed("candidate:12345678901234567890123456789012 1 udp 4294967295 "
                                  "1111:2222:3333:4444:5555:6666:7777:8888 65535 typ relay raddr "
                                  "1111:2222:3333:4444:5555:6666:7777:8888 rport 65535");
    memset(longest.ufrag, 'u', DX_CANDIDATE_UFRAG_MAX - 1);
    assert_true(dx_candidate_print(&longest, text) < DX_CANDIDATE_TEXT_MAX);
}

static void test_priorities(void **state) {
    (void)state;
    assert_int_equal(dx_candidate_priority(DX_CANDIDATE_HOST, 65535),
                     2130706431); /* RFC 8445 §15.1's example */
    assert_int_equal(dx_candidate_priority(DX_CANDIDATE_SERVER_REFLEXIVE, 65535), 1694498815);
    assert_true(dx_candidate_priority(DX_CANDIDATE_PEER_REFLEXIVE, 0) >
                dx_candidate_priority(DX_CANDIDATE_SERVER_REFLEXIVE, 65535));
    assert_int_equal(dx_candidate_priority(DX_CANDIDATE_RELAYED, 0), 255);
    /* 2^32*MIN(G,D) + 2*MAX(G,D) + (G>D?1:0) */
    assert_true(dx_candidate_pair_priority(5, 3) == (3ull << 32) + 11);
    assert_true(dx_candidate_pair_priority(3, 5) == (3ull << 32) + 10);
    assert_true(dx_candidate_pair_priority(4, 4) == (4ull << 32) + 8);
    assert_true(dx_candidate_pair_priority(UINT32_MAX, UINT32_MAX - 1) ==
                ((uint64_t)(UINT32_MAX - 1) << 32) + 2 * (uint64_t)UINT32_MAX + 1);
}

static void test_foundations_differ_as_their_parts_do(void **state) {
    (void)state;
    char seen[400][DX_CANDIDATE_FOUNDATION_MAX];
    size_t count = 0;
    for (unsigned type = 0; type < DX_CANDIDATE_TYPE_COUNT; type++) {
        for (uint32_t base = 1; base <= 12; base++) {
            for (uint32_t server = 0; server <= 4; server++) {
                dx_candidate_foundation((dx_candidate_type)type, base, server, seen[count]);
                for (size_t i = 0; i < count; i++) {
                    assert_string_not_equal(seen[i], seen[count]);
                }
                count++;
            }
        }
    }
    dx_candidate_foundation(DX_CANDIDATE_RELAYED, UINT32_MAX, UINT32_MAX, seen[0]);
    assert_true(strlen(seen[0]) < DX_CANDIDATE_FOUNDATION_MAX);
    assert_string_equal(dx_candidate_type_word(DX_CANDIDATE_TYPE_COUNT), "unknown");
}

DX_TEST_MAIN(DX_TEST(test_lines_as_others_write_them), DX_TEST(test_lines_to_skip),
             DX_TEST(test_lines_refused), DX_TEST(test_an_overlong_ufrag_is_passed_over),
             DX_TEST(test_what_is_printed_is_read), DX_TEST(test_priorities),
             DX_TEST(test_foundations_differ_as_their_parts_do))
