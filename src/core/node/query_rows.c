/* node/query_rows.c: rows of questions. See query_rows.h.
 *
 * Layer: floor 1, node. */
#include "node/query_rows.h"

#include <string.h>

#include "base/limits.h"
#include "codec/canonical.h"
#include "echo/provenance.h"
#include "node/beginning.h"

int dx_node_create_query(dx_node *node, dx_space *space, dx_bytes item, dx_query **out) {
    return dx_node_create_query_at(node, space, item, NULL, out);
}

int dx_node_create_query_at(dx_node *node, dx_space *space, dx_bytes item, const dx_stamp *point,
                            dx_query **out) {
    char message[DX_NODE_MESSAGE_SIZE];
    message[0] = 0;
    int error = dx_query_create_at(&node->context, space, item, point, message, sizeof message, out);
    if (error == DX_E_INVALID) {
        return dx_node_refuse(node, error, "dx help query", "%s", message);
    }
    if (error == DX_E_GONE) {
        return dx_node_refuse_gone(node, space, "");
    }
    return error;
}

int dx_node_refuse_large_query(dx_node *node, int error) {
    return dx_node_refuse(
        node, error, "a question that reaches less: begin with a type or a value, take fewer steps",
        "the question reaches more than %d objects in one step, or puts more than %d in order",
        DX_QUERY_KEYS_MAX, DX_QUERY_SORTED_MAX);
}

/* An id alone, or a group: {"count", "value"}, without a value where the path leads nowhere. */
static int write_short_row(dx_space *space, const dx_query_row *row, const char *space_name, dx_writer *out) {
    uint8_t id[DX_ID_SIZE];
    char text[DX_ID_TEXT_MAX];
    if (row->key == 0) {
        dx_write_map(out, 1u + (row->value.size != 0));
        dx_write_text(out, "count");
        dx_write_int(out, row->count);
        if (row->value.size != 0) {
            dx_write_text(out, "value");
            dx_write_item(out, row->value);
        }
        return DX_OK;
    }
    int error = dx_key_to_id(space, row->key, id);
    dx_id_print(id, text);
    dx_write_map(out, 1u + (space_name != NULL));
    dx_write_text(out, "id");
    dx_write_text(out, text);
    if (space_name != NULL) {
        dx_write_text(out, "space");
        dx_write_text(out, space_name);
    }
    return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
}

/* What stands beside an entity's own keys, in the order of keys. */
typedef struct beside {
    const char *key;
    dx_bytes item;        /* size 0: a text */
    const char *text;     /* NULL: nothing */
    const size_t *number; /* likewise */
    uint8_t encoded[16];  /* the key */
    size_t encoded_size;
} beside;

static bool is_there(const beside *self) {
    return self->item.size != 0 || self->text != NULL || self->number != NULL;
}

static void write_beside(const beside *self, dx_writer *out) {
    dx_write_text(out, self->key);
    if (self->item.size != 0) {
        dx_write_item(out, self->item);
    } else if (self->number != NULL) {
        dx_write_uint(out, *self->number);
    } else {
        dx_write_text(out, self->text);
    }
}

/* Whether the map's key is one of those, which is said anew then. */
static bool is_said_anew(dx_bytes key, const beside *more, size_t more_count) {
    for (size_t i = 0; i < more_count; i++) {
        if (dx_bytes_equal(key, dx_bytes_of(more[i].encoded, more[i].encoded_size))) {
            return true;
        }
    }
    return false;
}

/* A map with more keys in their places, instead of what the map has there. */
static void write_map_with(dx_bytes map, beside *more, size_t more_count, dx_writer *out) {
    dx_reader reader, counter;
    size_t added = 0, kept = 0, at = 0;
    for (size_t i = 0; i < more_count; i++) {
        size_t size = strlen(more[i].key);
        more[i].encoded[0] = (uint8_t)(0x60 + size);
        memcpy(more[i].encoded + 1, more[i].key, size);
        more[i].encoded_size = size + 1;
        added += is_there(&more[i]);
    }
    dx_reader_init(&counter, map);
    for (size_t left = dx_read_map(&counter); left > 0; left--) {
        kept += !is_said_anew(dx_read_item(&counter), more, more_count);
        (void)dx_read_item(&counter);
    }
    dx_reader_init(&reader, map);
    size_t count = dx_read_map(&reader);
    dx_write_map(out, kept + added);
    for (size_t i = 0; i <= count; i++) {
        dx_bytes key = i < count ? dx_read_item(&reader) : dx_bytes_of(NULL, 0);
        for (; at < more_count &&
               (i == count || dx_key_compare(key, dx_bytes_of(more[at].encoded, more[at].encoded_size)) > 0);
             at++) {
            if (is_there(&more[at])) {
                write_beside(&more[at], out);
            }
        }
        dx_bytes value = i < count ? dx_read_item(&reader) : dx_bytes_of(NULL, 0);
        if (i < count && !is_said_anew(key, more, more_count)) {
            dx_write_item(out, key);
            dx_write_item(out, value);
        }
    }
}

static int write_row_with(dx_node *node, dx_space *space, const dx_query_row *row, beside *more,
                          size_t more_count, dx_writer *out) {
    dx_buf entity;
    dx_buf_init(&entity, &node->config.alloc, DX_ROW_SIZE_MAX);
    int error = dx_entity_write_row(&node->context, space, row->entity, &entity);
    if (error == DX_OK) {
        write_map_with(dx_buf_view(&entity), more, more_count, out);
    }
    dx_buf_deinit(&entity);
    return error;
}

void dx_node_write_row_of(dx_bytes row, const char *space_name, dx_writer *out) {
    beside more[] = {{.key = "space", .text = space_name}};
    write_map_with(row, more, 1, out);
}

void dx_node_write_row_at(dx_bytes row, const char *space_name, const char *change, size_t from, size_t to,
                          dx_writer *out) {
    beside more[] = {{.key = "to", .number = to == SIZE_MAX ? NULL : &to},
                     {.key = "from", .number = from == SIZE_MAX ? NULL : &from},
                     {.key = "space", .text = space_name},
                     {.key = "change", .text = change}};
    write_map_with(row, more, sizeof more / sizeof more[0], out);
}

int dx_node_write_query_row(dx_node *node, dx_space *space, const dx_query_row *row, const char *space_name,
                            dx_writer *out) {
    beside more[] = {{.key = "space", .text = space_name}, {.key = "snippet", .item = row->snippet}};
    if (row->entity == NULL) {
        return write_short_row(space, row, space_name, out);
    }
    return is_there(&more[0]) || is_there(&more[1])
               ? write_row_with(node, space, row, more, sizeof more / sizeof more[0], out)
               : dx_entity_write_row(&node->context, space, row->entity, out->out);
}

/* Larger than one section takes, or not all here. */
static bool is_without(int error) {
    return error == DX_E_LIMIT || error == DX_E_NOT_FOUND || error == DX_E_GONE;
}

int dx_node_write_exported_row(dx_node *node, dx_space *space, const dx_query_row *row, dx_writer *out) {
    int64_t key = row->entity->key;
    dx_buf entity, provenance;
    if (row->entity->model != NULL && !dx_provenance_brings(dx_bytes_text(row->entity->model->name))) {
        return dx_entity_write_row(&node->context, space, row->entity, out->out);
    }
    dx_buf_init(&entity, &node->config.alloc, DX_ROW_SIZE_MAX);
    dx_buf_init(&provenance, &node->config.alloc, DX_ROW_SIZE_MAX);
    int error = dx_entity_write_row(&node->context, space, row->entity, &entity); /* its views end here */
    if (error == DX_OK) {
        error = dx_provenance_write(&node->context, space, key, &provenance);
        bool fits = error == DX_OK && entity.size + provenance.size + sizeof "provenance" <= DX_ROW_SIZE_MAX;
        beside more[] = {{.key = "provenance", .item = fits ? dx_buf_view(&provenance) : (dx_bytes){0}}};
        error = is_without(error) ? DX_OK : error;
        write_map_with(dx_buf_view(&entity), more, 1, out);
    }
    dx_buf_deinit(&entity);
    dx_buf_deinit(&provenance);
    return error;
}
