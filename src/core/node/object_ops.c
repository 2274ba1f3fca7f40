/* node/object_ops.c: what one op does to an object or a link. See object_ops.h.
 *
 * Layer: floor 1, node. */
#include "node/object_ops.h"

#include <string.h>

#include "base/limits.h"
#include "echo/entity_row.h"

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

/* Why this entity cannot be changed. */
int dx_op_explain_change(dx_editing *edit, int error) {
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
    return dx_op_explain_change(edit, error);
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

/* An object of another model that was made in another space. */
static int add_from(dx_editing *edit, dx_bytes model, dx_bytes type, int64_t parent, dx_bytes provenance,
                    int64_t *key) {
    int error = dx_transaction_add_object_from(edit->transaction, model, type, parent, provenance, key);
    if (error == DX_E_INVALID && edit->node->message[0] == 0) {
        return dx_node_refuse(
            edit->node, error, "import it into another space",
            "its provenance is damaged, or says what was done in this very space, where nobody can "
            "say that again for others");
    }
    return explain_model(edit, error);
}

/* An object of another model: "operation" instead of "data". */
static int add_of_model(dx_editing *edit, dx_bytes op, dx_bytes model, dx_bytes type, int64_t parent,
                        int64_t *key) {
    if (dx_item_get(op, "data").size != 0) {
        return dx_node_refuse(edit->node, DX_E_INVALID, "use \"operation\"",
                              "\"data\" is for objects without a model of their own");
    }
    dx_bytes provenance = dx_item_get(op, "provenance"), operation = dx_item_get(op, "operation");
    if (provenance.size != 0 && operation.size != 0) {
        return dx_node_refuse(edit->node, DX_E_INVALID, "apply it afterwards",
                              "an object has \"operation\" or \"provenance\"");
    }
    if (provenance.size != 0) {
        return add_from(edit, model, type, parent, provenance, key);
    }
    int error = dx_transaction_add_object_of(edit->transaction, model, type, parent, operation, key);
    return explain_model(edit, error);
}

int dx_op_add(dx_editing *edit, dx_bytes op, int64_t *key) {
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

int dx_op_link(dx_editing *edit, dx_bytes op, int64_t *key) {
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
int dx_op_take_changed(dx_editing *edit, dx_bytes op, int64_t *key) {
    int error = take_subject(edit, dx_item_get(op, "id"), "id", key);
    return error == DX_OK ? dx_node_check_subject(edit->node, edit->app, edit->space, *key) : error;
}

int dx_op_set(dx_editing *edit, dx_bytes op, int64_t *key) {
    int64_t subject = 0;
    dx_bytes set;
    *key = 0;
    int error = dx_op_take_changed(edit, op, &subject);
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
    return dx_op_explain_change(edit, error);
}

int dx_op_unset(dx_editing *edit, dx_bytes op, int64_t *key) {
    int64_t subject = 0;
    *key = 0;
    int error = dx_op_take_changed(edit, op, &subject);
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
    return dx_op_explain_change(edit, error);
}

int dx_op_delete(dx_editing *edit, dx_bytes op, int64_t *key) {
    int64_t subject = 0;
    *key = 0;
    int error = dx_op_take_changed(edit, op, &subject);
    error = dx_op_explain_change(edit,
                                 error == DX_OK ? dx_transaction_delete(edit->transaction, subject) : error);
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

int dx_op_restore(dx_editing *edit, dx_bytes op, int64_t *key) {
    int64_t subject = 0;
    *key = 0;
    int error = dx_op_take_changed(edit, op, &subject);
    dx_editing_forget_deleted(edit, subject);
    return dx_op_explain_change(edit,
                                error == DX_OK ? dx_transaction_restore(edit->transaction, subject) : error);
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
    return dx_op_explain_change(edit, error);
}

int dx_op_move(dx_editing *edit, dx_bytes op, int64_t *key) {
    int64_t subject = 0, parent = 0;
    dx_bytes item = dx_item_get(op, "parent");
    *key = 0;
    int error = dx_op_take_changed(edit, op, &subject);
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

int dx_op_apply(dx_editing *edit, dx_bytes op, int64_t *key) {
    int64_t subject = 0;
    dx_bytes operation = dx_item_get(op, "operation");
    *key = 0;
    int error = dx_op_take_changed(edit, op, &subject);
    if (error == DX_OK && operation.size == 0) {
        return dx_node_refuse(edit->node, DX_E_INVALID, "dx object apply SPACE ID JSON",
                              "\"operation\" is missing");
    }
    return error == DX_OK ? explain_model(edit, dx_transaction_apply(edit->transaction, subject, operation))
                          : error;
}

static const struct {
    const char *name;
    dx_op *run;
} ops[] = {{"add", dx_op_add},         {"link", dx_op_link}, {"set", dx_op_set},
           {"unset", dx_op_unset},     {"edit", dx_op_edit}, {"rm", dx_op_delete},
           {"restore", dx_op_restore}, {"move", dx_op_move}, {"apply", dx_op_apply}};

dx_op *dx_op_named(dx_bytes name) {
    for (size_t i = 0; name.data != NULL && i < sizeof ops / sizeof ops[0]; i++) {
        if (dx_bytes_equal(name, dx_bytes_text(ops[i].name))) {
            return ops[i].run;
        }
    }
    return NULL;
}
