/* store/store.h: the vault file: one SQLite database, every page encrypted, one writer.
 *
 * Layer: floor 1, store (base; libsodium and SQLite). The disk is reached only through the SQLite VFS named
 * in the configuration (natively "unix", in the simulator a faulty one, in the browser OPFS);
 * store/page_vfs.h stacks page encryption on it (docs/spec/vault-file.md). WAL, synchronous=FULL,
 * locking_mode=EXCLUSIVE (no shared memory), the log bounded by checkpoints to about 8 MB, temporary data in
 * memory only. Invariants: all statements run inside dx_store_begin … commit/rollback. An error of the host's
 * or of the data dooms the transaction: statements do nothing from then on, and commit rolls back and tells
 * that error. After a failed commit the outcome is unknown and the store is poisoned: close and open again.
 * Ownership: the store owns its statements; prepared statements are cached by the address of their SQL text,
 * which must be a string literal. */
#ifndef DX_STORE_STORE_H
#define DX_STORE_STORE_H

#include <dxos/base.h>
#include <sqlite3.h>

enum {
    DX_STORE_TOKEN_SIZE = 16,
    DX_STORE_PAGE_KEY_SIZE = 32,
    DX_STORE_MESSAGE_SIZE = 256,
    DX_STORE_DAMAGED_NAMED = 8
};

typedef struct dx_store dx_store;

typedef struct dx_store_config {
    const dx_alloc *alloc;
    const dx_random *random;
    const dx_tracer *tracer; /* may be NULL */
    const char *vfs;         /* name of a registered SQLite VFS, NULL for the default one */
    const char *path;        /* of the vault file; beside it, while open, lies its log: path + "-wal" */
    uint8_t page_key[DX_STORE_PAGE_KEY_SIZE];
    uint8_t expected_token[DX_STORE_TOKEN_SIZE]; /* what the host mirrored outside the vault's folder at the
                                                    last open */
    bool has_expected_token;
    bool same_file;      /* the host saw the same device and inode as at the last open */
    bool create;         /* may create; otherwise DX_E_NOT_FOUND */
    bool read_when_full; /* a vault whose token finds no room on the disk opens for reading only */
    bool is_full;        /* and this one at once: something else found no room a moment ago */
    char *message;       /* may be NULL: receives what went wrong and what to do, when opening fails */
    size_t message_size;
} dx_store_config;

/* Opens, checks header and schema version, migrates, renews the token in a committed transaction. Where that
 * finds no room, and read_when_full: opened for reading only (dx_store_is_read_only).
 * DX_E_NOT_FOUND, DX_E_BUSY (another process), DX_E_CORRUPT (wrong key, damaged: file left exactly as found),
 * DX_E_VERSION (made by a newer program: likewise), DX_E_INVALID (no such VFS, a path that begins with
 * "file:"), DX_E_STORE, DX_E_NO_SPACE, DX_E_NO_MEMORY. */
DX_MUST_USE int dx_store_open(const dx_store_config *config, dx_store **out);
/* A healthy store copies its log into the vault file and removes it; a poisoned one leaves both as they are.
 */
void dx_store_close(dx_store *store);

/* The token of this opening, for the host to mirror before anything is written to an own feed; NULL while
 * the store is read-only, when there is none and nothing to mirror. */
const uint8_t *dx_store_token(const dx_store *store);
/* True when this vault may be a copy: it was not created by this opening, and the token expected is neither
 * its last one nor the one before (an opening may have died before its token was mirrored), or none was
 * given, or the file is another. */
bool dx_store_is_clone(const dx_store *store);

/* Every writing statement is refused with DX_E_NO_SPACE until dx_store_renew. */
bool dx_store_is_read_only(const dx_store *store);
/* Tries once more to renew the token, outside a transaction. DX_OK: the token is new, and once the host has
 * mirrored it the store is written as usual. DX_E_NO_SPACE: still full, nothing changed. Otherwise poisoned.
 */
DX_MUST_USE int dx_store_renew(dx_store *store);

/* A number of the open transaction that no other one has. */
uint64_t dx_store_transaction(const dx_store *store);
/* In a store that is opened for reading only: what is written between these two can be read until the transaction ends,
 * and is undone then. Nothing of it reaches the disk. */
DX_MUST_USE int dx_store_begin_draft(dx_store *store);
DX_MUST_USE int dx_store_end_draft(dx_store *store);

/* SQLite's transaction begins with the first statement; what fails then spoils this one. */
DX_MUST_USE int dx_store_begin(dx_store *store);
/* Durable when DX_OK. An error that doomed the transaction, or that nobody read: rolled back, the store goes
 * on. Otherwise poisoned. */
DX_MUST_USE int dx_store_commit(dx_store *store);
/* Nothing to do outside a transaction. */
void dx_store_rollback(dx_store *store);
bool dx_store_poisoned(const dx_store *store);
/* Text of the last failure, for people. */
const char *dx_store_message(const dx_store *store);
/* Bytes of the log file, for status. */
int64_t dx_store_wal_bytes(const dx_store *store);
/* Syncs asked of the disk and pages encrypted since this opening began, for status and measurements. */
void dx_store_counts(const dx_store *store, uint64_t *syncs, uint64_t *pages);
/* Frames in the log since it was last begun anew: changes with every commit that wrote. */
int dx_store_log_frames(const dx_store *store);
/* Copies the log into the vault file now, outside a transaction. A failure loses nothing. */
DX_MUST_USE int dx_store_checkpoint(dx_store *store);
/* What was committed so far took something out that must not be found any more, which older frames of the log still have:
 * upkeep cuts the log off to nothing. */
void dx_store_scrub(dx_store *store);
/* Much is being taken out for good: upkeep looks, once idle, whether the file is to be made smaller. */
void dx_store_note_dropped(dx_store *store);
/* Whether there is something to do for the commits to come: at once when nobody waits for an answer, or, idle,
 * only once the store was left alone for DX_STORE_IDLE_MS. */
bool dx_store_has_upkeep(const dx_store *store, bool idle);
/* One bounded piece of it, outside a transaction: a checkpoint, or a place in the log made ahead. A failure
 * loses nothing and is left to the commit that has to do it otherwise. */
void dx_store_upkeep(dx_store *store, bool idle);
/* What is in the vault file, the log apart, and what of it nothing takes any more. */
typedef struct dx_store_room {
    uint64_t used_bytes, unused_bytes;
} dx_store_room;

DX_MUST_USE int dx_store_read_room(dx_store *store, dx_store_room *out);
/* Outside a transaction: writes all that is there anew and cuts the file off behind it. Takes memory, and room on the disk for
 * the time, for what is there; as one piece: some 10 ms of CPU a MiB. DX_E_LIMIT: more than DX_STORE_COMPACT_SIZE_MAX is in use; DX_E_NO_SPACE, DX_E_NO_MEMORY: the vault is as it was; other errors: perhaps poisoned. Upkeep does it by itself where more
 * than half of the file is unused. */
DX_MUST_USE int dx_store_compact(dx_store *store);

/* One that somebody waits for: upkeep does it next. */
typedef struct dx_store_compaction {
    bool asked; /* and not done yet */
    int error;  /* once it is not asked any more */
    dx_store_room before, after;
} dx_store_compaction;

void dx_store_ask_compact(dx_store *store);
const dx_store_compaction *dx_store_compaction_of(const dx_store *store);
/* Reads everything there is and compares it (for people who ask): DX_E_CORRUPT with what was found in the
 * message: which pages of the file, which frame of the log, or which table. Outside a transaction; takes as
 * long as the vault is large. */
DX_MUST_USE int dx_store_check(dx_store *store);

/* How far a check in slices is; begins as zeros. page and pages are for progress. */
typedef struct dx_store_checking {
    uint64_t page, pages; /* next page to read, and how many there were at the beginning */
    int64_t table;        /* next row of the schema */
    uint64_t damaged;     /* pages, of which the first are named */
    uint64_t named[DX_STORE_DAMAGED_NAMED];
} dx_store_checking;

/* The same while the vault is at work: one slice (some 10 ms of pages; of a large vault's structure a whole
 * table) inside a transaction; other transactions may come in between. *more false: everything was looked at.
 * DX_E_CORRUPT, which dooms the transaction only where SQLite itself met the damage; other errors as
 * statements. */
DX_MUST_USE int dx_store_check_slice(dx_store *store, dx_store_checking *checking, bool *more);

/* --- Statements ------------------------------------------------------------------------------- */

/* A statement has a budget of steps of SQLite's machine (DX_STORE_STEPS_MAX), counted anew at each
 * dx_store_query; beyond it it fails with DX_E_LIMIT, and if it wrote, its transaction is doomed. */

/* A cached statement, reset and with bindings cleared. NULL after a failure, which sticks to the store until
 * dx_store_error() is read: binders, step and columns accept NULL and do nothing, so a room writes a run of
 * binds and one step and checks once. */
sqlite3_stmt *dx_store_query(dx_store *store, const char *literal_sql);
/* SQL made at run time (queries): the caller finalizes with dx_store_discard. */
sqlite3_stmt *dx_store_query_dynamic(dx_store *store, const char *sql);
void dx_store_discard(sqlite3_stmt *statement);
void dx_bind_int(sqlite3_stmt *statement, int index, int64_t value);
/* Borrowed until the statement is stepped to its end, reset or queried again. Size 0 binds the empty blob. */
void dx_bind_bytes(sqlite3_stmt *statement, int index, dx_bytes value);
/* Likewise; data NULL binds NULL. */
void dx_bind_text(sqlite3_stmt *statement, int index, dx_bytes utf8);
/* True while a row is there; false at the end or on error (see dx_store_error). Resets at the end. */
bool dx_step(dx_store *store, sqlite3_stmt *statement);
/* Steps a statement that returns no rows; DX_OK or the error (which then also sticks, for dx_store_error).
 * DX_E_EXISTS: a row with this key is there already; DX_E_CONFLICT: another constraint; neither dooms. */
DX_MUST_USE int dx_step_done(dx_store *store, sqlite3_stmt *statement);
/* Leaves a statement early. */
void dx_step_reset(sqlite3_stmt *statement);
int64_t dx_column_int(sqlite3_stmt *statement, int index);
dx_bytes dx_column_bytes(sqlite3_stmt *statement, int index); /* blob or text; dies with the next step */
bool dx_column_is_null(sqlite3_stmt *statement, int index);
/* The rowid of the last insert, and the rows the last write changed. */
int64_t dx_store_last_rowid(const dx_store *store);
int64_t dx_store_changes(const dx_store *store);
/* The sticky error since the last call, as DX_ code; cleared by reading. A doomed transaction stays doomed.
 */
DX_MUST_USE int dx_store_error(dx_store *store);

#endif
