/* base/arena.c: a list of chunks, each twice the last, cut from the front.
 *
 * Layer: floor 1, base. Contract in base/arena.h. */
#include "base/arena.h"
#include "base/limits.h"

#include <stdalign.h>
#include <string.h>

struct dx_arena_chunk {
    dx_arena_chunk *next;
    size_t size; /* of the whole allocation */
    size_t used; /* from the chunk's own start, header included */
};

enum {
    ALIGNMENT = alignof(max_align_t),
    HEADER_SIZE = (sizeof(dx_arena_chunk) + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT
};

void dx_arena_init(dx_arena *arena, const dx_alloc *alloc, size_t max_size) {
    *arena = (dx_arena){.alloc = alloc, .max_size = max_size};
}

static void free_chunks(dx_arena *arena, dx_arena_chunk *chunk) {
    while (chunk != NULL) {
        dx_arena_chunk *next = chunk->next;
        arena->held_size -= chunk->size;
        size_t size = chunk->size;
        memset(chunk, 0, chunk->used); /* nothing was written beyond; a reset wiped what it let go */
        (void)arena->alloc->resize(arena->alloc->ctx, chunk, size, 0);
        chunk = next;
    }
}

void dx_arena_deinit(dx_arena *arena) {
    free_chunks(arena, arena->chunks);
    arena->chunks = NULL;
}

/* A new chunk in front with room for at least size bytes: twice the newest if the maximum leaves room for it.
 */
static dx_arena_chunk *add_chunk(dx_arena *arena, size_t size) {
    size_t room = arena->max_size - arena->held_size;
    if (room < HEADER_SIZE || size > room - HEADER_SIZE) {
        return NULL;
    }
    size_t wanted = arena->chunks == NULL ? DX_ARENA_CHUNK_SIZE : arena->chunks->size * 2;
    if (wanted < size + HEADER_SIZE) {
        wanted = size + HEADER_SIZE;
    }
    if (wanted > room) {
        wanted = room;
    }
    dx_arena_chunk *chunk = dx_alloc_take(arena->alloc, wanted);
    if (chunk == NULL) {
        return NULL;
    }
    *chunk = (dx_arena_chunk){.next = arena->chunks, .size = wanted, .used = HEADER_SIZE};
    arena->chunks = chunk;
    arena->held_size += wanted;
    return chunk;
}

void *dx_arena_take(dx_arena *arena, size_t size) {
    if (size > arena->max_size) {
        return NULL;
    }
    size_t rounded = (size + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
    dx_arena_chunk *chunk = arena->chunks;
    if (chunk == NULL || rounded > chunk->size - chunk->used) {
        chunk = add_chunk(arena, rounded);
        if (chunk == NULL) {
            return NULL;
        }
    }
    void *block = (uint8_t *)chunk + chunk->used;
    chunk->used += rounded;
    return block;
}

dx_bytes dx_arena_copy(dx_arena *arena, dx_bytes bytes) {
    uint8_t *copy = dx_arena_take(arena, bytes.size);
    if (copy == NULL) {
        return (dx_bytes){NULL, 0};
    }
    if (bytes.size != 0) {
        memcpy(copy, bytes.data, bytes.size);
    }
    return (dx_bytes){copy, bytes.size};
}

void dx_arena_reset(dx_arena *arena) {
    dx_arena_chunk *kept = arena->chunks;
    if (kept != NULL && kept->size <= DX_ARENA_KEPT_SIZE_MAX) {
        free_chunks(arena, kept->next);
        kept->next = NULL;
        memset((uint8_t *)kept + HEADER_SIZE, 0, kept->used - HEADER_SIZE);
        kept->used = HEADER_SIZE;
    } else {
        dx_arena_deinit(arena);
    }
}
