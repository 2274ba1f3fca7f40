/* text/pending.c: see pending.h. */
#include "text/pending.h"

#include <dxos/text.h>

void dx_text_pending_init(dx_text_pending_part *pending, const dx_alloc *alloc) {
    pending->alloc = alloc;
    pending->count = 0;
    for (size_t i = 0; i < DX_TEXT_PENDING_UPDATES_MAX; i++) {
        dx_buf_init(&pending->updates[i], alloc, SIZE_MAX);
    }
    dx_text_clocks_init(&pending->missing, alloc);
    dx_id_set_init(&pending->deletes, alloc);
}

void dx_text_pending_deinit(dx_text_pending_part *pending) {
    dx_id_set_deinit(&pending->deletes);
    dx_text_clocks_deinit(&pending->missing);
    for (size_t i = 0; i < pending->count; i++) {
        dx_buf_deinit(&pending->updates[i]);
    }
    pending->count = 0;
}

size_t dx_text_pending_kept(const dx_text_pending_part *pending, size_t size) {
    size_t kept = pending->count;
    while (kept > 0 && (kept == DX_TEXT_PENDING_UPDATES_MAX || pending->updates[kept - 1].size / 4 < size)) {
        size += pending->updates[--kept].size;
    }
    return kept;
}

int dx_text_pending_join(const dx_text_pending_part *pending, size_t kept, dx_bytes rest, dx_buf *out) {
    dx_bytes all[DX_TEXT_PENDING_UPDATES_MAX + 1];
    size_t count = 0;
    for (size_t i = kept; i < pending->count; i++) {
        all[count++] = dx_buf_view(&pending->updates[i]);
    }
    if (rest.size != 0) {
        all[count++] = rest;
    }
    if (count > 1) {
        return dx_text_merge_updates(pending->alloc, DX_TEXT_V2, all, count, out);
    }
    if (count == 1) {
        dx_buf_append(out, all[0].data, all[0].size);
    }
    return dx_buf_error(out);
}

void dx_text_pending_take(dx_text_pending_part *pending, size_t kept, dx_buf *update) {
    DX_ASSERT(kept < DX_TEXT_PENDING_UPDATES_MAX);
    dx_buf before = pending->updates[kept];
    pending->updates[kept] = *update;
    *update = before;
    for (size_t i = kept + 1; i < pending->count; i++) {
        dx_buf_deinit(&pending->updates[i]);
    }
    pending->count = kept + 1;
    if (pending->updates[kept].size == 0) {
        dx_buf_deinit(&pending->updates[--pending->count]);
    }
}
