/* echo/parents.h: which object stands under which, remembered while a deep tree is gone up again and again.
 *
 * Layer: floor 1, echo, private to this room. A look at a row's parent costs a seek in the store; a block of moves at the
 * bottom of a tree goes up the whole of it for each. What was looked at is kept here, as long as there is room; the rest is
 * read each time. It is begun by whoever goes up far (hierarchy.c), told of every row that changes (entity_row.c), and gone
 * when the pipeline's turn ends (dx_space_trim).
 *
 * Ownership: a space's, NULL while nobody went far. */
#ifndef DX_ECHO_PARENTS_H
#define DX_ECHO_PARENTS_H

#include <dxos/base.h>

enum {
    DX_PARENTS_PLACES = 1 << 17, /* 2 MB: three quarters of them, a tree of some 100,000 levels */
    DX_PARENTS_FAR = 64          /* levels from which it is worth while */
};

typedef struct dx_parents dx_parents;

dx_parents *dx_parents_create(const dx_alloc *alloc, const dx_random *random); /* NULL: no memory */
void dx_parents_destroy(dx_parents *self, const dx_alloc *alloc);              /* NULL is nothing */
/* False: not known here. self may be NULL. */
bool dx_parents_find(const dx_parents *self, int64_t key, int64_t *parent);
void dx_parents_put(dx_parents *self, int64_t key, int64_t parent);

#endif
