/* text/redone.c: see redone.h. */
#include "text/redone.h"

#include "text/document.h"
#include "text/room.h"

void dx_text_redone_init(dx_text_redone *redone, const dx_alloc *alloc) {
    *redone = (dx_text_redone){.alloc = alloc};
}

void dx_text_redone_deinit(dx_text_redone *redone) {
    dx_alloc_free(redone->alloc, redone->rows, redone->capacity * sizeof *redone->rows);
}

int dx_text_redone_reserve(dx_text_redone *redone, size_t rows) {
    return dx_text_make_room(redone->alloc, &redone->rows, &redone->capacity, redone->count + rows,
                             sizeof *redone->rows)
               ? DX_OK
               : DX_E_NO_MEMORY;
}

/* How many rows begin at or before the clock. */
static size_t rows_until(const dx_text_redone *redone, uint32_t client, uint32_t clock) {
    size_t low = 0, high = redone->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const dx_text_redone_row *row = &redone->rows[middle];
        if (row->client < client || (row->client == client && row->clock <= clock)) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void dx_text_redone_put(dx_text_redone *redone, dx_text_redone_row row) {
    DX_ASSERT(redone->count < redone->capacity);
    size_t at = rows_until(redone, row.client, row.clock);
    memmove(&redone->rows[at + 1], &redone->rows[at], (redone->count - at) * sizeof *redone->rows);
    redone->rows[at] = row;
    redone->count++;
}

const dx_text_redone_row *dx_text_redone_find(const dx_text_redone *redone, uint32_t client, uint32_t clock) {
    size_t at = rows_until(redone, client, clock);
    const dx_text_redone_row *row = at != 0 ? &redone->rows[at - 1] : NULL;
    return row != NULL && row->client == client && clock - row->clock < row->length ? row : NULL;
}

bool dx_text_redone_step(const dx_text_doc *doc, dx_text_trace *trace) {
    dx_text_ref ref = dx_text_ids_find(doc->sequence, trace->client, trace->clock);
    if ((dx_text_item_at(doc->sequence, ref)->flags & DX_ITEM_REDONE) == 0) {
        return false;
    }
    const dx_text_redone_row *row = dx_text_redone_find(&doc->redone, trace->client, trace->clock);
    if (row == NULL) {
        return false;
    }
    uint32_t skipped = trace->clock - row->clock;
    trace->client = DX_TEXT_OWN_CLIENT;
    trace->clock = row->to + skipped;
    trace->length = trace->length < row->length - skipped ? trace->length : row->length - skipped;
    return true;
}

/* A link leads to clocks made later, so there is an end. The run is as long as all its clocks stand in one item. */
void dx_text_redone_follow(const dx_text_doc *doc, dx_text_trace *trace) {
    do {
        dx_text_ref ref = dx_text_ids_find(doc->sequence, trace->client, trace->clock);
        const dx_text_item *item = dx_text_item_at(doc->sequence, ref);
        uint32_t left = item->clock + item->length - trace->clock;
        trace->length = trace->length < left ? trace->length : left;
    } while (dx_text_redone_step(doc, trace));
}
