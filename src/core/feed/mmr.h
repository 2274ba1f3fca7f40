/* feed/mmr.h: Merkle mountain range over block leaves (docs/spec/feed.md).
 *
 * Layer: floor 1, feed. Pure.
 *   node(level l, index i) covers leaves [i·2^l, (i+1)·2^l)
 *   leaf   = H(LEAF, …), made by block.h          parent = H(NODE, covered leaves ‖ left ‖ right)
 *   root   = H(ROOT, length ‖ peaks, largest first)          numbers are 8 bytes, little endian
 * Appending leaf n creates the leaf node and one parent for every trailing 1 bit of n; those hashes, leaf
 * first, are stored in the block's row, so any node is found in the row of its last leaf, l·32 bytes in.
 * A proof from `from` to `to` is the run of largest aligned nodes (tiles) that cover [from, to). Joined one
 * by one to the peaks at `from` they give the peaks at `to`. From 0 they are the peaks themselves; after a
 * leaf they make its inclusion proof. */
#ifndef DX_FEED_MMR_H
#define DX_FEED_MMR_H

#include "base/limits.h"
#include "crypto/hash.h"

/* Lengths stay below 2^31: at most 31 peaks, at most 31 nodes created by one leaf, and a proof of at most 30
 * tiles that grow and 30 that shrink. Runs of hashes are passed as flat bytes, as they stand in rows and
 * messages. */
enum {
    DX_MMR_LENGTH_MAX = DX_FEED_LENGTH_MAX,
    DX_MMR_PEAKS_MAX = 31,
    DX_MMR_NODES_SIZE_MAX = 31 * DX_HASH_SIZE,
    DX_MMR_PROOF_SIZE_MAX = 60 * DX_HASH_SIZE
};

typedef struct dx_mmr {
    uint64_t length;
    uint8_t peaks[DX_MMR_PEAKS_MAX]
                 [DX_HASH_SIZE]; /* largest first, dx_mmr_peak_count(length) of them; the rest is undefined */
} dx_mmr;

size_t dx_mmr_peak_count(uint64_t length);
/* Hashes created by leaves [0, length): where row `length` begins when all rows' nodes are laid end to end.
 */
uint64_t dx_mmr_node_count(uint64_t length);

/* Appends a leaf; nodes (room for DX_MMR_NODES_SIZE_MAX, or for what is known to be created) receives the
 * created hashes, leaf first; their size in bytes is returned. mmr->length < DX_MMR_LENGTH_MAX. */
size_t dx_mmr_append(dx_mmr *mmr, const uint8_t leaf[static DX_HASH_SIZE], uint8_t *nodes);
void dx_mmr_root(const dx_mmr *mmr, uint8_t out[static DX_HASH_SIZE]);
/* The parent of two nodes that cover covered/2 leaves each. */
void dx_mmr_parent(uint64_t covered, const uint8_t left[static DX_HASH_SIZE],
                   const uint8_t right[static DX_HASH_SIZE], uint8_t out[static DX_HASH_SIZE]);

/* Walks the tiles of [from, to), from <= to: start with *at = from; false when *at has reached `to`. */
bool dx_mmr_next_tile(uint64_t *at, uint64_t to, unsigned *level, uint64_t *index);
/* Their hashes' size: the exact size of a proof. */
size_t dx_mmr_proof_size(uint64_t from, uint64_t to);

/* Reads node (level, index); DX_OK or an error that is passed through. */
typedef int (*dx_mmr_read)(void *ctx, unsigned level, uint64_t index, uint8_t out[static DX_HASH_SIZE]);

/* Consistency proof from `from` to `to` leaves, from <= to <= DX_MMR_LENGTH_MAX; its size is
 * dx_mmr_proof_size(from, to). */
DX_MUST_USE int dx_mmr_prove(dx_mmr_read read, void *ctx, uint64_t from, uint64_t to,
                             uint8_t proof[static DX_MMR_PROOF_SIZE_MAX]);
/* Extends peaks at mmr->length with the proof up to `to`; DX_E_SIGNATURE, with mmr unchanged, when `to` is
 * out of range or the proof has not exactly the needed size. What the nodes are worth, the root tells
 * afterwards. */
DX_MUST_USE int dx_mmr_extend(dx_mmr *mmr, uint64_t to, dx_bytes proof);
/* The peaks at a length <= DX_MMR_LENGTH_MAX, read from stored nodes. */
DX_MUST_USE int dx_mmr_load(dx_mmr *mmr, dx_mmr_read read, void *ctx, uint64_t length);

#endif
