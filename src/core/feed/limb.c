/* feed/limb.c: rows of table limb, and the exchange of two branches.
 *
 * Layer: floor 1, feed. Contract in limb.h. The exchange moves six columns between two rows, however long the
 * branches are. */
#include "feed/limb.h"

#include <string.h>

#include "feed/begin.h"
#include "feed/branch.h"
#include "feed/feed_state.h"
#include "feed/hole.h"

static int next_rows(dx_store *store, int64_t *rows) {
    sqlite3_stmt *select = dx_store_query(store, "SELECT max(coalesce((SELECT max(rows) FROM limb), 0),"
                                                 " coalesce((SELECT max(rows) FROM feed), 0), ?1) + 1");
    dx_bind_int(select, 1, DX_FEED_LOCAL_MAX);
    *rows = dx_step(store, select) ? dx_column_int(select, 0) : 0;
    dx_step_reset(select);
    int error = dx_store_error(store);
    return error ? error : *rows > INT32_MAX ? DX_E_LIMIT : DX_OK;
}

/* A view of a branch that is this long so far. */
static dx_feed view_of(const dx_feed *feed, int64_t rows, uint64_t parts) {
    dx_feed view = *feed;
    view.rows = rows;
    view.parts = parts;
    view.is_limb = true;
    view.own = view.unsigned_tail = false;
    view.applied = view.kept = view.floor = view.settled = 0;
    view.head = view.target = (dx_head){0};
    view.timeframe = (dx_timeframe){.alloc = feed->alloc};
    return view;
}

/* Where a branch of table limb parts from the one in force: the trunk's row, too, at the place where that one left it, and
 * a limb that left the trunk higher than that likewise. */
#define PARTS_FROM_FORCE "min(CASE WHEN rows=?4 THEN ?2 ELSE parts END, ?2)"

/* Of the branch in force: where it leaves the trunk. */
static int64_t leaves_trunk(const dx_feed *feed) {
    return feed->rows == feed->trunk ? INT64_MAX : (int64_t)feed->parts;
}

int dx_limb_list(const dx_feed *feed, dx_store *store, int64_t rows[static DX_FEED_LIMBS_MAX],
                 size_t *count) {
    *count = 0;
    sqlite3_stmt *select = dx_store_query(store, "SELECT rows FROM limb WHERE feed=?1 AND " PARTS_FROM_FORCE
                                                 " >= ?3 ORDER BY rows LIMIT ?5");
    dx_bind_int(select, 1, feed->local);
    dx_bind_int(select, 2, leaves_trunk(feed));
    dx_bind_int(select, 3, (int64_t)feed->begins);
    dx_bind_int(select, 4, feed->trunk);
    dx_bind_int(select, 5, DX_FEED_LIMBS_MAX);
    while (dx_step(store, select)) {
        rows[(*count)++] = dx_column_int(select, 0);
    }
    return dx_store_error(store);
}

/* Branches beside the one in force part below where the feed begins from now on, wherever they left which trunk: nobody
 * finds them any more, and they are swept whole. */
static int give_up(const dx_feed *feed, dx_store *store) {
    sqlite3_stmt *update = dx_store_query(store, "UPDATE limb SET parts=0 WHERE feed=?1");
    dx_bind_int(update, 1, feed->local);
    int error = dx_step_done(store, update);
    if (error) {
        return error;
    }
    sqlite3_stmt *insert =
        dx_store_query(store, "INSERT OR IGNORE INTO limb(rows, feed, parts, length, peaks, head, target)"
                              " VALUES(?1, ?2, 0, 0, x'', x'', x'')");
    dx_bind_int(insert, 1, feed->trunk); /* swept before, but for what the branch in force shared */
    dx_bind_int(insert, 2, feed->local);
    return dx_step_done(store, insert);
}

/* The branch in force left the trunk below where the feed begins: nothing of the trunk is left but peaks, and what parts from
 * this branch shares nothing with it. So this branch becomes the trunk. */
static int become_trunk(dx_feed *feed, dx_store *store) {
    dx_mmr mmr;
    int error = dx_feed_mmr_at(feed, store, feed->begins, &mmr);
    error = error ? error : dx_feed_store_peaks(store, feed->rows, &mmr);
    error = error ? error : give_up(feed, store);
    if (error) {
        return error;
    }
    sqlite3_stmt *update = dx_store_query(store, "UPDATE feed SET trunk=rows, parts=0 WHERE id=?1");
    dx_bind_int(update, 1, feed->local);
    error = dx_step_done(store, update);
    if (!error) {
        feed->trunk = feed->rows;
        feed->parts = 0;
    }
    return error;
}

int dx_limb_make(dx_feed *feed, dx_store *store, const dx_limb_goal *goal, dx_feed *view) {
    int64_t rows, others[DX_FEED_LIMBS_MAX];
    size_t count;
    uint64_t parts = dx_feed_common(feed);
    if (!feed->frozen || feed->length < parts) {
        return DX_E_STATE;
    }
    bool rootless = feed->rows != feed->trunk && feed->parts < feed->begins;
    int error = rootless ? become_trunk(feed, store) : DX_OK;
    error = error ? error : dx_limb_list(feed, store, others, &count);
    error = error ? error : count == DX_FEED_LIMBS_MAX ? DX_E_LIMIT : next_rows(store, &rows);
    if (error) {
        return error;
    }
    *view = view_of(feed, rows, parts);
    dx_branch below = dx_feed_rows(feed, store, parts);
    error = dx_mmr_load(&view->mmr, dx_branch_read, &below, parts);
    if (error) {
        return error;
    }
    view->length = parts;
    sqlite3_stmt *insert = dx_store_query(
        store, "INSERT INTO limb(rows, feed, parts, length, peaks, head, target, goal_length, goal_root)"
               " VALUES(?1, ?2, ?3, ?3, ?4, x'', x'', ?5, ?6)");
    dx_bind_int(insert, 1, rows);
    dx_bind_int(insert, 2, feed->local);
    dx_bind_int(insert, 3, (int64_t)parts);
    dx_bind_bytes(insert, 4, dx_bytes_of(view->mmr.peaks, dx_mmr_peak_count(view->length) * DX_HASH_SIZE));
    dx_bind_int(insert, 5, (int64_t)goal->length);
    dx_bind_bytes(insert, 6, dx_bytes_of(goal->root, sizeof goal->root));
    return dx_step_done(store, insert);
}

static bool take_row(const dx_feed *feed, sqlite3_stmt *row, int64_t rows, dx_feed *view) {
    int64_t parts = dx_column_int(row, 0), length = dx_column_int(row, 1);
    dx_bytes peaks = dx_column_bytes(row, 2);
    if (parts < 0 || length < parts || length > DX_FEED_LENGTH_MAX ||
        peaks.size != dx_mmr_peak_count((uint64_t)length) * DX_HASH_SIZE) {
        return false;
    }
    *view = view_of(feed, rows, (uint64_t)parts);
    view->length = view->mmr.length = (uint64_t)length;
    if (peaks.size > 0) {
        memcpy(view->mmr.peaks, peaks.data, peaks.size);
    }
    return dx_feed_take_head(dx_column_bytes(row, 3), DX_FEED_LENGTH_MAX, &view->head) &&
           dx_feed_take_head(dx_column_bytes(row, 4), view->length, &view->target);
}

int dx_limb_view(const dx_feed *feed, dx_store *store, int64_t rows, dx_feed *view) {
    sqlite3_stmt *select = dx_store_query(
        store, "SELECT parts, length, peaks, head, target FROM limb WHERE rows=?1 AND feed=?2");
    dx_bind_int(select, 1, rows);
    dx_bind_int(select, 2, feed->local);
    if (!dx_step(store, select)) {
        int error = dx_store_error(store);
        return error ? error : DX_E_NOT_FOUND;
    }
    bool sound = take_row(feed, select, rows, view);
    dx_step_reset(select);
    if (!sound) {
        return DX_E_CORRUPT;
    }
    uint64_t leaves = (uint64_t)leaves_trunk(feed), from = rows == feed->trunk ? leaves : view->parts;
    return (from < leaves ? from : leaves) < feed->begins ? DX_E_NOT_FOUND : DX_OK;
}

int dx_limb_for(const dx_feed *feed, dx_store *store, const dx_limb_goal *goal, dx_feed *view) {
    sqlite3_stmt *select =
        dx_store_query(store, "SELECT rows FROM limb WHERE feed=?1 AND goal_length=?2 AND goal_root=?3"
                              " ORDER BY rows DESC LIMIT 1");
    dx_bind_int(select, 1, feed->local);
    dx_bind_int(select, 2, (int64_t)goal->length);
    dx_bind_bytes(select, 3, dx_bytes_of(goal->root, sizeof goal->root));
    int64_t rows = dx_step(store, select) ? dx_column_int(select, 0) : 0;
    dx_step_reset(select);
    int error = dx_store_error(store);
    return error ? error : rows == 0 ? DX_E_NOT_FOUND : dx_limb_view(feed, store, rows, view);
}

int dx_limb_finish(const dx_feed *view, dx_store *store) {
    sqlite3_stmt *update = dx_store_query(store, "UPDATE limb SET goal_root=NULL WHERE rows=?1");
    dx_bind_int(update, 1, view->rows);
    return dx_step_done(store, update);
}

int dx_limb_drop(const dx_feed *view, dx_store *store) {
    DX_ASSERT(view->is_limb && view->rows > DX_FEED_LOCAL_MAX);
    sqlite3_stmt *blocks = dx_store_query(store, "DELETE FROM block WHERE key>=?1 AND key<?2");
    dx_bind_int(blocks, 1, view->rows << 32);
    dx_bind_int(blocks, 2, (view->rows + 1) << 32);
    int error = dx_step_done(store, blocks);
    error = error ? error : dx_hole_forget(store, view->rows << 32, ((view->rows + 1) << 32) - 1);
    if (error) {
        return error;
    }
    sqlite3_stmt *remove = dx_store_query(store, "DELETE FROM limb WHERE rows=?1");
    dx_bind_int(remove, 1, view->rows);
    return dx_step_done(store, remove);
}

/* *here: whether the view's branch has this root at this length. */
static int has_root(const dx_feed *view, dx_store *store, const dx_limb_goal *goal, bool *here) {
    uint8_t root[DX_HASH_SIZE];
    int error = dx_feed_root(view, store, goal->length, root);
    *here = !error && memcmp(root, goal->root, sizeof goal->root) == 0;
    return error == DX_E_NOT_FOUND || error == DX_E_GONE ? DX_OK : error;
}

int dx_limb_find(const dx_feed *feed, dx_store *store, const dx_limb_goal *goal, dx_feed *view) {
    int64_t rows[DX_FEED_LIMBS_MAX];
    size_t count;
    bool here;
    *view = *feed;
    int error = has_root(view, store, goal, &here);
    if (error || here) {
        return error;
    }
    error = dx_limb_list(feed, store, rows, &count);
    for (size_t i = 0; !error && i < count; i++) {
        error = dx_limb_view(feed, store, rows[i], view);
        error = error ? error : has_root(view, store, goal, &here);
        if (error || here) {
            return error;
        }
    }
    return error ? error : DX_E_NOT_FOUND;
}

int dx_limb_sweep(const dx_feed *feed, dx_store *store, size_t *budget) {
    sqlite3_stmt *select =
        dx_store_query(store, "SELECT rows FROM limb WHERE feed=?1 AND " PARTS_FROM_FORCE " < ?3 LIMIT 1");
    dx_bind_int(select, 1, feed->local);
    dx_bind_int(select, 2, leaves_trunk(feed));
    dx_bind_int(select, 3, (int64_t)feed->begins);
    dx_bind_int(select, 4, feed->trunk);
    bool found = dx_step(store, select);
    int64_t rows = found ? dx_column_int(select, 0) : 0;
    dx_step_reset(select);
    int error = dx_store_error(store);
    if (error || !found) {
        return error;
    }
    int64_t first = rows << 32 | (rows == feed->trunk ? (int64_t)feed->parts : 0), end = (rows + 1) << 32;
    error = dx_hole_forget(store, first, end - 1);
    if (error) {
        return error;
    }
    sqlite3_stmt *blocks = dx_store_query(
        store, "DELETE FROM block WHERE key IN (SELECT key FROM block WHERE key>=?1 AND key<?2 LIMIT ?3)");
    dx_bind_int(blocks, 1, first);
    dx_bind_int(blocks, 2, end);
    dx_bind_int(blocks, 3, (int64_t)*budget);
    error = dx_step_done(store, blocks);
    if (error) {
        return error;
    }
    *budget -= (size_t)dx_store_changes(store);
    if (*budget == 0) {
        return DX_OK;
    }
    sqlite3_stmt *remove = dx_store_query(store, "DELETE FROM limb WHERE rows=?1");
    dx_bind_int(remove, 1, rows);
    error = dx_step_done(store, remove);
    return error ? error : dx_limb_sweep(feed, store, budget);
}

static int keep_row(const dx_feed *feed, dx_store *store) {
    sqlite3_stmt *insert =
        dx_store_query(store, "INSERT INTO limb(rows, feed, parts, length, peaks, head, target)"
                              " SELECT ?2, id, parts, length, peaks, head, target FROM feed WHERE id=?1");
    dx_bind_int(insert, 1, feed->local);
    dx_bind_int(insert, 2, feed->rows);
    return dx_step_done(store, insert);
}

static int exchange_rows(const dx_feed *feed, dx_store *store, int64_t rows) {
    int error = keep_row(feed, store);
    if (error) {
        return error;
    }
    sqlite3_stmt *update = dx_store_query(
        store, "UPDATE feed SET floor=0, settled=0, rows=?2, (parts, length, peaks, head, target) ="
               " (SELECT parts, length, peaks, head, target FROM limb WHERE rows=?2) WHERE id=?1");
    dx_bind_int(update, 1, feed->local);
    dx_bind_int(update, 2, rows);
    error = dx_step_done(store, update);
    if (error) {
        return error;
    }
    sqlite3_stmt *remove = dx_store_query(store, "DELETE FROM limb WHERE rows=?1");
    dx_bind_int(remove, 1, rows);
    return dx_step_done(store, remove);
}

int dx_limb_enforce(dx_feed *feed, dx_store *store, int64_t rows) {
    dx_feed view;
    if (feed->own || feed->applied > dx_feed_common(feed) || feed->kept > dx_feed_common(feed)) {
        return DX_E_STATE;
    }
    int error = dx_limb_view(feed, store, rows, &view);
    error = error ? error : exchange_rows(feed, store, rows);
    if (!error) {
        feed->rows = view.rows;
        feed->parts = view.parts;
        feed->length = view.length;
        feed->mmr = view.mmr;
        feed->head = view.head;
        feed->target = view.target;
        feed->floor = feed->settled = 0;
    }
    return error;
}

int dx_limb_set_aside(dx_feed *feed, dx_store *store) {
    int64_t rows = 0;
    int error = feed->own ? DX_E_STATE : next_rows(store, &rows);
    error = error ? error : keep_row(feed, store);
    if (error) {
        return error;
    }
    sqlite3_stmt *update =
        dx_store_query(store, "UPDATE feed SET floor=0, settled=0, rows=?2, parts=0, length=0, peaks=x'',"
                              " head=x'', target=x'' WHERE id=?1");
    dx_bind_int(update, 1, feed->local);
    dx_bind_int(update, 2, rows);
    error = dx_step_done(store, update);
    if (!error) {
        feed->rows = rows;
        feed->parts = feed->length = feed->floor = feed->settled = 0;
        feed->mmr = (dx_mmr){.length = 0};
        feed->head = feed->target = (dx_head){0};
    }
    return error;
}
