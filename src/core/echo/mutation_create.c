/* echo/mutation_create.c: what a transaction makes, and what it asks of objects of other models.
 *
 * Layer: floor 1, echo. Contract in mutation.h. */
#include "echo/mutation_state.h"

#include <string.h>

#include "echo/reduce.h"
#include "model/object_operation.h"

/* --- Adding ---------------------------------------------------------------------------------- */

/* UTF-8, and not longer than a name may be; the codec's own rule where it is not plain ASCII. */
static int check_type(dx_transaction *transaction, dx_bytes type) {
    if (type.size > DX_TYPE_SIZE_MAX) {
        return DX_E_INVALID;
    }
    size_t plain = 0;
    while (plain < type.size && type.data[plain] < 0x80) {
        plain++;
    }
    if (plain == type.size) {
        return DX_OK;
    }
    dx_buf *item = &transaction->space->state;
    dx_writer writer;
    dx_buf_clear(item);
    dx_writer_init(&writer, item);
    dx_write_text_bytes(&writer, type);
    int error = dx_writer_finish(&writer);
    return error != DX_OK ? error : dx_item_check(dx_buf_view(item)) == DX_OK ? DX_OK : DX_E_INVALID;
}

static int add_entity(dx_transaction *transaction, dx_section *section, dx_bytes data,
                      const int64_t places[static 3], int64_t *key) {
    dx_buf *operation = &transaction->space->plain;
    int error = check_type(transaction, section->type);
    if (error == DX_OK && data.size != 0) {
        dx_buf_clear(operation);
        dx_alloc scratch = dx_space_scratch(transaction->space);
        error = dx_object_operation_create(&scratch, data, operation);
        dx_arena_reset(&transaction->space->arena);
        section->operates = true;
        section->operation = dx_buf_view(operation);
    }
    for (size_t i = 0; i < 3 && error == DX_OK; i++) {
        error = places[i] == 0 ? DX_OK : dx_transaction_check_exists(transaction, places[i]);
    }
    if (error == DX_OK) {
        error = dx_transaction_reserve(transaction,
                                       section->type.size + section->model.size + section->operation.size);
    }
    if (error != DX_OK) {
        return error;
    }
    section->creates = true;
    section->parent = dx_transaction_place(transaction, places[0]);
    section->source = dx_transaction_place(transaction, places[1]);
    section->target = dx_transaction_place(transaction, places[2]);
    error = dx_part_create(&transaction->part, section);
    if (error == DX_OK) {
        *key = dx_entity_key(transaction->feed, transaction->base + transaction->closed,
                             transaction->part.created.count - 1);
    }
    return error;
}

int dx_transaction_add_object(dx_transaction *transaction, dx_bytes type, int64_t parent, dx_bytes data,
                              int64_t *key) {
    dx_section section = {.kind = DX_ENTITY_OBJECT, .type = type};
    return add_entity(transaction, &section, data, (int64_t[]){parent, 0, 0}, key);
}

int dx_transaction_add_link(dx_transaction *transaction, dx_bytes type, int64_t source, int64_t target,
                            dx_bytes data, int64_t *key) {
    dx_section section = {.kind = DX_ENTITY_LINK, .type = type};
    if (source == 0 || target == 0) {
        return DX_E_NOT_FOUND;
    }
    return add_entity(transaction, &section, data, (int64_t[]){0, source, target}, key);
}

/* --- Other models ---------------------------------------------------------------------------- */

static int state_of(const dx_transaction *transaction, const dx_entity *entity, const dx_alloc *alloc,
                    const dx_model *model, void **state) {
    dx_space *space = transaction->space;
    dx_provenance provenance = {.created = {.counter = 0}};
    int error = DX_OK;
    if (entity == NULL) {
        memcpy(provenance.created.feed, dx_space_feed(space, transaction->feed)->id,
               sizeof provenance.created.feed);
    } else {
        error =
            dx_provenance_find(transaction->context, space, entity->key, entity->created, model, &provenance);
    }
    *state = error == DX_OK ? model->create(alloc, &provenance.created) : NULL;
    if (*state == NULL) {
        return error == DX_OK ? DX_E_NO_MEMORY : error;
    }
    return entity == NULL || entity->state.size == 0 ? DX_OK : model->restore(*state, entity->state);
}

/* The operation that says the request, in the space's scratch, which the model takes after all that is here. entity
 * NULL: of what is yet to be made. */
static int make_operation(dx_transaction *transaction, const dx_model *model, const dx_entity *entity,
                          dx_bytes request) {
    dx_space *space = transaction->space;
    dx_buf *operation = &space->plain;
    dx_alloc scratch = dx_space_scratch(space);
    dx_stamp stamp = {.counter = entity == NULL ? 0 : INT64_MAX};
    void *state;
    memcpy(stamp.feed, dx_space_feed(space, transaction->feed)->id, sizeof stamp.feed);
    int error = state_of(transaction, entity, &scratch, model, &state);
    dx_buf_clear(operation);
    if (error == DX_OK && model->prepare != NULL) {
        error = model->prepare(state, stamp.feed, request, operation);
    } else if (error == DX_OK) {
        dx_buf_append(operation, request.data, request.size);
    }
    error = error == DX_OK ? dx_buf_error(operation) : error;
    if (error == DX_OK && dx_item_check(dx_buf_view(operation)) != DX_OK) {
        error = DX_E_INVALID;
    }
    error = error == DX_OK ? model->apply(state, dx_buf_view(operation), &stamp) : error;
    if (state != NULL) {
        model->destroy(&scratch, state);
    }
    dx_arena_reset(&space->arena);
    return error == DX_E_MALFORMED ? DX_E_INVALID : error;
}

int dx_transaction_add_object_of(dx_transaction *transaction, dx_bytes model_name, dx_bytes type,
                                 int64_t parent, dx_bytes request, int64_t *key) {
    dx_section section = {.kind = DX_ENTITY_OBJECT, .type = type, .model = model_name};
    const dx_model *model = dx_model_find(transaction->context->models, model_name);
    dx_touched_entity *entry;
    if (model == NULL || model == &dx_object_model) {
        return DX_E_UNSUPPORTED;
    }
    int error = request.size == 0 ? DX_OK : make_operation(transaction, model, NULL, request);
    if (error == DX_OK && request.size != 0) {
        section.operates = true;
        section.operation = dx_buf_view(&transaction->space->plain);
    }
    if (error == DX_OK) {
        error = add_entity(transaction, &section, (dx_bytes){NULL, 0}, (int64_t[]){parent, 0, 0}, key);
    }
    if (error == DX_OK) {
        error = dx_transaction_touch(transaction, *key, &entry);
    }
    if (error == DX_OK) {
        entry->model = model;
    }
    return error;
}

/* DX_E_INVALID: no provenance of a model that keeps its operations, or the model, where it is known, does not take it. */
static int check_provenance(dx_transaction *transaction, dx_bytes model_name, dx_bytes item) {
    dx_space *space = transaction->space;
    const dx_model *model = dx_model_find(transaction->context->models, model_name);
    dx_stamp made = {.counter = 1};
    dx_provenance provenance;
    memcpy(made.feed, dx_space_feed(space, transaction->feed)->id, sizeof made.feed);
    bool sound = dx_provenance_is(model_name, item) &&
                 dx_provenance_decode(item, space->id, &made, &provenance) == DX_OK;
    if (!sound || model == NULL) {
        return sound ? DX_OK : DX_E_INVALID;
    }
    dx_alloc scratch = dx_space_scratch(space);
    void *state = model->create(&scratch, &provenance.created);
    int error = state == NULL ? DX_E_NO_MEMORY : dx_provenance_apply(&provenance, model, state, item, &made);
    if (state != NULL) {
        model->destroy(&scratch, state);
    }
    dx_arena_reset(&space->arena);
    return error == DX_E_MALFORMED ? DX_E_INVALID : error;
}

int dx_transaction_add_object_from(dx_transaction *transaction, dx_bytes model_name, dx_bytes type,
                                   int64_t parent, dx_bytes provenance, int64_t *key) {
    dx_section section = {.kind = DX_ENTITY_OBJECT,
                          .type = type,
                          .model = model_name,
                          .operates = true,
                          .operation = provenance};
    dx_touched_entity *entry;
    int error = check_provenance(transaction, model_name, provenance);
    if (error == DX_OK) {
        error = add_entity(transaction, &section, (dx_bytes){NULL, 0}, (int64_t[]){parent, 0, 0}, key);
    }
    error = error == DX_OK ? dx_transaction_touch(transaction, *key, &entry) : error;
    if (error == DX_OK) {
        entry->model = dx_model_find(transaction->context->models, model_name);
    }
    return error;
}

/* DX_OK for an object of another model that this transaction has asked nothing of. */
static int begin_operation(dx_transaction *transaction, int64_t key, dx_touched_entity **out) {
    int error = dx_transaction_touch(transaction, key, out);
    if (error != DX_OK) {
        return error;
    }
    const dx_touched_entity *entry = *out;
    if (entry->model == NULL || entry->model == &dx_object_model) {
        return DX_E_UNSUPPORTED;
    }
    return entry->deleted ? DX_E_STATE : entry->fresh || entry->applied ? DX_E_CONFLICT : DX_OK;
}

static int write_operation(dx_transaction *transaction, dx_touched_entity *entry, dx_bytes operation) {
    dx_part_entity *entity = NULL;
    int error = entry->size + operation.size > DX_OBJECT_WRITTEN_SIZE_MAX ? DX_E_LIMIT : DX_OK;
    if (error == DX_OK) {
        error = dx_transaction_reserve(transaction, operation.size);
    }
    if (error == DX_OK) {
        error = dx_transaction_open_entity(transaction, entry, &entity);
    }
    error = error == DX_OK ? dx_part_operate(&transaction->part, entity, operation) : error;
    entry->applied = error == DX_OK;
    return error;
}

int dx_transaction_apply(dx_transaction *transaction, int64_t key, dx_bytes request) {
    dx_touched_entity *entry;
    dx_entity now;
    int error = begin_operation(transaction, key, &entry);
    if (error == DX_OK) {
        error = dx_entity_read(transaction->context, transaction->space, key, &now);
    }
    if (error == DX_OK) {
        error = make_operation(transaction, entry->model, &now, request);
    }
    return error == DX_OK ? write_operation(transaction, entry, dx_buf_view(&transaction->space->plain))
                          : error;
}

int dx_transaction_operate(dx_transaction *transaction, int64_t key, dx_bytes operation) {
    dx_touched_entity *entry;
    int error = begin_operation(transaction, key, &entry);
    return error == DX_OK ? write_operation(transaction, entry, operation) : error;
}
