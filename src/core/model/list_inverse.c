/* model/list_inverse.c: taking back what was done to a list. See list_inverse.h.
 *
 * Layer: floor 1, model. */
#include "model/list_inverse.h"

#include <string.h>

#include "model/list_layout.h"

typedef struct inversion {
    dx_list_layout before, after, now;
    uint32_t *held_before, *held_after, *held_now; /* per element, the position that holds */
    const dx_stamp *first, *last;
    dx_writer *out; /* NULL: edits are counted */
    size_t edits;
    bool *kept;
} inversion;

static bool is_authors(const inversion *self, const dx_stamp *stamp) {
    return memcmp(stamp->feed, self->first->feed, sizeof stamp->feed) == 0;
}

static bool is_of_transaction(const inversion *self, const dx_stamp *stamp) {
    return is_authors(self, stamp) && stamp->counter >= self->first->counter &&
           stamp->counter <= self->last->counter;
}

static uint32_t number_of(const dx_list_layout *order, const dx_list_id *id) {
    const dx_list_element *found = dx_list_run_find(&order->run, id);
    return found == NULL ? DX_LIST_NOWHERE : (uint32_t)(found - order->run.items);
}

static void begin_edit(inversion *self, size_t fields, uint64_t kind) {
    self->edits++;
    if (self->out != NULL) {
        dx_write_array(self->out, fields);
        dx_write_uint(self->out, kind);
    }
}

/* An element that the transaction made. */
static void invert_insert(inversion *self, const dx_list_element *now) {
    if (now->deleted) {
        return;
    }
    if (now->has_set && !is_authors(self, &now->set_at)) {
        *self->kept = true;
        return;
    }
    begin_edit(self, 2, DX_LIST_EDIT_DELETE);
    if (self->out != NULL) {
        dx_list_id_write(self->out, &now->id);
    }
}

/* A new position just before an old one: left children ascend by id, and this will be the latest. */
static void write_at(const inversion *self, const dx_list_layout *order, uint32_t position) {
    dx_list_id_write(self->out, &order->run.items[position].id);
    dx_write_bool(self->out, false);
}

/* One that it deleted: deleting is for good, so another element takes its place. */
static void invert_delete(inversion *self, const dx_list_element *before, uint32_t now) {
    uint32_t position = self->held_now[now];
    if (position == DX_LIST_NOWHERE) {
        return; /* it showed nowhere */
    }
    begin_edit(self, 4, DX_LIST_EDIT_INSERT);
    if (self->out != NULL) {
        write_at(self, &self->now, position);
        dx_write_item(self->out, dx_list_element_value(before));
    }
}

static void invert_set(inversion *self, const dx_list_element *before, const dx_list_element *after,
                       const dx_list_element *now) {
    if (!is_authors(self, &now->set_at) || !dx_bytes_equal(now->set_value, after->set_value)) {
        *self->kept = true;
        return;
    }
    begin_edit(self, 3, DX_LIST_EDIT_SET);
    if (self->out != NULL) {
        dx_list_id_write(self->out, &now->id);
        dx_write_item(self->out, dx_list_element_value(before));
    }
}

static void invert_move(inversion *self, const dx_list_element *before, const dx_list_element *now,
                        uint32_t number) {
    const dx_list_id *held = &self->now.run.items[self->held_now[number]].id;
    uint32_t was = self->held_before[before - self->before.run.items];
    if (was == DX_LIST_NOWHERE || !is_authors(self, &held->stamp)) {
        *self->kept = true;
        return;
    }
    begin_edit(self, 4, DX_LIST_EDIT_MOVE);
    if (self->out != NULL) {
        write_at(self, &self->before, was);
        dx_list_id_write(self->out, &now->id);
    }
}

static void invert_element(inversion *self, uint32_t at) {
    const dx_list_element *after = &self->after.run.items[at];
    uint32_t was = number_of(&self->before, &after->id), is = number_of(&self->now, &after->id);
    if (after->origin != DX_LIST_ORIGIN_INSERT || is == DX_LIST_NOWHERE) {
        return;
    }
    const dx_list_element *before = was == DX_LIST_NOWHERE ? NULL : &self->before.run.items[was];
    const dx_list_element *now = &self->now.run.items[is];
    if (before == NULL || before->origin != DX_LIST_ORIGIN_INSERT) {
        if (is_of_transaction(self, &after->id.stamp)) {
            invert_insert(self, now);
        }
        return;
    }
    if (before->deleted) {
        return;
    }
    if (after->deleted) {
        invert_delete(self, before, is);
        return;
    }
    uint32_t held = self->held_after[at];
    bool set = after->has_set && is_of_transaction(self, &after->set_at);
    bool moved = held != DX_LIST_NOWHERE && is_of_transaction(self, &self->after.run.items[held].id.stamp);
    if (now->deleted) {
        *self->kept = *self->kept || set || moved; /* one that took its place is another element */
        return;
    }
    if (set) {
        invert_set(self, before, after, now);
    }
    if (moved) {
        invert_move(self, before, now, is);
    }
}

static void invert_elements(inversion *self, dx_writer *out) {
    self->out = out;
    self->edits = 0;
    for (uint32_t i = 0; i < self->after.run.count; i++) {
        invert_element(self, i);
    }
}

/* Per element the position that holds, deleted or not; NULL: no memory. */
static uint32_t *holders_of(const dx_alloc *alloc, const dx_list_layout *order) {
    uint32_t *held = dx_alloc_take(alloc, (order->run.count + 1) * sizeof *held);
    if (held != NULL) {
        dx_list_layout_holders(order, held);
    }
    return held;
}

static int write_inverse(inversion *self, dx_buf *operation) {
    dx_writer writer;
    invert_elements(self, NULL);
    if (self->edits == 0) {
        return DX_OK;
    }
    if (self->edits > DX_LIST_EDITS_MAX) {
        return DX_E_LIMIT;
    }
    dx_writer_init(&writer, operation);
    dx_write_array(&writer, self->edits);
    invert_elements(self, &writer);
    self->out = NULL;
    return dx_writer_finish(&writer);
}

int dx_list_invert(const dx_alloc *alloc, const dx_bytes saved[static 3], const dx_stamp *first,
                   const dx_stamp *last, dx_buf *operation, bool *kept) {
    inversion self = {.first = first, .last = last, .kept = kept};
    dx_list_layout *orders[] = {&self.before, &self.after, &self.now};
    uint32_t **held[] = {&self.held_before, &self.held_after, &self.held_now};
    size_t read = 0;
    int error = DX_OK;
    while (read < 3 && error == DX_OK) {
        error = dx_list_layout_init(alloc, saved[read], orders[read]);
        if (error == DX_OK) {
            *held[read] = holders_of(alloc, orders[read]);
            error = *held[read] == NULL ? DX_E_NO_MEMORY : DX_OK;
            read++;
        }
    }
    error = error == DX_OK ? write_inverse(&self, operation) : error;
    while (read > 0) {
        read--;
        dx_alloc_free(alloc, *held[read], (orders[read]->run.count + 1) * sizeof **held[read]);
        dx_list_layout_deinit(alloc, orders[read]);
    }
    return error;
}
