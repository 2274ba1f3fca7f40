/* base/arena.h: memory that dies all at once.
 *
 * Layer: floor 1, base. For the effects of a step and for scratch: take many times, reset once. Chunks
 * double; a reset keeps the newest, so a steady state allocates nothing, and gives back what an unusually
 * large step took. Invariants: the sum of all chunk sizes never exceeds max_size; every block is aligned for
 * any type. Ownership: the arena owns every block it gave; a block is valid until the next reset or deinit.
 */
#ifndef DX_BASE_ARENA_H
#define DX_BASE_ARENA_H

#include <dxos/base.h>

typedef struct dx_arena_chunk dx_arena_chunk;

typedef struct dx_arena {
    const dx_alloc *alloc;
    dx_arena_chunk *chunks; /* newest first; blocks are cut from the newest only */
    size_t max_size;
    size_t held_size; /* sum of the chunks' sizes, headers included */
} dx_arena;

void dx_arena_init(dx_arena *arena, const dx_alloc *alloc, size_t max_size);
void dx_arena_deinit(dx_arena *arena);
/* NULL when the maximum is reached or memory ran out. Size 0 gives a valid pointer to nothing. */
void *dx_arena_take(dx_arena *arena, size_t size);
/* A copy of the bytes; data NULL when there is no memory (never NULL otherwise). */
dx_bytes dx_arena_copy(dx_arena *arena, dx_bytes bytes);
/* All blocks die, wiped; the newest chunk is kept for the next round unless it is larger than
 * DX_ARENA_KEPT_SIZE_MAX. */
void dx_arena_reset(dx_arena *arena);

#endif
