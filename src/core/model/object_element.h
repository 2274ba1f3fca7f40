/* model/object_element.h: elements, what edits inside a value leave behind.
 *
 * Layer: floor 1, model. An element is a register of its own below a path, named by a kind (what sort of edit)
 * and a key (what it is about). This file knows how elements are told apart, ordered and read; what a kind
 * makes of its elements is the view's business alone (object_shown.h). So a kind that this program does not
 * know is kept, merged and saved exactly as by one that does. Everything an element points at is borrowed. */
#ifndef DX_MODEL_OBJECT_ELEMENT_H
#define DX_MODEL_OBJECT_ELEMENT_H

#include "model/object_register.h"

/* Elements of odd kinds are told apart by their author's feed too: each author has their own. */
enum {
    DX_ELEMENT_COUNT = 1,  /* key: base; payload: what this author added up so far */
    DX_ELEMENT_MEMBER = 2, /* key: an encoded value; payload: true, or taken back */
    DX_ELEMENT_ITEM = 4,   /* key: item; payload: [parent, side], [parent, side, value], [] or [value] */
    DX_ELEMENT_MOVE = 6,   /* key: item; payload: the item in whose place it stands */
    DX_ELEMENT_KIND_MAX = 0x7fffffff
};

typedef struct dx_element {
    dx_bytes path; /* preceded in memory by its head as a CBOR text, as a register's */
    dx_bytes key;
    dx_bytes payload; /* one item; size 0: taken back */
    uint32_t kind;
    uint32_t stamp; /* index into the table of stamps */
    bool dropped;   /* found to be overtaken while two sets are merged */
} dx_element;

static inline bool dx_element_is_authored(const dx_element *element) {
    return (element->kind & 1) != 0;
}

/* Shorter first, then bytewise, as all keys of the model. */
static inline int dx_element_compare_keys(dx_bytes a, dx_bytes b) {
    return dx_register_compare_paths(a, b);
}

/* Order of elements by path, kind, key and, where authors have their own, feed; 0: the same one. The stamps are
 * the table their indices point into. */
int dx_element_compare(const dx_element *a, const dx_element *b, const dx_stamp *stamps);
/* The elements that begin at items[0] and share its path. */
size_t dx_element_run(const dx_element *items, size_t count);

/* Whether the payload may stand in an element below a path of this many parts: as dx_register_check_payload,
 * but a map is one value here, whatever it holds. */
bool dx_element_check_payload(dx_bytes item, size_t parts);

/* Reads what stands below one path, {kind: [entry…]…}, calling `take` for each entry with the reader at its
 * first item and the number of its items; take reads them all. Keeps to the form of kinds and counts; the order
 * of keys is the caller's to check. */
typedef void (*dx_element_taker)(void *ctx, dx_reader *reader, size_t fields, uint32_t kind);
void dx_element_read_kinds(dx_reader *reader, dx_element_taker take, void *ctx);

/* Grows an array of elements by doubling; false: no memory. */
bool dx_element_reserve(const dx_alloc *alloc, dx_element **items, size_t count, size_t *capacity);

#endif
