/* dx/qr.h: a text as a QR code on the terminal, in half blocks.
 *
 * Layer: apps, with libqrencode where it is installed. */
#ifndef DX_APP_QR_H
#define DX_APP_QR_H

#include <stdbool.h>
#include <stddef.h>

/* On stderr; false when it cannot be drawn in so many columns, or this program was built without it. */
bool dx_qr_print(const char *text, size_t columns, bool colour);
bool dx_qr_is_built_in(void);

#endif
