/* halo/sorted.c: an array kept in order. See sorted.h.
 *
 * Layer: floor 1, halo. Invariant: count <= capacity; items is NULL exactly while capacity is 0. */
#include "halo/sorted.h"

#include <string.h>

enum { CAPACITY_FIRST = 8 };

size_t dx_sorted_find(const dx_sorted *sorted, const void *key, dx_sorted_compare compare) {
    size_t low = 0, high = sorted->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(sorted->items + middle * sorted->width, key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void *dx_sorted_at(const dx_sorted *sorted, size_t index) {
    return index < sorted->count ? sorted->items + index * sorted->width : NULL;
}

void *dx_sorted_get(const dx_sorted *sorted, const void *key, dx_sorted_compare compare) {
    void *item = dx_sorted_at(sorted, dx_sorted_find(sorted, key, compare));
    return item && compare(item, key) == 0 ? item : NULL;
}

void *dx_sorted_open(dx_sorted *sorted, const dx_alloc *alloc, size_t index) {
    if (sorted->count == sorted->capacity) {
        size_t capacity = sorted->capacity ? sorted->capacity * 2 : CAPACITY_FIRST;
        void *items =
            dx_alloc_grow(alloc, sorted->items, sorted->capacity * sorted->width, capacity * sorted->width);
        if (!items) {
            return NULL;
        }
        sorted->items = items;
        sorted->capacity = capacity;
    }
    uint8_t *slot = sorted->items + index * sorted->width;
    memmove(slot + sorted->width, slot, (sorted->count - index) * sorted->width);
    sorted->count++;
    return slot;
}

void dx_sorted_remove(dx_sorted *sorted, size_t index) {
    uint8_t *slot = sorted->items + index * sorted->width;
    sorted->count--;
    memmove(slot, slot + sorted->width, (sorted->count - index) * sorted->width);
}

void dx_sorted_deinit(dx_sorted *sorted, const dx_alloc *alloc) {
    dx_alloc_free(alloc, sorted->items, sorted->capacity * sorted->width);
    *sorted = (dx_sorted){.width = sorted->width};
}
