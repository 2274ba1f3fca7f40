/* model/object_list.h: an ordered array put together from its elements.
 *
 * Layer: floor 1, model. docs/spec/object-model.md, "Arrays". Items stand in a tree of places: each place was
 * made to the left or right of another, and the order is that of walking the tree. Concurrent runs of inserts
 * so keep together. What was removed keeps its place, since others may stand beside it. */
#ifndef DX_MODEL_OBJECT_LIST_H
#define DX_MODEL_OBJECT_LIST_H

#include "model/object_element.h"

enum {
    DX_BASE_SIZE = 16,                   /* the stamp of the register an edit was made upon: counter, feed */
    DX_BASE_ITEM_SIZE = DX_BASE_SIZE + 4 /* an item of that register's array: its index behind it */
};

#define DX_LIST_NONE UINT32_MAX

typedef struct dx_list_node {
    dx_bytes id;      /* of an item of the base: points into the list's own memory */
    dx_bytes value;   /* size 0: removed, or a place alone */
    dx_bytes payload; /* of its element; size 0: there is none, an item of the base as it was */
    uint32_t parent;  /* node, DX_LIST_NONE: the beginning */
    bool right, of_base;
} dx_list_node;

/* Borrows from what it was read from. Items are numbers of nodes. */
typedef struct dx_object_list {
    dx_list_node *nodes;
    uint32_t node_count;
    uint32_t *order; /* all places that are reached, first to last */
    uint32_t order_count;
    uint32_t *at;    /* per node, the place in which its item stands: a node; DX_LIST_NONE: nowhere */
    uint32_t *items; /* what is shown, first to last */
    uint32_t item_count;
    void *block;
    size_t block_size;
} dx_object_list;

/* What edits name as the value they were made upon: the latest register at or above their path; size 0: none. */
typedef struct dx_object_base {
    uint8_t id[DX_BASE_SIZE];
    size_t id_size;
    dx_bytes value; /* what the register at the path holds; size 0: nothing */
} dx_object_base;

/* base: its value is an array or nothing. elements: those of its path. DX_E_NO_MEMORY. */
DX_MUST_USE int dx_object_list_read(dx_object_list *list, const dx_alloc *alloc, const dx_object_base *base,
                                    const dx_element *elements, size_t count);
void dx_object_list_deinit(dx_object_list *list, const dx_alloc *alloc);

#endif
