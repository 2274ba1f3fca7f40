/* echo/snapshot_item.h: the items of a snapshot: what says where it stands, and one entity each.
 *
 * Layer: floor 1, echo, private to this room. docs/spec/epoch.md. Each item has exactly one encoding; anything else is
 * DX_E_MALFORMED. Places name feeds by their number in the header's list, which ascends by feed id, so that nothing of
 * one vault is in them. Pure; what is read borrows from the item.
 *
 *     header = ["dx snapshot", 1, space id, number, [feed id…]]
 *     feed   = [length, peaks, [[feed, length]…]]                  one per feed of the header, in its order; a feed that is
 *                                                                  none of them by its prefix, behind the others
 *     entity = [place, kind, type, model, created, parent, life, source, target, content]
 *     place  = [feed, seq, index]
 *     parent = null | place | [[counter, feed, null | place]…]     moves, when there is more than the creation
 *     life   = null | [deleted, counter, feed]
 *     content = null | state: bytes | [[counter, feed: bytes 16, operation]…] */
#ifndef DX_ECHO_SNAPSHOT_ITEM_H
#define DX_ECHO_SNAPSHOT_ITEM_H

#include "echo/section.h"

typedef struct dx_snapshot_header {
    uint8_t space[DX_HASH_SIZE];
    uint64_t number;
    size_t feed_count;
    dx_bytes feeds; /* encoded ids, walked with dx_snapshot_header_feed */
} dx_snapshot_header;

typedef struct dx_snapshot_feed {
    uint64_t length;
    dx_bytes peaks;
    size_t vector_count;
    dx_bytes vector; /* encoded entries, walked with dx_snapshot_vector_read */
} dx_snapshot_feed;

typedef struct dx_snapshot_place {
    bool none;
    uint64_t feed, seq, index;
} dx_snapshot_place;

typedef struct dx_snapshot_move {
    uint64_t counter, feed;
    dx_snapshot_place parent; /* none: to the top */
} dx_snapshot_move;

typedef enum dx_snapshot_content {
    DX_CONTENT_NONE,
    DX_CONTENT_STATE,
    DX_CONTENT_OPERATIONS
} dx_snapshot_content;

typedef struct dx_snapshot_entity {
    dx_snapshot_place place;
    uint64_t kind;        /* dx_entity_kind */
    dx_bytes type, model; /* size 0: none, and the model of objects */
    uint64_t created;
    dx_snapshot_place parent; /* when move_count is 0 */
    size_t move_count;
    dx_bytes moves; /* encoded, walked with dx_snapshot_move_read */
    bool has_life, deleted;
    uint64_t life_counter, life_feed;
    dx_snapshot_place source, target;
    dx_snapshot_content form;
    dx_bytes content; /* the state, or the encoded list */
} dx_snapshot_entity;

/* Whether the content of an entity of this model is its state; of any other model it is its operations. Decided by the
 * name alone, so that a program which does not know the model makes the same bytes. */
bool dx_snapshot_keeps_state(dx_bytes model);

DX_MUST_USE int dx_snapshot_header_decode(dx_bytes item, dx_snapshot_header *out);
DX_MUST_USE int dx_snapshot_header_feed(dx_reader *cursor, uint8_t id[static DX_HASH_SIZE]);
/* feeds: how many the header has; at: which of them it is. */
DX_MUST_USE int dx_snapshot_feed_decode(dx_bytes item, size_t feeds, size_t at, dx_snapshot_feed *out);
/* What a feed had declared of another one: its number, or `other` and its prefix. */
typedef struct dx_snapshot_vector {
    bool other;
    uint64_t feed;
    uint8_t prefix[DX_PREFIX_SIZE];
    uint64_t length;
} dx_snapshot_vector;

DX_MUST_USE int dx_snapshot_vector_read(dx_reader *cursor, dx_snapshot_vector *out);
void dx_snapshot_vector_write(const dx_snapshot_vector *entry, dx_writer *out);
DX_MUST_USE int dx_snapshot_entity_decode(dx_bytes item, size_t feeds, dx_snapshot_entity *out);
DX_MUST_USE int dx_snapshot_move_read(dx_reader *cursor, dx_snapshot_move *out);

/* ids: feed_count ids, one behind another. */
void dx_snapshot_header_write(const uint8_t space[static DX_HASH_SIZE], uint64_t number, dx_bytes ids,
                              dx_writer *out);
void dx_snapshot_place_write(const dx_snapshot_place *place, dx_writer *out);
void dx_snapshot_move_write(const dx_snapshot_move *move, dx_writer *out);
/* moves: as they stand in an item, without their array's head. */
void dx_snapshot_entity_write(const dx_snapshot_entity *entity, dx_writer *out);

#endif
