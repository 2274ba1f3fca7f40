/* sim/peer.c: a node, its disk and clock, and the programs that speak to it. See world.h.
 *
 * Layer: simulator. Answers reach who asked in events of their own, so that nobody is called inside a step;
 * they die with the peer's life, as what stood in a socket's buffer does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "skew.h"

enum {
    MEMORY_MAX = 8 << 20, /* of one node, SQLite's own aside */
    GATHERED_MAX = 24,    /* events of one step */
    TAKEN_SIZE = 8192,    /* answers a program reads before it says so */
    SLOW_RATE = 1000,     /* bytes a slow program reads in a millisecond */
    SLOW_PORT = SIM_PORTS,
    UNREAD_MAX = 1 << 20,         /* DX_PORT_OUTSTANDING_MAX: from there on a node holds rows back */
    ANSWER_DUE_MS = 20000,        /* of a command that needs nobody else */
    REPLY_WAIT_MS = 60000,        /* sim_ask_wait */
    COMMAND_SIZE_MAX = 64 * 1024, /* of a command from JSON */
    SMALL_SET =
        16 /* rows in memory: of every other life, so that its log is written and read (echo/row_log.h) */
};

/* --- Memory and chance -----------------------------------------------------------------------------------
 */

static void *resize(void *ctx, void *old, size_t old_size, size_t new_size) {
    sim_memory *memory = ctx;
    if (new_size == 0) {
        free(old);
        memory->live -= old_size;
        return NULL;
    }
    if (new_size > old_size && memory->fail_in > 0 && --memory->fail_in == 0) {
        memory->failures++;
        return NULL;
    }
    void *block = realloc(old, new_size);
    DX_ASSERT(block != NULL);
    memory->live += new_size - old_size;
    memory->peak = memory->live > memory->peak ? memory->live : memory->peak;
    return block;
}

static void *resize_plain(void *ctx, void *old, size_t old_size, size_t new_size) {
    (void)ctx;
    (void)old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    void *block = realloc(old, new_size);
    DX_ASSERT(block != NULL);
    return block;
}

const dx_alloc sim_heap = {NULL, resize_plain};

static void fill_random(void *ctx, uint8_t *out, size_t size) {
    sim_peer *peer = ctx;
    for (size_t i = 0; i < size;) {
        uint64_t word = sim_random(&peer->random_state);
        for (size_t j = 0; j < sizeof word && i < size; j++) {
            out[i++] = (uint8_t)(word >> (8 * j));
        }
    }
}

/* --- Answers ---------------------------------------------------------------------------------------------
 */

typedef struct sim_answer {
    sim_peer *peer;
    uint64_t life, port, port_life;
    bool last;
    uint8_t id[DX_REQUEST_SIZE];
    size_t size;
    uint8_t body[];
} sim_answer;

static sim_request *find_request(sim_peer *peer, const uint8_t *id) {
    for (size_t i = 0; i < SIM_REQUESTS_MAX; i++) {
        if (peer->requests[i].used && memcmp(peer->requests[i].id, id, DX_REQUEST_SIZE) == 0) {
            return &peer->requests[i];
        }
    }
    return NULL;
}

/* The program has read it: now and then it tells, so that more may come. */
static void take_bytes(sim_peer *peer, const sim_answer *answer) {
    size_t *untold = &peer->ports[answer->port].untold;
    *untold += answer->size;
    if (*untold >= TAKEN_SIZE) {
        dx_event event = {.kind = DX_EVENT_PORT_WRITABLE, .port = answer->port, .size = *untold};
        peer->ports[answer->port].unread -= *untold;
        *untold = 0;
        sim_peer_event(peer, &event);
    }
}

/* Bytes are read even when nobody waits for what they say. */
static void deliver_answer(sim_world *world, void *ctx, uint64_t number) {
    sim_answer *answer = ctx;
    sim_peer *peer = answer->peer;
    (void)number;
    if (answer->life != peer->life || answer->port_life != peer->ports[answer->port].life) {
        return;
    }
    sim_request *request = find_request(peer, answer->id);
    if (request != NULL) {
        sim_request copy = *request;
        request->used = !answer->last;
        copy.on_answer(world, peer, copy.ctx, answer->last ? SIM_ANSWER_LAST : SIM_ANSWER_NOTE,
                       dx_bytes_of(answer->body, answer->size));
    }
    if (answer->life == peer->life && answer->port_life == peer->ports[answer->port].life) {
        take_bytes(peer, answer);
    }
}

/* When the program has read these bytes too: at once, or after all that is before them. */
static uint64_t read_at(sim_peer *peer, uint64_t port, size_t size) {
    sim_world *world = peer->world;
    uint64_t *at_ms = &peer->ports[port].at_ms;
    *at_ms = *at_ms > world->now_ms ? *at_ms : world->now_ms;
    if (world->plan.big && port == SLOW_PORT && !world->healing) {
        *at_ms += size / SLOW_RATE;
    }
    return *at_ms;
}

static void take_answer(sim_peer *peer, const dx_effect *effect) {
    sim_answer *answer = malloc(sizeof *answer + effect->body.size);
    DX_ASSERT(answer != NULL && effect->port <= SIM_PORTS);
    *answer = (sim_answer){.peer = peer,
                           .life = peer->life,
                           .port = effect->port,
                           .port_life = peer->ports[effect->port].life,
                           .last = effect->kind == DX_EFFECT_REPLY,
                           .size = effect->body.size};
    memcpy(answer->id, effect->request, DX_REQUEST_SIZE);
    memcpy(answer->body, effect->body.data, effect->body.size);
    size_t *unread = &peer->ports[effect->port].unread;
    bool held_back = *unread >= UNREAD_MAX;
    *unread += answer->size;
    peer->world->counts[SIM_STALLED] += !held_back && *unread >= UNREAD_MAX;
    sim_at_owning(peer->world, read_at(peer, answer->port, answer->size), deliver_answer, answer, 0);
}

static void lose_request(sim_peer *peer, sim_request *request) {
    if (request->used) {
        request->used = false;
        request->on_answer(peer->world, peer, request->ctx, SIM_ANSWER_LOST, dx_bytes_of(NULL, 0));
    }
}

static void lose_requests(sim_peer *peer) {
    for (size_t i = 0; i < SIM_REQUESTS_MAX; i++) {
        lose_request(peer, &peer->requests[i]);
    }
}

void sim_peer_port_gone(sim_peer *peer, uint64_t port) {
    if (peer->node == NULL) {
        return;
    }
    sim_peer_event(peer, &(dx_event){.kind = DX_EVENT_PORT_DOWN, .port = port});
    for (size_t i = 0; i < SIM_REQUESTS_MAX; i++) {
        if (peer->requests[i].port == port) {
            lose_request(peer, &peer->requests[i]);
        }
    }
    peer->ports[port].life++;
    peer->ports[port].unread = peer->ports[port].untold = 0;
    sim_peer_event(peer, &(dx_event){.kind = DX_EVENT_PORT_UP, .port = port});
}

/* --- Time -------------------------------------------------------------------------------------------------
 */

bool sim_peer_frozen(const sim_peer *peer) {
    return peer->world->now_ms < peer->frozen_until_ms;
}

static void on_timer(sim_world *world, void *ctx, uint64_t life);

static void set_timer(sim_peer *peer, uint64_t time_ms) {
    peer->timer_ms = time_ms;
    sim_at(peer->world, time_ms, on_timer, peer, peer->life);
}

/* One timer at a time is on its way; when it comes too early, because the deadline moved, it is set anew. */
static void on_timer(sim_world *world, void *ctx, uint64_t life) {
    sim_peer *peer = ctx;
    if (life != peer->life || peer->timer_ms > world->now_ms) {
        return;
    }
    peer->timer_ms = DX_NO_DEADLINE;
    uint64_t wanted_ms = sim_peer_frozen(peer) && peer->deadline_ms != DX_NO_DEADLINE &&
                                 peer->deadline_ms < peer->frozen_until_ms
                             ? peer->frozen_until_ms
                             : peer->deadline_ms;
    if (wanted_ms > world->now_ms) {
        if (wanted_ms != DX_NO_DEADLINE) {
            set_timer(peer, wanted_ms);
        }
        return;
    }
    sim_peer_event(peer, &(dx_event){.kind = DX_EVENT_CLOCK});
}

static void set_deadline(sim_peer *peer, uint64_t deadline_ms) {
    peer->deadline_ms = deadline_ms;
    if (deadline_ms < peer->timer_ms) {
        set_timer(peer, deadline_ms);
    }
}

/* --- Steps ------------------------------------------------------------------------------------------------
 */

static void trace_item(sim_peer *peer, uint64_t kind, uint64_t link, dx_bytes body) {
    const uint64_t words[] = {peer->index, kind, link, peer->world->now_ms};
    sim_trace_bytes(peer->world, words, sizeof words);
    sim_trace_bytes(peer->world, body.data, body.size);
}

static void carry_out(sim_peer *peer, const dx_effect *effect) {
    trace_item(peer, 100u + (unsigned)effect->kind, effect->link, effect->body);
    switch (effect->kind) {
    case DX_EFFECT_LINK_OPEN:
    case DX_EFFECT_LINK_SEND:
    case DX_EFFECT_LINK_CLOSE:
    case DX_EFFECT_SIGNAL_SEND:
        sim_net_effect(peer, effect);
        break;
    case DX_EFFECT_NOTIFY:
    case DX_EFFECT_REPLY:
        take_answer(peer, effect);
        break;
    case DX_EFFECT_KIND_COUNT:
        break;
    }
}

/* The node cannot go on: its disk failed below it. What a host does then is what power loss is here. */
static void give_up(sim_peer *peer, int error) {
    sim_world *world = peer->world;
    sim_note(world, "peer %zu: %s: %s", peer->index,
             peer->dying ? "power is lost inside a step" : "the node gives up", dx_error_text(error));
    world->counts[peer->dying ? SIM_POWER_INSIDE : SIM_GAVE_UP]++;
    if (!peer->suffers) {
        sim_violate(world, "peer %zu: the node gave up though nothing failed: %s", peer->index,
                    dx_error_name(error));
    }
    sim_peer_crash(peer);
}

/* As a host does outside of the vault's folder; a vault on a full disk has no new token. */
static void mirror_token(sim_peer *peer) {
    const uint8_t *token = dx_node_token(peer->node);
    if (token != NULL) {
        memcpy(peer->token, token, sizeof peer->token);
        peer->has_token = true;
        peer->other_file = false;
    }
}

static void step(sim_peer *peer, dx_event *events, size_t count) {
    sim_world *world = peer->world;
    dx_effects effects;
    uint64_t now_ms = world->now_ms + 1000;
    for (size_t i = 0; i < count; i++) {
        events[i].time_ms = now_ms;
        events[i].wall_ms = (uint64_t)((int64_t)(SIM_WALL_START_MS + world->now_ms) + peer->wall_offset_ms);
        trace_item(peer, (uint64_t)events[i].kind, events[i].link, events[i].body);
    }
    world->counts[SIM_STEPS]++;
    world->counts[SIM_EVENTS] += count;
    int error = dx_node_step(peer->node, events, count, &effects);
    if (error != DX_OK) {
        give_up(peer, error);
        return;
    }
    mirror_token(peer);
    if (peer->memory.live > MEMORY_MAX) {
        sim_violate(world, "peer %zu holds %zu bytes", peer->index, peer->memory.live);
    }
    uint64_t life = peer->life;
    set_deadline(peer, effects.deadline_ms == DX_NO_DEADLINE ? DX_NO_DEADLINE
                       : effects.deadline_ms <= now_ms       ? world->now_ms
                                                             : effects.deadline_ms - 1000);
    for (size_t i = 0; i < effects.count && peer->life == life; i++) {
        carry_out(peer, &effects.items[i]);
    }
}

/* --- Events that wait for company --------------------------------------------------------------------------
 */

static void clear_inbox(sim_inbox *inbox) {
    for (size_t i = 0; i < inbox->count; i++) {
        free((void *)(uintptr_t)inbox->events[i].body.data);
    }
    inbox->count = 0;
}

static void flush_inbox(sim_world *world, void *ctx, uint64_t life) {
    sim_peer *peer = ctx;
    sim_inbox taken = peer->inbox;
    if (life != peer->life) {
        return;
    }
    if (sim_peer_frozen(peer)) {
        sim_at(world, peer->frozen_until_ms, flush_inbox, peer, life);
        return;
    }
    peer->inbox = (sim_inbox){0};
    if (peer->node != NULL && taken.count > 0) {
        step(peer, taken.events, taken.count);
    }
    clear_inbox(&taken);
    free(taken.events);
}

static void gather(sim_peer *peer, const dx_event *event) {
    sim_inbox *inbox = &peer->inbox;
    sim_world *world = peer->world;
    if (inbox->count == inbox->capacity) {
        inbox->capacity = inbox->capacity == 0 ? GATHERED_MAX : inbox->capacity * 2;
        inbox->events = realloc(inbox->events, inbox->capacity * sizeof *inbox->events);
        DX_ASSERT(inbox->events != NULL);
    }
    dx_event *kept = &inbox->events[inbox->count++];
    *kept = *event;
    if (event->body.size > 0) {
        uint8_t *body = malloc(event->body.size);
        DX_ASSERT(body != NULL);
        memcpy(body, event->body.data, event->body.size);
        kept->body.data = body;
    } else {
        kept->body = dx_bytes_of(NULL, 0);
    }
    if (inbox->count >= GATHERED_MAX) {
        flush_inbox(world, peer, peer->life);
    } else if (!inbox->due) {
        inbox->due = true;
        sim_at(world, world->now_ms + sim_below(world, world->plan.gather_max_ms), flush_inbox, peer,
               peer->life);
    }
}

void sim_peer_event(sim_peer *peer, const dx_event *event) {
    if (peer->node == NULL || peer->world->violation[0] != 0) {
        return;
    }
    if (peer->world->plan.gather_max_ms > 0 && !peer->world->healing) {
        gather(peer, event);
        return;
    }
    flush_inbox(peer->world, peer, peer->life); /* what was gathered before healing began */
    if (peer->node != NULL) {
        dx_event copy = *event;
        step(peer, &copy, 1);
    }
}

/* --- On and off
 * --------------------------------------------------------------------------------------------- */

static void on_restart(sim_world *world, void *ctx, uint64_t number) {
    (void)world;
    (void)number;
    sim_peer_start(ctx);
}

/* Whether a vault that does not open is a fault that was made, and passes. */
static void not_opened(sim_peer *peer, int error, const char *message) {
    sim_world *world = peer->world;
    sim_note(world, "peer %zu: not opened: %s", peer->index, message);
    world->counts[peer->dying ? SIM_POWER_OPENING : SIM_NOT_OPENED]++;
    bool damaged = error == DX_E_CORRUPT || error == DX_E_VERSION || error == DX_E_NOT_FOUND;
    if (damaged || !peer->suffers) {
        sim_violate(world, "peer %zu: its vault does not open: %s (%s)", peer->index, dx_error_name(error),
                    message);
        return;
    }
    peer->dying = false;
    sim_disk_plan(peer->disk, &(sim_disk_fault){0});
    sim_disk_crash(peer->disk);
    sim_at(world, world->now_ms + 1000, on_restart, peer, 0);
}

static void begin_life(sim_peer *peer) {
    peer->life++;
    peer->timer_ms = peer->deadline_ms = DX_NO_DEADLINE;
    memset(peer->ports, 0, sizeof peer->ports);
    mirror_token(peer);
    sim_note(peer->world, "peer %zu is up", peer->index);
    for (uint64_t port = 1; port <= SIM_PORTS; port++) {
        sim_peer_event(peer, &(dx_event){.kind = DX_EVENT_PORT_UP, .port = port});
    }
    sim_peer_event(peer, &(dx_event){.kind = DX_EVENT_LISTENING, .body = dx_bytes_text(peer->address)});
}

static void tell_line(void *ctx, const char *room, const char *text) {
    const sim_peer *peer = ctx;
    sim_note(peer->world, "  peer %zu %s: %s", peer->index, room, text);
}

void sim_peer_start(sim_peer *peer) {
    if (peer->node != NULL || peer->world->violation[0] != 0) {
        return;
    }
    char message[200] = "";
    dx_node_config config = {.alloc = {&peer->memory, resize},
                             .random = {peer, fill_random},
                             .tracer = {peer, peer->world->traced ? tell_line : NULL},
                             .vfs = sim_disk_vfs(peer->disk),
                             .path = "vault.db",
                             .create = peer->starts == 0,
                             .has_token = peer->has_token,
                             .same_file = !peer->other_file,
                             .rows_max = (peer->index + peer->starts) % 2 == 0 ? 0 : SMALL_SET,
                             .epoch_size = peer->world->plan.epoch_size,
                             .retention_ms = peer->world->plan.retention_ms,
                             .epoch_copies = peer->world->plan.epoch_copies,
                             .models = sim_skew_start(peer)};
    memset(config.vault_key, 0x5a, sizeof config.vault_key);
    memcpy(config.token, peer->token, sizeof config.token);
    int error = dx_node_open(&config, &peer->node, message, sizeof message);
    peer->starts++;
    if (error != DX_OK) {
        peer->node = NULL;
        not_opened(peer, error, message);
        return;
    }
    begin_life(peer);
}

/* The node goes, and with it all that was on its way to and from programs. */
static dx_node *end_life(sim_peer *peer) {
    dx_node *node = peer->node;
    peer->node = NULL;
    peer->life++;
    clear_inbox(&peer->inbox);
    peer->inbox.due = false;
    lose_requests(peer);
    sim_net_peer_gone(peer);
    return node;
}

void sim_peer_stop(sim_peer *peer) {
    if (peer->node == NULL) {
        return;
    }
    dx_node_close(end_life(peer));
    if (peer->memory.live != 0) {
        sim_violate(peer->world, "peer %zu leaked %zu bytes", peer->index, peer->memory.live);
    }
}

void sim_peer_crash(sim_peer *peer) {
    sim_world *world = peer->world;
    if (peer->node == NULL) {
        return; /* it is on its way back already */
    }
    dx_node *node = end_life(peer);
    peer->dying = false;
    sim_disk_plan(peer->disk, &(sim_disk_fault){0});
    sim_disk_crash(peer->disk);
    peer->memory.fail_in = 0;
    dx_node_close(node);
    if (peer->memory.live != 0) {
        sim_violate(world, "peer %zu leaked %zu bytes", peer->index, peer->memory.live);
    }
    sim_at(world, world->now_ms + 200 + sim_below(world, 20000), on_restart, peer, 0);
}

void sim_peer_crash_inside(sim_peer *peer, uint64_t at) {
    peer->dying = peer->suffers = true;
    sim_disk_plan(
        peer->disk,
        &(sim_disk_fault){.calls = SIM_DISK_ALL_CALLS, .at = at, .sticky = true, .half = at % 2 == 0});
}

void sim_peer_deinit(sim_peer *peer) {
    sim_peer_stop(peer);
    clear_inbox(&peer->inbox);
    free(peer->inbox.events);
    peer->inbox = (sim_inbox){0};
    sim_disk_destroy(peer->disk);
    sim_disk_destroy(peer->backup);
    peer->disk = peer->backup = NULL;
}

/* --- Asking
 * -------------------------------------------------------------------------------------------------- */

/* Whether a command of this name makes a transaction, or may. */
static bool writes(const char *command) {
    static const char *const names[] = {"object.",     "link.", "schema.", "space.rename",
                                        "halo.rename", "batch", "undo",    "redo"};
    bool found = false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        found = found || strncmp(command, names[i], strlen(names[i])) == 0;
    }
    return found && strcmp(command, "object.get") != 0 && strcmp(command, "schema.list") != 0;
}

bool sim_ask(sim_peer *peer, dx_bytes command, const uint8_t *id, bool patient, sim_on_answer on_answer,
             void *ctx) {
    sim_world *world = peer->world;
    size_t at = 0;
    while (at < SIM_REQUESTS_MAX && peer->requests[at].used) {
        at++;
    }
    if (peer->node == NULL || sim_peer_frozen(peer) || at == SIM_REQUESTS_MAX) {
        return false;
    }
    uint64_t port = peer->next_port != 0 ? peer->next_port : 1 + sim_below(world, SIM_PORTS);
    dx_event event = {.kind = DX_EVENT_COMMAND, .port = port, .body = command};
    for (size_t i = 0; i < DX_REQUEST_SIZE; i++) {
        event.request[i] = id != NULL ? id[i] : (uint8_t)sim_below(world, 256);
    }
    peer->requests[at] = (sim_request){.used = true,
                                       .port = event.port,
                                       .due_ms = patient ? 0 : world->now_ms + ANSWER_DUE_MS,
                                       .on_answer = on_answer,
                                       .ctx = ctx};
    memcpy(peer->requests[at].id, event.request, DX_REQUEST_SIZE);
    dx_bytes name = dx_item_text(dx_item_get(command, "do"));
    snprintf(peer->requests[at].command, sizeof peer->requests[at].command, "%.*s", (int)name.size,
             (const char *)name.data);
    peer->writes += writes(peer->requests[at].command);
    sim_peer_event(peer, &event);
    return true;
}

bool sim_ask_json(sim_peer *peer, const char *json, const uint8_t *id, bool patient, sim_on_answer on_answer,
                  void *ctx) {
    char message[128];
    dx_buf command;
    dx_writer writer;
    dx_buf_init(&command, &sim_heap, COMMAND_SIZE_MAX);
    dx_writer_init(&writer, &command);
    int error = dx_json_parse(dx_bytes_text(json), &writer, message, sizeof message);
    DX_ASSERT(error == DX_OK);
    bool asked = sim_ask(peer, dx_buf_view(&command), id, patient, on_answer, ctx);
    dx_buf_deinit(&command);
    return asked;
}

void sim_owe(sim_peer *peer, const uint8_t *id, uint64_t due_ms) {
    sim_request *request = find_request(peer, id);
    if (request != NULL) {
        request->due_ms = due_ms;
    }
}

void sim_ignore_answer(sim_world *world, sim_peer *peer, void *ctx, sim_answer_kind kind, dx_bytes body) {
    (void)world;
    (void)peer;
    (void)ctx;
    (void)kind;
    (void)body;
}

void sim_forget_requests(sim_peer *peer, const void *ctx) {
    for (size_t i = 0; i < SIM_REQUESTS_MAX; i++) {
        peer->requests[i].used = peer->requests[i].used && peer->requests[i].ctx != ctx;
    }
}

void sim_check_answers(sim_world *world) {
    for (size_t i = 0; i < world->peer_count; i++) {
        const sim_peer *peer = &world->peers[i];
        for (size_t k = 0; peer->node != NULL && !sim_peer_frozen(peer) && k < SIM_REQUESTS_MAX; k++) {
            const sim_request *request = &peer->requests[k];
            if (request->used && request->due_ms != 0 && request->due_ms < world->now_ms) {
                sim_violate(world, "peer %zu owes an answer to %s since %d seconds", i, request->command,
                            (int)((world->now_ms - request->due_ms + ANSWER_DUE_MS) / 1000));
            }
        }
    }
}

/* --- Asking and waiting
 * ---------------------------------------------------------------------------------------- */

void sim_reply_init(sim_reply *reply) {
    *reply = (sim_reply){0};
    dx_buf_init(&reply->rows, &sim_heap, 64 << 20);
    dx_buf_init(&reply->body, &sim_heap, 8 << 20);
}

void sim_reply_deinit(sim_reply *reply) {
    dx_buf_deinit(&reply->rows);
    dx_buf_deinit(&reply->body);
}

static void on_reply(sim_world *world, sim_peer *peer, void *ctx, sim_answer_kind kind, dx_bytes body) {
    sim_reply *reply = ctx;
    dx_bytes rows = dx_item_get(body, "rows");
    (void)world;
    (void)peer;
    reply->done = reply->done || kind != SIM_ANSWER_NOTE;
    reply->lost = kind == SIM_ANSWER_LOST;
    if (kind == SIM_ANSWER_LAST) {
        dx_buf_append(&reply->body, body.data, body.size);
    } else if (rows.size > 0) {
        dx_reader reader;
        dx_reader_init(&reader, rows);
        size_t count = dx_read_array(&reader);
        reply->row_count += count;
        dx_buf_append(&reply->rows, reader.at, (size_t)(reader.end - reader.at));
    }
}

static bool is_done(void *ctx) {
    return ((const sim_reply *)ctx)->done;
}

bool sim_ask_wait(sim_peer *peer, const char *json, sim_reply *reply) {
    sim_world *world = peer->world;
    if (world->violation[0] != 0) {
        return false;
    }
    if (!sim_ask_json(peer, json, NULL, true, on_reply, reply) ||
        !sim_run_while(world, world->now_ms + REPLY_WAIT_MS, is_done, reply) || reply->lost) {
        sim_violate(world, "peer %zu does not answer %s", peer->index, json);
        sim_forget_requests(peer, reply);
        return false;
    }
    return true;
}

bool sim_error_of(dx_bytes body, char *out, size_t size) {
    dx_bytes error = dx_item_get(body, "error");
    dx_bytes message = dx_item_text(dx_item_get(error, "message"));
    snprintf(out, size, "%.*s", (int)message.size, message.size == 0 ? "" : (const char *)message.data);
    return error.size > 0;
}
