/* net/ice_answer.c: what arrives: the other side's checks, and answers to ours.
 *
 * Layer: floor 2, net. RFC 8445 §7.2.5 (answers), §7.3 (requests). Nothing is believed, kept or answered before
 * the message's integrity holds under a password of ours (requests) or theirs (answers). */
#include "net/ice_agent.h"

#include <string.h>

#include "net/scan.h"

const ice_credentials *dx_ice_addressed(const dx_ice *ice, dx_bytes username) {
    dx_bytes rest = username;
    dx_bytes addressee = dx_scan_until(&rest, ':');
    if (addressee.size == username.size) {
        return NULL;
    }
    if (dx_bytes_equal(addressee, dx_bytes_text(ice->present.ufrag))) {
        return &ice->present;
    }
    bool older = addressee.size > 0 && dx_bytes_equal(addressee, dx_bytes_text(ice->previous.ufrag));
    return older ? &ice->previous : NULL;
}

ice_pairing *dx_ice_find_asked(const dx_ice *ice, uint32_t socket, const uint8_t *transaction, bool *latest) {
    for (size_t i = 0; i < DX_ICE_PAIRS_MAX; i++) {
        const ice_pairing *pair = &ice->pairs[i];
        const ice_transaction *check = &pair->check;
        if (!pair->used || ice->bases[pair->base].socket != socket) {
            continue;
        }
        *latest = check->active && memcmp(check->id, transaction, DX_STUN_TRANSACTION_SIZE) == 0;
        if (*latest ||
            (check->has_previous && memcmp(check->previous, transaction, DX_STUN_TRANSACTION_SIZE) == 0)) {
            return (ice_pairing *)pair;
        }
    }
    return NULL;
}

/* --- Requests ----------------------------------------------------------------------------------------------- */

static void answer(dx_ice *ice, uint32_t socket, const dx_net_address *to, const dx_stun_message *request,
                   const ice_credentials *credentials, int error) {
    dx_stun_writer writer;
    dx_stun_begin(&writer, error == 0 ? DX_STUN_SUCCESS : DX_STUN_ERROR, DX_STUN_BINDING,
                  request->transaction);
    if (error == 0) {
        dx_stun_add_mapped(&writer, to);
    } else {
        dx_stun_add_error(&writer, error);
    }
    if (error == DX_STUN_UNKNOWN_ATTRIBUTE) {
        dx_stun_add_unknown(&writer, request->unknown, request->unknown_count);
    }
    dx_stun_add_integrity(&writer, dx_bytes_text(credentials->password));
    dx_stun_add_fingerprint(&writer);
    dx_ice_send(ice, socket, to, dx_stun_written(&writer));
}

/* §7.3.1.1: of two that play one role the one with the larger tie-breaker has its way. true: we do, and the other
 * side is told. */
static bool insists_on_role(dx_ice *ice, const dx_stun_message *request) {
    bool larger = ice->tie_breaker >= request->tie_breaker;
    bool both_control = ice->controlling && request->role == DX_STUN_CONTROLLING;
    bool none_controls = !ice->controlling && request->role == DX_STUN_CONTROLLED;
#if defined(DX_PLANT) && DX_PLANT == 30
    both_control = none_controls = false;
#endif
    if ((both_control && !larger) || (none_controls && larger)) {
        dx_ice_switch_role(ice);
        return false;
    }
    return both_control || none_controls;
}

/* §7.3.1.3: an address nobody told, learned from a check that came from it. Its foundation is its own. */
static ice_target *learn_target(dx_ice *ice, uint32_t generation, const dx_net_address *address,
                                uint32_t priority) {
    ice_target *target = dx_ice_take_target(ice);
    if (target) {
        *target = (ice_target){
            .used = true,
            .generation = generation,
            .type = DX_CANDIDATE_PEER_REFLEXIVE,
            .priority = priority,
            .address = *address,
        };
        dx_candidate_foundation(DX_CANDIDATE_PEER_REFLEXIVE, ++ice->target_numbers, 0, target->foundation);
    }
    return target;
}

/* §7.3.1.4, §7.3.1.5: who checks a pair from there can be checked from here. */
static void follow_check(dx_ice *ice, uint32_t generation, const ice_base *base, const dx_net_address *from,
                         const dx_stun_message *request) {
    ice_target *target = dx_ice_find_target(ice, generation, from);
    if (!target) {
        target = learn_target(ice, generation, from, request->priority);
    }
    ice_pairing *pair = target ? dx_ice_take_pair(ice, base, target) : NULL;
    if (!pair) {
        return;
    }
    target->heard_ms = ice->now_ms;
    pair->checks_received++;
    if (request->use_candidate && !ice->controlling) {
        pair->nominated_by_peer = true;
        pair->nominated_ms = ice->now_ms;
        dx_ice_consider_nominated(ice, pair);
    }
    bool faded = pair != dx_ice_selected_pair(ice) && ice->now_ms >= pair->heard_ms + DX_ICE_CONSENT_MS;
    if (pair->state != ICE_SUCCEEDED || faded) {
        dx_ice_trigger(ice, pair, ICE_FIND);
    }
}

static void hear_request(dx_ice *ice, const ice_base *base, const dx_net_address *from,
                         const dx_stun_message *request) {
    const ice_credentials *credentials = dx_ice_addressed(ice, request->username);
#if defined(DX_PLANT) && DX_PLANT == 32
    if (!credentials) {
#else
    if (!credentials || dx_stun_verify(request, dx_bytes_text(credentials->password)) != DX_OK) {
#endif
        return;
    }
    bool present = credentials == &ice->present;
    if (request->unknown_count > 0) {
        answer(ice, base->socket, from, request, credentials, DX_STUN_UNKNOWN_ATTRIBUTE);
        return;
    }
    if (present && insists_on_role(ice, request)) {
        answer(ice, base->socket, from, request, credentials, DX_STUN_ROLE_CONFLICT);
        return;
    }
    answer(ice, base->socket, from, request, credentials, 0);
    const ice_pairing *selected = dx_ice_selected_pair(ice);
    bool passed = selected && selected->generation == ice->generation;
    if (present || !passed) { /* once the new generation is in use, the one before is answered and no more */
        follow_check(ice, present ? ice->generation : ice->generation - 1, base, from, request);
    }
}

/* --- Answers ------------------------------------------------------------------------------------------------- */

/* §7.2.5.1: the other side insists. With a new tie-breaker and the other role it is asked again. */
static void hear_conflict(dx_ice *ice, ice_pairing *pair) {
    bool was_controlling = pair->check.role == DX_STUN_CONTROLLING;
    pair->check.active = false;
    if (ice->controlling == was_controlling && !ice->remote_lite) {
        dx_ice_switch_role(ice);
        ice->random->fill(ice->random->ctx, (uint8_t *)&ice->tie_breaker, sizeof ice->tie_breaker);
    }
    dx_ice_trigger(ice, pair, ICE_FIND);
}

static void hear_answer(dx_ice *ice, const ice_base *base, const dx_net_address *from,
                        const dx_stun_message *message) {
    bool latest = false;
    ice_pairing *pair = dx_ice_find_asked(ice, base->socket, message->transaction, &latest);
    if (!pair) {
        return;
    }
    const ice_credentials *credentials = pair->generation == ice->generation ? &ice->present : &ice->previous;
    if (!credentials->has_remote ||
        dx_stun_verify(message, dx_bytes_text(credentials->remote_password)) != DX_OK) {
        ice->refused |= message->class == DX_STUN_ERROR; /* anyone can say no: noted, not obeyed */
        return;
    }
    /* §7.2.5.2.1: an answer from elsewhere than was asked means a path that is not the same both ways. */
    bool symmetric = dx_net_address_equal(from, &ice->targets[pair->target].address);
    if (message->class == DX_STUN_ERROR && message->error_code == DX_STUN_ROLE_CONFLICT && symmetric) {
        if (latest) {
            hear_conflict(ice, pair);
        }
    } else if (message->class == DX_STUN_ERROR || !symmetric) {
        ice->refused |= message->class == DX_STUN_ERROR;
        if (latest && pair != dx_ice_selected_pair(ice)) {
            pair->check.active = false;
            pair->state = ICE_BROKEN;
        }
    } else if (message->mapped.family != DX_NET_NONE && message->unknown_count == 0) {
        dx_ice_answered(ice, pair, message, latest);
    }
}

void dx_ice_hear(dx_ice *ice, uint32_t socket, const dx_net_address *from, dx_bytes datagram) {
    dx_stun_message message;
    int base = dx_ice_find_base(ice, socket);
    if (base < 0 || !dx_net_address_usable(from) || dx_stun_decode(datagram, &message) != DX_OK ||
        message.method != DX_STUN_BINDING) {
        return;
    }
    if (message.class == DX_STUN_REQUEST) {
        hear_request(ice, &ice->bases[base], from, &message);
    } else if (message.class != DX_STUN_INDICATION && !dx_ice_gather_receive(ice, socket, from, &message)) {
        hear_answer(ice, &ice->bases[base], from, &message);
    }
}
