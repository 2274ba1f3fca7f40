/* node/commands_halo.c: halo.* and device.*: who this vault is.
 *
 * Layer: floor 1, node. docs/spec/commands.md. */
#include <string.h>

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

static int device_list(dx_node *node, dx_request *request, dx_bytes body) {
    (void)body;
    int error = dx_need_identity(node);
    if (error != DX_OK) {
        return error;
    }
    dx_map_builder map;
    dx_answer_init(node, &map);
    dx_write_hex(dx_map_builder_key(&map, "device"), node->identity.device, DX_KEY_SIZE);
    dx_write_text(dx_map_builder_key(&map, "name"), "this device");
    dx_write_bool(dx_map_builder_key(&map, "current"), true);
    dx_writer row = dx_request_row(node, request);
    dx_map_builder_finish(&map, &row);
    error = dx_request_row_end(node, request, &row);
    return error == DX_OK ? dx_request_reply_count(node, request) : error;
}

const dx_command dx_commands_halo[] = {
    {"halo.create", true, halo_create},
    {"halo.identity", false, halo_identity},
    {"device.list", false, device_list},
    {NULL, false, NULL},
};
