/* echo/adjacency.c: walks over packs of links and heads. See adjacency.h.
 *
 * Layer: floor 1, echo. */
#include "echo/adjacency.h"

/* A search in the table costs as much as this many packs that are read one after another. */
enum { PACKS_PASSED = 3 };

#define COLUMNS "SELECT object, type, other, link, value, pack FROM adjacency WHERE side = ?1"

static void bind_place(sqlite3_stmt *rows, dx_adjacency_side side, const dx_adjacent *place) {
    dx_bind_int(rows, 1, side);
    dx_bind_int(rows, 2, place->object);
    dx_bind_int(rows, 3, place->type);
    dx_bind_int(rows, 4, place->other);
    dx_bind_int(rows, 5, place->link);
}

int dx_adjacency_pack_of_row(sqlite3_stmt *row, dx_adjacent *first, dx_adjacency_pack *pack) {
    *first = (dx_adjacent){.object = dx_column_int(row, 0),
                           .type = dx_column_int(row, 1),
                           .other = dx_column_int(row, 2),
                           .link = dx_column_int(row, 3),
                           .value = dx_column_int(row, 4)};
    return dx_adjacency_pack_read(first, dx_column_bytes(row, 5), pack);
}

/* The next row of the statement; its first entry is under way. False: there is none, or it failed. */
static bool step(dx_adjacency_walk *walk) {
    walk->at = walk->pack.count = 0;
    if (!dx_step(walk->store, walk->row)) {
        walk->row = NULL;
        walk->error = dx_store_error(walk->store);
        return false;
    }
    walk->error = dx_adjacency_pack_of_row(walk->row, &walk->first, &walk->pack);
    walk->pack.count = walk->error == DX_OK ? walk->pack.count : 0;
    return walk->error == DX_OK;
}

/* The pack behind the one under way, by a statement that goes on from there. */
static bool next_pack(dx_adjacency_walk *walk) {
    if (walk->error != DX_OK) {
        return false;
    }
    if (!walk->onwards) {
        dx_step_reset(walk->row);
        walk->onwards = true;
        walk->row = dx_store_query(walk->store, COLUMNS " AND (object, type, other, link) > (?2, ?3, ?4, ?5)"
                                                        " ORDER BY object, type, other, link");
        bind_place(walk->row, walk->side, &walk->first);
    }
    return step(walk);
}

void dx_adjacency_walk_begin(dx_adjacency_walk *walk, dx_context *context, dx_adjacency_side side) {
    walk->store = context->store;
    walk->row = NULL;
    walk->side = side;
    walk->onwards = false;
    walk->leaps = true;
    walk->first = (dx_adjacent){.object = 0};
    walk->at = walk->pack.count = 0;
    walk->error = DX_OK;
}

bool dx_adjacency_walk_next(dx_adjacency_walk *walk) {
    return ++walk->at < walk->pack.count || next_pack(walk);
}

/* To the pack that begins at the place or before it, or else to the first one. */
static bool leap(dx_adjacency_walk *walk, const dx_adjacent *to) {
    dx_step_reset(walk->row);
    walk->onwards = false;
    walk->row = dx_store_query(walk->store,
                               COLUMNS " AND (object, type, other, link) <= (?2, ?3, ?4, ?5)"
                                       " ORDER BY object DESC, type DESC, other DESC, link DESC LIMIT 1");
    bind_place(walk->row, walk->side, to);
    if (step(walk)) {
        return true;
    }
    walk->first = (dx_adjacent){.object = 0}; /* before all there are */
    return next_pack(walk);
}

/* Field by field: most are told apart by the first. */
static inline bool stands_before(const dx_adjacency_pack *pack, size_t index, const dx_adjacent *to) {
    int64_t field = dx_adjacency_pack_field(pack, DX_ADJACENT_OBJECT, index);
    if (field != to->object) {
        return field < to->object;
    }
    field = dx_adjacency_pack_field(pack, DX_ADJACENT_TYPE, index);
    if (field != to->type) {
        return field < to->type;
    }
    field = dx_adjacency_pack_field(pack, DX_ADJACENT_OTHER, index);
    return field != to->other ? field < to->other
                              : dx_adjacency_pack_field(pack, DX_ADJACENT_LINK, index) < to->link;
}

/* To the first entry of the pack at or behind the place, from the one under way on, or behind the last: by steps that double, and then
 * between the last two of them. */
static bool find_in_pack(dx_adjacency_walk *walk, const dx_adjacent *to) {
    const dx_adjacency_pack *pack = &walk->pack;
    size_t low = walk->at, high = low;
    for (size_t by = 1; high < pack->count && stands_before(pack, high, to); by *= 2) {
        low = high + 1;
        high += by;
    }
    high = high < pack->count ? high : pack->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        bool before = stands_before(pack, middle, to);
        low = before ? middle + 1 : low;
        high = before ? high : middle;
    }
    walk->at = high;
    return high < pack->count;
}

bool dx_adjacency_walk_seek(dx_adjacency_walk *walk, const dx_adjacent *to) {
    if (walk->row != NULL && find_in_pack(walk, to)) {
        walk->leaps = false;
        return true;
    }
    for (int passed = 0; !walk->leaps && passed < PACKS_PASSED && walk->error == DX_OK; passed++) {
        if (!next_pack(walk)) {
            return false;
        }
        if (find_in_pack(walk, to)) {
            return true;
        }
    }
    walk->leaps = true;
    if (walk->error != DX_OK || !leap(walk, to)) {
        return false;
    }
    while (!find_in_pack(walk, to)) {
        if (!next_pack(walk)) {
            return false;
        }
    }
    return true;
}

size_t dx_adjacency_walk_count(dx_adjacency_walk *walk, int64_t type, size_t most) {
    int64_t object = dx_adjacency_walk_field(walk, DX_ADJACENT_OBJECT);
    const dx_adjacent behind = {
        .object = object, .type = type == 0 ? INT64_MAX : type, .other = INT64_MAX, .link = INT64_MAX};
    size_t count = 0;
    for (bool ended = false; !ended && count < most;) {
        size_t at = walk->at;
        ended = find_in_pack(walk, &behind);
        count += walk->at - at;
        ended = ended || !next_pack(walk);
    }
    return count < most ? count : most;
}

int dx_adjacency_walk_end(dx_adjacency_walk *walk) {
    dx_step_reset(walk->row);
    int error = dx_store_error(walk->store);
    return walk->error != DX_OK ? walk->error : error;
}
