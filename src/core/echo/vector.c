/* echo/vector.c: the version vectors of blocks. See vector.h.
 *
 * Layer: floor 1, echo. */
#include "echo/vector.h"

#include <string.h>

#include "echo/pipeline.h"
#include "feed/begin.h"

enum {
    /* Blocks between two vectors that are kept: so many headers are read again at most, some hundred microseconds. */
    BLOCKS_APART = 64,
    VECTOR_SIZE_MAX = DX_FEED_LOCAL_MAX * 16
};

/* --- One block ------------------------------------------------------------------------------------ */

static int raise_named(dx_space *space, dx_bytes entries, size_t count, dx_timeframe *vector) {
    dx_reader cursor;
    dx_reader_init(&cursor, entries);
    int error = DX_OK;
    for (size_t i = 0; i < count && error == DX_OK; i++) {
        dx_dependency dependency;
        error = dx_block_dependency(&cursor, &dependency);
        const dx_feed *named = error == DX_OK ? dx_space_feed_by_prefix(space, dependency.feed) : NULL;
        if (named != NULL) {
            error = dx_timeframe_raise(vector, named->local, dependency.length);
        }
    }
    return error;
}

/* Over control feeds too. */
int dx_vector_raise(dx_space *space, const dx_feed *feed, uint64_t seq, const dx_block *block,
                    dx_timeframe *vector) {
    const dx_block_header *header = &block->header;
    int error = raise_named(space, header->auth, header->auth_count, vector);
    if (error == DX_OK) {
        error = raise_named(space, header->dependencies, header->dependency_count, vector);
    }
    return error != DX_OK ? error : dx_timeframe_raise(vector, feed->local, seq + 1);
}

dx_stamp dx_vector_stamp(dx_space *space, const dx_feed *feed, const dx_timeframe *vector) {
    dx_stamp stamp = {.counter = 0};
    memcpy(stamp.feed, feed->id, sizeof stamp.feed);
#if defined(DX_PLANT) && DX_PLANT == 3
    stamp.counter = space->change;
    return stamp;
#endif
    for (size_t i = 0; i < vector->count; i++) {
        const dx_timeframe_entry *entry = &vector->entries[i];
        const dx_feed *named = dx_space_feed(space, entry->feed);
#if defined(DX_PLANT) && DX_PLANT == 21
        if (named != NULL) {
#else
        if (named != NULL && named->identity.feed_class == DX_FEED_DATA) {
#endif
            stamp.counter += entry->length;
        }
    }
    return stamp;
}

bool dx_vector_is_never_applied(dx_space *space, const dx_feed *feed, const dx_block *block) {
    const dx_bytes lists[] = {block->header.auth, block->header.dependencies};
    const size_t counts[] = {block->header.auth_count, block->header.dependency_count};
    for (size_t list = 0; list < 2; list++) {
        dx_reader cursor;
        dx_dependency dependency;
        dx_reader_init(&cursor, lists[list]);
        for (size_t i = 0; i < counts[list] && dx_block_dependency(&cursor, &dependency) == DX_OK; i++) {
            const dx_feed *named = dx_space_feed_by_prefix(space, dependency.feed);
            dx_feed_class wanted = list == 0 ? DX_FEED_CONTROL : DX_FEED_DATA;
            if (named != NULL && (named == feed || named->identity.feed_class != wanted)) {
                return true;
            }
        }
    }
    return false;
}

/* --- Transactions ----------------------------------------------------------------------------------- */

/* The end of the transaction that begins there; begin when it is not whole below end. */
static int find_end(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t begin, uint64_t end,
                    uint64_t *next, bool *never) {
    dx_block block;
    uint64_t seq = begin;
    bool goes_on = true;
    int error = DX_OK;
    *never = false;
    for (; goes_on && seq < end && error == DX_OK; seq++) {
        error = dx_pipeline_block(context, space, feed, seq, &block);
        *never = error == DX_OK && dx_vector_is_never_applied(space, feed, &block);
        goes_on = error == DX_OK && !*never && (block.header.flags & DX_BLOCK_CONTINUES) != 0 &&
                  seq + 1 - begin < DX_TRANSACTION_BLOCKS_MAX;
    }
    *next = error != DX_OK || goes_on ? begin : seq;
    return error;
}

/* Raises by blocks [begin, end) of one transaction. */
static int raise_blocks(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t begin,
                        uint64_t end, dx_timeframe *vector) {
    int error = DX_OK;
    for (uint64_t seq = begin; seq < end && error == DX_OK; seq++) {
        dx_block block;
        error = dx_pipeline_block(context, space, feed, seq, &block);
        error = error == DX_OK ? dx_vector_raise(space, feed, seq, &block, vector) : error;
    }
    return error;
}

int dx_vector_walk(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t begin, uint64_t end,
                   dx_timeframe *vector, uint64_t *next) {
    bool never;
    int error = find_end(context, space, feed, begin, end, next, &never);
    if (error == DX_OK && never) {
        return dx_timeframe_raise(vector, feed->local, *next);
    }
    return error == DX_OK ? raise_blocks(context, space, feed, begin, *next, vector) : error;
}

/* --- What is kept ------------------------------------------------------------------------------------- */

/* The last vector kept at or before a length. *length 0: none, and the timeframe is empty. */
static int read_kept(dx_context *context, const dx_feed *feed, uint64_t *length, dx_timeframe *out) {
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT length, timeframe FROM vector WHERE feed = ?1 AND"
                                       " length <= ?2 ORDER BY length DESC LIMIT 1");
    dx_bind_int(select, 1, feed->local);
    dx_bind_int(select, 2, (int64_t)*length);
    bool found = dx_step(context->store, select);
    *length = found ? (uint64_t)dx_column_int(select, 0) : 0;
    int error = dx_timeframe_restore(out, found ? dx_column_bytes(select, 1) : (dx_bytes){NULL, 0});
    dx_step_reset(select);
    int failed = dx_store_error(context->store);
    return failed != DX_OK ? failed : error;
}

static int is_kept_near(dx_context *context, const dx_feed *feed, uint64_t length, bool *near) {
    sqlite3_stmt *select = dx_store_query(
        context->store, "SELECT 1 FROM vector WHERE feed = ?1 AND length <= ?2 AND length > ?2 - ?3 LIMIT 1");
    dx_bind_int(select, 1, feed->local);
    dx_bind_int(select, 2, (int64_t)length);
    dx_bind_int(select, 3, BLOCKS_APART);
    *near = dx_step(context->store, select);
    dx_step_reset(select);
    return dx_store_error(context->store);
}

int dx_vector_keep(dx_context *context, const dx_feed *feed, uint64_t begin, const dx_timeframe *vector) {
    bool near = false;
    int error = begin == 0 ? DX_OK : is_kept_near(context, feed, begin, &near);
    if (error != DX_OK || near || begin == 0) { /* from the beginning on nothing is needed */
        return error;
    }
    dx_buf saved;
    dx_buf_init(&saved, context->alloc, VECTOR_SIZE_MAX);
    error = dx_timeframe_save(vector, &saved);
    if (error == DX_OK) {
        sqlite3_stmt *insert = dx_store_query(
            context->store, "INSERT OR REPLACE INTO vector(feed, length, timeframe) VALUES(?1, ?2, ?3)");
        dx_bind_int(insert, 1, feed->local);
        dx_bind_int(insert, 2, (int64_t)begin);
        dx_bind_bytes(insert, 3, dx_buf_view(&saved));
        error = dx_step_done(context->store, insert);
    }
    dx_buf_deinit(&saved);
    return error;
}

int dx_vector_forget(dx_context *context, const dx_feed *feed, uint64_t length) {
    sqlite3_stmt *remove =
        dx_store_query(context->store, "DELETE FROM vector WHERE feed = ?1 AND length > ?2");
    dx_bind_int(remove, 1, feed->local);
    dx_bind_int(remove, 2, (int64_t)length);
    return dx_step_done(context->store, remove);
}

int dx_vector_at(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq, dx_timeframe *out,
                 bool *applied) {
    uint64_t at = seq, next = 0, begin;
    bool never = false;
    int error = read_kept(context, feed, &at, out);
    if (error == DX_OK && at < feed->begins) { /* what is below is not here */
        at = feed->begins;
        error = dx_feed_vector(feed, context->store, out);
    }
    begin = at;
    while (error == DX_OK) {
        error = find_end(context, space, feed, at, feed->length, &next, &never);
        if (error != DX_OK || next == at || next > seq) {
            break;
        }
        error = never ? dx_timeframe_raise(out, feed->local, next)
                      : raise_blocks(context, space, feed, at, next, out);
        at = next;
        if (error == DX_OK && at - begin >= BLOCKS_APART) { /* for the next one that is asked for */
            error = dx_vector_keep(context, feed, at, out);
            begin = at;
        }
    }
    *applied = error == DX_OK && next != at && !never;
    return *applied ? raise_blocks(context, space, feed, at, seq + 1, out) : error;
}
