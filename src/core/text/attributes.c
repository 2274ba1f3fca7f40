/* text/attributes.c: see attributes.h. */
#include "text/attributes.h"

#include "text/lib0.h"
#include "text/room.h"

void dx_text_attributes_init(dx_text_attributes *attributes, const dx_alloc *alloc) {
    *attributes = (dx_text_attributes){.alloc = alloc};
}

void dx_text_attributes_deinit(dx_text_attributes *attributes) {
    dx_alloc_free(attributes->alloc, attributes->rows, attributes->capacity * sizeof *attributes->rows);
    dx_text_attributes_init(attributes, attributes->alloc);
}

int dx_text_attributes_reserve(dx_text_attributes *attributes, size_t more) {
    if (more > SIZE_MAX / 2 - attributes->count) {
        return DX_E_LIMIT;
    }
    return dx_text_make_room(attributes->alloc, &attributes->rows, &attributes->capacity,
                             attributes->count + more, sizeof *attributes->rows)
               ? DX_OK
               : DX_E_NO_MEMORY;
}

int dx_text_attributes_copy(dx_text_attributes *to, const dx_text_attributes *from) {
    to->count = 0;
    int error = dx_text_attributes_reserve(to, from->count);
    if (error == DX_OK && from->count != 0) {
        memcpy(to->rows, from->rows, from->count * sizeof *from->rows);
        to->count = from->count;
    }
    return error;
}

dx_text_attribute *dx_text_attributes_find(const dx_text_attributes *attributes, dx_text_name key) {
    for (size_t i = 0; i < attributes->count; i++) {
        if (attributes->rows[i].key == key) {
            return &attributes->rows[i];
        }
    }
    return NULL;
}

static void insert_at(dx_text_attributes *attributes, size_t at, dx_text_attribute row) {
    DX_ASSERT(attributes->count < attributes->capacity);
    memmove(attributes->rows + at + 1, attributes->rows + at, (attributes->count - at) * sizeof row);
    attributes->rows[at] = row;
    attributes->count++;
}

void dx_text_attributes_set(dx_text_attributes *attributes, dx_text_attribute row) {
    dx_text_attribute *there = dx_text_attributes_find(attributes, row.key);
    if (there != NULL) {
        *there = row;
    } else {
        insert_at(attributes, attributes->count, row);
    }
}

/* What JavaScript takes for an index of an array: digits without a zero in front, below 2^32 - 1. */
static bool array_index(dx_bytes key, uint64_t *index) {
    if (key.size == 0 || key.size > 10 || (key.data[0] == '0' && key.size > 1)) {
        return false;
    }
    *index = 0;
    for (size_t i = 0; i < key.size; i++) {
        if (key.data[i] < '0' || key.data[i] > '9') {
            return false;
        }
        *index = *index * 10 + (uint64_t)(key.data[i] - '0');
    }
    return *index < UINT32_MAX;
}

void dx_text_attributes_set_object(dx_text_attributes *attributes, const dx_text_names *names,
                                   dx_text_attribute row) {
    uint64_t index, other;
    if (dx_text_attributes_find(attributes, row.key) != NULL ||
        !array_index(dx_text_names_at(names, row.key), &index)) {
        dx_text_attributes_set(attributes, row);
        return;
    }
    size_t at = 0;
    while (at < attributes->count && array_index(dx_text_names_at(names, attributes->rows[at].key), &other) &&
           other < index) {
        at++;
    }
    insert_at(attributes, at, row);
}

void dx_text_attributes_remove(dx_text_attributes *attributes, dx_text_name key) {
    dx_text_attribute *there = dx_text_attributes_find(attributes, key);
    if (there != NULL) {
        size_t behind = (size_t)(attributes->rows + attributes->count - there) - 1;
        memmove(there, there + 1, behind * sizeof *there);
        attributes->count--;
    }
}

/* Members that are looked for in another order: steps go with their square. */
enum { SEARCHED_MAX = 64 };

/* --- Values --------------------------------------------------------------------------------------------------- */

bool dx_text_value_is_null(const dx_text_names *names, dx_text_name value) {
    dx_bytes any = dx_text_names_at(names, value);
    return any.size == 1 && any.data[0] == DX_ANY_NULL;
}

static bool is_object(dx_bytes any) {
    return any.size > 0 && any.data[0] <= DX_ANY_OBJECT;
}

/* Of values that are no objects. 0 and -0 are equal, as in JavaScript. */
static bool equal_primitives(dx_bytes a, dx_bytes b) {
    if (a.size == 2 && b.size == 2 && a.data[0] == DX_ANY_INTEGER && b.data[0] == DX_ANY_INTEGER &&
        (a.data[1] & 0xbf) == 0) {
        return (b.data[1] & 0xbf) == 0;
    }
    return dx_bytes_equal(a, b);
}

/* The value of that member; size 0: there is none. */
static dx_bytes member_of(dx_bytes object, dx_bytes name) {
    dx_lib0_reader reader = dx_lib0_reader_of(object);
    (void)dx_lib0_read_byte(&reader);
    for (uint64_t left = dx_lib0_read_uint(&reader); left > 0 && reader.error == DX_OK; left--) {
        dx_bytes key = dx_lib0_read_bytes(&reader);
        dx_bytes value = dx_lib0_read_any(&reader);
        if (dx_bytes_equal(key, name)) {
            return value;
        }
    }
    return dx_bytes_of(NULL, 0);
}

static bool equal_members(dx_bytes a, dx_bytes b) {
    if (a.data[0] == DX_ANY_BYTES) {
        return dx_bytes_equal(a, b);
    }
    dx_lib0_reader left = dx_lib0_reader_of(a), right = dx_lib0_reader_of(b);
    if (dx_lib0_read_byte(&left) != dx_lib0_read_byte(&right)) {
        return false;
    }
    uint64_t count = dx_lib0_read_uint(&left);
    if (count != dx_lib0_read_uint(&right)) {
        return false;
    }
    bool searched = count <= SEARCHED_MAX;
    for (; count > 0; count--) {
        bool named = a.data[0] == DX_ANY_OBJECT;
        dx_bytes key = named ? dx_lib0_read_bytes(&left) : dx_bytes_of(NULL, 0);
        dx_bytes other_key = named ? dx_lib0_read_bytes(&right) : key;
        dx_bytes value = dx_lib0_read_any(&left), other = dx_lib0_read_any(&right);
        if (!dx_bytes_equal(key, other_key)) {
            other = searched ? member_of(b, key) : dx_bytes_of(NULL, 0);
        }
        if (other.size == 0 || is_object(value) || is_object(other) || !equal_primitives(value, other)) {
            return false;
        }
    }
    return true;
}

bool dx_text_value_same(const dx_text_names *names, dx_text_attribute a, dx_text_attribute b) {
    if (a.source != 0 && a.source == b.source) {
        return true;
    }
    dx_bytes left = dx_text_names_at(names, a.value), right = dx_text_names_at(names, b.value);
    return !is_object(left) && !is_object(right) && equal_primitives(left, right);
}

bool dx_text_value_equal(const dx_text_names *names, dx_text_attribute a, dx_text_attribute b) {
    if (dx_text_value_same(names, a, b)) {
        return true;
    }
    dx_bytes left = dx_text_names_at(names, a.value), right = dx_text_names_at(names, b.value);
    return is_object(left) && is_object(right) && equal_members(left, right);
}
