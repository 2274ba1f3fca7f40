/* echo/index.c: indexes on properties: made, kept, built and removed.
 *
 * Layer: floor 1, echo. Contract in index.h. Table property_index(id, space, type, path, automatic, stage, built, models)
 * names them; models is a number for those of the space's models that the program which built it did not know: knowing others shows
 * data that was not there before, so it is built anew. */
#include "echo/index.h"

#include <string.h>

#include "echo/entity.h"
#include "echo/full_text.h"
#include "echo/index_entry.h"
#include "echo/reduce.h"
#include "model/object_path.h"

/* Stages of a row: 2 is on its way out, 3 only wished for (built: by how many questions). */
enum { STAGE_BUILDING = 0, STAGE_READY = 1, FORM_SIZE_MAX = 4 << 20, VIEW_SIZE_MAX = 80 << 20 };

dx_indexes *dx_indexes_create(const dx_alloc *alloc) {
    dx_indexes *indexes = dx_alloc_take_zeroed(alloc, sizeof *indexes);
    if (indexes != NULL) {
        dx_buf_init(&indexes->before, alloc, FORM_SIZE_MAX);
        dx_buf_init(&indexes->after, alloc, FORM_SIZE_MAX);
        dx_buf_init(&indexes->scratch, alloc, VIEW_SIZE_MAX);
        dx_buf_init(&indexes->listed, alloc, VIEW_SIZE_MAX);
    }
    return indexes;
}

static void forget_items(dx_indexes *indexes, const dx_alloc *alloc) {
    for (size_t i = 0; i < indexes->count; i++) {
        dx_alloc_free(alloc, (void *)(uintptr_t)indexes->items[i].path.data, indexes->items[i].path.size + 1);
    }
    indexes->count = 0;
}

void dx_indexes_destroy(dx_indexes *indexes, const dx_alloc *alloc) {
    if (indexes == NULL) {
        return;
    }
    forget_items(indexes, alloc);
    dx_alloc_free(alloc, indexes->items, DX_INDEXES_MAX * sizeof *indexes->items);
    dx_buf_deinit(&indexes->before);
    dx_buf_deinit(&indexes->after);
    dx_buf_deinit(&indexes->scratch);
    dx_buf_deinit(&indexes->listed);
    dx_alloc_free(alloc, indexes, sizeof *indexes);
}

/* --- Loading ------------------------------------------------------------------------------------- */

static int add_item(dx_space *space, const dx_index *index, dx_bytes path) {
    dx_indexes *indexes = space->indexes;
    if (indexes->items == NULL) {
        indexes->items = dx_alloc_take_zeroed(space->alloc, DX_INDEXES_MAX * sizeof *indexes->items);
    }
    uint8_t *copy = indexes->items == NULL ? NULL : dx_alloc_take(space->alloc, path.size + 1);
    if (copy == NULL) {
        return DX_E_NO_MEMORY;
    }
    if (path.size != 0) {
        memcpy(copy, path.data, path.size);
    }
    indexes->items[indexes->count] = *index;
    indexes->items[indexes->count++].path = dx_bytes_of(copy, path.size);
    return DX_OK;
}

/* A number for the models of the space that this program does not know: what is of them is in no index. */
static int mark_models(dx_context *context, dx_space *space, int64_t *mark) {
    uint64_t sum = 0;
    sqlite3_stmt *rows =
        dx_store_query(context->store, "SELECT name FROM type WHERE space = ?1 AND kind = 2");
    dx_bind_int(rows, 1, space->local);
    while (dx_step(context->store, rows)) {
        dx_bytes name = dx_column_bytes(rows, 0);
        sum += dx_model_find(context->models, name) != NULL ? 0 : dx_model_mark(name);
    }
    *mark = (int64_t)(sum >> 1);
    return dx_store_error(context->store);
}

/* The first text index behind that id; 0: none. */
static int64_t next_text_index(dx_context *context, const dx_space *space, int64_t after) {
    sqlite3_stmt *row =
        dx_store_query(context->store, "SELECT id FROM property_index WHERE space = ?1 AND stage = 0 AND "
                                       "path = '' AND id > ?2 ORDER BY id LIMIT 1");
    dx_bind_int(row, 1, space->local);
    dx_bind_int(row, 2, after);
    int64_t id = dx_step(context->store, row) ? dx_column_int(row, 0) : 0;
    dx_step_reset(row);
    return id;
}

/* What was built while other models were known leaves, and the same is built anew beside it: rows show other things now. */
static int replace_indexes(dx_context *context, dx_space *space, int64_t mark) {
    sqlite3_stmt *change = dx_store_query(
        context->store,
        "INSERT INTO property_index(space, type, path, automatic, stage, built, models) SELECT space, type, "
        "path, automatic, 0, 0, ?2 FROM property_index WHERE space = ?1 AND models <> ?2 AND stage < 2");
    dx_bind_int(change, 1, space->local);
    dx_bind_int(change, 2, mark);
    int error = dx_step_done(context->store, change);
    int64_t count = dx_store_changes(context->store), last = dx_store_last_rowid(context->store);
    if (error != DX_OK || count == 0) {
        return error;
    }
    space->indexes->unfinished = true;
    change = dx_store_query(context->store,
                            "UPDATE property_index SET stage = 2 WHERE space = ?1 AND models <> ?2 "
                            "AND stage < 2");
    dx_bind_int(change, 1, space->local);
    dx_bind_int(change, 2, mark);
    error = dx_step_done(context->store, change);
    for (int64_t id = last - count; error == DX_OK && (id = next_text_index(context, space, id)) != 0;) {
        error = dx_full_text_create(context, id);
    }
    return error != DX_OK ? error : dx_store_error(context->store);
}

static int check_models(dx_context *context, dx_space *space) {
    int64_t mark;
    int error = mark_models(context, space, &mark);
    return error != DX_OK || dx_store_is_read_only(context->store) ? error
                                                                   : replace_indexes(context, space, mark);
}

/* Whether there are any, and any that are not as they are to be. */
static bool has_indexes(dx_context *context, dx_space *space) {
    sqlite3_stmt *row = dx_store_query(
        context->store, "SELECT count(*), coalesce(sum(stage <> 1), 0) FROM property_index WHERE space = ?1 "
                        "AND stage < 3");
    dx_bind_int(row, 1, space->local);
    bool there = dx_step(context->store, row) && dx_column_int(row, 0) != 0;
    space->indexes->unfinished = there && dx_column_int(row, 1) != 0;
    dx_step_reset(row);
    return there;
}

int dx_indexes_load(dx_context *context, dx_space *space) {
    dx_indexes *indexes = space->indexes;
    if (indexes->loaded) {
        return DX_OK;
    }
    forget_items(indexes, space->alloc);
    bool any = has_indexes(context, space);
    int error = dx_store_error(context->store);
    if (error == DX_OK && any) {
        error = check_models(context, space);
    }
    if (error != DX_OK || !any) {
        indexes->loaded = error == DX_OK;
        return error;
    }
    sqlite3_stmt *rows =
        dx_store_query(context->store, "SELECT id, type, automatic, stage, built, path FROM property_index "
                                       "WHERE space = ?1 AND stage < 2 ORDER BY id LIMIT ?2");
    dx_bind_int(rows, 1, space->local);
    dx_bind_int(rows, 2, DX_INDEXES_MAX);
    while (error == DX_OK && dx_step(context->store, rows)) {
        dx_index index = {.id = dx_column_int(rows, 0),
                          .type = dx_column_int(rows, 1),
                          .automatic = dx_column_int(rows, 2) != 0,
                          .ready = dx_column_int(rows, 3) == STAGE_READY,
                          .built = dx_column_int(rows, 4)};
        dx_bytes path = dx_column_bytes(rows, 5);
        error = path.size > DX_OBJECT_PATH_SIZE_MAX ? DX_E_CORRUPT : add_item(space, &index, path);
    }
    dx_step_reset(rows);
    error = error != DX_OK ? error : dx_store_error(context->store);
    indexes->loaded = error == DX_OK;
    return error;
}

static dx_index *find_item(dx_space *space, int64_t type, dx_bytes path) {
    for (size_t i = 0; i < space->indexes->count; i++) {
        dx_index *index = &space->indexes->items[i];
        if (index->type == type && dx_bytes_equal(index->path, path)) {
            return index;
        }
    }
    return NULL;
}

const dx_index *dx_index_find(dx_space *space, int64_t type, dx_bytes path) {
    dx_index *index = find_item(space, type, path);
    return index != NULL && index->ready ? index : NULL;
}

/* --- Entries ------------------------------------------------------------------------------------- */

/* The state of a row that lists its operations. */
static int make_state(dx_context *context, dx_space *space, dx_entity *entity, dx_buf *out) {
    dx_provenance provenance;
    int error = dx_provenance_find(context, space, entity->key, entity->created, entity->model, &provenance);
    if (error != DX_OK) {
        return error;
    }
    dx_buf_clear(out);
    error = dx_reduce_listed(context, space, entity->model, &provenance, entity->state, out);
    entity->state = dx_buf_view(out);
    return error;
}

/* Data that cannot be read are nobody's: an index goes on without them. */
static int pass_damage(int error, dx_bytes *item) {
    if (error == DX_E_CORRUPT || error == DX_E_MALFORMED || error == DX_E_LIMIT) {
        *item = dx_bytes_of(NULL, 0);
        return DX_OK;
    }
    return error;
}

/* The row's view, in scratch. */
static int make_view(dx_context *context, dx_space *space, const dx_entity_row *row, dx_entity *entity) {
    dx_buf *scratch = &space->indexes->scratch;
    dx_writer writer;
    int error = row->model < 0 ? make_state(context, space, entity, &space->indexes->listed) : DX_OK;
    dx_buf_clear(scratch);
    dx_writer_init(&writer, scratch);
    if (error == DX_OK) {
        error = dx_entity_view(context, space, entity, &writer);
    }
    return error == DX_OK ? dx_writer_finish(&writer) : error;
}

/* What stands at a path of a row's data; size 0: nothing. The item lies in the row's state or in scratch. */
static int look(dx_context *context, dx_space *space, const dx_entity_row *row, dx_bytes path,
                dx_bytes *item) {
    dx_buf *scratch = &space->indexes->scratch;
    dx_entity entity = {.key = row->key, .created = (uint64_t)row->created, .state = row->state};
    dx_type *type;
    *item = dx_bytes_of(NULL, 0);
    int error = dx_type_read(context, space, row->model < 0 ? -row->model : row->model, &type);
    if (error != DX_OK || type->model == NULL) {
        return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
    }
    if (row->model > 0 && type->model->peek != NULL && row->state.size != 0) {
        error = type->model->peek(row->state, path, item);
        if (error != DX_E_UNSUPPORTED) {
            return pass_damage(error, item);
        }
    }
    entity.model = type->model;
    error = make_view(context, space, row, &entity);
    if (error == DX_OK) {
        *item = dx_view_at(dx_buf_view(scratch), path);
    }
    return pass_damage(error, item);
}

/* The words a text index holds of the row; size 0: none. */
static int write_words(dx_context *context, dx_space *space, const dx_entity_row *row, dx_buf *words) {
    dx_entity entity;
    dx_bytes none;
    dx_type *type;
    dx_buf_clear(words);
    if (row == NULL || row->deleted) {
        return DX_OK;
    }
    int error = dx_type_read(context, space, row->model < 0 ? -row->model : row->model, &type);
    if (error != DX_OK || type->model == NULL) {
        return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
    }
    entity = (dx_entity){
        .key = row->key, .created = (uint64_t)row->created, .state = row->state, .model = type->model};
    error = make_view(context, space, row, &entity);
    if (error != DX_OK) {
        return pass_damage(error, &none);
    }
    dx_full_text_gather(dx_buf_view(&space->indexes->scratch), words);
    return dx_buf_error(words);
}

/* The form of what an index holds of the row; size 0: no entry. */
static int write_form(dx_context *context, dx_space *space, const dx_index *index, const dx_entity_row *row,
                      dx_buf *form) {
    dx_bytes item;
    dx_buf_clear(form);
    if (row == NULL || row->deleted) {
        return DX_OK;
    }
    int error = look(context, space, row, index->path, &item);
    if (error == DX_OK && item.size != 0) {
        dx_order_write(item, form);
        error = dx_buf_error(form);
        form->size = form->size > DX_ORDER_INDEXED_MAX ? DX_ORDER_INDEXED_MAX : form->size;
    }
    return error;
}

/* Of what is not built yet nothing is in a text index, so nothing may leave it either. */
static int change_words(dx_context *context, dx_space *space, const dx_index *index,
                        const dx_entity_row *before, const dx_entity_row *after) {
    dx_indexes *indexes = space->indexes;
    int64_t key = after != NULL ? after->key : before->key;
    if (!index->ready && key > index->built) {
        return DX_OK;
    }
    int error = write_words(context, space, before, &indexes->before);
    if (error == DX_OK) {
        error = write_words(context, space, after, &indexes->after);
    }
    return error == DX_OK ? dx_full_text_change(context, index->id, key, dx_buf_view(&indexes->before),
                                                dx_buf_view(&indexes->after))
                          : error;
}

int dx_index_take(dx_context *context, dx_space *space, const dx_entity_row *before,
                  const dx_entity_row *after) {
    dx_indexes *indexes = space->indexes;
    const dx_entity_row *row = after != NULL ? after : before;
    int error = dx_indexes_load(context, space);
    for (size_t i = 0; i < indexes->count && error == DX_OK; i++) {
        const dx_index *index = &indexes->items[i];
        if (index->type != row->type) {
            continue;
        }
        if (index->path.size == 0) {
            error = change_words(context, space, index, before, after);
            continue;
        }
        error = write_form(context, space, index, before, &indexes->before);
        if (error == DX_OK) {
            error = write_form(context, space, index, after, &indexes->after);
        }
        dx_bytes old = dx_buf_view(&indexes->before), form = dx_buf_view(&indexes->after);
        if (error != DX_OK || dx_bytes_equal(old, form)) {
            continue;
        }
        if (old.size != 0) {
            error = dx_entry_remove(context, index->id, old, row->key);
        }
        if (error == DX_OK && form.size != 0) {
            error = dx_entry_add(context, index->id, form, row->key);
        }
    }
    return error;
}

/* --- Making and removing ------------------------------------------------------------------------- */

static int insert_index(dx_context *context, dx_space *space, int64_t type, dx_bytes path, bool automatic) {
    int64_t models;
    int error = mark_models(context, space, &models);
    if (error != DX_OK) {
        return error;
    }
    sqlite3_stmt *insert = dx_store_query(
        context->store, "INSERT INTO property_index(space, type, path, automatic, stage, built, models)"
                        " VALUES(?1, ?2, ?3, ?4, 0, 0, ?5)");
    dx_bind_int(insert, 1, space->local);
    dx_bind_int(insert, 2, type);
    dx_bind_text(insert, 3, path.size == 0 ? dx_bytes_text("") : path);
    dx_bind_int(insert, 4, automatic);
    dx_bind_int(insert, 5, models);
    error = dx_step_done(context->store, insert);
    dx_index index = {.id = dx_store_last_rowid(context->store), .type = type, .automatic = automatic};
    space->indexes->unfinished = true;
    if (error == DX_OK && path.size == 0) {
        error = dx_full_text_create(context, index.id);
    }
    return error == DX_OK ? add_item(space, &index, path) : error;
}

static int declare(dx_context *context, dx_index *index) {
    sqlite3_stmt *update =
        dx_store_query(context->store, "UPDATE property_index SET automatic = 0 WHERE id = ?1");
    dx_bind_int(update, 1, index->id);
    index->automatic = false;
    return dx_step_done(context->store, update);
}

int dx_index_add(dx_context *context, dx_space *space, dx_type_kind kind, dx_bytes type_name, dx_bytes path) {
    dx_type *type;
    if (path.size != 0 && dx_object_path_check(path) == 0) {
        return DX_E_INVALID;
    }
    int error = dx_indexes_load(context, space);
    if (error == DX_OK) {
        error = dx_type_intern(context, space, kind, type_name, &type);
    }
    if (error != DX_OK) {
        return error;
    }
    dx_index *index = find_item(space, type->id, path);
    if (index != NULL) {
        return index->automatic ? declare(context, index) : DX_E_EXISTS;
    }
    return space->indexes->count == DX_INDEXES_MAX ? DX_E_LIMIT
                                                   : insert_index(context, space, type->id, path, false);
}

int dx_index_remove(dx_context *context, dx_space *space, dx_type_kind kind, dx_bytes type_name,
                    dx_bytes path) {
    dx_type *type;
    int error = dx_indexes_load(context, space);
    if (error == DX_OK) {
        error = dx_type_find(context, space, kind, type_name, &type);
    }
    dx_index *index = error == DX_OK ? find_item(space, type->id, path) : NULL;
    if (index == NULL) {
        return error == DX_OK ? DX_E_NOT_FOUND : error;
    }
    sqlite3_stmt *update =
        dx_store_query(context->store, "UPDATE property_index SET stage = 2 WHERE id = ?1");
    dx_bind_int(update, 1, index->id);
    error = dx_step_done(context->store, update);
    space->indexes->loaded = false;
    return error == DX_OK ? dx_indexes_load(context, space) : error;
}

/* --- Made without being asked for ---------------------------------------------------------------- */

static size_t count_automatic(const dx_space *space) {
    size_t count = 0;
    for (size_t i = 0; i < space->indexes->count; i++) {
        count += space->indexes->items[i].automatic;
    }
    return count;
}

/* One more question of this kind; *questions: how many there were. Only the newest kinds are remembered. */
static int count_wish(dx_context *context, dx_space *space, int64_t type, dx_bytes path, int64_t *questions) {
    dx_store *store = context->store;
    sqlite3_stmt *change = dx_store_query(
        store, "UPDATE property_index SET built = built + 1 WHERE space = ?1 AND type = ?2 AND path = ?3 "
               "AND stage = 3 RETURNING built");
    dx_bind_int(change, 1, space->local);
    dx_bind_int(change, 2, type);
    dx_bind_text(change, 3, path);
    *questions = dx_step(store, change) ? dx_column_int(change, 0) : 0;
    dx_step_reset(change);
    int error = dx_store_error(store);
    if (error != DX_OK || *questions != 0) {
        return error;
    }
    *questions = 1;
    change = dx_store_query(store,
                            "INSERT INTO property_index(space, type, path, automatic, stage, built, models) "
                            "VALUES(?1, ?2, ?3, 1, 3, 1, 0)");
    dx_bind_int(change, 1, space->local);
    dx_bind_int(change, 2, type);
    dx_bind_text(change, 3, path);
    error = dx_step_done(store, change);
    if (error != DX_OK) {
        return error;
    }
    change = dx_store_query(
        store, "DELETE FROM property_index WHERE space = ?1 AND stage = 3 AND id NOT IN (SELECT id "
               "FROM property_index WHERE space = ?1 AND stage = 3 ORDER BY id DESC LIMIT ?2)");
    dx_bind_int(change, 1, space->local);
    dx_bind_int(change, 2, DX_INDEX_WISHES_MAX);
    return dx_step_done(store, change);
}

static int forget_wish(dx_context *context, dx_space *space, int64_t type, dx_bytes path) {
    sqlite3_stmt *remove = dx_store_query(
        context->store,
        "DELETE FROM property_index WHERE space = ?1 AND type = ?2 AND path = ?3 AND stage = 3");
    dx_bind_int(remove, 1, space->local);
    dx_bind_int(remove, 2, type);
    dx_bind_text(remove, 3, path);
    return dx_step_done(context->store, remove);
}

int dx_index_wish_for(dx_context *context, dx_space *space, int64_t type, dx_bytes path) {
    int64_t questions = 0;
    int error = dx_indexes_load(context, space);
    if (error != DX_OK || dx_store_is_read_only(context->store) || find_item(space, type, path) != NULL ||
        count_automatic(space) == DX_INDEXES_AUTOMATIC_MAX || space->indexes->count == DX_INDEXES_MAX) {
        return error;
    }
    error = count_wish(context, space, type, path, &questions);
    if (error != DX_OK || questions < DX_INDEX_WISHED) {
        return error;
    }
    error = forget_wish(context, space, type, path);
    return error == DX_OK ? insert_index(context, space, type, path, true) : error;
}

/* --- Building ------------------------------------------------------------------------------------ */

/* Entities of the type behind the watermark, as many as the budget allows. */
static int build_piece(dx_context *context, dx_space *space, dx_index *index, size_t *budget) {
    size_t begin = *budget;
    int error = DX_OK;
    sqlite3_stmt *rows =
        dx_store_query(context->store, "SELECT key FROM entity INDEXED BY entity_by_type WHERE "
                                       "type = ?1 AND key > ?2 ORDER BY key LIMIT ?3");
    dx_bind_int(rows, 1, index->type);
    dx_bind_int(rows, 2, index->built);
    dx_bind_int(rows, 3, *budget < INT32_MAX ? (int64_t)*budget : INT32_MAX);
    while (error == DX_OK && *budget > 0 && dx_step(context->store, rows)) {
        dx_entity_row row;
        dx_bytes form, none = {NULL, 0};
        index->built = dx_column_int(rows, 0);
        (*budget)--;
        error = dx_entity_row_read(context, space, index->built, &row);
        if (error == DX_OK && index->path.size == 0) {
            error = write_words(context, space, &row, &space->indexes->after);
            error = error == DX_OK ? dx_full_text_change(context, index->id, index->built, none,
                                                         dx_buf_view(&space->indexes->after))
                                   : error;
            continue;
        }
        if (error == DX_OK) {
            error = write_form(context, space, index, &row, &space->indexes->after);
        }
        form = dx_buf_view(&space->indexes->after);
        if (error == DX_OK && form.size != 0) {
            error = dx_entry_add(context, index->id, form, index->built);
        }
    }
    dx_step_reset(rows);
    error = error != DX_OK ? error : dx_store_error(context->store);
    index->ready = error == DX_OK && *budget != 0;
    *budget -= *budget == begin && begin != 0; /* to look and find nothing is work too */
    return error;
}

static int save_stage(dx_context *context, const dx_index *index) {
    sqlite3_stmt *update =
        dx_store_query(context->store, "UPDATE property_index SET stage = ?2, built = ?3 WHERE id = ?1");
    dx_bind_int(update, 1, index->id);
    dx_bind_int(update, 2, index->ready ? STAGE_READY : STAGE_BUILDING);
    dx_bind_int(update, 3, index->built);
    return dx_step_done(context->store, update);
}

/* Entries of one index on its way out, then its row. */
static int remove_entries(dx_context *context, int64_t id, size_t *budget) {
    dx_store *store = context->store;
    sqlite3_stmt *remove = dx_store_query(store, "DELETE FROM property WHERE ix = ?1 AND (value, key) IN "
                                                 "(SELECT value, key FROM property WHERE ix = ?1 LIMIT ?2)");
    dx_bind_int(remove, 1, id);
    dx_bind_int(remove, 2, (int64_t)*budget);
    int error = dx_step_done(store, remove);
    *budget -= error == DX_OK ? (size_t)dx_store_changes(store) : 0;
    if (error != DX_OK || *budget == 0) {
        return error;
    }
    error = dx_full_text_drop(context, id);
    if (error != DX_OK) {
        return error;
    }
    remove = dx_store_query(store, "DELETE FROM property_index WHERE id = ?1");
    dx_bind_int(remove, 1, id);
    (*budget)--;
    return dx_step_done(store, remove);
}

/* The first index of a space that is on its way out (or any, when the space is); 0: none. */
static int64_t find_leaving(dx_context *context, int64_t space, bool any) {
    sqlite3_stmt *row = dx_store_query(
        context->store,
        "SELECT id FROM property_index WHERE space = ?1 AND (stage = 2 OR ?2) ORDER BY id LIMIT 1");
    dx_bind_int(row, 1, space);
    dx_bind_int(row, 2, any);
    int64_t id = dx_step(context->store, row) ? dx_column_int(row, 0) : 0;
    dx_step_reset(row);
    return id;
}

int dx_indexes_drop(dx_context *context, int64_t space, size_t *budget) {
    int error = DX_OK;
    int64_t id;
    while (error == DX_OK && *budget > 0 && (id = find_leaving(context, space, true)) != 0) {
        error = remove_entries(context, id, budget);
    }
    return error != DX_OK ? error : dx_store_error(context->store);
}

int dx_indexes_build(dx_context *context, dx_space *space, size_t budget, bool *more) {
    dx_indexes *indexes = space->indexes;
    int64_t id = 0;
    int error = dx_indexes_load(context, space);
    *more = false;
    if (error != DX_OK || !indexes->unfinished) {
        return error;
    }
    error = dx_entity_rows_settle(context, space); /* what an index passes over comes to it with its row */
    for (size_t i = 0; i < indexes->count && error == DX_OK && budget > 0; i++) {
        dx_index *index = &indexes->items[i];
        if (!index->ready) {
            error = build_piece(context, space, index, &budget);
            error = error == DX_OK ? save_stage(context, index) : error;
        }
    }
    while (error == DX_OK && budget > 0 && (id = find_leaving(context, space->local, false)) != 0) {
        error = remove_entries(context, id, &budget);
    }
    *more = budget == 0;
    indexes->unfinished = error != DX_OK || *more;
    return error != DX_OK ? error : dx_store_error(context->store);
}
