/* node/arguments.c: what commands take, checked once, with errors that say what was expected.
 *
 * Layer: floor 1, node. See state.h. */
#include <string.h>

#include "echo/purge.h"
#include "node/state.h"

int dx_need_identity(dx_node *node) {
    if (node->identity.present) {
        return DX_OK;
    }
    return dx_node_refuse(node, DX_E_NO_IDENTITY, "dx halo create NAME", "this vault has no identity yet");
}

int dx_take_optional_text(dx_node *node, dx_bytes body, const char *key, size_t size_max, dx_bytes *out) {
    dx_bytes item = dx_item_get(body, key);
    *out = (dx_bytes){0};
    if (item.size == 0 || dx_item_kind(item) == DX_KIND_NULL) {
        return DX_OK;
    }
    if (dx_item_kind(item) != DX_KIND_TEXT) {
        return dx_node_refuse(node, DX_E_INVALID, NULL, "\"%s\" must be a text", key);
    }
    *out = dx_item_text(item);
    if (out->size > size_max) {
        return dx_node_refuse(node, DX_E_INVALID, NULL, "\"%s\" is longer than %d bytes", key, (int)size_max);
    }
    return DX_OK;
}

int dx_take_text(dx_node *node, dx_bytes body, const char *key, size_t size_max, dx_bytes *out) {
    int error = dx_take_optional_text(node, body, key, size_max, out);
    if (error == DX_OK && out->data == NULL) {
        return dx_node_refuse(node, DX_E_INVALID, NULL, "\"%s\" is missing", key);
    }
    return error;
}

int dx_take_name(dx_node *node, dx_bytes body, size_t size_max, dx_bytes *out) {
    int error = dx_take_text(node, body, "name", size_max, out);
    if (error == DX_OK && out->size == 0) {
        return dx_node_refuse(node, DX_E_INVALID, NULL, "\"name\" is empty");
    }
    if (error == DX_OK && !dx_identity_name_check(*out)) {
        return dx_node_refuse(node, DX_E_INVALID, NULL, "a name is one line, without control characters");
    }
    return error;
}

int dx_take_optional_map(dx_node *node, dx_bytes body, const char *key, dx_bytes *out) {
    *out = dx_item_get(body, key);
    if (out->size == 0 || dx_item_kind(*out) == DX_KIND_NULL) {
        *out = (dx_bytes){0};
        return DX_OK;
    }
    if (dx_item_kind(*out) != DX_KIND_MAP) {
        return dx_node_refuse(node, DX_E_INVALID, NULL, "\"%s\" must be an object of keys and values", key);
    }
    return DX_OK;
}

bool dx_matches_hex(const uint8_t id[static DX_HASH_SIZE], dx_bytes prefix) {
    char hex[2 * DX_HASH_SIZE + 1];
    dx_hex_encode(dx_bytes_of(id, DX_HASH_SIZE), hex);
    return prefix.size >= 4 && prefix.size <= 2 * DX_HASH_SIZE && memcmp(hex, prefix.data, prefix.size) == 0;
}

int dx_find_space(dx_node *node, const dx_app *app, dx_bytes text, dx_space **out) {
    dx_space *by_name = NULL, *by_id = NULL;
    size_t names = 0, ids = 0;
    for (size_t i = 0; i < node->space_count; i++) {
        char name[256];
        dx_space *space = node->spaces[i];
        if (dx_app_level(app, space->id) < DX_LEVEL_READ) {
            continue;
        }
        int error = dx_space_name(&node->context, space, name, sizeof name);
        if (error != DX_OK && error != DX_E_NOT_FOUND) {
            return error;
        }
        if (error == DX_OK && dx_bytes_equal(dx_bytes_text(name), text)) {
            by_name = space;
            names++;
        }
        if (dx_matches_hex(space->id, text)) {
            by_id = space;
            ids++;
        }
    }
    if (names > 1 || (names == 0 && ids > 1)) {
        return dx_node_refuse(node, DX_E_CONFLICT, "dx space list, and more of its id",
                              "\"%.*s\" could mean %d spaces", (int)text.size, (const char *)text.data,
                              (int)(names > 1 ? names : ids));
    }
    *out = names == 1 ? by_name : by_id;
    if (*out == NULL) {
        return dx_node_refuse(node, DX_E_NOT_FOUND, "dx space list",
                              "there is no space \"%.*s\" in this vault", (int)text.size,
                              (const char *)text.data);
    }
    return DX_OK;
}

int dx_take_space(dx_node *node, const dx_request *request, dx_bytes body, dx_space **out) {
    dx_bytes text;
    if (request->judged != 0) {
        *out = dx_node_space(node, request->judged);
        return *out != NULL ? DX_OK : DX_E_NOT_FOUND;
    }
    int error = dx_take_text(node, body, "space", 256, &text);
    return error == DX_OK ? dx_find_space(node, request->app, text, out) : error;
}

static bool is_purged(dx_node *node, dx_space *space, dx_bytes id) {
    int64_t key;
    return dx_id_parse_any(&node->context, space, id, &key) == DX_OK && dx_purge_has(space, key);
}

static int take_id(dx_node *node, dx_space *space, dx_bytes item, const char *what, bool stands,
                   int64_t *key) {
    int error;
    dx_bytes text = dx_item_text(item), bytes = dx_item_bytes(item);
    if (item.size != 0 && dx_item_kind(item) == DX_KIND_TEXT) {
        error = stands ? dx_id_parse(&node->context, space, text, key)
                       : dx_id_parse_any(&node->context, space, text, key);
    } else if (bytes.size == DX_ID_SIZE) {
        error = dx_id_to_key(space, bytes.data, key);
        text = dx_bytes_text("that id");
    } else {
        return dx_node_refuse(node, DX_E_INVALID, NULL,
                              item.size == 0 ? "no %s is named" : "\"%s\" must be an id", what);
    }
    int length = text.size < 64 ? (int)text.size : 64;
    switch (error) {
    case DX_E_INVALID:
        return dx_node_refuse(node, error, "dx object ls SPACE", "\"%.*s\" is not an id (SEQ-INDEX-FEED)",
                              length, (const char *)text.data);
    case DX_E_NOT_FOUND:
        if (is_purged(node, space, text)) {
            return dx_node_refuse(node, error, "dx object ls SPACE",
                                  "%s %.*s was purged: nothing of it is left", what, length,
                                  (const char *)text.data);
        }
        if (dx_space_scope_is_partial(space->scope)) {
            return dx_node_refuse_absent(node, space);
        }
        return dx_node_refuse(node, error, "dx object ls SPACE", "%s %.*s is not in this space", what, length,
                              (const char *)text.data);
    case DX_E_CONFLICT:
        return dx_node_refuse(node, error, "write more of the id", "%s %.*s could mean several", what, length,
                              (const char *)text.data);
    default:
        return error;
    }
}

int dx_take_id(dx_node *node, dx_space *space, dx_bytes item, const char *what, int64_t *key) {
    return take_id(node, space, item, what, true, key);
}

int dx_take_any_id(dx_node *node, dx_space *space, dx_bytes item, const char *what, int64_t *key) {
    return take_id(node, space, item, what, false, key);
}

void dx_write_hex(dx_writer *writer, const uint8_t *data, size_t size) {
    char hex[2 * 64 + 1];
    DX_ASSERT(size <= 64);
    dx_hex_encode(dx_bytes_of(data, size), hex);
    dx_write_text(writer, hex);
}
