/* echo/refused.c: what was refused in a space: counted for ever, the newest listed.
 *
 * Layer: floor 1, echo. Contract in refused.h. A refusal for a fork is the evidence of one and stands until
 * the feeds it is about are gone. */
#include "echo/refused.h"

static int insert_row(dx_context *context, const dx_space *space, const dx_refusal *refusal) {
    sqlite3_stmt *insert =
        dx_store_query(context->store, "INSERT INTO refused(space, feed, seq, section, error, wall_ms) "
                                       "VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
    dx_bind_int(insert, 1, space->local);
    dx_bind_int(insert, 2, refusal->feed);
    dx_bind_int(insert, 3, refusal->seq);
    dx_bind_int(insert, 4, refusal->section);
    dx_bind_int(insert, 5, refusal->error);
    dx_bind_int(insert, 6, (int64_t)refusal->wall_ms);
    return dx_step_done(context->store, insert);
}

/* Keeps the newest DX_REFUSED_LISTED_MAX of a space. */
static int prune_rows(dx_context *context, const dx_space *space) {
    sqlite3_stmt *prune = dx_store_query(
        context->store,
        "DELETE FROM refused WHERE space = ?1 AND error <> ?2 AND id <= (SELECT id FROM refused "
        "WHERE space = ?1 AND error <> ?2 ORDER BY id DESC LIMIT 1 OFFSET ?3)");
    dx_bind_int(prune, 1, space->local);
    dx_bind_int(prune, 2, DX_E_FORK);
    dx_bind_int(prune, 3, DX_REFUSED_LISTED_MAX);
    return dx_step_done(context->store, prune);
}

/* Whether this very refusal stands in the list. */
static int find_row(dx_context *context, const dx_space *space, const dx_refusal *refusal, bool *found) {
    sqlite3_stmt *select = dx_store_query(
        context->store, "SELECT 1 FROM refused WHERE space = ?1 AND feed = ?2 AND seq = ?3 AND "
                        "section = ?4 AND error = ?5");
    dx_bind_int(select, 1, space->local);
    dx_bind_int(select, 2, refusal->feed);
    dx_bind_int(select, 3, refusal->seq);
    dx_bind_int(select, 4, refusal->section);
    dx_bind_int(select, 5, refusal->error);
    *found = dx_step(context->store, select);
    dx_step_reset(select);
    return dx_store_error(context->store);
}

void dx_refused_begin(dx_space *space) {
    space->refusing = (dx_refusing){.sections = 0};
}

static int list(dx_context *context, dx_space *space, const dx_refusal *refusal, bool *listed) {
    bool found;
    int error = find_row(context, space, refusal, &found);
    if (error != DX_OK || found) {
        space->refusing.again = true;
        return error;
    }
    error = insert_row(context, space, refusal);
    if (error == DX_OK) {
        error = prune_rows(context, space);
    }
    *listed = error == DX_OK;
    return error;
}

int dx_refused_add(dx_context *context, dx_space *space, const dx_refusal *refusal, bool *listed) {
    dx_refusing *refusing = &space->refusing;
    *listed = false;
    if (refusal->section == DX_REFUSED_BLOCK || refusing->sections < DX_REFUSED_LISTED_MAX) {
        refusing->sections += refusal->section != DX_REFUSED_BLOCK;
        int error = list(context, space, refusal, listed);
        space->refused += *listed;
        refusing->counted = refusing->counted || *listed;
        return error;
    }
    if (!refusing->again) { /* else the block came by before, and these were counted then */
        space->refused++;
        refusing->counted = true;
    }
    return DX_OK;
}

int dx_refused_save(dx_context *context, dx_space *space) {
    if (!space->refusing.counted) {
        return DX_OK;
    }
    space->refusing.counted = false;
    sqlite3_stmt *update = dx_store_query(context->store, "UPDATE space SET refused = ?2 WHERE id = ?1");
    dx_bind_int(update, 1, space->local);
    dx_bind_int(update, 2, (int64_t)space->refused);
    return dx_step_done(context->store, update);
}

int dx_refused_each(dx_context *context, dx_space *space,
                    int (*on_refusal)(void *ctx, const dx_refusal *refusal), void *ctx) {
    int error = DX_OK;
    sqlite3_stmt *select = dx_store_query(
        context->store, "SELECT feed, seq, section, error, wall_ms FROM refused WHERE space = ?1 "
                        "ORDER BY id DESC");
    dx_bind_int(select, 1, space->local);
    while (error == DX_OK && dx_step(context->store, select)) {
        dx_refusal refusal = {.feed = dx_column_int(select, 0),
                              .seq = dx_column_int(select, 1),
                              .section = dx_column_int(select, 2),
                              .error = (int)dx_column_int(select, 3),
                              .wall_ms = (uint64_t)dx_column_int(select, 4)};
        error = on_refusal(ctx, &refusal);
    }
    dx_step_reset(select);
    return error != DX_OK ? error : dx_store_error(context->store);
}
