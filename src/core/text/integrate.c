/* text/integrate.c: see integrate.h.
 *
 * The scan of conflicts looks at what stands between the left origin and the right one. Two marks say what Yjs keeps in sets: SCANNED, seen
 * in this scan; CONFLICTING, seen since the place was moved last. Each item loses the second mark once, so a scan is linear. */
#include "text/integrate.h"

#include "text/wtf8.h"

static const uint8_t replacement[] = {0xef, 0xbf, 0xbd};

/* --- Where ------------------------------------------------------------------------------------ */

static bool same_origin(const dx_text_item *a, const dx_text_item *b) {
    if (((a->flags ^ b->flags) & DX_ITEM_ORIGIN) != 0) {
        return false;
    }
    return (a->flags & DX_ITEM_ORIGIN) == 0 ||
           (a->origin_client == b->origin_client && a->origin_clock == b->origin_clock);
}

static bool same_right(const dx_text_item *a, const dx_text_item *b) {
    if (((a->flags ^ b->flags) & DX_ITEM_RIGHT) != 0) {
        return false;
    }
    return (a->flags & DX_ITEM_RIGHT) == 0 ||
           (a->right_client == b->right_client && a->right_clock == b->right_clock);
}

static void clear_marks(const dx_text_doc *doc, const dx_text_walk *walk, dx_text_ref from, dx_text_ref to,
                        uint8_t marks) {
    while (from != to) {
        dx_text_item_at(doc->sequence, from)->flags &= (uint8_t)~marks;
        from = walk->next(walk->ctx, from);
    }
}

dx_text_ref dx_text_integrate_scan(const dx_text_doc *doc, const dx_text_walk *walk, const dx_text_item *self,
                                   dx_text_ref left, dx_text_ref first, dx_text_ref right) {
    const dx_text_sequence *sequence = doc->sequence;
    dx_text_ref place = left, conflicts = first, at = first;
    for (; at != 0 && at != right; at = walk->next(walk->ctx, at)) {
        dx_text_item *other = dx_text_item_at(sequence, at);
        other->flags |= DX_ITEM_MARK | DX_ITEM_CONFLICTING;
        bool moves;
        if (same_origin(self, other)) {
            moves = doc->clients.rows[other->client].id < doc->clients.rows[self->client].id;
            if (!moves && same_right(self, other)) {
                break;
            }
        } else if ((other->flags & DX_ITEM_ORIGIN) != 0) {
            dx_text_ref origin = walk->find(walk->ctx, other->origin_client, other->origin_clock);
            uint8_t marks = dx_text_item_at(sequence, origin)->flags;
            if ((marks & DX_ITEM_MARK) == 0) {
                break;
            }
            moves = (marks & DX_ITEM_CONFLICTING) == 0;
        } else {
            break;
        }
        if (moves) {
            place = at;
            dx_text_ref next = walk->next(walk->ctx, at);
            clear_marks(doc, walk, conflicts, next, DX_ITEM_CONFLICTING);
            conflicts = next;
        }
    }
    if (at != 0 && at != right) {
        at = walk->next(walk->ctx, at); /* where the scan ended is marked, too */
    }
    clear_marks(doc, walk, first, at, DX_ITEM_MARK | DX_ITEM_CONFLICTING);
    return place;
}

static dx_text_ref walk_next(void *ctx, dx_text_ref ref) {
    return dx_text_item_next(((const dx_text_doc *)ctx)->sequence, ref);
}

static dx_text_ref walk_find(void *ctx, uint32_t client, uint32_t clock) {
    return dx_text_ids_find(((const dx_text_doc *)ctx)->sequence, client, clock);
}

/* The list that `what` names as its parent's; 0: there is no such type (any more). */
static dx_text_list named_list(dx_text_doc *doc, const dx_text_planned *planned) {
    const dx_text_struct *what = &planned->what;
    dx_text_type type;
    if (what->parent == DX_TEXT_PARENT_ROOT) {
        type = dx_text_names_value(&doc->names, planned->root);
        if (type == 0) {
            type = dx_text_types_put(&doc->types, doc->sequence, DX_TEXT_KIND_UNKNOWN, 0, planned->root);
            dx_text_names_set_value(&doc->names, planned->root, type);
        }
    } else {
        uint32_t client = dx_text_clients_find(&doc->clients, what->parent_id.client);
        dx_text_ref ref = dx_text_ids_find(doc->sequence, client, (uint32_t)what->parent_id.clock);
        const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
        if (item->ref != DX_TEXT_TYPE) {
            return 0;
        }
        type = item->payload;
    }
    if (!what->has_sub) {
        return doc->types.rows[type].list;
    }
    dx_text_name key;
    int error = dx_text_names_add(&doc->names, type, what->sub, &key);
    DX_ASSERT(error == DX_OK);
    return doc->types.chains[dx_text_types_chain(&doc->types, doc->sequence, &doc->names, type, key)].list;
}

static bool is_gc(const dx_text_doc *doc, dx_text_ref ref) {
    return ref != 0 && dx_text_item_at(doc->sequence, ref)->ref == DX_TEXT_GC;
}

dx_text_list dx_text_integrate_list(dx_text_doc *doc, const dx_text_planned *planned, uint32_t offset,
                                    bool *known) {
    const dx_text_struct *what = &planned->what;
    bool beside = offset != 0 || what->has_origin || what->has_right;
    const dx_text_id before = {.client = what->id.client, .clock = what->id.clock + offset - 1},
                     id = offset != 0        ? before
                          : what->has_origin ? what->origin
                          : what->has_right  ? what->right
                                             : what->parent_id;
    dx_text_ref ref = 0;
    *known = true;
    if (beside || what->parent == DX_TEXT_PARENT_ID) {
        uint32_t client = dx_text_clients_find(&doc->clients, id.client);
        *known = client != DX_TEXT_NO_CLIENT && id.clock < dx_text_ids_state(doc->sequence, client);
        ref = *known ? dx_text_ids_find(doc->sequence, client, (uint32_t)id.clock) : 0;
        if (ref == 0 || is_gc(doc, ref)) {
            return 0;
        }
    }
    if (beside) {
        return dx_text_item_list(doc->sequence, ref);
    }
    const dx_text_item *item = ref != 0 ? dx_text_item_at(doc->sequence, ref) : NULL;
    dx_text_type type = item == NULL                ? dx_text_names_value(&doc->names, planned->root)
                        : item->ref == DX_TEXT_TYPE ? item->payload
                                                    : 0;
    return type == 0 || !what->has_sub ? 0 : dx_text_types_entry(&doc->types, &doc->names, type, what->sub);
}

/* --- What ------------------------------------------------------------------------------------- */

static void insert_text(dx_text_doc *doc, dx_text_ref ref, dx_text_list list, dx_text_ref left, dx_bytes text,
                        uint32_t offset) {
    bool inside;
    size_t cut = dx_wtf8_offset(text, offset, &inside);
    dx_bytes rest = dx_bytes_of(text.data + cut, text.size - cut);
    if (!inside) {
        dx_text_item_insert(doc->sequence, list, left, ref, rest);
        dx_text_ids_append(doc->sequence, ref);
        return;
    }
    /* Half of the pair was here before. */
    dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    uint32_t length = item->length;
    item->length = 1;
    dx_text_item_insert(doc->sequence, list, left, ref, dx_bytes_of(replacement, sizeof replacement));
    dx_text_ids_append(doc->sequence, ref);
    enum { PAIR_SIZE = 4 };
    if (length > 1) {
        dx_text_item_extend(doc->sequence, ref, length - 1,
                            dx_bytes_of(rest.data + PAIR_SIZE, rest.size - PAIR_SIZE));
    }
}

/* Fills in the content and puts the item in its list and among the ids. */
static void insert(dx_text_doc *doc, dx_text_ref ref, const dx_text_planned *planned, uint32_t offset,
                   dx_text_list list, dx_text_ref left) {
    const dx_text_struct *what = &planned->what;
    dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    switch (what->ref) {
    case DX_TEXT_STRING:
        insert_text(doc, ref, list, left, what->content, offset);
        return;
    case DX_TEXT_FORMAT:
        item->payload = planned->name;
        item->spare = dx_text_doc_marker_number(doc, planned->name);
        doc->types.rows[dx_text_owner_type(&doc->types, dx_text_list_owner(doc->sequence, list))].formatted =
            true;
        break;
    case DX_TEXT_TYPE:
        item->payload =
            dx_text_types_put(&doc->types, doc->sequence, (dx_text_kind)what->type_ref, ref, planned->name);
        break;
    case DX_TEXT_DELETED:
        break;
    case DX_TEXT_ANY:
    case DX_TEXT_JSON: {
        size_t size = dx_text_values_size(what->content, offset, what->ref == DX_TEXT_JSON);
        item->payload = dx_text_values_put(
            &doc->values, dx_bytes_of(what->content.data + size, what->content.size - size), item->length, 0);
        break;
    }
    default:
        item->payload = dx_text_values_put(&doc->values, what->content, 1, planned->name);
        break;
    }
    dx_text_item_insert(doc->sequence, list, left, ref, dx_bytes_of(NULL, 0));
    dx_text_ids_append(doc->sequence, ref);
}

void dx_text_integrate_fate(dx_text_doc *doc, dx_text_ref ref) {
    uint32_t owner = dx_text_list_owner(doc->sequence, dx_text_item_list(doc->sequence, ref));
    bool deletes = false;
    if (dx_text_owner_is_chain(owner)) {
        dx_text_ref before = dx_text_item_prev(doc->sequence, ref);
        deletes = dx_text_item_next(doc->sequence, ref) != 0;
        if (!deletes && before != 0) {
            dx_text_doc_delete(doc, before);
        }
    }
    if (dx_text_item_at(doc->sequence, ref)->ref == DX_TEXT_DELETED) {
        dx_text_doc_delete(doc, ref);
    }
    const dx_text_type_row *type = &doc->types.rows[dx_text_owner_type(&doc->types, owner)];
    if (type->item != 0 && (dx_text_item_at(doc->sequence, type->item)->flags & DX_ITEM_DELETED) != 0) {
        deletes = true;
    }
    if (deletes) {
        dx_text_doc_delete(doc, ref);
    }
}

void dx_text_integrate(dx_text_doc *doc, const dx_text_planned *planned, uint32_t offset) {
    const dx_text_struct *what = &planned->what;
    dx_text_sequence *sequence = doc->sequence;
    uint32_t client = dx_text_clients_find(&doc->clients, what->id.client);
    dx_text_ref ref = dx_text_doc_take(doc);
    dx_text_item *item = dx_text_item_at(sequence, ref);
    dx_text_doc_touch(doc, client);
    item->client = client;
    item->clock = (uint32_t)what->id.clock + offset;
    item->length = (uint32_t)what->length - offset;
    item->ref = what->ref;
    dx_text_ref left = 0, right = 0;
    dx_text_list list = 0;
    if (what->ref != DX_TEXT_GC) {
        if (offset != 0 || what->has_origin) {
            item->flags |= DX_ITEM_ORIGIN;
            item->origin_client =
                offset != 0 ? client : dx_text_clients_find(&doc->clients, what->origin.client);
            item->origin_clock = offset != 0 ? item->clock - 1 : (uint32_t)what->origin.clock;
            left = dx_text_doc_item_ending(doc, item->origin_client, item->origin_clock);
        }
        if (what->has_right) {
            item->flags |= DX_ITEM_RIGHT;
            item->right_client = dx_text_clients_find(&doc->clients, what->right.client);
            item->right_clock = (uint32_t)what->right.clock;
            right = dx_text_doc_item_beginning(doc, item->right_client, item->right_clock);
            const dx_text_item *ends = left != 0 ? dx_text_item_at(sequence, left) : NULL;
            if (ends != NULL && ends->clock + ends->length - 1 != item->origin_clock) {
                /* A right origin before the left one, which nobody honest says, has split that off. (Or it is GC.) */
                left = dx_text_ids_find(sequence, item->origin_client, item->origin_clock);
            }
        }
        if (!is_gc(doc, left) && !is_gc(doc, right)) {
            list = left != 0    ? dx_text_item_list(sequence, left)
                   : right != 0 ? dx_text_item_list(sequence, right)
                                : named_list(doc, planned);
        }
    }
    if (list == 0) {
        *item = (dx_text_item){.client = client,
                               .clock = item->clock,
                               .length = item->length,
                               .ref = DX_TEXT_GC,
                               .flags = DX_ITEM_DELETED};
        dx_text_ids_append(sequence, ref);
        return;
    }
    dx_text_ref first = left != 0 ? dx_text_item_next(sequence, left) : dx_text_list_first(sequence, list);
    if (first != right) {
        const dx_text_walk walk = {doc, walk_next, walk_find};
        left = dx_text_integrate_scan(doc, &walk, item, left, first, right);
    }
    insert(doc, ref, planned, offset, list, left);
    dx_text_integrate_fate(doc, ref);
}
