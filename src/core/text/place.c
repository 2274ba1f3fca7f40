/* text/place.c: where items stand in leaves, and room for more there. */
#include "text/place.h"

enum { TEXT_MAX = DX_TEXT_LEAF_TEXT };

uint32_t dx_text_place_position(const dx_text_sequence *sequence, const dx_text_leaf *leaf, dx_text_ref ref) {
    const dx_text_place *spot = &sequence->spot;
    if (spot->leaf == leaf && spot->at < leaf->count && leaf->refs[spot->at] == ref) {
        return spot->at;
    }
    if (sequence->walked < leaf->count && leaf->refs[sequence->walked] == ref) {
        return sequence->walked;
    }
    uint32_t at = 0;
    while (leaf->refs[at] != ref) {
        at++;
    }
    return at;
}

/* Makes `spot` the place of the item (of its first span). */
dx_text_place *dx_text_place_locate(dx_text_sequence *sequence, dx_text_ref ref) {
    dx_text_leaf *leaf = dx_text_place_leaf(sequence, ref);
    dx_text_place *spot = &sequence->spot;
    uint32_t at = spot->at;
    if (spot->leaf == leaf) {
        if (leaf->refs[at] == ref) {
            return spot;
        }
        if (at + 1u < leaf->count && leaf->refs[at + 1] == ref) {
            spot->byte += dx_text_item_size(dx_text_tree_item(sequence, leaf->refs[at]));
            spot->at++;
            return spot;
        }
        if (at > 0 && leaf->refs[at - 1] == ref) {
            spot->byte -= dx_text_item_size(dx_text_tree_item(sequence, leaf->refs[at - 1]));
            spot->at--;
            return spot;
        }
    }
    at = dx_text_place_position(sequence, leaf, ref);
    *spot = (dx_text_place){leaf, at, dx_text_leaf_byte(sequence, leaf, at)};
    return spot;
}

/* The next span of the item that stands in this leaf, NULL: it ends here. */
dx_text_leaf *dx_text_place_next_span(const dx_text_sequence *sequence, const dx_text_leaf *leaf) {
    if (!dx_text_place_is_span(leaf) || leaf->next == 0) {
        return NULL;
    }
    dx_text_leaf *next = dx_text_tree_leaf(sequence, leaf->next);
    return dx_text_place_is_span(next) && next->refs[0] == leaf->refs[0] ? next : NULL;
}

/* The leaf where the item ends. */
dx_text_leaf *dx_text_place_end(dx_text_sequence *sequence, dx_text_ref ref) {
    dx_text_leaf *leaf = dx_text_place_leaf(sequence, ref);
    if (!dx_text_place_is_span(leaf)) {
        return leaf;
    }
    const dx_text_item *item = dx_text_tree_item(sequence, ref);
    if (sequence->tail != 0) {
        dx_text_leaf *tail = dx_text_tree_leaf(sequence, sequence->tail);
        if (dx_text_place_is_span(tail) && tail->count == 1 && tail->refs[0] == ref &&
            dx_text_place_next_span(sequence, tail) == NULL) {
            return tail;
        }
    }
    if (dx_text_item_live(item) && item->payload > 8 * TEXT_MAX) {
        uint32_t index = dx_text_tree_before(leaf, DX_TEXT_UTF16) + item->length - 1;
        leaf = dx_text_tree_find(dx_text_tree_list(sequence, leaf->list), DX_TEXT_UTF16, &index);
    }
    for (dx_text_leaf *next = dx_text_place_next_span(sequence, leaf); next != NULL;
         next = dx_text_place_next_span(sequence, next)) {
        leaf = next;
    }
    sequence->tail = leaf->self;
    return leaf;
}

/* --- The cursor ------------------------------------------------------------------------------- */

void dx_text_place_shift_cursor(dx_text_sequence *sequence, const dx_text_leaf *leaf, uint32_t at,
                                int entries, uint32_t units) {
    dx_text_place *cursor = &sequence->cursor;
    if (cursor->leaf == NULL || cursor->leaf->list != leaf->list) {
        return;
    }
    if (cursor->leaf != leaf) {
        if (leaf->self != cursor->leaf->next && dx_text_tree_precedes(leaf, cursor->leaf)) {
            sequence->cursor_index += units;
        }
    } else if (cursor->at > at || (cursor->at == at && entries > 0)) {
        cursor->at += (uint32_t)entries;
        sequence->cursor_index += units;
    } else if (cursor->at == at && entries < 0) {
        cursor->leaf = NULL;
    }
}

/* --- Room ------------------------------------------------------------------------------------- */

static bool fits(const dx_text_leaf *leaf, size_t size) {
    return !dx_text_place_is_span(leaf) && leaf->count < DX_TEXT_LEAF_ITEMS &&
           leaf->text_size + size <= TEXT_MAX;
}

/* Everything from a place on goes to a new leaf at the right side. */
dx_text_leaf *dx_text_place_cut(dx_text_sequence *sequence, dx_text_leaf *leaf, uint32_t at, uint32_t byte) {
    dx_text_leaf *right = dx_text_tree_add(sequence, leaf->list, leaf);
    dx_text_leaf_move(sequence, leaf, at, byte, right);
    return right;
}

/* A place with room for one item with so many bytes, the same in the order as the one given. */
dx_text_place dx_text_place_make_room(dx_text_sequence *sequence, dx_text_place spot, size_t size) {
    dx_text_leaf *leaf = spot.leaf;
    if (!fits(leaf, size) && leaf->count == DX_TEXT_LEAF_ITEMS && spot.at > 0 && spot.at < leaf->count) {
        uint32_t half = DX_TEXT_LEAF_ITEMS / 2, byte = dx_text_leaf_byte(sequence, leaf, half);
        dx_text_leaf *right = dx_text_place_cut(sequence, leaf, half, byte);
        if (spot.at > half) {
            spot = (dx_text_place){right, spot.at - half, spot.byte - byte};
            leaf = right;
        }
    }
    if (fits(leaf, size)) {
        return spot;
    }
    if (spot.at > 0 && spot.at < leaf->count) {
        dx_text_place_cut(sequence, leaf, spot.at, spot.byte);
        if (fits(leaf, size)) {
            return spot;
        }
    }
    if (spot.at > 0) {
        dx_text_leaf *next = dx_text_place_beside(sequence, leaf->next);
        leaf = next != NULL && fits(next, size) ? next : dx_text_tree_add(sequence, leaf->list, leaf);
        return (dx_text_place){leaf, 0, 0};
    }
    dx_text_leaf *prev = dx_text_place_beside(sequence, leaf->prev);
    leaf = prev != NULL && fits(prev, size) ? prev : dx_text_tree_add(sequence, leaf->list, prev);
    return (dx_text_place){leaf, leaf->count, leaf->text_size};
}

/* A new span at the right side of a leaf (NULL: the first of the list). */
dx_text_leaf *dx_text_place_add_span(dx_text_sequence *sequence, dx_text_list list, dx_text_leaf *left,
                                     dx_text_ref ref) {
    uint32_t place = dx_text_tree_item(sequence, ref)->place;
    dx_text_leaf *leaf = dx_text_tree_add(sequence, list, left);
    leaf->flags = DX_TEXT_LEAF_SPAN;
    dx_text_leaf_put(sequence, leaf, 0, ref);
    if (place != 0) {
        dx_text_tree_item(sequence, ref)->place = place;
    }
    return leaf;
}

/* The bytes of whole code points at the beginning of a text, at most `size`. */
uint32_t dx_text_place_whole(dx_bytes text, uint32_t size) {
    if (text.size <= size) {
        return (uint32_t)text.size;
    }
    while (size > 0 && (text.data[size] & 0xc0) == 0x80) {
        size--;
    }
    return size;
}

/* Writes on where a long string ends, in as many leaves as it takes. */
void dx_text_place_append(dx_text_sequence *sequence, dx_text_leaf *leaf, dx_bytes text) {
    dx_text_ref ref = leaf->refs[0];
    bool live = dx_text_item_live(dx_text_tree_item(sequence, ref));
    while (text.size > 0) {
        uint32_t size = dx_text_place_whole(text, TEXT_MAX - leaf->text_size), before = leaf->text_size;
        dx_text_leaf_write(sequence, leaf, before, (dx_bytes){text.data, size});
        if (live) {
            dx_text_tree_count(sequence, leaf, dx_text_leaf_measure(leaf, before, size));
        }
        text = (dx_bytes){text.data + size, text.size - size};
        if (text.size > 0) {
            leaf = dx_text_place_add_span(sequence, leaf->list, leaf, ref);
        }
    }
    sequence->tail = leaf->self;
}

/* The item gets a leaf of its own, which is its only span. */
dx_text_leaf *dx_text_place_isolate(dx_text_sequence *sequence, dx_text_ref ref) {
    dx_text_place spot = *dx_text_place_locate(sequence, ref);
    dx_text_leaf *leaf = spot.leaf;
    if (dx_text_place_is_span(leaf)) {
        return leaf;
    }
    if (spot.at + 1u < leaf->count) {
        dx_text_place_cut(sequence, leaf, spot.at + 1,
                          spot.byte + dx_text_item_size(dx_text_tree_item(sequence, ref)));
    }
    if (spot.at > 0) {
        leaf = dx_text_place_cut(sequence, leaf, spot.at, spot.byte);
    }
    leaf->flags |= DX_TEXT_LEAF_SPAN;
    return leaf;
}

/* A leaf that has become small goes over to a neighbour where that takes no memory. */
static void absorb(dx_text_sequence *sequence, dx_text_leaf *leaf) {
    if (leaf->count == 0) {
        dx_text_tree_drop(sequence, leaf);
        return;
    }
    if ((leaf->count & (leaf->count - 1)) != 0 || leaf->count > DX_TEXT_LEAF_ITEMS / 4 ||
        dx_text_place_is_span(leaf)) {
        return;
    }
    dx_text_leaf *prev = dx_text_place_beside(sequence, leaf->prev);
    if (prev != NULL && !dx_text_place_is_span(prev) && prev->count + leaf->count <= prev->room &&
        prev->text_size + leaf->text_size <= prev->text_room) {
        dx_text_leaf_move(sequence, leaf, 0, 0, prev);
        dx_text_tree_drop(sequence, leaf);
    }
}

/* Takes the entry at the spot out, its characters and units with it. */
void dx_text_place_take_out(dx_text_sequence *sequence, dx_text_place spot) {
    dx_text_leaf *leaf = spot.leaf;
    uint32_t size = dx_text_item_size(dx_text_tree_item(sequence, leaf->refs[spot.at]));
    dx_text_counts gone = dx_text_counts_negative(dx_text_leaf_live(sequence, leaf, spot.at, spot.byte));
    dx_text_place_shift_cursor(sequence, leaf, spot.at, -1, gone.unit[DX_TEXT_UTF16]);
    dx_text_tree_count(sequence, leaf, gone);
    dx_text_leaf_erase(sequence, leaf, spot.byte, dx_text_place_is_span(leaf) ? leaf->text_size : size);
    dx_text_leaf_take(sequence, leaf, spot.at);
    if (leaf->marks != 0) {
        dx_text_tree_mark(leaf, dx_text_leaf_marks(sequence, leaf));
    }
    sequence->spot.leaf = NULL;
    absorb(sequence, leaf);
}
