/* net/url.c: what is an address of the web, and what only looks like one. */
#include "net/url.h"
#include "test.h"

static dx_bytes text(const char *chars) {
    return dx_bytes_text(chars);
}

static bool is(dx_bytes bytes, const char *wanted) {
    return dx_bytes_equal(bytes, text(wanted));
}

static void test_urls_are_taken_apart(void **state) {
    static const struct {
        const char *url, *host, *target;
        dx_scheme scheme;
        uint16_t port;
    } rows[] = {{"http://kube.localhost", "kube.localhost", "", DX_SCHEME_HTTP, 80},
                {"HTTPS://Halo.Example.org/a?b=c", "Halo.Example.org", "/a?b=c", DX_SCHEME_HTTPS, 443},
                {"ws://127.0.0.1:8100/.well-known/dx/signal", "127.0.0.1", "/.well-known/dx/signal",
                 DX_SCHEME_WS, 8100},
                {"wss://[::1]:8443/", "::1", "/", DX_SCHEME_WSS, 8443}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        dx_url url;
        assert_int_equal(dx_url_parse(text(rows[i].url), &url), DX_OK);
        assert_int_equal(url.scheme, rows[i].scheme);
        assert_int_equal(url.authority.port, rows[i].port);
        assert_true(is(url.authority.host, rows[i].host));
        assert_true(is(url.target, rows[i].target));
    }
    assert_true(dx_scheme_is_secure(DX_SCHEME_WSS) && dx_scheme_is_secure(DX_SCHEME_HTTPS));
    assert_false(dx_scheme_is_secure(DX_SCHEME_WS) || dx_scheme_is_secure(DX_SCHEME_HTTP));
}

static void test_what_only_looks_like_a_url(void **state) {
    static const char *const urls[] = {"",
                                       "http:",
                                       "http://",
                                       "http:///path",
                                       "ftp://host/",
                                       "http//host/",
                                       "http://user@host/",
                                       "http://user:secret@host/",
                                       "http://host/#part",
                                       "http://host?query",
                                       "http://host:/",
                                       "http://host:0/",
                                       "http://host:080/",
                                       "http://host:65536/",
                                       "http://host:123456/",
                                       "http://host:8a/",
                                       "http://ho st/",
                                       "http://host/a b",
                                       "http://host/a\nb",
                                       "http://host/\xc3\xa4",
                                       "http://h\xc3\xa4st/",
                                       "http://.host/",
                                       "http://host./",
                                       "http://ho..st/",
                                       "http://127.1/",
                                       "http://0177.0.0.1/",
                                       "http://256.0.0.1/",
                                       "http://1.2.3.4.5/",
                                       "http://2130706433/",
                                       "http://[::1/",
                                       "http://[::1]x/",
                                       "http://[host]/",
                                       "http://[:]/",
                                       "http://[00000:0000:0000:0000:0000:0000:0000:0000:0000:0000]/",
                                       "http://::1/",
                                       "http://host\\evil/"};
    dx_url url;
    (void)state;
    for (size_t i = 0; i < sizeof urls / sizeof urls[0]; i++) {
        int error = dx_url_parse(text(urls[i]), &url);
        if (error != DX_E_INVALID) {
            fail_msg("%s was taken", urls[i]);
        }
    }
    char longest[DX_URL_SIZE_MAX + 2];
    memset(longest, 'a', sizeof longest);
    memcpy(longest, "http://h/", 9);
    assert_int_equal(dx_url_parse(dx_bytes_of(longest, DX_URL_SIZE_MAX), &url), DX_OK);
    assert_int_equal(dx_url_parse(dx_bytes_of(longest, DX_URL_SIZE_MAX + 1), &url), DX_E_INVALID);
}

static void test_authorities(void **state) {
    dx_authority who;
    char name[DX_HOST_SIZE_MAX + 2];
    (void)state;
    assert_int_equal(dx_authority_parse(text("halo.kube.localhost:8100"), &who), DX_OK);
    assert_true(is(who.host, "halo.kube.localhost") && who.has_port && who.port == 8100);
    assert_false(who.is_figure || who.is_six);
    assert_int_equal(dx_authority_parse(text("10.0.0.7"), &who), DX_OK);
    assert_true(who.is_figure && !who.is_six && !who.has_port && who.port == 0);
    assert_int_equal(dx_authority_parse(text("[fe80::1]:65535"), &who), DX_OK);
    assert_true(who.is_figure && who.is_six && who.port == 65535 && is(who.host, "fe80::1"));
    assert_int_equal(dx_authority_parse(text("[::ffff:10.0.0.7]"), &who), DX_OK);
    assert_int_equal(dx_authority_parse(text("[::::::..]:80"), &who), DX_E_INVALID);
    assert_int_equal(dx_authority_parse(text("[1:2:3]"), &who), DX_E_INVALID);
    assert_int_equal(dx_authority_parse(text("[10.0.0.7]"), &who), DX_E_INVALID);
    assert_int_equal(dx_authority_parse(text(""), &who), DX_E_INVALID);
    assert_int_equal(dx_authority_parse(text(":80"), &who), DX_E_INVALID);
    assert_int_equal(dx_authority_parse(text("a:80:80"), &who), DX_E_INVALID);
    memset(name, 'a', sizeof name);
    assert_int_equal(dx_authority_parse(dx_bytes_of(name, DX_HOST_SIZE_MAX), &who), DX_OK);
    assert_int_equal(dx_authority_parse(dx_bytes_of(name, DX_HOST_SIZE_MAX + 1), &who), DX_E_INVALID);
}

static void test_names_under_a_domain(void **state) {
    dx_bytes label;
    (void)state;
    assert_true(dx_host_equal(text("Kube.LocalHost"), text("kube.localhost")));
    assert_false(dx_host_equal(text("kube.localhost"), text("kube.localhos")));
    assert_true(dx_host_under(text("HALO.kube.localhost"), text("kube.localhost"), &label));
    assert_true(is(label, "HALO"));
    assert_true(dx_host_under(text("a.b.kube.localhost"), text("kube.localhost"), &label));
    assert_true(is(label, "a.b"));
    assert_false(dx_host_under(text("kube.localhost"), text("kube.localhost"), &label));
    assert_false(dx_host_under(text(".kube.localhost"), text("kube.localhost"), &label));
    assert_false(dx_host_under(text("evilkube.localhost"), text("kube.localhost"), &label));
    assert_false(dx_host_under(text("halo.kube.localhost.evil.org"), text("kube.localhost"), &label));
}

static void test_names_of_this_machine(void **state) {
    (void)state;
    assert_true(dx_host_is_local(text("LocalHost")) && dx_host_is_local(text("halo.kube.localhost")));
    assert_false(dx_host_is_local(text("notlocalhost")) || dx_host_is_local(text("a.notlocalhost")));
    assert_false(dx_host_is_local(text("localhost.example")) || dx_host_is_local(text("")));
}

static void test_paths(void **state) {
    static const struct {
        const char *target, *path;
    } rows[] = {{"/", "/"},
                {"/index.html?x=/../y", "/index.html"},
                {"/a%20b/%c3%a4", "/a b/\xc3\xa4"},
                {"/a..b/...", "/a..b/..."},
                {"//a", "//a"}};
    static const char *const refused[] = {
        "",          "a",       "/..",    "/../a",       "/a/..",     "/a/../b",    "/.",       "/./a",
        "/%2e%2e/a", "/%2E./a", "/a%2fb", "/a%5cb",      "/a\\..\\b", "/a%00.html", "/%",       "/%4",
        "/%g1",      "/%0a",    "/..?",   "/%2e%2e%2fa", "/a/%2e",    "/\x7f",      "/..%00/a", "?/"};
    char path[64];
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(dx_path_decode(text(rows[i].target), path, sizeof path), DX_OK);
        assert_string_equal(path, rows[i].path);
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (dx_path_decode(text(refused[i]), path, sizeof path) != DX_E_INVALID) {
            fail_msg("%s was taken", refused[i]);
        }
    }
    assert_int_equal(dx_path_decode(text("/abc"), path, 5), DX_OK);
    assert_int_equal(dx_path_decode(text("/abc"), path, 4), DX_E_LIMIT);
    assert_int_equal(dx_path_decode(text("/"), path, 0), DX_E_LIMIT);
}

DX_TEST_MAIN(DX_TEST(test_urls_are_taken_apart), DX_TEST(test_what_only_looks_like_a_url),
             DX_TEST(test_authorities), DX_TEST(test_names_under_a_domain),
             DX_TEST(test_names_of_this_machine), DX_TEST(test_paths))
