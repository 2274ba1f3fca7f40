/* node/editing.c: a transaction that a command runs, and what is judged at its end. See editing.h.
 *
 * Layer: floor 1, node. */
#include "node/editing.h"

#include <string.h>

#include "base/limits.h"

/* An entry of it. The type is the command's or the space's table's. */
typedef struct dx_judged {
    int64_t key;
    bool made;
    size_t type_size;
    uint8_t type[DX_TYPE_SIZE_MAX];
} dx_judged;

int dx_editing_explain_place(dx_node *node, dx_space *space, int error) {
    if (error == DX_OK || dx_is_host_error(error) || !dx_space_lacks_place(&node->context, space)) {
        return error;
    }
    return dx_node_refuse(node, DX_E_LIMIT,
                          "write in another space, or from a device that has a feed in this one",
                          "this space holds %d feeds and has no place for one of this vault: it can only "
                          "be read here",
                          DX_SPACE_FEEDS_MAX);
}

int dx_editing_begin(dx_node *node, const dx_request *request, dx_bytes body, dx_editing *edit) {
    *edit = (dx_editing){.node = node, .app = request->app};
    int error = dx_need_identity(node);
    if (error == DX_OK) {
        error = dx_take_space(node, request, body, &edit->space);
    }
    if (error != DX_OK) {
        return error;
    }
    error = dx_editing_explain_place(node, edit->space,
                                     dx_transaction_begin(&node->context, edit->space, &edit->transaction));
    if (error == DX_OK) {
        dx_buf_init(&edit->judged, &node->config.alloc, (size_t)DX_BATCH_OPS_MAX * sizeof(dx_judged));
    }
    return error;
}

/* --- Definitions of types (docs/spec/schema.md) -------------------------------------------------------- */

static bool is_noted(const dx_editing *edit, int64_t key) {
    for (size_t at = 0; at < edit->judged.size; at += sizeof(dx_judged)) {
        const dx_judged *known = (const void *)(edit->judged.data + at);
        if (known->key == key) {
            return true;
        }
    }
    return false;
}

/* Notes an object that is made or changed, if its type has a definition: it is judged at the end. */
int dx_editing_note(dx_editing *edit, int64_t key, bool made, dx_bytes type) {
    const dx_schemas *schemas;
    size_t first;
    dx_judged entry = {.key = key, .made = made, .type_size = type.size};
    if (type.size == 0 || type.size > sizeof entry.type) {
        return DX_OK;
    }
    memcpy(entry.type, type.data, type.size); /* it dies with the reading */
    int error = dx_schemas_read(&edit->node->context, edit->space, &schemas);
    if (error != DX_OK ||
        dx_schemas_of_type(schemas, dx_bytes_of(entry.type, entry.type_size), &first) == 0 ||
        (!made && is_noted(edit, key))) {
        return error;
    }
    dx_buf_append(&edit->judged, (const uint8_t *)&entry, sizeof entry);
    return dx_buf_error(&edit->judged);
}

int dx_editing_note_change(dx_editing *edit, int64_t key) {
    dx_entity entity;
    int error = dx_entity_read(&edit->node->context, edit->space, key, &entity);
    if (error != DX_OK) { /* made by this batch, and noted as such */
        return error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    return entity.kind == DX_ENTITY_OBJECT ? dx_editing_note(edit, key, false, entity.type) : DX_OK;
}

static int judge_view(dx_editing *edit, const dx_judged *entry, dx_buf *view, dx_schema_fault *fault,
                      int64_t *by) {
    return dx_schemas_judge(&edit->node->context, edit->space, dx_bytes_of(entry->type, entry->type_size),
                            dx_buf_view(view), fault, by);
}

/* What did not fit before, for it came from elsewhere or is older than the definition, may be mended step by step. */
static int judge_before(dx_editing *edit, const dx_judged *entry, dx_buf *view) {
    dx_entity entity;
    dx_schema_fault fault;
    dx_writer writer;
    int64_t by;
    dx_buf_clear(view);
    dx_writer_init(&writer, view);
    int error = dx_entity_read(&edit->node->context, edit->space, entry->key, &entity);
    if (error == DX_OK) {
        error = dx_entity_view(&edit->node->context, edit->space, &entity, &writer);
    }
    return error == DX_OK ? judge_view(edit, entry, view, &fault, &by) : error;
}

static int judge_one(dx_editing *edit, const dx_judged *entry, dx_buf *view) {
    dx_schema_fault fault = {.rule = ""};
    dx_writer writer;
    int64_t by = 0;
    dx_buf_clear(view);
    dx_writer_init(&writer, view);
    int error = dx_transaction_view(edit->transaction, entry->key, &writer);
    if (error == DX_OK) {
        error = judge_view(edit, entry, view, &fault, &by);
    }
    if (error == DX_E_LIMIT) {
        return dx_node_refuse(edit->node, error, "dx schema list SPACE TYPE",
                              "it is too large to be held against its type");
    }
    if (error != DX_E_INVALID) {
        return error;
    }
    int before = entry->made ? DX_OK : judge_before(edit, entry, view);
    if (before == DX_E_INVALID) {
        return DX_OK;
    }
    return before != DX_OK
               ? before
               : dx_node_refuse(edit->node, error, "dx schema list SPACE TYPE",
                                "%s (\"%s\" of version %lld of the type \"%.*s\")", fault.message, fault.rule,
                                (long long)by, (int)(entry->type_size < 40 ? entry->type_size : 40),
                                (const char *)entry->type);
}

static int judge_all(dx_editing *edit) {
    dx_buf view;
    int error = DX_OK;
    dx_buf_init(&view, &edit->node->config.alloc, DX_STATE_SIZE_MAX);
    for (size_t at = 0; error == DX_OK && at < edit->judged.size; at += sizeof(dx_judged)) {
        error = judge_one(edit, (const void *)(edit->judged.data + at), &view);
    }
    dx_buf_deinit(&view);
    return error;
}

int dx_editing_end(dx_editing *edit, int error) {
    if (edit->transaction == NULL) {
        return error;
    }
    error = error == DX_OK ? judge_all(edit) : error;
    dx_buf_deinit(&edit->judged);
    if (error == DX_OK) {
        return dx_transaction_commit(edit->transaction);
    }
    dx_transaction_abort(edit->transaction);
    return error;
}
