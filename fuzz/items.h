/* fuzz/items.h: inputs that are a sequence of encoded items (events, messages), and a mutator that keeps them
 * one: it drops, repeats, moves an item, or changes one leaf of one, also inside byte strings that hold an
 * item.
 *
 * Layer: test programs. Only libFuzzer calls the mutator; under replay.c LLVMFuzzerMutate is not there. */
#ifndef DX_FUZZ_ITEMS_H
#define DX_FUZZ_ITEMS_H

#include <dxos/codec.h>

#include "fuzz.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size) __attribute__((weak));
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed);

enum { ITEMS_MAX = 256, ITEM_GROWTH_MAX = 64 };

/* The next item of the sequence; false at its end, or where it is no item any more. */
static inline bool next_item(fuzz_input *input, dx_bytes *item) {
    dx_reader reader;
    dx_reader_init(&reader, dx_bytes_of(input->at, input->left));
    *item = dx_read_item(&reader);
    if (reader.error != DX_OK || item->size == 0) {
        return false;
    }
    input->at += item->size;
    input->left -= item->size;
    return true;
}

static inline size_t split_items(dx_bytes sequence, dx_bytes *items) {
    fuzz_input input = {sequence.data, sequence.size};
    size_t count = 0;
    while (count < ITEMS_MAX && next_item(&input, &items[count])) {
        count++;
    }
    return count;
}

static inline uint32_t items_random(uint32_t *state) {
    *state = *state * 1664525u + 1013904223u;
    return *state >> 8;
}

/* The leaves of an item by position; the span of the index-th, or their number when there is none. */
static inline size_t find_leaf(dx_bytes item, size_t index, dx_bytes *leaf) {
    dx_reader reader;
    size_t count = 0;
    dx_reader_init(&reader, item);
    while (reader.error == DX_OK && reader.at < reader.end) {
        dx_kind kind = dx_reader_peek(&reader);
        if (kind == DX_KIND_ARRAY) {
            (void)dx_read_array(&reader);
        } else if (kind == DX_KIND_MAP) {
            (void)dx_read_map(&reader);
        } else if (kind == DX_KIND_TAG) {
            (void)dx_read_tag(&reader);
        } else {
            *leaf = dx_read_item(&reader);
            if (reader.error == DX_OK && count++ == index) {
                return count;
            }
        }
    }
    leaf->data = NULL;
    return count;
}

static inline void mutate_item(dx_bytes item, uint32_t *state, dx_buf *out);

static inline void mutate_string(dx_bytes content, bool text, uint32_t *state, dx_writer *writer) {
    dx_buf changed;
    dx_buf_init(&changed, &fuzz_alloc, content.size + 4 * ITEM_GROWTH_MAX);
    if (!text && dx_item_check(content) == DX_OK && items_random(state) % 4 != 0) {
        mutate_item(content, state, &changed);
    } else {
        uint8_t *room = malloc(content.size + ITEM_GROWTH_MAX);
        FUZZ_CHECK(room != NULL);
        memcpy(room, content.size > 0 ? content.data : room, content.size);
        dx_buf_append(&changed, room, LLVMFuzzerMutate(room, content.size, content.size + ITEM_GROWTH_MAX));
        free(room);
    }
    if (text) {
        dx_write_text_bytes(writer, dx_buf_view(&changed));
    } else {
        dx_write_bytes(writer, dx_buf_view(&changed));
    }
    dx_buf_deinit(&changed);
}

static inline int64_t mutate_number(int64_t number, uint32_t *state) {
    static const int64_t likely[] = {0,        1, 2, 255, 1024, 65536, 1 << 22, 0x7fffffff, INT64_C(1) << 62,
                                     INT64_MAX};
    uint32_t how = items_random(state) % 16;
    if (how < sizeof likely / sizeof likely[0]) {
        return likely[how];
    }
    uint64_t step = (uint64_t)items_random(state) % (how == 15 ? 100000 : 4) + 1;
    return (int64_t)(((uint64_t)number + (how % 2 == 0 ? step : (uint64_t)0 - step)) & INT64_MAX);
}

/* Appends the item with one leaf changed. */
static inline void mutate_item(dx_bytes item, uint32_t *state, dx_buf *out) {
    dx_bytes leaf = {0};
    size_t count = find_leaf(item, SIZE_MAX, &leaf);
    if (count == 0) {
        dx_buf_append(out, item.data, item.size);
        return;
    }
    (void)find_leaf(item, items_random(state) % count, &leaf);
    size_t before = (size_t)(leaf.data - item.data);
    dx_writer writer;
    dx_buf_append(out, item.data, before);
    dx_writer_init(&writer, out);
    switch (dx_item_kind(leaf)) {
    case DX_KIND_INT:
        dx_write_int(&writer, mutate_number(dx_item_int(leaf, 0), state));
        break;
    case DX_KIND_BYTES:
        mutate_string(dx_item_bytes(leaf), false, state, &writer);
        break;
    case DX_KIND_TEXT:
        mutate_string(dx_item_text(leaf), true, state, &writer);
        break;
    case DX_KIND_BOOL:
    case DX_KIND_NULL:
    case DX_KIND_DOUBLE:
    case DX_KIND_ARRAY:
    case DX_KIND_MAP:
    case DX_KIND_TAG:
    case DX_KIND_NONE:
        dx_write_int(&writer, (int64_t)items_random(state) % 300);
        break;
    }
    dx_buf_append(out, leaf.data + leaf.size, item.size - before - leaf.size);
}

static inline size_t mutate_items(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
    dx_bytes items[ITEMS_MAX + 1];
    uint32_t state = seed;
    size_t count = split_items(dx_bytes_of(data, size), items);
    if (count == 0 || items_random(&state) % 16 == 0) {
        return LLVMFuzzerMutate(data, size, max_size);
    }
    size_t at = items_random(&state) % count, other = items_random(&state) % count;
    uint32_t how = items_random(&state) % 8;
    dx_bytes moved = items[at];
    if (how < 2) {
        memmove(&items[at], &items[at + 1], (count - at - 1) * sizeof items[0]);
        count--;
    }
    if (how > 0 && how < 3) {
        memmove(&items[other + 1], &items[other], (count - other) * sizeof items[0]);
        items[other] = moved;
        count++;
    }
    dx_buf out;
    dx_buf_init(&out, &fuzz_alloc, max_size);
    for (size_t i = 0; i < count && dx_buf_error(&out) == DX_OK; i++) {
        if (how >= 3 && i == at) {
            mutate_item(items[i], &state, &out);
        } else {
            dx_buf_append(&out, items[i].data, items[i].size);
        }
    }
    if (dx_buf_error(&out) == DX_OK && out.size > 0) {
        memcpy(data, out.data, out.size);
        size = out.size;
    }
    dx_buf_deinit(&out);
    return size;
}

#endif
