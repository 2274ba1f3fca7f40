/* echo/late.c: sections that come, or go, after their block was applied. See late.h.
 *
 * Layer: floor 1, echo. */
#include "echo/late.h"

#include <string.h>

#include "echo/base.h"
#include "echo/key_set.h"
#include "echo/purge.h"
#include "echo/refused.h"
#include "echo/touch.h"
#include "echo/trace.h"
#include "echo/vector.h"
#include "echo/withdraw.h"
#include "halo/control_purge.h"

enum {
    /* Entities that one transaction is about: many blocks full of sections, each three numbers. */
    GATHERED_SIZE_MAX = 64 * 1024 * 1024
};

typedef struct late_creation {
    int64_t key;
    uint64_t counter;
} late_creation;

typedef struct late_touch {
    int64_t key, block, section;
    uint64_t counter;
} late_touch;

int dx_late_begin(dx_late *late, dx_context *context, dx_space *space) {
    *late = (dx_late){.context = context, .space = space};
    dx_buf_init(&late->made, context->alloc, GATHERED_SIZE_MAX);
    dx_buf_init(&late->again, context->alloc, GATHERED_SIZE_MAX);
    dx_buf_init(&late->lost, context->alloc, GATHERED_SIZE_MAX);
    dx_buf_init(&late->touches, context->alloc, GATHERED_SIZE_MAX);
    return dx_entity_rows_write(context, space);
}

/* --- Touches ---------------------------------------------------------------------------------------- */

static int64_t block_number(const dx_feed *feed, uint64_t seq) {
    return feed->local << 32 | (int64_t)seq;
}

static dx_touch_row row_of(const late_touch *touch) {
    return (dx_touch_row){.entity = touch->key,
                          .counter = (int64_t)touch->counter,
                          .block = touch->block,
                          .section = touch->section};
}

static bool is_this_touch(void *ctx, const dx_touch_row *touch) {
    return dx_touch_row_compare(ctx, touch) == 0;
}

static int forget_touch(dx_context *context, dx_space *space, const late_touch *touch) {
    dx_touch_row row = row_of(touch);
    return dx_touch_remove(context, space, touch->key, is_this_touch, &row);
}

/* --- Blocks ----------------------------------------------------------------------------------------- */

/* One block of which some sections change. */
typedef struct changed_block {
    dx_late *late;
    const dx_section_change *changes;
    size_t count;
    dx_reduction reduction; /* feed, seq, stamp and vector; the order of what is resolved so far */
} changed_block;

static const dx_section_change *find_change(const changed_block *self, uint64_t index) {
    size_t low = 0, high = self->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->changes[middle].index < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < self->count && self->changes[low].index == index ? &self->changes[low] : NULL;
}

/* Before a section goes: what it made or changed is made again without it. */
static int let_go(void *ctx, uint64_t index, const dx_section *section) {
    const changed_block *self = ctx;
    const dx_reduction *reduction = &self->reduction;
    const dx_section_change *change = find_change(self, index);
    if (change == NULL || change->sealed.data != NULL) {
        return DX_OK;
    }
    int64_t key = dx_touch_entity(reduction->space, reduction->feed, reduction->seq, index, section);
    const late_touch touch = {.key = key,
                              .counter = reduction->stamp.counter,
                              .block = block_number(reduction->feed, reduction->seq),
                              .section = (int64_t)index};
    if (key != 0) {
        dx_key_list_add(&self->late->again, key);
        dx_key_list_add(&self->late->lost, key);
    }
    return key == 0 || section->creates ? DX_OK : forget_touch(reduction->context, reduction->space, &touch);
}

/* A section that came, and that no block may say. */
static int refuse(const changed_block *self, uint64_t index) {
    const dx_reduction *reduction = &self->reduction;
    const dx_refusal refusal = {.feed = reduction->feed->local,
                                .seq = (int64_t)reduction->seq,
                                .section = (int64_t)index,
                                .error = DX_E_INVALID,
                                .wall_ms = reduction->context->wall_ms};
    bool listed;
    return dx_refused_add(reduction->context, reduction->space, &refusal, &listed);
}

/* Whether a section that is here counts, now that others before it came or went. */
static int judge(void *ctx, uint64_t index, const dx_section *section) {
    changed_block *self = ctx;
    dx_reduction *reduction = &self->reduction;
    dx_late *late = self->late;
    int64_t key;
    bool counts = dx_reduce_resolve(reduction, index, section, &key) == DX_OK;
    bool is_new = find_change(self, index) != NULL;
    if (section->creates || key == 0) {
        const late_creation made = {.key = key, .counter = reduction->stamp.counter};
        dx_buf_append(&late->made, &made, is_new && counts ? sizeof made : 0);
        return is_new && !counts ? refuse(self, index) : dx_buf_error(&late->made);
    }
    const late_touch touch = {.key = key,
                              .counter = reduction->stamp.counter,
                              .block = block_number(reduction->feed, reduction->seq),
                              .section = (int64_t)index};
    const dx_touch_row row = row_of(&touch);
    bool counted;
    int error = dx_touch_is_there(late->context, late->space, &row, &counted);
    if (error == DX_OK && counts != counted) {
        dx_key_list_add(&late->again, key);
        if (counted) {
            dx_key_list_add(&late->lost, key);
        }
        dx_buf_append(&late->touches, &touch, counts ? sizeof touch : 0);
        error = counts ? dx_entity_row_touch(late->context, late->space, key, touch.counter, reduction->feed,
                                             reduction->seq, index)
                       : forget_touch(late->context, late->space, &touch);
    }
    return error == DX_OK && is_new && !counts ? refuse(self, index) : error;
}

/* Over the sections that are here, in order. */
static int walk_block(changed_block *self,
                      int (*on_section)(void *ctx, uint64_t index, const dx_section *section)) {
    dx_reduction *reduction = &self->reduction;
    dx_block block;
    int error =
        dx_pipeline_block(reduction->context, reduction->space, reduction->feed, reduction->seq, &block);
    return error != DX_OK ? error
                          : dx_touch_each(reduction->context, reduction->space, reduction->feed,
                                          reduction->seq, &block, on_section, self);
}

static bool has_going(const dx_section_change *changes, size_t count) {
    bool going = false;
    for (size_t i = 0; i < count; i++) {
        going = going || changes[i].sealed.data == NULL;
    }
    return going;
}

static int change_applied(changed_block *self, dx_feed *feed, uint64_t seq) {
    dx_late *late = self->late;
    size_t changed = 0;
    int error = has_going(self->changes, self->count) ? walk_block(self, let_go) : DX_OK;
    if (error == DX_OK) {
        error = dx_hole_change(feed, late->context->store, seq, self->changes, self->count, &changed);
    }
    late->changed += changed;
    if (error != DX_OK || changed == 0) {
        return error;
    }
    late->took = late->took || has_going(self->changes, self->count);
    dx_refused_begin(late->space);
    error = walk_block(self, judge);
    error = error == DX_OK ? dx_entity_rows_write_touches(late->context, late->space) : error;
    return error == DX_OK ? dx_refused_save(late->context, late->space) : error;
}

/* With the vector of the block. What was skipped has no effect, whatever comes of it. */
static int change_in_effect(dx_late *late, dx_feed *feed, uint64_t seq, const dx_section_change *changes,
                            size_t count) {
    dx_timeframe vector;
    bool applied;
    changed_block self = {
        .late = late,
        .changes = changes,
        .count = count,
        .reduction = {
            .context = late->context, .space = late->space, .feed = feed, .timeframe = &vector, .seq = seq}};
    dx_timeframe_init(&vector, late->context->alloc);
    int error = dx_vector_at(late->context, late->space, feed, seq, &vector, &applied);
    if (error == DX_OK && applied) {
        self.reduction.stamp = dx_vector_stamp(late->space, feed, &vector);
        error = change_applied(&self, feed, seq);
    } else if (error == DX_OK) {
        size_t changed;
        error = dx_hole_change(feed, late->context->store, seq, changes, count, &changed);
        late->changed += changed;
    }
    dx_timeframe_deinit(&vector);
    return error;
}

static int change_any(dx_late *late, const dx_feed *feed, uint64_t seq, const dx_section_change *changes,
                      size_t count) {
    dx_feed *in_force = dx_space_feed(late->space, feed->local);
    if (!feed->is_limb && in_force != NULL && dx_touch_is_in_effect(in_force, seq)) {
        return change_in_effect(late, in_force, seq, changes, count);
    }
    size_t changed;
    int error = dx_hole_change(feed, late->context->store, seq, changes, count, &changed);
    late->changed += changed;
    late->space->late += changed != 0;
    return error;
}

/* Whether what came is about what was purged: then it stays a hole. */
static int is_purged(dx_late *late, const dx_feed *feed, uint64_t seq, const uint8_t key[static DX_KEY_SIZE],
                     const dx_section_change *change, bool *purged) {
    dx_buf *plain = &late->space->plain;
    uint8_t id[DX_ID_SIZE];
    *purged = false;
    if (change->sealed.data == NULL) {
        return DX_OK;
    }
    dx_buf_clear(plain);
    int error = dx_section_open(key, feed->id, seq, change->index, change->sealed, plain);
    *purged =
        error == DX_OK && dx_purge_covers(late->space, feed, seq, change->index, dx_buf_view(plain), id);
#if defined(DX_PLANT) && DX_PLANT == 58
    *purged = false;
#endif
    if (*purged) { /* nobody asks for it again */
        error = dx_purge_note(late->context, late->space, feed, seq, change->index, id);
        return error == DX_OK ? dx_purge_excuse(late->context, late->space, feed, seq) : error;
    }
    return error == DX_E_SIGNATURE || error == DX_E_MALFORMED ? DX_OK : error;
}

/* Without the sections about what was purged. */
static int change_unpurged(dx_late *late, const dx_feed *feed, uint64_t seq, const dx_section_change *changes,
                           size_t count) {
    dx_context *context = late->context;
    size_t size = count * sizeof *changes, kept = 0;
    uint8_t key[DX_KEY_SIZE];
    dx_block block;
    int error = dx_pipeline_block(context, late->space, feed, seq, &block);
    error = error == DX_OK ? dx_space_key(context, late->space, block.header.key_epoch, key) : error;
    if (error != DX_OK) { /* what cannot be opened yet is looked at when it is applied */
        return error == DX_E_NOT_FOUND ? change_any(late, feed, seq, changes, count) : error;
    }
    dx_section_change *some = dx_alloc_take(context->alloc, size);
    error = some == NULL ? DX_E_NO_MEMORY : DX_OK;
    for (size_t i = 0; i < count && error == DX_OK; i++) {
        bool purged;
        error = is_purged(late, feed, seq, key, &changes[i], &purged);
        if (error == DX_OK && !purged) {
            some[kept++] = changes[i];
        }
    }
    dx_wipe(key, sizeof key);
    error = error == DX_OK && kept != 0 ? change_any(late, feed, seq, some, kept) : error;
    dx_alloc_free(context->alloc, some, size);
    return error;
}

int dx_late_change(dx_late *late, const dx_feed *feed, uint64_t seq, const dx_section_change *changes,
                   size_t count) {
    return dx_control_purge_count(late->space->control) == 0
               ? change_any(late, feed, seq, changes, count)
               : change_unpurged(late, feed, seq, changes, count);
}

/* --- Entities --------------------------------------------------------------------------------------- */

static size_t touch_count(const dx_late *late) {
    return late->touches.size / sizeof(late_touch);
}

static late_touch touch_at(const dx_late *late, size_t index) {
    late_touch touch;
    memcpy(&touch, late->touches.data + index * sizeof touch, sizeof touch);
    return touch;
}

static bool is_late_touch(const dx_late *late, int64_t key, const dx_touch *touch) {
    for (size_t i = 0; i < touch_count(late); i++) {
        const late_touch each = touch_at(late, i);
        if (each.key == key && each.block == touch->block && each.section == touch->section) {
            return true;
        }
    }
    return false;
}

/* Just before the first of the entity's touches that came late; false: none did. */
static bool find_begin(const dx_late *late, int64_t key, dx_stamp *at) {
    bool found = false;
    for (size_t i = 0; i < touch_count(late); i++) {
        const late_touch each = touch_at(late, i);
        if (each.key == key && (!found || each.counter <= at->counter)) {
            *at = (dx_stamp){.counter = each.counter - 1};
            found = true;
        }
    }
    memset(at->feed, 0xff, sizeof at->feed);
    return found;
}

/* Goes over the touches in effect from the first late one on. apply: those that came late are taken. *behind: no other
 * stands among or behind them. */
static int walk_behind(dx_late *late, int64_t key, bool apply, bool *behind) {
    dx_stamp at = {.counter = 0};
    dx_touch touch;
    bool found = *behind = find_begin(late, key, &at);
    int error = DX_OK;
    while (error == DX_OK && found && *behind) {
        error = dx_touch_find(late->context, late->space, key, true, &at, &touch, &found);
        dx_feed *feed = error == DX_OK && found ? dx_space_feed(late->space, touch.block >> 32) : NULL;
        uint64_t seq = (uint64_t)touch.block & UINT32_MAX;
        if (feed == NULL || !dx_touch_is_in_effect(feed, seq)) {
            continue;
        }
        if (apply) {
            error = dx_touch_take_again(late->context, late->space, feed, seq, (uint64_t)touch.section,
                                        (uint64_t)touch.counter, NULL);
        } else {
            *behind = is_late_touch(late, key, &touch);
        }
    }
    return error;
}

static late_creation creation_at(const dx_late *late, size_t index) {
    late_creation made;
    memcpy(&made, late->made.data + index * sizeof made, sizeof made);
    return made;
}

static bool has_lost(const dx_late *late, int64_t key) {
    for (size_t i = 0; i < dx_key_list_count(&late->lost); i++) {
        if (dx_key_list_at(&late->lost, i) == key) {
            return true;
        }
    }
    return false;
}

static bool is_made(const dx_late *late, int64_t key) {
    for (size_t i = 0; i < late->made.size / sizeof(late_creation); i++) {
        if (creation_at(late, i).key == key) {
            return true;
        }
    }
    return false;
}

/* What came behind all else is only applied; otherwise the entity is made from its creation. */
static int make_one_again(dx_late *late, int64_t key) {
    bool behind = false;
    if (is_made(late, key)) {
        return DX_OK; /* with all its touches */
    }
    int error = dx_entity_row_find(late->context, late->space, key);
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_OK : error; /* its creation may come yet */
    }
    error = has_lost(late, key) ? DX_OK : walk_behind(late, key, false, &behind);
    if (error != DX_OK) {
        return error;
    }
    return behind ? walk_behind(late, key, true, &behind)
                  : dx_withdraw_make_again(late->context, late->space, key);
}

static int make_entities(dx_late *late) {
    int error = dx_buf_error(&late->made);
    error = error == DX_OK ? dx_buf_error(&late->again) : error;
    error = error == DX_OK ? dx_buf_error(&late->lost) : error;
    error = error == DX_OK ? dx_buf_error(&late->touches) : error;
    dx_key_list_sort(&late->again);
    for (size_t i = 0; i < late->made.size / sizeof(late_creation) && error == DX_OK; i++) {
        const late_creation made = creation_at(late, i);
        error = dx_withdraw_make(late->context, late->space, made.key, made.counter);
    }
    for (size_t i = 0; i < dx_key_list_count(&late->again) && error == DX_OK; i++) {
        error = make_one_again(late, dx_key_list_at(&late->again, i));
    }
    return error;
}

int dx_late_finish(dx_late *late, int error) {
    dx_space *space = late->space;
    bool concerns = late->made.size != 0 || late->again.size != 0;
    if (error == DX_OK && concerns) {
        space->names_digested = false;
#if !defined(DX_PLANT) || DX_PLANT != 55
        error = make_entities(late);
#endif
    }
    if (error == DX_OK && concerns) {
        if (late->context->changes != NULL) {
            late->context->changes->overflow = true; /* subscribers ask anew */
        }
        error = dx_entity_rows_write(late->context, space);
    }
    if (late->changed != 0) {
        space->change++;
    }
    if (late->took) {
        space->taken++;
        error = error == DX_OK ? dx_base_prepare_again(late->context, space) : error;
        dx_echo_trace(late->context, "changed %llu sections of applied blocks",
                      (unsigned long long)late->changed);
    }
    dx_buf_deinit(&late->made);
    dx_buf_deinit(&late->again);
    dx_buf_deinit(&late->lost);
    dx_buf_deinit(&late->touches);
    return error;
}
