/* model/list_inverse.h: what takes back what one author's transaction did to a list, as far as it stands.
 *
 * Layer: floor 1, model. docs/spec/history.md, "The way back". */
#ifndef DX_MODEL_LIST_INVERSE_H
#define DX_MODEL_LIST_INVERSE_H

#include <dxos/model.h>

/* Saved bytes just before the transaction, just after it, and now; first, last: stamps of its blocks, all of one feed. Nothing is
 * written when nothing is to be taken back; *kept: something of it stays. DX_E_CORRUPT, DX_E_LIMIT, DX_E_NO_MEMORY. */
DX_MUST_USE int dx_list_invert(const dx_alloc *alloc, const dx_bytes saved[static 3], const dx_stamp *first,
                               const dx_stamp *last, dx_buf *operation, bool *kept);

#endif
