/* net/scan.h: words and numbers out of a line of text, and numbers into one.
 *
 * Layer: floor 2, net. For the line formats of this folder (addresses, candidates, SDP). ASCII throughout, no
 * locale. Ownership: what is cut borrows from the line. */
#ifndef DX_NET_SCAN_H
#define DX_NET_SCAN_H

#include <dxos/base.h>

enum { DX_SCAN_DECIMAL_MAX = 20 }; /* digits of a 64-bit number */

/* Cuts the text before the first separator off the front, and the separator; all of it when there is none. */
dx_bytes dx_scan_until(dx_bytes *rest, char separator);
/* The next word, blanks before it passed over; size 0: no more. */
dx_bytes dx_scan_word(dx_bytes *rest);
/* Without carriage returns, line feeds and blanks at its end. */
dx_bytes dx_scan_trim_end(dx_bytes text);
/* All of the text is a decimal number of digits alone, at most max. Leading zeros are allowed. */
bool dx_scan_decimal(dx_bytes text, uint64_t max, uint64_t *out);
/* Letters either case. */
bool dx_scan_is(dx_bytes text, const char *word);
/* Whether the text begins with the prefix; it is cut off then. Letters as written. */
bool dx_scan_prefix(dx_bytes *text, const char *prefix);
/* "A" to "Z", "a" to "z", "0" to "9", "+", "/": ice-char of RFC 8839 §5.1; size between the bounds. */
bool dx_scan_is_ice_text(dx_bytes text, size_t min_size, size_t max_size);
/* Digits without a terminator; their count, at most DX_SCAN_DECIMAL_MAX. */
size_t dx_scan_print_decimal(uint64_t value, char *out);

#endif
