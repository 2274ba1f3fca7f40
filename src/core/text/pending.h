/* text/pending.h: what came of others and waits for what is not here.
 *
 * Layer: floor 1, text, private to the engine. Structs wait as updates, each at least four times as large as the next one when that
 * comes: so what comes is merged with little, and each struct a few times in all, however many come out of their order. */
#ifndef DX_TEXT_PENDING_H
#define DX_TEXT_PENDING_H

#include "text/clocks.h"
#include "text/id_set.h"

enum {
    DX_TEXT_PENDING_UPDATES_MAX = 16
}; /* the smallest of so many would stand beside more than memory holds */

typedef struct dx_text_pending_part {
    const dx_alloc *alloc;
    dx_buf updates[DX_TEXT_PENDING_UPDATES_MAX]; /* v2, in the order they came */
    size_t count;
    dx_text_clocks missing; /* per client a clock below which nothing new need be tried */
    dx_id_set deletes;
} dx_text_pending_part;

void dx_text_pending_init(dx_text_pending_part *pending, const dx_alloc *alloc);
void dx_text_pending_deinit(dx_text_pending_part *pending);
/* How many of the updates, the first, stay as they are beside one of that size. */
size_t dx_text_pending_kept(const dx_text_pending_part *pending, size_t size);
/* Appends those behind the first `kept` and `rest` (size 0: nothing) as one update, v2. */
DX_MUST_USE int dx_text_pending_join(const dx_text_pending_part *pending, size_t kept, dx_bytes rest,
                                     dx_buf *out);
/* This update (size 0: none) comes in the place of those behind the first `kept`; it is swapped for a buffer to be used again. */
void dx_text_pending_take(dx_text_pending_part *pending, size_t kept, dx_buf *update);

#endif
