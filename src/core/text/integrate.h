/* text/integrate.h: a struct finds its place.
 *
 * Layer: floor 1, text, private to the engine. YATA as Yjs has it (docs/spec/text.md, Integration): all replicas that have the same
 * structs have them in the same order, whatever the order they came in. */
#ifndef DX_TEXT_INTEGRATE_H
#define DX_TEXT_INTEGRATE_H

#include "text/plan.h"

/* Takes in a struct whose client's next clock is that of the struct and offset (< its length), and of which all it names is here.
 * Memory was reserved. */
void dx_text_integrate(dx_text_doc *doc, const dx_text_planned *planned, uint32_t offset);
/* What the place of an item in a chain, and a parent that is deleted, mean for it; for an item just placed. */
void dx_text_integrate_fate(dx_text_doc *doc, dx_text_ref ref);

#endif
