/* echo/wait.h: whether a feed's next transaction may be applied, and what it waits for.
 *
 * Layer: floor 1, echo, private to this room. docs/spec/ordering.md, "When a block is applied". It depends on what the blocks declare
 * and on what is here. */
#ifndef DX_ECHO_WAIT_H
#define DX_ECHO_WAIT_H

#include "echo/pipeline.h"

/* Why a feed's next transaction is not applied now. */
typedef enum dx_wait_kind {
    DX_WAIT_NOT,         /* it is ready */
    DX_WAIT_END,         /* the rest of its transaction is not here */
    DX_WAIT_FEED,        /* it names a feed that is not known here */
    DX_WAIT_BLOCK,       /* it names a block that is not applied here */
    DX_WAIT_ROOT,        /* it names another content of a feed than is here: one of the two was forked */
    DX_WAIT_BRANCH,      /* it names a branch of a forked feed that is not here, or not judged yet */
    DX_WAIT_ADMISSION,   /* its feed is not admitted */
    DX_WAIT_KEY,         /* the key it is sealed with is not here */
    DX_WAIT_CREDENTIALS, /* the control state takes no more credentials that wait */
    DX_WAIT_NEVER        /* against the rules: it is refused */
} dx_wait_kind;

typedef struct dx_wait {
    dx_wait_kind kind;
    int64_t feed;    /* BLOCK, ROOT, BRANCH: the one named */
    uint64_t number; /* BLOCK: the missing one; ROOT, BRANCH: length; KEY: epoch */
} dx_wait;

/* The feed's next transaction is [applied, *end), as far as it was looked at; reason tells whether all of it may be applied, *holes
 * whether a block of it has some. The last block checked is in *block, which stays until the next one is read. */
DX_MUST_USE int dx_wait_check(dx_context *context, dx_space *space, const dx_feed *feed, dx_block *block,
                              uint64_t *end, bool *holes, dx_wait *reason);

#endif
