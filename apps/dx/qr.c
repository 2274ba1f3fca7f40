/* dx/qr.c: see qr.h.
 *
 * Scanners want dark on light whatever the terminal's colours are, so with colour both are said; without it
 * the blocks are the light modules, right for the usual light text on a dark ground. */
#include "qr.h"

#ifdef DX_WITH_QRENCODE

#include <qrencode.h>
#include <stdio.h>

enum { QUIET_MODULES = 2 }; /* the light frame: four are asked for, two are enough on a screen */

static bool is_dark(const QRcode *code, int x, int y) {
    bool inside = x >= 0 && y >= 0 && x < code->width && y < code->width;
    return inside && (code->data[y * code->width + x] & 1) != 0;
}

static void print_line(const QRcode *code, int y, bool colour) {
    static const char *const blocks[2][2] = {{"█", "▀"},
                                             {"▄", " "}}; /* [upper dark][lower dark], drawn light */
    fputs(colour ? "\033[97;40m" : "", stderr);
    for (int x = -QUIET_MODULES; x < code->width + QUIET_MODULES; x++) {
        fputs(blocks[is_dark(code, x, y)][is_dark(code, x, y + 1)], stderr);
    }
    fputs(colour ? "\033[0m\n" : "\n", stderr);
}

bool dx_qr_print(const char *text, size_t columns, bool colour) {
    QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_L);
    if (code == NULL) {
        return false;
    }
    bool fits = (size_t)code->width + 2 * QUIET_MODULES <= columns;
    for (int y = -QUIET_MODULES; fits && y < code->width + QUIET_MODULES; y += 2) {
        print_line(code, y, colour);
    }
    QRcode_free(code);
    return fits;
}

bool dx_qr_is_built_in(void) {
    return true;
}

#else

bool dx_qr_print(const char *text, size_t columns, bool colour) {
    (void)text;
    (void)columns;
    (void)colour;
    return false;
}

bool dx_qr_is_built_in(void) {
    return false;
}

#endif
