/* echo/placed_rows.c: rows as their table has them, in places of one size. See placed_rows.h.
 *
 * Layer: floor 1, echo. */
#include "echo/placed_rows.h"

#include <string.h>

enum { WAYS = 2, CAPACITY_FIRST = 256, NUMBERS_MAX = 5, BYTES_SIZE = DX_PLACED_ROW_SIZE - 27 };

/* Which numbers stand before the state, in this order. */
enum { HAS_PARENT = 1, HAS_SOURCE = 2, HAS_TARGET = 4, HAS_LIFE = 8, IS_DELETED = 16 };

typedef struct placed_row {
    int64_t key; /* 0: free */
    int64_t created;
    int32_t type, model;
    uint8_t kind, flags, state_size;
    uint8_t bytes[BYTES_SIZE]; /* numbers that are there, then the state */
} placed_row;

struct dx_placed_rows {
    const dx_alloc *alloc;
    placed_row *rows; /* capacity, two for each set of keys, the one that was put later first */
    size_t capacity, count;
};

_Static_assert(sizeof(placed_row) == DX_PLACED_ROW_SIZE, "two lines of a processor's cache");

/* --- Life ------------------------------------------------------------------------------------ */

dx_placed_rows *dx_placed_rows_create(const dx_alloc *alloc) {
    dx_placed_rows *placed = dx_alloc_take(alloc, sizeof *placed);
    if (placed != NULL) {
        *placed = (dx_placed_rows){.alloc = alloc};
    }
    return placed;
}

void dx_placed_rows_clear(dx_placed_rows *placed) {
    dx_alloc_free(placed->alloc, placed->rows, placed->capacity * sizeof *placed->rows);
    *placed = (dx_placed_rows){.alloc = placed->alloc};
}

void dx_placed_rows_destroy(dx_placed_rows *placed) {
    if (placed != NULL) {
        dx_placed_rows_clear(placed);
        dx_alloc_free(placed->alloc, placed, sizeof *placed);
    }
}

/* --- Places ---------------------------------------------------------------------------------- */

/* The first of the places of a key. Keys that meet cost a reading, so nobody gains by choosing them. */
static placed_row *places_of(const dx_placed_rows *placed, int64_t key) {
    uint64_t mixed = (uint64_t)key * UINT64_C(0x9e3779b97f4a7c15);
    return &placed->rows[(size_t)(mixed >> 32) & (placed->capacity - WAYS)];
}

static void put_in_place(dx_placed_rows *placed, const placed_row *row) {
    placed_row *places = places_of(placed, row->key);
    if (places[0].key != row->key && places[0].key != 0) {
        placed->count += places[1].key == 0;
        places[1] = places[0];
    } else {
        placed->count += places[0].key == 0;
    }
    places[0] = *row;
}

/* Twice as large while most places are taken. */
static bool grow(dx_placed_rows *placed, size_t most) {
    if (placed->capacity != 0 && (placed->count < placed->capacity / 4 * 3 || placed->capacity >= most)) {
        return true;
    }
    size_t capacity = placed->capacity != 0   ? 2 * placed->capacity
                      : most < CAPACITY_FIRST ? most
                                              : CAPACITY_FIRST;
    dx_placed_rows larger = {.alloc = placed->alloc, .capacity = capacity};
    larger.rows = dx_alloc_take_zeroed(placed->alloc, capacity * sizeof *larger.rows);
    if (larger.rows == NULL) {
        return placed->capacity != 0;
    }
    for (size_t i = placed->capacity; i-- > 0;) {
        if (placed->rows[i].key != 0) {
            put_in_place(&larger, &placed->rows[i]);
        }
    }
    dx_placed_rows_clear(placed);
    *placed = larger;
    return true;
}

/* --- Rows ------------------------------------------------------------------------------------ */

static size_t list_numbers(const dx_entity_row *row, int64_t numbers[static NUMBERS_MAX], uint8_t *flags) {
    size_t count = 0;
    const struct {
        bool there;
        uint8_t flag;
        int64_t number;
    } all[NUMBERS_MAX] = {{row->parent != 0, HAS_PARENT, row->parent},
                          {row->source != 0, HAS_SOURCE, row->source},
                          {row->target != 0, HAS_TARGET, row->target},
                          {row->has_life, HAS_LIFE, row->life_counter},
                          {row->has_life, HAS_LIFE, row->life_feed}};
    *flags = row->deleted ? IS_DELETED : 0;
    for (size_t i = 0; i < NUMBERS_MAX; i++) {
        if (all[i].there) {
            *flags |= all[i].flag;
            numbers[count++] = all[i].number;
        }
    }
    return count;
}

static bool fits(const dx_entity_row *row, size_t numbers) {
    return row->kind >= 0 && row->kind <= UINT8_MAX && row->type >= INT32_MIN && row->type <= INT32_MAX &&
           row->model >= INT32_MIN && row->model <= INT32_MAX &&
           numbers * sizeof(int64_t) + row->state.size <= BYTES_SIZE;
}

void dx_placed_rows_put(dx_placed_rows *placed, const dx_entity_row *row, size_t most) {
    int64_t numbers[NUMBERS_MAX];
    uint8_t flags;
    size_t count = list_numbers(row, numbers, &flags);
    if (!fits(row, count) || !grow(placed, most)) {
        dx_placed_rows_remove(placed, row->key);
        return;
    }
    placed_row packed = {.key = row->key,
                         .created = row->created,
                         .type = (int32_t)row->type,
                         .model = (int32_t)row->model,
                         .kind = (uint8_t)row->kind,
                         .flags = flags,
                         .state_size = (uint8_t)row->state.size};
    memcpy(packed.bytes, numbers, count * sizeof *numbers);
    if (row->state.size != 0) {
        memcpy(packed.bytes + count * sizeof *numbers, row->state.data, row->state.size);
    }
    dx_placed_rows_remove(placed, row->key);
    put_in_place(placed, &packed);
}

static placed_row *find(const dx_placed_rows *placed, int64_t key) {
    placed_row *places = placed->capacity == 0 ? NULL : places_of(placed, key);
    return places == NULL         ? NULL
           : places[0].key == key ? &places[0]
           : places[1].key == key ? &places[1]
                                  : NULL;
}

void dx_placed_rows_remove(dx_placed_rows *placed, int64_t key) {
    placed_row *row = find(placed, key);
    if (row != NULL) {
        row->key = 0;
        placed->count--;
    }
}

static int64_t take_number(const placed_row *row, uint8_t flag, size_t *at) {
    int64_t number = 0;
    if ((row->flags & flag) != 0) {
        memcpy(&number, row->bytes + *at, sizeof number);
        *at += sizeof number;
    }
    return number;
}

bool dx_placed_rows_find(const dx_placed_rows *placed, int64_t key, dx_entity_row *out) {
    const placed_row *row = find(placed, key);
    size_t at = 0;
    if (row == NULL) {
        return false;
    }
    *out = (dx_entity_row){.key = key,
                           .kind = row->kind,
                           .type = row->type,
                           .model = row->model,
                           .created = row->created,
                           .deleted = (row->flags & IS_DELETED) != 0,
                           .has_life = (row->flags & HAS_LIFE) != 0};
    out->parent = take_number(row, HAS_PARENT, &at);
    out->source = take_number(row, HAS_SOURCE, &at);
    out->target = take_number(row, HAS_TARGET, &at);
    out->life_counter = take_number(row, HAS_LIFE, &at);
    out->life_feed = take_number(row, HAS_LIFE, &at);
    out->state = dx_bytes_of(row->state_size != 0 ? row->bytes + at : NULL, row->state_size);
    return true;
}
