/* bench/bench.c: runs the measurements asked for; see bench.h for what they print.
 *
 * Usage: bench --packages FILE [--dir DIR] [--dx PROGRAM] [--list] [NAME…]
 * Without names all of the table runs, the reference first: what this machine does without us. --dir is where
 * files are made (default: the current folder), and so which disk is measured. */
#define _GNU_SOURCE /* nftw */
#include "bench.h"

#include <errno.h>
#include <ftw.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static const struct {
    const char *name;
    void (*run)(const bench_input *input);
    const char *what;
} table[] = {
    {"reference", bench_reference, "this machine without us: hash, fsync, plain SQLite"},
    {"codec", bench_codec, "JSON to CBOR and back, reading and writing CBOR"},
    {"echo", bench_echo, "a space of packages written, replicated, updated, asked; beside the bare rows"},
    {"feed", bench_feed, "blocks sealed, verified, stored; beside raw hashes and raw rows"},
    {"graph", bench_graph, "walks and paths over the graph of packages; beside plain SQLite"},
    {"live", bench_live, "what 1,000 watches cost those who write"},
    {"million", bench_million, "a million objects in a process that may take 64 MiB for them"},
    {"model", bench_model, "objects created, updated, shown by the object model"},
    {"questions", bench_questions,
     "questions that indexes answer, over 100,000 objects; beside plain SQLite"},
    {"rows", bench_rows,
     "objects created and updated, 100 a commit; opened, replicated; beside plain SQLite (a minute)"},
    {"store", bench_store, "pages sealed; rows, updates and commits beside plain SQLite; opening"},
    {"vaults", bench_vaults,
     "real processes: import, opening, first replication, one update there (with --dx)"},
    {"words", bench_words, "full text over the packages; beside FTS5 alone"},
    {"writes", bench_writes, "of rows, only what writes, and less of it: for profilers"},
};

enum { TABLE_COUNT = sizeof table / sizeof *table, ROUNDS = 5 };

void bench_fail(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fputs("bench: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

void bench_must(int error, const char *what) {
    if (error != DX_OK) {
        bench_fail("%s: %s", what, dx_error_text(error));
    }
}

/* --- Measuring ------------------------------------------------------------------------------- */

static double seconds_of(const struct timeval *time) {
    return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static void read_clocks(double *cpu_s, double *wall_s) {
    struct rusage own, children;
    struct timespec now;
    getrusage(RUSAGE_SELF, &own);
    getrusage(RUSAGE_CHILDREN, &children);
    clock_gettime(CLOCK_MONOTONIC, &now);
    *cpu_s = seconds_of(&own.ru_utime) + seconds_of(&own.ru_stime) + seconds_of(&children.ru_utime) +
             seconds_of(&children.ru_stime);
    *wall_s = (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void bench_start(bench_clock *clock) {
    read_clocks(&clock->cpu_s, &clock->wall_s);
}

void bench_stop(bench_clock *clock) {
    double cpu_s, wall_s;
    read_clocks(&cpu_s, &wall_s);
    clock->cpu_s = cpu_s - clock->cpu_s;
    clock->wall_s = wall_s - clock->wall_s;
}

static int compare_clocks(const void *a, const void *b) {
    double left = ((const bench_clock *)a)->cpu_s, right = ((const bench_clock *)b)->cpu_s;
    return (left > right) - (left < right);
}

void bench_rounds(const char *name, uint64_t ops, uint64_t bytes, void (*round)(void *ctx), void *ctx) {
    bench_clock clocks[ROUNDS];
    round(ctx);
    for (int i = 0; i < ROUNDS; i++) {
        bench_start(&clocks[i]);
        round(ctx);
        bench_stop(&clocks[i]);
    }
    qsort(clocks, ROUNDS, sizeof *clocks, compare_clocks);
    bench_line_begin(name);
    bench_line_work(ops, bytes, &clocks[ROUNDS / 2]);
    bench_line_end();
}

/* --- Saying ---------------------------------------------------------------------------------- */

void bench_line_begin(const char *name) {
    printf("{\"bench\":\"%s\"", name);
}

void bench_line_number(const char *key, double value) {
    printf(",\"%s\":%.6g", key, value);
}

void bench_line_count(const char *key, uint64_t value) {
    printf(",\"%s\":%llu", key, (unsigned long long)value);
}

void bench_line_work(uint64_t ops, uint64_t bytes, const bench_clock *clock) {
    double cpu_s = clock->cpu_s > 0 ? clock->cpu_s : 1e-9;
    bench_line_count("ops", ops);
    if (bytes != 0) {
        bench_line_count("bytes", bytes);
    }
    bench_line_number("cpu_s", clock->cpu_s);
    bench_line_number("wall_s", clock->wall_s);
    bench_line_count("ops_per_cpu_s", (uint64_t)((double)ops / cpu_s));
    if (bytes != 0) {
        bench_line_number("mb_per_cpu_s", (double)bytes / cpu_s / 1e6);
    }
}

static int compare_numbers(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

double bench_rank(const double *sorted, size_t count, size_t percent) {
    size_t rank = (count * percent + 99) / 100;
    return sorted[rank == 0 ? 0 : rank - 1];
}

void bench_line_latency(const char *key, double *samples_ms, size_t count) {
    static const struct {
        const char *name;
        size_t percent;
    } ranks[] = {{"p50", 50}, {"p95", 95}, {"p99", 99}, {"max", 100}};
    qsort(samples_ms, count, sizeof *samples_ms, compare_numbers);
    for (size_t i = 0; i < sizeof ranks / sizeof *ranks; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s_%s_ms", key, ranks[i].name);
        bench_line_number(name, bench_rank(samples_ms, count, ranks[i].percent));
    }
}

void bench_line_end(void) {
    puts("}");
    fflush(stdout);
}

/* --- Running --------------------------------------------------------------------------------- */

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place) {
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

static bool is_asked_for(const char *name, char **names, int count) {
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return true;
        }
    }
    return count == 0;
}

static void refuse_unknown(char **names, int count) {
    for (int i = 0; i < count; i++) {
        size_t row = 0;
        while (row < TABLE_COUNT && strcmp(names[i], table[row].name) != 0) {
            row++;
        }
        if (row == TABLE_COUNT) {
            bench_fail("no measurement is called %s (--list tells them)", names[i]);
        }
    }
}

static void list(void) {
    for (size_t row = 0; row < TABLE_COUNT; row++) {
        printf("%-12s %s\n", table[row].name, table[row].what);
    }
}

static void run(bench_input *input, const char *parent, char **names, int count) {
    char directory[4096];
    int size = snprintf(directory, sizeof directory, "%s/dx-bench-XXXXXX", parent);
    if (size < 0 || (size_t)size >= sizeof directory || mkdtemp(directory) == NULL) {
        bench_fail("no folder could be made in %s: %s", parent, strerror(errno));
    }
    input->directory = directory;
    for (size_t row = 0; row < TABLE_COUNT; row++) {
        if (is_asked_for(table[row].name, names, count)) {
            table[row].run(input);
        }
    }
    nftw(directory, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

int main(int argc, char **argv) {
    const char *packages = NULL, *parent = ".", *dx = NULL;
    int at = 1;
    for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
        if (strcmp(argv[at], "--list") == 0) {
            list();
            return 0;
        }
        const char **option = strcmp(argv[at], "--packages") == 0 ? &packages
                              : strcmp(argv[at], "--dir") == 0    ? &parent
                              : strcmp(argv[at], "--dx") == 0     ? &dx
                                                                  : NULL;
        if (at + 1 == argc || option == NULL) {
            bench_fail("usage: bench --packages FILE [--dir DIR] [--dx PROGRAM] [--list] [NAME...]");
        }
        *option = argv[++at];
    }
    if (packages == NULL) {
        bench_fail("--packages FILE is needed: the real input is what is measured");
    }
    refuse_unknown(argv + at, argc - at);
    /* As a host does: until then libsodium runs what every processor can, three times slower. */
    if (sodium_init() < 0) {
        bench_fail("libsodium could not be started");
    }
    bench_input input = {.path = packages, .dx = dx};
    bench_load_packages(&input, packages);
    bench_line_begin("input");
    bench_line_count("packages", input.package_count);
    bench_line_count("edges", input.edge_count);
    bench_line_count("json_bytes", input.json_bytes);
    bench_line_count("cbor_bytes", input.cbor_bytes);
    bench_line_count("cpus", (uint64_t)sysconf(_SC_NPROCESSORS_ONLN));
    bench_line_end();
    run(&input, parent, argv + at, argc - at);
    return 0;
}
