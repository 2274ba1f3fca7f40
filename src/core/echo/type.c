/* echo/type.c: numbers for names, cached, and how many entities of each type are alive.
 *
 * Layer: floor 1, echo. Contract in type.h. */
#include "echo/type.h"

#include <string.h>

#include "echo/space.h"

static int save_live(dx_context *context, dx_type *type) {
    if (type->live_change == 0) {
        return DX_OK;
    }
    sqlite3_stmt *update = dx_store_query(context->store, "UPDATE type SET live = live + ?2 WHERE id = ?1");
    dx_bind_int(update, 1, type->id);
    dx_bind_int(update, 2, type->live_change);
    int error = dx_step_done(context->store, update);
    if (error == DX_OK) {
        type->live_change = 0;
    }
    return error;
}

int dx_types_save(dx_context *context, dx_space *space) {
    int error = DX_OK;
    for (size_t i = 0; i < space->types.count && error == DX_OK; i++) {
        error = save_live(context, &space->types.cached[i]);
    }
    return error;
}

void dx_types_deinit(dx_types *types, const dx_alloc *alloc) {
    dx_alloc_free(alloc, types->cached, DX_TYPES_CACHED * sizeof *types->cached);
    memset(types, 0, sizeof *types);
}

/* A slot for one more name: a free one, or the oldest, its count written. */
static int take_slot(dx_context *context, dx_space *space, dx_type **out) {
    dx_types *types = &space->types;
    if (types->cached == NULL) {
        types->cached = dx_alloc_take_zeroed(space->alloc, DX_TYPES_CACHED * sizeof *types->cached);
        if (types->cached == NULL) {
            return DX_E_NO_MEMORY;
        }
    }
    if (types->count < DX_TYPES_CACHED) {
        *out = &types->cached[types->count++];
        return DX_OK;
    }
    dx_type *victim = &types->cached[types->next_victim];
    int error = save_live(context, victim);
    if (error == DX_OK) {
        types->next_victim = (types->next_victim + 1) % DX_TYPES_CACHED;
        *out = victim;
    }
    return error;
}

static int remember(dx_context *context, dx_space *space, int64_t id, dx_type_kind kind, dx_bytes name,
                    dx_type **out) {
    dx_type *slot;
    int error = take_slot(context, space, &slot);
    if (error != DX_OK) {
        return error;
    }
    slot->id = id;
    slot->kind = kind;
    slot->live_change = 0;
    slot->size = name.size;
    if (name.size != 0) {
        memcpy(slot->name, name.data, name.size);
    }
    slot->model =
        kind == DX_TYPE_MODEL ? dx_model_find(context->models, dx_bytes_of(slot->name, slot->size)) : NULL;
    *out = slot;
    return DX_OK;
}

int dx_type_find(dx_context *context, dx_space *space, dx_type_kind kind, dx_bytes name, dx_type **out) {
    for (size_t i = 0; i < space->types.count; i++) {
        dx_type *type = &space->types.cached[i];
        if (type->kind == kind && dx_bytes_equal(dx_bytes_of(type->name, type->size), name)) {
            *out = type;
            return DX_OK;
        }
    }
    if (name.size > DX_TYPE_SIZE_MAX) {
        return DX_E_NOT_FOUND;
    }
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT id FROM type WHERE space = ?1 AND kind = ?2 AND name = ?3");
    dx_bind_int(select, 1, space->local);
    dx_bind_int(select, 2, kind);
    dx_bind_text(select, 3, name.size == 0 ? dx_bytes_text("") : name);
    if (!dx_step(context->store, select)) {
        int error = dx_store_error(context->store);
        return error != DX_OK ? error : DX_E_NOT_FOUND;
    }
    int64_t id = dx_column_int(select, 0);
    dx_step_reset(select);
    return remember(context, space, id, kind, name, out);
}

int dx_type_intern(dx_context *context, dx_space *space, dx_type_kind kind, dx_bytes name, dx_type **out) {
    int error = dx_type_find(context, space, kind, name, out);
    if (error != DX_E_NOT_FOUND) {
        return error;
    }
    if (name.size > DX_TYPE_SIZE_MAX) {
        return DX_E_INVALID;
    }
    sqlite3_stmt *insert = dx_store_query(
        context->store, "INSERT INTO type(space, kind, name, live) VALUES(?1, ?2, ?3, 0) RETURNING id");
    dx_bind_int(insert, 1, space->local);
    dx_bind_int(insert, 2, kind);
    dx_bind_text(insert, 3, name.size == 0 ? dx_bytes_text("") : name);
    int64_t id = 0;
    if (dx_step(context->store, insert)) {
        id = dx_column_int(insert, 0);
    }
    dx_step_reset(insert);
    error = dx_store_error(context->store);
    return error != DX_OK ? error : remember(context, space, id, kind, name, out);
}

int dx_type_read(dx_context *context, dx_space *space, int64_t id, dx_type **out) {
    for (size_t i = 0; i < space->types.count; i++) {
        if (space->types.cached[i].id == id) {
            *out = &space->types.cached[i];
            return DX_OK;
        }
    }
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT kind, name FROM type WHERE id = ?1 AND space = ?2");
    dx_bind_int(select, 1, id);
    dx_bind_int(select, 2, space->local);
    if (!dx_step(context->store, select)) {
        int error = dx_store_error(context->store);
        return error != DX_OK ? error : DX_E_NOT_FOUND;
    }
    int64_t kind = dx_column_int(select, 0);
    dx_bytes name = dx_column_bytes(select, 1);
    if (kind < DX_TYPE_OBJECT || kind > DX_TYPE_MODEL || name.size > DX_TYPE_SIZE_MAX) {
        dx_step_reset(select);
        return DX_E_CORRUPT;
    }
    int error = remember(context, space, id, (dx_type_kind)kind, name, out);
    dx_step_reset(select);
    return error;
}
