/* fuzz/fuzz_cbor.c: any bytes as one CBOR item.
 *
 * Properties: both ways in (whole and by hand) agree; what is accepted is byte for byte what the writer
 * writes; looking into unchecked bytes stays within them; what is accepted prints as JSON, and unless it
 * holds NaN or an infinity, which print as null, that reads back to the same bytes. */
#include "../tests/lib/cbor_copy.h"

#include "fuzz.h"

static bool holds_unprintable(dx_reader *reader) {
    bool found = false;
    while (dx_reader_peek(reader) != DX_KIND_NONE && !found) {
        switch (dx_reader_peek(reader)) {
        case DX_KIND_ARRAY:
            (void)dx_read_array(reader);
            break;
        case DX_KIND_MAP:
            (void)dx_read_map(reader);
            break;
        case DX_KIND_TAG:
            (void)dx_read_tag(reader);
            break;
        case DX_KIND_DOUBLE: {
            double value = dx_read_double(reader);
            found = !(value - value == 0);
            break;
        }
        case DX_KIND_INT:
        case DX_KIND_BYTES:
        case DX_KIND_TEXT:
        case DX_KIND_BOOL:
        case DX_KIND_NULL:
        case DX_KIND_NONE:
            (void)dx_read_item(reader);
            break;
        }
    }
    return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    dx_bytes input = dx_bytes_of(data, size);
    dx_buf copy, json;
    dx_buf_init(&copy, &fuzz_alloc, 16 * size + 64);
    dx_buf_init(&json, &fuzz_alloc, 64 * size + 64);
    bool accepted = dx_item_check(input) == DX_OK;
    FUZZ_CHECK(copy_whole(input, &copy) == accepted);
    (void)dx_item_get(input, "a");
    (void)dx_item_text(input);
    (void)dx_item_int(input, 0);
    if (accepted) {
        dx_reader reader;
        FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&copy), input));
        FUZZ_CHECK(dx_json_print(input, &json) == DX_OK);
        dx_reader_init(&reader, input);
        if (!holds_unprintable(&reader)) {
            dx_writer writer;
            dx_buf_clear(&copy);
            dx_writer_init(&writer, &copy);
            FUZZ_CHECK(dx_json_parse(dx_buf_view(&json), &writer, NULL, 0) == DX_OK);
            FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&copy), input));
        }
    }
    dx_buf_deinit(&copy);
    dx_buf_deinit(&json);
    return 0;
}
