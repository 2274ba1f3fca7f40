/* node/commands_space.c: space.create, list, rename, members, status, rm and peers.
 *
 * Layer: floor 1, node. docs/spec/commands.md. Sharing and joining are in invite.c. */
#include <string.h>

#include "base/limits.h"
#include "node/epochs.h"
#include "node/invite.h"
#include "node/state.h"

/* The name that was read, or null. Any other error is returned. */
static int write_name(dx_map_builder *map, const char *name, int error) {
    if (error == DX_OK) {
        dx_write_text(dx_map_builder_key(map, "name"), name);
    } else {
        dx_write_null(dx_map_builder_key(map, "name"));
    }
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

static int write_space_name(dx_node *node, dx_space *space, dx_map_builder *map) {
    char name[256];
    dx_write_hex(dx_map_builder_key(map, "space"), space->id, DX_HASH_SIZE);
    return write_name(map, name, dx_space_name(&node->context, space, name, sizeof name));
}

/* The map becomes a row, whatever came before; the first error is returned. */
static int end_row(dx_node *node, dx_request *request, dx_map_builder *map, int error) {
    dx_writer row = dx_request_row(node, request);
    dx_map_builder_finish(map, &row);
    int written = dx_request_row_end(node, request, &row);
    return error != DX_OK ? error : written;
}

static int space_create(dx_node *node, dx_request *request, dx_bytes body) {
    dx_bytes name;
    dx_space *space = NULL;
    int error = dx_need_identity(node);
    if (error == DX_OK) {
        error = dx_take_optional_text(node, body, "name", DX_SPACE_NAME_SIZE_MAX, &name);
    }
    if (error == DX_OK && request->app != NULL && request->app->space_count >= DX_GRANT_SPACES_MAX) {
        error = dx_node_refuse(node, DX_E_LIMIT, NULL, "an app is granted at most %d spaces by name",
                               DX_GRANT_SPACES_MAX);
    }
    if (error == DX_OK) {
        error = dx_space_create(&node->context, name, &space);
    }
    if (error == DX_OK) {
        error = dx_node_add_space(node, space);
    }
    if (error == DX_OK && request->app != NULL) {
        error = dx_app_allow(node, request->app, space->id, DX_LEVEL_SHARE);
    }
    if (error != DX_OK) {
        return error;
    }
    dx_map_builder map;
    dx_answer_init(node, &map);
    error = write_space_name(node, space, &map);
    return dx_request_reply_unless(node, request, error, &map);
}

static int space_list(dx_node *node, dx_request *request, dx_bytes body) {
    (void)body;
    int error = DX_OK;
    for (size_t i = 0; error == DX_OK && i < node->space_count; i++) {
        dx_space *space = node->spaces[i];
        if (dx_app_level(request->app, space->id) < DX_LEVEL_READ) {
            continue;
        }
        int64_t objects = 0, links = 0;
        error = dx_space_count(&node->context, space, &objects, &links);
        dx_map_builder map;
        dx_answer_init(node, &map);
        int named = write_space_name(node, space, &map);
        dx_write_int(dx_map_builder_key(&map, "objects"), objects);
        dx_write_int(dx_map_builder_key(&map, "links"), links);
        error = end_row(node, request, &map, error != DX_OK ? error : named);
    }
    return error == DX_OK ? dx_request_reply_count(node, request) : error;
}

static int space_rename(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space;
    dx_bytes name;
    int error = dx_need_identity(node);
    if (error == DX_OK) {
        error = dx_take_space(node, request, body, &space);
    }
    if (error == DX_OK) {
        error = dx_take_name(node, body, DX_SPACE_NAME_SIZE_MAX, &name);
    }
    if (error == DX_OK) {
        error = dx_node_explain_edit(node, space, dx_space_rename(&node->context, space, name));
    }
    if (error != DX_OK) {
        return error;
    }
    dx_map_builder map;
    dx_answer_init(node, &map);
    error = write_space_name(node, space, &map);
    return dx_request_reply_unless(node, request, error, &map);
}

/* The id of the object in which a member says its name, or null. */
static int write_member_object(dx_node *node, dx_space *space, const dx_member *member, dx_map_builder *map) {
    int64_t key;
    uint8_t id[DX_ID_SIZE];
    char text[DX_ID_TEXT_MAX];
    int error = dx_space_member_object(&node->context, space, member->identity, &key);
    dx_writer *out = dx_map_builder_key(map, "object");
    if (error != DX_OK || key == 0) {
        dx_write_null(out);
        return error;
    }
    error = dx_key_to_id(space, key, id);
    dx_id_print(id, text);
    dx_write_text(out, text);
    return error;
}

static int space_members(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space;
    int error = dx_take_space(node, request, body, &space);
    for (size_t i = 0; error == DX_OK && i < dx_control_member_count(space->control); i++) {
        const dx_member *member = dx_control_member(space->control, i);
        char name[128];
        dx_map_builder map;
        dx_answer_init(node, &map);
        dx_write_hex(dx_map_builder_key(&map, "identity"), member->identity, DX_KEY_SIZE);
        error = write_name(&map, name,
                           dx_space_member_name(&node->context, space, member->identity, name, sizeof name));
        int found = write_member_object(node, space, member, &map);
        dx_write_text(dx_map_builder_key(&map, "role"), dx_role_name(member->role));
        error = end_row(node, request, &map, error != DX_OK ? error : found);
    }
    return error == DX_OK ? dx_request_reply_count(node, request) : error;
}

/* This vault alone forgets it: what others hold stays theirs. Its rows go in the steps that follow. */
static int space_rm(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space;
    uint8_t id[DX_HASH_SIZE];
    int error = dx_take_space(node, request, body, &space);
    if (error != DX_OK) {
        return error;
    }
    memcpy(id, space->id, sizeof id);
    error = dx_node_cancel_readers(node, space->local);
    if (error == DX_OK) {
        error = dx_invite_cancel_space(node, space->local);
    }
    if (error == DX_OK) {
        error = dx_replication_forget_addresses(node->replication, space);
    }
    if (error == DX_OK) {
        error = dx_space_forget(&node->context, space->local);
    }
    if (error == DX_OK) {
        error = dx_grants_forget_space(node, id);
    }
    if (error == DX_OK) {
        error = dx_node_forget_epochs(node, space->local);
    }
    if (error != DX_OK) {
        return error;
    }
    dx_node_remove_space(node, space);
    node->sweeping = true;
    dx_map_builder map;
    dx_answer_init(node, &map);
    dx_write_hex(dx_map_builder_key(&map, "space"), id, sizeof id);
    return dx_request_reply(node, request, &map);
}

/* --- Status ------------------------------------------------------------------------------------- */

typedef struct dx_waiting {
    uint64_t shown[9]; /* what decides about the last map sent, so that only changes are told */
    bool told;
    uint64_t left_count; /* of the replication, when the waiting began */
} dx_waiting;

static void write_hidden(const dx_space *space, const dx_feed *feed, uint64_t blocks, dx_writer *out) {
    const dx_admitted_feed *admitted = dx_control_find_feed(space->control, feed->id);
    dx_write_map(out, 5);
    dx_write_text(out, "cut");
    if (feed->frozen) {
        dx_write_uint(out, feed->cut);
    } else {
        dx_write_null(out); /* it was not written twice: its admission stands beyond a cut */
    }
    dx_write_text(out, "feed");
    dx_write_hex(out, feed->id, DX_PREFIX_SIZE);
    dx_write_text(out, "hidden");
    dx_write_uint(out, blocks);
    dx_write_text(out, "stands");
    dx_write_uint(out, feed->applied);
    dx_write_text(out, "identity");
    if (admitted != NULL) {
        dx_write_hex(out, admitted->owner, DX_KEY_SIZE);
    } else {
        dx_write_null(out);
    }
}

/* Which feeds were written twice, what stands of them, and how much is kept and hidden. */
static int write_quarantine(dx_node *node, dx_space *space, dx_map_builder *map) {
    uint64_t hidden = 0, listed = 0;
    dx_buf items;
    dx_writer writer;
    dx_buf_init(&items, node->context.alloc, DX_ANSWER_SIZE_MAX);
    dx_writer_init(&writer, &items);
    int error = DX_OK;
    for (size_t i = 0; i < space->feed_count && error == DX_OK; i++) {
        const dx_feed *feed = &space->feeds[i];
        uint64_t blocks = 0;
        error = dx_space_hidden(&node->context, space, feed, &blocks);
        hidden += blocks;
        if (error == DX_OK && (feed->frozen || blocks != 0) && listed < DX_REFUSED_LISTED_MAX) {
            write_hidden(space, feed, blocks, &writer);
            listed++;
        }
    }
    dx_write_uint(dx_map_builder_key(map, "hidden"), hidden);
    dx_writer *out = dx_map_builder_key(map, "forks");
    dx_write_array(out, (size_t)listed);
    dx_reader reader;
    dx_reader_init(&reader, dx_buf_view(&items));
    for (uint64_t i = 0; i < listed; i++) {
        dx_write_item(out, dx_read_item(&reader));
    }
    int written = dx_buf_error(&items);
    dx_buf_deinit(&items);
    return error != DX_OK ? error : written;
}

typedef bool (*state_of)(dx_swarm *, uint64_t, size_t, dx_swarm_way *);

/* Of what leads to nobody now, the failure that is best explained, the latest first. */
static bool find_failure(const dx_node *node, const dx_space *space, state_of at, dx_swarm_way *worst) {
    bool found = false;
    dx_swarm_way way;
    for (size_t i = 0; at(node->swarm, (uint64_t)space->local, i, &way); i++) {
        bool failed = way.last_error != DX_OK && strcmp(way.state, "connected") != 0;
        bool explained = way.why[0] != 0;
        if (failed && (!found || explained > (worst->why[0] != 0) ||
                       (explained == (worst->why[0] != 0) && way.since_ms > worst->since_ms))) {
            *worst = way;
            found = true;
        }
    }
    return found;
}

/* Nobody is here: why the ways that were tried led nowhere, a peer's before an address's. */
static void write_failure(const dx_node *node, const dx_space *space, dx_map_builder *map) {
    dx_swarm_way way;
    if (find_failure(node, space, dx_swarm_meeting_state, &way) ||
        find_failure(node, space, dx_swarm_address_state, &way)) {
        char words[sizeof way.address + DX_LINK_WHY_MAX + 4];
        sqlite3_snprintf(sizeof words, words, "%s: %s", way.address,
                         way.why[0] != 0 ? way.why : dx_error_text(way.last_error));
        dx_write_text(dx_map_builder_key(map, "unreached"), words);
    }
}

/* Rows are still to be made of a state that comes in place of blocks. */
static bool is_loading(const dx_space *space) {
    dx_epoch_status status;
    dx_epoch_status_of(space, &status);
    return status.stage == DX_EPOCH_FETCHING || status.stage == DX_EPOCH_UNPACKING;
}

/* In step with everyone who is connected. Blocks that wait for what none of them has do not count: a member who
 * names what is not would keep all others waiting for ever. They are told as pending. Who waits is in step, too, once a peer
 * that was there meanwhile has left and all that it had is applied: a host may go as soon as its guest has fetched the blocks. */
static bool is_in_step(const dx_space *space, const dx_replication_status *status,
                       const dx_waiting *waiting) {
    bool was_met = waiting != NULL && status->peers == 0 && status->left_count != waiting->left_count;
    return (status->synced || (was_met && status->whole)) && status->pending_blocks == 0 &&
           !status->pending_sections && !space->busy && !is_loading(space);
}

/* waiting: NULL, nobody does. */
static int write_status(dx_node *node, dx_space *space, const dx_waiting *waiting, dx_map_builder *map,
                        bool *synced) {
    dx_replication_status status;
    int64_t objects = 0, links = 0;
    char words[DX_NODE_MESSAGE_SIZE];
    int error = dx_space_count(&node->context, space, &objects, &links);
    dx_replication_status_of(node->replication, space, &status);
    *synced = is_in_step(space, &status, waiting);
    dx_answer_init(node, map);
    int named = write_space_name(node, space, map);
    error = error == DX_OK ? named : error;
    dx_write_bool(dx_map_builder_key(map, "synced"), *synced);
    dx_write_uint(dx_map_builder_key(map, "peers"), status.peers);
    dx_write_int(dx_map_builder_key(map, "objects"), objects);
    dx_write_int(dx_map_builder_key(map, "links"), links);
    dx_write_uint(dx_map_builder_key(map, "pending"), status.pending_blocks + space->blocked);
    dx_write_uint(dx_map_builder_key(map, "refused"), space->refused);
    int listed = write_quarantine(node, space, map);
    error = error == DX_OK ? listed : error;
    int begins = dx_node_write_epoch_status(node, space, map);
    error = error == DX_OK ? begins : error;
    int kept = dx_node_write_scope_status(node, space, map);
    error = error == DX_OK ? kept : error;
    if (dx_pipeline_waiting(&node->context, space, words, sizeof words)) {
        dx_write_text(dx_map_builder_key(map, "waiting"), words);
    }
    if (status.peers == 0) {
        write_failure(node, space, map);
    }
    return error;
}

static int wait_synced(dx_node *node, dx_request *request, bool *again) {
    (void)again;
    dx_waiting *waiting = request->task;
    dx_space *space = dx_node_space(node, request->space);
    if (request->cancelled || space == NULL) {
        return DX_E_CANCELLED;
    }
    dx_replication_status status;
    dx_replication_status_of(node->replication, space, &status);
    dx_epoch_status epoch;
    dx_epoch_status_of(space, &epoch);
    const uint64_t now[] = {
        status.peers,           status.pending_blocks, space->blocked,        space->busy,
        space->change,          status.synced,         (uint64_t)epoch.stage, dx_node_epoch_percent(&epoch),
        status.pending_sections};
    _Static_assert(sizeof now == sizeof waiting->shown, "each has its place");
    bool changed = !waiting->told || memcmp(now, waiting->shown, sizeof now) != 0;
    bool late = node->context.now_ms >= request->deadline_ms;
    if (!changed && !late) {
        return DX_PENDING;
    }
    memcpy(waiting->shown, now, sizeof now);
    waiting->told = true;
    bool synced = false;
    dx_map_builder map;
    int error = write_status(node, space, waiting, &map, &synced);
    if (late && !synced) {
        int told = dx_request_notify(node, request, &map);
        error = error == DX_OK ? told : error;
        return error != DX_OK ? error
                              : dx_node_refuse(node, DX_E_TIMEOUT, "dx space status, dx peer list",
                                               "the space was not in step in the time given");
    }
    if (synced) {
        return dx_request_reply_unless(node, request, error, &map);
    }
    int told = dx_request_notify(node, request, &map);
    error = error == DX_OK ? told : error;
    return error == DX_OK ? DX_PENDING : error;
}

static int space_status(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space;
    int error = dx_take_space(node, request, body, &space);
    if (error != DX_OK) {
        return error;
    }
    if (!dx_item_bool(dx_item_get(body, "wait_synced"), false)) {
        bool synced;
        dx_map_builder map;
        error = write_status(node, space, NULL, &map, &synced);
        return dx_request_reply_unless(node, request, error, &map);
    }
    dx_waiting *waiting = dx_request_continue(node, request, sizeof *waiting, wait_synced, NULL);
    if (waiting == NULL) {
        return DX_E_NO_MEMORY;
    }
    request->space = space->local;
    dx_replication_status status;
    dx_replication_status_of(node->replication, space, &status);
    waiting->left_count = status.left_count;
    int64_t timeout_ms = dx_item_int(dx_item_get(body, "timeout_ms"), 0);
    if (timeout_ms > 0) {
        request->deadline_ms = node->context.now_ms + (uint64_t)timeout_ms;
    }
    return DX_PENDING;
}

/* --- Peers --------------------------------------------------------------------------------------- */

static int peer_connect(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space;
    dx_bytes address;
    int error = dx_take_space(node, request, body, &space);
    if (error == DX_OK) {
        error = dx_take_text(node, body, "address", DX_ADDRESS_SIZE_MAX - 1, &address);
    }
    if (error == DX_OK) {
        error = dx_replication_add_address(node->replication, space, address, DX_ADDRESS_TYPED);
    }
    if (error == DX_E_INVALID && node->message[0] == 0) {
        return dx_node_refuse(node, error, "dx peer connect SPACE tcp:HOST:PORT", "that is not an address");
    }
    if (error != DX_OK) {
        return error;
    }
    dx_map_builder map;
    dx_answer_init(node, &map);
    return dx_request_reply(node, request, &map);
}

static int list_addresses(dx_node *node, dx_request *request, dx_space *space, state_of at) {
    int error = DX_OK;
    dx_swarm_way way;
    for (size_t i = 0; error == DX_OK && at(node->swarm, (uint64_t)space->local, i, &way); i++) {
        dx_map_builder map;
        dx_answer_init(node, &map);
        error = write_space_name(node, space, &map);
        dx_write_text(dx_map_builder_key(&map, "address"), way.address);
        dx_write_text(dx_map_builder_key(&map, "state"), way.state);
        if (way.last_error != DX_OK) {
            dx_write_text(dx_map_builder_key(&map, "error"), dx_error_text(way.last_error));
        }
        if (way.why[0] != 0) {
            dx_write_text(dx_map_builder_key(&map, "why"), way.why);
        }
        dx_write_uint(
            dx_map_builder_key(&map, "seconds"),
            way.since_ms == 0 ? 0 : (node->context.now_ms - way.since_ms) / 1000); /* 0: not tried yet */
        error = end_row(node, request, &map, error);
    }
    return error;
}

static int peer_list(dx_node *node, dx_request *request, dx_bytes body) {
    (void)body;
    int error = DX_OK;
    for (size_t i = 0; error == DX_OK && i < node->space_count; i++) {
        dx_space *space = node->spaces[i];
        uint8_t device[DX_KEY_SIZE];
        char address[DX_ADDRESS_SIZE_MAX];
        bool synced;
        for (size_t at = 0; error == DX_OK && dx_replication_peer(node->replication, space, at, device,
                                                                  address, sizeof address, &synced);
             at++) {
            dx_map_builder map;
            dx_answer_init(node, &map);
            error = write_space_name(node, space, &map);
            dx_write_hex(dx_map_builder_key(&map, "peer"), device, sizeof device);
            dx_write_text(dx_map_builder_key(&map, "address"), address);
            dx_write_text(dx_map_builder_key(&map, "state"), synced ? "synced" : "syncing");
            error = end_row(node, request, &map, error);
        }
        if (error == DX_OK) {
            error = list_addresses(node, request, space, dx_swarm_address_state);
        }
        if (error == DX_OK) {
            error = list_addresses(node, request, space, dx_swarm_meeting_state);
        }
    }
    return error == DX_OK ? dx_request_reply_count(node, request) : error;
}

const dx_command dx_commands_space[] = {
    {"space.create", true, space_create},
    {"space.list", false, space_list},
    {"space.rename", true, space_rename},
    {"space.members", false, space_members},
    {"space.rm", true, space_rm},
    {"space.status", false, space_status},
    {"peer.connect", true, peer_connect},
    {"peer.list", false, peer_list},
    {NULL, false, NULL},
};
