/* store/store.h: the vault file: one SQLite database, every page encrypted, one writer.
 *
 * Layer: floor 1, store (base and crypto's primitives through libsodium; SQLite). The disk is reached only through
 * the SQLite VFS named in the configuration (natively "unix", in the simulator a faulty one, in the browser OPFS);
 * store/page_vfs.c stacks page encryption on it (ARCHITECTURE §5 "Page encryption", docs/spec/vault-file.md).
 * WAL, synchronous=FULL, locking_mode=EXCLUSIVE (no shared memory), 16 MB WAL bound, temp_store=MEMORY.
 * Invariants: all statements run inside dx_store_begin … commit/rollback; after a failed commit or fsync the
 * outcome is unknown and the store is poisoned until reopened.
 * Ownership: the store owns its statements; prepared statements are cached by the address of their SQL text,
 * which must be a string literal. */
#ifndef DX_STORE_STORE_H
#define DX_STORE_STORE_H

#include <dxos/base.h>
#include <sqlite3.h>

enum { DX_STORE_TOKEN_SIZE = 16, DX_STORE_PAGE_KEY_SIZE = 32 };

typedef struct dx_store dx_store;

typedef struct dx_store_config {
    const dx_alloc *alloc;
    const dx_random *random;
    const dx_tracer *tracer;
    const char *vfs;  /* name of a registered SQLite VFS, NULL for the default one */
    const char *path; /* of the vault file */
    uint8_t page_key[DX_STORE_PAGE_KEY_SIZE];
    uint8_t expected_token[DX_STORE_TOKEN_SIZE]; /* what the host mirrored outside the vault's folder at the last open */
    bool has_expected_token;
    bool same_file; /* the host saw the same device and inode as at the last open */
    bool create;    /* may create; otherwise DX_E_NOT_FOUND */
} dx_store_config;

/* Opens, checks header and schema version, migrates, renews the token in a committed transaction.
 * DX_E_NOT_FOUND, DX_E_BUSY (another process), DX_E_CORRUPT (wrong key, damaged: file left exactly as found),
 * DX_E_VERSION (made by a newer program), DX_E_STORE, DX_E_NO_SPACE, DX_E_NO_MEMORY. */
DX_MUST_USE int dx_store_open(const dx_store_config *config, dx_store **out);
void dx_store_close(dx_store *store);

/* The token of this opening, for the host to mirror. */
const uint8_t *dx_store_token(const dx_store *store);
/* True when the token or the file's identity did not match at open: this vault was restored or cloned. */
bool dx_store_is_clone(const dx_store *store);

DX_MUST_USE int dx_store_begin(dx_store *store);
DX_MUST_USE int dx_store_commit(dx_store *store); /* durable when DX_OK; otherwise poisoned, see above */
void dx_store_rollback(dx_store *store);
bool dx_store_poisoned(const dx_store *store);
/* Text of the last failure, for people. */
const char *dx_store_message(const dx_store *store);
/* Bytes in the WAL and pages in the cache, for status. */
int64_t dx_store_wal_bytes(const dx_store *store);

/* --- Statements ------------------------------------------------------------------------------- */

/* A cached statement, reset and with bindings cleared. NULL after a failure, which sticks to the store until
 * dx_store_error() is read: binders, step and columns accept NULL and do nothing, so a room writes a run of
 * binds and one step and checks once. */
sqlite3_stmt *dx_store_query(dx_store *store, const char *literal_sql);
/* SQL made at run time (queries): the caller finalizes with dx_store_discard. */
sqlite3_stmt *dx_store_query_dynamic(dx_store *store, const char *sql);
void dx_store_discard(sqlite3_stmt *statement);
void dx_bind_int(sqlite3_stmt *statement, int index, int64_t value);
void dx_bind_double(sqlite3_stmt *statement, int index, double value);
void dx_bind_bytes(sqlite3_stmt *statement, int index, dx_bytes value);       /* borrowed until the next step's reset */
void dx_bind_text(sqlite3_stmt *statement, int index, dx_bytes utf8);         /* likewise; data NULL binds NULL */
/* True while a row is there; false at the end or on error (see dx_store_error). Resets at the end. */
bool dx_step(dx_store *store, sqlite3_stmt *statement);
/* Steps a statement that returns no rows; DX_OK or the error. */
DX_MUST_USE int dx_step_done(dx_store *store, sqlite3_stmt *statement);
/* Leaves a statement early. */
void dx_step_reset(sqlite3_stmt *statement);
int64_t dx_column_int(sqlite3_stmt *statement, int index);
double dx_column_double(sqlite3_stmt *statement, int index);
dx_bytes dx_column_bytes(sqlite3_stmt *statement, int index); /* blob or text; dies with the next step */
bool dx_column_is_null(sqlite3_stmt *statement, int index);
/* The sticky error since the last call, as DX_ code; cleared by reading. */
DX_MUST_USE int dx_store_error(dx_store *store);

/* --- Process-wide ------------------------------------------------------------------------------ */

/* Registers the page-encrypting VFS over `below` (NULL: SQLite's default) under the name "dx-" + below's name.
 * Called by dx_store_open; idempotent. */
DX_MUST_USE int dx_page_vfs_register(const char *below, const char **name_out);

#endif
