/* codec/compression.c: see compression.h. */
#include "codec/compression.h"

#define ZSTD_STATIC_LINKING_ONLY /* whose memory the library takes is said by calls that are not in its stable part */
#include <string.h>
#include <zstd.h>

/* The library frees without a size: it stands before each block. */
/* A block of 128 KiB takes four bytes at least. */
enum { HEAD = 16, LEVEL = 3, RATIO_MAX = 32768 };

/* An allocator and the library's word that it had no memory, which it calls by many names. */
typedef struct memory {
    const dx_alloc *alloc;
    bool refused;
} memory;

static void *take(void *ctx, size_t size) {
    memory *self = ctx;
    uint8_t *block = size > SIZE_MAX - HEAD ? NULL : dx_alloc_take(self->alloc, size + HEAD);
    if (block == NULL) {
        self->refused = true;
        return NULL;
    }
    memcpy(block, &size, sizeof size);
    return block + HEAD;
}

static void give_back(void *ctx, void *block) {
    memory *self = ctx;
    size_t size;
    if (block != NULL) {
        uint8_t *whole = (uint8_t *)block - HEAD;
        memcpy(&size, whole, sizeof size);
        dx_alloc_free(self->alloc, whole, size + HEAD);
    }
}

int dx_compress(const dx_alloc *alloc, dx_bytes bytes, dx_buf *out) {
    memory library = {.alloc = alloc};
    size_t begun = out->size, bound = ZSTD_compressBound(bytes.size);
    uint8_t *room = dx_buf_extend(out, bound);
    if (room == NULL) {
        return dx_buf_error(out);
    }
    ZSTD_CCtx *context = ZSTD_createCCtx_advanced((ZSTD_customMem){take, give_back, &library});
    size_t size =
        context == NULL ? 0 : ZSTD_compressCCtx(context, room, bound, bytes.data, bytes.size, LEVEL);
    bool failed = context == NULL || ZSTD_isError(size);
    ZSTD_freeCCtx(context);
    out->size = begun + (failed ? 0 : size);
    return failed ? DX_E_NO_MEMORY : DX_OK; /* there is room, and the level exists */
}

int dx_decompress(const dx_alloc *alloc, dx_bytes frame, size_t size, dx_buf *out) {
    memory library = {.alloc = alloc};
    size_t begun = out->size;
    if (frame.size == 0 || size / RATIO_MAX > frame.size ||
        ZSTD_getFrameContentSize(frame.data, frame.size) != size) {
        return DX_E_MALFORMED;
    }
    uint8_t *room = dx_buf_extend(out, size);
    if (room == NULL && size != 0) {
        return dx_buf_error(out);
    }
    ZSTD_DCtx *context = ZSTD_createDCtx_advanced((ZSTD_customMem){take, give_back, &library});
    size_t read = context == NULL ? 0 : ZSTD_decompressDCtx(context, room, size, frame.data, frame.size);
    ZSTD_freeDCtx(context);
    if (context != NULL && read == size) {
        return DX_OK;
    }
    out->size = begun;
    return library.refused ? DX_E_NO_MEMORY : DX_E_MALFORMED;
}
