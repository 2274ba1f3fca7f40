/* text/clocks.c: state vectors.
 *
 * Layer: floor 1, text. */
#include "text/clocks.h"

#include <string.h>

enum { CAPACITY_FIRST = 4 };

void dx_text_clocks_init(dx_text_clocks *clocks, const dx_alloc *alloc) {
    *clocks = (dx_text_clocks){.alloc = alloc};
}

void dx_text_clocks_deinit(dx_text_clocks *clocks) {
    dx_alloc_free(clocks->alloc, clocks->entries, clocks->capacity * sizeof *clocks->entries);
    dx_text_clocks_init(clocks, clocks->alloc);
}

void dx_text_clocks_clear(dx_text_clocks *clocks) {
    clocks->count = 0;
}

/* The place of the client, or where it would stand. */
static size_t place_of(const dx_text_clocks *clocks, uint64_t client) {
    size_t low = 0, high = clocks->count;
    if (high > 0 && clocks->entries[high - 1].client > client) {
        return high;
    }
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        bool before = clocks->entries[middle].client > client;
        low = before ? middle + 1 : low;
        high = before ? high : middle;
    }
    return low;
}

uint64_t dx_text_clocks_get(const dx_text_clocks *clocks, uint64_t client) {
    size_t at = place_of(clocks, client);
    return at < clocks->count && clocks->entries[at].client == client ? clocks->entries[at].clock : 0;
}

static int grow(dx_text_clocks *clocks) {
    if (clocks->count < clocks->capacity) {
        return DX_OK;
    }
    size_t capacity = clocks->capacity == 0 ? CAPACITY_FIRST : clocks->capacity * 2;
    if (capacity > SIZE_MAX / sizeof *clocks->entries) {
        return DX_E_NO_MEMORY;
    }
    dx_text_clock *grown =
        dx_alloc_grow(clocks->alloc, clocks->entries, clocks->capacity * sizeof *clocks->entries,
                      capacity * sizeof *clocks->entries);
    if (grown == NULL) {
        return DX_E_NO_MEMORY;
    }
    clocks->entries = grown;
    clocks->capacity = capacity;
    return DX_OK;
}

int dx_text_clocks_set(dx_text_clocks *clocks, uint64_t client, uint64_t clock) {
    size_t at = place_of(clocks, client);
    if (at < clocks->count && clocks->entries[at].client == client) {
        clocks->entries[at].clock = clock;
        return DX_OK;
    }
    int error = grow(clocks);
    if (error == DX_OK) {
        memmove(clocks->entries + at + 1, clocks->entries + at,
                (clocks->count - at) * sizeof *clocks->entries);
        clocks->entries[at] = (dx_text_clock){client, clock};
        clocks->count++;
    }
    return error;
}

/* --- Bytes ----------------------------------------------------------------------------------- */

void dx_text_clocks_write(const dx_text_clocks *clocks, dx_buf *out) {
    dx_lib0_write_uint(out, clocks->count);
    for (size_t i = 0; i < clocks->count; i++) {
        dx_lib0_write_uint(out, clocks->entries[i].client);
        dx_lib0_write_uint(out, clocks->entries[i].clock);
    }
}

static void sift_down(dx_text_clock *heap, size_t root, size_t count) {
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && heap[child].client > heap[child + 1].client) {
            child++;
        }
        if (heap[root].client <= heap[child].client) {
            return;
        }
        dx_text_clock greater = heap[root];
        heap[root] = heap[child];
        heap[child] = greater;
    }
}

/* Greatest client first; false when one is there twice. */
static bool sort(dx_text_clocks *clocks) {
    dx_text_clock *entries = clocks->entries;
    for (size_t root = clocks->count / 2; root > 0; root--) {
        sift_down(entries, root - 1, clocks->count);
    }
    for (size_t last = clocks->count; last > 1; last--) {
        dx_text_clock least = entries[0];
        entries[0] = entries[last - 1];
        entries[last - 1] = least;
        sift_down(entries, 0, last - 1);
    }
    for (size_t i = 1; i < clocks->count; i++) {
        if (entries[i].client == entries[i - 1].client) {
            return false;
        }
    }
    return true;
}

int dx_text_clocks_read(dx_text_clocks *clocks, dx_lib0_reader *reader) {
    bool sorted = true;
    clocks->count = 0;
    for (uint64_t left = dx_lib0_read_uint(reader); left > 0; left--) {
        dx_text_clock entry = {.client = dx_lib0_read_uint(reader)};
        entry.clock = dx_lib0_read_uint(reader);
        if (reader->error != DX_OK) {
            return reader->error;
        }
        int error = grow(clocks);
        if (error != DX_OK) {
            return error;
        }
        sorted &= clocks->count == 0 || clocks->entries[clocks->count - 1].client > entry.client;
        clocks->entries[clocks->count++] = entry;
    }
    if (!sorted && !sort(clocks)) {
        dx_lib0_fail(reader, DX_E_MALFORMED);
    }
    return reader->error;
}

int dx_text_clocks_decode(dx_text_clocks *clocks, dx_bytes state_vector) {
    clocks->count = 0;
    if (state_vector.size == 0) {
        return DX_OK;
    }
    dx_lib0_reader reader = dx_lib0_reader_of(state_vector);
    int error = dx_text_clocks_read(clocks, &reader);
    return error == DX_OK && dx_lib0_left(&reader) > 0 ? DX_E_MALFORMED : error;
}
