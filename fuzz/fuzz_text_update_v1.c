/* fuzz/fuzz_text_update_v1.c: any bytes as an update v1 of a text. Properties: text_update.h. */
#include "text_update.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    check_update(DX_TEXT_V1, dx_bytes_of(data, size));
    return 0;
}
