/* codec/decimal.h: doubles from and to decimal text, exactly.
 *
 * Layer: floor 1, codec, for this room and text. Correct rounding is a matter of agreement here: two replicas
 * that read the same JSON must hold the same bits. So both directions are exact, in whole numbers but where
 * a single IEEE operation is known to round right; no library or locale has a say. */
#ifndef DX_CODEC_DECIMAL_H
#define DX_CODEC_DECIMAL_H

#include <dxos/base.h>

/* "-", 17 digits, a point, up to six zeros before or twenty-one places, "e-324". */
enum { DX_DECIMAL_TEXT_MAX = 32 };

/* The double nearest to a number of JSON's grammar (which the caller has checked), ties to even.
 * False when it is beyond the largest finite double. */
bool dx_decimal_read(dx_bytes number, double *value);
/* The fewest digits that read back as this finite double, nearest to it among those; with a point or an
 * exponent. Returns the size; out has room for DX_DECIMAL_TEXT_MAX, no terminator is written. */
size_t dx_decimal_write(double value, char *out);

#endif
