/* echo/mutation.c: what a person does becomes blocks of the own data feed.
 *
 * Layer: floor 1, echo. Contract in mutation.h, section form in section.h. A transaction fills one part
 * (part.h), a future block, at a time; a closed part is only bytes. Everything is checked when it is added,
 * by the rules that replicas apply. */
#include "echo/mutation.h"

#include <string.h>

#include "echo/base.h"
#include "echo/entity_row.h"
#include "echo/hierarchy.h"
#include "echo/name.h"
#include "echo/own_feed.h"
#include "echo/part.h"
#include "echo/pipeline.h"
#include "echo/reduce.h"
#include "model/object_editor.h"
#include "model/object_operation.h"

enum {
    DEPENDENCY_SIZE = 48, /* one encoded entry of a block's header */
    HEADER_FRAME_SIZE = 128,
    TABLE_SIZE_MIN = 64 /* slots; a power of two */
};

/* What the transaction knows of an entity that it changes. */
typedef struct touched_entity {
    int64_t key;               /* 0: free slot */
    size_t part;               /* the part that `at` belongs to */
    size_t at;                 /* place in that part's list of changed entities; NOT_CHANGED */
    size_t size;               /* of its state, and of what this transaction adds to it */
    const dx_model *model;     /* NULL: not known to this program */
    bool applied;              /* this transaction asked something of its model */
    bool deleted, link, fresh; /* fresh: this transaction made it; whether a link, its section says */
} touched_entity;

#define NOT_CHANGED SIZE_MAX

struct dx_transaction {
    dx_context *context;
    dx_space *space;
    int64_t feed;    /* local number of the own data feed */
    uint64_t base;   /* its length at the beginning */
    size_t part_max; /* size of a part */
    dx_part part;
    size_t closed; /* number of parts that are bytes */
    struct {
        size_t sections, created;
    } parts[DX_TRANSACTION_BLOCKS_MAX];
    dx_buf sections; /* of the closed parts, as dx_part_write leaves them */
    touched_entity *table;
    size_t table_size, table_count;
    dx_stamp stamp; /* of the first part's block; each one after it has one more */
    /* The path that was edited last, as it now stands, so that many edits in a row read it once. */
    dx_object_editor editor;
    int64_t edited_key; /* 0: none */
    dx_buf edited_path;
    uint32_t items; /* made by edits in the open part: the number in an item's id */
};

/* --- Life ------------------------------------------------------------------------------------ */

int dx_transaction_begin(dx_context *context, dx_space *space, dx_transaction **out) {
    *out = NULL;
    int error = dx_space_make_data_feed(context, space);
    if (error != DX_OK) {
        return error;
    }
    const dx_feed *feed = space->own_data == 0 ? NULL : dx_space_feed(space, space->own_data);
    if (feed == NULL || !feed->own || feed->frozen ||
        dx_control_authorize(space->control, feed->id) != DX_OK) {
        return DX_E_DENIED;
    }
    if (space->base->stage == DX_EPOCH_UNPACKING) {
        return DX_E_STATE; /* rows are being made of what was loaded, soon */
    }
    uint8_t key[DX_KEY_SIZE];
    error = dx_space_key(context, space, space->key_epoch, key);
    dx_wipe(key, sizeof key);
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_E_STATE : error;
    }
    DX_ASSERT(feed->applied == feed->length);
    dx_transaction *transaction = dx_alloc_take_zeroed(context->alloc, sizeof *transaction);
    if (transaction == NULL) {
        return DX_E_NO_MEMORY;
    }
    transaction->context = context;
    transaction->space = space;
    transaction->feed = feed->local;
    transaction->base = feed->length;
    transaction->part_max = DX_BLOCK_SIZE_MAX - HEADER_FRAME_SIZE - DEPENDENCY_SIZE * space->feed_count;
    dx_part_init(&transaction->part, context->alloc, DX_TRANSACTION_SIZE_MAX);
    dx_buf_init(&transaction->sections, context->alloc, DX_TRANSACTION_SIZE_MAX);
    dx_object_editor_init(&transaction->editor, context->alloc);
    dx_buf_init(&transaction->edited_path, context->alloc, DX_OBJECT_PATH_SIZE_MAX);
    *out = transaction;
    return DX_OK;
}

void dx_transaction_abort(dx_transaction *transaction) {
    const dx_alloc *alloc = transaction->context->alloc;
    dx_part_deinit(&transaction->part);
    dx_buf_deinit(&transaction->sections);
    dx_buf_deinit(&transaction->edited_path);
    dx_object_editor_deinit(&transaction->editor);
    dx_alloc_free(alloc, transaction->table, transaction->table_size * sizeof *transaction->table);
    dx_alloc_free(alloc, transaction, sizeof *transaction);
}

/* --- Parts ----------------------------------------------------------------------------------- */

static int close_part(dx_transaction *transaction) {
    if (transaction->part.created.count + transaction->part.changed.count == 0) {
        return DX_OK;
    }
    if (transaction->closed == DX_TRANSACTION_BLOCKS_MAX) {
        return DX_E_LIMIT;
    }
    size_t written;
    int error =
        dx_part_write(&transaction->part, &transaction->space->state, &transaction->sections, &written);
    if (error != DX_OK) {
        return error;
    }
    if (written != 0) {
        transaction->parts[transaction->closed].sections = written;
        transaction->parts[transaction->closed].created = transaction->part.created.count;
        transaction->closed++;
    }
    dx_part_clear(&transaction->part);
    transaction->items = 0;
    return DX_OK;
}

/* Makes room for one more section with this content, in the next part if need be. DX_E_LIMIT: it fits in
 * none. */
static int reserve_section(dx_transaction *transaction, size_t content_size) {
    const dx_part *part = &transaction->part;
    size_t size = dx_part_section_size(content_size);
    if (content_size > transaction->part_max || size > transaction->part_max) {
        return DX_E_LIMIT;
    }
    bool full = part->size + size > transaction->part_max ||
                part->created.count + part->changed.count == DX_BLOCK_SECTIONS_MAX;
    return full ? close_part(transaction) : DX_OK;
}

/* --- Places ---------------------------------------------------------------------------------- */

/* How the open part names a key whose feed is known. */
static dx_place place_of(const dx_transaction *transaction, int64_t key) {
    dx_place place = {.form = DX_PLACE_NONE};
    if (key == 0) {
        return place;
    }
    int64_t local = dx_entity_key_feed(key);
    place.seq = dx_entity_key_seq(key);
    place.index = dx_entity_key_index(key);
    if (local != transaction->feed) {
        const dx_feed *feed = dx_space_feed(transaction->space, local);
        DX_ASSERT(feed != NULL);
        place.form = DX_PLACE_FEED;
        memcpy(place.feed, feed->id, sizeof place.feed);
    } else if (place.seq == transaction->base + transaction->closed) {
        place.form = DX_PLACE_BLOCK;
        place.seq = 0;
    } else {
        place.form = DX_PLACE_OWN;
    }
    return place;
}

/* Whether this transaction made the key. */
static bool is_created_here(const dx_transaction *transaction, int64_t key) {
    uint64_t seq = dx_entity_key_seq(key);
    if (dx_entity_key_feed(key) != transaction->feed || seq < transaction->base ||
        seq > transaction->base + transaction->closed) {
        return false;
    }
    size_t part = (size_t)(seq - transaction->base);
    size_t created =
        part == transaction->closed ? transaction->part.created.count : transaction->parts[part].created;
    return dx_entity_key_index(key) < created;
}

/* DX_E_NOT_FOUND unless an entity of this space stands at the key; DX_E_STATE: it was loaded, and what else belongs to its
 * state is still to come. */
static int check_exists(const dx_transaction *transaction, int64_t key) {
    if (is_created_here(transaction, key)) {
        return DX_OK;
    }
    const dx_feed *maker = key <= 0 ? NULL : dx_space_feed(transaction->space, dx_entity_key_feed(key));
    if (maker == NULL) {
        return DX_E_NOT_FOUND;
    }
    int error = dx_entity_row_find(transaction->context, transaction->space, key);
    bool declared = maker->local == transaction->feed || dx_entity_key_seq(key) < maker->applied ||
                    dx_entity_key_seq(key) < maker->kept;
    return error == DX_OK && !declared ? DX_E_STATE : error;
}

/* --- What was touched ------------------------------------------------------------------------ */

/* The slot of a key, or the free one where it belongs. The order of slots reaches nothing. */
static touched_entity *find_slot(touched_entity *table, size_t size, int64_t key) {
    size_t at = (size_t)((uint64_t)key * UINT64_C(0x9e3779b97f4a7c15) >> 32) & (size - 1);
    while (table[at].key != 0 && table[at].key != key) {
        at = (at + 1) & (size - 1);
    }
    return &table[at];
}

static int grow_table(dx_transaction *transaction) {
    const dx_alloc *alloc = transaction->context->alloc;
    size_t size = transaction->table_size == 0 ? TABLE_SIZE_MIN : 2 * transaction->table_size;
    touched_entity *table = dx_alloc_take_zeroed(alloc, size * sizeof *table);
    if (table == NULL) {
        return DX_E_NO_MEMORY;
    }
    for (size_t i = 0; i < transaction->table_size; i++) {
        const touched_entity *entry = &transaction->table[i];
        if (entry->key != 0) {
            *find_slot(table, size, entry->key) = *entry;
        }
    }
    dx_alloc_free(alloc, transaction->table, transaction->table_size * sizeof *table);
    transaction->table = table;
    transaction->table_size = size;
    return DX_OK;
}

/* DX_E_DENIED: it is another device's own word. */
static int check_author(const dx_transaction *transaction, int64_t key, int64_t type_id) {
    dx_space *space = transaction->space;
    dx_type *type;
    int error = dx_type_read(transaction->context, space, type_id, &type);
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
    }
    const dx_feed *maker = dx_space_feed(space, dx_entity_key_feed(key));
    return dx_name_may_change(type, maker, dx_space_feed(space, transaction->feed)) ? DX_OK : DX_E_DENIED;
}

/* DX_E_NOT_FOUND; DX_E_DENIED. */
static int read_touched(const dx_transaction *transaction, int64_t key, touched_entity *out) {
    *out = (touched_entity){.key = key, .at = NOT_CHANGED, .model = &dx_object_model};
    if (is_created_here(transaction, key)) {
        out->fresh = true;
        return DX_OK;
    }
    if (key <= 0) {
        return DX_E_NOT_FOUND;
    }
    dx_entity entity;
    int error = dx_entity_row_hold(transaction->context, transaction->space, key);
    error = error == DX_OK ? dx_entity_read(transaction->context, transaction->space, key, &entity) : error;
    if (error != DX_OK) {
        return error;
    }
    out->deleted = entity.deleted;
    out->link = entity.kind == DX_ENTITY_LINK;
    out->size = entity.state.size;
    out->model = entity.model;
    return check_author(transaction, key, entity.type_id);
}

/* The entry of an entity; dies with the next call. */
static int touch(dx_transaction *transaction, int64_t key, touched_entity **out) {
    if (2 * (transaction->table_count + 1) > transaction->table_size) {
        int error = grow_table(transaction);
        if (error != DX_OK) {
            return error;
        }
    }
    touched_entity *entry = find_slot(transaction->table, transaction->table_size, key);
    if (entry->key != key || key == 0) {
        touched_entity fresh;
        int error = read_touched(transaction, key, &fresh);
        if (error != DX_OK) {
            return error;
        }
        *entry = fresh;
        transaction->table_count++;
    }
    *out = entry;
    return DX_OK;
}

/* What the open part does to the entity, begun when it is new to the part. */
static int open_entity(dx_transaction *transaction, touched_entity *entry, dx_part_entity **out) {
    dx_place place = place_of(transaction, entry->key);
    if (place.form == DX_PLACE_BLOCK) {
        *out = &transaction->part.created.items[place.index];
        return DX_OK;
    }
    if (entry->at == NOT_CHANGED || entry->part != transaction->closed) {
        size_t at;
        int error = dx_part_change(&transaction->part, &place, &at);
        if (error != DX_OK) {
            return error;
        }
        entry->at = at;
        entry->part = transaction->closed;
    }
    *out = &transaction->part.changed.items[entry->at];
    return DX_OK;
}

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
        error = places[i] == 0 ? DX_OK : check_exists(transaction, places[i]);
    }
    if (error == DX_OK) {
        error =
            reserve_section(transaction, section->type.size + section->model.size + section->operation.size);
    }
    if (error != DX_OK) {
        return error;
    }
    section->creates = true;
    section->parent = place_of(transaction, places[0]);
    section->source = place_of(transaction, places[1]);
    section->target = place_of(transaction, places[2]);
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
    touched_entity *entry;
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
        error = touch(transaction, *key, &entry);
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
    touched_entity *entry;
    int error = check_provenance(transaction, model_name, provenance);
    if (error == DX_OK) {
        error = add_entity(transaction, &section, (dx_bytes){NULL, 0}, (int64_t[]){parent, 0, 0}, key);
    }
    error = error == DX_OK ? touch(transaction, *key, &entry) : error;
    if (error == DX_OK) {
        entry->model = dx_model_find(transaction->context->models, model_name);
    }
    return error;
}

/* DX_OK for an object of another model that this transaction has asked nothing of. */
static int begin_operation(dx_transaction *transaction, int64_t key, touched_entity **out) {
    int error = touch(transaction, key, out);
    if (error != DX_OK) {
        return error;
    }
    const touched_entity *entry = *out;
    if (entry->model == NULL || entry->model == &dx_object_model) {
        return DX_E_UNSUPPORTED;
    }
    return entry->deleted ? DX_E_STATE : entry->fresh || entry->applied ? DX_E_CONFLICT : DX_OK;
}

static int write_operation(dx_transaction *transaction, touched_entity *entry, dx_bytes operation) {
    dx_part_entity *entity = NULL;
    int error = entry->size + operation.size > DX_OBJECT_WRITTEN_SIZE_MAX ? DX_E_LIMIT : DX_OK;
    if (error == DX_OK) {
        error = reserve_section(transaction, operation.size);
    }
    if (error == DX_OK) {
        error = open_entity(transaction, entry, &entity);
    }
    error = error == DX_OK ? dx_part_operate(&transaction->part, entity, operation) : error;
    entry->applied = error == DX_OK;
    return error;
}

int dx_transaction_apply(dx_transaction *transaction, int64_t key, dx_bytes request) {
    touched_entity *entry;
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
    touched_entity *entry;
    int error = begin_operation(transaction, key, &entry);
    return error == DX_OK ? write_operation(transaction, entry, operation) : error;
}

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
    touched_entity *entry;
    int error = touch(transaction, key, &entry);
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
        error = reserve_section(transaction, path.size + value.size);
    }
    for (;;) {
        dx_part_entity *entity;
        if (error == DX_OK) {
            error = open_entity(transaction, entry, &entity);
        }
        if (error == DX_OK) {
            error = dx_part_set_path(&transaction->part, entity, path, value);
        }
        if (error != DX_E_CONFLICT) {
            return error;
        }
        error = close_part(transaction); /* a fresh part has no conflict */
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

static int apply_open(dx_transaction *transaction, const touched_entity *entry, void *state) {
    dx_place place = place_of(transaction, entry->key);
    dx_stamp stamp = stamp_of_part(transaction, transaction->closed);
    dx_buf *operation = &transaction->space->plain;
    const dx_part_entity *entity = NULL;
    if (place.form == DX_PLACE_BLOCK) {
        entity = &transaction->part.created.items[place.index];
    } else if (entry->at != NOT_CHANGED && entry->part == transaction->closed) {
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
static int make_state(dx_transaction *transaction, const touched_entity *entry, const dx_alloc *scratch,
                      dx_stamp *created, void **out) {
    dx_space *space = transaction->space;
    dx_entity entity = {.state = {NULL, 0}};
    int error = DX_OK;
    if (transaction->stamp.counter == 0) {
        error = dx_pipeline_next_stamp(transaction->context, space, transaction->feed, &transaction->stamp);
    }
    if (error == DX_OK && is_created_here(transaction, entry->key)) {
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
    if (error == DX_OK && (entry->at != NOT_CHANGED || is_created_here(transaction, entry->key))) {
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
static int write_state(dx_transaction *transaction, const touched_entity *entry, dx_stamp *created) {
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
static int open_editor(dx_transaction *transaction, const touched_entity *entry, dx_bytes path, bool items) {
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
    touched_entity *entry;
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
        error = reserve_section(transaction, size);
    }
    for (;;) {
        dx_part_entity *entity;
        if (error == DX_OK) {
            error = open_entity(transaction, self->entry, &entity);
        }
        if (error == DX_OK) {
            error = dx_part_edit_path(&transaction->part, entity, &alone, fresh);
        }
        if (error != DX_E_CONFLICT) {
            return error;
        }
        error = close_part(transaction); /* a fresh part has no conflict */
    }
}

/* Checks the path and the value (data NULL: the edit has none). */
static int check_edit(dx_transaction *transaction, int64_t key, dx_bytes path, dx_bytes value,
                      edit_under_way *edit) {
    *edit = (edit_under_way){.transaction = transaction, .path = path};
    if (dx_object_path_check(path) == 0 || (value.data != NULL && dx_item_check(value) != DX_OK)) {
        return DX_E_INVALID;
    }
    int error = touch(transaction, key, &edit->entry);
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
        int error = close_part(transaction);
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

/* --- Life of entities ------------------------------------------------------------------------- */

/* What is so already needs no section, unless this part has said otherwise before. */
static int change_life(dx_transaction *transaction, int64_t key, bool deleted) {
    touched_entity *entry;
    int error = touch(transaction, key, &entry);
    if (error != DX_OK || entry->deleted == deleted) {
        return error;
    }
    error = reserve_section(transaction, 0);
    dx_part_entity *entity = NULL;
    if (error == DX_OK) {
        error = open_entity(transaction, entry, &entity);
    }
    if (error == DX_OK) {
        dx_section_life back = deleted ? DX_LIFE_RESTORE : DX_LIFE_DELETE;
        bool taken_back = entity->section.life == back;
        entity->section.life = taken_back ? DX_LIFE_KEEP : deleted ? DX_LIFE_DELETE : DX_LIFE_RESTORE;
        entry->deleted = deleted;
    }
    return error;
}

int dx_transaction_delete(dx_transaction *transaction, int64_t key) {
    return change_life(transaction, key, true);
}

int dx_transaction_restore(dx_transaction *transaction, int64_t key) {
    return change_life(transaction, key, false);
}

/* DX_E_INVALID, DX_E_STATE. Of what was made in an earlier block of this transaction nothing is at hand. */
static int check_movable(const dx_transaction *transaction, const touched_entity *entry) {
    dx_place place = place_of(transaction, entry->key);
    if (entry->fresh && place.form == DX_PLACE_BLOCK) {
        const dx_section *section = &transaction->part.created.items[place.index].section;
        return section->kind == DX_ENTITY_OBJECT ? DX_OK : DX_E_INVALID;
    }
    return entry->link ? DX_E_INVALID : entry->deleted || entry->fresh ? DX_E_STATE : DX_OK;
}

static int write_move(dx_transaction *transaction, touched_entity *entry, int64_t parent) {
    dx_part_entity *entity = NULL;
    int error = reserve_section(transaction, 0);
    if (error == DX_OK) {
        error = open_entity(transaction, entry, &entity);
    }
    if (error == DX_OK && entity->section.creates) {
        entity->section.parent = place_of(transaction, parent);
    } else if (error == DX_OK) {
        entity->section.moves = true;
        entity->section.moved_to = place_of(transaction, parent);
    }
    return error;
}

/* Of the objects at and above the new parent, those whose latest move yielded are said to stand where they show:
 * else that move could come back by this one, close another circle, and this one would be the latest on it. */
static int confirm_above(dx_transaction *transaction, int64_t key) {
    int64_t yielded, parent;
    int error = dx_hierarchy_yielded_above(transaction->context, transaction->space, key, &yielded, &parent);
    while (error == DX_OK && yielded != 0) {
        touched_entity *entry;
        error = touch(transaction, yielded, &entry);
        if (error == DX_OK) {
            error = write_move(transaction, entry, parent);
        }
        error = error == DX_E_DENIED ? DX_OK : error; /* another's own word: it stays as it is */
        if (error == DX_OK) {
            error = dx_hierarchy_yielded_above(transaction->context, transaction->space, parent, &yielded,
                                               &parent);
        }
    }
    return error;
}

int dx_transaction_move(dx_transaction *transaction, int64_t key, int64_t parent) {
    touched_entity *entry;
    bool below = key == parent;
    int error = touch(transaction, key, &entry);
    if (error == DX_OK) {
        error = check_movable(transaction, entry);
    }
    if (error == DX_OK && parent != 0) {
        error = check_exists(transaction, parent);
    }
    if (error == DX_OK && !below) {
        error = dx_hierarchy_is_below(transaction->context, transaction->space, parent, key, &below);
    }
    if (error == DX_OK && below) {
        error = DX_E_CONFLICT;
    }
    if (error == DX_OK) {
        error = confirm_above(transaction, parent);
    }
    if (error == DX_OK) {
        error = touch(transaction, key, &entry); /* the table may have grown */
    }
    return error == DX_OK ? write_move(transaction, entry, parent) : error;
}

/* --- Looking --------------------------------------------------------------------------------- */

int dx_transaction_is_deleted(dx_transaction *transaction, int64_t key, bool *deleted) {
    touched_entity *entry;
    int error = touch(transaction, key, &entry);
    *deleted = error == DX_OK && entry->deleted;
    return error;
}

int dx_transaction_view(dx_transaction *transaction, int64_t key, dx_writer *out) {
    dx_alloc scratch = dx_space_scratch(transaction->space);
    touched_entity *entry;
    dx_stamp created;
    void *state;
    int error = touch(transaction, key, &entry);
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

/* --- Writing --------------------------------------------------------------------------------- */

/* Seals the part's sections, which begin at *at of the plaintext, into items. */
static int seal_part(dx_transaction *transaction, size_t part, const uint8_t key[static DX_KEY_SIZE],
                     size_t *at, dx_buf *items) {
    const dx_feed *feed = dx_space_feed(transaction->space, transaction->feed);
    dx_buf_clear(items);
    for (size_t index = 0; index < transaction->parts[part].sections; index++) {
        uint32_t size;
        memcpy(&size, transaction->sections.data + *at, sizeof size);
        dx_bytes plaintext = dx_bytes_of(transaction->sections.data + *at + sizeof size, size);
        int error = dx_section_seal(key, feed->id, feed->length, index, plaintext, items);
        if (error != DX_OK) {
            return error;
        }
        *at += sizeof size + size;
    }
    return DX_OK;
}

static int write_blocks(dx_transaction *transaction, const uint8_t key[static DX_KEY_SIZE], dx_buf *items) {
    size_t at = 0;
    for (size_t part = 0; part < transaction->closed; part++) {
        int error = seal_part(transaction, part, key, &at, items);
        if (error == DX_OK) {
            uint64_t flags = part + 1 < transaction->closed ? DX_BLOCK_CONTINUES : 0;
            error = dx_pipeline_append(transaction->context, transaction->space, transaction->feed, flags,
                                       dx_buf_view(items), transaction->parts[part].sections, part == 0);
        }
        if (error != DX_OK) {
            return error;
        }
    }
    return DX_OK;
}

static int commit(dx_transaction *transaction) {
    dx_context *context = transaction->context;
    dx_space *space = transaction->space;
    int error = close_part(transaction);
    if (error != DX_OK || transaction->closed == 0) {
        return error;
    }
    DX_ASSERT(dx_space_feed(space, transaction->feed)->length == transaction->base);
    uint8_t key[DX_KEY_SIZE];
    dx_buf items;
    dx_buf_init(&items, context->alloc, DX_BLOCK_SIZE_MAX);
    error = dx_space_key(context, space, space->key_epoch, key);
    if (error == DX_OK) {
        error = write_blocks(transaction, key, &items);
    }
    dx_wipe(key, sizeof key);
    dx_buf_deinit(&items);
    dx_spoken spoken = {.sections = dx_buf_view(&transaction->sections), .seq = transaction->base};
    return error != DX_OK ? error : dx_pipeline_settle_spoken(context, space, transaction->feed, &spoken);
}

int dx_transaction_commit(dx_transaction *transaction) {
    int error = commit(transaction);
    dx_transaction_abort(transaction);
    return error;
}
