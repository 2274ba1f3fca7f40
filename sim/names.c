/* sim/names.c: people, devices and spaces get other names meanwhile, and what they must be called at the end.
 *
 * Layer: simulator. One world in six has renames, drawn apart from all else, so that other worlds are what they were. A
 * liar there writes others' names, too (hostile_block.c). Names are data of the space: what every member shows must be
 * the same, a member's only what that member's own vault was asked to take (decision 0023), and, where no disk was set
 * back, the last of it. Every name asked for begins with whose it is. */
#include <stdio.h>
#include <string.h>

#include "world.h"

enum { RENAMES_PER_OPERATION = 8, NAME_SIZE = 64 };

/* What a vault says of itself. */
typedef struct sim_person {
    char identity[65], name[NAME_SIZE];
} sim_person;

/* --- Renaming --------------------------------------------------------------------------------------------- */

static void on_named(sim_world *world, sim_peer *peer, void *ctx, sim_answer_kind kind, dx_bytes body) {
    char message[160];
    (void)ctx;
    if (kind != SIM_ANSWER_LAST) {
        return;
    }
    bool refused = sim_error_of(body, message, sizeof message);
    if (refused && !peer->suffers) {
        sim_violate(world, "peer %zu may not take a name: %s", peer->index, message);
    }
    world->counts[SIM_RENAMED] += !refused;
}

static void on_rename(sim_world *world, void *ctx, uint64_t number) {
    char json[200];
    sim_peer *peer = &world->peers[sim_below(world, world->plan.peers)];
    size_t space = (size_t)sim_below(world, world->plan.spaces);
    bool self = sim_below(world, 2) == 0;
    (void)ctx;
    if (peer->node == NULL || sim_peer_frozen(peer) || world->violation[0] != 0) {
        return;
    }
    if (self) {
        snprintf(json, sizeof json, "{\"do\": \"halo.rename\", \"name\": \"peer %zu is %u\"}", peer->index,
                 (unsigned)number);
    } else if (peer->member[space] && !peer->reader) {
        snprintf(json, sizeof json,
                 "{\"do\": \"space.rename\", \"space\": \"%s\", \"name\": \"space %zu is %u\"}",
                 world->space[space], space, (unsigned)number);
    } else {
        return;
    }
    sim_note(world, "peer %zu: %s", peer->index, json);
    (void)!sim_ask_json(peer, json, NULL, true, on_named, NULL);
}

void sim_names_begin(sim_world *world) {
    size_t count = world->plan.names ? world->plan.operations / RENAMES_PER_OPERATION : 0;
    for (size_t i = 0; i < count; i++) {
        sim_at(world, world->now_ms + sim_below(world, world->plan.minutes * 60000), on_rename, NULL, i);
    }
}

/* --- What must be ----------------------------------------------------------------------------------------- */

static void copy_text(dx_bytes map, const char *key, char *out, size_t size) {
    dx_bytes text = dx_item_text(dx_item_get(map, key));
    snprintf(out, size, "%.*s", (int)text.size, text.size == 0 ? "" : (const char *)text.data);
}

static void read_person(sim_peer *peer, sim_person *out) {
    sim_reply reply;
    memset(out, 0, sizeof *out);
    sim_reply_init(&reply);
    if (sim_ask_wait(peer, "{\"do\": \"status\"}", &reply)) {
        copy_text(dx_buf_view(&reply.body), "identity", out->identity, sizeof out->identity);
        copy_text(dx_buf_view(&reply.body), "name", out->name, sizeof out->name);
    }
    sim_reply_deinit(&reply);
}

/* "peer 1" or "peer 1 is …". */
static bool is_name_of(const char *name, const char *what, size_t number) {
    char first[NAME_SIZE], later[NAME_SIZE];
    snprintf(first, sizeof first, "%s %zu", what, number);
    snprintf(later, sizeof later, "%s %zu is ", what, number);
    return strcmp(name, first) == 0 || strncmp(name, later, strlen(later)) == 0;
}

static void check_member(sim_world *world, const sim_person *people, dx_bytes row) {
    char identity[65], name[NAME_SIZE];
    copy_text(row, "identity", identity, sizeof identity);
    copy_text(row, "name", name, sizeof name);
    for (size_t i = 0; i < world->plan.peers; i++) {
        bool last = world->counts[SIM_SET_BACK] == 0 && !world->peers[i].reader;
        if (strcmp(identity, people[i].identity) != 0) {
            continue;
        }
        if (!is_name_of(name, "peer", i) || (last && strcmp(name, people[i].name) != 0)) {
            sim_violate(world, "peer %zu, who took the name \"%s\", is called \"%s\"", i, people[i].name,
                        name);
        }
    }
}

static bool read_members(sim_peer *peer, size_t space, sim_reply *reply) {
    char json[160];
    sim_reply_init(reply);
    snprintf(json, sizeof json, "{\"do\": \"space.members\", \"space\": \"%s\"}", peer->world->space[space]);
    return sim_ask_wait(peer, json, reply);
}

static void check_space_name(sim_peer *peer, size_t space) {
    char json[160], name[NAME_SIZE];
    sim_reply reply;
    sim_reply_init(&reply);
    snprintf(json, sizeof json, "{\"do\": \"space.status\", \"space\": \"%s\"}", peer->world->space[space]);
    if (sim_ask_wait(peer, json, &reply)) {
        copy_text(dx_buf_view(&reply.body), "name", name, sizeof name);
        if (!is_name_of(name, "space", space)) {
            sim_violate(peer->world, "peer %zu calls space %zu \"%s\"", peer->index, space, name);
        }
    }
    sim_reply_deinit(&reply);
}

/* What the first member shows is right, and what the others show is the same. */
void sim_check_names(sim_world *world, size_t space) {
    sim_person people[SIM_PEERS_MAX];
    sim_reply first;
    if (!world->plan.names) {
        return;
    }
    for (size_t i = 0; i < world->plan.peers && world->violation[0] == 0; i++) {
        read_person(&world->peers[i], &people[i]);
    }
    bool read = world->violation[0] == 0 && read_members(&world->peers[0], space, &first);
    if (world->violation[0] != 0 || !read) {
        return;
    }
    dx_reader reader;
    dx_reader_init(&reader, dx_buf_view(&first.rows));
    for (size_t i = 0; i < first.row_count; i++) {
        check_member(world, people, dx_read_item(&reader));
    }
    for (size_t i = 0; i < world->peer_count && world->violation[0] == 0; i++) {
        sim_reply other;
        if (!world->peers[i].member[space]) {
            continue;
        }
        check_space_name(&world->peers[i], space);
        if (read_members(&world->peers[i], space, &other) &&
            !dx_bytes_equal(dx_buf_view(&first.rows), dx_buf_view(&other.rows))) {
            sim_violate(world, "peer %zu shows members of space %zu by other names than peer 0", i, space);
        }
        sim_reply_deinit(&other);
    }
    sim_reply_deinit(&first);
}
