/* sim/workload.c: what people do: found a space, invite each other, and edit the same and different things at
 * once, on and off line.
 *
 * Layer: simulator. Every operation writes a key of its own ("op<n>") beside a contended one, so that the
 * durability checker can tell whether an acknowledged operation is there whatever the conflict rule decided
 * about the contended key. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

enum { SETUP_MS = 600000, CONTENDED_KEYS = 3 };

/* --- Founding --------------------------------------------------------------------------------------- */

typedef struct sim_founding {
    bool done;
    char url[2048];
    sim_peer *guest;
} sim_founding;

static bool is_done(void *ctx) {
    return ((const sim_founding *)ctx)->done;
}

static void copy_text(dx_bytes map, const char *key, char *out, size_t size) {
    dx_bytes text = dx_item_text(dx_item_get(map, key));
    snprintf(out, size, "%.*s", (int)text.size, text.data == NULL ? "" : (const char *)text.data);
}

static void on_founded(sim_world *world, sim_peer *peer, void *ctx, bool last, dx_bytes body) {
    sim_founding *founding = ctx;
    if (last && dx_item_get(body, "error").size > 0) {
        char message[200];
        copy_text(dx_item_get(body, "error"), "message", message, sizeof message);
        sim_violate(world, "peer %zu: setup failed: %s", peer->index, message);
    }
    if (last && world->space[0] == 0) {
        copy_text(body, "space", world->space, sizeof world->space);
    }
    founding->done = founding->done || last;
}

static bool found(sim_peer *peer, const char *json) {
    sim_founding founding = {0};
    bool asked = sim_ask_json(peer, json, on_founded, &founding);
    DX_ASSERT(asked);
    if (!sim_run_while(peer->world, peer->world->now_ms + SETUP_MS, is_done, &founding)) {
        sim_violate(peer->world, "peer %zu: no answer to %s", peer->index, json);
    }
    return peer->world->violation[0] == 0;
}

/* The host's share: its first notification holds the link, with which the guest joins. */
static void on_shared(sim_world *world, sim_peer *peer, void *ctx, bool last, dx_bytes body) {
    sim_founding *founding = ctx;
    char pin[8], json[2300];
    (void)peer;
    if (last || founding->url[0] != 0) {
        return;
    }
    copy_text(body, "url", founding->url, sizeof founding->url);
    copy_text(body, "pin", pin, sizeof pin);
    snprintf(json, sizeof json, "{\"do\": \"space.join\", \"url\": \"%s\", \"pin\": \"%s\"}", founding->url,
             pin);
    if (!sim_ask_json(founding->guest, json, on_founded, founding)) {
        sim_violate(world, "peer %zu cannot ask to join", founding->guest->index);
    }
}

static bool invite(sim_peer *host, sim_peer *guest) {
    sim_founding *founding =
        calloc(1, sizeof *founding); /* the share's answers go on after the guest has joined */
    char json[160];
    DX_ASSERT(founding != NULL);
    founding->guest = guest;
    snprintf(json, sizeof json, "{\"do\": \"space.share\", \"space\": \"%s\"}", host->world->space);
    bool asked = sim_ask_json(host, json, on_shared, founding);
    DX_ASSERT(asked);
    if (!sim_run_while(host->world, host->world->now_ms + SETUP_MS, is_done, founding)) {
        sim_violate(host->world, "peer %zu did not join", guest->index);
    }
    sim_run_until(host->world, host->world->now_ms + 5000); /* the host hears that all is well */
    free(founding);
    return host->world->violation[0] == 0;
}

bool sim_setup(sim_world *world) {
    bool well = true;
    for (size_t i = 0; well && i < world->plan.peers; i++) {
        char json[64];
        sim_peer_start(&world->peers[i]);
        snprintf(json, sizeof json, "{\"do\": \"halo.create\", \"name\": \"peer %zu\"}", i);
        well = world->violation[0] == 0 && found(&world->peers[i], json);
        world->space[0] = 0;
    }
    well = well && found(&world->peers[0], "{\"do\": \"space.create\", \"name\": \"shared\"}");
    for (size_t i = 1; well && i < world->plan.peers; i++) {
        well = invite(&world->peers[0], &world->peers[i]);
    }
    return well;
}

void sim_setup_from(sim_world *world, sim_world *template) {
    memcpy(world->space, template->space, sizeof world->space);
    for (size_t i = 0; i < world->plan.peers; i++) {
        sim_peer *peer = &world->peers[i], *from = &template->peers[i];
        DX_ASSERT(from->node == NULL);
        sim_disk_destroy(peer->disk);
        peer->disk = sim_disk_copy(from->disk, sim_random(&world->random_state));
        peer->starts = 1;
        peer->has_token = true;
        memcpy(peer->token, from->token, sizeof peer->token);
        sim_peer_start(peer);
    }
}

/* --- Operations ---------------------------------------------------------------------------------------- */

static void on_done(sim_world *world, sim_peer *peer, void *ctx, bool last, dx_bytes body) {
    sim_op *op = ctx;
    (void)world;
    (void)peer;
    if (!last || dx_item_get(body, "error").size > 0) {
        return; /* refused: an object that has not come here yet, a full disk; nothing was promised */
    }
    if (op->is_add) {
        copy_text(body, "id", op->object, sizeof op->object);
    }
    op->acknowledged = true;
}

/* An object somebody made and was told so; NULL when there is none yet. */
static const char *some_object(sim_world *world) {
    for (size_t tries = 0; tries < 8 && world->op_count > 0; tries++) {
        const sim_op *op = &world->ops[sim_below(world, world->op_count)];
        if (op->is_add && op->acknowledged) {
            return op->object;
        }
    }
    return NULL;
}

static void write_add(sim_world *world, char *json, size_t size, size_t number) {
    snprintf(json, size,
             "{\"do\": \"object.add\", \"space\": \"%s\", \"type\": \"t%zu\", \"data\": {\"op%zu\": %zu, "
             "\"shared\": %zu, \"deep\": {\"k\": %zu}}}",
             world->space, (size_t)sim_below(world, 3), number, number, number, number);
}

static void write_set(sim_world *world, char *json, size_t size, size_t number, const char *object) {
    snprintf(json, size,
             "{\"do\": \"object.set\", \"space\": \"%s\", \"id\": \"%s\", \"set\": {\"op%zu\": %zu, "
             "\"shared\": %zu, \"deep.k%zu\": %zu}}",
             world->space, object, number, number, number, (size_t)sim_below(world, CONTENDED_KEYS), number);
}

static void write_other(sim_world *world, char *json, size_t size, const char *object) {
    const char *other = some_object(world);
    switch (sim_below(world, 5)) {
    case 0:
        snprintf(json, size, "{\"do\": \"object.rm\", \"space\": \"%s\", \"id\": \"%s\"}", world->space,
                 object);
        break;
    case 1:
        snprintf(json, size, "{\"do\": \"object.restore\", \"space\": \"%s\", \"id\": \"%s\"}", world->space,
                 object);
        break;
    case 2:
        snprintf(json, size,
                 "{\"do\": \"object.unset\", \"space\": \"%s\", \"id\": \"%s\", \"unset\": [\"shared\", "
                 "\"deep\"]}",
                 world->space, object);
        break;
    case 3:
        snprintf(
            json, size,
            "{\"do\": \"object.set\", \"space\": \"%s\", \"id\": \"%s\", \"set\": {\"deep\": {\"k1\": %u}}}",
            world->space, object, (unsigned)sim_below(world, 100));
        break;
    default:
        snprintf(json, size,
                 "{\"do\": \"link.add\", \"space\": \"%s\", \"source\": \"%s\", \"target\": \"%s\", "
                 "\"type\": \"near\"}",
                 world->space, object, other == NULL ? object : other);
        break;
    }
}

void sim_operate(sim_world *world) {
    sim_peer *peer = &world->peers[sim_below(world, world->plan.peers)];
    const char *object = some_object(world);
    uint64_t kind = sim_below(world, 10);
    char json[512];
    if (world->op_count == SIM_OPS_MAX || peer->node == NULL) {
        return;
    }
    sim_op *op = &world->ops[world->op_count];
    *op = (sim_op){.peer = peer->index};
    if (object == NULL || kind < 4) {
        op->is_add = true;
        write_add(world, json, sizeof json, world->op_count);
    } else if (kind < 8) {
        snprintf(op->object, sizeof op->object, "%s", object);
        write_set(world, json, sizeof json, world->op_count, object);
    } else {
        write_other(world, json, sizeof json, object);
        sim_ask_json(peer, json, sim_ignore_answer, NULL);
        return;
    }
    world->op_count++;
    sim_note(world, "peer %zu: %s", peer->index, json);
    sim_ask_json(peer, json, on_done, op);
}
