/* model/list_element.c: elements of a list by id. See list_element.h.
 *
 * Layer: floor 1, model. */
#include "model/list_element.h"

enum { VALUE_DEPTH_MAX = 24 };

/* --- Ids ------------------------------------------------------------------------------------- */

int dx_list_id_compare(const dx_list_id *a, const dx_list_id *b) {
    int order = dx_stamp_compare(&a->stamp, &b->stamp);
    return order != 0 ? order : a->index < b->index ? -1 : a->index > b->index;
}

void dx_list_id_write(dx_writer *out, const dx_list_id *id) {
    dx_write_array(out, 3);
    dx_write_uint(out, id->stamp.counter);
    dx_write_bytes(out, dx_bytes_of(id->stamp.feed, sizeof id->stamp.feed));
    dx_write_uint(out, id->index);
}

dx_list_id dx_list_id_read_parts(dx_reader *in) {
    dx_list_id id = {.index = 0};
    id.stamp.counter = dx_read_uint(in);
    dx_read_bytes_exact(in, id.stamp.feed, sizeof id.stamp.feed);
    id.index = dx_read_uint_max(in, DX_LIST_EDITS_MAX - 1);
    return id;
}

dx_list_id dx_list_id_read(dx_reader *in) {
    if (dx_read_array(in) != 3) {
        dx_reader_fail(in);
    }
    return dx_list_id_read_parts(in);
}

dx_bytes dx_list_value_read(dx_reader *in) {
    dx_bytes value = dx_read_item(in);
    dx_reader inside;
    dx_reader_init(&inside, value);
    while (in->error == DX_OK && inside.error == DX_OK && inside.at < inside.end) {
        dx_kind kind = dx_reader_peek(&inside);
        if (kind == DX_KIND_ARRAY) {
            (void)dx_read_array(&inside);
        } else if (kind == DX_KIND_MAP) {
            (void)dx_read_map(&inside);
        } else {
            (void)dx_read_item(&inside);
        }
        if (inside.depth > VALUE_DEPTH_MAX) {
            dx_reader_fail(in);
        }
    }
    return value;
}

/* --- Runs of elements ------------------------------------------------------------------------- */

static int reserve(const dx_alloc *alloc, dx_list_run *run, size_t capacity) {
    if (capacity <= run->capacity) {
        return DX_OK;
    }
    dx_list_element *items =
        dx_alloc_grow(alloc, run->items, run->capacity * sizeof *items, capacity * sizeof *items);
    if (items == NULL) {
        return DX_E_NO_MEMORY;
    }
    run->items = items;
    run->capacity = capacity;
    return DX_OK;
}

int dx_list_run_append(const dx_alloc *alloc, dx_list_run *run, const dx_list_element *item) {
    int error = DX_OK;
    if (run->count == run->capacity) {
        error = reserve(alloc, run, run->capacity == 0 ? 16 : 2 * run->capacity);
    }
    if (error == DX_OK) {
        run->items[run->count++] = *item;
    }
    return error;
}

void dx_list_run_deinit(const dx_alloc *alloc, dx_list_run *run) {
    dx_alloc_free(alloc, run->items, run->capacity * sizeof *run->items);
    *run = (dx_list_run){0};
}

const dx_list_element *dx_list_run_find(const dx_list_run *run, const dx_list_id *id) {
    size_t low = 0, high = run->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = dx_list_id_compare(&run->items[middle].id, id);
        if (order == 0) {
            return &run->items[middle];
        }
        low = order < 0 ? middle + 1 : low;
        high = order > 0 ? middle : high;
    }
    return NULL;
}

/* --- Joining ----------------------------------------------------------------------------------- */

/* An id is made once; should two operations at one stamp make it twice, the greater content stays. */
static int origin_compare(const dx_list_element *a, const dx_list_element *b) {
    if (a->origin != b->origin) {
        return a->origin < b->origin ? 1 : -1; /* NONE is least */
    }
    if (a->has_parent != b->has_parent || a->right != b->right) {
        return 2 * a->has_parent + a->right < 2 * b->has_parent + b->right ? -1 : 1;
    }
    int order = a->has_parent ? dx_list_id_compare(&a->parent, &b->parent) : 0;
    if (order == 0 && a->origin == DX_LIST_ORIGIN_MOVE) {
        order = dx_list_id_compare(&a->item, &b->item);
    }
    return order == 0 && a->origin == DX_LIST_ORIGIN_INSERT ? dx_bytes_compare(a->value, b->value) : order;
}

static void take_origin(dx_list_element *into, const dx_list_element *from) {
    into->origin = from->origin;
    into->has_parent = from->has_parent;
    into->right = from->right;
    into->parent = from->parent;
    into->item = from->item;
    into->value = from->value;
}

static int set_compare(const dx_list_element *a, const dx_list_element *b) {
    if (a->has_set != b->has_set) {
        return a->has_set ? 1 : -1;
    }
    int order = a->has_set ? dx_stamp_compare(&a->set_at, &b->set_at) : 0;
    return order == 0 && a->has_set ? dx_bytes_compare(a->set_value, b->set_value) : order;
}

void dx_list_element_join(dx_list_element *into, const dx_list_element *other) {
    if (origin_compare(into, other) < 0) {
        take_origin(into, other);
    }
    if (set_compare(into, other) < 0) {
        into->has_set = true;
        into->set_at = other->set_at;
        into->set_value = other->set_value;
    }
    into->deleted = into->deleted || other->deleted;
}

dx_bytes dx_list_element_value(const dx_list_element *item) {
    bool set = item->has_set && dx_stamp_compare(&item->set_at, &item->id.stamp) >= 0;
    return set ? item->set_value : item->value;
}

/* --- Saved bytes ------------------------------------------------------------------------------- */

void dx_list_element_write(dx_writer *out, const dx_list_element *item) {
    dx_write_array(out, item->has_set ? 6 : 5);
    dx_write_uint(out, item->id.stamp.counter);
    dx_write_bytes(out, dx_bytes_of(item->id.stamp.feed, sizeof item->id.stamp.feed));
    dx_write_uint(out, item->id.index);
    if (item->origin == DX_LIST_ORIGIN_NONE) {
        dx_write_null(out);
    } else {
        dx_write_array(out, 4);
        dx_write_uint(out, (uint64_t)item->origin);
        if (item->has_parent) {
            dx_list_id_write(out, &item->parent);
        } else {
            dx_write_null(out);
        }
        dx_write_bool(out, item->right);
        if (item->origin == DX_LIST_ORIGIN_INSERT) {
            dx_write_item(out, item->value);
        } else {
            dx_list_id_write(out, &item->item);
        }
    }
    dx_write_bool(out, item->deleted);
    if (item->has_set) {
        dx_write_array(out, 3);
        dx_write_uint(out, item->set_at.counter);
        dx_write_bytes(out, dx_bytes_of(item->set_at.feed, sizeof item->set_at.feed));
        dx_write_item(out, item->set_value);
    }
}

static void read_origin(dx_reader *in, dx_list_element *out) {
    if (dx_reader_peek(in) == DX_KIND_NULL) {
        dx_read_null(in);
        out->origin = DX_LIST_ORIGIN_NONE;
        return;
    }
    if (dx_read_array(in) != 4) {
        dx_reader_fail(in);
    }
    out->origin = dx_read_uint_max(in, DX_LIST_ORIGIN_MOVE) == DX_LIST_ORIGIN_INSERT ? DX_LIST_ORIGIN_INSERT
                                                                                     : DX_LIST_ORIGIN_MOVE;
    out->has_parent = dx_reader_peek(in) != DX_KIND_NULL;
    if (out->has_parent) {
        out->parent = dx_list_id_read(in);
    } else {
        dx_read_null(in);
    }
    out->right = dx_read_bool(in);
    if (out->origin == DX_LIST_ORIGIN_INSERT) {
        out->value = dx_list_value_read(in);
    } else {
        out->item = dx_list_id_read(in);
    }
}

/* An element of which nothing is known is none. */
static void read_element(dx_reader *in, dx_list_element *out) {
    *out = (dx_list_element){.origin = DX_LIST_ORIGIN_NONE};
    size_t items = dx_read_array(in);
    out->id = dx_list_id_read_parts(in);
    read_origin(in, out);
    out->deleted = dx_read_bool(in);
    out->has_set = items == 6;
    if (items != 5 && items != 6) {
        dx_reader_fail(in);
    }
    if (in->error == DX_OK && out->has_set) {
        if (dx_read_array(in) != 3) {
            dx_reader_fail(in);
        }
        out->set_at.counter = dx_read_uint(in);
        dx_read_bytes_exact(in, out->set_at.feed, sizeof out->set_at.feed);
        out->set_value = dx_list_value_read(in);
    }
    if (out->origin == DX_LIST_ORIGIN_NONE && !out->deleted && !out->has_set) {
        dx_reader_fail(in);
    }
}

int dx_list_run_read(const dx_alloc *alloc, dx_bytes saved, dx_list_run *out) {
    dx_reader in;
    *out = (dx_list_run){0};
    if (saved.size == 0) {
        return DX_OK;
    }
    dx_reader_init(&in, saved);
    size_t count = dx_read_array(&in);
    int error = DX_OK;
    for (size_t i = 0; i < count && in.error == DX_OK && error == DX_OK; i++) {
        dx_list_element item;
        read_element(&in, &item);
        bool ascends =
            i == 0 || (in.error == DX_OK && dx_list_id_compare(&out->items[i - 1].id, &item.id) < 0);
        if (!ascends || i == DX_LIST_ELEMENTS_MAX) {
            dx_reader_fail(&in);
        }
        error = in.error == DX_OK ? dx_list_run_append(alloc, out, &item) : DX_OK;
    }
    return error != DX_OK ? error : dx_reader_finish(&in) == DX_OK ? DX_OK : DX_E_CORRUPT;
}
