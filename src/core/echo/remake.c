/* echo/remake.c: entities beside their rows. See remake.h.
 *
 * Layer: floor 1, echo. */
#include "echo/remake.h"

#include <string.h>

#include "echo/base.h"
#include "echo/hidden.h"

static bool is_within(const dx_scope *scope, const dx_feed *feed, uint64_t seq, int64_t counter) {
    dx_stamp stamp = {.counter = (uint64_t)counter};
    memcpy(stamp.feed, feed->id, sizeof stamp.feed);
    return dx_touch_is_in_effect(feed, seq) &&
           (scope->point == NULL || dx_stamp_compare(&stamp, scope->point) <= 0) &&
           (scope->below == NULL || seq < dx_cut_length(scope->below, feed));
}

/* What it was at the base; at a point that is not before all the base has. */
static int begin_with_base(dx_context *context, dx_space *space, int64_t key, const dx_scope *scope,
                           dx_aside *aside) {
    if (scope->point != NULL && dx_stamp_compare(&space->base->horizon, scope->point) > 0) {
        return DX_E_GONE;
    }
    int error = dx_base_read(context, space, key, aside->state, &aside->row);
    aside->there = error == DX_OK;
    return error;
}

static int begin_with_creation(dx_context *context, dx_space *space, int64_t key, const dx_scope *scope,
                               dx_aside *aside) {
    dx_feed *maker = dx_space_feed(space, dx_entity_key_feed(key));
    dx_entity_row row;
    int error = maker == NULL ? DX_E_NOT_FOUND : dx_entity_row_read(context, space, key, &row);
    if (error == DX_OK && !is_within(scope, maker, dx_entity_key_seq(key), row.created)) {
        error = DX_E_NOT_FOUND;
    }
    return error != DX_OK ? error
                          : dx_touch_take_again(context, space, maker, dx_entity_key_seq(key),
                                                dx_entity_key_index(key), (uint64_t)row.created, aside);
}

int dx_remake(dx_context *context, dx_space *space, int64_t key, const dx_scope *scope, dx_aside *aside) {
    bool found = true;
    dx_touch touch;
    int error = dx_base_has(space, key) ? begin_with_base(context, space, key, scope, aside)
                                        : begin_with_creation(context, space, key, scope, aside);
    for (dx_stamp at = {.counter = 0}; error == DX_OK && found;) {
        error = dx_touch_find(context, space, key, true, &at, &touch, &found);
        found = found && (scope->point == NULL || (uint64_t)touch.counter <= scope->point->counter);
        dx_feed *feed = error == DX_OK && found ? dx_space_feed(space, touch.block >> 32) : NULL;
        uint64_t seq = (uint64_t)touch.block & UINT32_MAX;
        if (feed != NULL && is_within(scope, feed, seq, touch.counter)) {
            error = dx_touch_take_again(context, space, feed, seq, (uint64_t)touch.section,
                                        (uint64_t)touch.counter, aside);
        }
    }
    error = error == DX_OK ? dx_hidden_take(context, space, key, scope->below, aside) : error;
    return error != DX_OK ? error : aside->there ? DX_OK : DX_E_NOT_FOUND;
}
