/* echo/forget.c: a vault forgets a space: marked at once, its rows removed in bounded steps.
 *
 * Layer: floor 1, echo. Contract in space.h. Rows are found through the space's feeds, so those go last; the
 * mark stands until nothing is left, and a restart goes on where it was. Numbers of spaces are never given
 * twice, so rows that other rooms keep under one can only be stale. */
#include <string.h>

#include "echo/entity_row.h"
#include "echo/index.h"
#include "echo/row_log.h"
#include "echo/section.h"
#include "echo/space_state.h"
#include "echo/touch_run.h"

/* A feed of a forgotten space. */
typedef struct doomed_feed {
    int64_t local;
    uint8_t key[DX_KEY_SIZE];
} doomed_feed;

int dx_space_forget(dx_context *context, int64_t local) {
    sqlite3_stmt *mark = dx_store_query(context->store, "UPDATE space SET forgotten = 1 WHERE id = ?1");
    dx_bind_int(mark, 1, local);
    return dx_step_done(context->store, mark);
}

/* Removes at most *budget rows of the table with keys in [first, last]. */
static int remove_range(dx_context *context, sqlite3_stmt *remove, int64_t first, int64_t last,
                        size_t *budget) {
    dx_bind_int(remove, 1, first);
    dx_bind_int(remove, 2, last);
    dx_bind_int(remove, 3, (int64_t)*budget);
    int error = dx_step_done(context->store, remove);
    if (error != DX_OK) {
        return error;
    }
    sqlite3_stmt *select = dx_store_query(context->store, "SELECT changes()");
    int64_t removed = dx_step(context->store, select) ? dx_column_int(select, 0) : 0;
    dx_step_reset(select);
    *budget -= (size_t)removed;
    return dx_store_error(context->store);
}

static int run_with(dx_context *context, sqlite3_stmt *statement, int64_t value) {
    dx_bind_int(statement, 1, value);
    return dx_step_done(context->store, statement);
}

/* Blocks stored under one number: the feed's own or a limb's. */
static int remove_rows(dx_context *context, int64_t rows, size_t *budget) {
    sqlite3_stmt *remove =
        dx_store_query(context->store, "DELETE FROM block WHERE key IN "
                                       "(SELECT key FROM block WHERE key BETWEEN ?1 AND ?2 LIMIT ?3)");
    int error = remove_range(context, remove, rows << 32, rows << 32 | UINT32_MAX, budget);
    if (error != DX_OK || *budget == 0) {
        return error;
    }
    remove =
        dx_store_query(context->store, "DELETE FROM hole WHERE block IN "
                                       "(SELECT block FROM hole WHERE block BETWEEN ?1 AND ?2 LIMIT ?3)");
    error = remove_range(context, remove, rows << 32, rows << 32 | UINT32_MAX, budget);
    if (error != DX_OK || *budget == 0) {
        return error;
    }
    return run_with(context, dx_store_query(context->store, "DELETE FROM hole_count WHERE rows = ?1"), rows);
}

static int remove_undone(dx_context *context, const doomed_feed *feed, size_t *budget) {
    sqlite3_stmt *remove =
        dx_store_query(context->store, "DELETE FROM undo WHERE block IN "
                                       "(SELECT block FROM undo WHERE block BETWEEN ?1 AND ?2 LIMIT ?3)");
    return remove_range(context, remove, feed->local << 32, feed->local << 32 | UINT32_MAX, budget);
}

static int remove_moves(dx_context *context, const doomed_feed *feed, size_t *budget) {
    int64_t first = dx_entity_key(feed->local, 0, 0);
    int64_t last = dx_entity_key(feed->local, DX_PLACE_SEQ_MAX, DX_BLOCK_SECTIONS_MAX - 1);
    sqlite3_stmt *remove =
        dx_store_query(context->store, "DELETE FROM yielded WHERE child IN"
                                       " (SELECT child FROM yielded WHERE child BETWEEN ?1 AND ?2 LIMIT ?3)");
    int error = remove_range(context, remove, first, last, budget);
    if (error != DX_OK || *budget == 0) {
        return error;
    }
    remove = dx_store_query(context->store,
                            "DELETE FROM move WHERE (child, counter, feed) IN (SELECT child, counter, feed"
                            " FROM move WHERE child BETWEEN ?1 AND ?2 LIMIT ?3)");
    return remove_range(context, remove, first, last, budget);
}

static int remove_steps(dx_context *context, const doomed_feed *feed, size_t *budget) {
    sqlite3_stmt *remove = dx_store_query(
        context->store, "DELETE FROM step WHERE (entity, counter, feed) IN (SELECT entity, counter, feed"
                        " FROM step WHERE entity BETWEEN ?1 AND ?2 LIMIT ?3)");
    return remove_range(context, remove, dx_entity_key(feed->local, 0, 0),
                        dx_entity_key(feed->local, DX_PLACE_SEQ_MAX, DX_BLOCK_SECTIONS_MAX - 1), budget);
}

static int remove_provenances(dx_context *context, const doomed_feed *feed, size_t *budget) {
    sqlite3_stmt *remove =
        dx_store_query(context->store, "DELETE FROM provenance WHERE entity IN (SELECT entity FROM provenance"
                                       " WHERE entity BETWEEN ?1 AND ?2 LIMIT ?3)");
    return remove_range(context, remove, dx_entity_key(feed->local, 0, 0),
                        dx_entity_key(feed->local, DX_PLACE_SEQ_MAX, DX_BLOCK_SECTIONS_MAX - 1), budget);
}

static int remove_base_rows(dx_context *context, const doomed_feed *feed, size_t *budget) {
    sqlite3_stmt *remove = dx_store_query(
        context->store,
        "DELETE FROM base_row WHERE (entity, generation) IN (SELECT entity, generation FROM base_row"
        " WHERE entity BETWEEN ?1 AND ?2 LIMIT ?3)");
    return remove_range(context, remove, dx_entity_key(feed->local, 0, 0),
                        dx_entity_key(feed->local, DX_PLACE_SEQ_MAX, DX_BLOCK_SECTIONS_MAX - 1), budget);
}

static int remove_hidden(dx_context *context, const doomed_feed *feed, size_t *budget) {
    sqlite3_stmt *remove = dx_store_query(
        context->store, "DELETE FROM hidden WHERE (entity, rows, seq, section) IN (SELECT entity, rows, seq,"
                        " section FROM hidden WHERE feed BETWEEN ?1 AND ?2 LIMIT ?3)");
    return remove_range(context, remove, feed->local, feed->local, budget);
}

static int remove_named(dx_context *context, const doomed_feed *feed, size_t *budget) {
    sqlite3_stmt *remove = dx_store_query(
        context->store, "DELETE FROM named WHERE (feed, source, length, root, seq) IN (SELECT feed, source,"
                        " length, root, seq FROM named WHERE feed BETWEEN ?1 AND ?2 LIMIT ?3)");
    return remove_range(context, remove, feed->local, feed->local, budget);
}

/* The number of a branch beside the one in force, of that one, or of what they shared; 0: no limb is left. */
static int find_limb(dx_context *context, const doomed_feed *feed, int64_t *rows) {
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT coalesce((SELECT rows FROM limb WHERE feed = ?1 LIMIT 1),"
                                       " (SELECT CASE rows WHEN 0 THEN trunk ELSE rows END FROM feed WHERE"
                                       " id = ?1), 0)");
    dx_bind_int(select, 1, feed->local);
    *rows = dx_step(context->store, select) ? dx_column_int(select, 0) : 0;
    dx_step_reset(select);
    return dx_store_error(context->store);
}

static int forget_limb(dx_context *context, const doomed_feed *feed, int64_t rows) {
    sqlite3_stmt *remove = dx_store_query(context->store, "DELETE FROM limb WHERE rows = ?1");
    dx_bind_int(remove, 1, rows);
    int error = dx_step_done(context->store, remove);
    sqlite3_stmt *update =
        dx_store_query(context->store, "UPDATE feed SET rows = iif(rows = ?2, 0, rows), trunk = iif(trunk ="
                                       " ?2, 0, trunk) WHERE id = ?1");
    dx_bind_int(update, 1, feed->local);
    dx_bind_int(update, 2, rows);
    int failed = dx_step_done(context->store, update);
    return error != DX_OK ? error : failed;
}

/* Limb by limb, and the feed's own last. */
static int remove_blocks(dx_context *context, const doomed_feed *feed, size_t *budget) {
    int64_t rows = 0;
    int error;
    do {
        error = find_limb(context, feed, &rows);
        if (error == DX_OK) {
            error = remove_rows(context, rows == 0 ? feed->local : rows, budget);
        }
        if (error == DX_OK && rows != 0 && *budget != 0) {
            error = forget_limb(context, feed, rows);
        }
    } while (error == DX_OK && rows != 0 && *budget != 0);
    return error;
}

/* The feed's row and its secret go when nothing else of it is left. */
static int remove_feed(dx_context *context, const doomed_feed *feed, size_t *budget) {
    int error = dx_entity_rows_drop(context, feed->local, budget);
    if (error == DX_OK && *budget != 0) {
        error = remove_undone(context, feed, budget);
    }
    if (error == DX_OK && *budget != 0) {
        error = remove_moves(context, feed, budget);
    }
    if (error == DX_OK && *budget != 0) {
        error = remove_steps(context, feed, budget);
    }
    if (error == DX_OK && *budget != 0) {
        error = remove_provenances(context, feed, budget);
    }
    if (error == DX_OK && *budget != 0) {
        error = remove_base_rows(context, feed, budget);
    }
    if (error == DX_OK && *budget != 0) {
        error = remove_named(context, feed, budget);
    }
    if (error == DX_OK && *budget != 0) {
        error = remove_hidden(context, feed, budget);
    }
    if (error == DX_OK && *budget != 0) {
        error = remove_blocks(context, feed, budget);
    }
    if (error != DX_OK || *budget == 0) {
        return error;
    }
    error =
        run_with(context, dx_store_query(context->store, "DELETE FROM fork WHERE feed = ?1"), feed->local);
    if (error == DX_OK) {
        error = run_with(context, dx_store_query(context->store, "DELETE FROM looked WHERE feed = ?1"),
                         feed->local);
    }
    if (error == DX_OK) {
        error = run_with(context, dx_store_query(context->store, "DELETE FROM vector WHERE feed = ?1"),
                         feed->local);
    }
    if (error == DX_OK) {
        error =
            run_with(context, dx_store_query(context->store, "DELETE FROM feed WHERE id = ?1"), feed->local);
    }
    return error != DX_OK ? error : dx_keyring_remove(context->store, feed->key);
}

static int find_feed(dx_context *context, int64_t space, doomed_feed *feed) {
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT id, key FROM feed WHERE space = ?1 ORDER BY id LIMIT 1");
    dx_bind_int(select, 1, space);
    bool found = dx_step(context->store, select);
    if (found) {
        dx_bytes key = dx_column_bytes(select, 1);
        feed->local = dx_column_int(select, 0);
        memset(feed->key, 0, sizeof feed->key);
        memcpy(feed->key, key.data, key.size < sizeof feed->key ? key.size : sizeof feed->key);
    }
    dx_step_reset(select);
    int error = dx_store_error(context->store);
    return error != DX_OK ? error : found ? DX_OK : DX_E_NOT_FOUND;
}

/* At most 32,768 chunks each, of which few are there. */
static int remove_snapshots(dx_context *context, int64_t space) {
    dx_store *store = context->store;
    int error = run_with(context,
                         dx_store_query(store, "DELETE FROM snapshot_chunk WHERE snapshot IN (SELECT id FROM"
                                               " snapshot WHERE space = ?1)"),
                         space);
    if (error == DX_OK) {
        error = run_with(context, dx_store_query(store, "DELETE FROM snapshot WHERE space = ?1"), space);
    }
    return error != DX_OK
               ? error
               : run_with(context, dx_store_query(store, "DELETE FROM base WHERE space = ?1"), space);
}

static int remove_space(dx_context *context, int64_t space) {
    dx_store *store = context->store;
    int error = run_with(context, dx_store_query(store, "DELETE FROM credential WHERE space = ?1"), space);
    error = error == DX_OK ? remove_snapshots(context, space) : error;
    error = error == DX_OK ? dx_row_log_drop(context, space) : error;
    if (error == DX_OK) {
        error = run_with(context, dx_store_query(store, "DELETE FROM carried WHERE space = ?1"), space);
    }
    if (error == DX_OK) {
        error = run_with(context, dx_store_query(store, "DELETE FROM space_key WHERE space = ?1"), space);
    }
    if (error == DX_OK) {
        error = run_with(context, dx_store_query(store, "DELETE FROM type WHERE space = ?1"), space);
    }
    if (error == DX_OK) {
        error = run_with(context, dx_store_query(store, "DELETE FROM purged WHERE space = ?1"), space);
    }
    if (error == DX_OK) {
        error = run_with(context, dx_store_query(store, "DELETE FROM purged_place WHERE space = ?1"), space);
    }
    if (error == DX_OK) {
        error = run_with(context, dx_store_query(store, "DELETE FROM purges_done WHERE space = ?1"), space);
    }
    if (error == DX_OK) {
        error = run_with(context, dx_store_query(store, "DELETE FROM refused WHERE space = ?1"), space);
    }
    if (error == DX_OK) {
        error = run_with(context, dx_store_query(store, "DELETE FROM space_scope WHERE space = ?1"), space);
    }
    if (error == DX_OK) {
        error = run_with(context, dx_store_query(store, "DELETE FROM sought WHERE space = ?1"), space);
    }
    return error != DX_OK
               ? error
               : run_with(context, dx_store_query(store, "DELETE FROM space WHERE id = ?1"), space);
}

int dx_space_sweep(dx_context *context, size_t budget, bool *more) {
    *more = false;
    while (budget != 0) {
        sqlite3_stmt *select =
            dx_store_query(context->store, "SELECT id FROM space WHERE forgotten = 1 ORDER BY id LIMIT 1");
        int64_t space = dx_step(context->store, select) ? dx_column_int(select, 0) : 0;
        dx_step_reset(select);
        int error = dx_store_error(context->store);
        if (error != DX_OK || space == 0) {
            return error;
        }
        doomed_feed feed;
        error = find_feed(context, space, &feed);
        if (error == DX_OK) {
            error = remove_feed(context, &feed, &budget);
        } else if (error == DX_E_NOT_FOUND) {
            error = dx_touch_runs_drop(context, space, &budget);
            error = error == DX_OK ? dx_indexes_drop(context, space, &budget) : error;
            if (error == DX_OK && budget != 0) {
                error = remove_space(context, space);
                dx_store_note_dropped(context->store);
            }
        }
        if (error != DX_OK) {
            return error;
        }
    }
    *more = true;
    return DX_OK;
}
