/* echo/parents.c: parents that were looked at. Contract in parents.h.
 *
 * Layer: floor 1, echo. */
#include "echo/parents.h"

typedef struct place {
    int64_t key, parent; /* key 0: free */
} place;

struct dx_parents {
    uint64_t seed;
    size_t count;
    place places[DX_PARENTS_PLACES];
};

dx_parents *dx_parents_create(const dx_alloc *alloc, const dx_random *random) {
    dx_parents *self = dx_alloc_take_zeroed(alloc, sizeof *self);
    if (self != NULL) {
        random->fill(random->ctx, (uint8_t *)&self->seed, sizeof self->seed);
    }
    return self;
}

void dx_parents_destroy(dx_parents *self, const dx_alloc *alloc) {
    dx_alloc_free(alloc, self, sizeof *self);
}

/* The place of a key, or the free one where it would be; seeded, so that nobody chooses keys that meet. */
static size_t place_of(const dx_parents *self, int64_t key) {
    uint64_t z = ((uint64_t)key ^ self->seed) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 31)) * UINT64_C(0x94d049bb133111eb);
    size_t at = (size_t)(z ^ (z >> 29)) & (DX_PARENTS_PLACES - 1);
    while (self->places[at].key != 0 && self->places[at].key != key) {
        at = (at + 1) & (DX_PARENTS_PLACES - 1);
    }
    return at;
}

bool dx_parents_find(const dx_parents *self, int64_t key, int64_t *parent) {
    if (self == NULL) {
        return false;
    }
    const place *at = &self->places[place_of(self, key)];
    *parent = at->parent;
    return at->key == key;
}

void dx_parents_put(dx_parents *self, int64_t key, int64_t parent) {
    if (self == NULL) {
        return;
    }
    place *at = &self->places[place_of(self, key)];
    if (at->key == 0 && self->count == DX_PARENTS_PLACES / 4 * 3) {
        return;
    }
    self->count += at->key == 0;
    *at = (place){key, parent};
}
