/* node/commands_index.c: index.add, index.rm and index.ls: indexes on properties, which this vault alone decides about.
 *
 * Layer: floor 1, node. docs/spec/query.md, Indexes; echo/index.h does the work, in pieces between other steps. */
#include <string.h>

#include "base/limits.h"
#include "echo/index.h"
#include "node/state.h"

typedef struct dx_index_name {
    dx_space *space;
    dx_type_kind kind;
    dx_bytes type, path;
} dx_index_name;

static int take_name(dx_node *node, const dx_request *request, dx_bytes body, dx_index_name *out) {
    dx_bytes kind;
    *out = (dx_index_name){.kind = DX_TYPE_OBJECT};
    int error = dx_take_space(node, request, body, &out->space);
    if (error == DX_OK) {
        error = dx_take_text(node, body, "type", DX_TYPE_SIZE_MAX, &out->type);
    }
    if (error == DX_OK) {
        error = dx_item_bool(dx_item_get(body, "text"), false)
                    ? DX_OK
                    : dx_take_text(node, body, "path", DX_OBJECT_PATH_SIZE_MAX, &out->path);
        if (error == DX_OK && out->path.data != NULL && out->path.size == 0) {
            error =
                dx_node_refuse(node, DX_E_INVALID, "dx help index", "that is no path: parts joined by dots");
        }
    }
    if (error == DX_OK) {
        error = dx_take_optional_text(node, body, "kind", sizeof "object", &kind);
    }
    if (error != DX_OK) {
        return error;
    }
    out->kind = dx_bytes_equal(kind, dx_bytes_text("link")) ? DX_TYPE_LINK : DX_TYPE_OBJECT;
    return kind.data == NULL || out->kind == DX_TYPE_LINK || dx_bytes_equal(kind, dx_bytes_text("object"))
               ? DX_OK
               : dx_node_refuse(node, DX_E_INVALID, "dx help index", "\"kind\" is \"object\" or \"link\"");
}

/* A text index has none. */
static void write_path(dx_writer *out, dx_bytes path) {
    if (path.size == 0) {
        dx_write_null(out);
    } else {
        dx_write_text_bytes(out, path);
    }
}

static int reply_name(dx_node *node, dx_request *request, const dx_index_name *name) {
    dx_map_builder map;
    dx_answer_init(node, &map);
    dx_write_text_bytes(dx_map_builder_key(&map, "type"), name->type);
    write_path(dx_map_builder_key(&map, "path"), name->path);
    return dx_request_reply(node, request, &map);
}

static int index_add(dx_node *node, dx_request *request, dx_bytes body) {
    dx_index_name name;
    int error = take_name(node, request, body, &name);
    if (error != DX_OK) {
        return error;
    }
    error = dx_index_add(&node->context, name.space, name.kind, name.type, name.path);
    switch (error) {
    case DX_E_INVALID:
        return dx_node_refuse(node, error, "dx help index", "that is no path: parts joined by dots");
    case DX_E_EXISTS:
        return dx_node_refuse(node, error, "dx index ls SPACE", "there is such an index already");
    case DX_E_LIMIT:
        return dx_node_refuse(node, error, "dx index rm SPACE TYPE PATH", "a space has at most %d indexes",
                              (int)DX_INDEXES_MAX);
    default:
        return error == DX_OK ? reply_name(node, request, &name) : error;
    }
}

static int index_rm(dx_node *node, dx_request *request, dx_bytes body) {
    dx_index_name name;
    int error = take_name(node, request, body, &name);
    if (error == DX_OK) {
        error = dx_index_remove(&node->context, name.space, name.kind, name.type, name.path);
        if (error == DX_E_NOT_FOUND) {
            return dx_node_refuse(node, error, "dx index ls SPACE", "there is no such index");
        }
    }
    return error == DX_OK ? reply_name(node, request, &name) : error;
}

static int write_index(dx_node *node, dx_space *space, const dx_index *index, dx_map_builder *map) {
    dx_type *type;
    int error = dx_type_read(&node->context, space, index->type, &type);
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
    }
    dx_write_text_bytes(dx_map_builder_key(map, "type"), dx_bytes_of(type->name, type->size));
    dx_write_text(dx_map_builder_key(map, "kind"), type->kind == DX_TYPE_LINK ? "link" : "object");
    write_path(dx_map_builder_key(map, "path"), index->path);
    dx_write_text(dx_map_builder_key(map, "made"), index->automatic ? "by itself" : "declared");
    dx_write_text(dx_map_builder_key(map, "state"), index->ready ? "ready" : "building");
    return DX_OK;
}

static int index_ls(dx_node *node, dx_request *request, dx_bytes body) {
    dx_space *space;
    int error = dx_take_space(node, request, body, &space);
    if (error == DX_OK) {
        error = dx_indexes_load(&node->context, space);
    }
    for (size_t i = 0; error == DX_OK && i < space->indexes->count; i++) {
        dx_map_builder map;
        dx_answer_init(node, &map);
        error = write_index(node, space, &space->indexes->items[i], &map);
        dx_writer row = dx_request_row(node, request);
        dx_map_builder_finish(&map, &row);
        error = error == DX_OK ? dx_request_row_end(node, request, &row) : error;
    }
    return error == DX_OK ? dx_request_reply_count(node, request) : error;
}

const dx_command dx_commands_index[] = {
    {"index.add", true, index_add},
    {"index.rm", true, index_rm},
    {"index.ls", false, index_ls},
    {NULL, false, NULL},
};
