/* echo/entity.h: ids, keys and rows of objects and links.
 *
 * Layer: floor 1, echo. Table entity (docs/spec/entities.md). */
#ifndef DX_ECHO_ENTITY_H
#define DX_ECHO_ENTITY_H

#include "echo/space.h"

typedef enum dx_entity_kind { DX_ENTITY_OBJECT = 0, DX_ENTITY_LINK = 1 } dx_entity_kind;

/* --- Ids: bytes on the wire and in tag 39, integers inside, text for people -------------------- */

int64_t dx_entity_key(int64_t feed_local, uint64_t seq, uint64_t index);
int64_t dx_entity_key_feed(int64_t key);
uint64_t dx_entity_key_seq(int64_t key);
uint64_t dx_entity_key_index(int64_t key);
/* Key of an id in this vault; DX_E_NOT_FOUND when its feed is not known here. */
DX_MUST_USE int dx_id_to_key(dx_space *space, const uint8_t id[static DX_ID_SIZE], int64_t *key);
DX_MUST_USE int dx_key_to_id(dx_space *space, int64_t key, uint8_t id[static DX_ID_SIZE]);
/* SEQ-INDEX-FEED. The feed part may be shortened to any unique prefix, or left out with its dash when only
 * one feed has that place. DX_E_INVALID form, DX_E_NOT_FOUND, DX_E_CONFLICT ambiguous. */
DX_MUST_USE int dx_id_parse(dx_context *context, dx_space *space, dx_bytes text, int64_t *key);
/* The same, where nothing stands at that place here, by the feed alone. */
DX_MUST_USE int dx_id_parse_any(dx_context *context, dx_space *space, dx_bytes text, int64_t *key);
void dx_id_print(const uint8_t id[static DX_ID_SIZE], char out[static DX_ID_TEXT_MAX]);
/* The id of what has the key as a text; null for key 0. DX_E_CORRUPT: its feed is not here. */
DX_MUST_USE int dx_id_write(dx_space *space, int64_t key, dx_writer *out);

/* --- Reading ------------------------------------------------------------------------------------- */

typedef struct dx_entity {
    int64_t key;
    dx_entity_kind kind;
    int64_t type_id; /* row of table type */
    dx_bytes type;   /* UTF-8, size 0: none; dies with the next dx_type_ call */
    /* NULL: not known to this program; state is then not readable and data shows as null. */
    const dx_model *model;
    int64_t model_id; /* row of table type */
    uint64_t created; /* counter of the creating stamp; its feed is the key's */
    bool deleted;
    int64_t parent, source, target; /* keys, 0: none */
    dx_bytes state; /* the model's saved bytes, size 0: nothing ever happened to it; dies with the next store
                       call */
} dx_entity;

/* What dx_entity_of_row reads, in this order: SELECT DX_ENTITY_COLUMNS FROM entity. */
#define DX_ENTITY_COLUMNS                                                                                    \
    "entity.key, entity.kind, entity.type, entity.model, entity.created, entity.parent, entity.deleted, "    \
    "entity.source, entity.target, entity.state"
enum { DX_ENTITY_COLUMN_COUNT = 10 };

DX_MUST_USE int dx_entity_read(dx_context *context, dx_space *space, int64_t key,
                               dx_entity *out); /* DX_E_NOT_FOUND */
/* From a statement that stands on a row whose columns begin, at `column`, with DX_ENTITY_COLUMNS. */
DX_MUST_USE int dx_entity_of_row(dx_context *context, dx_space *space, sqlite3_stmt *row, int column,
                                 dx_entity *out);
/* The value people and queries see, one canonical item: the model's view, null when the model is not known.
 * Scratch memory is the space's. */
DX_MUST_USE int dx_entity_view(dx_context *context, dx_space *space, const dx_entity *entity, dx_writer *out);
/* The row as people see it, one map: {"id","type","parent","data","deleted"} or
 * {"id","source","target","type","data","deleted"}; ids are texts, a missing type or parent is null. */
DX_MUST_USE int dx_entity_write(dx_context *context, dx_space *space, const dx_entity *entity,
                                dx_writer *out);
/* Appends the same in at most DX_ROW_SIZE_MAX bytes. Of an entity whose data do not fit, they are null, and a last
 * key "omitted" holds the size of its state in bytes: one large object hides no other. */
DX_MUST_USE int dx_entity_write_row(dx_context *context, dx_space *space, const dx_entity *entity,
                                    dx_buf *out);

/* The data of an object as maps {path: value…} of about DX_PIECE_SIZE or of one value: set on an empty object, they give
 * the same data. None when they are empty or not known. Scratch memory is the space's. DX_E_LIMIT: its state is larger
 * than DX_PIECES_STATE_SIZE_MAX; a callback's error ends it and is returned. */
DX_MUST_USE int dx_entity_write_pieces(dx_context *context, dx_space *space, const dx_entity *entity,
                                       int (*on_piece)(void *ctx, dx_bytes set), void *ctx);

#endif
