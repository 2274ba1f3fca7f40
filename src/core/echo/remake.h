/* echo/remake.h: an entity made again, beside its row: as it was at a point, or at a cut.
 *
 * Layer: floor 1, echo, private to this room. It begins with what the entity was at the base (base.h), or with its
 * creation where that is above the base; the sections about it follow in the order of their stamps, as far as they are in
 * effect and within the scope. The code that makes rows makes this too. */
#ifndef DX_ECHO_REMAKE_H
#define DX_ECHO_REMAKE_H

#include "echo/touch.h"

struct dx_cut;

/* Which blocks count; a NULL bounds nothing. */
typedef struct dx_scope {
    const dx_stamp *point;      /* those with no later stamp */
    const struct dx_cut *below; /* those below this cut */
} dx_scope;

/* aside begins empty. lists: of a model whose state is no part of a snapshot the list of its operations is made, whether
 * the model is known here or not. DX_E_NOT_FOUND: it was not made within the scope; DX_E_GONE: the scope ends below the
 * base. Rows must be settled. */
DX_MUST_USE int dx_remake(dx_context *context, dx_space *space, int64_t key, const dx_scope *scope,
                          dx_aside *aside);

#endif
