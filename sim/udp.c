/* sim/udp.c: where peers stand in the simulated internet, and what becomes of their datagrams.
 *
 * Layer: simulator. A peer has an IPv4 address, on the internet itself or behind a NAT that it may share with another, and perhaps an
 * IPv6 address. Datagrams are late, overtake each other, get lost and come twice. A kube's STUN server stands on the
 * internet while its signaling service does. Where peers cannot dial each other at all they are placed such that all can be
 * reached from all through the others, so that everything converges in the end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/stun.h"
#include "peer_link.h"

enum {
    DELAY_MAX_MS = 400, /* of a datagram: what is later is lost to ICE, and is lost here more simply */
    HEALED_DELAY_MS = 20,
    LIFETIME_MIN_MS = 30000, /* of a mapping: what NATs on the market do (RFC 4787 asks for two minutes) */
    LIFETIME_SPAN_MS = 150000,
    WATCH_MS = 5000, /* a host looks at its addresses so often */
    PORT_FIRST = 40000,
    PORT_COUNT = 20000,
    OUTSIDE_COUNT = 240
};

typedef struct sim_datagram {
    sim_arrival arrival;
    int peer; /* who sent it */
    size_t size;
    uint8_t bytes[];
} sim_datagram;

uint64_t sim_udp_draw(sim_world *world, uint64_t bound) {
    return bound == 0 ? 0 : sim_random(&world->udp->random_state) % bound;
}

static void fill_random(void *ctx, uint8_t *out, size_t size) {
    sim_world *world = ctx;
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)sim_random(&world->udp->random_state);
    }
}

static dx_net_address address_of(const char *text) {
    dx_net_address address;
    int error = dx_net_address_parse(dx_bytes_text(text), &address);
    DX_ASSERT(error == DX_OK);
    return address;
}

/* --- Places --------------------------------------------------------------------------------------------------- */

static dx_net_address draw_outside(sim_world *world) {
    uint8_t bytes[4] = {203, 0, 113, (uint8_t)(1 + world->udp->next_outside++ % OUTSIDE_COUNT)};
    return dx_net_ipv4(bytes, 0);
}

static bool permits(const sim_udp *udp, size_t a, size_t b) {
    const sim_place *here = &udp->places[a], *there = &udp->places[b];
    int nats[2] = {udp->net.lan_nats[here->lan], udp->net.lan_nats[there->lan]};
    if ((here->locals[1].family != DX_NET_NONE && there->locals[1].family != DX_NET_NONE) ||
        here->lan == there->lan) {
        return true;
    }
    if (nats[0] == nats[1] && !udp->net.nats[nats[0]].hairpin) {
        return false;
    }
    return sim_nats_permit(nats[0] == SIM_NO_NAT ? SIM_NAT_FULL_CONE : udp->net.nats[nats[0]].kind,
                           nats[1] == SIM_NO_NAT ? SIM_NAT_FULL_CONE : udp->net.nats[nats[1]].kind);
}

bool sim_udp_permits(const sim_world *world, size_t a, size_t b) {
    return world->udp == NULL || permits(world->udp, a, b);
}

/* Whether all members of a space reach all, some through others; the first peer is in every space. */
static bool is_joined(const sim_world *world, size_t space) {
    bool reached[SIM_PEERS_MAX] = {true}, grew = true;
    while (grew) {
        grew = false;
        for (size_t i = 0; i < world->peer_count; i++) {
            for (size_t k = 0; world->peers[i].member[space] && !reached[i] && k < world->peer_count; k++) {
                reached[i] = reached[k] && permits(world->udp, i, k);
                grew = grew || reached[i];
            }
        }
    }
    for (size_t i = 0; i < world->peer_count; i++) {
        if (world->peers[i].member[space] && !reached[i]) {
            return false;
        }
    }
    return true;
}

static void put_on_internet(sim_world *world, size_t index) {
    sim_place *place = &world->udp->places[index];
    place->lan = 0;
    place->locals[0] = draw_outside(world);
}

/* Whether another peer stands behind the NAT that has this one's number. */
static bool is_shared(const sim_world *world, size_t index) {
    for (size_t i = 0; i < world->peer_count; i++) {
        if (i != index && world->udp->net.lan_nats[world->udp->places[i].lan] == (int)index) {
            return true;
        }
    }
    return false;
}

/* A NAT of its own, or, when it comes there first, the one of the peer before it. */
static void put_behind_nat(sim_world *world, size_t index, bool first) {
    sim_udp *udp = world->udp;
    sim_place *place = &udp->places[index];
    sim_nat *nat = &udp->net.nats[index];
    uint8_t inside[4] = {192, 168, 1, (uint8_t)(5 + index)};
    bool shares = first && index > 0 && udp->places[index - 1].lan != 0 && sim_udp_draw(world, 4) == 0;
    bool same_lan = shares && sim_udp_draw(world, 2) == 0;
    place->lan = same_lan ? udp->places[index - 1].lan : 1 + (int)index;
    if (shares && !same_lan) {
        udp->net.lan_nats[place->lan] = udp->net.lan_nats[udp->places[index - 1].lan];
    } else if (!shares) {
        nat->kind =
            (sim_nat_kind)sim_udp_draw(world, world->plan.undiallable ? SIM_NAT_BLOCKED : SIM_NAT_KIND_COUNT);
        nat->hairpin = sim_udp_draw(world, 2) == 0;
        nat->lifetime_ms = LIFETIME_MIN_MS + sim_udp_draw(world, LIFETIME_SPAN_MS);
        nat->outside = draw_outside(world);
        sim_nat_rebind(nat);
        udp->net.lan_nats[place->lan] = (int)index;
        inside[3] = 5; /* homes are alike */
    }
    place->locals[0] = dx_net_ipv4(inside, 0);
}

static void place_peer(sim_world *world, size_t index, bool first) {
    sim_place *place = &world->udp->places[index];
    uint8_t bytes[16] = {0x20, 0x01, 0x0d, 0xb8, (uint8_t)(1 + index), [14] = 1, [15] = 1};
    if (sim_udp_draw(world, 5) == 0 || is_shared(world, index)) {
        put_on_internet(world, index);
    } else {
        put_behind_nat(world, index, first);
    }
    bytes[15] = (uint8_t)world->udp->next_outside;
    place->locals[1] = sim_udp_draw(world, 4) == 0 ? dx_net_ipv6(bytes, 0) : (dx_net_address){0};
    for (size_t space = 0; world->plan.undiallable && space < world->plan.spaces; space++) {
        if (!first && !is_joined(world, space)) {
            put_on_internet(world, index);
        }
    }
    int nat = world->udp->net.lan_nats[place->lan];
    sim_note(world, "peer %zu stands %s%s", index,
             nat == SIM_NO_NAT ? "on the internet" : sim_nat_words(world->udp->net.nats[nat].kind),
             place->locals[1].family != DX_NET_NONE ? ", and on IPv6" : "");
}

/* --- Sockets ---------------------------------------------------------------------------------------------------- */

static bool is_theirs(const sim_udp_port *port, const sim_peer *peer, uint64_t owner) {
    return port->up && port->peer == (int)peer->index && port->owner == owner;
}

sim_udp_port *sim_udp_port_at(const sim_peer *peer, uint64_t owner, size_t index) {
    sim_internet *net = &peer->world->udp->net;
    for (size_t i = 0; i < net->port_count; i++) {
        if (is_theirs(&net->ports[i], peer, owner) && index-- == 0) {
            return &net->ports[i];
        }
    }
    return NULL;
}

sim_udp_port *sim_udp_find(const sim_peer *peer, uint32_t socket) {
    sim_internet *net = &peer->world->udp->net;
    for (size_t i = 0; i < net->port_count; i++) {
        if (net->ports[i].up && net->ports[i].peer == (int)peer->index && net->ports[i].socket == socket) {
            return &net->ports[i];
        }
    }
    return NULL;
}

void sim_udp_bind(sim_peer *peer, uint64_t owner) {
    sim_udp *udp = peer->world->udp;
    const sim_place *place = &udp->places[peer->index];
    if (sim_udp_port_at(peer, owner, 0) != NULL) {
        return;
    }
    for (size_t i = 0; i < SIM_LOCALS_MAX && place->locals[i].family != DX_NET_NONE; i++) {
        sim_udp_port port = {.peer = (int)peer->index,
                             .lan = i == 0 ? place->lan : 0,
                             .socket = ++udp->next_socket,
                             .owner = owner,
                             .address = place->locals[i]};
        port.address.port = (uint16_t)(PORT_FIRST + udp->next_port++ % PORT_COUNT);
        (void)sim_internet_add_port(&udp->net, &port); /* without room there is one address less */
    }
}

void sim_udp_unbind(const sim_peer *peer, uint64_t owner) {
    sim_udp_port *port;
    while ((port = sim_udp_port_at(peer, owner, 0)) != NULL) {
        port->up = false;
    }
}

/* --- Datagrams --------------------------------------------------------------------------------------------------- */

static void answer_stun(sim_world *world, const sim_udp_port *port, const sim_datagram *datagram) {
    dx_stun_writer answer;
    if (sim_signaling_stands(world) &&
        dx_stun_respond(dx_bytes_of(datagram->bytes, datagram->size), &datagram->arrival.from, &answer)) {
        sim_udp_send(world, port, &datagram->arrival.from, dx_stun_written(&answer));
    }
}

static void on_datagram(sim_world *world, void *ctx, uint64_t number) {
    const sim_datagram *datagram = ctx;
    const sim_udp_port *port =
        sim_internet_find_port(&world->udp->net, datagram->arrival.lan, &datagram->arrival.to);
    (void)number;
    if (port == NULL) {
        return;
    }
    if (port->peer == SIM_SERVER) {
        answer_stun(world, port, datagram);
        return;
    }
    sim_peer *peer = &world->peers[port->peer];
    bool split = datagram->peer != SIM_SERVER && !world->healing &&
                 world->side[datagram->peer] != world->side[port->peer];
    if (!split && peer->node != NULL && !sim_peer_frozen(peer)) {
        sim_peer_link_receive(peer, port, &datagram->arrival.from,
                              dx_bytes_of(datagram->bytes, datagram->size));
    }
}

void sim_udp_send(sim_world *world, const sim_udp_port *from, const dx_net_address *to, dx_bytes bytes) {
    sim_udp *udp = world->udp;
    uint64_t delay_ms = world->healing                            ? HEALED_DELAY_MS
                        : world->plan.delay_max_ms < DELAY_MAX_MS ? world->plan.delay_max_ms
                                                                  : DELAY_MAX_MS;
    sim_arrival arrival;
    world->counts[SIM_DATAGRAMS]++;
    if (!sim_internet_route(&udp->net, world->now_ms, from, to, &arrival)) {
        return;
    }
    unsigned copies = !world->healing && sim_udp_draw(world, 1000000) < udp->twice ? 2 : 1;
    while (copies-- > 0) {
        if (!world->healing && sim_udp_draw(world, 1000000) < udp->loss) {
            continue;
        }
        sim_datagram *datagram = malloc(sizeof *datagram + bytes.size);
        DX_ASSERT(datagram != NULL);
        *datagram = (sim_datagram){.arrival = arrival, .peer = from->peer, .size = bytes.size};
        memcpy(datagram->bytes, bytes.data, bytes.size);
        sim_at_owning(world, world->now_ms + 1 + sim_udp_draw(world, delay_ms), on_datagram, datagram, 0);
    }
}

/* --- What happens to networks -------------------------------------------------------------------------------------- */

static void on_watch(sim_world *world, void *ctx, uint64_t life) {
    sim_peer *peer = ctx;
    if (peer->life != life) {
        return;
    }
    if (sim_peer_frozen(peer)) {
        sim_at(world, peer->frozen_until_ms, on_watch, peer, life);
        return;
    }
    sim_peer_link_move(peer);
}

static void roam(sim_world *world, sim_peer *peer) {
    sim_internet *net = &world->udp->net;
    for (size_t i = 0; i < net->port_count; i++) {
        net->ports[i].up = net->ports[i].up && net->ports[i].peer != (int)peer->index;
    }
    place_peer(world, peer->index, false);
    sim_at(world, world->now_ms + sim_udp_draw(world, WATCH_MS), on_watch, peer, peer->life);
}

void sim_udp_misfortune(sim_world *world) {
    if (world->udp == NULL) {
        return;
    }
    if (sim_strikes(world, SIM_REBIND)) {
        uint64_t nat = sim_udp_draw(world, world->udp->net.nat_count);
        sim_note(world, "the NAT of peer %u forgets", (unsigned)nat);
        sim_nat_rebind(&world->udp->net.nats[nat]);
    }
    if (sim_strikes(world, SIM_ROAM)) {
        roam(world, &world->peers[sim_udp_draw(world, world->peer_count)]);
    }
}

/* --- Life ------------------------------------------------------------------------------------------------------------ */

void sim_udp_begin(sim_world *world) {
    static const char *const servers[] = {SIM_STUN_IPV4, SIM_STUN_IPV6};
    sim_udp *udp = world->udp = calloc(1, sizeof *udp);
    DX_ASSERT(udp != NULL);
    udp->random_state = world->plan.seed ^ 0x1ce;
    udp->random = (dx_random){.ctx = world, .fill = fill_random};
    udp->loss = sim_udp_draw(world, 2) == 0 ? 0 : sim_udp_draw(world, 100000);
    udp->twice = sim_udp_draw(world, 2) == 0 ? 0 : sim_udp_draw(world, 100000);
    sim_internet_init(&udp->net);
    for (size_t i = 0; i < world->peer_count; i++) {
        dx_net_address outside = draw_outside(world);
        (void)sim_internet_add_nat(&udp->net, SIM_NAT_FULL_CONE, &outside,
                                   (uint16_t)(20000 + sim_udp_draw(world, 20000)));
        (void)sim_internet_add_lan(&udp->net, (int)i);
    }
    for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++) {
        const sim_udp_port port = {.peer = SIM_SERVER, .address = address_of(servers[i])};
        (void)sim_internet_add_port(&udp->net, &port);
    }
    for (size_t i = 0; i < world->peer_count; i++) {
        place_peer(world, i, true);
    }
    for (size_t space = 0; world->plan.undiallable && space < world->plan.spaces; space++) {
        if (!is_joined(world, space)) {
            put_on_internet(world, 0); /* who is in every space, and whom everybody reaches there */
        }
    }
}
