/* feed/timeframe.h: a version vector, feed → length, over the vault's local feed numbers.
 *
 * Layer: floor 1, feed. A block's timeframe is its own feed's accumulated declarations (docs/spec/ordering.md);
 * its stamp is the sum of the lengths of data feeds. A sorted array, so that no hash order reaches a digest.
 * Invariants: feeds ascend strictly, 1 … DX_FEED_LOCAL_MAX; lengths are 1 … DX_FEED_LENGTH_MAX (an absent
 * feed has length 0); so the array is at most half a megabyte and the sum at most 2^46.
 * Ownership: the timeframe owns its entries, in memory of the allocator it was given. */
#ifndef DX_FEED_TIMEFRAME_H
#define DX_FEED_TIMEFRAME_H

#include <dxos/base.h>

typedef struct dx_timeframe_entry {
    int64_t feed; /* local number */
    uint64_t length;
} dx_timeframe_entry;

typedef struct dx_timeframe {
    dx_timeframe_entry *entries; /* ascending feed */
    size_t count, capacity;
    const dx_alloc *alloc;
} dx_timeframe;

void dx_timeframe_init(dx_timeframe *timeframe, const dx_alloc *alloc);
void dx_timeframe_deinit(dx_timeframe *timeframe);
uint64_t dx_timeframe_get(const dx_timeframe *timeframe, int64_t feed); /* 0 when absent */
/* max(present, length). DX_OK or DX_E_NO_MEMORY (nothing changed). */
DX_MUST_USE int dx_timeframe_raise(dx_timeframe *timeframe, int64_t feed, uint64_t length);
/* Storage form: flat pairs of two 8-byte little-endian numbers. Appends; the buffer's error. */
DX_MUST_USE int dx_timeframe_save(const dx_timeframe *timeframe, dx_buf *out);
/* Replaces the content. DX_E_CORRUPT when the bytes are not what save wrote, DX_E_NO_MEMORY; the timeframe is
 * then empty. */
DX_MUST_USE int dx_timeframe_restore(dx_timeframe *timeframe, dx_bytes saved);

#endif
