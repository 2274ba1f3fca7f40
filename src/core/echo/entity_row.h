/* echo/entity_row.h: the one door to table `entity`: every row is written here, and every single row is read here.
 *
 * Layer: floor 1, echo, private to this room. Who changes an entity reads its row, makes the row it shall be, and
 * gives both; whoever asks for one entity by its key reads it here too. So rows and what is derived from them change
 * together, and only this file knows how a row reaches the disk.
 *
 * What derived tables (property indexes, full-text, hierarchy) may rely on: dx_entity_row_write is called exactly once
 * for every row that changes, with the row before (NULL: there was none) and the row after (NULL: there is none any
 * more), inside the transaction that makes the change durable, before the row itself is written, while both states can
 * be read. They hang on write_derived in entity_row.c. Key, kind, type, created, source and target are the same before
 * and after; parent is what shows (hierarchy.h). An entity that is made again (withdraw.h) is first removed and then written anew. Rows of a
 * forgotten space go by ranges of keys, without a call for each: dx_entity_rows_drop.
 *
 * Ownership: the state of a row that was read dies with the next call on a row. */
#ifndef DX_ECHO_ENTITY_ROW_H
#define DX_ECHO_ENTITY_ROW_H

#include "echo/entity.h"

typedef struct dx_entity_row {
    int64_t key;
    int64_t kind;    /* dx_entity_kind */
    int64_t type;    /* row of table type */
    int64_t model;   /* likewise; negative: state is the list of its operations (docs/spec/entities.md) */
    int64_t created; /* counter of the creating stamp; its feed is the key's */
    int64_t parent, source, target; /* keys, 0: none */
    bool deleted, has_life;
    int64_t life_counter, life_feed; /* of the deletion or restoration that holds, when has_life */
    dx_bytes state;                  /* the model's saved bytes, size 0: none */
} dx_entity_row;

/* From a statement that stands on a row whose columns begin, at `column`, with DX_ENTITY_COLUMNS; has_life and what
 * belongs to it are not among them. */
dx_entity_row dx_entity_row_of(sqlite3_stmt *row, int column);
/* What the row says, for those who read entities: types and models by name. Views live as long as the row's. */
DX_MUST_USE int dx_entity_row_show(dx_context *context, dx_space *space, const dx_entity_row *row,
                                   dx_entity *out);
/* DX_E_NOT_FOUND: nothing stands at the key. */
DX_MUST_USE int dx_entity_row_read(dx_context *context, dx_space *space, int64_t key, dx_entity_row *out);
/* The same without a row: DX_OK or DX_E_NOT_FOUND. */
DX_MUST_USE int dx_entity_row_find(dx_context *context, dx_space *space, int64_t key);
/* The parent that shows, 0: none, or nothing stands at the key. */
DX_MUST_USE int dx_entity_row_parent(dx_context *context, dx_space *space, int64_t key, int64_t *parent);
/* Whether any row has the key for its parent. */
DX_MUST_USE int dx_entity_row_has_child(dx_context *context, dx_space *space, int64_t key, bool *has);
/* From before to after, either of them NULL, both of one key; type.live follows. after->state may be the space's
 * scratch, before->state what dx_entity_row_read gave. */
DX_MUST_USE int dx_entity_row_write(dx_context *context, dx_space *space, const dx_entity_row *before,
                                    const dx_entity_row *after);
/* Of a forgotten space: removes at most *budget rows of the feed's entities, with all that was derived from them, and
 * takes them from the budget. */
DX_MUST_USE int dx_entity_rows_drop(dx_context *context, int64_t feed, size_t *budget);

#endif
