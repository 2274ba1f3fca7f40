/* echo/index.h: indexes on properties: of the objects or links of one type, what stands at one path.
 *
 * Layer: floor 1, echo. docs/spec/query.md, Indexes. A decision of this vault: it reaches no block and no digest, and
 * two vaults of a space may have different ones. There is an entry (index, form of the value, key; index_entry.h) of every
 * entity that is not deleted and has something at the path; a form (order.h) is cut at DX_ORDER_INDEXED_MAX bytes. Invariants:
 * entries change with the row, in its transaction (dx_index_take); an index is asked only once it was built to its end
 * (ready), which dx_indexes_build does in bounded pieces, behind a watermark, while rows go on changing.
 *
 * Ownership: a space's indexes are loaded on first need and die with it. */
#ifndef DX_ECHO_INDEX_H
#define DX_ECHO_INDEX_H

#include "echo/entity_row.h"
#include "echo/order.h"

enum {
    DX_INDEXES_MAX = 64,          /* of one space: each costs every write of its type */
    DX_INDEXES_AUTOMATIC_MAX = 8, /* of these made without being asked for */
    DX_INDEX_WISHES_MAX = 32,     /* of one space: paths whose questions are counted, the newest */
    DX_INDEX_WISHED = 3           /* questions that read far more than they found, before an index is made */
};

typedef struct dx_index {
    int64_t id;
    int64_t type; /* row of table type */
    bool automatic, ready;
    int64_t built; /* watermark: entities of the type up to this key are in it */
    dx_bytes path; /* in memory of the index; size 0: a text index (full_text.h) */
} dx_index;

typedef struct dx_indexes {
    bool loaded;
    bool unfinished; /* something is to be built or removed */
    dx_index *items; /* DX_INDEXES_MAX places, taken on first need */
    size_t count;
    dx_buf before, after, scratch, listed;
} dx_indexes;

dx_indexes *dx_indexes_create(const dx_alloc *alloc); /* NULL: no memory */
void dx_indexes_destroy(dx_indexes *indexes, const dx_alloc *alloc);
/* Those of a space, loaded when they were not. */
DX_MUST_USE int dx_indexes_load(dx_context *context, dx_space *space);
/* NULL: none that is ready; path of size 0: the type's text index. Dies with the next call that makes or removes one. */
const dx_index *dx_index_find(dx_space *space, int64_t type, dx_bytes path);

/* One row changes (entity_row.h): entries follow. */
DX_MUST_USE int dx_index_take(dx_context *context, dx_space *space, const dx_entity_row *before,
                              const dx_entity_row *after);
/* Makes an index on entities of a type, of objects or of links, path of size 0: a text index; one that was made automatically becomes a declared one.
 * DX_E_INVALID no path, DX_E_EXISTS, DX_E_LIMIT. */
DX_MUST_USE int dx_index_add(dx_context *context, dx_space *space, dx_type_kind kind, dx_bytes type,
                             dx_bytes path);
/* DX_E_NOT_FOUND. Its entries go in pieces: dx_indexes_build. */
DX_MUST_USE int dx_index_remove(dx_context *context, dx_space *space, dx_type_kind kind, dx_bytes type,
                                dx_bytes path);
/* A question of this type and path read far more than it found. After a few of them, counted on the disk, the index is
 * made. */
DX_MUST_USE int dx_index_wish_for(dx_context *context, dx_space *space, int64_t type, dx_bytes path);
/* Goes on with what is not built or not removed yet, at most `budget` rows; *more: call again. */
DX_MUST_USE int dx_indexes_build(dx_context *context, dx_space *space, size_t budget, bool *more);
/* Of a forgotten space: removes at most *budget rows and takes them from it. */
DX_MUST_USE int dx_indexes_drop(dx_context *context, int64_t space, size_t *budget);

#endif
