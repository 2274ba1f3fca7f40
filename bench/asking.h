/* bench/asking.h: a vault that questions are put to, and what one of them costs.
 *
 * Layer: measuring programs; looks inside the core. Each question is asked in one piece, in a commit of its own; rows are
 * counted. CPU time is this process's alone, by the nanosecond, so that single questions compare. */
#ifndef DX_BENCH_ASKING_H
#define DX_BENCH_ASKING_H

#include <sqlite3.h>

#include "bench.h"
#include "replica.h"

enum { BENCH_QUESTIONS_MAX = 1000 }; /* of one line */

typedef struct bench_asking {
    bench_replica vault;
    uint64_t rows; /* given so far */
} bench_asking;

/* Milliseconds of CPU time this process has taken. */
double bench_cpu_ms(void);
/* The question as an item; the caller gives it back. */
dx_buf bench_item(const char *json);
void bench_ask(bench_asking *it, dx_bytes item);
/* What a question counts. */
uint64_t bench_count(bench_asking *it, const char *json);
/* The id of an entity as text. */
void bench_print_id(const bench_asking *it, int64_t key, char out[static DX_ID_TEXT_MAX]);
/* The vault closed and opened again: nothing of it is in memory, and no statement prepared. */
void bench_reopen(bench_asking *it);

/* A line about one question asked again and again: first_ms, right after bench_reopen, then the median and the 95th of a hundred
 * of `times`. */
void bench_measure(bench_asking *it, const char *name, const char *json, size_t times);
/* A line of such times that were taken elsewhere; sorts them. */
void bench_say(const char *name, double *cpu_ms, size_t times, uint64_t rows);
/* The same of a statement of plain SQLite, with its rows counted; the first is not measured. */
void bench_measure_raw(const char *name, sqlite3_stmt *statement, size_t times);
/* A database in memory, unencrypted, made by this. */
sqlite3 *bench_raw(const char *sql);
/* A statement of it. */
sqlite3_stmt *bench_raw_statement(sqlite3 *raw, const char *sql);

/* An index, made in one go; text: an empty path. The seconds it took. */
bench_clock bench_make_index(bench_asking *it, const char *type, const char *path);

#endif
