/* echo/query_state.h: a parsed query, shared by the files of query and subscription and by no one else.
 *
 * Layer: floor 1, echo, private to this room. query_parse.c makes the question, query_filter.c judges one
 * entity, query_plan.c chooses an index, query_walk.c goes through the indexes, query_step.c takes a step from an object,
 * query_links.c one along links, query_path.c searches for a path, query_sort.c puts rows in order, query_ordered.c has an index do it,
 * query_past.c reads things as they were, query.c puts all of them to work. Texts are views into the query's own copy of the
 * item; comparands are places in question.values. */
#ifndef DX_ECHO_QUERY_STATE_H
#define DX_ECHO_QUERY_STATE_H

#include "echo/full_text.h"
#include "echo/key_set.h"
#include "echo/query.h"

/* What an id that names nothing here becomes: it matches nothing. 0 means "none", as in rows. */
enum { DX_QUERY_NOTHING = -1 };

/* A condition, or several of them: a tree in preorder. */
typedef enum dx_query_op {
    DX_QUERY_ALL,
    DX_QUERY_ANY,
    DX_QUERY_NOT, /* not all of them */
    DX_QUERY_EQUAL,
    DX_QUERY_OTHER, /* something stands there, and it is another value */
    DX_QUERY_GREATER,
    DX_QUERY_AT_LEAST,
    DX_QUERY_LESS,
    DX_QUERY_AT_MOST,
    DX_QUERY_PREFIX,
    DX_QUERY_HAS,     /* an array with such an element */
    DX_QUERY_EXISTS,  /* key 0: it does not */
    DX_QUERY_IS_TYPE, /* path: the type's name */
    DX_QUERY_IS_ID,   /* key */
    DX_QUERY_IS_PARENT,
    DX_QUERY_IS_SOURCE,
    DX_QUERY_IS_TARGET
} dx_query_op;

typedef struct dx_query_node {
    dx_query_op op;
    size_t end;               /* of its subtree, in question.nodes */
    dx_bytes path;            /* in an ANY that is an "in": the path of all its members */
    size_t value, value_size; /* the comparand's form (order.h) in question.values */
    int64_t key;
} dx_query_node;

typedef enum dx_query_deleted { DX_QUERY_HIDE, DX_QUERY_SHOW, DX_QUERY_ONLY } dx_query_deleted;

typedef struct dx_query_filter {
    bool has_id, has_type, has_parent, has_source, has_target, has_kind;
    bool objects, links; /* kinds asked for */
    dx_query_deleted deleted;
    int64_t id, parent, source, target;
    dx_bytes type;     /* size 0: entities without one */
    size_t begin, end; /* conditions in question.nodes, all of which must hold */
} dx_query_filter;

typedef enum dx_query_way {
    DX_QUERY_OUT,
    DX_QUERY_IN,
    DX_QUERY_CHILDREN,
    DX_QUERY_PARENT,
    DX_QUERY_REFERENCE, /* to what a value at `path` refers to */
    DX_QUERY_REFERRERS  /* to what refers to here at `path` */
} dx_query_way;

typedef struct dx_query_step {
    dx_query_way way;
    bool has_link_type;
    dx_bytes link_type;
    dx_bytes path;
    int64_t hops;         /* 1, or as far as it repeats */
    bool repeats;         /* what lies one to `hops` hops away, each once */
    dx_query_filter ends; /* what is reached must match this */
} dx_query_step;

typedef struct dx_query_order {
    dx_bytes path;
    bool descending;
} dx_query_order;

typedef struct dx_question {
    dx_query_filter filter;
    dx_buf nodes;  /* of dx_query_node */
    dx_buf values; /* forms of comparands, one behind another */
    dx_query_step steps[DX_QUERY_STEPS_MAX];
    size_t step_count;
    bool has_path;
    dx_query_filter path_to;
    dx_query_step path_step;
    int64_t path_hops_max;
    dx_query_order orders[DX_QUERY_ORDERS_MAX];
    size_t order_count;
    bool has_group;
    dx_bytes group;
    int64_t limit;     /* INT64_MAX: none */
    int64_t after;     /* key of the last row of an earlier run, 0: from the beginning */
    dx_bytes cursor;   /* text, data NULL: none */
    dx_bytes text;     /* words to look for, size 0: none */
    dx_buf expression; /* the same as FTS5 takes it */
    bool snippets;
    bool counts, wants_ids;
} dx_question;

/* Where a walk over an index goes on: after this place. */
typedef struct dx_query_place {
    int kind;        /* filters by type: which kind's types are walked */
    int64_t type;    /* row of table type */
    int64_t end;     /* links: the other end */
    int64_t deleted; /* links: 0 or 1 */
    int64_t key;
} dx_query_place;

/* The index a filter begins with: entries of one path whose values lie between two forms. */
typedef struct dx_query_range {
    int64_t index; /* its id, 0: none */
    bool automatic;
    dx_bytes path;
    size_t low, low_size, high, high_size; /* in query->bounds; low inclusive, high exclusive */
    bool is_value;                         /* entries of exactly the low form */
    bool is_set;                           /* an "in": the values of a node's members, one after another */
    bool decides;                          /* the index alone tells what matches: no row is read for it */
    size_t node;                           /* of a set */
} dx_query_range;

/* Rows, or groups, as one buffer of records: order, key and count. */
typedef struct dx_records {
    dx_buf bytes;  /* records, one behind another */
    dx_buf places; /* uint32_t: where each begins */
} dx_records;

/* What is done with an entity that a filter matched, or with an object that a step reached. */
typedef int dx_query_found(dx_query *query, const dx_entity *entity);
typedef int dx_query_reached(dx_query *query, int64_t key, bool matches);

/* One statement's way through an index, or one step. */
typedef struct dx_query_walk {
    dx_query *query;
    const dx_query_filter *filter; /* what is found or reached must match it */
    int (*take)(struct dx_query_walk *self, sqlite3_stmt *row);
    dx_query_found *found;
    dx_query_reached *reached;
    bool repeats; /* what is reached is told even when it does not match */
    int64_t from; /* steps against references: where from, and at which path */
    dx_bytes path;
    int64_t link_type, end_type;     /* steps: numbers of the types asked for, 0: any that is not hidden */
    int64_t hidden_type, shown_type; /* the last one seen of each */
} dx_query_walk;

/* A search for a path from one of its ends. */
typedef struct dx_query_side {
    dx_buf order, origins; /* keys as they were seen, and for each the index it was reached from */
    dx_key_table seen;     /* key to its index in order */
    size_t at, level_end;  /* the one under way; first index beyond those of the hop under way */
    int64_t hops;          /* that these are away */
} dx_query_side;

struct dx_query {
    dx_context *context;
    dx_space *space;
    dx_buf item;          /* the query's own copy of the question */
    uint64_t fingerprint; /* of the question but its limit and cursor */
    dx_question question;
    enum {
        DX_QUERY_SEEK,
        DX_QUERY_FOLLOW,
        DX_QUERY_SEARCH,
        DX_QUERY_GIVE,
        DX_QUERY_SORTED,
        DX_QUERY_DONE
    } phase;
    int64_t type;       /* of the filter, when all that matches is of one; 0: not */
    int64_t text_index; /* id of the type's text index, 0: no words are asked for */
    bool text_decides;  /* its matches are what is asked for */
    double rank;        /* of the match under way */
    dx_query_range range;
    dx_buf bounds;          /* forms of the range */
    dx_query_place place;   /* in the walk under way */
    size_t member;          /* of a set, the value under way */
    size_t step;            /* of follow, the one under way */
    size_t at;              /* in `from`, `keys` or `records`: the entity under way */
    dx_buf from, keys;      /* key lists: what a step starts from, what it has reached; a path's rows */
    dx_buf ends;            /* key list: what a step came to, before it is known whether it shows */
    dx_buf gathered;        /* key list: of a step that repeats, what matches of all it has reached */
    dx_key_set reached;     /* of a step that repeats: all it came to, whether that shows or not */
    int64_t hops;           /* likewise */
    dx_query_side sides[2]; /* path: from the beginning, and from the end when it is one entity */
    int side;               /* the one that goes on */
    dx_key_table origins;   /* of what it came to just now: its index in order to that of what led there */
    enum { DX_PATH_UNDECIDED, DX_PATH_FROM_START, DX_PATH_FROM_BOTH } path_search;
    struct {
        bool on, descending; /* entries of query->range come in the order asked for */
        bool holds_all;      /* what has nothing at the path does not match */
        bool ended;          /* there are no more that matter */
        int64_t rows_left;   /* that may be tried before this range is taken after all: */
        dx_query_range instead;
    } ordered;
    bool begins_unseen; /* a path begins at something that is not to be seen on the way */
    bool judges;        /* what is given was collected without its conditions being looked at */
    dx_records records;
    dx_buf behind; /* of a cursor: the record after which it goes on; and of the last row given */
    dx_buf
        bound; /* with a limit: the last record of the best so far, once there are as many; size 0: there are fewer */
    int64_t last_key;
    dx_bytes deciding; /* of the record being given */
    int64_t count, examined, rows_read;
    int64_t sought, found; /* rows read to find where to begin, and how many of them were right */
    bool wished;           /* for an index, once */
    size_t budget;         /* left in this call */
    int (*on_row)(void *ctx, const dx_query_row *row);
    void *ctx;
    dx_buf view;  /* scratch of conditions */
    dx_buf form;  /* likewise */
    dx_buf note;  /* of a record */
    dx_buf edge;  /* of a walk between two values: the one at the place */
    bool is_past; /* all is asked as it was at this point: */
    dx_stamp point;
    bool gathers; /* what stood under a parent is found type by type, and given by keys as children are */
    dx_buf state; /* what the entity read last held then */
    dx_query_reached *reach; /* of a step from what was */
};

static inline const dx_query_node *dx_query_node_at(const dx_question *question, size_t index) {
    return (const dx_query_node *)(const void *)question->nodes.data + index;
}

static inline dx_bytes dx_query_value(const dx_question *question, const dx_query_node *node) {
    return dx_bytes_of(question->values.data + node->value, node->value_size);
}

/* query_parse.c: dx_question_refuse writes one sentence and returns DX_E_INVALID. */
int dx_question_refuse(char *message, size_t message_size, const char *sentence);
void dx_question_init(dx_question *question, const dx_alloc *alloc);
void dx_question_deinit(dx_question *question);
DX_MUST_USE int dx_question_parse(dx_context *context, dx_space *space, dx_bytes item, char *message,
                                  size_t message_size, dx_question *out);
/* query_filter.c: *matches of the whole filter; conditions need query->view. */
DX_MUST_USE int dx_filter_matches(dx_query *query, const dx_query_filter *filter, const dx_entity *entity,
                                  bool *matches);
bool dx_filter_could_match(const dx_query_filter *filter, const dx_entity *entity);
/* What stands at a path of the entity's data, one item that dies with the next look; size 0: nothing. */
DX_MUST_USE int dx_query_look(dx_query *query, const dx_entity *entity, dx_bytes path, dx_bytes *item);
/* query_plan.c: chooses query->range for the filter, or none. */
DX_MUST_USE int dx_query_choose(dx_query *query);
/* query.c: a filter alone: neither steps nor a path. */
bool dx_query_is_plain(const dx_query *query);
/* query_walk.c and query_step.c: both go on after query->place, spend query->budget (at least 1), and stop early when the
 * phase changes. *done: nothing is left. */
DX_MUST_USE int dx_query_walk_filter(dx_query *query, dx_query_found *found, bool *done);
/* query_walk.c, for those who walk too. Walks a bound statement to its end, or until the phase changes. Its first columns are the
 * place: type, end, deleted, key. *done: it ended within the budget. */
DX_MUST_USE int dx_query_walk_rows(dx_query_walk *walk, sqlite3_stmt *rows, bool *done);
/* A range that gave fewer rows than the budget has ended. */
void dx_query_bind_limit(sqlite3_stmt *rows, int index, const dx_query *query);
/* The number of a type's name, 0 when this space has none of that name. */
DX_MUST_USE int dx_query_find_type(dx_query *query, dx_type_kind kind, dx_bytes name, int64_t *id);
/* Whether a number stands for a type of the house's own. */
DX_MUST_USE int dx_query_type_is_hidden(dx_query_walk *walk, int64_t type_id, bool *hidden);

/* query_ordered.c: whether an index serves the order, after query->range was chosen; and its walk, which notes rows. */
DX_MUST_USE int dx_query_choose_order(dx_query *query);
DX_MUST_USE int dx_query_walk_ordered(dx_query *query, bool *done);

/* query_links.c: a step along links from the objects of `from`, query->at on, up to one of them, as far as the budget
 * lasts, or one that stands before the one in front of it. Stops when the phase changes. */
DX_MUST_USE int dx_query_walk_links(dx_query *query, const dx_query_step *step, const dx_buf *from,
                                    size_t end, dx_query_reached *reached);
/* Whether a step may tell of an object: one that repeats tells of each once. It counts as told of from then on. */
DX_MUST_USE int dx_query_is_new(dx_query *query, bool repeats, int64_t key, bool *is_new);
/* Into query->ends, if it is new. */
DX_MUST_USE int dx_query_add_end(dx_query_walk *walk, int64_t key);
/* Which of query->ends are objects that show; walk->reached gets those. Empties the list. */
DX_MUST_USE int dx_query_take_ends(dx_query_walk *walk);
/* Links of one type, or, 0, of any, from or to the object of the walk's filter, as rows. */
DX_MUST_USE int dx_query_walk_ends(dx_query_walk *walk, int64_t type, bool *done);
/* How many links of a type, or, 0, of any, the object has; deleted ones too, and counted to at most `most`. */
DX_MUST_USE int dx_query_count_links(dx_query *query, dx_query_way way, int64_t type, int64_t object,
                                     size_t most, size_t *count);

/* query_step.c */
DX_MUST_USE int dx_query_walk_step(dx_query *query, const dx_query_step *step, int64_t from,
                                   dx_query_reached *reached, bool *done);
/* The types a step names, as numbers. *none: there is no such type here, so nothing to reach. */
DX_MUST_USE int dx_query_resolve_types(dx_query_walk *walk, const dx_query_step *step, bool *none);
/* An object that a step comes to: passed over when it is not to be seen, given with whether it is what the step asks
 * for. */
DX_MUST_USE int dx_query_take_end(dx_query_walk *walk, int64_t key, int64_t type, bool hidden);
/* query_walk.c */
/* Entries of query->range in the order of values, then keys; key_found gets each. */
DX_MUST_USE int dx_query_walk_range(dx_query *query, int (*found)(dx_query *query, int64_t key), bool *done);
/* What holds the words asked for, in the order of keys; query->rank is the match's. */
DX_MUST_USE int dx_query_walk_text(dx_query *query, int (*found)(dx_query *query, int64_t key), bool *done);
/* Keys of what a value at a path refers to, or the elements of an array there. */
DX_MUST_USE int dx_query_references(dx_query *query, const dx_entity *entity, dx_bytes path,
                                    int (*on_key)(void *ctx, int64_t key), void *ctx);
/* Type after type, objects before links; walk->found gets what matches the walk's filter. */
DX_MUST_USE int dx_query_walk_types(dx_query_walk *walk, bool *done);
/* query_past.c: whether the question can be asked about this point. */
DX_MUST_USE int dx_query_begin_past(dx_query *query, const dx_stamp *point, char *message,
                                    size_t message_size);
/* The entity, or what it was. DX_E_NOT_FOUND: there is none, or was none then. */
DX_MUST_USE int dx_query_read(dx_query *query, int64_t key, dx_entity *out);
/* What it was, to walk->found if it matches the walk's filter. */
DX_MUST_USE int dx_query_take_past(dx_query_walk *walk, int64_t key);
/* A step from the objects of query->from, query->at on, as far as the budget lasts. */
DX_MUST_USE int dx_query_walk_past_step(dx_query *query, const dx_query_step *step,
                                        dx_query_reached *reached);
/* query_path.c */
/* An end of the object at query->at, which leads there unless another one did or it was seen: *is_new. */
DX_MUST_USE int dx_query_note_origin(dx_query *query, int64_t key, bool *is_new);
DX_MUST_USE int dx_query_add_start(dx_query *query, const dx_entity *entity);
DX_MUST_USE int dx_query_search(dx_query *query);
/* query_sort.c: notes a row (in the question's order) or one more of a group; *full: DX_E_LIMIT when too many. */
void dx_records_init(dx_records *records, const dx_alloc *alloc);
void dx_records_deinit(dx_records *records);
DX_MUST_USE int dx_query_note(dx_query *query, const dx_entity *entity);
/* What of an entity decides its place in the question's order (compared as bytes, each entity's another), or which group it is
 * of: 1 and the form of its value, or 2. Dies with the next call. */
DX_MUST_USE int dx_query_place_of(dx_query *query, const dx_entity *entity, dx_bytes *place);
/* Puts in order what was noted, without repetitions of groups. */
DX_MUST_USE int dx_query_sort(dx_query *query);
/* The record at a place in the order: what decides it, its key and its count. */
void dx_query_record(const dx_query *query, size_t index, dx_bytes *order, int64_t *key, int64_t *count);

#endif
