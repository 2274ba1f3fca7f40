/* echo/snapshot.h: the state of a space at a cut, as chunks that every replica makes alike.
 *
 * Layer: floor 1, echo. docs/spec/epoch.md has the format. The state at a cut C is a function of the blocks below C and
 * of nothing else: not of what was written since, not of what this vault's base is, as long as that lies below C. So
 * whoever has applied C makes the same bytes at any time, and recomputing is all it takes to check an epoch.
 *
 * The stream is items: a header, one item per feed, then the entities ascending by id. Items are packed into chunks of
 * at most DX_SNAPSHOT_CHUNK_SIZE bytes of plaintext, sealed under the space's key of one key epoch. The root is a hash
 * over the hashes of the sealed chunks in order; those hashes are the manifest.
 *
 * Nothing is pinned and nothing copied: between two calls anything may be written and applied. What must not change
 * while it is made is the base; then it ends with DX_E_STATE.
 *
 * Kept of a snapshot that was made (or loaded) here: its manifest, and where each chunk begins, so that a chunk is made
 * again for a peer from what is here.
 *
 * Ownership: a dx_snapshot belongs to its space and is destroyed before it. */
#ifndef DX_ECHO_SNAPSHOT_H
#define DX_ECHO_SNAPSHOT_H

#include "echo/cut.h"

enum { DX_SNAPSHOT_VERSION = 1 };

typedef struct dx_snapshot_plan {
    uint64_t number;    /* of the epoch: 1 for the first */
    uint64_t key_epoch; /* whose key seals the chunks */
    const dx_cut *cut;  /* copied */
} dx_snapshot_plan;

typedef struct dx_snapshot_made {
    uint8_t root[DX_HASH_SIZE];
    uint64_t size;   /* bytes of all sealed chunks */
    uint64_t chunks; /* at most DX_SNAPSHOT_CHUNKS_MAX */
    uint64_t entities;
    uint8_t purged[DX_HASH_SIZE]; /* of what it leaves out as purged (halo/control_purge.h); zeros: nothing */
} dx_snapshot_made;

typedef struct dx_snapshot dx_snapshot;

/* DX_E_STATE: the cut does not stand WITHIN (cut.h); DX_E_NOT_FOUND: the key is not here. */
DX_MUST_USE int dx_snapshot_begin(dx_context *context, dx_space *space, const dx_snapshot_plan *plan,
                                  dx_snapshot **out);
/* Goes on by about `budget` entities; *more while it is to be called again. DX_E_STATE: the base changed, something
 * below the cut was purged, or is not in effect any more: begin again. DX_E_UNSUPPORTED: an object's model is one whose state the
 * format asks for and this program does not know. DX_E_LIMIT: more than DX_SNAPSHOT_CHUNKS_MAX chunks. */
DX_MUST_USE int dx_snapshot_run(dx_snapshot *snapshot, size_t budget, bool *more);
/* After a run without more: what it is. keeps: it is one to be served; its places are stored (again is nothing). */
DX_MUST_USE int dx_snapshot_finish(dx_snapshot *snapshot, bool keeps, dx_snapshot_made *out);
/* How many entities went in so far, for progress. */
uint64_t dx_snapshot_progress(const dx_snapshot *snapshot);
void dx_snapshot_destroy(dx_snapshot *snapshot); /* NULL is nothing */

/* --- Serving --------------------------------------------------------------------------------------- */

/* Appends the manifest, DX_HASH_SIZE bytes per chunk. DX_E_NOT_FOUND: no such snapshot is kept here. */
DX_MUST_USE int dx_snapshot_manifest(dx_context *context, dx_space *space,
                                     const uint8_t root[static DX_HASH_SIZE], dx_buf *out);
/* Appends one sealed chunk, made again from what is here. DX_E_NOT_FOUND: no such snapshot or chunk is kept; DX_E_GONE:
 * its state cannot be made any more (a later base). */
DX_MUST_USE int dx_snapshot_chunk(dx_context *context, dx_space *space,
                                  const uint8_t root[static DX_HASH_SIZE], uint64_t index, dx_buf *out);
/* Forgets a snapshot: it is not served any more. Unknown is nothing. */
DX_MUST_USE int dx_snapshot_forget(dx_context *context, dx_space *space,
                                   const uint8_t root[static DX_HASH_SIZE]);
/* Whether a manifest is the root's. */
bool dx_snapshot_is_manifest(dx_bytes hashes, const uint8_t root[static DX_HASH_SIZE]);

#endif
