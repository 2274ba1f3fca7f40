/* text/sequence_find.c: characters of items, and positions: by the cursor when it is near, else down the tree. */
#include "text/place.h"

size_t dx_text_item_bytes(const dx_text_sequence *sequence, dx_text_ref ref) {
    return dx_text_item_size(dx_text_tree_item(sequence, ref));
}

dx_bytes dx_text_item_run(const dx_text_sequence *sequence, dx_text_ref ref, size_t at) {
    uint32_t size = dx_text_item_size(dx_text_tree_item(sequence, ref));
    if (at >= size) {
        return (dx_bytes){NULL, 0};
    }
    const dx_text_place *spot = dx_text_place_locate(dx_text_place_hinted(sequence), ref);
    const dx_text_leaf *leaf = spot->leaf;
    if (!dx_text_place_is_span(leaf)) {
        return dx_text_leaf_run(leaf, spot->byte + (uint32_t)at, size - (uint32_t)at);
    }
    while (at >= leaf->text_size) {
        at -= leaf->text_size;
        leaf = dx_text_place_next_span(sequence, leaf);
    }
    return dx_text_leaf_run(leaf, (uint32_t)at, leaf->text_size - (uint32_t)at);
}

/* Where in the item (in the part of it in this leaf) a position is that counts in another unit than UTF-16. */
static uint32_t offset_of(dx_text_leaf *leaf, uint32_t byte, uint32_t size, uint32_t index, dx_text_unit unit,
                          bool *inside) {
    const uint8_t *text = dx_text_leaf_flat(leaf, byte, size);
    uint32_t at = 0, offset = 0, counted = 0;
    *inside = false;
    while (counted < index) {
        uint8_t lead = text[at];
        uint32_t bytes = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4, pair = bytes == 4 ? 2 : 1;
        uint32_t step = unit == DX_TEXT_UTF16 ? pair : unit == DX_TEXT_UTF8 ? bytes : 1;
        if (counted + step > index) {
            *inside = true;
            break;
        }
        counted += step;
        offset += pair;
        at += bytes;
    }
    return offset;
}

/* The item at a spot holds the unit: tells which it is. */
static void tell(dx_text_sequence *sequence, dx_text_place spot, uint32_t index, dx_text_unit unit,
                 dx_text_ref *ref, uint32_t *offset, bool *inside) {
    dx_text_leaf *leaf = spot.leaf;
    const dx_text_item *item = dx_text_tree_item(sequence, leaf->refs[spot.at]);
    *ref = leaf->refs[spot.at];
    *offset = index;
    *inside = false;
    if (item->ref == DX_TEXT_STRING && (leaf->flags & DX_TEXT_LEAF_WIDE) != 0) {
        uint32_t byte = dx_text_place_is_span(leaf) ? 0 : dx_text_place_locate(sequence, *ref)->byte;
        *offset = offset_of(leaf, byte, dx_text_place_is_span(leaf) ? leaf->text_size : item->payload, index,
                            unit, inside);
    }
    if (dx_text_place_is_span(leaf) && item->place != leaf->self) {
        *offset += dx_text_tree_before(leaf, DX_TEXT_UTF16) -
                   dx_text_tree_before(dx_text_place_leaf(sequence, *ref), DX_TEXT_UTF16);
    }
}

/* Live units of the item at a place of a leaf. */
static uint32_t units_at(const dx_text_sequence *sequence, const dx_text_leaf *leaf, uint32_t at,
                         dx_text_unit unit) {
    if (dx_text_place_is_span(leaf)) {
        return leaf->live.unit[unit];
    }
    const dx_text_item *item = dx_text_tree_item(sequence, leaf->refs[at]);
    if (!dx_text_item_live(item)) {
        return 0;
    }
    if (unit == DX_TEXT_UTF16 || item->ref != DX_TEXT_STRING || (leaf->flags & DX_TEXT_LEAF_WIDE) == 0) {
        return item->length;
    }
    if (unit == DX_TEXT_UTF8) {
        return item->payload;
    }
    return dx_text_leaf_measure(leaf, dx_text_leaf_byte(sequence, leaf, at), item->payload).unit[unit];
}

/* Steps the cursor on to the unit at `index` (UTF-16) when it is near; false: it is not. */
static bool cursor_reach(dx_text_sequence *sequence, dx_text_list list, uint32_t index) {
    dx_text_place *cursor = &sequence->cursor;
    if (cursor->leaf == NULL || cursor->leaf->list != list) {
        return false;
    }
    uint32_t units = units_at(sequence, cursor->leaf, cursor->at, DX_TEXT_UTF16);
    if (index < sequence->cursor_index) {
        while (cursor->at > 0 && index < sequence->cursor_index) {
            cursor->at--;
            sequence->cursor_index -= units_at(sequence, cursor->leaf, cursor->at, DX_TEXT_UTF16);
        }
        return index >= sequence->cursor_index;
    }
    while (index >= sequence->cursor_index + units) {
        uint32_t next = cursor->leaf->next;
        if (cursor->at + 1u < cursor->leaf->count) {
            cursor->at++;
        } else if (next == 0 || index >= sequence->cursor_index + units +
                                             dx_text_tree_leaf(sequence, next)->live.unit[DX_TEXT_UTF16]) {
            return false;
        } else {
            *cursor = (dx_text_place){dx_text_tree_leaf(sequence, next), 0, 0};
        }
        sequence->cursor_index += units;
        units = units_at(sequence, cursor->leaf, cursor->at, DX_TEXT_UTF16);
    }
    return true;
}

void dx_text_list_find(const dx_text_sequence *constant, dx_text_list list, uint64_t wanted,
                       dx_text_unit unit, dx_text_ref *ref, uint32_t *offset, bool *inside) {
    dx_text_sequence *sequence = dx_text_place_hinted(constant);
    const dx_text_order *order = dx_text_tree_list(sequence, list);
    *ref = 0;
    *offset = 0;
    *inside = false;
    if (wanted >= order->live.unit[unit]) {
        return;
    }
    uint32_t index = (uint32_t)wanted;
    if (order->live.unit[DX_TEXT_UTF8] == order->live.unit[DX_TEXT_CODE_POINTS]) {
        unit = DX_TEXT_UTF16; /* all of it is ASCII */
    }
    if (unit == DX_TEXT_UTF16 && cursor_reach(sequence, list, index)) {
        tell(sequence, sequence->cursor, index - sequence->cursor_index, unit, ref, offset, inside);
        return;
    }
    uint32_t at = 0, rest = index, units;
    dx_text_leaf *leaf = dx_text_tree_find(order, unit, &rest);
    while (rest >= (units = units_at(sequence, leaf, at, unit))) {
        rest -= units;
        at++;
    }
    dx_text_place spot = {leaf, at, 0};
    if (unit == DX_TEXT_UTF16) {
        sequence->cursor = spot;
        sequence->cursor_index = index - rest;
    }
    tell(sequence, spot, rest, unit, ref, offset, inside);
}

uint64_t dx_text_item_index(const dx_text_sequence *sequence, dx_text_ref ref, dx_text_unit unit) {
    const dx_text_leaf *leaf = dx_text_place_leaf(sequence, ref);
    uint32_t at = dx_text_place_position(sequence, leaf, ref);
    if (unit == DX_TEXT_UTF16 && sequence->cursor.leaf == leaf && sequence->cursor.at == at) {
        return sequence->cursor_index;
    }
    uint32_t index = dx_text_tree_before(leaf, unit);
    for (uint32_t i = 0; i < at; i++) {
        index += units_at(sequence, leaf, i, unit);
    }
    return index;
}
