/* model/text_reach.h: how far a text has come: what of it is there, so that one sees whether an operation can be taken in.
 *
 * Layer: floor 1, model. docs/spec/text-model.md, State. An operation is taken in whole or waits whole: until all that it names is
 * there. Whose clocks are known needs no document for that. */
#ifndef DX_MODEL_TEXT_REACH_H
#define DX_MODEL_TEXT_REACH_H

#include "text/clocks.h"
#include "text/struct_reader.h"

typedef struct dx_text_reach {
    dx_text_clocks clocks; /* of what was taken in */
    dx_text_reader reader;
} dx_text_reach;

/* Nothing is there. */
void dx_text_reach_init(dx_text_reach *reach, const dx_alloc *alloc);
void dx_text_reach_deinit(dx_text_reach *reach);
/* All that this document has is there. DX_E_NO_MEMORY. */
DX_MUST_USE int dx_text_reach_set(dx_text_reach *reach, const dx_text_doc *doc);
/* Whether all that an operation (an update of form v2) names is there, or in itself; when it is, the operation is there from now
 * on. DX_E_CORRUPT: it cannot be read, nothing changed; DX_E_NO_MEMORY. */
DX_MUST_USE int dx_text_reach_take(dx_text_reach *reach, dx_bytes update, bool *ready);
/* Appends it as a state vector. */
DX_MUST_USE int dx_text_reach_write(const dx_text_reach *reach, dx_buf *state_vector);

#endif
