/* dx/names.h: a map from names to numbers, for resolving what the lines of an import say of each other.
 *
 * Layer: apps. Open addressing over one array; names live in one buffer. The hash is keyed at random, so that
 * no file can be written that makes it slow. Ownership: copies the names. */
#ifndef DX_APP_NAMES_H
#define DX_APP_NAMES_H

#include <dxos/base.h>

#define DX_NAMES_NONE UINT32_MAX

typedef struct dx_names_slot {
    uint64_t hash;
    size_t at, size; /* in text */
    uint32_t number;
    bool used;
} dx_names_slot;

typedef struct dx_names {
    dx_buf text;
    dx_names_slot *slots;
    size_t capacity, count; /* capacity: a power of two, 0 at first */
    uint64_t key;
} dx_names;

void dx_names_init(dx_names *names, uint64_t key);
void dx_names_deinit(dx_names *names);
/* The first number given to a name stays; *number is the one that holds. DX_E_NO_MEMORY. */
DX_MUST_USE int dx_names_add(dx_names *names, dx_bytes name, uint32_t *number);
/* DX_NAMES_NONE: not there. */
uint32_t dx_names_find(const dx_names *names, dx_bytes name);

#endif
