/* text/text_insert.c: characters, embeds and shared types put into a text. */
#include "text/pen.h"

#include "base/limits.h"
#include "text/lib0.h"
#include "text/marks.h"
#include "text/wtf8.h"

static void put(dx_text_pen *pen, dx_text_insertion *what) {
    dx_text_doc *doc = pen->doc;
    if (what->ref == DX_TEXT_STRING) {
        pen->left = dx_text_edit_put_string(doc, pen->list, pen->left, what->content, what->units);
    } else if (what->ref == DX_TEXT_EMBED) {
        pen->left = dx_text_edit_put_values(doc, pen->list, pen->left, DX_TEXT_EMBED, what->content, 1);
    } else {
        what->made = dx_text_edit_put_type(doc, pen->list, pen->left, what->kind, what->name);
        pen->left = doc->types.rows[what->made].item;
    }
}

void dx_text_pen_insert(dx_text_pen *pen, dx_text_insertion *what) {
    for (size_t i = 0; i < pen->current.count; i++) {
        if (dx_text_attributes_find(&pen->wanted, pen->current.rows[i].key) == NULL) {
            dx_text_attribute end;
            int error = dx_text_attribute_null(pen->doc, pen->current.rows[i].key, &end);
            DX_ASSERT(error == DX_OK);
            dx_text_attributes_set_object(&pen->wanted, &pen->doc->names, end);
        }
    }
    dx_text_pen_skip(pen);
    dx_text_pen_start(pen);
    put(pen, what);
    dx_text_pen_finish(pen);
}

static void need_of(const dx_text_insertion *what, dx_text_need *need) {
    need->items += 1;
    need->clocks += what->ref == DX_TEXT_STRING ? what->units : 1;
    if (what->ref == DX_TEXT_STRING) {
        need->text_bytes += what->content.size;
    } else if (what->ref == DX_TEXT_EMBED) {
        need->values += 1;
        need->value_bytes += what->content.size;
    } else {
        need->types += 1;
    }
}

/* In a text without any formatting nothing has to be looked at but the place: right before the next live unit. */
static int insert_plain(dx_text_doc *doc, dx_text_list list, dx_text_spot spot, dx_text_insertion *what) {
    dx_text_need need = {.splits = 1};
    need_of(what, &need);
    int error = dx_text_edit_begin(doc, &need);
    if (error != DX_OK) {
        return error;
    }
    dx_text_pen pen = {.doc = doc, .list = list, .left = spot.ref, .offset = spot.offset};
    if (spot.offset == 0) {
        pen.left = spot.ref != 0 ? dx_text_item_prev(doc->sequence, spot.ref)
                                 : dx_text_list_last(doc->sequence, list);
    }
    dx_text_pen_land(&pen);
    put(&pen, what);
    dx_text_edit_end(doc);
    return DX_OK;
}

/* attributes: of lib0's form, size 0: those in force. */
static int insert(dx_text_doc *doc, dx_text_list list, uint64_t index, dx_text_insertion *what,
                  dx_bytes attributes) {
    dx_text_spot spot;
    int error = dx_text_spot_at(doc, list, index, false, &spot);
    if (error != DX_OK) {
        return error;
    }
    bool take_over = attributes.size == 0;
    if (take_over && !dx_text_is_formatted(doc, list)) {
        return insert_plain(doc, list, spot, what);
    }
    dx_text_pen pen;
    dx_text_need need = {.items = 0};
    dx_text_pen_init(&pen, doc, list);
    pen.unordered = take_over;
    error = take_over ? DX_OK : dx_text_attributes_read(doc, attributes, &pen.wanted);
    error = error != DX_OK ? error : dx_text_pen_aim(&pen, spot);
    error = error != DX_OK ? error : dx_text_pen_prepare(&pen, take_over, &need);
    if (error == DX_OK) {
        need_of(what, &need);
        error = dx_text_edit_begin(doc, &need);
    }
    if (error == DX_OK) {
        dx_text_pen_land(&pen);
        dx_text_pen_insert(&pen, what);
        dx_text_edit_end(doc);
    }
    dx_text_pen_deinit(&pen);
    return dx_text_doc_error(doc, error);
}

int dx_text_insert(dx_text_doc *doc, dx_text_type type, uint64_t index, dx_bytes text,
                   const char *attributes) {
    dx_text_list list;
    dx_text_insertion what = {.ref = DX_TEXT_STRING, .content = text};
    uint64_t units;
    int error = dx_text_editable(doc, type, DX_TEXT_KINDS_TEXT, &list);
    if (error == DX_OK && !dx_utf8_units(text, &units)) {
        error = DX_E_INVALID;
    }
    if (error == DX_OK && units > UINT32_MAX) {
        error = DX_E_LIMIT;
    }
    if (error != DX_OK || units == 0) {
        return error;
    }
    what.units = (uint32_t)units;
    if (attributes == NULL && doc->marks == NULL) {
        return insert(doc, list, index, &what, dx_bytes_of(NULL, 0));
    }
    dx_buf any;
    dx_buf_init(&any, &doc->alloc, DX_TEXT_VALUE_MAX);
    error =
        attributes == NULL ? dx_text_marks_at(doc, list, index, &any) : dx_text_given(doc, attributes, &any);
    error = error != DX_OK ? error : insert(doc, list, index, &what, dx_buf_view(&any));
    dx_buf_deinit(&any);
    return dx_text_doc_error(doc, error);
}

/* As Yjs has it, what is embedded without a word about formatting has none. */
static int insert_formatted(dx_text_doc *doc, dx_text_list list, uint64_t index, dx_text_insertion *what,
                            const char *attributes) {
    dx_buf any;
    dx_buf_init(&any, &doc->alloc, DX_TEXT_VALUE_MAX);
    int error = dx_text_given(doc, attributes != NULL ? attributes : "{}", &any);
    error = error != DX_OK ? error : insert(doc, list, index, what, dx_buf_view(&any));
    dx_buf_deinit(&any);
    return dx_text_doc_error(doc, error);
}

int dx_text_insert_embed(dx_text_doc *doc, dx_text_type type, uint64_t index, const char *value,
                         const char *attributes) {
    dx_text_list list;
    int error = dx_text_editable(doc, type, DX_TEXT_KINDS_TEXT, &list);
    if (error != DX_OK) {
        return error;
    }
    dx_buf any;
    dx_buf_init(&any, &doc->alloc, DX_TEXT_VALUE_MAX);
    error = dx_text_given(doc, value, &any);
    if (error == DX_OK && any.data[0] == DX_ANY_NULL) {
        error = DX_E_INVALID;
    }
    if (error == DX_OK) {
        dx_text_insertion what = {.ref = DX_TEXT_EMBED, .content = dx_buf_view(&any)};
        error = insert_formatted(doc, list, index, &what, attributes);
    }
    dx_buf_deinit(&any);
    return dx_text_doc_error(doc, error);
}

int dx_text_insert_type(dx_text_doc *doc, dx_text_type type, uint64_t index, dx_text_kind kind,
                        const char *name, const char *attributes, dx_text_type *child) {
    dx_text_list list;
    dx_text_insertion what = {.ref = DX_TEXT_TYPE, .kind = kind};
    int error = dx_text_editable(doc, type, DX_TEXT_KINDS_TEXT, &list);
    error = error != DX_OK ? error : dx_text_kind_named(doc, kind, name, &what.name);
    error = error != DX_OK ? error : insert_formatted(doc, list, index, &what, attributes);
    *child = error == DX_OK ? what.made : 0;
    return error;
}
