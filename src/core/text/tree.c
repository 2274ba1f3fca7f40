/* text/tree.c: the nodes above the leaves, their counts, and the row of leaves. */
#include "text/tree.h"

#include <string.h>

static void counts_add(dx_text_counts *counts, dx_text_counts difference) {
    counts->unit[0] += difference.unit[0];
    counts->unit[1] += difference.unit[1];
    counts->unit[2] += difference.unit[2];
}

static void adopt(dx_text_inner *parent, uint32_t slot) {
    if (parent->level == 1) {
        parent->child[slot].leaf->parent = parent;
        parent->child[slot].leaf->slot = (uint8_t)slot;
    } else {
        parent->child[slot].inner->parent = parent;
        parent->child[slot].inner->slot = (uint8_t)slot;
    }
}

/* Moves children [from, from+count) to another node's place `to`; both may be one node. */
static void shift(dx_text_inner *node, uint32_t from, uint32_t count, dx_text_inner *target, uint32_t to) {
    memmove(&target->child[to], &node->child[from], count * sizeof *node->child);
    memmove(&target->live[to], &node->live[from], count * sizeof *node->live);
    memmove(&target->marks[to], &node->marks[from], count * sizeof *node->marks);
    for (uint32_t i = 0; i < count; i++) {
        adopt(target, to + i);
    }
}

static uint16_t marks_below(const dx_text_inner *node) {
    uint16_t marks = 0;
    for (uint32_t i = 0; i < node->count; i++) {
        marks |= node->marks[i];
    }
    return marks;
}

static void mark_above(dx_text_inner *node, uint32_t slot, uint16_t marks) {
    for (; node != NULL && node->marks[slot] != marks; slot = node->slot, node = node->parent) {
        node->marks[slot] = marks;
        marks = marks_below(node);
    }
}

void dx_text_tree_mark(dx_text_leaf *leaf, uint16_t marks) {
    leaf->marks = marks;
    mark_above(leaf->parent, leaf->slot, marks);
}

dx_text_leaf *dx_text_tree_marked_before(const dx_text_leaf *leaf, uint16_t marks) {
    uint32_t slot = leaf->slot;
    for (dx_text_inner *node = leaf->parent; node != NULL; slot = node->slot, node = node->parent) {
        while (slot > 0) {
            if ((node->marks[--slot] & marks) == 0) {
                continue;
            }
            dx_text_node child = node->child[slot];
            for (uint32_t level = node->level; level > 1; level--) {
                uint32_t last = child.inner->count;
                while ((child.inner->marks[--last] & marks) == 0) {
                }
                child = child.inner->child[last];
            }
            return child.leaf;
        }
    }
    return NULL;
}

static dx_text_inner *new_inner(dx_text_sequence *sequence, uint32_t level) {
    dx_text_inner *node = dx_text_pool_take(&sequence->pool, sizeof *node);
    memset(node, 0, sizeof *node);
    node->level = (uint8_t)level;
    return node;
}

static void grow_root(dx_text_sequence *sequence, dx_text_order *list) {
    dx_text_inner *root = new_inner(sequence, ++list->level);
    root->count = 1;
    root->child[0] = list->root;
    root->live[0] = list->live;
    root->marks[0] = list->level == 1 ? list->root.leaf->marks : marks_below(list->root.inner);
    adopt(root, 0);
    list->root.inner = root;
    if (list->level > sequence->level) {
        sequence->level = list->level;
    }
}

/* Puts a child at a place of a node that has room. */
static void insert_child(dx_text_inner *node, uint32_t slot, dx_text_node child, dx_text_counts live) {
    shift(node, slot, node->count - slot, node, slot + 1);
    node->count++;
    node->child[slot] = child;
    node->live[slot] = live;
    node->marks[slot] = 0;
    adopt(node, slot);
}

/* Cuts a full node in two for a child that is to stand at `slot`: at its end when the child comes there, for texts are often
 * written onwards. The counts above agree at every moment. */
static dx_text_inner *split_inner(dx_text_sequence *sequence, dx_text_order *list, dx_text_inner *node,
                                  uint32_t *slot) {
    if (node->parent == NULL) {
        grow_root(sequence, list);
    } else if (node->parent->count == DX_TEXT_FANOUT) {
        uint32_t above = node->slot + 1u;
        split_inner(sequence, list, node->parent, &above);
    }
    uint32_t cut = *slot == DX_TEXT_FANOUT ? DX_TEXT_FANOUT - 1 : DX_TEXT_FANOUT / 2;
    dx_text_inner *right = new_inner(sequence, node->level);
    shift(node, cut, node->count - cut, right, 0);
    right->count = (uint8_t)(node->count - cut);
    node->count = (uint8_t)cut;
    dx_text_counts moved = {{0, 0, 0}};
    for (uint32_t i = 0; i < right->count; i++) {
        counts_add(&moved, right->live[i]);
    }
    for (int i = 0; i < 3; i++) {
        node->parent->live[node->slot].unit[i] -= moved.unit[i];
    }
    insert_child(node->parent, node->slot + 1u, (dx_text_node){.inner = right}, moved);
    mark_above(right->parent, right->slot, marks_below(right));
    mark_above(node->parent, node->slot, marks_below(node));
    if (*slot > cut) {
        *slot -= cut;
        return right;
    }
    return node;
}

dx_text_leaf *dx_text_tree_add(dx_text_sequence *sequence, dx_text_list handle, dx_text_leaf *left) {
    static const dx_text_counts none;
    dx_text_order *list = dx_text_tree_list(sequence, handle);
    uint32_t self = dx_text_slab_take(&sequence->leaves), next = left != NULL ? left->next : list->first;
    dx_text_leaf *leaf = dx_text_tree_leaf(sequence, self);
    leaf->self = self;
    leaf->list = handle;
    leaf->prev = left != NULL ? left->self : 0;
    leaf->next = next;
    if (list->first == 0) {
        list->root.leaf = leaf;
    } else {
        dx_text_leaf *beside = left != NULL ? left : dx_text_tree_leaf(sequence, list->first);
        if (list->level == 0) {
            grow_root(sequence, list);
        }
        dx_text_inner *node = beside->parent;
        uint32_t slot = left != NULL ? beside->slot + 1u : 0;
        if (node->count == DX_TEXT_FANOUT) {
            node = split_inner(sequence, list, node, &slot);
        }
        insert_child(node, slot, (dx_text_node){.leaf = leaf}, none);
    }
    *(left != NULL ? &left->next : &list->first) = self;
    *(next != 0 ? &dx_text_tree_leaf(sequence, next)->prev : &list->last) = self;
    return leaf;
}

static void remove_child(dx_text_sequence *sequence, dx_text_order *list, dx_text_inner *node,
                         uint32_t slot) {
    while (node != NULL) {
        node->count--;
        shift(node, slot + 1, node->count - slot, node, slot);
        if (node->count > 0) {
            mark_above(node->parent, node->slot, marks_below(node));
            break;
        }
        dx_text_inner *parent = node->parent;
        slot = node->slot;
        dx_text_pool_free(&sequence->pool, node, sizeof *node);
        node = parent;
    }
    if (node == NULL) {
        list->root.leaf = NULL;
        list->level = 0;
    }
    while (list->level > 0 && list->root.inner->count == 1) {
        dx_text_inner *root = list->root.inner;
        list->root = root->child[0];
        if (--list->level == 0) {
            list->root.leaf->parent = NULL;
        } else {
            list->root.inner->parent = NULL;
        }
        dx_text_pool_free(&sequence->pool, root, sizeof *root);
    }
}

void dx_text_tree_drop(dx_text_sequence *sequence, dx_text_leaf *leaf) {
    dx_text_order *list = dx_text_tree_list(sequence, leaf->list);
    *(leaf->prev != 0 ? &dx_text_tree_leaf(sequence, leaf->prev)->next : &list->first) = leaf->next;
    *(leaf->next != 0 ? &dx_text_tree_leaf(sequence, leaf->next)->prev : &list->last) = leaf->prev;
    if (leaf->parent != NULL) {
        remove_child(sequence, list, leaf->parent, leaf->slot);
    } else {
        list->root.leaf = NULL;
    }
    if (leaf->room > 0) {
        dx_text_pool_free(&sequence->pool, leaf->refs, leaf->room * sizeof *leaf->refs);
    }
    if (leaf->text_room > 0) {
        dx_text_pool_free(&sequence->pool, leaf->text, leaf->text_room);
    }
    if (sequence->spot.leaf == leaf) {
        sequence->spot.leaf = NULL;
    }
    if (sequence->cursor.leaf == leaf) {
        sequence->cursor.leaf = NULL;
    }
    dx_text_slab_free(&sequence->leaves, leaf->self);
}

void dx_text_tree_count(dx_text_sequence *sequence, dx_text_leaf *leaf, dx_text_counts difference) {
    counts_add(&leaf->live, difference);
    uint32_t slot = leaf->slot;
    for (dx_text_inner *node = leaf->parent; node != NULL; node = node->parent) {
        counts_add(&node->live[slot], difference);
        slot = node->slot;
    }
    counts_add(&dx_text_tree_list(sequence, leaf->list)->live, difference);
}

uint32_t dx_text_tree_before(const dx_text_leaf *leaf, dx_text_unit unit) {
    uint32_t before = 0, slot = leaf->slot;
    for (const dx_text_inner *node = leaf->parent; node != NULL; node = node->parent) {
        for (uint32_t i = 0; i < slot; i++) {
            before += node->live[i].unit[unit];
        }
        slot = node->slot;
    }
    return before;
}

dx_text_leaf *dx_text_tree_find(const dx_text_order *list, dx_text_unit unit, uint32_t *index) {
    dx_text_node node = list->root;
    for (uint32_t level = list->level; level > 0; level--) {
        const dx_text_counts *live = node.inner->live;
        uint32_t slot = 0;
        for (; *index >= live[slot].unit[unit]; slot++) {
            *index -= live[slot].unit[unit];
        }
        node = node.inner->child[slot];
    }
    return node.leaf;
}

bool dx_text_tree_precedes(const dx_text_leaf *a, const dx_text_leaf *b) {
    uint32_t slot_a = a->slot, slot_b = b->slot;
    const dx_text_inner *above_a = a->parent, *above_b = b->parent;
    while (above_a != above_b) {
        slot_a = above_a->slot;
        slot_b = above_b->slot;
        above_a = above_a->parent;
        above_b = above_b->parent;
    }
    return slot_a < slot_b;
}

size_t dx_text_tree_nodes(const dx_text_sequence *sequence, size_t steps, size_t leaves) {
    /* Leaves that come at one place may cut every node on the way up and make a new root; many in a row cut a node every eighth
     * time, and each node there was once. */
    size_t there = sequence->leaves.used - sequence->leaves.free_count, path = sequence->level + 2;
    size_t few = steps * path + leaves / 8, many = path + leaves / 4 + there / 4;
    return few < many ? few : many;
}
