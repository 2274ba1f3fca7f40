/* text/undo_step.c: one step is taken back (undo.h).
 *
 * What the step made is deleted, wherever it stands by now; what it deleted is copied to where it stood. Both are cut exactly at the
 * step's bounds, so that text which merged with it later, or was made anew together with it, is left alone. */
#include "text/undo_stack.h"

#include "text/edit.h"
#include "text/wtf8.h"

/* --- What it takes ---------------------------------------------------------------------------- */

static int gather(const dx_text_doc *doc, dx_text_undo_view view, dx_id_set *set) {
    dx_id_set_clear(set);
    int error = dx_id_set_reserve(set, view.count);
    for (size_t i = 0; error == DX_OK && i < view.count; i++) {
        const dx_text_span *span = &view.spans[i];
        error = dx_id_set_add(set, doc->clients.rows[span->client].id, span->clock, span->length);
    }
    dx_id_set_settle(set);
    return error;
}

static dx_text_span span_of(dx_text_doc *doc, const dx_id_range *range) {
    return (dx_text_span){dx_text_clients_find(&doc->clients, range->client), (uint32_t)range->clock,
                          (uint32_t)range->length};
}

/* What was made, piece by piece, where it is now: walks a span. False: at its end. */
static bool next_piece(const dx_text_doc *doc, dx_text_span *span, dx_text_trace *piece) {
    if (span->length == 0) {
        return false;
    }
    *piece = (dx_text_trace){span->client, span->clock, span->length};
    dx_text_redone_follow(doc, piece);
    span->clock += piece->length;
    span->length -= piece->length;
    return true;
}

static void need_deletes(dx_text_undo_manager *self, dx_text_need *need) {
    dx_text_doc *doc = self->doc;
    for (size_t i = 0; i < self->made.count; i++) {
        dx_text_span span = span_of(doc, &self->made.ranges[i]);
        dx_text_trace piece;
        while (next_piece(doc, &span, &piece)) {
            dx_text_ref ref = dx_text_ids_find(doc->sequence, piece.client, piece.clock);
            dx_text_need_delete(doc, ref, need);
            need->splits += 2;
        }
    }
}

static bool comes_back(const dx_text_undo_manager *self, dx_text_ref ref) {
    const dx_text_item *item = dx_text_item_at(self->doc->sequence, ref);
    return (item->flags & (DX_ITEM_DELETED | DX_ITEM_REDONE)) == DX_ITEM_DELETED && item->ref != DX_TEXT_GC &&
           item->ref != DX_TEXT_DELETED && dx_text_undo_covers(self, ref);
}

static size_t value_bytes(const dx_text_doc *doc, const dx_text_item *item) {
    size_t bytes = 0;
    for (dx_text_values_ref at = item->payload; at != 0;) {
        bytes += dx_text_values_piece(&doc->values, at, &at).size;
    }
    return bytes;
}

/* For one item; *widest: bytes of the longest content. */
static void need_copy(const dx_text_undo_manager *self, dx_text_ref ref, dx_text_need *need, size_t *widest) {
    dx_text_doc *doc = self->doc;
    const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    dx_text_list list = dx_text_item_list(doc->sequence, ref);
    uint32_t owner = dx_text_list_owner(doc->sequence, list);
    size_t bytes = 0;
    need->items++;
    need->clocks += item->length;
    need->splits += 3; /* at both bounds, and beside what it comes to stand */
    need->deletes++;   /* the one a type hangs below may be deleted by now */
    if (item->ref == DX_TEXT_STRING) {
        bytes = dx_text_item_bytes(doc->sequence, ref);
        need->text_bytes += bytes;
    } else if (item->ref == DX_TEXT_TYPE) {
        need->types++;
    } else if (item->ref != DX_TEXT_FORMAT) {
        bytes = value_bytes(doc, item);
        need->values++;
        need->value_bytes += bytes;
    }
    if (dx_text_owner_is_chain(owner)) {
        dx_text_name key = doc->types.chains[dx_text_owner_chain(owner)].key;
        need->chains++;
        need->names++;
        need->name_bytes += dx_text_names_at(&doc->names, key).size;
        dx_text_need_delete(doc, dx_text_list_last(doc->sequence, list), need);
        dx_text_ref parent = doc->types.rows[dx_text_owner_type(&doc->types, owner)].item;
        if (parent != 0 && (dx_text_item_at(doc->sequence, parent)->flags & DX_ITEM_REDONE) != 0) {
            need->nested =
                true; /* it comes to stand in a copy that was made before, beside whatever is there */
            need->below = doc->items;
        }
    }
    *widest = bytes > *widest ? bytes : *widest;
}

static size_t need_copies(dx_text_undo_manager *self, dx_text_need *need, size_t *widest) {
    dx_text_doc *doc = self->doc;
    size_t copies = 0;
    for (size_t i = 0; i < self->due.count; i++) {
        dx_text_span span = span_of(doc, &self->due.ranges[i]);
        dx_text_ref ref = dx_text_ids_find(doc->sequence, span.client, span.clock);
        for (; ref != 0 && dx_text_item_at(doc->sequence, ref)->clock < (uint64_t)span.clock + span.length;
             ref = dx_text_ids_next(doc->sequence, ref)) {
            if (comes_back(self, ref)) {
                need_copy(self, ref, need, widest);
                copies++;
            }
        }
    }
    return copies;
}

/* Finds out what the last step of the stack is about, takes the memory it needs, and opens the call's transaction. */
static int prepare(dx_text_undo_manager *self, const dx_text_undo_stack *stack) {
    dx_text_doc *doc = self->doc;
    dx_text_undo_view made, deleted;
    dx_text_need need = {.clocks = 0};
    size_t widest = 0;
    dx_text_undo_top(stack, &made, &deleted);
    int error = gather(doc, made, &self->made);
    error = error != DX_OK ? error : gather(doc, deleted, &self->deleted);
    dx_id_set_clear(&self->due);
    error = error != DX_OK ? error : dx_id_set_subtract(&self->deleted, &self->made, &self->due);
    if (error == DX_OK) {
        need_deletes(self, &need);
        error = dx_text_redone_reserve(&doc->redone, need_copies(self, &need, &widest));
    }
    dx_buf_clear(&self->text);
    if (error == DX_OK && widest != 0) {
        (void)dx_buf_extend(&self->text, widest);
        error = dx_buf_error(&self->text);
    }
    error = error != DX_OK ? error : dx_text_edit_begin(doc, &need);
    return dx_text_doc_error(doc, error);
}

/* --- What was deleted comes back -------------------------------------------------------------- */

static void cut(dx_text_doc *doc, uint32_t client, uint32_t clock, uint32_t length) {
    (void)dx_text_doc_item_beginning(doc, client, clock);
    (void)dx_text_doc_item_ending(doc, client, clock + length - 1);
}

/* Behind which item of another list the copy goes: what the nearest item before the old one has become there. */
static dx_text_ref left_in(dx_text_doc *doc, dx_text_ref ref, dx_text_list list) {
    while ((ref = dx_text_item_prev(doc->sequence, ref)) != 0) {
        const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
        dx_text_trace trace = {item->client, item->clock + item->length - 1, 1};
        while (dx_text_redone_step(doc, &trace)) {
            dx_text_ref now = dx_text_ids_find(doc->sequence, trace.client, trace.clock);
            if (dx_text_item_list(doc->sequence, now) == list) {
                return dx_text_doc_item_ending(doc, trace.client, trace.clock);
            }
        }
    }
    return 0;
}

/* Whether whatever came after it under its key is this manager's own doing. */
static bool is_last_word(const dx_text_undo_manager *self, dx_text_ref ref) {
    const dx_text_doc *doc = self->doc;
    dx_text_ref next;
    while ((next = dx_text_item_next(doc->sequence, ref)) != 0) {
        const dx_text_item *item = dx_text_item_at(doc->sequence, next);
        if ((item->flags & DX_ITEM_REDONE) == 0 &&
            !dx_id_set_contains(&self->made, doc->clients.rows[item->client].id, item->clock) &&
            !dx_text_undo_holds(self, item->client, item->clock)) {
            return false;
        }
        dx_text_trace trace = {item->client, item->clock, 1};
        dx_text_redone_follow(doc, &trace);
        ref = dx_text_ids_find(doc->sequence, trace.client, trace.clock);
    }
    return true;
}

static void copy_values(dx_text_undo_manager *self, const dx_text_item *item, dx_text_list list,
                        dx_text_ref left) {
    dx_text_doc *doc = self->doc;
    uint32_t name = dx_text_values_name(&doc->values, item->payload);
    for (dx_text_values_ref at = item->payload; at != 0;) {
        dx_bytes piece = dx_text_values_piece(&doc->values, at, &at);
        dx_buf_append(&self->text, piece.data, piece.size);
    }
    dx_text_ref made =
        dx_text_edit_put_values(doc, list, left, item->ref, dx_buf_view(&self->text), item->length);
    doc->values.rows[dx_text_item_at(doc->sequence, made)->payload].name = name;
}

static void copy_item(dx_text_undo_manager *self, dx_text_ref ref, dx_text_list list, dx_text_ref left) {
    dx_text_doc *doc = self->doc;
    const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    dx_bytes run;
    dx_buf_clear(&self->text);
    switch (item->ref) {
    case DX_TEXT_STRING:
        for (size_t at = 0; (run = dx_text_item_run(doc->sequence, ref, at)).size > 0; at += run.size) {
            dx_buf_append(&self->text, run.data, run.size);
        }
        (void)dx_text_edit_put_string(doc, list, left, dx_buf_view(&self->text), item->length);
        break;
    case DX_TEXT_FORMAT:
        (void)dx_text_edit_put_marker(doc, list, left, item->payload);
        break;
    case DX_TEXT_TYPE: {
        const dx_text_type_row *row = &doc->types.rows[item->payload];
        (void)dx_text_edit_put_type(doc, list, left, (dx_text_kind)row->kind, row->name);
        break;
    }
    default:
        copy_values(self, item, list, left);
        break;
    }
}

/* The type that a type has become; 0: it is deleted and will not come back. */
static dx_text_type type_now(const dx_text_doc *doc, dx_text_type type) {
    const dx_text_type_row *row = &doc->types.rows[type];
    if (row->gone) {
        return 0;
    }
    const dx_text_item *item = row->item != 0 ? dx_text_item_at(doc->sequence, row->item) : NULL;
    if (item == NULL || (item->flags & DX_ITEM_DELETED) == 0) {
        return type;
    }
    dx_text_trace trace = {item->client, item->clock, 1};
    if (!dx_text_redone_step(doc, &trace)) {
        return 0;
    }
    dx_text_redone_follow(doc, &trace);
    dx_text_ref ref = dx_text_ids_find(doc->sequence, trace.client, trace.clock);
    item = dx_text_item_at(doc->sequence, ref);
    return item->ref == DX_TEXT_TYPE ? item->payload : 0;
}

/* What it hangs below is here again, or never went. */
static bool copy_back(dx_text_undo_manager *self, dx_text_ref ref) {
    dx_text_doc *doc = self->doc;
    if (!comes_back(self, ref)) {
        return (dx_text_item_at(doc->sequence, ref)->flags & DX_ITEM_REDONE) != 0;
    }
    uint32_t owner = dx_text_list_owner(doc->sequence, dx_text_item_list(doc->sequence, ref));
    dx_text_type type = dx_text_owner_type(&doc->types, owner), now = type_now(doc, type);
    if (now == 0) {
        return false;
    }
    dx_text_list list = doc->types.rows[now].list;
    dx_text_ref left;
    if (dx_text_owner_is_chain(owner)) {
        if (!self->over_others && !is_last_word(self, ref)) {
            return false;
        }
        dx_text_name key = doc->types.chains[dx_text_owner_chain(owner)].key;
        list = dx_text_edit_make_chain(doc, now, dx_text_names_at(&doc->names, key));
        left = dx_text_list_last(doc->sequence, list);
    } else {
        left = now == type ? dx_text_item_prev(doc->sequence, ref) : left_in(doc, ref, list);
    }
    dx_text_item *item = dx_text_item_at(doc->sequence, ref);
    uint32_t to = dx_text_ids_state(doc->sequence, DX_TEXT_OWN_CLIENT);
    copy_item(self, ref, list, left);
    item->flags |= DX_ITEM_REDONE;
    dx_text_redone_put(&doc->redone, (dx_text_redone_row){item->client, item->clock, item->length, to});
    return true;
}

static bool is_due(const dx_text_undo_manager *self, dx_text_ref ref) {
    const dx_text_item *item = dx_text_item_at(self->doc->sequence, ref);
    return dx_id_set_contains(&self->due, self->doc->clients.rows[item->client].id, item->clock);
}

/* First what it hangs below, from the top; types are linked by their rows, for they may nest as deep as others like. */
static void bring_back(dx_text_undo_manager *self, dx_text_ref ref) {
    dx_text_doc *doc = self->doc;
    dx_text_type above = 0;
    for (dx_text_ref at = ref;;) {
        dx_text_type type = dx_text_doc_parent(doc, at);
        dx_text_ref parent = doc->types.rows[type].item;
        if (parent == 0 || !comes_back(self, parent)) {
            break;
        }
        if (!is_due(self, parent)) {
            return;
        }
        doc->types.rows[type].after = above;
        above = type;
        at = parent;
    }
    while (above != 0) {
        dx_text_type type = above;
        above = doc->types.rows[type].after;
        if (!copy_back(self, doc->types.rows[type].item)) {
            return;
        }
    }
    (void)copy_back(self, ref);
}

static void bring_back_all(dx_text_undo_manager *self) {
    dx_text_doc *doc = self->doc;
    for (size_t i = 0; i < self->due.count; i++) {
        dx_text_span span = span_of(doc, &self->due.ranges[i]);
        cut(doc, span.client, span.clock, span.length);
    }
    for (size_t i = 0; i < self->due.count; i++) {
        dx_text_span span = span_of(doc, &self->due.ranges[i]);
        dx_text_ref ref = dx_text_ids_find(doc->sequence, span.client, span.clock);
        for (; ref != 0 && dx_text_item_at(doc->sequence, ref)->clock < (uint64_t)span.clock + span.length;
             ref = dx_text_ids_next(doc->sequence, ref)) {
            if (comes_back(self, ref)) {
                bring_back(self, ref);
            }
        }
    }
}

/* --- What was made goes ----------------------------------------------------------------------- */

static void delete_made(dx_text_undo_manager *self) {
    dx_text_doc *doc = self->doc;
    for (size_t i = 0; i < self->made.count; i++) {
        dx_text_span span = span_of(doc, &self->made.ranges[i]);
        dx_text_trace piece;
        while (next_piece(doc, &span, &piece)) {
            dx_text_ref ref = dx_text_ids_find(doc->sequence, piece.client, piece.clock);
            const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
            if ((item->flags & DX_ITEM_DELETED) == 0 && dx_text_undo_covers(self, ref)) {
                cut(doc, piece.client, piece.clock, piece.length);
                dx_text_doc_delete(doc, dx_text_ids_find(doc->sequence, piece.client, piece.clock));
            }
        }
    }
}

/* --- A step ----------------------------------------------------------------------------------- */

static bool has_changed(const dx_text_doc *doc) {
    return doc->transaction.touched_count != 0 || doc->transaction.deleted_count != 0;
}

static int take_back(dx_text_undo_manager *self, int from, bool *done) {
    if (self == NULL || done == NULL) {
        return DX_E_INVALID;
    }
    dx_text_doc *doc = self->doc;
    dx_text_undo_stack *stack = &self->stacks[from];
    *done = false;
    if (doc->transaction.open && (has_changed(doc) || doc->transaction.implied)) {
        return DX_E_STATE;
    }
    int error = DX_OK;
    bool begun = false;
    self->inverse = from == DX_TEXT_UNDO ? DX_TEXT_REDO : DX_TEXT_UNDO;
    while (error == DX_OK && !*done && stack->step_count != 0) {
        error = prepare(self, stack);
        if (error == DX_OK) {
            begun = true;
            doc->transaction.undoes = self;
            dx_text_undo_pop(stack);
            bring_back_all(self);
            delete_made(self);
            for (size_t i = 0; i < self->due.count; i++) {
                dx_text_undo_release(self, span_of(doc, &self->due.ranges[i]));
            }
            *done = has_changed(doc);
        }
    }
    if (begun && !*done) {
        doc->transaction.undoes = NULL;
    }
    if (begun) {
        dx_text_edit_end(doc);
    }
    return error;
}

int dx_text_undo(dx_text_undo_manager *manager, bool *done) {
    return take_back(manager, DX_TEXT_UNDO, done);
}

int dx_text_redo(dx_text_undo_manager *manager, bool *done) {
    return take_back(manager, DX_TEXT_REDO, done);
}
