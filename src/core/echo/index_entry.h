/* echo/index_entry.h: the entries of indexes on properties: which entities have which value.
 *
 * Layer: floor 1, echo, private to this room. An entry is (index, form of a value, key of an entity). Those of one value are
 * packed, so that what thousands have is read by the page and not by the row:
 *
 *   property(ix, value, key, rest)  a pack: its first key, and for each one behind it a varint (7 bits a byte, lowest first)
 *     of the difference to the one before, none of them 0
 *
 * Packs of a value do not overlap. A full one begins another behind it, or is cut in halves; one that shrinks stays until it
 * is empty, so there are never more rows than entries. Which keys stand in which pack depends on the order they came in;
 * what a walk tells does not.
 *
 * Ownership: a walk borrows its statement and the bytes it was given until it ends; nothing is changed meanwhile. */
#ifndef DX_ECHO_INDEX_ENTRY_H
#define DX_ECHO_INDEX_ENTRY_H

#include "echo/base.h"

enum {
    DX_ENTRY_REST_MAX = 480,                  /* bytes: eight packs to a page, and none in pages of its own */
    DX_ENTRY_KEYS_MAX = 1 + DX_ENTRY_REST_MAX /* of a pack: a difference takes at least one byte */
};

/* The keys of a pack. DX_E_CORRUPT: it is damaged, they do not ascend. */
DX_MUST_USE int dx_entry_read_keys(int64_t first, dx_bytes rest, int64_t keys[static DX_ENTRY_KEYS_MAX],
                                   size_t *count);
/* What is there already is added, and what is not there removed, without a change. */
DX_MUST_USE int dx_entry_add(dx_context *context, int64_t index, dx_bytes form, int64_t key);
DX_MUST_USE int dx_entry_remove(dx_context *context, int64_t index, dx_bytes form, int64_t key);
/* Entries between two forms, low inclusive, high exclusive, counted to at most `most`. */
DX_MUST_USE int dx_entry_count(dx_context *context, int64_t index, dx_bytes low, dx_bytes high, int64_t most,
                               int64_t *count);

/* Entries in the order of values, then keys, or backwards. */
typedef struct dx_entry_span {
    int64_t index;
    bool descending;
    /* Upwards: from this value on, of its own entries those behind the key. Downwards: what stands before (value, key), so
     * with key 0 nothing of the value. */
    dx_bytes edge;
    int64_t key;
    dx_bytes bound; /* upwards: the first value that is not in it; downwards: the last that is */
} dx_entry_span;

typedef struct dx_entry_walk {
    dx_store *store;
    sqlite3_stmt *rows;
    dx_entry_span span;
    bool begun;  /* what stands on the wrong side of the edge's key was left out */
    int64_t key; /* of the entry under way */
    int64_t keys[DX_ENTRY_KEYS_MAX];
    size_t at, count; /* of the keys, those left to tell; they count from the end when descending */
    int error;
} dx_entry_walk;

void dx_entry_walk_begin(dx_entry_walk *walk, dx_context *context, const dx_entry_span *span);
/* False: there are no more, or it failed. */
bool dx_entry_walk_next(dx_entry_walk *walk);
/* Of the entry under way; dies with the next. */
dx_bytes dx_entry_walk_value(const dx_entry_walk *walk);
DX_MUST_USE int dx_entry_walk_end(dx_entry_walk *walk);

#endif
