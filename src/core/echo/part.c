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

/* Forgets sets at and below the path. */
static void drop_overwritten(dx_part_entity *entity, dx_bytes path) {
    size_t kept = 0;
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
    if (!copy_bytes(part, &path) || !copy_bytes(part, &value) || !reserve_set(part, entity)) {
        return DX_E_NO_MEMORY;
    }
    drop_overwritten(entity, path);
    entity->sets[entity->set_count++] = (dx_part_set){.path = path, .value = value};
    part->size += path.size + value.size + SET_FRAME_SIZE;
    return DX_OK;
}

int dx_part_operate(dx_part *part, dx_part_entity *entity, dx_bytes operation) {
    DX_ASSERT(!entity->section.operates && entity->set_count == 0);
    if (!copy_bytes(part, &operation)) {
        return DX_E_NO_MEMORY;
    }
    entity->section.operates = true;
    entity->section.operation = operation;
    part->size += operation.size;
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

int dx_part_write_operation(dx_part_set *sets, size_t count, dx_buf *out) {
    dx_writer writer;
    size_t values = 0;
    sort_sets(sets, count);
    for (size_t i = 0; i < count; i++) {
        values += sets[i].value.size != 0;
    }
    dx_writer_init(&writer, out);
    dx_write_array(&writer, 2);
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
    return dx_writer_finish(&writer);
}

static int write_section(dx_part_entity *entity, dx_buf *scratch, dx_buf *out) {
    dx_section section = entity->section;
    if (entity->set_count != 0) {
        dx_buf_clear(scratch);
        int error = dx_part_write_operation(entity->sets, entity->set_count, scratch);
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
    return entity->set_count == 0 && entity->section.life == DX_LIFE_KEEP && !entity->section.moves &&
           !entity->section.operates;
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
