/* text/pool.h: memory of a sequence: blocks of up to 1 KiB, and records of one size under handles, both out of larger pieces.
 *
 * Layer: floor 1, text, private to the engine. The calls named reserve ask the allocator; what they reserved is handed out
 * without fail. Who takes more than was reserved has the allocator asked at once, and ends the program when that has nothing:
 * reserving too little is an error of ours. Blocks given back are kept for others of their class. A piece that was never cut up
 * can be given back. */
#ifndef DX_TEXT_POOL_H
#define DX_TEXT_POOL_H

#include <dxos/base.h>

enum {
    DX_TEXT_BLOCK_MAX = 1024,
    DX_TEXT_CLASSES = 28, /* sizes: by 16 to 128, by 32 to 512, by 64 to 1024 */
    DX_TEXT_PIECE_MAX = 8 * 1024
};

typedef struct dx_text_piece {
    struct dx_text_piece *next;
    size_t size;
} dx_text_piece;

typedef struct dx_text_pool {
    const dx_alloc *alloc;
    dx_text_piece *pieces; /* being cut up, and those cut up whole */
    dx_text_piece *spare;  /* not begun */
    uint8_t *at, *end;     /* of the piece being cut up */
    size_t spare_room;     /* of all not begun, for certain */
    size_t bytes;          /* of all */
    void *free[DX_TEXT_CLASSES];
} dx_text_pool;

void dx_text_pool_init(dx_text_pool *pool, const dx_alloc *alloc);
void dx_text_pool_deinit(dx_text_pool *pool);
/* That many bytes of blocks can be taken then, whatever their sizes. DX_E_NO_MEMORY: nothing changed. */
int dx_text_pool_reserve(dx_text_pool *pool, size_t size);
/* Bytes that can be taken for certain, whatever their sizes. */
static inline size_t dx_text_pool_room(const dx_text_pool *pool) {
    size_t here = (size_t)(pool->end - pool->at);
    return pool->spare_room + (here > DX_TEXT_BLOCK_MAX ? here - DX_TEXT_BLOCK_MAX : 0);
}

/* Gives back pieces not begun. */
void dx_text_pool_trim(dx_text_pool *pool);
/* The size a block of at least `size` (at most DX_TEXT_BLOCK_MAX) has. */
size_t dx_text_pool_size(size_t size);
/* A block, reserved before; contents are of no meaning. */
void *dx_text_pool_take(dx_text_pool *pool, size_t size);
/* One that was given back; NULL: there is none of that class. Takes nothing of what is reserved. */
void *dx_text_pool_reuse(dx_text_pool *pool, size_t size);
/* size: as it was taken, or as dx_text_pool_size had it. */
void dx_text_pool_free(dx_text_pool *pool, void *block, size_t size);

/* Records under handles from 1 on, which never move. The first four bytes of a free one belong to the slab. */
enum { DX_TEXT_SLAB_BITS = 6, DX_TEXT_SLAB_CHUNK = 1 << DX_TEXT_SLAB_BITS };

typedef struct dx_text_slab {
    const dx_alloc *alloc;
    uint8_t **chunks;
    size_t chunk_count, chunk_room;
    uint32_t record, used, free,
        free_count; /* record: bytes of each; used: handles ever given out; free: first of the free */
} dx_text_slab;

void dx_text_slab_init(dx_text_slab *slab, const dx_alloc *alloc, uint32_t record);
void dx_text_slab_deinit(dx_text_slab *slab);
/* DX_E_NO_MEMORY; DX_E_LIMIT: handles have 32 bits. Then nothing changed. */
int dx_text_slab_reserve(dx_text_slab *slab, size_t count);
void dx_text_slab_trim(dx_text_slab *slab);
void dx_text_slab_clear(dx_text_slab *slab);    /* all records are free, the memory is kept */
uint32_t dx_text_slab_take(dx_text_slab *slab); /* zeroed, reserved before */
void dx_text_slab_free(dx_text_slab *slab, uint32_t handle);
size_t dx_text_slab_memory(const dx_text_slab *slab);

static inline void *dx_text_slab_at(const dx_text_slab *slab, uint32_t handle) {
    uint32_t at = handle - 1;
    return slab->chunks[at >> DX_TEXT_SLAB_BITS] + (size_t)(at & (DX_TEXT_SLAB_CHUNK - 1)) * slab->record;
}

/* Records that can be taken now. */
static inline size_t dx_text_slab_room(const dx_text_slab *slab) {
    return slab->chunk_count * DX_TEXT_SLAB_CHUNK - slab->used + slab->free_count;
}

#endif
