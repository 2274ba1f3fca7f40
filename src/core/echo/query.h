/* echo/query.h: questions about a space, as one JSON-shaped item, answered from SQLite's indexes.
 *
 * Layer: floor 1, echo. docs/spec/query.md. A query is a map:
 *   filter:  "id" text, "type" text, "parent" id, "where" {path: value} (all equal), "deleted" "hide" |
 * "show" | "only", "kind" "object" | "link" steps:   "follow": [ {"out": type|null} | {"in": type|null} |
 * {"children": true} | {"parent": true} …, each may carry "where"/"type" ] path:    "path": {"to": filter,
 * "out": type|null, "max": hops}  shortest path from any match of the filter to any match of "to", as rows in
 * order "limit": n, "after": cursor, "count": true Long reads resume by keyset cursor: dx_query_run fills
 * rows until budget and gives the cursor to go on from. */
#ifndef DX_ECHO_QUERY_H
#define DX_ECHO_QUERY_H

#include "echo/pipeline.h"

typedef struct dx_query dx_query;

/* Parses and checks. message (>= 128 bytes) says what is wrong. DX_E_INVALID. */
DX_MUST_USE int dx_query_create(dx_context *context, dx_space *space, dx_bytes item, char *message,
                                size_t message_size, dx_query **out);
void dx_query_destroy(dx_query *query);
/* Calls back for up to `budget` examined entities; *more when it should be called again. */
DX_MUST_USE int dx_query_run(dx_query *query, size_t budget,
                             int (*on_entity)(void *ctx, const dx_entity *entity), void *ctx, bool *more);
/* Whether this entity matches the filter part now (subscriptions). */
DX_MUST_USE int dx_query_matches(dx_query *query, const dx_entity *entity, bool *matches);

/* The digest of the canonical state: equal on replicas with equal sets of blocks. Runs over the whole space,
 * in bounded calls. */
typedef struct dx_digest_cursor dx_digest_cursor;
DX_MUST_USE int dx_digest_begin(dx_context *context, dx_space *space, dx_digest_cursor **out);
DX_MUST_USE int dx_digest_run(dx_digest_cursor *cursor, size_t budget, bool *more);
void dx_digest_end(dx_digest_cursor *cursor, uint8_t out[static DX_HASH_SIZE],
                   int64_t *objects); /* destroys the cursor */

#endif
