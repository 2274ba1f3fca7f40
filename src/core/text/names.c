/* text/names.c: see names.h. A symbol of a name is nine bits: one that says the byte is there, and the byte; so a name and the longer
 * one it begins differ, too. */
#include "text/names.h"

#include "text/room.h"

enum { SCOPE_SIZE = 4, THERE = 0x100 };

void dx_text_names_init(dx_text_names *names, const dx_alloc *alloc) {
    *names = (dx_text_names){.alloc = alloc, .row_count = 1};
}

void dx_text_names_deinit(dx_text_names *names) {
    dx_alloc_free(names->alloc, names->rows, names->row_capacity * sizeof *names->rows);
    dx_alloc_free(names->alloc, names->nodes, names->node_capacity * sizeof *names->nodes);
    dx_alloc_free(names->alloc, names->bytes, names->byte_capacity);
    dx_text_names_init(names, names->alloc);
}

static uint32_t symbol_of(uint32_t scope, dx_bytes bytes, size_t at) {
    if (at < SCOPE_SIZE) {
        return THERE | (scope >> (8 * (SCOPE_SIZE - 1 - at)) & 0xff);
    }
    return at - SCOPE_SIZE < bytes.size ? THERE | bytes.data[at - SCOPE_SIZE] : 0;
}

dx_bytes dx_text_names_at(const dx_text_names *names, dx_text_name name) {
    const dx_text_name_row *row = &names->rows[name];
    return dx_bytes_of(names->bytes + row->at + SCOPE_SIZE, row->size - SCOPE_SIZE);
}

static uint32_t scope_of(const dx_text_names *names, dx_text_name name) {
    const uint8_t *at = names->bytes + names->rows[name].at;
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The only one that can be it. */
static dx_text_name candidate(const dx_text_names *names, uint32_t scope, dx_bytes bytes) {
    uint32_t at = names->root;
    while (at & 1) {
        const dx_text_name_node *node = &names->nodes[at / 2];
        at = node->child[(symbol_of(scope, bytes, node->symbol) & node->mask) != 0];
    }
    return at / 2;
}

dx_text_name dx_text_names_find(const dx_text_names *names, uint32_t scope, dx_bytes bytes) {
    if (names->row_count == 1) {
        return 0;
    }
    dx_text_name name = candidate(names, scope, bytes);
    return scope_of(names, name) == scope && dx_bytes_equal(dx_text_names_at(names, name), bytes) ? name : 0;
}

/* Where the two differ first, if they do. */
static bool difference(const dx_text_names *names, dx_text_name name, uint32_t scope, dx_bytes bytes,
                       uint32_t *symbol, uint32_t *mask) {
    dx_bytes other = dx_text_names_at(names, name);
    uint32_t other_scope = scope_of(names, name);
    size_t end = SCOPE_SIZE + (other.size > bytes.size ? other.size : bytes.size);
    for (size_t at = 0; at < end; at++) {
        uint32_t differ = symbol_of(scope, bytes, at) ^ symbol_of(other_scope, other, at);
        if (differ != 0) {
            *symbol = (uint32_t)at;
            for (*mask = THERE; (differ & *mask) == 0; *mask >>= 1) {
            }
            return true;
        }
    }
    return false;
}

int dx_text_names_reserve(dx_text_names *names, size_t count, size_t bytes) {
    if (count > INT32_MAX - names->row_count || bytes > SIZE_MAX / 4 - count * SCOPE_SIZE) {
        return DX_E_LIMIT;
    }
    size_t rows = names->row_count + count, size = names->byte_count + count * SCOPE_SIZE + bytes;
    if (!dx_text_make_room(names->alloc, &names->rows, &names->row_capacity, rows, sizeof *names->rows) ||
        !dx_text_make_room(names->alloc, &names->nodes, &names->node_capacity, rows, sizeof *names->nodes) ||
        !dx_text_make_room(names->alloc, &names->bytes, &names->byte_capacity, size, 1)) {
        return DX_E_NO_MEMORY;
    }
    return DX_OK;
}

int dx_text_names_add(dx_text_names *names, uint32_t scope, dx_bytes bytes, dx_text_name *name) {
    uint32_t symbol = 0, mask = 0;
    if (names->row_count > 1) {
        *name = candidate(names, scope, bytes);
        if (!difference(names, *name, scope, bytes, &symbol, &mask)) {
            return DX_OK;
        }
    }
    if (bytes.size > INT32_MAX) {
        return DX_E_LIMIT;
    }
    int error = dx_text_names_reserve(names, 1, bytes.size);
    if (error != DX_OK) {
        return error;
    }
    *name = (uint32_t)names->row_count++;
    names->rows[*name] =
        (dx_text_name_row){.at = names->byte_count, .size = SCOPE_SIZE + (uint32_t)bytes.size};
    for (size_t i = 0; i < SCOPE_SIZE; i++) {
        names->bytes[names->byte_count + i] = (uint8_t)symbol_of(scope, bytes, i);
    }
    if (bytes.size != 0) {
        memcpy(names->bytes + names->byte_count + SCOPE_SIZE, bytes.data, bytes.size);
    }
    names->byte_count += SCOPE_SIZE + bytes.size;
    if (*name == 1) {
        names->root = 2;
        return DX_OK;
    }
    /* Above the first node that decides at a later place. */
    uint32_t *link = &names->root;
    while (*link & 1) {
        dx_text_name_node *node = &names->nodes[*link / 2];
        if (node->symbol > symbol || (node->symbol == symbol && node->mask < mask)) {
            break;
        }
        link = &node->child[(symbol_of(scope, bytes, node->symbol) & node->mask) != 0];
    }
    uint32_t made = *name - 2;
    bool side = (symbol_of(scope, bytes, symbol) & mask) != 0;
    names->nodes[made] = (dx_text_name_node){.symbol = symbol, .mask = mask};
    names->nodes[made].child[side] = 2 * *name;
    names->nodes[made].child[!side] = *link;
    *link = 2 * made + 1;
    return DX_OK;
}
