/* text/sequence_tree.c: the sequence as B+trees: memory, lists, how items come, go and change. */
#include "text/place.h"

#include <string.h>

enum {
    TEXT_MAX = DX_TEXT_LEAF_TEXT,
    STEP_ITEMS = 2, /* of a keystroke, with what it cuts */
    STEP_TEXT = 64
};

/* --- Life and memory --------------------------------------------------------------------------- */

int dx_text_sequence_create(const dx_alloc *alloc, dx_text_sequence **sequence) {
    dx_text_sequence *it = dx_alloc_take_zeroed(alloc, sizeof *it);
    if (it == NULL) {
        return DX_E_NO_MEMORY;
    }
    it->alloc = alloc;
    dx_text_pool_init(&it->pool, alloc);
    dx_text_slab_init(&it->items, alloc, sizeof(dx_text_item));
    dx_text_slab_init(&it->leaves, alloc, sizeof(dx_text_leaf));
    *sequence = it;
    return DX_OK;
}

void dx_text_sequence_destroy(dx_text_sequence *sequence) {
    if (sequence == NULL) {
        return;
    }
    dx_text_pool_deinit(&sequence->pool);
    dx_text_slab_deinit(&sequence->items);
    dx_text_slab_deinit(&sequence->leaves);
    dx_alloc_free(sequence->alloc, sequence->lists, sequence->list_room * sizeof *sequence->lists);
    dx_alloc_free(sequence->alloc, sequence->clients, sequence->client_room * sizeof *sequence->clients);
    dx_alloc_free(sequence->alloc, sequence, sizeof *sequence);
}

size_t dx_text_sequence_memory(const dx_text_sequence *sequence) {
    return sizeof *sequence + sequence->pool.bytes + dx_text_slab_memory(&sequence->items) +
           dx_text_slab_memory(&sequence->leaves) + sequence->list_room * sizeof *sequence->lists +
           sequence->client_room * sizeof *sequence->clients;
}

int dx_text_sequence_reserve_lists(dx_text_sequence *sequence, size_t lists) {
    if (lists <= sequence->list_room - sequence->list_count) {
        return DX_OK;
    }
    size_t room = sequence->list_count + lists + sequence->list_count / 2;
    if (room > UINT32_MAX / sizeof *sequence->lists) {
        return DX_E_LIMIT;
    }
    size_t old = sequence->list_room * sizeof *sequence->lists;
    dx_text_order *grown = dx_alloc_grow(sequence->alloc, sequence->lists, old, room * sizeof *grown);
    if (grown == NULL) {
        return DX_E_NO_MEMORY;
    }
    sequence->lists = grown;
    sequence->list_room = room;
    return DX_OK;
}

/* What so many items and bytes of text may need: leaves, and bytes of blocks. */
static void needed(const dx_text_sequence *sequence, size_t items, size_t text_bytes, size_t *leaves,
                   size_t *blocks) {
    /* One item, or one piece of text, may cut a leaf twice and stand in a new one between; many in a row cut each leaf there was
     * once, and fill those they make by an eighth at least. A leaf cut or grown takes new blocks for all it holds. */
    size_t there = sequence->leaves.used - sequence->leaves.free_count, steps = items + 1;
    size_t many = 3 + there + steps / 8 + text_bytes / 256;
    size_t text = sequence->text_bytes + text_bytes < TEXT_MAX ? sequence->text_bytes + text_bytes : TEXT_MAX;
    size_t touched = steps < there + 1 ? steps : there + 1;
    *leaves = (3 * steps < many ? 3 * steps : many) + text_bytes / (TEXT_MAX - 4) + 1;
    size_t handles =
        (there + steps < 4 ? 16 : sizeof(dx_text_ref) * DX_TEXT_LEAF_ITEMS) * (*leaves + touched);
    *blocks = handles + touched * (5 * text / 2 + 64) + 5 * text_bytes +
              dx_text_tree_nodes(sequence, steps, *leaves) * sizeof(dx_text_inner) +
              dx_text_ids_blocks(sequence, steps);
}

int dx_text_sequence_reserve(dx_text_sequence *sequence, size_t items, size_t lists, size_t text_bytes) {
    dx_text_keystroke *step = &sequence->step;
    if (items <= STEP_ITEMS && text_bytes <= STEP_TEXT && lists == 0 && sequence->level == step->level &&
        items <= dx_text_slab_room(&sequence->items) &&
        step->leaves <= dx_text_slab_room(&sequence->leaves) &&
        step->blocks <= dx_text_pool_room(&sequence->pool)) {
        return DX_OK;
    }
    if (items > UINT32_MAX / 64 || text_bytes > UINT32_MAX / 2 - sequence->text_bytes) {
        return DX_E_LIMIT;
    }
    size_t leaves, blocks;
    needed(sequence, items, text_bytes, &leaves, &blocks);
    int error = dx_text_slab_reserve(&sequence->items, items);
    error = error == DX_OK ? dx_text_slab_reserve(&sequence->leaves, leaves) : error;
    error = error == DX_OK ? dx_text_pool_reserve(&sequence->pool, blocks) : error;
    error = error == DX_OK ? dx_text_sequence_reserve_lists(sequence, lists) : error;
    step->level = UINT32_MAX;
    if (error == DX_OK && sequence->text_bytes >= TEXT_MAX && dx_text_ids_are_many(sequence)) {
        /* From this size on a small step needs the same until the tree grows. */
        needed(sequence, STEP_ITEMS, STEP_TEXT, &step->leaves, &step->blocks);
        step->level = sequence->level;
    }
    return error;
}

void dx_text_sequence_trim(dx_text_sequence *sequence) {
    dx_text_pool_trim(&sequence->pool);
    dx_text_slab_trim(&sequence->items);
    dx_text_slab_trim(&sequence->leaves);
}

/* --- Records and lists ------------------------------------------------------------------------- */

dx_text_item *dx_text_item_at(const dx_text_sequence *sequence, dx_text_ref ref) {
    return dx_text_tree_item(sequence, ref);
}

dx_text_ref dx_text_item_take(dx_text_sequence *sequence) {
    return dx_text_slab_take(&sequence->items);
}

void dx_text_item_free(dx_text_sequence *sequence, dx_text_ref ref) {
    dx_text_slab_free(&sequence->items, ref);
}

dx_text_list dx_text_list_take(dx_text_sequence *sequence, uint32_t owner) {
    DX_ASSERT(sequence->list_count < sequence->list_room);
    sequence->lists[sequence->list_count] = (dx_text_order){.owner = owner};
    return (dx_text_list)++sequence->list_count;
}

uint32_t dx_text_list_owner(const dx_text_sequence *sequence, dx_text_list list) {
    return dx_text_tree_list(sequence, list)->owner;
}

uint64_t dx_text_list_live(const dx_text_sequence *sequence, dx_text_list list) {
    return dx_text_tree_list(sequence, list)->live.unit[DX_TEXT_UTF16];
}

uint64_t dx_text_list_length(const dx_text_sequence *sequence, dx_text_list list, dx_text_unit unit) {
    return dx_text_tree_list(sequence, list)->live.unit[unit];
}

dx_text_ref dx_text_list_first(const dx_text_sequence *sequence, dx_text_list list) {
    uint32_t first = dx_text_tree_list(sequence, list)->first;
    return first != 0 ? dx_text_tree_leaf(sequence, first)->refs[0] : 0;
}

dx_text_ref dx_text_list_last(const dx_text_sequence *sequence, dx_text_list list) {
    uint32_t last = dx_text_tree_list(sequence, list)->last;
    if (last == 0) {
        return 0;
    }
    const dx_text_leaf *leaf = dx_text_tree_leaf(sequence, last);
    return leaf->refs[leaf->count - 1];
}

/* --- Order ------------------------------------------------------------------------------------ */

dx_text_list dx_text_item_list(const dx_text_sequence *sequence, dx_text_ref ref) {
    uint32_t place = dx_text_tree_item(sequence, ref)->place;
    return place != 0 ? dx_text_tree_leaf(sequence, place)->list : 0;
}

dx_text_ref dx_text_item_next(const dx_text_sequence *sequence, dx_text_ref ref) {
    const dx_text_leaf *leaf = dx_text_place_leaf(sequence, ref);
    uint32_t *walked = &dx_text_place_hinted(sequence)->walked;
    if (dx_text_place_is_span(leaf)) {
        leaf = dx_text_place_end(dx_text_place_hinted(sequence), ref);
    } else {
        *walked = dx_text_place_position(sequence, leaf, ref) + 1;
        if (*walked < leaf->count) {
            return leaf->refs[*walked];
        }
    }
    *walked = 0;
    return leaf->next != 0 ? dx_text_tree_leaf(sequence, leaf->next)->refs[0] : 0;
}

dx_text_ref dx_text_item_prev(const dx_text_sequence *sequence, dx_text_ref ref) {
    const dx_text_leaf *leaf = dx_text_place_leaf(sequence, ref);
    uint32_t *walked = &dx_text_place_hinted(sequence)->walked,
             at = dx_text_place_position(sequence, leaf, ref);
    if (at == 0) {
        if (leaf->prev == 0) {
            return 0;
        }
        leaf = dx_text_tree_leaf(sequence, leaf->prev);
        at = leaf->count;
    }
    *walked = at - 1;
    return leaf->refs[*walked];
}

dx_text_ref dx_text_item_marker_before(const dx_text_sequence *sequence, dx_text_list list, dx_text_ref ref,
                                       uint16_t key) {
    const dx_text_leaf *leaf = ref != 0
                                   ? dx_text_place_leaf(sequence, ref)
                                   : dx_text_place_beside(sequence, dx_text_tree_list(sequence, list)->last);
    uint16_t marks = (uint16_t)(1u << (key < 15 ? key : 15));
    if (leaf == NULL) {
        return 0;
    }
    uint32_t at = ref != 0 ? dx_text_place_position(sequence, leaf, ref) : leaf->count;
    for (; leaf != NULL;
         leaf = dx_text_tree_marked_before(leaf, marks), at = leaf != NULL ? leaf->count : 0) {
        while ((leaf->marks & marks) != 0 && at > 0) {
            const dx_text_item *item = dx_text_tree_item(sequence, leaf->refs[--at]);
            if (dx_text_mark_of(item) == marks && item->spare == key) {
                return leaf->refs[at];
            }
        }
    }
    return 0;
}

bool dx_text_item_before(const dx_text_sequence *sequence, dx_text_ref a, dx_text_ref b) {
    const dx_text_leaf *leaf_a = dx_text_place_leaf(sequence, a), *leaf_b = dx_text_place_leaf(sequence, b);
    if (leaf_a == leaf_b) {
        return dx_text_place_position(sequence, leaf_a, a) < dx_text_place_position(sequence, leaf_b, b);
    }
    return dx_text_tree_precedes(leaf_a, leaf_b);
}

/* --- Coming and going ------------------------------------------------------------------------- */

void dx_text_item_insert(dx_text_sequence *sequence, dx_text_list list, dx_text_ref left, dx_text_ref ref,
                         dx_bytes text) {
    dx_text_item *item = dx_text_tree_item(sequence, ref);
    dx_text_place spot = {dx_text_place_beside(sequence, dx_text_tree_list(sequence, list)->first), 0, 0};
    if (item->ref == DX_TEXT_STRING) {
        item->payload = (uint32_t)text.size;
    }
    if (left != 0 && dx_text_place_is_span(dx_text_place_leaf(sequence, left))) {
        spot.leaf = dx_text_place_end(sequence, left);
        spot.at = 1;
        spot.byte = spot.leaf->text_size;
    } else if (left != 0) {
        spot = *dx_text_place_locate(sequence, left);
        spot.at++;
        spot.byte += dx_text_item_size(dx_text_tree_item(sequence, left));
    }
    if (text.size > TEXT_MAX) {
        if (spot.at > 0 && spot.at < spot.leaf->count) {
            dx_text_place_cut(sequence, spot.leaf, spot.at, spot.byte);
        }
        dx_text_leaf *before =
            spot.leaf != NULL && spot.at == 0 ? dx_text_place_beside(sequence, spot.leaf->prev) : spot.leaf;
        dx_text_leaf *leaf = dx_text_place_add_span(sequence, list, before, ref);
        uint32_t before_units = dx_text_tree_list(sequence, list)->live.unit[DX_TEXT_UTF16];
        dx_text_place_append(sequence, leaf, text);
        dx_text_place_shift_cursor(
            sequence, leaf, 0, 0, dx_text_tree_list(sequence, list)->live.unit[DX_TEXT_UTF16] - before_units);
        return;
    }
    spot = spot.leaf != NULL ? dx_text_place_make_room(sequence, spot, text.size)
                             : (dx_text_place){dx_text_tree_add(sequence, list, NULL), 0, 0};
    dx_text_place_shift_cursor(sequence, spot.leaf, spot.at, 1, dx_text_item_live(item) ? item->length : 0);
    dx_text_leaf_put(sequence, spot.leaf, spot.at, ref);
    if (item->ref == DX_TEXT_FORMAT) {
        dx_text_tree_mark(spot.leaf, spot.leaf->marks | dx_text_mark_of(item));
    }
    dx_text_leaf_write(sequence, spot.leaf, spot.byte, text);
    sequence->spot = spot;
    if (dx_text_item_live(item)) {
        dx_text_tree_count(sequence, spot.leaf, dx_text_leaf_live(sequence, spot.leaf, spot.at, spot.byte));
    }
}

void dx_text_item_extend(dx_text_sequence *sequence, dx_text_ref ref, uint32_t length, dx_bytes text) {
    dx_text_item *item = dx_text_tree_item(sequence, ref);
    dx_text_place *spot = dx_text_place_locate(sequence, ref);
    dx_text_leaf *leaf = spot->leaf;
    if (!dx_text_place_is_span(leaf) && leaf->text_size + text.size > TEXT_MAX && leaf->count > 1) {
        /* What stands behind it goes, then what stands before. */
        if (spot->at + 1u < leaf->count) {
            dx_text_place_cut(sequence, leaf, spot->at + 1, spot->byte + item->payload);
        }
        spot = dx_text_place_locate(sequence, ref);
        if (leaf->text_size + text.size > TEXT_MAX && spot->at > 0) {
            dx_text_place_cut(sequence, leaf, spot->at, spot->byte);
            spot = dx_text_place_locate(sequence, ref);
        }
        leaf = spot->leaf;
    }
    if (dx_text_place_is_span(leaf) || leaf->text_size + text.size > TEXT_MAX) {
        leaf->flags |= DX_TEXT_LEAF_SPAN;
        leaf = dx_text_place_end(sequence, ref);
        dx_text_place_shift_cursor(sequence, leaf, 0, 0, length);
        dx_text_place_append(sequence, leaf, text);
    } else {
        uint32_t end = spot->byte + item->payload;
        dx_text_place_shift_cursor(sequence, leaf, spot->at, 0, length);
        dx_text_leaf_write(sequence, leaf, end, text);
        dx_text_tree_count(sequence, leaf, dx_text_leaf_measure(leaf, end, (uint32_t)text.size));
    }
    item->payload += (uint32_t)text.size;
    item->length += length;
    sequence->clients[item->client].state += length;
}

void dx_text_item_remove(dx_text_sequence *sequence, dx_text_ref ref) {
    dx_text_item *item = dx_text_tree_item(sequence, ref);
    dx_text_place spot = *dx_text_place_locate(sequence, ref);
    while (spot.leaf != NULL) {
        dx_text_leaf *next = dx_text_place_next_span(sequence, spot.leaf);
        dx_text_place_take_out(sequence, spot);
        spot = (dx_text_place){next, 0, 0};
    }
    item->place = 0;
    item->payload = item->ref == DX_TEXT_STRING ? 0 : item->payload;
}

void dx_text_item_set_deleted(dx_text_sequence *sequence, dx_text_ref ref, bool deleted) {
    dx_text_item *item = dx_text_tree_item(sequence, ref);
    if (((item->flags & DX_ITEM_DELETED) != 0) == deleted) {
        return;
    }
    if (item->place == 0 || !dx_text_item_counts(item)) {
        item->flags ^= DX_ITEM_DELETED;
        if (item->place != 0 && item->ref == DX_TEXT_FORMAT) {
            dx_text_leaf *leaf = dx_text_place_leaf(sequence, ref);
            dx_text_tree_mark(leaf, dx_text_leaf_marks(sequence, leaf));
        }
        return;
    }
    dx_text_place spot = *dx_text_place_locate(sequence, ref);
    item->flags &= (uint8_t)~DX_ITEM_DELETED;
    for (; spot.leaf != NULL; spot = (dx_text_place){dx_text_place_next_span(sequence, spot.leaf), 0, 0}) {
        dx_text_counts live = dx_text_leaf_live(sequence, spot.leaf, spot.at, spot.byte);
        live = deleted ? dx_text_counts_negative(live) : live;
        dx_text_place_shift_cursor(sequence, spot.leaf, spot.at, 0, live.unit[DX_TEXT_UTF16]);
        dx_text_tree_count(sequence, spot.leaf, live);
    }
    item->flags |= deleted ? DX_ITEM_DELETED : 0;
}

void dx_text_item_collect(dx_text_sequence *sequence, dx_text_ref ref) {
    dx_text_item *item = dx_text_tree_item(sequence, ref);
    dx_text_item_set_deleted(sequence, ref, true);
    if (item->ref == DX_TEXT_STRING && item->place != 0) {
        dx_text_place spot = *dx_text_place_locate(sequence, ref);
        dx_text_leaf *next = dx_text_place_next_span(sequence, spot.leaf);
        while (next != NULL) {
            dx_text_leaf *after = dx_text_place_next_span(sequence, next);
            dx_text_place_take_out(sequence, (dx_text_place){next, 0, 0});
            next = after;
        }
        dx_text_leaf_erase(sequence, spot.leaf, spot.byte,
                           dx_text_place_is_span(spot.leaf) ? spot.leaf->text_size : item->payload);
        spot.leaf->flags &= (uint8_t)~DX_TEXT_LEAF_SPAN;
        sequence->spot = spot;
    }
    item->ref = DX_TEXT_DELETED;
    item->payload = 0;
}
