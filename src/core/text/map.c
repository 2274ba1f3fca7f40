/* text/map.c: entries of maps, attributes of XML elements and of texts as a whole. */
#include "text/pen.h"

#include "base/limits.h"
#include "text/lib0.h"
#include "text/wtf8.h"

#include <string.h>

enum {
    KINDS = 1 << DX_TEXT_KIND_MAP | 1 << DX_TEXT_KIND_XML_HOOK | 1 << DX_TEXT_KIND_XML_ELEMENT |
            DX_TEXT_KINDS_TEXT
};

static int check(const dx_text_doc *doc, dx_text_type type, const char *key) {
    dx_text_list list;
    uint64_t units;
    if (key == NULL || !dx_utf8_units(dx_bytes_text(key), &units)) {
        return DX_E_INVALID;
    }
    return dx_text_editable(doc, type, KINDS, &list);
}

/* Opens the call's transaction for a new last item of the key's chain, which deletes the one before. */
static int begin(dx_text_doc *doc, dx_text_type type, const char *key, dx_text_need *need,
                 dx_text_list *chain) {
    *chain = dx_text_edit_chain(doc, type, dx_bytes_text(key));
    dx_text_ref last = *chain != 0 ? dx_text_list_last(doc->sequence, *chain) : 0;
    need->clocks = 1;
    need->items = 1;
    need->chains = 1;
    need->names = 1;
    need->name_bytes = strlen(key);
    if (last != 0) {
        dx_text_need_delete(doc, last, need);
    }
    int error = dx_text_edit_begin(doc, need);
    if (error == DX_OK && *chain == 0) {
        *chain = dx_text_edit_make_chain(doc, type, dx_bytes_text(key));
    }
    return error;
}

int dx_text_map_set(dx_text_doc *doc, dx_text_type type, const char *key, const char *value) {
    int error = check(doc, type, key);
    if (error != DX_OK || value == NULL) {
        return error != DX_OK ? error : DX_E_INVALID;
    }
    dx_buf any;
    dx_text_list chain;
    dx_buf_init(&any, &doc->alloc, DX_TEXT_VALUE_MAX);
    error = dx_text_given(doc, value, &any);
    dx_text_need need = {.values = 1, .value_bytes = any.size};
    error = error != DX_OK ? error : begin(doc, type, key, &need, &chain);
    if (error == DX_OK) {
        (void)dx_text_edit_put_values(doc, chain, dx_text_list_last(doc->sequence, chain), DX_TEXT_ANY,
                                      dx_buf_view(&any), 1);
        dx_text_edit_end(doc);
    }
    dx_buf_deinit(&any);
    return dx_text_doc_error(doc, error);
}

int dx_text_map_set_type(dx_text_doc *doc, dx_text_type type, const char *key, dx_text_kind kind,
                         const char *name, dx_text_type *child) {
    dx_text_name node;
    dx_text_list chain;
    dx_text_need need = {.types = 1};
    int error = check(doc, type, key);
    error = error != DX_OK ? error : dx_text_kind_named(doc, kind, name, &node);
    error = error != DX_OK ? error : begin(doc, type, key, &need, &chain);
    *child = 0;
    if (error == DX_OK) {
        *child = dx_text_edit_put_type(doc, chain, dx_text_list_last(doc->sequence, chain), kind, node);
        dx_text_edit_end(doc);
    }
    return error;
}

/* The item that stands under a key, 0: none. */
static dx_text_ref entry(const dx_text_doc *doc, dx_text_type type, const char *key) {
    dx_text_list chain = dx_text_edit_chain(doc, type, dx_bytes_text(key));
    dx_text_ref last = chain != 0 ? dx_text_list_last(doc->sequence, chain) : 0;
    return last != 0 && dx_text_item_live(dx_text_item_at(doc->sequence, last)) ? last : 0;
}

int dx_text_map_delete(dx_text_doc *doc, dx_text_type type, const char *key) {
    int error = check(doc, type, key);
    dx_text_ref ref = error == DX_OK ? entry(doc, type, key) : 0;
    if (ref == 0) {
        return error;
    }
    dx_text_need need = {.deletes = 0};
    dx_text_need_delete(doc, ref, &need);
    error = dx_text_edit_begin(doc, &need);
    if (error == DX_OK) {
        dx_text_doc_delete(doc, ref);
        dx_text_edit_end(doc);
    }
    return error;
}

dx_text_type dx_text_map_type(const dx_text_doc *doc, dx_text_type type, const char *key) {
    dx_text_ref ref = check(doc, type, key) == DX_OK ? entry(doc, type, key) : 0;
    return ref != 0 && dx_text_item_at(doc->sequence, ref)->ref == DX_TEXT_TYPE
               ? dx_text_edit_type_of(doc, ref)
               : 0;
}
