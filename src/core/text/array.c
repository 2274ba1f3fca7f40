/* text/array.c: elements of arrays, children of XML. */
#include "text/pen.h"

#include "base/limits.h"
#include "text/lib0.h"

enum { KINDS = 1 << DX_TEXT_KIND_ARRAY | DX_TEXT_KINDS_XML };

/* What is put: values, bytes, or a type. */
typedef struct element {
    uint8_t ref;
    dx_bytes content;
    uint32_t count;
    dx_text_kind kind;
    dx_text_name name;
    dx_text_type made;
} element;

/* Right behind the live element before the index; at 0 before everything. */
static int put(dx_text_doc *doc, dx_text_list list, uint64_t index, element *what) {
    bool inside;
    dx_text_ref left = 0, right;
    uint32_t offset = 0;
    if (index > dx_text_list_live(doc->sequence, list)) {
        return DX_E_INVALID;
    }
    if (index > 0) {
        dx_text_list_find(doc->sequence, list, index - 1, DX_TEXT_UTF16, &left, &offset, &inside);
    }
    bool type = what->ref == DX_TEXT_TYPE;
    dx_text_need need = {.clocks = what->count,
                         .items = 1,
                         .splits = 1,
                         .types = type ? 1 : 0,
                         .values = type ? 0 : 1,
                         .value_bytes = what->content.size};
    int error = dx_text_edit_begin(doc, &need);
    if (error != DX_OK) {
        return error;
    }
    if (left != 0) {
        dx_text_edit_seam(doc, left, offset + 1, &left, &right);
    }
    if (type) {
        what->made = dx_text_edit_put_type(doc, list, left, what->kind, what->name);
    } else {
        (void)dx_text_edit_put_values(doc, list, left, what->ref, what->content, what->count);
    }
    dx_text_edit_end(doc);
    return DX_OK;
}

int dx_text_array_insert(dx_text_doc *doc, dx_text_type type, uint64_t index, const char *values) {
    dx_text_list list;
    int error = dx_text_editable(doc, type, KINDS, &list);
    if (error != DX_OK || values == NULL) {
        return error != DX_OK ? error : DX_E_INVALID;
    }
    dx_buf any;
    dx_buf_init(&any, &doc->alloc, DX_TEXT_VALUE_MAX);
    error = dx_text_given(doc, values, &any);
    dx_lib0_reader reader = dx_lib0_reader_of(dx_buf_view(&any));
    if (error == DX_OK && dx_lib0_read_byte(&reader) != DX_ANY_ARRAY) {
        error = DX_E_INVALID;
    }
    if (error == DX_OK) {
        uint64_t count = dx_lib0_read_uint(&reader);
        element what = {.ref = DX_TEXT_ANY,
                        .content = dx_bytes_of(reader.at, dx_lib0_left(&reader)),
                        .count = (uint32_t)count};
        if (count > 0) {
            error = put(doc, list, index, &what);
        } else if (index > dx_text_list_live(doc->sequence, list)) {
            error = DX_E_INVALID;
        }
    }
    dx_buf_deinit(&any);
    return dx_text_doc_error(doc, error);
}

int dx_text_array_insert_bytes(dx_text_doc *doc, dx_text_type type, uint64_t index, dx_bytes value) {
    dx_text_list list;
    element what = {.ref = DX_TEXT_BINARY, .content = value, .count = 1};
    int error = dx_text_editable(doc, type, KINDS, &list);
    return error != DX_OK ? error : put(doc, list, index, &what);
}

int dx_text_array_insert_type(dx_text_doc *doc, dx_text_type type, uint64_t index, dx_text_kind kind,
                              const char *name, dx_text_type *child) {
    dx_text_list list;
    element what = {.ref = DX_TEXT_TYPE, .count = 1, .kind = kind};
    int error = dx_text_editable(doc, type, KINDS, &list);
    error = error != DX_OK ? error : dx_text_kind_named(doc, kind, name, &what.name);
    error = error != DX_OK ? error : put(doc, list, index, &what);
    *child = error == DX_OK ? what.made : 0;
    return error;
}

int dx_text_array_delete(dx_text_doc *doc, dx_text_type type, uint64_t index, uint64_t length) {
    dx_text_list list;
    int error = dx_text_editable(doc, type, KINDS, &list);
    if (error != DX_OK) {
        return error;
    }
    uint64_t live = dx_text_list_live(doc->sequence, list);
    if (index > live || length > live - index) {
        return DX_E_INVALID;
    }
    if (length == 0) {
        return DX_OK;
    }
    bool inside;
    dx_text_ref ref, left;
    uint32_t offset;
    dx_text_list_find(doc->sequence, list, index, DX_TEXT_UTF16, &ref, &offset, &inside);
    dx_text_need need = {.splits = 2};
    uint64_t found = dx_text_item_at(doc->sequence, ref)->length - offset;
    dx_text_need_delete(doc, ref, &need);
    for (dx_text_ref next = ref; found < length;) {
        next = dx_text_item_next(doc->sequence, next);
        const dx_text_item *item = dx_text_item_at(doc->sequence, next);
        if (dx_text_item_live(item)) {
            found += item->length;
            dx_text_need_delete(doc, next, &need);
        }
    }
    error = dx_text_edit_begin(doc, &need);
    if (error != DX_OK) {
        return error;
    }
    dx_text_edit_seam(doc, ref, offset, &left, &ref);
    while (length > 0) {
        const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
        if (dx_text_item_live(item)) {
            if (length < item->length) {
                dx_text_ref rest;
                dx_text_edit_seam(doc, ref, (uint32_t)length, &ref, &rest);
                item = dx_text_item_at(doc->sequence, ref);
            }
            length -= item->length;
            dx_text_doc_delete(doc, ref);
        }
        ref = dx_text_item_next(doc->sequence, ref);
    }
    dx_text_edit_end(doc);
    return DX_OK;
}

dx_text_type dx_text_array_type(const dx_text_doc *doc, dx_text_type type, uint64_t index) {
    dx_text_list list;
    bool inside;
    dx_text_ref ref;
    uint32_t offset;
    if (dx_text_editable(doc, type, KINDS | DX_TEXT_KINDS_TEXT, &list) != DX_OK) {
        return 0;
    }
    bool text = doc->types.rows[type].kind == DX_TEXT_KIND_TEXT ||
                doc->types.rows[type].kind == DX_TEXT_KIND_XML_TEXT;
    dx_text_list_find(doc->sequence, list, index, text ? doc->options.unit : DX_TEXT_UTF16, &ref, &offset,
                      &inside);
    return ref != 0 && dx_text_item_at(doc->sequence, ref)->ref == DX_TEXT_TYPE
               ? dx_text_edit_type_of(doc, ref)
               : 0;
}
