/* mesh/encounter.c: what signaling services bring to a swarm: peers, and links to them (decision 0021).
 *
 * Layer: floor 1, mesh. A peer that a service names is an encounter. Of two the one with the smaller name offers; an attempt has a
 * session, drawn by the offerer, in which the descriptions and candidates of the two transports pass, each once.
 * Invariants: a peer link's channel begins only when both descriptions passed through here, and is bound to their
 * fingerprints; a session that is over is not begun again by what is replayed; an encounter is not freed while a
 * meeting points to it. */
#include <string.h>

#include "base/trace.h"
#include "mesh/peer_signal.h"
#include "mesh/swarm_state.h"

static const char offer_address[] = "rtc:offer", answer_address[] = "rtc:answer";

bool dx_is_service_address(dx_bytes address) {
    dx_bytes name;
    return dx_signaling_service_name(address, &name) == DX_OK;
}

/* --- Services ------------------------------------------------------------------------------------------ */

static uint64_t open_service(void *ctx, dx_bytes url) {
    dx_swarm *swarm = ctx;
    uint64_t link = *swarm->port.next_link;
    *swarm->port.next_link += 2;
    swarm->port.open(swarm->port.ctx, link, url);
    return link;
}

static void send_service(void *ctx, uint64_t link, dx_bytes frame) {
    dx_swarm *swarm = ctx;
    swarm->port.signal(swarm->port.ctx, link, frame);
}

static void close_service(void *ctx, uint64_t link, int reason) {
    dx_swarm *swarm = ctx;
    swarm->port.close(swarm->port.ctx, link, reason);
}

static int on_present(void *ctx, dx_signaling *from, const dx_signaling_place *place);
static int on_signal(void *ctx, dx_signaling *from, const dx_signaling_place *place,
                     const dx_signaling_signal *signal);
static void on_left(void *ctx, dx_signaling *from, const dx_signaling_place *place);

static dx_swarm_service *find_service(const dx_swarm *swarm, dx_bytes url) {
    dx_swarm_service *service = swarm->services;
    while (service != NULL && !dx_bytes_equal(dx_signaling_url(service->machine), url)) {
        service = service->next;
    }
    return service;
}

/* Before a vault has an identity its device is somebody else each time. */
static const uint8_t *device_seed(dx_swarm *swarm) {
    if (!swarm->has_device_seed) {
        swarm->random->fill(swarm->random->ctx, swarm->device_seed, sizeof swarm->device_seed);
        swarm->has_device_seed = true;
    }
    return swarm->device_seed;
}

static int make_service(dx_swarm *swarm, dx_bytes url, dx_swarm_service **out) {
    size_t count = 0;
    dx_swarm_service **end = &swarm->services;
    for (; *end != NULL; end = &(*end)->next) {
        count++;
    }
    *out = find_service(swarm, url);
    if (*out != NULL || count >= DX_SIGNALING_SERVICES_MAX) {
        return *out != NULL ? DX_OK : DX_E_LIMIT;
    }
    const dx_signaling_port port = {.ctx = swarm,
                                    .open = open_service,
                                    .send = send_service,
                                    .close = close_service,
                                    .on_present = on_present,
                                    .on_signal = on_signal,
                                    .on_left = on_left};
    dx_swarm_service *service = dx_alloc_take_zeroed(swarm->alloc, sizeof *service);
    if (service == NULL) {
        return DX_E_NO_MEMORY;
    }
    int error = dx_signaling_create(swarm->alloc, swarm->random, swarm->tracer, &port, url,
                                    device_seed(swarm), &service->machine);
    if (error != DX_OK) {
        dx_alloc_free(swarm->alloc, service, sizeof *service);
        return error;
    }
    *end = *out = service;
    return DX_OK;
}

static int join_topic(dx_swarm_service *service, const dx_swarm_topic *topic) {
    int error = dx_signaling_add_topic(service->machine, topic->topic.number, topic->topic.secret);
    return error == DX_E_EXISTS ? DX_OK : error;
}

int dx_encounter_join(dx_swarm *swarm, const dx_swarm_topic *topic, dx_bytes url) {
    dx_swarm_service *service;
    int error = make_service(swarm, url, &service);
    return error == DX_OK ? join_topic(service, topic) : error;
}

int dx_encounter_add_topic(dx_swarm *swarm, const dx_swarm_topic *topic) {
    int error = DX_OK;
    for (dx_swarm_service *service = swarm->services; error == DX_OK && service != NULL;
         service = service->next) {
        error = service->kept ? join_topic(service, topic) : DX_OK;
    }
    return error;
}

int dx_swarm_add_service(dx_swarm *swarm, dx_bytes url) {
    dx_swarm_service *service;
    int error = make_service(swarm, url, &service);
    if (error == DX_OK) {
        service->kept = true;
    }
    for (const dx_swarm_topic *topic = swarm->topics; error == DX_OK && topic != NULL; topic = topic->next) {
        error = join_topic(service, topic);
    }
    return error;
}

/* Its peers are named by nobody any more; links that stand, or are on their way up, go on. */
static void orphan(dx_swarm *swarm, const dx_signaling *service) {
    for (dx_encounter *encounter = swarm->encounters; encounter != NULL; encounter = encounter->next) {
        if (encounter->service == service) {
            encounter->service = NULL;
            encounter->present = false;
        }
    }
}

static void free_service(dx_swarm *swarm, dx_swarm_service *gone) {
    dx_swarm_service **at = &swarm->services;
    while (*at != gone) {
        at = &(*at)->next;
    }
    *at = gone->next;
    orphan(swarm, gone->machine);
    dx_signaling_destroy(gone->machine);
    dx_alloc_free(swarm->alloc, gone, sizeof *gone);
}

static void leave_service(dx_swarm *swarm, dx_swarm_service *service, uint64_t topic) {
    dx_signaling_remove_topic(service->machine, topic);
    for (dx_encounter *encounter = swarm->encounters; encounter != NULL; encounter = encounter->next) {
        if (encounter->service == service->machine && encounter->place.topic == topic) {
            encounter->service = NULL;
            encounter->present = false;
        }
    }
}

void dx_swarm_remove_service(dx_swarm *swarm, dx_bytes url) {
    dx_swarm_service *service = find_service(swarm, url);
    if (service == NULL) {
        return;
    }
    service->kept = false;
    for (const dx_swarm_topic *topic = swarm->topics; topic != NULL; topic = topic->next) {
        leave_service(swarm, service, topic->topic.number);
    }
    dx_encounter_sweep(swarm);
}

void dx_encounter_part(dx_swarm *swarm, uint64_t topic, dx_bytes url) {
    dx_swarm_service *service = find_service(swarm, url);
    if (service != NULL && !service->kept) {
        leave_service(swarm, service, topic);
        dx_encounter_sweep(swarm);
    }
}

void dx_encounter_remove_topic(dx_swarm *swarm, uint64_t topic) {
    for (dx_swarm_service *service = swarm->services; service != NULL; service = service->next) {
        leave_service(swarm, service, topic);
    }
    dx_encounter_sweep(swarm);
}

void dx_swarm_set_device(dx_swarm *swarm, const uint8_t seed[static DX_KEY_SIZE]) {
    memcpy(swarm->device_seed, seed, DX_KEY_SIZE);
    swarm->has_device_seed = true;
}

void dx_swarm_set_wall(dx_swarm *swarm, uint64_t wall_ms) {
    swarm->wall_ms = wall_ms;
}

bool dx_swarm_service_at(const dx_swarm *swarm, size_t index, dx_swarm_service_state *out) {
    const dx_swarm_service *service = swarm->services;
    while (service != NULL && index-- > 0) {
        service = service->next;
    }
    if (service == NULL) {
        return false;
    }
    *out = (dx_swarm_service_state){.url = dx_signaling_url(service->machine),
                                    .state = dx_signaling_state_name(dx_signaling_state_of(service->machine)),
                                    .kept = service->kept,
                                    .counts = *dx_signaling_counts_of(service->machine)};
    out->last_error = dx_signaling_last_error(service->machine, &out->since_ms);
    for (const dx_encounter *encounter = swarm->encounters; encounter != NULL; encounter = encounter->next) {
        out->peers += encounter->service == service->machine && encounter->present;
    }
    return true;
}

/* --- Encounters ---------------------------------------------------------------------------------------- */

static dx_encounter *find_encounter(const dx_swarm *swarm, const dx_signaling *service,
                                    const dx_signaling_place *place) {
    dx_encounter *encounter = swarm->encounters;
    while (encounter != NULL && (encounter->service != service || encounter->place.topic != place->topic ||
                                 memcmp(encounter->place.tag, place->tag, sizeof place->tag) != 0 ||
                                 memcmp(encounter->place.own, place->own, sizeof place->own) != 0 ||
                                 memcmp(encounter->place.peer, place->peer, sizeof place->peer) != 0)) {
        encounter = encounter->next;
    }
    return encounter;
}

static int on_present(void *ctx, dx_signaling *from, const dx_signaling_place *place) {
    dx_swarm *swarm = ctx;
    dx_encounter *encounter = find_encounter(swarm, from, place);
    if (encounter == NULL) {
        encounter = dx_alloc_take_zeroed(swarm->alloc, sizeof *encounter);
        if (encounter == NULL) {
            return DX_E_NO_MEMORY;
        }
        encounter->swarm = swarm;
        encounter->service = from;
        encounter->place = *place;
        encounter->offers = memcmp(place->own, place->peer, sizeof place->own) < 0;
        encounter->dialling.since_ms = swarm->now_ms;
        memcpy(encounter->dialling.address, encounter->offers ? offer_address : answer_address,
               encounter->offers ? sizeof offer_address : sizeof answer_address);
        dx_buf_init(&encounter->waiting, swarm->alloc, DX_SIGNAL_SIZE_MAX);
        encounter->next = swarm->encounters;
        swarm->encounters = encounter;
    }
    encounter->present = true;
    return DX_OK;
}

static void on_left(void *ctx, dx_signaling *from, const dx_signaling_place *place) {
    dx_encounter *encounter = find_encounter(ctx, from, place);
    if (encounter != NULL) {
        encounter->present = false;
    }
}

static void free_encounter(const dx_swarm *swarm, dx_encounter *encounter) {
    dx_buf_deinit(&encounter->waiting);
    dx_alloc_free(swarm->alloc, encounter, sizeof *encounter);
}

/* Whoever is here by another link is kept in mind, or he would be met once more when he is named again. Services that
 * nobody asks any more go, too. */
void dx_encounter_sweep(dx_swarm *swarm) {
    if (swarm->depth > 0) {
        return;
    }
    for (dx_swarm_service *service = swarm->services, *next; service != NULL; service = next) {
        next = service->next;
        if (!service->kept && !dx_signaling_has_topics(service->machine)) {
            free_service(swarm, service);
        }
    }
    for (dx_encounter **at = &swarm->encounters; *at != NULL;) {
        dx_encounter *encounter = *at;
        const dx_swarm_topic *topic = dx_swarm_find_topic(swarm, encounter->place.topic);
        bool met = topic != NULL && encounter->service != NULL &&
                   dx_swarm_is_met(swarm, topic, &encounter->dialling);
        if (encounter->present || encounter->dialling.has_link || met) {
            at = &encounter->next;
            continue;
        }
        *at = encounter->next;
        free_encounter(swarm, encounter);
    }
}

void dx_encounter_free_all(dx_swarm *swarm) {
    while (swarm->services != NULL) {
        free_service(swarm, swarm->services);
    }
    while (swarm->encounters != NULL) {
        dx_encounter *encounter = swarm->encounters;
        swarm->encounters = encounter->next;
        free_encounter(swarm, encounter);
    }
    dx_wipe(swarm->device_seed, sizeof swarm->device_seed);
}

/* --- Attempts ------------------------------------------------------------------------------------------ */

/* What went before is over: an attempt ends, a link that stands goes on by itself until the new one takes its
 * place. */
static void begin_session(dx_swarm *swarm, dx_encounter *encounter,
                          const uint8_t session[static DX_SIGNALING_NAME_SIZE]) {
    dx_meeting *meeting =
        encounter->dialling.has_link ? dx_swarm_find_meeting(swarm, encounter->dialling.link) : NULL;
    if (meeting != NULL && !meeting->ready) {
        dx_swarm_close_meeting(swarm, meeting, DX_E_CANCELLED);
    } else if (meeting != NULL) {
        meeting->dialling = NULL;
        meeting->encounter = NULL;
    }
    encounter->dialling.has_link = false;
    if (encounter->has_session) {
        memcpy(encounter->past[encounter->past_next++ % DX_SESSIONS_PAST], encounter->session,
               sizeof encounter->session);
    }
    memcpy(encounter->session, session, sizeof encounter->session);
    encounter->has_session = true;
    encounter->described[DX_OFFER] = encounter->described[DX_ANSWER] = false;
    encounter->own_sequence = encounter->seen = 0;
    dx_buf_clear(&encounter->waiting);
}

/* What a service named for the transport to ask goes with the link. */
static int tell_servers(dx_swarm *swarm, const dx_encounter *encounter, uint64_t link) {
    dx_bytes ice = encounter->service == NULL ? dx_bytes_of(NULL, 0) : dx_signaling_ice(encounter->service);
    dx_buf body;
    dx_writer writer;
    if (ice.size <= 1) {
        return DX_OK; /* no list, or an empty one */
    }
    dx_buf_init(&body, swarm->alloc, DX_SIGNAL_SIZE_MAX);
    dx_writer_init(&writer, &body);
    dx_write_map(&writer, 1);
    dx_write_text(&writer, "servers");
    dx_write_item(&writer, ice);
    int error = dx_writer_finish(&writer);
    if (error == DX_OK) {
        swarm->port.signal(swarm->port.ctx, link, dx_buf_view(&body));
    }
    dx_buf_deinit(&body);
    return error;
}

static int open_link(dx_swarm *swarm, dx_encounter *encounter) {
    uint64_t link = *swarm->port.next_link;
    dx_bytes address = dx_bytes_text(encounter->dialling.address);
    dx_meeting *meeting = dx_swarm_make_meeting(swarm, link, address, encounter->offers);
    if (meeting == NULL) {
        return DX_E_NO_MEMORY;
    }
    *swarm->port.next_link += 2;
    meeting->link.topic = encounter->place.topic;
    meeting->dialling = &encounter->dialling;
    meeting->encounter = encounter;
    encounter->dialling.has_link = true;
    encounter->dialling.link = link;
    encounter->dialling.since_ms = swarm->now_ms;
    swarm->port.open(swarm->port.ctx, link, address);
    return tell_servers(swarm, encounter, link);
}

/* The other side's transport is told what came before its own description was there. */
static void pass_waiting(dx_swarm *swarm, dx_encounter *encounter) {
    dx_reader reader;
    dx_reader_init(&reader, dx_buf_view(&encounter->waiting));
    while (reader.at < reader.end && reader.error == DX_OK) {
        swarm->port.signal(swarm->port.ctx, encounter->dialling.link, dx_read_item(&reader));
    }
    dx_buf_clear(&encounter->waiting);
}

static size_t which_of(const dx_peer_signal *description) {
    return description->kind == DX_PEER_SIGNAL_OFFER ? DX_OFFER : DX_ANSWER;
}

/* A description may come anew, as when ICE restarts, but the certificate stays. */
static bool is_renewal(const dx_encounter *encounter, const dx_peer_signal *description) {
    size_t which = which_of(description);
    return encounter->described[which] && encounter->dialling.has_link &&
           memcmp(encounter->fingerprints[which], description->fingerprint, DX_HASH_SIZE) == 0;
}

static void keep_fingerprint(dx_encounter *encounter, const dx_peer_signal *description) {
    size_t which = which_of(description);
    memcpy(encounter->fingerprints[which], description->fingerprint, DX_HASH_SIZE);
    encounter->described[which] = true;
}

static int take_offer(dx_swarm *swarm, dx_encounter *encounter, const dx_peer_signal *offer, dx_bytes item) {
    keep_fingerprint(encounter, offer);
    if (!dx_swarm_make_place(swarm)) {
        swarm->port.counts->crowded++;
        return DX_OK; /* he tries again */
    }
    int error = open_link(swarm, encounter);
    if (error == DX_OK) {
        swarm->port.signal(swarm->port.ctx, encounter->dialling.link, item);
        pass_waiting(swarm, encounter);
    }
    return error;
}

static int take_candidate(dx_swarm *swarm, dx_encounter *encounter, dx_bytes item) {
    size_t theirs = encounter->offers ? DX_ANSWER : DX_OFFER;
    if (encounter->described[theirs]) {
        if (encounter->dialling.has_link) {
            swarm->port.signal(swarm->port.ctx, encounter->dialling.link, item);
        }
        return DX_OK;
    }
    dx_buf_append(&encounter->waiting, item.data, item.size);
    return dx_buf_error(&encounter->waiting) == DX_E_NO_MEMORY ? DX_E_NO_MEMORY : DX_OK; /* too many: lost */
}

static bool is_past(const dx_encounter *encounter, const uint8_t *session) {
    for (size_t i = 0; i < DX_SESSIONS_PAST && i < encounter->past_next; i++) {
        if (memcmp(encounter->past[i], session, DX_SIGNALING_NAME_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_session(const dx_encounter *encounter, const uint8_t *session) {
    return encounter->has_session && memcmp(encounter->session, session, DX_SIGNALING_NAME_SIZE) == 0;
}

/* By a peer of the topic, to us, in this place; what it is worth depends on when it comes. */
static int on_signal(void *ctx, dx_signaling *from, const dx_signaling_place *place,
                     const dx_signaling_signal *signal) {
    dx_swarm *swarm = ctx;
    dx_encounter *encounter = find_encounter(swarm, from, place);
    dx_peer_signal what;
    if (encounter == NULL || dx_peer_signal_read(signal->signal, &what) != DX_OK) {
        swarm->port.counts->strange++;
        return DX_OK;
    }
    bool begins = !is_session(encounter, signal->session);
    bool again = !begins && (encounter->seen >> signal->sequence & 1) != 0;
    if (again || (begins && (encounter->offers || is_past(encounter, signal->session)))) {
        swarm->port.counts->replayed++;
        return DX_OK;
    }
    if (begins) {
        begin_session(swarm, encounter, signal->session);
    }
    encounter->seen |= UINT64_C(1) << signal->sequence;
    if (what.kind == DX_PEER_SIGNAL_CANDIDATE) {
        return take_candidate(swarm, encounter, signal->signal);
    }
    bool is_theirs = (what.kind == DX_PEER_SIGNAL_OFFER) != encounter->offers;
    if (is_theirs && is_renewal(encounter, &what)) {
        swarm->port.signal(swarm->port.ctx, encounter->dialling.link, signal->signal);
        return DX_OK;
    }
    if (what.kind == DX_PEER_SIGNAL_OFFER && !encounter->offers && !encounter->described[DX_OFFER]) {
        return take_offer(swarm, encounter, &what, signal->signal);
    }
    if (what.kind == DX_PEER_SIGNAL_ANSWER && encounter->offers && encounter->described[DX_OFFER] &&
        !encounter->described[DX_ANSWER] && encounter->dialling.has_link) {
        keep_fingerprint(encounter, &what);
        swarm->port.signal(swarm->port.ctx, encounter->dialling.link, signal->signal);
        pass_waiting(swarm, encounter);
        return DX_OK;
    }
    swarm->port.counts->strange++;
    return DX_OK;
}

/* Told to the peer; a candidate that cannot be told is one way less, a description is the end of the attempt. */
static int relay(dx_swarm *swarm, dx_meeting *meeting, dx_bytes item, bool needed) {
    dx_encounter *encounter = meeting->encounter;
    dx_signaling_signal signal = {.sequence = encounter->own_sequence, .signal = item};
    memcpy(signal.session, encounter->session, sizeof signal.session);
    int error = DX_E_UNREACHABLE;
    if (encounter->service != NULL) {
        error = dx_signaling_send(encounter->service, &encounter->place, &signal);
    }
    if (error == DX_E_NO_MEMORY) {
        return error;
    }
    encounter->own_sequence += error == DX_OK;
    if (error != DX_OK && needed) {
        dx_swarm_close_meeting(swarm, meeting, DX_E_UNREACHABLE);
    }
    return DX_OK;
}

/* By the transport here. */
static int take_own(dx_swarm *swarm, dx_meeting *meeting, dx_bytes item) {
    dx_encounter *encounter = meeting->encounter;
    dx_peer_signal what;
    dx_peer_signal_kind own = encounter->offers ? DX_PEER_SIGNAL_OFFER : DX_PEER_SIGNAL_ANSWER;
    if (dx_peer_signal_read(item, &what) != DX_OK) {
        dx_swarm_close_meeting(swarm, meeting, DX_E_INVALID);
        return DX_OK;
    }
    bool is_candidate = what.kind == DX_PEER_SIGNAL_CANDIDATE;
    bool anew = !is_candidate && encounter->described[which_of(&what)];
    if (!is_candidate && (what.kind != own || (anew && !is_renewal(encounter, &what)))) {
        dx_swarm_close_meeting(swarm, meeting, DX_E_INVALID); /* of its own side, and one certificate */
        return DX_OK;
    }
    if (!is_candidate) {
        keep_fingerprint(encounter, &what);
    }
    return relay(swarm, meeting, item, !is_candidate && !meeting->channelled);
}

int dx_encounter_signal(dx_swarm *swarm, uint64_t link, dx_bytes body) {
    for (dx_swarm_service *service = swarm->services; service != NULL; service = service->next) {
        if (dx_signaling_has_link(service->machine, link)) {
            return dx_signaling_receive(service->machine, body, swarm->now_ms);
        }
    }
    dx_meeting *meeting = dx_swarm_find_meeting(swarm, link);
    return meeting == NULL || meeting->encounter == NULL ? DX_OK : take_own(swarm, meeting, body);
}

/* --- Channels ------------------------------------------------------------------------------------------- */

static void write_address(dx_bytes text, char *address, size_t address_size) {
    size_t size = text.size < address_size ? text.size : address_size - 1;
    memcpy(address, text.data, size);
    address[size] = 0;
}

/* The topic, and beside its own prologue what both transports said they would show. */
static bool bound_topic(const dx_encounter *encounter, dx_channel_topic *out) {
    const dx_swarm_topic *topic = dx_swarm_find_topic(encounter->swarm, encounter->place.topic);
    if (topic == NULL) {
        return false;
    }
    dx_swarm_describe_topic(topic, out);
    out->prologue = dx_bytes_of(encounter->prologue, sizeof encounter->prologue);
    out->is_bound = true;
    return true;
}

static bool bound_topic_at(void *ctx, size_t index, dx_channel_topic *out) {
    return index == 0 && bound_topic(ctx, out);
}

static int begin_channel(dx_swarm *swarm, dx_meeting *meeting) {
    dx_encounter *encounter = meeting->encounter;
    const dx_swarm_topic *topic = dx_swarm_find_topic(swarm, encounter->place.topic);
    if (topic == NULL || !encounter->described[DX_OFFER] || !encounter->described[DX_ANSWER]) {
        dx_swarm_close_meeting(swarm, meeting, DX_E_INVALID);
        return DX_OK;
    }
    memcpy(encounter->prologue, topic->topic.prologue, DX_HASH_SIZE);
#if !defined(DX_PLANT) || DX_PLANT != 34
    memcpy(encounter->prologue + DX_HASH_SIZE, encounter->fingerprints, sizeof encounter->fingerprints);
#endif
    meeting->channelled = true;
    if (!encounter->offers) {
        const dx_channel_topics topics = {.ctx = encounter, .at = bound_topic_at};
        dx_channel_listen(&meeting->channel, swarm->alloc, swarm->random, &topics, swarm->now_ms);
        return DX_OK;
    }
    dx_channel_topic described;
    if (!bound_topic(encounter, &described)) {
        return DX_OK;
    }
    int error = dx_channel_call(&meeting->channel, swarm->alloc, swarm->random, &described, swarm->now_ms,
                                &swarm->out);
    return error == DX_OK ? dx_swarm_flush(swarm, meeting) : error;
}

int dx_encounter_up(dx_swarm *swarm, uint64_t link, dx_bytes address, bool *taken) {
    for (dx_swarm_service *service = swarm->services; service != NULL; service = service->next) {
        if (dx_signaling_has_link(service->machine, link)) {
            *taken = true;
            dx_signaling_up(service->machine, swarm->now_ms);
            return DX_OK;
        }
    }
    dx_meeting *meeting = dx_swarm_find_meeting(swarm, link);
    *taken = meeting != NULL && meeting->encounter != NULL;
    if (!*taken || meeting->channelled) {
        return DX_OK;
    }
    if (address.size > 4 && memcmp(address.data, "rtc:", 4) == 0) { /* for people: which way it found */
        write_address(address, meeting->link.address, sizeof meeting->link.address);
    }
    return begin_channel(swarm, meeting);
}

void dx_encounter_down(dx_swarm *swarm, uint64_t link, int reason, bool *taken) {
    *taken = false;
    for (dx_swarm_service *service = swarm->services; service != NULL; service = service->next) {
        if (dx_signaling_has_link(service->machine, link)) {
            *taken = true;
            dx_signaling_down(service->machine, reason, swarm->now_ms);
            return;
        }
    }
}

/* --- Time ------------------------------------------------------------------------------------------------- */

static size_t count_attempts(const dx_swarm *swarm) {
    size_t count = 0;
    for (const dx_meeting *meeting = swarm->meetings; meeting != NULL; meeting = meeting->next) {
        count += meeting->encounter != NULL && !meeting->ready && !meeting->closed;
    }
    return count;
}

static int offer(dx_swarm *swarm, dx_encounter *encounter, uint64_t *deadline_ms) {
    const dx_swarm_topic *topic = dx_swarm_find_topic(swarm, encounter->place.topic);
    const dx_dialling *dialling = &encounter->dialling;
    if (topic == NULL || encounter->service == NULL || !encounter->present || !encounter->offers ||
        dialling->has_link || dialling->removed || dx_swarm_is_met(swarm, topic, dialling) ||
        dx_signaling_state_of(encounter->service) != DX_SIGNALING_READY) {
        return DX_OK;
    }
    uint64_t due_ms = dialling->next_ms > swarm->hold_ms ? dialling->next_ms : swarm->hold_ms;
    if (swarm->now_ms < due_ms) {
        *deadline_ms = due_ms < *deadline_ms ? due_ms : *deadline_ms;
        return DX_OK;
    }
    if (count_attempts(swarm) >= DX_ATTEMPTS_MAX ||
        dx_swarm_count_links(swarm, true) >= DX_LINKS_MAX - DX_LINKS_ACCEPTED_MAX) {
        return DX_OK; /* when one ends this is looked at again */
    }
    uint8_t session[DX_SIGNALING_NAME_SIZE];
    swarm->random->fill(swarm->random->ctx, session, sizeof session);
    begin_session(swarm, encounter, session);
    return open_link(swarm, encounter);
}

int dx_encounter_tick(dx_swarm *swarm, uint64_t *deadline_ms) {
    int error = DX_OK;
    for (dx_swarm_service *service = swarm->services; service != NULL; service = service->next) {
        dx_signaling_tick(service->machine, swarm->now_ms, swarm->wall_ms, swarm->hold_ms, deadline_ms);
    }
    for (dx_encounter *encounter = swarm->encounters; error == DX_OK && encounter != NULL;
         encounter = encounter->next) {
        error = offer(swarm, encounter, deadline_ms);
    }
    return error;
}

/* --- For people -------------------------------------------------------------------------------------------- */

bool dx_swarm_meeting_state(dx_swarm *swarm, uint64_t number, size_t index, dx_swarm_way *out) {
    const dx_swarm_topic *topic = dx_swarm_find_topic(swarm, number);
    if (topic == NULL) {
        return false;
    }
    for (const dx_swarm_service *service = swarm->services; service != NULL; service = service->next) {
        if (dx_signaling_has_topic(service->machine, number) && index-- == 0) {
            write_address(dx_signaling_url(service->machine), out->address, sizeof out->address);
            out->state = dx_signaling_state_name(dx_signaling_state_of(service->machine));
            out->last_error = dx_signaling_last_error(service->machine, &out->since_ms);
            out->why = "";
            return true;
        }
    }
    for (const dx_encounter *encounter = swarm->encounters; encounter != NULL; encounter = encounter->next) {
        if (encounter->place.topic == number && index-- == 0) {
            const char *state = !encounter->offers                  ? "waiting for an offer"
                                : encounter->dialling.failures == 0 ? "new"
                                                                    : "waiting";
            dx_swarm_tell_way(swarm, topic, &encounter->dialling, state, out);
            return true;
        }
    }
    return false;
}
