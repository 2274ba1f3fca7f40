/* sim/world.c: virtual time, chance, words and the trace. See world.h. */
#include "world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct sim_event {
    uint64_t time_ms, number;
    void (*act)(sim_world *world, void *ctx, uint64_t number);
    void *ctx;
    uint64_t argument;
    bool owning; /* ctx goes with the event */
};

const char *const sim_count_words[SIM_COUNT_COUNT] = {
#define SIM_COUNT_WORDS(symbol, words) [SIM_##symbol] = (words),
    SIM_COUNT_MAP(SIM_COUNT_WORDS)
#undef SIM_COUNT_WORDS
};

/* --- Chance (splitmix64) -------------------------------------------------------------------------------- */

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

bool sim_strikes(sim_world *world, sim_count fault) {
    bool strikes = sim_chance(world, world->plan.chance[fault]);
    world->counts[fault] += strikes;
    return strikes;
}

/* --- Words -----------------------------------------------------------------------------------------------
 */

void sim_violate(sim_world *world, const char *format, ...) {
    if (world->violation[0] != 0) {
        return; /* the first one is the one to look at */
    }
    va_list args;
    va_start(args, format);
    vsnprintf(world->violation, sizeof world->violation, format, args);
    va_end(args);
    sim_note(world, "VIOLATION: %s", world->violation);
}

void sim_note(sim_world *world, const char *format, ...) {
    if (!world->verbose) {
        return;
    }
    uint64_t ms = world->now_ms;
    va_list args;
    va_start(args, format);
    printf("%3u:%02u.%03u  ", (unsigned)(ms / 60000), (unsigned)(ms / 1000 % 60), (unsigned)(ms % 1000));
    vprintf(format, args);
    putchar('\n');
    va_end(args);
}

/* --- Trace ------------------------------------------------------------------------------------------------
 */

void sim_trace_bytes(sim_world *world, const void *data, size_t size) {
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

/* --- Time: a binary heap ---------------------------------------------------------------------------------
 */

static bool earlier(const sim_event *a, const sim_event *b) {
    return a->time_ms != b->time_ms ? a->time_ms < b->time_ms : a->number < b->number;
}

static void push(sim_world *world, const sim_event *pushed) {
    if (world->heap_count == world->heap_capacity) {
        world->heap_capacity = world->heap_capacity == 0 ? 256 : world->heap_capacity * 2;
        world->heap = realloc(world->heap, world->heap_capacity * sizeof *world->heap);
        DX_ASSERT(world->heap != NULL);
    }
    size_t at = world->heap_count++;
    sim_event event = *pushed;
    event.number = ++world->event_number;
    event.time_ms = event.time_ms > world->now_ms ? event.time_ms : world->now_ms;
    for (; at > 0 && earlier(&event, &world->heap[(at - 1) / 2]); at = (at - 1) / 2) {
        world->heap[at] = world->heap[(at - 1) / 2];
    }
    world->heap[at] = event;
}

void sim_at(sim_world *world, uint64_t time_ms, void (*act)(sim_world *, void *, uint64_t), void *ctx,
            uint64_t number) {
    push(world, &(sim_event){.time_ms = time_ms, .act = act, .ctx = ctx, .argument = number});
}

void sim_at_owning(sim_world *world, uint64_t time_ms, void (*act)(sim_world *, void *, uint64_t), void *ctx,
                   uint64_t number) {
    push(world, &(sim_event){.time_ms = time_ms, .act = act, .ctx = ctx, .argument = number, .owning = true});
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

/* Nothing that goes on by itself may stop time: a peer that asks for step after step is a violation. */
static void watch_progress(sim_world *world, uint64_t *same_time) {
    enum { EVENTS_AT_ONE_TIME_MAX = 20000 };
    if (++*same_time > EVENTS_AT_ONE_TIME_MAX) {
        sim_violate(world, "time stands still: %d events in one millisecond", EVENTS_AT_ONE_TIME_MAX);
    }
}

bool sim_run_while(sim_world *world, uint64_t time_ms, bool (*done)(void *ctx), void *ctx) {
    uint64_t same_time = 0;
    while (world->violation[0] == 0 && !(done != NULL && done(ctx))) {
        if (world->heap_count == 0 || world->heap[0].time_ms > time_ms) {
            world->now_ms = time_ms > world->now_ms ? time_ms : world->now_ms;
            return false;
        }
        sim_event event = take_first(world);
        same_time = event.time_ms == world->now_ms ? same_time : 0;
        world->now_ms = event.time_ms;
        watch_progress(world, &same_time);
        event.act(world, event.ctx, event.argument);
        if (event.owning) {
            free(event.ctx);
        }
    }
    return world->violation[0] == 0;
}

void sim_run_until(sim_world *world, uint64_t time_ms) {
    sim_run_while(world, time_ms, NULL, NULL);
}

/* --- Life --------------------------------------------------------------------------------------------------
 */

void sim_world_init(sim_world *world, const sim_plan *plan, size_t peer_count) {
    bool verbose = world->verbose, traced = world->traced;
    DX_ASSERT(peer_count <= SIM_PEERS_MAX);
    memset(world, 0, sizeof *world);
    world->verbose = verbose;
    world->traced = traced;
    world->plan = *plan;
    world->random_state = plan->seed;
    world->peer_count = peer_count;
    for (size_t i = 0; i < peer_count; i++) {
        sim_peer *peer = &world->peers[i];
        peer->index = i;
        peer->world = world;
        peer->disk = sim_disk_create(sim_random(&world->random_state), &(sim_disk_config){0});
        peer->random_state = sim_random(&world->random_state);
        peer->next_incoming = 2;
        peer->timer_ms = peer->deadline_ms = DX_NO_DEADLINE;
        snprintf(peer->address, sizeof peer->address, "sim:%zu", i);
    }
    sim_workload_init(world);
}

void sim_world_deinit(sim_world *world) {
    for (size_t i = 0; i < world->peer_count; i++) {
        sim_peer_deinit(&world->peers[i]);
    }
    sim_net_deinit(world);
    sim_invite_deinit(world);
    sim_hostile_deinit(world);
    sim_epochs_deinit(world);
    sim_skew_deinit(world);
    sim_undo_deinit(world);
    sim_udp_deinit(world);
    sim_signaling_deinit(world);
    sim_workload_deinit(world);
    for (size_t i = 0; i < world->heap_count; i++) {
        if (world->heap[i].owning) {
            free(world->heap[i].ctx);
        }
    }
    free(world->heap);
    world->heap = NULL;
    world->heap_count = world->heap_capacity = 0;
}
