/* store/store_state.h: what a store is made of.
 *
 * Layer: floor 1, inside store; nobody else includes it. Invariants: error is the first failure since it was
 * last read; doom is the failure that spoiled the open transaction, kept until that transaction ends.
 * Ownership: all of it is the store's. */
#ifndef DX_STORE_STORE_STATE_H
#define DX_STORE_STORE_STATE_H

#include "store/page_vfs.h"
#include "store/store.h"

/* One cached statement; sql NULL: the place is free. */
typedef struct dx_store_statement {
    const char *sql;
    sqlite3_stmt *statement;
} dx_store_statement;

/* Cached statements that stand on a row and are remembered; beyond them all are looked at. */
enum { DX_STORE_OPEN_MAX = 16 };

struct dx_store {
    const dx_alloc *alloc;
    const dx_random *random;
    const dx_tracer *tracer;
    dx_page_vfs *vfs;
    sqlite3 *db;
    sqlite3_stmt *begin, *begin_reading, *commit, *rollback;
    bool in_transaction;
    bool begun; /* SQLite knows of it: from the first statement on, which in most steps never comes */
    bool poisoned;
    bool is_clone;
    bool read_only;
    bool drafts;           /* a read-only transaction that holds what will be undone */
    uint64_t transactions; /* begun so far */
    bool settled;          /* the log's last commits are known to be on the disk: dx_page_vfs_settle */
    bool knows_expected;   /* the host's mirror is one of the vault's tokens: `expected` */
    uint8_t expected[DX_STORE_TOKEN_SIZE];
    int error;
    int doom;
    uint8_t token[DX_STORE_TOKEN_SIZE];
    int log_frames;   /* after the last commit */
    int last_frames;  /* of them, what that commit wrote */
    int64_t log_size; /* of the log's file, at least what log_frames take */
    bool scrubs;      /* the log is to be cut off to nothing */
    bool dropped;     /* something was taken out since the file's room was looked at */
    dx_store_compaction compaction;
    bool upkeep_failed; /* not to be tried again before the next commit */
    uint64_t budget;
    uint64_t steps_left;
    dx_store_statement *statements; /* open addressing by the address of the SQL */
    size_t statement_capacity;      /* a power of two, or 0 */
    size_t statement_count;
    sqlite3_stmt *open[DX_STORE_OPEN_MAX]; /* stood on a row in this transaction, and may still */
    size_t open_count;
    bool open_unknown; /* others may: more than fit, or some that are not cached */
    char message[DX_STORE_MESSAGE_SIZE];
};

/* Notes a failure: sticky error, message, and whether the transaction is spoiled. Returns the DX_ code. */
int dx_store_fail(dx_store *store, int sqlite_result);
/* The same for a failure SQLite has no part in. */
int dx_store_fail_with(dx_store *store, int error, const char *message);
/* Keeps the sentence for dx_store_message, and traces it. */
void dx_store_tell(dx_store *store, const char *text);
/* All frames into the database, and the log's file to nothing: what it held of earlier versions of pages is gone. */
int dx_store_empty_log(dx_store *store);
/* Looks whether the file is to be made smaller, and does it (compact.c). */
int dx_store_compact_sparse(dx_store *store);
/* Does it, and keeps what became of it. */
int dx_store_run_compaction(dx_store *store);
/* SQLite's side of the transaction. What fails spoils it. */
int dx_store_begin_now(dx_store *store);
/* Takes every statement back to its start, so that none holds a read open. */
void dx_store_reset_statements(dx_store *store);
void dx_store_finalize_statements(dx_store *store);

#endif
