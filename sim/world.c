/* sim/world.c: virtual time, peers, and the events between them. See world.h. */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MEMORY_MAX = 96 << 20, WALL_START_S = 1790000000 };

struct sim_event {
    uint64_t time_ms, number;
    void (*act)(sim_world *world, void *ctx, uint64_t number);
    void *ctx;
    uint64_t argument;
};

/* --- Randomness (splitmix64) ------------------------------------------------------------------------ */

uint64_t sim_random(uint64_t *state) {
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint64_t sim_below(sim_world *world, uint64_t bound) {
    return bound == 0 ? 0 : sim_random(&world->random_state) % bound;
}

bool sim_chance(sim_world *world, uint32_t per_million) {
    return per_million > 0 && !world->healing && sim_below(world, 1000000) < per_million;
}

static void fill_random(void *ctx, uint8_t *out, size_t size) {
    sim_peer *peer = ctx;
    for (size_t i = 0; i < size;) {
        uint64_t word = sim_random(&peer->random_state);
        for (size_t j = 0; j < sizeof word && i < size; j++) {
            out[i++] = (uint8_t)(word >> (8 * j));
        }
    }
}

/* --- Words ---------------------------------------------------------------------------------------------- */

void sim_violate(sim_world *world, const char *format, ...) {
    if (world->violation[0] != 0) {
        return; /* the first one is the one to look at */
    }
    va_list args;
    va_start(args, format);
    vsnprintf(world->violation, sizeof world->violation, format, args);
    va_end(args);
}

void sim_note(sim_world *world, const char *format, ...) {
    if (!world->verbose) {
        return;
    }
    va_list args;
    va_start(args, format);
    printf("%10.3f  ", (double)world->now_ms / 1000.0);
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

/* --- Trace ------------------------------------------------------------------------------------------------
 */

static void trace_bytes(sim_world *world, const void *data, size_t size) {
    const uint8_t *bytes = data;
    uint64_t hash = world->trace;
    size_t i = 0;
    for (; i + 8 <= size; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, 8);
        hash = (hash ^ word) * 0x9fb21c651e98df25u;
        hash ^= hash >> 29;
    }
    for (; i < size; i++) {
        hash = (hash ^ bytes[i]) * 0x100000001b3u;
    }
    world->trace = (hash ^ size) * 0x9fb21c651e98df25u;
}

static void trace_step(sim_world *world, const sim_peer *peer, uint64_t kind, uint64_t link, dx_bytes body) {
    const uint64_t words[] = {peer->index, kind, link, world->now_ms};
    trace_bytes(world, words, sizeof words);
    trace_bytes(world, body.data, body.size);
}

/* --- Events: a binary heap
 * ---------------------------------------------------------------------------------- */

static bool earlier(const sim_event *a, const sim_event *b) {
    return a->time_ms != b->time_ms ? a->time_ms < b->time_ms : a->number < b->number;
}

void sim_at(sim_world *world, uint64_t time_ms, void (*act)(sim_world *, void *, uint64_t), void *ctx,
            uint64_t number) {
    if (world->heap_count == world->heap_capacity) {
        world->heap_capacity = world->heap_capacity == 0 ? 256 : world->heap_capacity * 2;
        world->heap = realloc(world->heap, world->heap_capacity * sizeof *world->heap);
        DX_ASSERT(world->heap != NULL);
    }
    size_t at = world->heap_count++;
    sim_event event = {time_ms > world->now_ms ? time_ms : world->now_ms, ++world->event_number, act, ctx,
                       number};
    for (; at > 0 && earlier(&event, &world->heap[(at - 1) / 2]); at = (at - 1) / 2) {
        world->heap[at] = world->heap[(at - 1) / 2];
    }
    world->heap[at] = event;
}

static sim_event take_first(sim_world *world) {
    sim_event first = world->heap[0], last = world->heap[--world->heap_count];
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < world->heap_count; at = child) {
        child += child + 1 < world->heap_count && earlier(&world->heap[child + 1], &world->heap[child]);
        if (!earlier(&world->heap[child], &last)) {
            break;
        }
        world->heap[at] = world->heap[child];
    }
    world->heap[at] = last;
    return first;
}

bool sim_run_while(sim_world *world, uint64_t time_ms, bool (*done)(void *ctx), void *ctx) {
    while (world->violation[0] == 0 && !(done != NULL && done(ctx))) {
        if (world->heap_count == 0 || world->heap[0].time_ms > time_ms) {
            world->now_ms = time_ms > world->now_ms ? time_ms : world->now_ms;
            return false;
        }
        sim_event event = take_first(world);
        world->now_ms = event.time_ms;
        event.act(world, event.ctx, event.argument);
    }
    return world->violation[0] == 0;
}

void sim_run_until(sim_world *world, uint64_t time_ms) {
    sim_run_while(world, time_ms, NULL, NULL);
}

/* --- Memory
 * ------------------------------------------------------------------------------------------------- */

static void *resize(void *ctx, void *old, size_t old_size, size_t new_size) {
    sim_memory *memory = ctx;
    if (new_size == 0) {
        free(old);
        memory->live -= old_size;
        return NULL;
    }
    if (new_size > old_size && memory->fail_in > 0 && --memory->fail_in == 0) {
        return NULL;
    }
    void *block = realloc(old, new_size);
    DX_ASSERT(block != NULL);
    memory->live += new_size - old_size;
    memory->peak = memory->live > memory->peak ? memory->live : memory->peak;
    return block;
}

/* --- Peers
 * ---------------------------------------------------------------------------------------------------- */

static void on_timer(sim_world *world, void *ctx, uint64_t number) {
    sim_peer *peer = ctx;
    (void)world;
    if (peer->node != NULL && number == peer->deadline_number) {
        sim_peer_event(peer, &(dx_event){.kind = DX_EVENT_CLOCK});
    }
}

static void schedule(sim_peer *peer, uint64_t deadline_ms) {
    peer->deadline_ms = deadline_ms;
    peer->deadline_number++;
    if (deadline_ms != DX_NO_DEADLINE) {
        sim_at(peer->world, deadline_ms, on_timer, peer, peer->deadline_number);
    }
}

/* An answer on its way to who asked: an event of its own, so that nobody is called inside a step. */
typedef struct sim_answer {
    sim_peer *peer;
    bool last;
    uint8_t id[DX_REQUEST_SIZE];
    size_t size;
    uint8_t body[];
} sim_answer;

static void deliver_answer(sim_world *world, void *ctx, uint64_t number) {
    sim_answer *answer = ctx;
    sim_peer *peer = answer->peer;
    (void)number;
    for (size_t i = 0; i < SIM_REQUESTS_MAX; i++) {
        sim_request request = peer->requests[i];
        if (request.used && memcmp(request.id, answer->id, DX_REQUEST_SIZE) == 0) {
            peer->requests[i].used = !answer->last;
            request.on_answer(world, peer, request.ctx, answer->last,
                              dx_bytes_of(answer->body, answer->size));
            break;
        }
    }
    free(answer);
}

static void take_answer(sim_peer *peer, const dx_effect *effect) {
    sim_answer *answer = malloc(sizeof *answer + effect->body.size);
    DX_ASSERT(answer != NULL);
    answer->peer = peer;
    answer->last = effect->kind == DX_EFFECT_REPLY;
    answer->size = effect->body.size;
    memcpy(answer->id, effect->request, DX_REQUEST_SIZE);
    memcpy(answer->body, effect->body.data, effect->body.size);
    sim_at(peer->world, peer->world->now_ms, deliver_answer, answer, 0);
}

static void carry_out(sim_peer *peer, const dx_effect *effect) {
    trace_step(peer->world, peer, 100u + (unsigned)effect->kind, effect->link, effect->body);
    switch (effect->kind) {
    case DX_EFFECT_LINK_OPEN:
    case DX_EFFECT_LINK_SEND:
    case DX_EFFECT_LINK_CLOSE:
        sim_net_effect(peer, effect);
        break;
    case DX_EFFECT_NOTIFY:
    case DX_EFFECT_REPLY:
        take_answer(peer, effect);
        break;
    case DX_EFFECT_SIGNAL_SEND:
    case DX_EFFECT_KIND_COUNT:
        break;
    }
}

void sim_peer_event(sim_peer *peer, const dx_event *event) {
    sim_world *world = peer->world;
    if (peer->node == NULL || world->violation[0] != 0) {
        return;
    }
    dx_effects effects;
    dx_event timed = *event;
    timed.time_ms = world->now_ms + 1000;
    timed.wall_ms =
        (uint64_t)((int64_t)(UINT64_C(1000) * WALL_START_S + world->now_ms) + peer->wall_offset_ms);
    trace_step(world, peer, (uint64_t)event->kind, event->link, event->body);
    world->steps++;
    int error = dx_node_step(peer->node, &timed, 1, &effects);
    if (error != DX_OK) {
        sim_note(world, "peer %zu: the node gave up: %s", peer->index, dx_error_name(error));
        sim_peer_crash(peer);
        return;
    }
    memcpy(peer->token, dx_node_token(peer->node), sizeof peer->token);
    if (peer->memory.live > MEMORY_MAX) {
        sim_violate(world, "peer %zu holds %zu bytes", peer->index, peer->memory.live);
    }
    dx_node *node = peer->node;
    size_t count = effects.count;
    schedule(peer, effects.deadline_ms == DX_NO_DEADLINE  ? DX_NO_DEADLINE
                   : effects.deadline_ms <= timed.time_ms ? world->now_ms
                                                          : effects.deadline_ms - 1000);
    for (size_t i = 0; i < count && peer->node == node; i++) {
        carry_out(peer, &effects.items[i]);
    }
}

static void on_restart(sim_world *world, void *ctx, uint64_t number) {
    (void)world;
    (void)number;
    sim_peer_start(ctx);
}

void sim_peer_start(sim_peer *peer) {
    sim_world *world = peer->world;
    if (peer->node != NULL) {
        return;
    }
    char message[200] = "";
    dx_node_config config = {.alloc = {&peer->memory, resize},
                             .random = {peer, fill_random},
                             .vfs = sim_disk_vfs(peer->disk),
                             .path = "vault.db",
                             .create = peer->starts == 0,
                             .has_token = peer->has_token,
                             .same_file = true};
    memset(config.vault_key, 0x5a, sizeof config.vault_key);
    memcpy(config.token, peer->token, sizeof config.token);
    int error = dx_node_open(&config, &peer->node, message, sizeof message);
    peer->starts++;
    if (error != DX_OK) {
        peer->node = NULL;
        if (error == DX_E_CORRUPT || error == DX_E_VERSION || error == DX_E_NOT_FOUND || world->healing) {
            sim_violate(world, "peer %zu: its vault does not open: %s (%s)", peer->index,
                        dx_error_name(error), message);
            return;
        }
        sim_note(world, "peer %zu: not opened: %s", peer->index, message);
        sim_disk_crash(peer->disk);
        sim_at(world, world->now_ms + 1000, on_restart, peer, 0);
        return;
    }
    peer->has_token = true;
    memcpy(peer->token, dx_node_token(peer->node), sizeof peer->token);
    sim_note(world, "peer %zu is up", peer->index);
    sim_peer_event(peer, &(dx_event){.kind = DX_EVENT_LISTENING, .body = dx_bytes_text(peer->address)});
}

static void forget_requests(sim_peer *peer) {
    memset(peer->requests, 0, sizeof peer->requests);
    peer->deadline_number++;
}

void sim_peer_stop(sim_peer *peer) {
    if (peer->node == NULL) {
        return;
    }
    dx_node *node = peer->node;
    peer->node = NULL;
    forget_requests(peer);
    sim_net_peer_gone(peer);
    dx_node_close(node);
    if (peer->memory.live != 0) {
        sim_violate(peer->world, "peer %zu leaked %zu bytes", peer->index, peer->memory.live);
    }
}

void sim_peer_crash(sim_peer *peer) {
    if (peer->node != NULL) {
        dx_node *node = peer->node;
        peer->node = NULL;
        peer->crashes++;
        forget_requests(peer);
        sim_net_peer_gone(peer);
        sim_disk_crash(peer->disk);
        peer->memory.fail_in = 0;
        dx_node_close(node);
        sim_note(peer->world, "peer %zu lost power", peer->index);
    }
    sim_at(peer->world, peer->world->now_ms + 200 + sim_below(peer->world, 20000), on_restart, peer, 0);
}

bool sim_ask(sim_peer *peer, dx_bytes command, sim_on_answer on_answer, void *ctx) {
    size_t at = 0;
    while (at < SIM_REQUESTS_MAX && peer->requests[at].used) {
        at++;
    }
    if (peer->node == NULL || at == SIM_REQUESTS_MAX) {
        return false;
    }
    dx_event event = {.kind = DX_EVENT_COMMAND, .port = 1, .body = command};
    for (size_t i = 0; i < DX_REQUEST_SIZE; i++) {
        event.request[i] = (uint8_t)sim_below(peer->world, 256);
    }
    peer->requests[at] = (sim_request){.used = true, .on_answer = on_answer, .ctx = ctx};
    memcpy(peer->requests[at].id, event.request, DX_REQUEST_SIZE);
    sim_peer_event(peer, &event);
    return true;
}

static void *resize_plain(void *ctx, void *old, size_t old_size, size_t new_size) {
    (void)ctx;
    (void)old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, new_size);
}

bool sim_ask_json(sim_peer *peer, const char *json, sim_on_answer on_answer, void *ctx) {
    static const dx_alloc alloc = {NULL, resize_plain};
    char message[128];
    dx_buf command;
    dx_writer writer;
    dx_buf_init(&command, &alloc, 65536);
    dx_writer_init(&writer, &command);
    int error = dx_json_parse(dx_bytes_text(json), &writer, message, sizeof message);
    DX_ASSERT(error == DX_OK);
    bool asked = sim_ask(peer, dx_buf_view(&command), on_answer, ctx);
    dx_buf_deinit(&command);
    return asked;
}

void sim_ignore_answer(sim_world *world, sim_peer *peer, void *ctx, bool last, dx_bytes body) {
    (void)world;
    (void)peer;
    (void)ctx;
    (void)last;
    (void)body;
}

/* --- The world
 * -------------------------------------------------------------------------------------------------- */

void sim_world_init(sim_world *world, const sim_plan *plan) {
    bool verbose = world->verbose;
    memset(world, 0, sizeof *world);
    world->verbose = verbose;
    world->plan = *plan;
    world->random_state = plan->seed;
    for (size_t i = 0; i < plan->peers; i++) {
        sim_peer *peer = &world->peers[i];
        peer->index = i;
        peer->world = world;
        peer->disk = sim_disk_create(sim_random(&world->random_state), &(sim_disk_config){0});
        peer->random_state = sim_random(&world->random_state);
        peer->next_incoming = 2;
        snprintf(peer->address, sizeof peer->address, "sim:%zu", i);
    }
}

void sim_world_deinit(sim_world *world) {
    for (size_t i = 0; i < world->plan.peers; i++) {
        sim_peer *peer = &world->peers[i];
        sim_peer_stop(peer);
        sim_disk_destroy(peer->disk);
        if (peer->backup != NULL) {
            sim_disk_destroy(peer->backup);
        }
    }
    sim_net_deinit(world);
    for (size_t i = 0; i < world->heap_count; i++) {
        if (world->heap[i].act == deliver_answer) {
            free(world->heap[i].ctx);
        }
    }
    free(world->heap);
    world->heap = NULL;
}
