/* feed/mmr.h: Merkle mountain range over block leaves.
 *
 * Layer: floor 1, feed. node(level l, index i) covers leaves [i·2^l, (i+1)·2^l). Appending leaf n creates the leaf node and
 * one parent for every trailing 1 bit of n; those hashes, leaf first, are stored in the block's row, so any node is found at
 * (row of its last leaf, offset l·32). root = H(ROOT, length ‖ peaks, largest first). leaf = H(LEAF, feed id ‖ seq ‖ header ‖ section hashes),
 * parent = H(NODE, covered leaves ‖ left ‖ right). */
#ifndef DX_FEED_MMR_H
#define DX_FEED_MMR_H

#include "crypto/hash.h"

enum { DX_MMR_PEAKS_MAX = 40, DX_MMR_PROOF_MAX = 80 };

typedef struct dx_mmr {
    uint64_t length;
    uint8_t peaks[DX_MMR_PEAKS_MAX][DX_HASH_SIZE]; /* largest first, popcount(length) of them */
} dx_mmr;

/* Appends a leaf; nodes receives the created hashes (leaf first), their number is returned (<= DX_MMR_PEAKS_MAX). */
size_t dx_mmr_append(dx_mmr *mmr, const uint8_t leaf[static DX_HASH_SIZE], uint8_t nodes[][DX_HASH_SIZE]);
void dx_mmr_root(const dx_mmr *mmr, uint8_t out[static DX_HASH_SIZE]);

/* Reads node (level, index); DX_OK or an error that is passed through. */
typedef int (*dx_mmr_read)(void *ctx, unsigned level, uint64_t index, uint8_t out[static DX_HASH_SIZE]);

/* Consistency proof from `from` to `to` leaves: the nodes that, added to the peaks at `from`, give the peaks at `to`. from <= to.
 * Peaks at `from` are not part of it. */
DX_MUST_USE int dx_mmr_prove(dx_mmr_read read, void *ctx, uint64_t from, uint64_t to, uint8_t proof[][DX_HASH_SIZE], size_t *count);
/* Extends peaks at mmr->length with the proof up to `to`; DX_E_SIGNATURE when the proof has not exactly the needed nodes. */
DX_MUST_USE int dx_mmr_extend(dx_mmr *mmr, uint64_t to, const uint8_t (*proof)[DX_HASH_SIZE], size_t count);
/* The peaks at a length, read from stored nodes. */
DX_MUST_USE int dx_mmr_load(dx_mmr *mmr, dx_mmr_read read, void *ctx, uint64_t length);

#endif
