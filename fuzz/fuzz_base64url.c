/* fuzz/fuzz_base64url.c: any bytes as base64url, as an id and as a time.
 *
 * Property: what is accepted is the one text of its value (a time has several: its value prints and reads
 * back). */
#include "../src/core/codec/timestamp.h"
#include "fuzz.h"
#include <dxos/codec.h>

static void try_base64url(dx_bytes text) {
    dx_buf bytes, again;
    dx_buf_init(&bytes, &fuzz_alloc, text.size + 1);
    dx_buf_init(&again, &fuzz_alloc, text.size + 1);
    if (dx_base64url_decode(text, &bytes) == DX_OK) {
        dx_base64url_encode(dx_buf_view(&bytes), &again);
        FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&again), text));
    } else {
        FUZZ_CHECK(bytes.size == 0);
    }
    dx_buf_deinit(&bytes);
    dx_buf_deinit(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    dx_bytes text = dx_bytes_of(data, size);
    uint8_t id[DX_REFERENCE_SIZE];
    char printed[DX_REFERENCE_TEXT_MAX];
    int64_t micros, again;
    try_base64url(text);
    if (dx_reference_parse(text, id) == DX_OK) {
        dx_reference_print(id, printed);
        FUZZ_CHECK(dx_bytes_equal(dx_bytes_text(printed), text));
    }
    if (dx_timestamp_parse(text, &micros) == DX_OK) {
        size_t printed_size = dx_timestamp_print(micros, printed);
        FUZZ_CHECK(
            printed_size == 0 ||
            (dx_timestamp_parse(dx_bytes_of(printed, printed_size), &again) == DX_OK && again == micros));
    }
    return 0;
}
