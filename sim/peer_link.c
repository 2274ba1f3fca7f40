/* sim/peer_link.c: the transports of peer links in virtual time: descriptions, ICE, and a stand-in for DTLS.
 *
 * Layer: simulator. Follows src/host/rtc_link.c, with its times: an attempt has 20 s; the offering side looks for another path when the one
 * in use was silent for 12 s, at most every 15 s; loss of consent ends the link. What is bound by the node
 * (the certificates named in both descriptions) is what the stand-in shows. One transport in eight begins in the wrong role, as
 * two that restart at once may; ICE must settle it. Whatever a node does to a transport is done in an event of its own, and a
 * transport is freed in such an event alone, so nobody finds it gone. */
#include "peer_link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/sdp.h"
#include "net/stun.h"

enum {
    ATTEMPT_MS = 20000,
    DOUBT_MS = 12000,
    RESTART_MS = 15000,
    HELLO_MS = 250,
    HELLO_LAST_MS = 4000,
    JOIN_MS = 1000,
    WRONG_ROLE_ONE_IN = 8,
    SIGNAL_SIZE_MAX = 16 * 1024,
    HANDSHAKE = 22, /* the first byte of a record of DTLS, which is not STUN */
    HELLO_SIZE = 10,
    SEEN = 1,
    CONFIRMED = 2
};

static const char stun_scheme[] = "stun:";

typedef struct sim_signal {
    size_t size;
    uint8_t bytes[];
} sim_signal;

static void on_tick(sim_world *world, void *ctx, uint64_t id);

/* --- Which --------------------------------------------------------------------------------------------------- */

static sim_transport *find_id(const sim_world *world, uint64_t id) {
    sim_transport *transport = world->udp->transports;
    while (transport != NULL && (transport->gone || transport->id != id)) {
        transport = transport->next;
    }
    return transport;
}

static sim_transport *find_link(const sim_peer *peer, uint64_t number) {
    sim_transport *transport = peer->world->udp == NULL ? NULL : peer->world->udp->transports;
    while (transport != NULL && (transport->gone || transport->peer != peer || transport->number != number)) {
        transport = transport->next;
    }
    return transport;
}

/* Whom its description and the other's bind it to, when both do. */
static sim_transport *counterpart(const sim_transport *transport) {
    sim_transport *other = find_id(transport->peer->world, SIM_CERTIFICATE(transport->told));
    return other != NULL && SIM_CERTIFICATE(other->told) == transport->id ? other : NULL;
}

bool sim_peer_link_owns(const sim_transport *transport, const sim_udp_port *port) {
    return port->peer == (int)transport->peer->index &&
           port->owner == (transport->offers ? transport->id : 0);
}

/* --- Ending ---------------------------------------------------------------------------------------------------- */

static void let_go(sim_transport *transport) {
    transport->gone = true;
    if (transport->offers) {
        sim_udp_unbind(transport->peer, transport->id);
    }
}

static void sweep(sim_world *world) {
    for (sim_transport **at = &world->udp->transports; *at != NULL;) {
        sim_transport *transport = *at;
        if (!transport->gone) {
            at = &transport->next;
            continue;
        }
        *at = transport->next;
        dx_ice_destroy(transport->ice);
        free(transport);
    }
}

static void end(sim_transport *transport, int reason, const char *why) {
    sim_world *world = transport->peer->world;
    if (transport->gone) {
        return;
    }
    sim_note(world, "peer %zu: link %u ends: %s", transport->peer->index, (unsigned)transport->number, why);
    world->counts[SIM_PATHLESS] += !transport->up && transport->described && !transport->has_path;
    world->counts[SIM_UNVERIFIED] += reason == DX_E_VERIFY;
    world->counts[SIM_CONSENT_LOST] += transport->up;
    let_go(transport);
    if (transport->up) {
        sim_net_down(transport->peer, transport->number, reason, why);
        return;
    }
    sim_peer_event(transport->peer, &(dx_event){.kind = DX_EVENT_LINK_DOWN,
                                                .link = transport->number,
                                                .reason = reason,
                                                .body = dx_bytes_text(why)});
}

void sim_peer_link_over(const sim_peer *peer, uint64_t number) {
    sim_transport *transport = find_link(peer, number);
    if (transport != NULL) {
        let_go(transport);
    }
}

/* --- Signals ------------------------------------------------------------------------------------------------------ */

static void tell_signal(sim_transport *transport, dx_bytes value, const char *type) {
    dx_buf body;
    dx_buf_init(&body, &sim_heap, SIGNAL_SIZE_MAX);
    int error = dx_sdp_write_signal(value, type, &body);
    DX_ASSERT(error == DX_OK);
    sim_peer_event(
        transport->peer,
        &(dx_event){.kind = DX_EVENT_SIGNAL, .link = transport->number, .body = dx_buf_view(&body)});
    dx_buf_deinit(&body);
}

static void send_datagram(sim_transport *transport, const dx_ice_output *output) {
    const sim_udp_port *port = sim_udp_find(transport->peer, output->socket);
    sim_check_asked(transport, &output->to);
    if (port != NULL) { /* else it has moved, and does not know yet */
        sim_udp_send(transport->peer->world, port, &output->to, output->bytes);
    }
}

/* Carries out what ICE wants; candidates go into a description about to be told, or by themselves. */
static void drain(sim_transport *transport, dx_sdp *sdp) {
    dx_ice_output output;
    while (!transport->gone && transport->ice != NULL && dx_ice_next(transport->ice, &output)) {
        switch (output.kind) {
        case DX_ICE_OUTPUT_DATAGRAM:
            send_datagram(transport, &output);
            break;
        case DX_ICE_OUTPUT_CANDIDATE:
            if (sdp != NULL) {
                dx_sdp_add_candidate(sdp, output.line);
            } else {
                tell_signal(transport, output.line, NULL);
            }
            break;
        case DX_ICE_OUTPUT_SELECTED:
            sim_check_chosen(transport, &output.pair);
            break;
        case DX_ICE_OUTPUT_FAILED:
            end(transport, DX_E_UNREACHABLE, dx_ice_reason_text(output.reason));
            break;
        }
    }
    transport->has_path = !transport->gone && transport->ice != NULL &&
                          dx_ice_path(transport->ice, &transport->out, &transport->out_to);
    uint64_t since_ms = transport->pathless_ms != 0 ? transport->pathless_ms : transport->peer->world->now_ms;
    transport->pathless_ms = transport->has_path ? 0 : since_ms;
}

/* The number of a certificate as its fingerprint: zeros, and the number. */
static void fill_fingerprint(uint64_t number, uint8_t out[static DX_SDP_FINGERPRINT_SIZE]) {
    memset(out, 0, DX_SDP_FINGERPRINT_SIZE);
    for (size_t i = 0; i < sizeof number; i++) {
        out[DX_SDP_FINGERPRINT_SIZE - 1 - i] = (uint8_t)(number >> (8 * i));
    }
}

static uint64_t read_fingerprint(const uint8_t fingerprint[static DX_SDP_FINGERPRINT_SIZE]) {
    uint64_t number = 0;
    for (size_t i = DX_SDP_FINGERPRINT_SIZE - sizeof number; i < DX_SDP_FINGERPRINT_SIZE; i++) {
        number = number << 8 | fingerprint[i];
    }
    return number;
}

static void describe(sim_transport *transport) {
    static dx_sdp sdp; /* one thread, and too large for a stack */
    dx_buf text;
    dx_sdp_init(&sdp);
    drain(transport, &sdp);
    sdp.session = transport->id;
    snprintf(sdp.ufrag, sizeof sdp.ufrag, "%s", dx_ice_ufrag(transport->ice));
    snprintf(sdp.password, sizeof sdp.password, "%s", dx_ice_password(transport->ice));
    sdp.trickle = true;
    sdp.pacing_ms = DX_ICE_PACING_MS;
    fill_fingerprint(transport->id, sdp.fingerprint);
    sdp.setup = transport->offers ? DX_SDP_ACTPASS : DX_SDP_ACTIVE;
    sdp.sctp_port = DX_SDP_SCTP_PORT;
    sdp.max_message_size = DX_SDP_MESSAGE_SIZE_DEFAULT;
    dx_buf_init(&text, &sim_heap, DX_SDP_SIZE_MAX);
    int error = dx_sdp_write(&sdp, &text);
    DX_ASSERT(error == DX_OK);
    tell_signal(transport, dx_buf_view(&text), transport->offers ? "offer" : "answer");
    dx_buf_deinit(&text);
}

static void add_sockets(sim_transport *transport) {
    sim_peer *peer = transport->peer;
    uint64_t owner = transport->offers ? transport->id : 0;
    const sim_udp_port *port;
    sim_udp_bind(peer, owner);
    for (transport->socket_count = 0; transport->socket_count < SIM_LOCALS_MAX &&
                                      (port = sim_udp_port_at(peer, owner, transport->socket_count)) != NULL;
         transport->socket_count++) {
        transport->sockets[transport->socket_count] = port->socket;
        int error = dx_ice_add_local(transport->ice, peer->world->now_ms, port->socket, &port->address);
        DX_ASSERT(error == DX_OK);
    }
}

static void begin_ice(sim_transport *transport) {
    sim_world *world = transport->peer->world;
    bool wrong = sim_udp_draw(world, WRONG_ROLE_ONE_IN) == 0;
    dx_ice_options options = {.alloc = &sim_heap,
                              .random = &world->udp->random,
                              .controlling = transport->offers != wrong,
                              .server_count = transport->server_count,
                              .give_up_ms = ATTEMPT_MS};
    memcpy(options.servers, transport->servers, sizeof options.servers);
    int error = dx_ice_create(&options, &transport->ice);
    DX_ASSERT(error == DX_OK);
    add_sockets(transport);
    dx_ice_end_local(transport->ice, world->now_ms);
}

static void hear_description(sim_transport *transport, dx_bytes text) {
    static dx_sdp sdp; /* likewise */
    sim_world *world = transport->peer->world;
    const char *problem = NULL;
    int error = dx_sdp_parse(text, &sdp, &problem);
    if (error != DX_OK || (transport->offers && transport->ice == NULL)) {
        sim_violate(world, "peer %zu hands its transport a description that none made: %s",
                    transport->peer->index, problem == NULL ? "too soon" : problem);
        return;
    }
    uint64_t told = read_fingerprint(sdp.fingerprint);
    if (transport->described && told != transport->told) {
        sim_violate(world, "peer %zu hands its transport a description with another certificate",
                    transport->peer->index);
        return;
    }
    transport->told = told;
    transport->restarts += transport->described;
    if (transport->ice == NULL) {
        begin_ice(transport);
    }
    const dx_ice_remote remote = {.ufrag = dx_bytes_text(sdp.ufrag),
                                  .password = dx_bytes_text(sdp.password),
                                  .lite = sdp.ice_lite,
                                  .pacing_ms = sdp.pacing_ms,
                                  .answer = transport->offers};
    error = dx_ice_set_remote(transport->ice, world->now_ms, &remote);
    DX_ASSERT(error == DX_OK);
    transport->described = true;
    for (size_t i = 0; i < sdp.candidate_count; i++) {
        (void)!dx_ice_add_remote_candidate(transport->ice, world->now_ms, &sdp.candidates[i]);
    }
    if (sdp.end_of_candidates) {
        (void)!dx_ice_add_remote(transport->ice, world->now_ms, dx_bytes_of(NULL, 0));
    }
    if (!transport->offers) {
        describe(transport);
    }
}

static void hear_servers(sim_transport *transport, dx_bytes list) {
    dx_reader reader;
    dx_reader_init(&reader, list);
    for (size_t left = dx_read_array(&reader); left > 0 && reader.error == DX_OK; left--) {
        dx_reader server;
        dx_reader_init(&server, dx_read_item(&reader));
        dx_bytes url = dx_read_array(&server) > 0 ? dx_read_text(&server) : dx_bytes_of(NULL, 0);
        size_t skipped = sizeof stun_scheme - 1;
        if (url.size > skipped && memcmp(url.data, stun_scheme, skipped) == 0 &&
            transport->server_count < DX_ICE_SERVERS_MAX &&
            dx_net_address_parse(dx_bytes_of(url.data + skipped, url.size - skipped),
                                 &transport->servers[transport->server_count]) == DX_OK) {
            transport->server_count++;
        }
    }
}

static void hear_signal(sim_transport *transport, dx_bytes signal) {
    sim_world *world = transport->peer->world;
    dx_bytes type = dx_item_text(dx_item_get(signal, "type"));
    dx_bytes candidate = dx_item_get(signal, "candidate"), servers = dx_item_get(signal, "servers");
    if (dx_bytes_equal(type, dx_bytes_text(transport->offers ? "answer" : "offer"))) {
        hear_description(transport, dx_item_text(dx_item_get(signal, "sdp")));
    } else if (dx_item_kind(candidate) == DX_KIND_TEXT) {
        if (transport->ice != NULL) {
            (void)!dx_ice_add_remote(transport->ice, world->now_ms, dx_item_text(candidate));
        }
    } else if (dx_item_kind(servers) == DX_KIND_ARRAY) {
        hear_servers(transport, servers);
    } else {
        sim_violate(world, "peer %zu hands its transport what no transport said", transport->peer->index);
    }
}

/* --- The stand-in for DTLS --------------------------------------------------------------------------------------------- */

static void say_hello(sim_transport *transport) {
    sim_world *world = transport->peer->world;
    const sim_udp_port *port = transport->has_path ? sim_udp_find(transport->peer, transport->out) : NULL;
    uint8_t hello[HELLO_SIZE] = {
        HANDSHAKE, (uint8_t)((transport->seen ? SEEN : 0) | (transport->confirmed ? CONFIRMED : 0))};
    for (size_t i = 0; i < sizeof transport->id; i++) {
        hello[2 + i] = (uint8_t)(transport->id >> (8 * i));
    }
    transport->hello_ms = transport->confirmed ? DX_NO_DEADLINE : world->now_ms + transport->hello_wait_ms;
    transport->hello_wait_ms =
        transport->hello_wait_ms * 2 < HELLO_LAST_MS ? transport->hello_wait_ms * 2 : HELLO_LAST_MS;
    if (port != NULL) {
        sim_udp_send(world, port, &transport->out_to, dx_bytes_of(hello, sizeof hello));
    }
}

/* Its certificate must be the one that the description named; who stands in the middle shows the one he put there. */
static void hear_hello(sim_transport *transport, dx_bytes bytes) {
    uint64_t shown = 0;
    if (bytes.size != HELLO_SIZE || !transport->described) {
        return; /* it comes again */
    }
    for (size_t i = 0; i < sizeof shown; i++) {
        shown |= (uint64_t)bytes.data[2 + i] << (8 * i);
    }
    if (transport->told != shown && transport->told != (shown | SIM_MIDDLE)) {
        end(transport, DX_E_VERIFY, "the other side shows another certificate than its description names");
        return;
    }
    bool first = !transport->seen;
    transport->seen = true;
    transport->confirmed = transport->confirmed || (bytes.data[1] & SEEN) != 0;
    if ((bytes.data[1] & CONFIRMED) == 0 || first) {
        say_hello(transport);
    }
}

static void join(sim_transport *transport) {
    sim_transport *other = counterpart(transport);
    if (other == NULL || !other->confirmed || other->up || sim_peer_frozen(other->peer)) {
        return;
    }
    sim_transport *offerer = transport->offers ? transport : other;
    sim_transport *answerer = transport->offers ? other : transport;
    sim_world *world = transport->peer->world;
    transport->up = other->up = true;
    transport->restarted_ms = other->restarted_ms = world->now_ms;
    transport->heard_ms = other->heard_ms = world->now_ms;
    bool middle = offerer->told != answerer->id || answerer->told != offerer->id;
    world->counts[SIM_MIDDLES] += middle;
    if (middle) {
        sim_check_middle(transport);
    }
    sim_net_join(offerer->peer, offerer->number, answerer->peer, answerer->number, middle);
}

/* --- Time ---------------------------------------------------------------------------------------------------------------- */

static const char *name_stage(const sim_transport *transport) {
    return !transport->described  ? "the other side did not answer in time"
           : !transport->has_path ? "no path to the other side was found in time"
                                  : "a path was found, but encryption was not agreed on in time";
}

/* As in a host: how long an established link looks for another path, however many searches it begins. */
static uint64_t path_due_ms(const sim_transport *transport) {
    return transport->up && transport->pathless_ms != 0 ? transport->pathless_ms + ATTEMPT_MS
                                                        : DX_NO_DEADLINE;
}

/* As a host does: the path in use fell silent, or was lost. */
static void look_at_path(sim_transport *transport) {
    dx_ice_pair pair;
    uint64_t now_ms = transport->peer->world->now_ms;
    if (!transport->offers || !transport->up || now_ms < transport->restarted_ms + RESTART_MS ||
        (dx_ice_selected(transport->ice, &pair) && pair.heard_ms + DOUBT_MS > now_ms)) {
        return;
    }
    transport->restarted_ms = now_ms;
    transport->restarts++;
    transport->peer->world->counts[SIM_ICE_RESTARTS]++;
    dx_ice_restart(transport->ice, now_ms);
    describe(transport);
}

static void earlier(uint64_t *due_ms, uint64_t other_ms) {
    *due_ms = other_ms < *due_ms ? other_ms : *due_ms;
}

static void arm(sim_transport *transport) {
    sim_world *world = transport->peer->world;
    uint64_t due_ms = transport->ice == NULL ? DX_NO_DEADLINE : dx_ice_deadline(transport->ice);
    if (!transport->up) {
        earlier(&due_ms, transport->opened_ms + ATTEMPT_MS);
        earlier(&due_ms, transport->hello_ms);
        if (transport->confirmed) {
            earlier(&due_ms, world->now_ms + JOIN_MS);
        }
    } else if (transport->offers) {
        earlier(&due_ms, transport->restarted_ms + RESTART_MS > world->now_ms
                             ? transport->restarted_ms + RESTART_MS
                             : world->now_ms + RESTART_MS);
    }
    earlier(&due_ms, path_due_ms(transport));
    if (due_ms < transport->armed_ms) {
        transport->armed_ms = due_ms > world->now_ms ? due_ms : world->now_ms;
        sim_at(world, transport->armed_ms, on_tick, NULL, transport->id);
    }
}

/* What follows from whatever happened to it. */
static void settle(sim_transport *transport) {
    sim_world *world = transport->peer->world;
    drain(transport, NULL);
    if (!transport->gone && transport->ice != NULL) {
        look_at_path(transport);
    }
    if (!transport->gone && !transport->offers && !transport->began && transport->has_path) {
        transport->began = true; /* who answers begins */
        say_hello(transport);
    } else if (!transport->gone && world->now_ms >= transport->hello_ms) {
        say_hello(transport);
    }
    if (!transport->gone && transport->confirmed && !transport->up) {
        join(transport);
    }
    if (!transport->gone && world->now_ms >= path_due_ms(transport)) {
        end(transport, DX_E_UNREACHABLE, "the path in use was lost, and no other was found in time");
    }
    if (!transport->gone && !transport->up && world->now_ms >= transport->opened_ms + ATTEMPT_MS) {
        end(transport, DX_E_TIMEOUT, name_stage(transport));
    }
    if (!transport->gone) {
        sim_check_path(transport);
        arm(transport);
    }
}

static void on_tick(sim_world *world, void *ctx, uint64_t id) {
    sweep(world);
    sim_transport *transport = find_id(world, id);
    (void)ctx;
    if (transport == NULL || world->now_ms < transport->armed_ms) {
        return; /* there is another tick, earlier planned or later */
    }
    transport->armed_ms = DX_NO_DEADLINE;
    if (sim_peer_frozen(transport->peer)) {
        transport->armed_ms = transport->heard_ms = transport->peer->frozen_until_ms; /* it hears nothing */
        transport->unchosen_ms = 0;
        sim_at(world, transport->armed_ms, on_tick, NULL, id);
        return;
    }
    if (transport->ice == NULL && transport->offers) {
        begin_ice(transport);
        describe(transport);
    } else if (transport->ice != NULL) {
        dx_ice_tick(transport->ice, world->now_ms);
    }
    settle(transport);
}

void sim_peer_link_thaw(const sim_peer *peer) {
    for (sim_transport *transport = peer->world->udp == NULL ? NULL : peer->world->udp->transports;
         transport != NULL; transport = transport->next) {
        if (transport->peer == peer && !transport->gone) {
            transport->armed_ms = transport->heard_ms = peer->world->now_ms;
            transport->unchosen_ms = 0;
            sim_at(peer->world, peer->world->now_ms, on_tick, NULL, transport->id);
        }
    }
}

void sim_peer_link_receive(sim_peer *peer, const sim_udp_port *port, const dx_net_address *from,
                           dx_bytes bytes) {
    sim_world *world = peer->world;
    sweep(world);
    for (sim_transport *transport = world->udp->transports; transport != NULL; transport = transport->next) {
        if (transport->gone || transport->ice == NULL || !sim_peer_link_owns(transport, port) ||
            !dx_ice_wants(transport->ice, port->socket, from, bytes)) {
            continue;
        }
        transport->heard_ms = world->now_ms;
        sim_check_heard(transport, from);
        if (dx_stun_is(bytes)) {
            dx_ice_receive(transport->ice, world->now_ms, port->socket, from, bytes);
            drain(transport, NULL);
        } else {
            hear_hello(transport, bytes);
        }
        if (!transport->gone) {
            settle(transport);
        }
        return;
    }
}

void sim_peer_link_move(sim_peer *peer) {
    sim_world *world = peer->world;
    sweep(world);
    for (sim_transport *transport = world->udp->transports; transport != NULL; transport = transport->next) {
        if (transport->gone || transport->peer != peer || transport->ice == NULL) {
            continue;
        }
        for (size_t i = 0; i < transport->socket_count; i++) {
            dx_ice_remove_local(transport->ice, world->now_ms, transport->sockets[i]);
        }
        add_sockets(transport);
        transport->restarts++;
        if (transport->offers && transport->up) {
            transport->restarted_ms = world->now_ms;
            dx_ice_restart(transport->ice, world->now_ms);
            describe(transport);
        }
        settle(transport);
    }
}

/* --- What the nodes do --------------------------------------------------------------------------------------------------- */

void sim_peer_link_open(sim_peer *peer, uint64_t number, bool offers) {
    sim_world *world = peer->world;
    sim_transport *transport = calloc(1, sizeof *transport);
    DX_ASSERT(transport != NULL);
    transport->peer = peer;
    transport->number = number;
    transport->id = ++world->udp->next_transport;
    transport->offers = offers;
    transport->opened_ms = world->now_ms;
    transport->armed_ms = transport->hello_ms = DX_NO_DEADLINE;
    transport->hello_wait_ms = HELLO_MS;
    sim_transport **last = &world->udp->transports;
    while (*last != NULL) {
        last = &(*last)->next;
    }
    *last = transport; /* at the end: whoever goes through them may meet it */
    if (offers) {
        sim_check_attempt(peer);
        transport->armed_ms = world->now_ms + 1; /* the node may name servers meanwhile */
        sim_at(world, transport->armed_ms, on_tick, NULL, transport->id);
    } else {
        arm(transport);
    }
}

static void on_signal(sim_world *world, void *ctx, uint64_t id) {
    const sim_signal *signal = ctx;
    sweep(world);
    sim_transport *transport = find_id(world, id);
    if (transport != NULL) {
        hear_signal(transport, dx_bytes_of(signal->bytes, signal->size));
    }
    if (transport != NULL && !transport->gone) {
        settle(transport);
    }
}

/* Not at once: the node is in the midst of a step. */
bool sim_peer_link_signal(const sim_peer *peer, uint64_t number, dx_bytes body) {
    const sim_transport *transport = find_link(peer, number);
    if (transport == NULL) {
        return false;
    }
    sim_signal *signal = malloc(sizeof *signal + body.size);
    DX_ASSERT(signal != NULL);
    signal->size = body.size;
    memcpy(signal->bytes, body.data, body.size);
    sim_at_owning(peer->world, peer->world->now_ms, on_signal, signal, transport->id);
    return true;
}

bool sim_peer_link_close(const sim_peer *peer, uint64_t number) {
    sim_transport *transport = find_link(peer, number);
    bool opening = transport != NULL && !transport->up;
    if (opening) {
        let_go(transport);
    }
    return opening;
}

bool sim_peer_link_carries(const sim_peer *from, uint64_t number) {
    const sim_transport *transport = find_link(from, number);
    sim_world *world = from->world;
    static const uint8_t record[] = {HANDSHAKE};
    sim_arrival arrival;
    const sim_udp_port *port =
        transport == NULL || !transport->has_path ? NULL : sim_udp_find(from, transport->out);
    if (port == NULL ||
        !sim_internet_route(&world->udp->net, world->now_ms, port, &transport->out_to, &arrival)) {
        return false;
    }
    const sim_udp_port *target = sim_internet_find_port(&world->udp->net, arrival.lan, &arrival.to);
    const sim_transport *other = counterpart(transport);
    return target != NULL && other != NULL && other->ice != NULL && sim_peer_link_owns(other, target) &&
           dx_ice_wants(other->ice, target->socket, &arrival.from, dx_bytes_of(record, sizeof record));
}

/* --- Life ------------------------------------------------------------------------------------------------------------------ */

void sim_peer_link_peer_gone(const sim_peer *peer) {
    if (peer->world->udp == NULL) {
        return;
    }
    for (sim_transport *transport = peer->world->udp->transports; transport != NULL;
         transport = transport->next) {
        if (transport->peer == peer) {
            let_go(transport);
        }
    }
    sim_udp_unbind(peer, 0);
}

void sim_peer_link_stranger(sim_world *world) {
    sim_transport *found = NULL;
    uint64_t seen = 0;
    for (sim_transport *at = world->udp->transports; at != NULL; at = at->next) {
        if (!at->gone && at->ice != NULL && at->socket_count > 0 && !sim_peer_frozen(at->peer) &&
            sim_udp_draw(world, ++seen) == 0) {
            found = at;
        }
    }
    if (found != NULL) {
        sim_check_stranger(found);
        settle(found);
    }
}

void sim_udp_deinit(sim_world *world) {
    if (world->udp == NULL) {
        return;
    }
    for (sim_transport *at = world->udp->transports; at != NULL; at = at->next) {
        at->gone = true;
    }
    sweep(world);
    free(world->udp);
    world->udp = NULL;
}
