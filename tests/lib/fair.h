/* tests/lib/fair.h: where people meet: a real signaling service (kube/signaling_service.h) and stand-ins for the transports of
 * peer links, for tests that carry out effects and hand in events by themselves.
 *
 * Layer: tests of mesh, node and stories. A transport's description holds its number as its fingerprint; two are joined, without ICE or
 * DTLS, when each was told the other's description, also where somebody put other fingerprints in between: he who
 * stands between carries all bytes. What the service was sent is kept, to be looked through. */
#ifndef DX_TESTS_LIB_FAIR_H
#define DX_TESTS_LIB_FAIR_H

#include <dxos/codec.h>
#include <dxos/node.h>

#include "kube/signaling_service.h"
#include "mesh/peer_signal.h"
#include "test.h"

enum { FAIR_LINKS_MAX = 100, FAIR_FORGED = 0x80 /* a fingerprint that somebody put in another's place */ };

static const char fair_url[] = "ws://fair.localhost/.well-known/dx/signal";

typedef struct fair_link {
    void *who;
    uint64_t number; /* of who's node; 0: free */
    bool is_service, offers, is_up;
    uint64_t other; /* of a transport: the fingerprint it was told, 0: none yet */
} fair_link;

typedef struct fair {
    void (*give)(void *who, const dx_event *event);
    test_alloc alloc;
    test_random random;
    dx_signaling_service *service; /* NULL: it is not there */
    fair_link links[FAIR_LINKS_MAX];
    uint64_t now_ms;
    dx_buf heard; /* all frames that came to the service */
    const uint8_t
        *secret; /* somebody at the service knows the topic's and changes fingerprints; NULL: nobody */
    struct {
        uint64_t link;
        uint8_t topic[DX_SIGNALING_NAME_SIZE], own[DX_SIGNALING_NAME_SIZE];
    } joins[FAIR_LINKS_MAX]; /* what that one needs to know */
    size_t join_count;
} fair;

static inline void fair_give(const fair *self, size_t at, dx_event_kind kind, dx_bytes body) {
    const fair_link *link = &self->links[at];
    self->give(link->who, &(dx_event){.kind = kind,
                                      .link = link->number,
                                      .body = body,
                                      .reason = kind == DX_EVENT_LINK_DOWN ? DX_E_UNREACHABLE : DX_OK});
}

static inline void fair_send(void *ctx, uint64_t socket, dx_bytes frame) {
    fair_give(ctx, (size_t)socket % FAIR_LINKS_MAX, DX_EVENT_SIGNAL, frame);
}

static inline void fair_close(void *ctx, uint64_t socket, int reason) {
    fair *self = ctx;
    (void)reason;
    fair_give(self, (size_t)socket % FAIR_LINKS_MAX, DX_EVENT_LINK_DOWN, dx_bytes_of(NULL, 0));
    self->links[socket % FAIR_LINKS_MAX] = (fair_link){0};
}

static inline void fair_start(fair *self) {
    const dx_service_port port = {.ctx = self, .send = fair_send, .close = fair_close};
    assert_int_equal(dx_signaling_service_create(&self->alloc.port, &self->random.port, &port,
                                                 &dx_service_limits_usual, dx_bytes_of(NULL, 0),
                                                 &self->service),
                     DX_OK);
}

static inline void fair_stop(fair *self) {
    dx_signaling_service_destroy(self->service);
    self->service = NULL;
    for (size_t i = 0; i < FAIR_LINKS_MAX; i++) {
        if (self->links[i].number != 0 && self->links[i].is_service) {
            fair_give(self, i, DX_EVENT_LINK_DOWN, dx_bytes_of(NULL, 0));
            self->links[i] = (fair_link){0};
        }
    }
}

static inline void fair_init(fair *self, void (*give)(void *who, const dx_event *event)) {
    memset(self, 0, sizeof *self);
    self->give = give;
    self->now_ms = 1000;
    test_alloc_init(&self->alloc);
    test_random_init(&self->random, 77);
    dx_buf_init(&self->heard, &self->alloc.port, 64 << 20);
    fair_start(self);
}

static inline void fair_deinit(fair *self) {
    dx_signaling_service_destroy(self->service);
    dx_buf_deinit(&self->heard);
    assert_int_equal(self->alloc.live_bytes, 0);
}

/* What the service keeps watch of; returns when to call again. */
static inline uint64_t fair_tick(fair *self, uint64_t now_ms) {
    self->now_ms = now_ms;
    return self->service == NULL ? DX_NO_DEADLINE : dx_signaling_service_tick(self->service, now_ms);
}

/* --- Transports: the one at place i of the table shows fingerprint i + 1 ------------------------------------- */

static inline void fair_describe(bool offer, uint64_t fingerprint, dx_buf *out) {
    char sdp[200];
    int at = snprintf(sdp, sizeof sdp, "v=0\r\na=fingerprint:sha-256 ");
    for (int i = 0; i < 31; i++) {
        at += snprintf(sdp + at, sizeof sdp - (size_t)at, "00:");
    }
    snprintf(sdp + at, sizeof sdp - (size_t)at, "%02X\r\n", (unsigned)fingerprint);
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_map(&writer, 2);
    dx_write_text(&writer, "sdp");
    dx_write_text(&writer, sdp);
    dx_write_text(&writer, "type");
    dx_write_text(&writer, offer ? "offer" : "answer");
    assert_int_equal(dx_writer_finish(&writer), DX_OK);
}

static inline void fair_tell_own(fair *self, size_t at) {
    static const uint8_t candidate[] = {0xa1, 0x69, 'c', 'a', 'n', 'd', 'i', 'd', 'a', 't', 'e', 0x60};
    dx_buf body;
    dx_buf_init(&body, &self->alloc.port, DX_SIGNAL_SIZE_MAX);
    fair_describe(self->links[at].offers, at + 1, &body);
    fair_give(self, at, DX_EVENT_SIGNAL, dx_buf_view(&body));
    fair_give(self, at, DX_EVENT_SIGNAL, dx_bytes_of(candidate, sizeof candidate));
    dx_buf_deinit(&body);
}

static inline fair_link *fair_other(fair *self, size_t at) {
    uint64_t other = self->links[at].other & ~(uint64_t)FAIR_FORGED;
    return other == 0 || self->links[other - 1].number == 0 ? NULL : &self->links[other - 1];
}

/* A transport is told what the one there said. Of two that know of each other both are up. */
static inline void fair_tell(fair *self, size_t at, dx_bytes body) {
    dx_peer_signal what;
    assert_int_equal(dx_peer_signal_read(body, &what), DX_OK);
    if (what.kind == DX_PEER_SIGNAL_CANDIDATE) {
        assert_true(self->links[at].other != 0); /* never before the description it belongs to */
        return;
    }
    assert_int_equal(self->links[at].other, 0);
    self->links[at].other = what.fingerprint[31];
    if (!self->links[at].offers) {
        fair_tell_own(self, at);
    }
    fair_link *other = fair_other(self, at);
    if (self->links[at].offers && other != NULL) {
        self->links[at].is_up = other->is_up = true;
        fair_give(self, at, DX_EVENT_LINK_UP, dx_bytes_text("rtc:offer"));
        fair_give(self, (size_t)(other - self->links), DX_EVENT_LINK_UP, dx_bytes_text("rtc:answer"));
    }
}

/* --- The service's doorway ------------------------------------------------------------------------------------ */

static inline const uint8_t *fair_name_of(fair *self, uint64_t link, const uint8_t *topic) {
    for (size_t i = self->join_count; i-- > 0;) {
        if (self->joins[i].link == link && memcmp(self->joins[i].topic, topic, DX_SIGNALING_NAME_SIZE) == 0) {
            return self->joins[i].own;
        }
    }
    return NULL;
}

/* Who knows the topic's secret writes each description anew, with a fingerprint of his own. */
static inline void fair_forge(fair *self, uint64_t link, dx_signaling_message *message, dx_buf *body) {
    dx_signaling_route route;
    dx_signaling_signal signal;
    dx_peer_signal what;
    dx_buf text, described;
    const uint8_t *own = fair_name_of(self, link, message->topic);
    if (own == NULL) {
        return;
    }
    memcpy(route.tag, message->topic, sizeof route.tag);
    memcpy(route.from, own, sizeof route.from);
    memcpy(route.to, message->peer, sizeof route.to);
    dx_buf_init(&text, &self->alloc.port, DX_SIGNALING_BODY_MAX);
    dx_buf_init(&described, &self->alloc.port, DX_SIGNAL_SIZE_MAX);
    if (dx_signaling_open(self->secret, &route, message->body, &text, &signal) == DX_OK &&
        dx_peer_signal_read(signal.signal, &what) == DX_OK && what.kind != DX_PEER_SIGNAL_CANDIDATE) {
        fair_describe(what.kind == DX_PEER_SIGNAL_OFFER, what.fingerprint[31] | FAIR_FORGED, &described);
        signal.signal = dx_buf_view(&described);
        assert_int_equal(dx_signaling_seal(self->secret, &self->random.port, &route, &signal, body), DX_OK);
        message->body = dx_buf_view(body);
    }
    dx_buf_deinit(&text);
    dx_buf_deinit(&described);
}

static inline void fair_hear(fair *self, size_t at, dx_bytes frame) {
    dx_signaling_message message;
    dx_buf body, forged;
    assert_int_equal(dx_signaling_decode(frame, &message), DX_OK);
    dx_buf_append(&self->heard, frame.data, frame.size);
    dx_buf_init(&body, &self->alloc.port, DX_SIGNALING_BODY_MAX);
    dx_buf_init(&forged, &self->alloc.port, DX_SIGNALING_FRAME_MAX);
    if (message.kind == DX_SIGNALING_JOIN && self->join_count < FAIR_LINKS_MAX) {
        self->joins[self->join_count].link = at;
        memcpy(self->joins[self->join_count].topic, message.topic, sizeof message.topic);
        memcpy(self->joins[self->join_count++].own, message.peer, sizeof message.peer);
    }
    if (message.kind == DX_SIGNALING_SEND && self->secret != NULL) {
        fair_forge(self, at, &message, &body);
    }
    assert_int_equal(dx_signaling_encode(&message, &forged), DX_OK);
    dx_signaling_service_receive(self->service, at, dx_buf_view(&forged), self->now_ms);
    dx_buf_deinit(&body);
    dx_buf_deinit(&forged);
}

/* --- Effects ---------------------------------------------------------------------------------------------------- */

static inline size_t fair_find(const fair *self, const void *who, uint64_t number) {
    size_t at = 0;
    while (at < FAIR_LINKS_MAX && (self->links[at].who != who || self->links[at].number != number)) {
        at++;
    }
    return at;
}

static inline void fair_open(fair *self, void *who, uint64_t number, dx_bytes address) {
    size_t at = fair_find(self, NULL, 0);
    assert_true(at < FAIR_LINKS_MAX);
    fair_link *link = &self->links[at];
    *link = (fair_link){
        .who = who, .number = number, .offers = dx_bytes_equal(address, dx_bytes_text("rtc:offer"))};
    link->is_service = dx_bytes_equal(address, dx_bytes_text(fair_url));
    if (link->is_service && self->service == NULL) {
        fair_give(self, at, DX_EVENT_LINK_DOWN, dx_bytes_of(NULL, 0));
        *link = (fair_link){0};
    } else if (link->is_service) {
        fair_give(self, at, DX_EVENT_LINK_UP, address);
        assert_int_equal(dx_signaling_service_open(self->service, at, "127.0.0.1", self->now_ms), DX_OK);
    } else if (link->offers) {
        fair_tell_own(self, at);
    }
}

static inline void fair_end(fair *self, size_t at) {
    fair_link gone = self->links[at], *other = gone.is_service ? NULL : fair_other(self, at);
    self->links[at] = (fair_link){0};
    if (gone.is_service && self->service != NULL) {
        dx_signaling_service_close(self->service, at, self->now_ms);
    } else if (gone.is_up && other != NULL) {
        fair_give(self, (size_t)(other - self->links), DX_EVENT_LINK_DOWN, dx_bytes_of(NULL, 0));
        *other = (fair_link){0};
    }
}

/* False: the effect is of no link of ours. */
static inline bool fair_effect(fair *self, void *who, const dx_effect *effect) {
    dx_bytes address = effect->body;
    if (effect->kind == DX_EFFECT_LINK_OPEN) {
        bool ours =
            address.size > 4 && (memcmp(address.data, "rtc:", 4) == 0 || memcmp(address.data, "ws:", 3) == 0);
        if (ours) {
            fair_open(self, who, effect->link, address);
        }
        return ours;
    }
    size_t at = effect->link == 0 ? FAIR_LINKS_MAX : fair_find(self, who, effect->link);
    if (at == FAIR_LINKS_MAX) {
        return effect->kind == DX_EFFECT_SIGNAL_SEND; /* it closed meanwhile */
    }
    fair_link *link = &self->links[at], *other = link->is_service ? NULL : fair_other(self, at);
    if (effect->kind == DX_EFFECT_LINK_CLOSE) {
        fair_end(self, at);
    } else if (effect->kind == DX_EFFECT_SIGNAL_SEND && link->is_service) {
        fair_hear(self, at, effect->body);
    } else if (effect->kind == DX_EFFECT_SIGNAL_SEND) {
        fair_tell(self, at, effect->body);
    } else if (other != NULL && link->is_up) {
        fair_give(self, (size_t)(other - self->links), DX_EVENT_LINK_DATA, effect->body);
        self->give(who, &(dx_event){
                            .kind = DX_EVENT_LINK_WRITABLE, .link = effect->link, .size = effect->body.size});
    }
    return true;
}

/* All peer links break, as when a network goes. */
static inline void fair_break(fair *self) {
    for (size_t at = 0; at < FAIR_LINKS_MAX; at++) {
        if (self->links[at].number != 0 && !self->links[at].is_service) {
            fair_give(self, at, DX_EVENT_LINK_DOWN, dx_bytes_of(NULL, 0));
            self->links[at] = (fair_link){0};
        }
    }
}

#endif
