/* mesh/signaling.c: see signaling.h. */
#include "mesh/signaling.h"

#include <string.h>

#include "base/trace.h"

typedef struct joined_topic joined_topic;

enum { DAY_MS = 86400000, REJOIN_MS = 1000 };

/* A topic under one day's name. */
typedef struct joining {
    bool used, told; /* told: JOIN was sent on this connection */
    uint64_t day, renew_ms;
    uint8_t tag[DX_SIGNALING_NAME_SIZE], own[DX_SIGNALING_NAME_SIZE];
    uint8_t (*peers)[DX_SIGNALING_NAME_SIZE];
    size_t peer_count, peer_capacity;
} joining;

struct joined_topic {
    joined_topic *next;
    uint64_t number;
    uint8_t secret[DX_KEY_SIZE];
    joining days[2]; /* even, odd */
};

struct dx_signaling {
    const dx_alloc *alloc;
    const dx_random *random;
    const dx_tracer *tracer;
    dx_signaling_port port;
    char url[DX_SIGNALING_TEXT_MAX + 1];
    dx_bytes name; /* within url */
    dx_sign_key key;
    dx_signaling_state state;
    joined_topic *topics;
    uint64_t link;
    uint64_t next_ms;                       /* AWAY: not dialled before; otherwise when patience ends */
    uint64_t heard_ms, pinged_ms, ready_ms; /* of this connection */
    uint64_t since_ms;
    unsigned failures;
    int last_error;
    dx_signaling_counts counts;
    dx_buf frame, body, text, ice;
};

static const struct {
    const char *name;
    unsigned successors;
} states[DX_SIGNALING_STATE_COUNT] = {
#define STATE_ROW(symbol, text, allowed) [DX_SIGNALING_##symbol] = {.name = text, .successors = allowed},
    DX_SIGNALING_STATES(STATE_ROW)
#undef STATE_ROW
};

const char *dx_signaling_state_name(dx_signaling_state state) {
    return state < DX_SIGNALING_STATE_COUNT ? states[state].name : "unknown";
}

static void enter(dx_signaling *signaling, dx_signaling_state next, uint64_t now_ms) {
    DX_ASSERT(states[signaling->state].successors & 1u << next);
    signaling->state = next;
    signaling->since_ms = now_ms;
}

static uint64_t random_below(const dx_signaling *signaling, uint64_t bound) {
    uint64_t value = 0;
    signaling->random->fill(signaling->random->ctx, (uint8_t *)&value, sizeof value);
    return value % bound;
}

/* --- Life -------------------------------------------------------------------------------------------- */

int dx_signaling_create(const dx_alloc *alloc, const dx_random *random, const dx_tracer *tracer,
                        const dx_signaling_port *port, dx_bytes url,
                        const uint8_t device_seed[static DX_KEY_SIZE], dx_signaling **out) {
    dx_bytes name;
    int error = dx_signaling_service_name(url, &name);
    if (error != DX_OK) {
        return error;
    }
    dx_signaling *signaling = dx_alloc_take_zeroed(alloc, sizeof *signaling);
    if (signaling == NULL) {
        return DX_E_NO_MEMORY;
    }
    signaling->alloc = alloc;
    signaling->random = random;
    signaling->tracer = tracer;
    signaling->port = *port;
    memcpy(signaling->url, url.data, url.size);
    signaling->name = dx_bytes_of(signaling->url + (url.size - name.size), name.size);
    dx_signaling_key(device_seed, signaling->name, &signaling->key);
    dx_buf_init(&signaling->frame, alloc, DX_SIGNALING_FRAME_MAX);
    dx_buf_init(&signaling->body, alloc, DX_SIGNALING_BODY_MAX);
    dx_buf_init(&signaling->text, alloc, DX_SIGNALING_BODY_MAX);
    dx_buf_init(&signaling->ice, alloc, DX_SIGNALING_FRAME_MAX);
    *out = signaling;
    return DX_OK;
}

static void forget_day(const dx_signaling *signaling, joining *day) {
    dx_alloc_free(signaling->alloc, day->peers, day->peer_capacity * sizeof day->peers[0]);
    *day = (joining){.used = false};
}

static void free_topic(const dx_signaling *signaling, joined_topic *topic) {
    forget_day(signaling, &topic->days[0]);
    forget_day(signaling, &topic->days[1]);
    dx_wipe(topic, sizeof *topic);
    dx_alloc_free(signaling->alloc, topic, sizeof *topic);
}

void dx_signaling_destroy(dx_signaling *signaling) {
    if (signaling == NULL) {
        return;
    }
    if (signaling->state != DX_SIGNALING_AWAY) {
        signaling->port.close(signaling->port.ctx, signaling->link, DX_OK);
    }
    while (signaling->topics != NULL) {
        joined_topic *topic = signaling->topics;
        signaling->topics = topic->next;
        free_topic(signaling, topic);
    }
    dx_buf_deinit(&signaling->frame);
    dx_buf_deinit(&signaling->body);
    dx_buf_deinit(&signaling->text);
    dx_buf_deinit(&signaling->ice);
    dx_wipe(&signaling->key, sizeof signaling->key);
    dx_alloc_free(signaling->alloc, signaling, sizeof *signaling);
}

/* --- Saying ------------------------------------------------------------------------------------------ */

static int say(dx_signaling *signaling, const dx_signaling_message *message) {
    dx_buf_clear(&signaling->frame);
    int error = dx_signaling_encode(message, &signaling->frame);
    if (error == DX_OK) {
        signaling->counts.sent++;
        signaling->port.send(signaling->port.ctx, signaling->link, dx_buf_view(&signaling->frame));
    }
    return error;
}

/* What can be said again later: without memory for it, it is. */
static bool try_say(dx_signaling *signaling, const dx_signaling_message *message) {
    return say(signaling, message) == DX_OK;
}

static void say_join(dx_signaling *signaling, joining *day, uint64_t now_ms) {
    dx_signaling_message message = {.kind = DX_SIGNALING_JOIN, .ttl_ms = DX_SIGNALING_TTL_MS};
    memcpy(message.topic, day->tag, sizeof message.topic);
    memcpy(message.peer, day->own, sizeof message.peer);
    day->told = try_say(signaling, &message) || day->told;
    day->renew_ms = now_ms + (day->told ? DX_SIGNALING_TTL_MS / 2 : REJOIN_MS);
}

/* --- Topics ------------------------------------------------------------------------------------------ */

static joined_topic *find_topic(const dx_signaling *signaling, uint64_t number) {
    joined_topic *topic = signaling->topics;
    while (topic != NULL && topic->number != number) {
        topic = topic->next;
    }
    return topic;
}

int dx_signaling_add_topic(dx_signaling *signaling, uint64_t number,
                           const uint8_t secret[static DX_KEY_SIZE]) {
    if (find_topic(signaling, number) != NULL) {
        return DX_E_EXISTS;
    }
    joined_topic *topic = dx_alloc_take_zeroed(signaling->alloc, sizeof *topic);
    if (topic == NULL) {
        return DX_E_NO_MEMORY;
    }
    topic->number = number;
    memcpy(topic->secret, secret, DX_KEY_SIZE);
    topic->next = signaling->topics;
    signaling->topics = topic;
    return DX_OK;
}

bool dx_signaling_has_topic(const dx_signaling *signaling, uint64_t number) {
    return find_topic(signaling, number) != NULL;
}

bool dx_signaling_has_topics(const dx_signaling *signaling) {
    return signaling->topics != NULL;
}

static void leave_day(dx_signaling *signaling, joining *day) {
    if (day->told && signaling->state == DX_SIGNALING_READY) {
        dx_signaling_message message = {.kind = DX_SIGNALING_LEAVE};
        memcpy(message.topic, day->tag, sizeof message.topic);
        (void)try_say(signaling, &message); /* otherwise it runs out by itself */
    }
    forget_day(signaling, day);
}

void dx_signaling_remove_topic(dx_signaling *signaling, uint64_t number) {
    joined_topic **at = &signaling->topics;
    while (*at != NULL && (*at)->number != number) {
        at = &(*at)->next;
    }
    joined_topic *topic = *at;
    if (topic != NULL) {
        *at = topic->next;
        leave_day(signaling, &topic->days[0]);
        leave_day(signaling, &topic->days[1]);
        free_topic(signaling, topic);
    }
}

static void make_place(const joined_topic *topic, const joining *day, const uint8_t *peer,
                       dx_signaling_place *out) {
    out->topic = topic->number;
    memcpy(out->tag, day->tag, sizeof out->tag);
    memcpy(out->own, day->own, sizeof out->own);
    memcpy(out->peer, peer, sizeof out->peer);
}

static void tell_left(dx_signaling *signaling, const joined_topic *topic, joining *day) {
    while (day->peer_count > 0) {
        dx_signaling_place place;
        make_place(topic, day, day->peers[--day->peer_count], &place);
        signaling->port.on_left(signaling->port.ctx, signaling, &place);
    }
}

/* Under which days' names topics are joined at this time: the present day's, and around midnight the neighbour's. */
static bool is_day_wanted(uint64_t day, uint64_t wall_ms) {
    uint64_t begin_ms = day * DAY_MS;
    return wall_ms + DX_SIGNALING_OVERLAP_MS >= begin_ms &&
           wall_ms < begin_ms + DAY_MS + DX_SIGNALING_OVERLAP_MS;
}

static void begin_day(dx_signaling *signaling, const joined_topic *topic, joining *day, uint64_t number) {
    day->used = true;
    day->day = number;
    dx_signaling_tag(topic->secret, number, day->tag);
    signaling->random->fill(signaling->random->ctx, day->own, sizeof day->own);
}

static void keep_joined(dx_signaling *signaling, joined_topic *topic, uint64_t now_ms, uint64_t wall_ms,
                        uint64_t *deadline_ms) {
    uint64_t today = wall_ms / DAY_MS;
    for (size_t i = 0; i < 2; i++) {
        joining *day = &topic->days[i];
        if (day->used && !is_day_wanted(day->day, wall_ms)) {
            tell_left(signaling, topic, day);
            leave_day(signaling, day);
        }
    }
    for (uint64_t number = today == 0 ? 0 : today - 1; number <= today + 1; number++) {
        joining *day = &topic->days[number % 2];
        if (!is_day_wanted(number, wall_ms)) {
            continue;
        }
        if (!day->used) {
            begin_day(signaling, topic, day, number);
        }
        if (signaling->state != DX_SIGNALING_READY) {
            continue;
        }
        if (!day->told || now_ms >= day->renew_ms) {
            say_join(signaling, day, now_ms);
        }
        *deadline_ms = day->renew_ms < *deadline_ms ? day->renew_ms : *deadline_ms;
    }
}

/* --- Sending ----------------------------------------------------------------------------------------- */

static joining *find_day(joined_topic *topic, const uint8_t *tag) {
    for (size_t i = 0; topic != NULL && i < 2; i++) {
        if (topic->days[i].used && memcmp(topic->days[i].tag, tag, DX_SIGNALING_NAME_SIZE) == 0) {
            return &topic->days[i];
        }
    }
    return NULL;
}

int dx_signaling_send(dx_signaling *signaling, const dx_signaling_place *place,
                      const dx_signaling_signal *signal) {
    joined_topic *topic = find_topic(signaling, place->topic);
    const joining *day = find_day(topic, place->tag);
    if (signaling->state != DX_SIGNALING_READY) {
        return DX_E_STATE;
    }
    if (day == NULL || !day->told || memcmp(day->own, place->own, sizeof day->own) != 0) {
        return DX_E_NOT_FOUND;
    }
    dx_signaling_route route;
    memcpy(route.tag, place->tag, sizeof route.tag);
    memcpy(route.from, place->own, sizeof route.from);
    memcpy(route.to, place->peer, sizeof route.to);
    dx_buf_clear(&signaling->body);
    int error = dx_signaling_seal(topic->secret, signaling->random, &route, signal, &signaling->body);
    if (error != DX_OK) {
        return error;
    }
    dx_signaling_message message = {.kind = DX_SIGNALING_SEND, .body = dx_buf_view(&signaling->body)};
    memcpy(message.topic, place->tag, sizeof message.topic);
    memcpy(message.peer, place->peer, sizeof message.peer);
    return say(signaling, &message);
}

/* --- Hearing ------------------------------------------------------------------------------------------- */

/* The connection is over; dialled anew after 0.1 s, doubling to half a minute, each wait drawn between half and the
 * whole. Names stay: who is back soon enough was never away. */
static void lose(dx_signaling *signaling, int reason, uint64_t now_ms) {
    bool settled =
        signaling->state == DX_SIGNALING_READY && now_ms - signaling->ready_ms >= DX_SIGNALING_SETTLED_MS;
    signaling->failures = settled ? 0 : signaling->failures;
    unsigned doublings = signaling->failures < 9 ? signaling->failures : 9;
    uint64_t wait_ms = (uint64_t)DX_SIGNALING_FIRST_MS << doublings;
    wait_ms = wait_ms < DX_SIGNALING_LAST_MS ? wait_ms : DX_SIGNALING_LAST_MS;
    dx_trace(signaling->tracer, "mesh", "signaling service lost while %s: %s", states[signaling->state].name,
             dx_error_name(reason));
    enter(signaling, DX_SIGNALING_AWAY, now_ms);
    signaling->next_ms = now_ms + wait_ms / 2 + random_below(signaling, wait_ms / 2 + 1);
    signaling->failures++;
    signaling->last_error = reason;
    signaling->counts.lost++;
    for (joined_topic *topic = signaling->topics; topic != NULL; topic = topic->next) {
        for (size_t i = 0; i < 2; i++) {
            topic->days[i].told = false;
            tell_left(signaling, topic, &topic->days[i]);
        }
    }
}

static void give_up(dx_signaling *signaling, int reason, uint64_t now_ms) {
    signaling->port.close(signaling->port.ctx, signaling->link, reason);
    lose(signaling, reason, now_ms);
}

static int prove(dx_signaling *signaling, const dx_signaling_message *hello, uint64_t now_ms) {
    dx_signaling_message message = {.kind = DX_SIGNALING_PROVE, .name = signaling->name};
    memcpy(message.key, signaling->key.public_key, sizeof message.key);
    dx_signaling_prove(&signaling->key, signaling->name, hello->nonce, message.signature);
    enter(signaling, DX_SIGNALING_PROVING, now_ms);
    signaling->next_ms = now_ms + DX_SIGNALING_PROVE_MS;
    return say(signaling, &message);
}

static int welcome(dx_signaling *signaling, const dx_signaling_message *message, uint64_t now_ms) {
    enter(signaling, DX_SIGNALING_READY, now_ms);
    signaling->ready_ms = now_ms;
    signaling->last_error = DX_OK;
    signaling->counts.connected++;
    dx_buf_clear(&signaling->ice);
    dx_buf_append(&signaling->ice, message->ice.data, message->ice.size);
    dx_trace(signaling->tracer, "mesh", "signaling service ready");
    return dx_buf_error(&signaling->ice);
}

/* The topic and day of a message; NULL: it fits nothing that was asked. */
static joining *find_place(dx_signaling *signaling, const dx_signaling_message *message,
                           joined_topic **topic) {
    for (*topic = signaling->topics; *topic != NULL; *topic = (*topic)->next) {
        joining *day = find_day(*topic, message->topic);
        if (day != NULL && day->told) {
            return day;
        }
    }
    return NULL;
}

static size_t find_peer(const joining *day, const uint8_t *peer) {
    size_t i = 0;
    while (i < day->peer_count && memcmp(day->peers[i], peer, DX_SIGNALING_NAME_SIZE) != 0) {
        i++;
    }
    return i;
}

static int add_peer(dx_signaling *signaling, joining *day, const uint8_t *peer) {
    if (day->peer_count == day->peer_capacity) {
        size_t capacity = day->peer_capacity == 0 ? 4 : day->peer_capacity * 2;
        uint8_t(*peers)[DX_SIGNALING_NAME_SIZE] = dx_alloc_grow(
            signaling->alloc, day->peers, day->peer_capacity * sizeof *peers, capacity * sizeof *peers);
        if (peers == NULL) {
            return DX_E_NO_MEMORY;
        }
        day->peers = peers;
        day->peer_capacity = capacity;
    }
    memcpy(day->peers[day->peer_count++], peer, DX_SIGNALING_NAME_SIZE);
    return DX_OK;
}

static int hear_present(dx_signaling *signaling, const dx_signaling_message *message) {
    joined_topic *topic;
    joining *day = find_place(signaling, message, &topic);
    bool fits = day != NULL && memcmp(message->peer, day->own, sizeof day->own) != 0 &&
                (find_peer(day, message->peer) < day->peer_count || day->peer_count < DX_SIGNALING_PEERS_MAX);
    if (!fits) {
        signaling->counts.strange++;
        return DX_OK;
    }
    if (find_peer(day, message->peer) < day->peer_count) {
        return DX_OK; /* told before */
    }
    int error = add_peer(signaling, day, message->peer);
    if (error != DX_OK) {
        return error;
    }
    dx_signaling_place place;
    make_place(topic, day, message->peer, &place);
    return signaling->port.on_present(signaling->port.ctx, signaling, &place);
}

static void hear_left(dx_signaling *signaling, const dx_signaling_message *message) {
    joined_topic *topic;
    joining *day = find_place(signaling, message, &topic);
    size_t at = day == NULL ? 0 : find_peer(day, message->peer);
    if (day == NULL || at == day->peer_count) {
        return; /* he was announced when there was no room for him, or by another connection */
    }
    memmove(day->peers[at], day->peers[at + 1], (day->peer_count - at - 1) * sizeof day->peers[0]);
    day->peer_count--;
    dx_signaling_place place;
    make_place(topic, day, message->peer, &place);
    signaling->port.on_left(signaling->port.ctx, signaling, &place);
}

static int hear_message(dx_signaling *signaling, const dx_signaling_message *message) {
    joined_topic *topic;
    const joining *day = find_place(signaling, message, &topic);
    dx_signaling_route route;
    dx_signaling_signal signal;
    if (day == NULL) {
        signaling->counts.strange++;
        return DX_OK;
    }
    memcpy(route.tag, day->tag, sizeof route.tag);
    memcpy(route.from, message->peer, sizeof route.from);
    memcpy(route.to, day->own, sizeof route.to);
    int error = dx_signaling_open(topic->secret, &route, message->body, &signaling->text, &signal);
    if (error == DX_E_NO_MEMORY) {
        return error;
    }
    if (error != DX_OK) {
        signaling->counts.unreadable++;
        return DX_OK;
    }
    dx_signaling_place place;
    make_place(topic, day, message->peer, &place);
    return signaling->port.on_signal(signaling->port.ctx, signaling, &place, &signal);
}

/* A join that was refused is asked again later; one that is not known there (any more), soon; a name that is taken is
 * not insisted on; a peer that is not there has left. */
static void hear_refused(dx_signaling *signaling, const dx_signaling_message *message, uint64_t now_ms) {
    joined_topic *topic;
    joining *day = find_place(signaling, message, &topic);
    signaling->counts.refused++;
    if (message->code != DX_E_UNREACHABLE) {
        signaling->last_error = message->code;
    }
    if (day == NULL) {
        return;
    }
    if (message->refused == DX_SIGNALING_SEND && message->code == DX_E_UNREACHABLE) {
        hear_left(signaling, message);
    } else if (message->refused == DX_SIGNALING_SEND && message->code == DX_E_NOT_FOUND) {
        day->renew_ms = now_ms + REJOIN_MS;
    } else if (message->refused == DX_SIGNALING_JOIN && message->code == DX_E_EXISTS) {
        tell_left(signaling, topic, day);
        signaling->random->fill(signaling->random->ctx, day->own, sizeof day->own);
        day->renew_ms = now_ms + REJOIN_MS;
    }
}

/* While the service has not said welcome. DX_E_PROTOCOL ends the connection. */
static int hear_early(dx_signaling *signaling, const dx_signaling_message *message, uint64_t now_ms) {
    if (signaling->state == DX_SIGNALING_UP && message->kind == DX_SIGNALING_HELLO) {
        return prove(signaling, message, now_ms);
    }
    if (signaling->state == DX_SIGNALING_PROVING && message->kind == DX_SIGNALING_WELCOME) {
        return welcome(signaling, message, now_ms);
    }
    return DX_E_PROTOCOL;
}

static int hear(dx_signaling *signaling, const dx_signaling_message *message, uint64_t now_ms) {
    static const dx_signaling_message pong = {.kind = DX_SIGNALING_PONG};
    if (signaling->state != DX_SIGNALING_READY) {
        return hear_early(signaling, message, now_ms);
    }
    switch (message->kind) {
    case DX_SIGNALING_PRESENT:
        return hear_present(signaling, message);
    case DX_SIGNALING_LEFT:
        hear_left(signaling, message);
        return DX_OK;
    case DX_SIGNALING_MESSAGE:
        return hear_message(signaling, message);
    case DX_SIGNALING_REFUSED:
        hear_refused(signaling, message, now_ms);
        return DX_OK;
    case DX_SIGNALING_PING:
        return say(signaling, &pong);
    case DX_SIGNALING_PONG:
        return DX_OK;
    case DX_SIGNALING_HELLO:
    case DX_SIGNALING_PROVE:
    case DX_SIGNALING_WELCOME:
    case DX_SIGNALING_JOIN:
    case DX_SIGNALING_LEAVE:
    case DX_SIGNALING_SEND:
    case DX_SIGNALING_KIND_END:
        break;
    }
    return DX_E_PROTOCOL;
}

bool dx_signaling_has_link(const dx_signaling *signaling, uint64_t link) {
    return signaling->state != DX_SIGNALING_AWAY && signaling->link == link;
}

void dx_signaling_up(dx_signaling *signaling, uint64_t now_ms) {
    if (signaling->state == DX_SIGNALING_DIALLED) {
        enter(signaling, DX_SIGNALING_UP, now_ms);
        signaling->heard_ms = signaling->pinged_ms = now_ms;
        signaling->next_ms = now_ms + DX_SIGNALING_PROVE_MS;
    }
}

int dx_signaling_receive(dx_signaling *signaling, dx_bytes frame, uint64_t now_ms) {
    dx_signaling_message message;
    if (signaling->state < DX_SIGNALING_UP) {
        return DX_OK;
    }
    signaling->heard_ms = now_ms;
    signaling->counts.received++;
    int error = dx_signaling_decode(frame, &message);
    if (error == DX_OK) {
        error = hear(signaling, &message, now_ms);
    }
    if (error == DX_E_MALFORMED || error == DX_E_PROTOCOL || error == DX_E_UNSUPPORTED) {
        give_up(signaling, error, now_ms);
        return DX_OK;
    }
    return error;
}

void dx_signaling_down(dx_signaling *signaling, int reason, uint64_t now_ms) {
    lose(signaling, reason == DX_OK ? DX_E_UNREACHABLE : reason, now_ms);
}

/* --- Time ---------------------------------------------------------------------------------------------- */

static void sooner(uint64_t *deadline_ms, uint64_t due_ms) {
    *deadline_ms = due_ms < *deadline_ms ? due_ms : *deadline_ms;
}

static void dial(dx_signaling *signaling, uint64_t now_ms, uint64_t hold_ms, uint64_t *deadline_ms) {
    uint64_t due_ms = signaling->next_ms > hold_ms ? signaling->next_ms : hold_ms;
    if (signaling->topics == NULL) {
        return; /* nobody to look for */
    }
    if (now_ms < due_ms) {
        sooner(deadline_ms, due_ms);
        return;
    }
    signaling->link = signaling->port.open(signaling->port.ctx, dx_signaling_url(signaling));
    enter(signaling, DX_SIGNALING_DIALLED, now_ms);
    signaling->next_ms = now_ms + DX_DIAL_ANSWER_MS;
}

/* Silence is asked about once, then it is the end. */
static void listen(dx_signaling *signaling, uint64_t now_ms, uint64_t *deadline_ms) {
    static const dx_signaling_message ping = {.kind = DX_SIGNALING_PING};
    uint64_t quiet_ms =
        signaling->heard_ms > signaling->pinged_ms ? signaling->heard_ms : signaling->pinged_ms;
    if (now_ms - signaling->heard_ms >= DX_SIGNALING_DEAD_MS) {
        give_up(signaling, DX_E_TIMEOUT, now_ms);
        sooner(deadline_ms, signaling->next_ms);
        return;
    }
    if (now_ms - quiet_ms >= DX_SIGNALING_PING_MS) {
        (void)try_say(signaling, &ping);
        signaling->pinged_ms = quiet_ms = now_ms;
    }
    sooner(deadline_ms, quiet_ms + DX_SIGNALING_PING_MS);
    sooner(deadline_ms, signaling->heard_ms + DX_SIGNALING_DEAD_MS);
}

void dx_signaling_tick(dx_signaling *signaling, uint64_t now_ms, uint64_t wall_ms, uint64_t hold_ms,
                       uint64_t *deadline_ms) {
    if (signaling->state == DX_SIGNALING_AWAY) {
        dial(signaling, now_ms, hold_ms, deadline_ms);
    } else if (signaling->state == DX_SIGNALING_READY) {
        listen(signaling, now_ms, deadline_ms);
    } else if (now_ms >= signaling->next_ms) {
        give_up(signaling, DX_E_TIMEOUT, now_ms);
        sooner(deadline_ms, signaling->next_ms);
    } else {
        sooner(deadline_ms, signaling->next_ms);
    }
    for (joined_topic *topic = signaling->topics; topic != NULL; topic = topic->next) {
        keep_joined(signaling, topic, now_ms, wall_ms, deadline_ms);
    }
    if (signaling->state == DX_SIGNALING_READY) { /* names change by the wall's clock */
        uint64_t left_ms = DX_SIGNALING_OVERLAP_MS - wall_ms % DX_SIGNALING_OVERLAP_MS;
        sooner(deadline_ms, now_ms + left_ms);
    }
}

/* --- For people ---------------------------------------------------------------------------------------- */

dx_bytes dx_signaling_url(const dx_signaling *signaling) {
    return dx_bytes_text(signaling->url);
}

dx_signaling_state dx_signaling_state_of(const dx_signaling *signaling) {
    return signaling->state;
}

int dx_signaling_last_error(const dx_signaling *signaling, uint64_t *since_ms) {
    *since_ms = signaling->since_ms;
    return signaling->last_error;
}

const dx_signaling_counts *dx_signaling_counts_of(const dx_signaling *signaling) {
    return &signaling->counts;
}

dx_bytes dx_signaling_ice(const dx_signaling *signaling) {
    return dx_buf_view(&signaling->ice);
}
