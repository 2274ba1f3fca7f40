/* text/marks.h: how marks of each name grow.
 *
 * Layer: floor 1, text, private to the engine. What is on the wire stays plain formatting: a schema decides only which attributes
 * characters get that are inserted without a word about them (docs/spec/text.md, Marks). */
#ifndef DX_TEXT_MARKS_H
#define DX_TEXT_MARKS_H

#include "text/attributes.h"
#include "text/document.h"

/* At `index`, for what is inserted there: the attributes as an object of lib0's form, appended to any; nothing when it is just those in
 * force there, as without a schema. */
int dx_text_marks_at(dx_text_doc *doc, dx_text_list list, uint64_t index, dx_buf *any);
/* DX_E_INVALID: a mark that may overlap others of its name is given without what tells it apart. */
int dx_text_marks_check(const dx_text_doc *doc, dx_bytes key);
void dx_text_marks_deinit(dx_text_doc *doc);

#endif
