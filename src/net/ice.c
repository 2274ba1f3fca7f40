/* net/ice.c: the door of an ICE agent: both sides' candidates, what is to be done, and when.
 *
 * Layer: floor 2, net. See ice.h for the contract and ice_agent.h for the parts. Ownership: one block, taken in
 * dx_ice_create, wiped and given back in dx_ice_destroy. */
#include "net/ice.h"

#include <string.h>

#include "crypto/keys.h"
#include "net/ice_agent.h"
#include "net/scan.h"

enum {
    REMOTE_UFRAG_MIN = 4,        /* RFC 8839 §5.4 */
    REMOTE_PASSWORD_MIN = 22,    /* likewise */
    REMOTE_PACING_MAX_MS = 1000, /* a slower peer than this is not waited for */
    /* §5.1.2.2, RFC 8421: IPv6 before IPv4, and what stays on one wire or machine last. */
    IPV6_PREFERENCE = 0xc000,
    IPV4_PREFERENCE = 0x8000,
    NEAR_PREFERENCE = 0x4000,
};

uint64_t dx_ice_random_between(dx_ice *ice, uint64_t low, uint64_t high) {
    uint64_t drawn = 0;
    ice->random->fill(ice->random->ctx, (uint8_t *)&drawn, sizeof drawn);
    return low + drawn % (high - low); /* spans of seconds: the bias is far below a millisecond */
}

uint64_t dx_ice_due_after(const dx_ice *ice, uint32_t rto_ms, unsigned sends) {
    uint64_t longest_ms = rto_ms > ICE_RTO_MAX_MS ? rto_ms : ICE_RTO_MAX_MS;
    uint64_t wait_ms = (uint64_t)rto_ms << (sends - 1);
    wait_ms = wait_ms < longest_ms ? wait_ms : longest_ms;
    return ice->now_ms + (sends < ICE_SENDS_MAX ? wait_ms : 2 * longest_ms);
}

void dx_ice_send(dx_ice *ice, uint32_t socket, const dx_net_address *to, dx_bytes bytes) {
    DX_ASSERT(bytes.size <= DX_ICE_DATAGRAM_MAX);
    if (ice->datagram_count == ICE_DATAGRAMS_MAX) {
        ice->datagram_first = (ice->datagram_first + 1) % ICE_DATAGRAMS_MAX;
        ice->datagram_count--;
    }
    size_t at = (ice->datagram_first + ice->datagram_count) % ICE_DATAGRAMS_MAX;
    ice_datagram *datagram = &ice->datagrams[at];
    ice->datagram_count++;
    datagram->socket = socket;
    datagram->to = *to;
    datagram->size = bytes.size;
    memcpy(datagram->bytes, bytes.data, bytes.size);
}

void dx_ice_fail(dx_ice *ice, dx_ice_reason reason) {
    dx_ice_tally_of(ice, &ice->tally);
    ice->tally.reason = reason;
    ice->failed = ice->failed_untold = true;
    ice->reason = reason;
    ice->selected = ICE_NO_PAIR;
    ice->selected_untold = ice->searching = ice->repairing = false;
    ice->give_up_ms = DX_NO_DEADLINE;
    memset(ice->pairs, 0, sizeof ice->pairs);
}

/* --- Life ------------------------------------------------------------------------------------------------------ */

static void draw_text(dx_ice *ice, char *out, size_t size) {
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    ice->random->fill(ice->random->ctx, (uint8_t *)out, size);
    for (size_t i = 0; i < size; i++) {
        out[i] = alphabet[(uint8_t)out[i] & 63];
    }
    out[size] = '\0';
}

static void draw_credentials(dx_ice *ice) {
    memset(&ice->present, 0, sizeof ice->present);
    draw_text(ice, ice->present.ufrag, DX_ICE_UFRAG_SIZE);
    draw_text(ice, ice->present.password, DX_ICE_PASSWORD_SIZE);
}

int dx_ice_create(const dx_ice_options *options, dx_ice **out) {
    *out = NULL;
    bool paced = options->pacing_ms == 0 || options->pacing_ms >= DX_ICE_PACING_MIN_MS;
    if (!paced || options->pacing_ms > REMOTE_PACING_MAX_MS || options->server_count > DX_ICE_SERVERS_MAX) {
        return DX_E_INVALID;
    }
    for (size_t i = 0; i < options->server_count; i++) {
        if (!dx_net_address_usable(&options->servers[i])) {
            return DX_E_INVALID;
        }
    }
    dx_ice *ice = dx_alloc_take_zeroed(options->alloc, sizeof *ice);
    if (!ice) {
        return DX_E_NO_MEMORY;
    }
    ice->alloc = options->alloc;
    ice->random = options->random;
    ice->controlling = options->controlling;
    ice->own_pacing_ms = options->pacing_ms ? options->pacing_ms : DX_ICE_PACING_MS;
    ice->pacing_ms = ice->own_pacing_ms;
    ice->give_up_after_ms = options->give_up_ms ? options->give_up_ms : DX_ICE_GIVE_UP_MS;
    ice->server_count = options->server_count;
    memcpy(ice->servers, options->servers, sizeof ice->servers);
    ice->selected = ICE_NO_PAIR;
    ice->previous_until_ms = ice->give_up_ms = ice->first_valid_ms = DX_NO_DEADLINE;
    ice->gather_turn = true;
    ice->random->fill(ice->random->ctx, (uint8_t *)&ice->tie_breaker, sizeof ice->tie_breaker);
    draw_credentials(ice);
    *out = ice;
    return DX_OK;
}

void dx_ice_destroy(dx_ice *ice) {
    if (ice) {
        dx_alloc_free(ice->alloc, ice, sizeof *ice);
    }
}

static void set_now(dx_ice *ice, uint64_t now_ms) {
    ice->now_ms = now_ms > ice->now_ms ? now_ms : ice->now_ms;
}

/* --- This side ------------------------------------------------------------------------------------------------- */

const char *dx_ice_ufrag(const dx_ice *ice) {
    return ice->present.ufrag;
}

const char *dx_ice_password(const dx_ice *ice) {
    return ice->present.password;
}

/* One number for one host, whatever the port (§5.1.1.3). */
static uint32_t number_host(dx_ice *ice, const dx_net_address *address) {
    for (size_t i = 0; i < DX_ICE_LOCALS_MAX; i++) {
        if (ice->bases[i].used && dx_net_host_equal(&ice->bases[i].address, address)) {
            return ice->bases[i].number;
        }
    }
    return ++ice->base_numbers;
}

static uint32_t prefer(const dx_net_address *address, uint32_t slot) {
    dx_net_class class = dx_net_classify(address);
    bool near = class == DX_NET_LOOPBACK || class == DX_NET_LINK_LOCAL;
    return (near                             ? NEAR_PREFERENCE
            : address->family == DX_NET_IPV6 ? IPV6_PREFERENCE
                                             : IPV4_PREFERENCE) -
           slot;
}

int dx_ice_add_local(dx_ice *ice, uint64_t now_ms, uint32_t socket, const dx_net_address *address) {
    set_now(ice, now_ms);
    if (!dx_net_address_usable(address)) {
        return DX_E_INVALID;
    }
    if (dx_ice_find_base(ice, socket) != ICE_NO_PAIR) {
        return DX_E_EXISTS;
    }
    for (uint32_t i = 0; i < DX_ICE_LOCALS_MAX; i++) {
        ice_base *base = &ice->bases[i];
        if (base->used) {
            continue;
        }
        *base = (ice_base){.socket = socket,
                           .number = number_host(ice, address),
                           .preference = prefer(address, i),
                           .address = *address};
        base->used = true;
        dx_ice_gather_reset(ice, base);
        dx_ice_pair_base(ice, base);
        dx_ice_run(ice);
        return DX_OK;
    }
    return DX_E_LIMIT;
}

void dx_ice_remove_local(dx_ice *ice, uint64_t now_ms, uint32_t socket) {
    int index = dx_ice_find_base(ice, socket);
    set_now(ice, now_ms);
    if (index == ICE_NO_PAIR) {
        return;
    }
    bool had_selected = ice->selected != ICE_NO_PAIR;
    for (size_t i = 0; i < DX_ICE_PAIRS_MAX; i++) {
        if (ice->pairs[i].used && ice->pairs[i].base == index) {
            dx_ice_drop_pair(ice, &ice->pairs[i]);
        }
    }
    for (size_t i = 0; i < ICE_REFLEXIVES_MAX; i++) {
        if (ice->reflexives[i].used && ice->reflexives[i].base == index) {
            ice->reflexives[i] = (ice_reflexive){0};
        }
    }
    ice->bases[index] = (ice_base){0};
    if (had_selected && ice->selected == ICE_NO_PAIR) {
        dx_ice_begin_search(ice);
        dx_ice_recheck(ice);
    }
    dx_ice_run(ice);
}

int dx_ice_add_server(dx_ice *ice, uint64_t now_ms, const dx_net_address *server) {
    set_now(ice, now_ms);
    if (!dx_net_address_usable(server)) {
        return DX_E_INVALID;
    }
    for (size_t i = 0; i < ice->server_count; i++) {
        if (dx_net_address_equal(&ice->servers[i], server)) {
            return DX_E_EXISTS;
        }
    }
    if (ice->server_count == DX_ICE_SERVERS_MAX) {
        return DX_E_LIMIT;
    }
    ice->servers[ice->server_count++] = *server;
    dx_ice_gather_add(ice, ice->server_count - 1);
    dx_ice_run(ice);
    return DX_OK;
}

void dx_ice_end_local(dx_ice *ice, uint64_t now_ms) {
    set_now(ice, now_ms);
    ice->local_ended = true;
    dx_ice_run(ice);
}

/* --- The other side ---------------------------------------------------------------------------------------------- */

static void copy_text(char *out, dx_bytes text) {
    memcpy(out, text.data, text.size);
    out[text.size] = '\0';
}

static bool is_remote_of(const ice_credentials *credentials, const dx_ice_remote *remote) {
    return credentials->has_remote &&
           dx_bytes_equal(remote->ufrag, dx_bytes_text(credentials->remote_ufrag)) &&
           dx_bytes_equal(remote->password, dx_bytes_text(credentials->remote_password));
}

/* Another answer to the same offer: what was made of the last one becomes the previous generation. */
static void forget_answer(dx_ice *ice) {
    const ice_pairing *selected = dx_ice_selected_pair(ice);
    if (selected && selected->generation == ice->generation) {
        ice->previous = ice->present;
        ice->previous_until_ms = DX_NO_DEADLINE;
    }
    dx_ice_turn_generation(ice);
    ice->remote_ended = ice->refused = ice->failed = ice->failed_untold = false;
}

int dx_ice_set_remote(dx_ice *ice, uint64_t now_ms, const dx_ice_remote *remote) {
    set_now(ice, now_ms);
    if (!dx_scan_is_ice_text(remote->ufrag, REMOTE_UFRAG_MIN, ICE_REMOTE_TEXT_MAX - 1) ||
        !dx_scan_is_ice_text(remote->password, REMOTE_PASSWORD_MIN, ICE_REMOTE_TEXT_MAX - 1)) {
        return DX_E_INVALID;
    }
    /* The same once more, or a description from before the restart that was late. */
    if (is_remote_of(&ice->present, remote) || is_remote_of(&ice->previous, remote)) {
        return DX_OK;
    }
    if (ice->present.has_remote && remote->answer) {
        forget_answer(ice);
    } else if (ice->present.has_remote) {
        dx_ice_restart(ice, now_ms);
    }
    copy_text(ice->present.remote_ufrag, remote->ufrag);
    copy_text(ice->present.remote_password, remote->password);
    ice->present.has_remote = true;
    ice->remote_lite = remote->lite;
    if (remote->lite && !ice->controlling) {
        dx_ice_switch_role(ice);
    }
    /* RFC 8445 §14.2: the slower of the two. */
    uint32_t theirs_ms = remote->pacing_ms ? remote->pacing_ms : DX_ICE_PACING_DEFAULT_MS;
    theirs_ms = theirs_ms < REMOTE_PACING_MAX_MS ? theirs_ms : REMOTE_PACING_MAX_MS;
    ice->pacing_ms = theirs_ms > ice->own_pacing_ms ? theirs_ms : ice->own_pacing_ms;
    dx_ice_begin_search(ice);
    dx_ice_run(ice);
    return DX_OK;
}

/* Of another generation than the present one, by what it says itself. */
static bool is_stale(const dx_ice *ice, const char *ufrag) {
    if (ufrag[0] == '\0') {
        return false;
    }
    return ice->present.has_remote
               ? strcmp(ufrag, ice->present.remote_ufrag) != 0
               : ice->previous.has_remote && strcmp(ufrag, ice->previous.remote_ufrag) == 0;
}

int dx_ice_add_remote_candidate(dx_ice *ice, uint64_t now_ms, const dx_candidate *candidate) {
    set_now(ice, now_ms);
    if (ice->failed || candidate->skip != DX_CANDIDATE_USABLE || is_stale(ice, candidate->ufrag)) {
        return DX_OK;
    }
    ice_target *target = dx_ice_find_target(ice, ice->generation, &candidate->address);
    bool known = target != NULL;
    if (known && target->type != DX_CANDIDATE_PEER_REFLEXIVE) {
        return DX_OK;
    }
    if (!known && (target = dx_ice_take_target(ice)) == NULL) {
        return DX_E_LIMIT;
    }
    /* One that was met before it was told (§7.3.1.3) keeps its pairs and gets its true weight. */
    uint64_t heard_ms = known ? target->heard_ms : 0;
    *target = (ice_target){.used = true,
                           .generation = ice->generation,
                           .type = candidate->type,
                           .priority = candidate->priority,
                           .heard_ms = heard_ms,
                           .address = candidate->address};
    memcpy(target->foundation, candidate->foundation, sizeof target->foundation);
    dx_ice_weigh_pairs(ice);
    dx_ice_pair_target(ice, target);
    dx_ice_run(ice);
    return DX_OK;
}

int dx_ice_add_remote(dx_ice *ice, uint64_t now_ms, dx_bytes line) {
    dx_candidate candidate;
    if (line.size == 0) {
        set_now(ice, now_ms);
        ice->remote_ended = true;
        dx_ice_run(ice);
        return DX_OK;
    }
    int error = dx_candidate_parse(line, &candidate);
    return error == DX_OK ? dx_ice_add_remote_candidate(ice, now_ms, &candidate) : error;
}

void dx_ice_restart(dx_ice *ice, uint64_t now_ms) {
    set_now(ice, now_ms);
    if (ice->present.has_remote) {
        ice->previous = ice->present;
    }
    draw_credentials(ice);
    dx_ice_turn_generation(ice);
    if (ice->previous.ufrag[0] != '\0') {
        ice->previous_until_ms =
            ice->selected == ICE_NO_PAIR ? ice->now_ms + ICE_PREVIOUS_KEPT_MS : DX_NO_DEADLINE;
    }
    ice->failed = ice->failed_untold = ice->refused = false;
    ice->searching = ice->repairing = false;
    ice->remote_ended = ice->end_told = false;
    ice->give_up_ms = ice->first_valid_ms = DX_NO_DEADLINE;
    for (size_t i = 0; i < DX_ICE_LOCALS_MAX; i++) {
        if (ice->bases[i].used) {
            ice->bases[i].told = false;
            dx_ice_gather_reset(ice, &ice->bases[i]);
        }
    }
    dx_ice_run(ice);
}

/* --- Datagrams and time -------------------------------------------------------------------------------------------- */

/* Whether anything but STUN from there could be the other side's. */
static bool is_known_sender(const dx_ice *ice, uint32_t socket, const dx_net_address *from) {
    for (size_t i = 0; i < DX_ICE_PAIRS_MAX; i++) {
        const ice_pairing *pair = &ice->pairs[i];
        bool heard = pair->checks_received > 0 || pair->answers_received > 0;
        if (pair->used && heard && ice->bases[pair->base].socket == socket &&
            dx_net_address_equal(&ice->targets[pair->target].address, from)) {
            return true;
        }
    }
    return false;
}

bool dx_ice_wants(const dx_ice *ice, uint32_t socket, const dx_net_address *from, dx_bytes datagram) {
    dx_stun_message message;
    bool latest = false;
    if (ice->failed) {
        return false;
    }
    if (!dx_stun_is(datagram)) {
        return is_known_sender(ice, socket, from);
    }
    if (dx_stun_decode(datagram, &message) != DX_OK) {
        return false;
    }
    switch (message.class) {
    case DX_STUN_REQUEST:
        return dx_ice_addressed(ice, message.username) != NULL;
    case DX_STUN_INDICATION:
        return is_known_sender(ice, socket, from);
    case DX_STUN_SUCCESS:
    case DX_STUN_ERROR:
        return dx_ice_find_asked(ice, socket, message.transaction, &latest) != NULL ||
               dx_ice_gather_knows(ice, socket, message.transaction);
    }
    return false;
}

void dx_ice_receive(dx_ice *ice, uint64_t now_ms, uint32_t socket, const dx_net_address *from,
                    dx_bytes datagram) {
    set_now(ice, now_ms);
    if (!ice->failed) {
        dx_ice_hear(ice, socket, from, datagram);
        dx_ice_run(ice);
    }
}

void dx_ice_tick(dx_ice *ice, uint64_t now_ms) {
    set_now(ice, now_ms);
    dx_ice_run(ice);
}

uint64_t dx_ice_deadline(const dx_ice *ice) {
    return ice->failed ? DX_NO_DEADLINE : dx_ice_check_due(ice);
}

/* --- What is to be done ---------------------------------------------------------------------------------------------- */

static void print_own(dx_ice *ice, dx_candidate *candidate, dx_ice_output *out) {
    memcpy(candidate->ufrag, ice->present.ufrag, sizeof ice->present.ufrag);
    size_t size = dx_candidate_print(candidate, ice->line);
    *out = (dx_ice_output){.kind = DX_ICE_OUTPUT_CANDIDATE, .line = dx_bytes_of(ice->line, size)};
}

static bool tell_host(dx_ice *ice, dx_ice_output *out) {
    for (size_t i = 0; i < DX_ICE_LOCALS_MAX; i++) {
        ice_base *base = &ice->bases[i];
        if (base->used && !base->told) {
            dx_candidate candidate = {.type = DX_CANDIDATE_HOST, .address = base->address};
            candidate.priority = dx_candidate_priority(DX_CANDIDATE_HOST, base->preference);
            dx_candidate_foundation(DX_CANDIDATE_HOST, base->number, 0, candidate.foundation);
            base->told = true;
            print_own(ice, &candidate, out);
            return true;
        }
    }
    return false;
}

static bool tell_reflexive(dx_ice *ice, dx_ice_output *out) {
    for (size_t i = 0; i < ICE_REFLEXIVES_MAX; i++) {
        ice_reflexive *reflexive = &ice->reflexives[i];
        if (reflexive->used && !reflexive->told) {
            const ice_base *base = &ice->bases[reflexive->base];
            dx_candidate candidate = {.type = DX_CANDIDATE_SERVER_REFLEXIVE,
                                      .address = reflexive->address,
                                      .related = base->address};
            candidate.priority = dx_candidate_priority(DX_CANDIDATE_SERVER_REFLEXIVE, base->preference);
            dx_candidate_foundation(DX_CANDIDATE_SERVER_REFLEXIVE, base->number, 1u + reflexive->server,
                                    candidate.foundation);
            reflexive->told = true;
            print_own(ice, &candidate, out);
            return true;
        }
    }
    return false;
}

static bool tell_candidate(dx_ice *ice, dx_ice_output *out) {
    if (ice->failed) {
        return false;
    }
    if (tell_host(ice, out) || tell_reflexive(ice, out)) {
        return true;
    }
    if (ice->local_ended && !ice->end_told && dx_ice_gather_done(ice)) {
        ice->end_told = true;
        *out = (dx_ice_output){.kind = DX_ICE_OUTPUT_CANDIDATE};
        return true;
    }
    return false;
}

bool dx_ice_next(dx_ice *ice, dx_ice_output *out) {
    if (ice->datagram_count > 0) {
        const ice_datagram *datagram = &ice->datagrams[ice->datagram_first];
        ice->datagram_first = (ice->datagram_first + 1) % ICE_DATAGRAMS_MAX;
        ice->datagram_count--;
        *out = (dx_ice_output){.kind = DX_ICE_OUTPUT_DATAGRAM,
                               .socket = datagram->socket,
                               .to = datagram->to,
                               .bytes = {datagram->bytes, datagram->size}};
        return true;
    }
    if (tell_candidate(ice, out)) {
        return true;
    }
    if (ice->selected_untold) {
        *out = (dx_ice_output){.kind = DX_ICE_OUTPUT_SELECTED};
        ice->selected_untold = false;
        return dx_ice_selected(ice, &out->pair);
    }
    if (ice->failed_untold) {
        *out = (dx_ice_output){.kind = DX_ICE_OUTPUT_FAILED, .reason = ice->reason};
        ice->failed_untold = false;
        return true;
    }
    return false;
}

/* --- Looking --------------------------------------------------------------------------------------------------------- */

bool dx_ice_path(const dx_ice *ice, uint32_t *socket, dx_net_address *to) {
    const ice_pairing *pair = dx_ice_selected_pair(ice);
    if (!pair && (pair = dx_ice_best_valid(ice)) == NULL) {
        return false;
    }
    *socket = ice->bases[pair->base].socket;
    *to = ice->targets[pair->target].address;
    return true;
}

dx_ice_state dx_ice_state_of(const dx_ice *ice) {
    return ice->failed                    ? DX_ICE_FAILED
           : ice->selected != ICE_NO_PAIR ? DX_ICE_CONNECTED
           : ice->present.has_remote      ? DX_ICE_CHECKING
                                          : DX_ICE_WAITING;
}

bool dx_ice_is_controlling(const dx_ice *ice) {
    return ice->controlling;
}

static void show_pair(const dx_ice *ice, const ice_pairing *pair, dx_ice_pair *out) {
    static const char *const states[] = {"frozen", "waiting", "checking", "works", "failed"};
    const ice_base *base = &ice->bases[pair->base];
    const ice_target *target = &ice->targets[pair->target];
    *out = (dx_ice_pair){
        .socket = base->socket,
        .local = base->address,
        .mapped = pair->mapped,
        .remote = target->address,
        .local_type = dx_ice_local_type(ice, pair),
        .remote_type = target->type,
        .priority = pair->priority,
        .state = states[pair->state],
        .selected = pair == dx_ice_selected_pair(ice),
        .rtt_ms = pair->rtt_ms,
        .checks_sent = pair->checks_sent,
        .answers_received = pair->answers_received,
        .checks_received = pair->checks_received,
        .heard_ms = pair->heard_ms,
    };
}

bool dx_ice_selected(const dx_ice *ice, dx_ice_pair *out) {
    const ice_pairing *pair = dx_ice_selected_pair(ice);
    if (pair) {
        show_pair(ice, pair, out);
    }
    return pair != NULL;
}

static bool stands_before(const ice_pairing *a, const ice_pairing *b) {
    if (a->generation != b->generation) {
        return a->generation > b->generation;
    }
    return a->priority != b->priority ? a->priority > b->priority : a < b;
}

bool dx_ice_pair_at(const dx_ice *ice, size_t index, dx_ice_pair *out) {
    for (size_t i = 0; i < DX_ICE_PAIRS_MAX; i++) {
        size_t before = 0;
        for (size_t j = 0; ice->pairs[i].used && j < DX_ICE_PAIRS_MAX; j++) {
            before += ice->pairs[j].used && j != i && stands_before(&ice->pairs[j], &ice->pairs[i]);
        }
        if (ice->pairs[i].used && before == index) {
            show_pair(ice, &ice->pairs[i], out);
            return true;
        }
    }
    return false;
}

const char *dx_ice_state_name(dx_ice_state state) {
    static const char *const names[] = {
#define DX_ICE_STATE_NAME(symbol, name, successors) name,
        DX_ICE_STATES(DX_ICE_STATE_NAME)
#undef DX_ICE_STATE_NAME
    };
    return (unsigned)state < DX_ICE_STATE_COUNT ? names[state] : "unknown";
}

const char *dx_ice_reason_text(dx_ice_reason reason) {
    static const char *const sentences[] = {
#define DX_ICE_REASON_TEXT(symbol, sentence) sentence,
        DX_ICE_REASONS(DX_ICE_REASON_TEXT)
#undef DX_ICE_REASON_TEXT
    };
    return (unsigned)reason < DX_ICE_REASON_COUNT ? sentences[reason] : "unknown";
}
