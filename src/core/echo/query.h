/* echo/query.h: questions about a space, as one JSON-shaped item, answered from SQLite's indexes.
 *
 * Layer: floor 1, echo. docs/spec/query.md. Work is bounded per call: between two calls nothing is open in
 * the store, a query goes on by key, so the space may change in between; each row is true when it is given.
 * What a query keeps in memory is bounded by the limits below. Ownership: a query belongs to its space and is
 * destroyed before it. */
#ifndef DX_ECHO_QUERY_H
#define DX_ECHO_QUERY_H

#include "echo/pipeline.h"

enum {
    DX_QUERY_SIZE_MAX = 64 * 1024, /* of the encoded query: it is kept while the query lives */
    DX_QUERY_CONDITIONS_MAX = 16,  /* of one "where" */
    DX_QUERY_STEPS_MAX = 16,       /* of "follow" */
    DX_QUERY_HOPS_MAX = 64,        /* of "path" */
    /* Entities held at once: what one step of "follow" reaches, or a search for a path has seen (16 bytes
     * each and a table). Beyond it the query ends with DX_E_LIMIT: it asks for most of a large space, which
     * is a listing's work. */
    DX_QUERY_KEYS_MAX = 1 << 20,
    DX_QUERY_MESSAGE_SIZE = 128
};

/* A type of the house's own ("dx."): hidden unless it is asked for by name. */
bool dx_type_is_hidden(dx_bytes name);

typedef struct dx_query dx_query;

/* Parses and checks. DX_E_INVALID: message (DX_QUERY_MESSAGE_SIZE is always enough) tells in one sentence
 * what is wrong with the question. */
DX_MUST_USE int dx_query_create(dx_context *context, dx_space *space, dx_bytes item, char *message,
                                size_t message_size, dx_query **out);
void dx_query_destroy(dx_query *query);
/* Examines up to `budget` entities or links and calls back for each row, in the query's order; *more when it
 * should be called again. The callback may write the entity out but runs no query; its error ends the call
 * and is returned. A query that counts calls back for nothing. */
DX_MUST_USE int dx_query_run(dx_query *query, size_t budget,
                             int (*on_entity)(void *ctx, const dx_entity *entity), void *ctx, bool *more);
/* Rows so far, called back for or only counted. */
int64_t dx_query_count(const dx_query *query);
/* The query asks for a number instead of rows. */
bool dx_query_counts(const dx_query *query);
/* Whether the question is a filter alone, so that one entity can be judged by itself (subscriptions). */
bool dx_query_is_filter(const dx_query *query);
/* Whether this entity matches the filter part now. */
DX_MUST_USE int dx_query_matches(dx_query *query, const dx_entity *entity, bool *matches);
/* Whether it could match at another time: what never changes of it (kind, type, ends, id) matches. */
bool dx_query_could_match(dx_query *query, const dx_entity *entity);

#endif
