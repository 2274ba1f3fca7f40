/* Peer links of two drivers over loopback, without nodes: the test carries the signals, and stands in the way. */
#include <unistd.h>

#include "test.h"

#include <dxos/codec.h>

#include "host.h"
#include "rtc.h"
#include "rtc_dtls.h"
#include "rtc_link.h"
#include "rtc_sctp.h"
#include "rtc_socket.h"

#include "net/sdp.h"
#include "net/stun.h"

enum { LINKS = 128, WAIT_MS = 20000 };

/* --- Two ends ------------------------------------------------------------------------------------------- */

typedef struct link_state {
    int ups, downs, signals;
    int reason;
    char text[240];
    uint64_t received, writable;
    uint64_t pattern; /* where the received bytes are in the pattern they should have */
    bool wrong;
} link_state;

typedef struct end {
    struct stage *scene;
    dx_rtc *rtc;
    struct end *other;
    link_state links[LINKS];
} end;

typedef struct signal_on_its_way {
    end *to;
    uint64_t link;
    dx_buf body;
    struct signal_on_its_way *next;
} signal_on_its_way;

typedef struct stage {
    uv_loop_t loop;
    uv_timer_t turn;
    end a, b;
    signal_on_its_way *signals;
    bool stopped;
    /* may change the text of a description or candidate */
    void (*on_text)(struct stage *scene, const end *from, char *text);
    void *relay;
    int lines; /* of the log */
} stage;

static uint8_t pattern_byte(uint64_t at) {
    return (uint8_t)(at * 2654435761u >> 13 ^ at >> 7);
}

static void on_event(void *ctx, const dx_event *event) {
    end *self = ctx;
    assert_true(event->link < LINKS);
    link_state *link = &self->links[event->link];
    if (event->kind == DX_EVENT_LINK_UP) {
        link->ups++;
        assert_memory_equal(event->body.data, "rtc:", 4);
    } else if (event->kind == DX_EVENT_LINK_DOWN) {
        link->downs++;
        link->reason = event->reason;
        snprintf(link->text, sizeof link->text, "%.*s", (int)event->body.size,
                 (const char *)event->body.data);
    } else if (event->kind == DX_EVENT_LINK_DATA) {
        assert_int_equal(link->ups, 1);
        assert_int_equal(link->downs, 0);
        for (size_t i = 0; i < event->body.size; i++) {
            link->wrong = link->wrong || event->body.data[i] != pattern_byte(link->pattern + i);
        }
        link->pattern += event->body.size;
        link->received += event->body.size;
    } else if (event->kind == DX_EVENT_LINK_WRITABLE) {
        link->writable += event->size;
    } else if (event->kind == DX_EVENT_SIGNAL) {
        signal_on_its_way *signal = calloc(1, sizeof *signal);
        assert_non_null(signal);
        link->signals++;
        signal->to = self->other;
        signal->link = event->link;
        dx_buf_init(&signal->body, dx_host_alloc(), 1 << 16);
        dx_buf_append(&signal->body, event->body.data, event->body.size);
        signal_on_its_way **at = &self->scene->signals;
        while (*at != NULL) {
            at = &(*at)->next;
        }
        *at = signal;
    }
}

static void on_line(void *ctx, const char *line) {
    const end *self = ctx;
    assert_non_null(strstr(line, "could not be looked up"));
    self->scene->lines++;
}

static void open_end(stage *scene, end *self, end *other, uint32_t attempt_ms) {
    const dx_rtc_options options = {.loop = &scene->loop,
                                    .on_event = on_event,
                                    .log = on_line,
                                    .ctx = self,
                                    .loopback = true,
                                    .attempt_ms = attempt_ms};
    self->scene = scene;
    self->other = other;
    assert_int_equal(dx_rtc_open(&options, &self->rtc), DX_OK);
}

static void on_turn(uv_timer_t *timer) {
    (void)timer;
}

static stage *scene_make(uint32_t attempt_ms) {
    stage *self = calloc(1, sizeof *self);
    assert_non_null(self);
    dx_host_once();
    assert_int_equal(uv_loop_init(&self->loop), 0);
    uv_timer_init(&self->loop, &self->turn);
    uv_timer_start(&self->turn, on_turn, 2, 2);
    open_end(self, &self->a, &self->b, attempt_ms);
    open_end(self, &self->b, &self->a, attempt_ms);
    return self;
}

static void send_effect(end *self, dx_effect_kind kind, uint64_t link, dx_bytes body) {
    const dx_effect effect = {.kind = kind, .link = link, .body = body};
    (void)dx_rtc_effect(self->rtc, &effect);
}

/* The text of a signal as the test wants it to arrive. */
static void deliver(stage *self, signal_on_its_way *signal) {
    if (self->on_text == NULL) {
        send_effect(signal->to, DX_EFFECT_SIGNAL_SEND, signal->link, dx_buf_view(&signal->body));
        return;
    }
    char text[DX_SDP_SIZE_MAX];
    dx_bytes item = dx_buf_view(&signal->body), type = dx_item_text(dx_item_get(item, "type"));
    dx_bytes was = dx_item_text(dx_item_get(item, type.size > 0 ? "sdp" : "candidate"));
    dx_buf body;
    dx_writer writer;
    snprintf(text, sizeof text, "%.*s", (int)was.size, (const char *)was.data);
    self->on_text(self, signal->to->other, text);
    dx_buf_init(&body, dx_host_alloc(), 1 << 16);
    dx_writer_init(&writer, &body);
    dx_write_map(&writer, type.size > 0 ? 2 : 1);
    dx_write_text(&writer, type.size > 0 ? "sdp" : "candidate");
    dx_write_text(&writer, text);
    if (type.size > 0) {
        dx_write_text(&writer, "type");
        dx_write_text_bytes(&writer, type);
    }
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
    send_effect(signal->to, DX_EFFECT_SIGNAL_SEND, signal->link, dx_buf_view(&body));
    dx_buf_deinit(&body);
}

static void turn(stage *self) {
    uv_run(&self->loop, UV_RUN_ONCE);
    while (self->signals != NULL) {
        signal_on_its_way *signal = self->signals;
        self->signals = signal->next;
        if (signal->to->rtc != NULL) {
            deliver(self, signal);
        }
        dx_buf_deinit(&signal->body);
        free(signal);
    }
    for (end *each = &self->a; each <= &self->b; each++) {
        if (each->rtc != NULL) {
            dx_rtc_tell_written(each->rtc);
            dx_rtc_flush(each->rtc);
        }
    }
}

static void scene_close(stage *self) {
    dx_rtc_close(self->a.rtc);
    dx_rtc_close(self->b.rtc);
    self->a.rtc = self->b.rtc = NULL;
    while (self->signals != NULL) {
        turn(self);
    }
    uv_close((uv_handle_t *)&self->turn, NULL);
    uv_run(&self->loop, UV_RUN_DEFAULT);
    assert_int_equal(uv_loop_close(&self->loop), 0);
    free(self);
}

/* Turns until the condition holds; the test fails when it does not in good time. */
#define TURN_UNTIL(scene, condition)                                                                         \
    do {                                                                                                     \
        uint64_t deadline_ns = uv_hrtime() + WAIT_MS * UINT64_C(1000000);                                    \
        while (!(condition)) {                                                                               \
            assert_true(uv_hrtime() < deadline_ns);                                                          \
            turn(scene);                                                                                     \
        }                                                                                                    \
    } while (0)

static void open_pair(stage *self, end *offers, uint64_t link) {
    send_effect(offers, DX_EFFECT_LINK_OPEN, link, dx_bytes_text("rtc:offer"));
    send_effect(offers->other, DX_EFFECT_LINK_OPEN, link, dx_bytes_text("rtc:answer"));
    dx_rtc_flush(self->a.rtc);
    dx_rtc_flush(self->b.rtc);
}

static bool both_up(const stage *self, uint64_t link) {
    return self->a.links[link].ups == 1 && self->b.links[link].ups == 1;
}

static bool both_down(const stage *self, uint64_t link) {
    return self->a.links[link].downs == 1 && self->b.links[link].downs == 1;
}

/* The next size bytes of the pattern on a link, in pieces of any size. */
static void send_pattern(end *self, uint64_t link, uint64_t *at, uint64_t until, size_t piece_max,
                         test_random *random) {
    static uint8_t piece[512 * 1024];
    while (*at < until) {
        size_t size = 1 + (size_t)(test_random_next(random) % piece_max);
        size = size < until - *at ? size : (size_t)(until - *at);
        for (size_t i = 0; i < size; i++) {
            piece[i] = pattern_byte(*at + i);
        }
        send_effect(self, DX_EFFECT_LINK_SEND, link, dx_bytes_of(piece, size));
        *at += size;
    }
}

/* --- Opening, bytes, closing ---------------------------------------------------------------------------------- */

static void test_a_link_opens_soon(void **state) {
    (void)state;
    stage *self = scene_make(0);
    dx_ice_pair pair;
    uint64_t began_ns = uv_hrtime();
    open_pair(self, &self->a, 1);
    TURN_UNTIL(self, both_up(self, 1));
    uint64_t took_ms = (uv_hrtime() - began_ns) / 1000000;
    assert_true(
        took_ms <
        900); /* a flight lost to an early or late start would cost 250 ms or more; a busy machine some */
    TURN_UNTIL(self, dx_rtc_pair(self->a.rtc, 1, &pair)); /* data may go before a pair is chosen */
    assert_int_equal(dx_net_classify(&pair.remote), DX_NET_LOOPBACK);
    assert_false(dx_rtc_pair(self->a.rtc, 3, &pair));
    assert_int_equal(self->a.links[1].downs + self->b.links[1].downs, 0);
    /* one description each way holds all candidates, where no server has to be asked for more */
    assert_int_equal(self->a.links[1].signals, 1);
    assert_int_equal(self->b.links[1].signals, 1);
    scene_close(self);
}

static void test_bytes_arrive_whole_both_ways(void **state) {
    enum { TOTAL = 10 * 1000 * 1000 };
    (void)state;
    stage *self = scene_make(0);
    test_random random = {.state = 7};
    uint64_t a_sent = 0, b_sent = 0;
    open_pair(self, &self->b, 2);
    TURN_UNTIL(self, both_up(self, 2));
    const link_state *a = &self->a.links[2], *b = &self->b.links[2];
    while (a->received < TOTAL ||
           b->received < TOTAL) { /* as a node does: no more than a credit's worth waits */
        uint64_t a_may = a->writable + (4 << 20), b_may = b->writable + (300 * 1000);
        send_pattern(&self->a, 2, &a_sent, a_may < TOTAL ? a_may : TOTAL, 300 * 1000, &random);
        send_pattern(&self->b, 2, &b_sent, b_may < TOTAL ? b_may : TOTAL, 2000, &random);
        uint64_t had = a->received + b->received, deadline_ns = uv_hrtime() + WAIT_MS * UINT64_C(1000000);
        while (a->received + b->received == had) {
            assert_true(uv_hrtime() < deadline_ns);
            turn(self);
        }
    }
    assert_int_equal(a->received, TOTAL);
    assert_int_equal(b->received, TOTAL);
    assert_false(a->wrong || b->wrong);
    TURN_UNTIL(self, a->writable == TOTAL && b->writable == TOTAL);
    scene_close(self);
}

static void test_a_close_comes_after_what_was_sent(void **state) {
    enum { TOTAL = 3 * 1000 * 1000 };
    (void)state;
    stage *self = scene_make(0);
    test_random random = {.state = 3};
    uint64_t sent = 0;
    open_pair(self, &self->a, 1);
    TURN_UNTIL(self, both_up(self, 1));
    send_pattern(&self->a, 1, &sent, TOTAL, 100 * 1000, &random);
    send_effect(&self->a, DX_EFFECT_LINK_CLOSE, 1, dx_bytes_of(NULL, 0));
    TURN_UNTIL(self, self->b.links[1].downs == 1);
    assert_int_equal(self->b.links[1].received, TOTAL);
    assert_false(self->b.links[1].wrong);
    assert_int_equal(self->b.links[1].reason, DX_E_UNREACHABLE);
    assert_string_equal(self->b.links[1].text, "the peer closed the connection");
    assert_int_equal(self->a.links[1].downs, 0); /* it knows */
    send_effect(&self->b, DX_EFFECT_LINK_SEND, 1, dx_bytes_text("to nobody"));
    /* the same number may not come back, but others do */
    open_pair(self, &self->b, 2);
    TURN_UNTIL(self, both_up(self, 2));
    assert_int_equal(self->a.links[1].downs, 0);
    assert_int_equal(self->b.links[1].downs, 1);
    scene_close(self);
}

/* No path, and searches that follow each other: a link has only as long as an attempt. */
static void test_a_link_without_a_path_ends(void **state) {
    (void)state;
    stage *self = scene_make(0);
    open_pair(self, &self->a, 1);
    TURN_UNTIL(self, both_up(self, 1));
    size_t count = self->a.rtc->local_count;
    self->a.rtc->options.attempt_ms = 300; /* ICE itself was told to be patient for longer */
    self->a.rtc->local_count = 0;
    dx_rtc_link_move(self->a.rtc->links);
    dx_rtc_flush(self->a.rtc);
    uint64_t began_ns = uv_hrtime();
    TURN_UNTIL(self, self->a.links[1].downs == 1);
    assert_true((uv_hrtime() - began_ns) / 1000000 >= 250);
    assert_int_equal(self->a.links[1].reason, DX_E_UNREACHABLE);
    assert_string_equal(self->a.links[1].text,
                        "path: the one in use was lost, and no other was found in time");
    self->a.rtc->local_count = count;
    scene_close(self);
}

/* As when a cable is pulled and another plugged in: the addresses looked at are none, then those of before. */
static void test_another_network_is_moved_to(void **state) {
    enum { TOTAL = 400 * 1000 };
    (void)state;
    stage *self = scene_make(0);
    test_random random = {.state = 17};
    dx_ice_pair before, after;
    uint64_t sent = 0, back = 0;
    open_pair(self, &self->a, 1);
    TURN_UNTIL(self, both_up(self, 1) && dx_rtc_pair(self->a.rtc, 1, &before) &&
                         dx_rtc_pair(self->b.rtc, 1, &after));
    size_t count = self->a.rtc->local_count;
    int signals = self->a.links[1].signals;
    send_pattern(&self->a, 1, &sent, TOTAL / 2, 5000, &random);
    send_pattern(&self->b, 1, &back, TOTAL / 2, 5000, &random);
    self->a.rtc->local_count = 0;
    dx_rtc_link_move(self->a.rtc->links);
    dx_rtc_flush(self->a.rtc);
    self->a.rtc->local_count = count;
    dx_rtc_link_move(self->a.rtc->links);
    dx_rtc_flush(self->a.rtc);
    send_pattern(&self->a, 1, &sent, TOTAL, 5000, &random);
    send_pattern(&self->b, 1, &back, TOTAL, 5000, &random);
    TURN_UNTIL(self, self->a.links[1].received == TOTAL && self->b.links[1].received == TOTAL);
    TURN_UNTIL(self, dx_rtc_pair(self->a.rtc, 1, &after) && after.socket != before.socket);
    assert_true(self->a.links[1].signals > signals); /* a new offer, under the same certificate */
    assert_false(self->a.links[1].wrong || self->b.links[1].wrong);
    assert_int_equal(self->a.links[1].downs + self->b.links[1].downs, 0);
    scene_close(self);
}

static void test_a_side_that_ends_is_known_at_once(void **state) {
    (void)state;
    stage *self = scene_make(0);
    open_pair(self, &self->a, 1);
    open_pair(self, &self->b, 2);
    TURN_UNTIL(self, both_up(self, 1) && both_up(self, 2));
    uint64_t began_ns = uv_hrtime();
    dx_rtc_close(self->a.rtc);
    self->a.rtc = NULL;
    TURN_UNTIL(self, self->b.links[1].downs == 1 && self->b.links[2].downs == 1);
    assert_true((uv_hrtime() - began_ns) / 1000000 < 2000);
    assert_int_equal(self->b.links[1].reason, DX_E_UNREACHABLE);
    assert_int_equal(self->a.links[1].downs, 0);
    scene_close(self);
}

static void test_a_hundred_links_share_a_machine(void **state) {
    enum { COUNT = 100, SIZE = 20 * 1000 };
    (void)state;
    stage *self = scene_make(0);
    test_random random = {.state = 11};
    bool done = false;
    for (uint64_t link = 1; link <= COUNT; link++) {
        open_pair(self, link % 2 == 0 ? &self->a : &self->b, link);
    }
    for (uint64_t link = 1; link <= COUNT; link++) {
        TURN_UNTIL(self, both_up(self, link));
    }
    for (uint64_t link = 1; link <= COUNT; link++) {
        uint64_t at = 0, back = 0;
        send_pattern(&self->a, link, &at, SIZE + link, 5000, &random);
        send_pattern(&self->b, link, &back, SIZE + 2 * link, 5000, &random);
    }
    for (uint64_t deadline_ns = uv_hrtime() + WAIT_MS * UINT64_C(1000000); !done;) {
        assert_true(uv_hrtime() < deadline_ns);
        turn(self);
        done = true;
        for (uint64_t link = 1; link <= COUNT; link++) {
            done = done && self->b.links[link].received == SIZE + link &&
                   self->a.links[link].received == SIZE + 2 * link;
        }
    }
    for (uint64_t link = 1; link <= COUNT; link++) {
        assert_false(self->a.links[link].wrong || self->b.links[link].wrong);
    }
    scene_close(self);
}

/* --- Who is not who the description says ------------------------------------------------------------------------- */

static void swap_fingerprint(stage *self, const end *from, char *text) {
    char *at = strstr(text, "a=fingerprint:sha-256 ");
    if (at != NULL && from == &self->a) {
        at += strlen("a=fingerprint:sha-256 ");
        at[0] = at[0] == '0' ? '1' : '0';
    }
}

static void test_another_certificate_is_refused_before_data(void **state) {
    (void)state;
    for (int turned = 0; turned < 2; turned++) {
        stage *self = scene_make(3000);
        test_random random = {.state = 5};
        uint64_t sent = 0;
        end *offers = turned == 0 ? &self->a : &self->b;
        self->on_text = swap_fingerprint; /* of what a tells: the offer first, then the answer */
        open_pair(self, offers, 1);
        send_pattern(&self->a, 1, &sent, 1000, 100, &random);
        TURN_UNTIL(self, both_down(self, 1));
        assert_int_equal(self->b.links[1].reason, DX_E_VERIFY);
        assert_int_equal(self->a.links[1].ups + self->b.links[1].ups, 0);
        assert_int_equal(self->a.links[1].received + self->b.links[1].received, 0);
        assert_int_equal(self->a.links[1].writable, 0);
        scene_close(self);
    }
}

/* --- A road that loses ------------------------------------------------------------------------------------------------- */

typedef struct road {
    uv_udp_t sides[2]; /* what a sends to, what b sends to */
    struct sockaddr_in ends[2];
    bool known[2];
    test_random random;
    unsigned lost_percent, twice_percent, garbage_percent;
    uint64_t passed, lost;
    bool cut;
} road;

static void relay_alloc(uv_handle_t *handle, size_t size, uv_buf_t *out) {
    static char room[65536];
    (void)handle;
    (void)size;
    *out = uv_buf_init(room, sizeof room);
}

static bool chance(road *self, unsigned percent) {
    return test_random_next(&self->random) % 100 < percent;
}

static void pass_on(road *self, int side, const void *data, size_t size) {
    uv_buf_t bytes = uv_buf_init((char *)(uintptr_t)data, (unsigned)size);
    if (self->known[!side]) {
        (void)uv_udp_try_send(&self->sides[!side], &bytes, 1, (const struct sockaddr *)&self->ends[!side]);
    }
}

static void on_relayed(uv_udp_t *handle, ssize_t size, const uv_buf_t *bytes, const struct sockaddr *from,
                       unsigned flags) {
    road *self = handle->data;
    int side = handle == &self->sides[1];
    (void)flags;
    if (size <= 0 || from == NULL || self->cut) {
        return;
    }
    if (chance(self, self->lost_percent)) {
        self->lost++;
        return;
    }
    self->passed++;
    if (chance(self, self->garbage_percent)) { /* a changed copy first: a bit, or all after the first bytes */
        uint8_t changed[2048];
        size_t kept = (size_t)size < sizeof changed ? (size_t)size : sizeof changed;
        memcpy(changed, bytes->base, kept);
        if (chance(self, 50)) {
            changed[test_random_next(&self->random) % kept] ^= 0x10;
        } else {
            kept = 1 + (size_t)(test_random_next(&self->random) % kept);
            test_random_fill(&self->random, changed + 3, kept > 3 ? kept - 3 : 0);
        }
        if (kept < 14 || changed[0] < 20 || changed[0] > 22) { /* those in the clear can end a handshake */
            pass_on(self, side, changed, kept);
        }
    }
    pass_on(self, side, bytes->base, (size_t)size);
    if (chance(self, self->twice_percent)) {
        pass_on(self, side, bytes->base, (size_t)size);
    }
}

/* Puts the relay's address in place of an end's. */
static void reroute(stage *scene, const end *from, char *text) {
    road *self = scene->relay;
    int side = from == &scene->b;
    char *at = strstr(text, " 127.0.0.1 ");
    while (at != NULL) {
        struct sockaddr_in ours;
        int size = sizeof ours;
        char rest[DX_SDP_SIZE_MAX];
        unsigned port = (unsigned)atoi(at + 11);
        uv_ip4_addr("127.0.0.1", (int)port, &self->ends[side]);
        self->known[side] = true;
        uv_udp_getsockname(&self->sides[!side], (struct sockaddr *)&ours, &size);
        snprintf(rest, sizeof rest, "%s", at + 11 + strspn(at + 11, "0123456789"));
        snprintf(at, DX_SDP_SIZE_MAX - (size_t)(at - text), " 127.0.0.1 %u%s", (unsigned)ntohs(ours.sin_port),
                 rest);
        at = strstr(at + 11, " 127.0.0.1 ");
    }
    for (at = text; (at = strstr(at, " ::1 ")) != NULL; at++) {
        at[3] = '9'; /* nobody is there, so that only the relay's road is left */
    }
}

static void relay_open(stage *scene, road *self) {
    struct sockaddr_in any;
    uv_ip4_addr("127.0.0.1", 0, &any);
    for (int i = 0; i < 2; i++) {
        uv_udp_init(&scene->loop, &self->sides[i]);
        self->sides[i].data = self;
        assert_int_equal(uv_udp_bind(&self->sides[i], (const struct sockaddr *)&any, 0), 0);
        assert_int_equal(uv_udp_recv_start(&self->sides[i], relay_alloc, on_relayed), 0);
        int size = 1 << 20;
        (void)uv_recv_buffer_size((uv_handle_t *)&self->sides[i], &size);
    }
    scene->relay = self;
    scene->on_text = reroute;
}

static void relay_close(road *self) {
    uv_close((uv_handle_t *)&self->sides[0], NULL);
    uv_close((uv_handle_t *)&self->sides[1], NULL);
}

static void send_over_relay(road *self, uint64_t total) {
    stage *scene = scene_make(0);
    test_random random = {.state = 13};
    uint64_t there = 0, back = 0;
    relay_open(scene, self);
    open_pair(scene, &scene->a, 1);
    TURN_UNTIL(scene, both_up(scene, 1));
    send_pattern(&scene->a, 1, &there, total, 4000, &random);
    send_pattern(&scene->b, 1, &back, total, 4000, &random);
    TURN_UNTIL(scene, scene->a.links[1].received == total && scene->b.links[1].received == total);
    assert_false(scene->a.links[1].wrong || scene->b.links[1].wrong);
    assert_int_equal(scene->a.links[1].downs + scene->b.links[1].downs, 0);
    assert_true(self->passed > total / 1200);
    relay_close(self);
    scene_close(scene);
}

static void test_lost_datagrams_are_sent_again(void **state) {
    (void)state;
    road relay = {.random = {.state = 1}, .lost_percent = 3};
    send_over_relay(&relay, 150 * 1000);
    assert_true(relay.lost > 0);
}

static void test_garbage_and_repeated_datagrams_are_passed_over(void **state) {
    (void)state;
    road relay = {.random = {.state = 2}, .twice_percent = 50, .garbage_percent = 50};
    send_over_relay(&relay, 400 * 1000);
}

/* --- Attempts that come to nothing ---------------------------------------------------------------------------------------- */

static void test_each_stage_that_takes_too_long_has_its_sentence(void **state) {
    (void)state;
    stage *self = scene_make(400);
    road relay = {.random = {.state = 4}, .cut = true};
    send_effect(&self->a, DX_EFFECT_LINK_OPEN, 1, dx_bytes_text("rtc:answer")); /* nobody offers */
    TURN_UNTIL(self, self->a.links[1].downs == 1);
    assert_string_equal(self->a.links[1].text, "signal: the other side's offer did not come in time");
    assert_int_equal(self->a.links[1].reason, DX_E_TIMEOUT);
    send_effect(&self->a, DX_EFFECT_LINK_OPEN, 3, dx_bytes_text("rtc:offer")); /* nobody answers */
    TURN_UNTIL(self, self->a.links[3].downs == 1);
    assert_string_equal(self->a.links[3].text, "signal: the other side did not answer in time");
    relay_open(self, &relay); /* nothing passes */
    open_pair(self, &self->a, 5);
    TURN_UNTIL(self, both_down(self, 5));
    assert_int_equal(self->a.links[5].ups, 0);
    assert_true(self->a.links[5].reason == DX_E_UNREACHABLE || self->a.links[5].reason == DX_E_TIMEOUT);
    assert_memory_equal(self->a.links[5].text, "path: ", 6);
    assert_non_null(strstr(self->a.links[5].text, " pairs tried"));
    relay_close(&relay);
    scene_close(self);
}

static void give_signal(end *to, uint64_t link, const char *json) {
    dx_buf item;
    dx_writer writer;
    dx_buf_init(&item, dx_host_alloc(), 1 << 16);
    dx_writer_init(&writer, &item);
    assert_int_equal(dx_json_parse(dx_bytes_text(json), &writer, NULL, 0), DX_OK);
    send_effect(to, DX_EFFECT_SIGNAL_SEND, link, dx_buf_view(&item));
    dx_buf_deinit(&item);
}

static void test_signals_that_mean_nothing_end_the_link(void **state) {
    static const struct {
        const char *address, *json;
        int reason;
    } rows[] = {
        {"rtc:answer", "{\"type\": \"answer\", \"sdp\": \"v=0\"}", DX_E_PROTOCOL},
        {"rtc:offer", "{\"type\": \"offer\", \"sdp\": \"v=0\"}", DX_E_PROTOCOL},
        {"rtc:answer", "{\"type\": \"offer\", \"sdp\": \"no description\"}", DX_E_MALFORMED},
        {"rtc:answer", "{\"type\": \"offer\"}", DX_E_MALFORMED},
        {"rtc:answer", "{\"else\": 1}", DX_E_MALFORMED},
        {"rtc:offer", "{\"candidate\": 1}", DX_E_MALFORMED},
        {"rtc:offer", "[]", DX_E_MALFORMED},
    };
    (void)state;
    stage *self = scene_make(0);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        send_effect(&self->a, DX_EFFECT_LINK_OPEN, i, dx_bytes_text(rows[i].address));
        give_signal(&self->a, i, rows[i].json);
        TURN_UNTIL(self, self->a.links[i].downs == 1);
        assert_int_equal(self->a.links[i].reason, rows[i].reason);
    }
    send_effect(&self->a, DX_EFFECT_LINK_OPEN, 20, dx_bytes_text("rtc:answer"));
    send_effect(&self->a, DX_EFFECT_SIGNAL_SEND, 20, dx_bytes_text("\xff"));
    TURN_UNTIL(self, self->a.links[20].downs == 1);
    assert_int_equal(self->a.links[20].reason, DX_E_MALFORMED);
    /* a bad candidate is no reason */
    send_effect(&self->a, DX_EFFECT_LINK_OPEN, 21, dx_bytes_text("rtc:offer"));
    give_signal(&self->a, 21, "{\"candidate\": \"nonsense\"}");
    give_signal(&self->a, 21, "{\"candidate\": \"\"}");
    turn(self);
    assert_int_equal(self->a.links[21].downs, 0);
    scene_close(self);
}

static void count_request(uv_udp_t *handle, ssize_t size, const uv_buf_t *bytes, const struct sockaddr *from,
                          unsigned flags) {
    (void)flags;
    if (size > 0 && from != NULL && dx_stun_is(dx_bytes_of(bytes->base, (size_t)size))) {
        ++*(int *)handle->data;
    }
}

static void test_servers_the_node_names_are_asked(void **state) {
    (void)state;
    stage *self = scene_make(0);
    uv_udp_t server;
    struct sockaddr_in address;
    char json[200];
    int asked = 0, size = sizeof address;
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_udp_init(&self->loop, &server);
    server.data = &asked;
    assert_int_equal(uv_udp_bind(&server, (const struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_udp_recv_start(&server, relay_alloc, count_request), 0);
    uv_udp_getsockname(&server, (struct sockaddr *)&address, &size);
    snprintf(json, sizeof json,
             "{\"servers\": [[\"turn:x\", \"\", \"\"], [\"stun:na me:1\"], [], 7, [\"stun:127.0.0.1:%u\", "
             "\"\", \"\"]]}",
             (unsigned)ntohs(address.sin_port));
    send_effect(&self->a, DX_EFFECT_LINK_OPEN, 1, dx_bytes_text("rtc:offer"));
    send_effect(&self->b, DX_EFFECT_LINK_OPEN, 1, dx_bytes_text("rtc:answer"));
    give_signal(&self->a, 1, json);
    TURN_UNTIL(self, asked > 0);
    give_signal(&self->b, 1, "{\"servers\": []}");
    TURN_UNTIL(self, both_up(self, 1));
    send_effect(&self->a, DX_EFFECT_LINK_OPEN, 3, dx_bytes_text("rtc:offer"));
    give_signal(&self->a, 3, "{\"type\": \"answer\", \"sdp\": \"x\"}"); /* before there was an offer */
    TURN_UNTIL(self, self->a.links[3].downs == 1);
    uv_close((uv_handle_t *)&server, NULL);
    scene_close(self);
}

/* By name, which others wait for only with the end of their candidates; one that leads nowhere is told once and costs no
 * link. */
static void test_servers_are_looked_up(void **state) {
    (void)state;
    enum { NOWHERE = 70 }; /* characters: no label is as long, so nobody has to be asked */
    stage *self = scene_make(0);
    uv_udp_t server;
    struct sockaddr_in address;
    char json[300], nowhere[NOWHERE + 1];
    int asked = 0, size = sizeof address;
    memset(nowhere, 'x', NOWHERE);
    nowhere[NOWHERE] = 0;
    uv_ip4_addr("127.0.0.1", 0, &address);
    uv_udp_init(&self->loop, &server);
    server.data = &asked;
    assert_int_equal(uv_udp_bind(&server, (const struct sockaddr *)&address, 0), 0);
    assert_int_equal(uv_udp_recv_start(&server, relay_alloc, count_request), 0);
    uv_udp_getsockname(&server, (struct sockaddr *)&address, &size);
    snprintf(json, sizeof json,
             "{\"servers\": [[\"stun:%s\"], [\"stun:no name:1\"], [\"stun:localhost:0\"], "
             "[\"stun:localhost:%u\"], "
             "[\"stun:%s\"]]}",
             nowhere, (unsigned)ntohs(address.sin_port), nowhere);
    for (uint64_t link = 1; link <= 3; link += 2) {
        asked = 0;
        send_effect(&self->a, DX_EFFECT_LINK_OPEN, link, dx_bytes_text("rtc:offer"));
        send_effect(&self->b, DX_EFFECT_LINK_OPEN, link, dx_bytes_text("rtc:answer"));
        give_signal(&self->a, link, json);
        give_signal(&self->b, link, json);
        TURN_UNTIL(self, both_up(self, link) && asked > 1); /* by both sides */
    }
    assert_int_equal(self->lines, 2); /* each set of links told it once */
    /* a name server that is silent */
    send_effect(&self->a, DX_EFFECT_LINK_OPEN, 7, dx_bytes_text("rtc:offer"));
    send_effect(&self->b, DX_EFFECT_LINK_OPEN, 7, dx_bytes_text("rtc:answer"));
    dx_rtc_link *waits = self->a.rtc->links;
    waits->wanted = 1u << (DX_RTC_NAMES_MAX - 1);
    waits->lookup_ms = uv_now(&self->loop) + 100;
    TURN_UNTIL(self, both_up(self, 7));
    TURN_UNTIL(self, waits->wanted == 0);
    /* closed while one is looked up: nobody is told */
    send_effect(&self->a, DX_EFFECT_LINK_OPEN, 5, dx_bytes_text("rtc:offer"));
    give_signal(&self->a, 5, "{\"servers\": [[\"stun:other.localhost\"]]}");
    uv_close((uv_handle_t *)&server, NULL);
    scene_close(self);
}

static void test_what_is_not_of_peer_links_is_left_alone(void **state) {
    (void)state;
    stage *self = scene_make(0);
    const dx_effect others[] = {
        {.kind = DX_EFFECT_LINK_OPEN, .link = 1, .body = dx_bytes_text("tcp:127.0.0.1:1")},
        {.kind = DX_EFFECT_LINK_OPEN, .link = 1, .body = dx_bytes_text("rtc:offers")},
        {.kind = DX_EFFECT_LINK_SEND, .link = 9, .body = dx_bytes_text("x")},
        {.kind = DX_EFFECT_LINK_CLOSE, .link = 9},
        {.kind = DX_EFFECT_SIGNAL_SEND, .link = 9, .body = dx_bytes_text("x")},
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        assert_false(dx_rtc_effect(self->a.rtc, &others[i]));
    }
    scene_close(self);
}

static void test_a_link_closed_before_it_stands_says_nothing(void **state) {
    (void)state;
    stage *self = scene_make(0);
    open_pair(self, &self->a, 1);
    send_effect(&self->a, DX_EFFECT_LINK_CLOSE, 1, dx_bytes_of(NULL, 0));
    send_effect(&self->b, DX_EFFECT_LINK_CLOSE, 1, dx_bytes_of(NULL, 0));
    for (int i = 0; i < 20; i++) {
        turn(self);
    }
    assert_int_equal(self->a.links[1].ups + self->a.links[1].downs, 0);
    assert_int_equal(self->b.links[1].ups + self->b.links[1].downs, 0);
    scene_close(self);
}

/* --- DTLS by itself ----------------------------------------------------------------------------------------------------------------- */

typedef struct dtls_end {
    dx_rtc_dtls *dtls;
    dx_buf out; /* datagrams, each behind its size */
    dx_buf data;
} dtls_end;

static void dtls_on_datagram(void *ctx, dx_bytes datagram) {
    dtls_end *self = ctx;
    uint32_t size = (uint32_t)datagram.size;
    assert_true(datagram.size <= DX_RTC_DATAGRAM_MAX);
    dx_buf_append(&self->out, &size, sizeof size);
    dx_buf_append(&self->out, datagram.data, datagram.size);
}

static void dtls_on_data(void *ctx, dx_bytes data) {
    dtls_end *self = ctx;
    assert_true(dx_rtc_dtls_is_ready(self->dtls));
    dx_buf_append(&self->data, data.data, data.size);
}

static void dtls_begin(dtls_end *self, dx_rtc_identity *own, bool client, const dx_rtc_identity *other) {
    static const dx_rtc_dtls_owner owner = {dtls_on_datagram, dtls_on_data};
    dx_buf_init(&self->out, dx_host_alloc(), 1 << 20);
    dx_buf_init(&self->data, dx_host_alloc(), 1 << 20);
    assert_int_equal(
        dx_rtc_dtls_begin(own, client, dx_rtc_identity_fingerprint(other), &owner, self, &self->dtls), DX_OK);
}

static void dtls_end_free(dtls_end *self) {
    dx_rtc_dtls_free(self->dtls);
    dx_buf_deinit(&self->out);
    dx_buf_deinit(&self->data);
}

/* Hands over all that one end has to say, each datagram so many times; whether there was any. */
static bool dtls_carry(dtls_end *from, dtls_end *to, int times) {
    dx_buf out = from->out;
    bool any = out.size > 0;
    dx_buf_init(&from->out, dx_host_alloc(), 1 << 20);
    for (size_t at = 0; at < out.size;) {
        uint32_t size;
        memcpy(&size, out.data + at, sizeof size);
        for (int i = 0; i < times; i++) {
            (void)!dx_rtc_dtls_receive(to->dtls, dx_bytes_of(out.data + at + sizeof size, size));
        }
        at += sizeof size + size;
    }
    dx_buf_deinit(&out);
    return any;
}

static void test_dtls_says_each_thing_once(void **state) {
    (void)state;
    dx_rtc_identity *identities[2];
    dtls_end client = {0}, server = {0};
    assert_int_equal(dx_rtc_identity_make(&identities[0]), DX_OK);
    assert_int_equal(dx_rtc_identity_make(&identities[1]), DX_OK);
    dtls_begin(&client, identities[0], true, identities[1]);
    dtls_begin(&server, identities[1], false, identities[0]);
    dx_rtc_dtls_send(client.dtls, dx_bytes_text("too early"));
    assert_int_equal(client.out.size, 0);
    assert_int_equal(dx_rtc_dtls_wait_ms(client.dtls), -1);
    assert_int_equal(dx_rtc_dtls_start(server.dtls), DX_OK);
    assert_int_equal(server.out.size, 0); /* a server waits */
    assert_int_equal(dx_rtc_dtls_start(client.dtls), DX_OK);
    int64_t wait_ms = dx_rtc_dtls_wait_ms(client.dtls);
    assert_true(wait_ms > 0 && wait_ms <= DX_RTC_DTLS_WAIT_MS);
    dx_buf_clear(&client.out); /* the first flight is lost */
    while (dx_rtc_dtls_wait_ms(client.dtls) > 0) {
        usleep(5000);
    }
    assert_int_equal(dx_rtc_dtls_tick(client.dtls), DX_OK);
    assert_true(dx_rtc_dtls_wait_ms(client.dtls) > DX_RTC_DTLS_WAIT_MS);
    for (bool any = true; any;) {
        any = dtls_carry(&client, &server, 2);
        any = dtls_carry(&server, &client, 2) || any;
    }
    assert_true(dx_rtc_dtls_is_ready(client.dtls) && dx_rtc_dtls_is_ready(server.dtls));
    assert_int_equal(dx_rtc_dtls_wait_ms(client.dtls), -1);
    dx_rtc_dtls_send(client.dtls, dx_bytes_text("one"));
    dx_rtc_dtls_send(client.dtls, dx_bytes_text("two"));
    dtls_carry(&client, &server, 3);
    assert_int_equal(dx_rtc_dtls_receive(server.dtls, dx_bytes_text("no record")), DX_OK);
    assert_int_equal(server.data.size, 6);
    assert_memory_equal(server.data.data, "onetwo", 6);
    dx_rtc_dtls_finish(server.dtls);
    dtls_carry(&server, &client, 1);
    assert_false(dx_rtc_dtls_is_ready(client.dtls));
    assert_string_equal(dx_rtc_dtls_reason(client.dtls), "the peer closed the connection");
    dtls_end_free(&client);
    dtls_end_free(&server);
    dx_rtc_identity_free(identities[0]);
    dx_rtc_identity_free(identities[1]);
    dx_rtc_identity_free(NULL);
    dx_rtc_dtls_free(NULL);
}

/* --- Parts ------------------------------------------------------------------------------------------------------- */

static void test_the_checksum_is_crc_32c(void **state) {
    (void)state;
    dx_rtc_sctp_hold(); /* usrsctp's table, where the processor has no instruction */
    assert_int_equal(dx_rtc_sctp_checksum((const uint8_t *)"123456789", 9),
                     0xe3069283u); /* RFC 3720 B.4's usual check */
    const uint8_t zeros[32] = {0};
    assert_int_equal(dx_rtc_sctp_checksum(zeros, sizeof zeros), 0x8a9136aau); /* RFC 3720 B.4 */
    dx_rtc_sctp_release();
}

static void test_local_addresses_are_of_one_kind(void **state) {
    (void)state;
    dx_net_address found[DX_ICE_LOCALS_MAX];
    size_t count = dx_rtc_local_addresses(true, found);
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(dx_net_classify(&found[i]), DX_NET_LOOPBACK);
    }
    count = dx_rtc_local_addresses(false, found);
    assert_true(count > 0);
    bool loopback = dx_net_classify(&found[0]) == DX_NET_LOOPBACK; /* then this machine has nothing else */
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(dx_net_classify(&found[i]) == DX_NET_LOOPBACK, loopback);
    }
}

DX_TEST_MAIN(DX_TEST(test_a_link_opens_soon), DX_TEST(test_bytes_arrive_whole_both_ways),
             DX_TEST(test_a_close_comes_after_what_was_sent), DX_TEST(test_a_link_without_a_path_ends),
             DX_TEST(test_another_network_is_moved_to), DX_TEST(test_dtls_says_each_thing_once),
             DX_TEST(test_a_side_that_ends_is_known_at_once), DX_TEST(test_a_hundred_links_share_a_machine),
             DX_TEST(test_another_certificate_is_refused_before_data),
             DX_TEST(test_lost_datagrams_are_sent_again),
             DX_TEST(test_garbage_and_repeated_datagrams_are_passed_over),
             DX_TEST(test_each_stage_that_takes_too_long_has_its_sentence),
             DX_TEST(test_signals_that_mean_nothing_end_the_link),
             DX_TEST(test_servers_the_node_names_are_asked), DX_TEST(test_servers_are_looked_up),
             DX_TEST(test_what_is_not_of_peer_links_is_left_alone),
             DX_TEST(test_a_link_closed_before_it_stands_says_nothing), DX_TEST(test_the_checksum_is_crc_32c),
             DX_TEST(test_local_addresses_are_of_one_kind))
