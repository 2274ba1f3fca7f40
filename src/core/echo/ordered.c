/* echo/ordered.c: operations in the order of their stamps. See ordered.h.
 *
 * Layer: floor 1, echo. States live in the context's memory, not the space's arena: a thousand operations must not
 * hold what each of them took. */
#include "echo/ordered.h"

#include <string.h>

enum { STATE_SIZE_MAX = 64 << 20 };

static const dx_stamp before_all = {.counter = 0};

static void bind_stamp(sqlite3_stmt *statement, int index, const dx_stamp *stamp) {
    dx_bind_int(statement, index, (int64_t)stamp->counter);
    dx_bind_bytes(statement, index + 1, dx_bytes_of(stamp->feed, sizeof stamp->feed));
}

static int read_stamp(sqlite3_stmt *row, dx_stamp *out) {
    dx_bytes feed = dx_column_bytes(row, 1);
    out->counter = (uint64_t)dx_column_int(row, 0);
    if (feed.size != sizeof out->feed) {
        return DX_E_CORRUPT;
    }
    memcpy(out->feed, feed.data, sizeof out->feed);
    return DX_OK;
}

/* --- Checkpoints ------------------------------------------------------------------------------ */

/* The state after an operation is kept with it; of older ones that have one, too, some are forgotten. */
static int keep_checkpoint(dx_context *context, int64_t key, const dx_stamp *stamp, dx_bytes state) {
    sqlite3_stmt *update = dx_store_query(
        context->store, "UPDATE step SET state = ?4 WHERE entity = ?1 AND counter = ?2 AND feed = ?3");
    dx_bind_int(update, 1, key);
    bind_stamp(update, 2, stamp);
    dx_bind_bytes(update, 4, state);
    int error = dx_step_done(context->store, update);
    if (error != DX_OK) {
        return error;
    }
    sqlite3_stmt *oldest = dx_store_query(
        context->store, "SELECT counter, feed FROM step WHERE entity = ?1 AND state IS NOT NULL"
                        " ORDER BY counter DESC, feed DESC LIMIT 1 OFFSET ?2");
    dx_stamp last = {.counter = 0};
    dx_bind_int(oldest, 1, key);
    dx_bind_int(oldest, 2, DX_CHECKPOINTS_KEPT);
    bool found = dx_step(context->store, oldest);
    error = found ? read_stamp(oldest, &last) : dx_store_error(context->store);
    dx_step_reset(oldest);
    if (error != DX_OK || !found) {
        return error;
    }
    update = dx_store_query(context->store,
                            "UPDATE step SET state = NULL WHERE entity = ?1 AND counter = ?2 AND feed = ?3");
    dx_bind_int(update, 1, key);
    bind_stamp(update, 2, &last);
    return dx_step_done(context->store, update);
}

/* Those at and behind a stamp hold no more. */
static int drop_checkpoints(dx_context *context, int64_t key, const dx_stamp *from) {
    sqlite3_stmt *update =
        dx_store_query(context->store, "UPDATE step SET state = NULL WHERE entity = ?1 AND (counter, feed)"
                                       " >= (?2, ?3) AND state IS NOT NULL");
    dx_bind_int(update, 1, key);
    bind_stamp(update, 2, from);
    return dx_step_done(context->store, update);
}

/* Restores the nearest checkpoint before a stamp; *at: its stamp, or before all. */
static int restore_before(dx_context *context, int64_t key, const dx_model *model, const dx_stamp *before,
                          void *state, dx_stamp *at, bool *found) {
    sqlite3_stmt *select = dx_store_query(
        context->store,
        "SELECT counter, feed, state FROM step WHERE entity = ?1 AND (counter, feed) < (?2, ?3)"
        " AND state IS NOT NULL ORDER BY counter DESC, feed DESC LIMIT 1");
    dx_bind_int(select, 1, key);
    bind_stamp(select, 2, before);
    *at = before_all;
    *found = dx_step(context->store, select);
    int error = *found ? read_stamp(select, at) : dx_store_error(context->store);
    if (error == DX_OK && *found) {
        error = model->restore(state, dx_column_bytes(select, 2));
    }
    dx_step_reset(select);
    return error;
}

/* --- Making states ---------------------------------------------------------------------------- */

/* An operation that the model refuses is passed over. */
static int apply(const dx_model *model, const dx_provenance *provenance, void *state, dx_bytes operation,
                 const dx_stamp *stamp, bool *counts) {
    int error = dx_provenance_apply(provenance, model, state, operation, stamp);
    *counts = *counts || error == DX_OK;
    return error == DX_E_MALFORMED || error == DX_E_LIMIT ? DX_OK : error;
}

/* Applies the first operation behind *at, which is then its stamp. */
static int apply_next(dx_context *context, int64_t key, const dx_model *model,
                      const dx_provenance *provenance, void *state, dx_stamp *at, bool *counts, bool *found) {
    sqlite3_stmt *select = dx_store_query(
        context->store, "SELECT counter, feed, operation FROM step WHERE entity = ?1 AND (counter, feed) >"
                        " (?2, ?3) ORDER BY counter, feed LIMIT 1");
    dx_bind_int(select, 1, key);
    bind_stamp(select, 2, at);
    *found = dx_step(context->store, select);
    int error = *found ? read_stamp(select, at) : dx_store_error(context->store);
    if (error == DX_OK && *found) {
        error = apply(model, provenance, state, dx_column_bytes(select, 2), at, counts);
    }
    dx_step_reset(select);
    return error;
}

static int checkpoint_here(dx_context *context, int64_t key, const dx_model *model, const void *state,
                           const dx_stamp *at) {
    dx_buf saved;
    dx_buf_init(&saved, context->alloc, STATE_SIZE_MAX);
    int error = model->save(state, &saved);
    if (error == DX_OK) {
        error = keep_checkpoint(context, key, at, dx_buf_view(&saved));
    }
    dx_buf_deinit(&saved);
    return error;
}

static int make(dx_context *context, int64_t key, const dx_model *model, const dx_provenance *provenance,
                const dx_stamp *before, void *state, bool *counts) {
    dx_stamp at;
    bool found = true;
    int error = restore_before(context, key, model, before, state, &at, counts);
    if (error == DX_OK) {
        error = drop_checkpoints(context, key, before);
    }
    for (size_t applied = 1; error == DX_OK && found; applied++) {
        error = apply_next(context, key, model, provenance, state, &at, counts, &found);
        if (error == DX_OK && found && *counts && applied % DX_STEPS_APART == 0) {
            error = checkpoint_here(context, key, model, state, &at);
        }
    }
    return error;
}

int dx_ordered_make(dx_context *context, int64_t key, const dx_model *model, const dx_provenance *provenance,
                    const dx_stamp *before, dx_buf *out) {
    bool counts = false;
    void *state = model->create(context->alloc, &provenance->created);
    int error =
        state == NULL ? DX_E_NO_MEMORY : make(context, key, model, provenance, before, state, &counts);
    if (error == DX_OK && counts) {
        error = model->save(state, out);
    }
    if (state != NULL) {
        model->destroy(context->alloc, state);
    }
    return error;
}

/* --- Operations -------------------------------------------------------------------------------- */

int dx_ordered_keep(dx_context *context, int64_t key, const dx_stamp *stamp, dx_bytes operation) {
    sqlite3_stmt *insert =
        dx_store_query(context->store,
                       "INSERT OR IGNORE INTO step(entity, counter, feed, operation) VALUES(?1, ?2, ?3, ?4)");
    dx_bind_int(insert, 1, key);
    bind_stamp(insert, 2, stamp);
    dx_bind_bytes(insert, 4, operation);
    return dx_step_done(context->store, insert);
}

/* Whether it comes behind all that are here, and whether the state after it is to be a checkpoint: none of the ones
 * before it, DX_STEPS_APART of them, is. */
static int look_back(dx_context *context, int64_t key, const dx_stamp *stamp, bool *last, bool *checkpoint) {
    dx_stamp latest;
    int steps = 0;
    *last = *checkpoint = true;
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT counter, feed, state IS NOT NULL FROM step WHERE entity = ?1"
                                       " ORDER BY counter DESC, feed DESC LIMIT ?2");
    dx_bind_int(select, 1, key);
    dx_bind_int(select, 2, DX_STEPS_APART - 1);
    int error = DX_OK;
    for (; error == DX_OK && dx_step(context->store, select); steps++) {
        error = read_stamp(select, &latest);
        *last = *last && error == DX_OK && dx_stamp_compare(stamp, &latest) > 0;
        *checkpoint = *checkpoint && dx_column_int(select, 2) == 0;
    }
    dx_step_reset(select);
    *checkpoint = *checkpoint && steps == DX_STEPS_APART - 1;
    return error != DX_OK ? error : dx_store_error(context->store);
}

/* To the state as the row has it. */
static int append_step(dx_context *context, int64_t key, const dx_model *model,
                       const dx_provenance *provenance, dx_bytes saved, const dx_stamp *stamp,
                       dx_bytes operation, bool checkpoint, dx_buf *out, int *refusal) {
    void *state = model->create(context->alloc, &provenance->created);
    int error = state == NULL ? DX_E_NO_MEMORY : saved.size == 0 ? DX_OK : model->restore(state, saved);
    if (error == DX_OK) {
        error = dx_provenance_apply(provenance, model, state, operation, stamp);
    }
    if (error == DX_E_MALFORMED || error == DX_E_LIMIT) {
        *refusal = error;
        error = DX_OK;
        dx_buf_append(out, saved.data, saved.size);
    } else if (error == DX_OK) {
        error = model->save(state, out);
    }
    if (error == DX_OK && checkpoint && out->size != 0) {
        error = keep_checkpoint(context, key, stamp, dx_buf_view(out));
    }
    if (state != NULL) {
        model->destroy(context->alloc, state);
    }
    return error;
}

int dx_ordered_operate(dx_context *context, int64_t key, const dx_model *model,
                       const dx_provenance *provenance, dx_bytes saved, const dx_stamp *stamp,
                       dx_bytes operation, dx_buf *out, int *refusal) {
    bool last, checkpoint;
    int error = look_back(context, key, stamp, &last, &checkpoint);
    if (error == DX_OK) {
        error = dx_ordered_keep(context, key, stamp, operation);
    }
    if (error != DX_OK) {
        return error;
    }
#if defined(DX_PLANT) && DX_PLANT == 60
    last = true;
#endif
    return last ? append_step(context, key, model, provenance, saved, stamp, operation, checkpoint, out,
                              refusal)
                : dx_ordered_make(context, key, model, provenance, stamp, out);
}

int dx_ordered_forget(dx_context *context, int64_t key) {
    sqlite3_stmt *remove = dx_store_query(context->store, "DELETE FROM step WHERE entity = ?1");
    dx_bind_int(remove, 1, key);
    int error = dx_step_done(context->store, remove);
    return error == DX_OK ? dx_provenance_forget(context, key) : error;
}
