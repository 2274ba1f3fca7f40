/* echo/purge.h: what must really go: an entity whose PURGE is in effect leaves no section, row or text behind.
 *
 * Layer: floor 1, echo. docs/spec/purge.md. Which entities are purged follows from the control state; each section about
 * one becomes a hole in its block (feed/hole.h), in bounded steps, those that come late in the step that applies their
 * block or finds that it waits. Nothing of it is asked for again or given to others. Links to it dangle.
 *
 * Nothing ever makes a purged entity again: whoever makes entities (withdraw.h), loads them (load.c) or goes over them
 * (cut_scan.h) asks dx_purge_has, whether the work is done yet or not. */
#ifndef DX_ECHO_PURGE_H
#define DX_ECHO_PURGE_H

#include "echo/pipeline.h"
#include "feed/hole.h"

/* Says that the entity is purged, for everybody. DX_E_DENIED: neither the right (admin) nor the maker. */
DX_MUST_USE int dx_space_purge(dx_context *context, dx_space *space, const uint8_t id[static DX_ID_SIZE]);
/* Takes out what is here of purged entities, for at most *budget blocks. *unsettled: there is more to do. */
DX_MUST_USE int dx_purge_settle(dx_context *context, dx_space *space, size_t *budget, bool *unsettled);
/* Whether what stands, or stood, at the key is purged. */
bool dx_purge_has(dx_space *space, int64_t key);
/* The same of a place in a feed, known by its prefix, that may not be here. */
bool dx_purge_has_place(const dx_control *control, const uint8_t prefix[static DX_PREFIX_SIZE], uint64_t seq,
                        uint64_t index);
/* Whether an opened section at its place is about a purged entity; id is written then. */
bool dx_purge_covers(const dx_space *space, const dx_feed *feed, uint64_t seq, uint64_t index,
                     dx_bytes plaintext, uint8_t id[static DX_ID_SIZE]);
void dx_purging_deinit(dx_space *space);

/* --- purge_place.c: where sections about purged entities stood ------------------------------------------ */

/* A section here is about the entity and is taken out: nobody has to look for it again. */
DX_MUST_USE int dx_purge_note(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq,
                              uint64_t index, const uint8_t id[static DX_ID_SIZE]);
/* Whether a section about a purged entity stood there; id is the entity's then. */
DX_MUST_USE int dx_purge_at(dx_context *context, const dx_space *space, const dx_feed *feed, uint64_t seq,
                            uint64_t index, bool *is, uint8_t id[static DX_ID_SIZE]);
/* Of a block with holes that was applied, or of which holes were made: how many of them are excused. */
DX_MUST_USE int dx_purge_excuse(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq);
/* The places that PURGEs in effect name, and those of entities that are purged no more, are what the tables say. */
DX_MUST_USE int dx_purge_take_places(dx_context *context, dx_space *space);

/* --- purge_look.c: blocks that are not in effect -------------------------------------------------------- */

/* Looks through blocks that wait, and through branches that are not in force, for at most *budget blocks. */
DX_MUST_USE int dx_purge_look(dx_context *context, dx_space *space, size_t *budget, bool *unsettled);
/* How many blocks of a data feed may be given to others: those looked through. */
uint64_t dx_purge_served(const dx_space *space, const dx_feed *feed);

#endif
