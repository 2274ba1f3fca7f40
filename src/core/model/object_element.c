/* model/object_element.c: order and form of elements.
 *
 * Layer: floor 1, model. Contract in model/object_element.h. */
#include "model/object_element.h"

#include <string.h>

int dx_element_compare(const dx_element *a, const dx_element *b, const dx_stamp *stamps) {
    int order = a->path.data == b->path.data ? 0 : dx_register_compare_paths(a->path, b->path);
    if (order == 0 && a->kind != b->kind) {
        order = a->kind < b->kind ? -1 : 1;
    }
    if (order == 0) {
        order = dx_element_compare_keys(a->key, b->key);
    }
#if defined(DX_PLANT) && DX_PLANT == 40
    return order;
#endif
    if (order == 0 && dx_element_is_authored(a)) {
        order = memcmp(stamps[a->stamp].feed, stamps[b->stamp].feed, DX_FEED_PREFIX_SIZE);
    }
    return order;
}

size_t dx_element_run(const dx_element *items, size_t count) {
    size_t end = 1;
    while (end < count &&
           (items[end].path.data == items[0].path.data || dx_bytes_equal(items[end].path, items[0].path))) {
        end++;
    }
    return end;
}

bool dx_element_check_payload(dx_bytes item, size_t parts) {
    return item.size <= DX_OBJECT_VALUE_SIZE_MAX &&
           dx_register_check_shape(item, DX_OBJECT_DEPTH_MAX - parts);
}

void dx_element_read_kinds(dx_reader *reader, dx_element_taker take, void *ctx) {
    size_t kinds = dx_read_map(reader);
    if (kinds == 0) {
        dx_reader_fail(reader);
    }
    while (kinds-- > 0 && reader->error == DX_OK) {
        uint32_t kind = (uint32_t)dx_read_uint_max(reader, DX_ELEMENT_KIND_MAX);
        size_t entries = dx_read_array(reader);
        if (entries == 0) {
            dx_reader_fail(reader);
        }
        while (entries-- > 0 && reader->error == DX_OK) {
            size_t fields = dx_read_array(reader);
            take(ctx, reader, fields, kind);
        }
    }
}

bool dx_element_reserve(const dx_alloc *alloc, dx_element **items, size_t count, size_t *capacity) {
    if (count < *capacity) {
        return true;
    }
    size_t more = *capacity == 0 ? 16 : 2 * *capacity;
    dx_element *grown = dx_alloc_grow(alloc, *items, *capacity * sizeof *grown, more * sizeof *grown);
    if (grown == NULL) {
        return false;
    }
    *items = grown;
    *capacity = more;
    return true;
}
