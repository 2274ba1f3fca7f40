/* node/commands_watch.c: halo.watch and space.watch: who this vault is, and which spaces it holds, as that
 * changes. What changes inside a space is told by `watch` (commands_query.c).
 *
 * Layer: floor 1, node. docs/spec/commands.md. */
#include <string.h>

#include "base/limits.h"
#include "node/roll.h"

/* --- Spaces --------------------------------------------------------------------------------------------- */

static void drop_roll(dx_node *node, dx_request *request) {
    dx_roll_free(node, request->task);
}

/* Members, their names and their roles in a few digits: who is told another one asks space.members again. */
static int digest_members(dx_node *node, dx_space *space, uint8_t out[static DX_HASH_SIZE]) {
    uint8_t both[2 * DX_HASH_SIZE];
    dx_control_digest(space->control, both);
    int error = dx_space_names_digest(&node->context, space, both + DX_HASH_SIZE);
    dx_hash(DX_HASH_SYNC_DIGEST, dx_bytes_of(both, sizeof both), out);
    return error;
}

static int fill_space(dx_node *node, dx_request *request, const void *thing, dx_map_builder *map) {
    dx_space *space = (dx_space *)(uintptr_t)thing;
    char name[256];
    uint8_t digest[DX_HASH_SIZE];
    int error = dx_space_name(&node->context, space, name, sizeof name);
    int digested = digest_members(node, space, digest);
    dx_write_hex(dx_map_builder_key(map, "space"), space->id, DX_HASH_SIZE);
    if (error == DX_OK) {
        dx_write_text(dx_map_builder_key(map, "name"), name);
    } else {
        dx_write_null(dx_map_builder_key(map, "name"));
    }
    dx_write_uint(dx_map_builder_key(map, "members"), dx_control_member_count(space->control));
    dx_write_hex(dx_map_builder_key(map, "rights"), digest, DX_PREFIX_SIZE);
    dx_write_text(dx_map_builder_key(map, "role"),
                  dx_role_name(dx_control_role(space->control, node->identity.identity)));
    if (request->app != NULL) {
        dx_write_text(dx_map_builder_key(map, "level"), dx_level_name(dx_app_level(request->app, space->id)));
    }
    return error == DX_OK || error == DX_E_NOT_FOUND ? digested : error;
}

static int tell_spaces(dx_node *node, dx_request *request, bool *again) {
    (void)again;
    dx_roll *roll = request->task;
    int error = request->cancelled ? DX_E_CANCELLED : DX_OK;
    dx_roll_begin(roll);
    for (size_t i = 0; error == DX_OK && i < node->space_count; i++) {
        const dx_space *space = node->spaces[i];
        dx_level level = dx_app_level(request->app, space->id);
        if (level >= DX_LEVEL_READ) {
            char id[2 * DX_HASH_SIZE + 1];
            dx_hex_encode(dx_bytes_of(space->id, DX_HASH_SIZE), id);
            /* Nothing in a space is another without a block; it was never stamped 0. */
            error = dx_roll_take(node, request, roll, id, 1 + 4 * space->change + level, space, fill_space);
        }
    }
    error = error == DX_OK ? dx_roll_end(node, request, roll) : error;
    return error == DX_OK ? DX_PENDING : error;
}

static int space_watch(dx_node *node, dx_request *request, dx_bytes body) {
    (void)body;
    dx_roll *roll = dx_request_continue(node, request, sizeof *roll, tell_spaces, drop_roll);
    if (roll == NULL) {
        request->drop = NULL;
        return DX_E_NO_MEMORY;
    }
    roll->key = "space";
    return DX_PENDING;
}

/* --- The person ------------------------------------------------------------------------------------------- */

typedef struct dx_halo_watching {
    bool told;
    uint64_t person; /* node->person when it was */
} dx_halo_watching;

static int tell_identity(dx_node *node, dx_request *request, bool *again) {
    (void)again;
    dx_halo_watching *watching = request->task;
    if (request->cancelled) {
        return DX_E_CANCELLED;
    }
    if (watching->told && watching->person == node->person) {
        return DX_PENDING;
    }
    watching->told = true;
    watching->person = node->person;
    dx_map_builder map;
    dx_answer_init(node, &map);
    dx_write_identity(node, &map);
    int error = dx_request_notify(node, request, &map);
    return error == DX_OK ? DX_PENDING : error;
}

static int halo_watch(dx_node *node, dx_request *request, dx_bytes body) {
    (void)body;
    bool made = dx_request_continue(node, request, sizeof(dx_halo_watching), tell_identity, NULL) != NULL;
    return made ? DX_PENDING : DX_E_NO_MEMORY;
}

const dx_command dx_commands_watch[] = {
    {"space.watch", false, space_watch},
    {"halo.watch", false, halo_watch},
    {NULL, false, NULL},
};
