/* model/object_register.c: order, search and form of registers.
 *
 * Layer: floor 1, model. Contract in model/object_register.h. */
#include "model/object_register.h"

#include <string.h>

const uint8_t dx_register_map[1] = {0xa0};

/* --- Keys --------------------------------------------------------------------------------------- */

/* RFC 8949 §3: a text's size stands in its first byte up to 23, else in one or two bytes more. */
static size_t head_size(size_t text_size) {
    return text_size < 24 ? 1 : text_size <= UINT8_MAX ? 2 : 3;
}

dx_bytes dx_register_key(const dx_register *item) {
    size_t head = head_size(item->path.size);
    return dx_bytes_of(item->path.data - head, head + item->path.size);
}

size_t dx_register_put_key(dx_bytes path, uint8_t *out) {
    size_t head = head_size(path.size);
    if (head == 1) {
        out[0] = (uint8_t)(0x60 | path.size);
    } else if (head == 2) {
        out[0] = 0x78;
        out[1] = (uint8_t)path.size;
    } else {
        out[0] = 0x79;
        out[1] = (uint8_t)(path.size >> 8);
        out[2] = (uint8_t)path.size;
    }
    memcpy(out + head, path.data, path.size);
    return head + path.size;
}

/* --- Order -------------------------------------------------------------------------------------- */

int dx_register_compare_paths(dx_bytes a, dx_bytes b) {
    if (a.size != b.size) {
        return a.size < b.size ? -1 : 1;
    }
    return a.size == 0 ? 0
                       : memcmp(a.data, b.data, a.size); /* the key of an element may be empty, and nowhere */
}

/* Merges items[begin, middle) and items[middle, end) by way of spare. */
static void merge_runs(dx_register *items, size_t begin, size_t middle, size_t end, dx_register *spare,
                       int (*compare)(dx_bytes, dx_bytes)) {
    size_t left = begin, right = middle;
    for (size_t at = begin; at < end; at++) {
        bool take_left = right == end || (left < middle && compare(items[left].path, items[right].path) <= 0);
        spare[at] = items[take_left ? left++ : right++];
    }
    memcpy(items + begin, spare + begin, (end - begin) * sizeof *items);
}

void dx_register_sort(dx_register *items, size_t count, dx_register *spare,
                      int (*compare)(dx_bytes path_a, dx_bytes path_b)) {
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t begin = 0; count - begin > width; begin += 2 * width) {
            size_t middle = begin + width;
            size_t end = count - middle > width ? middle + width : count;
            if (compare(items[middle - 1].path, items[middle].path) > 0) {
                merge_runs(items, begin, middle, end, spare, compare);
            }
            if (end == count) {
                break;
            }
        }
    }
}

const dx_register *dx_register_find(const dx_register *items, size_t count, dx_bytes path) {
    size_t low = 0;
    while (count > 0) {
        size_t half = count / 2;
        int order = dx_register_compare_paths(items[low + half].path, path);
        if (order == 0) {
            return &items[low + half];
        }
        if (order < 0) {
            low += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return NULL;
}

const dx_register *dx_register_next_above(const dx_register *items, size_t count, dx_bytes path, size_t *at) {
    dx_bytes part;
    while (dx_object_path_next(path, at, &part)) {
        size_t size = (size_t)(part.data - path.data) + part.size;
        if (size == path.size) {
            return NULL;
        }
        const dx_register *found = dx_register_find(items, count, dx_bytes_of(path.data, size));
#if defined(DX_PLANT) && DX_PLANT == 17
        size_t rest = *at, below = 0;
        while (dx_object_path_next(path, &rest, &part)) {
            below++;
        }
        found = below == 2 ? NULL : found;
#endif
        if (found != NULL) {
            return found;
        }
    }
    return NULL;
}

/* --- Payloads ----------------------------------------------------------------------------------- */

/* One item with at most `levels` arrays and maps inside each other. */
static void check_shape(dx_reader *reader, size_t levels) {
    dx_kind kind = dx_reader_peek(reader);
    if (kind != DX_KIND_ARRAY && kind != DX_KIND_MAP) {
        (void)dx_read_item(reader);
        return;
    }
    if (levels == 0) {
        dx_reader_fail(reader);
        return;
    }
    size_t count = kind == DX_KIND_MAP ? dx_read_map(reader) : dx_read_array(reader);
    while (count-- > 0 && reader->error == DX_OK) {
        if (kind == DX_KIND_MAP) {
            (void)dx_read_text(reader);
        }
        check_shape(reader, levels - 1);
    }
}

bool dx_register_check_payload(dx_bytes item, size_t parts) {
    if (item.size > DX_OBJECT_VALUE_SIZE_MAX) {
        return false;
    }
    dx_kind kind = dx_item_kind(item);
    if (kind == DX_KIND_MAP) {
        return item.size == 1 && parts < DX_OBJECT_DEPTH_MAX;
    }
    if (kind != DX_KIND_ARRAY) {
        return parts <= DX_OBJECT_DEPTH_MAX;
    }
    return dx_register_check_shape(item, DX_OBJECT_DEPTH_MAX - parts);
}

bool dx_register_check_shape(dx_bytes item, size_t levels) {
    dx_reader reader;
    dx_reader_init(&reader, item);
    check_shape(&reader, levels);
    return dx_reader_finish(&reader) == DX_OK;
}
