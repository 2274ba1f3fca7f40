/* echo/adjacency.c: packs of links and heads: their form, and walks over them. See adjacency.h.
 *
 * Layer: floor 1, echo. */
#include "echo/adjacency.h"

/* What of an entry is another than in the one before. */
enum { OBJECT = 1, TYPE = 2, OTHER = 4, LINK = 8, VALUE = 16, ALL = 31 };

/* A search in the table costs as much as this many packs that are read one after another. */
enum { PACKS_PASSED = 2 };

/* --- Packs --------------------------------------------------------------------------------------- */

static size_t write_varint(uint64_t value, uint8_t *out) {
    size_t size = 0;
    for (; value >= 0x80; value >>= 7) {
        out[size++] = (uint8_t)(value | 0x80);
    }
    out[size++] = (uint8_t)value;
    return size;
}

/* The sign in bit 0, so that small differences are short both ways. */
static uint64_t fold(int64_t from, int64_t to) {
    uint64_t by = (uint64_t)to - (uint64_t)from;
    return by << 1 ^ (by >> 63 != 0 ? UINT64_MAX : 0);
}

static int64_t unfold(int64_t from, uint64_t folded) {
    uint64_t by = folded >> 1 ^ ((folded & 1) != 0 ? UINT64_MAX : 0);
    return (int64_t)((uint64_t)from + by);
}

size_t dx_adjacent_write(const dx_adjacent *before, const dx_adjacent *entry,
                         uint8_t out[static DX_ADJACENT_SIZE_MAX]) {
    size_t size = 1;
    out[0] = (uint8_t)((entry->object != before->object) * OBJECT | (entry->type != before->type) * TYPE |
                       (entry->other != before->other) * OTHER | (entry->link != before->link) * LINK |
                       (entry->value != before->value) * VALUE);
    if ((out[0] & OBJECT) != 0) {
        size += write_varint((uint64_t)entry->object - (uint64_t)before->object, out + size);
    }
    if ((out[0] & TYPE) != 0) {
        size += write_varint(fold(before->type, entry->type), out + size);
    }
    if ((out[0] & OTHER) != 0) {
        size += write_varint(fold(before->other, entry->other), out + size);
    }
    if ((out[0] & LINK) != 0) {
        size += write_varint(fold(before->link, entry->link), out + size);
    }
    if ((out[0] & VALUE) != 0) {
        size += write_varint((uint64_t)entry->value, out + size);
    }
    return size;
}

static uint64_t read_by_bytes(const uint8_t **at, const uint8_t *end) {
    uint64_t value = 0;
    for (unsigned shift = 0; *at < end && shift < 64; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return value;
        }
    }
    *at = end;
    return UINT64_MAX;
}

/* UINT64_MAX: damaged, and *at is at the end. No difference is so large. A walk reads some million of these, of lengths that no
 * processor foresees: eight bytes at once, without a branch for each. */
static inline uint64_t read_varint(const uint8_t **at, const uint8_t *end) {
    const uint8_t *from = *at;
    if (end - from < 8) {
        return read_by_bytes(at, end);
    }
    uint64_t x = (uint64_t)from[0] | (uint64_t)from[1] << 8 | (uint64_t)from[2] << 16 |
                 (uint64_t)from[3] << 24 | (uint64_t)from[4] << 32 | (uint64_t)from[5] << 40 |
                 (uint64_t)from[6] << 48 | (uint64_t)from[7] << 56;
    uint64_t ends = ~x & UINT64_C(0x8080808080808080);
    if (ends == 0) {
        return read_by_bytes(at, end);
    }
    *at = from + __builtin_ctzll(ends) / 8 + 1;
    x &= (ends ^ (ends - 1)) & UINT64_C(0x7f7f7f7f7f7f7f7f);
    x = (x & UINT64_C(0x7f007f007f007f00)) >> 1 | (x & UINT64_C(0x007f007f007f007f));
    x = (x & UINT64_C(0x3fff00003fff0000)) >> 2 | (x & UINT64_C(0x00003fff00003fff));
    return (x & UINT64_C(0x0fffffff00000000)) >> 4 | (x & UINT64_C(0x0fffffff));
}

/* A field that is another than before; where none in front of it is, it has to be a larger one. */
static inline uint64_t read_field(const uint8_t **at, const uint8_t *end, bool leads, int64_t *field) {
    uint64_t by = read_varint(at, end);
    int64_t before = *field;
    *field = unfold(before, by);
    return (by == UINT64_MAX) | (leads && *field <= before);
}

static inline bool read_entry(const uint8_t **at, const uint8_t *end, dx_adjacent *entry) {
    uint8_t says = *(*at)++;
    if (says == OBJECT) { /* most heads */
        uint64_t grown = read_varint(at, end);
        entry->object = (int64_t)((uint64_t)entry->object + grown);
        return grown != 0 && (grown | (uint64_t)entry->object) >> 63 == 0;
    }
    uint64_t damage = says > ALL || (says & (OBJECT | TYPE | OTHER | LINK)) == 0;
    if ((says & OBJECT) != 0) {
        uint64_t grown = read_varint(at, end);
        entry->object = (int64_t)((uint64_t)entry->object + grown);
        damage |= (grown == 0) | (grown | (uint64_t)entry->object) >> 63;
    }
    if ((says & TYPE) != 0) {
        damage |= read_field(at, end, (says & OBJECT) == 0, &entry->type);
    }
    if ((says & OTHER) != 0) {
        damage |= read_field(at, end, (says & (OBJECT | TYPE)) == 0, &entry->other);
    }
    if ((says & LINK) != 0) {
        damage |= read_field(at, end, (says & (OBJECT | TYPE | OTHER)) == 0, &entry->link);
    }
    if ((says & VALUE) != 0) {
        uint64_t value = read_varint(at, end);
        damage |= value >> 63;
        entry->value = (int64_t)value;
    }
    return damage == 0;
}

bool dx_adjacent_read(const uint8_t **at, const uint8_t *end, dx_adjacent *entry) {
    return read_entry(at, end, entry);
}

/* --- Walking ------------------------------------------------------------------------------------- */

#define COLUMNS "SELECT object, type, other, link, value, rest FROM adjacency WHERE side = ?1"

static void bind_place(sqlite3_stmt *rows, dx_adjacency_side side, const dx_adjacent *place) {
    dx_bind_int(rows, 1, side);
    dx_bind_int(rows, 2, place->object);
    dx_bind_int(rows, 3, place->type);
    dx_bind_int(rows, 4, place->other);
    dx_bind_int(rows, 5, place->link);
}

/* The next row of the statement; its first entry is under way. False: there is none, or it failed. */
static bool step(dx_adjacency_walk *walk) {
    walk->at = walk->end = NULL;
    if (!dx_step(walk->store, walk->pack)) {
        walk->pack = NULL;
        walk->error = dx_store_error(walk->store);
        return false;
    }
    dx_bytes rest = dx_column_bytes(walk->pack, 5);
    walk->first = (dx_adjacent){.object = dx_column_int(walk->pack, 0),
                                .type = dx_column_int(walk->pack, 1),
                                .other = dx_column_int(walk->pack, 2),
                                .link = dx_column_int(walk->pack, 3),
                                .value = dx_column_int(walk->pack, 4)};
    walk->entry = walk->first;
    if (rest.size != 0) {
        walk->at = rest.data;
        walk->end = rest.data + rest.size;
    }
    return true;
}

/* The pack behind the one under way, by a statement that goes on from there. */
static bool next_pack(dx_adjacency_walk *walk) {
    if (walk->error != DX_OK) {
        return false;
    }
    if (!walk->onwards) {
        dx_step_reset(walk->pack);
        walk->onwards = true;
        walk->pack = dx_store_query(walk->store, COLUMNS " AND (object, type, other, link) > (?2, ?3, ?4, ?5)"
                                                         " ORDER BY object, type, other, link");
        bind_place(walk->pack, walk->side, &walk->first);
    }
    return step(walk);
}

static inline bool next_in_pack(dx_adjacency_walk *walk) {
    if (walk->at == walk->end) {
        return false;
    }
    if (!read_entry(&walk->at, walk->end, &walk->entry)) {
        walk->error = DX_E_CORRUPT;
        walk->at = walk->end;
        return false;
    }
    return true;
}

void dx_adjacency_walk_begin(dx_adjacency_walk *walk, dx_context *context, dx_adjacency_side side) {
    *walk = (dx_adjacency_walk){.store = context->store, .side = side, .leaps = true};
}

bool dx_adjacency_walk_next(dx_adjacency_walk *walk) {
    return next_in_pack(walk) || next_pack(walk);
}

/* To the pack that begins at the place or before it, or else to the first one. */
static bool leap(dx_adjacency_walk *walk, const dx_adjacent *to) {
    dx_step_reset(walk->pack);
    walk->onwards = false;
    walk->pack = dx_store_query(walk->store,
                                COLUMNS " AND (object, type, other, link) <= (?2, ?3, ?4, ?5)"
                                        " ORDER BY object DESC, type DESC, other DESC, link DESC LIMIT 1");
    bind_place(walk->pack, walk->side, to);
    if (step(walk)) {
        return true;
    }
    walk->first = (dx_adjacent){.object = 0}; /* before all there are */
    return next_pack(walk);
}

/* Whether an entry at or behind the place stands in the pack under way; it is then. */
static bool find_in_pack(dx_adjacency_walk *walk, const dx_adjacent *to) {
    while (dx_adjacent_compare(&walk->entry, to) < 0) {
        if (!next_in_pack(walk)) {
            return false;
        }
    }
    return true;
}

bool dx_adjacency_walk_seek(dx_adjacency_walk *walk, const dx_adjacent *to) {
    if (walk->pack != NULL && find_in_pack(walk, to)) {
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

int dx_adjacency_walk_end(dx_adjacency_walk *walk) {
    dx_step_reset(walk->pack);
    int error = dx_store_error(walk->store);
    return walk->error != DX_OK ? walk->error : error;
}
