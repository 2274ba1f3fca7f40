/* echo/touch.c: which sections are about an entity, and applying them again. See touch.h.
 *
 * Layer: floor 1, echo. */
#include "echo/touch.h"

#include <string.h>

/* --- Runs -------------------------------------------------------------------------------------- */

enum { BATCH = 256, BATCH_SIZE_MAX = 64 << 20 };

typedef struct found_touch {
    dx_stamp stamp;
    dx_touch touch;
} found_touch;

/* Touches of one entity in the order of stamps, or against it, as they are asked for one by one. */
struct dx_touch_batch {
    int64_t key;
    bool up, valid, ends; /* ends: there are no more behind these */
    dx_stamp from;        /* they are those behind it */
    size_t at;            /* the next one to be asked for */
    dx_buf items;         /* of found_touch */
};

static found_touch *items_of(const struct dx_touch_batch *batch) {
    return (found_touch *)(void *)batch->items.data;
}

static size_t count_of(const struct dx_touch_batch *batch) {
    return batch->items.size / sizeof(found_touch);
}

void dx_touch_batch_destroy(dx_space *space) {
    if (space->touches != NULL) {
        dx_buf_deinit(&space->touches->items);
        dx_alloc_free(space->alloc, space->touches, sizeof *space->touches);
        space->touches = NULL;
    }
}

static int take_batch(dx_space *space, struct dx_touch_batch **out) {
    if (space->touches == NULL) {
        space->touches = dx_alloc_take_zeroed(space->alloc, sizeof *space->touches);
        if (space->touches == NULL) {
            return DX_E_NO_MEMORY;
        }
        dx_buf_init(&space->touches->items, space->alloc, BATCH_SIZE_MAX);
    }
    *out = space->touches;
    return DX_OK;
}

static void forget_batch(dx_space *space) {
    if (space->touches != NULL) {
        space->touches->valid = false;
    }
}

int dx_touch_all(dx_context *context, dx_space *space, int64_t key, int64_t counter, dx_on_touch *on_touch,
                 void *ctx) {
    return dx_touch_runs_each(context, space->local, key, counter, on_touch, ctx);
}

typedef struct row_search {
    const dx_touch_row *row;
    bool *there;
} row_search;

static int match_row(void *ctx, const dx_touch_row *touch) {
    const row_search *self = ctx;
    *self->there = *self->there || dx_touch_row_compare(self->row, touch) == 0;
    return DX_OK;
}

int dx_touch_is_there(dx_context *context, dx_space *space, const dx_touch_row *row, bool *there) {
    row_search search = {.row = row, .there = there};
    int64_t complete;
    *there = false;
    return dx_touch_runs_some(context, space->local, row->entity, row->counter, row->counter, true, SIZE_MAX,
                              &complete, match_row, &search);
}

int dx_touch_range(dx_context *context, dx_space *space, int64_t first, int64_t last, dx_on_touch *on_touch,
                   void *ctx) {
    return dx_touch_runs_range(context, space->local, first, last, on_touch, ctx);
}

int dx_touch_put(dx_context *context, dx_space *space, const dx_touch_row *rows, size_t count) {
    forget_batch(space);
    return dx_touch_runs_put(context, space->local, rows, count);
}

int dx_touch_remove(dx_context *context, dx_space *space, int64_t key,
                    bool (*goes)(void *ctx, const dx_touch_row *touch), void *ctx) {
    forget_batch(space);
    return dx_touch_runs_remove(context, space->local, key, goes, ctx);
}

typedef struct filling {
    dx_space *space;
    struct dx_touch_batch *batch;
} filling;

static bool is_behind(bool up, const dx_stamp *a, const dx_stamp *b) {
    int order = dx_stamp_compare(a, b);
    return up ? order > 0 : order < 0;
}

static int take_touch(void *ctx, const dx_touch_row *row) {
    const filling *self = ctx;
    const dx_feed *feed = dx_space_feed(self->space, row->block >> 32);
    found_touch item = {.stamp = {.counter = (uint64_t)row->counter},
                        .touch = {.counter = row->counter, .block = row->block, .section = row->section}};
    if (feed == NULL || ((uint64_t)row->block & UINT32_MAX) < feed->begins) {
        return DX_OK; /* its block is not here any more, and the base has what it did */
    }
    memcpy(item.stamp.feed, feed->id, sizeof item.stamp.feed);
    if (is_behind(self->batch->up, &item.stamp, &self->batch->from)) {
        dx_buf_append(&self->batch->items, &item, sizeof item);
    }
    return dx_buf_error(&self->batch->items);
}

static void sift_down(const struct dx_touch_batch *batch, size_t root, size_t count) {
    found_touch *items = items_of(batch), item = items[root];
    for (size_t child = 2 * root + 1; child < count; child = 2 * root + 1) {
        child += child + 1 < count && is_behind(batch->up, &items[child + 1].stamp, &items[child].stamp);
        if (!is_behind(batch->up, &items[child].stamp, &item.stamp)) {
            break;
        }
        items[root] = items[child];
        root = child;
    }
    items[root] = item;
}

/* In order, each once, and none beyond what is complete. */
static void order_batch(struct dx_touch_batch *batch, int64_t complete) {
    found_touch *items = items_of(batch);
    size_t count = count_of(batch), kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (batch->up ? items[i].touch.counter <= complete : items[i].touch.counter >= complete) {
            items[kept++] = items[i];
        }
    }
    count = kept;
    for (size_t root = count / 2; root-- > 0;) {
        sift_down(batch, root, count);
    }
    for (size_t end = count; end-- > 1;) {
        found_touch last = items[0];
        items[0] = items[end];
        items[end] = last;
        sift_down(batch, 0, end);
    }
    kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept == 0 || dx_stamp_compare(&items[kept - 1].stamp, &items[i].stamp) != 0) {
            items[kept++] = items[i];
        }
    }
    batch->items.size = kept * sizeof(found_touch);
}

/* Some of those behind batch->from: none only when there are none. */
static int fill_batch(dx_context *context, dx_space *space, struct dx_touch_batch *batch) {
    filling self = {.space = space, .batch = batch};
    int error = DX_OK;
    batch->at = 0;
    batch->ends = false;
    dx_buf_clear(&batch->items);
    while (error == DX_OK && count_of(batch) == 0 && !batch->ends) {
        int64_t edge = batch->from.counter > INT64_MAX ? INT64_MAX : (int64_t)batch->from.counter;
        int64_t low = batch->up ? edge : 0, high = batch->up ? INT64_MAX : edge, complete;
        error = dx_touch_runs_some(context, space->local, batch->key, low, high, batch->up, BATCH, &complete,
                                   take_touch, &self);
        order_batch(batch, complete);
        batch->ends = complete == (batch->up ? high : low);
        if (count_of(batch) == 0) { /* all that is complete lies before: go on behind it */
            batch->from.counter = (uint64_t)complete;
            memset(batch->from.feed, batch->up ? 0xff : 0, sizeof batch->from.feed);
        }
    }
    return error;
}

int dx_touch_find(dx_context *context, dx_space *space, int64_t key, bool up, dx_stamp *at, dx_touch *out,
                  bool *found) {
    struct dx_touch_batch *batch;
    int error = take_batch(space, &batch);
    *found = false;
    if (error != DX_OK) {
        return error;
    }
    bool goes_on =
        batch->valid && batch->key == key && batch->up == up &&
        dx_stamp_compare(at, batch->at == 0 ? &batch->from : &items_of(batch)[batch->at - 1].stamp) == 0;
    if (!goes_on || (batch->at == count_of(batch) && !batch->ends)) {
        batch->key = key;
        batch->up = up;
        batch->from = *at;
        error = fill_batch(context, space, batch);
        batch->valid = error == DX_OK;
    }
    if (error == DX_OK && batch->at < count_of(batch)) {
        const found_touch *item = &items_of(batch)[batch->at++];
        *at = item->stamp;
        *out = item->touch;
        *found = true;
    }
    return error;
}

bool dx_touch_is_in_effect(const dx_feed *feed, uint64_t seq) {
    return feed != NULL && (seq < feed->applied || seq < feed->kept);
}

/* --- Sections ---------------------------------------------------------------------------------- */

/* Opens a section into space->plain. *there: it is whole and its key is here, as it was when it was applied. */
static int open_section(dx_space *space, const dx_feed *feed, uint64_t seq, uint64_t index,
                        const uint8_t key[static DX_KEY_SIZE], dx_bytes sealed, bool hole, bool *there) {
    int error = DX_E_NOT_FOUND;
    if (!hole) {
        dx_buf_clear(&space->plain);
        error = dx_section_open(key, feed->id, seq, index, sealed, &space->plain);
    }
    *there = error == DX_OK;
    return error == DX_E_SIGNATURE || error == DX_E_MALFORMED || error == DX_E_NOT_FOUND ? DX_OK : error;
}

int dx_touch_open(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq, uint64_t index,
                  const dx_block *block, bool *there) {
    uint8_t key[DX_KEY_SIZE];
    dx_bytes section = {NULL, 0};
    bool hole = true;
    dx_reader cursor;
    dx_reader_init(&cursor, block->sections);
    *there = false;
    int error = dx_space_key(context, space, block->header.key_epoch, key);
    for (uint64_t i = 0; i <= index && i < block->section_count && error == DX_OK; i++) {
        error = dx_block_section(&cursor, &section, &hole);
    }
    if (error == DX_OK && index < block->section_count) {
        error = open_section(space, feed, seq, index, key, section, hole, there);
    }
    dx_wipe(key, sizeof key);
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

int dx_touch_each(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq,
                  const dx_block *block,
                  int (*on_section)(void *ctx, uint64_t index, const dx_section *section), void *ctx) {
    uint8_t key[DX_KEY_SIZE];
    dx_reader cursor;
    dx_reader_init(&cursor, block->sections);
    int error = dx_space_key(context, space, block->header.key_epoch, key);
    if (error == DX_E_NOT_FOUND) {
        return DX_OK;
    }
    for (uint64_t index = 0; index < block->section_count && error == DX_OK; index++) {
        dx_bytes sealed;
        dx_section section;
        bool hole, there = false;
        error = dx_block_section(&cursor, &sealed, &hole);
        error = error == DX_OK ? open_section(space, feed, seq, index, key, sealed, hole, &there) : error;
        if (error == DX_OK && there &&
            dx_section_decode(dx_buf_view(&space->plain), feed->id, &section) == DX_OK) {
            error = on_section(ctx, index, &section);
        }
    }
    dx_wipe(key, sizeof key);
    return error;
}

typedef struct block_search {
    int64_t block, counter;
    bool found;
} block_search;

static int match_block(void *ctx, const dx_touch_row *touch) {
    block_search *self = ctx;
    if (touch->block == self->block) {
        self->counter = touch->counter;
        self->found = true;
    }
    return DX_OK;
}

int dx_touch_counter(dx_context *context, dx_space *space, int64_t key, const dx_feed *feed, uint64_t seq,
                     const dx_section *section, uint64_t *counter) {
    if (section->creates) {
        dx_entity_row row;
        int error = dx_entity_row_read(context, space, key, &row);
        *counter = error == DX_OK ? (uint64_t)row.created : 0;
        return error;
    }
    int settled = dx_entity_rows_settle(context, space);
    if (settled != DX_OK) {
        return settled;
    }
    block_search search = {.block = feed->local << 32 | (int64_t)seq};
    int error = dx_touch_runs_each(context, space->local, key, 0, match_block, &search);
    *counter = (uint64_t)search.counter;
    return error != DX_OK || search.found ? error : DX_E_NOT_FOUND;
}

int64_t dx_touch_place(dx_space *space, const dx_feed *feed, uint64_t seq, const dx_place *place) {
    const dx_feed *maker = place->form == DX_PLACE_FEED ? dx_space_feed_by_prefix(space, place->feed) : feed;
    return place->form == DX_PLACE_NONE || maker == NULL ? 0
           : place->form == DX_PLACE_BLOCK               ? dx_entity_key(feed->local, seq, place->index)
                                           : dx_entity_key(maker->local, place->seq, place->index);
}

int64_t dx_touch_entity(dx_space *space, const dx_feed *feed, uint64_t seq, uint64_t index,
                        const dx_section *section) {
    return section->creates ? dx_entity_key(feed->local, seq, index)
                            : dx_touch_place(space, feed, seq, &section->subject);
}

int dx_touch_take_again(dx_context *context, dx_space *space, dx_feed *feed, uint64_t seq, uint64_t index,
                        uint64_t counter, dx_aside *aside) {
    dx_reduction reduction = {.context = context,
                              .space = space,
                              .feed = feed,
                              .seq = seq,
                              .stamp = {.counter = counter},
                              .aside = aside};
    dx_block block;
    bool there;
    int refusal;
    memcpy(reduction.stamp.feed, feed->id, sizeof reduction.stamp.feed);
    int error = dx_pipeline_block(context, space, feed, seq, &block);
    error = error != DX_OK ? error : dx_touch_open(context, space, feed, seq, index, &block, &there);
    return error != DX_OK || !there
               ? error
               : dx_reduce_section(&reduction, index, dx_buf_view(&space->plain), &refusal);
}
