/* echo/adjacency_write.c: changes of links and heads, gathered and merged into packs. See adjacency.h.
 *
 * Layer: floor 1, echo. The changes of a side are sorted and go through its packs once: each pack that any of them
 * concerns is read, merged with them and written. What does not fit one pack becomes several of one size; where everything new
 * stands behind what was there, packs are filled to the brim. A pack that is left small takes the one behind it in. */
#include "echo/adjacency.h"

#include <string.h>

#include "echo/section.h"

enum {
    CHANGES_MAX = 16384, /* of one side, before they are written: 800 kB */
};

typedef struct change {
    dx_adjacent entry;
    bool goes;
} change;

enum { CHANGES_SIZE_MAX = (CHANGES_MAX + 1) * sizeof(change) };

struct dx_adjacency {
    const dx_alloc *alloc;
    dx_buf changes[DX_ADJACENCY_SIDES];
};

/* --- Gathering ----------------------------------------------------------------------------------- */

dx_adjacency *dx_adjacency_create(const dx_alloc *alloc) {
    dx_adjacency *self = dx_alloc_take_zeroed(alloc, sizeof *self);
    if (self == NULL) {
        return NULL;
    }
    self->alloc = alloc;
    for (size_t i = 0; i < DX_ADJACENCY_SIDES; i++) {
        dx_buf_init(&self->changes[i], alloc, CHANGES_SIZE_MAX);
    }
    return self;
}

void dx_adjacency_destroy(dx_adjacency *self) {
    if (self == NULL) {
        return;
    }
    for (size_t i = 0; i < DX_ADJACENCY_SIDES; i++) {
        dx_buf_deinit(&self->changes[i]);
    }
    dx_alloc_free(self->alloc, self, sizeof *self);
}

static void add(dx_adjacency *self, dx_adjacency_side side, const dx_adjacent *entry, bool goes) {
    change it;
    memset(&it, 0, sizeof it);
    it.entry = *entry;
    it.goes = goes;
    dx_buf_append(&self->changes[side], &it, sizeof it);
}

int dx_adjacency_take(dx_context *context, dx_space *space, const dx_entity_row *before,
                      const dx_entity_row *after) {
    dx_adjacency *self = space->adjacency;
    const dx_entity_row *row = after != NULL ? after : before;
    bool goes = after == NULL;
    int error = DX_OK;
    DX_ASSERT(row != NULL);
    if (before != NULL && after != NULL && before->deleted == after->deleted) {
        return DX_OK;
    }
    if (row->kind != DX_ENTITY_LINK) {
        dx_adjacent head = {.object = row->key, .value = dx_adjacent_head(row->type, row->deleted)};
        add(self, DX_ADJACENCY_HEADS, &head, goes);
    }
    if (row->source != 0) {
        dx_adjacent out = {row->source, row->type, row->target, row->key, row->deleted};
        add(self, DX_ADJACENCY_OUT, &out, goes);
    }
    if (row->target != 0) {
        dx_adjacent in = {row->target, row->type, row->source, row->key, row->deleted};
        add(self, DX_ADJACENCY_IN, &in, goes);
    }
    bool full = false;
    for (size_t i = 0; i < DX_ADJACENCY_SIDES && error == DX_OK; i++) {
        error = dx_buf_error(&self->changes[i]);
        full = full || self->changes[i].size >= CHANGES_MAX * sizeof(change);
    }
    return error == DX_OK && full ? dx_adjacency_write(context, space) : error;
}

/* --- Sorting ------------------------------------------------------------------------------------- */

static bool is_sorted(const change *changes, size_t count) {
    for (size_t i = 1; i < count; i++) {
        if (dx_adjacent_compare(&changes[i - 1].entry, &changes[i].entry) > 0) {
            return false;
        }
    }
    return true;
}

/* Two runs side by side into one; of equal ones those of the first come first. */
static void merge_runs(const change *from, size_t middle, size_t count, change *to) {
    size_t i = 0, j = middle;
    for (size_t at = 0; at < count; at++) {
        bool first = j == count || (i < middle && dx_adjacent_compare(&from[i].entry, &from[j].entry) <= 0);
        to[at] = from[first ? i++ : j++];
    }
}

/* Changes of one entry stay in the order they came in: the last one holds. */
static int sort_changes(const dx_alloc *alloc, change *changes, size_t count) {
    if (is_sorted(changes, count)) {
        return DX_OK;
    }
    change *spare = dx_alloc_take(alloc, count * sizeof *spare), *from = changes, *to = spare;
    if (spare == NULL) {
        return DX_E_NO_MEMORY;
    }
    for (size_t width = 1; width < count; width *= 2) {
        for (size_t at = 0; at < count; at += 2 * width) {
            size_t left = count - at, both = left < 2 * width ? left : 2 * width;
            merge_runs(from + at, left < width ? left : width, both, to + at);
        }
        change *held = from;
        from = to;
        to = held;
    }
    if (from == spare) {
        memcpy(changes, spare, count * sizeof *changes);
    }
    dx_alloc_free(alloc, spare, count * sizeof *spare);
    return DX_OK;
}

/* --- Packs --------------------------------------------------------------------------------------- */

/* Packs that stand side by side, on the way from what they hold to what they shall. */
typedef struct merging {
    dx_context *context;
    dx_adjacency_side side;
    int64_t feed;       /* of all objects in them */
    dx_buf firsts;      /* of dx_adjacent: how each pack begins */
    dx_buf was, shall;  /* likewise: what they hold, and what they shall */
    bool bounded;       /* there is a pack of the feed behind them, which begins */
    dx_adjacent behind; /* so */
} merging;

static dx_adjacent *entries_of(const dx_buf *entries, size_t *count) {
    *count = entries->size / sizeof(dx_adjacent);
    return (dx_adjacent *)(void *)entries->data;
}

static int add_entry(dx_buf *to, const dx_adjacent *entry) {
    dx_buf_append(to, entry, sizeof *entry);
    return dx_buf_error(to);
}

static void bind_place(sqlite3_stmt *statement, dx_adjacency_side side, const dx_adjacent *place) {
    dx_bind_int(statement, 1, side);
    dx_bind_int(statement, 2, place->object);
    dx_bind_int(statement, 3, place->type);
    dx_bind_int(statement, 4, place->other);
    dx_bind_int(statement, 5, place->link);
}

/* Of the row that the statement stands on: its first entry, and, taken in, all of them. */
static int read_pack(merging *into, sqlite3_stmt *row, bool takes, dx_adjacent *first) {
    dx_adjacency_pack pack;
    int error = dx_adjacency_pack_of_row(row, first, &pack);
    if (error != DX_OK || !takes) {
        return error;
    }
    error = dx_adjacency_pack_check(&pack);
    error = error == DX_OK ? add_entry(&into->firsts, first) : error;
    for (size_t i = 0; i < pack.count && error == DX_OK; i++) {
        dx_adjacent entry = dx_adjacency_pack_entry(&pack, i);
        error = add_entry(&into->was, &entry);
    }
    return error;
}

#define COLUMNS "SELECT object, type, other, link, value, pack FROM adjacency WHERE side = ?1"

/* The pack where an entry would stand, if the feed has any that begins before it. */
static int read_around(merging *self, const dx_adjacent *entry) {
    dx_store *store = self->context->store;
    dx_adjacent first;
    sqlite3_stmt *row =
        dx_store_query(store, COLUMNS " AND (object, type, other, link) <= (?2, ?3, ?4, ?5) AND object >= ?6"
                                      " ORDER BY object DESC, type DESC, other DESC, link DESC LIMIT 1");
    bind_place(row, self->side, entry);
    dx_bind_int(row, 6, dx_entity_key(self->feed, 0, 0));
    int error = dx_step(store, row) ? read_pack(self, row, true, &first) : DX_OK;
    dx_step_reset(row);
    return error == DX_OK ? dx_store_error(store) : error;
}

/* The feed's pack behind those there are. */
static int look_behind(merging *self, bool takes) {
    dx_store *store = self->context->store;
    size_t count;
    const dx_adjacent *firsts = entries_of(&self->firsts, &count);
    dx_adjacent before = {.object = dx_entity_key(self->feed, 0, 0), .type = -1};
    sqlite3_stmt *row =
        dx_store_query(store, COLUMNS " AND (object, type, other, link) > (?2, ?3, ?4, ?5) AND object <= ?6"
                                      " ORDER BY object, type, other, link LIMIT 1");
    bind_place(row, self->side, count > 0 ? &firsts[count - 1] : &before);
    dx_bind_int(row, 6, dx_entity_key(self->feed, DX_PLACE_SEQ_MAX, DX_BLOCK_SECTIONS_MAX - 1));
    self->bounded = dx_step(store, row);
    int error = self->bounded ? read_pack(self, row, takes, &self->behind) : DX_OK;
    dx_step_reset(row);
    return error == DX_OK ? dx_store_error(store) : error;
}

/* --- Merging ------------------------------------------------------------------------------------- */

static int merge(merging *self, const change *changes, size_t count) {
    size_t was_count, i = 0, j = 0;
    const dx_adjacent *was = entries_of(&self->was, &was_count);
    int error = DX_OK;
    dx_buf_clear(&self->shall);
    while (error == DX_OK && (i < was_count || j < count)) {
        int order = i == was_count ? 1 : j == count ? -1 : dx_adjacent_compare(&was[i], &changes[j].entry);
        if (order < 0) {
            error = add_entry(&self->shall, &was[i++]);
            continue;
        }
        while (j + 1 < count && dx_adjacent_compare(&changes[j].entry, &changes[j + 1].entry) == 0) {
            j++;
        }
        i += order == 0;
#if defined(DX_PLANT) && DX_PLANT == 80
        if (was_count > 2 && order > 0 && j + 1 == count) {
            break;
        }
#endif
        error = changes[j].goes ? DX_OK : add_entry(&self->shall, &changes[j].entry);
        j++;
    }
    return error;
}

/* What they shall hold is not half a pack. */
static bool is_small(const merging *self) {
    size_t count;
    const dx_adjacent *entries = entries_of(&self->shall, &count);
    return dx_adjacency_pack_fit(entries, count, true) == count;
}

static int delete_pack(const merging *self, const dx_adjacent *first) {
    dx_store *store = self->context->store;
    sqlite3_stmt *remove = dx_store_query(store, "DELETE FROM adjacency WHERE side = ?1 AND object = ?2 AND "
                                                 "type = ?3 AND other = ?4 AND link = ?5");
    bind_place(remove, self->side, first);
    return dx_step_done(store, remove);
}

static int write_pack(const merging *self, const dx_adjacent *first, dx_bytes pack) {
    dx_store *store = self->context->store;
    sqlite3_stmt *write = dx_store_query(store, "REPLACE INTO adjacency(side, object, type, other, link, "
                                                "value, pack) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)");
    bind_place(write, self->side, first);
    dx_bind_int(write, 6, first->value);
    dx_bind_bytes(write, 7, pack);
    return dx_step_done(store, write);
}

/* How many packs some entries fill, one after another. */
static size_t count_packs(const dx_adjacent *entries, size_t count) {
    size_t packs = 0;
    for (size_t at = 0; at < count; packs++) {
        at += dx_adjacency_pack_fit(entries + at, count - at, false);
    }
    return packs;
}

/* One pack after another, each of at most `most` entries. */
static int write_packs(const merging *self, size_t most) {
    uint8_t bytes[DX_ADJACENCY_PACK_MAX + DX_ADJACENCY_SLACK];
    size_t count;
    const dx_adjacent *entries = entries_of(&self->shall, &count);
    int error = DX_OK;
    for (size_t at = 0; at < count && error == DX_OK;) {
        size_t fit = dx_adjacency_pack_fit(entries + at, count - at < most ? count - at : most, false);
        size_t size = dx_adjacency_pack_write(entries + at, fit, bytes);
        error = write_pack(self, &entries[at], dx_bytes_of(bytes, size));
        at += fit;
    }
    return error;
}

/* All rows from how they are to how they shall be. */
static int replace_packs(const merging *self, const change *changes) {
    size_t was_count, shall_count, first_count;
    const dx_adjacent *was = entries_of(&self->was, &was_count);
    const dx_adjacent *shall = entries_of(&self->shall, &shall_count);
    const dx_adjacent *firsts = entries_of(&self->firsts, &first_count);
    int error = DX_OK;
    if (first_count == 1 && dx_bytes_equal(dx_buf_view(&self->was), dx_buf_view(&self->shall))) {
        return DX_OK;
    }
    for (size_t i = 0; i < first_count && error == DX_OK; i++) {
        bool stays = i == 0 && shall_count > 0 && dx_adjacent_compare(&firsts[0], &shall[0]) == 0;
        error = stays ? DX_OK : delete_pack(self, &firsts[i]);
    }
    bool appends = was_count == 0 || dx_adjacent_compare(&was[was_count - 1], &changes[0].entry) < 0;
    size_t packs = appends ? 1 : count_packs(shall, shall_count);
    size_t most = packs <= 1 ? shall_count : (shall_count + packs - 1) / packs;
    return error == DX_OK ? write_packs(self, most) : error;
}

static bool is_of_feed(const merging *self, const change *it) {
    return dx_entity_key_feed(it->entry.object) == self->feed;
}

/* The packs that the next changes concern, and how many these are. */
static int change_packs(merging *self, const change *changes, size_t count, size_t *done) {
    size_t end = 0;
    self->feed = dx_entity_key_feed(changes[0].entry.object);
    self->bounded = false;
    dx_buf_clear(&self->firsts);
    dx_buf_clear(&self->was);
    int error = read_around(self, &changes[0].entry);
    for (bool settled = false; error == DX_OK && !settled;) {
        size_t next = end == 0 ? 1 : end;
        bool more = next < count && is_of_feed(self, &changes[next]);
        error = more || self->firsts.size == 0 ? look_behind(self, false) : DX_OK;
        while (end < count && is_of_feed(self, &changes[end]) &&
               (end == 0 || !self->bounded || dx_adjacent_compare(&changes[end].entry, &self->behind) < 0)) {
            end++;
        }
        error = error == DX_OK ? merge(self, changes, end) : error;
        settled = error != DX_OK || !is_small(self);
        if (!settled) {
            error = look_behind(self, true);
            settled = !self->bounded;
        }
    }
    *done = end;
    return error == DX_OK ? replace_packs(self, changes) : error;
}

static int write_side(dx_context *context, dx_adjacency_side side, change *changes, size_t count) {
    enum { ENTRIES_MAX = 2 * CHANGES_MAX }; /* of one merge: all changes, and a few packs */
    merging self = {.context = context, .side = side};
    dx_buf *buffers[] = {&self.firsts, &self.was, &self.shall};
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        dx_buf_init(buffers[i], context->alloc, ENTRIES_MAX * sizeof(dx_adjacent));
    }
    int error = sort_changes(context->alloc, changes, count);
    for (size_t at = 0, done = 0; at < count && error == DX_OK; at += done) {
        error = change_packs(&self, changes + at, count - at, &done);
    }
    for (size_t i = 0; i < sizeof buffers / sizeof buffers[0]; i++) {
        dx_buf_deinit(buffers[i]);
    }
    return error;
}

int dx_adjacency_write(dx_context *context, dx_space *space) {
    dx_adjacency *self = space->adjacency;
    int error = DX_OK;
    for (size_t i = 0; i < DX_ADJACENCY_SIDES; i++) {
        dx_buf *changes = &self->changes[i];
        if (error == DX_OK && changes->size > 0) {
            error = write_side(context, (dx_adjacency_side)i, (change *)(void *)changes->data,
                               changes->size / sizeof(change));
        }
        dx_buf_deinit(changes);
        dx_buf_init(changes, self->alloc, CHANGES_SIZE_MAX);
    }
    return error;
}

int dx_adjacency_drop(dx_context *context, int64_t feed, size_t *budget) {
    dx_store *store = context->store;
    int error = DX_OK;
    for (int side = 0; side < DX_ADJACENCY_SIDES && error == DX_OK && *budget > 0; side++) {
        sqlite3_stmt *remove = dx_store_query(
            store, "DELETE FROM adjacency WHERE (side, object, type, other, link) IN (SELECT side, object, "
                   "type, other, link FROM adjacency WHERE side = ?1 AND object BETWEEN ?2 AND ?3 LIMIT ?4)");
        dx_bind_int(remove, 1, side);
        dx_bind_int(remove, 2, dx_entity_key(feed, 0, 0));
        dx_bind_int(remove, 3, dx_entity_key(feed, DX_PLACE_SEQ_MAX, DX_BLOCK_SECTIONS_MAX - 1));
        dx_bind_int(remove, 4, (int64_t)*budget);
        error = dx_step_done(store, remove);
        *budget -= error == DX_OK ? (size_t)dx_store_changes(store) : 0;
    }
    return error;
}
