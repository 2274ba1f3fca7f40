/* A host name that leads to several addresses, the first of which never answers: the others have their share
 * of the time for connecting (src/host/tcp.c).
 *
 * This program's uv_getaddrinfo stands before libuv's and knows one name. What never answers is a socket that
 * listens and takes no more connections: the kernel lets what knocks knock. */
#include <arpa/inet.h>

#include "host.h"
#include "scene.h"

/* The share of each is an eighth of DX_CONNECT_MS. */
enum { ADDRESSES = 8, KNOCKS = 8 };

static struct sockaddr_in silent, live;
static struct addrinfo found[ADDRESSES];
static uv_timer_t answer;
static uv_getaddrinfo_t *asked;
static uv_getaddrinfo_cb on_found;

static void on_answer(uv_timer_t *timer) {
    uv_close((uv_handle_t *)timer, NULL);
    on_found(asked, 0, found);
}

int uv_getaddrinfo(uv_loop_t *loop, uv_getaddrinfo_t *request, uv_getaddrinfo_cb callback, const char *node,
                   const char *service, const struct addrinfo *hints) {
    (void)node;
    (void)service;
    (void)hints;
    asked = request;
    on_found = callback;
    uv_timer_init(loop, &answer);
    return uv_timer_start(&answer, on_answer, 0, 0);
}

void uv_freeaddrinfo(struct addrinfo *list) {
    (void)list;
}

static int listen_at(struct sockaddr_in *at, int backlog) {
    socklen_t size = sizeof *at;
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)at, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)at, &size), 0);
    assert_int_equal(listen(fd, backlog), 0);
    return fd;
}

static void lead_to(size_t index, struct sockaddr_in *to) {
    found[index] = (struct addrinfo){.ai_family = AF_INET,
                                     .ai_socktype = SOCK_STREAM,
                                     .ai_addrlen = sizeof *to,
                                     .ai_addr = (struct sockaddr *)to,
                                     .ai_next = index + 1 < ADDRESSES ? &found[index + 1] : NULL};
}

static void close_handle(uv_handle_t *handle, void *ctx) {
    (void)ctx;
    if (!uv_is_closing(handle)) {
        uv_close(handle, NULL);
    }
}

/* Dials the name; what became of it, and in *took_ms after how long. */
static dx_event_kind dial(double *took_ms) {
    dx_driver *driver = calloc(1, sizeof *driver);
    assert_non_null(driver);
    assert_int_equal(uv_loop_init(&driver->loop), 0);
    uv_idle_init(&driver->loop, &driver->idle);
    dx_buf_init(&driver->bodies, dx_host_alloc(), 4096);
    double from_ms = scene_now_ms();
    dx_tcp_effect(
        driver,
        &(dx_effect){.kind = DX_EFFECT_LINK_OPEN, .link = 1, .body = dx_bytes_text("tcp:many.test:1")});
    while (driver->event_count == 0) {
        uv_run(&driver->loop, UV_RUN_ONCE);
    }
    *took_ms = scene_now_ms() - from_ms;
    dx_event_kind kind = driver->events[0].kind;
    dx_tcp_stop(driver);
    close_handle((uv_handle_t *)&driver->idle, NULL);
    uv_run(&driver->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&driver->loop), 0);
    dx_buf_deinit(&driver->bodies);
    free(driver->events);
    free(driver->starts);
    free(driver);
    return kind;
}

static void test_silent_address(void **state) {
    (void)state;
    int fds[KNOCKS + 2];
    fds[0] = listen_at(&silent, 0);
    fds[1] = listen_at(&live, 16);
    for (size_t i = 0; i < KNOCKS; i++) {
        fds[2 + i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        (void)connect(fds[2 + i], (struct sockaddr *)&silent, sizeof silent);
    }
    for (size_t i = 0; i < ADDRESSES; i++) {
        lead_to(i, i == 0 ? &silent : &live);
    }
    double took_ms;
    assert_int_equal(dial(&took_ms), DX_EVENT_LINK_UP);
    assert_true(took_ms > 0.5 * DX_CONNECT_MS / ADDRESSES); /* it was tried */
    assert_true(took_ms < 0.5 * DX_CONNECT_MS);
    /* All that refuse: told at once. */
    close(fds[1]);
    for (size_t i = 0; i < ADDRESSES; i++) {
        lead_to(i, &live);
    }
    assert_int_equal(dial(&took_ms), DX_EVENT_LINK_DOWN);
    assert_true(took_ms < 0.5 * DX_CONNECT_MS);
    close(fds[0]);
    for (size_t i = 0; i < KNOCKS; i++) {
        close(fds[2 + i]);
    }
}

DX_TEST_MAIN(DX_TEST(test_silent_address))
