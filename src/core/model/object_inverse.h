/* model/object_inverse.h: what takes back what one author's transaction did to an object, as far as it stands.
 *
 * Layer: floor 1, model. docs/spec/history.md, "The way back". Three states of one object are looked at: just before the
 * transaction, just after it, and now. What others wrote is told from what the author wrote by the feeds of stamps, so
 * nothing of theirs is set, swept or taken out by what comes of it. Pure: it tells what is to be written and writes
 * nothing. */
#ifndef DX_MODEL_OBJECT_INVERSE_H
#define DX_MODEL_OBJECT_INVERSE_H

#include <dxos/model.h>

/* A state as it is saved (size 0: nothing ever happened to it) and as it shows. */
typedef struct dx_object_sight {
    dx_bytes saved, view;
} dx_object_sight;

typedef struct dx_object_inverse {
    const dx_alloc *alloc;
    dx_stamp created;
    dx_object_sight before, after, now;
    dx_stamp first, last; /* of the transaction's blocks, all of one feed */
    /* The author's feeds, that one among them, DX_FEED_PREFIX_SIZE bytes each; and the one he writes with now: after a
     * copy of a vault it is another. */
    dx_bytes authors;
    const uint8_t *writer;
    /* What is to be written. The bytes die with the call, whose error ends it all and is returned. value of size 0: the
     * path is deleted. payload of size 0: the element is taken back (object_element.h). */
    int (*set)(void *ctx, dx_bytes path, dx_bytes value);
    int (*edit)(void *ctx, dx_bytes path, uint32_t kind, dx_bytes key, dx_bytes payload);
    void *ctx;
} dx_object_inverse;

/* *kept: something that the transaction wrote stays, or what it wrote over does not come back, because somebody wrote
 * over it since. DX_E_NO_MEMORY, DX_E_CORRUPT, DX_E_LIMIT. */
DX_MUST_USE int dx_object_invert(const dx_object_inverse *inverse, bool *kept);

#endif
