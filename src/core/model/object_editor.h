/* model/object_editor.h: what an author has to know of one path to edit there, and the edits he then writes.
 *
 * Layer: floor 1, model. People say places as numbers; edits name items by ids, so the state is read once and then
 * followed through the author's own edits. Refuses what would not show: an array's edits where no array stands, a
 * count where no integer does. Ownership: copies what it needs. */
#ifndef DX_MODEL_OBJECT_EDITOR_H
#define DX_MODEL_OBJECT_EDITOR_H

#include "base/arena.h"
#include "model/object_list.h"

enum { DX_ITEM_ID_SIZE = 14 /* of an item made by an edit: feed 8, block 4, number in the block 2 */ };

typedef struct dx_editor_entry dx_editor_entry;

typedef struct dx_object_editor {
    dx_arena arena;
    const dx_alloc *alloc;
    uint8_t base[DX_BASE_SIZE];
    size_t base_size;
    bool takes_items, takes_counts;
    size_t levels;            /* of arrays and maps that a member may nest */
    int64_t own_count, shown; /* what this author counted upon the base; the integer that shows */
    dx_editor_entry *entries; /* all places in their order, some with an item */
    size_t entry_count, entry_capacity, item_count;
    dx_bytes *excluded; /* members taken out, ascending: what equals them does not show */
    size_t excluded_count;
    dx_bytes *included; /* members put in, ascending: those that equal no item show behind the items */
    size_t included_count;
    bool members_changed; /* what shows is no longer what was read: items have to be read anew */
    bool begins;          /* something stands to the right of the beginning */
    dx_buf payload;
} dx_object_editor;

/* Takes one edit; its bytes die with the call. fresh: nothing was said about this key before. */
typedef int (*dx_edit_taker)(void *ctx, uint32_t kind, dx_bytes key, dx_bytes payload, bool fresh);

void dx_object_editor_init(dx_object_editor *editor, const dx_alloc *alloc);
void dx_object_editor_deinit(dx_object_editor *editor);
/* Reads the path in a saved state (size 0: empty) of an object created at this stamp, for an author with this
 * feed. DX_E_NO_MEMORY, DX_E_CORRUPT. */
DX_MUST_USE int dx_object_editor_read(dx_object_editor *editor, const dx_stamp *created, dx_bytes saved,
                                      dx_bytes path, const uint8_t feed[static DX_FEED_PREFIX_SIZE]);

/* The number of the item equal to the value that is nearest to `at`, of two as near the one before it. DX_E_NOT_FOUND: there
 * is none; DX_E_EXISTS: it shows as a member put into the set, which has no number. Else as below. */
DX_MUST_USE int dx_object_editor_find(const dx_object_editor *editor, size_t at, dx_bytes value,
                                      size_t *found);
/* All below: DX_E_CONFLICT when something else stands there than such an edit is for, DX_E_NOT_FOUND when no item
 * has that number (members put into the set have none), DX_E_NO_MEMORY, errors of take. id: of a new item, never
 * used before. Items are not asked for when members_changed. */
DX_MUST_USE int dx_object_editor_insert(dx_object_editor *editor, size_t at, const uint8_t *id,
                                        dx_bytes value, dx_edit_taker take, void *ctx);
DX_MUST_USE int dx_object_editor_replace(dx_object_editor *editor, size_t at, dx_bytes value,
                                         dx_edit_taker take, void *ctx);
DX_MUST_USE int dx_object_editor_remove(dx_object_editor *editor, size_t at, dx_edit_taker take, void *ctx);
/* The item `from` becomes item `to`. */
DX_MUST_USE int dx_object_editor_move(dx_object_editor *editor, size_t from, size_t to, const uint8_t *id,
                                      dx_edit_taker take, void *ctx);
/* Puts a value into the set or takes it out. DX_E_LIMIT: it is larger than a member may be; DX_E_INVALID: nested
 * too deep. */
DX_MUST_USE int dx_object_editor_include(dx_object_editor *editor, dx_bytes value, bool in,
                                         dx_edit_taker take, void *ctx);
/* DX_E_LIMIT: the sum is no 64-bit integer. */
DX_MUST_USE int dx_object_editor_add(dx_object_editor *editor, int64_t by, dx_edit_taker take, void *ctx);

#endif
