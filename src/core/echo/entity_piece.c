/* echo/entity_piece.c: the data of a large object in pieces that fit answers. See entity.h.
 *
 * Layer: floor 1, echo. What is seen of an object is one nested map; a piece is a map from paths to values, and setting
 * all of them on an empty object gives the same view. A member stays whole unless it is a map too large
 * for one piece. A piece is a canonical map, so its paths ascend: where the walk's do not (an escaped key is longer than
 * the key), a piece ends. */
#include "codec/canonical.h"
#include "echo/entity.h"
#include "model/object_path.h"

#include <string.h>

typedef struct dx_piecing {
    dx_buf path;        /* where the walk stands */
    dx_buf pairs, last; /* of the piece being filled, and its last key */
    dx_buf piece;
    size_t count;
    int (*on_piece)(void *ctx, dx_bytes set);
    void *ctx;
} dx_piecing;

static int end_piece(dx_piecing *self) {
    dx_writer writer;
    if (self->count == 0) {
        return DX_OK;
    }
    dx_buf_clear(&self->piece);
    dx_writer_init(&writer, &self->piece);
    dx_write_map(&writer, self->count);
    dx_buf_append(&self->piece, self->pairs.data, self->pairs.size);
    self->count = 0;
    dx_buf_clear(&self->pairs);
    return dx_buf_error(&self->piece) == DX_OK ? self->on_piece(self->ctx, dx_buf_view(&self->piece))
                                               : dx_buf_error(&self->piece);
}

static int put(dx_piecing *self, dx_bytes value) {
    dx_buf key;
    dx_writer writer;
    dx_buf_init(&key, self->path.alloc, DX_OBJECT_PATH_SIZE_MAX + 8);
    dx_writer_init(&writer, &key);
    dx_write_text_bytes(&writer, dx_buf_view(&self->path));
    int error = dx_writer_finish(&writer);
    bool follows = self->count == 0 || dx_key_compare(dx_buf_view(&self->last), dx_buf_view(&key)) < 0;
    if (error == DX_OK &&
        (!follows || (self->count > 0 && self->pairs.size + key.size + value.size > DX_PIECE_SIZE))) {
        error = end_piece(self);
    }
    dx_buf_append(&self->pairs, key.data, key.size);
    dx_buf_append(&self->pairs, value.data, value.size);
    dx_buf_clear(&self->last);
    dx_buf_append(&self->last, key.data, key.size);
    self->count++;
    dx_buf_deinit(&key);
    if (error == DX_OK) {
        error = dx_buf_error(&self->pairs) != DX_OK ? dx_buf_error(&self->pairs) : dx_buf_error(&self->last);
    }
    return error;
}

static bool is_divided(dx_bytes value) {
    return value.size > DX_PIECE_SIZE && dx_item_kind(value) == DX_KIND_MAP;
}

/* Bounded by the nesting of items. */
static int walk(dx_piecing *self, dx_bytes map) {
    dx_reader reader;
    size_t above = self->path.size;
    int error = DX_OK;
    dx_reader_init(&reader, map);
    for (size_t left = dx_read_map(&reader); error == DX_OK && left > 0; left--) {
        dx_bytes key = dx_item_text(dx_read_item(&reader)), value = dx_read_item(&reader);
        if (above > 0) {
            dx_buf_append_byte(&self->path, '.');
        }
        uint8_t *part = dx_buf_extend(&self->path, dx_object_key_escape(key, NULL));
        if (part == NULL) {
            return dx_buf_error(&self->path);
        }
        dx_object_key_escape(key, part);
        error = is_divided(value) ? walk(self, value) : put(self, value);
        self->path.size = above;
    }
    return error;
}

int dx_entity_write_pieces(dx_context *context, dx_space *space, const dx_entity *entity,
                           int (*on_piece)(void *ctx, dx_bytes set), void *ctx) {
    dx_buf view;
    dx_writer writer;
    dx_piecing self = {.on_piece = on_piece, .ctx = ctx};
    if (entity->state.size > DX_PIECES_STATE_SIZE_MAX) {
        return DX_E_LIMIT;
    }
    dx_buf_init(&view, context->alloc, DX_OBJECT_STATE_SIZE_MAX);
    dx_buf_init(&self.path, context->alloc, DX_OBJECT_PATH_SIZE_MAX);
    dx_buf_init(&self.pairs, context->alloc, DX_ANSWER_SIZE_MAX);
    dx_buf_init(&self.last, context->alloc, DX_ANSWER_SIZE_MAX);
    dx_buf_init(&self.piece, context->alloc, DX_ANSWER_SIZE_MAX);
    dx_writer_init(&writer, &view);
    int error = dx_entity_view(context, space, entity, &writer);
    error = error == DX_OK ? dx_writer_finish(&writer) : error;
    if (error == DX_OK && dx_item_kind(dx_buf_view(&view)) == DX_KIND_MAP) {
        error = walk(&self, dx_buf_view(&view));
    }
    error = error == DX_OK ? end_piece(&self) : error;
    dx_buf_deinit(&view);
    dx_buf_deinit(&self.path);
    dx_buf_deinit(&self.pairs);
    dx_buf_deinit(&self.last);
    dx_buf_deinit(&self.piece);
    return error;
}
