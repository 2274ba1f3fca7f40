/* bench/replica.h: a vault of one person with one space in it, as the engine alone holds it: no node, no process, no link.
 *
 * Layer: measuring programs; looks inside the core, since nothing public speaks of blocks. Pages are encrypted. */
#ifndef DX_BENCH_REPLICA_H
#define DX_BENCH_REPLICA_H

#include "bench.h"
#include "echo/mutation.h"
#include "echo/pipeline.h"

typedef struct bench_replica {
    char path[4096];
    dx_identity identity;
    dx_context context;
    dx_space *space;
} bench_replica;

/* A new vault of this name in the run's folder, with an identity and no space. */
void bench_replica_create(bench_replica *it, const bench_input *input, const char *name);
void bench_replica_create_space(bench_replica *it, const char *name);
/* The vault at it->path with its one space, as it was left. */
void bench_replica_open(bench_replica *it);
/* The file stays. */
void bench_replica_close(bench_replica *it);
/* With its file. */
void bench_replica_remove(bench_replica *it);
void bench_replica_begin(bench_replica *it);
/* Signs the heads. */
void bench_replica_commit(bench_replica *it);
/* The guest becomes an editor of the host's space. */
void bench_replica_admit(bench_replica *host, bench_replica *guest);
/* All blocks of the other's own feeds that are not here, a megabyte at a time, received, verified, applied and committed: the receiver's
 * time alone is added to total. Returns their bytes. */
uint64_t bench_replicate(bench_replica *to, bench_replica *from, bench_clock *total);

#endif
