/* node/object_edits.c: the op "edit": edits inside a value. See object_ops.h.
 *
 * Layer: floor 1, node. docs/spec/object-model.md. */
#include "base/limits.h"
#include "node/object_ops.h"

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
    return dx_op_explain_change(edit, error);
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
int dx_op_edit(dx_editing *edit, dx_bytes op, int64_t *key) {
    int64_t subject = 0;
    dx_bytes path;
    *key = 0;
    int error = dx_op_take_changed(edit, op, &subject);
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
