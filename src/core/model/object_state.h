/* model/object_state.h: the saved state of an object, taken apart and put together.
 *
 * Layer: floor 1, model. Saved (docs/spec/object-model.md):
 *   [ [[counter, feed]… ascending, without the creation stamp], {path: [stamp] | [stamp, value]} ]
 * and, when there are elements, a third item {path: {kind: [[key, stamp] | [key, stamp, payload]…]}},
 * where stamp 0 is the creation stamp and i is entry i-1 of the table, every entry is used, no register
 * stands under one with a greater stamp, and no element at or under one. Exactly one such text exists for a
 * state. */
#ifndef DX_MODEL_OBJECT_STATE_H
#define DX_MODEL_OBJECT_STATE_H

#include "model/object_element.h"

/* The content of a saved state. Registers borrow from the saved bytes; stamps, uses and registers are in one
 * block. */
typedef struct dx_object_content {
    dx_stamp *stamps; /* [0] the creation stamp, then ascending; room for one more */
    size_t stamp_count;
    uint32_t *uses; /* per stamp, all zero after reading; room for one more likewise */
    dx_register *registers;
    size_t count;
    dx_element *elements; /* in a block of their own */
    size_t element_count, element_capacity;
    void *block;
    size_t block_size;
} dx_object_content;

/* What is merged into a content: both runs sorted, stamps by index. */
typedef struct dx_object_addition {
    const dx_register *registers;
    size_t count;
    const dx_element *elements;
    size_t element_count;
} dx_object_addition;

/* DX_E_CORRUPT when the bytes are not of the form (all rules but the last two: those need
 * dx_object_content_check), DX_E_NO_MEMORY; nothing to free then. */
DX_MUST_USE int dx_object_content_read(dx_object_content *content, const dx_alloc *alloc,
                                       const dx_stamp *created, dx_bytes saved);
/* The rest of the rules: every stamp used, no register or element under a later one. Counts the uses. */
bool dx_object_content_check(dx_object_content *content);
void dx_object_content_deinit(dx_object_content *content, const dx_alloc *alloc);

/* The index of a stamp, which is put in its place when it is new (at most one per content). */
uint32_t dx_object_content_add_stamp(dx_object_content *content, const dx_stamp *stamp);
/* The latest register at the path or above it, whose stamp whatever stands at the path must be later than; NULL:
 * none. */
const dx_register *dx_object_content_above(const dx_object_content *content, const dx_register *registers,
                                           size_t count, dx_bytes path);
/* Writes the saved form of the content and of more, without what is dropped, to an empty buffer. No register and
 * no element may be kept twice. DX_E_NO_MEMORY, DX_E_LIMIT. */
DX_MUST_USE int dx_object_content_write(dx_object_content *content, const dx_alloc *alloc,
                                        const dx_object_addition *more, dx_buf *out);

#endif
