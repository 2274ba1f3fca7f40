/* kube/signaling_service.c: connections that speak its protocol by hand. */
#include "kube/signaling_service.h"

#include "test.h"

enum { FRAMES_MAX = 512, SOCKETS_MAX = 64 };

typedef struct frame {
    uint64_t socket;
    size_t size;
    uint8_t bytes[512];
} frame;

static struct {
    test_alloc alloc, hands; /* of the service, and of who speaks to it */
    test_random random;
    dx_signaling_service *service;
    frame frames[FRAMES_MAX]; /* said and not looked at yet */
    size_t first, count;
    int closed[SOCKETS_MAX]; /* by socket: the reason, 1: open */
    size_t waiting;
    uint64_t now_ms;
} world;

static void port_send(void *ctx, uint64_t socket, dx_bytes bytes) {
    (void)ctx;
    assert_true(world.count < FRAMES_MAX && bytes.size <= sizeof world.frames[0].bytes);
    frame *kept = &world.frames[(world.first + world.count++) % FRAMES_MAX];
    kept->socket = socket;
    kept->size = bytes.size;
    memcpy(kept->bytes, bytes.data, bytes.size);
}

static void port_close(void *ctx, uint64_t socket, int reason) {
    (void)ctx;
    world.closed[socket] = reason;
}

static size_t port_waiting(void *ctx, uint64_t socket) {
    (void)ctx;
    (void)socket;
    return world.waiting;
}

static dx_service_limits limits;

static void begin(void) {
    const dx_service_port port = {.send = port_send, .close = port_close, .waiting = port_waiting};
    memset(&world, 0, sizeof world);
    limits = dx_service_limits_usual;
    test_alloc_init(&world.alloc);
    test_alloc_init(&world.hands);
    test_random_init(&world.random, 1);
    world.now_ms = 1000;
    assert_int_equal(dx_signaling_service_create(&world.alloc.port, &world.random.port, &port, &limits,
                                                 dx_bytes_of(NULL, 0), &world.service),
                     DX_OK);
}

static void end(void) {
    dx_signaling_service_destroy(world.service);
    assert_int_equal(world.alloc.live_bytes, 0);
}

static const dx_service_counts *counts(void) {
    return dx_signaling_service_counts(world.service);
}

static void pass(uint64_t ms) {
    for (uint64_t until_ms = world.now_ms + ms; world.now_ms < until_ms;) {
        world.now_ms += 500;
        (void)dx_signaling_service_tick(world.service, world.now_ms);
    }
}

static void say(uint64_t socket, const dx_signaling_message *message) {
    dx_buf out;
    dx_buf_init(&out, &world.hands.port, 2 * DX_SIGNALING_FRAME_MAX);
    assert_int_equal(dx_signaling_encode(message, &out), DX_OK);
    dx_signaling_service_receive(world.service, socket, dx_buf_view(&out), world.now_ms);
    dx_buf_deinit(&out);
}

/* The next thing that was said is of this kind, to this connection. */
static dx_signaling_message expect(uint64_t socket, dx_signaling_kind kind) {
    dx_signaling_message message;
    assert_true(world.count > 0);
    const frame *next = &world.frames[world.first];
    world.first = (world.first + 1) % FRAMES_MAX;
    world.count--;
    assert_int_equal(dx_signaling_decode(dx_bytes_of(next->bytes, next->size), &message), DX_OK);
    assert_int_equal(next->socket, socket);
    assert_int_equal(message.kind, kind);
    return message;
}

static void expect_silence(void) {
    assert_int_equal(world.count, 0);
}

static void expect_refused(uint64_t socket, int code) {
    assert_int_equal(expect(socket, DX_SIGNALING_REFUSED).code, code);
}

static dx_signaling_message open_socket(uint64_t socket, const char *peer) {
    assert_int_equal(dx_signaling_service_open(world.service, socket, peer, world.now_ms), DX_OK);
    world.closed[socket] = 1;
    return expect(socket, DX_SIGNALING_HELLO);
}

static void prove(uint64_t socket, uint8_t device, const uint8_t *nonce) {
    static const char name[] = "kube.example/.well-known/dx/signal";
    const uint8_t seed[DX_KEY_SIZE] = {device};
    dx_sign_key key;
    dx_signaling_message message = {.kind = DX_SIGNALING_PROVE, .name = dx_bytes_text(name)};
    dx_signaling_key(seed, dx_bytes_text(name), &key);
    memcpy(message.key, key.public_key, sizeof message.key);
    dx_signaling_prove(&key, dx_bytes_text(name), nonce, message.signature);
    say(socket, &message);
}

static void enter(uint64_t socket, uint8_t device) {
    dx_signaling_message hello = open_socket(socket, "192.0.2.1");
    prove(socket, device, hello.nonce);
    (void)expect(socket, DX_SIGNALING_WELCOME);
}

static dx_signaling_message about(dx_signaling_kind kind, uint8_t topic, uint8_t peer) {
    return (dx_signaling_message){.kind = kind, .topic = {topic}, .peer = {peer}, .ttl_ms = 60000};
}

static void join(uint64_t socket, uint8_t topic, uint8_t peer) {
    dx_signaling_message message = about(DX_SIGNALING_JOIN, topic, peer);
    say(socket, &message);
}

static void expect_place(uint64_t socket, dx_signaling_kind kind, uint8_t topic, uint8_t peer) {
    dx_signaling_message message = expect(socket, kind);
    assert_int_equal(message.topic[0], topic);
    assert_int_equal(message.peer[0], peer);
}

static void send_text(uint64_t socket, uint8_t topic, uint8_t to, const char *text) {
    dx_signaling_message message = about(DX_SIGNALING_SEND, topic, to);
    message.body = dx_bytes_text(text);
    say(socket, &message);
}

/* Two who proved themselves and meet in topic 7 as 11 and 12. */
static void begin_met(void) {
    begin();
    enter(1, 1);
    enter(2, 2);
    join(1, 7, 11);
    join(2, 7, 12);
    expect_place(1, DX_SIGNALING_PRESENT, 7, 12);
    expect_place(2, DX_SIGNALING_PRESENT, 7, 11);
    expect_silence();
}

static void test_peers_meet_and_speak(void **state) {
    (void)state;
    begin_met();
    send_text(1, 7, 12, "one");
    send_text(1, 7, 12, "two");
    send_text(2, 7, 11, "three");
    for (int i = 0; i < 3; i++) {
        static const char *const texts[] = {"one", "two", "three"};
        dx_signaling_message heard = expect(i < 2 ? 2 : 1, DX_SIGNALING_MESSAGE);
        assert_int_equal(heard.peer[0], i < 2 ? 11 : 12); /* says the service, not the sender */
        assert_true(dx_bytes_equal(heard.body, dx_bytes_text(texts[i])));
    }
    send_text(1, 7, 99, "nobody");
    expect_refused(1, DX_E_UNREACHABLE);
    send_text(1, 8, 12, "elsewhere");
    expect_refused(1, DX_E_NOT_FOUND);
    assert_int_equal(counts()->messages_total, 3);
    dx_signaling_message ping = {.kind = DX_SIGNALING_PING};
    say(1, &ping);
    (void)expect(1, DX_SIGNALING_PONG);
    dx_signaling_message leave = about(DX_SIGNALING_LEAVE, 7, 0);
    say(1, &leave);
    expect_place(2, DX_SIGNALING_LEFT, 7, 11);
    say(1, &leave);
    expect_refused(1, DX_E_NOT_FOUND);
    end();
}

static void test_strangers_go(void **state) {
    (void)state;
    begin();
    dx_signaling_message hello = open_socket(1, "192.0.2.1");
    (void)open_socket(2, "192.0.2.1");
    (void)open_socket(3, "192.0.2.1");
    assert_memory_not_equal(hello.nonce, open_socket(4, "192.0.2.1").nonce, sizeof hello.nonce);
    hello.nonce[0] ^= 1;
    prove(1, 1, hello.nonce);
    assert_int_equal(world.closed[1], DX_E_SIGNATURE);
    join(2, 7, 11); /* nobody is served before its proof */
    assert_int_equal(world.closed[2], DX_E_PROTOCOL);
    dx_signaling_service_receive(world.service, 3, dx_bytes_text("GET / HTTP/1.1"), world.now_ms);
    assert_int_equal(world.closed[3], DX_E_MALFORMED);
    assert_int_equal(dx_signaling_service_tick(world.service, world.now_ms),
                     world.now_ms + DX_SIGNALING_PROVE_MS);
    pass(DX_SIGNALING_PROVE_MS - 500);
    assert_int_equal(world.closed[4], 1);
    pass(500);
    assert_int_equal(world.closed[4], DX_E_TIMEOUT);
    expect_silence();
    assert_int_equal(counts()->strangers_total, 4);
    assert_int_equal(counts()->strangers, 0);
    dx_signaling_service_receive(world.service, 4, dx_bytes_text("x"), world.now_ms); /* gone already */
    dx_signaling_service_close(world.service, 4, world.now_ms);
    pass(60000);
    assert_int_equal(dx_signaling_service_tick(world.service, world.now_ms), DX_NO_DEADLINE);
    end();
}

static void test_who_is_cut_off_may_come_back(void **state) {
    (void)state;
    begin_met();
    dx_signaling_service_close(world.service, 1, world.now_ms);
    pass(2000);
    expect_silence(); /* nobody hears of it */
    send_text(2, 7, 11, "are you there");
    expect_refused(2, DX_E_UNREACHABLE);
    enter(3, 1);
    join(3, 7, 11);
    expect_place(3, DX_SIGNALING_PRESENT, 7, 12);
    expect_silence();
    send_text(2, 7, 11, "again");
    (void)expect(3, DX_SIGNALING_MESSAGE);
    assert_int_equal(counts()->resumed_total, 1);
    enter(4, 4); /* another key takes no name */
    join(4, 7, 11);
    expect_refused(4, DX_E_EXISTS);
    dx_signaling_service_close(world.service, 3, world.now_ms);
    pass(DX_SERVICE_GRACE_MS + 1000);
    expect_place(2, DX_SIGNALING_LEFT, 7, 11);
    assert_int_equal(counts()->expired_total, 1);
    end();
}

static void test_a_half_dead_connection_is_superseded(void **state) {
    (void)state;
    begin_met();
    enter(3, 1);
    join(3, 7, 11);
    expect_place(3, DX_SIGNALING_PRESENT, 7, 12);
    send_text(2, 7, 11, "to the newer one");
    (void)expect(3, DX_SIGNALING_MESSAGE);
    dx_signaling_service_close(world.service, 1, world.now_ms);
    pass(DX_SERVICE_GRACE_MS + 1000);
    expect_silence();
    end();
}

static void test_presence_runs_out(void **state) {
    (void)state;
    begin_met();
    for (int i = 0; i < 4; i++) {
        pass(30000);
        join(2, 7, 12); /* one renews, and hears anew who is there */
    }
    expect_place(2, DX_SIGNALING_PRESENT, 7, 11);
    expect_place(2, DX_SIGNALING_LEFT, 7, 11);
    expect_silence();
    assert_int_equal(world.closed[1], DX_E_TIMEOUT); /* and said nothing at all */
    assert_int_equal(counts()->silent_total, 1);
    join(2, 7, 13);
    expect_refused(2, DX_E_CONFLICT);
    end();
}

static void test_quotas(void **state) {
    (void)state;
    begin();
    limits.of_key.joins = 2;
    limits.of_key.connections = 1;
    limits.peers_of_topic = 1;
    limits.of_network.connections = 3;
    enter(1, 1);
    join(1, 7, 11);
    join(1, 8, 11);
    join(1, 9, 11);
    expect_refused(1, DX_E_LIMIT);
    enter(2, 2);
    join(2, 7, 12);
    expect_refused(2, DX_E_LIMIT); /* the topic is full */
    dx_signaling_message hello = open_socket(3, "192.0.2.1");
    prove(3, 1, hello.nonce);
    assert_int_equal(world.closed[3], DX_E_LIMIT);
    (void)open_socket(4, "192.0.2.1");
    assert_int_equal(dx_signaling_service_open(world.service, 5, "192.0.2.1", world.now_ms), DX_E_LIMIT);
    (void)open_socket(6, "192.0.2.2");
    limits.connections = 4;
    assert_int_equal(dx_signaling_service_open(world.service, 7, "192.0.2.3", world.now_ms), DX_E_LIMIT);
    assert_int_equal(counts()->crowded_total, 3);
    end();
}

static void test_floods_end(void **state) {
    (void)state;
    begin_met();
    limits.of_key.messages_per_s = 1;
    limits.of_key.messages_max = 2000;
    dx_signaling_message ping = {.kind = DX_SIGNALING_PING};
    for (int i = 0; i < 2000 - 2; i++) {
        say(1, &ping);
        world.count = 0;
    }
    say(1, &ping);
    (void)expect(1, DX_SIGNALING_PONG);
    for (int i = 0; i < DX_SERVICE_REFUSALS_MAX; i++) {
        say(1, &ping);
        expect_refused(1, DX_E_FLOOD);
    }
    say(1, &ping);
    assert_int_equal(world.closed[1], DX_E_FLOOD);
    expect_place(2, DX_SIGNALING_LEFT, 7, 11); /* no grace for it */
    assert_int_equal(counts()->flooded_total, 1);
    end();
}

static void test_what_cannot_leave_is_refused(void **state) {
    static uint8_t large[DX_SIGNALING_BODY_MAX + 1];
    (void)state;
    begin_met();
    world.waiting = DX_SERVICE_WAITING_MAX + 1;
    send_text(1, 7, 12, "hello");
    expect_refused(1, DX_E_BUSY);
    dx_signaling_message message = about(DX_SIGNALING_SEND, 7, 12);
    message.body = dx_bytes_of(large, sizeof large);
    say(1, &message);
    expect_refused(1, DX_E_LIMIT);
    message.kind = DX_SIGNALING_MESSAGE; /* that is the service's word */
    message.body = dx_bytes_text("x");
    say(1, &message);
    assert_int_equal(world.closed[1], DX_E_PROTOCOL);
    end();
}

static void test_idle_connections_are_small(void **state) {
    (void)state;
    begin();
    limits.of_network.connections = limits.of_key.connections = 2000;
    enter(1, 1);
    join(1, 7, 11);
    size_t before = world.alloc.live_bytes;
    for (uint8_t i = 2; i < 62; i++) {
        enter(i, i);
        join(i, 7, i);
        world.count = 0;
    }
    assert_true((world.alloc.live_bytes - before) / 60 < 1024); /* of 16 KiB granted to a connection */
    end();
}

static void test_memory_that_ends(void **state) {
    (void)state;
    for (uint64_t at = 1; at < 40; at++) {
        begin();
        world.alloc.fail_at = world.alloc.calls + at;
        for (uint64_t socket = 1; socket < 4; socket++) {
            if (dx_signaling_service_open(world.service, socket, "192.0.2.1", world.now_ms) == DX_OK &&
                world.count > 0) {
                dx_signaling_message hello = expect(socket, DX_SIGNALING_HELLO);
                prove(socket, (uint8_t)socket, hello.nonce);
                join(socket, (uint8_t)(7 + at % 2 * socket), (uint8_t)(10 + socket));
                send_text(socket, 7, 11, "hello");
            }
            world.count = 0;
        }
        pass(200000);
        end();
    }
}

static void test_ice_servers_are_told(void **state) {
    static const uint8_t ice[] = {0x81, 0x83, 0x66, 's', 't', 'u', 'n', ':', 'x', 0x60, 0x60};
    const dx_service_port port = {.send = port_send, .close = port_close};
    (void)state;
    begin();
    dx_signaling_service_destroy(world.service);
    assert_int_equal(dx_signaling_service_create(&world.alloc.port, &world.random.port, &port, &limits,
                                                 dx_bytes_of(ice, sizeof ice - 1), &world.service),
                     DX_E_MALFORMED);
    assert_int_equal(dx_signaling_service_create(&world.alloc.port, &world.random.port, &port, &limits,
                                                 dx_bytes_of(ice, sizeof ice), &world.service),
                     DX_OK);
    dx_signaling_message hello = open_socket(1, "192.0.2.1");
    prove(1, 1, hello.nonce);
    dx_signaling_message welcome = expect(1, DX_SIGNALING_WELCOME);
    assert_true(dx_bytes_equal(welcome.ice, dx_bytes_of(ice, sizeof ice)));
    end();
}

DX_TEST_MAIN(DX_TEST(test_peers_meet_and_speak), DX_TEST(test_strangers_go),
             DX_TEST(test_who_is_cut_off_may_come_back), DX_TEST(test_a_half_dead_connection_is_superseded),
             DX_TEST(test_presence_runs_out), DX_TEST(test_quotas), DX_TEST(test_floods_end),
             DX_TEST(test_what_cannot_leave_is_refused), DX_TEST(test_idle_connections_are_small),
             DX_TEST(test_memory_that_ends), DX_TEST(test_ice_servers_are_told))
