/* net/http.c: heads of requests and responses; above all what is refused, as each leniency has been a way to smuggle. */
#include "net/http.h"
#include "test.h"

static dx_http_head head;
static int status;

static int read_request(const char *text) {
    return dx_http_request_read(dx_bytes_text(text), &head, &status);
}

static bool is(dx_bytes bytes, const char *wanted) {
    return dx_bytes_equal(bytes, dx_bytes_text(wanted));
}

/* --- Where heads end -------------------------------------------------------------------------------- */

static void test_a_head_that_comes_byte_by_byte(void **state) {
    const char *text = "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET";
    size_t size = strlen(text) - 3, seen = 0;
    (void)state;
    for (size_t i = 0; i < size; i++) {
        assert_int_equal(dx_http_head_find(dx_bytes_of(text, i), &seen), 0);
        assert_int_equal(seen, i);
    }
    assert_int_equal(dx_http_head_find(dx_bytes_of(text, size), &seen), (int64_t)size);
    seen = 0;
    assert_int_equal(dx_http_head_find(dx_bytes_text(text), &seen), (int64_t)size);
    seen = 0;
    assert_int_equal(dx_http_head_find(dx_bytes_text("\r\nGET"), &seen), 2);
}

static void test_lines_end_in_one_way(void **state) {
    static const char *const texts[] = {"GET / HTTP/1.1\nHost: a\r\n\r\n",
                                        "\n",
                                        "GET /\rx",
                                        "GET / HTTP/1.1\r\nHost: a\r\n\n",
                                        "GET /\x01",
                                        "GET / HTTP/1.1\r\nA: b\x7f",
                                        "\r\r\n",
                                        "\x16\x03\x01"};
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        size_t seen = 0;
        assert_int_equal(dx_http_head_find(dx_bytes_text(texts[i]), &seen), DX_E_MALFORMED);
    }
    size_t seen = 0;
    assert_int_equal(dx_http_head_find(dx_bytes_of("GET /\0", 6), &seen), DX_E_MALFORMED);
}

static void test_a_head_has_an_end(void **state) {
    static char text[DX_HTTP_HEAD_SIZE_MAX + 1];
    size_t seen = 0;
    (void)state;
    memset(text, 'a', sizeof text);
    assert_int_equal(dx_http_head_find(dx_bytes_of(text, sizeof text - 2), &seen), 0);
    assert_int_equal(dx_http_head_find(dx_bytes_of(text, sizeof text - 1), &seen), DX_E_LIMIT);
    memcpy(text + sizeof text - 5, "\r\n\r\n", 4);
    seen = 0;
    assert_int_equal(dx_http_head_find(dx_bytes_of(text, sizeof text), &seen), DX_HTTP_HEAD_SIZE_MAX);
    memcpy(text + sizeof text - 5, "a\r\n\r\n", 5);
    seen = 0;
    assert_int_equal(dx_http_head_find(dx_bytes_of(text, sizeof text), &seen), DX_E_LIMIT);
}

/* --- Requests ---------------------------------------------------------------------------------------- */

static void test_a_request(void **state) {
    (void)state;
    assert_int_equal(read_request("GET /a/b?c=%20 HTTP/1.1\r\nHost: "
                                  "halo.kube.localhost:8100\r\nX-Empty:\r\nAccept:\t */* \t\r\n\r\n"),
                     DX_OK);
    assert_int_equal(head.method, DX_HTTP_GET);
    assert_true(is(head.target, "/a/b?c=%20"));
    assert_true(is(head.host.host, "halo.kube.localhost"));
    assert_int_equal(head.host.port, 8100);
    assert_true(head.keep_alive && head.minor == 1);
    assert_int_equal(head.field_count, 3);
    assert_true(is(dx_http_field_find(&head, "ACCEPT"), "*/*"));
    assert_int_equal(dx_http_field_find(&head, "x-empty").size, 0);
    assert_null(dx_http_field_find(&head, "x-missing").data);
    assert_int_equal(read_request("HEAD / HTTP/1.0\r\nHost: a\r\n\r\n"), DX_OK);
    assert_true(head.method == DX_HTTP_HEAD && !head.keep_alive && head.minor == 0);
    assert_int_equal(
        read_request(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 012\r\nConnection: keep-alive, Close\r\n\r\n"),
        DX_OK);
    assert_true(head.method == DX_HTTP_KNOWN && !head.keep_alive && head.has_body_size);
    assert_int_equal(head.body_size, 12);
    assert_int_equal(read_request("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"), DX_OK);
    assert_int_equal(read_request("get / HTTP/1.9\r\nHost: a\r\n\r\n"), DX_OK);
    assert_true(head.method == DX_HTTP_UNKNOWN && head.minor == 1);
}

static void test_the_absolute_form(void **state) {
    (void)state;
    assert_int_equal(read_request("GET http://a:81/x HTTP/1.1\r\nHost: A:81\r\n\r\n"), DX_OK);
    assert_true(is(head.target, "/x"));
    assert_int_equal(read_request("GET http://a HTTP/1.1\r\nHost: a\r\n\r\n"), DX_OK);
    assert_true(is(head.target, "/"));
    assert_int_equal(read_request("GET http://b/x HTTP/1.1\r\nHost: a\r\n\r\n"), DX_E_MALFORMED);
    assert_int_equal(read_request("GET http://a:82/x HTTP/1.1\r\nHost: a:81\r\n\r\n"), DX_E_MALFORMED);
    assert_int_equal(read_request("GET http://a/x HTTP/1.1\r\nHost: a:80\r\n\r\n"), DX_E_MALFORMED);
    assert_int_equal(read_request("GET a HTTP/1.1\r\nHost: a\r\n\r\n"), DX_E_MALFORMED);
}

static void test_requests_that_are_refused(void **state) {
    static const struct {
        int status;
        const char *text;
    } rows[] = {
        {400, ""},
        {400, "\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\n\r\nmore"},
        {400, "GET /\r\nHost: a\r\n\r\n"},
        {400, "GET  / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
        {400, " GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "G@T / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET /\ta HTTP/1.1\r\nHost: a\r\n\r\n"},
        {400, "GET / HTTP/11\r\nHost: a\r\n\r\n"},
        {400, "GET / http/1.1\r\nHost: a\r\n\r\n"},
        {505, "GET / HTTP/2.0\r\nHost: a\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost:\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a@b\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\n\tc\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\n: nameless\r\n\r\n"},
        {400, "GET / HTTP/1.1\r\nHost: a\r\nX(Y): b\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1234567890123456789\r\n\r\n"},
        {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {501, "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n"},
        {400, "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"},
        {400, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int error = read_request(rows[i].text);
        if (error != DX_E_MALFORMED || status != rows[i].status) {
            fail_msg("%s: error %d, status %d", rows[i].text, error, status);
        }
    }
}

static void test_limits_of_a_request(void **state) {
    static char text[DX_HTTP_HEAD_SIZE_MAX];
    (void)state;
    int size =
        snprintf(text, sizeof text, "GET /%0*d HTTP/1.1\r\nHost: a\r\n\r\n", DX_HTTP_TARGET_SIZE_MAX - 1, 0);
    assert_int_equal(dx_http_request_read(dx_bytes_of(text, (size_t)size), &head, &status), DX_OK);
    snprintf(text, sizeof text, "GET /%0*d HTTP/1.1\r\nHost: a\r\n\r\n", DX_HTTP_TARGET_SIZE_MAX, 0);
    assert_int_equal(read_request(text), DX_E_LIMIT);
    assert_int_equal(status, 414);
    size = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\n");
    for (int i = 1; i < DX_HTTP_FIELDS_MAX; i++) {
        size += snprintf(text + size, sizeof text - (size_t)size, "X-%d: y\r\n", i);
    }
    snprintf(text + size, sizeof text - (size_t)size, "\r\n");
    assert_int_equal(read_request(text), DX_OK);
    snprintf(text + size, sizeof text - (size_t)size, "X: y\r\n\r\n");
    assert_int_equal(read_request(text), DX_E_LIMIT);
    assert_int_equal(status, 431);
}

/* Cut anywhere, values of cookies go and nothing else does. */
static void test_cookies_are_dropped(void **state) {
    (void)state;
    static const struct {
        const char *came, *left;
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\nCookie: b=c; d=e\r\nX: y\r\n\r\n",
         "GET / HTTP/1.1\r\nHost: a\r\nCookie:\r\nX: y\r\n\r\n"},
        {"GET / HTTP/1.1\r\ncOOKIE:b\tc\r\nCookie: d\r\n\r\n",
         "GET / HTTP/1.1\r\ncOOKIE:\r\nCookie:\r\n\r\n"},
        {"Cookie: / HTTP/1.1\r\nHost: a\r\n\r\n", "Cookie: / HTTP/1.1\r\nHost: a\r\n\r\n"},
        {"GET / HTTP/1.1\r\nCookies: b\r\nXCookie: b\r\nX: Cookie: b\r\n Cookie: b\r\nCookie : b\r\n\r\n",
         "GET / HTTP/1.1\r\nCookies: b\r\nXCookie: b\r\nX: Cookie: b\r\n Cookie: b\r\nCookie : b\r\n\r\n"},
        {"GET / HTTP/1.1\r\n\r\nCookie: what follows is another's\r\n", /* a WebSocket's, or the next head */
         "GET / HTTP/1.1\r\n\r\nCookie: what follows is another's\r\n"},
        {"GET / HTTP/1.1\r\nCookie: a\x01"
         "b\nX: y\r\n\r\n",
         "GET / HTTP/1.1\r\nCookie:\x01"
         "b\nX: y\r\n\r\n"},
        {"GET / HTTP/1.1\r\nCookie: a\rb\r\n\r\n",
         "GET / HTTP/1.1\r\nCookie:\rb\r\n\r\n"}, /* refused by the reader */
        {"GET / HTTP/1.1\r\nCookie: a\r \n\r\n",
         "GET / HTTP/1.1\r\nCookie:\r \n\r\n"}, /* refused before, and after */
        {"\r\nHost: a\r\nCookie: b\r\n",
         "\r\nHost: a\r\nCookie: b\r\n"}, /* a head of no line: behind it is none */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        size_t size = strlen(rows[i].came);
        for (size_t cut = 0; cut <= size; cut++) {
            uint8_t bytes[256];
            dx_http_cookies cookies = {0};
            memcpy(bytes, rows[i].came, cut);
            size_t left = dx_http_cookies_drop(&cookies, bytes, cut);
            memcpy(bytes + left, rows[i].came + cut, size - cut);
            left = dx_http_cookies_drop(&cookies, bytes, left + size - cut);
            assert_int_equal(left, strlen(rows[i].left));
            assert_memory_equal(bytes, rows[i].left, left);
            assert_int_equal(cookies.dropped, size - left);
        }
    }
}

/* --- Fields ------------------------------------------------------------------------------------------- */

static void with_fields(const char *fields) {
    char text[1024];
    snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", fields);
    assert_int_equal(read_request(text), DX_OK);
}

static void test_lists_of_tokens(void **state) {
    (void)state;
    with_fields("Connection: keep-alive ,\tUpgrade\r\nConnection: x\r\n");
    assert_true(dx_http_has_token(&head, "connection", "upgrade"));
    assert_true(dx_http_has_token(&head, "connection", "X"));
    assert_false(dx_http_has_token(&head, "connection", "keep"));
    assert_false(dx_http_has_token(&head, "upgrade", "x"));
    assert_int_equal(dx_http_field_count(&head, "Connection"), 2);
}

static void test_codings(void **state) {
    static const struct {
        const char *fields;
        bool br, gzip;
    } rows[] = {{"", false, false},
                {"Accept-Encoding: gzip, deflate, br\r\n", true, true},
                {"Accept-Encoding: gzip\r\nAccept-Encoding: br\r\n", true, true},
                {"Accept-Encoding: gzip;q=0, br;q=0.5\r\n", true, false},
                {"Accept-Encoding: GZIP ; Q=0.000\r\n", false, false},
                {"Accept-Encoding: *\r\n", true, true},
                {"Accept-Encoding: *, br;q=0\r\n", false, true},
                {"Accept-Encoding: identity, *;q=0\r\n", false, false},
                {"Accept-Encoding:\r\n", false, false},
                {"Accept-Encoding: xbr, gzip2\r\n", false, false}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        with_fields(rows[i].fields);
        assert_int_equal(dx_http_accepts_coding(&head, "br"), rows[i].br);
        assert_int_equal(dx_http_accepts_coding(&head, "gzip"), rows[i].gzip);
    }
}

static void test_entity_tags(void **state) {
    (void)state;
    with_fields("If-None-Match: \"x\", W/\"abc\"\r\n");
    assert_true(dx_http_matches_tag(&head, "\"abc\""));
    assert_true(dx_http_matches_tag(&head, "\"x\""));
    assert_false(dx_http_matches_tag(&head, "\"ab\""));
    with_fields("If-None-Match: *\r\n");
    assert_true(dx_http_matches_tag(&head, "\"abc\""));
    with_fields("If-None-Match: abc\r\nIf-Match: \"abc\"\r\n");
    assert_false(dx_http_matches_tag(&head, "\"abc\""));
}

/* --- Responses ------------------------------------------------------------------------------------------- */

static int read_response(const char *text) {
    return dx_http_response_read(dx_bytes_text(text), &head);
}

static void test_responses(void **state) {
    static const char *const refused[] = {"HTTP/1.1 20 OK\r\n\r\n",
                                          "HTTP/1.1 2000 OK\r\n\r\n",
                                          "HTTP/1.1 x00 OK\r\n\r\n",
                                          "HTTP/2.0 200 OK\r\n\r\n",
                                          "HTTP/1.1 099 No\r\n\r\n",
                                          "HTTP/1.1 600 No\r\n\r\n",
                                          "HTTP/1.1\r\n\r\n",
                                          "200 OK\r\n\r\n",
                                          "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
                                          "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
                                          "HTTP/1.1 200 OK\r\n"};
    (void)state;
    assert_int_equal(read_response("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"), DX_OK);
    assert_int_equal(head.status, 101);
    assert_int_equal(read_response("HTTP/1.0 503\r\nContent-Length: 5\r\n\r\n"), DX_OK);
    assert_true(head.status == 503 && head.body_size == 5 && !head.keep_alive);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (read_response(refused[i]) != DX_E_MALFORMED) {
            fail_msg("%s was taken", refused[i]);
        }
    }
}

static void test_what_is_written_is_read(void **state) {
    test_alloc alloc;
    dx_buf out;
    (void)state;
    test_alloc_init(&alloc);
    dx_buf_init(&out, &alloc.port, 4096);
    dx_http_response_begin(&out, 404);
    dx_http_field_write(&out, "Server", "dx");
    dx_http_field_write_number(&out, "Content-Length", 18446744073709551u);
    dx_http_head_end(&out);
    assert_true(is(dx_buf_view(&out),
                   "HTTP/1.1 404 Not Found\r\nServer: dx\r\nContent-Length: 18446744073709551\r\n\r\n"));
    assert_int_equal(dx_http_response_read(dx_buf_view(&out), &head), DX_OK);
    assert_true(head.status == 404 && head.body_size == 18446744073709551u);
    dx_buf_clear(&out);
    dx_http_request_begin(&out, "GET", dx_bytes_text("/x"));
    dx_http_field_write(&out, "Host", "a:1");
    dx_http_field_write_number(&out, "Content-Length", 0);
    dx_http_head_end(&out);
    assert_int_equal(dx_http_request_read(dx_buf_view(&out), &head, &status), DX_OK);
    assert_string_equal(dx_http_reason(299), "");
    dx_buf_deinit(&out);
    assert_int_equal(alloc.live_bytes, 0);
}

DX_TEST_MAIN(DX_TEST(test_a_head_that_comes_byte_by_byte), DX_TEST(test_lines_end_in_one_way),
             DX_TEST(test_a_head_has_an_end), DX_TEST(test_a_request), DX_TEST(test_the_absolute_form),
             DX_TEST(test_requests_that_are_refused), DX_TEST(test_limits_of_a_request),
             DX_TEST(test_cookies_are_dropped), DX_TEST(test_lists_of_tokens), DX_TEST(test_codings),
             DX_TEST(test_entity_tags), DX_TEST(test_responses), DX_TEST(test_what_is_written_is_read))
