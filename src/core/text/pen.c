/* text/pen.c: see pen.h. The edits themselves: text_insert.c, text_format.c, text_delete.c. */
#include "text/pen.h"

#include "base/limits.h"
#include "text/lib0.h"
#include "text/marks.h"
#include "text/wtf8.h"

int dx_text_editable(const dx_text_doc *doc, dx_text_type type, uint32_t kinds, dx_text_list *list) {
    if (type == 0 || type >= doc->types.count) {
        return DX_E_INVALID;
    }
    const dx_text_type_row *row = &doc->types.rows[type];
    if (row->kind >= 32 || (kinds >> row->kind & 1) == 0) {
        return DX_E_INVALID;
    }
    if (row->gone || (row->item != 0 && dx_text_is_deleted(doc, row->item))) {
        return DX_E_NOT_FOUND;
    }
    *list = row->list;
    return DX_OK;
}

int dx_text_spot_at(const dx_text_doc *doc, dx_text_list list, uint64_t index, bool up, dx_text_spot *spot) {
    bool inside;
    do {
        inside = false;
        dx_text_list_find(doc->sequence, list, index, doc->options.unit, &spot->ref, &spot->offset, &inside);
    } while (inside && up && index++ != UINT64_MAX);
    if (spot->ref != 0) {
        return DX_OK;
    }
    spot->offset = 0;
    return index > dx_text_list_length(doc->sequence, list, doc->options.unit) ? DX_E_INVALID : DX_OK;
}

bool dx_text_is_formatted(const dx_text_doc *doc, dx_text_list list) {
    return doc->types.rows[dx_text_owner_type(&doc->types, dx_text_list_owner(doc->sequence, list))]
        .formatted;
}

int dx_text_kind_named(dx_text_doc *doc, dx_text_kind kind, const char *node, dx_text_name *name) {
    bool named = kind == DX_TEXT_KIND_XML_ELEMENT || kind == DX_TEXT_KIND_XML_HOOK;
    *name = 0;
    if (kind > DX_TEXT_KIND_XML_TEXT || named != (node != NULL)) {
        return DX_E_INVALID;
    }
    if (!named) {
        return DX_OK;
    }
    uint64_t units;
    dx_bytes bytes = dx_bytes_text(node);
    return dx_utf8_units(bytes, &units) ? dx_text_names_add(&doc->names, DX_TEXT_SCOPE_KEY, bytes, name)
                                        : DX_E_INVALID;
}

int dx_text_given(dx_text_doc *doc, const char *json, dx_buf *any) {
    if (json == NULL) {
        return DX_E_INVALID;
    }
    int error = dx_any_from_json(dx_bytes_text(json), any);
    if (error == DX_OK && dx_wtf8_has_half(dx_buf_view(any))) {
        dx_buf whole;
        dx_buf_init(&whole, &doc->alloc, DX_TEXT_VALUE_MAX);
        dx_lib0_write_any(&whole, dx_buf_view(any));
        error = dx_buf_error(&whole);
        dx_buf_clear(any);
        dx_buf_append(any, whole.data, whole.size);
        error = error != DX_OK ? error : dx_buf_error(any);
        dx_buf_deinit(&whole);
    }
    return error;
}

uint64_t dx_text_spot_index(const dx_text_doc *doc, dx_text_list list, dx_text_spot spot) {
    return spot.ref == 0 ? dx_text_list_live(doc->sequence, list)
                         : dx_text_item_index(doc->sequence, spot.ref, DX_TEXT_UTF16) + spot.offset;
}

void dx_text_pen_init(dx_text_pen *pen, dx_text_doc *doc, dx_text_list list) {
    *pen = (dx_text_pen){.doc = doc, .list = list};
    dx_text_attributes_init(&pen->current, &doc->alloc);
    dx_text_attributes_init(&pen->wanted, &doc->alloc);
    dx_text_attributes_init(&pen->restored, &doc->alloc);
}

void dx_text_pen_deinit(dx_text_pen *pen) {
    dx_text_attributes_deinit(&pen->current);
    dx_text_attributes_deinit(&pen->wanted);
    dx_text_attributes_deinit(&pen->restored);
}

bool dx_text_is_deleted(const dx_text_doc *doc, dx_text_ref ref) {
    return (dx_text_item_at(doc->sequence, ref)->flags & DX_ITEM_DELETED) != 0;
}

bool dx_text_is_marker(const dx_text_doc *doc, dx_text_ref ref) {
    const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    return item->ref == DX_TEXT_FORMAT && (item->flags & DX_ITEM_DELETED) == 0;
}

dx_text_attribute dx_text_attribute_of(const dx_text_doc *doc, dx_text_ref marker) {
    uint32_t both = dx_text_item_at(doc->sequence, marker)->payload;
    return (dx_text_attribute){.key = dx_text_doc_marker_key(doc, both),
                               .value = dx_text_doc_marker_value(doc, both),
                               .marker = both,
                               .source = marker};
}

/* Takes what a marker says into what is in force. */
static void take(const dx_text_doc *doc, dx_text_attributes *current, dx_text_attribute row) {
    if (dx_text_value_is_null(&doc->names, row.value)) {
        dx_text_attributes_remove(current, row.key);
    } else {
        dx_text_attributes_set(current, row);
    }
}

/* From the beginning of the list on. */
static int fold_forwards(const dx_text_doc *doc, dx_text_list list, dx_text_ref end,
                         dx_text_attributes *attributes) {
    for (dx_text_ref ref = dx_text_list_first(doc->sequence, list); ref != end;
         ref = dx_text_item_next(doc->sequence, ref)) {
        if (dx_text_is_marker(doc, ref)) {
            int error = dx_text_attributes_reserve(attributes, 1);
            if (error != DX_OK) {
                return error;
            }
            take(doc, attributes, dx_text_attribute_of(doc, ref));
        }
    }
    return DX_OK;
}

/* Where a key that is in force before `marker` began to be: markers that only changed its value do not count. */
static dx_text_ref since(const dx_text_doc *doc, dx_text_list list, dx_text_ref marker) {
    uint16_t key = dx_text_item_at(doc->sequence, marker)->spare;
    for (dx_text_ref before = marker; before != 0;
         before = dx_text_item_marker_before(doc->sequence, list, before, key)) {
        if (dx_text_value_is_null(&doc->names, dx_text_attribute_of(doc, before).value)) {
            break;
        }
        marker = before;
    }
    return marker;
}

/* Members come in the order in which they came into force: the last of the rows finds its place. */
static void order_last(const dx_text_doc *doc, dx_text_list list, dx_text_attributes *attributes) {
    dx_text_attribute *rows = attributes->rows;
    size_t at = attributes->count - 1;
    dx_text_ref begun = at > 0 ? since(doc, list, rows[at].source) : 0;
    for (; at > 0 && dx_text_item_before(doc->sequence, begun, since(doc, list, rows[at - 1].source)); at--) {
        dx_text_attribute row = rows[at];
        rows[at] = rows[at - 1];
        rows[at - 1] = row;
    }
}

/* Each key is looked for by itself; of more than these many come in one walk. */
enum { SEARCHED_KEYS_MAX = 64 };

static int in_force_before(const dx_text_doc *doc, dx_text_list list, dx_text_ref end, bool ordered,
                           dx_text_attributes *attributes) {
    attributes->count = 0;
    if (!dx_text_is_formatted(doc, list)) {
        return DX_OK;
    }
    if (doc->keys > SEARCHED_KEYS_MAX) {
        return fold_forwards(doc, list, end, attributes);
    }
    int error = dx_text_attributes_reserve(attributes, doc->keys);
    for (uint32_t key = 1; error == DX_OK && key <= doc->keys; key++) {
        dx_text_ref marker = dx_text_item_marker_before(doc->sequence, list, end, (uint16_t)key);
        if (marker == 0) {
            continue;
        }
        dx_text_attribute row = dx_text_attribute_of(doc, marker);
        if (!dx_text_value_is_null(&doc->names, row.value)) {
            dx_text_attributes_set(attributes, row);
            if (ordered) {
                order_last(doc, list, attributes);
            }
        }
    }
    return error;
}

int dx_text_attributes_before(const dx_text_doc *doc, dx_text_list list, dx_text_ref end,
                              dx_text_attributes *attributes) {
    return in_force_before(doc, list, end, true, attributes);
}

int dx_text_pen_aim(dx_text_pen *pen, dx_text_spot spot) {
    dx_text_doc *doc = pen->doc;
    pen->offset = spot.offset;
    pen->left = spot.ref;
    pen->right = 0;
    if (spot.offset == 0) {
        pen->right = spot.ref;
        pen->left = spot.ref != 0 ? dx_text_item_prev(doc->sequence, spot.ref)
                                  : dx_text_list_last(doc->sequence, pen->list);
        while (pen->left != 0 && !dx_text_item_live(dx_text_item_at(doc->sequence, pen->left))) {
            pen->right = pen->left;
            pen->left = dx_text_item_prev(doc->sequence, pen->left);
        }
    }
    dx_text_ref end = spot.offset == 0 ? pen->right : pen->left;
    return in_force_before(doc, pen->list, end, !pen->unordered, &pen->current);
}

void dx_text_pen_land(dx_text_pen *pen) {
    if (pen->offset != 0) {
        dx_text_edit_seam(pen->doc, pen->left, pen->offset, &pen->left, &pen->right);
        pen->offset = 0;
    }
}

int dx_text_attributes_read(dx_text_doc *doc, dx_bytes any, dx_text_attributes *attributes) {
    dx_lib0_reader reader = dx_lib0_reader_of(any);
    if (dx_lib0_read_byte(&reader) != DX_ANY_OBJECT) {
        return DX_E_INVALID;
    }
    for (uint64_t left = dx_lib0_read_uint(&reader); left > 0; left--) {
        dx_text_attribute row = {.source = 0};
        dx_bytes key = dx_lib0_read_bytes(&reader);
        dx_bytes value = dx_lib0_read_any(&reader);
        int error = dx_text_marks_check(doc, key);
        error = error != DX_OK ? error : dx_text_attributes_reserve(attributes, 1);
        if (error == DX_OK) {
            error = dx_text_doc_marker(doc, key, value, &row.marker);
        }
        if (error != DX_OK) {
            return error;
        }
        row.key = dx_text_doc_marker_key(doc, row.marker);
        row.value = dx_text_doc_marker_value(doc, row.marker);
        dx_text_attributes_set(attributes, row);
    }
    return reader.error;
}

int dx_text_attribute_null(dx_text_doc *doc, dx_text_name key, dx_text_attribute *row) {
    static const uint8_t null = DX_ANY_NULL;
    *row = (dx_text_attribute){.key = key};
    int error =
        dx_text_doc_marker(doc, dx_text_names_at(&doc->names, key), dx_bytes_of(&null, 1), &row->marker);
    row->value = error == DX_OK ? dx_text_doc_marker_value(doc, row->marker) : 0;
    return error;
}

/* Makes sure that the key can be ended later on. */
static int make_null(dx_text_doc *doc, dx_text_name key) {
    dx_text_attribute row;
    return dx_text_attribute_null(doc, key, &row);
}

/* A row that was made before. */
static dx_text_attribute null_of(dx_text_doc *doc, dx_text_name key) {
    dx_text_attribute row;
    int error = dx_text_attribute_null(doc, key, &row);
    DX_ASSERT(error == DX_OK);
    return row;
}

static int reserve_rows(dx_text_pen *pen, size_t rows) {
    int error = dx_text_attributes_reserve(&pen->wanted, rows);
    error = error != DX_OK ? error : dx_text_attributes_reserve(&pen->current, rows);
    return error != DX_OK ? error : dx_text_attributes_reserve(&pen->restored, rows);
}

int dx_text_pen_prepare(dx_text_pen *pen, bool take_over, dx_text_need *need) {
    size_t asked = pen->wanted.count;
    int error = DX_OK;
    for (size_t i = 0; error == DX_OK && i < asked; i++) {
        error = make_null(pen->doc, pen->wanted.rows[i].key);
    }
    for (size_t i = 0; error == DX_OK && !take_over && i < pen->current.count; i++) {
        error = make_null(pen->doc, pen->current.rows[i].key);
    }
    size_t rows = asked + pen->current.count;
    error = error != DX_OK ? error : reserve_rows(pen, rows);
    if (error != DX_OK) {
        return error;
    }
    for (size_t i = 0; take_over && i < pen->current.count; i++) {
        dx_text_attributes_set_object(&pen->wanted, &pen->doc->names, pen->current.rows[i]);
    }
    need->items += 2 * rows;
    need->clocks += 2 * rows;
    need->splits += 1;
    return DX_OK;
}

int dx_text_pen_survey(dx_text_pen *pen, uint64_t units, bool ends, dx_text_need *need) {
    dx_text_doc *doc = pen->doc;
    size_t markers = 0;
    uint64_t skipped = pen->offset;
    for (dx_text_ref ref = pen->offset != 0 ? pen->left : pen->right; ref != 0;
         ref = dx_text_item_next(doc->sequence, ref)) {
        const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
        if (dx_text_item_live(item)) {
            if (units == 0) {
                break;
            }
            uint64_t length = item->length - skipped;
            /* Deleting steps over other values, and goes further for them. */
            units -= !dx_text_is_content(item) ? 0 : length < units ? length : units;
            dx_text_need_delete(doc, ref, need);
        } else if ((item->flags & DX_ITEM_DELETED) == 0) {
            need->deletes++;
            markers++;
            int error = ends ? make_null(doc, dx_text_doc_marker_key(doc, item->payload)) : DX_OK;
            if (error != DX_OK) {
                return error;
            }
        }
        skipped = 0;
    }
    need->splits += 1;
    return reserve_rows(pen, markers + pen->wanted.count + pen->current.count);
}

/* --- Moving ------------------------------------------------------------------------------------------------- */

void dx_text_pen_forward(dx_text_pen *pen) {
    if (dx_text_is_marker(pen->doc, pen->right)) {
        take(pen->doc, &pen->current, dx_text_attribute_of(pen->doc, pen->right));
    }
    pen->left = pen->right;
    pen->right = dx_text_item_next(pen->doc->sequence, pen->right);
}

void dx_text_pen_skip(dx_text_pen *pen) {
    const dx_text_names *names = &pen->doc->names;
    while (pen->right != 0) {
        if (!dx_text_is_deleted(pen->doc, pen->right)) {
            if (!dx_text_is_marker(pen->doc, pen->right)) {
                return;
            }
            dx_text_attribute row = dx_text_attribute_of(pen->doc, pen->right);
            const dx_text_attribute *wanted = dx_text_attributes_find(&pen->wanted, row.key);
            if (wanted != NULL ? !dx_text_value_equal(names, *wanted, row)
                               : !dx_text_value_is_null(names, row.value)) {
                return;
            }
        }
        dx_text_pen_forward(pen);
    }
}

static void put_marker(dx_text_pen *pen, dx_text_attribute row) {
    row.source = dx_text_edit_put_marker(pen->doc, pen->list, pen->left, row.marker);
    pen->left = row.source;
    take(pen->doc, &pen->current, row);
}

void dx_text_pen_start(dx_text_pen *pen) {
    const dx_text_names *names = &pen->doc->names;
    pen->restored.count = 0;
    for (size_t i = 0; i < pen->wanted.count; i++) {
        dx_text_attribute row = pen->wanted.rows[i];
        const dx_text_attribute *current = dx_text_attributes_find(&pen->current, row.key);
        if (current != NULL ? dx_text_value_equal(names, *current, row)
                            : dx_text_value_is_null(names, row.value)) {
            continue;
        }
        dx_text_attributes_set(&pen->restored, current != NULL ? *current : null_of(pen->doc, row.key));
        put_marker(pen, row);
    }
}

void dx_text_pen_finish(dx_text_pen *pen) {
    const dx_text_names *names = &pen->doc->names;
    while (pen->right != 0) {
        if (!dx_text_is_deleted(pen->doc, pen->right)) {
            if (!dx_text_is_marker(pen->doc, pen->right)) {
                break;
            }
            dx_text_attribute row = dx_text_attribute_of(pen->doc, pen->right);
            const dx_text_attribute *restored = dx_text_attributes_find(&pen->restored, row.key);
            if (restored == NULL || !dx_text_value_equal(names, *restored, row)) {
                break;
            }
            dx_text_attributes_remove(&pen->restored, row.key);
        }
        dx_text_pen_forward(pen);
    }
    for (size_t i = 0; i < pen->restored.count; i++) {
        put_marker(pen, pen->restored.rows[i]);
    }
}
