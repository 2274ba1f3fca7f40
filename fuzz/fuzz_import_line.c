/* fuzz_import_line.c: lines of an import. Checks: any line is a record or is refused with a reason; what is
 * left of a foreign object after its links are taken out is a canonical map that holds no name that resolved,
 * and taking them out again changes nothing. What is asked of an own
 * model is one item, or is said why it is not; the parts of a list are all its values. */
#include <dxos/host.h>

#include "fuzz.h"
#include "model_request.h"
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

static void check_parts(dx_bytes values) {
    dx_list_parts parts;
    dx_reader in;
    dx_buf part;
    int error = DX_OK;
    size_t asked = 0;
    dx_reader_init(&in, values);
    size_t count = dx_read_array(&in);
    dx_list_parts_init(&parts, values);
    dx_buf_init(&part, dx_host_alloc(), 2 << 20);
    while ((error = dx_list_parts_next(&parts, &part)) == DX_OK) {
        dx_reader list;
        FUZZ_CHECK(dx_item_check(dx_buf_view(&part)) == DX_OK);
        FUZZ_CHECK((size_t)dx_item_int(dx_item_get(dx_buf_view(&part), "insert"), -1) == asked);
        dx_reader_init(&list, dx_item_get(dx_buf_view(&part), "values"));
        for (size_t left = dx_read_array(&list); left > 0; left--, asked++) {
            FUZZ_CHECK(dx_bytes_equal(dx_read_item(&list), dx_read_item(&in)));
        }
        dx_buf_clear(&part);
    }
    FUZZ_CHECK(error == DX_E_NOT_FOUND && asked == count);
    dx_buf_deinit(&part);
}

static void ask_model(const dx_record *record) {
    dx_model_request request;
    const char *why;
    dx_buf out;
    dx_buf_init(&out, dx_host_alloc(), 2 << 20);
    FUZZ_CHECK(dx_model_request_write(record, &out, &request, &why) == DX_OK);
    bool says = request == DX_MODEL_REQUEST_OPERATION || request == DX_MODEL_REQUEST_PROVENANCE;
    FUZZ_CHECK(says ? dx_item_check(dx_buf_view(&out)) == DX_OK : out.size == 0);
    FUZZ_CHECK((why != NULL) == (request == DX_MODEL_REQUEST_REFUSED));
    if (record->data.size > 0 && dx_item_kind(record->data) == DX_KIND_ARRAY) {
        check_parts(record->data);
    }
    dx_buf_deinit(&out);
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
        if (error == DX_OK && record.model.size > 0) {
            ask_model(&record);
        }
    }
    dx_buf_deinit(&item);
    return 0;
}
