/* echo/hierarchy.c: which object stands under which. Contract and the reason why so few are looked at in
 * hierarchy.h.
 *
 * Layer: floor 1, echo. What is being worked out stands in memory until all of it is; while it is, the objects
 * concerned that have not got their place yet hang nowhere, so that there never is a circle but the one that the
 * object placed last has closed. */
#include "echo/hierarchy.h"

#include <string.h>

#include "echo/entity_row.h"
#include "echo/key_set.h"
#include "echo/parents.h"
#include "echo/pipeline.h"

enum {
    PLACES_FIRST = 8,
    YIELDED_LISTED_MAX = 1024, /* what is read at once, some 0.2 ms, before a way up is gone */
    PLACES_MAX = 1 << 24,      /* one knot: as many moves that yielded take 1.4 GB of blocks */
    NOBODY = -1
};

/* An object whose place is being worked out. */
typedef struct place_of {
    int64_t key;
    int64_t shown;  /* parent in its row */
    int64_t parent; /* by the move it stands by now, 0: top */
    dx_stamp stamp; /* of that move; none: has none left */
    int64_t knot;   /* 0: it stands by its latest move */
    bool none, hangs, yielded_before, gone;
    int next; /* of those that have no place yet, NOBODY: the last */
} place_of;

typedef struct settling {
    dx_context *context;
    dx_space *space;
    place_of *places;
    size_t count, capacity;
    dx_key_table numbers; /* key → position in places */
    int waiting;          /* the first one without a place */
} settling;

/* Who goes up far remembers the way; without memory for it the rows are read. */
static void go_up(dx_context *context, dx_space *space, size_t *levels) {
    if (++*levels == DX_PARENTS_FAR && space->parents == NULL) {
        space->parents = dx_parents_create(context->alloc, context->random);
    }
}

/* --- Rows ---------------------------------------------------------------------------------------- */

static int read_stamp(sqlite3_stmt *row, int column, dx_stamp *out) {
    dx_bytes feed = dx_column_bytes(row, column + 1);
    out->counter = (uint64_t)dx_column_int(row, column);
    if (feed.size != sizeof out->feed) {
        return DX_E_CORRUPT;
    }
    memcpy(out->feed, feed.data, sizeof out->feed);
    return DX_OK;
}

static void bind_stamp(sqlite3_stmt *statement, int index, const dx_stamp *stamp) {
    dx_bind_int(statement, index, (int64_t)stamp->counter);
    dx_bind_bytes(statement, index + 1, dx_bytes_of(stamp->feed, sizeof stamp->feed));
}

/* The move that an object was made with. It gets a row of its own with the first other one. */
static int read_creation(dx_context *context, dx_space *space, int64_t key, dx_stamp *stamp,
                         int64_t *parent) {
    const dx_feed *maker = dx_space_feed(space, dx_entity_key_feed(key));
    if (maker == NULL) {
        return DX_E_CORRUPT;
    }
    memcpy(stamp->feed, maker->id, sizeof stamp->feed);
    dx_entity_row row;
    int error = dx_entity_row_read(context, space, key, &row);
    if (error == DX_OK) {
        stamp->counter = (uint64_t)row.created;
        *parent = row.parent;
    }
    return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
}

/* The latest move of an object, or the latest before a stamp. DX_E_NOT_FOUND: there is none in the table. */
static int read_move(dx_context *context, int64_t key, const dx_stamp *before, dx_stamp *stamp,
                     int64_t *parent) {
    sqlite3_stmt *select = dx_store_query(
        context->store,
        "SELECT counter, feed, parent FROM move WHERE child = ?1 AND (counter, feed) < (?2, ?3)"
        " ORDER BY counter DESC, feed DESC LIMIT 1");
    dx_bind_int(select, 1, key);
    if (before != NULL) {
        bind_stamp(select, 2, before);
    } else {
        dx_bind_int(select, 2, INT64_MAX);
        dx_bind_bytes(select, 3, dx_bytes_of(NULL, 0));
    }
    if (!dx_step(context->store, select)) {
        int error = dx_store_error(context->store);
        return error != DX_OK ? error : DX_E_NOT_FOUND;
    }
    int error = read_stamp(select, 0, stamp);
    *parent = dx_column_int(select, 2);
    dx_step_reset(select);
    return error;
}

static int read_latest(dx_context *context, dx_space *space, int64_t key, dx_stamp *stamp, int64_t *parent) {
    int error = read_move(context, key, NULL, stamp, parent);
    return error == DX_E_NOT_FOUND ? read_creation(context, space, key, stamp, parent) : error;
}

int dx_hierarchy_keep(dx_context *context, int64_t key, const dx_stamp *stamp, uint64_t seq, int64_t parent) {
    sqlite3_stmt *insert = dx_store_query(
        context->store,
        "INSERT OR IGNORE INTO move(child, counter, feed, parent, seq) VALUES(?1, ?2, ?3, ?4, ?5)");
    dx_bind_int(insert, 1, key);
    bind_stamp(insert, 2, stamp);
    dx_bind_int(insert, 4, parent);
    dx_bind_int(insert, 5, (int64_t)seq);
    return dx_step_done(context->store, insert);
}

/* Gives the creation its row among the moves, unless it has it. */
static int keep_creation(dx_context *context, dx_space *space, int64_t key) {
    dx_stamp stamp;
    int64_t parent;
    int error = read_move(context, key, NULL, &stamp, &parent);
    if (error == DX_E_NOT_FOUND) {
        error = read_creation(context, space, key, &stamp, &parent);
        error =
            error == DX_OK ? dx_hierarchy_keep(context, key, &stamp, dx_entity_key_seq(key), parent) : error;
    }
    return error;
}

/* What yielded of an object: the move it stands by instead, and its knot. DX_E_NOT_FOUND: nothing did. */
static int read_yielded(dx_context *context, int64_t key, dx_stamp *stamp, bool *none, int64_t *knot) {
    sqlite3_stmt *select =
        dx_store_query(context->store, "SELECT counter, feed, knot FROM yielded WHERE child = ?1");
    dx_bind_int(select, 1, key);
    if (!dx_step(context->store, select)) {
        int error = dx_store_error(context->store);
        return error != DX_OK ? error : DX_E_NOT_FOUND;
    }
    *knot = dx_column_int(select, 2);
    *none = dx_column_is_null(select, 0);
    int error = *none ? DX_OK : read_stamp(select, 0, stamp);
    dx_step_reset(select);
    return error;
}

int dx_hierarchy_has_yielded(dx_context *context, int64_t key, bool *yielded) {
    dx_stamp stamp;
    bool none;
    int64_t knot;
    int error = read_yielded(context, key, &stamp, &none, &knot);
    *yielded = error == DX_OK;
    return error == DX_E_NOT_FOUND ? DX_OK : error;
}

static int forget_yielded(dx_context *context, int64_t key) {
    sqlite3_stmt *remove = dx_store_query(context->store, "DELETE FROM yielded WHERE child = ?1");
    dx_bind_int(remove, 1, key);
    return dx_step_done(context->store, remove);
}

static int keep_yielded(dx_context *context, const place_of *place) {
    sqlite3_stmt *insert = dx_store_query(
        context->store, "INSERT OR REPLACE INTO yielded(child, counter, feed, knot) VALUES(?1, ?2, ?3, ?4)");
    dx_bind_int(insert, 1, place->key);
    if (!place->none) {
        bind_stamp(insert, 2, &place->stamp);
    }
    dx_bind_int(insert, 4, place->knot);
    return dx_step_done(context->store, insert);
}

/* --- What is being worked out -------------------------------------------------------------------- */

static void settling_init(settling *self, dx_context *context, dx_space *space) {
    *self = (settling){.context = context, .space = space, .waiting = NOBODY};
    dx_key_table_init(&self->numbers, context->alloc, context->random, PLACES_MAX);
}

static void settling_deinit(settling *self) {
    dx_key_table_deinit(&self->numbers);
    dx_alloc_free(self->context->alloc, self->places, self->capacity * sizeof *self->places);
}

static place_of *find_place(const settling *self, int64_t key) {
    const dx_key_slot *slot = dx_key_table_find(&self->numbers, key);
    return slot == NULL ? NULL : &self->places[slot->value];
}

static int reserve_place(settling *self) {
    if (self->count < self->capacity) {
        return DX_OK;
    }
    size_t capacity = self->capacity == 0 ? PLACES_FIRST : 2 * self->capacity;
    place_of *places = dx_alloc_grow(self->context->alloc, self->places, self->capacity * sizeof *places,
                                     capacity * sizeof *places);
    if (places == NULL) {
        return DX_E_NO_MEMORY;
    }
    self->places = places;
    self->capacity = capacity;
    return DX_OK;
}

/* The object as its row has it; *number: its position. */
static int take_in(settling *self, int64_t key, size_t *number) {
    const dx_key_slot *slot = dx_key_table_find(&self->numbers, key);
    if (slot != NULL) {
        *number = slot->value;
        return DX_OK;
    }
    place_of place = {.key = key, .hangs = true, .next = NOBODY};
    int error = reserve_place(self);
    if (error == DX_OK) {
        error = dx_entity_row_parent(self->context, self->space, key, &place.shown);
    }
    if (error == DX_OK) {
        place.parent = place.shown;
        error = read_yielded(self->context, key, &place.stamp, &place.none, &place.knot);
        place.yielded_before = error == DX_OK;
        if (error == DX_E_NOT_FOUND) {
            int64_t parent;
            error = read_latest(self->context, self->space, key, &place.stamp, &parent);
        }
    }
    if (error == DX_OK) {
        error = dx_key_table_add(&self->numbers, key, (uint32_t)self->count);
    }
    if (error == DX_OK) {
        *number = self->count;
        self->places[self->count++] = place;
    }
    return error;
}

/* It is to be placed anew, by the move it has now. */
static void wait_for_place(settling *self, size_t number) {
    place_of *place = &self->places[number];
    place->hangs = false;
    place->next = self->waiting;
    self->waiting = (int)number;
}

/* It begins again by its latest move. */
static int begin_again(settling *self, int64_t key) {
    size_t number;
    int error = take_in(self, key, &number);
    if (error == DX_OK) {
        place_of *place = &self->places[number];
        place->none = false;
        place->knot = 0;
        error = read_latest(self->context, self->space, key, &place->stamp, &place->parent);
    }
    if (error == DX_OK && self->places[number].hangs) {
        wait_for_place(self, number);
    }
    return error;
}

/* All of a knot but the one that goes. */
static int begin_knot_again(settling *self, int64_t knot, int64_t but) {
    dx_context *context = self->context;
    dx_buf keys;
    dx_buf_init(&keys, context->alloc, PLACES_MAX * sizeof(int64_t));
    sqlite3_stmt *select = dx_store_query(context->store, "SELECT child FROM yielded WHERE knot = ?1");
    dx_bind_int(select, 1, knot);
    while (dx_step(context->store, select)) {
        dx_key_list_add(&keys, dx_column_int(select, 0));
    }
    dx_step_reset(select);
    int error = dx_store_error(context->store);
    error = error == DX_OK ? dx_buf_error(&keys) : error;
    for (size_t i = 0; i < dx_key_list_count(&keys) && error == DX_OK; i++) {
        int64_t key = dx_key_list_at(&keys, i);
        error = key == but ? DX_OK : begin_again(self, key);
    }
    dx_buf_deinit(&keys);
    return error;
}

/* --- Circles -------------------------------------------------------------------------------------- */

static int parent_now(const settling *self, int64_t key, int64_t *parent) {
    const place_of *place = find_place(self, key);
    if (place == NULL) {
        return dx_entity_row_parent(self->context, self->space, key, parent);
    }
    *parent = place->hangs && !place->gone ? place->parent : 0;
    return DX_OK;
}

/* By which move an object on a circle stands, and the knot it is in, 0: none. */
static int read_standing(const settling *self, int64_t key, dx_stamp *stamp, int64_t *knot) {
    const place_of *place = find_place(self, key);
    bool none;
    if (place != NULL) {
        *stamp = place->stamp;
        *knot = place->knot;
        return DX_OK;
    }
    int error = read_yielded(self->context, key, stamp, &none, knot);
    if (error == DX_E_NOT_FOUND) {
        int64_t parent;
        *knot = 0;
        error = read_latest(self->context, self->space, key, stamp, &parent);
    }
    return error;
}

static int unite(settling *self, int64_t knot, int64_t with) {
    for (size_t i = 0; i < self->count; i++) {
        if (self->places[i].knot == with) {
            self->places[i].knot = knot;
        }
    }
    sqlite3_stmt *update =
        dx_store_query(self->context->store, "UPDATE yielded SET knot = ?1 WHERE knot = ?2");
    dx_bind_int(update, 1, knot);
    dx_bind_int(update, 2, with);
    return dx_step_done(self->context->store, update);
}

/* The object stands by its next older move. */
static int yield_move(settling *self, int64_t key, int64_t knot) {
    size_t number;
    dx_stamp older;
    int64_t parent = 0;
    int error = take_in(self, key, &number);
    if (error == DX_OK) {
        error = keep_creation(self->context, self->space, key);
    }
    if (error == DX_OK) {
        error = read_move(self->context, key, &self->places[number].stamp, &older, &parent);
    }
    if (error != DX_OK && error != DX_E_NOT_FOUND) {
        return error;
    }
    place_of *place = &self->places[number];
    place->knot = knot;
    place->none = error == DX_E_NOT_FOUND;
    place->parent = place->none ? 0 : parent;
    if (!place->none) {
        place->stamp = older;
        wait_for_place(self, number);
    }
    return DX_OK;
}

/* Whether one move came later than the other: by stamp; two of one block, by the object's id. */
static bool is_later(const settling *self, int64_t key, const dx_stamp *stamp, int64_t other,
                     const dx_stamp *other_stamp) {
    uint8_t id[DX_ID_SIZE], other_id[DX_ID_SIZE];
    int order = dx_stamp_compare(stamp, other_stamp);
#if defined(DX_PLANT) && DX_PLANT == 36
    order = -order;
#endif
    if (order != 0) {
        return order > 0;
    }
    int error = dx_key_to_id(self->space, key, id);
    error = error == DX_OK ? dx_key_to_id(self->space, other, other_id) : error;
    return error == DX_OK && memcmp(id, other_id, sizeof id) > 0; /* what stands has a feed */
}

/* The object was placed and stands under itself now: the latest move on the circle yields. */
static int undo_circle(settling *self, int64_t key) {
    int64_t at = key, latest = 0, knot = 0;
    dx_stamp latest_stamp = {0};
    int error = DX_OK;
    do {
        dx_stamp stamp;
        int64_t other;
        error = read_standing(self, at, &stamp, &other);
        if (error == DX_OK && (latest == 0 || is_later(self, at, &stamp, latest, &latest_stamp))) {
            latest = at;
            latest_stamp = stamp;
        }
        if (error == DX_OK && other != 0 && other != knot) {
            error = knot == 0 ? DX_OK : unite(self, knot, other);
            knot = knot == 0 ? other : knot;
        }
        error = error == DX_OK ? parent_now(self, at, &at) : error;
    } while (error == DX_OK && at != key);
    return error != DX_OK ? error : yield_move(self, latest, knot == 0 ? latest : knot);
}

static int place_next(settling *self) {
    place_of *place = &self->places[self->waiting];
    int64_t key = place->key, at = place->parent;
    size_t levels = 0;
    int error = DX_OK;
    self->waiting = place->next;
    place->hangs = true;
    while (at != 0 && at != key && error == DX_OK) {
        go_up(self->context, self->space, &levels);
        error = parent_now(self, at, &at);
    }
    return error == DX_OK && at != 0 ? undo_circle(self, key) : error;
}

/* --- Results --------------------------------------------------------------------------------------- */

static int write_parent(const settling *self, int64_t key, int64_t parent) {
    dx_context *context = self->context;
    dx_entity_row before, after;
    int error = dx_entity_row_read(context, self->space, key, &before);
    if (error == DX_OK) {
        after = before;
        after.parent = parent;
        error = dx_entity_row_write(context, self->space, &before, &after);
    }
    if (error != DX_OK) {
        return error == DX_E_NOT_FOUND ? DX_E_CORRUPT : error;
    }
    return dx_changes_note(context, self->space, &after, false, NULL);
}

static int write_results(const settling *self) {
    int error = DX_OK;
    for (size_t i = 0; i < self->count && error == DX_OK; i++) {
        const place_of *place = &self->places[i];
        if (place->gone) {
            continue;
        }
        if (place->parent != place->shown) {
            error = write_parent(self, place->key, place->parent);
        }
        if (error == DX_OK && place->knot != 0) {
            error = keep_yielded(self->context, place);
        } else if (error == DX_OK && place->yielded_before) {
            error = forget_yielded(self->context, place->key);
        }
    }
    return error;
}

/* Objects whose moves yielded, in the whole vault. *all false: more than are taken in at once. */
static int list_yielded(dx_context *context, dx_key_set *yielded, bool *all) {
    sqlite3_stmt *select = dx_store_query(context->store, "SELECT child FROM yielded LIMIT ?1");
    dx_bind_int(select, 1, YIELDED_LISTED_MAX + 1);
    int error = DX_OK;
    while (error == DX_OK && dx_step(context->store, select)) {
        error = dx_key_set_add(yielded, dx_column_int(select, 0));
    }
    dx_step_reset(select);
    *all = error != DX_E_LIMIT;
    error = error == DX_E_LIMIT ? DX_OK : error;
    return error == DX_OK ? dx_store_error(context->store) : error;
}

int dx_hierarchy_yielded_above(dx_context *context, dx_space *space, int64_t key, int64_t *yielded,
                               int64_t *parent) {
    dx_stamp stamp;
    dx_key_set those;
    bool none, all;
    int64_t knot, begin = key;
    size_t levels = 0;
    *yielded = *parent = 0;
    dx_key_set_init(&those, context->alloc, context->random, YIELDED_LISTED_MAX);
    int error = list_yielded(context, &those, &all);
    bool any = !all || those.count > 0; /* in nearly every vault none */
    while (any && key != 0 && error == DX_OK) {
        int found = all && !dx_key_set_has(&those, key) ? DX_E_NOT_FOUND
                                                        : read_yielded(context, key, &stamp, &none, &knot);
        go_up(context, space, &levels);
        error = found == DX_E_NOT_FOUND ? DX_OK : found;
        error = error == DX_OK ? dx_entity_row_parent(context, space, key, parent) : error;
        if (found == DX_OK) {
            *yielded = key;
            break;
        }
        key = *parent == begin ? 0 : *parent; /* its row, made just now, closed a circle */
    }
    dx_key_set_deinit(&those);
    return error;
}

/* The knot that the object's moves are concerned with; 0: none. */
static int find_knot(dx_context *context, dx_space *space, int64_t key, int64_t *knot) {
    dx_stamp stamp;
    bool none;
    int64_t yielded, parent;
    *knot = 0;
    int error = dx_hierarchy_yielded_above(context, space, key, &yielded, &parent);
    return error != DX_OK || yielded == 0 ? error : read_yielded(context, yielded, &stamp, &none, knot);
}

/* The object's moves are others than they were, or it goes. */
static int settle(dx_context *context, dx_space *space, int64_t key, bool goes) {
    settling self;
    size_t number = 0;
    int64_t knot;
    settling_init(&self, context, space);
    dx_entity_rows_hurry(space);
    int error = find_knot(context, space, key, &knot);
#if defined(DX_PLANT) && DX_PLANT == 37
    knot = 0;
#endif
    if (error == DX_OK) {
        error = goes ? take_in(&self, key, &number) : begin_again(&self, key);
    }
    if (error == DX_OK) {
        self.places[number].gone = goes;
        error = knot == 0 ? DX_OK : begin_knot_again(&self, knot, key);
    }
    while (error == DX_OK && self.waiting != NOBODY) {
        error = place_next(&self);
    }
    if (error == DX_OK) {
        error = write_results(&self);
    }
    settling_deinit(&self);
    return error;
}

/* --- Changes ---------------------------------------------------------------------------------------- */

int dx_hierarchy_move(dx_context *context, dx_space *space, int64_t key, const dx_stamp *stamp, uint64_t seq,
                      int64_t parent) {
    dx_stamp shown;
    bool none = false;
    int64_t ignored;
    int error = keep_creation(context, space, key);
    dx_entity_rows_hurry(space);
    if (error == DX_OK) {
        error = read_yielded(context, key, &shown, &none, &ignored);
        error = error == DX_E_NOT_FOUND ? read_move(context, key, NULL, &shown, &ignored) : error;
    }
    if (error == DX_OK) {
        error = dx_hierarchy_keep(context, key, stamp, seq, parent);
    }
    bool counts = none || (error == DX_OK && dx_stamp_compare(stamp, &shown) > 0);
    return error == DX_OK && counts ? settle(context, space, key, false) : error;
}

int dx_hierarchy_created(dx_context *context, dx_space *space, int64_t key) {
    bool carries;
    int error = dx_entity_row_has_child(context, space, key, &carries);
    return error == DX_OK && carries ? settle(context, space, key, false) : error;
}

int dx_hierarchy_restored(dx_context *context, dx_space *space, int64_t key) {
    dx_stamp stamp;
    int64_t parent;
    int error = read_move(context, key, NULL, &stamp, &parent);
    if (error == DX_E_NOT_FOUND) {
        error = dx_entity_row_parent(context, space, key, &parent);
        return error == DX_OK && parent != 0 ? dx_hierarchy_created(context, space, key) : error;
    }
    return error == DX_OK ? settle(context, space, key, false) : error;
}

/* Those in blocks below the base stay: nothing could bring them back. */
static int forget_moves(dx_context *context, dx_space *space, int64_t key) {
    sqlite3_stmt *remove = dx_store_query(
        context->store, "DELETE FROM move WHERE child = ?1 AND seq >= coalesce((SELECT begins FROM feed"
                        " WHERE feed.space = ?2 AND feed.prefix = move.feed), 0)");
    dx_bind_int(remove, 1, key);
    dx_bind_int(remove, 2, space->local);
    return dx_step_done(context->store, remove);
}

int dx_hierarchy_removed(dx_context *context, dx_space *space, int64_t key) {
    int64_t knot;
    int error = find_knot(context, space, key, &knot);
    if (error == DX_OK && knot != 0) {
        error = settle(context, space, key, true);
        error = error == DX_OK ? forget_yielded(context, key) : error;
    }
    return error == DX_OK ? forget_moves(context, space, key) : error;
}

int dx_hierarchy_forget(dx_context *context, int64_t key) {
    sqlite3_stmt *remove = dx_store_query(context->store, "DELETE FROM move WHERE child = ?1");
    dx_bind_int(remove, 1, key);
    return dx_step_done(context->store, remove);
}

int dx_hierarchy_moves(dx_context *context, int64_t key, int (*on_move)(void *ctx, const dx_move *move),
                       void *ctx) {
    sqlite3_stmt *select =
        dx_store_query(context->store,
                       "SELECT counter, feed, parent, seq FROM move WHERE child = ?1 ORDER BY counter, feed");
    dx_bind_int(select, 1, key);
    int error = DX_OK;
    while (error == DX_OK && dx_step(context->store, select)) {
        dx_move move = {.parent = dx_column_int(select, 2), .seq = (uint64_t)dx_column_int(select, 3)};
        error = read_stamp(select, 0, &move.stamp);
        error = error == DX_OK ? on_move(ctx, &move) : error;
    }
    dx_step_reset(select);
    return error != DX_OK ? error : dx_store_error(context->store);
}

int dx_hierarchy_is_below(dx_context *context, dx_space *space, int64_t key, int64_t ancestor, bool *below) {
    size_t levels = 0;
    int error = DX_OK;
    while (key != 0 && key != ancestor && error == DX_OK) {
        go_up(context, space, &levels);
        error = dx_entity_row_parent(context, space, key, &key);
    }
    *below = error == DX_OK && key == ancestor;
    return error;
}
