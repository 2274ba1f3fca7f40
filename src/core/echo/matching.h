/* echo/matching.h: what matches the question of a scope, here and now: keys, and a sum of each row by which two vaults find
 * what differs between their answers without telling them.
 *
 * Layer: floor 1, echo. docs/spec/partial.md, By query. The sum of a row is a function of what everybody sees of the
 * entity: its id, whether it is deleted, its parent and its state; never of local numbers or of the order of arrival. Work is
 * bounded per call, as that of the question (query.h). Ownership: it belongs to its space, and is destroyed before it. */
#ifndef DX_ECHO_MATCHING_H
#define DX_ECHO_MATCHING_H

#include "echo/space.h"

typedef struct dx_match {
    int64_t key;
    uint64_t sum;
} dx_match;

typedef struct dx_matching dx_matching;

/* A question that a scope can have: a filter, or one with an order and a limit. DX_E_INVALID: it is none, or no question of
 * this space; the message says why in one sentence (DX_QUERY_MESSAGE_SIZE is enough). */
DX_MUST_USE int dx_matching_begin(dx_context *context, dx_space *space, dx_bytes question, char *message,
                                  size_t message_size, dx_matching **out);
void dx_matching_destroy(dx_matching *matching); /* NULL: nothing */
/* Looks at so many rows; *more: call again. DX_E_LIMIT: more than DX_MATCHES_MAX match, or than
 * DX_MATCHING_EXAMINED_MAX are to be looked at. DX_E_CANCELLED: an index went meanwhile; another one may be begun. */
DX_MUST_USE int dx_matching_run(dx_matching *matching, size_t budget, bool *more);
/* What matches, each once, in no order. */
size_t dx_matching_count(const dx_matching *matching);
const dx_match *dx_matching_at(const dx_matching *matching, size_t index);
/* NULL: it does not match. */
const dx_match *dx_matching_find(const dx_matching *matching, int64_t key);

/* Into how many buckets, a power of two, so many matches are put, so that one which differs is told with few others. */
size_t dx_match_buckets(size_t matches);
/* The bucket of an id, the same everywhere. */
size_t dx_match_bucket(const uint8_t id[static DX_ID_SIZE], size_t buckets);
/* The sums of each bucket's rows, which say the same in any order. */
DX_MUST_USE int dx_matching_sums(const dx_matching *matching, size_t buckets, uint64_t *sums);

#endif
