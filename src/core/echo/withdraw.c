/* echo/withdraw.c: what was applied beyond a cut is taken back: the space's rows are made again from its
 * blocks.
 *
 * Layer: floor 1, echo. Forks are rare and proven, so the simple way is the right one: all entity rows of the
 * space go, every data feed begins at 0 again, and the pipeline runs to the end in this very transaction. The
 * result is what a replica has that knew of the cut before it saw the first block, because the state is a
 * function of the set of blocks and cuts. Bounded work per step is given up for it (docs/spec/ordering.md).
 */
#include "echo/pipeline.h"
#include "echo/section.h"
#include "echo/space_state.h"

static bool is_beyond_cut(const dx_space *space) {
    for (size_t i = 0; i < space->feed_count; i++) {
        const dx_feed *feed = &space->feeds[i];
        if (feed->identity.feed_class == DX_FEED_DATA && feed->applied > dx_feed_usable(feed)) {
            return true;
        }
    }
    return false;
}

/* An entity's key begins with the local number of the feed that made it. */
static int forget_feed(dx_context *context, dx_feed *feed) {
    sqlite3_stmt *remove = dx_store_query(context->store, "DELETE FROM entity WHERE key BETWEEN ?1 AND ?2");
    dx_bind_int(remove, 1, dx_entity_key(feed->local, 0, 0));
    dx_bind_int(remove, 2, dx_entity_key(feed->local, DX_PLACE_SEQ_MAX, DX_BLOCK_SECTIONS_MAX - 1));
    int error = dx_step_done(context->store, remove);
    if (error == DX_OK) {
        feed->applied = 0;
        feed->timeframe.count = 0;
        error = dx_feed_save_applied(feed, context->store);
    }
    return error;
}

/* No entity is left, so none is counted. */
static int forget_counts(dx_context *context, dx_space *space) {
    int error = dx_types_save(context, space);
    sqlite3_stmt *reset = dx_store_query(context->store, "UPDATE type SET live = 0 WHERE space = ?1");
    dx_bind_int(reset, 1, space->local);
    int failed = dx_step_done(context->store, reset);
    return error != DX_OK ? error : failed;
}

int dx_space_withdraw(dx_context *context, dx_space *space) {
    if (!is_beyond_cut(space)) {
        return DX_OK;
    }
    int error = forget_counts(context, space);
    for (size_t i = 0; error == DX_OK && i < space->feed_count; i++) {
        if (space->feeds[i].identity.feed_class == DX_FEED_DATA) {
            error = forget_feed(context, &space->feeds[i]);
        }
    }
    for (bool more = error == DX_OK; more && error == DX_OK;) {
        error = dx_pipeline_run(context, space, SIZE_MAX, &more);
    }
    if (context->changes != NULL) {
        context->changes->overflow = true; /* subscribers ask anew: much may be different, and some is gone */
    }
    space->change++;
    return error;
}
