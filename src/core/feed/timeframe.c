/* feed/timeframe.c: the version vector as a sorted array.
 *
 * Layer: floor 1, feed. Spaces have tens of feeds, seldom hundreds: a binary search and a memmove are all it
 * takes. */
#include "feed/timeframe.h"

#include <string.h>

#include "base/limits.h"
#include "feed/number.h"

enum { ENTRY_SAVED_SIZE = 16, CAPACITY_FIRST = 8 };

void dx_timeframe_init(dx_timeframe *timeframe, const dx_alloc *alloc) {
    *timeframe = (dx_timeframe){.alloc = alloc};
}

void dx_timeframe_deinit(dx_timeframe *timeframe) {
    dx_alloc_free(timeframe->alloc, timeframe->entries, timeframe->capacity * sizeof *timeframe->entries);
    dx_timeframe_init(timeframe, timeframe->alloc);
}

/* Index of the first entry whose feed is not smaller. */
static size_t find_place(const dx_timeframe *timeframe, int64_t feed) {
    size_t low = 0, high = timeframe->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (timeframe->entries[middle].feed < feed) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static int reserve(dx_timeframe *timeframe, size_t count) {
    if (count <= timeframe->capacity) {
        return DX_OK;
    }
    size_t capacity = timeframe->capacity ? timeframe->capacity : CAPACITY_FIRST;
    while (capacity < count) {
        capacity *= 2;
    }
    size_t size = sizeof *timeframe->entries;
    void *entries =
        dx_alloc_grow(timeframe->alloc, timeframe->entries, timeframe->capacity * size, capacity * size);
    if (!entries) {
        return DX_E_NO_MEMORY;
    }
    timeframe->entries = entries;
    timeframe->capacity = capacity;
    return DX_OK;
}

uint64_t dx_timeframe_get(const dx_timeframe *timeframe, int64_t feed) {
    size_t at = find_place(timeframe, feed);
    bool found = at < timeframe->count && timeframe->entries[at].feed == feed;
    return found ? timeframe->entries[at].length : 0;
}

int dx_timeframe_raise(dx_timeframe *timeframe, int64_t feed, uint64_t length) {
    DX_ASSERT(feed >= 1 && feed <= DX_FEED_LOCAL_MAX && length <= DX_FEED_LENGTH_MAX);
    if (length == 0) {
        return DX_OK;
    }
    size_t at = find_place(timeframe, feed);
    if (at < timeframe->count && timeframe->entries[at].feed == feed) {
        if (timeframe->entries[at].length < length) {
            timeframe->entries[at].length = length;
        }
        return DX_OK;
    }
    int error = reserve(timeframe, timeframe->count + 1);
    if (error) {
        return error;
    }
    dx_timeframe_entry *place = timeframe->entries + at;
    memmove(place + 1, place, (timeframe->count - at) * sizeof *place);
    *place = (dx_timeframe_entry){.feed = feed, .length = length};
    timeframe->count++;
    return DX_OK;
}

int dx_timeframe_save(const dx_timeframe *timeframe, dx_buf *out) {
    uint8_t *at = dx_buf_extend(out, timeframe->count * ENTRY_SAVED_SIZE);
    for (size_t i = 0; at && i < timeframe->count; i++) {
        put_u64(at + i * ENTRY_SAVED_SIZE, (uint64_t)timeframe->entries[i].feed);
        put_u64(at + i * ENTRY_SAVED_SIZE + 8, timeframe->entries[i].length);
    }
    return dx_buf_error(out);
}

int dx_timeframe_restore(dx_timeframe *timeframe, dx_bytes saved) {
    timeframe->count = 0;
    size_t count = saved.size / ENTRY_SAVED_SIZE;
    if (saved.size % ENTRY_SAVED_SIZE != 0 || count > DX_FEED_LOCAL_MAX) {
        return DX_E_CORRUPT;
    }
    int error = reserve(timeframe, count);
    if (error) {
        return error;
    }
    uint64_t last = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t feed = get_u64(saved.data + i * ENTRY_SAVED_SIZE);
        uint64_t length = get_u64(saved.data + i * ENTRY_SAVED_SIZE + 8);
        if (feed <= last || feed > DX_FEED_LOCAL_MAX || length == 0 || length > DX_FEED_LENGTH_MAX) {
            return DX_E_CORRUPT;
        }
        timeframe->entries[i] = (dx_timeframe_entry){.feed = (int64_t)feed, .length = length};
        last = feed;
    }
    timeframe->count = count;
    return DX_OK;
}
