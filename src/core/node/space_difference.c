/* node/space_difference.c: what of a whole space is otherwise at one point than at another. See space_difference.h.
 *
 * Layer: floor 1, node. */
#include "node/space_difference.h"

#include <string.h>

#include "base/limits.h"
#include "echo/history.h"
#include "echo/key_set.h"
#include "echo/timeline.h"
#include "model/object_difference.h"
#include "node/beginning.h"

enum {
    BLOCKS_LISTED = 32,   /* found at once: finding begins by halving each feed */
    ENTITIES_A_STEP = 64, /* each is made twice, of all its changes */
    KEYS_SIZE_MAX = DX_BLOCK_SECTIONS_MAX * 8
};

int dx_glimpse_take(dx_node *node, dx_space *space, int64_t key, const dx_stamp *point, dx_glimpse *out) {
    static const uint8_t nothing[] = {0xa0};
    dx_entity entity;
    dx_buf state;
    dx_buf_init(&state, &node->config.alloc, DX_STATE_SIZE_MAX);
    int error = point == NULL ? dx_entity_read(&node->context, space, key, &entity)
                              : dx_history_entity(&node->context, space, key, point, &state, &entity);
    out->there = error == DX_OK;
    out->deleted = out->there && entity.deleted;
    out->parent = out->there ? entity.parent : 0;
    if (error == DX_OK) {
        dx_writer writer;
        dx_writer_init(&writer, &out->view);
        error = dx_entity_view(&node->context, space, &entity, &writer);
        error = error == DX_OK ? dx_writer_finish(&writer) : error;
    } else if (error == DX_E_NOT_FOUND) {
        dx_buf_append(&out->view, nothing, sizeof nothing);
        error = dx_buf_error(&out->view);
    }
    dx_buf_deinit(&state);
    return error;
}

/* --- Going back ---------------------------------------------------------------------------------- */

typedef struct listed_block {
    dx_stamp stamp;
    int64_t feed; /* local number */
    uint64_t seq;
} listed_block;

typedef struct going_back {
    dx_stamp from, to;
    dx_stamp low, high; /* of the two the earlier one, and the later */
    dx_stamp before;    /* blocks before it were not listed yet */
    listed_block blocks[BLOCKS_LISTED];
    size_t block_count, block_at;
    bool more;
    dx_buf keys; /* of the block at block_at, from key_at on */
    size_t key_at;
    bool read;
} going_back;

static void drop(dx_node *node, dx_request *request) {
    (void)node;
    dx_buf_deinit(&((going_back *)request->task)->keys);
}

static int list_block(void *ctx, const dx_moment *moment) {
    going_back *self = ctx;
    DX_ASSERT(self->block_count < BLOCKS_LISTED);
    self->blocks[self->block_count++] =
        (listed_block){.stamp = moment->stamp, .feed = moment->feed->local, .seq = moment->seq};
    return DX_OK;
}

static int list_blocks(dx_node *node, dx_space *space, going_back *self) {
    self->block_count = self->block_at = 0;
    int error =
        dx_timeline(&node->context, space, &self->before, BLOCKS_LISTED, list_block, self, &self->more);
    if (error == DX_OK && self->block_count != 0) {
        self->before = self->blocks[self->block_count - 1].stamp;
    }
    return error == DX_OK && self->block_count == 0 && self->more
               ? dx_node_refuse(node, DX_E_LIMIT, "points that lie nearer to each other",
                                "too many blocks between these points tell nothing")
               : error;
}

/* The block at block_at, or the one behind it, with its entities. *ends: there is none between the points. */
static int need_block(dx_node *node, dx_space *space, going_back *self, bool *ends) {
    int error = DX_OK;
    *ends = false;
    if (self->read && self->key_at == dx_key_list_count(&self->keys)) {
        self->block_at++;
        self->read = false;
    }
    if (self->block_at == self->block_count) {
        error = self->more ? list_blocks(node, space, self) : DX_OK;
        self->more = self->more && self->block_count != 0;
    }
    *ends = error != DX_OK || self->block_at == self->block_count ||
            dx_stamp_compare(&self->blocks[self->block_at].stamp, &self->low) <= 0;
    if (*ends || self->read) {
        return error;
    }
    const listed_block *block = &self->blocks[self->block_at];
    dx_feed *feed = dx_space_feed(space, block->feed);
    dx_buf_clear(&self->keys);
    self->key_at = 0;
    self->read = true;
    return feed == NULL ? DX_E_CORRUPT
                        : dx_timeline_keys(&node->context, space, feed, block->seq, &self->keys);
}

/* --- Rows ---------------------------------------------------------------------------------------- */

/* [{"to"?, "from"?, "path"}…], without the array's head; beyond what fits a row, its size alone. */
typedef struct change_list {
    dx_buf items;
    size_t count, size;
} change_list;

static int take_path(void *ctx, dx_bytes path, const dx_bytes *values) {
    change_list *self = ctx;
    dx_bytes from = values[0], to = values[1];
    dx_writer writer;
    if (from.size != 0 && to.size != 0 && dx_item_kind(from) == DX_KIND_MAP &&
        dx_item_kind(to) == DX_KIND_MAP) {
        return DX_GO_BELOW;
    }
    self->count++;
    self->size += path.size + from.size + to.size;
    if (self->size > DX_ROW_SIZE_MAX / 2) {
        return DX_OK;
    }
    dx_writer_init(&writer, &self->items);
    dx_write_map(&writer, 1 + (size_t)(from.size != 0) + (to.size != 0));
    if (to.size != 0) {
        dx_write_text(&writer, "to");
        dx_write_item(&writer, to);
    }
    if (from.size != 0) {
        dx_write_text(&writer, "from");
        dx_write_item(&writer, from);
    }
    dx_write_text(&writer, "path");
    dx_write_text_bytes(&writer, path);
    return dx_writer_finish(&writer);
}

static void write_changes(const change_list *changes, dx_map_builder *map) {
    dx_reader reader;
    if (changes->size > DX_ROW_SIZE_MAX / 2) {
        dx_write_uint(dx_map_builder_key(map, "omitted"), changes->size);
        return;
    }
    dx_writer *list = dx_map_builder_key(map, "changes");
    dx_write_array(list, changes->count);
    dx_reader_init(&reader, dx_buf_view(&changes->items));
    for (size_t i = 0; i < changes->count; i++) {
        dx_write_item(list, dx_read_item(&reader));
    }
}

/* NULL: nothing that shows. */
static const char *word_of(const dx_glimpse *from, const dx_glimpse *to, bool differs) {
    bool was = from->there && !from->deleted, is = to->there && !to->deleted;
    return !was && !is                  ? NULL
           : !from->there               ? "made"
           : was && !is                 ? "deleted"
           : !was                       ? "restored"
           : differs                    ? "changed"
           : from->parent != to->parent ? "moved"
                                        : NULL;
}

static int tell(dx_node *node, dx_request *request, dx_space *space, int64_t key, const char *word,
                const dx_glimpse *from, const dx_glimpse *to, const change_list *changes) {
    dx_map_builder map;
    dx_entity entity;
    int error = dx_entity_read(&node->context, space, key, &entity);
    if (error != DX_OK) {
        return error;
    }
    dx_answer_init(node, &map);
    error = dx_id_write(space, key, dx_map_builder_key(&map, "id"));
    dx_write_text(dx_map_builder_key(&map, "kind"), entity.kind == DX_ENTITY_LINK ? "link" : "object");
    if (entity.type.size != 0) {
        dx_write_text_bytes(dx_map_builder_key(&map, "type"), entity.type);
    }
    dx_write_text(dx_map_builder_key(&map, "did"), word);
    if (changes->count != 0) {
        write_changes(changes, &map);
    }
    if (error == DX_OK && from->parent != to->parent) {
        error = dx_id_write(space, to->parent, dx_map_builder_key(&map, "parent"));
    }
    dx_writer row = dx_request_row(node, request);
    dx_map_builder_finish(&map, &row);
    int written = dx_request_row_end(node, request, &row);
    return error != DX_OK ? error : written;
}

static int compare(dx_node *node, dx_request *request, dx_space *space, int64_t key, const going_back *self) {
    dx_glimpse from, to;
    change_list changes = {.count = 0};
    dx_buf_init(&from.view, &node->config.alloc, DX_STATE_SIZE_MAX);
    dx_buf_init(&to.view, &node->config.alloc, DX_STATE_SIZE_MAX);
    dx_buf_init(&changes.items, &node->config.alloc, DX_ROW_SIZE_MAX);
    int error = dx_glimpse_take(node, space, key, &self->from, &from);
    error = error == DX_OK ? dx_glimpse_take(node, space, key, &self->to, &to) : error;
    if (error == DX_OK) {
        const dx_bytes views[] = {dx_buf_view(&from.view), dx_buf_view(&to.view)};
        error = dx_views_walk(&node->config.alloc, views, 2, take_path, &changes);
    }
    const char *word = error == DX_OK ? word_of(&from, &to, changes.count != 0) : NULL;
    if (word != NULL) {
        error = tell(node, request, space, key, word, &from, &to, &changes);
    }
    dx_buf_deinit(&changes.items);
    dx_buf_deinit(&from.view);
    dx_buf_deinit(&to.view);
    return error;
}

/* One entity of the block: told where this block is its latest change. */
static int take_entity(dx_node *node, dx_request *request, dx_space *space, going_back *self) {
    int64_t key = dx_key_list_at(&self->keys, self->key_at++);
    dx_stamp latest;
    int error = dx_history_latest(&node->context, space, key, &self->high, &latest);
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_OK : error;
    }
    return dx_stamp_compare(&latest, &self->blocks[self->block_at].stamp) == 0
               ? compare(node, request, space, key, self)
               : DX_OK;
}

static int go_on(dx_node *node, dx_request *request, bool *again) {
    going_back *self = request->task;
    dx_space *space = dx_node_space(node, request->space);
    if (request->cancelled || space == NULL) {
        return DX_E_CANCELLED;
    }
    if (!dx_request_can_send(node, request)) {
        return DX_PENDING;
    }
    int error = DX_OK;
    bool ends = false;
    for (int left = ENTITIES_A_STEP; left > 0 && error == DX_OK; left--) {
        error = need_block(node, space, self, &ends);
        if (error != DX_OK || ends) {
            break;
        }
        if (self->key_at < dx_key_list_count(&self->keys)) {
            error = take_entity(node, request, space, self);
        }
    }
    if (error == DX_E_GONE) {
        return dx_node_refuse_gone(node, space, "");
    }
    if (error != DX_OK) {
        return error;
    }
    if (ends) {
        return dx_request_reply_count(node, request);
    }
    *again = true;
    return DX_PENDING;
}

static int note_stamp(void *ctx, const dx_moment *moment) {
    *(dx_stamp *)ctx = moment->stamp;
    return DX_OK;
}

int dx_node_diff_space(dx_node *node, dx_request *request, dx_space *space, const dx_stamp *from,
                       const dx_stamp *to) {
    dx_stamp latest = *from;
    bool more;
    int error = dx_entity_rows_settle(&node->context, space);
    if (error == DX_OK && to == NULL) {
        error = dx_timeline(&node->context, space, NULL, 1, note_stamp, &latest, &more);
    }
    if (error != DX_OK) {
        return error;
    }
    going_back *self = dx_request_continue(node, request, sizeof *self, go_on, drop);
    if (self == NULL) {
        return DX_E_NO_MEMORY;
    }
    request->space = space->local;
    dx_buf_init(&self->keys, &node->config.alloc, KEYS_SIZE_MAX);
    self->from = *from;
    self->to = to == NULL ? latest : *to;
    bool back = dx_stamp_compare(&self->to, &self->from) < 0;
    self->low = back ? self->to : self->from;
    self->high = back ? self->from : self->to;
    self->before = dx_point_after(&self->high);
    self->more = true;
    return DX_PENDING;
}
