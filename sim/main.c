/* sim/main.c: runs seeds and says which fail, with the command that repeats them.
 *
 * Layer: simulator. `sim --seed N` runs one; `sim --seeds COUNT [--from N]` many, or of these only a share
 * (--each, --but-each, --block: tools/sim deals a range out to programs and processors). Every ninetieth seed
 * runs twice and must leave the same trace. At the end it prints what happened, fault by fault, so that a
 * fault that never strikes is seen. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <sodium.h>
#include <sqlite3.h>

#include "world.h"

enum {
    FAILURES_MAX = 20,
    WHOLE_EVERY = 50,
    TWICE_EVERY = 90,
    BLOCK = 20,
    LIARS = 4,                                /* none, and as many kinds */
    FORMS = 3 * (LIARS + SIM_SPACES_MAX - 1), /* without epochs, with, and with those of one alone */
    MAPPED_ALONE = 32 << 20,
    MEMORY_KEPT = 256 << 20
};

typedef struct sim_options {
    const char *program;
    uint64_t from, count;
    uint64_t each, but_each;      /* only seeds that divide by it, only those that do not; 0: no matter */
    uint64_t block, block_stride; /* of blocks of twenty, every stride-th from this one */
    size_t peers, operations;
    uint64_t minutes;
    bool verbose, inside, calm, whole, epochs, skew, undo, purges, parts, texts, traces, until_failure, sums;
    bool enough_memory; /* no allocation fails: how many there are, the size of pointers decides */
} sim_options;

typedef struct sim_totals {
    uint64_t passed, failed, twice, converged_ms, converged_max_ms, minutes;
    uint64_t alone, alone_cpu_us; /* small worlds: the peers asked for and nobody else */
    size_t memory_peak;
    uint64_t counts[SIM_COUNT_COUNT];
} sim_totals;

/* For an assertion's last words. */
static const sim_world *running;

void dx_assert_failed(const char *expression, const char *file, int line) {
    printf("assertion failed at %s:%d: %s\n", file, line, expression);
    if (running != NULL) {
        printf("  again: make sim SEED=%llu\n", (unsigned long long)running->plan.seed);
    }
    fflush(stdout);
    abort();
}

static double cpu_seconds(void) {
    return (double)clock() / CLOCKS_PER_SEC;
}

/* --- One seed ----------------------------------------------------------------------------------------------
 */

static void on_operation(sim_world *world, void *ctx, uint64_t number) {
    (void)ctx;
    (void)number;
    sim_misfortune(world);
    sim_operate(world);
}

static void begin(sim_world *world, const sim_plan *plan, sim_world *template) {
    sim_world_init(world, plan, plan->peers + plan->guests + (plan->hostile != SIM_NO_LIAR));
    if (template != NULL) {
        sim_setup_from(world, template);
    } else {
        sim_setup(world);
    }
    sim_signaling_begin(world);
    sim_skew_begin(world);
    for (size_t i = 0; i < world->peer_count; i++) {
        sim_peer *peer = &world->peers[i];
        uint64_t lie_ms = plan->clock_lie_ms;
        if (plan->hostile != SIM_NO_LIAR && i == plan->peers) {
            continue; /* nothing befalls the liar */
        }
        sim_disk_configure(peer->disk, &plan->disk);
        peer->suffers = plan->disk.read_error_chance + plan->disk.write_error_chance +
                            plan->disk.short_write_chance + plan->disk.sync_error_chance >
                        0;
        peer->wall_offset_ms = lie_ms == 0 ? 0 : (int64_t)sim_below(world, lie_ms) - (int64_t)lie_ms / 2;
    }
}

static void run_seed(sim_world *world, const sim_plan *plan, sim_world *template) {
    running = world;
    begin(world, plan, template);
    sim_hostile_begin(world);
    sim_invite_begin(world);
    sim_names_begin(world);
    sim_undo_begin(world);
    sim_purges_begin(world);
    sim_parts_begin(world);
    sim_epochs_begin(world);
    uint64_t start_ms = world->now_ms, length_ms = plan->minutes * 60000;
    for (size_t i = 0; i < plan->operations && world->violation[0] == 0; i++) {
        sim_at(world, start_ms + sim_below(world, length_ms), on_operation, NULL, i);
    }
    sim_run_until(world, start_ms + length_ms);
    if (world->violation[0] == 0) {
        sim_check_end(world);
    }
    sim_world_deinit(world); /* which may find a leak */
    running = NULL;
}

/* --- Templates
 * ----------------------------------------------------------------------------------------------- */

static sim_world templates[FORMS];

/* A world that was set up like this one: for as many spaces, with such a liar; NULL with its violation
 * printed. */
static sim_world *template_of(const sim_plan *like) {
    size_t form = like->hostile == SIM_NO_LIAR ? like->spaces - 1 : 1 + (size_t)like->hostile;
    sim_world *world = &templates[form + (like->epochs ? FORMS / 3 : 0) + (like->alone ? FORMS / 3 : 0)];
    if (world->peer_count == 0) {
        sim_plan plan = {.seed = 1,
                         .peers = like->peers,
                         .hostile = like->hostile,
                         .delay_max_ms = 10,
                         .spaces = like->spaces,
                         .epochs = like->epochs,
                         .alone = like->alone};
        sim_world_init(world, &plan, plan.peers + (plan.hostile != SIM_NO_LIAR));
        (void)sim_setup(world);
        for (size_t i = 0; i < world->peer_count; i++) {
            sim_peer_stop(&world->peers[i]);
        }
    }
    if (world->violation[0] != 0) {
        printf("setup: %s\n", world->violation);
        return NULL;
    }
    return world;
}

/* --- Many seeds
 * ------------------------------------------------------------------------------------------------ */

static void add_up(sim_totals *totals, const sim_world *world) {
    for (size_t i = 0; i < SIM_COUNT_COUNT; i++) {
        totals->counts[i] += world->counts[i];
    }
    for (size_t i = 0; i < world->peer_count; i++) {
        size_t peak = world->peers[i].memory.peak;
        totals->memory_peak = peak > totals->memory_peak ? peak : totals->memory_peak;
    }
    totals->converged_ms += world->converged_ms;
    totals->converged_max_ms =
        world->converged_ms > totals->converged_max_ms ? world->converged_ms : totals->converged_max_ms;
    totals->minutes += world->now_ms / 60000;
}

static void tell_failure(const sim_options *options, const sim_world *world) {
    printf("seed %llu: %s\n  again: %s --seed %llu --peers %zu --minutes %llu --operations "
           "%zu%s%s%s%s%s%s%s%s%s "
           "--verbose\n",
           (unsigned long long)world->plan.seed, world->violation, options->program,
           (unsigned long long)world->plan.seed, options->peers, (unsigned long long)options->minutes,
           options->operations, options->whole ? " --whole" : "", options->epochs ? " --epochs" : "",
           options->skew ? " --skew" : "", options->undo ? " --undo" : "", options->purges ? " --purges" : "",
           options->parts ? " --parts" : "", options->texts ? " --texts" : "", options->calm ? " --calm" : "",
           options->enough_memory ? " --enough-memory" : "");
    fflush(stdout);
}

static bool is_alone(const sim_plan *plan) {
    return plan->hostile == SIM_NO_LIAR && plan->guests == 0 && plan->signaling == SIM_NO_SIGNALING;
}

/* False when the worlds cannot even be set up. */
static bool run_one(sim_world *world, const sim_options *options, uint64_t seed, sim_totals *totals) {
    sim_plan plan = {.seed = seed,
                     .peers = options->peers,
                     .minutes = options->minutes,
                     .operations = options->operations,
                     .epochs = options->epochs,
                     .skew = options->skew,
                     .undo = options->undo,
                     .purges = options->purges,
                     .parts = options->parts,
                     .texts = options->texts};
    sim_plan_draw(&plan, options->calm);
    if (options->enough_memory) {
        plan.chance[SIM_MEMORY] = 0;
    }
    bool whole = options->whole || seed % WHOLE_EVERY == 7;
    sim_world *template = whole ? NULL : template_of(&plan);
    if (!whole && template == NULL) {
        return false;
    }
    double start = cpu_seconds();
    run_seed(world, &plan, template);
    uint64_t trace = world->trace;
    add_up(totals, world);
    if (options->traces) {
        printf("seed %llu: trace %016llx\n", (unsigned long long)seed, (unsigned long long)trace);
    }
    if (world->violation[0] == 0 && seed % TWICE_EVERY == 0) {
        run_seed(world, &plan, template);
        totals->twice++;
        if (world->trace != trace) {
            sim_violate(world, "two runs of one seed differ");
        }
    }
    if (world->violation[0] != 0) {
        tell_failure(options, world);
    }
    if (is_alone(&plan)) {
        totals->alone++;
        totals->alone_cpu_us += (uint64_t)((cpu_seconds() - start) * 1e6);
    }
    totals->passed += world->violation[0] == 0;
    totals->failed += world->violation[0] != 0;
    return true;
}

static void print_counts(const char *title, const uint64_t *counts, size_t from, size_t to) {
    printf("%s", title);
    for (size_t i = from; i < to; i++) {
        printf("%s%llu %s", i == from ? "" : ", ", (unsigned long long)counts[i], sim_count_words[i]);
    }
    putchar('\n');
}

static void print_totals(const sim_totals *totals, double cpu) {
    uint64_t seeds = totals->passed + totals->failed;
    print_counts("faults: ", totals->counts, 0, SIM_FAULT_COUNT);
    print_counts("work: ", totals->counts, SIM_FAULT_COUNT, SIM_LIE_FIRST);
    print_counts("lies: ", totals->counts, SIM_LIE_FIRST, SIM_COUNT_COUNT);
    printf(
        "in step after healing: %.1f s on average, %.1f s at most; memory of a node at most %.1f MiB; %llu "
        "seeds twice\n",
        (double)totals->converged_ms / 1000.0 / (double)(seeds > 0 ? seeds : 1),
        (double)totals->converged_max_ms / 1000.0, (double)totals->memory_peak / 1048576.0,
        (unsigned long long)totals->twice);
    printf("%.1f CPU seconds, %.0f seeds per CPU minute, %.0f times as fast as life\n", cpu,
           60.0 * (double)seeds / cpu, 60.0 * (double)totals->minutes / cpu);
    printf("%llu passed, %llu failed\n", (unsigned long long)totals->passed,
           (unsigned long long)totals->failed);
}

/* The same for tools/sim, which adds up what many processes say. */
static void print_sums(const sim_totals *totals, double cpu) {
    for (size_t i = 0; i < SIM_COUNT_COUNT; i++) {
        printf("sum\t%s\t%llu\t%s\n",
               i < SIM_FAULT_COUNT ? "faults"
               : i < SIM_LIE_FIRST ? "work"
                                   : "lies",
               (unsigned long long)totals->counts[i], sim_count_words[i]);
    }
    printf("sum\tpassed\t%llu\nsum\tfailed\t%llu\nsum\ttwice\t%llu\n", (unsigned long long)totals->passed,
           (unsigned long long)totals->failed, (unsigned long long)totals->twice);
    printf("sum\tconverged_ms\t%llu\nmax\tconverged_ms\t%llu\nmax\tmemory_bytes\t%zu\n",
           (unsigned long long)totals->converged_ms, (unsigned long long)totals->converged_max_ms,
           totals->memory_peak);
    printf("sum\tminutes\t%llu\nsum\tcpu_ms\t%llu\n", (unsigned long long)totals->minutes,
           (unsigned long long)(cpu * 1000.0));
    printf("sum\talone\t%llu\nsum\talone_cpu_us\t%llu\n", (unsigned long long)totals->alone,
           (unsigned long long)totals->alone_cpu_us);
}

static bool is_ours(const sim_options *options, uint64_t seed) {
    return (options->each == 0 || seed % options->each == 0) &&
           (options->but_each == 0 || seed % options->but_each != 0) &&
           seed / BLOCK % options->block_stride == options->block;
}

static int run_all(const sim_options *options) {
    static sim_world world;
    sim_totals totals = {0};
    world.verbose = options->verbose || options->inside;
    world.traced = options->inside;
    double start = cpu_seconds();
    for (uint64_t seed = options->from;
         seed < options->from + options->count && totals.failed < (options->until_failure ? 1 : FAILURES_MAX);
         seed++) {
        if (is_ours(options, seed) && !run_one(&world, options, seed, &totals)) {
            totals.failed++;
            break;
        }
    }
    (options->sums ? print_sums : print_totals)(&totals, cpu_seconds() - start);
    for (size_t i = 0; i < FORMS; i++) {
        sim_world_deinit(&templates[i]);
    }
    return totals.failed == 0 ? 0 : 1;
}

/* --- The command line
 * -------------------------------------------------------------------------------------------- */

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

static const char usage[] =
    "sim --seed N | --seeds COUNT [--from N] [--each N] [--but-each N] [--block 0 --stride 1]\n"
    "  [--peers 3] [--minutes 30] [--operations 200] [--calm] [--whole] [--epochs] [--skew] [--undo]\n"
    "  [--purges] [--parts] [--texts] [--enough-memory] [--traces] [--until-failure] [--verbose] [--inside]\n"
    "  --each, --but-each: only seeds that divide by N, or that do not; --block, --stride: of blocks\n"
    "  of twenty seeds those whose number leaves block when divided by stride; --sums: what happened\n"
    "  as rows, for tools/sim\n"
    "  --calm: no faults; --whole: every seed founds its spaces anew; --epochs: every seed has epochs;\n"
    "  --skew: every seed has programs of different ages; --undo: people who take things back;\n"
    "  --purges: in every seed things are purged; --parts: every seed that can has\n"
    "  people who keep a part; --texts: people write in texts; --enough-memory: no allocation fails, for\n"
    "  which one would depends on the platform; --traces: the hash of all events and effects "
    "of each seed;\n"
    "  --verbose: what happens, as a story; --inside: and what nodes say of themselves";

int main(int argc, char **argv) {
    if (has(argc, argv, "--help")) {
        puts(usage);
        return 0;
    }
#ifdef __GLIBC__
    /* Worlds come and go by the thousand; their memory need not go back to the system in between. Only time is lost where
     * the allocator is not glibc's and does not hear: a sanitizer's answers 0. It takes no more than 32 MiB. */
    (void)mallopt(M_MMAP_THRESHOLD, MAPPED_ALONE);
    (void)mallopt(M_TRIM_THRESHOLD, MEMORY_KEPT);
#endif
    /* libsodium chooses the processor's best code; SQLite needs neither locks nor counts of its memory here.
     */
    bool has_locks = sqlite3_threadsafe() != 0; /* built without them there is nothing to turn off */
    if (sodium_init() < 0 || (has_locks && sqlite3_config(SQLITE_CONFIG_SINGLETHREAD) != SQLITE_OK) ||
        sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) != SQLITE_OK) {
        fputs("sim: libsodium or SQLite cannot be set up\n", stderr);
        return 2;
    }
    sim_options options = {.program = argv[0],
                           .from = number_after(argc, argv, "--from", 1),
                           .count = number_after(argc, argv, "--seeds", 50),
                           .each = number_after(argc, argv, "--each", 0),
                           .but_each = number_after(argc, argv, "--but-each", 0),
                           .block = number_after(argc, argv, "--block", 0),
                           .block_stride = number_after(argc, argv, "--stride", 1),
                           .peers = (size_t)number_after(argc, argv, "--peers", 3),
                           .operations = (size_t)number_after(argc, argv, "--operations", 200),
                           .minutes = number_after(argc, argv, "--minutes", 30),
                           .verbose = has(argc, argv, "--verbose"),
                           .inside = has(argc, argv, "--inside"),
                           .calm = has(argc, argv, "--calm"),
                           .whole = has(argc, argv, "--whole"),
                           .epochs = has(argc, argv, "--epochs"),
                           .skew = has(argc, argv, "--skew"),
                           .undo = has(argc, argv, "--undo"),
                           .purges = has(argc, argv, "--purges"),
                           .parts = has(argc, argv, "--parts"),
                           .texts = has(argc, argv, "--texts"),
                           .enough_memory = has(argc, argv, "--enough-memory"),
                           .traces = has(argc, argv, "--traces"),
                           .sums = has(argc, argv, "--sums"),
                           .until_failure = has(argc, argv, "--until-failure")};
    if (has(argc, argv, "--seed")) {
        options.from = number_after(argc, argv, "--seed", 1);
        options.count = 1;
    }
    if (options.peers < 1 || options.peers > SIM_PEERS_MAX - 2 || options.minutes == 0 ||
        options.block_stride == 0) {
        fputs("--peers is 1 to 8, --minutes and --stride at least 1\n", stderr);
        return 2;
    }
    return run_all(&options);
}
