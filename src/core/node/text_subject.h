/* node/text_subject.h: the text that a command is about, and the form of updates that its program speaks.
 *
 * Layer: floor 1, node, private to this room. docs/spec/text-model.md, Documents of apps. */
#ifndef DX_NODE_TEXT_SUBJECT_H
#define DX_NODE_TEXT_SUBJECT_H

#include <dxos/text.h>

#include "echo/entity.h"
#include "node/state.h"

/* "id". The entity's state dies with the next store call. DX_E_UNSUPPORTED: it is no text. */
DX_MUST_USE int dx_take_text_entity(dx_node *node, dx_space *space, dx_bytes body, int64_t *key,
                                    dx_entity *entity);
/* "form": 1 or 2, which it is without. */
DX_MUST_USE int dx_take_text_form(dx_node *node, dx_bytes body, dx_text_form *form);
/* Words for what became of an update that was asked for by clocks. */
int dx_explain_text_update(dx_node *node, int error);

#endif
