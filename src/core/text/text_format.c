/* text/text_format.c: formatting of ranges. */
#include "text/pen.h"

#include "base/limits.h"
#include "text/lib0.h"

#include <string.h>

/* A marker within the range that speaks of a wanted key goes; what it said is what comes back behind the range. False: behind the range, and
 * what it says may stay. */
static bool absorb(dx_text_pen *pen, uint64_t units) {
    dx_text_attribute row = dx_text_attribute_of(pen->doc, pen->right);
    const dx_text_attribute *wanted = dx_text_attributes_find(&pen->wanted, row.key);
    if (wanted == NULL) {
        return true;
    }
    if (dx_text_value_equal(&pen->doc->names, *wanted, row)) {
        dx_text_attributes_remove(&pen->restored, row.key);
    } else if (units == 0) {
        return false;
    } else {
        dx_text_attributes_set(&pen->restored, row);
    }
    dx_text_doc_delete(pen->doc, pen->right);
    return true;
}

void dx_text_pen_format(dx_text_pen *pen, uint64_t units) {
    dx_text_doc *doc = pen->doc;
    dx_text_pen_skip(pen);
    dx_text_pen_start(pen);
    while (pen->right != 0) {
        const dx_text_item *item = dx_text_item_at(doc->sequence, pen->right);
        bool live = dx_text_item_live(item);
        if (units == 0 && (live || pen->restored.count == 0)) {
            break;
        }
        if (live) {
            if (units < item->length) {
                dx_text_ref rest;
                dx_text_edit_seam(doc, pen->right, (uint32_t)units, &pen->right, &rest);
                item = dx_text_item_at(doc->sequence, pen->right);
            }
            units -= item->length;
        } else if (dx_text_is_marker(doc, pen->right) && !absorb(pen, units)) {
            break;
        }
        dx_text_pen_forward(pen);
    }
    if (units > 0) {
        uint8_t lines[DX_TEXT_LINES_ADDED_MAX];
        memset(lines, '\n', sizeof lines);
        DX_ASSERT(units <= sizeof lines);
        pen->left = dx_text_edit_put_string(doc, pen->list, pen->left, dx_bytes_of(lines, (size_t)units),
                                            (uint32_t)units);
    }
    dx_text_pen_finish(pen);
}

static int format(dx_text_pen *pen, dx_text_spot spot, uint64_t units, uint64_t lines, dx_bytes attributes) {
    dx_text_need need = {.clocks = lines, .items = lines > 0 ? 1 : 0, .text_bytes = (size_t)lines};
    int error = dx_text_attributes_read(pen->doc, attributes, &pen->wanted);
    pen->unordered = true;
    error = error != DX_OK ? error : dx_text_pen_aim(pen, spot);
    if (error != DX_OK || (pen->right == 0 && pen->offset == 0)) {
        return error; /* there is nothing behind the place: Yjs formats nothing */
    }
    error = dx_text_pen_prepare(pen, false, &need);
    error = error != DX_OK ? error : dx_text_pen_survey(pen, units, false, &need);
    error = error != DX_OK ? error : dx_text_edit_begin(pen->doc, &need);
    if (error == DX_OK) {
        dx_text_pen_land(pen);
        dx_text_pen_format(pen, units);
        dx_text_edit_end(pen->doc);
    }
    return error;
}

int dx_text_format(dx_text_doc *doc, dx_text_type type, uint64_t index, uint64_t length,
                   const char *attributes) {
    dx_text_list list;
    int error = dx_text_editable(doc, type, DX_TEXT_KINDS_TEXT, &list);
    if (error != DX_OK) {
        return error;
    }
    uint64_t all = dx_text_list_length(doc->sequence, list, doc->options.unit);
    if (attributes == NULL || index > all) {
        return DX_E_INVALID;
    }
    uint64_t lines = length > all - index ? length - (all - index) : 0;
    if (lines > DX_TEXT_LINES_ADDED_MAX) {
        return DX_E_LIMIT;
    }
    dx_text_spot spot, end;
    error = dx_text_spot_at(doc, list, index, false, &spot);
    error = error != DX_OK ? error : dx_text_spot_at(doc, list, index + length - lines, true, &end);
    if (error != DX_OK || length == 0) {
        return error;
    }
    dx_buf any;
    dx_text_pen pen;
    dx_buf_init(&any, &doc->alloc, DX_TEXT_VALUE_MAX);
    dx_text_pen_init(&pen, doc, list);
    error = dx_text_given(doc, attributes, &any);
    if (error == DX_OK) {
        uint64_t units = dx_text_spot_index(doc, list, end) - dx_text_spot_index(doc, list, spot) + lines;
        error = format(&pen, spot, units, lines, dx_buf_view(&any));
    }
    dx_text_pen_deinit(&pen);
    dx_buf_deinit(&any);
    return dx_text_doc_error(doc, error);
}
