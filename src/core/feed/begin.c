/* feed/begin.c: feeds that begin later than at their first block. See begin.h.
 *
 * Layer: floor 1, feed. */
#include "feed/begin.h"

#include <string.h>

#include "feed/feed_state.h"
#include "feed/hole.h"
#include "feed/limb.h"

enum { VECTOR_SIZE_MAX = DX_FEED_LOCAL_MAX * 16 };

static int save_begin(const dx_feed *feed, dx_store *store, uint64_t length, const dx_timeframe *vector) {
    dx_buf saved;
    dx_buf_init(&saved, feed->alloc, VECTOR_SIZE_MAX);
    int error = dx_timeframe_save(vector, &saved);
    if (!error) {
        sqlite3_stmt *update = dx_store_query(store, "UPDATE feed SET begins=?2, vector=?3 WHERE id=?1");
        dx_bind_int(update, 1, feed->local);
        dx_bind_int(update, 2, (int64_t)length);
        dx_bind_bytes(update, 3, dx_buf_view(&saved));
        error = dx_step_done(store, update);
    }
    dx_buf_deinit(&saved);
    return error;
}

int dx_feed_begin_at(dx_feed *feed, dx_store *store, uint64_t length, const dx_timeframe *vector) {
    DX_ASSERT(feed->identity.feed_class == DX_FEED_DATA && length >= feed->begins && length <= feed->applied);
    int error = save_begin(feed, store, length, vector);
    feed->begins = error ? feed->begins : length;
    return error;
}

int dx_feed_vector(const dx_feed *feed, dx_store *store, dx_timeframe *out) {
    sqlite3_stmt *select = dx_store_query(store, "SELECT vector FROM feed WHERE id=?1");
    dx_bind_int(select, 1, feed->local);
    if (!dx_step(store, select)) {
        int error = dx_store_error(store);
        return error ? error : DX_E_CORRUPT;
    }
    int error = dx_timeframe_restore(out, dx_column_bytes(select, 0));
    dx_step_reset(select);
    return error;
}

int dx_feed_mmr_at(const dx_feed *feed, dx_store *store, uint64_t length, dx_mmr *out) {
    if (length == feed->length) {
        *out = feed->mmr;
        return DX_OK;
    }
    dx_branch rows = dx_feed_rows(feed, store, length);
    return dx_mmr_load(out, dx_branch_read, &rows, length);
}

/* --- Without the blocks -------------------------------------------------------------------------- */

/* What would stand in a row before its peak is not known. */
int dx_feed_store_peaks(dx_store *store, int64_t rows, const dx_mmr *mmr) {
    uint64_t at = 0, index;
    unsigned level;
    int error = DX_OK;
    for (size_t i = 0; !error && dx_mmr_next_tile(&at, mmr->length, &level, &index); i++) {
        uint8_t nodes[DX_MMR_NODES_SIZE_MAX] = {0};
        memcpy(nodes + (size_t)level * DX_HASH_SIZE, mmr->peaks[i], DX_HASH_SIZE);
        sqlite3_stmt *insert =
            dx_store_query(store, "INSERT OR REPLACE INTO block(key, nodes, body) VALUES(?1, ?2, x'')");
        dx_bind_int(insert, 1, rows << 32 | (int64_t)(at - 1));
        dx_bind_bytes(insert, 2, dx_bytes_of(nodes, ((size_t)level + 1) * DX_HASH_SIZE));
        error = dx_step_done(store, insert);
    }
    return error;
}

/* A feed that is shorter here: it becomes as long as this, and nothing of it is left to be received or applied. */
static int lengthen(dx_feed *feed, dx_store *store, const dx_mmr *mmr) {
    dx_feed after = *feed;
    dx_bytes none = {NULL, 0};
    after.length = mmr->length;
    after.mmr = *mmr;
    after.head = after.target = (dx_head){0};
    int error = dx_feed_store_peaks(store, feed->rows, mmr);
    error = error ? error : dx_feed_save(&after, store, &none);
    if (!error) {
        *feed = after;
    }
    return error;
}

int dx_feed_has_root(const dx_feed *feed, dx_store *store, uint64_t length,
                     const uint8_t root[static DX_ROOT_PREFIX_SIZE], bool *has) {
    uint8_t ours[DX_HASH_SIZE];
    *has = false;
    int error = feed->length < length ? DX_OK : dx_feed_root(feed, store, length, ours);
    *has = !error && feed->length >= length && memcmp(ours, root, DX_ROOT_PREFIX_SIZE) == 0;
    return error;
}

int dx_feed_jump(dx_feed *feed, dx_store *store, const dx_mmr *mmr, const dx_timeframe *vector) {
    uint8_t root[DX_HASH_SIZE];
    bool here;
    if (mmr->length < feed->begins) {
        return DX_E_STATE;
    }
    dx_mmr_root(mmr, root);
    int error = dx_feed_has_root(feed, store, mmr->length, root, &here);
    if (!error && !here) {
        if (feed->own) {
            return DX_E_STATE;
        }
        bool in_place = feed->length < mmr->length && feed->rows == feed->trunk;
        error = in_place ? DX_OK : dx_limb_set_aside(feed, store);
        error = error ? error : lengthen(feed, store, mmr);
    }
    if (!error && (!here || feed->applied < mmr->length)) {
        feed->applied = mmr->length;
        feed->kept = 0;
        feed->timeframe.count = 0;
        for (size_t i = 0; !error && i < vector->count; i++) {
            error = dx_timeframe_raise(&feed->timeframe, vector->entries[i].feed, vector->entries[i].length);
        }
        error = error ? error : dx_feed_save_applied(feed, store);
    }
    return error ? error : dx_feed_begin_at(feed, store, mmr->length, vector);
}

/* --- Sweeping ------------------------------------------------------------------------------------ */

/* Where the next `budget` of them end; 0: there are none. */
static int find_end(dx_store *store, int64_t first, int64_t end, size_t budget, int64_t *last) {
    sqlite3_stmt *select = dx_store_query(
        store, "SELECT max(key) FROM (SELECT key FROM block WHERE key>=?1 AND key<?2 ORDER BY key LIMIT ?3)");
    dx_bind_int(select, 1, first);
    dx_bind_int(select, 2, end);
    dx_bind_int(select, 3, (int64_t)budget);
    *last = dx_step(store, select) ? dx_column_int(select, 0) : 0;
    dx_step_reset(select);
    return dx_store_error(store);
}

static int remove_keys(dx_store *store, int64_t first, int64_t end, size_t *budget) {
    int64_t last = 0;
    int error = first >= end || *budget == 0 ? DX_OK : find_end(store, first, end, *budget, &last);
    if (error || last == 0) {
        return error;
    }
    error = dx_hole_forget(store, first, last);
    if (error) {
        return error;
    }
    sqlite3_stmt *remove = dx_store_query(store, "DELETE FROM block WHERE key>=?1 AND key<=?2");
    dx_bind_int(remove, 1, first);
    dx_bind_int(remove, 2, last);
    error = dx_step_done(store, remove);
    if (!error) {
        *budget -= (size_t)dx_store_changes(store);
    }
    return error;
}

/* Blocks [from, end) of the branch in force; those below `parts` are the trunk's. */
static int remove_blocks(const dx_feed *feed, dx_store *store, uint64_t from, uint64_t end, size_t *budget) {
    uint64_t shared = end < feed->parts ? end : feed->parts;
    int error =
        remove_keys(store, feed->trunk << 32 | (int64_t)from, feed->trunk << 32 | (int64_t)shared, budget);
    uint64_t begin = from > feed->parts ? from : feed->parts;
    return error ? error
                 : remove_keys(store, feed->rows << 32 | (int64_t)begin, feed->rows << 32 | (int64_t)end,
                               budget);
}

static int clear_body(const dx_feed *feed, dx_store *store, uint64_t seq, size_t *budget) {
    if (*budget == 0) {
        return DX_OK;
    }
    int64_t key = dx_feed_block_key(feed, seq);
    int error = dx_hole_forget(store, key, key);
    if (error) {
        return error;
    }
    sqlite3_stmt *update = dx_store_query(store, "UPDATE block SET body=x'' WHERE key=?1 AND length(body)>0");
    dx_bind_int(update, 1, key);
    error = dx_step_done(store, update);
    if (!error) {
        *budget -= (size_t)dx_store_changes(store);
    }
    return error;
}

int dx_feed_sweep(const dx_feed *feed, dx_store *store, size_t *budget) {
    uint64_t at = 0, from = 0, index;
    unsigned level;
    int error = DX_OK;
    while (!error && *budget != 0 && dx_mmr_next_tile(&at, feed->begins, &level, &index)) {
        error = remove_blocks(feed, store, from, at - 1, budget);
        error = error ? error : clear_body(feed, store, at - 1, budget);
        from = at;
    }
    return error || *budget == 0 ? error : dx_limb_sweep(feed, store, budget);
}
