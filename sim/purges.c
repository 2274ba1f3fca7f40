/* sim/purges.c: things are purged meanwhile, and what must be left of them: nothing.
 *
 * Layer: simulator. One world in six has purges, drawn apart from all else, so that other worlds are what they were. Anybody
 * asks; the owner may, an admin, and who made it, and nobody else. A purge that was acknowledged must be in effect with every honest peer at the
 * end, and then no block of any of them may hold a section about it (check_blocks.c, by the book), and no row shows it. */
#include <stdio.h>
#include <string.h>

#include "check_state.h"
#include "workload.h"

enum { PURGES_PER_OPERATION = 25 };

static sim_purge *find(sim_world *world, size_t space, const char *id) {
    for (size_t i = 0; i < world->purge_count; i++) {
        if (world->purges[i].space == space && strcmp(world->purges[i].id, id) == 0) {
            return &world->purges[i];
        }
    }
    return NULL;
}

bool sim_is_purged(const sim_world *world, size_t space, const char *id) {
    for (size_t i = 0; i < world->purge_count; i++) {
        if (world->purges[i].space == space && strcmp(world->purges[i].id, id) == 0) {
            return true;
        }
    }
    return false;
}

/* The owner, and an admin where there is one. */
static bool may_purge_all(const sim_peer *peer) {
    const sim_plan *plan = &peer->world->plan;
    return peer->index < (plan->epochs && !plan->alone ? SIM_ADMINS : 1);
}

static void on_purged(sim_world *world, sim_peer *peer, void *ctx, sim_answer_kind kind, dx_bytes body) {
    sim_purge *purge = ctx;
    char message[160];
    int64_t code = dx_item_int(dx_item_get(dx_item_get(body, "error"), "code"), 0);
    if (kind != SIM_ANSWER_LAST) {
        return;
    }
    bool refused = sim_error_of(body, message, sizeof message);
    if (refused && !peer->suffers && code != DX_E_DENIED && code != DX_E_NOT_FOUND && code != DX_E_STATE) {
        sim_violate(world, "peer %zu purges %s: %s", peer->index, purge->id, message);
    }
    if (refused && code == DX_E_DENIED && peer->index == 0) {
        sim_violate(world, "the owner may not purge %s: %s", purge->id, message);
    }
    if (!refused && !may_purge_all(peer) && !sim_has_made(world, purge->id, peer)) {
        sim_violate(world, "peer %zu purged %s, which it neither made nor may", peer->index, purge->id);
    }
    purge->said = purge->said || (!refused && !peer->forked && world->plan.chance[SIM_SET_BACK] == 0);
    world->counts[SIM_PURGED] += !refused;
}

static void on_purge(sim_world *world, void *ctx, uint64_t number) {
    char json[200];
    sim_peer *peer = &world->peers[sim_below(world, 3) == 0 ? sim_below(world, world->plan.peers) : 0];
    size_t space = (size_t)sim_below(world, world->plan.spaces);
    const char *id = sim_object_made(world, space);
    (void)ctx;
    (void)number;
    if (peer->node == NULL || sim_peer_frozen(peer) || world->violation[0] != 0 || id == NULL ||
        !peer->member[space] || peer->reader || world->purge_count == SIM_PURGES_MAX) {
        return;
    }
    sim_purge *purge = find(world, space, id);
    if (purge == NULL) { /* from now on nobody is promised anything about it */
        purge = &world->purges[world->purge_count++];
        *purge = (sim_purge){.space = space};
        snprintf(purge->id, sizeof purge->id, "%s", id);
    }
    snprintf(json, sizeof json, "{\"do\": \"object.purge\", \"space\": \"%s\", \"id\": \"%s\"}",
             world->space[space], purge->id);
    sim_note(world, "peer %zu purges %s", peer->index, purge->id);
    (void)!sim_ask_json(peer, json, NULL, true, on_purged, purge);
}

void sim_purges_begin(sim_world *world) {
    size_t count = world->plan.purges ? world->plan.operations / PURGES_PER_OPERATION : 0;
    for (size_t i = 0; i < count; i++) {
        sim_at(world, world->now_ms + sim_below(world, world->plan.minutes * 60000), on_purge, NULL, i);
    }
}

/* --- What must be ----------------------------------------------------------------------------------------- */

static void check_peer(sim_world *world, sim_peer *peer, size_t number) {
    check_space space;
    if (!peer->member[number] || peer->node == NULL) {
        return;
    }
    if (check_space_read(&space, peer, number)) { /* tells of sections about what is purged */
        for (size_t i = 0; i < world->purge_count; i++) {
            const sim_purge *purge = &world->purges[i];
            if (purge->space == number && purge->said && !check_is_purged(&space, purge->id)) {
                sim_violate(world, "the purge of %s, acknowledged, is not in effect at peer %zu", purge->id,
                            peer->index);
            }
        }
    }
    check_space_free(&space);
}

void sim_check_purges(sim_world *world, size_t space) {
    for (size_t i = 0; world->purge_count != 0 && i < world->plan.peers && world->violation[0] == 0; i++) {
        check_peer(world, &world->peers[i], space);
    }
}
