/* model/object_inverse.c: what takes back what one author's transaction did to an object. See object_inverse.h.
 *
 * Layer: floor 1, model. Values that the transaction set, or swept away by setting something, are put back as values,
 * path by path. What it edited inside values is put back element by element, so that what others edited beside it, seen
 * or not, stays. */
#include "model/object_inverse.h"

#include <string.h>

#include "model/object_difference.h"
#include "model/object_shown.h"

/* --- Sorted bytes -------------------------------------------------------------------------------- */

/* Byte strings to look among: registers of which only the path is used, for the sake of their sorting. */
typedef struct byte_list {
    dx_register *items;
    size_t count, capacity;
} byte_list;

static int add_bytes(const dx_alloc *alloc, byte_list *list, dx_bytes bytes) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? 16 : 2 * list->capacity;
        dx_register *items =
            dx_alloc_grow(alloc, list->items, list->capacity * sizeof *items, capacity * sizeof *items);
        if (items == NULL) {
            return DX_E_NO_MEMORY;
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] = (dx_register){.path = bytes};
    return DX_OK;
}

static void free_bytes(const dx_alloc *alloc, byte_list *list) {
    dx_alloc_free(alloc, list->items, list->capacity * sizeof *list->items);
    *list = (byte_list){.count = 0};
}

static int sort_bytes(const dx_alloc *alloc, byte_list *list, int (*compare)(dx_bytes, dx_bytes)) {
    if (list->count < 2) {
        return DX_OK;
    }
    size_t size = list->count * sizeof *list->items;
    dx_register *spare = dx_alloc_take(alloc, size);
    if (spare == NULL) {
        return DX_E_NO_MEMORY;
    }
    dx_register_sort(list->items, list->count, spare, compare);
    dx_alloc_free(alloc, spare, size);
    return DX_OK;
}

/* As texts: what stands under a path follows it at once, but for paths that go on with a byte below the dot. */
static int compare_texts(dx_bytes a, dx_bytes b) {
    size_t size = a.size < b.size ? a.size : b.size;
    int order = size == 0 ? 0 : memcmp(a.data, b.data, size);
    return order != 0 ? order : a.size < b.size ? -1 : a.size > b.size;
}

/* Whether one of the paths is this one, or stands under it. */
static bool has_at_or_under(const byte_list *paths, dx_bytes path) {
    size_t low = 0, high = paths->count;
    while (low < high) { /* the first that is not before path; then the first not before path and its dot */
        size_t middle = low + (high - low) / 2;
        if (compare_texts(paths->items[middle].path, path) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < paths->count && dx_bytes_equal(paths->items[low].path, path)) {
        return true;
    }
    for (high = paths->count; low < high;) {
        size_t middle = low + (high - low) / 2;
        dx_bytes at = paths->items[middle].path;
        int order = compare_texts(dx_bytes_of(at.data, at.size < path.size ? at.size : path.size), path);
        if (order < 0 || (order == 0 && (at.size == path.size || at.data[path.size] < '.'))) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == paths->count) {
        return false;
    }
    dx_bytes at = paths->items[low].path;
    return at.size > path.size && at.data[path.size] == '.' && memcmp(at.data, path.data, path.size) == 0;
}

/* --- Who wrote what ------------------------------------------------------------------------------ */

typedef struct inverting {
    const dx_object_inverse *asked;
    dx_object_content before, after, now;
    byte_list others; /* paths at which something of another author stands now */
    bool *kept;
} inverting;

static bool is_authors(const inverting *self, const dx_stamp *stamp) {
    dx_bytes authors = self->asked->authors;
    for (size_t at = 0; at < authors.size; at += sizeof stamp->feed) {
        if (memcmp(stamp->feed, authors.data + at, sizeof stamp->feed) == 0) {
            return true;
        }
    }
    return false;
}

static bool is_of_transaction(const inverting *self, const dx_stamp *stamp) {
    return memcmp(stamp->feed, self->asked->first.feed, sizeof stamp->feed) == 0 &&
           stamp->counter >= self->asked->first.counter && stamp->counter <= self->asked->last.counter;
}

static int list_others(inverting *self) {
    const dx_object_content *now = &self->now;
    int error = DX_OK;
    for (size_t i = 0; i < now->count && error == DX_OK; i++) {
        if (!is_authors(self, &now->stamps[now->registers[i].stamp])) {
            error = add_bytes(self->asked->alloc, &self->others, now->registers[i].path);
        }
    }
    for (size_t i = 0; i < now->element_count && error == DX_OK; i++) {
        if (!is_authors(self, &now->stamps[now->elements[i].stamp])) {
            error = add_bytes(self->asked->alloc, &self->others, now->elements[i].path);
        }
    }
    return error == DX_OK ? sort_bytes(self->asked->alloc, &self->others, compare_texts) : error;
}

/* The stamp of what was set or deleted last at a path or above it; NULL: nothing was. */
static const dx_stamp *governor_of(const dx_object_content *content, dx_bytes path) {
    const dx_register *above = dx_object_content_above(content, content->registers, content->count, path);
    return above == NULL ? NULL : &content->stamps[above->stamp];
}

/* Whether what the path held after the transaction is what the transaction set, here or above. */
static bool is_set_by_transaction(const inverting *self, dx_bytes path) {
    const dx_stamp *governor = governor_of(&self->after, path);
    return governor != NULL && is_of_transaction(self, governor);
}

/* Whether the author himself has set the path since, or something above it: by taking back what came after. */
static bool is_set_since(const inverting *self, dx_bytes path) {
    const dx_stamp *governor = governor_of(&self->now, path);
    return governor != NULL && is_authors(self, governor) && governor->counter > self->asked->last.counter;
}

/* --- Values -------------------------------------------------------------------------------------- */

enum { BEFORE, AFTER, NOW };

static bool is_map(dx_bytes item) {
    return item.size != 0 && dx_item_kind(item) == DX_KIND_MAP;
}

/* An array that an edit began where nothing stood is empty when the edit was taken back, and not gone. */
static bool is_as_left(dx_bytes after, dx_bytes now) {
    static const uint8_t empty[] = {0x80};
    return dx_bytes_equal(after, now) ||
           (after.size == 0 && dx_bytes_equal(now, dx_bytes_of(empty, sizeof empty)));
}

/* Whether all that stands at the path and under it now is the author's own, as it was after the transaction. */
static bool stands(const inverting *self, dx_bytes path, const dx_bytes *values) {
    const dx_stamp *governor = governor_of(&self->now, path);
#if defined(DX_PLANT) && DX_PLANT == 77
    return true;
#endif
    return is_as_left(values[AFTER], values[NOW]) && (governor == NULL || is_authors(self, governor)) &&
           !has_at_or_under(&self->others, path);
}

/* A map that nobody ever set as such is made of its members alone, and so it comes back. */
static bool is_put_back_by_members(const inverting *self, dx_bytes path, const dx_bytes *values) {
    const dx_register *was = dx_register_find(self->before.registers, self->before.count, path);
    return is_map(values[BEFORE]) && values[NOW].size == 0 && (was == NULL || was->payload.size == 0);
}

/* Whether the transaction itself put an end to the map that was there, though a map shows: by what it then wrote under
 * its path. */
static bool has_hidden(const inverting *self, dx_bytes path) {
    const dx_register *set = dx_register_find(self->after.registers, self->after.count, path);
    return set != NULL && is_of_transaction(self, &self->after.stamps[set->stamp]) &&
           !dx_bytes_equal(set->payload, dx_bytes_of(dx_register_map, sizeof dx_register_map));
}

static int invert_path(void *ctx, dx_bytes path, const dx_bytes *values) {
    inverting *self = ctx;
    bool was = is_map(values[BEFORE]), became = is_map(values[AFTER]), below = was || became;
    if (dx_bytes_equal(values[BEFORE], values[AFTER])) {
        return DX_OK;
    }
    if ((was && became && !has_hidden(self, path)) ||
        (!is_set_by_transaction(self, path) && !is_set_since(self, path))) {
        return below ? DX_GO_BELOW : DX_OK; /* what is no map is edited inside, or another's doing */
    }
    if (!stands(self, path, values)) {
        *self->kept =
            *self->kept || (!was && values[BEFORE].size != 0) || (!became && values[AFTER].size != 0);
        return below ? DX_GO_BELOW : DX_OK;
    }
    return is_put_back_by_members(self, path, values)
               ? DX_GO_BELOW
               : self->asked->set(self->asked->ctx, path, values[BEFORE]);
}

/* --- Edits inside values ------------------------------------------------------------------------- */

/* The elements of one path, and what is looked up about it, once it is asked for. */
typedef struct path_edits {
    inverting *self;
    dx_bytes path;
    dx_object_base base;     /* now */
    byte_list shown_before;  /* items of the array that stood there before */
    byte_list others_values; /* of items that others made or changed and that stand there now */
    bool listed;
    dx_reader items; /* of the base, from `item` on */
    size_t item, item_count;
    dx_buf payload;
} path_edits;

static const dx_element *find_element(const dx_object_content *content, const dx_element *like,
                                      const uint8_t *author) {
    size_t low = 0, high = content->element_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const dx_element *at = &content->elements[middle];
        int order = dx_register_compare_paths(at->path, like->path);
        if (order == 0 && at->kind != like->kind) {
            order = at->kind < like->kind ? -1 : 1;
        }
        order = order == 0 ? dx_element_compare_keys(at->key, like->key) : order;
        if (order == 0 && dx_element_is_authored(like)) {
            order = memcmp(content->stamps[at->stamp].feed, author, DX_FEED_PREFIX_SIZE);
        }
        if (order == 0) {
            return at;
        }
        low = order < 0 ? middle + 1 : low;
        high = order < 0 ? high : middle;
    }
    return NULL;
}

/* The value of an element about an item: behind its place, or alone; size 0: it has none. */
static dx_bytes value_of(dx_bytes payload) {
    dx_reader reader;
    dx_bytes value = {0};
    dx_reader_init(&reader, payload);
    size_t fields = payload.size != 0 && dx_item_kind(payload) == DX_KIND_ARRAY ? dx_read_array(&reader) : 0;
    for (size_t i = 0; i < fields; i++) {
        value = dx_read_item(&reader);
    }
    return fields == 1 || fields == 3 ? value : (dx_bytes){0};
}

static int list_values(path_edits *edits) {
    inverting *self = edits->self;
    const dx_alloc *alloc = self->asked->alloc;
    dx_bytes array = dx_view_at(self->asked->before.view, edits->path);
    dx_reader reader;
    int error = DX_OK;
    edits->listed = true;
    dx_reader_init(&reader, array);
    size_t count = array.size != 0 && dx_item_kind(array) == DX_KIND_ARRAY ? dx_read_array(&reader) : 0;
    for (; count > 0 && error == DX_OK; count--) {
        error = add_bytes(alloc, &edits->shown_before, dx_read_item(&reader));
    }
    for (size_t i = 0; i < self->now.element_count && error == DX_OK; i++) {
        const dx_element *element = &self->now.elements[i];
        dx_bytes value = element->kind == DX_ELEMENT_ITEM ? value_of(element->payload) : (dx_bytes){0};
        if (value.size != 0 && dx_bytes_equal(element->path, edits->path) &&
            !is_authors(self, &self->now.stamps[element->stamp])) {
            error = add_bytes(alloc, &edits->others_values, value);
        }
    }
    error = error == DX_OK ? sort_bytes(alloc, &edits->shown_before, dx_register_compare_paths) : error;
    return error == DX_OK ? sort_bytes(alloc, &edits->others_values, dx_register_compare_paths) : error;
}

static bool is_listed(const byte_list *list, dx_bytes value) {
    return list->count != 0 && dx_register_find(list->items, list->count, value) != NULL;
}

/* Of an edit by the transaction: what it shall be. DX_E_NOT_FOUND: it changed nothing that shows, and stays. */
typedef struct edit_change {
    const dx_element *before, *after, *now; /* before: NULL, it was not there */
    dx_bytes is, shall;
} edit_change;

static bool subtract(int64_t a, int64_t b, int64_t *out) {
    if (b < 0 ? a > INT64_MAX + b : a < INT64_MIN + b) {
        return false;
    }
    *out = a - b;
    return true;
}

/* What the transaction added goes, what the author added before it and since stays. Whoever writes with another feed now
 * takes it from the share he has there. */
static int choose_count(path_edits *edits, edit_change *change) {
    const dx_object_inverse *asked = edits->self->asked;
    const dx_element *share = find_element(&edits->self->now, change->after, asked->writer);
    bool had_share = memcmp(asked->writer, asked->first.feed, DX_FEED_PREFIX_SIZE) == 0 &&
                     change->before != NULL && change->before->payload.size != 0;
    change->is = share == NULL ? (dx_bytes){0} : share->payload;
    int64_t was = change->before == NULL ? 0 : dx_item_int(change->before->payload, 0);
    int64_t added, total;
    dx_writer writer;
    if (!dx_bytes_equal(change->now->key, dx_bytes_of(edits->base.id, edits->base.id_size)) ||
        !subtract(dx_item_int(change->after->payload, 0), was, &added) ||
        !subtract(dx_item_int(change->is, 0), added, &total)) {
        return DX_E_CONFLICT;
    }
    if (total == 0 && !had_share) {
        return DX_OK; /* who added nothing has no share: where nothing else stands, nothing shows */
    }
    dx_buf_clear(&edits->payload);
    dx_writer_init(&writer, &edits->payload);
    dx_write_int(&writer, total);
    int error = dx_writer_finish(&writer);
    change->shall = dx_buf_view(&edits->payload);
    return error;
}

static int choose_member(path_edits *edits, edit_change *change) {
    static const uint8_t put_in[] = {0xf5};
    bool is_in = change->after->payload.size != 0;
    int error = edits->listed ? DX_OK : list_values(edits);
    if (error != DX_OK) {
        return error;
    }
    if (is_in == is_listed(&edits->shown_before, change->after->key)) {
        return DX_E_NOT_FOUND; /* it showed before as it did afterwards */
    }
    if (is_in && is_listed(&edits->others_values, change->after->key)) {
        return DX_E_CONFLICT; /* to take it out would take out what another has put there as an item */
    }
    change->shall = dx_bytes_of(put_in, is_in ? 0 : sizeof put_in);
    return DX_OK;
}

/* The item of the base with this index; asked for in ascending order. Size 0: it has none. */
static dx_bytes base_item(path_edits *edits, size_t index) {
    if (edits->item_count == SIZE_MAX) {
        bool is_array = edits->base.value.size != 0 && dx_item_kind(edits->base.value) == DX_KIND_ARRAY;
        dx_reader_init(&edits->items, edits->base.value);
        edits->item_count = is_array ? dx_read_array(&edits->items) : 0;
    }
    dx_bytes item = {0};
    while (edits->item <= index && edits->item < edits->item_count) {
        item = dx_read_item(&edits->items);
        edits->item++;
    }
    return edits->item == index + 1 ? item : (dx_bytes){0};
}

/* An item that was never edited before: of the base, as it stands there; made by the transaction: its place alone. */
static int write_first(path_edits *edits, const edit_change *change, dx_writer *writer) {
    dx_bytes id = change->after->key;
    dx_reader reader;
    dx_reader_init(&reader, change->after->payload);
    size_t fields = dx_read_array(&reader);
    if (fields >= 2) {
        dx_write_array(writer, 2);
        dx_write_item(writer, dx_read_item(&reader));
        dx_write_item(writer, dx_read_item(&reader));
        return DX_OK;
    }
    bool of_base = id.size == DX_BASE_ITEM_SIZE && edits->base.id_size == DX_BASE_SIZE &&
                   memcmp(id.data, edits->base.id, DX_BASE_SIZE) == 0;
    dx_bytes item = {0};
    if (of_base) {
        const uint8_t *at = id.data + DX_BASE_SIZE;
        item = base_item(edits, (size_t)at[0] << 24 | (size_t)at[1] << 16 | (size_t)at[2] << 8 | at[3]);
    }
    if (item.size == 0) {
        return DX_E_CONFLICT;
    }
    dx_write_array(writer, 1);
    dx_write_item(writer, item);
    return DX_OK;
}

static int choose_item(path_edits *edits, edit_change *change) {
    dx_writer writer;
    if (change->before != NULL) {
        change->shall = change->before->payload;
        return DX_OK;
    }
    if (value_of(change->after->payload).size == 0 && change->after->key.size != DX_BASE_ITEM_SIZE) {
        return DX_E_NOT_FOUND; /* a place alone, for something that was moved there */
    }
    dx_buf_clear(&edits->payload);
    dx_writer_init(&writer, &edits->payload);
    int error = write_first(edits, change, &writer);
    error = error == DX_OK ? dx_writer_finish(&writer) : error;
    change->shall = dx_buf_view(&edits->payload);
    return error;
}

static int choose(path_edits *edits, edit_change *change) {
    switch (change->after->kind) {
    case DX_ELEMENT_COUNT:
        return choose_count(edits, change);
    case DX_ELEMENT_MEMBER:
        return choose_member(edits, change);
    case DX_ELEMENT_ITEM:
        return choose_item(edits, change);
    case DX_ELEMENT_MOVE:
        change->shall = change->before == NULL ? (dx_bytes){0} : change->before->payload;
        return DX_OK;
    default: /* a newer program's, which knows what its way back is */
        return DX_E_CONFLICT;
    }
}

static int invert_element(path_edits *edits, const dx_element *element) {
    inverting *self = edits->self;
    const dx_object_inverse *asked = self->asked;
    edit_change change = {.after = element,
                          .before = find_element(&self->before, element, asked->first.feed),
                          .now = find_element(&self->now, element, asked->first.feed)};
    change.is = change.now == NULL ? (dx_bytes){0} : change.now->payload;
    int error = change.now == NULL ? DX_E_CONFLICT : choose(edits, &change);
    if (error == DX_OK && dx_bytes_equal(change.is, change.shall)) {
        return DX_OK;
    }
    bool stands =
        change.now != NULL && is_authors(self, &self->now.stamps[change.now->stamp]) &&
        (dx_bytes_equal(change.now->payload, element->payload) || element->kind == DX_ELEMENT_COUNT);
    if (error == DX_E_CONFLICT || (error == DX_OK && !stands)) {
        *self->kept = true;
        return DX_OK;
    }
    return error == DX_OK ? asked->edit(asked->ctx, edits->path, element->kind, element->key, change.shall)
           : error == DX_E_NOT_FOUND ? DX_OK
                                     : error;
}

/* What the transaction edited at one path, unless it set the path too: then values say it all. */
static int invert_edits(inverting *self, const dx_element *elements, size_t count) {
    const dx_alloc *alloc = self->asked->alloc;
    path_edits edits = {.self = self, .path = elements[0].path, .item_count = SIZE_MAX};
    int error = DX_OK;
    if (is_set_by_transaction(self, edits.path) || is_set_since(self, edits.path)) {
        return DX_OK;
    }
    edits.base = dx_object_base_of(&self->now, edits.path);
    dx_buf_init(&edits.payload, alloc, DX_OBJECT_OPERATION_SIZE_MAX);
    for (size_t i = 0; i < count && error == DX_OK; i++) {
        if (is_of_transaction(self, &self->after.stamps[elements[i].stamp])) {
            error = invert_element(&edits, &elements[i]);
        }
    }
    free_bytes(alloc, &edits.shown_before);
    free_bytes(alloc, &edits.others_values);
    dx_buf_deinit(&edits.payload);
    return error;
}

static int invert_all_edits(inverting *self) {
    int error = DX_OK;
    for (size_t i = 0, run; i < self->after.element_count && error == DX_OK; i += run) {
        run = dx_element_run(&self->after.elements[i], self->after.element_count - i);
        error = invert_edits(self, &self->after.elements[i], run);
    }
    return error;
}

/* --- All ----------------------------------------------------------------------------------------- */

static int read_content(const dx_object_inverse *asked, dx_bytes saved, dx_object_content *out) {
    static const uint8_t empty[] = {0x82, 0x80, 0xa0};
    return dx_object_content_read(out, asked->alloc, &asked->created,
                                  saved.size == 0 ? dx_bytes_of(empty, sizeof empty) : saved);
}

static int invert(inverting *self) {
    const dx_object_inverse *asked = self->asked;
    const dx_bytes views[] = {asked->before.view, asked->after.view, asked->now.view};
    int error = list_others(self);
    error = error == DX_OK ? dx_views_walk(asked->alloc, views, 3, invert_path, self) : error;
    error = error == DX_OK ? invert_all_edits(self) : error;
    free_bytes(asked->alloc, &self->others);
    return error;
}

int dx_object_invert(const dx_object_inverse *inverse, bool *kept) {
    const dx_object_sight *sights[] = {&inverse->before, &inverse->after, &inverse->now};
    inverting self = {.asked = inverse, .kept = kept};
    dx_object_content *contents[] = {&self.before, &self.after, &self.now};
    size_t read = 0;
    int error = DX_OK;
    while (read < 3 && error == DX_OK) {
        error = read_content(inverse, sights[read]->saved, contents[read]);
        read += error == DX_OK;
    }
    error = error == DX_OK ? invert(&self) : error;
    while (read > 0) {
        dx_object_content_deinit(contents[--read], inverse->alloc);
    }
    return error;
}
