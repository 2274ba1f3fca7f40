/* text/sequence_cut.c: items cut in two, and neighbours joined. */
#include "text/place.h"

enum { TEXT_MAX = DX_TEXT_LEAF_TEXT };

/* The byte of the UTF-16 unit among characters; one inside of a code point of four: half is set, and the code point's byte. */
static uint32_t unit_byte(dx_bytes text, uint32_t unit, bool *half) {
    uint32_t byte = 0;
    *half = false;
    while (unit > 0) {
        uint8_t lead = text.data[byte];
        uint32_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        if (size == 4 && unit == 1) {
            *half = true;
            break;
        }
        unit -= size == 4 ? 2 : 1;
        byte += size;
    }
    return byte;
}

/* The byte in the leaf of an item's unit. */
static uint32_t byte_of(dx_text_leaf *leaf, uint32_t byte, uint32_t size, uint32_t unit, bool *half) {
    *half = false;
    if ((leaf->flags & DX_TEXT_LEAF_WIDE) == 0) {
        return byte + unit;
    }
    return byte + unit_byte((dx_bytes){dx_text_leaf_flat(leaf, byte, size), size}, unit, half);
}

/* Two halves of a pair, joined by hand, stand on both sides of a byte. */
static bool halves_at(dx_text_leaf *leaf, uint32_t byte, uint32_t from, uint32_t to) {
    if ((leaf->flags & DX_TEXT_LEAF_WIDE) == 0 || byte < from + 3 || byte + 3 > to) {
        return false;
    }
    const uint8_t *text = dx_text_leaf_flat(leaf, byte - 3, 6);
    return text[0] == 0xed && text[1] >= 0xa0 && text[1] < 0xb0 && text[3] == 0xed && text[4] >= 0xb0;
}

/* A pair is cut at this byte of a leaf: two U+FFFD stand there. The bytes that came more. */
static uint32_t spoil_pair(dx_text_sequence *sequence, dx_text_leaf *leaf, uint32_t byte, bool four,
                           bool live) {
    static const uint8_t replacement[] = {0xef, 0xbf, 0xbd, 0xef, 0xbf, 0xbd};
    uint32_t start = four ? byte : byte - 3, size = four ? 4 : 6;
    /* More than is taken away is written first, so that no block is given back between. */
    dx_text_leaf_write(sequence, leaf, start, (dx_bytes){replacement, sizeof replacement});
    dx_text_leaf_erase(sequence, leaf, start + sizeof replacement, size);
    if (live && four) {
        dx_text_tree_count(sequence, leaf, (dx_text_counts){{0, 2, 1}});
    }
    return (uint32_t)sizeof replacement - size;
}

/* One or no span is left of a string: then it is one among others again. */
static void settle(dx_text_sequence *sequence, dx_text_ref ref) {
    dx_text_leaf *leaf = dx_text_place_leaf(sequence, ref);
    if (dx_text_place_is_span(leaf) && dx_text_place_next_span(sequence, leaf) == NULL) {
        leaf->flags &= (uint8_t)~DX_TEXT_LEAF_SPAN;
    }
}

static void split_spans(dx_text_sequence *sequence, dx_text_ref ref, uint32_t at, dx_text_ref right_ref) {
    dx_text_item *item = dx_text_tree_item(sequence, ref), *right = dx_text_tree_item(sequence, right_ref);
    dx_text_leaf *leaf = dx_text_place_leaf(sequence, ref);
    uint32_t payload = item->payload, bytes = 0, more = 0;
    bool live = dx_text_item_live(item);
    sequence->cursor.leaf = NULL;
    for (;;) {
        uint32_t units = dx_text_leaf_measure(leaf, 0, leaf->text_size).unit[DX_TEXT_UTF16];
        if (at < units) {
            break;
        }
        at -= units;
        bytes += leaf->text_size;
        leaf = dx_text_place_next_span(sequence, leaf);
    }
    if (at > 0) {
        bool four;
        uint32_t byte = byte_of(leaf, 0, leaf->text_size, at, &four);
        bool pair = four || halves_at(leaf, byte, 0, leaf->text_size);
        uint32_t size = leaf->text_size - byte;
        dx_text_leaf *rest = dx_text_place_add_span(sequence, leaf->list, leaf, right_ref);
        dx_text_leaf_write(sequence, rest, 0, (dx_bytes){dx_text_leaf_flat(leaf, byte, size), size});
        dx_text_leaf_erase(sequence, leaf, byte, size);
        if (live) {
            dx_text_counts moved = dx_text_leaf_measure(rest, 0, size);
            dx_text_tree_count(sequence, leaf, dx_text_counts_negative(moved));
            dx_text_tree_count(sequence, rest, moved);
        }
        if (pair) {
            /* Each side has its half now: the pair stands at the beginning of the right one. */
            static const uint8_t replacement[] = {0xef, 0xbf, 0xbd};
            dx_text_leaf_erase(sequence, rest, 0, four ? 4 : 3);
            if (!four) {
                byte -= 3;
                dx_text_leaf_erase(sequence, leaf, byte, 3);
            }
            dx_text_leaf_write(sequence, leaf, byte, (dx_bytes){replacement, 3});
            dx_text_leaf_write(sequence, rest, 0, (dx_bytes){replacement, 3});
            more = four ? 2 : 0;
            byte += 3;
            if (live && four) {
                dx_text_tree_count(sequence, leaf, (dx_text_counts){{1, 3, 1}});
                dx_text_tree_count(sequence, rest, (dx_text_counts){{UINT32_MAX, UINT32_MAX, 0}});
            }
        }
        bytes += byte;
        leaf = rest;
    }
    right->place = leaf->self;
    for (dx_text_leaf *next = leaf; next != NULL;) {
        dx_text_leaf *after = dx_text_place_beside(sequence, next->next);
        next->refs[0] = right_ref;
        next = after != NULL && dx_text_place_is_span(after) && after->refs[0] == ref ? after : NULL;
    }
    item->payload = bytes;
    right->payload = payload + more - bytes;
    sequence->spot.leaf = NULL;
    sequence->tail = 0;
    settle(sequence, ref);
    settle(sequence, right_ref);
}

/* Room for one item more behind the spot, which may move. */
static dx_text_place room_behind(dx_text_sequence *sequence, dx_text_place spot) {
    if (spot.leaf->count == DX_TEXT_LEAF_ITEMS) {
        uint32_t half = spot.at + 1u < DX_TEXT_LEAF_ITEMS ? DX_TEXT_LEAF_ITEMS / 2 : DX_TEXT_LEAF_ITEMS - 1;
        uint32_t byte = dx_text_leaf_byte(sequence, spot.leaf, half);
        dx_text_leaf *right = dx_text_place_cut(sequence, spot.leaf, half, byte);
        if (spot.at >= half) {
            return (dx_text_place){right, spot.at - half, spot.byte - byte};
        }
    }
    return spot;
}

void dx_text_item_split(dx_text_sequence *sequence, dx_text_ref ref, uint32_t at, dx_text_ref right_ref) {
    dx_text_item *item = dx_text_tree_item(sequence, ref), *right = dx_text_tree_item(sequence, right_ref);
    dx_text_place spot = *dx_text_place_locate(sequence, ref);
    if (!dx_text_place_is_span(spot.leaf)) {
        spot = room_behind(sequence, spot);
    }
    *right = *item;
    right->clock = item->clock + at;
    right->length = item->length - at;
    item->length = at;
    dx_text_ids_insert(sequence, right_ref);
    if (dx_text_place_is_span(spot.leaf)) {
        split_spans(sequence, ref, at, right_ref);
        return;
    }
    bool four = false, pair = false;
    uint32_t byte = spot.byte;
    if (item->ref == DX_TEXT_STRING) {
        byte = byte_of(spot.leaf, spot.byte, item->payload, at, &four);
        pair = four || halves_at(spot.leaf, byte, spot.byte, spot.byte + item->payload);
        if (pair && spot.leaf->text_size + 6u > TEXT_MAX) {
            dx_text_place_isolate(sequence, ref);
            split_spans(sequence, ref, at, right_ref);
            return;
        }
    }
    if (pair) {
        byte += four ? 3 : 0;
        item->payload +=
            spoil_pair(sequence, spot.leaf, four ? byte - 3 : byte, four, dx_text_item_live(item));
    }
    if (item->ref == DX_TEXT_STRING) {
        right->payload = item->payload - (byte - spot.byte);
        item->payload = byte - spot.byte;
    }
    dx_text_leaf_put(sequence, spot.leaf, spot.at + 1, right_ref);
    if (sequence->cursor.leaf == spot.leaf && sequence->cursor.at > spot.at) {
        sequence->cursor.at++;
    }
    sequence->spot = spot;
}

/* The right string goes over to the end of the left one, whose last leaf is another. */
static bool join_strings(dx_text_sequence *sequence, dx_text_ref ref, dx_text_ref right_ref) {
    uint32_t size = dx_text_tree_item(sequence, right_ref)->payload;
    dx_text_leaf *leaf = dx_text_place_leaf(sequence, ref), *from = dx_text_place_leaf(sequence, right_ref);
    if (dx_text_sequence_reserve(sequence, 1, 0, dx_text_place_is_span(from) ? 0 : size) != DX_OK) {
        return false;
    }
    sequence->cursor.leaf = NULL;
    if (dx_text_place_is_span(from)) {
        dx_text_place_isolate(sequence, ref);
        for (dx_text_leaf *next = from; next != NULL;) {
            dx_text_leaf *after = dx_text_place_next_span(sequence, next);
            next->refs[0] = ref;
            next = after;
        }
        sequence->spot.leaf = NULL;
        return true;
    }
    dx_text_counts moved = dx_text_leaf_live(sequence, from, 0, 0);
    dx_bytes text = {dx_text_leaf_flat(from, 0, size), size};
    if (dx_text_place_is_span(leaf) || leaf->text_size + size > TEXT_MAX) {
        if (!dx_text_place_is_span(leaf)) {
            dx_text_place_isolate(sequence, ref);
        }
        dx_text_place_append(sequence, dx_text_place_end(sequence, ref), text);
        settle(sequence, ref);
    } else {
        dx_text_leaf_write(sequence, leaf, leaf->text_size, text);
        dx_text_tree_count(sequence, leaf, moved);
    }
    dx_text_place_take_out(sequence, (dx_text_place){from, 0, 0});
    return true;
}

bool dx_text_item_join(dx_text_sequence *sequence, dx_text_ref ref) {
    dx_text_item *item = dx_text_tree_item(sequence, ref);
    dx_text_ref right_ref =
        item->place != 0 ? dx_text_item_next(sequence, ref) : dx_text_ids_next(sequence, ref);
    dx_text_item *right = dx_text_tree_item(sequence, right_ref);
    if (item->place != 0) {
        dx_text_leaf *leaf = dx_text_place_leaf(sequence, ref),
                     *from = dx_text_place_leaf(sequence, right_ref);
        if (leaf == from) {
            uint32_t at = dx_text_place_position(sequence, leaf, ref);
            dx_text_leaf_take(sequence, leaf, at + 1);
            if (sequence->cursor.leaf == leaf && sequence->cursor.at > at) {
                if (sequence->cursor.at == at + 1) {
                    sequence->cursor_index -= dx_text_item_live(item) ? item->length : 0;
                }
                sequence->cursor.at--;
            }
            if (sequence->spot.leaf == leaf && sequence->spot.at > at) {
                sequence->spot.leaf = NULL;
            }
        } else if (item->ref == DX_TEXT_STRING) {
            if (!join_strings(sequence, ref, right_ref)) {
                return false;
            }
        } else {
            dx_text_counts moved = dx_text_leaf_live(sequence, from, 0, 0);
            sequence->cursor.leaf = NULL;
            dx_text_tree_count(sequence, leaf, moved);
            dx_text_place_take_out(sequence, (dx_text_place){from, 0, 0});
        }
    }
    dx_text_ids_remove(sequence, right_ref);
    if (item->ref == DX_TEXT_STRING) {
        item->payload += right->payload;
    }
    item->length += right->length;
    dx_text_slab_free(&sequence->items, right_ref);
    return true;
}
