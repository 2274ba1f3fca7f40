/* echo/key_set.c: sorted lists, sets and tables of keys.
 *
 * Layer: floor 1, echo. Contract in key_set.h. */
#include "echo/key_set.h"

/* --- Lists --------------------------------------------------------------------------------------- */

bool dx_key_list_has(const dx_buf *list, int64_t key) {
    size_t low = 0, high = dx_key_list_count(list);
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int64_t at = dx_key_list_at(list, middle);
        if (at == key) {
            return true;
        }
        low = at < key ? middle + 1 : low;
        high = at < key ? high : middle;
    }
    return false;
}

static void sift_down(int64_t *keys, size_t root, size_t count) {
    int64_t key = keys[root];
    for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
        child += child + 1 < count && keys[child] < keys[child + 1];
        if (keys[child] <= key) {
            break;
        }
        keys[root] = keys[child];
        root = child;
    }
    keys[root] = key;
}

enum { RADIX_COUNT_MIN = 256 }; /* below it tables of 256 places cost more than they save */

/* In place and without a worst case. */
static void heap_sort(int64_t *keys, size_t count) {
    for (size_t root = count / 2; root-- > 0;) {
        sift_down(keys, root, count);
    }
    for (size_t end = count; end-- > 1;) {
        int64_t largest = keys[0];
        keys[0] = keys[end];
        keys[end] = largest;
        sift_down(keys, 0, end);
    }
}

/* Byte by byte from the lowest, passing over those that are alike in all; false: no memory for a copy. */
static bool radix_sort(const dx_alloc *alloc, int64_t *keys, size_t count) {
    int64_t *spare = dx_alloc_take(alloc, count * sizeof *spare), *from = keys, *to = spare;
    uint64_t varies = 0;
    if (spare == NULL) {
        return false;
    }
    for (size_t i = 1; i < count; i++) {
        varies |= (uint64_t)keys[i] ^ (uint64_t)keys[0];
    }
    for (unsigned shift = 0; shift < 64; shift += 8) {
        size_t starts[256] = {0}, at = 0;
        if ((varies >> shift & 0xff) == 0) {
            continue;
        }
        for (size_t i = 0; i < count; i++) {
            starts[(uint64_t)from[i] >> shift & 0xff]++;
        }
        for (size_t i = 0; i < 256; i++) {
            size_t many = starts[i];
            starts[i] = at;
            at += many;
        }
        for (size_t i = 0; i < count; i++) {
            to[starts[(uint64_t)from[i] >> shift & 0xff]++] = from[i];
        }
        int64_t *held = from;
        from = to;
        to = held;
    }
    if (from == spare) {
        memcpy(keys, spare, count * sizeof *keys);
    }
    dx_alloc_free(alloc, spare, count * sizeof *spare);
    return true;
}

void dx_key_list_sort(dx_buf *list) {
    int64_t *keys = (int64_t *)(void *)list->data; /* allocators align for any type */
    size_t count = dx_key_list_count(list), kept = 0, i = 1;
    while (i < count && keys[i - 1] < keys[i]) {
        i++;
    }
    if (i >= count) {
        return; /* what one index entry after another gave is sorted already */
    }
    if (count < RADIX_COUNT_MIN || !radix_sort(list->alloc, keys, count)) { /* keys are never negative */
        heap_sort(keys, count);
    }
    for (i = 0; i < count; i++) {
        if (kept == 0 || keys[kept - 1] != keys[i]) {
            keys[kept++] = keys[i];
        }
    }
    list->size = kept * sizeof *keys;
}

/* --- Hashing ------------------------------------------------------------------------------------- */

enum { CAPACITY_FIRST = 64 };

/* A finalizer that lets every bit reach every bit, over number and seed. */
static size_t mix(int64_t number, uint64_t seed) {
    uint64_t z = (uint64_t)number ^ seed;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    z += seed;
    return (size_t)(z ^ (z >> 31));
}

/* --- Sets ---------------------------------------------------------------------------------------- */

void dx_key_set_init(dx_key_set *set, const dx_alloc *alloc, const dx_random *random, size_t count_max) {
    *set = (dx_key_set){.alloc = alloc, .count_max = count_max};
    random->fill(random->ctx, (uint8_t *)&set->seed, sizeof set->seed);
}

void dx_key_set_clear(dx_key_set *set) {
    dx_alloc_free(set->alloc, set->tiles, set->capacity * sizeof *set->tiles);
    set->tiles = NULL;
    set->capacity = set->tile_count = set->count = 0;
}

void dx_key_set_deinit(dx_key_set *set) {
    dx_key_set_clear(set);
}

/* A key is feed ‖ block ‖ section (space.h), the last 16 bits the section: three bits of each of the last two say where
 * in the tile. */
static int64_t tile_of(int64_t key) {
    return key >> 19 << 13 | (key & 0xffff) >> 3;
}

static uint64_t bit_of(int64_t key) {
    return UINT64_C(1) << ((key >> 16 & 7) << 3 | (key & 7));
}

/* A walk asks some hundred thousand times: one product with a random odd number, of which the highest bits are taken, so that no
 * two tiles come to one place oftener than by chance (Dietzfelbinger et al., A Reliable Randomized Algorithm for the
 * Closest-Pair Problem). The capacity is never 1. */
static dx_key_tile *find_tile(const dx_key_set *set, int64_t tile) {
    unsigned above = 64 - (unsigned)__builtin_ctzll(set->capacity);
    size_t at = (size_t)((uint64_t)tile * (set->seed | 1) >> above);
    while (set->tiles[at].keys != 0 && set->tiles[at].tile != tile) {
        at = (at + 1) & (set->capacity - 1);
    }
    return &set->tiles[at];
}

bool dx_key_set_has(const dx_key_set *set, int64_t key) {
    return set->capacity != 0 && (find_tile(set, tile_of(key))->keys & bit_of(key)) != 0;
}

bool dx_key_set_holds(const dx_key_set *set, const dx_key_set *other) {
    bool holds = true;
    for (size_t i = 0; i < other->capacity && holds; i++) {
        const dx_key_tile *tile = &other->tiles[i];
        uint64_t keys = set->capacity == 0 ? 0 : find_tile(set, tile->tile)->keys;
        holds = tile->keys == 0 || (tile->keys & ~keys) == 0;
    }
    return holds;
}

static int grow_set(dx_key_set *set) {
    dx_key_set larger = *set;
    larger.capacity = set->capacity == 0 ? CAPACITY_FIRST : 2 * set->capacity;
    larger.tiles = dx_alloc_take_zeroed(set->alloc, larger.capacity * sizeof *larger.tiles);
    if (larger.tiles == NULL) {
        return DX_E_NO_MEMORY;
    }
    for (size_t i = 0; i < set->capacity; i++) {
        if (set->tiles[i].keys != 0) {
            *find_tile(&larger, set->tiles[i].tile) = set->tiles[i];
        }
    }
    dx_alloc_free(set->alloc, set->tiles, set->capacity * sizeof *set->tiles);
    *set = larger;
    return DX_OK;
}

int dx_key_set_add(dx_key_set *set, int64_t key) {
    int64_t tile = tile_of(key);
    dx_key_tile *place = set->capacity == 0 ? NULL : find_tile(set, tile);
    if (place != NULL && (place->keys & bit_of(key)) != 0) {
        return DX_E_EXISTS;
    }
    if (set->count == set->count_max) {
        return DX_E_LIMIT;
    }
    if (place == NULL || (place->keys == 0 && 4 * (set->tile_count + 1) > 3 * set->capacity)) {
        int error = grow_set(set);
        if (error != DX_OK) {
            return error;
        }
        place = find_tile(set, tile);
    }
    set->tile_count += place->keys == 0;
    set->count++;
    place->tile = tile;
    place->keys |= bit_of(key);
    return DX_OK;
}

/* --- Tables -------------------------------------------------------------------------------------- */

void dx_key_table_init(dx_key_table *table, const dx_alloc *alloc, const dx_random *random,
                       size_t count_max) {
    *table = (dx_key_table){.alloc = alloc, .count_max = count_max};
    random->fill(random->ctx, (uint8_t *)&table->seed, sizeof table->seed);
}

void dx_key_table_clear(dx_key_table *table) {
    dx_alloc_free(table->alloc, table->slots, table->capacity * sizeof *table->slots);
    table->slots = NULL;
    table->capacity = table->count = 0;
}

void dx_key_table_deinit(dx_key_table *table) {
    dx_key_table_clear(table);
}

/* Where the key's run of slots begins. */
static size_t home_of(const dx_key_table *table, int64_t key) {
    return mix(key, table->seed) & (table->capacity - 1);
}

static size_t slot_of(const dx_key_table *table, int64_t key) {
    size_t slot = home_of(table, key);
    while (table->slots[slot].key != 0 && table->slots[slot].key != key) {
        slot = (slot + 1) & (table->capacity - 1);
    }
    return slot;
}

const dx_key_slot *dx_key_table_find(const dx_key_table *table, int64_t key) {
    if (table->capacity == 0) {
        return NULL;
    }
    const dx_key_slot *slot = &table->slots[slot_of(table, key)];
    return slot->key == 0 ? NULL : slot;
}

static int grow(dx_key_table *table) {
    dx_key_table larger = *table;
    larger.capacity = table->capacity == 0 ? CAPACITY_FIRST : 2 * table->capacity;
    larger.slots = dx_alloc_take_zeroed(table->alloc, larger.capacity * sizeof *larger.slots);
    if (larger.slots == NULL) {
        return DX_E_NO_MEMORY;
    }
    for (size_t i = 0; i < table->capacity; i++) {
        if (table->slots[i].key != 0) {
            larger.slots[slot_of(&larger, table->slots[i].key)] = table->slots[i];
        }
    }
    dx_alloc_free(table->alloc, table->slots, table->capacity * sizeof *table->slots);
    *table = larger;
    return DX_OK;
}

int dx_key_table_add(dx_key_table *table, int64_t key, uint32_t value) {
    DX_ASSERT(key != 0);
    size_t slot = table->capacity == 0 ? 0 : slot_of(table, key);
    if (table->capacity != 0 && table->slots[slot].key != 0) {
        return DX_E_EXISTS;
    }
    if (table->count == table->count_max) {
        return DX_E_LIMIT;
    }
    if (4 * (table->count + 1) > 3 * table->capacity) {
        int error = grow(table);
        if (error != DX_OK) {
            return error;
        }
        slot = slot_of(table, key);
    }
    table->slots[slot] = (dx_key_slot){key, value};
    table->count++;
    return DX_OK;
}

void dx_key_table_set(dx_key_table *table, int64_t key, uint32_t value) {
    dx_key_slot *slot = &table->slots[slot_of(table, key)];
    DX_ASSERT(slot->key == key);
    slot->value = value;
}

bool dx_key_table_remove(dx_key_table *table, int64_t key) {
    if (dx_key_table_find(table, key) == NULL) {
        return false;
    }
    size_t mask = table->capacity - 1, hole = slot_of(table, key);
    /* Whatever stands behind the hole and could have stood in it moves up, so that no run is ever cut. */
    for (size_t at = (hole + 1) & mask; table->slots[at].key != 0; at = (at + 1) & mask) {
        size_t home = home_of(table, table->slots[at].key);
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            table->slots[hole] = table->slots[at];
            hole = at;
        }
    }
    table->slots[hole].key = 0;
    table->count--;
    return true;
}
