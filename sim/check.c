/* sim/check.c: what must hold whatever happened. Stands outside the nodes: it asks them like any program.
 *
 * Layer: simulator. After the faults end: every peer opens, all come in step within a bounded time
 * (liveness), their digests over the canonical state are equal (convergence), every acknowledged operation is
 * in it (durability), nothing of a stranger is (authority), memory is given back. */
#include <stdio.h>
#include <string.h>

#include "world.h"

enum { HEAL_MS = 30 * 60000, POLL_MS = 2000 };

/* --- Liveness ------------------------------------------------------------------------------------------ */

typedef struct sim_status {
    bool answered, synced;
    int64_t peers, pending;
    char digest[65], waiting[200], error[200];
} sim_status;

static void on_status(sim_world *world, sim_peer *peer, void *ctx, bool last, dx_bytes body) {
    sim_status *status = &((sim_status *)ctx)[peer->index];
    (void)world;
    if (!last) {
        return;
    }
    dx_bytes waiting = dx_item_text(dx_item_get(body, "waiting")),
             digest = dx_item_text(dx_item_get(body, "digest"));
    dx_bytes error = dx_item_text(dx_item_get(dx_item_get(body, "error"), "message"));
    status->answered = true;
    status->synced = dx_item_bool(dx_item_get(body, "synced"), false);
    status->peers = dx_item_int(dx_item_get(body, "peers"), 0);
    status->pending = dx_item_int(dx_item_get(body, "pending"), 0);
    snprintf(status->waiting, sizeof status->waiting, "%.*s", (int)waiting.size,
             waiting.size == 0 ? "" : (const char *)waiting.data);
    snprintf(status->digest, sizeof status->digest, "%.*s", (int)digest.size,
             digest.size == 0 ? "" : (const char *)digest.data);
    snprintf(status->error, sizeof status->error, "%.*s", (int)error.size,
             error.size == 0 ? "" : (const char *)error.data);
}

/* Asks every peer and lets the world go on until all have answered. */
static void ask_all(sim_world *world, const char *command, sim_status *status) {
    char json[160];
    memset(status, 0, world->plan.peers * sizeof *status);
    snprintf(json, sizeof json, "{\"do\": \"%s\", \"space\": \"%s\"}", command, world->space);
    for (size_t i = 0; i < world->plan.peers; i++) {
        sim_ask_json(&world->peers[i], json, on_status, status);
    }
    sim_run_until(world, world->now_ms + POLL_MS);
}

static bool all_synced(const sim_world *world, const sim_status *status) {
    for (size_t i = 0; i < world->plan.peers; i++) {
        if (!status[i].answered || !status[i].synced || status[i].peers + 1 < (int64_t)world->plan.peers) {
            return false;
        }
    }
    return true;
}

static void heal(sim_world *world) {
    world->healing = true;
    memset(world->side, 0, sizeof world->side);
    for (size_t i = 0; i < world->plan.peers; i++) {
        sim_disk_heal(world->peers[i].disk);
        world->peers[i].memory.fail_in = 0;
    }
}

static void check_liveness(sim_world *world) {
    sim_status status[SIM_PEERS_MAX];
    uint64_t end_ms = world->now_ms + HEAL_MS;
    do {
        ask_all(world, "space.status", status);
        if (world->violation[0] != 0 || all_synced(world, status)) {
            return;
        }
    } while (world->now_ms < end_ms);
    for (size_t i = 0; i < world->plan.peers; i++) {
        if (!status[i].synced || status[i].peers + 1 < (int64_t)world->plan.peers) {
            sim_violate(world,
                        "peer %zu is not in step %d minutes after healing: up %d, answered %d, %d peers, %d "
                        "pending, %s%s",
                        i, HEAL_MS / 60000, world->peers[i].node != NULL, status[i].answered,
                        (int)status[i].peers, (int)status[i].pending, status[i].waiting, status[i].error);
        }
    }
}

/* --- Convergence ------------------------------------------------------------------------------------------
 */

static void check_digests(sim_world *world) {
    sim_status status[SIM_PEERS_MAX];
    ask_all(world, "space.digest", status);
    for (size_t i = 0; i < world->plan.peers; i++) {
        if (status[i].digest[0] == 0) {
            sim_violate(world, "peer %zu gives no digest: %s", i, status[i].error);
        } else if (strcmp(status[i].digest, status[0].digest) != 0) {
            sim_violate(world, "peers 0 and %zu hold different states: %.16s… and %.16s…", i,
                        status[0].digest, status[i].digest);
        }
    }
}

/* --- Durability -------------------------------------------------------------------------------------------
 */

typedef struct sim_looked {
    size_t number;
    bool answered, there;
} sim_looked;

static void on_object(sim_world *world, sim_peer *peer, void *ctx, bool last, dx_bytes body) {
    sim_looked *looked = ctx;
    char key[32];
    (void)world;
    (void)peer;
    if (last) {
        snprintf(key, sizeof key, "op%zu", looked->number);
        looked->answered = true;
        looked->there =
            dx_item_int(dx_item_get(dx_item_get(body, "data"), key), -1) == (int64_t)looked->number;
    }
}

static bool was_answered(void *ctx) {
    return ((const sim_looked *)ctx)->answered;
}

static void check_durability(sim_world *world) {
    for (size_t i = 0; i < world->op_count && world->violation[0] == 0; i++) {
        const sim_op *op = &world->ops[i];
        sim_peer *peer = &world->peers[i % world->plan.peers];
        sim_looked looked = {.number = i};
        char json[256];
        if (!op->acknowledged || op->maybe_lost) {
            continue;
        }
        snprintf(json, sizeof json, "{\"do\": \"object.get\", \"space\": \"%s\", \"id\": \"%s\"}",
                 world->space, op->object);
        if (!sim_ask_json(peer, json, on_object, &looked) ||
            !sim_run_while(world, world->now_ms + POLL_MS, was_answered, &looked)) {
            sim_violate(world, "peer %zu does not answer", peer->index);
        } else if (!looked.there) {
            sim_violate(world, "operation %zu, acknowledged by peer %zu, is missing at peer %zu (object %s)",
                        i, op->peer, peer->index, op->object);
        }
    }
}

void sim_check_end(sim_world *world) {
    heal(world);
    for (size_t i = 0; i < world->plan.peers && world->violation[0] == 0; i++) {
        sim_peer_start(&world->peers[i]);
    }
    check_liveness(world);
    if (world->violation[0] == 0) {
        check_digests(world);
    }
    if (world->violation[0] == 0) {
        check_durability(world);
    }
}
