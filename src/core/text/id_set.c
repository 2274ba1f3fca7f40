/* text/id_set.c: ranges of ids in one row, sorted when somebody asks.
 *
 * Layer: floor 1, text. One array for all clients: what comes in order (a document's own deletes, an update's set) only ever
 * touches its end. */
#include "text/id_set.h"

#include <string.h>

enum { CAPACITY_FIRST = 4 };

void dx_id_set_init(dx_id_set *set, const dx_alloc *alloc) {
    *set = (dx_id_set){.alloc = alloc, .settled = true};
}

void dx_id_set_deinit(dx_id_set *set) {
    dx_alloc_free(set->alloc, set->ranges, set->capacity * sizeof *set->ranges);
    dx_id_set_init(set, set->alloc);
}

void dx_id_set_clear(dx_id_set *set) {
    set->count = 0;
    set->settled = true;
}

int dx_id_set_reserve(dx_id_set *set, size_t ranges) {
    if (ranges <= set->capacity - set->count) {
        return DX_OK;
    }
    if (ranges > SIZE_MAX / (4 * sizeof *set->ranges) - set->count) {
        return DX_E_NO_MEMORY;
    }
    size_t capacity = set->capacity < CAPACITY_FIRST ? CAPACITY_FIRST : set->capacity;
    while (capacity - set->count < ranges) {
        capacity *= 2;
    }
    dx_id_range *grown = dx_alloc_grow(set->alloc, set->ranges, set->capacity * sizeof *set->ranges,
                                       capacity * sizeof *set->ranges);
    if (grown == NULL) {
        return DX_E_NO_MEMORY;
    }
    set->ranges = grown;
    set->capacity = capacity;
    return DX_OK;
}

static uint64_t end_of(const dx_id_range *range) {
    return range->clock + range->length;
}

/* Joins `next` to `range` when it begins in it or at its end; both of one client, range not behind next. */
static bool join(dx_id_range *range, const dx_id_range *next) {
    if (range->client != next->client || next->clock < range->clock || next->clock > end_of(range)) {
        return false;
    }
    if (end_of(next) > end_of(range)) {
        range->length = end_of(next) - range->clock;
    }
    return true;
}

static bool in_order(const dx_id_range *a, const dx_id_range *b) {
    return a->client != b->client ? a->client > b->client : a->clock <= b->clock;
}

int dx_id_set_add(dx_id_set *set, uint64_t client, uint64_t clock, uint64_t length) {
    dx_id_range range = {client, clock, length};
    DX_ASSERT(length > 0 && clock <= DX_LIB0_UINT_MAX && length <= DX_LIB0_UINT_MAX - clock);
    if (set->count > 0) {
        dx_id_range *last = &set->ranges[set->count - 1];
        if (join(last, &range)) {
            return DX_OK;
        }
        set->settled &= in_order(last, &range);
    }
    int error = dx_id_set_reserve(set, 1);
    if (error == DX_OK) {
        set->ranges[set->count++] = range;
    }
    return error;
}

int dx_id_set_union(dx_id_set *set, const dx_id_set *other) {
    int error = dx_id_set_reserve(set, other->count);
    for (size_t i = 0; i < other->count && error == DX_OK; i++) {
        error = dx_id_set_add(set, other->ranges[i].client, other->ranges[i].clock, other->ranges[i].length);
    }
    return error;
}

/* --- Order ----------------------------------------------------------------------------------- */

static void sift_down(dx_id_range *heap, size_t root, size_t count) {
    for (size_t child; (child = 2 * root + 1) < count; root = child) {
        if (child + 1 < count && in_order(&heap[child], &heap[child + 1])) {
            child++;
        }
        if (!in_order(&heap[root], &heap[child])) {
            return;
        }
        dx_id_range lower = heap[root];
        heap[root] = heap[child];
        heap[child] = lower;
    }
}

void dx_id_set_settle(dx_id_set *set) {
    if (set->settled) {
        return;
    }
    dx_id_range *ranges = set->ranges;
    for (size_t root = set->count / 2; root > 0; root--) {
        sift_down(ranges, root - 1, set->count);
    }
    for (size_t last = set->count; last > 1; last--) {
        dx_id_range greatest = ranges[0];
        ranges[0] = ranges[last - 1];
        ranges[last - 1] = greatest;
        sift_down(ranges, 0, last - 1);
    }
    size_t kept = 0;
    for (size_t i = 1; i < set->count; i++) {
        if (!join(&ranges[kept], &ranges[i])) {
            ranges[++kept] = ranges[i];
        }
    }
    set->count = kept + 1;
    set->settled = true;
}

/* --- Questions ------------------------------------------------------------------------------- */

size_t dx_id_set_find(const dx_id_set *set, uint64_t client, uint64_t clock) {
    DX_ASSERT(set->settled);
    size_t low = 0, high = set->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const dx_id_range *range = &set->ranges[middle];
        bool before = range->client != client ? range->client > client : end_of(range) <= clock;
        low = before ? middle + 1 : low;
        high = before ? high : middle;
    }
    return low < set->count && set->ranges[low].client == client ? low : set->count;
}

bool dx_id_set_contains(const dx_id_set *set, uint64_t client, uint64_t clock) {
    size_t at = dx_id_set_find(set, client, clock);
    return at < set->count && set->ranges[at].clock <= clock;
}

bool dx_id_set_covers(const dx_id_set *set, const dx_id_set *part) {
    for (size_t i = 0; i < part->count; i++) {
        const dx_id_range *range = &part->ranges[i];
        size_t at = dx_id_set_find(set, range->client, range->clock);
        if (at == set->count || set->ranges[at].clock > range->clock ||
            end_of(&set->ranges[at]) < end_of(range)) {
            return false;
        }
    }
    return true;
}

bool dx_id_set_equal(const dx_id_set *a, const dx_id_set *b) {
    DX_ASSERT(a->settled && b->settled);
    for (size_t i = 0; i < a->count && i < b->count; i++) {
        if (a->ranges[i].client != b->ranges[i].client || a->ranges[i].clock != b->ranges[i].clock ||
            a->ranges[i].length != b->ranges[i].length) {
            return false;
        }
    }
    return a->count == b->count;
}

int dx_id_set_subtract(const dx_id_set *from, const dx_id_set *taken, dx_id_set *left) {
    int error = DX_OK;
    DX_ASSERT(from->settled && taken->settled);
    for (size_t i = 0; i < from->count && error == DX_OK; i++) {
        dx_id_range rest = from->ranges[i];
        size_t at = dx_id_set_find(taken, rest.client, rest.clock);
        for (; at < taken->count && rest.length > 0 && error == DX_OK; at++) {
            const dx_id_range *hole = &taken->ranges[at];
            if (hole->client != rest.client || hole->clock >= end_of(&rest)) {
                break;
            }
            if (hole->clock > rest.clock) {
                error = dx_id_set_add(left, rest.client, rest.clock, hole->clock - rest.clock);
            }
            uint64_t end = end_of(&rest), next = end_of(hole) < end ? end_of(hole) : end;
            rest.clock = next;
            rest.length = end - next;
        }
        if (rest.length > 0 && error == DX_OK) {
            error = dx_id_set_add(left, rest.client, rest.clock, rest.length);
        }
    }
    dx_id_set_settle(left);
    return error;
}

/* --- Bytes ----------------------------------------------------------------------------------- */

/* How many of a row belong to the client of the first. */
static size_t of_one_client(const dx_id_range *ranges, size_t count) {
    size_t same = 1;
    while (same < count && ranges[same].client == ranges[0].client) {
        same++;
    }
    return same;
}

void dx_id_set_write(const dx_id_set *set, dx_text_form form, dx_buf *out) {
    uint64_t clients = 0;
    DX_ASSERT(set->settled);
    for (size_t i = 0; i < set->count; i++) {
        clients += i == 0 || set->ranges[i].client != set->ranges[i - 1].client;
    }
    dx_lib0_write_uint(out, clients);
    for (size_t i = 0; i < set->count;) {
        size_t end = i + of_one_client(set->ranges + i, set->count - i);
        uint64_t last = 0;
        dx_lib0_write_uint(out, set->ranges[i].client);
        dx_lib0_write_uint(out, end - i);
        for (; i < end; i++) {
            const dx_id_range *range = &set->ranges[i];
            dx_lib0_write_uint(out, form == DX_TEXT_V1 ? range->clock : range->clock - last);
            dx_lib0_write_uint(out, form == DX_TEXT_V1 ? range->length : range->length - 1);
            last = end_of(range);
        }
    }
}

bool dx_id_range_read(dx_text_form form, dx_lib0_reader *reader, uint64_t last, dx_id_range *range) {
    uint64_t clock = dx_lib0_read_uint(reader), length = dx_lib0_read_uint(reader);
    if (form == DX_TEXT_V2) {
        clock += last;
        length += reader->error == DX_OK ? 1 : 0;
    }
    if (clock > DX_LIB0_UINT_MAX || length > DX_LIB0_UINT_MAX - clock) {
        dx_lib0_fail(reader, DX_E_MALFORMED);
    }
    range->clock = clock;
    range->length = length;
    return reader->error == DX_OK;
}

int dx_id_set_read(dx_id_set *set, dx_text_form form, dx_lib0_reader *reader) {
    uint64_t clients = dx_lib0_read_uint(reader);
    for (; clients > 0 && reader->error == DX_OK; clients--) {
        dx_id_range range = {.client = dx_lib0_read_uint(reader)};
        uint64_t ranges = dx_lib0_read_uint(reader), last = 0;
        for (; ranges > 0 && dx_id_range_read(form, reader, last, &range); ranges--) {
            last = end_of(&range);
            int error =
                range.length == 0 ? DX_OK : dx_id_set_add(set, range.client, range.clock, range.length);
            if (error != DX_OK) {
                return error;
            }
        }
    }
    return reader->error;
}
