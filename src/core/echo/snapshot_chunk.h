/* echo/snapshot_chunk.h: items packed into chunks, and chunks sealed.
 *
 * Layer: floor 1, echo, private to this room. docs/spec/epoch.md. A chunk's plaintext is one byte and items: 0 whole
 * items, one behind another; 1 a piece of one item that goes on in the next chunk; 2 its last piece. An item goes into
 * the chunk under way if it fits; else that chunk ends. One that is larger than a chunk is cut into pieces as long as a
 * chunk may be, in chunks of its own. So the same items make the same chunks.
 *
 * A chunk is sealed as a section is (feed/block.h), at the place (H(CUT, space id, cut), number of the epoch, number of
 * the chunk): who makes it again makes the same bytes. */
#ifndef DX_ECHO_SNAPSHOT_CHUNK_H
#define DX_ECHO_SNAPSHOT_CHUNK_H

#include "echo/snapshot.h"

typedef enum dx_chunk_kind { DX_CHUNK_WHOLE = 0, DX_CHUNK_PIECE = 1, DX_CHUNK_LAST = 2 } dx_chunk_kind;

/* Whose chunks they are. */
typedef struct dx_chunk_seal {
    uint8_t key[DX_KEY_SIZE]; /* wiped by the owner */
    uint8_t name[DX_HASH_SIZE];
    uint64_t number;
} dx_chunk_seal;

/* DX_E_NOT_FOUND: the key is not here. */
DX_MUST_USE int dx_chunk_seal_init(dx_context *context, dx_space *space, const dx_snapshot_plan *plan,
                                   dx_chunk_seal *out);

typedef struct dx_packer {
    dx_buf plain;   /* of the chunk under way; size 0: none is */
    dx_buf sealed;  /* of the one given out */
    uint64_t index; /* of the chunk under way */
    const dx_chunk_seal *seal;
    int (*on_chunk)(void *ctx, uint64_t index, dx_bytes sealed); /* its error ends it and is returned */
    /* What the first item of a chunk was, as the caller of dx_packer_add said, and which piece of it begins it. */
    int64_t first, piece;
    void *ctx;
} dx_packer;

void dx_packer_init(dx_packer *packer, const dx_alloc *alloc, const dx_chunk_seal *seal,
                    int (*on_chunk)(void *ctx, uint64_t index, dx_bytes sealed), void *ctx);
void dx_packer_deinit(dx_packer *packer);
DX_MUST_USE int dx_packer_add(dx_packer *packer, int64_t first, dx_bytes item);
/* Ends the chunk under way, if any. */
DX_MUST_USE int dx_packer_flush(dx_packer *packer);

/* Appends a chunk's plaintext without its first byte. DX_E_SIGNATURE, DX_E_MALFORMED. */
DX_MUST_USE int dx_chunk_open(const dx_chunk_seal *seal, uint64_t index, dx_bytes sealed, dx_chunk_kind *kind,
                              dx_buf *out);
void dx_chunk_hash(dx_bytes sealed, uint8_t out[static DX_HASH_SIZE]);
void dx_chunk_root(dx_bytes hashes, uint8_t out[static DX_HASH_SIZE]);

#endif
