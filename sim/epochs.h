/* sim/epochs.h: people who make epochs and let history go, and what is remembered of it.
 *
 * Layer: simulator; looks inside the core, like the checkers. One world in EPOCHS_RARITY (fault.c) has them: the owner and
 * an admin make epochs, all of them drop what lies below, vaults do both by themselves where the plan says so, and
 * somebody stays away for long and writes. Where there is a liar, it may be a second admin, whose epochs are none.
 *
 * The linker puts calls in the place of four functions of the core (epochs.c): before a vault lets go of blocks each is
 * kept here with its roots, so that the reference (check_state.h) still has all operations of everybody; and a vault that
 * begins to drop history is asked then whether it may. */
#ifndef DX_SIM_EPOCHS_H
#define DX_SIM_EPOCHS_H

#include "node/state.h"
#include "world.h"

enum { SIM_EPOCHS_MAX = 256, SIM_ARCHIVE_BUCKETS = 1 << 12 };

/* A block that somebody once had: from the root before it to the root after it. Roots bind feed, number and content. */
typedef struct sim_kept_block {
    struct sim_kept_block *next;
    uint8_t after[DX_HASH_SIZE], before[DX_HASH_SIZE];
    size_t size;
    uint8_t body[];
} sim_kept_block;

/* An epoch as it was said. */
typedef struct sim_epoch {
    uint8_t id[DX_HASH_SIZE];
    uint64_t made_ms;
    bool wrong; /* the liar's: not the state at its cut */
} sim_epoch;

struct sim_epochs {
    sim_kept_block *blocks[SIM_ARCHIVE_BUCKETS];
    sim_epoch said[SIM_EPOCHS_MAX];
    size_t said_count;
    bool impatient; /* somebody drops history without waiting for the window */
};

/* Whose node this is. */
sim_peer *sim_peer_of(const dx_alloc *alloc);
/* The last one that was said under this id was none. */
void sim_epochs_mark_wrong(sim_world *world, const uint8_t id[static DX_HASH_SIZE]);
const sim_epoch *sim_epochs_find(const sim_world *world, const uint8_t id[static DX_HASH_SIZE]);

/* --- epochs_archive.c ---------------------------------------------------------------------------------------- */
/* Keeps blocks [begins, end) of a branch as this vault has them. Inside an open transaction. */
void sim_archive_take(sim_epochs *epochs, const dx_feed *feed, dx_store *store, uint64_t end);
/* The block after which the root is this one; NULL: nobody ever let go of it. */
const sim_kept_block *sim_archive_find(const sim_epochs *epochs, const uint8_t after[static DX_HASH_SIZE]);
/* What all vaults that are up still have, too. */
void sim_archive_take_all(sim_world *world);
void sim_archive_free(sim_epochs *epochs);

#endif
