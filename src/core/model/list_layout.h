/* model/list_layout.h: the order of a list, worked out from its elements when it is looked at.
 *
 * Layer: floor 1, model. docs/spec/list-model.md. Positions form a tree, each a left or right child of another, as in Fugue; the
 * order is that of walking it. Views point into the saved bytes. */
#ifndef DX_MODEL_LIST_LAYOUT_H
#define DX_MODEL_LIST_LAYOUT_H

#include "model/list_element.h"

#define DX_LIST_NOWHERE UINT32_MAX

/* The positions in their order, and of each element the position that holds. */
typedef struct dx_list_layout {
    dx_list_run run;
    uint32_t *children;  /* elements with an origin, ascending by (parent, side, id) */
    uint32_t *positions; /* all that can be reached from the beginning, in order */
    uint32_t *shown;     /* of these, those that hold an element that is not deleted */
    size_t child_count, position_count, shown_count;
} dx_list_layout;

/* With an error there is nothing to end. DX_E_CORRUPT, DX_E_NO_MEMORY. */
DX_MUST_USE int dx_list_layout_init(const dx_alloc *alloc, dx_bytes saved, dx_list_layout *out);
void dx_list_layout_deinit(const dx_alloc *alloc, dx_list_layout *layout);

/* Where the children of the parent on this side begin in the order of children, if there are any. parent NULL: the beginning
 * of the list. */
size_t dx_list_layout_first_on_side(const dx_list_layout *layout, const dx_list_id *parent, bool right);
/* Whether the child at this place in the order of children is one of them. */
bool dx_list_layout_is_on_side(const dx_list_layout *layout, size_t at, const dx_list_id *parent, bool right);
/* The element whose position this is; DX_LIST_NOWHERE: it is not here, or is no element but a position itself. */
uint32_t dx_list_layout_item(const dx_list_layout *layout, uint32_t position);
/* Of each element the position that holds, the one that was made last; DX_LIST_NOWHERE: none. Room for the whole run. */
void dx_list_layout_holders(const dx_list_layout *layout, uint32_t *latest);

#endif
