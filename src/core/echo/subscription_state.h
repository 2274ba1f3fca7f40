/* echo/subscription_state.h: what subscriptions are made of. Private to subscription.c (what is told) and
 * subscription_index.c (whom a change concerns) and subscription_window.c (what has an order). */
#ifndef DX_ECHO_SUBSCRIPTION_STATE_H
#define DX_ECHO_SUBSCRIPTION_STATE_H

#include "base/limits.h"
#include "echo/query_state.h"
#include "echo/subscription.h"

/* That a subscription which is found by a value knows an entity: when that has another value now, it must hear. */
typedef struct dx_hold {
    dx_subscription *by;
    uint32_t next; /* index + 1 of the next one of the entity, or of the next free one */
} dx_hold;

/* A path by whose values subscriptions of one anchor are found. */
typedef struct dx_value_path {
    uint64_t anchor;
    size_t uses;           /* 0: free */
    dx_subscription *user; /* one of them, for its query's sake */
    uint8_t path[DX_OBJECT_PATH_SIZE_MAX];
    size_t path_size;
} dx_value_path;

typedef struct dx_window dx_window;

struct dx_subscriptions {
    const dx_alloc *alloc;
    const dx_random *random;
    dx_subscription *all;
    size_t count;
    /* Whom a change concerns. */
    dx_subscription **buckets;
    size_t bucket_count; /* a power of two, or 0 */
    dx_value_path paths[DX_SUBSCRIPTION_PATHS_MAX];
    dx_key_table holders; /* entity to index + 1 of its first hold */
    dx_hold *holds;
    size_t hold_count, hold_capacity;
    uint32_t free_hold;
    bool has_tables;
    /* The step under way. */
    uint64_t serial;                 /* of the change */
    dx_space *found_in;              /* its space */
    dx_key_table taken;              /* entities */
    dx_subscription *told, *touched; /* with rows; whose windows changed */
    dx_buf entity, row;
    size_t window_size; /* bytes of all windows */
    dx_change_log log;
    uint64_t reminded; /* where positions were last told unasked */
};

struct dx_subscription {
    dx_subscriptions *set;
    dx_subscription *next; /* of all */
    dx_context *context;
    dx_space *space;
    dx_query *query;   /* judges changes */
    dx_query *learner; /* walks what matches already; NULL: learnt, or given up */
    dx_buf item;       /* the question, to begin learning anew */
    dx_key_table known;
    bool certain;      /* `known` is all that matches; of a window, all of it that can show */
    dx_window *window; /* NULL: it has no order. `known` then has what is kept */
    int failed;        /* it ends with this */
    dx_subscriber subscriber;
    uint64_t behind; /* the next logged change to tell, when is_behind */
    bool is_behind;
    /* In the index. */
    dx_subscription *next_in_bucket;
    uint64_t hash;
    size_t path; /* index + 1 of its value's; 0: it is found by its anchor alone */
    bool placed;
    bool crowded; /* there were too many holds once: it is not found by a value */
    /* The change, and the step, under way. */
    uint64_t judged;
    dx_subscription *next_hit, *next_told, *next_touched;
    const char *word;
    bool is_told, is_touched, joined;
};

/* --- subscription.c, for windows --- */
/* What a row says beside its entity; from, to: SIZE_MAX for neither. */
typedef struct dx_row_mark {
    const char *change;
    size_t from, to;
} dx_row_mark;

/* Into set->row: the entity's map in set->entity, or an empty one, with the mark in it. */
DX_MUST_USE int dx_subscriptions_write_row(dx_subscriptions *set, const dx_row_mark *mark, bool has_entity);
/* Tells set->row. */
DX_MUST_USE int dx_subscription_tell(dx_subscription *self);

/* --- subscription_window.c --- */
/* question: with an order or a group; it is the window's from then on, also when this fails for want of memory no more. */
DX_MUST_USE int dx_window_create(dx_subscription *of, dx_query *question, dx_window **out);
void dx_window_destroy(dx_window *window);
/* Keeps so many beyond what it shows, at least one. */
void dx_window_limit(dx_window *window, size_t slack);
/* Nothing is kept, nothing was told: it begins to learn. */
void dx_window_reset(dx_window *window);
/* It goes on from a position, at which its watcher held these, as far as that is still known. */
DX_MUST_USE int dx_window_come_back(dx_window *window, const dx_position *since, const int64_t *held,
                                    size_t count);
/* An entity that the learner found; all of them were found. */
DX_MUST_USE int dx_window_learn(dx_window *window, const dx_entity *entity);
void dx_window_learnt(dx_window *window);
/* An entity that changed, as it is now; tells it. DX_E_LIMIT: there are too many. */
DX_MUST_USE int dx_window_take(dx_window *window, const dx_entity *entity, bool matches);
/* After the changes of a step: as many rows as are asked for, groups as they are now. */
DX_MUST_USE int dx_window_end_step(dx_window *window);
/* Tells what was not told yet, at most *budget rows. */
DX_MUST_USE int dx_window_run(dx_window *window, size_t *budget);
bool dx_window_has_more(const dx_window *window);
bool dx_window_is_listed(const dx_window *window);
void dx_window_place_at(const dx_window *window, size_t rank, int64_t *key, dx_bytes *place);
/* Whether what it keeps is not enough: it has to learn again. */
bool dx_window_wants(const dx_window *window);

/* --- subscription_index.c --- */
/* Anew where it is found best: by a value only while it is certain. DX_E_NO_MEMORY. */
DX_MUST_USE int dx_subscription_place(dx_subscription *self);
void dx_subscription_unplace(dx_subscription *self);
/* It knows one entity more, or less. Holding one too many places it anew. */
DX_MUST_USE int dx_subscription_hold(dx_subscription *self, int64_t key);
void dx_subscription_release(dx_subscription *self, int64_t key);
/* Calls visit for each subscription that the change may concern, in some order, perhaps twice; looks at the entity only
 * when there is one to look at. visit may not place. */
typedef struct dx_candidates {
    void *ctx;
    void (*visit)(void *ctx, dx_subscription *candidate);
    /* The entity, read when it is first wanted; NULL with *error: it cannot be, or is not here any more (DX_OK). */
    const dx_entity *(*entity)(void *ctx, int *error);
} dx_candidates;
DX_MUST_USE int dx_subscriptions_find(dx_subscriptions *set, const dx_change *change, dx_bytes type,
                                      const dx_candidates *candidates);
void dx_subscriptions_free_index(dx_subscriptions *set);

#endif
