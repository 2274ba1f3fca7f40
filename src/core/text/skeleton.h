/* text/skeleton.h: what a document is made of besides its content: ids, lengths, kinds, order, origins.
 *
 * Layer: floor 1, text, private to the checkpoint. Items stand by id (the greatest client first, clocks ascending) as records of item.h,
 * with `client` an index of the skeleton's own table, `place` their list (0: GC), and payload the engine's of who fills it. `order` has
 * them list by list as they stand in the document. Coded, most of it follows from what stands beside it: docs/spec/text.md, Checkpoints.
 * Memory: all of it is the skeleton's; prepare takes it. */
#ifndef DX_TEXT_SKELETON_H
#define DX_TEXT_SKELETON_H

#include "text/item.h"
#include "text/range_coder.h"

typedef struct dx_text_skeleton_client {
    uint64_t id;
    uint32_t first, count; /* of its items */
} dx_text_skeleton_client;

/* A list of items, or the chain of a key. */
typedef struct dx_text_skeleton_list {
    uint32_t owner; /* the item that holds the type, counted from 1; 0: of a root */
    uint32_t first, count;
} dx_text_skeleton_list;

typedef struct dx_text_skeleton {
    const dx_alloc *alloc;
    dx_text_skeleton_client *clients;
    dx_text_item *items;
    dx_text_skeleton_list *lists;
    uint32_t *order; /* items, list by list */
    size_t client_count, item_count, list_count, order_count;
    size_t client_room, item_room, list_room;
} dx_text_skeleton;

void dx_text_skeleton_init(dx_text_skeleton *skeleton, const dx_alloc *alloc);
void dx_text_skeleton_deinit(dx_text_skeleton *skeleton);
/* Room for so many, once. DX_E_NO_MEMORY. */
int dx_text_skeleton_prepare(dx_text_skeleton *skeleton, size_t clients, size_t items, size_t lists);
/* Writes a whole skeleton, or reads one (nothing prepared). Reading: DX_E_MALFORMED; DX_E_NO_MEMORY; items are not more than `most`,
 * and what is read is in itself: clocks ascend, ids named are of items before the end of their client, lists are of items that hold
 * types. */
int dx_text_skeleton_code(dx_text_skeleton *skeleton, dx_range_coder *coder, size_t most);

#endif
