/* echo/undo.h: taking back what this device did, and taking that back.
 *
 * Layer: floor 1, echo. docs/spec/history.md. Undoing is writing: a transaction that makes of what another one did
 * what was there before, as far as nobody wrote over it since (history.h). What became of which transaction is this
 * vault's own knowledge (table undo); other replicas see mutations. A transaction about nothing but the house's own
 * objects (types that begin with "dx.") is nothing a person did, and passed over. A copied or restored vault writes with
 * new feeds: what this device did by those before them is taken back after what it did since. */
#ifndef DX_ECHO_UNDO_H
#define DX_ECHO_UNDO_H

#include "echo/history.h"

enum {
    /* How many of its transactions a device can take back, and how many entities one of them may be about: an import
     * is undone in other ways. */
    DX_UNDO_TRANSACTIONS_MAX = 1000,
    DX_UNDO_ENTITIES_MAX = 8192
};

typedef struct dx_undone {
    dx_stamp stamp;   /* of the transaction's last block */
    uint64_t wall_ms; /* when it was written */
    size_t entities;  /* that it was about */
    size_t kept;      /* of them, those of which something stays, because it was written over since */
} dx_undone;

/* Looks at what is to be written, before it is: `keys` (key_set.h) are the entities it is about, whose changes are run. Its
 * error ends it all, with nothing written, and is returned. */
typedef struct dx_undo_judge {
    int (*judge)(void *ctx, dx_transaction *transaction, const dx_buf *keys);
    void *ctx;
} dx_undo_judge;

/* Takes back the latest own transaction that was not taken back, or (redo) what the latest undoing did, if nothing
 * else was written here since. judge may be NULL. DX_E_NOT_FOUND: there is none. DX_E_GONE: it would lie, or what it was
 * about would have to be seen, before where history begins here. DX_E_LIMIT: it is about too many entities. Else the
 * errors of a transaction; with an error nothing is written. */
DX_MUST_USE int dx_undo(dx_context *context, dx_space *space, bool redo, const dx_undo_judge *judge,
                        dx_undone *out);

#endif
