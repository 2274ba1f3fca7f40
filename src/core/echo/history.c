/* echo/history.c: an entity as it was, what changed it, and its way back. See history.h.
 *
 * Layer: floor 1, echo. */
#include "echo/history.h"

#include <string.h>

#include "codec/canonical.h"
#include "echo/base.h"
#include "echo/remake.h"
#include "model/object_path.h"

/* --- Points ----------------------------------------------------------------------------------- */

void dx_point_print(const dx_stamp *point, char out[static DX_POINT_TEXT_MAX]) {
    sqlite3_snprintf(DX_POINT_TEXT_MAX, out, "%llu-", (sqlite3_uint64)point->counter);
    dx_hex_encode(dx_bytes_of(point->feed, sizeof point->feed), out + strlen(out));
}

/* Digits from *at on; false when there are none, or too many. */
static bool take_number(dx_bytes text, size_t *at, uint64_t *out) {
    size_t begin = *at;
    *out = 0;
    for (; *at < text.size && text.data[*at] >= '0' && text.data[*at] <= '9'; ++*at) {
        if (*out > (INT64_MAX - 9) / 10) {
            return false;
        }
        *out = 10 * *out + (text.data[*at] - (uint64_t)'0');
    }
    return *at != begin;
}

int dx_point_parse(dx_bytes text, dx_stamp *out) {
    size_t at = 0;
    memset(out->feed, 0xff, sizeof out->feed);
    if (!take_number(text, &at, &out->counter)) {
        return DX_E_INVALID;
    }
    if (at == text.size) {
        return DX_OK;
    }
    size_t digits = text.size - at - 1;
    if (text.data[at] != '-' || digits == 0 || digits > 2 * sizeof out->feed) {
        return DX_E_INVALID;
    }
    char hex[2 * DX_FEED_PREFIX_SIZE];
    memset(hex, 'f', sizeof hex);
    memcpy(hex, text.data + at + 1, digits);
    return dx_hex_decode(hex, sizeof hex, out->feed, sizeof out->feed);
}

dx_stamp dx_point_before(const dx_stamp *point) {
    dx_stamp before = *point;
    for (size_t i = sizeof before.feed; i-- > 0;) {
        if (before.feed[i]-- != 0) {
            return before;
        }
    }
    before.counter -= before.counter != 0;
    return before;
}

/* --- Versions --------------------------------------------------------------------------------- */

static void set_stamp(dx_stamp *stamp, int64_t counter, const dx_feed *feed) {
    stamp->counter = (uint64_t)counter;
    memcpy(stamp->feed, feed->id, sizeof stamp->feed);
}

typedef struct version_walk {
    const dx_stamp *before;
    size_t left;
    int (*on_version)(void *ctx, const dx_version *version);
    void *ctx;
    bool more;
} version_walk;

/* Tells one, if it is asked for and there to be told. */
static int tell_version(dx_context *context, dx_space *space, dx_feed *feed, uint64_t seq, uint64_t index,
                        int64_t counter, version_walk *walk) {
    dx_version version = {.feed = feed, .seq = seq};
    dx_block block;
    bool there;
    if (feed == NULL || !dx_touch_is_in_effect(feed, seq)) {
        return DX_OK;
    }
    set_stamp(&version.stamp, counter, feed);
    if (walk->before != NULL && dx_stamp_compare(&version.stamp, walk->before) >= 0) {
        return DX_OK;
    }
    if (walk->left == 0) {
        walk->more = true;
        return DX_OK;
    }
    int error = dx_pipeline_block(context, space, feed, seq, &block);
    error = error != DX_OK ? error : dx_touch_open(context, space, feed, seq, index, &block, &there);
    if (error != DX_OK || !there ||
        dx_section_decode(dx_buf_view(&space->plain), feed->id, &version.section) != DX_OK) {
        return error;
    }
    version.parent = dx_touch_place(space, feed, seq, &version.section.moved_to);
    version.wall_ms = block.header.wall_ms;
    walk->left--;
    return walk->on_version(walk->ctx, &version);
}

int dx_history_versions(dx_context *context, dx_space *space, int64_t key, const dx_stamp *before,
                        size_t limit, int (*on_version)(void *ctx, const dx_version *version), void *ctx,
                        bool *more) {
    version_walk walk = {.before = before, .left = limit, .on_version = on_version, .ctx = ctx};
    dx_touch touch;
    dx_entity_row row;
    dx_stamp at = {.counter = INT64_MAX};
    memset(at.feed, 0xff, sizeof at.feed);
    int error = dx_entity_rows_settle(context, space);
    error = error == DX_OK ? dx_entity_row_read(context, space, key, &row) : error;
    if (before != NULL) {
        at = *before;
    }
    for (bool found = true; error == DX_OK && found && !walk.more;) {
        error = dx_touch_find(context, space, key, false, &at, &touch, &found);
        if (error == DX_OK && found) {
            error = tell_version(context, space, dx_space_feed(space, touch.block >> 32),
                                 (uint64_t)touch.block & UINT32_MAX, (uint64_t)touch.section, touch.counter,
                                 &walk);
        }
    }
    if (error == DX_OK && !walk.more && !dx_base_has(space, key)) {
        error = tell_version(context, space, dx_space_feed(space, dx_entity_key_feed(key)),
                             dx_entity_key_seq(key), dx_entity_key_index(key), row.created, &walk);
    }
    *more = walk.more;
    return error;
}

bool dx_history_is_cut(dx_space *space, int64_t key) {
    return dx_base_has(space, key);
}

/* --- States ----------------------------------------------------------------------------------- */

int dx_history_entity(dx_context *context, dx_space *space, int64_t key, const dx_stamp *point, dx_buf *state,
                      dx_entity *out) {
    const dx_scope scope = {.point = point};
    dx_aside aside = {.state = state};
    dx_buf_clear(state);
    int error = dx_entity_rows_settle(context, space);
    error = error == DX_OK ? dx_remake(context, space, key, &scope, &aside) : error;
    return error == DX_OK ? dx_entity_row_show(context, space, &aside.row, out) : error;
}

/* --- Differences ------------------------------------------------------------------------------ */

typedef struct differing {
    dx_buf path;
    int (*on_path)(void *ctx, dx_bytes path, dx_bytes in_a, dx_bytes in_b);
    void *ctx;
} differing;

/* A map walked member by member; key.size 0: at its end. */
typedef struct map_cursor {
    dx_reader reader;
    size_t left;
    dx_bytes key, value;
} map_cursor;

static void next_member(map_cursor *cursor) {
    cursor->key = cursor->value = (dx_bytes){0};
    if (cursor->left != 0) {
        cursor->left--;
        cursor->key = dx_read_item(&cursor->reader);
        cursor->value = dx_read_item(&cursor->reader);
    }
}

static void open_map(map_cursor *cursor, dx_bytes map) {
    dx_reader_init(&cursor->reader, map);
    cursor->left = dx_item_kind(map) == DX_KIND_MAP ? dx_read_map(&cursor->reader) : 0;
    next_member(cursor);
}

static int compare_maps(differing *difference, dx_bytes a, dx_bytes b);

/* What stands at one key in both, or in one of them. */
static int compare_members(differing *difference, dx_bytes key, dx_bytes a, dx_bytes b) {
    dx_buf *path = &difference->path;
    size_t begin = path->size;
    int error = DX_OK;
    if (dx_bytes_equal(a, b)) {
        return DX_OK;
    }
    dx_bytes text = dx_item_text(key);
    uint8_t part[2 * DX_OBJECT_PATH_SIZE_MAX];
    if (text.data == NULL || text.size > DX_OBJECT_PATH_SIZE_MAX) {
        return DX_E_UNSUPPORTED;
    }
    if (begin != 0) {
        dx_buf_append(path, ".", 1);
    }
    dx_buf_append(path, part, dx_object_key_escape(text, part));
    if (dx_buf_error(path) != DX_OK) {
        return dx_buf_error(path);
    }
    bool maps =
        a.size != 0 && b.size != 0 && dx_item_kind(a) == DX_KIND_MAP && dx_item_kind(b) == DX_KIND_MAP;
    error =
        maps ? compare_maps(difference, a, b) : difference->on_path(difference->ctx, dx_buf_view(path), a, b);
    path->size = begin;
    return error;
}

static int compare_maps(differing *difference, dx_bytes a, dx_bytes b) {
    map_cursor in_a, in_b;
    int error = DX_OK;
    open_map(&in_a, a);
    open_map(&in_b, b);
    while (error == DX_OK && (in_a.key.size != 0 || in_b.key.size != 0)) {
        int order = in_a.key.size == 0 ? 1 : in_b.key.size == 0 ? -1 : dx_key_compare(in_a.key, in_b.key);
        error =
            compare_members(difference, order <= 0 ? in_a.key : in_b.key,
                            order <= 0 ? in_a.value : (dx_bytes){0}, order >= 0 ? in_b.value : (dx_bytes){0});
        if (order <= 0) {
            next_member(&in_a);
        }
        if (order >= 0) {
            next_member(&in_b);
        }
    }
    return error;
}

int dx_history_differ(const dx_alloc *alloc, dx_bytes a, dx_bytes b,
                      int (*on_path)(void *ctx, dx_bytes path, dx_bytes in_a, dx_bytes in_b), void *ctx) {
    differing difference = {.on_path = on_path, .ctx = ctx};
    dx_buf_init(&difference.path, alloc, DX_CODEC_DEPTH_MAX * (2 * DX_OBJECT_PATH_SIZE_MAX + 1));
    int error = compare_maps(&difference, a, b);
    dx_buf_deinit(&difference.path);
    return error;
}

/* --- The way back ----------------------------------------------------------------------------- */

/* An entity at a point, or now, as a value of its own. */
typedef struct sight {
    bool there, deleted, writable;
    int64_t parent;
    dx_buf view; /* one map, or null */
} sight;

static void look_init(sight *at, dx_context *context) {
    *at = (sight){.there = false};
    dx_buf_init(&at->view, context->alloc, DX_STATE_SIZE_MAX);
}

/* point: NULL for now. */
static int look(sight *at, dx_context *context, dx_space *space, int64_t key, const dx_stamp *point) {
    dx_entity entity;
    dx_buf state;
    dx_buf_init(&state, context->alloc, DX_STATE_SIZE_MAX);
    int error = point == NULL ? dx_entity_read(context, space, key, &entity)
                              : dx_history_entity(context, space, key, point, &state, &entity);
    if (error == DX_OK) {
        dx_writer writer;
        at->there = true;
        at->deleted = entity.deleted;
        at->parent = entity.parent;
        at->writable = entity.model == &dx_object_model;
        dx_writer_init(&writer, &at->view);
        error = dx_entity_view(context, space, &entity, &writer);
        error = error == DX_OK ? dx_writer_finish(&writer) : error;
    }
    dx_buf_deinit(&state);
    return error;
}

/* What a path's value becomes, in the entity's transaction. */
typedef struct path_change {
    dx_transaction *transaction;
    int64_t key;
    dx_bytes now; /* the whole value as it is now; size 0: whatever it is */
    bool *kept;
} path_change;

static int set_path(void *ctx, dx_bytes path, dx_bytes is, dx_bytes shall) {
    const path_change *change = ctx;
    if (change->now.size != 0 && !dx_bytes_equal(dx_view_at(change->now, path), is)) {
        /* A value that changed again since is somebody's later word. */
        *change->kept = true;
        return DX_OK;
    }
    return shall.size == 0 ? dx_transaction_unset(change->transaction, change->key, path)
                           : dx_transaction_set(change->transaction, change->key, path, shall);
}

int dx_history_bring_back(dx_transaction *transaction, dx_context *context, dx_space *space, int64_t key,
                          const dx_stamp *point) {
    sight then, now;
    look_init(&then, context);
    look_init(&now, context);
    int error = look(&then, context, space, key, point);
    error = error == DX_OK ? look(&now, context, space, key, NULL) : error;
    if (error == DX_OK && !now.writable) {
        error = DX_E_UNSUPPORTED;
    }
    if (error == DX_OK && now.deleted) {
        error = dx_transaction_restore(transaction, key); /* only what is not deleted can be set */
    }
    if (error == DX_OK) {
        path_change change = {.transaction = transaction, .key = key};
        error = dx_history_differ(context->alloc, dx_buf_view(&now.view), dx_buf_view(&then.view), set_path,
                                  &change);
    }
    if (error == DX_OK && then.parent != now.parent) {
        error = dx_transaction_move(transaction, key, then.parent);
        error = error == DX_E_CONFLICT ? DX_OK : error; /* what it stood under stands under it now */
    }
    if (error == DX_OK && then.deleted) {
        error = dx_transaction_delete(transaction, key);
    }
    dx_buf_deinit(&then.view);
    dx_buf_deinit(&now.view);
    return error;
}

/* Whether it lives: back to what it was before, if what the block made of it holds. */
static int invert_life(dx_transaction *transaction, int64_t key, const sight *before, const sight *after,
                       const sight *now, bool *kept) {
    bool was_deleted = !before->there || before->deleted;
    if (was_deleted == after->deleted) {
        return DX_OK;
    }
    if (now->deleted != after->deleted) {
        *kept = *kept || now->deleted != was_deleted;
        return DX_OK;
    }
    return was_deleted ? dx_transaction_delete(transaction, key) : dx_transaction_restore(transaction, key);
}

static int invert_move(dx_transaction *transaction, int64_t key, const sight *before, const sight *after,
                       const sight *now, bool *kept) {
    if (now->parent != after->parent) {
        *kept = *kept || now->parent != before->parent;
        return DX_OK;
    }
    int error = dx_transaction_move(transaction, key, before->parent);
    *kept = *kept || error == DX_E_CONFLICT; /* it would stand below itself */
    return error == DX_E_CONFLICT ? DX_OK : error;
}

int dx_history_invert(dx_transaction *transaction, dx_context *context, dx_space *space, int64_t key,
                      const dx_stamp *first, const dx_stamp *last, bool *kept) {
    sight before, after, now;
    dx_stamp earlier = dx_point_before(first);
    look_init(&before, context);
    look_init(&after, context);
    look_init(&now, context);
    int error = look(&before, context, space, key, &earlier);
    error = error == DX_OK || error == DX_E_NOT_FOUND ? look(&after, context, space, key, last) : error;
    error = error == DX_OK ? look(&now, context, space, key, NULL) : error;
    if (error == DX_OK && !now.writable) {
        error = DX_E_UNSUPPORTED;
    }
    /* What it held before it was made is nothing; what a deleted one holds cannot be changed and is not seen. */
    bool shows = before.there && !before.deleted && !now.deleted;
    if (error == DX_OK && shows && before.parent != after.parent) {
        error = invert_move(transaction, key, &before, &after, &now, kept);
    }
    if (error == DX_OK) {
        error = invert_life(transaction, key, &before, &after, &now, kept);
    }
    if (error == DX_OK && shows) {
        path_change change = {
            .transaction = transaction, .key = key, .now = dx_buf_view(&now.view), .kept = kept};
        error = dx_history_differ(context->alloc, dx_buf_view(&after.view), dx_buf_view(&before.view),
                                  set_path, &change);
    }
    dx_buf_deinit(&before.view);
    dx_buf_deinit(&after.view);
    dx_buf_deinit(&now.view);
    return error;
}
