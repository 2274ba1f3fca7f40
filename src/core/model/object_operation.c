/* model/object_operation.c: reads operations into registers, strictly.
 *
 * Layer: floor 1, model. Contract in model/object_operation.h. An operation is walked twice: once to check
 * and to measure, once to fill a block of exactly the size needed; so hostile bytes are refused before memory
 * is asked for. */
#include "model/object_operation.h"

#include <string.h>

typedef struct operation_walk {
    dx_reader reader;
    size_t count;
    size_t expanded_size; /* of all keys and payloads */
    size_t keys_size;     /* of the keys that had to be composed */
    dx_register *items;   /* NULL on the first walk */
    uint8_t *keys;        /* likewise */
    dx_element *elements; /* likewise */
    size_t element_count;
    dx_register *edited; /* likewise: the paths that are edited */
    size_t edited_count;
    dx_element last; /* the element before, on the same path */
    size_t edited_parts;
    size_t path_size;
    uint8_t path[DX_OBJECT_PATH_SIZE_MAX]; /* of the member being walked, when inside a map */
} operation_walk;

static void emit(operation_walk *self, dx_bytes path, size_t parts, dx_bytes payload, bool expanded) {
    self->expanded_size += path.size + payload.size;
    if (self->count == DX_OBJECT_OPERATION_REGISTERS_MAX ||
        self->expanded_size > DX_OBJECT_EXPANDED_SIZE_MAX) {
        dx_reader_fail(&self->reader);
        return;
    }
    if (expanded) {
        uint8_t scratch[DX_OBJECT_PATH_SIZE_MAX + 3];
        uint8_t *key = self->keys == NULL ? scratch : self->keys + self->keys_size;
        size_t size = dx_register_put_key(path, key);
        self->keys_size += size;
        path = dx_bytes_of(key + size - path.size, path.size);
    }
    if (self->items != NULL) {
        self->items[self->count] =
            (dx_register){.path = path, .payload = payload, .parts = (uint16_t)parts, .expanded = expanded};
    }
    self->count++;
}

/* Appends the member's key to the path being walked; false when that is no path any more. */
static bool enter_member(operation_walk *self, dx_bytes key) {
    if (key.size > DX_OBJECT_PATH_SIZE_MAX || !dx_object_key_check(key)) {
        return false;
    }
    size_t size = dx_object_key_escape(key, NULL);
    if (size + 1 > sizeof self->path - self->path_size) {
        return false;
    }
    self->path[self->path_size++] = '.';
    self->path_size += dx_object_key_escape(key, self->path + self->path_size);
    return true;
}

/* The next item of the reader, set at this path: a map becomes a register for itself and those of its
 * members. */
static void walk_value(operation_walk *self, dx_bytes path, size_t parts, bool expanded) {
    dx_reader *reader = &self->reader;
    if (dx_reader_peek(reader) != DX_KIND_MAP) {
        dx_bytes value = dx_read_item(reader);
        if (reader->error != DX_OK || !dx_register_check_payload(value, parts)) {
            dx_reader_fail(reader);
            return;
        }
        emit(self, path, parts, value, expanded);
        return;
    }
    if (parts == DX_OBJECT_DEPTH_MAX) {
        dx_reader_fail(reader);
        return;
    }
    emit(self, path, parts, dx_bytes_of(dx_register_map, sizeof dx_register_map), expanded);
    size_t count = dx_read_map(reader);
    if (!expanded) {
        memcpy(self->path, path.data, path.size);
        self->path_size = path.size;
    }
    size_t path_size = self->path_size;
    while (count-- > 0 && reader->error == DX_OK) {
        dx_bytes key = dx_read_text(reader);
        if (reader->error != DX_OK || !enter_member(self, key)) {
            dx_reader_fail(reader);
            return;
        }
        walk_value(self, dx_bytes_of(self->path, self->path_size), parts + 1, true);
        self->path_size = path_size;
    }
}

/* One edit, [key] or [key, payload]. Keys of one kind ascend without repetition. */
static void take_edit(void *ctx, dx_reader *reader, size_t fields, uint32_t kind) {
    operation_walk *self = ctx;
    dx_element element = {.path = self->last.path, .kind = kind, .key = dx_read_bytes(reader)};
    if (fields == 2) {
        element.payload = dx_read_item(reader);
    }
    bool follows = self->last.kind != kind || dx_element_compare_keys(self->last.key, element.key) < 0;
    if (reader->error != DX_OK || (fields != 1 && fields != 2) || !follows ||
        element.key.size > DX_OBJECT_KEY_SIZE_MAX ||
        (fields == 2 && !dx_element_check_payload(element.payload, self->edited_parts)) ||
        self->count + self->element_count == DX_OBJECT_OPERATION_REGISTERS_MAX) {
        dx_reader_fail(reader);
        return;
    }
    if (self->elements != NULL) {
        self->elements[self->element_count] = element;
    }
    self->element_count++;
    self->last = element;
}

static void walk_edits(operation_walk *self) {
    dx_reader *reader = &self->reader;
    size_t paths = dx_read_map(reader);
    if (paths == 0) {
        dx_reader_fail(reader); /* without edits an operation has two items */
    }
    for (; paths > 0 && reader->error == DX_OK; paths--) {
        dx_bytes path = dx_read_text(reader);
        self->edited_parts = dx_object_path_check(path);
        if (self->edited_parts == 0) {
            dx_reader_fail(reader);
            return;
        }
        if (self->edited != NULL) {
            self->edited[self->edited_count] =
                (dx_register){.path = path, .parts = (uint16_t)self->edited_parts};
        }
        self->edited_count++;
        self->last = (dx_element){.path = path, .kind = UINT32_MAX};
        dx_element_read_kinds(reader, take_edit, self);
    }
}

static void walk_operation(operation_walk *self, dx_bytes operation) {
    dx_reader *reader = &self->reader;
    dx_reader_init(reader, operation);
    self->count = self->expanded_size = self->keys_size = self->element_count = self->edited_count = 0;
    size_t fields = dx_read_array(reader);
    if (fields != 2 && fields != 3) {
        dx_reader_fail(reader);
    }
    for (size_t sets = dx_read_map(reader); sets > 0 && reader->error == DX_OK; sets--) {
        dx_bytes path = dx_read_text(reader);
        size_t parts = dx_object_path_check(path);
        if (parts == 0) {
            dx_reader_fail(reader);
            return;
        }
        walk_value(self, path, parts, false);
    }
    dx_bytes before = {NULL, 0};
    for (size_t deletes = dx_read_array(reader); deletes > 0 && reader->error == DX_OK; deletes--) {
        dx_bytes path = dx_read_text(reader);
        size_t parts = dx_object_path_check(path);
        if (parts == 0 || (before.size != 0 && dx_register_compare_paths(before, path) >= 0)) {
            dx_reader_fail(reader);
            return;
        }
        emit(self, path, parts, dx_bytes_of(NULL, 0), false);
        before = path;
    }
    if (fields == 3 && reader->error == DX_OK) {
        walk_edits(self);
    }
}

static bool stands_above(const dx_register *items, size_t count, dx_bytes path) {
    size_t at = 0;
    return count != 0 && dx_register_next_above(items, count, path, &at) != NULL;
}

/* No edited path is another path, or above or under one. Both runs are sorted. */
static bool edits_are_apart(const dx_register *edited, size_t edited_count, const dx_register *items,
                            size_t count) {
    for (size_t i = 0; i < edited_count; i++) {
        if (dx_register_find(items, count, edited[i].path) != NULL ||
            stands_above(items, count, edited[i].path) ||
            stands_above(edited, edited_count, edited[i].path)) {
            return false;
        }
    }
    for (size_t i = 0; i < count && edited_count != 0; i++) {
        if (items[i].parts > 1 && !items[i].expanded && stands_above(edited, edited_count, items[i].path)) {
            return false;
        }
    }
    return true;
}

/* No path twice, and no named path under another one. */
static bool paths_are_apart(const dx_register *items, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && dx_register_compare_paths(items[i - 1].path, items[i].path) == 0) {
            return false;
        }
        size_t at = 0;
        if (items[i].parts > 1 && !items[i].expanded &&
            dx_register_next_above(items, count, items[i].path, &at) != NULL) {
            return false;
        }
    }
    return true;
}

/* The first walk measures and keeps nothing. */
static void measure_first(operation_walk *walk) {
    walk->items = walk->edited = NULL;
    walk->keys = NULL;
    walk->elements = NULL;
}

int dx_operation_registers_read(dx_operation_registers *registers, const dx_alloc *alloc,
                                dx_bytes operation) {
    operation_walk walk;
    *registers = (dx_operation_registers){0};
    measure_first(&walk);
    if (operation.size > DX_OBJECT_OPERATION_SIZE_MAX) {
        return DX_E_MALFORMED;
    }
    walk_operation(&walk, operation);
    if (dx_reader_finish(&walk.reader) != DX_OK) {
        return DX_E_MALFORMED;
    }
    if (walk.count + walk.element_count == 0) {
        return DX_OK;
    }
    size_t items_size = walk.count * sizeof(dx_register);
    size_t elements_size = walk.element_count * sizeof(dx_element);
    size_t edited_size = walk.edited_count * sizeof(dx_register);
    /* Half of the items is room to sort in. */
    size_t size = 2 * items_size + elements_size + edited_size + walk.keys_size;
    uint8_t *block = dx_alloc_take(alloc, size);
    if (block == NULL) {
        return DX_E_NO_MEMORY;
    }
    walk.items = (dx_register *)(void *)block;
    walk.elements = (dx_element *)(void *)(block + 2 * items_size);
    walk.edited = (dx_register *)(void *)(block + 2 * items_size + elements_size);
    walk.keys = block + 2 * items_size + elements_size + edited_size;
    walk_operation(&walk, operation);
    DX_ASSERT(dx_reader_finish(&walk.reader) == DX_OK);
    dx_register_sort(walk.items, walk.count, walk.items + walk.count, dx_register_compare_paths);
    if (!paths_are_apart(walk.items, walk.count) ||
        !edits_are_apart(walk.edited, walk.edited_count, walk.items, walk.count)) {
        dx_alloc_free(alloc, block, size);
        return DX_E_MALFORMED;
    }
    *registers = (dx_operation_registers){.items = walk.items,
                                          .count = walk.count,
                                          .elements = walk.elements,
                                          .element_count = walk.element_count,
                                          .block = block,
                                          .block_size = size};
    return DX_OK;
}

void dx_operation_registers_deinit(dx_operation_registers *registers, const dx_alloc *alloc) {
    dx_alloc_free(alloc, registers->block, registers->block_size);
    *registers = (dx_operation_registers){0};
}

/* --- Making operations -------------------------------------------------------------------------- */

/* The data's members as registers whose paths are their escaped keys, sorted. items has room for twice the
 * count. */
static void escape_members(dx_reader *reader, size_t count, dx_register *items, uint8_t *keys) {
    for (size_t i = 0; i < count; i++) {
        uint8_t part[2 * DX_OBJECT_PATH_SIZE_MAX];
        size_t size = dx_object_key_escape(dx_read_text(reader), part);
        size_t key_size = dx_register_put_key(dx_bytes_of(part, size), keys);
        items[i] =
            (dx_register){.path = dx_bytes_of(keys + key_size - size, size), .payload = dx_read_item(reader)};
        keys += key_size;
    }
    dx_register_sort(items, count, items + count, dx_register_compare_paths);
}

/* Escaping makes keys longer, so they have to be sorted anew. */
static int write_escaped(const dx_alloc *alloc, dx_bytes data, size_t keys_size, dx_buf *out) {
    dx_reader reader;
    dx_reader_init(&reader, data);
    size_t count = dx_read_map(&reader);
    size_t size = 2 * count * sizeof(dx_register) + keys_size;
    uint8_t *block = dx_alloc_take(alloc, size);
    if (block == NULL) {
        return DX_E_NO_MEMORY;
    }
    dx_register *items = (dx_register *)(void *)block;
    escape_members(&reader, count, items, block + 2 * count * sizeof(dx_register));
    dx_writer writer;
    dx_writer_init(&writer, out);
    dx_write_array(&writer, 2);
    dx_write_map(&writer, count);
    for (size_t i = 0; i < count; i++) {
        dx_write_item(&writer, dx_register_key(&items[i]));
        dx_write_item(&writer, items[i].payload);
    }
    dx_write_array(&writer, 0);
    dx_alloc_free(alloc, block, size);
    return dx_writer_finish(&writer);
}

int dx_object_operation_create(const dx_alloc *alloc, dx_bytes data, dx_buf *out) {
    dx_reader reader;
    size_t keys_size = 0;
    bool escaped = false;
    dx_reader_init(&reader, data);
    for (size_t count = dx_read_map(&reader); count > 0 && reader.error == DX_OK; count--) {
        dx_bytes key = dx_read_text(&reader);
        (void)dx_read_item(&reader);
        size_t size = dx_object_key_escape(key, NULL);
        if (key.size == 0 || size > DX_OBJECT_PATH_SIZE_MAX) {
            return DX_E_INVALID;
        }
        escaped |= size != key.size;
        keys_size += size + 3;
    }
    if (dx_reader_finish(&reader) != DX_OK) {
        return DX_E_INVALID;
    }
    size_t begin = out->size;
    int error = DX_OK;
    if (escaped) {
        error = write_escaped(alloc, data, keys_size, out);
    } else {
        dx_buf_append_byte(out, 0x82);
        dx_buf_append(out, data.data, data.size);
        dx_buf_append_byte(out, 0x80);
        error = dx_buf_error(out);
    }
    if (error != DX_OK) {
        return error;
    }
    operation_walk walk;
    measure_first(&walk);
    walk_operation(&walk, dx_bytes_of(out->data + begin, out->size - begin));
    bool fits = out->size - begin <= DX_OBJECT_OPERATION_SIZE_MAX;
    return fits && dx_reader_finish(&walk.reader) == DX_OK ? DX_OK : DX_E_INVALID;
}
