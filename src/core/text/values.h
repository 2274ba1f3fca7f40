/* text/values.h: contents that are neither characters nor types: values of arrays and maps, embeds, bytes, subdocuments.
 *
 * Layer: floor 1, text, private to the engine. A row is a run of values, in at most a few pieces of one heap of bytes, so that
 * splitting and merging runs copies nothing. The bytes are the wire's (struct.h, dx_text_struct.content).
 * Memory: only reserve allocates; it also gives back what freed rows held, once that is the larger part. */
#ifndef DX_TEXT_VALUES_H
#define DX_TEXT_VALUES_H

#include <dxos/base.h>

typedef uint32_t dx_text_values_ref; /* 0: none */

typedef struct dx_text_values_row {
    uint32_t at, size;
    uint32_t count; /* of values in this piece */
    uint32_t next;  /* the piece that follows; of a free row the next free one */
    uint32_t name;  /* a subdocument's guid, in the first piece */
    uint32_t state; /* free, first piece, further piece */
} dx_text_values_row;

typedef struct dx_text_values {
    const dx_alloc *alloc;
    dx_text_values_row *rows;
    size_t count, capacity, free_count;
    uint32_t free;
    uint8_t *heap;
    size_t used, heap_capacity;
    size_t dead; /* bytes of freed rows */
} dx_text_values;

void dx_text_values_init(dx_text_values *values, const dx_alloc *alloc);
void dx_text_values_deinit(dx_text_values *values);
/* Room for so many rows and bytes. DX_E_NO_MEMORY, DX_E_LIMIT (4 GiB): nothing changed. */
int dx_text_values_reserve(dx_text_values *values, size_t rows, size_t bytes);

dx_text_values_ref dx_text_values_put(dx_text_values *values, dx_bytes bytes, uint32_t count, uint32_t name);
void dx_text_values_free(dx_text_values *values, dx_text_values_ref ref);
/* Its pieces: begin with ref, until 0. The bytes hold until the next reserve. */
dx_bytes dx_text_values_piece(const dx_text_values *values, dx_text_values_ref ref, dx_text_values_ref *next);
uint32_t dx_text_values_name(const dx_text_values *values, dx_text_values_ref ref);

/* Of runs of values. json: values are strings, a length before each; else of lib0's form. */
dx_text_values_ref dx_text_values_split(dx_text_values *values, dx_text_values_ref ref, uint32_t at,
                                        bool json); /* takes a row */
void dx_text_values_join(dx_text_values *values, dx_text_values_ref left, dx_text_values_ref right);

/* How many bytes the first `count` values of well-formed ones take. */
size_t dx_text_values_size(dx_bytes bytes, uint64_t count, bool json);

#endif
