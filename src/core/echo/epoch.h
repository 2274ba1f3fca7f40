/* echo/epoch.h: building on an epoch: loading the state at its cut, and dropping what lies below it.
 *
 * Layer: floor 1, echo, over snapshot.h. docs/spec/epoch.md. Which epoch, and whether it may be relied on, is the
 * caller's: he read the credentials. What a vault builds on is its *base*: the cut below which it has no blocks any
 * more. The base is this vault's own matter; a state never follows from it.
 *
 * A base changes in one transaction, prepared in bounded steps before and swept up in bounded steps after. A crash at
 * any write leaves a vault that opens with the same state, and dx_epoch_run goes on where it was.
 *
 * Everything under way of a space is done by dx_epoch_run; at most one of loading and compaction is. */
#ifndef DX_ECHO_EPOCH_H
#define DX_ECHO_EPOCH_H

#include "echo/snapshot.h"

typedef enum dx_epoch_stage {
    DX_EPOCH_IDLE,
    DX_EPOCH_FETCHING, /* loading: chunks are to be given (dx_load_chunk) */
    DX_EPOCH_UNPACKING, /* loading: all chunks are here, rows are made of them; data of others rests meanwhile */
    DX_EPOCH_PREPARING, /* compaction: what must outlast the blocks is written */
    DX_EPOCH_SWEEPING   /* the base is the new one; what lies below it goes */
} dx_epoch_stage;

typedef struct dx_epoch_status {
    uint64_t base; /* number of the epoch this vault builds on, 0: none, all history is here */
    dx_stamp
        horizon; /* no block below it has a later stamp: the first point history can show of what is older */
    dx_epoch_stage stage;
    uint64_t number;            /* of the epoch being loaded or built on, while it is not IDLE */
    uint8_t root[DX_HASH_SIZE]; /* of the snapshot being loaded */
    uint64_t done, total;       /* loading: chunks; preparing and sweeping: thousandths */
} dx_epoch_status;

void dx_epoch_status_of(const dx_space *space, dx_epoch_status *out);
/* The base's cut, empty without one. DX_E_NO_MEMORY. */
DX_MUST_USE int dx_epoch_base(dx_context *context, dx_space *space, dx_cut *out);
/* Goes on with what is under way, by about `budget` rows. *more: there is more to do now. A space that was loaded from
 * disk goes on where it was. */
DX_MUST_USE int dx_epoch_run(dx_context *context, dx_space *space, size_t budget, bool *more);

/* --- Loading: instead of the blocks below the cut ------------------------------------------------------ */

/* Begins, or goes on with, the load of an epoch whose snapshot has this root and manifest. Another one that was being
 * fetched is given up for it. Feeds of the cut must be known here (dx_space_add_feed). DX_E_SIGNATURE: it is not the
 * root's manifest; DX_E_STATE: the cut does not dominate the base, something is being unpacked or compacted, forks are
 * not settled; DX_E_NOT_FOUND: the key of key_epoch or a feed is not here; DX_E_FORK: the cut names what is no data feed;
 * DX_E_CONFLICT: an own feed is another one there: it was written elsewhere, and is to be renewed (space.h). What is here of
 * others' feeds and contradicts the cut gives way to it. DX_E_EXISTS: nothing is missing here below the cut; DX_E_MALFORMED: it was
 * refused before. */
DX_MUST_USE int dx_load_begin(dx_context *context, dx_space *space, const dx_snapshot_plan *plan,
                              const uint8_t root[static DX_HASH_SIZE], dx_bytes manifest);
/* One chunk, in any order, from anybody. Held against the manifest before anything is kept, and kept as it is: what it says is
 * looked at with all the others (dx_epoch_run). Durable with the transaction. DX_E_SIGNATURE: it is not that chunk (ask another
 * peer); DX_E_EXISTS: it is here already; DX_E_STATE: nothing is fetched. */
DX_MUST_USE int dx_load_chunk(dx_context *context, dx_space *space, uint64_t index, dx_bytes sealed);
/* The first chunk at or behind `from` that is not here; DX_E_NOT_FOUND: none. */
DX_MUST_USE int dx_load_missing(dx_context *context, dx_space *space, uint64_t from, uint64_t *index);
/* Gives the load up: what was fetched goes. DX_E_STATE: it is being unpacked, or nothing is loaded. */
DX_MUST_USE int dx_load_abort(dx_context *context, dx_space *space);
/* Whether what was loaded under this root turned out to be no state of a space (load_check.h). Such a load gives itself up,
 * in dx_epoch_run, before anything became of it, and is not begun again. */
DX_MUST_USE int dx_load_was_refused(dx_context *context, dx_space *space,
                                    const uint8_t root[static DX_HASH_SIZE], bool *refused);

/* --- Compaction: after the blocks below the cut ------------------------------------------------------ */

/* Begins to build on an epoch that this vault verified. DX_E_STATE: its cut does not stand WITHIN, something is under
 * way, or the base is that already; DX_E_UNSUPPORTED as dx_snapshot_run. */
DX_MUST_USE int dx_compact_begin(dx_context *context, dx_space *space, uint64_t number, const dx_cut *cut);
/* What it would free, about: bytes of blocks below the cut that are here. */
DX_MUST_USE int dx_compact_estimate(dx_context *context, dx_space *space, const dx_cut *cut, uint64_t *bytes);

#endif
