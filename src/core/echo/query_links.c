/* echo/query_links.c: steps along links, from what memory knows of them (neighbours.h).
 *
 * Layer: floor 1, echo. Some objects at a time: what memory does not know of their links, or of what these lead to, is read
 * from the tables, many at once, and put there; then all of them are taken from memory. An object with more links than one
 * call may read is learnt over several, and is known only if none of its links changed in between. Where memory has no
 * room, everything is forgotten and learnt anew, once for a question; after that the tables alone are asked. */
#include "base/limits.h"
#include "echo/query_state.h"

enum {
    OBJECTS = 64,      /* taken at a time */
    ENDS_FOR_ONE = 16, /* ends that memory has cost as much as one row of a table */
    ENDS_JUDGED_MAX =
        256 /* of one object whose ends are read because a step has conditions: beyond it in pieces */
};

typedef struct stepping {
    dx_query_walk walk;
    dx_neighbours *memory;
    const dx_query_step *step;
    const dx_buf *from;
    size_t count; /* of objects at work, from query->at on */
    int set;
    dx_neighbour_list lists[OBJECTS];
} stepping;

/* --- Learning ------------------------------------------------------------------------------------ */

/* There was no room: everything is forgotten once, then memory is asked no more. */
static void find_no_room(stepping *self) {
    dx_query *query = self->walk.query;
    query->memory.off = query->memory.forgot;
    if (!query->memory.forgot) {
        dx_neighbours_forget(self->memory);
    }
    query->memory.forgot = true;
}

/* A link of the object under way: its other end, if it leads anywhere. */
static int note_link(stepping *self, sqlite3_stmt *row) {
    dx_query *query = self->walk.query;
    bool hidden = dx_column_int(row, 2) != 0;
    int error = DX_OK;
    query->budget--;
    query->examined++;
    if (!hidden && self->walk.link_type == 0) {
        error = dx_query_type_is_hidden(&self->walk, dx_column_int(row, 0), &hidden);
    }
    if (error == DX_OK && !hidden) {
        dx_key_list_add(&query->ends, dx_column_int(row, 1));
        error = dx_buf_error(&query->ends);
    }
    return error;
}

/* All links of the object are in query->ends. */
static bool put(stepping *self, int64_t key) {
    dx_query *query = self->walk.query;
    bool is = dx_neighbours_put(self->memory, self->set, key, &query->ends);
    dx_buf_clear(&query->ends);
    if (!is) {
        find_no_room(self);
    }
    return is;
}

static void begin_hub(stepping *self, int64_t key) {
    dx_query *query = self->walk.query;
    query->memory.hub = key;
    query->memory.age = dx_neighbours_age(self->memory);
    query->memory.changes = dx_neighbours_changes(self->memory, self->set);
    query->place = (dx_query_place){0};
    dx_buf_clear(&query->ends);
}

static void end_hub(dx_query *query, bool learnt) {
    query->memory.hub = 0;
    query->memory.off = query->memory.off || !learnt;
    query->place = (dx_query_place){0};
    dx_buf_clear(&query->ends);
}

/* Links of one object with very many of them, as many as the budget. */
static int learn_hub(stepping *self) {
    static const char *const by_source =
        "SELECT type, target, deleted, key FROM entity INDEXED BY link_by_source WHERE source = ?1"
        " AND (type, target, deleted, key) > (?2, ?3, ?4, ?5) AND type <= ?6"
        " ORDER BY type, target, deleted, key LIMIT ?7";
    static const char *const by_target =
        "SELECT type, source, deleted, key FROM entity INDEXED BY link_by_target WHERE target = ?1"
        " AND (type, source, deleted, key) > (?2, ?3, ?4, ?5) AND type <= ?6"
        " ORDER BY type, source, deleted, key LIMIT ?7";
    dx_query *query = self->walk.query;
    dx_store *store = query->context->store;
    size_t budget = query->budget;
    int error = DX_OK;
    sqlite3_stmt *rows = dx_store_query(store, self->step->way == DX_QUERY_OUT ? by_source : by_target);
    dx_bind_int(rows, 1, query->memory.hub);
    dx_query_bind_links(rows, query, self->walk.link_type);
    while (error == DX_OK && query->budget > 0 && dx_step(store, rows)) {
        query->place.type = dx_column_int(rows, 0);
        query->place.end = dx_column_int(rows, 1);
        query->place.deleted = dx_column_int(rows, 2);
        query->place.key = dx_column_int(rows, 3);
        error = note_link(self, rows);
    }
    dx_step_reset(rows);
    error = error == DX_OK ? dx_store_error(store) : error;
    if (error == DX_E_LIMIT) { /* more of them than a question may hold at once */
        end_hub(query, false);
        return DX_OK;
    }
    if (error == DX_OK && query->budget > 0) {
        bool same = query->memory.age == dx_neighbours_age(self->memory) &&
                    query->memory.changes == dx_neighbours_changes(self->memory, self->set);
        end_hub(query, same && put(self, query->memory.hub));
    }
    query->budget -= query->budget == budget;
    return error;
}

/* The links of objects that memory does not know, as far as the budget lasts. */
static int learn_lists(stepping *self, const dx_buf *keys) {
    dx_query *query = self->walk.query;
    dx_store *store = query->context->store;
    size_t count = dx_key_list_count(keys), at = 0, budget = query->budget;
    bool room = true;
    int error = DX_OK;
    dx_buf_clear(&query->ends);
    sqlite3_stmt *rows = dx_query_links_of(query, self->step->way, keys, 0, count, self->walk.link_type);
    while (error == DX_OK && room && query->budget > 0 && dx_step(store, rows)) {
        size_t of = (size_t)dx_column_int(rows, 4);
        for (; at < of && room; at++) {
            room = put(self, dx_key_list_at(keys, at));
        }
        error = room ? note_link(self, rows) : DX_OK;
    }
    dx_step_reset(rows);
    error = error == DX_OK ? dx_store_error(store) : error;
    bool ended = error == DX_OK && query->budget > 0; /* otherwise the last object may have more */
    for (; at < count && room && ended; at++) {
        room = put(self, dx_key_list_at(keys, at));
    }
    if (error == DX_OK && room && !ended && at == 0) {
        begin_hub(self, dx_key_list_at(keys, 0));
    }
    dx_buf_clear(&query->ends);
    query->budget -= query->budget == budget;
    return error;
}

/* What the ends are that memory knows by name alone. */
static int learn_ends(stepping *self, size_t first) {
    dx_query *query = self->walk.query;
    dx_store *store = query->context->store;
    int error = DX_OK;
    dx_buf_clear(&query->ends);
    for (size_t i = first; i < self->count; i++) {
        for (size_t k = 0; k < self->lists[i].count && dx_key_list_count(&query->ends) < query->budget; k++) {
            uint32_t end = self->lists[i].ends[k];
            if (dx_neighbours_type(self->memory, end) == DX_NEIGHBOUR_UNKNOWN) {
                dx_key_list_add(&query->ends, dx_neighbours_key(self->memory, end));
            }
        }
    }
    error = dx_buf_error(&query->ends);
    size_t cost = dx_key_list_count(&query->ends);
    dx_key_list_sort(&query->ends);
    size_t count = error == DX_OK ? dx_key_list_count(&query->ends) : 0;
    for (size_t at = 0; at < count && error == DX_OK; at += DX_QUERY_BATCH) {
        size_t many = count - at < DX_QUERY_BATCH ? count - at : DX_QUERY_BATCH;
        for (size_t i = 0; i < many; i++) {
            dx_neighbours_note(self->memory, dx_key_list_at(&query->ends, at + i), DX_NEIGHBOUR_GONE);
        }
        sqlite3_stmt *rows = dx_query_heads_of(query, &query->ends, at, many);
        while (dx_step(store, rows)) {
            dx_neighbours_note(self->memory, dx_column_int(rows, 2),
                               dx_column_int(rows, 1) != 0 ? DX_NEIGHBOUR_GONE : dx_column_int(rows, 0));
        }
        dx_step_reset(rows);
        error = dx_store_error(store);
    }
    query->budget -= cost;
    query->examined += (int64_t)count;
    dx_buf_clear(&query->ends);
    return error;
}

/* --- Taking -------------------------------------------------------------------------------------- */

/* False: what one of them is, is not known yet. */
static bool knows_ends(const stepping *self, const dx_neighbour_list *list) {
    bool known = true;
    for (size_t i = 0; i < list->count; i++) {
        known = known && dx_neighbours_type(self->memory, list->ends[i]) != DX_NEIGHBOUR_UNKNOWN;
    }
    return known;
}

static int take_ends(stepping *self, const dx_neighbour_list *list) {
    dx_query *query = self->walk.query;
    int error = DX_OK, phase = (int)query->phase;
    bool judges = self->step->ends.begin < self->step->ends.end;
    size_t cost = 1 + (judges ? list->count : list->count / ENDS_FOR_ONE);
    for (size_t i = 0; i < list->count && error == DX_OK && (int)query->phase == phase; i++) {
        int64_t type = dx_neighbours_type(self->memory, list->ends[i]);
        error = dx_query_take_end(&self->walk, dx_neighbours_key(self->memory, list->ends[i]), type,
                                  type == DX_NEIGHBOUR_GONE);
    }
    query->memory.ends += (int64_t)list->count;
    query->budget -= cost < query->budget ? cost : query->budget;
    return error;
}

/* Whether one object's ends are too many to be judged in one call. */
static bool is_long(const stepping *self, const dx_neighbour_list *list) {
    return list->count > ENDS_JUDGED_MAX && self->step->ends.begin < self->step->ends.end;
}

/* The objects at work, one after another, all of whose links are known. */
static int take_lists(stepping *self) {
    dx_query *query = self->walk.query;
    int error = DX_OK, phase = (int)query->phase;
    bool learnt = false;
    for (size_t i = 0; i < self->count && error == DX_OK && query->budget > 0; i++) {
        const dx_neighbour_list *list = &self->lists[i];
        if (is_long(self, list)) {
            bool ended;
            error = dx_query_walk_step(query, self->step, dx_key_list_at(self->from, query->at),
                                       self->walk.reached, &ended);
            if (error != DX_OK || !ended || (int)query->phase != phase) {
                return error;
            }
            query->place = (dx_query_place){0};
            query->at++;
            continue;
        }
        if (!knows_ends(self, list)) {
            query->memory.off = learnt; /* a type whose number memory cannot hold */
            learnt = true;
            error = query->memory.off ? DX_OK : learn_ends(self, i);
            if (error != DX_OK || query->memory.off || !knows_ends(self, list)) {
                return error;
            }
            if (query->budget == 0) {
                return DX_OK;
            }
        }
        error = take_ends(self, list);
        if ((int)query->phase != phase) {
            return error;
        }
        query->at += error == DX_OK;
        query->place = (dx_query_place){0}; /* it may have been long, and begun */
    }
    return error;
}

/* What memory knows of the objects at work; those it does not know are put into a list, as many as one statement takes. */
static void look(stepping *self, dx_buf *unknown) {
    const dx_query *query = self->walk.query;
    for (size_t i = 0; i < self->count; i++) {
        int64_t key = dx_key_list_at(self->from, query->at + i);
        if (!dx_neighbours_find(self->memory, self->set, key, &self->lists[i]) &&
            dx_key_list_count(unknown) < DX_QUERY_BATCH) {
            dx_key_list_add(unknown, key);
        }
    }
}

static int walk_remembered(stepping *self, size_t end) {
    dx_query *query = self->walk.query;
    const dx_neighbour_set set = {self->walk.link_type, self->step->way == DX_QUERY_IN};
    dx_buf unknown;
    self->set = dx_neighbours_set(self->memory, &set);
    if (self->set < 0) {
        query->memory.off = true;
        return DX_OK;
    }
    if (query->memory.hub != 0) {
        return learn_hub(self);
    }
    self->count = end - query->at < OBJECTS ? end - query->at : OBJECTS;
    dx_buf_init(&unknown, query->context->alloc, DX_QUERY_BATCH * sizeof(int64_t));
    look(self, &unknown);
    int error = dx_buf_error(&unknown);
    if (error == DX_OK) {
        error = unknown.size == 0 ? take_lists(self) : learn_lists(self, &unknown);
    }
    dx_buf_deinit(&unknown);
    return error;
}

/* --- Without memory ------------------------------------------------------------------------------ */

static int walk_plainly(stepping *self, size_t end) {
    dx_query *query = self->walk.query;
    int phase = (int)query->phase;
    bool ended;
    /* Several objects are left, none of them begun, and there is room for some links of each. */
    if (query->place.key == 0 && query->at >= query->alone && query->budget >= DX_QUERY_BATCH_BUDGET &&
        end - query->at > 1 && query->phase != DX_QUERY_SEARCH) {
        size_t many;
        int error = dx_query_walk_batch(query, self->step, self->from, end, &many, self->walk.reached);
        query->at += many;
        query->alone =
            query->budget == 0 ? query->at + 1 : query->alone; /* one may have more than a budget */
        return error;
    }
    int error = dx_query_walk_step(query, self->step, dx_key_list_at(self->from, query->at),
                                   self->walk.reached, &ended);
    if (error == DX_OK && ended && (int)query->phase == phase) {
        query->at++;
        query->place = (dx_query_place){0};
    }
    return error;
}

int dx_query_walk_links(dx_query *query, const dx_query_step *step, const dx_buf *from, size_t end,
                        dx_query_reached *reached) {
    stepping self = {
        .walk = {.query = query, .filter = &step->ends, .reached = reached, .repeats = step->repeats},
        .memory = query->space->neighbours,
        .step = step,
        .from = from};
    int phase = (int)query->phase;
    bool none;
    int error = dx_query_resolve_types(&self.walk, step, &none);
    if (error == DX_OK && none) {
        query->at = end;
        query->budget--;
        return DX_OK;
    }
    /* What the tables of a full disk show may be undone with the transaction. */
    query->memory.off = query->memory.off || dx_store_is_read_only(query->context->store);
    while (error == DX_OK && query->budget > 0 && query->at < end && (int)query->phase == phase) {
        error = query->memory.off ? walk_plainly(&self, end) : walk_remembered(&self, end);
    }
    return error;
}
