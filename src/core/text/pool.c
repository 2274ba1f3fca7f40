/* text/pool.c: blocks of classes, cut from pieces in order and kept in lists when they come back; records likewise. */
#include "text/pool.h"

#include <string.h>

enum {
    HEAD = (sizeof(dx_text_piece) + 15) / 16 * 16,
    PIECE_MIN = 1024,
    TAIL_MAX = DX_TEXT_BLOCK_MAX - 16 /* what a piece may have left when the next block does not fit */
};

static unsigned class_of(size_t size) {
    if (size <= 128) {
        return size == 0 ? 0 : (unsigned)((size - 1) / 16);
    }
    return size <= 512 ? (unsigned)(8 + (size - 129) / 32) : (unsigned)(20 + (size - 513) / 64);
}

static size_t class_size(unsigned class) {
    return class < 8 ? (class + 1) * 16u : class < 20 ? 128 + (class - 7) * 32u : 512 + (class - 19) * 64u;
}

size_t dx_text_pool_size(size_t size) {
    return class_size(class_of(size));
}

void dx_text_pool_init(dx_text_pool *pool, const dx_alloc *alloc) {
    memset(pool, 0, sizeof *pool);
    pool->alloc = alloc;
}

static void free_pieces(dx_text_pool *pool, dx_text_piece *piece) {
    while (piece != NULL) {
        dx_text_piece *next = piece->next;
        dx_alloc_free(pool->alloc, piece, piece->size);
        piece = next;
    }
}

/* They held nothing yet, so that there is nothing to wipe. */
static void free_spare(dx_text_pool *pool, dx_text_piece *until) {
    while (pool->spare != until) {
        dx_text_piece *piece = pool->spare;
        pool->spare = piece->next;
        pool->bytes -= piece->size;
        pool->spare_room -= piece->size - HEAD - TAIL_MAX;
        pool->alloc->resize(pool->alloc->ctx, piece, piece->size, 0);
    }
}

void dx_text_pool_deinit(dx_text_pool *pool) {
    free_spare(pool, NULL);
    free_pieces(pool, pool->pieces);
    dx_text_pool_init(pool, pool->alloc);
}

void dx_text_pool_trim(dx_text_pool *pool) {
    free_spare(pool, NULL);
}

int dx_text_pool_reserve(dx_text_pool *pool, size_t size) {
    size_t here = (size_t)(pool->end - pool->at);
    if (size <= here) {
        return DX_OK;
    }
    here = here > TAIL_MAX ? here - TAIL_MAX : 0;
    dx_text_piece *before = pool->spare;
    while (size > here + pool->spare_room) {
        /* Small documents have small pieces: a quarter of what there is. */
        size_t wanted = size - here - pool->spare_room, room = PIECE_MIN;
        while (room < DX_TEXT_PIECE_MAX && (room < wanted || room < pool->bytes / 4)) {
            room *= 2;
        }
        size_t bytes = HEAD + TAIL_MAX + room;
        dx_text_piece *piece = dx_alloc_take(pool->alloc, bytes);
        if (piece == NULL) {
            free_spare(pool, before);
            return DX_E_NO_MEMORY;
        }
        piece->next = pool->spare;
        piece->size = bytes;
        pool->spare = piece;
        pool->spare_room += room;
        pool->bytes += bytes;
    }
    return DX_OK;
}

static void next_piece(dx_text_pool *pool) {
    size_t left = (size_t)(pool->end - pool->at);
    while (left > 0) {
        size_t cut = left;
        while (class_size(class_of(cut)) > cut) {
            cut -= 16;
        }
        dx_text_pool_free(pool, pool->at, cut);
        pool->at += cut;
        left -= cut;
    }
    pool->end = pool->at;
    if (pool->spare == NULL) {
        DX_ASSERT(dx_text_pool_reserve(pool, DX_TEXT_BLOCK_MAX) == DX_OK);
    }
    dx_text_piece *piece = pool->spare;
    DX_ASSERT(piece != NULL);
    pool->spare = piece->next;
    pool->spare_room -= piece->size - HEAD - TAIL_MAX;
    piece->next = pool->pieces;
    pool->pieces = piece;
    pool->at = (uint8_t *)piece + HEAD;
    pool->end = (uint8_t *)piece + piece->size;
}

void *dx_text_pool_reuse(dx_text_pool *pool, size_t size) {
    unsigned class = class_of(size);
    void *block = pool->free[class];
    if (block != NULL) {
        memcpy(&pool->free[class], block, sizeof block);
    }
    return block;
}

void *dx_text_pool_take(dx_text_pool *pool, size_t size) {
    void *block = dx_text_pool_reuse(pool, size);
    if (block == NULL) {
        size_t whole = dx_text_pool_size(size);
        if (whole > (size_t)(pool->end - pool->at)) {
            next_piece(pool);
        }
        block = pool->at;
        pool->at += whole;
    }
    return block;
}

void dx_text_pool_free(dx_text_pool *pool, void *block, size_t size) {
    unsigned class = class_of(size);
    memcpy(block, &pool->free[class], sizeof block);
    pool->free[class] = block;
}

/* --- Records ----------------------------------------------------------------------------------- */

void dx_text_slab_init(dx_text_slab *slab, const dx_alloc *alloc, uint32_t record) {
    memset(slab, 0, sizeof *slab);
    slab->alloc = alloc;
    slab->record = record;
}

void dx_text_slab_deinit(dx_text_slab *slab) {
    for (size_t i = 0; i < slab->chunk_count; i++) {
        dx_alloc_free(slab->alloc, slab->chunks[i], (size_t)DX_TEXT_SLAB_CHUNK * slab->record);
    }
    dx_alloc_free(slab->alloc, slab->chunks, slab->chunk_room * sizeof *slab->chunks);
    dx_text_slab_init(slab, slab->alloc, slab->record);
}

/* Those dropped hold nothing yet, so that there is nothing to wipe. */
static void drop_chunks(dx_text_slab *slab, size_t count) {
    while (slab->chunk_count > count) {
        slab->alloc->resize(slab->alloc->ctx, slab->chunks[--slab->chunk_count],
                            (size_t)DX_TEXT_SLAB_CHUNK * slab->record, 0);
    }
}

void dx_text_slab_trim(dx_text_slab *slab) {
    drop_chunks(slab, ((size_t)slab->used + DX_TEXT_SLAB_CHUNK - 1) / DX_TEXT_SLAB_CHUNK);
}

void dx_text_slab_clear(dx_text_slab *slab) {
    slab->used = 0;
    slab->free = 0;
    slab->free_count = 0;
}

int dx_text_slab_reserve(dx_text_slab *slab, size_t count) {
    size_t room = dx_text_slab_room(slab), before = slab->chunk_count;
    if (count <= room) {
        return DX_OK;
    }
    size_t more = (count - room + DX_TEXT_SLAB_CHUNK - 1) / DX_TEXT_SLAB_CHUNK;
    if (more > UINT32_MAX / DX_TEXT_SLAB_CHUNK - before) {
        return DX_E_LIMIT;
    }
    if (before + more > slab->chunk_room) {
        size_t grown = before + more + slab->chunk_room / 4 + 4;
        uint8_t **chunks = dx_alloc_grow(slab->alloc, slab->chunks, slab->chunk_room * sizeof *chunks,
                                         grown * sizeof *chunks);
        if (chunks == NULL) {
            return DX_E_NO_MEMORY;
        }
        slab->chunks = chunks;
        slab->chunk_room = grown;
    }
    while (slab->chunk_count < before + more) {
        uint8_t *chunk = dx_alloc_take(slab->alloc, (size_t)DX_TEXT_SLAB_CHUNK * slab->record);
        if (chunk == NULL) {
            drop_chunks(slab, before);
            return DX_E_NO_MEMORY;
        }
        slab->chunks[slab->chunk_count++] = chunk;
    }
    return DX_OK;
}

uint32_t dx_text_slab_take(dx_text_slab *slab) {
    uint32_t handle = slab->free;
    if (handle != 0) {
        memcpy(&slab->free, dx_text_slab_at(slab, handle), sizeof slab->free);
        slab->free_count--;
    } else {
        if (slab->used == slab->chunk_count * DX_TEXT_SLAB_CHUNK) {
            DX_ASSERT(dx_text_slab_reserve(slab, 1) == DX_OK);
        }
        handle = ++slab->used;
    }
    memset(dx_text_slab_at(slab, handle), 0, slab->record);
    return handle;
}

void dx_text_slab_free(dx_text_slab *slab, uint32_t handle) {
    void *record = dx_text_slab_at(slab, handle);
    memset(record, 0, slab->record);
    memcpy(record, &slab->free, sizeof slab->free);
    slab->free = handle;
    slab->free_count++;
}

size_t dx_text_slab_memory(const dx_text_slab *slab) {
    return slab->chunk_count * DX_TEXT_SLAB_CHUNK * slab->record + slab->chunk_room * sizeof *slab->chunks;
}
