/* node/editing.c: a transaction that a command runs, and what is judged at its end. See editing.h.
 *
 * Layer: floor 1, node. */
#include "node/editing.h"

#include <string.h>

#include "base/limits.h"
#include "echo/epoch.h"
#include "echo/key_set.h"
#include "echo/referrer.h"

/* An entry of it. The type is the command's or the space's table's. */
typedef struct dx_judged {
    int64_t key;
    bool made;
    size_t type_size;
    uint8_t type[DX_TYPE_SIZE_MAX];
} dx_judged;

int dx_editing_explain_place(dx_node *node, dx_space *space, int error) {
    dx_epoch_status status;
    dx_epoch_status_of(space, &status);
    if (error == DX_E_STATE && node->message[0] == 0 &&
        (status.stage == DX_EPOCH_FETCHING || status.stage == DX_EPOCH_UNPACKING)) {
        return dx_node_refuse(node, error, "dx space status SPACE",
                              "the state at epoch %llu is being loaded: it can be changed when that is done",
                              (unsigned long long)status.number);
    }
    if (error == DX_OK || dx_is_host_error(error) || !dx_space_lacks_place(&node->context, space)) {
        return error;
    }
    return dx_node_refuse(node, DX_E_LIMIT,
                          "write in another space, or from a device that has a feed in this one",
                          "this space holds %d feeds and has no place for one of this vault: it can only "
                          "be read here",
                          DX_SPACE_FEEDS_MAX);
}

static void init(dx_editing *edit, size_t entities) {
    const dx_alloc *alloc = &edit->node->config.alloc;
    dx_buf_init(&edit->judged, alloc, entities * sizeof(dx_judged));
    dx_buf_init(&edit->deleted, alloc, entities * sizeof(int64_t));
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
        init(edit, DX_BATCH_OPS_MAX);
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

/* Notes what is made or changed, if its type has a definition: it is judged at the end. */
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
    return entity.model == &dx_object_model ? dx_editing_note(edit, key, false, entity.type) : DX_OK;
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

/* --- Strong references (docs/spec/references.md) ------------------------------------------------------- */

static size_t place_of(const dx_editing *edit, int64_t key) {
    size_t at = 0;
    while (at < edit->deleted.size && memcmp(edit->deleted.data + at, &key, sizeof key) != 0) {
        at += sizeof key;
    }
    return at;
}

int dx_editing_note_deleted(dx_editing *edit, int64_t key) {
    if (place_of(edit, key) == edit->deleted.size) {
        dx_buf_append(&edit->deleted, &key, sizeof key);
    }
    return dx_buf_error(&edit->deleted);
}

void dx_editing_forget_deleted(dx_editing *edit, int64_t key) {
    size_t at = place_of(edit, key);
    if (at < edit->deleted.size) {
        edit->deleted.size -= sizeof key;
        memmove(edit->deleted.data + at, edit->deleted.data + edit->deleted.size, sizeof key);
    }
}

typedef struct dx_holding {
    dx_editing *edit;
    uint8_t id[DX_ID_SIZE]; /* of what is deleted */
    dx_buf view;
} dx_holding;

/* It refers strongly as things stood before the transaction: and after it? */
static int judge_holder(void *ctx, const dx_entity *entity) {
    dx_holding *self = ctx;
    dx_editing *edit = self->edit;
    int64_t key = entity->key;
    dx_writer writer;
    uint8_t id[DX_ID_SIZE];
    char text[DX_ID_TEXT_MAX], other[DX_ID_TEXT_MAX];
    if (place_of(edit, key) < edit->deleted.size) {
        return DX_OK;
    }
    dx_buf_clear(&self->view);
    dx_writer_init(&writer, &self->view);
    int error = dx_transaction_view(edit->transaction, key, &writer);
    if (error == DX_OK) {
        error = dx_writer_finish(&writer);
    }
    if (error != DX_OK || !dx_referrers_is_strong_in(dx_buf_view(&self->view), self->id)) {
        return error;
    }
    error = dx_key_to_id(edit->space, key, id);
    if (error != DX_OK) {
        return error;
    }
    dx_id_print(id, text);
    dx_id_print(self->id, other);
    return dx_node_refuse(edit->node, DX_E_STATE,
                          "delete that one too, in one batch or first, or say --force",
                          "%s is held by a strong reference in %s", other, text);
}

static int judge_deleted(dx_editing *edit) {
    dx_holding self = {.edit = edit};
    int error = DX_OK;
    dx_buf_init(&self.view, &edit->node->config.alloc, DX_STATE_SIZE_MAX);
    for (size_t at = 0; error == DX_OK && at < edit->deleted.size; at += sizeof(int64_t)) {
        int64_t key;
        memcpy(&key, edit->deleted.data + at, sizeof key);
        error = dx_key_to_id(edit->space, key, self.id);
        if (error == DX_OK) {
            error = dx_referrers_each_strong(&edit->node->context, edit->space, key, judge_holder, &self);
        }
    }
    dx_buf_deinit(&self.view);
    return error;
}

typedef struct dx_parting {
    dx_editing *edit;
    dx_buf *view;
    dx_buf parts; /* keys of what the entity looked at refers to strongly */
} dx_parting;

static int take_part(void *ctx, const uint8_t *id) {
    dx_parting *self = ctx;
    int64_t key;
    int error = dx_id_to_key(self->edit->space, id, &key);
    if (error == DX_OK) {
        dx_buf_append(&self->parts, &key, sizeof key);
        error = dx_buf_error(&self->parts);
    }
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

static int need_deleted(void *ctx, const dx_entity *entity) {
    const dx_editing *edit = ctx;
    return place_of(edit, entity->key) < edit->deleted.size ? DX_OK : DX_E_EXISTS;
}

/* A part goes when it is there and everything that holds it goes. */
static int delete_part(dx_parting *self, int64_t key) {
    dx_editing *edit = self->edit;
    dx_context *context = &edit->node->context;
    dx_entity entity;
    int error = dx_entity_read(context, edit->space, key, &entity);
    if (error != DX_OK || entity.deleted || place_of(edit, key) < edit->deleted.size) {
        return error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    error = dx_node_check_subject(edit->node, edit->app, edit->space, key);
    if (error == DX_OK) {
        error = dx_referrers_each_strong(context, edit->space, key, need_deleted, edit);
    }
    if (error != DX_OK) {
        return error == DX_E_EXISTS ? DX_OK : error;
    }
    error = dx_transaction_delete(edit->transaction, key);
    return error == DX_OK ? dx_editing_note_deleted(edit, key) : error;
}

static int delete_parts_of(dx_parting *self, int64_t key) {
    dx_writer writer;
    dx_buf_clear(self->view);
    dx_buf_clear(&self->parts);
    dx_writer_init(&writer, self->view);
    int error = dx_transaction_view(self->edit->transaction, key, &writer);
    if (error == DX_OK) {
        error = dx_writer_finish(&writer);
    }
    if (error == DX_OK) {
        error = dx_referrers_strong_in(dx_buf_view(self->view), take_part, self);
    }
    for (size_t at = 0; error == DX_OK && at < self->parts.size; at += sizeof key) {
        int64_t part;
        memcpy(&part, self->parts.data + at, sizeof part);
        error = delete_part(self, part);
    }
    return error;
}

int dx_editing_delete_parts(dx_editing *edit, int64_t key) {
    dx_buf view;
    dx_parting self = {.edit = edit, .view = &view};
    size_t before, first = place_of(edit, key);
    int error = DX_OK;
    dx_buf_init(&view, &edit->node->config.alloc, DX_STATE_SIZE_MAX);
    dx_buf_init(&self.parts, &edit->node->config.alloc, DX_STATE_SIZE_MAX);
    do { /* what two of them hold goes once both are known to go */
        before = edit->deleted.size;
        for (size_t at = first; error == DX_OK && at < edit->deleted.size; at += sizeof key) {
            memcpy(&key, edit->deleted.data + at, sizeof key);
            error = delete_parts_of(&self, key);
        }
    } while (error == DX_OK && edit->deleted.size != before);
    dx_buf_deinit(&self.parts);
    dx_buf_deinit(&view);
    return error;
}

static int judge(dx_editing *edit, int error) {
    error = error == DX_OK ? judge_all(edit) : error;
    error = error == DX_OK ? judge_deleted(edit) : error;
    dx_buf_deinit(&edit->judged);
    dx_buf_deinit(&edit->deleted);
    return error;
}

int dx_editing_judge(dx_node *node, dx_app *app, dx_space *space, dx_transaction *transaction,
                     const dx_buf *keys) {
    dx_editing edit = {.node = node, .app = app, .space = space, .transaction = transaction};
    int error = DX_OK;
    init(&edit, dx_key_list_count(keys) + 1);
    for (size_t i = 0; i < dx_key_list_count(keys) && error == DX_OK; i++) {
        int64_t key = dx_key_list_at(keys, i);
        dx_entity entity;
        bool deleted = false;
        error = dx_entity_read(&node->context, space, key, &entity);
        bool was_deleted = error == DX_OK && entity.deleted;
        error = error == DX_OK ? dx_editing_note_change(&edit, key) : error;
        error = error == DX_OK ? dx_transaction_is_deleted(transaction, key, &deleted) : error;
        error = error == DX_E_DENIED ? DX_OK : error; /* another's own word, which was left as it is */
        if (error == DX_OK && deleted && !was_deleted) {
            error = dx_editing_note_deleted(&edit, key);
        }
    }
    return judge(&edit, error);
}

int dx_editing_end(dx_editing *edit, int error) {
    if (edit->transaction == NULL) {
        return error;
    }
    error = judge(edit, error);
    if (error == DX_OK) {
        return dx_transaction_commit(edit->transaction);
    }
    dx_transaction_abort(edit->transaction);
    return error;
}
