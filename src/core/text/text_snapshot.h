/* text/text_snapshot.h: a state of a document, as the deletes and clocks it had.
 *
 * Layer: floor 1, text, private to this room. */
#ifndef DX_TEXT_TEXT_SNAPSHOT_H
#define DX_TEXT_TEXT_SNAPSHOT_H

#include "text/clocks.h"
#include "text/id_set.h"

typedef struct dx_text_snapshot_parts {
    dx_id_set deletes; /* settled */
    dx_text_clocks clocks;
} dx_text_snapshot_parts;

void dx_text_snapshot_init(dx_text_snapshot_parts *parts, const dx_alloc *alloc);
void dx_text_snapshot_deinit(dx_text_snapshot_parts *parts);
/* The bytes are one snapshot and nothing else. */
DX_MUST_USE int dx_text_snapshot_decode(dx_text_snapshot_parts *parts, dx_text_form form, dx_bytes snapshot);

#endif
