/* echo/adjacency.h: which links an object has and where they lead, and which objects show, packed.
 *
 * Layer: floor 1, echo, private to this room. Three sorted sets follow from the rows of table `entity` (entity_row.h), so that
 * no step from object to object reads a row:
 *
 *   OUT    (source, type of the link, target, link) and whether the link is deleted
 *   IN     (target, type of the link, source, link) likewise
 *   HEADS  of every object (object, 0, 0, 0) and its type and whether it is deleted
 *
 * Table adjacency(side, object, type, other, link, value, pack): a row is a pack (adjacency_pack.h), found by its first entry. Entries
 * ascend. Packs of a side do not overlap, and no pack has objects of two feeds, so that those of a forgotten feed go by their keys.
 * Which entries stand in which pack depends on how they came; what a walk tells does not.
 *
 * Changes are gathered while rows are written, and merged pack by pack when all of them are (dx_adjacency_write): nothing
 * asks in between.
 *
 * Ownership: a walk borrows its statements; there is one walk at a time, and nothing is written meanwhile. */
#ifndef DX_ECHO_ADJACENCY_H
#define DX_ECHO_ADJACENCY_H

#include "echo/adjacency_pack.h"
#include "echo/entity_row.h"

typedef enum dx_adjacency_side { DX_ADJACENCY_OUT, DX_ADJACENCY_IN, DX_ADJACENCY_HEADS } dx_adjacency_side;
enum { DX_ADJACENCY_SIDES = DX_ADJACENCY_HEADS + 1 };

/* A link's value is whether it is deleted, an object's this: */
static inline int64_t dx_adjacent_head(int64_t type, bool deleted) {
    return type * 2 + deleted;
}

/* --- Changing ------------------------------------------------------------------------------------ */

typedef struct dx_adjacency dx_adjacency; /* changes of a space that are not in the table yet */

dx_adjacency *dx_adjacency_create(const dx_alloc *alloc); /* NULL: no memory */
void dx_adjacency_destroy(dx_adjacency *self);
/* One row changes (entity_row.h). */
DX_MUST_USE int dx_adjacency_take(dx_context *context, dx_space *space, const dx_entity_row *before,
                                  const dx_entity_row *after);
/* What was gathered, into the table. */
DX_MUST_USE int dx_adjacency_write(dx_context *context, dx_space *space);
/* Of a forgotten space: removes at most *budget rows of the feed's objects, and takes them from the budget. */
DX_MUST_USE int dx_adjacency_drop(dx_context *context, int64_t feed, size_t *budget);

/* --- Walking ------------------------------------------------------------------------------------- */

typedef struct dx_adjacency_walk {
    dx_store *store;
    sqlite3_stmt *row; /* of the pack under way */
    dx_adjacency_side side;
    bool onwards;      /* `row` goes from pack to pack; otherwise it is the one where the walk began */
    bool leaps;        /* what was sought last was far away */
    dx_adjacent first; /* of the pack */
    size_t at;         /* the entry under way */
    int error;
    dx_adjacency_pack pack;
} dx_adjacency_walk;

void dx_adjacency_walk_begin(dx_adjacency_walk *walk, dx_context *context, dx_adjacency_side side);
/* Moves to the first entry at or behind (object, type, other, link), which may not stand before the one under way. False:
 * there is none, or it failed. */
bool dx_adjacency_walk_seek(dx_adjacency_walk *walk, const dx_adjacent *to);
/* To the next one. */
bool dx_adjacency_walk_next(dx_adjacency_walk *walk);
/* From the entry under way, how many are of its object, and of the type, or, 0, of any; counted to at most `most`. Moves behind those. */
size_t dx_adjacency_walk_count(dx_adjacency_walk *walk, int64_t type, size_t most);
DX_MUST_USE int dx_adjacency_walk_end(dx_adjacency_walk *walk);

/* Of the entry under way. */
static inline int64_t dx_adjacency_walk_field(const dx_adjacency_walk *walk, dx_adjacent_field field) {
    return dx_adjacency_pack_field(&walk->pack, field, walk->at);
}

static inline dx_adjacent dx_adjacency_walk_entry(const dx_adjacency_walk *walk) {
    return dx_adjacency_pack_entry(&walk->pack, walk->at);
}

/* --- Packs, for those who write them ------------------------------------------------------------- */

/* The pack of a row that stands on its columns object, type, other, link, value and pack. */
DX_MUST_USE int dx_adjacency_pack_of_row(sqlite3_stmt *row, dx_adjacent *first, dx_adjacency_pack *pack);

#endif
