/* halo/sorted.h: an array kept in order, found by halving.
 *
 * Layer: floor 1, halo, private to this room. Order is memcmp order of what the caller compares, never that
 * of addresses, so walking one gives the same sequence on every replica. Inserting moves what follows; at the
 * hundred thousand entries a space may hold, that costs less than checking the signature of what is inserted.
 * Ownership: the array owns its slots, not what pointers in them point to. */
#ifndef DX_HALO_SORTED_H
#define DX_HALO_SORTED_H

#include <dxos/base.h>

typedef struct dx_sorted {
    uint8_t *items;
    size_t count, capacity, width;
} dx_sorted;

/* <0: the item stands before the key, 0: it is the one, >0: behind. */
typedef int (*dx_sorted_compare)(const void *item, const void *key);

/* Where the first item not before the key stands, or would. */
size_t dx_sorted_find(const dx_sorted *sorted, const void *key, dx_sorted_compare compare);
/* The item at an index; NULL past the end. */
void *dx_sorted_at(const dx_sorted *sorted, size_t index);
/* The item equal to the key, or NULL. */
void *dx_sorted_get(const dx_sorted *sorted, const void *key, dx_sorted_compare compare);
/* An empty slot at an index, the rest moved up. NULL: no memory. */
void *dx_sorted_open(dx_sorted *sorted, const dx_alloc *alloc, size_t index);
void dx_sorted_remove(dx_sorted *sorted, size_t index);
void dx_sorted_deinit(dx_sorted *sorted, const dx_alloc *alloc);

#endif
