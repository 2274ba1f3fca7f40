/* echo/refused.h: what was refused in a space: counted for ever, the newest listed.
 *
 * Of one block at most DX_REFUSED_LISTED_MAX sections are listed, its first, and the others only counted: its
 * author may put 65,535 bad ones into it, and listing one costs as much as applying one.
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

/* Before the sections of a block are looked at. */
void dx_refused_begin(dx_space *space);
/* Counts and lists, once however often the block comes by. *listed: it was not known and stands in the list
 * now. */
DX_MUST_USE int dx_refused_add(dx_context *context, dx_space *space, const dx_refusal *refusal, bool *listed);
/* After the block: saves what was counted. */
DX_MUST_USE int dx_refused_save(dx_context *context, dx_space *space);
/* The newest first. A callback's error ends the walk and is returned. */
DX_MUST_USE int dx_refused_each(dx_context *context, dx_space *space,
                                int (*on_refusal)(void *ctx, const dx_refusal *refusal), void *ctx);

#endif
