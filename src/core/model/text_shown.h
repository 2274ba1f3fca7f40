/* model/text_shown.h: which of a text's roots people see.
 *
 * Layer: floor 1, model. docs/spec/text-model.md, What shows. */
#ifndef DX_MODEL_TEXT_SHOWN_H
#define DX_MODEL_TEXT_SHOWN_H

#include "model/text_state.h"

/* The type of a document that people see as its text: the root "text", or where that is empty the root with the least name that
 * has characters. DX_E_NO_MEMORY, DX_E_LIMIT. */
DX_MUST_USE int dx_text_shown(const dx_alloc *alloc, dx_text_doc *doc, dx_text_type *type);

/* Appends the characters that show, where no document is needed to tell: nothing is fresh or hidden, and there are only characters. Else *told is
 * false. DX_E_CORRUPT, DX_E_NO_MEMORY, the buffer's errors. */
DX_MUST_USE int dx_text_shown_alone(const dx_alloc *alloc, const dx_text_saved *saved, dx_buf *utf8,
                                    bool *told);

#endif
