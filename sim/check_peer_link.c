/* sim/check_peer_link.c: what must hold of ICE and of the links it brings about, whatever the networks do.
 *
 * Layer: simulator. A pair is chosen only when it answered, and kept only while it answers (RFC 7675); a link without a path ends. An
 * address that never said a word is asked seven times and no more until a new search begins, so nobody is made to flood another (voluntary consent).
 * Who does not know a password gets no answer and leaves no trace. A link with somebody in its middle is ended by the nodes,
 * who bind their channel to both certificates. Attempts are spaced out where no path can be. */
#include <stdlib.h>
#include <string.h>

#include "net/stun.h"
#include "peer_link.h"

enum {
    SENDS_MAX = 7, /* of one check or question to a STUN server */
    /* A chosen path that is in doubt is a reason to check the others anew, at most so often. */
    DOUBT_ROUND_MS = 5000,
    SIGNAL_LATE_MS = 3000, /* sim_plan's delay_max_ms at most */
    LATE_MS = 2000,        /* a tick may come as late as a thaw */
    /* The other side may begin another search at the end of its own, later than ours by a round of consent, and tells of it
     * by signals that are late twice; ours lasts from then on. */
    UNCHOSEN_MAX_MS = 2 * DX_ICE_GIVE_UP_MS + DX_ICE_CONSENT_MS + 2 * SIGNAL_LATE_MS + LATE_MS,
    SILENT_MAX_MS = DX_ICE_CONSENT_LOST_MS + DX_ICE_GIVE_UP_MS + LATE_MS,
    /* First waits of a tenth of a second that double fill a minute with ten attempts. */
    ATTEMPTS_MAX = 12,
    MIDDLE_LOOK_MS = 15000, /* longer than a channel's handshake may last */
    MIDDLE_LOOKS = 3,
    STRANGER_PORT = 6666
};

static dx_net_address stranger(void) {
    static const uint8_t bytes[4] = {192, 0, 2, 66};
    return dx_net_ipv4(bytes, STRANGER_PORT);
}

/* Noted from now on when it was not. */
static sim_asked *note_asked(sim_transport *transport, const dx_net_address *address) {
    size_t count = transport->asked_count < SIM_ASKED_MAX ? transport->asked_count : SIM_ASKED_MAX;
    for (size_t i = 0; i < count; i++) {
        if (dx_net_address_equal(&transport->asked[i].address, address)) {
            return &transport->asked[i];
        }
    }
    sim_asked *noted = &transport->asked[transport->asked_count++ % SIM_ASKED_MAX];
    *noted = (sim_asked){.address = *address};
    return noted;
}

/* Of one family a peer has one address, so an address is asked once in each search. */
void sim_check_asked(sim_transport *transport, const dx_net_address *to) {
    sim_world *world = transport->peer->world;
    const dx_net_address nobody = stranger();
    sim_asked *asked = note_asked(transport, to);
    uint64_t rounds = 1 + transport->restarts;
    rounds += transport->chosen ? 1 + (world->now_ms - transport->opened_ms) / DOUBT_ROUND_MS : 0;
    asked->count++;
    if (dx_net_address_equal(to, &nobody)) {
        sim_violate(world, "peer %zu answers a stranger's STUN", transport->peer->index);
    } else if (!asked->heard && asked->count > SENDS_MAX * rounds) {
        sim_violate(world, "peer %zu sends %u datagrams to an address that never answered",
                    transport->peer->index, asked->count);
    }
}

void sim_check_heard(sim_transport *transport, const dx_net_address *from) {
    note_asked(transport, from)->heard = true;
}

void sim_check_chosen(sim_transport *transport, const dx_ice_pair *pair) {
    transport->chosen = true;
    if (pair->answers_received == 0) {
        sim_violate(transport->peer->world, "peer %zu chooses a path on which nothing was answered",
                    transport->peer->index);
    }
}

void sim_check_path(sim_transport *transport) {
    sim_world *world = transport->peer->world;
    dx_ice_pair pair;
    if (!transport->up) {
        return;
    }
    bool chosen = dx_ice_selected(transport->ice, &pair);
    if (chosen) {
        transport->unchosen_ms = 0;
    } else if (transport->unchosen_ms == 0) {
        transport->unchosen_ms = world->now_ms;
    } else if (world->now_ms > transport->unchosen_ms + UNCHOSEN_MAX_MS) {
        sim_violate(world, "peer %zu keeps a link for which no path is chosen", transport->peer->index);
    }
    if (chosen && world->now_ms > pair.heard_ms + DX_ICE_CONSENT_LOST_MS + LATE_MS) {
        sim_violate(world, "peer %zu keeps a path without consent since %u seconds", transport->peer->index,
                    (unsigned)((world->now_ms - pair.heard_ms) / 1000));
    }
    if (world->now_ms > transport->heard_ms + SILENT_MAX_MS) {
        sim_violate(world, "peer %zu keeps a link that is silent since %u seconds", transport->peer->index,
                    (unsigned)((world->now_ms - transport->heard_ms) / 1000));
    }
}

void sim_check_attempt(sim_peer *peer) {
    sim_world *world = peer->world;
    uint64_t minute = world->now_ms / 60000;
    unsigned *offers = &world->udp->attempts[peer->index].offers;
    if (world->udp->attempts[peer->index].minute != minute ||
        world->udp->attempts[peer->index].life != peer->life) {
        world->udp->attempts[peer->index].minute = minute;
        world->udp->attempts[peer->index].life = peer->life;
        *offers = 0;
    }
    ++*offers;
    /* A liar names peers that are not there, who have waits of their own. */
    if (world->plan.signaling == SIM_HONEST_SIGNALING &&
        *offers > ATTEMPTS_MAX * (world->peer_count - 1) * world->plan.spaces) {
        sim_violate(world, "peer %zu tries %u peer links within a minute", peer->index, *offers);
    }
}

/* --- In the middle ----------------------------------------------------------------------------------------- */

typedef struct sim_middle {
    const sim_peer *peer;
    uint64_t number, life;
    unsigned looks;
} sim_middle;

static void on_middle(sim_world *world, void *ctx, uint64_t number);

static void look_later(sim_world *world, const sim_middle *middle) {
    sim_middle *later = malloc(sizeof *later);
    DX_ASSERT(later != NULL);
    *later = *middle;
    sim_at_owning(world, world->now_ms + MIDDLE_LOOK_MS, on_middle, later, 0);
}

static void on_middle(sim_world *world, void *ctx, uint64_t number) {
    sim_middle *middle = ctx;
    (void)number;
    sim_link_state state =
        middle->peer->life == middle->life ? sim_net_state(middle->peer, middle->number) : SIM_LINK_GONE;
    if (state == SIM_LINK_GONE) {
        return;
    }
    middle->looks += state == SIM_LINK_QUIET && !sim_peer_frozen(middle->peer);
    if (middle->looks >= MIDDLE_LOOKS) {
        sim_violate(world, "peer %zu keeps a link with somebody in its middle", middle->peer->index);
        return;
    }
    look_later(world, middle);
}

void sim_check_middle(const sim_transport *transport) {
    const sim_middle middle = {
        .peer = transport->peer, .number = transport->number, .life = transport->peer->life};
    look_later(transport->peer->world, &middle);
}

/* --- Strangers ------------------------------------------------------------------------------------------------ */

static size_t count_pairs(const dx_ice *ice) {
    dx_ice_pair pair;
    size_t count = 0;
    while (dx_ice_pair_at(ice, count, &pair)) {
        count++;
    }
    return count;
}

/* Knows the name, which goes in clear, and not the password. */
void sim_check_stranger(sim_transport *transport) {
    sim_world *world = transport->peer->world;
    const dx_net_address from = stranger();
    uint8_t transaction[DX_STUN_TRANSACTION_SIZE];
    dx_stun_writer request, answer;
    for (size_t i = 0; i < sizeof transaction; i++) {
        transaction[i] = (uint8_t)sim_udp_draw(world, 256);
    }
    dx_stun_begin(&request, DX_STUN_REQUEST, DX_STUN_BINDING, transaction);
    dx_stun_add_username(&request, dx_bytes_text(dx_ice_ufrag(transport->ice)), dx_bytes_text("stranger"));
    dx_stun_add_priority(&request, UINT32_MAX);
    dx_stun_add_role(&request, DX_STUN_CONTROLLING, UINT64_MAX);
    dx_stun_add_use_candidate(&request);
    if (sim_udp_draw(world, 2) == 0) {
        dx_stun_add_integrity(&request, dx_bytes_text("a password that is not this one"));
    }
    dx_stun_add_fingerprint(&request);
    dx_stun_begin(&answer, DX_STUN_SUCCESS, DX_STUN_BINDING, transaction);
    dx_stun_add_mapped(&answer, &from);
    dx_stun_add_fingerprint(&answer);
    size_t pairs = count_pairs(transport->ice);
    bool controls = dx_ice_is_controlling(transport->ice);
    uint32_t socket = transport->sockets[0];
    dx_ice_receive(transport->ice, world->now_ms, socket, &from, dx_stun_written(&request));
    dx_ice_receive(transport->ice, world->now_ms, socket, &from, dx_stun_written(&answer));
    if (count_pairs(transport->ice) > pairs || dx_ice_is_controlling(transport->ice) != controls) {
        sim_violate(world, "peer %zu believes a stranger's STUN", transport->peer->index);
    }
}
