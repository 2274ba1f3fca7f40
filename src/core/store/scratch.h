/* store/scratch.h: a connection to nothing: an empty database in memory, for SQL that people write.
 *
 * Layer: floor 1, store. What runs there sees no table but those its owner gives it by modules, and can reach no file:
 * nothing may be attached, nothing is loaded, temporary data stay in memory. Limits of size and depth are set so that
 * no single step of SQLite's machine takes long, whatever is asked (base/limits.h, sql).
 * Ownership: close before the store. */
#ifndef DX_STORE_SCRATCH_H
#define DX_STORE_SCRATCH_H

#include "store/store.h"

/* DX_E_NO_MEMORY; DX_E_STORE. */
DX_MUST_USE int dx_scratch_open(dx_store *store, sqlite3 **out);
/* Every statement is finalized. NULL: nothing to do. */
void dx_scratch_close(sqlite3 *scratch);
/* The clock of the disk's VFS, in milliseconds: to end what takes too long, and for nothing else. One that stands still (the
 * simulator's, a browser's) ends nothing. */
int64_t dx_scratch_clock_ms(const dx_store *store);

#endif
