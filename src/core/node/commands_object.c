/* node/commands_object.c: object.*, link.add, link.rm and batch: what people do to the things in a space.
 *
 * Layer: floor 1, node. docs/spec/commands.md. Every command is one transaction, one block. */
#include "base/limits.h"
#include "echo/entity_row.h"
#include "echo/purge.h"
#include "node/object_ops.h"

int dx_node_reply_entity(dx_node *node, dx_request *request, dx_space *space, int64_t key) {
    dx_entity entity;
    int error = dx_entity_read(&node->context, space, key, &entity);
    if (error != DX_OK) {
        return error;
    }
    bool partial;
    dx_buf row;
    error = dx_node_is_short(node, space, &entity.type, &partial);
    if (error != DX_OK) {
        return error;
    }
    dx_buf_init(&row, &node->config.alloc, DX_ANSWER_SIZE_MAX);
    error = dx_entity_write_row(&node->context, space, &entity, &row);
    if (error == DX_OK) {
        error = partial ? dx_node_reply_part(node, request, dx_buf_view(&row), true)
                        : dx_request_reply_item(node, request, dx_buf_view(&row));
    }
    dx_buf_deinit(&row);
    return error;
}

static int explain_edit(dx_node *node, dx_space *space, int error) {
    if (error == DX_E_INVALID && node->message[0] == 0) {
        return dx_node_refuse(node, error, NULL, "a key, a type or a value is not of the allowed form");
    }
    if (error == DX_E_LIMIT && node->message[0] == 0) {
        return dx_node_refuse(node, error, "unset what is not needed, or use several objects or batches",
                              "the object or the batch would be too large (an object: 16 MiB)");
    }
    if (error == DX_E_NOT_FOUND && node->message[0] == 0) {
        return dx_node_refuse_absent(node, space);
    }
    if (error == DX_E_STATE && node->message[0] == 0) {
        return dx_node_refuse(node, error, "dx space status SPACE --wait-synced",
                              "the key of this space has not arrived yet");
    }
    if ((error == DX_E_UNAUTHORIZED || error == DX_E_DENIED) && node->message[0] == 0) {
        return dx_node_refuse(node, DX_E_DENIED, "ask an admin of the space for the role editor",
                              "this identity may not write here");
    }
    return error;
}

int dx_node_explain_edit(dx_node *node, dx_space *space, int error) {
    return explain_edit(node, space, dx_editing_explain_place(node, space, error));
}

/* --- Commands with one op: the command map has the op's fields --------------------------------- */

static int reply_id(dx_node *node, dx_request *request, dx_space *space, int64_t key) {
    uint8_t id[DX_ID_SIZE];
    char text[DX_ID_TEXT_MAX];
    int error = dx_key_to_id(space, key, id);
    if (error != DX_OK) {
        return error;
    }
    dx_id_print(id, text);
    dx_map_builder map;
    dx_answer_init(node, &map);
    dx_write_text(dx_map_builder_key(&map, "id"), text);
    return dx_request_reply(node, request, &map);
}

static int object_add(dx_node *node, dx_request *request, dx_bytes body) {
    dx_editing edit;
    int64_t key = 0;
    int error = dx_editing_begin(node, request, body, &edit);
    error = dx_editing_end(&edit, error == DX_OK ? dx_op_add(&edit, body, &key) : error);
    return error == DX_OK ? reply_id(node, request, edit.space, key) : explain_edit(node, edit.space, error);
}

static int link_add(dx_node *node, dx_request *request, dx_bytes body) {
    dx_editing edit;
    int64_t key = 0;
    int error = dx_editing_begin(node, request, body, &edit);
    error = dx_editing_end(&edit, error == DX_OK ? dx_op_link(&edit, body, &key) : error);
    return error == DX_OK ? dx_node_reply_entity(node, request, edit.space, key)
                          : explain_edit(node, edit.space, error);
}

/* Runs an op on an existing entity of the wanted kind and answers the entity as it then is. */
static int edit_one(dx_node *node, dx_request *request, dx_bytes body, dx_op *op, dx_entity_kind kind) {
    dx_editing edit;
    int64_t key = 0, none = 0;
    dx_entity entity;
    int error = dx_editing_begin(node, request, body, &edit);
    if (error == DX_OK) {
        error = dx_take_id(node, edit.space, dx_item_get(body, "id"),
                           kind == DX_ENTITY_LINK ? "link" : "object", &key);
    }
    if (error == DX_OK) {
        error = dx_entity_read(&node->context, edit.space, key, &entity);
    }
    if (error == DX_OK && entity.kind != kind) {
        error = dx_node_refuse(node, DX_E_INVALID, NULL, "that id is %s",
                               kind == DX_ENTITY_LINK ? "an object, not a link" : "a link, not an object");
    }
    error = dx_editing_end(&edit, error == DX_OK ? op(&edit, body, &none) : error);
    return error == DX_OK ? dx_node_reply_entity(node, request, edit.space, key)
                          : explain_edit(node, edit.space, error);
}

static int object_set(dx_node *node, dx_request *request, dx_bytes body) {
    return edit_one(node, request, body, dx_op_set, DX_ENTITY_OBJECT);
}

static int object_unset(dx_node *node, dx_request *request, dx_bytes body) {
    return edit_one(node, request, body, dx_op_unset, DX_ENTITY_OBJECT);
}

static int object_edit(dx_node *node, dx_request *request, dx_bytes body) {
    return edit_one(node, request, body, dx_op_edit, DX_ENTITY_OBJECT);
}

static int object_rm(dx_node *node, dx_request *request, dx_bytes body) {
    return edit_one(node, request, body, dx_op_delete, DX_ENTITY_OBJECT);
}

static int object_restore(dx_node *node, dx_request *request, dx_bytes body) {
    return edit_one(node, request, body, dx_op_restore, DX_ENTITY_OBJECT);
}

static int object_move(dx_node *node, dx_request *request, dx_bytes body) {
    return edit_one(node, request, body, dx_op_move, DX_ENTITY_OBJECT);
}

static int object_apply(dx_node *node, dx_request *request, dx_bytes body) {
    return edit_one(node, request, body, dx_op_apply, DX_ENTITY_OBJECT);
}

static int link_rm(dx_node *node, dx_request *request, dx_bytes body) {
    return edit_one(node, request, body, dx_op_delete, DX_ENTITY_LINK);
}

/* For good, with everybody: the person's own programs alone ask for it. */
static int object_purge(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space = NULL;
    int64_t key;
    uint8_t id[DX_ID_SIZE];
    char text[DX_ID_TEXT_MAX];
    dx_map_builder map;
    int error = dx_take_space(node, request, body, &space);
    error = error == DX_OK ? dx_take_id(node, space, dx_item_get(body, "id"), "object", &key) : error;
    error = error == DX_OK ? dx_entity_row_find(&node->context, space, key) : error;
    error = error == DX_OK ? dx_key_to_id(space, key, id) : error;
    error = error == DX_OK ? dx_space_purge(&node->context, space, id) : error;
    if (error == DX_E_DENIED) {
        return dx_node_refuse(node, error, "ask an admin of the space, or who made it",
                              "only admins and who made it may purge it");
    }
    if (error != DX_OK) {
        return explain_edit(node, space, error);
    }
    dx_answer_init(node, &map);
    dx_id_print(id, text);
    dx_write_text(dx_map_builder_key(&map, "id"), text);
    dx_write_bool(dx_map_builder_key(&map, "purged"), true);
    return dx_request_reply(node, request, &map);
}

static int object_get(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space = NULL;
    int64_t key;
    int error = dx_take_space(node, request, body, &space);
    bool fetches = dx_item_bool(dx_item_get(body, "fetch"), false);
    if (error == DX_OK) {
        error = fetches ? dx_take_any_id(node, space, dx_item_get(body, "id"), "object", &key)
                        : dx_take_id(node, space, dx_item_get(body, "id"), "object", &key);
    }
    if (error == DX_OK && fetches) {
        error = dx_node_lacks(node, space, key, &fetches);
    }
    if (error == DX_OK && fetches) {
        return dx_node_fetch(node, request, space, key, dx_item_int(dx_item_get(body, "timeout_ms"), 0));
    }
    bool past = false;
    if (error == DX_OK) {
        error = dx_node_reply_past(node, request, space, key, body, &past);
    }
    if (error == DX_OK && !past) {
        error = dx_node_reply_entity(node, request, space, key);
    }
    return error == DX_PENDING ? error : explain_edit(node, space, error);
}

/* What one row of an answer cannot hold. */
typedef struct dx_piece_sink {
    dx_node *node;
    dx_request *request;
    char id[DX_ID_TEXT_MAX];
} dx_piece_sink;

static int send_piece(void *ctx, dx_bytes set) {
    dx_piece_sink *sink = ctx;
    dx_writer row = dx_request_row(sink->node, sink->request);
    dx_write_map(&row, 2);
    dx_write_text(&row, "id");
    dx_write_text(&row, sink->id);
    dx_write_text(&row, "set");
    dx_write_item(&row, set);
    return dx_request_row_end(sink->node, sink->request, &row);
}

static int object_pieces(dx_node *node, dx_request *request, dx_bytes body) {
    dx_piece_sink sink = {.node = node, .request = request};
    dx_space *space = NULL;
    dx_entity entity;
    int64_t key = 0;
    uint8_t id[DX_ID_SIZE];
    int error = dx_take_space(node, request, body, &space);
    if (error == DX_OK) {
        error = dx_take_id(node, space, dx_item_get(body, "id"), "object", &key);
    }
    if (error == DX_OK) {
        error = dx_entity_read(&node->context, space, key, &entity);
    }
    if (error == DX_OK) {
        error = dx_key_to_id(space, key, id);
    }
    if (error == DX_OK) {
        dx_id_print(id, sink.id);
        error = dx_entity_write_pieces(&node->context, space, &entity, send_piece, &sink);
    }
    if (error == DX_E_LIMIT) {
        return dx_node_refuse(node, error, NULL,
                              "the object is larger than its pieces may be together (%d MiB)",
                              DX_PIECES_STATE_SIZE_MAX >> 20);
    }
    return error == DX_OK ? dx_request_reply_count(node, request) : explain_edit(node, space, error);
}

/* --- Batches ------------------------------------------------------------------------------------- */

static int run_op(dx_editing *edit, dx_bytes op, int64_t *key) {
    dx_bytes name = dx_item_kind(op) == DX_KIND_MAP ? dx_item_text(dx_item_get(op, "op")) : (dx_bytes){0};
    dx_op *run = dx_op_named(name);
    if (run != NULL) {
        return run(edit, op, key);
    }
    return dx_node_refuse(edit->node, DX_E_INVALID, NULL,
                          "op %d: \"op\" must be add, link, set, unset, edit, rm, restore, move or apply",
                          (int)edit->made_count);
}

static int reply_ids(dx_node *node, dx_request *request, dx_space *space, const int64_t *made, size_t count) {
    dx_map_builder map;
    dx_answer_init(node, &map);
    dx_writer *writer = dx_map_builder_key(&map, "ids");
    dx_write_array(writer, count);
    int error = DX_OK;
    for (size_t i = 0; i < count; i++) {
        uint8_t id[DX_ID_SIZE];
        if (made[i] == 0) {
            dx_write_null(writer);
            continue;
        }
        int failure = dx_key_to_id(space, made[i], id);
        error = error == DX_OK ? failure : error;
        dx_write_bytes(writer, dx_bytes_of(id, sizeof id));
    }
    return dx_request_reply_unless(node, request, error, &map);
}

static int batch(dx_node *node, dx_request *request, dx_bytes body) {
    dx_bytes list = dx_item_get(body, "ops");
    if (list.size == 0 || dx_item_kind(list) != DX_KIND_ARRAY) {
        return dx_node_refuse(node, DX_E_INVALID, NULL, "\"ops\" must be a list");
    }
    dx_reader reader;
    dx_reader_init(&reader, list);
    size_t count = dx_read_array(&reader);
    if (count > DX_BATCH_OPS_MAX) {
        return dx_node_refuse(node, DX_E_LIMIT, "send several batches",
                              "a batch has at most %d ops, this one %d", DX_BATCH_OPS_MAX, (int)count);
    }
    size_t size = (count == 0 ? 1 : count) * sizeof(int64_t);
    int64_t *made = dx_alloc_take_zeroed(&node->config.alloc, size);
    if (made == NULL) {
        return DX_E_NO_MEMORY;
    }
    dx_editing edit;
    int error = dx_editing_begin(node, request, body, &edit);
    edit.made = made;
    for (size_t i = 0; error == DX_OK && i < count; i++) {
        edit.made_count = i;
        error = run_op(&edit, dx_read_item(&reader), &made[i]);
    }
    error = explain_edit(node, edit.space, dx_editing_end(&edit, error));
    if (error == DX_OK) {
        error = reply_ids(node, request, edit.space, made, count);
    }
    dx_alloc_free(&node->config.alloc, made, size);
    return error;
}

const dx_command dx_commands_object[] = {
    {"object.add", true, object_add},
    {"object.get", false, object_get},
    {"object.pieces", false, object_pieces},
    {"object.set", true, object_set},
    {"object.unset", true, object_unset},
    {"object.edit", true, object_edit},
    {"object.rm", true, object_rm},
    {"object.purge", true, object_purge},
    {"object.restore", true, object_restore},
    {"object.move", true, object_move},
    {"object.apply", true, object_apply},
    {"link.add", true, link_add},
    {"link.rm", true, link_rm},
    {"batch", true, batch},
    {NULL, false, NULL},
};
