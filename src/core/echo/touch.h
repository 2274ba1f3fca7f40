/* echo/touch.h: which sections of which blocks are about an entity, and applying them again.
 *
 * Layer: floor 1, echo, private to this room. There is a touch for every section about an entity that stood
 * there already, whether it took effect or not; the section that made it is its place. So an entity can be made again:
 * without blocks that were taken back (withdraw.h), or as it was (history.h). Tables: touch_run.h, written and asked by these
 * functions alone. Touches of late stand in memory: who asks has rows settled first (entity_row.h). */
#ifndef DX_ECHO_TOUCH_H
#define DX_ECHO_TOUCH_H

#include "echo/reduce.h"
#include "echo/touch_run.h"

typedef struct dx_touch {
    int64_t counter; /* of the stamp */
    int64_t block;   /* feed's local number << 32 | number of the block */
    int64_t section;
} dx_touch;

/* The entity's touch nearest to *at in the order of stamps, later (up) or earlier, whose stamp *at then is. */
DX_MUST_USE int dx_touch_find(dx_context *context, dx_space *space, int64_t key, bool up, dx_stamp *at,
                              dx_touch *out, bool *found);
/* All touches of an entity with counters from this one on; in no order, some perhaps twice. */
DX_MUST_USE int dx_touch_all(dx_context *context, dx_space *space, int64_t key, int64_t counter,
                             dx_on_touch *on_touch, void *ctx);
DX_MUST_USE int dx_touch_is_there(dx_context *context, dx_space *space, const dx_touch_row *row, bool *there);
/* The same as dx_touch_all of the entities [first, last]. */
DX_MUST_USE int dx_touch_range(dx_context *context, dx_space *space, int64_t first, int64_t last,
                               dx_on_touch *on_touch, void *ctx);
/* Adds ascending ones (dx_touch_row_compare); one that is there already stays. */
DX_MUST_USE int dx_touch_put(dx_context *context, dx_space *space, const dx_touch_row *rows, size_t count);
/* Removes those of an entity that the judge says. */
DX_MUST_USE int dx_touch_remove(dx_context *context, dx_space *space, int64_t key,
                                bool (*goes)(void *ctx, const dx_touch_row *touch), void *ctx);
/* What dx_touch_find keeps from one call to the next. */
void dx_touch_batch_destroy(dx_space *space);
/* feed may be NULL: then not. */
bool dx_touch_is_in_effect(const dx_feed *feed, uint64_t seq);
/* Opens one section of a decoded block into space->plain. *there: it is whole and its key is here, as it was when it
 * was applied. */
DX_MUST_USE int dx_touch_open(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq,
                              uint64_t index, const dx_block *block, bool *there);
/* Opens and decodes every section of a block that is whole, in order, in one pass; what a callback gets dies with its
 * return, whose error ends the walk and is returned. */
DX_MUST_USE int dx_touch_each(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq,
                              const dx_block *block,
                              int (*on_section)(void *ctx, uint64_t index, const dx_section *section),
                              void *ctx);
/* The counter of the block's stamp, as the entity that one of its sections is about knows it. DX_E_NOT_FOUND: the
 * section was refused. */
DX_MUST_USE int dx_touch_counter(dx_context *context, dx_space *space, int64_t key, const dx_feed *feed,
                                 uint64_t seq, const dx_section *section, uint64_t *counter);
/* The entity at a place that a block of the feed names. 0: none, or none that is known here. */
int64_t dx_touch_place(dx_space *space, const dx_feed *feed, uint64_t seq, const dx_place *place);
/* The entity that a section of this block is about. 0: none that is known here. */
int64_t dx_touch_entity(dx_space *space, const dx_feed *feed, uint64_t seq, uint64_t index,
                        const dx_section *section);
/* Applies a section that was taken before; what it was refused for, it is refused for again, silently. aside: as
 * dx_reduction's. */
DX_MUST_USE int dx_touch_take_again(dx_context *context, dx_space *space, dx_feed *feed, uint64_t seq,
                                    uint64_t index, uint64_t counter, dx_aside *aside);

#endif
