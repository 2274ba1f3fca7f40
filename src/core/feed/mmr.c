/* feed/mmr.c: the Merkle mountain range: append, root, proofs.
 *
 * Layer: floor 1, feed. A length is its own picture of the range: each 1 bit is a mountain of that many
 * leaves, so joining a mountain is binary addition with carry, and every loop below is bounded by the 31 bits
 * of a length. */
#include "feed/mmr.h"

#include <string.h>

#include "feed/number.h"

size_t dx_mmr_peak_count(uint64_t length) {
    return (size_t)__builtin_popcountll(length);
}

/* A leaf each, and every parent joins two trees into one until only the peaks are left. */
uint64_t dx_mmr_node_count(uint64_t length) {
    return 2 * length - dx_mmr_peak_count(length);
}

void dx_mmr_parent(uint64_t covered, const uint8_t left[static DX_HASH_SIZE],
                   const uint8_t right[static DX_HASH_SIZE], uint8_t out[static DX_HASH_SIZE]) {
    uint8_t input[8 + 2 * DX_HASH_SIZE];
    put_u64(input, covered);
    memcpy(input + 8, left, DX_HASH_SIZE);
    memcpy(input + 8 + DX_HASH_SIZE, right, DX_HASH_SIZE);
    dx_hash(DX_HASH_NODE, dx_bytes_of(input, sizeof input), out);
}

/* Adds a mountain of 2^level leaves: length + 2^level, the carries being the parents. nodes (may be NULL)
 * receives the mountain and its new ancestors; their size is returned. length must be a multiple of 2^level.
 */
static size_t join_mountain(dx_mmr *mmr, unsigned level, const uint8_t mountain[static DX_HASH_SIZE],
                            uint8_t *nodes) {
    uint64_t covered = (uint64_t)1 << level;
    DX_ASSERT(mmr->length % covered == 0 && mmr->length + covered <= DX_MMR_LENGTH_MAX);
    size_t peaks = dx_mmr_peak_count(mmr->length), created = 0;
    uint8_t hash[DX_HASH_SIZE];
    memcpy(hash, mountain, DX_HASH_SIZE);
    for (uint64_t size = covered;; size *= 2) {
        if (nodes) {
            memcpy(nodes + created, hash, DX_HASH_SIZE);
        }
        created += DX_HASH_SIZE;
        if (!(mmr->length & size)) {
            break;
        }
        dx_mmr_parent(size * 2, mmr->peaks[--peaks], hash, hash);
    }
    memcpy(mmr->peaks[peaks], hash, DX_HASH_SIZE);
    mmr->length += covered;
    return created;
}

size_t dx_mmr_append(dx_mmr *mmr, const uint8_t leaf[static DX_HASH_SIZE], uint8_t *nodes) {
    return join_mountain(mmr, 0, leaf, nodes);
}

void dx_mmr_root(const dx_mmr *mmr, uint8_t out[static DX_HASH_SIZE]) {
    uint8_t input[8 + DX_MMR_PEAKS_MAX * DX_HASH_SIZE];
    size_t peaks_size = dx_mmr_peak_count(mmr->length) * DX_HASH_SIZE;
    put_u64(input, mmr->length);
    memcpy(input + 8, mmr->peaks, peaks_size);
    dx_hash(DX_HASH_ROOT, dx_bytes_of(input, 8 + peaks_size), out);
}

/* The tile at *at is the largest power of two that is aligned there and still fits. */
bool dx_mmr_next_tile(uint64_t *at, uint64_t to, unsigned *level, uint64_t *index) {
    if (*at >= to) {
        return false;
    }
    unsigned fits = 63u - (unsigned)__builtin_clzll(to - *at);
    unsigned aligned = *at ? (unsigned)__builtin_ctzll(*at) : fits;
    *level = aligned < fits ? aligned : fits;
    *index = *at >> *level;
    *at += (uint64_t)1 << *level;
    return true;
}

size_t dx_mmr_proof_size(uint64_t from, uint64_t to) {
    size_t size = 0;
    unsigned level;
    uint64_t index;
    while (dx_mmr_next_tile(&from, to, &level, &index)) {
        size += DX_HASH_SIZE;
    }
    return size;
}

int dx_mmr_prove(dx_mmr_read read, void *ctx, uint64_t from, uint64_t to,
                 uint8_t proof[static DX_MMR_PROOF_SIZE_MAX]) {
    DX_ASSERT(from <= to && to <= DX_MMR_LENGTH_MAX);
    unsigned level;
    uint64_t index;
    for (uint8_t *out = proof; dx_mmr_next_tile(&from, to, &level, &index); out += DX_HASH_SIZE) {
        int error = read(ctx, level, index, out);
        if (error) {
            return error;
        }
    }
    return DX_OK;
}

int dx_mmr_extend(dx_mmr *mmr, uint64_t to, dx_bytes proof) {
    uint64_t at = mmr->length;
    if (to < at || to > DX_MMR_LENGTH_MAX || proof.size != dx_mmr_proof_size(at, to)) {
        return DX_E_SIGNATURE;
    }
    unsigned level;
    uint64_t index;
    for (const uint8_t *node = proof.data; dx_mmr_next_tile(&at, to, &level, &index); node += DX_HASH_SIZE) {
        (void)join_mountain(mmr, level, node, NULL);
    }
    return DX_OK;
}

int dx_mmr_load(dx_mmr *mmr, dx_mmr_read read, void *ctx, uint64_t length) {
    uint8_t peaks[DX_MMR_PROOF_SIZE_MAX];
    int error = dx_mmr_prove(read, ctx, 0, length, peaks);
    memcpy(mmr->peaks, peaks, error ? 0 : dx_mmr_peak_count(length) * DX_HASH_SIZE);
    mmr->length = error ? 0 : length;
    return error;
}
