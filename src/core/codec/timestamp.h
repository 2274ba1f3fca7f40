/* codec/timestamp.h: microseconds since 1970 from and to RFC 3339 text.
 *
 * Layer: floor 1, codec. Proleptic Gregorian calendar, years 0000 to 9999, no leap
 * seconds (as POSIX time). */
#ifndef DX_CODEC_TIMESTAMP_H
#define DX_CODEC_TIMESTAMP_H

#include <dxos/base.h>

enum { DX_TIMESTAMP_TEXT_MAX = 32 }; /* "2024-02-29T23:59:59.123456Z" */

/* RFC 3339 date-time with "T" and either "Z" or an offset; at most six decimals. DX_E_INVALID otherwise. */
DX_MUST_USE int dx_timestamp_parse(dx_bytes text, int64_t *micros);
/* In UTC with as many decimals as it has thousands (none, three, six). Returns the size, 0 when the year is
 * not of four digits. out has room for DX_TIMESTAMP_TEXT_MAX; no terminator is written. */
size_t dx_timestamp_print(int64_t micros, char *out);
/* Whether it is the one text of its time, as printed. */
bool dx_timestamp_is_canonical(dx_bytes text);

#endif
