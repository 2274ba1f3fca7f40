/* echo/referrer.h: what refers to an entity, found by an index.
 *
 * Layer: floor 1, echo, private to this room. docs/spec/references.md. Table reference(target, source) holds a number
 * made of the id for every id that the saved state of `source` has the bytes of a reference to. So it holds whatever refers, and
 * perhaps more: a value that gave way, an item that was taken out, bytes that only look like it. Who asks reads the
 * rows it is given to be sure. In return keeping it needs no decoding and no knowledge of models: one search of the
 * bytes that changed. A strong reference has a second entry, under the complement of the number, so that who asks
 * what holds an entity does not read all that merely mention it.
 *   Deleted entities stay in it; purged ones do not, as they have no state. */
#ifndef DX_ECHO_REFERRER_H
#define DX_ECHO_REFERRER_H

#include "echo/entity_row.h"

/* One row changes (entity_row.h): either of both may be NULL. */
DX_MUST_USE int dx_referrers_take(dx_context *context, const dx_entity_row *before,
                                  const dx_entity_row *after);
/* Whether the bytes of a state have a strong reference in them, or look so. */
bool dx_referrers_has_strong(dx_bytes state);
/* A vault that was made before there was this table: fills it, once. Call it before asking. */
DX_MUST_USE int dx_referrers_prepare(dx_context *context, dx_space *space);
/* The number that stands for an id in column target. */
int64_t dx_referrers_target(const uint8_t id[static DX_ID_SIZE]);
/* Calls back for the id (DX_ID_SIZE bytes) of each strong reference in data that show, one canonical item; what a
 * callback gives other than DX_OK ends it and is returned. */
DX_MUST_USE int dx_referrers_strong_in(dx_bytes view, int (*on_id)(void *ctx, const uint8_t *id), void *ctx);
/* Whether data that show, one canonical item, have a strong reference to the id in them, at any depth. */
bool dx_referrers_is_strong_in(dx_bytes view, const uint8_t id[static DX_ID_SIZE]);
/* Calls back for each visible entity of the space that refers strongly to the one at `key` by what it shows now, in
 * the order of keys, until one call gives something else than DX_OK, which is returned. Views die with the call. */
DX_MUST_USE int dx_referrers_each_strong(dx_context *context, dx_space *space, int64_t key,
                                         int (*on_entity)(void *ctx, const dx_entity *entity), void *ctx);

#endif
