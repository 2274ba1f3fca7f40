/* sim/check_state.h: the reference: a space's state computed from nothing but its blocks, in the most naive
 * way.
 *
 * Layer: simulator, checkers. Written from docs/spec (block.md, ordering.md, section.md, entities.md,
 * object-model.md, query.md, digest.md) and sharing nothing with echo and model, so that a rule on which all
 * replicas agree wrongly is seen. It takes from the product the rows of feeds and blocks, the keys of epochs,
 * how far each feed was applied, the trees over blocks, who is a member and how senior, and the digest over
 * credentials. Nothing is indexed, nothing is merged: all
 * writes of an entity are kept, and what stands is looked for among them each time.
 * Ownership: a check_space owns all it points to. */
#ifndef DX_SIM_CHECK_STATE_H
#define DX_SIM_CHECK_STATE_H

#include <dxos/codec.h>

#include "feed/feed.h"
#include "halo/control.h"
#include "store/store.h"
#include "workload.h"

enum {
    CHECK_PREFIX_SIZE = 16,
    CHECK_ROOT_SIZE = 16,
    CHECK_HASH_SIZE = 32,
    CHECK_ID_TEXT_SIZE = 52,
    CHECK_ID_SIZE = 22,
    CHECK_NOWHERE = -1
};

typedef struct check_stamp {
    uint64_t counter;
    uint8_t feed[CHECK_PREFIX_SIZE];
} check_stamp;

/* Where an entity was made: the feed is a position in check_space.feeds, or CHECK_NOWHERE. */
typedef struct check_place {
    int feed;
    uint64_t seq, index;
} check_place;

/* One path that one operation wrote. */
typedef struct check_write {
    dx_bytes path;    /* as in the operation, or escaped from the members of a map */
    dx_bytes payload; /* an item; size 0: deleted; an empty map: here a map was set */
    check_stamp stamp;
    bool edit; /* inside the value at the path, about this: */
    uint64_t kind;
    dx_bytes key;
} check_write;

/* One move of an object. */
typedef struct check_move {
    check_stamp stamp;
    check_place parent;
} check_move;

/* One operation of an object of another model. */
typedef struct check_step {
    check_stamp stamp;
    dx_bytes operation;
} check_step;

typedef struct check_entity {
    check_place place, parent, source,
        target; /* parent: what its creation says, and once all moves are known, what shows */
    bool link;
    dx_bytes type, model; /* model: size 0: that of objects */
    check_stamp created;
    bool has_life, deleted; /* has_life: somebody deleted or restored it */
    check_stamp life;
    check_move *moves; /* the creation not among them */
    size_t move_count, move_capacity;
    bool operated; /* an operation took effect, be it an empty one */
    check_write *writes;
    size_t write_count, write_capacity;
    check_step *steps; /* of another model: every operation that is well formed */
    size_t step_count;
    check_step
        *hidden; /* of a text: those that have no effect and hold places; counters are numbers of blocks */
    size_t hidden_count, hidden_capacity;
    dx_bytes view, row; /* items, made once all writes are known */
} check_entity;

typedef struct check_branch {
    uint64_t length;
    dx_bytes *blocks;                  /* [0, length) */
    uint8_t (*roots)[CHECK_HASH_SIZE]; /* at lengths 0 to length; NULL: the feed is not forked */
} check_branch;

typedef struct check_feed {
    int64_t local;
    uint8_t id[CHECK_HASH_SIZE], device[CHECK_HASH_SIZE];
    bool data;
    uint64_t length, applied, floor, begins; /* as the vault has them */
    uint64_t agreed;                         /* a confirmed epoch cuts it there */
    uint64_t named; /* the greatest length that a confirmed epoch names, 0: none does; and the root there */
    uint8_t named_root[CHECK_ROOT_SIZE];
    /* Whose it is, and how senior. */
    bool admitted, of_member, of_owner;
    unsigned depth;
    uint8_t owner[CHECK_HASH_SIZE], admission[CHECK_HASH_SIZE];
    /* Of a data feed: */
    uint64_t cut;           /* UINT64_MAX: no fork is proven */
    check_branch *branches; /* the one that the vault has in force, then the others */
    size_t branch_count;
    const check_branch *in_force; /* and here what the blocks say */
    uint64_t limit;
    dx_bytes *blocks; /* of that branch, at least [0, applied) */
} check_feed;

/* What a block names: the feed is a position in check_space.feeds, or CHECK_NOWHERE. */
typedef struct check_named {
    int feed;
    uint64_t length;
    uint8_t root[CHECK_ROOT_SIZE];
} check_named;

typedef struct check_key {
    uint64_t epoch;
    dx_bytes key;
} check_key;

typedef struct check_chunk check_chunk;

typedef struct check_space {
    sim_world *world;
    size_t peer;
    uint8_t control_digest[CHECK_HASH_SIZE];
    check_feed *feeds; /* ascending by id */
    size_t feed_count;
    check_key *keys;
    size_t key_count;
    check_entity *entities; /* ascending by feed, seq, index */
    size_t entity_count, entity_capacity;
    uint8_t (*purged)[CHECK_ID_SIZE]; /* entities that a PURGE in effect is about */
    size_t purged_count;
    bool blind;     /* a forked feed begins beyond its cut: what is hidden of it is not here any more */
    size_t refused; /* sections that have no effect, or not all of it */
    check_chunk *chunks;
} check_space;

/* --- check_blocks.c: what is in the blocks --- */
/* Reads the space of a peer that is up; false with a violation. */
bool check_space_read(check_space *space, sim_peer *peer, size_t number);
void check_space_free(check_space *space);
/* Zeroed memory that lives as long as the space. */
void *check_take(check_space *space, size_t size);
dx_bytes check_copy(check_space *space, dx_bytes bytes);
/* NULL when nothing was made there. */
check_entity *check_find(const check_space *space, const check_place *place);
bool check_place_is(const check_place *a, const check_place *b);
int check_stamp_order(const check_stamp *a, const check_stamp *b);
/* What an encoded text holds, SEQ-INDEX-FEED; out has CHECK_ID_TEXT_SIZE bytes. */
void check_id_text(const check_space *space, const check_place *place, char *out);

/* Whether a PURGE of the entity with this text is in effect. */
bool check_is_purged(const check_space *space, const char *id);

/* What the block names among control feeds or data feeds, to be gone through by check_next_named. */
dx_reader check_named_in(dx_bytes block, bool data);
bool check_next_named(const check_space *space, dx_reader *list, check_named *out);

/* --- check_hierarchy.c: which object stands under which --- */
void check_hierarchy_move(check_space *space, check_entity *entity, const check_move *move);
/* Once all moves are known: makes each parent the one that shows. */
void check_hierarchy_work_out(check_space *space);

/* --- check_floors.c: what stands of feeds that were written twice --- */
/* Reads a data feed's blocks and cut; the store is open in a transaction. What this vault has let go of comes from what is
 * kept of everybody (epochs.h). held: the feed as the vault has it in memory. */
void check_read_branches(check_space *space, dx_store *store, check_feed *feed, const dx_feed *held);
void check_read_standing(const dx_control *control, check_feed *feed);
/* Once all feeds are read: which branch of each is in force, how far, and that the vault says the same. */
void check_decide(check_space *space);
/* Blocks of a feed that floors name and that are not in force. */
typedef struct check_hidden_run {
    const check_branch *branch;
    uint64_t begin, end;
} check_hidden_run;
/* Of each branch at most one; at most as many as there are branches. */
size_t check_find_hidden(check_space *space, const check_feed *feed, check_hidden_run *runs);
/* Up to where every branch of a feed is the same, as far as authors of changes are concerned. */
uint64_t check_parting(const check_feed *feed);
/* Whether a block that names this may be applied. */
bool check_may_build_on(const check_feed *by, uint64_t seq, const check_feed *about,
                        const check_named *named);
/* Whether the author of the block saw, beyond the cut, what is in force of the other feed. */
bool check_saw(const check_space *space, const check_feed *by, uint64_t seq, const check_feed *about);

/* --- check_object.c: the object model --- */
/* Takes the operation's writes; false when it is malformed and changes nothing. */
bool check_object_operate(check_space *space, check_entity *entity, dx_bytes operation,
                          const check_stamp *stamp);
/* What people see, one map. */
dx_bytes check_object_view(check_space *space, const check_entity *entity);
/* What digests cover; size 0 when no operation took effect. */
dx_bytes check_object_saved(check_space *space, const check_entity *entity);
/* What stands in the view at a path; size 0: nothing. */
dx_bytes check_object_at(dx_bytes view, const char *path);

/* --- check_models.c: models of other objects --- */
/* False when the operation is malformed and changes nothing. */
bool check_model_operate(check_space *space, check_entity *entity, dx_bytes operation,
                         const check_stamp *stamp);
/* check_text.c: whether a text takes it, and what all of them make, kept (canonical) or shown. */
bool check_text_takes(const check_entity *entity, dx_bytes operation, const check_stamp *stamp);
dx_bytes check_text_make(check_space *space, const check_entity *entity, bool saved);
dx_bytes check_model_view(check_space *space, const check_entity *entity);
dx_bytes check_model_saved(check_space *space, const check_entity *entity);

/* --- check_state.c: what the peer shows against it --- */
/* Rows: those of `export`; digest: of `space.digest`, in hexadecimal. */
void check_state(sim_peer *peer, size_t space, dx_bytes rows, const char *digest);

/* --- check_query.c: what members answer against it --- */
/* The rows of the space's entities are made. */
void check_queries(sim_peer *peer, size_t number, check_space *space);

#endif
