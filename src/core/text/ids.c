/* text/ids.c: which item holds a clock: for each client a B+tree of handles in the order of their clocks.
 *
 * Leaves hold handles alone, the clocks stand in the records: a search in one leaf looks at eight of them, and most searches
 * end at the item found before or its neighbour. */
#include "text/draft.h"

#include <string.h>

enum { ID_FANOUT = 32, ID_LEAF_MAX = (DX_TEXT_BLOCK_MAX - 64) / 4, ID_LEAF_MIN = 4 };

typedef struct dx_text_id_inner dx_text_id_inner;

typedef struct dx_text_id_leaf {
    dx_text_id_inner *parent;
    struct dx_text_id_leaf *prev, *next;
    uint16_t count, room;
    uint8_t slot;
    dx_text_ref refs[];
} dx_text_id_leaf;

typedef union id_node {
    dx_text_id_leaf *leaf;
    dx_text_id_inner *inner;
} id_node;

struct dx_text_id_inner {
    dx_text_id_inner *parent;
    uint8_t slot, count, level; /* level 1: above leaves */
    uint32_t key[ID_FANOUT];    /* the first clock below each child */
    id_node child[ID_FANOUT];
};

static size_t leaf_size(uint32_t room) {
    return sizeof(dx_text_id_leaf) + room * sizeof(dx_text_ref);
}

static uint32_t clock_of(const dx_text_sequence *sequence, dx_text_ref ref) {
    return dx_text_tree_item(sequence, ref)->clock;
}

int dx_text_ids_reserve(dx_text_sequence *sequence, size_t clients) {
    if (clients <= sequence->client_room) {
        return DX_OK;
    }
    size_t room = clients + sequence->client_room / 2;
    dx_text_ids *grown = room > SIZE_MAX / sizeof *grown
                             ? NULL
                             : dx_alloc_grow(sequence->alloc, sequence->clients,
                                             sequence->client_room * sizeof *grown, room * sizeof *grown);
    if (grown == NULL) {
        return DX_E_NO_MEMORY;
    }
    memset(grown + sequence->client_room, 0, (room - sequence->client_room) * sizeof *grown);
    sequence->clients = grown;
    sequence->client_room = room;
    return DX_OK;
}

bool dx_text_ids_are_many(const dx_text_sequence *sequence) {
    return sequence->items.used - sequence->items.free_count > ID_LEAF_MAX;
}

size_t dx_text_ids_blocks(const dx_text_sequence *sequence, size_t count) {
    /* One new id may move a leaf to a larger block, or cut it into two new ones and the nodes above; many in a row make a leaf of every half one
     * they fill, and each leaf there was grows or is cut once. */
    size_t there = sequence->items.used - sequence->items.free_count;
    size_t handles = there + count < ID_LEAF_MAX ? 2 * (there + count) + ID_LEAF_MIN : ID_LEAF_MAX;
    size_t one = leaf_size((uint32_t)handles) + leaf_size((uint32_t)handles / 2) +
                 (there + count < ID_LEAF_MAX ? 1u : 3u) * sizeof(dx_text_id_inner) + 64;
    size_t leaves = there / (ID_LEAF_MAX / 2) + sequence->client_room + 1;
    return (count < leaves ? count : leaves) * one + count * 2 * sizeof(dx_text_id_leaf);
}

size_t dx_text_ids_fill_blocks(size_t count, size_t clients) {
    /* Each client's last leaf is rounded up; a full one has its part of a node, and who has two has a node besides. */
    return count * sizeof(dx_text_ref) +
           clients * (sizeof(dx_text_id_leaf) + 64 + ID_LEAF_MIN * sizeof(dx_text_ref)) +
           count / ID_LEAF_MAX *
               (DX_TEXT_BLOCK_MAX - ID_LEAF_MAX * sizeof(dx_text_ref) + 3 * sizeof(dx_text_id_inner));
}

/* --- Nodes ------------------------------------------------------------------------------------- */

static void adopt(dx_text_id_inner *parent, uint32_t slot) {
    if (parent->level == 1) {
        parent->child[slot].leaf->parent = parent;
        parent->child[slot].leaf->slot = (uint8_t)slot;
    } else {
        parent->child[slot].inner->parent = parent;
        parent->child[slot].inner->slot = (uint8_t)slot;
    }
}

static void shift(dx_text_id_inner *node, uint32_t from, uint32_t count, dx_text_id_inner *target,
                  uint32_t to) {
    memmove(&target->child[to], &node->child[from], count * sizeof *node->child);
    memmove(&target->key[to], &node->key[from], count * sizeof *node->key);
    for (uint32_t i = 0; i < count; i++) {
        adopt(target, to + i);
    }
}

static dx_text_id_inner *new_inner(dx_text_sequence *sequence, uint32_t level) {
    dx_text_id_inner *node = dx_text_pool_take(&sequence->pool, sizeof *node);
    memset(node, 0, sizeof *node);
    node->level = (uint8_t)level;
    return node;
}

static void grow_root(dx_text_sequence *sequence, dx_text_ids *ids, id_node below, uint32_t level,
                      uint32_t key) {
    dx_text_id_inner *root = new_inner(sequence, level);
    root->count = 1;
    root->child[0] = below;
    root->key[0] = key;
    adopt(root, 0);
    ids->root = root;
}

static void insert_child(dx_text_id_inner *node, uint32_t slot, id_node child, uint32_t key) {
    shift(node, slot, node->count - slot, node, slot + 1);
    node->count++;
    node->child[slot] = child;
    node->key[slot] = key;
    adopt(node, slot);
}

static dx_text_id_inner *split_inner(dx_text_sequence *sequence, dx_text_ids *ids, dx_text_id_inner *node,
                                     uint32_t *slot) {
    if (node->parent == NULL) {
        grow_root(sequence, ids, (id_node){.inner = node}, node->level + 1u, node->key[0]);
    } else if (node->parent->count == ID_FANOUT) {
        uint32_t above = node->slot + 1u;
        split_inner(sequence, ids, node->parent, &above);
    }
    uint32_t cut = *slot == ID_FANOUT ? ID_FANOUT - 1 : ID_FANOUT / 2;
    dx_text_id_inner *right = new_inner(sequence, node->level);
    shift(node, cut, node->count - cut, right, 0);
    right->count = (uint8_t)(node->count - cut);
    node->count = (uint8_t)cut;
    insert_child(node->parent, node->slot + 1u, (id_node){.inner = right}, right->key[0]);
    if (*slot > cut) {
        *slot -= cut;
        return right;
    }
    return node;
}

static dx_text_id_leaf *new_leaf(dx_text_sequence *sequence, uint32_t room) {
    /* The class may have room for more than was asked. */
    size_t size = dx_text_pool_size(leaf_size(room));
    dx_text_id_leaf *leaf = dx_text_pool_take(&sequence->pool, size);
    memset(leaf, 0, sizeof *leaf);
    leaf->room = (uint16_t)((size - sizeof *leaf) / sizeof *leaf->refs);
    return leaf;
}

static void free_leaf(dx_text_sequence *sequence, dx_text_id_leaf *leaf) {
    if (sequence->found == leaf) {
        sequence->found = NULL;
    }
    dx_text_pool_free(&sequence->pool, leaf, leaf_size(leaf->room));
}

/* Room for a leaf of so many to grow. */
static uint32_t wider(uint32_t count) {
    uint32_t wanted = count + (count < 64 ? count : count / 4);
    return wanted < ID_LEAF_MAX ? wanted : ID_LEAF_MAX;
}

/* The same leaf in a block with room for so many. */
static dx_text_id_leaf *move_leaf(dx_text_sequence *sequence, dx_text_ids *ids, dx_text_id_leaf *leaf,
                                  uint32_t room) {
    dx_text_id_leaf *moved = new_leaf(sequence, room);
    moved->parent = leaf->parent;
    moved->prev = leaf->prev;
    moved->next = leaf->next;
    moved->slot = leaf->slot;
    moved->count = leaf->count;
    memcpy(moved->refs, leaf->refs, leaf->count * sizeof *leaf->refs);
    *(moved->prev != NULL ? &moved->prev->next : &ids->first) = moved;
    *(moved->next != NULL ? &moved->next->prev : &ids->last) = moved;
    if (moved->parent != NULL) {
        moved->parent->child[moved->slot].leaf = moved;
    }
    if (sequence->found == leaf) {
        sequence->found = moved;
    }
    free_leaf(sequence, leaf);
    return moved;
}

static dx_text_id_leaf *add_leaf(dx_text_sequence *sequence, dx_text_ids *ids, dx_text_id_leaf *left,
                                 uint32_t room, uint32_t key) {
    dx_text_id_leaf *leaf = new_leaf(sequence, room);
    leaf->prev = left;
    leaf->next = left->next;
    *(leaf->next != NULL ? &leaf->next->prev : &ids->last) = leaf;
    left->next = leaf;
    if (ids->root == NULL) {
        grow_root(sequence, ids, (id_node){.leaf = left}, 1, clock_of(sequence, left->refs[0]));
    }
    dx_text_id_inner *node = left->parent;
    uint32_t slot = left->slot + 1u;
    if (node->count == ID_FANOUT) {
        node = split_inner(sequence, ids, node, &slot);
    }
    insert_child(node, slot, (id_node){.leaf = leaf}, key);
    return leaf;
}

/* Puts a handle behind the one at `at` (in an empty tree: as the first). */
static void insert_after(dx_text_sequence *sequence, dx_text_ids *ids, dx_text_id_leaf *leaf, uint32_t at,
                         dx_text_ref ref) {
    at++;
    if (leaf->count == leaf->room && leaf->room < ID_LEAF_MAX) {
        leaf = move_leaf(sequence, ids, leaf, wider(leaf->room));
    }
    if (leaf->count == leaf->room && at == leaf->count) {
        leaf = add_leaf(sequence, ids, leaf, ID_LEAF_MAX / 4, clock_of(sequence, ref));
        at = 0;
    } else if (leaf->count == leaf->room) {
        uint32_t half = leaf->count / 2u;
        dx_text_id_leaf *right =
            add_leaf(sequence, ids, leaf, wider(leaf->count - half), clock_of(sequence, leaf->refs[half]));
        right->count = (uint16_t)(leaf->count - half);
        memcpy(right->refs, &leaf->refs[half], right->count * sizeof *right->refs);
        leaf->count = (uint16_t)half;
        leaf = move_leaf(sequence, ids, leaf, wider(half));
        if (at > half) {
            leaf = right;
            at -= half;
        }
    }
    memmove(&leaf->refs[at + 1], &leaf->refs[at], (leaf->count - at) * sizeof *leaf->refs);
    leaf->refs[at] = ref;
    leaf->count++;
    if (leaf->next != NULL || at + 1u < leaf->count) {
        sequence->found = leaf;
        sequence->found_at = at;
    }
}

/* --- Looking up -------------------------------------------------------------------------------- */

/* The last in a leaf whose clock is not above. */
static uint32_t search_leaf(const dx_text_sequence *sequence, const dx_text_id_leaf *leaf, uint32_t clock) {
    uint32_t low = 0, high = leaf->count;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (clock_of(sequence, leaf->refs[middle]) <= clock) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

static bool holds(const dx_text_item *item, uint32_t client, uint32_t clock) {
    return item->client == client && clock - item->clock < item->length;
}

/* Whether the item, or one beside it, is the one: *at becomes its place. */
static bool near(const dx_text_sequence *sequence, const dx_text_id_leaf *leaf, uint32_t *at, uint32_t client,
                 uint32_t clock) {
    if (leaf == NULL || *at >= leaf->count) {
        return false;
    }
    const dx_text_item *item = dx_text_tree_item(sequence, leaf->refs[*at]);
    if (item->client != client) {
        return false;
    }
    if (clock < item->clock) {
        if (*at == 0 || !holds(dx_text_tree_item(sequence, leaf->refs[*at - 1]), client, clock)) {
            return false;
        }
        --*at;
    } else if (clock - item->clock >= item->length) {
        if (*at + 1u >= leaf->count ||
            !holds(dx_text_tree_item(sequence, leaf->refs[*at + 1]), client, clock)) {
            return false;
        }
        ++*at;
    }
    return true;
}

/* Finds the place of the item that holds a clock below the client's state. */
static void locate(dx_text_sequence *sequence, uint32_t client, uint32_t clock) {
    if (near(sequence, sequence->found, &sequence->found_at, client, clock)) {
        return;
    }
    const dx_text_ids *ids = &sequence->clients[client];
    dx_text_id_leaf *leaf = ids->last;
    if (ids->root != NULL && clock < clock_of(sequence, leaf->refs[0])) {
        id_node node = {.inner = ids->root};
        for (uint32_t level = ids->root->level; level > 0; level--) {
            uint32_t low = 0, high = node.inner->count;
            while (high - low > 1) {
                uint32_t middle = (low + high) / 2;
                if (node.inner->key[middle] <= clock) {
                    low = middle;
                } else {
                    high = middle;
                }
            }
            node = node.inner->child[low];
        }
        leaf = node.leaf;
    }
    sequence->found = leaf;
    sequence->found_at = holds(dx_text_tree_item(sequence, leaf->refs[leaf->count - 1]), client, clock)
                             ? leaf->count - 1u
                             : search_leaf(sequence, leaf, clock);
}

/* The hints are what a lookup may change. */
static dx_text_sequence *hinted(const dx_text_sequence *sequence) {
    return (dx_text_sequence *)(uintptr_t)sequence;
}

static void locate_ref(dx_text_sequence *sequence, dx_text_ref ref) {
    const dx_text_id_leaf *leaf = sequence->found;
    if (leaf != NULL && sequence->found_at < leaf->count && leaf->refs[sequence->found_at] == ref) {
        return;
    }
    const dx_text_item *item = dx_text_tree_item(sequence, ref);
    locate(sequence, item->client, item->clock);
    DX_ASSERT(sequence->found->refs[sequence->found_at] == ref);
}

uint32_t dx_text_ids_state(const dx_text_sequence *sequence, uint32_t client) {
    return client < sequence->client_room ? sequence->clients[client].state : 0;
}

dx_text_ref dx_text_ids_find(const dx_text_sequence *sequence, uint32_t client, uint32_t clock) {
    if (clock >= dx_text_ids_state(sequence, client)) {
        return 0;
    }
    const dx_text_id_leaf *last = sequence->clients[client].last;
    if (holds(dx_text_tree_item(sequence, last->refs[last->count - 1]), client, clock)) {
        return last->refs[last->count -
                          1]; /* what was written last is asked for often, and keeps no hint from its place */
    }
    locate(hinted(sequence), client, clock);
    return sequence->found->refs[sequence->found_at];
}

dx_text_ref dx_text_ids_first(const dx_text_sequence *sequence, uint32_t client) {
    if (client >= sequence->client_room || sequence->clients[client].first == NULL) {
        return 0;
    }
    return sequence->clients[client].first->refs[0];
}

/* The leaf where the client's ids end, when this is the last of them; NULL: it is not. */
static const dx_text_id_leaf *ends_with(const dx_text_sequence *sequence, dx_text_ref ref) {
    const dx_text_id_leaf *last = sequence->clients[dx_text_tree_item(sequence, ref)->client].last;
    return last->refs[last->count - 1] == ref ? last : NULL;
}

dx_text_ref dx_text_ids_next(const dx_text_sequence *sequence, dx_text_ref ref) {
    if (ends_with(sequence, ref) != NULL) {
        return 0;
    }
    locate_ref(hinted(sequence), ref);
    const dx_text_id_leaf *leaf = sequence->found;
    if (sequence->found_at + 1u < leaf->count) {
        return leaf->refs[sequence->found_at + 1];
    }
    return leaf->next != NULL ? leaf->next->refs[0] : 0;
}

dx_text_ref dx_text_ids_prev(const dx_text_sequence *sequence, dx_text_ref ref) {
    const dx_text_id_leaf *last = ends_with(sequence, ref);
    if (last != NULL) {
        return last->count > 1      ? last->refs[last->count - 2]
               : last->prev != NULL ? last->prev->refs[last->prev->count - 1]
                                    : 0;
    }
    locate_ref(hinted(sequence), ref);
    const dx_text_id_leaf *leaf = sequence->found;
    if (sequence->found_at > 0) {
        return leaf->refs[sequence->found_at - 1];
    }
    return leaf->prev != NULL ? leaf->prev->refs[leaf->prev->count - 1] : 0;
}

/* --- Changes ----------------------------------------------------------------------------------- */

void dx_text_ids_append(dx_text_sequence *sequence, dx_text_ref ref) {
    const dx_text_item *item = dx_text_tree_item(sequence, ref);
    DX_ASSERT(item->client < sequence->client_room);
    dx_text_ids *ids = &sequence->clients[item->client];
    DX_ASSERT(item->clock == ids->state);
    ids->state += item->length;
    if (ids->last == NULL) {
        ids->first = ids->last = new_leaf(sequence, ID_LEAF_MIN);
        insert_after(sequence, ids, ids->first, UINT32_MAX, ref);
    } else {
        insert_after(sequence, ids, ids->last, ids->last->count - 1u, ref);
    }
}

void dx_text_ids_fill(dx_text_sequence *sequence, uint32_t client, const dx_text_ref *refs, size_t count) {
    dx_text_ids *ids = &sequence->clients[client];
    DX_ASSERT(client < sequence->client_room && ids->last == NULL);
    for (size_t at = 0; at < count;) {
        uint32_t taken = count - at < ID_LEAF_MAX ? (uint32_t)(count - at) : ID_LEAF_MAX;
        uint32_t room = taken < ID_LEAF_MIN ? ID_LEAF_MIN : taken;
        if (ids->last == NULL) {
            ids->first = ids->last = new_leaf(sequence, room);
        } else {
            (void)add_leaf(sequence, ids, ids->last, room, clock_of(sequence, refs[at]));
        }
        memcpy(ids->last->refs, refs + at, taken * sizeof *refs);
        ids->last->count = (uint16_t)taken;
        at += taken;
    }
    const dx_text_item *last = dx_text_tree_item(sequence, refs[count - 1]);
    ids->state = last->clock + last->length;
}

void dx_text_ids_insert(dx_text_sequence *sequence, dx_text_ref ref) {
    const dx_text_item *item = dx_text_tree_item(sequence, ref);
    locate(sequence, item->client, item->clock - 1);
    insert_after(sequence, &sequence->clients[item->client], sequence->found, sequence->found_at, ref);
}

/* What comes first below the nodes above a child has changed. */
static void first_changed(dx_text_id_inner *node, uint32_t slot, uint32_t key) {
    for (; node != NULL; slot = node->slot, node = node->parent) {
        node->key[slot] = key;
        if (slot > 0) {
            break;
        }
    }
}

static void drop_leaf(dx_text_sequence *sequence, dx_text_ids *ids, dx_text_id_leaf *leaf) {
    *(leaf->prev != NULL ? &leaf->prev->next : &ids->first) = leaf->next;
    *(leaf->next != NULL ? &leaf->next->prev : &ids->last) = leaf->prev;
    dx_text_id_inner *node = leaf->parent;
    uint32_t slot = leaf->slot;
    free_leaf(sequence, leaf);
    while (node != NULL) {
        node->count--;
        shift(node, slot + 1, node->count - slot, node, slot);
        if (node->count > 0) {
            if (slot == 0 && node->parent != NULL) {
                first_changed(node->parent, node->slot, node->key[0]);
            }
            break;
        }
        dx_text_id_inner *parent = node->parent;
        slot = node->slot;
        dx_text_pool_free(&sequence->pool, node, sizeof *node);
        node = parent;
    }
    if (node == NULL) {
        ids->root = NULL;
    }
    while (ids->root != NULL && ids->root->count == 1) {
        dx_text_id_inner *root = ids->root;
        if (root->level == 1) {
            root->child[0].leaf->parent = NULL;
            ids->root = NULL;
        } else {
            ids->root = root->child[0].inner;
            ids->root->parent = NULL;
        }
        dx_text_pool_free(&sequence->pool, root, sizeof *root);
    }
}

void dx_text_ids_remove(dx_text_sequence *sequence, dx_text_ref ref) {
    locate_ref(sequence, ref);
    dx_text_id_leaf *leaf = sequence->found;
    uint32_t at = sequence->found_at;
    dx_text_ids *ids = &sequence->clients[dx_text_tree_item(sequence, ref)->client];
    leaf->count--;
    memmove(&leaf->refs[at], &leaf->refs[at + 1], (leaf->count - at) * sizeof *leaf->refs);
    if (leaf->count == 0) {
        drop_leaf(sequence, ids, leaf);
    } else if (at == 0) {
        first_changed(leaf->parent, leaf->slot, clock_of(sequence, leaf->refs[0]));
    } else {
        sequence->found_at = at - 1;
    }
}
