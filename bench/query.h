/* bench/query.h: questions to a space of packages that another measurement made.
 *
 * Layer: measuring programs; looks inside the core. */
#ifndef DX_BENCH_QUERY_H
#define DX_BENCH_QUERY_H

#include "bench.h"
#include "echo/space.h"

/* keys: of the packages, in the input's order. */
void bench_query(const bench_input *input, dx_context *context, dx_space *space, const int64_t *keys);

#endif
