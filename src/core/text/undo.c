/* text/undo.c: see undo.h. What a manager notes, keeps and forgets; taking back: undo_step.c. */
#include "text/undo_stack.h"

#include "text/room.h"

/* --- Steps ------------------------------------------------------------------------------------ */

static size_t made_begin(const dx_text_undo_stack *stack, size_t step) {
    return step == 0 ? 0 : stack->steps[step - 1].made_end;
}

static size_t deleted_begin(const dx_text_undo_stack *stack, size_t step) {
    return step == 0 ? 0 : stack->steps[step - 1].deleted_end;
}

void dx_text_undo_top(const dx_text_undo_stack *stack, dx_text_undo_view *made, dx_text_undo_view *deleted) {
    size_t step = stack->step_count - 1, begin = made_begin(stack, step);
    *made = (dx_text_undo_view){stack->made != NULL ? stack->made + begin : NULL,
                                stack->steps[step].made_end - begin};
    begin = deleted_begin(stack, step);
    *deleted = (dx_text_undo_view){stack->deleted != NULL ? stack->deleted + begin : NULL,
                                   stack->steps[step].deleted_end - begin};
}

void dx_text_undo_pop(dx_text_undo_stack *stack) {
    stack->step_count--;
    stack->made_count = made_begin(stack, stack->step_count);
    stack->deleted_count = deleted_begin(stack, stack->step_count);
}

static bool reserve_stack(const dx_alloc *alloc, dx_text_undo_stack *stack, size_t deletes) {
    return dx_text_make_room(alloc, &stack->made, &stack->made_capacity, stack->made_count + 1,
                             sizeof *stack->made) &&
           dx_text_make_room(alloc, &stack->deleted, &stack->deleted_capacity, stack->deleted_count + deletes,
                             sizeof *stack->deleted) &&
           dx_text_make_room(alloc, &stack->steps, &stack->step_capacity, stack->step_count + 1,
                             sizeof *stack->steps);
}

int dx_text_undo_reserve(dx_text_doc *doc, size_t deletes) {
    for (dx_text_undo_manager *manager = doc->undo; manager != NULL; manager = manager->next) {
        if (!reserve_stack(&doc->alloc, &manager->stacks[DX_TEXT_UNDO], deletes) ||
            !reserve_stack(&doc->alloc, &manager->stacks[DX_TEXT_REDO], deletes)) {
            return DX_E_NO_MEMORY;
        }
    }
    return DX_OK;
}

/* Adds a span to a step whose spans are those from `begin`; one that touches the last is joined with it. */
static void add(dx_text_span *spans, size_t begin, size_t *count, dx_text_span span) {
    DX_ASSERT(spans != NULL);
    dx_text_span *last = *count > begin ? &spans[*count - 1] : NULL;
    if (last != NULL && last->client == span.client && last->clock + last->length == span.clock) {
        last->length += span.length;
    } else if (last != NULL && last->client == span.client && span.clock + span.length == last->clock) {
        last->clock = span.clock;
        last->length += span.length;
    } else {
        spans[(*count)++] = span;
    }
}

/* --- Whose changes ---------------------------------------------------------------------------- */

bool dx_text_undo_covers(const dx_text_undo_manager *manager, dx_text_ref ref) {
    const dx_text_doc *doc = manager->doc;
    dx_text_list list = dx_text_item_list(doc->sequence, ref);
    if (list == 0 || manager->type_count == 0) {
        return list != 0;
    }
    for (;;) {
        dx_text_type type = dx_text_owner_type(&doc->types, dx_text_list_owner(doc->sequence, list));
        for (size_t i = 0; i < manager->type_count; i++) {
            if (manager->types[i] == type) {
                return true;
            }
        }
        dx_text_ref parent = doc->types.rows[type].item;
        if (parent == 0 || (list = dx_text_item_list(doc->sequence, parent)) == 0) {
            return false;
        }
    }
}

/* The first item from `ref` on, of clocks below `end`, that is the manager's; 0: none. */
static dx_text_ref first_covered(const dx_text_undo_manager *manager, dx_text_ref ref, uint64_t end) {
    const dx_text_sequence *sequence = manager->doc->sequence;
    while (ref != 0 && dx_text_item_at(sequence, ref)->clock < end && !dx_text_undo_covers(manager, ref)) {
        ref = dx_text_ids_next(sequence, ref);
    }
    return ref != 0 && dx_text_item_at(sequence, ref)->clock < end ? ref : 0;
}

static bool is_tracked(const dx_text_undo_manager *manager) {
    const dx_text_doc *doc = manager->doc;
    const dx_text_transaction *transaction = &doc->transaction;
    if (transaction->applied || transaction->undoes != NULL) {
        return transaction->undoes == manager;
    }
    bool tracked = manager->origin_count == 0;
    for (size_t i = 0; i < manager->origin_count; i++) {
        tracked |= manager->origins[i] == doc->origin;
    }
    return tracked;
}

static bool is_touched(const dx_text_undo_manager *manager) {
    const dx_text_doc *doc = manager->doc;
    const dx_text_transaction *transaction = &doc->transaction;
    const dx_text_client *own = &doc->clients.rows[DX_TEXT_OWN_CLIENT];
    if (own->touched &&
        first_covered(manager, dx_text_ids_find(doc->sequence, DX_TEXT_OWN_CLIENT, own->before),
                      UINT64_MAX) != 0) {
        return true;
    }
    for (size_t i = 0; i < transaction->deleted_count; i++) {
        const dx_text_span *span = &transaction->deleted[i];
        dx_text_ref ref = dx_text_ids_find(doc->sequence, span->client, span->clock);
        if (first_covered(manager, ref, (uint64_t)span->clock + span->length) != 0) {
            return true;
        }
    }
    return false;
}

/* --- What is kept ----------------------------------------------------------------------------- */

/* The item and those it hangs below: were one of them collected, it would go, too. */
static void keep(dx_text_doc *doc, dx_text_ref ref) {
    while (ref != 0) {
        dx_text_item *item = dx_text_item_at(doc->sequence, ref);
        dx_text_list list = dx_text_item_list(doc->sequence, ref);
        if (list == 0 || (item->flags & DX_ITEM_KEEP) != 0) {
            return;
        }
        item->flags |= DX_ITEM_KEEP;
        ref = doc->types.rows[dx_text_owner_type(&doc->types, dx_text_list_owner(doc->sequence, list))].item;
    }
}

static bool has_any(const dx_text_undo_stack *stack, dx_text_span of) {
    for (size_t i = stack->deleted_count; i-- > 0;) {
        const dx_text_span *span = &stack->deleted[i];
        if (span->client == of.client && of.clock < (uint64_t)span->clock + span->length &&
            span->clock < (uint64_t)of.clock + of.length) {
            return true;
        }
    }
    return false;
}

static bool holds_any(const dx_text_undo_manager *manager, dx_text_span of) {
    return has_any(&manager->stacks[DX_TEXT_UNDO], of) || has_any(&manager->stacks[DX_TEXT_REDO], of);
}

bool dx_text_undo_holds(const dx_text_undo_manager *manager, uint32_t client, uint32_t clock) {
    return holds_any(manager, (dx_text_span){client, clock, 1});
}

/* Whether a step that is left needs some of an item: of another manager, or of this one when the item has merged with what is not of the
 * span, for no two steps of one manager deleted the same. */
static bool is_held(const dx_text_undo_manager *manager, const dx_text_item *item, dx_text_span span) {
    dx_text_span whole = {item->client, item->clock, item->length};
    bool merged =
        item->clock < span.clock || (uint64_t)item->clock + item->length > (uint64_t)span.clock + span.length;
    for (const dx_text_undo_manager *at = manager->doc->undo; at != NULL; at = at->next) {
        if ((at != manager || merged) && holds_any(at, whole)) {
            return true;
        }
    }
    return false;
}

/* Types stay: what hangs below them may be kept for another step. Its content is what takes memory, and that goes by itself. */
void dx_text_undo_release(dx_text_undo_manager *manager, dx_text_span span) {
    dx_text_doc *doc = manager->doc;
    uint64_t end = (uint64_t)span.clock + span.length;
    dx_text_ref ref = dx_text_ids_find(doc->sequence, span.client, span.clock);
    for (; ref != 0; ref = dx_text_ids_next(doc->sequence, ref)) {
        dx_text_item *item = dx_text_item_at(doc->sequence, ref);
        if (item->clock >= end) {
            return;
        }
        if ((item->flags & (DX_ITEM_KEEP | DX_ITEM_DELETED)) != (DX_ITEM_KEEP | DX_ITEM_DELETED) ||
            item->ref == DX_TEXT_TYPE || is_held(manager, item, span)) {
            continue;
        }
        item->flags &= (uint8_t)~DX_ITEM_KEEP;
        if (!doc->options.keep_deleted && item->ref != DX_TEXT_DELETED && item->ref != DX_TEXT_GC) {
            dx_text_doc_collect(doc, ref);
        }
    }
}

static void clear(dx_text_undo_manager *manager, dx_text_undo_stack *stack) {
    size_t count = stack->deleted_count;
    stack->made_count = 0;
    stack->deleted_count = 0;
    stack->step_count = 0;
    for (size_t i = 0; i < count; i++) {
        dx_text_undo_release(manager, stack->deleted[i]);
    }
}

/* --- Noting ----------------------------------------------------------------------------------- */

static void capture(dx_text_undo_manager *manager) {
    dx_text_doc *doc = manager->doc;
    const dx_text_transaction *transaction = &doc->transaction;
    bool own = transaction->undoes == NULL;
    dx_text_undo_stack *stack = &manager->stacks[own ? DX_TEXT_UNDO : manager->inverse];
    if (own) {
        clear(manager, &manager->stacks[DX_TEXT_REDO]);
    }
    bool joins =
        own && manager->joins && manager->now - manager->last < manager->window && stack->step_count != 0;
    manager->joins = own;
    manager->last = manager->now;
    if (!joins) {
        stack->steps[stack->step_count++] = (dx_text_undo_row){stack->made_count, stack->deleted_count};
    }
    size_t step = stack->step_count - 1, begin = deleted_begin(stack, step);
    const dx_text_client *client = &doc->clients.rows[DX_TEXT_OWN_CLIENT];
    if (client->touched) {
        uint32_t state = dx_text_ids_state(doc->sequence, DX_TEXT_OWN_CLIENT);
        add(stack->made, made_begin(stack, step), &stack->made_count,
            (dx_text_span){DX_TEXT_OWN_CLIENT, client->before, state - client->before});
    }
    for (size_t i = 0; i < transaction->deleted_count; i++) {
        const dx_text_span *span = &transaction->deleted[i];
        uint64_t end = (uint64_t)span->clock + span->length;
        add(stack->deleted, begin, &stack->deleted_count, *span);
        dx_text_ref ref = dx_text_ids_find(doc->sequence, span->client, span->clock);
        while ((ref = first_covered(manager, ref, end)) != 0) {
            keep(doc, ref);
            ref = dx_text_ids_next(doc->sequence, ref);
        }
    }
    stack->steps[step] = (dx_text_undo_row){stack->made_count, stack->deleted_count};
}

void dx_text_undo_capture(dx_text_doc *doc) {
    for (dx_text_undo_manager *manager = doc->undo; manager != NULL; manager = manager->next) {
        if (is_tracked(manager) && is_touched(manager)) {
            capture(manager);
        }
    }
}

/* --- From beginning to end -------------------------------------------------------------------- */

int dx_text_set_origin(dx_text_doc *doc, uint64_t origin) {
    if (doc == NULL) {
        return DX_E_INVALID;
    }
    if (doc->transaction.open) {
        return DX_E_STATE;
    }
    doc->origin = origin;
    return DX_OK;
}

static bool copy(dx_text_doc *doc, void *to, const void *from, size_t size) {
    void *block = size == 0 ? NULL : dx_alloc_take(&doc->alloc, size);
    if (size != 0 && block != NULL) {
        memcpy(block, from, size);
    }
    memcpy(to, &block, sizeof block);
    return size == 0 || block != NULL;
}

int dx_text_undo_create(dx_text_doc *doc, const dx_text_undo_options *options, dx_text_undo_manager **out) {
    if (doc == NULL || options == NULL || out == NULL ||
        (options->type_count != 0 && options->types == NULL) ||
        (options->origin_count != 0 && options->origins == NULL) ||
        options->origin_count > SIZE_MAX / sizeof *options->origins) {
        return DX_E_INVALID;
    }
    for (size_t i = 0; i < options->type_count; i++) {
        if (options->types[i] == 0 || options->types[i] >= doc->types.count) {
            return DX_E_INVALID;
        }
    }
    if (doc->transaction.open) {
        return DX_E_STATE;
    }
    dx_text_undo_manager *self = dx_alloc_take_zeroed(&doc->alloc, sizeof *self);
    if (self == NULL) {
        return dx_text_doc_error(doc, DX_E_NO_MEMORY);
    }
    self->doc = doc;
    self->type_count = options->type_count;
    self->origin_count = options->origin_count;
    self->window = options->window;
    self->over_others = options->over_others;
    dx_id_set_init(&self->made, &doc->alloc);
    dx_id_set_init(&self->deleted, &doc->alloc);
    dx_id_set_init(&self->due, &doc->alloc);
    dx_buf_init(&self->text, &doc->alloc, SIZE_MAX / 2);
    self->next = doc->undo;
    doc->undo = self;
    if (!copy(doc, &self->types, options->types, self->type_count * sizeof *self->types) ||
        !copy(doc, &self->origins, options->origins, self->origin_count * sizeof *self->origins)) {
        dx_text_undo_destroy(self);
        return dx_text_doc_error(doc, DX_E_NO_MEMORY);
    }
    *out = self;
    return DX_OK;
}

static void free_stack(const dx_alloc *alloc, dx_text_undo_stack *stack) {
    dx_alloc_free(alloc, stack->made, stack->made_capacity * sizeof *stack->made);
    dx_alloc_free(alloc, stack->deleted, stack->deleted_capacity * sizeof *stack->deleted);
    dx_alloc_free(alloc, stack->steps, stack->step_capacity * sizeof *stack->steps);
}

void dx_text_undo_destroy(dx_text_undo_manager *self) {
    if (self == NULL) {
        return;
    }
    dx_text_doc *doc = self->doc;
    const dx_alloc *alloc = &doc->alloc;
    dx_text_undo_clear(self);
    dx_text_undo_manager **link = &doc->undo;
    while (*link != self) {
        DX_ASSERT(*link != NULL);
        link = &(*link)->next;
    }
    *link = self->next;
    free_stack(alloc, &self->stacks[DX_TEXT_UNDO]);
    free_stack(alloc, &self->stacks[DX_TEXT_REDO]);
    dx_id_set_deinit(&self->made);
    dx_id_set_deinit(&self->deleted);
    dx_id_set_deinit(&self->due);
    dx_buf_deinit(&self->text);
    dx_alloc_free(alloc, self->types, self->types == NULL ? 0 : self->type_count * sizeof *self->types);
    dx_alloc_free(alloc, self->origins,
                  self->origins == NULL ? 0 : self->origin_count * sizeof *self->origins);
    dx_alloc_free(alloc, self, sizeof *self);
}

void dx_text_undo_time(dx_text_undo_manager *manager, uint64_t now) {
    manager->now = now;
}

void dx_text_undo_stop(dx_text_undo_manager *manager) {
    manager->joins = false;
}

size_t dx_text_undo_steps(const dx_text_undo_manager *manager) {
    return manager->stacks[DX_TEXT_UNDO].step_count;
}

size_t dx_text_redo_steps(const dx_text_undo_manager *manager) {
    return manager->stacks[DX_TEXT_REDO].step_count;
}

void dx_text_undo_clear(dx_text_undo_manager *manager) {
    clear(manager, &manager->stacks[DX_TEXT_UNDO]);
    clear(manager, &manager->stacks[DX_TEXT_REDO]);
}
