/* model/object_amend.h: the most common operation, one value set at one path, worked into a saved state directly.
 *
 * Layer: floor 1, model. What restore, apply and save of dx_object_model make, in one pass over the saved bytes instead of
 * two readings and a writing. It takes small states whose paths all have one part, and a stamp later than all of theirs:
 * what most changes of a field are. */
#ifndef DX_MODEL_OBJECT_AMEND_H
#define DX_MODEL_OBJECT_AMEND_H

#include <dxos/model.h>

/* Appends to an empty buffer the saved state with the operation in it. DX_E_NO_MEMORY. DX_E_UNSUPPORTED, and nothing is
 * appended: the model itself has to be asked, also whether either of the two is what it should be. */
DX_MUST_USE int dx_object_amend(const dx_stamp *created, dx_bytes saved, dx_bytes operation,
                                const dx_stamp *stamp, dx_buf *out);

#endif
