/* model/list_model.c: an ordered list that several people insert into, delete from and rearrange at once.
 *
 * Layer: floor 1, model. docs/spec/list-model.md. A state is a set of elements by id, joined one by one: what each
 * says of itself only grows towards a maximum, so no order of operations shows. Where an element stands follows
 * from a tree of positions (each a left or right child of another, as in Fugue), which is worked out when the list is
 * looked at; whole runs that people type at one place stay together. A move is a new position for an old element,
 * and the latest one holds.
 *
 * In memory a state is its saved bytes. Applying streams them together with the operation's elements into new ones:
 * what fails has changed nothing. */
#include <dxos/model.h>

#include "model/list_inverse.h"
#include "model/list_layout.h"

enum { SAVED_SIZE_MAX = 64 << 20 /* as an object's state (docs/spec/object-model.md) */ };

typedef struct list {
    const dx_alloc *alloc;
    dx_buf saved; /* size 0: the empty list */
} list;

static const uint8_t empty_saved[] = {0x80};

/* --- Life ------------------------------------------------------------------------------------- */

static void *list_create(const dx_alloc *alloc, const dx_stamp *created) {
    (void)created;
    list *self = dx_alloc_take_zeroed(alloc, sizeof *self);
    if (self != NULL) {
        self->alloc = alloc;
        dx_buf_init(&self->saved, alloc, SAVED_SIZE_MAX);
    }
    return self;
}

static void list_destroy(const dx_alloc *alloc, void *state) {
    list *self = state;
    dx_buf_deinit(&self->saved);
    dx_alloc_free(alloc, self, sizeof *self);
}

static int list_save(const void *state, dx_buf *out) {
    const list *self = state;
    dx_bytes saved = dx_buf_view(&self->saved);
    dx_buf_append(out, saved.size == 0 ? empty_saved : saved.data,
                  saved.size == 0 ? sizeof empty_saved : saved.size);
    return dx_buf_error(out);
}

/* Every element has one encoding and they ascend, so what is read is what save would write. */
static int list_restore(void *state, dx_bytes saved) {
    list *self = state;
    dx_list_run run;
    int error = dx_list_run_read(self->alloc, saved, &run);
    size_t count = run.count;
    dx_list_run_deinit(self->alloc, &run);
    if (error != DX_OK || saved.size == 0) {
        return error == DX_OK ? DX_E_CORRUPT : error;
    }
    dx_buf copy;
    dx_buf_init(&copy, self->alloc, SAVED_SIZE_MAX);
    if (count > 0) {
        dx_buf_append(&copy, saved.data, saved.size);
    }
    error = dx_buf_error(&copy);
    if (error != DX_OK) {
        dx_buf_deinit(&copy);
        return error == DX_E_LIMIT ? DX_E_CORRUPT : error;
    }
    dx_buf_deinit(&self->saved);
    self->saved = copy;
    return DX_OK;
}

/* --- Operations -------------------------------------------------------------------------------- */

/* A place among the edits of one operation, or an id. What is made later in the operation cannot be named. */
static dx_list_id read_target(dx_reader *in, const dx_list_run *edits, const uint8_t *kinds,
                              const dx_stamp *stamp) {
    dx_list_id id = {.stamp = *stamp};
    size_t items = dx_read_array(in);
    if (items == 3) {
        return dx_list_id_read_parts(in);
    }
    id.index = dx_read_uint_max(in, DX_LIST_EDITS_MAX - 1);
    if (items != 1 || id.index >= edits->count || kinds[id.index] > DX_LIST_EDIT_MOVE) {
        dx_reader_fail(in);
    }
    return id;
}

/* [0, parent, right, value] | [1, parent, right, item] | [2, item] | [3, item, value] */
static void read_edit(dx_reader *in, const dx_list_run *edits, uint8_t *kinds, const dx_stamp *stamp,
                      dx_list_element *out) {
    static const size_t items_of[] = {4, 4, 2, 3};
    *out = (dx_list_element){.origin = DX_LIST_ORIGIN_NONE, .id = {.stamp = *stamp, .index = edits->count}};
    size_t items = dx_read_array(in);
    uint64_t kind = dx_read_uint_max(in, DX_LIST_EDIT_SET);
    if (items != items_of[kind]) {
        dx_reader_fail(in);
        return;
    }
    kinds[edits->count] = (uint8_t)kind;
    if (kind == DX_LIST_EDIT_INSERT || kind == DX_LIST_EDIT_MOVE) {
        out->origin = kind == DX_LIST_EDIT_INSERT ? DX_LIST_ORIGIN_INSERT : DX_LIST_ORIGIN_MOVE;
        out->has_parent = dx_reader_peek(in) != DX_KIND_NULL;
        if (out->has_parent) {
            out->parent = read_target(in, edits, kinds, stamp);
        } else {
            dx_read_null(in);
        }
        out->right = dx_read_bool(in);
    } else {
        out->id = read_target(in, edits, kinds, stamp);
    }
    switch (kind) {
    case DX_LIST_EDIT_INSERT:
        out->value = dx_list_value_read(in);
        break;
    case DX_LIST_EDIT_MOVE:
        out->item = read_target(in, edits, kinds, stamp);
        break;
    case DX_LIST_EDIT_DELETE:
        out->deleted = true;
        break;
    default:
        out->has_set = true;
        out->set_at = *stamp;
        out->set_value = dx_list_value_read(in);
    }
}

/* Restores the heap below `at`: the greatest id on top. */
static void sift_down(dx_list_element *items, size_t at, size_t count) {
    dx_list_element held = items[at];
    for (size_t child = 2 * at + 1; child < count; child = 2 * at + 1) {
        child += child + 1 < count && dx_list_id_compare(&items[child].id, &items[child + 1].id) < 0;
        if (dx_list_id_compare(&items[child].id, &held.id) <= 0) {
            break;
        }
        items[at] = items[child];
        at = child;
    }
    items[at] = held;
}

/* Ascending, one of each id. Joining does not ask for an order, so an unstable sort will do. */
static void sort_and_join(dx_list_run *run) {
    dx_list_element *items = run->items;
    size_t kept = 0;
    for (size_t root = run->count / 2; root-- > 0;) {
        sift_down(items, root, run->count);
    }
    for (size_t end = run->count; end-- > 1;) {
        dx_list_element last = items[0];
        items[0] = items[end];
        items[end] = last;
        sift_down(items, 0, end);
    }
    for (size_t i = 0; i < run->count; i++) {
        if (kept > 0 && dx_list_id_compare(&items[kept - 1].id, &items[i].id) == 0) {
            dx_list_element_join(&items[kept - 1], &items[i]);
        } else {
            items[kept++] = items[i];
        }
    }
    run->count = kept;
}

static int read_operation(const dx_alloc *alloc, dx_bytes operation, const dx_stamp *stamp,
                          dx_list_run *out) {
    dx_reader in;
    uint8_t kinds[DX_LIST_EDITS_MAX] = {0};
    *out = (dx_list_run){0};
    dx_reader_init(&in, operation);
    size_t count = dx_read_array(&in);
    int error = DX_OK;
    if (count > DX_LIST_EDITS_MAX) {
        dx_reader_fail(&in);
    }
    for (size_t i = 0; i < count && in.error == DX_OK && error == DX_OK; i++) {
        dx_list_element item;
        read_edit(&in, out, kinds, stamp, &item);
        error = in.error == DX_OK ? dx_list_run_append(alloc, out, &item) : DX_OK;
    }
    if (error == DX_OK && dx_reader_finish(&in) != DX_OK) {
        error = DX_E_MALFORMED;
    }
    if (error == DX_OK) {
        sort_and_join(out);
    }
    return error;
}

/* Both ascend. */
static size_t count_joined(const dx_list_run *a, const dx_list_run *b) {
    size_t i = 0, j = 0, count = 0;
    for (; i < a->count || j < b->count; count++) {
        int order = i == a->count   ? 1
                    : j == b->count ? -1
                                    : dx_list_id_compare(&a->items[i].id, &b->items[j].id);
        i += order <= 0;
        j += order >= 0;
    }
    return count;
}

static int write_joined(const dx_list_run *a, const dx_list_run *b, dx_buf *out) {
    dx_writer writer;
    size_t i = 0, j = 0;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, count_joined(a, b));
    while (i < a->count || j < b->count) {
        int order = i == a->count   ? 1
                    : j == b->count ? -1
                                    : dx_list_id_compare(&a->items[i].id, &b->items[j].id);
        dx_list_element item = order <= 0 ? a->items[i] : b->items[j];
        if (order == 0) {
            dx_list_element_join(&item, &b->items[j]);
        }
        dx_list_element_write(&writer, &item);
        i += order <= 0;
        j += order >= 0;
    }
    return dx_writer_finish(&writer);
}

static int list_apply(void *state, dx_bytes operation, const dx_stamp *stamp) {
    list *self = state;
    dx_list_run edits, there = {0};
    dx_buf joined;
    dx_buf_init(&joined, self->alloc, SAVED_SIZE_MAX);
    int error = read_operation(self->alloc, operation, stamp, &edits);
    if (error == DX_OK && edits.count > 0) {
        error = dx_list_run_read(self->alloc, dx_buf_view(&self->saved), &there);
        if (error == DX_OK && count_joined(&there, &edits) > DX_LIST_ELEMENTS_MAX) {
            error = DX_E_LIMIT;
        }
        error = error == DX_OK ? write_joined(&there, &edits, &joined) : error;
        if (error == DX_OK) {
            dx_buf held = self->saved;
            self->saved = joined;
            joined = held;
        }
    }
    dx_buf_deinit(&joined);
    dx_list_run_deinit(self->alloc, &there);
    dx_list_run_deinit(self->alloc, &edits);
    return error;
}

/* --- What people see ------------------------------------------------------------------------------ */

static int list_view(const void *state, dx_writer *out) {
    const list *self = state;
    dx_list_layout order;
    int error = dx_list_layout_init(self->alloc, dx_buf_view(&self->saved), &order);
    if (error != DX_OK) {
        return error;
    }
    DX_ASSERT(order.shown_count == 0 || order.run.items != NULL);
    dx_write_array(out, order.shown_count);
    for (size_t i = 0; i < order.shown_count; i++) {
        const dx_list_element *item = &order.run.items[dx_list_layout_item(&order, order.shown[i])];
        dx_write_item(out, dx_list_element_value(item));
    }
    dx_list_layout_deinit(self->alloc, &order);
    return DX_OK;
}

/* --- Requests: by places in the list as it shows here --------------------------------------------- */

/* Writes parent and side of a new position behind the given one (nowhere: at the beginning). As in Fugue: its right
 * child, unless it has one; then the left child of the position that follows it. */
static void write_behind(const dx_list_layout *order, uint32_t position, dx_writer *out) {
    const dx_list_id *id = position == DX_LIST_NOWHERE ? NULL : &order->run.items[position].id;
    bool taken = dx_list_layout_is_on_side(order, dx_list_layout_first_on_side(order, id, true), id, true);
    if (taken) {
        size_t at = 0;
        while (position != DX_LIST_NOWHERE && order->positions[at] != position) {
            at++;
        }
        id = &order->run.items[order->positions[position == DX_LIST_NOWHERE ? 0 : at + 1]].id;
    }
    if (id == NULL) {
        dx_write_null(out);
    } else {
        dx_list_id_write(out, id);
    }
    dx_write_bool(out, !taken);
}

static uint32_t position_before(const dx_list_layout *order, uint64_t place) {
    return place == 0 ? DX_LIST_NOWHERE : order->shown[place - 1];
}

static const dx_list_id *shown_id(const dx_list_layout *order, uint64_t place) {
    DX_ASSERT(place < order->shown_count && order->run.items != NULL);
    return &order->run.items[dx_list_layout_item(order, order->shown[place])].id;
}

static int prepare_insert(const dx_list_layout *order, uint64_t place, dx_bytes values, dx_writer *out) {
    dx_reader in;
    dx_reader_init(&in, values);
    size_t count = dx_read_array(&in);
    if (in.error != DX_OK || count > DX_LIST_EDITS_MAX || place > order->shown_count) {
        return DX_E_INVALID;
    }
    dx_write_array(out, count);
    for (size_t i = 0; i < count; i++) {
        dx_write_array(out, 4);
        dx_write_uint(out, DX_LIST_EDIT_INSERT);
        if (i == 0) {
            write_behind(order, position_before(order, place), out);
        } else {
            dx_write_array(out, 1);
            dx_write_uint(out, i - 1);
            dx_write_bool(out, true);
        }
        dx_write_item(out, dx_read_item(&in));
    }
    return DX_OK;
}

static int prepare_delete(const dx_list_layout *order, uint64_t place, uint64_t count, dx_writer *out) {
    if (count > DX_LIST_EDITS_MAX || place > order->shown_count || count > order->shown_count - place) {
        return DX_E_INVALID;
    }
    dx_write_array(out, (size_t)count);
    for (uint64_t i = 0; i < count; i++) {
        dx_write_array(out, 2);
        dx_write_uint(out, DX_LIST_EDIT_DELETE);
        dx_list_id_write(out, shown_id(order, place + i));
    }
    return DX_OK;
}

/* Afterwards the element stands at `to`. */
static int prepare_move(const dx_list_layout *order, uint64_t from, uint64_t to, dx_writer *out) {
    if (from >= order->shown_count || to >= order->shown_count) {
        return DX_E_INVALID;
    }
    dx_write_array(out, 1);
    dx_write_array(out, 4);
    dx_write_uint(out, DX_LIST_EDIT_MOVE);
    write_behind(order, position_before(order, to > from ? to + 1 : to), out);
    dx_list_id_write(out, shown_id(order, from));
    return DX_OK;
}

static int prepare_set(const dx_list_layout *order, uint64_t place, dx_bytes value, dx_writer *out) {
    if (place >= order->shown_count || value.size == 0) {
        return DX_E_INVALID;
    }
    dx_write_array(out, 1);
    dx_write_array(out, 3);
    dx_write_uint(out, DX_LIST_EDIT_SET);
    dx_list_id_write(out, shown_id(order, place));
    dx_write_item(out, value);
    return DX_OK;
}

static bool take_place(dx_bytes request, const char *key, uint64_t *place) {
    dx_bytes item = dx_item_get(request, key);
    int64_t value = dx_item_int(item, -1);
    *place = value < 0 ? 0 : (uint64_t)value;
    return item.size != 0 && value >= 0;
}

/* {"insert": place, "values": [value…]} | {"delete": place, "count"?} | {"move": place, "to": place} |
 * {"set": place, "value": value} */
static int list_prepare(const void *state, const uint8_t *feed, dx_bytes request, dx_buf *operation) {
    const list *self = state;
    dx_list_layout order;
    dx_writer writer;
    uint64_t place, other;
    (void)feed;
    if (dx_item_check(request) != DX_OK) {
        return DX_E_INVALID;
    }
    int error = dx_list_layout_init(self->alloc, dx_buf_view(&self->saved), &order);
    if (error != DX_OK) {
        return error;
    }
    dx_writer_init(&writer, operation);
    if (take_place(request, "insert", &place)) {
        error = prepare_insert(&order, place, dx_item_get(request, "values"), &writer);
    } else if (take_place(request, "delete", &place)) {
        other = (uint64_t)dx_item_int(dx_item_get(request, "count"), 1);
        error = prepare_delete(&order, place, other, &writer);
    } else if (take_place(request, "move", &place) && take_place(request, "to", &other)) {
        error = prepare_move(&order, place, other, &writer);
    } else if (take_place(request, "set", &place)) {
        error = prepare_set(&order, place, dx_item_get(request, "value"), &writer);
    } else {
        error = DX_E_INVALID;
    }
    dx_list_layout_deinit(self->alloc, &order);
    return error == DX_OK ? dx_writer_finish(&writer) : error;
}

static int list_invert(const void *before, const void *after, const void *now, const dx_stamp *first,
                       const dx_stamp *last, dx_buf *operation, bool *kept) {
    const list *lists[] = {before, after, now};
    const dx_bytes saved[] = {dx_buf_view(&lists[0]->saved), dx_buf_view(&lists[1]->saved),
                              dx_buf_view(&lists[2]->saved)};
    return dx_list_invert(lists[2]->alloc, saved, first, last, operation, kept);
}

const dx_model dx_list_model = {
    .version = DX_MODEL_VERSION,
    .name = "dx/list/1",
    .kind = DX_MODEL_MERGE,
    .create = list_create,
    .destroy = list_destroy,
    .apply = list_apply,
    .save = list_save,
    .restore = list_restore,
    .view = list_view,
    .prepare = list_prepare,
    .invert = list_invert,
};
