/* text/place.h: where items stand in the leaves of a tree, and room for more there.
 *
 * Layer: floor 1, text, private to the sequence. A long string stands in a row of leaves, its spans, each of which has its
 * handle and nothing else; its record knows the first. */
#ifndef DX_TEXT_PLACE_H
#define DX_TEXT_PLACE_H

#include "text/tree.h"

/* The hints (spot, cursor, tail) are what a question may change. */
static inline dx_text_sequence *dx_text_place_hinted(const dx_text_sequence *sequence) {
    return (dx_text_sequence *)(uintptr_t)sequence;
}

static inline dx_text_counts dx_text_counts_negative(dx_text_counts counts) {
    return (dx_text_counts){{0 - counts.unit[0], 0 - counts.unit[1], 0 - counts.unit[2]}};
}

static inline bool dx_text_place_is_span(const dx_text_leaf *leaf) {
    return (leaf->flags & DX_TEXT_LEAF_SPAN) != 0;
}

/* The leaf of that handle, NULL for 0. */
static inline dx_text_leaf *dx_text_place_beside(const dx_text_sequence *sequence, uint32_t leaf) {
    return leaf != 0 ? dx_text_tree_leaf(sequence, leaf) : NULL;
}

/* Where the item stands, or begins. */
static inline dx_text_leaf *dx_text_place_leaf(const dx_text_sequence *sequence, dx_text_ref ref) {
    return dx_text_tree_leaf(sequence, dx_text_tree_item(sequence, ref)->place);
}

/* Where in its leaf. */
uint32_t dx_text_place_position(const dx_text_sequence *sequence, const dx_text_leaf *leaf, dx_text_ref ref);
/* Makes `spot` the place of the item (of its first span). */
dx_text_place *dx_text_place_locate(dx_text_sequence *sequence, dx_text_ref ref);
/* The next span of the string that stands in this leaf; NULL: it ends here. */
dx_text_leaf *dx_text_place_next_span(const dx_text_sequence *sequence, const dx_text_leaf *leaf);
/* The leaf where the item ends. */
dx_text_leaf *dx_text_place_end(dx_text_sequence *sequence, dx_text_ref ref);
/* At a place of a leaf, entries come (1) or go (-1), and the live units there become that many more: the cursor stays at its item;
 * nowhere, when that goes. Before the change is made. */
void dx_text_place_shift_cursor(dx_text_sequence *sequence, const dx_text_leaf *leaf, uint32_t at,
                                int entries, uint32_t units);
/* A place with room for one item with so many bytes, the same in the order as the one given. */
dx_text_place dx_text_place_make_room(dx_text_sequence *sequence, dx_text_place spot, size_t size);
/* Everything from a place on goes to a new leaf at the right side. */
dx_text_leaf *dx_text_place_cut(dx_text_sequence *sequence, dx_text_leaf *leaf, uint32_t at, uint32_t byte);
/* A new span at the right side of a leaf (NULL: the first of the list). */
dx_text_leaf *dx_text_place_add_span(dx_text_sequence *sequence, dx_text_list list, dx_text_leaf *left,
                                     dx_text_ref ref);
/* The bytes of whole code points at the beginning of a text, at most `size`. */
uint32_t dx_text_place_whole(dx_bytes text, uint32_t size);
/* Writes on where a long string ends, in as many leaves as it takes; leaf: its last. */
void dx_text_place_append(dx_text_sequence *sequence, dx_text_leaf *leaf, dx_bytes text);
/* The item gets a leaf of its own, which is its only span. */
dx_text_leaf *dx_text_place_isolate(dx_text_sequence *sequence, dx_text_ref ref);
/* Takes the entry at the spot out, its characters and units with it. */
void dx_text_place_take_out(dx_text_sequence *sequence, dx_text_place spot);

#endif
