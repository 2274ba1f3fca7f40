/* feed/feed.c: feeds as rows: registered, loaded, appended to, signed, read and proven.
 *
 * Layer: floor 1, feed. What comes from others enters by verify.c. Every change is written to the store first
 * and to the feed in memory only when that went well. */
#include "feed/feed.h"

#include <string.h>

#include "feed/branch.h"
#include "feed/feed_state.h"
#include "feed/hole.h"
#include "feed/number.h"

/* Half a megabyte of entries at most (feed/timeframe.h). */
enum { TIMEFRAME_SIZE_MAX = DX_FEED_LOCAL_MAX * 16 };
/* Numbers read at once by dx_feed_each. */
enum { EACH_BATCH = 64 };

/* --- Rows -------------------------------------------------------------------------------------- */

int64_t dx_feed_block_key(const dx_feed *feed, uint64_t seq) {
    return (seq < feed->parts ? feed->trunk : feed->rows) << 32 | (int64_t)seq;
}

static int next_local(dx_store *store, int64_t *local) {
    sqlite3_stmt *select = dx_store_query(store, "SELECT coalesce(max(id), 0) FROM feed");
    *local = dx_step(store, select) ? dx_column_int(select, 0) + 1 : 0;
    dx_step_reset(select);
    int error = dx_store_error(store);
    return error ? error : *local > DX_FEED_LOCAL_MAX ? DX_E_LIMIT : DX_OK;
}

int dx_feed_create(dx_store *store, const dx_alloc *alloc, int64_t space, const dx_feed_identity *identity,
                   bool own, dx_feed *out) {
    *out = (dx_feed){.space = space,
                     .identity = *identity,
                     .own = own,
                     .cut = DX_FEED_NO_CUT,
                     .until = DX_FEED_NO_CUT,
                     .yields = DX_FEED_NO_CUT,
                     .judged = DX_FEED_NO_CUT,
                     .alloc = alloc};
    dx_timeframe_init(&out->timeframe, alloc);
    dx_feed_id(identity, out->id);
    int error = next_local(store, &out->local);
    if (error) {
        return error;
    }
    out->rows = out->trunk = out->local;
    sqlite3_stmt *insert =
        dx_store_query(store, "INSERT INTO feed(id, space, feed_id, prefix, device, key, class, own, length, "
                              "applied, peaks, head, target, timeframe)"
                              " VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0, 0, x'', x'', x'', x'')");
    dx_bind_int(insert, 1, out->local);
    dx_bind_int(insert, 2, space);
    dx_bind_bytes(insert, 3, dx_bytes_of(out->id, DX_HASH_SIZE));
    dx_bind_bytes(insert, 4, dx_bytes_of(out->id, DX_PREFIX_SIZE));
    dx_bind_bytes(insert, 5, dx_bytes_of(identity->device, DX_KEY_SIZE));
    dx_bind_bytes(insert, 6, dx_bytes_of(identity->key, DX_KEY_SIZE));
    dx_bind_int(insert, 7, (int64_t)identity->feed_class);
    dx_bind_int(insert, 8, own);
    return dx_step_done(store, insert);
}

static bool take_exact(dx_bytes value, uint8_t *out, size_t size) {
    if (value.size != size) {
        return false;
    }
    memcpy(out, value.data, size);
    return true;
}

bool dx_feed_take_head(dx_bytes value, uint64_t from, dx_head *head) {
    memset(head, 0, sizeof *head);
    if (value.size == 0) {
        return true;
    }
    if (value.size < DX_HEAD_STORED_SIZE) {
        return false;
    }
    head->length = get_u64(value.data);
    memcpy(head->root, value.data + 8, DX_HASH_SIZE);
    memcpy(head->signature, value.data + 8 + DX_HASH_SIZE, DX_SIGNATURE_SIZE);
    return head->length >= 1 && head->length <= DX_FEED_LENGTH_MAX &&
           value.size == DX_HEAD_STORED_SIZE + dx_mmr_proof_size(from, head->length);
}

/* What forks leave: a floor, a limb in force (rows 0: the trunk), and blocks to be walked again. */
static bool take_fork(dx_feed *feed, sqlite3_stmt *row) {
    int64_t floor = dx_column_int(row, 13), kept = dx_column_int(row, 14), rows = dx_column_int(row, 15),
            parts = dx_column_int(row, 16), settled = dx_column_int(row, 18), trunk = dx_column_int(row, 21);
    feed->floor = (uint64_t)floor;
    feed->settled = (uint64_t)settled;
    feed->judged = dx_column_is_null(row, 19) ? DX_FEED_NO_CUT : (uint64_t)dx_column_int(row, 19);
    feed->kept = (uint64_t)kept;
    feed->rows = rows == 0 ? feed->local : rows;
    feed->trunk = trunk == 0 ? feed->local : trunk;
    feed->parts = (uint64_t)parts;
    if (kept < 0 || feed->kept > feed->length || (feed->own && kept != 0)) {
        return false;
    }
    /* kept: others' forks shorten a feed, too; rows: it gave way to a state (begin.h) */
    bool plain = floor == 0 && (rows == 0 || feed->begins != 0) && parts == 0 && settled == 0;
    return feed->frozen ? feed->cut < DX_FEED_LENGTH_MAX && floor >= 0 && rows >= 0 && parts >= 0 &&
                              trunk >= 0 && feed->floor <= feed->length && feed->parts <= feed->length &&
                              settled >= 0 && settled <= floor
                        : plain;
}

static bool take_row(dx_feed *feed, sqlite3_stmt *row) {
    dx_bytes peaks = dx_column_bytes(row, 8);
    int64_t feed_class = dx_column_int(row, 4), length = dx_column_int(row, 6),
            applied = dx_column_int(row, 7);
    uint8_t id[DX_HASH_SIZE];
    if (!take_exact(dx_column_bytes(row, 1), id, DX_HASH_SIZE) ||
        !take_exact(dx_column_bytes(row, 2), feed->identity.device, DX_KEY_SIZE) ||
        !take_exact(dx_column_bytes(row, 3), feed->identity.key, DX_KEY_SIZE) || length < 0 ||
        length > DX_FEED_LENGTH_MAX || applied < 0 || applied > length ||
        (feed_class != DX_FEED_CONTROL && feed_class != DX_FEED_DATA) ||
        peaks.size != dx_mmr_peak_count((uint64_t)length) * DX_HASH_SIZE) {
        return false;
    }
    feed->space = dx_column_int(row, 0);
    feed->identity.feed_class = (dx_feed_class)feed_class;
    feed->own = dx_column_int(row, 5) != 0;
    feed->length = feed->mmr.length = (uint64_t)length;
    feed->applied = feed->reached = (uint64_t)applied;
    feed->begins = (uint64_t)dx_column_int(row, 20);
    if (dx_column_int(row, 20) < 0 || dx_column_int(row, 20) > applied) {
        return false;
    }
    if (dx_column_int(row, 17) > applied) { /* beyond the end when a shorter branch was put in force since */
        feed->reached = dx_column_int(row, 17) < length ? (uint64_t)dx_column_int(row, 17) : (uint64_t)length;
    }
    if (length > 0) {
        memcpy(feed->mmr.peaks, peaks.data, peaks.size);
    }
    feed->frozen = !dx_column_is_null(row, 12);
    feed->cut = feed->frozen ? (uint64_t)dx_column_int(row, 12) : DX_FEED_NO_CUT;
    dx_feed_id(&feed->identity, feed->id);
    return take_fork(feed, row) && memcmp(id, feed->id, DX_HASH_SIZE) == 0 &&
           dx_feed_take_head(dx_column_bytes(row, 9), DX_FEED_LENGTH_MAX, &feed->head) &&
           dx_feed_take_head(dx_column_bytes(row, 10), feed->length, &feed->target);
}

/* Heads and rows as feed.h promises them: every row covered, nothing beyond length. */
static int check_loaded(const dx_feed *feed, dx_store *store) {
    bool is_whole = feed->head.length == feed->length, has_target = feed->target.length != 0;
    bool is_loaded = feed->head.length == 0 && feed->length == feed->begins && !feed->own;
    if (feed->head.length > feed->length || (has_target && feed->target.length <= feed->length) ||
        (!is_whole && (feed->own || !has_target) && !is_loaded)) {
        return DX_E_CORRUPT;
    }
    uint8_t root[DX_HASH_SIZE];
    dx_mmr_root(&feed->mmr, root);
    if (is_whole && feed->length > 0 && memcmp(root, feed->head.root, DX_HASH_SIZE) != 0) {
        return DX_E_CORRUPT;
    }
    sqlite3_stmt *select = dx_store_query(store, "SELECT count(*) FROM block WHERE key IN (?1, ?2)");
    dx_bind_int(select, 1, dx_feed_block_key(feed, feed->length));
    dx_bind_int(select, 2, feed->length == 0 ? -1 : dx_feed_block_key(feed, feed->length - 1));
    bool is_right = dx_step(store, select) && dx_column_int(select, 0) == (feed->length > 0);
    dx_step_reset(select);
    int error = dx_store_error(store);
    return error ? error : is_right ? DX_OK : DX_E_CORRUPT;
}

static int look_for_holes(dx_feed *feed, dx_store *store) {
    uint64_t sections, excused;
    int error = dx_hole_count(feed, store, &sections, &excused);
    feed->hollow = sections != 0;
    return error;
}

int dx_feed_load(dx_store *store, const dx_alloc *alloc, const uint8_t space_id[static DX_HASH_SIZE],
                 int64_t local, dx_feed *out) {
    *out = (dx_feed){.local = local, .until = DX_FEED_NO_CUT, .yields = DX_FEED_NO_CUT, .alloc = alloc};
    dx_timeframe_init(&out->timeframe, alloc);
    memcpy(out->identity.space_id, space_id, DX_HASH_SIZE);
    sqlite3_stmt *select = dx_store_query(
        store, "SELECT space, feed_id, device, key, class, own, length, applied, peaks, head, target,"
               " timeframe, cut, floor, kept, rows, parts, reached, settled, judged, begins, trunk FROM feed "
               "WHERE id=?1");
    dx_bind_int(select, 1, local);
    if (!dx_step(store, select)) {
        int error = dx_store_error(store);
        return error ? error : DX_E_NOT_FOUND;
    }
    int error = take_row(out, select) ? dx_timeframe_restore(&out->timeframe, dx_column_bytes(select, 11))
                                      : DX_E_CORRUPT;
    dx_step_reset(select);
    error = error ? error : check_loaded(out, store);
    error = error ? error : look_for_holes(out, store);
    if (error) {
        dx_feed_deinit(out);
    }
    return error;
}

void dx_feed_deinit(dx_feed *feed) {
    dx_timeframe_deinit(&feed->timeframe);
}

int dx_feed_each(dx_store *store, int64_t space, int (*on_feed)(void *ctx, int64_t local), void *ctx) {
    int64_t batch[EACH_BATCH], last = 0;
    size_t count;
    do {
        sqlite3_stmt *select =
            dx_store_query(store, "SELECT id FROM feed WHERE space=?1 AND id>?2 ORDER BY id LIMIT ?3");
        dx_bind_int(select, 1, space);
        dx_bind_int(select, 2, last);
        dx_bind_int(select, 3, EACH_BATCH);
        for (count = 0; dx_step(store, select); count++) {
            batch[count] = last = dx_column_int(select, 0);
        }
        int error = dx_store_error(store);
        for (size_t i = 0; i < count && !error; i++) {
            error = on_feed(ctx, batch[i]);
        }
        if (error) {
            return error;
        }
    } while (count == EACH_BATCH);
    return DX_OK;
}

/* --- Shared with verify.c and fork.c (feed_state.h) ----------------------------------------------- */

dx_branch dx_feed_rows(const dx_feed *feed, dx_store *store, uint64_t length) {
    return (dx_branch){.store = store,
                       .trunk = feed->trunk,
                       .rows = feed->rows,
                       .parts = feed->parts,
                       .begins = feed->begins,
                       .stored = length,
                       .end = length,
                       .covered = length};
}

uint64_t dx_feed_limit(const dx_feed *feed) {
    uint64_t limit = feed->floor > feed->cut ? feed->floor : feed->cut;
    limit = limit < feed->yields ? limit : feed->yields;
    return feed->begins > limit ? feed->begins : limit;
}

int dx_feed_check_block(const dx_feed *feed, dx_bytes bytes, dx_block *out) {
    int error = dx_block_decode(bytes, out);
    if (error || out->header.feed_class != feed->identity.feed_class) {
        return DX_E_MALFORMED;
    }
    const dx_bytes lists[] = {out->header.auth, out->header.dependencies};
    const size_t counts[] = {out->header.auth_count, out->header.dependency_count};
    for (size_t list = 0; list < 2; list++) {
        dx_reader cursor;
        dx_reader_init(&cursor, lists[list]);
        for (size_t i = 0; i < counts[list]; i++) {
            dx_dependency dependency;
            error = dx_block_dependency(&cursor, &dependency);
            if (error || memcmp(dependency.feed, feed->id, DX_PREFIX_SIZE) == 0) {
                return DX_E_MALFORMED;
            }
        }
    }
    return DX_OK;
}

int dx_feed_store_block(const dx_feed *feed, dx_store *store, uint64_t seq, dx_bytes nodes, dx_bytes body) {
    sqlite3_stmt *insert = dx_store_query(store, "INSERT INTO block(key, nodes, body) VALUES(?1, ?2, ?3)");
    dx_bind_int(insert, 1, dx_feed_block_key(feed, seq));
    dx_bind_bytes(insert, 2, nodes);
    dx_bind_bytes(insert, 3, body);
    return dx_step_done(store, insert);
}

/* Length, root, signature: as columns hold a head. */
static size_t put_head(const dx_head *head, uint8_t out[static DX_HEAD_STORED_SIZE]) {
    if (head->length == 0) {
        return 0;
    }
    put_u64(out, head->length);
    memcpy(out + 8, head->root, DX_HASH_SIZE);
    memcpy(out + 8 + DX_HASH_SIZE, head->signature, DX_SIGNATURE_SIZE);
    return DX_HEAD_STORED_SIZE;
}

static void bind_state(sqlite3_stmt *update, const dx_feed *feed, dx_bytes head) {
    dx_bind_int(update, 1, feed->is_limb ? feed->rows : feed->local);
    dx_bind_int(update, 2, feed->own);
    dx_bind_int(update, 3, (int64_t)feed->length);
    dx_bind_bytes(update, 4, dx_bytes_of(feed->mmr.peaks, dx_mmr_peak_count(feed->length) * DX_HASH_SIZE));
    dx_bind_bytes(update, 5, head);
}

int dx_feed_save(const dx_feed *feed, dx_store *store, const dx_bytes *target_proof) {
    uint8_t head[DX_HEAD_STORED_SIZE], target[DX_HEAD_STORED_SIZE + DX_MMR_PROOF_SIZE_MAX];
    dx_bytes head_bytes = dx_bytes_of(head, put_head(&feed->head, head));
    if (!target_proof) {
        sqlite3_stmt *update = dx_store_query(
            store, feed->is_limb ? "UPDATE limb SET length=?3, peaks=?4, head=?5 WHERE rows=?1"
                                 : "UPDATE feed SET own=?2, length=?3, peaks=?4, head=?5 WHERE id=?1");
        bind_state(update, feed, head_bytes);
        return dx_step_done(store, update);
    }
    size_t target_size = put_head(&feed->target, target);
    if (target_size > 0 && target_proof->size > 0) {
        DX_ASSERT(target_proof->size <= DX_MMR_PROOF_SIZE_MAX);
        memcpy(target + target_size, target_proof->data, target_proof->size);
        target_size += target_proof->size;
    }
    sqlite3_stmt *update = dx_store_query(
        store, feed->is_limb ? "UPDATE limb SET length=?3, peaks=?4, head=?5, target=?6 WHERE rows=?1"
                             : "UPDATE feed SET own=?2, length=?3, peaks=?4, head=?5, target=?6 WHERE id=?1");
    bind_state(update, feed, head_bytes);
    dx_bind_bytes(update, 6, dx_bytes_of(target, target_size));
    return dx_step_done(store, update);
}

int dx_feed_branch(const dx_feed *feed, dx_store *store, uint8_t proof[static DX_MMR_PROOF_SIZE_MAX],
                   dx_branch *out) {
    *out = dx_feed_rows(feed, store, feed->length);
    if (feed->target.length == 0) {
        return DX_OK;
    }
    size_t size = dx_mmr_proof_size(feed->length, feed->target.length);
    sqlite3_stmt *select = dx_store_query(store, feed->is_limb ? "SELECT target FROM limb WHERE rows=?1"
                                                               : "SELECT target FROM feed WHERE id=?1");
    dx_bind_int(select, 1, feed->is_limb ? feed->rows : feed->local);
    bool is_there = dx_step(store, select) && dx_column_bytes(select, 0).size == DX_HEAD_STORED_SIZE + size;
    if (is_there) {
        memcpy(proof, dx_column_bytes(select, 0).data + DX_HEAD_STORED_SIZE, size);
        out->proof = dx_bytes_of(proof, size);
        out->covered = feed->target.length;
    }
    dx_step_reset(select);
    int error = dx_store_error(store);
    return error ? error : is_there ? DX_OK : DX_E_CORRUPT;
}

/* --- Own feeds ------------------------------------------------------------------------------------- */

int dx_feed_append(dx_feed *feed, dx_store *store, dx_bytes bytes) {
    if (!feed->own || feed->frozen) {
        return DX_E_STATE;
    }
    if (feed->length >= DX_FEED_LENGTH_MAX) {
        return DX_E_LIMIT;
    }
    dx_block block;
    int error = dx_feed_check_block(feed, bytes, &block);
    if (error) {
        return error;
    }
    uint8_t leaf[DX_HASH_SIZE], nodes[DX_MMR_NODES_SIZE_MAX];
    dx_block_leaf(&block, feed->id, feed->length, leaf);
    dx_mmr mmr = feed->mmr;
    size_t nodes_size = dx_mmr_append(&mmr, leaf, nodes);
    error = dx_feed_store_block(feed, store, feed->length, dx_bytes_of(nodes, nodes_size), bytes);
    if (!error) {
        feed->mmr = mmr;
        feed->length = mmr.length;
        feed->unsigned_tail = true;
    }
    return error;
}

int dx_feed_sign(dx_feed *feed, dx_store *store, const dx_sign_key *key) {
    if (!feed->unsigned_tail) {
        return DX_OK;
    }
    DX_ASSERT(feed->own && memcmp(key->public_key, feed->identity.key, DX_KEY_SIZE) == 0);
    dx_head before = feed->head;
    feed->head.length = feed->length;
    dx_mmr_root(&feed->mmr, feed->head.root);
    dx_head_sign(&feed->head, key, feed->identity.space_id, feed->id);
    int error = dx_feed_save(feed, store, NULL);
    if (error) {
        feed->head = before;
        return error;
    }
    feed->unsigned_tail = false;
    return DX_OK;
}

int dx_feed_retire(dx_feed *feed, dx_store *store) {
    if (!feed->own || feed->unsigned_tail) {
        return DX_E_STATE;
    }
    feed->own = false;
    int error = dx_feed_save(feed, store, NULL);
    feed->own = error != DX_OK;
    return error;
}

/* --- Reading --------------------------------------------------------------------------------------- */

int dx_feed_read(const dx_feed *feed, dx_store *store, uint64_t seq, dx_bytes *block) {
    *block = dx_bytes_of(NULL, 0);
    if (seq >= feed->length || seq < feed->begins) {
        return seq < feed->begins ? DX_E_GONE : DX_E_NOT_FOUND;
    }
    sqlite3_stmt *select = dx_store_query(store, "SELECT body FROM block WHERE key=?1");
    dx_bind_int(select, 1, dx_feed_block_key(feed, seq));
    if (!dx_step(store, select)) {
        int error = dx_store_error(store);
        return error ? error : DX_E_CORRUPT;
    }
    *block = dx_column_bytes(select, 0); /* the statement rests on its row until it is asked for again */
    return DX_OK;
}

int dx_feed_root(const dx_feed *feed, dx_store *store, uint64_t length, uint8_t out[static DX_HASH_SIZE]) {
    if (length > feed->length) {
        return DX_E_NOT_FOUND;
    }
    if (length == feed->length) {
        dx_mmr_root(&feed->mmr, out);
        return DX_OK;
    }
    if (length < feed->begins && length != 0) {
        return DX_E_GONE;
    }
    dx_branch rows = dx_feed_rows(feed, store, length);
    return dx_branch_root(&rows, length, out);
}

const dx_head *dx_feed_cover(const dx_feed *feed, uint64_t end) {
    DX_ASSERT(end <= feed->length);
    if (end <= feed->head.length && feed->head.length > 0) {
        return &feed->head;
    }
    return feed->target.length > 0 ? &feed->target : NULL;
}

int dx_feed_prove(const dx_feed *feed, dx_store *store, uint64_t from, uint64_t to,
                  uint8_t proof[static DX_MMR_PROOF_SIZE_MAX]) {
    if (from > to || from > feed->length || (to > feed->length && to != feed->target.length)) {
        return DX_E_NOT_FOUND;
    }
    if (from < feed->begins && from != to) {
        return DX_E_GONE;
    }
    dx_branch branch = dx_feed_rows(feed, store, feed->length);
    uint8_t target_proof[DX_MMR_PROOF_SIZE_MAX];
    int error = to > feed->length ? dx_feed_branch(feed, store, target_proof, &branch) : DX_OK;
    return error ? error : dx_mmr_prove(dx_branch_read, &branch, from, to, proof);
}

uint64_t dx_feed_common(const dx_feed *feed) {
    return feed->begins > feed->cut ? feed->begins : feed->cut;
}

uint64_t dx_feed_parting(const dx_feed *feed) {
    uint64_t parting = feed->settled > feed->cut ? feed->settled : feed->cut;
    return feed->begins > parting ? feed->begins : parting;
}

int dx_feed_set_settled(dx_feed *feed, dx_store *store, uint64_t settled) {
    DX_ASSERT(settled <= feed->floor && feed->frozen && !feed->is_limb);
    dx_feed other = {.cut = feed->cut, .settled = settled, .begins = feed->begins};
    uint64_t judged = dx_feed_parting(&other);
    sqlite3_stmt *update = dx_store_query(store, "UPDATE feed SET settled=?2, judged=?3 WHERE id=?1");
    dx_bind_int(update, 1, feed->local);
    dx_bind_int(update, 2, (int64_t)settled);
    dx_bind_int(update, 3, (int64_t)judged);
    int error = dx_step_done(store, update);
    if (!error) {
        feed->settled = settled;
        feed->judged = judged;
    }
    return error;
}

int dx_feed_set_floor(dx_feed *feed, dx_store *store, uint64_t floor) {
    DX_ASSERT(floor <= feed->length && feed->frozen && !feed->is_limb);
    uint64_t settled = feed->settled <= floor ? feed->settled : 0;
    sqlite3_stmt *update = dx_store_query(store, "UPDATE feed SET floor=?2, settled=?3 WHERE id=?1");
    dx_bind_int(update, 1, feed->local);
    dx_bind_int(update, 2, (int64_t)floor);
    dx_bind_int(update, 3, (int64_t)settled);
    int error = dx_step_done(store, update);
    if (!error) {
        feed->floor = floor;
        feed->settled = settled;
    }
    return error;
}

int dx_feed_save_applied(dx_feed *feed, dx_store *store) {
    DX_ASSERT(feed->applied <= feed->length);
    dx_buf timeframe;
    dx_buf_init(&timeframe, feed->alloc, TIMEFRAME_SIZE_MAX);
    int error = dx_timeframe_save(&feed->timeframe, &timeframe);
    if (!error) {
        sqlite3_stmt *update = dx_store_query(
            store, "UPDATE feed SET applied=?2, reached=?2, timeframe=?3, kept=?4 WHERE id=?1");
        dx_bind_int(update, 4, (int64_t)feed->kept);
        dx_bind_int(update, 1, feed->local);
        dx_bind_int(update, 2, (int64_t)feed->applied);
        dx_bind_bytes(update, 3, dx_buf_view(&timeframe));
        error = dx_step_done(store, update);
    }
    dx_buf_deinit(&timeframe);
    if (!error) {
        feed->reached = feed->applied;
        feed->unsaved = false;
    }
    return error;
}

int dx_feed_save_reached(dx_feed *feed, dx_store *store) {
    DX_ASSERT(feed->applied <= feed->length);
    sqlite3_stmt *update = dx_store_query(store, "UPDATE feed SET reached=?2 WHERE id=?1");
    dx_bind_int(update, 1, feed->local);
    dx_bind_int(update, 2, (int64_t)feed->applied);
    int error = dx_step_done(store, update);
    feed->reached = error ? feed->reached : feed->applied;
    return error;
}
