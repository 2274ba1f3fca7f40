/* fuzz/fuzz.h: what fuzz targets share: an allocator over malloc, a reader of the input's bytes, a check that
 * traps.
 *
 * Layer: test programs; may use the OS. */
#ifndef DX_FUZZ_FUZZ_H
#define DX_FUZZ_FUZZ_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <dxos/base.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A broken promise of the code under test; said, since the optimizer merges calls of abort. */
#define FUZZ_CHECK(expression)                                                                               \
    ((expression) ? (void)0 : (fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #expression), abort()))

static inline void *fuzz_resize(void *ctx, void *old, size_t old_size, size_t new_size) {
    (void)ctx;
    (void)old_size;
    if (new_size == 0) {
        free(old);
        return NULL;
    }
    return realloc(old, new_size);
}

static const dx_alloc fuzz_alloc = {NULL, fuzz_resize};

/* The input, eaten from the front: decisions by the byte, contents by the run. Zeros once it is used up. */
typedef struct fuzz_input {
    const uint8_t *at;
    size_t left;
} fuzz_input;

static inline uint8_t fuzz_byte(fuzz_input *input) {
    if (input->left == 0) {
        return 0;
    }
    input->left--;
    return *input->at++;
}

/* At most size bytes, fewer at the end. */
static inline dx_bytes fuzz_bytes(fuzz_input *input, size_t size) {
    size_t taken = size < input->left ? size : input->left;
    dx_bytes run = {input->at, taken};
    input->at += taken;
    input->left -= taken;
    return run;
}

#endif
