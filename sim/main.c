/* sim/main.c: runs seeds and says which fail, with the command that repeats them.
 *
 * Layer: simulator. `sim --seed N` runs one, verbosely; `sim --seeds COUNT [--from N]` many. Each seed draws
 * which faults it has (a random subset), so that rare combinations come up as often as usual ones. One seed
 * in a hundred runs twice and must leave the same trace. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>
#include <sqlite3.h>

#include "world.h"

typedef struct sim_options {
    uint64_t from, count;
    size_t peers, operations;
    uint64_t minutes;
    bool verbose, calm, whole, traces;
} sim_options;

static double cpu_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Every seed enables each fault with chance one half. */
static sim_plan draw_plan(const sim_options *options, uint64_t seed) {
    sim_plan plan = {.seed = seed,
                     .peers = options->peers,
                     .minutes = options->minutes,
                     .operations = options->operations,
                     .delay_max_ms = 100};
    uint64_t state = seed ^ 0x5bd1e995;
    if (options->calm) {
        return plan;
    }
    uint64_t bits = sim_random(&state);
    plan.crash_chance = bits & 1 ? 30000 : 0;
    plan.partition_chance = bits & 2 ? 60000 : 0;
    plan.break_chance = bits & 4 ? 10000 : 0;
    plan.corrupt_chance = bits & 8 ? 2000 : 0;
    plan.restore_chance = (bits & 48) == 16 ? 8000 : 0;
    plan.hostile_chance = bits & 64 ? 20000 : 0;
    plan.memory_chance = (bits & 384) == 128 ? 10000 : 0;
    plan.delay_max_ms = bits & 512 ? 100 : 3000;
    plan.clock_lie_ms = bits & 1024 ? UINT64_C(1000) * 86400 * 365 : 0;
    plan.disk = (sim_disk_config){.sector_size = bits & 2048 ? 4096 : 512,
                                  .write_error_chance = (bits & 12288) == 4096 ? 300 : 0,
                                  .sync_error_chance = (bits & 12288) == 8192 ? 1000 : 0,
                                  .failed_sync_forgets = (bits & 16384) != 0};
    return plan;
}

/* --- Faults between operations ----------------------------------------------------------------------------
 */

static void set_back(sim_world *world, sim_peer *peer) {
    sim_peer_crash(peer);
    if (peer->backup == NULL) {
        peer->backup = sim_disk_copy(peer->disk, sim_random(&world->random_state));
        return;
    }
    sim_note(world, "peer %zu: its disk is set back", peer->index);
    sim_disk_restore(peer->disk, peer->backup);
    peer->restored = true;
    for (size_t i = 0; i < world->op_count; i++) {
        world->ops[i].maybe_lost = world->ops[i].maybe_lost || world->ops[i].peer == peer->index;
    }
}

static void misfortune(sim_world *world) {
    const sim_plan *plan = &world->plan;
    sim_peer *peer = &world->peers[sim_below(world, plan->peers)];
    if (sim_chance(world, plan->crash_chance) && peer->node != NULL) {
        sim_peer_crash(peer);
    }
    if (sim_chance(world, plan->partition_chance)) {
        for (size_t i = 0; i < plan->peers; i++) {
            world->side[i] = (uint8_t)sim_below(world, 2);
        }
        sim_note(world, "the net is split anew");
    }
    if (sim_chance(world, plan->restore_chance) && peer->node != NULL) {
        set_back(world, peer);
    }
    if (sim_chance(world, plan->hostile_chance)) {
        sim_net_stranger(peer);
    }
    if (sim_chance(world, plan->memory_chance)) {
        peer->memory.fail_in = 1 + sim_below(world, 400);
    }
}

static void on_operation(sim_world *world, void *ctx, uint64_t number) {
    (void)ctx;
    (void)number;
    misfortune(world);
    sim_operate(world);
}

/* --- One seed
 * ------------------------------------------------------------------------------------------------- */

static void begin(sim_world *world, const sim_plan *plan, sim_world *template) {
    sim_world_init(world, plan);
    if (template != NULL) {
        sim_setup_from(world, template);
    } else {
        sim_setup(world);
    }
    for (size_t i = 0; i < plan->peers; i++) {
        sim_disk_configure(world->peers[i].disk, &plan->disk);
        world->peers[i].wall_offset_ms =
            plan->clock_lie_ms == 0
                ? 0
                : (int64_t)sim_below(world, plan->clock_lie_ms) - (int64_t)plan->clock_lie_ms / 2;
    }
}

static uint64_t run_seed(sim_world *world, const sim_options *options, uint64_t seed, sim_world *template) {
    sim_plan plan = draw_plan(options, seed);
    begin(world, &plan, template);
    uint64_t start_ms = world->now_ms, length_ms = plan.minutes * 60000;
    for (size_t i = 0; i < plan.operations; i++) {
        sim_at(world, start_ms + sim_below(world, length_ms), on_operation, NULL, i);
    }
    sim_run_until(world, start_ms + length_ms);
    if (world->violation[0] == 0) {
        sim_check_end(world);
    }
    uint64_t trace = world->trace;
    char violation[sizeof world->violation];
    memcpy(violation, world->violation, sizeof violation);
    sim_world_deinit(world);
    if (violation[0] == 0 && world->violation[0] != 0) {
        return trace; /* found at the very end: a leak */
    }
    memcpy(world->violation, violation, sizeof violation);
    return trace;
}

/* --- Many seeds
 * ----------------------------------------------------------------------------------------------- */

typedef struct sim_totals {
    uint64_t passed, failed, steps, deliveries, operations, acknowledged, crashes;
} sim_totals;

static void count(sim_totals *totals, const sim_world *world) {
    totals->steps += world->steps;
    totals->deliveries += world->deliveries;
    totals->operations += world->op_count;
    for (size_t i = 0; i < world->op_count; i++) {
        totals->acknowledged += world->ops[i].acknowledged;
    }
    for (size_t i = 0; i < world->plan.peers; i++) {
        totals->crashes += world->peers[i].crashes;
    }
}

static void run_one(sim_world *world, const sim_options *options, uint64_t seed, sim_world *template,
                    sim_totals *totals) {
    uint64_t trace = run_seed(world, options, seed, template);
    count(totals, world);
    if (options->traces) {
        printf("seed %llu: trace %016llx\n", (unsigned long long)seed, (unsigned long long)trace);
    }
    if (world->violation[0] == 0 && seed % 100 == 0 && run_seed(world, options, seed, template) != trace) {
        sim_violate(world, "two runs of one seed differ");
    }
    if (world->violation[0] == 0) {
        totals->passed++;
        return;
    }
    totals->failed++;
    printf("seed %llu: %s\n  again: sim --seed %llu --peers %zu --minutes %llu --operations %zu%s\n",
           (unsigned long long)seed, world->violation, (unsigned long long)seed, options->peers,
           (unsigned long long)options->minutes, options->operations, options->whole ? " --whole" : "");
    fflush(stdout);
}

static int run_all(const sim_options *options) {
    static sim_world world, template_world;
    sim_totals totals = {0};
    world.verbose = options->verbose;
    sim_plan plan = {.seed = 1, .peers = options->peers, .delay_max_ms = 10};
    sim_world_init(&template_world, &plan);
    bool founded = sim_setup(&template_world);
    for (size_t i = 0; i < plan.peers; i++) {
        sim_peer_stop(&template_world.peers[i]);
    }
    if (!founded) {
        printf("setup: %s\n0 passed, 1 failed\n", template_world.violation);
        return 1;
    }
    double start = cpu_seconds();
    for (uint64_t seed = options->from; seed < options->from + options->count && totals.failed < 20; seed++) {
        run_one(&world, options, seed, options->whole || seed % 50 == 7 ? NULL : &template_world, &totals);
    }
    double cpu = cpu_seconds() - start;
    sim_world_deinit(&template_world);
    printf("%llu operations asked, %llu acknowledged, %llu crashes, %llu steps, %llu deliveries; %.1f CPU "
           "seconds, %.0f seeds per CPU minute, %.0f times "
           "as fast as life\n",
           (unsigned long long)totals.operations, (unsigned long long)totals.acknowledged,
           (unsigned long long)totals.crashes, (unsigned long long)totals.steps,
           (unsigned long long)totals.deliveries, cpu, 60.0 * (double)(totals.passed + totals.failed) / cpu,
           60.0 * (double)(options->minutes * (totals.passed + totals.failed)) / cpu);
    printf("%llu passed, %llu failed\n", (unsigned long long)totals.passed,
           (unsigned long long)totals.failed);
    return totals.failed == 0 ? 0 : 1;
}

static uint64_t number_after(int argc, char **argv, const char *name, uint64_t fallback) {
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return strtoull(argv[i + 1], NULL, 10);
        }
    }
    return fallback;
}

static bool has(int argc, char **argv, const char *name) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], name) == 0) {
            return true;
        }
    }
    return false;
}

int main(int argc, char **argv) {
    if (has(argc, argv, "--help")) {
        puts("sim --seed N | --seeds COUNT [--from N]  [--peers 3] [--minutes 30] [--operations 200] "
             "[--calm] [--whole] [--traces] [--verbose]\n"
             "  --calm: no faults; --whole: every seed founds its space anew; --traces: the hash of all "
             "events and "
             "effects of each seed");
        return 0;
    }
    if (sodium_init() < 0) { /* chooses the processor's best code: three times the speed */
        return 2;
    }
    sim_options options = {.from = number_after(argc, argv, "--from", 1),
                           .count = number_after(argc, argv, "--seeds", 50),
                           .peers = (size_t)number_after(argc, argv, "--peers", 3),
                           .operations = (size_t)number_after(argc, argv, "--operations", 200),
                           .minutes = number_after(argc, argv, "--minutes", 30),
                           .verbose = has(argc, argv, "--verbose"),
                           .calm = has(argc, argv, "--calm"),
                           .whole = has(argc, argv, "--whole"),
                           .traces = has(argc, argv, "--traces")};
    if (has(argc, argv, "--seed")) {
        options.from = number_after(argc, argv, "--seed", 1);
        options.count = 1;
    }
    if (options.peers < 1 || options.peers > SIM_PEERS_MAX || options.minutes == 0) {
        fputs("--peers is 1 to 8, --minutes at least 1\n", stderr);
        return 2;
    }
    return run_all(&options);
}
