/* text/wtf8.h: the characters of texts, counted in UTF-16 units.
 *
 * Layer: floor 1, text. Yjs counts UTF-16 and cuts strings anywhere, so half of a surrogate pair may stand alone. Inside of the
 * engine such a half is the three bytes ED A0..BF xx; all else is UTF-8 (WTF-8, generalised UTF-8). Two halves that come to
 * stand side by side may stay two times three bytes: joined is what they are written as. On the wire a lone half is U+FFFD, as
 * JavaScript encodes it. Pure functions. */
#ifndef DX_TEXT_WTF8_H
#define DX_TEXT_WTF8_H

#include <dxos/base.h>

/* Whether the bytes are UTF-8 (RFC 3629, no halves); units: their length in UTF-16. */
bool dx_utf8_units(dx_bytes text, uint64_t *units);
/* UTF-16 units of well-formed WTF-8. */
uint64_t dx_wtf8_units(dx_bytes text);
/* Where the code point begins that holds the unit at `index` (index = length: the end). inside: the unit is its second. */
size_t dx_wtf8_offset(dx_bytes text, uint64_t index, bool *inside);
/* How many bytes the first `units` units take, where a code point ends with them; more than there are: there is none. */
size_t dx_wtf8_prefix(dx_bytes text, uint64_t units);
/* Whether a half stands in it. */
bool dx_wtf8_has_half(dx_bytes text);
/* Appends the units from `from` to `to`; a pair that is cut leaves a half. */
void dx_wtf8_slice(dx_bytes text, uint64_t from, uint64_t to, dx_buf *out);
/* Appends the text as UTF-8: halves that make a pair joined, lone ones as U+FFFD. */
void dx_wtf8_to_utf8(dx_bytes text, dx_buf *out);

#endif
