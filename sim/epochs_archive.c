/* sim/epochs_archive.c: every block that somebody let go of. See epochs.h.
 *
 * Layer: simulator; looks inside the core. Found by the root after it, so that a chain of blocks can be gone back from any
 * length whose root is known, whichever branch of a feed it lies on. */
#include <stdlib.h>
#include <string.h>

#include "epochs.h"
#include "feed/begin.h"
#include "feed/limb.h"

static sim_kept_block **bucket_of(const sim_epochs *epochs, const uint8_t after[static DX_HASH_SIZE]) {
    size_t at = ((size_t)after[0] << 8 | after[1]) % SIM_ARCHIVE_BUCKETS;
    return (sim_kept_block **)(uintptr_t)&epochs->blocks[at];
}

const sim_kept_block *sim_archive_find(const sim_epochs *epochs, const uint8_t after[static DX_HASH_SIZE]) {
    const sim_kept_block *block = *bucket_of(epochs, after);
    while (block != NULL && memcmp(block->after, after, sizeof block->after) != 0) {
        block = block->next;
    }
    return block;
}

/* Of a block that is whole here and has sections missing there, the whole one stays: it comes to stand before the other. */
static void keep(sim_epochs *epochs, const uint8_t before[static DX_HASH_SIZE],
                 const uint8_t after[static DX_HASH_SIZE], dx_bytes body) {
    const sim_kept_block *there = sim_archive_find(epochs, after);
    if (there != NULL && there->size >= body.size) {
        return;
    }
    sim_kept_block *block = malloc(sizeof *block + body.size);
    sim_kept_block **bucket = bucket_of(epochs, after);
    DX_ASSERT(block != NULL);
    block->next = *bucket;
    memcpy(block->after, after, sizeof block->after);
    memcpy(block->before, before, sizeof block->before);
    block->size = body.size;
    memcpy(block->body, body.data, body.size);
    *bucket = block;
}

void sim_archive_take(sim_epochs *epochs, const dx_feed *feed, dx_store *store, uint64_t end) {
    dx_mmr mmr;
    uint8_t before[DX_HASH_SIZE], after[DX_HASH_SIZE];
    int error = feed->identity.feed_class != DX_FEED_DATA || end <= feed->begins
                    ? DX_E_NOT_FOUND
                    : dx_feed_mmr_at(feed, store, feed->begins, &mmr);
    for (uint64_t seq = feed->begins; error == DX_OK && seq < end && seq < feed->length; seq++) {
        uint8_t leaf[DX_HASH_SIZE], nodes[DX_MMR_NODES_SIZE_MAX];
        dx_bytes body;
        dx_block block;
        error = dx_feed_read(feed, store, seq, &body);
        error = error ? error : dx_block_decode(body, &block);
        if (error != DX_OK) {
            break;
        }
        dx_mmr_root(&mmr, before);
        dx_block_leaf(&block, feed->id, seq, leaf);
        (void)dx_mmr_append(&mmr, leaf, nodes);
        dx_mmr_root(&mmr, after);
        keep(epochs, before, after, body);
    }
}

static void take_space(sim_epochs *epochs, dx_store *store, const dx_space *space) {
    for (size_t i = 0; i < space->feed_count; i++) {
        const dx_feed *feed = &space->feeds[i];
        int64_t rows[DX_FEED_LIMBS_MAX];
        size_t count = 0;
        sim_archive_take(epochs, feed, store, feed->length);
        if (!feed->frozen || dx_limb_list(feed, store, rows, &count) != DX_OK) {
            continue;
        }
        for (size_t k = 0; k < count; k++) {
            dx_feed view;
            if (dx_limb_view(feed, store, rows[k], &view) == DX_OK) {
                sim_archive_take(epochs, &view, store, view.length);
            }
        }
    }
}

void sim_archive_take_all(sim_world *world) {
    for (size_t i = 0; world->epochs != NULL && i < world->peer_count; i++) {
        dx_node *node = world->peers[i].node;
        if (node == NULL || dx_store_begin(node->store) != DX_OK) {
            continue;
        }
        for (size_t k = 0; k < node->space_count; k++) {
            take_space(world->epochs, node->store, node->spaces[k]);
        }
        dx_store_rollback(node->store);
    }
}

void sim_archive_free(sim_epochs *epochs) {
    for (size_t i = 0; i < SIM_ARCHIVE_BUCKETS; i++) {
        while (epochs->blocks[i] != NULL) {
            sim_kept_block *next = epochs->blocks[i]->next;
            free(epochs->blocks[i]);
            epochs->blocks[i] = next;
        }
    }
}
