/* sim/check_parts.c: whether a peer is in step with every honest one, beside a liar.
 *
 * Layer: simulator; looks inside the nodes. What a liar says that it has, and gives nobody, does not count. */
#include <string.h>

#include "node/state.h"
#include "world.h"

static dx_space *space_of(const sim_peer *peer, size_t space) {
    for (size_t i = 0; i < peer->node->space_count; i++) {
        char id[2 * DX_HASH_SIZE + 1];
        dx_hex_encode(dx_bytes_of(peer->node->spaces[i]->id, DX_HASH_SIZE), id);
        if (strcmp(id, peer->world->space[space]) == 0) {
            return peer->node->spaces[i];
        }
    }
    return NULL;
}

static bool is_in_step_with(const sim_peer *peer, dx_space *space, const sim_peer *other) {
    uint8_t device[DX_KEY_SIZE];
    char address[DX_ADDRESS_SIZE_MAX];
    bool synced = false, found = false;
    for (size_t i = 0; !found && dx_replication_peer(peer->node->replication, space, i, device, address,
                                                     sizeof address, &synced);
         i++) {
        found = memcmp(device, other->node->identity.device, DX_KEY_SIZE) == 0;
    }
    return found && synced;
}

bool sim_is_in_step(const sim_peer *peer, size_t number) {
    dx_replication_status status;
    dx_space *space = peer->node == NULL ? NULL : space_of(peer, number);
    bool in_step = space != NULL && !space->busy;
    for (size_t i = 0; i < peer->world->plan.peers && in_step; i++) {
        const sim_peer *other = &peer->world->peers[i];
        in_step = other == peer || !other->member[number] ||
                  (other->node != NULL && is_in_step_with(peer, space, other));
    }
    if (in_step) {
        dx_replication_status_of(peer->node->replication, space, &status);
        in_step = !status.pending_sections;
    }
    return in_step;
}
