/* text/edit.c: see edit.h. */
#include "text/edit.h"

#include "text/integrate.h"

int dx_text_edit_begin(dx_text_doc *doc, const dx_text_need *need) {
    if (doc->transaction.told) {
        return DX_E_STATE;
    }
    int error = dx_text_doc_reserve(doc, need);
    if (error == DX_OK && !doc->transaction.open) {
        dx_text_transaction_begin(doc, true);
    }
    return error;
}

void dx_text_edit_end(dx_text_doc *doc) {
    if (doc->transaction.implied) {
        dx_text_transaction_settle(doc);
        dx_text_transaction_end(doc);
    }
}

void dx_text_edit_seam(dx_text_doc *doc, dx_text_ref ref, uint32_t offset, dx_text_ref *left,
                       dx_text_ref *right) {
    if (offset == 0) {
        *left = dx_text_item_prev(doc->sequence, ref);
        *right = ref;
        return;
    }
    *left = ref;
    *right = offset < dx_text_item_at(doc->sequence, ref)->length ? dx_text_doc_split(doc, ref, offset)
                                                                  : dx_text_item_next(doc->sequence, ref);
}

static dx_text_ref after(const dx_text_doc *doc, dx_text_list list, dx_text_ref left) {
    return left != 0 ? dx_text_item_next(doc->sequence, left) : dx_text_list_first(doc->sequence, list);
}

/* A new record of the own client with the origins of that place. */
static dx_text_ref make(dx_text_doc *doc, dx_text_list list, dx_text_ref left, uint8_t ref, uint32_t length) {
    dx_text_doc_touch(doc, DX_TEXT_OWN_CLIENT);
    dx_text_ref made = dx_text_doc_take(doc), right = after(doc, list, left);
    dx_text_item *item = dx_text_item_at(doc->sequence, made);
    *item = (dx_text_item){.client = DX_TEXT_OWN_CLIENT,
                           .clock = dx_text_ids_state(doc->sequence, DX_TEXT_OWN_CLIENT),
                           .length = length,
                           .ref = ref};
    if (left != 0) {
        const dx_text_item *origin = dx_text_item_at(doc->sequence, left);
        item->flags |= DX_ITEM_ORIGIN;
        item->origin_client = origin->client;
        item->origin_clock = origin->clock + origin->length - 1;
    }
    if (right != 0) {
        const dx_text_item *origin = dx_text_item_at(doc->sequence, right);
        item->flags |= DX_ITEM_RIGHT;
        item->right_client = origin->client;
        item->right_clock = origin->clock;
    }
    return made;
}

static dx_text_ref place(dx_text_doc *doc, dx_text_ref ref, dx_text_list list, dx_text_ref left,
                         dx_bytes text) {
    dx_text_item_insert(doc->sequence, list, left, ref, text);
    dx_text_ids_append(doc->sequence, ref);
    dx_text_integrate_fate(doc, ref);
    return ref;
}

/* Whether a string put behind `left` would merge with it: it ends the own clocks and has the right origin that the new one would
 * have. */
static bool continues(const dx_text_doc *doc, dx_text_list list, dx_text_ref left) {
    if (left == 0) {
        return false;
    }
    const dx_text_item *item = dx_text_item_at(doc->sequence, left);
    if (item->client != DX_TEXT_OWN_CLIENT || item->ref != DX_TEXT_STRING ||
        (item->flags & (DX_ITEM_DELETED | DX_ITEM_REDONE)) != 0 ||
        item->clock + item->length != dx_text_ids_state(doc->sequence, DX_TEXT_OWN_CLIENT)) {
        return false;
    }
    dx_text_ref right = after(doc, list, left);
    if ((item->flags & DX_ITEM_RIGHT) == 0 || right == 0) {
        return (item->flags & DX_ITEM_RIGHT) == 0 && right == 0;
    }
    const dx_text_item *origin = dx_text_item_at(doc->sequence, right);
    return item->right_client == origin->client && item->right_clock == origin->clock;
}

dx_text_ref dx_text_edit_put_string(dx_text_doc *doc, dx_text_list list, dx_text_ref left, dx_bytes text,
                                    uint32_t units) {
    if (continues(doc, list, left)) {
        dx_text_doc_touch(doc, DX_TEXT_OWN_CLIENT);
        dx_text_item_extend(doc->sequence, left, units, text);
        return left;
    }
    return place(doc, make(doc, list, left, DX_TEXT_STRING, units), list, left, text);
}

dx_text_ref dx_text_edit_put_marker(dx_text_doc *doc, dx_text_list list, dx_text_ref left, uint32_t marker) {
    dx_text_ref ref = make(doc, list, left, DX_TEXT_FORMAT, 1);
    dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    item->payload = marker;
    item->spare = dx_text_doc_marker_number(doc, marker);
    doc->types.rows[dx_text_owner_type(&doc->types, dx_text_list_owner(doc->sequence, list))].formatted =
        true;
    return place(doc, ref, list, left, dx_bytes_of(NULL, 0));
}

dx_text_ref dx_text_edit_put_values(dx_text_doc *doc, dx_text_list list, dx_text_ref left, uint8_t ref,
                                    dx_bytes values, uint32_t count) {
    dx_text_ref made = make(doc, list, left, ref, count);
    dx_text_item_at(doc->sequence, made)->payload = dx_text_values_put(&doc->values, values, count, 0);
    return place(doc, made, list, left, dx_bytes_of(NULL, 0));
}

dx_text_type dx_text_edit_put_type(dx_text_doc *doc, dx_text_list list, dx_text_ref left, dx_text_kind kind,
                                   dx_text_name name) {
    dx_text_ref made = make(doc, list, left, DX_TEXT_TYPE, 1);
    dx_text_type type = dx_text_types_put(&doc->types, doc->sequence, kind, made, name);
    dx_text_item_at(doc->sequence, made)->payload = type;
    place(doc, made, list, left, dx_bytes_of(NULL, 0));
    return type;
}

dx_text_list dx_text_edit_chain(const dx_text_doc *doc, dx_text_type type, dx_bytes key) {
    return dx_text_types_entry(&doc->types, &doc->names, type, key);
}

dx_text_list dx_text_edit_make_chain(dx_text_doc *doc, dx_text_type type, dx_bytes key) {
    dx_text_name name;
    int error = dx_text_names_add(&doc->names, type, key, &name);
    DX_ASSERT(error == DX_OK);
    return doc->types.chains[dx_text_types_chain(&doc->types, doc->sequence, &doc->names, type, name)].list;
}

dx_text_type dx_text_edit_type_of(const dx_text_doc *doc, dx_text_ref ref) {
    const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    return item->ref == DX_TEXT_TYPE ? item->payload : 0;
}
