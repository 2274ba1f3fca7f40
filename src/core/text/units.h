/* text/units.h: how long a piece of an item is in the unit a document counts in.
 *
 * Layer: floor 1, text, private to the engine. Clocks of strings are UTF-16 units; other content counts one by one in every unit. */
#ifndef DX_TEXT_UNITS_H
#define DX_TEXT_UNITS_H

#include "text/document.h"

/* The unit positions in that type are counted in: the document's for texts. */
dx_text_unit dx_text_unit_of(const dx_text_doc *doc, dx_text_type type);
/* The clocks from..to of an item, of content that counts, in a unit. A code point that `to` cuts is not in it. */
uint64_t dx_text_item_units(const dx_text_doc *doc, dx_text_ref ref, uint32_t from, uint32_t to,
                            dx_text_unit unit);

#endif
