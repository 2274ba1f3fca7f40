/* net/ice_check.c: sending checks, choosing a pair, and keeping its consent.
 *
 * Layer: floor 2, net. RFC 8445 §6.1.4.2 (which check next), §7.2 (its request), §8.1.1 (regular nomination), §14
 * (pace and patience); RFC 7675 (consent). Everything that is due happens in dx_ice_run, whatever woke the agent. */
#include "net/ice_agent.h"

#include <string.h>

#include "crypto/keys.h"

static const ice_credentials *credentials_of(const dx_ice *ice, const ice_pairing *pair) {
    return pair->generation == ice->generation ? &ice->present : &ice->previous;
}

/* --- One check --------------------------------------------------------------------------------------------- */

/* §14.3: the more pairs share the pace, the longer one waits for its turn; never less than half a second. */
static uint32_t initial_rto_ms(const dx_ice *ice) {
    uint32_t active = 0;
    for (size_t i = 0; i < DX_ICE_PAIRS_MAX; i++) {
        const ice_pairing *pair = &ice->pairs[i];
        active += pair->used && (pair->state == ICE_PENDING || pair->state == ICE_IN_PROGRESS);
    }
    uint32_t round_ms = ice->pacing_ms * active;
    return round_ms > ICE_RTO_MS ? round_ms : ICE_RTO_MS;
}

static void send_check(dx_ice *ice, ice_pairing *pair) {
    ice_transaction *check = &pair->check;
    const ice_credentials *credentials = credentials_of(ice, pair);
    const ice_base *base = &ice->bases[pair->base];
    dx_stun_writer request;
    dx_stun_begin(&request, DX_STUN_REQUEST, DX_STUN_BINDING, check->id);
    dx_stun_add_username(&request, dx_bytes_text(credentials->remote_ufrag),
                         dx_bytes_text(credentials->ufrag));
    dx_stun_add_priority(&request, dx_candidate_priority(DX_CANDIDATE_PEER_REFLEXIVE, base->preference));
    dx_stun_add_role(&request, check->role, ice->tie_breaker);
    if (check->purpose == ICE_NOMINATE) {
        dx_stun_add_use_candidate(&request);
    }
    dx_stun_add_integrity(&request, dx_bytes_text(credentials->remote_password));
    dx_stun_add_fingerprint(&request);
    check->sends++;
    check->sent_ms = ice->now_ms;
    /* Consent has a rhythm of its own. */
    check->due_ms =
        check->purpose == ICE_CONSENT ? DX_NO_DEADLINE : dx_ice_due_after(ice, check->rto_ms, check->sends);
    pair->checks_sent++;
    dx_ice_send(ice, base->socket, &ice->targets[pair->target].address, dx_stun_written(&request));
}

/* What is in flight may still be answered. */
static void set_aside(ice_transaction *check) {
    if (check->active) {
        memcpy(check->previous, check->id, sizeof check->previous);
        check->has_previous = true;
        check->active = false;
    }
}

static void begin_check(dx_ice *ice, ice_pairing *pair, ice_purpose purpose) {
    ice_transaction *check = &pair->check;
    set_aside(check);
    ice->random->fill(ice->random->ctx, check->id, sizeof check->id);
    check->active = true;
    check->purpose = purpose;
    check->role = ice->controlling ? DX_STUN_CONTROLLING : DX_STUN_CONTROLLED;
    check->sends = 0;
    check->rto_ms = initial_rto_ms(ice);
    check->begun_ms = ice->now_ms;
    pair->triggered = 0;
    pair->wanted = ICE_FIND;
    if (purpose != ICE_CONSENT && pair->state != ICE_SUCCEEDED) {
        pair->state = ICE_IN_PROGRESS;
    }
    send_check(ice, pair);
}

void dx_ice_trigger(dx_ice *ice, ice_pairing *pair, ice_purpose wanted) {
    if (pair->triggered == 0) {
        pair->triggered = ++ice->triggered_count;
    }
    if (wanted == ICE_NOMINATE) {
        pair->wanted = wanted;
    }
    if (pair->state != ICE_SUCCEEDED) {
        set_aside(&pair->check);
        pair->state = ICE_PENDING;
    }
}

/* Sends again what was not answered, and gives up what was sent often enough. */
static void check_again(dx_ice *ice) {
    for (size_t i = 0; i < DX_ICE_PAIRS_MAX; i++) {
        ice_pairing *pair = &ice->pairs[i];
        if (!pair->used || !pair->check.active || ice->now_ms < pair->check.due_ms) {
            continue;
        }
#if defined(DX_PLANT) && DX_PLANT == 33
        if (pair->check.sends < 1000) {
#else
        if (pair->check.sends < ICE_SENDS_MAX) {
#endif
            send_check(ice, pair);
            continue;
        }
        pair->check.active = false;
        if ((int)i != ice->selected) { /* of that one consent decides */
            pair->state = ICE_BROKEN;
        }
    }
}

/* §14: one new transaction in each turn; answers to the other side's checks first, then servers and checks by turns.
 */
static void use_turn(dx_ice *ice) {
    if (ice->now_ms < ice->slot_ms) {
        return;
    }
    ice_pairing *pair = dx_ice_next_check(ice);
    bool check_first = pair && (pair->triggered != 0 || !ice->gather_turn);
    bool begun = true;
    if (check_first || !dx_ice_gather_begin(ice)) {
        begun = pair != NULL;
        if (pair) {
            begin_check(ice, pair, pair->wanted);
        }
    }
    if (begun) {
        ice->gather_turn = !ice->gather_turn;
        ice->slot_ms = ice->now_ms + ice->pacing_ms;
    }
}

/* --- Choosing ------------------------------------------------------------------------------------------------- */

void dx_ice_begin_search(dx_ice *ice) {
    ice->searching = true;
    ice->give_up_ms = ice->now_ms + ice->give_up_after_ms;
    ice->first_valid_ms = DX_NO_DEADLINE;
}

/* Ordinary checks stop (§8.1.2); their answers still count. */
static void end_search(dx_ice *ice) {
    ice->searching = ice->repairing = false;
    ice->give_up_ms = DX_NO_DEADLINE;
    for (size_t i = 0; i < DX_ICE_PAIRS_MAX; i++) {
        ice_pairing *pair = &ice->pairs[i];
        if (pair->used && (int)i != ice->selected && pair->check.active) {
            set_aside(&pair->check);
        }
        if (pair->used && pair->state == ICE_IN_PROGRESS) {
            pair->state = ICE_PENDING;
        }
        pair->triggered = 0;
        pair->wanted = ICE_FIND;
    }
}

void dx_ice_recheck(dx_ice *ice) {
    const ice_pairing *selected = dx_ice_selected_pair(ice);
    ice->searching = ice->repairing = true;
    for (size_t i = 0; i < DX_ICE_PAIRS_MAX; i++) {
        ice_pairing *pair = &ice->pairs[i];
        bool proven = pair->state == ICE_SUCCEEDED && selected && pair->heard_ms > selected->heard_ms;
        if (pair->used && pair != selected && pair->state != ICE_IN_PROGRESS && !proven) {
            pair->state = ICE_PENDING;
        }
    }
}

static void plan_consent(dx_ice *ice) {
    uint64_t fifth_ms = DX_ICE_CONSENT_MS / 5;
    ice->consent_misses = 0;
    ice->consent_due_ms = ice->now_ms + dx_ice_random_between(ice, DX_ICE_CONSENT_MS - fifth_ms,
                                                              DX_ICE_CONSENT_MS + fifth_ms + 1);
}

void dx_ice_select(dx_ice *ice, ice_pairing *pair) {
    if (pair != dx_ice_selected_pair(ice)) {
        ice->selected = (int)(pair - ice->pairs);
        ice->selected_untold = true;
    }
    plan_consent(ice);
    if (pair->generation != ice->generation) { /* a restart is under way, and what was before lives on */
        ice->previous_until_ms = DX_NO_DEADLINE;
        ice->repairing = false;
        return;
    }
    end_search(ice);
    dx_ice_drop_previous(ice);
    if (ice->previous.ufrag[0] != '\0' && ice->previous_until_ms == DX_NO_DEADLINE) {
        ice->previous_until_ms = ice->now_ms + ICE_PREVIOUS_KEPT_MS;
    }
}

/* One that answered long ago is asked first (follow_check does): chosen at once it would be without consent at once. */
void dx_ice_consider_nominated(dx_ice *ice, ice_pairing *pair) {
    const ice_pairing *selected = dx_ice_selected_pair(ice);
    if (ice->now_ms >= pair->heard_ms + DX_ICE_CONSENT_MS && pair->state == ICE_SUCCEEDED) {
        return;
    }
#if defined(DX_PLANT) && DX_PLANT == 31
    if (ice->controlling || !pair->nominated_by_peer || pair == selected) {
#else
    if (ice->controlling || !pair->nominated_by_peer || pair->state != ICE_SUCCEEDED || pair == selected) {
#endif
        return;
    }
    if (!selected || selected->generation != pair->generation || ice->repairing ||
        pair->priority > selected->priority ||
        ice->now_ms >= selected->nominated_ms + ICE_NOMINATION_STALE_MS) {
        dx_ice_select(ice, pair);
    }
}

static bool is_nominating(const dx_ice *ice, uint32_t generation) {
    for (size_t i = 0; i < DX_ICE_PAIRS_MAX; i++) {
        const ice_pairing *pair = &ice->pairs[i];
        if (pair->used && pair->generation == generation &&
            ((pair->triggered != 0 && pair->wanted == ICE_NOMINATE) ||
             (pair->check.active && pair->check.purpose == ICE_NOMINATE))) {
            return true;
        }
    }
    return false;
}

static bool is_better_pending(const dx_ice *ice, const ice_pairing *best) {
    for (size_t i = 0; i < DX_ICE_PAIRS_MAX; i++) {
        const ice_pairing *pair = &ice->pairs[i];
        if (pair->used && pair->generation == ice->generation && pair->priority > best->priority &&
            pair->state != ICE_SUCCEEDED && pair->state != ICE_BROKEN) {
            return true;
        }
    }
    return false;
}

/* The best that works is taken at once when nothing better can come, else after a moment. */
static bool is_ripe(const dx_ice *ice, const ice_pairing *best) {
    bool direct = ice->targets[best->target].type == DX_CANDIDATE_HOST &&
                  dx_ice_local_type(ice, best) == DX_CANDIDATE_HOST;
    return ice->repairing || ice->now_ms >= ice->first_valid_ms + ICE_NOMINATE_WAIT_MS ||
           ((direct || ice->remote_ended) && !is_better_pending(ice, best));
}

/* The selected pair does not answer: the best of those that have answered since. */
static ice_pairing *find_substitute(const dx_ice *ice, const ice_pairing *selected) {
    const ice_pairing *best = NULL;
    for (size_t i = 0; i < DX_ICE_PAIRS_MAX; i++) {
        const ice_pairing *pair = &ice->pairs[i];
        if (pair->used && pair->generation == selected->generation && pair->state == ICE_SUCCEEDED &&
            pair->heard_ms > selected->heard_ms && (!best || pair->priority > best->priority)) {
            best = pair;
        }
    }
    return (ice_pairing *)best;
}

/* The controlling side asks for it, the other goes by itself: it was told once, and that path is gone. */
static void go_over(dx_ice *ice, ice_pairing *pair) {
    if (!ice->controlling) {
        dx_ice_select(ice, pair);
    } else if (!is_nominating(ice, pair->generation)) {
        dx_ice_trigger(ice, pair, ICE_NOMINATE);
    }
}

static void choose(dx_ice *ice) {
    const ice_pairing *selected = dx_ice_selected_pair(ice);
    ice_pairing *substitute = selected && ice->consent_misses > 0 ? find_substitute(ice, selected) : NULL;
    if (substitute) {
        go_over(ice, substitute);
    }
    ice_pairing *best = dx_ice_best_valid(ice);
    selected = dx_ice_selected_pair(ice);
    if (best && !(selected && selected->generation == ice->generation) &&
        (ice->controlling ? is_ripe(ice, best) : ice->repairing)) {
        go_over(ice, best);
    }
}

void dx_ice_switch_role(dx_ice *ice) {
    ice->controlling = !ice->controlling;
    dx_ice_weigh_pairs(ice);
    for (size_t i = 0; i < DX_ICE_PAIRS_MAX; i++) {
        ice->pairs[i].wanted = ICE_FIND;
    }
}

/* --- What an answer means ---------------------------------------------------------------------------------------- */

static void measure_rtt(const dx_ice *ice, ice_pairing *pair) {
    uint64_t measured_ms = ice->now_ms - pair->check.sent_ms;
    uint32_t rtt_ms = measured_ms < 1 ? 1 : measured_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)measured_ms;
    /* RFC 6298 §2: seven eighths of what was known. */
    pair->rtt_ms = pair->rtt_ms == 0 ? rtt_ms : (uint32_t)((7 * (uint64_t)pair->rtt_ms + rtt_ms) / 8);
}

void dx_ice_answered(dx_ice *ice, ice_pairing *pair, const dx_stun_message *message, bool latest) {
    ice_transaction *check = &pair->check;
    const ice_pairing *selected = dx_ice_selected_pair(ice);
    bool nominated = latest && check->purpose == ICE_NOMINATE;
    if (latest && check->sends == 1) { /* Karn: of a repeated question nobody knows which one was answered */
        measure_rtt(ice, pair);
    }
    if (latest || check->purpose != ICE_NOMINATE) {
        check->active = false;
    }
    check->has_previous = false; /* an answer counts once: said again it is nobody's consent any more */
    pair->mapped = message->mapped;
    pair->heard_ms = ice->now_ms;
    pair->answers_received++;
    if (pair->wanted == ICE_FIND) {
        pair->triggered = 0;
    }
    if (pair->state != ICE_SUCCEEDED) {
        pair->state = ICE_SUCCEEDED;
        dx_ice_thaw(ice, pair);
    }
    if (ice->first_valid_ms == DX_NO_DEADLINE && pair->generation == ice->generation) {
        ice->first_valid_ms = ice->now_ms;
    }
    if (pair == selected) {
        plan_consent(ice);
        if (ice->repairing && pair->generation == ice->generation) {
            end_search(ice);
        }
    } else if (selected && selected->generation == pair->generation && ice->now_ms < ice->consent_due_ms) {
        ice->consent_due_ms = ice->now_ms; /* another one came to life: is ours still good? */
    }
    if (nominated && ice->controlling) {
        dx_ice_select(ice, pair);
    }
    dx_ice_consider_nominated(ice, pair);
}

/* --- Time ------------------------------------------------------------------------------------------------------ */

/* The pair in use is gone for good. A restart that is under way goes on; its answer is waited for no longer than a
 * search lasts. */
static void lose_selected(dx_ice *ice, ice_pairing *pair) {
    bool restarting = pair->generation != ice->generation && (ice->searching || !ice->present.has_remote);
    dx_ice_drop_pair(ice, pair);
    if (!restarting) {
        dx_ice_fail(ice, DX_ICE_CONSENT_LOST);
    } else if (!ice->present.has_remote) {
        ice->give_up_ms = ice->now_ms + ice->give_up_after_ms;
    }
}

/* RFC 7675 §5.1. An unanswered question is repeated each second, under the same transaction for one interval. */
static void ask_consent(dx_ice *ice) {
    ice_pairing *pair = dx_ice_selected_pair(ice);
    if (!pair) {
        return;
    }
#if !defined(DX_PLANT) || DX_PLANT != 29
    if (ice->now_ms >= pair->heard_ms + DX_ICE_CONSENT_LOST_MS) {
        lose_selected(ice, pair);
        return;
    }
#endif
    if (ice->now_ms < ice->consent_due_ms) {
        return;
    }
    if (pair->check.active && pair->check.purpose == ICE_CONSENT) {
        ice->consent_misses++;
    }
    if (pair->check.active && pair->check.purpose == ICE_CONSENT &&
        ice->now_ms < pair->check.begun_ms + DX_ICE_CONSENT_MS) {
        send_check(ice, pair);
    } else {
        begin_check(ice, pair, ICE_CONSENT);
    }
    ice->consent_due_ms = ice->now_ms + ICE_CONSENT_AGAIN_MS;
    if (ice->consent_misses >= ICE_DOUBT_MISSES && !ice->repairing && pair->generation == ice->generation) {
        dx_ice_recheck(ice);
    }
}

static void count_addresses(const dx_ice *ice, dx_ice_tally *out) {
    out->servers = ice->server_count;
    for (size_t server = 0; server < ice->server_count; server++) {
        bool answered = false;
        for (size_t i = 0; i < DX_ICE_LOCALS_MAX; i++) {
            answered = answered || (ice->bases[i].used && ice->bases[i].gather[server].answered);
        }
        out->answered += answered;
    }
    for (size_t i = 0; i < DX_ICE_LOCALS_MAX; i++) {
        out->locals += ice->bases[i].used;
    }
    for (size_t i = 0; i < ICE_REFLEXIVES_MAX; i++) {
        out->reflexives += ice->reflexives[i].used;
    }
    for (size_t i = 0; i < DX_ICE_REMOTES_MAX; i++) {
        out->remotes += ice->targets[i].used && ice->targets[i].generation == ice->generation;
    }
}

void dx_ice_tally_of(const dx_ice *ice, dx_ice_tally *out) {
    bool works = false, heard = false;
    if (ice->failed) {
        *out = ice->tally;
        return;
    }
    memset(out, 0, sizeof *out);
    count_addresses(ice, out);
    for (size_t i = 0; i < DX_ICE_PAIRS_MAX; i++) {
        const ice_pairing *pair = &ice->pairs[i];
        bool present = pair->used && pair->generation == ice->generation;
        out->pairs += present;
        out->checked += present && pair->checks_sent > 0;
        out->heard += present && (pair->checks_received > 0 || pair->answers_received > 0);
        works |= present && pair->state == ICE_SUCCEEDED;
        heard |= present && pair->checks_received > 0;
    }
    out->reason = out->locals == 0           ? DX_ICE_NO_LOCAL
                  : !ice->present.has_remote ? DX_ICE_CONSENT_LOST
                  : out->remotes == 0        ? DX_ICE_NO_REMOTE
                  : out->pairs == 0          ? DX_ICE_NO_PAIR
                  : works                    ? DX_ICE_NOT_CHOSEN
                  : ice->refused             ? DX_ICE_REFUSED
                  : heard                    ? DX_ICE_ONE_WAY
                                             : DX_ICE_NO_ANSWER;
}

/* A search that found nothing. Where the pair of the generation before is still good, it stays. */
static void give_up(dx_ice *ice) {
    if (ice->now_ms < ice->give_up_ms) {
        return;
    }
    if (dx_ice_selected_pair(ice)) {
        end_search(ice);
    } else {
        dx_ice_tally tally;
        dx_ice_tally_of(ice, &tally);
        dx_ice_fail(ice, tally.reason);
    }
}

static void forget_previous(dx_ice *ice) {
    if (ice->previous.ufrag[0] != '\0' && ice->now_ms >= ice->previous_until_ms) {
        dx_ice_drop_previous(ice);
        dx_wipe(&ice->previous, sizeof ice->previous);
        ice->previous_until_ms = DX_NO_DEADLINE;
    }
}

void dx_ice_run(dx_ice *ice) {
    if (!ice->failed) {
        dx_ice_gather_again(ice);
        check_again(ice);
        ask_consent(ice);
        choose(ice);
        give_up(ice);
        forget_previous(ice);
    }
    if (!ice->failed) {
        use_turn(ice);
    }
}

static uint64_t sooner(uint64_t a_ms, uint64_t b_ms) {
    return a_ms < b_ms ? a_ms : b_ms;
}

uint64_t dx_ice_check_due(const dx_ice *ice) {
    uint64_t due_ms = sooner(ice->give_up_ms, dx_ice_gather_due(ice));
    const ice_pairing *selected = dx_ice_selected_pair(ice);
    for (size_t i = 0; i < DX_ICE_PAIRS_MAX; i++) {
        if (ice->pairs[i].used && ice->pairs[i].check.active) {
            due_ms = sooner(due_ms, ice->pairs[i].check.due_ms);
        }
    }
    if (selected) {
        due_ms = sooner(due_ms, ice->consent_due_ms);
#if !defined(DX_PLANT) || DX_PLANT != 29
        due_ms = sooner(due_ms, selected->heard_ms + DX_ICE_CONSENT_LOST_MS);
#endif
    }
    if (dx_ice_gather_waits(ice) || dx_ice_next_check(ice)) {
        due_ms = sooner(due_ms, ice->slot_ms);
    }
    bool chosen = selected && selected->generation == ice->generation;
    bool ripens = ice->controlling && !chosen && ice->first_valid_ms != DX_NO_DEADLINE &&
                  ice->now_ms < ice->first_valid_ms + ICE_NOMINATE_WAIT_MS;
    if (ripens) {
        due_ms = sooner(due_ms, ice->first_valid_ms + ICE_NOMINATE_WAIT_MS);
    }
    return ice->previous.ufrag[0] != '\0' ? sooner(due_ms, ice->previous_until_ms) : due_ms;
}
