/* model/object_path.c: the grammar of paths.
 *
 * Layer: floor 1, model. Contract in model/object_path.h. */
#include "model/object_path.h"

#include <string.h>

#include <dxos/codec.h>

/* U+0000–001F, U+007F and (as c2 80 … c2 9f) U+0080–009F. */
static bool is_control(const uint8_t *at, const uint8_t *end) {
    return *at < 0x20 || *at == 0x7f || (*at == 0xc2 && end - at > 1 && at[1] < 0xa0);
}

size_t dx_object_path_check(dx_bytes path) {
    if (path.size == 0 || path.size > DX_OBJECT_PATH_SIZE_MAX) {
        return 0;
    }
    const uint8_t *end = path.data + path.size;
    const uint8_t *part = path.data;
    size_t parts = 1;
    for (const uint8_t *at = path.data; at < end; at++) {
        if (is_control(at, end)) {
            return 0;
        }
        if (*at == '.') {
            if (at == part) {
                return 0;
            }
            part = at + 1;
            parts++;
        } else if (*at == '\\') {
            at++;
            if (at == end || (*at != '.' && *at != '\\')) {
                return 0;
            }
        }
    }
    return part == end || parts > DX_OBJECT_DEPTH_MAX ? 0 : parts;
}

bool dx_object_path_next(dx_bytes path, size_t *at, dx_bytes *part) {
    if (*at >= path.size) {
        return false;
    }
    size_t end = *at;
    while (end < path.size && path.data[end] != '.') {
        end += path.data[end] == '\\' ? 2 : 1;
    }
    *part = dx_bytes_of(path.data + *at, end - *at);
    *at = end + 1;
    return true;
}

bool dx_object_path_is_plain(dx_bytes path) {
    return memchr(path.data, '.', path.size) == NULL && memchr(path.data, '\\', path.size) == NULL;
}

bool dx_object_key_check(dx_bytes key) {
    for (size_t i = 0; i < key.size; i++) {
        if (is_control(key.data + i, key.data + key.size)) {
            return false;
        }
    }
    return key.size != 0;
}

size_t dx_object_key_escape(dx_bytes key, uint8_t *out) {
    size_t size = 0;
    for (size_t i = 0; i < key.size; i++) {
        if (key.data[i] == '.' || key.data[i] == '\\') {
            if (out != NULL) {
                out[size] = '\\';
            }
            size++;
        }
        if (out != NULL) {
            out[size] = key.data[i];
        }
        size++;
    }
    return size;
}

size_t dx_object_part_unescape(dx_bytes part, uint8_t *out) {
    size_t size = 0;
    for (size_t i = 0; i < part.size; i++) {
        i += part.data[i] == '\\';
        out[size++] = part.data[i];
    }
    return size;
}

static size_t count_escapes(dx_bytes part) {
    size_t count = 0;
    for (size_t i = 0; i < part.size; i++) {
        if (part.data[i] == '\\') {
            count++;
            i++;
        }
    }
    return count;
}

int dx_object_part_compare(dx_bytes a, dx_bytes b) {
    size_t a_size = a.size - count_escapes(a);
    size_t b_size = b.size - count_escapes(b);
    if (a_size != b_size) {
        return a_size < b_size ? -1 : 1;
    }
    size_t i = 0, j = 0;
    for (size_t left = a_size; left > 0; left--, i++, j++) {
        i += a.data[i] == '\\';
        j += b.data[j] == '\\';
        if (a.data[i] != b.data[j]) {
            return a.data[i] < b.data[j] ? -1 : 1;
        }
    }
    return 0;
}

dx_bytes dx_view_at(dx_bytes view, dx_bytes path) {
    size_t at = 0;
    dx_bytes part;
    while (view.size != 0 && dx_object_path_next(path, &at, &part)) {
        char key[DX_OBJECT_PATH_SIZE_MAX + 1];
        key[dx_object_part_unescape(part, (uint8_t *)key)] = '\0';
        view = dx_item_get(view, key);
    }
    return view;
}
