/* echo/part.c: one block of a transaction while it is being collected.
 *
 * Layer: floor 1, echo. Contract in part.h. */
#include "echo/part.h"

#include <string.h>

enum {
    /* What a section adds to its content: places (three of them with a feed prefix), heads, nonce and tag. */
    SECTION_FRAME_SIZE = 128 + DX_SECTION_OVERHEAD,
    SET_FRAME_SIZE = 16,
    LIST_CAPACITY_MIN = 16,
    EDIT_FRAME_SIZE = 32,
    SETS_CAPACITY_MIN = 4
};

/* --- Life ------------------------------------------------------------------------------------ */

void dx_part_init(dx_part *part, const dx_alloc *alloc, size_t memory_max) {
    memset(part, 0, sizeof *part);
    part->alloc = alloc;
    dx_arena_init(&part->arena, alloc, memory_max);
}

static void free_list(const dx_part *part, dx_part_list *list) {
    dx_alloc_free(part->alloc, list->items, list->capacity * sizeof *list->items);
}

void dx_part_deinit(dx_part *part) {
    free_list(part, &part->created);
    free_list(part, &part->changed);
    dx_arena_deinit(&part->arena);
    memset(part, 0, sizeof *part);
}

void dx_part_clear(dx_part *part) {
    part->created.count = part->changed.count = 0;
    part->size = 0;
    dx_arena_reset(&part->arena);
}

size_t dx_part_section_size(size_t content_size) {
    return SECTION_FRAME_SIZE + content_size;
}

/* --- Collecting ------------------------------------------------------------------------------ */

/* A zeroed item at the end of the list; NULL: no memory. */
static dx_part_entity *add_entity(dx_part *part, dx_part_list *list) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity == 0 ? LIST_CAPACITY_MIN : 2 * list->capacity;
        dx_part_entity *items =
            dx_alloc_grow(part->alloc, list->items, list->capacity * sizeof *items, capacity * sizeof *items);
        if (items == NULL) {
            return NULL;
        }
        list->items = items;
        list->capacity = capacity;
    }
    dx_part_entity *entity = &list->items[list->count++];
    memset(entity, 0, sizeof *entity);
    return entity;
}

static bool copy_bytes(dx_part *part, dx_bytes *bytes) {
    if (bytes->size == 0) {
        return true;
    }
    *bytes = dx_arena_copy(&part->arena, *bytes); /* without memory it is empty, so its size does not tell */
    return bytes->data != NULL;
}

int dx_part_create(dx_part *part, const dx_section *section) {
    dx_section copy = *section;
    if (!copy_bytes(part, &copy.type) || !copy_bytes(part, &copy.model) ||
        !copy_bytes(part, &copy.operation)) {
        return DX_E_NO_MEMORY;
    }
    dx_part_entity *entity = add_entity(part, &part->created);
    if (entity == NULL) {
        return DX_E_NO_MEMORY;
    }
    entity->section = copy;
    part->size += dx_part_section_size(copy.type.size + copy.model.size + copy.operation.size);
    return DX_OK;
}

int dx_part_change(dx_part *part, const dx_place *subject, size_t *at) {
    dx_part_entity *entity = add_entity(part, &part->changed);
    if (entity == NULL) {
        return DX_E_NO_MEMORY;
    }
    entity->section.subject = *subject;
    part->size += dx_part_section_size(0);
    *at = part->changed.count - 1;
    return DX_OK;
}

/* Whether path is above other: a proper prefix that ends before one of its dots. */
static bool is_above(dx_bytes path, dx_bytes other) {
    return path.size < other.size && memcmp(path.data, other.data, path.size) == 0 &&
           other.data[path.size] == '.';
}

/* Room for one more set; false: no memory. The outgrown array stays in the arena until the part is cleared.
 */
static bool reserve_set(dx_part *part, dx_part_entity *entity) {
    if (entity->set_count < entity->set_capacity) {
        return true;
    }
    size_t capacity = entity->set_capacity == 0 ? SETS_CAPACITY_MIN : 2 * entity->set_capacity;
    dx_part_set *sets = dx_arena_take(&part->arena, capacity * sizeof *sets);
    if (sets == NULL) {
        return false;
    }
    if (entity->set_count != 0) {
        memcpy(sets, entity->sets, entity->set_count * sizeof *sets);
    }
    entity->sets = sets;
    entity->set_capacity = capacity;
    return true;
}

/* Forgets sets and edits at and below the path. */
static void drop_overwritten(dx_part_entity *entity, dx_bytes path) {
    size_t kept = 0;
    for (size_t i = 0; i < entity->edit_count; i++) {
        if (!dx_bytes_equal(path, entity->edits[i].path) && !is_above(path, entity->edits[i].path)) {
            entity->edits[kept++] = entity->edits[i];
        }
    }
    entity->edit_count = kept;
    kept = 0;
    for (size_t i = 0; i < entity->set_count; i++) {
        if (!dx_bytes_equal(path, entity->sets[i].path) && !is_above(path, entity->sets[i].path)) {
            entity->sets[kept++] = entity->sets[i];
        }
    }
    entity->set_count = kept;
}

int dx_part_set_path(dx_part *part, dx_part_entity *entity, dx_bytes path, dx_bytes value) {
    if (entity->section.operates || entity->set_count == DX_PART_SETS_MAX) {
        return DX_E_CONFLICT;
    }
    for (size_t i = 0; i < entity->set_count; i++) {
        if (is_above(entity->sets[i].path, path)) {
            return DX_E_CONFLICT;
        }
    }
    for (size_t i = 0; i < entity->edit_count; i++) {
        if (is_above(entity->edits[i].path, path)) {
            return DX_E_CONFLICT;
        }
    }
    if (!copy_bytes(part, &path) || !copy_bytes(part, &value) || !reserve_set(part, entity)) {
        return DX_E_NO_MEMORY;
    }
    drop_overwritten(entity, path);
    entity->sets[entity->set_count++] = (dx_part_set){.path = path, .value = value};
    part->size += path.size + value.size + SET_FRAME_SIZE;
    return DX_OK;
}

int dx_part_operate(dx_part *part, dx_part_entity *entity, dx_bytes operation) {
    DX_ASSERT(!entity->section.operates && entity->set_count + entity->edit_count == 0);
    if (!copy_bytes(part, &operation)) {
        return DX_E_NO_MEMORY;
    }
    entity->section.operates = true;
    entity->section.operation = operation;
    part->size += operation.size;
    return DX_OK;
}

/* As reserve_set. */
static bool reserve_edit(dx_part *part, dx_part_entity *entity) {
    if (entity->edit_count < entity->edit_capacity) {
        return true;
    }
    size_t capacity = entity->edit_capacity == 0 ? SETS_CAPACITY_MIN : 2 * entity->edit_capacity;
    dx_part_edit *edits = dx_arena_take(&part->arena, capacity * sizeof *edits);
    if (edits == NULL) {
        return false;
    }
    if (entity->edit_count != 0) {
        memcpy(edits, entity->edits, entity->edit_count * sizeof *edits);
    }
    entity->edits = edits;
    entity->edit_capacity = capacity;
    return true;
}

static bool is_at_or_above(dx_bytes path, dx_bytes other) {
    return dx_bytes_equal(path, other) || is_above(path, other);
}

/* Whether one operation can say this beside what it says already. */
static bool edit_fits(const dx_part_entity *entity, dx_bytes path) {
    if (entity->edit_count != 0 && dx_bytes_equal(entity->edits[entity->edit_count - 1].path, path)) {
        return true; /* so it was when that one came, and sets that came since keep away from it */
    }
    for (size_t i = 0; i < entity->set_count; i++) {
        if (is_at_or_above(entity->sets[i].path, path) || is_above(path, entity->sets[i].path)) {
            return false;
        }
    }
    for (size_t i = 0; i < entity->edit_count; i++) {
        if (is_above(entity->edits[i].path, path) || is_above(path, entity->edits[i].path)) {
            return false;
        }
    }
    return true;
}

int dx_part_edit_path(dx_part *part, dx_part_entity *entity, const dx_part_edit *edit, bool fresh) {
    dx_part_edit copy = *edit;
    if (entity->section.operates || !edit_fits(entity, copy.path)) {
        return DX_E_CONFLICT;
    }
    if (!copy_bytes(part, &copy.payload)) {
        return DX_E_NO_MEMORY;
    }
    for (size_t i = 0; !fresh && i < entity->edit_count; i++) {
        dx_part_edit *before = &entity->edits[i];
        if (before->kind == copy.kind && dx_bytes_equal(before->key, copy.key) &&
            dx_bytes_equal(before->path, copy.path)) {
            before->payload = copy.payload;
            part->size += copy.payload.size;
            return DX_OK;
        }
    }
    if (entity->edit_count == DX_PART_EDITS_MAX) {
        return DX_E_CONFLICT;
    }
    const dx_part_edit *last = entity->edit_count == 0 ? NULL : &entity->edits[entity->edit_count - 1];
    bool same_path = last != NULL && dx_bytes_equal(last->path, copy.path);
    if (same_path) {
        copy.path = last->path;
    }
    if ((!same_path && !copy_bytes(part, &copy.path)) || !copy_bytes(part, &copy.key) ||
        !reserve_edit(part, entity)) {
        return DX_E_NO_MEMORY;
    }
    entity->edits[entity->edit_count++] = copy;
    part->size += copy.key.size + copy.payload.size + EDIT_FRAME_SIZE + (same_path ? 0 : copy.path.size);
    return DX_OK;
}

/* --- Writing --------------------------------------------------------------------------------- */

/* The canonical order of map keys: shorter first. Insertion sort: there are few, and mostly in order. */
static void sort_sets(dx_part_set *sets, size_t count) {
    for (size_t i = 1; i < count; i++) {
        dx_part_set set = sets[i];
        size_t at = i;
        for (; at > 0; at--) {
            dx_bytes before = sets[at - 1].path;
            if (before.size < set.path.size ||
                (before.size == set.path.size && memcmp(before.data, set.path.data, before.size) < 0)) {
                break;
            }
            sets[at] = sets[at - 1];
        }
        sets[at] = set;
    }
}

static int compare_texts(dx_bytes a, dx_bytes b) {
    return a.size != b.size ? (a.size < b.size ? -1 : 1) : memcmp(a.data, b.data, a.size);
}

static int compare_edits(const dx_part_edit *a, const dx_part_edit *b) {
    int order = a->path.data == b->path.data ? 0 : compare_texts(a->path, b->path);
    if (order == 0 && a->kind != b->kind) {
        order = a->kind < b->kind ? -1 : 1;
    }
    return order != 0 ? order : compare_texts(a->key, b->key);
}

/* By path, kind and key, as an operation has them. Likewise mostly in order. */
static void sort_edits(dx_part_edit *edits, size_t count) {
    for (size_t i = 1; i < count; i++) {
        dx_part_edit edit = edits[i];
        size_t at = i;
        for (; at > 0 && compare_edits(&edits[at - 1], &edit) > 0; at--) {
            edits[at] = edits[at - 1];
        }
        edits[at] = edit;
    }
}

/* How many edits from the first one on share its path (and kind). */
static size_t edits_alike(const dx_part_edit *edits, size_t count, bool of_kind) {
    size_t end = 1;
    while (end < count && dx_bytes_equal(edits[end].path, edits[0].path) &&
           (!of_kind || edits[end].kind == edits[0].kind)) {
        end++;
    }
    return end;
}

static size_t count_alike(const dx_part_edit *edits, size_t count, bool of_kind) {
    size_t runs = 0;
    for (size_t i = 0; i < count; i += edits_alike(edits + i, count - i, of_kind)) {
        runs++;
    }
    return runs;
}

static void write_kind(dx_writer *writer, const dx_part_edit *edits, size_t count) {
    dx_write_uint(writer, edits[0].kind);
    dx_write_array(writer, count);
    for (size_t i = 0; i < count; i++) {
        dx_write_array(writer, edits[i].payload.size == 0 ? 1 : 2);
        dx_write_bytes(writer, edits[i].key);
        if (edits[i].payload.size != 0) {
            dx_write_item(writer, edits[i].payload);
        }
    }
}

static void write_edits(dx_writer *writer, const dx_part_edit *edits, size_t count) {
    dx_write_map(writer, count_alike(edits, count, false));
    for (size_t i = 0, run; i < count; i += run) {
        run = edits_alike(edits + i, count - i, false);
        dx_write_text_bytes(writer, edits[i].path);
        dx_write_map(writer, count_alike(edits + i, run, true));
        for (size_t k = 0, end; k < run; k += end) {
            end = edits_alike(edits + i + k, run - k, true);
            write_kind(writer, edits + i + k, end);
        }
    }
}

int dx_part_write_operation(dx_part_set *sets, size_t count, dx_part_edit *edits, size_t edit_count,
                            dx_buf *out) {
    dx_writer writer;
    size_t values = 0;
    sort_sets(sets, count);
    sort_edits(edits, edit_count);
    for (size_t i = 0; i < count; i++) {
        values += sets[i].value.size != 0;
    }
    dx_writer_init(&writer, out);
    dx_write_array(&writer, edit_count == 0 ? 2 : 3);
    dx_write_map(&writer, values);
    for (size_t i = 0; i < count; i++) {
        if (sets[i].value.size != 0) {
            dx_write_text_bytes(&writer, sets[i].path);
            dx_write_item(&writer, sets[i].value);
        }
    }
    dx_write_array(&writer, count - values);
    for (size_t i = 0; i < count; i++) {
        if (sets[i].value.size == 0) {
            dx_write_text_bytes(&writer, sets[i].path);
        }
    }
    if (edit_count != 0) {
        write_edits(&writer, edits, edit_count);
    }
    return dx_writer_finish(&writer);
}

static int write_section(dx_part_entity *entity, dx_buf *scratch, dx_buf *out) {
    dx_section section = entity->section;
    if (entity->set_count + entity->edit_count != 0) {
        dx_buf_clear(scratch);
        int error = dx_part_write_operation(entity->sets, entity->set_count, entity->edits,
                                            entity->edit_count, scratch);
        if (error != DX_OK) {
            return error;
        }
        section.operates = true;
        section.operation = dx_buf_view(scratch);
    }
    size_t start = out->size;
    if (dx_buf_extend(out, sizeof(uint32_t)) == NULL) {
        return dx_buf_error(out);
    }
    int error = dx_section_encode(&section, out);
    if (error == DX_OK) {
        uint32_t size = (uint32_t)(out->size - start - sizeof size);
        memcpy(out->data + start, &size, sizeof size);
    }
    return error;
}

/* A change that came to nothing, such as a deletion taken back. */
static bool is_empty(const dx_part_entity *entity) {
    return entity->set_count + entity->edit_count == 0 && entity->section.life == DX_LIFE_KEEP &&
           !entity->section.moves && !entity->section.operates;
}

/* Restores the heap below `at` in order[0, count): the greatest subject on top. */
static void sift_down(dx_part_entity **order, size_t at, size_t count) {
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= count) {
            return;
        }
        if (child + 1 < count &&
            dx_place_compare(&order[child]->section.subject, &order[child + 1]->section.subject) < 0) {
            child++;
        }
        if (dx_place_compare(&order[at]->section.subject, &order[child]->section.subject) >= 0) {
            return;
        }
        dx_part_entity *held = order[at];
        order[at] = order[child];
        order[child] = held;
        at = child;
    }
}

/* Heapsort: subjects differ, so its instability does not show. NULL: no memory. */
static dx_part_entity **sort_changed(dx_part *part) {
    size_t count = part->changed.count;
    dx_part_entity **order = dx_arena_take(&part->arena, count * sizeof *order);
    if (order == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        order[i] = &part->changed.items[i];
    }
    for (size_t i = count / 2; i > 0; i--) {
        sift_down(order, i - 1, count);
    }
    for (size_t i = count; i > 1; i--) {
        dx_part_entity *held = order[0];
        order[0] = order[i - 1];
        order[i - 1] = held;
        sift_down(order, 0, i - 1);
    }
    return order;
}

int dx_part_write(dx_part *part, dx_buf *scratch, dx_buf *out, size_t *count) {
    *count = 0;
    for (size_t i = 0; i < part->created.count; i++) {
        int error = write_section(&part->created.items[i], scratch, out);
        if (error != DX_OK) {
            return error;
        }
        ++*count;
    }
    dx_part_entity **order = sort_changed(part);
    if (order == NULL) {
        return DX_E_NO_MEMORY;
    }
    for (size_t i = 0; i < part->changed.count; i++) {
        int error = is_empty(order[i]) ? DX_OK : write_section(order[i], scratch, out);
        if (error != DX_OK) {
            return error;
        }
        *count += !is_empty(order[i]);
    }
    return DX_OK;
}
