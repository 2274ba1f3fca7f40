/* tests/unit/net/test_sdp.c: descriptions as others write them, all that is refused, and our own read back. */
#include "net/sdp.h"
#include "test.h"

#define FINGERPRINT                                                                                          \
    "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:FF"

/* The form of Chromium 120's createOffer with one data channel. */
static const char chromium_offer[] =
    "v=0\r\no=- 4962303333179871722 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE "
    "0\r\na=extmap-allow-mixed\r\n"
    "a=msid-semantic: WMS\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n"
    "a=candidate:1 1 udp 2113937151 5a7a3d2e-1111-4222-8333-444455556666.local 57890 typ host generation 0 "
    "network-cost 999\r\n"
    "a=candidate:2 1 udp 1677729535 203.0.113.7 57890 typ srflx raddr 0.0.0.0 rport 0 generation 0 "
    "network-cost 999\r\n"
    "a=ice-ufrag:8hhY\r\na=ice-pwd:asd88fgpdd777uzjYhagZgzy\r\na=ice-options:trickle\r\na=fingerprint:sha-"
    "256 " FINGERPRINT "\r\na=setup:actpass\r\na=mid:0\r\na=sctp-port:5000\r\na=max-message-size:262144\r\n";
/* libdatachannel's answer: attributes in another order, candidates and their end inside. */
static const char libdatachannel_answer[] =
    "v=0\r\no=rtc 3767197920 0 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\na=group:LS 0\r\n"
    "a=msid-semantic:WMS *\r\na=setup:active\r\na=ice-ufrag:ABCD\r\na=ice-pwd:0123456789012345678901\r\n"
    "a=ice-options:ice2,trickle trickle\r\na=fingerprint:sha-256 " FINGERPRINT
    "\r\nm=application 42000 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 "
    "10.0.0.5\r\na=mid:0\r\na=sendrecv\r\n"
    "a=sctp-port:5000\r\na=max-message-size:262144\r\na=candidate:1 1 UDP 2114977791 10.0.0.5 42000 typ "
    "host\r\n"
    "a=end-of-candidates\r\n";
/* Firefox: fingerprint and options above the media section, a session without trickled candidates. */
static const char firefox_offer[] =
    "v=0\r\no=mozilla...THIS_IS_SDPARTA-99.0 7411302 0 IN IP4 0.0.0.0\r\ns=-\r\nt=0 "
    "0\r\na=fingerprint:sha-256 " FINGERPRINT
    "\r\na=group:BUNDLE data\r\na=ice-options:trickle\r\na=msid-semantic:WMS *\r\n"
    "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 "
    "0.0.0.0\r\na=sendrecv\r\na=ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"
    "a=ice-ufrag:0badcafe\r\na=mid:data\r\na=setup:actpass\r\na=sctp-port:5000\r\na=max-message-size:"
    "1073741823\r\n";

static dx_sdp sdp; /* 23 kB */
static uint8_t fingerprint[DX_SDP_FINGERPRINT_SIZE];

static int parse(const char *text) {
    const char *problem = "unset";
    int error = dx_sdp_parse(dx_bytes_text(text), &sdp, &problem);
    assert_int_equal(problem == NULL, error == DX_OK);
    return error;
}

static int set_up(void **state) {
    (void)state;
    for (uint8_t i = 0; i < sizeof fingerprint; i++) {
        fingerprint[i] = i;
    }
    fingerprint[31] = 0xff;
    return 0;
}

static void test_chromium(void **state) {
    (void)set_up(state);
    assert_int_equal(parse(chromium_offer), DX_OK);
    assert_true(sdp.session == 4962303333179871722u && sdp.version == 2);
    assert_string_equal(sdp.mid, "0");
    assert_string_equal(sdp.ufrag, "8hhY");
    assert_string_equal(sdp.password, "asd88fgpdd777uzjYhagZgzy");
    assert_true(sdp.trickle && !sdp.ice_lite && !sdp.end_of_candidates);
    assert_int_equal(sdp.pacing_ms, DX_SDP_PACING_DEFAULT_MS);
    assert_memory_equal(sdp.fingerprint, fingerprint, sizeof fingerprint);
    assert_int_equal(sdp.setup, DX_SDP_ACTPASS);
    assert_int_equal(sdp.sctp_port, 5000);
    assert_int_equal(sdp.max_message_size, 262144);
    assert_int_equal(sdp.candidate_count, 1);
    assert_int_equal(sdp.candidates[0].type, DX_CANDIDATE_SERVER_REFLEXIVE);
    assert_int_equal(sdp.skipped_count, 1);
    assert_int_equal(sdp.hidden_count, 1);
}

static void test_libdatachannel(void **state) {
    (void)set_up(state);
    assert_int_equal(parse(libdatachannel_answer), DX_OK);
    assert_string_equal(sdp.ufrag, "ABCD");
    assert_int_equal(sdp.setup, DX_SDP_ACTIVE);
    assert_true(sdp.trickle && sdp.end_of_candidates);
    assert_int_equal(sdp.candidate_count, 1);
    assert_memory_equal(sdp.fingerprint, fingerprint, sizeof fingerprint);
}

static void test_firefox(void **state) {
    (void)state;
    assert_int_equal(parse(firefox_offer), DX_OK);
    assert_string_equal(sdp.mid, "data");
    assert_true(sdp.trickle);
    assert_int_equal(sdp.max_message_size, 1073741823);
}

/* The smallest there is; the rows below change it. */
#define HEAD   "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n"
#define MEDIA  "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n"
#define UFRAG  "a=ice-ufrag:abcd\r\n"
#define PWD    "a=ice-pwd:0123456789012345678901\r\n"
#define PRINT  "a=fingerprint:sha-256 " FINGERPRINT "\r\n"
#define SETUP  "a=setup:actpass\r\n"
#define NEEDED UFRAG PWD PRINT SETUP

static void test_the_least(void **state) {
    (void)state;
    assert_int_equal(parse(HEAD MEDIA NEEDED), DX_OK);
    assert_int_equal(sdp.sctp_port, DX_SDP_SCTP_PORT);
    assert_int_equal(sdp.max_message_size, DX_SDP_MESSAGE_SIZE_DEFAULT);
    assert_string_equal(sdp.mid, "");
    assert_false(sdp.trickle);
    assert_int_equal(parse("v=0\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\n\n" NEEDED),
                     DX_OK); /* bare line feeds */
    assert_int_equal(dx_sdp_parse(dx_bytes_text(HEAD MEDIA NEEDED), &sdp, NULL), DX_OK);
}

static void test_rows_that_are_taken(void **state) {
    (void)state;
    static const char *const rows[] = {
        HEAD MEDIA NEEDED "a=ice-lite\r\na=unknown:x\r\na=another\r\nz=0\r\n",
        HEAD MEDIA NEEDED "a=fingerprint:sha-1 00\r\na=fingerprint:sha-512 11\r\n", /* beside ours */
        HEAD UFRAG MEDIA NEEDED,                                                    /* on both levels */
        HEAD MEDIA NEEDED "a=candidate:nonsense\r\n",
        HEAD MEDIA NEEDED
        "a=max-message-size:0\r\na=ICE-OPTIONS:Trickle\r\na=end-of-candidates\r\na=end-of-candidates\r\n",
        HEAD "m=application 9 TCP/DTLS/SCTP webrtc-datachannel\r\n" NEEDED,
        HEAD MEDIA UFRAG PWD SETUP
        "a=fingerprint:SHA-256 "
        "00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:10:11:12:13:14:15:16:17:18:19:1a:1b:1c:1d:1e:ff\r\n",
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(parse(rows[i]), DX_OK);
    }
    assert_int_equal(parse(rows[0]), DX_OK);
    assert_true(sdp.ice_lite);
    assert_int_equal(parse(rows[3]), DX_OK);
    assert_int_equal(sdp.skipped_count, 1);
    assert_int_equal(parse(rows[4]), DX_OK);
    assert_int_equal(sdp.max_message_size, 0);
}

static void test_rows_that_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int error;
    } rows[] = {
        {"", DX_E_MALFORMED},
        {"\r\n" HEAD MEDIA NEEDED, DX_E_MALFORMED},
        {"v=1\r\n" MEDIA NEEDED, DX_E_MALFORMED},
        {"{\"type\":\"offer\"}", DX_E_MALFORMED},
        {HEAD MEDIA NEEDED "x\r\n", DX_E_MALFORMED},
        {HEAD MEDIA NEEDED "no line\r\n", DX_E_MALFORMED},
        {HEAD NEEDED, DX_E_UNSUPPORTED},
        {HEAD MEDIA NEEDED MEDIA, DX_E_UNSUPPORTED},
        {HEAD "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n" NEEDED, DX_E_UNSUPPORTED},
        {HEAD "m=application 9 DTLS/SCTP 5000\r\n" NEEDED, DX_E_UNSUPPORTED},
        {HEAD "m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n" NEEDED, DX_E_UNSUPPORTED},
        {HEAD "m=application x UDP/DTLS/SCTP webrtc-datachannel\r\n" NEEDED, DX_E_MALFORMED},
        {HEAD "m=application\r\n" NEEDED, DX_E_MALFORMED},
        {HEAD MEDIA PWD PRINT SETUP, DX_E_MALFORMED},
        {HEAD MEDIA UFRAG PRINT SETUP, DX_E_MALFORMED},
        {HEAD MEDIA UFRAG PWD SETUP, DX_E_UNSUPPORTED},
        {HEAD MEDIA UFRAG PWD PRINT, DX_E_MALFORMED},
        {HEAD MEDIA UFRAG PWD SETUP "a=fingerprint:sha-1 00:11\r\n", DX_E_UNSUPPORTED},
        {HEAD PRINT MEDIA NEEDED, DX_E_MALFORMED}, /* two of them: which one holds? */
        {HEAD MEDIA NEEDED PRINT, DX_E_MALFORMED},
        {HEAD MEDIA UFRAG NEEDED, DX_E_MALFORMED},
        {HEAD MEDIA NEEDED SETUP, DX_E_MALFORMED},
        {HEAD MEDIA UFRAG PWD SETUP "a=fingerprint:sha-256 00:11\r\n", DX_E_MALFORMED},
        {HEAD MEDIA UFRAG PWD SETUP
         "a=fingerprint:sha-256 "
         "0001:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:"
         "FF:\r\n",
         DX_E_MALFORMED},
        {HEAD MEDIA UFRAG PWD SETUP
         "a=fingerprint:sha-256 "
         "0G:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:"
         "FF\r\n",
         DX_E_MALFORMED},
        {HEAD MEDIA "a=ice-ufrag:abc\r\n" PWD PRINT SETUP, DX_E_MALFORMED},
        {HEAD MEDIA "a=ice-ufrag:ab cd\r\n" PWD PRINT SETUP, DX_E_MALFORMED},
        {HEAD MEDIA UFRAG "a=ice-pwd:012345678901234567890\r\n" PRINT SETUP, DX_E_MALFORMED},
        {HEAD MEDIA UFRAG PWD PRINT "a=setup:holdconn\r\n", DX_E_UNSUPPORTED},
        {HEAD MEDIA NEEDED "a=mid:\r\n", DX_E_MALFORMED},
        {HEAD MEDIA NEEDED "a=mid:123456789012345678901234567890123\r\n", DX_E_MALFORMED},
        {HEAD MEDIA NEEDED "a=sctp-port:0\r\n", DX_E_MALFORMED},
        {HEAD MEDIA NEEDED "a=sctp-port:65536\r\n", DX_E_MALFORMED},
        {HEAD MEDIA NEEDED "a=max-message-size:x\r\n", DX_E_MALFORMED},
        {HEAD MEDIA NEEDED "a=ice-pacing:fast\r\n", DX_E_MALFORMED},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(parse(rows[i].text), rows[i].error);
    }
}

static void test_pacing_is_kept_reasonable(void **state) {
    (void)state;
    static const struct {
        const char *line;
        uint32_t pacing_ms;
    } rows[] = {{"a=ice-pacing:0\r\n", 5}, {"a=ice-pacing:20\r\n", 20}, {"a=ice-pacing:4000000\r\n", 1000}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char text[1024];
        snprintf(text, sizeof text, "%s%s", HEAD MEDIA NEEDED, rows[i].line);
        assert_int_equal(parse(text), DX_OK);
        assert_int_equal(sdp.pacing_ms, rows[i].pacing_ms);
    }
}

static void test_limits(void **state) {
    (void)state;
    static char text[DX_SDP_SIZE_MAX + 2];
    size_t size = (size_t)snprintf(text, sizeof text, "%s", HEAD MEDIA NEEDED);
    for (int i = 0; i < DX_SDP_CANDIDATES_MAX; i++) {
        size += (size_t)snprintf(text + size, sizeof text - size,
                                 "a=candidate:1 1 udp 1 192.0.2.1 %d typ host\r\n", i + 1);
    }
    assert_int_equal(parse(text), DX_OK);
    assert_int_equal(sdp.candidate_count, DX_SDP_CANDIDATES_MAX);
    snprintf(text + size, sizeof text - size, "a=candidate:broken\r\n");
    assert_int_equal(parse(text), DX_E_LIMIT);
    memset(text + size, 'x', sizeof text - size);
    memcpy(text + size, "a=", 2);
    assert_int_equal(dx_sdp_parse(dx_bytes_of(text, DX_SDP_SIZE_MAX), &sdp, NULL), DX_OK);
    assert_int_equal(dx_sdp_parse(dx_bytes_of(text, DX_SDP_SIZE_MAX + 1), &sdp, NULL), DX_E_LIMIT);
}

static void test_no_prefix_crashes(void **state) {
    (void)state;
    for (size_t size = 0; size < sizeof libdatachannel_answer; size++) {
        int error = dx_sdp_parse(dx_bytes_of(libdatachannel_answer, size), &sdp, NULL);
        assert_true(error == DX_OK || error == DX_E_MALFORMED || error == DX_E_UNSUPPORTED);
    }
}

static void fill(dx_sdp *out) {
    dx_sdp_init(out);
    out->session = 77;
    out->version = 3;
    memcpy(out->ufrag, "abcdEFGH", 9);
    memcpy(out->password, "0123456789abcdef01234567", 25);
    memcpy(out->fingerprint, fingerprint, sizeof fingerprint);
    out->trickle = true;
    out->max_message_size = 262144;
}

static void test_written_is_read(void **state) {
    (void)set_up(state);
    static dx_sdp written;
    test_alloc alloc;
    dx_buf out;
    test_alloc_init(&alloc);
    fill(&written);
    written.setup = DX_SDP_ACTIVE;
    memcpy(written.mid, "data", 5);
    written.pacing_ms = 20;
    written.ice_lite = written.end_of_candidates = true;
    written.candidate_count = 2;
    assert_int_equal(dx_candidate_parse(dx_bytes_text("candidate:h1 1 udp 5 192.0.2.1 1 typ host"),
                                        &written.candidates[0]),
                     DX_OK);
    assert_int_equal(dx_candidate_parse(
                         dx_bytes_text("candidate:s1x1 1 udp 4 192.0.2.2 2 typ srflx raddr 10.0.0.1 rport 1"),
                         &written.candidates[1]),
                     DX_OK);
    dx_buf_init(&out, &alloc.port, DX_SDP_SIZE_MAX);
    assert_int_equal(dx_sdp_write(&written, &out), DX_OK);
    assert_int_equal(dx_sdp_parse(dx_buf_view(&out), &sdp, NULL), DX_OK);
    assert_memory_equal(&sdp, &written, sizeof sdp);
    dx_buf_deinit(&out);
    assert_int_equal(alloc.live_bytes, 0);
}

static void test_an_offer_to_the_letter(void **state) {
    (void)set_up(state);
    static dx_sdp written;
    test_alloc alloc;
    dx_buf out;
    test_alloc_init(&alloc);
    fill(&written);
    dx_buf_init(&out, &alloc.port, DX_SDP_SIZE_MAX);
    assert_int_equal(dx_sdp_write(&written, &out), DX_OK);
    dx_buf_append_byte(&out, 0);
    assert_string_equal(
        (const char *)out.data,
        "v=0\r\no=- 77 3 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0\r\n"
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\n"
        "a=ice-ufrag:abcdEFGH\r\na=ice-pwd:0123456789abcdef01234567\r\na=ice-options:trickle\r\n"
        "a=fingerprint:sha-256 " FINGERPRINT "\r\na=setup:actpass\r\na=mid:0\r\na=sctp-port:5000\r\n"
        "a=max-message-size:262144\r\n");
    dx_buf_deinit(&out);
}

static void test_what_cannot_be_written(void **state) {
    (void)state;
    static dx_sdp written;
    test_alloc alloc;
    dx_buf out;
    test_alloc_init(&alloc);
    dx_buf_init(&out, &alloc.port, DX_SDP_SIZE_MAX);
    for (int i = 0; i < 9; i++) {
        fill(&written);
        switch (i) {
        case 0:
            written.ufrag[0] = '\0';
            break;
        case 1:
            written.ufrag[2] = '\n';
            break;
        case 2:
            written.password[5] = '\0';
            break;
        case 3:
            memcpy(written.mid, "a b", 4);
            break;
        case 4:
            written.sctp_port = 0;
            break;
        case 5:
            written.pacing_ms = 4;
            break;
        case 6:
            written.candidate_count = 1; /* one without an address */
            break;
        case 7:
            written.candidate_count = DX_SDP_CANDIDATES_MAX + 1;
            break;
        default:
            written.setup = (dx_sdp_setup)7;
        }
        assert_int_equal(dx_sdp_write(&written, &out), DX_E_INVALID);
        assert_int_equal(out.size, 0);
    }
    dx_buf_deinit(&out);
    dx_buf_init(&out, &alloc.port, 100);
    fill(&written);
    assert_int_equal(dx_sdp_write(&written, &out), DX_E_LIMIT);
    dx_buf_deinit(&out);
    dx_buf_init(&out, &alloc.port, DX_SDP_SIZE_MAX);
    alloc.fail_at = alloc.calls + 1;
    alloc.sticky = true;
    assert_int_equal(dx_sdp_write(&written, &out), DX_E_NO_MEMORY);
    dx_buf_deinit(&out);
    assert_int_equal(alloc.live_bytes, 0);
}

DX_TEST_MAIN(DX_TEST(test_chromium), DX_TEST(test_libdatachannel), DX_TEST(test_firefox),
             DX_TEST(test_the_least), DX_TEST(test_rows_that_are_taken), DX_TEST(test_rows_that_are_refused),
             DX_TEST(test_pacing_is_kept_reasonable), DX_TEST(test_limits), DX_TEST(test_no_prefix_crashes),
             DX_TEST(test_written_is_read), DX_TEST(test_an_offer_to_the_letter),
             DX_TEST(test_what_cannot_be_written))
