/* fuzz_import_line.c: lines of an import. Checks: any line is a record or is refused with a reason; what is
 * left of a foreign object after its links are taken out is a canonical map that holds no name that resolved,
 * and taking them out again changes nothing. */
#include <dxos/host.h>

#include "fuzz.h"
#include "record.h"

static const dx_mapping mappings[] = {
    {.foreign = false},
    {.foreign = true, .key = "k"},
    {.foreign = true, .key = "k", .links = {"l", "m"}, .link_count = 2},
};

/* Names resolve by their last byte. */
static bool on_name(void *ctx, size_t link, dx_bytes name) {
    FUZZ_CHECK(link < 2 && name.size > 0);
    bool resolves = (name.data[name.size - 1] & 1) != 0;
    *(size_t *)ctx += resolves;
    return resolves;
}

static void take_out_twice(const dx_mapping *mapping, const dx_record *record) {
    dx_buf once, twice;
    dx_record rest = *record;
    size_t resolved = 0;
    dx_buf_init(&once, dx_host_alloc(), 1 << 20);
    dx_buf_init(&twice, dx_host_alloc(), 1 << 20);
    FUZZ_CHECK(dx_record_write_data(mapping, record, on_name, &resolved, &once) == DX_OK);
    FUZZ_CHECK(dx_item_check(dx_buf_view(&once)) == DX_OK);
    FUZZ_CHECK(once.size <= record->data.size);
    rest.data = dx_buf_view(&once);
    resolved = 0;
    FUZZ_CHECK(dx_record_write_data(mapping, &rest, on_name, &resolved, &twice) == DX_OK);
    FUZZ_CHECK(resolved == 0);
    FUZZ_CHECK(dx_bytes_equal(dx_buf_view(&once), dx_buf_view(&twice)));
    dx_buf_deinit(&once);
    dx_buf_deinit(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    fuzz_input input = {data, size};
    const dx_mapping *mapping = &mappings[fuzz_byte(&input) % (sizeof mappings / sizeof mappings[0])];
    dx_buf item;
    dx_writer writer;
    dx_record record;
    const char *why = NULL;
    dx_buf_init(&item, dx_host_alloc(), 1 << 20);
    dx_writer_init(&writer, &item);
    if (dx_json_parse(dx_bytes_of(input.at, input.left), &writer, NULL, 0) == DX_OK) {
        int error = dx_record_read(mapping, dx_buf_view(&item), &record, &why);
        FUZZ_CHECK(error == DX_OK || (error == DX_E_INVALID && why != NULL));
        if (error == DX_OK && mapping->foreign) {
            take_out_twice(mapping, &record);
        }
    }
    dx_buf_deinit(&item);
    return 0;
}
