/* text/undo.h: undo managers, as the engine meets them.
 *
 * Layer: floor 1, text, private to the engine. Each manager has two stacks of steps, a step being what its transactions made and what they
 * deleted, as ids. Nothing of it is on the wire (dxos/text_history.h, docs/spec/text.md, Undo). */
#ifndef DX_TEXT_UNDO_H
#define DX_TEXT_UNDO_H

#include "text/document.h"

/* Room in every manager for one more step, of so many spans deleted in all. */
int dx_text_undo_reserve(dx_text_doc *doc, size_t deletes);
/* The transaction's spans are in order and its content still here: managers note what is theirs, and mark what is to be kept. Cannot
 * fail. */
void dx_text_undo_capture(dx_text_doc *doc);

#endif
