/* sim/check_epochs.c: what everybody made of the epochs of a space.
 *
 * Layer: simulator, checkers; looks inside the nodes; docs/spec/epoch.md, control.md. States are compared elsewhere
 * (check.c), and whether history may go is judged when it goes (epochs.c). Here: no honest device says that a wrong epoch
 * is right, none holds it to be right, and nobody holds it to be confirmed; of the others none is held to be wrong; and all
 * know the same current one. */
#include <string.h>

#include "epochs.h"
#include "node/epochs.h"

static dx_space *space_at(const sim_peer *peer, size_t number) {
    char id[2 * DX_HASH_SIZE + 1];
    for (size_t i = 0; peer->node != NULL && i < peer->node->space_count; i++) {
        dx_hex_encode(dx_bytes_of(peer->node->spaces[i]->id, DX_HASH_SIZE), id);
        if (strcmp(id, peer->world->space[number]) == 0) {
            return peer->node->spaces[i];
        }
    }
    return NULL;
}

static bool is_honest_device(const sim_world *world, const uint8_t device[static DX_KEY_SIZE]) {
    for (size_t i = 0; i < world->peer_count; i++) {
        const sim_peer *peer = &world->peers[i];
        if (peer->node != NULL && !sim_is_hostile(peer) &&
            memcmp(peer->node->identity.device, device, DX_KEY_SIZE) == 0) {
            return true;
        }
    }
    return false;
}

static void check_wrong(const sim_peer *peer, const dx_space *space, const dx_epoch *epoch,
                        dx_epoch_verdict verdict) {
    sim_world *world = peer->world;
    uint8_t identity[DX_KEY_SIZE], device[DX_KEY_SIZE];
    for (size_t i = 0; dx_control_ack(space->control, epoch->id, i, identity, device); i++) {
        if (is_honest_device(world, device)) {
            sim_violate(world, "an honest device says of the liar's epoch %u that it is right",
                        (unsigned)epoch->number);
        }
    }
    if (epoch->confirmed) {
        sim_violate(world, "peer %zu holds the liar's epoch %u to be confirmed", peer->index,
                    (unsigned)epoch->number);
    } else if (verdict == DX_EPOCH_RIGHT || verdict == DX_EPOCH_LOADED) {
        sim_violate(world, "peer %zu found the liar's epoch %u to be %s", peer->index,
                    (unsigned)epoch->number, dx_epoch_verdict_name(verdict));
    }
}

static void check_epoch(sim_peer *peer, dx_space *space, const dx_epoch *epoch) {
    sim_world *world = peer->world;
    const sim_epoch *said = sim_epochs_find(world, epoch->id);
    dx_epoch_verdict verdict;
    uint64_t since_ms;
    int error = dx_node_epoch_verdict(peer->node, space, epoch->id, &verdict, &since_ms);
    if (error != DX_OK) {
        sim_violate(world, "peer %zu: what it found of epochs cannot be read: %s", peer->index,
                    dx_error_name(error));
    } else if (said == NULL || said->wrong) {
        check_wrong(peer, space, epoch, verdict);
    } else if (verdict == DX_EPOCH_MISMATCH) {
        sim_violate(world, "peer %zu holds epoch %u to be wrong, which an honest vault made", peer->index,
                    (unsigned)epoch->number);
    }
}

void sim_check_epochs(sim_world *world, size_t number) {
    dx_epoch first = {.number = 0}, current;
    for (size_t i = 0; world->epochs != NULL && i < world->peer_count && world->violation[0] == 0; i++) {
        sim_peer *peer = &world->peers[i];
        dx_space *space = peer->member[number] && !sim_is_hostile(peer) ? space_at(peer, number) : NULL;
        if (space == NULL || dx_store_begin(peer->node->store) != DX_OK) {
            continue;
        }
        for (size_t k = 0; k < dx_control_epoch_count(space->control); k++) {
            dx_epoch epoch;
            if (dx_control_epoch_at(space->control, k, &epoch)) {
                check_epoch(peer, space, &epoch);
            }
        }
        bool any = dx_control_current_epoch(space->control, &current);
        if (first.number != 0 && (!any || memcmp(first.id, current.id, sizeof current.id) != 0)) {
            sim_violate(world, "peer %zu knows another current epoch than the first peer", peer->index);
        }
        first = any ? current : first;
        dx_store_rollback(peer->node->store);
    }
}
