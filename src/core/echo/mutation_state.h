/* echo/mutation_state.h: a transaction under way, for the files that add to it.
 *
 * Layer: floor 1, echo, private to mutation*.c. A transaction fills one part (part.h), a future block, at a time; a closed part is
 * only bytes. */
#ifndef DX_ECHO_MUTATION_STATE_H
#define DX_ECHO_MUTATION_STATE_H

#include "echo/mutation.h"
#include "echo/part.h"
#include "model/object_editor.h"

/* What the transaction knows of an entity that it changes. */
typedef struct dx_touched_entity {
    int64_t key;               /* 0: free slot */
    size_t part;               /* the part that `at` belongs to */
    size_t at;                 /* place in that part's list of changed entities; DX_NOT_CHANGED */
    size_t size;               /* of its state, and of what this transaction adds to it */
    const dx_model *model;     /* NULL: not known to this program */
    bool applied;              /* this transaction asked something of its model */
    bool deleted, link, fresh; /* fresh: this transaction made it; whether a link, its section says */
} dx_touched_entity;

#define DX_NOT_CHANGED SIZE_MAX

struct dx_transaction {
    dx_context *context;
    dx_space *space;
    int64_t feed;    /* local number of the own data feed */
    uint64_t base;   /* its length at the beginning */
    size_t part_max; /* size of a part */
    dx_part part;
    size_t closed; /* number of parts that are bytes */
    struct {
        size_t sections, created;
    } parts[DX_TRANSACTION_BLOCKS_MAX];
    dx_buf sections; /* of the closed parts, as dx_part_write leaves them */
    dx_touched_entity *table;
    size_t table_size, table_count;
    dx_stamp stamp; /* of the first part's block; each one after it has one more */
    /* The path that was edited last, as it now stands, so that many edits in a row read it once. */
    dx_object_editor editor;
    int64_t edited_key; /* 0: none */
    dx_buf edited_path;
    uint32_t items; /* made by edits in the open part: the number in an item's id */
};

/* The open part becomes bytes, if it has any section, and an empty one is open. DX_E_LIMIT. */
DX_MUST_USE int dx_transaction_close_part(dx_transaction *transaction);
/* Makes room for one more section with this content, in the next part if need be. DX_E_LIMIT: it fits in none. */
DX_MUST_USE int dx_transaction_reserve(dx_transaction *transaction, size_t content_size);
/* How the open part names a key whose feed is known. */
dx_place dx_transaction_place(const dx_transaction *transaction, int64_t key);
/* Whether this transaction made the key. */
bool dx_transaction_made(const dx_transaction *transaction, int64_t key);
/* DX_E_NOT_FOUND unless an entity of this space stands at the key; DX_E_STATE: it was loaded, and what else belongs to its state is
 * still to come. */
DX_MUST_USE int dx_transaction_check_exists(const dx_transaction *transaction, int64_t key);
/* The entry of an entity; dies with the next call. DX_E_NOT_FOUND; DX_E_DENIED: it is another device's own word. */
DX_MUST_USE int dx_transaction_touch(dx_transaction *transaction, int64_t key, dx_touched_entity **out);
/* What the open part does to the entity, begun when it is new to the part. */
DX_MUST_USE int dx_transaction_open_entity(dx_transaction *transaction, dx_touched_entity *entry,
                                           dx_part_entity **out);

#endif
