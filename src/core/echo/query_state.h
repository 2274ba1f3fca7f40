/* echo/query_state.h: a parsed query, shared by the files of query and subscription and by no one else.
 *
 * Layer: floor 1, echo, private to this room. query_parse.c makes the question, query_filter.c judges one
 * entity, query_walk.c goes through the indexes, query_path.c searches for a path, query.c puts them in
 * order. Texts and values are views into the query's own copy of the item. */
#ifndef DX_ECHO_QUERY_STATE_H
#define DX_ECHO_QUERY_STATE_H

#include "echo/key_set.h"
#include "echo/query.h"

/* What an id that names nothing here becomes: it matches nothing. 0 means "none", as in rows. */
enum { DX_QUERY_NOTHING = -1 };

typedef struct dx_query_condition {
    dx_bytes path, value;
} dx_query_condition;

typedef enum dx_query_deleted { DX_QUERY_HIDE, DX_QUERY_SHOW, DX_QUERY_ONLY } dx_query_deleted;

typedef struct dx_query_filter {
    bool has_id, has_type, has_parent, has_source, has_target, has_kind;
    bool objects, links; /* kinds asked for */
    dx_query_deleted deleted;
    int64_t id, parent, source, target;
    dx_bytes type; /* size 0: entities without one */
    dx_query_condition conditions[DX_QUERY_CONDITIONS_MAX];
    size_t condition_count;
} dx_query_filter;

typedef enum dx_query_way { DX_QUERY_OUT, DX_QUERY_IN, DX_QUERY_CHILDREN, DX_QUERY_PARENT } dx_query_way;

typedef struct dx_query_step {
    dx_query_way way;
    bool has_link_type;
    dx_bytes link_type;
    dx_query_filter ends; /* what is reached must match this */
} dx_query_step;

typedef struct dx_question {
    dx_query_filter filter;
    dx_query_step steps[DX_QUERY_STEPS_MAX];
    size_t step_count;
    bool has_path;
    dx_query_filter path_to;
    dx_query_step path_step;
    int64_t path_hops_max;
    int64_t limit; /* INT64_MAX: none */
    int64_t after; /* key of the last row of an earlier run, 0: from the beginning */
    bool counts;
} dx_question;

/* Where a walk over an index goes on: after this place. */
typedef struct dx_query_place {
    int kind;        /* filters by type: which kind's types are walked */
    int64_t type;    /* row of table type */
    int64_t end;     /* links: the other end */
    int64_t deleted; /* links: 0 or 1 */
    int64_t key;
} dx_query_place;

/* What is done with an entity that a filter matched, or with an object that a step reached. */
typedef int dx_query_found(dx_query *query, const dx_entity *entity);
typedef int dx_query_reached(dx_query *query, int64_t key);

struct dx_query {
    dx_context *context;
    dx_space *space;
    dx_buf item; /* the query's own copy of the question */
    dx_question question;
    enum { DX_QUERY_SEEK, DX_QUERY_FOLLOW, DX_QUERY_SEARCH, DX_QUERY_GIVE, DX_QUERY_DONE } phase;
    dx_query_place place;  /* in the walk under way */
    size_t step;           /* of follow, the one under way */
    size_t at;             /* in `from` or `keys`: the entity under way */
    dx_buf from, keys;     /* key lists: what a step starts from, what it has reached; a path's rows */
    dx_buf order, origins; /* path: keys as they were seen, and for each the index it was reached from */
    dx_key_table seen;     /* path: key to its index in order */
    size_t level_end;      /* path: first index beyond the hop under way */
    int64_t hops;
    int64_t count;
    size_t budget; /* left in this call */
    int (*on_entity)(void *ctx, const dx_entity *entity);
    void *ctx;
    dx_buf view; /* scratch of conditions */
};

/* query_parse.c: dx_question_refuse writes one sentence and returns DX_E_INVALID. */
int dx_question_refuse(char *message, size_t message_size, const char *sentence);
DX_MUST_USE int dx_question_parse(dx_context *context, dx_space *space, dx_bytes item, char *message,
                                  size_t message_size, dx_question *out);
/* query_filter.c: *matches of the whole filter; conditions need query->view. */
DX_MUST_USE int dx_filter_matches(dx_query *query, const dx_query_filter *filter, const dx_entity *entity,
                                  bool *matches);
bool dx_filter_could_match(const dx_query_filter *filter, const dx_entity *entity);
/* query.c: a filter alone: neither steps nor a path. */
bool dx_query_is_plain(const dx_query *query);
/* query_walk.c: both go on after query->place, spend query->budget (at least 1), and stop early when the
 * phase changes. *done: nothing is left. */
DX_MUST_USE int dx_query_walk_filter(dx_query *query, dx_query_found *found, bool *done);
DX_MUST_USE int dx_query_walk_step(dx_query *query, const dx_query_step *step, int64_t from,
                                   dx_query_reached *reached, bool *done);
/* query_path.c */
DX_MUST_USE int dx_query_add_start(dx_query *query, const dx_entity *entity);
DX_MUST_USE int dx_query_search(dx_query *query);

#endif
