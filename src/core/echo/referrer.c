/* echo/referrer.c: the index of references. See referrer.h.
 *
 * Layer: floor 1, echo. */
#include "echo/referrer.h"

#include <string.h>

#include "echo/key_set.h"
#include "echo/section.h"

/* Tag 39 over a byte string of 22 or 23 bytes: how every reference to an object begins (docs/spec/encoding.md). */
enum {
    TAG_FIRST = 0xd8,
    TAG_SECOND = 0x27,
    WEAK_HEAD = 0x40 + DX_REFERENCE_SIZE,
    STRONG_HEAD = 0x40 + DX_STRONG_REFERENCE_SIZE,
    HEAD_SIZE = 3,
    /* What a state of DX_STATE_SIZE_MAX can hold of them, as numbers, each twice. */
    TARGETS_SIZE_MAX = DX_STATE_SIZE_MAX / (HEAD_SIZE + DX_REFERENCE_SIZE) * 16 + 64
};

/* --- Finding references in bytes ------------------------------------------------------------- */

int64_t dx_referrers_target(const uint8_t id[static DX_ID_SIZE]) {
    /* Half of the feed's prefix, and the place added: ids of one feed lie side by side. Two feeds whose halves are
     * that near only make candidates that are read for nothing. */
    uint64_t feed = 0, place = 0;
    for (size_t i = 0; i < 8; i++) {
        feed = feed << 8 | id[i];
    }
    for (size_t i = DX_FEED_PREFIX_SIZE; i < DX_ID_SIZE; i++) {
        place = place << 8 | id[i];
    }
    return (int64_t)(feed + place);
}

static int64_t strong_target(const uint8_t id[static DX_ID_SIZE]) {
    return ~dx_referrers_target(id);
}

/* The next id that a reference names, at or after *at, which moves behind it; NULL: none. */
static const uint8_t *find_id(dx_bytes bytes, size_t *at) {
    while (*at + HEAD_SIZE + DX_REFERENCE_SIZE <= bytes.size) {
        const uint8_t *from = bytes.data + *at, *found = memchr(from, TAG_FIRST, bytes.size - *at);
        if (found == NULL) {
            break;
        }
        *at = (size_t)(found - bytes.data);
        if (*at + HEAD_SIZE + DX_REFERENCE_SIZE <= bytes.size && found[1] == TAG_SECOND &&
            (found[2] == WEAK_HEAD || found[2] == STRONG_HEAD)) {
            *at += HEAD_SIZE + DX_REFERENCE_SIZE;
            return found + HEAD_SIZE;
        }
        ++*at;
    }
    *at = bytes.size;
    return NULL;
}

static int collect(dx_bytes bytes, dx_buf *targets) {
    const uint8_t *id;
    for (size_t at = 0; (id = find_id(bytes, &at)) != NULL;) {
        dx_key_list_add(targets, dx_referrers_target(id));
        if (id[-1] == STRONG_HEAD) {
            dx_key_list_add(targets, strong_target(id));
        }
    }
    dx_key_list_sort(targets);
    return dx_buf_error(targets);
}

/* --- Keeping the table ----------------------------------------------------------------------- */

static int change(dx_context *context, int64_t target, int64_t source, bool enters) {
    sqlite3_stmt *statement = dx_store_query(
        context->store, enters ? "INSERT OR IGNORE INTO reference(target, source) VALUES(?1, ?2)"
                               : "DELETE FROM reference WHERE target = ?1 AND source = ?2");
    dx_bind_int(statement, 1, target);
    dx_bind_int(statement, 2, source);
    return dx_step_done(context->store, statement);
}

static int change_to(dx_context *context, int64_t source, const dx_buf *before, const dx_buf *after) {
    size_t i = 0, j = 0, old = dx_key_list_count(before), fresh = dx_key_list_count(after);
    int error = DX_OK;
    while (error == DX_OK && (i < old || j < fresh)) {
        int64_t left = i < old ? dx_key_list_at(before, i) : INT64_MAX;
        int64_t right = j < fresh ? dx_key_list_at(after, j) : INT64_MAX;
        if (i < old && j < fresh && left == right) {
            i++;
            j++;
        } else if (j == fresh || (i < old && left < right)) {
            error = change(context, left, source, false);
            i++;
        } else {
            error = change(context, right, source, true);
            j++;
        }
    }
    return error;
}

static bool has_any(dx_bytes bytes) {
    size_t at = 0;
    return find_id(bytes, &at) != NULL;
}

bool dx_referrers_has_strong(dx_bytes state) {
    const uint8_t *id;
    for (size_t at = 0; (id = find_id(state, &at)) != NULL;) {
        if (id[-1] == STRONG_HEAD) {
            return true;
        }
    }
    return false;
}

int dx_referrers_take(dx_context *context, const dx_entity_row *before, const dx_entity_row *after) {
    dx_bytes old = before != NULL ? before->state : dx_bytes_of(NULL, 0);
    dx_bytes fresh = after != NULL ? after->state : dx_bytes_of(NULL, 0);
    dx_buf left, right;
    if (dx_bytes_equal(old, fresh) || (!has_any(old) && !has_any(fresh))) {
        return DX_OK;
    }
    dx_buf_init(&left, context->alloc, TARGETS_SIZE_MAX);
    dx_buf_init(&right, context->alloc, TARGETS_SIZE_MAX);
    int error = collect(old, &left);
    if (error == DX_OK) {
        error = collect(fresh, &right);
    }
    if (error == DX_OK) {
        error = change_to(context, (after != NULL ? after : before)->key, &left, &right);
    }
    dx_buf_deinit(&left);
    dx_buf_deinit(&right);
    return error;
}

static int fill_from(dx_context *context, int64_t feed) {
    sqlite3_stmt *rows =
        dx_store_query(context->store,
                       "SELECT key, state FROM entity WHERE key BETWEEN ?1 AND ?2 AND instr(state, x'd827')");
    int error = DX_OK;
    dx_bind_int(rows, 1, dx_entity_key(feed, 0, 0));
    dx_bind_int(rows, 2, dx_entity_key(feed, DX_PLACE_SEQ_MAX, DX_BLOCK_SECTIONS_MAX - 1));
    while (error == DX_OK && dx_step(context->store, rows)) {
        dx_entity_row row = {.key = dx_column_int(rows, 0), .state = dx_column_bytes(rows, 1)};
        error = dx_referrers_take(context, NULL, &row);
    }
    dx_step_reset(rows);
    return error != DX_OK ? error : dx_store_error(context->store);
}

int dx_referrers_prepare(dx_context *context, dx_space *space) {
    int error = DX_OK;
    if (space->referred) {
        return DX_OK;
    }
    for (size_t i = 0; i < space->feed_count && error == DX_OK; i++) {
        error = fill_from(context, space->feeds[i].local);
    }
    if (error == DX_OK) {
        sqlite3_stmt *update = dx_store_query(context->store, "UPDATE space SET referred = 1 WHERE id = ?1");
        dx_bind_int(update, 1, space->local);
        error = dx_step_done(context->store, update);
    }
    space->referred = error == DX_OK;
    return error;
}

/* --- Who refers strongly --------------------------------------------------------------------- */

/* Calls back for the id of each strong reference in the next item, at any depth. */
static int each_strong_in(dx_reader *reader, int (*on_id)(void *ctx, const uint8_t *id), void *ctx) {
    dx_kind kind = dx_reader_peek(reader);
    size_t count = kind == DX_KIND_ARRAY ? dx_read_array(reader)
                   : kind == DX_KIND_MAP ? 2 * dx_read_map(reader)
                                         : 0;
    int error = DX_OK;
    if (kind == DX_KIND_TAG && dx_read_tag(reader) == DX_TAG_REFERENCE) {
        dx_bytes reference = dx_read_bytes(reader);
        return dx_reference_is_strong(reference) ? on_id(ctx, reference.data) : DX_OK;
    }
    if (kind != DX_KIND_ARRAY && kind != DX_KIND_MAP) {
        (void)dx_read_item(reader);
    }
    for (; count > 0 && error == DX_OK && reader->error == DX_OK; count--) {
        error = each_strong_in(reader, on_id, ctx);
    }
    return error;
}

int dx_referrers_strong_in(dx_bytes view, int (*on_id)(void *ctx, const uint8_t *id), void *ctx) {
    dx_reader reader;
    dx_reader_init(&reader, view);
    return each_strong_in(&reader, on_id, ctx);
}

static int is_id(void *ctx, const uint8_t *id) {
    return memcmp(ctx, id, DX_ID_SIZE) == 0 ? DX_E_EXISTS : DX_OK;
}

bool dx_referrers_is_strong_in(dx_bytes view, const uint8_t id[static DX_ID_SIZE]) {
    uint8_t wanted[DX_ID_SIZE];
    memcpy(wanted, id, sizeof wanted);
    return dx_referrers_strong_in(view, is_id, wanted) == DX_E_EXISTS;
}

enum { CANDIDATES_MAX = 1024 }; /* read in one go */

/* Who might refer: the keys from `from` on. */
static int gather(dx_context *context, int64_t target, int64_t from, dx_buf *sources) {
    sqlite3_stmt *rows =
        dx_store_query(context->store, "SELECT source FROM reference WHERE target = ?1 AND source >= ?2 "
                                       "ORDER BY source LIMIT ?3");
    dx_bind_int(rows, 1, target);
    dx_bind_int(rows, 2, from);
    dx_bind_int(rows, 3, CANDIDATES_MAX);
    while (dx_step(context->store, rows)) {
        dx_key_list_add(sources, dx_column_int(rows, 0));
    }
    int error = dx_store_error(context->store);
    return error == DX_OK ? dx_buf_error(sources) : error;
}

typedef struct asking {
    dx_context *context;
    dx_space *space;
    uint8_t id[DX_ID_SIZE];
    dx_buf view;
    int (*on_entity)(void *ctx, const dx_entity *entity);
    void *ctx;
} asking;

static int look_at(asking *self, int64_t key) {
    dx_entity entity;
    dx_writer writer;
    if (dx_space_feed(self->space, dx_entity_key_feed(key)) == NULL) {
        return DX_OK; /* another space's */
    }
    int error = dx_entity_read(self->context, self->space, key, &entity);
    if (error != DX_OK || entity.deleted || entity.model == NULL) {
        return error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    dx_buf_clear(&self->view);
    dx_writer_init(&writer, &self->view);
    error = dx_entity_view(self->context, self->space, &entity, &writer);
    if (error != DX_OK) {
        return error;
    }
    return dx_referrers_is_strong_in(dx_buf_view(&self->view), self->id) ? self->on_entity(self->ctx, &entity)
                                                                         : DX_OK;
}

int dx_referrers_each_strong(dx_context *context, dx_space *space, int64_t key,
                             int (*on_entity)(void *ctx, const dx_entity *entity), void *ctx) {
    asking self = {.context = context, .space = space, .on_entity = on_entity, .ctx = ctx};
    dx_buf sources;
    int64_t from = 0;
    int error = dx_key_to_id(space, key, self.id);
    if (error == DX_OK) {
        error = dx_entity_rows_settle_strong(context, space);
    }
    if (error == DX_OK) {
        error = dx_referrers_prepare(context, space);
    }
    dx_buf_init(&self.view, context->alloc, DX_STATE_SIZE_MAX);
    dx_buf_init(&sources, context->alloc, CANDIDATES_MAX * sizeof(int64_t));
    size_t count = CANDIDATES_MAX;
    while (error == DX_OK && count == CANDIDATES_MAX) {
        dx_buf_clear(&sources);
        error = gather(context, strong_target(self.id), from, &sources);
        count = dx_key_list_count(&sources);
        for (size_t i = 0; i < count && error == DX_OK; i++) {
            error = look_at(&self, dx_key_list_at(&sources, i));
        }
        from = count == 0 ? 0 : dx_key_list_at(&sources, count - 1) + 1;
    }
    dx_buf_deinit(&sources);
    dx_buf_deinit(&self.view);
    return error;
}
