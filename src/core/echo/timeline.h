/* echo/timeline.h: what happened in a space, block by block, in the order of stamps.
 *
 * Layer: floor 1, echo. docs/spec/history.md. Nothing is kept for it: a block's stamp is known by an entity it is about.
 * A page costs one block of each feed and those it shows. */
#ifndef DX_ECHO_TIMELINE_H
#define DX_ECHO_TIMELINE_H

#include "echo/pipeline.h"

enum { DX_MOMENT_KEYS_MAX = 8 };

/* One block of a data feed that is in effect. */
typedef struct dx_moment {
    dx_stamp stamp;
    const dx_feed *feed;
    uint64_t seq;
    uint64_t wall_ms;                               /* the writer's clock: for people */
    size_t made, changed, deleted, restored, moved; /* entities, the house's own left out */
    size_t key_count;                               /* of the first of them */
    int64_t keys[DX_MOMENT_KEYS_MAX];
} dx_moment;

/* Calls back for the newest first, at most `limit`, those before `before` (NULL: all); *more when there may be others.
 * Blocks about nothing that shows are passed over. A callback's error ends the walk and is returned; it may call
 * nothing of this room. DX_E_NO_MEMORY. */
DX_MUST_USE int dx_timeline(dx_context *context, dx_space *space, const dx_stamp *before, size_t limit,
                            int (*on_moment)(void *ctx, const dx_moment *moment), void *ctx, bool *more);

/* Adds the keys of the entities that a block is about, the house's own and what is not here left out, to a list
 * (key_set.h), in the order of its sections. */
DX_MUST_USE int dx_timeline_keys(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq,
                                 dx_buf *keys);

#endif
