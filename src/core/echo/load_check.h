/* echo/load_check.h: whether what was loaded is the state of a space at all, before anything becomes of it.
 *
 * Layer: floor 1, echo, private to this room. docs/spec/epoch.md, Loading. That chunks are an epoch's says their hashes; that
 * they are a state, as a vault would make it, nothing but looking at all of them does: an admin who means ill can have a
 * root of anything. Looked at is what does not need the blocks: entities stand in their order, each once, below the cut,
 * made and changed at stamps that lie below it, under and between entities that are there or purged, with states that their
 * models would have saved; and packed and sealed again they are the same chunks. That it is the *right* state, only who has the
 * blocks can tell. Nothing is written. */
#ifndef DX_ECHO_LOAD_CHECK_H
#define DX_ECHO_LOAD_CHECK_H

#include "echo/key_set.h"
#include "echo/snapshot_chunk.h"
#include "echo/snapshot_item.h"
#include "halo/control.h"

typedef struct dx_load_check {
    dx_context *context;
    dx_packer packer;
    const uint64_t *sums; /* of each feed: the counter of its stamp at the cut */
    const dx_cut *cut;
    const dx_control *control;
    dx_key_set keys;   /* of entities so far: the feed's number in the header in place of its row */
    dx_key_set wanted; /* named, and not come yet */
    dx_buf saved;
    /* The hash of a chunk as the manifest has it. DX_E_SIGNATURE: there is none. */
    int (*find_hash)(void *ctx, uint64_t index, uint8_t hash[static DX_HASH_SIZE]);
    void *ctx;
} dx_load_check;

/* control, seal, cut and sums outlive it. */
void dx_load_check_init(dx_load_check *check, dx_context *context, const dx_control *control,
                        const dx_chunk_seal *seal, const dx_cut *cut, const uint64_t *sums);
void dx_load_check_deinit(dx_load_check *check);
/* The next item as it stands in its chunk; last: of the header. DX_E_MALFORMED: it would not be packed so. */
DX_MUST_USE int dx_load_check_item(dx_load_check *check, dx_bytes item, bool last);
/* An entity whose place was found to be behind the one before, and below the cut. DX_E_MALFORMED. */
DX_MUST_USE int dx_load_check_entity(dx_load_check *check, const dx_snapshot_entity *in);
/* Behind all items: chunks is how many the manifest has. DX_E_MALFORMED. */
DX_MUST_USE int dx_load_check_end(dx_load_check *check, uint64_t chunks);

#endif
