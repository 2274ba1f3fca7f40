/* fuzz_section.c: the plaintext of a section. Checks: what decodes encodes to the same bytes. */
#include "echo/section.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const uint8_t own[DX_PREFIX_SIZE] = {0};
    dx_section section;
    dx_buf again;
    dx_buf_init(&again, &fuzz_alloc, DX_BLOCK_SIZE_MAX);
    int error = dx_section_decode(dx_bytes_of(data, size), own, &section);
    FUZZ_CHECK(error == DX_OK || error == DX_E_MALFORMED);
    if (error == DX_OK) {
        FUZZ_CHECK(dx_section_encode(&section, &again) == DX_OK);
        FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&again), dx_bytes_of(data, size)));
    }
    dx_buf_deinit(&again);
    return 0;
}
