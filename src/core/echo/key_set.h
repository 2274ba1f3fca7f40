/* echo/key_set.h: many entity keys in memory: sorted lists, sets, and a table from key to number.
 *
 * Layer: floor 1, echo. A list is a dx_buf of int64_t; a set and a table are open addressing over a seeded hash, so that
 * no author of keys can choose collisions. A set keeps 64 neighbouring keys in one word: keys come in runs, of one
 * block's sections or of one feed's blocks. Nothing depends on a table's or a set's order. Ownership: all own their
 * memory. */
#ifndef DX_ECHO_KEY_SET_H
#define DX_ECHO_KEY_SET_H

#include <string.h>

#include <dxos/base.h>

/* --- Lists --------------------------------------------------------------------------------------- */

/* Sticky error of the buffer. */
static inline void dx_key_list_add(dx_buf *list, int64_t key) {
    if (list->error != DX_OK || list->capacity - list->size < sizeof key) {
        dx_buf_append(list, &key, sizeof key);
        return;
    }
    memcpy(list->data + list->size, &key, sizeof key);
    list->size += sizeof key;
}

static inline size_t dx_key_list_count(const dx_buf *list) {
    return list->size / sizeof(int64_t);
}

static inline int64_t dx_key_list_at(const dx_buf *list, size_t index) {
    int64_t key;
    memcpy(&key, list->data + index * sizeof key, sizeof key);
    return key;
}

/* Whether a sorted list has the key. */
bool dx_key_list_has(const dx_buf *list, int64_t key);
/* Ascending, each key once. */
void dx_key_list_sort(dx_buf *list);

/* --- Sets ---------------------------------------------------------------------------------------- */

/* Keys of eight blocks, each with eight sections, side by side. */
typedef struct dx_key_tile {
    int64_t tile;
    uint64_t keys; /* a bit for each; 0: the place is free */
} dx_key_tile;

typedef struct dx_key_set {
    dx_key_tile *tiles;
    size_t capacity, tile_count; /* capacity: a power of two, or 0 */
    size_t count, count_max;     /* of keys */
    uint64_t seed;
    const dx_alloc *alloc;
} dx_key_set;

void dx_key_set_init(dx_key_set *set, const dx_alloc *alloc, const dx_random *random, size_t count_max);
void dx_key_set_deinit(dx_key_set *set);
void dx_key_set_clear(dx_key_set *set); /* memory given back */
bool dx_key_set_has(const dx_key_set *set, int64_t key);
/* Whether it has all that the other one has. */
bool dx_key_set_holds(const dx_key_set *set, const dx_key_set *other);
/* DX_E_EXISTS, DX_E_LIMIT, DX_E_NO_MEMORY. */
DX_MUST_USE int dx_key_set_add(dx_key_set *set, int64_t key);

/* --- Tables -------------------------------------------------------------------------------------- */

typedef struct dx_key_slot {
    int64_t key; /* 0: free; no entity has key 0 */
    uint32_t value;
} dx_key_slot;

typedef struct dx_key_table {
    dx_key_slot *slots;
    size_t capacity, count; /* capacity: a power of two, or 0 */
    size_t count_max;
    uint64_t seed;
    const dx_alloc *alloc;
} dx_key_table;

void dx_key_table_init(dx_key_table *table, const dx_alloc *alloc, const dx_random *random, size_t count_max);
void dx_key_table_deinit(dx_key_table *table);
void dx_key_table_clear(dx_key_table *table); /* memory given back */
/* NULL: not there. */
const dx_key_slot *dx_key_table_find(const dx_key_table *table, int64_t key);
/* DX_E_EXISTS (its value stays), DX_E_LIMIT, DX_E_NO_MEMORY. */
DX_MUST_USE int dx_key_table_add(dx_key_table *table, int64_t key, uint32_t value);
/* The value of a key that is there. */
void dx_key_table_set(dx_key_table *table, int64_t key, uint32_t value);
/* False: was not there. */
bool dx_key_table_remove(dx_key_table *table, int64_t key);

#endif
