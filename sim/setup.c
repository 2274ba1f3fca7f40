/* sim/setup.c: how a world begins: identities, spaces, and everyone in them by a real invitation.
 *
 * Layer: simulator. A world that was set up once serves as a template for many seeds: their disks are copies
 * of its disks. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

enum { SETUP_MS = 600000, JSON_SIZE = 2400 };

typedef struct sim_founding {
    bool done;
    char url[2048];
    char space[65];
    sim_peer *guest;
} sim_founding;

static bool is_done(void *ctx) {
    return ((const sim_founding *)ctx)->done;
}

static void copy_text(dx_bytes map, const char *key, char *out, size_t size) {
    dx_bytes text = dx_item_text(dx_item_get(map, key));
    snprintf(out, size, "%.*s", (int)text.size, text.data == NULL ? "" : (const char *)text.data);
}

static void on_founded(sim_world *world, sim_peer *peer, void *ctx, sim_answer_kind kind, dx_bytes body) {
    sim_founding *founding = ctx;
    char message[200];
    if (kind == SIM_ANSWER_NOTE) {
        return;
    }
    if (kind == SIM_ANSWER_LOST || sim_error_of(body, message, sizeof message)) {
        sim_violate(world, "peer %zu: setup failed: %s", peer->index,
                    kind == SIM_ANSWER_LOST ? "no answer" : message);
    }
    copy_text(body, "space", founding->space, sizeof founding->space);
    founding->done = true;
}

/* space receives the answer's, and may be NULL. */
static bool found(sim_peer *peer, const char *json, char *space) {
    sim_founding founding = {0};
    bool asked = sim_ask_json(peer, json, NULL, false, on_founded, &founding);
    DX_ASSERT(asked);
    if (!sim_run_while(peer->world, peer->world->now_ms + SETUP_MS, is_done, &founding)) {
        sim_violate(peer->world, "peer %zu: no answer to %s", peer->index, json);
    }
    if (space != NULL) {
        memcpy(space, founding.space, sizeof founding.space);
    }
    return peer->world->violation[0] == 0;
}

/* The host's share: its first notification holds the link, with which the guest joins. */
static void on_shared(sim_world *world, sim_peer *peer, void *ctx, sim_answer_kind kind, dx_bytes body) {
    sim_founding *founding = ctx;
    char pin[8], json[JSON_SIZE];
    (void)peer;
    if (kind != SIM_ANSWER_NOTE || founding->url[0] != 0) {
        return;
    }
    copy_text(body, "url", founding->url, sizeof founding->url);
    copy_text(body, "pin", pin, sizeof pin);
    snprintf(json, sizeof json, "{\"do\": \"space.join\", \"url\": \"%s\", \"pin\": \"%s\"}", founding->url,
             pin);
    if (!sim_ask_json(founding->guest, json, NULL, true, on_founded, founding)) {
        sim_violate(world, "peer %zu cannot ask to join", founding->guest->index);
    }
}

static bool invite(sim_peer *host, sim_peer *guest, size_t space, const char *role) {
    sim_world *world = host->world;
    sim_founding *founding =
        calloc(1, sizeof *founding); /* the share's answers go on after the guest has joined */
    char json[JSON_SIZE];
    DX_ASSERT(founding != NULL);
    founding->guest = guest;
    snprintf(json, sizeof json, "{\"do\": \"space.share\", \"space\": \"%s\", \"role\": \"%s\"}",
             world->space[space], role);
    bool asked = sim_ask_json(host, json, NULL, true, on_shared, founding);
    DX_ASSERT(asked);
    if (!sim_run_while(world, world->now_ms + SETUP_MS, is_done, founding)) {
        sim_violate(world, "peer %zu did not join", guest->index);
    }
    sim_run_until(world, world->now_ms + 5000); /* the host hears that all is well */
    sim_forget_requests(host, founding);
    sim_forget_requests(guest, founding);
    free(founding);
    guest->member[space] = true;
    return world->violation[0] == 0;
}

static bool found_space(sim_world *world, size_t space) {
    char json[64];
    snprintf(json, sizeof json, "{\"do\": \"space.create\", \"name\": \"space %zu\"}", space);
    bool well = found(&world->peers[0], json, world->space[space]);
    world->peers[0].member[space] = true;
    size_t members = space == 0 ? world->plan.peers : world->plan.peers - 1;
    for (size_t i = 1; well && i < members; i++) {
        bool admin = world->plan.epochs && !world->plan.alone && i < SIM_ADMINS;
        well = invite(&world->peers[0], &world->peers[i], space, admin ? "admin" : "editor");
    }
    if (well && world->plan.hostile != SIM_NO_LIAR) {
        sim_peer *liar = &world->peers[world->plan.peers];
        well = invite(&world->peers[0], liar, space,
                      world->plan.hostile == SIM_LYING_READER  ? "reader"
                      : world->plan.hostile == SIM_LYING_ADMIN ? "admin"
                                                               : "editor");
        liar->member[space] = false; /* nothing is asked of it, and nothing expected */
    }
    return well;
}

static bool make_identity(sim_peer *peer) {
    char json[64];
    sim_peer_start(peer);
    snprintf(json, sizeof json, "{\"do\": \"halo.create\", \"name\": \"peer %zu\"}", peer->index);
    return peer->world->violation[0] == 0 && found(peer, json, NULL);
}

bool sim_setup(sim_world *world) {
    bool well = true;
    for (size_t i = 0; well && i < world->peer_count; i++) {
        well = make_identity(&world->peers[i]);
    }
    for (size_t space = 0; well && space < world->plan.spaces; space++) {
        well = found_space(world, space);
    }
    return well;
}

void sim_setup_from(sim_world *world, sim_world *template) {
    size_t copied = world->peer_count - world->plan.guests;
    DX_ASSERT(copied <= template->peer_count);
    memcpy(world->space, template->space, sizeof world->space);
    for (size_t i = 0; i < copied; i++) {
        sim_peer *peer = &world->peers[i], *from = &template->peers[i];
        DX_ASSERT(from->node == NULL);
        sim_disk_destroy(peer->disk);
        peer->disk = sim_disk_copy(from->disk, sim_random(&world->random_state));
        peer->starts = 1;
        peer->has_token = true;
        memcpy(peer->token, from->token, sizeof peer->token);
        memcpy(peer->member, from->member, sizeof peer->member);
        sim_peer_start(peer);
    }
    for (size_t i = copied; i < world->peer_count && world->violation[0] == 0; i++) {
        make_identity(&world->peers[i]);
    }
}
