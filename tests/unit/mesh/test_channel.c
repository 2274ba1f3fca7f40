/* test_channel.c: two channels joined by buffers the test cuts, changes, holds back and repeats. */
#include "mesh/channel.h"
#include "test.h"

#include <dxos/codec.h>

enum { WIRE_MAX = 64 * 1024 * 1024, NOW = 1000 };

/* One side: its channel, what it has written, and what it saw. */
typedef struct side {
    dx_channel channel;
    dx_buf out;
    int ready, messages, closed;
    int reason;
    bool by_peer;
    dx_buf received; /* each message: size (4, little endian), bytes */
} side;

typedef struct pair {
    test_alloc alloc;
    test_random random;
    side caller, answerer;
    uint8_t secret[DX_KEY_SIZE], statics[2][DX_KEY_SIZE];
    dx_channel_topic topics[3]; /* what the answerer answers for */
    size_t topic_count;
    dx_channel_topic topic; /* what the caller calls for */
} pair;

static const uint8_t other_secrets[2][DX_KEY_SIZE] = {{1}, {2}};

static bool topic_at(void *ctx, size_t index, dx_channel_topic *out) {
    pair *self = ctx;
    if (index >= self->topic_count) {
        return false;
    }
    *out = self->topics[index];
    return true;
}

static void side_init(side *self, const dx_alloc *alloc) {
    memset(self, 0, sizeof *self);
    dx_buf_init(&self->out, alloc, WIRE_MAX);
    dx_buf_init(&self->received, alloc, WIRE_MAX);
}

static void pair_prepare(pair *self) {
    memset(self, 0, sizeof *self);
    test_alloc_init(&self->alloc);
    test_random_init(&self->random, 5);
    memset(self->secret, 0x5e, DX_KEY_SIZE);
    memset(self->statics[0], 0xaa, DX_KEY_SIZE);
    memset(self->statics[1], 0xbb, DX_KEY_SIZE);
    side_init(&self->caller, &self->alloc.port);
    side_init(&self->answerer, &self->alloc.port);
    dx_bytes prologue = dx_bytes_text("fingerprints");
    self->topics[0] =
        (dx_channel_topic){10, other_secrets[0], self->statics[1], NULL, prologue, {NULL, 0}, NULL, false};
    self->topics[1] = (dx_channel_topic){
        11, self->secret, self->statics[1], NULL, prologue, dx_bytes_text("answerer's chain"), NULL, false};
    self->topics[2] =
        (dx_channel_topic){12, other_secrets[1], self->statics[1], NULL, prologue, {NULL, 0}, NULL, false};
    self->topic_count = 3;
    self->topic = (dx_channel_topic){
        77, self->secret, self->statics[0], NULL, prologue, dx_bytes_text("caller's chain"), NULL, false};
}

static void pair_begin(pair *self) {
    dx_channel_topics topics = {self, topic_at};
    assert_int_equal(dx_channel_call(&self->caller.channel, &self->alloc.port, &self->random.port,
                                     &self->topic, NOW, &self->caller.out),
                     DX_OK);
    dx_channel_listen(&self->answerer.channel, &self->alloc.port, &self->random.port, &topics, NOW);
}

static void pair_deinit(pair *self) {
    side *sides[2] = {&self->caller, &self->answerer};
    for (size_t i = 0; i < 2; i++) {
        dx_channel_deinit(&sides[i]->channel);
        dx_buf_deinit(&sides[i]->out);
        dx_buf_deinit(&sides[i]->received);
    }
    assert_int_equal(self->alloc.live_bytes, 0);
}

/* Gives bytes to a side and notes every event. */
static void give_at(side *to, dx_bytes bytes, uint64_t now_ms) {
    for (;;) {
        dx_channel_event event;
        assert_int_equal(dx_channel_receive(&to->channel, &bytes, now_ms, &to->out, &event), DX_OK);
        switch (event.kind) {
        case DX_CHANNEL_EVENT_NONE:
            assert_int_equal(bytes.size, 0);
            return;
        case DX_CHANNEL_EVENT_READY:
            to->ready++;
            break;
        case DX_CHANNEL_EVENT_MESSAGE: {
            uint32_t size = (uint32_t)event.message.size;
            to->messages++;
            dx_buf_append(&to->received, &size, sizeof size);
            dx_buf_append(&to->received, event.message.data, event.message.size);
            assert_int_equal(dx_buf_error(&to->received), DX_OK);
            break;
        }
        case DX_CHANNEL_EVENT_CLOSED:
            to->closed++;
            to->reason = event.reason;
            to->by_peer = event.by_peer;
            break;
        }
    }
}

static void give(side *to, dx_bytes bytes) {
    give_at(to, bytes, NOW);
}

/* Carries what one side wrote to the other. chunk 0: whole; otherwise at most that many bytes at a time. */
static void carry(side *from, side *to, size_t chunk) {
    size_t size = from->out.size;
    uint8_t *copy = malloc(size + 1);
    assert_non_null(copy);
    if (size > 0) {
        memcpy(copy, from->out.data, size);
    }
    dx_buf_clear(&from->out);
    for (size_t at = 0; at < size;) {
        size_t step = chunk == 0 || chunk > size - at ? size - at : chunk;
        uint8_t *exact = malloc(step); /* so that a sanitizer sees a read past a chunk */
        assert_non_null(exact);
        memcpy(exact, copy + at, step);
        give(to, dx_bytes_of(exact, step));
        free(exact);
        at += step;
    }
    free(copy);
}

static void exchange(pair *self, size_t chunk) {
    while (self->caller.out.size > 0 || self->answerer.out.size > 0) {
        carry(&self->caller, &self->answerer, chunk);
        carry(&self->answerer, &self->caller, chunk);
    }
}

static void pair_open(pair *self) {
    pair_prepare(self);
    pair_begin(self);
    exchange(self, 0);
    assert_int_equal(self->caller.channel.state, DX_CHANNEL_OPEN);
    assert_int_equal(self->answerer.channel.state, DX_CHANNEL_OPEN);
}

static void send(side *from, const void *data, size_t size) {
    assert_int_equal(dx_channel_send(&from->channel, dx_bytes_of(data, size), &from->out), DX_OK);
}

static void send_text(side *from, const char *text) {
    send(from, text, strlen(text));
}

/* The messages a side received, as one text: each followed by a bar. */
static void expect_received(const side *self, const char *expected) {
    char text[512];
    size_t at = 0, used = 0;
    while (at < self->received.size) {
        uint32_t size;
        memcpy(&size, self->received.data + at, sizeof size);
        assert_in_range(used + size, 0, sizeof text - 2);
        memcpy(text + used, self->received.data + at + sizeof size, size);
        used += size;
        text[used++] = '|';
        at += sizeof size + size;
    }
    text[used] = 0;
    assert_string_equal(text, expected);
}

/* --- Handshake ----------------------------------------------------------------------------------- */

/* Two who saw different transports, as when somebody stands between them; bound: a peer link. */
static void begin_between(pair *self, bool bound) {
    pair_prepare(self);
    self->topics[1].is_bound = self->topic.is_bound = bound;
    self->topic.prologue = dx_bytes_text("other fingerprints");
    pair_begin(self);
}

static void test_who_stands_between_is_named(void **state) {
    pair self;
    (void)state;
    for (size_t chunk = 0; chunk < 2; chunk++) {
        begin_between(&self, true);
        exchange(&self, chunk);
        assert_int_equal(self.answerer.reason, DX_E_CHANNEL_BINDING);
        assert_false(self.answerer.by_peer);
        assert_int_equal(self.caller.reason, DX_E_CHANNEL_BINDING);
        assert_true(self.caller.by_peer);
        assert_int_equal(self.caller.ready + self.answerer.ready, 0);
        pair_deinit(&self);
    }
    begin_between(&self, false); /* elsewhere nothing is said, as to a stranger */
    carry(&self.caller, &self.answerer, 0);
    assert_int_equal(self.answerer.reason, DX_E_SIGNATURE);
    assert_int_equal(self.answerer.out.size, 0);
    pair_deinit(&self);
}

static void test_who_saw_the_same_meets(void **state) {
    pair self;
    (void)state;
    begin_between(&self, true);
    pair_deinit(&self);
    pair_prepare(&self);
    self.topics[1].is_bound = self.topic.is_bound = true;
    pair_begin(&self);
    exchange(&self, 0);
    assert_int_equal(self.caller.ready + self.answerer.ready, 2);
    pair_deinit(&self);
}

static void test_a_refusal_cannot_be_made_up(void **state) {
    static const uint8_t forged[2 + DX_CHANNEL_REFUSAL_SIZE] = {0, DX_CHANNEL_REFUSAL_SIZE};
    pair self;
    (void)state;
    begin_between(&self, false); /* of no peer link: any such frame is nonsense */
    give(&self.caller, dx_bytes_of(forged, sizeof forged));
    assert_int_not_equal(self.caller.reason, DX_E_CHANNEL_BINDING);
    assert_int_equal(self.caller.closed, 1);
    pair_deinit(&self);
    begin_between(&self, true); /* of one, an answer that is not the peer's is somebody else's */
    give(&self.caller, dx_bytes_of(forged, sizeof forged));
    assert_int_equal(self.caller.reason, DX_E_CHANNEL_BINDING);
    assert_false(self.caller.by_peer);
    pair_deinit(&self);
}

static void test_handshake(void **state) {
    (void)state;
    pair self;
    uint8_t public_keys[2][DX_KEY_SIZE];
    pair_open(&self);
    assert_int_equal(self.caller.ready, 1);
    assert_int_equal(self.answerer.ready, 1);
    assert_int_equal(self.caller.channel.topic, 77);
    assert_int_equal(self.answerer.channel.topic, 11);
    assert_memory_equal(dx_channel_handshake_hash(&self.caller.channel),
                        dx_channel_handshake_hash(&self.answerer.channel), DX_NOISE_HASH_SIZE);
    for (size_t i = 0; i < 2; i++) {
        dx_agree_public(self.statics[i], public_keys[i]);
    }
    assert_memory_equal(dx_channel_remote_static(&self.caller.channel), public_keys[1], DX_KEY_SIZE);
    assert_memory_equal(dx_channel_remote_static(&self.answerer.channel), public_keys[0], DX_KEY_SIZE);
    assert_true(
        dx_bytes_equal(dx_channel_remote_payload(&self.caller.channel), dx_bytes_text("answerer's chain")));
    assert_true(
        dx_bytes_equal(dx_channel_remote_payload(&self.answerer.channel), dx_bytes_text("caller's chain")));
    assert_int_equal(dx_channel_deadline(&self.caller.channel), DX_NO_DEADLINE);
    send_text(&self.caller, "hello");
    send_text(&self.answerer, "welcome");
    send_text(&self.answerer, "");
    exchange(&self, 0);
    expect_received(&self.answerer, "hello|");
    expect_received(&self.caller, "welcome||");
    pair_deinit(&self);
}

/* The first frame as docs/spec/channel.md writes it. */
static void test_preface_bytes(void **state) {
    (void)state;
    pair self;
    uint8_t tag[DX_HASH_SIZE];
    pair_prepare(&self);
    pair_begin(&self);
    const uint8_t *wire = self.caller.out.data;
    assert_int_equal(wire[0], 0);
    assert_int_equal(wire[1], 37);
    static const uint8_t head[] = {0x84, 0x01, 0x01, 0x50};
    assert_memory_equal(wire + 2, head, sizeof head);
    assert_int_equal(wire[2 + 20], 0x50);
    dx_hash_keyed(DX_HASH_TOPIC_TAG, dx_bytes_of(self.secret, 32), dx_bytes_of(wire + 6, 16), tag);
    assert_memory_equal(wire + 2 + 21, tag, 16);
    /* Then message 1, 48 bytes: an ephemeral key and the tag of an empty payload. */
    assert_int_equal(wire[39], 0);
    assert_int_equal(wire[40], 48);
    assert_int_equal(self.caller.out.size, 41 + 48);
    pair_deinit(&self);
}

/* The rest of the handshake as docs/spec/channel.md writes it: a bare Noise session with that psk and
 * prologue understands the caller, and is understood. */
static void test_handshake_bytes(void **state) {
    (void)state;
    pair self;
    uint8_t psk[DX_KEY_SIZE], prologue[11 + 37 + 12], ephemeral[DX_KEY_SIZE] = {3};
    dx_noise noise;
    dx_buf message, payload;
    pair_prepare(&self);
    pair_begin(&self);
    memcpy(prologue, "dxos link/1", 11);
    memcpy(prologue + 11, self.caller.out.data + 2, 37);
    memcpy(prologue + 11 + 37, "fingerprints", 12);
    dx_hash_keyed(DX_HASH_SUBKEY, dx_bytes_of(self.secret, DX_KEY_SIZE), dx_bytes_text("channel psk"), psk);
    dx_noise_init(&noise, false, dx_bytes_of(prologue, sizeof prologue), self.statics[1], NULL, ephemeral,
                  psk);
    dx_buf_init(&message, &self.alloc.port, 1000);
    dx_buf_init(&payload, &self.alloc.port, 1000);
    assert_int_equal(dx_noise_read(&noise, dx_bytes_of(self.caller.out.data + 41, 48), &payload), DX_OK);
    assert_int_equal(payload.size, 0);
    dx_buf_append(&message, "\0\x64", 2);
    assert_int_equal(dx_noise_write(&noise, dx_bytes_text("mine"), &message), DX_OK);
    dx_buf_clear(&self.caller.out);
    give(&self.caller, dx_buf_view(&message));
    assert_int_equal(self.caller.ready, 1);
    assert_true(dx_bytes_equal(dx_channel_remote_payload(&self.caller.channel), dx_bytes_text("mine")));
    size_t size = self.caller.out.size;
    assert_int_equal(self.caller.out.data[0] << 8 | self.caller.out.data[1], size - 2);
    assert_int_equal(dx_noise_read(&noise, dx_bytes_of(self.caller.out.data + 2, size - 2), &payload), DX_OK);
    assert_true(dx_bytes_equal(dx_buf_view(&payload), dx_bytes_text("caller's chain")));
    dx_buf_deinit(&message);
    dx_buf_deinit(&payload);
    pair_deinit(&self);
}

/* What is sent must arrive as sent, however the stream is cut. */
static void talk(pair *self, size_t chunk) {
    static uint8_t large[40000];
    for (size_t i = 0; i < sizeof large; i++) {
        large[i] = (uint8_t)(i * 7);
    }
    pair_prepare(self);
    pair_begin(self);
    exchange(self, chunk);
    assert_int_equal(self->caller.ready + self->answerer.ready, 2);
    send_text(&self->caller, "one");
    send(&self->caller, large, sizeof large);
    assert_int_equal(dx_channel_ping(&self->caller.channel, &self->caller.out), DX_OK);
    assert_int_equal(dx_channel_rekey(&self->caller.channel, &self->caller.out), DX_OK);
    send_text(&self->caller, "two");
    send(&self->answerer, large, 16367);
    send(&self->answerer, large, 16368);
    exchange(self, chunk);
    assert_int_equal(self->answerer.messages, 3);
    const uint8_t *received = self->answerer.received.data;
    assert_memory_equal(received + 4, "one", 3);
    assert_memory_equal(received + 7 + 4, large, sizeof large);
    assert_memory_equal(received + 7 + 4 + sizeof large + 4, "two", 3);
    assert_int_equal(self->caller.messages, 2);
    assert_memory_equal(self->caller.received.data + 4, large, 16367);
    assert_memory_equal(self->caller.received.data + 4 + 16367 + 4, large, 16368);
    dx_channel_close(&self->caller.channel, DX_OK, &self->caller.out);
    exchange(self, chunk);
    assert_int_equal(self->answerer.closed, 1);
    assert_int_equal(self->answerer.reason, DX_OK);
    assert_true(self->answerer.by_peer);
    assert_int_equal(self->caller.closed, 0); /* it knows */
    pair_deinit(self);
}

static void test_every_chunking(void **state) {
    (void)state;
    pair self;
    for (size_t chunk = 0; chunk < 60; chunk++) {
        talk(&self, chunk);
    }
    for (size_t chunk = 16300; chunk < 16420; chunk += 7) {
        talk(&self, chunk);
    }
}

static void test_random_chunking(void **state) {
    (void)state;
    test_random random;
    test_random_init(&random, 99);
    for (int round = 0; round < 20; round++) {
        pair self;
        static uint8_t data[200000];
        pair_open(&self);
        for (int i = 0; i < 10; i++) {
            size_t size = (size_t)(test_random_next(&random) % (i % 2 ? 600 : sizeof data));
            memset(data, i, size);
            send(&self.caller, data, size);
        }
        dx_bytes wire = dx_buf_view(&self.caller.out);
        while (wire.size > 0) {
            size_t step = (size_t)(test_random_next(&random) % 40000);
            step = step < wire.size ? step : wire.size;
            give(&self.answerer, dx_bytes_of(wire.data, step));
            wire.data += step;
            wire.size -= step;
        }
        assert_int_equal(self.answerer.messages, 10);
        size_t at = 0;
        for (int i = 0; i < 10; i++) {
            uint32_t size;
            memcpy(&size, self.answerer.received.data + at, 4);
            at += 4;
            for (size_t end = at + size; at < end; at++) {
                assert_int_equal(self.answerer.received.data[at], i);
            }
        }
        assert_int_equal(at, self.answerer.received.size);
        pair_deinit(&self);
    }
}

/* --- Strangers ----------------------------------------------------------------------------------- */

static void test_stranger_gets_no_answer(void **state) {
    (void)state;
    pair self;
    uint8_t wrong[DX_KEY_SIZE] = {9};
    pair_prepare(&self);
    self.topic.secret = wrong;
    pair_begin(&self);
    uint64_t random_before = self.random.state;
    size_t others = self.alloc.live_bytes;
    for (size_t i = 0; i < self.caller.out.size && !self.answerer.closed; i++) {
        give(&self.answerer, dx_bytes_of(self.caller.out.data + i, 1));
        assert_in_range(sizeof(dx_channel) + self.alloc.live_bytes - others, 0, 2048);
    }
    assert_int_equal(self.answerer.closed, 1);
    assert_int_equal(self.answerer.reason, DX_E_UNAUTHORIZED);
    assert_false(self.answerer.by_peer);
    assert_int_equal(self.answerer.out.size, 0);
    assert_true(self.random.state == random_before); /* no ephemeral key was made */
    pair_deinit(&self);
    /* Nor does a tag help under another nonce. */
    pair_prepare(&self);
    pair_begin(&self);
    self.caller.out.data[6] ^= 1;
    carry(&self.caller, &self.answerer, 0);
    assert_int_equal(self.answerer.reason, DX_E_UNAUTHORIZED);
    assert_int_equal(self.answerer.out.size, 0);
    pair_deinit(&self);
}

/* A preface with the right tag but what else is wrong with it. */
static void expect_preface(const uint8_t *item, size_t size, int reason) {
    pair self;
    uint8_t frame[80];
    pair_prepare(&self);
    pair_begin(&self);
    frame[0] = 0;
    frame[1] = (uint8_t)size;
    memcpy(frame + 2, item, size);
    give(&self.answerer, dx_bytes_of(frame, size + 2));
    assert_int_equal(self.answerer.closed, 1);
    assert_int_equal(self.answerer.reason, reason);
    assert_int_equal(self.answerer.out.size, 0);
    pair_deinit(&self);
}

static void test_bad_prefaces(void **state) {
    (void)state;
    pair self;
    uint8_t good[37], bad[80] = {0};
    pair_prepare(&self);
    pair_begin(&self);
    memcpy(good, self.caller.out.data + 2, sizeof good);
    pair_deinit(&self);
    memcpy(bad, good, sizeof good);
    bad[1] = 2; /* version */
    expect_preface(bad, 37, DX_E_UNSUPPORTED);
    memcpy(bad, good, sizeof good);
    bad[2] = 2; /* purpose */
    expect_preface(bad, 37, DX_E_UNSUPPORTED);
    memcpy(bad, good, sizeof good);
    expect_preface(bad, 36, DX_E_MALFORMED); /* cut */
    expect_preface(bad, 38, DX_E_MALFORMED); /* a byte more */
    expect_preface(bad, 0, DX_E_MALFORMED);
    bad[0] = 0x83; /* three items and one outside */
    expect_preface(bad, 37, DX_E_MALFORMED);
    bad[0] = 0x85; /* five items */
    bad[37] = 0;
    expect_preface(bad, 38, DX_E_MALFORMED);
    expect_preface(bad, 65, DX_E_FLOOD);
}

static void test_long_frames_are_refused_by_their_length(void **state) {
    (void)state;
    pair self;
    static const uint8_t long_frame[2] = {0xff, 0xff};
    /* Before the preface, before message 1, before message 2 and 3, and when open. */
    for (int stage = 0; stage < 5; stage++) {
        pair_prepare(&self);
        pair_begin(&self);
        side *victim = &self.answerer;
        if (stage == 1) {
            give(victim, dx_bytes_of(self.caller.out.data, 39));
            assert_int_equal(victim->channel.state, DX_CHANNEL_GREETED);
        } else if (stage == 2) {
            carry(&self.caller, victim, 0);
            assert_int_equal(victim->channel.state, DX_CHANNEL_ANSWERED);
        } else if (stage == 3) {
            victim = &self.caller;
            assert_int_equal(victim->channel.state, DX_CHANNEL_CALLING);
        } else if (stage == 4) {
            exchange(&self, 0);
            assert_int_equal(victim->channel.state, DX_CHANNEL_OPEN);
        }
        dx_buf_clear(&victim->out);
        size_t before = self.alloc.live_bytes;
        give(victim, dx_bytes_of(long_frame, 1));
        give(victim, dx_bytes_of(long_frame + 1, 1));
        assert_int_equal(victim->closed, 1);
        assert_int_equal(victim->reason, DX_E_FLOOD);
        assert_in_range(self.alloc.live_bytes, 0, before + 512);
        assert_int_equal(victim->out.size > 0, stage == 4); /* only an open channel says why */
        if (stage == 4) {
            carry(victim, &self.caller, 0);
            assert_int_equal(self.caller.reason, DX_E_FLOOD);
            assert_true(self.caller.by_peer);
        }
        give(victim, dx_bytes_of(long_frame, 2)); /* swallowed */
        assert_int_equal(victim->closed, 1);
        pair_deinit(&self);
    }
}

/* --- Disagreement -------------------------------------------------------------------------------- */

static void test_prologues_must_agree(void **state) {
    (void)state;
    pair self;
    pair_prepare(&self);
    self.topic.prologue = dx_bytes_text("fingerprintz");
    pair_begin(&self);
    exchange(&self, 0);
    assert_int_equal(self.answerer.closed, 1);
    assert_int_equal(self.answerer.reason, DX_E_SIGNATURE);
    assert_int_equal(self.caller.ready, 0);
    pair_deinit(&self);
}

static void test_expected_static(void **state) {
    (void)state;
    pair self;
    uint8_t public_keys[2][DX_KEY_SIZE];
    pair_prepare(&self);
    dx_agree_public(self.statics[0], public_keys[0]);
    dx_agree_public(self.statics[1], public_keys[1]);
    self.topic.expected_static = public_keys[1];
    self.topics[1].expected_static = public_keys[0];
    pair_begin(&self);
    exchange(&self, 0);
    assert_int_equal(self.caller.ready + self.answerer.ready, 2);
    pair_deinit(&self);
    /* The caller closes without showing its own key. */
    pair_prepare(&self);
    self.topic.expected_static = public_keys[0];
    pair_begin(&self);
    carry(&self.caller, &self.answerer, 0);
    carry(&self.answerer, &self.caller, 0);
    assert_int_equal(self.caller.reason, DX_E_SIGNATURE);
    assert_int_equal(self.caller.out.size, 0);
    assert_int_equal(self.caller.ready, 0);
    pair_deinit(&self);
    pair_prepare(&self);
    self.topics[1].expected_static = public_keys[1];
    pair_begin(&self);
    exchange(&self, 0);
    assert_int_equal(self.answerer.reason, DX_E_SIGNATURE);
    assert_int_equal(self.answerer.ready, 0);
    pair_deinit(&self);
}

static void test_arguments_too_long(void **state) {
    (void)state;
    static uint8_t large[DX_CHANNEL_PAYLOAD_MAX + 1];
    pair self;
    pair_prepare(&self);
    dx_channel *channel = &self.caller.channel;
    self.topic.payload = dx_bytes_of(large, sizeof large);
    assert_int_equal(
        dx_channel_call(channel, &self.alloc.port, &self.random.port, &self.topic, NOW, &self.caller.out),
        DX_E_INVALID);
    assert_int_equal(self.caller.out.size, 0);
    dx_channel_deinit(channel);
    self.topic.payload = dx_bytes_of(NULL, 0);
    self.topic.prologue = dx_bytes_of(large, DX_CHANNEL_PROLOGUE_MAX + 1);
    assert_int_equal(
        dx_channel_call(channel, &self.alloc.port, &self.random.port, &self.topic, NOW, &self.caller.out),
        DX_E_INVALID);
    dx_channel_deinit(channel);
    /* The most that fits does. */
    self.topics[1].payload = self.topic.payload = dx_bytes_of(large, DX_CHANNEL_PAYLOAD_MAX);
    self.topics[1].prologue = self.topic.prologue = dx_bytes_of(large, DX_CHANNEL_PROLOGUE_MAX);
    pair_begin(&self);
    exchange(&self, 1000);
    assert_int_equal(self.caller.ready + self.answerer.ready, 2);
    assert_int_equal(dx_channel_remote_payload(channel).size, DX_CHANNEL_PAYLOAD_MAX);
    give(&self.caller, dx_bytes_of(NULL, 0));
    assert_int_equal(self.caller.closed, 0);
    pair_deinit(&self);
}

/* --- Time ---------------------------------------------------------------------------------------- */

static void test_handshake_deadline(void **state) {
    (void)state;
    pair self;
    dx_channel_event event;
    pair_prepare(&self);
    pair_begin(&self);
    uint64_t deadline = dx_channel_deadline(&self.answerer.channel);
    assert_int_equal(deadline, NOW + DX_CHANNEL_HANDSHAKE_MS);
    dx_channel_tick(&self.answerer.channel, deadline - 1, &event);
    assert_int_equal(event.kind, DX_CHANNEL_EVENT_NONE);
    dx_channel_tick(&self.caller.channel, deadline, &event);
    assert_int_equal(event.kind, DX_CHANNEL_EVENT_CLOSED);
    assert_int_equal(event.reason, DX_E_TIMEOUT);
    assert_int_equal(dx_channel_deadline(&self.caller.channel), DX_NO_DEADLINE);
    /* Dripping bytes does not buy time. */
    give_at(&self.answerer, dx_bytes_of(self.caller.out.data, 5), deadline - 1);
    assert_int_equal(self.answerer.closed, 0);
    give_at(&self.answerer, dx_bytes_of(self.caller.out.data + 5, 1), deadline);
    assert_int_equal(self.answerer.closed, 1);
    assert_int_equal(self.answerer.reason, DX_E_TIMEOUT);
    pair_deinit(&self);
    pair_open(&self);
    dx_channel_tick(&self.caller.channel, UINT64_MAX - 1, &event);
    assert_int_equal(event.kind, DX_CHANNEL_EVENT_NONE);
    pair_deinit(&self);
}

/* --- Tampering ----------------------------------------------------------------------------------- */

/* One conversation: handshake, a message each way, goodbye. wire_at names the byte of all that crosses, in
 * both directions, whose bits are changed; SIZE_MAX none. Returns how many bytes crossed. */
static size_t converse(pair *self, size_t wire_at, uint8_t flip) {
    size_t crossed = 0;
    bool spoke = false, closed = false;
    pair_prepare(self);
    pair_begin(self);
    for (;;) {
        side *ends[2] = {&self->caller, &self->answerer};
        bool moved = false;
        for (size_t i = 0; i < 2; i++) {
            dx_buf *wire = &ends[i]->out;
            if (wire_at >= crossed && wire_at - crossed < wire->size) {
                wire->data[wire_at - crossed] ^= flip;
            }
            crossed += wire->size;
            moved |= wire->size > 0;
            carry(ends[i], ends[1 - i], 0);
        }
        bool open =
            self->caller.channel.state == DX_CHANNEL_OPEN && self->answerer.channel.state == DX_CHANNEL_OPEN;
        if (open && !spoke) {
            send_text(&self->caller, "question");
            send_text(&self->answerer, "answer");
            spoke = true;
        } else if (open && !closed && !moved) {
            dx_channel_close(&self->caller.channel, DX_E_CANCELLED, &self->caller.out);
            closed = true;
        } else if (!moved) {
            return crossed;
        }
    }
}

/* Whatever byte is changed, nothing false is delivered and somebody notices. */
static void test_tampering_with_each_byte(void **state) {
    (void)state;
    pair self;
    size_t size = converse(&self, SIZE_MAX, 0);
    expect_received(&self.answerer, "question|");
    expect_received(&self.caller, "answer|");
    assert_int_equal(self.answerer.reason, DX_E_CANCELLED);
    assert_true(self.answerer.by_peer);
    pair_deinit(&self);
    assert_in_range(size, 1000, 2000);
    for (size_t at = 0; at < size; at++) {
        static const uint8_t flips[] = {0x01, 0x80};
        for (size_t i = 0; i < sizeof flips; i++) {
            converse(&self, at, flips[i]);
            bool caller_failed = self.caller.closed > 0 && self.caller.reason != DX_OK;
            bool answerer_failed = self.answerer.closed > 0 && self.answerer.reason != DX_OK;
            /* A length made longer leaves its side waiting: the deadline or the goodbye of the other ends
             * that. */
            bool waiting = self.caller.channel.pending.size > 0 || self.answerer.channel.pending.size > 0;
            assert_true(caller_failed || answerer_failed || waiting);
            if (self.answerer.messages > 0) {
                expect_received(&self.answerer, "question|");
            }
            if (self.caller.messages > 0) {
                expect_received(&self.caller, "answer|");
            }
            if (answerer_failed && self.answerer.by_peer && self.answerer.reason == DX_E_CANCELLED) {
                assert_true(caller_failed || self.caller.messages == 0);
            }
            pair_deinit(&self);
        }
    }
}

/* Frames that arrive twice, in another order, or not at all. */
static void test_stream_order(void **state) {
    (void)state;
    for (int variant = 0; variant < 3; variant++) {
        pair self;
        size_t ends[3];
        pair_open(&self);
        for (int i = 0; i < 3; i++) {
            static const char *const texts[] = {"a", "b", "c"};
            send_text(&self.caller, texts[i]);
            ends[i] = self.caller.out.size;
        }
        const uint8_t *wire = self.caller.out.data;
        give(&self.answerer, dx_bytes_of(wire, ends[0]));
        if (variant == 0) { /* twice */
            give(&self.answerer, dx_bytes_of(wire, ends[0]));
        } else if (variant == 1) { /* skipped */
            give(&self.answerer, dx_bytes_of(wire + ends[1], ends[2] - ends[1]));
        } else { /* sent back to its author */
            give(&self.caller, dx_bytes_of(wire, ends[0]));
        }
        side *victim = variant == 2 ? &self.caller : &self.answerer;
        expect_received(&self.answerer, "a|");
        assert_int_equal(victim->closed, 1);
        assert_int_equal(victim->reason, DX_E_SIGNATURE);
        pair_deinit(&self);
    }
}

/* --- A peer that knows the keys but not the manners ---------------------------------------------- */

/* Seals a plaintext of the test's making as the caller's next frame. */
static void forge(pair *self, const void *text, size_t size) {
    uint8_t *at = dx_buf_extend(&self->caller.out, 2 + size + DX_NOISE_TAG_SIZE);
    assert_non_null(at);
    at[0] = (uint8_t)((size + DX_NOISE_TAG_SIZE) >> 8);
    at[1] = (uint8_t)(size + DX_NOISE_TAG_SIZE);
    assert_int_equal(dx_noise_encrypt(&self->caller.channel.sending, dx_bytes_of(NULL, 0),
                                      dx_bytes_of(text, size), at + 2),
                     DX_OK);
}

static void expect_forged(const char *text, size_t size, int reason) {
    pair self;
    pair_open(&self);
    forge(&self, text, size);
    carry(&self.caller, &self.answerer, 0);
    assert_int_equal(self.answerer.closed, 1);
    assert_int_equal(self.answerer.reason, reason);
    assert_int_equal(self.answerer.messages, 0);
    carry(&self.answerer, &self.caller, 0);
    if (!self.answerer.by_peer) { /* the author is told */
        assert_int_equal(self.caller.reason, reason);
        assert_true(self.caller.by_peer);
    }
    pair_deinit(&self);
}

static void test_bad_manners(void **state) {
    (void)state;
    expect_forged("", 0, DX_E_MALFORMED);
    expect_forged("\0\0\0", 3, DX_E_MALFORMED); /* no kind */
    expect_forged("x\x06", 2, DX_E_PROTOCOL);   /* unknown kind */
    expect_forged("\x01", 1, DX_E_PROTOCOL);    /* an empty piece that promises more */
    expect_forged("x\x04", 2, DX_E_MALFORMED);  /* rekey with content */
    expect_forged("x\x05", 2, DX_E_MALFORMED);  /* ping with content */
    expect_forged("\x03", 1, DX_E_MALFORMED);   /* goodbye without a reason */
    expect_forged("\0\0\0\x03", 4, DX_E_MALFORMED);
    expect_forged("\x03\xe8\x03", 3, -1000);          /* a reason nobody knows is passed on as it is */
    expect_forged("\x03\xe9\x03", 3, DX_E_MALFORMED); /* but not what the seam cannot say */
    expect_forged("\0\0\x03", 3, DX_OK);
    expect_forged("\0\x09\x03", 3, DX_E_CANCELLED);
}

/* Frames need not be padded to be understood, and zeros inside a message are its own. */
static void test_content_with_zeros(void **state) {
    (void)state;
    pair self;
    static const uint8_t zeros[300];
    pair_open(&self);
    forge(&self, "a\x02", 2);
    forge(&self, "b\x02\0\0\0\0", 6);
    carry(&self.caller, &self.answerer, 0);
    expect_received(&self.answerer, "a|b|");
    dx_buf_clear(&self.answerer.received);
    send(&self.caller, zeros, sizeof zeros);
    send(&self.caller, zeros, 1);
    carry(&self.caller, &self.answerer, 0);
    assert_int_equal(self.answerer.received.size, 4 + 300 + 4 + 1);
    assert_memory_equal(self.answerer.received.data + 4, zeros, 300);
    pair_deinit(&self);
}

/* Pings and a rekey may stand between the pieces of a message. */
static void test_control_between_pieces(void **state) {
    (void)state;
    pair self;
    pair_open(&self);
    forge(&self, "one \x01", 5);
    forge(&self, "\x05", 1);
    forge(&self, "\x04", 1);
    dx_noise_rekey(&self.caller.channel.sending);
    forge(&self, "message\x02", 8);
    carry(&self.caller, &self.answerer, 1);
    expect_received(&self.answerer, "one message|");
    pair_deinit(&self);
}

static void test_message_without_end(void **state) {
    (void)state;
    pair self;
    static uint8_t piece[DX_CHANNEL_FRAME_MAX - DX_NOISE_TAG_SIZE];
    memset(piece, 1, sizeof piece); /* content of ones; the last byte says: more follows */
    pair_open(&self);
    size_t sent = 0;
    for (int i = 0; i < 200 && !self.answerer.closed; i++) {
        forge(&self, piece, sizeof piece);
        carry(&self.caller, &self.answerer, 0);
        sent += sizeof piece - 1;
        assert_in_range(self.answerer.channel.message.capacity, 0,
                        DX_CHANNEL_MESSAGE_MAX + DX_CHANNEL_FRAME_MAX);
    }
    assert_int_equal(self.answerer.closed, 1);
    assert_int_equal(self.answerer.reason, DX_E_FLOOD);
    assert_in_range(sent, DX_CHANNEL_MESSAGE_MAX, DX_CHANNEL_MESSAGE_MAX + DX_CHANNEL_FRAME_MAX);
    pair_deinit(&self);
}

static void test_largest_message(void **state) {
    (void)state;
    pair self;
    static uint8_t large[DX_CHANNEL_MESSAGE_MAX + 1];
    for (size_t i = 0; i < sizeof large; i++) {
        large[i] = (uint8_t)(i >> 8 ^ i);
    }
    pair_open(&self);
    assert_int_equal(
        dx_channel_send(&self.caller.channel, dx_bytes_of(large, sizeof large), &self.caller.out),
        DX_E_LIMIT);
    assert_int_equal(self.caller.out.size, 0);
    send(&self.caller, large, DX_CHANNEL_MESSAGE_MAX);
    send_text(&self.caller, "after");
    carry(&self.caller, &self.answerer, 0);
    assert_int_equal(self.answerer.messages, 2);
    assert_memory_equal(self.answerer.received.data + 4, large, DX_CHANNEL_MESSAGE_MAX);
    assert_in_range(self.answerer.channel.message.capacity, 0, DX_CHANNEL_KEPT_MAX); /* given back */
    pair_deinit(&self);
}

/* Sizes of small messages look alike. */
static void test_padding(void **state) {
    (void)state;
    pair self;
    static uint8_t data[600];
    static const size_t sizes[][2] = {{0, 274}, {1, 274}, {255, 274}, {256, 530}, {511, 530}, {512, 786}};
    pair_open(&self);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        dx_buf_clear(&self.caller.out);
        send(&self.caller, data, sizes[i][0]);
        assert_int_equal(self.caller.out.size, sizes[i][1]);
    }
    pair_deinit(&self);
}

/* --- Keys ---------------------------------------------------------------------------------------- */

static void test_rekeys_by_itself(void **state) {
    (void)state;
    pair self;
    static uint8_t data[30000];
    uint8_t key[DX_KEY_SIZE];
    pair_open(&self);
    assert_true(self.caller.channel.rekey_bytes == DX_CHANNEL_REKEY_MAX);
    self.caller.channel.rekey_bytes = 100000;
    memcpy(key, self.caller.channel.sending.key, DX_KEY_SIZE);
    int changes = 0;
    for (int i = 0; i < 20; i++) {
        send(&self.caller, data, sizeof data);
        if (memcmp(key, self.caller.channel.sending.key, DX_KEY_SIZE) != 0) {
            memcpy(key, self.caller.channel.sending.key, DX_KEY_SIZE);
            changes++;
        }
        carry(&self.caller, &self.answerer, 0);
        assert_memory_equal(self.answerer.channel.receiving.key, key, DX_KEY_SIZE);
    }
    assert_int_equal(changes, 4); /* 600,000 bytes, each time the fifth message finds more than 100,000 */
    assert_int_equal(self.answerer.messages, 20);
    pair_deinit(&self);
}

static void test_keys_are_wiped(void **state) {
    (void)state;
    pair self;
    static const uint8_t zeros[sizeof(dx_noise)];
    pair_open(&self);
    dx_channel_close(&self.caller.channel, DX_OK, &self.caller.out);
    assert_memory_equal(self.caller.channel.sending.key, zeros, DX_KEY_SIZE);
    assert_memory_equal(self.caller.channel.receiving.key, zeros, DX_KEY_SIZE);
    assert_memory_equal(self.caller.channel.noise.static_secret, zeros, DX_KEY_SIZE);
    pair_deinit(&self);
    assert_memory_equal(&self.answerer.channel.noise, zeros, sizeof zeros);
    pair_prepare(&self);
    pair_begin(&self);
    dx_channel_close(&self.caller.channel, DX_OK, &self.caller.out); /* in the middle of the handshake */
    assert_memory_equal(&self.caller.channel.noise, zeros, sizeof zeros);
    pair_deinit(&self);
}

/* --- States and memory --------------------------------------------------------------------------- */

static void test_calls_in_the_wrong_state(void **state) {
    (void)state;
    pair self;
    pair_prepare(&self);
    pair_begin(&self);
    dx_buf_clear(&self.answerer.out);
    assert_int_equal(dx_channel_send(&self.answerer.channel, dx_bytes_text("x"), &self.answerer.out),
                     DX_E_STATE);
    assert_int_equal(dx_channel_ping(&self.answerer.channel, &self.answerer.out), DX_E_STATE);
    assert_int_equal(dx_channel_rekey(&self.answerer.channel, &self.answerer.out), DX_E_STATE);
    dx_channel_close(&self.answerer.channel, DX_E_BUSY, &self.answerer.out);
    assert_int_equal(self.answerer.out.size, 0); /* nobody to tell in secret yet */
    dx_channel_close(&self.answerer.channel, DX_E_BUSY, &self.answerer.out);
    carry(&self.caller, &self.answerer, 0);
    assert_int_equal(self.answerer.closed, 0);
    assert_int_equal(dx_channel_send(&self.answerer.channel, dx_bytes_text("x"), &self.answerer.out),
                     DX_E_STATE);
    pair_deinit(&self);
}

static void test_state_names(void **state) {
    (void)state;
    static const char *const names[] = {"listening", "greeted", "answered", "calling",
                                        "open",      "closed",  "unknown"};
    for (int i = 0; i <= DX_CHANNEL_STATE_COUNT; i++) {
        assert_string_equal(dx_channel_state_name((dx_channel_state)i), names[i]);
    }
}

/* Each allocation of a conversation fails once: an error or a normal end, no leak, no crash. */
static void test_no_memory(void **state) {
    (void)state;
    static const uint8_t large[50000];
    bool finished = false;
    for (uint64_t fail_at = 1; !finished; fail_at++) {
        pair self;
        dx_channel_topics topics = {&self, topic_at};
        pair_prepare(&self);
        self.alloc.fail_at = fail_at;
        int error = dx_channel_call(&self.caller.channel, &self.alloc.port, &self.random.port, &self.topic,
                                    NOW, &self.caller.out);
        dx_channel_listen(&self.answerer.channel, &self.alloc.port, &self.random.port, &topics, NOW);
        bool sent = false;
        while (error == DX_OK && (self.caller.out.size > 0 || self.answerer.out.size > 0)) {
            side *from = self.caller.out.size > 0 ? &self.caller : &self.answerer;
            side *to = from == &self.caller ? &self.answerer : &self.caller;
            dx_bytes bytes = dx_buf_view(&from->out);
            dx_channel_event event = {.kind = DX_CHANNEL_EVENT_READY};
            while (error == DX_OK && event.kind != DX_CHANNEL_EVENT_NONE) {
                error = dx_channel_receive(&to->channel, &bytes, NOW, &to->out, &event);
                finished |= event.kind == DX_CHANNEL_EVENT_MESSAGE && self.alloc.calls < fail_at;
            }
            dx_buf_clear(&from->out);
            if (error == DX_OK && !sent && self.answerer.channel.state == DX_CHANNEL_OPEN) {
                sent = true;
                error =
                    dx_channel_send(&self.caller.channel, dx_bytes_of(large, sizeof large), &self.caller.out);
            }
        }
        assert_true(error == DX_OK || error == DX_E_NO_MEMORY);
        assert_true(error != DX_OK || self.alloc.calls < fail_at);
        pair_deinit(&self);
        assert_in_range(fail_at, 0, 100);
    }
}

/* A caller's buffer that is full: the call says so and nothing was sent. */
static void test_full_buffer(void **state) {
    (void)state;
    pair self;
    pair_open(&self);
    dx_noise_cipher before = self.caller.channel.sending;
    self.caller.out.max = 100;
    assert_int_equal(dx_channel_send(&self.caller.channel, dx_bytes_text("x"), &self.caller.out), DX_E_LIMIT);
    dx_buf_clear(&self.caller.out);
    assert_int_equal(dx_channel_ping(&self.caller.channel, &self.caller.out), DX_E_LIMIT);
    dx_buf_clear(&self.caller.out);
    assert_true(self.caller.channel.sending.nonce == before.nonce);
    assert_int_equal(self.caller.channel.state, DX_CHANNEL_OPEN);
    pair_deinit(&self);
}

DX_TEST_MAIN(DX_TEST(test_who_stands_between_is_named), DX_TEST(test_who_saw_the_same_meets),
             DX_TEST(test_a_refusal_cannot_be_made_up), DX_TEST(test_handshake), DX_TEST(test_preface_bytes),
             DX_TEST(test_handshake_bytes), DX_TEST(test_every_chunking), DX_TEST(test_random_chunking),
             DX_TEST(test_stranger_gets_no_answer), DX_TEST(test_bad_prefaces),
             DX_TEST(test_long_frames_are_refused_by_their_length), DX_TEST(test_prologues_must_agree),
             DX_TEST(test_expected_static), DX_TEST(test_arguments_too_long),
             DX_TEST(test_handshake_deadline), DX_TEST(test_tampering_with_each_byte),
             DX_TEST(test_stream_order), DX_TEST(test_bad_manners), DX_TEST(test_content_with_zeros),
             DX_TEST(test_control_between_pieces), DX_TEST(test_message_without_end),
             DX_TEST(test_largest_message), DX_TEST(test_padding), DX_TEST(test_rekeys_by_itself),
             DX_TEST(test_keys_are_wiped), DX_TEST(test_calls_in_the_wrong_state), DX_TEST(test_state_names),
             DX_TEST(test_no_memory), DX_TEST(test_full_buffer))
