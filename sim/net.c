/* sim/net.c: links between peers: ordered streams that are late, cut anywhere, break, stall while the net is
 * split or a peer frozen, and lie when told to.
 *
 * Layer: simulator. A link has two ends; what an end sends is cut into pieces of any size, each with its own
 * delay, never overtaking. Memory of a link goes when both ends are closed and nothing of it is in the heap
 * (`pending`). Watches what is said: nothing that people wrote may stand in it, and a stranger who knows no
 * secret is told nothing at all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

typedef struct sim_piece {
    struct sim_piece *next;
    size_t size;
    uint8_t bytes[];
} sim_piece;

typedef struct sim_end {
    sim_peer *peer; /* NULL: a stranger */
    uint64_t number;
    bool open, up, closing;   /* closing: LINK_DOWN follows when what was sent to it has arrived */
    sim_piece *first, **last; /* on the way to this end */
    uint64_t arrives_ms;      /* of the newest piece */
    size_t written;           /* bytes that left since the end was last told so */
    bool telling;
    size_t held; /* arrivals that wait until the net is whole again */
    bool looking;
} sim_end;

struct sim_link {
    sim_link *next;
    sim_world *world;
    sim_end ends[2];
    size_t pending; /* heap events that name it */
    bool dead;
    bool is_peer, middle; /* a peer link; one whose ends were told other certificates */
};

enum { STRANGE_MAX = 4096, LOOK_MS = 1000, WRITTEN_SOON = 4096, WRITTEN_MS = 400 };

/* What is on its way to an end can arrive. */
static bool reachable(const sim_link *link, size_t end) {
    const sim_peer *a = link->ends[0].peer, *b = link->ends[1].peer;
    const sim_end *from = &link->ends[1 - end];
    if (a != NULL && b != NULL && !link->world->healing &&
        link->world->side[a->index] != link->world->side[b->index]) {
        return false;
    }
    return !link->is_peer || !link->ends[end].open || !from->open ||
           sim_peer_link_carries(from->peer, from->number);
}

static void at_end(sim_link *link, uint64_t time_ms, void (*act)(sim_world *, void *, uint64_t), size_t end) {
    link->pending++;
    sim_at(link->world, time_ms, act, link, end);
}

static void sweep(sim_world *world) {
    for (sim_link **at = &world->links; *at != NULL;) {
        sim_link *link = *at;
        if (link->pending > 0 || link->ends[0].open || link->ends[1].open) {
            at = &link->next;
            continue;
        }
        *at = link->next;
        for (size_t i = 0; i < 2; i++) {
            while (link->ends[i].first != NULL) {
                sim_piece *piece = link->ends[i].first;
                link->ends[i].first = piece->next;
                free(piece);
            }
        }
        free(link);
    }
}

/* --- Delivery ------------------------------------------------------------------------------------------ */

static void tell_down(sim_link *link, size_t end, int reason, const char *why) {
    sim_end *side = &link->ends[end];
    if (!side->open) {
        return;
    }
    side->open = false;
    if (link->is_peer) {
        sim_peer_link_over(side->peer, side->number);
    }
    if (side->peer != NULL) {
        sim_peer_event(side->peer, &(dx_event){.kind = DX_EVENT_LINK_DOWN,
                                               .link = side->number,
                                               .reason = reason,
                                               .body = dx_bytes_text(why)});
    }
}

static void break_link(sim_link *link) {
    link->dead = true;
    tell_down(link, 0, DX_E_UNREACHABLE, "the link broke");
    tell_down(link, 1, DX_E_UNREACHABLE, "the link broke");
}

static void on_arrival(sim_world *world, void *ctx, uint64_t number);

/* What left the host's buffers is told now and then, as hosts do: much of it soon, a little together with
 * more. */
static void on_written(sim_world *world, void *ctx, uint64_t number) {
    sim_link *link = ctx;
    sim_end *end = &link->ends[number];
    (void)world;
    link->pending--;
    end->telling = false;
    if (end->open && end->peer != NULL) {
        dx_event event = {.kind = DX_EVENT_LINK_WRITABLE, .link = end->number, .size = end->written};
        end->written = 0;
        sim_peer_event(end->peer, &event);
    }
    sweep(world);
}

static void note_written(sim_link *link, size_t end, size_t size) {
    sim_end *from = &link->ends[end];
    from->written += size;
    if (!from->telling && from->open && from->peer != NULL) {
        from->telling = true;
        uint64_t wait_ms = from->written < WRITTEN_SOON ? WRITTEN_MS : 0;
        at_end(link, link->world->now_ms + sim_below(link->world, 20) + wait_ms, on_written, end);
    }
}

static void deliver(sim_link *link, size_t end) {
    sim_world *world = link->world;
    sim_end *side = &link->ends[end];
    sim_piece *piece = side->first;
    side->first = piece->next;
    if (side->first == NULL) {
        side->last = &side->first;
    }
    if (sim_strikes(world, SIM_CORRUPT)) {
        uint64_t bit = sim_below(world, 8);
        piece->bytes[sim_below(world, piece->size)] ^= (uint8_t)(1u << bit);
    }
    size_t size = piece->size;
    bool breaks = sim_strikes(world, SIM_BREAK);
    if (breaks) {
        size = sim_below(world, size + 1);
    }
    if (side->open && side->peer != NULL && size > 0) {
        world->counts[SIM_DELIVERIES]++; /* what comes to a closed end reaches nobody */
        sim_peer_event(side->peer, &(dx_event){.kind = DX_EVENT_LINK_DATA,
                                               .link = side->number,
                                               .body = dx_bytes_of(piece->bytes, size)});
    }
    note_written(link, 1 - end, piece->size);
    free(piece);
    if (breaks) {
        break_link(link);
    }
}

/* While the net is split, what was on its way waits, or times out above; one look a second for all of it. */
static void on_look(sim_world *world, void *ctx, uint64_t number) {
    sim_link *link = ctx;
    sim_end *side = &link->ends[number];
    link->pending--;
    if (!link->dead && !reachable(link, number)) {
        at_end(link, world->now_ms + LOOK_MS, on_look, number);
        return;
    }
    side->looking = false;
    for (; side->held > 0; side->held--) {
        at_end(link, world->now_ms, on_arrival, number);
    }
    sweep(world);
}

static void hold(sim_link *link, size_t end) {
    sim_end *side = &link->ends[end];
    side->held++;
    if (!side->looking) {
        side->looking = true;
        at_end(link, link->world->now_ms + LOOK_MS, on_look, end);
    }
}

static void on_arrival(sim_world *world, void *ctx, uint64_t number) {
    sim_link *link = ctx;
    sim_end *side = &link->ends[number];
    link->pending--;
    if (!link->dead && !reachable(link, number)) {
        hold(link, number);
        return;
    }
    if (side->peer != NULL && sim_peer_frozen(side->peer)) {
        at_end(link, side->peer->frozen_until_ms, on_arrival, number);
        return;
    }
    if (!link->dead && side->first != NULL) {
        deliver(link, number);
    }
    if (side->closing && side->first == NULL) {
        tell_down(link, number, DX_E_UNREACHABLE, "the other side closed the link");
    }
    sweep(world);
}

static void send_piece(sim_link *link, size_t to, const uint8_t *bytes, size_t size) {
    sim_world *world = link->world;
    sim_end *side = &link->ends[to];
    sim_piece *piece = malloc(sizeof *piece + size);
    DX_ASSERT(piece != NULL);
    piece->next = NULL;
    piece->size = size;
    memcpy(piece->bytes, bytes, size);
    *side->last = piece;
    side->last = &piece->next;
    uint64_t arrives_ms =
        world->now_ms + 1 + sim_below(world, world->healing ? 20 : world->plan.delay_max_ms);
    side->arrives_ms = arrives_ms > side->arrives_ms ? arrives_ms : side->arrives_ms;
    at_end(link, side->arrives_ms, on_arrival, to);
}

/* Cut anywhere, but not into crumbs: one piece in eight is cut at all. */
static void send_bytes(sim_link *link, size_t to, dx_bytes bytes) {
    while (bytes.size > 0) {
        bool cut = sim_below(link->world, 8) == 0;
        size_t size = cut ? 1 + (size_t)sim_below(link->world, bytes.size) : bytes.size;
        send_piece(link, to, bytes.data, size);
        bytes = dx_bytes_of(bytes.data + size, bytes.size - size);
    }
}

/* --- Opening
 * ------------------------------------------------------------------------------------------------ */

static void tell_up(sim_link *link, size_t end, const char *address) {
    link->ends[end].up = true;
    if (link->ends[end].open && link->ends[end].peer != NULL) {
        sim_peer_event(link->ends[end].peer, &(dx_event){.kind = DX_EVENT_LINK_UP,
                                                         .link = link->ends[end].number,
                                                         .body = dx_bytes_text(address)});
    }
}

static void on_dialled(sim_world *world, void *ctx, uint64_t number) {
    sim_link *link = ctx;
    sim_peer *target = link->ends[1].peer;
    (void)number;
    link->pending--;
    if (!link->ends[0].open || link->ends[0].up) { /* up: a thaw was sooner */
        sweep(world);
        return;
    }
    bool dialled = link->ends[0].peer != NULL && world->signaling != NULL && world->plan.undiallable;
    if (target == NULL || target->node == NULL || dialled || !reachable(link, 1)) {
        link->dead = true;
        tell_down(link, 0, DX_E_UNREACHABLE, "nobody answers there");
        sweep(world);
        return;
    }
    if (sim_peer_frozen(target)) {
        at_end(link, target->frozen_until_ms, on_dialled, 0);
        return;
    }
    world->counts[SIM_LINKS]++;
    link->ends[1].number = target->next_incoming;
    link->ends[1].open = true;
    target->next_incoming += 2;
    tell_up(link, 1, link->ends[0].peer != NULL ? "sim:caller" : "sim:stranger");
    tell_up(link, 0, target->address);
    sweep(world);
}

static sim_link *make_link(sim_world *world, sim_peer *caller, uint64_t number, sim_peer *target) {
    sim_link *link = calloc(1, sizeof *link);
    DX_ASSERT(link != NULL);
    link->world = world;
    link->ends[0] = (sim_end){.peer = caller, .number = number, .open = true, .last = &link->ends[0].first};
    link->ends[1] = (sim_end){.peer = target, .last = &link->ends[1].first};
    link->next = world->links;
    world->links = link;
    at_end(link, world->now_ms + 1 + sim_below(world, world->plan.delay_max_ms), on_dialled, 0);
    return link;
}

void sim_net_join(sim_peer *caller, uint64_t number, sim_peer *target, uint64_t target_number, bool middle) {
    sim_world *world = caller->world;
    sim_link *link = calloc(1, sizeof *link);
    DX_ASSERT(link != NULL);
    link->world = world;
    link->ends[0] = (sim_end){.peer = caller, .number = number, .open = true, .last = &link->ends[0].first};
    link->ends[1] =
        (sim_end){.peer = target, .number = target_number, .open = true, .last = &link->ends[1].first};
    link->is_peer = true;
    link->middle = middle;
    link->next = world->links;
    world->links = link;
    link->pending++; /* it is not swept away before both are told */
    world->counts[SIM_LINKS]++;
    world->counts[SIM_PEER_LINKS]++;
    tell_up(link, 1, "rtc:sim");
    tell_up(link, 0, "rtc:sim");
    link->pending--;
    sweep(world);
}

static sim_peer *peer_at(sim_world *world, dx_bytes address) {
    for (size_t i = 0; i < world->peer_count; i++) {
        if (dx_bytes_equal(address, dx_bytes_text(world->peers[i].address))) {
            return &world->peers[i];
        }
    }
    return NULL;
}

static sim_link *find(sim_world *world, const sim_peer *peer, uint64_t number, size_t *end) {
    for (sim_link *link = world->links; link != NULL; link = link->next) {
        for (*end = 0; *end < 2; ++*end) {
            if (link->ends[*end].open && link->ends[*end].peer == peer && link->ends[*end].number == number) {
                return link;
            }
        }
    }
    return NULL;
}

/* How an invitation ends is nobody's offence. */
static bool is_end_of_invitation(int reason) {
    return reason == DX_E_PIN || reason == DX_E_LOCKED || reason == DX_E_EXHAUSTED ||
           reason == DX_E_EXPIRED || reason == DX_E_WITHDRAWN;
}

/* A peer ends a link for what the other one said. Honest peers never give cause, unless bytes were changed on
 * their way. */
static void judge_end(const sim_link *link, size_t end, int reason) {
    sim_world *world = link->world;
    const sim_peer *self = link->ends[end].peer, *other = link->ends[1 - end].peer;
    if (other == NULL || dx_error_class_of(reason) != DX_CLASS_PEER || sim_is_hostile(self)) {
        return;
    }
    if (sim_is_hostile(other)) {
        world->counts[SIM_ENDED]++;
    } else if (link->middle && reason == DX_E_CHANNEL_BINDING) {
        world->counts[SIM_BOUND]++;
    } else if (world->plan.chance[SIM_CORRUPT] == 0 &&
               !(world->invitation != NULL && is_end_of_invitation(reason))) {
        sim_violate(world, "peer %zu ends its link to peer %zu, an honest one: %s", self->index, other->index,
                    dx_error_name(reason));
    }
}

void sim_net_down(const sim_peer *peer, uint64_t number, int reason, const char *why) {
    size_t end;
    sim_link *link = find(peer->world, peer, number, &end);
    if (link != NULL) {
        link->pending++; /* it is not swept away before the peer is told */
        tell_down(link, end, reason, why);
        link->pending--;
        sweep(peer->world);
    }
}

sim_link_state sim_net_state(const sim_peer *peer, uint64_t number) {
    size_t end;
    const sim_link *link = find(peer->world, peer, number, &end);
    if (link == NULL || link->dead || !link->ends[1 - end].open) {
        return SIM_LINK_GONE;
    }
    bool busy = link->ends[0].first != NULL || link->ends[1].first != NULL ||
                sim_peer_frozen(link->ends[1 - end].peer);
    return busy ? SIM_LINK_BUSY : SIM_LINK_QUIET;
}

void sim_net_effect(sim_peer *peer, const dx_effect *effect) {
    sim_world *world = peer->world;
    size_t end = 0;
    if (sim_signaling_effect(peer, effect)) {
        return;
    }
    if (effect->kind == DX_EFFECT_LINK_OPEN) {
        make_link(world, peer, effect->link, peer_at(world, effect->body));
        return;
    }
    sim_link *link = find(world, peer, effect->link, &end);
    if (link == NULL) {
        return;
    }
    if (effect->kind == DX_EFFECT_LINK_SEND) {
        if (link->ends[1 - end].peer == NULL) {
            sim_violate(world, "peer %zu answers a stranger: %zu bytes", peer->index, effect->body.size);
        }
        if (!sim_is_sealed(effect->body)) {
            sim_violate(world, "peer %zu says in clear what was written into a space", peer->index);
        }
        send_bytes(link, 1 - end, effect->body);
        return;
    }
    judge_end(link, end, effect->reason);
    link->ends[end].open = false; /* who closes is told nothing more */
    if (link->is_peer) {
        sim_peer_link_over(peer, effect->link);
    }
    link->ends[1 - end].closing = true;
    at_end(link, world->now_ms + 1 + sim_below(world, 50), on_arrival, 1 - end);
}

void sim_net_peer_gone(sim_peer *peer) {
    sim_signaling_peer_gone(peer);
    for (sim_link *link = peer->world->links; link != NULL; link = link->next) {
        for (size_t end = 0; end < 2; end++) {
            if (link->ends[end].peer == peer && link->ends[end].open) {
                link->ends[end].open = false;
                if (link->is_peer) {
                    continue; /* datagrams end without a word: the other side's consent must find out */
                }
                link->ends[1 - end].closing = true;
                at_end(link, peer->world->now_ms + 100, on_arrival, 1 - end);
            }
        }
    }
}

void sim_net_thaw(sim_peer *peer) {
    sim_peer_link_thaw(peer);
    for (sim_link *link = peer->world->links; link != NULL; link = link->next) {
        if (link->ends[1].peer == peer && !link->ends[0].up) {
            at_end(link, peer->world->now_ms, on_dialled, 0);
        }
        for (size_t end = 0; end < 2; end++) {
            const sim_piece *piece = link->ends[end].peer == peer ? link->ends[end].first : NULL;
            for (; piece != NULL; piece = piece->next) {
                at_end(link, peer->world->now_ms, on_arrival, end);
            }
        }
    }
}

void sim_net_stranger(sim_peer *peer) {
    sim_world *world = peer->world;
    uint8_t bytes[STRANGE_MAX];
    if (peer->node == NULL) {
        return;
    }
    sim_link *link = make_link(world, NULL, 0, peer);
    size_t size = 1 + (size_t)sim_below(world, sizeof bytes - 1);
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)sim_below(world, 256);
    }
    /* Half of them begin like a real preface: 37 bytes of frame, an array of four. */
    if (sim_below(world, 2) == 0 && size > 8) {
        static const uint8_t preface[] = {0x00, 0x25, 0x84, 0x01, 0x00, 0x50};
        memcpy(bytes, preface, sizeof preface);
    }
    link->ends[1].arrives_ms = world->now_ms + world->plan.delay_max_ms + 1;
    send_bytes(link, 1, dx_bytes_of(bytes, size));
    link->ends[1].closing = true;
    link->ends[0].open = false;
    at_end(link, link->ends[1].arrives_ms + 1, on_arrival, 1);
    link->ends[0].open = true;
}

void sim_net_deinit(sim_world *world) {
    for (sim_link *link = world->links; link != NULL; link = link->next) {
        link->pending = 0;
        link->ends[0].open = link->ends[1].open = false;
    }
    sweep(world);
}
