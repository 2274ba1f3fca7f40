/* text/text_delete.c: deletion of ranges, and of the markers that are left without a use where they lay. */
#include "text/pen.h"

static bool in_force(const dx_text_doc *doc, const dx_text_attributes *attributes, dx_text_attribute row) {
    const dx_text_attribute *there = dx_text_attributes_find(attributes, row.key);
    return there != NULL ? dx_text_value_same(&doc->names, *there, row)
                         : dx_text_value_is_null(&doc->names, row.value);
}

/* From `start` to the next live unit: markers that another one of the gap overrules, or that say what held before the gap anyway. `wanted`
 * says what held before. What is in force at the pen follows, as far as the markers stand before it. */
static void clean_gap(dx_text_pen *pen, dx_text_ref start) {
    dx_text_doc *doc = pen->doc;
    const dx_text_attributes *before = &pen->wanted;
    dx_text_attributes *last = &pen->restored;
    dx_text_ref end = start;
    last->count = 0;
    while (end != 0 && !dx_text_item_live(dx_text_item_at(doc->sequence, end))) {
        if (dx_text_is_marker(doc, end)) {
            dx_text_attributes_set(last, dx_text_attribute_of(doc, end));
        }
        end = dx_text_item_next(doc->sequence, end);
    }
    bool behind = false;
    for (dx_text_ref ref = start; ref != end; ref = dx_text_item_next(doc->sequence, ref)) {
        behind = behind || ref == pen->right;
        if (!dx_text_is_marker(doc, ref)) {
            continue;
        }
        dx_text_attribute row = dx_text_attribute_of(doc, ref);
        bool useless = in_force(doc, before, row);
        if (dx_text_attributes_find(last, row.key)->source == ref && !useless) {
            if (!behind) {
                if (dx_text_value_is_null(&doc->names, row.value)) {
                    dx_text_attributes_remove(&pen->current, row.key);
                } else {
                    dx_text_attributes_set(&pen->current, row);
                }
            }
            continue;
        }
        dx_text_doc_delete(doc, ref);
        if (!behind && !useless && in_force(doc, &pen->current, row)) {
            const dx_text_attribute *old = dx_text_attributes_find(before, row.key);
            if (old == NULL) {
                dx_text_attributes_remove(&pen->current, row.key);
            } else {
                dx_text_attributes_set(&pen->current, *old);
            }
        }
    }
}

void dx_text_pen_delete(dx_text_pen *pen, uint64_t units) {
    dx_text_doc *doc = pen->doc;
    dx_text_ref start = pen->right;
    int error = dx_text_attributes_copy(&pen->wanted, &pen->current);
    DX_ASSERT(error == DX_OK);
    while (units > 0 && pen->right != 0) {
        const dx_text_item *item = dx_text_item_at(doc->sequence, pen->right);
        if (dx_text_item_live(item) && dx_text_is_content(item)) {
            if (units < item->length) {
                dx_text_ref rest;
                dx_text_edit_seam(doc, pen->right, (uint32_t)units, &pen->right, &rest);
                item = dx_text_item_at(doc->sequence, pen->right);
            }
            units -= item->length;
            /* The pen's first item stays the same under its handle: the rest is the new one. */
            dx_text_doc_delete(doc, pen->right);
        }
        dx_text_pen_forward(pen);
    }
    if (start != 0) {
        clean_gap(pen, start);
    }
}

/* In a text without any formatting nothing has to be looked at but what is deleted. */
static int delete_plain(dx_text_doc *doc, dx_text_spot spot, uint64_t units) {
    dx_text_need need = {.splits = 2};
    uint64_t left = units, skipped = spot.offset;
    for (dx_text_ref ref = spot.ref; left > 0 && ref != 0; ref = dx_text_item_next(doc->sequence, ref)) {
        const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
        if (dx_text_item_live(item) && dx_text_is_content(item)) {
            uint64_t length = item->length - skipped;
            left -= length < left ? length : left;
            dx_text_need_delete(doc, ref, &need);
        }
        skipped = 0;
    }
    int error = dx_text_edit_begin(doc, &need);
    if (error != DX_OK) {
        return error;
    }
    dx_text_ref ref = spot.ref, side;
    if (spot.offset != 0) {
        dx_text_edit_seam(doc, spot.ref, spot.offset, &side, &ref);
    }
    while (units > 0 && ref != 0) {
        const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
        if (dx_text_item_live(item) && dx_text_is_content(item)) {
            if (units < item->length) {
                dx_text_edit_seam(doc, ref, (uint32_t)units, &ref, &side);
                item = dx_text_item_at(doc->sequence, ref);
            }
            units -= item->length;
            dx_text_doc_delete(doc, ref);
        }
        ref = units > 0 ? dx_text_item_next(doc->sequence, ref) : 0;
    }
    dx_text_edit_end(doc);
    return DX_OK;
}

int dx_text_delete(dx_text_doc *doc, dx_text_type type, uint64_t index, uint64_t length) {
    dx_text_list list;
    dx_text_spot spot;
    int error = dx_text_editable(doc, type, DX_TEXT_KINDS_TEXT, &list);
    if (error == DX_OK && length > UINT64_MAX - index) {
        error = DX_E_INVALID;
    }
    error = error != DX_OK ? error : dx_text_spot_at(doc, list, index, false, &spot);
    uint64_t units = length;
    if (error == DX_OK && dx_text_list_length(doc->sequence, list, DX_TEXT_UTF8) ==
                              dx_text_list_length(doc->sequence, list, DX_TEXT_CODE_POINTS)) {
        error = index + length > dx_text_list_live(doc->sequence, list)
                    ? DX_E_INVALID
                    : DX_OK; /* ASCII: all units are one */
    } else if (error == DX_OK) {
        dx_text_spot end;
        error = dx_text_spot_at(doc, list, index + length, true, &end);
        units = error == DX_OK ? dx_text_spot_index(doc, list, end) - dx_text_spot_index(doc, list, spot) : 0;
    }
    if (error != DX_OK || length == 0) {
        return error;
    }
    if (!dx_text_is_formatted(doc, list)) {
        return dx_text_doc_error(doc, delete_plain(doc, spot, units));
    }
    dx_text_pen pen;
    dx_text_need need = {.splits = 1};
    dx_text_pen_init(&pen, doc, list);
    pen.unordered = true;
    error = dx_text_pen_aim(&pen, spot);
    error = error != DX_OK ? error : dx_text_attributes_reserve(&pen.wanted, pen.current.count);
    error = error != DX_OK ? error : dx_text_pen_survey(&pen, units, false, &need);
    error = error != DX_OK ? error : dx_text_edit_begin(doc, &need);
    if (error == DX_OK) {
        dx_text_pen_land(&pen);
        dx_text_pen_delete(&pen, units);
        dx_text_edit_end(doc);
    }
    dx_text_pen_deinit(&pen);
    return dx_text_doc_error(doc, error);
}
