/* text/edit.h: how calls change a document: one transaction, memory first, then items put, split and deleted.
 *
 * Layer: floor 1, text, private to the engine. An editing call
 *   1. checks its arguments and finds its places (reading only),
 *   2. dx_text_edit_begin with the need of all it will do,
 *   3. splits, puts and deletes, none of which can fail,
 *   4. dx_text_edit_end.
 * A put item stands between `left` and what follows it, its origins are those two, as a local item of Yjs has them; in a chain `left` is
 * its last item. Typing at the end of one's own string extends it at once, which is what the merge at commit would do. */
#ifndef DX_TEXT_EDIT_H
#define DX_TEXT_EDIT_H

#include "text/document.h"

/* Opens the call's own transaction where none is open, and reserves. DX_E_NO_MEMORY, DX_E_LIMIT (also when the client's clocks run
 * out), DX_E_STATE (observers are being told): nothing changed, none is open that was not. */
DX_MUST_USE int dx_text_edit_begin(dx_text_doc *doc, const dx_text_need *need);
/* Ends the call's own transaction. */
void dx_text_edit_end(dx_text_doc *doc);

/* The seam at `offset` clocks of an item: *left and *right are what stands on both sides of it (0: none). offset may be 0 or the
 * length. A pair of surrogates is not cut: who calls rounds before. */
void dx_text_edit_seam(dx_text_doc *doc, dx_text_ref ref, uint32_t offset, dx_text_ref *left,
                       dx_text_ref *right);

/* Each gives the item that holds what was put. units: UTF-16 length of the text, at least 1. */
dx_text_ref dx_text_edit_put_string(dx_text_doc *doc, dx_text_list list, dx_text_ref left, dx_bytes text,
                                    uint32_t units);
dx_text_ref dx_text_edit_put_marker(dx_text_doc *doc, dx_text_list list, dx_text_ref left, uint32_t marker);
/* ANY: count values; EMBED, BINARY, DOC: one clock. need: values 1, value_bytes. */
dx_text_ref dx_text_edit_put_values(dx_text_doc *doc, dx_text_list list, dx_text_ref left, uint8_t ref,
                                    dx_bytes values, uint32_t count);
/* name: in DX_TEXT_SCOPE_KEY, of an element or hook, else 0. need: types 1. */
dx_text_type dx_text_edit_put_type(dx_text_doc *doc, dx_text_list list, dx_text_ref left, dx_text_kind kind,
                                   dx_text_name name);
/* The chain of a key, for reading: 0: none; and made (need: chains 1, names 1, name_bytes). Its last item, if live, is the entry. */
dx_text_list dx_text_edit_chain(const dx_text_doc *doc, dx_text_type type, dx_bytes key);
dx_text_list dx_text_edit_make_chain(dx_text_doc *doc, dx_text_type type, dx_bytes key);

/* The type a TYPE item holds; the item's values in one piece are dx_text_doc_describe's content. */
dx_text_type dx_text_edit_type_of(const dx_text_doc *doc, dx_text_ref ref);

#endif
