/* net/ice_list.c: the check list: targets, pairs, their order and their foundations.
 *
 * Layer: floor 2, net. RFC 8445 §6.1.2, §6.1.4. Reflexive candidates stand in pairs as their bases (§6.1.2.4), so
 * a pair is a base and a target, and no two are redundant. */
#include "net/ice_agent.h"

#include <string.h>

int dx_ice_find_base(const dx_ice *ice, uint32_t socket) {
    for (int i = 0; i < DX_ICE_LOCALS_MAX; i++) {
        if (ice->bases[i].used && ice->bases[i].socket == socket) {
            return i;
        }
    }
    return ICE_NO_PAIR;
}

ice_target *dx_ice_find_target(dx_ice *ice, uint32_t generation, const dx_net_address *address) {
    for (size_t i = 0; i < DX_ICE_REMOTES_MAX; i++) {
        ice_target *target = &ice->targets[i];
        if (target->used && target->generation == generation &&
            dx_net_address_equal(&target->address, address)) {
            return target;
        }
    }
    return NULL;
}

ice_pairing *dx_ice_selected_pair(const dx_ice *ice) {
    return ice->selected == ICE_NO_PAIR ? NULL : (ice_pairing *)&ice->pairs[ice->selected];
}

void dx_ice_drop_pair(dx_ice *ice, ice_pairing *pair) {
    if (pair == dx_ice_selected_pair(ice)) {
        ice->selected = ICE_NO_PAIR;
    }
    *pair = (ice_pairing){0};
}

static void drop_target(dx_ice *ice, ice_target *target) {
    for (size_t i = 0; i < DX_ICE_PAIRS_MAX; i++) {
        if (ice->pairs[i].used && &ice->targets[ice->pairs[i].target] == target) {
            dx_ice_drop_pair(ice, &ice->pairs[i]);
        }
    }
    *target = (ice_target){0};
}

/* Whether a pair of the target is in use, worked lately, is being tried, or was told and is still to be. */
static bool is_of_use(const dx_ice *ice, const ice_target *target) {
    bool told = target->type != DX_CANDIDATE_PEER_REFLEXIVE;
    for (size_t i = 0; i < DX_ICE_PAIRS_MAX; i++) {
        const ice_pairing *pair = &ice->pairs[i];
        bool begun = pair->state == ICE_IN_PROGRESS || pair->triggered != 0;
        bool works = pair->state == ICE_SUCCEEDED && ice->now_ms < pair->heard_ms + DX_ICE_CONSENT_LOST_MS;
        bool hoped = told && (pair->state == ICE_FROZEN || pair->state == ICE_PENDING);
        if (pair->used && &ice->targets[pair->target] == target &&
            ((int)i == ice->selected || begun || works || hoped)) {
            return true;
        }
    }
    return false;
}

/* Of those that lead nowhere the one not heard for longest; a peer that moves often fills no list. */
ice_target *dx_ice_take_target(dx_ice *ice) {
    ice_target *oldest = NULL;
    for (size_t i = 0; i < DX_ICE_REMOTES_MAX; i++) {
        ice_target *target = &ice->targets[i];
        if (!target->used) {
            return target;
        }
        if (!is_of_use(ice, target) && (!oldest || target->heard_ms < oldest->heard_ms)) {
            oldest = target;
        }
    }
    if (oldest) {
        drop_target(ice, oldest);
    }
    return oldest;
}

/* --- Pairs ------------------------------------------------------------------------------------------------ */

/* §6.1.2.2: one family, and IPv6 link-local addresses among themselves. A loopback address reaches its own machine
 * alone. */
static bool can_reach(const ice_base *base, const ice_target *target) {
    dx_net_class here = dx_net_classify(&base->address), there = dx_net_classify(&target->address);
    if (base->address.family != target->address.family ||
        (here == DX_NET_LOOPBACK) != (there == DX_NET_LOOPBACK)) {
        return false;
    }
    return base->address.family == DX_NET_IPV4 || (here == DX_NET_LINK_LOCAL) == (there == DX_NET_LINK_LOCAL);
}

static uint64_t weigh(const dx_ice *ice, const ice_base *base, const ice_target *target) {
    uint32_t own = dx_candidate_priority(DX_CANDIDATE_HOST, base->preference);
    return ice->controlling ? dx_candidate_pair_priority(own, target->priority)
                            : dx_candidate_pair_priority(target->priority, own);
}

void dx_ice_weigh_pairs(dx_ice *ice) {
    for (size_t i = 0; i < DX_ICE_PAIRS_MAX; i++) {
        ice_pairing *pair = &ice->pairs[i];
        if (pair->used) {
            pair->priority = weigh(ice, &ice->bases[pair->base], &ice->targets[pair->target]);
        }
    }
}

/* The least promising of those not begun or broken, when it is worth less than the newcomer. */
static ice_pairing *take_place(dx_ice *ice, uint64_t priority) {
    ice_pairing *least = NULL;
    for (size_t i = 0; i < DX_ICE_PAIRS_MAX; i++) {
        ice_pairing *pair = &ice->pairs[i];
        if (!pair->used) {
            return pair;
        }
        bool idle = (int)i != ice->selected && pair->triggered == 0 &&
                    (pair->state == ICE_FROZEN || pair->state == ICE_PENDING || pair->state == ICE_BROKEN);
        bool lesser = pair->state == ICE_BROKEN || pair->priority < priority;
        if (idle && lesser && (!least || pair->priority < least->priority)) {
            least = pair;
        }
    }
    return least;
}

ice_pairing *dx_ice_take_pair(dx_ice *ice, const ice_base *base, const ice_target *target) {
    for (size_t i = 0; i < DX_ICE_PAIRS_MAX; i++) {
        ice_pairing *pair = &ice->pairs[i];
        if (pair->used && &ice->bases[pair->base] == base && &ice->targets[pair->target] == target) {
            return pair;
        }
    }
    uint64_t priority = weigh(ice, base, target);
    ice_pairing *pair = take_place(ice, priority);
    if (pair) {
        *pair = (ice_pairing){
            .used = true,
            .base = (uint8_t)(base - ice->bases),
            .target = (uint8_t)(target - ice->targets),
            .generation = target->generation,
            .priority = priority,
        };
    }
    return pair;
}

void dx_ice_pair_base(dx_ice *ice, const ice_base *base) {
    for (size_t i = 0; i < DX_ICE_REMOTES_MAX; i++) {
        const ice_target *target = &ice->targets[i];
        if (target->used && target->generation == ice->generation && can_reach(base, target)) {
            (void)dx_ice_take_pair(ice, base, target);
        }
    }
}

void dx_ice_pair_target(dx_ice *ice, const ice_target *target) {
    for (size_t i = 0; i < DX_ICE_LOCALS_MAX; i++) {
        if (ice->bases[i].used && can_reach(&ice->bases[i], target)) {
            (void)dx_ice_take_pair(ice, &ice->bases[i], target);
        }
    }
}

void dx_ice_drop_previous(dx_ice *ice) {
    for (size_t i = 0; i < DX_ICE_REMOTES_MAX; i++) {
        if (ice->targets[i].used && ice->targets[i].generation != ice->generation) {
            drop_target(ice, &ice->targets[i]);
        }
    }
}

void dx_ice_turn_generation(dx_ice *ice) {
    bool heard[DX_ICE_REMOTES_MAX] = {false};
    for (size_t i = 0; i < DX_ICE_PAIRS_MAX; i++) {
        ice_pairing *pair = &ice->pairs[i];
        if (pair->used && pair->answers_received == 0 && pair->checks_received == 0) {
            dx_ice_drop_pair(ice, pair);
        } else if (pair->used) {
            heard[pair->target] = true;
            pair->generation = ice->generation;
            pair->triggered = 0;
            pair->wanted = ICE_FIND;
        }
    }
    for (size_t i = 0; i < DX_ICE_REMOTES_MAX; i++) {
        ice->targets[i].generation = ice->generation;
        if (!heard[i]) {
            ice->targets[i] = (ice_target){0};
        }
    }
    ice->generation++;
}

/* --- Order ------------------------------------------------------------------------------------------------ */

ice_pairing *dx_ice_best_valid(const dx_ice *ice) {
    const ice_pairing *best = NULL;
    for (size_t i = 0; i < DX_ICE_PAIRS_MAX; i++) {
        const ice_pairing *pair = &ice->pairs[i];
        if (pair->used && pair->generation == ice->generation && pair->state == ICE_SUCCEEDED &&
            (!best || pair->priority > best->priority)) {
            best = pair;
        }
    }
    return (ice_pairing *)best;
}

/* §6.1.2.6: of one component and transport, so of like kinds of addresses. */
static bool same_foundation(const dx_ice *ice, const ice_pairing *a, const ice_pairing *b) {
    return a->generation == b->generation && ice->bases[a->base].number == ice->bases[b->base].number &&
           strcmp(ice->targets[a->target].foundation, ice->targets[b->target].foundation) == 0;
}

static bool is_held_back(const dx_ice *ice, const ice_pairing *frozen) {
    for (size_t i = 0; i < DX_ICE_PAIRS_MAX; i++) {
        const ice_pairing *pair = &ice->pairs[i];
        if (pair->used && (pair->state == ICE_PENDING || pair->state == ICE_IN_PROGRESS) &&
            same_foundation(ice, pair, frozen)) {
            return true;
        }
    }
    return false;
}

/* Whether a comes before b: §6.1.4.2, triggered ones in their order, then waiting ones, then frozen ones. */
static bool comes_before(const ice_pairing *a, const ice_pairing *b) {
    if ((a->triggered != 0) != (b->triggered != 0)) {
        return a->triggered != 0;
    }
    if (a->triggered != 0) {
        return a->triggered < b->triggered;
    }
    return a->state != b->state ? a->state == ICE_PENDING : a->priority > b->priority;
}

ice_pairing *dx_ice_next_check(const dx_ice *ice) {
    const ice_pairing *next = NULL;
    for (size_t i = 0; i < DX_ICE_PAIRS_MAX; i++) {
        const ice_pairing *pair = &ice->pairs[i];
        bool present = pair->generation == ice->generation;
        if (!pair->used || !(present ? &ice->present : &ice->previous)->has_remote) {
            continue;
        }
        bool ordinary =
            present && ice->searching && (pair->state == ICE_PENDING || pair->state == ICE_FROZEN);
        if ((pair->triggered != 0 || ordinary) && (!next || comes_before(pair, next)) &&
            (pair->triggered != 0 || pair->state != ICE_FROZEN || !is_held_back(ice, pair))) {
            next = pair;
        }
    }
    return (ice_pairing *)next;
}

void dx_ice_thaw(dx_ice *ice, const ice_pairing *like) {
    for (size_t i = 0; i < DX_ICE_PAIRS_MAX; i++) {
        ice_pairing *pair = &ice->pairs[i];
        if (pair->used && pair->state == ICE_FROZEN && same_foundation(ice, pair, like)) {
            pair->state = ICE_PENDING;
        }
    }
}

dx_candidate_type dx_ice_local_type(const dx_ice *ice, const ice_pairing *pair) {
    if (pair->mapped.family == DX_NET_NONE ||
        dx_net_address_equal(&pair->mapped, &ice->bases[pair->base].address)) {
        return DX_CANDIDATE_HOST;
    }
    for (size_t i = 0; i < ICE_REFLEXIVES_MAX; i++) {
        const ice_reflexive *reflexive = &ice->reflexives[i];
        if (reflexive->used && reflexive->base == pair->base &&
            dx_net_address_equal(&reflexive->address, &pair->mapped)) {
            return DX_CANDIDATE_SERVER_REFLEXIVE;
        }
    }
    return DX_CANDIDATE_PEER_REFLEXIVE;
}
