/* mesh/signaling.c: clients and a real service (kube/signaling_service.c) with frames carried by hand. */
#include "mesh/signaling.h"

#include "kube/signaling_service.h"
#include "test.h"

enum { CLIENTS = 2, FRAMES_MAX = 256, DAY_MS = 86400000 };

#define NOON (UINT64_C(20000) * DAY_MS + DAY_MS / 2)

static const char url[] = "ws://kube.localhost:8080/.well-known/dx/signal";
static const uint8_t secret[DX_KEY_SIZE] = {1, 2, 3};

typedef struct client {
    dx_signaling *machine;
    uint64_t link, socket; /* socket: of the service, 0: none */
    size_t opened, closed;
    size_t present, left, signals;
    dx_signaling_place place; /* of the last peer */
    char said[32];
} client;

typedef struct frame {
    bool to_service;
    size_t size;
    uint64_t socket;
    uint8_t bytes[1024];
} frame;

static struct {
    test_alloc alloc;
    test_random random;
    dx_signaling_service *service; /* NULL: it is down */
    client clients[CLIENTS];
    frame frames[FRAMES_MAX];
    size_t first, count;
    uint64_t next_link, next_socket, now_ms, wall_ms, deadline_ms;
    bool keep_frames; /* nothing is delivered */
} world;

static void put(bool to_service, uint64_t socket, dx_bytes bytes) {
    assert_true(world.count < FRAMES_MAX && bytes.size <= sizeof world.frames[0].bytes);
    frame *kept = &world.frames[(world.first + world.count++) % FRAMES_MAX];
    *kept = (frame){.to_service = to_service, .socket = socket, .size = bytes.size};
    memcpy(kept->bytes, bytes.data, bytes.size);
}

static client *client_of(uint64_t socket) {
    for (size_t i = 0; i < CLIENTS; i++) {
        if (world.clients[i].socket == socket) {
            return &world.clients[i];
        }
    }
    return NULL;
}

static void service_send(void *ctx, uint64_t socket, dx_bytes bytes) {
    (void)ctx;
    put(false, socket, bytes);
}

static void service_close(void *ctx, uint64_t socket, int reason) {
    client *self = client_of(socket);
    (void)ctx;
    if (self != NULL) {
        self->socket = 0;
        dx_signaling_down(self->machine, reason, world.now_ms);
    }
}

static uint64_t client_open(void *ctx, dx_bytes address) {
    client *self = ctx;
    assert_true(dx_bytes_equal(address, dx_bytes_text(url)));
    self->opened++;
    return self->link = world.next_link += 2;
}

static void client_send(void *ctx, uint64_t link, dx_bytes bytes) {
    client *self = ctx;
    assert_int_equal(link, self->link);
    put(true, self->socket, bytes);
}

static void client_close(void *ctx, uint64_t link, int reason) {
    client *self = ctx;
    (void)reason;
    assert_int_equal(link, self->link);
    if (self->socket != 0 && world.service != NULL) {
        dx_signaling_service_close(world.service, self->socket, world.now_ms);
    }
    self->socket = self->link = 0;
    self->closed++;
}

static int on_present(void *ctx, dx_signaling *from, const dx_signaling_place *place) {
    client *self = ctx;
    assert_ptr_equal(from, self->machine);
    self->present++;
    self->place = *place;
    return DX_OK;
}

static void on_left(void *ctx, dx_signaling *from, const dx_signaling_place *place) {
    client *self = ctx;
    (void)from;
    (void)place;
    self->left++;
}

static int on_signal(void *ctx, dx_signaling *from, const dx_signaling_place *place,
                     const dx_signaling_signal *signal) {
    client *self = ctx;
    (void)from;
    assert_memory_equal(place->peer, self->place.peer, sizeof place->peer);
    self->signals++;
    snprintf(self->said, sizeof self->said, "%.*s", (int)signal->signal.size,
             (const char *)signal->signal.data);
    return DX_OK;
}

static void make_client(size_t index) {
    client *self = &world.clients[index];
    const uint8_t seed[DX_KEY_SIZE] = {(uint8_t)(index + 1)};
    const dx_signaling_port port = {.ctx = self,
                                    .open = client_open,
                                    .send = client_send,
                                    .close = client_close,
                                    .on_present = on_present,
                                    .on_signal = on_signal,
                                    .on_left = on_left};
    assert_int_equal(dx_signaling_create(&world.alloc.port, &world.random.port, NULL, &port,
                                         dx_bytes_text(url), seed, &self->machine),
                     DX_OK);
}

static void start_service(void) {
    const dx_service_port port = {.send = service_send, .close = service_close};
    assert_int_equal(dx_signaling_service_create(&world.alloc.port, &world.random.port, &port,
                                                 &dx_service_limits_usual, dx_bytes_of(NULL, 0),
                                                 &world.service),
                     DX_OK);
}

static void stop_service(void) {
    dx_signaling_service_destroy(world.service);
    world.service = NULL;
    world.count = 0;
    for (size_t i = 0; i < CLIENTS; i++) {
        if (world.clients[i].socket != 0) {
            world.clients[i].socket = 0;
            dx_signaling_down(world.clients[i].machine, DX_E_UNREACHABLE, world.now_ms);
        }
    }
}

static void begin(void) {
    memset(&world, 0, sizeof world);
    test_alloc_init(&world.alloc);
    test_random_init(&world.random, 1);
    world.now_ms = 1000;
    world.wall_ms = NOON;
    start_service();
    make_client(0);
    make_client(1);
}

static void end(void) {
    for (size_t i = 0; i < CLIENTS; i++) {
        dx_signaling_destroy(world.clients[i].machine);
    }
    dx_signaling_service_destroy(world.service);
    assert_int_equal(world.alloc.live_bytes, 0);
}

static void deliver(void) {
    while (world.count > 0 && !world.keep_frames) {
        frame next = world.frames[world.first];
        world.first = (world.first + 1) % FRAMES_MAX;
        world.count--;
        client *self = client_of(next.socket);
        dx_bytes bytes = dx_bytes_of(next.bytes, next.size);
        if (next.to_service && world.service != NULL) {
            dx_signaling_service_receive(world.service, next.socket, bytes, world.now_ms);
        } else if (!next.to_service && self != NULL) {
            assert_int_equal(dx_signaling_receive(self->machine, bytes, world.now_ms), DX_OK);
        }
    }
}

/* Links that were dialled come up, when there is a service. */
static void connect_dialled(void) {
    for (size_t i = 0; i < CLIENTS; i++) {
        client *self = &world.clients[i];
        if (dx_signaling_state_of(self->machine) != DX_SIGNALING_DIALLED) {
            continue;
        }
        if (world.service == NULL) {
            dx_signaling_down(self->machine, DX_E_UNREACHABLE, world.now_ms);
            continue;
        }
        self->socket = ++world.next_socket;
        dx_signaling_up(self->machine, world.now_ms);
        assert_int_equal(dx_signaling_service_open(world.service, self->socket, "127.0.0.1", world.now_ms),
                         DX_OK);
    }
}

static void tick(void) {
    world.deadline_ms = DX_NO_DEADLINE;
    for (size_t i = 0; i < CLIENTS; i++) {
        dx_signaling_tick(world.clients[i].machine, world.now_ms, world.wall_ms, 0, &world.deadline_ms);
    }
    connect_dialled();
    deliver();
    for (size_t i = 0; i < CLIENTS; i++) {
        dx_signaling_tick(world.clients[i].machine, world.now_ms, world.wall_ms, 0, &world.deadline_ms);
    }
    deliver();
    if (world.service != NULL) {
        (void)dx_signaling_service_tick(world.service, world.now_ms);
        deliver();
    }
}

static void pass(uint64_t ms) {
    uint64_t step_ms = ms > 600000 ? 10000 : 100;
    for (uint64_t passed_ms = 0; passed_ms < ms; passed_ms += step_ms) {
        world.now_ms += step_ms;
        world.wall_ms += step_ms;
        tick();
    }
}

static void begin_met(void) {
    begin();
    for (size_t i = 0; i < CLIENTS; i++) {
        assert_int_equal(dx_signaling_add_topic(world.clients[i].machine, 5, secret), DX_OK);
    }
    tick();
    assert_int_equal(world.clients[0].present, 1);
    assert_int_equal(world.clients[1].present, 1);
}

static int say(size_t from, const char *text) {
    const dx_signaling_signal signal = {.session = {1}, .signal = dx_bytes_text(text)};
    int error = dx_signaling_send(world.clients[from].machine, &world.clients[from].place, &signal);
    deliver();
    return error;
}

static void test_two_meet(void **state) {
    client *a = &world.clients[0], *b = &world.clients[1];
    (void)state;
    begin_met();
    assert_int_equal(a->place.topic, 5);
    assert_memory_equal(a->place.own, b->place.peer, sizeof a->place.own);
    assert_int_equal(say(0, "hello"), DX_OK);
    assert_string_equal(b->said, "hello");
    assert_int_equal(say(1, "good day"), DX_OK);
    assert_string_equal(a->said, "good day");
    assert_int_equal(dx_signaling_add_topic(a->machine, 5, secret), DX_E_EXISTS);
    pass(200000); /* presence is renewed, silence is asked about */
    assert_int_equal(a->left + b->left, 0);
    assert_int_equal(dx_signaling_counts_of(a->machine)->lost, 0);
    assert_int_equal(dx_signaling_service_counts(world.service)->joins, 2);
    assert_int_equal(dx_signaling_ice(a->machine).size, 1);
    dx_signaling_remove_topic(b->machine, 5);
    dx_signaling_remove_topic(b->machine, 5);
    deliver();
    assert_int_equal(a->left, 1);
    assert_int_equal(say(0, "gone"), DX_OK); /* is refused there, and nothing happens */
    assert_int_equal(dx_signaling_counts_of(a->machine)->refused, 1);
    assert_int_equal(say(1, "gone"), DX_E_NOT_FOUND);
    end();
}

static void test_nobody_dials_without_a_topic(void **state) {
    (void)state;
    begin();
    pass(1000);
    assert_int_equal(world.clients[0].opened, 0);
    assert_true(world.deadline_ms == DX_NO_DEADLINE);
    end();
}

static void test_a_service_restarts(void **state) {
    client *a = &world.clients[0];
    uint8_t own[DX_SIGNALING_NAME_SIZE];
    (void)state;
    begin_met();
    memcpy(own, a->place.own, sizeof own);
    stop_service();
    assert_int_equal(a->left, 1);
    assert_int_equal(say(0, "hello"), DX_E_STATE);
    size_t opened = a->opened;
    pass(60000); /* 0.1 s doubling to half a minute */
    assert_in_range(a->opened - opened, 8, 14);
    uint64_t since_ms;
    assert_int_equal(dx_signaling_last_error(a->machine, &since_ms), DX_E_UNREACHABLE);
    start_service();
    pass(31000);
    assert_int_equal(dx_signaling_state_of(a->machine), DX_SIGNALING_READY);
    assert_int_equal(a->present, 2);
    assert_memory_equal(a->place.own, own, sizeof own); /* the name stays */
    assert_int_equal(say(1, "back"), DX_OK);
    assert_string_equal(a->said, "back");
    end();
}

static void test_a_cut_is_not_seen_by_others(void **state) {
    client *a = &world.clients[0], *b = &world.clients[1];
    (void)state;
    begin_met();
    dx_signaling_service_close(world.service, a->socket, world.now_ms);
    a->socket = 0;
    dx_signaling_down(a->machine, DX_E_IO, world.now_ms);
    pass(1000);
    assert_int_equal(a->present, 2);
    assert_int_equal(b->present, 1);
    assert_int_equal(b->left, 0);
    assert_int_equal(dx_signaling_service_counts(world.service)->resumed_total, 1);
    end();
}

static void test_who_leaves_in_order_is_gone_at_once(void **state) {
    client *a = &world.clients[0], *b = &world.clients[1];
    (void)state;
    begin_met();
    dx_signaling_service_leave(world.service, a->socket, world.now_ms);
    a->socket = 0;
    pass(1);
    assert_int_equal(b->left, 1);
    assert_int_equal(dx_signaling_service_counts(world.service)->joins, 1);
    dx_signaling_down(a->machine, DX_E_IO, world.now_ms);
    pass(1000);
    assert_int_equal(b->present, 2); /* and comes again like anybody */
    end();
}

static void test_names_change_at_midnight(void **state) {
    client *a = &world.clients[0];
    uint8_t tag[DX_SIGNALING_NAME_SIZE];
    (void)state;
    begin_met();
    memcpy(tag, a->place.tag, sizeof tag);
    pass(DAY_MS / 2 - DX_SIGNALING_OVERLAP_MS - 60000);
    assert_int_equal(dx_signaling_service_counts(world.service)->topics, 1);
    pass(120000);
    assert_int_equal(dx_signaling_service_counts(world.service)->topics, 2); /* tomorrow's too */
    assert_int_equal(a->present, 2);
    assert_memory_not_equal(a->place.tag, tag, sizeof tag);
    pass(2 * DX_SIGNALING_OVERLAP_MS);
    assert_int_equal(dx_signaling_service_counts(world.service)->topics, 1);
    assert_int_equal(a->left, 1);
    assert_int_equal(say(0, "new day"), DX_OK);
    assert_string_equal(world.clients[1].said, "new day");
    end();
}

static void test_what_a_service_may_not_say(void **state) {
    static const uint8_t ping[] = {0x81, 0x0b}, welcome[] = {0x82, 0x03, 0x80};
    client *a = &world.clients[0];
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        begin();
        assert_int_equal(dx_signaling_add_topic(a->machine, 5, secret), DX_OK);
        world.keep_frames = i == 2;
        tick();
        static const dx_bytes words[] = {
            {welcome, sizeof welcome}, {(const uint8_t *)"x", 1}, {welcome, sizeof welcome}, {NULL, 0}};
        assert_int_equal(dx_signaling_state_of(a->machine), i == 2 ? DX_SIGNALING_UP : DX_SIGNALING_READY);
        assert_int_equal(dx_signaling_receive(a->machine, dx_bytes_of(ping, sizeof ping), world.now_ms),
                         DX_OK);
        assert_int_equal(dx_signaling_receive(a->machine, words[i], world.now_ms), DX_OK);
        assert_int_equal(dx_signaling_state_of(a->machine), DX_SIGNALING_AWAY);
        assert_int_equal(a->closed, 1);
        end();
    }
}

static void hear(client *self, const dx_signaling_message *message) {
    dx_buf out;
    dx_buf_init(&out, &world.alloc.port, DX_SIGNALING_FRAME_MAX);
    assert_int_equal(dx_signaling_encode(message, &out), DX_OK);
    assert_int_equal(dx_signaling_receive(self->machine, dx_buf_view(&out), world.now_ms), DX_OK);
    dx_buf_deinit(&out);
}

static void test_a_service_invents_and_replays(void **state) {
    client *a = &world.clients[0];
    dx_signaling_message message = {.kind = DX_SIGNALING_PRESENT, .topic = {9}};
    (void)state;
    begin_met();
    const dx_signaling_counts *counts = dx_signaling_counts_of(a->machine);
    hear(a, &message); /* of a topic nobody asked for */
    memcpy(message.topic, a->place.tag, sizeof message.topic);
    memcpy(message.peer, a->place.own, sizeof message.peer);
    hear(a, &message); /* ourselves */
    assert_int_equal(counts->strange, 2);
    dx_signaling_place place = a->place;
    for (uint8_t i = 0; i < 100; i++) { /* more than is kept in mind */
        memset(message.peer, i + 1, sizeof message.peer);
        hear(a, &message);
        hear(a, &message);
    }
    assert_int_equal(a->present, DX_SIGNALING_PEERS_MAX);
    message.kind = DX_SIGNALING_MESSAGE; /* a body that opens for nobody */
    message.body = dx_bytes_text("0123456789012345678901234567890123456789012345678901234567890123456789");
    hear(a, &message);
    assert_int_equal(counts->unreadable, 1);
    message.kind = DX_SIGNALING_LEFT;
    hear(a, &message); /* who was not kept in mind */
    assert_int_equal(a->left, 0);
    message = (dx_signaling_message){
        .kind = DX_SIGNALING_REFUSED, .code = DX_E_EXISTS, .refused = DX_SIGNALING_JOIN};
    memcpy(message.topic, place.tag, sizeof message.topic);
    hear(a, &message); /* the name is given up */
    assert_int_equal(a->left, DX_SIGNALING_PEERS_MAX);
    uint64_t since_ms;
    assert_int_equal(dx_signaling_last_error(a->machine, &since_ms), DX_E_EXISTS);
    end();
}

static void test_a_silent_service_is_given_up(void **state) {
    client *a = &world.clients[0];
    (void)state;
    begin_met();
    world.keep_frames = true;
    for (int i = 0; i < 59; i++) {
        pass(1000);
        world.count = 0;
        assert_int_equal(dx_signaling_state_of(a->machine), DX_SIGNALING_READY);
    }
    pass(1000);
    assert_int_equal(a->closed, 1);
    uint64_t since_ms;
    assert_int_equal(dx_signaling_last_error(a->machine, &since_ms), DX_E_TIMEOUT);
    pass(20000); /* nor does it say hello */
    assert_true(a->closed >= 2);
    end();
}

static void test_memory_that_ends(void **state) {
    (void)state;
    for (uint64_t at = 1; at < 30; at++) {
        begin();
        client *a = &world.clients[0];
        world.alloc.fail_at = world.alloc.calls + at;
        if (dx_signaling_add_topic(a->machine, 5, secret) == DX_OK) {
            dx_signaling_tick(a->machine, world.now_ms, world.wall_ms, 0, &world.deadline_ms);
            dx_signaling_up(a->machine, world.now_ms);
            a->socket = 1;
            bool failed = dx_signaling_service_open(world.service, 1, "127.0.0.1", world.now_ms) != DX_OK;
            while (world.count > 0 && !failed) {
                frame next = world.frames[world.first];
                world.first = (world.first + 1) % FRAMES_MAX;
                world.count--;
                dx_bytes bytes = dx_bytes_of(next.bytes, next.size);
                if (next.to_service) {
                    dx_signaling_service_receive(world.service, next.socket, bytes, world.now_ms);
                } else {
                    int error = dx_signaling_receive(a->machine, bytes, world.now_ms);
                    assert_true(error == DX_OK || error == DX_E_NO_MEMORY);
                    failed = error != DX_OK;
                }
                dx_signaling_tick(a->machine, world.now_ms, world.wall_ms, 0, &world.deadline_ms);
            }
        }
        end();
    }
}

DX_TEST_MAIN(DX_TEST(test_two_meet), DX_TEST(test_nobody_dials_without_a_topic),
             DX_TEST(test_a_service_restarts), DX_TEST(test_a_cut_is_not_seen_by_others),
             DX_TEST(test_who_leaves_in_order_is_gone_at_once), DX_TEST(test_names_change_at_midnight),
             DX_TEST(test_what_a_service_may_not_say), DX_TEST(test_a_service_invents_and_replays),
             DX_TEST(test_a_silent_service_is_given_up), DX_TEST(test_memory_that_ends))
