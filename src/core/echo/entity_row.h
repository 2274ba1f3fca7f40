/* echo/entity_row.h: the one door to table `entity`: every row is written here, and every single row is read here.
 *
 * Rows follow the blocks (docs/decisions/0025): what is written here stands in a bounded set in memory first, which
 * reading by key looks into, and reaches the tables in the order of keys, together with what is derived from it and
 * with how far each feed was applied: dx_entity_rows_write. Whoever asks the tables by anything but a key has them
 * settled first. In between the set is put on the disk by a log (row_log.h). After a crash the set is what the log has, and
 * the blocks beyond what the feeds say are applied again (pipeline.h).
 *
 * Layer: floor 1, echo, private to this room. Who changes an entity reads its row, makes the row it shall be, and
 * gives both; whoever asks for one entity by its key reads it here too. So rows and what is derived from them change
 * together, and only this file knows how a row reaches the disk.
 *
 * What derived tables (property indexes, full-text, hierarchy) may rely on: write_derived in entity_row.c is called exactly
 * once for every row that changes in its table, with the row as the table has it (NULL: there is none) and as it will
 * be (NULL: none any more), inside the transaction that makes the change durable, before the row itself is written,
 * while both states can be read. Several changes of an entity may come as one. Key, kind, type, created, source and
 * target are the same before and after, parent is what shows (hierarchy.h); where they are not, since another branch of a forked feed made another
 * entity at that place, it is two calls: gone, and made. Rows of a
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
/* Somebody is about to change what stands at the key, if anything: the next reading finds it in memory. */
DX_MUST_USE int dx_entity_row_hold(dx_context *context, dx_space *space, int64_t key);
/* The same without a row: DX_OK or DX_E_NOT_FOUND. */
DX_MUST_USE int dx_entity_row_find(dx_context *context, dx_space *space, int64_t key);
/* The parent that shows, 0: none, or nothing stands at the key. */
DX_MUST_USE int dx_entity_row_parent(dx_context *context, dx_space *space, int64_t key, int64_t *parent);
/* Whether any row may have the key for its parent; false: none has. */
DX_MUST_USE int dx_entity_row_has_child(dx_context *context, dx_space *space, int64_t key, bool *has);
/* From before to after, either of them NULL, both of one key. after->state may be the space's scratch, before->state what
 * dx_entity_row_read gave. */
DX_MUST_USE int dx_entity_row_write(dx_context *context, dx_space *space, const dx_entity_row *before,
                                    const dx_entity_row *after);
/* Notes that a section of a block changed an entity that stands elsewhere (withdraw.h). */
DX_MUST_USE int dx_entity_row_touch(dx_context *context, dx_space *space, int64_t key, uint64_t counter,
                                    const dx_feed *feed, uint64_t seq, uint64_t section);
/* Brings the tables to what the space is: rows, what is derived from them, touches, and how far its feeds were applied.
 * Every block is as good as applied whole when this is called. */
DX_MUST_USE int dx_entity_rows_write(dx_context *context, dx_space *space);
/* Touches alone, for who asks for them while a block is being applied; rows hurry then, too. */
DX_MUST_USE int dx_entity_rows_write_touches(dx_context *context, dx_space *space);
/* Brings the log of rows (row_log.h) to what the space is: as good after a crash as dx_entity_rows_write, and costs as much as
 * what changed since the last time, wherever it stands. The tables stay behind. */
DX_MUST_USE int dx_entity_rows_log(dx_context *context, dx_space *space);
/* What the log has, into memory; once, when the space is opened. */
DX_MUST_USE int dx_entity_rows_load(dx_context *context, dx_space *space);
/* The one when more stands in memory than may, the other when more would have to be made again than may. */
DX_MUST_USE int dx_entity_rows_bound(dx_context *context, dx_space *space);
/* Something that follows from the block under way was written to a table of its own: the rows go with it, when the block
 * is applied, so that it is never applied again beside what it left there. */
void dx_entity_rows_hurry(dx_space *space);
/* Before the tables are asked by anything but a key: they tell the truth until this transaction ends. On a full disk
 * what is not in them yet is shown by them and undone afterwards. */
DX_MUST_USE int dx_entity_rows_settle(dx_context *context, dx_space *space);
/* The same where only objects of types of the house's own are asked for. */
DX_MUST_USE int dx_entity_rows_settle_house(dx_context *context, dx_space *space);
/* The same where only strong references are asked for (referrer.h). */
DX_MUST_USE int dx_entity_rows_settle_strong(dx_context *context, dx_space *space);
/* Whether something stands in memory that the tables have not; what a crash would cost to make again of it, for it is in no log,
 * in changes of rows that are at hand; and how many rows. */
bool dx_entity_rows_wait(const dx_space *space);
size_t dx_entity_rows_changes(const dx_space *space);
size_t dx_entity_rows_held(const dx_space *space);
/* Adds to both what the living among such rows make of what the tables count (dx_space_count). */
DX_MUST_USE int dx_entity_rows_count(dx_context *context, dx_space *space, int64_t *objects, int64_t *links);
/* A space's set of rows that are not written; NULL: no memory. */
struct dx_unwritten *dx_entity_rows_create(dx_context *context);
void dx_entity_rows_destroy(const dx_alloc *alloc, struct dx_unwritten *rows);
/* Of a forgotten space: removes at most *budget rows of the feed's entities, with all that was derived from them, and
 * takes them from the budget. */
DX_MUST_USE int dx_entity_rows_drop(dx_context *context, int64_t feed, size_t *budget);

#endif
