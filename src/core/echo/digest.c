/* echo/digest.c: hashes the canonical state, entity by entity in the order of ids.
 *
 * Layer: floor 1, echo. Contract in digest.h, format in docs/spec/digest.md. Invariant: no local number, no
 * order of arrival and no shortening of a row reaches the hash. */
#include "echo/digest.h"

#include <string.h>

#include "echo/entity_row.h"
#include "echo/query.h"
#include "echo/saved_state.h"
#include "echo/section.h"

enum {
    ROW_SIZE_MAX = 80 << 20, /* one entity: a state and its frame */
    COLUMN_MODEL = 3, /* of the statement in run_feed: DX_ENTITY_COLUMNS, then what decided on deletion */
    COLUMN_LIFE = 10
};

typedef struct digest_feed {
    int64_t local;
    uint8_t id[DX_HASH_SIZE];
} digest_feed;

struct dx_digest_cursor {
    dx_context *context;
    dx_space *space;
    uint64_t change;    /* of the space, when this began */
    digest_feed *feeds; /* data feeds in the order of their ids */
    size_t feed_count;
    size_t at;   /* the feed under way */
    int64_t key; /* the last one taken in of it, 0: none */
    bool ended;
    dx_space_scope types; /* what is taken in; all: everything */
    int64_t objects;
    uint8_t result[DX_HASH_SIZE];
    dx_hash_state hash;
    dx_buf row, state;
};

/* --- Order --------------------------------------------------------------------------------------- */

static void drop_feeds(dx_digest_cursor *cursor) {
    dx_alloc_free(cursor->context->alloc, cursor->feeds, cursor->feed_count * sizeof *cursor->feeds);
    cursor->feeds = NULL;
    cursor->feed_count = 0;
}

/* A few dozen feeds: sorted by insertion. */
static int sort_feeds(dx_digest_cursor *cursor) {
    const dx_space *space = cursor->space;
    size_t count = 0;
    drop_feeds(cursor);
    for (size_t i = 0; i < space->feed_count; i++) {
        count += space->feeds[i].identity.feed_class == DX_FEED_DATA;
    }
    if (count == 0) {
        return DX_OK;
    }
    cursor->feeds = dx_alloc_take(cursor->context->alloc, count * sizeof *cursor->feeds);
    if (cursor->feeds == NULL) {
        return DX_E_NO_MEMORY;
    }
    for (size_t i = 0; i < space->feed_count; i++) {
        const dx_feed *feed = &space->feeds[i];
        if (feed->identity.feed_class != DX_FEED_DATA) {
            continue;
        }
        size_t at = cursor->feed_count++;
        for (; at > 0 && memcmp(feed->id, cursor->feeds[at - 1].id, DX_HASH_SIZE) < 0; at--) {
            cursor->feeds[at] = cursor->feeds[at - 1];
        }
        cursor->feeds[at].local = feed->local;
        memcpy(cursor->feeds[at].id, feed->id, DX_HASH_SIZE);
    }
    return DX_OK;
}

/* From the beginning: the name of the format, and the credentials in effect. */
static int begin(dx_digest_cursor *cursor) {
    static const char name[] = "dx state 1", part[] = "dx part 1";
    dx_bytes types = dx_buf_view(&cursor->types.item);
    uint8_t control[DX_HASH_SIZE];
    cursor->change = cursor->space->change;
    cursor->at = 0;
    cursor->key = cursor->objects = 0;
    cursor->ended = false;
    dx_control_digest(cursor->space->control, control);
    dx_hash_begin(&cursor->hash, DX_HASH_STATE_DIGEST, dx_bytes_of(NULL, 0));
    if (types.size != 0) {
        dx_hash_add(&cursor->hash, part, sizeof part - 1);
        dx_hash_add_u64(&cursor->hash, types.size);
        dx_hash_add(&cursor->hash, types.data, types.size);
    } else {
        dx_hash_add(&cursor->hash, name, sizeof name - 1);
    }
    dx_hash_add(&cursor->hash, control, sizeof control);
    return sort_feeds(cursor);
}

/* The types as an item of their own, so that replicas with other times hash the same. */
static int take_types(dx_digest_cursor *cursor, const dx_space_scope *scope) {
    dx_buf item;
    dx_writer writer;
    dx_buf_init(&item, cursor->context->alloc, DX_SCOPE_SIZE_MAX);
    dx_writer_init(&writer, &item);
    dx_space_scope_write_types(scope, &writer);
    int error = dx_writer_finish(&writer);
    error = error == DX_OK ? dx_space_scope_read(&cursor->types, dx_buf_view(&item)) : error;
    dx_buf_deinit(&item);
    return error;
}

int dx_digest_begin(dx_context *context, dx_space *space, dx_digest_cursor **out) {
    return dx_digest_begin_part(context, space, NULL, out);
}

int dx_digest_begin_part(dx_context *context, dx_space *space, const dx_space_scope *scope,
                         dx_digest_cursor **out) {
    *out = NULL;
    dx_digest_cursor *cursor = dx_alloc_take_zeroed(context->alloc, sizeof *cursor);
    if (cursor == NULL) {
        return DX_E_NO_MEMORY;
    }
    cursor->context = context;
    cursor->space = space;
    dx_buf_init(&cursor->row, context->alloc, ROW_SIZE_MAX);
    dx_buf_init(&cursor->state, context->alloc, DX_STATE_SIZE_MAX);
    dx_space_scope_init(&cursor->types, context->alloc);
    int error = scope != NULL && scope->names_types ? take_types(cursor, scope) : DX_OK;
    error = error == DX_OK ? begin(cursor) : error;
    if (error != DX_OK) {
        uint8_t ignored[DX_HASH_SIZE];
        int64_t objects;
        dx_digest_end(cursor, ignored, &objects);
        return error;
    }
    *out = cursor;
    return DX_OK;
}

void dx_digest_end(dx_digest_cursor *cursor, uint8_t out[static DX_HASH_SIZE], int64_t *objects) {
    memcpy(out, cursor->result, DX_HASH_SIZE);
    *objects = cursor->objects;
    drop_feeds(cursor);
    dx_buf_deinit(&cursor->row);
    dx_buf_deinit(&cursor->state);
    dx_space_scope_deinit(&cursor->types);
    dx_alloc_free(cursor->context->alloc, cursor, sizeof *cursor);
}

/* --- Entities ------------------------------------------------------------------------------------ */

static int write_id(dx_digest_cursor *cursor, int64_t key, dx_writer *out) {
    uint8_t id[DX_ID_SIZE];
    if (key == 0) {
        dx_write_null(out);
        return DX_OK;
    }
    int error = dx_key_to_id(cursor->space, key, id);
    dx_write_bytes(out, dx_bytes_of(id, error == DX_OK ? sizeof id : 0));
    return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
}

/* Whether it is deleted, and by which stamp that was decided; null when nothing ever was. */
static int write_life(dx_digest_cursor *cursor, const dx_entity *entity, sqlite3_stmt *row, dx_writer *out) {
#if defined(DX_PLANT) && DX_PLANT == 20
    if (dx_column_is_null(row, COLUMN_LIFE) || !entity->deleted) {
#else
    if (dx_column_is_null(row, COLUMN_LIFE)) {
#endif
        dx_write_null(out);
        return DX_OK;
    }
    const dx_feed *feed = dx_space_feed(cursor->space, dx_column_int(row, COLUMN_LIFE + 1));
    if (feed == NULL) {
        return DX_E_CORRUPT;
    }
    dx_write_array(out, 3);
    dx_write_bool(out, entity->deleted);
    dx_write_uint(out, (uint64_t)dx_column_int(row, COLUMN_LIFE));
    dx_write_bytes(out, dx_bytes_of(feed->id, DX_PREFIX_SIZE));
    return DX_OK;
}

/* The name as it was written, known here or not; a list of operations (negative number) is still of that
 * model. */
static int write_model(dx_digest_cursor *cursor, int64_t number, dx_writer *out) {
    dx_type *model;
    int error = dx_type_read(cursor->context, cursor->space, number < 0 ? -number : number, &model);
    if (error == DX_OK) {
        dx_write_text_bytes(out, dx_bytes_of(model->name, model->size));
    }
    return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
}

/* [id, kind, type, model, created, parent, life, source, target, state] */
static int write_entity(dx_digest_cursor *cursor, const dx_entity *entity, sqlite3_stmt *row,
                        dx_writer *out) {
    dx_write_array(out, 10);
    int error = write_id(cursor, entity->key, out);
    dx_write_uint(out, (uint64_t)entity->kind);
    dx_write_text_bytes(out, entity->type); /* before another type is read */
    if (error == DX_OK) {
        error = write_model(cursor, dx_column_int(row, COLUMN_MODEL), out);
    }
    dx_write_uint(out, entity->created);
    if (error == DX_OK) {
        error = write_id(cursor, entity->parent, out);
    }
    if (error == DX_OK) {
        error = write_life(cursor, entity, row, out);
    }
    if (error == DX_OK) {
        error = write_id(cursor, entity->source, out);
    }
    if (error == DX_OK) {
        error = write_id(cursor, entity->target, out);
    }
    if (error == DX_OK) {
        const dx_model *model = dx_column_int(row, COLUMN_MODEL) < 0 ? NULL : entity->model;
        dx_bytes state;
        error = dx_saved_state_canonical(cursor->context, model, entity->state, &cursor->state, &state);
        dx_write_bytes(out, state);
    }
    return error == DX_OK ? dx_writer_finish(out) : error;
}

static int take_in(dx_digest_cursor *cursor, sqlite3_stmt *row) {
    dx_entity entity;
    dx_writer writer;
    int error = dx_entity_of_row(cursor->context, cursor->space, row, 0, &entity);
    if (error != DX_OK) {
        return error;
    }
    cursor->key = entity.key;
    if (!dx_space_scope_covers_type(&cursor->types, entity.type)) {
        return DX_OK;
    }
    cursor->objects += entity.kind == DX_ENTITY_OBJECT && !entity.deleted && !dx_type_is_hidden(entity.type);
    dx_buf_clear(&cursor->row);
    dx_writer_init(&writer, &cursor->row);
    error = write_entity(cursor, &entity, row, &writer);
    dx_hash_add(&cursor->hash, cursor->row.data, error == DX_OK ? cursor->row.size : 0);
    return error;
}

/* Up to `budget` entities of the feed under way; the next feed when it has no more. */
static int run_feed(dx_digest_cursor *cursor, size_t *budget) {
    dx_store *store = cursor->context->store;
    int64_t feed = cursor->feeds[cursor->at].local;
    int64_t first = dx_entity_key(feed, 0, 0);
    sqlite3_stmt *rows = dx_store_query(store, "SELECT " DX_ENTITY_COLUMNS
                                               ", entity.deleted_counter, entity.deleted_feed FROM entity"
                                               " WHERE key > ?1 AND key <= ?2 ORDER BY key LIMIT ?3");
    dx_bind_int(rows, 1, cursor->key != 0 ? cursor->key : first - 1);
    dx_bind_int(rows, 2, dx_entity_key(feed, DX_PLACE_SEQ_MAX, DX_BLOCK_SECTIONS_MAX - 1));
    dx_bind_int(rows, 3, *budget < INT32_MAX ? (int64_t)*budget : INT32_MAX);
    int error = DX_OK;
    bool ended = false;
    while (error == DX_OK && *budget > 0) {
        if (!dx_step(store, rows)) {
            error = dx_store_error(store);
            ended = error == DX_OK;
            break;
        }
        error = take_in(cursor, rows);
        --*budget;
    }
    dx_step_reset(rows);
    if (ended) {
        cursor->at++;
        cursor->key = 0;
    }
    return error;
}

int dx_digest_run(dx_digest_cursor *cursor, size_t budget, bool *more) {
    int error = dx_entity_rows_settle(cursor->context, cursor->space);
    error = error != DX_OK || cursor->change == cursor->space->change ? error : begin(cursor);
    while (error == DX_OK && budget > 0 && cursor->at < cursor->feed_count) {
        error = run_feed(cursor, &budget);
    }
    if (error == DX_OK && cursor->at == cursor->feed_count && !cursor->ended) {
        dx_hash_end(&cursor->hash, cursor->result);
        cursor->ended = true;
    }
    *more = error == DX_OK && !cursor->ended;
    return error;
}
