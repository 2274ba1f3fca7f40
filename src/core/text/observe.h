/* text/observe.h: who follows a document, as the engine meets them.
 *
 * Layer: floor 1, text, private to the engine. Told once a transaction, before what died is collected: what was deleted can still be
 * measured. Nothing is looked at when nobody follows; deltas are made only when asked for, from the items the transaction touched. */
#ifndef DX_TEXT_OBSERVE_H
#define DX_TEXT_OBSERVE_H

#include "text/document.h"

void dx_text_observers_tell(dx_text_doc *doc);
void dx_text_observers_deinit(dx_text_doc *doc);

#endif
