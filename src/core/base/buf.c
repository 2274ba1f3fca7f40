/* base/buf.c: the allocator port's three verbs and the owned, bounded, growing buffer.
 *
 * Layer: floor 1, base. Invariants of dx_buf: size <= capacity <= max; data is NULL exactly while capacity is
 * 0; a buffer with a sticky error keeps what was written before the failure; bytes that were dropped are zero.
 */
#include <dxos/base.h>
#include <string.h>

enum { CAPACITY_FIRST = 64 }; /* saves the first few reallocations of a small message */

void *dx_alloc_take(const dx_alloc *alloc, size_t size) {
    return size == 0 ? NULL : alloc->resize(alloc->ctx, NULL, 0, size);
}

void *dx_alloc_take_zeroed(const dx_alloc *alloc, size_t size) {
    void *block = dx_alloc_take(alloc, size);
    if (block != NULL) {
        memset(block, 0, size);
    }
    return block;
}

/* No compiler may leave this memset out: the port it is handed to is not known before the program runs. */
void dx_alloc_free(const dx_alloc *alloc, void *block, size_t size) {
    if (block != NULL) {
        memset(block, 0, size);
        (void)alloc->resize(alloc->ctx, block, size, 0);
    }
}

void *dx_alloc_grow(const dx_alloc *alloc, void *block, size_t size, size_t new_size) {
    void *grown = dx_alloc_take(alloc, new_size);
    if (grown != NULL && block != NULL) {
        memcpy(grown, block, size);
        dx_alloc_free(alloc, block, size);
    }
    return grown;
}

void dx_buf_init(dx_buf *buf, const dx_alloc *alloc, size_t max) {
    *buf = (dx_buf){.max = max, .alloc = alloc};
}

void dx_buf_deinit(dx_buf *buf) {
    dx_alloc_free(buf->alloc, buf->data, buf->capacity);
    *buf = (dx_buf){.max = buf->max, .alloc = buf->alloc};
}

void dx_buf_clear(dx_buf *buf) {
    if (buf->size != 0) {
        memset(buf->data, 0, buf->size);
    }
    buf->size = 0;
    buf->error = DX_OK;
}

/* Makes room for size more bytes, doubling so that appending is linear in total. */
static bool grow(dx_buf *buf, size_t size) {
    if (size > buf->max - buf->size) {
        buf->error = DX_E_LIMIT;
        return false;
    }
    size_t needed = buf->size + size;
    size_t capacity = buf->capacity < CAPACITY_FIRST ? CAPACITY_FIRST : buf->capacity;
    while (capacity < needed) {
        capacity = capacity > buf->max / 2 ? buf->max : capacity * 2;
    }
    if (capacity > buf->max) {
        capacity = buf->max;
    }
    void *data = dx_alloc_grow(buf->alloc, buf->data, buf->capacity, capacity);
    if (data == NULL) {
        buf->error = DX_E_NO_MEMORY;
        return false;
    }
    buf->data = data;
    buf->capacity = capacity;
    return true;
}

uint8_t *dx_buf_extend(dx_buf *buf, size_t size) {
    if (buf->error != DX_OK || (size > buf->capacity - buf->size && !grow(buf, size))) {
        return NULL;
    }
    uint8_t *room = buf->data + buf->size;
    buf->size += size;
    return room;
}

void dx_buf_append(dx_buf *buf, const void *data, size_t size) {
    if (size == 0) {
        return;
    }
    uint8_t *room = dx_buf_extend(buf, size);
    if (room != NULL) {
        memcpy(room, data, size);
    }
}

void dx_buf_append_byte(dx_buf *buf, uint8_t byte) {
    uint8_t *room = dx_buf_extend(buf, 1);
    if (room != NULL) {
        *room = byte;
    }
}

void dx_buf_consume(dx_buf *buf, size_t size) {
    DX_ASSERT(size <= buf->size);
    if (size == 0) {
        return;
    }
    buf->size -= size;
    memmove(buf->data, buf->data + size, buf->size);
    memset(buf->data + buf->size, 0, size);
}

int dx_buf_error(const dx_buf *buf) {
    return buf->error;
}

dx_bytes dx_buf_view(const dx_buf *buf) {
    return (dx_bytes){buf->data, buf->size};
}
