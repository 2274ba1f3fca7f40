/* text/load.h: an update that is a whole document, taken in by a document that has nothing yet.
 *
 * Layer: floor 1, text, private to the engine. The general way plans every struct and puts it among items that are there (plan.h,
 * integrate.h). Where nothing is there, records are filled while the update is read, one array says in the end what stands behind what,
 * and the trees are made from that at once (draft.h). It ends in the same document. Not taken this way, by a look at the update as it
 * is read: what waits for something, clients that are not in order, pairs of surrogates that structs cut, structs that cut many others; and
 * documents somebody follows or takes back steps of. */
#ifndef DX_TEXT_LOAD_H
#define DX_TEXT_LOAD_H

#include "text/document.h"

/* *taken false: not an update for this way; nothing of the document that shows has changed. Errors as of dx_text_plan_read. */
int dx_text_load(dx_text_doc *doc, dx_text_form form, dx_bytes update, bool *taken);

#endif
