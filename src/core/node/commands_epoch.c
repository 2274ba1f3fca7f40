/* node/commands_epoch.c: space.epoch, space.epochs and space.compact: bounded history, by hand and to look at.
 *
 * Layer: floor 1, node. docs/spec/commands.md; node/epochs.h does the work, in pieces between other steps. */
#include <string.h>

#include "node/beginning.h"
#include "node/epochs.h"

static const char *stage_name(dx_epoch_stage stage) {
    switch (stage) {
    case DX_EPOCH_FETCHING:
        return "loading";
    case DX_EPOCH_UNPACKING:
        return "unpacking";
    case DX_EPOCH_PREPARING:
    case DX_EPOCH_SWEEPING:
        return "compacting";
    case DX_EPOCH_IDLE:
        break;
    }
    return "idle";
}

uint64_t dx_node_epoch_percent(const dx_epoch_status *status) {
    return status->total == 0 ? 0 : status->done * 100 / status->total;
}

int dx_node_write_epoch_status(dx_node *node, dx_space *space, dx_map_builder *map) {
    dx_epoch_status status;
    dx_epoch current;
    dx_epoch_verdict verdict = DX_EPOCH_UNSEEN;
    uint64_t since_ms;
    int error = DX_OK;
    dx_epoch_status_of(space, &status);
    bool any = dx_control_current_epoch(space->control, &current);
    if (any) {
        dx_write_uint(dx_map_builder_key(map, "epoch"), current.number);
    }
    if (status.base != 0) {
        dx_write_uint(dx_map_builder_key(map, "base"), status.base);
    }
    if (status.stage != DX_EPOCH_IDLE) {
        dx_write_text(dx_map_builder_key(map, "history"), stage_name(status.stage));
        dx_write_uint(dx_map_builder_key(map, "percent"), dx_node_epoch_percent(&status));
    }
    if (any) {
        error = dx_node_epoch_verdict(node, space, current.id, &verdict, &since_ms);
    }
    bool by_hand = false;
    error = error == DX_OK ? dx_node_epochs_by_hand(node, space, &by_hand) : error;
    if (by_hand) {
        dx_write_bool(dx_map_builder_key(map, "auto"), false);
    }
    const char *why = NULL;
    uint64_t wait_ms = 0;
    if (error == DX_OK && status.stage == DX_EPOCH_IDLE) {
        error = dx_node_why_history(node, space, &why, &wait_ms);
    }
    if (why != NULL) {
        dx_write_text(dx_map_builder_key(map, "kept"), why);
    }
    if (wait_ms != 0) {
        dx_write_timestamp(dx_map_builder_key(map, "until"),
                           (int64_t)(node->context.wall_ms + wait_ms) * 1000);
    }
    if (verdict == DX_EPOCH_MISMATCH) {
        dx_write_text(dx_map_builder_key(map, "mismatch"), dx_error_text(DX_E_EPOCH_MISMATCH));
    }
    return error;
}

static void write_epoch(const dx_epoch *epoch, dx_map_builder *map) {
    dx_write_uint(dx_map_builder_key(map, "number"), epoch->number);
    dx_write_hex(dx_map_builder_key(map, "id"), epoch->id, sizeof epoch->id);
    dx_write_hex(dx_map_builder_key(map, "by"), epoch->issuer, sizeof epoch->issuer);
    dx_write_uint(dx_map_builder_key(map, "size"), epoch->size_bytes);
    dx_write_uint(dx_map_builder_key(map, "blocks"), epoch->sum);
    dx_write_uint(dx_map_builder_key(map, "acks"), epoch->acks);
    dx_write_bool(dx_map_builder_key(map, "confirmed"), epoch->confirmed);
}

/* --- Making ---------------------------------------------------------------------------------------- */

typedef struct waiting_epoch {
    bool unused;
} waiting_epoch;

static int wait_made(dx_node *node, dx_request *request, bool *again) {
    dx_space *space = dx_node_space(node, request->space);
    (void)again;
    bool done;
    dx_epoch made;
    if (space == NULL) {
        return dx_node_refuse(node, DX_E_CANCELLED, NULL, "the space was removed");
    }
    int error = dx_node_epoch_asked(node, space, &done, &made);
    if (error != DX_OK) {
        return error;
    }
    if (!done) {
        return DX_PENDING; /* what is under way brings the next step (epochs.c) */
    }
    dx_map_builder map;
    dx_answer_init(node, &map);
    write_epoch(&made, &map);
    return dx_request_reply(node, request, &map);
}

static int space_epoch(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space;
    int error = dx_take_space(node, request, body, &space);
    dx_bytes choice = dx_item_get(body, "auto");
    if (error == DX_OK && choice.size != 0) {
        dx_map_builder map;
        bool by_itself = dx_item_bool(choice, true);
        error = dx_node_set_epochs_by_hand(node, space, !by_itself);
        dx_answer_init(node, &map);
        dx_write_bool(dx_map_builder_key(&map, "auto"), by_itself);
        return error == DX_OK ? dx_request_reply(node, request, &map) : error;
    }
    error = error != DX_OK ? error : dx_need_identity(node);
    error = error != DX_OK ? error : dx_node_ask_epoch(node, space);
    if (error != DX_OK) {
        return error;
    }
    if (dx_request_continue(node, request, sizeof(waiting_epoch), wait_made, NULL) == NULL) {
        return DX_E_NO_MEMORY;
    }
    request->space = space->local;
    return DX_PENDING;
}

/* --- Listing --------------------------------------------------------------------------------------- */

static int space_epochs(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space;
    dx_epoch epoch, current = {.number = 0};
    int error = dx_take_space(node, request, body, &space);
    if (error == DX_OK) {
        (void)dx_control_current_epoch(space->control, &current);
    }
    for (size_t i = 0; error == DX_OK && dx_control_epoch_at(space->control, i, &epoch); i++) {
        dx_epoch_verdict verdict;
        uint64_t since_ms, made_ms;
        dx_map_builder map;
        dx_answer_init(node, &map);
        write_epoch(&epoch, &map);
        error = dx_node_epoch_verdict(node, space, epoch.id, &verdict, &since_ms);
        error = error == DX_OK ? dx_node_epoch_time(node, space, &epoch, &made_ms) : error;
        dx_node_write_time(&map, error == DX_OK ? made_ms : 0);
        bool is_current = current.number != 0 && memcmp(current.id, epoch.id, sizeof epoch.id) == 0;
        dx_write_bool(dx_map_builder_key(&map, "current"), is_current);
        dx_write_text(dx_map_builder_key(&map, "here"), dx_epoch_verdict_name(verdict));
        dx_write_bool(dx_map_builder_key(&map, "base"), dx_node_is_base(space, &epoch));
        if (since_ms != 0) {
            dx_write_timestamp(dx_map_builder_key(&map, "since"), (int64_t)since_ms * 1000);
        }
        dx_writer row = dx_request_row(node, request);
        dx_map_builder_finish(&map, &row);
        error = error == DX_OK ? dx_request_row_end(node, request, &row) : error;
    }
    return error == DX_OK ? dx_request_reply_count(node, request) : error;
}

/* --- Letting go ------------------------------------------------------------------------------------ */

static int wait_compacted(dx_node *node, dx_request *request, bool *again) {
    dx_space *space = dx_node_space(node, request->space);
    (void)again;
    dx_epoch_status status;
    if (space == NULL) {
        return dx_node_refuse(node, DX_E_CANCELLED, NULL, "the space was removed");
    }
    dx_epoch_status_of(space, &status);
    if (status.stage != DX_EPOCH_IDLE) {
        return DX_PENDING;
    }
    dx_map_builder map;
    dx_answer_init(node, &map);
    dx_write_uint(dx_map_builder_key(&map, "base"), status.base);
    return dx_request_reply(node, request, &map);
}

static int space_compact(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space;
    int error = dx_take_space(node, request, body, &space);
    if (error == DX_OK) {
        error = dx_node_compact(node, space, dx_item_bool(dx_item_get(body, "now"), false),
                                (uint64_t)dx_item_int(dx_item_get(body, "copies"), 0));
    }
    if (error != DX_OK) {
        return error;
    }
    if (dx_request_continue(node, request, sizeof(waiting_epoch), wait_compacted, NULL) == NULL) {
        return DX_E_NO_MEMORY;
    }
    request->space = space->local;
    return DX_PENDING;
}

const dx_command dx_commands_epoch[] = {
    {"space.epoch", true, space_epoch},
    {"space.epochs", false, space_epochs},
    {"space.compact", true, space_compact},
    {NULL, false, NULL},
};
