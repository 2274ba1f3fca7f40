/* text/apply.c: transactions and updates as the public calls have them (dxos/text.h). */
#include "base/limits.h"
#include "text/integrate.h"
#include "text/load.h"

int dx_text_begin(dx_text_doc *doc) {
    if (doc == NULL) {
        return DX_E_INVALID;
    }
    if (doc->transaction.open) {
        return DX_E_STATE;
    }
    dx_text_transaction_begin(doc, false);
    return DX_OK;
}

int dx_text_commit(dx_text_doc *doc, dx_text_form form, dx_buf *update) {
    if (doc == NULL || (form != DX_TEXT_V1 && form != DX_TEXT_V2)) {
        return DX_E_INVALID;
    }
    if (!doc->transaction.open || doc->transaction.telling) {
        return DX_E_STATE;
    }
    dx_text_transaction_settle(doc);
    int error = update == NULL ? DX_OK : dx_text_transaction_write(doc, form, update);
    if (error != DX_OK) {
        return dx_text_doc_error(doc, error);
    }
    dx_text_transaction_end(doc);
    return DX_OK;
}

/* Clocks that are all here. */
static void delete_range(dx_text_doc *doc, const dx_id_range *range) {
    dx_text_sequence *sequence = doc->sequence;
    uint32_t client = dx_text_clients_find(&doc->clients, range->client);
    uint64_t end = range->clock + range->length;
    dx_text_ref ref = dx_text_ids_find(sequence, client, (uint32_t)range->clock);
    const dx_text_item *item = dx_text_item_at(sequence, ref);
    if (item->clock < range->clock && (item->flags & DX_ITEM_DELETED) == 0) {
        ref = dx_text_doc_split(doc, ref, (uint32_t)range->clock - item->clock);
    }
    for (; ref != 0; ref = dx_text_ids_next(sequence, ref)) {
        item = dx_text_item_at(sequence, ref);
        if (item->clock >= end) {
            return;
        }
        if ((item->flags & DX_ITEM_DELETED) == 0) {
            if (item->clock + (uint64_t)item->length > end) {
                (void)dx_text_doc_split(doc, ref, (uint32_t)(end - item->clock));
            }
            dx_text_doc_delete(doc, ref);
        }
    }
}

static bool begins_with_half(dx_bytes text) {
    return text.data[0] == 0xed && text.data[1] >= 0xa0;
}

/* Typing: the item that a string goes on, so that it would be placed right behind it and merge with it; else 0. */
static dx_text_ref goes_on(dx_text_doc *doc, const dx_text_struct *what) {
    if (what == NULL || what->ref != DX_TEXT_STRING || !what->has_origin ||
        what->origin.client != what->id.client || what->origin.clock + 1 != what->id.clock ||
        begins_with_half(what->content)) {
        return 0;
    }
    uint32_t client = dx_text_clients_find(&doc->clients, what->id.client);
    if (client == DX_TEXT_NO_CLIENT || what->id.clock != dx_text_ids_state(doc->sequence, client)) {
        return 0;
    }
    dx_text_ref ref = dx_text_ids_find(doc->sequence, client, (uint32_t)what->origin.clock);
    const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    if (item->ref != DX_TEXT_STRING || (item->flags & (DX_ITEM_DELETED | DX_ITEM_REDONE)) != 0 ||
        ((item->flags & DX_ITEM_RIGHT) != 0) != what->has_right) {
        return 0;
    }
    dx_text_ref next = dx_text_item_next(doc->sequence, ref);
    if (next == 0 || !what->has_right) {
        return next == 0 && !what->has_right ? ref : 0;
    }
    const dx_text_item *right = dx_text_item_at(doc->sequence, next);
    return item->right_clock == what->right.clock && right->clock == what->right.clock &&
                   item->right_client == right->client &&
                   doc->clients.rows[right->client].id == what->right.client
               ? ref
               : 0;
}

/* The same that the plan would do, without one. */
static int go_on(dx_text_doc *doc, dx_text_ref ref, const dx_text_struct *what) {
    int error = dx_text_sequence_reserve(doc->sequence, 0, 0, what->content.size);
    if (error == DX_OK) {
        dx_text_transaction_begin(doc, false);
        dx_text_doc_touch(doc, dx_text_item_at(doc->sequence, ref)->client);
        dx_text_item_extend(doc->sequence, ref, (uint32_t)what->length, what->content);
        dx_text_transaction_settle(doc);
        dx_text_transaction_end(doc);
    }
    return error;
}

/* What was read, by a plan. */
static int carry_out(dx_text_doc *doc, dx_text_plan *plan) {
    int error = dx_text_plan_make(plan, doc);
    if (error == DX_OK) {
        error = dx_text_doc_reserve(doc, dx_text_plan_need(plan));
    }
    if (error != DX_OK) {
        return error;
    }
    dx_text_transaction_begin(doc, false);
    size_t steps = dx_text_plan_steps(plan);
    for (size_t i = 0; i < steps; i++) {
        uint32_t offset;
        const dx_text_planned *planned = dx_text_plan_step(plan, i, &offset);
        dx_text_integrate(doc, planned, offset);
    }
    const dx_id_set *deletes = dx_text_plan_deletes(plan);
    for (size_t i = 0; i < deletes->count; i++) {
        delete_range(doc, &deletes->ranges[i]);
    }
    dx_text_plan_take_pending(plan, doc);
    dx_text_transaction_settle(doc);
    dx_text_transaction_end(doc);
    if (steps > DX_TEXT_SPANS_KEPT) {
        dx_text_sequence_trim(doc->sequence);
    }
    return DX_OK;
}

int dx_text_apply(dx_text_doc *doc, dx_text_form form, dx_bytes update) {
    if (doc == NULL || (form != DX_TEXT_V1 && form != DX_TEXT_V2) ||
        (update.size != 0 && update.data == NULL)) {
        return DX_E_INVALID;
    }
    if (doc->transaction.open) {
        return DX_E_STATE;
    }
    bool taken = false;
    int error = doc->items == 0 ? dx_text_load(doc, form, update, &taken) : DX_OK;
    if (taken || error != DX_OK) {
        return dx_text_doc_error(doc, error);
    }
    dx_text_plan *plan = doc->plan;
    doc->transaction.applied = true;
    error = dx_text_plan_read(plan, doc, form, update);
    if (error == DX_OK) {
        const dx_text_struct *alone = dx_text_pending(doc) ? NULL : dx_text_plan_alone(plan);
        dx_text_ref ref = goes_on(doc, alone);
        error = ref != 0 ? go_on(doc, ref, alone) : carry_out(doc, plan);
    }
    doc->transaction.applied = false;
    dx_text_plan_clear(plan);
    return dx_text_doc_error(doc, error);
}

bool dx_text_pending(const dx_text_doc *doc) {
    return doc->pending.count != 0 || doc->pending.deletes.count != 0;
}
