/* node/outbox.h: what the node wants to say, held back until the commit.
 *
 * Layer: floor 1, node. Effects are collected during a step, handed out after its commit, and forgotten when
 * it is undone. Bodies live in one arena until the next clear, which wipes those of answers: one may tell a
 * PIN. A failure (no memory, more than DX_OUTBOX_SIZE_MAX) is sticky and read with dx_outbox_error. */
#ifndef DX_NODE_OUTBOX_H
#define DX_NODE_OUTBOX_H

#include <dxos/node.h>

#include "base/arena.h"

typedef struct dx_outbox {
    const dx_alloc *alloc;
    dx_arena arena;
    dx_effect *effects;
    size_t count, capacity;
    size_t size; /* of the bodies held */
    int error;
} dx_outbox;

void dx_outbox_init(dx_outbox *outbox, const dx_alloc *alloc);
void dx_outbox_deinit(dx_outbox *outbox);
void dx_outbox_clear(dx_outbox *outbox);
/* Forgets the effects after the first `count`: a transaction was undone. */
void dx_outbox_rewind(dx_outbox *outbox, size_t count);
/* Adds an effect; the body is copied. */
void dx_outbox_add(dx_outbox *outbox, const dx_effect *effect);
void dx_outbox_link_open(dx_outbox *outbox, uint64_t link, dx_bytes address);
void dx_outbox_link_send(dx_outbox *outbox, uint64_t link, dx_bytes bytes);
void dx_outbox_link_close(dx_outbox *outbox, uint64_t link, int reason);
/* last: REPLY, otherwise NOTIFY. */
void dx_outbox_answer(dx_outbox *outbox, bool last, uint64_t port,
                      const uint8_t request[static DX_REQUEST_SIZE], dx_bytes body);
DX_MUST_USE int dx_outbox_error(const dx_outbox *outbox);

#endif
