/* echo/adjacency.h: which links an object has and where they lead, and which objects show, packed.
 *
 * Layer: floor 1, echo, private to this room. Three sorted sets follow from the rows of table `entity` (entity_row.h), so that
 * no step from object to object reads a row:
 *
 *   OUT    (source, type of the link, target, link) and whether the link is deleted
 *   IN     (target, type of the link, source, link) likewise
 *   HEADS  of every object (object, 0, 0, 0) and its type and whether it is deleted
 *
 * Table adjacency(side, object, type, other, link, value, rest): a row is a pack: its first entry, and in rest the entries
 * behind it, each as a byte that says what is another than in the entry before (bits 0 to 4: object, type, other, link,
 * value) and a varint (7 bits a byte, lowest first) for each of these: what object grew by, the differences of type, other and
 * link with their sign in bit 0, the value itself. Entries ascend. Packs of a side do not overlap, and no pack has objects of
 * two feeds, so that those of a forgotten feed go by their keys. Which entries stand in which pack depends on how they came; what a walk tells does
 * not.
 *
 * Changes are gathered while rows are written, and merged pack by pack when all of them are (dx_adjacency_write): nothing
 * asks in between.
 *
 * Ownership: a walk borrows its statements; there is one walk at a time, and nothing is written meanwhile. */
#ifndef DX_ECHO_ADJACENCY_H
#define DX_ECHO_ADJACENCY_H

#include "echo/entity_row.h"

enum { DX_ADJACENCY_REST_MAX = 480 }; /* bytes: seven packs to a page, and none in pages of its own */

typedef enum dx_adjacency_side { DX_ADJACENCY_OUT, DX_ADJACENCY_IN, DX_ADJACENCY_HEADS } dx_adjacency_side;
enum { DX_ADJACENCY_SIDES = DX_ADJACENCY_HEADS + 1 };

/* In the order of the fields but the last. */
typedef struct dx_adjacent {
    int64_t object, type, other, link;
    int64_t value;
} dx_adjacent;

/* Below 0, 0, above 0; values are not looked at. */
static inline int dx_adjacent_compare(const dx_adjacent *a, const dx_adjacent *b) {
    if (a->object != b->object) {
        return a->object < b->object ? -1 : 1;
    }
    if (a->type != b->type) {
        return a->type < b->type ? -1 : 1;
    }
    if (a->other != b->other) {
        return a->other < b->other ? -1 : 1;
    }
    return a->link < b->link ? -1 : a->link > b->link;
}

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
    sqlite3_stmt *pack; /* the row under way */
    dx_adjacency_side side;
    bool onwards;      /* `pack` goes from row to row; otherwise it is the one row where the walk began */
    bool leaps;        /* what was sought last was far away */
    dx_adjacent entry; /* under way */
    dx_adjacent first; /* of its pack */
    const uint8_t *at, *end; /* what is left of it */
    int error;
} dx_adjacency_walk;

void dx_adjacency_walk_begin(dx_adjacency_walk *walk, dx_context *context, dx_adjacency_side side);
/* Moves to the first entry at or behind (object, type, other, link), which may not stand before the one under way. False:
 * there is none, or it failed. */
bool dx_adjacency_walk_seek(dx_adjacency_walk *walk, const dx_adjacent *to);
/* To the next one. */
bool dx_adjacency_walk_next(dx_adjacency_walk *walk);
DX_MUST_USE int dx_adjacency_walk_end(dx_adjacency_walk *walk);

/* --- Packs, for those who write them ------------------------------------------------------------- */

enum { DX_ADJACENT_SIZE_MAX = 1 + 5 * 10 }; /* of one entry in a pack */

size_t dx_adjacent_write(const dx_adjacent *before, const dx_adjacent *entry,
                         uint8_t out[static DX_ADJACENT_SIZE_MAX]);
/* From the entry before, which it replaces, to the next; *at moves behind it. False: damaged. */
bool dx_adjacent_read(const uint8_t **at, const uint8_t *end, dx_adjacent *entry);

#endif
