/* fuzz/fuzz_text_update_v2.c: any bytes as an update v2 of a text. Properties: text_update.h. */
#include "text_update.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    check_update(DX_TEXT_V2, dx_bytes_of(data, size));
    return 0;
}
