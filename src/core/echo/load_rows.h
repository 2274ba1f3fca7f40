/* echo/load_rows.h: what was loaded becomes rows, in the place of those that are here.
 *
 * Layer: floor 1, echo, private to this room; of load.c. docs/spec/epoch.md, Loading. Afterwards the rows are what the
 * state at the cut and the blocks beyond it make, whatever was here of what lies below: an entity that is not in the
 * state is removed when its place in the order is passed, and what blocks below the cut did to entities that were made
 * beyond it is undone first (no closed cut has such; another branch of a feed may). Entities come in the order of the cut;
 * the last one is stored with every step (base->last), so that it goes on there. */
#ifndef DX_ECHO_LOAD_ROWS_H
#define DX_ECHO_LOAD_ROWS_H

#include "echo/cut.h"
#include "echo/snapshot_item.h"
#include "feed/mmr.h"

/* A feed of the cut, as the snapshot's header has it. */
typedef struct dx_load_feed {
    int64_t local;
    dx_mmr mmr;
    dx_timeframe vector;
} dx_load_feed;

typedef struct dx_load_rows {
    dx_context *context;
    dx_space *space;
    const dx_load_feed *feeds; /* in the order of the cut; the caller's */
    bool any_moves;            /* of an entity of the space */
    bool ready;                /* what follows is known */
    dx_buf touched;            /* keys of entities that something beyond the cut is about */
    dx_buf strays;             /* of those beyond it that something below is about */
    size_t cleared;            /* so many of them are made again */
    size_t last_feed;          /* of the entity placed last */
    size_t old_feed;           /* the feed whose entities are walked that were here before */
    int64_t old;               /* the first of them that was not passed; 0: that feed has no more */
    size_t removed;            /* since the budget was given */
} dx_load_rows;

void dx_load_rows_init(dx_load_rows *rows, dx_context *context, dx_space *space);
void dx_load_rows_deinit(dx_load_rows *rows);
int64_t dx_load_rows_key(const dx_load_rows *rows, const dx_snapshot_place *place);
/* A step begins; rows must have been settled. Takes from the budget what it does. *cleared: entities may be placed. */
DX_MUST_USE int dx_load_rows_begin(dx_load_rows *rows, const dx_load_feed *feeds, size_t *budget,
                                   bool *cleared);
/* The next entity. *enough: others had to go first, and that was enough for this step: it is not placed. One that was
 * placed before is passed over. */
DX_MUST_USE int dx_load_rows_place(dx_load_rows *rows, const dx_snapshot_entity *in, bool *enough);
/* There are no more of them. *enough as before. */
DX_MUST_USE int dx_load_rows_end(dx_load_rows *rows, bool *enough);

#endif
