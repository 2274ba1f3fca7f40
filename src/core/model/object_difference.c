/* model/object_difference.c: views of objects side by side. See object_difference.h.
 *
 * Layer: floor 1, model. */
#include "model/object_difference.h"

#include "codec/canonical.h"
#include "model/object_path.h"

typedef struct views_walk {
    size_t count;
    dx_buf path;
    dx_on_path *on_path;
    void *ctx;
} views_walk;

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

static void open_map(map_cursor *cursor, dx_bytes item) {
    bool is_map = item.size != 0 && dx_item_kind(item) == DX_KIND_MAP;
    dx_reader_init(&cursor->reader, item);
    cursor->left = is_map ? dx_read_map(&cursor->reader) : 0;
    next_member(cursor);
}

static int walk_maps(views_walk *walk, const dx_bytes *maps);

static bool all_equal(const views_walk *walk, const dx_bytes *values) {
    size_t i = 1;
    while (i < walk->count && dx_bytes_equal(values[0], values[i])) {
        i++;
    }
    return i == walk->count;
}

static int tell_member(views_walk *walk, dx_bytes key, const dx_bytes *values) {
    dx_buf *path = &walk->path;
    size_t begin = path->size;
    dx_bytes text = dx_item_text(key);
    if (all_equal(walk, values)) {
        return DX_OK;
    }
    if (text.data == NULL || text.size > DX_OBJECT_PATH_SIZE_MAX) {
        return DX_E_UNSUPPORTED;
    }
    if (begin != 0) {
        dx_buf_append(path, ".", 1);
    }
    uint8_t *part = dx_buf_extend(path, 2 * text.size + 1);
    if (part == NULL || dx_buf_error(path) != DX_OK) {
        return dx_buf_error(path);
    }
    path->size = (size_t)(part - path->data) + dx_object_key_escape(text, part);
    int error = walk->on_path(walk->ctx, dx_buf_view(path), values);
    error = error == DX_GO_BELOW ? walk_maps(walk, values) : error;
    path->size = begin;
    return error;
}

/* The first key that a cursor stands at; size 0: all are at their ends. */
static dx_bytes first_key(const map_cursor *cursors, size_t count) {
    dx_bytes first = {0};
    for (size_t i = 0; i < count; i++) {
        if (cursors[i].key.size != 0 && (first.size == 0 || dx_key_compare(cursors[i].key, first) < 0)) {
            first = cursors[i].key;
        }
    }
    return first;
}

static int walk_maps(views_walk *walk, const dx_bytes *maps) {
    map_cursor cursors[DX_VIEWS_MAX] = {0};
    dx_bytes key;
    int error = DX_OK;
    for (size_t i = 0; i < walk->count; i++) {
        open_map(&cursors[i], maps[i]);
    }
    while (error == DX_OK && (key = first_key(cursors, walk->count)).size != 0) {
        dx_bytes values[DX_VIEWS_MAX] = {{0}};
        for (size_t i = 0; i < walk->count; i++) {
            bool here = cursors[i].key.size != 0 && dx_key_compare(cursors[i].key, key) == 0;
            values[i] = here ? cursors[i].value : (dx_bytes){0};
            if (here) {
                next_member(&cursors[i]);
            }
        }
        error = tell_member(walk, key, values);
    }
    return error;
}

int dx_views_walk(const dx_alloc *alloc, const dx_bytes *views, size_t count, dx_on_path *on_path,
                  void *ctx) {
    views_walk walk = {.count = count, .on_path = on_path, .ctx = ctx};
    DX_ASSERT(count != 0 && count <= DX_VIEWS_MAX);
    dx_buf_init(&walk.path, alloc, DX_CODEC_DEPTH_MAX * (2 * DX_OBJECT_PATH_SIZE_MAX + 1));
    int error = walk_maps(&walk, views);
    dx_buf_deinit(&walk.path);
    return error;
}
