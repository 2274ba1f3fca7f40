/* kube/signaling_service.c: see signaling_service.h.
 *
 * Two tables: connections by number, topics by name; a topic's members are a list, a connection's are another through the
 * same members. A member whose connection was cut stays for a while without one (grace). */
#include "kube/signaling_service.h"

#include <string.h>

enum { ROWS_FIRST = 64, MINUTE_MS = 60000, SILENCE_MS = 75000 };

const dx_service_limits dx_service_limits_usual = {
    .connections = 20000,
    .joins = 200000,
    .peers_of_topic = 256,
    /* A device with some hundred spaces, each under two days' names around midnight; a session of some forty signals
     * with each of some peers at once. */
    .of_key = {.connections = 8,
               .joins = 1024,
               .messages_per_s = 100,
               .messages_max = 2000,
               .bytes_per_s = 128 * 1024,
               .bytes_max = 4 * 1024 * 1024},
    /* A household or an office behind one address. */
    .of_network = {.connections = 256,
                   .joins = 8192,
                   .messages_per_s = 800,
                   .messages_max = 16000,
                   .bytes_per_s = 1024 * 1024,
                   .bytes_max = 32 * 1024 * 1024},
};

typedef struct topic topic;
typedef struct member member;
typedef struct connection connection;

/* A presence. */
struct member {
    member *next;     /* of its topic */
    member *next_own; /* of its connection */
    topic *topic;
    connection *owner; /* NULL: in grace */
    dx_account *key, *network;
    uint8_t peer[DX_SIGNALING_NAME_SIZE];
    uint64_t expires_ms;
};

struct topic {
    topic *chain;
    uint8_t name[DX_SIGNALING_NAME_SIZE];
    member *members;
    size_t count;
};

struct connection {
    connection *chain;
    uint64_t socket;
    dx_account *key; /* NULL: a stranger */
    dx_account *network;
    member *members;
    uint64_t prove_by_ms, heard_ms;
    uint64_t refusals_since_ms;
    unsigned refusals;
    uint8_t nonce[DX_SIGNALING_NONCE_SIZE];
};

struct dx_signaling_service {
    const dx_alloc *alloc;
    const dx_random *random;
    dx_service_port port;
    const dx_service_limits *limits;
    dx_accounts keys, networks;
    connection **connections;
    topic **topics;
    size_t connection_rows, topic_rows;
    uint64_t salt, next_ms;
    dx_service_counts counts;
    dx_buf ice, frame;
};

/* --- Tables -------------------------------------------------------------------------------------------- */

static connection **connection_row(const dx_signaling_service *service, uint64_t socket) {
    return &service->connections[socket % service->connection_rows];
}

static topic **topic_row(const dx_signaling_service *service, const uint8_t *name) {
    uint64_t hash = dx_account_hash(dx_bytes_of(name, DX_SIGNALING_NAME_SIZE), service->salt);
    return &service->topics[hash % service->topic_rows];
}

static connection *find_connection(const dx_signaling_service *service, uint64_t socket) {
    connection *at = service->connection_rows == 0 ? NULL : *connection_row(service, socket);
    while (at != NULL && at->socket != socket) {
        at = at->chain;
    }
    return at;
}

static topic *find_topic(const dx_signaling_service *service, const uint8_t *name) {
    topic *at = service->topic_rows == 0 ? NULL : *topic_row(service, name);
    while (at != NULL && memcmp(at->name, name, sizeof at->name) != 0) {
        at = at->chain;
    }
    return at;
}

/* Room for one more; when memory is short rows grow longer instead. */
static bool widen_connections(dx_signaling_service *service) {
    size_t old_rows = service->connection_rows;
    connection **old = service->connections;
    if (service->counts.connections < old_rows) {
        return true;
    }
    size_t rows = old_rows == 0 ? ROWS_FIRST : old_rows * 2;
    connection **wider = dx_alloc_take_zeroed(service->alloc, rows * sizeof *wider);
    if (wider == NULL) {
        return old_rows > 0;
    }
    service->connections = wider;
    service->connection_rows = rows;
    for (size_t i = 0; i < old_rows; i++) {
        while (old[i] != NULL) {
            connection *moved = old[i], **row = connection_row(service, moved->socket);
            old[i] = moved->chain;
            moved->chain = *row;
            *row = moved;
        }
    }
    dx_alloc_free(service->alloc, old, old_rows * sizeof *old);
    return true;
}

static bool widen_topics(dx_signaling_service *service) {
    size_t old_rows = service->topic_rows;
    topic **old = service->topics;
    if (service->counts.topics < old_rows) {
        return true;
    }
    size_t rows = old_rows == 0 ? ROWS_FIRST : old_rows * 2;
    topic **wider = dx_alloc_take_zeroed(service->alloc, rows * sizeof *wider);
    if (wider == NULL) {
        return old_rows > 0;
    }
    service->topics = wider;
    service->topic_rows = rows;
    for (size_t i = 0; i < old_rows; i++) {
        while (old[i] != NULL) {
            topic *moved = old[i], **row = topic_row(service, moved->name);
            old[i] = moved->chain;
            moved->chain = *row;
            *row = moved;
        }
    }
    dx_alloc_free(service->alloc, old, old_rows * sizeof *old);
    return true;
}

static topic *make_topic(dx_signaling_service *service, const uint8_t *name) {
    topic *made = widen_topics(service) ? dx_alloc_take_zeroed(service->alloc, sizeof *made) : NULL;
    if (made != NULL) {
        memcpy(made->name, name, sizeof made->name);
        topic **row = topic_row(service, name);
        made->chain = *row;
        *row = made;
        service->counts.topics++;
    }
    return made;
}

static void free_topic(dx_signaling_service *service, topic *gone) {
    topic **at = topic_row(service, gone->name);
    while (*at != gone) {
        at = &(*at)->chain;
    }
    *at = gone->chain;
    service->counts.topics--;
    dx_alloc_free(service->alloc, gone, sizeof *gone);
}

static member *find_member(const topic *of, const uint8_t *peer) {
    member *at = of == NULL ? NULL : of->members;
    while (at != NULL && memcmp(at->peer, peer, sizeof at->peer) != 0) {
        at = at->next;
    }
    return at;
}

static member *find_own(const connection *self, const uint8_t *name) {
    member *at = self->members;
    while (at != NULL && memcmp(at->topic->name, name, DX_SIGNALING_NAME_SIZE) != 0) {
        at = at->next_own;
    }
    return at;
}

/* --- Saying ------------------------------------------------------------------------------------------- */

/* Without memory for it a frame is lost, as on a connection that breaks: its hearer asks again. */
static void say(dx_signaling_service *service, uint64_t socket, const dx_signaling_message *message) {
    dx_buf_clear(&service->frame);
    if (dx_signaling_encode(message, &service->frame) == DX_OK) {
        service->port.send(service->port.ctx, socket, dx_buf_view(&service->frame));
    }
}

static void say_place(dx_signaling_service *service, const connection *to, dx_signaling_kind kind,
                      const member *about) {
    dx_signaling_message message = {.kind = kind};
    memcpy(message.topic, about->topic->name, sizeof message.topic);
    memcpy(message.peer, about->peer, sizeof message.peer);
    say(service, to->socket, &message);
}

static void say_others(dx_signaling_service *service, dx_signaling_kind kind, const member *about) {
    for (const member *other = about->topic->members; other != NULL; other = other->next) {
        if (other != about && other->owner != NULL) {
            say_place(service, other->owner, kind, about);
        }
    }
}

/* --- Ends --------------------------------------------------------------------------------------------- */

static void disown(member *gone) {
    if (gone->owner == NULL) {
        return;
    }
    member **at = &gone->owner->members;
    while (*at != gone) {
        DX_ASSERT(*at != NULL);
        at = &(*at)->next_own;
    }
    *at = gone->next_own;
    gone->owner = NULL;
}

/* The others are told; a topic without members goes. */
static void end_member(dx_signaling_service *service, member *gone) {
    topic *of = gone->topic;
    member **at = &of->members;
    say_others(service, DX_SIGNALING_LEFT, gone);
    disown(gone);
    while (*at != gone) {
        DX_ASSERT(*at != NULL);
        at = &(*at)->next;
    }
    *at = gone->next;
    of->count--;
    gone->key->joins--;
    gone->network->joins--;
    dx_account_release(gone->key);
    dx_account_release(gone->network);
    service->counts.joins--;
    dx_alloc_free(service->alloc, gone, sizeof *gone);
    if (of->members == NULL) {
        free_topic(service, of);
    }
}

/* Takes the connection out of everything. Who was cut off may come back; who was ended for what he did is gone. */
static void forget(dx_signaling_service *service, connection *gone, bool grace, uint64_t now_ms) {
    while (gone->members != NULL) {
        member *own = gone->members;
        if (grace) {
            uint64_t until_ms = now_ms + DX_SERVICE_GRACE_MS;
            own->expires_ms = own->expires_ms < until_ms ? own->expires_ms : until_ms;
            disown(own);
        } else {
            end_member(service, own);
        }
    }
    connection **at = connection_row(service, gone->socket);
    while (*at != gone) {
        at = &(*at)->chain;
    }
    *at = gone->chain;
    gone->network->connections--;
    dx_account_release(gone->network);
    service->counts.strangers -= gone->key == NULL;
    if (gone->key != NULL) {
        gone->key->connections--;
        dx_account_release(gone->key);
    }
    service->counts.connections--;
    dx_alloc_free(service->alloc, gone, sizeof *gone);
}

static void end_connection(dx_signaling_service *service, connection *gone, int reason, uint64_t now_ms) {
    uint64_t socket = gone->socket;
    service->counts.strangers_total += gone->key == NULL;
    service->counts.malformed_total += reason == DX_E_MALFORMED || reason == DX_E_PROTOCOL;
    service->counts.flooded_total += reason == DX_E_FLOOD;
    service->counts.silent_total += reason == DX_E_TIMEOUT && gone->key != NULL;
    forget(service, gone, reason == DX_E_TIMEOUT, now_ms);
    service->port.close(service->port.ctx, socket, reason);
}

/* Says no; whoever does not listen to it is ended. */
static void refuse(dx_signaling_service *service, connection *self, const dx_signaling_message *message,
                   int code, uint64_t now_ms) {
    dx_signaling_message answer = {.kind = DX_SIGNALING_REFUSED, .code = code, .refused = message->kind};
    memcpy(answer.topic, message->topic, sizeof answer.topic);
    memcpy(answer.peer, message->peer, sizeof answer.peer);
    if (code == DX_E_UNREACHABLE) {
        service->counts.absent_total++; /* nobody's fault: the peer left as he was written to */
    } else {
        service->counts.refused_total++;
    }
    if (now_ms - self->refusals_since_ms >= MINUTE_MS) {
        self->refusals = 0;
        self->refusals_since_ms = now_ms;
    }
    if (++self->refusals > DX_SERVICE_REFUSALS_MAX) {
        end_connection(service, self, DX_E_FLOOD, now_ms);
        return;
    }
    say(service, self->socket, &answer);
}

/* --- Requests ------------------------------------------------------------------------------------------- */

static void prove(dx_signaling_service *service, connection *self, const dx_signaling_message *message,
                  uint64_t now_ms) {
    if (dx_signaling_check(message, self->nonce) != DX_OK) {
        end_connection(service, self, DX_E_SIGNATURE, now_ms);
        return;
    }
    dx_account *key = dx_account_hold(&service->keys, dx_bytes_of(message->key, sizeof message->key), now_ms);
    if (key == NULL) {
        end_connection(service, self, DX_E_NO_MEMORY, now_ms);
        return;
    }
    if (key->connections >= service->limits->of_key.connections) {
        dx_account_release(key);
        service->counts.crowded_total++;
        end_connection(service, self, DX_E_LIMIT, now_ms);
        return;
    }
    key->connections++;
    self->key = key;
    service->counts.strangers--;
    service->counts.proven_total++;
    const dx_signaling_message welcome = {.kind = DX_SIGNALING_WELCOME, .ice = dx_buf_view(&service->ice)};
    say(service, self->socket, &welcome);
}

static void tell_present(dx_signaling_service *service, const connection *self, const member *own) {
    for (const member *other = own->topic->members; other != NULL; other = other->next) {
        if (other != own) {
            say_place(service, self, DX_SIGNALING_PRESENT, other);
        }
    }
}

static void own_member(connection *self, member *own) {
    own->owner = self;
    own->next_own = self->members;
    self->members = own;
}

/* A presence of this key under this name, from a connection that broke: it goes on here. */
static void resume(dx_signaling_service *service, connection *self, member *own) {
    disown(own);
    own_member(self, own);
    service->counts.resumed_total++;
    tell_present(service, self, own);
}

static int enter(dx_signaling_service *service, connection *self, const dx_signaling_message *message,
                 member **out) {
    const dx_service_limits *limits = service->limits;
    topic *of = find_topic(service, message->topic);
    if (self->key->joins >= limits->of_key.joins || self->network->joins >= limits->of_network.joins ||
        service->counts.joins >= limits->joins || (of != NULL && of->count >= limits->peers_of_topic)) {
        return DX_E_LIMIT;
    }
    member *own = dx_alloc_take_zeroed(service->alloc, sizeof *own);
    if (own == NULL) {
        return DX_E_NO_MEMORY;
    }
    if (of == NULL && (of = make_topic(service, message->topic)) == NULL) {
        dx_alloc_free(service->alloc, own, sizeof *own);
        return DX_E_NO_MEMORY;
    }
    memcpy(own->peer, message->peer, sizeof own->peer);
    own->topic = of;
    own->key = self->key;
    own->network = self->network;
    own->key->holders++;
    own->network->holders++;
    own->key->joins++;
    own->network->joins++;
    own->next = of->members;
    of->members = own;
    of->count++;
    own_member(self, own);
    service->counts.joins++;
    service->counts.joins_total++;
    *out = own;
    return DX_OK;
}

static uint64_t expiry(const dx_signaling_message *join, uint64_t now_ms) {
    uint64_t ttl_ms = join->ttl_ms < DX_SERVICE_TTL_MIN_MS ? DX_SERVICE_TTL_MIN_MS : join->ttl_ms;
    return now_ms + (ttl_ms < DX_SERVICE_TTL_MAX_MS ? ttl_ms : DX_SERVICE_TTL_MAX_MS);
}

static void join(dx_signaling_service *service, connection *self, const dx_signaling_message *message,
                 uint64_t now_ms) {
    member *own = find_own(self, message->topic);
    if (own != NULL && memcmp(own->peer, message->peer, sizeof own->peer) != 0) {
        refuse(service, self, message, DX_E_CONFLICT, now_ms); /* one name a topic and connection */
        return;
    }
    if (own != NULL) { /* he stays; should he have missed somebody, he is told again */
        own->expires_ms = expiry(message, now_ms);
        tell_present(service, self, own);
        return;
    }
    own = find_member(find_topic(service, message->topic), message->peer);
    if (own != NULL && own->key != self->key) {
        refuse(service, self, message, DX_E_EXISTS, now_ms);
        return;
    }
    if (own != NULL) {
        resume(service, self, own);
    } else {
        int error = enter(service, self, message, &own);
        if (error != DX_OK) {
            refuse(service, self, message, error, now_ms);
            return;
        }
        say_others(service, DX_SIGNALING_PRESENT, own);
        tell_present(service, self, own);
    }
    own->expires_ms = expiry(message, now_ms);
}

static void leave(dx_signaling_service *service, connection *self, const dx_signaling_message *message,
                  uint64_t now_ms) {
    member *own = find_own(self, message->topic);
    if (own == NULL) {
        refuse(service, self, message, DX_E_NOT_FOUND, now_ms);
        return;
    }
    end_member(service, own);
}

static bool is_clogged(const dx_signaling_service *service, const connection *to) {
    return service->port.waiting != NULL &&
           service->port.waiting(service->port.ctx, to->socket) > DX_SERVICE_WAITING_MAX;
}

static void pass_on(dx_signaling_service *service, connection *self, const dx_signaling_message *message,
                    uint64_t now_ms) {
    const member *own = find_own(self, message->topic);
    const member *to = own == NULL ? NULL : find_member(own->topic, message->peer);
    if (own == NULL) {
        refuse(service, self, message, DX_E_NOT_FOUND, now_ms);
    } else if (message->body.size > DX_SIGNALING_BODY_MAX) {
        refuse(service, self, message, DX_E_LIMIT, now_ms);
    } else if (to == NULL || to->owner == NULL) {
        refuse(service, self, message, DX_E_UNREACHABLE, now_ms);
    } else if (is_clogged(service, to->owner)) {
        refuse(service, self, message, DX_E_BUSY, now_ms);
    } else {
        dx_signaling_message passed = {.kind = DX_SIGNALING_MESSAGE, .body = message->body};
        memcpy(passed.topic, message->topic, sizeof passed.topic);
        memcpy(passed.peer, own->peer, sizeof passed.peer);
        service->counts.messages_total++;
        service->counts.bytes_total += message->body.size;
        say(service, to->owner->socket, &passed);
    }
}

static void serve(dx_signaling_service *service, connection *self, const dx_signaling_message *message,
                  uint64_t now_ms) {
    static const dx_signaling_message pong = {.kind = DX_SIGNALING_PONG};
    switch (message->kind) {
    case DX_SIGNALING_JOIN:
        join(service, self, message, now_ms);
        return;
    case DX_SIGNALING_LEAVE:
        leave(service, self, message, now_ms);
        return;
    case DX_SIGNALING_SEND:
        pass_on(service, self, message, now_ms);
        return;
    case DX_SIGNALING_PING:
        say(service, self->socket, &pong);
        return;
    case DX_SIGNALING_PONG:
        return;
    case DX_SIGNALING_HELLO:
    case DX_SIGNALING_PROVE:
    case DX_SIGNALING_WELCOME:
    case DX_SIGNALING_PRESENT:
    case DX_SIGNALING_LEFT:
    case DX_SIGNALING_MESSAGE:
    case DX_SIGNALING_REFUSED:
    case DX_SIGNALING_KIND_END:
        end_connection(service, self, DX_E_PROTOCOL, now_ms);
    }
}

void dx_signaling_service_receive(dx_signaling_service *service, uint64_t socket, dx_bytes frame,
                                  uint64_t now_ms) {
    connection *self = find_connection(service, socket);
    dx_signaling_message message;
    if (self == NULL) {
        return;
    }
    self->heard_ms = now_ms;
    if (dx_signaling_decode(frame, &message) != DX_OK) {
        end_connection(service, self, DX_E_MALFORMED, now_ms);
    } else if (self->key == NULL && message.kind == DX_SIGNALING_PROVE) {
        prove(service, self, &message, now_ms);
    } else if (self->key == NULL) {
        end_connection(service, self, DX_E_PROTOCOL, now_ms);
    } else if (!dx_account_pay(self->key, &service->limits->of_key, frame.size, now_ms) ||
               !dx_account_pay(self->network, &service->limits->of_network, frame.size, now_ms)) {
        refuse(service, self, &message, DX_E_FLOOD, now_ms);
    } else {
        serve(service, self, &message, now_ms);
    }
}

/* --- Coming, going, time ------------------------------------------------------------------------------------ */

int dx_signaling_service_open(dx_signaling_service *service, uint64_t socket, const char *peer,
                              uint64_t now_ms) {
    const dx_service_limits *limits = service->limits;
    DX_ASSERT(find_connection(service, socket) == NULL);
    if (service->counts.connections >= limits->connections) {
        service->counts.crowded_total++;
        return DX_E_LIMIT;
    }
    uint8_t room[DX_ACCOUNT_NETWORK_SIZE];
    dx_account *network = dx_account_hold(&service->networks, dx_account_network(peer, room), now_ms);
    if (network == NULL) {
        return DX_E_NO_MEMORY;
    }
    connection *made = NULL;
    bool crowded = network->connections >= limits->of_network.connections;
    if (!crowded && widen_connections(service)) {
        made = dx_alloc_take_zeroed(service->alloc, sizeof *made);
    }
    if (made == NULL) {
        dx_account_release(network);
        service->counts.crowded_total += crowded;
        return crowded ? DX_E_LIMIT : DX_E_NO_MEMORY;
    }
    made->socket = socket;
    made->network = network;
    made->heard_ms = now_ms;
    made->prove_by_ms = now_ms + DX_SIGNALING_PROVE_MS;
    service->random->fill(service->random->ctx, made->nonce, sizeof made->nonce);
    connection **row = connection_row(service, socket);
    made->chain = *row;
    *row = made;
    network->connections++;
    service->counts.connections++;
    service->counts.connections_total++;
    service->counts.strangers++;
    service->next_ms = made->prove_by_ms < service->next_ms ? made->prove_by_ms : service->next_ms;
    dx_signaling_message hello = {.kind = DX_SIGNALING_HELLO,
                                  .limits = {.body_max = DX_SIGNALING_BODY_MAX,
                                             .topics_max = limits->of_key.joins,
                                             .ttl_max_ms = DX_SERVICE_TTL_MAX_MS,
                                             .per_second = limits->of_key.messages_per_s,
                                             .silence_ms = SILENCE_MS}};
    memcpy(hello.nonce, made->nonce, sizeof hello.nonce);
    say(service, socket, &hello);
    return DX_OK;
}

static void close(dx_signaling_service *service, uint64_t socket, bool in_grace, uint64_t now_ms) {
    connection *gone = find_connection(service, socket);
    if (gone != NULL) {
        service->counts.strangers_total += gone->key == NULL;
        forget(service, gone, in_grace, now_ms);
    }
}

void dx_signaling_service_leave(dx_signaling_service *service, uint64_t socket, uint64_t now_ms) {
    close(service, socket, false, now_ms);
}

void dx_signaling_service_close(dx_signaling_service *service, uint64_t socket, uint64_t now_ms) {
    close(service, socket, true, now_ms);
}

static void sweep_connections(dx_signaling_service *service, uint64_t now_ms) {
    for (size_t i = 0; i < service->connection_rows; i++) {
        for (connection *at = service->connections[i], *next; at != NULL; at = next) {
            next = at->chain;
            bool late = at->key == NULL && now_ms >= at->prove_by_ms;
            if (late || now_ms - at->heard_ms >= SILENCE_MS) {
                end_connection(service, at, DX_E_TIMEOUT, now_ms);
            } else if (at->key == NULL && at->prove_by_ms < service->next_ms) {
                service->next_ms = at->prove_by_ms;
            }
        }
    }
}

static void sweep_topic(dx_signaling_service *service, topic *of, uint64_t now_ms) {
    size_t left = of->count;
    for (member *at = of->members, *next; left > 0; at = next, left--) {
        next = at->next;
        if (now_ms >= at->expires_ms) {
            service->counts.expired_total++;
            end_member(service, at); /* the topic goes with its last one */
        }
    }
}

uint64_t dx_signaling_service_tick(dx_signaling_service *service, uint64_t now_ms) {
    if (now_ms < service->next_ms) {
        return service->next_ms;
    }
    service->next_ms = now_ms + DX_SERVICE_SWEEP_MS;
    sweep_connections(service, now_ms);
    for (size_t i = 0; i < service->topic_rows; i++) {
        for (topic *at = service->topics[i], *next; at != NULL; at = next) {
            next = at->chain;
            sweep_topic(service, at, now_ms);
        }
    }
    dx_accounts_sweep(&service->keys, now_ms);
    dx_accounts_sweep(&service->networks, now_ms);
    bool idle = service->counts.connections == 0 && service->counts.joins == 0 && service->keys.count == 0 &&
                service->networks.count == 0;
    service->next_ms = idle ? DX_NO_DEADLINE : service->next_ms;
    return service->next_ms;
}

const dx_service_counts *dx_signaling_service_counts(const dx_signaling_service *service) {
    return &service->counts;
}

/* --- Life ---------------------------------------------------------------------------------------------------- */

int dx_signaling_service_create(const dx_alloc *alloc, const dx_random *random, const dx_service_port *port,
                                const dx_service_limits *limits, dx_bytes ice, dx_signaling_service **out) {
    static const uint8_t no_servers[] = {0x80};
    uint64_t salts[3];
    ice = ice.size == 0 ? dx_bytes_of(no_servers, sizeof no_servers) : ice;
    if (dx_signaling_check_ice(ice) != DX_OK) {
        return DX_E_MALFORMED;
    }
    dx_signaling_service *service = dx_alloc_take_zeroed(alloc, sizeof *service);
    if (service == NULL) {
        return DX_E_NO_MEMORY;
    }
    random->fill(random->ctx, (uint8_t *)salts, sizeof salts);
    service->alloc = alloc;
    service->random = random;
    service->port = *port;
    service->limits = limits;
    service->salt = salts[0];
    service->next_ms = DX_NO_DEADLINE;
    dx_accounts_init(&service->keys, alloc, &limits->of_key, salts[1]);
    dx_accounts_init(&service->networks, alloc, &limits->of_network, salts[2]);
    dx_buf_init(&service->ice, alloc, DX_SIGNALING_FRAME_MAX);
    dx_buf_init(&service->frame, alloc, DX_SIGNALING_FRAME_MAX);
    dx_buf_append(&service->ice, ice.data, ice.size);
    *out = service;
    if (dx_buf_error(&service->ice) != DX_OK) {
        dx_signaling_service_destroy(service);
        *out = NULL;
        return DX_E_NO_MEMORY;
    }
    return DX_OK;
}

void dx_signaling_service_destroy(dx_signaling_service *service) {
    if (service == NULL) {
        return;
    }
    for (size_t i = 0; i < service->topic_rows; i++) {
        while (service->topics[i] != NULL) {
            topic *gone = service->topics[i];
            service->topics[i] = gone->chain;
            while (gone->members != NULL) {
                member *one = gone->members;
                gone->members = one->next;
                dx_alloc_free(service->alloc, one, sizeof *one);
            }
            dx_alloc_free(service->alloc, gone, sizeof *gone);
        }
    }
    for (size_t i = 0; i < service->connection_rows; i++) {
        while (service->connections[i] != NULL) {
            connection *gone = service->connections[i];
            service->connections[i] = gone->chain;
            dx_alloc_free(service->alloc, gone, sizeof *gone);
        }
    }
    dx_alloc_free(service->alloc, service->topics, service->topic_rows * sizeof(topic *));
    dx_alloc_free(service->alloc, service->connections, service->connection_rows * sizeof(connection *));
    dx_accounts_deinit(&service->keys);
    dx_accounts_deinit(&service->networks);
    dx_buf_deinit(&service->ice);
    dx_buf_deinit(&service->frame);
    dx_alloc_free(service->alloc, service, sizeof *service);
}
