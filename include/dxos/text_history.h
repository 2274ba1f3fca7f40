/* dxos/text_history.h: places that move with a text, and what a document was, is told and takes back.
 *
 * Layer: public, floor 1; on top of dxos/text.h, whose rules hold here: units, errors, ownership, one thread. */
#ifndef DXOS_TEXT_HISTORY_H
#define DXOS_TEXT_HISTORY_H

#include <dxos/text.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- Relative positions ----------------------------------------------------------------------- */

/* A place that stays where it is meant whatever others write: a cursor, an anchor of a comment. assoc >= 0: before the
 * character at index, with which it moves; assoc < 0: behind the one before index. At an end of the type it is that end.
 * Appends it as Yjs has it in bytes. index beyond the end: DX_E_INVALID. */
DX_API DX_MUST_USE int dx_text_position_make(const dx_text_doc *doc, dx_text_type type, uint64_t index,
                                             int assoc, dx_buf *position);
/* Where it is now. What was deleted: where it stood; what an undo here brought back: there. DX_E_NOT_FOUND: the document does
 * not know it yet, or it went with the type it stood in. */
DX_API DX_MUST_USE int dx_text_position_find(const dx_text_doc *doc, dx_bytes position, dx_text_type *type,
                                             uint64_t *index);
/* The form that Yjs has in JSON, {"type", "tname", "item", "assoc"}, and back to bytes. DX_E_MALFORMED, DX_E_INVALID (JSON). */
DX_API DX_MUST_USE int dx_text_position_to_json(dx_bytes position, dx_buf *json);
DX_API DX_MUST_USE int dx_text_position_from_json(const dx_alloc *alloc, const char *json, dx_buf *position);

#ifdef __cplusplus
}
#endif
#endif
