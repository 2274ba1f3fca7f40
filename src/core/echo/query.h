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
    DX_QUERY_CONDITIONS_MAX = 16,  /* paths of one "where" */
    DX_QUERY_BRANCHES_MAX = 64,    /* of one "and" or "or" */
    DX_QUERY_NESTING_MAX = 8,      /* of "and", "or", "not" in each other: they are judged by recursion */
    DX_QUERY_VALUES_MAX = 1024,    /* of one "in" */
    DX_QUERY_NODES_MAX = 4096,     /* conditions of a query in all: each is tried on each row */
    DX_QUERY_STEPS_MAX = 16,       /* of "follow" */
    DX_QUERY_HOPS_MAX = 64,        /* of "path", and of a step that repeats */
    DX_QUERY_ORDERS_MAX = 4,       /* paths of "order" */
    /* Entities held at once: what one step of "follow" reaches, or a search for a path has seen (16 bytes
     * each and a table). Beyond it the query ends with DX_E_LIMIT: it asks for most of a large space, which
     * is a listing's work. */
    DX_QUERY_KEYS_MAX = 1 << 20,
    /* Rows put in order, or groups counted: what is sorted at once stays below a quarter of a second. With a "limit"
     * only the first ones are kept. */
    DX_QUERY_SORTED_MAX = 1 << 18,
    DX_QUERY_SORTED_SIZE_MAX = 64 << 20,
    DX_QUERY_SUBSCRIBED_KEYS_MAX = 16, /* of a filter with an order: there are no more names */
    DX_QUERY_MESSAGE_SIZE = 128,
    DX_QUERY_PAUSE = 1 /* what a callback returns to end the call, not the question */
};

/* A type of the house's own ("dx."): hidden unless it is asked for by name. */
bool dx_type_is_hidden(dx_bytes name);

typedef struct dx_query dx_query;

/* One row of an answer. */
typedef struct dx_query_row {
    int64_t key;             /* of the entity; 0: a group */
    const dx_entity *entity; /* NULL: a group, or a query for ids alone */
    dx_bytes value;          /* a group's, one item; size 0: the path leads nowhere in them */
    int64_t count;           /* of a group */
    dx_bytes snippet;        /* where "snippet" was asked for: an array of texts (full_text.h); size 0: not */
    dx_bytes
        order; /* where rows are in an order, or groups: what decides it, compared as bytes, in every space alike */
} dx_query_row;

/* What a query is to say about itself, and what it has done so far. */
typedef struct dx_query_plan {
    const char *begins;  /* where it looks first: "id", "links", "children", "words", "index",
                             * "type", "everything" */
    dx_bytes type, path; /* of the index, or the type read; size 0: none */
    bool automatic;      /* the index was made by itself */
    const char *then;    /* "steps", "path from the beginning", "path from both ends"; NULL: no more */
    const char *order;   /* "as placed", "sorted", "index", "path" */
    int64_t examined;    /* entries of indexes and rows looked at */
    int64_t rows_read;   /* entities decoded */
    dx_bytes advice_type, advice_path; /* an index on these would have helped; size 0: none */
} dx_query_plan;

/* Parses and checks. DX_E_INVALID: message (DX_QUERY_MESSAGE_SIZE is always enough) tells in one sentence
 * what is wrong with the question. */
DX_MUST_USE int dx_query_create(dx_context *context, dx_space *space, dx_bytes item, char *message,
                                size_t message_size, dx_query **out);
/* The same about how things were at a point (history.h; NULL: now): no index decides, and what was changed since is made again,
 * so it costs as much as looking at all that could have matched. No words and no path. DX_E_GONE: history here begins
 * later. */
DX_MUST_USE int dx_query_create_at(dx_context *context, dx_space *space, dx_bytes item, const dx_stamp *point,
                                   char *message, size_t message_size, dx_query **out);
void dx_query_destroy(dx_query *query);
/* Examines up to `budget` entities or links and calls back for each row, in the query's order; *more when it
 * should be called again. The callback may write the entity out but runs no query; its error ends the call
 * and is returned, but DX_QUERY_PAUSE, which ends the call alone: the row was taken, and the query goes on behind it. A query
 * that counts calls back for nothing. */
DX_MUST_USE int dx_query_run(dx_query *query, size_t budget,
                             int (*on_row)(void *ctx, const dx_query_row *row), void *ctx, bool *more);
/* Rows so far, called back for or only counted. */
int64_t dx_query_count(const dx_query *query);
/* The query asks for a number instead of rows; for groups; for ids alone. */
bool dx_query_counts(const dx_query *query);
bool dx_query_groups(const dx_query *query);
bool dx_query_wants_ids(const dx_query *query);
/* Rows are in an order of their own: that of paths, or of how well they match words. */
bool dx_query_is_ordered(const dx_query *query);
/* What is held to be put in order: rows or groups, and their bytes. */
size_t dx_query_held(const dx_query *query, size_t *size);
/* Whether the question is a filter alone, so that one entity can be judged by itself (subscriptions). */
bool dx_query_is_filter(const dx_query *query);
/* A filter with an order (and a limit) or with groups: one whose answer can be kept as its entities change. */
bool dx_query_is_window(const dx_query *query);
/* Whether this entity matches the filter part now. */
DX_MUST_USE int dx_query_matches(dx_query *query, const dx_entity *entity, bool *matches);
/* Whether it could match at another time: what never changes of it (kind, type, ends, id) matches. */
bool dx_query_could_match(dx_query *query, const dx_entity *entity);
/* When the limit ended it: appends the text that, as "cursor" of the same query, goes on behind the last row. Nothing
 * otherwise. */
DX_MUST_USE int dx_query_cursor(const dx_query *query, dx_buf *out);
/* The same behind the row given last, whatever ended it. The cursor of an ordered query serves in every space. */
DX_MUST_USE int dx_query_cursor_behind(const dx_query *query, dx_buf *out);
/* What it does and did. Views die with the query. */
void dx_query_explain(const dx_query *query, dx_query_plan *out);

/* --- For subscriptions (query_anchor.c) ------------------------------------------------------------ */

/* What never changes of an entity, by which changes that concern a filter are found. */
typedef enum dx_query_anchor_kind {
    DX_ANCHOR_NONE, /* any may concern it */
    DX_ANCHOR_TYPE,
    DX_ANCHOR_SOURCE,
    DX_ANCHOR_TARGET,
    DX_ANCHOR_ID
} dx_query_anchor_kind;

typedef struct dx_query_anchor {
    dx_query_anchor_kind kind;
    int64_t key;   /* of an id, a source or a target */
    dx_bytes type; /* of a type */
    /* With NONE and TYPE: what matches has a value of this form (order.h) there, too, while it matches; path.data NULL:
     * nothing is known. */
    dx_bytes path, form;
} dx_query_anchor;

/* Views die with the query. */
void dx_query_anchor_of(const dx_query *query, dx_query_anchor *out);
/* Equal for what is equal; of a value beside its anchor's. */
uint64_t dx_anchor_hash(int64_t space, dx_query_anchor_kind kind, int64_t key, dx_bytes type);
uint64_t dx_anchor_value_hash(uint64_t anchor, dx_bytes path, dx_bytes form);
/* The same of what stands at the path in an entity's data. *there false: nothing does. */
DX_MUST_USE int dx_query_value_hash(dx_query *query, const dx_entity *entity, dx_bytes path, uint64_t anchor,
                                    bool *there, uint64_t *hash);

#endif
