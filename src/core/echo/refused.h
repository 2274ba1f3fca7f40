/* echo/refused.h: what was refused in a space: counted for ever, the newest listed.
 *
 * Layer: floor 1, echo. Table refused(space, feed, seq, section, error, wall_ms). The block itself stays
 * where it is; this says why it, or one section of it, has no effect. Nothing that is rejected vanishes
 * silently. */
#ifndef DX_ECHO_REFUSED_H
#define DX_ECHO_REFUSED_H

#include "echo/space.h"

enum { DX_REFUSED_BLOCK = -1 }; /* in place of a section: the whole block */

typedef struct dx_refusal {
    int64_t feed, seq, section;
    int error;
    uint64_t wall_ms;
} dx_refusal;

/* Counts and lists. */
DX_MUST_USE int dx_refused_add(dx_context *context, dx_space *space, const dx_refusal *refusal);
/* Whether this very refusal stands in the list. */
DX_MUST_USE int dx_refused_find(dx_context *context, dx_space *space, const dx_refusal *refusal, bool *found);
/* The newest first. A callback's error ends the walk and is returned. */
DX_MUST_USE int dx_refused_each(dx_context *context, dx_space *space,
                                int (*on_refusal)(void *ctx, const dx_refusal *refusal), void *ctx);

#endif
