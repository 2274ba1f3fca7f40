/* text/values.c: see values.h. */
#include "text/values.h"

#include "text/lib0.h"
#include "text/room.h"

enum { FREE, FIRST, FURTHER };

void dx_text_values_init(dx_text_values *values, const dx_alloc *alloc) {
    *values = (dx_text_values){.alloc = alloc, .count = 1};
}

void dx_text_values_deinit(dx_text_values *values) {
    dx_alloc_free(values->alloc, values->rows, values->capacity * sizeof *values->rows);
    dx_alloc_free(values->alloc, values->heap, values->heap_capacity);
    dx_text_values_init(values, values->alloc);
}

/* Puts the pieces of one run side by side at `out`. */
static size_t gather(dx_text_values *values, dx_text_values_ref ref, uint8_t *out) {
    dx_text_values_row *first = &values->rows[ref];
    size_t size = 0;
    uint32_t further = first->next;
    if (first->size != 0) {
        memcpy(out, values->heap + first->at, first->size);
        size += first->size;
    }
    while (further != 0) {
        dx_text_values_row *row = &values->rows[further];
        uint32_t next = row->next;
        memcpy(out + size, values->heap + row->at, row->size);
        size += row->size;
        first->count += row->count;
        *row = (dx_text_values_row){.next = values->free, .state = FREE};
        values->free = further;
        values->free_count++;
        further = next;
    }
    first->size = (uint32_t)size;
    first->next = 0;
    return size;
}

static int make_heap(dx_text_values *values, size_t bytes) {
    size_t live = values->used - values->dead;
    bool mostly_dead = values->dead > live && values->dead > 4096;
    if (values->used + bytes <= values->heap_capacity && !mostly_dead) {
        return DX_OK;
    }
    if (bytes > UINT32_MAX - live) {
        return DX_E_LIMIT;
    }
    size_t capacity = dx_text_room(live, live + bytes);
    uint8_t *heap = dx_alloc_take(values->alloc, capacity);
    if (heap == NULL) {
        return values->used + bytes <= values->heap_capacity ? DX_OK : DX_E_NO_MEMORY;
    }
    size_t used = 0;
    for (uint32_t ref = 1; ref < values->count; ref++) {
        if (values->rows[ref].state == FIRST) {
            size_t size = gather(values, ref, heap + used);
            values->rows[ref].at = (uint32_t)used;
            used += size;
        }
    }
    dx_alloc_free(values->alloc, values->heap, values->heap_capacity);
    values->heap = heap;
    values->heap_capacity = capacity;
    values->used = used;
    values->dead = 0;
    return DX_OK;
}

int dx_text_values_reserve(dx_text_values *values, size_t rows, size_t bytes) {
    if (rows == 0 && bytes == 0) {
        return DX_OK;
    }
    size_t fresh = rows > values->free_count ? rows - values->free_count : 0;
    if (fresh > UINT32_MAX - values->count) {
        return DX_E_LIMIT;
    }
    if (!dx_text_make_room(values->alloc, &values->rows, &values->capacity, values->count + fresh,
                           sizeof *values->rows)) {
        return DX_E_NO_MEMORY;
    }
    return make_heap(values, bytes);
}

static dx_text_values_ref take(dx_text_values *values) {
    dx_text_values_ref ref = values->free;
    if (ref == 0) {
        DX_ASSERT(values->count < values->capacity);
        return (dx_text_values_ref)values->count++;
    }
    values->free = values->rows[ref].next;
    values->free_count--;
    return ref;
}

static void give(dx_text_values *values, dx_text_values_ref ref) {
    values->rows[ref] = (dx_text_values_row){.next = values->free, .state = FREE};
    values->free = ref;
    values->free_count++;
}

dx_text_values_ref dx_text_values_put(dx_text_values *values, dx_bytes bytes, uint32_t count, uint32_t name) {
    dx_text_values_ref ref = take(values);
    DX_ASSERT(values->used + bytes.size <= values->heap_capacity);
    values->rows[ref] = (dx_text_values_row){.at = (uint32_t)values->used,
                                             .size = (uint32_t)bytes.size,
                                             .count = count,
                                             .name = name,
                                             .state = FIRST};
    if (bytes.size != 0) {
        memcpy(values->heap + values->used, bytes.data, bytes.size);
    }
    values->used += bytes.size;
    return ref;
}

void dx_text_values_free(dx_text_values *values, dx_text_values_ref ref) {
    while (ref != 0) {
        uint32_t next = values->rows[ref].next;
        values->dead += values->rows[ref].size;
        give(values, ref);
        ref = next;
    }
}

dx_bytes dx_text_values_piece(const dx_text_values *values, dx_text_values_ref ref,
                              dx_text_values_ref *next) {
    const dx_text_values_row *row = &values->rows[ref];
    *next = row->next;
    return row->size == 0 ? dx_bytes_of(NULL, 0) : dx_bytes_of(values->heap + row->at, row->size);
}

uint32_t dx_text_values_name(const dx_text_values *values, dx_text_values_ref ref) {
    return values->rows[ref].name;
}

size_t dx_text_values_size(dx_bytes bytes, uint64_t count, bool json) {
    dx_lib0_reader reader = dx_lib0_reader_of(bytes);
    while (count-- != 0) {
        if (json) {
            (void)dx_lib0_read_bytes(&reader);
        } else {
            (void)dx_lib0_read_any(&reader);
        }
    }
    return bytes.size - dx_lib0_left(&reader);
}

dx_text_values_ref dx_text_values_split(dx_text_values *values, dx_text_values_ref ref, uint32_t at,
                                        bool json) {
    dx_text_values_row *row = &values->rows[ref], *before = NULL;
    while (at >= row->count) {
        at -= row->count;
        before = row;
        row = &values->rows[row->next];
    }
    if (at == 0) {
        DX_ASSERT(before != NULL);
        dx_text_values_ref right = before->next;
        before->next = 0;
        row->state = FIRST;
        return right;
    }
    dx_text_values_ref right = take(values);
    uint32_t size = (uint32_t)dx_text_values_size(dx_bytes_of(values->heap + row->at, row->size), at, json);
    values->rows[right] = (dx_text_values_row){.at = row->at + size,
                                               .size = row->size - size,
                                               .count = row->count - at,
                                               .next = row->next,
                                               .state = FIRST};
    row->size = size;
    row->count = at;
    row->next = 0;
    return right;
}

void dx_text_values_join(dx_text_values *values, dx_text_values_ref left, dx_text_values_ref right) {
    dx_text_values_row *last = &values->rows[left];
    while (last->next != 0) {
        last = &values->rows[last->next];
    }
    dx_text_values_row *first = &values->rows[right];
    if (last->at + last->size == first->at) {
        last->size += first->size;
        last->count += first->count;
        last->next = first->next;
        give(values, right);
        return;
    }
    first->state = FURTHER;
    last->next = right;
}
