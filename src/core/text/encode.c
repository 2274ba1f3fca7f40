/* text/encode.c: what a document tells others: updates, state vectors, snapshots (dxos/text.h).
 *
 * Encoding changes nothing that shows: it uses the document's writer and scratch, whose memory is kept from call to call. */
#include "text/document.h"
#include "text/wtf8.h"

/* Calls that only read take a document that is const; the scratch it holds is not part of its state. */
static dx_text_doc *scratch_of(const dx_text_doc *doc) {
    return (dx_text_doc *)(uintptr_t)doc;
}

/* All that is deleted, the greatest client first. */
static int find_deletes(const dx_text_doc *doc, dx_id_set *deletes) {
    dx_id_set_clear(deletes);
    for (uint32_t i = 0; i < doc->clients.count; i++) {
        uint32_t client = doc->clients.sorted[i];
        uint32_t begin = 0, end = 0;
        dx_text_ref ref = dx_text_ids_first(doc->sequence, client);
        for (;; ref = dx_text_ids_next(doc->sequence, ref)) {
            const dx_text_item *item = ref != 0 ? dx_text_item_at(doc->sequence, ref) : NULL;
            if (item != NULL && (item->flags & DX_ITEM_DELETED) != 0) {
                begin = begin == end ? item->clock : begin;
                end = item->clock + item->length;
            } else if (begin != end) {
                int error = dx_id_set_add(deletes, doc->clients.rows[client].id, begin, end - begin);
                if (error != DX_OK) {
                    return error;
                }
                begin = end;
            }
            if (item == NULL) {
                break;
            }
        }
    }
    dx_id_set_settle(deletes);
    return DX_OK;
}

static uint32_t from_known(const dx_text_doc *doc, uint32_t client, const void *known) {
    uint64_t clock = dx_text_clocks_get(known, doc->clients.rows[client].id);
    return clock < UINT32_MAX ? (uint32_t)clock : UINT32_MAX;
}

static int write_known(dx_text_doc *doc, dx_text_form form, const dx_text_clocks *known, dx_buf *update) {
    int error = find_deletes(doc, &doc->deletes);
    if (error != DX_OK) {
        return error;
    }
    size_t begun = update->size;
    dx_text_writer_begin(&doc->writer, form, update);
    error = dx_text_doc_write_clients(doc, from_known, known);
    int finished = dx_text_writer_finish(&doc->writer, &doc->deletes);
    if (error != DX_OK && finished == DX_OK) {
        update->size = begun;
    }
    return error != DX_OK ? error : finished;
}

/* The pending parts as updates of that form, what the other has left out; then all is merged. */
static int merge_pending(dx_text_doc *doc, dx_text_form form, dx_bytes state_vector, dx_buf *own,
                         dx_buf *update) {
    dx_buf parts[2], whole, converted;
    dx_bytes all[3] = {dx_buf_view(own)};
    size_t count = 1;
    int error = DX_OK;
    dx_buf_init(&parts[0], &doc->alloc, SIZE_MAX);
    dx_buf_init(&parts[1], &doc->alloc, SIZE_MAX);
    dx_buf_init(&whole, &doc->alloc, SIZE_MAX);
    dx_buf_init(&converted, &doc->alloc, SIZE_MAX);
    if (doc->pending.deletes.count != 0) {
        dx_text_writer_begin(&doc->writer, form, &parts[0]);
        error = dx_text_writer_finish(&doc->writer, &doc->pending.deletes);
        all[count++] = dx_buf_view(&parts[0]);
    }
    if (error == DX_OK && doc->pending.count != 0) {
        error = dx_text_pending_join(&doc->pending, 0, dx_bytes_of(NULL, 0), &whole);
        if (error == DX_OK) {
            error =
                dx_text_diff_update(&doc->alloc, DX_TEXT_V2, dx_buf_view(&whole), state_vector, &parts[1]);
        }
        if (error == DX_OK && form == DX_TEXT_V1) {
            error = dx_text_convert_update(&doc->alloc, DX_TEXT_V2, form, dx_buf_view(&parts[1]), &converted);
        }
        all[count++] = dx_buf_view(form == DX_TEXT_V1 ? &converted : &parts[1]);
    }
    if (error == DX_OK) {
        error = dx_text_merge_updates(&doc->alloc, form, all, count, update);
    }
    dx_buf_deinit(&converted);
    dx_buf_deinit(&whole);
    dx_buf_deinit(&parts[1]);
    dx_buf_deinit(&parts[0]);
    return error;
}

int dx_text_encode(const dx_text_doc *doc, dx_text_form form, dx_bytes state_vector, dx_buf *update) {
    if (doc == NULL || update == NULL || (form != DX_TEXT_V1 && form != DX_TEXT_V2) ||
        (state_vector.size != 0 && state_vector.data == NULL)) {
        return DX_E_INVALID;
    }
    dx_text_doc *self = scratch_of(doc);
    dx_text_clocks known;
    dx_text_clocks_init(&known, &self->alloc);
    int error = dx_text_clocks_decode(&known, state_vector);
    if (error == DX_OK && !dx_text_pending(doc)) {
        error = write_known(self, form, &known, update);
    } else if (error == DX_OK) {
        dx_buf own;
        dx_buf_init(&own, &self->alloc, SIZE_MAX);
        error = write_known(self, form, &known, &own);
        if (error == DX_OK) {
            error = merge_pending(self, form, state_vector, &own, update);
        }
        dx_buf_deinit(&own);
    }
    dx_text_clocks_deinit(&known);
    return dx_text_doc_error(self, error);
}

static int write_states(const dx_text_doc *doc, dx_buf *out) {
    uint64_t count = 0;
    size_t begun = out->size;
    for (uint32_t i = 0; i < doc->clients.count; i++) {
        count += dx_text_ids_state(doc->sequence, i) != 0;
    }
    dx_lib0_write_uint(out, count);
    for (uint32_t i = 0; i < doc->clients.count; i++) {
        uint32_t client = doc->clients.sorted[i], state = dx_text_ids_state(doc->sequence, client);
        if (state != 0) {
            dx_lib0_write_uint(out, doc->clients.rows[client].id);
            dx_lib0_write_uint(out, state);
        }
    }
    if (dx_buf_error(out) != DX_OK) {
        out->size = begun;
    }
    return dx_buf_error(out);
}

int dx_text_state_vector(const dx_text_doc *doc, dx_buf *state_vector) {
    return doc == NULL || state_vector == NULL ? DX_E_INVALID : write_states(doc, state_vector);
}

int dx_text_snapshot(const dx_text_doc *doc, dx_text_form form, dx_buf *snapshot) {
    if (doc == NULL || snapshot == NULL || (form != DX_TEXT_V1 && form != DX_TEXT_V2)) {
        return DX_E_INVALID;
    }
    dx_text_doc *self = scratch_of(doc);
    size_t begun = snapshot->size;
    int error = find_deletes(doc, &self->deletes);
    if (error == DX_OK) {
        dx_id_set_write(&self->deletes, form, snapshot);
        error = write_states(doc, snapshot);
    }
    if (error != DX_OK) {
        snapshot->size = begun;
    }
    return dx_text_doc_error(self, error);
}

/* --- Shared types ----------------------------------------------------------------------------- */

int dx_text_root(dx_text_doc *doc, const char *name, dx_text_kind kind, dx_text_type *type) {
    if (doc == NULL || name == NULL || type == NULL || kind > DX_TEXT_KIND_XML_TEXT) {
        return DX_E_INVALID;
    }
    dx_bytes bytes = dx_bytes_text(name);
    uint64_t units;
    if (!dx_utf8_units(bytes, &units)) {
        return DX_E_INVALID;
    }
    dx_text_name root = dx_text_names_find(&doc->names, DX_TEXT_SCOPE_ROOT, bytes);
    dx_text_type known = root != 0 ? dx_text_names_value(&doc->names, root) : 0;
    if (known != 0) {
        dx_text_type_row *row = &doc->types.rows[known];
        if (row->kind != DX_TEXT_KIND_UNKNOWN && row->kind != (uint8_t)kind) {
            return DX_E_CONFLICT;
        }
        row->kind = (uint8_t)kind;
        *type = known;
        return DX_OK;
    }
    int error = dx_text_doc_reserve(doc, &(dx_text_need){.types = 1, .names = 1, .name_bytes = bytes.size});
    if (error == DX_OK) {
        error = dx_text_names_add(&doc->names, DX_TEXT_SCOPE_ROOT, bytes, &root);
    }
    if (error != DX_OK) {
        return dx_text_doc_error(doc, error);
    }
    *type = dx_text_types_put(&doc->types, doc->sequence, kind, 0, root);
    dx_text_names_set_value(&doc->names, root, *type);
    return DX_OK;
}

dx_text_kind dx_text_kind_of(const dx_text_doc *doc, dx_text_type type) {
    return type == 0 || type >= doc->types.count ? DX_TEXT_KIND_UNKNOWN
                                                 : (dx_text_kind)doc->types.rows[type].kind;
}

/* Keys with a live entry. */
static uint64_t count_keys(const dx_text_doc *doc, const dx_text_type_row *row) {
    uint64_t count = 0;
    for (uint32_t chain = row->first_chain; chain != 0; chain = doc->types.chains[chain].next) {
        dx_text_ref last = dx_text_list_last(doc->sequence, doc->types.chains[chain].list);
        count += last != 0 && (dx_text_item_at(doc->sequence, last)->flags & DX_ITEM_DELETED) == 0;
    }
    return count;
}

uint64_t dx_text_length(const dx_text_doc *doc, dx_text_type type) {
    if (type == 0 || type >= doc->types.count) {
        return 0;
    }
    const dx_text_type_row *row = &doc->types.rows[type];
    switch (row->kind) {
    case DX_TEXT_KIND_MAP:
    case DX_TEXT_KIND_XML_HOOK:
        return count_keys(doc, row);
    case DX_TEXT_KIND_TEXT:
    case DX_TEXT_KIND_XML_TEXT:
        return dx_text_list_length(doc->sequence, row->list, doc->options.unit);
    default:
        return dx_text_list_live(doc->sequence, row->list);
    }
}
