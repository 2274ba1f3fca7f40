/* text/tree.h: one B+tree for each list of items, in the order of the document.
 *
 * Layer: floor 1, text, private to the sequence. A leaf holds handles of up to DX_TEXT_LEAF_ITEMS items and the characters of
 * their strings, WTF-8 in a gap buffer of up to DX_TEXT_LEAF_TEXT bytes. A longer string lies alone in a row of leaves, its
 * spans. Nodes above hold counts of live units only, in the three units of positions; a list has its totals.
 * Records know their (first) leaf by `place`, and the bytes of their characters by `payload` when they are strings. */
#ifndef DX_TEXT_TREE_H
#define DX_TEXT_TREE_H

#include "text/pool.h"
#include "text/sequence.h"

enum {
    DX_TEXT_LEAF_ITEMS = 32,
    DX_TEXT_LEAF_TEXT = DX_TEXT_BLOCK_MAX,
    DX_TEXT_FANOUT = 16,
    DX_TEXT_LEAF_SPAN = 1, /* a part of one long string, and nothing else */
    DX_TEXT_LEAF_WIDE = 2  /* its characters may be more than ASCII */
};

/* Live units, by dx_text_unit. Sums stay below 2^32, for every unit is a byte somewhere; so differences may wrap. */
typedef struct dx_text_counts {
    uint32_t unit[3];
} dx_text_counts;

typedef struct dx_text_inner dx_text_inner;

typedef struct dx_text_leaf {
    uint32_t self, list, prev, next;
    dx_text_inner *parent; /* NULL: the root */
    dx_text_ref *refs;
    uint8_t *text;
    dx_text_counts live;
    uint16_t text_size, text_room, gap; /* the gap begins there and is what text_room has more */
    uint8_t count, room, slot, flags;
    uint16_t marks; /* keys of its live markers */
} dx_text_leaf;

typedef union dx_text_node {
    dx_text_leaf *leaf;
    dx_text_inner *inner;
} dx_text_node;

struct dx_text_inner {
    dx_text_inner *parent;
    uint8_t slot, count, level; /* level 1: above leaves */
    uint16_t marks[DX_TEXT_FANOUT];
    dx_text_counts live[DX_TEXT_FANOUT];
    dx_text_node child[DX_TEXT_FANOUT];
};

typedef struct dx_text_order {
    uint32_t owner, first, last; /* leaves, 0: empty */
    dx_text_counts live;
    dx_text_node root;
    uint32_t level; /* of the root, 0: a leaf */
} dx_text_order;

/* Where an item of a leaf stands. */
typedef struct dx_text_place {
    dx_text_leaf *leaf; /* NULL: nowhere */
    uint32_t at;        /* among its items */
    uint32_t byte;      /* of its characters among the leaf's */
} dx_text_place;

typedef struct dx_text_ids {
    struct dx_text_id_inner *root; /* NULL: one leaf, or none */
    struct dx_text_id_leaf *first, *last;
    uint32_t state;
} dx_text_ids;

/* What one keystroke may need, as found when last it was asked for. */
typedef struct dx_text_keystroke {
    size_t leaves, blocks;
    uint32_t level; /* of the highest tree then; another one: unknown */
} dx_text_keystroke;

struct dx_text_sequence {
    const dx_alloc *alloc;
    dx_text_pool pool;
    dx_text_slab items, leaves;
    dx_text_order *lists; /* handle - 1 */
    size_t list_count, list_room;
    dx_text_ids *clients;
    size_t client_room;
    struct dx_text_id_leaf *found; /* where the last search by id ended */
    uint32_t found_at;
    size_t text_bytes; /* of all strings */
    dx_text_keystroke step;
    uint32_t level;        /* of the highest tree */
    uint32_t walked;       /* where in its leaf the item was that a step to a neighbour found last; a guess */
    dx_text_place spot;    /* an item looked up last; leaf NULL: unknown */
    dx_text_place cursor;  /* the item (or span) found by index last; its byte is not kept */
    uint32_t cursor_index; /* units before it in its list, UTF-16 */
    uint32_t tail;         /* the last span of a string that grew last */
};

static inline dx_text_item *dx_text_tree_item(const dx_text_sequence *sequence, dx_text_ref ref) {
    return dx_text_slab_at(&sequence->items, ref);
}

static inline dx_text_leaf *dx_text_tree_leaf(const dx_text_sequence *sequence, uint32_t leaf) {
    return dx_text_slab_at(&sequence->leaves, leaf);
}

static inline dx_text_order *dx_text_tree_list(const dx_text_sequence *sequence, dx_text_list list) {
    return &sequence->lists[list - 1];
}

/* Bytes of characters kept for an item. */
static inline uint32_t dx_text_item_size(const dx_text_item *item) {
    return item->ref == DX_TEXT_STRING ? item->payload : 0;
}

/* The bit of a live marker's key among `marks`, 0 for every other item. Keys from 15 on share the last one. */
static inline uint16_t dx_text_mark_of(const dx_text_item *item) {
    if (item->ref != DX_TEXT_FORMAT || (item->flags & DX_ITEM_DELETED) != 0) {
        return 0;
    }
    return (uint16_t)(1u << (item->spare < 15 ? item->spare : 15));
}

/* --- Leaves and counts (tree.c) --- */

/* The keys of a leaf's live markers are these from now on, in the nodes above as well. */
void dx_text_tree_mark(dx_text_leaf *leaf, uint16_t marks);
/* The last leaf before this one that has some of the marks; NULL: none has. */
dx_text_leaf *dx_text_tree_marked_before(const dx_text_leaf *leaf, uint16_t marks);

/* A new empty leaf at the right side of `left`; NULL: the first of the list. */
dx_text_leaf *dx_text_tree_add(dx_text_sequence *sequence, dx_text_list list, dx_text_leaf *left);
/* Takes an empty leaf away. */
void dx_text_tree_drop(dx_text_sequence *sequence, dx_text_leaf *leaf);
/* Adds to the counts of a leaf and of all above it. */
void dx_text_tree_count(dx_text_sequence *sequence, dx_text_leaf *leaf, dx_text_counts difference);
/* Live units before a leaf. */
uint32_t dx_text_tree_before(const dx_text_leaf *leaf, dx_text_unit unit);
/* The leaf with the live unit at *index, which must be one; *index becomes the unit within the leaf. */
dx_text_leaf *dx_text_tree_find(const dx_text_order *list, dx_text_unit unit, uint32_t *index);
/* Whether leaf a stands before leaf b of the same list. */
bool dx_text_tree_precedes(const dx_text_leaf *a, const dx_text_leaf *b);
/* Nodes above leaves that new leaves, which come in so many steps, may need. */
size_t dx_text_tree_nodes(const dx_text_sequence *sequence, size_t steps, size_t leaves);

/* --- What a leaf holds (leaf.c) --- */

/* Entries alone: their place is set, records and counts are not. at: where the item is to stand. */
void dx_text_leaf_put(dx_text_sequence *sequence, dx_text_leaf *leaf, uint32_t at, dx_text_ref ref);
void dx_text_leaf_take(dx_text_sequence *sequence, dx_text_leaf *leaf, uint32_t at);
/* How many handles a leaf of so many items has room for. */
uint32_t dx_text_leaf_handles(uint32_t count);
/* Characters alone. */
void dx_text_leaf_write(dx_text_sequence *sequence, dx_text_leaf *leaf, uint32_t byte, dx_bytes text);
/* So many bytes were put into the block of an empty leaf. */
void dx_text_leaf_written(dx_text_sequence *sequence, dx_text_leaf *leaf, uint32_t size);
void dx_text_leaf_erase(dx_text_sequence *sequence, dx_text_leaf *leaf, uint32_t byte, uint32_t size);
/* Those from `byte` on, in the run they lie in, at most `size`. */
dx_bytes dx_text_leaf_run(const dx_text_leaf *leaf, uint32_t byte, uint32_t size);
/* The characters [byte, byte+size) in one piece: the gap moves. */
uint8_t *dx_text_leaf_flat(dx_text_leaf *leaf, uint32_t byte, uint32_t size);
/* UTF-16 units and code points of characters of a leaf. */
dx_text_counts dx_text_leaf_measure(const dx_text_leaf *leaf, uint32_t byte, uint32_t size);
/* Moves the items from `at` on, whose characters begin at `byte`, with their counts, to the end of another leaf, which has room:
 * a neighbour's end or a new leaf. */
void dx_text_leaf_move(dx_text_sequence *sequence, dx_text_leaf *leaf, uint32_t at, uint32_t byte,
                       dx_text_leaf *to);
/* Live units of the item (of the span) at a place. */
dx_text_counts dx_text_leaf_live(const dx_text_sequence *sequence, const dx_text_leaf *leaf, uint32_t at,
                                 uint32_t byte);
/* The keys of its live markers, looked for. */
uint16_t dx_text_leaf_marks(const dx_text_sequence *sequence, const dx_text_leaf *leaf);
/* Bytes of characters before the item at a place. */
uint32_t dx_text_leaf_byte(const dx_text_sequence *sequence, const dx_text_leaf *leaf, uint32_t at);

/* --- Ids (ids.c) --- */

/* An item made by a split stands behind the one it was cut from. */
void dx_text_ids_insert(dx_text_sequence *sequence, dx_text_ref ref);
void dx_text_ids_remove(dx_text_sequence *sequence, dx_text_ref ref);
/* So many that one more needs what it will always need. */
bool dx_text_ids_are_many(const dx_text_sequence *sequence);
/* Bytes of blocks that so many new ids may need. */
size_t dx_text_ids_blocks(const dx_text_sequence *sequence, size_t count);
/* Likewise, of a whole document's, which so many clients have. */
size_t dx_text_ids_fill_blocks(size_t count, size_t clients);

/* --- Lists (sequence_tree.c) --- */

/* Room for so many new lists. */
int dx_text_sequence_reserve_lists(dx_text_sequence *sequence, size_t lists);

#endif
