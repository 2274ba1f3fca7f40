/* echo/reduce.c: one opened section becomes rows.
 *
 * Layer: floor 1, echo. Contract in reduce.h, rules in docs/spec/entities.md. A created entity is one insert
 * and no read; its state is made by the model once, in scratch memory. Rows are read and written through entity_row.h. A row whose model is not known here
 * holds the list of its operations instead of a state; its model number is then negative. Those whose model wants
 * them in order are in ordered.h. */
#include "echo/reduce.h"

#include <string.h>

#include "echo/entity_row.h"
#include "echo/floor.h"
#include "echo/hidden.h"
#include "echo/hierarchy.h"
#include "echo/name.h"
#include "echo/ordered.h"
#include "echo/snapshot_item.h"
#include "echo/space_scope.h"
#include "echo/withdraw.h"
#include "feed/hole.h"
#include "model/object_amend.h"

/* --- Scratch memory -------------------------------------------------------------------------- */

static void *resize_in_arena(void *ctx, void *old, size_t old_size, size_t new_size) {
    if (new_size == 0) {
        return NULL;
    }
    if (old != NULL && new_size <= old_size) {
        return old;
    }
    void *block = dx_arena_take(ctx, new_size);
    if (block != NULL && old != NULL) {
        memcpy(block, old, old_size);
    }
    return block;
}

dx_alloc dx_space_scratch(dx_space *space) {
    return (dx_alloc){.ctx = &space->arena, .resize = resize_in_arena};
}

/* --- Places ---------------------------------------------------------------------------------- */

/* The key of a place, 0 for none. DX_E_INVALID: the block has not declared to have seen it, so whether it is
 * here must not matter. */
static int resolve_place(const dx_reduction *reduction, const dx_place *place, int64_t *key) {
    *key = 0;
    const dx_feed *feed = reduction->feed;
    switch (place->form) {
    case DX_PLACE_NONE:
        return DX_OK;
    case DX_PLACE_BLOCK:
        *key = dx_entity_key(feed->local, reduction->seq, place->index);
        return DX_OK;
    case DX_PLACE_OWN:
        if (place->seq >= reduction->seq) {
            return DX_E_INVALID;
        }
        break;
    case DX_PLACE_FEED:
        feed = dx_space_feed_by_prefix(reduction->space, place->feed);
        if (feed == NULL || feed->identity.feed_class != DX_FEED_DATA ||
            (reduction->timeframe != NULL &&
             place->seq >= dx_timeframe_get(reduction->timeframe, feed->local))) {
            return DX_E_INVALID;
        }
    }
    *key = dx_entity_key(feed->local, place->seq, place->index);
    return DX_OK;
}

/* What a section names, as keys. */
typedef struct section_keys {
    int64_t subject; /* the entity it makes or changes */
    int64_t parent;  /* of what it makes, or where it moves */
    int64_t source, target;
} section_keys;

static int resolve_created(const dx_reduction *reduction, uint64_t index, const dx_section *section,
                           section_keys *keys) {
    keys->subject = dx_entity_key(reduction->feed->local, reduction->seq, index);
    bool resolved = resolve_place(reduction, &section->parent, &keys->parent) == DX_OK &&
                    resolve_place(reduction, &section->source, &keys->source) == DX_OK &&
                    resolve_place(reduction, &section->target, &keys->target) == DX_OK;
    return resolved ? DX_OK : DX_E_INVALID;
}

static int resolve_changed(dx_reduction *reduction, const dx_section *section, section_keys *keys) {
    if (resolve_place(reduction, &section->subject, &keys->subject) != DX_OK ||
        (reduction->has_subject && dx_place_compare(&reduction->subject, &section->subject) >= 0)) {
        return DX_E_INVALID;
    }
    reduction->subject = section->subject;
    reduction->has_subject = true;
    return section->moves ? resolve_place(reduction, &section->moved_to, &keys->parent) : DX_OK;
}

/* DX_E_INVALID: a block may not say this, whatever is here. */
static int resolve_section(dx_reduction *reduction, uint64_t index, const dx_section *section,
                           section_keys *keys) {
    *keys = (section_keys){0};
    return section->creates ? resolve_created(reduction, index, section, keys)
                            : resolve_changed(reduction, section, keys);
}

int dx_reduce_resolve(dx_reduction *reduction, uint64_t index, const dx_section *section, int64_t *key) {
    section_keys keys;
    int error = resolve_section(reduction, index, section, &keys);
    *key = keys.subject;
    return error;
}

/* --- States ---------------------------------------------------------------------------------- */

/* A row's way to its state: the model's number (negative: a list of operations), its vtable, when and where it was
 * made, and what the column holds. */
typedef struct stored_state {
    int64_t model_id;
    const dx_model *model;
    dx_provenance provenance;
    dx_bytes saved;
} stored_state;

/* Beside the table there are no steps to go back to. */
static bool keeps_list(const dx_reduction *reduction, const dx_model *model) {
    const dx_aside *aside = reduction->aside;
    return model == NULL ||
           (aside != NULL && (model->kind == DX_MODEL_ORDERED ||
                              (aside->lists && !dx_snapshot_keeps_state(dx_bytes_text(model->name)))));
}

typedef struct listed_operation {
    dx_stamp stamp;
    dx_bytes operation;
} listed_operation;

static void read_listed(dx_reader *in, listed_operation *out) {
    if (dx_read_array(in) != 3) {
        dx_reader_fail(in);
    }
    out->stamp.counter = dx_read_uint(in);
    dx_read_bytes_exact(in, out->stamp.feed, sizeof out->stamp.feed);
    out->operation = dx_read_item(in);
}

static void write_listed(dx_writer *out, const dx_stamp *stamp, dx_bytes operation) {
    dx_write_array(out, 3);
    dx_write_uint(out, stamp->counter);
    dx_write_bytes(out, dx_bytes_of(stamp->feed, sizeof stamp->feed));
    dx_write_item(out, operation);
}

/* Copies the list with the operation in its place by stamp. */
static int add_to_list(dx_bytes saved, const dx_stamp *stamp, dx_bytes operation, dx_buf *out) {
    dx_reader in;
    dx_writer writer;
    size_t count = 0;
    bool placed = false;
    dx_writer_init(&writer, out);
    dx_reader_init(&in, saved);
    if (saved.size != 0) {
        count = dx_read_array(&in);
    }
    dx_write_array(&writer, count + 1);
    for (size_t i = 0; i < count && in.error == DX_OK; i++) {
        listed_operation listed;
        read_listed(&in, &listed);
        if (!placed && dx_stamp_compare(stamp, &listed.stamp) < 0) {
            write_listed(&writer, stamp, operation);
            placed = true;
        }
        write_listed(&writer, &listed.stamp, listed.operation);
    }
    if (dx_reader_finish(&in) != DX_OK) {
        return DX_E_CORRUPT;
    }
    if (!placed) {
        write_listed(&writer, stamp, operation);
    }
    return dx_writer_finish(&writer);
}

/* Applies the list in its order; an operation the model refuses is passed over, as it is when it comes alone.
 * *applied counts the others. */
static int apply_list(const dx_model *model, const dx_provenance *provenance, void *state, dx_bytes saved,
                      size_t *applied) {
    dx_reader in;
    dx_reader_init(&in, saved);
    *applied = 0;
    size_t count = saved.size == 0 ? 0 : dx_read_array(&in);
    for (size_t i = 0; i < count && in.error == DX_OK; i++) {
        listed_operation listed;
        read_listed(&in, &listed);
        int error = in.error == DX_OK
                        ? dx_provenance_apply(provenance, model, state, listed.operation, &listed.stamp)
                        : DX_OK;
        if (error != DX_OK && error != DX_E_MALFORMED && error != DX_E_LIMIT) {
            return error;
        }
        *applied += error == DX_OK;
    }
    return dx_reader_finish(&in) == DX_OK ? DX_OK : DX_E_CORRUPT;
}

int dx_reduce_listed(dx_context *context, dx_space *space, const dx_model *model,
                     const dx_provenance *provenance, dx_bytes listed, dx_buf *out) {
    (void)context;
    dx_alloc scratch = dx_space_scratch(space);
    void *state = model->create(&scratch, &provenance->created);
    size_t applied = 0;
    int error = state == NULL ? DX_E_NO_MEMORY : apply_list(model, provenance, state, listed, &applied);
    if (error == DX_OK && applied != 0) {
        error = model->save(state, out);
    }
    if (state != NULL) {
        model->destroy(&scratch, state);
    }
    dx_arena_reset(&space->arena);
    return error;
}

/* A list from when the model was not known becomes steps first. */
static int operate_in_order(dx_reduction *reduction, int64_t key, const stored_state *stored,
                            dx_bytes operation, int *refusal) {
    static const dx_stamp beginning = {.counter = 0};
    dx_context *context = reduction->context;
    dx_buf *out = &reduction->space->state;
    dx_reader in;
    dx_entity_rows_hurry(reduction->space); /* steps have a table of their own */
    if (stored->model_id > 0) {
        return dx_ordered_operate(context, key, stored->model, &stored->provenance, stored->saved,
                                  &reduction->stamp, operation, out, refusal);
    }
    dx_reader_init(&in, stored->saved);
    size_t count = stored->saved.size == 0 ? 0 : dx_read_array(&in);
    int error = dx_ordered_keep(context, key, &reduction->stamp, operation);
    for (size_t i = 0; i < count && in.error == DX_OK && error == DX_OK; i++) {
        listed_operation listed;
        read_listed(&in, &listed);
        error = in.error == DX_OK ? dx_ordered_keep(context, key, &listed.stamp, listed.operation) : DX_OK;
    }
    if (error == DX_OK && stored->saved.size != 0 && dx_reader_finish(&in) != DX_OK) {
        error = DX_E_CORRUPT;
    }
    return error != DX_OK
               ? error
               : dx_ordered_make(context, key, stored->model, &stored->provenance, &beginning, out);
}

/* By way of a state in memory. */
static int operate_by_model(dx_reduction *reduction, stored_state *stored, dx_bytes operation) {
    dx_space *space = reduction->space;
    const dx_model *model = stored->model;
    dx_alloc scratch = dx_space_scratch(space);
    void *state = model->create(&scratch, &stored->provenance.created);
    int error = state == NULL ? DX_E_NO_MEMORY : DX_OK;
    if (error == DX_OK && stored->model_id < 0) {
#if defined(DX_PLANT) && DX_PLANT == 76
        stored->saved = dx_bytes_of(NULL, 0);
#endif
        size_t applied;
        error = apply_list(model, &stored->provenance, state, stored->saved, &applied);
    } else if (error == DX_OK && stored->saved.size != 0) {
        error = model->restore(state, stored->saved);
    }
    if (error == DX_OK) {
        error = dx_provenance_apply(&stored->provenance, model, state, operation, &reduction->stamp);
    }
    if (error == DX_OK) {
        error = model->save(state, &space->state);
    }
    if (state != NULL) {
        model->destroy(&scratch, state);
    }
    dx_arena_reset(&space->arena);
    return error;
}

/* By way of the saved bytes alone. DX_E_UNSUPPORTED: it takes a state. */
static int amend(const dx_reduction *reduction, const stored_state *stored, dx_bytes operation) {
    const dx_model *model = stored->model;
    const dx_provenance *provenance = &stored->provenance;
    dx_buf *out = &reduction->space->state;
    if (model == &dx_object_model) {
        return dx_object_amend(&provenance->made, stored->saved, operation, &reduction->stamp, out);
    }
    return model->amend == NULL || provenance->floor != 0
               ? DX_E_UNSUPPORTED
               : model->amend(reduction->context->alloc, &provenance->created, stored->saved, operation,
                              &reduction->stamp, out);
}

/* Makes the state with one more operation in space->state and points stored->saved at it. *refusal: the model
 * does not take it. */
static int operate(dx_reduction *reduction, int64_t key, stored_state *stored, dx_bytes operation,
                   int *refusal) {
    dx_space *space = reduction->space;
    const dx_model *model = stored->model;
    int error;
    dx_buf_clear(&space->state);
    if (model != NULL && model->kind == DX_MODEL_ORDERED && reduction->aside == NULL) {
        error = operate_in_order(reduction, key, stored, operation, refusal);
    } else if (keeps_list(reduction, model)) {
        error = add_to_list(stored->saved, &reduction->stamp, operation, &space->state);
    } else {
        error = stored->model_id > 0 ? amend(reduction, stored, operation) : DX_E_UNSUPPORTED;
        error = error == DX_E_UNSUPPORTED ? operate_by_model(reduction, stored, operation) : error;
    }
    if (error == DX_E_MALFORMED || error == DX_E_LIMIT || error == DX_E_CORRUPT) {
        *refusal = error;
        return DX_OK;
    }
    stored->saved = dx_buf_view(&space->state);
    int64_t number = stored->model_id < 0 ? -stored->model_id : stored->model_id;
    stored->model_id = keeps_list(reduction, model) ? -number : number;
    return error;
}

/* --- Rows ------------------------------------------------------------------------------------ */

static int find_row(const dx_reduction *reduction, int64_t key, dx_entity_row *out) {
    const dx_aside *aside = reduction->aside;
    if (aside == NULL) {
        return dx_entity_row_read(reduction->context, reduction->space, key, out);
    }
    *out = aside->row;
    return aside->there && aside->row.key == key ? DX_OK : DX_E_NOT_FOUND;
}

static int set_aside(dx_aside *aside, const dx_entity_row *row) {
    if (row->state.data != aside->state->data || row->state.size != aside->state->size) {
        dx_buf_clear(aside->state);
        dx_buf_append(aside->state, row->state.data, row->state.size);
    }
    aside->row = *row;
    aside->row.state = dx_buf_view(aside->state);
    aside->there = true;
    return dx_buf_error(aside->state);
}

/* before: NULL when it is made. tells: it is a change that watchers hear of. said: by this operation alone; NULL: otherwise. */
static int put_row(const dx_reduction *reduction, const dx_entity_row *before, const dx_entity_row *after,
                   bool tells, const dx_said *said) {
    dx_context *context = reduction->context;
    if (reduction->aside != NULL) {
        return set_aside(reduction->aside, after);
    }
    int error = dx_entity_row_write(context, reduction->space, before, after);
    return error != DX_OK || !tells ? error
                                    : dx_changes_note(context, reduction->space, after, before == NULL, said);
}

/* The operations of a list become steps, and the state that follows from them is appended to out. */
static int make_steps(dx_context *context, int64_t key, const dx_model *model,
                      const dx_provenance *provenance, dx_bytes listed_bytes, dx_buf *out) {
    static const dx_stamp beginning = {.counter = 0};
    dx_reader in;
    dx_reader_init(&in, listed_bytes);
    size_t count = dx_read_array(&in);
    int error = DX_OK;
    for (size_t i = 0; i < count && in.error == DX_OK && error == DX_OK; i++) {
        listed_operation listed;
        read_listed(&in, &listed);
        error = in.error == DX_OK ? dx_ordered_keep(context, key, &listed.stamp, listed.operation) : DX_OK;
    }
    if (error == DX_OK && dx_reader_finish(&in) != DX_OK) {
        error = DX_E_CORRUPT;
    }
    return error != DX_OK ? error : dx_ordered_make(context, key, model, provenance, &beginning, out);
}

int dx_reduce_place(dx_context *context, dx_space *space, const dx_entity_row *row) {
    dx_entity_row placed = *row;
    dx_provenance provenance;
    dx_type *type;
    int error = dx_provenance_keep_listed(context, space, row);
    error = error == DX_OK ? dx_type_read(context, space, row->model < 0 ? -row->model : row->model, &type)
                           : error;
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
    }
    const dx_model *model = type->model;
    if (row->model < 0 && model != NULL) {
        placed.model = -row->model;
    }
    if (row->model < 0 && model != NULL && row->state.size != 0) {
        dx_buf_clear(&space->state);
        error = dx_provenance_find(context, space, row->key, (uint64_t)row->created, model, &provenance);
        if (error == DX_OK) {
            error = model->kind == DX_MODEL_ORDERED
                        ? make_steps(context, row->key, model, &provenance, row->state, &space->state)
                        : dx_reduce_listed(context, space, model, &provenance, row->state, &space->state);
        }
        placed.state = dx_buf_view(&space->state);
    }
    error = error == DX_OK ? dx_entity_row_write(context, space, NULL, &placed) : error;
    return error == DX_OK ? dx_hierarchy_restored(context, space, row->key) : error;
}

/* --- Creation -------------------------------------------------------------------------------- */

static void set_life(const dx_reduction *reduction, bool deleted, dx_entity_row *row) {
    row->deleted = deleted;
    row->has_life = true;
    row->life_counter = (int64_t)reduction->stamp.counter;
    row->life_feed = reduction->feed->local;
}

#if defined(DX_PLANT) && DX_PLANT == 75
static bool is_judged_well(const dx_reduction *reduction, int64_t key, const stored_state *stored,
                           dx_bytes type) {
    dx_entity entity = {.key = key,
                        .created = stored->provenance.made.counter,
                        .state = stored->saved,
                        .model = stored->model};
    dx_schema_fault fault;
    dx_writer writer;
    dx_buf view;
    int64_t by;
    dx_buf_init(&view, reduction->context->alloc, DX_STATE_SIZE_MAX);
    dx_writer_init(&writer, &view);
    int error = dx_entity_view(reduction->context, reduction->space, &entity, &writer);
    if (error == DX_OK) {
        error = dx_schemas_judge(reduction->context, reduction->space, type, dx_buf_view(&view), &fault, &by);
    }
    dx_buf_deinit(&view);
    return error != DX_E_INVALID;
}
#endif

/* It came from elsewhere. */
static int take_provenance(dx_reduction *reduction, int64_t key, dx_bytes operation, dx_provenance *out,
                           int *refusal) {
    dx_space *space = reduction->space;
    *refusal = dx_provenance_decode(operation, space->id, &reduction->stamp, out);
    if (*refusal != DX_OK || reduction->aside != NULL) {
        return DX_OK;
    }
    dx_entity_rows_hurry(space); /* it has a table of its own */
    return dx_provenance_keep(reduction->context, key, out);
}

static int create_entity(dx_reduction *reduction, uint64_t index, const dx_section *section, int *refusal) {
    section_keys keys;
    *refusal = resolve_section(reduction, index, section, &keys);
    if (*refusal != DX_OK) {
        return DX_OK;
    }
    dx_entity_row row = {.key = keys.subject,
                         .kind = (int64_t)section->kind,
                         .created = (int64_t)reduction->stamp.counter,
                         .parent = keys.parent,
                         .source = keys.source,
                         .target = keys.target};
    if (section->life != DX_LIFE_KEEP) {
        set_life(reduction, section->life == DX_LIFE_DELETE, &row);
    }
    dx_context *context = reduction->context;
    dx_space *space = reduction->space;
    dx_bytes model = section->model.size == 0 ? dx_bytes_text(dx_object_model.name) : section->model;
    dx_type *type;
    int error = dx_type_intern(context, space, DX_TYPE_MODEL, model, &type);
    if (error != DX_OK) {
        return error;
    }
    stored_state stored = {.model_id = keeps_list(reduction, type->model) ? -type->id : type->id,
                           .model = type->model,
                           .provenance = dx_provenance_none(&reduction->stamp)};
    if (section->operates && dx_provenance_is(model, section->operation)) {
        error = take_provenance(reduction, row.key, section->operation, &stored.provenance, refusal);
    }
    if (error != DX_OK) {
        return error;
    }
    if (section->operates && *refusal == DX_OK) {
        error = operate(reduction, row.key, &stored, section->operation, refusal);
        if (error != DX_OK) {
            return error;
        }
    }
#if defined(DX_PLANT) && DX_PLANT == 75
    if (stored.model == &dx_object_model && !is_judged_well(reduction, row.key, &stored, section->type)) {
        *refusal = DX_E_INVALID;
        return DX_OK;
    }
#endif
    error = dx_type_intern(context, space, section->kind == DX_ENTITY_LINK ? DX_TYPE_LINK : DX_TYPE_OBJECT,
                           section->type, &type);
    if (error != DX_OK) {
        return error;
    }
    row.type = type->id;
    row.model = stored.model_id;
    row.state = stored.saved;
    space->names_digested = space->names_digested && !dx_name_is_own_word(type);
    error = put_row(reduction, NULL, &row, true, NULL);
    if (error == DX_OK && row.parent != 0 && reduction->aside == NULL) {
        error = dx_hierarchy_created(context, space, row.key);
    }
    if (error == DX_OK && reduction->timeframe != NULL && reduction->aside == NULL) {
        error = dx_hidden_take(context, space, row.key, NULL, NULL); /* made again, it gets that last */
    }
    return error;
}

/* --- Mutation -------------------------------------------------------------------------------- */

typedef struct present_row {
    dx_entity_row before, after;
    dx_stamp life; /* of the deletion or restoration that holds, when before.has_life */
    stored_state stored;
} present_row;

/* DX_E_NOT_FOUND when nothing stands at the key. The state dies with the next call on a row. */
static int read_row(dx_reduction *reduction, int64_t key, present_row *row) {
    dx_context *context = reduction->context;
    dx_space *space = reduction->space;
    memset(row, 0, sizeof *row);
    int error = find_row(reduction, key, &row->before);
    if (error != DX_OK) {
        return error;
    }
    const dx_entity_row *before = &row->before;
    row->after = *before;
    row->stored = (stored_state){.model_id = before->model, .saved = before->state};
    row->life.counter = (uint64_t)before->life_counter;
    const dx_feed *creator = dx_space_feed(space, dx_entity_key_feed(key));
    const dx_feed *killer = before->has_life ? dx_space_feed(space, before->life_feed) : creator;
    if (creator == NULL || killer == NULL) {
        return DX_E_CORRUPT;
    }
    memcpy(row->life.feed, killer->id, sizeof row->life.feed);
    dx_type *type;
    error = dx_type_read(context, space, before->model < 0 ? -before->model : before->model, &type);
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
    }
    dx_stamp made = {.counter = (uint64_t)before->created};
    memcpy(made.feed, creator->id, sizeof made.feed);
    row->stored.model = type->model;
    row->stored.provenance = dx_provenance_none(&made);
    return type->model == NULL
               ? DX_OK
               : dx_provenance_find(context, space, key, made.counter, type->model, &row->stored.provenance);
}

/* The latest deletion or restoration by stamp holds. */
static void take_life(const dx_reduction *reduction, present_row *row, bool deleted, bool *changed) {
    bool has_life = row->before.has_life;
#if defined(DX_PLANT) && DX_PLANT == 18
    bool tie = has_life && reduction->stamp.counter == row->life.counter;
    if (has_life && dx_stamp_compare(&reduction->stamp, &row->life) * (tie ? -1 : 1) <= 0) {
        return;
    }
#else
    if (has_life && dx_stamp_compare(&reduction->stamp, &row->life) <= 0) {
        return;
    }
#endif
#if defined(DX_PLANT) && DX_PLANT == 7
    *changed = *changed || !deleted;
#else
    *changed = true;
#endif
    set_life(reduction, deleted, &row->after);
}

/* Notes that this section is about an entity which stands elsewhere, whether it is here or not. */
static int note_touch(const dx_reduction *reduction, int64_t key, uint64_t index) {
    return dx_entity_row_touch(reduction->context, reduction->space, key, reduction->stamp.counter,
                               reduction->feed, reduction->seq, index);
}

/* DX_E_NOT_FOUND: what stands at the key now is not what the author saw, who was shown another branch. */
static int check_branch(const dx_reduction *reduction, int64_t key) {
    const dx_feed *maker = dx_space_feed(reduction->space, dx_entity_key_feed(key));
    bool saw = true;
    int error = DX_OK;
    if (maker != NULL && maker != reduction->feed && dx_entity_key_seq(key) >= dx_feed_parting(maker)) {
        error =
            dx_floor_saw(reduction->context, reduction->space, maker, reduction->feed, reduction->seq, &saw);
    }
    return error != DX_OK ? error : saw ? DX_OK : DX_E_NOT_FOUND;
}

/* DX_E_DENIED: what stands there is another device's own word. */
static int check_author(const dx_reduction *reduction, const present_row *row) {
    dx_space *space = reduction->space;
    dx_type *type;
    int error = dx_type_read(reduction->context, space, row->before.type, &type);
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
    }
    space->names_digested = space->names_digested && !dx_name_is_own_word(type);
    const dx_feed *maker = dx_space_feed(space, dx_entity_key_feed(row->before.key));
    return dx_name_may_change(type, maker, reduction->feed) ? DX_OK : DX_E_DENIED;
}

/* A program that does not know the model goes on with a state that one made which does: the operations behind it are
 * in the blocks, and become the list that this one keeps. The block being applied waits beside. */
static int make_list(dx_reduction *reduction, present_row *row) {
    dx_space *space = reduction->space;
    dx_buf block = space->block, plain = space->plain;
    int64_t key = row->before.key;
    dx_buf_init(&space->block, block.alloc, block.max);
    dx_buf_init(&space->plain, plain.alloc, plain.max);
    dx_entity_rows_hurry(space);
    int error = dx_entity_rows_write_touches(reduction->context, space);
    error = error == DX_OK ? dx_withdraw_make_again(reduction->context, space, key) : error;
    dx_buf_deinit(&space->block);
    dx_buf_deinit(&space->plain);
    space->block = block;
    space->plain = plain;
    return error == DX_OK ? read_row(reduction, key, row) : error;
}

static bool lacks_list(const dx_reduction *reduction, const present_row *row) {
    return row->stored.model == NULL && row->before.model > 0 && row->before.state.size != 0 &&
           reduction->aside == NULL;
}

static int refuse(int reason, int *refusal) {
    *refusal = reason;
    return DX_OK;
}

/* Nothing stands at the key. Where the section that made it may be a hole, this one waits with it: the touch stands, and
 * nothing was refused. */
static int look_for_hole(const dx_reduction *reduction, int64_t key, int *refusal) {
    const dx_feed *maker = dx_space_feed(reduction->space, dx_entity_key_feed(key));
    dx_holes holes = {.sections = 0};
    int error = maker == NULL
                    ? DX_E_NOT_FOUND
                    : dx_hole_next(maker, reduction->context->store, dx_entity_key_seq(key), &holes);
    if (error == DX_OK && holes.seq == dx_entity_key_seq(key)) {
        /* What was made before the time this vault keeps, and changed since, is fetched whole. */
        return reduction->space->scope->since_ms != 0 && reduction->aside == NULL
                   ? dx_space_seek(reduction->context, reduction->space, key)
                   : DX_OK;
    }
    return error == DX_OK || error == DX_E_NOT_FOUND ? refuse(DX_E_NOT_FOUND, refusal) : error;
}

static int mutate_entity(dx_reduction *reduction, uint64_t index, const dx_section *section, int *refusal) {
    section_keys keys;
    *refusal = resolve_section(reduction, index, section, &keys);
    if (*refusal != DX_OK) {
        return DX_OK;
    }
    int64_t key = keys.subject, parent = keys.parent;
    present_row row;
    int error = reduction->timeframe != NULL ? note_touch(reduction, key, index) : DX_OK;
    if (error == DX_OK) {
        error = check_branch(reduction, key);
    }
    if (error == DX_OK) {
        error = read_row(reduction, key, &row);
    }
    if (error == DX_OK) {
        error = check_author(reduction, &row);
    }
    if (error == DX_OK && section->moves && row.before.kind == DX_ENTITY_LINK) {
        error = DX_E_INVALID; /* a link stands nowhere */
    }
    if (error == DX_E_NOT_FOUND || error == DX_E_DENIED || error == DX_E_INVALID) {
        return error == DX_E_NOT_FOUND ? look_for_hole(reduction, key, refusal) : refuse(error, refusal);
    }
    bool changed = false;
    if (error == DX_OK && section->operates && lacks_list(reduction, &row)) {
        error = make_list(reduction, &row);
    }
    if (error == DX_OK && section->operates) {
        error = operate(reduction, key, &row.stored, section->operation, refusal);
        if (error == DX_OK && *refusal == DX_OK) {
            changed = true;
            row.after.model = row.stored.model_id;
            row.after.state = row.stored.saved;
        }
    }
    if (error == DX_OK && section->life != DX_LIFE_KEEP) {
        take_life(reduction, &row, section->life == DX_LIFE_DELETE, &changed);
    }
    if (error == DX_OK && section->moves && reduction->aside != NULL) {
        row.after.parent = parent; /* beside the table there are no others to stand in a circle with */
    }
    if (error == DX_OK) {
        const dx_said said = {.feed = reduction->feed->local, .operation = section->operation};
        bool alone = section->operates && section->life == DX_LIFE_KEEP && !section->moves;
        error = put_row(reduction, &row.before, &row.after, changed, alone ? &said : NULL);
    }
    if (error == DX_OK && section->moves && reduction->aside == NULL) {
        error = dx_hierarchy_move(reduction->context, reduction->space, key, &reduction->stamp,
                                  reduction->seq, parent);
    }
    return error;
}

int dx_reduce_section(dx_reduction *reduction, uint64_t index, dx_bytes plaintext, int *refusal) {
    dx_section section;
    *refusal = dx_section_decode(plaintext, reduction->stamp.feed, &section);
    if (*refusal != DX_OK) {
        return DX_OK;
    }
    return section.creates ? create_entity(reduction, index, &section, refusal)
                           : mutate_entity(reduction, index, &section, refusal);
}
