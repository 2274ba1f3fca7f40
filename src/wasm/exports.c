/* wasm/exports.c: what the wasm module offers: bytes in, bytes out.
 *
 * Layer: floor 3' (wasm); uses the public headers only. One module instance is one process with at most one
 * node. The caller takes memory with dx_wasm_alloc, writes bytes there, and passes offset and size. After any
 * call the memory may have grown: views on it must be made anew. */
#include <dxos/base.h>

#include <stdlib.h>

#define WASM_EXPORT(name) __attribute__((export_name(#name))) name

void *WASM_EXPORT(dx_wasm_alloc)(size_t size);
void WASM_EXPORT(dx_wasm_free)(void *block);
const char *WASM_EXPORT(dx_wasm_version)(void);

/* 0: no memory. */
void *dx_wasm_alloc(size_t size) {
    return malloc(size ? size : 1);
}

void dx_wasm_free(void *block) {
    free(block);
}

/* A C string that stays for good. */
const char *dx_wasm_version(void) {
    return DX_VERSION;
}
