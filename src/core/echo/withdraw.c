/* echo/withdraw.c: entities are made again without the blocks that were taken back. See withdraw.h.
 *
 * Layer: floor 1, echo. */
#include "echo/withdraw.h"

#include <string.h>

#include "echo/base.h"
#include "echo/entity_row.h"
#include "echo/hidden.h"
#include "echo/hierarchy.h"
#include "echo/key_set.h"
#include "echo/ordered.h"
#include "echo/purge.h"
#include "echo/space_state.h"
#include "echo/touch.h"
#include "echo/trace.h"
#include "echo/vector.h"
#include "feed/begin.h"

/* Entities one call makes again: a block has at most so many sections. */
enum { KEYS_SIZE_MAX = 64 * 1024 * 1024 };

/* --- Entities ----------------------------------------------------------------------------------- */

/* *created: the counter of the stamp it was made with. DX_E_NOT_FOUND: no such entity. */
static int remove_entity(dx_context *context, dx_space *space, int64_t key, uint64_t *created) {
    dx_entity_row row;
    int error = dx_entity_row_read(context, space, key, &row);
    if (error == DX_OK) {
        *created = (uint64_t)row.created;
        error = dx_hierarchy_removed(context, space, key);
    }
    if (error == DX_OK) {
        error = dx_entity_row_read(context, space, key, &row);
    }
    if (error == DX_OK) {
        error = dx_ordered_forget(context, key);
    }
    if (error == DX_OK) {
        error = dx_entity_row_write(context, space, &row, NULL);
    }
    return error;
}

/* Its row is what it was at the base. */
static int begin_with_base(dx_context *context, dx_space *space, int64_t key) {
    dx_entity_row row;
    dx_buf state;
    uint64_t created;
    dx_buf_init(&state, context->alloc, DX_STATE_SIZE_MAX);
    int error = dx_entity_rows_write(context, space);
    error = error == DX_OK ? dx_base_read(context, space, key, &state, &row) : error;
    error = error == DX_OK ? remove_entity(context, space, key, &created) : error;
    error = error == DX_OK ? dx_reduce_place(context, space, &row) : error;
    dx_buf_deinit(&state);
    return error;
}

/* From its creation, if that is in effect and here, or behind what it was at the base: what changed it since. */
static int make(dx_context *context, dx_space *space, int64_t key, uint64_t created) {
    dx_feed *maker = dx_space_feed(space, dx_entity_key_feed(key));
    int error = DX_OK;
    if (!dx_touch_is_in_effect(maker, dx_entity_key_seq(key)) || dx_purge_has(space, key)) {
        return DX_OK;
    }
    if (!dx_base_has(space, key)) {
        error = dx_touch_take_again(context, space, maker, dx_entity_key_seq(key), dx_entity_key_index(key),
                                    created, NULL);
    }
    bool found = true;
    dx_touch touch;
    for (dx_stamp at = {.counter = 0}; error == DX_OK && found;) {
        error = dx_touch_find(context, space, key, true, &at, &touch, &found);
        dx_feed *feed = error == DX_OK && found ? dx_space_feed(space, touch.block >> 32) : NULL;
        uint64_t seq = (uint64_t)touch.block & UINT32_MAX;
        if (dx_touch_is_in_effect(feed, seq)) {
            error = dx_touch_take_again(context, space, feed, seq, (uint64_t)touch.section,
                                        (uint64_t)touch.counter, NULL);
        }
    }
    return error == DX_OK ? dx_hidden_take(context, space, key, NULL, NULL) : error;
}

int dx_withdraw_make_again(dx_context *context, dx_space *space, int64_t key) {
    uint64_t created = 0;
    int error = dx_base_has(space, key) ? begin_with_base(context, space, key)
                                        : remove_entity(context, space, key, &created);
    return error == DX_OK ? make(context, space, key, created) : error == DX_E_NOT_FOUND ? DX_OK : error;
}

int dx_withdraw_make(dx_context *context, dx_space *space, int64_t key, uint64_t created) {
    uint64_t before;
    int error = remove_entity(context, space, key, &before);
    return error == DX_OK || error == DX_E_NOT_FOUND ? make(context, space, key, created) : error;
}

int dx_withdraw_make_all_again(dx_context *context, dx_space *space, dx_buf *keys) {
    int error = dx_buf_error(keys);
    error = error == DX_OK ? dx_entity_rows_write(context, space) : error;
    space->names_digested = false;
    dx_key_list_sort(keys);
    for (size_t i = 0; i < dx_key_list_count(keys) && error == DX_OK; i++) {
        error = dx_withdraw_make_again(context, space, dx_key_list_at(keys, i));
    }
    if (context->changes != NULL && dx_key_list_count(keys) != 0) {
        context->changes->overflow = true; /* subscribers ask anew: some of it is gone */
    }
    return error == DX_OK ? dx_entity_rows_write(context, space) : error;
}

/* --- Blocks ------------------------------------------------------------------------------------- */

static bool is_of_block(void *ctx, const dx_touch_row *touch) {
    return touch->block == *(const int64_t *)ctx;
}

static int forget_touch(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq,
                        int64_t key) {
    int64_t block = feed->local << 32 | (int64_t)seq;
    return dx_touch_remove(context, space, key, is_of_block, &block);
}

typedef struct taking_back {
    dx_context *context;
    dx_space *space;
    const dx_feed *feed;
    uint64_t seq;
    dx_buf *keys;
} taking_back;

static int take_section_back(void *ctx, uint64_t index, const dx_section *section) {
    const taking_back *self = ctx;
    int64_t key = dx_touch_entity(self->space, self->feed, self->seq, index, section);
    if (key == 0) {
        return DX_OK;
    }
    dx_key_list_add(self->keys, key);
    return forget_touch(self->context, self->space, self->feed, self->seq, key);
}

/* Adds the entities that the block made or changed, and forgets that it did. */
static int take_back(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq, dx_buf *keys) {
    taking_back self = {.context = context, .space = space, .feed = feed, .seq = seq, .keys = keys};
    dx_block block;
    int error = dx_pipeline_block(context, space, feed, seq, &block);
    return error == DX_OK ? dx_touch_each(context, space, feed, seq, &block, take_section_back, &self)
                          : error;
}

static int add_entity(void *ctx, const dx_touch_row *touch) {
    dx_key_list_add(ctx, touch->entity);
    return DX_OK;
}

/* Adds what others changed of the feed's entities in blocks [begin, end). */
static int add_touched(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t begin,
                       uint64_t end, dx_buf *keys) {
    return begin >= end ? DX_OK
                        : dx_touch_range(context, space, dx_entity_key(feed->local, begin, 0),
                                         dx_entity_key(feed->local, end - 1, DX_BLOCK_SECTIONS_MAX - 1),
                                         add_entity, keys);
}

/* Whether a block of another feed names this one up to exactly this length. */
static int is_named(dx_context *context, const dx_feed *feed, uint64_t length, bool *named) {
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT 1 FROM named WHERE feed = ?1 AND length = ?2 LIMIT 1");
    dx_bind_int(select, 1, feed->local);
    dx_bind_int(select, 2, (int64_t)length);
    *named = dx_step(context->store, select);
    dx_step_reset(select);
    return dx_store_error(context->store);
}

int dx_withdraw_blocks(dx_context *context, dx_space *space, dx_feed *feed, uint64_t keep, size_t *budget) {
    uint64_t before = feed->applied > feed->kept ? feed->applied : feed->kept;
    int error = DX_OK;
    keep = keep < feed->begins ? feed->begins : keep; /* what the base has of it stands */
    if (before <= keep) {
        return DX_OK;
    }
    dx_buf keys;
    error = dx_entity_rows_write(context, space);
    if (error != DX_OK) {
        return error;
    }
    dx_buf_init(&keys, context->alloc, KEYS_SIZE_MAX);
    bool control = feed->identity.feed_class == DX_FEED_CONTROL;
    if (control) {
        error = dx_control_forget_places(context->store, feed->local, keep);
    }
    error = error == DX_OK ? dx_vector_forget(context, feed, keep) : error;
    feed->kept = control ? keep : before;
    feed->applied = feed->begins;
    feed->timeframe.count = 0;
    if (error == DX_OK && feed->begins != 0) {
        error = dx_feed_vector(feed, context->store, &feed->timeframe);
    }
    while (feed->kept > keep && *budget > 0 && error == DX_OK) {
        error = take_back(context, space, feed, feed->kept - 1, &keys);
        feed->kept--;
        --*budget;
    }
    if (error == DX_OK && !control) { /* who named more than stands now did not name what stands */
        error = add_touched(context, space, feed, feed->cut, feed->kept, &keys);
    }
#if !defined(DX_PLANT) || DX_PLANT != 28
    error = error != DX_OK ? error : dx_withdraw_make_all_again(context, space, &keys);
#endif
    dx_buf_deinit(&keys);
    dx_echo_trace(context, "took back blocks %llu to %llu of feed %lld", (unsigned long long)feed->kept,
                  (unsigned long long)before - 1, (long long)feed->local);
    space->change++;
    return error != DX_OK ? error : dx_feed_save_applied(feed, context->store);
}

int dx_withdraw_look_again(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t begin,
                           uint64_t end) {
    dx_buf keys;
    int error = dx_entity_rows_write(context, space);
    if (error != DX_OK) {
        return error;
    }
    dx_buf_init(&keys, context->alloc, KEYS_SIZE_MAX);
    error = add_touched(context, space, feed, begin, end, &keys);
    if (error == DX_OK && dx_key_list_count(&keys) != 0) {
        error = dx_withdraw_make_all_again(context, space, &keys);
    }
    dx_buf_deinit(&keys);
    return error;
}

int dx_withdraw_rescue(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq) {
    if (seq < feed->cut) {
        return DX_OK;
    }
    bool named;
    dx_buf keys;
    int error = dx_entity_rows_write(context, space);
    if (error != DX_OK) {
        return error;
    }
    dx_buf_init(&keys, context->alloc, KEYS_SIZE_MAX);
    error = is_named(context, feed, seq + 1, &named);
    if (error == DX_OK) { /* who named so much is seen only now to have named this branch */
        error = add_touched(context, space, feed, named ? feed->cut : seq, seq + 1, &keys);
    }
    if (error == DX_OK && dx_key_list_count(&keys) != 0) {
        error = dx_withdraw_make_all_again(context, space, &keys);
    }
    dx_buf_deinit(&keys);
    return error;
}
