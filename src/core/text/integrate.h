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
/* Before it is taken in: the list it comes to stand in, by what is here now. 0: none is here yet, or none will be. *known false: what it
 * stands beside comes before it. */
dx_text_list dx_text_integrate_list(dx_text_doc *doc, const dx_text_planned *planned, uint32_t offset,
                                    bool *known);
/* How a list is walked, and its items are found: in a document, or in one that is being put together. */
typedef struct dx_text_walk {
    void *ctx;
    dx_text_ref (*next)(void *ctx, dx_text_ref ref);
    dx_text_ref (*find)(void *ctx, uint32_t client,
                        uint32_t clock); /* the item that holds a clock which is here */
} dx_text_walk;

/* Behind which item `self` belongs, of those from `first` to before `right`; `left`: before `first`. */
dx_text_ref dx_text_integrate_scan(const dx_text_doc *doc, const dx_text_walk *walk, const dx_text_item *self,
                                   dx_text_ref left, dx_text_ref first, dx_text_ref right);
/* What the place of an item in a chain, and a parent that is deleted, mean for it; for an item just placed. */
void dx_text_integrate_fate(dx_text_doc *doc, dx_text_ref ref);

#endif
