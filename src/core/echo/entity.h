/* echo/entity.h: ids, keys and rows of objects and links.
 *
 * Layer: floor 1, echo. Table entity (docs/spec/entities.md). */
#ifndef DX_ECHO_ENTITY_H
#define DX_ECHO_ENTITY_H

#include "echo/space.h"

typedef enum dx_entity_kind { DX_ENTITY_OBJECT = 0, DX_ENTITY_LINK = 1 } dx_entity_kind;

/* --- Ids: bytes on the wire and in tag 39, integers inside, text for people -------------------- */

int64_t dx_entity_key(int64_t feed_local, uint64_t seq, uint64_t index);
/* Key of an id in this vault; DX_E_NOT_FOUND when its feed is not known here. */
DX_MUST_USE int dx_id_to_key(dx_space *space, const uint8_t id[static DX_ID_SIZE], int64_t *key);
DX_MUST_USE int dx_key_to_id(dx_space *space, int64_t key, uint8_t id[static DX_ID_SIZE]);
/* SEQ-INDEX-FEED. The feed part may be shortened to any unique prefix, or left out with its dash when only one feed has that place.
 * DX_E_INVALID form, DX_E_NOT_FOUND, DX_E_CONFLICT ambiguous. */
DX_MUST_USE int dx_id_parse(dx_context *context, dx_space *space, dx_bytes text, int64_t *key);
void dx_id_print(const uint8_t id[static DX_ID_SIZE], char out[static DX_ID_TEXT_MAX]);

/* --- Reading ------------------------------------------------------------------------------------- */

typedef struct dx_entity {
    int64_t key;
    dx_entity_kind kind;
    dx_bytes type; /* UTF-8, size 0: none */
    bool deleted;
    int64_t parent, source, target; /* keys, 0: none */
    dx_bytes state;                 /* the model's saved bytes; dies with the next store call */
} dx_entity;

DX_MUST_USE int dx_entity_read(dx_context *context, dx_space *space, int64_t key, dx_entity *out); /* DX_E_NOT_FOUND */
/* The row as people see it, one map: {"id","type","parent","data","deleted"} or {"id","source","target","type","data"}. */
DX_MUST_USE int dx_entity_write(dx_context *context, dx_space *space, const dx_entity *entity, dx_writer *out);

#endif
