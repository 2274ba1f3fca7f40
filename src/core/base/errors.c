/* base/errors.c: names, sentences and classes of the error table in dxos/base.h.
 *
 * Layer: floor 1, base. Three views of one X-macro; strings are constants of the program. */
#include <dxos/base.h>

const char *dx_error_name(int error) {
    switch (error) {
#define DX_ERROR_ROW(symbol, number, class, sentence)                                                        \
    case (number):                                                                                           \
        return #symbol;
        DX_ERROR_MAP(DX_ERROR_ROW)
#undef DX_ERROR_ROW
    default:
        return "E_UNKNOWN";
    }
}

const char *dx_error_text(int error) {
    switch (error) {
#define DX_ERROR_ROW(symbol, number, class, sentence)                                                        \
    case (number):                                                                                           \
        return sentence;
        DX_ERROR_MAP(DX_ERROR_ROW)
#undef DX_ERROR_ROW
    default:
        return "an error this program does not know";
    }
}

dx_error_class dx_error_class_of(int error) {
    switch (error) {
#define DX_ERROR_ROW(symbol, number, class, sentence)                                                        \
    case (number):                                                                                           \
        return DX_CLASS_##class;
        DX_ERROR_MAP(DX_ERROR_ROW)
#undef DX_ERROR_ROW
    default:
        /* A number from a newer program: we cannot tell whose fault it is, so the strictest policy that
         * leaves this node consistent applies. */
        return DX_CLASS_HOST;
    }
}
