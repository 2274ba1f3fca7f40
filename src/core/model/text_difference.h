/* model/text_difference.h: what must be deleted and inserted to make one text of another.
 *
 * Layer: floor 1, model. Lines first, then the characters of the lines that differ (Myers, An O(ND) Difference Algorithm, 1986), so
 * that a person's edit of a whole text becomes the few edits he made. Beyond a bound of differences what lies between is replaced
 * whole. */
#ifndef DX_MODEL_TEXT_DIFFERENCE_H
#define DX_MODEL_TEXT_DIFFERENCE_H

#include <dxos/base.h>

/* One place: after `at` characters of what it has become so far, `count` go and the text comes. Counted in code points. */
typedef int dx_on_text_change(void *ctx, uint64_t at, uint64_t count, dx_bytes inserted);

/* Tells the changes from the beginning to the end, so that each can be made at once. Both are UTF-8. A callback's error ends it;
 * DX_E_NO_MEMORY. */
DX_MUST_USE int dx_text_difference(const dx_alloc *alloc, dx_bytes from, dx_bytes to,
                                   dx_on_text_change *on_change, void *ctx);

#endif
