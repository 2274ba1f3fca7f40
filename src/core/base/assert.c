/* base/assert.c: what happens when one of our own assertions fails.
 *
 * Layer: floor 1, base. The core has no way to print, so by itself it stops at once, which every platform
 * reports with a stack (a trap in wasm, SIGILL or SIGTRAP natively). The symbol is weak: a host that can
 * print defines dx_assert_failed itself, shows the three arguments and ends the process. */
#include <dxos/base.h>

__attribute__((weak)) void dx_assert_failed(const char *expression, const char *file, int line) {
    (void)expression;
    (void)file;
    (void)line;
    __builtin_trap();
}
