/* mesh/encounter.c: two swarms, a real signaling service and stand-in transports (tests/lib/fair.h). */
#include "fair.h"
#include "mesh/swarm.h"
#include "test.h"

enum { TOPIC = 5, EVENTS_MAX = 4096 };

typedef struct end {
    test_alloc alloc;
    test_random random;
    dx_swarm *swarm;
    dx_swarm_counts counts;
    uint64_t next_link, deadline_ms;
    int opens, closes, last_reason, last_closed;
    char said[32];
    uint64_t link;
} end;

typedef struct posted {
    end *to;
    dx_event event;
    uint8_t *body;
} posted;

static struct {
    fair fair;
    end ends[2];
    posted queue[EVENTS_MAX];
    size_t first, count;
    uint64_t now_ms, wall_ms; /* wall_ms: when all began */
} world;

/* Noon; two hours around midnight topics have two names. */
#define NOON     (UINT64_C(20000) * 86400000 + 43200000)
#define MIDNIGHT (UINT64_C(20001) * 86400000)

static const uint8_t secret[DX_KEY_SIZE] = {1, 2, 3};

static void give(void *who, const dx_event *event) {
    assert_true(world.count < EVENTS_MAX);
    posted *one = &world.queue[(world.first + world.count++) % EVENTS_MAX];
    *one = (posted){.to = who, .event = *event, .body = malloc(event->body.size + 1)};
    assert_non_null(one->body);
    if (event->body.size > 0) {
        memcpy(one->body, event->body.data, event->body.size);
    }
    one->event.body.data = one->body;
}

static void effect(void *ctx, dx_effect_kind kind, uint64_t link, dx_bytes body) {
    (void)fair_effect(&world.fair, ctx, &(dx_effect){.kind = kind, .link = link, .body = body});
}

static void port_open(void *ctx, uint64_t link, dx_bytes address) {
    effect(ctx, DX_EFFECT_LINK_OPEN, link, address);
}

static void port_send(void *ctx, uint64_t link, dx_bytes bytes) {
    effect(ctx, DX_EFFECT_LINK_SEND, link, bytes);
}

static void port_signal(void *ctx, uint64_t link, dx_bytes body) {
    effect(ctx, DX_EFFECT_SIGNAL_SEND, link, body);
}

static void port_close(void *ctx, uint64_t link, int reason) {
    end *self = ctx;
    self->last_closed = reason;
    effect(ctx, DX_EFFECT_LINK_CLOSE, link, dx_bytes_of(NULL, 0));
}

static int on_open(void *ctx, const dx_swarm_link *link) {
    end *self = ctx;
    self->opens++;
    self->link = link->link;
    return DX_OK;
}

static int on_message(void *ctx, const dx_swarm_link *link, dx_bytes message) {
    end *self = ctx;
    (void)link;
    snprintf(self->said, sizeof self->said, "%.*s", (int)message.size, (const char *)message.data);
    return DX_OK;
}

static void on_close(void *ctx, const dx_swarm_link *link, int reason) {
    end *self = ctx;
    (void)link;
    self->closes++;
    self->last_reason = reason;
}

static void add_topic(end *self, uint8_t key) {
    dx_topic topic = {
        .number = TOPIC,
        .static_secret = {0, key},
        .payload = dx_bytes_text("who"),
        .handler = {.ctx = self, .on_open = on_open, .on_message = on_message, .on_close = on_close}};
    memcpy(topic.secret, secret, sizeof topic.secret);
    assert_int_equal(dx_swarm_add_topic(self->swarm, &topic), DX_OK);
}

static void begin(void) {
    memset(&world, 0, sizeof world);
    world.now_ms = 1000;
    world.wall_ms = NOON;
    fair_init(&world.fair, give);
    for (uint8_t i = 0; i < 2; i++) {
        end *self = &world.ends[i];
        test_alloc_init(&self->alloc);
        test_random_init(&self->random, i + 1u);
        self->next_link = 1;
        const dx_swarm_port port = {.ctx = self,
                                    .next_link = &self->next_link,
                                    .open = port_open,
                                    .send = port_send,
                                    .close = port_close,
                                    .signal = port_signal,
                                    .counts = &self->counts};
        const uint8_t seed[DX_KEY_SIZE] = {i};
        assert_int_equal(dx_swarm_create(&self->alloc.port, &self->random.port, NULL, &port, &self->swarm),
                         DX_OK);
        dx_swarm_set_device(self->swarm, seed);
        assert_int_equal(dx_swarm_add_service(self->swarm, dx_bytes_text(fair_url)), DX_OK);
        add_topic(self, (uint8_t)(i + 1));
    }
}

static void handle(const posted *one) {
    dx_swarm *swarm = one->to->swarm;
    const dx_event *event = &one->event;
    int error = DX_OK;
    if (swarm == NULL) {
        return;
    }
    switch ((int)event->kind) {
    case DX_EVENT_LINK_UP:
        error = dx_swarm_link_up(swarm, event->link, event->body, world.now_ms);
        break;
    case DX_EVENT_LINK_DATA:
        error = dx_swarm_link_data(swarm, event->link, event->body, world.now_ms);
        break;
    case DX_EVENT_LINK_WRITABLE:
        error = dx_swarm_link_writable(swarm, event->link, event->size, world.now_ms);
        break;
    case DX_EVENT_LINK_DOWN:
        dx_swarm_link_down(swarm, event->link, event->reason, event->body, world.now_ms);
        break;
    default:
        error = dx_swarm_signal(swarm, event->link, event->body, world.now_ms);
    }
    assert_int_equal(error, DX_OK);
}

static void run(void) {
    do {
        while (world.count > 0) {
            posted one = world.queue[world.first];
            world.first = (world.first + 1) % EVENTS_MAX;
            world.count--;
            handle(&one);
            free(one.body);
        }
        for (size_t i = 0; i < 2; i++) {
            end *self = &world.ends[i];
            self->deadline_ms = DX_NO_DEADLINE;
            if (self->swarm != NULL) {
                dx_swarm_set_wall(self->swarm, world.wall_ms + world.now_ms);
                assert_int_equal(dx_swarm_tick(self->swarm, world.now_ms, &self->deadline_ms), DX_OK);
            }
        }
        (void)fair_tick(&world.fair, world.now_ms);
    } while (world.count > 0);
}

static void pass(uint64_t ms) {
    for (uint64_t passed = 0; passed < ms; passed += 100) {
        world.now_ms += 100;
        run();
    }
}

static void finish(void) {
    for (size_t i = 0; i < 2; i++) {
        dx_swarm_destroy(world.ends[i].swarm);
        world.ends[i].swarm = NULL;
        assert_int_equal(world.ends[i].alloc.live_bytes, 0);
    }
    while (world.count > 0) {
        free(world.queue[world.first].body);
        world.first = (world.first + 1) % EVENTS_MAX;
        world.count--;
    }
    fair_deinit(&world.fair);
}

static void expect_met(void) {
    assert_int_equal(dx_swarm_link_count(world.ends[0].swarm, TOPIC), 1);
    assert_int_equal(dx_swarm_link_count(world.ends[1].swarm, TOPIC), 1);
    assert_int_equal(dx_swarm_send(world.ends[0].swarm, world.ends[0].link, dx_bytes_text("hello")), DX_OK);
    run();
    assert_string_equal(world.ends[1].said, "hello");
}

static void test_two_meet_over_a_service(void **state) {
    (void)state;
    begin();
    pass(500);
    expect_met();
    assert_int_equal(world.ends[0].opens, 1); /* one offers, the other does not */
    assert_int_equal(world.ends[0].counts.strange + world.ends[1].counts.strange, 0);
    pass(120000); /* nobody is met twice */
    assert_int_equal(world.ends[0].opens, 1);
    dx_swarm_service_state service;
    assert_true(dx_swarm_service_at(world.ends[0].swarm, 0, &service));
    assert_string_equal(service.state, "ready");
    assert_int_equal(service.peers, 1);
    assert_false(dx_swarm_service_at(world.ends[0].swarm, 1, &service));
    finish();
}

/* Under two names each is the smaller one now and then: both offer, one link stays. */
static void test_two_meet_at_midnight(void **state) {
    (void)state;
    begin();
    world.wall_ms = MIDNIGHT;
    pass(20000);
    expect_met();
    assert_int_equal(dx_signaling_service_counts(world.fair.service)->topics, 2);
    int opens = world.ends[0].opens;
    pass(120000);
    assert_int_equal(world.ends[0].opens, opens);
    finish();
}

static void test_links_outlive_the_service(void **state) {
    (void)state;
    begin();
    pass(500);
    fair_stop(&world.fair);
    pass(60000);
    expect_met();
    fair_break(&world.fair); /* without it they do not meet again */
    pass(60000);
    assert_int_equal(dx_swarm_link_count(world.ends[0].swarm, TOPIC), 0);
    fair_start(&world.fair);
    pass(61000);
    expect_met();
    finish();
}

static void test_who_stands_between_is_named(void **state) {
    (void)state;
    begin();
    world.fair.secret = secret;
    pass(500);
    assert_int_equal(world.ends[0].opens + world.ends[1].opens, 0);
    assert_int_equal(world.ends[0].last_closed, DX_E_CHANNEL_BINDING);
    assert_int_equal(world.ends[1].last_closed, DX_E_CHANNEL_BINDING);
    dx_swarm_way way;
    bool told = false;
    for (size_t end_index = 0; end_index < 2; end_index++) {
        for (size_t i = 0; dx_swarm_meeting_state(world.ends[end_index].swarm, TOPIC, i, &way); i++) {
            told = told || (way.last_error == DX_E_CHANNEL_BINDING && strncmp(way.why, "channel:", 8) == 0);
        }
    }
    assert_true(told);
    world.fair.secret = NULL; /* he goes */
    pass(60000);
    expect_met();
    finish();
}

static void test_attempts_time_out(void **state) {
    (void)state;
    begin();
    world.fair.secret = NULL;
    pass(200);
    fair_break(&world.fair);
    dx_swarm_remove_topic(world.ends[1].swarm, TOPIC); /* nobody answers any more */
    pass(60000);
    assert_int_equal(dx_swarm_link_count(world.ends[0].swarm, TOPIC), 0);
    add_topic(&world.ends[1], 2);
    pass(61000);
    expect_met();
    finish();
}

static void test_a_service_named_by_an_address(void **state) {
    (void)state;
    begin();
    for (size_t i = 0; i < 2; i++) {
        dx_swarm_remove_service(world.ends[i].swarm, dx_bytes_text(fair_url));
        dx_swarm_service_state service;
        assert_false(dx_swarm_service_at(world.ends[i].swarm, 0, &service));
        assert_int_equal(dx_swarm_add_address(world.ends[i].swarm, TOPIC, dx_bytes_text(fair_url)), DX_OK);
        assert_true(dx_swarm_service_at(world.ends[i].swarm, 0, &service));
        assert_false(service.kept);
    }
    pass(500);
    expect_met();
    dx_swarm_remove_address(world.ends[0].swarm, TOPIC, dx_bytes_text(fair_url));
    dx_swarm_service_state service;
    assert_false(dx_swarm_service_at(world.ends[0].swarm, 0, &service));
    pass(1000);
    expect_met(); /* the link stands */
    finish();
}

static void test_services_are_bounded(void **state) {
    char url[64];
    (void)state;
    begin();
    assert_int_equal(dx_swarm_add_service(world.ends[0].swarm, dx_bytes_text("http://x")), DX_E_INVALID);
    for (int i = 1; i < DX_SIGNALING_SERVICES_MAX; i++) {
        snprintf(url, sizeof url, "ws://%d.example/", i);
        assert_int_equal(dx_swarm_add_service(world.ends[0].swarm, dx_bytes_text(url)), DX_OK);
    }
    assert_int_equal(dx_swarm_add_service(world.ends[0].swarm, dx_bytes_text("ws://one.more/")), DX_E_LIMIT);
    assert_int_equal(dx_swarm_add_service(world.ends[0].swarm, dx_bytes_text(fair_url)), DX_OK);
    dx_swarm_remove_service(world.ends[0].swarm, dx_bytes_text("ws://nobody.knows/"));
    finish();
}

static void test_transports_that_misbehave(void **state) {
    static const uint8_t nonsense[] = {0xa0};
    dx_buf answer;
    (void)state;
    begin();
    pass(500);
    end *self = world.ends[0].opens > 0 ? &world.ends[0] : &world.ends[1];
    assert_int_equal(dx_swarm_signal(self->swarm, self->link, dx_bytes_of(nonsense, 1), world.now_ms), DX_OK);
    run();
    assert_int_equal(self->last_closed, DX_E_INVALID);
    pass(60000);
    expect_met();
    dx_buf_init(&answer, &world.fair.alloc.port, DX_SIGNAL_SIZE_MAX);
    size_t at = fair_find(&world.fair, self, self->link);
    fair_describe(world.fair.links[at].offers, 77, &answer); /* another certificate */
    assert_int_equal(dx_swarm_signal(self->swarm, self->link, dx_buf_view(&answer), world.now_ms), DX_OK);
    run();
    assert_int_equal(self->last_closed, DX_E_INVALID);
    dx_buf_deinit(&answer);
    assert_int_equal(dx_swarm_signal(self->swarm, 9999, dx_bytes_of(nonsense, 1), world.now_ms), DX_OK);
    finish();
}

DX_TEST_MAIN(DX_TEST(test_two_meet_over_a_service), DX_TEST(test_two_meet_at_midnight),
             DX_TEST(test_links_outlive_the_service), DX_TEST(test_who_stands_between_is_named),
             DX_TEST(test_attempts_time_out), DX_TEST(test_a_service_named_by_an_address),
             DX_TEST(test_services_are_bounded), DX_TEST(test_transports_that_misbehave))
