/* sim/hostile_signaling.c: a signaling service in the world; the peer links that come about by it are peer_link.c's.
 *
 * Layer: simulator; looks inside the core: the service is the real one (kube/signaling_service.h), on connections that are late, and
 * it may lie: lose, repeat and misdirect what it passes on, name peers that are not there, talk nonsense, and stop for a
 * while. One that lies has been told the topics' secrets, too, by somebody who has them: it opens what peers seal, names other
 * certificates (its own, or nobody's) and sends peers to addresses that belong to others. What peers send it is looked
 * through: nothing in it may say who they are or what they share. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kube/signaling_service.h"
#include "node/state.h"
#include "peer_link.h"
#include "world.h"

enum {
    MISHAP_MS = 30000,
    SPOKEN_MAX = 8,
    LIE_ONE_IN = 12,
    BETRAYED_ONE_IN = 4,
    STRANGER_ONE_IN = 4,
    DOWN_MAX_MS = 90000,
    LOOKED_FOR = 12,
    NAMES_MAX = 8,    /* under which a peer joined lately */
    VICTIMS = 24,     /* addresses that a signal is answered with */
    VICTIM_FIRST = 40 /* sequence numbers of those, which an honest peer hardly comes to */
};

static const char service_url[] = "ws://sim/.well-known/dx/signal";

/* A connection to the service. */
typedef struct sim_caller {
    struct sim_caller *next;
    sim_peer *peer;
    uint64_t number; /* of the peer's link */
    uint64_t id;     /* of the socket */
    bool welcomed, gone;
    uint64_t arrives_ms[2];
    size_t name_count; /* ever */
    struct {
        uint8_t topic[DX_SIGNALING_NAME_SIZE], own[DX_SIGNALING_NAME_SIZE];
    } names[NAMES_MAX];
} sim_caller;

typedef struct sim_frame {
    sim_world *world;
    uint64_t caller;
    bool to_service;
    size_t size;
    uint8_t bytes[DX_SIGNALING_FRAME_MAX];
} sim_frame;

struct sim_signaling {
    dx_signaling_service *service; /* NULL: it is down */
    sim_caller *callers;
    uint64_t next_id, random_state;
    dx_random random;
    sim_frame *spoken[SPOKEN_MAX]; /* passed on lately, to be said again */
    size_t spoken_count;
    bool lies;
};

static void fill_random(void *ctx, uint8_t *out, size_t size) {
    sim_world *world = ctx;
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)sim_random(&world->signaling->random_state);
    }
}

static sim_caller *find_id(const sim_world *world, uint64_t id) {
    sim_caller *caller = world->signaling->callers;
    while (caller != NULL && (caller->gone || caller->id != id)) {
        caller = caller->next;
    }
    return caller;
}

static sim_caller *find_link(const sim_peer *peer, uint64_t number) {
    sim_caller *caller = peer->world->signaling->callers;
    while (caller != NULL && (caller->gone || caller->peer != peer || caller->number != number)) {
        caller = caller->next;
    }
    return caller;
}

static void tell(sim_caller *caller, dx_event_kind kind, dx_bytes body) {
    sim_peer_event(caller->peer, &(dx_event){.kind = kind,
                                             .link = caller->number,
                                             .reason = kind == DX_EVENT_LINK_DOWN ? DX_E_UNREACHABLE : DX_OK,
                                             .body = body});
}

static void forget(sim_world *world, sim_caller *caller) {
    caller->gone = true; /* freed with the world: few come in one */
    if (world->signaling->service != NULL) {
        dx_signaling_service_close(world->signaling->service, caller->id, world->now_ms);
    }
}

/* --- Frames, late but in order --------------------------------------------------------------------------------- */

static void on_frame(sim_world *world, void *ctx, uint64_t number);

static void post(sim_world *world, sim_caller *caller, bool to_service, dx_bytes bytes) {
    sim_frame *frame = malloc(sizeof *frame);
    DX_ASSERT(frame != NULL && bytes.size <= sizeof frame->bytes);
    frame->world = world;
    frame->caller = caller->id;
    frame->to_service = to_service;
    frame->size = bytes.size;
    memcpy(frame->bytes, bytes.data, bytes.size);
    uint64_t *arrives_ms = &caller->arrives_ms[to_service];
    uint64_t at_ms = world->now_ms + 1 + sim_below(world, world->healing ? 20 : world->plan.delay_max_ms);
    *arrives_ms = at_ms > *arrives_ms ? at_ms : *arrives_ms;
    sim_at_owning(world, *arrives_ms, on_frame, frame, 0);
}

static bool holds(dx_bytes bytes, const uint8_t *what) {
    for (size_t at = 0; at + LOOKED_FOR <= bytes.size; at++) {
        if (memcmp(bytes.data + at, what, LOOKED_FOR) == 0) {
            return true;
        }
    }
    return false;
}

/* What a peer says to the service: nothing of it is anybody's. */
static void look_through(sim_world *world, const sim_peer *from, dx_bytes bytes) {
    const dx_identity *identity = &from->node->identity;
    bool known =
        holds(bytes, identity->identity) || holds(bytes, identity->device) || holds(bytes, identity->noise);
    for (size_t i = 0; i < from->node->space_count; i++) {
        known = known || holds(bytes, from->node->spaces[i]->id) ||
                holds(bytes, from->node->spaces[i]->discovery);
    }
    if (known || !sim_is_sealed(bytes)) {
        sim_violate(world, "peer %zu tells a signaling service who it is or what it shares", from->index);
    }
}

static void note_name(sim_caller *caller, dx_bytes bytes) {
    dx_signaling_message message;
    if (dx_signaling_decode(bytes, &message) == DX_OK && message.kind == DX_SIGNALING_JOIN) {
        size_t at = caller->name_count++ % NAMES_MAX;
        memcpy(caller->names[at].topic, message.topic, sizeof message.topic);
        memcpy(caller->names[at].own, message.peer, sizeof message.peer);
    }
}

static void on_frame(sim_world *world, void *ctx, uint64_t number) {
    sim_frame *frame = ctx;
    sim_caller *caller = find_id(world, frame->caller);
    (void)number;
    if (caller == NULL) {
        return;
    }
    if (sim_peer_frozen(caller->peer) && !frame->to_service) {
        uint64_t at_ms = caller->peer->frozen_until_ms;
        caller->arrives_ms[0] = at_ms > caller->arrives_ms[0] ? at_ms : caller->arrives_ms[0];
        sim_frame *later = malloc(sizeof *later);
        DX_ASSERT(later != NULL);
        *later = *frame;
        sim_at_owning(world, at_ms, on_frame, later, 0);
        return;
    }
    dx_bytes bytes = dx_bytes_of(frame->bytes, frame->size);
    if (!frame->to_service) {
        tell(caller, DX_EVENT_SIGNAL, bytes);
    } else if (world->signaling->service != NULL) {
        world->counts[SIM_SIGNALS]++;
        if (world->signaling->lies) {
            note_name(caller, bytes);
        }
        dx_signaling_service_receive(world->signaling->service, caller->id, bytes, world->now_ms);
    }
}

/* --- The service ------------------------------------------------------------------------------------------------ */

static sim_caller *any_caller(sim_world *world) {
    sim_caller *found = NULL;
    uint64_t seen = 0;
    for (sim_caller *caller = world->signaling->callers; caller != NULL; caller = caller->next) {
        if (caller->welcomed && !caller->gone && sim_below(world, ++seen) == 0) {
            found = caller;
        }
    }
    return found;
}

static void say_nonsense(sim_world *world, sim_caller *to) {
    uint8_t bytes[64];
    size_t size = 1 + (size_t)sim_below(world, sizeof bytes);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)sim_below(world, 256);
    }
    post(world, to, false, dx_bytes_of(bytes, size));
}

/* A peer nobody is, in a place where somebody is. */
static void invent(sim_world *world, sim_caller *to, dx_bytes bytes) {
    dx_signaling_message message;
    dx_buf out;
    if (dx_signaling_decode(bytes, &message) != DX_OK || message.kind < DX_SIGNALING_PRESENT) {
        return;
    }
    message.kind = sim_below(world, 2) == 0 ? DX_SIGNALING_PRESENT : DX_SIGNALING_LEFT;
    message.peer[0] ^= (uint8_t)sim_below(world, 3);
    dx_buf_init(&out, &sim_heap, DX_SIGNALING_FRAME_MAX);
    if (dx_signaling_encode(&message, &out) == DX_OK) {
        post(world, to, false, dx_buf_view(&out));
    }
    dx_buf_deinit(&out);
}

/* --- With the topics' secrets ------------------------------------------------------------------------------------- */

/* What one peer says to another, opened. */
typedef struct sim_opened {
    dx_signaling_message message;
    dx_signaling_route route;
    const uint8_t *secret;
    dx_buf text;
    dx_signaling_signal signal;
} sim_opened;

static bool open_with(sim_opened *opened, const sim_caller *to, const uint8_t *own) {
    const dx_node *node = to->peer->node;
    memcpy(opened->route.tag, opened->message.topic, sizeof opened->route.tag);
    memcpy(opened->route.from, opened->message.peer, sizeof opened->route.from);
    memcpy(opened->route.to, own, sizeof opened->route.to);
    for (size_t i = 0; node != NULL && i < node->space_count; i++) {
        opened->secret = node->spaces[i]->discovery;
        if (dx_signaling_open(opened->secret, &opened->route, opened->message.body, &opened->text,
                              &opened->signal) == DX_OK) {
            return true;
        }
    }
    return false;
}

static bool open_message(sim_opened *opened, const sim_caller *to, dx_bytes bytes) {
    if (dx_signaling_decode(bytes, &opened->message) != DX_OK ||
        opened->message.kind != DX_SIGNALING_MESSAGE) {
        return false;
    }
    for (size_t i = 0; i < to->name_count && i < NAMES_MAX; i++) {
        if (memcmp(to->names[i].topic, opened->message.topic, DX_SIGNALING_NAME_SIZE) == 0 &&
            open_with(opened, to, to->names[i].own)) {
            return true;
        }
    }
    return false;
}

static void say_sealed(sim_world *world, sim_caller *to, sim_opened *opened,
                       const dx_signaling_signal *signal) {
    dx_buf body, frame;
    dx_buf_init(&body, &sim_heap, DX_SIGNALING_FRAME_MAX);
    dx_buf_init(&frame, &sim_heap, DX_SIGNALING_FRAME_MAX);
    if (dx_signaling_seal(opened->secret, &world->signaling->random, &opened->route, signal, &body) ==
        DX_OK) {
        dx_signaling_message message = opened->message;
        message.body = dx_buf_view(&body);
        if (dx_signaling_encode(&message, &frame) == DX_OK) {
            post(world, to, false, dx_buf_view(&frame));
        }
    }
    dx_buf_deinit(&body);
    dx_buf_deinit(&frame);
}

/* The certificate of somebody in the middle, or of nobody on the path, in the place of the true one: the first digit of its
 * number (peer_link.h). False: the signal is no description. */
static bool name_another(sim_world *world, const dx_signaling_signal *signal) {
    static const char before[] = "a=fingerprint:sha-256 ";
    enum { AT = sizeof before - 1 + 3 * (DX_HASH_SIZE - 8) };
    for (size_t at = 0; at + AT < signal->signal.size; at++) {
        if (memcmp(signal->signal.data + at, before, sizeof before - 1) == 0) {
            uint8_t *digit = (uint8_t *)(uintptr_t)signal->signal.data + at + AT; /* of our own copy */
            *digit = sim_below(world, 2) == 0 ? '8' : '4';
            return true;
        }
    }
    return false;
}

/* Candidates that are somebody else's machines, who shall be flooded. */
static void name_victims(sim_world *world, sim_caller *to, sim_opened *opened) {
    for (unsigned i = 0; i < VICTIMS; i++) {
        char line[96];
        dx_buf item;
        dx_writer writer;
        dx_signaling_signal signal = opened->signal;
        snprintf(line, sizeof line, "candidate:9 1 udp 2130706431 198.51.100.%u %u typ host", 100 + i % 8,
                 1000 + i);
        dx_buf_init(&item, &sim_heap, sizeof line * 2);
        dx_writer_init(&writer, &item);
        dx_write_map(&writer, 1);
        dx_write_text(&writer, "candidate");
        dx_write_text(&writer, line);
        int error = dx_writer_finish(&writer);
        DX_ASSERT(error == DX_OK);
        signal.sequence = VICTIM_FIRST + i;
        signal.signal = dx_buf_view(&item);
        say_sealed(world, to, opened, &signal);
        dx_buf_deinit(&item);
    }
}

/* Whatever peers say to each other passes here. False: it is said otherwise. */
static bool betray(sim_world *world, sim_caller *to, dx_bytes bytes) {
    sim_opened opened = {0};
    bool as_it_was = true;
    dx_buf_init(&opened.text, &sim_heap, DX_SIGNALING_FRAME_MAX);
    if (sim_below(world, BETRAYED_ONE_IN) == 0 && open_message(&opened, to, bytes)) {
        world->counts[SIM_SIGNAL_LIES]++;
        if (name_another(world, &opened.signal)) {
            say_sealed(world, to, &opened, &opened.signal);
            as_it_was = false;
        } else {
            name_victims(world, to, &opened);
        }
    }
    dx_buf_deinit(&opened.text);
    return as_it_was;
}

/* --- Lies ---------------------------------------------------------------------------------------------------------- */

/* Instead of, or beside, what it should say. False: that is not said. */
static bool lie(sim_world *world, sim_caller *to, dx_bytes bytes) {
    struct sim_signaling *signaling = world->signaling;
    sim_caller *other = any_caller(world);
    world->counts[SIM_SIGNAL_LIES]++;
    switch (sim_below(world, 6)) {
    case 0:
        return false;
    case 1:
        if (signaling->spoken_count > 0) {
            const sim_frame *again = signaling->spoken[sim_below(world, signaling->spoken_count)];
            sim_caller *first = find_id(world, again->caller);
            if (first != NULL) {
                post(world, first, false, dx_bytes_of(again->bytes, again->size));
            }
        }
        return true;
    case 2:
        if (other != NULL) {
            post(world, other, false, bytes);
        }
        return sim_below(world, 2) == 0;
    case 3:
        invent(world, to, bytes);
        return true;
    case 4:
        post(world, to, false, bytes);
        return true;
    default:
        if (sim_below(world, 8) == 0) {
            say_nonsense(world, to);
        }
        return true;
    }
}

static void remember(sim_world *world, const sim_caller *to, dx_bytes bytes) {
    struct sim_signaling *signaling = world->signaling;
    size_t at = signaling->spoken_count < SPOKEN_MAX ? signaling->spoken_count++
                                                     : (size_t)sim_below(world, SPOKEN_MAX);
    sim_frame *frame = signaling->spoken[at] == NULL ? malloc(sizeof *frame) : signaling->spoken[at];
    DX_ASSERT(frame != NULL);
    frame->caller = to->id;
    frame->size = bytes.size;
    memcpy(frame->bytes, bytes.data, bytes.size);
    signaling->spoken[at] = frame;
}

static void on_send(void *ctx, uint64_t socket, dx_bytes bytes) {
    sim_world *world = ctx;
    sim_caller *to = find_id(world, socket);
    if (to == NULL) {
        return;
    }
    bool spoken = true;
    if (world->signaling->lies && to->welcomed && !world->healing) {
        spoken = betray(world, to, bytes) && (sim_below(world, LIE_ONE_IN) != 0 || lie(world, to, bytes));
        remember(world, to, bytes);
    }
    dx_signaling_message message;
    to->welcomed = to->welcomed ||
                   (dx_signaling_decode(bytes, &message) == DX_OK && message.kind == DX_SIGNALING_WELCOME);
    if (spoken) {
        post(world, to, false, bytes);
    }
}

static void on_close(void *ctx, uint64_t socket, int reason) {
    sim_world *world = ctx;
    sim_caller *gone = find_id(world, socket);
    if (gone == NULL) {
        return;
    }
    if (reason != DX_E_TIMEOUT) {
        sim_violate(world, "a signaling service ends its connection to peer %zu, an honest one: %s",
                    gone->peer->index, dx_error_name(reason));
    }
    gone->gone = true;
    tell(gone, DX_EVENT_LINK_DOWN, dx_bytes_of(NULL, 0));
}

static void start_service(sim_world *world) {
    const dx_service_port port = {.ctx = world, .send = on_send, .close = on_close};
    static const char *const servers[] = {"stun:" SIM_STUN_IPV4, "stun:" SIM_STUN_IPV6};
    dx_buf ice;
    dx_writer writer;
    dx_buf_init(&ice, &sim_heap, DX_SIGNALING_FRAME_MAX);
    dx_writer_init(&writer, &ice);
    dx_write_array(&writer, sizeof servers / sizeof servers[0]);
    for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++) {
        dx_write_array(&writer, 3);
        dx_write_text(&writer, servers[i]);
        dx_write_text(&writer, "");
        dx_write_text(&writer, "");
    }
    int error = dx_writer_finish(&writer);
    if (error == DX_OK) {
        error =
            dx_signaling_service_create(&sim_heap, &world->signaling->random, &port, &dx_service_limits_usual,
                                        dx_buf_view(&ice), &world->signaling->service);
    }
    dx_buf_deinit(&ice);
    DX_ASSERT(error == DX_OK);
}

static void stop_service(sim_world *world) {
    dx_signaling_service_destroy(world->signaling->service);
    world->signaling->service = NULL;
    world->counts[SIM_SIGNAL_STOPS]++;
    for (sim_caller *caller = world->signaling->callers; caller != NULL; caller = caller->next) {
        if (!caller->gone) {
            caller->gone = true;
            tell(caller, DX_EVENT_LINK_DOWN, dx_bytes_of(NULL, 0));
        }
    }
}

static void on_restart(sim_world *world, void *ctx, uint64_t number) {
    (void)ctx;
    (void)number;
    if (world->signaling->service == NULL) {
        start_service(world);
    }
}

static void on_minute(sim_world *world, void *ctx, uint64_t number) {
    (void)ctx;
    (void)number;
    if (sim_below(world, STRANGER_ONE_IN) == 0) {
        sim_peer_link_stranger(world);
    }
    if (world->signaling->service != NULL) {
        (void)dx_signaling_service_tick(world->signaling->service, world->now_ms);
        if (!world->healing && sim_below(world, 8) == 0) {
            stop_service(world);
            sim_at(world, world->now_ms + sim_below(world, DOWN_MAX_MS), on_restart, NULL, 0);
        }
    }
    sim_at(world, world->now_ms + MISHAP_MS, on_minute, NULL, 0);
}

/* --- Its connections ----------------------------------------------------------------------------------------------------- */

static void on_dialled(sim_world *world, void *ctx, uint64_t id) {
    sim_caller *caller = find_id(world, id);
    (void)ctx;
    if (caller == NULL) {
        return;
    }
    if (world->signaling->service == NULL) {
        caller->gone = true;
        tell(caller, DX_EVENT_LINK_DOWN, dx_bytes_of(NULL, 0));
        return;
    }
    tell(caller, DX_EVENT_LINK_UP, dx_bytes_text(service_url));
    if (find_id(world, id) != NULL) {
        int error = dx_signaling_service_open(world->signaling->service, id, "192.0.2.1", world->now_ms);
        DX_ASSERT(error == DX_OK);
    }
}

static void dial(sim_peer *peer, uint64_t number) {
    sim_world *world = peer->world;
    sim_caller *caller = calloc(1, sizeof *caller);
    DX_ASSERT(caller != NULL);
    caller->peer = peer;
    caller->number = number;
    caller->id = ++world->signaling->next_id;
    caller->next = world->signaling->callers;
    world->signaling->callers = caller;
    sim_at(world, world->now_ms + 1 + sim_below(world, world->plan.delay_max_ms), on_dialled, NULL,
           caller->id);
}

static bool open_link(sim_peer *peer, const dx_effect *effect) {
    bool offers = dx_bytes_equal(effect->body, dx_bytes_text("rtc:offer"));
    if (offers || dx_bytes_equal(effect->body, dx_bytes_text("rtc:answer"))) {
        sim_peer_link_open(peer, effect->link, offers);
        return true;
    }
    if (dx_bytes_equal(effect->body, dx_bytes_text(service_url))) {
        dial(peer, effect->link);
        return true;
    }
    return false;
}

bool sim_signaling_effect(sim_peer *peer, const dx_effect *effect) {
    sim_world *world = peer->world;
    if (world->signaling == NULL || effect->kind == DX_EFFECT_LINK_SEND) {
        return false;
    }
    if (effect->kind == DX_EFFECT_LINK_OPEN) {
        return open_link(peer, effect);
    }
    sim_caller *caller = find_link(peer, effect->link);
    if (effect->kind == DX_EFFECT_LINK_CLOSE) {
        if (caller != NULL) {
            forget(world, caller);
        }
        return caller != NULL || sim_peer_link_close(peer, effect->link);
    }
    if (effect->kind == DX_EFFECT_SIGNAL_SEND && caller != NULL) {
        look_through(world, peer, effect->body);
        post(world, caller, true, effect->body);
    } else if (effect->kind == DX_EFFECT_SIGNAL_SEND) {
        (void)sim_peer_link_signal(peer, effect->link, effect->body); /* or it is of a link that is over */
    }
    return effect->kind == DX_EFFECT_SIGNAL_SEND;
}

bool sim_signaling_stands(const sim_world *world) {
    return world->signaling != NULL && world->signaling->service != NULL;
}

void sim_signaling_peer_gone(sim_peer *peer) {
    sim_peer_link_peer_gone(peer);
    for (sim_caller *caller = peer->world->signaling == NULL ? NULL : peer->world->signaling->callers;
         caller != NULL; caller = caller->next) {
        if (caller->peer == peer && !caller->gone) {
            forget(peer->world, caller);
        }
    }
}

/* --- Life ----------------------------------------------------------------------------------------------------------- */

void sim_signaling_begin(sim_world *world) {
    char json[96];
    if (world->plan.signaling == SIM_NO_SIGNALING || world->violation[0] != 0) {
        return;
    }
    world->signaling = calloc(1, sizeof *world->signaling);
    DX_ASSERT(world->signaling != NULL);
    world->signaling->random_state = world->plan.seed ^ 0x51641;
    world->signaling->random = (dx_random){.ctx = world, .fill = fill_random};
    world->signaling->lies = world->plan.signaling == SIM_LYING_SIGNALING;
    sim_udp_begin(world);
    start_service(world);
    sim_at(world, world->now_ms + MISHAP_MS, on_minute, NULL, 0);
    snprintf(json, sizeof json, "{\"do\": \"signal.add\", \"url\": \"%s\"}", service_url);
    for (size_t i = 0; i < world->peer_count; i++) {
        sim_reply reply;
        sim_reply_init(&reply);
        (void)sim_ask_wait(&world->peers[i], json, &reply);
        sim_reply_deinit(&reply);
    }
}

void sim_signaling_deinit(sim_world *world) {
    if (world->signaling == NULL) {
        return;
    }
    dx_signaling_service_destroy(world->signaling->service);
    while (world->signaling->callers != NULL) {
        sim_caller *caller = world->signaling->callers;
        world->signaling->callers = caller->next;
        free(caller);
    }
    for (size_t i = 0; i < SPOKEN_MAX; i++) {
        free(world->signaling->spoken[i]);
    }
    free(world->signaling);
    world->signaling = NULL;
}
