/* feed/branch.c: finds or makes a node of the mountain range from rows, a run and a proof.
 *
 * Layer: floor 1, feed. The recursion halves what it looks at, so it goes at most 31 deep and touches, on
 * each level, one node that spans the end of what is held; everything else is found at once. */
#include "feed/branch.h"

#include <string.h>

static int read_stored(const dx_branch *branch, uint64_t seq, unsigned level,
                       uint8_t out[static DX_HASH_SIZE]) {
    sqlite3_stmt *select = dx_store_query(branch->store, "SELECT nodes FROM block WHERE key=?1");
    dx_bind_int(select, 1, (seq < branch->parts ? branch->trunk : branch->rows) << 32 | (int64_t)seq);
    bool found = dx_step(branch->store, select);
    dx_bytes nodes = found ? dx_column_bytes(select, 0) : dx_bytes_of(NULL, 0);
    bool whole = nodes.size >= ((size_t)level + 1) * DX_HASH_SIZE;
    if (whole) {
        memcpy(out, nodes.data + (size_t)level * DX_HASH_SIZE, DX_HASH_SIZE);
    }
    dx_step_reset(select);
    int error = dx_store_error(branch->store);
    return error ? error : whole ? DX_OK : DX_E_CORRUPT;
}

/* Whether (level, index) is one of the peaks at `begins`, which outlast their blocks. */
static bool is_kept_peak(const dx_branch *branch, unsigned level, uint64_t index) {
    uint64_t at = 0, tile_index;
    unsigned tile_level;
    while (dx_mmr_next_tile(&at, branch->begins, &tile_level, &tile_index)) {
        if (tile_level == level && tile_index == index) {
            return true;
        }
    }
    return false;
}

/* Whether (level, index) is a tile of the proof. */
static bool find_tile(const dx_branch *branch, unsigned level, uint64_t index,
                      uint8_t out[static DX_HASH_SIZE]) {
    uint64_t at = branch->end, tile_index;
    unsigned tile_level;
    for (size_t offset = 0; dx_mmr_next_tile(&at, branch->covered, &tile_level, &tile_index);
         offset += DX_HASH_SIZE) {
        if (tile_level == level && tile_index == index) {
            memcpy(out, branch->proof.data + offset, DX_HASH_SIZE);
            return true;
        }
    }
    return false;
}

int dx_branch_read(void *ctx, unsigned level, uint64_t index, uint8_t out[static DX_HASH_SIZE]) {
    const dx_branch *branch = ctx;
    uint64_t end = (index + 1) << level;
    if (end <= branch->begins && !is_kept_peak(branch, level, index)) {
        return DX_E_GONE;
    }
    if (end <= branch->stored) {
        return read_stored(branch, end - 1, level, out);
    }
    if (end <= branch->end) {
        uint64_t row = dx_mmr_node_count(end - 1) - dx_mmr_node_count(branch->stored);
        memcpy(out, branch->nodes + (size_t)(row + level) * DX_HASH_SIZE, DX_HASH_SIZE);
        return DX_OK;
    }
    if (find_tile(branch, level, index, out)) {
        return DX_OK;
    }
    if (level == 0 || end > branch->covered) {
        return DX_E_NOT_FOUND;
    }
    uint8_t left[DX_HASH_SIZE], right[DX_HASH_SIZE];
    int error = dx_branch_read(ctx, level - 1, 2 * index, left);
    error = error ? error : dx_branch_read(ctx, level - 1, 2 * index + 1, right);
    if (!error) {
        dx_mmr_parent((uint64_t)1 << level, left, right, out);
    }
    return error;
}

int dx_branch_root(dx_branch *branch, uint64_t length, uint8_t out[static DX_HASH_SIZE]) {
    dx_mmr mmr;
    int error = dx_mmr_load(&mmr, dx_branch_read, branch, length);
    if (!error) {
        dx_mmr_root(&mmr, out);
    }
    return error;
}
