/* feed/timeframe.h: a version vector, feed → length, over the vault's local feed numbers.
 *
 * Layer: floor 1, feed. A block's timeframe is its own feed's accumulated declarations (ARCHITECTURE §5 "Dependencies");
 * its stamp is the sum. Sorted array, no hash order. */
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
/* max(present, length). DX_OK or DX_E_NO_MEMORY. */
DX_MUST_USE int dx_timeframe_raise(dx_timeframe *timeframe, int64_t feed, uint64_t length);
uint64_t dx_timeframe_sum(const dx_timeframe *timeframe);
/* Storage form: flat little-endian pairs. */
DX_MUST_USE int dx_timeframe_save(const dx_timeframe *timeframe, dx_buf *out);
DX_MUST_USE int dx_timeframe_restore(dx_timeframe *timeframe, dx_bytes saved);

#endif
