/* text/leaf.c: what a leaf holds: handles in a row, and characters around a gap. */
#include "text/tree.h"

#include <string.h>

/* --- Handles ----------------------------------------------------------------------------------- */

uint32_t dx_text_leaf_handles(uint32_t count) {
    return count <= 4    ? 4
           : count <= 8  ? 8
           : count <= 12 ? 12
           : count <= 16 ? 16
           : count <= 24 ? 24
                         : DX_TEXT_LEAF_ITEMS;
}

static void resize_handles(dx_text_sequence *sequence, dx_text_leaf *leaf, uint32_t room) {
    dx_text_ref *refs = dx_text_pool_take(&sequence->pool, room * sizeof *refs);
    if (leaf->room > 0) {
        memcpy(refs, leaf->refs, leaf->count * sizeof *refs);
        dx_text_pool_free(&sequence->pool, leaf->refs, leaf->room * sizeof *refs);
    }
    leaf->refs = refs;
    leaf->room = (uint8_t)room;
}

void dx_text_leaf_put(dx_text_sequence *sequence, dx_text_leaf *leaf, uint32_t at, dx_text_ref ref) {
    if (leaf->count == leaf->room) {
        resize_handles(sequence, leaf, dx_text_leaf_handles(leaf->count + 1u));
    }
    memmove(&leaf->refs[at + 1], &leaf->refs[at], (leaf->count - at) * sizeof *leaf->refs);
    leaf->refs[at] = ref;
    leaf->count++;
    dx_text_tree_item(sequence, ref)->place = leaf->self;
}

void dx_text_leaf_take(dx_text_sequence *sequence, dx_text_leaf *leaf, uint32_t at) {
    (void)sequence;
    leaf->count--;
    memmove(&leaf->refs[at], &leaf->refs[at + 1], (leaf->count - at) * sizeof *leaf->refs);
}

/* --- Characters -------------------------------------------------------------------------------- */

static bool is_wide(dx_bytes text) {
    size_t i = 0;
    for (; i + 8 <= text.size; i += 8) {
        uint64_t word;
        memcpy(&word, text.data + i, 8);
        if ((word & UINT64_C(0x8080808080808080)) != 0) {
            return true;
        }
    }
    for (; i < text.size; i++) {
        if (text.data[i] >= 0x80) {
            return true;
        }
    }
    return false;
}

static void move_gap(dx_text_leaf *leaf, uint32_t byte) {
    uint32_t gap = leaf->gap, width = (uint32_t)leaf->text_room - leaf->text_size;
    if (byte < gap) {
        memmove(leaf->text + byte + width, leaf->text + byte, gap - byte);
    } else if (byte > gap) {
        memmove(leaf->text + gap, leaf->text + gap + width, byte - gap);
    }
    leaf->gap = (uint16_t)byte;
}

/* A block of that size takes the characters over, the gap where it was. */
static void change_block(dx_text_sequence *sequence, dx_text_leaf *leaf, uint8_t *text, uint32_t room) {
    uint32_t behind = (uint32_t)leaf->text_size - leaf->gap;
    if (leaf->text_room > 0) {
        memcpy(text, leaf->text, leaf->gap);
        memcpy(text + room - behind, leaf->text + leaf->text_room - behind, behind);
        dx_text_pool_free(&sequence->pool, leaf->text, leaf->text_room);
    }
    leaf->text = text;
    leaf->text_room = (uint16_t)room;
}

void dx_text_leaf_write(dx_text_sequence *sequence, dx_text_leaf *leaf, uint32_t byte, dx_bytes text) {
    uint32_t size = leaf->text_size + (uint32_t)text.size;
    if (text.size == 0) {
        return;
    }
    if (size > leaf->text_room) {
        uint32_t wanted = size + size / 16;
        uint32_t room = (uint32_t)dx_text_pool_size(wanted < DX_TEXT_LEAF_TEXT ? wanted : DX_TEXT_LEAF_TEXT);
        change_block(sequence, leaf, dx_text_pool_take(&sequence->pool, room), room);
    }
    if (byte != leaf->gap) {
        move_gap(leaf, byte);
    }
    memcpy(leaf->text + byte, text.data, text.size);
    leaf->gap = (uint16_t)(byte + text.size);
    leaf->text_size = (uint16_t)size;
    if ((leaf->flags & DX_TEXT_LEAF_WIDE) == 0 && is_wide(text)) {
        leaf->flags |= DX_TEXT_LEAF_WIDE;
    }
    sequence->text_bytes += text.size;
}

void dx_text_leaf_written(dx_text_sequence *sequence, dx_text_leaf *leaf, uint32_t size) {
    leaf->text_size = leaf->gap = (uint16_t)size;
    if (is_wide((dx_bytes){leaf->text, size})) {
        leaf->flags |= DX_TEXT_LEAF_WIDE;
    }
    sequence->text_bytes += size;
}

void dx_text_leaf_erase(dx_text_sequence *sequence, dx_text_leaf *leaf, uint32_t byte, uint32_t size) {
    if (size == 0) {
        return;
    }
    if (leaf->gap < byte || leaf->gap > byte + size) {
        move_gap(leaf, leaf->gap < byte ? byte : byte + size);
    }
    leaf->gap = (uint16_t)byte;
    leaf->text_size = (uint16_t)(leaf->text_size - size);
    sequence->text_bytes -= size;
    if (leaf->text_size == 0) {
        dx_text_pool_free(&sequence->pool, leaf->text, leaf->text_room);
        leaf->text = NULL;
        leaf->text_room = 0;
        leaf->gap = 0;
        leaf->flags &= (uint8_t)~DX_TEXT_LEAF_WIDE;
    } else if (leaf->text_size < leaf->text_room / 2) {
        uint32_t room = (uint32_t)dx_text_pool_size(leaf->text_size + leaf->text_size / 4u);
        uint8_t *text = room < leaf->text_room ? dx_text_pool_reuse(&sequence->pool, room) : NULL;
        if (text != NULL) {
            change_block(sequence, leaf, text, room);
        }
    }
}

dx_bytes dx_text_leaf_run(const dx_text_leaf *leaf, uint32_t byte, uint32_t size) {
    uint32_t width = (uint32_t)leaf->text_room - leaf->text_size;
    if (byte >= leaf->gap) {
        return (dx_bytes){leaf->text + byte + width, size};
    }
    return (dx_bytes){leaf->text + byte, size < leaf->gap - byte ? size : leaf->gap - byte};
}

uint8_t *dx_text_leaf_flat(dx_text_leaf *leaf, uint32_t byte, uint32_t size) {
    if (byte < leaf->gap && leaf->gap < byte + size) {
        move_gap(leaf, byte);
    }
    return leaf->text + byte + (byte >= leaf->gap ? (uint32_t)leaf->text_room - leaf->text_size : 0);
}

static void measure_run(dx_bytes run, dx_text_counts *counts) {
    for (size_t i = 0; i < run.size; i++) {
        uint8_t byte = run.data[i];
        counts->unit[DX_TEXT_CODE_POINTS] += (byte & 0xc0) != 0x80;
        counts->unit[DX_TEXT_UTF16] += byte >= 0xf0;
    }
}

dx_text_counts dx_text_leaf_measure(const dx_text_leaf *leaf, uint32_t byte, uint32_t size) {
    dx_text_counts counts = {{size, size, size}};
    if ((leaf->flags & DX_TEXT_LEAF_WIDE) != 0) {
        counts = (dx_text_counts){{0, size, 0}};
        dx_bytes run = {NULL, 0};
        for (uint32_t at = 0; at < size; at += (uint32_t)run.size) {
            run = dx_text_leaf_run(leaf, byte + at, size - at);
            measure_run(run, &counts);
        }
        counts.unit[DX_TEXT_UTF16] += counts.unit[DX_TEXT_CODE_POINTS];
    }
    return counts;
}

/* --- Both -------------------------------------------------------------------------------------- */

dx_text_counts dx_text_leaf_live(const dx_text_sequence *sequence, const dx_text_leaf *leaf, uint32_t at,
                                 uint32_t byte) {
    const dx_text_item *item = dx_text_tree_item(sequence, leaf->refs[at]);
    if (!dx_text_item_live(item)) {
        return (dx_text_counts){{0, 0, 0}};
    }
    if (item->ref != DX_TEXT_STRING) {
        return (dx_text_counts){{item->length, item->length, item->length}};
    }
    return dx_text_leaf_measure(leaf, byte,
                                (leaf->flags & DX_TEXT_LEAF_SPAN) != 0 ? leaf->text_size : item->payload);
}

uint16_t dx_text_leaf_marks(const dx_text_sequence *sequence, const dx_text_leaf *leaf) {
    uint16_t marks = 0;
    for (uint32_t i = 0; i < leaf->count; i++) {
        marks |= dx_text_mark_of(dx_text_tree_item(sequence, leaf->refs[i]));
    }
    return marks;
}

uint32_t dx_text_leaf_byte(const dx_text_sequence *sequence, const dx_text_leaf *leaf, uint32_t at) {
    uint32_t byte = 0;
    if (leaf->text_size > 0) {
        for (uint32_t i = 0; i < at; i++) {
            byte += dx_text_item_size(dx_text_tree_item(sequence, leaf->refs[i]));
        }
    }
    return byte;
}

void dx_text_leaf_move(dx_text_sequence *sequence, dx_text_leaf *leaf, uint32_t at, uint32_t byte,
                       dx_text_leaf *to) {
    dx_text_counts moved = {{0, 0, 0}}, gone;
    uint32_t from = byte;
    for (uint32_t i = at; i < leaf->count; i++) {
        dx_text_counts live = dx_text_leaf_live(sequence, leaf, i, from);
        from += dx_text_item_size(dx_text_tree_item(sequence, leaf->refs[i]));
        for (int unit = 0; unit < 3; unit++) {
            moved.unit[unit] += live.unit[unit];
        }
    }
    for (int unit = 0; unit < 3; unit++) {
        gone.unit[unit] = 0 - moved.unit[unit];
    }
    uint32_t count = leaf->count - at, size = leaf->text_size - byte;
    if (to->count + count > to->room) {
        resize_handles(sequence, to, dx_text_leaf_handles(to->count + count));
    }
    memcpy(&to->refs[to->count], &leaf->refs[at], count * sizeof *leaf->refs);
    for (uint32_t i = 0; i < count; i++) {
        dx_text_tree_item(sequence, leaf->refs[at + i])->place = to->self;
    }
    to->count = (uint8_t)(to->count + count);
    leaf->count = (uint8_t)at;
    if (size > 0) {
        uint8_t *text = dx_text_leaf_flat(leaf, byte, size);
        dx_text_leaf_write(sequence, to, to->text_size, (dx_bytes){text, size});
        dx_text_leaf_erase(sequence, leaf, byte, size);
    }
    if (dx_text_leaf_handles(leaf->count) < leaf->room && leaf->count > 0) {
        uint32_t room = dx_text_leaf_handles(leaf->count);
        dx_text_ref *refs = dx_text_pool_reuse(&sequence->pool, room * sizeof *refs);
        if (refs == NULL && count > DX_TEXT_LEAF_ITEMS / 4) {
            refs = dx_text_pool_take(&sequence->pool, room * sizeof *refs);
        }
        if (refs != NULL) {
            memcpy(refs, leaf->refs, leaf->count * sizeof *refs);
            dx_text_pool_free(&sequence->pool, leaf->refs, leaf->room * sizeof *refs);
            leaf->refs = refs;
            leaf->room = (uint8_t)room;
        }
    }
    dx_text_tree_count(sequence, leaf, gone);
    dx_text_tree_count(sequence, to, moved);
    if (leaf->marks != 0) {
        dx_text_tree_mark(to, dx_text_leaf_marks(sequence, to));
        dx_text_tree_mark(leaf, dx_text_leaf_marks(sequence, leaf));
    }
    if (sequence->spot.leaf == leaf || sequence->spot.leaf == to) {
        sequence->spot.leaf = NULL;
    }
    if (sequence->cursor.leaf == leaf || sequence->cursor.leaf == to) {
        sequence->cursor.leaf = NULL;
    }
}
