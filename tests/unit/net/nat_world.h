/* tests/unit/net/nat_world.h: an internet in virtual time, for two ICE agents: local networks behind NATs of every
 * kind, STUN servers, loss, delay, duplicates, and signaling that keeps order.
 *
 * Everything follows from one seed. NAT words are RFC 4787's older ones (RFC 3489 §5): a cone keeps one public port
 * for an inside address, a symmetric NAT takes a new one for each destination; restricted ones let in only whom the
 * inside has sent to (its address, or its address and port). */
#ifndef DX_TESTS_NAT_WORLD_H
#define DX_TESTS_NAT_WORLD_H

#include "net/ice.h"
#include "net/stun.h"
#include "test.h"

enum {
    WORLD_LANS_MAX = 8, /* 0 is the internet */
    WORLD_NATS_MAX = 4,
    WORLD_PORTS_MAX = 24,
    WORLD_MAPPINGS_MAX = 256,
    WORLD_ALLOWED_MAX = 64,
    WORLD_PACKETS_MAX = 4096,
    WORLD_SIGNALS_MAX = 512,
    WORLD_PACKET_SIZE = 512,
    WORLD_NO_NAT = -1,
    WORLD_SERVER = -1, /* as a peer: a STUN server answers there */
};

typedef enum nat_kind {
    NAT_FULL_CONE,
    NAT_RESTRICTED,
    NAT_PORT_RESTRICTED,
    NAT_SYMMETRIC,
    NAT_BLOCKED
} nat_kind;

typedef struct nat_mapping {
    int lan;
    dx_net_address inside, to; /* to: symmetric only */
    uint16_t port;
    size_t allowed_count;
    dx_net_address allowed[WORLD_ALLOWED_MAX];
} nat_mapping;

typedef struct world_nat {
    nat_kind kind;
    bool hairpin;
    dx_net_address outside;
    uint16_t next_port;
    size_t mapping_count;
    nat_mapping mappings[WORLD_MAPPINGS_MAX];
} world_nat;

typedef struct world_port {
    bool up;
    int peer, lan;
    uint32_t socket;
    dx_net_address address;
} world_port;

typedef struct world_packet {
    uint64_t at_ms, order;
    int lan; /* where it will arrive */
    dx_net_address from, to;
    size_t size;
    uint8_t bytes[WORLD_PACKET_SIZE];
} world_packet;

typedef enum signal_kind { SIGNAL_CREDENTIALS, SIGNAL_LINE } signal_kind;

typedef struct world_signal {
    uint64_t at_ms;
    int to;
    signal_kind kind;
    char ufrag[DX_ICE_UFRAG_SIZE + 1], password[DX_ICE_PASSWORD_SIZE + 1];
    size_t size;
    char line[DX_CANDIDATE_TEXT_MAX];
} world_signal;

typedef struct world_peer {
    dx_ice *ice;
    bool offers;          /* its restarts are offers, and what comes after one is the answer */
    bool answers_restart; /* a set_remote that restarted this side is answered with credentials */
    unsigned selected_count, failed_count, lines_told, ends_told;
    unsigned datagrams_sent, stun_received, data_received, data_lost;
    uint64_t selected_ms, failed_ms;
    dx_ice_pair selected;
    dx_ice_reason reason;
    dx_net_address data_from;
    char told_ufrag[DX_ICE_UFRAG_SIZE + 1];
} world_peer;

typedef struct world {
    test_alloc alloc;
    test_random random; /* the agents' */
    test_random chance; /* the network's */
    uint64_t now_ms, order;
    unsigned loss_percent, duplicate_percent;
    uint64_t delay_low_ms, delay_high_ms, signal_ms;
    bool signals_cut;
    size_t lan_count, nat_count, port_count, packet_count, signal_count;
    int lan_nats[WORLD_LANS_MAX];
    world_nat nats[WORLD_NATS_MAX];
    world_port ports[WORLD_PORTS_MAX];
    world_packet packets[WORLD_PACKETS_MAX];
    world_signal signals[WORLD_SIGNALS_MAX];
    world_peer peers[2];
    uint64_t signal_last_ms[2];
} world;

static inline dx_net_address world_address(const char *text) {
    dx_net_address address;
    assert_int_equal(dx_net_address_parse(dx_bytes_text(text), &address), DX_OK);
    return address;
}

static inline uint64_t world_draw(world *w, uint64_t count) {
    return test_random_next(&w->chance) % count;
}

static inline void world_init(world *w, uint64_t seed) {
    memset(w, 0, sizeof *w);
    test_alloc_init(&w->alloc);
    test_random_init(&w->random, seed);
    test_random_init(&w->chance, ~seed);
    w->now_ms = 1000;
    w->delay_low_ms = 5;
    w->delay_high_ms = 25;
    w->signal_ms = 40;
    w->lan_count = 1;
    w->lan_nats[0] = WORLD_NO_NAT;
    w->peers[0].answers_restart = w->peers[1].answers_restart = true;
}

static inline void world_deinit(world *w) {
    dx_ice_destroy(w->peers[0].ice);
    dx_ice_destroy(w->peers[1].ice);
    assert_int_equal(w->alloc.live_bytes, 0);
}

static inline int world_add_nat(world *w, nat_kind kind, const char *outside) {
    world_nat *nat = &w->nats[w->nat_count];
    assert_true(w->nat_count < WORLD_NATS_MAX);
    assert_int_equal(dx_net_host_parse(dx_bytes_text(outside), 0, &nat->outside), DX_OK);
    nat->kind = kind;
    nat->next_port = (uint16_t)(20000 + world_draw(w, 20000));
    return (int)w->nat_count++;
}

static inline int world_add_lan(world *w, int nat) {
    assert_true(w->lan_count < WORLD_LANS_MAX);
    w->lan_nats[w->lan_count] = nat;
    return (int)w->lan_count++;
}

static inline void world_add_port(world *w, int peer, int lan, uint32_t socket, const char *address) {
    assert_true(w->port_count < WORLD_PORTS_MAX);
    w->ports[w->port_count++] = (world_port){true, peer, lan, socket, world_address(address)};
}

/* --- The network ---------------------------------------------------------------------------------------------- */

static inline world_port *world_find_port(world *w, int lan, const dx_net_address *address) {
    for (size_t i = 0; i < w->port_count; i++) {
        if (w->ports[i].up && w->ports[i].lan == lan && dx_net_address_equal(&w->ports[i].address, address)) {
            return &w->ports[i];
        }
    }
    return NULL;
}

static inline void world_enqueue(world *w, int lan, const dx_net_address *from, const dx_net_address *to,
                                 dx_bytes bytes) {
    unsigned copies = 1 + (world_draw(w, 100) < w->duplicate_percent);
    while (copies-- > 0) {
        assert_true(w->packet_count < WORLD_PACKETS_MAX);
        if (world_draw(w, 100) < w->loss_percent) {
            continue;
        }
        world_packet *packet = &w->packets[w->packet_count++];
        packet->at_ms = w->now_ms + w->delay_low_ms + world_draw(w, w->delay_high_ms - w->delay_low_ms + 1);
        packet->order = w->order++;
        packet->lan = lan;
        packet->from = *from;
        packet->to = *to;
        packet->size = bytes.size;
        assert_true(bytes.size <= sizeof packet->bytes);
        memcpy(packet->bytes, bytes.data, bytes.size);
    }
}

static inline nat_mapping *world_map_out(world_nat *nat, int lan, const dx_net_address *inside,
                                         const dx_net_address *to) {
    for (size_t i = 0; i < nat->mapping_count; i++) {
        nat_mapping *mapping = &nat->mappings[i];
        if (mapping->lan == lan && dx_net_address_equal(&mapping->inside, inside) &&
            (nat->kind != NAT_SYMMETRIC || dx_net_address_equal(&mapping->to, to))) {
            return mapping;
        }
    }
    assert_true(nat->mapping_count < WORLD_MAPPINGS_MAX);
    nat_mapping *mapping = &nat->mappings[nat->mapping_count++];
    *mapping = (nat_mapping){.lan = lan, .inside = *inside, .to = *to};
    mapping->port = nat->next_port;
    nat->next_port = (uint16_t)(nat->next_port + 3);
    return mapping;
}

static inline bool world_lets_in(const world_nat *nat, const nat_mapping *mapping,
                                 const dx_net_address *from) {
    for (size_t i = 0; i < mapping->allowed_count; i++) {
        if (nat->kind == NAT_RESTRICTED ? dx_net_host_equal(&mapping->allowed[i], from)
                                        : dx_net_address_equal(&mapping->allowed[i], from)) {
            return true;
        }
    }
    return nat->kind == NAT_FULL_CONE;
}

static inline void world_route_in(world *w, const dx_net_address *from, const dx_net_address *to,
                                  int from_nat, dx_bytes bytes) {
    if (world_find_port(w, 0, to)) {
        world_enqueue(w, 0, from, to, bytes);
        return;
    }
    for (int i = 0; i < (int)w->nat_count; i++) {
        world_nat *nat = &w->nats[i];
        for (size_t j = 0; dx_net_host_equal(&nat->outside, to) && j < nat->mapping_count; j++) {
            nat_mapping *mapping = &nat->mappings[j];
            if (mapping->port == to->port && (i != from_nat || nat->hairpin) &&
                world_lets_in(nat, mapping, from)) {
                world_enqueue(w, mapping->lan, from, &mapping->inside, bytes);
                return;
            }
        }
    }
}

static inline void world_send(world *w, const world_port *port, const dx_net_address *to, dx_bytes bytes) {
    if (world_find_port(w, port->lan, to)) {
        world_enqueue(w, port->lan, &port->address, to, bytes);
        return;
    }
    int nat_index = w->lan_nats[port->lan];
    if (port->lan == 0) {
        world_route_in(w, &port->address, to, WORLD_NO_NAT, bytes);
        return;
    }
    dx_net_class class = dx_net_classify(to);
    if (nat_index == WORLD_NO_NAT || w->nats[nat_index].kind == NAT_BLOCKED || class == DX_NET_PRIVATE ||
        class == DX_NET_LINK_LOCAL || to->family != w->nats[nat_index].outside.family) {
        return;
    }
    world_nat *nat = &w->nats[nat_index];
    nat_mapping *mapping = world_map_out(nat, port->lan, &port->address, to);
    if (!world_lets_in(nat, mapping, to) || nat->kind == NAT_FULL_CONE) {
        assert_true(mapping->allowed_count < WORLD_ALLOWED_MAX);
        mapping->allowed[mapping->allowed_count] = *to;
        mapping->allowed_count += nat->kind != NAT_FULL_CONE;
    }
    dx_net_address from = nat->outside;
    from.port = mapping->port;
    world_route_in(w, &from, to, nat_index, bytes);
}

/* The NAT forgets every mapping, as one that was restarted. */
static inline void world_rebind(world *w, int nat) {
    w->nats[nat].mapping_count = 0;
    w->nats[nat].next_port = (uint16_t)(w->nats[nat].next_port + 501);
}

/* --- Peers and signaling ---------------------------------------------------------------------------------------- */

static inline world_signal *world_signal_to(world *w, int to, signal_kind kind) {
    assert_true(w->signal_count < WORLD_SIGNALS_MAX);
    world_signal *signal = &w->signals[w->signal_count++];
    uint64_t at_ms = w->now_ms + w->signal_ms + world_draw(w, 10);
    w->signal_last_ms[to] = at_ms > w->signal_last_ms[to] ? at_ms : w->signal_last_ms[to];
    *signal = (world_signal){.at_ms = w->signal_last_ms[to], .to = to, .kind = kind};
    return signal;
}

static inline void world_tell_credentials(world *w, int peer) {
    world_signal *signal = world_signal_to(w, 1 - peer, SIGNAL_CREDENTIALS);
    memcpy(signal->ufrag, dx_ice_ufrag(w->peers[peer].ice), sizeof signal->ufrag);
    memcpy(signal->password, dx_ice_password(w->peers[peer].ice), sizeof signal->password);
    memcpy(w->peers[peer].told_ufrag, signal->ufrag, sizeof signal->ufrag);
}

static inline void world_pump(world *w, int peer) {
    world_peer *p = &w->peers[peer];
    dx_ice_output output;
    while (p->ice && dx_ice_next(p->ice, &output)) {
        switch (output.kind) {
        case DX_ICE_OUTPUT_DATAGRAM:
            p->datagrams_sent++;
            assert_true(dx_stun_is(output.bytes));
            for (size_t i = 0; i < w->port_count; i++) {
                if (w->ports[i].up && w->ports[i].peer == peer && w->ports[i].socket == output.socket) {
                    world_send(w, &w->ports[i], &output.to, output.bytes);
                }
            }
            break;
        case DX_ICE_OUTPUT_CANDIDATE: {
            world_signal *signal = world_signal_to(w, 1 - peer, SIGNAL_LINE);
            assert_true(output.line.size < sizeof signal->line);
            signal->size = output.line.size;
            if (output.line.size > 0) {
                memcpy(signal->line, output.line.data, output.line.size);
            }
            p->lines_told += output.line.size > 0;
            p->ends_told += output.line.size == 0;
            break;
        }
        case DX_ICE_OUTPUT_SELECTED:
            p->selected_count++;
            p->selected_ms = w->now_ms;
            p->selected = output.pair;
            break;
        case DX_ICE_OUTPUT_FAILED:
            p->failed_count++;
            p->failed_ms = w->now_ms;
            p->reason = output.reason;
            break;
        }
    }
}

static inline void world_deliver_signal(world *w, const world_signal *signal) {
    world_peer *p = &w->peers[signal->to];
    if (w->signals_cut || !p->ice) {
        return;
    }
    if (signal->kind == SIGNAL_LINE) {
        (void)!dx_ice_add_remote(p->ice, w->now_ms, dx_bytes_of(signal->line, signal->size));
    } else {
        dx_ice_remote remote = {dx_bytes_text(signal->ufrag), dx_bytes_text(signal->password), false,
                                DX_ICE_PACING_MS, p->offers};
        assert_int_equal(dx_ice_set_remote(p->ice, w->now_ms, &remote), DX_OK);
        if (p->answers_restart && strcmp(p->told_ufrag, dx_ice_ufrag(p->ice)) != 0) {
            world_tell_credentials(w, signal->to);
        }
    }
    world_pump(w, signal->to);
}

static inline void world_deliver_packet(world *w, const world_packet *packet) {
    world_port *port = world_find_port(w, packet->lan, &packet->to);
    dx_bytes bytes = {packet->bytes, packet->size};
    dx_stun_writer answer;
    if (!port) {
        return;
    }
    if (port->peer == WORLD_SERVER) {
        if (dx_stun_respond(bytes, &packet->from, &answer)) {
            world_send(w, port, &packet->from, dx_stun_written(&answer));
        }
        return;
    }
    world_peer *p = &w->peers[port->peer];
    if (!p->ice) {
        return;
    }
    if (dx_stun_is(bytes)) {
        p->stun_received++;
        dx_ice_receive(p->ice, w->now_ms, port->socket, &packet->from, bytes);
        world_pump(w, port->peer);
    } else if (dx_ice_wants(p->ice, port->socket, &packet->from, bytes)) {
        p->data_received++;
        p->data_from = packet->from;
    } else {
        p->data_lost++;
    }
}

/* What happens next, and when: 0 packet, 1 signal, 2 and 3 the peers' deadlines. */
static inline uint64_t world_next(const world *w, int *what, size_t *which) {
    uint64_t next_ms = DX_NO_DEADLINE, order = UINT64_MAX;
    for (size_t i = 0; i < w->packet_count; i++) {
        const world_packet *packet = &w->packets[i];
        if (packet->at_ms < next_ms || (packet->at_ms == next_ms && packet->order < order)) {
            next_ms = packet->at_ms;
            order = packet->order;
            *what = 0;
            *which = i;
        }
    }
    for (size_t i = 0; i < w->signal_count; i++) {
        if (w->signals[i].at_ms < next_ms) {
            next_ms = w->signals[i].at_ms;
            *what = 1;
            *which = i;
        }
    }
    for (int i = 0; i < 2; i++) {
        uint64_t due_ms = w->peers[i].ice ? dx_ice_deadline(w->peers[i].ice) : DX_NO_DEADLINE;
        if (due_ms < next_ms) {
            next_ms = due_ms;
            *what = 2 + i;
        }
    }
    return next_ms;
}

static inline bool world_turn(world *w, uint64_t until_ms) {
    int what = 0;
    size_t which = 0;
    uint64_t next_ms = world_next(w, &what, &which);
    if (next_ms > until_ms || next_ms == DX_NO_DEADLINE) {
        return false;
    }
    w->now_ms = next_ms > w->now_ms ? next_ms : w->now_ms;
    if (what == 0) {
        world_packet packet = w->packets[which];
        w->packets[which] = w->packets[--w->packet_count];
        world_deliver_packet(w, &packet);
    } else if (what == 1) {
        world_signal signal = w->signals[which];
        memmove(&w->signals[which], &w->signals[which + 1], (w->signal_count - which - 1) * sizeof signal);
        w->signal_count--;
        world_deliver_signal(w, &signal);
    } else {
        dx_ice_tick(w->peers[what - 2].ice, w->now_ms);
        world_pump(w, what - 2);
    }
    return true;
}

/* Time goes on by so much; a machine that spins without time passing fails the test. */
static inline void world_run(world *w, uint64_t span_ms) {
    uint64_t until_ms = w->now_ms + span_ms, turns = 0;
    while (world_turn(w, until_ms)) {
        assert_true(++turns < 20000 + span_ms);
    }
    w->now_ms = until_ms;
}

static inline void world_create(world *w, int peer, bool controlling, const dx_net_address *servers,
                                size_t count) {
    dx_ice_options options = {.alloc = &w->alloc.port, .random = &w->random.port, .controlling = controlling};
    options.server_count = count;
    for (size_t i = 0; i < count; i++) {
        options.servers[i] = servers[i];
    }
    assert_int_equal(dx_ice_create(&options, &w->peers[peer].ice), DX_OK);
}

static inline void world_add_locals(world *w, int peer) {
    for (size_t i = 0; i < w->port_count; i++) {
        if (w->ports[i].peer == peer && w->ports[i].up) {
            assert_int_equal(
                dx_ice_add_local(w->peers[peer].ice, w->now_ms, w->ports[i].socket, &w->ports[i].address),
                DX_OK);
        }
    }
    dx_ice_end_local(w->peers[peer].ice, w->now_ms);
    world_pump(w, peer);
}

/* Both sides as an offer and its answer make them: peer 0 offers. */
static inline void world_start(world *w, const dx_net_address *servers, size_t count) {
    world_create(w, 0, true, servers, count);
    world_create(w, 1, false, servers, count);
    world_tell_credentials(w, 0);
    world_add_locals(w, 0);
    world_run(w, 60);
    world_tell_credentials(w, 1);
    world_add_locals(w, 1);
}

/* Sends one datagram of data over a peer's path; whether there is one. */
static inline bool world_send_data(world *w, int peer) {
    static const uint8_t data[] = {22, 254, 253}; /* the beginning of a DTLS record */
    uint32_t socket = 0;
    dx_net_address to;
    if (!dx_ice_path(w->peers[peer].ice, &socket, &to)) {
        return false;
    }
    for (size_t i = 0; i < w->port_count; i++) {
        if (w->ports[i].up && w->ports[i].peer == peer && w->ports[i].socket == socket) {
            world_send(w, &w->ports[i], &to, dx_bytes_of(data, sizeof data));
        }
    }
    return true;
}

static inline bool world_connected(const world *w) {
    return dx_ice_state_of(w->peers[0].ice) == DX_ICE_CONNECTED &&
           dx_ice_state_of(w->peers[1].ice) == DX_ICE_CONNECTED;
}

#endif
