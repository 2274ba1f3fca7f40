/* Signaling as it runs: the service in a kube's web server (host/signal_service.c), two clients of the core over WebSockets that
 * host/web_client.c dials. They meet, speak, and meet again after the service was killed; when the host of one stops,
 * the other hears it at once. Loopback only. */
#include "web_scene.h"

#include "mesh/signaling.h"
#include "signal_service.h"
#include "web_client.h"

enum { CLIENTS = 2 };

typedef struct client {
    dx_signaling *machine;
    dx_driver *driver;
    uint64_t link;
    int present, left;
    dx_signaling_place place;
    char said[32];
} client;

static const uint8_t secret[DX_KEY_SIZE] = {7, 7, 7};
static client clients[CLIENTS];
static dx_driver drivers[CLIENTS];
static uv_timer_t ticks[CLIENTS];
static uint64_t next_link = 1;
static int port, server_pid;

/* --- The service, in a process of its own ------------------------------------------------------------------- */

static dx_web_server *server;
static dx_signal_service service;

static void on_term(uv_signal_t *signal, int number) {
    (void)number;
    uv_close((uv_handle_t *)signal, NULL);
    uv_close((uv_handle_t *)&service.timer, NULL);
    dx_web_server_stop(server);
}

static void serve(int report) {
    char message[DX_HOST_MESSAGE_MAX];
    uv_loop_t loop;
    uv_signal_t term;
    alarm(60);
    uv_loop_init(&loop);
    dx_signal_service_init(&service);
    const dx_web_options options = {.loop = &loop,
                                    .name = "kube.localhost",
                                    .address = "127.0.0.1",
                                    .port = port,
                                    .version = "1",
                                    .signal = &service.web};
    int error = dx_web_server_start(&options, &server, message);
    error = error == DX_OK ? dx_signal_service_start(&service, server, &loop, "stun:127.0.0.1:3478") : error;
    port = error == DX_OK ? dx_web_server_port(server) : error;
    if (write(report, &port, sizeof port) != sizeof port || error != DX_OK) {
        _exit(2);
    }
    uv_signal_init(&loop, &term);
    uv_signal_start(&term, on_term, SIGTERM);
    uv_run(&loop, UV_RUN_DEFAULT);
    bool gone = dx_web_server_is_gone(server);
    dx_web_server_free(server);
    dx_signal_service_free(&service);
    _exit(gone && uv_loop_close(&loop) == 0 ? 0 : 3);
}

static void start_service(void) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    server_pid = fork();
    assert_true(server_pid >= 0);
    if (server_pid == 0) {
        close(ends[0]);
        serve(ends[1]);
    }
    close(ends[1]);
    assert_int_equal(read(ends[0], &port, sizeof port), sizeof port);
    close(ends[0]);
    assert_true(port > 0);
}

static int stop_service(int signal) {
    int status = 0;
    kill(server_pid, signal);
    waitpid(server_pid, &status, 0);
    server_pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* --- The clients, each on a driver without a node ----------------------------------------------------------------- */

static uint64_t on_open(void *ctx, dx_bytes url) {
    client *self = ctx;
    const dx_effect open = {.kind = DX_EFFECT_LINK_OPEN, .link = next_link, .body = url};
    self->link = next_link;
    next_link += 2;
    assert_true(dx_web_client_effect(self->driver, &open));
    return self->link;
}

static void on_send(void *ctx, uint64_t link, dx_bytes frame) {
    const dx_effect effect = {.kind = DX_EFFECT_SIGNAL_SEND, .link = link, .body = frame};
    (void)dx_web_client_effect(((client *)ctx)->driver, &effect);
}

static void on_close(void *ctx, uint64_t link, int reason) {
    const dx_effect effect = {.kind = DX_EFFECT_LINK_CLOSE, .link = link, .reason = reason};
    (void)dx_web_client_effect(((client *)ctx)->driver, &effect);
}

static int on_present(void *ctx, dx_signaling *from, const dx_signaling_place *place) {
    client *self = ctx;
    (void)from;
    self->present++;
    self->place = *place;
    return DX_OK;
}

static int on_signal(void *ctx, dx_signaling *from, const dx_signaling_place *place,
                     const dx_signaling_signal *signal) {
    client *self = ctx;
    (void)from;
    (void)place;
    snprintf(self->said, sizeof self->said, "%.*s", (int)signal->signal.size,
             (const char *)signal->signal.data);
    return DX_OK;
}

static void on_left(void *ctx, dx_signaling *from, const dx_signaling_place *place) {
    (void)from;
    (void)place;
    ((client *)ctx)->left++;
}

static uint64_t wall_ms(void) {
    return (uint64_t)time(NULL) * 1000;
}

static void take_event(client *self, const dx_event *event, dx_bytes body) {
    uint64_t now_ms = uv_now(&self->driver->loop);
    if (self->machine == NULL || !dx_signaling_has_link(self->machine, event->link)) {
        return;
    }
    if (event->kind == DX_EVENT_LINK_UP) {
        dx_signaling_up(self->machine, now_ms);
    } else if (event->kind == DX_EVENT_SIGNAL) {
        assert_int_equal(dx_signaling_receive(self->machine, body, now_ms), DX_OK);
    } else if (event->kind == DX_EVENT_LINK_DOWN) {
        dx_signaling_down(self->machine, event->reason, now_ms);
    }
}

static void on_tick(uv_timer_t *timer) {
    (void)timer; /* its turn of the loop is what is wanted */
}

/* One turn of a client's: what arrived, then what it wants. */
static void turn_one(client *self) {
    dx_driver *driver = self->driver;
    uint64_t deadline_ms = DX_NO_DEADLINE;
    uv_run(&driver->loop, UV_RUN_ONCE);
    for (size_t i = 0; i < driver->event_count; i++) {
        dx_event event = driver->events[i];
        dx_buf body; /* its answer may gather further events, and move the bodies */
        dx_buf_init(&body, dx_host_alloc(), 1 << 20);
        dx_buf_append(&body, driver->bodies.data + driver->starts[i], event.body.size);
        take_event(self, &event, dx_buf_view(&body));
        dx_buf_deinit(&body);
    }
    driver->event_count = 0;
    dx_buf_clear(&driver->bodies);
    uv_idle_stop(&driver->idle);
    if (self->machine != NULL) {
        dx_signaling_tick(self->machine, uv_now(&driver->loop), wall_ms(), 0, &deadline_ms);
    }
}

static void turn(void) {
    for (int i = 0; i < CLIENTS; i++) {
        turn_one(&clients[i]);
    }
}

/* Until both see each other so many times in all; false when it takes too long. */
static bool met(int times) {
    for (double end_ms = web_now_ms() + WEB_WAIT_MS; web_now_ms() < end_ms;) {
        if (clients[0].present >= times && clients[1].present >= times) {
            return true;
        }
        turn();
    }
    return false;
}

static bool heard(const client *self, const char *what) {
    for (double end_ms = web_now_ms() + WEB_WAIT_MS;
         web_now_ms() < end_ms && strcmp(self->said, what) != 0;) {
        turn();
    }
    return strcmp(self->said, what) == 0;
}

static void make_client(client *self, uint8_t number) {
    const dx_signaling_port hands = {.ctx = self,
                                     .open = on_open,
                                     .send = on_send,
                                     .close = on_close,
                                     .on_present = on_present,
                                     .on_signal = on_signal,
                                     .on_left = on_left};
    const uint8_t seed[DX_KEY_SIZE] = {number};
    char url[96];
    snprintf(url, sizeof url, "ws://halo.kube.localhost:%d/.well-known/dx/signal", port);
    memset(self, 0, sizeof *self);
    self->driver = &drivers[self - clients];
    assert_int_equal(dx_signaling_create(dx_host_alloc(), &dx_host_random, NULL, &hands, dx_bytes_text(url),
                                         seed, &self->machine),
                     DX_OK);
    assert_int_equal(dx_signaling_add_topic(self->machine, 1, secret), DX_OK);
}

static void say(client *from, const char *what) {
    const dx_signaling_signal signal = {.session = {9}, .signal = dx_bytes_text(what)};
    assert_int_equal(dx_signaling_send(from->machine, &from->place, &signal), DX_OK);
}

/* --- The story -------------------------------------------------------------------------------------------------------- */

static void test_two_meet_and_meet_again(void **state) {
    (void)state;
    start_service();
    make_client(&clients[0], 1);
    make_client(&clients[1], 2);
    assert_true(met(1));
    assert_true(memmem(dx_signaling_ice(clients[0].machine).data, dx_signaling_ice(clients[0].machine).size,
                       "stun:127.0.0.1:3478", 19) != NULL);
    say(&clients[0], "an offer");
    assert_true(heard(&clients[1], "an offer"));
    say(&clients[1], "an answer");
    assert_true(heard(&clients[0], "an answer"));
    assert_int_equal(stop_service(SIGKILL), -SIGKILL);
    int before[CLIENTS] = {clients[0].present, clients[1].present};
    start_service(); /* at the same port */
    for (double end_ms = web_now_ms() + WEB_WAIT_MS;
         web_now_ms() < end_ms && (clients[0].present == before[0] || clients[1].present == before[1]);) {
        turn();
    }
    assert_true(clients[0].present > before[0] && clients[1].present > before[1]);
    say(&clients[0], "once more");
    assert_true(heard(&clients[1], "once more"));
    dx_web_client_stop(&drivers[0]); /* its host stops: no grace of ten seconds for who says goodbye */
    for (double end_ms = web_now_ms() + WEB_WAIT_MS; web_now_ms() < end_ms && clients[1].left == 0;) {
        turn_one(&clients[1]);
    }
    assert_true(clients[1].left > 0); /* around midnight under both days' names */
    assert_int_equal(stop_service(SIGTERM), 0);
}

static int begin(void **state) {
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    dx_host_once();
    memset(drivers, 0, sizeof drivers);
    for (int i = 0; i < CLIENTS; i++) {
        dx_buf_init(&drivers[i].bodies, dx_host_alloc(), 1 << 24);
        uv_loop_init(&drivers[i].loop);
        uv_idle_init(&drivers[i].loop, &drivers[i].idle);
        uv_timer_init(&drivers[i].loop, &ticks[i]);
        uv_timer_start(&ticks[i], on_tick, 5, 5);
    }
    return 0;
}

static int end(void **state) {
    (void)state;
    if (server_pid > 0) {
        (void)stop_service(SIGKILL);
    }
    for (int i = 0; i < CLIENTS; i++) {
        dx_driver *driver = &drivers[i];
        dx_signaling_destroy(clients[i].machine);
        dx_web_client_stop(driver);
        uv_close((uv_handle_t *)&driver->idle, NULL);
        uv_close((uv_handle_t *)&ticks[i], NULL);
        uv_run(&driver->loop, UV_RUN_DEFAULT);
        assert_int_equal(uv_loop_close(&driver->loop), 0);
        dx_buf_deinit(&driver->bodies);
        free(driver->events);
        free(driver->starts);
    }
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {DX_TEST(test_two_meet_and_meet_again)};
    return cmocka_run_group_tests(tests, begin, end);
}
