/* node/commands_halo.c: halo.* and device.*: who this vault is.
 *
 * Layer: floor 1, node. docs/spec/commands.md. */
#include <string.h>

#include "base/limits.h"
#include "base/trace.h"
#include "node/state.h"

void dx_write_identity(dx_node *node, dx_map_builder *map) {
    const dx_identity *person = &node->identity;
    dx_writer *identity = dx_map_builder_key(map, "identity");
    if (!person->present) {
        dx_write_null(identity);
        dx_write_null(dx_map_builder_key(map, "device"));
        dx_write_null(dx_map_builder_key(map, "name"));
        return;
    }
    dx_write_hex(identity, person->identity, DX_KEY_SIZE);
    dx_write_hex(dx_map_builder_key(map, "device"), person->device, DX_KEY_SIZE);
    if (person->device_name[0] != 0) {
        dx_write_text(dx_map_builder_key(map, "device_name"), person->device_name);
    }
    dx_write_text(dx_map_builder_key(map, "name"), person->name);
}

static int reply_identity(dx_node *node, dx_request *request) {
    dx_map_builder map;
    dx_answer_init(node, &map);
    dx_write_identity(node, &map);
    return dx_request_reply(node, request, &map);
}

/* From now on this device shows its own keys to services, not passing ones. */
static int renew_services(dx_node *node) {
    dx_swarm_service_state service;
    while (dx_swarm_service_at(node->swarm, 0, &service)) {
        char url[DX_SIGNALING_TEXT_MAX];
        memcpy(url, service.url.data, service.url.size);
        dx_swarm_remove_service(node->swarm, dx_bytes_of(url, service.url.size));
    }
    dx_swarm_set_device(node->swarm, node->identity.device_key.expanded); /* begins with the seed */
    return dx_node_load_services(node);
}

static int halo_create(dx_node *node, dx_request *request, dx_bytes body) {
    dx_bytes name;
    int error = dx_take_text(node, body, "name", sizeof node->identity.name - 1, &name);
    if (error != DX_OK) {
        return error;
    }
    if (name.size == 0) {
        return dx_node_refuse(node, DX_E_INVALID, "dx halo create NAME", "an identity needs a name");
    }
    if (node->identity.present) {
        return dx_node_refuse(node, DX_E_EXISTS, "dx halo identity",
                              "this vault already has an identity, \"%s\"", node->identity.name);
    }
    error = dx_identity_create(node->store, &node->config.alloc, &node->config.random, name, &node->identity);
    node->person++;
    if (error == DX_OK) {
        error = renew_services(node);
    }
    return error == DX_OK ? reply_identity(node, request) : error;
}

static int halo_identity(dx_node *node, dx_request *request, dx_bytes body) {
    (void)body;
    int error = dx_need_identity(node);
    return error == DX_OK ? reply_identity(node, request) : error;
}

/* --- Another name ----------------------------------------------------------------------------------------- */

int dx_node_load_telling(dx_node *node) {
    sqlite3_stmt *select = dx_store_query(node->store, "SELECT 1 FROM vault WHERE key = 'telling'");
    node->telling = dx_step(node->store, select);
    node->told_space = 0;
    node->tell_again = false;
    dx_step_reset(select);
    return dx_store_error(node->store);
}

/* The row outlives a crash: a name is told in all spaces or still being told. */
static int begin_telling(dx_node *node) {
    sqlite3_stmt *insert =
        dx_store_query(node->store, "INSERT OR REPLACE INTO vault(key, value) VALUES('telling', x'01')");
    node->telling = true;
    node->told_space = 0;
    node->tell_again = false;
    return dx_step_done(node->store, insert);
}

static int end_telling(dx_node *node) {
    node->telling = false;
    if (node->tell_again) {
        return DX_OK;
    }
    return dx_step_done(node->store, dx_store_query(node->store, "DELETE FROM vault WHERE key = 'telling'"));
}

int dx_node_tell_name(dx_node *node, bool *again) {
    int error = DX_OK;
    size_t told = 0;
    if (!node->telling) {
        return DX_OK;
    }
    for (size_t i = 0; i < node->space_count; i++) {
        dx_space *space = node->spaces[i];
        if (space->local <= node->told_space) {
            continue;
        }
        if (told++ == DX_STEP_NAMES_MAX) {
            *again = true;
            return DX_OK;
        }
        error = dx_space_tell_name(&node->context, space);
        if (dx_is_host_error(error)) {
            return error;
        }
        if (error != DX_OK) { /* who may only read there has no name there */
            dx_trace(&node->config.tracer, "node", "space %lld was not told the name: %s",
                     (long long)space->local, dx_error_name(error));
        }
        node->tell_again = node->tell_again || error == DX_E_STATE; /* its key is not here yet */
        node->told_space = space->local;
    }
    return end_telling(node);
}

static int halo_rename(dx_node *node, dx_request *request, dx_bytes body) {
    dx_bytes name;
    int error = dx_need_identity(node);
    if (error == DX_OK) {
        error = dx_take_name(node, body, sizeof node->identity.name - 1, &name);
    }
    if (error == DX_OK) {
        error = dx_identity_rename(node->store, &node->config.alloc, name, &node->identity);
    }
    if (error == DX_OK) {
        node->person++;
        error = begin_telling(node);
    }
    return error == DX_OK ? reply_identity(node, request) : error;
}

/* --- Devices ----------------------------------------------------------------------------------------------- */

static void write_device(dx_node *node, dx_map_builder *map) {
    const dx_identity *person = &node->identity;
    dx_answer_init(node, map);
    dx_write_hex(dx_map_builder_key(map, "device"), person->device, DX_KEY_SIZE);
    dx_write_text(dx_map_builder_key(map, "name"),
                  person->device_name[0] != 0 ? person->device_name : "this device");
    dx_write_bool(dx_map_builder_key(map, "current"), true);
}

static int device_list(dx_node *node, dx_request *request, dx_bytes body) {
    (void)body;
    int error = dx_need_identity(node);
    if (error != DX_OK) {
        return error;
    }
    dx_map_builder map;
    write_device(node, &map);
    dx_writer row = dx_request_row(node, request);
    dx_map_builder_finish(&map, &row);
    error = dx_request_row_end(node, request, &row);
    return error == DX_OK ? dx_request_reply_count(node, request) : error;
}

/* Its name stays in the vault: other members see people, not their machines. */
static int device_rename(dx_node *node, dx_request *request, dx_bytes body) {
    dx_bytes name, device;
    int error = dx_need_identity(node);
    if (error == DX_OK) {
        error = dx_take_name(node, body, sizeof node->identity.device_name - 1, &name);
    }
    if (error == DX_OK) {
        error = dx_take_optional_text(node, body, "device", 2 * DX_KEY_SIZE, &device);
    }
    if (error == DX_OK && device.data != NULL && !dx_matches_hex(node->identity.device, device)) {
        error = dx_node_refuse(node, DX_E_NOT_FOUND, "dx device list", "this identity has no device \"%.*s\"",
                               (int)device.size, (const char *)device.data);
    }
    if (error == DX_OK) {
        error = dx_identity_rename_device(node->store, name, &node->identity);
    }
    if (error != DX_OK) {
        return error;
    }
    node->person++;
    dx_map_builder map;
    write_device(node, &map);
    return dx_request_reply(node, request, &map);
}

const dx_command dx_commands_halo[] = {
    {"halo.create", true, halo_create},     {"halo.identity", false, halo_identity},
    {"halo.rename", true, halo_rename},     {"device.list", false, device_list},
    {"device.rename", true, device_rename}, {NULL, false, NULL},
};
