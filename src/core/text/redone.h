/* text/redone.h: what an undo made anew, and as what.
 *
 * Layer: floor 1, text, private to the engine. Nothing is ever undeleted: an undo makes a copy under new clocks of the own client. Whoever
 * names the old ones (a position, a further undo) is led on by this table, which only the replica has that undid. */
#ifndef DX_TEXT_REDONE_H
#define DX_TEXT_REDONE_H

#include "text/item.h"

#include <dxos/base.h>

typedef struct dx_text_redone_row {
    uint32_t client, clock, length;
    uint32_t to; /* the own clock of the first */
} dx_text_redone_row;

typedef struct dx_text_redone {
    const dx_alloc *alloc;
    dx_text_redone_row *rows; /* by client and clock, none overlap */
    size_t count, capacity;
} dx_text_redone;

void dx_text_redone_init(dx_text_redone *redone, const dx_alloc *alloc);
void dx_text_redone_deinit(dx_text_redone *redone);
int dx_text_redone_reserve(dx_text_redone *redone, size_t rows);
/* Reserved before. */
void dx_text_redone_put(dx_text_redone *redone, dx_text_redone_row row);
/* The row that holds the clock; NULL: none. */
const dx_text_redone_row *dx_text_redone_find(const dx_text_redone *redone, uint32_t client, uint32_t clock);

/* A clock and how many follow it that share its way. */
typedef struct dx_text_trace {
    uint32_t client, clock, length;
} dx_text_trace;

struct dx_text_doc;
/* One step on: false, and nothing changed: that clock was not made anew (or is no item any more). */
bool dx_text_redone_step(const struct dx_text_doc *doc, dx_text_trace *trace);
/* To where it stands now. */
void dx_text_redone_follow(const struct dx_text_doc *doc, dx_text_trace *trace);

#endif
