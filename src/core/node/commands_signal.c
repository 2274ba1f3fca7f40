/* node/commands_signal.c: signal.*: the signaling services this vault looks for its peers at.
 *
 * Layer: floor 1, node. docs/spec/commands.md, docs/spec/signaling.md. A service is known because the person named it (table
 * signal; every topic is joined there) or because an invitation did (an address of that space alone). Members are not
 * told of services: where somebody is met is his own affair. */
#include <string.h>

#include "node/state.h"

int dx_node_load_services(dx_node *node) {
    int error = DX_OK;
    sqlite3_stmt *select = dx_store_query(node->store, "SELECT url FROM signal ORDER BY url");
    while (error == DX_OK && dx_step(node->store, select)) {
        error = dx_swarm_add_service(node->swarm, dx_column_bytes(select, 0));
        if (error == DX_E_LIMIT || error == DX_E_INVALID) { /* of a vault that knew other limits */
            error = DX_OK;
        }
    }
    dx_step_reset(select);
    return error == DX_OK ? dx_store_error(node->store) : error;
}

static int take_url(dx_node *node, dx_bytes body, dx_bytes *out) {
    dx_bytes name;
    int error = dx_take_text(node, body, "url", DX_SIGNALING_TEXT_MAX, out);
    if (error == DX_OK && (dx_signaling_service_name(*out, &name) != DX_OK || !dx_address_check(*out))) {
        error = dx_node_refuse(node, DX_E_INVALID, "dx signal add wss://HOST/.well-known/dx/signal",
                               "that is no address of a signaling service");
    }
    return error;
}

static int reply_url(dx_node *node, dx_request *request, dx_bytes url) {
    dx_map_builder map;
    dx_answer_init(node, &map);
    dx_write_text_bytes(dx_map_builder_key(&map, "url"), url);
    return dx_request_reply(node, request, &map);
}

static int signal_add(dx_node *node, dx_request *request, dx_bytes body) {
    dx_bytes url;
    int error = take_url(node, body, &url);
    if (error == DX_OK) {
        error = dx_swarm_add_service(node->swarm, url);
    }
    if (error == DX_E_LIMIT) {
        return dx_node_refuse(node, error, "dx signal rm URL", "a vault has at most %d signaling services",
                              (int)DX_SIGNALING_SERVICES_MAX);
    }
    if (error != DX_OK) {
        return error;
    }
    sqlite3_stmt *insert = dx_store_query(node->store, "INSERT OR IGNORE INTO signal(url) VALUES(?1)");
    dx_bind_text(insert, 1, url);
    error = dx_step_done(node->store, insert);
    return error == DX_OK ? reply_url(node, request, url) : error;
}

/* Also where an invitation had named it. */
static int signal_rm(dx_node *node, dx_request *request, dx_bytes body) {
    dx_bytes url;
    dx_swarm_service_state service;
    bool known = false;
    int error = take_url(node, body, &url);
    if (error != DX_OK) {
        return error;
    }
    for (size_t i = 0; !known && dx_swarm_service_at(node->swarm, i, &service); i++) {
        known = dx_bytes_equal(service.url, url);
    }
    if (!known) {
        return dx_node_refuse(node, DX_E_NOT_FOUND, "dx signal ls",
                              "this vault uses no such signaling service");
    }
    dx_swarm_remove_service(node->swarm, url);
    sqlite3_stmt *remove = dx_store_query(node->store, "DELETE FROM signal WHERE url = ?1");
    dx_bind_text(remove, 1, url);
    error = dx_step_done(node->store, remove);
    if (error != DX_OK) {
        return error;
    }
    sqlite3_stmt *named = dx_store_query(node->store, "DELETE FROM address WHERE address = ?1");
    dx_bind_text(named, 1, url);
    error = dx_step_done(node->store, named);
    return error == DX_OK ? reply_url(node, request, url) : error;
}

static void write_service(dx_node *node, const dx_swarm_service_state *service, dx_map_builder *map) {
    dx_write_text_bytes(dx_map_builder_key(map, "url"), service->url);
    dx_write_text(dx_map_builder_key(map, "state"), service->state);
    dx_write_bool(dx_map_builder_key(map, "invited"), !service->kept);
    dx_write_uint(dx_map_builder_key(map, "peers"), service->peers);
    dx_write_uint(dx_map_builder_key(map, "unreadable"),
                  service->counts.unreadable + service->counts.strange);
    if (service->last_error != DX_OK) {
        dx_write_text(dx_map_builder_key(map, "error"), dx_error_text(service->last_error));
    }
    dx_write_uint(dx_map_builder_key(map, "seconds"),
                  service->since_ms == 0 ? 0 : (node->context.now_ms - service->since_ms) / 1000);
}

static int signal_list(dx_node *node, dx_request *request, dx_bytes body) {
    dx_swarm_service_state service;
    int error = DX_OK;
    (void)body;
    for (size_t i = 0; error == DX_OK && dx_swarm_service_at(node->swarm, i, &service); i++) {
        dx_map_builder map;
        dx_answer_init(node, &map);
        write_service(node, &service, &map);
        dx_writer row = dx_request_row(node, request);
        dx_map_builder_finish(&map, &row);
        error = dx_request_row_end(node, request, &row);
    }
    return error == DX_OK ? dx_request_reply_count(node, request) : error;
}

const dx_command dx_commands_signal[] = {
    {"signal.add", true, signal_add},
    {"signal.rm", true, signal_rm},
    {"signal.list", false, signal_list},
    {NULL, false, NULL},
};
