/* echo/touch_run.h: the touches of a space, packed into sorted runs.
 *
 * Layer: floor 1, echo, private to this room. A touch says that a section of a block is about an entity that stood there
 * already (touch.h). There is one for every change ever made and none is asked for in the ordinary way of things, so they
 * are kept to be written cheaply: what is written at a time becomes a *run*, sorted, differences only, some seven bytes a
 * touch, appended to the table's end. DX_TOUCH_RUNS_MERGED runs of a level become one of the next, a piece with every
 * further run, so that whoever asks looks into a few dozen at most, however many touches there are. Runs hold sets: a touch may
 * stand in two, and is one.
 *
 *   touch_run(id, space, level, stage)  stage: 0 being made of the level below, 1 in force, 2 leaving
 *   touch(run, entity, counter, block, section, rest)  a pack: its first touch, and the differences of those behind it:
 *     for each, varints (7 bits a byte, lowest first) of entity − last; zigzag of counter − last; zigzag of feed − last; zigzag
 *     of (seq − counter) − last (seq − counter); section
 *
 * Ownership: nothing is kept; a callback's touch dies with its return. A callback may write other tables, not touches. */
#ifndef DX_ECHO_TOUCH_RUN_H
#define DX_ECHO_TOUCH_RUN_H

#include "echo/space.h"

typedef struct dx_touch_row {
    int64_t entity;
    int64_t counter; /* of the block's stamp */
    int64_t block;   /* feed's local number << 32 | number of the block */
    int64_t section;
} dx_touch_row;

/* By entity, counter, block, section. */
int dx_touch_row_compare(const dx_touch_row *left, const dx_touch_row *right);

/* Tells what comes next; anything but DX_OK ends the walk and is returned. */
typedef int dx_on_touch(void *ctx, const dx_touch_row *touch);

/* Adds ascending touches, and merges some of what is there. */
DX_MUST_USE int dx_touch_runs_put(dx_context *context, int64_t space, const dx_touch_row *rows, size_t count);
/* The entity's touches with counters in [low, high], up to `most` in each run and all that have the counter of the last
 * of these, the least first (up) or the greatest. *complete tells how far that is all: up to (from, when not up) this
 * counter. In no order, some perhaps twice. */
DX_MUST_USE int dx_touch_runs_some(dx_context *context, int64_t space, int64_t entity, int64_t low,
                                   int64_t high, bool up, size_t most, int64_t *complete,
                                   dx_on_touch *on_touch, void *ctx);
/* All of an entity with counters from this one on; in no order, some perhaps twice. */
DX_MUST_USE int dx_touch_runs_each(dx_context *context, int64_t space, int64_t entity, int64_t counter,
                                   dx_on_touch *on_touch, void *ctx);
/* All of the entities [first, last]; in no order, some perhaps twice. */
DX_MUST_USE int dx_touch_runs_range(dx_context *context, int64_t space, int64_t first, int64_t last,
                                    dx_on_touch *on_touch, void *ctx);
/* Removes those of an entity that the judge says. */
DX_MUST_USE int dx_touch_runs_remove(dx_context *context, int64_t space, int64_t entity,
                                     bool (*goes)(void *ctx, const dx_touch_row *touch), void *ctx);
/* How far a thinning is; begins as zeros, and may begin again at any time. */
typedef struct dx_touch_thinning {
    int64_t run;       /* the one under way, 0: none yet */
    dx_touch_row last; /* of it */
} dx_touch_thinning;

/* Removes those of all entities that the judge says, reading at most *budget packs, which are taken from it. *done: all
 * were looked at. */
DX_MUST_USE int dx_touch_runs_thin(dx_context *context, int64_t space, dx_touch_thinning *thinning,
                                   bool (*goes)(void *ctx, const dx_touch_row *touch), void *ctx,
                                   size_t *budget, bool *done);
/* Of a forgotten space: at most *budget packs, and takes them from it. */
DX_MUST_USE int dx_touch_runs_drop(dx_context *context, int64_t space, size_t *budget);

#endif
