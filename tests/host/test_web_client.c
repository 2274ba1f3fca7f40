/* Signaling links as they run: host/web_client.c against our own web server, and against servers that are none. No node: a
 * driver that only gathers what the node would be told. Loopback only. */
#include "web_scene.h"

#include "web_client.h"

static web_scene scene;
static dx_driver driver;
static uv_timer_t patience;

/* --- A driver without a node ------------------------------------------------------------------------------ */

static void begin_driver(void) {
    memset(&driver, 0, sizeof driver);
    dx_buf_init(&driver.bodies, dx_host_alloc(), 1 << 24);
    assert_int_equal(uv_loop_init(&driver.loop), 0);
    uv_idle_init(&driver.loop, &driver.idle);
    uv_timer_init(&driver.loop, &patience);
}

static void end_driver(void) {
    dx_web_client_stop(&driver);
    uv_close((uv_handle_t *)&driver.idle, NULL);
    uv_close((uv_handle_t *)&patience, NULL);
    uv_run(&driver.loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&driver.loop), 0);
    assert_null(driver.web_links);
    dx_buf_deinit(&driver.bodies);
    free(driver.events);
    free(driver.starts);
}

static void on_patience_ended(uv_timer_t *timer) {
    uv_stop(timer->loop);
    timer->data = timer;
}

/* Until the node would have been told so many things; false after timeout_ms. */
static bool told(size_t count, int timeout_ms) {
    patience.data = NULL;
    uv_update_time(&driver.loop);
    uv_timer_start(&patience, on_patience_ended, (uint64_t)timeout_ms, 0);
    while (driver.event_count < count && patience.data == NULL) {
        uv_run(&driver.loop, UV_RUN_ONCE);
    }
    uv_timer_stop(&patience);
    return driver.event_count >= count;
}

static dx_bytes body_of(size_t event) {
    return dx_bytes_of(driver.bodies.data + driver.starts[event], driver.events[event].body.size);
}

static bool body_holds(size_t event, const char *part) {
    dx_bytes body = body_of(event);
    return body.size > 0 && memmem(body.data, body.size, part, strlen(part)) != NULL;
}

static void forget_told(void) {
    driver.event_count = 0;
    dx_buf_clear(&driver.bodies);
    uv_idle_stop(&driver.idle);
}

static void effect(dx_effect_kind kind, uint64_t link, dx_bytes body) {
    const dx_effect one = {.kind = kind, .link = link, .body = body};
    assert_true(dx_web_client_effect(&driver, &one));
}

static void open_link(uint64_t number, const char *format, int port) {
    char address[128];
    snprintf(address, sizeof address, format, port);
    effect(DX_EFFECT_LINK_OPEN, number, dx_bytes_text(address));
}

/* One event, a LINK_DOWN with this reason whose words hold this. */
static void went_down(uint64_t number, int reason, const char *part) {
    assert_true(told(1, WEB_WAIT_MS));
    if (driver.events[0].kind != DX_EVENT_LINK_DOWN || driver.events[0].link != number ||
        driver.events[0].reason != reason || !body_holds(0, part)) {
        fail_msg("link %d: event %d, reason %d: %.*s", (int)number, driver.events[0].kind,
                 driver.events[0].reason, (int)body_of(0).size, (const char *)body_of(0).data);
    }
    assert_false(told(2, 20)); /* once */
    forget_told();
}

/* --- Names, without asking the network ------------------------------------------------------------------------ */

enum { ADDRESSES = 8, KNOCKS = 8 };

static struct sockaddr_in silent, live;
static struct addrinfo found[ADDRESSES];
static uv_timer_t look_up_timer;
static uv_getaddrinfo_t *look_up;
static uv_getaddrinfo_cb on_look_up;
static bool is_known;

static void on_look_up_timer(uv_timer_t *timer) {
    uv_close((uv_handle_t *)timer, NULL);
    on_look_up(look_up, is_known ? 0 : UV_EAI_NONAME, is_known ? found : NULL);
}

/* This program's stands before libuv's, and knows one name. */
int uv_getaddrinfo(uv_loop_t *loop, uv_getaddrinfo_t *request, uv_getaddrinfo_cb callback, const char *node,
                   const char *service, const struct addrinfo *hints) {
    (void)service;
    (void)hints;
    look_up = request;
    on_look_up = callback;
    is_known = strcmp(node, "several.example") == 0;
    uv_timer_init(loop, &look_up_timer);
    return uv_timer_start(&look_up_timer, on_look_up_timer, 10, 0);
}

void uv_freeaddrinfo(struct addrinfo *list) {
    (void)list;
}

/* What never answers is a socket that listens and takes no more connections: the kernel lets what knocks knock. */
static void test_a_name_with_a_silent_address(void **state) {
    int knocks[KNOCKS];
    socklen_t size = sizeof silent;
    (void)state;
    int deaf = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    silent = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    assert_int_equal(bind(deaf, (struct sockaddr *)&silent, size), 0);
    assert_int_equal(getsockname(deaf, (struct sockaddr *)&silent, &size), 0);
    assert_int_equal(listen(deaf, 0), 0);
    for (int i = 0; i < KNOCKS; i++) {
        knocks[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        (void)!connect(knocks[i], (struct sockaddr *)&silent, sizeof silent);
    }
    web_start(&scene, false, true);
    live = silent;
    live.sin_port = htons((uint16_t)scene.port);
    for (size_t i = 0; i < ADDRESSES; i++) {
        found[i] = (struct addrinfo){.ai_addrlen = sizeof silent,
                                     .ai_addr = (struct sockaddr *)(i == 0 ? &silent : &live),
                                     .ai_next = i + 1 < ADDRESSES ? &found[i + 1] : NULL};
    }
    begin_driver();
    double start_ms = web_now_ms();
    effect(DX_EFFECT_LINK_OPEN, 1, dx_bytes_text("ws://several.example/.well-known/dx/signal"));
    assert_true(told(1, DX_CONNECT_MS));
    assert_int_equal(driver.events[0].reason,
                     DX_E_DENIED); /* the server is there, and that name is not its own */
    assert_true(body_holds(0, "answered 421"));
    assert_true(web_now_ms() - start_ms < DX_CONNECT_MS / 2);
    forget_told();
    effect(DX_EFFECT_LINK_OPEN, 3, dx_bytes_text("ws://unknown.example/"));
    assert_true(told(1, WEB_WAIT_MS));
    assert_int_equal(driver.events[0].reason, DX_E_UNREACHABLE);
    end_driver();
    for (int i = 0; i < KNOCKS; i++) {
        close(knocks[i]);
    }
    close(deaf);
    assert_int_equal(web_stop(&scene), 0);
}

/* --- Against our own server ---------------------------------------------------------------------------------- */

static void converse(const char *address, int port) {
    static uint8_t large[DX_WEBSOCKET_MESSAGE_MAX];
    begin_driver();
    open_link(7, address, port);
    assert_true(told(1, WEB_WAIT_MS));
    assert_int_equal(driver.events[0].kind, DX_EVENT_LINK_UP);
    assert_true(driver.events[0].link == 7 && body_holds(0, "/.well-known/dx/signal"));
    effect(DX_EFFECT_SIGNAL_SEND, 7, dx_bytes_text("hello"));
    effect(DX_EFFECT_SIGNAL_SEND, 7, dx_bytes_of(large, sizeof large));
    assert_true(told(3, WEB_WAIT_MS));
    assert_int_equal(driver.events[1].kind, DX_EVENT_SIGNAL);
    assert_true(driver.events[1].link == 7 && dx_bytes_equal(body_of(1), dx_bytes_text("hello")));
    assert_int_equal(body_of(2).size, sizeof large);
    effect(DX_EFFECT_LINK_CLOSE, 7, (dx_bytes){0});
    const dx_effect late = {.kind = DX_EFFECT_SIGNAL_SEND, .link = 7, .body = dx_bytes_text("late")};
    assert_false(dx_web_client_effect(&driver, &late)); /* there is no such link any more */
    assert_false(told(4, 100));
    end_driver();
}

static void test_a_link(void **state) {
    (void)state;
    web_start(&scene, false, true);
    converse("ws://127.0.0.1:%d/.well-known/dx/signal", scene.port);
    converse("ws://halo.kube.localhost:%d/.well-known/dx/signal", scene.port); /* not looked up */
    assert_int_equal(web_stop(&scene), 0);
}

static void test_what_is_not_ours(void **state) {
    const dx_effect others[] = {
        {.kind = DX_EFFECT_LINK_OPEN, .link = 1, .body = dx_bytes_text("tcp:127.0.0.1:1")},
        {.kind = DX_EFFECT_LINK_OPEN, .link = 1, .body = dx_bytes_text("rtc:offer")},
        {.kind = DX_EFFECT_SIGNAL_SEND, .link = 1},
        {.kind = DX_EFFECT_LINK_CLOSE, .link = 1}};
    (void)state;
    begin_driver();
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_false(dx_web_client_effect(&driver, &others[i]));
    }
    assert_int_equal(driver.event_count, 0);
    end_driver();
}

static void test_the_server_closes(void **state) {
    (void)state;
    web_start(&scene, false, true);
    begin_driver();
    open_link(9, "ws://127.0.0.1:%d/.well-known/dx/signal", scene.port);
    assert_true(told(1, WEB_WAIT_MS) && driver.events[0].kind == DX_EVENT_LINK_UP);
    forget_told();
    effect(DX_EFFECT_SIGNAL_SEND, 9, dx_bytes_text("bye"));
    went_down(9, DX_E_UNREACHABLE, "code 4001");
    open_link(11, "ws://127.0.0.1:%d/.well-known/dx/signal", scene.port);
    assert_true(told(1, WEB_WAIT_MS) && driver.events[0].kind == DX_EVENT_LINK_UP);
    forget_told();
    kill(scene.pid, SIGKILL);
    went_down(11, DX_E_UNREACHABLE, "");
    waitpid(scene.pid, NULL, 0);
    scene.pid = 0;
    open_link(13, "ws://127.0.0.1:%d/.well-known/dx/signal", scene.port);
    went_down(13, DX_E_UNREACHABLE, "refused");
    open_link(15, "ws://localhost:%d/", scene.port); /* two addresses, neither answers */
    went_down(15, DX_E_UNREACHABLE, "refused");
    end_driver();
}

static void test_addresses_that_are_none(void **state) {
    static const char *const addresses[] = {"ws://", "ws://host:0/", "ws://user@host/", "wss://host/#x",
                                            "ws://[::zz]/"};
    (void)state;
    begin_driver();
    for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
        effect(DX_EFFECT_LINK_OPEN, 1, dx_bytes_text(addresses[i]));
        went_down(1, DX_E_INVALID, "");
    }
    effect(DX_EFFECT_LINK_OPEN, 3, dx_bytes_text("ws://[:::::]:1/"));
    went_down(3, DX_E_INVALID, "");
    effect(DX_EFFECT_LINK_OPEN, 5, dx_bytes_text("ws://no-such-name.invalid/"));
    effect(DX_EFFECT_LINK_CLOSE, 5, (dx_bytes){0}); /* while it is looked up */
    assert_false(told(1, 50));
    end_driver();
}

static void test_a_server_without_a_service(void **state) {
    (void)state;
    web_start(&scene, false, false);
    begin_driver();
    open_link(1, "ws://127.0.0.1:%d/.well-known/dx/signal", scene.port);
    went_down(1, DX_E_DENIED, "answered 503");
    open_link(3, "ws://127.0.0.1:%d/missing", scene.port);
    went_down(3, DX_E_DENIED, "answered 404");
    for (uint64_t i = 0; i < DX_WEB_LINKS_MAX; i++) {
        open_link(101 + 2 * i, "ws://127.0.0.1:%d/missing", scene.port);
    }
    assert_int_equal(driver.event_count, 0);
    open_link(5, "ws://127.0.0.1:%d/missing", scene.port);
    assert_int_equal(driver.events[0].reason, DX_E_LIMIT);
    end_driver(); /* in the midst of it */
    assert_int_equal(web_stop(&scene), 0);
}

/* --- Against what is no such server ------------------------------------------------------------------------------- */

/* Answers one connection with these bytes, whatever was asked. */
static int pose(const char *answer, size_t size, int *port) {
    struct sockaddr_in at = {.sin_family = AF_INET};
    socklen_t at_size = sizeof at;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &at_size), 0);
    *port = ntohs(at.sin_port);
    int pid = fork();
    if (pid == 0) {
        char asked[2048];
        alarm(10);
        int fd = accept(listener, NULL, NULL);
        if (recv(fd, asked, sizeof asked, 0) > 0 && send(fd, answer, size, MSG_NOSIGNAL) == (ssize_t)size) {
            while (recv(fd, asked, sizeof asked, 0) > 0) {
            }
        }
        _exit(0);
    }
    close(listener);
    return pid;
}

static void test_what_is_no_web_server(void **state) {
    static const struct {
        int reason;
        const char *answer, *words;
    } rows[] = {
        {DX_E_PROTOCOL, "SSH-2.0-x\r\n\r\n", "no web server"},
        {DX_E_PROTOCOL, "\n", "no web server"},
        {DX_E_PROTOCOL,
         "HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n",
         "101"}};
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int port, pid = pose(rows[i].answer, strlen(rows[i].answer), &port);
        begin_driver();
        open_link(1, "ws://127.0.0.1:%d/", port);
        went_down(1, rows[i].reason, rows[i].words);
        end_driver();
        waitpid(pid, NULL, 0);
    }
}

/* --- Within TLS ----------------------------------------------------------------------------------------------------- */

static void test_certificates(void **state) {
    (void)state;
    web_make_certificate(&scene, "DNS:*.kube.localhost,IP:127.0.0.1");
    web_start(&scene, true, true);
    begin_driver();
    open_link(1, "wss://127.0.0.1:%d/.well-known/dx/signal", scene.port);
    went_down(1, DX_E_VERIFY, "self-signed");
    end_driver();
    assert_int_equal(setenv("SSL_CERT_FILE", scene.cert, 1),
                     0); /* OpenSSL's name for the system's authorities */
    converse("wss://127.0.0.1:%d/.well-known/dx/signal", scene.port);
    converse("wss://halo.kube.localhost:%d/.well-known/dx/signal", scene.port);
    begin_driver();
    open_link(3, "wss://other.localhost:%d/.well-known/dx/signal", scene.port);
    went_down(3, DX_E_VERIFY, "hostname mismatch");
    open_link(5, "wss://[::1]:%d/", scene.port);
    assert_true(told(1, WEB_WAIT_MS) && driver.events[0].kind == DX_EVENT_LINK_DOWN);
    forget_told();
    open_link(7, "ws://127.0.0.1:%d/missing", scene.port); /* plain, where TLS is spoken */
    assert_true(told(1, WEB_WAIT_MS) && driver.events[0].kind == DX_EVENT_LINK_DOWN);
    end_driver();
    assert_int_equal(web_stop(&scene), 0);
    int port, pid = pose("HTTP/1.1 200 OK\r\n\r\n", 19, &port);
    begin_driver();
    open_link(9, "wss://127.0.0.1:%d/", port);
    went_down(9, DX_E_PROTOCOL, "");
    end_driver();
    waitpid(pid, NULL, 0);
}

static int begin(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    dx_host_once();
    web_make_site(&scene);
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
    const struct CMUnitTest tests[] = {DX_TEST(test_a_link),
                                       DX_TEST(test_what_is_not_ours),
                                       DX_TEST(test_the_server_closes),
                                       DX_TEST(test_addresses_that_are_none),
                                       DX_TEST(test_a_server_without_a_service),
                                       DX_TEST(test_what_is_no_web_server),
                                       DX_TEST(test_a_name_with_a_silent_address),
                                       DX_TEST(test_certificates)};
    return cmocka_run_group_tests(tests, begin, end);
}
