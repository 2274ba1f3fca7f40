/* echo/timeline.c: what happened in a space, block by block. See timeline.h.
 *
 * Layer: floor 1, echo. The feeds are merged from their ends: along a feed stamps grow. */
#include "echo/timeline.h"

#include <string.h>

#include "echo/key_set.h"
#include "echo/query.h"
#include "echo/touch.h"

/* Blocks of one feed that are opened in search of one to tell: what was refused or is hidden fills them. Beyond it the
 * page ends. */
enum { PASSED_OVER_MAX = 4096 };

/* A feed's next block to tell. */
typedef struct feed_end {
    dx_moment moment;
    uint64_t left; /* blocks below the one in `moment`, once it is there */
    bool there;
} feed_end;

typedef struct merging {
    dx_context *context;
    dx_space *space;
    const dx_stamp *before;
    feed_end *ends;
    size_t count;
    size_t passed_over;
} merging;

/* --- Blocks ----------------------------------------------------------------------------------- */

typedef struct block_reading {
    dx_context *context;
    dx_space *space;
    dx_moment *moment;
} block_reading;

static void count_section(const dx_section *section, int64_t key, dx_moment *moment) {
    moment->made += section->creates;
    moment->deleted += !section->creates && section->life == DX_LIFE_DELETE;
    moment->restored += section->life == DX_LIFE_RESTORE;
    moment->moved += section->moves;
    moment->changed += !section->creates && section->operates;
    if (moment->key_count < DX_MOMENT_KEYS_MAX) {
        moment->keys[moment->key_count++] = key;
    }
}

static int take_section(void *ctx, uint64_t index, const dx_section *section) {
    const block_reading *self = ctx;
    dx_moment *moment = self->moment;
    dx_entity entity;
    int64_t key = dx_touch_entity(self->space, moment->feed, moment->seq, index, section);
    int error = dx_entity_read(self->context, self->space, key, &entity);
    if (error == DX_OK && moment->stamp.counter == 0) {
        error = dx_touch_counter(self->context, self->space, key, moment->feed, moment->seq, section,
                                 &moment->stamp.counter);
    }
    if (error == DX_OK && !dx_type_is_hidden(entity.type)) {
        count_section(section, key, moment);
    }
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

static int read_moment(const merging *self, const dx_feed *feed, uint64_t seq, dx_moment *out) {
    dx_block block;
    block_reading reading = {.context = self->context, .space = self->space, .moment = out};
    *out = (dx_moment){.feed = feed, .seq = seq};
    memcpy(out->stamp.feed, feed->id, sizeof out->stamp.feed);
    int error = dx_pipeline_block(self->context, self->space, feed, seq, &block);
    if (error == DX_OK) {
        out->wall_ms = block.header.wall_ms;
        error = dx_touch_each(self->context, self->space, feed, seq, &block, take_section, &reading);
    }
    return error;
}

/* --- Feeds ------------------------------------------------------------------------------------ */

static bool is_told(const merging *self, const dx_moment *moment) {
    return moment->key_count != 0 && moment->stamp.counter != 0 &&
           (self->before == NULL || dx_stamp_compare(&moment->stamp, self->before) < 0);
}

/* The feed's next one, going back. */
static int find_next(merging *self, const dx_feed *feed, feed_end *end) {
    int error = DX_OK;
    end->there = false;
    while (end->left > feed->begins && !end->there && self->passed_over < PASSED_OVER_MAX && error == DX_OK) {
        error = read_moment(self, feed, --end->left, &end->moment);
        end->there = error == DX_OK && is_told(self, &end->moment);
        self->passed_over += !end->there;
    }
    return error;
}

/* What is before a point of a feed is found by halves, since stamps grow along it: *left blocks may be. */
static int find_begin(merging *self, const dx_feed *feed, uint64_t *left) {
    uint64_t low = feed->begins, high = *left;
    int error = DX_OK;
    while (low < high && error == DX_OK) {
        uint64_t middle = low + (high - low) / 2;
        dx_moment moment;
        error = read_moment(self, feed, middle, &moment);
        /* One that does not tell its stamp may lie on either side: as if it were told, it is looked at again. */
        bool is_before = moment.stamp.counter == 0 || dx_stamp_compare(&moment.stamp, self->before) < 0;
        low = is_before ? middle + 1 : low;
        high = is_before ? high : middle;
    }
    *left = low;
    return error;
}

static int begin(merging *self) {
    dx_space *space = self->space;
    int error = DX_OK;
    for (size_t i = 0; i < self->count && error == DX_OK; i++) {
        const dx_feed *feed = &space->feeds[i];
        if (feed->identity.feed_class == DX_FEED_DATA) {
            self->ends[i].left = feed->applied > feed->kept ? feed->applied : feed->kept;
            error = self->before == NULL ? DX_OK : find_begin(self, feed, &self->ends[i].left);
            error = error == DX_OK ? find_next(self, feed, &self->ends[i]) : error;
        }
    }
    return error;
}

static feed_end *latest(const merging *self) {
    feed_end *found = NULL;
    for (size_t i = 0; i < self->count; i++) {
        feed_end *end = &self->ends[i];
        if (end->there && (found == NULL || dx_stamp_compare(&end->moment.stamp, &found->moment.stamp) > 0)) {
            found = end;
        }
    }
    return found;
}

int dx_timeline(dx_context *context, dx_space *space, const dx_stamp *before, size_t limit,
                int (*on_moment)(void *ctx, const dx_moment *moment), void *ctx, bool *more) {
    merging self = {.context = context, .space = space, .before = before, .count = space->feed_count};
    size_t size = (self.count == 0 ? 1 : self.count) * sizeof *self.ends;
    *more = false;
    self.ends = dx_alloc_take_zeroed(context->alloc, size);
    if (self.ends == NULL) {
        return DX_E_NO_MEMORY;
    }
    int error = begin(&self);
    feed_end *end;
    for (; error == DX_OK && limit != 0 && (end = latest(&self)) != NULL; limit--) {
        const dx_feed *feed = end->moment.feed;
        error = on_moment(ctx, &end->moment);
        error = error == DX_OK ? find_next(&self, feed, end) : error;
    }
    *more = error == DX_OK && (latest(&self) != NULL || self.passed_over >= PASSED_OVER_MAX);
    dx_alloc_free(context->alloc, self.ends, size);
    return error;
}

/* --- What a block is about ---------------------------------------------------------------------- */

typedef struct key_reading {
    dx_context *context;
    dx_space *space;
    const dx_feed *feed;
    uint64_t seq;
    dx_buf *keys;
} key_reading;

static int take_key(void *ctx, uint64_t index, const dx_section *section) {
    const key_reading *self = ctx;
    dx_entity entity;
    int64_t key = dx_touch_entity(self->space, self->feed, self->seq, index, section);
    int error = dx_entity_read(self->context, self->space, key, &entity);
    if (error == DX_OK && !dx_type_is_hidden(entity.type)) {
        dx_key_list_add(self->keys, key);
    }
    return error == DX_E_NOT_FOUND ? dx_buf_error(self->keys) : error;
}

int dx_timeline_keys(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq, dx_buf *keys) {
    dx_block block;
    key_reading reading = {.context = context, .space = space, .feed = feed, .seq = seq, .keys = keys};
    int error = dx_pipeline_block(context, space, feed, seq, &block);
    error = error == DX_OK ? dx_touch_each(context, space, feed, seq, &block, take_key, &reading) : error;
    return error == DX_OK ? dx_buf_error(keys) : error;
}
