/* echo/digest.h: the digest of a space's canonical state: equal on replicas with equal sets of blocks.
 *
 * Layer: floor 1, echo. docs/spec/digest.md. It covers every entity, deleted ones too, and the credentials in
 * effect; never a local number. Bounded work per call. Ownership: a cursor belongs to its space and is
 * destroyed before it. */
#ifndef DX_ECHO_DIGEST_H
#define DX_ECHO_DIGEST_H

#include "echo/entity.h"
#include "echo/space_scope.h"

typedef struct dx_digest_cursor dx_digest_cursor;

DX_MUST_USE int dx_digest_begin(dx_context *context, dx_space *space, dx_digest_cursor **out);
/* Of entities of the scope's types alone (its time is not looked at): another digest, equal on replicas that have all of
 * those. */
DX_MUST_USE int dx_digest_begin_part(dx_context *context, dx_space *space, const dx_space_scope *scope,
                                     dx_digest_cursor **out);
/* Takes in up to `budget` entities; *more when it should be called again. When the space changed since the
 * last call it begins anew: a digest is of one moment. */
DX_MUST_USE int dx_digest_run(dx_digest_cursor *cursor, size_t budget, bool *more);
/* The digest after a run without more, and the number of visible objects; at any time, the end of the cursor.
 */
void dx_digest_end(dx_digest_cursor *cursor, uint8_t out[static DX_HASH_SIZE], int64_t *objects);

#endif
