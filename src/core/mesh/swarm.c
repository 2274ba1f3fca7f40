/* mesh/swarm.c: links, topics, addresses, dialling. See swarm.h.
 *
 * Invariants: a link's channel is ready before its handler hears of it, and on_close follows every on_open. A
 * handler may close any link, its own included, from any call: a closed link is only marked, and freed when
 * no call of the swarm is on the stack. */
#include "mesh/swarm_state.h"

#include <string.h>

#include "base/trace.h"

static bool is_fatal(int error) {
    return error == DX_E_NO_MEMORY || error == DX_E_STORE || error == DX_E_NO_SPACE || error == DX_E_IO;
}

dx_swarm_topic *dx_swarm_find_topic(dx_swarm *swarm, uint64_t number) {
    dx_swarm_topic *topic = swarm->topics;
    while (topic != NULL && topic->topic.number != number) {
        topic = topic->next;
    }
    return topic;
}

dx_meeting *dx_swarm_find_meeting(dx_swarm *swarm, uint64_t link) {
    dx_meeting *meeting = swarm->meetings;
    while (meeting != NULL && (meeting->closed || meeting->link.link != link)) {
        meeting = meeting->next;
    }
    return meeting;
}

/* --- Who gives way ----------------------------------------------------------------------------------- */

/* An accepted link that is one of a crowd: open, and nobody vouched for it. */
static bool is_crowd(const dx_meeting *meeting) {
    return !meeting->closed && !meeting->vouched && !meeting->link.initiator;
}

/* Where a link comes from: the address without the port, and of an IPv6 address the half that is a network's, for
 * whoever has one address there has all. FNV-1a. */
static uint64_t hash_source(const char *address) {
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    size_t end = strlen(address);
    while (end > 0 && address[end] != ':') {
        end--;
    }
    bool six = false;
    int colons = 0;
    for (size_t i = 0; i < end; i++) {
        six = six || address[i] == '[';
        colons += six && address[i] == ':';
        if (six && (colons == 4 || (address[i] == ':' && address[i + 1] == ':'))) {
            break;
        }
        hash = (hash ^ (uint8_t)address[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

/* This one joins the crowd, or leaves it. */
static void count_kin(dx_swarm *swarm, dx_meeting *meeting, bool joins) {
    meeting->kin = joins;
    for (dx_meeting *other = swarm->meetings; other != NULL; other = other->next) {
        if (other != meeting && other->source == meeting->source && is_crowd(other)) {
            other->kin = joins ? other->kin + 1 : other->kin - 1;
            meeting->kin += joins;
        }
    }
}

/* What the link holds now is in the swarm's count. */
static void count_held(dx_swarm *swarm, dx_meeting *meeting) {
    size_t held = meeting->closed || !meeting->channelled
                      ? 0
                      : dx_channel_held(&meeting->channel) + meeting->link.outstanding;
    swarm->held += held - meeting->held;
    meeting->held = held;
}

/* --- Closing --------------------------------------------------------------------------------------- */

static uint64_t random_below(dx_swarm *swarm, uint64_t bound) {
    uint64_t value = 0;
    swarm->random->fill(swarm->random->ctx, (uint8_t *)&value, sizeof value);
    return value % bound; /* jitter: a bias of 2^-50 harms nobody */
}

/* 0.2 s doubling to a minute, each drawn between half and the whole, so that two vaults do not dial in step.
 * settled: the link served its time, so the first wait comes again. */
static void back_off(dx_swarm *swarm, dx_dialling *dialling, bool settled, int reason) {
    unsigned doublings = settled ? 0 : dialling->failures < 9 ? dialling->failures : 9;
    uint64_t wait_ms = (uint64_t)DX_DIAL_FIRST_MS << doublings;
    wait_ms = wait_ms > DX_DIAL_LAST_MS ? DX_DIAL_LAST_MS : wait_ms;
    dialling->next_ms = swarm->now_ms + wait_ms / 2 + random_below(swarm, wait_ms / 2 + 1);
    dialling->has_link = dialling->connected = false;
    dialling->since_ms = swarm->now_ms;
    dialling->last_error = reason;
    dialling->why[0] = 0;
    dialling->failures = settled ? 1 : dialling->failures + 1;
}

/* The peer dialled this link: he dials again, so his address here is left alone until he had time to. */
static void yield_to_caller(dx_swarm *swarm, const dx_swarm_topic *topic, const dx_meeting *meeting) {
    uint64_t wait_ms = 2 * (DX_DIAL_FIRST_MS + meeting->ready_ms - meeting->begun_ms);
    wait_ms = wait_ms < DX_DIAL_YIELD_MS ? wait_ms : DX_DIAL_YIELD_MS;
    for (dx_dialling *dialling = topic->diallings; dialling != NULL; dialling = dialling->next) {
        if (dialling->has_peer && !dialling->has_link &&
            memcmp(dialling->peer, meeting->link.remote_static, DX_KEY_SIZE) == 0) {
            dialling->next_ms = swarm->now_ms + wait_ms + random_below(swarm, DX_DIAL_FIRST_MS);
        }
    }
}

static void count_end(const dx_swarm *swarm, const dx_meeting *meeting, int reason) {
    dx_swarm_counts *counts = swarm->port.counts;
    counts->failed += !meeting->ready;
    counts->refused += meeting->ready && dx_error_class_of(reason) == DX_CLASS_PEER;
    dx_trace(swarm->tracer, "mesh", "link %llu of topic %llu %s: %s", (unsigned long long)meeting->link.link,
             (unsigned long long)meeting->link.topic, meeting->ready ? "closed" : "failed",
             dx_error_name(reason));
}

/* Where a link failed whose end nobody but the swarm can explain. */
static const char *name_step(const dx_meeting *meeting) {
    const dx_encounter *encounter = meeting->encounter;
    if (meeting->ready) {
        return "";
    }
    if (meeting->channelled) {
        return "channel: the connection came up, but its handshake did not succeed";
    }
    if (encounter == NULL) {
        return "";
    }
    return encounter->described[DX_OFFER] && encounter->described[DX_ANSWER]
               ? "path: no connection came up in time"
               : "signal: the other side did not answer in time";
}

/* Words of the host's, which may be another program's or a browser's: kept in printable ASCII. */
static void keep_why(dx_dialling *dialling, dx_bytes why) {
    size_t size = why.size < sizeof dialling->why ? why.size : sizeof dialling->why - 1;
    for (size_t i = 0; i < size; i++) {
        dialling->why[i] = (char)(why.data[i] >= ' ' && why.data[i] <= '~' ? why.data[i] : '?');
    }
    dialling->why[size] = 0;
}

/* The link is over: tells its handler, frees its dialling for another try; the memory goes at the outermost
 * call. */
static void end_meeting(dx_swarm *swarm, dx_meeting *meeting, int reason, dx_bytes why) {
    if (meeting->closed) {
        return;
    }
    if (is_crowd(meeting)) {
        count_kin(swarm, meeting, false);
    }
    meeting->closed = true;
    count_held(swarm, meeting);
    count_end(swarm, meeting, reason);
#if defined(DX_PLANT) && DX_PLANT == 5
    if (meeting->dialling != NULL && meeting->ready && reason == DX_E_TIMEOUT) {
        meeting->dialling = NULL;
    }
#endif
    if (meeting->dialling != NULL) {
        bool settled = meeting->ready && swarm->now_ms - meeting->ready_ms >= DX_DIAL_SETTLED_MS;
        back_off(swarm, meeting->dialling, settled, reason);
        if (reason != DX_OK) {
            keep_why(meeting->dialling, why.size > 0 ? why : dx_bytes_text(name_step(meeting)));
        }
        meeting->dialling = NULL;
    }
    meeting->encounter = NULL;
    dx_swarm_topic *topic = dx_swarm_find_topic(swarm, meeting->link.topic);
    if (meeting->ready && topic != NULL && !meeting->link.initiator) {
        yield_to_caller(swarm, topic, meeting);
    }
    if (meeting->ready && topic != NULL && topic->topic.handler.on_close != NULL) {
        topic->topic.handler.on_close(topic->topic.handler.ctx, &meeting->link, reason);
    }
}

/* Ours to end: the peer is told why if it can hear it. */
void dx_swarm_close_meeting(dx_swarm *swarm, dx_meeting *meeting, int reason) {
    if (meeting->closed) {
        return;
    }
    if (meeting->channelled) {
        dx_channel_close(&meeting->channel, reason, &swarm->out);
        if (dx_swarm_flush(swarm, meeting) != DX_OK) {
            dx_buf_clear(&swarm->out); /* the goodbye is lost; the link closes all the same */
        }
    }
    swarm->port.close(swarm->port.ctx, meeting->link.link, reason);
    end_meeting(swarm, meeting, reason, dx_bytes_of(NULL, 0));
}

static void free_meeting(dx_swarm *swarm, dx_meeting *meeting) {
    if (meeting->channelled) {
        dx_channel_deinit(&meeting->channel);
    }
    dx_alloc_free(swarm->alloc, meeting, sizeof *meeting);
}

static void enter(dx_swarm *swarm, uint64_t now_ms) {
    swarm->depth++;
    swarm->now_ms = now_ms > swarm->now_ms ? now_ms : swarm->now_ms;
}

static void leave(dx_swarm *swarm) {
    if (--swarm->depth > 0) {
        return;
    }
    for (dx_meeting **at = &swarm->meetings; *at != NULL;) {
        dx_meeting *meeting = *at;
        if (!meeting->closed) {
            at = &meeting->next;
            continue;
        }
        *at = meeting->next;
        free_meeting(swarm, meeting);
    }
    dx_encounter_sweep(swarm);
}

/* --- Life ------------------------------------------------------------------------------------------- */

int dx_swarm_create(const dx_alloc *alloc, const dx_random *random, const dx_tracer *tracer,
                    const dx_swarm_port *port, dx_swarm **out) {
    dx_swarm *swarm = dx_alloc_take_zeroed(alloc, sizeof *swarm);
    if (swarm == NULL) {
        return DX_E_NO_MEMORY;
    }
    swarm->alloc = alloc;
    swarm->random = random;
    swarm->tracer = tracer;
    swarm->port = *port;
    dx_buf_init(&swarm->out, alloc, 2 * DX_CHANNEL_MESSAGE_MAX);
    *out = swarm;
    return DX_OK;
}

static void free_topic(dx_swarm *swarm, dx_swarm_topic *topic) {
    while (topic->diallings != NULL) {
        dx_dialling *dialling = topic->diallings;
        topic->diallings = dialling->next;
        dx_alloc_free(swarm->alloc, dialling, sizeof *dialling);
    }
    dx_buf_deinit(&topic->payload);
    dx_wipe(topic, sizeof *topic);
    dx_alloc_free(swarm->alloc, topic, sizeof *topic);
}

void dx_swarm_destroy(dx_swarm *swarm) {
    if (swarm == NULL) {
        return;
    }
    DX_ASSERT(swarm->depth == 0);
    dx_encounter_free_all(swarm);
    while (swarm->meetings != NULL) {
        dx_meeting *meeting = swarm->meetings;
        swarm->meetings = meeting->next;
        free_meeting(swarm, meeting);
    }
    while (swarm->topics != NULL) {
        dx_swarm_topic *topic = swarm->topics;
        swarm->topics = topic->next;
        free_topic(swarm, topic);
    }
    dx_buf_deinit(&swarm->out);
    dx_alloc_free(swarm->alloc, swarm, sizeof *swarm);
}

int dx_swarm_add_topic(dx_swarm *swarm, const dx_topic *topic) {
    DX_ASSERT(dx_swarm_find_topic(swarm, topic->number) == NULL);
    dx_swarm_topic *kept = dx_alloc_take_zeroed(swarm->alloc, sizeof *kept);
    if (kept == NULL) {
        return DX_E_NO_MEMORY;
    }
    kept->topic = *topic;
    dx_agree_public(topic->static_secret, kept->own_static);
    dx_buf_init(&kept->payload, swarm->alloc, DX_CHANNEL_PAYLOAD_MAX);
    dx_buf_append(&kept->payload, topic->payload.data, topic->payload.size);
    kept->topic.payload = dx_buf_view(&kept->payload);
    kept->next = swarm->topics;
    swarm->topics = kept;
    int error = dx_buf_error(&kept->payload);
    return error == DX_OK ? dx_encounter_add_topic(swarm, kept) : error;
}

void dx_swarm_remove_topic(dx_swarm *swarm, uint64_t number) {
    dx_swarm_topic **at = &swarm->topics;
    while (*at != NULL && (*at)->topic.number != number) {
        at = &(*at)->next;
    }
    dx_swarm_topic *topic = *at;
    if (topic == NULL) {
        return;
    }
    *at = topic->next; /* its handler is not called again: who removes a topic knows */
    enter(swarm, 0);
    for (dx_meeting *meeting = swarm->meetings; meeting != NULL; meeting = meeting->next) {
        if (!meeting->closed && meeting->link.topic == number) {
            dx_swarm_close_meeting(swarm, meeting, DX_OK);
        }
    }
    leave(swarm);
    dx_encounter_remove_topic(swarm, number);
    free_topic(swarm, topic);
}

/* --- Addresses ---------------------------------------------------------------------------------------- */

static dx_dialling *find_dialling(dx_swarm_topic *topic, dx_bytes address) {
    dx_dialling *dialling = topic->diallings;
    while (dialling != NULL && !dx_bytes_equal(dx_bytes_text(dialling->address), address)) {
        dialling = dialling->next;
    }
    return dialling;
}

/* The address to forget for a new one: removed, or failing longest; NULL when all are in use. */
static dx_dialling *least_useful(dx_swarm_topic *topic) {
    dx_dialling *least = NULL;
    for (dx_dialling *dialling = topic->diallings; dialling != NULL; dialling = dialling->next) {
        bool idle = !dialling->has_link && (dialling->removed || dialling->failures > 0);
        if (idle && (least == NULL || dialling->removed ||
                     (!least->removed && dialling->failures > least->failures))) {
            least = dialling;
        }
    }
    return least;
}

int dx_swarm_add_address(dx_swarm *swarm, uint64_t number, dx_bytes address) {
    dx_swarm_topic *topic = dx_swarm_find_topic(swarm, number);
    dx_dialling *known = topic == NULL ? NULL : find_dialling(topic, address);
    if (topic == NULL || address.size == 0 || address.size >= sizeof known->address) {
        return topic == NULL ? DX_E_NOT_FOUND : DX_E_INVALID;
    }
    if (dx_is_service_address(address)) {
        return dx_encounter_join(swarm, topic, address);
    }
    if (known != NULL) {
        known->removed = false;
        return DX_OK;
    }
    dx_dialling **end = &topic->diallings; /* in the order told: the first is the likeliest */
    size_t count = 0;
    for (; *end != NULL; count++) {
        end = &(*end)->next;
    }
    dx_dialling *dialling = count < DX_SPACE_ADDRESSES_MAX ? NULL : least_useful(topic);
    if (dialling == NULL && count >= DX_SPACE_ADDRESSES_MAX) {
        return DX_E_LIMIT;
    }
    if (dialling == NULL) {
        dialling = *end = dx_alloc_take_zeroed(swarm->alloc, sizeof *dialling);
    } else {
        *dialling = (dx_dialling){.next = dialling->next};
    }
    if (dialling == NULL) {
        return DX_E_NO_MEMORY;
    }
    memcpy(dialling->address, address.data, address.size);
    dialling->since_ms = swarm->now_ms;
    return DX_OK;
}

void dx_swarm_remove_address(dx_swarm *swarm, uint64_t number, dx_bytes address) {
    dx_swarm_topic *topic = dx_swarm_find_topic(swarm, number);
    dx_dialling *dialling = topic == NULL ? NULL : find_dialling(topic, address);
    if (dialling == NULL) {
        dx_encounter_part(swarm, number, address);
        return;
    }
    enter(swarm, 0);
    for (dx_meeting *meeting = swarm->meetings; meeting != NULL; meeting = meeting->next) {
        if (meeting->dialling == dialling) {
            meeting->dialling = NULL; /* a link that stands goes on; it is not dialled again */
            if (!meeting->ready) {
                dx_swarm_close_meeting(swarm, meeting, DX_OK); /* its place is for others */
            }
        }
    }
    leave(swarm);
    dx_dialling **at = &topic->diallings;
    while (*at != dialling) {
        at = &(*at)->next;
    }
    *at = dialling->next;
    dx_alloc_free(swarm->alloc, dialling, sizeof *dialling);
}

void dx_swarm_hold(dx_swarm *swarm, uint64_t until_ms) {
    swarm->hold_ms = until_ms;
}

/* Whether the peer that answered at this address before is here already, by whichever link. */
bool dx_swarm_is_met(const dx_swarm *swarm, const dx_swarm_topic *topic, const dx_dialling *dialling) {
    for (const dx_meeting *meeting = swarm->meetings; dialling->has_peer && meeting != NULL;
         meeting = meeting->next) {
        if (meeting->ready && !meeting->closed && meeting->link.topic == topic->topic.number &&
            memcmp(meeting->link.remote_static, dialling->peer, DX_KEY_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

void dx_swarm_tell_way(const dx_swarm *swarm, const dx_swarm_topic *topic, const dx_dialling *dialling,
                       const char *state, dx_swarm_way *out) {
    _Static_assert(sizeof out->address == sizeof dialling->address, "one length of addresses");
    bool here = dialling->connected || dx_swarm_is_met(swarm, topic, dialling);
    memcpy(out->address, dialling->address, sizeof out->address);
    out->state = here ? "connected" : dialling->has_link ? "connecting" : state;
    out->last_error = dialling->last_error;
    out->why = dialling->last_error == DX_OK ? "" : dialling->why;
    out->since_ms = dialling->since_ms;
}

bool dx_swarm_address_state(dx_swarm *swarm, uint64_t number, size_t index, dx_swarm_way *out) {
    dx_swarm_topic *topic = dx_swarm_find_topic(swarm, number);
    dx_dialling *dialling = topic == NULL ? NULL : topic->diallings;
    while (dialling != NULL && (dialling->removed || index-- > 0)) {
        dialling = dialling->next;
    }
    if (dialling == NULL) {
        return false;
    }
    dx_swarm_tell_way(swarm, topic, dialling, dialling->failures == 0 ? "new" : "waiting", out);
    return true;
}

/* --- Sending ------------------------------------------------------------------------------------------ */

int dx_swarm_flush(dx_swarm *swarm, dx_meeting *meeting) {
    int error = dx_buf_error(&swarm->out);
    if (error == DX_OK && swarm->out.size > 0) {
        meeting->link.outstanding += swarm->out.size;
        count_held(swarm, meeting);
        swarm->port.send(swarm->port.ctx, meeting->link.link, dx_buf_view(&swarm->out));
    }
    dx_buf_clear(&swarm->out);
    return error;
}

int dx_swarm_send(dx_swarm *swarm, uint64_t link, dx_bytes message) {
    dx_meeting *meeting = dx_swarm_find_meeting(swarm, link);
    if (meeting == NULL || !meeting->ready) {
        return DX_E_NOT_FOUND;
    }
    int error = dx_channel_send(&meeting->channel, message, &swarm->out);
    return error == DX_OK ? dx_swarm_flush(swarm, meeting) : error;
}

bool dx_swarm_has_room(const dx_swarm *swarm, uint64_t link) {
    const dx_meeting *meeting = swarm->meetings;
    while (meeting != NULL && (meeting->closed || meeting->link.link != link)) {
        meeting = meeting->next;
    }
    return meeting == NULL || meeting->link.outstanding < DX_LINK_SHARE ||
           swarm->held < DX_LINKS_HELD_MAX / 2;
}

void dx_swarm_vouch(dx_swarm *swarm, uint64_t link, bool vouched) {
    dx_meeting *meeting = dx_swarm_find_meeting(swarm, link);
    if (meeting == NULL || meeting->vouched == vouched) {
        return;
    }
    if (!meeting->link.initiator) {
        count_kin(swarm, meeting, !vouched);
    }
    meeting->vouched = vouched;
}

void dx_swarm_close(dx_swarm *swarm, uint64_t link, int reason) {
    dx_meeting *meeting = dx_swarm_find_meeting(swarm, link);
    if (meeting != NULL) {
        enter(swarm, 0);
        dx_swarm_close_meeting(swarm, meeting, reason);
        leave(swarm);
    }
}

size_t dx_swarm_link_count(const dx_swarm *swarm, uint64_t topic) {
    size_t count = 0;
    for (const dx_meeting *meeting = swarm->meetings; meeting != NULL; meeting = meeting->next) {
        count += meeting->ready && !meeting->closed && meeting->link.topic == topic;
    }
    return count;
}

/* --- Handshakes ---------------------------------------------------------------------------------------- */

void dx_swarm_describe_topic(const dx_swarm_topic *topic, dx_channel_topic *out) {
    *out = (dx_channel_topic){.number = topic->topic.number,
                              .secret = topic->topic.secret,
                              .static_secret = topic->topic.static_secret,
                              .static_public = topic->own_static,
                              .prologue = dx_bytes_of(topic->topic.prologue, sizeof topic->topic.prologue),
                              .payload = topic->topic.payload,
                              .expected_static =
                                  topic->topic.expect_static ? topic->topic.expected_static : NULL};
}

static bool topic_at(void *ctx, size_t index, dx_channel_topic *out) {
    dx_swarm_topic *topic = ((dx_swarm *)ctx)->topics;
    while (topic != NULL && index-- > 0) {
        topic = topic->next;
    }
    if (topic == NULL) {
        return false;
    }
    dx_swarm_describe_topic(topic, out);
    return true;
}

/* Of two links between the same two keys on one topic one stays. The newer supersedes an older half-dead one,
 * but when both were just dialled both sides must choose alike, or each would end the one that the other keeps: of
 * two from both ends the one whose caller has the smaller key stays, of two from one end the one with the smaller
 * handshake hash, whichever was ready first here. */
static bool is_superseded(const dx_meeting *old, const dx_meeting *fresh,
                          const uint8_t own_static[static DX_KEY_SIZE], uint64_t now_ms) {
    if (now_ms - old->ready_ms > DX_GLARE_MS) {
        return true;
    }
    if (old->link.initiator != fresh->link.initiator) {
        bool own_smaller = memcmp(own_static, fresh->link.remote_static, DX_KEY_SIZE) < 0;
        return fresh->link.initiator == own_smaller;
    }
    return fresh->begun_ms >= old->ready_ms || /* dialled again, not side by side */
           memcmp(fresh->link.handshake_hash, old->link.handshake_hash, DX_NOISE_HASH_SIZE) < 0;
}

/* *keep false: the fresh link is the one to go. */
static void settle_glare(dx_swarm *swarm, dx_meeting *fresh, const dx_swarm_topic *topic, bool *keep) {
    *keep = memcmp(topic->own_static, fresh->link.remote_static, DX_KEY_SIZE) != 0; /* never with ourselves */
    for (dx_meeting *old = swarm->meetings; old != NULL && *keep; old = old->next) {
        bool same = old != fresh && old->ready && !old->closed && old->link.topic == fresh->link.topic &&
                    memcmp(old->link.remote_static, fresh->link.remote_static, DX_KEY_SIZE) == 0;
        if (!same) {
            continue;
        }
        if (is_superseded(old, fresh, topic->own_static, swarm->now_ms)) {
            dx_swarm_close_meeting(swarm, old, DX_OK);
        } else {
            *keep = false;
        }
    }
}

/* Whoever answered at a dialled address is remembered, so that it is not dialled again while he is here. */
static void note_peer(dx_swarm *swarm, dx_meeting *meeting, const dx_swarm_topic *topic, bool keep) {
    dx_dialling *dialling = meeting->dialling;
    if (dialling == NULL) {
        return;
    }
    memcpy(dialling->peer, meeting->link.remote_static, DX_KEY_SIZE);
    dialling->has_peer = true;
    dialling->removed =
        dialling->removed || memcmp(topic->own_static, dialling->peer, DX_KEY_SIZE) == 0; /* it is our own */
    dialling->connected = keep;
    dialling->last_error = DX_OK;
    dialling->since_ms = swarm->now_ms;
}

static int open_meeting(dx_swarm *swarm, dx_meeting *meeting) {
    meeting->link.topic = meeting->channel.topic;
    dx_swarm_topic *topic = dx_swarm_find_topic(swarm, meeting->link.topic);
    if (topic == NULL) {
        dx_swarm_close_meeting(swarm, meeting, DX_OK);
        return DX_OK;
    }
    memcpy(meeting->link.handshake_hash, dx_channel_handshake_hash(&meeting->channel), DX_NOISE_HASH_SIZE);
    memcpy(meeting->link.remote_static, dx_channel_remote_static(&meeting->channel), DX_KEY_SIZE);
    meeting->link.remote_payload = dx_channel_remote_payload(&meeting->channel);
    bool keep = true;
    settle_glare(swarm, meeting, topic, &keep);
    note_peer(swarm, meeting, topic, keep);
    if (!keep) {
        dx_swarm_close_meeting(swarm, meeting, DX_OK);
        return DX_OK;
    }
    swarm->port.counts->ready++;
    dx_trace(swarm->tracer, "mesh", "link %llu of topic %llu ready", (unsigned long long)meeting->link.link,
             (unsigned long long)meeting->link.topic);
    meeting->ready = true;
    meeting->ready_ms = swarm->now_ms;
    return topic->topic.handler.on_open(topic->topic.handler.ctx, &meeting->link);
}

static int take_event(dx_swarm *swarm, dx_meeting *meeting, const dx_channel_event *event) {
    if (event->kind == DX_CHANNEL_EVENT_READY) {
        return open_meeting(swarm, meeting);
    }
    if (event->kind == DX_CHANNEL_EVENT_MESSAGE) {
        dx_swarm_topic *topic = dx_swarm_find_topic(swarm, meeting->link.topic);
        return topic == NULL ? DX_OK
                             : topic->topic.handler.on_message(topic->topic.handler.ctx, &meeting->link,
                                                               event->message);
    }
    /* Closed: by the peer's goodbye or by what it did wrong. */
    swarm->port.close(swarm->port.ctx, meeting->link.link, event->reason);
    end_meeting(swarm, meeting, event->reason, dx_bytes_of(NULL, 0));
    return DX_OK;
}

static int receive(dx_swarm *swarm, dx_meeting *meeting, dx_bytes bytes) {
    while (!meeting->closed) {
        dx_channel_event event;
        int error = dx_channel_receive(&meeting->channel, &bytes, swarm->now_ms, &swarm->out, &event);
        if (error == DX_OK) {
            error = dx_swarm_flush(swarm, meeting); /* before any handler: it may send on other links */
        }
        if (error == DX_OK && event.kind == DX_CHANNEL_EVENT_NONE) {
            return DX_OK;
        }
        if (error == DX_OK) {
            error = take_event(swarm, meeting, &event);
        }
        if (is_fatal(error)) {
            return error;
        }
        if (error != DX_OK) {
            dx_swarm_close_meeting(swarm, meeting, error);
        }
    }
    return DX_OK;
}

/* --- Events of the seam --------------------------------------------------------------------------------- */

dx_meeting *dx_swarm_make_meeting(dx_swarm *swarm, uint64_t link, dx_bytes address, bool initiator) {
    dx_meeting *meeting = dx_alloc_take_zeroed(swarm->alloc, sizeof *meeting);
    if (meeting == NULL) {
        return NULL;
    }
    size_t size =
        address.size < sizeof meeting->link.address ? address.size : sizeof meeting->link.address - 1;
    if (size > 0) {
        memcpy(meeting->link.address, address.data, size);
    }
    meeting->link.link = link;
    meeting->link.initiator = initiator;
    meeting->begun_ms = swarm->now_ms;
    meeting->source = hash_source(meeting->link.address);
    meeting->next = swarm->meetings;
    swarm->meetings = meeting;
    if (!initiator) {
        count_kin(swarm, meeting, true);
    }
    return meeting;
}

static int call_peer(dx_swarm *swarm, dx_meeting *meeting) {
    dx_swarm_topic *topic = dx_swarm_find_topic(swarm, meeting->link.topic);
    if (topic == NULL) {
        dx_swarm_close_meeting(swarm, meeting, DX_OK);
        return DX_OK;
    }
    dx_channel_topic described;
    dx_swarm_describe_topic(topic, &described);
    meeting->channelled = true;
    int error = dx_channel_call(&meeting->channel, swarm->alloc, swarm->random, &described, swarm->now_ms,
                                &swarm->out);
    return error == DX_OK ? dx_swarm_flush(swarm, meeting) : error;
}

size_t dx_swarm_count_links(const dx_swarm *swarm, bool dialled) {
    size_t count = 0;
    for (const dx_meeting *meeting = swarm->meetings; meeting != NULL; meeting = meeting->next) {
        count += !meeting->closed && meeting->link.initiator == dialled;
    }
    return count;
}

static void crowd_out(dx_swarm *swarm, dx_meeting *meeting) {
    swarm->port.counts->crowded++;
    dx_swarm_close_meeting(swarm, meeting, DX_E_LIMIT);
}

/* With all places taken, the newcomer gets that of the oldest link nobody vouched for, from where most of them come:
 * who floods from one place displaces himself, and who was just let in has time to prove who he is. */
bool dx_swarm_make_place(dx_swarm *swarm) {
    dx_meeting *least = NULL;
    if (dx_swarm_count_links(swarm, false) < DX_LINKS_ACCEPTED_MAX) {
        return true;
    }
    for (dx_meeting *meeting = swarm->meetings; meeting != NULL; meeting = meeting->next) {
        if (is_crowd(meeting) && (least == NULL || meeting->kin >= least->kin)) { /* the newest stand first */
            least = meeting;
        }
    }
    if (least != NULL) {
        crowd_out(swarm, least);
    }
    return least != NULL;
}

/* Who holds most: of those nobody vouched for while one of them holds anything; then of all. */
static dx_meeting *find_greediest(const dx_swarm *swarm) {
    dx_meeting *greediest = NULL;
    for (dx_meeting *meeting = swarm->meetings; meeting != NULL; meeting = meeting->next) {
        bool holds = !meeting->closed && meeting->held > 0;
        if (holds && (greediest == NULL || (greediest->vouched && !meeting->vouched) ||
                      (greediest->vouched == meeting->vouched && meeting->held >= greediest->held))) {
            greediest = meeting;
        }
    }
    return greediest;
}

/* Keeps what all links hold within its bound: first by what is only kept for later, then at the cost of those who
 * hold most. As long as strangers hold anything no member's link ends for it, and nobody's who holds less than an
 * equal part of the bound. */
static void bound_held(dx_swarm *swarm) {
    if (swarm->held <= DX_LINKS_HELD_MAX) {
        return;
    }
    for (dx_meeting *meeting = swarm->meetings; meeting != NULL; meeting = meeting->next) {
        if (meeting->channelled && !meeting->closed) {
            dx_channel_trim(&meeting->channel);
            count_held(swarm, meeting);
        }
    }
    while (swarm->held > DX_LINKS_HELD_MAX) {
        crowd_out(swarm, find_greediest(swarm));
    }
}

int dx_swarm_link_up(dx_swarm *swarm, uint64_t link, dx_bytes address, uint64_t now_ms) {
    enter(swarm, now_ms);
    dx_meeting *meeting = dx_swarm_find_meeting(swarm, link);
    bool taken = false;
    int error = dx_encounter_up(swarm, link, address, &taken);
    if (taken) {
        meeting = NULL;
    } else if (meeting != NULL) {
        error = meeting->channelled ? DX_OK : call_peer(swarm, meeting);
    } else if (link % 2 != 0) {
        swarm->port.close(swarm->port.ctx, link, DX_E_CANCELLED); /* dialled before everything was dropped */
    } else if (!dx_swarm_make_place(swarm)) {
        swarm->port.counts->crowded++;
        swarm->port.close(swarm->port.ctx, link, DX_E_LIMIT);
    } else if ((meeting = dx_swarm_make_meeting(swarm, link, address, false)) == NULL) {
        error = DX_E_NO_MEMORY;
    } else {
        const dx_channel_topics topics = {.ctx = swarm, .at = topic_at};
        meeting->channelled = true;
        dx_channel_listen(&meeting->channel, swarm->alloc, swarm->random, &topics, swarm->now_ms);
    }
    leave(swarm);
    return error;
}

int dx_swarm_link_data(dx_swarm *swarm, uint64_t link, dx_bytes bytes, uint64_t now_ms) {
    enter(swarm, now_ms);
    dx_meeting *meeting = dx_swarm_find_meeting(swarm, link);
    int error = meeting == NULL || !meeting->channelled ? DX_OK : receive(swarm, meeting, bytes);
    if (error == DX_OK && meeting != NULL) {
        count_held(swarm, meeting);
        bound_held(swarm);
    }
    leave(swarm);
    return error;
}

int dx_swarm_link_writable(dx_swarm *swarm, uint64_t link, size_t size, uint64_t now_ms) {
    enter(swarm, now_ms);
    dx_meeting *meeting = dx_swarm_find_meeting(swarm, link);
    int error = DX_OK;
    if (meeting != NULL) {
        meeting->link.outstanding -= size < meeting->link.outstanding ? size : meeting->link.outstanding;
        count_held(swarm, meeting);
        dx_swarm_topic *topic = meeting->ready ? dx_swarm_find_topic(swarm, meeting->link.topic) : NULL;
        if (topic != NULL && topic->topic.handler.on_writable != NULL) {
            error = topic->topic.handler.on_writable(topic->topic.handler.ctx, &meeting->link);
        }
        if (error != DX_OK && !is_fatal(error)) {
            dx_swarm_close_meeting(swarm, meeting, error);
            error = DX_OK;
        }
    }
    leave(swarm);
    return error;
}

int dx_swarm_signal(dx_swarm *swarm, uint64_t link, dx_bytes body, uint64_t now_ms) {
    enter(swarm, now_ms);
    int error = dx_encounter_signal(swarm, link, body);
    leave(swarm);
    return error;
}

void dx_swarm_link_down(dx_swarm *swarm, uint64_t link, int reason, dx_bytes why, uint64_t now_ms) {
    bool taken = false;
    enter(swarm, now_ms);
    dx_encounter_down(swarm, link, reason, &taken);
    dx_meeting *meeting = taken ? NULL : dx_swarm_find_meeting(swarm, link);
    if (meeting != NULL) {
        end_meeting(swarm, meeting, reason, why);
    }
    leave(swarm);
}

void dx_swarm_drop_links(dx_swarm *swarm, int reason) {
    enter(swarm, 0);
    for (dx_meeting *meeting = swarm->meetings; meeting != NULL; meeting = meeting->next) {
        if (!meeting->closed) {
            meeting->channelled = meeting->channelled && (dx_channel_deinit(&meeting->channel),
                                                          false); /* no goodbye: nothing may be said now */
            swarm->port.close(swarm->port.ctx, meeting->link.link, reason);
            end_meeting(swarm, meeting, reason, dx_bytes_of(NULL, 0));
        }
    }
    leave(swarm);
}

/* --- Time -------------------------------------------------------------------------------------------------
 */

static uint64_t sooner(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static int dial(dx_swarm *swarm, dx_swarm_topic *topic, dx_dialling *dialling, uint64_t *deadline_ms) {
    if (dialling->removed || dialling->has_link || dx_swarm_is_met(swarm, topic, dialling) ||
        dx_swarm_count_links(swarm, true) >= DX_LINKS_MAX - DX_LINKS_ACCEPTED_MAX) {
        return DX_OK;
    }
    uint64_t due_ms = dialling->next_ms > swarm->hold_ms ? dialling->next_ms : swarm->hold_ms;
    if (swarm->now_ms < due_ms) {
        *deadline_ms = sooner(*deadline_ms, due_ms);
        return DX_OK;
    }
    dx_bytes address = dx_bytes_text(dialling->address);
    dx_meeting *meeting = dx_swarm_make_meeting(swarm, *swarm->port.next_link, address, true);
    if (meeting == NULL) {
        return DX_E_NO_MEMORY;
    }
    *swarm->port.next_link += 2;
    meeting->link.topic = topic->topic.number;
    meeting->dialling = dialling;
    dialling->has_link = true;
    dialling->link = meeting->link.link;
    dialling->since_ms = swarm->now_ms;
    swarm->port.open(swarm->port.ctx, meeting->link.link, address);
    return DX_OK;
}

static void watch(dx_swarm *swarm, dx_meeting *meeting, uint64_t *deadline_ms) {
    if (meeting->closed) {
        return;
    }
    if (meeting->link.outstanding > DX_LINK_OUTSTANDING_MAX) {
        dx_swarm_close_meeting(swarm, meeting, DX_E_FLOOD);
        return;
    }
    if (!meeting->channelled) {
        uint64_t due_ms =
            meeting->begun_ms + (meeting->encounter != NULL ? DX_PEER_LINK_MS : DX_DIAL_ANSWER_MS);
        if (swarm->now_ms >= due_ms) {
            dx_swarm_close_meeting(swarm, meeting, DX_E_TIMEOUT);
        } else {
            *deadline_ms = sooner(*deadline_ms, due_ms);
        }
        return;
    }
    dx_channel_event event;
    dx_channel_tick(&meeting->channel, swarm->now_ms, &event);
    if (event.kind == DX_CHANNEL_EVENT_CLOSED) {
        dx_swarm_close_meeting(swarm, meeting, event.reason);
    } else {
        *deadline_ms = sooner(*deadline_ms, dx_channel_deadline(&meeting->channel));
    }
}

int dx_swarm_tick(dx_swarm *swarm, uint64_t now_ms, uint64_t *deadline_ms) {
    int error = DX_OK;
    enter(swarm, now_ms);
    for (dx_meeting *meeting = swarm->meetings; meeting != NULL; meeting = meeting->next) {
        watch(swarm, meeting, deadline_ms);
    }
    bound_held(swarm);
    for (dx_swarm_topic *topic = swarm->topics; topic != NULL; topic = topic->next) {
        for (dx_dialling *dialling = topic->diallings; error == DX_OK && dialling != NULL;
             dialling = dialling->next) {
            error = dial(swarm, topic, dialling, deadline_ms);
        }
    }
    if (error == DX_OK) {
        error = dx_encounter_tick(swarm, deadline_ms);
    }
    leave(swarm);
    return error;
}
