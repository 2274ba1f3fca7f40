/* fuzz/fuzz_json.c: any bytes as a JSON text.
 *
 * Properties: what is accepted is a canonical item; printed and read again it is the same item. */
#include "fuzz.h"
#include <dxos/codec.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    dx_buf item, json, again;
    dx_writer writer;
    char message[96];
    dx_buf_init(&item, &fuzz_alloc,
                16 * size + 64); /* a byte of "@map" text grows; nothing grows sixteenfold */
    dx_buf_init(&json, &fuzz_alloc, 64 * size + 64);
    dx_buf_init(&again, &fuzz_alloc, 16 * size + 64);
    dx_writer_init(&writer, &item);
    if (dx_json_parse(dx_bytes_of(data, size), &writer, message, sizeof message) == DX_OK) {
        FUZZ_CHECK(dx_item_check(dx_buf_view(&item)) == DX_OK);
        FUZZ_CHECK(dx_json_print(dx_buf_view(&item), &json) == DX_OK);
        dx_writer_init(&writer, &again);
        FUZZ_CHECK(dx_json_parse(dx_buf_view(&json), &writer, message, sizeof message) == DX_OK);
        FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&again), dx_buf_view(&item)));
    }
    dx_buf_deinit(&item);
    dx_buf_deinit(&json);
    dx_buf_deinit(&again);
    return 0;
}
