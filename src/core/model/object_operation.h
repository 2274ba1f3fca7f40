/* model/object_operation.h: operations of the object model, read into registers and made from what people
 * say.
 *
 * Layer: floor 1, model. An operation (docs/spec/object-model.md) is [ {path: value…}, [path…] ]: sets, and
 * deletes in the order of map keys; with a third item {path: {kind: [[key] | [key, payload]…]…}…}: edits inside
 * values. No path stands twice, and none is a prefix of another: an operation has no order inside. */
#ifndef DX_MODEL_OBJECT_OPERATION_H
#define DX_MODEL_OBJECT_OPERATION_H

#include "model/object_element.h"

/* The registers and elements an operation writes, sorted, all with stamp 0. Borrow from the operation and from
 * their own block. */
typedef struct dx_operation_registers {
    dx_register *items;
    size_t count;
    dx_element *elements;
    size_t element_count;
    void *block;
    size_t block_size;
} dx_operation_registers;

/* DX_E_MALFORMED, DX_E_NO_MEMORY; nothing to free then. */
DX_MUST_USE int dx_operation_registers_read(dx_operation_registers *registers, const dx_alloc *alloc,
                                            dx_bytes operation);
void dx_operation_registers_deinit(dx_operation_registers *registers, const dx_alloc *alloc);

/* The operation that makes an object of this data: an encoded map with any keys that can be parts of paths.
 * Appends to out. DX_E_INVALID when data is no such map or a limit of the model is passed; the first use of
 * the same rules that a replica applies, so what passes here is accepted everywhere. */
DX_MUST_USE int dx_object_operation_create(const dx_alloc *alloc, dx_bytes data, dx_buf *out);

#endif
