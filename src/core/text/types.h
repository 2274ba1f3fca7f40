/* text/types.h: the shared types of a document, and the chains of their keys.
 *
 * Layer: floor 1, text, private to the engine. A type has a list of items, and per key a chain, a list whose last item is what stands
 * under the key. Roots are found by name; others are the content of an item. Rows live as long as the document, as their handles do.
 * A list says whose it is by the owner's word: dx_text_owner_type and so on.
 * Memory: reserve allocates, names included; put, chain and root cannot fail after it. */
#ifndef DX_TEXT_TYPES_H
#define DX_TEXT_TYPES_H

#include "text/names.h"
#include "text/sequence.h"

/* Scopes of names; a type's number is the scope of its keys. */
enum {
    DX_TEXT_SCOPE_ROOT = 0,
    DX_TEXT_SCOPE_KEY = INT32_MAX,        /* of formatting, and node names */
    DX_TEXT_SCOPE_VALUE = INT32_MAX - 1,  /* of formatting */
    DX_TEXT_SCOPE_MARKER = INT32_MAX - 2, /* key and value, four bytes each */
    DX_TEXT_SCOPE_GUID = INT32_MAX - 3,
    DX_TEXT_TYPES_END = INT32_MAX - 4
};

typedef struct dx_text_type_row {
    dx_text_ref item; /* whose content it is; 0: a root */
    dx_text_list list;
    dx_text_name name;                /* of a root, an element, a hook; else 0 */
    uint32_t first_chain, last_chain; /* in the order their keys came; 0: none */
    uint32_t after;                   /* for a walk over types under way */
    uint8_t kind;                     /* dx_text_kind */
    bool gone;                        /* its item was collected */
    bool formatted;                   /* a marker was put into its list once */
} dx_text_type_row;

typedef struct dx_text_chain_row {
    dx_text_type type;
    dx_text_name key;
    dx_text_list list;
    uint32_t next; /* of the type */
} dx_text_chain_row;

typedef struct dx_text_types {
    const dx_alloc *alloc;
    dx_text_type_row *rows;    /* by handle; the first is none */
    dx_text_chain_row *chains; /* likewise */
    size_t count, capacity, chain_count, chain_capacity;
    size_t root_count;
} dx_text_types;

void dx_text_types_init(dx_text_types *types, const dx_alloc *alloc);
void dx_text_types_deinit(dx_text_types *types);
/* Room for so many; their lists are reserved in the sequence by whoever calls. */
int dx_text_types_reserve(dx_text_types *types, size_t rows, size_t chains);
/* A new type with its list. */
dx_text_type dx_text_types_put(dx_text_types *types, dx_text_sequence *sequence, dx_text_kind kind,
                               dx_text_ref item, dx_text_name name);
/* The chain of that key, which is the number of a name in the type's scope; made when there is none. */
uint32_t dx_text_types_chain(dx_text_types *types, dx_text_sequence *sequence, dx_text_names *names,
                             dx_text_type type, dx_text_name key);

/* The list of that key's chain; 0: there is none. */
dx_text_list dx_text_types_entry(const dx_text_types *types, const dx_text_names *names, dx_text_type type,
                                 dx_bytes key);

enum { DX_TEXT_OWNER_CHAIN = INT32_MIN };

static inline bool dx_text_owner_is_chain(uint32_t owner) {
    return (owner & (uint32_t)DX_TEXT_OWNER_CHAIN) != 0;
}

static inline uint32_t dx_text_owner_chain(uint32_t owner) {
    return owner & ~(uint32_t)DX_TEXT_OWNER_CHAIN;
}

/* The type whose list, or whose chain, it is. */
static inline dx_text_type dx_text_owner_type(const dx_text_types *types, uint32_t owner) {
    return dx_text_owner_is_chain(owner) ? types->chains[dx_text_owner_chain(owner)].type : owner;
}

#endif
