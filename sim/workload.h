/* sim/workload.h: what people do, and what the simulator remembers of it.
 *
 * Layer: simulator. Every operation that writes into an object writes a key of its own ("op<n>": n) beside
 * contended ones, so that a checker can tell whether it is there whatever the conflict rule decided. An
 * operation whose answer was lost is asked again with its own request id, sometimes; one that was answered
 * too: the answer must be the same to the byte, and nothing may happen twice. */
#ifndef DX_SIM_WORKLOAD_H
#define DX_SIM_WORKLOAD_H

#include "world.h"

enum {
    SIM_CONTENDED_KEYS = 3,
    SIM_CONTENDED_OBJECTS = 8,
    SIM_OPERATION_JSON_MAX = 2000,
    SIM_PAD_MAX = 48 * 1024
};

typedef enum sim_op_kind {
    SIM_OP_ADD,     /* an object with op<n>, shared, deep.k */
    SIM_OP_SET,     /* op<n>, shared, one deep.k<i>, sometimes something far below deep */
    SIM_OP_SET_MAP, /* deep as a whole, and op<n> */
    SIM_OP_UNSET,   /* shared and deep go */
    SIM_OP_TRIM,    /* something far below deep goes */
    SIM_OP_EDIT,    /* op<n>, and inside list, tags, count or what is below deep: all or nothing */
    SIM_OP_REMOVE,
    SIM_OP_RESTORE,
    SIM_OP_LINK,   /* with op<n> in its data */
    SIM_OP_UNLINK, /* a link goes */
    SIM_OP_MOVE,   /* one of a few objects goes under another of them, or to the top */
    SIM_OP_MAKE,   /* a counter or an approval */
    SIM_OP_APPLY,  /* something is asked of one */
    SIM_OP_TASK,   /* an object whose type is defined, with op<n> (skew.h) */
    SIM_OP_TEND,   /* op<n> and something else of one */
    SIM_OP_BATCH   /* two objects, a link, and a change that needs a second block: all or nothing */
} sim_op_kind;

typedef enum sim_op_state {
    SIM_OP_OPEN,    /* asked, no answer yet */
    SIM_OP_DONE,    /* acknowledged */
    SIM_OP_REFUSED, /* an error was answered: it did not happen */
    SIM_OP_UNKNOWN  /* the answer was lost: it happened once, or not */
} sim_op_state;

/* As what a task is written. */
typedef enum sim_fit {
    SIM_FIT_UNKNOWN, /* it depends on what stands there */
    SIM_FIT_FIRST,
    SIM_FIT_SECOND,
    SIM_FIT_HEAVY, /* the second one but for its "maximum" */
    SIM_FIT_NONE
} sim_fit;

typedef struct sim_op {
    size_t number, peer, space;
    sim_op_kind kind;
    sim_op_state state;
    bool set_back; /* its peer's disk was set back to before its answer, or behind its guard: all promises are
                      off */
    bool asked_again;
    unsigned key;   /* the contended key under deep that it sets; of what is made: which model */
    bool own_model; /* it makes something of a model that only some programs know */
    sim_fit fit;
    uint64_t asked_ms, answered_ms;
    uint64_t done_number; /* of the event that brought the answer */
    uint8_t id[DX_REQUEST_SIZE];
    char object[SIM_ID_SIZE]; /* changed, or made (known once it is done) */
    char under[SIM_ID_SIZE];  /* moved: the new parent; empty: to the top */
    char *json;
    dx_buf reply; /* of the first answer */
} sim_op;

/* What one program was shown of a space, kept up by watching alone. */
typedef struct sim_mirror sim_mirror;
/* The first few in an order. */
typedef struct sim_list sim_list;

struct sim_workload {
    sim_op *ops;
    size_t op_count, op_capacity;
    sim_mirror *mirrors; /* one per peer, NULL when none watches */
    sim_list *lists;     /* likewise */
};

/* Whether operations of this kind leave their key where everyone sees it. */
static inline bool sim_op_leaves_key(sim_op_kind kind) {
    return kind == SIM_OP_ADD || kind == SIM_OP_SET || kind == SIM_OP_SET_MAP || kind == SIM_OP_EDIT ||
           kind == SIM_OP_LINK || kind == SIM_OP_BATCH || kind == SIM_OP_TASK || kind == SIM_OP_TEND;
}

/* An object, or a link, somebody made and was told so; NULL when there is none yet. */
const char *sim_some_thing(sim_world *world, size_t space, sim_op_kind kind);
/* A counter; NULL likewise. */
const char *sim_some_counter(sim_world *world, size_t space);
/* What made the object that the operation is about; NULL: none is known to have done so. */
const sim_op *sim_op_maker(const sim_world *world, const char *object);
/* An object somebody made and was told so, NULL: there is none yet. */
const char *sim_object_made(sim_world *world, size_t space);
/* Whether it was this peer. */
bool sim_has_made(const sim_world *world, const char *object, const sim_peer *peer);

/* --- watch.c --- */
void sim_watch_init(sim_world *world);
void sim_watch_deinit(sim_world *world);
/* Begins watching where nobody does and somebody should. */
void sim_watch_tend(sim_world *world);
/* The peer's disk is older than it knows: its watcher begins anew, for a position it was told may stand for something else. */
void sim_watch_forget(const sim_peer *peer);
/* At the end: what each watcher holds is what its peer shows. */
void sim_watch_check(sim_world *world);
/* What a watcher was told as what a query shows: without "change" and places. */
void sim_copy_row(dx_bytes row, dx_buf *out);

/* --- watch_order.c --- */
void sim_order_init(sim_world *world);
void sim_order_deinit(sim_world *world);
void sim_order_tend(sim_world *world);
void sim_order_forget(const sim_peer *peer); /* likewise */
void sim_order_check(sim_world *world);

/* --- check_rows.c --- */
/* What the rows of one space, as one peer shows them, must say: everything acknowledged is there, once;
 * nothing refused is; batches are whole. asked_number: of the event in which the rows were asked for; 0: at
 * the end of the world, when all that any peer acknowledged is everywhere. */
void sim_check_rows(sim_world *world, const sim_peer *peer, size_t space, dx_bytes rows,
                    uint64_t asked_number);
/* A program reads a whole space now, and the rows are checked when they have come. */
void sim_glance(sim_world *world);

#endif
