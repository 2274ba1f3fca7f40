/* echo/load_check.h: whether what was loaded is the state of a space at all, before anything becomes of it.
 *
 * Layer: floor 1, echo, private to this room. docs/spec/epoch.md, Loading. That chunks are an epoch's says their hashes; that
 * they are a state, as a vault would make it, nothing but looking at all of them does: an admin who means ill can have a
 * root of anything. Looked at is what does not need the blocks: entities stand in their order, each once, below the cut,
 * made and changed at stamps that lie below it, under and between entities that are there or purged, with states that their
 * models would have saved; and packed again they are the same chunks (sealed again, too, as long as the sealed form is the one
 * that is made today: its nonce is a hash of the text, and opening looks at it). That it is the *right* state, only who has the
 * blocks can tell. Nothing is written. */
#ifndef DX_ECHO_LOAD_CHECK_H
#define DX_ECHO_LOAD_CHECK_H

#include "echo/key_set.h"
#include "echo/snapshot_chunk.h"
#include "echo/snapshot_item.h"
#include "halo/control.h"

typedef struct dx_load_check {
    dx_context *context;
    size_t filled;        /* bytes of items in the chunk under way; 0: none is */
    const uint64_t *sums; /* of each feed: the counter of its stamp at the cut */
    const dx_cut *cut;
    const dx_control *control;
    dx_key_set keys;   /* of entities so far: the feed's number in the header in place of its row */
    dx_key_set wanted; /* named, and not come yet */
    dx_buf saved;
} dx_load_check;

/* Where an item stands. */
typedef struct dx_load_place {
    bool begins; /* a chunk */
    bool whole;  /* not in pieces */
    bool last;   /* of the header, which ends a chunk */
} dx_load_place;

/* control, cut and sums outlive it. */
void dx_load_check_init(dx_load_check *check, dx_context *context, const dx_control *control,
                        const dx_cut *cut, const uint64_t *sums);
void dx_load_check_deinit(dx_load_check *check);
/* The opened text of a chunk, without its first byte, and its sealed size. DX_E_MALFORMED: it would not be sealed, or cut, so. */
DX_MUST_USE int dx_load_check_chunk(dx_chunk_kind kind, size_t size, size_t sealed_size);
/* The next item. DX_E_MALFORMED: it would not be packed so. */
DX_MUST_USE int dx_load_check_item(dx_load_check *check, dx_bytes item, const dx_load_place *place);
/* An entity whose place was found to be behind the one before, and below the cut. DX_E_MALFORMED. */
DX_MUST_USE int dx_load_check_entity(dx_load_check *check, const dx_snapshot_entity *in);
/* Behind all items of all chunks. DX_E_MALFORMED. */
DX_MUST_USE int dx_load_check_end(const dx_load_check *check);

#endif
