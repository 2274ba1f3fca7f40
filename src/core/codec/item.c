/* codec/item.c: looking into one encoded item that was checked before.
 *
 * Layer: floor 1, codec. Contract in dxos/codec.h. Only bounds are checked again: whatever the bytes are,
 * nothing outside of them is read. */
#include "codec/cbor.h"
#include <string.h>

/* Splits a head without judging it; false when it is cut off. Major type 7 has its bits as the argument. */
static bool split_head(dx_bytes *rest, int *major, uint64_t *argument) {
    if (rest->size == 0) {
        return false;
    }
    *major = rest->data[0] >> 5;
    int info = rest->data[0] & 31;
    size_t width = info <= INFO_DIRECT_MAX ? 0 : (size_t)1 << (info - INFO_1_BYTE);
    if (info > INFO_8_BYTES || rest->size - 1 < width) {
        return false;
    }
    uint64_t value = width == 0 ? (uint64_t)info : 0;
    for (size_t i = 1; i <= width; i++) {
        value = value << 8 | rest->data[i];
    }
    *argument = value;
    *rest = dx_bytes_of(rest->data + 1 + width, rest->size - 1 - width);
    return true;
}

/* Moves past one whole item. */
static bool skip_item(dx_bytes *rest) {
    /* Every item missing takes at least a byte, so a count above the bytes left is cut off. */
    for (size_t missing = 1; missing > 0; missing--) {
        int major;
        uint64_t argument;
        if (missing > rest->size || !split_head(rest, &major, &argument)) {
            return false;
        }
        if (major == MAJOR_BYTES || major == MAJOR_TEXT) {
            if (argument > rest->size) {
                return false;
            }
            *rest = dx_bytes_of(rest->data + argument, rest->size - (size_t)argument);
        } else if (major == MAJOR_ARRAY || major == MAJOR_MAP || major == MAJOR_TAG) {
            if (major != MAJOR_TAG && argument > rest->size) {
                return false;
            }
            missing += major == MAJOR_TAG ? 1 : major == MAJOR_MAP ? (size_t)argument * 2 : (size_t)argument;
        }
    }
    return true;
}

dx_kind dx_item_kind(dx_bytes item) {
    return item.size == 0 ? DX_KIND_NONE : kind_of_byte(item.data[0]);
}

dx_bytes dx_item_get(dx_bytes map_item, const char *key) {
    const dx_bytes none = {NULL, 0};
    dx_bytes wanted = dx_bytes_text(key);
    int major;
    uint64_t count;
    if (!split_head(&map_item, &major, &count) || major != MAJOR_MAP) {
        return none;
    }
    for (uint64_t i = 0; i < count; i++) {
        dx_bytes rest = map_item;
        uint64_t size;
        bool found = split_head(&rest, &major, &size) && major == MAJOR_TEXT && size == wanted.size &&
                     size <= rest.size && dx_bytes_equal(dx_bytes_of(rest.data, (size_t)size), wanted);
        if (!skip_item(&map_item)) {
            return none;
        }
        const uint8_t *value = map_item.data;
        if (!skip_item(&map_item)) {
            return none;
        }
        if (found) {
            return dx_bytes_of(value, (size_t)(map_item.data - value));
        }
    }
    return none;
}

static dx_bytes string_of(dx_bytes item, int wanted) {
    int major;
    uint64_t size;
    if (!split_head(&item, &major, &size) || major != wanted || size != item.size) {
        return (dx_bytes){NULL, 0};
    }
    return item;
}

dx_bytes dx_item_text(dx_bytes item) {
    return string_of(item, MAJOR_TEXT);
}

dx_bytes dx_item_bytes(dx_bytes item) {
    return string_of(item, MAJOR_BYTES);
}

int64_t dx_item_int(dx_bytes item, int64_t fallback) {
    int major;
    uint64_t argument;
    if (!split_head(&item, &major, &argument) || major > MAJOR_NEGATIVE || argument > INT64_MAX) {
        return fallback;
    }
    return major == MAJOR_NEGATIVE ? -1 - (int64_t)argument : (int64_t)argument;
}

bool dx_item_bool(dx_bytes item, bool fallback) {
    return dx_item_kind(item) == DX_KIND_BOOL ? item.data[0] == BYTE_TRUE : fallback;
}
