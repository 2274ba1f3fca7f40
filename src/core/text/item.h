/* text/item.h: what a document is made of, as records under 32-bit handles.
 *
 * Layer: floor 1, text, private to the engine. An item is a run of clocks of one client that stand side by side and share one
 * fate. Its record never moves; splitting makes a second one, merging frees one. Origins are kept as they were said, never as
 * links. Which items stand beside it, and the characters of strings, belong to the sequence (sequence.h). */
#ifndef DX_TEXT_ITEM_H
#define DX_TEXT_ITEM_H

#include "text/struct.h"

typedef uint32_t dx_text_ref;  /* of an item; 0: none */
typedef uint32_t dx_text_list; /* of a list of items: a type's sequence, or the chain of one key; 0: none */

enum {
    DX_ITEM_DELETED = 1,
    DX_ITEM_KEEP = 2, /* an undo needs its content */
    DX_ITEM_ORIGIN = 4,
    DX_ITEM_RIGHT = 8,
    DX_ITEM_REDONE = 16,     /* made anew by an undo: the document's table says as which item */
    DX_ITEM_MARK = 32,       /* for the step under way (scan of conflicts, merging), else clear */
    DX_ITEM_CONFLICTING = 64 /* likewise */
};

typedef struct dx_text_item {
    uint32_t client;                      /* index in the document's table of clients */
    uint32_t clock;                       /* clocks of one client stay below 2^32: DX_E_LIMIT */
    uint32_t length;                      /* in clocks */
    uint32_t origin_client, origin_clock; /* with DX_ITEM_ORIGIN */
    uint32_t right_client, right_clock;   /* with DX_ITEM_RIGHT: the right origin */
    uint32_t place;                       /* the sequence's; 0: in none (GC) */
    uint32_t payload;                     /* string: the sequence's; else a handle of content */
    uint8_t ref;                          /* DX_TEXT_GC … DX_TEXT_DOC */
    uint8_t flags;
    uint16_t spare;
} dx_text_item;

/* Content that counts in lengths and positions. */
static inline bool dx_text_item_counts(const dx_text_item *item) {
    return item->ref != DX_TEXT_FORMAT && item->ref != DX_TEXT_DELETED && item->ref != DX_TEXT_GC;
}

static inline bool dx_text_item_live(const dx_text_item *item) {
    return (item->flags & DX_ITEM_DELETED) == 0 && dx_text_item_counts(item);
}

/* Whether the right one goes on where the left one ends, the next of its client, and says the same of itself: one item then, if they stand
 * side by side. (GC stands nowhere.) */
static inline bool dx_text_item_may_join(const dx_text_item *left, const dx_text_item *right) {
    if (left->ref != right->ref) {
        return false;
    }
    if (left->ref == DX_TEXT_GC) {
        return true;
    }
    if (left->ref != DX_TEXT_STRING && left->ref != DX_TEXT_DELETED && left->ref != DX_TEXT_ANY &&
        left->ref != DX_TEXT_JSON) {
        return false;
    }
    if (((left->flags ^ right->flags) & (DX_ITEM_DELETED | DX_ITEM_RIGHT)) != 0 ||
        ((left->flags | right->flags) & DX_ITEM_REDONE) != 0) {
        return false;
    }
    return (right->flags & DX_ITEM_ORIGIN) != 0 && right->origin_client == left->client &&
           right->origin_clock == left->clock + left->length - 1 &&
           ((left->flags & DX_ITEM_RIGHT) == 0 ||
            (left->right_client == right->right_client && left->right_clock == right->right_clock));
}

#endif
