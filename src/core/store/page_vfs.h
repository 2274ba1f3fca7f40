/* store/page_vfs.h: a SQLite VFS that encrypts: everything SQLite writes through it leaves as sealed units.
 *
 * Layer: floor 1, store. Stands between SQLite and the VFS below ("unix", OPFS, the simulator's), one
 * instance per store, which holds the key; nothing about it is process-wide but SQLite's own list of VFS
 * names. It serves one database in WAL mode with locking_mode=EXCLUSIVE and 4096-byte pages with 40
 * reserved bytes:
 *   - offsets below are the offsets SQLite uses; only contents differ (docs/spec/vault-file.md);
 *   - a file of no bytes reads as an empty database already in WAL mode, so creating a vault writes no
 *     rollback journal and has no half-made state: the log holds the first transaction or nothing does;
 *   - writes are gathered in a run of adjacent units, sealed together with fresh nonces and written by one
 *     call when the run breaks, is full, or SQLite syncs. An error shows at the latest at the sync of the
 *     same commit or checkpoint;
 *   - reading page 1's header never fails (a checkpoint may have been torn there): when the page does not
 *     authenticate, the header of an empty database answers, and the log, or the read of the whole page,
 *     decides;
 *   - while the log is recovered (SQLite reads whole frames only then), a frame that does not authenticate
 *     reads as zeros and ends the recovery, unless what follows proves that it had been durable: then it is
 *     damage;
 *   - anywhere else, what does not authenticate is SQLITE_IOERR_DATA; never zeros, never old bytes;
 *   - rollback journals are neither seen nor made; temporary files live in memory (temp_file.h).
 * POWERSAFE_OVERWRITE is always claimed: no unit's sealing depends on a neighbour, so a write below never
 * rewrites bytes that were durable, and SQLite need not split a frame at a sector's end. What the disk
 * below must keep is that a write which loses power leaves the bytes beside it alone.
 * Ownership: destroy after the database handle is closed. */
#ifndef DX_STORE_PAGE_VFS_H
#define DX_STORE_PAGE_VFS_H

#include "store/page_seal.h"

#include <sqlite3.h>

typedef struct dx_page_vfs dx_page_vfs;

/* What the first unit that did not authenticate was, for a message. */
typedef enum dx_page_damage_kind {
    DX_DAMAGE_NONE,
    DX_DAMAGE_FOREIGN,    /* page 1 does not begin as a vault file does */
    DX_DAMAGE_PAGE,       /* number: the page; page 1 also when the key is not the vault's */
    DX_DAMAGE_FRAME,      /* number: the log frame */
    DX_DAMAGE_LOG_HEADER, /* the log's first 32 bytes, though frames follow */
    DX_DAMAGE_LOG_OLD     /* none: its frames are sealed as before docs/decisions/0036 */
} dx_page_damage_kind;

typedef struct dx_page_damage {
    dx_page_damage_kind kind;
    uint64_t number;
} dx_page_damage;

/* Since the instance was made: what opening, commits, checkpoints and the log's growing cost. */
typedef struct dx_page_counts {
    uint64_t syncs, pages_written;
} dx_page_counts;

/* below NULL: SQLite's default VFS. Takes copies of both ports' addresses and of the key.
 * DX_E_NO_MEMORY, DX_E_INVALID (no such VFS below). */
DX_MUST_USE int dx_page_vfs_create(const dx_alloc *alloc, const dx_random *random, const char *below,
                                   const uint8_t key[static DX_PAGE_KEY_SIZE], dx_page_vfs **out);
void dx_page_vfs_destroy(dx_page_vfs *vfs);
/* The name to open a database by; registered from create to destroy. */
const char *dx_page_vfs_name(const dx_page_vfs *vfs);
/* Whether a file is there, as the VFS below sees it. Returns SQLite's result. */
DX_MUST_USE int dx_page_vfs_exists(dx_page_vfs *vfs, const char *path, bool *exists);

/* After recovery, before the first commit: writes the last transactions of the log once more, as they are,
 * and syncs. A sync that failed before may have left bytes that read well and are not on the disk; they must
 * be before a frame claims so. Returns SQLite's result. */
DX_MUST_USE int dx_page_vfs_settle(dx_page_vfs *vfs);
/* Whether the database file below has no bytes yet: all there is stands in the log. */
bool dx_page_vfs_is_unwritten(dx_page_vfs *vfs);
/* Appends zeros to the log and syncs it, so that the commits to come overwrite what has its place on the disk
 * already: a sync after an append waits for the file's size too. Recovery takes zeros for the log's end. Only
 * between transactions; without a log nothing happens. Returns SQLite's result. */
DX_MUST_USE int dx_page_vfs_grow_log(dx_page_vfs *vfs, size_t size_bytes);
/* Around one checkpoint of SQLite's, with no other use of the database in between: pages go from the log to the database as they
 * are sealed, neither opened nor sealed again. Returns SQLite's result; when that is an error, the end is not to be called. */
DX_MUST_USE int dx_page_vfs_begin_checkpoint(dx_page_vfs *vfs);
void dx_page_vfs_end_checkpoint(dx_page_vfs *vfs);
/* Bytes of the log file, 0 when there is none. */
int64_t dx_page_vfs_log_size(dx_page_vfs *vfs);

/* --- For who looks over everything (check.c); SQLite's results, unauthenticated bytes are no error here ---
 */

/* Pages of the file below, a part of one counted as one. */
uint64_t dx_page_vfs_pages(dx_page_vfs *vfs);
DX_MUST_USE int dx_page_vfs_check_page(dx_page_vfs *vfs, uint64_t number, bool *intact);
/* The first of the log's first `frames` frames that does not authenticate, 0: none. */
DX_MUST_USE int dx_page_vfs_check_log(dx_page_vfs *vfs, uint64_t frames, uint64_t *damaged);
/* Whether one of them holds this page. */
DX_MUST_USE int dx_page_vfs_log_has(dx_page_vfs *vfs, uint64_t frames, uint64_t page, bool *has);

dx_page_counts dx_page_vfs_counts(const dx_page_vfs *vfs);
dx_page_damage dx_page_vfs_damage(const dx_page_vfs *vfs);

#endif
