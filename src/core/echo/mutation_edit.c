/* echo/mutation_edit.c: what a transaction changes of objects: paths, and what stands inside the values at them.
 *
 * Layer: floor 1, echo. Contract in mutation.h. */
#include "echo/mutation_state.h"

#include <string.h>

#include "echo/pipeline.h"
#include "echo/reduce.h"

/* --- Changing -------------------------------------------------------------------------------- */

/* Whether the model takes the operation, by the rules every replica applies. */
static int check_operation(dx_transaction *transaction, dx_bytes operation) {
    dx_alloc scratch = dx_space_scratch(transaction->space);
    const dx_stamp stamp = {.counter = 1};
    void *state = dx_object_model.create(&scratch, &stamp);
    int error = state == NULL ? DX_E_NO_MEMORY : dx_object_model.apply(state, operation, &stamp);
    if (state != NULL) {
        dx_object_model.destroy(&scratch, state);
    }
    dx_arena_reset(&transaction->space->arena);
    return error == DX_E_MALFORMED || error == DX_E_LIMIT ? DX_E_INVALID : error;
}

static int set_path(dx_transaction *transaction, int64_t key, dx_bytes path, dx_bytes value) {
    dx_buf *operation = &transaction->space->plain;
    dx_part_set alone = {.path = path, .value = value};
    dx_touched_entity *entry;
    int error = dx_transaction_touch(transaction, key, &entry);
    if (error != DX_OK) {
        return error;
    }
    if (entry->model != &dx_object_model) {
        return DX_E_UNSUPPORTED;
    }
    if (entry->deleted) {
        return DX_E_STATE;
    }
    if (value.size != 0 && dx_item_check(value) != DX_OK) {
        return DX_E_INVALID;
    }
    if (value.size != 0 && entry->size + path.size + value.size > DX_OBJECT_WRITTEN_SIZE_MAX) {
        return DX_E_LIMIT; /* deleting goes on: that is the way back */
    }
    entry->size += path.size + value.size;
    if (transaction->edited_key == key) {
        transaction->edited_key = 0;
    }
    dx_buf_clear(operation);
    error = dx_part_write_operation(&alone, 1, NULL, 0, operation);
    if (error == DX_OK) {
        error = check_operation(transaction, dx_buf_view(operation));
    }
    if (error == DX_OK) {
        error = dx_transaction_reserve(transaction, path.size + value.size);
    }
    for (;;) {
        dx_part_entity *entity;
        if (error == DX_OK) {
            error = dx_transaction_open_entity(transaction, entry, &entity);
        }
        if (error == DX_OK) {
            error = dx_part_set_path(&transaction->part, entity, path, value);
        }
        if (error != DX_E_CONFLICT) {
            return error;
        }
        error = dx_transaction_close_part(transaction); /* a fresh part has no conflict */
    }
}

int dx_transaction_set(dx_transaction *transaction, int64_t key, dx_bytes path, dx_bytes value) {
    return value.size == 0 ? DX_E_INVALID : set_path(transaction, key, path, value);
}

int dx_transaction_unset(dx_transaction *transaction, int64_t key, dx_bytes path) {
    return set_path(transaction, key, path, (dx_bytes){NULL, 0});
}

/* --- Editing --------------------------------------------------------------------------------- */

static dx_stamp stamp_of_part(const dx_transaction *transaction, size_t part) {
    dx_stamp stamp = transaction->stamp;
    stamp.counter += part;
    return stamp;
}

/* The entity that a section of a closed part is about; 0: one of a feed that is not here. */
static int64_t subject_of(const dx_transaction *transaction, size_t part, size_t index,
                          const dx_section *section) {
    if (section->creates) {
        return dx_entity_key(transaction->feed, transaction->base + part, index);
    }
    int64_t local = transaction->feed;
    if (section->subject.form == DX_PLACE_FEED) {
        const dx_feed *feed = dx_space_feed_by_prefix(transaction->space, section->subject.feed);
        local = feed == NULL ? 0 : feed->local;
    }
    return local == 0 ? 0 : dx_entity_key(local, section->subject.seq, section->subject.index);
}

static int apply_closed(const dx_transaction *transaction, int64_t key, void *state) {
    const uint8_t *own = dx_space_feed(transaction->space, transaction->feed)->id;
    size_t at = 0;
    for (size_t part = 0; part < transaction->closed; part++) {
        for (size_t index = 0; index < transaction->parts[part].sections; index++) {
            uint32_t size;
            dx_section section;
            memcpy(&size, transaction->sections.data + at, sizeof size);
            int error = dx_section_decode(dx_bytes_of(transaction->sections.data + at + sizeof size, size),
                                          own, &section);
            DX_ASSERT(error == DX_OK);
            at += sizeof size + size;
            if (section.operates && subject_of(transaction, part, index, &section) == key) {
                dx_stamp stamp = stamp_of_part(transaction, part);
                error = dx_object_model.apply(state, section.operation, &stamp);
            }
            if (error != DX_OK) {
                return error;
            }
        }
    }
    return DX_OK;
}

static int apply_open(dx_transaction *transaction, const dx_touched_entity *entry, void *state) {
    dx_place place = dx_transaction_place(transaction, entry->key);
    dx_stamp stamp = stamp_of_part(transaction, transaction->closed);
    dx_buf *operation = &transaction->space->plain;
    const dx_part_entity *entity = NULL;
    if (place.form == DX_PLACE_BLOCK) {
        entity = &transaction->part.created.items[place.index];
    } else if (entry->at != DX_NOT_CHANGED && entry->part == transaction->closed) {
        entity = &transaction->part.changed.items[entry->at];
    }
    if (entity != NULL && entity->section.operates) {
        return dx_object_model.apply(state, entity->section.operation, &stamp);
    }
    if (entity == NULL || entity->set_count + entity->edit_count == 0) {
        return DX_OK;
    }
    dx_buf_clear(operation);
    int error = dx_part_write_operation(entity->sets, entity->set_count, entity->edits, entity->edit_count,
                                        operation);
    return error == DX_OK ? dx_object_model.apply(state, dx_buf_view(operation), &stamp) : error;
}

/* The entity's state with all that this transaction did to it. */
static int make_state(dx_transaction *transaction, const dx_touched_entity *entry, const dx_alloc *scratch,
                      dx_stamp *created, void **out) {
    dx_space *space = transaction->space;
    dx_entity entity = {.state = {NULL, 0}};
    int error = DX_OK;
    if (transaction->stamp.counter == 0) {
        error = dx_pipeline_next_stamp(transaction->context, space, transaction->feed, &transaction->stamp);
    }
    if (error == DX_OK && dx_transaction_made(transaction, entry->key)) {
        *created = stamp_of_part(transaction, (size_t)(dx_entity_key_seq(entry->key) - transaction->base));
    } else if (error == DX_OK) {
        error = dx_entity_read(transaction->context, space, entry->key, &entity);
        created->counter = entity.created;
        memcpy(created->feed, dx_space_feed(space, dx_entity_key_feed(entry->key))->id, sizeof created->feed);
    }
    void *state = error == DX_OK ? dx_object_model.create(scratch, created) : NULL;
    if (state == NULL) {
        return error == DX_OK ? DX_E_NO_MEMORY : error;
    }
    if (entity.state.size != 0) {
        error = dx_object_model.restore(state, entity.state);
    }
    if (error == DX_OK && (entry->at != DX_NOT_CHANGED || dx_transaction_made(transaction, entry->key))) {
        error = apply_closed(transaction, entry->key, state);
        error = error == DX_OK ? apply_open(transaction, entry, state) : error;
    }
    if (error != DX_OK) {
        dx_object_model.destroy(scratch, state);
        return error;
    }
    *out = state;
    return DX_OK;
}

/* The same in space->state. */
static int write_state(dx_transaction *transaction, const dx_touched_entity *entry, dx_stamp *created) {
    dx_space *space = transaction->space;
    dx_alloc scratch = dx_space_scratch(space);
    void *state;
    int error = make_state(transaction, entry, &scratch, created, &state);
    if (error == DX_OK) {
        dx_buf_clear(&space->state);
        error = dx_object_model.save(state, &space->state);
        dx_object_model.destroy(&scratch, state);
    }
    dx_arena_reset(&space->arena);
    return error;
}

/* Points the editor at the path as it now stands. items: by their numbers. */
static int open_editor(dx_transaction *transaction, const dx_touched_entity *entry, dx_bytes path,
                       bool items) {
    if (transaction->edited_key == entry->key &&
        dx_bytes_equal(dx_buf_view(&transaction->edited_path), path) &&
        !(items && transaction->editor.members_changed)) {
        return DX_OK;
    }
    dx_stamp created;
    transaction->edited_key = 0;
    int error = write_state(transaction, entry, &created);
    if (error == DX_OK) {
        error = dx_object_editor_read(&transaction->editor, &created, dx_buf_view(&transaction->space->state),
                                      path, transaction->stamp.feed);
    }
    dx_buf_clear(&transaction->edited_path);
    dx_buf_append(&transaction->edited_path, path.data, path.size);
    error = error == DX_OK ? dx_buf_error(&transaction->edited_path) : error;
    transaction->edited_key = error == DX_OK ? entry->key : 0;
    return error;
}

/* One edit on its way from the editor into the open part. */
typedef struct edit_under_way {
    dx_transaction *transaction;
    dx_touched_entity *entry;
    dx_bytes path;
} edit_under_way;

static int take_edit(void *ctx, uint32_t kind, dx_bytes key, dx_bytes payload, bool fresh) {
    edit_under_way *self = ctx;
    dx_transaction *transaction = self->transaction;
    dx_buf *operation = &transaction->space->plain;
    dx_part_edit alone = {.path = self->path, .key = key, .payload = payload, .kind = kind};
    size_t size = self->path.size + key.size + payload.size;
    if (payload.size != 0 && self->entry->size + size > DX_OBJECT_WRITTEN_SIZE_MAX) {
        return DX_E_LIMIT;
    }
    self->entry->size += size;
    dx_buf_clear(operation);
    int error = dx_part_write_operation(NULL, 0, &alone, 1, operation);
    if (error == DX_OK) {
        error = check_operation(transaction, dx_buf_view(operation));
    }
    if (error == DX_OK) {
        error = dx_transaction_reserve(transaction, size);
    }
    for (;;) {
        dx_part_entity *entity;
        if (error == DX_OK) {
            error = dx_transaction_open_entity(transaction, self->entry, &entity);
        }
        if (error == DX_OK) {
            error = dx_part_edit_path(&transaction->part, entity, &alone, fresh);
        }
        if (error != DX_E_CONFLICT) {
            return error;
        }
        error = dx_transaction_close_part(transaction); /* a fresh part has no conflict */
    }
}

/* Checks the path and the value (data NULL: the edit has none). */
static int check_edit(dx_transaction *transaction, int64_t key, dx_bytes path, dx_bytes value,
                      edit_under_way *edit) {
    *edit = (edit_under_way){.transaction = transaction, .path = path};
    if (dx_object_path_check(path) == 0 || (value.data != NULL && dx_item_check(value) != DX_OK)) {
        return DX_E_INVALID;
    }
    int error = dx_transaction_touch(transaction, key, &edit->entry);
    if (error == DX_OK && edit->entry->model != &dx_object_model) {
        error = DX_E_UNSUPPORTED;
    } else if (error == DX_OK && edit->entry->deleted) {
        error = DX_E_STATE;
    }
    return error;
}

/* The same, and opens the editor. */
static int begin_edit(dx_transaction *transaction, int64_t key, dx_bytes path, dx_bytes value, bool items,
                      edit_under_way *edit) {
    int error = check_edit(transaction, key, path, value, edit);
    return error == DX_OK ? open_editor(transaction, edit->entry, path, items) : error;
}

/* What could not be written must not stay in the editor. */
static int end_edit(dx_transaction *transaction, int error) {
    if (error != DX_OK) {
        transaction->edited_key = 0;
    }
    return error;
}

/* An id no item had before: the place of this edit. */
static int make_item_id(dx_transaction *transaction, uint8_t id[static DX_ITEM_ID_SIZE]) {
    if (transaction->items > UINT16_MAX) {
        int error = dx_transaction_close_part(transaction);
        if (error != DX_OK) {
            return error;
        }
    }
    uint64_t seq = transaction->base + transaction->closed;
    uint32_t number = transaction->items++;
    memcpy(id, transaction->stamp.feed, 8);
    for (int i = 0; i < 4; i++) {
        id[8 + i] = (uint8_t)(seq >> (24 - 8 * i));
    }
    id[12] = (uint8_t)(number >> 8);
    id[13] = (uint8_t)number;
    return DX_OK;
}

int dx_transaction_insert(dx_transaction *transaction, int64_t key, dx_bytes path, size_t at,
                          dx_bytes value) {
    edit_under_way edit;
    uint8_t id[DX_ITEM_ID_SIZE];
    int error = value.size == 0 ? DX_E_INVALID : begin_edit(transaction, key, path, value, true, &edit);
    if (error == DX_OK) {
        error = make_item_id(transaction, id);
    }
    if (error == DX_OK) {
        at = at == DX_AT_END ? transaction->editor.item_count : at;
        error = dx_object_editor_insert(&transaction->editor, at, id, value, take_edit, &edit);
    }
    return end_edit(transaction, error);
}

int dx_transaction_find_item(dx_transaction *transaction, int64_t key, dx_bytes path, size_t at,
                             dx_bytes value, size_t *found) {
    edit_under_way edit;
    int error = begin_edit(transaction, key, path, value, true, &edit);
    return error == DX_OK ? dx_object_editor_find(&transaction->editor, at, value, found) : error;
}

int dx_transaction_replace(dx_transaction *transaction, int64_t key, dx_bytes path, size_t at,
                           dx_bytes value) {
    edit_under_way edit;
    int error = value.size == 0 ? DX_E_INVALID : begin_edit(transaction, key, path, value, true, &edit);
    if (error == DX_OK) {
        error = dx_object_editor_replace(&transaction->editor, at, value, take_edit, &edit);
    }
    return end_edit(transaction, error);
}

int dx_transaction_remove(dx_transaction *transaction, int64_t key, dx_bytes path, size_t at) {
    edit_under_way edit;
    int error = begin_edit(transaction, key, path, (dx_bytes){NULL, 0}, true, &edit);
    if (error == DX_OK) {
        error = dx_object_editor_remove(&transaction->editor, at, take_edit, &edit);
    }
    return end_edit(transaction, error);
}

int dx_transaction_reorder(dx_transaction *transaction, int64_t key, dx_bytes path, size_t from, size_t to) {
    edit_under_way edit;
    uint8_t id[DX_ITEM_ID_SIZE];
    int error = begin_edit(transaction, key, path, (dx_bytes){NULL, 0}, true, &edit);
    if (error == DX_OK) {
        error = make_item_id(transaction, id);
    }
    if (error == DX_OK) {
        size_t last = transaction->editor.item_count == 0 ? 0 : transaction->editor.item_count - 1;
        to = to == DX_AT_END ? last : to;
        error = dx_object_editor_move(&transaction->editor, from, to, id, take_edit, &edit);
    }
    return end_edit(transaction, error);
}

int dx_transaction_include(dx_transaction *transaction, int64_t key, dx_bytes path, dx_bytes value, bool in) {
    edit_under_way edit;
    int error = value.size == 0 ? DX_E_INVALID : begin_edit(transaction, key, path, value, false, &edit);
    if (error == DX_OK) {
        error = dx_object_editor_include(&transaction->editor, value, in, take_edit, &edit);
    }
    return end_edit(transaction, error);
}

int dx_transaction_increment(dx_transaction *transaction, int64_t key, dx_bytes path, int64_t by) {
    edit_under_way edit;
    int error = begin_edit(transaction, key, path, (dx_bytes){NULL, 0}, false, &edit);
    if (error == DX_OK) {
        error = dx_object_editor_add(&transaction->editor, by, take_edit, &edit);
    }
    return end_edit(transaction, error);
}

int dx_transaction_edit(dx_transaction *transaction, int64_t key, dx_bytes path, uint32_t kind,
                        dx_bytes element, dx_bytes payload) {
    edit_under_way edit;
    const dx_bytes value = payload.size == 0 ? (dx_bytes){NULL, 0} : payload;
    int error = check_edit(transaction, key, path, value, &edit);
    transaction->edited_key = 0; /* the editor has not seen it */
    return error == DX_OK ? take_edit(&edit, kind, element, payload, false) : error;
}

/* --- Looking --------------------------------------------------------------------------------- */

int dx_transaction_view(dx_transaction *transaction, int64_t key, dx_writer *out) {
    dx_alloc scratch = dx_space_scratch(transaction->space);
    dx_touched_entity *entry;
    dx_stamp created;
    void *state;
    int error = dx_transaction_touch(transaction, key, &entry);
    if (error == DX_OK) {
        error = make_state(transaction, entry, &scratch, &created, &state);
    }
    if (error == DX_OK) {
        error = dx_object_model.view(state, out);
        dx_object_model.destroy(&scratch, state);
    }
    dx_arena_reset(&transaction->space->arena);
    return error;
}
