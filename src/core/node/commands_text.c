/* node/commands_text.c: text.open, text.pull, text.push: documents of apps upon texts of a space.
 *
 * Layer: floor 1, node. docs/spec/text-model.md, Documents of apps. What a document writes is one operation of the object, as
 * object.apply makes it; what others wrote it fetches by what it has. */
#include <string.h>

#include "base/limits.h"
#include "model/text_operation.h"
#include "model/text_state.h"
#include "node/object_ops.h"
#include "node/text_subject.h"

int dx_take_text_entity(dx_node *node, dx_space *space, dx_bytes body, int64_t *key, dx_entity *entity) {
    int error = dx_take_id(node, space, dx_item_get(body, "id"), "object", key);
    error = error == DX_OK ? dx_entity_read(&node->context, space, *key, entity) : error;
    if (error == DX_OK && entity->model != &dx_text_model) {
        return dx_node_refuse(node, DX_E_UNSUPPORTED, "dx text new SPACE", "that object is no text");
    }
    return error;
}

int dx_take_text_form(dx_node *node, dx_bytes body, dx_text_form *form) {
    int64_t number = dx_item_int(dx_item_get(body, "form"), DX_TEXT_V2);
    *form = number == DX_TEXT_V1 ? DX_TEXT_V1 : DX_TEXT_V2;
    return number == DX_TEXT_V1 || number == DX_TEXT_V2
               ? DX_OK
               : dx_node_refuse(node, DX_E_INVALID, NULL, "\"form\" must be 1 or 2");
}

int dx_explain_text_update(dx_node *node, int error) {
    if (error == DX_E_MALFORMED) {
        return dx_node_refuse(node, DX_E_INVALID, NULL, "\"clocks\" is no state vector");
    }
    return error == DX_E_LIMIT
               ? dx_node_refuse(node, error, NULL, "the text is larger than an answer may be (4 MiB)")
               : error;
}

static int write_update(dx_node *node, const dx_entity *entity, dx_text_form form, dx_bytes clocks,
                        dx_map_builder *map) {
    dx_buf update;
    dx_buf_init(&update, &node->config.alloc, DX_ROW_SIZE_MAX);
    int error = dx_text_saved_encode(&node->config.alloc, entity->state, form, clocks, &update);
    if (error == DX_OK) {
        dx_write_bytes(dx_map_builder_key(map, "update"), dx_buf_view(&update));
    }
    dx_buf_deinit(&update);
    return dx_explain_text_update(node, error);
}

/* A session is drawn by chance: no two documents have one, open or not, whatever became of the vault meanwhile. */
static int open_session(dx_node *node, dx_space *space, const dx_entity *entity, int64_t key,
                        dx_map_builder *map) {
    const dx_feed *maker = dx_space_feed(space, dx_entity_key_feed(key));
    const dx_feed *own = dx_space_feed(space, space->own_data);
    uint8_t drawn[4];
    uint64_t session = 0;
    dx_stamp created = {.counter = entity->created};
    if (own == NULL || maker == NULL) {
        return dx_node_refuse(node, DX_E_DENIED, "ask an admin of the space for the role editor",
                              "this identity may not write here");
    }
    memcpy(created.feed, maker->id, sizeof created.feed);
    node->config.random.fill(node->config.random.ctx, drawn, sizeof drawn);
    for (size_t i = 0; i < sizeof drawn; i++) {
        session = session << 8 | drawn[i];
    }
    session = session == 0 ? 1 : session;
    dx_write_uint(dx_map_builder_key(map, "session"), session);
    dx_write_uint(dx_map_builder_key(map, "client"), dx_text_client(&created, own->id, session));
    return DX_OK;
}

static int answer(dx_node *node, dx_request *request, dx_bytes body, bool opens) {
    dx_space *space = NULL;
    dx_entity entity;
    int64_t key = 0;
    dx_text_form form = DX_TEXT_V2;
    dx_map_builder map;
    int error = dx_take_space(node, request, body, &space);
    error = error == DX_OK ? dx_take_text_form(node, body, &form) : error;
    error = error == DX_OK ? dx_take_text_entity(node, space, body, &key, &entity) : error;
    if (error != DX_OK) {
        return error;
    }
    dx_answer_init(node, &map);
    error = write_update(node, &entity, form, dx_item_bytes(dx_item_get(body, "clocks")), &map);
    error = error == DX_OK && opens ? open_session(node, space, &entity, key, &map) : error;
    return dx_request_reply_unless(node, request, error, &map);
}

static int text_open(dx_node *node, dx_request *request, dx_bytes body) {
    return answer(node, request, body, true);
}

static int text_pull(dx_node *node, dx_request *request, dx_bytes body) {
    return answer(node, request, body, false);
}

/* {"form", "session", "update"}, which is what the model is asked. */
static int write_request(dx_bytes body, dx_text_form form, dx_buf *out) {
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_map(&writer, 3);
    dx_write_text(&writer, "form");
    dx_write_uint(&writer, (uint64_t)form);
    dx_write_text(&writer, "update");
    dx_write_bytes(&writer, dx_item_bytes(dx_item_get(body, "update")));
    dx_write_text(&writer, "session");
    dx_write_int(&writer, dx_item_int(dx_item_get(body, "session"), 0));
    return dx_writer_finish(&writer);
}

static int push(dx_editing *edit, dx_bytes body, dx_text_form form) {
    dx_entity entity;
    int64_t key = 0;
    dx_buf operation;
    dx_buf_init(&operation, &edit->node->config.alloc, DX_BLOCK_SIZE_MAX);
    int error = dx_op_take_changed(edit, body, &key);
    error = error == DX_OK ? dx_take_text_entity(edit->node, edit->space, body, &key, &entity) : error;
    error = error == DX_OK ? write_request(body, form, &operation) : error;
    error = error == DX_OK ? dx_transaction_apply(edit->transaction, key, dx_buf_view(&operation)) : error;
    dx_buf_deinit(&operation);
    if (error == DX_E_INVALID && edit->node->message[0] == 0) {
        return dx_node_refuse(
            edit->node, error, "text.open, and what the document wrote anew",
            "that is no update, or it says what another client than that of this session wrote");
    }
    return dx_op_explain_change(edit, error);
}

static int text_push(dx_node *node, dx_request *request, dx_bytes body) {
    dx_editing edit;
    dx_text_form form;
    dx_map_builder map;
    int error = dx_take_text_form(node, body, &form);
    if (error != DX_OK) {
        return error;
    }
    error = dx_editing_begin(node, request, body, &edit);
    error = dx_editing_end(&edit, error == DX_OK ? push(&edit, body, form) : error);
    if (error != DX_OK) {
        return dx_node_explain_edit(node, edit.space, error);
    }
    dx_answer_init(node, &map);
    return dx_request_reply(node, request, &map);
}

const dx_command dx_commands_text[] = {
    {"text.open", false, text_open},
    {"text.pull", false, text_pull},
    {"text.push", true, text_push},
    {NULL, false, NULL},
};
