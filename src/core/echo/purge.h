/* echo/purge.h: what must really go: an entity whose PURGE is in effect leaves no section, row or text behind.
 *
 * Layer: floor 1, echo. docs/spec/purge.md. Which entities are purged follows from the control state; each section about
 * one becomes a hole in its block (feed/hole.h), in bounded steps, those that come late in the step that applies their
 * block. Nothing of it is asked for again or given to others. Links to it dangle. */
#ifndef DX_ECHO_PURGE_H
#define DX_ECHO_PURGE_H

#include "echo/pipeline.h"

/* Says that the entity is purged, for everybody. DX_E_DENIED: neither the right (admin) nor the maker. */
DX_MUST_USE int dx_space_purge(dx_context *context, dx_space *space, const uint8_t id[static DX_ID_SIZE]);
/* Takes out what is here of purged entities, for at most *budget blocks. *unsettled: there is more to do. */
DX_MUST_USE int dx_purge_settle(dx_context *context, dx_space *space, size_t *budget, bool *unsettled);
/* Whether an opened section at its place is about a purged entity. */
bool dx_purge_covers(const dx_space *space, const dx_feed *feed, uint64_t seq, uint64_t index,
                     dx_bytes plaintext);

#endif
