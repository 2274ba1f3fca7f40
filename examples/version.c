/* examples/version.c: the smallest program: it links, and can name an error.
 *
 *   cc version.c $(pkg-config --cflags --libs dxos) -o version && ./version */
#include <dxos/base.h>

#include <stdio.h>

int main(void) {
    for (int error = DX_OK; error >= DX_E_VERSION; error--) {
        if (error == DX_OK || dx_error_class_of(error) == DX_CLASS_PEER) {
            printf("%4d %-14s %s\n", error, dx_error_name(error), dx_error_text(error));
        }
    }
    return 0;
}
