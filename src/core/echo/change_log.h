/* echo/change_log.h: which entities changed lately, so that a watcher that was away need not ask anew.
 *
 * Layer: floor 1, echo. docs/spec/query.md, "Coming back". Each change has a number; a *position* is the number behind what a
 * watcher was told, and the life it belongs to. The latest changes stand in memory and, written in the transaction that makes
 * them, in table `changed`: so a position holds for whoever opens the vault next, and an undone step takes its numbers back
 * with it. A copy of a vault begins another life. What nobody asks for is not remembered for long.
 * Ownership: the log owns its memory; the store is the context's. */
#ifndef DX_ECHO_CHANGE_LOG_H
#define DX_ECHO_CHANGE_LOG_H

#include "echo/space.h"

enum {
    /* Changes remembered, 8 bytes each: minutes of a person's work, a tenth of a second of an import's. */
    DX_CHANGE_LOG_MAX = 1 << 14
};

/* A place in the order of this vault's changes. */
typedef struct dx_position {
    uint64_t life, number;
} dx_position;

typedef struct dx_logged_change {
    int64_t key;
    bool created;
} dx_logged_change;

typedef struct dx_change_log {
    const dx_alloc *alloc;
    uint64_t *ring;         /* key << 1 | created; NULL: nothing was remembered yet */
    dx_buf fresh;           /* of the step under way, as they are stored */
    uint64_t life;          /* 0: nothing is remembered */
    uint64_t number, first; /* of changes so far; the oldest one that is still known */
    uint64_t written;       /* the first one that is not in the vault yet */
    uint64_t asked;         /* where a position was last told */
    bool persists, stored;  /* it goes to the vault; its life stands there */
} dx_change_log;

void dx_change_log_init(dx_change_log *log, const dx_alloc *alloc);
void dx_change_log_deinit(dx_change_log *log);
/* Goes on where the vault's table ends, or (is_copy, or where other models were known) begins another life. DX_E_CORRUPT, DX_E_NO_MEMORY, store errors. */
DX_MUST_USE int dx_change_log_load(dx_change_log *log, dx_context *context, bool is_copy);
/* Where it stands now. From here on changes are remembered. */
dx_position dx_change_log_position(dx_change_log *log, const dx_random *random);
/* Whether all changes since are known. */
bool dx_change_log_knows(const dx_change_log *log, const dx_position *position);
DX_MUST_USE int dx_change_log_add(dx_change_log *log, int64_t key, bool created);
/* What changed is not told one by one: no position before is good any more. */
void dx_change_log_skip(dx_change_log *log);
/* One that is known. */
dx_logged_change dx_change_log_at(const dx_change_log *log, uint64_t number);
/* Writes what this step added. */
DX_MUST_USE int dx_change_log_end_step(dx_change_log *log, dx_context *context);

#endif
