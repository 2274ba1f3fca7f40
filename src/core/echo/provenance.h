/* echo/provenance.h: objects that were made elsewhere, with all that was done to them there.
 *
 * Layer: floor 1, echo. docs/spec/models.md. An object whose model keeps its operations (every model but
 * those of objects, counters and lists) comes to another space with them, known model or not: its first operation there, in the
 * section that creates it, is its *provenance*
 *
 *     ["dx/provenance/1", [counter, feed], [[space, device, key]…], [[counter, feed, operation]…]]
 *
 * : the stamp it was made with, and its operations in the order of their stamps; feeds by their number in the list between,
 * where each stands by what its id is made of. No feed of the space the section stands in may be named: so nobody says that
 * somebody did here what he did not, and every replica decides that alike, whatever it has.
 *
 * The model is told the stamps as they were. What is done to the object here is later than all of that: the model is told its
 * stamps with the *floor* added to their counters, which is the greatest counter of the provenance. */
#ifndef DX_ECHO_PROVENANCE_H
#define DX_ECHO_PROVENANCE_H

#include "echo/entity_row.h"

enum { DX_PROVENANCE_FEEDS_MAX = 256, DX_PROVENANCE_SIZE_MAX = 512 * 1024 };

typedef struct dx_provenance {
    dx_stamp made;    /* the stamp of the creation in this space */
    dx_stamp created; /* what the model is told of it */
    uint64_t floor;   /* 0: it was made here */
} dx_provenance;

/* Of an entity that was made here: the stamp as it is. */
dx_provenance dx_provenance_none(const dx_stamp *made);
/* Whether an object of that model is brought elsewhere by its provenance: its model is not one of those whose state is kept. */
bool dx_provenance_brings(dx_bytes model);
/* Whether the first operation of an entity of that model is a provenance. */
bool dx_provenance_is(dx_bytes model, dx_bytes operation);
/* made: the stamp of its section in the space. DX_E_MALFORMED. */
DX_MUST_USE int dx_provenance_decode(dx_bytes operation, const uint8_t space_id[static DX_HASH_SIZE],
                                     const dx_stamp *made, dx_provenance *out);

/* What an entity's row does not say; counter: of its creation. DX_E_CORRUPT. */
DX_MUST_USE int dx_provenance_find(dx_context *context, dx_space *space, int64_t key, uint64_t counter,
                                   const dx_model *model, dx_provenance *out);
DX_MUST_USE int dx_provenance_keep(dx_context *context, int64_t key, const dx_provenance *provenance);
/* Keeps that of a row whose state is the list of its operations, where it has one. */
DX_MUST_USE int dx_provenance_keep_listed(dx_context *context, dx_space *space, const dx_entity_row *row);
DX_MUST_USE int dx_provenance_forget(dx_context *context, int64_t key);

/* A stamp of this space as the model is told it. */
dx_stamp dx_provenance_stamp(const dx_provenance *provenance, const dx_stamp *stamp);
/* An operation of the entity, or its provenance, which stands at `made`: of that the operations that the model refuses are passed
 * over, as they were. Errors of the model's apply. */
DX_MUST_USE int dx_provenance_apply(const dx_provenance *provenance, const dx_model *model, void *state,
                                    dx_bytes operation, const dx_stamp *stamp);

/* Appends the provenance that makes the entity in another space what it is here. DX_E_LIMIT: it would be larger than
 * DX_PROVENANCE_SIZE_MAX, or of more feeds than DX_PROVENANCE_FEEDS_MAX; DX_E_UNSUPPORTED: its model keeps a state. Rows must be
 * settled. */
DX_MUST_USE int dx_provenance_write(dx_context *context, dx_space *space, int64_t key, dx_buf *out);

#endif
