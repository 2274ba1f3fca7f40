/* text/transaction.c: what a transaction notes, and what its end does: collecting, merging, telling (document.h).
 *
 * Which neighbours are tried decides how the whole document is written afterwards, so it is exactly those that Yjs tries: beside what was
 * deleted, among what is new, at each seam. */
#include "text/document.h"

#include "base/limits.h"
#include "text/observe.h"
#include "text/room.h"
#include "text/undo.h"

void dx_text_transaction_begin(dx_text_doc *doc, bool implied) {
    doc->transaction.open = true;
    doc->transaction.implied = implied;
}

static void note(dx_text_span *spans, size_t *count, size_t capacity, const dx_text_item *item) {
    DX_ASSERT(spans != NULL && *count < capacity);
    spans[(*count)++] = (dx_text_span){.client = item->client, .clock = item->clock, .length = item->length};
}

void dx_text_transaction_deleted(dx_text_doc *doc, dx_text_ref ref) {
    dx_text_transaction *transaction = &doc->transaction;
    const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    dx_text_span *last =
        transaction->deleted_count == 0 ? NULL : &transaction->deleted[transaction->deleted_count - 1];
    if (last != NULL && last->client == item->client && last->clock + last->length == item->clock) {
        last->length += item->length;
        return;
    }
    note(transaction->deleted, &transaction->deleted_count, transaction->deleted_capacity, item);
}

void dx_text_transaction_seam(dx_text_doc *doc, dx_text_ref ref) {
    dx_text_transaction *transaction = &doc->transaction;
    note(transaction->seams, &transaction->seam_count, transaction->seam_capacity,
         dx_text_item_at(doc->sequence, ref));
}

/* --- Order of what was deleted ---------------------------------------------------------------- */

static bool stands_behind(const dx_text_span *a, const dx_text_span *b) {
    return a->client != b->client ? a->client > b->client : a->clock > b->clock;
}

static void sift(dx_text_span *spans, size_t at, size_t count) {
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && stands_behind(&spans[child + 1], &spans[child])) {
            child++;
        }
        if (!stands_behind(&spans[child], &spans[at])) {
            return;
        }
        dx_text_span swap = spans[at];
        spans[at] = spans[child];
        spans[child] = swap;
    }
}

/* By client and clock, touching ones joined. */
static void order_deleted(dx_text_transaction *transaction) {
    dx_text_span *spans = transaction->deleted;
    size_t count = transaction->deleted_count, sorted = 1;
    while (sorted < count && !stands_behind(&spans[sorted - 1], &spans[sorted])) {
        sorted++;
    }
    if (sorted < count) {
        for (size_t i = count / 2; i-- > 0;) {
            sift(spans, i, count);
        }
        for (size_t left = count; left > 1; left--) {
            dx_text_span swap = spans[0];
            spans[0] = spans[left - 1];
            spans[left - 1] = swap;
            sift(spans, 0, left - 1);
        }
    }
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        dx_text_span *last = kept == 0 ? NULL : &spans[kept - 1];
        if (last != NULL && last->client == spans[i].client && last->clock + last->length == spans[i].clock) {
            last->length += spans[i].length;
        } else {
            spans[kept++] = spans[i];
        }
    }
    transaction->deleted_count = kept;
}

/* --- Collecting ------------------------------------------------------------------------------- */

/* Lets go of what an item's content has outside of the sequence. A type joins those that are to be emptied. */
static void drop_content(dx_text_doc *doc, const dx_text_item *item, dx_text_type *below) {
    switch (item->ref) {
    case DX_TEXT_TYPE: {
        dx_text_type_row *type = &doc->types.rows[item->payload];
        type->after = *below;
        type->gone = true;
        type->item = 0;
        *below = item->payload;
        break;
    }
    case DX_TEXT_JSON:
    case DX_TEXT_BINARY:
    case DX_TEXT_EMBED:
    case DX_TEXT_ANY:
    case DX_TEXT_DOC:
        dx_text_values_free(&doc->values, item->payload);
        break;
    default:
        break;
    }
}

/* What hung below a type that is gone is not an item any more. */
static void empty_list(dx_text_doc *doc, dx_text_list list, dx_text_type *below) {
    dx_text_ref ref;
    while ((ref = dx_text_list_first(doc->sequence, list)) != 0) {
        dx_text_item *item = dx_text_item_at(doc->sequence, ref);
        drop_content(doc, item, below);
        dx_text_item_remove(doc->sequence, ref);
        *item = (dx_text_item){.client = item->client,
                               .clock = item->clock,
                               .length = item->length,
                               .ref = DX_TEXT_GC,
                               .flags = DX_ITEM_DELETED};
    }
}

void dx_text_doc_collect(dx_text_doc *doc, dx_text_ref ref) {
    dx_text_type below = 0;
    drop_content(doc, dx_text_item_at(doc->sequence, ref), &below);
    dx_text_item_collect(doc->sequence, ref);
    while (below != 0) {
        const dx_text_type_row *type = &doc->types.rows[below];
        below = type->after;
        empty_list(doc, type->list, &below);
        for (uint32_t chain = type->first_chain; chain != 0; chain = doc->types.chains[chain].next) {
            empty_list(doc, doc->types.chains[chain].list, &below);
        }
    }
}

static void collect_deleted(dx_text_doc *doc) {
    for (size_t i = 0; i < doc->transaction.deleted_count; i++) {
        const dx_text_span *span = &doc->transaction.deleted[i];
        dx_text_ref ref = dx_text_ids_find(doc->sequence, span->client, span->clock);
        while (ref != 0) {
            const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
            if (item->clock - span->clock >= span->length) {
                break;
            }
            if ((item->flags & DX_ITEM_KEEP) == 0 && item->ref != DX_TEXT_GC &&
                item->ref != DX_TEXT_DELETED) {
                dx_text_doc_collect(doc, ref);
            }
            ref = dx_text_ids_next(doc->sequence, ref);
        }
    }
}

/* --- Merging ---------------------------------------------------------------------------------- */

static bool merges(const dx_text_doc *doc, dx_text_ref left_ref, dx_text_ref right_ref) {
    const dx_text_item *left = dx_text_item_at(doc->sequence, left_ref);
    return dx_text_item_may_join(left, dx_text_item_at(doc->sequence, right_ref)) &&
           (left->ref == DX_TEXT_GC || dx_text_item_next(doc->sequence, left_ref) == right_ref);
}

static bool merge(dx_text_doc *doc, dx_text_ref left_ref, dx_text_ref right_ref) {
    dx_text_item *left = dx_text_item_at(doc->sequence, left_ref);
    const dx_text_item *right = dx_text_item_at(doc->sequence, right_ref);
    uint32_t payload = right->payload;
    uint8_t kept = right->flags & DX_ITEM_KEEP;
    if (!dx_text_item_join(doc->sequence, left_ref)) {
        return false;
    }
    left->flags |= kept;
    if (left->ref == DX_TEXT_ANY || left->ref == DX_TEXT_JSON) {
        dx_text_values_join(&doc->values, left->payload, payload);
    }
    doc->items--;
    return true;
}

/* Whether what the item says of itself lets it merge with something before it. */
static bool may_merge(const dx_text_doc *doc, dx_text_ref ref) {
    const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    return item->ref == DX_TEXT_GC ||
           ((item->flags & DX_ITEM_ORIGIN) != 0 && item->origin_client == item->client &&
            item->origin_clock == item->clock - 1);
}

/* The item with all before it that merge with it; *merged: how many did. */
static dx_text_ref merge_left(dx_text_doc *doc, dx_text_ref ref, size_t *merged) {
    dx_text_ref left;
    *merged = 0;
    while (may_merge(doc, ref) && (left = dx_text_ids_prev(doc->sequence, ref)) != 0 &&
           merges(doc, left, ref) && merge(doc, left, ref)) {
        ref = left;
        *merged += 1;
    }
    return ref;
}

static void merge_deleted(dx_text_doc *doc) {
    size_t merged;
    for (size_t i = doc->transaction.deleted_count; i-- > 0;) {
        const dx_text_span *span = &doc->transaction.deleted[i];
        const dx_text_client *client = &doc->clients.rows[span->client];
        if (client->touched && span->clock >= client->before) {
            continue; /* new: tried with what is */
        }
        dx_text_ref ref = dx_text_ids_find(doc->sequence, span->client, span->clock + span->length - 1);
        dx_text_ref next = dx_text_ids_next(doc->sequence, ref);
        ref = next != 0 ? next : ref;
        while (ref != 0 && dx_text_item_at(doc->sequence, ref)->clock >= span->clock) {
            ref = dx_text_ids_prev(doc->sequence, merge_left(doc, ref, &merged));
        }
    }
}

static void merge_new(dx_text_doc *doc) {
    size_t merged;
    for (size_t i = 0; i < doc->transaction.touched_count; i++) {
        uint32_t client = doc->transaction.touched[i], before = doc->clients.rows[client].before;
        dx_text_ref ref =
            dx_text_ids_find(doc->sequence, client, dx_text_ids_state(doc->sequence, client) - 1);
        while (ref != 0) {
            const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
            /* A string that lives and was only lengthened was tried when it was made: nothing of that has changed. */
            if (item->clock + item->length <= before ||
                (item->clock < before && item->ref == DX_TEXT_STRING &&
                 (item->flags & DX_ITEM_DELETED) == 0)) {
                break;
            }
            ref = dx_text_ids_prev(doc->sequence, merge_left(doc, ref, &merged));
        }
    }
}

void dx_text_transaction_join_all(dx_text_doc *doc) {
    for (uint32_t client = 0; client < doc->clients.count; client++) {
        uint32_t state = dx_text_ids_state(doc->sequence, client);
        dx_text_ref ref = state != 0 ? dx_text_ids_find(doc->sequence, client, state - 1) : 0;
        size_t merged;
        while (ref != 0) {
            ref = dx_text_ids_prev(doc->sequence, merge_left(doc, ref, &merged));
        }
    }
}

/* Beside the only run that was deleted, or in it: tried with that. */
static bool is_beside_deleted(const dx_text_transaction *transaction, const dx_text_span *seam) {
    const dx_text_span *only = transaction->deleted;
    return transaction->deleted_count == 1 && only->client == seam->client &&
           seam->clock - only->clock <= only->length;
}

static void merge_seams(dx_text_doc *doc) {
    for (size_t i = doc->transaction.seam_count; i-- > 0;) {
        const dx_text_span *seam = &doc->transaction.seams[i];
        dx_text_ref ref = dx_text_ids_find(doc->sequence, seam->client, seam->clock);
        /* What hung below a deleted type and is GC now may have another GC behind it, which nobody looked at. */
        if (is_beside_deleted(&doc->transaction, seam) &&
            dx_text_item_at(doc->sequence, ref)->ref != DX_TEXT_GC) {
            continue;
        }
        dx_text_ref next = dx_text_ids_next(doc->sequence, ref);
        size_t merged = 0;
        if (next != 0) {
            (void)merge_left(doc, next, &merged);
        }
        if (merged == 0) {
            (void)merge_left(doc, ref, &merged);
        }
    }
}

void dx_text_transaction_settle(dx_text_doc *doc) {
    order_deleted(&doc->transaction);
    if (!doc->transaction.told) {
        doc->transaction.told = true;
        dx_text_undo_capture(doc);
        doc->transaction.telling = true;
        dx_text_observers_tell(doc);
        doc->transaction.telling = false;
    }
    if (!doc->transaction.made && doc->transaction.deleted_count == 0) {
        return;
    }
    if (!doc->options.keep_deleted) {
        collect_deleted(doc);
    }
    merge_deleted(doc);
    merge_new(doc);
    merge_seams(doc);
}

/* --- Telling ---------------------------------------------------------------------------------- */

static int write_client(dx_text_doc *doc, uint32_t client, uint32_t from) {
    dx_text_ref ref = dx_text_ids_find(doc->sequence, client, from);
    dx_text_writer_section(&doc->writer, doc->clients.rows[client].id, from);
    while (ref != 0) {
        dx_text_struct what;
        int error = dx_text_doc_describe(doc, ref, &what);
        if (error != DX_OK) {
            return error;
        }
        dx_text_writer_struct(&doc->writer, &what, from > what.id.clock ? from - what.id.clock : 0);
        ref = dx_text_ids_next(doc->sequence, ref);
    }
    return DX_OK;
}

int dx_text_doc_write_clients(dx_text_doc *doc,
                              uint32_t (*from)(const dx_text_doc *doc, uint32_t client, const void *known),
                              const void *known) {
    for (uint32_t i = 0; i < doc->clients.count; i++) {
        uint32_t client = doc->clients.sorted[i], state = dx_text_ids_state(doc->sequence, client);
        uint32_t begin = from(doc, client, known);
        if (begin < state) {
            int error = write_client(doc, client, begin);
            if (error != DX_OK) {
                return error;
            }
        }
    }
    return DX_OK;
}

static uint32_t from_before(const dx_text_doc *doc, uint32_t client, const void *known) {
    (void)known;
    const dx_text_client *row = &doc->clients.rows[client];
    return row->touched ? row->before : UINT32_MAX;
}

int dx_text_transaction_write(dx_text_doc *doc, dx_text_form form, dx_buf *update) {
    const dx_text_transaction *transaction = &doc->transaction;
    if (transaction->deleted_count == 0 && transaction->touched_count == 0) {
        return DX_OK;
    }
    dx_id_set_clear(&doc->deletes);
    int error = dx_id_set_reserve(&doc->deletes, transaction->deleted_count);
    if (error != DX_OK) {
        return error;
    }
    for (size_t i = 0; i < transaction->deleted_count && error == DX_OK; i++) {
        const dx_text_span *span = &transaction->deleted[i];
        error = dx_id_set_add(&doc->deletes, doc->clients.rows[span->client].id, span->clock, span->length);
    }
    dx_id_set_settle(&doc->deletes);
    size_t begun = update->size;
    dx_text_writer_begin(&doc->writer, form, update);
    if (error == DX_OK && transaction->touched_count == 1) {
        uint32_t client = transaction->touched[0];
        error = write_client(doc, client, doc->clients.rows[client].before);
    } else if (error == DX_OK && transaction->touched_count != 0) {
        error = dx_text_doc_write_clients(doc, from_before, NULL);
    }
    int finished = dx_text_writer_finish(&doc->writer, &doc->deletes);
    if (error != DX_OK && finished == DX_OK) {
        update->size = begun;
    }
    return error != DX_OK ? error : finished;
}

void dx_text_transaction_end(dx_text_doc *doc) {
    dx_text_transaction *transaction = &doc->transaction;
    for (size_t i = 0; i < transaction->touched_count; i++) {
        doc->clients.rows[transaction->touched[i]].touched = false;
    }
    if (transaction->deleted_capacity > DX_TEXT_SPANS_KEPT) {
        dx_alloc_free(&doc->alloc, transaction->deleted,
                      transaction->deleted_capacity * sizeof *transaction->deleted);
        transaction->deleted = NULL;
        transaction->deleted_capacity = 0;
    }
    if (transaction->seam_capacity > DX_TEXT_SPANS_KEPT) {
        dx_alloc_free(&doc->alloc, transaction->seams,
                      transaction->seam_capacity * sizeof *transaction->seams);
        transaction->seams = NULL;
        transaction->seam_capacity = 0;
    }
    transaction->deleted_count = 0;
    transaction->seam_count = 0;
    transaction->touched_count = 0;
    transaction->open = false;
    transaction->implied = false;
    transaction->applied = false;
    transaction->told = false;
    transaction->undoes = NULL;
    transaction->made = false;
}
