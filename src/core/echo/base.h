/* echo/base.h: what a space builds on here instead of the blocks below its base.
 *
 * Layer: floor 1, echo, private to this room. docs/spec/epoch.md. Of an entity that was made below the base, table base_row
 * has what it was there; where it has no row of the base's generation, nothing changed the entity since, and its own row
 * is it. So a row goes there before its entity's is first written again (entity_row.c, by dx_base_keep). Entities whose
 * model's state is no part of a snapshot always have one: the list of their operations.
 *
 * While the next base is being prepared, entities are looked at in a fixed order; for those that were looked at the same
 * is kept for the next generation, too. Which place of a base's cut an entity or a move stands at, feed->begins says. */
#ifndef DX_ECHO_BASE_H
#define DX_ECHO_BASE_H

#include "echo/cut_scan.h"
#include "echo/entity_row.h"
#include "echo/epoch.h"
#include "echo/touch_run.h"

struct dx_load;

typedef struct dx_base {
    uint64_t number; /* of the epoch; 0: none */
    int64_t generation;
    dx_epoch_stage stage;
    uint64_t goal; /* number of the epoch under way, while stage is not IDLE */
    int64_t goal_generation;
    uint64_t key_epoch;
    dx_cut cut; /* of the goal */
    uint8_t root[DX_HASH_SIZE];
    int64_t
        at; /* how far the stage is: PREPARING: the last key looked at; loading: chunks that became rows */
    int64_t last;     /* UNPACKING: the key of the entity that became a row last; 0: none has */
    dx_stamp horizon; /* no block below the base has a later stamp */

    /* Not stored. */
    dx_cut_scan *scan;    /* PREPARING, once it goes on */
    struct dx_load *load; /* FETCHING and UNPACKING, once it goes on */
    uint64_t done, total;
    size_t sweep; /* which of the things to sweep */
    dx_touch_thinning thinning;
} dx_base;

DX_MUST_USE int dx_base_create(dx_context *context, dx_space *space);
/* After the space's feeds. */
DX_MUST_USE int dx_base_load(dx_context *context, dx_space *space);
void dx_base_destroy(const dx_alloc *alloc, dx_base *base);
/* What the table has to say of stage, goal and how far it is. */
DX_MUST_USE int dx_base_save(dx_context *context, dx_space *space);
/* Works the horizon out anew from what feeds declared where they begin. */
DX_MUST_USE int dx_base_find_horizon(dx_context *context, dx_space *space);

/* Whether an entity was made below the base. */
bool dx_base_has(dx_space *space, int64_t key);
/* What an entity that was made below the base was there. Its state goes into `state`; its parent is that of its latest
 * move there. DX_E_NOT_FOUND: it is not here. Rows must be settled. */
DX_MUST_USE int dx_base_read(dx_context *context, dx_space *space, int64_t key, dx_buf *state,
                             dx_entity_row *out);
/* The entity's row is about to be written for the first time or again; before: as its table has it. */
DX_MUST_USE int dx_base_keep(dx_context *context, dx_space *space, const dx_entity_row *before);
/* Puts one in its place for a generation, whatever was there. */
DX_MUST_USE int dx_base_put(dx_context *context, int64_t generation, const dx_entity_row *row);
/* Sections of blocks that were applied are gone: a base being prepared is prepared from the beginning. Those that come
 * lie above every cut that can be one (cut.h). */
DX_MUST_USE int dx_base_prepare_again(dx_context *context, dx_space *space);
/* Data of others rests: rows are being made of what was loaded. While all of it is here, nothing is written either. */
bool dx_base_rests(const dx_space *space);

#endif
