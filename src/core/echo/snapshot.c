/* echo/snapshot.c: the state at a cut becomes items and chunks, once for all or one again. See snapshot.h.
 *
 * Layer: floor 1, echo. */
#include "echo/snapshot.h"

#include <string.h>

#include "echo/cut_scan.h"
#include "echo/cut_state.h"
#include "echo/hierarchy.h"
#include "echo/saved_state.h"
#include "echo/snapshot_chunk.h"
#include "echo/snapshot_item.h"
#include "echo/snapshot_state.h"
#include "feed/begin.h"
#include "halo/control_purge.h"

enum {
    ITEM_SIZE_MAX = 80 << 20, /* one entity: a state and its frame */
    PLACE_SIZE = 16           /* of a snapshot kept here: first entity and piece of a chunk */
};

struct dx_snapshot {
    dx_context *context;
    dx_space *space;
    dx_cut_scan *scan;
    dx_chunk_seal seal;
    uint64_t key_epoch;
    dx_packer packer;
    dx_buf item, moves, state;
    dx_buf hashes; /* of the chunks given out */
    dx_buf places; /* their first entities and pieces */
    dx_buf header; /* the chunks of the header, sealed, each behind its size */
    uint64_t header_chunks;
    bool has_header, ended;
    uint64_t size, entities;
    uint8_t purged[DX_HASH_SIZE]; /* below the cut, when it was begun */
    /* One chunk alone is made again. */
    bool single;
    uint64_t wanted_piece;
    dx_buf *out;
};

/* --- Items --------------------------------------------------------------------------------------- */

static int number_of(dx_snapshot *self, int64_t local, uint64_t *out) {
    const dx_feed *feed = dx_space_feed(self->space, local);
    *out = feed == NULL ? self->scan->count : dx_cut_scan_feed(self->scan, feed);
    return *out == self->scan->count ? DX_E_CORRUPT : DX_OK;
}

static int place_of(dx_snapshot *self, int64_t key, dx_snapshot_place *out) {
    *out = (dx_snapshot_place){.none = key == 0};
    if (key == 0) {
        return DX_OK;
    }
    out->seq = dx_entity_key_seq(key);
    out->index = dx_entity_key_index(key);
    return number_of(self, dx_entity_key_feed(key), &out->feed);
}

typedef struct move_writing {
    dx_snapshot *self;
    dx_writer writer;
    size_t count;
    int64_t first; /* parent of the first one */
} move_writing;

static int write_move(void *ctx, const dx_move *move) {
    move_writing *writing = ctx;
    dx_snapshot *self = writing->self;
    dx_snapshot_move out = {.counter = move->stamp.counter};
    const dx_feed *feed = dx_space_feed_by_prefix(self->space, move->stamp.feed);
    if (feed == NULL) {
        return DX_E_CORRUPT;
    }
    if (move->seq >= dx_cut_length(&self->scan->cut, feed)) {
        return DX_OK;
    }
    int error = number_of(self, feed->local, &out.feed);
    error = error == DX_OK ? place_of(self, move->parent, &out.parent) : error;
    if (error == DX_OK) {
        dx_snapshot_move_write(&out, &writing->writer);
    }
    writing->first = writing->count == 0 ? move->parent : writing->first;
    writing->count++;
    return error;
}

/* Its moves, or its parent when it was never moved. */
static int take_parent(dx_snapshot *self, const dx_entity_row *row, dx_snapshot_entity *out) {
    move_writing writing = {.self = self, .first = row->parent};
    dx_buf_clear(&self->moves);
    dx_writer_init(&writing.writer, &self->moves);
    int error = dx_hierarchy_moves(self->context, row->key, write_move, &writing);
    error = error == DX_OK ? dx_writer_finish(&writing.writer) : error;
    if (error == DX_OK && writing.count > 1) {
        out->move_count = writing.count;
        out->moves = dx_buf_view(&self->moves);
        out->parent.none = true;
        return DX_OK;
    }
    return error == DX_OK ? place_of(self, writing.first, &out->parent) : error;
}

/* Names are copied into the item before another one is read. */
static int take_model(dx_snapshot *self, int64_t number, uint8_t room[static DX_TYPE_SIZE_MAX],
                      dx_bytes *out) {
    dx_type *type;
    int error = dx_type_read(self->context, self->space, number, &type);
    if (error == DX_OK) {
        memcpy(room, type->name, type->size);
        *out = dx_bytes_of(room, type->size);
        out->size = dx_bytes_equal(*out, dx_bytes_text("dx/object/1")) ? 0 : out->size;
    }
    return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
}

static int make_entity(dx_snapshot *self, const dx_cut_entity *entity) {
    uint8_t model[DX_TYPE_SIZE_MAX];
    const dx_entity_row *row = entity->row;
    dx_snapshot_entity out = {.kind = (uint64_t)row->kind,
                              .created = (uint64_t)row->created,
                              .has_life = row->has_life,
                              .deleted = row->deleted,
                              .life_counter = (uint64_t)row->life_counter,
                              .content = row->state};
    dx_type *type;
    dx_writer writer;
    out.form = row->state.size == 0 ? DX_CONTENT_NONE
               : entity->listed     ? DX_CONTENT_OPERATIONS
                                    : DX_CONTENT_STATE;
    int error = place_of(self, row->key, &out.place);
    error = error == DX_OK ? take_parent(self, row, &out) : error;
    error = error == DX_OK ? place_of(self, row->source, &out.source) : error;
    error = error == DX_OK ? place_of(self, row->target, &out.target) : error;
    error = error == DX_OK && row->has_life ? number_of(self, row->life_feed, &out.life_feed) : error;
    error = error == DX_OK ? take_model(self, row->model < 0 ? -row->model : row->model, model, &out.model)
                           : error;
    error = error == DX_OK ? dx_type_read(self->context, self->space, row->type, &type) : error;
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
    }
    out.type = dx_bytes_of(type->name, type->size);
    if (out.form == DX_CONTENT_STATE) {
        const dx_model *known = dx_model_find(self->context->models, out.model);
        error = dx_saved_state_canonical(self->context, known, row->state, &self->state, &out.content);
    }
    dx_buf_clear(&self->item);
    dx_writer_init(&writer, &self->item);
    dx_snapshot_entity_write(&out, &writer);
    return error == DX_OK ? dx_writer_finish(&writer) : error;
}

/* Feeds of which nothing is in effect and that were named all the same, as a hidden branch is: by their prefixes. */
static int write_others(dx_snapshot *self, const dx_timeframe *vector, dx_writer *out) {
    dx_snapshot_vector last = {.other = false};
    bool more = true;
    while (more) {
        dx_snapshot_vector next = {.other = true};
        more = false;
        for (size_t i = 0; i < vector->count; i++) {
            const dx_feed *named = dx_space_feed(self->space, vector->entries[i].feed);
            if (named == NULL) {
                return DX_E_CORRUPT;
            }
            bool behind = !last.other || memcmp(last.prefix, named->id, DX_PREFIX_SIZE) < 0;
            bool nearer = !more || memcmp(named->id, next.prefix, DX_PREFIX_SIZE) < 0;
            if (behind && nearer && dx_cut_scan_feed(self->scan, named) == self->scan->count) {
                memcpy(next.prefix, named->id, DX_PREFIX_SIZE);
                next.length = vector->entries[i].length;
                more = true;
            }
        }
        if (more) {
            dx_snapshot_vector_write(&next, out);
            last = next;
        }
    }
    return DX_OK;
}

static int make_feed(dx_snapshot *self, const dx_cut_feed *one) {
    const dx_feed *feed = dx_space_feed(self->space, one->local);
    dx_mmr mmr = {.length = 0};
    dx_writer writer;
    int error = one->length == 0 ? DX_OK : dx_feed_mmr_at(feed, self->context->store, one->length, &mmr);
    dx_buf_clear(&self->item);
    dx_writer_init(&writer, &self->item);
    dx_write_array(&writer, 3);
    dx_write_uint(&writer, one->length);
    dx_write_bytes(&writer, dx_bytes_of(mmr.peaks, dx_mmr_peak_count(one->length) * DX_HASH_SIZE));
    dx_write_array(&writer, one->vector.count);
    for (size_t i = 0; i < self->scan->count; i++) {
        const dx_snapshot_vector entry = {
            .feed = i, .length = dx_timeframe_get(&one->vector, self->scan->feeds[i].local)};
        if (entry.length != 0) {
            dx_snapshot_vector_write(&entry, &writer);
        }
    }
    if (error == DX_OK) {
        error = write_others(self, &one->vector, &writer);
    }
    return error != DX_OK ? error : dx_writer_finish(&writer);
}

static int add_header(dx_snapshot *self) {
    const dx_cut_scan *scan = self->scan;
    dx_buf ids;
    dx_writer writer;
    dx_buf_init(&ids, self->context->alloc, SIZE_MAX);
    for (size_t i = 0; i < scan->count; i++) {
        dx_buf_append(&ids, dx_space_feed(self->space, scan->feeds[i].local)->id, DX_HASH_SIZE);
    }
    dx_buf_clear(&self->item);
    dx_writer_init(&writer, &self->item);
    dx_snapshot_header_write(self->space->id, self->seal.number, dx_buf_view(&ids), &writer);
    int error = dx_buf_error(&ids);
    error = error == DX_OK ? dx_writer_finish(&writer) : error;
    dx_buf_deinit(&ids);
    error = error == DX_OK ? dx_packer_add(&self->packer, 0, dx_buf_view(&self->item)) : error;
    for (size_t i = 0; i < scan->count && error == DX_OK; i++) {
        error = make_feed(self, &scan->feeds[i]);
        error = error == DX_OK ? dx_packer_add(&self->packer, 0, dx_buf_view(&self->item)) : error;
    }
    error = error == DX_OK ? dx_packer_flush(&self->packer) : error;
    self->header_chunks = self->packer.index;
    self->has_header = error == DX_OK;
    return error;
}

static int add_entity(void *ctx, const dx_cut_entity *entity, bool *enough) {
    dx_snapshot *self = ctx;
    int error = make_entity(self, entity);
    if (error == DX_OK) {
        error = dx_packer_add(&self->packer, entity->row->key, dx_buf_view(&self->item));
        self->entities++;
    }
    *enough = self->single && self->out->size != 0;
    return error;
}

/* --- Making -------------------------------------------------------------------------------------- */

static int take_chunk(void *ctx, uint64_t index, dx_bytes sealed) {
    dx_snapshot *self = ctx;
    uint8_t hash[DX_HASH_SIZE];
    const int64_t place[2] = {self->packer.first, self->packer.piece};
    (void)index;
    dx_chunk_hash(sealed, hash);
    dx_buf_append(&self->hashes, hash, sizeof hash);
    dx_buf_append(&self->places, place, sizeof place);
    self->size += sealed.size;
    if (!self->has_header) {
        uint64_t size = sealed.size;
        dx_buf_append(&self->header, &size, sizeof size);
        dx_buf_append(&self->header, sealed.data, sealed.size);
    }
    int error = dx_buf_error(&self->hashes);
    error = error == DX_OK ? dx_buf_error(&self->places) : error;
    return error == DX_OK ? dx_buf_error(&self->header) : error;
}

static int create(dx_context *context, dx_space *space, const dx_snapshot_plan *plan,
                  int (*on_chunk)(void *ctx, uint64_t index, dx_bytes sealed), dx_snapshot **out) {
    *out = NULL;
    dx_snapshot *self = dx_alloc_take_zeroed(context->alloc, sizeof *self);
    if (self == NULL) {
        return DX_E_NO_MEMORY;
    }
    self->context = context;
    self->space = space;
    self->key_epoch = plan->key_epoch;
    dx_packer_init(&self->packer, context->alloc, &self->seal, on_chunk, self);
    dx_buf_init(&self->item, context->alloc, ITEM_SIZE_MAX);
    dx_buf_init(&self->moves, context->alloc, ITEM_SIZE_MAX);
    dx_buf_init(&self->state, context->alloc, DX_STATE_SIZE_MAX);
    dx_buf_init(&self->hashes, context->alloc, DX_SNAPSHOT_CHUNKS_MAX * DX_HASH_SIZE);
    dx_buf_init(&self->places, context->alloc, DX_SNAPSHOT_CHUNKS_MAX * PLACE_SIZE);
    dx_buf_init(&self->header, context->alloc, SIZE_MAX);
    int error = dx_chunk_seal_init(context, space, plan, &self->seal);
    error = error == DX_OK ? dx_cut_scan_create(context, space, plan->cut, &self->scan) : error;
    if (error != DX_OK) {
        dx_snapshot_destroy(self);
        return error;
    }
    *out = self;
    return DX_OK;
}

/* What is left out. */
static int find_purged(const dx_snapshot *self, uint8_t out[static DX_HASH_SIZE]) {
    dx_buf cut;
    dx_reader reader;
    dx_writer writer;
    size_t count;
    dx_bytes entries;
    dx_buf_init(&cut, self->context->alloc, SIZE_MAX);
    dx_writer_init(&writer, &cut);
    dx_cut_encode(&self->scan->cut, &writer);
    int error = dx_writer_finish(&writer);
    if (error == DX_OK) {
        dx_reader_init(&reader, dx_buf_view(&cut));
        dx_dependencies_read(&reader, &count, &entries);
        dx_control_purged_below(self->space->control, entries, count, out);
    }
    dx_buf_deinit(&cut);
    return error;
}

int dx_snapshot_begin(dx_context *context, dx_space *space, const dx_snapshot_plan *plan, dx_snapshot **out) {
    int error = create(context, space, plan, take_chunk, out);
    error = error == DX_OK ? find_purged(*out, (*out)->purged) : error;
    if (error != DX_OK) {
        dx_snapshot_destroy(*out);
        *out = NULL;
    }
    return error;
}

void dx_snapshot_destroy(dx_snapshot *self) {
    if (self == NULL) {
        return;
    }
    dx_cut_scan_destroy(self->scan);
    dx_packer_deinit(&self->packer);
    dx_buf_deinit(&self->item);
    dx_buf_deinit(&self->moves);
    dx_buf_deinit(&self->state);
    dx_buf_deinit(&self->hashes);
    dx_buf_deinit(&self->places);
    dx_buf_deinit(&self->header);
    dx_wipe(&self->seal, sizeof self->seal);
    dx_alloc_free(self->context->alloc, self, sizeof *self);
}

int dx_snapshot_run(dx_snapshot *self, size_t budget, bool *more) {
    int error = DX_OK;
    if (!self->scan->walked) {
        error = dx_cut_scan_walk(self->scan, &budget);
    }
    if (error == DX_OK && self->scan->walked && !self->has_header) {
        error = add_header(self);
    }
    if (error == DX_OK && self->has_header && budget != 0 && !self->ended) {
        error = dx_cut_scan_run(self->scan, &budget, add_entity, self);
        if (error == DX_OK && self->scan->ended) {
            error = dx_packer_flush(&self->packer);
            self->ended = error == DX_OK;
        }
    }
    *more = error == DX_OK && !self->ended;
    return error;
}

uint64_t dx_snapshot_progress(const dx_snapshot *self) {
    return self->entities;
}

/* --- Keeping ------------------------------------------------------------------------------------- */

int dx_snapshot_add(dx_context *context, dx_space *space, const dx_snapshot_plan *plan,
                    const uint8_t root[static DX_HASH_SIZE], dx_snapshot_standing standing, int64_t *id) {
    dx_buf cut;
    dx_writer writer;
    dx_buf_init(&cut, context->alloc, SIZE_MAX);
    dx_writer_init(&writer, &cut);
    dx_cut_encode(plan->cut, &writer);
    int error = dx_writer_finish(&writer);
    if (error == DX_OK) {
        sqlite3_stmt *insert =
            dx_store_query(context->store, "INSERT INTO snapshot(space, root, number, key_epoch, cut, whole)"
                                           " VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
        dx_bind_int(insert, 1, space->local);
        dx_bind_bytes(insert, 2, dx_bytes_of(root, DX_HASH_SIZE));
        dx_bind_int(insert, 3, (int64_t)plan->number);
        dx_bind_int(insert, 4, (int64_t)plan->key_epoch);
        dx_bind_bytes(insert, 5, dx_buf_view(&cut));
        dx_bind_int(insert, 6, standing);
        error = dx_step_done(context->store, insert);
        *id = dx_store_last_rowid(context->store);
    }
    dx_buf_deinit(&cut);
    return error;
}

int dx_snapshot_add_chunk(dx_context *context, int64_t id, uint64_t index, dx_bytes hash, int64_t entity,
                          int64_t piece, dx_bytes sealed) {
    sqlite3_stmt *insert = dx_store_query(
        context->store, "INSERT INTO snapshot_chunk(snapshot, number, hash, entity, piece, sealed)"
                        " VALUES(?1, ?2, ?3, ?4, ?5, ?6)");
    dx_bind_int(insert, 1, id);
    dx_bind_int(insert, 2, (int64_t)index);
    dx_bind_bytes(insert, 3, hash);
    if (entity != 0) {
        dx_bind_int(insert, 4, entity);
        dx_bind_int(insert, 5, piece);
    }
    if (sealed.size != 0) {
        dx_bind_bytes(insert, 6, sealed);
    }
    return dx_step_done(context->store, insert);
}

int dx_snapshot_find(dx_context *context, dx_space *space, const uint8_t root[static DX_HASH_SIZE],
                     int64_t *id) {
    sqlite3_stmt *select = dx_store_query(
        context->store, "SELECT id FROM snapshot WHERE space = ?1 AND root = ?2 AND whole <> ?3");
    dx_bind_int(select, 1, space->local);
    dx_bind_bytes(select, 2, dx_bytes_of(root, DX_HASH_SIZE));
    dx_bind_int(select, 3, DX_SNAPSHOT_REFUSED);
    bool found = dx_step(context->store, select);
    *id = found ? dx_column_int(select, 0) : 0;
    dx_step_reset(select);
    int error = dx_store_error(context->store);
    return error != DX_OK ? error : found ? DX_OK : DX_E_NOT_FOUND;
}

static int keep(dx_snapshot *self, const uint8_t root[static DX_HASH_SIZE]) {
    const dx_snapshot_plan plan = {
        .number = self->seal.number, .key_epoch = self->key_epoch, .cut = &self->scan->cut};
    int64_t id;
    int error = dx_snapshot_find(self->context, self->space, root, &id);
    if (error != DX_E_NOT_FOUND) {
        return error;
    }
    error = dx_snapshot_add(self->context, self->space, &plan, root, DX_SNAPSHOT_WHOLE, &id);
    size_t at = 0;
    for (uint64_t i = 0; i < self->packer.index && error == DX_OK; i++) {
        int64_t place[2];
        dx_bytes sealed = {NULL, 0};
        uint64_t size;
        memcpy(place, self->places.data + i * sizeof place, sizeof place);
        if (i < self->header_chunks) {
            memcpy(&size, self->header.data + at, sizeof size);
            sealed = dx_bytes_of(self->header.data + at + sizeof size, (size_t)size);
            at += sizeof size + (size_t)size;
        }
        error = dx_snapshot_add_chunk(self->context, id, i,
                                      dx_bytes_of(self->hashes.data + i * DX_HASH_SIZE, DX_HASH_SIZE),
                                      place[0], place[1], sealed);
    }
    return error;
}

int dx_snapshot_finish(dx_snapshot *self, bool keeps, dx_snapshot_made *out) {
    DX_ASSERT(self->ended);
    *out = (dx_snapshot_made){.size = self->size, .chunks = self->packer.index, .entities = self->entities};
    dx_chunk_root(dx_buf_view(&self->hashes), out->root);
    int error = find_purged(self, out->purged);
    if (error == DX_OK && memcmp(out->purged, self->purged, sizeof self->purged) != 0) {
        error = DX_E_STATE;
    }
    return error != DX_OK ? error : keeps ? keep(self, out->root) : DX_OK;
}

int dx_snapshot_forget(dx_context *context, dx_space *space, const uint8_t root[static DX_HASH_SIZE]) {
    int64_t id;
    int error = dx_snapshot_find(context, space, root, &id);
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    sqlite3_stmt *remove = dx_store_query(context->store, "DELETE FROM snapshot_chunk WHERE snapshot = ?1");
    dx_bind_int(remove, 1, id);
    error = dx_step_done(context->store, remove);
    if (error == DX_OK) {
        remove = dx_store_query(context->store, "DELETE FROM snapshot WHERE id = ?1");
        dx_bind_int(remove, 1, id);
        error = dx_step_done(context->store, remove);
    }
    return error;
}

/* --- Serving ------------------------------------------------------------------------------------- */

int dx_snapshot_manifest(dx_context *context, dx_space *space, const uint8_t root[static DX_HASH_SIZE],
                         dx_buf *out) {
    int64_t id;
    int error = dx_snapshot_find(context, space, root, &id);
    if (error != DX_OK) {
        return error;
    }
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT hash FROM snapshot_chunk WHERE snapshot = ?1 ORDER BY number");
    dx_bind_int(select, 1, id);
    while (dx_step(context->store, select)) {
        dx_bytes hash = dx_column_bytes(select, 0);
        dx_buf_append(out, hash.data, hash.size);
    }
    error = dx_store_error(context->store);
    return error != DX_OK ? error : dx_buf_error(out);
}

/* What is kept of a chunk. */
typedef struct kept_chunk {
    int64_t id, entity, piece;
    uint64_t number, key_epoch;
    uint8_t hash[DX_HASH_SIZE];
    bool is_here; /* its bytes were appended */
} kept_chunk;

static int read_kept(dx_context *context, uint64_t index, kept_chunk *kept, dx_buf *out) {
    sqlite3_stmt *select = dx_store_query(
        context->store,
        "SELECT hash, entity, piece, sealed FROM snapshot_chunk WHERE snapshot = ?1 AND number = ?2");
    dx_bind_int(select, 1, kept->id);
    dx_bind_int(select, 2, index > INT64_MAX ? -1 : (int64_t)index);
    if (!dx_step(context->store, select)) {
        int error = dx_store_error(context->store);
        return error != DX_OK ? error : DX_E_NOT_FOUND;
    }
    dx_bytes hash = dx_column_bytes(select, 0), sealed = dx_column_bytes(select, 3);
    kept->entity = dx_column_int(select, 1);
    kept->piece = dx_column_int(select, 2);
    kept->is_here = sealed.size != 0;
    bool sound = hash.size == sizeof kept->hash;
    memcpy(kept->hash, hash.data, sound ? sizeof kept->hash : 0);
    dx_buf_append(out, sealed.data, sealed.size);
    dx_step_reset(select);
    return !sound                                ? DX_E_CORRUPT
           : !kept->is_here && kept->entity == 0 ? DX_E_NOT_FOUND /* it was not fetched yet */
                                                 : dx_buf_error(out);
}

static int read_plan(dx_context *context, kept_chunk *kept, dx_cut *cut) {
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT number, key_epoch, cut FROM snapshot WHERE id = ?1");
    dx_bind_int(select, 1, kept->id);
    if (!dx_step(context->store, select)) {
        int error = dx_store_error(context->store);
        return error != DX_OK ? error : DX_E_NOT_FOUND;
    }
    kept->number = (uint64_t)dx_column_int(select, 0);
    kept->key_epoch = (uint64_t)dx_column_int(select, 1);
    int error = dx_cut_decode(dx_column_bytes(select, 2), cut);
    dx_step_reset(select);
    return error == DX_E_MALFORMED ? DX_E_CORRUPT : error;
}

/* Of the chunks that are made until the wanted one is, all but that are dropped: pieces of the same item. */
static int take_wanted(void *ctx, uint64_t index, dx_bytes sealed) {
    dx_snapshot *self = ctx;
    (void)index;
    if ((uint64_t)self->packer.piece == self->wanted_piece && self->out->size == 0) {
        dx_buf_append(self->out, sealed.data, sealed.size);
    }
    return dx_buf_error(self->out);
}

/* Makes the chunk again that begins with this piece of this entity. */
static int make_again(dx_context *context, dx_space *space, const kept_chunk *kept, const dx_cut *cut,
                      uint64_t index, dx_buf *out) {
    const dx_snapshot_plan plan = {.number = kept->number, .key_epoch = kept->key_epoch, .cut = cut};
    dx_snapshot *self;
    size_t all = SIZE_MAX;
    int error = create(context, space, &plan, take_wanted, &self);
    if (error != DX_OK) {
        return error == DX_E_STATE ? DX_E_GONE : error;
    }
    self->single = self->has_header = true;
    self->wanted_piece = (uint64_t)kept->piece;
    self->out = out;
    self->packer.index = index - self->wanted_piece;
    error = dx_cut_scan_seek(self->scan, kept->entity, false);
    error = error == DX_OK ? dx_cut_scan_run(self->scan, &all, add_entity, self) : error;
    if (error == DX_OK && out->size == 0) {
        error = dx_packer_flush(&self->packer);
    }
    dx_snapshot_destroy(self);
    return error == DX_E_STATE ? DX_E_GONE : error;
}

int dx_snapshot_chunk(dx_context *context, dx_space *space, const uint8_t root[static DX_HASH_SIZE],
                      uint64_t index, dx_buf *out) {
    kept_chunk kept;
    dx_cut cut;
    dx_buf made;
    uint8_t hash[DX_HASH_SIZE];
    dx_cut_init(&cut, context->alloc);
    dx_buf_init(&made, context->alloc, out->max);
    int error = dx_snapshot_find(context, space, root, &kept.id);
    error = error == DX_OK ? read_kept(context, index, &kept, &made) : error;
    if (error == DX_OK && !kept.is_here) {
        error = read_plan(context, &kept, &cut);
        error = error == DX_OK ? make_again(context, space, &kept, &cut, index, &made) : error;
    }
    if (error == DX_OK) {
        dx_chunk_hash(dx_buf_view(&made), hash);
        error = memcmp(hash, kept.hash, sizeof hash) == 0 ? DX_OK : DX_E_GONE;
    }
    if (error == DX_OK) {
        dx_buf_append(out, made.data, made.size);
        error = dx_buf_error(out);
    }
    dx_buf_deinit(&made);
    dx_cut_deinit(&cut);
    return error;
}
