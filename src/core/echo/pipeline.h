/* echo/pipeline.h: blocks in, state out: the one path of own and remote blocks.
 *
 * Layer: floor 1, echo. Control feeds first (their credentials decide what data may count), then data feeds
 * in any order that satisfies each block's dependencies. A block whose dependency is missing waits (counted,
 * reported); one that names a root we know to be different is refused and freezes its feed; a section that
 * does not open or is malformed is refused, counted and kept. The state never depends on the order taken. */
#ifndef DX_ECHO_PIPELINE_H
#define DX_ECHO_PIPELINE_H

#include "echo/entity_row.h"
#include "echo/mutation.h"

/* What an applied block changed, for subscriptions; key order of application. */
typedef struct dx_change {
    int64_t key;
    bool created, deleted;               /* deleted: present flag after the change */
    int64_t space, type, source, target; /* its space, and what never changes of it, as in its row */
    size_t
        operation; /* the place of its operation among those kept, from 1; 0: not kept, or something else was done */
} dx_change;

/* One operation of a model, as its author said it. */
typedef struct dx_said {
    int64_t feed; /* the author's, its local number */
    dx_bytes operation;
} dx_said;

typedef struct dx_changes {
    dx_change *items;
    size_t count,
        capacity; /* bounded: beyond DX_CHANGES_MAX `overflow` is set and subscribers re-run their query */
    bool overflow;
    const dx_alloc *alloc;
    /* Whose operations are kept with their changes, up to DX_CHANGES_SAID_MAX bytes in all. NULL: nobody's. */
    bool (*wants)(void *ctx, int64_t space, int64_t key);
    void *wants_ctx;
    dx_buf said;
} dx_changes;

void dx_changes_init(dx_changes *changes, const dx_alloc *alloc);
void dx_changes_deinit(dx_changes *changes);
void dx_changes_clear(dx_changes *changes); /* memory kept */

/* DX_E_NO_MEMORY. */
DX_MUST_USE int dx_changes_add(dx_changes *changes, const dx_change *change);
/* What a row has become, among context->changes, when somebody wants to know. said: by this operation and nothing else; NULL:
 * otherwise. DX_E_NO_MEMORY. */
DX_MUST_USE int dx_changes_note(dx_context *context, const dx_space *space, const dx_entity_row *row,
                                bool created, const dx_said *said);
/* The operation that was kept with a change; false: none was. It is borrowed until the next one is noted. */
bool dx_changes_said(const dx_changes *changes, const dx_change *change, dx_said *out);

/* Processes at most `budget` blocks, of which a large one counts as several (DX_STEP_SECTIONS). *more tells that there is more to do now. What changed is added to
 * context->changes. */
DX_MUST_USE int dx_pipeline_run(dx_context *context, dx_space *space, size_t budget, bool *more);
/* When a space was loaded: what was applied before and stands in no row yet is applied again, as far as it was; nobody
 * is told, nothing is counted twice. */
DX_MUST_USE int dx_pipeline_replay(dx_context *context, dx_space *space);
/* Why stored blocks wait, one line for people ("feed 3 waits for block 12 of feed 5"); false when nothing
 * waits. */
bool dx_pipeline_waiting(dx_context *context, dx_space *space, char *out, size_t size);

/* --- For the rooms of echo that write ------------------------------------------------------------ */

/* Appends a block of these encoded sections to an own feed. declares: names what went on in other feeds since
 * its previous block; the later blocks of one transaction do not. */
DX_MUST_USE int dx_pipeline_append(dx_context *context, dx_space *space, int64_t local, uint64_t flags,
                                   dx_bytes items, size_t count, bool declares);
/* The stamp that the next block of an own data feed gets when it declares; of each block after it in the same
 * transaction one more. */
DX_MUST_USE int dx_pipeline_next_stamp(dx_context *context, dx_space *space, int64_t local, dx_stamp *out);
/* Decodes a block into the space's scratch, where it stays until the next one. DX_E_CORRUPT. */
DX_MUST_USE int dx_pipeline_block(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t seq,
                                  dx_block *out);
/* Goes over whole transactions [*at, before) of a feed, which are in effect, and raises the vector by what they declare.
 * DX_E_INVALID: `before` stands inside a transaction. */
DX_MUST_USE int dx_pipeline_walk(dx_context *context, dx_space *space, const dx_feed *feed, uint64_t before,
                                 uint64_t *at, dx_timeframe *vector, size_t *budget);
/* What own blocks say, as whoever sealed them still has it, so that it need not be opened again: every section's size (4
 * bytes, native order) and plaintext, in the order in which they are applied. */
typedef struct dx_spoken {
    dx_bytes sections;
    uint64_t seq; /* of the first block */
    size_t at;    /* of the next section */
} dx_spoken;

/* The same as dx_pipeline_settle for a data feed whose blocks from spoken->seq on say this. */
DX_MUST_USE int dx_pipeline_settle_spoken(dx_context *context, dx_space *space, int64_t local,
                                          dx_spoken *spoken);
/* Applies all that an own feed holds. DX_E_LIMIT: the control state takes no more credentials from it. */
DX_MUST_USE int dx_pipeline_settle(dx_context *context, dx_space *space, int64_t local);

#endif
