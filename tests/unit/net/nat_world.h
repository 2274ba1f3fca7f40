/* tests/unit/net/nat_world.h: an internet in virtual time, for two ICE agents: local networks behind NATs of every
 * kind (the simulator's: sim/internet.h), STUN servers, loss, delay, duplicates, and signaling that keeps order.
 * Everything follows from one seed. */
#ifndef DX_TESTS_NAT_WORLD_H
#define DX_TESTS_NAT_WORLD_H

#include "internet.h"
#include "net/ice.h"
#include "net/stun.h"
#include "test.h"

enum {
    WORLD_PACKETS_MAX = 4096,
    WORLD_SIGNALS_MAX = 512,
    WORLD_PACKET_SIZE = 512,
    WORLD_SERVER = -1, /* as a peer: a STUN server answers there */
};

typedef struct world_packet {
    uint64_t at_ms, order;
    sim_arrival arrival;
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
    size_t packet_count, signal_count;
    sim_internet net;
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
    sim_internet_init(&w->net);
    w->peers[0].answers_restart = w->peers[1].answers_restart = true;
}

static inline void world_deinit(world *w) {
    dx_ice_destroy(w->peers[0].ice);
    dx_ice_destroy(w->peers[1].ice);
    assert_int_equal(w->alloc.live_bytes, 0);
}

static inline int world_add_nat(world *w, sim_nat_kind kind, const char *host) {
    dx_net_address outside;
    assert_int_equal(dx_net_host_parse(dx_bytes_text(host), 0, &outside), DX_OK);
    return sim_internet_add_nat(&w->net, kind, &outside, (uint16_t)(20000 + world_draw(w, 20000)));
}

static inline int world_add_lan(world *w, int nat) {
    return sim_internet_add_lan(&w->net, nat);
}

static inline const sim_udp_port *world_add_port(world *w, int peer, int lan, uint32_t socket,
                                                 const char *address) {
    const sim_udp_port made = {.peer = peer, .lan = lan, .socket = socket, .address = world_address(address)};
    const sim_udp_port *port = sim_internet_add_port(&w->net, &made);
    assert_non_null(port);
    return port;
}

/* --- The network ---------------------------------------------------------------------------------------------- */

static inline void world_enqueue(world *w, const sim_arrival *arrival, dx_bytes bytes) {
    unsigned copies = 1 + (world_draw(w, 100) < w->duplicate_percent);
    while (copies-- > 0) {
        assert_true(w->packet_count < WORLD_PACKETS_MAX);
        if (world_draw(w, 100) < w->loss_percent) {
            continue;
        }
        world_packet *packet = &w->packets[w->packet_count++];
        packet->at_ms = w->now_ms + w->delay_low_ms + world_draw(w, w->delay_high_ms - w->delay_low_ms + 1);
        packet->order = w->order++;
        packet->arrival = *arrival;
        packet->size = bytes.size;
        assert_true(bytes.size <= sizeof packet->bytes);
        memcpy(packet->bytes, bytes.data, bytes.size);
    }
}

static inline void world_send(world *w, const sim_udp_port *port, const dx_net_address *to, dx_bytes bytes) {
    sim_arrival arrival;
    if (sim_internet_route(&w->net, w->now_ms, port, to, &arrival)) {
        world_enqueue(w, &arrival, bytes);
    }
}

static inline void world_rebind(world *w, int nat) {
    sim_nat_rebind(&w->net.nats[nat]);
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
            for (size_t i = 0; i < w->net.port_count; i++) {
                if (w->net.ports[i].up && w->net.ports[i].peer == peer &&
                    w->net.ports[i].socket == output.socket) {
                    world_send(w, &w->net.ports[i], &output.to, output.bytes);
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
    const dx_net_address *from = &packet->arrival.from;
    const sim_udp_port *port = sim_internet_find_port(&w->net, packet->arrival.lan, &packet->arrival.to);
    dx_bytes bytes = {packet->bytes, packet->size};
    dx_stun_writer answer;
    if (!port) {
        return;
    }
    if (port->peer == WORLD_SERVER) {
        if (dx_stun_respond(bytes, from, &answer)) {
            world_send(w, port, from, dx_stun_written(&answer));
        }
        return;
    }
    world_peer *p = &w->peers[port->peer];
    if (!p->ice) {
        return;
    }
    if (dx_stun_is(bytes)) {
        p->stun_received++;
        dx_ice_receive(p->ice, w->now_ms, port->socket, from, bytes);
        world_pump(w, port->peer);
    } else if (dx_ice_wants(p->ice, port->socket, from, bytes)) {
        p->data_received++;
        p->data_from = *from;
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
    for (size_t i = 0; i < w->net.port_count; i++) {
        if (w->net.ports[i].peer == peer && w->net.ports[i].up) {
            assert_int_equal(dx_ice_add_local(w->peers[peer].ice, w->now_ms, w->net.ports[i].socket,
                                              &w->net.ports[i].address),
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
    for (size_t i = 0; i < w->net.port_count; i++) {
        if (w->net.ports[i].up && w->net.ports[i].peer == peer && w->net.ports[i].socket == socket) {
            world_send(w, &w->net.ports[i], &to, dx_bytes_of(data, sizeof data));
        }
    }
    return true;
}

static inline bool world_connected(const world *w) {
    return dx_ice_state_of(w->peers[0].ice) == DX_ICE_CONNECTED &&
           dx_ice_state_of(w->peers[1].ice) == DX_ICE_CONNECTED;
}

#endif
