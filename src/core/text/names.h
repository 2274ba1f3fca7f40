/* text/names.h: byte strings under small numbers: names of roots, keys of maps and of formatting, values of formatting.
 *
 * Layer: floor 1, text, private to the engine. A name is its bytes in a scope; equal ones are one entry, whose number never changes.
 * Kept in a crit-bit tree: to find one costs steps in proportion to its own bits at worst, so that nobody can choose names that make
 * others slow, and nothing depends on an order of hashes. Entries live as long as the document. */
#ifndef DX_TEXT_NAMES_H
#define DX_TEXT_NAMES_H

#include <dxos/base.h>

typedef uint32_t dx_text_name; /* 0: none */

typedef struct dx_text_name_row {
    size_t at; /* where its bytes are, the scope's four first */
    uint32_t size;
    uint32_t value; /* the owner's word about it; 0 at first */
} dx_text_name_row;

typedef struct dx_text_name_node {
    uint32_t symbol;   /* place of the byte in which both sides differ first, counted with the scope */
    uint32_t mask;     /* the bit of its symbol: 0x100 | byte, 0 beyond the end */
    uint32_t child[2]; /* 2 * row, or 2 * node + 1 */
} dx_text_name_node;

typedef struct dx_text_names {
    const dx_alloc *alloc;
    dx_text_name_row *rows; /* by number; the first is none */
    size_t row_count, row_capacity;
    dx_text_name_node *nodes; /* one less than names */
    size_t node_capacity;
    uint8_t *bytes;
    size_t byte_count, byte_capacity;
    uint32_t root;
} dx_text_names;

void dx_text_names_init(dx_text_names *names, const dx_alloc *alloc);
void dx_text_names_deinit(dx_text_names *names);
/* Room for so many new names of so many bytes together: adding them cannot fail. DX_E_NO_MEMORY, DX_E_LIMIT: nothing changed. */
int dx_text_names_reserve(dx_text_names *names, size_t count, size_t bytes);
/* Likewise, for one. */
int dx_text_names_add(dx_text_names *names, uint32_t scope, dx_bytes bytes, dx_text_name *name);
dx_text_name dx_text_names_find(const dx_text_names *names, uint32_t scope, dx_bytes bytes); /* 0: not here */
/* Holds until the next one is added. */
dx_bytes dx_text_names_at(const dx_text_names *names, dx_text_name name);

static inline uint32_t dx_text_names_value(const dx_text_names *names, dx_text_name name) {
    return names->rows[name].value;
}

static inline void dx_text_names_set_value(dx_text_names *names, dx_text_name name, uint32_t value) {
    names->rows[name].value = value;
}

#endif
