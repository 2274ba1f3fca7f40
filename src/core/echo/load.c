/* echo/load.c: the state at a cut instead of the blocks below it: chunks taken, rows made of them. See epoch.h.
 *
 * Layer: floor 1, echo. Chunks are kept sealed, as they came, until all are here: nobody waits for a peer among rows that
 * are half old and half new. Then all of them are looked at (load_check.h), since what is no state costs nothing as long as
 * nothing became of it, and then rows are made of them in their order. A row of the snapshot is what the entity was at the
 * new base; what this vault has beyond the cut is applied to it again. */
#include <string.h>

#include "echo/base.h"
#include "echo/cut_state.h"
#include "echo/floor.h"
#include "echo/load_check.h"
#include "echo/load_rows.h"
#include "echo/load_state.h"
#include "echo/pipeline.h"
#include "echo/purge.h"
#include "echo/snapshot_chunk.h"
#include "echo/snapshot_item.h"
#include "echo/snapshot_state.h"
#include "echo/space_state.h"
#include "echo/trace.h"
#include "echo/vector.h"
#include "feed/begin.h"

enum { GROUP_SIZE_MAX = 80 << 20 }; /* pieces of one item: a state and its frame */

/* All chunks are looked at, before anything becomes of them. */
typedef struct looking {
    dx_load_check check;
    uint64_t *sums; /* of the vector at the cut, of each feed */
    size_t count;
    uint64_t at; /* the next chunk */
    bool right;  /* they were, and are a state */
} looking;

struct dx_load {
    dx_context *context;
    dx_space *space;
    int64_t id; /* of the snapshot's row */
    uint64_t chunks;
    dx_chunk_seal seal;
    dx_load_feed *feeds;      /* in the order of the cut */
    size_t feed_count, items; /* items of the header that were read: the header itself and one per feed */
    uint64_t header_chunks;   /* that they took */
    bool header_only;         /* they are read again */
    looking *look;            /* NULL: rows are made */
    dx_snapshot_place last;   /* the last entity's */
    dx_load_rows rows;
    bool enough;  /* the step has done as much as it may: the chunk is gone on with in the next one */
    dx_buf plain; /* of a chunk, or of those that one item's pieces are */
    bool whole;   /* it is no pieces */
};

void dx_load_destroy(dx_load *load) {
    if (load == NULL) {
        return;
    }
    const dx_alloc *alloc = load->context->alloc;
    for (size_t i = 0; i < load->feed_count; i++) {
        dx_timeframe_deinit(&load->feeds[i].vector);
    }
    if (load->look != NULL) {
        dx_load_check_deinit(&load->look->check);
        dx_alloc_free(alloc, load->look->sums, load->look->count * sizeof *load->look->sums);
        dx_alloc_free(alloc, load->look, sizeof *load->look);
    }
    dx_alloc_free(alloc, load->feeds, load->feed_count * sizeof *load->feeds);
    dx_buf_deinit(&load->plain);
    dx_load_rows_deinit(&load->rows);
    dx_wipe(&load->seal, sizeof load->seal);
    dx_alloc_free(alloc, load, sizeof *load);
}

/* --- The header ---------------------------------------------------------------------------------- */

static int take_header(dx_load *load, dx_bytes item) {
    dx_space *space = load->space;
    const dx_cut *cut = &space->base->cut;
    dx_snapshot_header header;
    dx_reader ids;
    int error = dx_snapshot_header_decode(item, &header);
    if (error != DX_OK || memcmp(header.space, space->id, sizeof space->id) != 0 ||
        header.number != space->base->goal || header.feed_count != cut->count) {
        return DX_E_MALFORMED;
    }
    load->feeds = dx_alloc_take_zeroed(load->context->alloc, cut->count * sizeof *load->feeds);
    if (load->feeds == NULL && cut->count != 0) {
        return DX_E_NO_MEMORY;
    }
    load->feed_count = cut->count;
    for (size_t i = 0; i < cut->count; i++) {
        dx_timeframe_init(&load->feeds[i].vector, load->context->alloc);
    }
    dx_reader_init(&ids, header.feeds);
    for (size_t i = 0; i < cut->count && error == DX_OK; i++) {
        uint8_t id[DX_HASH_SIZE];
        error = dx_snapshot_header_feed(&ids, id);
        dx_feed *feed = dx_space_feed_by_id(space, id);
        const dx_admitted_feed *admitted = dx_control_find_feed(space->control, id);
        if (error == DX_OK && feed == NULL && admitted != NULL) {
            error = dx_space_add_feed(load->context, space, &admitted->identity, &feed);
        }
        if (error == DX_OK && (feed == NULL || memcmp(id, cut->places[i].feed, DX_PREFIX_SIZE) != 0)) {
            error = DX_E_MALFORMED;
        }
        load->feeds[i].local = error == DX_OK ? feed->local : 0;
    }
    return error;
}

static int take_feed(dx_load *load, size_t at, dx_bytes item) {
    const dx_dependency *place = &load->space->base->cut.places[at];
    dx_load_feed *feed = &load->feeds[at];
    dx_snapshot_feed in;
    dx_reader vector;
    uint8_t root[DX_HASH_SIZE];
    int error = dx_snapshot_feed_decode(item, load->feed_count, at, &in);
    if (error != DX_OK || in.length != place->length) {
        return DX_E_MALFORMED;
    }
    feed->mmr.length = in.length;
    memcpy(feed->mmr.peaks, in.peaks.data, in.peaks.size);
    dx_mmr_root(&feed->mmr, root);
    if (memcmp(root, place->root, sizeof place->root) != 0) {
        return DX_E_MALFORMED;
    }
    error = dx_timeframe_raise(&feed->vector, feed->local, in.length);
    dx_reader_init(&vector, in.vector);
    for (size_t i = 0; i < in.vector_count && error == DX_OK; i++) {
        dx_snapshot_vector entry;
        error = dx_snapshot_vector_read(&vector, &entry);
        const dx_feed *other = entry.other ? dx_space_feed_by_prefix(load->space, entry.prefix) : NULL;
        int64_t local = !entry.other ? load->feeds[entry.feed].local : other == NULL ? 0 : other->local;
        if (error == DX_OK && local != 0) {
            error = dx_timeframe_raise(&feed->vector, local, entry.length);
        }
        if (error == DX_OK && load->look != NULL) {
            load->look->sums[at] += entry.length;
        }
    }
    if (load->look != NULL) {
        load->look->sums[at] += in.length;
    }
    return error;
}

/* --- Entities ------------------------------------------------------------------------------------ */

static bool is_behind(const dx_snapshot_place *last, const dx_snapshot_place *place) {
    return last->none || last->feed < place->feed ||
           (last->feed == place->feed &&
            (last->seq < place->seq || (last->seq == place->seq && last->index < place->index)));
}

static int take_entity(dx_load *load, dx_bytes item) {
    dx_snapshot_entity in;
    int error = dx_snapshot_entity_decode(item, load->feed_count, &in);
    if (error != DX_OK || in.place.seq >= load->feeds[in.place.feed].mmr.length ||
        !is_behind(&load->last, &in.place)) {
        return DX_E_MALFORMED;
    }
    load->last = in.place;
    if (load->look != NULL) {
        return dx_load_check_entity(&load->look->check, &in);
    }
#if !defined(DX_PLANT) || DX_PLANT != 57
    if (dx_purge_has(load->space,
                     dx_load_rows_key(&load->rows, &in.place))) { /* since the snapshot was made */
        return DX_OK;
    }
#endif
    return dx_load_rows_place(&load->rows, &in, &load->enough);
}

static int take_item(dx_load *load, dx_bytes item, bool begins) {
    size_t at = load->items, end = load->space->base->cut.count;
    const dx_load_place place = {.begins = begins, .whole = load->whole, .last = at == end};
    int error = load->look == NULL ? DX_OK : dx_load_check_item(&load->look->check, item, &place);
    if (error != DX_OK) {
        return error;
    }
    if (at > end) {
        return load->header_only ? DX_E_MALFORMED : take_entity(load, item);
    }
    load->items++;
    return at == 0 ? take_header(load, item) : take_feed(load, at - 1, item);
}

/* --- Chunks -------------------------------------------------------------------------------------- */

static int read_sealed(dx_load *load, uint64_t index, dx_bytes *sealed) {
    sqlite3_stmt *select = dx_store_query(
        load->context->store, "SELECT sealed FROM snapshot_chunk WHERE snapshot = ?1 AND number = ?2");
    dx_bind_int(select, 1, load->id);
    dx_bind_int(select, 2, (int64_t)index);
    if (!dx_step(load->context->store, select)) {
        int error = dx_store_error(load->context->store);
        return error != DX_OK ? error : DX_E_CORRUPT;
    }
    *sealed = dx_column_bytes(select, 0);
    return sealed->size == 0 ? DX_E_NOT_FOUND : DX_OK;
}

/* Opens the chunk at `index` and, where it is a piece, those up to its last one, into load->plain. *end: behind the last.
 * DX_E_NOT_FOUND: one of them has not come yet. */
static int open_group(dx_load *load, uint64_t index, uint64_t *end) {
    dx_chunk_kind kind = DX_CHUNK_PIECE;
    dx_buf_clear(&load->plain);
    for (*end = index; kind == DX_CHUNK_PIECE; ++*end) {
        dx_bytes sealed;
        if (*end == load->chunks) {
            return DX_E_MALFORMED;
        }
        size_t before = load->plain.size;
        int error = read_sealed(load, *end, &sealed);
        error = error == DX_OK ? dx_chunk_open(&load->seal, *end, sealed, &kind, &load->plain) : error;
        if (error == DX_OK && load->look != NULL) {
            error = dx_load_check_chunk(kind, load->plain.size - before, sealed.size);
        }
        load->whole = kind == DX_CHUNK_WHOLE;
        if (error != DX_OK) {
            return error == DX_E_SIGNATURE ? DX_E_MALFORMED : error;
        }
        if (kind == DX_CHUNK_WHOLE && *end != index) {
            return DX_E_MALFORMED;
        }
    }
    return DX_OK;
}

/* The chunk is rows now; of its header it is kept. */
static int note_unpacked(dx_load *load, uint64_t index, int64_t first, int64_t piece) {
    sqlite3_stmt *update = dx_store_query(load->context->store,
                                          "UPDATE snapshot_chunk SET entity = ?3, piece = ?4, sealed = NULL"
                                          " WHERE snapshot = ?1 AND number = ?2");
    dx_bind_int(update, 1, load->id);
    dx_bind_int(update, 2, (int64_t)index);
    dx_bind_int(update, 3, first);
    dx_bind_int(update, 4, piece);
    return dx_step_done(load->context->store, update);
}

static int unpack_group(dx_load *load, uint64_t index, uint64_t *end, size_t *count) {
    dx_reader reader;
    int64_t first = 0;
    const dx_snapshot_place last = load->last;
    int error = open_group(load, index, end);
    dx_reader_init(&reader, dx_buf_view(&load->plain));
    *count = 0;
    load->enough = false;
    while (error == DX_OK && reader.at < reader.end && !load->enough) {
        bool is_header = load->items <= load->space->base->cut.count;
        dx_bytes item = dx_read_item(&reader);
        error = reader.error == DX_OK ? take_item(load, item, *count == 0) : DX_E_MALFORMED;
        first = first == 0 && !is_header && error == DX_OK && load->look == NULL
                    ? dx_load_rows_key(&load->rows, &load->last)
                    : first;
        ++*count;
        load->header_chunks = is_header ? *end : load->header_chunks;
    }
    if (load->enough) {
        load->last = last;
        *end = index;
    }
    for (uint64_t at = index; at < *end && error == DX_OK && first != 0; at++) {
        error = note_unpacked(load, at, first, (int64_t)(at - index));
    }
    return error;
}

/* --- Life ---------------------------------------------------------------------------------------- */

static int64_t count_chunks(dx_load *load) {
    sqlite3_stmt *select =
        dx_store_query(load->context->store, "SELECT count(*) FROM snapshot_chunk WHERE snapshot = ?1");
    dx_bind_int(select, 1, load->id);
    int64_t count = dx_step(load->context->store, select) ? dx_column_int(select, 0) : 0;
    dx_step_reset(select);
    return count;
}

/* What the header said, before rows are made: its chunks stay. */
static int read_header(dx_load *load) {
    dx_base *base = load->space->base;
    uint64_t end = 0;
    size_t count;
    int error = DX_OK;
    if (base->stage != DX_EPOCH_UNPACKING) {
        return DX_OK;
    }
    load->header_only = true;
    while (error == DX_OK && load->items <= base->cut.count && end < load->chunks) {
        error = unpack_group(load, end, &end, &count);
    }
    load->header_only = false;
    base->at = base->at < (int64_t)load->header_chunks ? (int64_t)load->header_chunks : base->at;
    error = error == DX_OK && load->items <= base->cut.count ? DX_E_CORRUPT : error;
    return error == DX_E_NOT_FOUND || error == DX_E_MALFORMED ? DX_E_CORRUPT : error;
}

static int open_load(dx_context *context, dx_space *space, dx_load **out) {
    dx_base *base = space->base;
    const dx_snapshot_plan plan = {.number = base->goal, .key_epoch = base->key_epoch, .cut = &base->cut};
    *out = base->load;
    if (base->load != NULL) {
        return DX_OK;
    }
    dx_load *load = dx_alloc_take_zeroed(context->alloc, sizeof *load);
    if (load == NULL) {
        return DX_E_NO_MEMORY;
    }
    load->context = context;
    load->space = space;
    load->last.none = true;
    dx_buf_init(&load->plain, context->alloc, GROUP_SIZE_MAX);
    dx_load_rows_init(&load->rows, context, space);
    int error = dx_snapshot_find(context, space, base->root, &load->id);
    error = error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
    error = error == DX_OK ? dx_chunk_seal_init(context, space, &plan, &load->seal) : error;
    load->chunks = error == DX_OK ? (uint64_t)count_chunks(load) : 0;
    error = error == DX_OK ? read_header(load) : error;
    if (error != DX_OK) {
        dx_load_destroy(load);
        return error;
    }
    *out = base->load = load;
    return DX_OK;
}

/* --- Beginning ----------------------------------------------------------------------------------- */

static bool is_admitted(const dx_space *space, const dx_dependency *place) {
    bool found = false;
    for (size_t i = 0; i < dx_control_feed_count(space->control) && !found; i++) {
        found = memcmp(dx_control_feed(space->control, i)->id, place->feed, sizeof place->feed) == 0;
    }
    return found;
}

int dx_load_find_yielding(dx_context *context, dx_space *space, const dx_cut *cut) {
    int error = DX_OK;
    for (size_t i = 0; i < space->feed_count; i++) {
        space->feeds[i].yields = DX_FEED_NO_CUT;
    }
    for (size_t i = 0; i < cut->count && error == DX_OK; i++) {
        const dx_dependency *place = &cut->places[i];
        dx_feed *feed = dx_space_feed_by_prefix(space, place->feed);
        bool has = true;
        if (feed != NULL && feed->identity.feed_class == DX_FEED_DATA && !feed->own &&
            feed->length >= place->length && feed->begins <= place->length) {
            error = dx_feed_has_root(feed, context->store, place->length, place->root, &has);
        }
        if (error == DX_OK && !has) {
            feed->yields = place->length;
        }
    }
    return error;
}

/* Whether the feed is known and can be what the cut says; *later: what contradicts it is still in effect. */
static int check_feed(dx_context *context, dx_space *space, const dx_dependency *place, bool *later) {
    const dx_feed *feed = dx_space_feed_by_prefix(space, place->feed);
    bool has = true;
    if (feed == NULL) {
        return is_admitted(space, place) ? DX_OK : DX_E_NOT_FOUND;
    }
    if (feed->identity.feed_class != DX_FEED_DATA) {
        return DX_E_FORK;
    }
    if (feed->own) {
        int error = dx_feed_has_root(feed, context->store, place->length, place->root, &has);
        return error == DX_OK && !has ? DX_E_CONFLICT : error;
    }
    *later = *later || (feed->yields != DX_FEED_NO_CUT && feed->applied > feed->yields);
    return DX_OK;
}

/* Whether the cut can become the base of what is here. *later: not before something is taken back. DX_E_STATE, DX_E_FORK,
 * DX_E_CONFLICT, DX_E_NOT_FOUND as dx_load_begin. */
static int check_space(dx_context *context, dx_space *space, const dx_cut *cut, bool *later) {
    int error = DX_OK;
    *later = false;
    for (size_t i = 0; i < space->feed_count && error == DX_OK; i++) {
        const dx_feed *feed = &space->feeds[i];
        error = dx_cut_length(cut, feed) < feed->begins ? DX_E_STATE : DX_OK;
        *later = *later || feed->kept != 0;
    }
    error = error == DX_OK ? dx_load_find_yielding(context, space, cut) : error;
    for (size_t i = 0; i < cut->count && error == DX_OK; i++) {
        error = check_feed(context, space, &cut->places[i], later);
    }
    *later = *later || (error == DX_OK && dx_floor_is_due(space));
    return error;
}

static int drop_loaded(dx_context *context, dx_space *space) {
    dx_base *base = space->base;
    dx_load_destroy(base->load);
    base->load = NULL;
    base->done = base->total = 0;
    return dx_snapshot_forget(context, space, base->root);
}

static int add_snapshot(dx_context *context, dx_space *space, const dx_snapshot_plan *plan,
                        const uint8_t root[static DX_HASH_SIZE], dx_bytes manifest) {
    int64_t id;
    int error = dx_snapshot_forget(context, space, root);
    error = error == DX_OK ? dx_snapshot_add(context, space, plan, root, DX_SNAPSHOT_PARTIAL, &id) : error;
    for (uint64_t i = 0; i < manifest.size / DX_HASH_SIZE && error == DX_OK; i++) {
        error =
            dx_snapshot_add_chunk(context, id, i, dx_bytes_of(manifest.data + i * DX_HASH_SIZE, DX_HASH_SIZE),
                                  0, 0, (dx_bytes){NULL, 0});
    }
    return error;
}

int dx_load_begin(dx_context *context, dx_space *space, const dx_snapshot_plan *plan,
                  const uint8_t root[static DX_HASH_SIZE], dx_bytes manifest) {
    dx_base *base = space->base;
    dx_cut_standing standing;
    uint64_t missing;
    dx_chunk_seal seal;
    bool refused = false, later;
    if (!dx_snapshot_is_manifest(manifest, root)) {
        return DX_E_SIGNATURE;
    }
    int known = dx_load_was_refused(context, space, root, &refused);
    if (known != DX_OK || refused) {
        return known != DX_OK ? known : DX_E_MALFORMED;
    }
    bool fetches = base->stage == DX_EPOCH_FETCHING;
    if (fetches && memcmp(base->root, root, sizeof base->root) == 0) {
        return DX_OK;
    }
    if (base->stage != DX_EPOCH_IDLE && !fetches) {
        return DX_E_STATE;
    }
    int error = dx_cut_stand(context, space, plan->cut, &standing, &missing);
    if (error == DX_OK && missing == 0 && standing == DX_CUT_WITHIN) {
        return DX_E_EXISTS;
    }
    error = error == DX_OK ? check_space(context, space, plan->cut, &later) : error;
    error = error == DX_OK ? dx_chunk_seal_init(context, space, plan, &seal) : error;
    dx_wipe(&seal, sizeof seal);
    error = error == DX_OK && fetches ? drop_loaded(context, space) : error;
    error = error == DX_OK ? add_snapshot(context, space, plan, root, manifest) : error;
    error = error == DX_OK ? dx_cut_copy(plan->cut, &base->cut) : error;
    if (error != DX_OK) {
        return error;
    }
    base->goal_generation = dx_base_next_generation(space);
    base->stage = DX_EPOCH_FETCHING;
    base->goal = plan->number;
    base->key_epoch = plan->key_epoch;
    base->at = base->last = 0;
    base->total = manifest.size / DX_HASH_SIZE;
    memcpy(base->root, root, sizeof base->root);
    return dx_base_save(context, space);
}

static int abandon(dx_context *context, dx_space *space) {
    int error = drop_loaded(context, space);
    for (size_t i = 0; i < space->feed_count; i++) {
        space->feeds[i].yields = DX_FEED_NO_CUT;
    }
    space->base->stage = DX_EPOCH_IDLE;
    return error == DX_OK ? dx_base_save(context, space) : error;
}

int dx_load_abort(dx_context *context, dx_space *space) {
    return space->base->stage == DX_EPOCH_FETCHING ? abandon(context, space) : DX_E_STATE;
}

/* --- What is no state ---------------------------------------------------------------------------- */

/* Nothing became of it, and its root is known from now on. */
static int refuse_load(dx_context *context, dx_space *space) {
    dx_base *base = space->base;
    const dx_snapshot_plan plan = {.number = base->goal, .key_epoch = base->key_epoch, .cut = &base->cut};
    int64_t id;
    dx_echo_trace(context, "what was loaded as epoch %llu is no state of a space: given up",
                  (unsigned long long)base->goal);
    int error = abandon(context, space);
    error =
        error == DX_OK ? dx_snapshot_add(context, space, &plan, base->root, DX_SNAPSHOT_REFUSED, &id) : error;
    space->change++; /* there is something to tell */
    return error;
}

int dx_load_was_refused(dx_context *context, dx_space *space, const uint8_t root[static DX_HASH_SIZE],
                        bool *refused) {
    sqlite3_stmt *select = dx_store_query(
        context->store, "SELECT 1 FROM snapshot WHERE space = ?1 AND root = ?2 AND whole = ?3");
    dx_bind_int(select, 1, space->local);
    dx_bind_bytes(select, 2, dx_bytes_of(root, DX_HASH_SIZE));
    dx_bind_int(select, 3, DX_SNAPSHOT_REFUSED);
    *refused = dx_step(context->store, select);
    dx_step_reset(select);
    return dx_store_error(context->store);
}

/* --- Taking -------------------------------------------------------------------------------------- */

static int find_hash(dx_load *load, uint64_t index, uint8_t hash[static DX_HASH_SIZE], bool *here) {
    sqlite3_stmt *select =
        dx_store_query(load->context->store, "SELECT hash, sealed IS NOT NULL OR entity IS NOT NULL FROM "
                                             "snapshot_chunk WHERE snapshot = ?1 AND number = ?2");
    dx_bind_int(select, 1, load->id);
    dx_bind_int(select, 2, index > INT64_MAX ? -1 : (int64_t)index);
    if (!dx_step(load->context->store, select)) {
        int error = dx_store_error(load->context->store);
        return error != DX_OK ? error : DX_E_SIGNATURE;
    }
    dx_bytes stored = dx_column_bytes(select, 0);
    bool sound = stored.size == DX_HASH_SIZE;
    memcpy(hash, stored.data, sound ? DX_HASH_SIZE : 0);
    *here = dx_column_int(select, 1) != 0;
    dx_step_reset(select);
    return sound ? DX_OK : DX_E_CORRUPT;
}

int dx_load_chunk(dx_context *context, dx_space *space, uint64_t index, dx_bytes sealed) {
    uint8_t hash[DX_HASH_SIZE], ours[DX_HASH_SIZE];
    dx_load *load;
    bool here;
    if (space->base->stage != DX_EPOCH_FETCHING) {
        return DX_E_STATE;
    }
    int error = open_load(context, space, &load);
    error = error == DX_OK ? find_hash(load, index, hash, &here) : error;
    if (error != DX_OK || here) {
        return error != DX_OK ? error : DX_E_EXISTS;
    }
    dx_chunk_hash(sealed, ours);
    if (memcmp(ours, hash, sizeof hash) != 0) {
        return DX_E_SIGNATURE;
    }
    sqlite3_stmt *update = dx_store_query(
        context->store, "UPDATE snapshot_chunk SET sealed = ?3 WHERE snapshot = ?1 AND number = ?2");
    dx_bind_int(update, 1, load->id);
    dx_bind_int(update, 2, (int64_t)index);
    dx_bind_bytes(update, 3, sealed);
    error = dx_step_done(context->store, update);
    space->base->done += error == DX_OK;
    space->base->total = load->chunks;
    return error;
}

int dx_load_missing(dx_context *context, dx_space *space, uint64_t from, uint64_t *index) {
    dx_load *load;
    bool fetches = space->base->stage == DX_EPOCH_FETCHING && from < INT64_MAX;
    int error = fetches ? open_load(context, space, &load) : DX_E_NOT_FOUND;
    if (error != DX_OK) {
        return error;
    }
    sqlite3_stmt *select = dx_store_query(
        context->store,
        "SELECT number FROM snapshot_chunk WHERE snapshot = ?1 AND number >= ?2 AND entity IS NULL"
        " AND sealed IS NULL ORDER BY number LIMIT 1");
    dx_bind_int(select, 1, load->id);
    dx_bind_int(select, 2, (int64_t)from);
    bool found = dx_step(context->store, select);
    *index = found ? (uint64_t)dx_column_int(select, 0) : 0;
    dx_step_reset(select);
    error = dx_store_error(context->store);
    return error != DX_OK ? error : found ? DX_OK : DX_E_NOT_FOUND;
}

/* --- Making rows --------------------------------------------------------------------------------- */

/* The feed begins at the cut. What it named, and declared, on another branch is not known any more. */
static int take_place(dx_load *load, size_t at) {
    dx_context *context = load->context;
    const dx_load_feed *in = &load->feeds[at];
    dx_feed *feed = dx_space_feed(load->space, in->local);
    uint8_t root[DX_HASH_SIZE];
    bool has;
    dx_mmr_root(&in->mmr, root);
    int error = dx_feed_has_root(feed, context->store, in->mmr.length, root, &has);
    if (error == DX_OK && !has) {
        error = dx_floor_forget(context, feed);
        error = error == DX_OK ? dx_vector_forget(context, feed, feed->begins) : error;
    }
    feed->yields = DX_FEED_NO_CUT;
    feed->waits.feed = 0;
    return error == DX_OK ? dx_feed_jump(feed, context->store, &in->mmr, &in->vector) : error;
}

static int finish(dx_load *load) {
    dx_context *context = load->context;
    dx_space *space = load->space;
    int error = load->items == load->feed_count + 1 ? dx_entity_rows_write(context, space) : DX_E_MALFORMED;
    for (size_t i = 0; i < load->feed_count && error == DX_OK; i++) {
        error = take_place(load, i);
    }
    if (error == DX_OK) {
        sqlite3_stmt *update = dx_store_query(context->store, "UPDATE snapshot SET whole = 1 WHERE id = ?1");
        dx_bind_int(update, 1, load->id);
        error = dx_step_done(context->store, update);
    }
    return error == DX_OK ? dx_base_switch(context, space) : error;
}

static int unpack(dx_load *load, size_t *budget, bool *more) {
    dx_context *context = load->context;
    dx_space *space = load->space;
    dx_base *base = space->base;
    int error = DX_OK;
    space->names_digested = false;
    if (context->changes != NULL) {
        context->changes->overflow = true;
    }
    while (error == DX_OK && *budget != 0 && (uint64_t)base->at < load->chunks) {
        uint64_t end;
        size_t count;
        error = unpack_group(load, (uint64_t)base->at, &end, &count);
        if (error == DX_E_NOT_FOUND) { /* it has not come yet */
            *more = false;
            break;
        }
        base->at = error == DX_OK ? (int64_t)end : base->at;
        *budget = load->enough ? 0 : *budget - (count < *budget ? count : *budget);
        error = error == DX_OK ? dx_entity_rows_bound(context, space) : error;
    }
    error = error == DX_OK || error == DX_E_NOT_FOUND ? dx_entity_rows_write(context, space) : error;
    return error == DX_OK ? dx_base_save(context, space) : error;
}

/* --- Looking at it ------------------------------------------------------------------------------- */

static int begin_looking(dx_load *load) {
    const dx_alloc *alloc = load->context->alloc;
    const dx_cut *cut = &load->space->base->cut;
    looking *look = dx_alloc_take_zeroed(alloc, sizeof *look);
    if (look == NULL) {
        return DX_E_NO_MEMORY;
    }
    if (cut->count != 0) {
        look->sums = dx_alloc_take_zeroed(alloc, cut->count * sizeof *look->sums);
    }
    if (cut->count != 0 && look->sums == NULL) {
        dx_alloc_free(alloc, look, sizeof *look);
        return DX_E_NO_MEMORY;
    }
    look->count = cut->count;
    dx_load_check_init(&look->check, load->context, load->space->control, cut, look->sums);
    load->look = look;
    return DX_OK;
}

/* All chunks are here. In the end it is begun anew, to make rows of them. */
static int look(dx_load *load, size_t *budget) {
    dx_context *context = load->context;
    dx_space *space = load->space;
    bool later;
    int error = load->look == NULL ? begin_looking(load) : DX_OK;
    while (error == DX_OK && *budget != 0 && load->look->at < load->chunks) {
        size_t count = 0;
        error = unpack_group(load, load->look->at, &load->look->at, &count);
        *budget -= count < *budget ? count : *budget;
    }
    if (error != DX_OK || load->look->at < load->chunks) {
        return error;
    }
    if (!load->look->right) {
        error = load->items == load->feed_count + 1 ? dx_load_check_end(&load->look->check) : DX_E_MALFORMED;
        load->look->right = error == DX_OK;
    }
    int fits = error == DX_OK ? check_space(context, space, &space->base->cut, &later) : DX_OK;
    if (fits == DX_E_FORK || fits == DX_E_STATE || fits == DX_E_NOT_FOUND || fits == DX_E_CONFLICT) {
        return abandon(context, space); /* what is here became another one meanwhile */
    }
    error = error == DX_OK ? fits : error;
    if (error == DX_OK && later) {
        return DX_OK;
    }
    if (error == DX_OK) {
        dx_echo_trace(context, "epoch %llu is here, %llu chunks: rows are made of it",
                      (unsigned long long)space->base->goal, (unsigned long long)load->chunks);
        space->base->stage = DX_EPOCH_UNPACKING;
        space->base->load = NULL;
        dx_load_destroy(load);
        error = dx_base_save(context, space);
    }
    return error;
}

static int go_on_looking(dx_context *context, dx_space *space, size_t *budget, bool *more) {
    dx_load *load;
    uint64_t missing;
    int error = dx_load_missing(context, space, 0, &missing);
    if (error != DX_E_NOT_FOUND) {
        return error;
    }
    *more = true;
    error = open_load(context, space, &load);
    space->base->total = error == DX_OK ? load->chunks : space->base->total;
    error = error == DX_OK ? look(load, budget) : error;
    if (error == DX_E_MALFORMED) {
        *more = false;
        error = refuse_load(context, space);
    }
    return error;
}

int dx_load_run(dx_context *context, dx_space *space, size_t *budget, bool *more) {
    dx_base *base = space->base;
    dx_load *load;
    bool cleared = false;
    *more = false;
    if (base->stage == DX_EPOCH_FETCHING) {
        return go_on_looking(context, space, budget, more);
    }
    int error = open_load(context, space, &load);
    base->total = error == DX_OK ? load->chunks : base->total;
    *more = true;
    error = error == DX_OK ? dx_entity_rows_write(context, space) : error; /* touches are asked for */
    error = error == DX_OK ? dx_load_rows_begin(&load->rows, load->feeds, budget, &cleared) : error;
    error = error == DX_OK && cleared ? unpack(load, budget, more) : error;
    if (error == DX_OK && cleared && (uint64_t)base->at == load->chunks) {
        bool enough;
        *more = true;
        error = dx_load_rows_end(&load->rows, &enough);
        error = error == DX_OK && !enough ? finish(load) : error;
    }
    return error;
}
