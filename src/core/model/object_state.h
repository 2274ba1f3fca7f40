/* model/object_state.h: the saved state of an object, taken apart and put together.
 *
 * Layer: floor 1, model. Saved (docs/spec/object-model.md):
 *   [ [[counter, feed]… ascending, without the creation stamp], {path: [stamp] | [stamp, value]} ]
 * where stamp 0 is the creation stamp and i is entry i-1 of the table, every entry is used, and no register
 * stands under one with a greater stamp. Exactly one such text exists for a state. */
#ifndef DX_MODEL_OBJECT_STATE_H
#define DX_MODEL_OBJECT_STATE_H

#include "model/object_register.h"

/* The content of a saved state. Registers borrow from the saved bytes; stamps, uses and registers are in one
 * block. */
typedef struct dx_object_content {
    dx_stamp *stamps; /* [0] the creation stamp, then ascending; room for one more */
    size_t stamp_count;
    uint32_t *uses; /* per stamp, all zero after reading; room for one more likewise */
    dx_register *registers;
    size_t count;
    void *block;
    size_t block_size;
} dx_object_content;

/* DX_E_CORRUPT when the bytes are not of the form (all rules but the last two: those need
 * dx_object_content_check), DX_E_NO_MEMORY; nothing to free then. */
DX_MUST_USE int dx_object_content_read(dx_object_content *content, const dx_alloc *alloc,
                                       const dx_stamp *created, dx_bytes saved);
/* The rest of the rules: every stamp used, no register under a later one. Counts the uses. */
bool dx_object_content_check(dx_object_content *content);
void dx_object_content_deinit(dx_object_content *content, const dx_alloc *alloc);

/* The index of a stamp, which is put in its place when it is new (at most one per content). */
uint32_t dx_object_content_add_stamp(dx_object_content *content, const dx_stamp *stamp);
/* Writes the saved form of the content's registers and of more (sorted, stamps by index), without those
 * dropped, to an empty buffer. No path may be kept twice. DX_E_NO_MEMORY, DX_E_LIMIT. */
DX_MUST_USE int dx_object_content_write(dx_object_content *content, const dx_register *more,
                                        size_t more_count, dx_buf *out);

#endif
