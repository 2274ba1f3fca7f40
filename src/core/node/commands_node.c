/* node/commands_node.c: status and request.cancel: the node itself.
 *
 * Layer: floor 1, node. docs/spec/commands.md. */
#include "node/state.h"

static void write_vault(dx_node *node, dx_writer *writer) {
    dx_map_builder map;
    uint64_t syncs, pages;
    dx_store_counts(node->store, &syncs, &pages);
    dx_answer_init(node, &map);
    dx_write_bool(dx_map_builder_key(&map, "encrypted"), true);
    dx_write_bool(dx_map_builder_key(&map, "clone"), node->is_clone);
    dx_write_bool(dx_map_builder_key(&map, "read_only"), dx_store_is_read_only(node->store));
    dx_write_int(dx_map_builder_key(&map, "wal_bytes"), dx_store_wal_bytes(node->store));
    dx_write_uint(dx_map_builder_key(&map, "syncs"), syncs);
    dx_write_uint(dx_map_builder_key(&map, "pages_written"), pages);
    dx_map_builder_finish(&map, writer);
}

/* Since the node opened. What was refused in a space is listed with the space. */
static void write_counts(dx_node *node, dx_writer *writer) {
    const dx_node_counts *counts = &node->counts;
    dx_map_builder map;
    dx_answer_init(node, &map);
    dx_write_uint(dx_map_builder_key(&map, "steps"), counts->steps);
    dx_write_uint(dx_map_builder_key(&map, "undone"), counts->undone);
    dx_write_uint(dx_map_builder_key(&map, "events_failed"), counts->events_failed);
    dx_write_uint(dx_map_builder_key(&map, "links_ready"), counts->links.ready);
    dx_write_uint(dx_map_builder_key(&map, "links_failed"), counts->links.failed);
    dx_write_uint(dx_map_builder_key(&map, "links_crowded"), counts->links.crowded);
    dx_write_uint(dx_map_builder_key(&map, "peers_refused"), counts->links.refused);
    dx_write_uint(dx_map_builder_key(&map, "signals_replayed"), counts->links.replayed);
    dx_write_uint(dx_map_builder_key(&map, "signals_strange"), counts->links.strange);
    dx_write_uint(dx_map_builder_key(&map, "apps_denied"), counts->apps_denied);
    dx_map_builder_finish(&map, writer);
}

static void write_services(dx_node *node, dx_writer *writer) {
    dx_swarm_service_state service;
    size_t count = 0;
    while (dx_swarm_service_at(node->swarm, count, &service)) {
        count++;
    }
    dx_write_array(writer, count);
    for (size_t i = 0; dx_swarm_service_at(node->swarm, i, &service); i++) {
        dx_map_builder map;
        dx_answer_init(node, &map);
        dx_write_text_bytes(dx_map_builder_key(&map, "url"), service.url);
        dx_write_text(dx_map_builder_key(&map, "state"), service.state);
        if (service.last_error != DX_OK) {
            dx_write_text(dx_map_builder_key(&map, "error"), dx_error_text(service.last_error));
        }
        dx_map_builder_finish(&map, writer);
    }
}

static int status(dx_node *node, dx_request *request, dx_bytes body) {
    (void)body;
    dx_map_builder map;
    dx_answer_init(node, &map);
    if (node->identity.present) {
        dx_write_hex(dx_map_builder_key(&map, "identity"), node->identity.identity, DX_KEY_SIZE);
        dx_write_text(dx_map_builder_key(&map, "name"), node->identity.name);
    }
    size_t links = 0;
    for (size_t i = 0; i < node->space_count; i++) {
        links += dx_swarm_link_count(node->swarm, (uint64_t)node->spaces[i]->local);
    }
    dx_write_uint(dx_map_builder_key(&map, "spaces"), node->space_count);
    dx_write_uint(dx_map_builder_key(&map, "peers"), links);
    dx_writer *listen = dx_map_builder_key(&map, "listen");
    dx_write_array(listen, node->address_count);
    for (size_t i = 0; i < node->address_count; i++) {
        dx_write_text(listen, node->addresses[i]);
    }
    write_services(node, dx_map_builder_key(&map, "signal"));
    write_vault(node, dx_map_builder_key(&map, "vault"));
    write_counts(node, dx_map_builder_key(&map, "counts"));
    return dx_request_reply(node, request, &map);
}

static int request_cancel(dx_node *node, dx_request *request, dx_bytes body) {
    uint8_t key[DX_REQUEST_SIZE];
    dx_bytes of = dx_item_bytes(dx_item_get(body, "of"));
    dx_request *other = NULL;
    if (of.size == DX_REQUEST_SIZE) {
        dx_request_key(request->app, of.data, key);
        other = dx_request_find(node, key);
    }
    if (other == NULL) {
        return dx_node_refuse(node, DX_E_NOT_FOUND, NULL, "there is no such request at work");
    }
    dx_request_cancel(node, other);
    dx_map_builder map;
    dx_answer_init(node, &map);
    return dx_request_reply(node, request, &map);
}

/* --- Looking over everything --------------------------------------------------------------------- */

static int tell_checking(dx_node *node, dx_request *request, const dx_store_checking *checking) {
    dx_map_builder map;
    dx_answer_init(node, &map);
    dx_write_text(dx_map_builder_key(&map, "state"), "checking");
    dx_write_uint(dx_map_builder_key(&map, "done"), checking->page > 0 ? checking->page - 1 : 0);
    dx_write_uint(dx_map_builder_key(&map, "total"), checking->pages);
    return dx_request_notify(node, request, &map);
}

static int go_on_checking(dx_node *node, dx_request *request, bool *again) {
    dx_store_checking *checking = request->task;
    bool more = false;
    if (request->cancelled) {
        return DX_E_CANCELLED;
    }
    int error = dx_store_check_slice(node->store, checking, &more);
    if (error == DX_E_CORRUPT) {
        return dx_node_refuse(node, error, DX_DAMAGE_REMEDY, "%s", dx_store_message(node->store));
    }
    if (error != DX_OK) {
        return error;
    }
    if (more) {
        *again = true;
        error = tell_checking(node, request, checking);
        return error == DX_OK ? DX_PENDING : error;
    }
    dx_map_builder map;
    dx_answer_init(node, &map);
    dx_write_uint(dx_map_builder_key(&map, "pages"), checking->pages);
    return dx_request_reply(node, request, &map);
}

static int vault_check(dx_node *node, dx_request *request, dx_bytes body) {
    (void)body;
    bool made = dx_request_continue(node, request, sizeof(dx_store_checking), go_on_checking, NULL) != NULL;
    return made ? DX_PENDING : DX_E_NO_MEMORY;
}

/* --- Making the file smaller --------------------------------------------------------------------- */

static int explain_compaction(dx_node *node, const dx_store_compaction *compaction) {
    if (compaction->error == DX_E_LIMIT) {
        return dx_node_refuse(node, DX_E_LIMIT, "export its spaces into a new vault",
                              "more than %d MiB are in use, and all of it would have to be held in memory",
                              DX_STORE_COMPACT_SIZE_MAX >> 20);
    }
    if (compaction->error == DX_E_NO_SPACE) {
        return dx_node_refuse(node, DX_E_NO_SPACE, "make room on its disk",
                              "for the time it takes, what is in use needs its size once more on the disk");
    }
    return compaction->error;
}

/* Between this step and the one before, outside of all transactions, it was done. */
static int go_on_compacting(dx_node *node, dx_request *request, bool *again) {
    const dx_store_compaction *compaction = dx_store_compaction_of(node->store);
    dx_map_builder map;
    if (request->cancelled) {
        return DX_E_CANCELLED;
    }
    if (compaction->asked) {
        *again = true;
        return DX_PENDING;
    }
    if (compaction->error != DX_OK) {
        return explain_compaction(node, compaction);
    }
    dx_answer_init(node, &map);
    dx_write_uint(dx_map_builder_key(&map, "before"),
                  compaction->before.used_bytes + compaction->before.unused_bytes);
    dx_write_uint(dx_map_builder_key(&map, "after"),
                  compaction->after.used_bytes + compaction->after.unused_bytes);
    return dx_request_reply(node, request, &map);
}

static int vault_compact(dx_node *node, dx_request *request, dx_bytes body) {
    (void)body;
    if (dx_store_is_read_only(node->store)) {
        return dx_node_refuse(node, DX_E_NO_SPACE, "make room on its disk",
                              "the vault's disk is full; the vault is open for reading only");
    }
    bool made = dx_request_continue(node, request, 1, go_on_compacting, NULL) != NULL;
    if (made) {
        dx_store_ask_compact(node->store);
    }
    return made ? DX_PENDING : DX_E_NO_MEMORY;
}

const dx_command dx_commands_node[] = {
    {"status", false, status},
    {"vault.check", false, vault_check},
    {"vault.compact", false, vault_compact},
    {"request.cancel", false, request_cancel},
    {NULL, false, NULL},
};
