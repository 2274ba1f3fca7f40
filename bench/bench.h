/* bench/bench.h: what a measurement needs: the input, two clocks, and one way to say the result.
 *
 * Each measurement is a function in the table of bench.c and prints JSON lines on standard output:
 *   {"bench":"codec.write","ops":63666,"bytes":…,"cpu_s":…,"wall_s":…,"ops_per_cpu_s":…,"mb_per_cpu_s":…}
 * CPU seconds are those of this process and the children it waited for, so that they compare on a busy
 * machine; wall seconds stand beside them. Layer: measuring programs; may use the OS, sees public headers and
 * the two libraries. Memory is not economised. */
#ifndef DX_BENCH_BENCH_H
#define DX_BENCH_BENCH_H

#include <dxos/base.h>
#include <dxos/host.h>

/* --- Input ----------------------------------------------------------------------------------- */

/* One package: its JSON line as it stands in the file, and its canonical CBOR. */
typedef struct bench_package {
    dx_bytes json;
    dx_bytes cbor;
} bench_package;

/* A dependency between two packages of the input, by their places. */
typedef struct bench_edge {
    uint32_t source, target;
} bench_edge;

typedef struct bench_input {
    const char *path;      /* of the packages */
    const char *dx;        /* the command, absolute; NULL: not given */
    const char *directory; /* an empty one of this run, on the disk to measure */
    bench_package *packages;
    size_t package_count;
    bench_edge *edges;
    size_t edge_count;
    uint64_t json_bytes, cbor_bytes;
} bench_input;

/* Reads a .jsonl or .jsonl.gz of packages ({"name": …, "depends": [name, …], …}). Says what is wrong and ends
 * the program when it cannot. */
void bench_load_packages(bench_input *input, const char *path);

/* --- Measuring ------------------------------------------------------------------------------- */

typedef struct bench_clock {
    double cpu_s, wall_s; /* when it was started; after bench_stop: how long it ran */
} bench_clock;

void bench_start(bench_clock *clock);
void bench_stop(bench_clock *clock);

/* Runs one round after another, the first unmeasured, and prints the one of median CPU time. ops and bytes
 * are those of one round. */
void bench_rounds(const char *name, uint64_t ops, uint64_t bytes, void (*round)(void *ctx), void *ctx);

/* --- Saying ---------------------------------------------------------------------------------- */

/* One line: begin, any number of fields, end. */
void bench_line_begin(const char *name);
void bench_line_number(const char *key, double value);
void bench_line_count(const char *key, uint64_t value);
/* ops, bytes (when not 0) and clock with the rates that follow. */
void bench_line_work(uint64_t ops, uint64_t bytes, const bench_clock *clock);
/* key_p50_ms, key_p95_ms, key_p99_ms and key_max_ms; sorts the samples. */
void bench_line_latency(const char *key, double *samples_ms, size_t count);
void bench_line_end(void);
/* The sample that so many percent of them do not exceed. */
double bench_rank(const double *sorted, size_t count, size_t percent);

/* A failure no measurement can go on after: prints the sentence and ends the program. */
DX_NORETURN DX_PRINTF(1, 2) void bench_fail(const char *format, ...);
/* bench_fail unless the error is DX_OK. */
void bench_must(int error, const char *what);

/* --- Plain SQLite as the measure of a commit (reference.c) ------------------------------------ */

typedef struct bench_plain bench_plain;
/* A new database file of this name in the run's folder, its log at its full size. */
bench_plain *bench_plain_open(const bench_input *input, const char *name);
/* One object's row made durable; milliseconds. */
double bench_plain_commit(bench_plain *plain);
void bench_plain_close(bench_plain *plain);

/* --- The measurements ------------------------------------------------------------------------ */

void bench_reference(const bench_input *input);
void bench_codec(const bench_input *input);
void bench_echo(const bench_input *input);
void bench_feed(const bench_input *input);
void bench_graph(const bench_input *input);
void bench_live(const bench_input *input);
void bench_model(const bench_input *input);
void bench_questions(const bench_input *input);
void bench_million(const bench_input *input);
void bench_rows(const bench_input *input);
void bench_store(const bench_input *input);
void bench_vaults(const bench_input *input);
void bench_words(const bench_input *input);
void bench_writes(const bench_input *input);

#endif
