/* echo/unwritten.c: the rows of a space that changed and are not in their tables yet. See unwritten.h.
 *
 * Layer: floor 1, echo. */
#include "echo/unwritten.h"

#include <string.h>

#include "base/limits.h"

enum { ROWS_MAX = 1 << 30, CAPACITY_FIRST = 64 };

/* Numbers of packed rows have this bit. */
#define PACKED (UINT32_C(1) << 31)

/* --- Life ------------------------------------------------------------------------------------ */

void dx_unwritten_init(dx_unwritten *set, const dx_alloc *alloc, const dx_random *random) {
    *set = (dx_unwritten){.alloc = alloc};
    dx_arena_init(&set->states, alloc, SIZE_MAX / 2);
    dx_key_table_init(&set->places, alloc, random, ROWS_MAX);
    dx_key_table_init(&set->parents, alloc, random, ROWS_MAX);
}

void dx_unwritten_clear(dx_unwritten *set) {
    for (size_t i = 0; i < set->chunk_count; i++) {
        dx_alloc_free(set->alloc, set->rows[i], DX_UNWRITTEN_CHUNK_ROWS * sizeof **set->rows);
    }
    dx_alloc_free(set->alloc, set->rows, set->chunk_capacity * sizeof *set->rows);
    dx_alloc_free(set->alloc, set->packed, set->packed_capacity * sizeof *set->packed);
    dx_alloc_free(set->alloc, set->touches, set->touch_capacity * sizeof *set->touches);
    dx_arena_deinit(&set->states);
    dx_key_table_clear(&set->places);
    dx_key_table_clear(&set->parents);
    *set = (dx_unwritten){
        .alloc = set->alloc, .places = set->places, .parents = set->parents, .states = set->states};
}

void dx_unwritten_deinit(dx_unwritten *set) {
    dx_unwritten_clear(set);
    dx_key_table_deinit(&set->places);
    dx_key_table_deinit(&set->parents);
}

/* --- Rows ------------------------------------------------------------------------------------ */

dx_unwritten_row *dx_unwritten_at(const dx_unwritten *set, size_t number) {
    return &set->rows[number / DX_UNWRITTEN_CHUNK_ROWS][number % DX_UNWRITTEN_CHUNK_ROWS];
}

dx_unwritten_row *dx_unwritten_find(const dx_unwritten *set, int64_t key) {
    const dx_key_slot *slot = dx_key_table_find(&set->places, key);
    return slot != NULL && (slot->value & PACKED) == 0 ? dx_unwritten_at(set, slot->value) : NULL;
}

size_t dx_unwritten_count(const dx_unwritten *set) {
    return set->row_count + set->packed_left;
}

/* Copies the row into *out, whose state has so much room; they may be the same bytes. A state that outgrows its room
 * leaves it to the next clear, and takes some more than it needs: it may grow again. */
static int copy_row(dx_unwritten *set, const dx_entity_row *row, dx_entity_row *out, size_t *room) {
    uint8_t *bytes = (uint8_t *)(uintptr_t)out->state.data;
    size_t size = row->state.size;
    if (size > *room) {
        size_t wanted = *room == 0 ? size : size + size / 8;
        uint8_t *larger = dx_arena_take(&set->states, wanted);
        if (larger == NULL) {
            return DX_E_NO_MEMORY;
        }
        memcpy(larger, row->state.data, size);
        *room = wanted;
        bytes = larger;
    } else if (size != 0) {
        memmove(bytes, row->state.data, size);
    }
    *out = *row;
    out->state = dx_bytes_of(bytes, size);
    return DX_OK;
}

/* Room for a row more. */
static int grow(dx_unwritten *set) {
    if (set->row_count < set->chunk_count * DX_UNWRITTEN_CHUNK_ROWS) {
        return DX_OK;
    }
    if (set->chunk_count == set->chunk_capacity) {
        size_t capacity = set->chunk_capacity == 0 ? CAPACITY_FIRST : 2 * set->chunk_capacity;
        dx_unwritten_row **rows =
            dx_alloc_grow(set->alloc, set->rows, set->chunk_capacity * sizeof *rows, capacity * sizeof *rows);
        if (rows == NULL) {
            return DX_E_NO_MEMORY;
        }
        set->rows = rows;
        set->chunk_capacity = capacity;
    }
    DX_ASSERT(set->rows != NULL);
    dx_unwritten_row *chunk = dx_alloc_take(set->alloc, DX_UNWRITTEN_CHUNK_ROWS * sizeof *chunk);
    if (chunk != NULL) {
        set->rows[set->chunk_count++] = chunk;
    }
    return chunk != NULL ? DX_OK : DX_E_NO_MEMORY;
}

static int add_row(dx_unwritten *set, const dx_entity_row *before, int64_t key, dx_unwritten_row **out) {
    int error = grow(set);
    if (error != DX_OK) {
        return error;
    }
    dx_unwritten_row *row = dx_unwritten_at(set, set->row_count);
    *row = (dx_unwritten_row){.key = key, .was = before != NULL};
    error = before != NULL ? copy_row(set, before, &row->before, &row->before_room) : DX_OK;
    if (error == DX_OK) {
        error = dx_key_table_add(&set->places, key, (uint32_t)set->row_count);
    }
    if (error == DX_OK) {
        set->row_count++;
        set->made += before == NULL;
        *out = row;
    }
    return error;
}

/* The row of the key, made with this `before` when it is not there. */
static int find_or_add(dx_unwritten *set, const dx_entity_row *before, int64_t key, dx_unwritten_row **row) {
    *row = dx_unwritten_find(set, key);
    return *row == NULL ? add_row(set, before, key, row) : DX_OK;
}

static int note_parent(dx_unwritten *set, int64_t parent) {
    int error = dx_key_table_add(&set->parents, parent, 0);
    return error == DX_E_EXISTS ? DX_OK : error;
}

static int set_after(dx_unwritten *set, dx_unwritten_row *row, const dx_entity_row *after) {
    int error = after != NULL && after->parent != 0 ? note_parent(set, after->parent) : DX_OK;
    if (error == DX_OK && after != NULL) {
        error = copy_row(set, after, &row->after, &row->after_room);
    }
    row->is = error == DX_OK ? after != NULL : row->is;
    return error;
}

int dx_unwritten_put(dx_unwritten *set, const dx_entity_row *before, const dx_entity_row *after) {
    dx_unwritten_row *row;
    size_t count = set->row_count;
    int error = find_or_add(set, before, after != NULL ? after->key : before->key, &row);
    error = error == DX_OK ? set_after(set, row, after) : error;
    if (error == DX_OK) {
        set->reads += row->held || (set->row_count != count && row->was);
        row->logged = row->held = false;
        set->changes++;
    }
    return error;
}

int dx_unwritten_hold(dx_unwritten *set, const dx_entity_row *row) {
    dx_unwritten_row *held;
    int error = add_row(set, row, row->key, &held);
    if (error == DX_OK) {
        held->logged = held->held = held->is = true;
        held->after =
            held->before; /* and its state, until a put gives it one of its own: it has no room here */
    }
    return error;
}

dx_bytes dx_unwritten_keep(dx_unwritten *set, dx_bytes bytes) {
    return dx_arena_copy(&set->states, bytes);
}

int dx_unwritten_set_before(dx_unwritten *set, dx_unwritten_row *row, const dx_entity_row *before) {
    int error = copy_row(set, before, &row->before, &row->before_room);
    row->unread = error != DX_OK;
    return error;
}

/* --- Packed rows ----------------------------------------------------------------------------- */

static dx_unwritten_packed *find_packed(const dx_unwritten *set, int64_t key) {
    const dx_key_slot *slot = set->packed_left == 0 ? NULL : dx_key_table_find(&set->places, key);
    return slot != NULL && (slot->value & PACKED) != 0 ? &set->packed[slot->value & ~PACKED] : NULL;
}

const dx_unwritten_packed *dx_unwritten_find_packed(const dx_unwritten *set, int64_t key) {
    return find_packed(set, key);
}

static void count_packed(dx_unwritten *set, const dx_unwritten_packed *packed, int64_t by) {
    set->packed_objects += by * packed->objects;
    set->packed_links += by * packed->links;
}

static int grow_packed(dx_unwritten *set) {
    if (set->packed_count < set->packed_capacity) {
        return DX_OK;
    }
    size_t capacity = set->packed_capacity == 0 ? CAPACITY_FIRST : 2 * set->packed_capacity;
    dx_unwritten_packed *packed = dx_alloc_grow(
        set->alloc, set->packed, set->packed_capacity * sizeof *packed, capacity * sizeof *packed);
    if (packed == NULL) {
        return DX_E_NO_MEMORY;
    }
    set->packed = packed;
    set->packed_capacity = capacity;
    return DX_OK;
}

int dx_unwritten_pack(dx_unwritten *set, int64_t key, const dx_unwritten_packed *packed, int64_t parent) {
    int error = grow_packed(set);
    error =
        error == DX_OK ? dx_key_table_add(&set->places, key, PACKED | (uint32_t)set->packed_count) : error;
    if (error == DX_OK) {
        set->packed[set->packed_count++] = *packed;
        set->packed_left++;
        set->made += !packed->was;
    } else if (error == DX_E_EXISTS) {
        dx_unwritten_packed *earlier = find_packed(set, key);
        DX_ASSERT(earlier != NULL);
        count_packed(set, earlier, -1);
        *earlier = *packed;
    } else {
        return error;
    }
    count_packed(set, packed, 1);
    return parent != 0 ? note_parent(set, parent) : DX_OK;
}

/* Its states have no room here: a put gives them one of their own. */
int dx_unwritten_load(dx_unwritten *set, const dx_unwritten_row *row) {
    const dx_unwritten_packed *packed = find_packed(set, row->key);
    DX_ASSERT(packed != NULL);
    int error = grow(set);
    if (error == DX_OK) {
        dx_unwritten_row *loaded = dx_unwritten_at(set, set->row_count);
        *loaded = *row;
        loaded->unread = loaded->was;
        count_packed(set, packed, -1);
        set->packed_left--;
        dx_key_table_set(&set->places, row->key, (uint32_t)set->row_count++);
    }
    return error;
}

/* --- Touches --------------------------------------------------------------------------------- */

int dx_unwritten_touch(dx_unwritten *set, const dx_touch_row *touch) {
    if (set->touch_count == set->touch_capacity) {
        size_t capacity = set->touch_capacity == 0 ? CAPACITY_FIRST : 2 * set->touch_capacity;
        dx_touch_row *touches = dx_alloc_grow(set->alloc, set->touches, set->touch_capacity * sizeof *touches,
                                              capacity * sizeof *touches);
        if (touches == NULL) {
            return DX_E_NO_MEMORY;
        }
        set->touches = touches;
        set->touch_capacity = capacity;
    }
    set->touches[set->touch_count++] = *touch;
    return DX_OK;
}

size_t dx_unwritten_size(const dx_unwritten *set) {
    return set->states.held_size + set->chunk_count * DX_UNWRITTEN_CHUNK_ROWS * sizeof **set->rows +
           set->packed_capacity * sizeof *set->packed + set->touch_capacity * sizeof *set->touches +
           set->places.capacity * sizeof *set->places.slots;
}

/* --- Order ----------------------------------------------------------------------------------- */

static bool precedes(const dx_touch_row *left, const dx_touch_row *right) {
    return dx_touch_row_compare(left, right) < 0;
}

static void sift_down(dx_touch_row *touches, size_t root, size_t count) {
    dx_touch_row touch = touches[root];
    for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
        child += child + 1 < count && precedes(&touches[child], &touches[child + 1]);
        if (!precedes(&touch, &touches[child])) {
            break;
        }
        touches[root] = touches[child];
        root = child;
    }
    touches[root] = touch;
}

/* In place and without a worst case. */
void dx_unwritten_sort_touches(dx_unwritten *set) {
    dx_touch_row *touches = set->touches;
    for (size_t root = set->touch_count / 2; root-- > 0;) {
        sift_down(touches, root, set->touch_count);
    }
    for (size_t end = set->touch_count; end-- > 1;) {
        dx_touch_row last = touches[0];
        touches[0] = touches[end];
        touches[end] = last;
        sift_down(touches, 0, end);
    }
}

int dx_unwritten_order(dx_unwritten *set, dx_buf *keys) {
    DX_ASSERT(set->packed_left == 0);
    for (size_t i = 0; i < set->row_count; i++) {
        dx_key_list_add(keys, dx_unwritten_at(set, i)->key);
    }
    dx_key_list_sort(keys);
    dx_unwritten_sort_touches(set);
    return dx_buf_error(keys);
}
