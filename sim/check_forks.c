/* sim/check_forks.c: an honest vault was set back behind its guard, and may have written its feeds twice.
 *
 * Layer: simulator, checkers; looks inside the nodes; docs/spec/forks.md. The state is compared elsewhere
 * (check.c). Here: everyone knows of every fork, cuts it at the same place, has the same of it in force,
 * applied it so far, and says so; and what is kept beyond can be read, block by block. */
#include <string.h>

#include "feed/branch.h"
#include "feed/limb.h"
#include "node/state.h"
#include "world.h"

static dx_space *space_at(const sim_peer *peer, size_t number) {
    char id[2 * DX_HASH_SIZE + 1];
    for (size_t i = 0; i < peer->node->space_count; i++) {
        dx_hex_encode(dx_bytes_of(peer->node->spaces[i]->id, DX_HASH_SIZE), id);
        if (strcmp(id, peer->world->space[number]) == 0) {
            return peer->node->spaces[i];
        }
    }
    return NULL;
}

/* Every block of a branch can be read and has the root that its row says. */
static void read_branch(const sim_peer *peer, const dx_feed *branch) {
    uint8_t root[DX_HASH_SIZE], kept[DX_HASH_SIZE];
    int error = DX_OK;
    for (uint64_t seq = branch->begins; seq < branch->length && error == DX_OK; seq++) {
        dx_bytes block;
        dx_block decoded;
        error = dx_feed_read(branch, peer->node->store, seq, &block);
        error = error != DX_OK ? error : dx_block_decode(block, &decoded);
    }
    dx_branch rows = {.store = peer->node->store,
                      .trunk = branch->trunk,
                      .rows = branch->rows,
                      .parts = branch->parts,
                      .begins = branch->begins,
                      .stored = branch->length,
                      .end = branch->length,
                      .covered = branch->length};
    error = error != DX_OK ? error : dx_branch_root(&rows, branch->length, root);
    dx_mmr_root(&branch->mmr, kept);
    if (error != DX_OK || memcmp(root, kept, sizeof root) != 0) {
        sim_violate(peer->world, "peer %zu: a branch of %d blocks of feed %d cannot be read: %s", peer->index,
                    (int)branch->length, (int)branch->local, dx_error_name(error));
    }
}

static void read_limbs(const sim_peer *peer, const dx_feed *feed) {
    int64_t rows[DX_FEED_LIMBS_MAX];
    size_t count = 0;
    int error = dx_limb_list(feed, peer->node->store, rows, &count);
    read_branch(peer, feed);
    for (size_t i = 0; i < count && error == DX_OK; i++) {
        dx_feed view;
        error = dx_limb_view(feed, peer->node->store, rows[i], &view);
        if (error == DX_OK) {
            read_branch(peer, &view);
        }
    }
    if (error != DX_OK) {
        sim_violate(peer->world, "peer %zu: the branches of feed %d cannot be read", peer->index,
                    (int)feed->local);
    }
}

static void compare_feed(const sim_peer *peer, const dx_feed *feed, const sim_peer *other,
                         const dx_feed *theirs) {
    bool same = theirs->frozen == feed->frozen && theirs->cut == feed->cut &&
                dx_feed_limit(theirs) == dx_feed_limit(feed);
    if (!same) {
        sim_violate(peer->world, "peer %zu cuts feed %02x%02x… at %lld, floor %d; peer %zu at %lld, floor %d",
                    peer->index, feed->id[0], feed->id[1], (long long)feed->cut, (int)feed->floor,
                    other->index, (long long)theirs->cut, (int)theirs->floor);
    } else if (feed->frozen && feed->own) {
        sim_violate(peer->world, "peer %zu goes on with a feed that was written twice", peer->index);
    } else if (feed->applied > dx_feed_limit(feed) || feed->kept != 0) {
        sim_violate(peer->world, "peer %zu has not taken back what lies beyond a cut", peer->index);
    }
}

void sim_check_forks(sim_world *world, size_t number) {
    const sim_peer *first = &world->peers[0];
    for (size_t i = 0; i < world->peer_count && world->violation[0] == 0; i++) {
        sim_peer *peer = &world->peers[i];
        dx_space *space = peer->member[number] && peer->node != NULL ? space_at(peer, number) : NULL;
        dx_space *theirs = first->node != NULL ? space_at(first, number) : NULL;
        if (space == NULL || theirs == NULL || dx_store_begin(peer->node->store) != DX_OK) {
            continue;
        }
        for (size_t f = 0; f < space->feed_count && world->violation[0] == 0; f++) {
            const dx_feed *feed = &space->feeds[f], *same = dx_space_feed_by_id(theirs, feed->id);
            if (same != NULL) {
                compare_feed(peer, feed, first, same);
            }
            if (feed->frozen) {
                read_limbs(peer, feed);
            }
        }
        dx_store_rollback(peer->node->store);
    }
}
