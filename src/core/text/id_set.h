/* text/id_set.h: sets of ids, as ranges of clocks: what a transaction deleted, what an update says of deletes.
 *
 * Layer: floor 1, text. Ranges come in any order and may overlap; what asks and what writes wants them in order: the greatest
 * client first, clocks ascending, ranges that touch joined (dx_id_set_settle). Ranges that come in that order keep it for free.
 * Memory: in proportion to the ranges; kept when cleared. */
#ifndef DX_TEXT_ID_SET_H
#define DX_TEXT_ID_SET_H

#include "text/lib0.h"

#include <dxos/text.h>

typedef struct dx_id_range {
    uint64_t client, clock, length; /* length at least 1; clock + length <= DX_LIB0_UINT_MAX */
} dx_id_range;

typedef struct dx_id_set {
    const dx_alloc *alloc;
    dx_id_range *ranges;
    size_t count, capacity;
    bool settled;
} dx_id_set;

void dx_id_set_init(dx_id_set *set, const dx_alloc *alloc);
void dx_id_set_deinit(dx_id_set *set);
void dx_id_set_clear(dx_id_set *set); /* memory stays */
/* Room for so many more ranges: adding those cannot fail. */
int dx_id_set_reserve(dx_id_set *set, size_t ranges);
int dx_id_set_add(dx_id_set *set, uint64_t client, uint64_t clock, uint64_t length);
int dx_id_set_union(dx_id_set *set, const dx_id_set *other);
/* Puts the ranges in order: n log n at worst, takes no memory. */
void dx_id_set_settle(dx_id_set *set);

/* --- Of settled sets -------------------------------------------------------------------------- */

bool dx_id_set_contains(const dx_id_set *set, uint64_t client, uint64_t clock);
bool dx_id_set_covers(const dx_id_set *set, const dx_id_set *part); /* whether all of part is in it */
bool dx_id_set_equal(const dx_id_set *a, const dx_id_set *b);
/* The range that holds the clock, or the next one of that client, as an index; the set's count: none. */
size_t dx_id_set_find(const dx_id_set *set, uint64_t client, uint64_t clock);
/* Appends to `left` what is in `from` and not in `taken`; left is settled then. */
int dx_id_set_subtract(const dx_id_set *from, const dx_id_set *taken, dx_id_set *left);

/* As a delete set of an update or a snapshot. The set need not be empty before reading, and is not settled by it. */
void dx_id_set_write(const dx_id_set *set, dx_text_form form, dx_buf *out);
int dx_id_set_read(dx_id_set *set, dx_text_form form, dx_lib0_reader *reader);
/* One range of a client, whose range before ended at `last` (v2 counts from there). Its length may be 0. False: the reader failed. */
bool dx_id_range_read(dx_text_form form, dx_lib0_reader *reader, uint64_t last, dx_id_range *range);

#endif
