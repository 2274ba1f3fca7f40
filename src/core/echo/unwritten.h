/* echo/unwritten.h: the rows of a space that changed and are not in their tables yet.
 *
 * Layer: floor 1, echo, used by entity_row.c and row_log.c alone. A bounded set in memory: rows by key, each as the table has
 * it and as it shall be, and the touches (withdraw.h) that belong to what changed them. What it holds follows from blocks
 * and from the log of rows (row_log.h), which are on the disk, so it may be lost at any time (docs/decisions/0025).
 * Bounds are the caller's: the set says how large it is.
 *
 * Ownership: the set owns all its bytes; a row stays where it is until a clear, its states until the next put of it. */
#ifndef DX_ECHO_UNWRITTEN_H
#define DX_ECHO_UNWRITTEN_H

#include "base/arena.h"
#include "echo/entity_row.h"
#include "echo/key_set.h"
#include "echo/touch_run.h"

typedef struct dx_unwritten_row {
    int64_t key;
    bool was, is; /* whether the table has it; whether it shall */
    bool
        unread; /* of before only key, kind, type and deleted are known: it came from the log, the rest is the table's */
    bool logged;                 /* the log of rows has it as it shall be */
    bool held;                   /* it was read, and has not changed */
    dx_entity_row before, after; /* their states are the set's own memory */
    size_t before_room, after_room;
} dx_unwritten_row;

/* A row that is in memory by its place in the log alone (row_log.h). */
typedef struct dx_unwritten_packed {
    uint32_t piece, offset; /* of the log; from the piece's beginning */
    bool was;               /* whether the table has it */
    int8_t objects, links;  /* what it makes of what the tables count: -1, 0 or 1 each */
} dx_unwritten_packed;

enum { DX_UNWRITTEN_CHUNK_ROWS = 512 };

typedef struct dx_unwritten {
    const dx_alloc *alloc;
    dx_key_table places;     /* key → number of a row, or of a packed one */
    dx_unwritten_row **rows; /* chunks of DX_UNWRITTEN_CHUNK_ROWS */
    size_t row_count, chunk_count, chunk_capacity;
    dx_unwritten_packed *packed; /* also those that were unpacked since */
    size_t packed_count, packed_capacity;
    size_t packed_left;                   /* that were not */
    int64_t packed_objects, packed_links; /* the sums of those */
    size_t made;                          /* of all, not in the table yet */
    dx_arena states;                      /* of rows */
    dx_touch_row *touches;
    size_t touch_count, touch_capacity;
    dx_key_table parents; /* of rows that have one */
    bool hurries;         /* to be written with the block under way */
    size_t changes;       /* that are not in the log: what a crash would cost to do again */
    size_t reads;         /* of them, whose rows would have to be read from their table for that */
    int64_t pieces;       /* of the log of rows that tell of this set */
    size_t in_log;        /* rows in them, one as often as it was logged */
    bool has_house;       /* one of the rows is of a type of the house's own ("dx.…") */
    bool has_strong;      /* one of the rows has a strong reference in its state (referrer.h) */
    uint64_t drafted;     /* number of the transaction in which they were shown without being kept; 0: none */
} dx_unwritten;

void dx_unwritten_init(dx_unwritten *set, const dx_alloc *alloc, const dx_random *random);
void dx_unwritten_deinit(dx_unwritten *set);
void dx_unwritten_clear(dx_unwritten *set);
/* How many rows it has, packed ones among them. */
size_t dx_unwritten_count(const dx_unwritten *set);
/* NULL: the table knows, or it is packed. */
dx_unwritten_row *dx_unwritten_find(const dx_unwritten *set, int64_t key);
/* NULL: it is not packed. */
const dx_unwritten_packed *dx_unwritten_find_packed(const dx_unwritten *set, int64_t key);
/* The rows that are not packed by number, from 0 to row_count: the order in which they came. */
dx_unwritten_row *dx_unwritten_at(const dx_unwritten *set, size_t number);
/* Copies both; of a key that is in the set already, where it is not packed, before is not looked at. Either may be NULL. */
DX_MUST_USE int dx_unwritten_put(dx_unwritten *set, const dx_entity_row *before, const dx_entity_row *after);
/* A row that is not in the set, as it is in its table and shall be: no change. */
DX_MUST_USE int dx_unwritten_hold(dx_unwritten *set, const dx_entity_row *row);
/* A copy that lives as long as the set's rows; data NULL: no memory. */
dx_bytes dx_unwritten_keep(dx_unwritten *set, dx_bytes bytes);
/* A row as the log has it, by its place there; it takes the place of one of the key that is packed. parent: 0, none. */
DX_MUST_USE int dx_unwritten_pack(dx_unwritten *set, int64_t key, const dx_unwritten_packed *packed,
                                  int64_t parent);
/* A row that was packed, as the log has it, `logged`: its state is in bytes that the set keeps, and of before nothing else is
 * believed than what it says. */
DX_MUST_USE int dx_unwritten_load(dx_unwritten *set, const dx_unwritten_row *row);
/* What the table has of a row that is `unread`, which it is no longer. */
DX_MUST_USE int dx_unwritten_set_before(dx_unwritten *set, dx_unwritten_row *row,
                                        const dx_entity_row *before);
DX_MUST_USE int dx_unwritten_touch(dx_unwritten *set, const dx_touch_row *touch);
/* The keys of all rows, none of which is packed, and the touches themselves, in the order of their tables. */
DX_MUST_USE int dx_unwritten_order(dx_unwritten *set, dx_buf *keys);
void dx_unwritten_sort_touches(dx_unwritten *set);
/* Memory it takes. */
size_t dx_unwritten_size(const dx_unwritten *set);

#endif
