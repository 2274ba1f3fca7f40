/* model/text_request.h: what people ask of a text, by places, becomes an operation.
 *
 * Layer: floor 1, model. docs/spec/text-model.md, Requests. Places count characters (code points). */
#ifndef DX_MODEL_TEXT_REQUEST_H
#define DX_MODEL_TEXT_REQUEST_H

#include "model/text_state.h"
#include <dxos/model.h>

/* Appends the operation. created, feed: as the model is told them. DX_E_INVALID: it cannot be asked. */
DX_MUST_USE int dx_text_request(const dx_alloc *alloc, const dx_stamp *created, const dx_text_saved *saved,
                                const uint8_t feed[static DX_FEED_PREFIX_SIZE], dx_bytes request,
                                dx_buf *operation);
/* Appends the operation that takes back what made `after` of `before`, characters of the text as it was, as far as it stands now.
 * DX_E_INVALID: something embedded stands among the characters. */
DX_MUST_USE int dx_text_request_back(const dx_alloc *alloc, const dx_stamp *created, const dx_text_saved *now,
                                     const uint8_t feed[static DX_FEED_PREFIX_SIZE], dx_bytes before,
                                     dx_bytes after, dx_buf *operation);

#endif
