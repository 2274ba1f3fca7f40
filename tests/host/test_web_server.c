/* The web server as it runs: what it serves and to whom, what it refuses, and that nobody keeps it from others. Loopback only.
 * host/web_server.c, web_answer.c, web_policy.c, web_site.c, web_stream.c, tls.c. */
#include "web_scene.h"

static web_scene scene;

/* --- Asking ------------------------------------------------------------------------------------------------ */

static char said[WEB_BIG_SIZE + 65536];
static size_t said_size;
static dx_http_head head;
static dx_bytes body;

/* Takes the first answer out of what was said. is_head: of a HEAD request. */
static int read_answer(bool is_head) {
    size_t seen = 0;
    int64_t size = dx_http_head_find(dx_bytes_of(said, said_size), &seen);
    static char kept[DX_HTTP_HEAD_SIZE_MAX];
    if (size <= 0) {
        return -1;
    }
    memcpy(kept, said, (size_t)size);
    assert_int_equal(dx_http_response_read(dx_bytes_of(kept, (size_t)size), &head), DX_OK);
    size_t body_size = is_head || head.status == 304 || head.status == 101 ? 0 : (size_t)head.body_size;
    if ((size_t)size + body_size > said_size) {
        return -1; /* not whole yet */
    }
    static char kept_body[WEB_BIG_SIZE + 1];
    memcpy(kept_body, said + size, body_size);
    body = dx_bytes_of(kept_body, body_size);
    said_size -= (size_t)size + body_size;
    memmove(said, said + size + body_size, said_size);
    return head.status;
}

/* One request on a connection of its own, which it asks to close; the status. */
static int ask_raw(const char *request) {
    bool ended;
    int fd = web_connect(&scene);
    web_say(fd, request, strlen(request));
    said_size = web_hear(fd, said, sizeof said, WEB_WAIT_MS, &ended);
    close(fd);
    assert_true(ended);
    return read_answer(strncmp(request, "HEAD", 4) == 0);
}

static int ask(const char *method, const char *host, const char *target, const char *fields) {
    char request[4096];
    snprintf(request, sizeof request, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n%s\r\n", method,
             target, host, fields);
    return ask_raw(request);
}

static int get(const char *host, const char *target) {
    return ask("GET", host, target, "");
}

static bool field_is(const char *name, const char *value) {
    return dx_bytes_equal(dx_http_field_find(&head, name), dx_bytes_text(value));
}

static bool field_holds(const char *name, const char *part) {
    dx_bytes value = dx_http_field_find(&head, name);
    return value.size > 0 && memmem(value.data, value.size, part, strlen(part)) != NULL;
}

static bool body_is(const char *text) {
    return dx_bytes_equal(body, dx_bytes_text(text));
}

static bool body_holds(const char *part) {
    return memmem(body.data, body.size, part, strlen(part)) != NULL;
}

#define VAULT "halo.kube.localhost:8100"
#define TASKS "tasks.kube.localhost:8100"

/* --- Files ---------------------------------------------------------------------------------------------------- */

static void test_each_host_has_its_site(void **state) {
    (void)state;
    assert_int_equal(get(VAULT, "/"), 200);
    assert_true(body_is("<!doctype html><title>vault</title>"));
    assert_true(field_is("content-type", "text/html; charset=utf-8") &&
                field_is("cache-control", "no-cache"));
    assert_int_equal(get("HALO.Kube.LocalHost", "/index.html?code=1"), 200);
    assert_int_equal(get(TASKS, "/"), 200);
    assert_true(body_is("<!doctype html><title>tasks</title>"));
    assert_int_equal(get(VAULT, "/sub/"), 200);
    assert_true(body_is("below"));
    assert_int_equal(get(VAULT, "/sub"), 404);
    assert_int_equal(get(VAULT, "/empty.txt"), 200);
    assert_int_equal(body.size, 0);
    assert_int_equal(get(VAULT, "/missing"), 404);
    assert_int_equal(get("nobody.kube.localhost", "/"), 404);
    assert_int_equal(get("a.halo.kube.localhost", "/"), 404);
    assert_int_equal(get("linked.kube.localhost", "/passwd"), 404);
    assert_int_equal(get(VAULT, "/%69ndex.html"), 200);
}

static void test_codings_and_tags(void **state) {
    char tags[3][64], fields[256];
    static const char *const codings[] = {"", "Accept-Encoding: gzip, br\r\n", "Accept-Encoding: gzip\r\n"};
    static const char *const names[] = {"", "br", "gzip"};
    (void)state;
    for (int i = 0; i < 3; i++) {
        assert_int_equal(ask("GET", VAULT, "/main-6D4E2BQA.js", codings[i]), 200);
        assert_true(field_is("content-encoding", names[i]) && field_is("vary", "Accept-Encoding"));
        assert_true(field_is("cache-control", "public, max-age=31536000, immutable"));
        assert_true(field_is("content-type", "text/javascript; charset=utf-8"));
        dx_bytes tag = dx_http_field_find(&head, "etag");
        snprintf(tags[i], sizeof tags[i], "%.*s", (int)tag.size, (const char *)tag.data);
        snprintf(fields, sizeof fields, "%sIf-None-Match: \"other\", W/%s\r\n", codings[i], tags[i]);
        assert_int_equal(ask("GET", VAULT, "/main-6D4E2BQA.js", fields), 304);
        assert_true(field_is("etag", tags[i]) && said_size == 0);
        assert_int_equal(dx_http_field_count(&head, "content-length"), 0);
    }
    assert_true(strcmp(tags[0], tags[1]) != 0 && strcmp(tags[1], tags[2]) != 0);
    snprintf(fields, sizeof fields, "If-None-Match: %s\r\n",
             tags[1]); /* of another coding: not what it has */
    assert_int_equal(ask("GET", VAULT, "/main-6D4E2BQA.js", fields), 200);
    assert_int_equal(get(VAULT, "/alone.br"), 200);
    assert_true(body_is("only so"));
    assert_int_equal(get(VAULT, "/main-6D4E2BQA.js.br"), 404);
}

static void test_head_is_get_without_a_body(void **state) {
    (void)state;
    assert_int_equal(ask("HEAD", TASKS, "/big.bin", ""), 200);
    assert_int_equal(head.body_size, WEB_BIG_SIZE);
    assert_int_equal(said_size, 0);
    assert_int_equal(ask("HEAD", TASKS, "/missing", ""), 404);
    assert_int_equal(said_size, 0);
}

static void test_a_large_file_arrives_whole(void **state) {
    (void)state;
    assert_int_equal(get(TASKS, "/big.bin"), 200);
    assert_int_equal(body.size, WEB_BIG_SIZE);
    for (size_t i = 0; i < WEB_BIG_SIZE; i++) {
        if (body.data[i] != web_big_byte(i)) {
            fail_msg("byte %zu", i);
        }
    }
}

static void test_no_path_leads_out(void **state) {
    static const char *const targets[] = {"/../secret.txt",
                                          "/%2e%2e/secret.txt",
                                          "/..%2fsecret.txt",
                                          "/sub/../../secret.txt",
                                          "/sub/%2e%2e/index.html",
                                          "/./index.html",
                                          "/..\\secret.txt",
                                          "/%5c..%5csecret.txt",
                                          "//secret.txt",
                                          "/link.txt",
                                          "/out/passwd",
                                          "/pipe",
                                          "/.hidden",
                                          "/%00",
                                          "/index.html%00.txt",
                                          "/etc/passwd",
                                          "/web/secret.txt",
                                          "/halo/index.html",
                                          "/sub//index.html",
                                          "/index.html/",
                                          "/%252e%252e/secret.txt",
                                          "/%c0%ae%c0%ae/x",
                                          "/sub/..;/index.html",
                                          "/index.html%20"};
    (void)state;
    for (size_t i = 0; i < sizeof targets / sizeof targets[0]; i++) {
        int status = get(VAULT, targets[i]);
        if (status != 400 && status != 404) {
            fail_msg("%s: %d", targets[i], status);
        }
        assert_false(body_holds("beside the sites"));
    }
}

/* --- Who is served ------------------------------------------------------------------------------------------------ */

static void test_names_that_are_not_ours(void **state) {
    static const char *const foreign[] = {"evil.example", "halo.kube.localhost.evil.example",
                                          "evilkube.localhost", "halo.localhost", "localhost.evil.example"};
    (void)state;
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++) {
        int status = get(foreign[i], "/healthz");
        if (status != 421) {
            fail_msg("%s: %d", foreign[i], status);
        }
    }
    static const char *const own[] = {"127.0.0.1:8100", "[::1]", "localhost:8100",
                                      "kube.localhost", VAULT,   "nobody.kube.localhost"};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        assert_int_equal(get(own[i], "/healthz"), 200);
        assert_true(body_is("ok\n") && field_is("cache-control", "no-store"));
    }
    assert_int_equal(get("kube.localhost.", "/healthz"), 400);
    assert_int_equal(get("127.0.0.1:8100", "/index.html"), 404);
    assert_int_equal(get("kube.localhost:8100", "/"), 307);
    assert_true(field_is("location", "http://halo.kube.localhost:8100/"));
}

static void test_the_strict_fields(void **state) {
    (void)state;
    assert_int_equal(get(VAULT, "/"), 200);
    assert_true(field_holds("content-security-policy", "default-src 'none'"));
    assert_true(field_holds("content-security-policy",
                            "frame-ancestors 'self' http://*.kube.localhost:8100 https://wallet.example"));
    assert_false(field_holds("content-security-policy", "unsafe-inline"));
    assert_true(field_is("cross-origin-embedder-policy", "require-corp") &&
                field_is("cross-origin-resource-policy", "cross-origin"));
    assert_null(dx_http_field_find(&head, "cross-origin-opener-policy").data);
    assert_true(field_is("x-content-type-options", "nosniff") && field_is("referrer-policy", "no-referrer"));
    assert_true(field_holds("permissions-policy", "camera=()"));
    assert_int_equal(get(TASKS, "/"), 200);
    assert_false(field_holds("content-security-policy", "frame-ancestors 'self' http"));
    assert_true(field_holds("content-security-policy", "frame-src 'self' http://*.kube.localhost:8100"));
    assert_true(field_is("cross-origin-resource-policy", "same-origin"));
    assert_null(dx_http_field_find(&head, "cross-origin-embedder-policy").data);
    assert_int_equal(get(TASKS, "/missing"), 404);
    assert_true(field_is("x-content-type-options", "nosniff"));
    assert_int_equal(get("kube.localhost", "/healthz"), 200);
    assert_true(field_holds("content-security-policy", "frame-ancestors 'none'"));
    assert_int_equal(dx_http_field_find(&head, "date").size, 29);
}

static void test_the_kubes_own_pages(void **state) {
    (void)state;
    assert_int_equal(get("127.0.0.1:8100", "/.well-known/dx/config"), 200);
    assert_true(body_is(
        "{\"version\": \"1.2.3\", \"name\": \"kube.localhost\", \"vault\": "
        "\"http://halo.kube.localhost:8100\", "
        "\"signal\": \"ws://127.0.0.1:8100/.well-known/dx/signal\", \"stun\": \"stun:127.0.0.1:3478\", "
        "\"ice\": [{\"urls\": [\"stun:127.0.0.1:3478\"]}]}\n"));
    assert_int_equal(
        ask("GET", VAULT, "/.well-known/dx/config", "Origin: http://tasks.kube.localhost:8100\r\n"), 200);
    assert_true(body_holds("\"signal\": \"ws://halo.kube.localhost:8100/.well-known/dx/signal\""));
    assert_true(field_is("access-control-allow-origin", "http://tasks.kube.localhost:8100"));
    assert_int_equal(ask("GET", VAULT, "/.well-known/dx/config", "Origin: http://evil.example\r\n"), 200);
    assert_null(dx_http_field_find(&head, "access-control-allow-origin").data);
    assert_int_equal(get("[::1]:8100", "/.well-known/dx/config"), 200);
    assert_true(body_holds("stun:[::1]:3478"));
    assert_int_equal(get("kube.localhost", "/metrics"), 200);
    assert_true(body_holds("dx_web_connections 1\n") && body_holds("dx_web_answers_total{class=\"2xx\"} "));
    assert_true(body_holds("dx_web_sites 2\n") && body_holds("echo_guests 7\n"));
}

/* --- Requests that are none -------------------------------------------------------------------------------------------- */

static void test_what_is_refused(void **state) {
    static char large[DX_HTTP_HEAD_SIZE_MAX + 200];
    (void)state;
    assert_int_equal(ask("POST", VAULT, "/", "Content-Length: 0\r\n"), 405);
    assert_true(field_is("allow", "GET, HEAD"));
    assert_int_equal(ask("PROPFIND", VAULT, "/", ""), 501);
    assert_int_equal(ask("POST", VAULT, "/", "Content-Length: 5\r\n"), 413);
    assert_int_equal(ask("POST", VAULT, "/", "Transfer-Encoding: chunked\r\n"), 501);
    assert_int_equal(ask("GET", VAULT, "/", "Host: other\r\n"), 400);
    assert_int_equal(ask("OPTIONS", VAULT, "*", ""), 405);
    assert_int_equal(ask("CONNECT", VAULT, "evil.example:443", ""), 405);
    assert_int_equal(ask_raw("nonsense\r\n\r\n"), 400);
    assert_int_equal(ask_raw("\x16\x03\x01\x02"), 400);
    assert_int_equal(ask_raw("GET / HTTP/1.1\nHost: kube.localhost\n\n"), 400);
    assert_int_equal(ask_raw("GET / HTTP/3.0\r\nHost: kube.localhost\r\n\r\n"), 505);
    memset(large, 'a', sizeof large - 1);
    memcpy(large, "GET / HTTP/1.1\r\nX: ", 19);
    assert_int_equal(ask_raw(large), 431);
    assert_true(field_is("clear-site-data", "\"cookies\""));
    memset(large, 'a', sizeof large - 1);
    assert_int_equal(ask_raw(large), 414);
    snprintf(large, sizeof large, "GET /%0*d HTTP/1.1\r\nHost: kube.localhost\r\n\r\n",
             DX_HTTP_TARGET_SIZE_MAX, 0);
    assert_int_equal(ask_raw(large), 414);
    /* What follows a refused request is not read as another one. */
    assert_int_equal(ask_raw("POST / HTTP/1.1\r\nHost: " VAULT
                             "\r\nContent-Length: 30\r\n\r\nGET / HTTP/1.1\r\nHost: " VAULT "\r\n\r\n"),
                     413);
    assert_int_equal(said_size, 0);
}

/* A neighbour on the kube sets cookies for all of its names: as many as a browser keeps are no matter, and more are
 * cleared. */
static void test_cookies_of_a_neighbour(void **state) {
    static char text[DX_HTTP_COOKIES_SIZE_MAX + 1000];
    static const char begins[] = "GET /missing HTTP/1.1\r\nCookie: ";
    (void)state;
    for (size_t size = 700 * 1024; size <= DX_HTTP_COOKIES_SIZE_MAX + 1;
         size = DX_HTTP_COOKIES_SIZE_MAX + 1) {
        size_t at = sizeof begins - 1;
        memcpy(text, begins, at);
        memset(text + at, 'x', size);
        snprintf(text + at + size, 500, "\r\nHost: %s\r\nConnection: close\r\n\r\n", VAULT);
        assert_int_equal(ask_raw(text), size < DX_HTTP_COOKIES_SIZE_MAX ? 404 : 431);
        if (size > DX_HTTP_COOKIES_SIZE_MAX) {
            assert_true(field_is("clear-site-data", "\"cookies\""));
            break;
        }
    }
}

static const char below[] = "GET /sub/ HTTP/1.1\r\nHost: " VAULT "\r\n\r\n";

/* --- Many requests, few bytes, no bytes ----------------------------------------------------------------------------------- */

static void test_one_after_the_other(void **state) {
    static const char two[] = "GET /missing HTTP/1.1\r\nHost: " VAULT "\r\n\r\n"
                              "\r\nHEAD / HTTP/1.1\r\nHost: " VAULT "\r\n\r\n"
                              "GET /sub/ HTTP/1.1\r\nHost: " VAULT "\r\n\r\nGET /em";
    static const char rest[] =
        "pty.txt HTTP/1.1\r\nHost: " VAULT "\r\nConnection: close\r\n\r\nGET / HTTP/1.1\r\n";
    bool ended;
    (void)state;
    int fd = web_connect(&scene);
    web_say(fd, two, sizeof two - 1);
    said_size = web_hear(fd, said, sizeof said, 100, &ended);
    assert_false(ended);
    assert_int_equal(read_answer(false), 404);
    assert_int_equal(read_answer(true), 200);
    assert_int_equal(read_answer(false), 200);
    assert_true(body_is("below") && said_size == 0);
    web_say(fd, rest, sizeof rest - 1);
    said_size = web_hear(fd, said, sizeof said, WEB_WAIT_MS, &ended);
    assert_true(ended && read_answer(false) == 200 && said_size == 0);
    close(fd);
}

static void test_many_at_once(void **state) {
    enum { COUNT = 2000 };
    (void)state;
    int fd = web_connect(&scene);
    int sender = fork();
    if (sender == 0) {
        for (int i = 0; i < COUNT; i++) {
            web_say(fd, below, sizeof below - 1);
        }
        _exit(0);
    }
    int answers = 0;
    said_size = 0;
    while (answers < COUNT) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        assert_int_equal(poll(&wait, 1, WEB_WAIT_MS), 1);
        ssize_t got = recv(fd, said + said_size, 65536, 0);
        assert_true(got > 0);
        said_size += (size_t)got;
        for (char *at = said; (at = memmem(at, said_size - (size_t)(at - said), "below", 5)) != NULL;
             at += 5) {
            answers++;
        }
        size_t kept = said_size < 4 ? said_size : 4;
        memmove(said, said + said_size - kept, kept);
        said_size = kept;
    }
    waitpid(sender, NULL, 0);
    assert_int_equal(answers, COUNT);
    close(fd);
}

static void test_slow_clients(void **state) {
    static const char head_text[] = "GET / HTTP/1.1\r\nHost: kube.localhost\r\nX: ";
    bool ended;
    (void)state;
    int silent = web_connect(&scene), slow = web_connect(&scene), kept = web_connect(&scene);
    double start_ms = web_now_ms();
    web_say(kept, below, sizeof below - 1);
    web_say(slow, head_text, sizeof head_text - 1);
    for (int i = 0; i < 10; i++) { /* each byte on its own: that is no progress */
        usleep(30000);
        web_say(slow, "a", 1);
    }
    said_size = web_hear(slow, said, sizeof said, 1500, &ended);
    assert_true(ended && read_answer(false) == 408);
    assert_true(web_now_ms() - start_ms < 1500);
    said_size = web_hear(silent, said, sizeof said, 1500, &ended);
    assert_true(ended && said_size == 0);
    said_size = web_hear(kept, said, sizeof said, 1500, &ended);
    assert_true(ended && read_answer(false) == 200);
    assert_true(web_now_ms() - start_ms > 450);
    close(slow);
    close(silent);
    close(kept);
}

/* A connection that takes little at once, and has asked for much. */
static int ask_for_much(int room) {
    static const char request[] = "GET /big.bin HTTP/1.1\r\nHost: " TASKS "\r\n\r\n";
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)scene.port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    web_say(fd, request, sizeof request - 1);
    return fd;
}

static void test_who_reads_slowly_is_served(void **state) {
    (void)state;
    int fd = ask_for_much(65536);
    double end_ms = web_now_ms() + 800; /* longer than what is waited without progress */
    for (said_size = 0; said_size < WEB_BIG_SIZE;) {
        ssize_t got = recv(fd, said + said_size, web_now_ms() < end_ms ? 16384 : 65536, 0);
        assert_true(got > 0);
        said_size += (size_t)got;
        usleep(web_now_ms() < end_ms ? 5000 : 0);
    }
    close(fd);
}

static void test_empty_lines_cost_nothing(void **state) {
    bool ended;
    (void)state;
    int fd = web_connect(&scene);
    for (int i = 0; i < 1000; i++) {
        web_say(fd,
                "\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n\r\n"
                "\r\n\r\n",
                50);
    }
    web_say(fd, below, sizeof below - 1);
    said_size = web_hear(fd, said, sizeof said, 100, &ended);
    assert_int_equal(read_answer(false), 200);
    close(fd);
}

static void test_empty_lines_hold_no_place(void **state) {
    double start_ms = web_now_ms();
    bool ended = false;
    (void)state;
    int fd = web_connect(&scene);
    while (!ended && web_now_ms() - start_ms < 1500) {
        web_say(fd, "\r\n", 2);
        said_size = web_hear(fd, said, sizeof said, 50, &ended);
    }
    assert_true(ended && said_size == 0); /* as one that says nothing */
    close(fd);
}

static void test_an_empty_line_in_halves(void **state) {
    bool ended;
    (void)state;
    int fd = web_connect(&scene);
    for (int i = 0; i < 3; i++) {
        web_say(fd, i == 0 ? "\r" : "\n\r", i == 0 ? 1 : 2);
        usleep(20000);
    }
    web_say(fd, "\n", 1);
    web_say(fd, below, sizeof below - 1);
    said_size = web_hear(fd, said, sizeof said, 100, &ended);
    assert_int_equal(read_answer(false), 200);
    close(fd);
}

static void test_who_does_not_read_is_let_go(void **state) {
    bool ended;
    (void)state;
    int fd = ask_for_much(4096);
    usleep(700000);
    said_size = web_hear(fd, said, sizeof said, 500, &ended);
    assert_true(ended && said_size < WEB_BIG_SIZE);
    close(fd);
}

static void test_all_places_taken(void **state) {
    static int fds[DX_WEB_CONNECTIONS_MAX];
    struct rlimit limit;
    bool ended;
    (void)state;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur < DX_WEB_CONNECTIONS_MAX + 64) {
        skip();
    }
    for (int i = 0; i < DX_WEB_CONNECTIONS_MAX; i++) {
        fds[i] = web_connect(&scene);
        if (i == 7) { /* the one that has been served, and idles */
            web_say(fds[i], below, sizeof below - 1);
        }
    }
    said_size = web_hear(fds[7], said, sizeof said, 50, &ended);
    assert_int_equal(read_answer(false), 200);
    assert_int_equal(get(VAULT, "/healthz"), 200); /* in that one's place */
    int fd = web_connect(&scene);
    for (int i = 0; i < DX_WEB_CONNECTIONS_MAX; i++) {
        close(fds[i]);
    }
    close(fd);
    assert_int_equal(get(VAULT, "/healthz"), 200);
}

/* --- WebSockets ------------------------------------------------------------------------------------------------------------- */

#define UPGRADE                                                                                              \
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: "                                       \
    "dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"

typedef struct guest {
    dx_websocket socket;
    int fd, messages;
    size_t size;
    char last[64];
} guest;

static void on_message(void *ctx, bool is_text, dx_bytes message) {
    guest *self = ctx;
    assert_false(is_text);
    self->messages++;
    self->size = message.size;
    snprintf(self->last, sizeof self->last, "%.*s", (int)(message.size < 60 ? message.size : 60),
             (const char *)message.data);
}

/* Until one whole answer is there. */
static int hear_answer(int fd) {
    int status = -1;
    for (said_size = 0; status < 0;) {
        struct pollfd wait = {.fd = fd, .events = POLLIN};
        ssize_t got = poll(&wait, 1, WEB_WAIT_MS) == 1 ? recv(fd, said + said_size, 65536, 0) : 0;
        if (got <= 0) {
            return -1;
        }
        said_size += (size_t)got;
        status = read_answer(false);
    }
    return status;
}

static int upgrade(const char *host, const char *fields) {
    char request[1024];
    int fd = web_connect(&scene);
    snprintf(request, sizeof request, "GET /.well-known/dx/signal HTTP/1.1\r\nHost: %s\r\n%s\r\n", host,
             fields);
    web_say(fd, request, strlen(request));
    int status = hear_answer(fd);
    if (status == 101) {
        return fd;
    }
    close(fd);
    return status < 0 ? INT32_MIN : -status;
}

static void enter(guest *self) {
    memset(self, 0, sizeof *self);
    self->fd = upgrade(VAULT, UPGRADE);
    assert_true(self->fd >= 0);
    assert_int_equal(
        dx_websocket_init(&self->socket, true, dx_host_alloc(), &dx_host_random, on_message, self), DX_OK);
    if (said_size > 0) { /* it was told something at once */
        assert_int_equal(dx_websocket_receive(&self->socket, dx_bytes_of(said, said_size)), DX_OK);
    }
}

static void leave(guest *self) {
    dx_websocket_deinit(&self->socket);
    close(self->fd);
}

static void say(guest *self) {
    web_say(self->fd, self->socket.out.data, self->socket.out.size);
    dx_buf_clear(&self->socket.out);
}

/* Until `messages` have come or the connection ended: true; false after timeout_ms. */
static bool hear(guest *self, int messages, int timeout_ms) {
    uint8_t bytes[65536];
    for (double end_ms = web_now_ms() + timeout_ms; self->messages < messages;) {
        struct pollfd wait = {.fd = self->fd, .events = POLLIN};
        if (web_now_ms() > end_ms || poll(&wait, 1, timeout_ms) != 1) {
            return false;
        }
        ssize_t got = recv(self->fd, bytes, sizeof bytes, 0);
        if (got <= 0) {
            return true;
        }
        assert_int_equal(dx_websocket_receive(&self->socket, dx_bytes_of(bytes, (size_t)got)), DX_OK);
        say(self); /* pongs, and the answer to a close */
    }
    return true;
}

static void test_a_websocket(void **state) {
    static uint8_t large[DX_WEBSOCKET_MESSAGE_MAX];
    static const size_t sizes[] = {0, 1, 125, 126, 65535, 65536};
    guest self;
    (void)state;
    enter(&self);
    for (int i = 0; i < (int)(sizeof sizes / sizeof sizes[0]); i++) {
        assert_int_equal(dx_websocket_send(&self.socket, false, dx_bytes_of(large, sizes[i])), DX_OK);
        say(&self);
        assert_true(hear(&self, i + 1, WEB_WAIT_MS) && self.size == sizes[i]);
    }
    dx_websocket_ping(&self.socket);
    say(&self);
    assert_int_equal(dx_websocket_send(&self.socket, false, dx_bytes_text("bye")), DX_OK);
    say(&self);
    assert_true(hear(&self, 1000, WEB_WAIT_MS));
    assert_true(self.socket.ended && self.socket.close_code == 4001 && self.socket.pongs == 1);
    leave(&self);
}

static void test_fragments_and_a_frame_behind_the_request(void **state) {
    static const uint8_t frames[] = {0x02, 0x82, 0, 0,    0,    0, 'a', 'b', 0x89, 0x80,   0,
                                     0,    0,    0, 0x80, 0x81, 1, 1,   1,   1,    'c' ^ 1};
    char request[1024];
    (void)state;
    int size = snprintf(request, sizeof request, "GET /.well-known/dx/signal HTTP/1.1\r\nHost: %s\r\n%s\r\n",
                        VAULT, UPGRADE);
    memcpy(request + size, frames, sizeof frames);
    int fd = web_connect(&scene);
    web_say(fd, request, (size_t)size + sizeof frames);
    assert_int_equal(hear_answer(fd), 101);
    while (said_size < 7) {
        ssize_t got = recv(fd, said + said_size, 7 - said_size, 0);
        assert_true(got > 0);
        said_size += (size_t)got;
    }
    assert_memory_equal(said,
                        "\x8a\x00\x82\x03"
                        "abc",
                        7);
    close(fd);
}

static int close_code_for(const void *frames, size_t size) {
    bool ended;
    int fd = upgrade(VAULT, UPGRADE);
    assert_true(fd >= 0);
    web_say(fd, frames, size);
    said_size = web_hear(fd, said, sizeof said, WEB_WAIT_MS, &ended);
    close(fd);
    return ended && said_size >= 4 && (uint8_t)said[0] == 0x88 ? (uint8_t)said[2] << 8 | (uint8_t)said[3] : 0;
}

static void test_frames_that_are_refused(void **state) {
    static const uint8_t unmasked[] = {0x82, 1, 'a'}, reserved[] = {0xc2, 0x80, 0, 0, 0, 0},
                         text[] = {0x81, 0x81, 0, 0, 0, 0, 'a'},
                         large[] = {0x82, 0xff, 0, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 'a'};
    (void)state;
    assert_int_equal(close_code_for(unmasked, sizeof unmasked), 1002);
    assert_int_equal(close_code_for(reserved, sizeof reserved), 1002);
    assert_int_equal(close_code_for(text, sizeof text), 1003);
    assert_int_equal(close_code_for(large, sizeof large), 1009);
}

static void test_origins(void **state) {
    static const struct {
        int status;
        const char *host, *origin;
    } rows[] = {{101, VAULT, "Origin: http://halo.kube.localhost:8100\r\n"},
                {101, VAULT, "Origin: http://tasks.kube.localhost:8100\r\n"},
                {101, "127.0.0.1:8100", "Origin: http://127.0.0.1:8100\r\n"},
                {101, "127.0.0.1:8100", "Origin: http://halo.kube.localhost:8100\r\n"},
                {101, VAULT, "Origin: https://wallet.example\r\n"},
                {101, VAULT, ""},
                {403, VAULT, "Origin: http://evil.example\r\n"},
                {403, VAULT, "Origin: http://halo.kube.localhost:9999\r\n"},
                {403, VAULT, "Origin: http://halo.kube.localhost.evil.example:8100\r\n"},
                {403, VAULT, "Origin: http://wallet.example\r\n"},
                {403, VAULT, "Origin: https://wallet.example:444\r\n"},
                {403, VAULT, "Origin: null\r\n"},
                {403, VAULT, "Origin: http://127.0.0.1:8100\r\n"},
                {403, VAULT, "Origin: http://localhost:8100\r\n"},
                {403, VAULT,
                 "Origin: http://halo.kube.localhost:8100\r\nOrigin: http://halo.kube.localhost:8100\r\n"},
                {403, VAULT, "Origin: http://halo.kube.localhost:8100/\r\n"},
                {421, "evil.example", "Origin: http://evil.example\r\n"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char fields[512];
        snprintf(fields, sizeof fields, "%s%s", UPGRADE, rows[i].origin);
        int fd = upgrade(rows[i].host, fields);
        if ((fd >= 0) != (rows[i].status == 101) || (fd < 0 && -fd != rows[i].status)) {
            fail_msg("%s %s: %d", rows[i].host, rows[i].origin, fd);
        }
        if (fd >= 0) {
            close(fd);
        }
    }
    assert_int_equal(upgrade(VAULT, ""), -426);
    assert_int_equal(
        upgrade(VAULT, "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 8\r\n"), -426);
    assert_true(field_is("sec-websocket-version", "13"));
    assert_int_equal(upgrade(VAULT, "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"), -400);
}

static void test_silence_on_a_websocket(void **state) {
    guest self;
    char bytes[16];
    bool ended;
    (void)state;
    enter(&self);
    assert_false(hear(&self, 1, 800)); /* its pings are answered: it stays */
    assert_false(self.socket.ended);
    double start_ms = web_now_ms();
    assert_int_equal(web_hear(self.fd, bytes, sizeof bytes, 2000, &ended), 2); /* now nobody answers */
    assert_true((uint8_t)bytes[0] == 0x89 && ended && web_now_ms() - start_ms < 1500);
    leave(&self);
}

static void test_a_websocket_that_does_not_read(void **state) {
    guest self, other;
    bool ended;
    (void)state;
    enter(&self);
    enter(&other);
    assert_int_equal(dx_websocket_send(&self.socket, false, dx_bytes_text("flood")), DX_OK);
    say(&self);
    assert_int_equal(dx_websocket_send(&other.socket, false, dx_bytes_text("still there?")), DX_OK);
    say(&other);
    assert_true(hear(&other, 1, WEB_WAIT_MS));
    assert_string_equal(other.last, "still there?");
    said_size = web_hear(self.fd, said, sizeof said, WEB_WAIT_MS, &ended);
    assert_true(ended && said_size < 12000000);
    leave(&self);
    leave(&other);
}

/* Says it again and again until nothing more is taken for a while; how much was. */
static size_t say_until_full(int fd, const uint8_t *bytes, size_t size, size_t max) {
    size_t total = 0;
    struct pollfd room = {.fd = fd, .events = POLLOUT};
    while (total < max && poll(&room, 1, 100) == 1) {
        ssize_t sent = send(fd, bytes + total % size, size - total % size, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0) {
            return max; /* cut off: what waited was too much for the server */
        }
        total += (size_t)sent;
    }
    return total;
}

static void test_pings_nobody_reads_the_answers_of(void **state) {
    enum { PING_SIZE = 6 + DX_WEBSOCKET_CONTROL_MAX, MUCH = 8 << 20 };
    static uint8_t pings[PING_SIZE * 512];
    guest self;
    (void)state;
    for (size_t i = 0; i < sizeof pings; i += PING_SIZE) {
        pings[i] = 0x89;
        pings[i + 1] = 0x80 | DX_WEBSOCKET_CONTROL_MAX;
    }
    enter(&self);
    size_t taken = say_until_full(self.fd, pings, sizeof pings, MUCH);
    assert_true(taken < MUCH);
    assert_false(hear(&self, 1, 100)); /* reads: so it is read again, to the end of the last ping */
    web_say(self.fd, pings + taken % PING_SIZE, PING_SIZE - taken % PING_SIZE);
    assert_int_equal(dx_websocket_send(&self.socket, false, dx_bytes_text("heard")), DX_OK);
    say(&self);
    assert_true(hear(&self, 1, WEB_WAIT_MS));
    assert_string_equal(self.last, "heard");
    assert_int_equal(self.socket.pongs, taken / PING_SIZE + 1);
    leave(&self);
}

static void test_a_service_that_is_full(void **state) {
    guest self;
    (void)state;
    enter(&self);
    assert_int_equal(dx_websocket_send(&self.socket, false, dx_bytes_text("full")), DX_OK);
    say(&self);
    assert_true(hear(&self, 1, WEB_WAIT_MS));
    guest refused;
    enter(&refused);
    say(&refused);
    assert_true(refused.socket.ended || hear(&refused, 1000, WEB_WAIT_MS));
    assert_int_equal(refused.socket.close_code, DX_WEBSOCKET_TRY_LATER);
    leave(&refused);
    leave(&self);
}

/* --- Life -------------------------------------------------------------------------------------------------------------------- */

static void test_files_anew(void **state) {
    (void)state;
    assert_int_equal(get(VAULT, "/new.txt"), 404);
    web_write_text(&scene, "web/halo/new.txt", "fresh");
    kill(scene.pid, SIGHUP);
    usleep(50000);
    assert_int_equal(get(VAULT, "/new.txt"), 200);
    assert_true(body_is("fresh"));
}

static void test_it_ends_in_order(void **state) {
    static const char request[] = "GET /big.bin HTTP/1.1\r\nHost: " TASKS "\r\n\r\n";
    bool ended;
    guest self;
    (void)state;
    assert_int_equal(web_stop(&scene), 0);
    web_start(&scene, false, true);
    enter(&self);
    int large = web_connect(&scene), idle = web_connect(&scene);
    web_say(large, request, sizeof request - 1);
    usleep(50000);
    double start_ms = web_now_ms();
    kill(scene.pid, SIGTERM);
    assert_true(hear(&self, 1, WEB_WAIT_MS));
    assert_int_equal(self.socket.close_code, DX_WEBSOCKET_GOING_AWAY);
    said_size = web_hear(large, said, sizeof said, WEB_WAIT_MS, &ended);
    assert_true(ended && read_answer(false) == 200 && body.size == WEB_BIG_SIZE);
    close(large);
    close(idle);
    leave(&self);
    assert_int_equal(web_stop(&scene), 0);
    assert_true(web_now_ms() - start_ms < 2000);
}

static void test_without_a_service(void **state) {
    (void)state;
    web_start(&scene, false, false);
    assert_int_equal(upgrade(VAULT, UPGRADE), -503);
    assert_true(body_holds("no signaling service"));
    assert_int_equal(web_stop(&scene), 0);
}

/* --- TLS ----------------------------------------------------------------------------------------------------------------------- */

/* The answer's status as a TLS client sees it that trusts our certificate and expects `name`; 0: the handshake failed. */
static int ask_securely(const char *name, const char *request, const char *offered) {
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    assert_int_equal(SSL_CTX_load_verify_locations(ctx, scene.cert, NULL), 1);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_alpn_protos(ctx, (const unsigned char *)offered, (unsigned)strlen(offered));
    SSL *ssl = SSL_new(ctx);
    int fd = web_connect(&scene), status = 0;
    SSL_set_fd(ssl, fd);
    assert_int_equal(SSL_set1_host(ssl, name), 1);
    if (SSL_connect(ssl) == 1) {
        int size = (int)strlen(request);
        assert_int_equal(SSL_write(ssl, request, size), size);
        said_size = 0;
        for (int got; (got = SSL_read(ssl, said + said_size, 65536)) > 0;) {
            said_size += (size_t)got;
        }
        assert_int_equal(SSL_get_shutdown(ssl) & SSL_RECEIVED_SHUTDOWN, SSL_RECEIVED_SHUTDOWN);
        status = read_answer(false);
    }
    SSL_free(ssl);
    SSL_CTX_free(ctx);
    close(fd);
    return status;
}

static int get_securely(const char *name, const char *host, const char *offered) {
    char request[256];
    snprintf(request, sizeof request, "GET /big.bin HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", host);
    return ask_securely(name, request, offered);
}

/* What came without TLS may be of whoever sits on the way, under our own name. */
static void test_origins_within_tls(void **state) {
    static const struct {
        const char *host, *origin;
        bool ours;
    } rows[] = {{"kube.localhost", "https://tasks.kube.localhost", true},
                {"kube.localhost", "http://tasks.kube.localhost", false},
                {"kube.localhost:8443", "https://tasks.kube.localhost:8443", true},
                {"kube.localhost:8443", "http://tasks.kube.localhost:8443", false}};
    char request[512];
    (void)state;
    web_make_certificate(&scene, "DNS:kube.localhost");
    web_start(&scene, true, true);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        snprintf(request, sizeof request,
                 "GET /.well-known/dx/config HTTP/1.1\r\nHost: %s\r\nOrigin: %s\r\nConnection: close\r\n\r\n",
                 rows[i].host, rows[i].origin);
        assert_int_equal(ask_securely("kube.localhost", request, "\x08http/1.1"), 200);
        if (field_is("access-control-allow-origin", rows[i].origin) != rows[i].ours) {
            fail_msg("%s at %s", rows[i].origin, rows[i].host);
        }
    }
    assert_int_equal(web_stop(&scene), 0);
}

static void test_within_tls(void **state) {
    bool ended;
    (void)state;
    web_make_certificate(&scene, "DNS:kube.localhost,DNS:*.kube.localhost");
    web_start(&scene, true, true);
    assert_int_equal(get_securely("tasks.kube.localhost", "tasks.kube.localhost:8443", "\x02h2\x08http/1.1"),
                     200);
    assert_true(body.size == WEB_BIG_SIZE && body.data[WEB_BIG_SIZE - 1] == web_big_byte(WEB_BIG_SIZE - 1));
    assert_true(field_holds("content-security-policy", "https://*.kube.localhost:8443"));
    assert_int_equal(get_securely("other.example", TASKS, "\x08http/1.1"), 0);
    assert_int_equal(get_securely("tasks.kube.localhost", TASKS, "\x02h2"), 0);
    assert_int_equal(get_securely("tasks.kube.localhost", "evil.example", "\x08http/1.1"), 421);
    web_make_certificate(&scene, "DNS:renewed.example");
    kill(scene.pid, SIGHUP);
    usleep(50000);
    assert_int_equal(get_securely("renewed.example", TASKS, "\x08http/1.1"), 200);
    char good[4096];
    size_t size;
    assert_int_equal(dx_file_read(scene.cert, good, sizeof good, &size), DX_OK);
    web_write_text(&scene, "cert.pem", "none any more");
    kill(scene.pid, SIGHUP);
    usleep(50000);
    assert_int_equal(dx_file_write(scene.cert, good, size), DX_OK);
    assert_int_equal(get_securely("renewed.example", TASKS, "\x08http/1.1"), 200); /* the one it had */
    int fd = web_connect(&scene); /* plain, where TLS is spoken */
    web_say(fd, "GET / HTTP/1.1\r\nHost: kube.localhost\r\n\r\n", 40);
    said_size = web_hear(fd, said, sizeof said, WEB_WAIT_MS, &ended);
    assert_true(ended && memmem(said, said_size, "200", 3) == NULL);
    close(fd);
    fd = web_connect(&scene); /* and silence */
    said_size = web_hear(fd, said, sizeof said, 2000, &ended);
    assert_true(ended && said_size == 0);
    close(fd);
    assert_int_equal(web_stop(&scene), 0);
}

static void test_what_cannot_be_started(void **state) {
    char message[DX_HOST_MESSAGE_MAX], missing[96];
    uv_loop_t loop;
    dx_web_server *server = NULL, *second = NULL;
    (void)state;
    uv_loop_init(&loop);
    snprintf(missing, sizeof missing, "%s/nowhere", scene.folder);
    dx_web_options options = {
        .loop = &loop, .name = "kube.localhost", .address = "127.0.0.1", .version = "1"};
    options.sites = missing;
    assert_int_equal(dx_web_server_start(&options, &server, message), DX_E_NOT_FOUND);
    assert_non_null(strstr(message, "nowhere"));
    options.sites = NULL;
    options.cert = options.key = missing;
    assert_int_equal(dx_web_server_start(&options, &server, message), DX_E_NOT_FOUND);
    options.cert = scene.key;
    options.key = scene.key;
    assert_int_equal(dx_web_server_start(&options, &server, message), DX_E_INVALID);
    options.cert = scene.cert;
    options.key = scene.cert;
    assert_int_equal(dx_web_server_start(&options, &server, message), DX_E_INVALID);
    options.cert = options.key = NULL;
    options.address = "localhost";
    assert_int_equal(dx_web_server_start(&options, &server, message), DX_E_INVALID);
    options.address = "127.0.0.1";
    assert_int_equal(dx_web_server_start(&options, &server, message), DX_OK);
    options.port = dx_web_server_port(server);
    assert_int_equal(dx_web_server_start(&options, &second, message), DX_E_BUSY);
    assert_null(second);
    dx_web_server_stop(server);
    uv_run(&loop, UV_RUN_DEFAULT);
    assert_true(dx_web_server_is_gone(server));
    dx_web_server_free(server);
    assert_int_equal(uv_loop_close(&loop), 0);
}

static int begin(void **state) {
    struct rlimit limit;
    (void)state;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max < 4096 ? limit.rlim_max : 4096;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
    dx_host_once();
    web_make_site(&scene);
    web_start(&scene, false, true);
    return 0;
}

static int end(void **state) {
    (void)state;
    if (scene.pid > 0) {
        (void)web_stop(&scene);
    }
    web_remove(&scene);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        DX_TEST(test_each_host_has_its_site),
        DX_TEST(test_codings_and_tags),
        DX_TEST(test_head_is_get_without_a_body),
        DX_TEST(test_a_large_file_arrives_whole),
        DX_TEST(test_no_path_leads_out),
        DX_TEST(test_names_that_are_not_ours),
        DX_TEST(test_the_strict_fields),
        DX_TEST(test_the_kubes_own_pages),
        DX_TEST(test_what_is_refused),
        DX_TEST(test_cookies_of_a_neighbour),
        DX_TEST(test_one_after_the_other),
        DX_TEST(test_many_at_once),
        DX_TEST(test_slow_clients),
        DX_TEST(test_who_reads_slowly_is_served),
        DX_TEST(test_empty_lines_cost_nothing),
        DX_TEST(test_empty_lines_hold_no_place),
        DX_TEST(test_an_empty_line_in_halves),
        DX_TEST(test_who_does_not_read_is_let_go),
        DX_TEST(test_all_places_taken),
        DX_TEST(test_a_websocket),
        DX_TEST(test_fragments_and_a_frame_behind_the_request),
        DX_TEST(test_frames_that_are_refused),
        DX_TEST(test_origins),
        DX_TEST(test_silence_on_a_websocket),
        DX_TEST(test_a_websocket_that_does_not_read),
        DX_TEST(test_pings_nobody_reads_the_answers_of),
        DX_TEST(test_a_service_that_is_full),
        DX_TEST(test_files_anew),
        DX_TEST(test_it_ends_in_order),
        DX_TEST(test_without_a_service),
        DX_TEST(test_origins_within_tls),
        DX_TEST(test_within_tls),
        DX_TEST(test_what_cannot_be_started),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
