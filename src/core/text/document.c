/* text/document.c: see document.h. */
#include "text/document.h"

#include "base/limits.h"
#include "text/marks.h"
#include "text/observe.h"
#include "text/plan.h"
#include "text/room.h"
#include "text/undo.h"

#include <dxos/text_history.h>

/* --- Memory ----------------------------------------------------------------------------------- */

/* The document's allocator: the host's, counted. */
static void *resize(void *ctx, void *old, size_t old_size, size_t new_size) {
    dx_text_doc *doc = ctx;
    if (new_size > old_size && doc->options.max_bytes != 0 &&
        new_size - old_size > doc->options.max_bytes - doc->taken) {
        doc->over = true;
        return NULL;
    }
    void *block = doc->host->resize(doc->host->ctx, old, old_size, new_size);
    if (block != NULL || new_size == 0) {
        doc->taken += new_size - old_size;
    }
    return block;
}

int dx_text_doc_error(dx_text_doc *doc, int error) {
    bool over = doc->over;
    doc->over = false;
    return error == DX_E_NO_MEMORY && over ? DX_E_LIMIT : error;
}

/* --- From beginning to end -------------------------------------------------------------------- */

int dx_text_create(const dx_alloc *alloc, const dx_text_options *options, dx_text_doc **doc) {
    if (alloc == NULL || options == NULL || doc == NULL || options->client == 0 ||
        options->client > DX_LIB0_UINT_MAX || options->unit > DX_TEXT_CODE_POINTS) {
        return DX_E_INVALID;
    }
    dx_text_doc *self = dx_alloc_take_zeroed(alloc, sizeof *self);
    if (self == NULL) {
        return DX_E_NO_MEMORY;
    }
    self->host = alloc;
    self->alloc = (dx_alloc){.ctx = self, .resize = resize};
    self->options = *options;
    if (self->options.max_bytes != 0 && self->options.max_bytes < sizeof *self) {
        dx_alloc_free(alloc, self, sizeof *self);
        return DX_E_LIMIT;
    }
    self->taken = sizeof *self;
    dx_text_clients_init(&self->clients, &self->alloc);
    dx_text_names_init(&self->names, &self->alloc);
    dx_text_values_init(&self->values, &self->alloc);
    dx_text_types_init(&self->types, &self->alloc);
    dx_text_redone_init(&self->redone, &self->alloc);
    dx_text_pending_init(&self->pending, &self->alloc);
    dx_text_reader_init(&self->reader, &self->alloc);
    dx_text_writer_init(&self->writer, &self->alloc);
    dx_buf_init(&self->scratch, &self->alloc, SIZE_MAX);
    dx_id_set_init(&self->deletes, &self->alloc);
    int error = dx_text_sequence_create(&self->alloc, &self->sequence);
    if (error == DX_OK) {
        error = dx_text_doc_add_clients(self, &options->client, 1);
    }
    if (error == DX_OK) {
        error = dx_text_plan_create(&self->alloc, &self->plan);
    }
    if (error != DX_OK) {
        error = dx_text_doc_error(self, error);
        dx_text_destroy(self);
        return error;
    }
    *doc = self;
    return DX_OK;
}

void dx_text_destroy(dx_text_doc *doc) {
    if (doc == NULL) {
        return;
    }
    dx_text_transaction *transaction = &doc->transaction;
    while (doc->undo != NULL) {
        dx_text_undo_destroy(doc->undo);
    }
    dx_text_observers_deinit(doc);
    dx_text_marks_deinit(doc);
    dx_alloc_free(&doc->alloc, transaction->deleted,
                  transaction->deleted_capacity * sizeof *transaction->deleted);
    dx_alloc_free(&doc->alloc, transaction->seams, transaction->seam_capacity * sizeof *transaction->seams);
    dx_alloc_free(&doc->alloc, transaction->touched,
                  transaction->touched_capacity * sizeof *transaction->touched);
    dx_text_plan_destroy(doc->plan);
    dx_text_sequence_destroy(doc->sequence);
    dx_id_set_deinit(&doc->deletes);
    dx_buf_deinit(&doc->scratch);
    dx_text_writer_deinit(&doc->writer);
    dx_text_reader_deinit(&doc->reader);
    dx_text_pending_deinit(&doc->pending);
    dx_text_redone_deinit(&doc->redone);
    dx_text_types_deinit(&doc->types);
    dx_text_values_deinit(&doc->values);
    dx_text_names_deinit(&doc->names);
    dx_text_clients_deinit(&doc->clients);
    dx_alloc_free(doc->host, doc, sizeof *doc);
}

int dx_text_doc_add_clients(dx_text_doc *doc, const uint64_t *ids, size_t count) {
    size_t clients = doc->clients.count + count; /* at most; whoever is in the table has all of this */
    int error = dx_text_ids_reserve(doc->sequence, clients);
    if (error == DX_OK &&
        !dx_text_make_room(&doc->alloc, &doc->transaction.touched, &doc->transaction.touched_capacity,
                           clients, sizeof *doc->transaction.touched)) {
        error = DX_E_NO_MEMORY;
    }
    return error != DX_OK ? error : dx_text_clients_add(&doc->clients, ids, count);
}

int dx_text_doc_reserve(dx_text_doc *doc, const dx_text_need *need) {
    dx_text_transaction *transaction = &doc->transaction;
    size_t items = need->items + need->splits;
    size_t below = need->nested ? (need->below < doc->items ? need->below : doc->items) + items : 0;
    if (need->clocks > UINT32_MAX - dx_text_ids_state(doc->sequence, DX_TEXT_OWN_CLIENT)) {
        return DX_E_LIMIT;
    }
    bool has_values = need->values != 0 || doc->values.count > 1;
    int error = dx_text_sequence_reserve(doc->sequence, items, need->types + need->chains, need->text_bytes);
    if (error == DX_OK) {
        error = dx_text_values_reserve(&doc->values, need->values + (has_values ? need->splits : 0),
                                       need->value_bytes);
    }
    if (error == DX_OK) {
        error = dx_text_types_reserve(&doc->types, need->types, need->chains);
    }
    if (error == DX_OK && need->names != 0) {
        error = dx_text_names_reserve(&doc->names, need->names, need->name_bytes);
    }
    if (error == DX_OK &&
        (!dx_text_make_room(&doc->alloc, &transaction->deleted, &transaction->deleted_capacity,
                            transaction->deleted_count + need->deletes + below,
                            sizeof *transaction->deleted) ||
         !dx_text_make_room(&doc->alloc, &transaction->seams, &transaction->seam_capacity,
                            transaction->seam_count + need->splits + below, sizeof *transaction->seams))) {
        error = DX_E_NO_MEMORY;
    }
    if (error == DX_OK && doc->undo != NULL && !transaction->applied) {
        error = dx_text_undo_reserve(doc, transaction->deleted_count + need->deletes + below);
    }
    return dx_text_doc_error(doc, error);
}

/* --- Items ------------------------------------------------------------------------------------ */

dx_text_ref dx_text_doc_take(dx_text_doc *doc) {
    doc->items++;
    doc->transaction.made = true;
    return dx_text_item_take(doc->sequence);
}

dx_text_ref dx_text_doc_split(dx_text_doc *doc, dx_text_ref ref, uint32_t at) {
    dx_text_ref right = dx_text_doc_take(doc);
    dx_text_item_split(doc->sequence, ref, at, right);
    dx_text_item *left = dx_text_item_at(doc->sequence, ref), *made = dx_text_item_at(doc->sequence, right);
    made->origin_client = left->client;
    made->origin_clock = made->clock - 1;
    made->flags |= DX_ITEM_ORIGIN;
    if (left->ref == DX_TEXT_ANY || left->ref == DX_TEXT_JSON) {
        made->payload = dx_text_values_split(&doc->values, left->payload, at, left->ref == DX_TEXT_JSON);
    }
    dx_text_transaction_seam(doc, right);
    return right;
}

dx_text_ref dx_text_doc_item_ending(dx_text_doc *doc, uint32_t client, uint32_t clock) {
    dx_text_ref ref = dx_text_ids_find(doc->sequence, client, clock);
    const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    if (item->ref != DX_TEXT_GC && clock - item->clock + 1 < item->length) {
        (void)dx_text_doc_split(doc, ref, clock - item->clock + 1);
    }
    return ref;
}

dx_text_ref dx_text_doc_item_beginning(dx_text_doc *doc, uint32_t client, uint32_t clock) {
    dx_text_ref ref = dx_text_ids_find(doc->sequence, client, clock);
    const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    return item->ref != DX_TEXT_GC && clock != item->clock ? dx_text_doc_split(doc, ref, clock - item->clock)
                                                           : ref;
}

dx_text_type dx_text_doc_parent(const dx_text_doc *doc, dx_text_ref ref) {
    dx_text_list list = dx_text_item_list(doc->sequence, ref);
    return dx_text_owner_type(&doc->types, dx_text_list_owner(doc->sequence, list));
}

void dx_text_doc_touch(dx_text_doc *doc, uint32_t client) {
    dx_text_client *row = &doc->clients.rows[client];
    if (!row->touched) {
        row->touched = true;
        row->before = dx_text_ids_state(doc->sequence, client);
        doc->transaction.touched[doc->transaction.touched_count++] = client;
    }
}

static void delete_one(dx_text_doc *doc, dx_text_ref ref, dx_text_type *below) {
    const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    dx_text_item_set_deleted(doc->sequence, ref, true);
    dx_text_transaction_deleted(doc, ref);
    if (item->ref == DX_TEXT_TYPE) {
        doc->types.rows[item->payload].after = *below;
        *below = item->payload;
    }
}

/* How many items dx_text_doc_delete looks at below a type. */
static size_t count_below(dx_text_doc *doc, dx_text_type type) {
    size_t count = 0;
    doc->types.rows[type].after = 0;
    while (type != 0) {
        const dx_text_type_row *row = &doc->types.rows[type];
        dx_text_ref child = dx_text_list_first(doc->sequence, row->list);
        uint32_t chain = row->first_chain;
        type = row->after;
        while (child != 0 || chain != 0) {
            dx_text_ref at = child;
            if (child != 0) {
                child = dx_text_item_next(doc->sequence, child);
            } else {
                at = dx_text_list_last(doc->sequence, doc->types.chains[chain].list);
                chain = doc->types.chains[chain].next;
            }
            const dx_text_item *item = at == 0 ? NULL : dx_text_item_at(doc->sequence, at);
            count += item != NULL;
            if (item != NULL && item->ref == DX_TEXT_TYPE && (item->flags & DX_ITEM_DELETED) == 0) {
                doc->types.rows[item->payload].after = type;
                type = item->payload;
            }
        }
    }
    return count;
}

void dx_text_need_delete(dx_text_doc *doc, dx_text_ref ref, dx_text_need *need) {
    const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    need->deletes++;
    if (item->ref == DX_TEXT_TYPE && (item->flags & DX_ITEM_DELETED) == 0) {
        need->nested = true;
        need->below += need->below < doc->items ? count_below(doc, item->payload) : 0;
    }
}

/* What hung there and was dead before this transaction goes with its parent: it may merge then. */
static void delete_below(dx_text_doc *doc, dx_text_ref ref, dx_text_type *below) {
    const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    if ((item->flags & DX_ITEM_DELETED) == 0) {
        delete_one(doc, ref, below);
    } else {
        const dx_text_client *client = &doc->clients.rows[item->client];
        if (!client->touched || item->clock < client->before) {
            dx_text_transaction_seam(doc, ref);
        }
    }
}

void dx_text_doc_delete(dx_text_doc *doc, dx_text_ref ref) {
    if (dx_text_item_at(doc->sequence, ref)->flags & DX_ITEM_DELETED) {
        return;
    }
    dx_text_type below = 0;
    delete_one(doc, ref, &below);
    while (below != 0) {
        const dx_text_type_row *type = &doc->types.rows[below];
        below = type->after;
        dx_text_ref child = dx_text_list_first(doc->sequence, type->list);
        for (; child != 0; child = dx_text_item_next(doc->sequence, child)) {
            delete_below(doc, child, &below);
        }
        for (uint32_t chain = type->first_chain; chain != 0; chain = doc->types.chains[chain].next) {
            child = dx_text_list_last(doc->sequence, doc->types.chains[chain].list);
            if (child != 0) {
                delete_below(doc, child, &below);
            }
        }
    }
}

/* --- Markers ---------------------------------------------------------------------------------- */

int dx_text_doc_marker(dx_text_doc *doc, dx_bytes key, dx_bytes value, uint32_t *marker) {
    dx_text_name names[2];
    int error = dx_text_names_add(&doc->names, DX_TEXT_SCOPE_KEY, key, &names[0]);
    if (error == DX_OK) {
        error = dx_text_names_add(&doc->names, DX_TEXT_SCOPE_VALUE, value, &names[1]);
    }
    if (error == DX_OK) {
        error =
            dx_text_names_add(&doc->names, DX_TEXT_SCOPE_MARKER, dx_bytes_of(names, sizeof names), marker);
    }
    if (error == DX_OK && dx_text_names_value(&doc->names, names[0]) == 0) {
        dx_text_names_set_value(&doc->names, names[0], ++doc->keys);
    }
    return dx_text_doc_error(doc, error);
}

static dx_text_name marker_part(const dx_text_doc *doc, uint32_t marker, size_t part) {
    dx_text_name name;
    memcpy(&name, dx_text_names_at(&doc->names, marker).data + part * sizeof name, sizeof name);
    return name;
}

dx_text_name dx_text_doc_marker_key(const dx_text_doc *doc, uint32_t marker) {
    return marker_part(doc, marker, 0);
}

dx_text_name dx_text_doc_marker_value(const dx_text_doc *doc, uint32_t marker) {
    return marker_part(doc, marker, 1);
}

uint16_t dx_text_doc_marker_number(const dx_text_doc *doc, uint32_t marker) {
    uint32_t number = dx_text_names_value(&doc->names, dx_text_doc_marker_key(doc, marker));
    return (uint16_t)(number < UINT16_MAX ? number : UINT16_MAX);
}

/* --- As the wire has it ----------------------------------------------------------------------- */

static dx_text_id id_of(const dx_text_doc *doc, uint32_t client, uint32_t clock) {
    return (dx_text_id){.client = doc->clients.rows[client].id, .clock = clock};
}

static void describe_parent(const dx_text_doc *doc, uint32_t owner, dx_text_struct *out) {
    const dx_text_type_row *type = &doc->types.rows[dx_text_owner_type(&doc->types, owner)];
    if (type->item == 0) {
        out->parent = DX_TEXT_PARENT_ROOT;
        out->parent_name = dx_text_names_at(&doc->names, type->name);
    } else {
        const dx_text_item *parent = dx_text_item_at(doc->sequence, type->item);
        out->parent = DX_TEXT_PARENT_ID;
        out->parent_id = id_of(doc, parent->client, parent->clock);
    }
    if (out->has_sub) {
        out->sub = dx_text_names_at(&doc->names, doc->types.chains[dx_text_owner_chain(owner)].key);
    }
}

/* Characters that lie in one run are shown there. */
static int describe_text(dx_text_doc *doc, dx_text_ref ref, dx_text_struct *out) {
    out->content = dx_text_item_run(doc->sequence, ref, 0);
    if (out->content.size == dx_text_item_bytes(doc->sequence, ref)) {
        return DX_OK;
    }
    dx_buf_clear(&doc->scratch);
    dx_bytes run;
    for (size_t at = 0; (run = dx_text_item_run(doc->sequence, ref, at)).size != 0; at += run.size) {
        dx_buf_append(&doc->scratch, run.data, run.size);
    }
    out->content = dx_buf_view(&doc->scratch);
    return dx_buf_error(&doc->scratch);
}

static int describe_values(dx_text_doc *doc, const dx_text_item *item, dx_text_struct *out) {
    dx_text_values_ref next;
    out->content = dx_text_values_piece(&doc->values, item->payload, &next);
    if (next == 0) {
        return DX_OK;
    }
    dx_buf_clear(&doc->scratch);
    dx_buf_append(&doc->scratch, out->content.data, out->content.size);
    while (next != 0) {
        dx_bytes piece = dx_text_values_piece(&doc->values, next, &next);
        dx_buf_append(&doc->scratch, piece.data, piece.size);
    }
    out->content = dx_buf_view(&doc->scratch);
    return dx_buf_error(&doc->scratch);
}

static int describe_content(dx_text_doc *doc, dx_text_ref ref, dx_text_struct *out) {
    const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    switch (item->ref) {
    case DX_TEXT_STRING:
        return describe_text(doc, ref, out);
    case DX_TEXT_FORMAT:
        out->key = dx_text_names_at(&doc->names, dx_text_doc_marker_key(doc, item->payload));
        out->content = dx_text_names_at(&doc->names, dx_text_doc_marker_value(doc, item->payload));
        return DX_OK;
    case DX_TEXT_TYPE: {
        const dx_text_type_row *type = &doc->types.rows[item->payload];
        out->type_ref = type->kind;
        out->key = type->name != 0 ? dx_text_names_at(&doc->names, type->name) : dx_bytes_of(NULL, 0);
        return DX_OK;
    }
    case DX_TEXT_DOC:
        out->key = dx_text_names_at(&doc->names, dx_text_values_name(&doc->values, item->payload));
        return describe_values(doc, item, out);
    case DX_TEXT_DELETED:
        return DX_OK;
    default:
        return describe_values(doc, item, out);
    }
}

int dx_text_doc_describe(dx_text_doc *doc, dx_text_ref ref, dx_text_struct *out) {
    const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    *out = (dx_text_struct){
        .id = id_of(doc, item->client, item->clock), .length = item->length, .ref = item->ref};
    if (item->ref == DX_TEXT_GC) {
        return DX_OK;
    }
    uint32_t owner = dx_text_list_owner(doc->sequence, dx_text_item_list(doc->sequence, ref));
    out->has_sub = dx_text_owner_is_chain(owner);
    out->has_origin = (item->flags & DX_ITEM_ORIGIN) != 0;
    out->has_right = (item->flags & DX_ITEM_RIGHT) != 0;
    if (out->has_origin) {
        out->origin = id_of(doc, item->origin_client, item->origin_clock);
    }
    if (out->has_right) {
        out->right = id_of(doc, item->right_client, item->right_clock);
    }
    if (!out->has_origin && !out->has_right) {
        describe_parent(doc, owner, out);
    }
    return describe_content(doc, ref, out);
}
