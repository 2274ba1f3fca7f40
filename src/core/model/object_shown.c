/* model/object_shown.c: from registers and elements to what stands at each path.
 *
 * Layer: floor 1, model. Contract in model/object_shown.h. */
#include "model/object_shown.h"

#include <string.h>

dx_object_base dx_object_base_of(const dx_object_content *content, dx_bytes path) {
    dx_object_base base = {.id_size = 0};
    const dx_register *above = dx_object_content_above(content, content->registers, content->count, path);
    if (above != NULL) {
        const dx_stamp *stamp = &content->stamps[above->stamp];
        for (int i = 0; i < 8; i++) {
            base.id[i] = (uint8_t)(stamp->counter >> (56 - 8 * i));
        }
        memcpy(base.id + 8, stamp->feed, DX_BASE_SIZE - 8);
        base.id_size = DX_BASE_SIZE;
        const dx_register *here = dx_register_find(content->registers, content->count, path);
        base.value = here == NULL ? dx_bytes_of(NULL, 0) : here->payload;
    }
    return base;
}

/* --- Counts ------------------------------------------------------------------------------------- */

void dx_object_sum_add(dx_object_sum *sum, int64_t value) {
    uint64_t bits = (uint64_t)value;
    sum->low += (int64_t)(bits & UINT32_MAX);
    sum->high += (int64_t)(bits >> 32) - (value < 0 ? INT64_C(1) << 32 : 0);
}

int64_t dx_object_sum_read(const dx_object_sum *sum) {
    int64_t high = sum->high + sum->low / (INT64_C(1) << 32), low = sum->low % (INT64_C(1) << 32);
    if (high > INT32_MAX) {
        return INT64_MAX;
    }
    if (high < INT32_MIN) {
        return INT64_MIN;
    }
    return high * (INT64_C(1) << 32) + low;
}

/* Adds what was counted upon the base. Whether anything was. */
static bool add_counts(const dx_object_base *base, const dx_element *elements, size_t count,
                       dx_object_sum *sum) {
    bool any = false;
    for (size_t i = 0; i < count && elements[i].kind <= DX_ELEMENT_COUNT; i++) {
        bool counts = elements[i].kind == DX_ELEMENT_COUNT &&
                      dx_bytes_equal(elements[i].key, dx_bytes_of(base->id, base->id_size)) &&
                      dx_item_kind(elements[i].payload) == DX_KIND_INT;
        if (counts) {
            dx_object_sum_add(sum, dx_item_int(elements[i].payload, 0));
            any = true;
        }
    }
    return any;
}

/* --- Members ------------------------------------------------------------------------------------ */

typedef struct member_set {
    const dx_element *elements;
    size_t count;
    size_t levels; /* of arrays and maps that a member may nest */
} member_set;

/* Whether the element is in the set, which its key must allow: one canonical item. */
static bool is_member(const member_set *set, size_t at) {
    const dx_element *element = &set->elements[at];
    return dx_item_bool(element->payload, false) && dx_item_check(element->key) == DX_OK &&
           dx_register_check_shape(element->key, set->levels);
}

/* The element about this value; set->count: none. */
static size_t find_member(const member_set *set, dx_bytes value) {
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = dx_element_compare_keys(set->elements[middle].key, value);
        if (order == 0) {
            return middle;
        }
        if (order < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return set->count;
}

/* The list without what was taken out of the set, then what was put in and is not there yet. */
static int write_array(const dx_alloc *alloc, const dx_object_list *list, const member_set *set,
                       dx_writer *out) {
    bool *present = dx_alloc_take_zeroed(alloc, set->count + 1);
    if (present == NULL) {
        return DX_E_NO_MEMORY;
    }
    size_t shown = 0;
    for (uint32_t i = 0; i < list->item_count; i++) {
        size_t at = find_member(set, list->nodes[list->items[i]].value);
        present[at] = true;
        shown += at == set->count || set->elements[at].payload.size != 0;
    }
    for (size_t i = 0; i < set->count; i++) {
        shown += !present[i] && is_member(set, i);
    }
    dx_write_array(out, shown);
    for (uint32_t i = 0; i < list->item_count; i++) {
        dx_bytes value = list->nodes[list->items[i]].value;
        size_t at = find_member(set, value);
        if (at == set->count || set->elements[at].payload.size != 0) {
            dx_write_item(out, value);
        }
    }
    for (size_t i = 0; i < set->count; i++) {
        if (!present[i] && is_member(set, i)) {
            dx_write_item(out, set->elements[i].key);
        }
    }
    dx_alloc_free(alloc, present, set->count + 1);
    return out->error;
}

/* --- One path ------------------------------------------------------------------------------------ */

static bool has_items_or_members(const dx_element *elements, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (elements[i].kind == DX_ELEMENT_ITEM || elements[i].kind == DX_ELEMENT_MEMBER) {
            return true;
        }
    }
    return false;
}

static int write_edited_array(const dx_alloc *alloc, const dx_object_base *base, const dx_element *elements,
                              size_t count, size_t parts, dx_writer *out) {
    member_set set = {.elements = elements, .levels = DX_OBJECT_DEPTH_MAX - parts - 1};
    dx_object_list list;
    while (count > 0 && set.elements->kind < DX_ELEMENT_MEMBER) {
        set.elements++;
        count--;
    }
    while (set.count < count && set.elements[set.count].kind == DX_ELEMENT_MEMBER) {
        set.count++;
    }
    int error = dx_object_list_read(&list, alloc, base, set.elements + set.count, count - set.count);
    if (error == DX_OK) {
        error = write_array(alloc, &list, &set, out);
        dx_object_list_deinit(&list, alloc);
    }
    return error;
}

/* Writes what the elements of one path make of its value; nothing when they do not show. */
static int write_shown(const dx_object_content *content, const dx_alloc *alloc, const dx_element *elements,
                       size_t count, dx_writer *out) {
    dx_bytes path = elements[0].path;
    size_t parts = dx_object_path_check(path);
    dx_object_base base = dx_object_base_of(content, path);
    dx_kind kind = base.value.size == 0 ? DX_KIND_NONE : dx_item_kind(base.value);
    dx_object_sum sum = {0, 0};
    if ((kind == DX_KIND_ARRAY || kind == DX_KIND_NONE) && parts < DX_OBJECT_DEPTH_MAX &&
        has_items_or_members(elements, count)) {
        return write_edited_array(alloc, &base, elements, count, parts, out);
    }
    if ((kind == DX_KIND_INT || kind == DX_KIND_NONE) && add_counts(&base, elements, count, &sum)) {
        dx_object_sum_add(&sum, kind == DX_KIND_INT ? dx_item_int(base.value, 0) : 0);
        dx_write_int(out, dx_object_sum_read(&sum));
    }
    return out->error;
}

/* --- All ----------------------------------------------------------------------------------------- */

static size_t count_paths(const dx_object_content *content) {
    size_t paths = 0;
    for (size_t i = 0; i < content->element_count;
         i += dx_element_run(content->elements + i, content->element_count - i)) {
        paths++;
    }
    return paths;
}

/* Made payloads have a size alone until `made` has all of them and moves no more. */
static void point_into(const dx_buf *made, dx_register *registers, size_t count) {
    size_t at = 0;
    for (size_t i = 0; i < count; i++) {
        if (registers[i].payload.data == NULL && registers[i].payload.size != 0) {
            registers[i].payload.data = made->data + at;
            at += registers[i].payload.size;
        }
    }
}

int dx_object_shown(const dx_object_content *content, const dx_alloc *alloc, dx_buf *made,
                    dx_register **registers, size_t *count, size_t *capacity) {
    *capacity = content->count + count_paths(content);
    dx_register *out = dx_alloc_take(alloc, *capacity * sizeof *out);
    if (out == NULL) {
        return DX_E_NO_MEMORY;
    }
    dx_writer writer;
    size_t at = 0, n = 0;
    int error = DX_OK;
    dx_writer_init(&writer, made);
    for (size_t i = 0, run; error == DX_OK && i < content->element_count; i += run) {
        const dx_element *elements = &content->elements[i];
        run = dx_element_run(elements, content->element_count - i);
        while (at < content->count &&
               dx_register_compare_paths(content->registers[at].path, elements->path) < 0) {
            out[n++] = content->registers[at++];
        }
        size_t begin = made->size;
        error = write_shown(content, alloc, elements, run, &writer);
        size_t size = made->size - begin;
        bool stands = at < content->count && dx_bytes_equal(content->registers[at].path, elements->path);
        dx_register item = stands ? content->registers[at]
                                  : (dx_register){.path = elements->path,
                                                  .parts = (uint16_t)dx_object_path_check(elements->path)};
        at += stands;
        if (size != 0) {
            item.payload = (dx_bytes){NULL, size};
        }
        if (size != 0 || stands) {
            out[n++] = item;
        }
    }
    while (at < content->count) {
        out[n++] = content->registers[at++];
    }
    if (error == DX_OK) {
        error = dx_writer_finish(&writer);
    }
    if (error != DX_OK) {
        dx_alloc_free(alloc, out, *capacity * sizeof *out);
        return error;
    }
    point_into(made, out, n);
    *registers = out;
    *count = n;
    return DX_OK;
}
