/* mesh/swarm.c: links, topics, addresses, dialling: two swarms and a wire in memory that delivers when told.
 */
#include "mesh/swarm.h"

#include "base/limits.h"
#include "test.h"

enum { QUEUE_MAX = 256, TOPIC = 1 };

typedef struct end {
    test_alloc alloc;
    test_random random;
    dx_swarm *swarm;
    dx_swarm_counts counts;
    uint64_t next_link, next_incoming, now_ms, deadline_ms;
    struct end *other;
    uint64_t opened[QUEUE_MAX]; /* LINK_OPEN, in order */
    size_t open_count, closed_count;
    uint64_t last_closed;
    dx_buf *captured;                         /* NULL, or what is sent */
    int opens, closes, messages, last_reason; /* heard by the handler */
    char said[64];
    uint64_t link; /* last opened by the handler */
    bool broke;    /* it ran out of memory, as planned: its node would drop it */
} end;

/* A link: whose number here is whose there; bytes wait until `deliver`. */
typedef struct wire {
    end *ends[2];
    uint64_t numbers[2];
    bool open[2];
    dx_buf bytes[2]; /* on the way to the end */
} wire;

static wire wires[QUEUE_MAX];
static size_t wire_count;
static test_alloc wire_alloc;

static wire *find_wire(const end *of, uint64_t number, int *side) {
    for (size_t i = 0; i < wire_count; i++) {
        for (*side = 0; *side < 2; ++*side) {
            if (wires[i].ends[*side] == of && wires[i].numbers[*side] == number) {
                return &wires[i];
            }
        }
    }
    return NULL;
}

static const dx_bytes no_words;

static void port_open(void *ctx, uint64_t link, dx_bytes address) {
    end *self = ctx;
    (void)address;
    assert_true(link % 2 == 1 && self->open_count < QUEUE_MAX);
    self->opened[self->open_count++] = link;
}

static void port_send(void *ctx, uint64_t link, dx_bytes bytes) {
    int side;
    wire *one = find_wire(ctx, link, &side);
    if (one != NULL && one->open[side]) {
        dx_buf_append(&one->bytes[1 - side], bytes.data, bytes.size);
    }
    if (((end *)ctx)->captured != NULL) {
        dx_buf_append(((end *)ctx)->captured, bytes.data, bytes.size);
    }
}

static void port_close(void *ctx, uint64_t link, int reason) {
    int side;
    end *self = ctx;
    wire *one = find_wire(ctx, link, &side);
    self->closed_count++;
    self->last_closed = link;
    self->last_reason = reason;
    if (one != NULL) {
        one->open[side] = false;
    }
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
    self->messages++;
    snprintf(self->said, sizeof self->said, "%.*s", (int)message.size, (const char *)message.data);
    return strcmp(self->said, "rude") == 0 ? DX_E_PROTOCOL : DX_OK;
}

static void on_close(void *ctx, const dx_swarm_link *link, int reason) {
    end *self = ctx;
    (void)link;
    self->closes++;
    self->last_reason = reason;
}

/* What a call of this end returned: well, or out of memory where that was planned. */
static void took(end *self, int error) {
    assert_true(error == DX_OK || (error == DX_E_NO_MEMORY && self->alloc.fail_at != 0));
    self->broke = self->broke || error != DX_OK;
}

static void begin_end(end *self, uint8_t key, uint8_t secret) {
    memset(self, 0, sizeof *self);
    test_alloc_init(&self->alloc);
    test_random_init(&self->random, key);
    self->next_link = 1;
    self->next_incoming = 2;
    self->now_ms = 1000;
    dx_swarm_port port = {.ctx = self,
                          .next_link = &self->next_link,
                          .open = port_open,
                          .send = port_send,
                          .close = port_close,
                          .counts = &self->counts};
    assert_int_equal(dx_swarm_create(&self->alloc.port, &self->random.port, NULL, &port, &self->swarm),
                     DX_OK);
    dx_topic topic = {
        .number = TOPIC,
        .secret = {secret},
        .static_secret = {8, key},
        .payload = dx_bytes_text("credential"),
        .handler = {.ctx = self, .on_open = on_open, .on_message = on_message, .on_close = on_close}};
    assert_int_equal(dx_swarm_add_topic(self->swarm, &topic), DX_OK);
}

static void begin(end *a, end *b) {
    wire_count = 0;
    test_alloc_init(&wire_alloc);
    begin_end(a, 1, 9);
    begin_end(b, 2, 9);
    a->other = b;
    b->other = a;
}

static void finish(end *a, end *b) {
    for (size_t i = 0; i < wire_count; i++) {
        dx_buf_deinit(&wires[i].bytes[0]);
        dx_buf_deinit(&wires[i].bytes[1]);
    }
    dx_swarm_destroy(a->swarm);
    dx_swarm_destroy(b->swarm);
    assert_int_equal(a->alloc.live_bytes, 0);
    assert_int_equal(b->alloc.live_bytes, 0);
}

static void tick(end *self) {
    self->deadline_ms = DX_NO_DEADLINE;
    took(self, self->broke ? DX_OK : dx_swarm_tick(self->swarm, self->now_ms, &self->deadline_ms));
}

/* What self dialled last comes up at `to`. */
static void connect(end *self, end *to) {
    wire *one = &wires[wire_count++];
    *one = (wire){.ends = {self, to},
                  .numbers = {self->opened[self->open_count - 1], to->next_incoming},
                  .open = {true, true}};
    dx_buf_init(&one->bytes[0], &wire_alloc.port, 1 << 20);
    dx_buf_init(&one->bytes[1], &wire_alloc.port, 1 << 20);
    to->next_incoming += 2;
    took(to, to->broke
                 ? DX_OK
                 : dx_swarm_link_up(to->swarm, one->numbers[1], dx_bytes_text("mem:caller"), to->now_ms));
    took(self, self->broke
                   ? DX_OK
                   : dx_swarm_link_up(self->swarm, one->numbers[0], dx_bytes_text("mem:b"), self->now_ms));
}

/* Carries all bytes, then ends, until nothing moves. */
static void deliver(void) {
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t i = 0; i < wire_count; i++) {
            for (int side = 0; side < 2; side++) {
                wire *one = &wires[i];
                end *to = one->ends[side];
                if (one->bytes[side].size > 0) {
                    dx_buf bytes = one->bytes[side];
                    dx_buf_init(&one->bytes[side], &wire_alloc.port, 1 << 20);
                    if (one->open[side] && !to->broke) {
                        took(to, dx_swarm_link_data(to->swarm, one->numbers[side], dx_buf_view(&bytes),
                                                    to->now_ms));
                    }
                    dx_buf_deinit(&bytes);
                    moved = true;
                } else if (one->open[side] && !one->open[1 - side]) {
                    one->open[side] = false;
                    if (to->broke) {
                        continue;
                    }
                    dx_swarm_link_down(to->swarm, one->numbers[side], DX_E_UNREACHABLE, no_words, to->now_ms);
                    moved = true;
                }
            }
        }
    }
}

static void dial(end *self, end *to) {
    assert_int_equal(dx_swarm_add_address(self->swarm, TOPIC, dx_bytes_text("mem:b")), DX_OK);
    tick(self);
    connect(self, to);
    deliver();
}

static void test_meeting(void **state) {
    (void)state;
    end a, b;
    begin(&a, &b);
    dial(&a, &b);
    assert_int_equal(a.opens + b.opens, 2);
    assert_int_equal(dx_swarm_link_count(a.swarm, TOPIC), 1);
    assert_int_equal(dx_swarm_send(a.swarm, a.link, dx_bytes_text("hello")), DX_OK);
    deliver();
    assert_string_equal(b.said, "hello");
    assert_int_equal(dx_swarm_send(a.swarm, 99, dx_bytes_text("hello")), DX_E_NOT_FOUND);
    dx_swarm_way way;
    assert_true(dx_swarm_address_state(a.swarm, TOPIC, 0, &way));
    assert_string_equal(way.address, "mem:b");
    assert_string_equal(way.state, "connected");
    assert_string_equal(way.why, "");
    assert_false(dx_swarm_address_state(a.swarm, TOPIC, 1, &way));
    tick(&a);
    assert_int_equal(a.open_count, 1); /* who is here is not dialled */
    assert_int_equal(a.counts.ready, 1);
    finish(&a, &b);
}

/* A handler's error closes the link, tells the peer why, and is counted. */
static void test_rude_peer(void **state) {
    (void)state;
    end a, b;
    begin(&a, &b);
    dial(&a, &b);
    assert_int_equal(dx_swarm_send(a.swarm, a.link, dx_bytes_text("rude")), DX_OK);
    deliver();
    assert_int_equal(b.counts.refused, 1);
    assert_int_equal(b.closes, 1);
    assert_int_equal(a.closes, 1);
    assert_int_equal(a.last_reason, DX_E_PROTOCOL);
    assert_int_equal(dx_swarm_link_count(a.swarm, TOPIC) + dx_swarm_link_count(b.swarm, TOPIC), 0);
    finish(&a, &b);
}

/* Waits double from 0.2 s to a minute, each between half and the whole, and begin anew after a link that
 * held. */
static void test_back_off(void **state) {
    (void)state;
    end a, b;
    begin(&a, &b);
    assert_int_equal(dx_swarm_add_address(a.swarm, TOPIC, dx_bytes_text("mem:b")), DX_OK);
    tick(&a);
    for (unsigned i = 0; i < 14; i++) {
        uint64_t whole_ms = (uint64_t)DX_DIAL_FIRST_MS << (i < 9 ? i : 9);
        whole_ms = whole_ms < DX_DIAL_LAST_MS ? whole_ms : DX_DIAL_LAST_MS;
        assert_int_equal(a.open_count, i + 1);
        dx_swarm_link_down(a.swarm, a.opened[i], DX_E_UNREACHABLE, no_words, a.now_ms);
        tick(&a);
        assert_int_equal(a.open_count, i + 1);
        assert_in_range(a.deadline_ms - a.now_ms, whole_ms / 2, whole_ms);
        a.now_ms = a.deadline_ms;
        tick(&a);
    }
    connect(&a, &b);
    deliver();
    a.now_ms += DX_DIAL_SETTLED_MS;
    dx_swarm_link_down(a.swarm, a.link, DX_E_UNREACHABLE, no_words, a.now_ms);
    tick(&a);
    assert_in_range(a.deadline_ms - a.now_ms, DX_DIAL_FIRST_MS / 2, DX_DIAL_FIRST_MS);
    a.now_ms = a.deadline_ms;
    tick(&a);
    connect(&a, &b); /* one that ends at once is a failure, handshake or not */
    deliver();
    dx_swarm_link_down(a.swarm, a.link, DX_E_UNREACHABLE, no_words, a.now_ms);
    tick(&a);
    assert_in_range(a.deadline_ms - a.now_ms, DX_DIAL_FIRST_MS, 2 * DX_DIAL_FIRST_MS);
    finish(&a, &b);
}

/* The host's words are kept until the next link, in letters that harm no terminal, and not longer than their place. */
static void test_why_a_link_ended(void **state) {
    (void)state;
    end a, b;
    char much[2 * DX_LINK_WHY_MAX];
    dx_swarm_way way;
    memset(much, 'x', sizeof much);
    begin(&a, &b);
    assert_int_equal(dx_swarm_add_address(a.swarm, TOPIC, dx_bytes_text("mem:b")), DX_OK);
    tick(&a);
    dx_swarm_link_down(a.swarm, a.opened[0], DX_E_TIMEOUT, dx_bytes_text("path: none\x1b[31m\xff"), a.now_ms);
    assert_true(dx_swarm_address_state(a.swarm, TOPIC, 0, &way));
    assert_int_equal(way.last_error, DX_E_TIMEOUT);
    assert_string_equal(way.why, "path: none?[31m?");
    for (size_t i = 1; i < 3; i++) {
        a.now_ms += DX_DIAL_LAST_MS;
        tick(&a);
        dx_swarm_link_down(a.swarm, a.opened[i], DX_E_UNREACHABLE,
                           i == 1 ? dx_bytes_of(much, sizeof much) : no_words, a.now_ms);
        assert_true(dx_swarm_address_state(a.swarm, TOPIC, 0, &way));
        assert_int_equal(strlen(way.why), i == 1 ? DX_LINK_WHY_MAX - 1 : 0);
    }
    a.now_ms += DX_DIAL_LAST_MS;
    tick(&a);
    connect(&a, &b);
    deliver();
    assert_true(dx_swarm_address_state(a.swarm, TOPIC, 0, &way));
    assert_int_equal(way.last_error, DX_OK);
    finish(&a, &b);
}

static void test_dial_without_answer(void **state) {
    (void)state;
    end a, b;
    begin(&a, &b);
    assert_int_equal(dx_swarm_add_address(a.swarm, TOPIC, dx_bytes_text("mem:b")), DX_OK);
    tick(&a);
    tick(&a);
    assert_int_equal(a.deadline_ms - a.now_ms, DX_DIAL_ANSWER_MS);
    a.now_ms = a.deadline_ms;
    tick(&a);
    assert_int_equal(a.closed_count, 1);
    assert_int_equal(a.last_reason, DX_E_TIMEOUT);
    finish(&a, &b);
}

/* Both dial each other at once: one link stays, the same for both, whichever is ready first. */
static void test_glare(void **state) {
    (void)state;
    end a, b;
    begin(&a, &b);
    assert_int_equal(dx_swarm_add_address(a.swarm, TOPIC, dx_bytes_text("mem:b")), DX_OK);
    assert_int_equal(dx_swarm_add_address(b.swarm, TOPIC, dx_bytes_text("mem:a")), DX_OK);
    tick(&a);
    tick(&b);
    connect(&a, &b);
    connect(&b, &a);
    deliver();
    assert_int_equal(dx_swarm_link_count(a.swarm, TOPIC), 1);
    assert_int_equal(dx_swarm_link_count(b.swarm, TOPIC), 1);
    assert_int_equal(wires[0].open[0] + wires[1].open[0], 1);
    assert_int_equal(wires[0].open[0], wires[0].open[1]);
    a.now_ms += 10000;
    b.now_ms += 10000;
    tick(&a);
    tick(&b);
    assert_int_equal(a.open_count + b.open_count, 2); /* and nobody dials again */
    assert_int_equal(dx_swarm_send(a.swarm, a.link, dx_bytes_text("still")),
                     a.link == wires[0].numbers[0] || a.link == wires[1].numbers[1] ? DX_OK : DX_E_NOT_FOUND);
    finish(&a, &b);
}

/* What waits for one side of a wire. */
static void carry(wire *one, int side) {
    dx_buf bytes = one->bytes[side];
    dx_buf_init(&one->bytes[side], &wire_alloc.port, 1 << 20);
    if (one->open[side]) {
        took(one->ends[side], dx_swarm_link_data(one->ends[side]->swarm, one->numbers[side],
                                                 dx_buf_view(&bytes), one->ends[side]->now_ms));
    }
    dx_buf_deinit(&bytes);
}

/* A peer that is named twice, as at midnight or by two services, is dialled twice at once: one link stays, the same
 * for both, though either is ready first at another end. */
static void test_dialled_side_by_side(void **state) {
    (void)state;
    for (uint8_t key = 1; key < 9; key++) {
        end a, b;
        wire_count = 0;
        test_alloc_init(&wire_alloc);
        begin_end(&a, key, 9);
        begin_end(&b, 100, 9);
        assert_int_equal(dx_swarm_add_address(a.swarm, TOPIC, dx_bytes_text("mem:b")), DX_OK);
        tick(&a);
        connect(&a, &b);
        assert_int_equal(dx_swarm_add_address(a.swarm, TOPIC, dx_bytes_text("mem:c")), DX_OK);
        tick(&a);
        connect(&a, &b);
        assert_int_equal(a.open_count, 2);
        a.now_ms = b.now_ms = a.now_ms + 30;
        for (int side = 1; side >= 0; side--) { /* a word of each side */
            carry(&wires[0], side);
            carry(&wires[1], side);
        }
        carry(&wires[1], 1); /* the last word of the first dialled comes last */
        carry(&wires[0], 1);
        deliver();
        assert_int_equal(dx_swarm_link_count(a.swarm, TOPIC), 1);
        assert_int_equal(dx_swarm_link_count(b.swarm, TOPIC), 1);
        assert_int_equal(dx_swarm_send(a.swarm, wires[wires[1].open[0]].numbers[0], dx_bytes_text("still")),
                         DX_OK);
        deliver();
        assert_string_equal(b.said, "still");
        finish(&a, &b);
    }
}

/* A newer link from the same side replaces an older one that may be half dead. */
static void test_superseded(void **state) {
    (void)state;
    end a, b;
    begin(&a, &b);
    dial(&a, &b);
    wires[0].open[0] = wires[0].open[1] = false; /* b does not hear of its end */
    dx_swarm_link_down(a.swarm, a.link, DX_E_UNREACHABLE, no_words, a.now_ms);
    a.now_ms = b.now_ms = a.now_ms + 1000;
    tick(&a);
    connect(&a, &b);
    deliver();
    assert_int_equal(b.opens, 2);
    assert_int_equal(b.closes, 1);
    assert_int_equal(dx_swarm_link_count(b.swarm, TOPIC), 1);
    finish(&a, &b);
}

/* When a link ends, who had dialled it dials again; the other waits until that had time to come about. */
static void test_yield_to_caller(void **state) {
    (void)state;
    enum { HANDSHAKE_MS = 300 };
    end a, b;
    begin(&a, &b);
    dial(&a, &b);
    a.now_ms = b.now_ms = a.now_ms + DX_GLARE_MS + 1;
    assert_int_equal(dx_swarm_add_address(b.swarm, TOPIC, dx_bytes_text("mem:a")), DX_OK);
    tick(&b);
    connect(&b, &a); /* b dials now, and this link stays */
    a.now_ms = b.now_ms = a.now_ms + HANDSHAKE_MS;
    deliver();
    assert_int_equal(dx_swarm_link_count(a.swarm, TOPIC), 1);
    a.now_ms = b.now_ms = a.now_ms + DX_DIAL_SETTLED_MS;
    dx_swarm_link_down(a.swarm, a.link, DX_E_UNREACHABLE, no_words, a.now_ms);
    dx_swarm_link_down(b.swarm, b.link, DX_E_UNREACHABLE, no_words, b.now_ms);
    tick(&a);
    tick(&b);
    uint64_t yield_ms = 2 * (DX_DIAL_FIRST_MS + HANDSHAKE_MS);
    assert_in_range(a.deadline_ms - a.now_ms, yield_ms, yield_ms + DX_DIAL_FIRST_MS);
    assert_in_range(b.deadline_ms - b.now_ms, DX_DIAL_FIRST_MS / 2, DX_DIAL_FIRST_MS);
    a.now_ms = a.deadline_ms; /* b does not come */
    tick(&a);
    assert_int_equal(a.open_count, 2);
    finish(&a, &b);
}

/* One's own address: found out by the key that answers, and never dialled again. */
static void test_own_address(void **state) {
    (void)state;
    end a, b;
    begin(&a, &b);
    dial(&a, &a);
    assert_int_equal(a.opens, 0);
    assert_int_equal(dx_swarm_link_count(a.swarm, TOPIC), 0);
    a.now_ms += 1000000;
    tick(&a);
    assert_int_equal(a.open_count, 1);
    finish(&a, &b);
}

/* Without the secret there is no answer; at the deadline the link is closed. */
static void test_stranger(void **state) {
    (void)state;
    end a, b;
    wire_count = 0;
    begin_end(&a, 1, 9);
    begin_end(&b, 2, 8);
    assert_int_equal(dx_swarm_add_address(a.swarm, TOPIC, dx_bytes_text("mem:b")), DX_OK);
    tick(&a);
    connect(&a, &b);
    uint64_t calls = b.random.state;
    deliver();
    assert_int_equal(b.random.state, calls); /* it cost no key */
    assert_int_equal(a.opens + b.opens, 0);
    assert_int_equal(b.counts.failed, 1);
    finish(&a, &b);
}

static void test_silent_caller(void **state) {
    (void)state;
    end a, b;
    begin(&a, &b);
    assert_int_equal(dx_swarm_link_up(b.swarm, 2, dx_bytes_text("mem:x"), b.now_ms), DX_OK);
    tick(&b);
    assert_int_equal(b.deadline_ms, b.now_ms + DX_CHANNEL_HANDSHAKE_MS);
    b.now_ms = b.deadline_ms;
    tick(&b);
    assert_int_equal(b.closed_count, 1);
    assert_int_equal(b.counts.failed, 1);
    finish(&a, &b);
}

static void test_dropped_links(void **state) {
    (void)state;
    end a, b;
    begin(&a, &b);
    dial(&a, &b);
    dx_swarm_drop_links(a.swarm, DX_E_STORE);
    assert_int_equal(a.closes, 1);
    assert_int_equal(wires[0].bytes[1].size, 0); /* no goodbye: nothing may be said */
    assert_int_equal(dx_swarm_link_count(a.swarm, TOPIC), 0);
    assert_int_equal(dx_swarm_link_up(a.swarm, 77, dx_bytes_text("mem:b"), a.now_ms),
                     DX_OK); /* dialled before */
    assert_int_equal(a.last_reason, DX_E_CANCELLED);
    deliver();
    finish(&a, &b);
}

static void test_bounds(void **state) {
    (void)state;
    end a, b;
    char address[32];
    begin(&a, &b);
    for (int i = 0; i < DX_SPACE_ADDRESSES_MAX; i++) {
        snprintf(address, sizeof address, "mem:%d", i);
        assert_int_equal(dx_swarm_add_address(a.swarm, TOPIC, dx_bytes_text(address)), DX_OK);
    }
    assert_int_equal(dx_swarm_add_address(a.swarm, TOPIC, dx_bytes_text("mem:more")), DX_E_LIMIT);
    assert_int_equal(dx_swarm_add_address(a.swarm, TOPIC, dx_bytes_text("mem:0")), DX_OK);
    tick(&a);
    dx_swarm_link_down(a.swarm, a.opened[5], DX_E_UNREACHABLE, no_words,
                       a.now_ms); /* the one that failed gives way */
    assert_int_equal(dx_swarm_add_address(a.swarm, TOPIC, dx_bytes_text("mem:more")), DX_OK);
    int closed = (int)a.closed_count;
    dx_swarm_remove_address(a.swarm, TOPIC,
                            dx_bytes_text("mem:9")); /* being dialled: its place is free at once */
    dx_swarm_remove_address(a.swarm, TOPIC, dx_bytes_text("mem:nobody"));
    assert_int_equal(a.closed_count, closed + 1);
    assert_int_equal(dx_swarm_add_address(a.swarm, TOPIC, dx_bytes_text("mem:much more")), DX_OK);
    assert_int_equal(dx_swarm_add_address(a.swarm, TOPIC, dx_bytes_text("mem:too much")), DX_E_LIMIT);
    assert_int_equal(dx_swarm_add_address(a.swarm, TOPIC, dx_bytes_text("")), DX_E_INVALID);
    assert_int_equal(dx_swarm_add_address(a.swarm, 99, dx_bytes_text("mem:x")), DX_E_NOT_FOUND);
    for (uint64_t i = 1; i <= DX_LINKS_ACCEPTED_MAX + 10; i++) {
        assert_int_equal(dx_swarm_link_up(b.swarm, 2 * i, dx_bytes_text("mem:x"), b.now_ms), DX_OK);
    }
    assert_int_equal(b.closed_count, 10);
    assert_int_equal(b.counts.crowded, 10);
    assert_int_equal(b.last_reason, DX_E_LIMIT);
    finish(&a, &b);
}

/* Accepts links first, first + 2, … from this address, each from a port of its own. */
static void crowd(end *self, uint64_t first, size_t count, const char *address) {
    char text[80];
    for (size_t i = 0; i < count; i++) {
        snprintf(text, sizeof text, "%s:%zu", address, 1000 + i);
        assert_int_equal(dx_swarm_link_up(self->swarm, first + 2 * i, dx_bytes_text(text), self->now_ms),
                         DX_OK);
    }
}

/* More come from one address than there are places: they displace each other, the oldest first, and neither a peer
 * that is known nor one who comes from elsewhere, be it by a network where one may have any address. */
static void test_crowd(void **state) {
    static const char *const floods[] = {"tcp:6.6.6.6", "tcp:[2001:db8:6:6:aaaa:1:2:3]"};
    static const char *const same[] = {"tcp:6.6.6.6", "tcp:[2001:db8:6:6:bbbb::4]"};
    (void)state;
    for (int six = 0; six < 2; six++) {
        end a, b;
        begin(&a, &b);
        crowd(&b, 10000, 1, "tcp:7.7.7.7"); /* somebody who is about to say who he is */
        crowd(&b, 10002, 1, same[six]);
        dial(&a, &b);
        dx_swarm_vouch(b.swarm, b.link, true);
        dx_swarm_vouch(b.swarm, 99, true);
        crowd(&b, 20000, DX_LINKS_ACCEPTED_MAX - 3, floods[six]);
        assert_int_equal(b.counts.crowded, 0);
        for (size_t i = 0; i < 300; i++) {
            size_t closed = b.closed_count;
            crowd(&b, 30000 + 2 * i, 1, floods[six]);
            assert_int_equal(b.closed_count, closed + 1);
            assert_int_equal(b.last_closed, i == 0 ? 10002
                                            : 20000 + 2 * (i - 1) < 20000 + 2 * (DX_LINKS_ACCEPTED_MAX - 3)
                                                ? 20000 + 2 * (i - 1)
                                                : 30000 + 2 * (i - DX_LINKS_ACCEPTED_MAX + 2));
        }
        assert_int_equal(b.counts.crowded, 300);
        assert_int_equal(b.closes, 0); /* who stands is told nothing */
        assert_int_equal(dx_swarm_link_count(b.swarm, TOPIC), 1);
        dx_swarm_vouch(b.swarm, b.link, false);
        crowd(&b, 40000, 2, floods[six]);
        assert_int_equal(b.closes, 0); /* it came from elsewhere, too */
        finish(&a, &b);
    }
}

/* Everyone from an address of his own: the oldest goes, whom nobody vouched for; and when all are known, who comes
 * last is refused. */
static void test_crowd_from_everywhere(void **state) {
    (void)state;
    end a, b;
    char address[32];
    begin(&a, &b);
    for (uint64_t i = 0; i < DX_LINKS_ACCEPTED_MAX; i++) {
        snprintf(address, sizeof address, "tcp:6.6.%d.%d", (int)i / 100, (int)i % 100);
        crowd(&b, 2 + 2 * i, 1, address);
    }
    dx_swarm_vouch(b.swarm, 2, true);
    crowd(&b, 10000, 1, "tcp:8.8.8.8");
    assert_int_equal(b.last_closed, 4);
    for (uint64_t i = 2; i < DX_LINKS_ACCEPTED_MAX; i++) {
        dx_swarm_vouch(b.swarm, 2 + 2 * i, true);
    }
    dx_swarm_vouch(b.swarm, 10000, true);
    crowd(&b, 10002, 1, "tcp:9.9.9.9");
    assert_int_equal(b.last_closed, 10002);
    assert_int_equal(b.counts.crowded, 2);
    finish(&a, &b);
}

/* --- Memory of all links ------------------------------------------------------------------------------- */

/* A caller without a swarm: knows the secret, and has a key of its own. */
typedef struct caller {
    dx_channel channel;
    uint64_t link;
} caller;

/* Brings what lies in `out` to `to`, and what it answers to the caller, until both are silent. */
static void talk(caller *self, end *to, dx_buf *out) {
    dx_channel_event event;
    while (out->size > 0) {
        dx_buf answer;
        dx_buf_init(&answer, &wire_alloc.port, 8 << 20);
        to->captured = &answer;
        assert_int_equal(dx_swarm_link_data(to->swarm, self->link, dx_buf_view(out), to->now_ms), DX_OK);
        to->captured = NULL;
        dx_buf_clear(out);
        dx_bytes bytes = dx_buf_view(&answer);
        do {
            assert_int_equal(dx_channel_receive(&self->channel, &bytes, to->now_ms, out, &event), DX_OK);
        } while (event.kind == DX_CHANNEL_EVENT_READY || event.kind == DX_CHANNEL_EVENT_MESSAGE);
        dx_buf_deinit(&answer);
    }
}

static void call(caller *self, end *to, uint64_t link) {
    static const uint8_t secret[DX_KEY_SIZE] = {9}, prologue[DX_HASH_SIZE];
    uint8_t key[DX_KEY_SIZE] = {8, 3};
    dx_buf out;
    memcpy(key + 8, &link, sizeof link);
    dx_channel_topic topic = {.number = TOPIC,
                              .secret = secret,
                              .static_secret = key,
                              .prologue = dx_bytes_of(prologue, sizeof prologue),
                              .payload = dx_bytes_text("credential")};
    self->link = link;
    dx_buf_init(&out, &wire_alloc.port, 8 << 20);
    crowd(to, link, 1, "tcp:6.6.6.6");
    assert_int_equal(
        dx_channel_call(&self->channel, &wire_alloc.port, &to->random.port, &topic, to->now_ms, &out), DX_OK);
    talk(self, to, &out);
    dx_buf_deinit(&out);
    assert_int_equal(self->channel.state, DX_CHANNEL_OPEN);
}

/* All of a message but its last bytes; `rest` keeps these. */
static void say_most(caller *self, end *to, dx_bytes message, dx_buf *rest) {
    dx_buf out;
    dx_buf_init(&out, &wire_alloc.port, 8 << 20);
    assert_int_equal(dx_channel_send(&self->channel, message, &out), DX_OK);
    for (size_t at = 0, last = out.size - 1000; at < last; at += 64 << 10) { /* as a host reads */
        size_t size = last - at < 64 << 10 ? last - at : 64 << 10;
        assert_int_equal(
            dx_swarm_link_data(to->swarm, self->link, dx_bytes_of(out.data + at, size), to->now_ms), DX_OK);
    }
    if (rest != NULL) {
        dx_buf_append(rest, out.data + out.size - 1000, 1000);
    }
    dx_buf_deinit(&out);
}

/* Two hundred who know the secret each send most of the longest message, and no more. They end, the one who holds most
 * first; a member's message, and one of somebody who sends little, come through. */
static void test_half_messages_of_many(void **state) {
    enum { COUNT = 200 };
    static uint8_t words[DX_CHANNEL_MESSAGE_MAX];
    static caller callers[COUNT + 2];
    (void)state;
    end a, b;
    dx_buf rest;
    begin(&a, &b);
    dx_buf_init(&rest, &wire_alloc.port, 4000);
    caller *member = &callers[COUNT], *guest = &callers[COUNT + 1];
    call(guest, &b, 8002);
    call(member, &b, 8000);
    dx_swarm_vouch(b.swarm, member->link, true);
    size_t before = b.alloc.live_bytes, peak = 0;
    for (size_t i = 0; i < COUNT; i++) {
        if (i == 5) {
            say_most(member, &b, dx_bytes_of(words, sizeof words), &rest);
            say_most(guest, &b, dx_bytes_of(words, 100 << 10), &rest);
        }
        call(&callers[i], &b, 10000 + 2 * i);
        say_most(&callers[i], &b, dx_bytes_of(words, sizeof words), NULL);
        peak = b.alloc.live_bytes > peak ? b.alloc.live_bytes : peak;
    }
    assert_in_range(peak - before, DX_LINKS_HELD_MAX / 2, DX_LINKS_HELD_MAX + COUNT * 8192);
    assert_in_range(b.counts.crowded, COUNT - 40, COUNT - 20);
    int messages = b.messages;
    assert_int_equal(dx_swarm_link_data(b.swarm, member->link, dx_bytes_of(rest.data, 1000), b.now_ms),
                     DX_OK);
    assert_int_equal(dx_swarm_link_data(b.swarm, guest->link, dx_bytes_of(rest.data + 1000, 1000), b.now_ms),
                     DX_OK);
    assert_int_equal(b.messages, messages + 2);
    for (size_t i = 0; i < COUNT + 2; i++) {
        dx_channel_deinit(&callers[i].channel);
    }
    dx_buf_deinit(&rest);
    finish(&a, &b);
}

/* What waits to leave counts as well: where much does, each has its share and no more, and as it leaves there is room
 * again. */
static void test_room_to_send(void **state) {
    static uint8_t words[1 << 20];
    static caller callers[60];
    (void)state;
    end a, b;
    begin(&a, &b);
    size_t sent = 0;
    for (size_t i = 0; i < 60; i++) {
        call(&callers[i], &b, 10000 + 2 * i);
        dx_swarm_vouch(b.swarm, callers[i].link, true);
        assert_true(dx_swarm_has_room(b.swarm, callers[i].link));
        assert_int_equal(dx_swarm_send(b.swarm, callers[i].link, dx_bytes_of(words, sizeof words)), DX_OK);
        sent += dx_swarm_has_room(b.swarm, callers[i].link);
    }
    assert_in_range(sent, 25, 32);
    assert_int_equal(dx_swarm_link_writable(b.swarm, callers[59].link, (1 << 20) - (100 << 10), b.now_ms),
                     DX_OK);
    assert_true(dx_swarm_has_room(b.swarm, callers[59].link));
    tick(&b);
    assert_int_equal(b.counts.crowded, 0); /* within the bound */
    for (size_t i = 0; i < 10; i++) {
        assert_int_equal(dx_swarm_send(b.swarm, callers[7].link, dx_bytes_of(words, sizeof words)), DX_OK);
    }
    tick(&b);
    assert_int_equal(b.counts.crowded, 1);
    assert_int_equal(b.last_closed, callers[7].link); /* who took least of what it was told */
    for (size_t i = 0; i < 60; i++) {
        dx_channel_deinit(&callers[i].channel);
    }
    finish(&a, &b);
}

static void test_hold(void **state) {
    (void)state;
    end a, b;
    begin(&a, &b);
    dx_swarm_hold(a.swarm, a.now_ms + 5000);
    assert_int_equal(dx_swarm_add_address(a.swarm, TOPIC, dx_bytes_text("mem:b")), DX_OK);
    tick(&a);
    assert_int_equal(a.open_count, 0);
    assert_int_equal(a.deadline_ms, a.now_ms + 5000);
    a.now_ms += 5000;
    tick(&a);
    assert_int_equal(a.open_count, 1);
    finish(&a, &b);
}

/* Memory ends at every allocation of the one or the other, once or for good: who ran out says so and is dropped,
 * the other goes on, and nothing leaks. */
static void test_memory_ends(void **state) {
    (void)state;
    for (int how = 0; how < 4; how++) {
        size_t broken = 0;
        for (uint64_t at = 1;; at++) {
            end a, b;
            begin(&a, &b);
            end *poor = how % 2 == 0 ? &a : &b;
            uint64_t due = poor->alloc.fail_at = poor->alloc.calls + at;
            poor->alloc.sticky = how / 2 == 1;
            took(&a, dx_swarm_add_address(a.swarm, TOPIC, dx_bytes_text("mem:b")));
            tick(&a);
            if (a.open_count > 0) {
                connect(&a, &b);
                deliver();
            }
            if (!a.broke && a.opens > 0) {
                took(&a, dx_swarm_send(a.swarm, a.link, dx_bytes_text("hello")));
                deliver();
            }
            bool struck = poor->alloc.calls >= due;
            broken += a.broke || b.broke;
            assert_false(how % 2 == 0 ? b.broke : a.broke);
            poor->alloc.fail_at = 0;
            dx_swarm_drop_links(poor->swarm, DX_E_NO_MEMORY);
            deliver();
            finish(&a, &b);
            if (!struck) {
                break;
            }
        }
        assert_true(broken >= 3);
    }
}

DX_TEST_MAIN(DX_TEST(test_hold), DX_TEST(test_memory_ends), DX_TEST(test_meeting), DX_TEST(test_rude_peer),
             DX_TEST(test_back_off), DX_TEST(test_why_a_link_ended), DX_TEST(test_dial_without_answer),
             DX_TEST(test_glare), DX_TEST(test_dialled_side_by_side), DX_TEST(test_superseded),
             DX_TEST(test_yield_to_caller), DX_TEST(test_own_address), DX_TEST(test_stranger),
             DX_TEST(test_silent_caller), DX_TEST(test_dropped_links), DX_TEST(test_bounds),
             DX_TEST(test_crowd), DX_TEST(test_crowd_from_everywhere), DX_TEST(test_half_messages_of_many),
             DX_TEST(test_room_to_send))
