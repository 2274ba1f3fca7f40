/* node/commands_object.c: object.*, link.add, link.rm and batch: what people do to the things in a space.
 *
 * Layer: floor 1, node. docs/spec/commands.md. Every command is one transaction, one block. */
#include <string.h>

#include "base/limits.h"
#include "echo/entity_row.h"
#include "echo/purge.h"
#include "node/editing.h"

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

/* The entity an op names: an id, or the number of an earlier op of the same batch. */
static int take_subject(dx_editing *edit, dx_bytes item, const char *what, int64_t *key) {
    if (edit->made != NULL && item.size != 0 && dx_item_kind(item) == DX_KIND_INT) {
        int64_t index = dx_item_int(item, -1);
        if (index < 0 || (uint64_t)index >= edit->made_count || edit->made[index] == 0) {
            return dx_node_refuse(edit->node, DX_E_INVALID, NULL,
                                  "\"%s\": op %lld made nothing before this one", what, (long long)index);
        }
        *key = edit->made[index];
        return DX_OK;
    }
    return dx_take_id(edit->node, edit->space, item, what, key);
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

/* Why this entity cannot be changed. */
static int explain_change(dx_editing *edit, int error) {
    if (error == DX_E_STATE) {
        return dx_node_refuse(edit->node, error, "dx object restore SPACE ID",
                              "it is deleted; once restored it can be changed");
    }
    if (error == DX_E_DENIED && edit->node->message[0] == 0) {
        return dx_node_refuse(edit->node, error, "dx halo rename NAME, for your own name",
                              "what a member is called is for that member alone to say");
    }
    return error;
}

/* --- Who may what to system objects --------------------------------------------------------------- */

/* What a space and its members are called is changed by commands of its own: an app that edits objects does
 * not rename people on the way. */
static int check_type(dx_node *node, dx_app *app, dx_bytes type) {
    bool system = type.size >= 3 && memcmp(type.data, "dx.", 3) == 0;
    if (app == NULL || !system) {
        return DX_OK;
    }
    app->denied++;
    node->counts.apps_denied++;
    return dx_app_deny(node);
}

/* What a batch made passed the check above. */
int dx_node_check_subject(dx_node *node, dx_app *app, dx_space *space, int64_t key) {
    dx_entity entity;
    if (app == NULL) {
        return DX_OK;
    }
    int error = dx_entity_read(&node->context, space, key, &entity);
    return error == DX_OK ? check_type(node, app, entity.type) : error == DX_E_NOT_FOUND ? DX_OK : error;
}

/* Why a model's object cannot be asked that. */
static int explain_model(dx_editing *edit, int error) {
    dx_node *node = edit->node;
    if (error == DX_E_UNSUPPORTED && node->message[0] == 0) {
        return dx_node_refuse(node, error, NULL,
                              "this program does not know that model, or it is that of objects");
    }
    if (error == DX_E_CONFLICT && node->message[0] == 0) {
        return dx_node_refuse(node, error, "send another batch",
                              "one batch asks an object's model once, and not of what it makes itself");
    }
    if (error == DX_E_INVALID && node->message[0] == 0) {
        return dx_node_refuse(node, error, NULL, "the object's model does not take that operation");
    }
    return explain_change(edit, error);
}

/* What a person names as a parent or an end of a link is an object. Batches are not looked at: they come from
 * programs, by the hundred thousand, and what hangs on a link does no harm. */
static int need_object(dx_editing *edit, const char *what, int64_t key) {
    dx_entity entity;
    if (edit->made != NULL || key == 0) {
        return DX_OK;
    }
    int error = dx_entity_read(&edit->node->context, edit->space, key, &entity);
    if (error == DX_OK && entity.kind != DX_ENTITY_OBJECT) {
        error = dx_node_refuse(edit->node, DX_E_INVALID, "dx object ls SPACE",
                               "\"%s\" must be an object; that id is a link", what);
    }
    return error;
}

/* An object of another model: "operation" instead of "data". */
static int add_of_model(dx_editing *edit, dx_bytes op, dx_bytes model, dx_bytes type, int64_t parent,
                        int64_t *key) {
    if (dx_item_get(op, "data").size != 0) {
        return dx_node_refuse(edit->node, DX_E_INVALID, "use \"operation\"",
                              "\"data\" is for objects without a model of their own");
    }
    int error = dx_transaction_add_object_of(edit->transaction, model, type, parent,
                                             dx_item_get(op, "operation"), key);
    return explain_model(edit, error);
}

static int op_add(dx_editing *edit, dx_bytes op, int64_t *key) {
    dx_bytes type, data, model, parent_item = dx_item_get(op, "parent");
    int64_t parent = 0;
    int error = dx_take_optional_text(edit->node, op, "type", DX_TYPE_SIZE_MAX, &type);
    if (error == DX_OK) {
        error = check_type(edit->node, edit->app, type);
    }
    if (error == DX_OK) {
        error = dx_take_optional_map(edit->node, op, "data", &data);
    }
    if (error == DX_OK) {
        error = dx_take_optional_text(edit->node, op, "model", DX_MODEL_NAME_SIZE_MAX, &model);
    }
    if (error == DX_OK && parent_item.size != 0 && dx_item_kind(parent_item) != DX_KIND_NULL) {
        error = take_subject(edit, parent_item, "parent", &parent);
        error = error == DX_OK ? need_object(edit, "parent", parent) : error;
    }
    if (error == DX_OK && model.size != 0 && !dx_bytes_equal(model, dx_bytes_text(dx_object_model.name))) {
        return add_of_model(edit, op, model, type, parent, key); /* definitions are of keys and values */
    }
    if (error == DX_OK) {
        error = dx_transaction_add_object(edit->transaction, type, parent, data, key);
    }
    return error == DX_OK ? dx_editing_note(edit, *key, true, type) : error;
}

static int op_link(dx_editing *edit, dx_bytes op, int64_t *key) {
    dx_bytes type, data;
    int64_t source = 0, target = 0;
    int error = dx_take_optional_text(edit->node, op, "type", DX_TYPE_SIZE_MAX, &type);
    if (error == DX_OK) {
        error = check_type(edit->node, edit->app, type);
    }
    if (error == DX_OK) {
        error = dx_take_optional_map(edit->node, op, "data", &data);
    }
    if (error == DX_OK) {
        error = take_subject(edit, dx_item_get(op, "source"), "source", &source);
    }
    if (error == DX_OK) {
        error = take_subject(edit, dx_item_get(op, "target"), "target", &target);
    }
    if (error == DX_OK) {
        error = need_object(edit, "source", source);
    }
    if (error == DX_OK) {
        error = need_object(edit, "target", target);
    }
    if (error == DX_OK) {
        error = dx_transaction_add_link(edit->transaction, type, source, target, data, key);
    }
    return error == DX_OK ? dx_editing_note(edit, *key, true, type) : error;
}

/* The entity that an op changes. */
static int take_changed(dx_editing *edit, dx_bytes op, int64_t *key) {
    int error = take_subject(edit, dx_item_get(op, "id"), "id", key);
    return error == DX_OK ? dx_node_check_subject(edit->node, edit->app, edit->space, *key) : error;
}

static int op_set(dx_editing *edit, dx_bytes op, int64_t *key) {
    int64_t subject = 0;
    dx_bytes set;
    *key = 0;
    int error = take_changed(edit, op, &subject);
    if (error == DX_OK) {
        error = dx_take_optional_map(edit->node, op, "set", &set);
    }
    if (error == DX_OK && set.size == 0) {
        return dx_node_refuse(edit->node, DX_E_INVALID, "dx object set SPACE ID KEY=JSON",
                              "\"set\" is missing");
    }
    dx_reader reader;
    dx_reader_init(&reader, error == DX_OK ? set : (dx_bytes){0});
    size_t pairs = error == DX_OK ? dx_read_map(&reader) : 0;
    for (size_t i = 0; error == DX_OK && i < pairs; i++) {
        dx_bytes path = dx_item_text(dx_read_item(&reader));
        dx_bytes value = dx_read_item(&reader);
        error =
            path.data == NULL ? DX_E_INVALID : dx_transaction_set(edit->transaction, subject, path, value);
    }
    error = error == DX_OK ? dx_editing_note_change(edit, subject) : error;
    return explain_change(edit, error);
}

static int op_unset(dx_editing *edit, dx_bytes op, int64_t *key) {
    int64_t subject = 0;
    *key = 0;
    int error = take_changed(edit, op, &subject);
    dx_bytes unset = dx_item_get(op, "unset");
    if (error == DX_OK && dx_item_kind(unset) != DX_KIND_ARRAY) {
        return dx_node_refuse(edit->node, DX_E_INVALID, "dx object unset SPACE ID KEY",
                              "\"unset\" must be a list of keys");
    }
    dx_reader reader;
    dx_reader_init(&reader, error == DX_OK ? unset : (dx_bytes){0});
    size_t count = error == DX_OK ? dx_read_array(&reader) : 0;
    for (size_t i = 0; error == DX_OK && i < count; i++) {
        dx_bytes path = dx_item_text(dx_read_item(&reader));
        error = path.data == NULL ? DX_E_INVALID : dx_transaction_unset(edit->transaction, subject, path);
    }
    error = error == DX_OK ? dx_editing_note_change(edit, subject) : error;
    return explain_change(edit, error);
}

/* --- Edits inside a value ------------------------------------------------------------------------- */

/* Why this value cannot be edited so. */
static int explain_inside(dx_editing *edit, bool count, int error) {
    if (error == DX_E_CONFLICT && edit->node->message[0] == 0) {
        return dx_node_refuse(edit->node, error, "dx object get SPACE ID",
                              count ? "what stands there is no integer" : "what stands there is no array");
    }
    if (error == DX_E_NOT_FOUND && edit->node->message[0] == 0) {
        return dx_node_refuse(edit->node, error, "dx object get SPACE ID",
                              "the array has no item with that number (the first is 0)");
    }
    if (error == DX_E_LIMIT && count && edit->node->message[0] == 0) {
        return dx_node_refuse(edit->node, error, NULL, "the sum would be no 64-bit integer");
    }
    return explain_change(edit, error);
}

/* A number from 0 on, under this key of the op. */
static int take_number(dx_editing *edit, dx_bytes op, const char *key, size_t *out) {
    int64_t number = dx_item_int(dx_item_get(op, key), -1);
    if (number < 0 || number > INT32_MAX) {
        return dx_node_refuse(edit->node, DX_E_INVALID, NULL, "\"%s\" must be a number from 0 on", key);
    }
    *out = (size_t)number;
    return DX_OK;
}

typedef int (*dx_each_value)(dx_editing *edit, int64_t key, dx_bytes path, size_t at, dx_bytes value);

static int insert_value(dx_editing *edit, int64_t key, dx_bytes path, size_t at, dx_bytes value) {
    return dx_transaction_insert(edit->transaction, key, path, at, value);
}

static int push_value(dx_editing *edit, int64_t key, dx_bytes path, size_t at, dx_bytes value) {
    (void)at;
    return dx_transaction_insert(edit->transaction, key, path, DX_AT_END, value);
}

static int include_value(dx_editing *edit, int64_t key, dx_bytes path, size_t at, dx_bytes value) {
    (void)at;
    return dx_transaction_include(edit->transaction, key, path, value, true);
}

static int exclude_value(dx_editing *edit, int64_t key, dx_bytes path, size_t at, dx_bytes value) {
    (void)at;
    return dx_transaction_include(edit->transaction, key, path, value, false);
}

/* Each value of a list, those after the first at the numbers behind it. */
static int edit_values(dx_editing *edit, int64_t key, dx_bytes path, size_t at, dx_bytes values,
                       const char *name, dx_each_value each) {
    if (dx_item_kind(values) != DX_KIND_ARRAY) {
        return dx_node_refuse(edit->node, DX_E_INVALID, NULL, "\"%s\" must be a list of values", name);
    }
    dx_reader reader;
    dx_reader_init(&reader, values);
    int error = DX_OK;
    for (size_t count = dx_read_array(&reader); error == DX_OK && count > 0; count--) {
        error = each(edit, key, path, at++, dx_read_item(&reader));
    }
    return explain_inside(edit, false, error);
}

static int edit_push(dx_editing *edit, int64_t key, dx_bytes path, dx_bytes op, dx_bytes values) {
    (void)op;
    return edit_values(edit, key, path, 0, values, "push", push_value);
}

static int edit_include(dx_editing *edit, int64_t key, dx_bytes path, dx_bytes op, dx_bytes values) {
    (void)op;
    return edit_values(edit, key, path, 0, values, "include", include_value);
}

static int edit_exclude(dx_editing *edit, int64_t key, dx_bytes path, dx_bytes op, dx_bytes values) {
    (void)op;
    return edit_values(edit, key, path, 0, values, "exclude", exclude_value);
}

/* Item n, or where "was" says what the program saw there: the item like it that is nearest. DX_E_NOT_FOUND: none is
 * there any more; DX_E_EXISTS: it is a member put into the set, and has no number. */
static int take_place(dx_editing *edit, int64_t key, dx_bytes path, dx_bytes op, size_t *at) {
    dx_bytes was = dx_item_get(op, "was");
    int error = take_number(edit, op, "at", at);
    if (error != DX_OK || was.size == 0) {
        return error;
    }
    error = dx_transaction_find_item(edit->transaction, key, path, *at, was, at);
    return error == DX_E_NOT_FOUND || error == DX_E_EXISTS ? error : explain_inside(edit, false, error);
}

static int refuse_gone(dx_editing *edit) {
    return dx_node_refuse(edit->node, DX_E_NOT_FOUND, "dx object get SPACE ID",
                          "an item like that is not there any more");
}

static int exclude_was(dx_editing *edit, int64_t key, dx_bytes path, dx_bytes op) {
    return dx_transaction_include(edit->transaction, key, path, dx_item_get(op, "was"), false);
}

/* Before what the program saw there; where that is gone, at the number. */
static int edit_insert(dx_editing *edit, int64_t key, dx_bytes path, dx_bytes op, dx_bytes values) {
    size_t at = 0;
    int error = take_place(edit, key, path, op, &at);
    bool gone = error == DX_E_NOT_FOUND || error == DX_E_EXISTS;
    if (error == DX_OK || error == DX_E_NOT_FOUND) {
        error = edit_values(edit, key, path, at, values, "insert", insert_value);
    }
    if (gone && (error == DX_E_NOT_FOUND || error == DX_E_EXISTS)) { /* behind all that have a number */
        edit->node->message[0] = 0;
        error = edit_values(edit, key, path, at, values, "insert", push_value);
    }
    return error;
}

static int edit_replace(dx_editing *edit, int64_t key, dx_bytes path, dx_bytes op, dx_bytes value) {
    size_t at = 0;
    int error = take_place(edit, key, path, op, &at);
    if (error == DX_OK) {
        error = dx_transaction_replace(edit->transaction, key, path, at, value);
    } else if (error == DX_E_NOT_FOUND) {
        return refuse_gone(edit);
    } else if (error == DX_E_EXISTS) {
        error = exclude_was(edit, key, path, op);
        error =
            error == DX_OK ? dx_transaction_insert(edit->transaction, key, path, DX_AT_END, value) : error;
    }
    return explain_inside(edit, false, error);
}

/* What is gone already is well. */
static int edit_remove(dx_editing *edit, int64_t key, dx_bytes path, dx_bytes op, dx_bytes value) {
    size_t at = 0, count = 0;
    (void)value;
    int error = take_number(edit, op, "remove", &count);
    error = error == DX_OK ? take_place(edit, key, path, op, &at) : error;
    if (error == DX_E_NOT_FOUND && dx_item_get(op, "was").size != 0) {
        return DX_OK;
    }
    if (error == DX_E_EXISTS) {
        return explain_inside(edit, false, exclude_was(edit, key, path, op));
    }
    for (; error == DX_OK && count > 0; count--) {
        error = explain_inside(edit, false, dx_transaction_remove(edit->transaction, key, path, at));
    }
    return error;
}

static int edit_reorder(dx_editing *edit, int64_t key, dx_bytes path, dx_bytes op, dx_bytes value) {
    size_t at = 0, to = 0;
    (void)value;
    int error = take_number(edit, op, "reorder", &to);
    error = error == DX_OK ? take_place(edit, key, path, op, &at) : error;
    if (error == DX_E_NOT_FOUND || error == DX_E_EXISTS) {
        return refuse_gone(edit);
    }
    if (error == DX_OK) {
        error = dx_transaction_reorder(edit->transaction, key, path, at, to);
    }
    if (error == DX_E_NOT_FOUND && dx_item_get(op, "was").size != 0) { /* there are fewer than there were */
        error = dx_transaction_reorder(edit->transaction, key, path, at, DX_AT_END);
    }
    return explain_inside(edit, false, error);
}

static int edit_increment(dx_editing *edit, int64_t key, dx_bytes path, dx_bytes op, dx_bytes value) {
    (void)op;
    if (dx_item_kind(value) != DX_KIND_INT) {
        return dx_node_refuse(edit->node, DX_E_INVALID, NULL, "\"increment\" must be an integer");
    }
    return explain_inside(edit, true,
                          dx_transaction_increment(edit->transaction, key, path, dx_item_int(value, 0)));
}

static const struct {
    const char *name;
    int (*run)(dx_editing *edit, int64_t key, dx_bytes path, dx_bytes op, dx_bytes value);
} edits[] = {{"push", edit_push},       {"insert", edit_insert},      {"replace", edit_replace},
             {"remove", edit_remove},   {"reorder", edit_reorder},    {"include", edit_include},
             {"exclude", edit_exclude}, {"increment", edit_increment}};

/* {"key": path} and one of the edits. */
static int op_edit(dx_editing *edit, dx_bytes op, int64_t *key) {
    int64_t subject = 0;
    dx_bytes path;
    *key = 0;
    int error = take_changed(edit, op, &subject);
    error = error == DX_OK ? dx_editing_note_change(edit, subject) : error;
    if (error == DX_OK) {
        error = dx_take_text(edit->node, op, "key", DX_OBJECT_PATH_SIZE_MAX, &path);
    }
    if (error != DX_OK) {
        return error;
    }
    size_t found = 0, at = 0;
    for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
        if (dx_item_get(op, edits[i].name).size != 0) {
            found++;
            at = i;
        }
    }
    if (found != 1) {
        return dx_node_refuse(
            edit->node, DX_E_INVALID, "dx help object",
            "say one of push, insert, replace, remove, reorder, include, exclude and increment");
    }
    return edits[at].run(edit, subject, path, op, dx_item_get(op, edits[at].name));
}

static int op_delete(dx_editing *edit, dx_bytes op, int64_t *key) {
    int64_t subject = 0;
    *key = 0;
    int error = take_changed(edit, op, &subject);
    error = explain_change(edit, error == DX_OK ? dx_transaction_delete(edit->transaction, subject) : error);
    if (error == DX_OK) {
        error = dx_editing_note_deleted(edit, subject);
    }
    if (error == DX_OK && dx_item_bool(dx_item_get(op, "parts"), false)) {
        error = dx_editing_delete_parts(edit, subject);
    }
    if (dx_item_bool(dx_item_get(op, "force"), false)) {
        dx_editing_forget_deleted(edit, subject);
    }
    return error;
}

static int op_restore(dx_editing *edit, dx_bytes op, int64_t *key) {
    int64_t subject = 0;
    *key = 0;
    int error = take_changed(edit, op, &subject);
    dx_editing_forget_deleted(edit, subject);
    return explain_change(edit, error == DX_OK ? dx_transaction_restore(edit->transaction, subject) : error);
}

/* Why this object cannot be put there. */
static int explain_move(dx_editing *edit, int error) {
    if (error == DX_E_CONFLICT && edit->node->message[0] == 0) {
        return dx_node_refuse(edit->node, error, NULL, "it would stand below itself there");
    }
    if (error == DX_E_INVALID && edit->node->message[0] == 0) {
        return dx_node_refuse(edit->node, error, "dx object ls SPACE",
                              "that id is a link; only objects stand under others");
    }
    return explain_change(edit, error);
}

static int op_move(dx_editing *edit, dx_bytes op, int64_t *key) {
    int64_t subject = 0, parent = 0;
    dx_bytes item = dx_item_get(op, "parent");
    *key = 0;
    int error = take_changed(edit, op, &subject);
    if (error == DX_OK && item.size == 0) {
        return dx_node_refuse(edit->node, DX_E_INVALID, "dx object move SPACE ID --parent ID",
                              "\"parent\" is missing; null puts it at the top");
    }
    if (error == DX_OK && dx_item_kind(item) != DX_KIND_NULL) {
        error = take_subject(edit, item, "parent", &parent);
        error = error == DX_OK ? need_object(edit, "parent", parent) : error;
    }
    return error == DX_OK ? explain_move(edit, dx_transaction_move(edit->transaction, subject, parent))
                          : error;
}

static int op_apply(dx_editing *edit, dx_bytes op, int64_t *key) {
    int64_t subject = 0;
    dx_bytes operation = dx_item_get(op, "operation");
    *key = 0;
    int error = take_changed(edit, op, &subject);
    if (error == DX_OK && operation.size == 0) {
        return dx_node_refuse(edit->node, DX_E_INVALID, "dx object apply SPACE ID JSON",
                              "\"operation\" is missing");
    }
    return error == DX_OK ? explain_model(edit, dx_transaction_apply(edit->transaction, subject, operation))
                          : error;
}

typedef int (*dx_op)(dx_editing *edit, dx_bytes op, int64_t *key);

static const struct {
    const char *name;
    dx_op run;
} ops[] = {{"add", op_add},         {"link", op_link}, {"set", op_set},
           {"unset", op_unset},     {"edit", op_edit}, {"rm", op_delete},
           {"restore", op_restore}, {"move", op_move}, {"apply", op_apply}};

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
    error = dx_editing_end(&edit, error == DX_OK ? op_add(&edit, body, &key) : error);
    return error == DX_OK ? reply_id(node, request, edit.space, key) : explain_edit(node, edit.space, error);
}

static int link_add(dx_node *node, dx_request *request, dx_bytes body) {
    dx_editing edit;
    int64_t key = 0;
    int error = dx_editing_begin(node, request, body, &edit);
    error = dx_editing_end(&edit, error == DX_OK ? op_link(&edit, body, &key) : error);
    return error == DX_OK ? dx_node_reply_entity(node, request, edit.space, key)
                          : explain_edit(node, edit.space, error);
}

/* Runs an op on an existing entity of the wanted kind and answers the entity as it then is. */
static int edit_one(dx_node *node, dx_request *request, dx_bytes body, dx_op op, dx_entity_kind kind) {
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
    return edit_one(node, request, body, op_set, DX_ENTITY_OBJECT);
}

static int object_unset(dx_node *node, dx_request *request, dx_bytes body) {
    return edit_one(node, request, body, op_unset, DX_ENTITY_OBJECT);
}

static int object_edit(dx_node *node, dx_request *request, dx_bytes body) {
    return edit_one(node, request, body, op_edit, DX_ENTITY_OBJECT);
}

static int object_rm(dx_node *node, dx_request *request, dx_bytes body) {
    return edit_one(node, request, body, op_delete, DX_ENTITY_OBJECT);
}

static int object_restore(dx_node *node, dx_request *request, dx_bytes body) {
    return edit_one(node, request, body, op_restore, DX_ENTITY_OBJECT);
}

static int object_move(dx_node *node, dx_request *request, dx_bytes body) {
    return edit_one(node, request, body, op_move, DX_ENTITY_OBJECT);
}

static int object_apply(dx_node *node, dx_request *request, dx_bytes body) {
    return edit_one(node, request, body, op_apply, DX_ENTITY_OBJECT);
}

static int link_rm(dx_node *node, dx_request *request, dx_bytes body) {
    return edit_one(node, request, body, op_delete, DX_ENTITY_LINK);
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
    for (size_t i = 0; name.data != NULL && i < sizeof ops / sizeof ops[0]; i++) {
        if (dx_bytes_equal(name, dx_bytes_text(ops[i].name))) {
            return ops[i].run(edit, op, key);
        }
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
