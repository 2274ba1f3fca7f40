/* echo/touch_run.c: packs, runs, and runs made one. See touch_run.h.
 *
 * Layer: floor 1, echo. */
#include "echo/touch_run.h"

#include <string.h>

#include "echo/varint.h"

enum {
    PACK_SIZE_MAX = 940, /* four to a page with their first touches, and none in pages of its own */
    PACK_ROWS_MAX = 256,
    TOUCH_SIZE_MAX = 5 * DX_VARINT_SIZE_MAX,
    RUNS_MERGED = 8,
    RUNS_MAX = 512,       /* of a space: far more than its levels can hold */
    MERGED_LEAST = 16384, /* touches one put merges in each level: twice what it may bring */
    PACKS_LEAVING = 512   /* removed by one put: more than it makes */
};

/* How a pack's touches stand behind its first one (docs/spec/entities.md). */
typedef enum pack_form { FORM_FIVE_PARTS = 0, FORM_SHORT = 1 } pack_form;

typedef enum run_stage { STAGE_MAKING, STAGE_IN_FORCE, STAGE_LEAVING } run_stage;

typedef struct run {
    int64_t id, level;
    run_stage stage;
} run;

typedef struct pack {
    dx_touch_row rows[PACK_ROWS_MAX];
    size_t count;
} pack;

int dx_touch_row_compare(const dx_touch_row *left, const dx_touch_row *right) {
    const int64_t lefts[] = {left->entity, left->counter, left->block, left->section};
    const int64_t rights[] = {right->entity, right->counter, right->block, right->section};
    size_t i = 0;
    while (i < 3 && lefts[i] == rights[i]) {
        i++;
    }
    return lefts[i] < rights[i] ? -1 : lefts[i] > rights[i];
}

/* --- Packs ------------------------------------------------------------------------------------- */

static uint64_t fold_sign(int64_t value) {
    return value < 0 ? (~(uint64_t)value << 1 | 1) : (uint64_t)value << 1;
}

static int64_t unfold_sign(uint64_t value) {
    return (value & 1) != 0 ? (int64_t) ~(value >> 1) : (int64_t)(value >> 1);
}

/* a − b of numbers that may be anything: what is damaged must not overflow. */
static int64_t minus(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

static int64_t plus(int64_t a, int64_t b) {
    return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t ahead_of(const dx_touch_row *touch) {
    return minus(touch->block & UINT32_MAX, touch->counter);
}

/* In FORM_SHORT: nearly all touches of a pack are of one feed, and as far ahead of their stamps. */
static size_t write_touch(const dx_touch_row *last, const dx_touch_row *touch, uint8_t *out) {
    int64_t feed = (touch->block >> 32) - (last->block >> 32), ahead = minus(ahead_of(touch), ahead_of(last));
    bool alike = feed == 0 && ahead == 0;
    size_t size = dx_varint_write((uint64_t)minus(touch->entity, last->entity) << 1 | alike, out);
    size += dx_varint_write(fold_sign(minus(touch->counter, last->counter)), out + size);
    if (!alike) {
        size += dx_varint_write(fold_sign(feed), out + size);
        size += dx_varint_write(fold_sign(ahead), out + size);
    }
    return size + dx_varint_write((uint64_t)touch->section, out + size);
}

static bool read_touch(const uint8_t **at, const uint8_t *end, pack_form form, const dx_touch_row *last,
                       dx_touch_row *out) {
    uint64_t entity, counter, feed_part = 0, ahead_part = 0, section;
    bool alike = false, reads = dx_varint_read(at, end, &entity);
    if (form == FORM_SHORT && reads) {
        alike = (entity & 1) != 0;
        entity >>= 1;
    }
    reads = reads && dx_varint_read(at, end, &counter) &&
            (alike || (dx_varint_read(at, end, &feed_part) && dx_varint_read(at, end, &ahead_part))) &&
            dx_varint_read(at, end, &section);
    if (!reads) {
        return false;
    }
    out->entity = plus(last->entity, (int64_t)entity);
    out->counter = plus(last->counter, unfold_sign(counter));
    int64_t feed = plus(last->block >> 32, unfold_sign(feed_part));
    int64_t seq = plus(out->counter, plus(ahead_of(last), unfold_sign(ahead_part)));
    out->block = (int64_t)((uint64_t)feed << 32 | ((uint64_t)seq & UINT32_MAX));
    out->section = (int64_t)section;
    return feed > 0 && feed <= INT32_MAX && seq >= 0 && seq <= UINT32_MAX &&
           dx_touch_row_compare(last, out) < 0;
}

static int read_rows(sqlite3_stmt *row, pack *out) {
    dx_bytes rest = dx_column_bytes(row, 4);
    int64_t form = dx_column_int(row, 5);
    const uint8_t *at = rest.data, *end = rest.size == 0 ? at : at + rest.size;
    out->rows[0] = (dx_touch_row){.entity = dx_column_int(row, 0),
                                  .counter = dx_column_int(row, 1),
                                  .block = dx_column_int(row, 2),
                                  .section = dx_column_int(row, 3)};
    out->count = 1;
    while (at < end && out->count < PACK_ROWS_MAX &&
           read_touch(&at, end, (pack_form)form, &out->rows[out->count - 1], &out->rows[out->count])) {
        out->count++;
    }
    bool is_form = form == FORM_FIVE_PARTS || form == FORM_SHORT;
    return at == end && is_form && out->rows[0].entity >= 0 ? DX_OK : DX_E_CORRUPT;
}

/* Which pack of a run: the last that begins at a touch or before it, the first behind it, the last before it. */
typedef enum pack_way { PACK_AT, PACK_BEHIND, PACK_BEFORE } pack_way;

#define SELECT_PACK                                                                                          \
    "SELECT entity, counter, block, section, rest, form FROM touch WHERE run = ?1 AND (entity, counter, "    \
    "block, "                                                                                                \
    "section)"
#define UP   " ORDER BY entity, counter, block, section LIMIT 1"
#define DOWN " ORDER BY entity DESC, counter DESC, block DESC, section DESC LIMIT 1"

static int read_pack(dx_context *context, int64_t id, pack_way way, const dx_touch_row *key, pack *out,
                     bool *found) {
    sqlite3_stmt *select =
        way == PACK_AT       ? dx_store_query(context->store, SELECT_PACK " <= (?2, ?3, ?4, ?5)" DOWN)
        : way == PACK_BEHIND ? dx_store_query(context->store, SELECT_PACK " > (?2, ?3, ?4, ?5)" UP)
                             : dx_store_query(context->store, SELECT_PACK " < (?2, ?3, ?4, ?5)" DOWN);
    dx_bind_int(select, 1, id);
    dx_bind_int(select, 2, key->entity);
    dx_bind_int(select, 3, key->counter);
    dx_bind_int(select, 4, key->block);
    dx_bind_int(select, 5, key->section);
    *found = dx_step(context->store, select);
    int error = *found ? read_rows(select, out) : dx_store_error(context->store);
    dx_step_reset(select);
    return error;
}

/* What becomes packs at a run's end. */
typedef struct builder {
    dx_context *context;
    int64_t run;
    dx_touch_row first, last;
    size_t count, size;
    bool has_last; /* last is of this run, and of this pack while count is not 0 */
    uint8_t rest[PACK_SIZE_MAX];
} builder;

static int end_pack(builder *self) {
    if (self->count == 0) {
        return DX_OK;
    }
    sqlite3_stmt *insert =
        dx_store_query(self->context->store, "INSERT INTO touch(run, entity, counter, block, section, rest, "
                                             "form) VALUES(?1, ?2, ?3, ?4, ?5, ?6, 1)");
    dx_bind_int(insert, 1, self->run);
    dx_bind_int(insert, 2, self->first.entity);
    dx_bind_int(insert, 3, self->first.counter);
    dx_bind_int(insert, 4, self->first.block);
    dx_bind_int(insert, 5, self->first.section);
    dx_bind_bytes(insert, 6, dx_bytes_of(self->rest, self->size));
    self->count = self->size = 0;
    return dx_step_done(self->context->store, insert);
}

/* Ascending; one that was just added is there. */
static int add_touch(builder *self, const dx_touch_row *touch) {
    uint8_t bytes[TOUCH_SIZE_MAX];
    int error = DX_OK;
    if (self->has_last && dx_touch_row_compare(&self->last, touch) == 0) {
        return DX_OK;
    }
    size_t size = self->count == 0 ? 0 : write_touch(&self->last, touch, bytes);
    if (self->count == PACK_ROWS_MAX || self->size + size > PACK_SIZE_MAX) {
        error = end_pack(self);
    }
    if (self->count == 0) {
        self->first = *touch;
    } else {
        memcpy(self->rest + self->size, bytes, size);
        self->size += size;
    }
    self->last = *touch;
    self->has_last = true;
    self->count++;
    return error;
}

/* --- Runs -------------------------------------------------------------------------------------- */

typedef struct run_list {
    run items[RUNS_MAX];
    size_t count;
} run_list;

static int list_runs(dx_context *context, int64_t space, run_list *out) {
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT id, level, stage FROM touch_run WHERE space = ?1 ORDER BY id");
    dx_bind_int(select, 1, space);
    int error = DX_OK;
    out->count = 0;
    while (error == DX_OK && dx_step(context->store, select)) {
        int64_t stage = dx_column_int(select, 2);
        if (out->count == RUNS_MAX || stage < STAGE_MAKING || stage > STAGE_LEAVING) {
            error = DX_E_CORRUPT;
            break;
        }
        out->items[out->count++] = (run){
            .id = dx_column_int(select, 0), .level = dx_column_int(select, 1), .stage = (run_stage)stage};
    }
    dx_step_reset(select);
    return error != DX_OK ? error : dx_store_error(context->store);
}

static int make_run(dx_context *context, int64_t space, int64_t level, run_stage stage, int64_t *id) {
    sqlite3_stmt *insert = dx_store_query(
        context->store, "INSERT INTO touch_run(space, level, stage) VALUES(?1, ?2, ?3) RETURNING id");
    dx_bind_int(insert, 1, space);
    dx_bind_int(insert, 2, level);
    dx_bind_int(insert, 3, stage);
    *id = dx_step(context->store, insert) ? dx_column_int(insert, 0) : 0;
    dx_step_reset(insert);
    return dx_store_error(context->store);
}

static int set_stage(dx_context *context, int64_t id, run_stage stage) {
    sqlite3_stmt *update = dx_store_query(context->store, "UPDATE touch_run SET stage = ?2 WHERE id = ?1");
    dx_bind_int(update, 1, id);
    dx_bind_int(update, 2, stage);
    return dx_step_done(context->store, update);
}

/* Removes packs of a run, and the run behind the last of them. */
static int remove_packs(dx_context *context, int64_t id, size_t *budget) {
    sqlite3_stmt *remove = dx_store_query(
        context->store,
        "DELETE FROM touch WHERE (run, entity, counter, block, section) IN (SELECT run, entity,"
        " counter, block, section FROM touch WHERE run = ?1 LIMIT ?2)");
    dx_bind_int(remove, 1, id);
    dx_bind_int(remove, 2, (int64_t)*budget);
    int error = dx_step_done(context->store, remove);
    if (error != DX_OK) {
        return error;
    }
    *budget -= (size_t)dx_store_changes(context->store);
    if (*budget == 0) {
        return DX_OK;
    }
    remove = dx_store_query(context->store, "DELETE FROM touch_run WHERE id = ?1");
    dx_bind_int(remove, 1, id);
    return dx_step_done(context->store, remove);
}

/* --- Making one of many ------------------------------------------------------------------------ */

/* Where a merge stands in one of its runs. */
typedef struct source {
    int64_t run;
    size_t at;
    bool there;
    pack pack;
} source;

/* To the first touch behind this one; NULL: the first of all. */
static int seek_source(dx_context *context, source *from, const dx_touch_row *behind) {
    static const dx_touch_row least = {INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN};
    int error =
        read_pack(context, from->run, PACK_AT, behind == NULL ? &least : behind, &from->pack, &from->there);
    if (error == DX_OK && !from->there) {
        error = read_pack(context, from->run, PACK_BEHIND, behind == NULL ? &least : behind, &from->pack,
                          &from->there);
    }
    from->at = 0;
    while (error == DX_OK && from->there && behind != NULL && from->at < from->pack.count &&
           dx_touch_row_compare(&from->pack.rows[from->at], behind) <= 0) {
        from->at++;
    }
    return error;
}

/* The next pack once this one is through. */
static int settle_source(dx_context *context, source *from) {
    int error = DX_OK;
    if (from->there && from->at == from->pack.count) {
        dx_touch_row last = from->pack.rows[from->pack.count - 1];
        error = read_pack(context, from->run, PACK_BEHIND, &last, &from->pack, &from->there);
        from->at = 0;
    }
    return error;
}

static int merge_some(dx_context *context, source *sources, size_t count, size_t quota, builder *out,
                      bool *all) {
    int error = DX_OK;
    *all = false;
    for (; error == DX_OK && quota > 0 && !*all; quota--) {
        source *least = NULL;
        for (size_t i = 0; i < count && error == DX_OK; i++) {
            error = settle_source(context, &sources[i]);
            bool less = sources[i].there &&
                        (least == NULL || dx_touch_row_compare(&sources[i].pack.rows[sources[i].at],
                                                               &least->pack.rows[least->at]) < 0);
            least = less ? &sources[i] : least;
        }
        *all = error == DX_OK && least == NULL;
        if (error == DX_OK && least != NULL) {
            error = add_touch(out, &least->pack.rows[least->at++]);
        }
    }
    return error == DX_OK ? end_pack(out) : error;
}

/* The runs that become this one, so far as it is not all there yet. */
static int merge_into(dx_context *context, const run_list *runs, const run *target, size_t quota) {
    static const dx_touch_row greatest = {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX};
    builder out = {.context = context, .run = target->id};
    size_t count = 0, size = runs->count * sizeof(source);
    bool begun, all = false;
    source *sources = dx_alloc_take(context->alloc, size);
    if (sources == NULL) {
        return DX_E_NO_MEMORY;
    }
    int error = read_pack(context, target->id, PACK_AT, &greatest, &sources[0].pack, &begun);
    if (error == DX_OK && begun) {
        out.last = sources[0].pack.rows[sources[0].pack.count - 1];
        out.has_last = true;
    }
    for (size_t i = 0; i < runs->count && error == DX_OK; i++) {
        const run *from = &runs->items[i];
        if (from->stage == STAGE_IN_FORCE && from->level == target->level - 1 && from->id < target->id) {
            sources[count].run = from->id;
            error = seek_source(context, &sources[count++], begun ? &out.last : NULL);
        }
    }
    if (error == DX_OK) {
        error = merge_some(context, sources, count, quota, &out, &all);
    }
    for (size_t i = 0; i < count && error == DX_OK && all; i++) {
        error = set_stage(context, sources[i].run, STAGE_LEAVING);
    }
    if (error == DX_OK && all) {
        error = set_stage(context, target->id, STAGE_IN_FORCE);
    }
    dx_alloc_free(context->alloc, sources, size);
    return error;
}

/* The run that those of the level are becoming; one is begun when they are enough. id 0: they are not. */
static int find_target(dx_context *context, int64_t space, const run_list *runs, int64_t level, run *out) {
    size_t waiting = 0;
    *out = (run){.id = 0, .level = level + 1, .stage = STAGE_MAKING};
    for (size_t i = 0; i < runs->count; i++) {
        const run *one = &runs->items[i];
        if (one->stage == STAGE_MAKING && one->level == level + 1) {
            *out = *one;
            return DX_OK;
        }
        waiting += one->stage == STAGE_IN_FORCE && one->level == level;
    }
    return waiting < RUNS_MERGED ? DX_OK : make_run(context, space, level + 1, STAGE_MAKING, &out->id);
}

static int merge_runs(dx_context *context, int64_t space, run_list *runs, size_t quota) {
    size_t budget = PACKS_LEAVING;
    int64_t levels = 0;
    int error = list_runs(context, space, runs);
    for (size_t i = 0; i < runs->count; i++) {
        levels = runs->items[i].level >= levels ? runs->items[i].level + 1 : levels;
    }
    for (int64_t level = 0; level < levels && error == DX_OK; level++) {
        run target;
        error = find_target(context, space, runs, level, &target);
        if (error == DX_OK && target.id != 0) {
            error = merge_into(context, runs, &target, quota);
        }
    }
    for (size_t i = 0; i < runs->count && error == DX_OK && budget > 0; i++) {
        if (runs->items[i].stage == STAGE_LEAVING) {
            error = remove_packs(context, runs->items[i].id, &budget);
        }
    }
    return error;
}

static run_list *take_list(dx_context *context) {
    return dx_alloc_take(context->alloc, sizeof(run_list));
}

static void give_list(dx_context *context, run_list *runs) {
    dx_alloc_free(context->alloc, runs, sizeof *runs);
}

int dx_touch_runs_put(dx_context *context, int64_t space, const dx_touch_row *rows, size_t count) {
    builder out = {.context = context};
    run_list *runs = count == 0 ? NULL : take_list(context);
    if (runs == NULL) {
        return count == 0 ? DX_OK : DX_E_NO_MEMORY;
    }
    int error = make_run(context, space, 0, STAGE_IN_FORCE, &out.run);
    for (size_t i = 0; i < count && error == DX_OK; i++) {
        error = add_touch(&out, &rows[i]);
    }
    error = error == DX_OK ? end_pack(&out) : error;
    if (error == DX_OK) {
        error = merge_runs(context, space, runs, 2 * count > MERGED_LEAST ? 2 * count : MERGED_LEAST);
    }
    give_list(context, runs);
    return error;
}

/* --- Walking ----------------------------------------------------------------------------------- */

/* A walk over some touches of every run. */
typedef struct walk {
    dx_context *context;
    dx_touch_row low, high;
    bool up, cut_short;
    size_t most, told; /* of this run */
    int64_t counter, complete;
    dx_on_touch *on_touch;
    void *ctx;
} walk;

/* *ends: nothing behind it concerns the walk. */
static int tell(walk *self, const dx_touch_row *touch, bool *ends) {
    int low = dx_touch_row_compare(touch, &self->low), high = dx_touch_row_compare(touch, &self->high);
    *ends = self->up ? high > 0 : low < 0;
    if (low < 0 || high > 0) {
        return DX_OK;
    }
    if (self->told >= self->most && touch->counter != self->counter) {
        bool sooner =
            !self->cut_short || (self->up ? self->counter < self->complete : self->counter > self->complete);
        self->complete = sooner ? self->counter : self->complete;
        self->cut_short = *ends = true;
        return DX_OK;
    }
    self->told++;
    self->counter = touch->counter;
    return self->on_touch(self->ctx, touch);
}

static int walk_run(walk *self, int64_t id, pack *room) {
    const dx_touch_row *from = self->up ? &self->low : &self->high;
    bool found, ends = false;
    int error = read_pack(self->context, id, PACK_AT, from, room, &found);
    if (error == DX_OK && !found && self->up) {
        error = read_pack(self->context, id, PACK_BEHIND, from, room, &found);
    }
    self->told = 0;
    while (error == DX_OK && found && !ends) {
        for (size_t i = 0; i < room->count && error == DX_OK && !ends; i++) {
            error = tell(self, &room->rows[self->up ? i : room->count - 1 - i], &ends);
        }
        if (error == DX_OK && !ends) {
            dx_touch_row edge = room->rows[0];
            error = read_pack(self->context, id, self->up ? PACK_BEHIND : PACK_BEFORE, &edge, room, &found);
        }
    }
    return error;
}

static int walk_all(walk *self, int64_t space) {
    run_list *runs = take_list(self->context);
    pack *room = dx_alloc_take(self->context->alloc, sizeof *room);
    int error = runs == NULL || room == NULL ? DX_E_NO_MEMORY : list_runs(self->context, space, runs);
    for (size_t i = 0; error == DX_OK && i < runs->count; i++) {
        if (runs->items[i].stage == STAGE_IN_FORCE) {
            error = walk_run(self, runs->items[i].id, room);
        }
    }
    give_list(self->context, runs);
    dx_alloc_free(self->context->alloc, room, sizeof *room);
    return error;
}

int dx_touch_runs_some(dx_context *context, int64_t space, int64_t entity, int64_t low, int64_t high, bool up,
                       size_t most, int64_t *complete, dx_on_touch *on_touch, void *ctx) {
    walk self = {.context = context,
                 .low = {entity, low, INT64_MIN, INT64_MIN},
                 .high = {entity, high, INT64_MAX, INT64_MAX},
                 .up = up,
                 .most = most,
                 .complete = up ? high : low,
                 .on_touch = on_touch,
                 .ctx = ctx};
    int error = walk_all(&self, space);
    *complete = self.complete;
    return error;
}

int dx_touch_runs_each(dx_context *context, int64_t space, int64_t entity, int64_t counter,
                       dx_on_touch *on_touch, void *ctx) {
    int64_t complete;
    return dx_touch_runs_some(context, space, entity, counter, INT64_MAX, true, SIZE_MAX, &complete, on_touch,
                              ctx);
}

int dx_touch_runs_range(dx_context *context, int64_t space, int64_t first, int64_t last,
                        dx_on_touch *on_touch, void *ctx) {
    walk self = {.context = context,
                 .low = {first, INT64_MIN, INT64_MIN, INT64_MIN},
                 .high = {last, INT64_MAX, INT64_MAX, INT64_MAX},
                 .up = true,
                 .most = SIZE_MAX,
                 .on_touch = on_touch,
                 .ctx = ctx};
    return walk_all(&self, space);
}

/* --- Removing ---------------------------------------------------------------------------------- */

static int remove_pack(dx_context *context, int64_t id, const dx_touch_row *first) {
    sqlite3_stmt *remove =
        dx_store_query(context->store, "DELETE FROM touch WHERE run = ?1 AND entity = ?2 AND counter = ?3"
                                       " AND block = ?4 AND section = ?5");
    dx_bind_int(remove, 1, id);
    dx_bind_int(remove, 2, first->entity);
    dx_bind_int(remove, 3, first->counter);
    dx_bind_int(remove, 4, first->block);
    dx_bind_int(remove, 5, first->section);
    return dx_step_done(context->store, remove);
}

/* Writes the pack again without those that go, of one entity or (0) of all. */
static int thin_pack(dx_context *context, int64_t id, const pack *whole, int64_t entity,
                     bool (*goes)(void *ctx, const dx_touch_row *touch), void *ctx) {
    builder out = {.context = context, .run = id};
    bool some = false;
    for (size_t i = 0; i < whole->count && !some; i++) {
        some = (entity == 0 || whole->rows[i].entity == entity) && goes(ctx, &whole->rows[i]);
    }
    int error = some ? remove_pack(context, id, &whole->rows[0]) : DX_OK;
    for (size_t i = 0; i < whole->count && some && error == DX_OK; i++) {
        bool leaves = (entity == 0 || whole->rows[i].entity == entity) && goes(ctx, &whole->rows[i]);
        error = leaves ? DX_OK : add_touch(&out, &whole->rows[i]);
    }
    return error == DX_OK ? end_pack(&out) : error;
}

int dx_touch_runs_remove(dx_context *context, int64_t space, int64_t entity,
                         bool (*goes)(void *ctx, const dx_touch_row *touch), void *ctx) {
    const dx_touch_row least = {entity, INT64_MIN, INT64_MIN, INT64_MIN};
    run_list *runs = take_list(context);
    pack *room = dx_alloc_take(context->alloc, sizeof *room);
    int error = runs == NULL || room == NULL ? DX_E_NO_MEMORY : list_runs(context, space, runs);
    for (size_t i = 0; error == DX_OK && i < runs->count; i++) {
        int64_t id = runs->items[i].id;
        bool found;
        error = read_pack(context, id, PACK_AT, &least, room, &found);
        if (error == DX_OK && !found) {
            error = read_pack(context, id, PACK_BEHIND, &least, room, &found);
        }
        while (error == DX_OK && found && room->rows[0].entity <= entity) {
            dx_touch_row last = room->rows[room->count - 1];
            error = thin_pack(context, id, room, entity, goes, ctx);
            error = error == DX_OK ? read_pack(context, id, PACK_BEHIND, &last, room, &found) : error;
        }
    }
    give_list(context, runs);
    dx_alloc_free(context->alloc, room, sizeof *room);
    return error;
}

/* Packs of one run behind the thinning's place, as many as the budget has. */
static int thin_run(dx_context *context, pack *room, dx_touch_thinning *thinning,
                    bool (*goes)(void *ctx, const dx_touch_row *touch), void *ctx, size_t *budget) {
    bool found = true;
    int error = DX_OK;
    while (error == DX_OK && found && *budget != 0) {
        error = read_pack(context, thinning->run, PACK_BEHIND, &thinning->last, room, &found);
        if (error == DX_OK && found) {
            thinning->last = room->rows[room->count - 1];
            error = thin_pack(context, thinning->run, room, 0, goes, ctx);
            --*budget;
        }
    }
    return error;
}

int dx_touch_runs_thin(dx_context *context, int64_t space, dx_touch_thinning *thinning,
                       bool (*goes)(void *ctx, const dx_touch_row *touch), void *ctx, size_t *budget,
                       bool *done) {
    run_list *runs = take_list(context);
    pack *room = dx_alloc_take(context->alloc, sizeof *room);
    int error = runs == NULL || room == NULL ? DX_E_NO_MEMORY : list_runs(context, space, runs);
    for (size_t i = 0; error == DX_OK && i < runs->count && *budget != 0; i++) {
        if (runs->items[i].id < thinning->run) {
            continue;
        }
        if (runs->items[i].id > thinning->run) {
            thinning->run = runs->items[i].id;
            thinning->last = (dx_touch_row){INT64_MIN, INT64_MIN, INT64_MIN, INT64_MIN};
        }
        error = thin_run(context, room, thinning, goes, ctx, budget);
    }
    *done = error == DX_OK && *budget != 0;
    give_list(context, runs);
    dx_alloc_free(context->alloc, room, sizeof *room);
    return error;
}

int dx_touch_runs_drop(dx_context *context, int64_t space, size_t *budget) {
    run_list *runs = take_list(context);
    int error = runs == NULL ? DX_E_NO_MEMORY : list_runs(context, space, runs);
    for (size_t i = 0; error == DX_OK && i<runs->count && * budget> 0; i++) {
        error = remove_packs(context, runs->items[i].id, budget);
    }
    give_list(context, runs);
    return error;
}
